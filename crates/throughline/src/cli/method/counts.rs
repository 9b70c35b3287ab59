//! Shares of groups and of stages: `method rates` and `method funnel`.

use std::collections::HashMap;

use clap::{Args, ValueEnum};
use domain::Column;
use serde_json::{Value, json};
use stats::funnel::{self, Days, Entry, Question, Rule, Transition, Within};
use stats::interval::{Interval, wilson};
use stats::shrinkage::{self, Group};

use super::table::{Input, Table, time};
use super::{Result_, frame, numbers, texts};
use crate::error::Failure;

/// Successes and trials of groups.
#[derive(Args, Debug)]
pub(super) struct Rates {
    #[command(flatten)]
    input: Input,
    /// Column with the name of the group
    #[arg(long, value_name = "COLUMN", default_value = "group")]
    group: String,
    /// Column with the successes
    #[arg(long, value_name = "COLUMN", default_value = "successes")]
    successes: String,
    /// Column with the trials
    #[arg(long, value_name = "COLUMN", default_value = "trials")]
    trials: String,
}

fn count(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then_some(number as u64)
    })
}

fn limits(interval: Option<&Interval>) -> Value {
    interval.map_or(Value::Null, |i| json!({"point": i.point, "low": i.low, "high": i.high}))
}

/// Rates of groups, drawn towards each other.
pub(super) fn rates(rates: &Rates) -> Result<Result_, Failure> {
    let Rates { input, group, successes, trials } = rates;
    let mut table = Table::read(&input.file)?;
    let names = table.texts(group, "group")?;
    let k = table.column(successes, "successes", "a whole number", count)?;
    let n = table.column(trials, "trials", "a whole number", count)?;
    table.finish()?;
    let groups: Vec<Group> = k.iter().zip(&n).map(|(k, n)| Group { k: *k, n: *n }).collect();
    let found = shrinkage::rates(&groups, input.level).ok_or_else(|| {
        let message = "a group has more successes than trials, or no group has a trial";
        Table::refused(&input.file, message)
    })?;
    let raw: Vec<Option<Interval>> =
        groups.iter().map(|group| wilson(group.k, group.n, input.level)).collect();
    let shown = names.iter().zip(&groups).zip(&raw).zip(&found.groups);
    let shown: Vec<Value> = shown
        .map(|(((name, group), raw), shrunk)| {
            json!({
                "group": name,
                "successes": group.k,
                "trials": group.n,
                "raw": limits(raw.as_ref()),
                "shrunk": {"point": shrunk.mean, "low": shrunk.low, "high": shrunk.high},
                "above_mean": shrunk.above,
            })
        })
        .collect();
    let data = json!({
        "method": "beta-binomial, hierarchical; raw rates with limits by Wilson",
        "level": input.level,
        "mean": {"point": found.mean, "low": found.mean_limits.0, "high": found.mean_limits.1},
        "strength": {
            "point": found.strength,
            "low": found.strength_limits.0,
            "high": found.strength_limits.1,
        },
        "groups": shown,
    });
    let table = frame(vec![
        ("group", texts(names.iter().map(String::as_str))),
        ("successes", numbers(groups.iter().map(|group| group.k as f64))),
        ("trials", numbers(groups.iter().map(|group| group.n as f64))),
        ("raw", Column::Number(raw.iter().map(|raw| raw.map(|raw| raw.point)).collect())),
        ("shrunk", numbers(found.groups.iter().map(|group| group.mean))),
        ("low", numbers(found.groups.iter().map(|group| group.low))),
        ("high", numbers(found.groups.iter().map(|group| group.high))),
        ("above_mean", numbers(found.groups.iter().map(|group| group.above))),
    ])?;
    let remark = format!(
        "Each rate is drawn towards the mean {:.4} as if by {:.1} further trials: the fewer its own \
         trials, the more.",
        found.mean, found.strength
    );
    Ok(Result_ { data, table, remark })
}

/// Which cases count as having been in a stage.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum Counted {
    /// Those that entered it, after all stages before it
    Strict,
    /// Those that entered it or a later one
    Any,
}

