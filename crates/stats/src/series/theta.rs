//! Dynamic optimized Theta: a level that is smoothed, and a line that follows.

#![expect(clippy::indexing_slicing, reason = "positions are counted from the same series")]

use super::ets::Kind;
use super::search::descend;
use super::seasons;

/// Forecasts by the dynamic optimized Theta method; `None` for fewer than four values.
///
/// A season that the autocorrelation shows at 90% is divided out first and multiplied back (only
/// for positive values). Level, smoothing and theta minimize the squared errors one step ahead.
pub fn theta(values: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    if values.len() < 4 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let found =
        if seasonal(values, season) { seasons(values, season, Kind::Multiplicative) } else { None };
    let at = |i: usize| found.as_ref().map_or(1.0, |factors| factors[i % factors.len()]);
    let plain: Vec<f64> = values.iter().enumerate().map(|(i, value)| value / at(i)).collect();
    // In units of the mean size, so that steps of the search fit.
    let unit = plain.iter().map(|value| value.abs()).sum::<f64>() / plain.len() as f64;
    let unit = if unit > 0.0 { unit } else { 1.0 };
    let scaled: Vec<f64> = plain.iter().map(|value| value / unit).collect();
    let cost = |x: &[f64]| run(&scaled, bounded(x), 0).1;
    let start = [0.5 * scaled[0], 0.0, 0.0];
    let best = descend(&start, &cost);
    let (ahead, _) = run(&scaled, bounded(&best), horizon);
    Some(ahead.iter().enumerate().map(|(h, x)| x * unit * at(values.len() + h)).collect())
}

/// Level, smoothing between 0.1 and 0.99, theta of at least 1.
fn bounded(x: &[f64]) -> [f64; 3] {
    [x[0], 0.1 + 0.89 / (1.0 + (-x[1]).exp()), 1.0 + x[2].min(20.0).exp()]
}

/// Runs the recursion; returns the values ahead and the mean squared error one step ahead.
fn run(values: &[f64], [level, alpha, theta]: [f64; 3], horizon: usize) -> (Vec<f64>, f64) {
    let weight = 1.0 - 1.0 / theta;
    let (mut level, mut mean, mut a, mut b) = (level, 0.0, 0.0, 0.0);
    let mut decay = 1.0;
    let (mut square, mut ahead) = (0.0, Vec::with_capacity(horizon));
    for t in 1..=values.len() + horizon {
        let n = t as f64;
        // decay is (1 - alpha)^(t - 1).
        let line = decay * a + (1.0 - decay * (1.0 - alpha)) / alpha * b;
        let said = if t == 1 { values[0] } else { level + weight * line };
        let value = values.get(t - 1).copied().unwrap_or(said);
        if t <= values.len() {
            // The first two steps know no line yet.
            if t > 2 {
                square += (value - said).powi(2);
            }
        } else {
            ahead.push(said);
        }
        level = alpha * value + (1.0 - alpha) * level;
        let before = mean;
        mean = ((n - 1.0) * mean + value) / n;
        b = ((n - 2.0) * b + 6.0 * (value - before) / n) / (n + 1.0);
        if t == 1 {
            b = 0.0;
        }
        a = mean - b * (n + 1.0) / 2.0;
        decay *= 1.0 - alpha;
    }
    (ahead, square / values.len() as f64)
}

/// True where the autocorrelation at the season lies beyond its 90% limit.
fn seasonal(values: &[f64], season: usize) -> bool {
    let n = values.len();
    if season < 2 || n < 2 * season + 1 {
        return false;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let variance: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    if variance <= 0.0 {
        return false;
    }
    let r = |lag: usize| {
        let pairs = values.iter().zip(&values[lag..]);
        pairs.map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>() / variance
    };
    let squares: f64 = (1..season).map(|lag| r(lag).powi(2)).sum();
    r(season).abs() > 1.645 * ((1.0 + 2.0 * squares) / n as f64).sqrt()
}
