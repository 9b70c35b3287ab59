//! How does demand flow: what comes in, how far it gets, how fast, and why the pipeline changed?
//!
#![doc = include_str!("waterfall.md")]
//!
//! For: CMO, CRO. Grain: one row per lead, demand unit or deal. Money: the currency asked for, in
//! whole minor units; the bridge is exact.

use jiff::civil::Date;

use domain::answer::{Chart, ChartForm, Entry, Mark, Series, Table};
use domain::{Answer, Ask, Caveat, Filter, Given, Money, Need, Period, Question, Value};

use self::bridge::{Passage, Scope, Step};
use self::speed::Velocity;
use crate::common::{self, Periods, figure, row, table};
use crate::groups;
use crate::history::History;
use crate::slice::Slice;
use crate::words;

mod bridge;
mod flow;
mod speed;

/// The question.
pub const QUESTION: Question = Question {
    id: "waterfall",
    asks: "How does demand flow: what comes in, how far it gets, how fast, and why did the pipeline change?",
    readers: &["CMO", "CRO"],
    help: include_str!("waterfall.md"),
};

/// The dimensions that tables can be broken down by.
pub const BY: &[&str] = &["channel", "program", "segment", "owner"];

/// All counted deals with their changes and stays, all leads and all demand units: a cohort is
/// judged by what came before it.
pub fn needs(ask: &Ask) -> Vec<Need> {
    let lead = common::in_segment(ask, domain::Rows::of("lead_stages"));
    let unit = common::in_segment(ask, domain::Rows::of("demand_units"));
    vec![
        Need { name: "deals", rows: common::counted(ask, "opportunities") },
        Need { name: "changes", rows: common::counted(ask, "deal_changes") },
        Need { name: "visits", rows: common::counted(ask, "stage_visits") },
        Need { name: "leads", rows: lead },
        Need { name: "units", rows: unit },
    ]
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let mut answer = Answer::new(&QUESTION, ask);
    let until = ask.as_of.min(given.known_until.unwrap_or(ask.as_of));
    let periods = Periods::of(ask);
    let history = History::of(given.frame("deals"), given.frame("changes"));
    let rows = common::counted(ask, "opportunities");
    let deals = Slice::of(given, "deals", rows, ask.currency);
    if let Some(text) = common::not_begun(ask, given, false)
        .or_else(|| common::is_bare(ask, given).then(|| common::nothing(ask)))
    {
        answer.headline = common::of_segment(ask, text);
        common::caveats(&mut answer, ask, given);
        return answer;
    }
    let year_ago = Some(&periods.year_ago).filter(|_| periods.apart());
    let bridges = Bridges::of(&history, &deals, ask, until);
    answer.figures = bridges.figures(ask, &periods, until);
    answer.charts.push(bridges.chart(ask));
    answer.tables.extend([bridges.told(true), bridges.told(false)]);

    let walks = flow::walks(ask, given, until);
    let mut steps: Vec<Vec<flow::Step>> =
        walks.iter().map(|walk| flow::steps(walk, ask, until, year_ago)).collect();
    flow::adjust(&mut steps);
    for (walk, steps) in walks.iter().zip(&steps) {
        let told = flow::told(walk, steps, ask, year_ago);
        let title = flow_title(walk, steps);
        answer.charts.push(flow::chart(walk, &told, steps, title));
        answer.figures.extend(entered(walk, &told));
        answer.tables.push(told);
    }

    let velocity = |period: &Period| Velocity::of(&deals, &history, period, until, ask.seed);
    let (now, before) = (velocity(&periods.now), velocity(&periods.previous));
    let mut figure = domain::Figure::new(
        "velocity",
        "Velocity, a day",
        now.money(ask),
        "Deals worked × win rate × average won ÷ median days to won: what the pipeline earns a day \
         at the pace of the period.",
    );
    figure.previous = Some(before.money(ask));
    figure.year_ago = year_ago.map(|period| velocity(period).money(ask));
    answer.figures.push(figure);
    answer.tables.push(speed::told(&now, Some((&periods.previous.label, &before)), ask));

    let (cohorts, heat) = flow::cohorts(&deals, ask, until);
    answer.tables.push(cohorts);
    answer.charts.push(heat);
    if let Some((figure, table, caveat)) = speed::touched(&deals, given.frame("deals"), until) {
        answer.figures.push(figure);
        answer.tables.push(table);
        answer.caveats.push(caveat);
    }
    let mut outliers = Vec::new();
    let asked = common::DIMENSIONS.iter().filter(|(id, ..)| ask.by.iter().any(|by| by == id));
    for dimension in asked {
        for walk in &walks {
            if let Some((table, found)) = flow::by_dimension(walk, ask, until, *dimension) {
                answer.tables.push(table);
                outliers.extend(found);
            }
        }
        answer.tables.extend(bridges.by(ask, *dimension));
    }
    answer.headline = common::of_segment(ask, headline(ask, &bridges, &walks, &steps));
    answer.caveats.extend(groups::standing_out(&groups::beyond_chance(outliers)));
    answer.caveats.extend(young(&walks, &steps));
    answer.caveats.extend(bridges.doubts(until));
    common::caveats(&mut answer, ask, given);
    answer
}

