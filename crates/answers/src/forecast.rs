//! What will close, by when, with what probability?
//!
#![doc = include_str!("forecast.md")]
//!
//! For: CEO, CFO, CRO. Grain: one row per open deal, owner, source and past period. Money: the
//! currency asked for. Method: `stats::hazard`, `stats::arrival`, `stats::simulate`,
//! `stats::velocity`.

use domain::answer::Table;
use domain::definition::State;
use domain::{Answer, Ask, Caveat, Filter, Given, Money, Need, Question, Value};

use crate::common;
use crate::slice::Slice;
use crate::words;

mod gap;
pub(crate) mod model;
pub(crate) mod plain;
pub(crate) mod record;
mod shape;
mod tables;
#[cfg(test)]
mod tests;
pub(crate) mod track;

use gap::Gap;
use model::{FLOOR, Forecast, Learned, Method, Span};
use plain::Plain;
use record::{Record, number};
use track::Replay;

/// The question.
pub const QUESTION: Question = Question {
    id: "forecast",
    asks: "What will close, by when, with what probability?",
    readers: &["CEO", "CFO", "CRO"],
    help: include_str!("forecast.md"),
};

/// Simulations of the answer, and of each day that is replayed.
const RUNS: u32 = 10_000;
const RUNS_PAST: u32 = 1000;

/// Past periods that are replayed.
const PAST: usize = 6;

/// All deals that count, and their past.
pub fn needs(ask: &Ask) -> Vec<Need> {
    vec![
        Need { name: "deals", rows: common::counted(ask, "opportunities") },
        Need { name: "changes", rows: common::counted(ask, "deal_changes") },
    ]
}

/// All that is found out, from which the answer is written.
pub(crate) struct Found<'a> {
    ask: &'a Ask,
    deals: Slice<'a>,
    record: Record,
    learned: Learned,
    forecast: Forecast,
    plain: Plain,
    replays: Vec<Replay>,
    /// How much the range was widened; below 1, narrowed.
    widened: f64,
    gap: Option<Gap>,
}

impl<'a> Found<'a> {
    fn of(ask: &'a Ask, given: &'a Given) -> Self {
        let deals = Slice::of(given, "deals", common::counted(ask, "opportunities"), ask.currency);
        let calendar = ask.definitions.calendar();
        let record = Record::of(given.frame("deals"), given.frame("changes"), calendar.clone());
        let chances = plain::chances(&ask.definitions);
        let on = given.known_until.map_or(ask.as_of, |day| day.min(ask.as_of));
        let span =
            Span { on: number(on), from: number(ask.period.from), to: number(ask.period.to) };
        let learned = Learned::by(&record, span);
        let mut forecast = Forecast::of(&record, &learned, span, RUNS, ask.seed);
        let before = track::before(&calendar, &ask.period, span.on, PAST);
        let replays = if learned.method == Method::Counting {
            Vec::new()
        } else {
            track::replays(&record, &chances, &before, span.on, RUNS_PAST, ask.seed)
        };
        let widened =
            if forecast.method == Method::Hazard { track::widening(&replays) } else { 1.0 };
        forecast.widen(widened);
        let plain = Plain::of(&record, &chances, span);
        let target = goal(ask, "won");
        let gap = target.and_then(|target| {
            gap::divide(&record, &forecast, &ask.period, &before, target.minor as f64)
        });
        Self { ask, deals, record, learned, forecast, plain, replays, widened, gap }
    }

    fn money(&self, minor: f64) -> Money {
        money(minor, self.ask)
    }

    fn value(&self, minor: f64) -> Value {
        Value::Money(self.money(minor))
    }

    fn said(&self, minor: f64) -> String {
        words::money(self.money(minor))
    }

    /// The open deals.
    fn open(&self) -> Slice<'a> {
        self.deals.only(Filter::is("state", State::Open.id()))
    }

    /// The deals won in the period.
    fn won(&self) -> Slice<'a> {
        self.deals
            .only(Filter::flag("won", true))
            .only(Filter::within("closed_on", &self.ask.period))
    }
}

/// Money from minor units as a number.
pub(crate) fn money(minor: f64, ask: &Ask) -> Money {
    #[expect(clippy::cast_possible_truncation, reason = "a cast saturates")]
    let whole = minor.round() as i64;
    Money::from_minor(whole, ask.currency)
}

/// The goal of the whole company for a figure in the period, where it can be compared.
fn goal(ask: &Ask, figure: &str) -> Option<Money> {
    if ask.segment.is_some() || ask.currency != ask.definitions.currency {
        return None;
    }
    let goal = ask.definitions.goal(figure, &ask.period)?;
    Money::from_decimal(goal, ask.currency).ok()
}

/// Who answers for a figure.
fn owner(ask: &Ask, figure: &str) -> String {
    let set = ask.definitions.goals_of(&ask.period);
    let goal = set.iter().find(|goal| goal.figure == figure);
    goal.map_or_else(
        || domain::definition::Goal::usual_owner(figure).to_owned(),
        |goal| goal.owner().to_owned(),
    )
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let mut answer = Answer::new(&QUESTION, ask);
    if given.frame("deals").n_rows() == 0 {
        answer.headline = common::of_segment(ask, "No deal is on record to forecast from.".into());
        common::caveats(&mut answer, ask, given);
        return answer;
    }
    let found = Found::of(ask, given);
    answer.figures = tables::figures(&found);
    answer.headline = common::of_segment(ask, headline(&found));
    answer.charts.extend(tables::fan(&found));
    answer.charts.extend(tables::waterfall(&found));
    answer.charts.extend(tables::past(&found));
    let made: [Option<Table>; 7] = [
        Some(tables::parts(&found)),
        Some(tables::ways(&found)),
        tables::gap(&found),
        tables::owners(&found),
        tables::track(&found),
        tables::replayed(&found),
        tables::deals(&found),
    ];
    answer.tables.extend(made.into_iter().flatten());
    answer.caveats = doubts(&found);
    common::caveats(&mut answer, ask, given);
    answer
}

