//! Everything that is stored of one person, for the person: all versions of all rows, and nothing
//! of others.

use arrow::array::{Array, AsArray, UInt32Array};
use arrow::compute::take_record_batch;
use domain::fact::Personal;
use domain::{Column, Frame};

use super::forgotten::{Forgotten, Trace, name_mark};
use crate::catalog;
use crate::cells;
use crate::error::LakeError;
use crate::parquet_file;
use crate::store::Lake;

/// Columns that name the person of a row.
const OWNERS: &[(&str, &str)] = &[("person", "id"), ("*", "person_id")];

impl Lake {
    /// Gathers the rows of a person by table, tables without any left out. The column `current`
    /// says whether the row is part of the newest snapshot.
    pub fn rows_of(&self, trace: &Trace) -> Result<Vec<(&'static str, Frame)>, LakeError> {
        let mut asked = Forgotten::none(*self.person_key());
        for key in &trace.keys {
            asked.add("address", key.clone(), String::new());
        }
        for name in &trace.names {
            if let Some(mark) = name_mark(self.person_key(), name) {
                asked.add("name", mark, String::new());
            }
        }
        for record in &trace.records {
            asked.add("record", record.clone(), String::new());
        }
        let mut found = Vec::new();
        let newest = self.newest()?;
        for table in self.tables() {
            let files = catalog::files_ever(&self.connection(), self.dir(), table)?;
            let live = match newest {
                Some(newest) => self.files(newest, table.name)?,
                None => Vec::new(),
            };
            let owner = OWNERS
                .iter()
                .find(|(name, column)| {
                    [table.name, "*"].contains(name) && table.position(column).is_some()
                })
                .and_then(|(_, column)| table.position(column));
            let key = table.position("match_key");
            let records: Vec<usize> = (0..table.columns.len())
                .filter(|&at| {
                    let name = table.columns.get(at).map_or("", |column| column.name);
                    table.personal(name) == Personal::Record
                })
                .collect();
            if owner.is_none() && records.is_empty() {
                continue;
            }
            let mut columns: Vec<Column> =
                table.columns.iter().map(|column| cells::empty_column(column.kind)).collect();
            let mut current = Vec::new();
            for file in &files {
                let schema = &table.schema;
                let live = live.iter().find(|live| live.id == file.id);
                let deleted = live.map(parquet_file::deleted).transpose()?;
                let mut first_row = 0;
                parquet_file::read(&file.path, file.bytes, schema, &mut |batch| {
                    let text = |column: usize, row: usize| -> Option<&str> {
                        let array = batch.columns().get(column)?.as_string_opt::<i32>()?;
                        array.is_valid(row).then(|| array.value(row))
                    };
                    let rows: Vec<u32> = (0..batch.num_rows())
                        .filter(|&row| {
                            let id = owner.and_then(|at| text(at, row));
                            let key = key.and_then(|at| text(at, row));
                            let texts: Vec<Option<&str>> =
                                records.iter().map(|&at| text(at, row)).collect();
                            id.is_some_and(|id| trace.records.contains(id))
                                || key.is_some_and(|key| trace.keys.contains(key))
                                || asked.owns(&texts)
                        })
                        .filter_map(|row| u32::try_from(row).ok())
                        .collect();
                    current.extend(rows.iter().map(|row| {
                        let gone = |gone: &Vec<u32>| gone.contains(&(first_row + row));
                        Some(deleted.as_ref().is_some_and(|deleted| !gone(deleted)))
                    }));
                    first_row += u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
                    if rows.is_empty() {
                        return Ok(());
                    }
                    let rows = take_record_batch(&batch, &UInt32Array::from(rows))?;
                    for ((values, column), array) in
                        columns.iter_mut().zip(&table.columns).zip(rows.columns())
                    {
                        cells::extend(values, column.kind, array)?;
                    }
                    Ok(())
                })?;
            }
            if !current.is_empty() {
                let names = table.columns.iter().map(|column| column.name);
                let mut named: Vec<(&str, Column)> = names.zip(columns).collect();
                named.push(("current", Column::Boolean(current)));
                found.push((table.name, Frame::new(named)?));
            }
        }
        Ok(found)
    }
}
