//! Complex exponential smoothing of Svetunkov, Kourentzes and Ord (2022): a level and what it may
//! become, smoothed by one complex number.
//!
//! Without a trend of its own it follows both level and growth. Seasons are none, the level of a
//! season before (simple), or added to the level: smoothed by a number (partial) or by a complex
//! one (full). The first states are found by going through the record forward, backward and
//! forward again; among the kinds the one with the lowest corrected criterion of Akaike is kept.

#![expect(clippy::indexing_slicing, reason = "rows are positions of the record and its margins")]

use super::ets::Kind;
use super::search::simplex;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seasons {
    None,
    Simple,
    Partial,
    Full,
}

/// Level, its information, season, its information.
type Row = [f64; 4];

/// Forecasts; `None` for fewer than five values or values that are not numbers. Seasons are
/// considered where the record holds two.
pub fn complex(values: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    const STEPS: usize = 1000;
    let n = values.len() as f64;
    if values.len() < 5 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let unit = values.iter().map(|value| value.abs()).sum::<f64>() / n;
    if unit <= 0.0 {
        return Some(vec![0.0; horizon]);
    }
    let scaled: Vec<f64> = values.iter().map(|value| value / unit).collect();
    let mut best: Option<(f64, Vec<f64>)> = None;
    for seasons in [Seasons::None, Seasons::Simple, Seasons::Partial, Seasons::Full] {
        let Some(begin) = first(&scaled, season, seasons) else { continue };
        let (start, components): (&[f64], f64) = match seasons {
            Seasons::None | Seasons::Simple => (&[1.3, 1.0], 2.0),
            Seasons::Partial => (&[1.3, 1.0, 0.1], 3.0),
            Seasons::Full => (&[1.3, 1.0, 1.3, 1.0], 4.0),
        };
        let bounds = [(0.01, 1.8), (0.01, 1.9), (0.01, 1.5), (0.01, 1.5)];
        let cost = |x: &[f64]| fit(&scaled, &begin, seasons, x).0;
        let x = simplex(start, &bounds, STEPS, &cost);
        let (cost, mut rows) = fit(&scaled, &begin, seasons, &x);
        let k = components + 1.0;
        let criterion = cost + 2.0 * k * n / (n - k - 1.0);
        if n <= k + 1.0 || !criterion.is_finite() {
            continue;
        }
        if best.as_ref().is_none_or(|best| criterion < best.0) {
            rows.truncate(values.len() + begin.len());
            best = Some((criterion, ahead(rows, begin.len(), seasons, &x, horizon)));
        }
    }
    best.map(|(_, ahead)| ahead.into_iter().map(|value| value * unit).collect())
}

/// The margin before the record.
fn first(values: &[f64], season: usize, seasons: Seasons) -> Option<Vec<Row>> {
    let mean = |n: usize| values[..n].iter().sum::<f64>() / n as f64;
    let row = |level: f64, season: f64| [level, level / 1.1, season, season / 1.1];
    if seasons == Seasons::None {
        return Some(vec![row(mean(values.len().min(10)), 0.0)]);
    }
    let terms = super::seasons(values, season, Kind::Additive)?;
    Some(match seasons {
        Seasons::Simple => values[..season].iter().map(|value| row(*value, 0.0)).collect(),
        _ => terms.iter().map(|term| row(mean(season), *term)).collect(),
    })
}

/// Goes forward, backward and forward; returns the cost of the last way, and its rows with a margin
/// on both sides.
fn fit(values: &[f64], begin: &[Row], seasons: Seasons, x: &[f64]) -> (f64, Vec<Row>) {
    let margin = begin.len();
    let mut rows = vec![[0.0; 4]; values.len() + 2 * margin];
    rows[..margin].copy_from_slice(begin);
    let mut square = 0.0;
    for way in 0..3 {
        square = 0.0;
        for t in 0..values.len() {
            let value = if way == 1 { values[values.len() - 1 - t] } else { values[t] };
            let off = value - said(&rows, t + margin, margin, seasons);
            square += off * off;
            step(&mut rows, t + margin, margin, seasons, x, off);
        }
        for at in values.len() + margin..rows.len() {
            step(&mut rows, at, margin, seasons, x, 0.0);
        }
        if way < 2 {
            rows.reverse();
        }
    }
    (values.len() as f64 * square.max(1e-30).ln(), rows)
}

fn said(rows: &[Row], at: usize, margin: usize, seasons: Seasons) -> f64 {
    match seasons {
        Seasons::None | Seasons::Simple => rows[at - margin][0],
        Seasons::Partial | Seasons::Full => rows[at - 1][0] + rows[at - margin][2],
    }
}

fn step(rows: &mut [Row], at: usize, margin: usize, seasons: Seasons, x: &[f64], off: f64) {
    let turn = |[level, other]: [f64; 2], [re, im]: [f64; 2]| {
        [level - (1.0 - im) * other + (re - im) * off, level + (1.0 - re) * other + (re + im) * off]
    };
    let ago = rows[at - margin];
    let near = if seasons == Seasons::Simple { ago } else { rows[at - 1] };
    let [level, other] = turn([near[0], near[1]], [x[0], x[1]]);
    let [season, sway] = match seasons {
        Seasons::None | Seasons::Simple => [0.0, 0.0],
        Seasons::Partial => [ago[2] + x[2] * off, 0.0],
        Seasons::Full => turn([ago[2], ago[3]], [x[2], x[3]]),
    };
    rows[at] = [level, other, season, sway];
}

fn ahead(
    mut rows: Vec<Row>,
    margin: usize,
    seasons: Seasons,
    x: &[f64],
    horizon: usize,
) -> Vec<f64> {
    let from = rows.len();
    rows.resize(from + horizon, [0.0; 4]);
    (from..from + horizon)
        .map(|at| {
            step(&mut rows, at, margin, seasons, x, 0.0);
            said(&rows, at, margin, seasons)
        })
        .collect()
}
