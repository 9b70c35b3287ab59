//! Delimited text: records of fields, with quotes, under limits.
//!
//! A reader of its own rather than a library's, because a file may be hostile: a quote that is
//! never closed must not swallow the rest of the file, a field must not grow without end, and the
//! line at which a quote was opened must be known for the message. Values are kept byte for byte.

use std::io::Read;
use std::sync::Arc;

use domain::{Diagnostic, Place};

use super::{Cells, Each, Item, Row, RowFault, Tail};
use crate::kept::Broken;
use crate::limits::Limits;
use crate::settings::Rejected;

const CHUNK: usize = 256 * 1024;

/// What one attempt to take a record from the buffer gave.
enum Taken {
    /// A record of so many bytes, its line end included; true where a line end was there.
    Record(usize, bool),
    /// The buffer ends within the record.
    More,
    /// A quote was opened at this byte and not closed within the limit or the file.
    Unclosed(usize),
    /// The field of this number that starts at this byte is longer than the limit.
    TooLong(usize, usize),
}

/// The fields of one record, unescaped.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Nothing was escaped: the fields stand in the record itself, and `bytes` is empty.
    plain: bool,
}

impl Fields {
    /// Returns the bytes in which the fields stand.
    fn bytes<'b>(&'b self, record: &'b [u8]) -> &'b [u8] {
        if self.plain {
            record.get(..self.ends.last().copied().unwrap_or(0)).unwrap_or(&[])
        } else {
            &self.bytes
        }
    }

    /// Returns the fields apart.
    fn split(&self, record: &[u8]) -> Broken {
        let bytes = self.bytes(record);
        let mut from = 0;
        let fields = self.ends.iter().map(|&end| {
            let field = bytes.get(from..end).unwrap_or(&[]);
            from = end + 1;
            field.to_vec()
        });
        Broken::Fields(fields.collect())
    }
}

/// Reads the records that start after a line.
pub fn read(
    input: &mut dyn Read,
    separator: u8,
    after_line: u64,
    limits: &Limits,
    file: &Arc<str>,
    each: &mut Each<'_>,
) -> Result<Tail, Rejected> {
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * CHUNK);
    let (mut start, mut line, mut offset) = (0_usize, 1_u64, 0_u64);
    let mut fields = Fields::default();
    let mut finished = false;
    let mut tail = Tail::default();
    loop {
        let pending = buffer.get(start..).unwrap_or(&[]);
        if pending.is_empty() && finished {
            return Ok(tail);
        }
        let taken = if pending.is_empty() {
            Taken::More
        } else {
            take(pending, separator, finished, limits, &mut fields)
        };
        match taken {
            Taken::Record(length, closed) => {
                let record = pending.get(..length).unwrap_or(&[]);
                tail.open = !closed;
                if line > after_line && !deliver(&fields, record, line, offset, each)? {
                    return Ok(tail);
                }
                line += newlines(record);
                offset += length as u64;
                start += length;
            }
            Taken::More if pending.len() > limits.line_bytes => {
                return Err(Rejected::from(
                    Diagnostic::error(
                        "intake.line-limit",
                        format!("a record of more than {} bytes", limits.line_bytes),
                    )
                    .at(Place::line(Arc::clone(file), line))
                    .hint("Check the separator and the line ends of the file, or raise the limit."),
                ));
            }
            Taken::More => {
                buffer.drain(..start);
                start = 0;
                let held = buffer.len();
                // Growing by the size of what is held keeps repeated attempts linear.
                buffer.resize(held + CHUNK.max(held), 0);
                let read = match buffer.get_mut(held..) {
                    Some(space) => fill(input, space, file)?,
                    None => 0,
                };
                buffer.truncate(held + read);
                finished = read == 0;
            }
            Taken::Unclosed(at) => {
                let opened = line + newlines(pending.get(..at).unwrap_or(&[]));
                let message = if pending.len() - at > limits.field_bytes {
                    format!(
                        "quote opened at line {opened} is not closed within the field limit of {} bytes",
                        limits.field_bytes
                    )
                } else {
                    format!("quote opened at line {opened} is not closed")
                };
                return Err(Rejected::from(
                    Diagnostic::error("csv.quote-open", message)
                        .at(Place::line(Arc::clone(file), opened))
                        .hint("Close the quote, or double it where it belongs to the text."),
                ));
            }
            Taken::TooLong(number, at) => {
                let line = line + newlines(pending.get(..at).unwrap_or(&[]));
                return Err(Rejected::from(
                    Diagnostic::error(
                        "csv.field-limit",
                        format!(
                            "field {} of line {line} is longer than the field limit of {} bytes",
                            number + 1,
                            limits.field_bytes
                        ),
                    )
                    .at(Place::line(Arc::clone(file), line))
                    .hint("Leave the column out of the export, or raise the limit."),
                ));
            }
        }
    }
}

