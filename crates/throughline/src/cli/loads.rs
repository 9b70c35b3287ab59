//! `throughline loads`: the ledger of loads, and the loads that wait for a decision.

use access::{Action, Event};
use clap::Args;
use jiff::Timestamp;
use lake::held::{HeldLoad, HeldState};
use lake::load::RowCounts;
use lake::store::LoadEntry;
use project::Project;
use serde_json::{Value, json};

use super::Common;
use super::accept::held;
use super::load::{author, minute};
use super::user::note;
use crate::error::{EXIT_FOUND, EXIT_OK, Failure, Outcome};
use crate::output::Output;

/// List the loads: when, who, what, how many rows; and those that are held
///
/// Examples:
///   throughline loads --json
///   throughline loads 3
///   throughline loads --drop h1 --because "the export was cut off"
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Loads {
    /// Show one load whole: its number, or h1 for a held one
    #[arg(value_name = "LOAD")]
    load: Option<String>,
    /// Throw a held load away, on record
    #[arg(long, value_name = "HELD", value_parser = held, conflicts_with = "load")]
    drop: Option<i64>,
    /// Why it is thrown away
    #[arg(long, value_name = "TEXT", requires = "drop")]
    because: Option<String>,
    /// Who decides (default: the user of the system)
    #[arg(long, value_name = "NAME", requires = "drop")]
    by: Option<String>,
}

/// Lists them.
pub(crate) fn run(asked: &Loads, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    if !lake::Lake::is_at(project.lake()) {
        output.remark("nothing has been loaded yet");
        if output.json() {
            output.data(json!({ "loads": [], "held": [] }), &[]);
        }
        return Ok(EXIT_OK);
    }
    let lake = lake::Lake::open(project.lake())?;
    if let Some(id) = asked.drop {
        let by = author(asked.by.as_deref());
        let because = asked.because.as_deref();
        let held = lake.drop_held(&project.held(), id, Timestamp::now(), by.as_deref(), because)?;
        note(&project, &Event::done(Action::DropLoad, format!("held load {id}")))?;
        return shown(&held_json(&held), &format!("{}\n", held_line(&held)), output);
    }
    let loads = lake.loads()?;
    let held = lake.held()?;
    if let Some(name) = &asked.load {
        return one(name, &loads, &held, output);
    }
    if output.json() {
        let loads: Vec<Value> = loads.iter().map(load_json).collect();
        let held: Vec<Value> = held.iter().map(held_json).collect();
        output.data(json!({ "loads": loads, "held": held }), &[]);
    } else if loads.is_empty() && held.is_empty() {
        output.remark("nothing has been loaded yet");
    } else {
        let mut text: String = loads.iter().map(|load| format!("{}\n", load_line(load))).collect();
        text.extend(held.iter().map(|held| format!("{}\n", held_line(held))));
        output.result(&text);
    }
    let waits = held.iter().any(|held| held.state == HeldState::Waiting);
    Ok(if waits { EXIT_FOUND } else { EXIT_OK })
}

/// Shows one load whole.
fn one(name: &str, loads: &[LoadEntry], held: &[HeldLoad], output: &Output) -> Outcome {
    let unknown = || {
        Failure::usage(
            format!("there is no load `{name}`"),
            "See which loads there are with `throughline loads`.",
        )
    };
    if name.starts_with(['h', 'H']) {
        let found = held.iter().find(|held| held.name().eq_ignore_ascii_case(name));
        let found = found.ok_or_else(unknown)?;
        return shown(&held_json(found), &held_text(found), output);
    }
    let found = loads.iter().find(|load| load.load_id.to_string() == name).ok_or_else(unknown)?;
    shown(&load_json(found), &load_text(found), output)
}

fn shown(data: &Value, text: &str, output: &Output) -> Outcome {
    if output.json() {
        output.data(data.clone(), &[]);
    } else {
        output.result(text);
    }
    Ok(EXIT_OK)
}

fn load_json(load: &LoadEntry) -> Value {
    let names: Vec<&str> = load.files.iter().map(|file| file.name.as_str()).collect();
    json!({
        "load": load.load_id,
        "recorded_at": load.recorded_at.to_string(),
        "message": load.message,
        "read": load.n_read,
        "loaded": load.n_loaded,
        "known": load.n_known,
        "quarantined": load.n_quarantined,
        "files": names,
        "author": load.author,
        "hash": load.hash,
        "sources": load.files,
        "tables": load.tables,
        "passed": load.passed,
    })
}

