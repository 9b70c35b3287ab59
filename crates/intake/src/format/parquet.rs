//! Parquet: schema and limits are looked at before any page is decoded; faults end the file.
//!
//! The decoder may panic on a hostile page, so it runs behind `catch_unwind`; the host should run
//! loads of strangers' files in a process of their own as well.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Decimal256Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use domain::{Diagnostic, Place};
use jiff::Timestamp;
use jiff::civil::{self, Date};
use jiff::tz::TimeZone;

use super::{Cells, Each, Item, Row};
use crate::limits::Limits;
use crate::settings::Rejected;
use crate::value::Raw;

fn refuse(code: &'static str, message: impl Into<String>, file: &Arc<str>) -> Rejected {
    Diagnostic::error(code, message)
        .at(Place::file(Arc::clone(file)))
        .hint("Write the file again, or export it as CSV.")
        .into()
}

/// Opens a file after its frame was checked: magic at both ends, not encrypted, metadata in bounds.
fn open(path: &Path, limits: &Limits, file: &Arc<str>) -> Result<File, Rejected> {
    let broken = |_| refuse("parquet.incomplete", "not a complete Parquet file", file);
    let mut opened = File::open(path).map_err(|error| super::decode::rejected(error, file))?;
    let size = opened.metadata().map_err(broken)?.len();
    if size < 12 {
        return Err(refuse("parquet.incomplete", "not a complete Parquet file", file));
    }
    let mut tail = [0_u8; 8];
    opened.seek(SeekFrom::End(-8)).map_err(broken)?;
    opened.read_exact(&mut tail).map_err(broken)?;
    opened.rewind().map_err(broken)?;
    let [a, b, c, d, magic @ ..] = tail;
    match &magic {
        b"PAR1" => {}
        b"PARE" => {
            return Err(refuse("parquet.encrypted", "encrypted Parquet is not supported", file));
        }
        _ => return Err(refuse("parquet.incomplete", "not a complete Parquet file", file)),
    }
    let metadata = u64::from(u32::from_le_bytes([a, b, c, d]));
    if metadata + 12 > size {
        return Err(refuse("parquet.incomplete", "not a complete Parquet file", file));
    }
    if metadata > limits.parquet_metadata_bytes {
        return Err(refuse(
            "parquet.metadata-limit",
            format!(
                "the metadata take {metadata} bytes, the limit is {}",
                limits.parquet_metadata_bytes
            ),
            file,
        ));
    }
    Ok(opened)
}

/// Runs the decoder so that a panic of it refuses the file.
fn guarded<T>(file: &Arc<str>, work: impl FnOnce() -> Result<T, Rejected>) -> Result<T, Rejected> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(refuse("parquet.damaged", "the file is damaged: its parts contradict each other", file))
    })
}

fn builder(
    path: &Path,
    limits: &Limits,
    file: &Arc<str>,
) -> Result<ParquetRecordBatchReaderBuilder<File>, Rejected> {
    let opened = open(path, limits, file)?;
    let built = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(|error| {
        refuse("parquet.damaged", format!("the file is damaged: {error}"), file)
    })?;
    let n_columns = built.schema().fields().len();
    if n_columns > limits.columns {
        return Err(refuse(
            "intake.column-limit",
            format!("{n_columns} columns, the limit is {}", limits.columns),
            file,
        ));
    }
    let mut declared = 0_i64;
    for group in built.metadata().row_groups() {
        declared = declared.saturating_add(group.total_byte_size().max(0));
        for chunk in group.columns() {
            if chunk.compressed_size() < 0 || chunk.uncompressed_size() < 0 {
                return Err(refuse(
                    "parquet.damaged",
                    "the file is damaged: a negative size",
                    file,
                ));
            }
        }
    }
    if u64::try_from(declared).unwrap_or(0) > limits.unpacked_bytes {
        return Err(refuse(
            "intake.unpacked-limit",
            format!("the file unpacks to {declared} bytes, the limit is {}", limits.unpacked_bytes),
            file,
        ));
    }
    Ok(built)
}

/// Returns the names of the columns and a note where times have no zone.
pub fn columns(
    path: &Path,
    limits: &Limits,
    file: &Arc<str>,
) -> Result<(Vec<Arc<str>>, Vec<String>), Rejected> {
    guarded(file, || {
        let built = builder(path, limits, file)?;
        let mut notes = Vec::new();
        for field in built.schema().fields() {
            if let DataType::Timestamp(_, None) = field.data_type() {
                notes.push(format!(
                    "the times of column `{}` have no zone: they are read in the zone of the source",
                    field.name()
                ));
            }
        }
        let names = built.schema().fields().iter().map(|f| f.name().as_str().into()).collect();
        Ok((names, notes))
    })
}

