//! What stands between a bad extract and the figures.
//!
//! A guard judges a load when it is prepared. What it stops is a [`Hold`]: the load is not
//! committed, the stored facts stay in service, and a person decides. Each guard can be told to let
//! a load pass, by name and on record.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use domain::{Decimal, Diagnostic, Place};
use serde::{Deserialize, Serialize};

use super::{FileReport, LoadRequest, SourceFile, layout_of};
use crate::error::LakeError;
use crate::sql::{Connection, params};

/// A complete extract may have so many percent fewer records than are stored.
const SHRINK_PERCENT: u64 = 20;
/// Named at most in a message.
const NAMED: usize = 5;

/// One of the guards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// A complete extract has no record, and some are stored.
    Empty,
    /// A complete extract has far fewer records than are stored.
    Shrink,
    /// A column that fed facts is gone.
    Drift,
    /// What was read does not agree with the control totals of the manifest.
    Totals,
    /// A file of a set that belongs together is missing.
    HalfSet,
    /// An exchange rate is many times the one before; only its row is held.
    FxJump,
}

impl Guard {
    /// All guards.
    pub const ALL: [Self; 6] =
        [Self::Empty, Self::Shrink, Self::Drift, Self::Totals, Self::HalfSet, Self::FxJump];

    /// Returns the name under which it is told to let something pass.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Shrink => "shrink",
            Self::Drift => "drift",
            Self::Totals => "totals",
            Self::HalfSet => "half-set",
            Self::FxJump => "fx-jump",
        }
    }

    /// Returns the stable code of what it says.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "hold.empty",
            Self::Shrink => "hold.shrink",
            Self::Drift => "hold.drift",
            Self::Totals => "hold.totals",
            Self::HalfSet => "hold.half-set",
            Self::FxJump => "fx.jump",
        }
    }

    /// Says what to do about what it stopped.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Empty => {
                "Export again; if the records are really gone, accept the load: they are withdrawn."
            }
            Self::Shrink => {
                "Compare with the source; if the records are really gone, accept the load: they \
                 are withdrawn."
            }
            Self::Drift => {
                "Export with the column again, or map its new name; accept the load to go on \
                 without it."
            }
            Self::Totals => "Export again, or correct the manifest; accept the load as it is.",
            Self::HalfSet => "Add what is missing and load the whole set.",
            Self::FxJump => {
                "Correct the rate, or let it pass: load the file again with `--allow fx-jump`."
            }
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Guard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|guard| guard.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("is none of {}", names.join(", "))
        })
    }
}

/// Why a load is held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Which guard holds it.
    pub guard: Guard,
    /// The connection, where the load names one.
    pub connection: Option<String>,
    /// The fact table that it is about.
    pub table: Option<String>,
    /// The file that it is about.
    pub file: Option<String>,
    /// What was expected: records stored, rows of the manifest.
    pub expected: Option<u64>,
    /// What was found.
    pub found: Option<u64>,
    /// What is wrong; lower case, no full stop.
    pub message: String,
    /// All identifiers, columns or files that it is about, where they are known.
    pub missing: Vec<String>,
}

impl Hold {
    fn new(guard: Guard, connection: Option<&str>, message: String) -> Self {
        Self {
            guard,
            connection: connection.map(ToOwned::to_owned),
            table: None,
            file: None,
            expected: None,
            found: None,
            message,
            missing: Vec::new(),
        }
    }

    fn counts(mut self, expected: u64, found: u64) -> Self {
        (self.expected, self.found) = (Some(expected), Some(found));
        self
    }

    fn file(mut self, file: &str) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// Says it as a fault of the file.
    pub fn diagnostic(&self) -> Diagnostic {
        let said = Diagnostic::error(self.guard.code(), self.message.as_str())
            .hint(self.guard.hint().to_owned());
        match &self.file {
            Some(file) => said.at(Place::file(file.as_str())),
            None => said,
        }
    }
}

/// What a manifest says that a file holds.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Expected {
    /// Rows that can be read.
    pub rows: Option<u64>,
    /// Sums of money columns, by `table.column`, over all currencies.
    pub sums: BTreeMap<String, String>,
    /// Identifiers of the records of its first table.
    pub ids: Vec<String>,
}

impl Expected {
    /// True where nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.rows.is_none() && self.sums.is_empty() && self.ids.is_empty()
    }
}

/// True where so many of the stored records are more than may be gone.
pub(super) fn too_many(gone: u64, stored: u64) -> bool {
    gone * 100 > stored * SHRINK_PERCENT
}

