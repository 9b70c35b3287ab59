//! The relations of a small company as of a day, in the shape of `docs/spec/relations.md`.
//!
//! Only what had been entered by the end of that day; a frame is made from the records each time.

mod people;

use std::sync::Arc;

use domain::{Column, Currency, Frame, Money};
use jiff::Timestamp;
use jiff::civil::Date;

use super::diary::{LOST, Record, WON, What};
use super::flow::{NEVER, Source};
use super::law::{STAGE, STAGES, quarter_of, station_id};
use super::{Company, program_id};
use crate::clock;

/// Chances of winning from the open stages, as the starter definitions have them, in percent.
const CHANCE: [i64; STAGES] = [10, 20, 40, 50, 65, 80];

/// Returns a day as a date; none for what never happens.
pub(super) fn date(day: i64) -> Option<Date> {
    if day == NEVER {
        return None;
    }
    let (year, month, of_month) = clock::civil(day);
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(of_month).ok()?)
        .ok()
}

fn month_text(day: i64) -> String {
    let (year, month, _) = clock::civil(day);
    format!("{year:04}-{month:02}")
}

fn quarter_text(day: i64) -> String {
    let quarter = quarter_of(day);
    format!("{}Q{}", quarter.div_euclid(4), quarter.rem_euclid(4) + 1)
}

/// The identifier of a stage by its place.
pub(super) fn stage_id(stage: usize) -> &'static str {
    match stage {
        WON => "won",
        LOST => "lost",
        _ => station_id(stage),
    }
}

fn stage_name(stage: usize) -> &'static str {
    match stage {
        WON => "Closed Won",
        LOST => "Closed Lost",
        _ => stage.checked_sub(1).and_then(|at| STAGE.get(at)).map_or("", |stage| stage.1),
    }
}

fn index(stage: usize) -> Option<i64> {
    (stage <= STAGES).then(|| i64::try_from(stage).unwrap_or(0))
}

fn state(stage: usize) -> &'static str {
    match stage {
        WON => "won",
        LOST => "lost",
        _ => "open",
    }
}

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

fn seen(day: i64, until: i64) -> Option<Date> {
    if day <= until { date(day) } else { None }
}

fn source_id(source: Source) -> &'static str {
    match source {
        Source::Marketing => "marketing",
        Source::Sales => "sales",
        Source::Partner => "partner",
        Source::Customer => "customer",
    }
}

/// A deal as it was known on a day, with what its rows share.
pub(super) struct Deal<'a> {
    pub(super) at: usize,
    pub(super) record: &'a Record,
    id: Arc<str>,
    channel: &'static str,
    stage: usize,
    since: i64,
    reached: usize,
    amount: Option<i64>,
    close: i64,
    owner: usize,
    category: &'static str,
    pushes: i64,
    n_changes: usize,
}

impl Deal<'_> {
    fn closed(&self) -> bool {
        self.stage > STAGES
    }
}

/// Makes columns from rows.
struct Made<'r, T> {
    rows: &'r [T],
    columns: Vec<(&'static str, Column)>,
}

impl<'r, T> Made<'r, T> {
    fn of(rows: &'r [T]) -> Self {
        Self { rows, columns: Vec::new() }
    }

    fn shared(mut self, name: &'static str, of: impl Fn(&T) -> Option<Arc<str>>) -> Self {
        self.columns.push((name, Column::Text(self.rows.iter().map(of).collect())));
        self
    }

    fn text<S: AsRef<str>>(mut self, name: &'static str, of: impl Fn(&T) -> Option<S>) -> Self {
        let mut last: Option<Arc<str>> = None;
        let mut shared = |text: Option<S>| {
            let text = text?;
            let text = text.as_ref();
            if text.is_empty() {
                return None;
            }
            match &last {
                Some(known) if **known == *text => {}
                _ => last = Some(Arc::from(text)),
            }
            last.clone()
        };
        let values = self.rows.iter().map(|row| shared(of(row))).collect();
        self.columns.push((name, Column::Text(values)));
        self
    }

    fn integer(mut self, name: &'static str, of: impl Fn(&T) -> Option<i64>) -> Self {
        self.columns.push((name, Column::Integer(self.rows.iter().map(of).collect())));
        self
    }

    fn number(mut self, name: &'static str, of: impl Fn(&T) -> Option<f64>) -> Self {
        self.columns.push((name, Column::Number(self.rows.iter().map(of).collect())));
        self
    }

