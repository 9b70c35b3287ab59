//! What was built, kept on disk, so that a question is answered without building again.
//!
//! A folder for each build, named by its key: a hash of the state of the facts, the meaning of the
//! definitions, the as-of day and the format. The tables are Parquet files that are read when they
//! are asked for. A folder is written under another name and renamed when it is complete; one that
//! is not complete, or whose files have other sizes than they were written with, counts as not
//! there, because everything in it can be built again.
//!
//! The builds that were used last are kept; older ones are removed, but never one that somebody
//! has open: whoever opens a build shares a lock on it.
//!
//! Where a kept build has all facts but some touches, only these are read: its tables are linked
//! into the new folder, with what the touches change beside them. Both are merged when a table is
//! read. What is written grows with the new touches alone; where they are more than a tenth of
//! those in the tables, all is built anew.

mod merge;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch,
    RecordBatchOptions, RecordBatchReader, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{
    DataType, Date32Type, Field, Float64Type, Int64Type, Schema, TimestampMicrosecondType,
};
use domain::{Column, Definitions, Frame, Money};
use jiff::civil::Date;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde::{Deserialize, Serialize};

use crate::build::activity;
use crate::build::caveats::{BuildSummary, Notes};
use crate::build::more::{self, Base};
use crate::build::{BuildRequest, FRAMES, Facts, TOUCH_COLUMNS, date, instant, number};
use crate::catalog::DataFile;
use crate::error::LakeError;
use crate::parquet_file::{Closed, Sink, close, hash_file};
use crate::relation::Built;
use crate::scratch;

/// Changes when the tables mean something else or are laid out in another way.
const FORMAT: u32 = 6;
const META: &str = "build.json";
/// Builds that are kept beside the newest.
const KEPT: usize = 20;
/// What another program is writing is left alone for so long.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);
/// Tells apart what the threads of this program write.
static WRITTEN: AtomicU64 = AtomicU64::new(0);
const HOPS: &str = "hops";
const NULLS: &str = "nulls";
const ACTIVITY: &str = "activity";
/// What the names of files end in that hold changed cells and new rows of a table.
const CHANGED: &str = ".changed";
const NEW: &str = ".new";

/// What stands beside the tables.
#[derive(Serialize, Deserialize)]
struct Meta {
    format: u32,
    summary: BuildSummary,
    notes: Notes,
    files: BTreeMap<String, Stored>,
    /// What the tables were made of, without what lies beside them; none where that is not known.
    source: Option<Source>,
}

/// A file of a build as it was written.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Stored {
    bytes: u64,
    /// BLAKE3 of its content, in hexadecimal.
    hash: String,
}

/// What a check of the kept builds found.
#[derive(Clone, Default, Debug)]
pub struct VerifiedBuilds {
    /// Files that were checked.
    pub n_files: u64,
    /// Those that are not as they were written.
    pub faults: Vec<PathBuf>,
}

/// Checks the files of all kept builds against their lists; `quick` looks at sizes only. One that
/// is not complete counts as not there, as for whoever opens it.
pub fn verify(dir: &Path, quick: bool) -> Result<VerifiedBuilds, LakeError> {
    let mut done = VerifiedBuilds::default();
    let Ok(folders) = fs::read_dir(dir) else { return Ok(done) };
    for folder in folders.flatten().map(|folder| folder.path()) {
        let Some(meta) = complete(&folder) else { continue };
        for (name, stored) in &meta.files {
            let path = folder.join(file(name));
            done.n_files += 1;
            if !quick && hash_file(&path)? != stored.hash {
                done.faults.push(path);
            }
        }
    }
    Ok(done)
}

/// What the tables of a build were made of.
#[derive(Clone, Serialize, Deserialize)]
struct Source {
    definitions: String,
    /// As text, so that days compare as texts do.
    as_of: String,
    /// Files of each table of facts.
    inputs: BTreeMap<String, BTreeSet<String>>,
    n_touches: u64,
    /// What was said of the tables alone.
    summary: BuildSummary,
    notes: Notes,
}

