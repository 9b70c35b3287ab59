//! Go on, mend or end? What is believed of a return, turned into a decision by a rule.
//!
//! A source has cost something; its subjects convert (or not yet, or never: [`crate::cure::pool`]),
//! a conversion is won with some chance and then brings an amount. The return is what all its
//! subjects of now bring in the end, divided by the cost: what is won so far is known, what is to
//! come is a sum of a random number of random amounts. Given the share and the wait it is nought
//! with the chance that nothing comes, else lognormal with the mean and variance of that sum (the
//! usual approximation of risk theory: Bowers et al. 1997, chapter 12); the uncertain chance and
//! amount widen it. Probabilities follow by integration over the posterior, without simulation.
//!
//! The rule is that of least expected loss (Berger 1985, chapter 4) with stated ratios of losses,
//! written as bounds of probabilities. When more evidence is worth waiting for is found by drawing
//! futures and asking the rule again in each (preposterior analysis: Raiffa and Schlaifer 1961).

use crate::cure::pool::{Belief, Coming, Future, Later};
use crate::random::SplitMix64;
use crate::special::{chi_square_tail, normal_cdf};
use crate::survival::incidence::{Incidence, aalen_johansen};
use crate::survival::{Fault, Observed, Table};

/// What a source cost and brought so far, and what a conversion is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// What it cost.
    pub cost: f64,
    /// Its subjects.
    pub n: f64,
    /// Profit of what is won so far.
    pub won: f64,
    /// Conversions that are neither won nor lost, as so many new ones.
    pub open: f64,
    /// Chance that a new conversion is won.
    pub chance: f64,
    /// Mean profit of one that is won.
    pub profit: f64,
    /// Variance of the logarithm of chance × profit: how little is known of them.
    pub unsure: f64,
    /// Squared coefficient of variation of profits.
    pub spread: f64,
}

/// Variance of the logarithm of what is to come because the model is one: added to what the data
/// leave open.
const MODEL: f64 = 0.15;
/// The same for what the next cost returns, where no time of the next months is to be guessed.
const NEXT_MODEL: f64 = 0.05;

impl Worth {
    /// Returns the chance that the return is above `bound`, for each unit of cost.
    pub fn above(&self, belief: &Belief, bound: f64) -> f64 {
        let missing = bound * self.cost - self.won;
        if missing <= 0.0 {
            return 1.0;
        }
        belief.mean(|place| self.brings(place.to_come, missing))
    }

    /// The chance that what is to come is more than `missing`.
    fn brings(&self, to_come: f64, missing: f64) -> f64 {
        let wins = self.chance * (self.open + to_come);
        if wins <= 1e-9 || self.profit <= 0.0 {
            return 0.0;
        }
        let something = -(-wins).exp_m1();
        let mean = wins * self.profit / something;
        let square = (1.0 + (1.0 + self.spread) / wins) * something;
        let variance = square.max(1.0).ln() + self.unsure + MODEL;
        if variance <= 0.0 {
            return if mean > missing { something } else { 0.0 };
        }
        let error = variance.sqrt();
        something * normal_cdf(((mean / missing).ln() - 0.5 * variance) / error)
    }

    /// Returns the chance that more cost of the same kind returns more than `bound` for each unit
    /// of it: the law of the source rather than the luck that its subjects of now had.
    pub fn next_above(&self, belief: &Belief, bound: f64) -> f64 {
        let error = self.next_variance().sqrt();
        let per_share = self.next_per_share();
        if per_share <= 0.0 || bound <= 0.0 {
            return f64::from(u8::from(bound <= 0.0));
        }
        belief.mean(|place| {
            let mean = place.share * per_share;
            normal_cdf((mean / bound).ln() / error)
        })
    }

    /// Returns what the next unit of cost returns at least with the chance `1 - p`.
    pub fn next_quantile(&self, belief: &Belief, p: f64) -> f64 {
        let middle = self.next_per_share() * belief.mean(|place| place.share);
        if middle <= 0.0 {
            return 0.0;
        }
        let over = |x: f64| self.next_above(belief, x.exp()) - (1.0 - p);
        crossing(over, (middle.ln() - 3.0, middle.ln() + 1.0)).exp()
    }

