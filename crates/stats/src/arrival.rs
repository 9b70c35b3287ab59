//! Cases that do not exist yet: how many will come, from which source, and what they bring in time.
//!
//! Counts by bin of time are negative binomial around a level with a trend and a season
//! (log-linear; Lawless 1987), fitted by Newton's method with normal priors that hold trend and
//! season near none where the record is short. Sources share what comes by a Dirichlet posterior.
//! The part that wins within *d* days is the cumulative incidence of Aalen and Johansen (1978) over
//! all sources, times a gamma factor of each source that is drawn towards one. Amounts are drawn
//! from those that were won.

#![expect(
    clippy::indexing_slicing,
    reason = "bins, sources and days are counted from the same slices"
)]

use crate::cholesky::Cholesky;
use crate::random::{SplitMix64, mix};

/// Seasons of a year.
pub const SEASONS: usize = 12;

/// How far trend (by year, in logs) and season stray before the data speak.
const TREND_SD: f64 = 0.25;
const SEASON_SD: f64 = 0.25;

/// Cases of the whole that a source is drawn towards, in wins and in amounts.
const PULL: f64 = 8.0;

/// A stretch of time in which cases came, or will come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Season, from 0 to 11.
    pub season: usize,
    /// Length in days.
    pub days: f64,
    /// Middle, in years from the present; negative in the past.
    pub at: f64,
}

/// A case that came: what became of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// Source.
    pub source: usize,
    /// Days from its coming to its end, or to the present.
    pub days: f64,
    /// Days from its coming to the present, whether or not it has ended.
    pub seen: f64,
    /// Whether it was won; none while it goes on.
    pub won: Option<bool>,
    /// What it brought, where it was won.
    pub amount: Option<f64>,
}

/// What is known of arrivals.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    mode: Vec<f64>,
    factor: Cholesky,
    /// Variance beyond that of a Poisson count, as a part of the squared mean.
    dispersion: f64,
    /// Counts by source, recent ones count more, with what they are drawn towards.
    shares: Vec<f64>,
    /// Share won by the end of each day, from day 0.
    incidence: Vec<f64>,
    /// Wins and the wins that the common curve expects, by source.
    wins: Vec<(f64, f64)>,
    amounts: Vec<Vec<f64>>,
    all_amounts: Vec<f64>,
}

/// One world of arrivals: what all simulations under the same parameters share.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    effects: Vec<f64>,
    shares: Vec<f64>,
    factors: Vec<f64>,
}

/// A step of future time in which cases come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ahead {
    /// The stretch.
    pub bin: Bin,
    /// First and last end of the stretch, in days from the present.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

/// What the arrivals of one simulation bring.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Brought {
    /// Cases that came.
    pub came: f64,
    /// Cases won.
    pub won: f64,
    /// Their amounts.
    pub amount: f64,
}

