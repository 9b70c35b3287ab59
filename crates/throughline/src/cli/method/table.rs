//! A plain file as columns that are named by options.

use std::path::{Path, PathBuf};

use clap::Args;
use domain::{Diagnostic, Place};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use crate::error::{Failure, Kind};

const SECONDS_A_DAY: f64 = 86_400.0;

/// The file, and the level of all intervals.
#[derive(Args, Debug)]
pub(super) struct Input {
    /// The file: CSV with a line of column names
    pub(super) file: PathBuf,
    /// Level of the intervals
    #[arg(long, default_value_t = 0.95, value_parser = level)]
    pub(super) level: f64,
}

fn level(text: &str) -> Result<f64, String> {
    let level: f64 = text.parse().map_err(|_| "a level is a number such as 0.95".to_owned())?;
    if level > 0.0 && level < 1.0 { Ok(level) } else { Err("a level lies between 0 and 1".into()) }
}

/// The rows of a file.
pub(super) struct Table {
    file: String,
    headers: Vec<String>,
    rows: Vec<(u64, csv::StringRecord)>,
    faults: Vec<Diagnostic>,
}

impl Table {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let bytes = super::bytes(path)?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&*bytes);
        let unreadable = |error: &csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            let message = format!("cannot be read as CSV: {error}");
            let diagnostic =
                Diagnostic::error("method.csv", message).at(Place::line(file.clone(), line));
            Failure { kind: Kind::Input, diagnostics: vec![diagnostic] }
        };
        let headers = reader.headers().map_err(|error| unreadable(&error))?;
        let headers =
            headers.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| unreadable(&error))?;
            rows.push((record.position().map_or(0, csv::Position::line), record));
        }
        if rows.is_empty() {
            let message = format!("{file} holds no rows");
            return Err(Failure::new(Kind::Input, "method.empty", message));
        }
        Ok(Self { file, headers, rows, faults: Vec::new() })
    }

    /// Finds a column by its name.
    fn find(&self, name: &str, option: &str) -> Result<usize, Failure> {
        self.headers.iter().position(|header| header == name).ok_or_else(|| {
            let near = domain::diagnostic::nearest(name, self.headers.iter().map(String::as_str));
            let hint = near.map_or_else(
                || format!("Columns are {}; name one with `--{option}`.", self.headers.join(", ")),
                |near| format!("Did you mean `{near}`? Name it with `--{option}`."),
            );
            let message = format!("there is no column `{name}`");
            let diagnostic = Diagnostic::error("method.columns", message)
                .at(Place::line(self.file.clone(), 1))
                .hint(hint);
            Failure { kind: Kind::Input, diagnostics: vec![diagnostic] }
        })
    }

    /// Reads a column; a value that `read` does not take is a fault, told with the others by
    /// [`Self::finish`].
    pub(super) fn column<T: Default>(
        &mut self,
        name: &str,
        option: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, Failure> {
        let at = self.find(name, option)?;
        let mut values = Vec::with_capacity(self.rows.len());
        for (line, record) in &self.rows {
            let text = record.get(at).unwrap_or("");
            values.push(read(text).unwrap_or_else(|| {
                let message = format!("`{text}` in column `{name}` cannot be read");
                let place = Place::line(self.file.clone(), *line);
                let fault = Diagnostic::error("method.value", message);
                self.faults.push(fault.at(place).hint(format!("Write {expected}.")));
                T::default()
            }));
        }
        Ok(values)
    }

    pub(super) fn numbers(&mut self, name: &str, option: &str) -> Result<Vec<f64>, Failure> {
        self.column(name, option, "a number such as 12.5", |text| {
            text.parse().ok().filter(|number: &f64| number.is_finite())
        })
    }

    pub(super) fn texts(&mut self, name: &str, option: &str) -> Result<Vec<String>, Failure> {
        self.column(name, option, "a name", |text| (!text.is_empty()).then(|| text.to_owned()))
    }

    /// Reads times as days: numbers as they are, days and instants since 1970.
    pub(super) fn times(&mut self, name: &str, option: &str) -> Result<Vec<f64>, Failure> {
        self.column(name, option, "days as a number, or a day such as 2026-03-01", time)
    }

    /// Fails where a value could not be read.
    pub(super) fn finish(self) -> Result<(), Failure> {
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(Failure { kind: Kind::Input, diagnostics: self.faults })
    }

    /// Puts a fault of the numerics at its row, where it names one.
    pub(super) fn refused(file: &Path, message: &str) -> Failure {
        let message = format!("{}: {message}", file.display());
        Failure::new(Kind::Input, "method.input", message)
    }
}

/// Reads a time as days.
pub(super) fn time(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let civil = text.parse::<DateTime>().ok().or_else(|| {
            let day: Date = text.parse().ok()?;
            Some(day.at(0, 0, 0, 0))
        })?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    Some(instant.as_microsecond() as f64 / 1e6 / SECONDS_A_DAY)
}

/// The places of the rows of each group, groups in order of their first row; one group without a
/// name where there is no column.
pub(super) fn groups(names: Option<&[String]>, n_rows: usize) -> Vec<(Option<String>, Vec<usize>)> {
    let Some(names) = names else { return vec![(None, (0..n_rows).collect())] };
    let mut found: Vec<(Option<String>, Vec<usize>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (row, name) in names.iter().enumerate() {
        let place = *places.entry(name.as_str()).or_insert_with(|| {
            found.push((Some(name.clone()), Vec::new()));
            found.len() - 1
        });
        if let Some((_, rows)) = found.get_mut(place) {
            rows.push(row);
        }
    }
    found
}

/// Takes the values of some rows.
pub(super) fn taken<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().filter_map(|row| values.get(*row).copied()).collect()
}
