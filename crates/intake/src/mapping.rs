//! A mapping of the user: a short TOML file that says what the columns of a file mean.
//!
//! ```toml
//! table = "opportunity"
//! match.columns = ["opportunity_id", "deal_stage"]
//!
//! [columns]
//! id = "opportunity_id"
//! stage = "deal_stage"
//! closed = { from = "deal_stage", map = { Won = "true", Lost = "true", Engaging = "false" } }
//! created_at = { from = "engage_date", default = "2016-10-20" }
//! kind = { value = "new" }
//! ```
//!
//! With several `[[fact]]` blocks one row makes several facts. Every column that is named must be
//! in the file unless it is `optional`; nothing is guessed.

use std::collections::HashMap;
use std::sync::Arc;

use domain::diagnostic::nearest;
use domain::fact::{FactTable, Kind, TABLES};
use domain::{Cell, Currency, Diagnostic, Place};
use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::format::decode::Encoding;
use crate::preset::{CURRENT, DELETED, FAULT, Read, Shape, Totals};
use crate::read::constant;
use crate::recipe::{
    BoundColumn, BoundFact, BoundWhen, DateRule, Found, Header, NumberRule, Positions, Recipe,
    carried, missing,
};
use crate::recognize::Recognized;
use crate::settings::{DayOrder, Rejected, Settings};
use crate::value::number::NumberStyle;

/// A mapping that was read without errors.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The file that it was read from, as the user named it.
    pub name: String,
    /// The encoding that it declares.
    pub encoding: Option<Encoding>,
    match_columns: Vec<String>,
    match_file: Option<String>,
    match_stream: Option<String>,
    delimiter: Option<u8>,
    numbers: NumberStyle,
    order: Option<DayOrder>,
    date: DateForm,
    zone: Option<TimeZone>,
    currency: Option<Currency>,
    empty: Vec<String>,
    normalize_currency: bool,
    version: Option<String>,
    facts: Vec<MappedFact>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DateForm {
    Iso,
    Compact,
    Spreadsheet,
    EpochSeconds,
    EpochMilliseconds,
}

#[derive(Clone, Debug)]
struct MappedFact {
    table: &'static FactTable,
    columns: Vec<MappedColumn>,
    when: Option<MappedWhen>,
}

#[derive(Clone, Debug)]
struct MappedWhen {
    column: String,
    is: Vec<String>,
    not: Vec<String>,
}

#[derive(Clone, Debug)]
struct MappedColumn {
    to: usize,
    from: Vec<String>,
    join: bool,
    value: Option<Cell>,
    values: Option<HashMap<String, String>>,
    fallback: Option<Cell>,
    prefix: Option<String>,
    empty: Vec<String>,
    optional: bool,
    read: Read,
}

const TOP: [&str; 17] = [
    "table",
    "match",
    "columns",
    "when",
    "fact",
    "encoding",
    "delimiter",
    "decimal",
    "group",
    "date",
    "date_order",
    "zone",
    "currency",
    "empty",
    "normalize_currency",
    "version",
    "about",
];
const FACT: [&str; 3] = ["table", "columns", "when"];
const COLUMN: [&str; 10] =
    ["from", "join", "value", "map", "default", "prefix", "empty", "optional", "percent", "micros"];