    /// What a unit of cost returns for each part of its subjects that ever converts.
    fn next_per_share(&self) -> f64 {
        if self.cost > 0.0 { self.n * self.chance * self.profit / self.cost } else { 0.0 }
    }

    /// Variance of its logarithm: of chance and profit, of the number of subjects that the cost
    /// happened to bring, and of the model.
    fn next_variance(&self) -> f64 {
        self.unsure + 1.0 / self.n.max(1.0) + NEXT_MODEL
    }

    /// Returns the expected return, for each unit of cost.
    pub fn expected(&self, belief: &Belief) -> f64 {
        let come = belief.mean(|place| self.chance * (self.open + place.to_come) * self.profit);
        (self.won + come) / self.cost
    }

    /// Returns the part of the expected return that has come already.
    pub fn come(&self, belief: &Belief) -> f64 {
        let all = self.expected(belief) * self.cost;
        if all > 0.0 { self.won / all } else { 0.0 }
    }

    /// Returns the return that is exceeded with the chance `1 - p`.
    pub fn quantile(&self, belief: &Belief, p: f64) -> f64 {
        let least = self.won / self.cost;
        if self.above(belief, least + 1e-9) <= 1.0 - p {
            return least;
        }
        // The logarithm of what is to come above the least.
        let most = self.expected(belief).max(0.1);
        let over = |x: f64| self.above(belief, least + x.exp()) - (1.0 - p);
        least + crossing(over, (1e-9_f64.ln(), most.ln() + 1.0)).exp()
    }

    /// Returns what is expected to be lost, in units of money, by ending what would pay and by
    /// going on with what does not: the expected excess over the cost, and the expected shortfall.
    pub fn losses(&self, belief: &Belief) -> (f64, f64) {
        // By Simpson's rule over bounds below one.
        let n = 20;
        let shortfall: f64 = (0..=n)
            .map(|i| {
                let weight = if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
                let short = 1.0 - self.above(belief, f64::from(i) / f64::from(n));
                weight * short / (3.0 * f64::from(n))
            })
            .sum();
        // The mean is known, so the excess follows: E(R) - 1 = excess - shortfall.
        let excess = (self.expected(belief) - 1.0 + shortfall).max(0.0);
        (excess * self.cost, shortfall * self.cost)
    }
}

/// Where a function that falls crosses zero; limits that it does not cross between are moved out.
///
/// Regula falsi with the end that stays halved (Illinois: Dowell and Jarratt 1971).
fn crossing(over: impl Fn(f64) -> f64, (mut low, mut high): (f64, f64)) -> f64 {
    let (mut at_low, mut at_high) = (over(low), over(high));
    let mut step = high - low;
    while at_low < 0.0 && low > -200.0 {
        (high, at_high) = (low, at_low);
        low -= step;
        step *= 2.0;
        at_low = over(low);
    }
    while at_high > 0.0 && high < 200.0 {
        (low, at_low) = (high, at_high);
        high += step;
        step *= 2.0;
        at_high = over(high);
    }
    let mut stayed = 0;
    for _ in 0..100 {
        if high - low < 1e-9 || at_low <= at_high {
            break;
        }
        // Kept off the ends, as a flat function would creep.
        let part = (at_low / (at_low - at_high)).clamp(0.02, 0.98);
        let middle = low + part * (high - low);
        let value = over(middle);
        if value.abs() < 1e-10 {
            return middle;
        }
        if value > 0.0 {
            (low, at_low) = (middle, value);
            if stayed > 0 {
                at_high *= 0.5;
            }
            stayed = 1;
        } else {
            (high, at_high) = (middle, value);
            if stayed < 0 {
                at_low *= 0.5;
            }
            stayed = -1;
        }
    }
    0.5 * (low + high)
}

/// How conversions end: won, lost, or not yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Ends {
    won: Incidence,
}

