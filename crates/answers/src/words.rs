//! Numbers as a leader says them: `$4.2M`, `43%`, `3 of 5`, `no deals`.
//!
//! For headlines, titles and caveats only; figures keep their exact value.

use domain::{Money, Value};

/// Below this many, a part is told as "3 of 5" and not as a percentage.
pub(crate) const SMALL: i64 = 10;

/// Returns an amount rounded to three figures, as figures are shown, with the symbol of its
/// currency.
pub(crate) fn money(money: Money) -> String {
    let major = Value::Money(money).number().unwrap_or(0.0);
    let symbol = symbol(money);
    let sign = if major < 0.0 { "-" } else { "" };
    format!("{sign}{symbol}{}", rounded(major.abs()))
}

fn symbol(money: Money) -> String {
    match money.currency_code() {
        "USD" => "$".to_owned(),
        "EUR" => "€".to_owned(),
        "GBP" => "£".to_owned(),
        "JPY" => "¥".to_owned(),
        code => format!("{code} "),
    }
}

fn rounded(amount: f64) -> String {
    // 999,600 is 1M, not 1000K.
    match SCALES.into_iter().find(|(unit, _)| amount >= unit * 0.9995) {
        Some((unit, letter)) => {
            let digits = digits(amount / unit);
            format!("{}{letter}", bare(&format!("{:.digits$}", amount / unit)))
        }
        None if amount < 9.995 && amount.fract() > 0.0 => format!("{amount:.2}"),
        None => format!("{amount:.0}"),
    }
}

const SCALES: [(f64, &str); 3] = [(1e9, "B"), (1e6, "M"), (1e3, "K")];

/// How many digits after the mark make three figures.
fn digits(scaled: f64) -> usize {
    match scaled {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    }
}

/// Returns a part and its whole, each in three figures and with as many digits after the mark where
/// they have the same unit, so that a reader who divides one by the other finds the share beside
/// them.
pub(crate) fn part_of(part: Money, whole: Money) -> (String, String) {
    let major = |money: Money| Value::Money(money).number().unwrap_or(0.0);
    let scale = |amount: f64| SCALES.into_iter().find(|(unit, _)| amount >= unit * 0.9995);
    let (a, b) = (major(part), major(whole));
    let (Some((unit_a, letter_a)), Some((unit_b, letter_b))) = (scale(a), scale(b)) else {
        return (money(part), money(whole));
    };
    let alike = letter_a == letter_b;
    let of_whole = digits(b / unit_b);
    let of_part = if alike { of_whole } else { digits(a / unit_a) };
    let mut texts = (format!("{:.of_part$}", a / unit_a), format!("{:.of_whole$}", b / unit_b));
    while alike && texts.0.contains('.') && texts.0.ends_with('0') && texts.1.ends_with('0') {
        texts = (shorter(&texts.0), shorter(&texts.1));
    }
    if !alike {
        texts = (bare(&texts.0), bare(&texts.1));
    }
    let symbol = symbol(part);
    (format!("{symbol}{}{letter_a}", texts.0), format!("{symbol}{}{letter_b}", texts.1))
}

/// Takes the last digit away, and the mark after the last of them.
fn shorter(text: &str) -> String {
    let text = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

/// Takes zeros away that stand last after the mark.
fn bare(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

/// Returns a share as a whole percentage; small ones and nearly all are not rounded to 0 and 100.
pub(crate) fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.005 {
        "less than 1%".to_owned()
    } else if share > 0.995 && share < 1.0 {
        "more than 99%".to_owned()
    } else {
        format!("{:.0}%", share * 100.0)
    }
}

/// Returns a count with its noun: `no deals`, `1 deal`, `1,234 deals`.
pub(crate) fn count(n: i64, one: &str, many: &str) -> String {
    match n {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{} {many}", grouped(n)),
    }
}

/// Returns deals as a count.
pub(crate) fn deals(n: i64) -> String {
    count(n, "deal", "deals")
}

/// Returns a whole number with commas between thousands.
pub(crate) fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if n < 0 { format!("-{text}") } else { text }
}

/// Returns days as a person counts them: `1 day`, `64 days`, `12.5 days`.
pub(crate) fn days(days: f64) -> String {
    if (days - 1.0).abs() < 1e-9 {
        "1 day".to_owned()
    } else if days.fract().abs() < 1e-9 {
        format!("{days:.0} days")
    } else {
        format!("{days:.1} days")
    }
}

/// Returns months: `1 month`, `9.4 months`.
pub(crate) fn months(months: f64) -> String {
    let text = format!("{months:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "1" { "1 month".to_owned() } else { format!("{text} months") }
}

/// Returns a multiple: `as much as`, `2.3 times`.
pub(crate) fn times(times: f64) -> String {
    let text = if times >= 9.95 { format!("{times:.0}") } else { format!("{times:.1}") };
    match text.as_str() {
        "1.0" => "as much as".to_owned(),
        "0.0" => "less than a twentieth of".to_owned(),
        text => format!("{} times", text.strip_suffix(".0").unwrap_or(text)),
    }
}

/// Writes a label inside a sentence: its first letter small.
pub(crate) fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Writes the first letter large.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_as_people_say_them() {
        //   minor        currency  text
        let table = [
            (0, "USD", "$0"),
            (350, "USD", "$3.50"),
            (99_940, "USD", "$999"),
            (99_960, "USD", "$1K"),
            (420_000_000, "USD", "$4.2M"),
            (400_000_000, "USD", "$4M"),
            (994_999_999, "USD", "$9.95M"),
            (999_600_000, "USD", "$10M"),
            (108_000_000, "USD", "$1.08M"),
            (99_960_000, "USD", "$1M"),
            (-12_500_000, "EUR", "-€125K"),
            (123_456_789_000, "CHF", "CHF 1.23B"),
            (1_260_000, "JPY", "¥1.26M"),
        ];
        for (minor, currency, text) in table {
            assert_eq!(money(Money::from_minor(minor, currency.parse().unwrap())), text);
        }
    }

    #[test]
    fn a_part_and_its_whole_have_digits_alike() {
        //   part         whole        said
        let table = [
            (104_000_000, 116_400_000, ("$1.04M", "$1.16M")),
            (260_000, 600_000, ("$2.6K", "$6.0K")),
            (3_600_000, 7_400_000, ("$36K", "$74K")),
            (60_000_000, 100_000_000, ("$600K", "$1M")),
            (9_040_000, 116_400_000, ("$90.4K", "$1.16M")),
            (100_000_000, 200_000_000, ("$1M", "$2M")),
            (5_000, 200_000, ("$50", "$2K")),
            (0, 200_000, ("$0", "$2K")),
            (99_960_000, 99_970_000, ("$1M", "$1M")),
        ];
        for (part, whole, said) in table {
            let usd = |minor| Money::from_minor(minor, domain::Currency::USD);
            let (a, b) = part_of(usd(part), usd(whole));
            assert_eq!((a.as_str(), b.as_str()), said);
        }
    }

    #[test]
    fn counts_and_shares_read_well_at_their_ends() {
        assert_eq!(
            [deals(0), deals(1), deals(1_234_567)],
            ["no deals", "1 deal", "1,234,567 deals"]
        );
        assert_eq!([grouped(-1000), grouped(100)], ["-1,000", "100"]);
        let shares = [0.0, 0.001, 0.434, 0.999, 1.0].map(percent);
        assert_eq!(shares, ["0%", "less than 1%", "43%", "more than 99%", "100%"]);
        assert_eq!([days(1.0), days(64.0), days(12.5)], ["1 day", "64 days", "12.5 days"]);
    }
}
