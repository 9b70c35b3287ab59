//! When and how cases end: win, loss, or not yet, step by step of discrete time.
//!
//! Competing risks as a multinomial logit of each step (Allison 1982; Tutz and Schmid 2016, chapter
//! 8): in a step of exposure *e*, the odds of a win against staying are `e · exp(x·w)`, those of a
//! loss `e · exp(x·l)`. Columns come in blocks. A block has a normal prior with mean zero, of which
//! the variance is given, or estimated from the data, for wins and for losses apart (Laplace
//! approximation with the update of Wood and Fasiolo 2017): levels with little data are drawn
//! towards what all levels have in common, and a level without data has the prior and nothing else.
//! Newton's method with the exact gradient and Hessian; the posterior is taken as normal around its
//! mode.

#![expect(clippy::indexing_slicing, reason = "columns are checked against the number of columns")]

use crate::cholesky::Cholesky;
use crate::random::SplitMix64;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Still going on.
    Stays,
    /// Won.
    Won,
    /// Lost.
    Lost,
}

/// Rows of few entries each: compressed sparse rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    offsets: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Default for Sparse {
    fn default() -> Self {
        Self { offsets: vec![0], entries: Vec::new() }
    }
}

impl Sparse {
    /// Adds a row of columns with their values; zeros are left out.
    pub fn push(&mut self, row: impl IntoIterator<Item = (usize, f64)>) {
        let held = |(column, value): (usize, f64)| {
            Some((u32::try_from(column).ok()?, value)).filter(|_| value != 0.0)
        };
        self.entries.extend(row.into_iter().filter_map(held));
        self.offsets.push(self.entries.len());
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns a row; empty beyond the last.
    pub fn row(&self, row: usize) -> &[(u32, f64)] {
        match (self.offsets.get(row), self.offsets.get(row + 1)) {
            (Some(&from), Some(&to)) => &self.entries[from..to],
            _ => &[],
        }
    }

    pub(crate) fn within(&self, n_columns: usize) -> bool {
        self.entries
            .iter()
            .all(|(column, value)| (*column as usize) < n_columns && value.is_finite())
    }
}

/// What is known of the size of the effects of a block before the data speak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prior {
    /// Normal with this standard deviation.
    Sd(f64),
    /// Normal with a standard deviation that the data tell, between 0.02 and 2.
    Estimated,
}

/// The columns of a block, next to each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// How many.
    pub n_columns: usize,
    /// Their prior.
    pub prior: Prior,
}

/// Steps that were observed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Steps {
    /// What was known at the step's begin.
    pub rows: Sparse,
    /// Length of the step, in the unit of time of the fit.
    pub exposure: Vec<f64>,
    /// How often it counts: below 1 where the same days are seen from several points.
    pub weight: Vec<f64>,
    /// How it ended.
    pub end: Vec<End>,
}

impl Steps {
    /// Adds a step.
    pub fn push(
        &mut self,
        row: impl IntoIterator<Item = (usize, f64)>,
        exposure: f64,
        weight: f64,
        end: End,
    ) {
        self.rows.push(row);
        self.exposure.push(exposure);
        self.weight.push(weight);
        self.end.push(end);
    }
}

/// A fitted model with its uncertainty.
#[derive(Debug, Clone, PartialEq)]
pub struct Hazard {
    n_columns: usize,
    mode: Vec<f64>,
    factor: Cholesky,
    sds: Vec<[f64; 2]>,
    log_posterior: f64,
}

/// One set of effects: those on winning, then those on losing.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    all: Vec<f64>,
    n_columns: usize,
}

/// Why there is no fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HazardFault {
    /// Columns, weights or exposures do not fit the rows, or are not finite.
    Shape,
    /// The maximum was not found.
    NoMaximum,
}

impl std::fmt::Display for HazardFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Shape => "columns, weights or exposures do not fit the rows",
            Self::NoMaximum => "the fit found no maximum",
        })
    }
}

impl std::error::Error for HazardFault {}

const SD_SMALLEST: f64 = 0.02;
const SD_LARGEST: f64 = 2.0;

