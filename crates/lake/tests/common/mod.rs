//! Small facts for tests.

use domain::fact::{Fact, FactTable, SourceRow};
use domain::{Cell, Place};
use jiff::Timestamp;
use lake::{LoadRequest, SourceFile};

/// Reads an instant.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Makes a request for files with these names, whose content is their name and the instant.
pub(crate) fn request(recorded_at: &str, files: &[&str]) -> LoadRequest {
    let files = files.iter().map(|name| {
        let hash = *blake3::hash(format!("{name} {recorded_at}").as_bytes()).as_bytes();
        SourceFile::new(*name, hash, "test")
    });
    let mut request = LoadRequest::new(at(recorded_at), files.collect());
    request.author = Some("analyst".to_owned());
    request
}

/// Makes a fact with the columns given; the others are not carried.
pub(crate) fn fact(table: &str, cells: &[(&str, Cell)], file: &str, line: u64) -> Fact {
    let table = FactTable::named(table).unwrap();
    let mut fact = Fact {
        table,
        cells: vec![Cell::Null; table.columns.len()],
        carried: 0,
        place: Place::line(file, line),
        version: None,
        deleted: false,
    };
    for (name, cell) in cells {
        let column = table.position(name).unwrap();
        *fact.cells.get_mut(column).unwrap() = cell.clone();
        fact.carried |= 1 << column;
    }
    fact
}

/// Makes a row of one fact.
pub(crate) fn row(fact: Fact) -> SourceRow {
    SourceRow::Accepted { place: fact.place.clone(), facts: vec![fact] }
}

/// Makes a deal.
pub(crate) fn deal(id: &str, stage: &str, amount: &str, line: u64) -> Fact {
    fact(
        "opportunity",
        &[
            ("id", Cell::text(id)),
            ("stage", Cell::text(stage)),
            ("amount", Cell::Decimal(amount.parse().unwrap())),
            ("created_at", Cell::Instant(at("2026-01-05T10:00:00Z"))),
        ],
        "deals.csv",
        line,
    )
}

/// The same with a version.
pub(crate) fn versioned(mut fact: Fact, version: &str) -> Fact {
    fact.version = Some(at(version));
    fact
}
