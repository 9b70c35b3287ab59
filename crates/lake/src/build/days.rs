//! Days and instants as numbers: days since 1970, microseconds since 1970 UTC.
//!
//! A table of the first instants of all days of the reporting zone turns an instant into its day
//! without asking the time zone each time; instants outside of the table take the slow way.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::FiscalCalendar;
use jiff::civil::Date;
use jiff::{Span, Timestamp};

/// A day, counted from 1970-01-01.
pub(crate) type Day = i32;
/// Microseconds since 1970, UTC.
pub(crate) type Micros = i64;

/// Microseconds of a day of 24 hours.
pub(crate) const DAY_MICROS: Micros = 86_400_000_000;

/// The days of the reporting zone.
#[derive(Clone, Debug)]
pub(crate) struct Days {
    pub(crate) calendar: FiscalCalendar,
    first: Day,
    /// The first instant of each day from `first` on.
    starts: Vec<Micros>,
}

fn epoch() -> Date {
    Date::constant(1970, 1, 1)
}

/// Counts a day from 1970.
pub(crate) fn number(day: Date) -> Day {
    day.since(epoch()).map_or(0, |span| span.get_days())
}

/// Returns the day with this number.
pub(crate) fn date(number: Day) -> Date {
    Span::new()
        .try_days(number)
        .ok()
        .and_then(|span| epoch().checked_add(span).ok())
        .unwrap_or_else(epoch)
}

/// Returns the instant with this number.
pub(crate) fn instant(micros: Micros) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Days {
    /// Makes the table from 1995 to some days after the last one.
    pub(crate) fn new(calendar: FiscalCalendar, last: Date) -> Self {
        let first = number(Date::constant(1995, 1, 1));
        let until = number(last).saturating_add(3).min(first.saturating_add(60_000));
        let starts = (first..until)
            .map(|day| calendar.end_of_day(date(day - 1)).as_microsecond() + 1)
            .collect();
        Self { calendar, first, starts }
    }

    /// Returns the day of an instant.
    pub(crate) fn day(&self, at: Micros) -> Day {
        let slow = || number(self.calendar.day(instant(at)));
        let Some(&start) = self.starts.first() else { return slow() };
        let Ok(guess) = usize::try_from((at - start).div_euclid(DAY_MICROS)) else { return slow() };
        // A change of the clocks moves the start of a day by an hour or so, never by a day.
        for index in [guess, guess.wrapping_sub(1), guess + 1] {
            if let (Some(&from), Some(&to)) = (self.starts.get(index), self.starts.get(index + 1))
                && from <= at
                && at < to
            {
                return self.first + i32::try_from(index).unwrap_or(0);
            }
        }
        slow()
    }

    /// Returns the last microsecond of a day.
    pub(crate) fn end(&self, day: Day) -> Micros {
        let next = usize::try_from(day - self.first + 1).ok();
        next.and_then(|next| self.starts.get(next))
            .map_or_else(|| self.calendar.end_of_day(date(day)).as_microsecond(), |start| start - 1)
    }
}

/// Names of months and quarters, each made once.
#[derive(Default, Debug)]
pub(crate) struct PeriodNames {
    months: BTreeMap<(i16, i8), Arc<str>>,
    quarters: BTreeMap<(i16, i8), Arc<str>>,
}

impl PeriodNames {
    /// Returns the month of a day: `2026-09`.
    pub(crate) fn month(&mut self, day: Date) -> Arc<str> {
        let name = || format!("{:04}-{:02}", day.year(), day.month()).into();
        Arc::clone(self.months.entry((day.year(), day.month())).or_insert_with(name))
    }

    /// Returns the fiscal quarter of a day: `2026Q3`.
    pub(crate) fn quarter(&mut self, calendar: &FiscalCalendar, day: Date) -> Arc<str> {
        let name = || calendar.quarter_of(day).label.into();
        Arc::clone(self.quarters.entry((day.year(), day.month())).or_insert_with(name))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn the_table_agrees_with_the_calendar_also_where_the_clocks_change() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let calendar = FiscalCalendar { starts_in: 1, zone };
        let days = Days::new(calendar.clone(), day(2026, 9, 30));
        for text in [
            "1970-01-01T00:00:00Z",
            "1994-12-31T22:59:59.999999Z",
            "1994-12-31T23:00:00Z",
            "2026-03-28T23:30:00Z",
            "2026-03-29T21:59:59.999999Z",
            "2026-03-29T22:00:00Z",
            "2025-10-25T22:00:00Z",
            "2025-10-26T22:59:59Z",
            "2025-10-26T23:00:00Z",
            "2031-01-01T12:00:00Z",
        ] {
            let at: Timestamp = text.parse().unwrap();
            let expected = calendar.day(at);
            assert_eq!(date(days.day(at.as_microsecond())), expected, "{text}");
            let end = calendar.end_of_day(expected).as_microsecond();
            assert_eq!(days.end(number(expected)), end, "{text}");
        }
    }
}
