//! How good a forecast was: proper scores, calibration and coverage.
//!
//! Continuous ranked probability score: Gneiting and Raftery (2007), "Strictly proper scoring
//! rules, prediction, and estimation"; the fair version for a finite ensemble: Ferro (2014). Parts
//! of the Brier score: Murphy (1973), over bins of equal width. Slope and intercept of calibration:
//! Cox (1958), a logistic regression of the outcome on the logit of what was said. Scores are in
//! the unit of the observation, the smaller the better.

#![expect(clippy::indexing_slicing, reason = "ranks and bins are counted from the same slices")]

use crate::special::{normal_cdf, normal_quantile};

/// A probability nearer to 0 or 1 than this counts as this in a logarithm.
const EDGE: f64 = 1e-15;

/// Returns the continuous ranked probability score of an ensemble, taken as the forecast itself.
///
/// Mean distance from the observation, less half the mean distance between all pairs of members,
/// each with itself included. `None` without members, or where a number is not finite.
pub fn crps_ensemble(members: &[f64], observed: f64) -> Option<f64> {
    let (distance, spread) = crps_parts(members, observed)?;
    let m = members.len() as f64;
    Some(distance - 0.5 * spread / (m * m))
}

/// Returns the score that the distribution behind the ensemble is expected to have: pairs of a
/// member with itself do not count. `None` for fewer than two members.
pub fn crps_fair(members: &[f64], observed: f64) -> Option<f64> {
    let (distance, spread) = crps_parts(members, observed)?;
    let m = members.len() as f64;
    (members.len() > 1).then(|| distance - 0.5 * spread / (m * (m - 1.0)))
}

/// Mean distance from the observation, and the sum of distances of all ordered pairs.
fn crps_parts(members: &[f64], observed: f64) -> Option<(f64, f64)> {
    if members.is_empty() || !observed.is_finite() || members.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let mut sorted = members.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let m = sorted.len() as f64;
    let distance = sorted.iter().map(|x| (x - observed).abs()).sum::<f64>() / m;
    // Member number i is the larger one of i pairs and the smaller one of m - 1 - i.
    let each = |(i, x): (usize, &f64)| (2.0 * i as f64 - m + 1.0) * x;
    let spread = 2.0 * sorted.iter().enumerate().map(each).sum::<f64>();
    Some((distance, spread))
}

/// Returns the continuous ranked probability score of a normal distribution; `None` for a standard
/// deviation that is not positive.
pub fn crps_normal(mean: f64, sd: f64, observed: f64) -> Option<f64> {
    if !(sd > 0.0 && sd.is_finite() && mean.is_finite() && observed.is_finite()) {
        return None;
    }
    let z = (observed - mean) / sd;
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    let root = 1.0 / std::f64::consts::PI.sqrt();
    Some(sd * (z * (2.0 * normal_cdf(z) - 1.0) + 2.0 * density - root))
}

/// Returns minus the logarithm of a normal density at the observation.
pub fn log_score_normal(mean: f64, sd: f64, observed: f64) -> Option<f64> {
    let z = (observed - mean) / sd;
    (sd > 0.0 && z.is_finite()).then(|| 0.5 * (std::f64::consts::TAU.ln() + z * z) + sd.ln())
}

/// Returns the pinball loss of a quantile of a level.
pub fn pinball(quantile: f64, level: f64, observed: f64) -> f64 {
    let over = observed - quantile;
    if over >= 0.0 { over * level } else { -over * (1.0 - level) }
}

/// Returns the interval score of a central interval (Winkler 1972): its width, and a penalty for
/// missing it.
pub fn interval_score(low: f64, high: f64, level: f64, observed: f64) -> f64 {
    let miss = (low - observed).max(0.0) + (observed - high).max(0.0);
    (high - low) + 2.0 / (1.0 - level) * miss
}

/// Returns the share of observations within their limits, both ends included; `None` without any.
pub fn coverage(limits: &[(f64, f64)], observed: &[f64]) -> Option<f64> {
    let n = limits.len().min(observed.len());
    let within = |((low, high), x): (&(f64, f64), &f64)| low <= x && x <= high;
    let inside = limits.iter().zip(observed).filter(|&pair| within(pair)).count();
    (n > 0).then(|| inside as f64 / n as f64)
}

/// Returns the central limits of a normal distribution.
pub fn normal_limits(mean: f64, sd: f64, level: f64) -> (f64, f64) {
    let half = normal_quantile(0.5 + 0.5 * level) * sd;
    (mean - half, mean + half)
}

/// Returns the place of an observation in an ensemble: the share of members below, and half of
/// those that equal it. `None` without members.
pub fn pit(members: &[f64], observed: f64) -> Option<f64> {
    let below = members.iter().filter(|x| **x < observed).count() as f64;
    let equal = members.iter().filter(|x| **x <= observed).count() as f64 - below;
    (!members.is_empty()).then(|| (below + 0.5 * equal) / members.len() as f64)
}

