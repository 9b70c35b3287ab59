//! What stands between a bad extract and the figures: holds, complete extracts, control totals.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::{at, deal, fact, row, versioned};
use domain::Cell;
use domain::fact::{Fact, Refusal, SourceRow};
use lake::held::{Description, HeldState};
use lake::load::FileStatus;
use lake::{
    Expected, Guard, Hold, Lake, LakeError, LoadReport, LoadRequest, SourceColumn, SourceFile,
};

const DAYS: [&str; 6] = [
    "2026-03-02T08:00:00Z",
    "2026-03-03T08:00:00Z",
    "2026-03-04T08:00:00Z",
    "2026-03-05T08:00:00Z",
    "2026-03-06T08:00:00Z",
    "2026-03-07T08:00:00Z",
];

fn new_lake() -> (tempfile::TempDir, Lake) {
    let dir = tempfile::tempdir().unwrap();
    let lake = common::create(dir.path().join("lake")).unwrap();
    (dir, lake)
}

/// A complete extract of the deals of the connection `crm`.
fn complete(content: &str) -> SourceFile {
    SourceFile {
        connection: Some("crm".to_owned()),
        complete: true,
        tables: vec!["opportunity"],
        ..SourceFile::new("deals.csv", *blake3::hash(content.as_bytes()).as_bytes(), "crm.deal")
    }
}

fn request(day: usize, files: Vec<SourceFile>) -> LoadRequest {
    LoadRequest::new(at(DAYS[day]), files)
}

fn deals(ids: impl IntoIterator<Item = u32>) -> Vec<Fact> {
    ids.into_iter().map(|n| deal(&format!("d{n}"), "open", "10", u64::from(n) + 2)).collect()
}

fn try_load(lake: &Lake, request: LoadRequest, facts: Vec<Fact>) -> Result<LoadReport, LakeError> {
    lake.load(request, facts.into_iter().map(|fact| (0, row(fact))))
}

fn load(lake: &Lake, request: LoadRequest, facts: Vec<Fact>) -> LoadReport {
    try_load(lake, request, facts).unwrap()
}

fn holds(lake: &Lake, request: LoadRequest, facts: Vec<Fact>) -> Vec<Hold> {
    let mut loading = lake.begin(request).unwrap();
    for fact in facts {
        loading.push(0, row(fact)).unwrap();
    }
    let prepared = loading.prepare().unwrap();
    let holds = prepared.report().holds.clone();
    assert_eq!(prepared.commit().is_err(), !holds.is_empty());
    holds
}

/// The live deals, and the withdrawn ones with a mark.
fn ids(lake: &Lake) -> Vec<String> {
    let Some(newest) = lake.newest().unwrap() else { return Vec::new() };
    let frame = lake.frame(newest, "opportunity", &["id", "withdrawn", "inferred"]).unwrap();
    let mark = |row: usize| match (frame.cell("withdrawn", row), frame.cell("inferred", row)) {
        (Cell::Boolean(true), Cell::Boolean(true)) => " inferred",
        (Cell::Boolean(true), _) => " withdrawn",
        (_, Cell::Boolean(true)) => " WRONG",
        _ => "",
    };
    let mut ids: Vec<String> =
        (0..frame.n_rows()).map(|row| format!("{}{}", frame.cell("id", row), mark(row))).collect();
    ids.sort();
    ids
}

fn live(lake: &Lake) -> usize {
    ids(lake).iter().filter(|id| !id.contains(' ')).count()
}

#[test]
fn crm_012_only_a_complete_extract_withdraws_what_it_leaves_out_and_says_so() {
    let (_dir, lake) = new_lake();
    load(&lake, request(0, vec![complete("one")]), deals(0..10));
    let mut partial = complete("two");
    partial.complete = false;
    let report = load(&lake, request(1, vec![partial]), deals(0..9));
    assert_eq!((report.snapshot, live(&lake)), (None, 10));
    let report = load(&lake, request(2, vec![complete("three")]), deals(0..9));
    assert_eq!((report.tables[0].withdrawn, report.tables[0].inferred), (1, 1));
    assert_eq!(report.rows.read, report.rows.loaded + report.rows.known);
    assert_eq!(ids(&lake)[9], "d9 inferred");
    let before = lake.snapshot_as_of(at(DAYS[1])).unwrap().unwrap();
    assert_eq!(lake.n_rows(before, "opportunity").unwrap(), 10);
    // It comes again, with the same version, and is one record with one history.
    let report = load(&lake, request(3, vec![complete("four")]), deals(0..10));
    assert_eq!((report.tables[0].changed, report.tables[0].same_version), (1, 0));
    assert_eq!((live(&lake), ids(&lake).len()), (10, 10));
}

