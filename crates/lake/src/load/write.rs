//! From settled facts to files: adopt, filter, patch.
//!
//! A file with changed facts is written anew with its other rows; the old file stays for older
//! snapshots. New and changed rows of one load share files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{concat_batches, filter_record_batch, interleave, take_record_batch};

use super::Change;
use super::resolve::{Patch, Settled};
use super::staging::{Candidate, Fate, NO_VERSION, SourceRows, Staged};
use crate::catalog::DataFile;
use crate::error::LakeError;
use crate::parquet_file::{self, BATCH_ROWS, FILE_ROWS, Scratch, TableWriter};
use crate::schema::StoredTable;

/// A file with fewer rows is small.
const SMALL_ROWS: u64 = (FILE_ROWS / 16) as u64;
/// So many small files of a table are merged by the next load that touches it.
const SMALL_FILES: usize = 16;

/// Writes what is new of a table; none where nothing is.
pub(super) fn write(
    settled: &Settled,
    rows: &SourceRows,
    dir: &Path,
    prefix: &str,
    scratch: &Scratch,
) -> Result<Option<Change>, LakeError> {
    let staged = &settled.staged;
    let (plain, patches) = settled.to_write(rows);
    let mut touched: BTreeMap<usize, Vec<Patch>> = BTreeMap::new();
    let mut fresh = Vec::new();
    for patch in patches {
        match patch.stored {
            Some((file, _)) => touched.entry(file).or_default().push(patch),
            None => fresh.push(patch),
        }
    }
    let nothing = touched.is_empty() && fresh.is_empty() && !plain.contains(&true);
    if nothing {
        remove_staged(staged, &[], scratch);
        return Ok(None);
    }
    let small = |(_, file): &(usize, &DataFile)| file.n_rows < SMALL_ROWS;
    let small: Vec<usize> = settled.live.iter().enumerate().filter(small).map(|f| f.0).collect();
    if small.len() >= SMALL_FILES {
        for file in small {
            touched.entry(file).or_default();
        }
    }

    let table = &staged.table;
    let mut writer =
        TableWriter::new(Arc::clone(table), dir.to_owned(), format!("{prefix}-w"), scratch.clone());
    let mut replaced = Vec::new();
    for (file, mut patches) in touched {
        let Some(file) = settled.live.get(file) else { continue };
        patches.sort_unstable_by_key(|patch| patch.stored);
        rewrite(staged, file, &patches, &mut writer)?;
        replaced.push(file.id);
    }
    for fresh in fresh.chunks(FILE_ROWS) {
        let said = Said::read(staged, fresh)?;
        for fresh in fresh.chunks(BATCH_ROWS) {
            let patched: Vec<(usize, &Patch)> = fresh.iter().enumerate().collect();
            writer.write(&said.apply(staged, None, fresh.len(), &patched)?)?;
        }
    }
    let mut adopted = Vec::new();
    for (number, (file, plain)) in staged.files.iter().zip(plain.chunks(FILE_ROWS)).enumerate() {
        if plain.iter().all(|&plain| plain) {
            adopted.push(number);
        } else if plain.contains(&true) {
            let mut first_row = 0;
            parquet_file::read(&file.path, file.bytes, &table.schema, &mut |batch| {
                let end = first_row + batch.num_rows();
                let kept = plain.get(first_row..end).unwrap_or_default();
                first_row = end;
                if kept.contains(&true) {
                    let kept = BooleanArray::from(kept.to_vec());
                    writer.write(&filter_record_batch(&batch, &kept)?)?;
                }
                Ok(())
            })?;
        }
    }
    remove_staged(staged, &adopted, scratch);
    let mut written = writer.finish()?;
    for number in adopted {
        if let Some(file) = staged.files.get(number) {
            written.push(file.clone());
        }
    }
    Ok(Some(Change { table: Arc::clone(table), replaced, written }))
}

fn remove_staged(staged: &Staged, adopted: &[usize], scratch: &Scratch) {
    for (number, file) in staged.files.iter().enumerate() {
        if !adopted.contains(&number) {
            scratch.remove(&file.path);
        }
    }
}

/// Writes the rows of a stored file, the patched ones in their new version.
fn rewrite(
    staged: &Staged,
    file: &DataFile,
    patches: &[Patch],
    writer: &mut TableWriter,
) -> Result<(), LakeError> {
    let said = Said::read(staged, patches)?;
    let mut patches = patches.iter().peekable();
    let mut first_row = 0;
    parquet_file::read(&file.path, file.bytes, &staged.table.schema, &mut |batch| {
        let end = first_row + batch.num_rows();
        let mut patched = Vec::new();
        let within = |patch: &&Patch| patch.stored.is_some_and(|(_, row)| row < end);
        while let Some(patch) = patches.next_if(within) {
            let row = patch.stored.map_or(0, |(_, row)| row);
            patched.push((row - first_row, patch));
        }
        first_row = end;
        if patched.is_empty() {
            writer.write(&batch)
        } else {
            writer.write(&said.apply(staged, Some(&batch), batch.num_rows(), &patched)?)
        }
    })
}

