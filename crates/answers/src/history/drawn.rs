//! Deals with a drawn past, as the two relations tell it and as a plain replay finds it.

use std::sync::Arc;

use domain::definition::State;
use domain::{Column, Currency, Frame, Money};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use stats::random::SplitMix64;

/// The open stages in their order, then the closed ones.
pub(crate) const STAGES: &[&str] = &[
    "prospecting",
    "qualification",
    "needs-analysis",
    "decision-makers",
    "proposal",
    "negotiation",
    "won",
    "lost",
];

/// What was changed.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Stage(&'static str),
    Amount(Option<i64>),
    Close(Option<Date>),
    Owner(&'static str),
    Category(&'static str),
}

/// A deal with all that happened to it.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub id: String,
    pub segment: &'static str,
    pub channel: &'static str,
    pub source: &'static str,
    pub kind: Option<&'static str>,
    pub counted: bool,
    pub created: Date,
    pub stage: &'static str,
    pub amount: Option<i64>,
    pub close: Option<Date>,
    pub owner: &'static str,
    pub category: &'static str,
    /// In order of time.
    pub changes: Vec<(Date, What)>,
    /// False where the source kept no history of it.
    pub kept: bool,
    /// False where its creation says nothing but the day.
    pub detailed: bool,
}

/// A deal at the end of a day, by plain replay.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Then {
    pub stage: &'static str,
    pub since: Date,
    pub amount: Option<i64>,
    pub close: Option<Date>,
    pub owner: &'static str,
    pub category: &'static str,
    pub pushes: u32,
}

pub(crate) fn state(stage: &str) -> State {
    match stage {
        "won" => State::Won,
        "lost" => State::Lost,
        _ => State::Open,
    }
}

pub(crate) fn index(stage: &str) -> Option<i64> {
    let place = STAGES.iter().position(|id| *id == stage).unwrap();
    (state(stage) == State::Open).then(|| i64::try_from(place).unwrap() + 1)
}

impl Past {
    /// An open deal of a day, to be varied.
    pub(crate) fn new(id: &str, created: Date, amount: i64, close: Date) -> Self {
        Self {
            id: id.to_owned(),
            segment: "enterprise",
            channel: "webinar",
            source: "marketing",
            kind: Some("New"),
            counted: true,
            created,
            stage: "prospecting",
            amount: Some(amount),
            close: Some(close),
            owner: "Ada",
            category: "Pipeline",
            changes: Vec::new(),
            kept: true,
            detailed: false,
        }
    }

    pub(crate) fn then(mut self, day: Date, what: What) -> Self {
        self.changes.push((day, what));
        self
    }

    /// Replays what happened up to the end of a day.
    pub(crate) fn on(&self, day: Date) -> Option<Then> {
        if day < self.created {
            return None;
        }
        let mut then = Then {
            stage: self.stage,
            since: self.created,
            amount: self.amount,
            close: self.close,
            owner: self.owner,
            category: self.category,
            pushes: 0,
        };
        for (at, what) in self.changes.iter().filter(|(at, _)| *at <= day) {
            match what {
                What::Stage(stage) => {
                    if then.stage != *stage {
                        then.since = *at;
                    }
                    then.stage = stage;
                }
                What::Amount(amount) => then.amount = *amount,
                What::Close(close) => {
                    if let (Some(old), Some(new)) = (then.close, close) {
                        then.pushes += u32::from(*new > old);
                    }
                    then.close = *close;
                }
                What::Owner(owner) => then.owner = owner,
                What::Category(category) => then.category = category,
            }
        }
        Some(then)
    }

    fn closed(&self, as_of: Date) -> Option<Date> {
        let then = self.on(as_of)?;
        (state(then.stage) != State::Open).then_some(then.since)
    }
}

/// Draws so many deals of the two years before a day.
pub(crate) fn drawn(seed: u64, n: u64, as_of: Date) -> Vec<Past> {
    let mut random = SplitMix64::new(seed);
    (0..n).map(|id| one(&mut random, &format!("d{id:04}"), as_of)).collect()
}

