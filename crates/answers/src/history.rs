//! The state of every deal as of any past day, exactly as it was known then.
//!
//! Made from the rows of `opportunities` (what is known now) and `deal_changes` (how it came to
//! that). For each field of a deal:
//!
//! - from the last recorded change on, the value of the row of now;
//! - between two changes, the `new` value of the earlier one;
//! - before the first change, what the creation says, else the `old` value of that change;
//! - without any change, the value of the row of now.
//!
//! So a later value never shows on an earlier day. A day means its end: of several changes on a day
//! the last one counts. Changes are placed on the day on which they were recorded, so a deal that
//! was closed on the 3rd with a close date of the 30th before was still open on the 1st.
//!
//! Where the source kept no history of a deal ([`Snapshot::recorded`] is false), less is known of
//! its past: before its close day it was open, in a stage that nobody wrote down and with a planned
//! close day that nobody wrote down. Only its amount is taken as it is now. A backtest that must
//! not know more than was known leaves these deals out.

use std::collections::HashMap;
use std::sync::Arc;

use domain::definition::State;
use domain::{Frame, Money};
use jiff::civil::Date;

/// The past of the deals of a frame.
#[derive(Clone, Debug)]
pub struct History {
    deals: Vec<Life>,
    place: HashMap<Arc<str>, usize>,
    /// Rows of the changes by deal, in order; deal `i` has those from `ends[i - 1]` to `ends[i]`.
    changes: Vec<usize>,
    ends: Vec<usize>,
    stages: Track<Stay>,
    amounts: Track<Option<Money>>,
    close_days: Track<Option<Date>>,
    owners: Track<Option<Arc<str>>>,
    categories: Track<Option<Arc<str>>>,
    pushes: Track<u32>,
}

/// What never changes of a deal.
#[derive(Clone, Debug)]
struct Life {
    id: Arc<str>,
    created_on: Option<Date>,
    recorded: bool,
}

/// The stage of a deal from some day on.
#[derive(Clone, PartialEq, Debug)]
struct Stay {
    stage: Option<Arc<str>>,
    index: Option<i64>,
    state: State,
    since: Option<Date>,
}

/// A deal as it was known at the end of a day.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// The stage, by definition; missing where nobody wrote it down.
    pub stage: Option<Arc<str>>,
    /// The number of the stage among the open ones, from 1; missing when closed or not known.
    pub stage_index: Option<i64>,
    /// Since when it was in that stage; the day of its close where it is closed.
    pub stage_since: Option<Date>,
    /// Open, won or lost.
    pub state: State,
    /// The amount.
    pub amount: Option<Money>,
    /// The planned close day while open, the actual one when closed.
    pub close_on: Option<Date>,
    /// The owner.
    pub owner: Option<Arc<str>>,
    /// The forecast category.
    pub forecast_category: Option<Arc<str>>,
    /// How often the planned close day had been moved later.
    pub n_pushes: u32,
    /// False where the source kept no history of this deal.
    pub recorded: bool,
}

impl History {
    /// Takes the rows of `opportunities` and of `deal_changes`. Changes of deals that are not among
    /// them are left out.
    pub fn of(opportunities: &Frame, changes: &Frame) -> Self {
        let place: HashMap<Arc<str>, usize> = (0..)
            .zip(opportunities.texts("id"))
            .filter_map(|(row, id)| Some((id.clone()?, row)))
            .collect();
        let mut by_deal: Vec<(usize, usize)> = changes
            .texts("opportunity_id")
            .iter()
            .enumerate()
            .filter_map(|(row, id)| Some((*place.get(id.as_ref()?)?, row)))
            .filter(|(_, row)| value(changes.days("day"), *row).is_some())
            .collect();
        let (at, position) = (changes.instants("at"), changes.integers("position"));
        by_deal.sort_by_key(|(deal, row)| {
            let day = value(changes.days("day"), *row);
            (*deal, day, value(at, *row), value(position, *row), *row)
        });
        let n = opportunities.n_rows();
        let mut ends = vec![0; n];
        for (deal, _) in &by_deal {
            if let Some(end) = ends.get_mut(*deal) {
                *end += 1;
            }
        }
        let mut total = 0;
        for end in &mut ends {
            total += *end;
            *end = total;
        }
        let mut history = Self {
            deals: Vec::with_capacity(n),
            place,
            changes: by_deal.into_iter().map(|(_, row)| row).collect(),
            ends,
            stages: Track::default(),
            amounts: Track::default(),
            close_days: Track::default(),
            owners: Track::default(),
            categories: Track::default(),
            pushes: Track::default(),
        };
        let source = Source::of(opportunities, changes);
        for deal in 0..n {
            let life = source.life(deal, history.changes(deal));
            let told = source.told(&life, deal, history.changes(deal));
            history.stages.push(told.stages);
            history.amounts.push(told.amounts);
            history.close_days.push(told.close_days);
            history.owners.push(told.owners);
            history.categories.push(told.categories);
            history.pushes.push(told.pushes);
            history.deals.push(life);
        }
        history
    }

