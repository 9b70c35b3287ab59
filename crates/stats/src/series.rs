//! Series of equal steps, such as months: what comes next, by several methods and their mean.
//!
//! Seasonal naive; Theta of Assimakopoulos and Nikolopoulos (2000) in the dynamic, optimized form
//! of Fiorucci et al. (2016); exponential smoothing with a damped trend on logs (Hyndman et al.
//! 2002); the airline model of Box and Jenkins (1970) on logs with its exact likelihood. Their mean
//! is the default (Bates and Granger 1969). Where the record is long enough, intervals are
//! conformal: distances of past forecasts from rolling origins (Vovk et al. 2005), since those that
//! the models give themselves are known to be too narrow.

#![expect(clippy::indexing_slicing, reason = "positions are counted from the same series")]

mod airline;
mod smoothing;
mod theta;

pub use airline::{Airline, airline};
pub use smoothing::smoothing;
pub use theta::theta;

use crate::interval::quantile_sorted;

/// How a series goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As in the season before.
    SeasonalNaive,
    /// Dynamic optimized Theta.
    Theta,
    /// Exponential smoothing on logs with a damped trend.
    Smoothing,
    /// The airline model on logs.
    Airline,
    /// The mean of the three before.
    Mean,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 5] =
        [Self::SeasonalNaive, Self::Theta, Self::Smoothing, Self::Airline, Self::Mean];

    /// Returns the identifier.
    pub fn id(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::Theta => "theta",
            Self::Smoothing => "smoothing",
            Self::Airline => "airline",
            Self::Mean => "mean",
        }
    }
}

/// A forecast of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The forecast.
    pub point: f64,
    /// Lower limit; none where the record is too short to tell.
    pub low: Option<f64>,
    /// Upper limit.
    pub high: Option<f64>,
}

/// Repeats the last season; `None` where there is not a whole one.
pub fn seasonal_naive(values: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    let from = values.len().checked_sub(season.max(1))?;
    finite(values).then(|| (0..horizon).map(|h| values[from + h % season.max(1)]).collect())
}

/// Forecasts by a method; `None` where the series is too short or unfit for it (the airline model
/// and smoothing take two whole seasons and only positive values).
///
/// The mean takes those of the three that can be had, else repeats the last season, else the last
/// value.
pub fn forecast(method: Method, values: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    if !finite(values) || values.is_empty() {
        return None;
    }
    match method {
        Method::SeasonalNaive => seasonal_naive(values, season, horizon),
        Method::Theta => theta(values, season, horizon),
        Method::Smoothing => smoothing(values, season, horizon),
        Method::Airline => airline(values, season).map(|fit| fit.forecast(horizon)),
        Method::Mean => {
            let all = [Method::Theta, Method::Smoothing, Method::Airline];
            let all: Vec<Vec<f64>> =
                all.iter().filter_map(|one| forecast(*one, values, season, horizon)).collect();
            if all.is_empty() {
                return seasonal_naive(values, season, horizon)
                    .or_else(|| seasonal_naive(values, 1, horizon));
            }
            let n = all.len() as f64;
            Some((0..horizon).map(|h| all.iter().map(|one| one[h]).sum::<f64>() / n).collect())
        }
    }
}

/// Forecasts with limits from how far the same method was off at past origins, step by step.
///
/// At least eight origins stand behind a limit; steps for which there are fewer have none.
/// Distances are relative for positive series, so that limits of a growing series grow.
pub fn forecast_with_limits(
    method: Method,
    values: &[f64],
    season: usize,
    horizon: usize,
    level: f64,
) -> Option<Vec<Step>> {
    const LEAST: usize = 8;
    const ORIGINS: usize = 36;
    let points = forecast(method, values, season, horizon)?;
    let relative = values.iter().all(|value| *value > 0.0);
    let apart = |said: f64, came: f64| {
        if relative { (came / said.max(1e-300)).ln().abs() } else { (came - said).abs() }
    };
    let first = (2 * season.max(2) + 2).max(values.len().saturating_sub(horizon + ORIGINS));
    let mut off: Vec<Vec<f64>> = vec![Vec::new(); horizon];
    for origin in first..values.len() {
        let ahead = horizon.min(values.len() - origin);
        let Some(said) = forecast(method, &values[..origin], season, ahead) else { continue };
        for (h, said) in said.iter().enumerate() {
            off[h].push(apart(*said, values[origin + h]));
        }
    }
    let mut reach: f64 = 0.0;
    let steps = points.into_iter().zip(off).map(|(point, mut off)| {
        off.retain(|distance| distance.is_finite());
        off.sort_unstable_by(f64::total_cmp);
        // The level is set a little higher, as the forecast itself is one more case.
        let n = off.len() as f64;
        let limit = (off.len() >= LEAST)
            .then(|| quantile_sorted(&off, (level * (n + 1.0) / n).min(1.0)))
            .flatten();
        let Some(limit) = limit else { return Step { point, low: None, high: None } };
        // What lies further ahead is not surer.
        reach = reach.max(limit);
        let (low, high) = if relative {
            (point * (-reach).exp(), point * reach.exp())
        } else {
            (point - reach, point + reach)
        };
        Step { point, low: Some(low), high: Some(high) }
    });
    Some(steps.collect())
}

