//! What cases that are going on will bring: simulated, with what they have in common.
//!
//! A *world* is one draw of all effects of a [`Hazard`], shared by every case: where the model is
//! wrong, or a month is bad, it is so for all of them at once. Within a world the cases end
//! independently; each world is played several times. Without what they have in common, intervals
//! are far too narrow. Numbers come from the counter of case, world and play (Salmon et al. 2011),
//! so that the result does not depend on order, on threads, or on which worlds are played where.

#![expect(
    clippy::indexing_slicing,
    reason = "cases, steps and plays are counted from the same slices"
)]

use std::collections::HashMap;

use crate::hazard::{Hazard, Sparse};
use crate::random::{SplitMix64, mix};

/// Cases that are going on, and the steps of time ahead.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Going {
    /// Length of each step.
    exposure: Vec<f64>,
    key: Vec<u64>,
    amount: Vec<f64>,
    fixed: Sparse,
    /// The different rows of steps: most cases share them.
    patterns: Sparse,
    /// Pattern of each step of each case.
    which: Vec<u32>,
    known: HashMap<Vec<(usize, u64)>, u32>,
}

impl Going {
    /// Starts without cases; `exposure` is the length of each step.
    pub fn new(exposure: Vec<f64>) -> Self {
        Self { exposure, ..Self::default() }
    }

    /// Adds a case: a number that is its own (results do not depend on the order of cases), what it
    /// brings where it is won, what is known of it and does not change with the step, and what
    /// does, a row for each step. A step without a row has nothing of its own.
    pub fn push(
        &mut self,
        key: u64,
        amount: f64,
        fixed: impl IntoIterator<Item = (usize, f64)>,
        steps: &[Vec<(usize, f64)>],
    ) {
        self.key.push(key);
        self.amount.push(amount);
        self.fixed.push(fixed);
        for step in 0..self.exposure.len() {
            let row = steps.get(step).map_or(&[][..], Vec::as_slice);
            let bits = row.iter().map(|(column, value)| (*column, value.to_bits())).collect();
            let next = u32::try_from(self.patterns.n_rows()).unwrap_or(u32::MAX);
            let pattern = *self.known.entry(bits).or_insert_with(|| {
                self.patterns.push(row.iter().copied());
                next
            });
            self.which.push(pattern);
        }
    }

    /// Returns the number of cases.
    pub fn n(&self) -> usize {
        self.key.len()
    }

    /// Returns the number of steps.
    pub fn n_steps(&self) -> usize {
        self.exposure.len()
    }
}

/// How amounts change until a case is won.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slip {
    /// Final amount as a part of the amount as of now, of cases that were won; none for no change.
    pub ratios: Vec<f64>,
    /// Standard error of the logarithm of their mean.
    pub error: f64,
}

/// How often, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runs {
    /// Draws of the parameters.
    pub n_worlds: u32,
    /// Plays of each.
    pub n_plays: u32,
    /// The seed.
    pub seed: u64,
}

impl Runs {
    /// Returns the number of simulations.
    pub fn n(&self) -> usize {
        self.n_worlds as usize * self.n_plays as usize
    }

    /// Chooses worlds and plays for so many simulations: the more cases, the fewer worlds, of which
    /// each costs as much as some fifty plays.
    pub fn of(n: u32, n_cases: usize, n_steps: usize, seed: u64) -> Self {
        let work = (n_cases * n_steps).max(1);
        let most = u32::try_from(24_000_000 / work).unwrap_or(u32::MAX);
        let n_worlds = most.clamp(200, 2000).min(n).max(1);
        Self { n_worlds, n_plays: n.div_ceil(n_worlds), seed }
    }
}

/// What was simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Amount won in each step: one row of steps for each simulation, world by world.
    pub won: Vec<f64>,
    /// Number won from step `from` on, in each simulation.
    pub wins: Vec<u32>,
    /// Probability that a case is won by the end of each step: one row of steps for each case.
    pub p_won: Vec<f64>,
    /// Probability that a case is lost by the end of the last step.
    pub p_lost: Vec<f64>,
    /// Number of steps.
    pub n_steps: usize,
}

/// Simulates all worlds. Wins before step `from` are not counted.
pub fn play(model: &Hazard, going: &Going, slip: &Slip, from: usize, runs: Runs) -> Option<Played> {
    play_worlds(model, going, slip, from, runs, 0..runs.n_worlds)
}

