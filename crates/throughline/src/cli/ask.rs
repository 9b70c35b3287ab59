//! `throughline ask`: a question, answered.

use clap::Args;
use domain::Currency;
use jiff::civil::Date;
use project::{Project, Session};
use serde_json::{Value, json};

use super::Common;
use crate::error::{EXIT_OK, Failure, Outcome};
use crate::output::Output;
use crate::progress::Progress;

/// Ask a question and read the answer; without a name, the questions there are
///
/// Examples:
///   throughline ask pipeline --period 2026Q3 --by segment
///   throughline ask attribution --model markov --json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Ask {
    /// The question
    question: Option<String>,
    #[command(flatten)]
    scope: Scope,
}

/// What a question is limited to; the same for asking and opening.
#[derive(Args, Clone, Debug)]
pub(crate) struct Scope {
    /// Fiscal period: 2026, 2026Q3, 2026-09, a day, DAY..DAY or all (default: the last complete
    /// quarter; for `forecast` the one that runs)
    #[arg(long, conflicts_with_all = ["from", "to"])]
    period: Option<String>,
    /// Fiscal quarter, the same as --period
    #[arg(long, value_name = "QUARTER", conflicts_with_all = ["period", "from", "to"])]
    quarter: Option<String>,
    /// First day
    #[arg(long, value_name = "DAY", requires = "to")]
    from: Option<Date>,
    /// Last day
    #[arg(long, value_name = "DAY", requires = "from")]
    to: Option<Date>,
    /// Break down by these dimensions, separated by commas
    #[arg(long, value_delimiter = ',')]
    by: Vec<String>,
    /// Limit to one segment
    #[arg(long)]
    segment: Option<String>,
    /// As of this day: nothing learned later is used (default: the day of the newest load)
    #[arg(long, value_name = "DAY")]
    as_of: Option<Date>,
    /// Attribution model (default: the one in force)
    #[arg(long)]
    model: Option<String>,
    /// Currency in which money is shown (default: the reporting currency)
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// Seed of everything that is drawn at random
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Answers the question.
pub(crate) fn run(ask: &Ask, common: &Common, output: &Output) -> Outcome {
    match &ask.question {
        Some(question) => answer(project::question(question)?, &ask.scope, common, output),
        None => {
            list(answers::QUESTIONS, output);
            Ok(EXIT_OK)
        }
    }
}

/// Lists what can be asked.
pub(super) fn list(entries: &[answers::Entry], output: &Output) {
    if output.json() {
        let questions: Vec<Value> = entries
            .iter()
            .map(|entry| {
                let question = entry.question;
                json!({ "id": question.id, "asks": question.asks, "readers": question.readers })
            })
            .collect();
        output.data(json!({ "questions": questions }), &[]);
        return;
    }
    let width = entries.iter().map(|entry| entry.question.id.len()).max().unwrap_or(0);
    let lines = entries.iter().map(|entry| {
        let mark = format!("{:<width$} ", entry.question.id);
        show::table::hang(&mark, entry.question.asks, output.style().width).join("\n") + "\n"
    });
    output.result(&lines.collect::<String>());
}

/// Answers a question or a backtest, and shows the answer.
pub(super) fn answer(
    entry: &answers::Entry,
    scope: &Scope,
    common: &Common,
    output: &Output,
) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let mut session = open(&project, &scope.limits(), entry, output)?;
    let answer = session.answer(entry)?;
    if output.json() {
        output.data(show::json::answer(&answer), &[]);
    } else {
        output.result(&show::text::answer(&answer, output.style()));
    }
    Ok(EXIT_OK)
}

/// Opens the lake for a question, with the progress of a build where one is made.
pub(crate) fn open(
    project: &Project,
    scope: &project::Scope,
    question: &answers::Entry,
    output: &Output,
) -> Result<Session, Failure> {
    let mut progress = Progress::new(output);
    let session = Session::open(project, scope, question, &mut |stage, done, total| {
        progress.step(stage, done, total)
    });
    progress.finish();
    session
}

impl Scope {
    /// The limits themselves.
    pub(crate) fn limits(&self) -> project::Scope {
        project::Scope {
            period: self.period.clone().or_else(|| self.quarter.clone()),
            days: self.from.zip(self.to),
            by: self.by.clone(),
            segment: self.segment.clone(),
            as_of: self.as_of,
            model: self.model.clone(),
            currency: self.currency,
            seed: self.seed,
        }
    }
}

fn currency(text: &str) -> Result<Currency, String> {
    text.to_uppercase().parse().map_err(|error: domain::MoneyError| error.to_string())
}
