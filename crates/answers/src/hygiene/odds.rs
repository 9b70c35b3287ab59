//! How likely is an open deal to be won soon? Told from the deals of past days.
//!
//! A case is a deal that was open on a past day, with what was known on that day; it counts as won
//! where it was won within the horizon. Only days so long ago that all of them are decided are
//! looked at, so nothing is censored. Logistic regression with a ridge, brought to what happened
//! by a map that was fitted on deals that the model had not seen ([`stats::calibration`]).

use std::collections::{HashMap, HashSet};

use domain::definition::State;
use domain::{Definitions, Money};
use jiff::civil::Date;
use stats::calibration::{self, Map};
use stats::interval::quantile_sorted;
use stats::logistic::{self, Logistic};
use stats::multiple::{Method, adjusted};
use stats::rule::{self, Case, Lift};

use super::signs::{Held, Record, SIGNS, cell, days_between, later};
use crate::history::Snapshot;

/// Deals won, and deals not won, from which a model is fitted.
pub(crate) const FLOOR: usize = 20;
/// Cases beyond which days are left out.
const MOST_CASES: usize = 40_000;
/// Days between two looks.
const STEP: i32 = 30;
const RIDGE: f64 = 4.0;
const FOLDS: u32 = 4;
/// Share of false discoveries among the signs that are said to tell something.
const FALSE_SIGNS: f64 = 0.1;
pub(crate) const LEVEL: f64 = 0.95;

/// A deal on a day.
pub(crate) struct Look {
    pub(crate) deal: usize,
    pub(crate) day: Date,
    pub(crate) stage: i64,
    pub(crate) held: Held,
    pub(crate) known: Snapshot,
    pub(crate) won: bool,
    features: Vec<f64>,
}

/// What the past says.
pub(crate) struct Odds {
    /// Days within which a deal must be won to count.
    pub(crate) horizon: i32,
    /// Deals looked at, those of them that were won, and those that were not.
    pub(crate) n_deals: usize,
    pub(crate) n_won: usize,
    pub(crate) n_not: usize,
    pub(crate) days: usize,
    /// For each sign what it is worth.
    pub(crate) lifts: Vec<Lift>,
    /// For each sign whether it tells something.
    pub(crate) tells: Vec<bool>,
    model: Option<(Logistic, Map)>,
    /// Won and looked at, by stage.
    stages: Vec<(f64, f64)>,
    /// How much further totals lay from what was expected than independent deals would.
    spread: f64,
}

/// Days until nine of ten deals that were won were won: what "soon" means here.
fn horizon(record: &Record<'_>, until: Date) -> i32 {
    let deals = record.deals;
    let mut cycles: Vec<f64> = (0..deals.n_rows())
        .filter(|row| cell(deals.booleans("won"), *row) == Some(&true))
        .filter_map(|row| {
            let closed = cell(deals.days("closed_on"), row).filter(|day| **day <= until)?;
            let created = cell(deals.days("created_on"), row)?;
            Some(f64::from(days_between(*created, *closed).max(0)))
        })
        .collect();
    cycles.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a year before")]
    let days = quantile_sorted(&cycles, 0.9).unwrap_or(90.0).clamp(30.0, 365.0).round() as i32;
    days
}

/// Looks at the deals that were open on a day.
pub(crate) fn looks(record: &Record<'_>, day: Date, horizon: i32, n_stages: usize) -> Vec<Look> {
    let open = record.open_on(day);
    let twice = record.twice(&open);
    let mut looks = Vec::with_capacity(open.len());
    for (deal, known) in open {
        let held = record.held(deal, day, &known, &twice);
        let won = record
            .history
            .turns(deal, day, later(day, horizon))
            .last()
            .is_some_and(|(_, state)| *state == State::Won);
        let created = cell(record.deals.days("created_on"), deal).copied().unwrap_or(day);
        let stage = known.stage_index.unwrap_or(0);
        let since = known.stage_since.unwrap_or(created);
        let amount = known.amount.map_or(0.0, |amount| (amount.minor.max(0) as f64).ln_1p());
        let mut features = vec![
            f64::from(days_between(created, day).max(0)).ln_1p(),
            f64::from(days_between(since, day).max(0)).ln_1p(),
            f64::from(known.n_pushes.min(6)),
            known
                .close_on
                .map_or(0.0, |close| f64::from(days_between(day, close).clamp(-180, 365)) / 30.0),
            amount,
            if known.amount.is_some() { 1.0 } else { 0.0 },
        ];
        for index in 2..=i64::try_from(n_stages).unwrap_or(0) {
            features.push(if stage >= index { 1.0 } else { 0.0 });
        }
        for (sign, held) in SIGNS.iter().zip(&held) {
            if !sign.of_today {
                features.push(if *held == Some(true) { 1.0 } else { 0.0 });
            }
        }
        looks.push(Look { deal, day, stage, held, known, won, features });
    }
    looks
}

