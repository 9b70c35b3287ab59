//! How sure a figure is: intervals around the values of a slice.
//!
//! Rate: Wilson (1927). Difference of rates: Newcombe (1998). Median: order statistics. Mean of
//! money: bootstrap with bias correction and acceleration (Efron 1987) for fewer than 200 values,
//! since deals are skewed; Student's t from there on. Credit: Poisson bootstrap over deals. An
//! interval never leaves out the figure that it is for.

use std::collections::BTreeMap;

use domain::Value;
use domain::answer::{Entry, Interval};
use stats::bootstrap::{self, CreditInterval, Credits, REPLICATES_DEFAULT};
use stats::interval;

use crate::slice::Slice;
use crate::words;

/// The probability that intervals are made for.
pub(crate) const LEVEL: f64 = 0.95;

const FEW: usize = 200;
const REPLICATES: usize = 999;

/// Adds Wilson's interval to a share of rows.
pub(crate) fn with_rate(entry: Entry) -> Entry {
    let found = part_of(&entry.value)
        .and_then(|(of, total)| interval::wilson(of, total, LEVEL))
        .map(|found| (found.low, found.high));
    around(entry, found, "Wilson")
}

/// The mean of a money column, with its interval.
pub(crate) fn mean(slice: &Slice<'_>, column: &str, seed: u64) -> Entry {
    // In minor units, scaled once at the end: a decimal for each deal would cost more than the
    // rest.
    let mut values: Vec<f64> =
        slice.moneys(column).flatten().map(|money| money.minor as f64).collect();
    // In one order, so that the order of the rows changes no bit.
    values.sort_unstable_by(f64::total_cmp);
    let (found, method) = if values.len() < FEW {
        (interval::mean_bootstrap(&values, LEVEL, REPLICATES, seed), "BCa bootstrap")
    } else {
        (interval::mean(&values, LEVEL), "Student")
    };
    let digits = slice.moneys(column).flatten().next().map_or(0, |money| money.currency.digits());
    let major = |minor: f64| minor / 10_f64.powi(i32::try_from(digits).unwrap_or(0));
    let found = found.map(|found| (major(found.low), major(found.high)));
    around(slice.mean(column), found, method)
}

/// The median of a column of days, with its interval.
pub(crate) fn median(slice: &Slice<'_>, column: &str) -> Entry {
    let values: Vec<f64> = slice.integers(column).flatten().map(|&days| days as f64).collect();
    let found = interval::median(&values, LEVEL).map(|found| (found.low, found.high));
    around(slice.median(column), found, "order statistics")
}

/// Takes the interval from an entry that rests on few rows.
pub(crate) fn sure(entry: Entry, n: i64) -> Entry {
    if n < words::SMALL { Entry { interval: None, ..entry } } else { entry }
}

/// The method of [`credits`].
pub(crate) const BOOTSTRAP: &str = "Poisson bootstrap over deals";

/// How sure the sums of a money column are for each of some values of a text column, in minor
/// units, and their shares: from drawing the deals of `opportunity_id` anew.
pub(crate) fn credits(
    slice: &Slice<'_>,
    column: &str,
    amount: &str,
    ids: &[&str],
    seed: u64,
) -> Vec<CreditInterval> {
    let place: BTreeMap<&str, u32> = ids.iter().copied().zip(0..).collect();
    let credited = slice.moneys(amount).map(|money| money.map_or(0, |money| money.minor));
    let mut rows: Vec<(&str, u32, i64)> = slice
        .texts("opportunity_id")
        .zip(slice.texts(column))
        .zip(credited)
        .filter_map(|((deal, group), credit)| Some((&**deal?, *place.get(&**group?)?, credit)))
        .collect();
    // In one order, so that the order of the rows changes no draw.
    rows.sort_unstable();
    let mut offsets = vec![0];
    offsets.extend(rows.chunk_by(|a, b| a.0 == b.0).scan(0, |at, unit| {
        *at += unit.len();
        Some(*at)
    }));
    let which: Vec<u32> = rows.iter().map(|row| row.1).collect();
    let amounts: Vec<f64> = rows.iter().map(|row| row.2 as f64).collect();
    let credits =
        Credits { offsets: &offsets, channels: &which, amounts: &amounts, n_channels: ids.len() };
    let replicates = if rows.len() < 20_000 { 1_000 } else { REPLICATES_DEFAULT };
    bootstrap::credit_intervals(credits, replicates, LEVEL, seed).unwrap_or_default()
}

/// What can be said about two rates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Difference {
    /// The first is higher, beyond chance.
    Higher,
    /// The first is lower, beyond chance.
    Lower,
    /// Chance alone may explain it.
    WithinChance,
}

/// Compares two shares of rows; `None` where one of them has no rows.
pub(crate) fn difference(a: &Value, b: &Value) -> Option<Difference> {
    let ((k_a, n_a), (k_b, n_b)) = (part_of(a)?, part_of(b)?);
    let found = interval::newcombe(k_b, n_b, k_a, n_a, LEVEL)?;
    Some(if found.low > 0.0 {
        Difference::Higher
    } else if found.high < 0.0 {
        Difference::Lower
    } else {
        Difference::WithinChance
    })
}

/// Adds an interval to an entry, widened to contain its value where rounding to the minor unit
/// moved it.
pub(crate) fn around(mut entry: Entry, found: Option<(f64, f64)>, method: &'static str) -> Entry {
    entry.interval = entry.value.number().zip(found).map(|(point, (low, high))| Interval {
        low: low.min(point),
        high: high.max(point),
        level: LEVEL,
        method,
    });
    entry
}

fn part_of(value: &Value) -> Option<(u64, u64)> {
    match value {
        Value::Share { of, total } => Some((u64::try_from(*of).ok()?, u64::try_from(*total).ok()?)),
        _ => None,
    }
}
