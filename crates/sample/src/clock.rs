//! Days and instants as whole numbers: days and seconds since 1970-01-01, UTC.
//!
//! Plain integers because tens of millions of them are compared and printed. The civil arithmetic
//! is Howard Hinnant's (`days_from_civil`), proleptic Gregorian.

use jiff::civil::Date;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// Returns the day number of a date.
pub(crate) fn day_of(date: Date) -> i64 {
    day_number(i64::from(date.year()), i64::from(date.month()), i64::from(date.day()))
}

/// Returns the day number of a year, month and day.
pub(crate) fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns the year, month and day of a day number.
pub(crate) fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_month)
}

/// Returns `2026-09-30`.
pub(crate) fn day_text(day: i64) -> String {
    let (year, month, of_month) = civil(day);
    format!("{year:04}-{month:02}-{of_month:02}")
}

/// Returns the months since year 0 of a day, to count and compare months.
pub(crate) fn month_of(day: i64) -> i64 {
    let (year, month, _) = civil(day);
    year * 12 + month - 1
}

/// Returns the first day of a month counted by [`month_of`].
pub(crate) fn month_start(month: i64) -> i64 {
    day_number(month.div_euclid(12), month.rem_euclid(12) + 1, 1)
}

/// Returns the fiscal year and quarter of a day; the year starts on 1 October and is named after
/// the calendar year in which it ends.
pub(crate) fn fiscal(day: i64) -> (i64, i64) {
    let shifted = month_of(day) + 3;
    (shifted.div_euclid(12), shifted.rem_euclid(12) / 3 + 1)
}

/// Returns how a quarter is called: `2026Q4`.
pub(crate) fn quarter_text(day: i64) -> String {
    let (year, quarter) = fiscal(day);
    format!("{year}Q{quarter}")
}

/// Returns the last day of the quarter that holds a day; the fiscal quarters are those of the
/// calendar year, moved by whole quarters.
pub(crate) fn quarter_end(day: i64) -> i64 {
    let month = month_of(day);
    month_start(month - month.rem_euclid(3) + 3) - 1
}

/// Returns the weekday: 0 is Monday, 6 is Sunday.
pub(crate) fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// Returns a Saturday or Sunday moved to the next Monday.
pub(crate) fn workday(day: i64) -> i64 {
    match weekday(day) {
        5 => day + 2,
        6 => day + 1,
        _ => day,
    }
}

/// Returns an instant moved from a weekend to the same hour of Monday.
pub(crate) fn work_instant(at: i64) -> i64 {
    workday(at.div_euclid(DAY)) * DAY + at.rem_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn days_agree_with_the_calendar_library() {
        let mut date: Date = "2019-12-27".parse().unwrap();
        for day in day_of(date)..day_of(date) + 3000 {
            assert_eq!(day_of(date), day);
            assert_eq!(day_text(day), date.to_string());
            assert_eq!(weekday(day), i64::from(date.weekday().to_monday_zero_offset()));
            date = date.saturating_add(1.day());
        }
    }

    #[test]
    fn the_fiscal_year_starts_in_october() {
        let quarter = |text: &str| quarter_text(day_of(text.parse().unwrap()));
        assert_eq!(quarter("2025-10-01"), "2026Q1");
        assert_eq!(quarter("2026-09-30"), "2026Q4");
        let end = day_text(quarter_end(day_of("2026-02-10".parse().unwrap())));
        assert_eq!(end, "2026-03-31");
    }
}
