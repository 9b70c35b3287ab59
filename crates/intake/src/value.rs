//! One value of a source, and the rules by which its text becomes a number, a day or an identifier.
//!
//! Nothing is stripped and guessed: a text outside the declared form is a [`Fault`] that names what
//! was expected and what was found. Decimals are exact; no number passes through a float on its way
//! from text. Dates without a time never move between zones.

use domain::Decimal;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

pub mod date;
pub mod number;

/// One value as its format holds it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Raw<'a> {
    /// Absent, or an explicit null.
    Missing,
    /// A text, as written.
    Text(&'a str),
    /// A number of a typed format, as its shortest exact text.
    Number(&'a str),
    /// A boolean of a typed format.
    Boolean(bool),
    /// A day of a typed format.
    Day(Date),
    /// A date and time without zone of a typed format.
    Civil(DateTime),
    /// An instant of a typed format.
    Instant(Timestamp),
    /// A list or structure, with its name.
    Nested(&'a str),
}

impl<'a> Raw<'a> {
    /// Returns the text of texts and numbers.
    pub fn as_text(&self) -> Option<&'a str> {
        match *self {
            Raw::Text(text) | Raw::Number(text) | Raw::Nested(text) => Some(text),
            _ => None,
        }
    }

    /// Writes the value as plain text.
    pub fn to_plain(self) -> String {
        match self {
            Raw::Missing => String::new(),
            Raw::Text(text) | Raw::Number(text) | Raw::Nested(text) => text.to_owned(),
            Raw::Boolean(value) => value.to_string(),
            Raw::Day(day) => day.to_string(),
            Raw::Civil(at) => at.to_string(),
            Raw::Instant(at) => at.to_string(),
        }
    }
}

/// Why a value could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The rule that it breaks, a stable code.
    pub rule: &'static str,
    /// What was expected and what was found.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// True where the whole file must be refused, because every row of the column is in doubt.
    pub fatal: bool,
}

impl Fault {
    /// Makes a fault of one row.
    pub fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self { rule, message: message.into(), hint: None, fatal: false }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes it a fault of the whole file.
    #[must_use]
    pub fn fatal(mut self) -> Self {
        self.fatal = true;
        self
    }
}

/// Shortens a value for a message and hides what looks like an address of a person.
pub fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    if let Some((_, end)) = text.rsplit_once('@') {
        return format!("…@{}", end.chars().take(40).map(plain).collect::<String>());
    }
    let mut out: String = text.chars().take(60).map(plain).collect();
    if text.chars().count() > 60 {
        out.push('…');
    }
    out
}

/// Reads a boolean in the spellings of the sources and their languages.
pub fn boolean(text: &str) -> Result<bool, Fault> {
    // As programs write it: nearly all of them.
    match text {
        "true" => return Ok(true),
        "false" => return Ok(false),
        _ => {}
    }
    let text = text.trim();
    let is = |known: &[&str]| known.iter().any(|k| k.eq_ignore_ascii_case(text));
    if is(&[
        "true",
        "1",
        "yes",
        "y",
        "on",
        "x",
        "checked",
        "t",
        "ja",
        "sí",
        "si",
        "oui",
        "wahr",
        "verdadero",
        "vrai",
    ]) {
        Ok(true)
    } else if is(&[
        "false",
        "0",
        "no",
        "n",
        "off",
        "unchecked",
        "f",
        "nein",
        "non",
        "falsch",
        "falso",
        "faux",
    ]) {
        Ok(false)
    } else {
        Err(Fault::new("value.boolean", format!("expected true or false, found `{}`", shown(text))))
    }
}

/// Refuses an identifier that a spreadsheet has turned into a number, such as `1.23457E+17`.
pub fn identifier(text: &str) -> Result<&str, Fault> {
    let text = text.trim();
    let mangled = text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'E' | b'e' | b'+'))
        && text.split_once(['E', 'e']).is_some_and(|(mantissa, exponent)| {
            mantissa.contains(['.', ',']) || exponent.starts_with('+')
        });
    if mangled {
        return Err(Fault::new(
            "value.id-mangled",
            format!("the identifier `{}` looks like a number that a spreadsheet has rounded", shown(text)),
        )
        .hint("Export the file again and load it without opening it in a spreadsheet, or format the column as text."));
    }
    Ok(text)
}

/// Widens a Salesforce identifier from 15 to 18 characters; checks the suffix of a wide one.
///
/// A text of another shape is kept: warehouses hold hashed identifiers.
pub fn salesforce_id(text: &str) -> Result<std::borrow::Cow<'_, str>, Fault> {
    let text = identifier(text)?;
    let plain = || text.bytes().all(|b| b.is_ascii_alphanumeric());
    match text.len() {
        15 if plain() => Ok(text.chars().chain(salesforce_suffix(text)).collect::<String>().into()),
        18 if plain() => {
            let (core, suffix) = text.split_at(15);
            let expected = salesforce_suffix(core);
            if expected.iter().copied().eq(suffix.chars()) {
                Ok(text.into())
            } else if expected.iter().copied().eq(suffix.chars().map(|c| c.to_ascii_uppercase())) {
                Ok(format!("{core}{}", expected.iter().collect::<String>()).into())
            } else {
                Err(Fault::new(
                    "value.id-suffix",
                    format!(
                        "the last three characters of the Salesforce id `{}` should be `{}`",
                        shown(text),
                        expected.iter().collect::<String>()
                    ),
                )
                .hint("The letters' case was changed on the way; export the file again."))
            }
        }
        _ => Ok(text.into()),
    }
}

