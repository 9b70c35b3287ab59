//! How right were the forecasts of bookings?
//!
#![doc = include_str!("forecast.md")]
//!
//! For: CFO, analysts. Grain: one row per past period and day on which it is forecast. Method:
//! `forecast` itself as of past days; `stats::score`.

use domain::answer::{Chart, ChartForm, Entry, Series, Table};
use domain::{Answer, Ask, Caveat, Figure, Given, Need, Question, Value};

use crate::common::{self, row, table};
use crate::forecast::model::{FLOOR, Method};
use crate::forecast::plain::chances;
use crate::forecast::record::{Record, number};
use crate::forecast::track::{self, Replay, scored};
use crate::forecast::{self, money};
use crate::{chance, words};

/// The question.
pub const QUESTION: Question = Question {
    id: "forecast",
    asks: "How right were the forecasts of bookings?",
    readers: &["CFO", "analyst"],
    help: include_str!("forecast.md"),
};

/// Past periods that are replayed, and simulations of each day.
const PAST: usize = 12;
const RUNS: u32 = 2000;

/// The rows of the answer itself.
pub fn needs(ask: &Ask) -> Vec<Need> {
    forecast::needs(ask)
}

/// A plain way: identifier, name, what it said and what came, and the CRPS of the model on the same
/// days.
type Way = (&'static str, &'static str, Vec<(f64, f64)>, f64);

/// Scores of all replays.
struct Scores {
    n: usize,
    inside: usize,
    /// Within the range as it would have been told then, widened.
    inside_told: usize,
    crps: f64,
    ways: Vec<Way>,
    places: Vec<f64>,
}

/// Replays by period, the latest first, with the widening that the periods before ask for.
fn scores(replays: &[Replay]) -> Scores {
    let judged: Vec<&Replay> = replays.iter().filter(|r| r.method == Method::Hazard).collect();
    let told = |replay: &Replay| {
        let earlier = replays.iter().filter(|other| other.period.to < replay.period.from);
        let factor = track::widening(&earlier.cloned().collect::<Vec<_>>());
        let [low, middle, high] = replay.said;
        let wide = [middle + factor * (low - middle), middle + factor * (high - middle)];
        wide[0] <= replay.actual && replay.actual <= wide[1]
    };
    let count = |of: &dyn Fn(&Replay) -> bool| judged.iter().filter(|replay| of(replay)).count();
    let way = |id, name, of: &dyn Fn(&Replay) -> Option<f64>| {
        let pairs = judged.iter().filter_map(|replay| Some((of(replay)?, replay)));
        let pairs: Vec<(f64, &&Replay)> = pairs.collect();
        let ours = pairs.iter().map(|(_, replay)| replay.crps).sum();
        (id, name, pairs.iter().map(|(said, replay)| (*said, replay.actual)).collect(), ours)
    };
    Scores {
        n: judged.len(),
        inside: count(&Replay::inside),
        inside_told: count(&told),
        crps: judged.iter().map(|replay| replay.crps).sum(),
        ways: vec![
            way("stage_weighted", "Stage-weighted", &|r| Some(r.plain.stage_weighted)),
            way("commit", "Committed by sales", &|r| r.plain.committed.then_some(r.plain.commit)),
            way("year_ago", "As a year ago (seasonal naive)", &|r| r.plain.year_ago),
            way("year_ratio", "A year ago times recent growth", &|r| r.plain.year_ratio),
        ],
        places: judged.iter().map(|replay| replay.place).collect(),
    }
}

