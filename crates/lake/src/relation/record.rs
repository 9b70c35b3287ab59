//! `loads`, `sources`, `stored` and `quarantined`: what was loaded, how fresh it is, what was
//! refused. They speak of the record itself and not of what it says.
//!
//! All of them are as of the snapshot of the build: a later load changes nothing here. They hold no
//! text of a row, only the places of rows and the money that they state.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use domain::fact::{Kind, TABLES};
use domain::{Column, Currency, Frame, Money};
use jiff::civil::Date;

use super::Built;
use super::opportunities::converted;
use crate::build::{date, number};
use crate::error::LakeError;
use crate::record::{FileRecord, QuarantinedRow, StoredRecord};

pub(super) const LOADS: &[&str] = &[
    "load_id",
    "recorded_at",
    "recorded_on",
    "month",
    "n_files",
    "n_read",
    "n_loaded",
    "n_known",
    "n_quarantined",
];

pub(super) const SOURCES: &[&str] = &[
    "source",
    "loaded_on",
    "age_days",
    "n_loads",
    "n_files",
    "n_read",
    "n_loaded",
    "n_known",
    "n_quarantined",
];

pub(super) const STORED: &[&str] =
    &["table", "n_rows", "n_withdrawn", "loaded_on", "age_days", "newest_on", "newest_age_days"];

pub(super) const QUARANTINED: &[&str] = &[
    "load_id",
    "file",
    "line",
    "column",
    "rule",
    "table",
    "amount",
    "amount_native",
    "recorded_on",
    "n",
];

fn integers(values: impl Iterator<Item = i64>) -> Column {
    Column::Integer(values.map(Some).collect())
}

fn age(built: &Built, day: Option<Date>) -> Option<i64> {
    let span = built.as_of().since(day?).ok()?;
    Some(i64::from(span.get_days()))
}

impl Built {
    fn day(&self, at: jiff::Timestamp) -> Date {
        self.definitions().calendar().day(at)
    }
}

/// One row per load.
pub(super) fn loads(built: &Built) -> Result<Frame, LakeError> {
    let record = built.facts().record()?;
    let loads = &record.loads;
    let sum = |count: fn(&FileRecord) -> i64| {
        integers(loads.iter().map(move |load| load.files.iter().map(count).sum()))
    };
    let days: Vec<Date> = loads.iter().map(|load| built.day(load.recorded_at)).collect();
    let month = |day: &Date| Some(Arc::from(day.strftime("%Y-%m").to_string()));
    let files = loads.iter().map(|load| i64::try_from(load.files.len()).unwrap_or(i64::MAX));
    Ok(Frame::new(vec![
        ("load_id", integers(loads.iter().map(|load| load.load_id))),
        ("recorded_at", Column::Instant(loads.iter().map(|load| Some(load.recorded_at)).collect())),
        ("recorded_on", Column::Day(days.iter().copied().map(Some).collect())),
        ("month", Column::Text(days.iter().map(month).collect())),
        ("n_files", integers(files)),
        ("n_read", sum(|file| file.n_read)),
        ("n_loaded", sum(|file| file.n_loaded)),
        ("n_known", sum(|file| file.n_known)),
        ("n_quarantined", sum(|file| file.n_quarantined)),
    ])?)
}

/// One row per source: all files that one preset or mapping has read.
pub(super) fn sources(built: &Built) -> Result<Frame, LakeError> {
    #[derive(Default)]
    struct Source {
        loaded_on: Option<Date>,
        last_load: i64,
        n_loads: i64,
        counts: [i64; 5],
    }
    let record = built.facts().record()?;
    let mut sources: BTreeMap<Arc<str>, Source> = BTreeMap::new();
    for load in &record.loads {
        for file in &load.files {
            let source = sources.entry(Arc::clone(&file.source)).or_default();
            source.loaded_on = source.loaded_on.max(Some(built.day(load.recorded_at)));
            if source.last_load != load.load_id {
                source.last_load = load.load_id;
                source.n_loads += 1;
            }
            let counts = [1, file.n_read, file.n_loaded, file.n_known, file.n_quarantined];
            for (total, count) in source.counts.iter_mut().zip(counts) {
                *total += count;
            }
        }
    }
    let count = |at: usize| {
        integers(sources.values().map(move |s| s.counts.get(at).copied().unwrap_or_default()))
    };
    let ages = sources.values().map(|source| age(built, source.loaded_on)).collect();
    Ok(Frame::new(vec![
        ("source", Column::Text(sources.keys().cloned().map(Some).collect())),
        ("loaded_on", Column::Day(sources.values().map(|source| source.loaded_on).collect())),
        ("age_days", Column::Integer(ages)),
        ("n_loads", integers(sources.values().map(|source| source.n_loads))),
        ("n_files", count(0)),
        ("n_read", count(1)),
        ("n_loaded", count(2)),
        ("n_known", count(3)),
        ("n_quarantined", count(4)),
    ])?)
}

