//! Rows as they come: written to files at once, remembered by their hashes.
//!
//! The files have the final form, so that a file all of whose facts turn out to be new is adopted
//! as it is. Rows become columns on the thread that brings them; columns are hashed, packed and
//! written on another one, batch after batch in the order in which they came.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::{ArrayRef, RecordBatch};
use domain::Cell;
use domain::fact::{Fact, FactTable, Kind, Refusal};
use jiff::Timestamp;

use super::FileReport;
use crate::cells::{self, Builder, Hash, Hasher, filled};
use crate::error::LakeError;
use crate::key_index::{self, Entry, IndexWriter};
use crate::parquet_file::{BATCH_ROWS, FILE_ROWS, Scratch, TableWriter, WrittenFile};
use crate::schema::StoredTable;

pub(super) use crate::key_index::NO_VERSION;

/// The source rows of a load that speak of facts.
#[derive(Default)]
pub(super) struct SourceRows(Vec<SourceRow>);

pub(super) struct SourceRow {
    pub(super) line: u64,
    pub(super) file: u32,
    /// Something of it is new.
    pub(super) loaded: bool,
    pub(super) refused: bool,
    /// It stands in no file: a complete extract leaves it out.
    pub(super) inferred: bool,
}

impl SourceRows {
    pub(super) fn add(&mut self, file: usize, line: u64) -> Result<u32, LakeError> {
        self.push(file, line, false)
    }

    /// Adds what a complete extract leaves out, as a row of no line that is not counted.
    pub(super) fn add_inferred(&mut self, file: usize) -> Result<u32, LakeError> {
        self.push(file, 0, true)
    }

    fn push(&mut self, file: usize, line: u64, inferred: bool) -> Result<u32, LakeError> {
        let too_large = || LakeError::TooLarge { limit: u32::MAX.into() };
        let number = u32::try_from(self.0.len()).map_err(|_| too_large())?;
        let file = u32::try_from(file).map_err(|_| too_large())?;
        self.0.push(SourceRow { line, file, loaded: false, refused: false, inferred });
        Ok(number)
    }

    pub(super) fn len(&self) -> u32 {
        // No row is added beyond the last number.
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn get(&self, row: u32) -> Option<&SourceRow> {
        self.0.get(row as usize)
    }

    pub(super) fn get_mut(&mut self, row: u32) -> Option<&mut SourceRow> {
        self.0.get_mut(row as usize)
    }

    pub(super) fn refused(&self, row: u32) -> bool {
        self.get(row).is_some_and(|row| row.refused)
    }

    /// Counts each row once, with its file.
    pub(super) fn count(&self, files: &mut [FileReport]) {
        for row in self.0.iter().filter(|row| !row.inferred) {
            if let Some(file) = files.get_mut(row.file as usize) {
                let count = match (row.refused, row.loaded) {
                    (true, _) => &mut file.rows.quarantined,
                    (false, true) => &mut file.rows.loaded,
                    (false, false) => &mut file.rows.known,
                };
                *count += 1;
            }
        }
    }
}

/// What is remembered of a fact of the load; its row stands in the staged files at its position.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) key: Hash,
    /// Over the carried columns.
    pub(super) content: Hash,
    /// Microseconds since the epoch, or [`NO_VERSION`].
    pub(super) version: i64,
    /// Number of its source row.
    pub(super) row: u32,
    /// Number of its set of carried columns.
    pub(super) mask: u16,
    pub(super) deleted: bool,
    pub(super) fate: Fate,
}

/// What becomes of a fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Its key is not stored.
    New,
    /// It differs from what is stored, if only by a later version.
    Changed,
    /// It is stored as it is.
    Unchanged,
    /// It is stored, and whether it changes is not known yet.
    Unsure,
    /// A later version is stored.
    Older,
    /// Another row of the load says the same.
    Repeated,
    /// A later row of the load says something else.
    Superseded,
}

/// Batches that may wait for the thread that writes them.
const WAITING: usize = 2;

