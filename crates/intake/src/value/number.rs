//! Numbers: which mark is the decimal one, and what may stand around the digits.

use domain::Decimal;

use super::{Fault, shown};

/// How numbers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumberStyle {
    /// The decimal mark.
    pub decimal: char,
    /// The mark between thousands, where one may be written.
    pub group: Option<char>,
    /// True where currency signs, percent signs, parentheses for negatives and `k`, `M` are read.
    pub dressed: bool,
}

impl NumberStyle {
    /// Digits with a point, nothing else: how programs write numbers.
    pub const PLAIN: Self = Self { decimal: '.', group: None, dressed: false };
    /// `1,234.50` with signs around it: how people in English read numbers.
    pub const POINT: Self = Self { decimal: '.', group: Some(','), dressed: true };
    /// `1.234,50` with signs around it: how people on the continent read numbers.
    pub const COMMA: Self = Self { decimal: ',', group: Some('.'), dressed: true };
}

/// What one text says about the decimal mark of its column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// Says nothing: no mark.
    None,
    /// The point is the decimal mark.
    Point,
    /// The comma is the decimal mark.
    Comma,
    /// Could be either: `1.234`.
    Open,
}

/// Weighs one text of a column whose decimal mark is not declared.
pub fn evidence(text: &str) -> Evidence {
    let marks: Vec<(usize, char)> =
        text.char_indices().filter(|(_, c)| matches!(c, '.' | ',')).collect();
    let Some(&(at, last)) = marks.last() else { return Evidence::None };
    let as_decimal = |mark| if mark == '.' { Evidence::Point } else { Evidence::Comma };
    let as_group = |mark| if mark == '.' { Evidence::Comma } else { Evidence::Point };
    if marks.iter().any(|&(_, mark)| mark != last) {
        return as_decimal(last);
    }
    if marks.len() > 1 {
        return as_group(last);
    }
    let digits = text.get(at + 1..).unwrap_or("").bytes().take_while(u8::is_ascii_digit).count();
    let before = text.get(..at).unwrap_or("");
    let lead = before.bytes().rev().take_while(u8::is_ascii_digit).count();
    // Three digits after one mark may be thousands; `0.123` and `1234.567` can not.
    if digits == 3 && (1..=3).contains(&lead) && (lead > 1 || !before.ends_with('0')) {
        Evidence::Open
    } else {
        as_decimal(last)
    }
}

/// Reads an exact decimal in a style.
pub fn decimal(text: &str, style: NumberStyle) -> Result<Decimal, Fault> {
    if let Some(value) = plain(text.as_bytes(), style.decimal as u32) {
        return Ok(value);
    }
    if (style.dressed || style.group.is_some())
        && let Some(value) = dressed(text, style)
    {
        return Ok(value);
    }
    let example = match (style.decimal, style.group) {
        (',', None) => "1234,56",
        (',', Some(_)) => "1.234,56",
        (_, Some(_)) => "1,234.56",
        (_, None) => "1234.56",
    };
    Err(Fault::new(
        "value.number",
        format!("expected a number such as `{example}`, found `{}`", shown(text)),
    ))
}

/// Reads a number of a typed format, where an exponent is exact.
pub fn typed(text: &str) -> Result<Decimal, Fault> {
    plain(text.as_bytes(), u32::from('.')).or_else(|| scientific(text)).ok_or_else(|| {
        Fault::new("value.number", format!("expected a finite number, found `{}`", shown(text)))
    })
}

/// Reads `1.25e3`, exactly: a number of more digits than are held is not rounded but refused.
fn scientific(text: &str) -> Option<Decimal> {
    let (number, exponent) = text.split_once(['e', 'E'])?;
    shifted(plain(number.as_bytes(), u32::from('.'))?, exponent.parse().ok()?)
}