/// Reads the records at the head of a text, for recognition: line and cells of each.
pub fn head(bytes: &[u8], whole: bool, separator: u8, limits: &Limits) -> Vec<(u64, Vec<String>)> {
    let (mut start, mut line) = (0_usize, 1_u64);
    let mut fields = Fields::default();
    let mut records = Vec::new();
    while records.len() < limits.header_lines + 20 {
        let pending = bytes.get(start..).unwrap_or(&[]);
        if pending.is_empty() {
            break;
        }
        let Taken::Record(length, _) = take(pending, separator, whole, limits, &mut fields) else {
            break;
        };
        let bytes = fields.bytes(pending);
        let mut from = 0;
        let cells = fields.ends.iter().map(|&end| {
            let cell = bytes.get(from..end).unwrap_or(&[]);
            from = end + 1;
            String::from_utf8_lossy(cell).into_owned()
        });
        records.push((line, cells.collect()));
        line += newlines(pending.get(..length).unwrap_or(&[]));
        start += length;
    }
    records
}

fn fill(input: &mut dyn Read, space: &mut [u8], file: &Arc<str>) -> Result<usize, Rejected> {
    loop {
        match input.read(space) {
            Ok(read) => return Ok(read),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(super::decode::rejected(error, file)),
        }
    }
}

#[expect(clippy::naive_bytecount, reason = "records are short, and no crate is worth it for them")]
fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&b| b == b'\n').count() as u64
}

/// Finds the first byte that is one of three: eight at a time, as a bit of each byte tells whether
/// it is wanted.
fn first_of(wanted: [u8; 3], bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let masks = wanted.map(|byte| ONES * u64::from(byte));
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest bit that is set is right; those above it may not be.
        let found = masks.iter().fold(0, |found, mask| {
            let zero = word ^ mask;
            found | (zero.wrapping_sub(ONES) & !zero & HIGH)
        });
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| wanted.contains(byte))?;
    Some(bytes.len() - rest.len() + at)
}

