//! Loads: what is kept, what changes, what was known when.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[expect(dead_code, reason = "each test binary uses a part")]
pub(crate) mod common;

use common::{at, deal, fact, request, row, versioned};
use domain::fact::{Fact, Refusal, SourceRow};
use domain::{Cell, Place};
use lake::load::FileStatus;
use lake::{Lake, LakeError, LoadReport, Show, SnapshotId, Try};

const MONDAY: &str = "2026-03-02T08:00:00Z";
const TUESDAY: &str = "2026-03-03T08:00:00Z";
const WEDNESDAY: &str = "2026-03-04T08:00:00Z";

fn new_lake() -> (tempfile::TempDir, Lake) {
    let dir = tempfile::tempdir().unwrap();
    let lake = common::create(dir.path().join("lake")).unwrap();
    (dir, lake)
}

fn load(lake: &Lake, when: &str, facts: Vec<Fact>) -> LoadReport {
    let rows = facts.into_iter().map(|fact| (0, row(fact)));
    lake.load(request(when, &["deals.csv"]), rows).unwrap()
}

/// The deals at a snapshot: `id stage amount`, sorted.
fn deals(lake: &Lake, snapshot: Option<SnapshotId>) -> Vec<String> {
    let Some(snapshot) = snapshot else { return Vec::new() };
    let frame = lake.frame(snapshot, "opportunity", &["id", "stage", "amount", "owner"]).unwrap();
    let mut rows: Vec<String> = (0..frame.n_rows())
        .map(|row| {
            let cells = ["id", "stage", "amount", "owner"].map(|c| frame.cell(c, row).to_string());
            cells.join(" ").trim_end().to_owned()
        })
        .collect();
    rows.sort();
    rows
}

fn now(lake: &Lake) -> Vec<String> {
    deals(lake, lake.newest().unwrap())
}

#[track_caller]
fn counts(report: &LoadReport, read: u64, loaded: u64, known: u64, quarantined: u64) {
    let rows = report.rows;
    assert_eq!(
        (rows.read, rows.loaded, rows.known, rows.quarantined),
        (read, loaded, known, quarantined)
    );
}

#[test]
fn an_empty_lake_has_no_snapshot_and_no_load() {
    let (dir, lake) = new_lake();
    assert_eq!(lake.newest().unwrap(), None);
    assert_eq!(lake.snapshot_as_of(at(MONDAY)).unwrap(), None);
    assert!(lake.loads().unwrap().is_empty());
    assert_eq!(lake.quarantine(None).unwrap().n_rows(), 0);
    assert!(matches!(common::create(lake.dir()), Err(LakeError::Exists { .. })));
    assert!(matches!(common::open(dir.path()), Err(LakeError::Missing { .. })));
}

#[test]
fn what_was_known_on_a_day_stays_as_it_was() {
    let (_dir, lake) = new_lake();
    load(&lake, MONDAY, vec![deal("a", "open", "10", 2), deal("b", "open", "20.5", 3)]);
    let report = load(&lake, TUESDAY, vec![deal("a", "won", "11", 2), deal("c", "open", "1", 3)]);
    counts(&report, 2, 2, 0, 0);
    assert_eq!((report.tables[0].new, report.tables[0].changed), (1, 1));
    let monday = lake.snapshot_as_of(at("2026-03-02T23:00:00Z")).unwrap();
    assert_eq!(deals(&lake, monday), ["a open 10", "b open 20.5"]);
    assert_eq!(now(&lake), ["a won 11", "b open 20.5", "c open 1"]);
    assert_eq!(lake.snapshot_as_of(at("2026-03-01T00:00:00Z")).unwrap(), None);
    let frame = lake.frame(lake.newest().unwrap().unwrap(), "opportunity", &["id", "recorded_at"]);
    let frame = frame.unwrap();
    for at_row in 0..3 {
        let expected = if frame.cell("id", at_row) == Cell::text("b") { MONDAY } else { TUESDAY };
        assert_eq!(frame.cell("recorded_at", at_row), Cell::Instant(at(expected)));
    }
}

