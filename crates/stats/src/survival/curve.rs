//! The share that still waits, and how long it takes, without a model.
//!
//! Kaplan and Meier 1958 for the curve; variance by Greenwood 1926; limits on the log-minus-log
//! scale (Kalbfleisch and Prentice 1980), which stay inside `[0, 1]`; limits of a quantile by
//! Brookmeyer and Crowley 1982, on the same scale; restricted mean with its variance as in Klein
//! and Moeschberger 2003, §4.5; cumulative hazard by Nelson 1972 and Aalen 1978.

use super::Table;
use crate::interval::Interval;
use crate::special::normal_quantile;

/// The share that still waits, as a step function.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    steps: Vec<Step>,
    end: Option<f64>,
    n: u64,
}

/// The curve from one time of an event to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The time of the event.
    pub time: f64,
    /// Subjects at risk just before it.
    pub at_risk: u64,
    /// Events at it.
    pub events: u64,
    /// The share that still waits after it.
    pub survival: f64,
    /// Greenwood's sum up to it: the variance is the square of the share times this.
    pub greenwood: f64,
}

/// A quantile of the waiting time; a limit is missing where the curve never gets there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// The first time by which that share has had its event.
    pub point: Option<f64>,
    /// Lower limit.
    pub low: Option<f64>,
    /// Upper limit.
    pub high: Option<f64>,
}

/// Returns the curve of Kaplan and Meier for the wait until an event of any cause.
pub fn kaplan_meier(table: &Table) -> Curve {
    kaplan_meier_from(table, 0.0)
}

/// Returns the curve given that the wait has lasted to `from`.
///
/// With left truncation few are at risk at first, and one early event among two would halve the
/// curve for good; a start at which enough are at risk avoids that, at the price of the condition.
pub fn kaplan_meier_from(table: &Table, from: f64) -> Curve {
    let (mut survival, mut greenwood) = (1.0_f64, 0.0);
    let rows = table.rows().iter().filter(|row| row.events > 0 && row.time >= from);
    let mut steps = Vec::with_capacity(table.rows().len());
    for row in rows {
        let (n, d) = (f64::from(row.at_risk), f64::from(row.events));
        let left = row.at_risk - row.events;
        survival = if left == 0 { 0.0 } else { survival * (f64::from(left) / n) };
        if left > 0 {
            greenwood += d / (n * f64::from(left));
        }
        let (at_risk, events) = (u64::from(row.at_risk), u64::from(row.events));
        steps.push(Step { time: row.time, at_risk, events, survival, greenwood });
    }
    Curve { steps, end: table.longest(), n: table.n() }
}

impl Curve {
    /// The steps, earliest first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The longest time watched: beyond it nothing is known.
    pub const fn end(&self) -> Option<f64> {
        self.end
    }

    /// Number of subjects.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Returns the share that waits longer than `time`; beyond the longest time watched the last
    /// known share.
    pub fn survival(&self, time: f64) -> f64 {
        self.step(time).map_or(1.0, |step| step.survival)
    }

    /// Returns the share that waits longer than `time`, with its log-minus-log limits.
    pub fn at(&self, time: f64, level: f64) -> Interval {
        self.step(time)
            .map_or(Interval { point: 1.0, low: 1.0, high: 1.0 }, |step| step.interval(level))
    }

    fn step(&self, time: f64) -> Option<&Step> {
        let after = self.steps.partition_point(|step| step.time <= time);
        after.checked_sub(1).and_then(|at| self.steps.get(at))
    }

    /// Returns the first time by which the share `p` has had its event.
    pub fn quantile(&self, p: f64, level: f64) -> Quantile {
        let rest = 1.0 - p;
        // Products of fractions that should meet a half exactly miss it by a few bits.
        let near = 1e-12;
        let point = self.steps.iter().find(|step| step.survival <= rest + near);
        let z = z_of(level);
        let cut = (-rest.ln()).ln();
        // On the log-minus-log scale, how many errors a step lies below the wanted share.
        let below = |step: &&Step| {
            let cumulated = -step.survival.ln();
            (cumulated.ln() - cut) * cumulated / step.greenwood.sqrt()
        };
        let reached = |step: &&Step, bound: f64| step.survival <= 0.0 || below(step) >= bound;
        let low = self.steps.iter().find(|step| reached(step, -z));
        let high = self.steps.iter().find(|step| reached(step, z));
        let time = |step: Option<&Step>| step.map(|step| step.time);
        Quantile { point: time(point), low: time(low), high: time(high) }
    }

    /// Returns the median time.
    pub fn median(&self, level: f64) -> Quantile {
        self.quantile(0.5, level)
    }

    /// Returns the mean time, counted up to `until` at most, with normal limits.
    pub fn restricted_mean(&self, until: f64, level: f64) -> Interval {
        let inside = self.steps.partition_point(|step| step.time < until);
        let inside = self.steps.get(..inside).unwrap_or_default();
        let (mut next, mut area, mut variance) = (until, 0.0, 0.0);
        for step in inside.iter().rev() {
            area += step.survival * (next - step.time);
            next = step.time;
            let left = step.at_risk - step.events;
            if left > 0 {
                variance += area * area * step.events as f64 / (step.at_risk as f64 * left as f64);
            }
        }
        let point = area + next;
        let half = z_of(level) * variance.sqrt();
        Interval { point, low: (point - half).max(0.0), high: (point + half).min(until) }
    }
}

impl Step {
    /// Returns the share with its log-minus-log limits.
    pub fn interval(&self, level: f64) -> Interval {
        let point = self.survival;
        if point <= 0.0 || point >= 1.0 {
            return Interval { point, low: point, high: point };
        }
        let width = z_of(level) * self.greenwood.sqrt() / point.ln().abs();
        Interval { point, low: point.powf(width.exp()), high: point.powf((-width).exp()) }
    }
}

pub(crate) fn z_of(level: f64) -> f64 {
    normal_quantile(0.5 + 0.5 * level)
}

/// How events at the same time count in the cumulative hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Truly at once: *d/n* (Nelson and Aalen).
    AtOnce,
    /// One after the other, within the precision of the clock: *1/n + 1/(n−1) + …* (Fleming and
    /// Harrington 1984).
    InTurn,
}

/// The cumulative hazard after one time of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hazard {
    /// The time of the event.
    pub time: f64,
    /// The cumulative hazard.
    pub hazard: f64,
    /// Its variance.
    pub variance: f64,
}

/// Returns the cumulative hazard of Nelson and Aalen for an event of any cause.
pub fn nelson_aalen(table: &Table, ties: Ties) -> Vec<Hazard> {
    let (mut hazard, mut variance) = (0.0, 0.0);
    let rows = table.rows().iter().filter(|row| row.events > 0);
    rows.map(|row| {
        let n = f64::from(row.at_risk);
        match ties {
            Ties::AtOnce => {
                let d = f64::from(row.events);
                hazard += d / n;
                variance += d / (n * n);
            }
            Ties::InTurn => {
                for before in 0..row.events {
                    let left = n - f64::from(before);
                    hazard += 1.0 / left;
                    variance += 1.0 / (left * left);
                }
            }
        }
        Hazard { time: row.time, hazard, variance }
    })
    .collect()
}