    fn flag(mut self, name: &'static str, of: impl Fn(&T) -> Option<bool>) -> Self {
        self.columns.push((name, Column::Boolean(self.rows.iter().map(of).collect())));
        self
    }

    fn day(mut self, name: &'static str, of: impl Fn(&T) -> Option<Date>) -> Self {
        self.columns.push((name, Column::Day(self.rows.iter().map(of).collect())));
        self
    }

    fn instant(mut self, name: &'static str, of: impl Fn(&T) -> Option<Timestamp>) -> Self {
        self.columns.push((name, Column::Instant(self.rows.iter().map(of).collect())));
        self
    }

    fn money(mut self, name: &'static str, of: impl Fn(&T) -> Option<i64>) -> Self {
        let values = self.rows.iter().map(|row| of(row).map(usd)).collect();
        self.columns.push((name, Column::Money(values)));
        self
    }

    fn frame(self) -> Frame {
        Frame::new(self.columns).unwrap_or_default()
    }
}

fn at_noon(day: i64, second: i64) -> Option<Timestamp> {
    Timestamp::from_second(day * clock::DAY + 43_200 + second.min(43_000)).ok()
}

/// Makes a relation; none where it has no such relation.
pub(super) fn relation(company: &Company, name: &str, until: i64) -> Option<Frame> {
    Some(match name {
        "opportunities" => opportunities(company, &deals(company, until), until),
        "deal_changes" => deal_changes(company, &deals(company, until), until),
        "stage_visits" => stage_visits(company, &deals(company, until), until),
        "credits" => credits(company, &deals(company, until)),
        "program_leads" => people::program_leads(company, until),
        "lead_stages" => people::lead_stages(company, until),
        "leads" => people::leads(company, until),
        "demand_units" => people::demand_units(company, until),
        "programs" => people::programs(company, until),
        "spend" => people::spend(company, until, true),
        "spend_left_out" => people::spend(company, until, false),
        "touches" => people::touches(company, until),
        "touch_days" => people::touch_days(company, until),
        "capacity" => people::capacity(company, until),
        "budgets" => people::budgets(company, until),
        _ => return None,
    })
}

pub(super) fn deals(company: &Company, until: i64) -> Vec<Deal<'_>> {
    company
        .records
        .iter()
        .enumerate()
        .take_while(|(_, record)| record.known <= until)
        .map(|(at, record)| {
            let mut deal = Deal {
                at,
                record,
                id: deal_id(at),
                channel: company.channel(record),
                stage: record.stage,
                since: record.known,
                reached: record.stage,
                amount: record.amount,
                close: record.close,
                owner: record.owner,
                category: "pipeline",
                pushes: 0,
                n_changes: 0,
            };
            for change in record.changes.iter().take_while(|change| change.day <= until) {
                deal.n_changes += 1;
                match change.what {
                    What::Amount(amount) => deal.amount = amount,
                    What::Close(day) => {
                        deal.pushes += i64::from(day > deal.close);
                        deal.close = day;
                    }
                    What::Owner(owner) => deal.owner = owner,
                    What::Category(category) => deal.category = category,
                    What::Stage(stage) => {
                        deal.stage = stage;
                        deal.since = change.day;
                        match stage {
                            WON => deal.reached = STAGES,
                            LOST => {}
                            _ => deal.reached = deal.reached.max(stage),
                        }
                    }
                }
            }
            deal
        })
        .collect()
}

/// The identifier of a deal.
pub(super) fn deal_id(at: usize) -> Arc<str> {
    format!("d{at:05}").into()
}

fn account_id(account: usize) -> String {
    format!("a{account:06}")
}

fn segment(company: &Company, segment: usize) -> &'static str {
    company.law.segments.get(segment).map_or("unknown", |segment| segment.id)
}

fn owner(company: &Company, at: usize) -> Option<&'static str> {
    company.law.owner(at).map(|owner| owner.name)
}

fn program(record: &Record) -> Option<String> {
    record.program.map(program_id)
}

fn program_name(record: &Record) -> Option<String> {
    record.program.map(super::program_name)
}

fn counted(record: &Record) -> bool {
    record.kind != "Renewal"
}

fn lead_source(source: Source) -> &'static str {
    match source {
        Source::Marketing => "Web",
        Source::Sales => "Outbound",
        Source::Partner => "Partner",
        Source::Customer => "Customer Referral",
    }
}

