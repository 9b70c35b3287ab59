//! Who is forgotten: hashes by which a person is known again, and what is done to texts and rows
//! that speak of one.
//!
//! The same code redacts what is stored and what comes again, so that both say the same and a row
//! that comes again is known.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::Cell;
use domain::fact::{Fact, Personal, Refusal};
use domain::person::{PersonKey, addresses, phones, words};
use serde_json::Value;

use crate::error::LakeError;
use crate::sql::Connection;

/// What stands where a name or an address stood.
pub const ERASED: &str = "[erased]";

/// The marks of all forgotten people.
#[derive(Clone, Debug)]
pub(crate) struct Forgotten {
    key: PersonKey,
    /// The pseudonym of each match key.
    pseudonyms: HashMap<String, String>,
    /// Names, each as the hashes of its words.
    names: Vec<Vec<String>>,
    phones: HashSet<String>,
    /// Identifiers of records, and their first 15 characters where they have 18.
    records: HashSet<String>,
}

/// Words of headers that only a list of people has.
const PEOPLE_HEADERS: &[&str] =
    &["email", "correo", "firstname", "lastname", "apellidos", "contactid", "leadid"];
/// Headers of the identifier of a person.
const ID_HEADERS: &[&str] =
    &["id", "vid", "recordid", "contactid", "leadid", "idderegistro", "hsobjectid", "personid"];

impl Forgotten {
    /// Reads who is forgotten; none where nobody is.
    pub(crate) fn read(
        connection: &Connection,
        key: &PersonKey,
    ) -> Result<Option<Self>, LakeError> {
        let mut statement = connection.prepare("SELECT kind, mark, pseudonym FROM forgotten")?;
        let mut rows = statement.query([])?;
        let mut forgotten = Self::none(*key);
        let mut any = false;
        while let Some(row) = rows.next()? {
            any = true;
            let (kind, mark): (String, String) = (row.get(0)?, row.get(1)?);
            forgotten.add(&kind, mark, row.get(2)?);
        }
        Ok(any.then_some(forgotten))
    }

    pub(crate) fn none(key: PersonKey) -> Self {
        Self {
            key,
            pseudonyms: HashMap::new(),
            names: Vec::new(),
            phones: HashSet::new(),
            records: HashSet::new(),
        }
    }

    /// Adds a mark as the catalog keeps it.
    pub(crate) fn add(&mut self, kind: &str, mark: String, pseudonym: String) {
        match kind {
            "address" => {
                self.pseudonyms.insert(mark, pseudonym);
            }
            "name" => {
                let name: Vec<String> = mark.split(' ').map(str::to_owned).collect();
                if !self.names.contains(&name) {
                    self.names.push(name);
                }
            }
            "phone" => {
                self.phones.insert(mark);
            }
            _ => {
                if mark.len() == 18 {
                    self.records.extend(mark.get(..15).map(str::to_owned));
                }
                self.records.insert(mark);
            }
        }
    }

    /// True for the identifier of a record of a forgotten person.
    pub(crate) fn knows_record(&self, id: &str) -> bool {
        self.records.contains(id)
    }

    /// True for the match key of a forgotten person, and for the pseudonym that took its place.
    pub(crate) fn knows_key(&self, key: &str) -> bool {
        self.pseudonyms.contains_key(key)
    }

    /// True for an address of a forgotten person.
    pub(crate) fn knows_address(&self, text: &str) -> bool {
        self.key.match_key(text).is_some_and(|key| self.knows_key(&key))
    }

    /// Returns what an identifier becomes: where an address serves as one, its pseudonym.
    pub(crate) fn identifier(&self, text: &str) -> Option<String> {
        let known = |part: &str| {
            let key = if part.contains('@') { self.key.match_key(part) } else { None };
            self.pseudonyms.get(key.as_deref().unwrap_or(part)).cloned()
        };
        if text.len() < 64 && !text.contains('@') {
            return None;
        }
        let mut changed = false;
        let parts: Vec<String> = text
            .split('/')
            .map(|part| {
                let new = known(part);
                changed |= new.is_some();
                new.unwrap_or_else(|| part.to_owned())
            })
            .collect();
        changed.then(|| parts.join("/"))
    }

