//! `throughline quarantine`: the rows that were refused, why, and whether they can be read by now.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use access::{Action, Event};
use clap::Args;
use domain::fact::SourceRow;
use domain::{Cell, Filter, Frame, Level, Test};
use intake::{Again, Lookups, Mapping, Refused, Settings};
use jiff::civil::Date;
use lake::{Lake, LoadReport, LoadRequest, RefusedRow, Show, SnapshotId, SourceFile, Try};
use project::Project;
use serde_json::{Value, json};

use super::Common;
use super::user::note;
use crate::error::{EXIT_FOUND, EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;

/// List the rows that were refused, why, and what to do; try them again
///
/// Rows of one file that break one rule in one column are shown as one, with the first of them;
/// `--full` shows each, and in CSV and JSON the row itself as it was read.
///
/// A row stays in quarantine until it can be read: after a mapping was mended, `--fix` says what
/// would load, and `--retry` loads it. What is refused again stays.
///
/// Examples:
///   throughline quarantine --load 3 --csv
///   throughline quarantine --fix mappings/deals.toml
///   throughline quarantine --fix mappings/deals.toml --retry
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Quarantine {
    /// Of one load only
    #[arg(long)]
    load: Option<i64>,
    /// Of one rule only, for example csv.field-count
    #[arg(long, value_name = "CODE")]
    rule: Option<String>,
    /// As it was at the end of a day
    #[arg(long, value_name = "DAY", conflicts_with_all = ["fix", "retry"])]
    as_of: Option<Date>,
    /// Also rows that a later load took, with that load
    #[arg(long, conflicts_with_all = ["fix", "retry"])]
    resolved: bool,
    /// Write the rows as CSV
    #[arg(long, conflicts_with_all = ["json", "fix", "retry"])]
    csv: bool,
    /// Try the rows that a mapping speaks of; nothing is written without --retry
    #[arg(long, value_name = "MAPPING")]
    fix: Option<PathBuf>,
    /// Load the rows that can be read by now
    #[arg(long)]
    retry: bool,
    /// Files and folders with the users and stages that the rows name, where their load had such
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
}

/// Lists the rows, or tries them again.
pub(crate) fn run(quarantine: &Quarantine, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    if !lake::Lake::is_at(project.lake()) {
        output.remark("nothing has been loaded yet");
        if output.json() {
            output.data(json!({ "rows": show::json::frame(&Frame::default()) }), &[]);
        }
        return Ok(EXIT_OK);
    }
    let lake = Lake::open(project.lake())?;
    if quarantine.fix.is_some() || quarantine.retry {
        return again(quarantine, &project, &lake, output);
    }
    list(quarantine, &project, &lake, output)
}

fn list(quarantine: &Quarantine, project: &Project, lake: &Lake, output: &Output) -> Outcome {
    let full = output.style().full;
    let table = !quarantine.csv && !output.json();
    let show = Show { raw: full && !table, resolved: quarantine.resolved };
    let snapshot = match quarantine.as_of {
        None => lake.newest()?,
        Some(day) => lake.snapshot_as_of(project.definitions()?.calendar().end_of_day(day))?,
    };
    let mut filters = Vec::new();
    if let Some(load) = quarantine.load {
        let test = Test::Is(Cell::Integer(load));
        filters.push(Filter { column: "load_id".to_owned(), test });
    }
    if let Some(rule) = &quarantine.rule {
        let test = Test::Is(Cell::text(rule.as_str()));
        filters.push(Filter { column: "rule".to_owned(), test });
    }
    let rows = lake.quarantine_at(snapshot.unwrap_or(SnapshotId(0)), show)?.filter(&filters);
    if quarantine.csv {
        output.result(&show::csv::frame(&rows));
    } else if output.json() {
        output.data(json!({ "rows": show::json::frame(&rows) }), &[]);
    } else {
        let n = rows.n_rows();
        let s = if n == 1 { "" } else { "s" };
        output.result(&format!(
            "{}{n} row{s} in quarantine.\n",
            listed(&rows, full, output.style().width)
        ));
    }
    Ok(EXIT_OK)
}

/// Names the rows for people. Those of one load and file that break one rule in one column are
/// one entry, with the first of them and how many there are, unless each is wanted.
fn listed(rows: &Frame, each: bool, width: usize) -> String {
    let mut groups: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for row in 0..rows.n_rows() {
        let of = ["load_id", "file", "rule", "column"].map(|name| rows.cell(name, row));
        let key = if each { row.to_string() } else { format!("{of:?}") };
        groups.entry(key).or_insert((row, 0)).1 += 1;
    }
    let mut firsts: Vec<(usize, u64)> = groups.into_values().collect();
    firsts.sort_unstable();
    let mut text = String::new();
    for (row, n) in firsts {
        let said = |name: &str| rows.cell(name, row).to_string();
        let column = match said("column") {
            none if none.is_empty() => none,
            column => format!("column `{column}`: "),
        };
        let more = if n == 1 { String::new() } else { format!(" (and {} more like it)", n - 1) };
        let taken = match said("resolved_by") {
            none if none.is_empty() => none,
            load => format!("; load {load} took it"),
        };
        let (file, line, load) = (said("file"), said("line"), said("load_id"));
        text.push_str(&format!("{file}:{line} · load {load} · {}{more}{taken}\n", said("rule")));
        for words in [format!("{column}{}", said("message")), said("hint")] {
            for line in show::table::wrap(&words, width.saturating_sub(2)) {
                text.push_str(&format!("  {line}\n"));
            }
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// What became of a refused row that was tried again.
struct Tried<'a> {
    row: &'a RefusedRow,
    outcome: &'static str,
    /// Rule, message and hint of what stands against it still.
    against: Option<(String, String, String)>,
}

fn again(quarantine: &Quarantine, project: &Project, lake: &Lake, output: &Output) -> Outcome {
    let definitions = project.definitions()?;
    let mut settings = super::load::settings(project, &definitions, false)?;
    settings.person_key = *lake.person_key();
    if let Some(fix) = &quarantine.fix {
        settings.mappings = vec![mapping(fix)?];
    }
    let rows = lake.refused()?;
    let rows: Vec<&RefusedRow> = rows
        .iter()
        .filter(|row| quarantine.load.is_none_or(|load| row.key.load_id == load))
        .filter(|row| quarantine.rule.as_deref().is_none_or(|rule| *row.rule == *rule))
        // What is no record never becomes one.
        .filter(|row| !matches!(&*row.rule, "totals-row" | "footer"))
        .collect();
    let (lookups, given) = lookups(&quarantine.with, &settings)?;
    let recorded_at = lake.now()?;
    let mut tried = Vec::new();
    let mut tries = Vec::new();
    let mut files = Vec::new();
    for group in
        rows.chunk_by(|a, b| (a.key.load_id, a.key.file_index) == (b.key.load_id, b.key.file_index))
    {
        let Some(first) = group.first() else { continue };
        let missing: Vec<String> = lake
            .presets(first.key.load_id)?
            .into_iter()
            .filter(|preset| intake::is_lookup(preset) && !given.contains(preset))
            .collect();
        let outcomes = read(group, &settings, &lookups, quarantine.fix.is_some(), &missing);
        let before = tries.len();
        let mut hasher = blake3::Hasher::new();
        hasher.update(recorded_at.to_string().as_bytes());
        hasher.update(format!("{} {}", first.key.load_id, first.key.file_index).as_bytes());
        for (row, outcome) in group.iter().zip(outcomes) {
            let (word, against) = match &outcome {
                Again::Read(SourceRow::Accepted { .. }) => ("reads", None),
                Again::Read(SourceRow::Refused(refusal)) => {
                    let hint = refusal.hint.clone().unwrap_or_default();
                    let rule = refusal.rule.to_owned();
                    ("refused", Some((rule, refusal.message.clone(), hint)))
                }
                Again::Untried { why, hint } => {
                    ("untried", Some((row.rule.to_string(), why.clone(), hint.clone())))
                }
                Again::NotMeant => ("not_meant", None),
            };
            tried.push(Tried { row, outcome: word, against });
            if let Again::Read(read) = outcome {
                hasher.update(row.raw.as_bytes());
                tries.push(Try { file: files.len(), key: row.key, row: read });
            }
        }
        if tries.len() > before {
            let hash = *hasher.finalize().as_bytes();
            let preset = lake::load::RETRY.to_owned();
            files.push(SourceFile::new(Arc::clone(&first.file), hash, preset));
        }
    }
    let report = if tries.is_empty() {
        None
    } else {
        let fix = quarantine.fix.as_ref().map(|fix| format!(" --fix {}", fix.display()));
        let message = Some(format!("quarantine --retry{}", fix.unwrap_or_default()));
        let request = LoadRequest {
            author: super::load::author(None),
            message,
            ..LoadRequest::new(recorded_at, files)
        };
        let prepared = lake.retry(request, tries)?;
        Some(if quarantine.retry { prepared.commit()? } else { prepared.report().clone() })
    };
    if let Some(LoadReport { load_id: Some(id), rows, .. }) = &report
        && quarantine.retry
    {
        let (read, loaded, stay) = (rows.read, rows.loaded, rows.quarantined);
        let outcome = format!("done read={read} loaded={loaded} quarantined={stay}");
        note(project, &Event::ended(Action::Load, format!("load {id}"), outcome))
            .map_err(|failure| failure.hint(format!("Load {id} is kept; its audit row is not.")))?;
    }
    Ok(say(quarantine, &tried, report.as_ref(), output))
}

fn mapping(file: &PathBuf) -> Result<Mapping, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("{} cannot be read: {error}", file.display());
        Failure::usage(message, "Name a mapping, for example mappings/deals.toml.")
    })?;
    let (mapping, diagnostics) = Mapping::parse(&file.display().to_string(), &text);
    let failed = diagnostics.iter().any(|fault| fault.level == Level::Error);
    mapping.filter(|_| !failed).ok_or(Failure { kind: Kind::Usage, diagnostics })
}

