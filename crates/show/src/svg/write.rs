//! How a chart writes values and periods: short, with the sign of the currency where it is plain.

use crate::number;

/// The minus sign, which is as wide as a digit.
const MINUS: &str = "\u{2212}";

/// Counts are written with all digits below this.
const SHORT_FROM: f64 = 100_000.0;

/// Writes a value: `$1.2M`, `54%`, `12 d`, `4,120`, `CHF 90K`.
pub(super) fn value(x: f64, unit: &str) -> String {
    let size = x.abs();
    let text = match unit {
        "count" if size < SHORT_FROM && x.fract() == 0.0 => number::number(size, 0),
        // Absurd sizes are short too, so that their labels are no wider than others.
        "share" if size >= SHORT_FROM / 100.0 => {
            number::point(size * 100.0, "count").map(|x| x + "%")
        }
        "days" if size >= SHORT_FROM => number::point(size, "count").map(|x| x + " d"),
        "months" if size >= SHORT_FROM => number::point(size, "count").map(|x| x + " mo"),
        "number" if size >= SHORT_FROM => number::point(size, "count"),
        _ => number::point(size, unit),
    };
    let text = text.unwrap_or_default();
    let sign = if x < 0.0 { MINUS } else { "" };
    format!("{sign}{}{text}", symbol(unit))
}

/// Writes a value with a plus sign where it is above zero.
pub(super) fn signed(x: f64, unit: &str) -> String {
    let text = value(x, unit);
    if x > 0.0 { format!("+{text}") } else { text }
}

/// Writes values that stand side by side: those with one letter have one number of decimals, so
/// that `$2.7M` beside `$2.88M` is `$2.70M`.
pub(super) fn alike(values: &[f64], unit: &str) -> Vec<String> {
    let plain: Vec<String> = values.iter().map(|x| value(*x, unit)).collect();
    let parts = |text: &str| {
        let letter = text.chars().last().filter(char::is_ascii_alphabetic);
        let decimals = text
            .split_once('.')
            .map_or(0, |(_, rest)| rest.chars().take_while(char::is_ascii_digit).count());
        (letter, decimals)
    };
    let most = |letter: Option<char>| {
        let all = plain.iter().map(|text| parts(text));
        all.filter(|(other, _)| *other == letter).map(|(_, decimals)| decimals).max().unwrap_or(0)
    };
    let padded = plain.iter().map(|text| match parts(text) {
        (Some(letter), decimals) if currency(unit) || unit == "count" => {
            let digits = text.trim_end_matches(letter);
            let mark = if decimals == 0 && most(Some(letter)) > 0 { "." } else { "" };
            let zeros = "0".repeat(most(Some(letter)).saturating_sub(decimals));
            format!("{digits}{mark}{zeros}{letter}")
        }
        _ => text.clone(),
    });
    padded.collect()
}

/// What stands before an amount; empty for what is no currency.
fn symbol(unit: &str) -> String {
    match unit {
        "USD" => "$".to_owned(),
        "EUR" => "€".to_owned(),
        "GBP" => "£".to_owned(),
        _ if currency(unit) => format!("{unit} "),
        _ => String::new(),
    }
}

/// True for the code of a currency.
pub(super) fn currency(unit: &str) -> bool {
    unit.len() == 3 && unit.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Writes the values of an axis alike: one letter and one number of decimals for all.
pub(super) fn ticks(ticks: &[f64], unit: &str) -> Vec<String> {
    let most = ticks.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let step = match ticks {
        [a, b, ..] => (b - a).abs(),
        _ => most,
    };
    let (by, letter) = match unit {
        "share" => (0.01, "%"),
        _ if most >= 1e12 => (1e12, "T"),
        _ if most >= 1e9 => (1e9, "B"),
        _ if most >= 1e6 => (1e6, "M"),
        _ if most >= 1e4 => (1e3, "K"),
        _ => (1.0, ""),
    };
    let decimals = (0..12)
        .find(|decimals| {
            let digits = step / by * 10_f64.powi(*decimals);
            (digits - digits.round()).abs() < 1e-6 * digits.max(1e-6)
        })
        .unwrap_or(0);
    let decimals = usize::try_from(decimals).unwrap_or(0);
    let tail = match unit {
        "days" => " d",
        "months" => " mo",
        _ => "",
    };
    ticks
        .iter()
        .map(|x| {
            let sign = if *x < 0.0 { MINUS } else { "" };
            if *x == 0.0 {
                return format!("{}0{}", symbol(unit), if unit == "share" { "%" } else { "" });
            }
            let digits = number::number(x.abs() / by, decimals).unwrap_or_default();
            format!("{sign}{}{digits}{letter}{tail}", symbol(unit))
        })
        .collect()
}

/// A period as it stands on an axis: what tells it from its neighbors, and the year.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Label {
    pub(super) short: String,
    pub(super) year: Option<String>,
}

