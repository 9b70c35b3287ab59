//! People without their names: the key that stands for an address, and how the traces of a person
//! in a text are found.
//!
//! A match key is a keyed hash: the same address gives the same key in one lake and another one in
//! every other, and a list of addresses undoes nothing without the key of the lake.

use std::fmt;
use std::ops::Range;

/// The secret of a lake from which match keys are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PersonKey([u8; 32]);

impl PersonKey {
    /// Takes 32 bytes, which should be random.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the match key of an address, 64 hexadecimal digits; none where the text is no
    /// single address.
    pub fn match_key(&self, text: &str) -> Option<String> {
        address(text).map(|address| self.hash("address", &address))
    }

    /// Returns the hash of a word of a name, without regard to case.
    pub fn word(&self, word: &str) -> String {
        self.hash("word", &word.to_lowercase())
    }

    /// Returns the hash of a telephone number by its last nine digits; none for fewer than seven.
    pub fn phone(&self, text: &str) -> Option<String> {
        let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
        let last = digits.get(digits.len().saturating_sub(9)..).unwrap_or_default();
        (last.len() >= 7).then(|| self.hash("phone", &last.iter().collect::<String>()))
    }

    /// Returns the hash of an identifier of a record.
    pub fn record(&self, id: &str) -> String {
        self.hash("record", id)
    }

    fn hash(&self, what: &str, text: &str) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(what.as_bytes());
        hasher.update(&[0]);
        hasher.update(text.as_bytes());
        hasher.finalize().to_hex().to_string()
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey(…)")
    }
}

/// Cleans an e-mail address: trimmed, lower case; none where the text is no single address.
pub fn address(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    let (local, domain) = address.split_once('@')?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || ",;<>()\"'".contains(c);
    let usable = !local.is_empty()
        && !domain.contains('@')
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !address.contains(odd)
        && address.len() <= 254;
    usable.then_some(address)
}

/// Finds what may be an e-mail address in a text: where it stands and the address, `%40` read as
/// `@`.
pub fn addresses(text: &str) -> Vec<(Range<usize>, String)> {
    let marks = text.match_indices('@').map(|(at, _)| (at, 1));
    let coded = text.match_indices("%40").map(|(at, _)| (at, 3));
    let part = |c: char| c.is_alphanumeric() || ".-_+&".contains(c);
    let mut found = Vec::new();
    for (at, width) in marks.chain(coded) {
        let (before, after) = (text.get(..at).unwrap_or(""), text.get(at + width..).unwrap_or(""));
        let mut start = before.trim_end_matches(part).len();
        // The end of another escape, such as `%20`, is no part of the address.
        if before.get(..start).is_some_and(|b| b.ends_with('%'))
            && before.get(start..start + 2).is_some_and(|b| u8::from_str_radix(b, 16).is_ok())
        {
            start += 2;
        }
        let rest = after.trim_start_matches(part);
        let domain = after.get(..after.len() - rest.len()).unwrap_or("");
        let domain = domain.trim_end_matches(['.', '-', '_', '+', '&']);
        let domain = domain.split('&').next().unwrap_or("");
        let local = before.get(start..).unwrap_or("");
        let local_at = local.rfind('&').map_or(0, |and| and + 1);
        start += local_at;
        let local = local.get(local_at..).unwrap_or("");
        if let Some(address) = address(&format!("{local}@{domain}")) {
            found.push((start..at + width + domain.len(), address));
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    found
}

/// Splits a text into its words: runs of letters and digits, with where they stand.
pub fn words(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut out = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                out.push((from..at, text.get(from..at).unwrap_or("")));
                start = None;
            }
            _ => {}
        }
    }
    out
}

/// Finds what may be a telephone number in a text: at least seven digits with marks between them.
pub fn phones(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut out = Vec::new();
    let mut from: Option<(usize, usize)> = None;
    for (at, c) in text.char_indices().chain([(text.len(), 'x')]) {
        let mark = " ()-./+".contains(c);
        match (c.is_ascii_digit(), from) {
            (true, None) => from = Some((at, at + 1)),
            (true, Some((start, _))) => from = Some((start, at + 1)),
            (false, Some((start, end))) if !mark => {
                out.push((start..end, text.get(start..end).unwrap_or("")));
                from = None;
            }
            _ => {}
        }
    }
    out.retain(|(_, text)| text.chars().filter(char::is_ascii_digit).count() >= 7);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: PersonKey = PersonKey::new([7; 32]);

    #[test]
    fn one_address_has_one_key_in_one_lake_and_another_in_another() {
        let key = KEY.match_key(" Ann@Example.com").unwrap();
        assert_eq!(key.len(), 64);
        assert_eq!(Some(&key), KEY.match_key("ann@example.com").as_ref());
        assert_ne!(Some(&key), PersonKey::new([8; 32]).match_key("ann@example.com").as_ref());
        assert_ne!(key, blake3::hash(b"ann@example.com").to_hex().to_string());
        assert_eq!(KEY.match_key("a@x.com;b@x.com"), None);
        assert_eq!(format!("{KEY:?}"), "PersonKey(…)");
    }

    #[test]
    fn only_single_addresses_are_match_keys() {
        for (given, expected) in [
            ("Ann@Example.com ", Some("ann@example.com")),
            ("ann@example.com;bob@example.com", None),
            ("ann@example.com, bob@example.com", None),
            ("n/a", None),
            ("+49 30 1234", None),
            ("ann@localhost", None),
        ] {
            assert_eq!(address(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        for (text, expected) in [
            (
                "Re: offer for Ann.Lee@Example.com.",
                vec![("Ann.Lee@Example.com", "ann.lee@example.com")],
            ),
            (
                "https://a.b/?email=ann%40example.com&x=1",
                vec![("ann%40example.com", "ann@example.com")],
            ),
            ("a=1&ann@example.com&b", vec![("ann@example.com", "ann@example.com")]),
            ("%20ann%40example.com", vec![("ann%40example.com", "ann@example.com")]),
            ("<a@x.org>,b@y.org", vec![("a@x.org", "a@x.org"), ("b@y.org", "b@y.org")]),
            ("[[\"Email\",\"a@x.org\"]]", vec![("a@x.org", "a@x.org")]),
            ("ünal@köln.example", vec![("ünal@köln.example", "ünal@köln.example")]),
            ("@ team, 5 @ 3.50, a@b", vec![]),
        ] {
            let found: Vec<(&str, String)> =
                addresses(text).into_iter().map(|(range, a)| (&text[range], a)).collect();
            let expected: Vec<(&str, String)> =
                expected.into_iter().map(|(t, a)| (t, a.to_owned())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn words_and_numbers_are_found_with_their_places() {
        let text = "Call Renée O'Neil, +49 (30) 123-45.67 on 2026";
        let found: Vec<&str> = words(text).into_iter().map(|(range, _)| &text[range]).collect();
        assert_eq!(found[..4], ["Call", "Renée", "O", "Neil"]);
        let found: Vec<&str> = phones(text).into_iter().map(|(range, _)| &text[range]).collect();
        assert_eq!(found, ["49 (30) 123-45.67"]);
        assert_eq!(KEY.phone("+49 (30) 1234567"), KEY.phone("030 1234567"));
        assert_eq!(KEY.phone("12-34"), None);
    }
}