impl Mapping {
    /// Reads a mapping; `None` where an error stands in the diagnostics.
    pub fn parse(file: &str, text: &str) -> (Option<Self>, Vec<Diagnostic>) {
        let mut notes = Notes { file, text, found: Vec::new() };
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                notes.error("mapping.syntax", error.message().to_owned(), span, None);
                return (None, notes.found);
            }
        };
        let mapping = notes.mapping(table.get_ref());
        let failed = notes.found.iter().any(|d| d.level == domain::Level::Error);
        ((!failed).then_some(mapping), notes.found)
    }

    /// True where the name of a file fits the pattern of the mapping.
    pub(crate) fn names_file(&self, file: &str) -> bool {
        let last = file.rsplit(['/', '\\']).next().unwrap_or(file);
        self.match_file.as_deref().is_some_and(|pattern| glob(pattern.as_bytes(), last.as_bytes()))
    }

    /// True where the mapping speaks of a file with these columns.
    pub(crate) fn fits(&self, file: &str, header: &Header<'_>) -> bool {
        let exact = |name: &String| header.names.iter().any(|n| n.trim() == name);
        if let Some(stream) = &self.match_stream {
            // Staged records are named by connection and stream.
            let named = file.split_once('/').is_some_and(|(_, name)| name == stream);
            return named && self.match_columns.iter().all(exact) && !staged_unmapped(header);
        }
        if !self.match_columns.is_empty() {
            let named = self.match_file.is_none() || self.names_file(file);
            return named && self.match_columns.iter().all(exact);
        }
        // By name alone: the header is the first line that holds any column that is named.
        self.names_file(file) && self.sources().any(exact)
    }

    fn sources(&self) -> impl Iterator<Item = &String> {
        self.facts.iter().flat_map(|fact| &fact.columns).flat_map(|column| &column.from)
    }

    /// Lays the mapping onto a header.
    pub(crate) fn bind(
        &self,
        header: &Header<'_>,
        settings: &Settings,
        file: &Arc<str>,
        line: u64,
    ) -> Result<Recognized, Rejected> {
        let place = || Place::line(Arc::clone(file), line);
        let mut matched: Vec<(usize, String)> = Vec::new();
        let position = |name: &str| -> Result<Option<usize>, Rejected> {
            let exact: Vec<usize> = (0..header.names.len())
                .filter(|&at| header.names.get(at).is_some_and(|n| n.trim() == name))
                .collect();
            match exact.as_slice() {
                [] => Ok(None),
                [at] => Ok(Some(*at)),
                [first, second, ..] => Err(Diagnostic::error(
                    "csv.repeated-column",
                    format!(
                        "the column `{name}` stands twice, at positions {} and {}",
                        first + 1,
                        second + 1
                    ),
                )
                .at(place())
                .hint("Rename or remove one of them, so that it is clear which one counts.")
                .into()),
            }
        };
        let mut facts = Vec::new();
        let mut shape = Shape::Rows;
        for fact in &self.facts {
            if fact.table.name == "spend" {
                shape = Shape::Spend;
            }
            let mut columns = Vec::new();
            for column in &fact.columns {
                let mut bound = BoundColumn::new(column.to, column.read);
                bound.constant.clone_from(&column.value);
                bound.values.clone_from(&column.values);
                bound.fallback.clone_from(&column.fallback);
                bound.prefix.clone_from(&column.prefix);
                bound.empties.clone_from(&column.empty);
                bound.joined = column.join;
                for name in &column.from {
                    match position(name)? {
                        Some(at) => {
                            bound.sources.push(at);
                            if !matched.iter().any(|(known, _)| *known == at) {
                                let to = fact.table.columns.get(column.to).map_or("", |c| c.name);
                                matched.push((at, format!("{}.{to}", fact.table.name)));
                            }
                        }
                        None if column.optional => {}
                        None => return Err(missing(&self.name, &[name], header, place()).into()),
                    }
                }
                if bound.constant.is_none() && bound.sources.is_empty() && bound.fallback.is_none()
                {
                    continue;
                }
                columns.push(bound);
            }
            if let (Some(currency), Some(to)) = (self.currency, fact.table.position("currency"))
                && !columns.iter().any(|column: &BoundColumn| column.to == to)
            {
                let mut bound = BoundColumn::new(to, Read::Text);
                bound.constant = Some(Cell::text(currency.code()));
                columns.push(bound);
            }
            let when = match &fact.when {
                None => None,
                Some(when) => match position(&when.column)? {
                    None => {
                        return Err(missing(&self.name, &[&when.column], header, place()).into());
                    }
                    Some(at) if when.not.is_empty() => Some(BoundWhen::OneOf(at, when.is.clone())),
                    Some(at) => Some(BoundWhen::NotOneOf(at, when.not.clone())),
                },
            };
            let mut bound = BoundFact {
                table: fact.table,
                at: Positions::of(fact.table),
                columns,
                carried: 0,
                split: None,
                needs: Vec::new(),
                when,
                withdraws: false,
            };
            bound.carried = carried(&bound);
            facts.push(bound);
        }
        let control = |names: &[&str]| {
            names.iter().find_map(|name| match header.find(name) {
                Found::At(at) => Some(at),
                _ => None,
            })
        };
        let version = match &self.version {
            Some(name) => match position(name)? {
                Some(at) => at,
                None => return Err(missing(&self.name, &[name], header, place()).into()),
            },
            None => usize::MAX,
        };
        let recipe = Recipe {
            shape,
            facts,
            numbers: NumberRule::Style(self.numbers),
            dates: DateRule::Order(self.order.or(settings.day_order)),
            zone: self.zone.clone().unwrap_or_else(|| settings.zone.clone()),
            epoch_milliseconds: self.date == DateForm::EpochMilliseconds,
            epoch_seconds: self.date == DateForm::EpochSeconds,
            compact: self.date == DateForm::Compact,
            spreadsheet: self.date == DateForm::Spreadsheet,
            empties: self.empty.clone(),
            totals: if shape == Shape::Spend { Totals::Ads } else { Totals::None },
            until: None,
            deleted: control(DELETED),
            current: control(CURRENT),
            fault: control(&FAULT[..1]).map(|at| (at, control(&FAULT[1..]))),
            version: if version == usize::MAX { Vec::new() } else { vec![version] },
            tidy_currency: self.normalize_currency,
            fallback: self.encoding,
        };
        matched.sort();
        Ok(Recognized {
            id: format!("mapping {}", self.name),
            about: "mapping of the user".into(),
            score: usize::MAX - line.min(1_000) as usize,
            recipe,
            matched,
            notes: Vec::new(),
            mapped: true,
            separator: Some(self.delimiter.unwrap_or(b',')),
        })
    }
}

