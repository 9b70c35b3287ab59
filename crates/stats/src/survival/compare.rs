//! Do groups wait equally long?
//!
//! The log-rank test (Mantel 1966; Peto and Peto 1972) and its weighted forms (Gehan 1965, Tarone
//! and Ware 1977, Peto and Peto 1972 as modified by Andersen 1982, Fleming and Harrington 1991),
//! with the hypergeometric variance and late entries.

use std::cmp::Ordering;

use super::{Fault, Observed, Table};
use crate::linear::Square;
use crate::special::chi_square_tail;

/// What a difference at one time counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weight {
    /// All times alike: the log-rank test, best where the hazards are proportional.
    Even,
    /// As many as are at risk: early differences (Gehan's generalization of Wilcoxon's test).
    Wilcoxon,
    /// The square root of those at risk.
    TaroneWare,
    /// The share of all that still waits, nearly.
    Peto,
    /// Powers of the share that waits before the time, and of the rest.
    FlemingHarrington(f64, f64),
}

/// The test that groups wait alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The statistic.
    pub chi_square: f64,
    /// Its degrees of freedom: groups minus one.
    pub degrees: usize,
    /// How likely one as large is where all groups wait alike.
    pub p: f64,
    /// Events observed in each group, weighted.
    pub observed: Vec<f64>,
    /// Events expected in each group, weighted.
    pub expected: Vec<f64>,
}

/// Compares the wait until an event of any cause between groups.
pub fn log_rank(groups: &[Observed<'_>], weight: Weight) -> Result<Comparison, Fault> {
    let tables = groups.iter().map(Table::of).collect::<Result<Vec<_>, _>>()?;
    compare(&tables, weight)
}

/// Compares groups that have been counted.
pub fn compare(tables: &[Table], weight: Weight) -> Result<Comparison, Fault> {
    let n_groups = tables.len();
    let mut times: Vec<f64> = tables
        .iter()
        .flat_map(|table| table.rows().iter().filter(|row| row.events > 0).map(|row| row.time))
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times.dedup();
    if times.is_empty() || n_groups < 2 {
        return Err(Fault::NoEvent);
    }
    let mut places = vec![0_usize; n_groups];
    let mut observed = vec![0.0; n_groups];
    let mut expected = vec![0.0; n_groups];
    let mut covariance = Square::zero(n_groups);
    let (mut waiting, mut peto) = (1.0_f64, 1.0_f64);
    for time in times {
        let mut here = Vec::with_capacity(n_groups);
        for (table, place) in tables.iter().zip(&mut places) {
            while table.rows().get(*place).is_some_and(|row| row.time < time) {
                *place += 1;
            }
            // Between two rows of a table nothing changes: those at risk are those of the next.
            here.push(table.rows().get(*place).map_or((0.0, 0.0), |row| {
                let events = if row.time <= time { row.events } else { 0 };
                (f64::from(row.at_risk), f64::from(events))
            }));
        }
        let (n, d) = here.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        peto *= 1.0 - d / (n + 1.0);
        let w = match weight {
            Weight::Even => 1.0,
            Weight::Wilcoxon => n,
            Weight::TaroneWare => n.sqrt(),
            Weight::Peto => peto,
            Weight::FlemingHarrington(p, q) => waiting.powf(p) * (1.0 - waiting).powf(q),
        };
        waiting *= 1.0 - d / n;
        let spread = if n > 1.0 { w * w * d * (n - d) / (n - 1.0) } else { 0.0 };
        for (i, (n_i, d_i)) in here.iter().enumerate() {
            add(&mut observed, i, w * d_i);
            add(&mut expected, i, w * d * n_i / n);
            for (j, (n_j, _)) in here.iter().enumerate() {
                let own = if i == j { n_i / n } else { 0.0 };
                covariance.add(i, j, spread * (own - n_i * n_j / (n * n)));
            }
        }
    }
    // The differences sum to zero, so all groups but the last say everything.
    let degrees = n_groups - 1;
    let differences: Vec<f64> =
        observed.iter().zip(&expected).map(|(o, e)| o - e).take(degrees).collect();
    let solved = covariance.leading(degrees).solve(&differences).ok_or(Fault::NotDetermined)?;
    let chi_square = differences.iter().zip(&solved).map(|(a, b)| a * b).sum::<f64>();
    let p = chi_square_tail(chi_square, degrees as f64);
    Ok(Comparison { chi_square, degrees, p, observed, expected })
}

fn add(sums: &mut [f64], at: usize, value: f64) {
    if let Some(sum) = sums.get_mut(at) {
        *sum += value;
    }
}

/// Returns how often, of two subjects of whom one is known to have had the event first, that one
/// had the higher risk (Harrell, Lee and Mark 1996): a half tells nothing, one tells all. Equal
/// risks count half. `None` where no two can be compared, or lengths differ.
///
/// Each pair is looked at: for some ten thousand subjects at most.
pub fn concordance(observed: &Observed<'_>, risk: &[f64]) -> Option<f64> {
    let n = observed.time.len();
    if observed.cause.len() != n || risk.len() != n {
        return None;
    }
    let subjects = || observed.time.iter().zip(observed.cause).zip(risk);
    let (mut pairs, mut agree) = (0_u64, 0.0);
    for ((time, _), risk) in subjects().filter(|((_, cause), _)| **cause > 0) {
        for ((other, cause), against) in subjects() {
            // At the same time, who is not known to have had the event had it later.
            let when = other.total_cmp(time);
            if when.is_gt() || (when.is_eq() && *cause == 0) {
                pairs += 1;
                agree += match risk.total_cmp(against) {
                    Ordering::Greater => 1.0,
                    Ordering::Equal => 0.5,
                    Ordering::Less => 0.0,
                };
            }
        }
    }
    (pairs > 0).then(|| agree / pairs as f64)
}