#[test]
fn loading_the_same_thing_again_changes_nothing_and_makes_no_snapshot() {
    let (_dir, lake) = new_lake();
    let facts = || vec![deal("a", "open", "10", 2), deal("b", "open", "20.50", 3)];
    let first = load(&lake, MONDAY, facts());
    let same_file = load(&lake, MONDAY, facts());
    counts(&same_file, 2, 0, 2, 0);
    let expected = FileStatus::LoadedBefore { load_id: 1, recorded_at: at(MONDAY) };
    assert_eq!(same_file.files[0].status, expected);
    let other_file = load(&lake, TUESDAY, facts());
    counts(&other_file, 2, 0, 2, 0);
    assert_eq!((other_file.load_id, other_file.snapshot), (None, None));
    assert_eq!(lake.newest().unwrap(), first.snapshot);
    assert_eq!(lake.loads().unwrap().len(), 1);
    assert_eq!(lake.files(first.snapshot.unwrap(), "opportunity").unwrap().len(), 1);
}

#[test]
fn of_two_versions_the_later_wins_whenever_it_comes() {
    let (_dir, lake) = new_lake();
    let early = || versioned(deal("a", "open", "10", 2), "2026-02-01T00:00:00Z");
    let late = || versioned(deal("a", "won", "12", 9), "2026-02-02T00:00:00Z");
    let report = load(&lake, MONDAY, vec![late(), early()]);
    counts(&report, 2, 1, 1, 0);
    assert_eq!(report.tables[0].superseded, 1);
    assert_eq!(now(&lake), ["a won 12"]);
    let report = load(&lake, TUESDAY, vec![early()]);
    assert_eq!((report.snapshot, report.tables[0].older), (None, 1));
    assert_eq!(now(&lake), ["a won 12"]);
}

#[test]
fn without_versions_the_later_row_of_the_file_wins() {
    let (_dir, lake) = new_lake();
    let report = load(
        &lake,
        MONDAY,
        vec![deal("a", "won", "10", 5), deal("a", "open", "10", 2), deal("a", "won", "10", 4)],
    );
    counts(&report, 3, 1, 2, 0);
    assert_eq!((report.tables[0].superseded, report.tables[0].repeated), (1, 1));
    assert_eq!(now(&lake), ["a won 10"]);
}

#[test]
fn two_contents_of_one_version_go_to_quarantine_with_all_facts_of_their_rows() {
    let (_dir, lake) = new_lake();
    let version = "2026-02-01T00:00:00Z";
    let mut facts = vec![versioned(deal("a", "won", "1", 2), version)];
    facts.push(fact("account", &[("id", Cell::text("acme"))], "deals.csv", 2));
    let first = SourceRow::Accepted { place: Place::line("deals.csv", 2), facts };
    let second = row(versioned(deal("a", "lost", "1", 3), version));
    let third = row(deal("b", "open", "1", 4));
    let rows = [first, second, third].map(|row| (0, row));
    let report = lake.load(request(MONDAY, &["deals.csv"]), rows).unwrap();
    counts(&report, 3, 1, 0, 2);
    assert_eq!(now(&lake), ["b open 1"]);
    assert_eq!(lake.n_rows(report.snapshot.unwrap(), "account").unwrap(), 0);
    let refused = lake.quarantine(Some(1)).unwrap();
    assert_eq!(refused.n_rows(), 2);
    assert_eq!(refused.cell("rule", 0), Cell::text("crm.conflict"));
    assert_eq!(
        refused.cell("message", 0).to_string(),
        "`opportunity` `a` has two contents of the same version, the other one in deals.csv:3"
    );
    assert_eq!(refused.cell("line", 1), Cell::Integer(3));
    assert_eq!(refused.cell("table", 1), Cell::text("opportunity"));
    assert_eq!(refused.cell("amount", 1), Cell::Decimal("1".parse().unwrap()));
    assert!(refused.column("raw").is_none(), "rows themselves are not for everyone who looks");
    let raw = lake.frame(report.snapshot.unwrap(), "quarantine", &["raw"]).unwrap();
    for (row, parts) in [(0, ["won", "\"table\":\"account\""]), (1, ["lost", version])] {
        let raw = raw.cell("raw", row).to_string();
        assert!(parts.iter().all(|part| raw.contains(part)), "{raw}");
    }
}