impl Ends {
    /// Counts conversions: days until the end or so far, and 0 open, 1 won, 2 lost.
    pub fn of(days: &[f64], cause: &[u16]) -> Result<Self, Fault> {
        let table = Table::of(&Observed { time: days, cause, entry: &[] })?;
        Ok(Self { won: aalen_johansen(&table, 1) })
    }

    /// Returns the chance that a new conversion is won in the end; who is still open at the longest
    /// time is taken to go as those before.
    pub fn chance(&self) -> f64 {
        self.won.steps().last().map_or(0.0, |last| {
            if last.waiting < 1.0 { last.share / (1.0 - last.waiting) } else { 0.0 }
        })
    }

    /// Returns the chance that a new conversion is won within so many days.
    pub fn won_by(&self, days: f64) -> f64 {
        self.won.reached(days).map_or(0.0, |step| step.share)
    }

    /// Returns the chance that one that is still open after so many days is won, as a part of that
    /// of a new one.
    pub fn left(&self, days: f64) -> f64 {
        let chance = self.chance();
        let Some(step) = self.won.reached(days) else { return 1.0 };
        if step.waiting <= 0.0 || chance <= 0.0 {
            return 0.0;
        }
        let later = (chance - step.share).max(0.0) / step.waiting;
        (later / chance).min(1.0 / chance)
    }

    /// Returns the chance that one that is open after `from` days is closed after `to`.
    pub fn closed(&self, from: f64, to: f64) -> f64 {
        let waiting = |days| self.won.reached(days).map_or(1.0, |step| step.waiting);
        let now = waiting(from);
        if now > 0.0 { 1.0 - waiting(to) / now } else { 1.0 }
    }
}

/// How much more or less often than others the conversions of a source are won.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chances {
    /// Of all: the chance that a new conversion is won, and the variance of its logarithm.
    all: (f64, f64),
    /// Variance of the ratio of a source's chance to that of all.
    between: f64,
}

/// Sources that the weak prior of the variance between sources counts for, each of so many expected
/// wins; and what it says.
const FIRST_SOURCES: (f64, f64) = (2.0, 36.0);
const FIRST_BETWEEN: f64 = 0.1;

impl Chances {
    /// Compares sources: wins of each, and those expected by now if all were alike.
    ///
    /// Wins are Poisson with a gamma ratio, whose variance is found by moments from the excess over
    /// the Poisson one (Clayton and Kaldor 1987), near a weak prior.
    pub fn of(all: f64, seen: &[(f64, f64)]) -> Self {
        let wins: f64 = seen.iter().map(|one| one.0).sum();
        let expected: f64 = seen.iter().map(|one| one.1).sum();
        let ratio = if expected > 0.0 { wins / expected } else { 1.0 };
        let (n, square) = FIRST_SOURCES;
        let (mut excess, mut squares) = (n * square * FIRST_BETWEEN, n * square);
        for (wins, expected) in seen {
            let expected = expected * ratio;
            // A source of hundreds is no more than one source.
            let weight = 1.0 / (1.0 + expected * expected / (square * square)).sqrt();
            excess += weight * ((wins - expected).powi(2) - expected);
            squares += weight * expected * expected;
        }
        Self {
            all: (all, (1.0 - all.min(0.9)) / wins.max(1.0)),
            between: (excess / squares).clamp(0.01, 0.5),
        }
    }

    /// The chance of winning of one source, near that of all: wins against those expected by now,
    /// with as many of both added as sources are alike. The chance, and the variance of its
    /// logarithm.
    pub fn of_one(&self, wins: f64, expected: f64) -> (f64, f64) {
        let steady = 1.0 / self.between;
        let ratio = (wins + steady) / (expected + steady);
        ((self.all.0 * ratio).min(0.98), 1.0 / (wins + steady) + self.all.1)
    }
}

/// Mean amounts of sources, near that of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Amounts {
    /// The mean of all.
    pub mean: f64,
    /// Squared coefficient of variation.
    pub spread: f64,
    /// For each source its mean, and the variance of its logarithm.
    pub sources: Vec<(f64, f64)>,
}

