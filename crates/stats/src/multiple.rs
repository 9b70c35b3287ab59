//! Many comparisons at once: p-values adjusted so that a threshold keeps its meaning.
//!
//! An adjusted p-value at or below 0.05 is a discovery at 5% of whatever the method holds: the
//! chance of any false discovery (Bonferroni; Holm 1979; Hommel 1988), or the expected share of
//! false ones among the discoveries (Benjamini and Hochberg 1995; under any dependence Benjamini
//! and Yekutieli 2001).

#![expect(clippy::indexing_slicing, reason = "indices run over the values themselves")]

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The chance of any false discovery, whatever the dependence; the plainest.
    Bonferroni,
    /// The same, never less powerful.
    Holm,
    /// The same for independent or positively dependent tests, more powerful still.
    Hommel,
    /// The expected share of false discoveries, for independent or positively dependent tests.
    BenjaminiHochberg,
    /// The same under any dependence.
    BenjaminiYekutieli,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 5] = [
        Self::Bonferroni,
        Self::Holm,
        Self::Hommel,
        Self::BenjaminiHochberg,
        Self::BenjaminiYekutieli,
    ];
}

/// Returns the adjusted values in the order of the values; `None` where one is no probability.
pub fn adjusted(values: &[f64], method: Method) -> Option<Vec<f64>> {
    if values.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return None;
    }
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let sorted: Vec<f64> = order.iter().map(|&at| values[at]).collect();
    let m = n as f64;
    let adjusted = match method {
        Method::Bonferroni => sorted.iter().map(|p| (p * m).min(1.0)).collect(),
        Method::Holm => {
            let mut most: f64 = 0.0;
            let step = |(at, p): (usize, &f64)| {
                most = most.max((m - at as f64) * p).min(1.0);
                most
            };
            sorted.iter().enumerate().map(step).collect()
        }
        Method::Hommel => hommel(&sorted),
        Method::BenjaminiHochberg => step_up(&sorted, 1.0),
        Method::BenjaminiYekutieli => step_up(&sorted, (1..=n).map(|i| 1.0 / i as f64).sum()),
    };
    let mut found = vec![0.0; n];
    for (at, p) in order.into_iter().zip(adjusted) {
        found[at] = p;
    }
    Some(found)
}

fn step_up(sorted: &[f64], factor: f64) -> Vec<f64> {
    let m = sorted.len() as f64;
    let mut least: f64 = 1.0;
    let mut found = vec![0.0; sorted.len()];
    for (at, p) in sorted.iter().enumerate().rev() {
        least = least.min(factor * m * p / (at as f64 + 1.0));
        found[at] = least;
    }
    found
}

/// By the algorithm of Wright (1992).
fn hommel(sorted: &[f64]) -> Vec<f64> {
    let n = sorted.len();
    let least = |m: usize, from: usize, first: usize| {
        let part = sorted[from..].iter().enumerate();
        part.map(|(i, p)| m as f64 * p / (first + i) as f64).fold(f64::INFINITY, f64::min)
    };
    let start = least(n, 0, 1);
    let mut found = vec![start; n];
    let mut step = found.clone();
    for m in (2..n).rev() {
        let split = n - m + 1;
        let bound = least(m, split, 2);
        for at in 0..split {
            step[at] = (m as f64 * sorted[at]).min(bound);
        }
        let last = step[split - 1];
        step[split..].fill(last);
        for (found, step) in found.iter_mut().zip(&step) {
            *found = found.max(*step);
        }
    }
    found.iter().zip(sorted).map(|(a, p)| a.max(*p).min(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges_are_plain() {
        for method in Method::ALL {
            assert_eq!(adjusted(&[], method), Some(Vec::new()));
            assert_eq!(adjusted(&[0.03], method), Some(vec![0.03]));
            assert_eq!(adjusted(&[0.1, f64::NAN], method), None);
            assert_eq!(adjusted(&[1.0, 1.0, 1.0], method), Some(vec![1.0; 3]));
        }
    }

    proptest! {
        /// Adjusting never makes a value smaller, keeps the order, and the methods stand in theirs.
        #[test]
        fn adjusted_values_are_ordered(values in prop::collection::vec(0.0_f64..=1.0, 1..20)) {
            let of = |method| adjusted(&values, method).unwrap();
            let [bonferroni, holm, hommel, bh, by] = Method::ALL.map(of);
            for at in 0..values.len() {
                prop_assert!(values[at] <= bh[at] + 1e-15);
                prop_assert!(bh[at] <= hommel[at] + 1e-12 && hommel[at] <= holm[at] + 1e-12);
                prop_assert!(holm[at] <= bonferroni[at] + 1e-12 && bh[at] <= by[at] + 1e-15);
                for other in 0..values.len() {
                    prop_assert!(values[at] > values[other] || bh[at] <= bh[other]);
                }
            }
        }
    }
}