/// Takes a record that stands whole in the buffer and of which no field begins with a quote: nearly
/// all do. None of others, which [`take`] takes apart with care.
fn take_plain(bytes: &[u8], separator: u8, limits: &Limits, out: &mut Fields) -> Option<usize> {
    let wanted = [separator, b'\n', b'\r'];
    let mut at = 0_usize;
    loop {
        let field = bytes.get(at..)?;
        if field.first() == Some(&b'"') {
            return None;
        }
        let length = first_of(wanted, field).filter(|length| *length <= limits.field_bytes)?;
        at += length;
        out.ends.push(at);
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'\n', _) => return Some(at + 1),
            (b'\r', Some(b'\n')) => return Some(at + 2),
            // Whether a line feed follows is not known yet.
            (b'\r', None) => return None,
            (b'\r', _) => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Takes one record from the front of a buffer.
fn take(bytes: &[u8], separator: u8, finished: bool, limits: &Limits, out: &mut Fields) -> Taken {
    out.bytes.clear();
    out.ends.clear();
    out.plain = true;
    if let Some(length) = take_plain(bytes, separator, limits, out) {
        return Taken::Record(length, true);
    }
    out.ends.clear();
    out.plain = false;
    let mut at = 0_usize;
    loop {
        let field_start = at;
        let out_start = out.bytes.len();
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            // Within quotes: up to a quote that is not doubled.
            loop {
                let rest = bytes.get(at..).unwrap_or(&[]);
                let Some(length) = first_of([b'"'; 3], rest) else {
                    if finished || rest.len() > limits.field_bytes {
                        return Taken::Unclosed(field_start);
                    }
                    return Taken::More;
                };
                out.bytes.extend_from_slice(rest.get(..length).unwrap_or(&[]));
                if out.bytes.len() - out_start > limits.field_bytes {
                    return Taken::Unclosed(field_start);
                }
                at += length + 1;
                match bytes.get(at) {
                    Some(b'"') => {
                        out.bytes.push(b'"');
                        at += 1;
                    }
                    None if !finished => return Taken::More,
                    _ => break,
                }
            }
        }
        let rest = bytes.get(at..).unwrap_or(&[]);
        let length = first_of([separator, b'\n', b'\r'], rest);
        let plain = rest.get(..length.unwrap_or(rest.len())).unwrap_or(&[]);
        if plain.len() > limits.field_bytes {
            return Taken::TooLong(out.ends.len(), field_start);
        }
        if length.is_none() && !finished {
            return Taken::More;
        }
        out.bytes.extend_from_slice(plain);
        out.ends.push(out.bytes.len());
        at += plain.len();
        match bytes.get(at) {
            Some(&b) if b == separator => {
                // One byte between fields, so that two broken ends cannot join into a character.
                out.bytes.push(separator);
                at += 1;
            }
            Some(b'\r') => {
                return match bytes.get(at + 1) {
                    Some(b'\n') => Taken::Record(at + 2, true),
                    None if !finished => Taken::More,
                    _ => Taken::Record(at + 1, true),
                };
            }
            Some(_) => return Taken::Record(at + 1, true),
            None => return Taken::Record(at, false),
        }
    }
}

