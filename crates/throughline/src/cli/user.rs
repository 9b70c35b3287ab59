//! `throughline user`: who may sign in to the pages, and as what.

use std::io::Read as _;

use access::{
    Access, Account, AccountState, Actor, Event, NewAccount, OneTime, Refusal, Role, Settings,
    SystemClock,
};
use clap::{Args, Subcommand};
use domain::{Column, Frame};
use project::{Project, not_one_of};
use serde_json::{Value, json};

use super::Common;
use crate::error::{EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;

/// Add, list, change and remove the people who may sign in
///
/// Acts at the next request of a server that runs. Each change is written to the audit log.
///
/// Roles: ceo, cmo, cfo, cro, analyst, viewer, administrator.
///
/// Example: throughline user add cfo@acme.com --role cfo
#[derive(Args, Debug)]
pub(crate) struct User {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Add a person and write a link by which that person chooses a password, once, within a day
    Add {
        /// E-mail address
        email: String,
        /// Role: ceo, cmo, cfo, cro, analyst, viewer, administrator
        #[arg(long, value_parser = role)]
        role: Role,
        /// Name (default: the address up to its @)
        #[arg(long)]
        name: Option<String>,
        /// The one segment that the person sees (default: all)
        #[arg(long, value_name = "SEGMENT")]
        segment: Option<String>,
        /// The person signs in by the identity provider and has no password here
        #[arg(long, conflicts_with = "password_stdin")]
        by_provider: bool,
        /// Take the password from standard input, in place of a link
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the people with role and state
    List {},
    /// Change role and segment; the person must sign in again
    Role {
        /// E-mail address
        email: String,
        /// Role: ceo, cmo, cfo, cro, analyst, viewer, administrator
        #[arg(value_parser = role)]
        role: Role,
        /// The one segment that the person sees (default: as before)
        #[arg(long, value_name = "SEGMENT")]
        segment: Option<String>,
        /// The person sees all segments
        #[arg(long, conflicts_with = "segment")]
        all_segments: bool,
    },
    /// Keep a person out; sessions end at once
    Disable {
        /// E-mail address
        email: String,
    },
    /// Let a person in again
    Enable {
        /// E-mail address
        email: String,
    },
    /// Forget password, second factor, sessions and tokens, and write a link for a new password
    /// that ends after half an hour
    Reset {
        /// E-mail address
        email: String,
        /// Take the password from standard input, in place of a link
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove a person; the identifier stays in the audit log
    Remove {
        /// E-mail address
        email: String,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| {
        let known = Role::ALL.map(Role::id);
        let near = domain::diagnostic::nearest(text, known);
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        format!("a role is one of {}{near}", known.join(", "))
    })
}

/// Does it.
pub(crate) fn run(user: &User, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let access = open(&project)?;
    let find = |email: &str| -> Result<Account, Failure> {
        access.account_by_email(Actor::Console, email).map_err(|refusal| match refusal {
            Refusal::NotFound => nobody(&access, email),
            other => failure(&other),
        })
    };
    match &user.action {
        Action::Add { email, role, name, segment, by_provider, password_stdin } => {
            let segment = known_segment(&project, segment.as_deref())?;
            let password = if *password_stdin { Some(password_given()?) } else { None };
            if let Some(password) = &password {
                told(access.check_password(password, name.as_deref().unwrap_or(""), email))?;
            }
            let new = NewAccount {
                email: email.clone(),
                name: name.clone().unwrap_or_default(),
                role: *role,
                segment,
                by_provider: *by_provider,
            };
            let (account, mut link) = told(access.invite(Actor::Console, &new, None))?;
            if let Some(password) = password {
                told(access.set_password(&account.id, &password))?;
                link = None;
            }
            tell(&project, output, "added", &find(&account.email)?, link.as_ref())
        }
        Action::List {} => list(&access, output),
        Action::Role { email, role, segment, all_segments } => {
            let Account { id, segment: before, .. } = find(email)?;
            // A limit is lifted only where that is said.
            let segment = match known_segment(&project, segment.as_deref())? {
                None if !all_segments => before,
                said => said,
            };
            let segment = segment.as_deref();
            let account = told(access.set_rights(Actor::Console, &id, *role, segment, None))?;
            tell(&project, output, "changed", &account, None)
        }
        Action::Disable { email } | Action::Enable { email } => {
            let disabled = matches!(user.action, Action::Disable { .. });
            let id = find(email)?.id;
            let account = told(access.set_disabled(Actor::Console, &id, disabled, None))?;
            tell(&project, output, if disabled { "disabled" } else { "enabled" }, &account, None)
        }
        Action::Reset { email, password_stdin } => {
            let Account { id, name, .. } = find(email)?;
            let password = if *password_stdin { Some(password_given()?) } else { None };
            if let Some(password) = &password {
                told(access.check_password(password, &name, email))?;
            }
            let mut link = Some(told(access.reset(Actor::Console, &id, None))?);
            if let Some(password) = password {
                told(access.set_password(&id, &password))?;
                link = None;
            }
            tell(&project, output, "reset", &find(email)?, link.as_ref())
        }
        Action::Remove { email } => {
            let account = find(email)?;
            told(access.remove(Actor::Console, &account.id, None))?;
            tell(&project, output, "removed", &account, None)
        }
    }
}

/// Opens the accounts of a company, as the console.
pub(crate) fn open(project: &Project) -> Result<Access, Failure> {
    let mut settings = Settings::new(true);
    // Definitions with a fault must not keep an administrator from acting.
    if let Ok((definitions, _)) = project.read_definitions() {
        settings.company_words.push(definitions.company);
    }
    Access::open(project.root(), settings, SystemClock::start())
        .map_err(|error| Failure::new(Kind::World, "access", error.to_string()).hint(error.hint()))
}

/// Writes what was done on the console to the audit log, where there is one: a company that nobody
/// signs in to has none.
pub(crate) fn note(project: &Project, event: &Event) -> Result<(), Failure> {
    if !project.root().join(".throughline").join("state.sqlite").is_file() {
        return Ok(());
    }
    told(open(project)?.record_console(event))
}

/// Tells of a refusal, if there is one.
pub(crate) fn told<T>(done: Result<T, Refusal>) -> Result<T, Failure> {
    done.map_err(|refusal| failure(&refusal))
}

fn failure(refusal: &Refusal) -> Failure {
    let kind = match refusal {
        Refusal::Trouble(_) | Refusal::Busy { .. } => Kind::World,
        Refusal::NotFound | Refusal::Conflict(_) => Kind::Found,
        _ => Kind::Usage,
    };
    let message = match refusal {
        Refusal::Trouble(trouble) => format!("{refusal}: {}", trouble.details()),
        Refusal::Field { field, why } => format!("`{field}` {why}"),
        other => other.to_string(),
    };
    Failure::new(kind, refusal.code(), message).hint(refusal.hint())
}

fn nobody(access: &Access, email: &str) -> Failure {
    let accounts = access.accounts(Actor::Console).unwrap_or_default();
    let known: Vec<&str> = accounts.iter().map(|account| account.email.as_str()).collect();
    let hint = domain::diagnostic::nearest(email, known.iter().copied()).map_or_else(
        || "See `throughline user list`.".to_owned(),
        |near| format!("Did you mean `{near}`?"),
    );
    Failure::new(Kind::Found, "not-found", format!("nobody has the address `{email}`")).hint(hint)
}

/// Looks a segment up in the definitions: a limit to one that is not there would show nothing.
fn known_segment(project: &Project, given: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(given) = given else { return Ok(None) };
    let definitions = project.definitions()?;
    let known: Vec<&str> = definitions.segments.iter().map(|segment| &*segment.id).collect();
    if known.contains(&given) {
        return Ok(Some(given.to_owned()));
    }
    if known.is_empty() {
        return Err(Failure::usage(
            format!("segment `{given}` is not defined: no segment is"),
            "Define segments in definitions/segments.toml.",
        ));
    }
    Err(not_one_of("segment", given, &known))
}

/// Reads a password: the first line of standard input, as it is.
fn password_given() -> Result<String, Failure> {
    let mut text = String::new();
    // More than any password may have, so that a stream without an end ends.
    let read = std::io::stdin().lock().take(4_096).read_to_string(&mut text);
    read.map_err(|error| Failure::new(Kind::Input, "stdin", format!("no password: {error}")))?;
    let line = text.split('\n').next().unwrap_or_default();
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn tell(
    project: &Project,
    output: &Output,
    done: &str,
    account: &Account,
    link: Option<&OneTime>,
) -> Outcome {
    let base = web::ServerFile::read(project.root())?.base_url;
    let base = base.unwrap_or_else(|| format!("http://{}", web::LISTEN));
    let address = link
        .map(|link| format!("{}/setup?token={}", base.trim_end_matches('/'), link.secret.reveal()));
    let expires_at = link.map(|link| link.expires_at);
    if output.json() {
        let (user, link) = (account.json(), address);
        let expires_at = expires_at.map(|at| at.to_string());
        output.data(json!({ "user": user, "link": link, "expires_at": expires_at }), &[]);
        return Ok(EXIT_OK);
    }
    let limit = account.segment.as_ref().map(|segment| format!(", segment {segment} only"));
    let email = show::visible::visible(&account.email);
    output.remark(&format!("{done} {email}, {}{}", account.role, limit.unwrap_or_default()));
    match (address, expires_at) {
        (Some(address), Some(expires_at)) => {
            let ends = minute(expires_at);
            output.remark(&format!("give this link to that person only; it ends {ends}"));
            output.result(&address);
        }
        _ if done == "added" && account.by_provider => {
            output.remark("the person signs in by the identity provider");
        }
        _ => {}
    }
    Ok(EXIT_OK)
}

fn list(access: &Access, output: &Output) -> Outcome {
    let accounts = told(access.accounts(Actor::Console))?;
    if output.json() {
        let users: Vec<Value> = accounts.iter().map(access::Account::json).collect();
        output.data(json!({ "users": users }), &[]);
        return Ok(EXIT_OK);
    }
    if accounts.is_empty() {
        output.remark("nobody can sign in yet; `throughline serve` shows how to begin");
        return Ok(EXIT_OK);
    }
    let column = |of: &dyn Fn(&Account) -> String| {
        Column::Text(accounts.iter().map(|account| Some(of(account).into())).collect())
    };
    let frame = Frame::new(vec![
        ("email", column(&|account| account.email.clone())),
        ("name", column(&|account| account.name.clone())),
        ("role", column(&|account| account.role.to_string())),
        ("segment", column(&|account| account.segment.clone().unwrap_or_default())),
        ("state", column(&|account| state(account))),
        ("last sign-in", column(&|account| account.signed_in_at.map_or_else(String::new, minute))),
    ]);
    let frame = frame.map_err(Failure::bug)?;
    output.result(&show::text::frame(&frame, output.style(), None));
    Ok(EXIT_OK)
}

fn state(account: &Account) -> String {
    let how = match (account.by_provider, account.second_factor) {
        (true, _) => ", by provider",
        (_, true) => ", second factor",
        _ => "",
    };
    let locked = if account.state == AccountState::Locked { " (reset it)" } else { "" };
    format!("{}{locked}{how}", account.state.id())
}

/// Writes a time to the minute, in UTC.
pub(crate) fn minute(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}
