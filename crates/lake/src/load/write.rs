//! From settled facts to files: adopt, filter, patch; and old versions out of the old files.
//!
//! New and changed rows of one load share files. A row that has a new version is deleted from its
//! file by position; the file itself stays as it is, also for older snapshots.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{concat_batches, filter_record_batch, interleave};
use rayon::prelude::*;

use super::Change;
use super::resolve::{Gone, Patch, Settled};
use super::staging::{Candidate, Fate, NO_VERSION, SourceRows, Staged};
use crate::catalog::DataFile;
use crate::error::LakeError;
use crate::key_index;
use crate::parquet_file::{self, BATCH_ROWS, FILE_ROWS, Scratch, TableWriter, WrittenFile};
use crate::schema::StoredTable;

/// A file with fewer rows is small.
const SMALL_ROWS: u64 = (FILE_ROWS / 16) as u64;
/// So many small files of a table are merged by the next load that touches it.
const SMALL_FILES: usize = 16;
/// In a file with a greater part of its rows deleted, in hundredths, the rest is written anew,
/// where that costs no more than the load itself.
const DELETED_PERCENT: u64 = 30;

/// Writes what is new of a table; none where nothing is.
pub(super) fn write(
    settled: &mut Settled,
    rows: &SourceRows,
    dir: &Path,
    prefix: &str,
    scratch: &Scratch,
) -> Result<Option<Change>, LakeError> {
    let plan = settled.plan(rows);
    let staged = &settled.staged;
    let n_plain = plan.plain.iter().filter(|&&plain| plain).count();
    if n_plain == 0 && plan.patches.is_empty() {
        remove_staged(staged, &[], scratch);
        return Ok(None);
    }
    let table = &staged.table;
    let mut change = Change::of(Arc::clone(table));
    let mut writer =
        TableWriter::new(Arc::clone(table), dir.to_owned(), format!("{prefix}-w"), scratch.clone());
    write_patches(settled, plan.patches.as_slice(), &mut writer)?;
    let n_new = (n_plain + plan.patches.len()) as u64;
    retire(settled, plan.gone, n_new, (dir, prefix), &mut writer, &mut change, scratch)?;

    let mut adopted = Vec::new();
    let plain = plan.plain.as_slice();
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
    change.written = writer.finish()?;
    let settled_now = &*settled;
    let origin = |candidate: &Candidate| settled_now.origin_of(candidate, rows);
    let indexed = adopted.par_iter().map(|&number| staged.index(number, scratch, &origin));
    let indexed: Vec<WrittenFile> = indexed.collect::<Result<_, _>>()?;
    change.written.extend(indexed);
    change.indexes = std::mem::take(&mut settled.made);
    change.indexes.retain(|(file, _)| !change.replaced.contains(file));
    Ok(Some(change))
}

/// Writes the next versions of keys to which several facts or the stored version contribute.
fn write_patches(
    settled: &Settled,
    patches: &[Patch],
    writer: &mut TableWriter,
) -> Result<(), LakeError> {
    let staged = &settled.staged;
    let mut over: Vec<&Patch> = patches.iter().filter(|patch| patch.stored.is_some()).collect();
    over.sort_unstable_by_key(|patch| patch.stored);
    let fresh: Vec<&Patch> = patches.iter().filter(|patch| patch.stored.is_none()).collect();
    for patches in over.chunks(FILE_ROWS).chain(fresh.chunks(FILE_ROWS)) {
        let said = Said::read(staged, patches)?;
        for patches in patches.chunks(BATCH_ROWS) {
            let places: Vec<(usize, usize)> = patches.iter().filter_map(|p| p.stored).collect();
            let stored = if places.is_empty() {
                None
            } else {
                // Only what some next version keeps of the stored one.
                let kept: Vec<bool> = staged
                    .table
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(at, column)| {
                        patches
                            .iter()
                            .any(|patch| last_word(staged, patch, at, column.name).is_none())
                    })
                    .collect();
                let wanted = |at: usize| kept.get(at) == Some(&true);
                Some(gather_live(&staged.table, &settled.live, &places, &wanted)?)
            };
            writer.write(&said.apply(staged, stored.as_ref(), patches)?)?;
        }
    }
    Ok(())
}