#[test]
fn columns_that_a_source_does_not_carry_keep_their_value() {
    let (_dir, lake) = new_lake();
    load(&lake, MONDAY, vec![deal("a", "open", "10", 2), deal("b", "open", "5", 3)]);
    let owner = |id: &str, owner: Cell, line| {
        fact("opportunity", &[("id", Cell::text(id)), ("owner", owner)], "deals.csv", line)
    };
    let report = load(
        &lake,
        TUESDAY,
        vec![
            owner("a", Cell::text("kim"), 2),
            fact(
                "opportunity",
                &[("id", Cell::text("a")), ("stage", Cell::text("won"))],
                "deals.csv",
                3,
            ),
            owner("new", Cell::text("kim"), 4),
        ],
    );
    counts(&report, 3, 2, 0, 1);
    assert_eq!(now(&lake), ["a won 10 kim", "b open 5"]);
    let refused = lake.quarantine(None).unwrap();
    assert_eq!(refused.cell("rule", 0), Cell::text("fact.missing"));
    assert_eq!(refused.cell("column", 0), Cell::text("stage"));
    // The same again is known; an empty carried cell empties.
    let again = load(&lake, WEDNESDAY, vec![owner("a", Cell::text("kim"), 2)]);
    assert_eq!(again.snapshot, None);
    load(&lake, WEDNESDAY, vec![owner("a", Cell::Null, 2)]);
    assert_eq!(now(&lake), ["a won 10", "b open 5"]);
}

#[test]
fn rows_that_share_a_record_make_it_together_and_once() {
    let (_dir, lake) = new_lake();
    let name = fact("account", &[("id", Cell::text("x")), ("name", Cell::text("X"))], "f", 2);
    let land = fact("account", &[("id", Cell::text("x")), ("country", Cell::text("NO"))], "f", 3);
    let both = || vec![name.clone(), land.clone()];
    let report = load(&lake, MONDAY, both());
    counts(&report, 2, 2, 0, 0);
    let snapshot = report.snapshot.unwrap();
    let frame = lake.frame(snapshot, "account", &["id", "name", "country"]).unwrap();
    assert_eq!(frame.n_rows(), 1);
    assert_eq!(frame.cell("name", 0), Cell::text("X"));
    assert_eq!(frame.cell("country", 0), Cell::text("NO"));
    assert_eq!(load(&lake, TUESDAY, both()).snapshot, None);
}

#[test]
fn a_deleted_record_is_withdrawn_and_comes_back_with_a_later_version() {
    let (_dir, lake) = new_lake();
    load(&lake, MONDAY, vec![deal("a", "open", "10", 2), deal("b", "open", "5", 3)]);
    let mut gone = fact("opportunity", &[("id", Cell::text("a"))], "deals.csv", 2);
    gone.deleted = true;
    let report = load(&lake, TUESDAY, vec![gone.clone()]);
    assert_eq!((report.tables[0].changed, report.tables[0].withdrawn), (1, 1));
    assert_eq!(now(&lake), ["b open 5"]);
    let snapshot = report.snapshot.unwrap();
    assert_eq!(lake.n_rows(snapshot, "opportunity").unwrap(), 1);
    let all = lake.frame(snapshot, "opportunity", &["id", "stage", "withdrawn"]).unwrap();
    assert_eq!(all.n_rows(), 2);
    assert_eq!(load(&lake, WEDNESDAY, vec![gone]).snapshot, None);
    load(&lake, WEDNESDAY, vec![deal("a", "won", "10", 2)]);
    assert_eq!(now(&lake), ["a won 10", "b open 5"]);
}

#[test]
fn refused_rows_stand_in_the_quarantine_with_place_and_reason() {
    let (_dir, lake) = new_lake();
    let refused =
        Refusal::new(Place::line("deals.csv", 7), "csv.field-count", "3 fields, expected 4")
            .column("amount")
            .hint("Quote the field.")
            .excerpt("a,b,c");
    let mut too_fine = deal("a", "open", "1", 8);
    too_fine.cells[5] = Cell::Decimal("0.00000000001".parse().unwrap());
    let mut no_stage = deal("b", "open", "1", 9);
    no_stage.cells[4] = Cell::Null;
    let mut no_number = deal("c", "open", "1", 10);
    no_number.cells[5] = Cell::text("12");
    let rows = vec![
        (0, SourceRow::Refused(refused)),
        (0, row(too_fine)),
        (0, row(no_stage)),
        (0, row(no_number)),
    ];
    let report = lake.load(request(MONDAY, &["deals.csv"]), rows).unwrap();
    counts(&report, 4, 0, 0, 4);
    let frame = lake.quarantine(Some(1)).unwrap();
    let rules: Vec<String> = (0..4).map(|row| frame.cell("rule", row).to_string()).collect();
    assert_eq!(rules, ["csv.field-count", "fact.digits", "fact.missing", "fact.kind"]);
    assert_eq!(frame.cell("excerpt", 0), Cell::text("a,b,c"));
    assert_eq!(frame.cell("recorded_at", 0), Cell::Instant(at(MONDAY)));
}