/// Judges a complete extract against what is stored of its source: so many records, of which so
/// many are not in it.
pub(super) fn judge_count(
    table: &str,
    source: &SourceFile,
    stored: u64,
    absent: u64,
    delivered: u64,
) -> Option<Hold> {
    let connection = source.connection.as_deref();
    let few = too_many(stored.saturating_sub(delivered), stored);
    let (guard, message) = match (stored, delivered) {
        (0, _) => return None,
        (_, 0) => (
            Guard::Empty,
            format!("extract has 0 rows, table has {stored}: all of `{table}` would be withdrawn"),
        ),
        _ if few => (
            Guard::Shrink,
            format!(
                "complete extract has {delivered} records of `{table}`, {stored} are stored: more \
                 than {SHRINK_PERCENT} percent fewer"
            ),
        ),
        _ if too_many(absent, stored) => (
            Guard::Shrink,
            format!(
                "complete extract has {delivered} records of `{table}`, but {absent} of the \
                 {stored} stored are not among them: more than {SHRINK_PERCENT} percent"
            ),
        ),
        _ => return None,
    };
    let mut hold =
        Hold::new(guard, connection, message).counts(stored, delivered).file(&source.name);
    hold.table = Some(table.to_owned());
    Some(hold)
}

/// Judges what was read against the manifest. `missing` are the identifiers that it lists and no
/// row of the file has.
pub(super) fn judge_totals(
    source: &SourceFile,
    report: &FileReport,
    missing: Vec<String>,
) -> Option<Hold> {
    let expected = &source.expected;
    let read = report.rows.read - report.rows.quarantined;
    let mut said = Vec::new();
    if let Some(rows) = expected.rows.filter(|rows| *rows != read) {
        let difference = i128::from(read) - i128::from(rows);
        said.push(format!("{rows} rows in the manifest, {read} read ({difference:+})"));
    }
    for (name, sum) in &expected.sums {
        let parts = report.totals.iter().filter(|(total, _)| {
            total
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        let found: Decimal = parts
            .filter_map(|(_, sum)| sum.parse::<Decimal>().ok())
            .fold(Decimal::ZERO, |a, b| a + b);
        match sum.parse::<Decimal>() {
            Ok(sum) if sum == found => {}
            Ok(sum) => {
                let difference = found - sum;
                let sign = if difference > Decimal::ZERO { "+" } else { "" };
                said.push(format!(
                    "{sum} of `{name}` in the manifest, {found} read ({sign}{difference})"
                ));
            }
            Err(_) => said.push(format!("`{sum}` of `{name}` in the manifest is no amount")),
        }
    }
    if !missing.is_empty() {
        said.push(format!("missing: {}", some(&missing)));
    }
    if said.is_empty() {
        return None;
    }
    if report.rows.quarantined > 0 {
        said.push(format!("{} rows could not be read", report.rows.quarantined));
    }
    let message = format!("control totals do not agree: {}", said.join("; "));
    let mut hold =
        Hold::new(Guard::Totals, source.connection.as_deref(), message).file(&source.name);
    (hold.expected, hold.found) = (expected.rows, Some(read));
    hold.missing = missing;
    Some(hold)
}

/// Writes the first of some names, and how many more there are.
fn some(names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    match names.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// What the columns of the files say beside those of earlier loads: holds and remarks.
pub(super) fn judge_columns(
    connection: &Connection,
    files: &[(&SourceFile, &FileReport)],
) -> Result<(Vec<Hold>, Vec<Diagnostic>), LakeError> {
    let (mut holds, mut remarks) = (Vec::new(), Vec::new());
    for (source, columns) in sources(files) {
        let (name, preset) = source;
        let sql = "SELECT column_name, feeds, last_load FROM source_column
                   WHERE connection = ? AND preset = ?";
        let mut statement = connection.prepare_cached(sql)?;
        let known = statement
            .query_map([name, preset], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?))
            })?
            .collect::<Result<Vec<(String, Option<String>, i64)>, _>>()?;
        let Some(last) = known.iter().map(|(_, _, load)| *load).max() else { continue };
        let file = files.iter().find(|(file, _)| file.source() == source);
        let Some((first, _)) = file else { continue };
        for (column, feeds) in &columns {
            if !known.iter().any(|(known, ..)| known == column) {
                let what = match feeds {
                    Some(feeds) => format!("it feeds `{feeds}`"),
                    None => "it is not read".to_owned(),
                };
                let message = format!("column `{column}` is new since load {last}; {what}");
                remarks.push(
                    Diagnostic::warning("load.new-column", message)
                        .at(Place::file(Arc::clone(&first.name)))
                        .hint("Name it in a mapping if it should feed a fact."),
                );
            }
        }
        let gone: Vec<(&String, &String)> = known
            .iter()
            .filter(|(column, _, load)| *load == last && !columns.contains_key(column.as_str()))
            .filter_map(|(column, feeds, _)| Some((column, feeds.as_ref()?)))
            // Another column may have taken its place.
            .filter(|(_, fed)| !columns.values().flatten().any(|feeds| feeds == *fed))
            .collect();
        if gone.is_empty() {
            continue;
        }
        let names: Vec<String> =
            gone.iter().map(|(column, feeds)| format!("`{column}` (`{feeds}`)")).collect();
        let fresh: Vec<String> = columns
            .keys()
            .filter(|column| !known.iter().any(|(known, ..)| known == *column))
            .map(|column| format!("`{column}`"))
            .collect();
        let beside = if fresh.is_empty() {
            String::new()
        } else {
            format!("; new columns: {}", some(&fresh))
        };
        let message = format!("columns that load {last} had are gone: {}{beside}", some(&names));
        if name.is_empty() {
            remarks.push(
                Diagnostic::warning("load.column-gone", message)
                    .at(Place::file(Arc::clone(&first.name)))
                    .hint("New records have no value there; export with the column again."),
            );
        } else {
            let mut hold = Hold::new(Guard::Drift, Some(name), message).file(&first.name);
            hold.missing = gone.iter().map(|(column, _)| (*column).clone()).collect();
            holds.push(hold);
        }
    }
    Ok((holds, remarks))
}