fn born(company: &Company, record: &Record) -> Option<i64> {
    let prospect = company.prospects.get(record.who?)?;
    prospect.lead().then_some(prospect.born)
}

fn opportunities(company: &Company, deals: &[Deal<'_>], until: i64) -> Frame {
    let letters = |deal: &Deal<'_>| -> Vec<&'static str> {
        const LETTERS: [&str; 8] = [
            "metrics",
            "economic_buyer",
            "decision_criteria",
            "decision_process",
            "paper_process",
            "identified_pain",
            "champion",
            "competition",
        ];
        let answered = LETTERS.iter().zip(deal.record.letters).filter(|(_, day)| *day <= until);
        answered.map(|(letter, _)| *letter).collect()
    };
    let qualified = |deal: &Deal<'_>| {
        let answered = letters(deal);
        let parts: Vec<String> = answered.iter().map(|l| format!("\"{l}\":\"yes\"")).collect();
        (!answered.is_empty()).then(|| format!("{{{}}}", parts.join(",")))
    };
    let chance = |deal: &Deal<'_>| match deal.stage {
        WON => 100,
        LOST => 0,
        stage => stage.checked_sub(1).and_then(|at| CHANCE.get(at)).copied().unwrap_or(0),
    };
    let closed = |deal: &Deal<'_>| deal.closed().then_some(deal.close);
    let first = |deal: &Deal<'_>| born(company, deal.record);
    Made::of(deals)
        .shared("id", |d| Some(Arc::clone(&d.id)))
        .text("name", |d| Some(format!("Deal {}", d.at)))
        .text("account_id", |d| Some(account_id(d.record.account)))
        .text("account", |d| Some(format!("Company {}", d.record.account)))
        .text("segment", |d| Some(segment(company, d.record.segment)))
        .text("industry", |_| Some("Manufacturing"))
        .text("country", |d| Some(["US", "DE", "GB"].get(d.record.account % 3).copied()?))
        .text("owner", |d| owner(company, d.owner))
        .text("kind", |d| Some(d.record.kind))
        .text("lead_source", |d| Some(lead_source(d.record.source)))
        .flag("counted", |d| Some(counted(d.record)))
        .text("stage", |d| Some(stage_id(d.stage)))
        .text("state", |d| Some(state(d.stage)))
        .integer("stage_reached", |d| index(d.reached))
        .text("stage_reached_name", |d| Some(stage_name(d.reached)))
        .money("amount", |d| d.amount)
        .money("amount_native", |d| d.amount)
        .number("probability", |d| Some(chance(d) as f64 / 100.0))
        .money("expected", |d| d.amount.map(|amount| amount / 100 * chance(d)))
        .instant("created_at", |d| at_noon(d.record.created, 0))
        .day("created_on", |d| date(d.record.created))
        .day("close_on", |d| date(d.close))
        .day("closed_on", |d| date(closed(d)?))
        .flag("won", |d| d.closed().then_some(d.stage == WON))
        .integer("cycle_days", |d| {
            closed(d).map(|day| day - d.record.created).filter(|days| *days >= 0)
        })
        .text("month", |d| Some(month_text(d.record.created)))
        .text("quarter", |d| Some(quarter_text(d.record.created)))
        .text("source_first_touch", |d| Some(source_id(d.record.source)))
        .text("source_lead_source", |d| Some(source_id(d.record.source)))
        .text("source_pre_sales", |d| Some(source_id(d.record.source)))
        .text("source", |d| Some(source_id(d.record.source)))
        .text("channel", |d| Some(d.channel))
        .text("program_id", |d| program(d.record))
        .text("program", |d| program_name(d.record))
        .flag("influenced", |d| Some(d.record.source == Source::Marketing))
        .integer("n_touches", |d| Some(i64::from(first(d).is_some())))
        .day("first_touch_on", |d| date(first(d)?))
        .integer("days_from_first_touch", |d| {
            Some(d.close - first(d)?).filter(|days| d.stage == WON && *days >= 0)
        })
        .text("forecast_category", |d| Some(d.category))
        .text("qualification", qualified)
        .integer("qualification_score", |d| {
            let n = letters(d).len();
            if n == 0 { None } else { i64::try_from(n).ok() }
        })
        .integer("n_roles", |d| {
            let n = d.record.roles.iter().filter(|day| **day <= until).count();
            i64::try_from(n).ok()
        })
        .day("last_activity_on", |d| {
            d.record.active.iter().rev().find(|day| **day <= until).and_then(|day| date(*day))
        })
        .integer("stage_index", |d| index(d.stage))
        .day("stage_since", |d| date(d.since))
        .integer("n_pushes", |d| Some(d.pushes))
        .shared("duplicate_of", |d| {
            let original = d.record.copy_of.and_then(|at| deals.get(at))?;
            let same = original.amount == d.amount && d.amount.is_some();
            (same && !original.closed() && !d.closed()).then(|| Arc::clone(&original.id))
        })
        .frame()
}

