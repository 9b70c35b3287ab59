//! The deals of a company and what was known of them on any day, as numbers.

use std::sync::Arc;

use domain::definition::State;
use domain::{FiscalCalendar, Frame, Money};
use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::history::{History, Snapshot};

/// Days since 1970.
pub(crate) fn number(day: Date) -> i64 {
    date(1970, 1, 1).until(day).map_or(0, |span| i64::from(span.get_days()))
}

/// The day of a number.
pub(crate) fn day(number: i64) -> Date {
    date(1970, 1, 1).saturating_add(number.days())
}

/// What does not change of a deal, and how it stands now.
#[derive(Clone, Debug)]
pub(crate) struct Deal {
    pub(crate) id: Arc<str>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) segment: Option<Arc<str>>,
    pub(crate) source: Option<Arc<str>>,
    pub(crate) kind: Option<Arc<str>>,
    pub(crate) created: i64,
}

/// The deals that count, with their past.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) deals: Vec<Deal>,
    /// Place of each deal in the history.
    places: Vec<usize>,
    history: History,
    pub(crate) calendar: FiscalCalendar,
}

/// A deal as it was known on a day.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) deal: usize,
    pub(crate) at: Snapshot,
    /// Amount in minor units.
    pub(crate) amount: Option<f64>,
    /// Planned or actual close.
    pub(crate) close: Option<i64>,
}

impl Seen {
    pub(crate) fn open(&self) -> bool {
        self.at.state == State::Open
    }

    pub(crate) fn won(&self) -> bool {
        self.at.state == State::Won
    }

    pub(crate) fn category(&self) -> Option<&str> {
        self.at.forecast_category.as_deref()
    }
}

/// Minor units as a number.
pub(crate) fn minor(money: Money) -> f64 {
    money.minor as f64
}

impl Record {
    /// Takes the rows of `opportunities` and `deal_changes`.
    pub(crate) fn of(deals: &Frame, changes: &Frame, calendar: FiscalCalendar) -> Self {
        let history = History::of(deals, changes);
        let text = |column: &str, row: usize| deals.texts(column).get(row).cloned().flatten();
        let mut found = Vec::new();
        let mut places = Vec::new();
        for row in 0..deals.n_rows() {
            let created = deals.days("created_on").get(row).copied().flatten();
            let (Some(id), Some(created)) = (text("id", row), created) else { continue };
            places.push(row);
            found.push(Deal {
                id,
                name: text("name", row),
                segment: text("segment", row),
                source: text("source", row),
                kind: text("kind", row),
                created: number(created),
            });
        }
        Self { deals: found, places, history, calendar }
    }

    /// A deal as it was known at the end of a day; nothing before its creation.
    pub(crate) fn seen(&self, deal: usize, on: i64) -> Option<Seen> {
        let place = *self.places.get(deal)?;
        if self.deals.get(deal)?.created > on {
            return None;
        }
        let at = self.history.on(place, day(on))?;
        let (amount, close) = (at.amount.map(minor), at.close_on.map(number));
        Some(Seen { deal, at, amount, close })
    }

    /// All deals as they were known at the end of a day.
    pub(crate) fn all(&self, on: i64) -> Vec<Seen> {
        (0..self.deals.len()).filter_map(|deal| self.seen(deal, on)).collect()
    }

    /// What was booked with a close day between two days, both included, as known on a day.
    pub(crate) fn booked(&self, from: i64, to: i64, on: i64) -> f64 {
        let within = |seen: &Seen| {
            seen.won() && seen.close.is_some_and(|close| from <= close && close <= to)
        };
        self.all(on).iter().filter(|seen| within(seen)).filter_map(|seen| seen.amount).sum()
    }

    /// The day of the first deal.
    pub(crate) fn begin(&self) -> Option<i64> {
        self.deals.iter().map(|deal| deal.created).min()
    }
}
