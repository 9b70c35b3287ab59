//! Series of equal steps, such as months: what comes next, by several methods and their mean.
//!
//! Seasonal naive; Theta of Assimakopoulos and Nikolopoulos (2000) in the dynamic, optimized form
//! of Fiorucci et al. (2016); exponential smoothing in the form that its criterion chooses, and
//! Holt and Winters' (Hyndman et al. 2002); complex exponential smoothing (Svetunkov et al. 2022);
//! STL (Cleveland et al. 1990); the airline model of Box and Jenkins (1970) and seasonal ARIMA of
//! other orders, with their exact likelihood; the mean of three of them (Bates and Granger 1969).
//! [`choose`] takes the one that was nearest at past origins (Tashman 2000). Intervals are
//! conformal: distances of past forecasts from rolling origins (Vovk et al. 2005), since those
//! that the models give themselves are known to be too narrow.

#![expect(clippy::indexing_slicing, reason = "positions are counted from the same series")]

mod airline;
mod arima;
mod complex;
pub mod ets;
mod search;
mod stl;
mod theta;

pub use airline::{Airline, Scale, airline};
pub use complex::complex;
pub use stl::stl;
pub use theta::theta;

use crate::interval::quantile_sorted;
use arima::Orders;
use ets::{Form, Kind};

/// How a series goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As in the season before.
    SeasonalNaive,
    /// Dynamic optimized Theta.
    Theta,
    /// Exponential smoothing in the form of the lowest criterion.
    Smoothing,
    /// Holt and Winters, with stiff weights.
    HoltWinters,
    /// Complex exponential smoothing.
    Complex,
    /// Season and trend by local regression.
    Stl,
    /// The airline model, on logs where they are likelier.
    Airline,
    /// Seasonal ARIMA with the orders of the lowest criterion.
    Arima,
    /// The mean of Theta, smoothing and the airline model.
    Mean,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 9] = [
        Self::SeasonalNaive,
        Self::Theta,
        Self::Smoothing,
        Self::HoltWinters,
        Self::Complex,
        Self::Stl,
        Self::Airline,
        Self::Arima,
        Self::Mean,
    ];

    /// Returns the identifier.
    pub fn id(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::Theta => "theta",
            Self::Smoothing => "smoothing",
            Self::HoltWinters => "holt_winters",
            Self::Complex => "complex",
            Self::Stl => "stl",
            Self::Airline => "airline",
            Self::Arima => "arima",
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

/// Forecasts by a method; `None` where the series is too short or unfit for it (two whole seasons,
/// and values above zero where seasons multiply or logs are taken).
///
/// The mean takes those of the three that can be had, else repeats the last season, else the last
/// value.
pub fn forecast(method: Method, values: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    forecast_as(method, Forms::of(&[method], values, season), values, season, horizon)
}

/// What criteria choose of a record, for the methods that have a choice.
#[derive(Clone, Copy, Default)]
struct Forms {
    smoothing: Option<Form>,
    arima: Option<Orders>,
}

impl Forms {
    fn of(methods: &[Method], values: &[f64], season: usize) -> Self {
        if !finite(values) {
            return Self::default();
        }
        let has = |wanted: &[Method]| methods.iter().any(|method| wanted.contains(method));
        let smooths = has(&[Method::Smoothing, Method::Mean]);
        let best = || ets::best(&ets::forms(), values, season).map(|fit| fit.form);
        let orders = || arima::choose_orders(values, season);
        Self {
            smoothing: smooths.then(best).flatten(),
            arima: has(&[Method::Arima]).then(orders).flatten(),
        }
    }
}

fn forecast_as(
    method: Method,
    forms: Forms,
    values: &[f64],
    season: usize,
    horizon: usize,
) -> Option<Vec<f64>> {
    if !finite(values) || values.is_empty() {
        return None;
    }
    match method {
        Method::SeasonalNaive => seasonal_naive(values, season, horizon),
        Method::Theta => theta(values, season, horizon),
        Method::Smoothing => {
            ets::ets(values, season, forms.smoothing?).map(|fit| fit.forecast(horizon))
        }
        Method::HoltWinters => {
            let positive = values.iter().all(|value| *value > 0.0);
            let kind = if positive { Kind::Multiplicative } else { Kind::Additive };
            ets::holt_winters(values, season, kind).map(|fit| fit.forecast(horizon))
        }
        Method::Complex => complex(values, season, horizon),
        Method::Stl => stl(values, season, horizon),
        Method::Airline => {
            let fits = [Scale::Logs, Scale::Plain].map(|scale| airline(values, season, scale));
            let likelier = fits
                .into_iter()
                .flatten()
                .max_by(|a, b| a.likelihood_of_values().total_cmp(&b.likelihood_of_values()))?;
            Some(likelier.forecast(horizon))
        }
        Method::Arima => arima::arima(values, season, forms.arima?, horizon),
        Method::Mean => {
            let all = [Method::Theta, Method::Smoothing, Method::Airline];
            let each = all.iter().filter_map(|m| forecast_as(*m, forms, values, season, horizon));
            let all: Vec<Vec<f64>> = each.collect();
            if all.is_empty() {
                return seasonal_naive(values, season, horizon)
                    .or_else(|| seasonal_naive(values, 1, horizon));
            }
            let n = all.len() as f64;
            Some((0..horizon).map(|h| all.iter().map(|one| one[h]).sum::<f64>() / n).collect())
        }
    }
}

/// Returns the methods with their mean distances at past origins, the nearest first; empty where
/// the record has fewer than three origins.
///
/// Origins lie half a horizon apart, the last one horizon before the end, at most six, each with
/// half of the record and two seasons before it. Methods that fail at an origin are left out.
pub fn choose(values: &[f64], season: usize, horizon: usize) -> Vec<(Method, f64)> {
    let least = (values.len() / 2).max(2 * season.max(2) + 3);
    let step = horizon.div_ceil(2).max(1);
    let origins: Vec<usize> = (0..6)
        .filter_map(|k| values.len().checked_sub(horizon + k * step))
        .filter(|origin| *origin >= least)
        .collect();
    let (true, Some(first)) = (origins.len() >= 3, origins.last()) else { return Vec::new() };
    let forms = Forms::of(&Method::ALL, &values[..*first], season);
    let off = |method: Method| {
        let mut sum = 0.0;
        for origin in &origins {
            let said = forecast_as(method, forms, &values[..*origin], season, horizon)?;
            let pairs = said.iter().zip(&values[*origin..]);
            sum += pairs.map(|(said, came)| (said - came).abs()).sum::<f64>();
        }
        let mean = sum / (origins.len() * horizon.max(1)) as f64;
        mean.is_finite().then_some((method, mean))
    };
    let mut all: Vec<(Method, f64)> = Method::ALL.into_iter().filter_map(off).collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1));
    all
}

