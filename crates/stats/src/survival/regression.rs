//! How what is known of a subject moves its wait.
//!
//! Accelerated failure time: covariates stretch the time itself, `ln t = x β + σ ε`, with the error
//! of a family. Proportional hazards (Cox 1972): covariates raise the hazard, whatever its course;
//! ties by Efron 1977 or Breslow 1974. Both by Newton with analytic derivatives; late entries too.

use super::family::{Bend, Family};
use super::parametric::{Slope, climb, nowhere};
use super::{Fault, Observed};
use crate::linear::Square;

/// Coefficients with their errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// One for each column of covariates.
    pub coefficients: Vec<f64>,
    /// Their standard errors.
    pub errors: Vec<f64>,
    /// The logarithm of the likelihood (of the partial one for Cox).
    pub log_likelihood: f64,
    /// Accelerated failure time: the logarithm of σ, which is one over the shape, and its error.
    pub ln_sigma: Option<(f64, f64)>,
}

/// Fits an accelerated failure time model. `x` holds one row of covariates for each subject, with
/// a column of ones where an intercept is wanted.
pub fn accelerated(
    observed: &Observed<'_>,
    x: &[Vec<f64>],
    family: Family,
) -> Result<Regression, Fault> {
    let width = check(observed, x)?;
    let events = observed.time.iter().zip(observed.cause).filter(|(_, cause)| **cause > 0);
    if events.clone().any(|(time, _)| *time <= 0.0) {
        return Err(Fault::ZeroTime);
    }
    let ln: Vec<f64> = observed.time.iter().map(|time| time.ln()).collect();
    let slope = |at: &[f64]| aft(observed, &ln, x, family, at);
    // Least squares of the logarithm is a start from which Newton climbs.
    let mut normal = Square::zero(width);
    let mut right = vec![0.0; width];
    for ((row, ln), time) in x.iter().zip(&ln).zip(observed.time) {
        if *time > 0.0 {
            normal.add_outer(1.0, row);
            for (sum, x) in right.iter_mut().zip(row) {
                *sum += x * ln;
            }
        }
    }
    let mut start = normal.solve(&right).ok_or(Fault::NotDetermined)?;
    start.push(0.0);
    let (mut place, here) =
        climb(start, |at| slope(at).value, slope).ok_or(Fault::NotDetermined)?;
    let errors = errors(&here.bend)?;
    let ln_sigma = place.pop().zip(errors.last().copied());
    let errors = errors.into_iter().take(width).collect();
    Ok(Regression { coefficients: place, errors, log_likelihood: here.value, ln_sigma })
}

fn check(observed: &Observed<'_>, x: &[Vec<f64>]) -> Result<usize, Fault> {
    super::Table::of(observed)?;
    let width = x.first().map_or(0, Vec::len);
    if x.len() != observed.time.len() || x.iter().any(|row| row.len() != width) {
        return Err(Fault::Lengths);
    }
    if observed.cause.iter().all(|cause| *cause == 0) {
        return Err(Fault::NoEvent);
    }
    Ok(width)
}

fn errors(bend: &Square) -> Result<Vec<f64>, Fault> {
    let inverse = bend.inverse().ok_or(Fault::NotDetermined)?;
    Ok((0..inverse.n()).map(|i| inverse.at(i, i).sqrt()).collect())
}

fn aft(observed: &Observed<'_>, ln: &[f64], x: &[Vec<f64>], family: Family, at: &[f64]) -> Slope {
    let Some((ln_sigma, beta)) = at.split_last() else { return nowhere(0) };
    let width = beta.len();
    let sigma = ln_sigma.exp();
    let mut found =
        Slope { value: 0.0, gradient: vec![0.0; width + 1], bend: Square::zero(width + 1) };
    // The derivatives of z by all parameters.
    let mut by = vec![0.0; width + 1];
    let mut add = |n: f64, ln_time: f64, row: &[f64], of: &dyn Fn(f64) -> Bend| {
        let fitted: f64 = row.iter().zip(beta).map(|(x, b)| x * b).sum();
        let z = (ln_time - fitted) / sigma;
        let bend = of(z);
        for (by, x) in by.iter_mut().zip(row) {
            *by = -x / sigma;
        }
        if let Some(last) = by.last_mut() {
            *last = -z;
        }
        found.value += n * bend.value;
        for (sum, by) in found.gradient.iter_mut().zip(&by) {
            *sum += n * bend.slope * by;
        }
        found.bend.add_outer(-n * bend.curve, &by);
        // Second derivatives of z: x/σ for a coefficient with ln σ, z for ln σ twice.
        for (i, x) in row.iter().enumerate() {
            let cross = n * bend.slope * x / sigma;
            found.bend.add(i, width, -cross);
            found.bend.add(width, i, -cross);
        }
        found.bend.add(width, width, -n * bend.slope * z);
    };
    let mut plus = 0.0;
    let mut n_events = 0.0;
    for (((&time, &cause), row), &ln_time) in
        observed.time.iter().zip(observed.cause).zip(x).zip(ln)
    {
        if cause > 0 {
            plus -= ln_sigma + ln_time;
            n_events += 1.0;
            add(1.0, ln_time, row, &|z| family.ln_density(z));
        } else if time > 0.0 {
            add(1.0, ln_time, row, &|z| family.ln_survival(z));
        }
    }
    for (&entry, row) in observed.entry.iter().zip(x).filter(|(entry, _)| **entry > 0.0) {
        add(-1.0, entry.ln(), row, &|z| family.ln_survival(z));
    }
    found.value += plus;
    if let Some(last) = found.gradient.last_mut() {
        *last -= n_events;
    }
    found
}

