//! Why a product of factors changed: each factor's part, adding up to the change.
//!
//! Where all factors are positive at both times the parts are those of the logarithmic mean Divisia
//! index (Ang 2004): the change of the logarithm of each factor, times the logarithmic mean of the
//! two products. It has no residue, does not depend on the order of the factors, and a factor that
//! did not change has no part. Where a factor is zero its logarithm does not exist; then the parts
//! are Shapley's (Shorrocks 2013): the mean effect of changing the factor over all orders in which
//! the factors could have changed.

#![expect(clippy::indexing_slicing, reason = "factors and parts have the same length")]

/// How a change was divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// Logarithmic mean Divisia index.
    LogMean,
    /// Shapley values.
    Shapley,
}

/// A change and its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The product before.
    pub before: f64,
    /// The product after.
    pub after: f64,
    /// The part of each factor; they sum to `after − before`.
    pub parts: Vec<f64>,
    /// How they were found.
    pub division: Division,
}

/// The number of factors up to which Shapley's parts are computed.
const MOST: usize = 12;

/// Divides the change of a product among its factors. A divisor (days of a cycle) goes in as its
/// reciprocal. `None` for no factors, different numbers of them, a negative or infinite one, or
/// zeros among more than 12.
pub fn explain(before: &[f64], after: &[f64]) -> Option<Explained> {
    let n = before.len();
    let good = |factors: &[f64]| factors.iter().all(|x| *x >= 0.0 && x.is_finite());
    if n == 0 || n != after.len() || !good(before) || !good(after) {
        return None;
    }
    let (first, last): (f64, f64) = (before.iter().product(), after.iter().product());
    let positive = before.iter().chain(after).all(|x| *x > 0.0);
    let division = if positive { Division::LogMean } else { Division::Shapley };
    let mut parts = match division {
        Division::LogMean => {
            let mean = log_mean(first, last);
            before.iter().zip(after).map(|(x, y)| mean * (y / x).ln()).collect::<Vec<f64>>()
        }
        Division::Shapley if n <= MOST => shapley(before, after),
        Division::Shapley => return None,
    };
    // What rounding leaves goes to the largest part.
    let rest = last - first - parts.iter().sum::<f64>();
    let largest = (0..n).max_by(|a, b| parts[*a].abs().total_cmp(&parts[*b].abs()))?;
    parts[largest] += rest;
    Some(Explained { before: first, after: last, parts, division })
}

/// The logarithmic mean `(b − a) / (ln b − ln a)`.
fn log_mean(a: f64, b: f64) -> f64 {
    let ratio = (b - a) / a;
    if ratio.abs() < 1e-6 {
        // Its series, since the quotient loses all digits.
        return a * (1.0 + 0.5 * ratio - ratio * ratio / 12.0);
    }
    (b - a) / ratio.ln_1p()
}

fn shapley(before: &[f64], after: &[f64]) -> Vec<f64> {
    let n = before.len();
    let product = |changed: usize| -> f64 {
        (0..n).map(|i| if changed >> i & 1 == 1 { after[i] } else { before[i] }).product()
    };
    // Weight of a set of this size: s! (n − s − 1)! / n!.
    let factorial = |k: usize| (1..=k).map(|i| i as f64).product::<f64>();
    let weight = |size: usize| factorial(size) * factorial(n - size - 1) / factorial(n);
    (0..n)
        .map(|i| {
            (0_usize..1 << n)
                .filter(|set| set >> i & 1 == 0)
                .map(|set| {
                    let size = set.count_ones() as usize;
                    weight(size) * (product(set | 1 << i) - product(set))
                })
                .sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_factor_that_doubles_has_all_of_the_change() {
        let found = explain(&[10.0, 0.25, 8.0, 0.02], &[20.0, 0.25, 8.0, 0.02]).unwrap();
        assert_eq!(found.division, Division::LogMean);
        assert!((found.parts[0] - 0.4).abs() < 1e-12);
        assert!(found.parts[1..].iter().all(|part| part.abs() < 1e-12));
        // Two that double share evenly.
        let found = explain(&[1.0, 1.0], &[2.0, 2.0]).unwrap();
        assert!((found.parts[0] - 1.5).abs() < 1e-12 && (found.parts[1] - 1.5).abs() < 1e-12);
    }

    #[test]
    fn from_nothing_the_parts_are_shapleys() {
        let found = explain(&[0.0, 2.0], &[3.0, 4.0]).unwrap();
        assert_eq!(found.division, Division::Shapley);
        // First factor first: 6 then 6; second first: 0 then 12.
        assert_eq!(found.parts, [9.0, 3.0]);
        assert_eq!(explain(&[], &[]), None);
        assert_eq!(explain(&[1.0], &[-1.0]), None);
        assert_eq!(explain(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(explain(&[f64::NAN], &[1.0]), None);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_do_not_depend_on_the_order(
            pairs in prop::collection::vec((0.0_f64..1e6, 0.0_f64..1e6), 1..6), zero: bool,
        ) {
            let floor = |x: f64| if zero { x } else { x + 1e-3 };
            let before: Vec<f64> = pairs.iter().map(|(x, _)| floor(*x)).collect();
            let after: Vec<f64> = pairs.iter().map(|(_, y)| floor(*y)).collect();
            let found = explain(&before, &after).unwrap();
            let change = found.after - found.before;
            let scale = found.before.abs().max(found.after.abs()).max(1.0);
            prop_assert!((found.parts.iter().sum::<f64>() - change).abs() <= 1e-9 * scale);
            let turned = |values: &[f64]| values.iter().rev().copied().collect::<Vec<f64>>();
            let back = explain(&turned(&before), &turned(&after)).unwrap();
            for (a, b) in found.parts.iter().zip(back.parts.iter().rev()) {
                prop_assert!((a - b).abs() <= 1e-9 * scale);
            }
            // The other way round it is the opposite.
            let undone = explain(&after, &before).unwrap();
            for (a, b) in found.parts.iter().zip(&undone.parts) {
                prop_assert!((a + b).abs() <= 1e-9 * scale);
            }
        }
    }
}
