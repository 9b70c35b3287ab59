//! Rows as columns: the shape in which the lake hands rows to an answer and a figure is opened.
//!
//! A frame is small (the rows that one question needs); texts are shared, so that copying a cell is
//! cheap. Filters are data, so that the same condition runs here, in the lake, and as SQL.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::money::Money;

/// One value of a row.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// No value: unknown or not applicable.
    Null,
    /// A text.
    Text(Arc<str>),
    /// A whole number.
    Integer(i64),
    /// A floating-point number: probabilities and statistics only, never money.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A calendar day.
    Day(Date),
    /// An instant.
    Instant(Timestamp),
    /// An exact decimal.
    Decimal(Decimal),
    /// An amount of money.
    Money(Money),
}

impl Cell {
    /// Makes a text cell; an empty text is no value.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Null } else { Self::Text(text) }
    }

    /// True where there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl fmt::Display for Cell {
    /// Writes the value plainly; nothing for [`Cell::Null`], decimals without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Day(day) => write!(f, "{day}"),
            Self::Instant(at) => write!(f, "{at}"),
            Self::Decimal(value) => write!(f, "{}", value.normalize()),
            Self::Money(money) => f.write_str(&money.amount_text()),
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Number(value) => serializer.serialize_f64(*value),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Money(money) => money.serialize(serializer),
            other => serializer.collect_str(other),
        }
    }
}

/// A column of values of one kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Column {
    /// Texts, shared.
    Text(Vec<Option<Arc<str>>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Floating-point numbers.
    Number(Vec<Option<f64>>),
    /// Booleans.
    Boolean(Vec<Option<bool>>),
    /// Days.
    Day(Vec<Option<Date>>),
    /// Instants.
    Instant(Vec<Option<Timestamp>>),
    /// Exact decimals.
    Decimal(Vec<Option<Decimal>>),
    /// Amounts; the currencies may differ.
    Money(Vec<Option<Money>>),
}

impl Column {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Day(values) => values.len(),
            Self::Instant(values) => values.len(),
            Self::Decimal(values) => values.len(),
            Self::Money(values) => values.len(),
        }
    }

    /// True where there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns one value; [`Cell::Null`] beyond the end.
    pub fn cell(&self, row: usize) -> Cell {
        fn at<T: Clone>(values: &[Option<T>], row: usize, make: impl Fn(T) -> Cell) -> Cell {
            values.get(row).cloned().flatten().map_or(Cell::Null, make)
        }
        match self {
            Self::Text(values) => at(values, row, Cell::Text),
            Self::Integer(values) => at(values, row, Cell::Integer),
            Self::Number(values) => at(values, row, Cell::Number),
            Self::Boolean(values) => at(values, row, Cell::Boolean),
            Self::Day(values) => at(values, row, Cell::Day),
            Self::Instant(values) => at(values, row, Cell::Instant),
            Self::Decimal(values) => at(values, row, Cell::Decimal),
            Self::Money(values) => at(values, row, Cell::Money),
        }
    }

    fn take(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[Option<T>], rows: &[usize]) -> Vec<Option<T>> {
            rows.iter().map(|&row| values.get(row).cloned().flatten()).collect()
        }
        match self {
            Self::Text(values) => Self::Text(pick(values, rows)),
            Self::Integer(values) => Self::Integer(pick(values, rows)),
            Self::Number(values) => Self::Number(pick(values, rows)),
            Self::Boolean(values) => Self::Boolean(pick(values, rows)),
            Self::Day(values) => Self::Day(pick(values, rows)),
            Self::Instant(values) => Self::Instant(pick(values, rows)),
            Self::Decimal(values) => Self::Decimal(pick(values, rows)),
            Self::Money(values) => Self::Money(pick(values, rows)),
        }
    }
}

/// Named columns of equal length.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Frame {
    names: Vec<Arc<str>>,
    columns: Vec<Column>,
    n_rows: usize,
}

macro_rules! accessor {
    ($name:ident, $variant:ident, $kind:ty, $about:literal) => {
        #[doc = $about]
        /// Empty where there is no such column of that kind.
        pub fn $name(&self, column: &str) -> &[Option<$kind>] {
            match self.column(column) {
                Some(Column::$variant(values)) => values,
                _ => &[],
            }
        }
    };
}