/// Fits the effects of all columns on winning and losing.
pub fn fit(steps: &Steps, blocks: &[Block]) -> Result<Hazard, HazardFault> {
    let n_columns: usize = blocks.iter().map(|block| block.n_columns).sum();
    let n = steps.rows.n_rows();
    let fine = steps.exposure.len() == n
        && steps.weight.len() == n
        && steps.end.len() == n
        && steps.rows.within(n_columns)
        && steps.exposure.iter().all(|e| e.is_finite() && *e > 0.0)
        && steps.weight.iter().all(|w| w.is_finite() && *w >= 0.0)
        && blocks
            .iter()
            .all(|block| !matches!(block.prior, Prior::Sd(sd) if sd.is_nan() || sd <= 0.0));
    if !fine {
        return Err(HazardFault::Shape);
    }
    let start = |prior: Prior| match prior {
        Prior::Sd(sd) => [sd; 2],
        Prior::Estimated => [0.3; 2],
    };
    let mut sds: Vec<[f64; 2]> = blocks.iter().map(|block| start(block.prior)).collect();
    let mut mode = vec![0.0; 2 * n_columns];
    // Rounds of Newton's method with the variances as they are, then the variances anew.
    for round in 0..12 {
        let precision = precisions(blocks, &sds, n_columns);
        let (factor, log_posterior) = newton(steps, &precision, &mut mode, n_columns)?;
        let spread = factor.inverse_diagonal();
        let moved = rescale(blocks, &mut sds, &mode, &spread, n_columns);
        if moved < 0.05 || round == 11 {
            return Ok(Hazard { n_columns, mode, factor, sds, log_posterior });
        }
    }
    Err(HazardFault::NoMaximum)
}

fn precisions(blocks: &[Block], sds: &[[f64; 2]], n_columns: usize) -> Vec<f64> {
    let mut precision = Vec::with_capacity(2 * n_columns);
    for outcome in 0..2 {
        for (block, sds) in blocks.iter().zip(sds) {
            let value = sds[outcome].powi(-2);
            precision.extend(std::iter::repeat_n(value, block.n_columns));
        }
    }
    precision
}

/// Sets the estimated standard deviations anew; returns the largest change of a logarithm.
fn rescale(
    blocks: &[Block],
    sds: &mut [[f64; 2]],
    mode: &[f64],
    spread: &[f64],
    n_columns: usize,
) -> f64 {
    let mut moved: f64 = 0.0;
    let mut from = 0;
    for (block, sds) in blocks.iter().zip(sds.iter_mut()) {
        let to = from + block.n_columns;
        if block.prior == Prior::Estimated && block.n_columns > 0 {
            for (outcome, sd) in sds.iter_mut().enumerate() {
                let place = outcome * n_columns;
                let square: f64 = mode[place + from..place + to].iter().map(|b| b * b).sum();
                let left: f64 = spread[place + from..place + to].iter().sum();
                // Degrees of freedom that the block uses: columns less what the prior tells.
                let used = (block.n_columns as f64 - left / (*sd * *sd)).max(1e-9);
                // A weak prior of one effect of 0.3 keeps blocks of few columns from zero.
                let variance = (square + 0.09) / (used + 1.0);
                let next = variance.sqrt().clamp(SD_SMALLEST, SD_LARGEST);
                moved = moved.max((next / *sd).ln().abs());
                *sd = next;
            }
        }
        from = to;
    }
    moved
}

/// Finds the mode for given precisions, from where `mode` stands.
fn newton(
    steps: &Steps,
    precision: &[f64],
    mode: &mut Vec<f64>,
    n_columns: usize,
) -> Result<(Cholesky, f64), HazardFault> {
    let size = 2 * n_columns;
    let mut here = log_posterior(steps, precision, mode, n_columns);
    for _ in 0..60 {
        let (gradient, hessian) = curvature(steps, precision, mode, n_columns);
        let factor = Cholesky::new(&hessian, size).ok_or(HazardFault::NoMaximum)?;
        let step = factor.solve(&gradient);
        let gain: f64 = step.iter().zip(&gradient).map(|(a, b)| a * b).sum();
        if gain < 1e-9 {
            return Ok((factor, here));
        }
        let mut part = 1.0;
        loop {
            let tried: Vec<f64> = mode.iter().zip(&step).map(|(b, s)| b + part * s).collect();
            let there = log_posterior(steps, precision, &tried, n_columns);
            if there >= here - 1e-10 * here.abs() {
                *mode = tried;
                here = there;
                break;
            }
            part *= 0.5;
            if part < 1e-8 {
                return Ok((factor, here));
            }
        }
    }
    Err(HazardFault::NoMaximum)
}

