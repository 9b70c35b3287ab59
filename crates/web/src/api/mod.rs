//! The JSON API: the same questions, with the envelope of `docs/spec/json.md`.

pub(crate) mod me;
pub(crate) mod openapi;
mod schemas;
pub(crate) mod users;

use access::Caller;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::pages::about;
use crate::pages::answers::{answer, find};
use crate::pages::rows::{Opened, allow_of, open, page_of, slice};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::Site;
use crate::visit::Visit;

/// Rows on a page unless it is said otherwise, and at most.
const PAGE: usize = 100;
const PAGE_MOST: usize = 1_000;

/// Wraps data into the envelope.
pub(crate) fn ok(data: Value) -> Reply {
    Reply::json(show::json::line(&show::json::envelope(Some(data), &[], &[])))
}

/// The same for something that was made.
pub(crate) fn made(data: Value) -> Reply {
    ok(data).status(StatusCode::CREATED)
}

/// This API, described.
pub(crate) fn openapi(site: &Site, _visit: &Visit, _caller: &Caller) -> Outcome {
    Ok(Reply::json(show::json::pretty(&openapi::document(&site.settings.base))))
}

/// The questions.
pub(crate) fn questions(_site: &Site, _visit: &Visit, _caller: &Caller) -> Outcome {
    let questions: Vec<Value> = ::answers::QUESTIONS
        .iter()
        .map(|entry| {
            json!({
                "id": entry.question.id,
                "asks": entry.question.asks,
                "readers": entry.question.readers,
                "dimensions": entry.dimensions,
            })
        })
        .collect();
    Ok(ok(json!({ "questions": questions })))
}

/// The answer to a question.
pub(crate) fn question(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let answered = answer(site, find(visit.part("question"))?, &visit.query, caller)?;
    Ok(ok(show::json::answer(&answered.answer)))
}

/// The rows of a figure.
pub(crate) fn rows(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let size = visit.query.own_number("page_size")?.unwrap_or(PAGE);
    if size > PAGE_MOST {
        let what = format!("parameter `page_size` is larger than {PAGE_MOST}");
        return Err(Problem::bad("parameter", what)
            .hint("Ask for several pages.")
            .place("page_size"));
    }
    let Opened { figure, rows } = open(site, visit, caller)?;
    let n_rows = rows.n_rows();
    let page = page_of(visit.query.page, n_rows, size)?;
    let pages = n_rows.div_ceil(size).max(1);
    let shown = slice(&rows, (page - 1) * size, size);
    if size > PAGE {
        // More at a time than a person reads is taking away.
        allow_of(site, visit, caller, n_rows, shown.n_rows())?;
    }
    Ok(ok(json!({
        "question": visit.part("question"),
        "figure": figure.id,
        "label": figure.label,
        "value": figure.value,
        "part": if figure.per { "per" } else { "figure" },
        "divided": figure.has_per,
        "evidence": figure.evidence,
        "closing": figure.closing(site, &rows)?,
        "page": page,
        "page_size": size,
        "pages": pages,
        "n_rows": n_rows,
        "next_page": (page < pages).then_some(page + 1),
        "rows": show::json::frame(&shown),
    })))
}

/// What the words mean.
pub(crate) fn definitions(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let found = about::words(site, visit, caller)?;
    let groups: Vec<Value> = found
        .groups
        .iter()
        .map(|group| {
            let words: Vec<Value> = group
                .words
                .iter()
                .map(|word| {
                    let used: Vec<&str> = word.used_in.iter().map(|one| &*one.value).collect();
                    json!({
                        "id": word.id,
                        "name": word.name,
                        "meaning": word.meaning,
                        "rule": word.rule,
                        "here": word.here,
                        "used_in": used,
                    })
                })
                .collect();
            json!({ "name": group.name, "words": words })
        })
        .collect();
    Ok(ok(json!({ "definitions": found.identity, "groups": groups })))
}

/// The state of the data.
pub(crate) fn health(site: &Site, _visit: &Visit, caller: &Caller) -> Outcome {
    let standing = site.desk.standing();
    let Some(ground) = &standing.ground else { return Err(site.desk.why_not()) };
    let loads = about::loads(site, ground)?;
    // Counts of the whole company are not for who sees a part of it.
    let whole = caller.segment.is_none();
    let sum = |count: fn(&lake::store::LoadEntry) -> u64| {
        whole.then(|| loads.iter().map(count).sum::<u64>())
    };
    let calendar = ground.view.definitions().calendar();
    let known_until = loads.iter().map(|load| calendar.day(load.recorded_at)).max();
    let reasons: Vec<Value> = about::shown_reasons(site, ground, caller)?
        .iter()
        .map(
            |reason| json!({ "rule": reason.rule, "reason": reason.reason, "rows": reason.n_rows }),
        )
        .collect();
    let caveats: Vec<Value> = about::shown_caveats(ground, caller)
        .iter()
        .map(|caveat| json!({ "code": caveat.code, "text": caveat.text }))
        .collect();
    Ok(ok(json!({
        "as_of": ground.view.as_of(),
        "known_until": known_until,
        "definitions": ground.view.definitions().identity(),
        "preparing": standing.work.is_some(),
        "faults": standing.fault.is_some(),
        "loads": whole.then_some(loads.len()),
        "read": sum(|load| load.n_read),
        "loaded": sum(|load| load.n_loaded),
        "known": sum(|load| load.n_known),
        "quarantined": sum(|load| load.n_quarantined),
        "reasons": reasons,
        "caveats": caveats,
    })))
}

fn last(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

/// The ledger of loads.
pub(crate) fn loads(site: &Site, _visit: &Visit, caller: &Caller) -> Outcome {
    if caller.segment.is_some() {
        // It counts the rows of the whole company.
        return Err(Problem::forbidden().noted());
    }
    let standing = site.desk.standing();
    let Some(ground) = &standing.ground else { return Err(site.desk.why_not()) };
    let loads: Vec<Value> = about::loads(site, ground)?
        .iter()
        .map(|load| {
            json!({
                "load": load.load_id,
                "recorded_at": load.recorded_at.to_string(),
                "message": load.message.as_deref().map(about::without_folders),
                "read": load.n_read,
                "loaded": load.n_loaded,
                "known": load.n_known,
                "quarantined": load.n_quarantined,
                "files": load.files.iter().map(|file| last(&file.name)).collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(ok(json!({ "loads": loads })))
}