/// The bridges of the period.
struct Bridges<'a> {
    history: &'a History,
    deals: &'a Slice<'a>,
    days: (Date, Date),
    all: Vec<Passage>,
    due: Vec<Passage>,
}

/// The day before a period, and its last one that is known.
fn days(period: &Period, until: Date) -> (Date, Date) {
    (period.from.yesterday().unwrap_or(period.from), period.to.min(until))
}

impl<'a> Bridges<'a> {
    fn of(history: &'a History, deals: &'a Slice<'a>, ask: &Ask, until: Date) -> Self {
        let (from, to) = days(&ask.period, until);
        Self {
            history,
            deals,
            days: (from, to),
            all: bridge::passages(history, from, to, Scope::All),
            due: bridge::passages(history, from, to, Scope::DueBy(ask.period.to)),
        }
    }

    fn amounts(&self, passages: &[Passage], step: Step) -> Entry {
        let amounts = bridge::of_step(passages, step);
        self.deals.stated("id", &bridge::named(self.history, &amounts))
    }

    fn count(&self, passages: &[Passage], step: Step) -> Entry {
        let amounts = bridge::of_step(passages, step);
        let ids: Vec<_> =
            bridge::named(self.history, &amounts).into_iter().map(|(id, _)| id).collect();
        self.deals.among("id", &ids).count()
    }

    fn figures(&self, ask: &Ask, periods: &Periods, until: Date) -> Vec<domain::Figure> {
        let before = |period: &Period| {
            let (from, to) = days(period, until);
            bridge::passages(self.history, from, to, Scope::All)
        };
        let (previous, year_ago) = (before(&periods.previous), before(&periods.year_ago));
        let sentence = |step: Step| match step {
            Step::Opening => "Amount of all open deals at the end of the day before the period.",
            Step::Created => "Amount of the deals created in the period, as they came in.",
            Step::Won => "Amount of the deals that left the pipeline as won, as a change of it.",
            Step::Lost => "Amount of the deals that left the pipeline as lost, as a change of it.",
            _ => "Amount of all open deals at the last day of the period that is known.",
        };
        [Step::Closing, Step::Opening, Step::Created, Step::Won, Step::Lost]
            .into_iter()
            .map(|step| {
                let entry = self.amounts(&self.all, step);
                let label = match step {
                    Step::Opening | Step::Closing => format!("{} pipeline", step.label()),
                    Step::Created => "Pipeline created".to_owned(),
                    Step::Won => "Pipeline won".to_owned(),
                    _ => "Pipeline lost".to_owned(),
                };
                let id = format!("bridge_{}", step.id());
                let mut made = figure(&id, &label, entry, sentence(step));
                let of = |passages: &[Passage]| {
                    let sum = bridge::of_step(passages, step).iter().map(|(_, minor)| minor).sum();
                    Some(Value::Money(Money::from_minor(sum, ask.currency)))
                };
                made.previous = of(&previous);
                made.year_ago = if periods.apart() { of(&year_ago) } else { None };
                made
            })
            .collect()
    }

