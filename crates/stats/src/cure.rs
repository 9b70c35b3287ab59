//! "It does not work" told from "it just takes time".
//!
//! The mixture cure model (Boag 1949; Berkson and Gage 1952; Farewell 1982; review Amico and Van
//! Keilegom 2018): a share `c` never has the event, the others wait by a family,
//! `S(t) = c + (1 − c) S0(t)`. In advertising the same model is known as delayed feedback (Chapelle
//! 2014).
//!
//! What decides: with short follow-up the family carries the answer, and families that fit nearly
//! equally well may say 0.63 and 0.00. So all families are fitted, an interval is that of the
//! profile likelihood (Wald's fails at the edge), follow-up is tested (Maller and Zhou 1994), and
//! [`Averaged`] gives one share only where the families agree and follow-up suffices.

use crate::linear::Square;
use crate::survival::family::Family;
use crate::survival::parametric::{self, Points, Slope, climb, nowhere};
use crate::survival::{Fault, Table};

pub mod pool;

/// A family with the best share, scale and shape.
#[derive(Debug, Clone, PartialEq)]
pub struct CureFit {
    /// The family of those who ever have the event.
    pub family: Family,
    /// The share that never has it; 0 at the edge.
    pub never: f64,
    /// The scale of the family.
    pub scale: f64,
    /// The shape of the family.
    pub shape: f64,
    /// The logarithm of the likelihood.
    pub log_likelihood: f64,
    /// Standard error of the log odds of `never`; missing at the edge.
    pub error_logit: Option<f64>,
}

impl CureFit {
    /// Returns the share that has not had the event by a time.
    pub fn survival(&self, time: f64) -> f64 {
        self.never + (1.0 - self.never) * self.family.survival(time, self.scale, self.shape)
    }

    /// Returns the time by which the share `p` of those who ever have the event have had it.
    pub fn quantile(&self, p: f64) -> f64 {
        self.family.quantile(p, self.scale, self.shape)
    }
}

/// Log odds beyond which a share counts as none.
const EDGE: f64 = 25.0;

/// Fits the model with one family.
pub fn fit(table: &Table, family: Family) -> Result<CureFit, Fault> {
    fit_points(&Points::of(table)?, family)
}

fn fit_points(points: &Points, family: Family) -> Result<CureFit, Fault> {
    let rough = points.coarse(parametric::MANY).and_then(|coarse| fit_points(&coarse, family).ok());
    if let Some(rough) = rough.filter(|rough| rough.error_logit.is_some_and(|error| error < 1.0)) {
        // Well inside: a few steps from what fewer points say.
        let start = vec![logit(rough.never), rough.scale.ln(), rough.shape.ln()];
        let value = |at: &[f64]| mixture_value(points, family, at);
        let found = climb(start, value, |at| mixture(points, family, at));
        if let Some(fit) = found.and_then(|(place, here)| inside(family, &place, &here)) {
            return Ok(fit);
        }
    }
    // Without a share that never has the event the model is the plain one: the edge.
    let plain = parametric::fit_points(points, family).ok();
    let mut best = plain.map(|fit| CureFit {
        family,
        never: 0.0,
        scale: fit.scale,
        shape: fit.shape,
        log_likelihood: fit.log_likelihood,
        error_logit: None,
    });
    let (middle, spread) = points.events();
    let shape = -(spread.max(0.05)).ln();
    let naive = (points.n_events / points.n).clamp(1e-6, 1.0 - 1e-6);
    let all = |at: &[f64]| mixture_value(points, family, at);
    let bend = |at: &[f64]| mixture(points, family, at);
    // From "all who ever will have had it" and from "few of them so far".
    for (share, later) in [(naive, 0.1), ((2.0 * naive).min(0.5 + 0.5 * naive), 0.8)] {
        let start = vec![logit(1.0 - share), middle + later, shape];
        let Some((place, here)) = climb(start, all, bend) else { continue };
        let Some(fit) = inside(family, &place, &here) else { continue };
        if best.as_ref().is_none_or(|best| fit.log_likelihood > best.log_likelihood + 1e-9) {
            best = Some(fit);
        }
    }
    best.ok_or(Fault::NotDetermined)
}

