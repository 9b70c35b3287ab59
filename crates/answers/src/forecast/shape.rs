//! What the model is told of a deal: the columns, in blocks.
//!
//! A deal is looked at on some day (a *landmark*; van Houwelingen 2007) and followed from there, so
//! that the chance of a win within weeks follows from what is known on that day, without a model of
//! how stages follow each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use stats::hazard::{Block, Prior};

use super::record::{Deal, Record, Seen, day, number};

/// The last days of a fiscal quarter, in which deals are pushed over the line.
const RUSH_DAYS: i64 = 10;

/// Where the planned close day lies, seen from a step.
const CLOSES: usize = 7;

/// Blocks of columns.
pub(crate) const BLOCKS: usize = 10;

/// What people call them.
pub(crate) const BLOCK_NAMES: [&str; BLOCKS] = [
    "the level",
    "age, amount and pushes",
    "its stage",
    "its forecast category",
    "its planned close day",
    "its segment",
    "its source",
    "its owner",
    "its kind",
    "the quarter",
];

/// A block of levels: the values of a text, the missing one among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Levels {
    places: BTreeMap<Option<Arc<str>>, usize>,
}

impl Levels {
    fn of<'a>(values: impl Iterator<Item = Option<&'a Arc<str>>>) -> Self {
        let mut places = BTreeMap::new();
        for value in values {
            places.entry(value.cloned()).or_insert(0);
        }
        places.entry(None).or_insert(0);
        for (place, at) in places.values_mut().zip(0..) {
            *place = at;
        }
        Self { places }
    }

    fn at(&self, value: Option<&Arc<str>>) -> usize {
        let known = self.places.get(&value.cloned()).or_else(|| self.places.get(&None));
        known.copied().unwrap_or(0)
    }

    pub(crate) fn n(&self) -> usize {
        self.places.len()
    }
}

/// The columns and where they begin.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    stages: Levels,
    categories: Levels,
    segments: Levels,
    sources: Levels,
    owners: Levels,
    kinds: Levels,
    /// Fiscal quarter of each day from `first` on, and days of rush up to its end.
    quarters: Vec<usize>,
    rush: Vec<f64>,
    first: i64,
    n_stages: f64,
    amount_middle: f64,
    starts: [usize; BLOCKS],
    blocks: Vec<Block>,
}

/// Numbers of a deal that have an effect of their own.
const NUMBERS: usize = 8;