    /// A row for each step.
    fn told(&self, all: bool) -> Table {
        let (id, title, passages) = if all {
            ("bridge", "From the opening to the closing pipeline", &self.all)
        } else {
            ("bridge_due", "The same for what is due by the end of the period", &self.due)
        };
        let columns = [("amount", "Amount"), ("deals", "Deals")];
        let mut found = table(id, title, "Step", &columns);
        for step in Step::ALL {
            let entries = vec![self.amounts(passages, step), self.count(passages, step)];
            found.rows.push(row(step.id(), step.label(), entries));
        }
        let (from, to) = self.days;
        found.note = Some(format!(
            "From the end of {from} to the end of {to}. The steps add up to the closing for each deal; \
             a deal has one way in and one way out."
        ));
        found
    }

    fn chart(&self, ask: &Ask) -> Chart {
        let told = self.told(true);
        let sum = |step: Step| -> i64 {
            bridge::of_step(&self.all, step).iter().map(|(_, minor)| minor).sum()
        };
        let steps: Vec<Step> = Step::ALL
            .into_iter()
            .filter(|step| {
                matches!(step, Step::Opening | Step::Closing)
                    || !bridge::of_step(&self.all, *step).is_empty()
            })
            .collect();
        let shown: Vec<&domain::answer::TableRow> =
            told.rows.iter().filter(|row| steps.iter().any(|step| step.id() == row.id)).collect();
        let change = sum(Step::Closing) - sum(Step::Opening);
        let marks = steps.iter().map(|step| match step {
            Step::Opening | Step::Closing => Mark::Total,
            _ => Mark::Plain,
        });
        let said = words::money(Money::from_minor(change.abs(), ask.currency));
        let title = match change {
            0 => "Open pipeline is what it was".to_owned(),
            1.. => format!("Open pipeline grew by {said}"),
            _ => format!("Open pipeline shrank by {said}"),
        };
        Chart::new("bridge", title, ChartForm::Waterfall, ask.currency.code())
            .points(shown.iter().map(|row| row.label.clone()))
            .with(common::series_of(&told, "amount", "Amount", &shown).marks(marks.collect()))
            .with(series_count(&told, &shown))
    }

    /// The bridge of each member of a dimension.
    fn by(&self, ask: &Ask, dimension: (&str, &str, &str)) -> Option<Table> {
        let (id, column, heading) = dimension;
        let groups = self.deals.split(column);
        let columns: Vec<(&str, &str)> =
            Step::ALL.into_iter().map(|step| (step.id(), step.label())).collect();
        let title = format!("Bridge by {}", heading.to_lowercase());
        let mut found = table(&format!("bridge_by_{id}"), &title, heading, &columns);
        let amounts: Vec<Vec<(std::sync::Arc<str>, i64)>> = Step::ALL
            .into_iter()
            .map(|step| bridge::named(self.history, &bridge::of_step(&self.all, step)))
            .collect();
        for (value, slice) in groups {
            let ids: std::collections::HashSet<&str> =
                slice.texts("id").flatten().map(|id| &**id).collect();
            let entries: Vec<Entry> = amounts
                .iter()
                .map(|amounts| {
                    let own: Vec<_> =
                        amounts.iter().filter(|(id, _)| ids.contains(&**id)).cloned().collect();
                    slice.stated("id", &own)
                })
                .collect();
            if entries.iter().all(|entry| entry.value.number() == Some(0.0)) {
                continue;
            }
            let slices = [slice];
            let label = value.as_deref().map_or_else(
                || format!("No {}", heading.to_lowercase()),
                |value| common::label(ask, id, value, &slices),
            );
            found.rows.push(row(value.as_deref().unwrap_or(common::NONE), &label, entries));
        }
        common::largest_first(&mut found, &["closing", "opening"]);
        (!found.rows.is_empty()).then_some(found)
    }

