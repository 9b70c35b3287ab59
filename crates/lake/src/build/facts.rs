//! Where a build takes its facts from: a lake at a snapshot, or facts in memory.
//!
//! A build asks for columns of a table and gets batches. It relies on one row for each key and on
//! no order. Withdrawn rows come too, because a record that was merged away still says into which.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use domain::fact::{Fact, FactTable, Kind};
use domain::{Cell, Frame};

use crate::catalog::{DataFile, SnapshotId};
use crate::cells;
use crate::error::LakeError;
use crate::record::Record;
use crate::schema::{PROVENANCE, data_type};
use crate::store::Lake;

/// The facts that a build reads.
pub trait Facts: Send + Sync {
    /// Hands over the columns of all rows of a table, batch by batch, in the order asked for.
    /// Withdrawn rows are among them only where `withdrawn` is one of the columns.
    fn scan(
        &self,
        table: &str,
        columns: &[&str],
        each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError>;

    /// Returns a text that differs where the facts differ.
    fn identity(&self) -> Result<String, LakeError>;

    /// Says what was loaded and what was refused; nothing where the facts come from no load.
    fn record(&self) -> Result<Record, LakeError> {
        Ok(Record::default())
    }

    /// Lists the files of a table, where it is kept in files; a file never changes.
    fn files(&self, table: &str) -> Result<Option<Vec<DataFile>>, LakeError> {
        let _: &str = table;
        Ok(None)
    }

    /// Hands over the columns of the rows of one file.
    fn scan_file(
        &self,
        table: &str,
        file: &DataFile,
        columns: &[&str],
        each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let _: &DataFile = file;
        self.scan(table, columns, each)
    }
}

/// The facts of a lake as of a snapshot.
#[derive(Clone, Debug)]
pub struct LakeFacts {
    /// The lake.
    pub lake: Arc<Lake>,
    /// The snapshot.
    pub snapshot: SnapshotId,
}

impl Facts for LakeFacts {
    fn scan(
        &self,
        table: &str,
        columns: &[&str],
        each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        self.lake.scan(self.snapshot, table, columns, each)
    }

    fn identity(&self) -> Result<String, LakeError> {
        self.lake.identity(self.snapshot)
    }

    fn record(&self) -> Result<Record, LakeError> {
        self.lake.record(self.snapshot)
    }

    fn files(&self, table: &str) -> Result<Option<Vec<DataFile>>, LakeError> {
        self.lake.files(self.snapshot, table).map(Some)
    }

    fn scan_file(
        &self,
        table: &str,
        file: &DataFile,
        columns: &[&str],
        each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        self.lake.scan_file(table, file, columns, each)
    }
}

/// Facts in memory: for tests, and for small data that need no lake.
#[derive(Clone, Default, Debug)]
pub struct MemoryFacts {
    tables: BTreeMap<&'static str, Vec<(Vec<Cell>, bool)>>,
}

impl MemoryFacts {
    /// Takes in a fact; one with the key of an earlier one replaces it.
    pub fn push(&mut self, fact: Fact) {
        let rows = self.tables.entry(fact.table.name).or_default();
        let key = fact.key();
        let same = rows.iter().position(|(cells, _)| {
            fact.table.key.iter().zip(key.split('\u{1f}')).all(|(column, part)| {
                let cell = fact.table.position(column).and_then(|at| cells.get(at));
                cell.is_some_and(|cell| cell.to_string() == part)
            })
        });
        let row = (fact.cells, fact.deleted);
        match same.and_then(|at| rows.get_mut(at)) {
            Some(old) => *old = row,
            None => rows.push(row),
        }
    }

    /// Takes in a row without looking for an earlier one of the same key.
    pub fn push_row(&mut self, table: &'static FactTable, cells: Vec<Cell>) {
        self.tables.entry(table.name).or_default().push((cells, false));
    }

