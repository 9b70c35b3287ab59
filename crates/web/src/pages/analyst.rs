//! The page of the analyst: any question, every parameter, what was refused.

use access::Caller;
use show::html::{self, Analyst, Choice};

use super::answers::{answer, find};
use super::controls::controls;
use super::rows::allow;
use super::{may_analyze, name_of, shell, written};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::Site;
use crate::visit::Visit;

/// The page.
pub(crate) fn page(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    if !may_analyze(caller) {
        return Err(Problem::forbidden());
    }
    let questions: Vec<Choice> = ::answers::QUESTIONS
        .iter()
        .map(|entry| Choice::new(entry.question.id, name_of(entry.question.id)))
        .collect();
    let named = visit.query.own("question");
    let entry = find(named.unwrap_or("pipeline"))?;
    let controls = controls(site, Some(entry), caller)?;
    let answered = answer(site, entry, &visit.query, caller);
    let (answered, problem) = match answered {
        Ok(answered) => (Some(answered), None),
        // A slip is told on the page, where it can be corrected.
        Err(problem) if problem.status.is_client_error() => (None, Some(written(&problem))),
        Err(problem) => return Err(problem),
    };
    let standing = site.desk.standing();
    let Some(ground) = &standing.ground else { return Err(site.desk.why_not()) };
    let check = site.desk.project.read_definitions().map(|(_, diagnostics)| diagnostics);
    let check = check.unwrap_or_else(|failure| failure.diagnostics);
    let check: Vec<String> = check.iter().map(line).collect();
    let quarantine = super::about::reasons(site, ground)?;
    let loads = super::about::load_rows(site, ground)?;
    let builds = super::about::builds(site, ground);
    let page = Analyst {
        questions: &questions,
        question: entry.question.id,
        answer: answered.as_ref().map(|answered| &*answered.answer),
        problem: problem.as_ref(),
        controls: &controls,
        command: &command(entry.question.id, visit),
        check: &check,
        quarantine: &quarantine,
        loads: &loads,
        builds: &builds,
    };
    let mut shell = shell(site, visit, caller);
    "/analyst".clone_into(&mut shell.here);
    Ok(Reply::page(html::analyst_page(&shell, &page)))
}

fn line(diagnostic: &domain::Diagnostic) -> String {
    let place = diagnostic.place.as_ref().map_or_else(String::new, |place| {
        if place.line > 0 {
            format!("{}:{}: ", place.file, place.line)
        } else {
            format!("{}: ", place.file)
        }
    });
    let hint = diagnostic.hint.as_ref().map_or_else(String::new, |hint| format!(". {hint}"));
    format!("{place}{}{hint}", diagnostic.message)
}

/// The command that gives the same on a terminal; values are quoted for a shell.
fn command(question: &str, visit: &Visit) -> String {
    let mut command = format!("throughline ask {question}");
    for (name, value) in visit.query.said.pairs() {
        if name == "compare" {
            continue;
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ',');
        let value = if value.chars().all(plain) {
            value
        } else {
            format!("'{}'", value.replace('\'', "'\\''"))
        };
        command.push_str(&format!(" --{} {value}", name.replace('_', "-")));
    }
    command
}

/// The rows that were refused, as CSV.
pub(crate) fn quarantine(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    if !may_analyze(caller) {
        return Err(Problem::forbidden());
    }
    let standing = site.desk.standing();
    let Some(ground) = &standing.ground else { return Err(site.desk.why_not()) };
    let rows = ground.lake.quarantine(None).map_err(|error| Problem::fault(error.to_string()))?;
    allow(site, visit, caller, rows.n_rows())?;
    let company = &ground.view.definitions().company;
    let name = format!("{company} quarantine {}.csv", ground.view.as_of());
    let mut reply = Reply::new("text/csv; charset=utf-8; header=present", show::csv::frame(&rows));
    reply.marked = false;
    Ok(reply.file(&name))
}