#[test]
fn a_load_recorded_before_the_newest_snapshot_is_refused() {
    let (_dir, lake) = new_lake();
    load(&lake, TUESDAY, vec![deal("a", "open", "10", 2)]);
    let refused = lake.load(request(MONDAY, &["deals.csv"]), []);
    assert!(matches!(refused, Err(LakeError::Backdated { .. })));
}

#[test]
fn one_writer_at_a_time_and_the_other_learns_who_it_is() {
    let (_dir, lake) = new_lake();
    let loading = lake.begin(request(MONDAY, &["deals.csv"])).unwrap();
    let other = common::open(lake.dir()).unwrap();
    let refused = other.begin(request(MONDAY, &["deals.csv"])).err().unwrap();
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    drop(loading);
    other.begin(request(MONDAY, &["deals.csv"])).unwrap();
}

#[test]
fn a_trial_run_reports_and_leaves_nothing_behind() {
    let (_dir, lake) = new_lake();
    let mut loading = lake.begin(request(MONDAY, &["deals.csv"])).unwrap();
    loading.push(0, row(deal("a", "open", "10", 2))).unwrap();
    let prepared = loading.prepare().unwrap();
    assert_eq!(prepared.report().rows.loaded, 1);
    drop(prepared);
    assert_eq!(lake.newest().unwrap(), None);
    assert_eq!(std::fs::read_dir(lake.dir().join("main/opportunity")).unwrap().count(), 0);
}

#[test]
fn a_lost_or_short_file_is_named_and_never_served() {
    let (_dir, lake) = new_lake();
    let report = load(&lake, MONDAY, vec![deal("a", "open", "10", 2)]);
    let file = lake.files(report.snapshot.unwrap(), "opportunity").unwrap().remove(0);
    let content = std::fs::read(&file.path).unwrap();
    std::fs::write(&file.path, &content[..content.len() - 1]).unwrap();
    let error = common::open(lake.dir()).unwrap_err();
    assert!(error.to_string().contains(&format!("expected {}", content.len())), "{error}");
    assert!(lake.frame(report.snapshot.unwrap(), "opportunity", &["id"]).is_err());
    std::fs::remove_file(&file.path).unwrap();
    let error = common::open(lake.dir()).unwrap_err();
    assert!(error.to_string().contains("is gone"), "{error}");
}

#[test]
fn ranges_come_from_statistics_and_snapshots_that_do_not_exist_are_refused() {
    let (_dir, lake) = new_lake();
    let day = |day: &str, line| {
        let cells = [
            ("from", Cell::text("USD")),
            ("to", Cell::text("EUR")),
            ("day", Cell::Day(day.parse().unwrap())),
            ("rate", Cell::Decimal("0.9".parse().unwrap())),
        ];
        fact("fx_rate", &cells, "fx.csv", line)
    };
    load(&lake, MONDAY, vec![day("2026-01-02", 2), day("2026-01-09", 3)]);
    let report = load(&lake, TUESDAY, vec![day("2025-12-31", 2)]);
    let snapshot = report.snapshot.unwrap();
    let (low, high) = lake.range(snapshot, "fx_rate", "day").unwrap().unwrap();
    assert_eq!((low.to_string(), high.to_string()), ("2025-12-31".into(), "2026-01-09".into()));
    assert_eq!(lake.range(snapshot, "touch", "at").unwrap(), None);
    assert!(matches!(
        lake.frame(SnapshotId(999), "fx_rate", &["day"]),
        Err(LakeError::NoSnapshot { id: 999 })
    ));
    assert!(lake.frame(snapshot, "fx_rate", &["nothing"]).is_err());
    assert_ne!(lake.identity(snapshot).unwrap(), lake.identity(SnapshotId(1)).unwrap());
}

#[test]
fn many_small_loads_are_merged_into_few_files() {
    let (_dir, lake) = new_lake();
    for day in 1..=20 {
        let when = format!("2026-03-{day:02}T08:00:00Z");
        load(&lake, &when, vec![deal(&format!("d{day:02}"), "open", "1", 2)]);
    }
    let newest = lake.newest().unwrap().unwrap();
    assert!(lake.files(newest, "opportunity").unwrap().len() < 8);
    assert_eq!(now(&lake).len(), 20);
    let tenth = lake.snapshot_as_of(at("2026-03-10T08:00:00Z")).unwrap();
    assert_eq!(deals(&lake, tenth).len(), 10);
}

