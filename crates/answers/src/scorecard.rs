//! Are we on plan, and who owns the gap?
//!
#![doc = include_str!("scorecard.md")]
//!
//! For: CEO, CMO, CFO, CRO. Grain: one row per goal, one per period. Money: the currency asked for,
//! exact. Method: the figures of `pipeline` and `programs`, found by their own functions; a gap is
//! a difference.

use domain::answer::{Chart, ChartForm, Entry, Role, Series, Table, TableRow};
use domain::definition;
use domain::{Answer, Ask, Caveat, Figure, Given, Money, Need, Period, Question, Value};

use crate::common::{self, Periods, Trail, of_period, series_of};
use crate::words;
use crate::{pipeline, programs};

/// The question.
pub const QUESTION: Question = Question {
    id: "scorecard",
    asks: "Are we on plan, and who owns the gap?",
    readers: &["CEO", "CMO", "CFO", "CRO"],
    help: include_str!("scorecard.md"),
};

/// The figures, in the order in which they are shown; those with a goal stand before the others.
const FIGURES: &[&str] = &[
    "pipeline_created",
    "marketing_sourced_pipeline",
    "marketing_sourced_share",
    "won",
    "marketing_sourced_won",
    "win_rate",
    "spend",
    "cac",
    "roi",
];

/// How many goals a headline names.
const NAMED: usize = 3;

/// What the answers need whose figures these are.
pub fn needs(ask: &Ask) -> Vec<Need> {
    let mut needs = pipeline::needs(ask);
    needs.extend(programs::needs_of_figures(ask));
    needs
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let deals = pipeline::Found::of(ask, given);
    let money = programs::Found::of(ask, given);
    let any = deals.any() || money.any();
    let begun = common::not_begun(ask, given, any).is_none();
    let set = ask.definitions.goals_of(&ask.period);
    let goals = if begun { goals(&set, &deals.figures) } else { Vec::new() };
    let periods = Periods::of(ask);
    let undecided = undecided(ask, given);

    let mut answer = Answer::new(&QUESTION, ask);
    let found = || deals.figures.iter().chain(&money.figures);
    answer.figures =
        FIGURES.iter().filter_map(|id| found().find(|figure| figure.id == *id)).cloned().collect();
    // What was promised stands first.
    answer.figures.sort_by_key(|figure| figure.target.is_none());
    answer.headline = if let Some(text) = common::not_begun(ask, given, any) {
        common::of_segment(ask, text)
    } else if common::is_bare(ask, given) {
        common::nothing(ask)
    } else {
        let text = headline(ask, &answer.figures, &goals, &periods, undecided.as_deref());
        common::of_segment(ask, text)
    };
    if !goals.is_empty() {
        answer.tables.push(goal_table(&goals, undecided.as_deref()));
    }
    let trail = joined(&deals.trail, &money.trail);
    if trail.len() > 1 {
        let history = history(&trail);
        let [pipeline, won] =
            [["pipeline_created", "marketing_sourced_pipeline"], ["won", "marketing_sourced_won"]]
                .map(|ids| chart(ask, &trail, &history, ids));
        // One point is no line.
        let line = |chart: &Chart| {
            chart.series.first().is_some_and(|series| series.values.iter().flatten().count() > 1)
        };
        answer.charts.extend([pipeline, won].into_iter().filter(line));
        answer.tables.push(history);
    }
    for caveat in deals.doubts(&periods).into_iter().chain(money.doubts(ask)) {
        // What `open` deals may be worth is not told here.
        let told = |other: &Caveat| other.text == caveat.text;
        if caveat.code != "expected_missing" && !answer.caveats.iter().any(told) {
            answer.caveats.push(caveat);
        }
    }
    if !begun {
        common::emptied(&mut answer);
    }
    common::caveats(&mut answer, ask, given);
    answer
}

/// The figures of both for each period that the deals are known of, else the spend.
fn joined(deals: &Trail, money: &Trail) -> Trail {
    let (main, other) = if deals.len() > 1 { (deals, money) } else { (money, deals) };
    let with = |(period, figures): &(Period, Vec<Figure>)| {
        let same = other.iter().find(|(same, _)| same == period);
        let more = same.map_or(&[][..], |(_, figures)| figures);
        // `won` stands in both: the first is that of the deals.
        let mut all: Vec<Figure> = figures.iter().chain(more).cloned().collect();
        all.retain(|figure| FIGURES.contains(&figure.id.as_str()));
        (period.clone(), all)
    };
    main.iter().map(with).collect()
}

