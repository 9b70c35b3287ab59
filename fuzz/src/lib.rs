//! What must hold whatever the bytes are; each target gives the bytes and calls one of these.
//!
//! A target panics where something does not hold: that is how the fuzzer learns of it. A panic that
//! the product catches itself (decoders run behind `catch_unwind`) is none.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use domain::fact::{Fact, Kind, SourceRow};
use domain::{Cell, Decimal, Diagnostic};
use intake::{DayOrder, FileSummary, Lookups, Planned, Refused, Settings};

/// Lets a panic unwind instead of ending the process at once; the fuzzer sees those that reach it.
pub fn unwind() {
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        *LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = text;
    }));
}

static LAST: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());

/// Runs a target; says what panicked before the process ends.
pub fn run(target: impl FnOnce()) {
    if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(target)) {
        let text = LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        eprintln!("finding: {text}");
        std::panic::resume_unwind(panic);
    }
}

/// The folder of this process; `scripts/fuzz` says where and removes it.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("throughline-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("empty")).expect("a folder for files");
        folder
    })
}

/// Writes a file and names it as a load does.
pub fn file(name: &str, bytes: &[u8]) -> (PathBuf, Arc<str>) {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("a file in the folder");
    (path, name.into())
}

/// Settings that differ by the length of the input, so that a find needs no second file.
pub fn settings(length: usize) -> Settings {
    let mut settings = Settings::default();
    settings.day_order = [None, Some(DayOrder::DayFirst), Some(DayOrder::MonthFirst)][length % 3];
    settings.strict = length % 5 == 0;
    if length % 2 == 0 {
        settings.zone = jiff::tz::TimeZone::get("America/Los_Angeles").expect("a known zone");
        settings.now = Some(jiff::Timestamp::UNIX_EPOCH);
    }
    // What a file may hold is scaled down with the files, so that limits are met.
    settings.limits.unpacked_bytes = 8 * 1024 * 1024;
    settings.limits.field_bytes = 4 * 1024;
    settings.limits.columns = 300;
    // Every second input goes on whatever is refused.
    if length % 4 < 2 {
        settings.limits.refused_floor = u64::MAX;
    }
    settings
}

/// Surveys and reads files; everything that must hold of a reading is checked.
pub fn read(files: &[(PathBuf, Arc<str>)], settings: &Settings) -> Vec<Planned> {
    let (planned, diagnostics) = intake::survey_as(files, settings);
    assert_eq!(planned.len() + diagnostics.len(), files.len(), "each file is planned or refused");
    diagnostics.iter().for_each(told);
    let (lookups, faults) = Lookups::gather(&planned, settings);
    faults.iter().for_each(told);
    for file in &planned {
        let first = outcome(file, settings, &lookups);
        if file.bytes % 8 == 0 {
            let second = outcome(file, settings, &lookups);
            assert_eq!(first, second, "a file says the same when it is read again");
        }
    }
    planned
}

/// Reads one file and returns all that it gave, as text.
fn outcome(file: &Planned, settings: &Settings, lookups: &Lookups) -> String {
    let (mut facts, mut refused, mut n_handed) = (Vec::new(), Vec::new(), 0_u64);
    let read = file.read(settings, lookups, &mut |row| {
        match row {
            SourceRow::Accepted { facts: more, .. } => {
                n_handed += 1;
                facts.extend(more);
            }
            SourceRow::Refused(refusal) => refused.push(refusal),
        }
        ControlFlow::Continue(())
    });
    let summary = match read {
        Ok(summary) => summary,
        Err(rejected) => {
            told(&rejected.0);
            return rejected.to_string();
        }
    };
    assert_eq!(
        summary.rows_read,
        summary.accepted + summary.n_refused(),
        "read = accepted + refused in {}",
        file.preset
    );
    assert_eq!(refused.len() as u64, summary.n_refused(), "each refusal is handed on");
    assert!(n_handed <= summary.accepted + facts.len() as u64, "no row comes from nowhere");
    summary.warnings.iter().for_each(told);
    sums(&facts, &summary);
    for fact in &facts {
        whole(fact);
    }
    let rows: Vec<Refused<'_>> = refused
        .iter()
        .filter_map(|r| Some(Refused { line: r.place.line, raw: &r.kept.as_ref()?.raw }))
        .collect();
    let again = intake::again(&file.name, &rows, settings, lookups, false);
    assert_eq!(again.len(), rows.len(), "each refused row is tried or said to be untried");
    format!("{summary:?}{facts:?}{refused:?}")
}

/// The totals of the summary are those of the facts, to the last digit.
fn sums(facts: &[Fact], summary: &FileSummary) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for fact in facts {
        *counts.entry(fact.table.name).or_default() += 1;
    }
    let stated: BTreeMap<&str, u64> =
        summary.facts.iter().filter(|(_, n)| **n > 0).map(|(table, n)| (*table, *n)).collect();
    if stated.contains_key("lookup") {
        return;
    }
    assert_eq!(counts, stated, "facts are counted as they are handed out");
    for control in &summary.controls {
        let (mut rows, mut sum) = (0, Decimal::ZERO);
        for fact in facts.iter().filter(|f| f.table.name == control.table && !f.deleted) {
            let Cell::Decimal(amount) = fact.cell(control.column) else { continue };
            let currency = fact.cell("currency").as_text().unwrap_or("");
            if currency == control.currency {
                rows += 1;
                sum += *amount;
            }
        }
        assert_eq!((rows, sum), (control.rows, control.sum), "control total of {}", control.column);
    }
}

/// A fact has a cell of the right kind for each column, and none that is required is missing.
fn whole(fact: &Fact) {
    assert_eq!(fact.cells.len(), fact.table.columns.len());
    for (cell, column) in fact.cells.iter().zip(fact.table.columns) {
        let fits = match cell {
            // What is withdrawn needs no more than its key.
            Cell::Null => {
                !column.required || (fact.deleted && !fact.table.key.contains(&column.name))
            }
            Cell::Text(_) => column.kind == Kind::Text,
            Cell::Integer(_) => column.kind == Kind::Integer,
            Cell::Boolean(_) => column.kind == Kind::Boolean,
            Cell::Day(_) => column.kind == Kind::Day,
            Cell::Instant(_) => column.kind == Kind::Instant,
            Cell::Decimal(amount) => column.kind == Kind::Decimal && amount.scale() <= 28,
            _ => false,
        };
        assert!(fits, "{}.{} holds {cell:?}", fact.table.name, column.name);
    }
}

/// A message says what and where, in one line, and hides nothing behind control characters.
pub fn told(diagnostic: &Diagnostic) {
    assert!(!diagnostic.message.is_empty() && !diagnostic.code.is_empty(), "{diagnostic:?}");
    let control = |c: char| c.is_control();
    assert!(!diagnostic.message.contains(control), "a control character in {diagnostic:?}");
    assert!(diagnostic.message.len() < 20_000, "a message of {} bytes", diagnostic.message.len());
}
