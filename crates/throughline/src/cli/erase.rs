//! `throughline erase`: a person is forgotten; no figure changes.

use std::io::{IsTerminal as _, Write as _};

use access::{Action, Event};
use clap::Args;
use domain::Diagnostic;
use jiff::Timestamp;
use lake::person::{ErasureReport, ErasureRequest, Trace};
use project::Project;
use serde_json::json;

use super::Common;
use super::user::note;
use crate::error::{EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;

/// Forget a person; no figure changes
///
/// Name, addresses and numbers go from facts, history, quarantine and builds.
///
/// Found are all records of the address: leads, contacts, merged and converted ones, and what they
/// say of further addresses, names and numbers. When the person comes again with a later export,
/// the row counts and says nothing of who it is. Source files and backups are yours to clean.
///
/// Examples:
///   throughline erase ann@example.com --dry-run
///   throughline erase ann@example.com --name 'Ann Lee' --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Erase {
    /// E-mail addresses, or identifiers of records; `-` reads them from standard input, so that
    /// they stand in no shell history
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// A further name of the person, of two words or more, to be taken out of free texts
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Say what would be erased; nothing is written
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Erases, or says what it would erase.
pub(crate) fn run(erase: &Erase, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    if let Some(name) = erase.name.iter().find(|name| name.split_whitespace().count() < 2) {
        return Err(Failure::usage(
            format!("`--name {name}` is a single word, which would be found everywhere"),
            "Give the first and the last name, in quotes.",
        ));
    }
    let asked = addresses(&erase.addresses)?;
    let lake = super::person::open(&project)?;
    let trace = lake.trace(&asked, &erase.name)?;
    if erase.dry_run {
        return planned(&trace, &lake, output);
    }
    if !erase.yes && !agreed(&trace)? {
        return Err(Failure::new(Kind::Usage, "erase.not-agreed", "nothing was erased")
            .hint("Look with `--dry-run` at what was found, then say `--yes`."));
    }
    let folder = project.root().join(".throughline");
    let request = ErasureRequest {
        trace,
        recorded_at: Timestamp::now(),
        author: None,
        emptied: vec![
            project.derived(),
            project.staging(),
            folder.join("replaced"),
            project.lake().dir.join("aside"),
        ],
        searched: vec![project.held()],
    };
    let trace = &request.trace;
    // Before the work: what is begun is finished, by another process if this one is killed.
    let outcome = format!("begun records={} addresses={}", trace.records.len(), trace.keys.len());
    note(&project, &Event::ended(Action::Erase, "person", outcome))?;
    let report = lake.erase(&request)?;
    if output.json() {
        output.data(
            json!({
                "erasure": report.erasure,
                "records": trace.records.len(),
                "addresses": trace.keys.len(),
                "files": report.n_files,
                "rows": report.rows,
                "removed": report.removed.iter().map(|p| p.display().to_string()).collect::<Vec<_>>(),
            }),
            &dropped(&report),
        );
    } else {
        output.diagnostics(&dropped(&report));
        output.result(&text(trace, &report));
    }
    Ok(EXIT_OK)
}

/// Reads the addresses; `-` stands for the lines of standard input.
pub(super) fn addresses(given: &[String]) -> Result<Vec<String>, Failure> {
    let mut asked = Vec::new();
    for text in given {
        if text == "-" {
            let lines = std::io::read_to_string(std::io::stdin())
                .map_err(|error| Failure::world(&error))?;
            let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
            asked.extend(lines.map(str::to_owned));
        } else {
            asked.push(text.clone());
        }
    }
    if asked.is_empty() {
        return Err(Failure::usage("no address is given", "Name one, as in ann@example.com."));
    }
    if let Some(text) =
        asked.iter().find(|text| text.contains('@') && domain::person::address(text).is_none())
    {
        return Err(Failure::usage(
            format!("`{text}` is no single e-mail address"),
            "Write it as ann@example.com; several are separated by spaces.",
        ));
    }
    Ok(asked)
}

fn planned(trace: &Trace, lake: &lake::Lake, output: &Output) -> Outcome {
    let rows = lake.rows_of(trace)?;
    if output.json() {
        let rows: serde_json::Map<String, serde_json::Value> =
            rows.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows.n_rows()))).collect();
        output.data(
            json!({
                "records": trace.records,
                "addresses": trace.addresses,
                "names": trace.names,
                "phones": trace.phones,
                "rows": rows,
            }),
            &[],
        );
    } else {
        let mut text = found(trace);
        for (table, rows) in &rows {
            text.push_str(&format!("  {table}: {} rows, all versions\n", rows.n_rows()));
        }
        text.push_str("Nothing was written: this is a dry run.\n");
        output.result(&text);
    }
    Ok(EXIT_OK)
}

fn found(trace: &Trace) -> String {
    let list = |set: &std::collections::BTreeSet<String>| {
        set.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::from("Found of the person:\n");
    for (what, set) in [
        ("records", &trace.records),
        ("addresses", &trace.addresses),
        ("names", &trace.names),
        ("numbers", &trace.phones),
    ] {
        if !set.is_empty() {
            text.push_str(&format!("  {what}: {}\n", list(set)));
        }
    }
    text
}

/// Asks on the terminal; without one nobody agrees.
fn agreed(trace: &Trace) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut err = std::io::stderr().lock();
    let question = format!("{}Erase all of it? This cannot be undone. [y/N] ", found(trace));
    let mut answer = String::new();
    err.write_all(question.as_bytes())
        .and_then(|()| err.flush())
        .and_then(|()| std::io::stdin().read_line(&mut answer))
        .map_err(|error| Failure::world(&error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn dropped(report: &ErasureReport) -> Vec<Diagnostic> {
    let warn = |path: &std::path::PathBuf| {
        let message = format!("{} held the person and is removed", path.display());
        Diagnostic::warning("erase.held-removed", message)
            .hint("Load the files of that load again; they are held or taken as before.")
    };
    report.removed.iter().map(warn).collect()
}

fn text(trace: &Trace, report: &ErasureReport) -> String {
    let n_rows: u64 = report.rows.values().sum();
    let mut text = format!(
        "Erasure {}: {} records, {} addresses; {n_rows} rows in {} files redacted, no figure \
         changed.\n",
        report.erasure,
        trace.records.len(),
        trace.keys.len(),
        report.n_files
    );
    for (table, n) in &report.rows {
        text.push_str(&format!("  {table}: {n}\n"));
    }
    text.push_str(
        "Not touched: your source files, files that were exported, backups made before, and \
         accounts of users (`throughline user remove`).\n",
    );
    text
}