/// Adds the columns of the deal that each of its rows carries.
fn of_deal<'r, 'd: 'r, T>(
    made: Made<'r, T>,
    company: &Company,
    of: impl Fn(&T) -> &'r Deal<'d> + Copy,
) -> Made<'r, T> {
    made.text("segment", |row| Some(segment(company, of(row).record.segment)))
        .text("channel", |row| Some(of(row).channel))
        .text("program_id", |row| program(of(row).record))
        .text("program", |row| program_name(of(row).record))
        .text("source", |row| Some(source_id(of(row).record.source)))
        .text("owner", |row| owner(company, of(row).owner))
        .text("kind", |row| Some(of(row).record.kind))
        .flag("counted", |row| Some(counted(of(row).record)))
        .day("created_on", |row| date(of(row).record.created))
}

/// One change of a deal, with the values before it.
struct Changed<'r, 'd> {
    deal: &'r Deal<'d>,
    position: i64,
    day: i64,
    /// None for the creation.
    what: Option<What>,
    stage: usize,
    amount: Option<i64>,
    close: i64,
    owner: usize,
    category: &'static str,
}

fn deal_changes(company: &Company, deals: &[Deal<'_>], _until: i64) -> Frame {
    let mut rows: Vec<Changed<'_, '_>> = Vec::new();
    for deal in deals {
        let record = deal.record;
        let mut now = Changed {
            deal,
            position: 1,
            day: record.known,
            what: None,
            stage: record.stage,
            amount: record.amount,
            close: record.close,
            owner: record.owner,
            category: "pipeline",
        };
        rows.push(Changed { ..now });
        for change in record.changes.iter().take(deal.n_changes) {
            now.position += 1;
            rows.push(Changed { day: change.day, what: Some(change.what), ..now });
            match change.what {
                What::Amount(amount) => now.amount = amount,
                What::Close(day) => now.close = day,
                What::Owner(owner) => now.owner = owner,
                What::Category(category) => now.category = category,
                What::Stage(stage) => now.stage = stage,
            }
        }
    }
    let stages = |row: &Changed<'_, '_>| match row.what {
        None => (None, Some(row.stage)),
        Some(What::Stage(new)) => (Some(row.stage), Some(new)),
        _ => (None, None),
    };
    let amounts = |row: &Changed<'_, '_>| match row.what {
        None => (None, row.amount),
        Some(What::Amount(new)) => (row.amount, new),
        _ => (None, None),
    };
    let closes = |row: &Changed<'_, '_>| match row.what {
        None => (None, Some(row.close)),
        Some(What::Close(new)) => (Some(row.close), Some(new)),
        _ => (None, None),
    };
    let text = |row: &Changed<'_, '_>, new: bool| -> Option<String> {
        let pick = |pair: (Option<String>, Option<String>)| if new { pair.1 } else { pair.0 };
        let day = |day: i64| date(day).map(|day| day.to_string());
        let amount = |minor: Option<i64>| minor.map(|minor| usd(minor).amount_text());
        match row.what? {
            What::Stage(to) => {
                pick((Some(stage_name(row.stage).to_owned()), Some(stage_name(to).to_owned())))
            }
            What::Amount(to) => pick((amount(row.amount), amount(to))),
            What::Close(to) => pick((day(row.close), day(to))),
            What::Owner(to) => pick((
                owner(company, row.owner).map(str::to_owned),
                owner(company, to).map(str::to_owned),
            )),
            What::Category(to) => pick((Some(row.category.to_owned()), Some(to.to_owned()))),
        }
    };
    let made = Made::of(&rows)
        .shared("opportunity_id", |row| Some(Arc::clone(&row.deal.id)))
        .text("opportunity", |row| Some(format!("Deal {}", row.deal.at)))
        .integer("position", |row| Some(row.position))
        .text("field", |row| {
            Some(match row.what {
                None => "created",
                Some(What::Stage(_)) => "stage",
                Some(What::Amount(_)) => "amount",
                Some(What::Close(_)) => "close_on",
                Some(What::Owner(_)) => "owner",
                Some(What::Category(_)) => "forecast_category",
            })
        })
        .text("old", |row| text(row, false))
        .text("new", |row| text(row, true))
        .text("stage_old", |row| stages(row).0.map(stage_id))
        .text("stage_new", |row| stages(row).1.map(stage_id))
        .integer("index_old", |row| stages(row).0.and_then(index))
        .integer("index_new", |row| stages(row).1.and_then(index))
        .text("state_new", |row| stages(row).1.map(state))
        .money("amount_old", |row| amounts(row).0)
        .money("amount_new", |row| amounts(row).1)
        .day("day_old", |row| closes(row).0.and_then(date))
        .day("day_new", |row| closes(row).1.and_then(date))
        .instant("at", |row| at_noon(row.day, row.position))
        .day("day", |row| date(row.day))
        .text("actor", |row| owner(company, row.owner))
        .flag("derived", |_| Some(false));
    of_deal(made, company, |row| row.deal).frame()
}

struct Visit<'r, 'd> {
    deal: &'r Deal<'d>,
    position: i64,
    stage: usize,
    entered: i64,
    left: i64,
    next: Option<usize>,
    entry: &'static str,
    skipped: i64,
}

fn stage_visits(company: &Company, deals: &[Deal<'_>], _until: i64) -> Frame {
    let mut rows: Vec<Visit<'_, '_>> = Vec::new();
    for deal in deals {
        let mut visit = Visit {
            deal,
            position: 1,
            stage: deal.record.stage,
            entered: deal.record.known,
            left: NEVER,
            next: None,
            entry: "first",
            skipped: 0,
        };
        for change in deal.record.changes.iter().take(deal.n_changes) {
            let What::Stage(to) = change.what else { continue };
            let from = visit.stage;
            rows.push(Visit { left: change.day, next: Some(to), ..visit });
            visit.position += 1;
            visit.stage = to;
            visit.entered = change.day;
            visit.skipped = 0;
            visit.entry = if to > STAGES {
                "closed"
            } else if from > STAGES {
                "reopened"
            } else if to < from {
                "backward"
            } else if to > from + 1 {
                visit.skipped = i64::try_from(to - from - 1).unwrap_or(0);
                "skipped"
            } else {
                "forward"
            };
        }
        rows.push(visit);
    }
    let left = |row: &Visit<'_, '_>| (row.left < NEVER).then_some(row.left);
    let made = Made::of(&rows)
        .shared("opportunity_id", |row| Some(Arc::clone(&row.deal.id)))
        .text("opportunity", |row| Some(format!("Deal {}", row.deal.at)))
        .integer("position", |row| Some(row.position))
        .text("stage", |row| Some(stage_id(row.stage)))
        .text("stage_name", |row| Some(stage_name(row.stage)))
        .integer("stage_index", |row| index(row.stage))
        .day("entered_on", |row| date(row.entered))
        .day("left_on", |row| left(row).and_then(date))
        .integer("days", |row| left(row).map(|left| left - row.entered))
        .text("next", |row| row.next.map(stage_id))
        .text("move", |row| Some(row.entry))
        .integer("n_skipped", |row| Some(row.skipped))
        .money("amount", |row| row.deal.amount)
        .text("state", |row| Some(state(row.deal.stage)));
    of_deal(made, company, |row| row.deal).frame()
}

fn credits(company: &Company, deals: &[Deal<'_>]) -> Frame {
    let rows: Vec<&Deal<'_>> = deals.iter().collect();
    let made = Made::of(&rows)
        .shared("opportunity_id", |d| Some(Arc::clone(&d.id)))
        .text("opportunity", |d| Some(format!("Deal {}", d.at)))
        .text("account", |d| Some(format!("Company {}", d.record.account)))
        .text("state", |d| Some(state(d.stage)))
        .day("closed_on", |d| if d.closed() { date(d.close) } else { None })
        .text("month", |d| Some(month_text(d.record.created)))
        .text("quarter", |d| Some(quarter_text(d.record.created)))
        .text("side", |d| Some(source_id(d.record.source)))
        .integer("n_touches", |d| Some(i64::from(born(company, d.record).is_some())))
        .number("share", |_| Some(1.0))
        .money("credit", |d| d.amount)
        .money("credit_won", |d| d.amount.filter(|_| d.stage == WON));
    of_deal(made, company, |d| *d).frame()
}
