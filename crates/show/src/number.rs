//! How values are written for reading: rounded, grouped by thousands, with their unit.
//!
//! A group of values that are read together (a column, or a figure and what it is compared with)
//! shares one [`Scale`], so that digits stand below digits. Money is shown in whole major units as
//! soon as one amount of the group reaches 1,000, or where all are zero, otherwise with its minor
//! digits. A share is "3 of 5" below 10 and a percentage from there on. Files carry exact values;
//! only text rounds, half to even.

use domain::answer::{Asked, Interval};
use domain::{Decimal, Money, Value};

/// Money is written without minor digits from this amount of the group on, in major units.
const WHOLE_FROM: i64 = 1_000;
/// A share out of fewer than this is written as "3 of 5".
const SMALL_TOTAL: i64 = 10;

/// Whether there is room for all digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// All digits of the whole part: `1,240,300`, `45.5 days`.
    Long,
    /// At most three digits and a letter: `1.24M`, `90K`, `45.5 d`.
    Short,
}

/// What a group of values has in common, so that they are written alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// Money without minor digits.
    whole_money: bool,
    /// Digits after the decimal mark of days, months and plain numbers.
    decimals: usize,
}

impl Scale {
    /// Chooses how a group of values is written.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut scale = Self { whole_money: false, decimals: 0 };
        let (mut largest, mut whole, mut plain) = (0.0_f64, true, false);
        let (mut money_seen, mut all_zero) = (false, true);
        for value in values {
            match value {
                Value::Money(money) => {
                    scale.whole_money |= money.to_decimal().abs() >= Decimal::from(WHOLE_FROM);
                    money_seen = true;
                    all_zero &= money.minor == 0;
                }
                Value::Days(x) | Value::Months(x) | Value::Number(x) if x.is_finite() => {
                    largest = largest.max(x.abs());
                    whole &= x.fract() == 0.0;
                    plain |= matches!(value, Value::Number(_));
                }
                _ => {}
            }
        }
        scale.whole_money |= money_seen && all_zero;
        scale.decimals =
            if whole || largest >= 100.0 { 0 } else { 1 + usize::from(plain && largest < 10.0) };
        scale
    }
}

/// Writes a value without its currency; `None` where there is no value.
pub fn value(value: &Value, scale: Scale, form: Form) -> Option<String> {
    let unit = |long: &str, short: &str, x: f64| match form {
        Form::Long if (x - 1.0).abs() < f64::EPSILON && scale.decimals == 0 => {
            format!(" {}", long.trim_end_matches('s'))
        }
        Form::Long => format!(" {long}"),
        Form::Short => format!(" {short}"),
    };
    match value {
        Value::Money(money) => Some(amount(*money, scale, form)),
        Value::Count(count) => Some(decimal(Decimal::from(*count), 0, 10_000, form)),
        Value::Decimal(count) => Some(decimal(*count, 2, 10_000, form)),
        Value::Share { total: ..=0, .. } | Value::None(_) => None,
        Value::Share { of, total: total @ ..SMALL_TOTAL } => Some(format!("{of} of {total}")),
        Value::Share { of, total } => Some(percent(*of as f64 / *total as f64)),
        Value::Days(x) => Some(number(*x, scale.decimals)? + &unit("days", "d", *x)),
        Value::Months(x) => Some(number(*x, scale.decimals)? + &unit("months", "mo", *x)),
        Value::Number(x) => number(*x, scale.decimals),
    }
}

/// Says why there is no value; `None` where there is one.
pub fn missing(value: &Value) -> Option<String> {
    match value {
        Value::None(reason) => Some(reason.clone()),
        Value::Share { total: ..=0, .. } => Some("a share of none has no value".to_owned()),
        Value::Days(x) | Value::Months(x) | Value::Number(x) if !x.is_finite() => {
            Some("the value is not a finite number".to_owned())
        }
        _ => None,
    }
}

