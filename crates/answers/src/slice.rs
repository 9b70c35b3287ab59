//! Some rows of a need together with the query that finds exactly them again.
//!
//! Whatever is computed from a slice carries that query as its evidence, so a figure and the rows
//! behind it cannot drift apart. A slice is cut once and grouped once; no cell is looked at twice
//! for one condition. The arithmetic is [`domain::answer::measure`], the same that opens a figure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::answer::{Entry, QuotientUnit, Stated, measure};
use domain::{
    Cell, Column, Currency, Evidence, Filter, Frame, Given, Measure, Money, Rows, Test, Value,
};

/// Rows of one frame and the query for them.
#[derive(Clone, Debug)]
pub(crate) struct Slice<'a> {
    frame: &'a Frame,
    rows: Rows,
    at: Vec<usize>,
    currency: Currency,
}

/// The rows of one value of a column; no value where the column is empty.
pub(crate) type Group<'a> = (Option<Arc<str>>, Slice<'a>);

impl<'a> Slice<'a> {
    /// Takes all rows of a need; `rows` is the query that they answer, without the span of days
    /// that the need added to keep the frame small (conditions on days are added by
    /// [`Slice::only`]).
    pub(crate) fn of(given: &'a Given, need: &str, rows: Rows, currency: Currency) -> Self {
        let frame = given.frame(need);
        Self { frame, rows, at: (0..frame.n_rows()).collect(), currency }
    }

    /// Keeps the rows that pass a condition.
    pub(crate) fn only(&self, filter: Filter) -> Self {
        let column = self.frame.column(&filter.column);
        let at = match (column, &filter.test) {
            // The common conditions without making a cell of each value.
            (Some(Column::Text(values)), Test::Is(Cell::Text(wanted))) => {
                self.keep(|row| at(values, row).is_some_and(|text| **text == **wanted))
            }
            (Some(Column::Day(values)), Test::Between(Cell::Day(from), Cell::Day(to))) => {
                self.keep(|row| at(values, row).is_some_and(|day| from <= day && day <= to))
            }
            (Some(Column::Boolean(values)), Test::Is(Cell::Boolean(wanted))) => {
                self.keep(|row| at(values, row) == Some(wanted))
            }
            (Some(column), test) => self.keep(|row| test.holds(&column.cell(row))),
            (None, test) => self.keep(|_| test.holds(&Cell::Null)),
        };
        Self { rows: self.rows.clone().only(filter), at, ..*self }
    }

    fn keep(&self, passes: impl Fn(usize) -> bool) -> Vec<usize> {
        self.at.iter().copied().filter(|&row| passes(row)).collect()
    }