/// What is done where several have the event at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tied {
    /// Each is at risk in part only while the others go: nearly exact.
    Efron,
    /// All are at risk for each.
    Breslow,
}

/// Fits proportional hazards; `x` without a column of ones.
pub fn cox(observed: &Observed<'_>, x: &[Vec<f64>], tied: Tied) -> Result<Regression, Fault> {
    let width = check(observed, x)?;
    // Centred covariates keep the exponentials near one; the partial likelihood does not change.
    let n = x.len() as f64;
    let mut means = vec![0.0; width];
    for row in x {
        for (mean, x) in means.iter_mut().zip(row) {
            *mean += x / n;
        }
    }
    let rows: Vec<Vec<f64>> =
        x.iter().map(|row| row.iter().zip(&means).map(|(x, mean)| x - mean).collect()).collect();
    // Latest first, so that those at risk gather; entries leave once time is before them.
    let mut by_time: Vec<usize> = (0..rows.len()).collect();
    let time = |at: &usize| observed.time.get(*at).copied().unwrap_or(0.0);
    let entry = |at: &usize| observed.entry.get(*at).copied().unwrap_or(0.0);
    by_time.sort_by(|a, b| time(b).total_cmp(&time(a)).then(a.cmp(b)));
    let mut by_entry: Vec<usize> = (0..rows.len()).filter(|at| entry(at) > 0.0).collect();
    by_entry.sort_by(|a, b| entry(b).total_cmp(&entry(a)).then(a.cmp(b)));
    let slope = |beta: &[f64]| {
        let mut found = Slope { value: 0.0, gradient: vec![0.0; width], bend: Square::zero(width) };
        let mut risk = Gathered::new(width);
        let mut leaves = by_entry.iter().peekable();
        for group in by_time.chunk_by(|a, b| time(a).total_cmp(&time(b)).is_eq()) {
            let now = group.first().map_or(0.0, time);
            let mut dead = Gathered::new(width);
            let mut d = 0.0_f64;
            for at in group {
                let Some(row) = rows.get(*at) else { continue };
                let fitted: f64 = row.iter().zip(beta).map(|(x, b)| x * b).sum();
                risk.add(fitted.exp(), row);
                if observed.cause.get(*at).is_some_and(|cause| *cause > 0) {
                    dead.add(fitted.exp(), row);
                    d += 1.0;
                    found.value += fitted;
                    for (sum, x) in found.gradient.iter_mut().zip(row) {
                        *sum += x;
                    }
                }
            }
            while let Some(at) = leaves.next_if(|at| entry(at) >= now) {
                let Some(row) = rows.get(*at) else { continue };
                let fitted: f64 = row.iter().zip(beta).map(|(x, b)| x * b).sum();
                risk.add(-fitted.exp(), row);
            }
            let mut gone = 0.0;
            while gone < d {
                let part = if tied == Tied::Efron { gone / d } else { 0.0 };
                let total = risk.total - part * dead.total;
                let mean: Vec<f64> = risk
                    .first
                    .iter()
                    .zip(&dead.first)
                    .map(|(all, dead)| (all - part * dead) / total)
                    .collect();
                found.value -= total.ln();
                for (sum, mean) in found.gradient.iter_mut().zip(&mean) {
                    *sum -= mean;
                }
                found.bend.add_scaled(1.0 / total, &risk.second);
                found.bend.add_scaled(-part / total, &dead.second);
                found.bend.add_outer(-1.0, &mean);
                gone += 1.0;
            }
        }
        found
    };
    let (place, here) =
        climb(vec![0.0; width], |at| slope(at).value, slope).ok_or(Fault::NotDetermined)?;
    let errors = errors(&here.bend)?;
    Ok(Regression { coefficients: place, errors, log_likelihood: here.value, ln_sigma: None })
}

/// Sums over subjects of weight, weight × x and weight × x xᵀ.
struct Gathered {
    total: f64,
    first: Vec<f64>,
    second: Square,
}

impl Gathered {
    fn new(width: usize) -> Self {
        Self { total: 0.0, first: vec![0.0; width], second: Square::zero(width) }
    }

    fn add(&mut self, weight: f64, x: &[f64]) {
        self.total += weight;
        for (sum, x) in self.first.iter_mut().zip(x) {
            *sum += weight * x;
        }
        self.second.add_outer(weight, x);
    }
}
