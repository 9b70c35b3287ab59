//! How much of the pipeline is real, and which deals are not?
//!
#![doc = include_str!("hygiene.md")]
//!
//! For: CRO, CEO, CFO, CMO. Grain: one row per sign, deal, owner and source. Money: amounts exact,
//! expected values rounded once.

use domain::answer::{Chart, ChartForm, Entry, Interval, Series};
use domain::definition::State;
use domain::{
    Answer, Ask, Caveat, Cell, Evidence, Figure, Filter, Given, Need, Question, Rows, Test, Value,
};
use jiff::civil::Date;
use stats::rule::Lift;
use stats::shrinkage::Group;

use crate::common::{self, figure, row, table};
use crate::groups::{self, Outlier};
use crate::slice::Slice;
use crate::words;

mod odds;
mod signs;
#[cfg(test)]
mod tests;

pub(crate) use odds::{FLOOR, Look, Odds, looks, money};
pub(crate) use signs::{Record, SIGNS, cell, days_between, later};

/// The question.
pub const QUESTION: Question = Question {
    id: "hygiene",
    asks: "How much of the pipeline is real, and which deals are not?",
    readers: &["CRO", "CEO", "CFO", "CMO"],
    help: include_str!("hygiene.md"),
};

/// The dimensions that its tables can be broken down by; by owner and by source they always are.
pub const BY: &[&str] = &[
    "channel",
    "program",
    "segment",
    "owner",
    "source",
    "kind",
    "country",
    "industry",
    "lead_source",
];

/// Deals up to which a set of them is named one by one in evidence.
const MOST_NAMED: usize = 500;
/// Deals that the table and the chart show.
const MOST_SHOWN: usize = 200;
/// Part of what is usual in its stage below which a deal is not real.
const LOW: f64 = 0.5;

/// Deals with their past, and the days of touches.
pub fn needs(ask: &Ask) -> Vec<Need> {
    vec![
        Need { name: "deals", rows: common::counted(ask, "opportunities") },
        Need { name: "changes", rows: common::counted(ask, "deal_changes") },
        Need {
            name: "touches",
            rows: Rows::of("touches")
                .only(Filter::flag("invalid", false))
                .columns(&["account_id", "day"]),
        },
    ]
}

/// An open deal and what it is worth.
struct Open {
    look: Look,
    id: String,
    name: String,
    /// Amount in minor units.
    amount: f64,
    chance: f64,
    /// Amount by the probability of its stage, in minor units.
    staged: f64,
    real: bool,
    /// Telling signs that hold.
    why: Vec<&'static str>,
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let mut answer = Answer::new(&QUESTION, ask);
    let deals = given.frame("deals");
    let calendar = ask.definitions.calendar();
    let record = Record::of(deals, given.frame("changes"), given.frame("touches"), calendar);
    let odds = Odds::learned(&record, ask.as_of, &ask.definitions);
    let open = opened(ask, &record, &odds);
    let slice = Slice::of(given, "deals", common::counted(ask, "opportunities"), ask.currency)
        .only(Filter::is("state", State::Open.id()));
    let total = slice.sum("amount");
    let fake: Vec<&Open> = open.iter().filter(|deal| !deal.real).collect();
    let fake_amount: f64 = fake.iter().map(|deal| deal.amount).sum();
    answer.figures = figures(ask, &slice, &open, &fake, &odds);
    if common::is_bare(ask, given) || open.is_empty() {
        answer.headline = if common::is_bare(ask, given) {
            common::nothing(ask)
        } else {
            common::of_segment(ask, format!("No deal is open on {}.", ask.as_of))
        };
        common::emptied(&mut answer);
        common::caveats(&mut answer, ask, given);
        return answer;
    }
    let real: f64 = open.iter().map(|deal| deal.amount * deal.chance).sum();
    let whole = words::money(common::money(&total));
    answer.headline = common::of_segment(
        ask,
        if odds.fitted() {
            format!(
                "Of {whole} open pipeline {} is expected to be won within {}; {} worth {} are not \
                 real",
                words::money(money(real, ask.currency)),
                words::days(f64::from(odds.horizon)),
                words::deals(i64::try_from(fake.len()).unwrap_or(i64::MAX)),
                words::money(money(fake_amount, ask.currency)),
            ) + "."
        } else {
            format!(
                "{whole} is open; with {} won and {} not won on record there is too little to say \
                 how much of it is real, so the probabilities of the stages stand.",
                words::deals(i64::try_from(odds.n_won).unwrap_or(0)),
                odds.n_not,
            )
        },
    );
    answer.tables.push(rules(&open, &odds, ask));
    answer.tables.push(not_real(&fake, ask));
    let mut compared = Vec::new();
    let asked = |id: &str| ask.by.iter().any(|by| by == id);
    let shown = common::DIMENSIONS.iter().filter(|(id, ..)| BY.contains(id));
    for dimension in shown.filter(|(id, ..)| matches!(*id, "owner" | "source") || asked(id)) {
        let (table, tests) = by(*dimension, &record, &slice, &open, &odds, ask);
        answer.tables.push(table);
        compared.extend(tests);
    }
    answer.caveats.extend(groups::standing_out(&groups::beyond_chance(compared)));
    answer.charts.push(chart(&open, &odds, ask));
    caveats(&mut answer, &record, &odds);
    common::caveats(&mut answer, ask, given);
    answer
}