/// Reads `2026-07`, `2026Q3`, `2026-W31`, `2026-07-14`; anything else stands as it is.
pub(super) fn period(text: &str) -> Label {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if plain { text.parse::<usize>().ok() } else { None }
    };
    let read = || {
        let year = text.get(..4).filter(|year| number(year).is_some())?;
        let rest = text.get(4..)?;
        let month = |text: &str| number(text)?.checked_sub(1).and_then(|at| MONTHS.get(at));
        let short = match rest.as_bytes() {
            [b'Q', b'1'..=b'4'] => rest.to_owned(),
            [b'-', b'W', ..] if rest.len() == 4 => {
                number(rest.get(2..)?)?;
                rest.get(1..)?.to_owned()
            }
            [b'-', _, _] => (*month(rest.get(1..)?)?).to_owned(),
            [b'-', _, _, b'-', _, _] => {
                let day = number(rest.get(4..)?).filter(|day| (1..=31).contains(day))?;
                format!("{} {day}", month(rest.get(1..3)?)?)
            }
            _ => return None,
        };
        Some(Label { short, year: Some(year.to_owned()) })
    };
    read().unwrap_or_else(|| Label { short: text.to_owned(), year: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_short_with_their_unit() {
        assert_eq!(value(1_240_000.0, "USD"), "$1.24M");
        assert_eq!(value(-4_500.0, "EUR"), "−€4.5K");
        assert_eq!(value(90_000.0, "CHF"), "CHF 90K");
        assert_eq!(value(0.54, "share"), "54%");
        assert_eq!(value(12.0, "days"), "12 d");
        assert_eq!(value(4_120.0, "count"), "4,120");
        assert_eq!(value(412_000.0, "count"), "412K");
        assert_eq!(value(7.0e13, "days"), "70T d");
        assert_eq!(value(1234.5, "share"), "123K%");
        assert_eq!(signed(3.0, "count"), "+3");
        assert_eq!(signed(0.0, "count"), "0");
    }

    #[test]
    fn values_side_by_side_have_the_same_number_of_decimals() {
        let written = alike(&[2.7e6, 2.88e6, 3e6, 90e3, 512.0], "USD");
        assert_eq!(written, ["$2.70M", "$2.88M", "$3.00M", "$90K", "$512"]);
        assert_eq!(alike(&[12.5, 3.0], "days"), ["12.5 d", "3 d"]);
    }

    #[test]
    fn an_axis_has_one_letter_and_one_number_of_decimals() {
        assert_eq!(ticks(&[0.0, 5e5, 1e6, 1.5e6], "USD"), ["$0", "$0.5M", "$1.0M", "$1.5M"]);
        assert_eq!(ticks(&[0.0, 0.2, 0.4], "share"), ["0%", "20%", "40%"]);
        assert_eq!(ticks(&[0.0, 0.005, 0.01], "share"), ["0%", "0.5%", "1.0%"]);
        assert_eq!(ticks(&[-50.0, 0.0, 50.0], "days"), ["−50 d", "0", "50 d"]);
        assert_eq!(ticks(&[0.0, 2e3, 4e3], "count"), ["0", "2,000", "4,000"]);
        assert_eq!(ticks(&[0.0, 5e-7, 1e-6], "number"), ["0", "0.0000005", "0.0000010"]);
    }

    #[test]
    fn periods_are_read_and_everything_else_stands() {
        let read = |text: &str| {
            let Label { short, year } = period(text);
            format!("{short}|{}", year.unwrap_or_default())
        };
        assert_eq!(read("2026-07"), "Jul|2026");
        assert_eq!(read("2026Q3"), "Q3|2026");
        assert_eq!(read("2026-W31"), "W31|2026");
        assert_eq!(read("2026-07-04"), "Jul 4|2026");
        for text in
            ["2026", "2026-13", "2026-00", "2026Q5", "Webinar", "2026-07-04 to 2026-08-01", ""]
        {
            assert_eq!(read(text), format!("{text}|"));
        }
    }
}
