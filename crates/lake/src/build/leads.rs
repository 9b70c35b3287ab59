//! Stages of leads: when each person entered a stage for the first time.
//!
//! What the source recorded counts. What it did not record follows from other facts: a person is an
//! inquiry from its creation, a sales qualified lead from its conversion, an opportunity from the
//! creation of a deal that it is on and that counts as pipeline, and won from the close of such a
//! deal. The first of all days is that of the stage.

use domain::definition::{LeadStage, State};
use domain::{Column, Definitions, Frame};

use super::days::{self, Day, Days, Micros};
use super::deals::Deals;
use super::facts::{Batch, Facts};
use super::identity::Identity;
use crate::error::LakeError;

/// When a stage was entered: the day, and false where the source recorded it.
type Entry = Option<(Day, bool)>;

/// The first entries of a person, in the order of [`LeadStage::ALL`].
type Entries = [Entry; LeadStage::ALL.len()];

/// The table, and whether something lies after the as-of day.
pub(crate) struct LeadStages {
    pub(crate) frame: Frame,
    pub(crate) later: bool,
}

fn enter(entries: &mut Entries, stage: LeadStage, day: Day, derived: bool) {
    if let Some(entry) = entries.get_mut(stage as usize)
        && entry.is_none_or(|known| (day, derived) < known)
    {
        *entry = Some((day, derived));
    }
}

/// Makes the table of all people, in their order.
pub(crate) fn read(
    source: &dyn Facts,
    definitions: &Definitions,
    days: &Days,
    end: Micros,
    identity: &Identity,
    deals: &Deals,
) -> Result<LeadStages, LakeError> {
    let mut all: Vec<Entries> = vec![[None; LeadStage::ALL.len()]; identity.people.len()];
    let mut later = false;
    source.scan("lifecycle_event", &["person_id", "stage", "at"], &mut |batch| {
        let view = Batch(&batch);
        let (people, words, instants) = (view.texts(0), view.texts(1), view.instants(2));
        for row in 0..batch.num_rows() {
            let (Some(id), Some(word), Some(at)) =
                (Batch::text(people, row), Batch::text(words, row), Batch::instant(instants, row))
            else {
                continue;
            };
            if at > end {
                later = true;
                continue;
            }
            if let Some(stage) = definitions.leads.stage(word)
                && let Some(code) = identity.person_codes.get(id)
                && let Some(entries) = all.get_mut(*code as usize)
            {
                enter(entries, stage, days.day(at), false);
            }
        }
        Ok(())
    })?;
    for (person, entries) in identity.people.iter().zip(&mut all) {
        if let Some(at) = person.created {
            enter(entries, LeadStage::Inquiry, days.day(at), true);
        }
        if let Some(at) = person.converted_at {
            enter(entries, LeadStage::Sql, days.day(at), true);
        }
    }
    for deal in deals.rows.iter().filter(|deal| definitions.counts(deal.kind.as_deref())) {
        for person in &deal.people {
            let created = identity.people.get(*person as usize).and_then(|person| person.created);
            let Some(entries) = all.get_mut(*person as usize) else { continue };
            let known_from = created.map_or(Day::MIN, |at| days.day(at));
            enter(entries, LeadStage::Opportunity, days.day(deal.created).max(known_from), true);
            if let (State::Won, Some(day)) = (deal.state, deal.closed_on) {
                enter(entries, LeadStage::Won, days::number(day).max(known_from), true);
            }
        }
    }
    Ok(LeadStages { frame: frame(&all)?, later })
}

fn frame(all: &[Entries]) -> Result<Frame, LakeError> {
    let (mut leads, mut stages, mut indices) = (Vec::new(), Vec::new(), Vec::new());
    let (mut entered, mut left, mut how) = (Vec::new(), Vec::new(), Vec::new());
    for (person, entries) in (0_i64..).zip(all) {
        for (place, (stage, entry)) in LeadStage::ALL.iter().zip(entries).enumerate() {
            let Some((day, derived)) = *entry else { continue };
            let higher = entries.iter().skip(place + 1).flatten();
            let left_on = higher.map(|(other, _)| *other).filter(|other| *other >= day).min();
            leads.push(Some(person));
            stages.push(Some(stage.id().into()));
            indices.push(Some(stage.index()));
            entered.push(Some(days::date(day)));
            left.push(left_on.map(days::date));
            how.push(Some(if derived { "derived" } else { "record" }.into()));
        }
    }
    super::frame(vec![
        ("_lead", Column::Integer(leads)),
        ("stage", Column::Text(stages)),
        ("stage_index", Column::Integer(indices)),
        ("entered_on", Column::Day(entered)),
        ("left_on", Column::Day(left)),
        ("how", Column::Text(how)),
    ])
}
