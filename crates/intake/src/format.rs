//! The formats in which files come, each turned into numbered rows of values.
//!
//! A reader pushes rows, so that none has to hold the file; it stops when told. What makes one row
//! unreadable is an [`Item::Fault`]; what makes the file unreadable is a [`Rejected`].

use std::sync::Arc;

use crate::kept::Broken;
use crate::settings::Rejected;
use crate::value::Raw;

pub mod decode;
pub mod delimited;
pub mod ndjson;
pub mod parquet;
pub mod workbook;

/// How a file is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Lines of fields with a separator.
    Delimited(u8),
    /// One JSON object a line.
    Ndjson,
    /// An Excel workbook; the sheet counts from 0.
    Workbook(usize),
    /// Parquet.
    Parquet,
}

impl Format {
    /// Returns the name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delimited(b',') => "comma-separated text",
            Self::Delimited(b';') => "semicolon-separated text",
            Self::Delimited(b'\t') => "tab-separated text",
            Self::Delimited(_) => "bar-separated text",
            Self::Ndjson => "NDJSON",
            Self::Workbook(_) => "XLSX workbook",
            Self::Parquet => "Parquet",
        }
    }
}

/// One row: the values of its cells by position.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Physical line of its start, from 1; the row number in workbooks and Parquet files.
    pub line: u64,
    /// The values.
    pub cells: Cells<'a>,
}

/// The values of a row.
#[derive(Clone, Copy, Debug)]
pub enum Cells<'a> {
    /// Fields of a text, each ending before its separator.
    Text {
        /// All fields, with one byte between them.
        text: &'a str,
        /// Where each field ends.
        ends: &'a [usize],
    },
    /// Typed values.
    Typed(&'a [Raw<'a>]),
}

impl<'a> Row<'a> {
    /// Returns the number of cells.
    pub fn len(&self) -> usize {
        match self.cells {
            Cells::Text { ends, .. } => ends.len(),
            Cells::Typed(values) => values.len(),
        }
    }

    /// True where there are no cells.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the value at a position; [`Raw::Missing`] beyond the end.
    pub fn get(&self, at: usize) -> Raw<'a> {
        match self.cells {
            Cells::Text { text, ends } => {
                let start = match at.checked_sub(1) {
                    None => 0,
                    Some(before) => ends.get(before).map_or(text.len(), |end| end + 1),
                };
                let field = ends.get(at).and_then(|&end| text.get(start..end));
                field.map_or(Raw::Missing, Raw::Text)
            }
            Cells::Typed(values) => values.get(at).copied().unwrap_or(Raw::Missing),
        }
    }

    /// Writes the row as one shortened line for an excerpt.
    pub fn excerpt(&self) -> String {
        let mut out = String::new();
        for at in 0..self.len() {
            if at > 0 {
                out.push_str(" | ");
            }
            out.push_str(&crate::value::shown(&self.get(at).to_plain()));
            if out.len() > 800 {
                break;
            }
        }
        out
    }
}

/// Why one row could not be read.
#[derive(Clone, Debug)]
pub struct RowFault {
    /// Where it starts.
    pub line: u64,
    /// The position of the cell at fault, where it is one.
    pub cell: Option<usize>,
    /// The name of the cell at fault, where the format knows it.
    pub column: Option<Arc<str>>,
    /// The rule that it breaks.
    pub rule: &'static str,
    /// What was expected and what was found.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The part at fault.
    pub excerpt: String,
    /// What stands of the row.
    pub broken: Broken,
}

/// A row, or why it is none.
#[derive(Debug)]
pub enum Item<'a> {
    /// A row.
    Row(Row<'a>),
    /// A row that could not be read.
    Fault(RowFault),
}

/// What takes the rows; `false` stops the reading.
pub type Each<'e> = dyn FnMut(Item<'_>) -> Result<bool, Rejected> + 'e;

/// How a file ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tail {
    /// True where the last line has no line end.
    pub open: bool,
}