impl Scores {
    /// CRPS of the model over that of a way, where they can be compared.
    fn ratio(&self, id: &str) -> Option<f64> {
        let (_, _, pairs, ours) = self.ways.iter().find(|way| way.0 == id)?;
        let off: f64 = pairs.iter().map(|(said, came)| (said - came).abs()).sum();
        (off > 0.0).then(|| ours / off)
    }
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let mut answer = Answer::new(&QUESTION, ask);
    let calendar = ask.definitions.calendar();
    let record = Record::of(given.frame("deals"), given.frame("changes"), calendar.clone());
    let on = given.known_until.map_or(ask.as_of, |day| day.min(ask.as_of));
    let month = ask.period.n_days() < 32;
    let now = if month { calendar.month_of(on) } else { calendar.quarter_of(on) };
    let periods = track::before(&calendar, &now, number(on), PAST);
    let chances = chances(&ask.definitions);
    let replays = track::replays(&record, &chances, &periods, number(on), RUNS, ask.seed);
    let scores = scores(&replays);
    if scores.n == 0 {
        answer.headline = format!(
            "No past period can be forecast again: it takes half a year of record before it, and {} \
             closed deals with their stages, {} of them won.",
            FLOOR.0, FLOOR.1
        );
        common::caveats(&mut answer, ask, given);
        return answer;
    }
    answer.headline = headline(&scores);
    answer.figures = figures(ask, &scores);
    answer.charts.extend(places(&scores));
    answer.tables.push(ways(ask, &scores));
    answer.tables.push(by_day(ask, &replays));
    answer.tables.push(cases(ask, &replays));
    let others = replays.len() - scores.n;
    if others > 0 {
        let text = format!(
            "{} of {} past days had too few closed deals for the model and are not scored.",
            others,
            replays.len()
        );
        answer.caveats.push(Caveat::new("forecast_floor", text));
    }
    common::caveats(&mut answer, ask, given);
    answer
}

