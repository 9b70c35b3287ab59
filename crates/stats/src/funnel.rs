//! How cases go from stage to stage, where some are still on their way.
//!
//! "Converted ÷ entered" counts a case that entered yesterday as one that failed. Here each case
//! waits in a stage until it goes on, leaves, or is still waiting when it was last seen; the share
//! that goes on within a number of days is then an estimate over all cases that were watched so
//! long (Kaplan and Meier 1958; leaving rules going on out, so by Aalen and Johansen 1978; Putter,
//! Fiocco and Geskus 2007). When a case entered and how long it may take are two things: the first
//! chooses the cases, the second is the horizon.
//!
//! Days are those of the cases that go on within the horizon, also freed of the bias that only fast
//! ones have been seen so far; their limits are percentiles of resampled cases (Efron 1979).

#![expect(clippy::indexing_slicing, reason = "stages are checked against their number at the door")]

use crate::interval::{self, Interval, wilson};
use crate::random::SplitMix64;
use crate::special::normal_cdf;
use crate::survival::curve::{kaplan_meier, z_of};
use crate::survival::incidence::aalen_johansen;
use crate::survival::{Observed, Table};

/// Fewest cases still at risk at a horizon that is not given: beyond, one case would be a tenth.
const AT_RISK: u64 = 10;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It goes on.
    Passed,
    /// It left for good.
    Left,
    /// It was still waiting when last seen.
    Waiting,
}

/// One case in one stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wait {
    /// Days from entering to its end, or to when it was last seen.
    pub days: f64,
    /// How it ended.
    pub end: End,
}

/// What is computed of waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Within {
    /// The days within which cases may go on; without one, as long as ten cases are watched.
    pub horizon: Option<f64>,
    /// The level of all intervals.
    pub level: f64,
    /// How often cases are drawn anew for the limits of days; none for no limits.
    pub replicates: u32,
    /// The seed of the draws.
    pub seed: u64,
}

impl Default for Within {
    fn default() -> Self {
        Self { horizon: None, level: 0.95, replicates: 200, seed: 1 }
    }
}

/// A number of days with limits, where there are any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Days {
    /// The days.
    pub point: f64,
    /// Limits.
    pub limits: Option<(f64, f64)>,
}

/// How cases go on from one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Cases that entered.
    pub n: u64,
    /// Those that went on, whenever.
    pub passed: u64,
    /// Those that left.
    pub left: u64,
    /// Those that still wait.
    pub waiting: u64,
    /// The days within which the share is meant; missing without cases.
    pub horizon: Option<f64>,
    /// Cases whose end within the horizon is known: they ended by then or were watched so long.
    pub mature: u64,
    /// The longest that any case was watched.
    pub watched: f64,
    /// The share that goes on within the horizon.
    pub share: Option<Interval>,
    /// Median days of those that go on within the horizon.
    pub median: Option<Days>,
    /// Days by which nine of ten of those have gone on.
    pub p90: Option<Days>,
    /// Median days of those that have gone on by now; too short while others are on their way.
    pub passed_median: Option<f64>,
    /// Days within which nine of ten of those went on.
    pub passed_p90: Option<f64>,
}

