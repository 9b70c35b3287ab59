//! How deals came to be what they are: the changes of their fields, up to the as-of day.
//!
//! A source may report a change twice, as a snapshot and as a change of a field: what sets a field
//! to what it is already is no change. A snapshot says what a field is, not what it was: its old
//! value is what was said last before it, in whatever file or load. Each deal begins with its
//! creation, which says what it was then as far as that is on record: what was set within a day of
//! the creation where nothing was before, else the old value of the first change. A deal without
//! any record of its past has only its creation, with what it is now, and that is marked.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use domain::definition::State;
use domain::{Column, Definitions, Frame, Money};
use jiff::civil::Date;

use super::days::{self, DAY_MICROS, Days, Micros};
use super::deals::{Deal, Stages, native};
use super::facts::{Batch, Facts};
use crate::error::LakeError;

/// A field whose changes are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Field {
    Created,
    Stage,
    Amount,
    CloseOn,
    Owner,
    ForecastCategory,
}

const FIELDS: [Field; 6] = [
    Field::Created,
    Field::Stage,
    Field::Amount,
    Field::CloseOn,
    Field::Owner,
    Field::ForecastCategory,
];

impl Field {
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Stage => "stage",
            Self::Amount => "amount",
            Self::CloseOn => "close_on",
            Self::Owner => "owner",
            Self::ForecastCategory => "forecast_category",
        }
    }
}

type Text = Option<Arc<str>>;

/// A change as the source reports it. Changes of one instant are in order of their sequence.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Event {
    at: Micros,
    /// The creation comes before whatever else happened in its instant.
    later: bool,
    sequence: Option<Box<str>>,
    field: Field,
    new: Text,
    old: Text,
    actor: Text,
}

/// What is on record of the past of a deal.
#[derive(Clone, Default, Debug)]
pub(crate) struct History {
    /// Up to the end of the as-of day, in order.
    events: Vec<Event>,
    /// For each field the first change after it.
    after: [Option<Event>; FIELDS.len()],
    /// Fields of which all that was said up to then is that they were empty.
    empty: [bool; FIELDS.len()],
}

impl History {
    fn add(&mut self, event: Event, end: Micros) {
        if event.at <= end {
            self.events.push(event);
        } else if let Some(first) = self.after.get_mut(event.field as usize)
            && first.as_ref().is_none_or(|first| event < *first)
        {
            *first = Some(event);
        }
    }

    /// Brings the events into order, gives those that only say what a field is its old value, and
    /// drops what says nothing new.
    fn settle(&mut self) {
        self.events.sort();
        let mut said: [Option<Text>; FIELDS.len()] = Default::default();
        self.events.retain_mut(|event| {
            let Some(last) = said.get_mut(event.field as usize) else { return true };
            if event.old.is_none() && event.field != Field::Created {
                match last {
                    Some(last) if *last == event.new => return false,
                    Some(last) => event.old.clone_from(last),
                    None if event.new.is_none() => {
                        if let Some(empty) = self.empty.get_mut(event.field as usize) {
                            *empty = true;
                        }
                        return false;
                    }
                    None => {}
                }
            }
            *last = Some(event.new.clone());
            true
        });
        self.events.shrink_to_fit();
    }

    /// The value of a field at the end of the as-of day, where a later change makes the present one
    /// too new; empty where the field was.
    pub(crate) fn earlier(&self, field: Field) -> Option<&str> {
        let after = self.after.get(field as usize)?.as_ref()?;
        match self.events.iter().rfind(|event| event.field == field) {
            Some(before) => Some(before.new.as_deref().unwrap_or("")),
            None if self.empty.get(field as usize) == Some(&true) => Some(""),
            None => after.old.as_deref(),
        }
    }