impl Source {
    /// Names what a build now would be made of; none where the facts are not kept in files.
    fn of(
        facts: &dyn Facts,
        definitions: &Definitions,
        as_of: Date,
        summary: BuildSummary,
        notes: Notes,
    ) -> Result<Option<Self>, LakeError> {
        let mut inputs = BTreeMap::new();
        let mut n_touches = 0;
        // Who people are is part of no build.
        for table in domain::fact::TABLES.iter().filter(|table| table.name != "identity") {
            let Some(files) = facts.files(table.name)? else { return Ok(None) };
            if table.name == "touch" {
                n_touches = files.iter().map(|file| file.n_rows).sum();
            }
            inputs.insert(table.name.to_owned(), files.iter().map(mark).collect());
        }
        let (definitions, as_of) = (definitions.identity(), as_of.to_string());
        Ok(Some(Self { definitions, as_of, inputs, n_touches, summary, notes }))
    }

    /// True where the tables lack nothing but some touches of what `now` names.
    fn lacks_touches_only(&self, now: &Self) -> bool {
        let same = |table: &str| self.inputs.get(table) == now.inputs.get(table);
        let known = self.inputs.get("touch").zip(now.inputs.get("touch"));
        self.definitions == now.definitions
            && (self.as_of == now.as_of || self.as_of < now.as_of && !self.notes.changes_later)
            && self.inputs.len() == now.inputs.len()
            && now.inputs.keys().all(|table| table == "touch" || same(table))
            && known.is_some_and(|(known, all)| known.is_subset(all))
    }
}

/// Tells a file of facts, as it is at a snapshot, from all others of its table.
fn mark(file: &DataFile) -> String {
    let name = file.path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let deletes = file.deletes.as_ref().map_or(-1, |deletes| deletes.id);
    format!("{} {name} {} {deletes}", file.id, file.bytes)
}

/// Returns the key of a build: equal only where facts, definitions, day and format are.
pub fn key(facts: &dyn Facts, definitions: &Definitions, as_of: Date) -> Result<String, LakeError> {
    let (facts, words) = (facts.identity()?, definitions.identity());
    let text = format!("{FORMAT}\u{1f}{facts}\u{1f}{words}\u{1f}{as_of}");
    Ok(blake3::hash(text.as_bytes()).to_hex().chars().take(32).collect())
}

/// Keeps a build under its key in a folder of builds. One that is there already is left as it is.
pub fn save(built: &Built, dir: &Path, key: &str) -> Result<(), LakeError> {
    keep(dir, key, &mut |folder| {
        let mut files = BTreeMap::new();
        for name in FRAMES {
            let batch = batch_from_frame(&*built.table(name)?)?;
            files.insert((*name).to_owned(), write(&folder.join(file(name)), &batch)?);
        }
        files.insert(HOPS.to_owned(), write(&folder.join(file(HOPS)), &*built.hops()?)?);
        let activity = write(&folder.join(file(ACTIVITY)), &*built.activity()?)?;
        files.insert(ACTIVITY.to_owned(), activity);
        let (summary, notes) = (built.summary().clone(), built.notes().clone());
        let mut source = None;
        if let Some(nulls) = built.nulls() {
            files.insert(NULLS.to_owned(), write(&folder.join(file(NULLS)), nulls)?);
            let (summary, notes) = (summary.clone(), notes.clone());
            let (definitions, as_of) = (built.definitions(), built.as_of());
            source = Source::of(built.facts(), definitions, as_of, summary, notes)?;
        }
        Ok(Meta { format: FORMAT, summary, notes, files, source })
    })
}

/// Fills a folder under another name and gives it its own when it is complete.
fn keep(
    dir: &Path,
    key: &str,
    fill: &mut dyn FnMut(&Path) -> Result<Meta, LakeError>,
) -> Result<(), LakeError> {
    let target = dir.join(key);
    if complete(&target).is_some() {
        return Ok(());
    }
    let n = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = dir.join(format!(".{key}.{}.{n}", std::process::id()));
    // What an interrupted save left behind; mostly there is nothing.
    drop(fs::remove_dir_all(&temporary));
    scratch::begin(&temporary);
    fs::create_dir_all(&temporary).map_err(LakeError::disk("cannot make folder", &temporary))?;
    let placed = place(&temporary, &target, fill);
    if placed.is_err() {
        // Of a save that failed nothing is left.
        drop(fs::remove_dir_all(&temporary));
    }
    scratch::end(&temporary);
    placed?;
    remove_old(dir, key);
    Ok(())
}