/// True for records that were staged as they came, whatever stream they are of.
fn staged_unmapped(header: &Header<'_>) -> bool {
    header.names.iter().any(|name| &**name == "unmapped_content")
}

/// Matches a file name against a pattern with `*` and `?`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    // Iterative, so that a hostile pattern costs no more than the product of the lengths.
    let (mut p, mut n) = (0, 0);
    let (mut star, mut mark) = (None, 0);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some(p);
                mark = n;
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                n += 1;
            }
            Some(c) if name.get(n).is_some_and(|b| b.eq_ignore_ascii_case(c)) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some(at) => {
                    p = at + 1;
                    mark += 1;
                    n = mark;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or(&[]).iter().all(|&b| b == b'*')
}

/// Gathers what is wrong, with its place.
struct Notes<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<Diagnostic>,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl Notes<'_> {
    fn error(
        &mut self,
        code: &'static str,
        message: String,
        span: std::ops::Range<usize>,
        hint: Option<String>,
    ) {
        let mut diagnostic = Diagnostic::error(code, message).span(self.file, self.text, span);
        diagnostic.hint = hint;
        self.found.push(diagnostic);
    }

    fn unknown(&mut self, kind: &str, name: &str, span: std::ops::Range<usize>, known: &[&str]) {
        let hint = nearest(name, known.iter().copied()).map_or_else(
            || format!("Known are: {}.", known.join(", ")),
            |near| format!("Did you mean `{near}`?"),
        );
        self.error(
            "mapping.unknown-key",
            format!("{kind} `{name}` is not known"),
            span,
            Some(hint),
        );
    }

    fn keys(&mut self, table: &DeTable<'_>, kind: &str, known: &[&str]) {
        for (key, _) in table {
            if !known.contains(&key.get_ref().as_ref()) {
                self.unknown(kind, key.get_ref(), key.span(), known);
            }
        }
    }

    fn wrong(&mut self, what: &str, expected: &str, value: &Value<'_>) {
        self.error(
            "mapping.type",
            format!("`{what}` must be {expected}, found {}", value.get_ref().type_str()),
            value.span(),
            None,
        );
    }

    fn string(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
    ) -> Option<(String, std::ops::Range<usize>)> {
        let value = table.get(key)?;
        if let Some(text) = value.get_ref().as_str() {
            Some((text.to_owned(), value.span()))
        } else {
            self.wrong(key, "a text", value);
            None
        }
    }

    fn boolean(&mut self, table: &DeTable<'_>, key: &str) -> bool {
        let Some(value) = table.get(key) else { return false };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(key, "true or false", value);
            false
        })
    }

    /// A text or a list of texts.
    fn strings(&mut self, table: &DeTable<'_>, key: &str) -> Vec<String> {
        let Some(value) = table.get(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::String(text) => vec![text.to_string()],
            DeValue::Array(items) => {
                let mut out = Vec::new();
                for item in items {
                    match item.get_ref().as_str() {
                        Some(text) => out.push(text.to_owned()),
                        None => self.wrong(key, "a list of texts", item),
                    }
                }
                out
            }
            _ => {
                self.wrong(key, "a text or a list of texts", value);
                Vec::new()
            }
        }
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, table: &DeTable<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let (text, span) = self.string(table, key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.error(
                "mapping.value",
                format!("`{key}` cannot be `{text}`"),
                span,
                Some(format!("Write one of: {}.", known.join(", "))),
            );
        }
        found
    }

    fn mapping(&mut self, table: &DeTable<'_>) -> Mapping {
        self.keys(table, "key", &TOP);
        let (mut match_columns, mut match_file, mut match_stream) = (Vec::new(), None, None);
        if let Some(value) = table.get("match") {
            match value.get_ref().as_table() {
                Some(inner) => {
                    self.keys(inner, "key", &["columns", "file", "stream"]);
                    match_columns = self.strings(inner, "columns");
                    match_file = self.string(inner, "file").map(|(text, _)| text);
                    match_stream = self.string(inner, "stream").map(|(text, _)| text);
                }
                None => self.wrong("match", "a table with `columns`, `file` or `stream`", value),
            }
        }
        if match_columns.is_empty() && match_file.is_none() && match_stream.is_none() {
            self.error(
                "mapping.match",
                "the mapping does not say which files it is for".into(),
                0..0,
                Some("Add `match.columns = [\"…\"]` or `match.file = \"*.csv\"`.".into()),
            );
        }
        let encoding = self.string(table, "encoding").and_then(|(text, span)| {
            let found = Encoding::named(&text);
            if found.is_none() {
                self.error(
                    "mapping.value",
                    format!("encoding `{text}` is not known"),
                    span,
                    Some("Write one of: utf-8, utf-16le, utf-16be, windows-1252.".into()),
                );
            }
            found
        });
        let delimiter =
            self.word(table, "delimiter", &[(",", b','), (";", b';'), ("\t", b'\t'), ("|", b'|')]);
        let decimal = self.word(table, "decimal", &[(".", '.'), (",", ',')]).unwrap_or('.');
        let group = self.word(table, "group", &[(".", '.'), (",", ','), (" ", ' '), ("'", '\'')]);
        let order = self.word(
            table,
            "date_order",
            &[("day", DayOrder::DayFirst), ("month", DayOrder::MonthFirst)],
        );
        let date = self
            .word(
                table,
                "date",
                &[
                    ("iso", DateForm::Iso),
                    ("compact", DateForm::Compact),
                    ("spreadsheet", DateForm::Spreadsheet),
                    ("epoch_seconds", DateForm::EpochSeconds),
                    ("epoch_ms", DateForm::EpochMilliseconds),
                ],
            )
            .unwrap_or(DateForm::Iso);
        let zone = self.string(table, "zone").and_then(|(text, span)| {
            if let Ok(zone) = TimeZone::get(&text) {
                Some(zone)
            } else {
                self.error(
                    "mapping.value",
                    format!("time zone `{text}` is not known"),
                    span,
                    Some("Write an IANA name such as `Europe/Berlin`.".into()),
                );
                None
            }
        });
        let currency = self.string(table, "currency").and_then(|(text, span)| match text.parse() {
            Ok(currency) => Some(currency),
            Err(error) => {
                self.error("mapping.value", format!("{error}"), span, None);
                None
            }
        });
        let mut facts = Vec::new();
        if table.contains_key("columns") || table.contains_key("table") {
            facts.extend(self.fact(table, true));
        }
        if let Some(value) = table.get("fact") {
            match value.get_ref().as_array() {
                Some(items) => {
                    for item in items {
                        match item.get_ref().as_table() {
                            Some(inner) => facts.extend(self.fact(inner, false)),
                            None => self.wrong("fact", "a table", item),
                        }
                    }
                }
                None => self.wrong("fact", "a list of tables: `[[fact]]`", value),
            }
        }
        if facts.is_empty() && self.found.is_empty() {
            self.error(
                "mapping.empty",
                "the mapping makes no facts".into(),
                0..0,
                Some("Add `table` and `[columns]`, or `[[fact]]` blocks.".into()),
            );
        }
        Mapping {
            name: self.file.to_owned(),
            encoding,
            match_columns,
            match_file,
            match_stream,
            delimiter,
            numbers: NumberStyle { decimal, group, dressed: false },
            order,
            date,
            zone,
            currency,
            empty: self.strings(table, "empty"),
            normalize_currency: self.boolean(table, "normalize_currency"),
            version: self.string(table, "version").map(|(text, _)| text),
            facts,
        }
    }

    fn fact(&mut self, table: &DeTable<'_>, top: bool) -> Option<MappedFact> {
        if !top {
            self.keys(table, "key", &FACT);
        }
        let Some((name, span)) = self.string(table, "table") else {
            self.error(
                "mapping.table",
                "`table` is missing".into(),
                0..0,
                Some(
                    "Say which facts the rows make, for example `table = \"opportunity\"`.".into(),
                ),
            );
            return None;
        };
        let Some(target) = FactTable::named(&name) else {
            let known: Vec<&str> = TABLES.iter().map(|t| t.name).collect();
            self.unknown("table", &name, span, &known);
            return None;
        };
        let columns = match table.get("columns").map(|value| (value, value.get_ref().as_table())) {
            Some((_, Some(columns))) => columns,
            Some((value, None)) => {
                self.wrong("columns", "a table", value);
                return None;
            }
            None => {
                self.error(
                    "mapping.columns",
                    format!("`{name}` has no columns"),
                    span,
                    Some("Add `[columns]`.".into()),
                );
                return None;
            }
        };
        let mut mapped = Vec::new();
        let known: Vec<&str> = target.columns.iter().map(|c| c.name).collect();
        for (key, value) in columns {
            match target.position(key.get_ref()) {
                Some(to) => mapped.extend(self.column(target, to, value)),
                None => self.unknown("column", key.get_ref(), key.span(), &known),
            }
        }
        for (to, column) in target.columns.iter().enumerate() {
            let assumed = target.name == "spend" && column.name == "currency";
            if column.required && !assumed && !mapped.iter().any(|m: &MappedColumn| m.to == to) {
                self.error(
                    "mapping.required",
                    format!("`{name}` needs the column `{}`: {}", column.name, column.about),
                    span.clone(),
                    Some(format!("Add `{} = \"…\"` to its columns.", column.name)),
                );
            }
        }
        let when = table.get("when").and_then(|value| {
            if let Some(inner) = value.get_ref().as_table() {
                self.keys(inner, "key", &["column", "is", "not"]);
                let column = self.string(inner, "column").map(|(text, _)| text)?;
                Some(MappedWhen {
                    column,
                    is: self.strings(inner, "is"),
                    not: self.strings(inner, "not"),
                })
            } else {
                self.wrong("when", "a table with `column` and `is` or `not`", value);
                None
            }
        });
        Some(MappedFact { table: target, columns: mapped, when })
    }

    fn column(
        &mut self,
        table: &'static FactTable,
        to: usize,
        value: &Value<'_>,
    ) -> Option<MappedColumn> {
        let target = table.columns.get(to)?;
        let mut column = MappedColumn {
            to,
            from: Vec::new(),
            join: false,
            value: None,
            values: None,
            fallback: None,
            prefix: None,
            empty: Vec::new(),
            optional: false,
            read: read_for(table.name, target.name, target.kind),
        };
        let inner = match value.get_ref() {
            DeValue::String(text) => {
                column.from.push(text.to_string());
                return Some(column);
            }
            DeValue::Table(inner) => inner,
            _ => {
                self.wrong(target.name, "the name of a column, or a table", value);
                return None;
            }
        };
        self.keys(inner, "key", &COLUMN);
        column.from = self.strings(inner, "from");
        let join = self.strings(inner, "join");
        if !join.is_empty() {
            column.from = join;
            column.join = true;
        }
        column.value = self.cell(inner, "value", target.kind);
        column.fallback = self.cell(inner, "default", target.kind);
        column.prefix = self.string(inner, "prefix").map(|(text, _)| text);
        column.empty = self.strings(inner, "empty");
        column.optional = self.boolean(inner, "optional");
        if self.boolean(inner, "percent") {
            column.read = Read::Percent;
        }
        if self.boolean(inner, "micros") {
            column.read = Read::Micros;
        }
        if let Some(map) = inner.get("map") {
            match map.get_ref().as_table() {
                Some(pairs) => {
                    let mut values = HashMap::new();
                    for (key, value) in pairs {
                        match value.get_ref() {
                            DeValue::String(text) => {
                                values.insert(key.get_ref().to_string(), text.to_string())
                            }
                            DeValue::Boolean(flag) => {
                                values.insert(key.get_ref().to_string(), flag.to_string())
                            }
                            DeValue::Integer(number) => {
                                values.insert(key.get_ref().to_string(), number.as_str().to_owned())
                            }
                            _ => {
                                self.wrong("map", "texts, numbers or booleans", value);
                                None
                            }
                        };
                    }
                    column.values = Some(values);
                }
                None => self.wrong("map", "a table of values", map),
            }
        }
        if column.from.is_empty() && column.value.is_none() {
            self.error(
                "mapping.source",
                format!("column `{}` has neither `from` nor `value`", target.name),
                value.span(),
                Some(
                    "Name the column of the file with `from`, or give a `value` for all rows."
                        .into(),
                ),
            );
        }
        Some(column)
    }

    fn cell(&mut self, table: &DeTable<'_>, key: &str, kind: Kind) -> Option<Cell> {
        let value = table.get(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Datetime(at) => at.to_string(),
            _ => {
                self.wrong(key, "a plain value", value);
                return None;
            }
        };
        let cell = constant(kind, &text);
        if cell.is_none() {
            let expected = match kind {
                Kind::Text => "a text",
                Kind::Integer => "a whole number",
                Kind::Boolean => "true or false",
                Kind::Day => "a day such as `2026-10-02`",
                Kind::Instant => "a time such as `2026-10-02T00:00:00Z`",
                Kind::Decimal => "a number such as `1234.56`",
            };
            self.wrong(key, expected, value);
        }
        cell
    }
}

