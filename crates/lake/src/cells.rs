//! Cells of facts as Arrow columns and back: builders, typed views, hashes, bounds.
//!
//! A hash is taken over Arrow columns only, so that a stored row and a row just read, equal in
//! content, have equal hashes. It is the first half of BLAKE3: ids come from outside, and nobody
//! should be able to make two of them meet.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, Date32Array, Date32Builder,
    Decimal128Array, Decimal128Builder, Int64Array, Int64Builder, RecordBatch, StringArray,
    StringBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::compute;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType as InstantType,
};
use domain::fact::Kind;
use domain::{Cell, Column, Decimal};
use jiff::civil::Date;
use jiff::{Span, Timestamp};

use crate::error::LakeError;
use crate::schema::{DECIMAL_SCALE, StoredTable, data_type};

/// First half of a BLAKE3 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Hash(u64, u64);

impl std::hash::Hash for Hash {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // Half of it is spread well enough for a table in memory.
        state.write_u64(self.0);
    }
}

impl Hash {
    pub(crate) fn halves(self) -> (u64, u64) {
        (self.0, self.1)
    }

    pub(crate) fn from_halves(first: u64, second: u64) -> Self {
        Self(first, second)
    }
}

/// Why a cell cannot be stored in a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Misfit {
    /// It is of another kind.
    Kind,
    /// It has more than ten digits after the mark, or more than 28 before.
    Digits,
}

/// Checks that a cell can be stored in a column of a kind.
pub(crate) fn check(kind: Kind, cell: &Cell) -> Result<(), Misfit> {
    match (kind, cell) {
        (_, Cell::Null)
        | (Kind::Text, Cell::Text(_))
        | (Kind::Integer, Cell::Integer(_))
        | (Kind::Boolean, Cell::Boolean(_))
        | (Kind::Day, Cell::Day(_))
        | (Kind::Instant, Cell::Instant(_)) => Ok(()),
        (Kind::Decimal, Cell::Decimal(value)) => {
            decimal_units(*value).map(|_| ()).ok_or(Misfit::Digits)
        }
        _ => Err(Misfit::Kind),
    }
}

/// Returns a decimal in units of 10⁻¹⁰; none where it has more digits than that.
fn decimal_units(value: Decimal) -> Option<i128> {
    let digits = u32::from(DECIMAL_SCALE.unsigned_abs());
    // Zeros at the end are dropped only where there are too many: that takes its time.
    let value = if value.scale() > digits { value.normalize() } else { value };
    let missing = digits.checked_sub(value.scale())?;
    let units = value.mantissa().checked_mul(10_i128.checked_pow(missing)?)?;
    (units.unsigned_abs() < 10_u128.pow(38)).then_some(units)
}

fn decimal_from_units(mut units: i128) -> Option<Decimal> {
    let mut scale = u32::from(DECIMAL_SCALE.unsigned_abs());
    while scale > 0 && units % 10 == 0 {
        units /= 10;
        scale -= 1;
    }
    Decimal::try_from_i128_with_scale(units, scale).ok()
}

fn epoch() -> Date {
    Date::constant(1970, 1, 1)
}

fn day_number(day: Date) -> i32 {
    // Both lie within jiff's years, so that the distance fits.
    day.since(epoch()).map_or(0, |span| span.get_days())
}

fn day_from_number(number: i32) -> Option<Date> {
    epoch().checked_add(Span::new().try_days(number).ok()?).ok()
}

/// A column that is being filled.
pub(crate) enum Builder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Boolean(BooleanBuilder),
    Day(Date32Builder),
    Instant(TimestampMicrosecondBuilder),
    Decimal(Decimal128Builder),
}