/// Computes how cases go on. Waits with days that are negative or no number are left out.
pub fn transition(waits: &[Wait], within: &Within) -> Transition {
    let mut sorted: Vec<Wait> =
        waits.iter().copied().filter(|wait| wait.days >= 0.0 && wait.days.is_finite()).collect();
    // At one time ends come before what is only last seen then.
    sorted.sort_by(|a, b| {
        let seen = |wait: &Wait| (wait.end == End::Waiting, wait.end == End::Left);
        a.days.total_cmp(&b.days).then(seen(a).cmp(&seen(b)))
    });
    let count = |end: End| sorted.iter().filter(|wait| wait.end == end).count() as u64;
    let n = sorted.len() as u64;
    let mut days: Vec<f64> =
        sorted.iter().filter(|wait| wait.end == End::Passed).map(|wait| wait.days).collect();
    let horizon = horizon(&sorted, within.horizon);
    let mut found = Transition {
        n,
        passed: count(End::Passed),
        left: count(End::Left),
        waiting: count(End::Waiting),
        horizon,
        mature: 0,
        watched: sorted.last().map_or(0.0, |wait| wait.days),
        share: None,
        median: None,
        p90: None,
        passed_median: interval::quantile_sorted(&days, 0.5),
        passed_p90: interval::quantile_sorted(&days, 0.9),
    };
    let Some(horizon) = horizon else { return found };
    let known = |wait: &&Wait| wait.end != End::Waiting || wait.days >= horizon;
    let mature: Vec<&Wait> = sorted.iter().filter(known).collect();
    found.mature = mature.len() as u64;
    let by_then = |wait: &&&Wait| wait.end == End::Passed && wait.days <= horizon;
    let went = mature.iter().filter(by_then).count() as u64;
    found.share = if found.mature == n {
        wilson(went, n, within.level)
    } else {
        share(&sorted, horizon, within.level).or_else(|| wilson(went, found.mature, within.level))
    };
    days.retain(|days| *days <= horizon);
    if days.is_empty() {
        return found;
    }
    let whole = vec![1; sorted.len()];
    let point = |p: f64| quantile(&sorted, &whole, horizon, p);
    let (median, p90) = (point(0.5), point(0.9));
    let mut drawn: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    let enough = days.len() >= 6;
    for replicate in 0..if enough { within.replicates } else { 0 } {
        let mut random = SplitMix64::stream(within.seed, u64::from(replicate));
        let mut weights = vec![0_u32; sorted.len()];
        for _ in 0..sorted.len() {
            let at = usize::try_from(random.below(n)).unwrap_or(0);
            weights[at] += 1;
        }
        for (drawn, p) in drawn.iter_mut().zip([0.5, 0.9]) {
            drawn.extend(quantile(&sorted, &weights, horizon, p));
        }
    }
    let tail = 0.5 * (1.0 - within.level);
    let limits = |drawn: &mut Vec<f64>, point: f64| {
        drawn.sort_unstable_by(f64::total_cmp);
        let low = interval::quantile_sorted(drawn, tail)?;
        let high = interval::quantile_sorted(drawn, 1.0 - tail)?;
        Some((low.min(point), high.max(point)))
    };
    let [medians, ninetieths] = &mut drawn;
    found.median = median.map(|point| Days { point, limits: limits(medians, point) });
    found.p90 = p90.map(|point| Days { point, limits: limits(ninetieths, point) });
    found
}

/// The horizon: as given, else the longest at which enough are at risk, or all have ended.
fn horizon(sorted: &[Wait], given: Option<f64>) -> Option<f64> {
    let last = sorted.last()?;
    if let Some(given) = given {
        return Some(given);
    }
    if sorted.iter().all(|wait| wait.end != End::Waiting) {
        return Some(last.days);
    }
    let enough = usize::try_from(AT_RISK).unwrap_or(usize::MAX).min(sorted.len());
    sorted.get(sorted.len() - enough).map(|wait| wait.days)
}

/// The share that has gone on by the horizon, where it is neither none nor all.
fn share(sorted: &[Wait], horizon: f64, level: f64) -> Option<Interval> {
    let time: Vec<f64> = sorted.iter().map(|wait| wait.days).collect();
    let cause: Vec<u16> = sorted
        .iter()
        .map(|wait| match wait.end {
            End::Passed => 1,
            End::Left => 2,
            End::Waiting => 0,
        })
        .collect();
    let table = Table::of(&Observed { time: &time, cause: &cause, entry: &[] }).ok()?;
    let found = aalen_johansen(&table, 1).at(horizon, level);
    (found.point > 0.0 && found.point < 1.0).then_some(found)
}

