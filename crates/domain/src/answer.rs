//! An answer is a value: everything that any surface needs to show, and how each figure opens.
//!
//! Nothing here draws: charts are data, money is exact, and each figure carries the [`Evidence`]
//! whose rows make it. [`measure`] recomputes a figure from its rows, so that "every figure opens,
//! and the rows add up to it" can be checked for all of them by one function.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Serialize, Serializer};

use crate::calendar::Period;
pub use crate::chart::{Annotation, Chart, ChartForm, Mark, Range, Role, Series, Trend};
use crate::definition::Definitions;
use crate::frame::{Cell, Filter, Frame};
use crate::money::{Currency, Money};

/// A question that the product answers.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// One word, the name of the command, the page and the file.
    pub id: &'static str,
    /// The question as a leader asks it.
    pub asks: &'static str,
    /// Who reads the answer.
    pub readers: &'static [&'static str],
    /// The explanation: module documentation, `--help` and page text at once.
    pub help: &'static str,
}

/// What is asked for besides the question itself.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The day as of which it is asked: nothing learned later is used.
    pub as_of: Date,
    /// The period that the figures are for.
    pub period: Period,
    /// The dimensions by which tables are broken down, by name.
    pub by: Vec<String>,
    /// The segment that it is limited to.
    pub segment: Option<String>,
    /// The attribution model, by its identifier.
    pub model: String,
    /// The currency in which money is shown.
    pub currency: Currency,
    /// What the words mean.
    pub definitions: Arc<Definitions>,
    /// The seed of everything that is drawn at random.
    pub seed: u64,
}

/// The rows that were asked for, by the name of the need.
#[derive(Clone, Default, Debug)]
pub struct Given {
    /// A frame for each need.
    pub frames: BTreeMap<String, Frame>,
    /// What the reader should know about the facts themselves.
    pub caveats: Vec<Caveat>,
    /// The last day of which anything was loaded, where it lies before the as-of day.
    pub known_until: Option<Date>,
}

impl Given {
    /// Returns the rows of a need; an empty frame where it was not given.
    pub fn frame(&self, need: &str) -> &Frame {
        static EMPTY: std::sync::LazyLock<Frame> = std::sync::LazyLock::new(Frame::default);
        self.frames.get(need).unwrap_or(&EMPTY)
    }
}

/// A request for rows, under a name of the answer's own.
#[derive(Clone, PartialEq, Debug)]
pub struct Need {
    /// The name under which the rows are handed in.
    pub name: &'static str,
    /// Which rows.
    pub rows: Rows,
}

/// Which rows of which relation: a query as data.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Rows {
    /// The relation, for example `opportunities`.
    pub relation: String,
    /// Conditions that all hold.
    pub filters: Vec<Filter>,
    /// Columns, in the order in which they are shown; empty for all.
    pub columns: Vec<String>,
    /// The attribution model, where the relation depends on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Rows {
    /// All rows of a relation.
    pub fn of(relation: &str) -> Self {
        Self {
            relation: relation.to_owned(),
            filters: Vec::new(),
            columns: Vec::new(),
            model: None,
        }
    }

    /// Adds a condition.
    #[must_use]
    pub fn only(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Adds several conditions.
    #[must_use]
    pub fn all(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters.extend(filters);
        self
    }

    /// Names the columns.
    #[must_use]
    pub fn columns(mut self, columns: &[&str]) -> Self {
        self.columns = columns.iter().map(|&column| column.to_owned()).collect();
        self
    }

    /// Names the attribution model.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }
}

/// How a figure follows from its rows.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The number of rows.
    Count,
    /// The number of different values of a column.
    CountDistinct(String),
    /// The sum of a column: money (exact), whole numbers, decimals or numbers.
    Sum(String),
    /// The share of rows in which a boolean column is true.
    Share(String),
    /// The mean of a column; money is rounded half to even to the minor unit.
    Mean(String),
    /// The median of a column; the mean of the middle two for an even number of rows.
    Median(String),
    /// The sum of amounts that are stated for the rows: what they were on another day than the one
    /// that their columns speak of.
    Stated(Stated),
}

/// Amounts stated for rows, each by the identifier of its row.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stated {
    /// The column with the identifiers.
    pub key: String,
    /// Identifiers with their amounts, in order of the identifiers, none twice.
    pub amounts: Vec<(Arc<str>, Money)>,
}