impl Frame {
    /// Makes a frame; a column whose length differs from the first one's is refused.
    pub fn new(columns: Vec<(&str, Column)>) -> Result<Self, FrameError> {
        let n_rows = columns.first().map_or(0, |(_, column)| column.len());
        let mut frame = Self { names: Vec::new(), columns: Vec::new(), n_rows };
        for (name, column) in columns {
            if column.len() != n_rows {
                return Err(FrameError {
                    column: name.to_owned(),
                    expected: n_rows,
                    found: column.len(),
                });
            }
            frame.names.push(name.into());
            frame.columns.push(column);
        }
        Ok(frame)
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Returns the names of the columns, in order.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Returns a column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let at = self.names.iter().position(|n| &**n == name)?;
        self.columns.get(at)
    }

    /// Returns all columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns one value; [`Cell::Null`] where there is no such column or row.
    pub fn cell(&self, column: &str, row: usize) -> Cell {
        self.column(column).map_or(Cell::Null, |values| values.cell(row))
    }

    accessor!(texts, Text, Arc<str>, "Returns the values of a text column.");
    accessor!(integers, Integer, i64, "Returns the values of a whole-number column.");
    accessor!(numbers, Number, f64, "Returns the values of a floating-point column.");
    accessor!(booleans, Boolean, bool, "Returns the values of a boolean column.");
    accessor!(days, Day, Date, "Returns the values of a day column.");
    accessor!(instants, Instant, Timestamp, "Returns the values of an instant column.");
    accessor!(decimals, Decimal, Decimal, "Returns the values of a decimal column.");
    accessor!(moneys, Money, Money, "Returns the values of a money column.");

    /// Returns the numbers of the rows that pass all conditions, in order.
    pub fn matching(&self, filters: &[Filter]) -> Vec<usize> {
        let tests: Vec<_> = filters
            .iter()
            .map(|filter| (self.column(&filter.column), filter, many_texts(&filter.test)))
            .collect();
        (0..self.n_rows)
            .filter(|&row| {
                tests.iter().all(|(column, filter, texts)| match (column, texts) {
                    (Some(Column::Text(values)), Some(texts)) => {
                        let value = values.get(row).and_then(Option::as_deref);
                        value.is_some_and(|value| texts.contains(value))
                    }
                    _ => filter.test.holds(&column.map_or(Cell::Null, |values| values.cell(row))),
                })
            })
            .collect()
    }

    /// Returns the rows with these numbers, in the order given.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        Self {
            names: self.names.clone(),
            columns: self.columns.iter().map(|column| column.take(rows)).collect(),
            n_rows: rows.len(),
        }
    }

    /// Returns the rows that pass all conditions.
    #[must_use]
    pub fn filter(&self, filters: &[Filter]) -> Self {
        self.take(&self.matching(filters))
    }

    /// Returns some of the columns, in the order given; names without a column are left out.
    #[must_use]
    pub fn select(&self, names: &[&str]) -> Self {
        let mut frame = Self { n_rows: self.n_rows, ..Self::default() };
        for name in names {
            if let Some(column) = self.column(name) {
                frame.names.push((*name).into());
                frame.columns.push(column.clone());
            }
        }
        frame
    }
}

/// The texts of a list of nothing but texts, so that a long one is not walked for each row.
fn many_texts(test: &Test) -> Option<HashSet<&str>> {
    match test {
        Test::In(cells) if cells.len() > 8 => cells.iter().map(Cell::as_text).collect(),
        _ => None,
    }
}

/// Columns of different lengths were put together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameError {
    /// The column that differs.
    pub column: String,
    /// Rows of the first column.
    pub expected: usize,
    /// Rows of this column.
    pub found: usize,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column `{}` has {} rows, expected {}", self.column, self.found, self.expected)
    }
}

impl std::error::Error for FrameError {}

/// A condition on one column.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Filter {
    /// The column.
    pub column: String,
    /// What its value must be.
    pub test: Test,
}

