//! `throughline serve`: the pages and the API.

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

use access::{Access, SystemClock};
use clap::{Args, ValueEnum};
use project::Project;
use web::{Server, ServerFile, Settings};

use super::Common;
use crate::error::{EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;

/// Serve the pages and the API to people who sign in
///
/// Without options it listens on this machine only. For other machines it needs the https address
/// by which people reach it, and a proxy in front that holds the certificate; both can stand in
/// server.toml. While there is no account, a link to make the first one is shown here, and only
/// here.
///
/// Example: throughline serve --listen 0.0.0.0:7117 --base-url https://throughline.example.com
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Serve {
    /// Where to listen (default: 127.0.0.1:7117)
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The address by which people reach it
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Do not open a browser
    #[arg(long)]
    no_open: bool,
    /// The log of requests on standard error
    #[arg(long, value_enum, default_value_t = LogForm::Text)]
    log: LogForm,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum LogForm {
    /// A line for people
    Text,
    /// A line of JSON
    Json,
    /// Faults only
    Faults,
}

/// Serves until it is asked to stop.
pub(crate) fn run(serve: &Serve, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    start(serve, &project, output)
}

/// Serves a sample company, where a person watches.
pub(super) fn sample(folder: &Path, output: &Output) -> Outcome {
    let project = Project::find(Some(folder))?;
    let serve = Serve { listen: None, base_url: None, no_open: false, log: LogForm::Faults };
    start(&serve, &project, output)
}

fn start(serve: &Serve, project: &Project, output: &Output) -> Outcome {
    let file = ServerFile::read(project.root())?;
    let listen = serve.listen.as_deref().or(file.listen.as_deref()).unwrap_or(web::LISTEN);
    let address = address(listen)?;
    let base = serve.base_url.as_deref().or(file.base_url.as_deref());
    // What is not right is said before anything is opened.
    Settings::new(address, base)?;
    let listener = Server::bind(address)?;
    let address = listener.local_addr().map_err(|error| Failure::world(&error))?;
    let mut settings = Settings::new(address, base)?;
    settings.trusted_proxies.clone_from(&file.trusted_proxies);
    settings.export_rows = file.export_rows.unwrap_or(settings.export_rows);
    settings.sample_company = Some(sample_company());
    settings.log = log(serve.log);
    settings.remark = Arc::new(|text| note(&format!("{text}\n")));
    let base = settings.base.clone();
    settings.provider = ServerFile::provider(project.root(), &base)?.map(Arc::new);
    settings.digest = digest(project, &file)?;
    let access = open(project, &settings, &file)?;
    let first = access.first_token().map_err(refused)?;
    let server = Server::new(project.clone(), Arc::clone(&access), settings, listener)?;
    let link = first.map(|one| format!("{base}/setup?token={}", one.secret.reveal()));
    if output.json() {
        output.data(serde_json::json!({ "address": base, "set_up": link }), &[]);
    } else {
        output.result(&said(&base, link.as_deref()));
    }
    if !serve.no_open && std::io::stdout().is_terminal() {
        browse(link.as_deref().unwrap_or(&base));
    }
    server.run(web::interrupted())?;
    output.remark("stopped");
    Ok(EXIT_OK)
}

/// Opens accounts, sessions and the audit log.
fn open(project: &Project, settings: &Settings, file: &ServerFile) -> Result<Arc<Access>, Failure> {
    let mut rules = access::Settings::new(!settings.secure());
    rules.second_factor_required = file.second_factor.unwrap_or(rules.second_factor_required);
    if let Ok(definitions) = project.definitions() {
        rules.company_words.push(definitions.company.clone());
    }
    let access = Access::open(project.root(), rules, SystemClock::start());
    access.map(Arc::new).map_err(|error| {
        Failure::new(Kind::World, "access", error.to_string()).hint(error.hint().to_owned())
    })
}

fn refused(refusal: access::Refusal) -> Failure {
    Failure::new(Kind::World, "access", refusal.to_string()).hint(refusal.hint())
}

/// The name of the company that `throughline demo` makes.
fn sample_company() -> String {
    let about = sample::DEFINITIONS.iter().filter(|(name, _)| *name == "throughline.toml");
    let files: Vec<(&str, &str)> = about.copied().collect();
    domain::definition::parse::read(&files).0.company
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    let found = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    found.ok_or_else(|| {
        Failure::usage(
            format!("`{text}` is not an address and port"),
            "For example 127.0.0.1:7117.",
        )
    })
}

fn said(base: &str, link: Option<&str>) -> String {
    let door = match link {
        Some(link) => format!(
            "There is no account yet. Make the first one, an administrator, within 30 minutes:\n  \
             {link}\n"
        ),
        None => String::new(),
    };
    format!("Throughline is at {base}\n{door}Ctrl-C stops it.")
}

/// A line for each request on standard error.
fn log(form: LogForm) -> web::Log {
    Arc::new(move |line| {
        let text = match form {
            LogForm::Json => line.json(),
            LogForm::Text => format!("{line}\n"),
            LogForm::Faults if line.status >= 500 => format!("{line}\n"),
            LogForm::Faults => return,
        };
        note(&text);
    })
}

fn note(text: &str) {
    // A log that nobody can take is no reason to stop.
    let _written: std::io::Result<()> = std::io::stderr().lock().write_all(text.as_bytes());
}

/// The weekly mail, where it is switched on.
fn digest(project: &Project, file: &ServerFile) -> Result<Option<Arc<mail::Schedule>>, Failure> {
    let settings = mail::Settings::read("server.toml", &file.text, project.root())
        .map_err(|diagnostics| Failure { kind: Kind::Usage, diagnostics })?;
    let Some(settings) = settings else { return Ok(None) };
    let zone = project.definitions()?.calendar().zone;
    let folder = project.root().join(".throughline");
    let schedule = mail::Schedule::open(&folder, settings, zone, jiff::Timestamp::now());
    let schedule = schedule.map_err(|error| Failure::world(&error))?;
    Ok(Some(Arc::new(schedule)))
}

/// Opens a browser where there is a screen; where there is none, the address stands on the console.
fn browse(address: &str) {
    let screen = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(target_os = "windows") {
        "explorer"
    } else if screen {
        "xdg-open"
    } else {
        return;
    };
    let _opened: std::io::Result<std::process::Child> = std::process::Command::new(program)
        .arg(address)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
}
