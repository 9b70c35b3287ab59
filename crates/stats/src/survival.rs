//! Time until something happens, where not all have been watched to the end.
//!
//! A subject is watched from its *entry* (zero, or later: left truncation) to its *time*, at which
//! one of several causes ended the wait, or watching ended first (right censoring). It counts among
//! those at risk after its entry and up to and including its time. All estimates rest on one
//! [`Table`]: counts at each distinct time, so that the order of the subjects cannot matter and a
//! million of them cost one sort.
//!
//! Klein and Moeschberger 2003, "Survival Analysis: Techniques for Censored and Truncated Data".

use std::fmt;

pub mod compare;
pub mod curve;
pub mod family;
pub mod incidence;
pub mod parametric;
pub mod regression;
mod sorted;

/// Subjects under observation, as columns.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// When watching ended, since each subject's own start; zero or more.
    pub time: &'a [f64],
    /// What ended the wait: 0 for nothing yet (censored), causes from 1.
    pub cause: &'a [u16],
    /// Since when each subject is watched; empty where all are from their start.
    pub entry: &'a [f64],
}

/// Why subjects cannot be counted, or a model cannot be fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The columns differ in length.
    Lengths,
    /// There are more subjects than are counted, 2³² - 1.
    TooMany,
    /// The subject with this place (from 0) has a time or entry that is negative or not a number.
    Time(usize),
    /// The subject with this place has an entry that is not before its time.
    Entry(usize),
    /// There is no subject at all, or none with an event.
    NoEvent,
    /// An event at time zero, for which no density is defined.
    ZeroTime,
    /// No maximum was found: the data do not determine the model.
    NotDetermined,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lengths => write!(f, "columns differ in length"),
            Self::TooMany => write!(f, "more rows than {}", u32::MAX),
            Self::Time(at) => write!(f, "row {}: a time is negative or no number", at + 1),
            Self::Entry(at) => write!(f, "row {}: entry is not before the time", at + 1),
            Self::NoEvent => write!(f, "no event among the rows"),
            Self::ZeroTime => write!(f, "an event at time zero, where no density is defined"),
            Self::NotDetermined => write!(f, "the rows do not determine the model"),
        }
    }
}

impl std::error::Error for Fault {}

/// What happened at one distinct time; small, as a million times make a million of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The time.
    pub time: f64,
    /// Subjects at risk just before it.
    pub at_risk: u32,
    /// Subjects whose wait ended at it, by any cause.
    pub events: u32,
    /// Subjects whose watching ended at it.
    pub censored: u32,
    /// Subjects who are watched from it on.
    pub entered: u32,
}

/// Counts at each distinct time, earliest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    rows: Vec<Row>,
    /// Events by cause (from cause 1), one count for each row; empty where there is one cause.
    causes: Vec<Vec<u32>>,
    n: u64,
    n_events: u64,
}

/// Times that are whole numbers below this are counted in place instead of sorted.
const DENSE: f64 = 65_536.0;

impl Table {
    /// Counts the subjects.
    pub fn of(observed: &Observed<'_>) -> Result<Self, Fault> {
        let Observed { time, cause, entry } = *observed;
        let n = time.len();
        if cause.len() != n || !(entry.is_empty() || entry.len() == n) {
            return Err(Fault::Lengths);
        }
        let n_subjects = u32::try_from(n).map_err(|_| Fault::TooMany)?;
        let (mut whole, mut last) = (true, 0.0_f64);
        for (at, &t) in time.iter().enumerate() {
            if !(t >= 0.0 && t.is_finite()) {
                return Err(Fault::Time(at));
            }
            whole = whole && t < DENSE && t.fract() == 0.0;
            last = last.max(t);
        }
        for (at, (&e, &t)) in entry.iter().zip(time).enumerate() {
            if !(e >= 0.0 && e.is_finite()) {
                return Err(Fault::Time(at));
            }
            if e > 0.0 && e >= t {
                return Err(Fault::Entry(at));
            }
            whole = whole && e < DENSE && e.fract() == 0.0;
        }
        let n_causes = usize::from(cause.iter().copied().max().unwrap_or(0)).max(1);
        let late = entry.iter().map(|&e| u32::from(e > 0.0)).sum::<u32>();
        let mut table = Self {
            rows: Vec::new(),
            causes: if n_causes > 1 { vec![Vec::new(); n_causes] } else { Vec::new() },
            n: u64::from(n_subjects),
            n_events: cause.iter().map(|&cause| u64::from(cause > 0)).sum(),
        };
        let mut at_risk = n_subjects - late;
        if whole {
            table.count(observed, n_causes, last, &mut at_risk);
        } else if n_causes == 1 && entry.is_empty() {
            table.sort_plain(observed, &mut at_risk);
        } else {
            table.sort(observed, n_causes, &mut at_risk);
        }
        Ok(table)
    }

