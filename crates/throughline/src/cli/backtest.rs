//! `throughline backtest`: how right an answer was, replayed as of past days.

use clap::Args;

use super::Common;
use super::ask::{self, Scope};
use crate::error::Outcome;
use crate::output::Output;

/// Replay an answer as of past days, and compare it with what came and with the naive ways
///
/// Examples:
///   throughline backtest forecast
///   throughline backtest programs --period all --json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Backtest {
    /// The question whose answers are tested
    name: String,
    #[command(flatten)]
    scope: Scope,
}

/// Runs the backtest.
pub(crate) fn run(backtest: &Backtest, common: &Common, output: &Output) -> Outcome {
    ask::answer(project::backtest(&backtest.name)?, &backtest.scope, common, output)
}