/// Deals `d0` to `d99`, some with another stage.
fn hundred(won: &[u64]) -> Vec<Fact> {
    let stage = |n: u64| if won.contains(&n) { "won" } else { "open" };
    (0..100).map(|n| deal(&format!("d{n}"), stage(n), "1", n + 2)).collect()
}

/// The hundred deals as [`deals`] lists them.
fn hundred_listed(won: &[u64]) -> Vec<String> {
    let stage = |n: u64| if won.contains(&n) { "won" } else { "open" };
    let mut listed: Vec<String> = (0..100).map(|n| format!("d{n} {} 1", stage(n))).collect();
    listed.sort();
    listed
}

#[test]
fn a_changed_row_is_deleted_by_its_position_and_its_file_stays() {
    let (_dir, lake) = new_lake();
    let first = load(&lake, MONDAY, hundred(&[])).snapshot.unwrap();
    let before = lake.files(first, "opportunity").unwrap();
    let report = load(&lake, TUESDAY, hundred(&[3, 50]));
    counts(&report, 100, 2, 98, 0);
    let second = report.snapshot.unwrap();
    let files = lake.files(second, "opportunity").unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!((&files[0].path, files[0].n_stored), (&before[0].path, 100));
    assert_eq!((files[0].n_rows, files[1].n_rows), (98, 2));
    assert_eq!(files[0].deletes.as_ref().unwrap().n_rows, 2);
    // One list at a time, of all that are deleted.
    let third = load(&lake, WEDNESDAY, hundred(&[3, 50, 99])).snapshot.unwrap();
    let files = lake.files(third, "opportunity").unwrap();
    assert_eq!(files[0].deletes.as_ref().unwrap().n_rows, 3);
    for (snapshot, won) in [(first, &[][..]), (second, &[3, 50]), (third, &[3, 50, 99])] {
        assert_eq!(deals(&lake, Some(snapshot)), hundred_listed(won));
        assert_eq!(lake.n_rows(snapshot, "opportunity").unwrap(), 100);
    }
    let gone = files[0].deletes.as_ref().unwrap().path.clone();
    std::fs::remove_file(gone).unwrap();
    assert!(matches!(common::open(lake.dir()), Err(LakeError::Damaged { .. })));
    assert!(lake.frame(third, "opportunity", &["id"]).is_err());
    assert_eq!(deals(&lake, Some(second)), hundred_listed(&[3, 50]));
}

#[test]
fn a_file_of_which_many_rows_are_deleted_is_written_anew() {
    let (_dir, lake) = new_lake();
    let first = load(&lake, MONDAY, hundred(&[])).snapshot.unwrap();
    let won: Vec<u64> = (10..70).collect();
    let second = load(&lake, TUESDAY, hundred(&won)).snapshot.unwrap();
    let files = lake.files(second, "opportunity").unwrap();
    assert!(files.iter().all(|file| file.deletes.is_none()));
    assert_eq!(files.iter().map(|file| file.n_stored).sum::<u64>(), 100);
    assert_eq!(deals(&lake, Some(second)), hundred_listed(&won));
    assert_eq!(deals(&lake, Some(first)), hundred_listed(&[]));
    let (low, high) = lake.range(second, "opportunity", "stage").unwrap().unwrap();
    assert_eq!((low.to_string(), high.to_string()), ("open".into(), "won".into()));
}

#[test]
fn withdrawn_facts_count_right_where_they_are_deleted_by_position() {
    let (_dir, lake) = new_lake();
    load(&lake, MONDAY, hundred(&[]));
    let gone = |line| {
        let mut gone = fact("opportunity", &[("id", Cell::text("d7"))], "deals.csv", line);
        gone.deleted = true;
        gone
    };
    let second = load(&lake, TUESDAY, vec![gone(2)]).snapshot.unwrap();
    assert_eq!(lake.n_rows(second, "opportunity").unwrap(), 99);
    let again = load(&lake, WEDNESDAY, vec![gone(3)]);
    counts(&again, 1, 0, 1, 0);
    let back = load(&lake, WEDNESDAY, vec![deal("d7", "open", "1", 2), deal("d8", "won", "1", 3)]);
    counts(&back, 2, 2, 0, 0);
    assert_eq!(lake.n_rows(second, "opportunity").unwrap(), 99);
    assert_eq!(lake.n_rows(back.snapshot.unwrap(), "opportunity").unwrap(), 100);
    assert_eq!(now(&lake), hundred_listed(&[8]));
}