/// Learns from counts by bin and source and from what became of cases. `None` without a bin that
/// has days, or without any case.
pub fn fit(bins: &[(Bin, Vec<f64>)], cases: &[Followed], horizon_days: usize) -> Option<Arrivals> {
    let bins: Vec<&(Bin, Vec<f64>)> = bins.iter().filter(|(bin, _)| bin.days > 0.0).collect();
    let n_sources = bins.iter().map(|(_, counts)| counts.len()).max()?;
    let totals: Vec<f64> = bins.iter().map(|(_, counts)| counts.iter().sum()).collect();
    let days: f64 = bins.iter().map(|(bin, _)| bin.days).sum();
    let all: f64 = totals.iter().sum();
    if all <= 0.0 || n_sources == 0 {
        return None;
    }
    let rows: Vec<Bin> = bins.iter().map(|(bin, _)| *bin).collect();
    let mut mode = vec![0.0; 2 + SEASONS];
    mode[0] = (all / days).ln();
    let mut dispersion = 0.0;
    let mut factor = None;
    for _ in 0..8 {
        factor = Some(newton(&rows, &totals, dispersion, &mut mode)?);
        let next = spread(&rows, &totals, &mode);
        let settled = (next - dispersion).abs() < 1e-4;
        dispersion = next;
        if settled {
            break;
        }
    }
    let mut shares = vec![0.0; n_sources];
    for (bin, counts) in bins {
        // Half after half a year.
        let weight = 0.5_f64.powf(-bin.at / 0.5);
        shares.iter_mut().zip(counts).for_each(|(share, n)| *share += weight * n);
    }
    let held: f64 = shares.iter().sum();
    // One case of prior, spread as all history is.
    for (source, share) in shares.iter_mut().enumerate() {
        let count: f64 = cases.iter().filter(|case| case.source == source).map(|_| 1.0).sum();
        *share += (count + 0.5) / (cases.len() as f64 + 0.5 * n_sources as f64);
    }
    if held <= 0.0 && cases.is_empty() {
        return None;
    }
    let incidence = incidence(cases, horizon_days);
    let mut wins = vec![(0.0, 0.0); n_sources];
    let mut amounts = vec![Vec::new(); n_sources];
    for case in cases.iter().filter(|case| case.source < n_sources) {
        let wins = &mut wins[case.source];
        if case.won == Some(true) && case.days <= horizon_days as f64 {
            wins.0 += 1.0;
            amounts[case.source].extend(case.amount.filter(|amount| amount.is_finite()));
        }
        wins.1 += at(&incidence, case.seen.min(horizon_days as f64));
    }
    // Scaled so that all sources together expect what was won.
    let (won, expected) = wins.iter().fold((0.0, 0.0), |(a, b), (w, e)| (a + w, b + e));
    if won > 0.0 && expected > 0.0 {
        for (_, e) in &mut wins {
            *e *= won / expected;
        }
    }
    for list in &mut amounts {
        list.sort_unstable_by(f64::total_cmp);
    }
    let mut all_amounts: Vec<f64> = amounts.iter().flatten().copied().collect();
    all_amounts.sort_unstable_by(f64::total_cmp);
    Some(Arrivals {
        mode,
        factor: factor?,
        dispersion,
        shares,
        incidence,
        wins,
        amounts,
        all_amounts,
    })
}

fn row(bin: &Bin) -> [(usize, f64); 3] {
    [(0, 1.0), (1, bin.at), (2 + bin.season % SEASONS, 1.0)]
}

fn mean_of(bin: &Bin, effects: &[f64]) -> f64 {
    let eta: f64 = row(bin).iter().map(|(column, value)| value * effects[*column]).sum();
    bin.days * eta.min(30.0).exp()
}

/// Maximizes the negative binomial posterior for a given dispersion.
fn newton(bins: &[Bin], totals: &[f64], dispersion: f64, mode: &mut [f64]) -> Option<Cholesky> {
    let size = mode.len();
    // The level is anchored so weakly that it does not matter.
    let prior = |i: usize| match i {
        0 => 1e-4,
        1 => TREND_SD.powi(-2),
        _ => SEASON_SD.powi(-2),
    };
    let center = mode[0];
    for _ in 0..100 {
        let mut gradient = vec![0.0; size];
        let mut hessian = vec![0.0; size * size];
        for i in 0..size {
            let from = if i == 0 { center } else { 0.0 };
            gradient[i] = -prior(i) * (mode[i] - from);
            hessian[i * size + i] = prior(i);
        }
        for (bin, n) in bins.iter().zip(totals) {
            let mean = mean_of(bin, mode);
            let slack = 1.0 + dispersion * mean;
            for (i, x) in row(bin) {
                gradient[i] += x * (n - mean) / slack;
                for (j, y) in row(bin) {
                    hessian[i * size + j] += x * y * mean / slack;
                }
            }
        }
        let factor = Cholesky::new(&hessian, size)?;
        let step = factor.solve(&gradient);
        let largest = step.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        // Expected information and a bounded step: no line search is needed.
        let part = (1.0 / largest.max(1e-12)).min(1.0);
        mode.iter_mut().zip(&step).for_each(|(b, s)| *b += part * s);
        if largest < 1e-9 {
            return Some(factor);
        }
    }
    None
}