    /// Returns the rows of a table for changes: cells in the order of its columns, and withdrawn.
    pub fn rows_mut(&mut self, table: &'static str) -> &mut Vec<(Vec<Cell>, bool)> {
        self.tables.entry(table).or_default()
    }
}

impl Facts for MemoryFacts {
    fn scan(
        &self,
        table: &str,
        columns: &[&str],
        each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let fact = table_named(table)?;
        let rows = self.tables.get(table).map_or(&[][..], Vec::as_slice);
        let with_withdrawn = columns.contains(&"withdrawn");
        let rows: Vec<_> = rows.iter().filter(|(_, gone)| with_withdrawn || !gone).collect();
        for rows in rows.chunks(1000) {
            let mut fields = Vec::new();
            let mut arrays = Vec::new();
            for &column in columns {
                let kind = kind_of(fact, column)?;
                let mut builder = cells::Builder::new(kind);
                let at = fact.position(column);
                for (cells, withdrawn) in rows {
                    let cell = match at {
                        Some(at) => cells.get(at).unwrap_or(&Cell::Null),
                        None if column == "withdrawn" => &Cell::Boolean(*withdrawn),
                        None => &Cell::Null,
                    };
                    builder.append(cell);
                }
                fields.push(Field::new(column, data_type(kind), true));
                arrays.push(builder.finish());
            }
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            let schema = Arc::new(Schema::new(fields));
            each(RecordBatch::try_new_with_options(schema, arrays, &options)?)?;
        }
        Ok(())
    }

    fn identity(&self) -> Result<String, LakeError> {
        let mut hasher = blake3::Hasher::new();
        for (table, rows) in &self.tables {
            hasher.update(format!("{table} {rows:?}").as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

fn table_named(table: &str) -> Result<&'static FactTable, LakeError> {
    FactTable::named(table).ok_or_else(|| LakeError::NoTable { table: table.to_owned() })
}

fn kind_of(table: &FactTable, column: &str) -> Result<Kind, LakeError> {
    let own = table.columns.iter().find(|c| c.name == column).map(|c| c.kind);
    own.or_else(|| PROVENANCE.iter().find(|(name, _)| *name == column).map(|(_, kind)| *kind))
        .ok_or_else(|| LakeError::NoColumn {
            table: table.name.to_owned(),
            column: column.to_owned(),
        })
}

/// Reads columns of all rows of a table; withdrawn ones too where `withdrawn` is among the columns.
pub(crate) fn frame(facts: &dyn Facts, table: &str, columns: &[&str]) -> Result<Frame, LakeError> {
    let fact = table_named(table)?;
    let mut made = Vec::new();
    for &column in columns {
        made.push(cells::empty_column(kind_of(fact, column)?));
    }
    facts.scan(table, columns, &mut |batch| {
        for ((column, name), array) in made.iter_mut().zip(columns).zip(batch.columns()) {
            cells::extend(column, kind_of(fact, name)?, array)?;
        }
        Ok(())
    })?;
    Ok(Frame::new(columns.iter().copied().zip(made).collect())?)
}

/// A batch whose columns are read by position.
pub(crate) struct Batch<'a>(pub(crate) &'a RecordBatch);

macro_rules! getter {
    ($name:ident, $array:ty, $value:ty, $read:expr) => {
        /// Returns one value of a column; none where it is empty or of another kind.
        pub(crate) fn $name(array: Option<&'a $array>, row: usize) -> Option<$value> {
            let array = array.filter(|array| row < array.len() && array.is_valid(row))?;
            let read: fn(&'a $array, usize) -> $value = $read;
            Some(read(array, row))
        }
    };
}

impl<'a> Batch<'a> {
    pub(crate) fn texts(&self, column: usize) -> Option<&'a StringArray> {
        self.0.columns().get(column)?.as_string_opt()
    }

    pub(crate) fn instants(&self, column: usize) -> Option<&'a TimestampMicrosecondArray> {
        self.0.columns().get(column)?.as_primitive_opt()
    }

    pub(crate) fn booleans(&self, column: usize) -> Option<&'a BooleanArray> {
        self.0.columns().get(column)?.as_boolean_opt()
    }

    getter!(instant, TimestampMicrosecondArray, i64, |array, row| array.value(row));
    getter!(flag, BooleanArray, bool, |array, row| array.value(row));

    /// Returns a text of a column; none where it is missing or empty.
    pub(crate) fn text(array: Option<&'a StringArray>, row: usize) -> Option<&'a str> {
        let array = array.filter(|array| row < array.len() && array.is_valid(row))?;
        Some(array.value(row)).filter(|text| !text.is_empty())
    }
}