#[test]
fn a_range_follows_what_was_corrected() {
    let (_dir, lake) = new_lake();
    let mut early = deal("d1", "open", "1", 3);
    let created = early.table.position("created_at").unwrap();
    early.cells[created] = Cell::Instant(at("1970-01-05T10:00:00Z"));
    let mut facts = hundred(&[]);
    facts[1] = early;
    let first = load(&lake, MONDAY, facts).snapshot.unwrap();
    let second = load(&lake, TUESDAY, vec![deal("d1", "open", "1", 3)]).snapshot.unwrap();
    let low = |snapshot| {
        let range = lake.range(snapshot, "opportunity", "created_at").unwrap();
        range.unwrap().0.to_string()
    };
    assert!(low(first).starts_with("1970-01-05"), "{}", low(first));
    assert!(low(second).starts_with("2026-01-05"), "{}", low(second));
}

#[test]
fn an_index_that_is_missing_or_damaged_is_made_anew_and_changes_nothing() {
    for damage in ["missing", "damaged", "cut"] {
        let (_dir, lake) = new_lake();
        load(&lake, MONDAY, hundred(&[]));
        let index = || {
            let files = std::fs::read_dir(lake.dir().join("main/opportunity")).unwrap();
            let mut files: Vec<_> = files
                .map(|file| file.unwrap().path())
                .filter(|path| path.extension().is_some_and(|end| end == "keys"))
                .collect();
            files.sort();
            files
        };
        let first = index().remove(0);
        let content = std::fs::read(&first).unwrap();
        match damage {
            "missing" => std::fs::remove_file(&first).unwrap(),
            "damaged" => {
                let mut content = content.clone();
                content[100] ^= 4;
                std::fs::write(&first, &content).unwrap();
            }
            _ => std::fs::write(&first, &content[..60]).unwrap(),
        }
        let lake_again = common::open(lake.dir()).unwrap();
        let report = load(&lake_again, TUESDAY, hundred(&[5, 6]));
        counts(&report, 100, 2, 98, 0);
        assert_eq!(now(&lake), hundred_listed(&[5, 6]), "{damage}");
        assert_eq!(std::fs::read(&first).unwrap(), content, "{damage}");
        assert_eq!(index().len(), 2, "{damage}");
    }
}

#[test]
fn an_export_with_other_columns_knows_what_is_stored_already() {
    let (_dir, lake) = new_lake();
    load(&lake, MONDAY, hundred(&[]));
    let owner = |n: u64, owner: &str| {
        let cells = [("id", Cell::text(format!("d{n}"))), ("owner", Cell::text(owner))];
        fact("opportunity", &cells, "owners.csv", n + 2)
    };
    let owners =
        |of_9: &str| (0..20).map(|n| owner(n, if n == 9 { of_9 } else { "Ann" })).collect();
    counts(&load(&lake, TUESDAY, owners("Ann")), 20, 20, 0, 0);
    // Both exports again: each speaks of a part of the columns only.
    let again = "2026-03-03T09:00:00Z";
    counts(&load(&lake, again, hundred(&[])), 100, 0, 100, 0);
    counts(&load(&lake, WEDNESDAY, owners("Bob")), 20, 1, 19, 0);
    counts(&load(&lake, "2026-03-05T08:00:00Z", hundred(&[9])), 100, 1, 99, 0);
    assert!(now(&lake).contains(&"d9 won 1 Bob".to_owned()));
    assert!(now(&lake).contains(&"d8 open 1 Ann".to_owned()));
}

/// So many deals that batches of them are written beside the reading; every thousandth is refused.
fn many() -> impl Iterator<Item = (usize, SourceRow)> {
    (0..30_000_u64).map(|number| {
        let id = format!("d{}", number % 29_000);
        let mut fact = deal(&id, if number % 7 == 0 { "won" } else { "open" }, "1.5", number + 2);
        if number % 1000 == 999 {
            fact.cells[0] = Cell::Null;
        }
        (0, row(fact))
    })
}

