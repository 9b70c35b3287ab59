//! Export files as rows of named texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::Decimal;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A row of an export: column name to text.
#[derive(Clone, Debug)]
pub(super) struct Row(BTreeMap<String, String>);

impl Row {
    /// Returns the text of a column; empty where the file has no such column.
    pub(super) fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", |text| text.trim())
    }

    /// Returns the text of a column as it stands, blanks included.
    pub(super) fn raw(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    /// Returns the text, where there is one.
    pub(super) fn maybe(&self, column: &str) -> Option<String> {
        Some(self.text(column)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Returns an id of 18 characters; one of 15 is widened.
    pub(super) fn id(&self, column: &str) -> Option<String> {
        self.maybe(column).map(|id| widened(&id))
    }

    /// True where another row says the same, ids of 15 characters being those of 18.
    fn says_as(&self, other: &Self) -> bool {
        let text = |row: &Self, column: &String| {
            let text = row.text(column).to_owned();
            if column.ends_with("Id") { widened(&text) } else { text }
        };
        self.0.keys().chain(other.0.keys()).all(|column| text(self, column) == text(other, column))
    }

    /// Returns the name of the column that starts so; empty where there is none.
    pub(super) fn column_like(&self, start: &str) -> String {
        self.0.keys().find(|name| name.starts_with(start)).cloned().unwrap_or_default()
    }

    pub(super) fn truth(&self, column: &str) -> Option<bool> {
        match self.text(column).to_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    pub(super) fn day(&self, column: &str) -> Option<Date> {
        let text = self.text(column);
        let day = text.get(..10).unwrap_or(text);
        (!text.is_empty()).then(|| iso_or_us(day))
    }

    /// Returns an instant; a day without time is its midnight in the zone of the sources.
    pub(super) fn instant(&self, column: &str, zone: &TimeZone) -> Option<Timestamp> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(at);
        }
        let civil = if text.len() == 10 {
            iso_or_us(text).at(0, 0, 0, 0)
        } else {
            text.parse().unwrap_or_else(|_| panic!("`{text}` is no instant"))
        };
        Some(civil.to_zoned(zone.clone()).expect("a civil time is in the zone").timestamp())
    }
}

fn iso_or_us(text: &str) -> Date {
    if let Ok(day) = text.parse() {
        return day;
    }
    let parts: Vec<i16> =
        text.split('/').map(|part| part.parse().expect("a part of a date")).collect();
    let [month, day, year] = parts[..] else { panic!("`{text}` is no day") };
    let small = |part: i16| i8::try_from(part).expect("a month or a day");
    Date::new(year, small(month), small(day)).expect("a day of the calendar")
}

/// Widens a record id of 15 characters by the three that say which letters are upper case.
pub(super) fn widened(id: &str) -> String {
    if id.len() != 15 {
        return id.to_owned();
    }
    let mut wide = id.to_owned();
    for block in id.as_bytes().chunks(5) {
        let bits = block
            .iter()
            .rev()
            .fold(0, |bits, byte| bits * 2 + usize::from(byte.is_ascii_uppercase()));
        wide.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits]));
    }
    wide
}

/// The extracts of a company, oldest first, each a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exports<'a>(pub(super) &'a [PathBuf]);

/// Reads a sheet without the rows that the source says are deleted. A record that was merged away
/// is marked as deleted too, but stays: it stands for its master.
pub(super) fn sheet(exports: Exports<'_>, name: &str) -> Vec<Row> {
    let deleted = |row: &Row| row.truth("IsDeleted") == Some(true);
    let merged = |row: &Row| !row.text("MasterRecordId").is_empty();
    newest(exports, name).into_iter().filter(|row| !deleted(row) || merged(row)).collect()
}

