//! A build: from the facts as of a snapshot and a day to the tables that relations are made of.
//!
//! Everything that does not depend on the currency asked for is computed here once: who is who,
//! which channel a touch has, which touches a deal has, its source, its stage. Amounts stay native
//! with the day of their rate. The facts are read in any order; the tables come out in the order of
//! their keys, so that the same facts give the same bytes. No clock, no environment, no randomness.

pub(crate) mod activity;
pub mod caveats;
mod changes;
mod channels;
mod days;
mod deals;
pub mod facts;
mod identity;
mod journeys;
mod leads;
mod money;
pub(crate) mod more;
mod names;
mod notes;
mod plan;
mod programs;
mod qualification;
mod spend;
mod tables;
mod touches;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::{Definitions, Frame};
use jiff::civil::Date;

pub use caveats::BuildSummary;
pub use facts::{Facts, LakeFacts, MemoryFacts};
pub use touches::TouchCounts;

pub(crate) use channels::{Channel, Channels, Look, side_text};
pub(crate) use days::{Days, PeriodNames, date, instant, number};
pub(crate) use facts::Batch;
pub(crate) use money::Rates;
pub(crate) use names::NONE;
pub(crate) use programs::Programs;
pub(crate) use tables::{FRAMES, Tables, hop};
pub(crate) use touches::{COLUMNS as TOUCH_COLUMNS, Classes as TouchClasses, InvalidStatuses};

use crate::error::LakeError;
use crate::relation::Built;

/// What is to be built.
pub struct BuildRequest<'a> {
    /// The last day whose facts count.
    pub as_of: Date,
    /// What the words mean.
    pub definitions: &'a Arc<Definitions>,
    /// Is told the stage, and how many of how many rows are done.
    pub progress: &'a mut dyn FnMut(&str, u64, u64),
}

/// Builds the tables behind all relations.
pub fn build(facts: Arc<dyn Facts>, request: BuildRequest<'_>) -> Result<Built, LakeError> {
    let BuildRequest { as_of, definitions, progress } = request;
    let days = Days::new(definitions.calendar(), as_of);
    let as_of_number = number(as_of);
    let end = days.end(as_of_number);
    let mut channels = Channels::new(Arc::clone(definitions));
    progress("rates", 0, 1);
    let (rates, n_future_rates) = Rates::read(&*facts, definitions, as_of_number)?;
    progress("people", 0, 1);
    let mut identity = identity::read(&*facts, definitions, end)?;
    progress("programs", 0, 1);
    let mut programs = Programs::read(&*facts, &mut channels, end, as_of_number)?;
    let spends = spend::read(&*facts, definitions, &programs, &mut channels, &days, as_of)?;
    progress("deals", 0, 1);
    let deals = deals::read(&*facts, definitions, &days, as_of, &mut identity)?;
    let lead_stages = leads::read(&*facts, definitions, &days, end, &identity, &deals)?;

    let first_until: Vec<i64> = identity
        .people
        .iter()
        .map(|person| person.created.map_or(i64::MAX, |at| days.end(days.day(at) + 1)))
        .collect();
    let mut gathered = touches::Gathered::default();
    let mut against = touches::Against {
        identity: &mut identity,
        programs: &mut programs,
        channels: &mut channels,
        days: &days,
        responses_only: definitions.attribution.responses_only,
        invalid: touches::InvalidStatuses::new(definitions),
        end,
        first_until: &first_until,
    };
    let total = match facts.files("touch")? {
        Some(files) => files.iter().map(|file| file.n_rows).sum(),
        None => 0,
    };
    gathered.read(&*facts, &mut against, total, progress)?;
    let kinds = gathered.settle(&mut programs);
    gathered.store.finish(identity.accounts.len())?;

    progress("journeys", 0, 1);
    let made = tables::Making {
        definitions,
        days: &days,
        as_of,
        end,
        identity: &identity,
        programs: &programs,
        deals: &deals,
        spends: &spends,
        gathered: &gathered,
        kinds: &kinds,
        rates: &rates,
        n_future_rates,
        plan: plan::read(&*facts, definitions, &programs, as_of)?,
        lead_stages,
    };
    let tables = made.tables(&mut channels)?;
    progress("journeys", 1, 1);
    Ok(Built::new(facts, Arc::clone(definitions), as_of, tables))
}

/// Makes a frame; the columns are of one length by construction.
pub(crate) fn frame(columns: Vec<(&str, domain::Column)>) -> Result<Frame, LakeError> {
    Ok(Frame::new(columns)?)
}
