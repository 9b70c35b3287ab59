//! The start page and the page of a question.

use ::answers::Entry;
use access::Caller;
use show::html::{self, QuestionPage};

use super::controls::controls;
use super::{HOME, shell};
use crate::desk::Answered;
use crate::problem::Problem;
use crate::query::{Query, not_one_of};
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::Site;
use crate::visit::Visit;

/// Finds a question; one that does not exist is an address that does not exist.
pub(crate) fn find(name: &str) -> Result<&'static Entry, Problem> {
    ::answers::find(name).map_err(|near| match near {
        Some(near) => Problem::not_found().hint(format!("Did you mean /{near}?")),
        None => Problem::not_found(),
    })
}

/// Answers a question for a caller: who is limited to a segment is answered for that one only.
pub(crate) fn answer(
    site: &Site,
    entry: &'static Entry,
    query: &Query,
    caller: &Caller,
) -> Result<Answered, Problem> {
    let mut scope = query.scope.clone();
    if let Some(only) = &caller.segment {
        if let Some(asked) = scope.segment.as_ref().filter(|asked| *asked != only) {
            // The same words whether or not there is such a segment.
            return Err(not_one_of("segment", asked, &[only]).noted());
        }
        scope.segment = Some(only.clone());
    }
    site.desk.answer(entry, &scope, caller.segment.as_deref())
}

/// The start page: the scorecard.
pub(crate) fn home(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let entry = ::answers::find(HOME).or_else(|_| ::answers::find("pipeline"));
    let entry = entry.map_err(|_| Problem::fault("no question for the start page"))?;
    let answered = answer(site, entry, &visit.query, caller)?;
    let controls = controls(site, Some(entry), caller)?;
    let page =
        QuestionPage { answer: &answered.answer, controls: &controls, help: entry.question.help };
    Ok(Reply::page(html::scorecard_page(&shell(site, visit, caller), &page)))
}

/// The page of a question.
pub(crate) fn question(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let entry = find(visit.part("question"))?;
    let answered = answer(site, entry, &visit.query, caller)?;
    let controls = controls(site, Some(entry), caller)?;
    let page =
        QuestionPage { answer: &answered.answer, controls: &controls, help: entry.question.help };
    Ok(Reply::page(html::question_page(&shell(site, visit, caller), &page)))
}
