//! Parquet files of the lake: written once, flushed, measured, never changed. Of a row that changes
//! the old version is deleted by its position, in a small file of its own, and the new one is
//! written elsewhere.
//!
//! Settings as measured: format version 2, zstd, no dictionary on numbers, times and decimals, as
//! their delta encodings are smaller and faster to read.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    new_null_array,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::arrow::{PARQUET_FIELD_ID_META_KEY, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::catalog::DataFile;
use crate::cells::{Bounds, count_true};
use crate::error::{Damage, DamagedFile, LakeError};
use crate::key_index::{self, IndexWriter, WrittenIndex};
use crate::schema::{StoredTable, repeats};
use crate::scratch;

/// Rows of a file; a table of ten million rows has ten.
pub(crate) const FILE_ROWS: usize = 1 << 20;
/// Rows of a row group, the unit of reading.
const GROUP_ROWS: usize = 1 << 17;
/// Rows of a batch.
pub(crate) const BATCH_ROWS: usize = 1 << 13;

/// A finished file.
#[derive(Clone, Debug)]
pub(crate) struct WrittenFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Length of the footer without the last eight bytes.
    pub(crate) footer: u64,
    /// BLAKE3 of its content, in hexadecimal.
    pub(crate) hash: String,
    /// One for each column of the table.
    pub(crate) bounds: Vec<Bounds>,
    /// Compressed size of each column.
    pub(crate) sizes: Vec<u64>,
    pub(crate) withdrawn: u64,
    /// The index of its keys; none for tables without keys.
    pub(crate) index: Option<WrittenIndex>,
}

/// Positions of rows of a file that later snapshots have no more, in a file of their own.
#[derive(Clone, Debug)]
pub(crate) struct WrittenDeletes {
    /// Number of the data file.
    pub(crate) data_file: i64,
    pub(crate) path: PathBuf,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) footer: u64,
    /// BLAKE3 of its content, in hexadecimal.
    pub(crate) hash: String,
    /// Of the rows, those that are withdrawn.
    pub(crate) withdrawn: u64,
}

/// The files that a load has made so far: removed when the last holder is dropped, unless
/// [`Scratch::keep`] was called.
#[derive(Clone, Default, Debug)]
pub(crate) struct Scratch(Arc<ScratchFiles>);

#[derive(Default, Debug)]
struct ScratchFiles(Mutex<Vec<PathBuf>>);

impl Scratch {
    pub(crate) fn add(&self, path: &Path) {
        scratch::begin(path);
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }

    /// Removes a file now; a failure only leaves an orphan, which the next writer sweeps.
    pub(crate) fn remove(&self, path: &Path) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != path);
        std::fs::remove_file(path).ok();
        scratch::end(path);
    }

    /// Lets the files stay.
    pub(crate) fn keep(&self) {
        for path in self.0.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            scratch::end(&path);
        }
    }
}

impl Drop for ScratchFiles {
    fn drop(&mut self) {
        for path in self.0.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            std::fs::remove_file(&path).ok();
            scratch::end(&path);
        }
    }
}

/// Writes the rows of a table into files of at most [`FILE_ROWS`] rows.
pub(crate) struct TableWriter {
    table: Arc<StoredTable>,
    dir: PathBuf,
    /// Beginning of the file names, unique among all loads.
    prefix: String,
    scratch: Scratch,
    indexed: bool,
    current: Option<OpenFile>,
    done: Vec<WrittenFile>,
}

struct OpenFile {
    path: PathBuf,
    writer: ArrowWriter<Sink>,
    rows: usize,
    bounds: Vec<Bounds>,
    withdrawn: u64,
    index: Option<IndexWriter>,
}

impl TableWriter {
    pub(crate) fn new(
        table: Arc<StoredTable>,
        dir: PathBuf,
        prefix: String,
        scratch: Scratch,
    ) -> Self {
        let indexed = table.fact.is_some();
        Self { table, dir, prefix, scratch, indexed, current: None, done: Vec::new() }
    }

