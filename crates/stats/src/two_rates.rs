//! One rate against a known one, and two rates against each other.
//!
//! Tests with a fixed number of trials: the pooled z test, Fisher's exact test (1935), the exact
//! binomial test; for the interval of the difference [`crate::interval::newcombe`] is better than
//! [`wald`], which is here because others print it. Where results are looked at while they come
//! in, a p-value of these kinds is wrong: [`always_valid`] may be looked at any number of times
//! (mixture sequential probability ratio test, Johari, Pekelis and Walsh 2022).

#![expect(clippy::many_single_char_names, reason = "the letters of the published formulas")]

use crate::interval::Interval;
use crate::special::{beta_quantile, beta_regularized, ln_gamma, normal_cdf, normal_quantile};

/// Successes among trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trials {
    /// Successes.
    pub k: u64,
    /// Trials.
    pub n: u64,
}

impl Trials {
    fn rate(self) -> Option<f64> {
        (self.n > 0 && self.k <= self.n).then(|| self.k as f64 / self.n as f64)
    }
}

/// A test statistic and the chance of one as far from zero, where the rates are equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// The statistic, positive where the second rate is higher; its square is chi-square.
    pub z: f64,
    /// Two-sided p-value.
    pub p: f64,
}

/// Compares two rates by their difference over its pooled standard error. `None` without trials
/// on a side or without any variation.
pub fn pooled(a: Trials, b: Trials) -> Option<Tested> {
    let difference = b.rate()? - a.rate()?;
    let variance = pooled_variance(a, b)?;
    if variance <= 0.0 {
        return None;
    }
    let z = difference / variance.sqrt();
    Some(Tested { z, p: 2.0 * normal_cdf(-z.abs()) })
}

fn pooled_variance(a: Trials, b: Trials) -> Option<f64> {
    let (m, n) = (a.n as f64, b.n as f64);
    let p = (a.k + b.k) as f64 / (m + n);
    (m > 0.0 && n > 0.0).then(|| p * (1.0 - p) * (1.0 / m + 1.0 / n))
}

/// The difference of two rates, second minus first, with the interval of Wald.
pub fn wald(a: Trials, b: Trials, level: f64) -> Option<Interval> {
    if !(level > 0.0 && level < 1.0) {
        return None;
    }
    let (p, q) = (a.rate()?, b.rate()?);
    let error = (p * (1.0 - p) / a.n as f64 + q * (1.0 - q) / b.n as f64).sqrt();
    let half = normal_quantile(0.5 + 0.5 * level) * error;
    Some(Interval { point: q - p, low: q - p - half, high: q - p + half })
}

/// Fisher's exact two-sided test: the chance, with both totals fixed, of a table that is no more
/// likely than this one.
pub fn fisher(a: Trials, b: Trials) -> Option<f64> {
    let _known = (a.rate()?, b.rate()?);
    let (total, hits) = (a.n + b.n, a.k + b.k);
    let ln_choose = |n: u64, k: u64| {
        ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0)
    };
    let all = ln_choose(total, hits);
    let log = |k: u64| ln_choose(a.n, k) + ln_choose(b.n, hits - k) - all;
    let seen = log(a.k);
    let range = hits.saturating_sub(b.n)..=hits.min(a.n);
    Some(range.map(log).filter(|x| *x <= seen + 1e-7).map(f64::exp).sum::<f64>().min(1.0))
}

/// The exact two-sided test of one rate against a known one: the chance of a count that is no more
/// likely than this one.
pub fn binomial(of: Trials, rate: f64) -> Option<f64> {
    of.rate()?;
    if !(0.0..=1.0).contains(&rate) {
        return None;
    }
    if rate <= 0.0 || rate >= 1.0 {
        let sure = if rate <= 0.0 { 0 } else { of.n };
        return Some(if of.k == sure { 1.0 } else { 0.0 });
    }
    let n = of.n as f64;
    let log = |k: u64| {
        let k = k as f64;
        ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0)
            + k * rate.ln()
            + (n - k) * (-rate).ln_1p()
    };
    let seen = log(of.k);
    Some((0..=of.n).map(log).filter(|x| *x <= seen + 1e-7).map(f64::exp).sum::<f64>().min(1.0))
}

/// The exact interval of Clopper and Pearson (1934): covers at least with `level`, at the price of
/// width.
pub fn clopper_pearson(of: Trials, level: f64) -> Option<Interval> {
    let point = of.rate()?;
    if !(level > 0.0 && level < 1.0) {
        return None;
    }
    let tail = 0.5 * (1.0 - level);
    let (k, misses) = (of.k as f64, (of.n - of.k) as f64);
    let low = if of.k == 0 { 0.0 } else { beta_quantile(tail, k, misses + 1.0) };
    let high = if of.k == of.n { 1.0 } else { beta_quantile(1.0 - tail, k + 1.0, misses) };
    Some(Interval { point, low, high })
}

/// The probability that the second rate is higher, when both start from the same beta prior.
pub fn probability_higher(a: Trials, b: Trials, prior: (f64, f64)) -> Option<f64> {
    let _known = (a.rate()?, b.rate()?);
    if !(prior.0 > 0.0 && prior.1 > 0.0) {
        return None;
    }
    let beta = |of: Trials| (of.k as f64 + prior.0, (of.n - of.k) as f64 + prior.1);
    let ((a1, a2), (b1, b2)) = (beta(a), beta(b));
    // Simpson's rule over all of the first rate that has any weight.
    let (low, high) = (beta_quantile(1e-13, a1, a2), beta_quantile(1.0 - 1e-13, a1, a2));
    let norm = ln_gamma(a1) + ln_gamma(a2) - ln_gamma(a1 + a2);
    let n = 400;
    let step = (high - low) / f64::from(n);
    let height = |i: i32| {
        let x = (low + step * f64::from(i)).clamp(1e-300, 1.0 - 1e-16);
        let density = ((a1 - 1.0) * x.ln() + (a2 - 1.0) * (-x).ln_1p() - norm).exp();
        let weight = match i {
            0 => 1.0,
            i if i == n => 1.0,
            i if i % 2 == 1 => 4.0,
            _ => 2.0,
        };
        (weight * density, weight * density * (1.0 - beta_regularized(x, b1, b2)))
    };
    let (total, above) = (0..=n).map(height).fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
    Some((above / total).clamp(0.0, 1.0))
}