fn headline(scores: &Scores) -> String {
    let Scores { n, inside_told, .. } = scores;
    let better = match scores.ratio("stage_weighted") {
        Some(ratio) if ratio < 0.995 => {
            format!("its distance is {} smaller than stage-weighted", words::percent(1.0 - ratio))
        }
        Some(ratio) if ratio > 1.005 => {
            format!("its distance is {} larger than stage-weighted", words::percent(ratio - 1.0))
        }
        _ => "it is as far off as stage-weighted".to_owned(),
    };
    format!(
        "What came lay between P10 and P90 in {inside_told} of {n} past forecasts (80% is right); \
         {better}."
    )
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn plain(value: Option<f64>) -> Entry {
    Entry::plain(value.map_or_else(|| Value::None("not known".to_owned()), Value::Number))
}

fn figures(ask: &Ask, scores: &Scores) -> Vec<Figure> {
    let share = |inside: usize| {
        let share = Value::Share { of: count(inside), total: count(scores.n) };
        chance::with_rate(Entry::plain(share))
    };
    let mut figures = vec![
        common::figure(
            "coverage_told",
            "Within P10 to P90, as told",
            share(scores.inside_told),
            "Share of past forecasts whose range, widened or narrowed as it would have been then, held what came.",
        ),
        common::figure(
            "coverage",
            "Within P10 to P90, as simulated",
            share(scores.inside),
            "The same before any widening or narrowing.",
        ),
        common::figure(
            "crps",
            "Mean CRPS",
            Entry::plain(Value::Money(money(scores.crps / scores.n as f64, ask))),
            "Mean distance of the whole forecast from what came.",
        ),
    ];
    for (id, name, pairs, _) in &scores.ways {
        if !pairs.is_empty() {
            let meaning = "CRPS of the forecast over the distance of this way, on the same days; below \
                           1 the forecast is better.";
            let label = format!("CRPS against: {}", name.to_lowercase());
            let id_of = format!("crps_against_{id}");
            figures.push(common::figure(&id_of, &label, plain(scores.ratio(id)), meaning));
        }
    }
    figures
}

fn ways(ask: &Ask, scores: &Scores) -> Table {
    let columns = [
        ("n", "Days"),
        ("error", "Mean distance"),
        ("bias", "Bias"),
        ("ratio", "CRPS of the forecast against it"),
    ];
    let mut table = table("ways", "The plain ways on the same days", "Way", &columns);
    for (id, name, pairs, _) in &scores.ways {
        let score = scored(pairs);
        let off: f64 = pairs.iter().map(|(said, came)| (said - came).abs()).sum();
        let mean = if pairs.is_empty() {
            Value::None("not known".to_owned())
        } else {
            Value::Money(money(off / pairs.len() as f64, ask))
        };
        let entries = vec![
            Entry::plain(Value::Count(count(pairs.len()))),
            Entry::plain(mean),
            plain(score.bias),
            plain(scores.ratio(id)),
        ];
        table.rows.push(row(id, name, entries));
    }
    table
}

fn by_day(ask: &Ask, replays: &[Replay]) -> Table {
    let columns = [
        ("inside", "Within P10 to P90"),
        ("bias", "Bias"),
        ("crps", "Mean CRPS"),
        ("stage", "Mean distance of stage-weighted"),
    ];
    let mut table = table("days", "By how early it was said", "Days before the end", &columns);
    for origin in 0..3 {
        let of = |replay: &&Replay| replay.origin == origin && replay.method == Method::Hazard;
        let of: Vec<&Replay> = replays.iter().filter(of).collect();
        let Some(days) = of.iter().map(|replay| replay.days_left).max() else { continue };
        let inside = of.iter().filter(|replay| replay.inside()).count();
        let pairs: Vec<(f64, f64)> = of.iter().map(|r| (r.said[1], r.actual)).collect();
        let mean = |one: &dyn Fn(&Replay) -> f64| {
            let sum: f64 = of.iter().map(|replay| one(replay)).sum();
            Entry::plain(Value::Money(money(sum / of.len() as f64, ask)))
        };
        let share = Value::Share { of: count(inside), total: count(of.len()) };
        let entries = vec![
            chance::with_rate(Entry::plain(share)),
            plain(scored(&pairs).bias),
            mean(&|replay| replay.crps),
            mean(&|replay| (replay.plain.stage_weighted - replay.actual).abs()),
        ];
        table.rows.push(row(&format!("d{origin}"), &format!("About {days}"), entries));
    }
    table
}

fn cases(ask: &Ask, replays: &[Replay]) -> Table {
    let columns = [
        ("actual", "What came"),
        ("p10", "P10"),
        ("p50", "P50"),
        ("p90", "P90"),
        ("stage_weighted", "Stage-weighted"),
        ("commit", "Commit"),
    ];
    let mut table = table("cases", "Every past day", "Period", &columns);
    let value = |minor: f64| Entry::plain(Value::Money(money(minor, ask)));
    for replay in replays {
        let [low, middle, high] = replay.said;
        let label = format!("{}, {} days before its end", replay.period.label, replay.days_left);
        let commit = if replay.plain.committed {
            value(replay.plain.commit)
        } else {
            Entry::plain(Value::None("no forecast category is recorded".to_owned()))
        };
        let said = |minor: f64| {
            if replay.method == Method::Counting {
                Entry::plain(Value::None("too little to forecast from".to_owned()))
            } else {
                value(minor)
            }
        };
        let entries = vec![
            value(replay.actual),
            said(low),
            said(middle),
            said(high),
            value(replay.plain.stage_weighted),
            commit,
        ];
        let id = format!("{}-{}", replay.period.label, replay.origin);
        table.rows.push(row(&id, &label, entries));
    }
    table
}

/// How often what came lay in each tenth of what was simulated.
fn places(scores: &Scores) -> Option<Chart> {
    (scores.n >= 10).then(|| {
        let mut tenths = [0_u32; 10];
        for place in &scores.places {
            let tenth = (1..10).filter(|i| *place >= f64::from(*i) / 10.0).count();
            if let Some(count) = tenths.get_mut(tenth) {
                *count += 1;
            }
        }
        let points: Vec<String> = (1..=10).map(|i| format!("{}%", 10 * i)).collect();
        let values = tenths.iter().map(|n| Some(f64::from(*n))).collect();
        Chart::new(
            "places",
            "Where what came lay in the forecast: even bars are right",
            ChartForm::Bars,
            "count",
        )
        .points(points)
        .with(Series::new("Past forecasts", values))
    })
}