/// The deals that are open now, largest first.
fn opened(ask: &Ask, record: &Record<'_>, odds: &Odds) -> Vec<Open> {
    let n_stages = ask.definitions.stages.iter().filter(|s| s.state == State::Open).count();
    let now: Vec<Look> = looks(record, ask.as_of, odds.horizon, n_stages);
    let mut open: Vec<Open> = now
        .into_iter()
        .filter(|look| cell(record.deals.texts("state"), look.deal).is_some_and(|s| &**s == "open"))
        .map(|look| {
            let text =
                |column| cell(record.deals.texts(column), look.deal).map(ToString::to_string);
            let id = text("id").unwrap_or_default();
            let amount = cell(record.deals.moneys("amount"), look.deal);
            let amount = amount.map_or(0.0, |amount| amount.minor as f64);
            let probability = stage_probability(ask, &look);
            let chance = odds.chance(&look).unwrap_or(probability);
            let usual = odds.usual(look.stage).unwrap_or(probability);
            let holds = |at: &usize| look.held.get(*at) == Some(&Some(true));
            let tells = |at: &usize| odds.tells.get(*at) == Some(&true);
            let why = (0..SIGNS.len())
                .filter(|at| holds(at) && tells(at))
                .filter_map(|at| SIGNS.get(at).map(|sign| sign.label))
                .collect();
            Open {
                name: text("name").unwrap_or_else(|| id.clone()),
                id,
                amount,
                chance,
                staged: amount * probability,
                real: !odds.fitted() || chance >= LOW * usual,
                why,
                look,
            }
        })
        .collect();
    open.sort_by(|a, b| b.amount.total_cmp(&a.amount).then_with(|| a.id.cmp(&b.id)));
    open
}

/// The naive way: what the definition of the stage says.
pub(crate) fn stage_probability(ask: &Ask, look: &Look) -> f64 {
    let stage = look.known.stage.as_deref().and_then(|stage| ask.definitions.stage(stage));
    stage
        .and_then(|stage| stage.probability)
        .and_then(|p| Value::Decimal(p).number())
        .unwrap_or(0.5)
}

/// The rows of some open deals, one by one, where they are few enough to be named.
fn named(ask: &Ask, deals: &[&Open]) -> Option<Rows> {
    let ids: Vec<Cell> = deals.iter().map(|deal| Cell::text(deal.id.as_str())).collect();
    (ids.len() <= MOST_NAMED).then(|| {
        let of = Filter { column: "id".to_owned(), test: Test::In(ids) };
        let columns = ["id", "name", "owner", "stage", "amount", "created_on", "close_on"];
        common::counted(ask, "opportunities").only(of).columns(&columns)
    })
}