    /// Leaves the indexes of the keys to the caller.
    pub(crate) fn without_index(mut self) -> Self {
        self.indexed = false;
        self
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let mut rest = batch.clone();
        while rest.num_rows() > 0 {
            let open = match &mut self.current {
                Some(open) => open,
                None => self.current.insert(OpenFile::create(
                    &self.table,
                    self.dir.join(format!("{}-{:04}.parquet", self.prefix, self.done.len())),
                    &self.scratch,
                    self.indexed,
                )?),
            };
            let taken = rest.num_rows().min(FILE_ROWS - open.rows);
            open.write(&self.table, &rest.slice(0, taken))?;
            rest = rest.slice(taken, rest.num_rows() - taken);
            if open.rows == FILE_ROWS {
                self.close()?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), LakeError> {
        if let Some(open) = self.current.take() {
            self.done.push(open.close()?);
        }
        Ok(())
    }

    /// Ends the last file and returns all, each flushed to disk.
    pub(crate) fn finish(mut self) -> Result<Vec<WrittenFile>, LakeError> {
        self.close()?;
        Ok(self.done)
    }
}

impl OpenFile {
    fn create(
        table: &StoredTable,
        path: PathBuf,
        scratch: &Scratch,
        indexed: bool,
    ) -> Result<Self, LakeError> {
        let sink = Sink::create(&path, scratch)?;
        let options = ArrowWriterOptions::new()
            .with_properties(properties(table))
            .with_skip_arrow_metadata(true);
        let schema = Arc::clone(&table.schema);
        let writer = ArrowWriter::try_new_with_options(sink, schema, options)
            .map_err(LakeError::parquet(&path))?;
        let bounds = vec![Bounds::default(); table.columns.len()];
        let index = if indexed {
            Some(IndexWriter::create(key_index::path_of(&path), scratch)?)
        } else {
            None
        };
        Ok(Self { path, writer, rows: 0, bounds, withdrawn: 0, index })
    }

    fn write(&mut self, table: &StoredTable, batch: &RecordBatch) -> Result<(), LakeError> {
        self.writer.write(batch).map_err(LakeError::parquet(&self.path))?;
        self.rows += batch.num_rows();
        self.withdrawn += count_true(batch, "withdrawn");
        if let Some(index) = &mut self.index {
            index.add_batch(table, batch)?;
        }
        let columns = table.columns.iter().zip(batch.columns());
        for (bounds, (column, array)) in self.bounds.iter_mut().zip(columns) {
            if table.keeps_statistics(column) {
                bounds.widen(column.kind, array)?;
            }
        }
        Ok(())
    }

    fn close(self) -> Result<WrittenFile, LakeError> {
        let Closed { metadata, bytes, footer, hash } = close(&self.path, self.writer)?;
        Ok(WrittenFile {
            bytes,
            footer,
            hash,
            rows: self.rows as u64,
            sizes: column_sizes(&metadata, self.bounds.len()),
            bounds: self.bounds,
            withdrawn: self.withdrawn,
            index: self.index.map(IndexWriter::finish).transpose()?,
            path: self.path,
        })
    }
}

/// A new file that takes the hash of what is written into it.
pub(crate) struct Sink {
    file: File,
    hasher: blake3::Hasher,
    bytes: u64,
    /// The last eight bytes: length of the footer, then `PAR1`.
    tail: [u8; 8],
}

/// A Parquet file that is written to its end and flushed.
pub(crate) struct Closed {
    pub(crate) metadata: ParquetMetaData,
    pub(crate) bytes: u64,
    /// Length of the footer without the last eight bytes.
    pub(crate) footer: u64,
    /// BLAKE3 of its content, in hexadecimal.
    pub(crate) hash: String,
}

impl Sink {
    /// Makes a file that is removed again unless the load is kept.
    pub(crate) fn create(path: &Path, scratch: &Scratch) -> Result<Self, LakeError> {
        scratch.add(path);
        Self::new(path)
    }

    /// Makes a file.
    pub(crate) fn new(path: &Path) -> Result<Self, LakeError> {
        let file = File::create_new(path).map_err(LakeError::disk("cannot create", path))?;
        Ok(Self { file, hasher: blake3::Hasher::new(), bytes: 0, tail: [0; 8] })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        let bytes = bytes.get(..written).unwrap_or_default();
        self.hasher.update(bytes);
        self.bytes += written as u64;
        let kept = bytes.len().min(self.tail.len());
        self.tail.rotate_left(kept);
        let new = bytes.iter().skip(bytes.len() - kept);
        for (slot, byte) in self.tail.iter_mut().skip(8 - kept).zip(new) {
            *slot = *byte;
        }
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Ends a Parquet file and flushes it to disk. Every file that the catalog names ends here, so that
/// each has its hash.
pub(crate) fn close(path: &Path, mut writer: ArrowWriter<Sink>) -> Result<Closed, LakeError> {
    let metadata = writer.finish().map_err(LakeError::parquet(path))?;
    let sink = writer.inner();
    // An error here is final: what the disk holds is not known after a failed flush.
    sink.file.sync_all().map_err(LakeError::disk("cannot flush", path))?;
    let [a, b, c, d, ..] = sink.tail;
    Ok(Closed {
        metadata,
        bytes: sink.bytes,
        footer: u32::from_le_bytes([a, b, c, d]).into(),
        hash: sink.hasher.finalize().to_hex().to_string(),
    })
}

fn properties(table: &StoredTable) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("throughline".to_owned())
        .set_dictionary_enabled(false);
    for column in table.columns.iter().filter(|column| repeats(table, column)) {
        let path = ColumnPath::from(column.name);
        properties = properties.set_column_dictionary_enabled(path, true);
    }
    properties.build()
}

fn column_sizes(metadata: &ParquetMetaData, n_columns: usize) -> Vec<u64> {
    let mut sizes = vec![0; n_columns];
    for group in metadata.row_groups() {
        for (size, column) in sizes.iter_mut().zip(group.columns()) {
            *size += u64::try_from(column.compressed_size()).unwrap_or(0);
        }
    }
    sizes
}

/// Reads columns of the rows that a file has at its snapshot, as [`read`] does.
pub(crate) fn read_live(
    file: &DataFile,
    projection: &SchemaRef,
    each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    read_without(file, &deleted(file)?, projection, each)
}

/// Reads columns of all rows of a file but those at some positions, which ascend.
pub(crate) fn read_without(
    file: &DataFile,
    deleted: &[u32],
    projection: &SchemaRef,
    each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    check_content(file)?;
    let mut deleted = deleted.iter().map(|&row| row as usize).peekable();
    let mut first_row = 0;
    read(&file.path, file.bytes, projection, &mut |batch| {
        let end = first_row + batch.num_rows();
        let mut gone = Vec::new();
        while let Some(row) = deleted.next_if(|row| *row < end) {
            gone.push(row - first_row);
        }
        first_row = end;
        if gone.is_empty() {
            return each(batch);
        }
        let mut kept = vec![true; batch.num_rows()];
        for row in gone {
            if let Some(kept) = kept.get_mut(row) {
                *kept = false;
            }
        }
        each(filter_record_batch(&batch, &BooleanArray::from(kept))?)
    })
}

/// Reads columns of a file, batch by batch, in the order of the projection: all rows, also those
/// that a snapshot has no more.
///
/// A column that the file was written without is empty. A file that is gone or has another size
/// than the catalog says is an error, never fewer rows.
pub(crate) fn read(
    path: &Path,
    bytes: u64,
    projection: &SchemaRef,
    each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    read_selected(path, bytes, projection, None, &|_| true, each)
}

/// Reads some rows of a file, which ascend; pages without one of them are passed over. Columns that
/// are not wanted, by their position, are not read: they come out empty.
pub(crate) fn read_rows(
    path: &Path,
    bytes: u64,
    projection: &SchemaRef,
    rows: &[u32],
    wanted: &dyn Fn(usize) -> bool,
    each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    read_selected(path, bytes, projection, Some(rows), wanted, each)
}

fn read_selected(
    path: &Path,
    bytes: u64,
    projection: &SchemaRef,
    rows: Option<&[u32]>,
    wanted: &dyn Fn(usize) -> bool,
    each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    check_size(path, bytes).map_err(LakeError::damaged(path))?;
    let file = File::open(path).map_err(LakeError::disk("cannot read", path))?;
    let mut options = ArrowReaderOptions::new();
    if rows.is_some() {
        options = options.with_offset_index_policy(PageIndexPolicy::Optional);
    }
    let mut reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(LakeError::parquet(path))?;
    if let Some(rows) = rows {
        let n_rows = usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
        let ranges = rows
            .chunk_by(|a, b| a.checked_add(1) == Some(*b))
            .filter_map(|run| Some(*run.first()? as usize..*run.last()? as usize + 1));
        let selection = RowSelection::from_consecutive_ranges(ranges, n_rows);
        reader = reader.with_row_selection(selection);
    }
    let stored: Arc<Schema> = Arc::clone(reader.schema());
    let fields = projection.fields().iter().enumerate().filter(|(at, _)| wanted(*at));
    let roots = fields.filter_map(|(_, field)| stored.index_of(field.name()).ok());
    let mask = ProjectionMask::roots(reader.parquet_schema(), roots);
    let batches = reader
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(LakeError::parquet(path))?;
    for batch in batches {
        let batch = batch?;
        let n_rows = batch.num_rows();
        let columns = projection.fields().iter().map(|field| {
            let found = batch.column_by_name(field.name()).map(Arc::clone);
            found.unwrap_or_else(|| new_null_array(field.data_type(), n_rows))
        });
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch =
            RecordBatch::try_new_with_options(Arc::clone(projection), columns.collect(), &options)?;
        each(batch)?;
    }
    Ok(())
}

/// The columns of a file of deleted rows, with the field numbers that `DuckDB` gives them.
fn delete_schema() -> SchemaRef {
    let field = |name: &str, data_type, number: i64| {
        let number = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), number.to_string())]);
        Field::new(name, data_type, true).with_metadata(number)
    };
    Arc::new(Schema::new(vec![
        field("file_path", DataType::Utf8, 2_147_483_646),
        field("pos", DataType::Int64, 2_147_483_645),
    ]))
}

