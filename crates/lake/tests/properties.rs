//! Properties of loads, for whatever rows come.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "deals are made here by hand")]
mod common;

use common::{at, fact, request};
use domain::fact::{Fact, SourceRow};
use domain::{Cell, Place};
use lake::{Lake, LoadReport, SnapshotId};
use proptest::prelude::*;

const SUNDAY: &str = "2026-03-01T08:00:00Z";
const MONDAY: &str = "2026-03-02T08:00:00Z";
const TUESDAY: &str = "2026-03-03T08:00:00Z";

/// A row as the strategies make it.
#[derive(Clone, Debug)]
struct Made {
    key: u8,
    /// Name and country: none is not carried, empty empties.
    name: Option<u8>,
    country: Option<u8>,
    version: Option<i64>,
    deleted: bool,
    /// Speaks of a deal too.
    deal: Option<u8>,
}

fn made() -> impl Strategy<Value = Made> {
    let cell = || prop::option::weighted(0.8, 0..3_u8);
    let version = prop::option::weighted(0.7, 0..4_i64);
    let deal = prop::option::weighted(0.3, 0..4_u8);
    (0..6_u8, cell(), cell(), version, prop::bool::weighted(0.1), deal).prop_map(
        |(key, name, country, version, deleted, deal)| Made {
            key,
            name,
            country,
            version,
            deleted,
            deal,
        },
    )
}

/// The row at a line. Its place stays the same wherever the row comes in the stream.
fn source_row(made: &Made, line: u64) -> SourceRow {
    let text = |value: u8| match value {
        0 => Cell::Null,
        value => Cell::text(format!("v{value}")),
    };
    let mut cells = vec![("id", Cell::text(format!("a{}", made.key)))];
    cells.extend(made.name.map(|value| ("name", text(value))));
    cells.extend(made.country.map(|value| ("country", text(value))));
    let mut account = fact("account", &cells, "rows.csv", line);
    account.version = made.version.map(|days| at(&format!("2026-01-{:02}T00:00:00Z", days + 1)));
    account.deleted = made.deleted;
    let mut facts: Vec<Fact> = vec![account];
    if let Some(deal) = made.deal {
        // Now and then without what a new deal needs.
        let mut cells = vec![("id", Cell::text(format!("d{deal}")))];
        if made.key > 1 {
            cells.push(("stage", Cell::text(format!("s{}", made.key))));
            cells.push(("created_at", Cell::Instant(at(MONDAY))));
        }
        facts.push(fact("opportunity", &cells, "rows.csv", line));
    }
    SourceRow::Accepted { place: Place::line("rows.csv", line), facts }
}

fn rows(made: &[Made]) -> Vec<SourceRow> {
    (2..).zip(made).map(|(line, made)| source_row(made, line)).collect()
}

fn load(lake: &Lake, when: &str, rows: Vec<SourceRow>) -> LoadReport {
    let report = lake.load(request(when, &["rows.csv"]), rows.into_iter().map(|row| (0, row)));
    conserved(report.unwrap())
}

fn conserved(report: LoadReport) -> LoadReport {
    for rows in report.files.iter().map(|file| file.rows).chain([report.rows]) {
        assert_eq!(rows.loaded + rows.known + rows.quarantined, rows.read);
    }
    report
}

/// All facts at a snapshot, provenance of the load left out.
fn facts(lake: &Lake, snapshot: Option<SnapshotId>) -> Vec<String> {
    let Some(snapshot) = snapshot else { return Vec::new() };
    let mut lines = Vec::new();
    for (table, columns) in [
        ("account", ["id", "name", "country", "version_at", "withdrawn"]),
        ("opportunity", ["id", "stage", "created_at", "version_at", "withdrawn"]),
    ] {
        let frame = lake.frame(snapshot, table, &columns).unwrap();
        for row in 0..frame.n_rows() {
            let cells = columns.map(|column| frame.cell(column, row).to_string());
            lines.push(format!("{table} {}", cells.join("|")));
        }
    }
    lines.sort();
    lines
}