/// The variance beyond Poisson as a part of the squared mean, by moments; drawn towards 0.02.
fn spread(bins: &[Bin], totals: &[f64], mode: &[f64]) -> f64 {
    let (mut top, mut bottom) = (0.02 * 4.0, 4.0);
    for (bin, n) in bins.iter().zip(totals) {
        let mean = mean_of(bin, mode).max(1e-9);
        // Bins of few cases tell little about it.
        let weight = mean / (1.0 + mean);
        top += weight * ((n - mean).powi(2) - mean) / (mean * mean);
        bottom += weight;
    }
    (top / bottom).clamp(0.0, 4.0)
}

/// Returns the share that was won by the end of each day after coming, losses competing.
pub fn incidence(cases: &[Followed], horizon_days: usize) -> Vec<f64> {
    let mut ends = vec![(0.0, 0.0, 0.0); horizon_days + 1];
    for case in cases {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "cut at the horizon"
        )]
        let day = case.days.max(0.0) as usize;
        if let Some(ends) = ends.get_mut(day) {
            match case.won {
                Some(true) => ends.0 += 1.0,
                Some(false) => ends.1 += 1.0,
                None => ends.2 += 1.0,
            }
        }
    }
    let (mut at_risk, mut going, mut won) = (cases.len() as f64, 1.0, 0.0);
    let mut shares = Vec::with_capacity(ends.len());
    for (wins, losses, censored) in ends {
        if at_risk > 0.0 {
            won += going * wins / at_risk;
            going *= 1.0 - (wins + losses) / at_risk;
        }
        shares.push(won);
        at_risk -= wins + losses + censored;
    }
    shares
}

/// The curve at a number of days, in between by a line; zero before the coming.
fn at(curve: &[f64], days: f64) -> f64 {
    if days < 0.0 || curve.is_empty() {
        return 0.0;
    }
    let last = curve.len() - 1;
    let days = days.min(last as f64);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between zero and the last day"
    )]
    let floor = days.floor() as usize;
    let low = curve[floor];
    low + (days - floor as f64) * (curve[(floor + 1).min(last)] - low)
}

impl Arrivals {
    /// Returns the number of sources.
    pub fn n_sources(&self) -> usize {
        self.shares.len()
    }

    /// Returns the share won within so many days, over all sources.
    pub fn won_within(&self, days: f64) -> f64 {
        at(&self.incidence, days)
    }

    /// Returns the expected number to come in a stretch of time.
    pub fn expected(&self, bin: &Bin) -> f64 {
        mean_of(bin, &self.mode)
    }

    /// Returns the part of what comes that each source has.
    pub fn shares(&self) -> Vec<f64> {
        let all: f64 = self.shares.iter().sum();
        self.shares.iter().map(|share| share / all).collect()
    }

    /// Draws a world: level, trend, season, shares and the factor of each source.
    pub fn world(&self, random: &mut SplitMix64) -> World {
        let mut effects: Vec<f64> = (0..self.mode.len()).map(|_| random.normal()).collect();
        self.factor.back(&mut effects);
        effects.iter_mut().zip(&self.mode).for_each(|(draw, mode)| *draw += mode);
        let mut shares: Vec<f64> =
            self.shares.iter().map(|share| random.gamma(share.max(1e-3))).collect();
        let all: f64 = shares.iter().sum::<f64>().max(1e-300);
        for share in &mut shares {
            *share /= all;
        }
        // What all sources win together is uncertain as well: one factor for all, one for each.
        let won: f64 = self.wins.iter().map(|(won, _)| won).sum();
        let common = random.gamma(won + 1.0) / (won + 1.0);
        let factor =
            |(won, expected): &(f64, f64)| common * random.gamma(won + PULL) / (expected + PULL);
        let factors = self.wins.iter().map(factor).collect();
        World { effects, shares, factors }
    }

