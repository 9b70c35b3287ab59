//! How long things take, and whether they ever come: `method survival` and `method cure`.

use clap::Args;
use domain::Column;
use serde_json::{Value, json};
use stats::cure::{self, Averaged};
use stats::interval::Interval;
use stats::survival::compare::{Weight, compare};
use stats::survival::curve::{Quantile, kaplan_meier};
use stats::survival::incidence::aalen_johansen;
use stats::survival::{Fault, Observed, Table as Counts};

use super::table::{Input, Table, groups, taken};
use super::{Result_, frame, numbers};
use crate::error::Failure;

/// Subjects of a file, as columns.
#[derive(Args, Debug)]
pub(super) struct Waits {
    #[command(flatten)]
    input: Input,
    /// Column with the time from start to the event, or to when watching ended
    #[arg(long, value_name = "COLUMN", default_value = "time")]
    time: String,
    /// Column that says whether the event came: 1 or 0; causes that exclude each other are numbered
    /// from 1
    #[arg(long, value_name = "COLUMN", default_value = "event")]
    event: String,
    /// Column with the time from which on a subject is watched, where that is not its start
    #[arg(long, value_name = "COLUMN")]
    entry: Option<String>,
    /// Column that divides the subjects into groups
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
}

/// A group of subjects, counted.
struct Group {
    name: Option<String>,
    counts: Counts,
}

impl Waits {
    fn read(&self) -> Result<Vec<Group>, Failure> {
        let mut table = Table::read(&self.input.file)?;
        let time = table.times(&self.time, "time")?;
        let event = table.column(&self.event, "event", "1, 0 or the number of a cause", cause)?;
        let entry = match &self.entry {
            Some(name) => table.times(name, "entry")?,
            None => Vec::new(),
        };
        let names = match &self.group {
            Some(name) => Some(table.texts(name, "group")?),
            None => None,
        };
        table.finish()?;
        groups(names.as_deref(), time.len())
            .into_iter()
            .map(|(name, rows)| {
                let observed = Observed {
                    time: &taken(&time, &rows),
                    cause: &taken(&event, &rows),
                    entry: &taken(&entry, &rows),
                };
                let counts = Counts::of(&observed).map_err(|fault| self.refused(&fault))?;
                Ok(Group { name, counts })
            })
            .collect()
    }

    fn refused(&self, fault: &Fault) -> Failure {
        Table::refused(&self.input.file, &fault.to_string())
    }
}

fn cause(text: &str) -> Option<u16> {
    match text.to_lowercase().as_str() {
        "true" | "yes" => Some(1),
        "false" | "no" => Some(0),
        number => {
            let number: f64 = number.parse().ok()?;
            let whole = number.fract() == 0.0 && (0.0..=1000.0).contains(&number);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            whole.then_some(number as u16)
        }
    }
}

fn interval(interval: &Interval) -> Value {
    json!({"point": interval.point, "low": interval.low, "high": interval.high})
}

fn quantile(quantile: &Quantile) -> Value {
    json!({"point": quantile.point, "low": quantile.low, "high": quantile.high})
}

/// The names of the groups as a column; `all` where there is one without a name.
fn names(groups: &[Group]) -> Column {
    let name = |group: &Group| Some(group.name.as_deref().unwrap_or("all").into());
    Column::Text(groups.iter().map(name).collect())
}

fn missing(values: impl Iterator<Item = Option<f64>>) -> Column {
    Column::Number(values.collect())
}

/// Kaplan and Meier's curve, the incidence of each cause, and whether groups differ.
pub(super) fn survival(waits: &Waits) -> Result<Result_, Failure> {
    let groups = waits.read()?;
    let level = waits.input.level;
    let shown: Vec<Value> = groups.iter().map(|group| of_group(group, level)).collect();
    let tables: Vec<Counts> = groups.iter().map(|group| group.counts.clone()).collect();
    let test = compare(&tables, Weight::Even).ok();
    let test_json = test
        .as_ref()
        .map(|test| json!({"chi_square": test.chi_square, "degrees": test.degrees, "p": test.p}));
    let data = json!({
        "method": "kaplan-meier, log-minus-log limits",
        "level": level,
        "groups": shown,
        "log_rank": test_json,
    });
    let curves: Vec<_> = groups.iter().map(|group| kaplan_meier(&group.counts)).collect();
    let at = |p: f64| curves.iter().map(move |curve| curve.quantile(p, level).point);
    let table = frame(vec![
        ("group", names(&groups)),
        ("n", numbers(groups.iter().map(|group| group.counts.n() as f64))),
        ("events", numbers(groups.iter().map(|group| group.counts.n_events() as f64))),
        ("median", missing(at(0.5))),
        ("p90", missing(at(0.9))),
        ("still_waiting", missing(curves.iter().map(|c| c.end().map(|end| c.survival(end))))),
    ])?;
    let remark = match &test {
        Some(test) if groups.len() > 1 => format!(
            "Whether the groups differ, by the log-rank test: p = {:.4}. Subjects that still wait \
             count as waiting, not as never.",
            test.p
        ),
        _ => "Subjects that still wait count as waiting, not as never; a median that is empty has \
              not been reached."
            .to_owned(),
    };
    Ok(Result_ { data, table, remark })
}

