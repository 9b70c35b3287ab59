//! `demand_units`: one row per buying group, the people of one account in one purchase.
//!
//! A touch belongs to the next deal of its account that is created within the window after it, else
//! to the deal that is open at the time, else to a unit without a deal, which ends with a pause of
//! the lapse days. Only deals that count as pipeline make units. The day of a stage is the first
//! day of its evidence; evidence from after a later stage was reached does not count, so that a
//! stage that was passed over is missing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use domain::definition::DemandUnits;
use domain::{Column, Currency, Frame, Money};
use jiff::civil::Date;

use super::Built;
use super::program_leads::counted;
use crate::build::{Days, NONE, activity, date, number, side_text};
use crate::error::LakeError;

pub(super) const COLUMNS: &[&str] = &[
    "id",
    "account_id",
    "account",
    "segment",
    "channel",
    "program_id",
    "program",
    "source",
    "opportunity_id",
    "n_people",
    "target_on",
    "active_on",
    "engaged_on",
    "prioritized_on",
    "qualified_on",
    "pipeline_on",
    "closed_on",
    "outcome",
    "amount",
];

const DAY: i64 = 86_400_000_000;

/// A touch of an account: time, program, channel, person.
type Touch = (i64, u32, u16, u32);

/// A unit while its rows are gathered.
#[derive(Clone, Default, Debug)]
struct Unit {
    deal: Option<usize>,
    touches: Vec<Touch>,
    /// First days on which a person of it became marketing or sales qualified.
    prioritized: Option<i32>,
    qualified: Option<i32>,
}

/// A deal as units see it: creation, end of its close day, place.
#[derive(Clone, Copy, Debug)]
struct Span {
    created: i64,
    closed: i64,
    row: usize,
}

/// How touches and stages of people find their unit.
struct Account<'a> {
    deals: &'a [Span],
    window: i64,
    lapse: i64,
}

impl Account<'_> {
    /// The deal to whose purchase something at an instant belongs, as a place among the deals.
    fn deal_at(&self, at: i64) -> Option<usize> {
        let next = self.deals.partition_point(|deal| deal.created < at);
        let soon = |deal: &Span| deal.created <= at.saturating_add(self.window);
        if self.deals.get(next).is_some_and(soon) {
            return Some(next);
        }
        let before = self.deals.get(..next).unwrap_or(&[]);
        before.iter().rposition(|deal| at <= deal.closed)
    }

    /// The units of an account, in the order of their first touch or creation.
    fn units(&self, touches: &[Touch], stages: &[(i32, bool)], days: &Days) -> Vec<Unit> {
        let mut units: Vec<Unit> = self
            .deals
            .iter()
            .map(|deal| Unit { deal: Some(deal.row), ..Unit::default() })
            .collect();
        for touch in touches {
            let of_deal = self.deal_at(touch.0).and_then(|deal| units.get_mut(deal));
            if let Some(unit) = of_deal {
                unit.touches.push(*touch);
                continue;
            }
            let on = |unit: &Unit| {
                unit.touches
                    .last()
                    .is_some_and(|last| unit.deal.is_none() && touch.0 - last.0 <= self.lapse)
            };
            match units.last_mut() {
                Some(last) if on(last) => last.touches.push(*touch),
                _ => units.push(Unit { touches: vec![*touch], ..Unit::default() }),
            }
        }
        for &(day, sales) in stages {
            let at = days.end(day);
            let loose = |unit: &Unit| {
                let (first, last) = (unit.touches.first(), unit.touches.last());
                unit.deal.is_none()
                    && first.zip(last).is_some_and(|(first, last)| {
                        days.day(first.0) <= day && at <= last.0.saturating_add(self.lapse)
                    })
            };
            // A stage of the day of the creation belongs to the deal.
            let start = days.end(day - 1).saturating_add(1);
            let place = self.deal_at(start).or_else(|| units.iter().position(loose));
            if let Some(unit) = place.and_then(|place| units.get_mut(place)) {
                let slot = if sales { &mut unit.qualified } else { &mut unit.prioritized };
                *slot = Some(slot.map_or(day, |known| known.min(day)));
            }
        }
        let begin = |unit: &Unit| {
            let touched = unit.touches.first().map(|touch| touch.0);
            let created = self.deals.iter().find(|deal| Some(deal.row) == unit.deal);
            touched.into_iter().chain(created.map(|deal| deal.created)).min()
        };
        units.sort_by_key(|unit| (begin(unit), unit.deal));
        units
    }
}

