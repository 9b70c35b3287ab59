//! The text of a mapping for a file, to be completed by hand.
//!
//! Guesses rest on names, are dropped where the values cannot be meant, and are marked as guesses;
//! examples of values stand beside them, without those that speak of persons.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use domain::diagnostic::nearest;
use domain::fact::{FactColumn, FactTable, Kind, TABLES};
use domain::{Diagnostic, Place};

use crate::format::decode::{Content, Encoding, content, open_bytes, text_of};
use crate::format::{Row, delimited, ndjson, parquet, workbook};
use crate::preset::{fold, presets};
use crate::settings::{Rejected, Settings};
use crate::value::number::{Evidence, evidence};
use crate::value::{boolean, shown};

/// Most examples of one column.
const EXAMPLES: usize = 3;

/// Drafts a mapping for a file that is a table.
pub fn draft(path: &Path, settings: &Settings) -> Result<String, Rejected> {
    let name = path
        .file_name()
        .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    Ok(write(&name, &sample(path, settings)?))
}

struct Sample {
    separator: u8,
    encoding: Encoding,
    names: Vec<String>,
    examples: Vec<Vec<String>>,
}

fn sample(path: &Path, settings: &Settings) -> Result<Sample, Rejected> {
    let file: Arc<str> = path.display().to_string().into();
    let limits = &settings.limits;
    let mut head = Vec::new();
    let mut packed = false;
    for attempt in [false, true] {
        head.clear();
        packed = attempt;
        let raw = open_bytes(path, attempt, limits, &file)?;
        raw.take(256 * 1024)
            .read_to_end(&mut head)
            .map_err(|error| crate::format::decode::rejected(error, &file))?;
        if content(&head) != Content::Gzip {
            break;
        }
    }
    let mut encoding = Encoding::Utf8;
    let (mut separator, mut names, mut examples) = (b',', Vec::new(), Vec::new());
    let keep = |row: &Row<'_>, names: &[String], examples: &mut Vec<Vec<String>>| {
        examples.resize(names.len(), Vec::new());
        for (at, seen) in examples.iter_mut().enumerate() {
            let text = row.get(at).to_plain();
            if seen.len() < EXAMPLES && !text.trim().is_empty() && !seen.contains(&text) {
                seen.push(text);
            }
        }
    };
    match content(&head) {
        Content::Ndjson => {
            let mut input = open_bytes(path, packed, limits, &file)?;
            let keys = ndjson::keys(&mut *input, limits, &file)?;
            names = keys.iter().map(ToString::to_string).collect();
            let mut input = open_bytes(path, packed, limits, &file)?;
            let mut count = 0;
            ndjson::read(&mut *input, &keys, limits, &file, &mut Vec::new(), &mut |item| {
                if let crate::format::Item::Row(row) = item {
                    keep(&row, &names, &mut examples);
                }
                count += 1;
                Ok(count < 50)
            })?;
        }
        Content::Parquet => {
            names =
                parquet::columns(path, limits, &file)?.0.iter().map(ToString::to_string).collect();
            let mut count = 0;
            parquet::read(path, limits, &file, &mut |item| {
                if let crate::format::Item::Row(row) = item {
                    keep(&row, &names, &mut examples);
                }
                count += 1;
                Ok(count < 50)
            })?;
        }
        Content::Zip => {
            let sheets = workbook::sheets(path, limits, &file)?;
            if let Some(sheet) = sheets.first() {
                let mut first = true;
                workbook::read(sheet, 0, &mut |item| {
                    if let crate::format::Item::Row(row) = item {
                        if first {
                            names = (0..row.len()).map(|at| row.get(at).to_plain()).collect();
                            first = false;
                        } else {
                            keep(&row, &names, &mut examples);
                        }
                    }
                    Ok(true)
                })?;
            }
        }
        Content::Text(found) => {
            encoding = found;
            if found == Encoding::Utf8
                && std::str::from_utf8(head.get(..head.len().saturating_sub(4)).unwrap_or(&[]))
                    .is_err()
            {
                encoding = Encoding::Windows1252;
            }
            if encoding.wide() {
                head.truncate(head.len() & !1);
            }
            let mut text = Vec::new();
            let whole = head.len() < 256 * 1024;
            let raw: Box<dyn std::io::Read> = Box::new(std::io::Cursor::new(head));
            let decoded = text_of(raw, encoding, &file)?.read_to_end(&mut text);
            if whole {
                decoded.map_err(|error| crate::format::decode::rejected(error, &file))?;
            }
            let mut best = 0;
            for candidate in [b',', b';', b'\t', b'|'] {
                let records = delimited::head(&text, whole, candidate, limits);
                let mut widths: HashMap<usize, usize> = HashMap::new();
                for (_, cells) in &records {
                    *widths.entry(cells.len()).or_default() += 1;
                }
                let Some((width, count)) =
                    widths.into_iter().max_by_key(|&(width, count)| (count * width.min(50), width))
                else {
                    continue;
                };
                if width * count > best {
                    best = width * count;
                    separator = candidate;
                    let mut rows = records
                        .into_iter()
                        .map(|(_, cells)| cells)
                        .filter(|cells| cells.len() == width);
                    names = rows.next().unwrap_or_default();
                    examples = vec![Vec::new(); names.len()];
                    for cells in rows {
                        for (seen, text) in examples.iter_mut().zip(cells) {
                            if seen.len() < EXAMPLES
                                && !text.trim().is_empty()
                                && !seen.contains(&text)
                            {
                                seen.push(text);
                            }
                        }
                    }
                }
            }
        }
        other => {
            let what = match other {
                Content::Empty => "file is empty",
                _ => "the file is no table of a known format",
            };
            return Err(Diagnostic::error("intake.not-recognized", what)
                .at(Place::file(file))
                .hint("Name a file of CSV, XLSX, NDJSON or Parquet.")
                .into());
        }
    }
    examples.resize(names.len(), Vec::new());
    Ok(Sample { separator, encoding, names, examples })
}