/// Columns by name, with the fact column that each feeds, of the files that are read, by source.
fn sources<'a>(
    files: &[(&'a SourceFile, &FileReport)],
) -> BTreeMap<(&'a str, &'a str), BTreeMap<&'a str, Option<&'a str>>> {
    let mut sources: BTreeMap<_, BTreeMap<&str, Option<&str>>> = BTreeMap::new();
    for (file, _) in
        files.iter().filter(|(file, report)| report.status.is_read() && !file.columns.is_empty())
    {
        let columns = sources.entry(file.source()).or_default();
        for column in &file.columns {
            let feeds = columns.entry(column.name.as_str()).or_default();
            *feeds = feeds.or(column.feeds.as_deref());
        }
    }
    sources
}

/// Writes down which columns the sources of a load had.
pub(super) fn note_columns(
    connection: &Connection,
    load_id: i64,
    files: &[(&SourceFile, &FileReport)],
) -> Result<(), LakeError> {
    let sql = "INSERT INTO source_column VALUES (?1, ?2, ?3, ?4, ?5, ?5)
               ON CONFLICT (connection, preset, column_name)
               DO UPDATE SET feeds = excluded.feeds, last_load = excluded.last_load";
    let mut statement = connection.prepare_cached(sql)?;
    for ((name, preset), columns) in sources(files) {
        for (column, feeds) in columns {
            statement.execute(params![name, preset, column, feeds, load_id])?;
        }
    }
    Ok(())
}

/// Judges whether the sets of the load are whole: all files that a manifest names, and all sources
/// that the set of the connection had before.
pub(super) fn judge_sets(
    connection: &Connection,
    request: &LoadRequest,
) -> Result<Vec<Hold>, LakeError> {
    let mut holds = Vec::new();
    let named: BTreeSet<&str> = request
        .files
        .iter()
        .filter(|file| file.in_set)
        .filter_map(|file| file.connection.as_deref())
        .chain(request.missing.iter().map(|(name, _)| name.as_str()))
        .collect();
    for name in named {
        let mut missing: Vec<String> = request
            .missing
            .iter()
            .filter(|(connection, _)| connection == name)
            .map(|(_, file)| file.clone())
            .collect();
        let sql = "SELECT DISTINCT preset FROM load_file WHERE connection = ?1 AND in_set = 1
                   AND load_id = (SELECT max(load_id) FROM load_file
                                  WHERE connection = ?1 AND in_set = 1)
                   ORDER BY preset";
        let mut statement = connection.prepare_cached(sql)?;
        let before = statement
            .query_map([name], |row| row.get::<_, String>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        let here = |preset: &String| {
            let mut files = request.files.iter();
            files.any(|file| file.source() == (name, layout_of(preset)))
        };
        if missing.is_empty() {
            missing.extend(before.into_iter().filter(|preset| !here(preset)));
        }
        if !missing.is_empty() {
            let message = format!(
                "half a set of connection `{name}`: missing {}; its sets are published together \
                 or not at all",
                some(&missing)
            );
            let mut hold = Hold::new(Guard::HalfSet, Some(name), message);
            hold.missing = missing;
            holds.push(hold);
        }
    }
    Ok(holds)
}

/// True where a rate is so many times the one before, or a part of it, that it is a mistake.
pub(super) fn jumps(before: Decimal, rate: Decimal) -> bool {
    let ten = Decimal::from(10);
    rate >= before * ten || rate * ten <= before
}