fn figures(
    ask: &Ask,
    slice: &Slice<'_>,
    open: &[Open],
    fake: &[&Open],
    odds: &Odds,
) -> Vec<Figure> {
    let pipeline = slice.sum("amount");
    let n = i64::try_from(fake.len()).unwrap_or(i64::MAX);
    let fake_amount = fake.iter().map(|deal| deal.amount).sum::<f64>();
    let real = open.iter().map(|deal| deal.amount * deal.chance).sum::<f64>();
    let mut found = vec![figure(
        "open_pipeline",
        "Open pipeline",
        pipeline,
        "Amount of all deals that are open now.",
    )];
    if odds.fitted() {
        let spread = odds.deviation(open.iter().map(|deal| (deal.amount, deal.chance)));
        let unit = 10_f64.powi(i32::try_from(ask.currency.digits()).unwrap_or(2));
        // P10 and P90 of a normal distribution, never below nothing.
        let half = 1.281_551_565_544_6 * spread;
        let interval = Interval {
            low: (real - half).max(0.0) / unit,
            high: (real + half) / unit,
            level: 0.8,
            method: "calibrated chances, spread of past days",
        };
        let value = Value::Money(money(real, ask.currency));
        let meaning = format!(
            "Amount × calibrated chance of all open deals to be won within {} days; learned from \
             {} deals on {} past days.",
            odds.horizon, odds.n_deals, odds.days
        );
        found.push(
            Figure::new("real_pipeline", "Real pipeline", value, &meaning).interval(Some(interval)),
        );
    }
    found.push(figure(
        "stage_weighted",
        "Stage-weighted pipeline",
        slice.sum("expected"),
        "Amount × probability of the stage by definition: the usual way, without a horizon.",
    ));
    if odds.fitted() {
        let rows = named(ask, fake);
        let amount = Figure::new(
            "fauxcast",
            "Pipeline that is not real",
            Value::Money(money(fake_amount, ask.currency)),
            "Amount of the open deals whose chance is less than half of what is usual in their \
             stage.",
        );
        let count = Figure::new(
            "fauxcast_deals",
            "Deals that are not real",
            Value::Count(n),
            "Open deals whose chance is less than half of what is usual in their stage.",
        );
        found.push(match &rows {
            Some(rows) => amount.evidence(Evidence::sum(rows.clone(), "amount")),
            None => amount,
        });
        found.push(match rows {
            Some(rows) => count.evidence(Evidence::count(rows)),
            None => count,
        });
    }
    found
}

/// A share of cases, no percentage below a handful.
fn share(k: u64, n: u64) -> Entry {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Entry::plain(Value::Share { of: number(k), total: number(n) })
}

fn rules(open: &[Open], odds: &Odds, ask: &Ask) -> domain::answer::Table {
    let mut found = table(
        "signs",
        "Signs against a deal, measured on past deals",
        "Sign",
        &[
            ("open", "Open deals with it"),
            ("open_amount", "Their amount"),
            ("not_won_with", "Not won with it"),
            ("not_won_without", "Not won without it"),
            ("lift", "Times as often, in the same stage"),
        ],
    );
    for (at, sign) in SIGNS.iter().enumerate() {
        let with: Vec<&Open> =
            open.iter().filter(|deal| deal.look.held.get(at) == Some(&Some(true))).collect();
        let known = open.iter().any(|deal| matches!(deal.look.held.get(at), Some(Some(_))));
        let Some(lift) = odds.lifts.get(at) else { continue };
        let tells = odds.tells.get(at) == Some(&true);
        let note = match (known, enough(lift), tells) {
            (false, ..) => " (not on record)",
            (_, false, _) => " (too few to tell)",
            (_, _, false) => " (shows no lift)",
            _ if sign.of_today => " (as recorded today)",
            _ => "",
        };
        let amount: f64 = with.iter().map(|deal| deal.amount).sum();
        let unknown = || Entry::plain(Value::None("not on record".to_owned()));
        let entries = if known {
            vec![
                Entry::plain(Value::Count(i64::try_from(with.len()).unwrap_or(i64::MAX))),
                Entry::plain(Value::Money(money(amount, ask.currency))),
                share(lift.with.k, lift.with.n),
                share(lift.without.k, lift.without.n),
                lifted(lift),
            ]
        } else {
            (0..5).map(|_| unknown()).collect()
        };
        found.rows.push(row(sign.id, &format!("{}{note}", sign.label), entries));
    }
    found.note = Some(format!(
        "Not won within {} days, of deals that were open on {} past days; a deal is counted on each \
         day on which it was open.",
        odds.horizon, odds.days
    ));
    found
}

