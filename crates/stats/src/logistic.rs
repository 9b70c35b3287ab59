//! A probability from several features: logistic regression with a ridge.
//!
//! Le Cessie and van Houwelingen (1992): the log-likelihood less half of `ridge` times the squares
//! of the weights, in units of the spread of each feature; the intercept is free, so the mean of
//! the fitted probabilities is the share of events. Newton's method with halved steps; the penalty
//! makes the maximum unique, also where features say the same or split the events without an error.

#![expect(clippy::indexing_slicing, reason = "rows and columns are counted from the same lengths")]

use crate::cholesky::Cholesky;

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    intercept: f64,
    /// Weight of each feature, as it is given.
    weights: Vec<f64>,
}

/// Steps of Newton's method; fewer than ten are taken.
const STEPS: usize = 60;

/// Fits a model to rows of `width` features each, one after the other.
///
/// `None` without rows, where the event always or never happened, where a number is not finite, or
/// where `ridge` is not positive.
pub fn fit(features: &[f64], width: usize, happened: &[bool], ridge: f64) -> Option<Logistic> {
    let n = happened.len();
    let events = happened.iter().filter(|y| **y).count();
    let usable = events > 0
        && events < n
        && features.len() == n * width
        && ridge > 0.0
        && ridge.is_finite()
        && features.iter().all(|x| x.is_finite());
    if !usable {
        return None;
    }
    // Each feature in units of its spread; one that never varies says nothing and gets no weight.
    let (mut means, mut spreads) = (vec![0.0; width], vec![0.0; width]);
    for row in features.chunks_exact(width.max(1)) {
        for (mean, x) in means.iter_mut().zip(row) {
            *mean += x / n as f64;
        }
    }
    for row in features.chunks_exact(width.max(1)) {
        for ((spread, mean), x) in spreads.iter_mut().zip(&means).zip(row) {
            *spread += (x - mean).powi(2) / n as f64;
        }
    }
    for spread in &mut spreads {
        *spread = spread.sqrt();
    }
    let scaled: Vec<f64> = features
        .iter()
        .enumerate()
        .map(|(at, x)| {
            let column = at % width.max(1);
            if spreads[column] > 1e-12 { (x - means[column]) / spreads[column] } else { 0.0 }
        })
        .collect();
    let share = events as f64 / n as f64;
    let mut beta = vec![0.0; width + 1];
    beta[0] = (share / (1.0 - share)).ln();
    let mut value = penalized(&scaled, width, happened, ridge, &beta);
    for _ in 0..STEPS {
        let step = newton(&scaled, width, happened, ridge, &beta)?;
        let size = step.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let mut part = 1.0;
        loop {
            let tried: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b + part * s).collect();
            let reached = penalized(&scaled, width, happened, ridge, &tried);
            if reached >= value - 1e-12 * value.abs() {
                (beta, value) = (tried, reached);
                break;
            }
            part *= 0.5;
            if part < 1e-9 {
                break;
            }
        }
        if size * part < 1e-10 {
            break;
        }
    }
    let weights: Vec<f64> = (0..width)
        .map(|at| if spreads[at] > 1e-12 { beta[at + 1] / spreads[at] } else { 0.0 })
        .collect();
    let shift: f64 = weights.iter().zip(&means).map(|(w, m)| w * m).sum();
    Some(Logistic { intercept: beta[0] - shift, weights })
}

impl Logistic {
    /// Returns the probability of a case.
    pub fn probability(&self, features: &[f64]) -> f64 {
        let z = self.weights.iter().zip(features).map(|(w, x)| w * x).sum::<f64>();
        expit(self.intercept + z)
    }

    /// Returns the weight of each feature: the logarithm of its odds ratio.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

/// Returns the probability that belongs to a log-odds.
pub fn expit(z: f64) -> f64 {
    if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) }
}

fn linear(row: &[f64], beta: &[f64]) -> f64 {
    beta[0] + row.iter().zip(&beta[1..]).map(|(x, b)| x * b).sum::<f64>()
}

