//! What was built, kept on disk, so that a question is answered without building again.
//!
//! A folder for each build, named by its key: a hash of the state of the facts, the meaning of the
//! definitions, the as-of day and the format. The tables are Parquet files that are read when they
//! are asked for. A folder is written under another name and renamed when it is complete; one that
//! is not complete, or whose files have other sizes than they were written with, counts as not
//! there, because everything in it can be built again.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{
    DataType, Date32Type, Field, Float64Type, Int64Type, Schema, TimestampMicrosecondType,
};
use domain::{Column, Definitions, Frame, Money};
use jiff::civil::Date;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde::{Deserialize, Serialize};

use crate::build::caveats::{BuildSummary, Notes};
use crate::build::{FRAMES, Facts, date, instant, number};
use crate::error::LakeError;
use crate::relation::Built;

/// Changes when the tables mean something else or are laid out in another way.
const FORMAT: u32 = 2;
const META: &str = "build.json";
const HOPS: &str = "hops";

/// What stands beside the tables.
#[derive(Serialize, Deserialize)]
struct Meta {
    format: u32,
    summary: BuildSummary,
    notes: Notes,
    /// Size of each file in bytes.
    files: BTreeMap<String, u64>,
}

/// Returns the key of a build: equal only where facts, definitions, day and format are.
pub fn key(facts: &dyn Facts, definitions: &Definitions, as_of: Date) -> Result<String, LakeError> {
    let (facts, words) = (facts.identity()?, definitions.identity());
    let text = format!("{FORMAT}\u{1f}{facts}\u{1f}{words}\u{1f}{as_of}");
    Ok(blake3::hash(text.as_bytes()).to_hex().chars().take(32).collect())
}

/// Keeps a build under its key in a folder of builds. One that is there already is left as it is.
pub fn save(built: &Built, dir: &Path, key: &str) -> Result<(), LakeError> {
    let target = dir.join(key);
    if complete(&target).is_some() {
        return Ok(());
    }
    let temporary = dir.join(format!(".{key}.{}", std::process::id()));
    // What an interrupted save left behind; mostly there is nothing.
    drop(fs::remove_dir_all(&temporary));
    fs::create_dir_all(&temporary).map_err(LakeError::disk("cannot make folder", &temporary))?;
    let mut files = BTreeMap::new();
    for name in FRAMES {
        let batch = batch_from_frame(&*built.table(name)?)?;
        files.insert((*name).to_owned(), write(&temporary.join(file(name)), &batch)?);
    }
    let hops = built.hops()?;
    files.insert(HOPS.to_owned(), write(&temporary.join(file(HOPS)), &hops)?);
    let meta = Meta {
        format: FORMAT,
        summary: built.summary().clone(),
        notes: built.notes().clone(),
        files,
    };
    let path = temporary.join(META);
    let text = serde_json::to_vec_pretty(&meta)?;
    fs::write(&path, text).map_err(LakeError::disk("cannot write", &path))?;
    if target.exists() {
        fs::remove_dir_all(&target).map_err(LakeError::disk("cannot remove", &target))?;
    }
    match fs::rename(&temporary, &target) {
        Ok(()) => Ok(()),
        // Someone else was faster with the same build.
        Err(_) if complete(&target).is_some() => {
            fs::remove_dir_all(&temporary).map_err(LakeError::disk("cannot remove", &temporary))
        }
        Err(source) => Err(LakeError::disk("cannot rename", &temporary)(source)),
    }
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
    let meta = complete(&dir)?;
    let definitions = Arc::clone(definitions);
    Some(Built::stored(facts, definitions, as_of, meta.notes, meta.summary, dir))
}

/// Opens the build for these facts, definitions and day, or builds and keeps it.
pub fn open_or_build(
    facts: Arc<dyn Facts>,
    request: crate::build::BuildRequest<'_>,
    dir: &Path,
) -> Result<Built, LakeError> {
    let (definitions, as_of) = (Arc::clone(request.definitions), request.as_of);
    let key = key(&*facts, &definitions, as_of)?;
    if let Some(built) = open(Arc::clone(&facts), &definitions, as_of, dir, &key) {
        return Ok(built);
    }
    let built = crate::build::build(facts, request)?;
    save(&built, dir, &key)?;
    Ok(built)
}

/// Reads what stands beside the tables, where all of them are as they were written.
fn complete(dir: &Path) -> Option<Meta> {
    let text = fs::read(dir.join(META)).ok()?;
    let meta: Meta = serde_json::from_slice(&text).ok()?;
    let whole = meta.format == FORMAT
        && meta.files.iter().all(|(name, bytes)| {
            fs::metadata(dir.join(file(name))).is_ok_and(|found| found.len() == *bytes)
        });
    whole.then_some(meta)
}

fn file(name: &str) -> String {
    format!("{name}.parquet")
}

fn write(path: &PathBuf, batch: &RecordBatch) -> Result<u64, LakeError> {
    let out = File::create(path).map_err(LakeError::disk("cannot write", path))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by("throughline".to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(out, batch.schema(), Some(properties))
        .map_err(LakeError::parquet(path))?;
    writer.write(batch).map_err(LakeError::parquet(path))?;
    writer.close().map_err(LakeError::parquet(path))?;
    Ok(fs::metadata(path).map_err(LakeError::disk("cannot read", path))?.len())
}

fn read(path: &Path) -> Result<RecordBatch, LakeError> {
    let input = File::open(path).map_err(LakeError::disk("cannot read", path))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(input).map_err(LakeError::parquet(path))?;
    let schema = Arc::clone(builder.schema());
    let reader = builder.with_batch_size(1 << 16).build().map_err(LakeError::parquet(path))?;
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

pub(crate) fn read_frame(dir: &Path, name: &str) -> Result<Frame, LakeError> {
    frame_from_batch(&read(&dir.join(file(name)))?)
}

pub(crate) fn read_hops(dir: &Path) -> Result<RecordBatch, LakeError> {
    read(&dir.join(file(HOPS)))
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
