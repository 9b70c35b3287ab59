//! Verdicts as a table, a sentence and caveats.

use domain::answer::{Entry, Interval, Table};
use domain::{Ask, Caveat, Cell, Filter, Given, Money, Rows, Test, Value};
use jiff::ToSpan;
use jiff::civil::Date;
use stats::decision::{Rule, Verdict};

use super::verdict::{self, Decide, Judged, Record, judged, whole};
use crate::common::{self, row, table};
use crate::slice::Slice;
use crate::words;

const COLUMNS: &[(&str, &str)] = &[
    ("chance_to_pay", "Chance to pay back"),
    ("gain", "Gross profit per cost, in the end"),
    ("gain_so_far", "So far"),
    ("next", "Of the next money"),
    ("cost", "Cost so far"),
    ("accounts", "Accounts"),
    ("converted", "Became deals"),
    ("won", "Won"),
    ("ever", "Share ever to become deals"),
    ("days_to_convert", "Median days to that"),
    ("lost_by_stopping", "Lost by stopping if wrong"),
    ("lost_by_going_on", "Lost by going on if wrong"),
    ("days_to_decide", "Days until told"),
];

/// What is told of verdicts.
pub(super) struct Told {
    pub(super) table: Option<Table>,
    /// A sentence for the headline.
    pub(super) sentence: Option<String>,
    pub(super) caveats: Vec<Caveat>,
}

/// Judges the programs and tells it; nothing for a segment, as costs are not recorded by segment.
pub(super) fn told(ask: &Ask, given: &Given) -> Told {
    let nothing = || Told { table: None, sentence: None, caveats: Vec::new() };
    let Some((up, down)) = ask.definitions.gross_margin.and_then(super::fraction) else {
        return nothing();
    };
    if ask.segment.is_some() {
        return nothing();
    }
    let record = Record::of(given, ask.as_of, up as f64 / down as f64);
    let rule = verdict::rule(&ask.definitions);
    let mut found = judged(&record, &rule, ask.seed, true);
    if found.is_empty() {
        return nothing();
    }
    found.sort_by(|a, b| {
        order(a.verdict)
            .cmp(&order(b.verdict))
            .then(b.cost.total_cmp(&a.cost))
            .then(a.id.cmp(&b.id))
    });
    let costs = Slice::of(
        given,
        "program_costs",
        Rows::of("spend").only(super::until(ask.as_of)),
        ask.currency,
    );
    let mut verdicts = table("verdicts", "What to do with each program", "Program", COLUMNS);
    verdicts.rows =
        found.iter().map(|one| row(&one.id, &label(ask, one), entries(ask, one, &costs))).collect();
    verdicts.note = Some(note(&rule, &found));
    let sentence = Some(sentence(ask, &found));
    let mut caveats = vec![caveat_of_model(given)];
    caveats.extend(faded(&found));
    caveats.extend(churn(ask, &found));
    if let n @ 1.. = record.n_free {
        let programs = words::count(i64::try_from(n).unwrap_or(i64::MAX), "program", "programs");
        let text = format!("{programs} with leads but without recorded cost: no verdict.");
        caveats.push(Caveat::new("verdict_without_cost", text));
    }
    Told { table: Some(verdicts), sentence, caveats }
}

/// What asks for a decision first.
const fn order(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Stop => 0,
        Verdict::Fix => 1,
        Verdict::Scale => 2,
        Verdict::TooEarly => 3,
        Verdict::Keep => 4,
    }
}

fn on(ask: &Ask, days: f64) -> Date {
    ask.as_of.saturating_add(whole(days).clamp(0, 36_500).days())
}

fn label(ask: &Ask, one: &Judged) -> String {
    let Judged { name, verdict, decide, .. } = one;
    match (verdict, decide) {
        (Verdict::TooEarly, Some(Decide::In(days))) => {
            format!("{name}: too early, decide on {}", on(ask, *days))
        }
        (Verdict::TooEarly, Some(Decide::More(n))) => {
            format!("{name}: too early, no date: {}", more(ask, *n))
        }
        _ => match one.by_leads_until {
            Some(until) => format!("{name}: {} (by its leads until {until})", verdict.word()),
            None => format!("{name}: {}", verdict.word()),
        },
    }
}