/// True where a sign was seen on enough deals, and missing on enough.
fn enough(lift: &Lift) -> bool {
    let least = u64::try_from(words::SMALL).unwrap_or(10);
    lift.with.subjects >= least && lift.without.subjects >= least
}

fn lifted(lift: &Lift) -> Entry {
    match lift.ratio.filter(|_| enough(lift)) {
        Some(ratio) => Entry {
            value: Value::Number(ratio.point),
            interval: Some(Interval {
                low: ratio.low,
                high: ratio.high,
                level: odds::LEVEL,
                method: "Mantel-Haenszel, by deal",
            }),
            evidence: None,
        },
        None => Entry::plain(Value::None(format!("fewer than {} deals", words::SMALL))),
    }
}

fn not_real(fake: &[&Open], ask: &Ask) -> domain::answer::Table {
    let mut found = table(
        "not_real",
        "Deals that are not real, and why",
        "Deal",
        &[("amount", "Amount"), ("real", "Real value"), ("stage_weighted", "By its stage")],
    );
    for deal in fake.iter().take(MOST_SHOWN) {
        let why = if deal.why.is_empty() {
            "old for its stage".to_owned()
        } else {
            deal.why.iter().map(|sign| words::lower(sign)).collect::<Vec<_>>().join("; ")
        };
        let value = |minor: f64| Value::Money(money(minor, ask.currency));
        let rows = named(ask, &[*deal]);
        let amount = match rows {
            Some(rows) => Entry::new(value(deal.amount), Evidence::sum(rows, "amount")),
            None => Entry::plain(value(deal.amount)),
        };
        let entries = vec![
            amount,
            Entry::plain(value(deal.amount * deal.chance)),
            Entry::plain(value(deal.staged)),
        ];
        found.rows.push(row(&deal.id, &format!("{}: {why}", deal.name), entries));
    }
    if fake.len() > MOST_SHOWN {
        found.note = Some(format!("The largest {MOST_SHOWN} of {}.", fake.len()));
    }
    found
}