/// The day on which enough touches or people have come within the days.
fn engaged(touches: &[Touch], rule: DemandUnits) -> Option<i64> {
    let within = i64::from(rule.engaged_days) * DAY;
    let mut people: BTreeMap<u32, usize> = BTreeMap::new();
    let mut first = 0;
    for (place, touch) in touches.iter().enumerate() {
        if touch.3 != NONE {
            *people.entry(touch.3).or_default() += 1;
        }
        while let Some(old) = touches.get(first).filter(|old| touch.0 - old.0 > within) {
            if let Some(n) = people.get_mut(&old.3) {
                *n -= 1;
                if *n == 0 {
                    people.remove(&old.3);
                }
            }
            first += 1;
        }
        let n_touches = place + 1 - first;
        if n_touches >= rule.engaged_touches as usize
            || people.len() >= rule.engaged_people as usize
        {
            return Some(touch.0);
        }
    }
    None
}

/// The days of the stages from target to pipeline: those after a later stage fall away.
fn settled(mut stages: [Option<i32>; 6]) -> [Option<i32>; 6] {
    let mut limit = i32::MAX;
    for day in stages.iter_mut().skip(1).rev() {
        *day = day.filter(|day| *day <= limit);
        limit = day.unwrap_or(limit);
    }
    // A target is one from the first.
    if let Some(target) = stages.first_mut() {
        *target = target.map(|day| day.min(limit));
    }
    stages
}

/// The rows as they are made.
#[derive(Default)]
struct Made {
    texts: [Vec<Option<Arc<str>>>; 10],
    n_people: Vec<Option<i64>>,
    days: [Vec<Option<Date>>; 7],
    amounts: Vec<Option<Money>>,
}

/// What units are made of.
struct Ground<'a> {
    built: &'a Built,
    deals: Arc<Frame>,
    accounts: Arc<Frame>,
    programs: Arc<Frame>,
    rule: DemandUnits,
    as_of: i32,
}

impl Ground<'_> {
    fn text(&self, column: &str, deal: Option<usize>) -> Option<Arc<str>> {
        self.deals.texts(column).get(deal?).cloned().flatten()
    }

    fn day(&self, column: &str, deal: Option<usize>) -> Option<i32> {
        self.deals.days(column).get(deal?).copied().flatten().map(number)
    }

    /// Adds the row of a unit; returns the day on which it ended or was last touched.
    fn add(
        &self,
        made: &mut Made,
        account: Option<usize>,
        n: usize,
        target: Option<i32>,
        unit: &Unit,
    ) -> Option<i32> {
        let days = self.built.days();
        let deal = unit.deal;
        let pipeline = self.day("created_on", deal);
        let stages = settled([
            target,
            unit.touches.first().map(|touch| days.day(touch.0)),
            engaged(&unit.touches, self.rule).map(|at| days.day(at)),
            unit.prioritized,
            unit.qualified,
            pipeline,
        ]);
        let last = unit.touches.last().map(|touch| days.day(touch.0));
        let closed = self.day("closed_on", deal);
        let lapse = i32::try_from(self.rule.lapse_days).unwrap_or(i32::MAX);
        let outcome = match (deal, last) {
            (Some(_), _) => self.text("state", deal),
            (None, Some(last)) if last.saturating_add(lapse) < self.as_of => Some("lapsed".into()),
            (None, _) => Some("open".into()),
        };
        let of_account =
            |column: &str| self.accounts.texts(column).get(account?).cloned().flatten();
        let channels = self.built.channels();
        let first = unit.touches.first();
        let channel = match deal {
            Some(_) => self.text("channel", deal),
            None => Some(first.map_or_else(|| "unknown".into(), |touch| channels.id(touch.2))),
        };
        let source = match deal {
            Some(_) => self.text("source", deal),
            None => first.map(|touch| side_text(channels.side(touch.2))).or(Some("unknown".into())),
        };
        let program = |of_deal: &str, own: &str| match deal {
            Some(_) => self.text(of_deal, deal),
            None => first.and_then(|touch| {
                let place = usize::try_from(touch.1).ok()?;
                self.programs.texts(own).get(place).cloned().flatten()
            }),
        };
        let account_id = of_account("id");
        let id = match (&account_id, deal) {
            (Some(account), _) => Some(format!("{account}/{n}").into()),
            (None, deal) => self.text("id", deal),
        };
        let row = [
            id,
            account_id,
            of_account("name").or_else(|| self.text("account", deal)),
            of_account("_segment").or(Some("unknown".into())),
            channel,
            program("program_id", "id"),
            program("program", "name"),
            source,
            self.text("id", deal),
            outcome,
        ];
        for (column, text) in made.texts.iter_mut().zip(row) {
            column.push(text);
        }
        let people: HashSet<u32> =
            unit.touches.iter().map(|touch| touch.3).filter(|person| *person != NONE).collect();
        let roles = deal.and_then(|deal| self.deals.integers("n_roles").get(deal).copied()?);
        made.n_people.push(i64::try_from(people.len()).ok().max(roles));
        for (column, day) in made.days.iter_mut().zip(stages.into_iter().chain([closed])) {
            column.push(day.map(date));
        }
        let amount = deal.and_then(|deal| self.deals.moneys("amount").get(deal).copied()?);
        made.amounts.push(amount);
        closed.or(last).or(pipeline)
    }
}

