//! Rows of the export files as bytes: quoted cells, plain decimals, UTC stamps.

use std::io::Write as _;

use crate::clock::{DAY, civil};
use crate::ident::Id;

/// One row under construction; every cell is quoted, as Data Loader does it.
pub(crate) struct Row<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Row<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, empty: true }
    }

    fn open(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.push(b'"');
    }

    /// Adds a text, doubling quotes.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.open();
        for &byte in text.as_bytes() {
            if byte == b'"' {
                self.out.push(b'"');
            }
            self.out.push(byte);
        }
        self.out.push(b'"');
        self
    }

    /// Adds an id of 18 characters.
    pub(crate) fn id(&mut self, id: Id) -> &mut Self {
        self.open();
        self.out.extend_from_slice(&id.long());
        self.out.push(b'"');
        self
    }

    /// Adds an id, or an empty cell.
    pub(crate) fn maybe_id(&mut self, id: Option<Id>) -> &mut Self {
        match id {
            Some(id) => self.id(id),
            None => self.text(""),
        }
    }

    /// Adds `true` or `false`.
    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.text(if flag { "true" } else { "false" })
    }

    /// Adds a whole number.
    pub(crate) fn whole(&mut self, number: i64) -> &mut Self {
        self.open();
        number_into(self.out, number, 1);
        self.out.push(b'"');
        self
    }

    /// Adds a day: `2026-09-30`.
    pub(crate) fn day(&mut self, day: i64) -> &mut Self {
        self.open();
        day_into(self.out, day);
        self.out.push(b'"');
        self
    }

    /// Adds a day, or an empty cell.
    pub(crate) fn maybe_day(&mut self, day: Option<i64>) -> &mut Self {
        match day {
            Some(day) => self.day(day),
            None => self.text(""),
        }
    }

    /// Adds an instant: `2026-09-30T16:05:00.000Z`.
    pub(crate) fn stamp(&mut self, at: i64) -> &mut Self {
        self.open();
        day_into(self.out, at.div_euclid(DAY));
        self.out.push(b'T');
        time_into(self.out, at);
        self.out.extend_from_slice(b".000Z\"");
        self
    }

    /// Adds an instant: `2026-09-30 16:05:00`.
    pub(crate) fn instant(&mut self, at: i64) -> &mut Self {
        self.open();
        day_into(self.out, at.div_euclid(DAY));
        self.out.push(b' ');
        time_into(self.out, at);
        self.out.push(b'"');
        self
    }

    /// Adds an amount of minor units, or an empty cell.
    pub(crate) fn money(&mut self, minor: Option<i64>, digits: u32) -> &mut Self {
        self.open();
        if let Some(minor) = minor {
            money_into(self.out, minor, digits);
        }
        self.out.push(b'"');
        self
    }

    /// Ends the row.
    pub(crate) fn end(&mut self) {
        self.out.push(b'\n');
    }
}

/// Writes to memory, which cannot fail.
pub(crate) fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).unwrap_or_default();
}

/// Appends a number with at least so many digits.
pub(crate) fn number_into(out: &mut Vec<u8>, number: i64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut left = number.unsigned_abs();
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        if left == 0 && used >= width.max(1) {
            break;
        }
        *place = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        used += 1;
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

pub(crate) fn day_into(out: &mut Vec<u8>, day: i64) {
    let (year, month, of_month) = civil(day);
    number_into(out, year, 4);
    out.push(b'-');
    number_into(out, month, 2);
    out.push(b'-');
    number_into(out, of_month, 2);
}

fn time_into(out: &mut Vec<u8>, at: i64) {
    let seconds = at.rem_euclid(DAY);
    number_into(out, seconds / 3600, 2);
    out.push(b':');
    number_into(out, seconds / 60 % 60, 2);
    out.push(b':');
    number_into(out, seconds % 60, 2);
}

/// Appends `1234.50` for 123450 minor units of two digits.
pub(crate) fn money_into(out: &mut Vec<u8>, minor: i64, digits: u32) {
    let unit = 10_i64.pow(digits);
    if minor < 0 {
        out.push(b'-');
    }
    let minor = minor.unsigned_abs();
    let (major, rest) = (minor / unit.unsigned_abs(), minor % unit.unsigned_abs());
    number_into(out, i64::try_from(major).unwrap_or(i64::MAX), 1);
    if digits > 0 {
        out.push(b'.');
        let width = usize::try_from(digits).unwrap_or(0);
        number_into(out, i64::try_from(rest).unwrap_or(0), width);
    }
}

/// Returns `1234.50`.
pub(crate) fn money_text(minor: i64, digits: u32) -> String {
    let mut out = Vec::new();
    money_into(&mut out, minor, digits);
    out.into_iter().map(char::from).collect()
}

/// Returns `1,234.50`.
pub(crate) fn grouped(minor: i64, digits: u32) -> String {
    let plain = money_text(minor, digits);
    let (major, rest) = plain.split_once('.').map_or((plain.as_str(), ""), |pair| pair);
    let mut text = String::new();
    for (place, letter) in major.chars().enumerate() {
        if place > 0 && (major.len() - place).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(letter);
    }
    if rest.is_empty() { text } else { format!("{text}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_numbers_are_exact() {
        let mut out = Vec::new();
        Row::new(&mut out).text("a \"b\", c").money(Some(-105), 2).money(Some(7), 0).whole(0).end();
        assert_eq!(String::from_utf8(out).unwrap(), "\"a \"\"b\"\", c\",\"-1.05\",\"7\",\"0\"\n");
        assert_eq!(grouped(123_456_789, 2), "1,234,567.89");
        assert_eq!(grouped(99_900, 2), "999.00");
    }

    #[test]
    fn instants_are_utc() {
        let mut out = Vec::new();
        Row::new(&mut out).stamp(1_790_781_905).instant(0).end();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\"2026-09-30T15:25:05.000Z\",\"1970-01-01 00:00:00\"\n");
    }
}
