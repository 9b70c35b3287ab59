//! Days, times and periods: no day moves, and what is printed reads back.

#![no_main]

use domain::FiscalCalendar;
use intake::DayOrder;
use intake::value::date::{DateStyle, Moment, OrderEvidence, day_of, evidence, instant_of, moment};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: fuzz::unwind(), |data: &[u8]| fuzz::run(|| {
    let Some((&choice, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let zones = ["UTC", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Apia"];
    let zone = TimeZone::get(zones[usize::from(choice >> 6)]).expect("a known zone");
    for order in [None, Some(DayOrder::DayFirst), Some(DayOrder::MonthFirst)] {
        let style = DateStyle {
            order,
            zone: zone.clone(),
            day_zone: zone.clone(),
            epoch_milliseconds: choice & 1 != 0,
            epoch_seconds: choice & 2 != 0,
            compact: choice & 4 != 0,
            spreadsheet: choice & 8 != 0,
        };
        read(text, &style);
    }
    // A text that can only be read one way is read that way.
    let style = |order| DateStyle { order: Some(order), ..DateStyle::iso(TimeZone::UTC) };
    let wrong = match evidence(text) {
        OrderEvidence::DayFirst => Some(DayOrder::MonthFirst),
        OrderEvidence::MonthFirst => Some(DayOrder::DayFirst),
        _ => None,
    };
    if let Some(wrong) = wrong.filter(|_| !text.contains('.')) {
        assert!(moment(text, &style(wrong)).is_err(), "{text:?} in the wrong order");
    }
    let starts_in = i8::try_from(choice % 12).expect("a small number") + 1;
    period(text, &FiscalCalendar { starts_in, zone });
}));

fn read(text: &str, style: &DateStyle) {
    let (read, _) = match moment(text, style) {
        Ok(read) => read,
        Err(fault) => {
            assert!(!fault.message.contains(|c: char| c.is_control()), "{fault:?}");
            return;
        }
    };
    match read {
        Moment::Day(day) => {
            assert_eq!(day_of(read, style), day, "{text:?}");
            let again = moment(&day.to_string(), style).expect("a day as it is printed").0;
            assert_eq!(again, read, "{text:?}");
        }
        Moment::Civil(at) => assert_eq!(day_of(read, style), at.date(), "{text:?}"),
        Moment::Instant(at) => {
            let again = moment(&at.to_string(), style).expect("a time as it is printed").0;
            assert_eq!(again, read, "{text:?}");
        }
    }
    if let Ok((at, note)) = instant_of(read, style) {
        // A day begins on itself in its own zone, unless the clocks leave it out.
        if let (Moment::Civil(civil), None) = (read, note) {
            assert_eq!(at.to_zoned(style.zone.clone()).datetime(), civil, "{text:?}");
        }
    }
}

fn period(text: &str, calendar: &FiscalCalendar) {
    let Ok(period) = calendar.period(text) else { return };
    assert!(period.from <= period.to, "{period:?}");
    assert!(period.n_days() >= 1, "{period:?}");
    assert!(period.contains(period.from) && period.contains(period.to));
    let before = calendar.previous(&period);
    assert!(before.from <= before.to, "{before:?} before {period:?}");
    let early = period.from.year() < -9990;
    assert!(early || before.to < period.from, "{before:?} before {period:?}");
    let year_ago = calendar.year_ago(&period);
    assert!(early || year_ago.from < period.from, "{year_ago:?} a year before {period:?}");
    if period.n_days() < 4_000 {
        let parts = calendar.parts(&period);
        assert!(parts.iter().any(|part| part.contains(period.from)), "{period:?}");
        assert!(parts.windows(2).all(|pair| pair[0].to < pair[1].from), "{parts:?}");
    }
}
