//! What speaks against a deal, as it was known at the end of any day.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::definition::State;
use domain::{FiscalCalendar, Frame, Money};
use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::history::{History, Snapshot};

/// A sign against a deal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sign {
    pub(crate) id: &'static str,
    /// What people call it.
    pub(crate) label: &'static str,
    /// True where only the record of today is there, which may have been completed afterwards.
    pub(crate) of_today: bool,
}

const fn sign(id: &'static str, label: &'static str) -> Sign {
    Sign { id, label, of_today: false }
}

/// All signs, in the order in which they are listed.
pub(crate) const SIGNS: &[Sign] = &[
    sign("silent", "No activity for 30 days"),
    sign("past_close", "Close date has passed"),
    sign("pushed", "Close date pushed twice or more"),
    sign("stalled", "In its stage for 90 days"),
    sign("skipped", "Stage skipped"),
    sign("back_dated", "Back-dated"),
    sign("period_end", "Created and moved at the end of a quarter"),
    sign("mass_edit", "Last changed in a mass edit"),
    sign("amount_reset", "Amount changed in the last days of a quarter"),
    sign("duplicate", "Stands twice"),
    sign("reopened", "Closed and opened again"),
    Sign { of_today: true, ..sign("alone", "Nobody of the buyer on it") },
    Sign { of_today: true, ..sign("unqualified", "Fewer than three letters of MEDDPICC") },
];

/// Days without a sign of life.
const SILENT: i32 = 30;
/// Days in one stage.
const STALLED: i32 = 90;
/// Last days of a quarter.
const LAST_DAYS: i32 = 3;
/// Deals that one person changes in one field on one day.
const MASS: usize = 10;
/// Answered letters from which a deal counts as qualified.
const QUALIFIED: i64 = 3;

/// A deal on a day: what holds of it, one for each of [`SIGNS`]; none where it cannot be told.
pub(crate) type Held = Vec<Option<bool>>;

/// The day of a change, who made it, and the field.
type Edit = (Date, Arc<str>, Arc<str>);

/// Everything that is asked for signs.
pub(crate) struct Record<'a> {
    pub(crate) deals: &'a Frame,
    pub(crate) history: History,
    changes: &'a Frame,
    /// Days of touches by account, in order.
    touches: HashMap<Arc<str>, Vec<Date>>,
    mass: HashSet<Edit>,
    calendar: FiscalCalendar,
    scored: bool,
    roles: bool,
}

pub(crate) fn cell<T>(values: &[Option<T>], row: usize) -> Option<&T> {
    values.get(row).and_then(Option::as_ref)
}

impl<'a> Record<'a> {
    pub(crate) fn of(
        deals: &'a Frame,
        changes: &'a Frame,
        touches: &Frame,
        calendar: FiscalCalendar,
    ) -> Self {
        let mut days: HashMap<Arc<str>, Vec<Date>> = HashMap::new();
        for (account, day) in touches.texts("account_id").iter().zip(touches.days("day")) {
            if let (Some(account), Some(day)) = (account, day) {
                days.entry(Arc::clone(account)).or_default().push(*day);
            }
        }
        for days in days.values_mut() {
            days.sort_unstable();
        }
        let mut edits: HashMap<Edit, HashSet<Arc<str>>> = HashMap::new();
        let rows = changes.texts("opportunity_id").iter().enumerate();
        for (row, deal) in rows {
            let day = cell(changes.days("day"), row);
            let actor = cell(changes.texts("actor"), row);
            let field = cell(changes.texts("field"), row).filter(|field| &***field != "created");
            if let (Some(deal), Some(day), Some(actor), Some(field)) = (deal, day, actor, field) {
                let key = (*day, Arc::clone(actor), Arc::clone(field));
                edits.entry(key).or_default().insert(Arc::clone(deal));
            }
        }
        let mass = edits.into_iter().filter(|(_, deals)| deals.len() >= MASS);
        Self {
            deals,
            history: History::of(deals, changes),
            changes,
            touches: days,
            mass: mass.map(|(key, _)| key).collect(),
            calendar,
            scored: deals.integers("qualification_score").iter().any(Option::is_some),
            roles: deals.integers("n_roles").iter().flatten().any(|n| *n > 0),
        }
    }

    /// Deals that were open at the end of a day and count, with what was known of them.
    pub(crate) fn open_on(&self, day: Date) -> Vec<(usize, Snapshot)> {
        let found = self.history.all_on(day);
        found.filter(|(_, known)| known.state == State::Open).collect()
    }