/// The days by which a part of those that go on within the horizon have gone on; cases by weight.
fn quantile(sorted: &[Wait], weights: &[u32], horizon: f64, p: f64) -> Option<f64> {
    let mut at_risk: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let (mut waiting, mut gone) = (1.0, 0.0);
    let mut steps: Vec<(f64, f64)> = Vec::new();
    let mut at = 0;
    while at < sorted.len() && sorted[at].days <= horizon {
        let days = sorted[at].days;
        let (mut passed, mut ended, mut seen) = (0.0, 0.0, 0.0);
        while at < sorted.len() && sorted[at].days <= days {
            let weight = f64::from(weights[at]);
            match sorted[at].end {
                End::Passed => (passed, ended) = (passed + weight, ended + weight),
                End::Left => ended += weight,
                End::Waiting => {}
            }
            seen += weight;
            at += 1;
        }
        if passed > 0.0 {
            gone += waiting * passed / at_risk;
            steps.push((days, gone));
        }
        if ended > 0.0 {
            waiting *= 1.0 - ended / at_risk;
        }
        at_risk -= seen;
    }
    let last = steps.last()?.1;
    steps.iter().find(|(_, gone)| *gone >= (p - 1e-12) * last).map(|(days, _)| *days)
}

/// The chance of shares as far apart as these two, were both cohorts alike: the pooled test of two
/// proportions, where a cohort with cases on their way weighs as many as would give its error.
/// `None` where a share is missing or both are none or all.
pub fn difference(a: &Transition, b: &Transition, level: f64) -> Option<f64> {
    let width = 2.0 * z_of(level);
    let weight = |of: &Transition, share: Interval| {
        let spread = share.point * (1.0 - share.point);
        if of.mature == of.n || spread <= 0.0 {
            return of.mature as f64;
        }
        spread / ((share.high - share.low) / width).powi(2)
    };
    let shares = (a.share?, b.share?);
    let (n, m) = (weight(a, shares.0), weight(b, shares.1));
    let pooled = (shares.0.point * n + shares.1.point * m) / (n + m);
    let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    (error > 0.0).then(|| 2.0 * normal_cdf(-((shares.0.point - shares.1.point) / error).abs()))
}

/// Cases of one kind with and without something.
#[derive(Debug, Clone, PartialEq)]
pub struct Stratum {
    /// Cases with it.
    pub with: Vec<Wait>,
    /// Cases without it.
    pub without: Vec<Wait>,
}

/// How much longer cases with something wait than the same kind of cases without it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Longer {
    /// Days longer, up to `until`; negative where they wait less.
    pub days: Interval,
    /// Up to which day waits are counted.
    pub until: f64,
    /// Strata that had enough of both.
    pub strata: u64,
    /// Cases with it in those strata.
    pub with: u64,
    /// Cases without it.
    pub without: u64,
}

/// Compares mean waits until either end, counted up to a day (restricted means; Royston and Parmar
/// 2013), within strata, and averages over the strata by their number of cases (direct
/// standardization). Strata with fewer than `least` cases on a side are left out.
pub fn longer(strata: &[Stratum], until: f64, least: usize, level: f64) -> Option<Longer> {
    let z = z_of(level);
    let mean = |waits: &[Wait]| {
        let time: Vec<f64> = waits.iter().map(|wait| wait.days).collect();
        let cause: Vec<u16> =
            waits.iter().map(|wait| u16::from(wait.end != End::Waiting)).collect();
        let table = Table::of(&Observed { time: &time, cause: &cause, entry: &[] }).ok()?;
        let found = kaplan_meier(&table).restricted_mean(until, level);
        Some((found.point, ((found.high - found.low) / (2.0 * z)).powi(2)))
    };
    let (mut total, mut days, mut variance) = (0.0, 0.0, 0.0);
    let mut found = Longer {
        days: Interval { point: 0.0, low: 0.0, high: 0.0 },
        until,
        strata: 0,
        with: 0,
        without: 0,
    };
    for Stratum { with, without } in strata {
        if with.len() < least || without.len() < least {
            continue;
        }
        let (Some((a, va)), Some((b, vb))) = (mean(with), mean(without)) else { continue };
        let weight = (with.len() + without.len()) as f64;
        total += weight;
        days += weight * (a - b);
        variance += weight * weight * (va + vb);
        found.strata += 1;
        found.with += with.len() as u64;
        found.without += without.len() as u64;
    }
    if total <= 0.0 {
        return None;
    }
    let (point, half) = (days / total, z * variance.sqrt() / total);
    found.days = Interval { point, low: point - half, high: point + half };
    Some(found)
}