/// Simulates some of the worlds: those of several calls, one after the other, are those of one.
///
/// `None` without a step, or where a column is none of the model's. Probabilities of cases are
/// means over the worlds of the call.
pub fn play_worlds(
    model: &Hazard,
    going: &Going,
    slip: &Slip,
    from: usize,
    runs: Runs,
    worlds: std::ops::Range<u32>,
) -> Option<Played> {
    let (n, n_steps) = (going.n(), going.n_steps());
    if n_steps == 0 || !going.fixed.within(model.n_columns()) {
        return None;
    }
    if !going.patterns.within(model.n_columns()) {
        return None;
    }
    // Sums are taken in the order of the keys.
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&case| (going.key[case], case));
    let n_plays = runs.n_plays as usize;
    let n_worlds = worlds.len();
    let mut played = Played {
        won: vec![0.0; n_worlds * n_plays * n_steps],
        wins: vec![0; n_worlds * n_plays],
        p_won: vec![0.0; n * n_steps],
        p_lost: vec![0.0; n],
        n_steps,
    };
    let mut chances = vec![0.0; n_steps];
    let mut patterns: Vec<(f64, f64)> = Vec::new();
    let mut limits = vec![0_u32; n_steps];
    let mut keys = vec![0_u64; n_plays.div_ceil(LANES)];
    for (at, world) in worlds.enumerate() {
        let mut random = SplitMix64::stream(runs.seed, u64::from(world));
        let effects = model.draw(&mut random);
        patterns.clear();
        patterns
            .extend((0..going.patterns.n_rows()).map(|row| effects.odds(going.patterns.row(row))));
        let scale = (slip.error * random.normal()).exp();
        let begin = random.next_u64();
        for (block, key) in keys.iter_mut().enumerate() {
            *key = mix(begin ^ block as u64);
        }
        let won = &mut played.won[at * n_plays * n_steps..(at + 1) * n_plays * n_steps];
        let wins = &mut played.wins[at * n_plays..(at + 1) * n_plays];
        for &case in &order {
            let base = effects.odds(going.fixed.row(case));
            let (mut stays, mut reached, mut lost) = (1.0, 0.0, 0.0);
            let which = &going.which[case * n_steps..(case + 1) * n_steps];
            for ((chance, exposure), pattern) in chances.iter_mut().zip(&going.exposure).zip(which)
            {
                let more = patterns[*pattern as usize];
                let win = exposure * base.0 * more.0;
                let loss = exposure * base.1 * more.1;
                let part = stays / (1.0 + win + loss);
                reached += part * win;
                lost += part * loss;
                stays = part;
                *chance = reached;
            }
            let sums = &mut played.p_won[case * n_steps..(case + 1) * n_steps];
            sums.iter_mut().zip(&chances).for_each(|(sum, chance)| *sum += chance);
            played.p_lost[case] += lost;
            for (limit, chance) in limits.iter_mut().zip(&chances) {
                *limit = limit_of(*chance);
            }
            let (last, amount) = (limits[n_steps - 1], going.amount[case] * scale);
            let own = mix(going.key[case]);
            for (block, key) in keys.iter().enumerate() {
                let bits = mix(own ^ key);
                let first = LANES * block;
                let mut winners = winners(last, bits);
                if n_plays - first < LANES {
                    winners &= (1 << (n_plays - first)) - 1;
                }
                while winners != 0 {
                    let lane = winners.trailing_zeros();
                    winners &= winners - 1;
                    // Anew for each winner: when, and what became of the amount.
                    let (high, low) = halves(mix(bits ^ (u64::from(lane) + 1)));
                    let u = scaled(high, last);
                    let step: usize = limits.iter().map(|limit| usize::from(*limit <= u)).sum();
                    if step >= from {
                        let play = first + lane as usize;
                        won[play * n_steps + step] += amount * ratio(slip, low);
                        wins[play] += 1;
                    }
                }
            }
        }
    }
    let each = 1.0 / (n_worlds as f64).max(1.0);
    played.p_won.iter_mut().chain(&mut played.p_lost).for_each(|p| *p *= each);
    Some(played)
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves are meant")]
const fn halves(bits: u64) -> (u32, u32) {
    ((bits >> 32) as u32, bits as u32)
}

/// Returns the first 32-bit number that is not below a probability.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a probability times 2^32, and a cast saturates"
)]
fn limit_of(chance: f64) -> u32 {
    (chance.clamp(0.0, 1.0) * 4_294_967_296.0).round() as u32
}

/// Plays that are drawn at once.
const LANES: usize = 64;

/// Draws which of 64 plays win, each with the probability `limit` / 2³²: uniform numbers are
/// compared with it bit by bit from the highest, for all of them in one word, until all are
/// decided.
fn winners(limit: u32, seed: u64) -> u64 {
    let (mut won, mut open, mut left, mut state) = (0, u64::MAX, limit, seed);
    while open != 0 && left != 0 {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let bits = mix(state);
        let one = 0_u64.wrapping_sub(u64::from(left >> 31));
        won |= open & !bits & one;
        open &= bits ^ !one;
        left <<= 1;
    }
    won
}