impl Stated {
    /// States amounts by a column, in any order.
    pub fn by(key: &str, mut amounts: Vec<(Arc<str>, Money)>) -> Self {
        amounts.sort_by(|a, b| a.0.cmp(&b.0));
        Self { key: key.to_owned(), amounts }
    }
}

/// The rows behind a figure and how it follows from them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Evidence {
    /// Which rows.
    pub rows: Rows,
    /// How the figure follows from them.
    pub measure: Measure,
    /// Where the figure is a quotient (cost per lead, return): what it is divided by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Box<Self>>,
    /// A factor on the quotient, as numerator and denominator, for example a margin of 80 / 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<(i64, i64)>,
    /// A constant added to the quotient, for example -1 for a return on investment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plus: Option<i64>,
    /// What the quotient is, where it is more than a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<QuotientUnit>,
}

/// What a quotient is, where it is more than a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotientUnit {
    /// A part of a whole: of two counts, or of two amounts in minor units.
    Share,
    /// Months.
    Months,
}

impl Evidence {
    /// A figure that follows from rows directly.
    pub fn new(rows: Rows, measure: Measure) -> Self {
        Self { rows, measure, per: None, factor: None, plus: None, unit: None }
    }

    /// The number of rows.
    pub fn count(rows: Rows) -> Self {
        Self::new(rows, Measure::Count)
    }

    /// The sum of a column.
    pub fn sum(rows: Rows, column: &str) -> Self {
        Self::new(rows, Measure::Sum(column.to_owned()))
    }

    /// Divides by another figure.
    #[must_use]
    pub fn per(mut self, denominator: Self) -> Self {
        self.per = Some(Box::new(denominator));
        self
    }

    /// Says what the quotient is.
    #[must_use]
    pub fn unit(mut self, unit: QuotientUnit) -> Self {
        self.unit = Some(unit);
        self
    }

    /// Divides one value by another as this evidence says: factor, constant and unit.
    pub fn divide(&self, top: &Value, bottom: &Value) -> Value {
        let nothing = || Value::None("nothing to divide by".to_owned());
        match (self.unit, top, bottom) {
            (Some(QuotientUnit::Share), Value::Money(part), Value::Money(whole))
                if part.currency == whole.currency =>
            {
                if whole.minor > 0 {
                    Value::Share { of: part.minor, total: whole.minor }
                } else {
                    nothing()
                }
            }
            (Some(QuotientUnit::Share), Value::Count(part), Value::Count(whole)) => {
                if *whole > 0 {
                    Value::Share { of: *part, total: *whole }
                } else {
                    nothing()
                }
            }
            (Some(QuotientUnit::Months), ..) => {
                match quotient(top, bottom, self.factor, self.plus) {
                    Value::Number(months) => Value::Months(months),
                    other => other,
                }
            }
            _ => quotient(top, bottom, self.factor, self.plus),
        }
    }
}

/// The value of a figure.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// An amount.
    Money(Money),
    /// A count.
    Count(i64),
    /// An exact decimal count, where a source splits units.
    Decimal(rust_decimal::Decimal),
    /// A share: numerator and denominator are kept, so that small numbers can be shown as "3 of 5".
    Share {
        /// How many.
        of: i64,
        /// Out of how many.
        total: i64,
    },
    /// Days.
    Days(f64),
    /// A number without unit, for example a return of 2.4.
    Number(f64),
    /// Months.
    Months(f64),
    /// There is no value, and why.
    None(String),
}

impl Value {
    /// Returns the value as a number for charts and comparisons; money in major units.
    pub fn number(&self) -> Option<f64> {
        use rust_decimal::prelude::ToPrimitive;
        match self {
            Self::Money(money) => money.to_decimal().to_f64(),
            Self::Count(count) => Some(*count as f64),
            Self::Decimal(value) => value.to_f64(),
            Self::Share { of, total } if *total > 0 => Some(*of as f64 / *total as f64),
            Self::Days(value) | Self::Number(value) | Self::Months(value) => Some(*value),
            Self::Share { .. } | Self::None(_) => None,
        }
    }

    /// True where there is no value.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None(_))
    }

    /// Returns the unit: a currency code, `count`, `share`, `days`, `months`, `number`, or `none`.
    pub fn unit(&self) -> &str {
        match self {
            Self::Money(money) => money.currency_code(),
            Self::Count(_) | Self::Decimal(_) => "count",
            Self::Share { .. } => "share",
            Self::Days(_) => "days",
            Self::Months(_) => "months",
            Self::Number(_) => "number",
            Self::None(_) => "none",
        }
    }
}