#[test]
fn crm_011_a_withdrawn_record_that_is_undeleted_keeps_one_history() {
    let (_dir, lake) = new_lake();
    let old = || deals(0..5).into_iter().map(|fact| versioned(fact, DAYS[0])).collect::<Vec<_>>();
    load(&lake, request(0, vec![complete("one")]), old());
    load(&lake, request(1, vec![complete("two")]), old().into_iter().skip(1).collect());
    assert_eq!(live(&lake), 4);
    // The very same bytes as the first extract: not known, as another complete one came between.
    let report = load(&lake, request(2, vec![complete("one")]), old());
    assert!(matches!(report.files[0].status, FileStatus::Again { load_id: 1, .. }));
    assert_eq!((live(&lake), ids(&lake).len()), (5, 5));
    let report = load(&lake, request(3, vec![complete("one")]), old());
    assert!(matches!(report.files[0].status, FileStatus::LoadedBefore { load_id: 1, .. }));
    assert_eq!(report.snapshot, None);
}

#[test]
fn only_what_the_same_source_of_the_same_connection_delivered_is_withdrawn() {
    let (_dir, lake) = new_lake();
    load(&lake, request(0, vec![complete("one")]), deals(0..10));
    let mut other = complete("other");
    other.connection = Some("second".to_owned());
    load(&lake, request(1, vec![other]), deals(100..110));
    load(
        &lake,
        request(2, vec![SourceFile::new("by hand.csv", [7; 32], "crm.deal")]),
        deals(200..203),
    );
    let mut table = complete("table");
    table.preset = "crm.other".to_owned();
    load(&lake, request(3, vec![table]), deals(300..301));
    let report = load(&lake, request(4, vec![complete("two")]), deals(0..9));
    assert_eq!(report.tables[0].inferred, 1);
    assert_eq!(live(&lake), 9 + 10 + 3 + 1);
}

#[test]
fn what_was_loaded_without_a_connection_becomes_its_own_with_the_first_complete_extract() {
    let (_dir, lake) = new_lake();
    load(&lake, request(0, vec![SourceFile::new("deals.csv", [1; 32], "crm.deal")]), deals(0..10));
    let report = load(&lake, request(1, vec![complete("one")]), deals(0..10));
    assert_eq!((report.rows.known, report.tables[0].unchanged), (10, 10));
    // Nothing new is said of them, so they are as old as they were.
    let frame = lake
        .frame(lake.newest().unwrap().unwrap(), "opportunity", &["recorded_at", "origin"])
        .unwrap();
    for row in 0..10 {
        assert_eq!(frame.cell("recorded_at", row), Cell::Instant(at(DAYS[0])));
        assert_eq!(frame.cell("origin", row), Cell::text("crm/crm.deal"));
    }
    // A change by hand leaves them with the connection.
    let by_hand = deal("d9", "won", "12", 2);
    load(&lake, request(2, vec![SourceFile::new("fix.csv", [2; 32], "crm.deal")]), vec![by_hand]);
    load(&lake, request(3, vec![complete("two")]), deals(0..9));
    assert_eq!(ids(&lake)[9], "d9 inferred");
    let again = load(&lake, request(4, vec![complete("three")]), deals(0..9));
    assert_eq!(again.snapshot, None);
}

#[test]
fn a_complete_extract_in_several_files_is_one_and_is_read_whole() {
    let (_dir, lake) = new_lake();
    let two = |a: &str, b: &str| vec![complete(a), complete(b)];
    let rows = |ids: &[u32]| {
        let cut = |n: u32| usize::from(n >= 5);
        let facts = deals(ids.iter().copied()).into_iter().zip(ids.to_vec());
        facts.map(move |(fact, n)| (cut(n), row(fact))).collect::<Vec<_>>()
    };
    let all: Vec<u32> = (0..10).collect();
    lake.load(request(0, two("a", "b")), rows(&all)).unwrap();
    // The first part is known, and is read again, or all of its records would be missing.
    let fewer: Vec<u32> = (0..9).collect();
    let report = lake.load(request(1, two("a", "c")), rows(&fewer)).unwrap();
    assert!(matches!(report.files[0].status, FileStatus::Again { .. }));
    assert_eq!((report.tables[0].inferred, live(&lake)), (1, 9));
}