/// A test that may be looked at any number of times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlwaysValid {
    /// Likelihood ratio, mixed over the differences that are thought possible.
    pub ratio: f64,
    /// p-value of this look; the smallest one of all looks so far stays valid.
    pub p: f64,
}

/// Mixes over differences with a normal prior of mean zero and this standard deviation.
pub fn always_valid(a: Trials, b: Trials, deviation: f64) -> Option<AlwaysValid> {
    let difference = b.rate()? - a.rate()?;
    let variance = pooled_variance(a, b).filter(|variance| *variance > 0.0)?;
    if !(deviation > 0.0 && deviation.is_finite()) {
        return None;
    }
    let (v, t) = (variance, deviation * deviation);
    let ratio = (v / (v + t)).sqrt() * (t * difference * difference / (2.0 * v * (v + t))).exp();
    Some(AlwaysValid { ratio, p: (1.0 / ratio).min(1.0) })
}

/// Trials on each side that a test needs, by three formulas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleSize {
    /// With the pooled error under equality (Fleiss 1981): the usual one.
    pub classic: f64,
    /// With separate errors throughout.
    pub unpooled: f64,
    /// By Cohen's effect size h (1988).
    pub cohen: f64,
}

/// How many trials on each side show a difference between two rates with a two-sided test at
/// `alpha` with probability `power`.
pub fn sample_size(p1: f64, p2: f64, alpha: f64, power: f64) -> Option<SampleSize> {
    let inside = |p: f64| p > 0.0 && p < 1.0;
    if ![p1, p2, alpha, power].into_iter().all(inside) || p1.total_cmp(&p2).is_eq() {
        return None;
    }
    let (za, zb) = (normal_quantile(1.0 - 0.5 * alpha), normal_quantile(power));
    let mean = 0.5 * (p1 + p2);
    let apart = p1 * (1.0 - p1) + p2 * (1.0 - p2);
    let square = (p2 - p1).powi(2);
    let h = 2.0 * (p2.sqrt().asin() - p1.sqrt().asin());
    Some(SampleSize {
        classic: (za * (2.0 * mean * (1.0 - mean)).sqrt() + zb * apart.sqrt()).powi(2) / square,
        unpooled: (za + zb).powi(2) * apart / square,
        cohen: trials_for(h.abs(), za, zb, power),
    })
}

/// Trials at which an effect of size h is found with this power, in either direction.
fn trials_for(h: f64, za: f64, zb: f64, power: f64) -> f64 {
    let reached = |n: f64| {
        let shift = h * (0.5 * n).sqrt();
        normal_cdf(shift - za) + normal_cdf(-shift - za)
    };
    // The other tail only helps, so the one-sided solution is an upper bound.
    let (mut low, mut high) = (0.0, 2.0 * ((za + zb).max(0.0) / h).powi(2) + 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if reached(middle) < power {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_tables_are_the_ones_of_the_books() {
        // Fisher's lady tasting tea: 3 of 4 right, p = 0.4857.
        let p = fisher(Trials { k: 3, n: 4 }, Trials { k: 1, n: 4 }).unwrap();
        assert!((p - 0.485_714_285_7).abs() < 1e-9, "{p}");
        // 235 ones of 1,200 rolls would be 1/6 with p = 0.0075 or so.
        let p = binomial(Trials { k: 3, n: 5 }, 0.5).unwrap();
        assert!((p - 1.0).abs() < 1e-12, "{p}");
        let exact = clopper_pearson(Trials { k: 0, n: 10 }, 0.95).unwrap();
        assert!((exact.high - (1.0 - 0.025_f64.powf(0.1))).abs() < 1e-12 && exact.low == 0.0);
        let none = Trials { k: 0, n: 0 };
        assert!(pooled(none, none).is_none() && fisher(none, none).is_none());
        assert!(pooled(Trials { k: 0, n: 5 }, Trials { k: 0, n: 5 }).is_none());
        assert!(sample_size(0.1, 0.1, 0.05, 0.8).is_none());
        assert_eq!(binomial(Trials { k: 1, n: 3 }, 0.0), Some(0.0));
    }

    proptest! {
        #[test]
        fn swapping_the_sides_swaps_the_answer(
            k in 0_u64..40, more in 1_u64..40, j in 0_u64..40, rest in 1_u64..40,
        ) {
            let (a, b) = (Trials { k, n: k + more }, Trials { k: j, n: j + rest });
            let forth = probability_higher(a, b, (1.0, 1.0)).unwrap();
            let back = probability_higher(b, a, (1.0, 1.0)).unwrap();
            prop_assert!((forth + back - 1.0).abs() < 1e-6, "{forth} {back}");
            let (p, q) = (fisher(a, b).unwrap(), fisher(b, a).unwrap());
            prop_assert!((p - q).abs() < 1e-9 && p > 0.0);
            let exact = clopper_pearson(a, 0.95).unwrap();
            prop_assert!(exact.low <= exact.point && exact.point <= exact.high);
        }
    }
}