    /// Returns the highest open stage, 1 for the first, and when a closed stage was entered last.
    pub(crate) fn reached(&self, stages: &mut Stages<'_>) -> (Option<usize>, Option<Micros>) {
        let (mut reached, mut closed_at) = (None, None);
        let mut present = None;
        for event in self.events.iter().filter(|event| event.field == Field::Stage) {
            for text in [&event.old, &event.new].into_iter().flatten() {
                let stage = stages.find(text);
                reached = reached.max(stages.height(stage));
            }
            let stage = event.new.as_deref().and_then(|text| stages.find(text));
            let entered = present != Some(stage);
            if entered && stage.is_some_and(|stage| stages.state(stage) != State::Open) {
                closed_at = Some(event.at);
            }
            present = Some(stage);
        }
        (reached, closed_at)
    }
}

/// Reads the changes of all deals, by the identifier of the deal.
pub(crate) fn histories(
    source: &dyn Facts,
    end: Micros,
    n_future: &mut u64,
) -> Result<BTreeMap<Box<str>, History>, LakeError> {
    let columns = ["opportunity_id", "field", "old", "new", "at", "sequence", "actor"];
    let mut found: BTreeMap<Box<str>, History> = BTreeMap::new();
    // Stages, owners and categories repeat.
    let mut shared: HashSet<Arc<str>> = HashSet::new();
    source.scan("opportunity_event", &columns, &mut |batch| {
        let view = Batch(&batch);
        let [ids, fields, olds, news] = [0, 1, 2, 3].map(|column| view.texts(column));
        let (instants, sequences, actors) = (view.instants(4), view.texts(5), view.texts(6));
        let mut share = |text: Option<&str>| -> Text {
            let text = text?;
            if let Some(known) = shared.get(text) {
                return Some(Arc::clone(known));
            }
            let made: Arc<str> = text.into();
            shared.insert(Arc::clone(&made));
            Some(made)
        };
        for row in 0..batch.num_rows() {
            let (Some(id), Some(name), Some(at)) =
                (Batch::text(ids, row), Batch::text(fields, row), Batch::instant(instants, row))
            else {
                continue;
            };
            if at > end {
                *n_future += 1;
            }
            let Some(field) = FIELDS.into_iter().find(|field| field.id() == name) else { continue };
            if !found.contains_key(id) {
                found.insert(id.into(), History::default());
            }
            let Some(past) = found.get_mut(id) else { continue };
            let event = Event {
                at,
                later: field != Field::Created,
                sequence: Batch::text(sequences, row).map(Box::from),
                field,
                new: share(Batch::text(news, row)),
                old: share(Batch::text(olds, row)),
                actor: share(Batch::text(actors, row)),
            };
            past.add(event, end);
        }
        Ok(())
    })?;
    for past in found.values_mut() {
        past.settle();
    }
    Ok(found)
}

/// What a field was or became; a text that cannot be read has no value.
#[derive(Clone, PartialEq, Debug)]
enum Value {
    None,
    /// Identifier by definition, else the text of the source.
    Stage(Arc<str>, Option<usize>),
    Amount(Money),
    Day(Date),
    Text(Arc<str>),
}

/// A change of a deal.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Place of the deal.
    deal: usize,
    position: usize,
    field: Field,
    old: Text,
    new: Text,
    /// Stages before and after, with their places in the definitions.
    stages: [Option<(Arc<str>, Option<usize>)>; 2],
    amounts: [Option<Money>; 2],
    close_days: [Option<Date>; 2],
    at: Micros,
    actor: Text,
    derived: bool,
}

/// Reads the values of one deal.
struct Reader<'a, 'b> {
    deal: &'a Deal,
    stages: &'a mut Stages<'b>,
}

impl Reader<'_, '_> {
    fn value(&mut self, field: Field, text: Option<&str>) -> Value {
        let Some(text) = text else { return Value::None };
        match field {
            Field::Stage => {
                let stage = self.stages.find(text);
                let id = stage.and_then(|stage| self.stages.id(stage));
                Value::Stage(id.unwrap_or_else(|| text.into()), stage)
            }
            Field::Amount => {
                let currency = self.deal.currency;
                let money = native(text.trim().parse().ok(), currency);
                money.map_or(Value::None, Value::Amount)
            }
            Field::CloseOn => {
                let day = text.get(..10).and_then(|text| text.parse().ok());
                day.map_or(Value::None, Value::Day)
            }
            _ => Value::Text(text.into()),
        }
    }
}