/// One row per table of facts that holds any.
pub(super) fn stored(built: &Built) -> Result<Frame, LakeError> {
    let record = built.facts().record()?;
    let loads: BTreeMap<i64, Date> =
        record.loads.iter().map(|load| (load.load_id, built.day(load.recorded_at))).collect();
    let tables: Vec<(&str, &str, StoredRecord)> = TABLES
        .iter()
        .filter_map(|table| Some((table.name, table.effective, *record.stored.get(table.name)?)))
        .filter(|(.., stored)| stored.n_rows + stored.n_withdrawn > 0)
        .collect();
    let mut newest = Vec::with_capacity(tables.len());
    for (table, effective, _) in &tables {
        newest.push(newest_of(built, table, effective)?);
    }
    let loaded: Vec<Option<Date>> =
        tables.iter().map(|(.., stored)| loads.get(&stored.load_id?).copied()).collect();
    let since =
        |days: &[Option<Date>]| Column::Integer(days.iter().map(|day| age(built, *day)).collect());
    let (age, newest_age) = (since(&loaded), since(&newest));
    Ok(Frame::new(vec![
        ("table", Column::Text(tables.iter().map(|(table, ..)| Some(Arc::from(*table))).collect())),
        ("n_rows", integers(tables.iter().map(|(.., stored)| stored.n_rows))),
        ("n_withdrawn", integers(tables.iter().map(|(.., stored)| stored.n_withdrawn))),
        ("loaded_on", Column::Day(loaded)),
        ("age_days", age),
        ("newest_on", Column::Day(newest)),
        ("newest_age_days", newest_age),
    ])?)
}

/// Finds the day of the newest fact of a table that is not after the as-of day.
fn newest_of(built: &Built, table: &str, effective: &str) -> Result<Option<Date>, LakeError> {
    let column = TABLES
        .iter()
        .find(|fact| fact.name == table)
        .and_then(|fact| fact.columns.iter().find(|column| column.name == effective));
    let Some(column) = column else { return Ok(None) };
    let as_of = built.as_of();
    let mut newest: Option<Date> = None;
    let end = built.definitions().calendar().end_of_day(as_of).as_microsecond();
    let mut last: Option<i64> = None;
    built.facts().scan(table, &[effective], &mut |batch| {
        let Some(array) = batch.columns().first() else { return Ok(()) };
        match column.kind {
            Kind::Instant => {
                if let Some(values) = array.as_primitive_opt::<TimestampMicrosecondType>() {
                    last = last.max(values.iter().flatten().filter(|at| *at <= end).max());
                }
            }
            Kind::Day => {
                if let Some(values) = array.as_primitive_opt::<Date32Type>() {
                    let limit = number(as_of);
                    let day = values.iter().flatten().filter(|day| *day <= limit).max();
                    newest = newest.max(day.map(date));
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    let last = last.and_then(|at| jiff::Timestamp::from_microsecond(at).ok());
    Ok(newest.max(last.map(|at| built.day(at))))
}

/// One row per row in quarantine. Its money is converted at the rate of the day of the load.
pub(super) fn quarantined(built: &Built, currency: Currency) -> Result<Frame, LakeError> {
    let record = built.facts().record()?;
    let refused = &record.refused;
    let days: Vec<Option<Date>> =
        refused.iter().map(|row| Some(built.day(row.recorded_at))).collect();
    // As for deals: an amount without a currency is one of the reporting currency.
    let assumed = built.definitions().currency;
    let money = |row: &QuarantinedRow| {
        Money::from_decimal(row.amount?, row.currency.unwrap_or(assumed)).ok()
    };
    let native: Vec<Option<Money>> = refused.iter().map(money).collect();
    let amount = converted(&built.rates()?, &native, &days, currency);
    let text = |read: fn(&QuarantinedRow) -> Option<Arc<str>>| {
        Column::Text(refused.iter().map(read).collect())
    };
    Ok(Frame::new(vec![
        ("load_id", integers(refused.iter().map(|row| row.load_id))),
        ("file", text(|row| Some(Arc::clone(&row.file)))),
        ("line", integers(refused.iter().map(|row| row.line))),
        ("column", text(|row| row.column.clone())),
        ("rule", text(|row| Some(Arc::clone(&row.rule)))),
        ("table", text(|row| row.table.clone())),
        ("amount", Column::Money(amount)),
        ("amount_native", Column::Money(native)),
        ("recorded_on", Column::Day(days)),
        ("n", integers(refused.iter().map(|_| 1))),
    ])?)
}