/// What it takes where no day within the horizon decides.
fn more(ask: &Ask, n: Option<f64>) -> String {
    let days = ask.definitions.verdict.horizon_days;
    match n {
        Some(n) => format!("about {} more accounts now would decide", words::grouped(whole(n))),
        None => format!("more accounts do not decide it within {days} days"),
    }
}

fn entries(ask: &Ask, one: &Judged, costs: &Slice<'_>) -> Vec<Entry> {
    let plain = |value| Entry::plain(value);
    let range = |value: f64, (low, high): (f64, f64)| Entry {
        interval: Some(Interval {
            low: low.min(value),
            high: high.max(value),
            level: 0.8,
            method: "posterior",
        }),
        ..Entry::plain(Value::Number(value))
    };
    let money = |minor: f64| Value::Money(Money { minor: whole(minor), currency: ask.currency });
    let own =
        Filter { column: "program_id".to_owned(), test: Test::Is(Cell::text(one.id.as_str())) };
    let (ever, low, high) = one.ever;
    vec![
        plain(Value::Number(one.outlook.pays)),
        range(one.gain, one.range),
        plain(Value::Number(one.so_far)),
        range(one.next.0, (one.next.1, one.next.2)),
        costs.only(own).sum("amount"),
        plain(Value::Count(one.n_leads)),
        plain(Value::Count(one.n_converted)),
        plain(Value::Count(one.n_won)),
        range(ever, (low, high)),
        plain(Value::Days(one.median_days.round())),
        plain(money(one.losses.0)),
        plain(money(one.losses.1)),
        plain(match one.decide {
            Some(Decide::In(days)) => Value::Days(days),
            Some(Decide::More(n)) => Value::None(more(ask, n)),
            None => Value::None("decided".to_owned()),
        }),
    ]
}

/// The rule, and the reasons of the verdicts that ask for something.
fn note(rule: &Rule, found: &[Judged]) -> String {
    let percent = |share: f64| format!("{:.0}%", 100.0 * share);
    let mut text = format!(
        "Scale: {sure} sure that the next 1 spent returns {hurdle} in gross profit, more likely than \
         not that what was spent returns as much, and 75% sure that it comes back. Keep: {sure} sure \
         that what was spent, or the next 1, comes back, and neither is unlikely. Stop: at most {stop} \
         chance that what was spent comes back and {no_more} that the next 1 does, more than {lucky} \
         mean wins short of it, and less likely than not to reach {close}. Fix: no chance that it comes \
         back, but close; or most of what is to come has come and it hangs in the balance; or it worked \
         before and no longer does. Too early: all else.",
        sure = percent(rule.sure),
        stop = percent(rule.stop),
        no_more = percent(rule.no_more),
        hurdle = rule.hurdle,
        close = rule.close,
        lucky = rule.lucky,
    );
    let asks = |one: &&Judged| !matches!(one.verdict, Verdict::Keep | Verdict::TooEarly);
    for one in found.iter().filter(asks).take(8) {
        text.push(' ');
        text.push_str(&reason(one));
    }
    text
}

fn reason(one: &Judged) -> String {
    let became = if one.n_leads < words::SMALL {
        format!("{} of {} accounts became deals", one.n_converted, one.n_leads)
    } else {
        format!(
            "{} of {} accounts became deals, {} of them won",
            words::grouped(one.n_converted),
            words::grouped(one.n_leads),
            words::grouped(one.n_won)
        )
    };
    let (low, high) = one.range;
    let (_, from, to) = one.next;
    format!(
        "{} ({}): {became}; {} of the conversions are still to come; in the end {:.1} for each 1 spent, \
         from {low:.1} to {high:.1} with 80% probability; of the next 1 spent, {from:.1} to {to:.1}.",
        one.name,
        one.verdict.word(),
        words::percent(one.outlook.to_come),
        one.gain,
    )
}

