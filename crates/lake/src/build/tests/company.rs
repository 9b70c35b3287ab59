//! Companies for tests: facts from CSV files, and rows as aligned text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::fact::{FactTable, Kind, TABLES};
use domain::{Cell, Currency, Definitions, Frame, Rows};
use jiff::civil::Date;

use crate::build::{BuildRequest, MemoryFacts, build};
use crate::relation::Built;

pub(super) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../goldens/companies").join(name)
}

/// Reads the facts of a company. Fields hold neither commas nor quotes.
pub(super) fn facts(dir: &Path) -> MemoryFacts {
    let mut facts = MemoryFacts::default();
    for table in TABLES {
        let Ok(text) = std::fs::read_to_string(dir.join(format!("facts/{}.csv", table.name)))
        else {
            continue;
        };
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        for line in lines {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), names.len(), "{}: {line}", table.name);
            let pairs = || names.iter().copied().zip(fields.iter().copied());
            let cells = table.columns.iter().map(|column| {
                let field = pairs().find(|(name, _)| *name == column.name);
                cell(column.kind, field.map_or("", |(_, text)| text))
            });
            let cells = cells.collect();
            let gone = pairs().any(|(name, text)| name == "withdrawn" && text == "true");
            facts.rows_mut(table.name).push((cells, gone));
        }
        for name in &names {
            assert!(table.position(name).is_some() || *name == "withdrawn", "{name}");
        }
    }
    facts
}

pub(super) fn cell(kind: Kind, text: &str) -> Cell {
    if text.is_empty() {
        return Cell::Null;
    }
    match kind {
        Kind::Text => Cell::text(text),
        Kind::Integer => Cell::Integer(text.parse().unwrap()),
        Kind::Boolean => Cell::Boolean(text.parse().unwrap()),
        Kind::Day => Cell::Day(text.parse().unwrap()),
        Kind::Instant => Cell::Instant(text.parse().unwrap()),
        Kind::Decimal => Cell::Decimal(text.parse().unwrap()),
    }
}

/// Adds a row with these cells; the others are empty.
pub(super) fn add(facts: &mut MemoryFacts, table: &str, values: &[(&str, &str)]) {
    let table = FactTable::named(table).unwrap();
    let mut cells = vec![Cell::Null; table.columns.len()];
    for (name, text) in values {
        let at = table.position(name).unwrap();
        cells[at] = cell(table.columns[at].kind, text);
    }
    facts.push_row(table, cells);
}

pub(super) fn definitions(dir: &Path) -> Arc<Definitions> {
    let text = std::fs::read_to_string(dir.join("throughline.toml")).unwrap();
    let (definitions, faults) = domain::definition::parse::read(&[("throughline.toml", &text)]);
    assert_eq!(faults, []);
    Arc::new(definitions)
}

pub(super) fn built(facts: MemoryFacts, definitions: &Arc<Definitions>, as_of: Date) -> Built {
    let progress = &mut |_: &str, _, _| ();
    build(Arc::new(facts), BuildRequest { as_of, definitions, progress }).unwrap()
}

/// Writes rows as words: blanks inside of a text become `_`, a missing value `-`.
pub(super) fn words(frame: &Frame) -> Vec<Vec<String>> {
    let word = |name: &str, row| match frame.cell(name, row) {
        Cell::Null => "-".to_owned(),
        Cell::Number(value) => format!("{value:.4}"),
        other => other.to_string().replace(' ', "_"),
    };
    (0..frame.n_rows())
        .map(|row| frame.names().iter().map(|name| word(name, row)).collect())
        .collect()
}

/// Compares rows with an aligned text whose first line names the columns; `#` begins a remark.
#[track_caller]
pub(super) fn check(built: &Built, rows: &Rows, expected: &str) {
    let mut lines = expected.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let expected: Vec<Vec<String>> =
        lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    let rows = rows.clone().columns(&names);
    let found = words(&built.fetch(&rows, Currency::USD).unwrap());
    let show =
        |rows: &[Vec<String>]| rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join("\n");
    assert_eq!(show(&found), show(&expected), "{}", rows.relation);
}
