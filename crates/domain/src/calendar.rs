//! The fiscal calendar: days, months, quarters and years as a company counts them.
//!
//! A fiscal year is named after the calendar year in which it ends, so a year that starts in
//! February 2026 is `FY2027`, and a January start makes fiscal and calendar years equal. Periods
//! are whole days with both ends included; instants become days in the reporting time zone.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde::Serialize;

/// The calendar that turns days into fiscal periods and instants into days.
#[derive(Clone, Debug)]
pub struct FiscalCalendar {
    /// First month of the fiscal year, 1 to 12.
    pub starts_in: i8,
    /// The reporting time zone.
    pub zone: TimeZone,
}

/// A run of whole days, both ends included.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Period {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// How a person calls it: `2026Q3`, `2026`, `2026-09`, or `2026-01-05 to 2026-02-01`.
    pub label: String,
    /// Its length in calendar months where it is a whole month, quarter or year; 0 otherwise.
    #[serde(skip)]
    months: i32,
}

/// A period text that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeriodError(String);

/// Returns the English name of a month, numbered from 1.
pub const fn month(number: i8) -> &'static str {
    match number {
        2 => "February",
        3 => "March",
        4 => "April",
        5 => "May",
        6 => "June",
        7 => "July",
        8 => "August",
        9 => "September",
        10 => "October",
        11 => "November",
        12 => "December",
        _ => "January",
    }
}

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "period `{}` cannot be read: expected a year (2026), quarter (2026Q3), month (2026-09), \
             two days (2026-01-05..2026-02-01) or `all`",
            self.0
        )
    }
}

impl std::error::Error for PeriodError {}

impl Default for FiscalCalendar {
    fn default() -> Self {
        Self { starts_in: 1, zone: TimeZone::UTC }
    }
}

impl FiscalCalendar {
    /// Returns the day of an instant in the reporting time zone.
    pub fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// Returns the last instant of a day in the reporting time zone, to the microsecond.
    pub fn end_of_day(&self, day: Date) -> Timestamp {
        let next = day.tomorrow().unwrap_or(day);
        next.to_zoned(self.zone.clone())
            .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
            .checked_sub(Span::new().microseconds(1))
            .unwrap_or(Timestamp::MAX)
    }

    /// Reads `2026`, `FY2026`, `2026Q3`, `2026-Q3`, `2026-09`, `DAY..DAY` or a single day.
    pub fn period(&self, text: &str) -> Result<Period, PeriodError> {
        let fault = || PeriodError(text.chars().take(40).collect());
        let plain = text.trim().trim_start_matches("FY").trim_start_matches("fy");
        if let Some((from, to)) = plain.split_once("..") {
            let from: Date = from.trim().parse().map_err(|_| fault())?;
            let to: Date = to.trim().parse().map_err(|_| fault())?;
            return if from <= to { Ok(Period::days(from, to)) } else { Err(fault()) };
        }
        if plain.len() == 10 {
            let day: Date = plain.parse().map_err(|_| fault())?;
            return Ok(Period::days(day, day));
        }
        let year: i16 = plain.get(..4).and_then(|y| y.parse().ok()).ok_or_else(fault)?;
        let rest = plain.get(4..).unwrap_or("").trim_start_matches('-');
        match rest.strip_prefix(['Q', 'q']) {
            Some(quarter) => {
                let quarter: i32 = quarter.parse().map_err(|_| fault())?;
                if !(1..=4).contains(&quarter) {
                    return Err(fault());
                }
                let start = self.year_start(year).ok_or_else(fault)?;
                self.run(start.saturating_add(((quarter - 1) * 3).months()), 3).ok_or_else(fault)
            }
            None if rest.is_empty() => {
                self.run(self.year_start(year).ok_or_else(fault)?, 12).ok_or_else(fault)
            }
            None => {
                let month: i8 = rest.parse().map_err(|_| fault())?;
                self.run(Date::new(year, month, 1).map_err(|_| fault())?, 1).ok_or_else(fault)
            }
        }
    }

