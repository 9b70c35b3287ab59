//! From the pipeline of one day to that of another, deal by deal.
//!
//! Each deal comes in by one way (it was there, was created, was pulled in, was opened again),
//! changes its amount, and goes out by one way (it is still there, was won, lost, pushed out). Its
//! amount when it goes out is its amount when it came in plus the change, so the bridge closes to
//! zero for each deal and for all of them, in whole minor units.

use std::sync::Arc;

use domain::definition::State;
use jiff::civil::Date;

use crate::history::{History, Snapshot};

/// A step of the bridge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Step {
    Opening,
    Created,
    PulledIn,
    Reopened,
    AmountUp,
    AmountDown,
    PushedOut,
    Lost,
    Won,
    Closing,
}

impl Step {
    pub(super) const ALL: [Self; 10] = [
        Self::Opening,
        Self::Created,
        Self::PulledIn,
        Self::Reopened,
        Self::AmountUp,
        Self::AmountDown,
        Self::PushedOut,
        Self::Lost,
        Self::Won,
        Self::Closing,
    ];

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Created => "created",
            Self::PulledIn => "pulled_in",
            Self::Reopened => "reopened",
            Self::AmountUp => "amount_up",
            Self::AmountDown => "amount_down",
            Self::PushedOut => "pushed_out",
            Self::Lost => "lost",
            Self::Won => "won",
            Self::Closing => "closing",
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Opening => "Opening",
            Self::Created => "Created",
            Self::PulledIn => "Pulled in",
            Self::Reopened => "Opened again",
            Self::AmountUp => "Amount up",
            Self::AmountDown => "Amount down",
            Self::PushedOut => "Pushed out",
            Self::Lost => "Lost",
            Self::Won => "Won",
            Self::Closing => "Closing",
        }
    }
}

/// Which open deals belong to the pipeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// All.
    All,
    /// Those whose planned close day lies on or before a day.
    DueBy(Date),
}

impl Scope {
    fn holds(self, then: &Snapshot) -> bool {
        then.state == State::Open
            && match self {
                Self::All => true,
                Self::DueBy(day) => then.close_on.is_some_and(|close| close <= day),
            }
    }
}

/// What became of one deal, in minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Passage {
    pub(super) deal: usize,
    /// By which step it came in, and with what amount.
    pub(super) came: (Step, i64),
    /// By which step it went out, and with what amount.
    pub(super) went: (Step, i64),
}

impl Passage {
    /// The steps that it takes part in, with the signed amounts as they stand in the bridge.
    pub(super) fn steps(self) -> impl Iterator<Item = (Step, i64)> {
        let (came, went) = (self.came, self.went);
        let change = went.1 - came.1;
        let changed = match change {
            1.. => Some((Step::AmountUp, change)),
            0 => None,
            _ => Some((Step::AmountDown, change)),
        };
        let sign = if went.0 == Step::Closing { 1 } else { -1 };
        [Some(came), changed, Some((went.0, sign * went.1))].into_iter().flatten()
    }
}

/// Follows all deals from the end of one day to the end of another.
pub(super) fn passages(history: &History, from: Date, to: Date, scope: Scope) -> Vec<Passage> {
    (0..history.n_deals()).filter_map(|deal| passage(history, deal, from, to, scope)).collect()
}