    /// Adds what arrivals bring by the end of each step to `totals`, step by step; returns the sums
    /// over all steps. `from` is the first step in which a win counts.
    pub fn simulate(
        &self,
        world: &World,
        ahead: &[Ahead],
        from: usize,
        random: &mut SplitMix64,
        totals: &mut [f64],
    ) -> Brought {
        let mut brought = Brought::default();
        // One shock a month: steps of the same season share it.
        let mut shock = (usize::MAX, 1.0);
        let mut wins = vec![0.0; ahead.len()];
        for (k, step) in ahead.iter().enumerate() {
            if shock.0 != step.bin.season {
                let shape = 1.0 / self.dispersion.max(1e-6);
                shock = (step.bin.season, random.gamma(shape) / shape);
            }
            let mean = mean_of(&step.bin, &world.effects) * shock.1;
            brought.came += mean;
            let middle = f64::midpoint(step.from, step.to);
            for (j, later) in ahead.iter().enumerate().skip(k) {
                let age = |day: f64| self.won_within(day - middle);
                let begin = if j == k { 0.0 } else { age(later.from) };
                wins[j] += mean * (age(later.to) - begin).max(0.0);
            }
        }
        brought.came = random.poisson(brought.came) as f64;
        for (j, wins) in wins.iter().enumerate().skip(from) {
            for source in 0..self.shares.len() {
                let mean = wins * world.shares[source] * world.factors[source];
                for _ in 0..random.poisson(mean) {
                    let amount = self.amount(source, random);
                    brought.won += 1.0;
                    brought.amount += amount;
                    if let Some(total) = totals.get_mut(j) {
                        *total += amount;
                    }
                }
            }
        }
        brought
    }

    /// Draws an amount: one of the source's own, or, with little of its own, one of all.
    fn amount(&self, source: usize, random: &mut SplitMix64) -> f64 {
        let own = &self.amounts[source];
        let n = own.len() as f64;
        let list = if random.uniform() * (n + PULL) < n { own } else { &self.all_amounts };
        let at = usize::try_from(random.below(list.len() as u64)).unwrap_or(0);
        list.get(at).copied().unwrap_or(0.0)
    }
}