/// Returns each record once, in the order of the ids: as its newest version says, which the source
/// stamps; without a stamp, or of one stamp, as the latest extract says. Two contents of one
/// version in one extract are both refused.
fn newest(exports: Exports<'_>, name: &str) -> Vec<Row> {
    let mut found: BTreeMap<String, (Option<Timestamp>, Row)> = BTreeMap::new();
    for folder in exports.0 {
        let mut versions: BTreeMap<(String, Option<Timestamp>), Vec<Row>> = BTreeMap::new();
        for row in all(folder, name).into_iter().filter(|row| !refused(row)) {
            let id = row.id("Id").or_else(|| row.id("_fivetran_id")).expect("a row has an id");
            let at = row.instant("SystemModstamp", &TimeZone::UTC);
            let said = versions.entry((id, at)).or_default();
            if !said.iter().any(|other| row.says_as(other)) {
                said.push(row);
            }
        }
        for ((id, at), mut said) in versions {
            let newer = found.get(&id).is_none_or(|(before, _)| at >= *before);
            if newer && said.len() == 1 {
                found.extend(said.pop().map(|row| (id, (at, row))));
            }
        }
    }
    found.into_values().map(|(_, row)| row).collect()
}

/// True where nobody can take a row: an id whose check letters do not fit, a currency that does not
/// exist, an amount that is no number, a rate that is not above zero, a time before 1990.
fn refused(row: &Row) -> bool {
    let wrong_id = row.0.iter().any(|(column, text)| {
        column.ends_with("Id") && text.len() == 18 && widened(&text[..15]) != *text
    });
    let no_number = ["Amount", "ActualCost"]
        .into_iter()
        .filter_map(|column| row.maybe(column))
        .any(|text| text.parse::<Decimal>().is_err());
    let no_currency =
        row.maybe("CurrencyIsoCode").is_some_and(|code| code.parse::<domain::Currency>().is_err());
    let no_rate = row
        .maybe("ConversionRate")
        .is_some_and(|rate| rate.parse::<Decimal>().is_ok_and(|rate| rate <= Decimal::ZERO));
    let too_early = row.day("ActivityDate").is_some_and(|day| day.year() < 1990);
    wrong_id || no_number || no_currency || no_rate || too_early
}

/// Reads all parts of a sheet (`Task.csv`, `Task-1.csv`, …); no rows where there is no such file.
fn all(folder: &Path, name: &str) -> Vec<Row> {
    let part = |file: &str| {
        let rest = file.strip_prefix(name)?.strip_suffix(".csv")?;
        let number = rest.strip_prefix('-').map_or(Some(0), |number| number.parse::<u32>().ok())?;
        (rest.is_empty() || rest.starts_with('-')).then_some(number)
    };
    let mut parts: Vec<(u32, PathBuf)> = std::fs::read_dir(folder)
        .expect("the folder of exports can be read")
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter_map(|path| Some((part(path.file_name()?.to_str()?)?, path)))
        .collect();
    parts.sort();
    parts.iter().flat_map(|(_, path)| rows(&text(path), b',', 0)).collect()
}

/// Reads a report of an ad platform: the header is the first line that holds all the given columns.
pub(super) fn report(path: &Path, separator: u8, columns: &[&str]) -> Vec<Row> {
    if !path.exists() {
        return Vec::new();
    }
    let text = text(path);
    let header = text.lines().position(|line| {
        let cells: Vec<&str> = line.split(char::from(separator)).collect();
        columns.iter().all(|column| cells.contains(column))
    });
    rows(&text, separator, header.expect("the report has a header"))
}

fn rows(text: &str, separator: u8, skipped: usize) -> Vec<Row> {
    let body: String = text.split_inclusive('\n').skip(skipped).collect();
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(body.as_bytes());
    let header = reader.headers().expect("a header").clone();
    reader
        .records()
        .map(|record| {
            let record = record.expect("a row of CSV");
            let cells = header.iter().zip(&record);
            Row(cells.map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect())
        })
        .collect()
}

/// Reads a file as text: by its byte order mark, else UTF-8.
fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("an export can be read");
    let (text, _, faulty) = encoding_rs::UTF_8.decode(&bytes);
    assert!(!faulty, "{} is not text", path.display());
    text.into_owned()
}