/// Returns the symmetric mean absolute percentage error, from 0 to 200; `None` without values.
pub fn smape(said: &[f64], came: &[f64]) -> Option<f64> {
    let each = |(a, b): (&f64, &f64)| {
        let both = a.abs() + b.abs();
        if both > 0.0 { 200.0 * (a - b).abs() / both } else { 0.0 }
    };
    let n = said.len().min(came.len());
    (n > 0).then(|| said.iter().zip(came).map(each).sum::<f64>() / n as f64)
}

/// Returns the mean absolute error over that of the seasonal naive way within the record (Hyndman
/// and Koehler 2006); `None` where that is zero or unknown.
pub fn mase(said: &[f64], came: &[f64], record: &[f64], season: usize) -> Option<f64> {
    let lag = season.max(1);
    let n = record.len().checked_sub(lag).filter(|n| *n > 0)?;
    let naive: f64 = record.windows(lag + 1).map(|w| (w[lag] - w[0]).abs()).sum::<f64>() / n as f64;
    let m = said.len().min(came.len());
    let off = said.iter().zip(came).map(|(a, b)| (a - b).abs()).sum::<f64>() / m.max(1) as f64;
    (m > 0 && naive > 0.0).then(|| off / naive)
}

fn finite(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}

/// Returns seasonal factors by classical decomposition: the ratio to a centered moving mean,
/// averaged by season and scaled to a mean of one. `None` for fewer than two seasons or values that
/// are not positive.
fn factors(values: &[f64], season: usize) -> Option<Vec<f64>> {
    if season < 2 || values.len() < 2 * season || values.iter().any(|value| *value <= 0.0) {
        return None;
    }
    let half = season / 2;
    let mut sums = vec![(0.0, 0.0); season];
    for at in half..values.len() - half {
        let window = &values[at - half..=at + half];
        let trend = if season.is_multiple_of(2) {
            let inner: f64 = window[1..season].iter().sum();
            (0.5 * (window[0] + window[season]) + inner) / season as f64
        } else {
            window.iter().sum::<f64>() / season as f64
        };
        let sum = &mut sums[at % season];
        *sum = (sum.0 + values[at] / trend, sum.1 + 1.0);
    }
    let means: Vec<f64> = sums.iter().map(|(sum, n)| sum / f64::max(*n, 1.0)).collect();
    let mean = means.iter().sum::<f64>() / season as f64;
    let good = means.iter().all(|factor| *factor > 0.0) && mean > 0.0;
    good.then(|| means.iter().map(|factor| factor / mean).collect())
}

/// Minimizes by the simplex of Nelder and Mead (1965), restarted once from where it ends.
fn minimize(start: &[f64], scale: &[f64], cost: &dyn Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut best = start.to_vec();
    for round in 0..2 {
        let size = if round == 0 { 1.0 } else { 0.3 };
        best = simplex(&best, scale, size, cost);
    }
    best
}

fn simplex(start: &[f64], scale: &[f64], size: f64, cost: &dyn Fn(&[f64]) -> f64) -> Vec<f64> {
    let n = start.len();
    let value = |x: &[f64]| {
        let value = cost(x);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut corners: Vec<(f64, Vec<f64>)> = vec![(value(start), start.to_vec())];
    for i in 0..n {
        let mut corner = start.to_vec();
        corner[i] += size * scale[i];
        corners.push((value(&corner), corner));
    }
    for _ in 0..400 * n {
        corners.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (low, high) = (corners[0].0, corners[n].0);
        let wide = |i: usize| (corners[n].1[i] - corners[0].1[i]).abs() > 1e-10 * scale[i];
        if (high - low).abs() <= 1e-13 * low.abs() && !(0..n).any(wide) {
            break;
        }
        let middle: Vec<f64> =
            (0..n).map(|i| corners[..n].iter().map(|c| c.1[i]).sum::<f64>() / n as f64).collect();
        let along = |t: f64| -> Vec<f64> {
            middle.iter().zip(&corners[n].1).map(|(m, w)| m + t * (m - w)).collect()
        };
        let reflected = along(1.0);
        let at = value(&reflected);
        if at < low {
            let further = along(2.0);
            let there = value(&further);
            corners[n] = if there < at { (there, further) } else { (at, reflected) };
        } else if at < corners[n - 1].0 {
            corners[n] = (at, reflected);
        } else {
            let nearer = along(if at < high { 0.5 } else { -0.5 });
            let there = value(&nearer);
            if there < high.min(at) {
                corners[n] = (there, nearer);
            } else {
                let first = corners[0].1.clone();
                for corner in &mut corners[1..] {
                    corner.1.iter_mut().zip(&first).for_each(|(x, f)| *x = f + 0.5 * (*x - f));
                    corner.0 = value(&corner.1);
                }
            }
        }
    }
    corners.sort_by(|a, b| a.0.total_cmp(&b.0));
    corners.swap_remove(0).1
}

#[cfg(test)]
mod tests;
