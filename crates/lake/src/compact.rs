//! Small files of a table merged into larger ones: the same rows in a new snapshot.
//!
//! No figure changes. Older snapshots keep their files, and nothing is removed that one of them
//! names. The new snapshot stands for the newest load from then on.

use std::sync::Arc;

use serde::Serialize;

use crate::catalog::{self, Commit, DataFile, SnapshotId, TableChange};
use crate::chain;
use crate::error::LakeError;
use crate::lock::WriterLock;
use crate::parquet_file::{FILE_ROWS, Scratch, TableWriter, WrittenFile, flush_folder};
use crate::schema::StoredTable;
use crate::sql::params;
use crate::store::Lake;

/// A file with fewer rows is merged with others.
const SMALL_ROWS: u64 = (FILE_ROWS / 4) as u64;

/// What was merged.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Compacted {
    /// The snapshot that it made; none where there was nothing to merge.
    pub snapshot: Option<SnapshotId>,
    /// By table, those that had something to merge.
    pub tables: Vec<CompactedTable>,
    /// Files of dead writers that were removed.
    pub n_swept: u64,
}

/// What was merged of a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CompactedTable {
    /// The table.
    pub table: String,
    /// Its rows in these files, withdrawn facts included: as many before as after.
    pub n_rows: u64,
    /// Files before.
    pub n_before: u64,
    /// Files after.
    pub n_after: u64,
    /// Bytes before.
    pub bytes_before: u64,
    /// Bytes after.
    pub bytes_after: u64,
}

struct Merged {
    table: Arc<StoredTable>,
    before: Vec<DataFile>,
    written: Vec<WrittenFile>,
}

impl Lake {
    /// Merges the small files of each table. Fails where another process writes.
    pub fn compact(&self) -> Result<Compacted, LakeError> {
        let lock = WriterLock::take(self.place())?;
        let mut done = Compacted::default();
        {
            let connection = self.connection();
            chain::check(self.dir(), &connection)?;
            done.n_swept = lock.sweep(self.dir(), &connection)?.len() as u64;
        }
        let Some(newest) = self.newest()? else { return Ok(done) };
        let scratch = Scratch::default();
        let prefix = format!("compact-{}", catalog::random_name()?);
        let mut merged = Vec::new();
        for table in self.tables() {
            let files = self.files(newest, table.name)?;
            let small: Vec<DataFile> =
                files.into_iter().filter(|file| file.n_rows < SMALL_ROWS).collect();
            if small.len() < 2 {
                continue;
            }
            merged.push(self.merge(table, small, &prefix, &scratch)?);
        }
        if merged.is_empty() {
            return Ok(done);
        }
        let snapshot = self.change(&lock, "compact", |connection| {
            let sql = "SELECT load_id FROM load_ledger ORDER BY load_id DESC LIMIT 1";
            let load_id: i64 = connection.query_row(sql, [], |row| row.get(0))?;
            let changes: Vec<TableChange<'_>> = merged
                .iter()
                .map(|merged| TableChange {
                    table: &merged.table,
                    replaced: merged.before.iter().map(|file| file.id).collect(),
                    written: &merged.written,
                    deleted: &[],
                    indexes: &[],
                })
                .collect();
            let commit = Commit {
                load_id,
                recorded_at: catalog::head(connection)?.recorded_at()?,
                author: None,
                message: Some("compact"),
                content_hash: "",
            };
            let snapshot = catalog::commit(connection, &commit, &changes)?;
            connection.execute(
                "INSERT INTO lake_compaction VALUES (?, ?)",
                params![snapshot.0, load_id],
            )?;
            scratch.keep();
            Ok(snapshot)
        })?;
        // The indexes of the keys of files that are read by older snapshots only.
        lock.sweep(self.dir(), &self.connection())?;
        done.snapshot = Some(snapshot);
        done.tables = merged
            .iter()
            .map(|merged| CompactedTable {
                table: merged.table.name.to_owned(),
                n_rows: merged.before.iter().map(|file| file.n_rows).sum(),
                n_before: merged.before.len() as u64,
                n_after: merged.written.len() as u64,
                bytes_before: merged.before.iter().map(|file| file.bytes).sum(),
                bytes_after: merged.written.iter().map(|file| file.bytes).sum(),
            })
            .collect();
        Ok(done)
    }

    fn merge(
        &self,
        table: &Arc<StoredTable>,
        before: Vec<DataFile>,
        prefix: &str,
        scratch: &Scratch,
    ) -> Result<Merged, LakeError> {
        let folder = self.dir().join("main").join(table.name);
        let mut writer =
            TableWriter::new(Arc::clone(table), folder.clone(), prefix.to_owned(), scratch.clone());
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        for file in &before {
            self.scan_file(table.name, file, &columns, &mut |batch| writer.write(&batch))?;
        }
        let written = writer.finish()?;
        let (rows, expected): (u64, u64) = (
            written.iter().map(|file| file.rows).sum(),
            before.iter().map(|file| file.n_rows).sum(),
        );
        if rows != expected {
            return Err(LakeError::Unreadable {
                what: "number of rows of a table",
                found: format!("{rows} of `{}`, expected {expected}", table.name),
            });
        }
        flush_folder(&folder)?;
        Ok(Merged { table: Arc::clone(table), before, written })
    }
}
