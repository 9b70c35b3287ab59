//! Exponential smoothing as a state-space model: level, trend and season, each added or multiplied.
//!
//! The models of Hyndman, Koehler, Snyder and Grose (2002) with their likelihood; errors are added
//! or grow with the level, seasons likewise, and a trend is none, straight or damped. The first
//! states come from a classical decomposition and a line through the first values, and are fitted
//! together with the weights, within the usual region. Forms are compared by Akaike's criterion,
//! corrected for short records (Hurvich and Tsai 1989).

#![expect(clippy::indexing_slicing, reason = "seasons are positions modulo their number")]

use super::search::{descend, simplex};

/// How errors or seasons meet the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Added, the same at every level.
    Additive,
    /// Multiplied, in proportion to the level.
    Multiplicative,
}

/// How the level grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Not at all.
    None,
    /// By the same step each time.
    Straight,
    /// By steps that shrink.
    Damped,
}

/// The form of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Of errors.
    pub errors: Kind,
    /// Of growth.
    pub trend: Trend,
    /// Of seasons; none where there are none.
    pub seasons: Option<Kind>,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Ets {
    /// What was fitted.
    pub form: Form,
    /// Smoothing of the level, of the trend and of the seasons, and what is left of a trend a step
    /// later.
    pub weights: [f64; 4],
    /// Akaike's criterion, corrected; the constant that all forms share is left out.
    pub criterion: f64,
    /// States after the last value.
    state: State,
    n: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct State {
    level: f64,
    trend: f64,
    /// By position in the season.
    seasons: Vec<f64>,
}

impl Form {
    /// Which of the weights it has: of the level, the trend, the seasons, and the damping.
    fn weighs(self) -> [bool; 4] {
        let trend = self.trend != Trend::None;
        [true, trend, self.seasons.is_some(), self.trend == Trend::Damped]
    }

    /// Weights, free states and the variance.
    fn n_parameters(self, season: usize) -> usize {
        let weights = self.weighs().into_iter().filter(|has| *has).count();
        let seasons = if self.seasons.is_some() { season - 1 } else { 0 };
        weights + 1 + usize::from(self.trend != Trend::None) + seasons + 1
    }

    fn fits(self, values: &[f64], season: usize) -> bool {
        let multiplied =
            self.errors == Kind::Multiplicative || self.seasons == Some(Kind::Multiplicative);
        let seasons = self.seasons.is_none() || (season >= 2 && values.len() >= 2 * season);
        seasons
            && values.len() > self.n_parameters(season) + 1
            && values.iter().all(|value| value.is_finite() && (!multiplied || *value > 0.0))
    }
}

/// Fits one form by the maximum of its likelihood; `None` where the record is too short or unfit
/// for it.
pub fn ets(values: &[f64], season: usize, form: Form) -> Option<Ets> {
    let begin = Begin::of(values, season, form)?;
    let cost = |x: &[f64]| {
        let (weights, state) = begin.read(x);
        run(&begin.values, form, usual(weights, form), state).0
    };
    // Weights are searched on an open scale, from where little is smoothed.
    let best = descend(&begin.written([-1.0, -2.5, -2.0, 2.0]), &cost);
    let (weights, state) = begin.read(&best);
    begin.fitted(usual(weights, form), state)
}

/// Fits the forms and keeps that with the lowest criterion.
pub fn best(forms: &[Form], values: &[f64], season: usize) -> Option<Ets> {
    let fits = forms.iter().filter_map(|form| ets(values, season, *form));
    fits.min_by(|a, b| a.criterion.total_cmp(&b.criterion))
}

/// Returns all forms, but for added errors with multiplied seasons, whose variance has no bound
/// (Hyndman et al. 2008, section 5.4).
pub fn forms() -> Vec<Form> {
    let mut all = Vec::new();
    for errors in [Kind::Additive, Kind::Multiplicative] {
        for trend in [Trend::None, Trend::Straight, Trend::Damped] {
            for seasons in [None, Some(Kind::Additive), Some(Kind::Multiplicative)] {
                if seasons != Some(Kind::Multiplicative) || errors == Kind::Multiplicative {
                    all.push(Form { errors, trend, seasons });
                }
            }
        }
    }
    all
}

/// Holt and Winters' method with stiff weights: errors and seasons of one kind, a trend straight
/// or damped, whichever has the lower criterion.
///
/// The search is that of the packages of Hyndman et al. (2002) in its first thousand steps: from a
/// smoothing of `0.2 / season`, which the smoothing of the trend never exceeds, by the simplex.
/// It ends near where it began: the level follows a long past, which is worth more some seasons
/// ahead than the last steps are, though the likelihood is higher where [`ets`] ends.
pub fn holt_winters(values: &[f64], season: usize, kind: Kind) -> Option<Ets> {
    const STEPS: usize = 1000;
    const LEAST: f64 = 1e-4;
    const MOST: f64 = 0.9999;
    let seasons = (season >= 2).then_some(kind);
    let fit = |trend| {
        let form = Form { errors: kind, trend, seasons };
        let begin = Begin::of(values, season, form)?;
        let alpha = LEAST + 0.2 * (MOST - LEAST) / season.max(1) as f64;
        let beta = LEAST + 0.1 * (alpha - LEAST);
        let gamma = LEAST + 0.05 * ((1.0 - alpha).min(MOST) - LEAST);
        let start = begin.written([alpha, beta, gamma, 0.8 + 0.99 * (0.98 - 0.8)]);
        let mut bounds = vec![(f64::NEG_INFINITY, f64::INFINITY); start.len()];
        let limits = [(LEAST, MOST), (LEAST, alpha), (LEAST, (1.0 - alpha).min(MOST)), (0.8, 0.98)];
        let mut of_weights = limits.into_iter().zip(form.weighs());
        for bound in &mut bounds {
            if let Some((limit, _)) = of_weights.by_ref().find(|(_, weighs)| *weighs) {
                *bound = limit;
            }
        }
        let cost = |x: &[f64]| {
            let (weights, state) = begin.read(x);
            run(&begin.values, form, weights, state).0
        };
        let (weights, state) = begin.read(&simplex(&start, &bounds, STEPS, &cost));
        begin.fitted(weights, state)
    };
    let fits = [Trend::Straight, Trend::Damped].into_iter().filter_map(fit);
    fits.min_by(|a, b| a.criterion.total_cmp(&b.criterion))
}

/// Where a search begins: values in units of their mean size, and the first states.
struct Begin {
    values: Vec<f64>,
    unit: f64,
    form: Form,
    state: State,
}

impl Begin {
    /// Seasons are those of the classical decomposition; level and trend a line through the first
    /// two seasons without them, or their mean.
    fn of(values: &[f64], season: usize, form: Form) -> Option<Self> {
        if !form.fits(values, season) {
            return None;
        }
        let unit = values.iter().map(|value| value.abs()).sum::<f64>() / values.len() as f64;
        if unit <= 0.0 {
            return None;
        }
        let values: Vec<f64> = values.iter().map(|value| value / unit).collect();
        let seasons = match form.seasons {
            None => Vec::new(),
            Some(kind) => super::seasons(&values, season, kind)?,
        };
        let plain: Vec<f64> = values
            .iter()
            .enumerate()
            .map(|(t, value)| match form.seasons {
                None => *value,
                Some(Kind::Additive) => value - seasons[t % season],
                Some(Kind::Multiplicative) => value / seasons[t % season],
            })
            .take((2 * season).max(10))
            .collect();
        let (level, trend) = if form.trend == Trend::None {
            (plain.iter().sum::<f64>() / plain.len() as f64, 0.0)
        } else {
            super::line(&plain)
        };
        Some(Self { values, unit, form, state: State { level, trend, seasons } })
    }

    /// Writes the weights that the form has, then the states; the first season balances the rest.
    fn written(&self, weights: [f64; 4]) -> Vec<f64> {
        let has = weights.into_iter().zip(self.form.weighs());
        let mut x: Vec<f64> = has.filter(|(_, weighs)| *weighs).map(|(w, _)| w).collect();
        x.push(self.state.level);
        if self.form.trend != Trend::None {
            x.push(self.state.trend);
        }
        x.extend(self.state.seasons.iter().skip(1).rev());
        x
    }

    fn read(&self, x: &[f64]) -> ([f64; 4], State) {
        let mut x = x.iter().copied();
        let mut next = |has: bool| if has { x.next().unwrap_or(0.0) } else { 0.0 };
        let mut weights = self.form.weighs().map(&mut next);
        if self.form.trend == Trend::Straight {
            weights[3] = 1.0;
        }
        let (level, trend) = (next(true), next(self.form.trend != Trend::None));
        let mut seasons: Vec<f64> = x.collect();
        if let Some(kind) = self.form.seasons {
            let n = self.state.seasons.len() as f64;
            let whole = if kind == Kind::Multiplicative { n } else { 0.0 };
            seasons.push(whole - seasons.iter().sum::<f64>());
            seasons.reverse();
        }
        (weights, State { level, trend, seasons })
    }

    fn fitted(&self, weights: [f64; 4], state: State) -> Option<Ets> {
        let n = self.values.len() as f64;
        let k = self.form.n_parameters(self.state.seasons.len()) as f64;
        let (cost, mut state) = run(&self.values, self.form, weights, state);
        if !cost.is_finite() {
            return None;
        }
        state.level *= self.unit;
        state.trend *= self.unit;
        if self.form.seasons == Some(Kind::Additive) {
            state.seasons.iter_mut().for_each(|season| *season *= self.unit);
        }
        // In the units of the values.
        let cost = cost + 2.0 * n * self.unit.ln();
        let criterion = cost + 2.0 * k * n / (n - k - 1.0);
        Some(Ets { form: self.form, weights, criterion, state, n: self.values.len() })
    }
}

/// Weights of the usual region from an open scale.
fn usual([alpha, beta, gamma, phi]: [f64; 4], form: Form) -> [f64; 4] {
    let unit = |x: f64| 1e-4 + 0.9998 / (1.0 + (-x).exp());
    let [_, trend, seasons, damped] = form.weighs();
    let alpha = unit(alpha);
    let beta = if trend { alpha * unit(beta) } else { 0.0 };
    let gamma = if seasons { (1.0 - alpha) * unit(gamma) } else { 0.0 };
    [alpha, beta, gamma, if damped { 0.8 + 0.18 * unit(phi) } else { phi }]
}

/// Runs the recursion; returns minus twice the log likelihood without its constant, and the states
/// after the last value. The cost is infinite where a state leaves its range.
fn run(
    values: &[f64],
    form: Form,
    [alpha, beta, gamma, phi]: [f64; 4],
    mut state: State,
) -> (f64, State) {
    let bad = |state: State| (f64::INFINITY, state);
    if form.seasons == Some(Kind::Multiplicative) && state.seasons.iter().any(|s| *s <= 0.0) {
        return bad(state);
    }
    let (mut square, mut logs) = (0.0, 0.0);
    let mut at = 0;
    for value in values {
        let growth = phi * state.trend;
        let base = state.level + growth;
        let (said, plain, seasonal) = match form.seasons {
            None => (base, *value, 0.0),
            Some(Kind::Additive) => {
                let season = state.seasons[at];
                (base + season, value - season, value - base)
            }
            Some(Kind::Multiplicative) => {
                let season = state.seasons[at];
                (base * season, value / season, value / base)
            }
        };
        let mut off = value - said;
        if form.errors == Kind::Multiplicative {
            if said <= 0.0 {
                return bad(state);
            }
            off /= said;
            logs += said.ln();
        }
        square += off * off;
        state.level = base + alpha * (plain - base);
        state.trend = growth + beta * (plain - base);
        if form.seasons.is_some() {
            state.seasons[at] += gamma * (seasonal - state.seasons[at]);
            at = if at + 1 == state.seasons.len() { 0 } else { at + 1 };
        }
    }
    // A record that is followed without error has no finite likelihood.
    let cost = values.len() as f64 * square.max(1e-30).ln() + 2.0 * logs;
    (cost, state)
}

impl Ets {
    /// Forecasts the values ahead.
    pub fn forecast(&self, horizon: usize) -> Vec<f64> {
        let State { level, trend, seasons } = &self.state;
        let (mut left, mut sum) = (1.0, 0.0);
        let ahead = (0..horizon).map(|h| {
            left *= self.weights[3];
            sum += left;
            let base = level + sum * trend;
            let season = || seasons[(self.n + h) % seasons.len()];
            match self.form.seasons {
                None => base,
                Some(Kind::Additive) => base + season(),
                Some(Kind::Multiplicative) => base * season(),
            }
        });
        ahead.collect()
    }
}
