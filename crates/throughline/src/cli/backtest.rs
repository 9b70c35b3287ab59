//! `throughline backtest`: how right an answer was, replayed as of past days.

use clap::Args;

use super::Common;
use super::ask::{self, Scope};
use crate::error::{EXIT_OK, Outcome};
use crate::output::Output;

/// Replay an answer as of past days, and compare it with what came and with the naive ways
///
/// Examples:
///   throughline backtest forecast
///   throughline backtest programs --period all --json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Backtest {
    /// The question whose answers are tested; none lists them
    name: Option<String>,
    #[command(flatten)]
    scope: Scope,
}

/// Runs the backtest.
pub(crate) fn run(backtest: &Backtest, common: &Common, output: &Output) -> Outcome {
    match &backtest.name {
        Some(name) => ask::answer(project::backtest(name)?, &backtest.scope, common, output),
        None => {
            ask::list(answers::BACKTESTS, output);
            Ok(EXIT_OK)
        }
    }
}