    /// Returns the number of deals: one for each row of `opportunities`, in their order.
    pub fn n_deals(&self) -> usize {
        self.deals.len()
    }

    /// Returns the place of a deal among the rows of `opportunities`.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.place.get(id).copied()
    }

    /// Returns the identifier of a deal.
    pub fn id(&self, deal: usize) -> Option<&Arc<str>> {
        self.deals.get(deal).map(|life| &life.id)
    }

    /// Returns the rows of `deal_changes` that speak of a deal, in the order in which they
    /// happened.
    pub fn changes(&self, deal: usize) -> &[usize] {
        let from = deal.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let to = self.ends.get(deal).copied().unwrap_or(0);
        self.changes.get(from.unwrap_or(0)..to).unwrap_or(&[])
    }

    /// Returns a deal as it was known at the end of a day; nothing before its creation.
    pub fn on(&self, deal: usize, day: Date) -> Option<Snapshot> {
        let life = self.deals.get(deal)?;
        if life.created_on? > day {
            return None;
        }
        let stay = self.stages.at(deal, day)?;
        Some(Snapshot {
            stage: stay.stage.clone(),
            stage_index: stay.index,
            stage_since: stay.since,
            state: stay.state,
            amount: *self.amounts.at(deal, day)?,
            close_on: *self.close_days.at(deal, day)?,
            owner: self.owners.at(deal, day)?.clone(),
            forecast_category: self.categories.at(deal, day)?.clone(),
            n_pushes: *self.pushes.at(deal, day)?,
            recorded: life.recorded,
        })
    }

    /// Returns all deals that existed at the end of a day, with their places.
    pub fn all_on(&self, day: Date) -> impl Iterator<Item = (usize, Snapshot)> + '_ {
        (0..self.deals.len()).filter_map(move |deal| Some((deal, self.on(deal, day)?)))
    }

    /// Returns the days after one day and up to another on which the state of a deal changed, with
    /// the state at their end; a deal that was closed and opened again on other days shows both.
    pub fn turns(&self, deal: usize, after: Date, to: Date) -> Vec<(Date, State)> {
        let mut state = self.stages.at(deal, after).map(|stay| stay.state);
        let mut found = Vec::new();
        let steps = self.stages.steps(deal);
        for (at, (day, stay)) in steps.iter().enumerate() {
            let last_of_day = steps.get(at + 1).is_none_or(|(next, _)| next > day);
            let within = *day > after && *day <= to;
            if within && last_of_day && state != Some(stay.state) {
                found.push((*day, stay.state));
                state = Some(stay.state);
            }
        }
        found
    }
}

impl History {
    /// Returns the days after one day and up to another on which anything of a deal changed that a
    /// pipeline is made of (creation, stage, amount, close day), in order.
    pub fn days(&self, deal: usize, after: Date, to: Date) -> Vec<Date> {
        let created = self.deals.get(deal).and_then(|life| life.created_on);
        let mut days: Vec<Date> = created.into_iter().collect();
        days.extend(self.stages.steps(deal).iter().map(|(day, _)| *day));
        days.extend(self.amounts.steps(deal).iter().map(|(day, _)| *day));
        days.extend(self.close_days.steps(deal).iter().map(|(day, _)| *day));
        days.retain(|day| *day > after && *day <= to);
        days.sort_unstable();
        days.dedup();
        days
    }
}

/// The values of one field of all deals.
#[derive(Clone, Debug)]
struct Track<T> {
    first: Vec<T>,
    steps: Vec<(Date, T)>,
    ends: Vec<usize>,
}

impl<T> Default for Track<T> {
    fn default() -> Self {
        Self { first: Vec::new(), steps: Vec::new(), ends: Vec::new() }
    }
}