/// Returns the mean amount of each of `n` sources from amounts with the place of their source.
///
/// Logarithms are normal within a source and between them, variances by moments (`DerSimonian` and
/// Laird 1986); how far a source's logarithms lie from those of all moves its mean. `None` without
/// amounts.
pub fn amounts(amounts: &[(usize, f64)], n: usize) -> Option<Amounts> {
    let good = || amounts.iter().filter(|(_, amount)| *amount > 0.0);
    let count = good().count() as f64;
    if count < 1.0 {
        return None;
    }
    let mean = good().map(|one| one.1).sum::<f64>() / count;
    let variance = good().map(|one| (one.1 - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let ln_mean = good().map(|one| one.1.ln()).sum::<f64>() / count;
    let mut own = vec![(0.0_f64, 0.0_f64); n];
    for (source, amount) in good() {
        if let Some(own) = own.get_mut(*source) {
            own.0 += 1.0;
            own.1 += amount.ln();
        }
    }
    let middle = |source: usize| own.get(source).map_or(ln_mean, |own| own.1 / own.0.max(1.0));
    let within = good().map(|(s, amount)| (amount.ln() - middle(*s)).powi(2)).sum::<f64>();
    let some = own.iter().filter(|own| own.0 > 0.0).count() as f64;
    // Few amounts leave the variance open; a factor of two either way is usual for deals.
    let within = (within + 3.0 * 0.6) / ((count - some).max(0.0) + 3.0);
    let between: f64 = own
        .iter()
        .filter(|own| own.0 > 0.0)
        .map(|own| own.0 * (own.1 / own.0 - ln_mean).powi(2))
        .sum();
    let squares: f64 = own.iter().map(|own| own.0 * own.0).sum();
    let denominator = count - squares / count;
    let between =
        if denominator > 0.0 { (between - (some - 1.0) * within) / denominator } else { 0.0 };
    let between = between.clamp(0.02, 1.0);
    // Of few amounts the sample says little of the tail: at least what their logarithms imply.
    let spread = (variance / (mean * mean)).max(within.min(2.0).exp_m1()).max(0.2);
    let sources = own
        .iter()
        .map(|(n, sum)| {
            let part = n * between / (n * between + within);
            let away = if *n > 0.0 { part * (sum / n - ln_mean) } else { 0.0 };
            (mean * away.exp(), between * (1.0 - part) + spread / count)
        })
        .collect();
    Some(Amounts { mean, spread, sources })
}

/// The bounds of the rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The return above which more money should go in.
    pub hurdle: f64,
    /// The return above which what does not pay is close enough to be mended.
    pub close: f64,
    /// Stop where the chance to get the money back is at most this.
    pub stop: f64,
    /// And the chance that the next cost pays back is at most this.
    pub no_more: f64,
    /// Keep where the chance to get the money back is at least this, scale where the chance that
    /// the next cost reaches the hurdle is.
    pub sure: f64,
    /// What has come of the expected return from which on waiting teaches little.
    pub ripe: f64,
    /// Fewer subjects than this say nothing.
    pub least: f64,
    /// Stop only where at least so many mean wins would be needed to get the money back: what one
    /// lucky win can turn is no matter of evidence.
    pub lucky: f64,
    /// Days within which the evidence must decide for a day to be named.
    pub horizon: f64,
}

impl Default for Rule {
    /// Stops at 2 % and 5 %, so that stops stay under 5 % wrong although the model is only one.
    fn default() -> Self {
        Self {
            hurdle: 1.5,
            close: 0.75,
            stop: 0.02,
            no_more: 0.05,
            sure: 0.9,
            ripe: 0.85,
            least: 10.0,
            lucky: 3.0,
            horizon: 730.0,
        }
    }
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It returns more than the hurdle: put more in.
    Scale,
    /// It pays back.
    Keep,
    /// It nearly pays back, or hangs in the balance where time will not tell.
    Fix,
    /// It does not pay back.
    Stop,
    /// The evidence does not say yet.
    TooEarly,
}

impl Verdict {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::Keep => "keep",
            Self::Fix => "fix",
            Self::Stop => "stop",
            Self::TooEarly => "too early",
        }
    }
}