impl Builder {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Day => Self::Day(Date32Builder::new()),
            Kind::Instant => {
                let builder = TimestampMicrosecondBuilder::new();
                Self::Instant(builder.with_data_type(data_type(kind)))
            }
            Kind::Decimal => {
                Self::Decimal(Decimal128Builder::new().with_data_type(data_type(kind)))
            }
        }
    }

    /// Appends a cell that [`check`] has passed; no value where the kinds differ all the same.
    pub(crate) fn append(&mut self, cell: &Cell) {
        match self {
            Self::Text(builder) => builder.append_option(cell.as_text()),
            Self::Integer(builder) => builder.append_option(match cell {
                Cell::Integer(value) => Some(*value),
                _ => None,
            }),
            Self::Boolean(builder) => builder.append_option(match cell {
                Cell::Boolean(value) => Some(*value),
                _ => None,
            }),
            Self::Day(builder) => builder.append_option(match cell {
                Cell::Day(day) => Some(day_number(*day)),
                _ => None,
            }),
            Self::Instant(builder) => builder.append_option(match cell {
                Cell::Instant(at) => Some(at.as_microsecond()),
                _ => None,
            }),
            Self::Decimal(builder) => builder.append_option(match cell {
                Cell::Decimal(value) => decimal_units(*value),
                _ => None,
            }),
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Day(builder) => Arc::new(builder.finish()),
            Self::Instant(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
        }
    }
}