/// The facts of one table while they come.
pub(super) struct Staging {
    key_mask: u64,
    builders: Vec<Builder>,
    /// Facts in the builders, with their hashes still to be taken.
    pending: Vec<Candidate>,
    masks: Vec<u64>,
    /// Here while a batch is not full: few rows need no thread. None once it is with the thread.
    writer: Option<Box<Writer>>,
    thread: Option<Thread>,
    table: Arc<StoredTable>,
    fact: &'static FactTable,
    load_id: i64,
    recorded_at: Timestamp,
}

/// A thread that writes batches; dropped, it is waited for, so that nothing is written any more.
struct Thread {
    batches: Option<SyncSender<Batch>>,
    handle: Option<JoinHandle<Result<Box<Writer>, LakeError>>>,
}

/// Facts as columns, ready to be hashed and written.
struct Batch {
    rows: RecordBatch,
    candidates: Vec<Candidate>,
    masks: Vec<u64>,
}

/// What hashes and writes the batches of a table.
struct Writer {
    table: Arc<StoredTable>,
    /// Positions of the key columns.
    key: Vec<usize>,
    candidates: Vec<Candidate>,
    /// The columns that hold something, by [`BATCH_ROWS`] facts.
    filled: Vec<u64>,
    files: TableWriter,
}

/// The facts of one table when all have come.
pub(super) struct Staged {
    pub(super) table: Arc<StoredTable>,
    pub(super) fact: &'static FactTable,
    /// Positions of the key columns.
    pub(super) key: Vec<usize>,
    /// By position: file after file, row after row.
    pub(super) candidates: Vec<Candidate>,
    /// The sets of carried columns.
    pub(super) masks: Vec<u64>,
    /// The columns that hold something, by [`BATCH_ROWS`] facts.
    filled: Vec<u64>,
    /// All but the last have [`crate::parquet_file::FILE_ROWS`] rows.
    pub(super) files: Vec<WrittenFile>,
}

impl Staging {
    pub(super) fn new(
        table: Arc<StoredTable>,
        fact: &'static FactTable,
        dir: PathBuf,
        prefix: &str,
        scratch: Scratch,
        load_id: i64,
        recorded_at: Timestamp,
    ) -> Self {
        let key: Vec<usize> = fact.key.iter().filter_map(|name| fact.position(name)).collect();
        let files = TableWriter::new(Arc::clone(&table), dir, format!("{prefix}-s"), scratch)
            .without_index();
        Self {
            key_mask: key.iter().fold(0, |mask, at| mask | 1 << at),
            builders: table.columns.iter().map(|column| Builder::new(column.kind)).collect(),
            pending: Vec::with_capacity(BATCH_ROWS),
            masks: Vec::new(),
            writer: Some(Box::new(Writer {
                table: Arc::clone(&table),
                key,
                candidates: Vec::new(),
                filled: Vec::new(),
                files,
            })),
            thread: None,
            table,
            fact,
            load_id,
            recorded_at,
        }
    }

