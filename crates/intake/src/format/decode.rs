//! From the bytes of a file to the bytes of its text: type by content, unpacking, encoding.
//!
//! The name of a file proves nothing, so the first bytes decide. Unpacking is counted against the
//! limits while it runs, never after.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use domain::{Diagnostic, Place};
use encoding_rs::{Decoder, DecoderResult};

use crate::limits::Limits;
use crate::settings::Rejected;

/// How the characters of a text are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// UTF-8 without a mark.
    Utf8,
    /// UTF-8 behind a byte order mark.
    Utf8Mark,
    /// UTF-16, low byte first.
    Utf16Low,
    /// UTF-16, high byte first.
    Utf16High,
    /// Windows-1252, which covers ISO-8859-1.
    Windows1252,
}

impl Encoding {
    /// Returns the name as a mapping writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf8Mark => "utf-8 with a byte order mark",
            Self::Utf16Low => "utf-16le",
            Self::Utf16High => "utf-16be",
            Self::Windows1252 => "windows-1252",
        }
    }

    /// Finds an encoding by the name that a mapping writes.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Self::Utf8,
            "utf-16" | "utf-16le" | "utf16" => Self::Utf16Low,
            "utf-16be" => Self::Utf16High,
            "windows-1252" | "iso-8859-1" | "latin1" | "cp1252" => Self::Windows1252,
            _ => return None,
        })
    }

    /// True for the two forms of UTF-16.
    pub fn wide(self) -> bool {
        matches!(self, Self::Utf16Low | Self::Utf16High)
    }
}

/// What the first bytes say that a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// No bytes.
    Empty,
    /// A gzip stream.
    Gzip,
    /// A zip archive; a workbook is one too.
    Zip,
    /// Parquet.
    Parquet,
    /// Encrypted Parquet.
    ParquetEncrypted,
    /// A PDF document.
    Pdf,
    /// A web page.
    Html,
    /// An Excel file of the old binary kind.
    OldExcel,
    /// A JSON array or another JSON document that is not one object a line.
    JsonArray,
    /// JSON objects, one a line.
    Ndjson,
    /// Any other text.
    Text(Encoding),
    /// Bytes that are no text.
    Binary,
}

/// Tells by the first bytes what a file is.
pub fn content(head: &[u8]) -> Content {
    let starts = |mark: &[u8]| head.starts_with(mark);
    if head.is_empty() {
        return Content::Empty;
    }
    if starts(&[0x1f, 0x8b]) {
        return Content::Gzip;
    }
    if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") || starts(b"PK\x07\x08") {
        return Content::Zip;
    }
    if starts(b"PAR1") {
        return Content::Parquet;
    }
    if starts(b"PARE") {
        return Content::ParquetEncrypted;
    }
    if starts(b"%PDF") {
        return Content::Pdf;
    }
    if starts(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Content::OldExcel;
    }
    if starts(&[0xFF, 0xFE]) {
        return Content::Text(Encoding::Utf16Low);
    }
    if starts(&[0xFE, 0xFF]) {
        return Content::Text(Encoding::Utf16High);
    }
    let (encoding, body) = match head.strip_prefix(&[0xEF, 0xBB, 0xBF]) {
        Some(body) => (Encoding::Utf8Mark, body),
        None => (Encoding::Utf8, head),
    };
    // UTF-16 without a mark: every other byte of plain text is zero.
    let sample = body.get(..body.len().min(200)).unwrap_or(body);
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|&&b| b == 0).count();
    if sample.len() >= 8 && zeros(1) * 5 > sample.len() * 2 && zeros(0) == 0 {
        return Content::Text(Encoding::Utf16Low);
    }
    if sample.len() >= 8 && zeros(0) * 5 > sample.len() * 2 && zeros(1) == 0 {
        return Content::Text(Encoding::Utf16High);
    }
    let trimmed = body.trim_ascii_start();
    let lower: Vec<u8> = trimmed.iter().take(200).map(u8::to_ascii_lowercase).collect();
    if lower.starts_with(b"<!doctype html")
        || lower.starts_with(b"<html")
        || lower.starts_with(b"<head")
    {
        return Content::Html;
    }
    match trimmed.first() {
        Some(b'[') if !trimmed.starts_with(b"[\"") || trimmed.contains(&b'{') => {
            let next = trimmed.get(1..).unwrap_or(&[]).trim_ascii_start().first();
            if matches!(next, Some(b'{' | b'[' | b']')) {
                // A run of opening brackets is a line of NDJSON gone wrong, or an array.
                return Content::JsonArray;
            }
        }
        Some(b'{') => return Content::Ndjson,
        None if body.is_empty() => return Content::Empty,
        _ => {}
    }
    let controls = sample.iter().filter(|&&b| b < 9).count();
    if controls * 10 > sample.len() || !written(body.get(..body.len().min(4096)).unwrap_or(body)) {
        return Content::Binary;
    }
    Content::Text(encoding)
}