/// Words of files that mean a column of the model, beyond its own name and those of presets.
const SYNONYMS: &[(&str, &[&str])] = &[
    (
        "id",
        &[
            "record id",
            "opportunity_id",
            "deal_id",
            "lead_id",
            "account_id",
            "contact_id",
            "deal nr",
            "deal no",
            "deal number",
            "number",
        ],
    ),
    ("currency", &["curr", "ccy", "currency code"]),
    ("stage", &["deal_stage", "status", "phase"]),
    ("amount", &["value", "close_value", "revenue", "deal_value", "cost", "spend", "total"]),
    (
        "created_at",
        &[
            "created",
            "created time",
            "created_on",
            "create_date",
            "engage_date",
            "first_contact_date",
            "opened",
            "start",
            "start date",
        ],
    ),
    ("close_on", &["close_date", "closing date", "won_date", "expected_close", "end", "end date"]),
    ("owner", &["sales_agent", "sales rep", "deal owner", "rep"]),
    ("account_name", &["account", "company", "customer", "account name.name"]),
    ("account_id", &["account name.id", "company_id", "customer_id"]),
    ("lead_source", &["source", "origin", "lead source"]),
    ("industry", &["sector", "vertical"]),
    ("country", &["office_location", "location"]),
    ("parent_id", &["subsidiary_of", "parent"]),
    ("day", &["date", "date_day"]),
    ("program_id", &["campaign_id", "campaign"]),
    ("program_name", &["campaign_name", "campaign"]),
    ("name", &["deal name", "deal title", "title", "subject"]),
];

fn guess(
    table: &'static FactTable,
    column: &FactColumn,
    sample: &Sample,
    taken: &[usize],
) -> Option<usize> {
    let (target, names) = (column.name, &sample.names);
    let wanted = fold(target);
    let mut words: Vec<String> = vec![wanted, fold(&format!("{}{target}", table.name))];
    words.extend(
        SYNONYMS
            .iter()
            .filter(|(to, _)| *to == target)
            .flat_map(|(_, words)| words.iter().map(|w| fold(w))),
    );
    for preset in presets() {
        for rule in preset.facts.iter().filter(|rule| rule.table == table.name) {
            for column in rule.columns.iter().filter(|column| column.to == target) {
                words.extend(column.from.iter().map(|name| fold(name)));
            }
        }
    }
    let folded: Vec<String> = names.iter().map(|name| fold(name)).collect();
    let free = |at: &usize| {
        let seen = sample.examples.get(*at).map_or(&[][..], Vec::as_slice);
        !taken.contains(at) && seen.iter().all(|text| fits(column.kind, text))
    };
    words
        .iter()
        .find_map(|word| (0..folded.len()).filter(free).find(|&at| folded.get(at) == Some(word)))
        .or_else(|| {
            let near = nearest(target, names.iter().map(String::as_str))?;
            (0..names.len()).filter(free).find(|&at| names.get(at).is_some_and(|n| n == near))
        })
}

/// False where a value cannot be meant by a kind of column: a date for a name, `yes` for a day.
fn fits(kind: Kind, text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    match kind {
        Kind::Day | Kind::Instant => digits >= 4,
        Kind::Integer | Kind::Decimal => digits > 0,
        Kind::Boolean => boolean(text).is_ok(),
        Kind::Text => {
            let dated = |mark| text.split(mark).count() == 3;
            let bare = |c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '/');
            let date = (6..=10).contains(&text.len()) && text.chars().all(bare);
            !(date && ['-', '.', '/'].into_iter().any(dated))
        }
    }
}