/// A number below `limit` from 32 random bits.
const fn scaled(bits: u32, limit: u32) -> u32 {
    ((bits as u64 * limit as u64) >> 32) as u32
}

/// Draws the change of an amount from 32 random bits.
fn ratio(slip: &Slip, bits: u32) -> f64 {
    if slip.ratios.is_empty() {
        return 1.0;
    }
    let at = (u64::from(bits) * slip.ratios.len() as u64) >> 32;
    slip.ratios[usize::try_from(at).unwrap_or(0)]
}

impl Played {
    /// Returns the sum of all steps of each simulation.
    pub fn totals(&self) -> Vec<f64> {
        self.won.chunks(self.n_steps).map(|steps| steps.iter().sum()).collect()
    }

    /// Returns the probability that a case is won in step `from` or later.
    pub fn p_from(&self, case: usize, from: usize) -> f64 {
        let row = &self.p_won[case * self.n_steps..(case + 1) * self.n_steps];
        let before = if from == 0 { 0.0 } else { row[(from - 1).min(self.n_steps - 1)] };
        (row[self.n_steps - 1] - before).max(0.0)
    }
}

/// Simulated sums in ascending order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    sorted: Vec<f64>,
}

impl Distribution {
    /// Sorts simulated sums; what is not finite is left out.
    pub fn new(mut sums: Vec<f64>) -> Self {
        sums.retain(|sum| sum.is_finite());
        sums.sort_unstable_by(f64::total_cmp);
        Self { sorted: sums }
    }

    /// Returns the sums in ascending order.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// Returns a quantile; zero where there is nothing.
    pub fn quantile(&self, p: f64) -> f64 {
        crate::interval::quantile_sorted(&self.sorted, p).unwrap_or(0.0)
    }

    /// Returns the mean; zero where there is nothing.
    pub fn mean(&self) -> f64 {
        if self.sorted.is_empty() {
            return 0.0;
        }
        self.sorted.iter().sum::<f64>() / self.sorted.len() as f64
    }

    /// Returns the share of simulations that reach a sum.
    pub fn reaches(&self, sum: f64) -> f64 {
        let below = self.sorted.partition_point(|x| *x < sum);
        if self.sorted.is_empty() {
            return 0.0;
        }
        (self.sorted.len() - below) as f64 / self.sorted.len() as f64
    }