/// Fills a folder and gives it its name.
fn place(
    temporary: &Path,
    target: &Path,
    fill: &mut dyn FnMut(&Path) -> Result<Meta, LakeError>,
) -> Result<(), LakeError> {
    let meta = fill(temporary)?;
    let path = temporary.join(META);
    let text = serde_json::to_vec_pretty(&meta)?;
    fs::write(&path, text).map_err(LakeError::disk("cannot write", &path))?;
    // What is not complete; someone else may have been faster with the same build.
    if target.exists() && complete(target).is_none() {
        fs::remove_dir_all(target).map_err(LakeError::disk("cannot remove", target))?;
    }
    match fs::rename(temporary, target) {
        Ok(()) => Ok(()),
        Err(_) if complete(target).is_some() => {
            fs::remove_dir_all(temporary).map_err(LakeError::disk("cannot remove", temporary))
        }
        Err(source) => Err(LakeError::disk("cannot rename", temporary)(source)),
    }
}

/// Removes the builds that were not used for longest, and what interrupted saves left. One that
/// cannot be removed now is removed another time.
fn remove_old(dir: &Path, key: &str) {
    let Ok(folders) = fs::read_dir(dir) else { return };
    let mut kept = Vec::new();
    for folder in folders.flatten() {
        let (name, path) = (folder.file_name(), folder.path());
        let used = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
        if name.to_string_lossy().starts_with('.') {
            let age = used(&path).and_then(|at| SystemTime::now().duration_since(at).ok());
            if age.is_some_and(|age| age > ABANDONED_AFTER) {
                drop(fs::remove_dir_all(&path));
            }
        } else if name != key
            && let Some(at) = used(&path.join(META))
        {
            kept.push((at, path));
        }
    }
    kept.sort_unstable();
    let n = kept.len().saturating_sub(KEPT);
    for (_, path) in kept.into_iter().take(n) {
        // Held until it is gone: who opens it meanwhile finds that it is not there.
        if let Ok(lock) = File::open(path.join(META))
            && lock.try_lock().is_ok()
        {
            drop(fs::remove_dir_all(&path));
        }
    }
}

/// The folder of a build that is open: it is not removed before this is dropped.
#[derive(Debug)]
pub(crate) struct KeptBuild {
    pub(crate) dir: PathBuf,
    _lock: File,
}

/// Opens the build with this key; none where it is not there or not complete.
pub fn open(
    facts: Arc<dyn Facts>,
    definitions: &Arc<Definitions>,
    as_of: Date,
    dir: &Path,
    key: &str,
) -> Option<Built> {
    let dir = dir.join(key);
    let lock = File::open(dir.join(META)).ok()?;
    // A disk without locks holds nobody up; a build that is just being removed is not opened.
    if matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)) {
        return None;
    }
    let meta = complete(&dir)?;
    // Only tells which build was used last.
    drop(lock.set_modified(SystemTime::now()));
    let definitions = Arc::clone(definitions);
    let kept = KeptBuild { dir, _lock: lock };
    Some(Built::stored(facts, definitions, as_of, meta.notes, meta.summary, kept))
}

/// Opens the build for these facts, definitions and day, or builds and keeps it.
pub fn open_or_build(
    facts: Arc<dyn Facts>,
    request: BuildRequest<'_>,
    dir: &Path,
) -> Result<Built, LakeError> {
    let (definitions, as_of) = (Arc::clone(request.definitions), request.as_of);
    let key = key(&*facts, &definitions, as_of)?;
    if let Some(built) = open(Arc::clone(&facts), &definitions, as_of, dir, &key) {
        return Ok(built);
    }
    // Whatever is wrong with what is kept: all of it can be built again.
    if matches!(extend(&facts, &request, dir, &key, &few), Ok(true))
        && let Some(built) = open(Arc::clone(&facts), &definitions, as_of, dir, &key)
    {
        return Ok(built);
    }
    let built = crate::build::build(facts, request)?;
    save(&built, dir, &key)?;
    Ok(built)
}

/// The tables of a kept build, without what lies beside them.
struct Kept<'a>(&'a Path);

impl Base for Kept<'_> {
    fn columns(&self, table: &str, columns: &[&str]) -> Result<RecordBatch, LakeError> {
        read(&self.0.join(file(table)), Some(columns))
    }

    fn frame(&self, table: &str) -> Result<Frame, LakeError> {
        frame_from_batch(&read(&self.0.join(file(table)), None)?)
    }
}