    /// Splits by a text column, in order of the values; the rows without a value come last.
    pub(crate) fn split(&self, column: &str) -> Vec<Group<'a>> {
        let values = self.frame.texts(column);
        let mut place: HashMap<Option<&str>, usize> = HashMap::new();
        let mut groups: Vec<Group<'a>> = Vec::new();
        for &row in &self.at {
            let value = at(values, row);
            let group = *place.entry(value.map(|text| &**text)).or_insert_with(|| {
                groups.push((value.cloned(), self.none_of(column, value)));
                groups.len() - 1
            });
            if let Some((_, slice)) = groups.get_mut(group) {
                slice.at.push(row);
            }
        }
        groups.sort_by(|(a, _), (b, _)| (a.is_none(), a).cmp(&(b.is_none(), b)));
        groups
    }

    /// The part of one value of a column, without any rows yet.
    fn none_of(&self, column: &str, value: Option<&Arc<str>>) -> Self {
        let filter = value.map_or_else(|| Filter::missing(column), |text| Filter::is(column, text));
        Self { rows: self.rows.clone().only(filter), at: Vec::new(), ..*self }
    }

    /// Returns the part of one value out of a split; empty, with its query, where there is none.
    pub(crate) fn part(&self, groups: &[Group<'a>], column: &str, value: Option<&str>) -> Self {
        let wanted = (value.is_none(), value);
        groups
            .binary_search_by(|(of, _)| (of.is_none(), of.as_deref()).cmp(&wanted))
            .ok()
            .and_then(|at| groups.get(at))
            .map_or_else(
                || self.none_of(column, value.map(Arc::from).as_ref()),
                |(_, slice)| slice.clone(),
            )
    }

    /// Keeps the rows whose text is one of several.
    pub(crate) fn among(&self, column: &str, ids: &[Arc<str>]) -> Self {
        let wanted: HashSet<&str> = ids.iter().map(|id| &**id).collect();
        let values = self.frame.texts(column);
        let at = self.keep(|row| at(values, row).is_some_and(|text| wanted.contains(&**text)));
        let cells = ids.iter().cloned().map(Cell::Text).collect();
        let filter = Filter { column: column.to_owned(), test: Test::In(cells) };
        Self { rows: self.rows.clone().only(filter), at, ..*self }
    }

    /// A sum that is stated for rows by their identifiers: what they were on another day.
    pub(crate) fn stated(&self, key: &str, amounts: &[(Arc<str>, i64)]) -> Entry {
        let money = |minor| Money::from_minor(minor, self.currency);
        let total = amounts.iter().try_fold(0_i64, |sum, (_, minor)| sum.checked_add(*minor));
        let Some(total) = total else {
            return Entry::plain(Value::None("the sum is too large".to_owned()));
        };
        let ids: Vec<Arc<str>> = amounts.iter().map(|(id, _)| Arc::clone(id)).collect();
        let amounts = amounts.iter().map(|(id, minor)| (Arc::clone(id), money(*minor))).collect();
        let stated = Measure::Stated(Stated::by(key, amounts));
        self.among(key, &ids).entry(Value::Money(money(total)), stated, None)
    }

    /// Returns the number of rows.
    pub(crate) fn n(&self) -> usize {
        self.at.len()
    }

    /// Returns the number of rows as counts are kept.
    pub(crate) fn size(&self) -> i64 {
        i64::try_from(self.n()).unwrap_or(i64::MAX)
    }

    /// Returns the texts of a column, row by row.
    pub(crate) fn texts(&self, column: &str) -> impl Iterator<Item = Option<&'a Arc<str>>> {
        let values = self.frame.texts(column);
        self.at.iter().map(move |&row| at(values, row))
    }

    /// Returns the amounts of a money column, row by row.
    pub(crate) fn moneys(&self, column: &str) -> impl Iterator<Item = Option<&'a Money>> {
        let values = self.frame.moneys(column);
        self.at.iter().map(move |&row| at(values, row))
    }

    /// Returns the whole numbers of a column, row by row.
    pub(crate) fn integers(&self, column: &str) -> impl Iterator<Item = Option<&'a i64>> {
        let values = self.frame.integers(column);
        self.at.iter().map(move |&row| at(values, row))
    }

    /// Returns the days of a column, row by row.
    pub(crate) fn days(&self, column: &str) -> impl Iterator<Item = Option<&'a jiff::civil::Date>> {
        let values = self.frame.days(column);
        self.at.iter().map(move |&row| at(values, row))
    }

    /// The number of rows.
    pub(crate) fn count(&self) -> Entry {
        self.entry(Value::Count(self.size()), Measure::Count, None)
    }

    /// The number of different texts of a column.
    pub(crate) fn distinct(&self, column: &str) -> Entry {
        let different: HashSet<&str> = self.texts(column).flatten().map(|text| &**text).collect();
        let count = i64::try_from(different.len()).unwrap_or(i64::MAX);
        self.entry(Value::Count(count), Measure::CountDistinct(column.to_owned()), Some(column))
    }

    /// The sum of a money column.
    pub(crate) fn sum(&self, column: &str) -> Entry {
        let none = Value::Money(Money::zero(self.currency));
        self.measured(Measure::Sum(column.to_owned()), column, none)
    }

    /// The sum of a column of whole numbers.
    pub(crate) fn total(&self, column: &str) -> Entry {
        self.measured(Measure::Sum(column.to_owned()), column, Value::Count(0))
    }

    /// The share of rows in which a boolean column is true.
    pub(crate) fn share(&self, column: &str) -> Entry {
        let none = Value::Share { of: 0, total: 0 };
        self.measured(Measure::Share(column.to_owned()), column, none)
    }

    /// The mean of a money column.
    pub(crate) fn mean(&self, column: &str) -> Entry {
        let none = Value::None("no rows".to_owned());
        self.measured(Measure::Mean(column.to_owned()), column, none)
    }

    /// The median of a column of whole days.
    pub(crate) fn median(&self, column: &str) -> Entry {
        let none = Value::None("no rows".to_owned());
        self.measured(Measure::Median(column.to_owned()), column, none)
    }

    /// Measures a column; `none` is what a measure of no rows is, since a frame of no rows may not
    /// know the kind of its columns.
    fn measured(&self, by: Measure, column: &str, none: Value) -> Entry {
        if self.at.is_empty() {
            return self.entry(none, by, Some(column));
        }
        let picked = self.frame.column(column).map(|values| pick(values, &self.at));
        let frame = picked.and_then(|values| Frame::new(vec![(column, values)]).ok());
        match measure(&frame.unwrap_or_default(), &by, self.currency) {
            Ok(value) => self.entry(value, by, Some(column)),
            Err(error) => Entry::plain(Value::None(error.to_string())),
        }
    }

    fn entry(&self, value: Value, by: Measure, column: Option<&str>) -> Entry {
        let mut rows = self.rows.clone();
        rows.columns = shown(&rows.relation).iter().map(|&name| name.to_owned()).collect();
        if let Some(column) = column.filter(|column| !rows.columns.iter().any(|c| c == column)) {
            rows.columns.push(column.to_owned());
        }
        Entry::new(value, Evidence::new(rows, by))
    }
}

