//! Exponential smoothing on logs: level, damped trend and season.

#![expect(clippy::indexing_slicing, reason = "seasons are positions modulo their number")]

use super::{factors, minimize};

/// How much of the trend is left a step later.
const DAMPING: f64 = 0.98;

/// Forecasts by ETS(A,Ad,A) of Hyndman et al. (2002) on logs; `None` for fewer than two seasons
/// (four values without a season) or values that are not positive.
///
/// On logs, seasons multiply and errors are relative. The begin is the line through the whole
/// record without its seasons; smoothing minimizes the squared errors one step ahead.
pub fn smoothing(values: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    let fine = values.len() >= 4 && values.iter().all(|value| *value > 0.0 && value.is_finite());
    if !fine {
        return None;
    }
    let seasons: Vec<f64> = if season < 2 {
        vec![0.0]
    } else {
        factors(values, season)?.iter().map(|factor| factor.ln()).collect()
    };
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let plain: Vec<f64> =
        logs.iter().enumerate().map(|(i, log)| log - seasons[i % seasons.len()]).collect();
    let begin = line(&plain);
    let cost = |x: &[f64]| run(&logs, &seasons, begin, weights(x), 0).1;
    let best = minimize(&[-0.8, -3.0, -1.0], &[1.0, 1.0, 1.0], &cost);
    let (ahead, _) = run(&logs, &seasons, begin, weights(&best), horizon);
    Some(ahead.iter().map(|log| log.exp()).collect())
}

/// Smoothing of level, trend and season, within the region where they mean something.
fn weights(x: &[f64]) -> [f64; 3] {
    let unit = |x: f64| 1.0 / (1.0 + (-x).exp());
    let alpha = 1e-4 + 0.9998 * unit(x[0]);
    [alpha, alpha * unit(x[1]), (1.0 - alpha) * unit(x[2])]
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

/// Runs the recursion; returns the logs ahead, and the sum of squared errors one step ahead.
fn run(
    logs: &[f64],
    first: &[f64],
    (mut level, mut trend): (f64, f64),
    [alpha, beta, gamma]: [f64; 3],
    horizon: usize,
) -> (Vec<f64>, f64) {
    let mut seasons = first.to_vec();
    let mut square = 0.0;
    for (t, log) in logs.iter().enumerate() {
        let base = level + DAMPING * trend;
        let season = &mut seasons[t % first.len()];
        let off = log - base - *season;
        square += off * off;
        level = base + alpha * off;
        trend = DAMPING * trend + beta * off;
        *season += gamma * off;
    }
    let (mut left, mut sum) = (1.0, 0.0);
    let ahead = (0..horizon).map(|h| {
        left *= DAMPING;
        sum += left;
        level + sum * trend + seasons[(logs.len() + h) % first.len()]
    });
    (ahead.collect(), square)
}