/// What is believed of a return, as the rule looks at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// Chance to get the money back.
    pub pays: f64,
    /// Chance to reach the hurdle.
    pub hurdle: f64,
    /// Chance to come close.
    pub close: f64,
    /// Chance that the next cost pays back.
    pub next_pays: f64,
    /// Chance that the next cost reaches the hurdle.
    pub next_hurdle: f64,
    /// Part of the expected return that has come.
    pub come: f64,
    /// Events that are still to come, of all that are expected.
    pub to_come: f64,
    /// Mean wins that are missing to get the money back.
    pub missing: f64,
}

impl Rule {
    /// Looks at a return.
    pub fn look(&self, worth: &Worth, belief: &Belief, n_events: f64) -> Outlook {
        let come = belief.mean(|place| place.to_come) + worth.open;
        Outlook {
            pays: worth.above(belief, 1.0),
            hurdle: worth.above(belief, self.hurdle),
            close: worth.above(belief, self.close),
            next_pays: worth.next_above(belief, 1.0),
            next_hurdle: worth.next_above(belief, self.hurdle),
            come: worth.come(belief),
            to_come: come / (come + n_events).max(1e-9),
            missing: (worth.cost - worth.won).max(0.0) / worth.profit.max(1e-9),
        }
    }

    /// Decides.
    pub fn decide(&self, outlook: &Outlook, n: f64) -> Verdict {
        if n < self.least {
            return Verdict::TooEarly;
        }
        // What was and what comes next must not contradict each other.
        let even = 0.5;
        if outlook.next_hurdle >= self.sure
            && outlook.pays >= 1.0 - AGAINST
            && outlook.hurdle >= even
        {
            Verdict::Scale
        } else if outlook.pays.max(outlook.next_pays) >= self.sure
            && outlook.pays.min(outlook.next_pays) >= even
        {
            Verdict::Keep
        } else if outlook.pays <= self.stop
            && outlook.next_pays <= self.no_more
            && outlook.missing >= self.lucky
        {
            if outlook.close >= even { Verdict::Fix } else { Verdict::Stop }
        } else if outlook.to_come <= 1.0 - self.ripe {
            Verdict::Fix
        } else {
            Verdict::TooEarly
        }
    }
}

/// The chance against a verdict by a part of the subjects that all together may leave.
const AGAINST: f64 = 0.25;

impl Rule {
    /// Decides by a part of the subjects, such as the older ones, where all together are too young:
    /// what the part came to, and what all say of the next cost. All together must point the same
    /// way, else it stays too early.
    pub fn decide_by_part(&self, all: &Outlook, part: &Outlook, n: f64) -> Verdict {
        let Outlook { next_pays, next_hurdle, .. } = *all;
        let found = self.decide(&Outlook { next_pays, next_hurdle, ..*part }, n);
        let agrees = match found {
            Verdict::Stop => all.pays <= 2.0 * self.stop,
            Verdict::Scale | Verdict::Keep => all.pays >= 1.0 - AGAINST,
            Verdict::Fix | Verdict::TooEarly => true,
        };
        if agrees { found } else { Verdict::TooEarly }
    }
}

/// When the evidence is expected to be decisive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decisive {
    /// Days from now.
    pub days: f64,
    /// Part of the futures in which the rule decides by then.
    pub part: f64,
}

/// Days after which the rule is asked again, before the horizon.
const ASKED: [f64; 14] =
    [14.0, 30.0, 45.0, 60.0, 90.0, 120.0, 150.0, 180.0, 270.0, 365.0, 450.0, 540.0, 730.0, 1095.0];
const FUTURES: u64 = 60;

impl Rule {
    /// Returns the days after which it is asked again; the last one is the horizon.
    pub fn asked(&self) -> Vec<f64> {
        let before = ASKED.into_iter().filter(|days| *days < self.horizon);
        before.chain([self.horizon]).collect()
    }
}

/// What futures are drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Outset<'a> {
    /// What is known now.
    pub worth: &'a Worth,
    /// How subjects go on to convert.
    pub future: &'a Future<'a>,
    /// Events so far.
    pub n_events: f64,
    /// How conversions end, and the days that those of now have been open.
    pub ends: &'a Ends,
    /// Days that each conversion has been open that is neither won nor lost.
    pub open: &'a [f64],
    /// Who still enters.
    pub coming: Coming,
}