impl Serialize for Value {
    /// Serializes as an object with `unit`; money as a decimal string with its currency.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Money(money) => {
                map.serialize_entry("unit", "money")?;
                map.serialize_entry("amount", &money.amount_text())?;
                map.serialize_entry("currency", &money.currency)?;
            }
            Self::Count(count) => {
                map.serialize_entry("unit", "count")?;
                map.serialize_entry("value", count)?;
            }
            Self::Decimal(value) => {
                map.serialize_entry("unit", "count")?;
                map.serialize_entry("value", &value.normalize().to_string())?;
            }
            Self::Share { of, total } => {
                map.serialize_entry("unit", "share")?;
                map.serialize_entry("value", &self.number())?;
                map.serialize_entry("of", of)?;
                map.serialize_entry("total", total)?;
            }
            Self::Days(value) | Self::Months(value) | Self::Number(value) => {
                map.serialize_entry("unit", self.unit())?;
                map.serialize_entry("value", value)?;
            }
            Self::None(reason) => {
                map.serialize_entry("unit", "none")?;
                map.serialize_entry("reason", reason)?;
            }
        }
        map.end()
    }
}

/// A range within which the figure lies with a stated probability, and by which method.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Interval {
    /// Lower end, in the unit of the figure (money in major units, shares from 0 to 1).
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability, for example 0.95.
    pub level: f64,
    /// Method, for example `Wilson`.
    pub method: &'static str,
}

/// One figure.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// Identifier, snake case; part of the interface.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// Its value.
    pub value: Value,
    /// Its uncertainty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The value in the period before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Value>,
    /// The value in the same period a year ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year_ago: Option<Value>,
    /// The target, where a goal gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Value>,
    /// The same figure in the periods up to and including this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
    /// What the word means here, in a sentence.
    pub meaning: String,
    /// The rows behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl Figure {
    /// Makes a figure with a value and the rows behind it.
    pub fn new(id: &str, label: &str, value: Value, meaning: &str) -> Self {
        Self {
            id: id.to_owned(),
            label: label.to_owned(),
            value,
            interval: None,
            previous: None,
            year_ago: None,
            target: None,
            trend: None,
            meaning: meaning.to_owned(),
            evidence: None,
        }
    }

    /// Says which rows make it.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = Some(evidence);
        self
    }

    /// Says how uncertain it is.
    #[must_use]
    pub fn interval(mut self, interval: Option<Interval>) -> Self {
        self.interval = interval;
        self
    }

    /// Says how it went up to now.
    #[must_use]
    pub fn trend(mut self, trend: Option<Trend>) -> Self {
        self.trend = trend.filter(|trend| !trend.points.is_empty());
        self
    }
}

/// A table of figures: each entry can be opened.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Table {
    /// Identifier.
    pub id: String,
    /// Title.
    pub title: String,
    /// The heading of the first column, which names the rows.
    pub of: String,
    /// Headings of the other columns: identifier and label.
    pub columns: Vec<TableColumn>,
    /// The rows.
    pub rows: Vec<TableRow>,
    /// A remark below the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The heading of a column of figures.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TableColumn {
    /// Identifier.
    pub id: String,
    /// Label.
    pub label: String,
}

/// A row of a table.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TableRow {
    /// Identifier.
    pub id: String,
    /// Label.
    pub label: String,
    /// One entry for each column.
    pub entries: Vec<Entry>,
}

/// One value of a table, with the rows behind it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// Its uncertainty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The rows behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl Entry {
    /// An entry with its rows.
    pub fn new(value: Value, evidence: Evidence) -> Self {
        Self { value, interval: None, evidence: Some(evidence) }
    }

    /// An entry without rows of its own.
    pub fn plain(value: Value) -> Self {
        Self { value, interval: None, evidence: None }
    }
}

/// What the reader should know before believing a figure.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Caveat {
    /// A stable code.
    pub code: &'static str,
    /// One sentence.
    pub text: String,
    /// The rows that it speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
}

impl Caveat {
    /// Makes a caveat.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), rows: None }
    }

    /// Says which rows it speaks of.
    #[must_use]
    pub fn rows(mut self, rows: Rows) -> Self {
        self.rows = Some(rows);
        self
    }
}

