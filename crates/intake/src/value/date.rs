//! Dates and times: which forms are read, and which leave a doubt that only the user can settle.

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};

use super::{Fault, leap_second, shown};
use crate::settings::DayOrder;

/// How dates are written in a column.
#[derive(Clone, Debug)]
pub struct DateStyle {
    /// Order of day and month in dates with strokes; `None` where it is not known.
    pub order: Option<DayOrder>,
    /// The zone of times that name none.
    pub zone: TimeZone,
    /// The zone that turns a day into its first instant and an instant into its day.
    pub day_zone: TimeZone,
    /// True where 13 digits are milliseconds since 1970.
    pub epoch_milliseconds: bool,
    /// True where 10 digits are seconds since 1970.
    pub epoch_seconds: bool,
    /// True where 8 digits are year, month, day.
    pub compact: bool,
    /// True where 5 digits are a day number of a spreadsheet.
    pub spreadsheet: bool,
}

impl DateStyle {
    /// ISO 8601 with times in UTC.
    pub fn iso(day_zone: TimeZone) -> Self {
        Self {
            order: None,
            zone: TimeZone::UTC,
            day_zone,
            epoch_milliseconds: false,
            epoch_seconds: false,
            compact: false,
            spreadsheet: false,
        }
    }
}

/// A day or a time, as far as the text says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Moment {
    /// A day.
    Day(Date),
    /// A date and time without zone.
    Civil(DateTime),
    /// An instant.
    Instant(Timestamp),
}

/// What one text says about the order of day and month of its column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderEvidence {
    /// Says nothing: another form.
    None,
    /// The day is first.
    DayFirst,
    /// The month is first.
    MonthFirst,
    /// Could be either: `3/4/2025`.
    Open,
}

/// Weighs one text of a column whose order of day and month is not declared.
pub fn evidence(text: &str) -> OrderEvidence {
    match stroked(text.trim()) {
        Some((first, second, ..)) if first > 12 && second <= 12 => OrderEvidence::DayFirst,
        Some((first, second, ..)) if second > 12 && first <= 12 => OrderEvidence::MonthFirst,
        Some((first, second, ..)) if first == second => OrderEvidence::None,
        Some(_) => OrderEvidence::Open,
        None => OrderEvidence::None,
    }
}

/// Reads a date or time in a style; the second value flags a time that was adjusted.
pub fn moment(text: &str, style: &DateStyle) -> Result<(Moment, Option<&'static str>), Fault> {
    if let Some(moment) = usual(text.as_bytes()) {
        return Ok((moment, None));
    }
    general(text, style)
}

/// Reads the form in which programs write days and times, `2026-10-02T09:15:00.000Z` or a part of
/// it, without a look at anything else. Whatever is odd is left to [`general`].
fn usual(bytes: &[u8]) -> Option<Moment> {
    let (day, time) = bytes.split_at_checked(10)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = day else { return None };
    let (century, year) = (two(y1, y2)?, two(y3, y4)?);
    let date = Date::new(i16::from(century) * 100 + i16::from(year), two(m1, m2)?, two(d1, d2)?);
    let date = date.ok()?;
    if time.is_empty() {
        return Some(Moment::Day(date));
    }
    let (clock, mut rest) = time.split_at_checked(9)?;
    let &[b'T' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = clock else { return None };
    let mut nanosecond = 0_i32;
    if let Some((b'.', fraction)) = rest.split_first() {
        let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=6).contains(&length) {
            return None;
        }
        let mut unit = 100_000_000;
        for &digit in fraction.iter().take(length) {
            nanosecond += i32::from(digit - b'0') * unit;
            unit /= 10;
        }
        rest = fraction.get(length..)?;
    }
    let time = Time::new(two(h1, h2)?, two(m1, m2)?, two(s1, s2)?, nanosecond).ok()?;
    let at = date.to_datetime(time);
    match rest {
        b"" => Some(Moment::Civil(at)),
        b"Z" | b"+0000" | b"+00:00" => Some(Moment::Instant(Offset::UTC.to_timestamp(at).ok()?)),
        _ => None,
    }
}