/// True where so many further touches are worth taking in beside so many that are in the tables.
fn few(known: u64, more: u64) -> bool {
    more <= known / 10
}

/// Makes a build from a kept one that lacks nothing but some touches; false where there is none.
pub(crate) fn extend(
    facts: &Arc<dyn Facts>,
    request: &BuildRequest<'_>,
    dir: &Path,
    key: &str,
    worthwhile: &dyn Fn(u64, u64) -> bool,
) -> Result<bool, LakeError> {
    let BuildRequest { definitions, as_of, .. } = request;
    let (summary, notes) = Default::default();
    let Some(now) = Source::of(&**facts, definitions, *as_of, summary, notes)? else {
        return Ok(false);
    };
    let Some((base, meta, source)) = nearest(dir, &now) else { return Ok(false) };
    if !worthwhile(source.n_touches, now.n_touches.saturating_sub(source.n_touches)) {
        return Ok(false);
    }
    let known = source.inputs.get("touch");
    let mut touches = Vec::new();
    for file in facts.files("touch")?.unwrap_or_default() {
        if known.is_none_or(|known| !known.contains(&mark(&file))) {
            facts.scan_file("touch", &file, TOUCH_COLUMNS, &mut |batch| {
                touches.push(batch);
                Ok(())
            })?;
        }
    }
    let before = (&source.summary, &source.notes);
    let more = more::more(&Kept(&base), &touches, definitions, *as_of, before)?;
    keep(dir, key, &mut |folder| {
        let mut files = BTreeMap::new();
        for name in FRAMES.iter().chain(&[HOPS, NULLS, ACTIVITY]) {
            link(&base.join(file(name)), &folder.join(file(name)))?;
            let stored = meta.files.get(*name).cloned().unwrap_or_default();
            files.insert((*name).to_owned(), stored);
        }
        for (frames, end) in [(&more.changed, CHANGED), (&more.new, NEW)] {
            for (name, frame) in frames.iter().filter(|(_, frame)| frame.n_rows() > 0) {
                let name = format!("{name}{end}");
                let stored = write(&folder.join(file(&name)), &batch_from_frame(frame)?)?;
                files.insert(name, stored);
            }
        }
        for (name, batch) in [(HOPS, &more.hops), (ACTIVITY, &more.activity)] {
            let name = format!("{name}{NEW}");
            files.insert(name.clone(), write(&folder.join(file(&name)), batch)?);
        }
        Ok(Meta {
            format: FORMAT,
            summary: more.summary.clone(),
            notes: more.notes.clone(),
            files,
            source: Some(source.clone()),
        })
    })?;
    Ok(true)
}

/// Finds the kept build that lacks the fewest touches and nothing else.
fn nearest(dir: &Path, now: &Source) -> Option<(PathBuf, Meta, Source)> {
    let folders = fs::read_dir(dir).ok()?.flatten();
    // One that is being written starts with a dot.
    let folders = folders.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let candidates = folders.map(|entry| entry.path()).filter_map(|folder| {
        let mut meta = complete(&folder)?;
        let source = meta.source.take().filter(|source| source.lacks_touches_only(now))?;
        Some((folder, meta, source))
    });
    candidates.max_by_key(|(folder, _, source)| (source.n_touches, folder.clone()))
}

/// Gives a file a second name; copies it where the disk has no such thing.
fn link(from: &Path, to: &Path) -> Result<(), LakeError> {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).map_err(LakeError::disk("cannot write", to))?;
    }
    Ok(())
}

/// Reads what stands beside the tables, where all of them are as they were written.
fn complete(dir: &Path) -> Option<Meta> {
    let text = fs::read(dir.join(META)).ok()?;
    let meta: Meta = serde_json::from_slice(&text).ok()?;
    let whole = meta.format == FORMAT
        && meta.files.iter().all(|(name, stored)| {
            fs::metadata(dir.join(file(name))).is_ok_and(|found| found.len() == stored.bytes)
        });
    whole.then_some(meta)
}

fn file(name: &str) -> String {
    format!("{name}.parquet")
}

