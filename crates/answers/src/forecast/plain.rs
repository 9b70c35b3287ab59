//! The plain ways to forecast, beside which the model stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Definitions;

use super::model::Span;
use super::record::{Record, Seen, day, number};

/// What the plain ways say of a period, in minor units.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    /// Booked so far, and each open deal planned to close by the end times the chance of its stage.
    pub(crate) stage_weighted: f64,
    /// Booked so far, and the open deals that their owners commit to close by the end.
    pub(crate) commit: f64,
    /// True where any deal has a forecast category.
    pub(crate) committed: bool,
    /// What was booked in the same period a year ago.
    pub(crate) year_ago: Option<f64>,
    /// The same, times how the two quarters before compare with theirs a year before.
    pub(crate) year_ratio: Option<f64>,
    /// Commit and stage-weighted way by owner.
    pub(crate) owners: BTreeMap<Option<Arc<str>>, Owner>,
}

/// What an owner says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owner {
    pub(crate) so_far: f64,
    pub(crate) commit: f64,
    pub(crate) stage_weighted: f64,
}

/// True where the owner of an open deal says that it will close.
pub(crate) fn commits(seen: &Seen) -> bool {
    let category = seen.category().map(str::to_lowercase);
    category.is_some_and(|category| category.contains("commit") || category == "closed")
}

/// Chances of stages by definition.
pub(crate) fn chances(definitions: &Definitions) -> BTreeMap<Arc<str>, f64> {
    let chance = |stage: &domain::definition::Stage| {
        let share = domain::Value::Decimal(stage.probability?).number()?;
        Some((Arc::clone(&stage.id), share))
    };
    definitions.stages.iter().filter_map(chance).collect()
}

impl Plain {
    /// Finds what they say as of the day of the span.
    pub(crate) fn of(record: &Record, chances: &BTreeMap<Arc<str>, f64>, span: Span) -> Self {
        let mut plain = Self::default();
        for seen in record.all(span.on) {
            let owner = plain.owners.entry(seen.at.owner.clone()).or_default();
            let amount = seen.amount.unwrap_or(0.0);
            plain.committed |= seen.category().is_some();
            let within = |close: i64| span.from <= close && close <= span.to;
            if seen.won() && seen.close.is_some_and(within) {
                owner.so_far += amount;
                owner.commit += amount;
                owner.stage_weighted += amount;
                plain.stage_weighted += amount;
                plain.commit += amount;
            } else if seen.open() && seen.close.is_some_and(|close| close <= span.to) {
                let chance = seen.at.stage.as_ref().and_then(|stage| chances.get(stage));
                let weighted = amount * chance.copied().unwrap_or(0.0);
                owner.stage_weighted += weighted;
                plain.stage_weighted += weighted;
                if commits(&seen) {
                    owner.commit += amount;
                    plain.commit += amount;
                }
            }
        }
        let back = |at: i64| number(day(at).saturating_sub(jiff::ToSpan::year(1)));
        let begin = record.begin().unwrap_or(i64::MAX);
        let (from, to) = (back(span.from), back(span.to));
        let booked = |from: i64, to: i64| record.booked(from, to, span.on);
        if begin <= from && to < span.on {
            let same = booked(from, to);
            plain.year_ago = Some(same);
            let (last, before) = (span.from.min(span.on + 1) - 182, span.from.min(span.on + 1) - 1);
            let then = booked(back(last), back(before));
            if begin <= back(last) && then > 0.0 {
                plain.year_ratio = Some(same * booked(last, before) / then);
            }
        }
        plain
    }
}