/// Reads two digits.
fn two(tens: u8, ones: u8) -> Option<i8> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok()).flatten()
}

/// Reads all forms.
fn general(text: &str, style: &DateStyle) -> Result<(Moment, Option<&'static str>), Fault> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let fault = || {
        Fault::new(
            "value.date",
            format!("expected a date such as `2026-10-02`, found `{}`", shown(text)),
        )
    };
    let year_first = bytes.get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit));
    if year_first && bytes.get(4).is_some_and(|b| matches!(b, b'-' | b'/')) {
        return iso(text).ok_or_else(fault);
    }
    if bytes.iter().all(u8::is_ascii_digit) {
        return digits(text, style).map(|moment| (moment, None));
    }
    if let Some((first, second, year, rest, mark)) = stroked(text) {
        let order = match (mark, style.order) {
            // Nobody writes the month first with points.
            ('.', _) => DayOrder::DayFirst,
            (_, Some(order)) => order,
            _ => {
                return Err(Fault::new(
                    "value.date-ambiguous",
                    format!("ambiguous date `{}`: day and month may stand in either order", shown(text)),
                )
                .hint("Say which comes first: `date_order = \"day\"` or `\"month\"` in the mapping, or the day order of the load.")
                .fatal());
            }
        };
        let (day, month) = match order {
            DayOrder::DayFirst => (first, second),
            DayOrder::MonthFirst => (second, first),
        };
        let date = date(i16::try_from(year).ok(), month, day).ok_or_else(fault)?;
        return with_time(date, rest.trim_start_matches(',').trim()).ok_or_else(fault);
    }
    named_month(text).ok_or_else(fault)
}

/// Makes a moment a day: a time keeps its date, an instant is seen in the zone, and midnight UTC
/// stays the day that it stands for.
pub fn day_of(moment: Moment, style: &DateStyle) -> Date {
    match moment {
        Moment::Day(day) => day,
        Moment::Civil(at) => at.date(),
        Moment::Instant(at) => {
            let utc = at.to_zoned(TimeZone::UTC).datetime();
            if utc.time() == Time::midnight() {
                utc.date()
            } else {
                at.to_zoned(style.day_zone.clone()).date()
            }
        }
    }
}

/// Makes a moment an instant; a day becomes its first instant in the day zone.
pub fn instant_of(
    moment: Moment,
    style: &DateStyle,
) -> Result<(Timestamp, Option<&'static str>), Fault> {
    match moment {
        Moment::Instant(at) => Ok((at, None)),
        Moment::Civil(at) => super::instant_in(at, &style.zone),
        Moment::Day(day) => day
            .to_zoned(style.day_zone.clone())
            .map(|zoned| (zoned.timestamp(), None))
            .map_err(|_| {
                Fault::new("value.time-range", format!("`{day}` is outside the range of times"))
            }),
    }
}

/// Refuses years that no revenue fact can have; `text` is asked for what was read then.
pub fn plausible_year(year: i16, text: impl FnOnce() -> String) -> Result<(), Fault> {
    if (1990..=2100).contains(&year) {
        return Ok(());
    }
    let text = text();
    Err(Fault::new(
        "value.time-range",
        format!(
            "`{}` is in the year {year}, outside the plausible range 1990 to 2100",
            shown(&text)
        ),
    ))
}

/// Refuses instants in such years, UTC.
pub fn plausible_instant(at: Timestamp, text: impl FnOnce() -> String) -> Result<(), Fault> {
    /// The first second of 1990, and that of 2101.
    const PLAUSIBLE: std::ops::Range<i64> = 631_152_000..4_133_980_800;
    if PLAUSIBLE.contains(&at.as_second()) {
        return Ok(());
    }
    plausible_year(at.to_zoned(TimeZone::UTC).year(), text)
}

