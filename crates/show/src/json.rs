//! Answers, rows and messages for other programs.
//!
//! Keys stand in a fixed order, money is a decimal text with its currency, days are ISO 8601, and a
//! number that is not finite is `null`. `docs/spec/json.md` gives each key with its meaning.

use std::fmt::Write;

use domain::{Answer, Cell, Column, Currency, Decimal, Diagnostic, Frame, Money};
use serde_json::{Map, Value, json};

use crate::visible::hidden;

/// Wraps what a command found (`null` for nothing) and what it has to say:
/// `{"ok":true,"data":…,"warnings":[…],"errors":[]}`. It is `ok` where there are no errors.
pub fn envelope(data: Option<Value>, warnings: &[Diagnostic], errors: &[Diagnostic]) -> Value {
    let list = |diagnostics: &[Diagnostic]| diagnostics.iter().map(message).collect::<Vec<Value>>();
    let mut out = Map::new();
    out.insert("ok".to_owned(), errors.is_empty().into());
    out.insert("data".to_owned(), data.unwrap_or(Value::Null));
    out.insert("warnings".to_owned(), list(warnings).into());
    out.insert("errors".to_owned(), list(errors).into());
    Value::Object(out)
}

/// Writes JSON indented, with a line break at the end.
///
/// Control, direction and invisible characters are written as `\u202e`, which reads back as the
/// same text but cannot steer a terminal.
pub fn pretty(value: &Value) -> String {
    harmless(&format!("{value:#}"))
}

/// Writes JSON on one line, with a line break at the end; otherwise as [`pretty`].
pub fn line(value: &Value) -> String {
    harmless(&value.to_string())
}

fn harmless(plain: &str) -> String {
    let mut out = String::with_capacity(plain.len() + 1);
    for c in plain.chars() {
        // The line breaks and blanks of the layout are the only control characters outside of
        // texts.
        if c != '\n' && hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                write!(out, "\\u{unit:04x}").unwrap_or_default();
            }
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}

/// Turns an answer into JSON. Ranges and charts of money carry decimal texts as the money itself
/// does.
pub fn answer(answer: &Answer) -> Value {
    let mut out = serde_json::to_value(answer).unwrap_or(Value::Null);
    for figure in members(&mut out, "figures") {
        exact_range(figure);
        if let Some(currency) =
            figure.get("value").and_then(|v| v.get("currency")).and_then(currency)
            && let Some(trend) = figure.get_mut("trend")
        {
            members(trend, "values").for_each(|value| exact(value, currency));
        }
    }
    for chart in members(&mut out, "charts") {
        let unit = chart.get("unit").and_then(currency);
        for series in members(chart, "series") {
            let Some(currency) = series.get("unit").map_or(unit, currency) else { continue };
            members(series, "values").for_each(|value| exact(value, currency));
            for range in members(series, "ranges") {
                members(range, "low").for_each(|value| exact(value, currency));
                members(range, "high").for_each(|value| exact(value, currency));
            }
        }
    }
    for table in members(&mut out, "tables") {
        for row in members(table, "rows") {
            for entry in members(row, "entries") {
                exact_range(entry);
            }
        }
    }
    out
}

/// Turns rows into `{"columns":[{"name","kind"}],"rows":[[…]]}`.
pub fn frame(frame: &Frame) -> Value {
    let columns: Vec<Value> = frame
        .names()
        .iter()
        .zip(frame.columns())
        .map(|(name, column)| json!({"name": &**name, "kind": kind(column)}))
        .collect();
    let rows: Vec<Value> = (0..frame.n_rows())
        .map(|row| {
            Value::Array(frame.columns().iter().map(|column| cell(&column.cell(row))).collect())
        })
        .collect();
    json!({"columns": columns, "rows": rows})
}

fn message(diagnostic: &Diagnostic) -> Value {
    let place = diagnostic.place.as_ref();
    json!({
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": place.map(|place| &*place.file),
        "line": place.map(|place| place.line).filter(|&line| line > 0),
        "column": place.map(|place| place.column).filter(|&column| column > 0),
        "hint": diagnostic.hint,
    })
}

fn members<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