/// False for bytes that nobody wrote: neither UTF-8 nor an older code, in which controls are rare.
fn written(sample: &[u8]) -> bool {
    let strange = sample.iter().filter(|&&b| b < 9 || (14..32).contains(&b)).count();
    // A character may be cut off at the end of the sample.
    let utf8 =
        std::str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true);
    utf8 || strange * 50 <= sample.len()
}

/// Turns a failure to read into a refusal of the file.
pub fn rejected(error: io::Error, file: &Arc<str>) -> Rejected {
    match error.downcast::<Rejected>() {
        Ok(rejected) => rejected,
        Err(error) => {
            Diagnostic::error("intake.unreadable", format!("the file cannot be read: {error}"))
                .at(Place::file(Arc::clone(file)))
                .hint("Check that the file is complete and may be read.")
                .into()
        }
    }
}

/// Opens the text of a file as UTF-8, without its byte order mark.
pub fn open_text(
    path: &Path,
    packed: bool,
    encoding: Encoding,
    limits: &Limits,
    file: &Arc<str>,
) -> Result<Box<dyn Read>, Rejected> {
    let raw = open_bytes(path, packed, limits, file)?;
    text_of(raw, encoding, file)
}

/// Makes a stream of bytes one of UTF-8, without its byte order mark.
pub fn text_of(
    mut raw: Box<dyn Read>,
    encoding: Encoding,
    file: &Arc<str>,
) -> Result<Box<dyn Read>, Rejected> {
    let decoder = match encoding {
        Encoding::Utf8 => return Ok(raw),
        Encoding::Utf8Mark => {
            let mut mark = [0_u8; 3];
            raw.read_exact(&mut mark).map_err(|error| rejected(error, file))?;
            return Ok(raw);
        }
        Encoding::Utf16Low => encoding_rs::UTF_16LE.new_decoder_with_bom_removal(),
        Encoding::Utf16High => encoding_rs::UTF_16BE.new_decoder_with_bom_removal(),
        Encoding::Windows1252 => encoding_rs::WINDOWS_1252.new_decoder_without_bom_handling(),
    };
    Ok(Box::new(Transcoded {
        inner: raw,
        decoder,
        name: encoding.name(),
        held: Vec::new(),
        given: 0,
        finished: false,
        file: Arc::clone(file),
    }))
}

/// Opens the bytes of a file, unpacked under the limits.
pub fn open_bytes(
    path: &Path,
    packed: bool,
    limits: &Limits,
    file: &Arc<str>,
) -> Result<Box<dyn Read>, Rejected> {
    let opened = File::open(path).map_err(|error| rejected(error, file))?;
    let size = opened.metadata().map_or(0, |meta| meta.len());
    let reader = BufReader::with_capacity(128 * 1024, opened);
    let limits = limits.clone();
    Ok(if packed {
        Box::new(Counted {
            inner: flate2::read::MultiGzDecoder::new(reader),
            seen: 0,
            packed: Some(size),
            limits,
            file: Arc::clone(file),
        })
    } else {
        Box::new(Counted { inner: reader, seen: 0, packed: None, limits, file: Arc::clone(file) })
    })
}

/// Counts bytes and stops at the limits.
struct Counted<R> {
    inner: R,
    seen: u64,
    packed: Option<u64>,
    limits: Limits,
    file: Arc<str>,
}

/// Reads no more than the limits allow; `packed` is the size before unpacking.
pub(crate) fn counted<R: Read>(
    inner: R,
    packed: Option<u64>,
    limits: &Limits,
    file: &Arc<str>,
) -> impl Read {
    Counted { inner, seen: 0, packed, limits: limits.clone(), file: Arc::clone(file) }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(space)?;
        self.seen += read as u64;
        let ratio_reached = self.packed.is_some_and(|size| {
            self.seen > 1024 * 1024 && self.seen / size.max(1) > self.limits.unpacked_ratio
        });
        let what = if self.seen > self.limits.unpacked_bytes {
            format!("the file holds more than {} bytes", self.limits.unpacked_bytes)
        } else if ratio_reached {
            format!("the file unpacks to more than {} times its size", self.limits.unpacked_ratio)
        } else {
            return Ok(read);
        };
        let diagnostic = Diagnostic::error("intake.unpacked-limit", what)
            .at(Place::file(Arc::clone(&self.file)))
            .hint("Split the export, or raise the limit if the file can be trusted.");
        Err(io::Error::other(Rejected::from(diagnostic)))
    }
}

/// Decodes to UTF-8 and stops at the first byte that is not of the encoding.
struct Transcoded {
    inner: Box<dyn Read>,
    decoder: Decoder,
    name: &'static str,
    held: Vec<u8>,
    given: usize,
    finished: bool,
    file: Arc<str>,
}