    /// Adds a fact that was checked against its table, or one that is inferred.
    pub(super) fn add(
        &mut self,
        row: u32,
        fact: &Fact,
        origin: &Cell,
        inferred: bool,
    ) -> Result<(), LakeError> {
        let width = self.fact.columns.len();
        // The key is part of what a row says, also where the source does not list it.
        let carried = (fact.carried | self.key_mask) & (u64::MAX >> (64 - width.min(64)));
        let known = self.masks.iter().position(|&mask| mask == carried);
        let mask = known.unwrap_or(self.masks.len());
        if known.is_none() {
            self.masks.push(carried);
        }
        let version = fact.version.map(jiff::Timestamp::as_microsecond);
        self.pending.push(Candidate {
            key: Hash::default(),
            content: Hash::default(),
            version: version.unwrap_or(NO_VERSION),
            row,
            mask: u16::try_from(mask)
                .map_err(|_| LakeError::TooLarge { limit: u16::MAX.into() })?,
            deleted: fact.deleted,
            fate: Fate::New,
        });
        let (own, rest) = self.builders.split_at_mut(width);
        for (at, builder) in own.iter_mut().enumerate() {
            let cell = if carried & (1 << at) == 0 { None } else { fact.cells.get(at) };
            builder.append(cell.unwrap_or(&Cell::Null));
        }
        // In the order of `schema::PROVENANCE`.
        let provenance = [
            Cell::Instant(self.recorded_at),
            Cell::Integer(self.load_id),
            Cell::Text(Arc::clone(&fact.place.file)),
            Cell::Integer(i64::try_from(fact.place.line).unwrap_or(i64::MAX)),
            fact.version.map_or(Cell::Null, Cell::Instant),
            Cell::Boolean(fact.deleted),
            origin.clone(),
            if inferred { Cell::Boolean(true) } else { Cell::Null },
        ];
        for (builder, cell) in rest.iter_mut().zip(&provenance) {
            builder.append(cell);
        }
        if self.pending.len() == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Takes what is pending as a batch.
    fn batch(&mut self) -> Result<Batch, LakeError> {
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(Builder::finish).collect();
        Ok(Batch {
            rows: RecordBatch::try_new(Arc::clone(&self.table.schema), arrays)?,
            candidates: std::mem::replace(&mut self.pending, Vec::with_capacity(BATCH_ROWS)),
            masks: self.masks.clone(),
        })
    }

    /// Hands a full batch to the thread.
    fn flush(&mut self) -> Result<(), LakeError> {
        let batch = self.batch()?;
        let thread = match (self.thread.take(), self.writer.take()) {
            (Some(thread), _) => thread,
            (None, Some(writer)) => Thread::start(writer)?,
            (None, None) => return Err(LakeError::Failed),
        };
        self.thread = Some(thread.hand_on(batch)?);
        Ok(())
    }

    /// Hashes and writes all that came so far, and takes the writer.
    fn written(&mut self) -> Result<Box<Writer>, LakeError> {
        let last = self.batch()?;
        let mut writer = match (self.thread.take(), self.writer.take()) {
            (Some(thread), _) => thread.join()?,
            (None, Some(writer)) => writer,
            (None, None) => return Err(LakeError::Failed),
        };
        writer.write(last)?;
        Ok(writer)
    }

    /// Returns what came so far.
    pub(super) fn candidates(&mut self) -> Result<&[Candidate], LakeError> {
        let writer = self.written()?;
        Ok(&self.writer.insert(writer).candidates)
    }

    pub(super) fn finish(mut self) -> Result<Staged, LakeError> {
        let writer = self.written()?;
        Ok(Staged {
            table: self.table,
            fact: self.fact,
            key: writer.key,
            candidates: writer.candidates,
            masks: self.masks,
            filled: writer.filled,
            files: writer.files.finish()?,
        })
    }
}

impl Thread {
    fn start(mut writer: Box<Writer>) -> Result<Self, LakeError> {
        let (batches, taken) = sync_channel::<Batch>(WAITING);
        let work = move || {
            for batch in taken {
                writer.write(batch)?;
            }
            Ok(writer)
        };
        let handle = std::thread::Builder::new().spawn(work).map_err(LakeError::Thread)?;
        Ok(Self { batches: Some(batches), handle: Some(handle) })
    }

    /// Hands a batch on; where the thread has failed and takes none, returns why.
    fn hand_on(self, batch: Batch) -> Result<Self, LakeError> {
        let taken = self.batches.as_ref().is_some_and(|batches| batches.send(batch).is_ok());
        if taken { Ok(self) } else { Err(self.join().err().unwrap_or(LakeError::Failed)) }
    }

