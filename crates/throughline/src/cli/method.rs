//! `throughline method`: the same mathematics on a plain file.
//!
//! For analysts, and for whoever wants to check us: no lake, no definitions, one file in, one table
//! out.

mod counts;
mod series;
mod table;
mod waiting;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use domain::{Cell, Column, Diagnostic, Frame, Place};
use serde_json::{Value, json};
use stats::credit::Model;
use stats::heuristic::{self, ChannelCredit};
use stats::path::{PathFault, Paths, ReadOptions};
use stats::{order, removal, shapley};

use super::Common;
use super::journey_file;
use crate::error::{EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;

/// Run one method on a plain file
///
/// Files of paths have the columns `path` (channels joined by ` > `), `total_conversions`, and,
/// where there are any, `total_conversion_value` and `total_null`. Of other files the columns are
/// named by options.
///
/// Examples:
///   throughline method markov paths.csv --order 2 --json
///   throughline method credit journeys.csv --model w_shaped
///   throughline method survival leads.csv --time days --event won --group source
///   throughline method funnel log.csv --stages mql,sal,sql,won --left lost --as-of 2026-09-30
#[expect(clippy::doc_markdown, reason = "help for a terminal, where backticks would show")]
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Method {
    #[command(subcommand)]
    method: Name,
}

#[derive(Subcommand, Debug)]
enum Name {
    /// Removal effects of a Markov chain, solved exactly, with null paths weighted
    Markov {
        #[command(flatten)]
        file: PathFile,
        /// Order of the chain, 1 to 4
        #[arg(long, default_value_t = 1)]
        order: usize,
    },
    /// Held-out log-likelihood of the orders 1 to 4: which one the paths support
    MarkovOrder {
        #[command(flatten)]
        file: PathFile,
    },
    /// Shapley values: `set` divides each path among its channels, `rate` values the conversion
    /// rate
    Shapley {
        #[command(flatten)]
        file: PathFile,
        /// The game
        #[arg(long, value_enum, default_value_t = Game::Set)]
        game: Game,
        /// Permutations drawn where the rate game is too large to be counted exactly
        #[arg(long, default_value_t = 2000)]
        permutations: usize,
        /// Seed of the permutations
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Rules that need only the order of the channels: first, last, linear and the like
    Heuristics {
        #[command(flatten)]
        file: PathFile,
        /// Channels that `last_non_direct` passes over
        #[arg(long, value_delimiter = ',', default_value = "direct")]
        direct: Vec<String>,
    },
    /// Credit for journeys with times and milestones, touch by touch
    ///
    /// Columns: `journey`, `channel`, and `days_before` (days before the conversion) or `at` (a
    /// time or day); where there are any `value` (of the journey), and `milestone`
    /// (`lead_creation`, `opportunity_creation`, `close`, joined by `+`).
    Credit {
        /// The file of touches
        file: PathBuf,
        /// A model, or `all`
        #[arg(long, default_value = "all")]
        model: String,
        /// Half-life of the model `time_decay`, in days
        #[arg(long, default_value_t = 7.0)]
        half_life_days: f64,
    },
    /// How long it takes: Kaplan-Meier curves, incidence of causes, log-rank test
    Survival(waiting::Waits),
    /// Whether it ever comes: the share that never has the event, by the mixture cure model
    Cure(waiting::Waits),
    /// Rates of groups, drawn towards each other, with intervals
    Rates(counts::Rates),
    /// A series of equal steps, such as months: what comes next, with intervals
    Series(series::Series),
    /// A log of stages: counts, conversion and days as of a day
    Funnel(counts::Funnel),
}

#[derive(Args, Debug)]
struct PathFile {
    /// The file of paths
    file: PathBuf,
    /// What stands between two channels
    #[arg(long, default_value = " > ")]
    separator: String,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Game {
    /// Conversions of the paths whose channels all lie in the coalition
    Set,
    /// Conversions per journey among those paths
    Rate,
}

/// A result of a method: what JSON shows, and the same as a table for people.
pub(super) struct Result_ {
    pub(super) data: Value,
    pub(super) table: Frame,
    pub(super) remark: String,
}

/// Runs the method.
pub(crate) fn run(method: &Method, _common: &Common, output: &Output) -> Outcome {
    let mut doubts = Vec::new();
    let mut read = |file: &PathFile| file.read(&mut doubts);
    let result = match &method.method {
        Name::Markov { file, order } => markov(&read(file)?, *order)?,
        Name::MarkovOrder { file } => markov_order(&read(file)?)?,
        Name::Shapley { file, game: Game::Set, .. } => shapley_set(&read(file)?)?,
        Name::Shapley { file, game: Game::Rate, permutations, seed } => {
            shapley_rate(&read(file)?, *permutations, *seed)?
        }
        Name::Heuristics { file, direct } => heuristics(&read(file)?, direct)?,
        Name::Credit { file, model, half_life_days } => {
            journey_file::credit(file, &bytes(file)?, model, *half_life_days)?
        }
        Name::Survival(waits) => waiting::survival(waits)?,
        Name::Cure(waits) => waiting::cure(waits)?,
        Name::Rates(rates) => counts::rates(rates)?,
        Name::Series(steps) => series::series(steps)?,
        Name::Funnel(log) => counts::funnel(log)?,
    };
    if output.json() {
        output.data(result.data, &doubts);
    } else {
        output.diagnostics(&doubts);
        let table = show::text::frame(&result.table, output.style(), None);
        let remark = show::table::wrap(&result.remark, output.style().width).join("\n");
        output.result(&format!("{table}\n{remark}\n"));
    }
    Ok(EXIT_OK)
}

impl PathFile {
    /// Reads the paths; a channel that looks like several is a doubt.
    fn read(&self, doubts: &mut Vec<Diagnostic>) -> Result<Paths, Failure> {
        let options = ReadOptions { separator: &self.separator };
        let name = self.file.display().to_string();
        let paths = Paths::read_csv(&bytes(&self.file)?, options).map_err(|faults| {
            let diagnostics = faults.iter().map(|fault| diagnostic(&name, fault)).collect();
            Failure { kind: Kind::Input, diagnostics }
        })?;
        let mark = self.separator.trim();
        if !mark.is_empty()
            && mark != self.separator
            && let Some(channel) = paths.channels().iter().find(|channel| channel.contains(mark))
        {
            let message = format!("`{channel}` is read as one channel, though it holds `{mark}`");
            doubts.push(
                Diagnostic::warning("method.separator", message)
                    .at(Place::file(name))
                    .hint(format!("Where it joins channels, add `--separator '{mark}'`.")),
            );
        }
        Ok(paths)
    }
}

/// Reads a whole file.
fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| {
        let message = format!("{} cannot be read: {error}", file.display());
        Failure::new(Kind::Input, "method.file", message).hint("Check the name of the file.")
    })
}

fn diagnostic(file: &str, fault: &PathFault) -> Diagnostic {
    let place = Place { file: file.into(), line: fault.line, column: fault.column };
    let diagnostic = Diagnostic::error("method.path", fault.message.clone()).at(place);
    if fault.hint.is_empty() { diagnostic } else { diagnostic.hint(fault.hint.clone()) }
}

fn refused(message: &str) -> Failure {
    Failure::new(Kind::Input, "method.input", message)
}

fn markov(paths: &Paths, order: usize) -> Result<Result_, Failure> {
    let found = removal::removal(paths, order).map_err(|fault| {
        let kind = if matches!(fault, removal::RemovalFault::Order(_)) {
            Kind::Usage
        } else {
            Kind::Input
        };
        Failure::new(kind, "method.markov", fault.to_string())
    })?;
    let channels: Vec<Value> = found
        .channels
        .iter()
        .map(|channel| {
            json!({
                "channel": channel.channel,
                "removal_effect": channel.removal_effect,
                "removal_effect_value": channel.removal_effect_value,
                "conversions": channel.conversions,
                "value": channel.value,
            })
        })
        .collect();
    let table = frame(vec![
        ("channel", texts(found.channels.iter().map(|c| c.channel.as_str()))),
        ("removal_effect", numbers(found.channels.iter().map(|c| c.removal_effect))),
        ("conversions", numbers(found.channels.iter().map(|c| c.conversions))),
        ("value", numbers(found.channels.iter().map(|c| c.value))),
    ])?;
    let data = json!({
        "method": "markov removal effect, exact",
        "order": found.order,
        "p_conversion": found.p_conversion,
        "value_per_path": found.value_per_path,
        "n_states": found.n_states,
        "n_transitions": found.n_transitions,
        "sweeps": found.sweeps,
        "residual": found.residual,
        "totals": totals(paths),
        "channels": channels,
    });
    let remark = format!(
        "Order {}: a journey converts with probability {:.6}. Exact solution over {} states; removal \
         effects are credit, not proof of cause.",
        found.order, found.p_conversion, found.n_states
    );
    Ok(Result_ { data, table, remark })
}

fn markov_order(paths: &Paths) -> Result<Result_, Failure> {
    let choice = order::choose_order(paths, removal::ORDER_MAX, order::FOLDS_DEFAULT)
        .ok_or_else(|| refused("there are fewer journeys than folds"))?;
    let data = json!({
        "method": "held-out log-likelihood per order",
        "best": choice.best,
        "simplest": choice.simplest,
        "orders": choice
            .fits
            .iter()
            .map(|fit| json!({
                "order": fit.order,
                "log_likelihood": fit.log_likelihood,
                "behind": fit.behind,
                "standard_error": fit.standard_error,
            }))
            .collect::<Vec<_>>(),
        "totals": totals(paths),
    });
    let table = frame(vec![
        ("order", numbers(choice.fits.iter().map(|fit| fit.order as f64))),
        ("log_likelihood", numbers(choice.fits.iter().map(|fit| fit.log_likelihood))),
        ("behind", numbers(choice.fits.iter().map(|fit| fit.behind))),
        ("standard_error", numbers(choice.fits.iter().map(|fit| fit.standard_error))),
    ])?;
    let remark = format!(
        "Order {} predicts held-out journeys best; order {} does so within one standard error.",
        choice.best, choice.simplest
    );
    Ok(Result_ { data, table, remark })
}

fn shapley_set(paths: &Paths) -> Result<Result_, Failure> {
    let found = shapley::set(paths);
    let table = credit_table(&found)?;
    let data = json!({
        "method": "shapley value of the set game, exact",
        "game": "set",
        "exact": true,
        "totals": totals(paths),
        "channels": credits_json(&found),
    });
    let remark = "Set game: each path is divided equally among its different channels.".to_owned();
    Ok(Result_ { data, table, remark })
}

fn shapley_rate(paths: &Paths, permutations: usize, seed: u64) -> Result<Result_, Failure> {
    let found = shapley::rate(paths, permutations, seed);
    let channels: Vec<Value> = found
        .channels
        .iter()
        .map(|c| {
            json!({
                "channel": c.channel,
                "phi": c.phi,
                "phi_value": c.phi_value,
                "standard_error": c.standard_error,
            })
        })
        .collect();
    let table = frame(vec![
        ("channel", texts(found.channels.iter().map(|c| c.channel.as_str()))),
        ("phi", numbers(found.channels.iter().map(|c| c.phi))),
        ("standard_error", numbers(found.channels.iter().map(|c| c.standard_error))),
    ])?;
    let data = json!({
        "method": if found.exact {
            "shapley value of the rate game, exact"
        } else {
            "shapley value of the rate game, sampled permutations"
        },
        "game": "rate",
        "exact": found.exact,
        "n_permutations": found.n_permutations,
        "error_bound": found.error,
        "seed": seed,
        "rate": found.rate,
        "value_per_path": found.value_per_path,
        "totals": totals(paths),
        "channels": channels,
    });
    let how = if found.exact {
        "exactly".to_owned()
    } else {
        format!("from {} permutations, within {:.6}", found.n_permutations, found.error)
    };
    let remark = format!(
        "Rate game, {how}: the values add up to the conversion rate {:.6}; negative ones are shown.",
        found.rate
    );
    Ok(Result_ { data, table, remark })
}

fn heuristics(paths: &Paths, direct: &[String]) -> Result<Result_, Failure> {
    let direct: Vec<&str> = direct.iter().map(String::as_str).collect();
    let mut models = serde_json::Map::new();
    let mut columns = vec![("channel", texts(paths.channels().iter().map(String::as_str)))];
    for model in Model::ALL {
        if let Some(credits) = heuristic::heuristic(paths, model, &direct) {
            columns.push((model.id(), numbers(credits.iter().map(|c| c.conversions))));
            models.insert(model.id().to_owned(), json!({ "channels": credits_json(&credits) }));
        }
    }
    let data = json!({
        "method": "rules over the order of channels",
        "totals": totals(paths),
        "models": models,
    });
    let remark = "Conversions credited under each rule; `--json` has the value too.".to_owned();
    Ok(Result_ { data, table: frame(columns)?, remark })
}

fn credits_json(credits: &[ChannelCredit]) -> Vec<Value> {
    credits
        .iter()
        .map(|c| json!({"channel": c.channel, "conversions": c.conversions, "value": c.value}))
        .collect()
}

fn credit_table(credits: &[ChannelCredit]) -> Result<Frame, Failure> {
    frame(vec![
        ("channel", texts(credits.iter().map(|c| c.channel.as_str()))),
        ("conversions", numbers(credits.iter().map(|c| c.conversions))),
        ("value", numbers(credits.iter().map(|c| c.value))),
    ])
}

fn totals(paths: &Paths) -> Value {
    let totals = paths.totals();
    json!({
        "conversions": totals.conversions,
        "value": totals.value,
        "null": totals.nulls,
        "paths": paths.n_rows(),
    })
}

/// Makes a column of texts.
pub(super) fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Column {
    Column::Text(values.map(|value| Cell::text(value).as_text().map(Into::into)).collect())
}

/// Makes a column of numbers.
pub(super) fn numbers(values: impl Iterator<Item = f64>) -> Column {
    Column::Number(values.map(Some).collect())
}

/// Makes a frame of columns of one length.
pub(super) fn frame(columns: Vec<(&str, Column)>) -> Result<Frame, Failure> {
    Frame::new(columns).map_err(Failure::bug)
}

/// Sums values by a name, in order of the names.
pub(super) fn sum_by<'a>(pairs: impl Iterator<Item = (&'a str, f64)>) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for (name, value) in pairs {
        *sums.entry(name.to_owned()).or_insert(0.0) += value;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_of_the_definitions_are_those_of_the_numerics_and_the_two_of_whole_paths() {
        let mut known: Vec<&str> = Model::ALL.iter().map(|model| model.id()).collect();
        known.extend(["markov", "shapley"]);
        assert_eq!(domain::definition::check::MODELS, known);
    }
}