    /// Returns what a text becomes: without the addresses of forgotten people, and where people
    /// write it, without their names and numbers. None where nothing changes.
    pub(crate) fn text(&self, text: &str, free: bool) -> Option<String> {
        self.redact(text, free, false)
    }

    fn redact(&self, text: &str, free: bool, scattered: bool) -> Option<String> {
        let jagged = text.starts_with(['{', '[']).then(|| serde_json::from_str::<Value>(text).ok());
        if let Some(mut value) = jagged.flatten().filter(|value| !value.is_string()) {
            let everything = if scattered { strings(&value).join("\n") } else { String::new() };
            let names = self.names_of(&everything);
            return self.redact_json(&mut value, free, &names).then(|| value.to_string());
        }
        let names = if scattered { self.names_of(text) } else { HashSet::new() };
        self.redact_plain(text, free, &names)
    }

    /// Finds the hashes of the words of names all of whose words a text holds, in any order.
    fn names_of(&self, text: &str) -> HashSet<&str> {
        if self.names.is_empty() || text.is_empty() {
            return HashSet::new();
        }
        let found: HashSet<String> =
            words(text).into_iter().map(|(_, word)| self.key.word(word)).collect();
        let whole = self.names.iter().filter(|name| name.iter().all(|word| found.contains(word)));
        whole.flatten().map(String::as_str).collect()
    }