/// Returns the stream of numbers of one world or of one simulation of it.
pub fn stream(seed: u64, world: u64, draw: u64) -> SplitMix64 {
    SplitMix64::stream(mix(seed ^ 0xA11), mix(world) ^ draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monthly counts of three years with a season, a trend and extra spread.
    fn history(seed: u64, trend: f64) -> Vec<(Bin, Vec<f64>)> {
        let mut random = SplitMix64::new(seed);
        (0..36_usize)
            .map(|month| {
                let at = (month as f64 - 35.5) / 12.0;
                let high = if month % 12 < 6 { 1.3 } else { 0.7 };
                let mean = 60.0 * high * (trend * at).exp() * random.gamma(100.0) / 100.0;
                let first = random.poisson(0.75 * mean) as f64;
                let bin = Bin { season: month % 12, days: 30.4, at };
                (bin, vec![first, random.poisson(0.25 * mean) as f64])
            })
            .collect()
    }

    fn cases(seed: u64) -> Vec<Followed> {
        (0..2000)
            .map(|i| {
                let mut random = SplitMix64::stream(seed, i);
                let source = usize::from(i % 4 == 0);
                // The second source wins twice as often.
                let won = random.uniform() < if source == 1 { 0.4 } else { 0.2 };
                let end = -60.0 * (1.0 - random.uniform()).ln();
                let seen = 400.0 * random.uniform();
                let ended = end <= seen;
                Followed {
                    source,
                    days: end.min(seen),
                    seen,
                    won: ended.then_some(won),
                    amount: (ended && won).then_some(100.0 * (1.0 + source as f64)),
                }
            })
            .collect()
    }

    #[test]
    fn level_season_and_shares_are_found() {
        let found = fit(&history(2, 0.2), &cases(3), 400).unwrap();
        let next = |season: usize| found.expected(&Bin { season, days: 30.4, at: 0.04 });
        let [high, low] = [0..6, 6..12].map(|half| half.map(next).sum::<f64>() / 6.0);
        // A season is drawn a little towards none.
        assert!((68.0..86.0).contains(&high), "{high}");
        assert!((38.0..52.0).contains(&low), "{low}");
        assert!((found.shares()[0] - 0.75).abs() < 0.04, "{:?}", found.shares());
        assert!(found.dispersion < 0.06, "{}", found.dispersion);
        let eventually = found.won_within(400.0);
        assert!((eventually - 0.25).abs() < 0.03, "{eventually}");
        let early = found.won_within(60.0) / eventually;
        assert!((early - 0.632).abs() < 0.05, "{early}");
    }

    #[test]
    fn what_arrivals_bring_is_what_a_count_by_hand_expects() {
        let found = fit(&history(4, 0.0), &cases(5), 400).unwrap();
        let ahead: Vec<Ahead> = (0..3_u8)
            .map(|k| {
                let from = 30.4 * f64::from(k);
                let bin = Bin { season: 2 + usize::from(k), days: 30.4, at: f64::from(k) / 12.0 };
                Ahead { bin, from, to: from + 30.4 }
            })
            .collect();
        let n = 4000_u64;
        let (mut amount, mut won, mut came, mut steps) = (0.0, 0.0, 0.0, [0.0; 3]);
        for run in 0..n {
            let world = found.world(&mut stream(9, run, 0));
            let brought = found.simulate(&world, &ahead, 0, &mut stream(9, run, 1), &mut steps);
            amount += brought.amount / n as f64;
            won += brought.won / n as f64;
            came += brought.came / n as f64;
        }
        let mean: f64 = ahead.iter().map(|step| found.expected(&step.bin)).sum();
        assert!((came / mean - 1.0).abs() < 0.04, "{came} {mean}");
        // Of a month's arrivals, a quarter wins in the end, 60 days after coming on average.
        let within = |days: f64| 1.0 - (-days / 60.0).exp();
        let share: f64 = [0.5, 1.5, 2.5].iter().map(|m| within(30.4 * m)).sum();
        let expected = mean / 3.0 * share * 0.25;
        assert!((won / expected - 1.0).abs() < 0.12, "{won} {expected}");
        // 0.15 of 100 and 0.1 of 200.
        assert!((amount / won / 140.0 - 1.0).abs() < 0.06, "{}", amount / won);
        assert!((steps.iter().sum::<f64>() / n as f64 - amount).abs() < 1e-6 * amount);
        assert!(steps[0] < steps[1] && steps[1] < steps[2]);
        let again = found.world(&mut stream(9, 7, 0));
        assert_eq!(again, found.world(&mut stream(9, 7, 0)));
    }

    #[test]
    fn nothing_to_learn_from_is_none() {
        assert_eq!(fit(&[], &[], 100), None);
        let empty = vec![(Bin { season: 0, days: 30.0, at: -0.1 }, vec![0.0])];
        assert_eq!(fit(&empty, &[], 100), None);
        let one = vec![(Bin { season: 0, days: 30.0, at: -0.1 }, vec![1.0])];
        let found = fit(&one, &[], 100).unwrap();
        assert!(found.won_within(50.0).abs() < 1e-12);
    }

    #[test]
    fn censoring_later_never_lowers_what_was_won() {
        let cases = cases(8);
        let curve = incidence(&cases, 300);
        assert!(curve.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(curve.last().unwrap() <= &1.0);
    }
}