#[test]
fn what_is_written_beside_the_reading_is_the_same_each_time_to_the_byte() {
    let files = || {
        let (_dir, lake) = new_lake();
        let report = lake.load(request(MONDAY, &["deals.csv"]), many()).unwrap();
        // Of each record that comes twice the later row stands.
        counts(&report, 30_000, 28_971, 999, 30);
        let newest = lake.newest().unwrap().unwrap();
        let listed = lake.files(newest, "opportunity").unwrap();
        let bytes: Vec<Vec<u8>> =
            listed.iter().map(|file| std::fs::read(&file.path).unwrap()).collect();
        (now(&lake), bytes)
    };
    let (deals, bytes) = files();
    assert_eq!(deals.len(), 28_971);
    assert!(deals.contains(&"d0 open 1.5".to_owned()), "row 29,000 says so, row 0 said won");
    assert_eq!((deals, bytes), files());
}

#[test]
fn a_failure_beside_the_reading_ends_the_load_and_leaves_nothing_behind() {
    let (_dir, lake) = new_lake();
    let folder = lake.dir().join("main").join("opportunity");
    std::fs::remove_dir(&folder).unwrap();
    let error = lake.load(request(MONDAY, &["deals.csv"]), many()).unwrap_err();
    assert!(matches!(error, LakeError::Disk { doing: "cannot create", .. }), "{error}");
    assert_eq!(lake.newest().unwrap(), None);
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(lake.load(request(MONDAY, &["deals.csv"]), many()).unwrap().rows.loaded, 28_971);
}

/// Tries all refused rows again as they were kept.
fn retry(lake: &Lake, when: &str) -> LoadReport {
    let rows = lake.refused().unwrap();
    let mut tries = Vec::new();
    for refused in &rows {
        let facts = refused.facts().expect("rows that the lake refused are kept as facts");
        let row = SourceRow::Accepted { place: refused.place(), facts };
        tries.push(Try { file: 0, key: refused.key, row });
    }
    lake.retry(request(when, &["deals.csv"]), tries).unwrap().commit().unwrap()
}

#[test]
fn a_refused_row_is_taken_once_it_fits_and_the_past_stays_as_it_was() {
    let (_dir, lake) = new_lake();
    let id = |id: &str| ("id", Cell::text(id));
    let owner = fact("opportunity", &[id("new"), ("owner", Cell::text("kim"))], "deals.csv", 4);
    counts(&load(&lake, MONDAY, vec![deal("a", "open", "10", 2), owner]), 2, 1, 0, 1);
    // Nothing has changed: the row is refused again, stays, and is not stored a second time.
    let early = retry(&lake, TUESDAY);
    assert_eq!((early.load_id, early.snapshot), (None, None));
    counts(&early, 1, 0, 0, 1);
    assert_eq!(lake.quarantine(None).unwrap().n_rows(), 1);
    load(&lake, TUESDAY, vec![deal("new", "open", "7", 2)]);
    let late = retry(&lake, WEDNESDAY);
    counts(&late, 1, 1, 0, 0);
    assert_eq!(now(&lake), ["a open 10", "new open 7 kim"]);
    let lines = lake.frame(lake.newest().unwrap().unwrap(), "opportunity", &["id", "source_line"]);
    let lines = lines.unwrap();
    let line = |row| (lines.cell("id", row).to_string(), lines.cell("source_line", row));
    assert!((0..2).map(line).any(|found| found == ("new".to_owned(), Cell::Integer(4))));
    // Resolved now, in quarantine as of then.
    assert_eq!(lake.quarantine(None).unwrap().n_rows(), 0);
    let then = lake.snapshot_as_of(at(TUESDAY)).unwrap().unwrap();
    assert_eq!(lake.quarantine_at(then, Show::default()).unwrap().n_rows(), 1);
    let all = Show { resolved: true, ..Show::default() };
    let all = lake.quarantine_at(late.snapshot.unwrap(), all).unwrap();
    assert_eq!(all.cell("resolved_by", 0), Cell::Integer(late.load_id.unwrap()));
    assert!(lake.refused().unwrap().is_empty());
    for entry in lake.loads().unwrap() {
        assert_eq!(entry.n_read, entry.n_loaded + entry.n_known + entry.n_quarantined);
    }
}

#[test]
fn a_row_that_was_refused_long_ago_does_not_overrule_what_came_later() {
    let (_dir, lake) = new_lake();
    let mut early = deal("a", "open", "1", 2);
    early.cells[5] = Cell::Decimal("0.00000000001".parse().unwrap());
    counts(&load(&lake, MONDAY, vec![early]), 1, 0, 0, 1);
    load(&lake, TUESDAY, vec![deal("a", "won", "20", 2)]);
    let key = lake.refused().unwrap()[0].key;
    let tries = vec![Try { file: 0, key, row: row(deal("a", "open", "1", 2)) }];
    let report = lake.retry(request(WEDNESDAY, &["deals.csv"]), tries).unwrap().commit().unwrap();
    counts(&report, 1, 0, 1, 0);
    assert_eq!(now(&lake), ["a won 20"]);
    assert!(lake.refused().unwrap().is_empty(), "what it says has been overruled: it is resolved");
}