/// Returns the largest distance between the distribution of some places and the even one
/// (Kolmogorov and Smirnov); `None` without any.
pub fn distance_from_even(places: &[f64]) -> Option<f64> {
    let mut sorted = places.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let gap = |(i, x): (usize, &f64)| (x - i as f64 / n).max((i as f64 + 1.0) / n - x);
    sorted.iter().enumerate().map(gap).reduce(f64::max)
}

/// Returns the mean squared distance of probabilities from what happened; `None` without any.
pub fn brier(p: &[f64], happened: &[bool]) -> Option<f64> {
    mean(p.iter().zip(happened).map(|(p, y)| (p - one(*y)).powi(2)))
}

/// Returns the mean of minus the logarithm of the probability that was given to what happened.
pub fn log_loss(p: &[f64], happened: &[bool]) -> Option<f64> {
    let said = |(p, y): (&f64, &bool)| if *y { *p } else { 1.0 - p };
    mean(p.iter().zip(happened).map(|pair| -said(pair).max(EDGE).ln()))
}

/// Returns the probability that a case in which it happened was given the larger probability (ties
/// count half); `None` where it always or never happened.
pub fn auc(p: &[f64], happened: &[bool]) -> Option<f64> {
    let mut cases: Vec<(f64, bool)> = p.iter().copied().zip(happened.iter().copied()).collect();
    cases.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut start) = (0.0, 0);
    while start < cases.len() {
        let level = cases[start].0;
        let end = start + cases[start..].partition_point(|case| case.0 <= level);
        let hits = cases[start..end].iter().filter(|case| case.1).count() as f64;
        ranks += hits * (0.5 * (start + end + 1) as f64);
        start = end.max(start + 1);
    }
    let yes = cases.iter().filter(|case| case.1).count() as f64;
    let no = cases.len() as f64 - yes;
    (yes > 0.0 && no > 0.0).then(|| (ranks - 0.5 * yes * (yes + 1.0)) / (yes * no))
}

/// One bin of said against happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Cases.
    pub n: usize,
    /// Mean of the probabilities.
    pub said: f64,
    /// Share in which it happened.
    pub happened: f64,
}

/// The parts of the Brier score over bins: `brier ≈ reliability - resolution + uncertainty`.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// The bins of equal width; those without cases have `n` zero.
    pub bins: Vec<Bin>,
    /// Mean squared distance of said from happened, by bins: the smaller the better.
    pub reliability: f64,
    /// Variance of happened between bins: the larger the better.
    pub resolution: f64,
    /// What a constant forecast of the base rate would score.
    pub uncertainty: f64,
    /// Mean absolute distance of said from happened, by bins.
    pub error: f64,
}

/// Compares said with happened in bins of equal width; `None` without cases.
pub fn reliability(p: &[f64], happened: &[bool], n_bins: usize) -> Option<Reliability> {
    let n = p.len().min(happened.len());
    if n == 0 || n_bins == 0 {
        return None;
    }
    let mut sums = vec![(0_usize, 0.0, 0.0); n_bins];
    for (p, y) in p.iter().zip(happened) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the number of bins"
        )]
        let bin = (p.clamp(0.0, 1.0) * n_bins as f64) as usize;
        let sums = &mut sums[bin.min(n_bins - 1)];
        *sums = (sums.0 + 1, sums.1 + p, sums.2 + one(*y));
    }
    let mean = |(n, said, happened): &(usize, f64, f64)| {
        let of = (*n).max(1) as f64;
        Bin { n: *n, said: said / of, happened: happened / of }
    };
    let bins: Vec<Bin> = sums.iter().map(mean).collect();
    let base = sums.iter().map(|bin| bin.2).sum::<f64>() / n as f64;
    let over = |of: &dyn Fn(&Bin) -> f64| {
        bins.iter().map(|bin| bin.n as f64 * of(bin)).sum::<f64>() / n as f64
    };
    Some(Reliability {
        reliability: over(&|bin| (bin.said - bin.happened).powi(2)),
        resolution: over(&|bin| (bin.happened - base).powi(2)),
        uncertainty: base * (1.0 - base),
        error: over(&|bin| (bin.said - bin.happened).abs()),
        bins,
    })
}

/// Intercept and slope of calibration: 0 and 1 where what was said is right; a slope below 1 where
/// it was too extreme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Intercept, with the slope free.
    pub intercept: f64,
    /// Slope.
    pub slope: f64,
}