fn sentence(ask: &Ask, found: &[Judged]) -> String {
    let n = |verdict: Verdict| found.iter().filter(|one| one.verdict == verdict).count();
    let parts: Vec<String> = [Verdict::Scale, Verdict::Keep, Verdict::Fix, Verdict::Stop]
        .into_iter()
        .filter(|verdict| n(*verdict) > 0)
        .map(|verdict| format!("{} {}", n(verdict), verdict.word()))
        .collect();
    let early = n(Verdict::TooEarly);
    let next = found.iter().filter_map(|one| match one.decide {
        Some(Decide::In(days)) => Some(days),
        _ => None,
    });
    let next = next.min_by(f64::total_cmp);
    let early = match (early, next) {
        (0, _) => None,
        (n, Some(days)) => Some(format!("{n} too early to tell (the next on {})", on(ask, days))),
        (n, None) => Some(format!("{n} too early to tell")),
    };
    let all: Vec<String> = parts.into_iter().chain(early).collect();
    let of = words::count(i64::try_from(found.len()).unwrap_or(i64::MAX), "program", "programs");
    format!("Verdict on {of} with a cost: {}.", all.join(", "))
}

fn caveat_of_model(given: &Given) -> Caveat {
    let rows = given.frame("program_leads").n_rows();
    let text = format!(
        "Verdicts rest on {} of programs and on a model: that the accounts of now convert as those \
         before, that a program resembles its channel where little is known of it, that the spread of \
         waiting times is one of three families, and that more money buys accounts like those of now at the \
         same cost. They weigh what the accounts of now bring in the end \
         against what was spent so far, and a deal of several programs is divided evenly among them. A \
         program that wins what would have come anyway looks better than it is.",
        words::count(i64::try_from(rows).unwrap_or(i64::MAX), "first touch", "first touches")
    );
    Caveat::new("verdict_model", text).rows(verdict::leads())
}

fn faded(found: &[Judged]) -> Option<Caveat> {
    let told: Vec<String> = found
        .iter()
        .filter_map(|one| {
            let (from, change) = one.faded.as_ref()?;
            let part = change.after / change.before;
            let now = if part < 0.005 { "none".to_owned() } else { words::percent(part) };
            Some(format!("{} since {from} ({now} of the rate before)", one.name))
        })
        .take(5)
        .collect();
    if told.is_empty() {
        return None;
    }
    let text = format!(
        "Worked before and no longer does, beyond chance: {}. Time to convert is allowed for.",
        told.join("; ")
    );
    Some(Caveat::new("program_faded", text))
}

/// Programs that were ended before they could have been judged.
fn churn(ask: &Ask, found: &[Judged]) -> Option<Caveat> {
    let ended: Vec<&Judged> = found.iter().filter(|one| one.ended_after.is_some()).collect();
    if ended.is_empty() {
        return None;
    }
    let cost: f64 = ended.iter().map(|one| one.cost).sum();
    let money = words::money(Money { minor: whole(cost), currency: ask.currency });
    let paying = ended.iter().filter(|one| one.outlook.pays >= 0.5).count();
    let lost: f64 = ended.iter().map(|one| one.losses.0).sum();
    let lost = words::money(Money { minor: whole(lost), currency: ask.currency });
    let text = format!(
        "{} ended before half of those who ever convert would have done so, after {money} was spent; {} \
         more likely than not pay back all the same. Where they would have paid \
         back, ending them forgoes {lost} of gross profit above cost, weighed by how likely that is.",
        words::sentence(&words::count(
            i64::try_from(ended.len()).unwrap_or(i64::MAX),
            "program was",
            "programs were"
        )),
        match paying {
            0 => "none of them will".to_owned(),
            n => format!("{n} of them will"),
        },
    );
    Some(Caveat::new("strategy_churn", text).rows(common::in_segment(ask, verdict::leads())))
}