/// A goal with what was reached.
struct Goal<'a> {
    figure: &'a Figure,
    target: &'a Value,
    owner: &'a str,
    /// What was reached beyond the target, in its unit; negative where it is missed.
    gap: Value,
}

impl Goal<'_> {
    fn met(&self) -> bool {
        self.gap.number().is_some_and(|gap| gap >= 0.0)
    }

    /// Reached, as a part of the target.
    fn part(&self) -> f64 {
        match (self.figure.value.number(), self.target.number()) {
            (Some(value), Some(target)) if target > 0.0 => value / target,
            _ => 0.0,
        }
    }

    fn name(&self) -> String {
        words::lower(&self.figure.label)
    }

    fn is(&self) -> &'static str {
        if self.figure.label.ends_with('s') { "are" } else { "is" }
    }

    /// Returns "won is $1.3M short of $4M (sales)".
    fn told(&self) -> String {
        let (name, is) = (self.name(), self.is());
        let (goal, owner) = (said(self.target), self.owner);
        match self.gap.number() {
            Some(gap) if gap < 0.0 => {
                format!("{name} {is} {} short of {goal} ({owner})", said(&absolute(&self.gap)))
            }
            Some(gap) if gap > 0.0 => {
                format!("{name} {is} {} above {goal} ({owner})", said(&self.gap))
            }
            _ => format!("{name} {is} at its goal of {goal} ({owner})"),
        }
    }

    /// Returns "won is at $2.69M of $4M (sales)".
    fn so_far(&self) -> String {
        let (name, is, value) = (self.name(), self.is(), said(&self.figure.value));
        format!("{name} {is} at {value} of {} ({})", said(self.target), self.owner)
    }
}

/// The goals of the period that can be judged, the most missed first.
fn goals<'a>(set: &'a [definition::Goal], figures: &'a [Figure]) -> Vec<Goal<'a>> {
    let goal = |goal: &'a definition::Goal| {
        let figure = of_period(figures, &goal.figure)?;
        let target = figure.target.as_ref()?;
        let gap = match (&figure.value, target) {
            (Value::Money(value), Value::Money(target)) => {
                Value::Money(value.checked_sub(*target).ok()?)
            }
            (Value::Count(value), Value::Count(target)) => {
                Value::Count(value.saturating_sub(*target))
            }
            (Value::Count(value), Value::Decimal(target)) => {
                Value::Decimal(domain::Decimal::from(*value).checked_sub(*target)?)
            }
            _ => return None,
        };
        Some(Goal { figure, target, owner: goal.owner(), gap })
    };
    let mut goals: Vec<Goal<'_>> = set.iter().filter_map(goal).collect();
    goals.sort_by(|a, b| a.part().total_cmp(&b.part()));
    goals
}

/// Says why the period cannot be judged yet; none where it can.
fn undecided(ask: &Ask, given: &Given) -> Option<String> {
    let Period { label, to, .. } = &ask.period;
    if common::so_far(ask) {
        let elapsed = Period::days(ask.period.from, ask.as_of).n_days();
        let all = ask.period.n_days();
        return Some(format!("{elapsed} of the {all} days of {label} have passed"));
    }
    let loaded = given.known_until.filter(|day| day < to)?;
    Some(format!("{label} is loaded only until {loaded}"))
}