fn one(random: &mut SplitMix64, id: &str, as_of: Date) -> Past {
    let below = |random: &mut SplitMix64, n: u64| i64::try_from(random.below(n)).unwrap();
    let pick = |random: &mut SplitMix64, of: &[&'static str]| {
        of[usize::try_from(random.below(of.len() as u64)).unwrap()]
    };
    let created = as_of.saturating_sub(below(random, 730).days());
    let close = created.saturating_add((30 + below(random, 200)).days());
    let mut past = Past::new(id, created, below(random, 9_000_000), close);
    past.segment = pick(random, &["enterprise", "small", "unknown"]);
    past.channel = pick(random, &["webinar", "paid-search", "outbound", "unknown"]);
    past.source = pick(random, &["marketing", "sales"]);
    past.counted = random.below(12) > 0;
    past.kept = random.below(8) > 0;
    past.detailed = random.below(2) > 0;
    past.stage = STAGES[usize::try_from(random.below(3)).unwrap()];
    if random.below(15) == 0 {
        past.amount = None;
    }
    let mut day = created;
    for _ in 0..random.below(12) {
        // Several changes may fall on one day.
        day = day.saturating_add((below(random, 40) * below(random, 2)).days());
        let what = match random.below(8) {
            0..=3 => What::Stage(pick(random, STAGES)),
            4 => What::Amount((random.below(10) > 0).then(|| below(random, 9_000_000))),
            5 => What::Close(
                (random.below(12) > 0)
                    .then(|| close.saturating_add((below(random, 300) - 100).days())),
            ),
            6 => What::Owner(pick(random, &["Ada", "Ben", "Cleo"])),
            _ => What::Category(pick(random, &["Pipeline", "Best Case", "Commit"])),
        };
        // Who closes a deal writes down the day of it.
        let closes = matches!(what, What::Stage("won" | "lost"));
        past.changes.push((day, what));
        if closes {
            past.changes.push((day, What::Close(Some(day))));
        }
    }
    past
}

/// The relations as of a day.
pub(crate) fn frames(deals: &[Past], as_of: Date) -> (Frame, Frame) {
    let known: Vec<&Past> = deals.iter().filter(|past| past.created <= as_of).collect();
    let now: Vec<Then> = known.iter().map(|past| past.on(as_of).unwrap()).collect();
    let both: Vec<(&&Past, &Then)> = known.iter().zip(&now).collect();
    let mut columns = of_deal(&known);
    columns.extend([
        ("id", text(&known, |past| Some(past.id.clone()))),
        ("name", text(&known, |past| Some(past.id.clone()))),
        ("stage", text(&now, |then| Some(then.stage))),
        ("stage_index", integers(&now, |then| index(then.stage))),
        ("stage_since", days(&both, |(_, then)| Some(then.since))),
        ("state", text(&now, |then| Some(state(then.stage).id()))),
        ("amount", money(&now, |then| then.amount)),
        ("close_on", days(&now, |then| then.close)),
        ("closed_on", days(&both, |(past, _)| past.closed(as_of))),
        (
            "won",
            Column::Boolean(
                now.iter()
                    .map(|then| match state(then.stage) {
                        State::Open => None,
                        state => Some(state == State::Won),
                    })
                    .collect(),
            ),
        ),
        (
            "cycle_days",
            integers(&both, |(past, _)| {
                let days = past.created.until(past.closed(as_of)?).unwrap().get_days();
                Some(i64::from(days))
            }),
        ),
        ("forecast_category", text(&now, |then| Some(then.category))),
        ("owner", text(&now, |then| Some(then.owner))),
        ("n_pushes", integers(&now, |then| Some(i64::from(then.pushes)))),
    ]);
    let opportunities = Frame::new(columns).unwrap();
    let rows: Vec<Row<'_>> = known.iter().flat_map(|past| rows(past, as_of)).collect();
    (opportunities, changes(&rows))
}

/// A row of `deal_changes`.
struct Row<'a> {
    past: &'a Past,
    position: i64,
    field: &'static str,
    old: Option<String>,
    new: Option<String>,
    stages: (Option<&'static str>, Option<&'static str>),
    amounts: (Option<i64>, Option<i64>),
    closes: (Option<Date>, Option<Date>),
    day: Date,
    derived: bool,
}

fn rows(past: &Past, as_of: Date) -> Vec<Row<'_>> {
    let blank = |field, day, position| Row {
        past,
        position,
        field,
        old: None,
        new: None,
        stages: (None, None),
        amounts: (None, None),
        closes: (None, None),
        day,
        derived: false,
    };
    let mut created = blank("created", past.created, 1);
    if !past.kept {
        let now = past.on(as_of).unwrap();
        created.stages.1 = Some(now.stage);
        created.amounts.1 = now.amount;
        created.closes.1 = now.close;
        created.derived = true;
        return vec![created];
    }
    if past.detailed {
        created.stages.1 = Some(past.stage);
        created.amounts.1 = past.amount;
        created.closes.1 = past.close;
    }
    let mut found = vec![created];
    let mut then = past.on(past.created.yesterday().unwrap().max(past.created)).unwrap();
    // The day of the creation may hold changes: begin before them.
    (then.stage, then.amount, then.close) = (past.stage, past.amount, past.close);
    (then.owner, then.category) = (past.owner, past.category);
    let position = |found: &Vec<Row<'_>>| i64::try_from(found.len()).unwrap() + 1;
    for (day, what) in past.changes.iter().filter(|(day, _)| *day <= as_of) {
        let mut row = blank("", *day, position(&found));
        match what {
            What::Stage(stage) => {
                row.field = "stage";
                (row.old, row.new) = (Some(then.stage.to_owned()), Some((*stage).to_owned()));
                row.stages = (Some(then.stage), Some(stage));
                then.stage = stage;
            }
            What::Amount(amount) => {
                row.field = "amount";
                row.amounts = (then.amount, *amount);
                then.amount = *amount;
            }
            What::Close(close) => {
                row.field = "close_on";
                row.closes = (then.close, *close);
                then.close = *close;
            }
            What::Owner(owner) => {
                row.field = "owner";
                (row.old, row.new) = (Some(then.owner.to_owned()), Some((*owner).to_owned()));
                then.owner = owner;
            }
            What::Category(category) => {
                row.field = "forecast_category";
                (row.old, row.new) = (Some(then.category.to_owned()), Some((*category).to_owned()));
                then.category = category;
            }
        }
        found.push(row);
    }
    found
}