    /// Draws all sums away from the median by a factor, none below `floor`.
    #[must_use]
    pub fn widened(&self, factor: f64, floor: f64) -> Self {
        let middle = self.quantile(0.5);
        let away = |x: &f64| (middle + factor * (x - middle)).max(floor);
        Self { sorted: self.sorted.iter().map(away).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookings::Bookings;
    use crate::hazard::{Block, End, Prior, Steps, fit};

    /// A model that is sure: odds of winning by case, and next to no losing.
    fn sure(p: &[f64]) -> (Hazard, Going) {
        let mut steps = Steps::default();
        let mut going = Going::new(vec![1.0]);
        for (case, p) in p.iter().enumerate() {
            let row = [(case, 1.0)];
            steps.push(row, 1.0, 1e9 * p, End::Won);
            steps.push(row, 1.0, 1e9 * (1.0 - p), End::Stays);
            going.push(case as u64 * 977 + 5, 100.0 * (1 + case % 7) as f64, row, &[]);
        }
        let blocks = [Block { n_columns: p.len(), prior: Prior::Sd(8.0) }];
        (fit(&steps, &blocks).unwrap(), going)
    }

    #[test]
    fn independent_cases_agree_with_the_exact_distribution() {
        let p: Vec<f64> = (0..40_u8).map(|i| 0.02 + 0.9 * f64::from(i) / 40.0).collect();
        let (model, going) = sure(&p);
        let runs = Runs { n_worlds: 100, n_plays: 200, seed: 11 };
        let played = play(&model, &going, &Slip::default(), 0, runs).unwrap();
        let cases: Vec<(f64, u32)> =
            p.iter().zip(0..).map(|(p, i): (&f64, u32)| (*p, 1 + i % 7)).collect();
        let exact = Bookings::new(&cases).unwrap();
        let found = Distribution::new(played.totals());
        let n = runs.n() as f64;
        let off = (found.mean() - 100.0 * exact.mean()).abs();
        assert!(off < 4.0 * 100.0 * exact.sd() / n.sqrt(), "{off}");
        for level in [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95] {
            // As many simulations lie above the exact quantile as should.
            let units = exact.quantile(level);
            let (share, p) = (found.reaches(100.0 * units as f64), exact.at_least(units));
            assert!((share - p).abs() < 4.0 * (p * (1.0 - p) / n).sqrt(), "{level}: {share} {p}");
        }
        for (case, p) in p.iter().enumerate() {
            assert!((played.p_from(case, 0) - p).abs() < 1e-3);
        }
    }

    fn case(case: u64, scale: f64, going: &mut Going) {
        let rows = [0.0, 1.0, 2.0].map(|step| vec![(4, step)]);
        let group = 1 + usize::try_from(case % 3).unwrap();
        going.push(mix(case), scale * (10.0 + case as f64), [(0, 1.0), (group, 1.0)], &rows);
    }

    fn uncertain() -> (Hazard, Going) {
        let mut steps = Steps::default();
        let mut going = Going::new(vec![1.0, 0.5, 1.0]);
        for case in 0..60_u64 {
            let group = (case % 3) as usize;
            let end = [End::Won, End::Lost, End::Stays][(case % 5).min(2) as usize];
            steps.push([(0, 1.0), (1 + group, 1.0)], 1.0, 1.0, end);
            self::tests::case(case, 1.0, &mut going);
        }
        let blocks = [
            Block { n_columns: 1, prior: Prior::Sd(5.0) },
            Block { n_columns: 3, prior: Prior::Estimated },
            Block { n_columns: 1, prior: Prior::Sd(0.1) },
        ];
        (fit(&steps, &blocks).unwrap(), going)
    }

    #[test]
    fn order_parts_and_repetition_do_not_change_a_bit() {
        let (model, going) = uncertain();
        let runs = Runs { n_worlds: 9, n_plays: 5, seed: 3 };
        let slip = Slip { ratios: vec![0.8, 1.0, 1.0, 1.3], error: 0.05 };
        let whole = play(&model, &going, &slip, 1, runs).unwrap();
        let [a, b] = [0..4, 4..9].map(|w| play_worlds(&model, &going, &slip, 1, runs, w).unwrap());
        assert_eq!([a.won, b.won].concat(), whole.won);
        let mut turned = Going::new(vec![1.0, 0.5, 1.0]);
        (0..60).rev().for_each(|at| case(at, 1.0, &mut turned));
        let again = play(&model, &turned, &slip, 1, runs).unwrap();
        assert_eq!((&again.won, &again.wins), (&whole.won, &whole.wins));
        let other = play(&model, &going, &slip, 1, Runs { seed: 4, ..runs }).unwrap();
        assert_ne!(other.won, whole.won);
        assert!(whole.won.chunks(3).all(|steps| steps[0] == 0.0), "step 0 is not counted");
    }

    #[test]
    fn money_scales_and_shared_uncertainty_widens() {
        let (model, going) = uncertain();
        let runs = Runs { n_worlds: 400, n_plays: 10, seed: 3 };
        let before = play(&model, &going, &Slip::default(), 0, runs).unwrap();
        let mut dear = Going::new(vec![1.0, 0.5, 1.0]);
        (0..60).for_each(|at| case(at, 3.0, &mut dear));
        let going = dear;
        let after = play(&model, &going, &Slip::default(), 0, runs).unwrap();
        let pairs = before.totals().into_iter().zip(after.totals());
        assert!(pairs.into_iter().all(|(a, b)| (3.0 * a - b).abs() < 1e-6));
        // Variance of the sum against that of independent cases with the same probabilities.
        let sums = after.totals();
        let mean = sums.iter().sum::<f64>() / sums.len() as f64;
        let variance = sums.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / sums.len() as f64;
        let alone: f64 = (0..60)
            .map(|case| (after.p_from(case, 0), going.amount[case]))
            .map(|(p, amount)| p * (1.0 - p) * amount * amount)
            .sum();
        assert!(variance > 1.5 * alone, "{variance} {alone}");
        // Expectation is what the probabilities say.
        let expected: f64 = (0..60).map(|c| after.p_from(c, 0) * going.amount[c]).sum();
        assert!((mean / expected - 1.0).abs() < 0.02, "{mean} {expected}");
    }

    #[test]
    fn what_does_not_fit_is_none_and_nothing_is_zero() {
        let (model, mut going) = uncertain();
        let runs = Runs::of(100, 60, 3, 1);
        assert!(runs.n() >= 100);
        going.push(7, 1.0, [(99, 1.0)], &[]);
        assert_eq!(play(&model, &going, &Slip::default(), 0, runs), None);
        let none = Going::new(vec![1.0]);
        let nothing = play(&model, &none, &Slip::default(), 0, runs).unwrap();
        assert!(nothing.totals().iter().all(|total| *total == 0.0));
        let empty = Distribution::new(vec![f64::NAN]);
        assert_eq!((empty.quantile(0.5), empty.mean(), empty.reaches(1.0)), (0.0, 0.0, 0.0));
        let some = Distribution::new(vec![3.0, 1.0, 2.0]).widened(2.0, 0.5);
        assert_eq!(some.sorted(), [0.5, 2.0, 4.0]);
    }
}