#[test]
fn csv_009_an_empty_complete_extract_is_held() {
    let (_dir, lake) = new_lake();
    load(&lake, request(0, vec![complete("one")]), deals(0..100));
    let found = holds(&lake, request(1, vec![complete("two")]), Vec::new());
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].guard, found[0].expected, found[0].found),
        (Guard::Empty, Some(100), Some(0))
    );
    assert!(found[0].message.contains("extract has 0 rows, table has 100"), "{}", found[0].message);
    assert_eq!((live(&lake), lake.loads().unwrap().len()), (100, 1));
    // Another guard's name does not help.
    let mut shrink = request(1, vec![complete("two")]);
    shrink.allow.insert(Guard::Shrink);
    assert_eq!(holds(&lake, shrink, Vec::new()).len(), 1);
    let mut allowed = request(1, vec![complete("two")]);
    allowed.allow.insert(Guard::Empty);
    let report = load(&lake, allowed, Vec::new());
    assert_eq!((report.tables[0].inferred, live(&lake)), (100, 0));
    assert_eq!(report.passed[0].guard, Guard::Empty);
    assert_eq!(lake.loads().unwrap()[1].passed[0].guard, Guard::Empty);
    // A header alone that is not complete takes nothing away.
    let mut partial = complete("three");
    partial.complete = false;
    assert_eq!(load(&lake, request(2, vec![partial]), Vec::new()).snapshot, None);
}

#[test]
fn csv_022_an_extract_that_shrinks_by_more_than_a_fifth_is_held() {
    let (_dir, lake) = new_lake();
    load(&lake, request(0, vec![complete("one")]), deals(0..100));
    let found = holds(&lake, request(1, vec![complete("two")]), deals(0..61));
    assert_eq!(
        (found[0].guard, found[0].expected, found[0].found),
        (Guard::Shrink, Some(100), Some(61))
    );
    assert_eq!(live(&lake), 100);
    // Exactly a fifth passes; one more does not.
    assert_eq!(holds(&lake, request(1, vec![complete("three")]), deals(0..79)).len(), 1);
    // As many as before, but others.
    let found = holds(&lake, request(1, vec![complete("four")]), deals(30..130));
    assert!(found[0].message.contains("30 of the 100 stored"), "{}", found[0].message);
    let report = load(&lake, request(1, vec![complete("five")]), deals(0..80));
    assert_eq!((report.tables[0].inferred, live(&lake)), (20, 80));
}

#[test]
fn nothing_is_withdrawn_while_rows_of_the_extract_could_not_be_read() {
    let (_dir, lake) = new_lake();
    load(&lake, request(0, vec![complete("one")]), deals(0..10));
    let rows = |rule| {
        let refusal = Refusal::new(domain::Place::line("deals.csv", 11), rule, "what it is");
        let rows = deals(0..9).into_iter().map(row);
        rows.chain([SourceRow::Refused(refusal)]).map(|row| (0, row))
    };
    let report = lake.load(request(1, vec![complete("two")]), rows("number.syntax")).unwrap();
    assert_eq!(report.remarks[0].code, "load.not-inferred");
    assert_eq!(live(&lake), 10);
    // A line of totals is no record.
    let report = lake.load(request(2, vec![complete("three")]), rows("totals-row")).unwrap();
    assert_eq!((report.remarks.len(), live(&lake)), (0, 9));
}

#[test]
fn events_that_an_extract_leaves_out_stay() {
    let (_dir, lake) = new_lake();
    let event = |n: u32| {
        fact(
            "opportunity_event",
            &[
                ("opportunity_id", Cell::text("d1")),
                ("field", Cell::text("stage")),
                ("at", Cell::Instant(at(DAYS[0]))),
                ("new", Cell::text(format!("s{n}"))),
            ],
            "deals.csv",
            2,
        )
    };
    let file = |content| {
        let mut file = complete(content);
        file.tables.push("opportunity_event");
        file
    };
    let mut facts = deals(0..2);
    facts.push(event(1));
    load(&lake, request(0, vec![file("one")]), facts);
    let mut facts = deals(0..2);
    facts.push(event(2));
    load(&lake, request(1, vec![file("two")]), facts);
    assert_eq!(lake.n_rows(lake.newest().unwrap().unwrap(), "opportunity_event").unwrap(), 2);
}