/// Computes the three characters that encode which letters of a 15-character id are upper case.
fn salesforce_suffix(core: &str) -> [char; 3] {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let mut suffix = ['A'; 3];
    for (character, block) in suffix.iter_mut().zip(core.as_bytes().chunks(5)) {
        let bits = block
            .iter()
            .rev()
            .fold(0_usize, |bits, b| bits << 1 | usize::from(b.is_ascii_uppercase()));
        *character = char::from(ALPHABET.get(bits).copied().unwrap_or(b'A'));
    }
    suffix
}

/// Takes the domain out of a web address: lower case, without scheme, `www.`, path and port.
pub fn web_domain(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or("");
    let host = host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.');
    (host.contains('.') && !host.contains(char::is_whitespace)).then(|| host.to_owned())
}

/// Cleans a UTM value: decodes it, trims it, and drops placeholders and templates never filled in.
pub fn utm(text: &str) -> Option<String> {
    // A plain word needs no cleaning.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !text.is_empty() && text.bytes().all(plain) {
        return Some(text.to_owned());
    }
    let decoded = percent_decoded(text);
    let trimmed = decoded.trim();
    let lower = trimmed.to_lowercase();
    let placeholder = ["", "(not set)", "(none)", "(not provided)", "(data not available)"]
        .contains(&lower.as_str());
    let template = trimmed.contains('{') && trimmed.contains('}');
    (!placeholder && !template).then(|| trimmed.to_owned())
}

fn percent_decoded(text: &str) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = (first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = code {
            bytes.push(byte);
            rest = tail.get(2..).unwrap_or(&[]);
        } else {
            bytes.push(if first == b'+' { b' ' } else { first });
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Makes an instant of a date and time in a zone: refused in a gap, the earlier one in a fold.
pub fn instant_in(
    at: DateTime,
    zone: &jiff::tz::TimeZone,
) -> Result<(Timestamp, Option<&'static str>), Fault> {
    let ambiguous = zone.to_ambiguous_timestamp(at);
    let name = zone.iana_name().unwrap_or("the zone").to_owned();
    let out_of_range =
        |_| Fault::new("value.time-range", format!("`{at}` is outside the range of times"));
    match ambiguous.offset() {
        jiff::tz::AmbiguousOffset::Unambiguous { .. } => {
            Ok((ambiguous.unambiguous().map_err(out_of_range)?, None))
        }
        jiff::tz::AmbiguousOffset::Gap { .. } => Err(Fault::new(
            "value.time-gap",
            format!("local time `{at}` does not exist in {name}: clocks were put forward"),
        )
        .hint("Check the zone of the export; UTC has no such gaps.")),
        jiff::tz::AmbiguousOffset::Fold { .. } => {
            Ok((ambiguous.earlier().map_err(out_of_range)?, Some("value.time-fold")))
        }
    }
}

/// Refuses an amount beyond what one deal or one day of spend can be.
pub fn plausible_amount(amount: Decimal) -> Result<Decimal, Fault> {
    let limit = Decimal::from(1_000_000_000_000_000_i64);
    if amount.abs() > limit {
        return Err(Fault::new(
            "value.amount-limit",
            format!("the amount {} is above the plausibility limit of 10^15", amount.normalize()),
        ));
    }
    Ok(amount)
}

/// The last microsecond before midnight, to which a leap second is moved.
pub(crate) fn leap_second(hour: i8, minute: i8) -> Option<Time> {
    Time::new(hour, minute, 59, 999_999_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salesforce_ids_are_widened_and_checked() {
        for (given, expected) in [
            ("006q000000Hddoh", Some("006q000000HddohAAB")),
            ("006q000000HdPzp", Some("006q000000HdPzpAAF")),
            ("006q000000HddohAAB", Some("006q000000HddohAAB")),
            ("006Hs00000aBcDe", Some("006Hs00000aBcDeIAK")),
            ("006Hs00000AbcDe", Some("006Hs00000AbcDeIAJ")),
            ("006q000000HddohAAC", None),
            ("1.23457E+17", None),
            ("9CcfAt8qtZvCTwFvwOFLcg==", Some("9CcfAt8qtZvCTwFvwOFLcg==")),
        ] {
            assert_eq!(salesforce_id(given).ok().as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn identifiers_that_only_look_like_exponents_are_kept() {
        for text in ["1E5", "12E45", "abcE+3", "9100000000", "3e2f", "00E12"] {
            assert!(identifier(text).is_ok(), "{text}");
        }
        for text in ["9.1E+09", "1.23457E+17", "9,1E+09", "1E+17"] {
            assert!(identifier(text).is_err(), "{text}");
        }
    }

    #[test]
    fn utm_values_are_decoded_and_placeholders_dropped() {
        for (given, expected) in [
            ("brand%20us", Some("brand us")),
            ("brand+us", Some("brand us")),
            ("{{campaign.name}}", None),
            ("{campaignid}", None),
            ("(not set)", None),
            ("100%", Some("100%")),
        ] {
            assert_eq!(utm(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn what_is_shown_has_no_control_characters_and_no_address() {
        for (given, expected) in [
            ("a\u{7}b", "a\u{fffd}b"),
            ("ada@example.com\0", "…@example.com\u{fffd}"),
            ("1@53\0\u{1b}[2J", "…@53\u{fffd}\u{fffd}[2J"),
        ] {
            assert_eq!(shown(given), expected);
        }
        assert_eq!(shown(&"x".repeat(61)).chars().count(), 61);
    }

    #[test]
    fn domains_lose_scheme_www_path_and_port() {
        assert_eq!(web_domain("https://WWW.Example.com:8080/x?y").as_deref(), Some("example.com"));
        assert_eq!(web_domain("example.com").as_deref(), Some("example.com"));
        assert_eq!(web_domain("not a site"), None);
    }
}