/// Fits intercept and slope by maximum likelihood; `None` where they are not determined.
pub fn calibration(p: &[f64], happened: &[bool]) -> Option<Calibration> {
    let logits: Vec<f64> =
        p.iter().map(|p| p.clamp(EDGE, 1.0 - EDGE)).map(|p| (p / (1.0 - p)).ln()).collect();
    let likelihood = |a: f64, b: f64| -> f64 {
        let each = |(x, y): (&f64, &bool)| {
            let eta = a + b * x;
            let ln_one_plus =
                if eta > 0.0 { eta + (-eta).exp().ln_1p() } else { eta.exp().ln_1p() };
            one(*y) * eta - ln_one_plus
        };
        logits.iter().zip(happened).map(each).sum()
    };
    let (mut a, mut b) = (0.0, 1.0);
    for _ in 0..100 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (x, y) in logits.iter().zip(happened) {
            let q = 1.0 / (1.0 + (-(a + b * x)).exp());
            let (off, weight) = (one(*y) - q, q * (1.0 - q));
            ga += off;
            gb += off * x;
            haa += weight;
            hab += weight * x;
            hbb += weight * x * x;
        }
        let determinant = haa * hbb - hab * hab;
        if determinant.is_nan() || determinant <= 1e-12 * haa * hbb {
            return None;
        }
        let (da, db) = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
        // Halved until it is no step down.
        let here = likelihood(a, b);
        let mut part = 1.0;
        while part > 1e-6 && likelihood(a + part * da, b + part * db) < here - 1e-12 {
            part *= 0.5;
        }
        a += part * da;
        b += part * db;
        if da.abs().max(db.abs()) < 1e-11 {
            let inside = a.abs() < 1e3 && b.abs() < 1e3;
            return inside.then_some(Calibration { intercept: a, slope: b });
        }
    }
    None
}

fn one(happened: bool) -> f64 {
    f64::from(u8::from(happened))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut n, mut sum) = (0_u32, 0.0);
    for value in values {
        n += 1;
        sum += value;
    }
    (n > 0).then(|| sum / f64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;
    use proptest::prelude::*;

    #[test]
    fn a_large_ensemble_scores_as_its_distribution() {
        let mut random = SplitMix64::new(4);
        let members: Vec<f64> = (0..40_000).map(|_| 3.0 + 2.0 * random.normal()).collect();
        for observed in [-2.0, 3.0, 6.5] {
            let exact = crps_normal(3.0, 2.0, observed).unwrap();
            let near = crps_fair(&members, observed).unwrap();
            assert!((near / exact - 1.0).abs() < 0.03, "{near} {exact}");
        }
    }

    #[test]
    fn what_cannot_be_scored_is_none() {
        assert_eq!(crps_ensemble(&[], 1.0), None);
        assert_eq!(crps_fair(&[1.0], 1.0), None);
        assert_eq!(crps_ensemble(&[4.0], 1.0), Some(3.0));
        assert_eq!(crps_normal(0.0, 0.0, 1.0), None);
        assert_eq!(auc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(calibration(&[0.3, 0.3], &[true, false]), None);
        // Separated: the slope has no maximum.
        assert_eq!(calibration(&[0.1, 0.2, 0.8, 0.9], &[false, false, true, true]), None);
        assert_eq!(reliability(&[], &[], 10), None);
        assert_eq!(pit(&[1.0, 2.0, 2.0, 3.0], 2.0), Some(0.5));
    }

    #[test]
    fn with_one_value_in_a_bin_the_parts_add_up_to_the_score() {
        let p = [0.05, 0.05, 0.35, 0.35, 0.35, 0.85, 0.85];
        let y = [false, true, false, true, false, true, true];
        let parts = reliability(&p, &y, 10).unwrap();
        let sum = parts.reliability - parts.resolution + parts.uncertainty;
        assert!((sum - brier(&p, &y).unwrap()).abs() < 1e-14);
    }

    proptest! {
        #[test]
        fn the_spread_is_that_of_all_pairs(
            members in prop::collection::vec(-100.0_f64..100.0, 2..30), observed in -150.0_f64..150.0,
        ) {
            let m = members.len() as f64;
            let pairs: f64 = members.iter()
                .flat_map(|a| members.iter().map(move |b| (a - b).abs())).sum();
            let distance = members.iter().map(|a| (a - observed).abs()).sum::<f64>() / m;
            let found = crps_ensemble(&members, observed).unwrap();
            prop_assert!((found - (distance - 0.5 * pairs / (m * m))).abs() < 1e-9);
            prop_assert!(found >= -1e-9 && found <= distance + 1e-9);
            let moved: Vec<f64> = members.iter().map(|a| 2.0 * a + 7.0).collect();
            let twice = crps_ensemble(&moved, 2.0 * observed + 7.0).unwrap();
            prop_assert!((twice - 2.0 * found).abs() < 1e-9);
        }
    }
}