impl Change {
    fn set(&mut self, side: usize, value: Value) {
        match value {
            Value::Stage(id, stage) => put(&mut self.stages, side, (id, stage)),
            Value::Amount(money) => put(&mut self.amounts, side, money),
            Value::Day(day) => put(&mut self.close_days, side, day),
            Value::None | Value::Text(_) => {}
        }
    }
}

fn put<T>(sides: &mut [Option<T>; 2], side: usize, value: T) {
    if let Some(slot) = sides.get_mut(side) {
        *slot = Some(value);
    }
}

/// Finds the changes of a deal, and what follows from them for the deal itself.
pub(crate) fn of(
    deal: &mut Deal,
    place: usize,
    past: Option<&History>,
    stages: &mut Stages<'_>,
    days: &Days,
) -> Vec<Change> {
    let events = past.map_or(&[][..], |past| &past.events);
    let known_later = past.is_some_and(|past| past.after.iter().any(Option::is_some));
    let derived = events.is_empty() && !known_later;
    let entered = events.iter().find(|event| event.field == Field::Created);
    let mut creation = Change {
        deal: place,
        position: 1,
        field: Field::Created,
        old: None,
        new: None,
        stages: [None, None],
        amounts: [None, None],
        close_days: [None, None],
        at: entered.map_or(deal.created, |event| event.at),
        actor: entered.and_then(|event| event.actor.clone()),
        derived,
    };
    let mut reader = Reader { deal, stages };
    let mut changes = Vec::new();
    let mut present: [Option<Value>; FIELDS.len()] = Default::default();
    for event in events.iter().filter(|event| event.field != Field::Created) {
        let new = reader.value(event.field, event.new.as_deref());
        let Some(known) = present.get_mut(event.field as usize) else { continue };
        if known.as_ref() == Some(&new) {
            continue;
        }
        let first = known.is_none();
        *known = Some(new.clone());
        let old = reader.value(event.field, event.old.as_deref());
        if first && old == Value::None && event.at <= creation.at.saturating_add(DAY_MICROS) {
            creation.set(1, new);
            creation.actor = creation.actor.or_else(|| event.actor.clone());
            continue;
        }
        if first {
            creation.set(1, old.clone());
        }
        if old == new {
            continue;
        }
        let mut change = Change {
            deal: place,
            position: 0,
            field: event.field,
            old: event.old.clone(),
            new: event.new.clone(),
            stages: [None, None],
            amounts: [None, None],
            close_days: [None, None],
            at: event.at,
            actor: event.actor.clone(),
            derived: false,
        };
        change.set(0, old);
        change.set(1, new);
        changes.push(change);
    }
    let last_move = changes.iter().rfind(|change| change.field == Field::Stage);
    let last_move = last_move.map(|change| (change.stages[1].clone(), change.at));
    let text = deal.stage_text.clone();
    let now = text.map(|text| match reader.value(Field::Stage, Some(&text)) {
        Value::Stage(id, stage) => (id, stage),
        _ => (text, None),
    });
    let day = |at: Micros| days::date(days.day(at));
    let since = match (&last_move, derived) {
        (Some((last, at)), _) => Some(day(*at)).filter(|_| *last == now),
        (None, true) => deal.closed_on,
        (None, false) => Some(day(deal.created)),
    };
    if derived {
        creation.stages[1] = now;
        creation.amounts[1] = deal.amount;
        creation.close_days[1] = deal.close_on;
    } else if last_move.is_none() && deal.state == State::Open {
        creation.stages[1] = now;
    }
    let later = |change: &&Change| match change.close_days {
        [Some(old), Some(new)] => change.field == Field::CloseOn && new > old,
        _ => false,
    };
    deal.pushes = changes.iter().filter(later).count();
    deal.stage_since = since;
    let before = changes.partition_point(|change| change.at < creation.at);
    changes.insert(before, creation);
    for (change, position) in changes.iter_mut().zip(1..) {
        change.position = position;
    }
    changes
}

