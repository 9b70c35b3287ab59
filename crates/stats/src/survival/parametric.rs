//! Waiting times with a family: maximum likelihood in the scale and the shape.
//!
//! The likelihood needs counts only: density at each event, survival at each censored time, divided
//! by survival at each late entry. Newton with analytic derivatives in the logarithms of scale and
//! shape, damped (Levenberg 1944) until each step climbs; one pass over distinct times a step.

use super::family::Family;
use super::{Fault, Table};
use crate::linear::Square;

/// The family with the best scale and shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The family.
    pub family: Family,
    /// The time at which `z = 0`.
    pub scale: f64,
    /// Large: most wait about equally long.
    pub shape: f64,
    /// The logarithm of the likelihood, as densities of the time itself.
    pub log_likelihood: f64,
    /// Standard error of the logarithm of the scale.
    pub error_ln_scale: f64,
    /// Standard error of the logarithm of the shape.
    pub error_ln_shape: f64,
}

impl Fit {
    /// Returns the time by which the share `p` has had the event.
    pub fn quantile(&self, p: f64) -> f64 {
        self.family.quantile(p, self.scale, self.shape)
    }

    /// Returns the share that waits longer.
    pub fn survival(&self, time: f64) -> f64 {
        self.family.survival(time, self.scale, self.shape)
    }
}

/// The counts of a table, with logarithms of times.
pub(crate) struct Points {
    pub(crate) ends: Vec<Point>,
    /// Late entries: logarithm of the time, and how many.
    pub(crate) entries: Vec<(f64, f64)>,
    pub(crate) n: f64,
    pub(crate) n_events: f64,
}

pub(crate) struct Point {
    pub(crate) ln_time: f64,
    pub(crate) events: f64,
    pub(crate) censored: f64,
}

impl Points {
    pub(crate) fn of(table: &Table) -> Result<Self, Fault> {
        if table.n_events() == 0 {
            return Err(Fault::NoEvent);
        }
        let rows = table.rows();
        if rows.iter().any(|row| row.events > 0 && row.time <= 0.0) {
            return Err(Fault::ZeroTime);
        }
        // Nobody who is censored at zero says anything.
        let rows = || rows.iter().filter(|row| row.time > 0.0);
        let ends = rows().filter(|row| row.events + row.censored > 0);
        let ends = ends.map(|row| Point {
            ln_time: row.time.ln(),
            events: f64::from(row.events),
            censored: f64::from(row.censored),
        });
        let entries = rows().filter(|row| row.entered > 0);
        Ok(Self {
            ends: ends.collect(),
            entries: entries.map(|row| (row.time.ln(), f64::from(row.entered))).collect(),
            n: table.n() as f64,
            n_events: table.n_events() as f64,
        })
    }

    /// The same with neighbors put together, about `n` in all: a start from which few steps over
    /// all remain. `None` where there are not many more.
    pub(crate) fn coarse(&self, n: usize) -> Option<Self> {
        let together = self.ends.len() / n;
        if together < 10 {
            return None;
        }
        let merged = |group: &[Point]| {
            let count = |of: fn(&Point) -> f64| group.iter().map(of).sum::<f64>();
            let whole = count(|p| p.events + p.censored);
            Point {
                ln_time: count(|p| (p.events + p.censored) * p.ln_time) / whole,
                events: count(|p| p.events),
                censored: count(|p| p.censored),
            }
        };
        let entries = self.entries.chunks(together).map(|group| {
            let whole: f64 = group.iter().map(|entry| entry.1).sum();
            (group.iter().map(|entry| entry.0 * entry.1).sum::<f64>() / whole, whole)
        });
        Some(Self {
            ends: self.ends.chunks(together).map(merged).collect(),
            entries: entries.collect(),
            n: self.n,
            n_events: self.n_events,
        })
    }

    /// Median of the events' times, and spread of their logarithms.
    pub(crate) fn events(&self) -> (f64, f64) {
        let mean = self.ends.iter().map(|p| p.events * p.ln_time).sum::<f64>() / self.n_events;
        let square = |p: &Point| p.events * (p.ln_time - mean).powi(2);
        let spread = (self.ends.iter().map(square).sum::<f64>() / self.n_events).sqrt();
        (mean, spread)
    }
}

/// A value with its gradient and its negative Hessian.
pub(crate) struct Slope {
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
    pub(crate) bend: Square,
}