/// Reads the lookup files of an export, and says which layouts they have.
fn lookups(paths: &[PathBuf], settings: &Settings) -> Result<(Lookups, Vec<String>), Failure> {
    if let Some(path) = paths.iter().find(|path| !path.exists()) {
        let message = format!("{} does not exist", path.display());
        return Err(Failure::usage(message, "Name a file or a folder, for example exports/."));
    }
    let (planned, _) = intake::survey(paths, settings);
    let (lookups, _) = Lookups::gather(&planned, settings);
    let given = planned.into_iter().map(|file| file.preset);
    Ok((lookups, given.filter(|preset| intake::is_lookup(preset)).collect()))
}

/// Reads the refused rows of one file again.
fn read(
    rows: &[&RefusedRow],
    settings: &Settings,
    lookups: &Lookups,
    mapped_only: bool,
    missing: &[String],
) -> Vec<Again> {
    let Some(first) = rows.first() else { return Vec::new() };
    if !missing.is_empty() {
        let why = format!("its load read names from {}, which is not here", missing.join(", "));
        let hint = "Name the folder of that export, for example --with exports/.".to_owned();
        return rows
            .iter()
            .map(|_| Again::Untried { why: why.clone(), hint: hint.clone() })
            .collect();
    }
    let refused: Vec<Refused<'_>> = rows
        .iter()
        .map(|row| Refused { line: u64::try_from(row.key.line).unwrap_or(0), raw: &row.raw })
        .collect();
    let outcomes = intake::again(&first.file, &refused, settings, lookups, mapped_only);
    let outcomes = rows.iter().zip(outcomes).map(|(row, outcome)| match row.facts() {
        // It was read once and refused beside others: a mapping has no part in that.
        Some(_) if mapped_only => Again::NotMeant,
        Some(facts) => Again::Read(SourceRow::Accepted { place: row.place(), facts }),
        None => outcome,
    });
    outcomes.collect()
}