impl<T> Track<T> {
    fn push(&mut self, line: Line<T>) {
        self.first.push(line.first);
        self.steps.extend(line.steps);
        self.ends.push(self.steps.len());
    }

    fn steps(&self, deal: usize) -> &[(Date, T)] {
        let from = deal.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let to = self.ends.get(deal).copied().unwrap_or(0);
        self.steps.get(from.unwrap_or(0)..to).unwrap_or(&[])
    }

    fn at(&self, deal: usize, day: Date) -> Option<&T> {
        let steps = self.steps(deal);
        let passed = steps.partition_point(|(since, _)| *since <= day);
        match passed.checked_sub(1) {
            Some(last) => steps.get(last).map(|(_, value)| value),
            None => self.first.get(deal),
        }
    }
}

/// The values of one field of one deal: the first, and those from some day on.
struct Line<T> {
    first: T,
    steps: Vec<(Date, T)>,
}

impl<T: Clone + PartialEq> Line<T> {
    /// `changes` are (day, old, new) in order. The row of now holds after the last of them; where
    /// the deal is closed and differs from what was recorded last, from the close on.
    fn of(created: Option<T>, changes: Vec<(Date, T, T)>, now: T, closed: Option<Date>) -> Self {
        let Some((_, old, _)) = changes.first() else { return Self::always(now) };
        let first = created.unwrap_or_else(|| old.clone());
        let mut steps: Vec<(Date, T)> =
            changes.into_iter().map(|(day, _, new)| (day, new)).collect();
        match (steps.last_mut(), closed) {
            (Some((_, last)), _) if *last == now => {}
            (Some((day, _)), Some(closed)) => {
                let day = (*day).max(closed);
                steps.push((day, now));
            }
            (Some((_, last)), None) => *last = now,
            (None, _) => {}
        }
        Self { first, steps }
    }

    fn always(value: T) -> Self {
        Self { first: value, steps: Vec::new() }
    }
}

/// All fields of one deal.
struct Told {
    stages: Line<Stay>,
    amounts: Line<Option<Money>>,
    close_days: Line<Option<Date>>,
    owners: Line<Option<Arc<str>>>,
    categories: Line<Option<Arc<str>>>,
    pushes: Line<u32>,
}

/// The columns that are read, fetched once.
struct Source<'a> {
    now: Now<'a>,
    change: Change<'a>,
    /// The state of each stage, as far as some row tells it.
    states: HashMap<&'a str, State>,
    /// True where any change of a close day is on record: then an unchanged one was never changed.
    tracks_close_days: bool,
}

/// Columns of `opportunities`.
struct Now<'a> {
    id: &'a [Option<Arc<str>>],
    created_on: &'a [Option<Date>],
    stage: &'a [Option<Arc<str>>],
    stage_index: &'a [Option<i64>],
    stage_since: &'a [Option<Date>],
    state: &'a [Option<Arc<str>>],
    amount: &'a [Option<Money>],
    close_on: &'a [Option<Date>],
    closed_on: &'a [Option<Date>],
    owner: &'a [Option<Arc<str>>],
    forecast_category: &'a [Option<Arc<str>>],
    n_pushes: &'a [Option<i64>],
}

/// Columns of `deal_changes`.
struct Change<'a> {
    field: &'a [Option<Arc<str>>],
    day: &'a [Option<Date>],
    old: &'a [Option<Arc<str>>],
    new: &'a [Option<Arc<str>>],
    stage_old: &'a [Option<Arc<str>>],
    stage_new: &'a [Option<Arc<str>>],
    index_old: &'a [Option<i64>],
    index_new: &'a [Option<i64>],
    state_new: &'a [Option<Arc<str>>],
    amount_old: &'a [Option<Money>],
    amount_new: &'a [Option<Money>],
    day_old: &'a [Option<Date>],
    day_new: &'a [Option<Date>],
    derived: &'a [Option<bool>],
}