/// Reads the rows; the first is number 1.
pub fn read(
    path: &Path,
    limits: &Limits,
    file: &Arc<str>,
    each: &mut Each<'_>,
) -> Result<(), Rejected> {
    let reader = guarded(file, || {
        builder(path, limits, file)?.with_batch_size(4096).build().map_err(|error| {
            refuse("parquet.damaged", format!("the file is damaged: {error}"), file)
        })
    })?;
    let mut reader = reader;
    let mut line = 0;
    loop {
        let next = guarded(file, || match reader.next() {
            None => Ok(None),
            Some(Ok(batch)) => batch
                .columns()
                .iter()
                .map(texts)
                .collect::<Result<Vec<_>, _>>()
                .map(Some)
                .map_err(|error| refuse("parquet.damaged", error, file)),
            Some(Err(error)) => Err(refuse(
                "parquet.damaged",
                format!("the file is damaged near row {}: {error}", line + 1),
                file,
            )),
        })?;
        let Some(columns) = next else { return Ok(()) };
        let n_rows = columns.first().map_or(0, Vec::len);
        for row in 0..n_rows {
            line += 1;
            let raws: Vec<Raw<'_>> = columns
                .iter()
                .map(|column| column.get(row).map_or(Raw::Missing, Held::raw))
                .collect();
            if !each(Item::Row(Row { line, cells: Cells::Typed(&raws) }))? {
                return Ok(());
            }
        }
    }
}

/// A value with its text owned.
enum Held {
    Missing,
    Text(String),
    Number(String),
    Boolean(bool),
    Day(Date),
    Civil(civil::DateTime),
    Instant(Timestamp),
    Nested(String),
}

impl Held {
    fn raw(&self) -> Raw<'_> {
        match self {
            Self::Missing => Raw::Missing,
            Self::Text(text) => Raw::Text(text),
            Self::Number(text) => Raw::Number(text),
            Self::Boolean(value) => Raw::Boolean(*value),
            Self::Day(day) => Raw::Day(*day),
            Self::Civil(at) => Raw::Civil(*at),
            Self::Instant(at) => Raw::Instant(*at),
            Self::Nested(kind) => Raw::Nested(kind),
        }
    }
}

fn texts(column: &ArrayRef) -> Result<Vec<Held>, String> {
    let kind = column.data_type().clone();
    let rows = 0..column.len();
    let each = |make: &dyn Fn(usize) -> Held| -> Vec<Held> {
        rows.clone()
            .map(|row| if column.is_null(row) { Held::Missing } else { make(row) })
            .collect()
    };
    Ok(match &kind {
        DataType::Null => rows.map(|_| Held::Missing).collect(),
        DataType::Boolean => {
            let values = column.as_boolean();
            each(&|row| Held::Boolean(values.value(row)))
        }
        DataType::Decimal128(..) => {
            let values = column.as_primitive::<Decimal128Type>();
            each(&|row| Held::Number(values.value_as_string(row)))
        }
        DataType::Decimal256(..) => {
            let values = column.as_primitive::<Decimal256Type>();
            each(&|row| Held::Number(values.value_as_string(row)))
        }
        DataType::Date32 => {
            let values = column.as_primitive::<Date32Type>();
            each(&|row| day(i64::from(values.value(row))))
        }
        DataType::Date64 => {
            let values = column.as_primitive::<Date64Type>();
            each(&|row| day(values.value(row).div_euclid(86_400_000)))
        }
        DataType::Timestamp(unit, zone) => {
            let nanos: Vec<Option<i128>> = rows
                .map(|row| {
                    (!column.is_null(row)).then(|| match unit {
                        TimeUnit::Second => {
                            i128::from(column.as_primitive::<TimestampSecondType>().value(row))
                                * 1_000_000_000
                        }
                        TimeUnit::Millisecond => {
                            i128::from(column.as_primitive::<TimestampMillisecondType>().value(row))
                                * 1_000_000
                        }
                        TimeUnit::Microsecond => {
                            i128::from(column.as_primitive::<TimestampMicrosecondType>().value(row))
                                * 1_000
                        }
                        TimeUnit::Nanosecond => {
                            i128::from(column.as_primitive::<TimestampNanosecondType>().value(row))
                        }
                    })
                })
                .collect();
            nanos
                .into_iter()
                .map(|value| {
                    match value.map(|v| Timestamp::from_nanosecond(v.div_euclid(1000) * 1000)) {
                        None => Held::Missing,
                        Some(Ok(at)) if zone.is_some() => Held::Instant(at),
                        Some(Ok(at)) => Held::Civil(at.to_zoned(TimeZone::UTC).datetime()),
                        Some(Err(_)) => Held::Text("a time out of range".into()),
                    }
                })
                .collect()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            let plain = arrow::compute::cast(column, &DataType::Utf8).map_err(|e| e.to_string())?;
            let values = plain.as_string::<i32>();
            (0..values.len())
                .map(|row| {
                    if values.is_null(row) {
                        Held::Missing
                    } else {
                        Held::Text(values.value(row).to_owned())
                    }
                })
                .collect()
        }
        kind if kind.is_numeric() => {
            let plain = arrow::compute::cast(column, &DataType::Utf8).map_err(|e| e.to_string())?;
            let values = plain.as_string::<i32>();
            (0..values.len())
                .map(|row| {
                    if values.is_null(row) {
                        Held::Missing
                    } else {
                        Held::Number(values.value(row).to_owned())
                    }
                })
                .collect()
        }
        other => {
            let name = other.to_string();
            each(&|_| Held::Nested(name.clone()))
        }
    })
}

fn day(days: i64) -> Held {
    civil::date(1970, 1, 1)
        .checked_add(jiff::Span::new().try_days(days).unwrap_or_default())
        .map_or_else(|_| Held::Text("a day out of range".into()), Held::Day)
}