/// Makes the table of changes.
pub(crate) fn frame(
    changes: &[Change],
    definitions: &Definitions,
    days: &Days,
) -> Result<Frame, LakeError> {
    let stages = Stages::new(definitions);
    let text = |of: &dyn Fn(&Change) -> Text| Column::Text(changes.iter().map(of).collect());
    let whole = |of: &dyn Fn(&Change) -> Option<usize>| {
        Column::Integer(changes.iter().map(|c| of(c).and_then(|n| i64::try_from(n).ok())).collect())
    };
    let stage = |change: &Change, side: usize| change.stages.get(side).cloned().flatten();
    let index = |change: &Change, side: usize| stages.height(stage(change, side)?.1);
    let state = |change: &Change| {
        let (_, stage) = stage(change, 1)?;
        Some(stage.map_or(State::Open, |stage| stages.state(stage)).id().into())
    };
    let day = |at: Micros| Some(days::date(days.day(at)));
    super::frame(vec![
        ("_deal", whole(&|change| Some(change.deal))),
        ("position", whole(&|change| Some(change.position))),
        ("field", text(&|change| Some(change.field.id().into()))),
        ("old", text(&|change| change.old.clone())),
        ("new", text(&|change| change.new.clone())),
        ("stage_old", text(&|change| stage(change, 0).map(|(id, _)| id))),
        ("stage_new", text(&|change| stage(change, 1).map(|(id, _)| id))),
        ("index_old", whole(&|change| index(change, 0))),
        ("index_new", whole(&|change| index(change, 1))),
        ("state_new", text(&state)),
        ("_amount_old", Column::Money(changes.iter().map(|c| c.amounts[0]).collect())),
        ("_amount_new", Column::Money(changes.iter().map(|c| c.amounts[1]).collect())),
        ("day_old", Column::Day(changes.iter().map(|c| c.close_days[0]).collect())),
        ("day_new", Column::Day(changes.iter().map(|c| c.close_days[1]).collect())),
        ("at", Column::Instant(changes.iter().map(|c| Some(days::instant(c.at))).collect())),
        ("day", Column::Day(changes.iter().map(|c| day(c.at)).collect())),
        ("actor", text(&|change| change.actor.clone())),
        ("derived", Column::Boolean(changes.iter().map(|c| Some(c.derived)).collect())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was said of the amount at some instants, known as of instant 20.
    fn history(said: &[(Micros, Option<&str>)]) -> History {
        let mut past = History::default();
        for (at, new) in said {
            let (new, old, actor) = (new.map(Arc::from), None, None);
            let (field, sequence, later) = (Field::Amount, None, true);
            past.add(Event { at: *at, later, sequence, field, new, old, actor }, 20);
        }
        past.settle();
        past
    }

    #[test]
    fn what_a_field_was_is_what_was_said_of_it_by_then() {
        // Empty by then, and filled later: the present value is too new.
        assert_eq!(history(&[(10, None), (30, Some("500"))]).earlier(Field::Amount), Some(""));
        assert_eq!(history(&[(10, Some("7")), (30, None)]).earlier(Field::Amount), Some("7"));
        // Nothing was said by then, or nothing later: the present value is what is known.
        assert_eq!(history(&[(30, Some("500"))]).earlier(Field::Amount), None);
        assert_eq!(history(&[(10, None)]).earlier(Field::Amount), None);
    }

    #[test]
    fn what_is_said_again_is_no_change_and_what_is_new_has_its_old_value() {
        let past = history(&[(9, Some("7")), (2, None), (5, Some("7")), (3, Some("4")), (4, None)]);
        let told: Vec<_> = past
            .events
            .iter()
            .map(|event| (event.at, event.old.as_deref(), event.new.as_deref()))
            .collect();
        assert_eq!(told, [(3, None, Some("4")), (4, Some("4"), None), (5, None, Some("7"))]);
    }
}