/// The answer to a question.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Answer {
    /// The question's identifier.
    pub question: &'static str,
    /// The question as asked.
    pub asks: &'static str,
    /// The answer in one or two sentences that a leader would say.
    pub headline: String,
    /// What it was asked for.
    pub asked: Asked,
    /// The figures, most important first.
    pub figures: Vec<Figure>,
    /// Charts.
    pub charts: Vec<Chart>,
    /// Tables.
    pub tables: Vec<Table>,
    /// What the reader should know.
    pub caveats: Vec<Caveat>,
}

/// What an answer was asked for, so that the same answer can be had again.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Asked {
    /// Company.
    pub company: String,
    /// As of which day.
    pub as_of: Date,
    /// For which period.
    pub period: Period,
    /// Compared with.
    pub previous: Period,
    /// By which dimensions.
    pub by: Vec<String>,
    /// Limited to which segment.
    pub segment: Option<String>,
    /// Under which model.
    pub model: String,
    /// Under which sourced rule.
    pub sourced_by: &'static str,
    /// In which currency.
    pub currency: Currency,
    /// In which time zone days begin.
    pub time_zone: String,
    /// Under which version of the definitions.
    pub definitions: String,
}

impl Asked {
    /// True where the period is over: only then a figure can be judged against its target.
    pub fn over(&self) -> bool {
        self.as_of >= self.period.to
    }
}

impl Answer {
    /// Starts an answer to a question.
    pub fn new(question: &Question, ask: &Ask) -> Self {
        Self {
            question: question.id,
            asks: question.asks,
            headline: String::new(),
            asked: Asked {
                company: ask.definitions.company.clone(),
                as_of: ask.as_of,
                period: ask.period.clone(),
                previous: ask.definitions.calendar().previous(&ask.period),
                by: ask.by.clone(),
                segment: ask.segment.clone(),
                model: ask.model.clone(),
                sourced_by: ask.definitions.attribution.sourced_by.id(),
                currency: ask.currency,
                time_zone: ask.definitions.time_zone.clone(),
                definitions: ask.definitions.identity(),
            },
            figures: Vec::new(),
            charts: Vec::new(),
            tables: Vec::new(),
            caveats: Vec::new(),
        }
    }

    /// Returns each value that can be opened: its identifier (`figure`, or `table.row.column`), the
    /// value and the evidence.
    pub fn openable(&self) -> Vec<(String, &Value, &Evidence)> {
        let mut found = Vec::new();
        for figure in &self.figures {
            if let Some(evidence) = &figure.evidence {
                found.push((figure.id.clone(), &figure.value, evidence));
            }
        }
        for table in &self.tables {
            for row in &table.rows {
                for (column, entry) in table.columns.iter().zip(&row.entries) {
                    if let Some(evidence) = &entry.evidence {
                        let id = format!("{}.{}.{}", table.id, row.id, column.id);
                        found.push((id, &entry.value, evidence));
                    }
                }
            }
        }
        found
    }
}

/// Why a figure cannot be recomputed from its rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MeasureError {
    /// The rows hold amounts of several currencies.
    MixedCurrencies,
    /// The sum does not fit.
    Overflow,
    /// There is no such column, or it cannot be measured in this way.
    Column(String),
}

impl fmt::Display for MeasureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MixedCurrencies => write!(f, "the rows hold amounts of several currencies"),
            Self::Overflow => write!(f, "the sum is larger than 64 bits hold"),
            Self::Column(name) => write!(f, "column `{name}` cannot be measured in this way"),
        }
    }
}

impl std::error::Error for MeasureError {}

