//! How right was the real pipeline, against the probabilities of the stages?
//!
#![doc = include_str!("hygiene.md")]
//!
//! For: CRO, CFO, analysts. Grain: one row per past day, and one per band of chances. Method:
//! `hygiene` itself as of past days; [`stats::score`].

use domain::answer::{Chart, ChartForm, Entry, Role, Series, Table};
use domain::definition::State;
use domain::{Answer, Ask, Caveat, Figure, Given, Need, Question, Value};
use jiff::civil::Date;
use stats::score;

use crate::common::{self, row, table};
use crate::hygiene::{self, FLOOR, Odds, Record, later, looks, money, stage_probability};
use crate::words;

/// The question.
pub const QUESTION: Question = Question {
    id: "hygiene",
    asks: "How right was the real pipeline, against the probabilities of the stages?",
    readers: &["CRO", "CFO", "analyst"],
    help: include_str!("hygiene.md"),
};

/// Past days that are replayed, and days between two of them.
const PAST: usize = 12;
const STEP: i32 = 30;
const BANDS: usize = 5;

/// The rows of the answer itself.
pub fn needs(ask: &Ask) -> Vec<Need> {
    hygiene::needs(ask)
}

/// A past day, as it was told then and as it came; amounts in minor units.
#[derive(Default)]
struct Past {
    day: Date,
    n: usize,
    open: f64,
    said: f64,
    deviation: f64,
    staged: f64,
    won: f64,
}

impl Past {
    /// True where what was won lies between P10 and P90.
    fn inside(&self) -> bool {
        (self.won - self.said).abs() <= 1.281_551_565_544_6 * self.deviation
    }
}

/// All past days.
#[derive(Default)]
struct Replay {
    days: Vec<Past>,
    said: Vec<f64>,
    staged: Vec<f64>,
    happened: Vec<bool>,
    horizon: i32,
    /// Days on which there was too little to go on.
    too_early: usize,
}

fn replay(ask: &Ask, record: &Record<'_>) -> Replay {
    let definitions = &ask.definitions;
    let n_stages = definitions.stages.iter().filter(|s| s.state == State::Open).count();
    let horizon = Odds::learned(record, ask.as_of, definitions).horizon;
    let first = record.deals.days("created_on").iter().flatten().min().copied();
    let mut found = Replay { horizon, ..Replay::default() };
    let mut day = later(ask.as_of, -horizon);
    while found.days.len() < PAST && first.is_some_and(|first| day > first) {
        let odds = Odds::learned(record, day, definitions);
        if !odds.fitted() {
            found.too_early += 1;
            break;
        }
        // Judged by the horizon that was told then, where that is over by now.
        let horizon = odds.horizon;
        if later(day, horizon) <= ask.as_of {
            let mut open = looks(record, day, horizon, n_stages);
            open.retain(|look| look.known.recorded);
            let mut past = Past { day, n: open.len(), ..Past::default() };
            let mut each = Vec::new();
            for look in &open {
                let (Some(chance), naive) = (odds.chance(look), stage_probability(ask, look))
                else {
                    continue;
                };
                let amount = look.known.amount.map_or(0.0, |amount| amount.minor as f64);
                past.open += amount;
                past.said += amount * chance;
                past.staged += amount * naive;
                past.won += if look.won { amount } else { 0.0 };
                each.push((amount, chance));
                found.said.push(chance);
                found.staged.push(naive);
                found.happened.push(look.won);
            }
            past.deviation = odds.deviation(each.into_iter());
            found.days.push(past);
        }
        day = later(day, -STEP);
    }
    found.days.reverse();
    found
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let mut answer = Answer::new(&QUESTION, ask);
    let calendar = ask.definitions.calendar();
    let (deals, changes) = (given.frame("deals"), given.frame("changes"));
    let record = Record::of(deals, changes, given.frame("touches"), calendar);
    let found = replay(ask, &record);
    if found.days.is_empty() {
        answer.headline = format!(
            "No past day can be replayed: {FLOOR} deals won and {FLOOR} not won must have been decided by it, \
             and its own horizon must be over."
        );
        common::caveats(&mut answer, ask, given);
        return answer;
    }
    let sum = |of: &dyn Fn(&Past) -> f64| found.days.iter().map(of).sum::<f64>();
    let (said, staged, won) = (sum(&|d| d.said), sum(&|d| d.staged), sum(&|d| d.won));
    let brier = score::brier(&found.said, &found.happened);
    let naive = score::brier(&found.staged, &found.happened);
    let whole = |minor: f64| words::money(money(minor, ask.currency));
    let n_days = i64::try_from(found.days.len()).unwrap_or(0);
    answer.headline = format!(
        "On {} the open deals were said to bring {} within the horizon, and brought {}; by their stages {}.",
        words::count(n_days, "past day", "past days"),
        whole(said),
        whole(won),
        whole(staged),
    );
    let number = |id: &str, label: &str, value: Option<f64>, meaning: &str| {
        let value = value.map_or_else(|| Value::None("not determined".to_owned()), Value::Number);
        Figure::new(id, label, value, meaning)
    };
    let slope = score::calibration(&found.said, &found.happened).map(|found| found.slope);
    let inside = i64::try_from(found.days.iter().filter(|day| day.inside()).count()).unwrap_or(0);
    let ratio = |said: f64| (won > 0.0).then(|| said / won);
    answer.figures = vec![
        number(
            "brier",
            "Brier score",
            brier,
            "Mean squared distance of the chances from what happened.",
        ),
        number(
            "brier_stage",
            "Brier score by stage",
            naive,
            "The same for the probabilities of the stages.",
        ),
        number(
            "auc",
            "AUC",
            score::auc(&found.said, &found.happened),
            "How often a won deal had the larger chance.",
        ),
        number(
            "auc_stage",
            "AUC by stage",
            score::auc(&found.staged, &found.happened),
            "The same for the probabilities of the stages.",
        ),
        number(
            "calibration_slope",
            "Slope of calibration",
            slope,
            "1 is right; below 1 chances are too extreme.",
        ),
        number(
            "expected_to_won",
            "Expected per won",
            ratio(said),
            "Expected value of all days as a multiple of what was won.",
        ),
        number(
            "stage_to_won",
            "By stage per won",
            ratio(staged),
            "The stage-weighted value as a multiple of what was won.",
        ),
        Figure::new(
            "inside",
            "Days within the range",
            Value::Share { of: inside, total: n_days },
            "Past days on which what was won lay between P10 and P90; four of five are expected.",
        ),
    ];
    answer.tables.push(days(&found, ask));
    answer.tables.push(bands(&found));
    answer.charts.push(chart(&found, ask));
    let text = format!(
        "Days {STEP} days apart within a horizon of {} days share most of their deals.",
        found.horizon
    );
    answer.caveats.push(Caveat::new("days_overlap", text));
    if let Some(first) = found.days.first().filter(|_| found.too_early > 0) {
        let text = format!("Before {} too few deals were decided to learn from.", first.day);
        answer.caveats.push(Caveat::new("too_little_history", text));
    }
    common::caveats(&mut answer, ask, given);
    answer
}