fn passage(history: &History, deal: usize, from: Date, to: Date, scope: Scope) -> Option<Passage> {
    let minor = |then: &Snapshot| then.amount.map_or(0, |amount| amount.minor);
    let (before, after) = (history.on(deal, from), history.on(deal, to)?);
    let gone = match after.state {
        State::Won => Some(Step::Won),
        State::Lost => Some(Step::Lost),
        State::Open => None,
    };
    // Where nobody wrote down when a deal was to close, it is taken to have been due when it did.
    let holds = |then: &Snapshot| {
        let unknown = !then.recorded && then.close_on.is_none() && gone.is_some();
        scope.holds(then) || (then.state == State::Open && unknown)
    };
    let opened = before.as_ref().is_some_and(holds);
    // What closed before the first day and stayed so is no pipeline of these days.
    let turns = history.turns(deal, from, to);
    if before.as_ref().is_some_and(|then| then.state != State::Open)
        && !turns.iter().any(|(_, state)| *state == State::Open)
    {
        return None;
    }
    let came = if opened {
        (Step::Opening, before.as_ref().map_or(0, minor))
    } else {
        let step = match &before {
            None => Step::Created,
            Some(then) if then.state == State::Open => Step::PulledIn,
            Some(_) => Step::Reopened,
        };
        let entered = history.days(deal, from, to).into_iter().find_map(|day| {
            let then = history.on(deal, day)?;
            holds(&then).then(|| minor(&then))
        });
        match (entered, gone) {
            (Some(amount), _) => (step, amount),
            // What is won is due on that day, whatever was planned; so is all that is closed where
            // every open deal counts.
            (None, Some(Step::Won)) => (step, minor(&after)),
            (None, Some(_)) if scope == Scope::All => (step, minor(&after)),
            _ => return None,
        }
    };
    let went = match gone {
        Some(step) => (step, minor(&after)),
        None if holds(&after) => (Step::Closing, minor(&after)),
        None => (Step::PushedOut, minor(&after)),
    };
    Some(Passage { deal, came, went })
}

/// The amounts of one step, by deal.
pub(super) fn of_step(passages: &[Passage], wanted: Step) -> Vec<(usize, i64)> {
    passages
        .iter()
        .flat_map(|passage| passage.steps().map(|(step, amount)| (passage.deal, step, amount)))
        .filter(|(_, step, _)| *step == wanted)
        .map(|(deal, _, amount)| (deal, amount))
        .collect()
}

