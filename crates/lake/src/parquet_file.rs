//! Parquet files of the lake: written once, flushed, measured, never changed.
//!
//! Settings as measured: format version 2, zstd, no dictionary on numbers, times and decimals, as
//! their delta encodings are smaller and faster to read.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::cells::{Bounds, count_true};
use crate::error::{DamagedFile, LakeError};
use crate::schema::{StoredTable, repeats};

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
    /// One for each column of the table.
    pub(crate) bounds: Vec<Bounds>,
    /// Compressed size of each column.
    pub(crate) sizes: Vec<u64>,
    pub(crate) withdrawn: u64,
}

/// The files that a load has made so far: removed when the last holder is dropped, unless
/// [`Scratch::keep`] was called.
#[derive(Clone, Default, Debug)]
pub(crate) struct Scratch(Arc<ScratchFiles>);

#[derive(Default, Debug)]
struct ScratchFiles(Mutex<Vec<PathBuf>>);

impl Scratch {
    fn add(&self, path: &Path) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }

    /// Removes a file now; a failure only leaves an orphan, which the next writer sweeps.
    pub(crate) fn remove(&self, path: &Path) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != path);
        std::fs::remove_file(path).ok();
    }

    /// Lets the files stay.
    pub(crate) fn keep(&self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for ScratchFiles {
    fn drop(&mut self) {
        for path in self.0.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            std::fs::remove_file(path).ok();
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
    current: Option<OpenFile>,
    done: Vec<WrittenFile>,
}

struct OpenFile {
    path: PathBuf,
    file: File,
    writer: ArrowWriter<File>,
    rows: usize,
    bounds: Vec<Bounds>,
    withdrawn: u64,
}

impl TableWriter {
    pub(crate) fn new(
        table: Arc<StoredTable>,
        dir: PathBuf,
        prefix: String,
        scratch: Scratch,
    ) -> Self {
        Self { table, dir, prefix, scratch, current: None, done: Vec::new() }
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
    fn create(table: &StoredTable, path: PathBuf, scratch: &Scratch) -> Result<Self, LakeError> {
        let made = File::create_new(&path).and_then(|file| Ok((file.try_clone()?, file)));
        let (file, sink) = made.map_err(LakeError::disk("cannot create", &path))?;
        scratch.add(&path);
        let options = ArrowWriterOptions::new()
            .with_properties(properties(table))
            .with_skip_arrow_metadata(true);
        let schema = Arc::clone(&table.schema);
        let writer = ArrowWriter::try_new_with_options(sink, schema, options)
            .map_err(LakeError::parquet(&path))?;
        let bounds = vec![Bounds::default(); table.columns.len()];
        Ok(Self { path, file, writer, rows: 0, bounds, withdrawn: 0 })
    }

    fn write(&mut self, table: &StoredTable, batch: &RecordBatch) -> Result<(), LakeError> {
        self.writer.write(batch).map_err(LakeError::parquet(&self.path))?;
        self.rows += batch.num_rows();
        self.withdrawn += count_true(batch, "withdrawn");
        let columns = table.columns.iter().zip(batch.columns());
        for (bounds, (column, array)) in self.bounds.iter_mut().zip(columns) {
            if table.keeps_statistics(column) {
                bounds.widen(column.kind, array)?;
            }
        }
        Ok(())
    }

    fn close(self) -> Result<WrittenFile, LakeError> {
        let metadata = self.writer.close().map_err(LakeError::parquet(&self.path))?;
        // An error here is final: what the disk holds is not known after a failed flush.
        self.file.sync_all().map_err(LakeError::disk("cannot flush", &self.path))?;
        let bytes = std::fs::metadata(&self.path)
            .map_err(LakeError::disk("cannot read", &self.path))?
            .len();
        Ok(WrittenFile {
            bytes,
            footer: footer_length(&self.path, bytes)?,
            rows: self.rows as u64,
            sizes: column_sizes(&metadata, self.bounds.len()),
            bounds: self.bounds,
            withdrawn: self.withdrawn,
            path: self.path,
        })
    }
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

/// Reads the length of the footer from the last eight bytes: length, then `PAR1`.
fn footer_length(path: &Path, bytes: u64) -> Result<u64, LakeError> {
    use std::io::{Read, Seek, SeekFrom};
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(bytes.saturating_sub(8)))?;
        let mut length = [0; 4];
        file.read_exact(&mut length)?;
        Ok(u32::from_le_bytes(length).into())
    };
    read().map_err(LakeError::disk("cannot read", path))
}

/// Reads columns of a file, batch by batch, in the order of the projection.
///
/// A column that the file was written without is empty. A file that is gone or has another size
/// than the catalog says is an error, never fewer rows.
pub(crate) fn read(
    path: &Path,
    bytes: u64,
    projection: &SchemaRef,
    each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    check_size(path, bytes).map_err(|damaged| LakeError::Damaged {
        dir: path.parent().unwrap_or(path).to_owned(),
        files: vec![damaged],
    })?;
    let file = File::open(path).map_err(LakeError::disk("cannot read", path))?;
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(LakeError::parquet(path))?;
    let stored: Arc<Schema> = Arc::clone(reader.schema());
    let roots = projection.fields().iter().filter_map(|field| stored.index_of(field.name()).ok());
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

/// Checks that a file exists with the size that the catalog says.
pub(crate) fn check_size(path: &Path, expected: u64) -> Result<(), DamagedFile> {
    let found = std::fs::metadata(path).ok().map(|metadata| metadata.len());
    if found == Some(expected) {
        Ok(())
    } else {
        Err(DamagedFile { path: path.to_owned(), expected, found })
    }
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