fn penalized(scaled: &[f64], width: usize, happened: &[bool], ridge: f64, beta: &[f64]) -> f64 {
    let mut total = -0.5 * ridge * beta[1..].iter().map(|b| b * b).sum::<f64>();
    for (at, y) in happened.iter().enumerate() {
        let z = linear(&scaled[at * width..(at + 1) * width], beta);
        // ln(1 + exp(z)) without overflow.
        let soft = z.max(0.0) + (-z.abs()).exp().ln_1p();
        total += if *y { z - soft } else { -soft };
    }
    total
}

/// The step of Newton's method: the gradient through the inverse of the curvature.
fn newton(
    scaled: &[f64],
    width: usize,
    happened: &[bool],
    ridge: f64,
    beta: &[f64],
) -> Option<Vec<f64>> {
    let m = width + 1;
    let mut gradient = vec![0.0; m];
    let mut curvature = vec![0.0; m * m];
    let mut full = vec![1.0; m];
    for (at, y) in happened.iter().enumerate() {
        full[1..].copy_from_slice(&scaled[at * width..(at + 1) * width]);
        let p = expit(linear(&full[1..], beta));
        let rest = if *y { 1.0 - p } else { -p };
        let w = (p * (1.0 - p)).max(1e-12);
        for i in 0..m {
            gradient[i] += rest * full[i];
            for j in 0..=i {
                curvature[i * m + j] += w * full[i] * full[j];
            }
        }
    }
    for i in 1..m {
        gradient[i] -= ridge * beta[i];
        curvature[i * m + i] += ridge;
    }
    Some(Cholesky::new(&curvature, m)?.solve(&gradient))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    #[test]
    fn one_feature_of_two_values_gives_the_logarithm_of_the_odds_ratio() {
        // 30 of 40 with the feature, 20 of 60 without: odds 3 and 1/2, so a ratio of 6.
        let mut features = vec![1.0; 40];
        features.extend(vec![0.0; 60]);
        let happened: Vec<bool> =
            (0..100).map(|at| if at < 40 { at < 30 } else { at < 60 }).collect();
        let model = fit(&features, 1, &happened, 1e-9).unwrap();
        assert!((model.weights()[0] - 6.0_f64.ln()).abs() < 1e-6, "{model:?}");
        assert!((model.probability(&[1.0]) - 0.75).abs() < 1e-6);
        assert!((model.probability(&[0.0]) - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_true_is_found_again_and_the_mean_is_that_of_the_events() {
        let mut random = SplitMix64::new(3);
        let (mut features, mut happened) = (Vec::new(), Vec::new());
        for _ in 0..20_000 {
            let (a, b) = (random.normal(), random.uniform() * 10.0);
            features.extend([a, b, 4.0]);
            happened.push(random.uniform() < expit(-1.0 + 0.8 * a - 0.2 * b));
        }
        let model = fit(&features, 3, &happened, 1.0).unwrap();
        assert!((model.weights()[0] - 0.8).abs() < 0.06, "{model:?}");
        assert!((model.weights()[1] + 0.2).abs() < 0.02, "{model:?}");
        assert!(model.weights()[2].abs() < 1e-12);
        let n = happened.len() as f64;
        let mean = features.chunks_exact(3).map(|row| model.probability(row)).sum::<f64>() / n;
        let share = happened.iter().filter(|y| **y).count() as f64 / n;
        assert!((mean - share).abs() < 1e-9);
    }

    #[test]
    fn features_that_split_the_events_without_error_get_a_finite_weight() {
        let features: Vec<f64> = (0..20).map(f64::from).collect();
        let happened: Vec<bool> = (0..20).map(|at| at >= 10).collect();
        let model = fit(&features, 1, &happened, 1.0).unwrap();
        assert!(model.weights()[0].is_finite() && model.weights()[0] > 0.1);
        assert!(model.probability(&[0.0]) < 0.1 && model.probability(&[19.0]) > 0.9);
    }

    #[test]
    fn without_both_outcomes_there_is_no_model() {
        assert_eq!(fit(&[1.0, 2.0], 1, &[true, true], 1.0), None);
        assert_eq!(fit(&[], 1, &[], 1.0), None);
        assert_eq!(fit(&[1.0, f64::NAN], 1, &[true, false], 1.0), None);
        assert!(
            fit(&[], 0, &[true, false], 1.0)
                .is_some_and(|m| (m.probability(&[]) - 0.5).abs() < 1e-9)
        );
    }
}