/// Which cases count as having been in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Those that entered it, after all stages before it.
    Strict,
    /// Those that entered it or any later one: a stage that was skipped was passed.
    Any,
}

impl Rule {
    /// Returns the word used in files.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Any => "any",
        }
    }
}

/// A case entered a stage, or left for good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// The case.
    pub case: u32,
    /// The stage, from 0; none where the case left.
    pub stage: Option<u16>,
    /// When, in days since any day.
    pub time: f64,
}

/// What is asked of a log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// The number of stages.
    pub stages: u16,
    /// Until when the cases were watched: what is later is left out.
    pub now: f64,
    /// Which cases count.
    pub rule: Rule,
    /// Only cases that entered their first stage between these times, both included.
    pub entered: Option<(f64, f64)>,
    /// What is computed of each step.
    pub within: Within,
}

/// A stage and how cases go on from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Cases that count as having been in it.
    pub entered: u64,
    /// Cases that were in a later stage and never in this one.
    pub skipped: u64,
    /// Times that a case came back to it from a later stage.
    pub returned: u64,
    /// How cases go on from it to the next stage; nothing for the last one.
    pub onward: Option<Transition>,
}

/// A log of stages, counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Funnel {
    /// Cases that were counted.
    pub n: u64,
    /// The stages, in their order.
    pub stages: Vec<Stage>,
    /// From the first stage to the last.
    pub whole: Transition,
    /// Moves that jumped over a stage.
    pub skips: u64,
    /// Moves back to an earlier stage.
    pub backward: u64,
    /// Entries later than `now`, or of a stage that there is not.
    pub left_out: u64,
}

/// Counts a log; the order of its rows does not matter.
pub fn funnel(log: &[Entry], question: &Question) -> Funnel {
    let stages = usize::from(question.stages);
    let fits = |entry: &&Entry| {
        entry.time <= question.now && entry.stage.is_none_or(|stage| stage < question.stages)
    };
    let mut known: Vec<Entry> = log.iter().filter(fits).copied().collect();
    let left_out = (log.len() - known.len()) as u64;
    known.sort_by(|a, b| {
        // At one time: earlier stages first, leaving last.
        let place = |entry: &Entry| entry.stage.map_or(u16::MAX, |stage| stage);
        (a.case.cmp(&b.case)).then(a.time.total_cmp(&b.time)).then(place(a).cmp(&place(b)))
    });
    let mut found = Funnel {
        n: 0,
        stages: (0..stages)
            .map(|_| Stage { entered: 0, skipped: 0, returned: 0, onward: None })
            .collect(),
        whole: transition(&[], &question.within),
        skips: 0,
        backward: 0,
        left_out,
    };
    let mut waits: Vec<Vec<Wait>> = vec![Vec::new(); stages];
    let mut whole = Vec::new();
    for case in known.chunk_by(|a, b| a.case == b.case) {
        let Some(passage) = Passage::of(case, question) else { continue };
        found.n += 1;
        passage.count(case, question.rule, &mut found);
        for (stage, wait) in passage.waits(question.now) {
            waits[stage].push(wait);
        }
        whole.extend(passage.whole(question.now));
    }
    let last = stages.saturating_sub(1);
    for (stage, waits) in waits.iter().enumerate() {
        found.stages[stage].onward = (stage < last).then(|| transition(waits, &question.within));
    }
    found.whole = transition(&whole, &question.within);
    found
}