fn held_json(held: &HeldLoad) -> Value {
    json!({
        "held": held.name(),
        "held_at": held.held_at.to_string(),
        "author": held.author,
        "message": held.message,
        "holds": held.holds.iter().map(|hold| {
            json!({
                "code": hold.guard.code(),
                "guard": hold.guard,
                "connection": hold.connection,
                "table": hold.table,
                "file": hold.file,
                "expected": hold.expected,
                "found": hold.found,
                "message": hold.message,
                "missing": hold.missing,
                "hint": hold.guard.hint(),
            })
        }).collect::<Vec<_>>(),
        "files": held.files,
        "state": held.state,
        "decided_at": held.decided_at.map(|at| at.to_string()),
        "decided_by": held.decided_by,
        "because": held.because,
        "load": held.load_id,
    })
}

fn counts(rows: RowCounts) -> String {
    let RowCounts { read, loaded, known, quarantined } = rows;
    format!("read {read} = loaded {loaded} + known {known} + quarantined {quarantined}")
}

fn rows(load: &LoadEntry) -> RowCounts {
    RowCounts {
        read: load.n_read,
        loaded: load.n_loaded,
        known: load.n_known,
        quarantined: load.n_quarantined,
    }
}

fn by(author: Option<&str>) -> String {
    author.map_or_else(String::new, |author| format!("  by {author}"))
}

fn load_line(load: &LoadEntry) -> String {
    let mut connections: Vec<&str> =
        load.files.iter().filter_map(|file| file.connection.as_deref()).collect();
    connections.sort_unstable();
    connections.dedup();
    let from = match connections.as_slice() {
        [] => String::new(),
        names => format!("  from {}", names.join(", ")),
    };
    let passed = if load.passed.is_empty() { "" } else { "  accepted" };
    format!(
        "load {}  {}  {}  ({} file{}){from}{}{passed}",
        load.load_id,
        minute(load.recorded_at),
        counts(rows(load)),
        load.files.len(),
        if load.files.len() == 1 { "" } else { "s" },
        by(load.author.as_deref()),
    )
}

fn load_text(load: &LoadEntry) -> String {
    let mut text = format!("{}\n  hash {}\n", load_line(load), load.hash);
    if let Some(message) = &load.message {
        text.push_str(&format!("  {message}\n"));
    }
    for hold in &load.passed {
        text.push_str(&format!("  let pass, {}: {}\n", hold.guard.code(), hold.message));
    }
    for file in &load.files {
        text.push_str(&format!("{}\n  {}", file.name, file.preset));
        if let Some(connection) = &file.connection {
            let whole = if file.complete { ", complete" } else { "" };
            text.push_str(&format!(" of {connection}{whole}"));
        }
        let status = match file.status.as_str() {
            "new" => String::new(),
            other => format!("; {}", other.replace('_', " ")),
        };
        text.push_str(&format!("; {}{status}\n  hash {}\n", counts(file.rows), file.hash));
        for (name, total) in &file.totals {
            text.push_str(&format!("  sum of {name}: {total}\n"));
        }
    }
    text
}

fn held_line(held: &HeldLoad) -> String {
    let state = match held.state {
        HeldState::Waiting => "held".to_owned(),
        HeldState::Accepted => match held.load_id {
            Some(load) => format!("accepted as load {load}"),
            None => "accepted, nothing was new".to_owned(),
        },
        HeldState::Dropped => "dropped".to_owned(),
    };
    let mut codes: Vec<&str> = held.holds.iter().map(|hold| hold.guard.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    format!(
        "{}  {}  {state}: {}  ({} file{}){}",
        held.name(),
        minute(held.held_at),
        codes.join(", "),
        held.files.len(),
        if held.files.len() == 1 { "" } else { "s" },
        by(held.author.as_deref()),
    )
}

fn held_text(held: &HeldLoad) -> String {
    let mut text = format!("{}\n", held_line(held));
    if let Some(message) = &held.message {
        text.push_str(&format!("  {message}\n"));
    }
    for hold in &held.holds {
        let file = hold.file.as_ref().map_or_else(String::new, |file| format!("{file}: "));
        text.push_str(&format!(
            "  {}: {file}{}\n    {}\n",
            hold.guard.code(),
            hold.message,
            hold.guard.hint()
        ));
        for missing in &hold.missing {
            text.push_str(&format!("      {missing}\n"));
        }
    }
    for file in &held.files {
        text.push_str(&format!("{}\n  {}\n  hash {}\n", file.name, file.preset, file.hash));
    }
    if let Some(at) = held.decided_at {
        let by = by(held.decided_by.as_deref());
        let because = held.because.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        text.push_str(&format!("decided {}{by}{because}\n", minute(at)));
    }
    text
}