/// Climbs to a maximum from a start; the place, and what is there.
///
/// `None` where no finite maximum is found within 200 steps.
pub(crate) fn climb(
    start: Vec<f64>,
    value: impl Fn(&[f64]) -> f64,
    slope: impl Fn(&[f64]) -> Slope,
) -> Option<(Vec<f64>, Slope)> {
    let mut place = start;
    let mut here = slope(&place);
    let mut damping = 0.0_f64;
    for _ in 0..200 {
        if !here.value.is_finite() {
            return None;
        }
        let size: f64 = (0..place.len()).map(|i| here.bend.at(i, i).abs()).fold(1e-8, f64::max);
        let mut damped = here.bend.clone();
        for i in 0..place.len() {
            damped.add(i, i, damping * size);
        }
        let Some(step) = damped.solve(&here.gradient) else {
            damping = (damping * 4.0).max(1e-3);
            if damping > 1e12 {
                return None;
            }
            continue;
        };
        let gain: f64 = step.iter().zip(&here.gradient).map(|(s, g)| s * g).sum();
        if gain < 1e-13 * (1.0 + here.value.abs()) && damping < 1e-6 {
            return Some((place, here));
        }
        let next: Vec<f64> = place.iter().zip(&step).map(|(p, s)| p + s.clamp(-4.0, 4.0)).collect();
        let there = value(&next);
        if there >= here.value && there.is_finite() {
            place = next;
            here = slope(&place);
            damping = if damping < 1e-5 { 0.0 } else { damping * 0.1 };
        } else if gain < 1e-10 * (1.0 + here.value.abs()) {
            // No longer a climb that rounding can tell.
            return Some((place, here));
        } else {
            damping = (damping * 8.0).max(1e-4);
        }
    }
    None
}

/// Returns the family's best fit.
pub fn fit(table: &Table, family: Family) -> Result<Fit, Fault> {
    let points = Points::of(table)?;
    fit_points(&points, family)
}

/// Times beyond this many are put together for a start.
pub(crate) const MANY: usize = 1000;

pub(crate) fn fit_points(points: &Points, family: Family) -> Result<Fit, Fault> {
    let rough = points.coarse(MANY).and_then(|coarse| fit_points(&coarse, family).ok());
    let start = rough.map_or_else(
        || {
            let (middle, spread) = points.events();
            // The more are censored, the later is the middle of all.
            vec![middle + (points.n / points.n_events).ln(), -(spread.max(0.05)).ln()]
        },
        |fit| vec![fit.scale.ln(), fit.shape.ln()],
    );
    let (place, here) =
        climb(start, |at| plain_value(points, family, at), |at| plain(points, family, at))
            .ok_or(Fault::NotDetermined)?;
    let errors = here.bend.inverse().ok_or(Fault::NotDetermined)?;
    let [ln_scale, ln_shape] = place[..] else { return Err(Fault::NotDetermined) };
    Ok(Fit {
        family,
        scale: ln_scale.exp(),
        shape: ln_shape.exp(),
        log_likelihood: here.value,
        error_ln_scale: errors.at(0, 0).sqrt(),
        error_ln_shape: errors.at(1, 1).sqrt(),
    })
}

fn plain_value(points: &Points, family: Family, at: &[f64]) -> f64 {
    let [ln_scale, ln_shape] = *at else { return f64::NAN };
    let shape = ln_shape.exp();
    let mut sum = 0.0;
    for point in &points.ends {
        let z = shape * (point.ln_time - ln_scale);
        if point.events > 0.0 {
            sum += point.events * (ln_shape - point.ln_time + family.ln_density(z).value);
        }
        if point.censored > 0.0 {
            sum += point.censored * family.ln_survival(z).value;
        }
    }
    for (ln_time, n) in &points.entries {
        sum -= n * family.ln_survival(shape * (ln_time - ln_scale)).value;
    }
    sum
}

fn plain(points: &Points, family: Family, at: &[f64]) -> Slope {
    let [ln_scale, ln_shape] = *at else { return nowhere(2) };
    let shape = ln_shape.exp();
    let mut sums = Sums::default();
    for point in &points.ends {
        let z = shape * (point.ln_time - ln_scale);
        if point.events > 0.0 {
            let bend = family.ln_density(z);
            sums.value += point.events * (ln_shape - point.ln_time);
            sums.g[1] += point.events;
            sums.add(point.events, z, shape, bend);
        }
        if point.censored > 0.0 {
            sums.add(point.censored, z, shape, family.ln_survival(z));
        }
    }
    for (ln_time, n) in &points.entries {
        let z = shape * (ln_time - ln_scale);
        sums.add(-n, z, shape, family.ln_survival(z));
    }
    let mut bend = Square::zero(2);
    bend.add(0, 0, -sums.h[0]);
    bend.add(0, 1, -sums.h[1]);
    bend.add(1, 0, -sums.h[1]);
    bend.add(1, 1, -sums.h[2]);
    Slope { value: sums.value, gradient: sums.g.to_vec(), bend }
}

/// Sums of a value, its gradient and its Hessian by logarithms of scale and shape.
#[derive(Default)]
struct Sums {
    value: f64,
    g: [f64; 2],
    h: [f64; 3],
}

impl Sums {
    #[inline]
    fn add(&mut self, n: f64, z: f64, shape: f64, bend: super::family::Bend) {
        self.value += n * bend.value;
        let (first, second) = (n * bend.slope, n * bend.curve);
        self.g[0] -= first * shape;
        self.g[1] += first * z;
        self.h[0] += second * shape * shape;
        self.h[1] -= second * shape * z + first * shape;
        self.h[2] += second * z * z + first * z;
    }
}

pub(crate) fn nowhere(n: usize) -> Slope {
    Slope { value: f64::NAN, gradient: vec![0.0; n], bend: Square::zero(n) }
}
