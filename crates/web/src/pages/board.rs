//! The board pack: as a page, and as files.

use std::sync::Arc;

use access::Caller;
use axum::body::Bytes;
use domain::{Answer, Definitions};
use show::html::{self, Board, Controls};

use super::answers::answer;
use super::controls::controls;
use super::rows::{XLSX, allow, file_name, unwritable};
use super::shell;
use crate::problem::Problem;
use crate::query::Query;
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::Site;
use crate::visit::Visit;

/// The answers of the pack.
struct Packed {
    answers: Vec<Answer>,
    /// What they were made with.
    definitions: Arc<Definitions>,
    /// Everything that a file of them depends on.
    key: String,
}

/// The answers of the pack, and the definitions that they were made with.
fn pack(site: &Site, visit: &Visit, caller: &Caller) -> Result<Packed, Problem> {
    // What a table is broken down by differs by question, so the pack has each question's own way.
    let mut query: Query = visit.query.clone();
    query.scope.by.clear();
    let mut answers = Vec::new();
    let mut definitions = None;
    let mut key = visit.query.said.link("");
    for entry in ::answers::QUESTIONS {
        let answered = answer(site, entry, &query, caller)?;
        definitions = Some(Arc::clone(answered.view.definitions()));
        answers.push((*answered.answer).clone());
        key.push('|');
        key.push_str(&answered.key);
    }
    let definitions = definitions.ok_or_else(|| Problem::fault("no question"))?;
    Ok(Packed { answers, definitions, key })
}

/// The pack as a page.
pub(crate) fn page(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let Packed { answers, definitions, .. } = pack(site, visit, caller)?;
    let controls = controls(site, None, caller)?;
    let words = print::words(&definitions);
    let board = Board { answers: &answers, controls: &controls, words: &words };
    Ok(Reply::page(html::board_page(&shell(site, visit, caller), &board)))
}

/// Writes down that the pack is taken away, and names the file.
fn taken(
    site: &Site,
    visit: &Visit,
    caller: &Caller,
    answers: &[Answer],
    ending: &str,
) -> Result<String, Problem> {
    let rows = answers.iter().flat_map(|answer| &answer.tables).map(|table| table.rows.len()).sum();
    allow(site, visit, caller, rows)?;
    let first = answers.first().ok_or_else(|| Problem::fault("no question"))?;
    Ok(file_name(site, first, "board pack", ending).replacen(
        &format!(" {} ", first.question),
        " ",
        1,
    ))
}

/// A file of the pack, made once for all who take the same.
fn made(
    site: &Site,
    key: &str,
    make: impl FnOnce() -> Result<Vec<u8>, Problem>,
) -> Result<Bytes, Problem> {
    let make = || site.desk.in_turn(make).map(Bytes::from);
    Ok((*site.desk.cache.get(key, Bytes::len, make)?).clone())
}

/// The pack as PDF.
pub(crate) fn pdf(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let Packed { answers, definitions, key } = pack(site, visit, caller)?;
    let name = taken(site, visit, caller, &answers, "pdf")?;
    let words = print::words(&definitions);
    let base = site.settings.base.as_str();
    let said = visit.query.said.clone();
    let link = move |answer: &Answer, figure: &str| {
        let (question, figure) = (html::segment(answer.question), html::segment(figure));
        Some(said.link(&format!("{base}/{question}/rows/{figure}")))
    };
    let pack = print::Pack {
        definitions: &words,
        notice: site.sample().then_some("Simulated data: no such company exists."),
        link: Some(&link),
        ..print::Pack::of(&answers)
    };
    let bytes = made(site, &format!("pdf|{key}"), || {
        print::board(&pack).map_err(|error| Problem::fault(error.to_string()))
    })?;
    Ok(Reply::new("application/pdf", bytes).file(&name))
}

/// The pack as a workbook.
pub(crate) fn xlsx(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let Packed { answers, key, .. } = pack(site, visit, caller)?;
    let name = taken(site, visit, caller, &answers, "xlsx")?;
    let bytes = made(site, &format!("xlsx|{key}"), || {
        show::xlsx::pack(&answers).map_err(|error| unwritable(&error))
    })?;
    Ok(Reply::new(XLSX, bytes).file(&name))
}

/// The pack as one page that needs nothing else.
pub(crate) fn html(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let Packed { answers, definitions, .. } = pack(site, visit, caller)?;
    let name = taken(site, visit, caller, &answers, "html")?;
    let words = print::words(&definitions);
    let controls = Controls::default();
    let board = Board { answers: &answers, controls: &controls, words: &words };
    let mut shell = shell(site, visit, caller);
    // A file is read by others too: it says nothing of who took it.
    shell.reader = None;
    shell.notices.clear();
    let text = html::board_file(&shell, &board, Some(&site.settings.base));
    Ok(Reply::page(text).file(&name))
}

/// The pack as JSON.
pub(crate) fn json(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let Packed { answers, .. } = pack(site, visit, caller)?;
    let name = taken(site, visit, caller, &answers, "json")?;
    let answers: Vec<_> = answers.iter().map(show::json::answer).collect();
    let data = serde_json::json!({ "answers": answers });
    Ok(Reply::json(show::json::pretty(&show::json::envelope(Some(data), &[], &[]))).file(&name))
}