#[test]
fn rows_that_contradict_each_other_stay_until_one_is_right() {
    let (_dir, lake) = new_lake();
    let version = "2026-02-01T00:00:00Z";
    let rows =
        || ["won", "lost"].map(|stage| versioned(deal("a", stage, "1", 2), version)).to_vec();
    let mut both = rows();
    both[1].place = Place::line("deals.csv", 3);
    counts(&load(&lake, MONDAY, both), 2, 0, 0, 2);
    let report = retry(&lake, TUESDAY);
    counts(&report, 2, 0, 0, 2);
    assert_eq!((report.load_id, lake.refused().unwrap().len()), (None, 2));
}

#[test]
fn a_file_that_is_read_anew_through_another_mapping_settles_its_refused_rows() {
    let (_dir, lake) = new_lake();
    let refused = |line| {
        let refusal = Refusal::new(Place::line("deals.csv", line), "value.number", "no number");
        (0, SourceRow::Refused(refusal))
    };
    let first = lake.load(request(MONDAY, &["deals.csv"]), [refused(2), refused(3)]).unwrap();
    counts(&first, 2, 0, 0, 2);
    // The same content through another layout: one of the two rows can be read by now.
    let mut again = request(TUESDAY, &["deals.csv"]);
    again.files[0].hash = request(MONDAY, &["deals.csv"]).files[0].hash;
    again.files[0].preset = "mapping deals.toml".to_owned();
    lake.load(again, [(0, row(deal("a", "open", "1", 2))), refused(3)]).unwrap();
    let left = lake.quarantine(None).unwrap();
    assert_eq!((left.n_rows(), left.cell("load_id", 0)), (1, Cell::Integer(2)));
    let then = lake.quarantine_at(first.snapshot.unwrap(), Show::default()).unwrap();
    assert_eq!(then.n_rows(), 2);
}

#[test]
fn a_load_writes_what_it_changes_wherever_that_is_stored() {
    let (_dir, lake) = new_lake();
    let touch = |n: u64, status: &str| {
        let cells = [
            ("id", Cell::text(format!("00v{:012x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16))),
            ("person_id", Cell::text(format!("p{}", n % 5_000))),
            ("at", Cell::Instant(at(MONDAY) - jiff::SignedDuration::from_secs((n * 31) as i64))),
            ("status", Cell::text(status)),
        ];
        fact("touch", &cells, "touches.csv", n + 2)
    };
    let folder = lake.dir().join("main/touch");
    let stored = || {
        let files = std::fs::read_dir(&folder).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    const N: u64 = 60_000;
    load(&lake, MONDAY, (0..N).map(|n| touch(n, "sent")).collect());
    let first = stored();
    // Spread over all of the file, the newest, and new ones.
    let spread: Vec<Fact> = (0..N).step_by(100).map(|n| touch(n, "spread")).collect();
    let newest: Vec<Fact> = (N - N / 100..N).map(|n| touch(n, "newest")).collect();
    let new: Vec<Fact> = (N..N + N / 100).map(|n| touch(n, "new")).collect();
    for (what, day, facts) in [("spread", 3, spread), ("newest", 4, newest), ("new", 5, new)] {
        let before = stored();
        let report = load(&lake, &format!("2026-03-{day:02}T08:00:00Z"), facts);
        counts(&report, N / 100, N / 100, 0, 0);
        let written = stored() - before;
        println!("{what}: {written} bytes after {first}");
        assert!(written * 20 < first, "{what}: {written} bytes after {first}");
    }
    let snapshot = lake.newest().unwrap().unwrap();
    assert_eq!(lake.n_rows(snapshot, "touch").unwrap(), N + N / 100);
    let frame = lake.frame(snapshot, "touch", &["status"]).unwrap();
    let count = |status: &str| {
        let all =
            (0..frame.n_rows()).filter(|row| frame.cell("status", *row) == Cell::text(status));
        all.count() as u64
    };
    // Every hundredth of the newest was changed before.
    let seen = ["sent", "spread", "newest", "new"].map(count);
    assert_eq!(seen, [N - N / 50 + N / 10_000, N / 100 - N / 10_000, N / 100, N / 100]);
}