/// The decimal mark that the numbers of a file show, where they agree on one.
fn decimal_mark(sample: &Sample, amounts: &[usize]) -> Option<char> {
    let columns = amounts.iter().filter_map(|at| sample.examples.get(*at));
    let seen: Vec<Evidence> = columns.flatten().map(|text| evidence(text)).collect();
    match (seen.contains(&Evidence::Comma), seen.contains(&Evidence::Point)) {
        (true, false) => Some(','),
        (false, true) => Some('.'),
        _ => None,
    }
}

fn write(file: &str, sample: &Sample) -> String {
    // The table of which most columns are found by name.
    let weigh = |table: &'static FactTable| {
        let mut taken = Vec::new();
        let mut required = 0;
        for column in table.columns {
            if let Some(at) = guess(table, column, sample, &taken) {
                taken.push(at);
                required += usize::from(column.required) * 2 + 1;
            }
        }
        required
    };
    let mut best = (0, None);
    for table in TABLES.iter().filter(|t| !["lifecycle_event", "identity"].contains(&t.name)) {
        let weight = weigh(table);
        if weight > best.0 {
            best = (weight, Some(table));
        }
    }
    let mut out = String::new();
    let quoted = |text: &str| toml::Value::String(text.replace(['\n', '\r'], " ")).to_string();
    let example = |at: usize| {
        let seen = sample.examples.get(at).map_or(&[][..], Vec::as_slice);
        let name = sample.names.get(at).map_or("", |n| n.as_str()).to_lowercase();
        let personal =
            ["first", "last", "phone", "mobile", "email", "e-mail", "contact name", "street"]
                .iter()
                .any(|p| name.contains(p));
        let texts: Vec<String> =
            seen.iter()
                .map(|text| {
                    if personal {
                        "…".to_owned()
                    } else {
                        shown(&text.replace(['\n', '\r'], " "))
                    }
                })
                .collect();
        texts.join(" | ")
    };
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!(
        "# A draft for {}: every line is a guess by name. Check each, then load again.",
        file.replace('\n', " ")
    ));
    let table = best.1.unwrap_or(TABLES.first().unwrap_or(&crate::preset::LOOKUP));
    line(format!("# {}: {}.", table.name, table.about));
    line(format!("table = {}", quoted(table.name)));
    let marks: Vec<String> = sample
        .names
        .iter()
        .filter(|n| !n.trim().is_empty())
        .take(3)
        .map(|n| quoted(n.trim()))
        .collect();
    line(format!("match.columns = [{}]", marks.join(", ")));
    if sample.separator != b',' {
        line(format!(
            "delimiter = {}",
            if sample.separator == b'\t' {
                "\"\\t\"".to_owned()
            } else {
                quoted(&char::from(sample.separator).to_string())
            }
        ));
    }
    let mut taken = Vec::new();
    let mut amounts = Vec::new();
    let guesses: Vec<(&FactColumn, Option<usize>)> = table
        .columns
        .iter()
        .map(|column| {
            let found = guess(table, column, sample, &taken);
            taken.extend(found);
            amounts.extend(found.filter(|_| column.kind == Kind::Decimal));
            (column, found)
        })
        .collect();
    let mark = decimal_mark(sample, &amounts);
    let group = if mark == Some(',') { '.' } else { ',' };
    let examples = || amounts.iter().filter_map(|at| sample.examples.get(*at)).flatten();
    if mark == Some(',') {
        line("decimal = \",\"".into());
    } else {
        line("# decimal = \",\"   # where numbers are written 1234,56".into());
    }
    if mark.is_some() && examples().any(|text| text.contains(group)) {
        line(format!("group = {}", quoted(&group.to_string())));
    } else {
        line("# group = \",\"     # where thousands are written 1,234".into());
    }
    if !matches!(sample.encoding, Encoding::Utf8 | Encoding::Utf8Mark) {
        line(format!("encoding = {}", quoted(sample.encoding.name())));
    }
    line("# date_order = \"day\"   # or \"month\", where dates are written 3/4/2026".into());
    line("# currency = \"USD\"     # where amounts name none".into());
    line(String::new());
    line("[columns]".into());
    for (column, found) in &guesses {
        match found {
            Some(at) => {
                let name = sample.names.get(*at).map_or("", String::as_str);
                line(format!("{} = {}   # {}", column.name, quoted(name.trim()), example(*at)));
            }
            None if column.required => {
                line(format!("# {} = \"…\"   # needed: {}", column.name, column.about));
            }
            None => {}
        }
    }
    line(String::new());
    line("# Columns of the file that nothing takes yet:".into());
    for (at, name) in sample.names.iter().enumerate().filter(|(at, _)| !taken.contains(at)) {
        line(format!("#   {}   {}", quoted(name.trim()), example(at)));
    }
    line("# Columns of the model that nothing feeds yet:".into());
    for (column, _) in guesses.iter().filter(|(_, found)| found.is_none()) {
        line(format!("#   {}: {}", column.name, column.about));
    }
    out
}