    fn redact_json(&self, value: &mut Value, free: bool, names: &HashSet<&str>) -> bool {
        // Bytes of a file that are no text in its encoding: names with accents, mostly.
        if let Some(Value::String(hex)) = value.get("bytes") {
            let bytes: Vec<u8> = hex
                .as_bytes()
                .chunks(2)
                .filter_map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok())
                .collect();
            let text: String = bytes.iter().copied().map(char::from).collect();
            let known = self.redact_plain(&text, free, names).is_some();
            if known {
                *value = Value::String(ERASED.to_owned());
            }
            return known;
        }
        match value {
            Value::String(text) => match self.redact_plain(text, free, names) {
                Some(new) => {
                    *text = new;
                    true
                }
                None => false,
            },
            Value::Array(values) => values
                .iter_mut()
                .fold(false, |changed, value| self.redact_json(value, free, names) | changed),
            Value::Object(values) => values
                .values_mut()
                .fold(false, |changed, value| self.redact_json(value, free, names) | changed),
            Value::Number(number) if free => {
                let known = self.key.phone(&number.to_string());
                let known = known.is_some_and(|phone| self.phones.contains(&phone));
                if known {
                    *value = Value::String(ERASED.to_owned());
                }
                known
            }
            _ => false,
        }
    }

    fn redact_plain(&self, text: &str, free: bool, names: &HashSet<&str>) -> Option<String> {
        if let Some(pseudonym) = self.pseudonyms.get(text) {
            return Some(pseudonym.clone());
        }
        let mut spans = Vec::new();
        if !self.pseudonyms.is_empty() && (text.contains('@') || text.contains("%40")) {
            for (range, address) in addresses(text) {
                if self.knows_address(&address) {
                    spans.push(range);
                }
            }
        }
        if free {
            if !self.phones.is_empty() {
                for (range, number) in phones(text) {
                    if self.key.phone(number).is_some_and(|phone| self.phones.contains(&phone)) {
                        spans.push(range);
                    }
                }
            }
            if !self.names.is_empty() {
                let words = words(text);
                let hashes: Vec<String> =
                    words.iter().map(|(_, word)| self.key.word(word)).collect();
                for name in &self.names {
                    for (at, window) in hashes.windows(name.len()).enumerate() {
                        if window.iter().eq(name) || window.iter().eq(name.iter().rev()) {
                            let first = words.get(at).map(|(range, _)| range.start);
                            let last = words.get(at + name.len() - 1).map(|(range, _)| range.end);
                            spans.extend(first.zip(last).map(|(first, last)| first..last));
                        }
                    }
                }
                for (hash, (range, _)) in hashes.iter().zip(&words) {
                    if names.contains(hash.as_str()) {
                        spans.push(range.clone());
                    }
                }
            }
        }
        if spans.is_empty() {
            return None;
        }
        spans.sort_by_key(|span| (span.start, span.end));
        let (mut out, mut at) = (String::new(), 0);
        for span in spans {
            if span.start >= at {
                out.push_str(text.get(at..span.start).unwrap_or(""));
                out.push_str(ERASED);
            }
            at = at.max(span.end);
        }
        out.push_str(text.get(at..).unwrap_or(""));
        Some(out)
    }

    /// True where texts of one row as a source wrote it are of a forgotten person. A row whose
    /// columns are known must be one of a list of people and hold the address or the identifier:
    /// a deal that only names the person keeps its money. Of other texts either will do.
    pub(crate) fn owns(&self, texts: &[Option<&str>]) -> bool {
        let address =
            |text: &str| addresses(text).iter().any(|(_, address)| self.knows_address(address));
        let rows: Vec<_> = texts.iter().flatten().map(|text| pairs(text)).collect();
        if rows.iter().any(|row| !row.is_empty()) {
            return rows.iter().any(|row| {
                row.iter().any(|(header, _)| PEOPLE_HEADERS.contains(&header.as_str()))
                    && row.iter().any(|(header, value)| {
                        let id = ID_HEADERS.contains(&header.as_str());
                        id && self.records.contains(value.trim()) || address(value)
                    })
            });
        }
        let long = |word: &str| word.len() >= 15 && self.records.contains(word);
        texts
            .iter()
            .flatten()
            .any(|text| address(text) || words(text).into_iter().any(|(_, word)| long(word)))
    }

    /// True where a line of a file speaks of a forgotten person.
    pub(crate) fn mentions(&self, line: &str) -> bool {
        self.owns(&[Some(line)]) || self.redact(line, true, true).is_some()
    }

    /// Returns what texts of a refused row become: nothing is left of the row of a forgotten
    /// person but the reason; names and numbers are taken out of the others.
    pub(crate) fn record(&self, texts: &[Option<&str>]) -> Option<Vec<Option<String>>> {
        let owned = self.owns(texts);
        let mut changed = false;
        let out = texts
            .iter()
            .map(|text| {
                let text = (*text)?;
                let new =
                    if owned { Some(ERASED.to_owned()) } else { self.redact(text, true, true) };
                changed |= new.as_deref().is_some_and(|new| new != text);
                Some(new.unwrap_or_else(|| text.to_owned()))
            })
            .collect();
        changed.then_some(out)
    }

    /// Takes out of a fact what speaks of a forgotten person.
    pub(crate) fn fact(&self, fact: &mut Fact) {
        let owned = self.owns_fact(fact);
        let columns = fact.table.columns;
        let texts: Vec<Option<String>> = if columns.iter().any(|c| c.personal == Personal::Record) {
            let of = |at: usize| match fact.cells.get(at) {
                Some(Cell::Text(text)) => Some(&**text),
                _ => None,
            };
            let texts: Vec<Option<&str>> = columns
                .iter()
                .enumerate()
                .map(|(at, column)| of(at).filter(|_| column.personal == Personal::Record))
                .collect();
            self.record(&texts).unwrap_or_default()
        } else {
            Vec::new()
        };
        for (at, column) in columns.iter().enumerate() {
            let Some(slot) = fact.cells.get_mut(at) else { continue };
            let Cell::Text(text) = slot else { continue };
            let in_key = fact.table.key.contains(&column.name);
            let new = if column.personal == Personal::Record {
                texts.get(at).cloned().flatten()
            } else if column.personal == Personal::Identity {
                if owned {
                    *slot = Cell::Null;
                }
                continue;
            } else {
                self.cell(text, in_key, column.personal == Personal::Free)
            };
            if let Some(new) = new {
                *slot = Cell::text(new);
            }
        }
    }

    /// Returns what the text of a column becomes that neither says who someone is nor is a record.
    pub(crate) fn cell(&self, text: &str, in_key: bool, free: bool) -> Option<String> {
        let of_text = || if in_key { self.key_text(text) } else { self.text(text, free) };
        self.identifier(text).or_else(of_text)
    }

    /// Returns what the text of a key becomes that holds an address among other things: rows of two
    /// people stay two.
    fn key_text(&self, text: &str) -> Option<String> {
        if !text.contains('@') {
            return None;
        }
        let mut out = text.to_owned();
        for (range, address) in addresses(text).into_iter().rev() {
            let key = self.key.match_key(&address);
            if let Some(pseudonym) = key.and_then(|key| self.pseudonyms.get(&key)) {
                out.replace_range(range, pseudonym);
            }
        }
        (out != text).then_some(out)
    }

    fn owns_fact(&self, fact: &Fact) -> bool {
        fact.table.name == "identity"
            && (self.knows_record(&fact.cell("person_id").to_string())
                || matches!(fact.cell("email"), Cell::Text(text) if self.knows_address(text)))
    }

    /// Takes out of a refusal what speaks of a forgotten person.
    pub(crate) fn refusal(&self, refusal: &mut Refusal) {
        let raw = refusal.kept.as_ref().map(|kept| kept.raw.as_str());
        let texts = [Some(refusal.message.as_str()), refusal.excerpt.as_deref(), raw];
        if let Some(new) = self.record(&texts) {
            let mut new = new.into_iter();
            if let Some(message) = new.next().flatten() {
                refusal.message = message;
            }
            refusal.excerpt = new.next().flatten();
            if let (Some(kept), Some(raw)) = (&mut refusal.kept, new.next().flatten()) {
                kept.raw = raw;
            }
        }
    }
}