/// Returns the linear predictors of a row for both outcomes.
fn etas(row: &[(u32, f64)], effects: &[f64], n_columns: usize) -> (f64, f64) {
    let (win, loss) = effects.split_at(n_columns);
    row.iter().fold((0.0, 0.0), |(w, l), (column, value)| {
        let column = *column as usize;
        (w + value * win[column], l + value * loss[column])
    })
}

/// Returns the probabilities of a win and of a loss within a step.
fn chances(eta: (f64, f64), exposure: f64) -> (f64, f64) {
    // Beyond e^40 nothing stays.
    let win = exposure * eta.0.min(40.0).exp();
    let loss = exposure * eta.1.min(40.0).exp();
    let all = 1.0 / (1.0 + win + loss);
    (win * all, loss * all)
}

fn log_posterior(steps: &Steps, precision: &[f64], effects: &[f64], n_columns: usize) -> f64 {
    let mut sum = 0.0;
    for row in 0..steps.rows.n_rows() {
        let eta = etas(steps.rows.row(row), effects, n_columns);
        let (win, loss) = chances(eta, steps.exposure[row]);
        let p = match steps.end[row] {
            End::Stays => 1.0 - win - loss,
            End::Won => win,
            End::Lost => loss,
        };
        sum += steps.weight[row] * p.max(1e-300).ln();
    }
    let prior: f64 = effects.iter().zip(precision).map(|(b, p)| p * b * b).sum();
    sum - 0.5 * prior
}

/// Returns the gradient of the log posterior and minus its Hessian, of which the lower half is
/// filled.
fn curvature(
    steps: &Steps,
    precision: &[f64],
    effects: &[f64],
    n_columns: usize,
) -> (Vec<f64>, Vec<f64>) {
    let size = 2 * n_columns;
    let mut gradient: Vec<f64> = effects.iter().zip(precision).map(|(b, p)| -p * b).collect();
    let mut hessian = vec![0.0; size * size];
    for (i, p) in precision.iter().enumerate() {
        hessian[i * size + i] = *p;
    }
    for at in 0..steps.rows.n_rows() {
        let row = steps.rows.row(at);
        let (win, loss) = chances(etas(row, effects, n_columns), steps.exposure[at]);
        let weight = steps.weight[at];
        let won = f64::from(u8::from(steps.end[at] == End::Won));
        let lost = f64::from(u8::from(steps.end[at] == End::Lost));
        let (gw, gl) = (weight * (won - win), weight * (lost - loss));
        let ww = weight * win * (1.0 - win);
        let ll = weight * loss * (1.0 - loss);
        let wl = -weight * win * loss;
        for &(a, x) in row {
            let a = a as usize;
            gradient[a] += gw * x;
            gradient[n_columns + a] += gl * x;
            let (top, bottom) = hessian.split_at_mut(n_columns * size);
            let top = &mut top[a * size..(a + 1) * size];
            let bottom = &mut bottom[a * size..(a + 1) * size];
            for &(b, y) in row {
                let b = b as usize;
                let xy = x * y;
                if b <= a {
                    top[b] += ww * xy;
                    bottom[n_columns + b] += ll * xy;
                }
                bottom[b] += wl * xy;
            }
        }
    }
    (gradient, hessian)
}

impl Hazard {
    /// Returns the number of columns.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Returns the effects at the mode.
    pub fn mode(&self) -> Effects {
        Effects { all: self.mode.clone(), n_columns: self.n_columns }
    }

    /// Draws a set of effects from the posterior.
    pub fn draw(&self, random: &mut SplitMix64) -> Effects {
        let mut all: Vec<f64> = (0..self.mode.len()).map(|_| random.normal()).collect();
        self.factor.back(&mut all);
        all.iter_mut().zip(&self.mode).for_each(|(draw, mode)| *draw += mode);
        Effects { all, n_columns: self.n_columns }
    }