/// Days of stages by account: false for marketing, true for sales qualified.
type Qualified = HashMap<Arc<str>, Vec<(i32, bool)>>;

/// For each account, when a person of it became marketing (false) or sales (true) qualified.
fn qualified(built: &Built) -> Result<Qualified, LakeError> {
    let stages = built.whole("lead_stages", built.definitions().currency, "")?;
    let mut found = Qualified::new();
    let columns = stages.texts("stage").iter().zip(stages.texts("account_id"));
    for ((stage, account), day) in columns.zip(stages.days("entered_on")) {
        let sales = match stage.as_deref() {
            Some("mql") => false,
            Some("sql") => true,
            _ => continue,
        };
        if let (Some(account), Some(day)) = (account, day) {
            found.entry(Arc::clone(account)).or_default().push((number(*day), sales));
        }
    }
    Ok(found)
}

pub(super) fn all(built: &Built, currency: Currency) -> Result<Frame, LakeError> {
    let deals = built.whole("opportunities", currency, "")?;
    let by_account = counted(&deals);
    let stages = qualified(built)?;
    let rule = built.definitions().demand_units;
    let ground = Ground {
        built,
        accounts: built.table("accounts")?,
        programs: built.table("programs")?,
        rule,
        as_of: number(built.as_of()),
        deals,
    };
    let days = built.days();
    let span = |(created, row): &(i64, usize)| {
        let closed = ground.day("closed_on", Some(*row));
        Span { created: *created, closed: closed.map_or(i64::MAX, |day| days.end(day)), row: *row }
    };
    let touches = activity::touches(&*built.activity()?)?;
    let mut touches = touches.chunk_by(|a, b| a.0 == b.0).peekable();
    let mut made = Made::default();
    for (place, id) in ground.accounts.texts("id").iter().enumerate() {
        let Some(id) = id else { continue };
        let own = touches.next_if(|own| own.first().is_some_and(|t| t.0 as usize == place));
        let own: Vec<Touch> =
            own.unwrap_or(&[]).iter().map(|touch| (touch.1, touch.2, touch.3, touch.4)).collect();
        let deals: Vec<Span> =
            by_account.get(id).map_or(&[][..], Vec::as_slice).iter().map(span).collect();
        let account = Account {
            deals: &deals,
            window: i64::from(rule.window_days) * DAY,
            lapse: i64::from(rule.lapse_days) * DAY,
        };
        let own_stages = stages.get(id).map_or(&[][..], Vec::as_slice);
        let units = account.units(&own, own_stages, days);
        let targeted = ground.accounts.booleans("_targeted").get(place) == Some(&Some(true));
        let created = ground.accounts.days("_created_on").get(place).copied().flatten();
        let mut target = created.map(number).filter(|_| targeted);
        if units.is_empty() && target.is_some() {
            ground.add(&mut made, Some(place), 1, target, &Unit::default());
        }
        for (n, unit) in (1..).zip(&units) {
            let end = ground.add(&mut made, Some(place), n, target, unit);
            // The next purchase begins where this one ended.
            target = if targeted { end.or(target) } else { None };
        }
    }
    for (row, account) in ground.deals.texts("account_id").iter().enumerate() {
        let counts = ground.deals.booleans("counted").get(row) == Some(&Some(true));
        if account.is_none() && counts {
            let unit = Unit { deal: Some(row), ..Unit::default() };
            ground.add(&mut made, None, 1, None, &unit);
        }
    }
    frame(made)
}

fn frame(made: Made) -> Result<Frame, LakeError> {
    let [
        ids,
        account_ids,
        accounts,
        segments,
        channels,
        program_ids,
        programs,
        sources,
        deals,
        outcomes,
    ] = made.texts.map(Column::Text);
    let [target, active, engaged, prioritized, qualified, pipeline, closed] =
        made.days.map(Column::Day);
    Ok(Frame::new(vec![
        ("id", ids),
        ("account_id", account_ids),
        ("account", accounts),
        ("segment", segments),
        ("channel", channels),
        ("program_id", program_ids),
        ("program", programs),
        ("source", sources),
        ("opportunity_id", deals),
        ("n_people", Column::Integer(made.n_people)),
        ("target_on", target),
        ("active_on", active),
        ("engaged_on", engaged),
        ("prioritized_on", prioritized),
        ("qualified_on", qualified),
        ("pipeline_on", pipeline),
        ("closed_on", closed),
        ("outcome", outcomes),
        ("amount", Column::Money(made.amounts)),
    ])?)
}
