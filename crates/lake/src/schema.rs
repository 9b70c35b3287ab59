//! The stored tables: the canonical facts with their provenance, and the quarantine.
//!
//! A stored column is a column of the fact or one of [`PROVENANCE`]. The number of a column is its
//! field number in the Parquet files and its `column_id` in the catalog; it never changes, also
//! when the model gains columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use domain::fact::{FactTable, Kind, Personal, TABLES};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::error::LakeError;

/// Name of the table of refused rows.
pub const QUARANTINE: &str = "quarantine";

/// Columns that every fact carries besides its own.
pub const PROVENANCE: &[(&str, Kind)] = &[
    ("recorded_at", Kind::Instant),
    ("load_id", Kind::Integer),
    ("source_file", Kind::Text),
    ("source_line", Kind::Integer),
    ("version_at", Kind::Instant),
    ("withdrawn", Kind::Boolean),
    ("origin", Kind::Text),
    ("inferred", Kind::Boolean),
];

/// Columns of the quarantine.
pub const QUARANTINE_COLUMNS: &[(&str, Kind)] = &[
    ("load_id", Kind::Integer),
    ("file", Kind::Text),
    ("line", Kind::Integer),
    ("column", Kind::Text),
    ("rule", Kind::Text),
    ("message", Kind::Text),
    ("hint", Kind::Text),
    ("excerpt", Kind::Text),
    ("recorded_at", Kind::Instant),
    ("table", Kind::Text),
    ("amount", Kind::Decimal),
    ("currency", Kind::Text),
    ("raw", Kind::Text),
    ("file_index", Kind::Integer),
];

/// Columns of the quarantine that hold what a source wrote.
const RECORD: &[&str] = &["message", "excerpt", "raw"];

/// Digits after the mark of stored decimals.
pub const DECIMAL_SCALE: i8 = 10;

/// A stored column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredColumn {
    /// Name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Field number in the files, `column_id` in the catalog.
    pub id: i64,
}

/// A stored table.
#[derive(Clone, Debug)]
pub struct StoredTable {
    /// Name.
    pub name: &'static str,
    /// `table_id` in the catalog.
    pub id: i64,
    /// The fact that it stores; none for the quarantine.
    pub fact: Option<&'static FactTable>,
    /// The columns: those of the fact in its order, then the provenance.
    pub columns: Vec<StoredColumn>,
    /// The same as an Arrow schema.
    pub schema: SchemaRef,
}

impl StoredTable {
    /// Lists the tables as a new lake gets them, numbered from 1.
    pub fn declared() -> Vec<Self> {
        let facts = TABLES.iter().map(|fact| (fact.name, Some(fact)));
        facts
            .chain([(QUARANTINE, None)])
            .zip(1..)
            .map(|((name, fact), id)| Self::new(name, id, fact, &HashMap::new()))
            .collect()
    }

    /// Makes a table whose columns have the numbers given; columns without one get the next.
    pub(crate) fn new(
        name: &'static str,
        id: i64,
        fact: Option<&'static FactTable>,
        ids: &HashMap<String, i64>,
    ) -> Self {
        let own = fact.map_or(&[][..], |fact| fact.columns).iter().map(|c| (c.name, c.kind));
        let rest = if fact.is_some() { PROVENANCE } else { QUARANTINE_COLUMNS };
        let mut next = ids.values().copied().max().unwrap_or(0);
        let columns: Vec<StoredColumn> = own
            .chain(rest.iter().copied())
            .map(|(name, kind)| {
                let id = ids.get(name).copied().unwrap_or_else(|| {
                    next += 1;
                    next
                });
                StoredColumn { name, kind, id }
            })
            .collect();
        let fields: Vec<Field> = columns.iter().map(field).collect();
        Self { name, id, fact, columns, schema: Arc::new(Schema::new(fields)) }
    }

    /// Finds the position of a column by name.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }

    /// Finds a column by name.
    pub fn column(&self, name: &str) -> Result<&StoredColumn, LakeError> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| LakeError::NoColumn {
            table: self.name.to_owned(),
            column: name.to_owned(),
        })
    }

    /// Returns the Arrow schema of some of the columns, in the order given.
    pub fn projection(&self, columns: &[&str]) -> Result<SchemaRef, LakeError> {
        let fields = columns.iter().map(|name| self.column(name).map(field));
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
    }

    /// Returns what a column may say of a person.
    pub fn personal(&self, column: &str) -> Personal {
        let found = self.fact.and_then(|fact| fact.columns.iter().find(|c| c.name == column));
        match found {
            Some(found) => found.personal,
            None if self.fact.is_none() && RECORD.contains(&column) => Personal::Record,
            None => Personal::Stray,
        }
    }

    /// True where the catalog may hold the least and greatest text of a column: never where the
    /// texts are of people, as the catalog would keep what a file has forgotten.
    pub fn keeps_statistics(&self, column: &StoredColumn) -> bool {
        let of_people = ["person", "identity", QUARANTINE].contains(&self.name);
        column.kind != Kind::Text || !of_people && self.personal(column.name) == Personal::Stray
    }
}

fn field(column: &StoredColumn) -> Field {
    let number = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), column.id.to_string())]);
    Field::new(column.name, data_type(column.kind), true).with_metadata(number)
}

/// Returns the Arrow type of a kind.
pub fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8,
        Kind::Integer => DataType::Int64,
        Kind::Boolean => DataType::Boolean,
        Kind::Day => DataType::Date32,
        Kind::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Decimal => DataType::Decimal128(38, DECIMAL_SCALE),
    }
}

/// Returns the name of a kind in the catalog.
pub fn catalog_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "varchar",
        Kind::Integer => "int64",
        Kind::Boolean => "boolean",
        Kind::Day => "date",
        Kind::Instant => "timestamptz",
        Kind::Decimal => "decimal(38,10)",
    }
}

/// True where a text column repeats few values, so that a dictionary pays.
pub(crate) fn repeats(table: &StoredTable, column: &StoredColumn) -> bool {
    const DISTINCT: &[&str] = &[
        "match_key",
        "domain",
        "next_step",
        "qualification",
        "excerpt",
        "raw",
        "answer",
        "sequence",
    ];
    let key = table.fact.is_some_and(|fact| fact.key == [column.name]);
    column.kind == Kind::Text && !key && !DISTINCT.contains(&column.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_stored_with_its_provenance_and_numbers_from_one() {
        let tables = StoredTable::declared();
        assert_eq!(tables.len(), TABLES.len() + 1);
        for table in &tables {
            let ids: Vec<i64> = table.columns.iter().map(|c| c.id).collect();
            assert_eq!(ids, (1..=i64::try_from(ids.len()).unwrap()).collect::<Vec<_>>());
            assert!(table.position("recorded_at").is_some(), "{}", table.name);
        }
    }

    #[test]
    fn a_new_column_of_the_model_gets_the_next_number() {
        let fact = FactTable::named("fx_rate").unwrap();
        let ids = [("from", 1), ("to", 2), ("day", 3), ("recorded_at", 4)];
        let ids = ids.map(|(name, id)| (name.to_owned(), id)).into();
        let table = StoredTable::new("fx_rate", 1, Some(fact), &ids);
        let rate = table.position("rate").and_then(|at| table.columns.get(at)).unwrap();
        assert_eq!(rate.id, 5);
    }
}