    fn doubts(&self, until: Date) -> Vec<Caveat> {
        let mut found = Vec::new();
        let (from, to) = self.days;
        let unkept: Vec<_> = self
            .all
            .iter()
            .filter(|passage| self.history.on(passage.deal, to).is_some_and(|then| !then.recorded))
            .filter_map(|passage| self.history.id(passage.deal).cloned())
            .collect();
        if !unkept.is_empty() {
            let n = i64::try_from(unkept.len()).unwrap_or(i64::MAX);
            let (have, its) = if n == 1 { ("has", "its") } else { ("have", "their") };
            let text = format!(
                "{} of the bridge {have} no kept history: {its} amount of now stands on all days.",
                words::sentence(&words::deals(n))
            );
            let slice = self.deals.among("id", &unkept);
            found.push(common::caveat("no_history", text, &slice));
        }
        // Closed by close date in these days, but entered as closed on another day.
        let period = Period::days(from.tomorrow().unwrap_or(from), to.min(until));
        let by_date = self.deals.only(Filter::within("closed_on", &period));
        let here: std::collections::HashSet<usize> = self
            .all
            .iter()
            .filter(|passage| matches!(passage.went.0, Step::Won | Step::Lost))
            .map(|passage| passage.deal)
            .collect();
        let late: Vec<_> = by_date
            .texts("id")
            .flatten()
            .filter(|id| self.history.find(id).is_some_and(|deal| !here.contains(&deal)))
            .cloned()
            .collect();
        if !late.is_empty() {
            let n = i64::try_from(late.len()).unwrap_or(i64::MAX);
            let (have, was) = if n == 1 { ("has", "was") } else { ("have", "were") };
            let text = format!(
                "{} {have} a close date in these days and {was} entered as closed on other days: the \
                 bridge goes by the entry, other answers by the close date.",
                words::sentence(&words::deals(n))
            );
            found.push(common::caveat("entered_late", text, &self.deals.among("id", &late)));
        }
        found
    }
}

fn series_count(table: &Table, rows: &[&domain::answer::TableRow]) -> Series {
    common::series_of(table, "deals", "Deals", rows).unit("count")
}

/// What entered the first stage and reached the last one.
fn entered(walk: &flow::Walk<'_>, told: &Table) -> Vec<domain::Figure> {
    let one = |row: &domain::answer::TableRow, what: &str| {
        let entry = row.entries.first()?.clone();
        let id = format!("{}_{}", walk.id, row.id);
        let label = format!("{}: {}", walk.title, row.label);
        let meaning =
            format!("{} that {what} in the period, each once.", words::sentence(walk.noun.1));
        let mut made = figure(&id, &label, entry, &meaning);
        made.year_ago = row.entries.get(1).map(|entry| entry.value.clone());
        made.year_ago = made.year_ago.filter(|value| !value.is_none());
        Some(made)
    };
    let first = told.rows.first().and_then(|row| one(row, "entered the first stage"));
    let last = told.rows.last().and_then(|row| one(row, "reached the last stage"));
    first.into_iter().chain(last).collect()
}

