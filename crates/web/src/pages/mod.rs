//! The pages: what each takes from the desk and hands to `show::html`.
//!
//! Nothing is drawn and nothing computed here.

pub(crate) mod about;
pub(crate) mod analyst;
pub(crate) mod answers;
pub(crate) mod board;
pub(crate) mod controls;
pub(crate) mod door;
pub(crate) mod oidc;
pub(crate) mod people;
pub(crate) mod rows;
pub(crate) mod settings;
pub(crate) mod statics;

use access::{Caller, Permission};
use axum::http::StatusCode;
use domain::Definitions;
use show::html::{
    self, BuildingPage, Choice, EmptyPage, ErrorPage, Facts, May, Notice, NoticeKind, Reader,
    Shell, Stage,
};

use crate::desk::{Fault, Standing};
use crate::problem::Problem;
use crate::query::Query;
use crate::reply::Reply;
use crate::site::{About, Site};
use crate::visit::Visit;

/// What stands around a page for a reader who is signed in.
pub(crate) fn shell(site: &Site, visit: &Visit, caller: &Caller) -> Shell {
    let mut shell = around(site, &visit.path, Some(caller), Some(&visit.query));
    shell.scope = visit.query.said.clone();
    shell
}

/// What stands around any page.
pub(crate) fn around(
    site: &Site,
    here: &str,
    caller: Option<&Caller>,
    query: Option<&Query>,
) -> Shell {
    let standing = site.desk.standing();
    let definitions = standing.ground.as_ref().map(|ground| ground.view.definitions());
    let mut shell = Shell {
        company: definitions.map(|known| known.company.clone()).unwrap_or_default(),
        sample: site.sample(),
        here: here.to_owned(),
        ..Shell::default()
    };
    let Some(caller) = caller else { return shell };
    shell.theme = caller.preferences.theme;
    let segment = caller.segment.as_deref();
    shell.reader = Some(Reader {
        name: caller.name.clone(),
        role: caller.role.label().to_owned(),
        may: May {
            open_rows: caller.may(Permission::OpenRows),
            export: caller.may(Permission::Export),
            analyze: may_analyze(caller),
            manage_people: caller.may(Permission::ManagePeople),
            read_audit: caller.may(Permission::ReadAudit),
        },
        shortcuts: caller.preferences.shortcuts,
        segment: segment.map(|id| segment_name(definitions.map(|known| &**known), id)),
    });
    shell.questions = ::answers::QUESTIONS
        .iter()
        .filter(|entry| entry.question.id != HOME && entry.question.id != GROUND)
        .map(|entry| Choice::new(entry.question.id, name_of(entry.question.id)))
        .collect();
    shell.notices = notices(&standing, may_correct(caller));
    if let Some(ground) = &standing.ground {
        let definitions = ground.view.definitions();
        let asked = query.map(|query| &query.scope);
        let currency = asked.and_then(|scope| scope.currency).unwrap_or(definitions.currency);
        shell.facts = Some(Facts {
            as_of: Some(asked.and_then(|scope| scope.as_of).unwrap_or(ground.view.as_of())),
            time_zone: definitions.time_zone.clone(),
            currency: currency.to_string(),
            fiscal_year_starts: domain::calendar::month(definitions.fiscal_year_starts).to_owned(),
            definitions: definitions.identity(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
    }
    shell
}

/// Endings of the addresses of files.
const FILES: [&str; 5] = [".csv", ".xlsx", ".pdf", ".html", ".json"];

/// The question that is the start page.
pub(crate) const HOME: &str = "scorecard";

/// The question about the ground of all others; the navigation names it there.
const GROUND: &str = "health";

/// Who may analyze: those of the role, unless they see one segment only.
pub(crate) fn may_analyze(caller: &Caller) -> bool {
    caller.may(Permission::Analyze) && caller.segment.is_none()
}

/// The name of a question: its identifier as a word.
pub(crate) fn name_of(id: &str) -> String {
    let mut letters = id.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str().replace('_', " "))
}

/// The name of a segment.
pub(crate) fn segment_name(definitions: Option<&Definitions>, id: &str) -> String {
    let known = definitions.and_then(|known| known.segments.iter().find(|one| &*one.id == id));
    known.map_or_else(|| name_of(id), |segment| segment.name.clone())
}

/// Who is told what exactly is wrong in the company's folder: those who can have it corrected.
pub(crate) fn may_correct(caller: &Caller) -> bool {
    may_analyze(caller) || (caller.may(Permission::ManagePeople) && caller.segment.is_none())
}

fn notices(standing: &Standing, exactly: bool) -> Vec<Notice> {
    let mut notices = Vec::new();
    if let Some(work) = &standing.work {
        notices.push(Notice { kind: NoticeKind::Progress, text: work.said(), link: None });
    }
    let text = match &standing.fault {
        None => return notices,
        Some(Fault::Folder(faults)) => {
            let first = faults.first().filter(|_| exactly);
            let first = first.map_or_else(String::new, |fault| format!(": {}", fault.message));
            format!(
                "The newest state of the company's folder has a fault, so figures are as before \
                 it{first}. `throughline check` lists what to correct."
            )
        }
        Some(Fault::Ours) => "Newer figures could not be prepared, so they are as before. It is \
                              tried again; the log of the server says why."
            .to_owned(),
    };
    notices.push(Notice { kind: NoticeKind::Warning, text, link: None });
    notices
}

/// The page that tells of a problem.
pub(crate) fn problem(site: &Site, problem: &Problem, path: &str, about: &About) -> Reply {
    let (caller, id) = (about.caller.as_ref(), about.id.as_str());
    let shell = around(site, path, caller, None);
    let standing = site.desk.standing();
    // A page that is kept as a file would be taken for it.
    let file = FILES.iter().any(|ending| path.ends_with(ending));
    if caller.is_some() && problem.code == "building" && !file {
        let mut stages = Vec::new();
        let mut began_at = None;
        if let Some(work) = standing.work {
            began_at = Some(work.began_at);
            let stage = |(name, done, of): (String, u64, u64)| Stage {
                over: of > 0 && done >= of,
                of: Some(of).filter(|of| *of > 0),
                done,
                name,
            };
            stages = work.stages.into_iter().map(stage).collect();
        }
        return Reply::page(html::building_page(&shell, &BuildingPage { stages, began_at }));
    }
    if caller.is_some() && problem.code == "nothing-loaded" && !file {
        let command = |text: &str, what: &str| (text.to_owned(), what.to_owned());
        let page = EmptyPage {
            missing: "Nothing has been loaded yet".to_owned(),
            commands: vec![
                command(
                    "throughline load PATH/TO/EXPORTS",
                    "reads a folder of CSV, workbook or other exports of your CRM and ad platforms",
                ),
                command("throughline quarantine", "says which rows were refused, and why"),
                command(
                    "throughline -C /tmp/sample demo",
                    "makes a sample company in a folder of its own, to look around in",
                ),
            ],
        };
        return Reply::page(html::empty_page(&shell, &page));
    }
    let mut what = problem.what.clone();
    for more in problem.more.iter().skip(1).take(9) {
        what.push_str("; ");
        what.push_str(&more.message);
    }
    let mut ways_out = Vec::new();
    if caller.is_some() {
        ways_out.extend(problem.place.as_deref().and_then(|place| without(&about.sent, place)));
        ways_out.push(("/".to_owned(), "Start page".to_owned()));
    } else if problem.status != StatusCode::NOT_FOUND {
        ways_out.push(("/login".to_owned(), "Sign in".to_owned()));
    }
    let page = ErrorPage {
        status: problem.status.as_u16(),
        problem: told(problem, what),
        request_id: id.to_owned(),
        ways_out,
    };
    Reply::page(html::error_page(&shell, &page)).status(problem.status)
}

/// The same address without a parameter, where it has it.
fn without(sent: &str, place: &str) -> Option<(String, String)> {
    let (path, query) = sent.split_once('?')?;
    let named = |pair: &&str| pair.split('=').next() == Some(place);
    if !path.starts_with('/') || path.starts_with("//") || !query.split('&').any(|p| named(&p)) {
        return None;
    }
    let rest: Vec<&str> = query.split('&').filter(|pair| !named(pair)).collect();
    let rest = rest.join("&");
    let href = if rest.is_empty() { path.to_owned() } else { format!("{path}?{rest}") };
    Some((href, format!("The same page without {}", place.replace('_', " "))))
}

/// A problem as pages write it.
pub(crate) fn written(problem: &Problem) -> html::Problem {
    told(problem, problem.what.clone())
}

fn told(problem: &Problem, what: String) -> html::Problem {
    let mut letters = what.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    html::Problem {
        code: problem.code.clone(),
        what: format!("{first}{}.", letters.as_str().trim_end_matches('.')),
        // Most sentences name the parameter or field already.
        place: problem.place.clone().filter(|place| !what.contains(place.as_str())),
        next: problem.hint.clone().unwrap_or_else(|| "Go back and try again.".to_owned()),
    }
}