    /// Returns the fiscal quarter that contains a day.
    pub fn quarter_of(&self, day: Date) -> Period {
        let into = (i32::from(day.month()) - i32::from(self.starts_in)).rem_euclid(3);
        let start = day.first_of_month().saturating_sub(into.months());
        self.run(start, 3).unwrap_or_else(|| Period::days(day, day))
    }

    /// Returns the calendar month that contains a day.
    pub fn month_of(&self, day: Date) -> Period {
        self.run(day.first_of_month(), 1).unwrap_or_else(|| Period::days(day, day))
    }

    /// Returns the last fiscal quarter that is complete at the end of a day.
    pub fn last_complete_quarter(&self, day: Date) -> Period {
        let quarter = self.quarter_of(day);
        if quarter.to == day { quarter } else { self.previous(&quarter) }
    }

    /// Returns the period of the same length just before: the month before a month, otherwise as
    /// many days as the period has.
    pub fn previous(&self, period: &Period) -> Period {
        if period.months > 0 {
            let from = period.from.saturating_sub(period.months.months());
            return self.run(from, period.months).unwrap_or_else(|| period.clone());
        }
        let days = period.n_days();
        let to = period.from.saturating_sub(1.day());
        Period::days(to.saturating_sub((days - 1).days()), to)
    }

    /// Returns the same period one year earlier.
    pub fn year_ago(&self, period: &Period) -> Period {
        let from = period.from.saturating_sub(1.year());
        if period.months > 0 {
            return self.run(from, period.months).unwrap_or_else(|| period.clone());
        }
        Period::days(from, period.to.saturating_sub(1.year()))
    }

    /// Returns the quarters (or months, for a period of up to a quarter) that a period covers, in
    /// order.
    pub fn parts(&self, period: &Period) -> Vec<Period> {
        let short = period.n_days() <= 100;
        let mut parts = Vec::new();
        let mut day = period.from;
        while day <= period.to {
            let part = if short { self.month_of(day) } else { self.quarter_of(day) };
            let next = part.to.saturating_add(1.day());
            parts.push(part);
            if next <= day {
                break;
            }
            day = next;
        }
        parts
    }

    fn year_start(&self, named: i16) -> Option<Date> {
        let year = if self.starts_in == 1 { named } else { named.checked_sub(1)? };
        Date::new(year, self.starts_in, 1).ok()
    }

    fn run(&self, from: Date, months: i32) -> Option<Period> {
        let to = from.checked_add(months.months()).ok()?.checked_sub(1.day()).ok()?;
        let named = if self.starts_in == 1 || from.month() < self.starts_in {
            from.year()
        } else {
            from.year().checked_add(1)?
        };
        let into = (i32::from(from.month()) - i32::from(self.starts_in)).rem_euclid(12);
        let label = match (months, into % 3) {
            (12, _) if into == 0 => format!("{named}"),
            (3, 0) => format!("{named}Q{}", into / 3 + 1),
            (1, _) => format!("{}-{:02}", from.year(), from.month()),
            _ => format!("{from} to {to}"),
        };
        Some(Period { from, to, label, months })
    }
}

impl Period {
    /// Makes a period of whole days, both ends included.
    pub fn days(from: Date, to: Date) -> Self {
        Self { from, to, label: format!("{from} to {to}"), months: 0 }
    }

    /// True where the day lies within.
    pub fn contains(&self, day: Date) -> bool {
        self.from <= day && day <= self.to
    }

