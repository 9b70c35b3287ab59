//! `throughline open`: the rows that make a figure.

use clap::Args;
use domain::answer::Evidence;
use domain::{Answer, Frame, Measure, Value};
use project::{Project, Session};
use serde_json::json;
use show::closing::{closing, exact};
use show::number;

use super::Common;
use super::ask::{self, Scope};
use crate::error::{EXIT_OK, Failure, Outcome};
use crate::output::Output;

/// Open a figure: the rows that make it, and that they add up to it
///
/// A figure of a table is named `table.row.column`. Without a figure the openable ones are listed.
///
/// Examples:
///   throughline open pipeline marketing_sourced_pipeline
///   throughline open attribution credit.webinar.linear --csv > rows.csv
#[expect(clippy::doc_markdown, reason = "help for a terminal, where backticks would show")]
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Open {
    /// The question
    question: String,
    /// The figure
    figure: Option<String>,
    #[command(flatten)]
    scope: Scope,
    /// Write the rows as CSV, all of them
    #[arg(long, requires = "figure", conflicts_with = "json")]
    csv: bool,
    /// Show what the figure is divided by instead
    #[arg(long)]
    per: bool,
    /// Check every openable figure of the answer against its rows
    #[arg(long)]
    verify: bool,
}

/// Opens the figure.
pub(crate) fn run(open: &Open, common: &Common, output: &Output) -> Outcome {
    let question = project::question(&open.question)?;
    let project = Project::find(common.dir.as_deref())?;
    let mut session = ask::open(&project, &open.scope.limits(), question, output)?;
    let answer = session.answer(question)?;
    if open.verify {
        return verify(&mut session, &answer, output);
    }
    let openable = answer.openable();
    let Some(figure) = &open.figure else {
        list(&answer, output);
        return Ok(EXIT_OK);
    };
    let Some((_, value, evidence)) = openable.iter().find(|(id, ..)| id == figure) else {
        let known: Vec<&str> = openable.iter().map(|(id, ..)| id.as_str()).collect();
        let near = domain::diagnostic::nearest(figure, known.iter().copied());
        let hint = near.map_or_else(
            || format!("List them with `throughline open {}`.", open.question),
            |near| format!("Did you mean `{near}`?"),
        );
        let message = format!("figure `{figure}` is not in this answer");
        return Err(Failure::usage(message, hint));
    };
    let recomputed = session.recompute(evidence)?;
    if recomputed != **value {
        return Err(Failure::bug(format!(
            "the rows of `{figure}` give {recomputed:?}, the answer says {value:?}"
        )));
    }
    let shown = match (&evidence.per, open.per) {
        (Some(denominator), true) => denominator,
        (None, true) => {
            return Err(Failure::usage(
                format!("figure `{figure}` is not divided by anything"),
                "Leave out `--per`.",
            ));
        }
        _ => *evidence,
    };
    let rows = session.fetch(&shown.rows)?;
    if open.csv {
        output.result(&show::csv::frame(&rows));
    } else if output.json() {
        let data = json!({
            "figure": figure,
            "value": value,
            "evidence": evidence,
            "rows": show::json::frame(&rows),
        });
        output.data(data, &[]);
    } else {
        output.result(&text(figure, shown, value, &rows, open, output));
    }
    Ok(EXIT_OK)
}

fn text(
    figure: &str,
    shown: &Evidence,
    value: &Value,
    rows: &Frame,
    open: &Open,
    output: &Output,
) -> String {
    let table =
        show::text::frame(rows, output.style(), if output.style().full { None } else { Some(40) });
    let mut closing = closing(shown, rows, value);
    if open.per {
        closing = format!("What the figure is divided by: {closing}");
    }
    let quotient = if shown.per.is_some() {
        format!(
            "Divided by other rows: open them with `--per`. {figure} = {}\n",
            whole(shown, value)
        )
    } else {
        String::new()
    };
    format!("{table}\n{closing}\n{quotient}")
}

/// Writes a value; a share of sums (of money, say) as a percentage, since its parts are minor
/// units.
fn whole(evidence: &Evidence, value: &Value) -> String {
    let share = matches!(value, Value::Share { total: 1.., .. });
    match evidence.measure {
        Measure::Sum(_) if share => {
            let scale = number::Scale::of([value]);
            number::value(value, scale, number::Form::Long).unwrap_or_else(|| exact(value))
        }
        _ => exact(value),
    }
}

fn list(answer: &Answer, output: &Output) {
    let openable = answer.openable();
    if output.json() {
        let ids: Vec<_> = openable
            .iter()
            .map(
                |(id, value, evidence)| json!({"figure": id, "value": value, "evidence": evidence}),
            )
            .collect();
        output.data(json!({ "question": answer.question, "openable": ids }), &[]);
    } else {
        let lines: Vec<String> = openable
            .iter()
            .map(|(id, value, evidence)| format!("{id}  {}", whole(evidence, value)))
            .collect();
        output.result(&lines.join("\n"));
    }
}

/// Recomputes every openable figure from its rows.
fn verify(session: &mut Session, answer: &Answer, output: &Output) -> Outcome {
    let openable = answer.openable();
    let mut wrong = Vec::new();
    for (id, value, evidence) in &openable {
        if session.recompute(evidence)? != **value {
            wrong.push(id.as_str());
        }
    }
    if let Some(first) = wrong.first() {
        return Err(Failure::bug(format!(
            "{} of {} figures differ from their rows, the first is `{first}`",
            wrong.len(),
            openable.len()
        )));
    }
    if output.json() {
        output.data(json!({ "question": answer.question, "figures": openable.len(), "agree": openable.len() }), &[]);
    } else {
        output.result(&format!(
            "{} of {} figures agree with their rows\n",
            openable.len(),
            openable.len()
        ));
    }
    Ok(EXIT_OK)
}