/// Takes replaced rows out of their files: by a list of their positions, or by writing the rest of
/// the rows anew, where few of them are left or the file is one of many small ones.
fn retire(
    settled: &Settled,
    mut gone: Vec<Gone>,
    n_new: u64,
    (dir, prefix): (&Path, &str),
    writer: &mut TableWriter,
    change: &mut Change,
    scratch: &Scratch,
) -> Result<(), LakeError> {
    let staged = &settled.staged;
    gone.sort_unstable_by_key(|gone| (gone.file, gone.row));
    let mut gone = gone.into_iter().peekable();
    let small = |file: &DataFile| file.n_rows < SMALL_ROWS;
    let merge = settled.live.iter().filter(|file| small(file)).count() >= SMALL_FILES;
    // Rows that may still be written anew, so that the cost follows the change.
    let mut budget = n_new;
    for (number, file) in settled.live.iter().enumerate() {
        let mut withdrawn = file.deletes.as_ref().map_or(0, |deletes| deletes.n_withdrawn);
        let mut rows = Vec::new();
        while let Some(gone) = gone.next_if(|gone| gone.file == number) {
            rows.push(gone.row);
            withdrawn += u64::from(gone.withdrawn);
        }
        let merged = merge && small(file);
        if rows.is_empty() && !merged {
            continue;
        }
        if let Some(before) = settled.deleted.get(&number) {
            rows.extend_from_slice(before);
        } else if let Some(deletes) = &file.deletes {
            // Read with the index, so never absent.
            let found = deletes.path.display().to_string();
            return Err(LakeError::Unreadable { what: "list of deleted rows", found });
        }
        rows.sort_unstable();
        let left = file.n_stored.saturating_sub(rows.len() as u64);
        let many = rows.len() as u64 * 100 > file.n_stored * DELETED_PERCENT;
        if left == 0 || merged || many && left <= budget {
            budget = budget.saturating_sub(left);
            if left > 0 {
                parquet_file::read_without(file, &rows, &staged.table.schema, &mut |batch| {
                    writer.write(&batch)
                })?;
            }
            change.replaced.push(file.id);
            change.retired.push(key_index::path_of(&file.path));
        } else {
            let path = dir.join(format!("{prefix}-d{:04}.parquet", change.deleted.len()));
            change
                .deleted
                .push(parquet_file::write_deleted(path, file, &rows, withdrawn, scratch)?);
        }
    }
    Ok(())
}

fn remove_staged(staged: &Staged, adopted: &[usize], scratch: &Scratch) {
    for (number, file) in staged.files.iter().enumerate() {
        if !adopted.contains(&number) {
            scratch.remove(&file.path);
        }
    }
}

/// The staged rows that some patches need.
struct Said {
    /// Positions of the facts, ascending.
    positions: Vec<usize>,
    rows: RecordBatch,
}

impl Said {
    fn read(staged: &Staged, patches: &[&Patch]) -> Result<Self, LakeError> {
        let mut positions: Vec<usize> =
            patches.iter().flat_map(|patch| patch.facts.iter().copied()).collect();
        positions.sort_unstable();
        let rows = gather_staged(staged, &positions)?;
        Ok(Self { positions, rows })
    }

    /// Puts patches over the stored rows, one for each patch, or over nothing.
    fn apply(
        &self,
        staged: &Staged,
        stored: Option<&RecordBatch>,
        patches: &[&Patch],
    ) -> Result<RecordBatch, LakeError> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(staged.table.columns.len());
        for (at, column) in staged.table.columns.iter().enumerate() {
            let said = self.rows.column(at);
            let under = match stored {
                Some(batch) => Arc::clone(batch.column(at)),
                None => new_null_array(said.data_type(), 1),
            };
            let sources: Vec<(usize, usize)> = patches
                .iter()
                .enumerate()
                .map(|(row, patch)| {
                    let said = last_word(staged, patch, at, column.name)
                        .and_then(|position| self.positions.binary_search(&position).ok());
                    let kept = if stored.is_some() { row } else { 0 };
                    said.map_or((0, kept), |said| (1, said))
                })
                .collect();
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
            "origin" => return patch.origin,
            "withdrawn" | "inferred" => last(&|_| true),
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
    gather(&staged.table, &files, &places, &|_| true)
}

/// Reads the wanted columns of the stored rows at some files and rows, which ascend.
pub(super) fn gather_live(
    table: &StoredTable,
    live: &[DataFile],
    places: &[(usize, usize)],
    wanted: &dyn Fn(usize) -> bool,
) -> Result<RecordBatch, LakeError> {
    let files: Vec<(&Path, u64)> =
        live.iter().map(|file| (file.path.as_path(), file.bytes)).collect();
    gather(table, &files, places, wanted)
}

fn gather(
    table: &StoredTable,
    files: &[(&Path, u64)],
    places: &[(usize, usize)],
    wanted: &dyn Fn(usize) -> bool,
) -> Result<RecordBatch, LakeError> {
    let mut batches = Vec::new();
    for within in places.chunk_by(|a, b| a.0 == b.0) {
        let file = within.first().and_then(|(file, _)| files.get(*file));
        let Some(&(path, bytes)) = file else { continue };
        let rows = within.iter().map(|(_, row)| u32::try_from(*row).unwrap_or(u32::MAX));
        let rows: Vec<u32> = rows.collect();
        parquet_file::read_rows(path, bytes, &table.schema, &rows, wanted, &mut |batch| {
            batches.push(batch);
            Ok(())
        })?;
    }
    Ok(concat_batches(&table.schema, &batches)?)
}