    /// Waits until everything is written.
    fn join(mut self) -> Result<Box<Writer>, LakeError> {
        drop(self.batches.take());
        match self.handle.take().map(JoinHandle::join) {
            Some(Ok(done)) => done,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Err(LakeError::Failed),
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(handle) = self.handle.take() {
            // The load is given up: what the thread says is of no use any more.
            handle.join().ok();
        }
    }
}

impl Writer {
    fn write(&mut self, batch: Batch) -> Result<(), LakeError> {
        let Batch { rows, candidates, masks } = batch;
        let hasher = Hasher::new(&self.table, &rows)?;
        let mut bytes = Vec::new();
        for (row, mut candidate) in candidates.into_iter().enumerate() {
            let mask = masks.get(usize::from(candidate.mask)).copied().unwrap_or(0);
            candidate.key = hasher.key(row, &self.key, &mut bytes);
            candidate.content = hasher.content(row, mask, &mut bytes);
            self.candidates.push(candidate);
        }
        let n = rows.num_rows();
        if n == 0 {
            return Ok(());
        }
        let first = self.candidates.len() - n;
        let filled = filled(&self.table, &rows);
        self.filled.resize(self.candidates.len().div_ceil(BATCH_ROWS), 0);
        for part in self.filled.iter_mut().skip(first / BATCH_ROWS) {
            *part |= filled;
        }
        self.files.write(&rows)
    }
}

impl Staged {
    /// Writes the index of one of the files, which is adopted as it is.
    pub(super) fn index(
        &self,
        number: usize,
        scratch: &Scratch,
        origin: &(dyn Fn(&Candidate) -> u32 + Sync),
    ) -> Result<WrittenFile, LakeError> {
        let file = self.files.get(number).ok_or(LakeError::TooLarge { limit: number as u64 })?;
        let mut writer = IndexWriter::create(key_index::path_of(&file.path), scratch)?;
        let first = number * FILE_ROWS;
        let end = self.candidates.len().min(first + FILE_ROWS);
        let candidates = self.candidates.get(first..end).unwrap_or_default();
        let filled = self.filled.iter().skip(first / BATCH_ROWS);
        for (candidates, filled) in candidates.chunks(BATCH_ROWS).zip(filled) {
            let entries = candidates.iter().map(|candidate| Entry {
                key: candidate.key,
                content: candidate.content,
                version: candidate.version,
                withdrawn: candidate.deleted,
                origin: origin(candidate),
            });
            writer.add(*filled, entries)?;
        }
        Ok(WrittenFile { index: Some(writer.finish()?), ..file.clone() })
    }
}

/// Writes refused rows.
pub(super) struct QuarantineWriter {
    table: Arc<StoredTable>,
    builders: Vec<Builder>,
    pending: usize,
    writer: TableWriter,
    load_id: i64,
    recorded_at: Timestamp,
}

impl QuarantineWriter {
    pub(super) fn new(
        table: Arc<StoredTable>,
        dir: PathBuf,
        prefix: String,
        scratch: Scratch,
        load_id: i64,
        recorded_at: Timestamp,
    ) -> Self {
        Self {
            builders: table.columns.iter().map(|column| Builder::new(column.kind)).collect(),
            writer: TableWriter::new(Arc::clone(&table), dir, prefix, scratch),
            table,
            pending: 0,
            load_id,
            recorded_at,
        }
    }

    pub(super) fn table(&self) -> &Arc<StoredTable> {
        &self.table
    }

    pub(super) fn add(&mut self, file: usize, refusal: &Refusal) -> Result<(), LakeError> {
        let text = |text: Option<&str>| text.map_or(Cell::Null, Cell::text);
        let kept = refusal.kept.as_deref();
        let amount = kept.and_then(|kept| kept.amount).map(Cell::Decimal);
        let storable = |cell: &Cell| cells::check(Kind::Decimal, cell).is_ok();
        let amount = amount.filter(storable).unwrap_or(Cell::Null);
        // In the order of `schema::QUARANTINE_COLUMNS`.
        let cells = [
            Cell::Integer(self.load_id),
            Cell::Text(Arc::clone(&refusal.place.file)),
            Cell::Integer(i64::try_from(refusal.place.line).unwrap_or(i64::MAX)),
            text(refusal.column.as_deref()),
            Cell::text(refusal.rule),
            Cell::text(refusal.message.as_str()),
            text(refusal.hint.as_deref()),
            text(refusal.excerpt.as_deref()),
            Cell::Instant(self.recorded_at),
            text(kept.and_then(|kept| kept.table)),
            amount,
            text(kept.and_then(|kept| kept.currency.as_deref())),
            text(kept.map(|kept| kept.raw.as_str())),
            Cell::Integer(i64::try_from(file).unwrap_or(i64::MAX)),
        ];
        for (builder, cell) in self.builders.iter_mut().zip(&cells) {
            builder.append(cell);
        }
        self.pending += 1;
        if self.pending == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), LakeError> {
        self.pending = 0;
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(Builder::finish).collect();
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.table.schema), arrays)?)
    }

    pub(super) fn finish(mut self) -> Result<Vec<WrittenFile>, LakeError> {
        self.flush()?;
        self.writer.finish()
    }
}