/// What a value must be to pass. A missing value passes only [`Test::Missing`].
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Equal to a value.
    Is(Cell),
    /// Present and different from a value.
    IsNot(Cell),
    /// One of several values.
    In(Vec<Cell>),
    /// Between two values, both included.
    Between(Cell, Cell),
    /// There is a value.
    Present,
    /// There is no value.
    Missing,
}

impl Test {
    /// True where the value passes.
    pub fn holds(&self, cell: &Cell) -> bool {
        match self {
            Self::Is(value) => !cell.is_null() && cell == value,
            Self::IsNot(value) => !cell.is_null() && cell != value,
            Self::In(values) => !cell.is_null() && values.contains(cell),
            Self::Between(low, high) => at_most(low, cell) && at_most(cell, high),
            Self::Present => !cell.is_null(),
            Self::Missing => cell.is_null(),
        }
    }
}

fn at_most(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => a <= b,
        (Cell::Integer(a), Cell::Integer(b)) => a <= b,
        (Cell::Number(a), Cell::Number(b)) => a <= b,
        (Cell::Day(a), Cell::Day(b)) => a <= b,
        (Cell::Instant(a), Cell::Instant(b)) => a <= b,
        (Cell::Decimal(a), Cell::Decimal(b)) => a <= b,
        (Cell::Money(a), Cell::Money(b)) => a.currency == b.currency && a.minor <= b.minor,
        _ => false,
    }
}

impl Filter {
    /// The value equals a text.
    pub fn is(column: &str, text: &str) -> Self {
        Self { column: column.to_owned(), test: Test::Is(Cell::Text(text.into())) }
    }

    /// The value is true or false.
    pub fn flag(column: &str, value: bool) -> Self {
        Self { column: column.to_owned(), test: Test::Is(Cell::Boolean(value)) }
    }

    /// The day lies within a period.
    pub fn within(column: &str, period: &crate::calendar::Period) -> Self {
        let test = Test::Between(Cell::Day(period.from), Cell::Day(period.to));
        Self { column: column.to_owned(), test }
    }

    /// There is a value.
    pub fn present(column: &str) -> Self {
        Self { column: column.to_owned(), test: Test::Present }
    }

    /// There is no value.
    pub fn missing(column: &str) -> Self {
        Self { column: column.to_owned(), test: Test::Missing }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn filters_pick_rows_and_a_missing_value_passes_only_missing() {
        let frame = Frame::new(vec![
            ("stage", Column::Text(vec![Some("won".into()), None, Some("lost".into())])),
            ("day", Column::Day(vec![Some(date(2026, 1, 1)), Some(date(2026, 2, 1)), None])),
        ])
        .unwrap();
        assert_eq!(frame.matching(&[Filter::is("stage", "won")]), [0]);
        assert_eq!(frame.matching(&[Filter::missing("stage")]), [1]);
        let january = crate::Period::days(date(2026, 1, 1), date(2026, 1, 31));
        assert_eq!(frame.matching(&[Filter::within("day", &january)]), [0]);
        assert_eq!(frame.filter(&[Filter::present("stage")]).texts("stage").len(), 2);
    }

    #[test]
    fn a_long_list_passes_the_same_rows_as_a_short_one() {
        let names: Vec<Option<Arc<str>>> =
            (0..40).map(|i| (i % 7 != 0).then(|| Arc::from(format!("n{i}")))).collect();
        let frame = Frame::new(vec![("name", Column::Text(names))]).unwrap();
        let wanted: Vec<Cell> = (0..40).step_by(3).map(|i| Cell::text(format!("n{i}"))).collect();
        let of = |cells: &[Cell]| {
            frame.matching(&[Filter { column: "name".to_owned(), test: Test::In(cells.to_vec()) }])
        };
        let mut parts: Vec<usize> = wanted.chunks(5).flat_map(of).collect();
        parts.sort_unstable();
        assert_eq!(of(&wanted), parts);
        assert_eq!(parts.len(), 12);
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let columns = vec![("a", Column::Integer(vec![None])), ("b", Column::Integer(vec![]))];
        assert!(Frame::new(columns).is_err());
    }
}