/// Returns the mark of a name, the hashes of its words; none for a single word, which would be
/// found everywhere.
pub(crate) fn name_mark(key: &PersonKey, name: &str) -> Option<String> {
    let hashes: Vec<String> = words(name).into_iter().map(|(_, word)| key.word(word)).collect();
    (hashes.len() >= 2).then(|| hashes.join(" "))
}

/// All texts of a value.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(values) => values.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// The headers and values of a row that is kept as `[[header, value], …]`, as the facts that were
/// made of it, or as an object; headers as small letters and digits.
fn pairs(text: &str) -> Vec<(String, String)> {
    let fold = |header: &str| -> String {
        header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !text.starts_with(['{', '[']) {
        return Vec::new();
    }
    let listed = |values: &[Value]| -> Vec<(String, String)> {
        let pair = |pair: &Value| {
            let pair = pair.as_array()?;
            Some((fold(pair.first()?.as_str()?), plain(pair.get(1)?)))
        };
        values.iter().filter_map(pair).collect()
    };
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.get("facts").is_some_and(Value::is_array) => {
            let facts = value.get("facts").and_then(Value::as_array).into_iter().flatten();
            let cells = facts.filter_map(|fact| fact.get("cells")?.as_array());
            cells.flat_map(|cells| listed(cells)).collect()
        }
        Ok(Value::Object(values)) => {
            values.iter().map(|(header, value)| (fold(header), plain(value))).collect()
        }
        Ok(Value::Array(values)) => listed(&values),
        _ => Vec::new(),
    }
}

/// What is known of a person, in plain words: for the one who asks, never stored.
#[derive(Clone, Default, Debug)]
pub struct Trace {
    /// Identifiers of the records: leads, contacts, those merged into them, visitors.
    pub records: BTreeSet<String>,
    /// E-mail addresses, lower case.
    pub addresses: BTreeSet<String>,
    /// Match keys of these addresses, and those of records without one.
    pub keys: BTreeSet<String>,
    /// Names.
    pub names: BTreeSet<String>,
    /// Telephone numbers.
    pub phones: BTreeSet<String>,
}