/// Computes a measure over rows. Missing values are left out; a sum of no rows is 0 in `currency`
/// for money columns, a share, mean or median of none is [`Value::None`].
pub fn measure(rows: &Frame, measure: &Measure, currency: Currency) -> Result<Value, MeasureError> {
    use crate::frame::Column;
    match measure {
        Measure::Count => Ok(Value::Count(i64::try_from(rows.n_rows()).unwrap_or(i64::MAX))),
        Measure::CountDistinct(name) => {
            let column = rows.column(name).ok_or_else(|| MeasureError::Column(name.clone()))?;
            let values: std::collections::BTreeSet<String> = (0..rows.n_rows())
                .map(|row| column.cell(row))
                .filter(|cell| !cell.is_null())
                .map(|cell| cell.to_string())
                .collect();
            Ok(Value::Count(i64::try_from(values.len()).unwrap_or(i64::MAX)))
        }
        Measure::Sum(name) => match rows.column(name) {
            Some(Column::Money(values)) => sum_money(values, currency).map(Value::Money),
            Some(Column::Integer(values)) => values
                .iter()
                .flatten()
                .try_fold(0_i64, |total, value| total.checked_add(*value))
                .map(Value::Count)
                .ok_or(MeasureError::Overflow),
            Some(Column::Decimal(values)) => values
                .iter()
                .flatten()
                .try_fold(rust_decimal::Decimal::ZERO, |total, value| total.checked_add(*value))
                .map(Value::Decimal)
                .ok_or(MeasureError::Overflow),
            Some(Column::Number(values)) => Ok(Value::Number(values.iter().flatten().sum())),
            _ => Err(MeasureError::Column(name.clone())),
        },
        Measure::Share(name) => match rows.column(name) {
            Some(Column::Boolean(values)) => {
                let total = values.iter().flatten().count();
                let of = values.iter().flatten().filter(|value| **value).count();
                Ok(Value::Share {
                    of: i64::try_from(of).unwrap_or(i64::MAX),
                    total: i64::try_from(total).unwrap_or(i64::MAX),
                })
            }
            _ => Err(MeasureError::Column(name.clone())),
        },
        Measure::Stated(stated) => stated_sum(rows, stated, currency).map(Value::Money),
        Measure::Mean(name) => mean(rows, name, currency),
        Measure::Median(name) => median(rows, name),
    }
}

/// Each stated amount must have its row, each row its amount.
fn stated_sum(rows: &Frame, stated: &Stated, currency: Currency) -> Result<Money, MeasureError> {
    let broken = || MeasureError::Column(stated.key.clone());
    let mut found = vec![None; stated.amounts.len()];
    if rows.n_rows() != found.len() {
        return Err(broken());
    }
    for id in rows.texts(&stated.key) {
        let id = id.as_ref().ok_or_else(broken)?;
        let at = stated.amounts.binary_search_by(|(known, _)| known.cmp(id));
        let amount = at.ok().and_then(|at| Some((found.get_mut(at)?, stated.amounts.get(at)?)));
        let (place, (_, amount)) = amount.ok_or_else(broken)?;
        if place.replace(*amount).is_some() {
            return Err(broken());
        }
    }
    sum_money(&found, currency)
}

fn sum_money(values: &[Option<Money>], currency: Currency) -> Result<Money, MeasureError> {
    let mut total = Money::zero(currency);
    for money in values.iter().flatten() {
        total = total.checked_add(*money).map_err(|error| match error {
            crate::money::MoneyError::Mixed(..) => MeasureError::MixedCurrencies,
            _ => MeasureError::Overflow,
        })?;
    }
    Ok(total)
}

fn mean(rows: &Frame, name: &str, currency: Currency) -> Result<Value, MeasureError> {
    use crate::frame::Column;
    let nothing = || Value::None("no rows".to_owned());
    match rows.column(name) {
        Some(Column::Money(values)) => {
            let n = values.iter().flatten().count();
            let total = sum_money(values, currency)?;
            let mean = total.to_decimal().checked_div(rust_decimal::Decimal::from(n));
            match mean {
                None => Ok(nothing()),
                Some(mean) => Money::from_decimal(mean, currency)
                    .map(Value::Money)
                    .map_err(|_| MeasureError::Overflow),
            }
        }
        Some(Column::Integer(_) | Column::Number(_)) => {
            let values = numbers(rows, name);
            let n = values.len() as f64;
            Ok(if values.is_empty() {
                nothing()
            } else {
                Value::Number(values.iter().sum::<f64>() / n)
            })
        }
        _ => Err(MeasureError::Column(name.to_owned())),
    }
}

fn median(rows: &Frame, name: &str) -> Result<Value, MeasureError> {
    let mut values = numbers(rows, name);
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied();
    let lower = if values.len().is_multiple_of(2) {
        middle.checked_sub(1).and_then(|at| values.get(at)).copied()
    } else {
        upper
    };
    match (rows.column(name), lower, upper) {
        (None, ..) => Err(MeasureError::Column(name.to_owned())),
        (_, Some(low), Some(high)) => Ok(Value::Days(f64::midpoint(low, high))),
        _ => Ok(Value::None("no rows".to_owned())),
    }
}

fn numbers(rows: &Frame, name: &str) -> Vec<f64> {
    let whole = rows.integers(name).iter().flatten().map(|&value| value as f64);
    whole.chain(rows.numbers(name).iter().flatten().copied()).collect()
}