/// When a case first counted in each stage, and when it left.
struct Passage {
    first: Vec<Option<f64>>,
    /// Under the strict rule: when it jumped over the next stage, without coming back to it.
    jumped: Vec<Option<f64>>,
    left: Option<f64>,
}

impl Passage {
    /// Nothing where the case entered outside of the time asked for, or no stage at all.
    fn of(case: &[Entry], question: &Question) -> Option<Self> {
        let mut first: Vec<Option<f64>> = vec![None; usize::from(question.stages)];
        let mut jumped = first.clone();
        let entries = case.iter().filter_map(|entry| Some((entry.stage?, entry.time)));
        for (stage, time) in entries.clone() {
            match question.rule {
                Rule::Strict => {
                    let stage = usize::from(stage);
                    let ready = stage == 0 || first[stage - 1].is_some();
                    if ready {
                        first[stage].get_or_insert(time);
                    }
                    for before in 0..stage.saturating_sub(1) {
                        if first[before].is_some() {
                            jumped[before].get_or_insert(time);
                        }
                    }
                }
                Rule::Any => {
                    for place in &mut first[..=usize::from(stage)] {
                        place.get_or_insert(time);
                    }
                }
            }
        }
        let begun = entries.map(|(_, time)| time).next()?;
        if question.entered.is_some_and(|(from, to)| begun < from || begun > to) {
            return None;
        }
        // A case that left and came back has not left, unless it left once more.
        let last = case.last()?;
        let left = last.stage.is_none().then_some(last.time);
        Some(Self { first, jumped, left })
    }

    fn count(&self, case: &[Entry], rule: Rule, found: &mut Funnel) {
        let stages: Vec<usize> =
            case.iter().filter_map(|entry| entry.stage).map(usize::from).collect();
        let highest = stages.iter().copied().max().unwrap_or(0);
        let counted = |stage: usize| match rule {
            Rule::Any => stage <= highest,
            Rule::Strict => self.first[stage].is_some(),
        };
        for stage in 0..found.stages.len() {
            found.stages[stage].entered += u64::from(counted(stage));
            found.stages[stage].skipped += u64::from(stage < highest && !stages.contains(&stage));
        }
        let mut seen = None;
        for &stage in &stages {
            match seen {
                // The first stage of all is where a case begins.
                None => found.skips += u64::from(stage > 0),
                Some(before) if stage > before + 1 => found.skips += 1,
                Some(before) if stage < before => {
                    found.backward += 1;
                    found.stages[stage].returned += 1;
                }
                Some(_) => {}
            }
            seen = Some(stage);
        }
    }

    fn wait(&self, from: f64, to: Option<f64>, jumped: Option<f64>, now: f64) -> Wait {
        let gone = jumped.into_iter().chain(self.left).fold(f64::INFINITY, f64::min);
        match to {
            Some(to) => Wait { days: to - from, end: End::Passed },
            None if gone.is_finite() => Wait { days: (gone - from).max(0.0), end: End::Left },
            None => Wait { days: now - from, end: End::Waiting },
        }
    }

    fn waits(&self, now: f64) -> impl Iterator<Item = (usize, Wait)> + '_ {
        let pairs = self.first.windows(2).zip(&self.jumped).enumerate();
        pairs.filter_map(move |(stage, (pair, jumped))| {
            Some((stage, self.wait(pair[0]?, pair[1], *jumped, now)))
        })
    }

    fn whole(&self, now: f64) -> Option<Wait> {
        let first = self.first.first().copied().flatten()?;
        // Where the way ends before the last stage, it may have ended by a jump.
        let missing = self.first.iter().position(Option::is_none);
        let jumped = missing.and_then(|stage| self.jumped.get(stage - 1)).copied().flatten();
        Some(self.wait(first, self.first.last().copied().flatten(), jumped, now))
    }
}

#[cfg(test)]
mod tests;
