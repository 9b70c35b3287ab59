//! Rows as CSV (RFC 4180), exact and harmless in a spreadsheet.
//!
//! A text that a spreadsheet could take for a formula gets a single quote before it; [`original`]
//! takes it away again. Numbers stay numbers, negative ones too. A money column `x` becomes `x`
//! (plain decimal) and `x_currency`. A missing value is an empty field, an empty text is `""`.
//! Lines end with CR LF.

use domain::answer::{Table, cell};
use domain::{Answer, Cell, Column, Frame};

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

/// Writes a table of an answer: raw numbers in the order in which they are shown.
///
/// What was asked stands in every row, in columns of its own: a comment above the head would not
/// load again, and a second file gets lost. Ranges are two columns more, the currency of amounts is
/// that of the row; amounts in another one carry their own.
pub fn table(table: &Table, answer: &Answer) -> String {
    let asked = &answer.asked;
    let filters = [
        ("period", asked.period.label.clone()),
        ("from", asked.period.from.to_string()),
        ("to", asked.period.to.to_string()),
        ("as_of", asked.as_of.to_string()),
        ("segment", asked.segment.clone().unwrap_or_default()),
        ("model", asked.model.clone()),
        ("sourced_by", asked.sourced_by.to_owned()),
        ("currency", asked.currency.to_string()),
        ("time_zone", asked.time_zone.clone()),
        ("definitions", asked.definitions.clone()),
    ];
    let column = |at: usize| table.rows.iter().filter_map(move |row| row.entries.get(at));
    let kinds: Vec<(bool, bool)> = (0..table.columns.len())
        .map(|at| {
            let foreign = column(at).any(|entry| match &entry.value {
                domain::Value::Money(money) => money.currency != asked.currency,
                _ => false,
            });
            (foreign, column(at).any(|entry| entry.interval.is_some()))
        })
        .collect();
    let mut heads = vec!["row".to_owned(), "label".to_owned()];
    for (column, (foreign, ranged)) in table.columns.iter().zip(&kinds) {
        heads.push(column.id.clone());
        heads.extend(foreign.then(|| format!("{}_currency", column.id)));
        if *ranged {
            heads.extend([format!("{}_low", column.id), format!("{}_high", column.id)]);
        }
    }
    // A column may have the name of a filter; the filter then says whose it is.
    let named = |name: &str| {
        if heads.iter().any(|head| head == name) {
            format!("asked_{name}")
        } else {
            name.to_owned()
        }
    };
    let filter_heads: Vec<String> = filters.iter().map(|(name, _)| named(name)).collect();
    let mut out = String::new();
    let mut first = true;
    for head in heads.iter().chain(&filter_heads) {
        separate(&mut out, &mut first);
        text(&mut out, head);
    }
    out.push_str("\r\n");
    for row in &table.rows {
        text(&mut out, &row.id);
        out.push(',');
        text(&mut out, &row.label);
        for (entry, (foreign, ranged)) in row.entries.iter().zip(&kinds) {
            out.push(',');
            out.push_str(&plain(&cell(&entry.value)));
            if *foreign {
                out.push(',');
                if let domain::Value::Money(money) = &entry.value {
                    out.push_str(money.currency_code());
                }
            }
            if *ranged {
                let range = entry.interval.as_ref();
                for end in [range.map(|range| range.low), range.map(|range| range.high)] {
                    out.push(',');
                    out.push_str(&end.map(|x| plain(&Cell::Number(x))).unwrap_or_default());
                }
            }
        }
        for (_, value) in &filters {
            out.push(',');
            if !value.is_empty() {
                text(&mut out, value);
            }
        }
        out.push_str("\r\n");
    }
    out
}

/// A number as it is written; nothing where there is none.
fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Number(value) if !value.is_finite() => String::new(),
        other => other.to_string(),
    }
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