fn of_group(group: &Group, level: f64) -> Value {
    let counts = &group.counts;
    let curve = kaplan_meier(counts);
    let steps: Vec<Value> = curve
        .steps()
        .iter()
        .map(|step| {
            let limits = step.interval(level);
            json!({
                "time": step.time,
                "at_risk": step.at_risk,
                "events": step.events,
                "survival": step.survival,
                "low": limits.low,
                "high": limits.high,
            })
        })
        .collect();
    let causes: Vec<Value> = (1..)
        .take(counts.n_causes())
        .map(|cause| {
            let incidence = aalen_johansen(counts, cause);
            let steps = incidence.steps().iter().filter(|step| step.events > 0).map(|step| {
                let limits = step.interval(level);
                json!({
                    "time": step.time,
                    "events": step.events,
                    "share": step.share,
                    "low": limits.low,
                    "high": limits.high,
                })
            });
            json!({
                "cause": cause,
                "events": counts.events(cause).iter().sum::<u64>(),
                "steps": steps.collect::<Vec<_>>(),
            })
        })
        .collect();
    let longest = counts.longest();
    json!({
        "group": group.name,
        "n": counts.n(),
        "events": counts.n_events(),
        "longest": longest,
        "median": quantile(&curve.median(level)),
        "p90": quantile(&curve.quantile(0.9, level)),
        "restricted_mean": longest.map(|until| interval(&curve.restricted_mean(until, level))),
        "steps": steps,
        "causes": causes,
    })
}

/// The share that never has the event, by all families.
pub(super) fn cure(waits: &Waits) -> Result<Result_, Failure> {
    let groups = waits.read()?;
    let level = waits.input.level;
    let fits: Vec<Result<Averaged, Fault>> =
        groups.iter().map(|group| cure::averaged(&group.counts, level)).collect();
    if let ([Err(fault)], true) = (fits.as_slice(), groups.len() == 1) {
        return Err(waits.refused(fault));
    }
    let shown: Vec<Value> =
        groups.iter().zip(&fits).map(|(group, fit)| of_cure(group, fit)).collect();
    let data = json!({
        "method": "mixture cure, families averaged by their marginal likelihoods",
        "level": level,
        "groups": shown,
    });
    let of = |part: fn(&Averaged) -> Option<f64>| {
        missing(fits.iter().map(|fit| fit.as_ref().ok().and_then(part)))
    };
    let table = frame(vec![
        ("group", names(&groups)),
        ("n", numbers(groups.iter().map(|group| group.counts.n() as f64))),
        ("events", numbers(groups.iter().map(|group| group.counts.n_events() as f64))),
        ("never", of(|fit| Some(fit.never))),
        ("low", of(|fit| Some(fit.limits.0))),
        ("high", of(|fit| Some(fit.limits.1))),
        ("told", of(Averaged::told)),
    ])?;
    let n_told = fits.iter().flatten().filter(|fit| fit.told().is_some()).count();
    let remark = format!(
        "`told` is the share that never has the event, where follow-up suffices and the families \
         agree: {n_told} of {}. Elsewhere it is too early, and the limits say how little is known.",
        groups.len()
    );
    Ok(Result_ { data, table, remark })
}

fn of_cure(group: &Group, fit: &Result<Averaged, Fault>) -> Value {
    let counts = &group.counts;
    let mut shown = json!({
        "group": group.name,
        "n": counts.n(),
        "events": counts.n_events(),
        "longest": counts.longest(),
    });
    let more = match fit {
        Ok(fit) => averaged(fit),
        Err(fault) => json!({"fault": fault.to_string()}),
    };
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
    shown
}

fn averaged(fit: &Averaged) -> Value {
    let families: Vec<Value> = fit
        .families
        .iter()
        .map(|one| {
            json!({
                "family": one.fit.family.name(),
                "weight": one.weight,
                "never": {"point": one.fit.never, "low": one.never.0, "high": one.never.1},
                "scale": one.fit.scale,
                "shape": one.fit.shape,
                "log_likelihood": one.fit.log_likelihood,
                "median": one.fit.quantile(0.5),
                "p90": one.fit.quantile(0.9),
            })
        })
        .collect();
    json!({
        "never": {"point": fit.never, "low": fit.limits.0, "high": fit.limits.1},
        "told": fit.told(),
        "families_agree": fit.agreed,
        "seen": fit.seen,
        "follow_up": {
            "last_event": fit.follow_up.last_event,
            "n_late": fit.follow_up.n_late,
            "alpha": fit.follow_up.alpha,
            "sufficient": fit.follow_up.sufficient(),
        },
        "families": families,
    })
}