/// Computes a figure from the rows of its evidence and of what it is divided by.
pub fn figure(
    evidence: &Evidence,
    fetch: &mut dyn FnMut(&Rows) -> Frame,
    currency: Currency,
) -> Result<Value, MeasureError> {
    let top = measure(&fetch(&evidence.rows), &evidence.measure, currency)?;
    match &evidence.per {
        None => Ok(top),
        Some(denominator) => {
            let bottom = figure(denominator, fetch, currency)?;
            Ok(evidence.divide(&top, &bottom))
        }
    }
}

/// Divides one value by another: money by a count is money (rounded half to even), everything else
/// a number. Dividing by nothing gives no value, with the reason.
pub fn quotient(
    top: &Value,
    bottom: &Value,
    factor: Option<(i64, i64)>,
    plus: Option<i64>,
) -> Value {
    let (up, down) = factor.unwrap_or((1, 1));
    match (top, bottom) {
        (Value::Money(money), Value::Count(n)) if plus.is_none() => {
            let exact = money
                .to_decimal()
                .checked_mul(up.into())
                .and_then(|x| x.checked_div(rust_decimal::Decimal::from(down)))
                .and_then(|x| x.checked_div(rust_decimal::Decimal::from(*n)));
            exact
                .and_then(|x| Money::from_decimal(x, money.currency).ok())
                .map_or_else(|| Value::None("nothing to divide by".to_owned()), Value::Money)
        }
        _ => match (top.number(), bottom.number()) {
            (Some(top), Some(bottom)) if bottom != 0.0 => {
                Value::Number(top * up as f64 / down as f64 / bottom + plus.unwrap_or(0) as f64)
            }
            _ => Value::None("nothing to divide by".to_owned()),
        },
    }
}

/// Returns the cell that shows a value in a file: money and counts exact.
pub fn cell(value: &Value) -> Cell {
    match value {
        Value::Money(money) => Cell::Money(*money),
        Value::Count(count) => Cell::Integer(*count),
        Value::Decimal(value) => Cell::Decimal(*value),
        Value::None(_) => Cell::Null,
        other => other.number().map_or(Cell::Null, Cell::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stated_amounts_need_exactly_their_rows() {
        let usd = |minor| Money::from_minor(minor, Currency::USD);
        let rows = |ids: &[&str]| {
            let ids = ids.iter().map(|id| Some(Arc::from(*id))).collect();
            Frame::new(vec![("id", crate::frame::Column::Text(ids))]).unwrap()
        };
        let stated = Stated::by("id", vec![("b".into(), usd(5)), ("a".into(), usd(-2))]);
        let by = Measure::Stated(stated);
        let of = |ids: &[&str]| measure(&rows(ids), &by, Currency::USD);
        assert_eq!(of(&["a", "b"]), Ok(Value::Money(usd(3))));
        for wrong in [&["a"][..], &["a", "a"], &["a", "c"], &["a", "b", "c"]] {
            assert_eq!(of(wrong), Err(MeasureError::Column("id".to_owned())));
        }
        let none = Measure::Stated(Stated::by("id", Vec::new()));
        assert_eq!(measure(&Frame::default(), &none, Currency::USD), Ok(Value::Money(usd(0))));
    }

    #[test]
    fn a_quotient_is_what_its_unit_says_and_nothing_where_there_is_nothing_to_divide_by() {
        let usd = |minor| Value::Money(Money::from_minor(minor, Currency::USD));
        let plain = Evidence::count(Rows::of("spend"));
        let share = plain.clone().unit(QuotientUnit::Share);
        assert_eq!(share.divide(&usd(1), &usd(4)), Value::Share { of: 1, total: 4 });
        assert_eq!(
            share.divide(&Value::Count(0), &Value::Count(3)),
            Value::Share { of: 0, total: 3 }
        );
        let months = Evidence { factor: Some((12, 1)), ..plain.clone().unit(QuotientUnit::Months) };
        assert_eq!(months.divide(&usd(1), &usd(2)), Value::Months(6.0));
        assert_eq!(plain.divide(&usd(5), &Value::Count(2)), usd(2));
        for evidence in [plain, share, months] {
            assert!(evidence.divide(&usd(1), &usd(0)).is_none());
            assert!(evidence.divide(&usd(1), &Value::Count(0)).is_none());
        }
    }
}