/// Moves the decimal mark, exactly; nothing where the digits do not fit.
fn shifted(value: Decimal, by: i32) -> Option<Decimal> {
    let value = value.normalize();
    if value.is_zero() {
        return Some(Decimal::ZERO);
    }
    let scale = i64::from(value.scale()) - i64::from(by);
    let up = u32::try_from(-scale.min(0)).ok().and_then(|up| 10_i128.checked_pow(up))?;
    let mantissa = value.mantissa().checked_mul(up)?;
    let fits = mantissa.unsigned_abs() < 10_u128.pow(28);
    let scale = u32::try_from(scale.max(0)).ok()?;
    fits.then(|| Decimal::try_from_i128_with_scale(mantissa, scale).ok()).flatten()
}

/// Reads `-12.50`: an optional sign, digits, one mark at most. The fast path.
fn plain(bytes: &[u8], mark: u32) -> Option<Decimal> {
    let (negative, digits) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, bytes),
    };
    let mut mantissa: i128 = 0;
    // The first eighteen digits fit a word, which is much faster.
    let mut word: u64 = 0;
    let mut scale: Option<u32> = None;
    // Digits that count: none before the first that is not 0.
    let mut n_digits = 0_u32;
    let mut any = false;
    for &byte in digits {
        if byte.is_ascii_digit() {
            any = true;
            n_digits += u32::from(n_digits > 0 || byte != b'0');
            if n_digits > 28 {
                return None;
            }
            if n_digits > 18 {
                if n_digits == 19 {
                    mantissa = i128::from(word);
                }
                mantissa = mantissa * 10 + i128::from(byte - b'0');
            } else {
                word = word * 10 + u64::from(byte - b'0');
            }
            scale = scale.map(|s| s + 1);
        } else if u32::from(byte) == mark && scale.is_none() {
            scale = Some(0);
        } else {
            return None;
        }
    }
    if n_digits <= 18 {
        mantissa = i128::from(word);
    }
    if !any {
        return None;
    }
    let signed = if negative { -mantissa } else { mantissa };
    Decimal::try_from_i128_with_scale(signed, scale.unwrap_or(0)).ok()
}