fn headline(
    ask: &Ask,
    figures: &[Figure],
    goals: &[Goal<'_>],
    periods: &Periods,
    undecided: Option<&str>,
) -> String {
    let period = &ask.period.label;
    let changed = changed(figures, periods);
    if goals.is_empty() {
        let text = no_goal(ask);
        return match changed.filter(|_| undecided.is_none()) {
            Some(changed) => format!("{text} {changed}"),
            None => format!("{text} {}", stands(figures, undecided.is_some())),
        };
    }
    if let Some(why) = undecided {
        return format!("No verdict yet: {why}. So far, {}.", list(goals, Goal::so_far));
    }
    let (met, missed): (Vec<&Goal<'_>>, Vec<&Goal<'_>>) = goals.iter().partition(|goal| goal.met());
    let text = match (met.as_slice(), missed.as_slice()) {
        ([one], []) => format!("On plan in {period}: {}.", one.told()),
        (all, []) => {
            let n = all.len();
            format!("On plan in {period} on all {n} goals: {}.", list(all, |goal| goal.told()))
        }
        ([], [one]) => format!("Behind plan in {period}: {}.", one.told()),
        ([], all) => {
            let n = all.len();
            format!("Behind plan in {period} on all {n} goals: {}.", list(all, |goal| goal.told()))
        }
        (met, missed) => format!(
            "Behind plan in {period} on {} of {} goals: {}; {}.",
            missed.len(),
            goals.len(),
            list(missed, |goal| goal.told()),
            list(met, |goal| goal.told())
        ),
    };
    match changed {
        Some(changed) => format!("{text} {changed}"),
        None => text,
    }
}

/// Says why there is nothing to be on or behind.
fn no_goal(ask: &Ask) -> String {
    let period = &ask.period.label;
    let set = !ask.definitions.goals_of(&ask.period).is_empty();
    match (set, &ask.segment) {
        (true, Some(_)) => {
            format!("The goals of {period} are for the whole company, so a segment has no verdict.")
        }
        (true, None) if ask.currency != ask.definitions.currency => {
            let currency = ask.definitions.currency;
            format!("The goals of {period} are set in {currency}, so there is no verdict.")
        }
        _ => format!("No goal is set for {period}, so there is no verdict."),
    }
}

/// Says how pipeline and revenue moved since the period before; none where nothing is known of it.
fn changed(figures: &[Figure], periods: &Periods) -> Option<String> {
    let moved = |id: &str| {
        let figure = of_period(figures, id)?;
        let before = figure.previous.as_ref()?;
        let (now, then) = (figure.value.number()?, before.number()?);
        let (new, old) = (said(&figure.value), said(before));
        let name = words::lower(&figure.label);
        Some(if new == old {
            format!("{name} stayed at {new}")
        } else if now > then {
            format!("{name} rose from {old} to {new}")
        } else {
            format!("{name} fell from {old} to {new}")
        })
    };
    let parts: Vec<String> = ["pipeline_created", "won"].into_iter().filter_map(moved).collect();
    let label = &periods.previous.label;
    (!parts.is_empty()).then(|| format!("Since {label}, {}.", parts.join(" and ")))
}

/// Says how pipeline and revenue stand, where there is nothing to set them against.
fn stands(figures: &[Figure], so_far: bool) -> String {
    let of = |id| of_period(figures, id).map_or_else(String::new, |figure| said(&figure.value));
    let (created, won) = (of("pipeline_created"), of("won"));
    let far = if so_far { " so far" } else { "" };
    format!("Pipeline created is {created}{far} and won is {won}.")
}

/// Joins what is told of the first goals; says how many more there are.
fn list<'a, T>(goals: &'a [T], told: impl Fn(&'a T) -> String) -> String {
    let mut parts: Vec<String> = goals.iter().take(NAMED).map(told).collect();
    if let n @ 1.. = goals.len().saturating_sub(NAMED) {
        parts.push(format!("{n} more"));
    }
    match parts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn goal_table(goals: &[Goal<'_>], undecided: Option<&str>) -> Table {
    let columns =
        [("actual", "Reached"), ("target", "Goal"), ("share", "Part of goal"), ("gap", "Gap")];
    let mut table =
        common::table("goals", "The goals, and who owns them", "Goal (owner)", &columns);
    for goal in goals {
        let actual = Entry {
            value: goal.figure.value.clone(),
            interval: None,
            evidence: goal.figure.evidence.clone(),
        };
        let share = match (&goal.figure.value, goal.target) {
            (Value::Money(of), Value::Money(total)) if total.minor > 0 => {
                Value::Share { of: of.minor, total: total.minor }
            }
            (Value::Count(of), Value::Count(total)) if *total > 0 => {
                Value::Share { of: *of, total: *total }
            }
            _ => Value::None("no part of such a goal".to_owned()),
        };
        let gap = undecided.map_or_else(|| goal.gap.clone(), |why| Value::None(why.to_owned()));
        let entries =
            vec![actual, Entry::plain(goal.target.clone()), Entry::plain(share), Entry::plain(gap)];
        let label = format!("{} ({})", goal.figure.label, goal.owner);
        table.rows.push(common::row(&goal.figure.id, &label, entries));
    }
    table.note = Some(
        "The most missed first. A gap below zero is missing; goals are set for the whole company."
            .to_owned(),
    );
    table
}

/// The figures, period by period.
fn history(trail: &Trail) -> Table {
    let labels = FIGURES.iter().map(|id| {
        let label = trail.iter().find_map(|(_, figures)| of_period(figures, id));
        (*id, *id, label.map_or(*id, |figure| figure.label.as_str()))
    });
    let columns: Vec<(&str, &str, &str)> = labels.collect();
    let mut table = common::by_period("periods", "The same figures over time", &columns, trail);
    let entries = table.rows.iter_mut().flat_map(|row| &mut row.entries);
    entries.for_each(|entry| entry.interval = None);
    table
}

/// A figure and marketing's part of it over time, with the target of one of them.
fn chart(ask: &Ask, trail: &Trail, history: &Table, [whole, part]: [&str; 2]) -> Chart {
    let rows: Vec<&TableRow> = history.rows.iter().collect();
    let label = |id: &str| {
        let column = history.columns.iter().find(|column| column.id == id);
        column.map_or_else(String::new, |column| column.label.clone())
    };
    let targets = |id: &str| -> Vec<Option<Value>> {
        let target = |(period, figures): &(Period, Vec<Figure>)| {
            let ask = Ask { period: period.clone(), ..ask.clone() };
            common::target(&ask, of_period(figures, id)?)
        };
        trail.iter().map(target).collect()
    };
    // One target line: that of the part where it has one.
    let aim = [part, whole].into_iter().find(|id| targets(id).iter().any(Option::is_some));
    let title = aim
        .and_then(|id| finding(ask, trail, id, &targets(id)))
        .unwrap_or_else(|| format!("{} and what marketing sourced of it", label(whole)));
    let marks = common::marks(ask, rows.len());
    let measured = |id: &str| series_of(history, id, &label(id), &rows).marks(marks.clone());
    // What has the target stands first: the gap is drawn between the two.
    let (first, second) = if aim == Some(part) { (part, whole) } else { (whole, part) };
    let mut chart = Chart::new(whole, title, ChartForm::Line, ask.currency.code())
        .points(rows.iter().map(|row| row.label.clone()))
        .with(measured(first))
        .with(measured(second));
    if let Some(id) = aim {
        let values = targets(id).iter().map(|target| target.as_ref()?.number()).collect();
        let name = format!("Target: {}", words::lower(&label(id)));
        chart = chart.with(Series::new(name, values).role(Role::Target));
    }
    chart
}

/// Says how often a goal was reached in the periods that are over.
fn finding(ask: &Ask, trail: &Trail, id: &str, targets: &[Option<Value>]) -> Option<String> {
    let over = trail.iter().zip(targets).filter(|((period, _), _)| period.to <= ask.as_of);
    let met: Vec<bool> = over
        .filter_map(|((_, figures), target)| {
            let value = of_period(figures, id)?.value.number()?;
            Some(value >= target.as_ref()?.number()?)
        })
        .collect();
    let name = of_period(&trail.last()?.1, id)?.label.clone();
    let (reached, n) = (met.iter().filter(|met| **met).count(), met.len());
    let kind = match ask.period.label.as_str() {
        label if label.contains('Q') => "quarters",
        label if label.len() == 4 => "years",
        label if label.len() == 7 => "months",
        _ => "periods",
    };
    match (reached, n) {
        (_, 0) => None,
        (1, 1) => Some(format!("{name} reached its goal")),
        (0, 1) => Some(format!("{name} missed its goal")),
        (0, n) => Some(format!("{name} missed its goal in all {n} {kind}")),
        (all, n) if all == n => Some(format!("{name} reached its goal in all {n} {kind}")),
        (reached, n) => Some(format!("{name} reached its goal in {reached} of {n} {kind}")),
    }
}

fn said(value: &Value) -> String {
    match value {
        // In three figures, so that a gap and its goal add up to what was reached.
        Value::Money(money) => words::part_of(*money, *money).0,
        Value::Count(count) => words::grouped(*count),
        Value::Decimal(count) => count.normalize().to_string(),
        other => other.number().map_or_else(|| "not known".to_owned(), |x| format!("{x:.1}")),
    }
}

fn absolute(value: &Value) -> Value {
    match value {
        Value::Money(money) => {
            Value::Money(Money::from_minor(money.minor.saturating_abs(), money.currency))
        }
        Value::Count(count) => Value::Count(count.saturating_abs()),
        Value::Decimal(count) => Value::Decimal(count.abs()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
