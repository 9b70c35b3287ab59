//! `throughline ask`: a question, answered.

use std::sync::Arc;

use clap::Args;
use domain::{Currency, Definitions, Period};
use jiff::civil::Date;

use super::Common;
use crate::error::{EXIT_OK, Failure, Outcome};
use crate::output::Output;
use crate::project::Project;
use crate::wire;

/// Ask a question: pipeline, attribution, programs
///
/// Examples:
///   throughline ask pipeline --period 2026Q3 --by segment
///   throughline ask attribution --model markov --json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Ask {
    /// The question
    question: String,
    #[command(flatten)]
    scope: Scope,
}

/// What a question is limited to; the same for asking and opening.
#[derive(Args, Clone, Debug)]
pub(crate) struct Scope {
    /// Fiscal period: 2026, 2026Q3, 2026-09, a day, DAY..DAY or all (default: the last complete
    /// quarter)
    #[arg(long, conflicts_with_all = ["from", "to"])]
    period: Option<String>,
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
    let question = wire::question(&ask.question)?;
    let project = Project::find(common.dir.as_deref())?;
    let mut session = wire::Session::open(&project, &ask.scope, question, output)?;
    let answer = session.answer(question)?;
    if output.json() {
        output.data(show::json::answer(&answer), &[]);
    } else {
        output.result(&show::text::answer(&answer, output.style()));
    }
    Ok(EXIT_OK)
}

impl Scope {
    /// The day as of which is asked, where one is named.
    pub(crate) const fn as_of(&self) -> Option<Date> {
        self.as_of
    }

    /// The dimensions by which tables are to be broken down.
    pub(crate) fn by(&self) -> &[String] {
        &self.by
    }

    /// True where everything up to the as-of day is asked for.
    pub(crate) fn is_all(&self) -> bool {
        self.period.as_deref() == Some("all")
    }

    /// Scope for a period without further limits.
    pub(crate) fn of_period(period: Option<String>) -> Self {
        Self {
            period,
            from: None,
            to: None,
            by: Vec::new(),
            segment: None,
            as_of: None,
            model: None,
            currency: None,
            seed: 1,
        }
    }

    /// Turns the options into what an answer is asked for; `facts` is the span of days of the
    /// facts.
    pub(crate) fn resolve(
        &self,
        definitions: &Arc<Definitions>,
        as_of: Date,
        facts: Option<(Date, Date)>,
    ) -> Result<domain::Ask, Failure> {
        let period = self.resolve_period(definitions, as_of, facts)?;
        if let Some(segment) = &self.segment {
            let mut known: Vec<&str> = definitions.segments.iter().map(|s| &*s.id).collect();
            known.extend(["other", "unknown"]);
            if !known.contains(&segment.as_str()) {
                return Err(not_one_of("segment", segment, &known));
            }
        }
        let model = match &self.model {
            Some(model) => known_model(model, definitions)?,
            None => definitions.attribution.model.clone(),
        };
        Ok(domain::Ask {
            as_of,
            period,
            by: self.by.clone(),
            segment: self.segment.clone(),
            model,
            currency: self.currency.unwrap_or(definitions.currency),
            definitions: Arc::clone(definitions),
            seed: self.seed,
        })
    }

    fn resolve_period(
        &self,
        definitions: &Definitions,
        as_of: Date,
        facts: Option<(Date, Date)>,
    ) -> Result<Period, Failure> {
        let calendar = definitions.calendar();
        if let (Some(from), Some(to)) = (self.from, self.to) {
            if from > to {
                let message = format!("--from {from} lies after --to {to}");
                return Err(Failure::usage(message, "Swap them."));
            }
            return Ok(Period::days(from, to));
        }
        match self.period.as_deref() {
            None => Ok(calendar.last_complete_quarter(as_of)),
            Some("all") => {
                let (from, to) = facts.unwrap_or((as_of, as_of));
                Ok(Period::days(from.min(as_of), to.min(as_of)))
            }
            Some(text) => calendar.period(text).map_err(|error| {
                Failure::usage(error.to_string(), "For example: --period 2026Q3.")
            }),
        }
    }
}

fn currency(text: &str) -> Result<Currency, String> {
    text.to_uppercase().parse().map_err(|error: domain::MoneyError| error.to_string())
}

fn known_model(model: &str, definitions: &Definitions) -> Result<String, Failure> {
    let known = domain::definition::check::MODELS;
    if !known.contains(&model) {
        return Err(not_one_of("model", model, known));
    }
    if model == "custom" && definitions.attribution.custom.is_none() {
        return Err(Failure::usage(
            "model `custom` has no shares",
            "Add a section [attribution.custom] to the definitions.",
        ));
    }
    Ok(model.to_owned())
}

/// A name that is not one of those known.
pub(crate) fn not_one_of(kind: &str, name: &str, known: &[&str]) -> Failure {
    let message = format!("{kind} `{name}` is not one of {}", known.join(", "));
    let hint = domain::diagnostic::nearest(name, known.iter().copied())
        .map_or_else(|| "Choose one of them.".to_owned(), |near| format!("Did you mean `{near}`?"));
    Failure::usage(message, hint)
}