    /// Rows, earliest first.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Number of subjects.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Number of events by any cause.
    pub const fn n_events(&self) -> u64 {
        self.n_events
    }

    /// Number of causes, at least 1.
    pub fn n_causes(&self) -> usize {
        self.causes.len().max(1)
    }

    /// The longest time watched.
    pub fn longest(&self) -> Option<f64> {
        self.rows.iter().rev().find(|row| row.events + row.censored > 0).map(|row| row.time)
    }

    /// Events of one cause (from 1), one count for each row; of all causes for cause 0.
    pub fn events(&self, cause: u16) -> Vec<u64> {
        let own = usize::from(cause).checked_sub(1);
        match own.and_then(|at| self.causes.get(at)) {
            Some(counts) => counts.iter().map(|&n| u64::from(n)).collect(),
            None if cause == 0 || (cause == 1 && self.causes.is_empty()) => {
                self.rows.iter().map(|row| u64::from(row.events)).collect()
            }
            None => vec![0; self.rows.len()],
        }
    }

    /// Adds a row: counts of entered, censored, then each cause.
    fn push(&mut self, time: f64, counts: &[u32], at_risk: &mut u32) {
        let [entered, censored, causes @ ..] = counts else { return };
        let events = causes.iter().sum::<u32>();
        self.rows.push(Row {
            time,
            at_risk: *at_risk,
            events,
            censored: *censored,
            entered: *entered,
        });
        for (own, count) in self.causes.iter_mut().zip(causes) {
            own.push(*count);
        }
        *at_risk = *at_risk + entered - events - censored;
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole numbers from 0 to 65,535"
    )]
    fn count(&mut self, observed: &Observed<'_>, n_causes: usize, last: f64, at_risk: &mut u32) {
        let width = n_causes + 2;
        let mut counts = vec![0_u32; (last as usize + 1) * width];
        let mut add = |time: f64, kind: usize| {
            if let Some(count) = counts.get_mut(time as usize * width + kind) {
                *count += 1;
            }
        };
        for (&time, &cause) in observed.time.iter().zip(observed.cause) {
            add(time, usize::from(cause) + 1);
        }
        for &entry in observed.entry.iter().filter(|&&entry| entry > 0.0) {
            add(entry, 0);
        }
        for (time, counts) in (0_u32..).zip(counts.chunks_exact(width)) {
            if counts.iter().any(|&count| count > 0) {
                self.push(f64::from(time), counts, at_risk);
            }
        }
    }

    /// Sorts times that have one cause and no entry: one word each, as numbers above zero sort
    /// like their bits, and the sign's bit is free for what ended the wait.
    fn sort_plain(&mut self, observed: &Observed<'_>, at_risk: &mut u32) {
        let key =
            |(&time, &cause): (&f64, &u16)| (time + 0.0).to_bits() << 1 | u64::from(cause > 0);
        let keys = sorted::sorted(observed.time.iter().zip(observed.cause).map(key));
        let distinct = keys.chunk_by(|a, b| a >> 1 == b >> 1);
        self.rows.reserve_exact(distinct.clone().count());
        self.rows.extend(distinct.map(|group| {
            let (mut n, mut events) = (0, 0);
            for key in group {
                n += 1;
                events += u32::from(key & 1 == 1);
            }
            let time = f64::from_bits(group.first().map_or(0, |key| key >> 1));
            let row = Row { time, at_risk: *at_risk, events, censored: n - events, entered: 0 };
            *at_risk -= n;
            row
        }));
    }

    fn sort(&mut self, observed: &Observed<'_>, n_causes: usize, at_risk: &mut u32) {
        let bits = |time: f64| (time + 0.0).to_bits();
        let ends = observed.time.iter().zip(observed.cause);
        let ends = ends.map(|(&time, &cause)| (bits(time), usize::from(cause) + 1));
        let entries = observed.entry.iter().filter(|&&entry| entry > 0.0);
        let mut keys: Vec<(u64, usize)> =
            ends.chain(entries.map(|&entry| (bits(entry), 0))).collect();
        keys.sort_unstable();
        let mut counts = vec![0; n_causes + 2];
        for group in keys.chunk_by(|a, b| a.0 == b.0) {
            counts.fill(0);
            for (_, kind) in group {
                if let Some(count) = counts.get_mut(*kind) {
                    *count += 1;
                }
            }
            let time = group.first().map_or(0, |key| key.0);
            self.push(f64::from_bits(time), &counts, at_risk);
        }
    }
}

#[cfg(test)]
mod tests;