/// The identifiers of some deals with their amounts.
pub(super) fn named(history: &History, amounts: &[(usize, i64)]) -> Vec<(Arc<str>, i64)> {
    let name = |(deal, amount): &(usize, i64)| Some((Arc::clone(history.id(*deal)?), *amount));
    amounts.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::history::drawn::{AS_OF, Past, What, drawn, frames, state};

    fn bridge(deals: &[Past], from: Date, to: Date, scope: Scope) -> (History, Vec<Passage>) {
        let (opportunities, changes) = frames(deals, AS_OF);
        let history = History::of(&opportunities, &changes);
        let found = passages(&history, from, to, scope);
        (history, found)
    }

    fn total(passages: &[Passage], step: Step) -> i64 {
        of_step(passages, step).iter().map(|(_, amount)| amount).sum()
    }

    #[test]
    fn each_way_in_and_out_is_told() {
        let (from, to) = (date(2026, 6, 30), date(2026, 9, 30));
        let (may, july, close) = (date(2026, 5, 1), date(2026, 7, 10), date(2026, 8, 31));
        let later = date(2026, 12, 31);
        let deals = [
            Past::new("stays", may, 100, close),
            Past::new("grows", may, 100, close).then(july, What::Amount(Some(150))),
            Past::new("shrinks and is lost", may, 100, close)
                .then(july, What::Amount(Some(60)))
                .then(date(2026, 8, 1), What::Stage("lost")),
            Past::new("pushed", may, 100, close).then(july, What::Close(Some(later))),
            Past::new("pulled", may, 100, later).then(july, What::Close(Some(close))),
            Past::new("new and won", july, 100, later)
                .then(date(2026, 9, 1), What::Amount(Some(120)))
                .then(date(2026, 9, 2), What::Stage("won")),
            Past::new("new, due later", july, 100, later),
            Past::new("again", may, 100, close)
                .then(date(2026, 6, 1), What::Stage("lost"))
                .then(july, What::Stage("proposal")),
            Past::new("won before", may, 100, close).then(date(2026, 6, 1), What::Stage("won")),
            Past::new("without amount", may, 0, close).then(may, What::Amount(None)),
            Past::new("after", date(2026, 10, 2), 100, later),
        ];
        let totals = |scope| {
            let (_, found) = bridge(&deals, from, to, scope);
            Step::ALL.map(|step| (of_step(&found, step).len(), total(&found, step)))
        };
        //  opening, created, pulled in, again, up, down, pushed, lost, won, closing
        assert_eq!(
            totals(Scope::DueBy(to)),
            [
                (5, 400),
                (1, 120),
                (1, 100),
                (1, 100),
                (1, 50),
                (1, -40),
                (1, -100),
                (1, -60),
                (1, -120),
                (5, 450),
            ]
        );
        assert_eq!(
            totals(Scope::All),
            [
                (6, 500),
                (2, 200),
                (0, 0),
                (1, 100),
                (2, 70),
                (1, -40),
                (0, 0),
                (1, -60),
                (1, -120),
                (7, 650),
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// The bridge closes for each deal and for all; its ends, and what was won and lost, are
        /// those of a plain replay.
        #[test]
        fn it_closes_to_zero_and_its_ends_are_the_replayed_ones(
            seed: u64, back in 0_i64..400, long in 1_i64..300, due in -60_i64..200, all: bool,
        ) {
            let deals = drawn(seed, 60, AS_OF);
            let to = AS_OF.saturating_sub(back.days());
            let from = to.saturating_sub(long.days());
            let limit = to.saturating_add(due.days());
            let scope = if all { Scope::All } else { Scope::DueBy(limit) };
            let (history, found) = bridge(&deals, from, to, scope);
            for passage in &found {
                // All that moves it, less what is left of it at the end.
                let steps: Vec<(Step, i64)> = passage.steps().collect();
                let moved: i64 =
                    steps.iter().filter(|(step, _)| *step != Step::Closing).map(|(_, x)| x).sum();
                let left: i64 =
                    steps.iter().filter(|(step, _)| *step == Step::Closing).map(|(_, x)| x).sum();
                prop_assert_eq!(moved, left, "{:?}", passage);
            }
            let sum = Step::ALL.into_iter().filter(|step| *step != Step::Closing);
            let sum: i64 = sum.map(|step| total(&found, step)).sum();
            prop_assert_eq!(sum, total(&found, Step::Closing));
            // A deal takes each step once.
            for step in Step::ALL {
                let mut deals: Vec<usize> =
                    of_step(&found, step).iter().map(|(deal, _)| *deal).collect();
                let n = deals.len();
                deals.dedup();
                prop_assert_eq!(deals.len(), n);
            }
            let kept: Vec<&Past> = deals.iter().filter(|past| past.kept).collect();
            let of_kept = |step: Step| -> i64 {
                let amounts = named(&history, &of_step(&found, step));
                let is = |id: &str| kept.iter().any(|past| past.id == id);
                amounts.iter().filter(|(id, _)| is(id)).map(|(_, amount)| amount).sum()
            };
            let holds = |past: &Past, day: Date| past.on(day).is_some_and(|then| {
                let due = all || then.close.is_some_and(|close| close <= limit);
                state(then.stage) == State::Open && due
            });
            let replayed = |day: Date| -> i64 {
                let on = kept.iter().filter(|past| holds(past, day));
                on.map(|past| past.on(day).unwrap().amount.unwrap_or(0)).sum()
            };
            prop_assert_eq!(of_kept(Step::Opening), replayed(from));
            prop_assert_eq!(of_kept(Step::Closing), replayed(to));
            // Won: open on some day or new since the first, won on the last.
            let open_since = |past: &Past| {
                past.on(from).is_none_or(|then| state(then.stage) == State::Open)
                    || past.changes.iter().any(|(day, _)| {
                        *day > from && *day <= to
                            && past.on(*day).is_some_and(|then| state(then.stage) == State::Open)
                    })
            };
            let won: i64 = kept
                .iter()
                .filter_map(|past| Some((past, past.on(to)?)))
                .filter(|(past, then)| state(then.stage) == State::Won && open_since(past))
                .map(|(_, then)| then.amount.unwrap_or(0))
                .sum();
            prop_assert_eq!(of_kept(Step::Won), -won);
        }
    }
}