fn days(found: &Replay, ask: &Ask) -> Table {
    let mut out = table(
        "days",
        "As of past days",
        "Day",
        &[
            ("n", "Open deals"),
            ("open", "Open pipeline"),
            ("expected", "Expected then"),
            ("stage_weighted", "By stage then"),
            ("won", "Won within the horizon"),
        ],
    );
    for day in &found.days {
        let amount = |minor: f64| Entry::plain(Value::Money(money(minor, ask.currency)));
        let entries = vec![
            Entry::plain(Value::Count(i64::try_from(day.n).unwrap_or(0))),
            amount(day.open),
            amount(day.said),
            amount(day.staged),
            amount(day.won),
        ];
        out.rows.push(row(&day.day.to_string(), &day.day.to_string(), entries));
    }
    out
}

/// Said against happened, in bands of chances.
fn bands(found: &Replay) -> Table {
    let mut out = table(
        "bands",
        "Said and happened",
        "Chance",
        &[("n", "Deals"), ("said", "Said on average"), ("won", "Won")],
    );
    for at in 0..BANDS {
        let (low, high) = (at as f64 / BANDS as f64, (at + 1) as f64 / BANDS as f64);
        let within = |p: f64| p >= low && (p < high || at + 1 == BANDS);
        let cases = found.said.iter().zip(&found.happened).filter(|(p, _)| within(**p));
        let (mut n, mut k, mut said) = (0_i64, 0_i64, 0.0);
        for (p, happened) in cases {
            n += 1;
            k += i64::from(*happened);
            said += p;
        }
        if n == 0 {
            continue;
        }
        let label = format!("{} to {}", words::percent(low), words::percent(high));
        let entries = vec![
            Entry::plain(Value::Count(n)),
            Entry::plain(Value::Number(said / n as f64)),
            Entry::plain(Value::Share { of: k, total: n }),
        ];
        out.rows.push(row(&format!("band_{}", at + 1), &label, entries));
    }
    out
}

fn chart(found: &Replay, ask: &Ask) -> Chart {
    let unit = 10_f64.powi(i32::try_from(ask.currency.digits()).unwrap_or(2));
    let of = |what: &dyn Fn(&Past) -> f64| {
        found.days.iter().map(|day| Some(what(day) / unit)).collect::<Vec<Option<f64>>>()
    };
    let half = |day: &Past| 1.281_551_565_544_6 * day.deviation;
    let title = "What was expected of the open deals, and what was won of them";
    Chart::new("expected_and_won", title, ChartForm::Line, ask.currency.code())
        .points(found.days.iter().map(|day| day.day.to_string()))
        .with(Series::new("Won", of(&|day| day.won)))
        .with(Series::new("Expected", of(&|day| day.said)).role(Role::Projected).range(
            0.8,
            of(&|day| (day.said - half(day)).max(0.0)),
            of(&|day| day.said + half(day)),
        ))
        .with(Series::new("By stage", of(&|day| day.staged)).role(Role::Projected))
}