impl Odds {
    /// Learns from what was known at the end of a day and nothing later.
    pub(crate) fn learned(record: &Record<'_>, until: Date, definitions: &Definitions) -> Self {
        let horizon = horizon(record, until);
        let n_stages = definitions.stages.iter().filter(|s| s.state == State::Open).count();
        let first = record.deals.days("created_on").iter().flatten().min().copied();
        let mut days = Vec::new();
        let mut day = later(until, -horizon);
        while first.is_some_and(|first| day > later(first, STEP)) && days.len() < 36 {
            days.push(day);
            day = later(day, -STEP);
        }
        let mut cases: Vec<Look> = Vec::new();
        let mut used = 0;
        for day in days {
            let mut found = looks(record, day, horizon, n_stages);
            // A deal without a recorded past would be judged by what is known of it now.
            found.retain(|look| look.known.recorded);
            if cases.len() + found.len() > MOST_CASES {
                break;
            }
            used += usize::from(!found.is_empty());
            cases.extend(found);
        }
        Self::of(record, cases, horizon, used, n_stages)
    }

    fn of(
        record: &Record<'_>,
        mut cases: Vec<Look>,
        horizon: i32,
        days: usize,
        n_stages: usize,
    ) -> Self {
        // In one order, so that the order of the rows changes no bit.
        cases.sort_by(|a, b| {
            (a.day, record.history.id(a.deal)).cmp(&(b.day, record.history.id(b.deal)))
        });
        let mut won: Vec<usize> = cases.iter().filter(|c| c.won).map(|c| c.deal).collect();
        let mut not: Vec<usize> = cases.iter().filter(|c| !c.won).map(|c| c.deal).collect();
        for deals in [&mut won, &mut not] {
            deals.sort_unstable();
            deals.dedup();
        }
        let mut all: Vec<usize> = cases.iter().map(|c| c.deal).collect();
        all.sort_unstable();
        all.dedup();
        all.sort_by_key(|deal| record.history.id(*deal));
        // Numbered by their identifiers, which no order of rows changes.
        let subjects: HashMap<usize, u32> = all.iter().copied().zip(0..).collect();
        let mut stages = vec![(0.0, 0.0); n_stages + 1];
        for case in &cases {
            let at = usize::try_from(case.stage).unwrap_or(0);
            if let Some(slot) = stages.get_mut(at) {
                slot.0 += if case.won { 1.0 } else { 0.0 };
                slot.1 += 1.0;
            }
        }
        let lifts: Vec<Lift> = (0..SIGNS.len()).map(|sign| lift(&cases, &subjects, sign)).collect();
        let p: Vec<f64> = lifts.iter().map(|lift| lift.p.unwrap_or(1.0)).collect();
        let p = adjusted(&p, Method::BenjaminiHochberg).unwrap_or(p);
        let tells = lifts
            .iter()
            .zip(&p)
            .map(|(lift, p)| *p <= FALSE_SIGNS && lift.ratio.is_some_and(|ratio| ratio.low > 1.0))
            .collect();
        let mut odds = Self {
            horizon,
            n_deals: all.len(),
            n_won: won.len(),
            n_not: not.len(),
            days,
            lifts,
            tells,
            model: None,
            stages,
            spread: 1.0,
        };
        if won.len() >= FLOOR && not.len() >= FLOOR {
            odds.fit(&cases, &subjects);
        }
        odds
    }