/// Pipeline with and without what is not real, by a dimension, and how its groups compare.
fn by(
    (id, column, heading): (&str, &str, &str),
    record: &Record<'_>,
    slice: &Slice<'_>,
    open: &[Open],
    odds: &Odds,
    ask: &Ask,
) -> (domain::answer::Table, Vec<Outlier>) {
    let table_id = match id {
        "owner" | "source" => format!("{id}s"),
        _ => format!("by_{id}"),
    };
    let mut found = table(
        &table_id,
        &format!("Real pipeline by {}", heading.to_lowercase()),
        heading,
        &[
            ("with", "Open pipeline"),
            ("without", "Without what is not real"),
            ("share", "Not real"),
            ("deals", "Deals not real"),
            ("drawn", "Of 100, drawn together"),
            ("real", "Real value"),
            ("stage_weighted", "By the stages"),
        ],
    );
    let (mut counts, mut names, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for (value, part) in slice.split(column) {
        let of: Vec<&Open> = open
            .iter()
            .filter(|deal| cell(record.deals.texts(column), deal.look.deal) == value.as_ref())
            .collect();
        let sum = |what: &dyn Fn(&Open) -> f64| of.iter().map(|deal| what(deal)).sum::<f64>();
        let fake = sum(&|deal| if deal.real { 0.0 } else { deal.amount });
        let all = sum(&|deal| deal.amount);
        let amount = |minor: f64| Entry::plain(Value::Money(money(minor, ask.currency)));
        let part_of = if all > 0.0 {
            Value::Share {
                of: money(fake, ask.currency).minor,
                total: money(all, ask.currency).minor,
            }
        } else {
            Value::None("no amount".to_owned())
        };
        let (k, n) = (of.iter().filter(|deal| !deal.real).count() as u64, of.len() as u64);
        counts.push(Group { k, n });
        names.push(value.as_deref().map_or_else(
            || format!("No {}", heading.to_lowercase()),
            |value| common::label(ask, id, value, std::slice::from_ref(&part)),
        ));
        let entries = [
            part.sum("amount"),
            amount(all - fake),
            Entry::plain(part_of),
            share(k, n),
            amount(sum(&|deal| deal.amount * deal.chance)),
            part.sum("expected"),
        ];
        lines.push((value.as_deref().unwrap_or(common::NONE).to_owned(), entries));
    }
    // Without a model nothing is known not to be real.
    let drawn = if odds.fitted() { groups::drawn(&counts, NO_MODEL) } else { Vec::new() };
    let unknown = || Entry::plain(Value::None(NO_MODEL.to_owned()));
    let mut drawn = drawn.into_iter();
    for (name, (key, [with, without, part, deals, real, staged])) in names.iter().zip(lines) {
        let (part, deals) = if odds.fitted() { (part, deals) } else { (unknown(), unknown()) };
        let drawn = drawn.next().unwrap_or_else(unknown);
        let entries = vec![with, without, part, deals, drawn, real, staged];
        found.rows.push(row(&key, name, entries));
    }
    common::largest_first(&mut found, &["with"]);
    found.note = odds.fitted().then(|| {
        "Of 100: how many of the group's deals are not real, drawn towards the rate of all groups, \
         the more the fewer deals it has."
            .to_owned()
    });
    let compared = groups::compared(&counts, |at, more| {
        let name = names.get(at).map_or("", |name| name);
        format!("{name}: {} deals are not real", if more { "more" } else { "fewer" })
    });
    (found, if odds.fitted() { compared } else { Vec::new() })
}

/// Why a group has no share.
const NO_MODEL: &str = "too little history";

/// Stage × age: a strip for each stage, deals that are not real in one of their own.
fn chart(open: &[Open], odds: &Odds, ask: &Ask) -> Chart {
    let shown: Vec<&Open> = open.iter().take(MOST_SHOWN).collect();
    let n_fake = shown.iter().filter(|deal| !deal.real).count();
    let title = if odds.fitted() {
        format!(
            "{} of {} open deals are not real for their stage",
            n_fake,
            words::count(i64::try_from(shown.len()).unwrap_or(0), "shown", "shown")
        )
    } else {
        "Open deals by stage and days in it".to_owned()
    };
    let mut chart = Chart::new("stage_age", title, ChartForm::Dots, "days")
        .points(shown.iter().map(|deal| deal.name.clone()));
    let age = |deal: &Open, as_of: Date| {
        deal.look.known.stage_since.map(|since| f64::from(days_between(since, as_of).max(0)))
    };
    for stage in ask.definitions.stages.iter().filter(|stage| stage.state == State::Open) {
        for real in [true, false] {
            let here = |deal: &Open| {
                deal.real == real && deal.look.known.stage.as_deref() == Some(&*stage.id)
            };
            if !shown.iter().any(|deal| here(deal)) {
                continue;
            }
            let name = if real { stage.name.clone() } else { format!("{}, not real", stage.name) };
            let values = shown
                .iter()
                .map(|deal| if here(deal) { age(deal, ask.as_of) } else { None })
                .collect();
            chart = chart.with(Series::new(name, values));
        }
    }
    chart
}

fn caveats(answer: &mut Answer, record: &Record<'_>, odds: &Odds) {
    if !odds.fitted() {
        let text = format!(
            "{} won and {} not won within {} days are on record with their past; a model is fitted \
             from {FLOOR} of each on.",
            words::deals(i64::try_from(odds.n_won).unwrap_or(0)),
            odds.n_not,
            odds.horizon
        );
        answer.caveats.push(Caveat::new("too_little_history", text));
    }
    let n = record.history.n_deals();
    let without = record
        .deals
        .texts("id")
        .iter()
        .flatten()
        .filter(|id| {
            record.history.find(id).is_some_and(|deal| record.history.changes(deal).is_empty())
        })
        .count();
    if without * 10 > n {
        let text = format!(
            "For {without} of {n} deals no history is on record; they are judged by the others."
        );
        answer.caveats.push(Caveat::new("no_history", text));
    }
    if SIGNS.iter().any(|sign| sign.of_today) {
        let text = "Roles and qualification are known as they stand today, not as they stood: won \
                    deals may have been completed afterwards.";
        answer.caveats.push(Caveat::new("as_of_today", text));
    }
}
