//! The share that has had one of several events, where each event rules the others out.
//!
//! Aalen and Johansen 1978. One minus Kaplan–Meier of one cause alone would be the share in a world
//! where the other causes cannot happen, and so always too high. Variance: the delta method over
//! the increments of the hazards, each multinomial given those at risk (Aalen 1978; Gaynor et al.
//! 1993); without late entries it equals that of the infinitesimal jackknife, since the influences
//! of a subject at two times are then orthogonal in sum.

use super::Table;
use super::curve::z_of;
use crate::interval::Interval;

/// The share that has had the event, as a step function.
#[derive(Debug, Clone, PartialEq)]
pub struct Incidence {
    steps: Vec<Reached>,
}

/// The share from one time of any event to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// The time.
    pub time: f64,
    /// Subjects at risk just before it.
    pub at_risk: u64,
    /// Events of the cause at it.
    pub events: u64,
    /// The share that has had the event of the cause by then.
    pub share: f64,
    /// Its standard error.
    pub error: f64,
    /// The share that has had no event yet.
    pub waiting: f64,
}

/// Returns the share that has had the event of one cause (from 1) by each time of any event.
#[expect(clippy::many_single_char_names, reason = "the letters of the published formula")]
pub fn aalen_johansen(table: &Table, cause: u16) -> Incidence {
    let own = table.events(cause);
    let mut steps = Vec::with_capacity(own.len());
    let (mut waiting, mut share) = (1.0_f64, 0.0_f64);
    // The variance at t is a + b F(t) + c F(t)², with sums over the times until t.
    let (mut a, mut b, mut c) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (row, &events) in table.rows().iter().zip(&own).filter(|(row, _)| row.events > 0) {
        let (n, d, k) = (f64::from(row.at_risk), f64::from(row.events), events as f64);
        let rest = row.at_risk - row.events;
        let before = waiting;
        share += before * (k / n);
        waiting = if rest == 0 { 0.0 } else { before * (f64::from(rest) / n) };
        a += before * before * k * (n - k) / (n * n * n);
        // Nobody is left where nothing can change any more.
        if rest > 0 {
            let (slope, bend) = (before * k / (n * n), d / (n * f64::from(rest)));
            a += share * (2.0 * slope + bend * share);
            b -= 2.0 * (slope + bend * share);
            c += bend;
        }
        let variance = a + share * (b + c * share);
        steps.push(Reached {
            time: row.time,
            at_risk: u64::from(row.at_risk),
            events,
            share,
            error: variance.max(0.0).sqrt(),
            waiting,
        });
    }
    Incidence { steps }
}

impl Incidence {
    /// The steps, earliest first.
    pub fn steps(&self) -> &[Reached] {
        &self.steps
    }

    /// Returns the state at a time; nothing before the first event.
    pub fn reached(&self, time: f64) -> Option<&Reached> {
        let after = self.steps.partition_point(|step| step.time <= time);
        after.checked_sub(1).and_then(|at| self.steps.get(at))
    }

    /// Returns the share that has had the event by `time`, with limits on the log-minus-log scale.
    pub fn at(&self, time: f64, level: f64) -> Interval {
        self.reached(time)
            .map_or(Interval { point: 0.0, low: 0.0, high: 0.0 }, |step| step.interval(level))
    }

    /// Returns the first time by which the share of all subjects that have had the event is `p`;
    /// nothing where it never gets there.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        self.steps.iter().find(|step| step.share >= p - 1e-12).map(|step| step.time)
    }
}

impl Reached {
    /// Returns the share with its limits.
    pub fn interval(&self, level: f64) -> Interval {
        let point = self.share;
        if point <= 0.0 || point >= 1.0 {
            return Interval { point, low: point, high: point };
        }
        let width = z_of(level) * self.error / (point * point.ln().abs());
        Interval { point, low: point.powf(width.exp()), high: point.powf((-width).exp()) }
    }
}