/// How a column of the model is read from a file that a mapping describes.
fn read_for(table: &str, column: &str, kind: Kind) -> Read {
    match (kind, column) {
        (Kind::Text, "match_key") => Read::MatchKey,
        (Kind::Text, "email_domain") => Read::EmailDomain,
        (Kind::Text, "domain") => Read::WebDomain,
        (Kind::Text, "forecast_category") => Read::ForecastCategory,
        (Kind::Text, "currency") => Read::Currency,
        (Kind::Text, "from" | "to") if table == "fx_rate" => Read::Currency,
        (Kind::Text, "utm_source" | "utm_medium" | "utm_campaign") => Read::Utm,
        (Kind::Text, "source" | "medium" | "campaign") if table == "touch" => Read::Utm,
        (Kind::Text, name) if name == "id" || name.ends_with("_id") || name == "merged_into" => {
            Read::Id
        }
        (Kind::Text, _) => Read::Text,
        (Kind::Integer, _) => Read::Integer,
        (Kind::Boolean, _) => Read::Boolean,
        (Kind::Day, "month") => Read::Month,
        (Kind::Day, _) => Read::Day,
        (Kind::Instant, _) => Read::Instant,
        (Kind::Decimal, "probability" | "discount") => Read::Fraction,
        (Kind::Decimal, "rate") => Read::Rate,
        (Kind::Decimal, "amount" | "budget" | "actual_cost") => Read::Amount,
        (Kind::Decimal, _) => Read::Count,
    }
}