    fn fit(&mut self, cases: &[Look], subjects: &HashMap<usize, u32>) {
        let width = cases.first().map_or(0, |case| case.features.len());
        let fold = |case: &Look| subjects.get(&case.deal).map_or(0, |subject| subject % FOLDS);
        let part = |keep: &dyn Fn(&Look) -> bool| {
            let (mut features, mut won) = (Vec::new(), Vec::new());
            for case in cases.iter().filter(|case| keep(case)) {
                features.extend_from_slice(&case.features);
                won.push(case.won);
            }
            logistic::fit(&features, width, &won, RIDGE)
        };
        let models: Vec<Option<Logistic>> =
            (0..FOLDS).map(|out| part(&|case| fold(case) != out)).collect();
        // Said of each case by a model that has not seen its deal.
        let (mut said, mut happened) = (Vec::new(), Vec::new());
        for case in cases {
            let model = usize::try_from(fold(case)).ok().and_then(|at| models.get(at));
            let Some(Some(model)) = model else { return };
            said.push(model.probability(&case.features));
            happened.push(case.won);
        }
        let map = calibration::fit(&said, &happened);
        self.model = part(&|_| true).zip(map);
        let Some((_, map)) = &self.model else { return };
        let (mut square, mut variance) = (0.0, 0.0);
        let mut at = 0;
        while let Some(first) = cases.get(at) {
            let (mut off, mut spread) = (0.0, 0.0);
            while let Some(case) = cases.get(at).filter(|case| case.day == first.day) {
                let p = said.get(at).map_or(0.0, |p| map.at(*p));
                let amount = case.known.amount.map_or(0.0, |money| money.minor as f64);
                off += amount * (if case.won { 1.0 } else { 0.0 } - p);
                spread += amount * amount * p * (1.0 - p);
                at += 1;
            }
            square += off * off;
            variance += spread;
        }
        if variance > 0.0 {
            self.spread = (square / variance).max(1.0);
        }
    }

    /// True where there were enough deals for a model.
    pub(crate) fn fitted(&self) -> bool {
        self.model.is_some()
    }

    /// Returns the chance of a deal to be won within the horizon, where there is a model.
    pub(crate) fn chance(&self, look: &Look) -> Option<f64> {
        let (model, map) = self.model.as_ref()?;
        Some(map.at(model.probability(&look.features)))
    }

    /// Returns the share of the deals in a stage that were won within the horizon.
    pub(crate) fn usual(&self, stage: i64) -> Option<f64> {
        let at = usize::try_from(stage).ok()?;
        let (won, n) = self.stages.get(at)?;
        (*n > 0.0).then(|| (won + 0.5) / (n + 1.0))
    }

    /// Returns the standard deviation of what is won of deals as (amount, chance).
    pub(crate) fn deviation(&self, deals: impl Iterator<Item = (f64, f64)>) -> f64 {
        (self.spread * deals.map(|(amount, p)| amount * amount * p * (1.0 - p)).sum::<f64>()).sqrt()
    }
}

/// What a sign was worth: on past days where it was known then, else on the closed deals.
fn lift(cases: &[Look], subjects: &HashMap<usize, u32>, sign: usize) -> Lift {
    let of_today = SIGNS.get(sign).is_some_and(|sign| sign.of_today);
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for case in cases {
        let Some(Some(flagged)) = case.held.get(sign) else { continue };
        if of_today && !seen.insert(case.deal) {
            continue;
        }
        found.push(Case {
            flagged: *flagged,
            happened: !case.won,
            stratum: u32::try_from(case.stage).unwrap_or(0),
            subject: subjects.get(&case.deal).copied().unwrap_or(0),
        });
    }
    rule::lift(&found, LEVEL)
}

/// Makes minor units a money, rounded to a whole one.
pub(crate) fn money(minor: f64, currency: domain::Currency) -> Money {
    #[expect(clippy::cast_possible_truncation, reason = "sums of amounts that fit")]
    Money::from_minor(minor.round() as i64, currency)
}