/// The fit at a place that is not at the edge.
fn inside(family: Family, place: &[f64], here: &Slope) -> Option<CureFit> {
    let [logit_never, ln_scale, ln_shape] = *place else { return None };
    (logit_never > -EDGE).then(|| CureFit {
        family,
        never: sigmoid(logit_never),
        scale: ln_scale.exp(),
        shape: ln_shape.exp(),
        log_likelihood: here.value,
        error_logit: here.bend.inverse().map(|errors| errors.at(0, 0).sqrt()),
    })
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

fn mixture_value(points: &Points, family: Family, at: &[f64]) -> f64 {
    let [logit_never, ln_scale, ln_shape] = *at else { return f64::NAN };
    if logit_never.abs() > 2.0 * EDGE {
        return f64::NEG_INFINITY;
    }
    let never = 1.0 / (1.0 + (-logit_never).exp());
    let ever = 1.0 / (1.0 + logit_never.exp());
    let (shape, ln_ever) = (ln_shape.exp(), ever.ln());
    let waiting = |z: f64| (never + ever * family.ln_survival(z).value.exp()).ln();
    let mut sum = 0.0;
    for point in &points.ends {
        let z = shape * (point.ln_time - ln_scale);
        if point.events > 0.0 {
            let density = ln_shape - point.ln_time + family.ln_density(z).value;
            sum += point.events * (ln_ever + density);
        }
        if point.censored > 0.0 {
            sum += point.censored * waiting(z);
        }
    }
    for (ln_time, n) in &points.entries {
        sum -= n * waiting(shape * (ln_time - ln_scale));
    }
    sum
}

fn mixture(points: &Points, family: Family, at: &[f64]) -> Slope {
    let [logit_never, ln_scale, ln_shape] = *at else { return nowhere(3) };
    let never = 1.0 / (1.0 + (-logit_never).exp());
    let ever = 1.0 / (1.0 + logit_never.exp());
    let (shape, ln_ever) = (ln_shape.exp(), ever.ln());
    let mut sums = Sums::default();
    for point in &points.ends {
        let z = shape * (point.ln_time - ln_scale);
        if point.events > 0.0 {
            let n = point.events;
            let bend = family.ln_density(z);
            sums.value += n * (ln_ever + ln_shape - point.ln_time + bend.value);
            sums.g[0] -= n * never;
            sums.g[2] += n;
            sums.h00 -= n * never * ever;
            sums.add(n, z, shape, bend.slope, bend.curve);
        }
        if point.censored > 0.0 {
            sums.waiting(point.censored, z, shape, family, never, ever);
        }
    }
    for (ln_time, n) in &points.entries {
        sums.waiting(-n, shape * (ln_time - ln_scale), shape, family, never, ever);
    }
    sums.slope()
}

/// Sums of a value, its gradient and its Hessian by log odds of never and logarithms of scale and
/// shape.
#[derive(Default)]
struct Sums {
    value: f64,
    g: [f64; 3],
    h00: f64,
    h01: f64,
    h02: f64,
    h11: f64,
    h12: f64,
    h22: f64,
}

impl Sums {
    /// Adds a term that depends on scale and shape only.
    #[inline]
    fn add(&mut self, n: f64, z: f64, shape: f64, slope: f64, curve: f64) {
        let (first, second) = (n * slope, n * curve);
        self.g[1] -= first * shape;
        self.g[2] += first * z;
        self.h11 += second * shape * shape;
        self.h12 -= second * shape * z + first * shape;
        self.h22 += second * z * z + first * z;
    }

    /// Adds the logarithm of the share that still waits.
    #[inline]
    fn waiting(&mut self, n: f64, z: f64, shape: f64, family: Family, never: f64, ever: f64) {
        let bend = family.ln_survival(z);
        let survival = bend.value.exp();
        let whole = never + ever * survival;
        self.value += n * whole.ln();
        let by_z = ever * survival * bend.slope / whole;
        let by_zz = ever * survival * (bend.curve + bend.slope * bend.slope) / whole - by_z * by_z;
        let by_odds = never * ever * (1.0 - survival) / whole;
        let by_odds_z = -never * ever * survival * bend.slope / whole - by_odds * by_z;
        self.g[0] += n * by_odds;
        self.h00 += n * by_odds * ((ever - never) - by_odds);
        self.h01 -= n * by_odds_z * shape;
        self.h02 += n * by_odds_z * z;
        self.add(n, z, shape, by_z, by_zz);
    }

    fn slope(self) -> Slope {
        let mut bend = Square::zero(3);
        let cells = [
            [self.h00, self.h01, self.h02],
            [self.h01, self.h11, self.h12],
            [self.h02, self.h12, self.h22],
        ];
        for (i, row) in cells.iter().enumerate() {
            for (j, cell) in row.iter().enumerate() {
                bend.add(i, j, -cell);
            }
        }
        Slope { value: self.value, gradient: self.g.to_vec(), bend }
    }
}

/// The best of a family where the share that never has the event is given.
struct Given {
    place: Vec<f64>,
    value: f64,
    /// The logarithm of the determinant of the negative Hessian by scale and shape.
    ln_determinant: f64,
}

fn given(points: &Points, family: Family, never: f64, start: &[f64]) -> Option<Given> {
    if never <= 0.0 {
        let fit = parametric::fit_points(points, family).ok()?;
        let place = vec![fit.scale.ln(), fit.shape.ln()];
        let errors = (fit.error_ln_scale * fit.error_ln_shape).ln();
        return Some(Given { place, value: fit.log_likelihood, ln_determinant: -2.0 * errors });
    }
    let odds = logit(never);
    let at = |two: &[f64]| match *two {
        [ln_scale, ln_shape] => vec![odds, ln_scale, ln_shape],
        _ => Vec::new(),
    };
    let slope = |two: &[f64]| {
        let whole = mixture(points, family, &at(two));
        let mut bend = Square::zero(2);
        for i in 0..2 {
            for j in 0..2 {
                bend.add(i, j, whole.bend.at(i + 1, j + 1));
            }
        }
        let gradient = whole.gradient.get(1..).unwrap_or_default().to_vec();
        Slope { value: whole.value, gradient, bend }
    };
    let value = |two: &[f64]| mixture_value(points, family, &at(two));
    let (place, here) = climb(start.to_vec(), value, slope)?;
    Some(Given { place, value: here.value, ln_determinant: here.bend.ln_determinant()? })
}

/// Returns the limits of the share that never has the event by the profile likelihood.
pub fn profile(table: &Table, fit: &CureFit, level: f64) -> Result<(f64, f64), Fault> {
    Ok(profile_points(&Points::of(table)?, fit, level))
}

fn profile_points(points: &Points, fit: &CureFit, level: f64) -> (f64, f64) {
    let z = crate::survival::curve::z_of(level);
    let bound = fit.log_likelihood - 0.5 * z * z;
    let best = vec![fit.scale.ln(), fit.shape.ln()];
    let family = fit.family;
    let no_share = given(points, family, 0.0, &best).map_or(f64::NEG_INFINITY, |one| one.value);
    // Log odds step by step away from the best, then halving between the last two.
    let limit = |direction: f64| -> f64 {
        let first = if fit.never > 0.0 { logit(fit.never).max(-8.0) } else { -8.0 };
        let step = 2.0 * fit.error_logit.filter(|error| error.is_finite()).unwrap_or(0.5);
        let mut step = step.clamp(0.01, 0.5);
        let (mut inside, mut place) = (first, best.clone());
        let mut outside = None;
        while outside.is_none() && inside.abs() <= 12.0 {
            let next = inside + direction * step;
            match given(points, family, sigmoid(next), &place) {
                Some(found) if found.value >= bound => {
                    inside = next;
                    place = found.place;
                    step = (1.3 * step).min(0.5);
                }
                _ => outside = Some(next),
            }
        }
        let Some(mut outside) = outside else { return inside };
        while (outside - inside).abs() > 1e-4 {
            let middle = 0.5 * (inside + outside);
            match given(points, family, sigmoid(middle), &place) {
                Some(found) if found.value >= bound => {
                    inside = middle;
                    place = found.place;
                }
                _ => outside = middle,
            }
        }
        0.5 * (inside + outside)
    };
    let low = if no_share >= bound { 0.0 } else { sigmoid(limit(-1.0)) };
    (low, sigmoid(limit(1.0)))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Whether subjects were watched long enough for a plateau to mean "never".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FollowUp {
    /// The longest time watched.
    pub longest: f64,
    /// The last event.
    pub last_event: f64,
    /// Events within as long before the last event as nothing happened after it.
    pub n_late: u64,
    /// How likely so few late events are where follow-up is too short; small: sufficient.
    pub alpha: f64,
}

impl FollowUp {
    /// True where follow-up is called sufficient at the usual 5 %.
    pub fn sufficient(&self) -> bool {
        self.alpha < 0.05
    }
}

/// Tests whether follow-up is sufficient (Maller and Zhou 1994): where nothing happened after the
/// last event for as long as much happened before it, the plateau is real.
pub fn follow_up(table: &Table) -> Option<FollowUp> {
    let longest = table.longest()?;
    let last_event = table.rows().iter().rev().find(|row| row.events > 0)?.time;
    let from = 2.0 * last_event - longest;
    let late = table.rows().iter().filter(|row| row.time > from && row.time <= last_event);
    // Without any time after the last event there is nothing that could speak for a plateau.
    let n_late = if longest > last_event { late.map(|row| u64::from(row.events)).sum() } else { 0 };
    let n = table.n() as f64;
    let alpha = (n * (-(n_late as f64) / n).ln_1p()).exp();
    Some(FollowUp { longest, last_event, n_late, alpha })
}

/// What one family says.
#[derive(Debug, Clone, PartialEq)]
pub struct OneFamily {
    /// Its best fit.
    pub fit: CureFit,
    /// Limits of the share that never has the event, by the profile likelihood.
    pub never: (f64, f64),
    /// How much the data speak for it, of all families.
    pub weight: f64,
}

/// All families together.
#[derive(Debug, Clone, PartialEq)]
pub struct Averaged {
    /// Each family that could be fitted, the weightiest first.
    pub families: Vec<OneFamily>,
    /// The test of follow-up.
    pub follow_up: FollowUp,
    /// The share that never has the event: mean of the posterior over all families.
    pub never: f64,
    /// Its limits, of the same posterior.
    pub limits: (f64, f64),
    /// The least part of those who ever have the event that had had it by the longest time watched,
    /// among the families that cannot be ruled out.
    pub seen: f64,
    /// True where every family that cannot be ruled out has its best share within the limits of the
    /// weightiest.
    pub agreed: bool,
}

impl Averaged {
    /// Returns the one share that may be told: only where the families agree, follow-up suffices,
    /// and each says that nine of ten who ever have the event would have had it by then.
    ///
    /// The last is asked because the test alone passes by chance where events go on to the end:
    /// three of them in the last days are enough for it.
    pub fn told(&self) -> Option<f64> {
        (self.agreed && self.follow_up.sufficient() && self.seen >= 0.9).then_some(self.never)
    }
}

/// A family this much less likely than the best (in logarithms) is ruled out.
const RULED_OUT: f64 = 7.0;

/// Fits all families and averages them by their marginal likelihoods.
///
/// The prior of the share is even over `[0, 1]`; scale and shape are integrated by Laplace's method
/// with a prior that is flat in their logarithms and the same for all families.
pub fn averaged(table: &Table, level: f64) -> Result<Averaged, Fault> {
    let points = Points::of(table)?;
    let follow_up = follow_up(table).ok_or(Fault::NoEvent)?;
    let mut families = Vec::new();
    let mut shares: Vec<(f64, f64)> = Vec::new();
    let mut fault = Fault::NotDetermined;
    for family in Family::ALL {
        let fit = match fit_points(&points, family) {
            Ok(fit) => fit,
            Err(why) => {
                fault = why;
                continue;
            }
        };
        let never = profile_points(&points, &fit, level);
        let posterior = posterior(&points, &fit);
        let highest = posterior.iter().map(|one| one.1).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = posterior.iter().map(|one| (one.1 - highest).exp()).sum();
        families.push(OneFamily { fit, never, weight: highest + sum.ln() });
        shares.extend(posterior);
    }
    let most = families.iter().map(|one| one.weight).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = families.iter().map(|one| (one.weight - most).exp()).sum();
    let whole = most + sum.ln();
    for one in &mut families {
        one.weight = (one.weight - whole).exp();
    }
    families.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    for share in &mut shares {
        share.1 = (share.1 - whole).exp();
    }
    shares.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(first) = families.first() else { return Err(fault) };
    let best = families.iter().map(|one| one.fit.log_likelihood).fold(f64::NEG_INFINITY, f64::max);
    let possible = families.iter().filter(|one| one.fit.log_likelihood > best - RULED_OUT);
    let inside = |one: &OneFamily| one.fit.never >= first.never.0 && one.fit.never <= first.never.1;
    let agreed = possible.clone().all(inside);
    let seen = |one: &OneFamily| {
        1.0 - one.fit.family.survival(follow_up.longest, one.fit.scale, one.fit.shape)
    };
    let seen = possible.map(seen).fold(1.0, f64::min);
    let tail = 0.5 - 0.5 * level;
    let never = shares.iter().map(|(never, weight)| never * weight).sum();
    let limits = (quantile(&shares, tail), quantile(&shares, 1.0 - tail));
    Ok(Averaged { families, follow_up, never, limits, seen, agreed })
}

/// The quantile of values with weights that sum to one, smallest first.
fn quantile(values: &[(f64, f64)], p: f64) -> f64 {
    let mut sum = 0.0;
    for (value, weight) in values {
        sum += weight;
        if sum >= p {
            return *value;
        }
    }
    values.last().map_or(f64::NAN, |one| one.0)
}

/// The logarithm of the posterior of the share on a grid, not normalized.
fn posterior(points: &Points, fit: &CureFit) -> Vec<(f64, f64)> {
    let best = [fit.scale.ln(), fit.shape.ln()];
    // Fine steps where the data are sharp: log odds from -7 to 9, and closer around the best.
    let middle = if fit.never > 0.0 { logit(fit.never).clamp(-7.0, 9.0) } else { -7.0 };
    let error = fit.error_logit.filter(|error| error.is_finite()).unwrap_or(1.0).clamp(0.01, 1.0);
    let mut odds: Vec<f64> = (0..=32).map(|i| -7.0 + 0.5 * f64::from(i)).collect();
    odds.extend((-24..=24).map(|i| middle + 0.25 * error * f64::from(i)));
    odds.sort_by(f64::total_cmp);
    odds.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    // Each point stands for the shares halfway to its neighbours.
    let shares: Vec<f64> = odds.iter().map(|odds| sigmoid(*odds)).collect();
    let width = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| shares.get(at));
        let own = shares.get(at).copied().unwrap_or(0.0);
        let low = before.map_or(0.0, |before| 0.5 * (before + own));
        let high = shares.get(at + 1).map_or(1.0, |after| 0.5 * (own + after));
        high - low
    };
    // Outwards from the best on both sides, so that each start is near.
    let from = odds.partition_point(|own| *own < middle);
    let mut found = Vec::new();
    let mut walk = |places: &mut dyn Iterator<Item = usize>| {
        let mut start = best.to_vec();
        for at in places {
            let Some(share) = shares.get(at) else { continue };
            let Some(one) = given(points, fit.family, *share, &start) else { continue };
            start.clone_from(&one.place);
            found.push((*share, one.value - 0.5 * one.ln_determinant + width(at).ln()));
        }
    };
    walk(&mut (from..shares.len()));
    walk(&mut (0..from).rev());
    found
}

#[cfg(test)]
mod tests;