    /// Returns the number of days, at least 1.
    pub fn n_days(&self) -> i64 {
        i64::from(self.from.until(self.to).map_or(0, |span| span.get_days())) + 1
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn calendar(starts_in: i8) -> FiscalCalendar {
        FiscalCalendar { starts_in, zone: TimeZone::get("America/Los_Angeles").unwrap() }
    }

    #[test]
    fn periods_are_read_by_their_names() {
        //   starts  text                     first day     last day      label
        let table = [
            (1, "2026", date(2026, 1, 1), date(2026, 12, 31), "2026"),
            (1, "2026Q3", date(2026, 7, 1), date(2026, 9, 30), "2026Q3"),
            (2, "2027Q1", date(2026, 2, 1), date(2026, 4, 30), "2027Q1"),
            (2, "FY2027", date(2026, 2, 1), date(2027, 1, 31), "2027"),
            (7, "2026-Q4", date(2026, 4, 1), date(2026, 6, 30), "2026Q4"),
            (1, "2026-02", date(2026, 2, 1), date(2026, 2, 28), "2026-02"),
            (
                1,
                "2026-01-05..2026-02-01",
                date(2026, 1, 5),
                date(2026, 2, 1),
                "2026-01-05 to 2026-02-01",
            ),
        ];
        for (starts_in, text, from, to, label) in table {
            let period = calendar(starts_in).period(text).unwrap();
            assert_eq!(
                (period.from, period.to, period.label.as_str()),
                (from, to, label),
                "{text}"
            );
        }
        for text in [
            "",
            "2026Q5",
            "2026-13",
            "2025-13-01",
            "soon",
            "2026-02-30",
            "9",
            "2026-02-01..2026-01-01",
        ] {
            assert!(calendar(1).period(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_instant_is_in_one_period_and_the_periods_make_the_year() {
        // A fiscal year from February, in a zone whose clocks change within it.
        let calendar = calendar(2);
        let names = ["2026Q1", "2026Q2", "2026Q3", "2026Q4"];
        let quarters = names.map(|name| calendar.period(name).unwrap());
        let year = calendar.period("2026").unwrap();
        assert_eq!((year.from, year.to), (date(2025, 2, 1), date(2026, 1, 31)));
        assert_eq!(quarters.iter().map(Period::n_days).sum::<i64>(), year.n_days());
        for quarter in &quarters {
            // Midnight in the reporting zone is the first moment of the day, not the last one.
            let first = quarter.from.to_zoned(calendar.zone.clone()).unwrap().timestamp();
            let before = first - Span::new().microseconds(1);
            let at = |instant| {
                let day = calendar.day(instant);
                quarters.iter().filter(|quarter| quarter.contains(day)).count()
            };
            assert!(quarter.contains(calendar.day(first)) && at(first) == 1, "{quarter}");
            assert!(!quarter.contains(calendar.day(before)), "{quarter}");
            assert_eq!(at(before), usize::from(year.contains(calendar.day(before))), "{quarter}");
        }
    }

    #[test]
    fn the_last_complete_quarter_ends_on_or_before_the_day() {
        assert_eq!(calendar(1).last_complete_quarter(date(2026, 9, 30)).label, "2026Q3");
        assert_eq!(calendar(1).last_complete_quarter(date(2026, 10, 1)).label, "2026Q3");
        assert_eq!(calendar(2).last_complete_quarter(date(2026, 10, 2)).label, "2027Q2");
    }

    #[test]
    fn instants_become_days_in_the_reporting_zone() {
        let at: Timestamp = "2026-01-01T05:00:00Z".parse().unwrap();
        assert_eq!(calendar(1).day(at), date(2025, 12, 31));
        assert_eq!(calendar(1).day(calendar(1).end_of_day(date(2026, 3, 8))), date(2026, 3, 8));
    }

    proptest! {
        #[test]
        fn each_day_lies_in_exactly_one_quarter_and_the_quarters_make_the_year(
            starts_in in 1_i8..=12, offset in 0_i32..3000,
        ) {
            let calendar = calendar(starts_in);
            let day = date(2020, 1, 1) + offset.days();
            let quarter = calendar.quarter_of(day);
            prop_assert!(quarter.contains(day));
            let year = calendar.period(quarter.label.get(..4).unwrap()).unwrap();
            let quarters = calendar.parts(&year);
            prop_assert_eq!(quarters.len(), 4);
            prop_assert_eq!(quarters.iter().map(Period::n_days).sum::<i64>(), year.n_days());
            prop_assert_eq!(quarters.iter().filter(|q| q.contains(day)).count(), 1);
            prop_assert_eq!(calendar.period(&quarter.label).unwrap(), quarter.clone());
            prop_assert_eq!(calendar.previous(&quarter).to + 1.day(), quarter.from);
        }
    }
}
