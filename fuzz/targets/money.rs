//! Amounts: what is read is what was written, and what is rounded is rounded once.

#![no_main]

use arbitrary::Arbitrary;
use domain::{Currency, Decimal, Money, Rate};
use intake::value::number::{NumberStyle, decimal, typed};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Given<'a> {
    text: &'a str,
    mantissa: i128,
    scale: u8,
    rate: u64,
    rate_scale: u8,
    minor: i64,
    currency: u8,
}

fuzz_target!(init: fuzz::unwind(), |given: Given<'_>| fuzz::run(|| {
    texts(given.text);
    let currency: Currency =
        ["USD", "JPY", "KWD", "CLF"][usize::from(given.currency % 4)].parse().expect("a currency");
    let mantissa = given.mantissa % (1 << 96);
    let scale = u32::from(given.scale % 29);
    let amount = Decimal::from_i128_with_scale(mantissa, scale);
    written(amount);
    rounded(amount, currency);
    let rate = (i128::from(given.rate), u32::from(given.rate_scale % 11));
    converted(given.minor, Decimal::from_i128_with_scale(rate.0, rate.1), currency);
}));

/// Any text: read in a style or refused, and read back from what is printed.
fn texts(text: &str) {
    for style in [NumberStyle::PLAIN, NumberStyle::POINT, NumberStyle::COMMA] {
        let Ok(value) = decimal(text, style) else { continue };
        let plain = decimal(&value.to_string(), NumberStyle::PLAIN);
        assert_eq!(plain.ok(), Some(value), "{text:?} in {style:?}");
        // Of the digits none is lost: those that were written, without marks and leading zeros.
        let digits = |text: &str| -> String {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            digits.trim_start_matches('0').to_owned()
        };
        let scaled = text.contains(['k', 'K', 'M', 'B']);
        assert!(
            scaled || digits(text) == digits(&value.to_string()),
            "{text:?} in {style:?} became {value}"
        );
        let negative = text.contains('-') ^ text.contains('(');
        assert!(value.is_zero() || value.is_sign_negative() == negative, "{text:?} became {value}");
    }
    if let Ok(value) = typed(text) {
        assert_eq!(typed(&value.to_string()).ok(), Some(value), "{text:?}");
    }
    if let Ok(code) = text.parse::<Currency>() {
        assert_eq!(code.code(), text);
    }
}

/// An amount as each style writes it reads back as itself.
fn written(amount: Decimal) {
    if amount.mantissa().unsigned_abs() >= 10_u128.pow(28) {
        return;
    }
    let plain = amount.to_string();
    assert_eq!(decimal(&plain, NumberStyle::PLAIN).ok(), Some(amount), "{plain}");
    for style in [NumberStyle::POINT, NumberStyle::COMMA] {
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
        let mut text = sign.to_owned();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at) % 3 == 0 {
                text.extend(style.group);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(style.decimal);
            text.push_str(fraction);
        }
        assert_eq!(decimal(&text, style).ok(), Some(amount), "{text} in {style:?}");
    }
}

/// Rounding to the minor unit against whole numbers.
fn rounded(amount: Decimal, currency: Currency) {
    let (mantissa, scale, digits) = (amount.mantissa(), amount.scale(), currency.digits());
    let exact = if scale <= digits {
        mantissa.checked_mul(10_i128.pow(digits - scale))
    } else {
        Some(half_even(mantissa, 10_i128.pow(scale - digits)))
    };
    let expected = exact.and_then(|minor| i64::try_from(minor).ok());
    let found = Money::from_decimal(amount, currency).ok().map(|money| money.minor);
    assert_eq!(found, expected, "{amount} {currency}");
    if let Some(minor) = found {
        let money = Money::from_minor(minor, currency);
        let text: Decimal = money.amount_text().parse().expect("a number");
        assert_eq!(Money::from_decimal(text, currency), Ok(money));
    }
}

/// Conversion rounds once, whatever the digits of the rate and whichever way round it is quoted.
fn converted(minor: i64, rate: Decimal, from: Currency) {
    let to = Currency::USD;
    let [quoted, inverse] = [Rate::quoted(rate), Rate::inverse(rate)];
    assert_eq!((quoted.is_some(), inverse.is_some()), (rate > Decimal::ZERO, rate > Decimal::ZERO));
    let (Some(quoted), Some(inverse)) = (quoted, inverse) else { return };
    let found =
        |rate| Money::from_minor(minor, from).convert(rate, to).ok().map(|money| money.minor);
    let (times, over) = (rate.mantissa(), 10_i128.pow(rate.scale()));
    if let Some(exact) = exact(minor, [times, over], from, to) {
        assert_eq!(found(quoted), i64::try_from(exact).ok(), "{minor} {from} at {rate}");
    }
    if let Some(exact) = exact(minor, [over, times], from, to) {
        assert_eq!(found(inverse), i64::try_from(exact).ok(), "{minor} {from} at 1 / {rate}");
    }
}

/// `minor` of one currency times a fraction, in minor units of another; none where it is too long.
fn exact(minor: i64, [times, over]: [i128; 2], from: Currency, to: Currency) -> Option<i128> {
    let times = times.checked_mul(10_i128.pow(to.digits()))?;
    let over = over.checked_mul(10_i128.pow(from.digits()))?;
    Some(half_even(i128::from(minor).checked_mul(times)?, over))
}

fn half_even(value: i128, by: i128) -> i128 {
    let (whole, rest) = (value.div_euclid(by), value.rem_euclid(by));
    let twice = rest.cmp(&(by - rest));
    whole + i128::from(twice.is_gt() || (twice.is_eq() && whole % 2 != 0))
}