/// Reads a number with thousands marks and, where the style says so, what people put around it.
fn dressed(text: &str, style: NumberStyle) -> Option<Decimal> {
    let mut text = text.trim();
    let mut negative = false;
    let mut zeros = 0;
    if style.dressed {
        if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
            negative = true;
            text = inner.trim();
        }
        if let Some(rest) = text.strip_prefix('-') {
            // Twice negative is no number that anybody writes.
            if negative {
                return None;
            }
            negative = true;
            text = rest.trim_start();
        }
        let signs = ['$', '€', '£', '¥', '\u{a0}', '\u{202f}', ' '];
        text = text.trim_matches(signs);
        text = text.strip_suffix('%').unwrap_or(text).trim_end();
        for (suffix, by) in [("k", 3), ("K", 3), ("M", 6), ("B", 9)] {
            if let Some(rest) = text.strip_suffix(suffix) {
                text = rest.trim_end();
                zeros = by;
                break;
            }
        }
        if let Some((number, code)) = text.rsplit_once([' ', '\u{a0}'])
            && code.len() == 3
            && code.parse::<domain::Currency>().is_ok()
        {
            text = number.trim_end();
        }
    }
    let (whole, fraction) = match text.split_once(style.decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut compact = String::with_capacity(text.len());
    let blank = |c: char| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'');
    let groups: Vec<&str> =
        whole.split(|c: char| Some(c) == style.group || (style.dressed && blank(c))).collect();
    for (at, group) in groups.iter().enumerate() {
        // All groups but the first have three digits: `1,23` is not `123`.
        let signed = at == 0 && !negative;
        let signless = if signed { group.strip_prefix('-').unwrap_or(group) } else { group };
        let fits = if at == 0 {
            groups.len() == 1 || (1..=3).contains(&signless.len())
        } else {
            group.len() == 3
        };
        if !fits || !signless.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        compact.push_str(group);
    }
    if let Some(fraction) = fraction {
        if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        compact.push('.');
        compact.push_str(fraction);
    }
    let mut value = plain(compact.as_bytes(), u32::from('.'))?;
    if zeros > 0 {
        value = shifted(value, zeros)?;
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_their_style_or_refused() {
        let table = "
            # text              plain       point         comma
            1234.50             1234.50     1234.50       -
            -0.07               -0.07       -0.07         -
            1,234.50            -           1234.50       -
            1.234,50            -           -             1234.50
            12,5                -           -             12.5
            1,23                -           -             1.23
            $1,234              -           1234          1.234
            (500.00)            -           -500.00       -
            12k                 -           12000         12000
            1.2M                -           1200000       -
            19999999999999999999999999k - -           -
            0.1234567890123456789012345678k - 123.4567890123456789012345678 -
            65%                 -           65            65
            €1.234,56           -           -             1234.56
            1,2345,678          -           -             -
            N/A                 -           -             -
            1E5                 -           -             -
            --                  -           -             -
            --0.1               -           -             -
            (-5)                -           -             -
            -$5                 -           -5            -5
            $-5                 -           -5            -5
            -$-5                -           -             -
        ";
        for line in table.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let cells: Vec<&str> = line.split_whitespace().collect();
            for (style, expected) in [
                (NumberStyle::PLAIN, cells[1]),
                (NumberStyle::POINT, cells[2]),
                (NumberStyle::COMMA, cells[3]),
            ] {
                let found = decimal(cells[0], style).map_or("-".to_owned(), |d| d.to_string());
                assert_eq!(found, expected, "{} in {style:?}", cells[0]);
            }
        }
        assert_eq!(decimal("1\u{a0}234,56", NumberStyle::COMMA).unwrap().to_string(), "1234.56");
        assert_eq!(
            decimal("1\u{202f}234,56 €", NumberStyle::COMMA).unwrap().to_string(),
            "1234.56"
        );
        assert_eq!(decimal("12,50 EUR", NumberStyle::COMMA).unwrap().to_string(), "12.50");
    }

    #[test]
    fn zeros_in_front_take_no_place_of_a_digit() {
        let long = "0.7145021824399784045505493305";
        assert_eq!(decimal(long, NumberStyle::PLAIN).unwrap().to_string(), long);
        let padded = "00000000000000000000000000000012.50";
        assert_eq!(decimal(padded, NumberStyle::PLAIN).unwrap().to_string(), "12.50");
        for text in ["0", "000", "-0.00", ".5", "0."] {
            assert!(decimal(text, NumberStyle::PLAIN).is_ok(), "{text}");
        }
        // Twenty-nine digits that count, or after the mark, do not fit.
        for text in ["12345678901234567890123456789", "0.00000000000000000000000000001", ".", "-"] {
            assert!(decimal(text, NumberStyle::PLAIN).is_err(), "{text}");
        }
    }

    #[test]
    fn the_decimal_mark_is_decided_by_what_can_only_be_read_one_way() {
        for (text, expected) in [
            ("1234", Evidence::None),
            ("1,234.50", Evidence::Point),
            ("1.234,50", Evidence::Comma),
            ("12.50", Evidence::Point),
            ("12,5", Evidence::Comma),
            ("1.234", Evidence::Open),
            ("1,234", Evidence::Open),
            ("1.234.567", Evidence::Comma),
            ("0.123", Evidence::Point),
            ("1234.567", Evidence::Point),
            ("100.000", Evidence::Open),
        ] {
            assert_eq!(evidence(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_of_typed_formats_are_exact_and_finite() {
        assert_eq!(typed("19.99").unwrap().to_string(), "19.99");
        assert_eq!(typed("1e3").unwrap().to_string(), "1000");
        assert_eq!(typed("-1.25E+2").unwrap().to_string(), "-125");
        assert_eq!(typed("12.5e-3").unwrap().to_string(), "0.0125");
        assert_eq!(typed("0e999").unwrap().to_string(), "0");
        // More digits than are held: rounding would be silent.
        assert!(typed("1234.99999999999999999999999999995e-2").is_err());
        for text in [
            "1e400",
            "1e28",
            "1e-29",
            "e5",
            "1e",
            "1e5e5",
            "1e99999999999",
            "NaN",
            "Infinity",
            "-Infinity",
            "",
        ] {
            assert!(typed(text).is_err(), "{text}");
        }
    }
}