/// Writes the ends of a range in the unit of its value, money always short; `None` for ends that
/// are not finite.
pub fn range(range: &Interval, value: &Value, scale: Scale, unicode: bool) -> Option<String> {
    if !range.low.is_finite() || !range.high.is_finite() {
        return None;
    }
    let write = |x: f64| match value {
        Value::Share { .. } => Some(percent(x)),
        Value::Money(_) | Value::Count(_) | Value::Decimal(_) => short(x),
        _ => number(x, scale.decimals),
    };
    let (low, high) = (write(range.low)?, write(range.high)?);
    let dash = if unicode && range.low >= 0.0 { "–" } else { " to " };
    let unit = match value {
        Value::Days(_) => " days",
        Value::Months(_) => " months",
        _ => "",
    };
    Some(match (low.strip_suffix('%'), dash) {
        (Some(low), "–") => format!("{low}{dash}{high}{unit}"),
        _ => format!("{low}{dash}{high}{unit}"),
    })
}

/// Writes how a value changed: `+12%`, for shares in points `+3 pts`, for plain numbers (a return
/// of 2.4) as the difference `+0.35`, beyond +300% as `9 times`; `None` where that says nothing (no
/// value, another unit, a base of zero or below).
pub fn change(now: &Value, before: &Value) -> Option<String> {
    if now.unit() != before.unit() {
        return None;
    }
    let (to, from) = (now.number()?, before.number()?);
    if let Value::Share { .. } = now {
        let points = (to - from) * 100.0;
        return Some(format!("{} pts", signed(points, usize::from(points.abs() < 1.0))?));
    }
    if let Value::Number(_) = now {
        let difference = to - from;
        return signed(difference, if difference.abs() < 10.0 { 2 } else { 1 });
    }
    if from <= 0.0 {
        return None;
    }
    let percent = (to / from - 1.0) * 100.0;
    // Nobody reads +811% as what it is.
    if percent > 300.0 {
        return Some(number((to / from).round(), 0)? + " times");
    }
    Some(signed(percent, usize::from(percent.abs() < 10.0))? + "%")
}

/// Writes which part of its target a value is, and the word for it: above, on or below target. The
/// word does not judge: for a cost, above is not better. `None` where there is no part.
pub fn against(value: &Value, target: &Value) -> Option<(String, &'static str)> {
    let (now, target_number) = (value.number()?, target.number()?);
    if value.unit() != target.unit() || target_number <= 0.0 || !(now / target_number).is_finite() {
        return None;
    }
    let part = now / target_number * 100.0;
    let word = match part.round() {
        ..100.0 => "below target",
        100.0 => "on target",
        _ => "above target",
    };
    Some((number(part.round(), 0)? + "%", word))
}

/// Writes the same for a figure of an answer: in a period that is not over the word is "so far",
/// since there is no verdict yet.
pub fn standing(value: &Value, target: &Value, asked: &Asked) -> Option<(String, &'static str)> {
    let (part, word) = against(value, target)?;
    Some((part, if asked.over() { word } else { "so far" }))
}

/// Writes a number of a chart in the unit of the chart, short; `None` where it is not finite.
pub fn point(x: f64, unit: &str) -> Option<String> {
    match unit {
        _ if !x.is_finite() => None,
        "share" => Some(percent(x)),
        "days" => Some(number(x, usize::from(x.fract() != 0.0 && x.abs() < 100.0))? + " d"),
        "months" => Some(number(x, usize::from(x.fract() != 0.0 && x.abs() < 100.0))? + " mo"),
        "number" => number(x, if x.fract() == 0.0 { 0 } else { 2 }),
        _ => short(x),
    }
}

/// Writes a finite number with so many digits after the decimal mark, thousands grouped.
pub fn number(x: f64, decimals: usize) -> Option<String> {
    if !x.is_finite() {
        return None;
    }
    if x.abs() >= 1e15 {
        return Some(format!("{x:.2e}"));
    }
    let text = format!("{x:.decimals$}");
    // Rounding may leave a minus before zero.
    let zero = text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    Some(grouped(if zero { text.trim_start_matches('-') } else { &text }))
}

/// Writes a plain decimal text with its thousands grouped: `-1234.50` becomes `-1,234.50`.
pub fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, rest) = digits.split_once('.').map_or((digits, None), |(a, b)| (a, Some(b)));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(rest) = rest {
        out.push('.');
        out.push_str(rest);
    }
    out
}

