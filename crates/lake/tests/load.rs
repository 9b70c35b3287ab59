//! Loads: what is kept, what changes, what was known when.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{at, deal, fact, request, row, versioned};
use domain::fact::{Fact, Refusal, SourceRow};
use domain::{Cell, Place};
use lake::load::FileStatus;
use lake::{Lake, LakeError, LoadReport, SnapshotId};

const MONDAY: &str = "2026-03-02T08:00:00Z";
const TUESDAY: &str = "2026-03-03T08:00:00Z";
const WEDNESDAY: &str = "2026-03-04T08:00:00Z";

fn new_lake() -> (tempfile::TempDir, Lake) {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::create(dir.path().join("lake")).unwrap();
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
    assert!(matches!(Lake::create(lake.dir()), Err(LakeError::Exists { .. })));
    assert!(matches!(Lake::open(dir.path()), Err(LakeError::Missing { .. })));
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
    let other = Lake::open(lake.dir()).unwrap();
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
    let error = Lake::open(lake.dir()).unwrap_err();
    assert!(error.to_string().contains(&format!("expected {}", content.len())), "{error}");
    assert!(lake.frame(report.snapshot.unwrap(), "opportunity", &["id"]).is_err());
    std::fs::remove_file(&file.path).unwrap();
    let error = Lake::open(lake.dir()).unwrap_err();
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
    assert_ne!(lake.identity(snapshot), lake.identity(SnapshotId(1)));
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