/// Reads which rows of a file its snapshot has no more: positions, ascending.
pub(crate) fn deleted(file: &DataFile) -> Result<Vec<u32>, LakeError> {
    let Some(deletes) = &file.deletes else { return Ok(Vec::new()) };
    let path = &deletes.path;
    check_hash(path, deletes.bytes, deletes.hash.as_deref())?;
    let unreadable = || LakeError::Unreadable {
        what: "list of deleted rows",
        found: path.display().to_string(),
    };
    let positions = Arc::new(delete_schema().project(&[1])?);
    let mut rows: Vec<u32> = Vec::new();
    read(path, deletes.bytes, &positions, &mut |batch| {
        let positions: Option<&Int64Array> =
            batch.columns().first().and_then(|array| array.as_primitive_opt());
        for position in positions.ok_or_else(unreadable)?.iter() {
            let row = position.and_then(|row| u32::try_from(row).ok()).ok_or_else(unreadable)?;
            if rows.last().is_some_and(|last| *last >= row) {
                return Err(unreadable());
            }
            rows.push(row);
        }
        Ok(())
    })?;
    let within = rows.last().is_none_or(|last| u64::from(*last) < file.n_stored);
    if rows.len() as u64 != deletes.n_rows || !within {
        return Err(unreadable());
    }
    Ok(rows)
}