#[test]
fn crm_028_control_totals_that_do_not_agree_hold_and_name_what_is_missing() {
    let (_dir, lake) = new_lake();
    let file = |content: &str| SourceFile {
        expected: Expected {
            rows: Some(12),
            sums: [("opportunity.amount".to_owned(), "120.00".to_owned())].into(),
            ids: (0..12).map(|n| format!("d{n}")).collect(),
        },
        ..complete(content)
    };
    let read = |lake: &Lake, content: &str, n: u32, eur: &str, usd: &str| {
        let mut loading = lake.begin(request(0, vec![file(content)])).unwrap();
        for fact in deals(0..n) {
            loading.push(0, row(fact)).unwrap();
        }
        loading.control_total(0, "opportunity.amount EUR", eur).unwrap();
        loading.control_total(0, "opportunity.amount USD", usd).unwrap();
        let prepared = loading.prepare().unwrap();
        let holds = prepared.report().holds.clone();
        (holds, prepared.commit())
    };
    let (found, committed) = read(&lake, "short", 9, "40.25", "50.00");
    assert!(committed.is_err());
    assert_eq!(
        (found[0].guard, found[0].expected, found[0].found),
        (Guard::Totals, Some(12), Some(9))
    );
    assert_eq!(found[0].missing, ["d9", "d10", "d11"]);
    for said in ["12 rows in the manifest, 9 read (-3)", "90.25 read (-29.75)", "d9, d10, d11"] {
        assert!(found[0].message.contains(said), "{said}: {}", found[0].message);
    }
    assert_eq!(lake.newest().unwrap(), None);
    let (found, committed) = read(&lake, "whole", 12, "70", "50");
    assert_eq!((found.len(), committed.is_ok()), (0, true));
}

#[test]
fn csv_023_a_column_that_fed_facts_and_is_gone_holds_the_load_of_a_connection() {
    let (_dir, lake) = new_lake();
    let file = |content: &str, columns: &[(&str, Option<&str>)], connection: Option<&str>| {
        let column = |(name, feeds): &(&str, Option<&str>)| SourceColumn {
            name: (*name).to_owned(),
            feeds: feeds.map(ToOwned::to_owned),
        };
        SourceFile {
            connection: connection.map(ToOwned::to_owned),
            complete: false,
            columns: columns.iter().map(column).collect(),
            ..complete(content)
        }
    };
    let whole = [("Id", Some("opportunity.id")), ("Amount", Some("opportunity.amount"))];
    let renamed = [("Id", Some("opportunity.id")), ("Amount (USD)", None)];
    let crm = Some("crm");
    load(&lake, request(0, vec![file("one", &whole, crm)]), deals(0..3));
    let found = holds(&lake, request(1, vec![file("two", &renamed, crm)]), deals(0..4));
    assert_eq!(
        (found[0].guard, found[0].missing.clone()),
        (Guard::Drift, vec!["Amount".to_owned()])
    );
    assert!(found[0].message.contains("new columns: `Amount (USD)`"), "{}", found[0].message);
    assert_eq!(live(&lake), 3);
    // Another name for the same thing is none.
    let mapped = [("Id", Some("opportunity.id")), ("Betrag", Some("opportunity.amount"))];
    let report = load(&lake, request(1, vec![file("three", &mapped, crm)]), deals(0..4));
    assert_eq!(report.remarks[0].code, "load.new-column");
    // csv-024: a new column is told of once.
    let more = [mapped[0], mapped[1], ("Region", None)];
    let report = load(&lake, request(2, vec![file("four", &more, crm)]), deals(0..5));
    assert_eq!((report.remarks.len(), report.remarks[0].code), (1, "load.new-column"));
    assert!(report.remarks[0].message.contains("`Region`"), "{}", report.remarks[0].message);
    let report = load(&lake, request(3, vec![file("five", &more, crm)]), deals(0..6));
    assert_eq!(report.remarks, []);
    // Exports by hand differ: a word, no hold.
    load(&lake, request(4, vec![file("six", &whole, None)]), deals(0..7));
    let report = load(&lake, request(5, vec![file("seven", &renamed, None)]), deals(0..8));
    assert!(report.remarks.iter().any(|said| said.code == "load.column-gone"));
}