impl<'a> Source<'a> {
    fn of(opportunities: &'a Frame, changes: &'a Frame) -> Self {
        let now = Now {
            id: opportunities.texts("id"),
            created_on: opportunities.days("created_on"),
            stage: opportunities.texts("stage"),
            stage_index: opportunities.integers("stage_index"),
            stage_since: opportunities.days("stage_since"),
            state: opportunities.texts("state"),
            amount: opportunities.moneys("amount"),
            close_on: opportunities.days("close_on"),
            closed_on: opportunities.days("closed_on"),
            owner: opportunities.texts("owner"),
            forecast_category: opportunities.texts("forecast_category"),
            n_pushes: opportunities.integers("n_pushes"),
        };
        let change = Change {
            field: changes.texts("field"),
            day: changes.days("day"),
            old: changes.texts("old"),
            new: changes.texts("new"),
            stage_old: changes.texts("stage_old"),
            stage_new: changes.texts("stage_new"),
            index_old: changes.integers("index_old"),
            index_new: changes.integers("index_new"),
            state_new: changes.texts("state_new"),
            amount_old: changes.moneys("amount_old"),
            amount_new: changes.moneys("amount_new"),
            day_old: changes.days("day_old"),
            day_new: changes.days("day_new"),
            derived: changes.booleans("derived"),
        };
        let told = now.stage.iter().zip(now.state);
        let told = told.chain(change.stage_new.iter().zip(change.state_new));
        let states = told
            .filter_map(|(stage, state)| Some((&**stage.as_ref()?, state_of(state.as_deref()?)?)))
            .collect();
        let tracks_close_days = change.field.iter().flatten().any(|field| &**field == "close_on");
        Self { now, change, states, tracks_close_days }
    }

    fn life(&self, deal: usize, rows: &[usize]) -> Life {
        let recorded = |row: &usize| value(self.change.derived, *row) != Some(true);
        Life {
            id: text(self.now.id, deal).unwrap_or_default(),
            created_on: value(self.now.created_on, deal),
            recorded: rows.iter().any(recorded),
        }
    }

    fn told(&self, life: &Life, deal: usize, rows: &[usize]) -> Told {
        let (now, change) = (&self.now, &self.change);
        let of = |field: &str| -> Vec<(usize, Date)> {
            let is = |row: &usize| {
                value(change.derived, *row) != Some(true)
                    && change.field.get(*row).and_then(Option::as_deref) == Some(field)
            };
            let day = |row: usize| Some((row, value(change.day, row)?));
            rows.iter().copied().filter(is).filter_map(day).collect()
        };
        let created = of("created").first().map(|(row, _)| *row);
        let stages = self.stages(life, deal, created, &of("stage"));
        let closed = closed_since(&stages);
        let texts = |field: &str, now: Option<Arc<str>>| {
            let changes = of(field).into_iter();
            let changes =
                changes.map(|(row, day)| (day, text(change.old, row), text(change.new, row)));
            Line::of(None, changes.collect(), now, closed)
        };
        let amounts = of("amount")
            .into_iter()
            .map(|(row, day)| (day, value(change.amount_old, row), value(change.amount_new, row)));
        let at_creation = created.and_then(|row| value(change.amount_new, row));
        let moved = of("close_on");
        Told {
            amounts: Line::of(
                at_creation.map(Some),
                amounts.collect(),
                value(now.amount, deal),
                closed,
            ),
            close_days: self.close_days(life, deal, created, &moved, closed),
            owners: texts("owner", text(now.owner, deal)),
            categories: texts("forecast_category", text(now.forecast_category, deal)),
            pushes: self.pushes(deal, &moved, closed),
            stages,
        }
    }