fn write(path: &Path, batch: &RecordBatch) -> Result<Stored, LakeError> {
    let out = Sink::new(path)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by("throughline".to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(out, batch.schema(), Some(properties))
        .map_err(LakeError::parquet(path))?;
    writer.write(batch).map_err(LakeError::parquet(path))?;
    let Closed { bytes, hash, .. } = close(path, writer)?;
    Ok(Stored { bytes, hash })
}

/// Reads columns of a file in the order asked for; all where none are named.
fn read(path: &Path, columns: Option<&[&str]>) -> Result<RecordBatch, LakeError> {
    let input = File::open(path).map_err(LakeError::disk("cannot read", path))?;
    let mut builder =
        ParquetRecordBatchReaderBuilder::try_new(input).map_err(LakeError::parquet(path))?;
    if let Some(columns) = columns {
        let fields = builder.schema().fields().iter().enumerate();
        let wanted = fields.filter(|(_, field)| columns.contains(&field.name().as_str()));
        let wanted: Vec<usize> = wanted.map(|(at, _)| at).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        builder = builder.with_projection(mask);
    }
    let reader: ParquetRecordBatchReader =
        builder.with_batch_size(1 << 16).build().map_err(LakeError::parquet(path))?;
    let schema = RecordBatchReader::schema(&reader);
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    let batch = concat_batches(&schema, &batches)?;
    let Some(columns) = columns else { return Ok(batch) };
    let places = columns.iter().map(|name| schema.index_of(name));
    Ok(batch.project(&places.collect::<Result<Vec<_>, _>>()?)?)
}

pub(crate) fn read_frame(dir: &Path, name: &str) -> Result<Frame, LakeError> {
    let part = |end: &str| -> Result<Option<Frame>, LakeError> {
        let path = dir.join(file(&format!("{name}{end}")));
        if path.is_file() { frame_from_batch(&read(&path, None)?).map(Some) } else { Ok(None) }
    };
    let mut frame = frame_from_batch(&read(&dir.join(file(name)), None)?)?;
    if let Some(changes) = part(CHANGED)? {
        frame = merge::changed(&frame, &changes)?;
        if name == "opportunities" {
            frame = merge::restarted(&frame)?;
        }
    }
    Ok(match part(NEW)? {
        Some(more) if name == "touch_days" => merge::added(&frame, &more)?,
        Some(new) => merge::with_new(&frame, &new)?,
        None => frame,
    })
}

pub(crate) fn read_hops(dir: &Path) -> Result<RecordBatch, LakeError> {
    let hops = read(&dir.join(file(HOPS)), None)?;
    let new = new_rows(dir, HOPS);
    if !new.is_file() {
        return Ok(hops);
    }
    merge::hops(&hops, &read(&new, None)?, &new_places(dir, "programs")?)
}

pub(crate) fn read_activity(dir: &Path) -> Result<RecordBatch, LakeError> {
    let activity = read(&dir.join(file(ACTIVITY)), None)?;
    let new = new_rows(dir, ACTIVITY);
    if !new.is_file() {
        return Ok(activity);
    }
    let (accounts, programs) = (new_places(dir, "accounts")?, new_places(dir, "programs")?);
    activity::merged(&activity, &read(&new, None)?, &accounts, &programs)
}

fn new_rows(dir: &Path, name: &str) -> PathBuf {
    dir.join(file(&format!("{name}{NEW}")))
}

/// The rows of a table before which further ones came.
fn new_places(dir: &Path, name: &str) -> Result<Vec<usize>, LakeError> {
    let path = new_rows(dir, name);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    Ok(more::befores(&frame_from_batch(&read(&path, None)?)?))
}

/// The key of the metadata of a field that says what a column holds.
const KIND: &str = "holds";
/// What the name of the column with the currencies of a column of money ends in.
const CURRENCY: &str = ".currency";

fn batch_from_frame(frame: &Frame) -> Result<RecordBatch, LakeError> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let mut add = |name: &str, holds: &str, array: ArrayRef| {
        let metadata = HashMap::from([(KIND.to_owned(), holds.to_owned())]);
        let field = Field::new(name, array.data_type().clone(), true);
        fields.push(field.with_metadata(metadata));
        arrays.push(array);
    };
    for (name, column) in frame.names().iter().zip(frame.columns()) {
        match column {
            Column::Text(values) => {
                let mut builder = StringBuilder::new();
                for text in values {
                    builder.append_option(text.as_ref());
                }
                add(name, "text", Arc::new(builder.finish()));
            }
            Column::Integer(values) => {
                add(name, "integer", Arc::new(Int64Array::from(values.clone())));
            }
            Column::Number(values) => {
                add(name, "number", Arc::new(Float64Array::from(values.clone())));
            }
            Column::Boolean(values) => {
                add(name, "boolean", Arc::new(BooleanArray::from(values.clone())));
            }
            Column::Day(values) => {
                let days = values.iter().map(|day| day.map(number));
                add(name, "day", Arc::new(days.collect::<Date32Array>()));
            }
            Column::Instant(values) => {
                let micros = values.iter().map(|at| at.map(jiff::Timestamp::as_microsecond));
                let array = micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC");
                add(name, "instant", Arc::new(array));
            }
            Column::Decimal(values) => {
                let texts = values.iter().map(|value| value.map(|value| value.to_string()));
                add(name, "decimal", Arc::new(texts.collect::<StringArray>()));
            }
            Column::Money(values) => {
                let minors = values.iter().map(|money| money.map(|money| money.minor));
                add(name, "money", Arc::new(minors.collect::<Int64Array>()));
                let codes = values.iter().map(|m| m.map(|money| money.currency.code().to_owned()));
                let codes = Arc::new(codes.collect::<StringArray>());
                add(&format!("{name}{CURRENCY}"), "currency", codes);
            }
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(frame.n_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}

fn frame_from_batch(batch: &RecordBatch) -> Result<Frame, LakeError> {
    let schema = batch.schema();
    let mut columns = Vec::new();
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let holds = field.metadata().get(KIND).map_or("", String::as_str);
        if holds == "currency" {
            continue;
        }
        let currencies = batch.column_by_name(&format!("{}{CURRENCY}", field.name()));
        let column = column_from_array(holds, array, currencies).ok_or_else(|| {
            let data_type: &DataType = field.data_type();
            LakeError::Unreadable { what: "column of a build", found: data_type.to_string() }
        })?;
        columns.push((field.name().as_str(), column));
    }
    Ok(Frame::new(columns)?)
}

fn column_from_array(
    holds: &str,
    array: &ArrayRef,
    currencies: Option<&ArrayRef>,
) -> Option<Column> {
    Some(match holds {
        "text" => Column::Text(shared(array.as_string_opt()?)),
        "integer" => Column::Integer(array.as_primitive_opt::<Int64Type>()?.iter().collect()),
        "number" => Column::Number(array.as_primitive_opt::<Float64Type>()?.iter().collect()),
        "boolean" => Column::Boolean(array.as_boolean_opt()?.iter().collect()),
        "day" => {
            let days = array.as_primitive_opt::<Date32Type>()?;
            Column::Day(days.iter().map(|day| day.map(date)).collect())
        }
        "instant" => {
            let micros = array.as_primitive_opt::<TimestampMicrosecondType>()?;
            Column::Instant(micros.iter().map(|at| at.map(instant)).collect())
        }
        "decimal" => {
            let texts = array.as_string_opt::<i32>()?;
            Column::Decimal(texts.iter().map(|text| text?.parse().ok()).collect())
        }
        "money" => {
            let codes = currencies?.as_string_opt::<i32>()?;
            let minors = array.as_primitive_opt::<Int64Type>()?;
            let money = |(minor, code): (Option<i64>, Option<&str>)| {
                Some(Money::from_minor(minor?, code?.parse().ok()?))
            };
            Column::Money(minors.iter().zip(codes.iter()).map(money).collect())
        }
        _ => return None,
    })
}

/// Texts of a column, a text like the one before it shared.
fn shared(array: &StringArray) -> Vec<Option<Arc<str>>> {
    let mut known: HashMap<&str, Arc<str>> = HashMap::new();
    let share = |text: Option<&'_ str>| -> Option<Arc<str>> { text.map(Arc::from) };
    let mut texts = Vec::with_capacity(array.len());
    for text in array {
        let made = match text {
            Some(text) if known.len() < 4096 => {
                let made = known.entry(text).or_insert_with(|| text.into());
                Some(Arc::clone(made))
            }
            Some(text) => known.get(text).cloned().or_else(|| share(Some(text))),
            None => None,
        };
        texts.push(made);
    }
    texts
}
