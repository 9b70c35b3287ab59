//! `throughline digest`: the weekly mail, seen before it is sent, and sent by hand.

use std::path::{Path, PathBuf};

use access::{Access, Account, AccountState, Actor, Event};
use clap::{Args, Subcommand};
use domain::Answer;
use jiff::Timestamp;
use mail::{Fate, Letter, Links, Post, Reader, Schedule, State};
use project::{Project, Scope, View};
use serde_json::json;
use show::visible::visible;

use super::{Common, user};
use crate::error::{EXIT_FOUND, EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;
use crate::progress::Progress;

/// Show the weekly mail as it would be sent now, or send it
///
/// `throughline serve` sends it by itself, to those who switched it on in their settings, once
/// server.toml switches it on for the company.
#[derive(Args, Debug)]
pub(crate) struct Digest {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Show the digest; nothing is sent
    ///
    /// Examples:
    ///   throughline digest preview
    ///   throughline digest preview --to digest.html
    #[command(verbatim_doc_comment)]
    Preview {
        /// Write it to a file: .html, .txt or .eml (the whole message)
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Limit to one segment
        #[arg(long)]
        segment: Option<String>,
    },
    /// Send this week's digest now to those who switched it on and have not had it
    Send {
        /// Send it to this address instead, whatever was sent before
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
        /// Say to whom it would go; nothing is sent
        #[arg(long)]
        dry_run: bool,
    },
}

/// Shows or sends.
pub(crate) fn run(digest: &Digest, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let settings = settings(&project)?;
    match &digest.action {
        Action::Preview { to, segment } => {
            preview(&project, settings.as_ref(), to.as_deref(), segment.as_deref(), output)
        }
        Action::Send { to, dry_run } => {
            let settings = settings.ok_or_else(off)?;
            match to {
                Some(to) => send_one(&project, settings, to, *dry_run, output),
                None => send_all(&project, settings, *dry_run, output),
            }
        }
    }
}

/// Reads what server.toml says about digests; `None` where they are off.
fn settings(project: &Project) -> Result<Option<mail::Settings>, Failure> {
    let file = web::ServerFile::read(project.root())?;
    let settings = mail::Settings::read("server.toml", &file.text, project.root())
        .map_err(|diagnostics| Failure { kind: Kind::Usage, diagnostics })?;
    for name in settings.iter().flat_map(|settings| &settings.questions) {
        project::question(name)?;
    }
    Ok(settings)
}

fn off() -> Failure {
    Failure::usage(
        "digests are switched off",
        "Switch them on in server.toml: section [digest] with `enabled = true`; docs/digest.md \
         says what else it needs.",
    )
}

fn preview(
    project: &Project,
    settings: Option<&mail::Settings>,
    to: Option<&Path>,
    segment: Option<&str>,
    output: &Output,
) -> Outcome {
    let ending = to.and_then(Path::extension).and_then(|end| end.to_str()).unwrap_or("");
    if to.is_some() && !["html", "txt", "eml"].contains(&ending) {
        return Err(Failure::usage(
            "the ending of the file does not say what to write",
            "End it with .html, .txt or .eml.",
        ));
    }
    let view = view(project, output)?;
    let questions = settings.map(|settings| settings.questions.as_slice()).unwrap_or_default();
    let answers = answers(&view, questions, segment)?;
    let base = settings.map_or_else(|| format!("http://{}", web::LISTEN), |s| s.base.to_string());
    let links = Links::new(&base).ok_or_else(|| {
        Failure::usage("the address of the pages cannot be linked", "Correct it.")
    })?;
    let digest = mail::digest(&answers, &links);
    let Some(to) = to else {
        if output.json() {
            let parts = json!({
                "subject": digest.subject, "text": digest.text, "html": digest.html,
            });
            output.data(parts, &[]);
        } else {
            output.result(&format!("Subject: {}\n\n{}", digest.subject, digest.text));
        }
        return Ok(EXIT_OK);
    };
    let bytes = match ending {
        "html" => digest.html.into_bytes(),
        "txt" => digest.text.into_bytes(),
        _ => {
            let settings = settings.ok_or_else(off)?;
            let domain = settings.domains.first().map_or("example.com", String::as_str);
            let email = format!("somebody@{domain}");
            letter(&digest, "preview", "", &email, settings)?.bytes()
        }
    };
    std::fs::write(to, bytes).map_err(|error| {
        let name = visible(&to.display().to_string()).into_owned();
        Failure::new(Kind::World, "file", format!("{name} cannot be written: {error}"))
            .hint("Choose a folder that you may write to.")
    })?;
    output.remark(&format!("{} written", visible(&to.display().to_string())));
    Ok(EXIT_OK)
}

/// Sends one digest to an address, with all figures: whoever runs this sees them all.
fn send_one(
    project: &Project,
    settings: mail::Settings,
    to: &str,
    dry_run: bool,
    output: &Output,
) -> Outcome {
    let access = user::open(project)?;
    let view = view(project, output)?;
    let answers = answers(&view, &settings.questions, None)?;
    let links = Links::new(settings.base.as_str()).ok_or_else(off)?;
    let letter = letter(&mail::digest(&answers, &links), "by-hand", "", to, &settings)?;
    if dry_run {
        output.result(&format!("would go to {}\n", visible(to)));
        return Ok(EXIT_OK);
    }
    let fate = Post::new(settings).send(&letter).map_err(|error| failure(&error))?;
    let (outcome, why) = match fate {
        Fate::Taken => ("done", None),
        Fate::Again(why) | Fate::Refused(why) => ("refused", Some(why)),
        Fate::Unconfirmed(why) => ("unconfirmed", Some(why)),
    };
    note(&access, "digest by-hand", outcome)?;
    match why {
        None => output.result(&format!("sent to {}\n", visible(to))),
        Some(why) => {
            return Err(Failure::new(Kind::World, "digest", why)
                .hint("Check [digest] in server.toml, then try again."));
        }
    }
    Ok(EXIT_OK)
}

/// Sends this week's digest to those who switched it on and have not had it.
fn send_all(
    project: &Project,
    settings: mail::Settings,
    dry_run: bool,
    output: &Output,
) -> Outcome {
    let access = user::open(project)?;
    let accounts: Vec<Account> = user::told(access.accounts(Actor::Console))?
        .into_iter()
        .filter(|account| account.digest && account.state == AccountState::Active)
        .collect();
    let readers: Vec<Reader> = accounts.iter().map(reader).collect();
    let definitions = project.definitions()?;
    let now = Timestamp::now();
    let questions = settings.questions.clone();
    let folder = project.root().join(".throughline");
    let schedule = Schedule::open(&folder, settings, definitions.calendar().zone, now)
        .map_err(|error| failure(&error))?;
    let week = schedule.week(now);
    if dry_run {
        let mut left = Vec::new();
        for reader in &readers {
            let open = schedule.ledger().open_for(&reader.account, &week, now);
            if open.map_err(|error| failure(&error))? {
                left.push(reader.email.as_str());
            }
        }
        tell(
            output,
            &week,
            &left.iter().map(|email| (*email, "would be sent", "")).collect::<Vec<_>>(),
        );
        return Ok(EXIT_OK);
    }
    let view = view(project, output)?;
    let sent = schedule.send_week(&week, now, &readers, &mut |reader| {
        let account = accounts.iter().find(|account| account.id.as_str() == reader.account);
        let segment = account.and_then(|account| account.segment.as_deref());
        answers(&view, &questions, segment).map_err(|failure| {
            failure.diagnostics.first().map(|one| one.message.clone()).unwrap_or_default()
        })
    });
    let events = sent.map_err(|error| failure(&error))?;
    for event in &events {
        let object = format!("digest {} {}", event.week, event.account);
        note(&access, &object, event.state.id())?;
    }
    let email = |account: &str| {
        readers.iter().find(|reader| reader.account == account).map_or("", |one| one.email.as_str())
    };
    let lines: Vec<(&str, &str, &str)> = events
        .iter()
        .map(|event| (email(&event.account), event.state.id(), event.why.as_str()))
        .collect();
    tell(output, &week, &lines);
    let all_sent = events.iter().all(|event| event.state == State::Sent);
    Ok(if all_sent { EXIT_OK } else { EXIT_FOUND })
}

/// Says for each reader what happened.
fn tell(output: &Output, week: &str, lines: &[(&str, &str, &str)]) {
    if output.json() {
        let readers: Vec<serde_json::Value> = lines
            .iter()
            .map(|(email, state, why)| json!({ "email": email, "state": state, "why": why }))
            .collect();
        output.data(json!({ "week": week, "readers": readers }), &[]);
        return;
    }
    if lines.is_empty() {
        output.result(&format!(
            "{week}: nobody is waiting; a digest goes to those who switch it on in their settings\n"
        ));
        return;
    }
    let mut text = String::new();
    for (email, state, why) in lines {
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        text.push_str(&format!("{week}: {} {state}{}\n", visible(email), visible(&why)));
    }
    output.result(&text);
}

fn reader(account: &Account) -> Reader {
    Reader {
        account: account.id.to_string(),
        name: account.name.clone(),
        email: account.email.clone(),
    }
}

fn letter(
    digest: &mail::Digest,
    account: &str,
    name: &str,
    email: &str,
    settings: &mail::Settings,
) -> Result<Letter, Failure> {
    let now = Timestamp::now();
    let reader =
        Reader { account: account.to_owned(), name: name.to_owned(), email: email.to_owned() };
    // Each one by hand is another letter, and no mail program takes it for a double.
    let week = now.as_millisecond().to_string();
    Letter::write(digest, &reader, settings, &week, now).map_err(|error| failure(&error))
}

fn note(access: &Access, object: &str, outcome: &str) -> Result<(), Failure> {
    let event = Event::ended(access::Action::Export, object, outcome);
    user::told(access.record_console(&event))
}

fn failure(error: &mail::Error) -> Failure {
    Failure::new(Kind::World, "digest", error.to_string())
        .hint("Correct [digest] in server.toml; docs/digest.md says what it needs.")
}

fn view(project: &Project, output: &Output) -> Result<View, Failure> {
    let mut progress = Progress::new(output);
    let view = View::open(project, None, &mut |stage, done, total| {
        progress.step(stage, done, total);
    });
    progress.finish();
    view
}

/// Answers the questions of the digest, all where none is named.
fn answers(
    view: &View,
    questions: &[String],
    segment: Option<&str>,
) -> Result<Vec<Answer>, Failure> {
    let scope = Scope { segment: segment.map(str::to_owned), ..Scope::default() };
    ::answers::QUESTIONS
        .iter()
        .filter(|entry| {
            questions.is_empty() || questions.iter().any(|name| name == entry.question.id)
        })
        .map(|entry| view.ask(entry, &scope)?.answer(entry))
        .collect()
}