/// Checks a record and hands it on; a blank line is no row.
fn deliver(
    fields: &Fields,
    record: &[u8],
    line: u64,
    offset: u64,
    each: &mut Each<'_>,
) -> Result<bool, Rejected> {
    let cell_at = |position: usize| fields.ends.iter().take_while(|&&end| end < position).count();
    let bytes = fields.bytes(record);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let cell = cell_at(error.valid_up_to());
            let raw = std::str::from_utf8(record).map_or_else(|e| e.valid_up_to(), |_| 0);
            let byte = record.get(raw).copied().unwrap_or(0);
            return each(Item::Fault(RowFault {
                line: line + newlines(record.get(..raw).unwrap_or(&[])),
                cell: Some(cell),
                column: None,
                rule: "csv.encoding",
                message: format!(
                    "byte 0x{byte:02X} at byte offset {} is not UTF-8",
                    offset + raw as u64
                ),
                hint: Some("Export the file as UTF-8, or declare `encoding = \"windows-1252\"` in a mapping.".into()),
                excerpt: String::from_utf8_lossy(
                    bytes.get(error.valid_up_to().saturating_sub(40)..error.valid_up_to()).unwrap_or(&[]),
                )
                .into_owned(),
                broken: fields.split(record),
            }));
        }
    };
    if fields.ends.len() == 1 && text.trim().is_empty() {
        return Ok(true);
    }
    if let Some(at) = first_of([0; 3], bytes) {
        return each(Item::Fault(RowFault {
            line,
            cell: Some(cell_at(at)),
            column: None,
            rule: "csv.nul",
            message: "the field contains a NUL byte".into(),
            hint: Some(
                "Export the file again; a NUL byte is often the sign of a wrong encoding.".into(),
            ),
            excerpt: text.chars().map(|c| if c == '\0' { '␀' } else { c }).take(80).collect(),
            broken: fields.split(record),
        }));
    }
    each(Item::Row(Row { line, cells: Cells::Text { text, ends: &fields.ends } }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &[u8], limits: &Limits) -> Result<Vec<(u64, Vec<String>)>, String> {
        let mut out = Vec::new();
        let mut input = text;
        read(&mut input, b',', 0, limits, &"t.csv".into(), &mut |item| {
            match item {
                Item::Row(row) => {
                    out.push((row.line, (0..row.len()).map(|at| row.get(at).to_plain()).collect()));
                }
                Item::Fault(fault) => out.push((fault.line, vec![fault.rule.to_owned()])),
            }
            Ok(true)
        })
        .map_err(|rejected| rejected.0.message)?;
        Ok(out)
    }

    #[test]
    fn values_are_byte_exact_and_lines_are_physical() {
        let text = b"a,\" b \"\"x\"\" , c\"\r\n\n\"two\nlines\",2\nlast,\r\n";
        let found = rows(text, &Limits::default()).unwrap();
        assert_eq!(
            found,
            [
                (1, vec!["a".to_owned(), " b \"x\" , c".to_owned()]),
                (3, vec!["two\nlines".to_owned(), "2".to_owned()]),
                (5, vec!["last".to_owned(), String::new()]),
            ]
        );
    }

    #[test]
    fn an_open_quote_and_a_long_field_refuse_the_file_with_their_line() {
        let limits = Limits { field_bytes: 64, ..Limits::default() };
        let mut text = b"a,b\n1,2\n3,\"open\n".to_vec();
        assert_eq!(rows(&text, &limits).unwrap_err(), "quote opened at line 3 is not closed");
        text.extend(std::iter::repeat_n(b"4,5\n", 100).flatten());
        assert_eq!(
            rows(&text, &limits).unwrap_err(),
            "quote opened at line 3 is not closed within the field limit of 64 bytes"
        );
        let long = format!("a,b\n1,{}\n", "x".repeat(65));
        assert!(rows(long.as_bytes(), &limits).unwrap_err().contains("field 2 of line 2"));
    }

    proptest! {
        /// The plain reading, eight bytes at a time, against the careful one.
        #[test]
        fn a_record_is_taken_alike_by_both_readings(
            text in proptest::collection::vec(prop_oneof![Just(b','), Just(b'\n'), Just(b'\r'), Just(b'"'), any::<u8>(), Just(b'x')], 0..60),
            finished in any::<bool>(),
        ) {
            let limits = Limits { field_bytes: 20, ..Limits::default() };
            let mut plain = Fields { plain: true, ..Fields::default() };
            if let Some(length) = take_plain(&text, b',', &limits, &mut plain) {
                // A quote in front of all makes the careful reading take the first field.
                let quoted = [b"\"\"", text.as_slice()].concat();
                let mut careful = Fields::default();
                let taken = take(&quoted, b',', finished, &limits, &mut careful);
                prop_assert!(matches!(taken, Taken::Record(taken, true) if taken == length + 2));
                prop_assert!(!careful.plain);
                prop_assert_eq!(plain.bytes(&text), careful.bytes(&quoted));
                prop_assert_eq!(plain.ends, careful.ends);
            }
        }

        #[test]
        fn the_first_of_three_bytes_is_found(
            wanted in any::<[u8; 3]>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            prop_assert_eq!(first_of(wanted, &bytes), bytes.iter().position(|b| wanted.contains(b)));
        }
    }

    #[test]
    fn two_broken_ends_do_not_join_into_a_character() {
        let found = rows(b"\xC3,\xA9\n", &Limits::default()).unwrap();
        assert_eq!(found, [(1, vec!["csv.encoding".to_owned()])]);
    }
}