fn currency(unit: &Value) -> Option<Currency> {
    unit.as_str()?.parse().ok()
}

fn exact_range(holder: &mut Value) {
    let Some(currency) = holder.get("value").and_then(|v| v.get("currency")).and_then(currency)
    else {
        return;
    };
    let Some(range) = holder.get_mut("interval").and_then(Value::as_object_mut) else { return };
    for end in ["low", "high"] {
        if let Some(end) = range.get_mut(end) {
            exact(end, currency);
        }
    }
}

/// Turns a number of money into a decimal text with the minor digits of its currency.
fn exact(number: &mut Value, currency: Currency) {
    if let Some(x) = number.as_f64() {
        let money = Decimal::try_from(x).ok().and_then(|x| Money::from_decimal(x, currency).ok());
        *number = money.map_or(Value::Null, |money| Value::String(money.amount_text()));
    }
}

fn kind(column: &Column) -> &'static str {
    match column {
        Column::Text(_) => "text",
        Column::Integer(_) => "integer",
        Column::Number(_) => "number",
        Column::Boolean(_) => "boolean",
        Column::Day(_) => "day",
        Column::Instant(_) => "instant",
        Column::Decimal(_) => "decimal",
        Column::Money(_) => "money",
    }
}

fn cell(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(value) => json!(value),
        Cell::Number(value) => json!(value),
        Cell::Boolean(value) => json!(value),
        Cell::Money(money) => {
            let mut map = Map::new();
            map.insert("amount".to_owned(), money.amount_text().into());
            map.insert("currency".to_owned(), money.currency_code().into());
            Value::Object(map)
        }
        other => Value::String(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use domain::Place;

    use super::*;

    #[test]
    fn the_envelope_has_exactly_four_keys_in_order() {
        assert_eq!(
            line(&envelope(Some(json!({"b": 1, "a": 2})), &[], &[])),
            "{\"ok\":true,\"data\":{\"b\":1,\"a\":2},\"warnings\":[],\"errors\":[]}\n"
        );
        let warning = Diagnostic::warning("a.b", "w").at(Place::line("f.csv", 3)).hint("Do.");
        let error = Diagnostic::error("c.d", "e");
        insta::assert_snapshot!(pretty(&envelope(None, &[warning], &[error])), @r#"
{
  "ok": false,
  "data": null,
  "warnings": [
    {
      "code": "a.b",
      "message": "w",
      "file": "f.csv",
      "line": 3,
      "column": null,
      "hint": "Do."
    }
  ],
  "errors": [
    {
      "code": "c.d",
      "message": "e",
      "file": null,
      "line": null,
      "column": null,
      "hint": null
    }
  ]
}
"#);
    }

    #[test]
    fn what_steers_a_terminal_is_escaped_and_reads_back() {
        let value = json!({"name": "\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\u{e0041}\u{7f}\n"});
        for written in [line(&value), pretty(&value)] {
            assert!(!written.trim_end().replace('\n', "").chars().any(hidden), "{written}");
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value);
        }
    }

    #[test]
    fn rows_carry_their_kinds_and_no_number_that_is_not_finite() {
        let money = |minor| Some(Money::from_minor(minor, Currency::USD));
        let rows = Frame::new(vec![
            ("deal", Column::Text(vec![Some("a".into()), None])),
            ("amount", Column::Money(vec![money(-123_450), None])),
            ("p", Column::Number(vec![Some(f64::NAN), Some(0.5)])),
            ("won", Column::Boolean(vec![Some(true), None])),
            ("n", Column::Integer(vec![Some(i64::MAX), None])),
            ("rate", Column::Decimal(vec![Some(Decimal::new(1080, 3)), None])),
        ]);
        insta::assert_snapshot!(line(&frame(&rows.unwrap())), @r#"
{"columns":[{"name":"deal","kind":"text"},{"name":"amount","kind":"money"},{"name":"p","kind":"number"},{"name":"won","kind":"boolean"},{"name":"n","kind":"integer"},{"name":"rate","kind":"decimal"}],"rows":[["a",{"amount":"-1234.50","currency":"USD"},null,true,9223372036854775807,"1.08"],[null,null,0.5,null,null,null]]}
"#);
    }
}