    fn stages(
        &self,
        life: &Life,
        deal: usize,
        created: Option<usize>,
        changes: &[(usize, Date)],
    ) -> Line<Stay> {
        let (now, change) = (&self.now, &self.change);
        let begun = life.created_on;
        let state = now.state.get(deal).and_then(Option::as_deref).and_then(state_of);
        let last = Stay {
            stage: text(now.stage, deal),
            index: value(now.stage_index, deal),
            state: state.unwrap_or(State::Open),
            since: value(now.stage_since, deal).or(begun),
        };
        let unknown = Stay { stage: None, index: None, state: State::Open, since: begun };
        let closed_on = value(now.closed_on, deal).or_else(|| value(now.close_on, deal));
        let closes = |after: Option<Date>| {
            let day = closed_on.max(after).or(begun)?;
            Some((day, Stay { since: Some(day), ..last.clone() }))
        };
        let Some((first, _)) = changes.first() else {
            // Nothing is written down of its stages.
            return match (last.state, last.since) {
                (State::Open, Some(since)) if begun.is_some_and(|begun| since > begun) => {
                    Line { first: unknown, steps: vec![(since, last)] }
                }
                (State::Open, _) => Line::always(last),
                _ => Line { first: unknown, steps: closes(None).into_iter().collect() },
            };
        };
        let at_creation = created.and_then(|row| {
            let stage = text(change.stage_new, row)?;
            Some(self.stay(Some(stage), value(change.index_new, row), None, begun))
        });
        let old = text(change.stage_old, *first).or_else(|| text(change.old, *first));
        let before = at_creation
            .unwrap_or_else(|| self.stay(old, value(change.index_old, *first), None, begun));
        let mut steps: Vec<(Date, Stay)> = Vec::with_capacity(changes.len() + 1);
        let mut present = before.clone();
        for (row, day) in changes {
            let stage = text(change.stage_new, *row).or_else(|| text(change.new, *row));
            let state = change.state_new.get(*row).and_then(Option::as_deref).and_then(state_of);
            let since = if stage == present.stage { present.since } else { Some(*day) };
            present = self.stay(stage, value(change.index_new, *row), state, since);
            steps.push((*day, present.clone()));
        }
        let same = |stay: &Stay| (&stay.stage, stay.state) == (&last.stage, last.state);
        match steps.last_mut() {
            Some((_, stay)) if same(stay) => stay.index = last.index,
            Some((day, _)) if last.state != State::Open => {
                let day = *day;
                steps.extend(closes(Some(day)));
            }
            Some((day, stay)) => *stay = Stay { since: Some(*day), ..last },
            None => {}
        }
        Line { first: before, steps }
    }

    /// The state of a stage that nobody states follows from its number or from other rows.
    fn stay(
        &self,
        stage: Option<Arc<str>>,
        index: Option<i64>,
        state: Option<State>,
        since: Option<Date>,
    ) -> Stay {
        let known = || {
            if index.is_some() {
                return None;
            }
            stage.as_deref().and_then(|stage| self.states.get(stage)).copied()
        };
        let state = state.or_else(known).unwrap_or(State::Open);
        Stay { stage, index, state, since }
    }

    fn close_days(
        &self,
        life: &Life,
        deal: usize,
        created: Option<usize>,
        changes: &[(usize, Date)],
        closed: Option<Date>,
    ) -> Line<Option<Date>> {
        let change = &self.change;
        let now = value(self.now.close_on, deal);
        let at_creation = created.and_then(|row| value(change.day_new, row));
        match (changes.is_empty(), closed) {
            // What was planned is known from the creation, if at all.
            (true, Some(closed)) if at_creation.is_some() => {
                Line { first: at_creation, steps: vec![(closed, now)] }
            }
            (true, Some(closed)) if !(life.recorded && self.tracks_close_days) => {
                Line { first: None, steps: vec![(closed, now)] }
            }
            _ => {
                let told = |(row, day): &(usize, Date)| {
                    (*day, value(change.day_old, *row), value(change.day_new, *row))
                };
                Line::of(at_creation.map(Some), changes.iter().map(told).collect(), now, closed)
            }
        }
    }

    fn pushes(&self, deal: usize, changes: &[(usize, Date)], closed: Option<Date>) -> Line<u32> {
        let change = &self.change;
        let mut n = 0;
        let mut told = Vec::new();
        for (row, day) in changes {
            let days = (value(change.day_old, *row), value(change.day_new, *row));
            let later = matches!(days, (Some(old), Some(new)) if new > old);
            told.push((*day, n, n + u32::from(later)));
            n += u32::from(later);
        }
        let now = value(self.now.n_pushes, deal).and_then(|n| u32::try_from(n).ok()).unwrap_or(n);
        Line::of(Some(0), told, now, closed)
    }
}

/// Since when a deal is closed, where it is.
fn closed_since(stages: &Line<Stay>) -> Option<Date> {
    let closed = |(_, stay): &&(Date, Stay)| stay.state != State::Open;
    let last = stages.steps.iter().rev().take_while(closed).last();
    last.map(|(day, _)| *day)
}

fn state_of(text: &str) -> Option<State> {
    [State::Open, State::Won, State::Lost].into_iter().find(|state| state.id() == text)
}

fn value<T: Copy>(values: &[Option<T>], row: usize) -> Option<T> {
    values.get(row).copied().flatten()
}

fn text(values: &[Option<Arc<str>>], row: usize) -> Option<Arc<str>> {
    values.get(row).cloned().flatten()
}

#[cfg(test)]
pub(crate) mod drawn;
#[cfg(test)]
mod tests;
