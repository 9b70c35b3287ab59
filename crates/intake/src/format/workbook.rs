//! Excel workbooks: typed cells of one sheet, read whole under a limit.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use calamine::{Data, Reader, Xlsx};
use domain::{Diagnostic, Place};
use jiff::civil::DateTime;

use super::{Cells, Each, Item, Row};
use crate::limits::Limits;
use crate::settings::Rejected;
use crate::value::Raw;

/// A cell with its text owned.
#[derive(Clone, Debug)]
pub enum Held {
    /// No value.
    Empty,
    /// A text.
    Text(String),
    /// A number as its shortest exact text.
    Number(String),
    /// A boolean.
    Boolean(bool),
    /// A date and time.
    Civil(DateTime),
}

impl Held {
    fn raw(&self) -> Raw<'_> {
        match self {
            Self::Empty => Raw::Text(""),
            Self::Text(text) => Raw::Text(text),
            Self::Number(text) => Raw::Number(text),
            Self::Boolean(value) => Raw::Boolean(*value),
            Self::Civil(at) if at.time() == jiff::civil::Time::midnight() => Raw::Day(at.date()),
            Self::Civil(at) => Raw::Civil(*at),
        }
    }
}

/// A sheet: its name, the number of its first row from 1, and its rows.
pub struct Sheet {
    /// Name of the sheet.
    pub name: String,
    /// The rows, each with its number in the sheet.
    pub rows: Vec<(u64, Vec<Held>)>,
}

/// Reads all sheets of a workbook.
pub fn sheets(path: &Path, limits: &Limits, file: &Arc<str>) -> Result<Vec<Sheet>, Rejected> {
    let refuse = |message: String| -> Rejected {
        Diagnostic::error("xlsx.unreadable", message)
            .at(Place::file(Arc::clone(file)))
            .hint("Save the workbook again, or export the sheet as CSV.")
            .into()
    };
    let size = std::fs::metadata(path).map_err(|error| super::decode::rejected(error, file))?.len();
    if size > limits.workbook_bytes {
        return Err(refuse(format!(
            "the workbook has {size} bytes, the limit is {}",
            limits.workbook_bytes
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| super::decode::rejected(error, file))?;
    let (unpacked, n_entries) = unpacked_size(&bytes);
    if unpacked > limits.unpacked_bytes / 4
        || unpacked / (size.max(1)) > limits.unpacked_ratio
        || n_entries > 10_000
    {
        return Err(refuse(format!(
            "the workbook unpacks to {unpacked} bytes in {n_entries} parts, beyond the limits"
        )));
    }
    // The parser of a hostile workbook may still panic; that ends the file, not the program.
    catch_unwind(AssertUnwindSafe(|| parse(bytes)))
        .unwrap_or_else(|_| Err("its parts contradict each other".into()))
        .map_err(|error| refuse(format!("the workbook cannot be read: {error}")))
}

fn parse(bytes: Vec<u8>) -> Result<Vec<Sheet>, String> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes))
        .map_err(|e: calamine::XlsxError| e.to_string())?;
    let mut sheets = Vec::new();
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).map_err(|error| error.to_string())?;
        let first = range.start().map_or(0, |(row, _)| u64::from(row)) + 1;
        let rows = range
            .rows()
            .enumerate()
            .map(|(at, row)| (first + at as u64, row.iter().map(held).collect()))
            .collect();
        sheets.push(Sheet { name, rows });
    }
    Ok(sheets)
}

fn held(cell: &Data) -> Held {
    match cell {
        Data::Empty => Held::Empty,
        Data::String(text) if text.is_empty() => Held::Empty,
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            Held::Text(text.clone())
        }
        Data::Int(value) => Held::Number(value.to_string()),
        // The shortest text that reads back as the same number is what the sheet shows.
        Data::Float(value) => Held::Number(value.to_string()),
        Data::Bool(value) => Held::Boolean(*value),
        Data::DateTime(at) => {
            let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
            let small = |value: u8| i8::try_from(value).unwrap_or(-1);
            DateTime::new(
                i16::try_from(year).unwrap_or(-1),
                small(month),
                small(day),
                small(hour),
                small(minute),
                small(second),
                i32::from(milli) * 1_000_000,
            )
            .map_or_else(|_| Held::Number(at.as_f64().to_string()), Held::Civil)
        }
        Data::Error(error) => Held::Text(error.to_string()),
    }
}

/// Reads the rows of a sheet after a row number; rows without any value are blank.
pub fn read(sheet: &Sheet, after_row: u64, each: &mut Each<'_>) -> Result<(), Rejected> {
    for (number, cells) in &sheet.rows {
        if *number <= after_row || cells.iter().all(|cell| matches!(cell, Held::Empty)) {
            continue;
        }
        let raws: Vec<Raw<'_>> = cells.iter().map(Held::raw).collect();
        if !each(Item::Row(Row { line: *number, cells: Cells::Typed(&raws) }))? {
            break;
        }
    }
    Ok(())
}

/// Adds up what the directory of a zip archive declares.
fn unpacked_size(bytes: &[u8]) -> (u64, usize) {
    let mut sum = 0_u64;
    let mut n_entries = 0;
    let mut at = 0;
    while let Some(found) =
        bytes.get(at..).unwrap_or(&[]).windows(4).position(|w| w == b"PK\x01\x02")
    {
        let entry = at + found;
        let size = bytes
            .get(entry + 24..entry + 28)
            .map_or(0, |part| part.iter().rev().fold(0_u64, |value, &b| value << 8 | u64::from(b)));
        sum = sum.saturating_add(size);
        n_entries += 1;
        at = entry + 4;
    }
    (sum, n_entries)
}