    /// Says which deals of a day stand twice: the younger of two of one account with one amount and
    /// kind.
    pub(crate) fn twice(&self, open: &[(usize, Snapshot)]) -> HashSet<usize> {
        type Key = (Arc<str>, Option<Arc<str>>, Money);
        let mut oldest: HashMap<Key, (Option<Date>, usize)> = HashMap::new();
        let mut twice = HashSet::new();
        for (deal, known) in open {
            let account = cell(self.deals.texts("account_id"), *deal);
            let (Some(account), Some(amount)) = (account, known.amount) else { continue };
            if amount.minor == 0 {
                continue;
            }
            let kind = cell(self.deals.texts("kind"), *deal).cloned();
            let created = cell(self.deals.days("created_on"), *deal).copied();
            let this = (created, *deal);
            let first = oldest.entry((Arc::clone(account), kind, amount)).or_insert(this);
            if *first < this {
                twice.insert(*deal);
            } else if this < *first {
                twice.insert(first.1);
                *first = this;
            }
        }
        twice
    }

    /// Says what held of a deal at the end of a day.
    pub(crate) fn held(
        &self,
        deal: usize,
        day: Date,
        known: &Snapshot,
        twice: &HashSet<usize>,
    ) -> Held {
        let created = cell(self.deals.days("created_on"), deal).copied();
        let past = || {
            self.history.changes(deal).iter().copied().filter(move |row| {
                cell(self.changes.days("day"), *row).is_some_and(|on| *on <= day)
            })
        };
        let field = |row: usize| cell(self.changes.texts("field"), row).map_or("", |f| &**f);
        let on = |row: usize| cell(self.changes.days("day"), row).copied();
        let moves = || past().filter(|row| field(*row) == "stage");
        let touched = cell(self.deals.texts("account_id"), deal)
            .and_then(|account| self.touches.get(account))
            .and_then(|days| {
                let until = days.partition_point(|touch| *touch <= day);
                until.checked_sub(1).and_then(|last| days.get(last)).copied()
            });
        let life = past().filter_map(on).chain(touched).chain(created).max();
        let last = past().filter(|row| field(*row) != "created").next_back();
        let skipped = moves().any(|row| {
            let at = |name| cell(self.changes.integers(name), row).copied();
            matches!((at("index_old"), at("index_new")), (Some(old), Some(new)) if new > old + 1)
        });
        let back_dated = past().any(|row| {
            let set = cell(self.changes.days("day_new"), row);
            match (field(row), set, on(row)) {
                ("close_on", Some(set), Some(on)) => *set < on,
                ("created", _, Some(on)) => created.is_some_and(|day| days_between(day, on) > 1),
                _ => false,
            }
        });
        let ends = |on: Date| days_between(on, self.calendar.quarter_of(on).to) < LAST_DAYS;
        let rushed = created.filter(|created| ends(*created)).is_some_and(|created| {
            let end = self.calendar.quarter_of(created).to;
            moves().any(|row| on(row).is_some_and(|on| on <= end))
        });
        let mass = last.is_some_and(|row| {
            let actor = cell(self.changes.texts("actor"), row);
            actor.zip(on(row)).is_some_and(|(actor, on)| {
                self.mass.contains(&(on, Arc::clone(actor), Arc::from(field(row))))
            })
        });
        let reset = past().any(|row| field(row) == "amount" && on(row).is_some_and(ends));
        let reopened = created.and_then(|day| day.yesterday().ok()).is_some_and(|before| {
            let turns = self.history.turns(deal, before, day);
            turns.iter().any(|(_, state)| *state != State::Open)
        });
        let score = cell(self.deals.integers("qualification_score"), deal).copied().unwrap_or(0);
        let roles = cell(self.deals.integers("n_roles"), deal).copied().unwrap_or(0);
        let of = |id: &str| match id {
            "silent" => life.map(|life| days_between(life, day) >= SILENT),
            "past_close" => known.close_on.map(|close| close < day),
            "pushed" => Some(known.n_pushes >= 2),
            "stalled" => known.stage_since.map(|since| days_between(since, day) >= STALLED),
            "skipped" => Some(skipped),
            "back_dated" => Some(back_dated),
            "period_end" => Some(rushed),
            "mass_edit" => Some(mass),
            "amount_reset" => Some(reset),
            "duplicate" => Some(twice.contains(&deal)),
            "reopened" => Some(reopened),
            "alone" => self.roles.then_some(roles == 0),
            "unqualified" => self.scored.then_some(score < QUALIFIED),
            _ => None,
        };
        SIGNS.iter().map(|sign| of(sign.id)).collect()
    }
}

/// Days from one day to another.
pub(crate) fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

/// A day so many days later; the last there is where it would lie beyond.
pub(crate) fn later(day: Date, days: i32) -> Date {
    day.saturating_add(days.days())
}