#[test]
fn crm_025_half_a_set_is_held() {
    let (_dir, lake) = new_lake();
    let part = |preset: &str, content: &str| SourceFile {
        preset: preset.to_owned(),
        in_set: true,
        complete: false,
        ..complete(content)
    };
    let set = |day: usize, content: &str| {
        let both = vec![part("crm.deal", content), part("crm.account", &format!("{content} a"))];
        request(day, both)
    };
    load(&lake, set(0, "one"), deals(0..3));
    let mut half = request(1, vec![part("crm.account", "two")]);
    half.missing.push(("crm".to_owned(), "opportunities.csv".to_owned()));
    let found = holds(&lake, half, deals(0..4));
    assert_eq!(found[0].missing, ["opportunities.csv"]);
    // A manifest that forgot it too.
    let found = holds(&lake, request(1, vec![part("crm.account", "two")]), deals(0..4));
    assert_eq!(
        (found[0].guard, found[0].missing.clone()),
        (Guard::HalfSet, vec!["crm.deal".to_owned()])
    );
    assert_eq!(live(&lake), 3);
    load(&lake, set(1, "two"), deals(0..4));
    assert_eq!(live(&lake), 4);
}

#[test]
fn mon_005_a_rate_that_jumps_is_refused_and_the_others_load() {
    let (_dir, lake) = new_lake();
    let rate = |day: u32, rate: &str| {
        fact(
            "fx_rate",
            &[
                ("from", Cell::text("EUR")),
                ("to", Cell::text("USD")),
                ("day", Cell::Day(jiff::civil::date(2026, 3, i8::try_from(day).unwrap()))),
                ("rate", Cell::Decimal(rate.parse().unwrap())),
            ],
            "rates.csv",
            u64::from(day) + 1,
        )
    };
    let file = |n: u8| vec![SourceFile::new("rates.csv", [n; 32], "rates")];
    load(&lake, request(0, file(1)), vec![rate(1, "1.08")]);
    let jump = || vec![rate(3, "1.09"), rate(2, "108"), rate(4, "0.0109")];
    let report = load(&lake, request(1, file(2)), jump());
    assert_eq!((report.rows.loaded, report.rows.quarantined), (1, 2));
    let refused = lake.quarantine(None).unwrap();
    let messages: Vec<String> =
        (0..2).map(|row| refused.cell("message", row).to_string()).collect();
    let expected = "rate of `EUR` to `USD` on 2026-03-02 is 108, on 2026-03-01 it was 1.08";
    assert!(messages.iter().any(|message| message == expected), "{messages:?}");
    assert_eq!(refused.cell("rule", 0), Cell::text("fx.jump"));
    // The same file, told to let it pass.
    let mut allowed = request(2, file(2));
    allowed.allow.insert(Guard::FxJump);
    let report = load(&lake, allowed, jump());
    assert_eq!((report.rows.loaded, report.rows.known, report.rows.quarantined), (2, 1, 0));
}

#[test]
fn crm_024_other_content_under_the_same_version_wins_and_is_named() {
    let (_dir, lake) = new_lake();
    let said = |amount: &str| vec![versioned(deal("d1", "open", amount, 2), DAYS[0])];
    load(&lake, request(0, vec![complete("one")]), said("10"));
    let report = load(&lake, request(1, vec![complete("two")]), said("11"));
    assert_eq!((report.tables[0].changed, report.tables[0].same_version), (1, 1));
    assert_eq!(report.remarks[0].code, "crm.same-version");
    assert!(report.remarks[0].message.ends_with("d1"), "{}", report.remarks[0].message);
    let newest = lake.newest().unwrap().unwrap();
    let frame = lake.frame(newest, "opportunity", &["amount"]).unwrap();
    assert_eq!(frame.cell("amount", 0).to_string(), "11");
}