fn say(
    quarantine: &Quarantine,
    tried: &[Tried<'_>],
    report: Option<&LoadReport>,
    output: &Output,
) -> u8 {
    let rows = report.map(|report| report.rows).unwrap_or_default();
    let load = report.and_then(|report| report.load_id).filter(|_| quarantine.retry);
    let count = |outcome: &str| tried.iter().filter(|one| one.outcome == outcome).count();
    let (untried, not_meant) = (count("untried"), count("not_meant"));
    if output.json() {
        let list: Vec<Value> = tried
            .iter()
            .map(|one| {
                let (rule, message, hint) = one.against.clone().unwrap_or_default();
                let key = one.row.key;
                json!({
                    "load": key.load_id, "file": one.row.file, "line": key.line,
                    "outcome": one.outcome, "rule": rule, "message": message, "hint": hint,
                })
            })
            .collect();
        let data = json!({
            "load": load,
            "read": rows.read, "loaded": rows.loaded, "known": rows.known,
            "quarantined": rows.quarantined,
            "untried": untried, "not_meant": not_meant,
            "rows": list,
        });
        output.data(data, &[]);
    } else {
        output.result(&text(quarantine, tried, load, rows));
    }
    if rows.quarantined > 0 || untried > 0 { EXIT_FOUND } else { EXIT_OK }
}

/// Says for people what became of the rows; what stands against several in the same words once.
fn text(
    quarantine: &Quarantine,
    tried: &[Tried<'_>],
    load: Option<i64>,
    rows: lake::load::RowCounts,
) -> String {
    let mut text = String::new();
    let mut said: BTreeMap<(&str, String, String), (i64, u64)> = BTreeMap::new();
    for one in tried {
        if let Some((rule, message, hint)) = &one.against {
            let words = (&*one.row.file, format!("{rule}: {message}"), hint.clone());
            said.entry(words).or_insert((one.row.key.line, 0)).1 += 1;
        }
    }
    for ((file, words, hint), (line, n)) in said {
        let more = if n == 1 { String::new() } else { format!(" (and {} more)", n - 1) };
        text.push_str(&format!("{file}:{line}: {words}{more}\n"));
        if !hint.is_empty() {
            text.push_str(&format!("  {hint}\n"));
        }
    }
    let left = tried.iter().filter(|one| matches!(one.outcome, "untried" | "not_meant")).count();
    let ending = match (load, quarantine.retry) {
        (Some(load), _) => format!("load {load}"),
        (None, true) => "nothing can be read that could not before: nothing was written".to_owned(),
        (None, false) => "nothing was written; --retry loads it".to_owned(),
    };
    text.push_str(&format!(
        "{ending}: tried {} = loaded {} + known {} + still refused {}\n",
        rows.read, rows.loaded, rows.known, rows.quarantined
    ));
    if left > 0 {
        let s = if left == 1 { "" } else { "s" };
        text.push_str(&format!("{left} row{s} of the quarantine could not be tried.\n"));
    }
    text
}
