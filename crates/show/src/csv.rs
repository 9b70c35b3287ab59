//! Rows as CSV (RFC 4180), exact and harmless in a spreadsheet.
//!
//! A text that a spreadsheet could take for a formula gets a single quote before it; [`original`]
//! takes it away again. Numbers stay numbers, negative ones too. A money column `x` becomes `x`
//! (plain decimal) and `x_currency`. A missing value is an empty field, an empty text is `""`.
//! Lines end with CR LF.

use domain::{Cell, Column, Frame};

use crate::visible::hidden;

/// Writes a frame with a line of headings.
pub fn frame(frame: &Frame) -> String {
    let mut out = String::new();
    let mut first = true;
    for (name, column) in frame.names().iter().zip(frame.columns()) {
        separate(&mut out, &mut first);
        text(&mut out, name);
        if let Column::Money(_) = column {
            separate(&mut out, &mut first);
            text(&mut out, &format!("{name}_currency"));
        }
    }
    out.push_str("\r\n");
    for row in 0..frame.n_rows() {
        let mut first = true;
        for column in frame.columns() {
            separate(&mut out, &mut first);
            let cell = column.cell(row);
            match &cell {
                Cell::Text(value) => text(&mut out, value),
                Cell::Number(value) if !value.is_finite() => {}
                other => out.push_str(&other.to_string()),
            }
            if let Column::Money(_) = column {
                separate(&mut out, &mut first);
                if let Cell::Money(money) = cell {
                    out.push_str(money.currency_code());
                }
            }
        }
        out.push_str("\r\n");
    }
    out
}

/// Returns a text as it was before it was written to CSV: without the quote that makes it harmless.
pub fn original(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if formula(rest) => rest,
        _ => text,
    }
}

/// True where a spreadsheet could take the text for a formula: it begins with one of `= + - @`,
/// their full-width and small forms, tab, CR, LF or NUL, also after blanks, invisible characters or
/// quotes.
///
/// Quotes are looked through so that [`original`] is the exact inverse: `'=1` is written as `''=1`.
fn formula(text: &str) -> bool {
    for c in text.chars() {
        match c {
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\0' => return true,
            '＝' | '＋' | '－' | '＠' | '\u{FE66}' | '\u{FE62}' | '\u{FE63}' | '\u{FE6B}'
            | '\u{2212}' => return true,
            '\'' => {}
            c if c.is_whitespace() || hidden(c) => {}
            _ => return false,
        }
    }
    false
}

fn separate(out: &mut String, first: &mut bool) {
    if !*first {
        out.push(',');
    }
    *first = false;
}

fn text(out: &mut String, text: &str) {
    let neutral = formula(text);
    let special = |c: char| matches!(c, ',' | ';' | '"' | '\r' | '\n' | '\t');
    let edge = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    if !(neutral || edge || text.is_empty() || text.contains(special)) {
        out.push_str(text);
        return;
    }
    out.push('"');
    if neutral {
        out.push('\'');
    }
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}
