//! ARIMA with one difference at lag one and one at the season, and at most one coefficient of each
//! kind, by its exact likelihood.
//!
//! What is left after differencing is a product of two processes, of steps and of seasons, each
//! with the autocovariances of ARMA(1,1); likelihood and forecasts follow by the recursion of
//! Durbin (1960) and Levinson (1947). Orders are compared by Akaike's criterion, corrected for
//! short records, on the values as they are (Box and Jenkins 1970; Hyndman and Khandakar 2008).

#![expect(clippy::indexing_slicing, reason = "lags are checked against the length")]

use super::airline::differenced;
use super::search::descend;

/// Which coefficients there are: of the last value and its shock, of the last season's value and
/// its shock.
pub(super) type Orders = [bool; 4];

/// Chooses the orders with the lowest criterion; `None` as [`arima`].
pub(super) fn choose_orders(values: &[f64], season: usize) -> Option<Orders> {
    let all = (0..16_u8).map(|bits| [0, 1, 2, 3].map(|at| bits >> at & 1 == 1));
    let fits = all.filter_map(|orders| Some((Fit::of(values, season, orders)?.criterion, orders)));
    fits.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, orders)| orders)
}

/// Forecasts; `None` for fewer than two seasons and nine values, values that are no numbers, or a
/// record without chance.
pub(super) fn arima(
    values: &[f64],
    season: usize,
    orders: Orders,
    horizon: usize,
) -> Option<Vec<f64>> {
    let fit = Fit::of(values, season, orders)?;
    let left = differenced(values, season);
    let covariances = covariances(&fit.coefficients, season, left.len() + horizon);
    let mut known = left.clone();
    walk(&covariances, left.len() + horizon, |at, said, _| {
        if at == known.len() {
            known.push(said);
        }
        known[at]
    });
    let mut x = values.to_vec();
    for change in &known[left.len()..] {
        let t = x.len();
        x.push(change + x[t - 1] + x[t - season] - x[t - season - 1]);
    }
    Some(x.split_off(values.len()))
}

struct Fit {
    /// Zero where there is none.
    coefficients: [f64; 4],
    criterion: f64,
}

impl Fit {
    fn of(values: &[f64], season: usize, orders: Orders) -> Option<Self> {
        let fine = values.iter().all(|value| value.is_finite());
        if season < 2 || values.len() < 2 * season + 9 || !fine {
            return None;
        }
        let left = differenced(values, season);
        let read = |x: &[f64]| {
            let mut x = x.iter();
            let mut at = 0;
            orders.map(|has| {
                at += 1;
                // Values decay; shocks may count up to one.
                let most = if at % 2 == 1 { 0.98 } else { 1.0 };
                if has { most * x.next().map_or(0.0, |x| x.tanh()) } else { 0.0 }
            })
        };
        let cost = |x: &[f64]| -likelihood(&left, &read(x), season);
        let start: Vec<f64> = [0.1, -0.3, 0.1, -0.3]
            .into_iter()
            .zip(orders)
            .filter(|one| one.1)
            .map(|one| one.0)
            .collect();
        let best = descend(&start, &cost);
        let (n, k) = (left.len() as f64, start.len() as f64 + 1.0);
        let criterion = 2.0 * cost(&best) + 2.0 * k * n / (n - k - 1.0);
        criterion.is_finite().then_some(Self { coefficients: read(&best), criterion })
    }
}

/// Autocovariances of ARMA(1,1) for shocks of variance one.
fn part(value: f64, shock: f64, n: usize) -> Vec<f64> {
    let whole = 1.0 - value * value;
    let mut found = vec![(1.0 + 2.0 * value * shock + shock * shock) / whole];
    let mut next = (1.0 + value * shock) * (value + shock) / whole;
    while found.len() < n {
        found.push(next);
        next *= value;
    }
    found
}

/// Lags from which on a process counts less than one part in 10¹³.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 2 and 1,500")]
fn reach(value: f64) -> usize {
    (30.0 / -value.abs().max(1e-9).ln()).clamp(2.0, 1500.0).ceil() as usize
}

