//! Refused rows as they are kept, and back: one JSON text a row, `docs/spec/quarantine.md`.
//!
//! A row is a list of pairs of header and value. A value says what its format held: a text is a
//! string, a number of a typed format a number, nothing `null`; what JSON has no form for is an
//! object of one member. A line that could not be split into its columns is kept as a text of its
//! own, which can be read by people and not tried again.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::format::decode::Encoding;
use crate::format::{Row, RowFault};
use crate::value::Raw;

/// What stands of a row that could not be read.
#[derive(Clone, Debug)]
pub enum Broken {
    /// Its fields, of which some are no text.
    Fields(Vec<Vec<u8>>),
    /// The line.
    Line(Vec<u8>),
}

/// A value of a kept row, owned.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum KeptValue {
    Missing,
    Text(String),
    Number(String),
    Boolean(bool),
    Day(jiff::civil::Date),
    Civil(jiff::civil::DateTime),
    Instant(jiff::Timestamp),
    Nested(String),
    /// Bytes that are no text in the encoding of the file.
    Bytes(Vec<u8>),
}

impl KeptValue {
    /// Returns the value as a format holds it.
    pub(crate) fn raw(&self) -> Raw<'_> {
        match self {
            Self::Missing | Self::Bytes(_) => Raw::Missing,
            Self::Text(text) => Raw::Text(text),
            Self::Number(text) => Raw::Number(text),
            Self::Boolean(value) => Raw::Boolean(*value),
            Self::Day(day) => Raw::Day(*day),
            Self::Civil(at) => Raw::Civil(*at),
            Self::Instant(at) => Raw::Instant(*at),
            Self::Nested(text) => Raw::Nested(text),
        }
    }

    /// Returns the value with its bytes read as text; none where they are no text.
    pub(crate) fn decoded(&self, encoding: Encoding) -> Option<Self> {
        let Self::Bytes(bytes) = self else { return Some(self.clone()) };
        match encoding {
            Encoding::Windows1252 => {
                let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
                Some(Self::Text(text.into_owned()))
            }
            _ => String::from_utf8(bytes.clone()).ok().map(Self::Text),
        }
    }

    fn parse(value: &Value) -> Option<Self> {
        let member = |name: &str| value.get(name).and_then(Value::as_str);
        Some(match value {
            Value::Null => Self::Missing,
            Value::Bool(value) => Self::Boolean(*value),
            Value::String(text) => Self::Text(text.clone()),
            Value::Object(_) => {
                if let Some(text) = member("number") {
                    Self::Number(text.to_owned())
                } else if let Some(text) = member("day") {
                    Self::Day(text.parse().ok()?)
                } else if let Some(text) = member("time") {
                    Self::Civil(text.parse().ok()?)
                } else if let Some(text) = member("instant") {
                    Self::Instant(text.parse().ok()?)
                } else if let Some(text) = member("nested") {
                    Self::Nested(text.to_owned())
                } else {
                    let pairs = member("bytes")?.as_bytes().chunks(2);
                    let byte = |pair| {
                        let text = std::str::from_utf8(pair).ok()?;
                        u8::from_str_radix(text, 16).ok()
                    };
                    Self::Bytes(pairs.map(byte).collect::<Option<_>>()?)
                }
            }
            Value::Number(_) | Value::Array(_) => return None,
        })
    }
}

/// Reads a kept row: its columns and values. None where it is a line, or was cut.
pub(crate) fn parse(raw: &str) -> Option<(Vec<Arc<str>>, Vec<KeptValue>)> {
    let Value::Array(pairs) = serde_json::from_str(raw).ok()? else { return None };
    let pair =
        |pair: &Value| Some((Arc::from(pair.get(0)?.as_str()?), KeptValue::parse(pair.get(1)?)?));
    let pairs: Vec<(Arc<str>, KeptValue)> = pairs.iter().map(pair).collect::<Option<_>>()?;
    Some(pairs.into_iter().unzip())
}

/// Writes a row with the names of its columns.
pub(crate) fn pairs(header: &[Arc<str>], row: &Row<'_>) -> String {
    let pairs = header.iter().enumerate().map(|(at, name)| json!([&**name, value(row.get(at))]));
    Value::Array(pairs.collect()).to_string()
}

fn value(raw: Raw<'_>) -> Value {
    match raw {
        Raw::Missing => Value::Null,
        Raw::Text(text) => text.into(),
        Raw::Number(text) => json!({ "number": text }),
        Raw::Boolean(value) => value.into(),
        Raw::Day(day) => json!({ "day": day.to_string() }),
        Raw::Civil(at) => json!({ "time": at.to_string() }),
        Raw::Instant(at) => json!({ "instant": at.to_string() }),
        Raw::Nested(text) => json!({ "nested": text }),
    }
}

/// Writes the fields of a row as a line with quotes where they are needed.
pub(crate) fn line(row: &Row<'_>, separator: char) -> String {
    let mut out = String::new();
    for at in 0..row.len() {
        if at > 0 {
            out.push(separator);
        }
        let text = row.get(at).to_plain();
        if text.contains([separator, '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&text.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&text);
        }
    }
    out
}

/// Writes what stands of a row that could not be read.
pub(crate) fn broken(header: &[Arc<str>], fault: &RowFault) -> String {
    match &fault.broken {
        Broken::Line(bytes) => plain(bytes),
        Broken::Fields(fields) if fields.len() == header.len() => {
            let pairs = header.iter().zip(fields).map(|(name, bytes)| {
                let value = match std::str::from_utf8(bytes) {
                    Ok(text) => text.into(),
                    Err(_) => json!({ "bytes": hexadecimal(bytes) }),
                };
                json!([&**name, value])
            });
            Value::Array(pairs.collect()).to_string()
        }
        Broken::Fields(fields) => plain(&fields.join(&b","[..])),
    }
}

/// Writes bytes as text; those that are none as `\x92`.
fn plain(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Cells;

    #[test]
    fn values_are_kept_as_their_format_held_them() {
        let header: Vec<Arc<str>> = ["a", "b", "c", "d", "e"].map(Arc::from).into();
        let day = Raw::Day("2026-01-02".parse().unwrap());
        let given = [Raw::Text("1,50 \"x\""), Raw::Number("1e400"), Raw::Missing, day];
        let row = Row { line: 2, cells: Cells::Typed(&given) };
        assert_eq!(
            pairs(&header, &row),
            r#"[["a","1,50 \"x\""],["b",{"number":"1e400"}],["c",null],["d",{"day":"2026-01-02"}],["e",null]]"#
        );
        let (columns, values) = parse(&pairs(&header, &row)).unwrap();
        assert_eq!(columns, header);
        let again: Vec<Raw<'_>> = values.iter().map(KeptValue::raw).collect();
        assert_eq!(again, [&given[..], &[Raw::Missing]].concat());
    }

    #[test]
    fn bytes_that_are_no_text_can_be_had_back() {
        let header: Vec<Arc<str>> = ["a", "b"].map(Arc::from).into();
        let mut fault = RowFault {
            line: 2,
            cell: None,
            column: None,
            rule: "csv.encoding",
            message: String::new(),
            hint: None,
            excerpt: String::new(),
            broken: Broken::Fields(vec![b"x".to_vec(), b"it\x92s".to_vec()]),
        };
        assert_eq!(broken(&header, &fault), r#"[["a","x"],["b",{"bytes":"69749273"}]]"#);
        fault.broken = Broken::Line(b"{\"a\": it\x92s".to_vec());
        assert_eq!(broken(&header, &fault), "{\"a\": it\\x92s");
    }
}