fn changes(rows: &[Row<'_>]) -> Frame {
    let deals: Vec<&Past> = rows.iter().map(|row| row.past).collect();
    let mut columns = of_deal(&deals);
    let instant = |day: Date, position: i64| -> Timestamp {
        let at = day.at(8, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        at.timestamp() + position.minutes()
    };
    columns.extend([
        ("opportunity_id", text(&deals, |past| Some(past.id.clone()))),
        ("opportunity", text(&deals, |past| Some(past.id.clone()))),
        ("position", integers(rows, |row| Some(row.position))),
        ("field", text(rows, |row| Some(row.field))),
        ("old", text(rows, |row| row.old.clone())),
        ("new", text(rows, |row| row.new.clone())),
        ("stage_old", text(rows, |row| row.stages.0)),
        ("stage_new", text(rows, |row| row.stages.1)),
        ("index_old", integers(rows, |row| index(row.stages.0?))),
        ("index_new", integers(rows, |row| index(row.stages.1?))),
        ("state_new", text(rows, |row| Some(state(row.stages.1?).id()))),
        ("amount_old", money(rows, |row| row.amounts.0)),
        ("amount_new", money(rows, |row| row.amounts.1)),
        ("day_old", days(rows, |row| row.closes.0)),
        ("day_new", days(rows, |row| row.closes.1)),
        (
            "at",
            Column::Instant(rows.iter().map(|row| Some(instant(row.day, row.position))).collect()),
        ),
        ("day", days(rows, |row| Some(row.day))),
        ("actor", text(rows, |_| Some("Ada"))),
        ("derived", Column::Boolean(rows.iter().map(|row| Some(row.derived)).collect())),
    ]);
    // An owner of the change is that of the deal.
    columns.push(("owner", text(&deals, |past| Some(past.owner))));
    Frame::new(columns).unwrap()
}

/// The columns of the deal that both relations carry.
fn of_deal(deals: &[&Past]) -> Vec<(&'static str, Column)> {
    vec![
        ("account_id", text(deals, |past| Some(format!("of {}", past.id)))),
        ("account", text(deals, |past| Some(format!("of {}", past.id)))),
        ("segment", text(deals, |past| Some(past.segment))),
        ("channel", text(deals, |past| Some(past.channel))),
        ("program_id", text(deals, |_| None::<&str>)),
        ("program", text(deals, |_| None::<&str>)),
        ("source", text(deals, |past| Some(past.source))),
        ("source_first_touch", text(deals, |past| Some(past.source))),
        ("kind", text(deals, |past| past.kind)),
        ("counted", Column::Boolean(deals.iter().map(|past| Some(past.counted)).collect())),
        ("created_on", days(deals, |past| Some(past.created))),
    ]
}

fn text<T, S: AsRef<str>>(rows: &[T], of: impl Fn(&T) -> Option<S>) -> Column {
    Column::Text(rows.iter().map(|row| of(row).map(|text| Arc::from(text.as_ref()))).collect())
}

fn integers<T>(rows: &[T], of: impl Fn(&T) -> Option<i64>) -> Column {
    Column::Integer(rows.iter().map(of).collect())
}

fn days<T>(rows: &[T], of: impl Fn(&T) -> Option<Date>) -> Column {
    Column::Day(rows.iter().map(of).collect())
}

fn money<T>(rows: &[T], of: impl Fn(&T) -> Option<i64>) -> Column {
    let usd = |minor| Money::from_minor(minor, Currency::USD);
    Column::Money(rows.iter().map(|row| of(row).map(usd)).collect())
}

/// The day as of which pasts are drawn.
pub(crate) const AS_OF: Date = date(2026, 10, 15);