fn date(year: Option<i16>, month: u32, day: u32) -> Option<Date> {
    Date::new(year?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn number(text: &str, most: usize) -> Option<u32> {
    let fits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn iso(text: &str) -> Option<(Moment, Option<&'static str>)> {
    let year = number(text.get(..4)?, 4)?;
    let rest = text.get(5..)?;
    if let Some(week) = rest.strip_prefix('W') {
        let (week, day) = week.split_once('-').unwrap_or((week, "1"));
        let weekday = Weekday::from_monday_one_offset(i8::try_from(number(day, 1)?).ok()?).ok()?;
        let week = i8::try_from(number(week, 2)?).ok()?;
        let found = ISOWeekDate::new(i16::try_from(year).ok()?, week, weekday).ok()?;
        return Some((Moment::Day(found.date()), None));
    }
    let month_end = rest.find(['-', '/'])?;
    let month = number(rest.get(..month_end)?, 2)?;
    let rest = rest.get(month_end + 1..)?;
    let day_end = rest.bytes().take_while(u8::is_ascii_digit).count();
    let day = number(rest.get(..day_end)?, 2)?;
    let found = date(i16::try_from(year).ok(), month, day)?;
    let rest = rest.get(day_end..)?;
    with_time(found, rest.strip_prefix(['T', 't']).unwrap_or(rest).trim())
}

fn digits(text: &str, style: &DateStyle) -> Result<Moment, Fault> {
    let value: i64 = text.parse().unwrap_or(i64::MAX);
    match text.len() {
        8 if style.compact => date(
            text.get(..4).and_then(|t| t.parse().ok()),
            text.get(4..6).and_then(|t| t.parse().ok()).unwrap_or(0),
            text.get(6..).and_then(|t| t.parse().ok()).unwrap_or(0),
        )
        .map(Moment::Day)
        .ok_or_else(|| Fault::new("value.date", format!("`{text}` is not a day of the calendar"))),
        11..=14 if style.epoch_milliseconds => {
            Timestamp::from_millisecond(value).map(Moment::Instant).map_err(|_| {
                Fault::new("value.time-range", format!("`{text}` is outside the range of times"))
            })
        }
        9..=10 if style.epoch_seconds => {
            Timestamp::from_second(value).map(Moment::Instant).map_err(|_| {
                Fault::new("value.time-range", format!("`{text}` is outside the range of times"))
            })
        }
        9..=10 if style.epoch_milliseconds => Err(Fault::new(
            "value.time-range",
            format!(
                "`{text}` milliseconds are a time in 1970, outside the plausible range 1990 to 2100"
            ),
        )
        .hint("The number looks like seconds: declare `date = \"epoch_seconds\"`.")),
        5 if style.spreadsheet => {
            let day = civil::date(1899, 12, 30).checked_add(jiff::Span::new().days(value));
            day.map(Moment::Day)
                .map_err(|_| Fault::new("value.date", format!("`{text}` is not a day number")))
        }
        5 => Err(Fault::new(
            "value.date-spreadsheet",
            format!("`{text}` looks like the day number of a spreadsheet"),
        )
        .hint("Export the column as a date, or declare `date = \"spreadsheet\"`.")),
        _ => Err(Fault::new(
            "value.date",
            format!("expected a date such as `2026-10-02`, found `{}`", shown(text)),
        )),
    }
}

/// Splits `3/4/2025 2:15 PM` into its parts: first, second, year, rest, mark.
fn stroked(text: &str) -> Option<(u32, u32, u32, &str, char)> {
    let at = text.find(['/', '.', '-'])?;
    let mark = text.get(at..)?.chars().next()?;
    let first = number(text.get(..at)?, 2)?;
    let rest = text.get(at + 1..)?;
    let at = rest.find(mark)?;
    let second = number(rest.get(..at)?, 2)?;
    let rest = rest.get(at + 1..)?;
    let year = number(rest.get(..4)?, 4)?;
    let rest = rest.get(4..)?;
    (rest.is_empty() || rest.starts_with([' ', ',', 'T'])).then_some((
        first,
        second,
        year,
        rest.trim_start_matches('T'),
        mark,
    ))
}

/// Reads `02-Oct-2026`, `2 October 2026`, `Oct 2, 2026`, with or without a time.
fn named_month(text: &str) -> Option<(Moment, Option<&'static str>)> {
    let mut parts = text.splitn(4, ['-', ' ']).map(|part| part.trim_end_matches([',', '.']));
    let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
    let rest = parts.next().unwrap_or("");
    let (day, month) = match (number(first, 2), number(second, 2)) {
        (Some(day), None) => (day, month_named(second)?),
        (None, Some(day)) => (day, month_named(first)?),
        _ => return None,
    };
    let year = if year.len() == 4 { number(year, 4)? } else { return None };
    with_time(date(i16::try_from(year).ok(), month, day)?, rest.trim())
}

fn month_named(text: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let lower = text.to_ascii_lowercase();
    if lower.len() < 3 {
        return None;
    }
    let at = MONTHS.iter().position(|month| month.starts_with(&lower))?;
    u32::try_from(at + 1).ok()
}

/// Adds what stands behind the date: nothing, `14:15`, `2:15:33.5 PM`, `09:15:00.000Z`, `… UTC`.
fn with_time(date: Date, rest: &str) -> Option<(Moment, Option<&'static str>)> {
    if rest.is_empty() {
        return Some((Moment::Day(date), None));
    }
    let clock_end =
        rest.bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b':' | b'.')).count();
    let (clock, tail) = rest.split_at(clock_end);
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let (second, nanosecond) = match parts.next() {
        None => (0, 0),
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            if !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            // To the microsecond: six digits, zeros where there are fewer.
            let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
            let micros = digits.fold(0_i32, |sum, digit| sum * 10 + i32::from(digit - b'0'));
            (number(whole, 2)?, micros * 1000)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let tail = tail.trim();
    let (hour, tail) = match tail.get(..2).map(str::to_ascii_uppercase).as_deref() {
        Some("AM") if (1..=12).contains(&hour) => (hour % 12, tail.get(2..)?.trim()),
        Some("PM") if (1..=12).contains(&hour) => (hour % 12 + 12, tail.get(2..)?.trim()),
        Some("AM" | "PM") => return None,
        _ => (hour, tail),
    };
    let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
    let (time, flag) = if second == 60 {
        (leap_second(hour, minute)?, Some("value.leap-second"))
    } else {
        (Time::new(hour, minute, i8::try_from(second).ok()?, nanosecond).ok()?, None)
    };
    let at = date.to_datetime(time);
    if tail.is_empty() {
        return Some((Moment::Civil(at), flag));
    }
    let instant = offset(tail)?.to_timestamp(at).ok()?;
    Some((Moment::Instant(instant), flag))
}

fn offset(text: &str) -> Option<Offset> {
    if matches!(text, "Z" | "z" | "UTC" | "GMT") {
        return Some(Offset::UTC);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let plain: String = text.get(1..)?.chars().filter(|&c| c != ':').collect();
    let hours = number(plain.get(..2)?, 2)?;
    let minutes = if plain.len() > 2 { number(plain.get(2..)?, 2)? } else { 0 };
    Offset::from_seconds(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn style(order: Option<DayOrder>) -> DateStyle {
        DateStyle { order, compact: true, ..DateStyle::iso(TimeZone::UTC) }
    }

    #[track_caller]
    fn read(text: &str, order: Option<DayOrder>) -> String {
        match moment(text, &style(order)) {
            Ok((Moment::Day(day), _)) => day.to_string(),
            Ok((Moment::Civil(at), _)) => at.to_string(),
            Ok((Moment::Instant(at), _)) => at.to_string(),
            Err(fault) => fault.rule.to_owned(),
        }
    }

    #[test]
    fn dates_are_read_in_the_forms_of_the_sources() {
        let table = "
            2026-10-02                  | 2026-10-02
            20261002                    | 2026-10-02
            2026/10/02                  | 2026-10-02
            2.10.2026                   | 2026-10-02
            02-Oct-2026                 | 2026-10-02
            September 1, 2026           | 2026-09-01
            2024-02-29                  | 2024-02-29
            2026-W53                    | 2026-12-28
            2021-01-07 6:49:18          | 2021-01-07T06:49:18
            2026-03-05T14:15:33+01:00   | 2026-03-05T13:15:33Z
            2025-10-01T09:15:00.000Z    | 2025-10-01T09:15:00Z
            2023-11-11 08:18:16.519 UTC | 2023-11-11T08:18:16.519Z
            2016-12-31T23:59:60Z        | 2016-12-31T23:59:59.999999Z
            3/4/2025                    | value.date-ambiguous
            0000-00-00                  | value.date
            2025-02-30                  | value.date
            1900-01-00                  | value.date
            2025-13-01                  | value.date
            45747                       | value.date-spreadsheet
            TBD                         | value.date
            2025-01-01T25:00            | value.date
        ";
        for line in table.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (text, expected) = line.split_once('|').unwrap();
            assert_eq!(read(text, None), expected.trim(), "{text}");
        }
        assert_eq!(read("3/5/2026 2:15:33 PM", Some(DayOrder::MonthFirst)), "2026-03-05T14:15:33");
        assert_eq!(read("3/5/2026 12:05 AM", Some(DayOrder::DayFirst)), "2026-05-03T00:05:00");
        assert_eq!(read("1/31/2026", Some(DayOrder::MonthFirst)), "2026-01-31");
        assert_eq!(read("13/05/2026", Some(DayOrder::MonthFirst)), "value.date");
    }

    proptest! {
        #[test]
        fn the_usual_form_is_read_as_all_forms_are(
            text in "[0-9]{4}-[0-3][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,8})?(Z|\\+0000|\\+00:00|\\+01:00|| UTC)?)?",
        ) {
            if let Some(moment) = usual(text.as_bytes()) {
                let general = general(&text, &style(None)).map_err(|fault| fault.message);
                prop_assert_eq!(Ok((moment, None)), general);
            }
        }
    }

    #[test]
    fn plausible_instants_are_those_of_plausible_years() {
        for (text, expected) in [
            ("1989-12-31T23:59:59.999999Z", false),
            ("1990-01-01T00:00:00Z", true),
            ("2100-12-31T23:59:59.999999Z", true),
            ("2101-01-01T00:00:00Z", false),
        ] {
            let at = text.parse().unwrap();
            assert_eq!(plausible_instant(at, String::new).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn the_order_is_decided_by_values_above_twelve_only() {
        assert_eq!(evidence("13/4/2025"), OrderEvidence::DayFirst);
        assert_eq!(evidence("4/13/2025"), OrderEvidence::MonthFirst);
        assert_eq!(evidence("3/4/2025"), OrderEvidence::Open);
        assert_eq!(evidence("4/4/2025"), OrderEvidence::None);
        assert_eq!(evidence("2025-04-13"), OrderEvidence::None);
    }

    #[test]
    fn a_midnight_in_utc_stays_its_day_in_every_zone() {
        let at = Timestamp::from_millisecond(1_743_379_200_000).unwrap();
        for zone in ["America/Los_Angeles", "Asia/Tokyo", "UTC"] {
            let style = DateStyle::iso(TimeZone::get(zone).unwrap());
            assert_eq!(day_of(Moment::Instant(at), &style).to_string(), "2025-03-31", "{zone}");
        }
    }
}