fn headline(found: &Found<'_>) -> String {
    let Found { ask, forecast, learned, .. } = found;
    let period = &ask.period.label;
    let booked = found.said(forecast.so_far);
    if ask.period.to <= ask.as_of {
        return format!("{} is over: {booked} were booked.", words::sentence(period));
    }
    let (closed, won) = learned.closed;
    let has = |n: usize| words::deals(i64::try_from(n).unwrap_or(i64::MAX));
    let bounds = [0.1, 0.5, 0.9].map(|p| found.said(forecast.total.quantile(p)));
    let [low, middle, high] = bounds;
    match learned.method {
        Method::Counting => format!(
            "Too little to forecast from: {} closed with their stages on record. {booked} are booked \
             in {period} so far; {} open.",
            has(closed),
            has(forecast.prospects.len()),
        ),
        Method::Stages => format!(
            "Too little for the model ({} closed with their stages on record, {won} of them won; it \
             takes {} and {}). By the rates of stages alone, {period} brings {middle} ({low} to \
             {high} with 80% probability), without deals still to be created.",
            has(closed),
            FLOOR.0,
            FLOOR.1,
        ),
        Method::Hazard => {
            let text = format!(
                "{} brings {middle}, between {low} and {high} with 80% probability",
                words::sentence(period)
            );
            match goal(ask, "won") {
                Some(target) => {
                    let reach = forecast.total.reaches(target.minor as f64);
                    let chance = words::percent(reach);
                    let goal = words::money(target);
                    let largest = found.gap.as_ref().and_then(|gap| tables::largest(found, gap));
                    let gap = largest.map_or_else(String::new, |text| format!(" {text}"));
                    format!("{text}. The target of {goal} is reached with {chance}.{gap}")
                }
                None => format!("{text}; {booked} are booked."),
            }
        }
    }
}

fn doubts(found: &Found<'_>) -> Vec<Caveat> {
    let Found { forecast, learned, replays, widened, .. } = found;
    let mut caveats = Vec::new();
    let (closed, won) = learned.closed;
    if learned.method != Method::Hazard && forecast.span.to > forecast.span.on {
        let text = format!(
            "Made by {}: {} closed with their stages on record, {won} of them won; the model takes {} \
             and {}.",
            learned.method.name(),
            words::deals(i64::try_from(closed).unwrap_or(i64::MAX)),
            FLOOR.0,
            FLOOR.1
        );
        caveats.push(Caveat::new("forecast_floor", text));
    }
    let judged: Vec<&Replay> = replays.iter().filter(|r| r.method == Method::Hazard).collect();
    if forecast.method == Method::Hazard {
        let (inside, n) = (judged.iter().filter(|replay| replay.inside()).count(), judged.len());
        if n == 0 {
            let text = "No past period could be forecast again, so the range is not tested on own \
                        history.";
            caveats.push(Caveat::new("forecast_untested", text));
        } else if *widened > 1.005 {
            let text = format!(
                "{inside} of {n} past forecasts held what came between P10 and P90, so the range is \
                 widened by {}.",
                words::percent(widened - 1.0)
            );
            caveats.push(Caveat::new("forecast_widened", text));
        } else if *widened < 0.995 {
            let text = format!(
                "{inside} of {n} past forecasts held what came between P10 and P90, where eight of ten \
                 should, and by a margin; so the range is narrowed by {}.",
                words::percent(1.0 - widened)
            );
            caveats.push(Caveat::new("forecast_narrowed", text));
        }
        let open: f64 = forecast.prospects.iter().map(|p| p.p_won * p.amount).sum();
        let largest = forecast
            .prospects
            .iter()
            .map(|p| (p.p_won * p.amount, p))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((expected, prospect)) = largest.filter(|(e, _)| *e > 0.2 * open && open > 0.0) {
            let deal = found.record.deals.get(prospect.seen.deal);
            let name = deal.and_then(|deal| deal.name.as_deref()).unwrap_or("without a name");
            let text = format!(
                "One deal ({name}) is {} of what open deals are expected to bring.",
                words::percent(expected / open)
            );
            caveats.push(Caveat::new("forecast_one_deal", text));
        }
    }
    let none = found.open().only(Filter::missing("amount"));
    if none.n() > 0 && learned.method != Method::Counting {
        let text = format!(
            "{} open without an amount; each counts with {}, the middle of those won.",
            words::sentence(&words::deals(none.size())),
            found.said(forecast.usual_amount)
        );
        caveats.push(common::caveat("amount_missing", text, &none));
    }
    let old = forecast.prospects.iter().filter(|p| !p.seen.at.recorded).count();
    if old > 0 {
        let text = format!(
            "The source kept no history of {} that are open: they are forecast from how they stand \
             now.",
            words::deals(i64::try_from(old).unwrap_or(i64::MAX))
        );
        caveats.push(Caveat::new("no_history", text));
    }
    caveats
}