impl Read for Transcoded {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.held.len() {
            if self.finished {
                return Ok(0);
            }
            let mut chunk = [0_u8; 8 * 1024];
            let read = self.inner.read(&mut chunk)?;
            self.finished = read == 0;
            let source = chunk.get(..read).unwrap_or(&[]);
            let most = self.decoder.max_utf8_buffer_length_without_replacement(read).unwrap_or(0);
            self.held.clear();
            self.held.resize(most + 16, 0);
            self.given = 0;
            let (result, _, written) = self.decoder.decode_to_utf8_without_replacement(
                source,
                &mut self.held,
                self.finished,
            );
            self.held.truncate(written);
            if matches!(result, DecoderResult::Malformed(..)) {
                let diagnostic = Diagnostic::error(
                    "intake.encoding",
                    format!("the file is not well-formed {}", self.name),
                )
                .at(Place::file(Arc::clone(&self.file)))
                .hint("Export the file as UTF-8.");
                return Err(io::Error::other(Rejected::from(diagnostic)));
            }
        }
        let held = self.held.get(self.given..).unwrap_or(&[]);
        let length = held.len().min(space.len());
        if let (Some(to), Some(from)) = (space.get_mut(..length), held.get(..length)) {
            to.copy_from_slice(from);
        }
        self.given += length;
        Ok(length)
    }
}

/// Whether a stream of bytes is UTF-8, and how often it is not.
#[derive(Default, Debug)]
pub struct Utf8Check {
    /// Sequences that are not UTF-8.
    pub broken: u64,
    /// Chunks with at least one character beyond ASCII that is UTF-8.
    pub beyond_ascii: u64,
    pending: Vec<u8>,
}

impl Utf8Check {
    /// Looks at the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.pending.is_empty() && bytes.is_ascii() {
            return;
        }
        let joined;
        let mut rest = if self.pending.is_empty() {
            bytes
        } else {
            joined = [std::mem::take(&mut self.pending).as_slice(), bytes].concat();
            &joined
        };
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.beyond_ascii += u64::from(!text.is_ascii());
                    return;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    self.beyond_ascii += u64::from(!valid.is_ascii());
                    if let Some(length) = error.error_len() {
                        self.broken += 1;
                        rest = after.get(length..).unwrap_or(&[]);
                    } else {
                        self.pending = after.to_vec();
                        return;
                    }
                }
            }
        }
    }

    /// Looks at the end: a sequence that is cut off is broken.
    pub fn finish(&mut self) {
        self.broken += u64::from(!self.pending.is_empty());
        self.pending.clear();
    }
}

/// Lists the names in a zip archive from its directory, without unpacking anything.
pub fn zip_entries(bytes: &[u8]) -> (u64, Vec<String>) {
    let word = |at: usize, length: usize| -> Option<u64> {
        let part = bytes.get(at..at.checked_add(length)?)?;
        Some(part.iter().rev().fold(0, |sum, &b| sum << 8 | u64::from(b)))
    };
    let from = bytes.len().saturating_sub(66_000);
    let end = bytes.get(from..).unwrap_or(&[]).windows(4).rposition(|w| w == b"PK\x05\x06");
    let Some(end) = end.map(|at| at + from) else { return (0, Vec::new()) };
    let declared = word(end + 10, 2).unwrap_or(0);
    let mut at = usize::try_from(word(end + 16, 4).unwrap_or(0)).unwrap_or(usize::MAX);
    let mut names = Vec::new();
    while names.len() < 10_000 && bytes.get(at..at.saturating_add(4)) == Some(b"PK\x01\x02") {
        let (Some(name), Some(extra), Some(comment)) =
            (word(at + 28, 2), word(at + 30, 2), word(at + 32, 2))
        else {
            break;
        };
        let length = |value: u64| usize::try_from(value).unwrap_or(0);
        let text = bytes.get(at + 46..at + 46 + length(name)).unwrap_or(&[]);
        names.push(String::from_utf8_lossy(text).into_owned());
        at += 46 + length(name) + length(extra) + length(comment);
    }
    (declared.max(names.len() as u64), names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide_what_a_file_is() {
        for (head, expected) in [
            (&b""[..], Content::Empty),
            (b"\xEF\xBB\xBFid,name\n", Content::Text(Encoding::Utf8Mark)),
            (b"\xFF\xFEi\0d\0", Content::Text(Encoding::Utf16Low)),
            (b"i\0d\0,\0n\0a\0m\0e\0", Content::Text(Encoding::Utf16Low)),
            (b"PK\x03\x04....", Content::Zip),
            (b"%PDF-1.7", Content::Pdf),
            (b" <!DOCTYPE html><html>", Content::Html),
            (b"PAR1", Content::Parquet),
            (b"PARE", Content::ParquetEncrypted),
            (b"[\n {\"a\":1}]", Content::JsonArray),
            (b"{\"a\":1}\n", Content::Ndjson),
            (b"id,name\n1,2\n", Content::Text(Encoding::Utf8)),
        ] {
            assert_eq!(content(head), expected, "{head:?}");
        }
    }

    #[test]
    fn broken_utf8_is_counted_across_chunks() {
        let mut check = Utf8Check::default();
        for chunk in [&b"ab\xC3"[..], b"\xA9 ok", b" \x92 x", b"\xC3"] {
            check.feed(chunk);
        }
        check.finish();
        assert_eq!((check.broken, check.beyond_ascii > 0), (2, true));
    }
}