/// The staged rows that some patches need.
struct Said {
    /// Positions of the facts, ascending.
    positions: Vec<usize>,
    rows: RecordBatch,
}

impl Said {
    fn read(staged: &Staged, patches: &[Patch]) -> Result<Self, LakeError> {
        let mut positions: Vec<usize> =
            patches.iter().flat_map(|patch| patch.facts.iter().copied()).collect();
        positions.sort_unstable();
        let rows = gather_staged(staged, &positions)?;
        Ok(Self { positions, rows })
    }

    /// Puts the patches, each with its row, over stored rows, or over `n_rows` empty ones.
    fn apply(
        &self,
        staged: &Staged,
        stored: Option<&RecordBatch>,
        n_rows: usize,
        patches: &[(usize, &Patch)],
    ) -> Result<RecordBatch, LakeError> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(staged.table.columns.len());
        for (at, column) in staged.table.columns.iter().enumerate() {
            let said = self.rows.column(at);
            let under = match stored {
                Some(batch) => Arc::clone(batch.column(at)),
                None => new_null_array(said.data_type(), 1),
            };
            let row_under = |row: usize| if stored.is_some() { (0, row) } else { (0, 0) };
            let mut sources: Vec<(usize, usize)> = (0..n_rows).map(row_under).collect();
            for (row, patch) in patches {
                let said = last_word(staged, patch, at, column.name)
                    .and_then(|position| self.positions.binary_search(&position).ok());
                if let Some((said, source)) = said.zip(sources.get_mut(*row)) {
                    *source = (1, said);
                }
            }
            columns.push(interleave(&[&*under, &**said], &sources)?);
        }
        Ok(RecordBatch::try_new(Arc::clone(&staged.table.schema), columns)?)
    }
}

/// Finds the fact of a patch that has the last word on a column; none where it stays as stored.
fn last_word(staged: &Staged, patch: &Patch, at: usize, name: &str) -> Option<usize> {
    let last = |wanted: &dyn Fn(&Candidate) -> bool| {
        let facts = patch.facts.iter().rev().copied();
        let mut facts = facts.filter_map(|at| Some((at, staged.candidates.get(at)?)));
        facts.find(|(_, candidate)| wanted(candidate))
    };
    let found = if at < staged.fact.columns.len() {
        last(&|candidate| {
            let mask = staged.masks.get(usize::from(candidate.mask));
            mask.is_some_and(|mask| mask & (1 << at) != 0)
        })
    } else {
        match name {
            "withdrawn" => last(&|_| true),
            "version_at" => last(&|candidate| candidate.version != NO_VERSION),
            // Recorded, by this load, from the last place that said something new.
            _ => last(&|candidate| matches!(candidate.fate, Fate::New | Fate::Changed)),
        }
    };
    found.filter(|(_, candidate)| candidate.fate != Fate::Older).map(|(position, _)| position)
}

/// Reads the staged rows at some positions, which ascend.
pub(super) fn gather_staged(
    staged: &Staged,
    positions: &[usize],
) -> Result<RecordBatch, LakeError> {
    let files: Vec<(&Path, u64)> =
        staged.files.iter().map(|file| (file.path.as_path(), file.bytes)).collect();
    let places: Vec<(usize, usize)> =
        positions.iter().map(|position| (position / FILE_ROWS, position % FILE_ROWS)).collect();
    gather(&staged.table, &files, &places)
}

/// Reads the stored rows at some files and rows, which ascend.
pub(super) fn gather_live(
    table: &StoredTable,
    live: &[DataFile],
    places: &[(usize, usize)],
) -> Result<RecordBatch, LakeError> {
    let files: Vec<(&Path, u64)> =
        live.iter().map(|file| (file.path.as_path(), file.bytes)).collect();
    gather(table, &files, places)
}

fn gather(
    table: &StoredTable,
    files: &[(&Path, u64)],
    places: &[(usize, usize)],
) -> Result<RecordBatch, LakeError> {
    let mut batches = Vec::new();
    for wanted in places.chunk_by(|a, b| a.0 == b.0) {
        let file = wanted.first().and_then(|(file, _)| files.get(*file));
        let Some(&(path, bytes)) = file else { continue };
        let mut wanted = wanted.iter().map(|(_, row)| *row).peekable();
        let mut first_row = 0;
        parquet_file::read(path, bytes, &table.schema, &mut |batch| {
            let end = first_row + batch.num_rows();
            let mut rows: Vec<u32> = Vec::new();
            while let Some(row) = wanted.next_if(|&row| row < end) {
                rows.push(u32::try_from(row - first_row).unwrap_or(u32::MAX));
            }
            first_row = end;
            if !rows.is_empty() {
                batches.push(take_record_batch(&batch, &UInt32Array::from(rows))?);
            }
            Ok(())
        })?;
    }
    Ok(concat_batches(&table.schema, &batches)?)
}