fn new_lake() -> (tempfile::TempDir, Lake) {
    let dir = tempfile::tempdir().unwrap();
    let lake = common::create(dir.path()).unwrap();
    (dir, lake)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: common::cases(24),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn the_order_in_which_rows_come_changes_nothing(
        (made, shuffled) in prop::collection::vec(made(), 0..24)
            .prop_flat_map(|made| {
                let numbered: Vec<(u64, Made)> = (2..).zip(made.clone()).collect();
                (Just(made), Just(numbered).prop_shuffle())
            }),
    ) {
        let (_a, straight) = new_lake();
        let (_b, other) = new_lake();
        let first = load(&straight, MONDAY, rows(&made));
        let second = load(
            &other,
            MONDAY,
            shuffled.iter().map(|(line, made)| source_row(made, *line)).collect(),
        );
        prop_assert_eq!(first.rows, second.rows);
        prop_assert_eq!(first.tables, second.tables);
        prop_assert_eq!(facts(&straight, first.snapshot), facts(&other, second.snapshot));
    }

    #[test]
    fn splitting_the_rows_over_files_changes_nothing(
        made in prop::collection::vec(made(), 0..24),
        cut in 0..24_usize,
    ) {
        let (_a, whole) = new_lake();
        let (_b, split) = new_lake();
        let first = load(&whole, MONDAY, rows(&made));
        let parts = rows(&made).into_iter().enumerate();
        let parts = parts.map(|(n, row)| (usize::from(n >= cut), row));
        let second = split.load(request(MONDAY, &["rows.csv", "more.csv"]), parts);
        let second = conserved(second.unwrap());
        prop_assert_eq!(first.rows, second.rows);
        prop_assert_eq!(first.tables, second.tables);
        prop_assert_eq!(facts(&whole, first.snapshot), facts(&split, second.snapshot));
    }

    #[test]
    fn the_same_events_give_the_same_table_in_any_order_over_any_files_and_loads(
        (events, placed) in prop::collection::vec((0..6_u8, 0..3_u8, 0..3_u8, prop::bool::weighted(0.15)), 1..24)
            .prop_flat_map(|events| {
                let places = prop::collection::vec((0..3_usize, 0..2_usize), events.len());
                // Each event with its number, in another order, with a load and a file; some twice.
                let numbered: Vec<_> = events.iter().copied().enumerate().collect();
                let again = prop::collection::vec(prop::bool::weighted(0.2), events.len());
                (Just(events), (Just(numbered).prop_shuffle(), places, again))
            }),
    ) {
        // Each event has a version of its own, and says all that there is to say.
        let event = |n: usize, (key, name, country, deleted): (u8, u8, u8, bool)| Made {
            key,
            name: Some(name),
            country: Some(country),
            version: Some(i64::try_from(n).unwrap()),
            deleted,
            deal: None,
        };
        let (_a, straight) = new_lake();
        let made: Vec<Made> = events.iter().enumerate().map(|(n, said)| event(n, *said)).collect();
        load(&straight, MONDAY, rows(&made));
        let expected = facts(&straight, straight.newest().unwrap());

        let (_b, scattered) = new_lake();
        let (order, places, again) = placed;
        let mut line = 1;
        for (day, turn) in [SUNDAY, MONDAY, TUESDAY].iter().zip(0..) {
            let mut part = Vec::new();
            for (((n, said), (load, file)), twice) in order.iter().zip(&places).zip(&again) {
                let times = usize::from(*load == turn) + usize::from(*twice && turn == 2);
                for _ in 0..times {
                    line += 1;
                    part.push((*file, source_row(&event(*n, *said), line)));
                }
            }
            let report = scattered.load(request(day, &["a.csv", "b.csv"]), part).unwrap();
            prop_assert_eq!(conserved(report).rows.quarantined, 0);
        }
        prop_assert_eq!(facts(&scattered, scattered.newest().unwrap()), expected);
    }

    #[test]
    fn loading_twice_changes_nothing_and_old_snapshots_never_change(
        before in prop::collection::vec(made(), 0..12),
        made in prop::collection::vec(made(), 0..24),
    ) {
        let (_dir, lake) = new_lake();
        let old = load(&lake, SUNDAY, rows(&before)).snapshot;
        let old_facts = facts(&lake, old);
        load(&lake, MONDAY, rows(&made));
        let new_facts = facts(&lake, lake.newest().unwrap());
        let again = load(&lake, TUESDAY, rows(&made));
        prop_assert_eq!(again.rows.loaded, 0);
        prop_assert_eq!(facts(&lake, lake.newest().unwrap()), new_facts);
        prop_assert_eq!(facts(&lake, old), old_facts);
        // What a reader who opens the folder anew sees is the same.
        let opened = common::open(lake.dir()).unwrap();
        prop_assert_eq!(facts(&opened, old), facts(&lake, old));
    }

    #[test]
    fn splitting_versions_over_loads_in_any_order_gives_the_same_facts_and_keeps_each_snapshot(
        (events, order) in prop::collection::vec((0..40_u8, 0..4_u8, prop::bool::weighted(0.1)), 1..100)
            .prop_flat_map(|events| {
                let order: Vec<usize> = (0..events.len()).collect();
                (Just(events), Just(order).prop_shuffle())
            }),
        n_loads in 1..5_usize,
        lost in prop::collection::vec(prop::bool::weighted(0.3), 5),
    ) {
        // Each event is a whole record, later than those before it.
        let event = |n: usize| {
            let (key, name, deleted) = events[n];
            let made = Made {
                key, name: Some(name), country: Some(name % 2), version: None, deleted, deal: None,
            };
            let line = u64::try_from(n).unwrap() + 2;
            let SourceRow::Accepted { place, mut facts } = source_row(&made, line) else { panic!() };
            let since = jiff::SignedDuration::from_mins(i64::try_from(n).unwrap());
            facts[0].version = Some(at("2026-01-01T00:00:00Z") + since);
            SourceRow::Accepted { place, facts }
        };
        let (_a, whole) = new_lake();
        load(&whole, SUNDAY, (0..events.len()).map(event).collect());

        let (_b, split) = new_lake();
        let mut seen = Vec::new();
        for (n, part) in order.chunks(order.len().div_ceil(n_loads)).enumerate() {
            if lost[n] {
                let folder = std::fs::read_dir(split.dir().join("main/account")).unwrap();
                let files = folder.map(|file| file.unwrap().path());
                for file in files.filter(|file| file.extension().is_some_and(|end| end == "keys")) {
                    std::fs::remove_file(file).unwrap();
                }
            }
            let when = format!("2026-03-{:02}T08:00:00Z", n + 2);
            load(&split, &when, part.iter().map(|&n| event(n)).collect());
            let newest = split.newest().unwrap();
            seen.push((newest, facts(&split, newest)));
        }
        let newest = |lake: &Lake| facts(lake, lake.newest().unwrap());
        prop_assert_eq!(newest(&split), newest(&whole));
        for (snapshot, known) in seen {
            prop_assert_eq!(facts(&split, snapshot), known);
        }
    }
}