/// A column that is being read.
pub(crate) enum View<'a> {
    Text(&'a StringArray),
    Integer(&'a Int64Array),
    Boolean(&'a BooleanArray),
    Day(&'a Date32Array),
    Instant(&'a TimestampMicrosecondArray),
    Decimal(&'a Decimal128Array),
}

impl<'a> View<'a> {
    pub(crate) fn of(kind: Kind, array: &'a ArrayRef) -> Result<Self, LakeError> {
        let view = match kind {
            Kind::Text => array.as_string_opt().map(Self::Text),
            Kind::Integer => array.as_primitive_opt().map(Self::Integer),
            Kind::Boolean => array.as_boolean_opt().map(Self::Boolean),
            Kind::Day => array.as_primitive_opt().map(Self::Day),
            Kind::Instant => array.as_primitive_opt().map(Self::Instant),
            Kind::Decimal => array.as_primitive_opt().map(Self::Decimal),
        };
        view.ok_or_else(|| LakeError::Unreadable {
            what: "type of a column",
            found: array.data_type().to_string(),
        })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array().is_null(row)
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Text(array) => array,
            Self::Integer(array) => array,
            Self::Boolean(array) => array,
            Self::Day(array) => array,
            Self::Instant(array) => array,
            Self::Decimal(array) => array,
        }
    }

    /// Appends one value to the bytes that are hashed; distinct values give distinct bytes.
    pub(crate) fn feed(&self, row: usize, bytes: &mut Vec<u8>) {
        if self.array().is_null(row) {
            bytes.push(0);
            return;
        }
        bytes.push(1);
        match self {
            Self::Text(array) => {
                let text = array.value(row).as_bytes();
                bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text);
            }
            Self::Integer(array) => bytes.extend_from_slice(&array.value(row).to_le_bytes()),
            Self::Boolean(array) => bytes.push(array.value(row).into()),
            Self::Day(array) => bytes.extend_from_slice(&array.value(row).to_le_bytes()),
            Self::Instant(array) => bytes.extend_from_slice(&array.value(row).to_le_bytes()),
            Self::Decimal(array) => bytes.extend_from_slice(&array.value(row).to_le_bytes()),
        }
    }

    pub(crate) fn cell(&self, row: usize) -> Cell {
        if row >= self.array().len() || self.array().is_null(row) {
            return Cell::Null;
        }
        match self {
            Self::Text(array) => Cell::Text(array.value(row).into()),
            Self::Integer(array) => Cell::Integer(array.value(row)),
            Self::Boolean(array) => Cell::Boolean(array.value(row)),
            Self::Day(array) => day_from_number(array.value(row)).map_or(Cell::Null, Cell::Day),
            Self::Instant(array) => {
                Timestamp::from_microsecond(array.value(row)).map_or(Cell::Null, Cell::Instant)
            }
            Self::Decimal(array) => {
                decimal_from_units(array.value(row)).map_or(Cell::Null, Cell::Decimal)
            }
        }
    }
}

/// Takes the hash of the bytes.
pub(crate) fn hash(bytes: &[u8]) -> Hash {
    let hash = blake3::hash(bytes);
    let half = |part: usize| {
        let bytes = hash.as_bytes().iter().skip(part * 8).take(8);
        bytes.fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    Hash(half(0), half(1))
}

/// Takes hashes over rows of a batch whose first columns are those of the fact.
pub(crate) struct Hasher<'a>(Vec<(i64, View<'a>)>);

impl<'a> Hasher<'a> {
    /// Looks at the columns of the fact in a batch of all columns of its table.
    pub(crate) fn new(table: &StoredTable, batch: &'a RecordBatch) -> Result<Self, LakeError> {
        let width = table.fact.map_or(0, |fact| fact.columns.len());
        let columns = table.columns.iter().zip(batch.columns()).take(width);
        let views = columns.map(|(column, array)| Ok((column.id, View::of(column.kind, array)?)));
        Ok(Self(views.collect::<Result<_, LakeError>>()?))
    }

    /// Looks at the key columns alone, in the order of the key.
    pub(crate) fn of_key(views: Vec<View<'a>>) -> Self {
        Self((0..).zip(views).collect())
    }

    /// Reads the first columns of a row.
    pub(crate) fn cells(&self, row: usize, width: usize) -> Vec<Cell> {
        self.0.iter().take(width).map(|(_, view)| view.cell(row)).collect()
    }

    /// Takes the hash of the key columns.
    pub(crate) fn key(&self, row: usize, key: &[usize], bytes: &mut Vec<u8>) -> Hash {
        bytes.clear();
        for (_, view) in key.iter().filter_map(|&at| self.0.get(at)) {
            view.feed(row, bytes);
        }
        hash(bytes)
    }

    /// Takes the hash of what stands in the columns of the mask. Empty cells do not count, so that
    /// a row has the same hash by the columns that its source carries and by all columns, where
    /// the others are empty; also when the model gains columns.
    pub(crate) fn content(&self, row: usize, mask: u64, bytes: &mut Vec<u8>) -> Hash {
        bytes.clear();
        for (at, (id, view)) in self.0.iter().enumerate() {
            if mask & (1 << at) != 0 && !view.is_null(row) {
                bytes.extend_from_slice(&id.to_le_bytes());
                view.feed(row, bytes);
            }
        }
        hash(bytes)
    }

    /// True where two rows hold the same in the columns of the mask.
    pub(crate) fn equal(&self, row: usize, other: &Self, other_row: usize, mask: u64) -> bool {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        self.0.iter().zip(&other.0).enumerate().filter(|(at, _)| mask & (1 << at) != 0).all(
            |(_, ((_, left), (_, right)))| {
                a.clear();
                b.clear();
                left.feed(row, &mut a);
                right.feed(other_row, &mut b);
                a == b
            },
        )
    }
}

/// The greatest bit of a set of columns by their numbers stands for all columns from 63 on.
const LAST_BIT: i64 = 63;

/// Returns the columns of the fact that hold something in a batch: bit `id` for column `id`.
pub(crate) fn filled(table: &StoredTable, batch: &RecordBatch) -> u64 {
    let width = table.fact.map_or(0, |fact| fact.columns.len());
    let columns = table.columns.iter().zip(batch.columns()).take(width);
    let filled = columns.filter(|(_, array)| array.null_count() < array.len());
    filled.fold(0, |set, (column, _)| set | 1 << column.id.clamp(0, LAST_BIT))
}

/// Returns the columns of a mask by position as a set by number, as [`filled`] makes them. Columns
/// from number 63 on are never among them, as one bit stands for all.
pub(crate) fn numbered(table: &StoredTable, mask: u64) -> u64 {
    let columns = table.columns.iter().enumerate().filter(|(at, column)| {
        *at < 64 && mask & (1 << at) != 0 && (0..LAST_BIT).contains(&column.id)
    });
    columns.fold(0, |set, (_, column)| set | 1 << column.id)
}

/// Appends a column of a batch to a column of a frame.
pub(crate) fn extend(column: &mut Column, kind: Kind, array: &ArrayRef) -> Result<(), LakeError> {
    let view = View::of(kind, array)?;
    match (column, &view) {
        (Column::Text(values), View::Text(array)) => {
            values.extend(array.iter().map(|text| text.map(Arc::from)));
        }
        (Column::Integer(values), View::Integer(array)) => values.extend(array.iter()),
        (Column::Boolean(values), View::Boolean(array)) => values.extend(array.iter()),
        (Column::Day(values), View::Day(array)) => {
            values.extend(array.iter().map(|day| day.and_then(day_from_number)));
        }
        (Column::Instant(values), View::Instant(array)) => values
            .extend(array.iter().map(|at| at.and_then(|at| Timestamp::from_microsecond(at).ok()))),
        (Column::Decimal(values), View::Decimal(array)) => {
            values.extend(array.iter().map(|units| units.and_then(decimal_from_units)));
        }
        _ => {
            let found = array.data_type().to_string();
            return Err(LakeError::Unreadable { what: "type of a column", found });
        }
    }
    Ok(())
}

/// Makes an empty column of a frame.
pub(crate) fn empty_column(kind: Kind) -> Column {
    match kind {
        Kind::Text => Column::Text(Vec::new()),
        Kind::Integer => Column::Integer(Vec::new()),
        Kind::Boolean => Column::Boolean(Vec::new()),
        Kind::Day => Column::Day(Vec::new()),
        Kind::Instant => Column::Instant(Vec::new()),
        Kind::Decimal => Column::Decimal(Vec::new()),
    }
}

/// A least or greatest value, ordered as the column is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Bound {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Day(i32),
    Instant(i64),
    Decimal(i128),
}

impl Bound {
    /// The longest text that the catalog keeps, in bytes; a cut text would be no bound.
    const TEXT_LENGTH: usize = 120;

    /// Writes the bound as DuckDB writes the value; none where the catalog cannot keep it.
    pub(crate) fn to_catalog(&self) -> Option<String> {
        match self {
            Self::Text(text) => {
                (text.len() <= Self::TEXT_LENGTH && !text.contains('\0')).then(|| text.clone())
            }
            Self::Integer(value) => Some(value.to_string()),
            Self::Boolean(value) => Some(u8::from(*value).to_string()),
            Self::Day(number) => {
                day_from_number(*number).filter(|d| d.year() > 0).map(|d| d.to_string())
            }
            Self::Instant(at) => {
                let text = format!("{:.6}", Timestamp::from_microsecond(*at).ok()?);
                let plain = text.len() == "2026-01-02T03:04:05.678901Z".len();
                plain.then(|| text.replacen('T', " ", 1).replacen('Z', "+00", 1))
            }
            Self::Decimal(units) => {
                let one = 10_u128.pow(u32::from(DECIMAL_SCALE.unsigned_abs()));
                let (whole, part) = (units.unsigned_abs() / one, units.unsigned_abs() % one);
                let sign = if *units < 0 { "-" } else { "" };
                Some(format!("{sign}{whole}.{part:010}"))
            }
        }
    }

    /// Reads a bound as the catalog keeps it.
    pub(crate) fn from_catalog(kind: Kind, text: &str) -> Option<Self> {
        Some(match kind {
            Kind::Text => Self::Text(text.to_owned()),
            Kind::Integer => Self::Integer(text.parse().ok()?),
            Kind::Boolean => Self::Boolean(matches!(text, "1" | "true")),
            Kind::Day => Self::Day(day_number(text.parse().ok()?)),
            Kind::Instant => {
                let text = text.replacen(' ', "T", 1).replacen("+00", "Z", 1);
                Self::Instant(text.parse::<Timestamp>().ok()?.as_microsecond())
            }
            Kind::Decimal => Self::Decimal(decimal_units(text.parse().ok()?)?),
        })
    }

    /// Returns the bound as a cell.
    pub(crate) fn cell(&self) -> Cell {
        match self {
            Self::Text(text) => Cell::Text(text.as_str().into()),
            Self::Integer(value) => Cell::Integer(*value),
            Self::Boolean(value) => Cell::Boolean(*value),
            Self::Day(number) => day_from_number(*number).map_or(Cell::Null, Cell::Day),
            Self::Instant(at) => Timestamp::from_microsecond(*at).map_or(Cell::Null, Cell::Instant),
            Self::Decimal(units) => decimal_from_units(*units).map_or(Cell::Null, Cell::Decimal),
        }
    }
}

/// What is known of the values of one column of a file.
#[derive(Clone, Default, Debug)]
pub(crate) struct Bounds {
    pub(crate) n_values: u64,
    pub(crate) n_nulls: u64,
    pub(crate) least: Option<Bound>,
    pub(crate) greatest: Option<Bound>,
}

impl Bounds {
    /// Takes in the values of one column of a batch.
    pub(crate) fn widen(&mut self, kind: Kind, array: &ArrayRef) -> Result<(), LakeError> {
        let nulls = array.null_count();
        self.n_nulls += nulls as u64;
        self.n_values += (array.len() - nulls) as u64;
        let (least, greatest) = match View::of(kind, array)? {
            View::Text(array) => (
                compute::min_string(array).map(|text| Bound::Text(text.to_owned())),
                compute::max_string(array).map(|text| Bound::Text(text.to_owned())),
            ),
            View::Integer(array) => (
                compute::min::<Int64Type>(array).map(Bound::Integer),
                compute::max::<Int64Type>(array).map(Bound::Integer),
            ),
            View::Boolean(array) => (
                compute::min_boolean(array).map(Bound::Boolean),
                compute::max_boolean(array).map(Bound::Boolean),
            ),
            View::Day(array) => (
                compute::min::<Date32Type>(array).map(Bound::Day),
                compute::max::<Date32Type>(array).map(Bound::Day),
            ),
            View::Instant(array) => (
                compute::min::<InstantType>(array).map(Bound::Instant),
                compute::max::<InstantType>(array).map(Bound::Instant),
            ),
            View::Decimal(array) => (
                compute::min::<Decimal128Type>(array).map(Bound::Decimal),
                compute::max::<Decimal128Type>(array).map(Bound::Decimal),
            ),
        };
        if let Some(least) = least {
            self.least = Some(match self.least.take() {
                Some(known) => known.min(least),
                None => least,
            });
        }
        self.greatest = self.greatest.take().max(greatest);
        Ok(())
    }
}

/// Counts the true values of a boolean column.
pub(crate) fn count_true(batch: &RecordBatch, column: &str) -> u64 {
    let array = batch.column_by_name(column).and_then(|array| array.as_boolean_opt());
    array.map_or(0, |array| array.true_count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_kept_exactly_or_refused() {
        for text in ["0", "-0.0000000001", "1.50", "9999999999999999999999999999", "-12.3"] {
            let value: Decimal = text.parse().unwrap();
            let units = decimal_units(value).unwrap();
            assert_eq!(decimal_from_units(units).unwrap(), value, "{text}");
        }
        for text in ["0.00000000001", "10000000000000000000000000000"] {
            let cell = Cell::Decimal(text.parse().unwrap());
            assert_eq!(check(Kind::Decimal, &cell), Err(Misfit::Digits), "{text}");
        }
    }

    #[test]
    fn bounds_are_written_as_duckdb_writes_values_and_read_back() {
        let at: Timestamp = "2026-01-02T03:04:05.6Z".parse().unwrap();
        let cases = [
            (Kind::Text, Bound::Text("é".into()), "é"),
            (Kind::Integer, Bound::Integer(-7), "-7"),
            (Kind::Boolean, Bound::Boolean(true), "1"),
            (Kind::Day, Bound::Day(-1), "1969-12-31"),
            (Kind::Instant, Bound::Instant(at.as_microsecond()), "2026-01-02 03:04:05.600000+00"),
            (Kind::Decimal, Bound::Decimal(-15_000_000_000), "-1.5000000000"),
        ];
        for (kind, bound, text) in cases {
            assert_eq!(bound.to_catalog().as_deref(), Some(text));
            assert_eq!(Bound::from_catalog(kind, text), Some(bound));
        }
        assert_eq!(Bound::Text("x".repeat(121)).to_catalog(), None);
    }

    #[test]
    fn days_far_from_now_keep_their_number() {
        for text in ["0001-01-01", "1969-12-31", "1970-01-01", "9999-12-31"] {
            let day: Date = text.parse().unwrap();
            assert_eq!(day_from_number(day_number(day)), Some(day));
        }
    }
}