#[test]
fn a_held_load_is_kept_once_accepted_on_record_and_its_files_are_removed() {
    let (dir, lake) = new_lake();
    let (folder, source) = (dir.path().join("held"), dir.path().join("deals.csv"));
    std::fs::write(&source, "the file").unwrap();
    load(&lake, request(0, vec![complete("one")]), deals(0..10));
    let hold = |day: usize| {
        let mut request = request(day, vec![complete("two")]);
        request.author = Some("ann".to_owned());
        let mut loading = lake.begin(request).unwrap();
        for fact in deals(0..2) {
            loading.push(0, row(fact)).unwrap();
        }
        let prepared = loading.prepare().unwrap();
        prepared.hold(&folder, &[PathBuf::from(&source)]).unwrap()
    };
    let first = hold(1);
    assert_eq!((first.name().as_str(), first.state), ("h1", HeldState::Waiting));
    assert_eq!(first.author.as_deref(), Some("ann"));
    assert_eq!(hold(2).id, 1, "the same files are the same held load");
    assert_eq!((lake.held().unwrap().len(), lake.loads().unwrap().len(), live(&lake)), (1, 1, 10));
    let kept = Description::read(&folder, 1).unwrap();
    assert_eq!(kept.allow, [Guard::Shrink]);
    let copy = folder.join("1").join(&kept.files[0].path);
    assert_eq!(std::fs::read_to_string(copy).unwrap(), "the file");
    lake.sweep_held(&folder).unwrap();
    assert!(folder.join("1").is_dir(), "who waits is not swept");

    let mut accept = request(3, vec![complete("two")]);
    accept.allow = kept.allow.into_iter().collect::<BTreeSet<_>>();
    accept.accepts = Some((1, Some("archived".to_owned())));
    accept.author = Some("cfo".to_owned());
    let report = load(&lake, accept.clone(), deals(0..2));
    assert_eq!((live(&lake), report.load_id), (2, Some(2)));
    let decided = lake.held_load(1).unwrap();
    assert_eq!((decided.state, decided.load_id), (HeldState::Accepted, Some(2)));
    assert_eq!(decided.decided_by.as_deref(), Some("cfo"));
    assert_eq!(decided.because.as_deref(), Some("archived"));
    lake.sweep_held(&folder).unwrap();
    assert!(!folder.join("1").exists());
    // Nobody accepts it twice, and nobody drops it now.
    assert!(matches!(try_load(&lake, accept, deals(0..1)), Err(LakeError::NoHeld { id: 1 })));
    let drop = lake.drop_held(&folder, 1, at(DAYS[4]), None, None);
    assert!(matches!(drop, Err(LakeError::NoHeld { id: 1 })));
}

#[test]
fn a_dropped_load_is_gone_and_on_record() {
    let (dir, lake) = new_lake();
    let (folder, source) = (dir.path().join("held"), dir.path().join("deals.csv"));
    std::fs::write(&source, "the file").unwrap();
    load(&lake, request(0, vec![complete("one")]), deals(0..10));
    let loading = lake.begin(request(1, vec![complete("two")])).unwrap();
    loading.prepare().unwrap().hold(&folder, &[source]).unwrap();
    let dropped = lake.drop_held(&folder, 1, at(DAYS[2]), Some("ann"), Some("cut off")).unwrap();
    assert_eq!((dropped.state, dropped.because.as_deref()), (HeldState::Dropped, Some("cut off")));
    assert!(!folder.join("1").exists());
    assert_eq!((live(&lake), lake.loads().unwrap().len()), (10, 1));
}

#[test]
fn a_rehearsal_tells_all_and_touches_no_file_of_the_lake() {
    let (_dir, lake) = new_lake();
    load(&lake, request(0, vec![complete("one")]), deals(0..10));
    let state = || {
        let mut files = Vec::new();
        let mut folders = vec![lake.dir().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let meta = entry.metadata().unwrap();
                if meta.is_dir() {
                    folders.push(entry.path());
                } else {
                    files.push((entry.path(), meta.modified().unwrap(), meta.len()));
                }
            }
        }
        files.sort();
        files
    };
    let before = state();
    // A writer is at work; who only looks does not wait for it.
    let writer = lake.begin(request(1, vec![complete("other")])).unwrap();
    let locked = state();
    let mut loading = lake.rehearse(request(1, vec![complete("two")])).unwrap();
    for fact in deals(1..12) {
        loading.push(0, row(fact)).unwrap();
    }
    let report = loading.report().unwrap();
    let counts = report.tables[0];
    assert_eq!((counts.new, counts.unchanged, counts.inferred), (2, 9, 1));
    assert_eq!(state(), locked);
    drop(writer);
    assert_eq!(before.len(), state().len());
    let held = lake.rehearse(request(1, vec![complete("three")])).unwrap().report().unwrap();
    assert_eq!(held.holds[0].guard, Guard::Empty);
    assert_eq!(live(&lake), 10);
}
