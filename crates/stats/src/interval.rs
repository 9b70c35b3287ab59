//! Intervals for a rate, a difference of rates, a median and a mean.
//!
//! Rate: Wilson (1927), the score interval; never outside `[0, 1]` and sensible at 0 and *n* of
//! *n*. Difference: Newcombe (1998), method 10, from two Wilson intervals. Median: order statistics
//! by the binomial distribution, without any assumption on shape. Mean: Student's t; for skewed
//! money the bootstrap with bias correction and acceleration (Efron 1987, `BCa`).
//!
//! `level` is the confidence, such as 0.95. Every function returns `None` where there is no such
//! interval: no observation, one observation for a mean, too few for a median at that level, a
//! level outside `(0, 1)`, or values that are not finite.

#![expect(clippy::indexing_slicing, reason = "ranks are checked against the number of values")]

use crate::random::SplitMix64;
use crate::special::{binomial_cdf, normal_cdf, normal_quantile, t_quantile};

/// An estimate and the interval around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The point estimate.
    pub point: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

/// Returns a rate of `k` among `n` with its Wilson interval; `None` for `n = 0` or `k > n`.
#[expect(clippy::many_single_char_names, reason = "the letters of the published formula")]
pub fn wilson(k: u64, n: u64, level: f64) -> Option<Interval> {
    let z = z_of(level)?;
    if n == 0 || k > n {
        return None;
    }
    let (x, m) = (k as f64, n as f64);
    let p = x / m;
    let z2 = z * z;
    let centre = (x + 0.5 * z2) / (m + z2);
    let half = z / (m + z2) * (x * (1.0 - p) + 0.25 * z2).sqrt();
    // Exactly zero and one at the ends, where rounding would leave 1e-17.
    let low = if k == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if k == n { 1.0 } else { (centre + half).min(1.0) };
    Some(Interval { point: p, low, high })
}

/// Returns the difference of two rates, second minus first, with Newcombe's interval.
pub fn newcombe(k_a: u64, n_a: u64, k_b: u64, n_b: u64, level: f64) -> Option<Interval> {
    let a = wilson(k_a, n_a, level)?;
    let b = wilson(k_b, n_b, level)?;
    let point = b.point - a.point;
    Some(Interval {
        point,
        low: point - (b.point - b.low).hypot(a.high - a.point),
        high: point + (b.high - b.point).hypot(a.point - a.low),
    })
}

/// Returns the median with the interval between two order statistics that covers it at least with
/// `level`, whatever the distribution.
///
/// `None` for fewer than 6 values at 95 %: even the range then covers too seldom.
pub fn median(values: &[f64], level: f64) -> Option<Interval> {
    let mut sorted = finite(values)?;
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let point = quantile_sorted(&sorted, 0.5)?;
    let tail = tail_of(level)?;
    // The largest rank r (from 1) with P(Binomial(n, 1/2) < r) <= tail.
    let (mut low, mut high) = (0_usize, n / 2 + 1);
    while high - low > 1 {
        let rank = usize::midpoint(low, high);
        if binomial_cdf(rank as u64 - 1, n as u64, 0.5) <= tail {
            low = rank;
        } else {
            high = rank;
        }
    }
    let below = low.checked_sub(1)?;
    Some(Interval { point, low: sorted[below], high: sorted[n - low] })
}

/// Returns the mean with Student's interval; `None` for fewer than two values.
pub fn mean(values: &[f64], level: f64) -> Option<Interval> {
    let values = finite(values)?;
    let tail = tail_of(level)?;
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let point = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - point).powi(2)).sum::<f64>() / (n - 1.0);
    let half = t_quantile(1.0 - tail, n - 1.0) * (variance / n).sqrt();
    Some(Interval { point, low: point - half, high: point + half })
}

/// Returns the mean with a bootstrap interval that follows the skew of the values (`BCa`).
///
/// `replicates` samples of the same size are drawn with replacement. `None` for fewer than two
/// values or replicates. Where all values are equal, the interval is that value.
pub fn mean_bootstrap(
    values: &[f64],
    level: f64,
    replicates: usize,
    seed: u64,
) -> Option<Interval> {
    let values = finite(values)?;
    let tail = tail_of(level)?;
    if values.len() < 2 || replicates < 2 {
        return None;
    }
    let n = values.len() as f64;
    let point = values.iter().sum::<f64>() / n;
    let mut means: Vec<f64> = (0..replicates)
        .map(|replicate| {
            let mut random = SplitMix64::stream(seed, replicate as u64);
            let draw = |_| values[usize::try_from(random.below(values.len() as u64)).unwrap_or(0)];
            (0..values.len()).map(draw).sum::<f64>() / n
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    // Bias: where the estimate stands among its replicates, ties counted half.
    let below = means.partition_point(|mean| *mean < point);
    let not_above = means.partition_point(|mean| *mean <= point);
    let share = 0.5 * (below + not_above) as f64 / replicates as f64;
    let bias = normal_quantile(share.clamp(0.5 / replicates as f64, 1.0 - 0.5 / replicates as f64));
    // Acceleration by the jackknife, which for a mean is the skewness over 6 √n.
    let square: f64 = values.iter().map(|value| (value - point).powi(2)).sum();
    let cube: f64 = values.iter().map(|value| (value - point).powi(3)).sum();
    let acceleration = if square > 0.0 { cube / (6.0 * square.powf(1.5)) } else { 0.0 };
    let limit = |p: f64| {
        let z = bias + normal_quantile(p);
        quantile_sorted(&means, normal_cdf(bias + z / (1.0 - acceleration * z)))
    };
    Some(Interval { point, low: limit(tail)?, high: limit(1.0 - tail)? })
}

/// Returns a quantile of values in ascending order, interpolated (type 7 of Hyndman and Fan 1996);
/// `None` without values.
pub fn quantile_sorted(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = p.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between zero and the last index"
    )]
    let floor = at.floor() as usize;
    let low = sorted[floor];
    let high = sorted[(floor + 1).min(last)];
    Some(low + (at - floor as f64) * (high - low))
}

