//! Decomposition into season and trend by local regression, and a forecast from the parts.
//!
//! STL of Cleveland, Cleveland, `McRae` and Terpenning (1990) without its robust weights: seasons
//! by a window of eleven years, five inner passes, the other windows as that paper advises. What
//! is left without the season goes on by exponential smoothing, whose form the corrected criterion
//! of Akaike chooses; the last season is repeated.

#![expect(clippy::indexing_slicing, reason = "windows are cut to the length of the series")]

use super::ets::{best, forms};

const SEASONAL_WINDOW: usize = 11;
const PASSES: usize = 5;

/// Forecasts; `None` for fewer than two seasons and a value, or without a season.
pub fn stl(values: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    let terms = seasonal(values, season)?;
    let plain: Vec<f64> = values.iter().zip(&terms).map(|(value, term)| value - term).collect();
    let plainly: Vec<_> = forms().into_iter().filter(|form| form.seasons.is_none()).collect();
    let ahead = best(&plainly, &plain, 1)?.forecast(horizon);
    let from = terms.len() - season;
    Some(ahead.iter().enumerate().map(|(h, base)| base + terms[from + h % season]).collect())
}

/// Returns the seasonal part of each value.
fn seasonal(values: &[f64], season: usize) -> Option<Vec<f64>> {
    let n = values.len();
    if season < 2 || n <= 2 * season || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    // The smallest odd numbers from 1.5 season / (1 - 1.5 / 11) and the season up.
    let trend_window = (33 * season).div_ceil(19) | 1;
    let low_window = season | 1;
    let mut trend = vec![0.0; n];
    let mut terms = vec![0.0; n];
    for _ in 0..PASSES {
        // Each position of the season is smoothed by itself, one step beyond both ends.
        let mut cycle = vec![0.0; n + 2 * season];
        for position in 0..season {
            let of: Vec<f64> =
                (position..n).step_by(season).map(|t| values[t] - trend[t]).collect();
            for k in 0..of.len() + 2 {
                cycle[position + k * season] = local(&of, SEASONAL_WINDOW, k, false);
            }
        }
        // What of that is no season: three moving means, then a local line.
        let low = moving(&moving(&moving(&cycle, season), season), 3);
        for (t, term) in terms.iter_mut().enumerate() {
            *term = cycle[t + season] - local(&low, low_window, t + 1, true);
        }
        let plain: Vec<f64> = values.iter().zip(&terms).map(|(value, term)| value - term).collect();
        for (t, level) in trend.iter_mut().enumerate() {
            *level = local(&plain, trend_window, t + 1, true);
        }
    }
    Some(terms)
}

fn moving(values: &[f64], width: usize) -> Vec<f64> {
    values.windows(width).map(|window| window.iter().sum::<f64>() / width as f64).collect()
}

/// Local mean or line of the values at 1, 2, …, the nearest `window` weighted by the tricube; `at`
/// may lie one before or beyond them.
fn local(values: &[f64], window: usize, at: usize, sloped: bool) -> f64 {
    let n = values.len();
    let x = at as f64 - 1.0;
    let from = at.saturating_sub(1 + window / 2).min(n.saturating_sub(window));
    let to = (from + window).min(n);
    let mut reach = (x - from as f64).abs().max((to as f64 - 1.0 - x).abs());
    if window > n {
        reach += ((window - n) / 2) as f64;
    }
    let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
    let weight = |i: usize| {
        let off = (i as f64 - x).abs();
        if off <= 0.001 * reach {
            1.0
        } else if off <= 0.999 * reach {
            (1.0 - (off / reach).powi(3)).powi(3)
        } else {
            0.0
        }
    };
    for i in from..to {
        let w = weight(i);
        sum += w;
        mean += w * i as f64;
    }
    if sum <= 0.0 {
        return values[from];
    }
    mean /= sum;
    for i in from..to {
        square += weight(i) / sum * (i as f64 - mean).powi(2);
    }
    // A line only where the places differ enough for one.
    let wide = square.sqrt() > 0.001 * (n as f64 - 1.0);
    let slope = if sloped && wide { (x - mean) / square } else { 0.0 };
    (from..to).map(|i| weight(i) / sum * (1.0 + slope * (i as f64 - mean)) * values[i]).sum()
}
