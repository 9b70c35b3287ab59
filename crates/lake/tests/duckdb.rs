//! The real DuckDB opens the lake and sees what we see, at every snapshot.
//!
//! Needs a Python with the packages named in `duckdb.py`: `THROUGHLINE_PYTHON`, or `python3`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::{at, deal, fact, request, row, versioned};
use domain::fact::{Refusal, SourceRow};
use domain::{Cell, Place};
use lake::{Lake, SnapshotId};

#[test]
fn duckdb_sees_the_same_rows_at_every_snapshot() {
    let python = std::env::var("THROUGHLINE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import duckdb, duckdb_extensions, pytz"])
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        println!("skipped: DuckDB (Python) is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::create(dir.path().join("lake")).unwrap();
    fill(&lake);

    let queries = [
        "SELECT count(*), sum(amount), min(created_at) FROM lake.opportunity WHERE NOT withdrawn",
        "SELECT count(*) FROM lake.opportunity WHERE stage = 'won' AND amount > 9000000000000",
        "SELECT count(*) FROM lake.touch WHERE \"at\" >= TIMESTAMPTZ '2026-01-31 00:00:00+00'",
        "SELECT count(*) FROM lake.touch WHERE id = 't-19999'",
        "SELECT count(*) FROM lake.person WHERE id = 'p1'",
        "SELECT count(*) FROM lake.fx_rate WHERE day = DATE '2026-01-02' AND rate < 1",
        "SELECT count(*) FROM lake.opportunity AT (TIMESTAMP => TIMESTAMP '2026-03-02 12:00:00')",
        "SELECT count(*) FROM lake.quarantine WHERE rule = 'csv.field-count'",
        "SELECT count(*) FROM ducklake_list_files('lake', 'touch')",
        // One file as it was, with rows deleted from it, and one with their next versions.
        "SELECT count(*), count(DISTINCT id), count(*) FILTER (channel = 'corrected') FROM lake.touch",
    ];
    let seen = look(&python, &lake, &queries.join("\n"));

    assert_eq!(seen["layout_as_duckdb_makes_it"], true);
    assert_eq!(seen["n_foreign_tables"], 28);
    let mut names: Vec<&str> = lake.tables().iter().map(|table| table.name).collect();
    names.sort_unstable();
    assert_eq!(seen["tables"], serde_json::json!(names));
    let expected = [
        &["9", "9876543210987.2100000007", "1767607200000000"][..],
        &["1"],
        &["20000"],
        &["1"],
        &["1"],
        &["1"],
        &["9"],
        &["1"],
        &["2"],
        &["20000", "20000", "20"],
    ];
    for (query, expected) in queries.iter().zip(expected) {
        assert_eq!(seen["answers"][query], serde_json::json!(expected), "{query}");
    }
    let mut n_compared = 0;
    for snapshot in lake.snapshots().unwrap() {
        let id = usize::try_from(snapshot.id.0).unwrap();
        let micros = snapshot.recorded_at.as_microsecond().to_string();
        assert_eq!(seen["snapshots"][id], serde_json::json!([id, micros, "analyst"]));
        for table in &names {
            let theirs = &seen["seen"][format!("{id} {table}")];
            assert_eq!(*theirs, serde_json::json!(rows(&lake, snapshot.id, table)), "{id} {table}");
            n_compared += theirs.as_array().unwrap().len();
        }
    }
    assert!(n_compared > 60_000, "{n_compared}");
}

fn fill(lake: &Lake) {
    let mut rows = Vec::new();
    for n in 1..10 {
        rows.push(row(deal(&format!("d{n}"), "open", "0.0000000001", n)));
    }
    for n in 0..20_000 {
        let when = at("2026-02-01T00:00:00.123456Z") + jiff::SignedDuration::from_micros(n * 777);
        let cells = [
            ("id", Cell::text(format!("t-{n}"))),
            ("person_id", Cell::text(format!("p{}", n % 500))),
            ("at", Cell::Instant(when)),
            ("channel", if n % 3 == 0 { Cell::Null } else { Cell::text("ümlaut, \"quoted\"") }),
            ("responded", Cell::Boolean(n % 2 == 0)),
        ];
        rows.push(row(fact("touch", &cells, "touches.csv", u64::try_from(n).unwrap() + 2)));
    }
    let cells = [
        ("from", Cell::text("EUR")),
        ("to", Cell::text("USD")),
        ("day", Cell::Day("2026-01-02".parse().unwrap())),
        ("rate", Cell::Decimal("0.1234567891".parse().unwrap())),
    ];
    rows.push(row(fact("fx_rate", &cells, "fx.csv", 2)));
    let long = "é".repeat(300);
    let cells = [("id", Cell::text("p1")), ("company", Cell::text(long.as_str()))];
    rows.push(row(fact("person", &cells, "people.csv", 2)));
    let cells = [
        ("id", Cell::text("a1")),
        ("name", Cell::text(long.as_str())),
        ("employees", Cell::Integer(-9_007_199_254_740_993)),
        ("created_at", Cell::Instant(at("0099-12-31T23:59:59.999999Z"))),
    ];
    rows.push(row(fact("account", &cells, "accounts.csv", 2)));
    let refusal = Refusal::new(Place::line("deals.csv", 99), "csv.field-count", "3 fields");
    rows.push(SourceRow::Refused(refusal));
    let load = |when: &str, file: &str, rows: Vec<SourceRow>| {
        let rows = rows.into_iter().map(|row| (0, row));
        lake.load(request(when, &[file]), rows).unwrap();
    };
    load("2026-03-02T08:00:00Z", "all.csv", rows);

    let won = versioned(deal("d2", "won", "9876543210987.21", 2), "2026-03-01T00:00:00.000001Z");
    let mut gone = fact("opportunity", &[("id", Cell::text("d9"))], "deals.csv", 3);
    gone.deleted = true;
    let rows = vec![row(won), row(gone), row(deal("d10", "open", "-7.5", 4))];
    load("2026-03-03T08:00:00.5Z", "deals.csv", rows);

    let mut rows: Vec<SourceRow> = Vec::new();
    for n in (0..20_000).step_by(1000) {
        let cells = [("id", Cell::text(format!("t-{n}"))), ("channel", Cell::text("corrected"))];
        rows.push(row(fact("touch", &cells, "fix.csv", n + 2)));
    }
    rows.push(row(deal("d10", "open", "0.0", 2)));
    // At the same instant: the later load is the later snapshot.
    load("2026-03-03T08:00:00.5Z", "fix.csv", rows);
}

fn look(python: &str, lake: &Lake, queries: &str) -> serde_json::Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/duckdb.py");
    let mut child = Command::new(python)
        .arg(script)
        .arg(lake.dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(queries.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "DuckDB could not read the lake");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// All rows of a table as the script writes them, sorted.
fn rows(lake: &Lake, snapshot: SnapshotId, table: &str) -> Vec<String> {
    let columns: Vec<&str> = lake.table(table).unwrap().columns.iter().map(|c| c.name).collect();
    let frame = lake.frame(snapshot, table, &columns).unwrap();
    let text = |cell: Cell| match cell {
        Cell::Instant(at) => at.as_microsecond().to_string(),
        Cell::Decimal(mut value) => {
            value.rescale(10);
            value.to_string()
        }
        cell => cell.to_string(),
    };
    let line = |row| columns.iter().map(|column| text(frame.cell(column, row))).collect::<Vec<_>>();
    let mut rows: Vec<String> = (0..frame.n_rows()).map(|row| line(row).join("|")).collect();
    rows.sort();
    rows
}