/// Writes down which rows of a file are deleted, and flushes it to disk. The catalog says of which
/// file; the name in the list, without the folder, which may move, is for people.
pub(crate) fn write_deleted(
    path: PathBuf,
    of: &DataFile,
    rows: &[u32],
    withdrawn: u64,
    scratch: &Scratch,
) -> Result<WrittenDeletes, LakeError> {
    let sink = Sink::create(&path, scratch)?;
    let schema = delete_schema();
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("throughline".to_owned())
        .set_column_dictionary_enabled(ColumnPath::from("pos"), false)
        .build();
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(sink, Arc::clone(&schema), options)
        .map_err(LakeError::parquet(&path))?;
    let name = of.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    for rows in rows.chunks(BATCH_ROWS) {
        let names: StringArray = rows.iter().map(|_| Some(name.as_str())).collect();
        let positions: Int64Array = rows.iter().map(|&row| Some(i64::from(row))).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(positions)];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        writer.write(&batch).map_err(LakeError::parquet(&path))?;
    }
    let Closed { bytes, footer, hash, .. } = close(&path, writer)?;
    let rows = rows.len() as u64;
    Ok(WrittenDeletes { data_file: of.id, path, rows, bytes, footer, hash, withdrawn })
}

/// Checks that a file exists with the size that the catalog says.
pub(crate) fn check_size(path: &Path, expected: u64) -> Result<(), DamagedFile> {
    let found = std::fs::metadata(path).ok().map(|metadata| metadata.len());
    let damage = match found {
        Some(found) if found == expected => return Ok(()),
        Some(found) => Damage::Size { expected, found },
        None => Damage::Gone,
    };
    Err(DamagedFile { path: path.to_owned(), damage })
}