fn amount(money: Money, scale: Scale, form: Form) -> String {
    let exact = money.to_decimal();
    if !scale.whole_money {
        return grouped(&money.amount_text());
    }
    match decimal(exact, 0, WHOLE_FROM, form).as_str() {
        "0" if exact > Decimal::ZERO => "<1".to_owned(),
        "0" if exact < Decimal::ZERO => ">-1".to_owned(),
        text => text.to_owned(),
    }
}

/// Writes a decimal; in the short form with three digits and a letter from an amount on.
fn decimal(exact: Decimal, most_decimals: u32, short_from: i64, form: Form) -> String {
    const LETTERS: [(i64, &str); 4] =
        [(1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K")];
    let size = exact.abs();
    if form == Form::Long || size < Decimal::from(short_from) {
        let rounded = exact.round_dp(most_decimals).normalize();
        return grouped(&if rounded.is_zero() { Decimal::ZERO } else { rounded }.to_string());
    }
    // 999,950 is 1M and not 1,000K: a letter is reached by what rounds to it.
    for (at, letter) in LETTERS {
        let part = size / Decimal::from(at);
        let digits =
            if part < Decimal::new(9995, 3) { 2 } else { u32::from(part < Decimal::new(9995, 2)) };
        if part >= Decimal::new(9995, 4) {
            let sign = if exact.is_sign_negative() { "-" } else { "" };
            return format!(
                "{sign}{}{letter}",
                grouped(&part.round_dp(digits).normalize().to_string())
            );
        }
    }
    grouped(&exact.round_dp(most_decimals).to_string())
}

fn short(x: f64) -> Option<String> {
    if x.abs() >= 1e15 {
        return number(x, 0);
    }
    if x.abs() >= 1_000.0 {
        return Decimal::try_from(x).ok().map(|exact| decimal(exact, 0, 1_000, Form::Short));
    }
    number(x, usize::from(x.fract() != 0.0 && x.abs() < 100.0))
}

/// Writes a share: whole percents, one digit more next to none and all, never a false 0% or 100%.
fn percent(share: f64) -> String {
    let p = share * 100.0;
    let edge = (p > 0.0 && p < 1.0) || (p > 99.0 && p < 100.0);
    match p {
        _ if !p.is_finite() => "?".to_owned(),
        _ if p > 0.0 && p < 0.05 => "<0.1%".to_owned(),
        _ if (99.95..100.0).contains(&p) => ">99.9%".to_owned(),
        _ => number(p, usize::from(edge)).unwrap_or_default() + "%",
    }
}

fn signed(x: f64, decimals: usize) -> Option<String> {
    let text = number(x, decimals)?;
    let zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    Some(match (x, zero) {
        (0.0, _) => "0".to_owned(),
        (_, true) => format!("~{text}"),
        _ if x > 0.0 => format!("+{text}"),
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::*;

    fn usd(minor: i64) -> Value {
        Value::Money(Money::from_minor(minor, Currency::USD))
    }

    #[track_caller]
    fn check(value: &Value, long: &str, short: &str) {
        let scale = Scale::of([value]);
        let written = |form| super::value(value, scale, form).unwrap_or_else(|| "none".to_owned());
        assert_eq!((written(Form::Long).as_str(), written(Form::Short).as_str()), (long, short));
    }

    #[test]
    fn values_are_written_for_reading() {
        check(&usd(0), "0", "0");
        check(&usd(7), "0.07", "0.07");
        check(&usd(-99_999), "-999.99", "-999.99");
        check(&usd(100_000), "1,000", "1K");
        check(&usd(124_030_049), "1,240,300", "1.24M");
        check(&usd(-124_030_050), "-1,240,300", "-1.24M");
        check(&usd(99_995_000), "999,950", "1M");
        check(&usd(99_900_000), "999,000", "999K");
        check(&usd(999_999), "10,000", "10K");
        check(&usd(i64::MIN), "-92,233,720,368,547,758", "-92,234T");
        check(&Value::Money(Money::from_minor(950, "JPY".parse().unwrap())), "950", "950");
        check(&Value::Count(9_999), "9,999", "9,999");
        check(&Value::Count(1_234_567), "1,234,567", "1.23M");
        check(&Value::Decimal(Decimal::new(12_500, 3)), "12.5", "12.5");
        check(&Value::Share { of: 3, total: 5 }, "3 of 5", "3 of 5");
        check(&Value::Share { of: 43, total: 100 }, "43%", "43%");
        check(&Value::Share { of: 1, total: 9_000 }, "<0.1%", "<0.1%");
        check(&Value::Share { of: 999, total: 1000 }, "99.9%", "99.9%");
        check(&Value::Share { of: 0, total: 12 }, "0%", "0%");
        check(&Value::Share { of: 0, total: 0 }, "none", "none");
        check(&Value::Days(45.5), "45.5 days", "45.5 d");
        check(&Value::Days(1.0), "1 day", "1 d");
        check(&Value::Months(14.25), "14.2 months", "14.2 mo");
        check(&Value::Number(2.4), "2.40", "2.40");
        check(&Value::Number(-0.001), "0.00", "0.00");
        check(&Value::Number(1e300), "1.00e300", "1.00e300");
        check(&Value::Number(f64::NAN), "none", "none");
        check(&Value::Number(f64::INFINITY), "none", "none");
    }

    #[test]
    fn a_group_is_written_alike() {
        let group = [usd(40), usd(-40), usd(0), usd(250_000_000)];
        let scale = Scale::of(&group);
        let written: Vec<_> = group.iter().filter_map(|v| value(v, scale, Form::Long)).collect();
        assert_eq!(written, ["<1", ">-1", "0", "2,500,000"]);
    }

    #[test]
    fn changes_and_targets_are_written_with_sign_and_word() {
        let share = |of| Value::Share { of, total: 100 };
        for (now, before, written) in [
            (usd(112), usd(100), Some("+12%")),
            (usd(103), usd(100), Some("+3.0%")),
            (usd(50), usd(100), Some("-50%")),
            (usd(400), usd(100), Some("+300%")),
            (usd(911), usd(100), Some("9 times")),
            (usd(100), usd(100), Some("0%")),
            (usd(10_000_001), usd(10_000_000), Some("~0.0%")),
            (usd(100), usd(0), None),
            (usd(100), usd(-5), None),
            (usd(100), Value::Count(5), None),
            (share(43), share(40), Some("+3 pts")),
            (Value::Number(0.5), Value::Number(-0.25), Some("+0.75")),
            (Value::Number(-0.5), Value::Number(2.0), Some("-2.50")),
            (Value::Number(12.25), Value::Number(1.0), Some("+11.2")),
            (usd(100), Value::None("x".to_owned()), None),
        ] {
            assert_eq!(change(&now, &before).as_deref(), written, "{now:?} {before:?}");
        }
        assert_eq!(against(&usd(83), &usd(100)), Some(("83%".to_owned(), "below target")));
        assert_eq!(against(&usd(100), &usd(100)), Some(("100%".to_owned(), "on target")));
        assert_eq!(against(&usd(150), &usd(100)), Some(("150%".to_owned(), "above target")));
        assert_eq!(against(&usd(150), &usd(0)), None);
    }

    #[test]
    fn ranges_are_in_the_unit_of_the_value() {
        let range = |low, high, value: &Value, unicode| {
            let interval = Interval { low, high, level: 0.95, method: "Wilson" };
            super::range(&interval, value, Scale::of([value, &Value::Days(4.5)]), unicode)
        };
        let share = Value::Share { of: 43, total: 100 };
        assert_eq!(range(0.38, 0.48, &share, true).unwrap(), "38–48%");
        assert_eq!(range(0.38, 0.48, &share, false).unwrap(), "38% to 48%");
        assert_eq!(range(1_100_000.0, 1_420_000.0, &usd(1), true).unwrap(), "1.1M–1.42M");
        assert_eq!(range(-3.0, 61.0, &Value::Days(40.0), true).unwrap(), "-3.0 to 61.0 days");
        assert_eq!(range(f64::NAN, 1.0, &share, true), None);
    }
}