/// Divides two entries as a share of a whole; no value, with this reason, where there is no whole.
pub(crate) fn share_of(part: &Entry, whole: &Entry, otherwise: &str) -> Entry {
    per(part, whole, |evidence| evidence.unit(QuotientUnit::Share), otherwise)
}

/// Divides two entries; `how` adds factor, constant and unit. Without a quotient there is no value,
/// with this reason, and nothing to open.
pub(crate) fn per(
    top: &Entry,
    bottom: &Entry,
    how: impl Fn(Evidence) -> Evidence,
    otherwise: &str,
) -> Entry {
    let (Some(over), Some(under)) = (&top.evidence, &bottom.evidence) else {
        return Entry::plain(Value::None(otherwise.to_owned()));
    };
    let evidence = how(over.clone().per(under.clone()));
    match evidence.divide(&top.value, &bottom.value) {
        Value::None(_) => Entry::plain(Value::None(otherwise.to_owned())),
        value => Entry::new(value, evidence),
    }
}

/// The columns that are shown when rows of a relation are opened.
fn shown(relation: &str) -> &'static [&'static str] {
    match relation {
        "opportunities" => &[
            "id",
            "name",
            "account",
            "segment",
            "owner",
            "source",
            "channel",
            "program",
            "stage",
            "amount",
            "created_on",
            "closed_on",
        ],
        "credits" => &[
            "opportunity_id",
            "opportunity",
            "account",
            "channel",
            "program",
            "n_touches",
            "share",
            "credit",
            "credit_won",
            "created_on",
            "closed_on",
        ],
        "spend" => &[
            "day",
            "platform",
            "program",
            "channel",
            "amount",
            "amount_native",
            "impressions",
            "clicks",
            "invalid_clicks",
        ],
        "touch_days" => &["day", "program", "channel", "n_touches", "n_invalid", "n_sends"],
        "leads" => {
            &["id", "created_on", "account_id", "channel", "program", "lead_source", "status"]
        }
        "lead_stages" => {
            &["id", "stage", "entered_on", "left_on", "how", "account_id", "channel", "program"]
        }
        "demand_units" => &[
            "id",
            "account",
            "channel",
            "program",
            "n_people",
            "target_on",
            "active_on",
            "engaged_on",
            "prioritized_on",
            "qualified_on",
            "pipeline_on",
            "closed_on",
            "outcome",
            "amount",
        ],
        "stage_visits" => &[
            "opportunity_id",
            "opportunity",
            "stage",
            "entered_on",
            "left_on",
            "days",
            "next",
            "move",
            "n_skipped",
            "amount",
        ],
        "loads" => &["load_id", "recorded_on", "n_files", "n_read", "n_loaded", "n_known"],
        "sources" => &["source", "loaded_on", "age_days", "n_files", "n_read", "n_loaded"],
        "stored" => &["table", "n_rows", "n_withdrawn", "loaded_on", "newest_on"],
        "quarantined" => {
            &["load_id", "file", "line", "column", "rule", "table", "amount", "recorded_on"]
        }
        _ => &[],
    }
}

fn at<T>(values: &[Option<T>], row: usize) -> Option<&T> {
    values.get(row).and_then(Option::as_ref)
}

fn pick(column: &Column, rows: &[usize]) -> Column {
    fn taken<T: Clone>(values: &[Option<T>], rows: &[usize]) -> Vec<Option<T>> {
        rows.iter().map(|&row| at(values, row).cloned()).collect()
    }
    match column {
        Column::Text(values) => Column::Text(taken(values, rows)),
        Column::Integer(values) => Column::Integer(taken(values, rows)),
        Column::Number(values) => Column::Number(taken(values, rows)),
        Column::Boolean(values) => Column::Boolean(taken(values, rows)),
        Column::Day(values) => Column::Day(taken(values, rows)),
        Column::Instant(values) => Column::Instant(taken(values, rows)),
        Column::Decimal(values) => Column::Decimal(taken(values, rows)),
        Column::Money(values) => Column::Money(taken(values, rows)),
    }
}