/// What tells the state of a file: its length, when it was changed, and its number on the disk.
type Seen = (u64, Option<SystemTime>, u64);

/// The files whose content this process has found to be whole.
static WHOLE: LazyLock<Mutex<HashMap<PathBuf, Seen>>> = LazyLock::new(Mutex::default);

fn seen(metadata: &Metadata) -> Seen {
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let number = 0;
    (metadata.len(), metadata.modified().ok(), number)
}

/// Checks that a stored file has the content that it was committed with. A process reads a file for
/// this once, and again where it has changed since.
pub(crate) fn check_content(file: &DataFile) -> Result<(), LakeError> {
    check_hash(&file.path, file.bytes, file.hash.as_deref())
}

/// Checks that a file has the content with this hash, where there is one; once a process.
pub(crate) fn check_hash(path: &Path, bytes: u64, hash: Option<&str>) -> Result<(), LakeError> {
    check_size(path, bytes).map_err(LakeError::damaged(path))?;
    let metadata = std::fs::metadata(path).map_err(LakeError::disk("cannot read", path))?;
    let now = seen(&metadata);
    let known = WHOLE.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
    let Some(hash) = hash.filter(|_| known != Some(now)) else { return Ok(()) };
    if hash_file(path)? != hash {
        let damaged = DamagedFile { path: path.to_owned(), damage: Damage::Content };
        return Err(LakeError::damaged(path)(damaged));
    }
    WHOLE.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), now);
    Ok(())
}

/// Takes BLAKE3 of a file, in hexadecimal.
pub(crate) fn hash_file(path: &Path) -> Result<String, LakeError> {
    let read = || {
        let mut file = File::open(path)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                return Ok(hasher.finalize().to_hex().to_string());
            }
            hasher.update(buffer.get(..n).unwrap_or_default());
        }
    };
    read().map_err(LakeError::disk("cannot read", path))
}

/// Flushes a folder, so that the names of new files outlive a power cut.
pub(crate) fn flush_folder(dir: &Path) -> Result<(), LakeError> {
    // Windows has no such call: its file systems journal names.
    if cfg!(unix) {
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(LakeError::disk("cannot flush", dir))?;
    }
    Ok(())
}