/// Autocovariances of the product, at lags below `n`.
fn covariances(
    [value, shock, seasonal_value, seasonal_shock]: &[f64; 4],
    season: usize,
    n: usize,
) -> Vec<f64> {
    let steps = part(*value, *shock, reach(*value));
    let seasons = part(*seasonal_value, *seasonal_shock, reach(*seasonal_value));
    (0..n)
        .map(|lag| {
            let mut sum = 0.0;
            for (k, weight) in seasons.iter().enumerate() {
                let apart = k * season;
                let before = if k > 0 { steps.get(lag + apart) } else { None };
                let after = steps.get(lag.abs_diff(apart));
                sum += weight * (before.unwrap_or(&0.0) + after.unwrap_or(&0.0));
            }
            sum
        })
        .collect()
}

/// Goes through a process step by step: `value` gets the place, what the past says of it and with
/// which variance, and returns the value there.
fn walk(covariances: &[f64], n: usize, mut value: impl FnMut(usize, f64, f64) -> f64) {
    let mut known: Vec<f64> = Vec::with_capacity(n);
    let (mut weights, mut variance): (Vec<f64>, f64) = (Vec::with_capacity(n), covariances[0]);
    for at in 0..n {
        let said: f64 = weights.iter().zip(known.iter().rev()).map(|(w, x)| w * x).sum();
        known.push(value(at, said, variance));
        let Some(next) = covariances.get(at + 1) else { break };
        let told: f64 =
            weights.iter().zip(covariances[1..=at].iter().rev()).map(|(w, c)| w * c).sum();
        let last = (next - told) / variance;
        let turned: Vec<f64> = weights.iter().rev().copied().collect();
        weights.iter_mut().zip(turned).for_each(|(w, back)| *w -= last * back);
        weights.push(last);
        variance *= 1.0 - last * last;
    }
}

/// The log likelihood with the best variance.
fn likelihood(left: &[f64], coefficients: &[f64; 4], season: usize) -> f64 {
    let covariances = covariances(coefficients, season, left.len());
    let (mut square, mut logs) = (0.0, 0.0);
    walk(&covariances, left.len(), |at, said, variance| {
        square += (left[at] - said).powi(2) / variance;
        logs += variance.ln();
        left[at]
    });
    let n = left.len() as f64;
    -0.5 * (n * (std::f64::consts::TAU * square / n).ln() + logs + n)
}

#[cfg(test)]
mod tests {
    use super::super::airline::{Scale, airline};
    use super::*;
    use crate::random::SplitMix64;

    #[test]
    fn without_values_it_is_the_airline_model() {
        let mut random = SplitMix64::new(4);
        let values: Vec<f64> = (0..60)
            .map(|t| 50.0 + f64::from(t % 4) * 3.0 + f64::from(t) + random.normal())
            .collect();
        let fit = airline(&values, 4, Scale::Plain).unwrap();
        let left = differenced(&values, 4);
        let here = likelihood(&left, &[0.0, fit.ma, 0.0, fit.seasonal_ma], 4);
        assert!((here - fit.log_likelihood).abs() < 1e-8, "{here} {}", fit.log_likelihood);
        let said = arima(&values, 4, [false, true, false, true], 8).unwrap();
        for (a, b) in said.iter().zip(fit.forecast(8)) {
            assert!((a - b).abs() < 1e-2, "{a} {b}");
        }
    }

    #[test]
    fn covariances_are_those_of_the_weights_of_shocks() {
        let own = [0.5, -0.3, 0.4, 0.2];
        let season = 3;
        // Shocks go on by both factors: their weights one by one.
        let mut weights = vec![0.0; 400];
        for t in 0..weights.len() {
            let ago = |lag: usize| if t >= lag { weights[t - lag] } else { 0.0 };
            let shock = match t {
                0 => 1.0,
                1 => own[1],
                3 => own[3],
                4 => own[1] * own[3],
                _ => 0.0,
            };
            weights[t] = own[0] * ago(1) + own[2] * ago(3) - own[0] * own[2] * ago(4) + shock;
        }
        for (lag, found) in covariances(&own, season, 9).iter().enumerate() {
            let slow: f64 = weights.iter().zip(&weights[lag..]).map(|(a, b)| a * b).sum();
            assert!((found - slow).abs() < 1e-10, "{lag}: {found} {slow}");
        }
    }
}