    /// Returns the standard deviation between the effects of each block, on winning and on losing.
    pub fn sds(&self) -> &[[f64; 2]] {
        &self.sds
    }

    /// Returns the standard error of each effect: those on winning, then those on losing.
    pub fn standard_errors(&self) -> Vec<f64> {
        self.factor.inverse_diagonal().iter().map(|variance| variance.sqrt()).collect()
    }

    /// Returns the log posterior density at the mode, up to a constant.
    pub fn log_posterior(&self) -> f64 {
        self.log_posterior
    }
}

impl Effects {
    /// Returns the effects on winning.
    pub fn win(&self) -> &[f64] {
        &self.all[..self.n_columns]
    }

    /// Returns the effects on losing.
    pub fn loss(&self) -> &[f64] {
        &self.all[self.n_columns..]
    }

    /// Returns the sums of the effects of a row: on winning and on losing.
    pub fn of(&self, row: &[(u32, f64)]) -> (f64, f64) {
        etas(row, &self.all, self.n_columns)
    }

    /// Returns the factors that a row puts on the odds of winning and of losing.
    pub fn odds(&self, row: &[(u32, f64)]) -> (f64, f64) {
        let (win, loss) = self.of(row);
        (win.min(40.0).exp(), loss.min(40.0).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUE: [[f64; 3]; 2] = [[-3.0, 0.8, -0.4], [-2.2, -0.5, 0.3]];

    /// Cases with a covariate and a group, followed for twelve steps.
    fn simulated(n: u64, seed: u64) -> Steps {
        let mut steps = Steps::default();
        for case in 0..n {
            let mut random = SplitMix64::stream(seed, case);
            let x = random.normal();
            let late = random.uniform() < 0.5;
            for _ in 0..12 {
                let row = [(0, 1.0), (1, x), (2, f64::from(u8::from(late)))];
                let eta = |k: usize| {
                    row.iter().map(|(column, value)| TRUE[k][*column] * value).sum::<f64>()
                };
                let (win, loss) = chances((eta(0), eta(1)), 1.0);
                let u = random.uniform();
                let end = if u < win {
                    End::Won
                } else if u < win + loss {
                    End::Lost
                } else {
                    End::Stays
                };
                steps.push(row, 1.0, 1.0, end);
                if end != End::Stays {
                    break;
                }
            }
        }
        steps
    }

    const FLAT: [Block; 1] = [Block { n_columns: 3, prior: Prior::Sd(10.0) }];

    #[test]
    fn effects_are_found_within_their_standard_errors() {
        let fitted = fit(&simulated(6000, 5), &FLAT).unwrap();
        let (mode, errors) = (fitted.mode(), fitted.standard_errors());
        for (k, found) in [mode.win(), mode.loss()].into_iter().enumerate() {
            for (i, value) in found.iter().enumerate() {
                let off = (value - TRUE[k][i]) / errors[3 * k + i];
                assert!(off.abs() < 3.5, "{k} {i}: {value}, {off} standard errors off");
                assert!(errors[3 * k + i] < 0.08);
            }
        }
    }

    #[test]
    fn gradient_and_curvature_are_those_of_small_differences() {
        let steps = simulated(300, 6);
        let precision = vec![0.7; 6];
        let at = [-2.0, 0.3, 0.1, -1.5, 0.2, -0.1];
        let (gradient, hessian) = curvature(&steps, &precision, &at, 3);
        let h = 1e-5;
        let moved = |i: usize, by: f64| {
            let mut to = at;
            to[i] += by;
            to
        };
        for i in 0..6 {
            let value = |by| log_posterior(&steps, &precision, &moved(i, by), 3);
            let slope = (value(h) - value(-h)) / (2.0 * h);
            assert!((slope - gradient[i]).abs() < 1e-4 * slope.abs().max(1.0), "{i}");
            let gradient = |by| curvature(&steps, &precision, &moved(i, by), 3).0;
            let (up, down) = (gradient(h), gradient(-h));
            for j in i..6 {
                let curve = -(up[j] - down[j]) / (2.0 * h);
                let found = hessian[j * 6 + i];
                assert!(
                    (curve - found).abs() < 1e-4 * found.abs().max(1.0),
                    "{i} {j}: {curve} {found}"
                );
            }
        }
    }

    #[test]
    fn a_row_of_weight_two_is_the_same_as_two_rows_and_exposures_are_rates() {
        let steps = simulated(200, 7);
        let mut twice = Steps::default();
        let mut heavy = steps.clone();
        for _ in 0..2 {
            for at in 0..steps.rows.n_rows() {
                let row = steps.rows.row(at).iter().map(|(c, v)| (*c as usize, *v));
                twice.push(row, 1.0, 1.0, steps.end[at]);
            }
        }
        heavy.weight.fill(2.0);
        let [a, b] = [twice, heavy].map(|steps| fit(&steps, &FLAT).unwrap().mode());
        assert!(a.all.iter().zip(&b.all).all(|(a, b)| (a - b).abs() < 1e-7));
        let mut long = steps.clone();
        long.exposure.fill(4.0);
        let [a, b] = [steps, long].map(|steps| fit(&steps, &FLAT).unwrap().mode());
        // Four times the time: a quarter of the rate, up to the pull of the prior.
        assert!((a.win()[0] - b.win()[0] - 4.0_f64.ln()).abs() < 0.05, "{a:?} {b:?}");
    }

    #[test]
    fn levels_are_drawn_together_as_far_as_they_are_alike() {
        // Thirty levels with the same truth, then with truths that differ by 0.8.
        for (spread, low, high) in [(0.0, 0.0, 0.2), (0.8, 0.55, 1.1)] {
            let mut steps = Steps::default();
            let mut random = SplitMix64::new(17);
            for level in 0..30 {
                let effect = spread * random.normal();
                for _ in 0..400 {
                    let (win, loss) = chances((-2.0 + effect, -1.5), 1.0);
                    let u = random.uniform();
                    let end = match u {
                        u if u < win => End::Won,
                        u if u < win + loss => End::Lost,
                        _ => End::Stays,
                    };
                    steps.push([(0, 1.0), (1 + level, 1.0)], 1.0, 1.0, end);
                }
            }
            let blocks = [
                Block { n_columns: 1, prior: Prior::Sd(10.0) },
                // The last level has no data.
                Block { n_columns: 31, prior: Prior::Estimated },
            ];
            let fitted = fit(&steps, &blocks).unwrap();
            let sd = fitted.sds()[1][0];
            assert!((low..high).contains(&sd), "{spread}: {sd}");
            let (mode, errors) = (fitted.mode(), fitted.standard_errors());
            assert!(mode.win()[31].abs() < 1e-9 && (errors[31] / sd - 1.0).abs() < 0.05);
        }
    }

    #[test]
    fn draws_have_the_spread_of_the_standard_errors() {
        let fitted = fit(&simulated(500, 8), &FLAT).unwrap();
        let n = 4000;
        let draws: Vec<Effects> =
            (0..n).map(|i| fitted.draw(&mut SplitMix64::stream(3, i))).collect();
        for (i, error) in fitted.standard_errors().iter().enumerate() {
            let mean = draws.iter().map(|d| d.all[i]).sum::<f64>() / n as f64;
            let square = draws.iter().map(|d| (d.all[i] - mean).powi(2)).sum::<f64>();
            let sd = (square / n as f64).sqrt();
            assert!((mean - fitted.mode[i]).abs() < 5.0 * error / (n as f64).sqrt());
            assert!((sd / error - 1.0).abs() < 0.06, "{i}: {sd} {error}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_is_the_prior() {
        let mut steps = Steps::default();
        steps.push([(7, 1.0)], 1.0, 1.0, End::Won);
        assert_eq!(fit(&steps, &FLAT).err(), Some(HazardFault::Shape));
        let none = fit(&Steps::default(), &FLAT).unwrap();
        assert!(none.mode().all.iter().all(|b| b.abs() < 1e-12));
        assert!(none.standard_errors().iter().all(|e| (e - 10.0).abs() < 1e-9));
        // Only wins: the prior keeps the fit finite.
        let mut wins = Steps::default();
        (0..20).for_each(|_| wins.push([(0, 1.0)], 1.0, 1.0, End::Won));
        assert!(fit(&wins, &FLAT).unwrap().mode().all.iter().all(|b| b.is_finite()));
    }
}