/// A log of stages.
#[derive(Args, Debug)]
pub(super) struct Funnel {
    #[command(flatten)]
    input: Input,
    /// Column with the case
    #[arg(long, value_name = "COLUMN", default_value = "case")]
    case: String,
    /// Column with the stage that it entered
    #[arg(long, value_name = "COLUMN", default_value = "stage")]
    stage: String,
    /// Column with the time: days as a number, a day, or an instant
    #[arg(long, value_name = "COLUMN", default_value = "time")]
    time: String,
    /// Stages in their order (default: in the order in which the file names them first)
    #[arg(long, value_delimiter = ',')]
    stages: Vec<String>,
    /// Stages that mean that a case left for good
    #[arg(long, value_delimiter = ',')]
    left: Vec<String>,
    /// As of this day: what is later is left out (default: the latest time of the file)
    #[arg(long, value_name = "DAY", value_parser = moment)]
    as_of: Option<f64>,
    /// Only cases that entered their first stage from this day on
    #[arg(long, value_name = "DAY", value_parser = moment)]
    from: Option<f64>,
    /// Only cases that entered their first stage up to this day
    #[arg(long, value_name = "DAY", value_parser = moment)]
    to: Option<f64>,
    /// Days within which cases may go on (default: as long as ten cases are watched)
    #[arg(long)]
    horizon: Option<f64>,
    /// Which cases count as having been in a stage
    #[arg(long, value_enum, default_value_t = Counted::Any)]
    rule: Counted,
    /// Draws for the limits of days
    #[arg(long, default_value_t = 200)]
    replicates: u32,
    /// Seed of the draws
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn moment(text: &str) -> Result<f64, String> {
    time(text).ok_or_else(|| "write a day such as 2026-03-01, or days as a number".to_owned())
}

/// The stages of a log in their order; stages that mean leaving are none.
fn ordered(funnel: &Funnel, named: &[String]) -> Result<Vec<String>, Failure> {
    let mut order: Vec<String> = funnel.stages.clone();
    if order.is_empty() {
        for stage in named {
            if !order.contains(stage) && !funnel.left.contains(stage) {
                order.push(stage.clone());
            }
        }
    }
    if order.len() > 200 {
        let message = format!("there are {} stages, expected up to 200", order.len());
        return Err(Table::refused(&funnel.input.file, &message));
    }
    Ok(order)
}

/// Counts, conversion and days of a log of stages, as of a day.
pub(super) fn funnel(funnel: &Funnel) -> Result<Result_, Failure> {
    let mut table = Table::read(&funnel.input.file)?;
    let cases = table.texts(&funnel.case, "case")?;
    let named = table.texts(&funnel.stage, "stage")?;
    let times = table.times(&funnel.time, "time")?;
    table.finish()?;
    let order = ordered(funnel, &named)?;
    let mut codes: HashMap<&str, u32> = HashMap::new();
    let mut unknown = 0_u64;
    let mut log = Vec::with_capacity(cases.len());
    for ((case, stage), time) in cases.iter().zip(&named).zip(&times) {
        let next = u32::try_from(codes.len()).unwrap_or(u32::MAX);
        let case = *codes.entry(case).or_insert(next);
        let place = order.iter().position(|known| known == stage);
        let stage = match place.and_then(|place| u16::try_from(place).ok()) {
            Some(place) => Some(place),
            None if funnel.left.contains(stage) => None,
            None => {
                unknown += 1;
                continue;
            }
        };
        log.push(Entry { case, stage, time: *time });
    }
    let now = funnel.as_of.unwrap_or_else(|| times.iter().copied().fold(f64::MIN, f64::max));
    let bounds = (funnel.from.unwrap_or(f64::MIN), funnel.to.unwrap_or(f64::MAX));
    let limited = funnel.from.is_some() || funnel.to.is_some();
    let rule = match funnel.rule {
        Counted::Strict => Rule::Strict,
        Counted::Any => Rule::Any,
    };
    let found = funnel::funnel(
        &log,
        &Question {
            stages: u16::try_from(order.len()).unwrap_or(u16::MAX),
            now,
            rule,
            entered: limited.then_some(bounds),
            within: Within {
                horizon: funnel.horizon,
                level: funnel.input.level,
                replicates: funnel.replicates,
                seed: funnel.seed,
            },
        },
    );
    let stages = order.iter().zip(&found.stages).map(|(name, stage)| {
        json!({
            "stage": name,
            "entered": stage.entered,
            "skipped": stage.skipped,
            "returned": stage.returned,
            "onward": stage.onward.as_ref().map(transition),
        })
    });
    let data = json!({
        "method": "funnel of cases on their way; shares by Aalen and Johansen",
        "level": funnel.input.level,
        "as_of": now,
        "rule": rule.id(),
        "seed": funnel.seed,
        "cases": found.n,
        "skips": found.skips,
        "backward": found.backward,
        "left_out": found.left_out + unknown,
        "whole": transition(&found.whole),
        "stages": stages.collect::<Vec<_>>(),
    });
    let onward = |of: fn(&Transition) -> Option<f64>| {
        let stages = found.stages.iter();
        Column::Number(stages.map(|stage| stage.onward.as_ref().and_then(of)).collect())
    };
    let table = frame(vec![
        ("stage", texts(order.iter().map(String::as_str))),
        ("entered", numbers(found.stages.iter().map(|stage| stage.entered as f64))),
        ("went_on", onward(|t| Some(t.passed as f64))),
        ("waiting", onward(|t| Some(t.waiting as f64))),
        ("share", onward(|t| t.share.map(|share| share.point))),
        ("low", onward(|t| t.share.map(|share| share.low))),
        ("high", onward(|t| t.share.map(|share| share.high))),
        ("median_days", onward(|t| t.median.map(|days| days.point))),
    ])?;
    let remark = format!(
        "{} cases; a case that still waits counts as waiting, not as failed. Stages by the rule \
         `{}`: {} moves skipped a stage, {} went back, {} rows were left out.",
        found.n,
        rule.id(),
        found.skips,
        found.backward,
        found.left_out + unknown
    );
    Ok(Result_ { data, table, remark })
}

fn days(days: Option<&Days>) -> Value {
    days.map_or(Value::Null, |days| {
        let (low, high) = days.limits.unzip();
        json!({"point": days.point, "low": low, "high": high})
    })
}

fn transition(step: &Transition) -> Value {
    json!({
        "n": step.n,
        "went_on": step.passed,
        "left": step.left,
        "waiting": step.waiting,
        "mature": step.mature,
        "horizon": step.horizon,
        "share": limits(step.share.as_ref()),
        "median": days(step.median.as_ref()),
        "p90": days(step.p90.as_ref()),
    })
}