impl Shape {
    /// Finds the levels among some views of deals, for days from `first` to `last`.
    pub(crate) fn of(record: &Record, views: &[&Seen], first: i64, last: i64) -> Self {
        let deals = || views.iter().filter_map(|view| record.deals.get(view.deal));
        let mut amounts: Vec<f64> = views.iter().filter_map(|view| view.amount).collect();
        amounts.retain(|amount| *amount > 0.0);
        amounts.sort_unstable_by(f64::total_cmp);
        let amount_middle = amounts.get(amounts.len() / 2).copied().unwrap_or(1.0).ln();
        let (mut quarters, mut rush) = (Vec::new(), vec![0.0]);
        let mut quarter = record.calendar.quarter_of(day(first));
        let (mut at, mut sum) = (0, 0.0);
        for number_of_day in first..=last {
            let today = day(number_of_day);
            if today > quarter.to {
                quarter = record.calendar.quarter_of(today);
                at += 1;
            }
            quarters.push(at);
            sum += f64::from(u8::from(number(quarter.to) - number_of_day < RUSH_DAYS));
            rush.push(sum);
        }
        let indexes = views.iter().filter_map(|view| view.at.stage_index);
        let n_stages = indexes.max().unwrap_or(1).max(2) as f64;
        let mut shape = Self {
            stages: Levels::of(views.iter().map(|view| view.at.stage.as_ref())),
            categories: Levels::of(views.iter().map(|view| view.at.forecast_category.as_ref())),
            segments: Levels::of(deals().map(|deal| deal.segment.as_ref())),
            sources: Levels::of(deals().map(|deal| deal.source.as_ref())),
            owners: Levels::of(views.iter().map(|view| view.at.owner.as_ref())),
            kinds: Levels::of(deals().map(|deal| deal.kind.as_ref())),
            quarters,
            rush,
            first,
            n_stages,
            amount_middle,
            starts: [0; BLOCKS],
            blocks: Vec::new(),
        };
        let sizes = [
            (1, Prior::Sd(10.0)),
            (NUMBERS, Prior::Sd(0.7)),
            (shape.stages.n(), Prior::Estimated),
            (shape.categories.n(), Prior::Estimated),
            (CLOSES, Prior::Estimated),
            (shape.segments.n(), Prior::Estimated),
            (shape.sources.n(), Prior::Estimated),
            (shape.owners.n(), Prior::Estimated),
            (shape.kinds.n(), Prior::Estimated),
            (at + 1, Prior::Estimated),
        ];
        let mut start = 0;
        for ((n_columns, prior), place) in sizes.into_iter().zip(&mut shape.starts) {
            *place = start;
            start += n_columns;
            shape.blocks.push(Block { n_columns, prior });
        }
        shape
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Columns that hold for a deal as it was seen on a day.
    pub(crate) fn fixed(&self, deal: &Deal, seen: &Seen, on: i64) -> Vec<(usize, f64)> {
        let [one, numbers, stages, categories, _, segments, sources, owners, kinds, _] =
            self.starts;
        // Logs of days around a month, so that columns are of one size and near zero.
        let days = |days: i64| ((days.max(0) as f64 + 3.0) / 33.0).ln() * 0.5;
        let since = seen.at.stage_since.map_or(deal.created, number);
        let amount = seen.amount.filter(|amount| *amount > 0.0);
        let amount = amount.map_or(0.0, |amount| (amount.ln() - self.amount_middle) * 0.5);
        let overdue = seen.close.map_or(0, |close| on - close).clamp(0, 365);
        vec![
            (one, 1.0),
            (numbers, days(on - deal.created)),
            (numbers + 1, days(on - since)),
            (numbers + 2, amount.clamp(-3.0, 3.0)),
            (numbers + 3, f64::from(seen.at.n_pushes.min(20)).ln_1p()),
            (numbers + 4, (overdue as f64 / 30.0).ln_1p()),
            (stages + self.stages.at(seen.at.stage.as_ref()), 1.0),
            (categories + self.categories.at(seen.at.forecast_category.as_ref()), 1.0),
            (segments + self.segments.at(deal.segment.as_ref()), 1.0),
            (sources + self.sources.at(deal.source.as_ref()), 1.0),
            (owners + self.owners.at(seen.at.owner.as_ref()), 1.0),
            (kinds + self.kinds.at(deal.kind.as_ref()), 1.0),
        ]
    }

    /// Columns of a step that follows it: the days after `from`, up to `to`.
    pub(crate) fn step(&self, seen: &Seen, on: i64, from: i64, to: i64) -> Vec<(usize, f64)> {
        let [_, numbers, _, _, closes, _, _, _, _, quarters] = self.starts;
        let middle = 0.5 * (from + to) as f64 - on as f64;
        let time = ((middle + 7.0) / 37.0).ln();
        // Late stages do not wait: what is near winning wins soon or not at all.
        let stage = seen.at.stage_index.map_or(0.0, |index| index as f64 / self.n_stages - 0.5);
        let close = match seen.close {
            None => 0,
            Some(close) if close <= on => 1,
            Some(close) if close <= from => 2,
            Some(close) if close <= to => 3,
            Some(close) if close <= to + 30 => 4,
            Some(close) if close <= to + 90 => 5,
            Some(_) => 6,
        };
        let place = |day: i64| usize::try_from(day - self.first).unwrap_or(0);
        let half = place(from + (to - from + 1) / 2);
        let quarter = self.quarters.get(half).or(self.quarters.last()).copied().unwrap_or(0);
        vec![
            (numbers + 5, time),
            (numbers + 6, stage * time),
            (numbers + 7, self.rush(from, to)),
            (closes + close, 1.0),
            (quarters + quarter, 1.0),
        ]
    }

    /// The share of a step that lies in the last days of a fiscal quarter.
    fn rush(&self, from: i64, to: i64) -> f64 {
        let place = |day: i64| usize::try_from(day - self.first).unwrap_or(0);
        let sum = |day: i64| self.rush.get(place(day)).or(self.rush.last()).copied().unwrap_or(0.0);
        (sum(to + 1) - sum(from + 1)) / (to - from).max(1) as f64
    }

    /// What each block adds to the sum of a row.
    pub(crate) fn parts<'a>(
        &self,
        row: impl Iterator<Item = &'a (usize, f64)>,
        effects: &[f64],
    ) -> [f64; BLOCKS] {
        let mut parts = [0.0; BLOCKS];
        for (column, value) in row {
            let block = self.starts.partition_point(|start| start <= column).saturating_sub(1);
            if let (Some(part), Some(effect)) = (parts.get_mut(block), effects.get(*column)) {
                *part += value * effect;
            }
        }
        parts
    }

    /// The sources, with the place of each deal's.
    pub(crate) fn source(&self, deal: &Deal) -> usize {
        self.sources.at(deal.source.as_ref())
    }

    pub(crate) fn n_sources(&self) -> usize {
        self.sources.n()
    }

    pub(crate) fn source_names(&self) -> Vec<Option<Arc<str>>> {
        self.sources.places.keys().cloned().collect()
    }
}
