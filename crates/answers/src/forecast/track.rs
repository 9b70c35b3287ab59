//! How right it was: past periods forecast again, each time from what was known then.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{FiscalCalendar, Period};
use stats::score;

use super::model::{Forecast, Learned, Method, Span};
use super::plain::{Owner, Plain};
use super::record::{Record, number};

/// A period as it was forecast on a past day, and what came.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    pub(crate) period: Period,
    /// Which of the days of each period it is: 0 for the eve of its begin.
    pub(crate) origin: usize,
    /// Days from that day to the period's end.
    pub(crate) days_left: i64,
    pub(crate) method: Method,
    pub(crate) actual: f64,
    /// 10, 50 and 90%.
    pub(crate) said: [f64; 3],
    pub(crate) crps: f64,
    /// Place of what came among what was simulated.
    pub(crate) place: f64,
    pub(crate) plain: Plain,
    /// What each owner booked in the end.
    pub(crate) owners: BTreeMap<Option<Arc<str>>, Owner>,
}

impl Replay {
    /// True where what came lies between the 10 and 90% that were said.
    pub(crate) fn inside(&self) -> bool {
        let [low, _, high] = self.said;
        low <= self.actual && self.actual <= high
    }

    /// Distance from the median in parts of the distance of its 10 or 90%.
    fn distance(&self) -> Option<f64> {
        let [low, middle, high] = self.said;
        let off = self.actual - middle;
        let room = if off > 0.0 { high - middle } else { middle - low };
        match off.abs() {
            ..1e-9 => Some(0.0),
            off if room > 0.0 => Some(off / room),
            _ => None,
        }
    }
}

/// The periods of the same kind before one, the latest first: as many as are over by a day.
pub(crate) fn before(calendar: &FiscalCalendar, period: &Period, on: i64, n: usize) -> Vec<Period> {
    let mut found = Vec::new();
    let mut at = calendar.previous(period);
    while found.len() < n && number(at.from) > on - 4000 {
        let next = calendar.previous(&at);
        if number(at.to) <= on {
            found.push(at);
        }
        at = next;
    }
    found
}

/// Days on which a period is forecast: the eve of its begin, a third and two thirds of it later.
pub(crate) fn origins(period: &Period) -> [i64; 3] {
    let (from, n) = (number(period.from), period.n_days());
    [from - 1, from - 1 + n / 3, from - 1 + 2 * n / 3]
}

/// Forecasts past periods again, as known on a day of now: learned once for each, at its begin.
pub(crate) fn replays(
    record: &Record,
    chances: &BTreeMap<Arc<str>, f64>,
    periods: &[Period],
    on: i64,
    n: u32,
    seed: u64,
) -> Vec<Replay> {
    let mut found = Vec::new();
    let begin = record.begin().unwrap_or(i64::MAX);
    for period in periods {
        let (from, to) = (number(period.from), number(period.to));
        // Half a year of record is little to learn from; less is nothing.
        if begin > from - 182 {
            continue;
        }
        let whole = Span { on: from - 1, from, to };
        let learned = Learned::by(record, whole);
        let actual = record.booked(from, to, on);
        let end = Plain::of(record, chances, Span { on, from, to });
        for (origin, at) in origins(period).into_iter().enumerate() {
            let span = Span { on: at, ..whole };
            let forecast = Forecast::of(record, &learned, span, n, seed);
            let sums = forecast.total.sorted();
            found.push(Replay {
                period: period.clone(),
                origin,
                days_left: to - at,
                method: forecast.method,
                actual,
                said: [0.1, 0.5, 0.9].map(|p| forecast.total.quantile(p)),
                crps: score::crps_ensemble(sums, actual).unwrap_or(0.0),
                place: score::pit(sums, actual).unwrap_or(0.5),
                plain: Plain::of(record, chances, span),
                owners: end.owners.clone(),
            });
        }
    }
    found
}

/// How much wider intervals must be for 80% of the past to lie within, or below 1 how much narrower
/// they may be: between 0.7 and 2.5, drawn towards 1 where little of it is known (after Gibbs and
/// Candès 2021, who adapt both ways as time goes on). If it only ever widened, more than 80% would
/// lie within wherever the model is right.
pub(crate) fn widening(replays: &[Replay]) -> f64 {
    let judged = replays.iter().filter(|replay| replay.method == Method::Hazard);
    let mut far: Vec<f64> = judged.filter_map(Replay::distance).collect();
    far.sort_unstable_by(f64::total_cmp);
    let n = far.len();
    if n < 6 {
        return 1.0;
    }
    let Some(reach) = stats::interval::quantile_sorted(&far, 0.8) else { return 1.0 };
    // Three days of one period tell little more than one.
    let weight = n as f64 / (n as f64 + 15.0);
    (1.0 + weight * (reach - 1.0)).clamp(0.7, 2.5)
}

/// Scores of one way over some replays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Score {
    pub(crate) n: usize,
    /// Sum of forecasts over sum of what came, less 1.
    pub(crate) bias: Option<f64>,
    /// Mean distance, as a part of the mean of what came.
    pub(crate) error: Option<f64>,
}

/// Scores pairs of said and came.
pub(crate) fn scored(pairs: &[(f64, f64)]) -> Score {
    let came: f64 = pairs.iter().map(|(_, came)| came).sum();
    let said: f64 = pairs.iter().map(|(said, _)| said).sum();
    let off: f64 = pairs.iter().map(|(said, came)| (said - came).abs()).sum();
    let known = came > 0.0;
    Score {
        n: pairs.len(),
        bias: known.then(|| said / came - 1.0),
        error: known.then(|| off / came),
    }
}
