//! The sentence below the rows of a figure: how they make it.

use domain::answer::{self, Evidence};
use domain::{Cell, Column, Currency, Decimal, Frame, Measure, Value};

use crate::number::{self, Form, Scale, grouped};

/// Says how rows make the part of a figure that its evidence names: `21 rows, sum of amount = USD
/// 1,163,959.61.`
pub fn closing(evidence: &Evidence, rows: &Frame, value: &Value) -> String {
    let n = rows.n_rows();
    let count = format!("{} row{}", grouped(&n.to_string()), if n == 1 { "" } else { "s" });
    let currency = currency_of(rows).unwrap_or(match value {
        Value::Money(money) => money.currency,
        _ => Currency::USD,
    });
    let part = answer::measure(rows, &evidence.measure, currency);
    let part = part.map_or_else(|error| error.to_string(), |part| exact(&part));
    match &evidence.measure {
        Measure::Count => format!("{count}."),
        Measure::CountDistinct(column) => format!("{count}, {part} different values of {column}."),
        Measure::Sum(column) => format!("{count}, sum of {column} = {part}."),
        Measure::Share(column) => format!("{count}, {column} is true in {part}."),
        Measure::Mean(column) => format!("{count}, mean of {column} = {part}."),
        Measure::Median(column) => format!("{count}, median of {column} = {part}."),
        Measure::Stated(_) => format!("{count}, sum of what they were then = {part}."),
    }
}

/// Says how a quotient is made of the two amounts or counts that rows come to, with its factor and
/// constant: `1,003,984.00 × 0.72 ÷ 253,950.00 − 1 = 1.85.` `None` where nothing is divided.
pub fn quotient(evidence: &Evidence, rows: &Frame, per: &Frame, value: &Value) -> Option<String> {
    let below = evidence.per.as_deref()?;
    let currency = Currency::USD;
    let part = |evidence: &Evidence, rows: &Frame| {
        let currency = currency_of(rows).unwrap_or(currency);
        let part = answer::measure(rows, &evidence.measure, currency).ok()?;
        match part {
            Value::Money(money) => Some(grouped(&money.amount_text())),
            part => Some(exact(&part)).filter(|text| !text.is_empty()),
        }
    };
    let scale = Scale::of([value]);
    let made = number::value(value, scale, Form::Long)?.replace('-', "−");
    let factor = evidence.factor.map(|(up, down)| factor(up, down)).unwrap_or_default();
    let plus = match evidence.plus.unwrap_or_default() {
        0 => String::new(),
        less @ ..0 => format!(" − {}", less.unsigned_abs()),
        more => format!(" + {more}"),
    };
    Some(format!("{}{factor} ÷ {}{plus} = {made}.", part(evidence, rows)?, part(below, per)?))
}

/// A factor as a decimal where it is a short one, else as it is divided: ` × 0.72`; empty for one.
pub fn factor(up: i64, down: i64) -> String {
    let decimal = Decimal::from(up).checked_div(Decimal::from(down)).unwrap_or(Decimal::ONE);
    let decimal = decimal.normalize();
    if decimal == Decimal::ONE {
        String::new()
    } else if decimal.scale() <= 4 {
        format!(" × {decimal}")
    } else {
        format!(" × {up} ÷ {down}")
    }
}

fn currency_of(rows: &Frame) -> Option<Currency> {
    rows.columns().iter().find_map(|column| match column {
        Column::Money(values) => values.iter().flatten().next().map(|money| money.currency),
        _ => None,
    })
}

/// Writes a value with all its digits: `USD 1,163,959.61`, `3 of 5`, `0.25`.
pub fn exact(value: &Value) -> String {
    match value {
        Value::Money(money) => {
            format!("{} {}", money.currency_code(), grouped(&money.amount_text()))
        }
        Value::Share { of, total } => {
            format!("{} of {}", grouped(&of.to_string()), grouped(&total.to_string()))
        }
        Value::None(reason) => reason.clone(),
        Value::Count(count) => grouped(&count.to_string()),
        other => match answer::cell(other) {
            Cell::Null => String::new(),
            cell => cell.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use domain::{Money, Rows};

    use super::*;

    #[test]
    fn the_rows_of_a_figure_end_with_what_they_come_to() {
        let usd = |minor| Money::from_minor(minor, Currency::USD);
        let amounts = [100_000_000, 16_395_961].map(|minor| Some(usd(minor)));
        let rows = Frame::new(vec![("amount", Column::Money(amounts.to_vec()))]).unwrap();
        let of = |measure| Evidence::new(Rows::of("opportunities"), measure);
        let sum = of(Measure::Sum("amount".to_owned()));
        assert_eq!(
            closing(&sum, &rows, &Value::Money(usd(116_395_961))),
            "2 rows, sum of amount = USD 1,163,959.61."
        );
        assert_eq!(closing(&of(Measure::Count), &rows, &Value::Count(2)), "2 rows.");
        let spent = vec![Some(usd(25_000_000))];
        let spent = Frame::new(vec![("spend", Column::Money(spent))]).unwrap();
        let mut back = sum.per(Evidence::sum(Rows::of("costs"), "spend"));
        (back.factor, back.plus) = (Some((72, 100)), Some(-1));
        assert_eq!(
            quotient(&back, &rows, &spent, &Value::Number(2.352)).unwrap(),
            "1,163,959.61 × 0.72 ÷ 250,000.00 − 1 = 2.35."
        );
        assert_eq!(factor(300, 72), " × 300 ÷ 72");
        assert_eq!(exact(&Value::Share { of: 3, total: 5 }), "3 of 5");
        assert_eq!(exact(&Value::None("no rows".to_owned())), "no rows");
    }
}