/// Finds the first day on which the rule decides in at least the part `wanted` of the futures; the
/// last day that is asked about where there is none.
///
/// In each future it is asked of all subjects that will have entered by then and, where that is too
/// early, of those of now alone.
pub fn decisive(rule: &Rule, outset: &Outset<'_>, wanted: f64, seed: u64) -> Decisive {
    let drawn: Vec<Drawn> = (0..FUTURES)
        .map(|at| Drawn::of(outset, &outset.coming, &mut SplitMix64::stream(seed, at)))
        .collect();
    let part = |days: f64| {
        let decided = drawn.iter().filter(|drawn| drawn.decided(rule, outset, days));
        decided.count() as f64 / drawn.len().max(1) as f64
    };
    // The more time, the more is known: halving finds the first day of enough.
    let asked = rule.asked();
    let (mut low, mut high) = (0, asked.len() - 1);
    let mut found = Decisive { days: 0.0, part: 0.0 };
    while low < high {
        let middle = usize::midpoint(low, high);
        let Some(&days) = asked.get(middle) else { break };
        let part = part(days);
        if part >= wanted {
            found = Decisive { days, part };
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    match asked.get(low) {
        Some(&days) if (found.days - days).abs() > 1e-9 => Decisive { days, part: part(days) },
        _ => found,
    }
}

/// Finds how many more subjects would let the rule decide at the horizon in the part `wanted` of
/// the futures, to a factor of two; `None` where even the last number that is tried is too small.
pub fn needed(rule: &Rule, outset: &Outset<'_>, wanted: f64, seed: u64) -> Option<f64> {
    let n = FUTURES / 3;
    [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0].into_iter().find(|more| {
        let coming = Coming { at_once: *more, ..Coming::default() };
        let decided = (0..n).filter(|at| {
            let mut random = SplitMix64::stream(seed, FUTURES + at);
            Drawn::of(outset, &coming, &mut random).decided(rule, outset, rule.horizon)
        });
        decided.count() as f64 >= wanted * n as f64
    })
}

/// One future of a program: its conversions, and how each ends.
struct Drawn {
    later: Later,
    /// How much better a win is than believed now.
    better: f64,
    luck: f64,
    deals: Vec<Conversion>,
}

/// A conversion of now or later.
struct Conversion {
    /// Days from now; nothing for one that is open now.
    begins: Option<f64>,
    /// Days that it has been open now.
    age: f64,
    /// Whether its subject is here now.
    here: bool,
    /// Luck of closing and of winning, from 0 to 1.
    closes: f64,
    wins: f64,
    /// Its amount, for each mean amount.
    amount: f64,
}

impl Drawn {
    fn of(outset: &Outset<'_>, coming: &Coming, random: &mut SplitMix64) -> Self {
        let Outset { worth, future, open, .. } = outset;
        let later = future.draw(coming, random);
        let better = (worth.unsure.sqrt() * random.normal() - 0.5 * worth.unsure).exp();
        let luck = random.normal();
        let variance = worth.spread.ln_1p();
        let begun = later.days().map(|(begins, here)| (Some(begins), 0.0, here));
        let deals = begun
            .chain(open.iter().map(|age| (None, *age, true)))
            .map(|(begins, age, here)| Conversion {
                begins,
                age,
                here,
                closes: random.uniform(),
                wins: random.uniform(),
                amount: (variance.sqrt() * random.normal() - 0.5 * variance).exp(),
            })
            .collect();
        Self { later, better, luck, deals }
    }

    /// Whether the rule decides after so many days.
    fn decided(&self, rule: &Rule, outset: &Outset<'_>, days: f64) -> bool {
        let look = |all: bool| {
            let (then, belief, n_events) = self.after(days, outset, all);
            (rule.look(&then, &belief, n_events), then.n)
        };
        let (all, n) = look(true);
        if rule.decide(&all, n) != Verdict::TooEarly {
            return true;
        }
        if n < rule.least || self.later.entered(days) <= 0.0 {
            return false;
        }
        let (part, n) = look(false);
        rule.decide_by_part(&all, &part, n) != Verdict::TooEarly
    }

    /// What is known and believed after so many days of all subjects, or of those of now, and how
    /// many conversions there are then.
    fn after(&self, days: f64, outset: &Outset<'_>, all: bool) -> (Worth, Belief, f64) {
        let Outset { worth, future, ends, .. } = outset;
        let belief = future.believed(&self.later, days, all);
        let (mut won, mut still, mut n_won, mut came) = (0.0, 0.0, 0.0_f64, 0.0);
        // Half of the luck lies in the chance, half in the amounts.
        let half = self.better.sqrt();
        let those = self.deals.iter().filter(|deal| all || deal.here);
        for deal in those.filter(|deal| deal.begins.is_none_or(|on| on <= days)) {
            came += if deal.begins.is_some() { 1.0 } else { 0.0 };
            // What takes longer to convert takes longer to close.
            let gone = (days - deal.begins.unwrap_or(0.0)) / self.later.slower;
            let old = deal.age + gone;
            if deal.closes > ends.closed(deal.age, old) {
                still += ends.left(old);
            } else if deal.wins < worth.chance * ends.left(deal.age) * half {
                won += worth.profit * half * deal.amount;
                n_won += 1.0;
            }
        }
        // What the wins teach of chance and amount.
        let noise = (1.0 + worth.spread) / n_won.max(1e-9);
        let part = if worth.unsure > 0.0 { worth.unsure / (worth.unsure + noise) } else { 0.0 };
        let moved = part * (self.better.ln() + self.luck * noise.sqrt().min(3.0));
        let more = if all { self.later.entered(days) } else { 0.0 };
        let then = Worth {
            cost: worth.cost * (1.0 + more / worth.n.max(1.0)),
            n: worth.n + more,
            won: worth.won + won,
            open: still,
            profit: worth.profit * moved.exp(),
            unsure: worth.unsure * (1.0 - part),
            ..**worth
        };
        (then, belief, outset.n_events + came)
    }
}

/// A change of a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first part after the change.
    pub at: usize,
    /// Events for each expected one before it.
    pub before: f64,
    /// Events for each expected one from it on.
    pub after: f64,
    /// How likely so large a change somewhere is without any.
    pub p: f64,
}

/// Finds where a rate changed most, in parts that follow each other with events and those expected
/// without a change (by time at risk, so that young parts are not taken as bad ones).
///
/// The likelihood ratio of two Poisson rates at each cut; the chance by Bonferroni over the cuts,
/// which errs to the careful side (Hinkley 1970; Worsley 1983). `None` with fewer than two parts or
/// no event.
pub fn change(events: &[f64], expected: &[f64]) -> Option<Change> {
    let (all, all_expected) = (events.iter().sum::<f64>(), expected.iter().sum::<f64>());
    if all <= 0.0 || all_expected <= 0.0 || events.len() < 2 {
        return None;
    }
    let (mut k, mut e) = (0.0, 0.0);
    let (mut best, mut n_cuts) = (None::<(f64, Change)>, 0.0);
    for (at, (own, own_expected)) in events.iter().zip(expected).enumerate() {
        let (rest, rest_expected) = (all - k, all_expected - e);
        if at > 0 && e > 0.0 && rest_expected > 0.0 {
            n_cuts += 1.0;
            let term = |k: f64, e: f64| {
                if k > 0.0 { k * (k * all_expected / (e * all)).ln() } else { 0.0 }
            };
            let ratio = 2.0 * (term(k, e) + term(rest, rest_expected));
            if best.is_none_or(|(most, _)| ratio > most) {
                let (before, after) = (k / e, rest / rest_expected);
                best = Some((ratio, Change { at, before, after, p: 1.0 }));
            }
        }
        k += own;
        e += own_expected;
    }
    let (ratio, found) = best?;
    Some(Change { p: (n_cuts * chi_square_tail(ratio.max(0.0), 1.0)).min(1.0), ..found })
}

#[cfg(test)]
mod tests;
