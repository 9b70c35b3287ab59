//! `stage_visits`: one row per deal and stay in a stage, from the changes of the deal.
//!
//! A deal whose source kept no history has one stay, in the stage that it is in now; since when is
//! known of a closed one only.

use std::sync::Arc;

use domain::definition::State;
use domain::{Column, Currency, Frame};
use jiff::civil::Date;

use super::Built;
use super::changes::{OF_DEAL, of_deals, places};
use crate::build::number;
use crate::error::LakeError;

pub(super) const COLUMNS: &[&str] = &[
    "opportunity_id",
    "opportunity",
    "position",
    "stage",
    "stage_name",
    "stage_index",
    "entered_on",
    "left_on",
    "days",
    "next",
    "move",
    "n_skipped",
    "segment",
    "channel",
    "program_id",
    "program",
    "source",
    "owner",
    "kind",
    "counted",
    "created_on",
    "amount",
    "state",
];

/// A stay in a stage.
struct Visit {
    deal: usize,
    position: i64,
    stage: Arc<str>,
    index: Option<i64>,
    state: State,
    entered_on: Option<Date>,
    left_on: Option<Date>,
    next: Option<Arc<str>>,
    /// How it was entered.
    how: &'static str,
    n_skipped: i64,
}

impl Visit {
    /// Says how a stage is entered after another one.
    fn after(&self, index: Option<i64>, state: State) -> (&'static str, i64) {
        match (self.state, state, self.index, index) {
            (_, State::Won | State::Lost, ..) => ("closed", 0),
            (State::Won | State::Lost, State::Open, ..) => ("reopened", 0),
            (_, _, Some(old), Some(new)) if new < old => ("backward", 0),
            (_, _, Some(old), Some(new)) if new > old + 1 => ("skipped", new - old - 1),
            _ => ("forward", 0),
        }
    }
}

pub(super) fn all(built: &Built, currency: Currency) -> Result<Frame, LakeError> {
    let deals = built.table("opportunities")?;
    let visits = visits(&*built.table("deal_changes")?, &deals);
    let rows: Vec<usize> = visits.iter().map(|visit| visit.deal).collect();
    let amounts = super::opportunities::amounts(built, &deals, currency)?;
    let stage_name = |visit: &Visit| {
        let stages = &built.definitions().stages;
        let known = stages.iter().find(|stage| stage.id == visit.stage);
        Some(known.map_or_else(|| Arc::clone(&visit.stage), |stage| stage.name.as_str().into()))
    };
    let text =
        |of: &dyn Fn(&Visit) -> Option<Arc<str>>| Column::Text(visits.iter().map(of).collect());
    let whole =
        |of: &dyn Fn(&Visit) -> Option<i64>| Column::Integer(visits.iter().map(of).collect());
    let days = |visit: &Visit| {
        let days = number(visit.left_on?) - number(visit.entered_on?);
        (days >= 0).then_some(i64::from(days))
    };
    let amount = |visit: &Visit| amounts.get(visit.deal).copied().flatten();
    let mut columns = of_deals(&deals, &rows);
    columns.extend([
        ("position", whole(&|visit| Some(visit.position))),
        ("stage", text(&|visit| Some(Arc::clone(&visit.stage)))),
        ("stage_name", text(&stage_name)),
        ("stage_index", whole(&|visit| visit.index)),
        ("entered_on", Column::Day(visits.iter().map(|visit| visit.entered_on).collect())),
        ("left_on", Column::Day(visits.iter().map(|visit| visit.left_on).collect())),
        ("days", whole(&days)),
        ("next", text(&|visit| visit.next.clone())),
        ("move", text(&|visit| Some(visit.how.into()))),
        ("n_skipped", whole(&|visit| Some(visit.n_skipped))),
        ("amount", Column::Money(visits.iter().map(amount).collect())),
        (
            "state",
            deals
                .select(&["state"])
                .take(&rows)
                .column("state")
                .cloned()
                .unwrap_or(Column::Text(Vec::new())),
        ),
    ]);
    debug_assert!(OF_DEAL.iter().all(|name| COLUMNS.contains(name)));
    super::opportunities::assembled(&Frame::default(), COLUMNS, columns)
}

fn state_of(text: Option<&str>) -> State {
    let states = [State::Won, State::Lost].into_iter();
    states.into_iter().find(|state| Some(state.id()) == text).unwrap_or(State::Open)
}

fn visits(changes: &Frame, deals: &Frame) -> Vec<Visit> {
    let text =
        |frame: &Frame, column: &str, row: usize| frame.texts(column).get(row).cloned().flatten();
    let is = |column: &str, row: usize, value: &str| {
        changes.texts(column).get(row).and_then(Option::as_deref) == Some(value)
    };
    let mut visits: Vec<Visit> = Vec::new();
    let mut enter = |deal: usize, stage: Arc<str>, index, state, day: Option<Date>| {
        let last = visits.last_mut().filter(|last| last.deal == deal);
        let (position, how, n_skipped) = match last {
            Some(last) => {
                last.left_on = day;
                last.next = Some(Arc::clone(&stage));
                let (how, n_skipped) = last.after(index, state);
                (last.position + 1, how, n_skipped)
            }
            None if state == State::Open => (1, "first", 0),
            None => (1, "closed", 0),
        };
        let (left_on, next) = (None, None);
        visits.push(Visit {
            deal,
            position,
            stage,
            index,
            state,
            entered_on: day,
            left_on,
            next,
            how,
            n_skipped,
        });
    };
    let places = places(changes);
    for (row, &deal) in places.iter().enumerate() {
        let (creation, moved) = (is("field", row, "created"), is("field", row, "stage"));
        if !creation && !moved {
            continue;
        }
        let derived = changes.booleans("derived").get(row) == Some(&Some(true));
        let day = if derived {
            deals.days("closed_on").get(deal).copied().flatten()
        } else {
            changes.days("day").get(row).copied().flatten()
        };
        if let Some(stage) = text(changes, "stage_new", row) {
            let index = changes.integers("index_new").get(row).copied().flatten();
            let state = state_of(text(changes, "state_new", row).as_deref());
            enter(deal, stage, index, state, day);
        }
        // Where the record ends before the close, the deal itself says that it is closed.
        let ends = places.get(row + 1..).is_none_or(|rest| {
            let same = rest.iter().take_while(|other| **other == deal).count();
            !(row + 1..=row + same).any(|row| is("field", row, "stage"))
        });
        let now = state_of(text(deals, "state", deal).as_deref());
        let known = state_of(text(changes, "state_new", row).as_deref());
        if ends
            && now != State::Open
            && known != now
            && let Some(stage) = text(deals, "stage", deal)
        {
            let closed_on = deals.days("closed_on").get(deal).copied().flatten();
            enter(deal, stage, None, now, closed_on);
        }
    }
    visits
}