/// The step that changed most beyond chance, else where fewest go on.
fn flow_title(walk: &flow::Walk<'_>, steps: &[flow::Step]) -> String {
    let known = |step: &&flow::Step| step.now.n >= 10 && step.now.share.is_some() && !step.young;
    let share = |step: &flow::Step| step.now.share.map_or(1.0, |share| share.point);
    let fewest = steps.iter().filter(known).min_by(|a, b| share(a).total_cmp(&share(b)));
    match (changed(steps), fewest) {
        (Some(text), _) => format!("{}: {text}", walk.title),
        (None, Some(step)) => format!(
            "{}: fewest go on from {} to {} ({:.0} of 100)",
            walk.title,
            step.from,
            step.to,
            100.0 * share(step)
        ),
        _ => format!("{}: how far they get", walk.title),
    }
}

/// The largest change of a step from a year ago that is beyond chance.
fn changed(steps: &[flow::Step]) -> Option<String> {
    let shares = |step: &flow::Step| Some((step.now.share?.point, step.before.share?.point));
    let (step, (now, before)) = steps
        .iter()
        .filter(|step| step.p.is_some_and(|p| p <= 0.05))
        .filter_map(|step| Some((step, shares(step)?)))
        .max_by(|a, b| (a.1.0 - a.1.1).abs().total_cmp(&(b.1.0 - b.1.1).abs()))?;
    let than = if now > before { "more" } else { "fewer" };
    Some(format!(
        "{than} go on from {} to {} than a year ago ({} against {})",
        step.from,
        step.to,
        words::percent(now),
        words::percent(before)
    ))
}

fn headline(
    ask: &Ask,
    bridges: &Bridges<'_>,
    walks: &[flow::Walk<'_>],
    steps: &[Vec<flow::Step>],
) -> String {
    let sum = |step: Step| {
        let minor: i64 = bridge::of_step(&bridges.all, step).iter().map(|(_, minor)| minor).sum();
        words::money(Money::from_minor(minor.abs(), ask.currency))
    };
    let n = |step: Step| {
        words::deals(i64::try_from(bridge::of_step(&bridges.all, step).len()).unwrap_or(i64::MAX))
    };
    let mut text = if bridges.all.is_empty() {
        format!("No deal was open in {}.", common::period_said(ask))
    } else {
        format!(
            "In {} open pipeline went from {} to {}: {} created ({}), {} won, {} lost.",
            common::period_said(ask),
            sum(Step::Opening),
            sum(Step::Closing),
            sum(Step::Created),
            n(Step::Created),
            sum(Step::Won),
            sum(Step::Lost)
        )
    };
    text.push_str(&came(walks, ask));
    for (walk, steps) in walks.iter().zip(steps) {
        if let Some(changed) = changed(steps) {
            text.push_str(&format!(" {}: {changed}.", walk.title));
        }
    }
    text
}

/// How many leads and demand units came in.
fn came(walks: &[flow::Walk<'_>], ask: &Ask) -> String {
    let said: Vec<String> = walks
        .iter()
        .filter(|walk| walk.id != "deals")
        .filter_map(|walk| {
            let n = walk.came_in(&ask.period)?;
            Some(words::count(n, walk.noun.0, walk.noun.1))
        })
        .collect();
    let said = words::sentence(&said.join(" and "));
    if said.is_empty() { said } else { format!(" {said} came in.") }
}

/// Steps whose cohort is too young for the time that they take.
fn young(walks: &[flow::Walk<'_>], steps: &[Vec<flow::Step>]) -> Option<Caveat> {
    let names: Vec<String> = walks
        .iter()
        .zip(steps)
        .flat_map(|(walk, steps)| {
            let young = steps.iter().filter(|step| step.young && step.now.n > 0);
            young.map(move |step| format!("{}, {} to {}", walk.title, step.from, step.to))
        })
        .collect();
    (!names.is_empty()).then(|| {
        let text = format!(
            "Too early for the whole way: what entered in the period was not watched as long as nine \
             of ten take ({}). Shares there are of the days watched so far, and so are those of a \
             year ago.",
            names.join("; ")
        );
        Caveat::new("young_cohort", text)
    })
}

#[cfg(test)]
mod tests;