/// Forecasts with limits from how far the same method was off at past origins, step by step.
///
/// At least eight origins stand behind a limit; steps for which there are fewer have none.
/// Distances are relative for positive series, so that limits of a growing series grow. The form
/// that a criterion chooses is that of the whole record at each origin; what it holds is fitted
/// anew.
pub fn forecast_with_limits(
    method: Method,
    values: &[f64],
    season: usize,
    horizon: usize,
    level: f64,
) -> Option<Vec<Step>> {
    const LEAST: usize = 8;
    const ORIGINS: usize = 36;
    let forms = Forms::of(&[method], values, season);
    let points = forecast_as(method, forms, values, season, horizon)?;
    let first = (2 * season.max(2) + 2).max(values.len().saturating_sub(horizon + ORIGINS));
    // How far ahead, what was said, what came.
    let mut past: Vec<(usize, f64, f64)> = Vec::new();
    for origin in first..values.len() {
        let ahead = horizon.min(values.len() - origin);
        let said = forecast_as(method, forms, &values[..origin], season, ahead);
        let Some(said) = said else { continue };
        for (h, said) in said.iter().enumerate() {
            past.push((h, *said, values[origin + h]));
        }
    }
    // Ratios say something only of what is above zero: values, forecasts and past forecasts.
    let told = past.iter().flat_map(|(_, said, came)| [*said, *came]);
    let relative = told.chain(points.iter().chain(values).copied()).all(|value| value > 0.0);
    let mut off: Vec<Vec<f64>> = vec![Vec::new(); horizon];
    for (h, said, came) in past {
        off[h].push(if relative { (came / said).ln().abs() } else { (came - said).abs() });
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

/// Returns seasons by classical decomposition: how far values lie from a centered moving mean,
/// averaged by season and balanced (factors to a mean of one, terms to a mean of zero). `None` for
/// fewer than two seasons, or values that are not positive where seasons multiply.
fn seasons(values: &[f64], season: usize, kind: Kind) -> Option<Vec<f64>> {
    let multiplied = kind == Kind::Multiplicative;
    let unfit = multiplied && values.iter().any(|value| *value <= 0.0);
    if season < 2 || values.len() < 2 * season || unfit {
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
        let off = if multiplied { values[at] / trend } else { values[at] - trend };
        let sum = &mut sums[at % season];
        *sum = (sum.0 + off, sum.1 + 1.0);
    }
    let means: Vec<f64> = sums.iter().map(|(sum, n)| sum / f64::max(*n, 1.0)).collect();
    let mean = means.iter().sum::<f64>() / season as f64;
    if !multiplied {
        return Some(means.iter().map(|term| term - mean).collect());
    }
    let good = means.iter().all(|factor| *factor > 0.0) && mean > 0.0;
    good.then(|| means.iter().map(|factor| factor / mean).collect())
}

/// Least-squares line: its value just before the first point, and its slope.
fn line(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let center = f64::midpoint(n, 1.0);
    let (mut top, mut bottom) = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let x = i as f64 + 1.0 - center;
        top += x * (value - mean);
        bottom += x * x;
    }
    let slope = if bottom > 0.0 { top / bottom } else { 0.0 };
    (mean - slope * center, slope)
}

#[cfg(test)]
mod tests;