/// Returns the probability in one tail, `None` for a level that is none.
fn tail_of(level: f64) -> Option<f64> {
    (level > 0.0 && level < 1.0).then_some(0.5 * (1.0 - level))
}

fn z_of(level: f64) -> Option<f64> {
    tail_of(level).map(|tail| -normal_quantile(tail))
}

/// Returns a copy of the values, `None` if one is not finite.
fn finite(values: &[f64]) -> Option<Vec<f64>> {
    values.iter().all(|value| value.is_finite()).then(|| values.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn near(interval: Option<Interval>, expected: [f64; 3], tolerance: f64) {
        let Interval { point, low, high } = interval.unwrap();
        for (found, expected) in [point, low, high].into_iter().zip(expected) {
            assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
        }
    }

    #[test]
    fn rates_have_the_published_intervals() {
        // Newcombe (1998), tables I and II: 81/263 and 56/70 against 48/80.
        near(wilson(81, 263, 0.95), [0.307_984_8, 0.255_3, 0.366_2], 5e-5);
        near(newcombe(48, 80, 56, 70, 0.95), [0.2, 0.052_4, 0.333_9], 5e-5);
        near(wilson(0, 20, 0.95), [0.0, 0.0, 0.161_1], 5e-5);
        near(wilson(1, 1, 0.95), [1.0, 0.206_5, 1.0], 5e-5);
        assert_eq!(wilson(0, 0, 0.95), None);
        assert_eq!(wilson(2, 1, 0.95), None);
        assert_eq!(wilson(1, 2, 1.0), None);
        assert_eq!(newcombe(0, 0, 1, 2, 0.95), None);
    }

    #[test]
    fn a_median_needs_six_values_at_95_percent() {
        let values: Vec<f64> = (1..=25_u8).map(f64::from).collect();
        assert_eq!(median(&values[..5], 0.95), None);
        near(median(&values[..6], 0.95), [3.5, 1.0, 6.0], 1e-12);
        // Tables of the sign test: ranks 2 and 9 of 10, 8 and 18 of 25.
        near(median(&values[..10], 0.95), [5.5, 2.0, 9.0], 1e-12);
        near(median(&values, 0.95), [13.0, 8.0, 18.0], 1e-12);
        assert_eq!(median(&[], 0.95), None);
        assert_eq!(median(&[1.0, f64::NAN], 0.5), None);
        let many: Vec<f64> = (0..100_001_u32).map(f64::from).collect();
        near(median(&many, 0.95), [50_000.0, 49_690.0, 50_310.0], 1.5);
    }

    #[test]
    fn a_mean_has_students_interval() {
        // t(0.975, 4) = 2.776445, s = sqrt(2.5).
        near(mean(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95), [3.0, 1.036_757, 4.963_243], 1e-6);
        assert_eq!(mean(&[1.0], 0.95), None);
        assert_eq!(mean(&[], 0.95), None);
    }

    #[test]
    fn a_skewed_mean_has_a_skewed_interval_that_covers() {
        let mut random = SplitMix64::new(3);
        let mut covered = 0;
        let n_runs = 300;
        for run in 0..n_runs {
            let deals: Vec<f64> = (0..60).map(|_| random.normal().exp()).collect();
            let interval = mean_bootstrap(&deals, 0.9, 400, run).unwrap();
            assert!(interval.low <= interval.point && interval.point <= interval.high);
            covered += u32::from(interval.low < 0.5_f64.exp() && 0.5_f64.exp() < interval.high);
        }
        // Nominal 270; a lognormal mean from 60 deals is known to fall a little short.
        assert!((245..=290).contains(&covered), "{covered} of {n_runs}");
        assert_eq!(mean_bootstrap(&[1.0], 0.9, 100, 1), None);
        near(mean_bootstrap(&[2.0, 2.0, 2.0], 0.9, 100, 1), [2.0, 2.0, 2.0], 1e-12);
    }

    proptest! {
        #[test]
        fn intervals_contain_their_point(
            k in 0_u64..1000, more in 0_u64..1000, level in 0.5_f64..0.999,
            values in prop::collection::vec(-1e6_f64..1e6, 2..40),
        ) {
            let n = k + more;
            let intervals = [
                wilson(k, n, level), newcombe(k, n, more, n, level), median(&values, level),
                mean(&values, level),
            ];
            for interval in intervals.into_iter().flatten() {
                prop_assert!(interval.low <= interval.point && interval.point <= interval.high);
            }
        }
    }
}
