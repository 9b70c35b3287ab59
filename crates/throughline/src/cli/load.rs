//! `throughline load`: exports in, facts kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::{Action, Event};
use clap::Args;
use domain::{Definitions, Diagnostic, Level};
use intake::preset::Shape;
use intake::{Lookups, Mapping, Planned, Settings};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lake::load::FileStatus;
use lake::{Lake, LakeError, LoadReport, LoadRequest, SourceFile};
use project::Project;
use serde_json::{Value, json};

use super::fetch::{From, Sources};
use super::user::note;
use super::{Common, singer};
use crate::error::{EXIT_FOUND, EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;
use crate::progress::Progress;

/// Load exports: files and folders of CSV (also .gz), XLSX, NDJSON and Parquet; tables of a
/// PostgreSQL database; objects of a store that speaks S3
///
/// Files are recognized by their headers, tables by their columns. Loading the same thing twice changes nothing. Rows that
/// cannot be read go to quarantine: read = loaded + known + quarantined.
///
/// Examples:
///   throughline load exports/
///   throughline load postgres://reader@db.example/crm --tables 'salesforce.*'
///   throughline load s3://bucket/exports/
///   throughline load --explain deals.csv > mappings/deals.toml
///   tap-hubspot --config c.json | throughline load --singer --connection hubspot
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Load {
    /// Files, folders, postgres://USER@HOST/DATABASE, s3://BUCKET/PREFIX
    #[arg(
        required_unless_present_any = ["explain", "singer", "unmapped"],
        conflicts_with_all = ["singer", "unmapped"]
    )]
    paths: Vec<PathBuf>,
    /// Say how a file is read, as the draft of a mapping; nothing is loaded
    #[arg(long, value_name = "FILE")]
    explain: Option<PathBuf>,
    /// Say what would change; nothing is written
    #[arg(long)]
    dry_run: bool,
    /// Record the facts as known at the end of this day: for extracts kept from the past, oldest
    /// first
    #[arg(long, value_name = "DAY")]
    known_on: Option<Date>,
    /// Refuse a file that may be cut off
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    singer: singer::Args,
    #[command(flatten)]
    from: From,
}

/// Loads, or explains.
pub(crate) fn run(load: &Load, common: &Common, output: &Output) -> Outcome {
    if let Some(file) = &load.explain {
        return explain(file, output);
    }
    if load.singer.asked() {
        return load.singer.run(common, output);
    }
    let project = Project::find(common.dir.as_deref())?;
    let definitions = project.definitions()?;
    let recorded_at = recorded_at(load.known_on, &definitions)?;
    let mut settings = settings(&project, &definitions, load.strict)?;
    settings.now = Some(recorded_at.unwrap_or_else(Timestamp::now));
    if load.from.lists() {
        return load.from.list(&project, &settings, &load.paths, output);
    }
    let sources = load.from.bring(&project, &settings, &load.paths, output)?;
    let done = load_sources(&project, &settings, &sources, recorded_at, load.dry_run, output)?;
    if let Some(LoadReport { load_id: Some(id), rows, .. }) = &done.report
        && !load.dry_run
    {
        let (read, loaded, quarantined) = (rows.read, rows.loaded, rows.quarantined);
        let outcome = format!("done read={read} loaded={loaded} quarantined={quarantined}");
        note(&project, &Event::ended(Action::Load, format!("load {id}"), outcome))
            .map_err(|failure| failure.hint(format!("Load {id} is kept; its audit row is not.")))?;
    }
    report(&done, load.dry_run, output)
}

/// Returns the end of the day that is named; `None` is the moment of the load itself.
///
/// A day that has not ended is refused: every load after it would come too early until it has.
fn recorded_at(
    known_on: Option<Date>,
    definitions: &Definitions,
) -> Result<Option<Timestamp>, Failure> {
    let calendar = definitions.calendar();
    let today = calendar.day(Timestamp::now());
    match known_on {
        Some(day) if day > today => Err(Failure::usage(
            format!("--known-on {day} lies in the future; today is {today}"),
            "Leave it out for an extract of today.",
        )),
        Some(day) if day < today => Ok(Some(calendar.end_of_day(day))),
        _ => Ok(None),
    }
}

/// What a load did, and what was said meanwhile.
pub(crate) struct Done {
    pub(crate) report: Option<LoadReport>,
    planned: Vec<Planned>,
    diagnostics: Vec<Diagnostic>,
}

/// Reads how sources are to be read from definitions and mappings.
pub(crate) fn settings(
    project: &Project,
    definitions: &Definitions,
    strict: bool,
) -> Result<Settings, Failure> {
    let mut mappings = Vec::new();
    let mut faults = Vec::new();
    for (file, text) in project.mapping_texts()? {
        let (mapping, diagnostics) = Mapping::parse(&file, &text);
        faults.extend(diagnostics);
        mappings.extend(mapping);
    }
    if faults.iter().any(|fault| fault.level == Level::Error) {
        return Err(Failure { kind: Kind::Usage, diagnostics: faults });
    }
    Ok(Settings {
        currency: definitions.currency,
        zone: TimeZone::get(&definitions.source_time_zone).unwrap_or(TimeZone::UTC),
        day_order: definitions.source_day_order,
        mappings,
        strict,
        ..Settings::default()
    })
}

/// Loads files and folders in one commit.
pub(crate) fn load_sources(
    project: &Project,
    settings: &Settings,
    sources: &Sources,
    recorded_at: Option<Timestamp>,
    dry_run: bool,
    output: &Output,
) -> Result<Done, Failure> {
    let paths = &sources.paths;
    for path in paths {
        if !path.exists() {
            let message = format!("{} does not exist", path.display());
            return Err(Failure::usage(message, "Name a file or a folder, for example exports/."));
        }
    }
    let (planned, surveyed) = intake::survey(paths, settings);
    let mut diagnostics = sources.diagnostics.clone();
    diagnostics.extend(surveyed);
    let (planned, left_out): (Vec<_>, Vec<_>) =
        planned.into_iter().partition(|file| !matches!(file.shape(), Shape::Skip(_)));
    for file in &left_out {
        if let Shape::Skip(why) = file.shape() {
            let message = format!("left out: {why} (recognized as: {})", file.about);
            let place = domain::Place::file(Arc::clone(&file.name));
            diagnostics.push(Diagnostic::warning("load.left-out", message).at(place));
        }
    }
    if planned.is_empty() {
        let kind = Kind::Input;
        if diagnostics.is_empty() {
            let names = sources.names.join(", ");
            let message = format!("{names} holds no file that is recognized");
            return Err(Failure::new(kind, "load.nothing", message)
                .hint("Name a folder with CSV, XLSX, NDJSON or Parquet files."));
        }
        return Err(Failure { kind, diagnostics });
    }
    let (lookups, remarks) = Lookups::gather(&planned, settings);
    diagnostics.extend(remarks);
    let scratch = Scratch::of(project, dry_run);
    let lake = open_or_create(scratch.0.as_deref().unwrap_or(&project.lake()))?;
    let settings = &Settings { person_key: *lake.person_key(), ..settings.clone() };
    let request = LoadRequest {
        // Taken as late as this, so that a load that began later and ended sooner is no obstacle.
        recorded_at: match recorded_at {
            Some(at) => at,
            None => lake.now()?,
        },
        author: None,
        message: Some(sources.names.join(" ")),
        files: planned.iter().map(source_file).collect::<Result<_, Failure>>()?,
    };
    let mut loading = lake.begin(request).map_err(|error| match (&error, recorded_at) {
        (LakeError::Backdated { newest, .. }, Some(_)) => Failure::usage(
            format!("something newer is loaded already, recorded at {newest}"),
            "Extracts of the past are loaded oldest first: load them in order into a new folder.",
        ),
        _ => Failure::from(error),
    })?;
    let mut progress = Progress::new(output);
    let mut n_rows = 0;
    for (at, file) in planned.iter().enumerate() {
        let new = loading.files().get(at).is_some_and(|report| report.status == FileStatus::New);
        if !new {
            continue;
        }
        let mut failed = None;
        let read = file.read(settings, &lookups, &mut |row| {
            n_rows += 1;
            if n_rows % 1000 == 0 {
                progress.step(&file.name, n_rows, n_rows);
            }
            match loading.push(at, row) {
                Ok(()) => std::ops::ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    std::ops::ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        match read {
            Ok(summary) => {
                for control in &summary.controls {
                    let name = format!("{}.{} {}", control.table, control.column, control.currency);
                    loading.control_total(at, name.trim_end(), control.sum.to_string())?;
                }
                diagnostics.extend(summary.warnings);
            }
            Err(rejected) => {
                progress.finish();
                diagnostics.push(*rejected.0);
                return Err(Failure { kind: Kind::Input, diagnostics });
            }
        }
    }
    progress.finish();
    let prepared = loading.prepare()?;
    let report = if dry_run { prepared.report().clone() } else { prepared.commit()? };
    Ok(Done { report: Some(report), planned, diagnostics })
}

pub(crate) fn source_file(file: &Planned) -> Result<SourceFile, Failure> {
    let hash = blake3::Hash::from_hex(&file.content_hash).map_err(Failure::bug)?;
    Ok(SourceFile {
        name: Arc::clone(&file.name),
        hash: *hash.as_bytes(),
        preset: file.preset.clone(),
    })
}

/// The lake of a dry run where there is none yet: beside the project, gone at the end.
struct Scratch(Option<PathBuf>);

impl Scratch {
    fn of(project: &Project, dry_run: bool) -> Self {
        let fresh = dry_run && !Lake::is_at(project.lake());
        let name = format!("throughline-dry-run-{}", std::process::id());
        Self(fresh.then(|| std::env::temp_dir().join(name)))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            // What is left in the folder for temporary files is in nobody's way.
            let _removed: std::io::Result<()> = std::fs::remove_dir_all(folder);
        }
    }
}

/// Opens the lake, or makes it: also where its maker died before it was one.
pub(crate) fn open_or_create(folder: &Path) -> Result<Lake, Failure> {
    if Lake::is_at(folder) { Ok(Lake::open(folder)?) } else { Ok(Lake::create(folder)?) }
}

fn explain(file: &Path, output: &Output) -> Outcome {
    if !file.is_file() {
        let message = format!("{} is not a file", file.display());
        return Err(Failure::usage(message, "Name one export file."));
    }
    // No mapping is read here: a shell has just made the one that the draft is written to, empty.
    let draft = intake::draft(file, &Settings::default())
        .map_err(|rejected| Failure { kind: Kind::Input, diagnostics: vec![*rejected.0] })?;
    if output.json() {
        output.data(json!({ "file": file.display().to_string(), "mapping": draft }), &[]);
    } else {
        output.result(&draft);
    }
    Ok(EXIT_OK)
}

fn report(done: &Done, dry_run: bool, output: &Output) -> Outcome {
    let Some(report) = &done.report else { return Ok(EXIT_OK) };
    let mut diagnostics = done.diagnostics.clone();
    let nothing_read = report.files.iter().filter(|file| {
        let rows = file.rows;
        rows.read > 0 && rows.quarantined == rows.read
    });
    for file in nothing_read {
        let n = file.rows.read;
        let message = format!("no row could be read: {n} of {n} went to quarantine");
        let place = domain::Place::file(Arc::clone(&file.name));
        diagnostics.push(
            Diagnostic::warning("load.all-refused", message)
                .at(place)
                .hint("See why with `throughline quarantine`."),
        );
    }
    let refused =
        diagnostics.iter().any(|d| d.level == Level::Error || d.code == "load.all-refused");
    if output.json() {
        let mut data = serde_json::to_value(report).map_err(Failure::bug)?;
        if let Some(data) = data.as_object_mut() {
            data.insert("dry_run".to_owned(), Value::Bool(dry_run));
        }
        output.data(data, &diagnostics);
    } else {
        output.diagnostics(&diagnostics);
        output.result(&text(done, report, dry_run));
    }
    Ok(if refused { EXIT_FOUND } else { EXIT_OK })
}

/// The summary for people: what each file was recognized as, and what became of its rows.
fn text(done: &Done, report: &LoadReport, dry_run: bool) -> String {
    let mut text = String::new();
    for (file, planned) in report.files.iter().zip(&done.planned) {
        let rows = file.rows;
        let outcome = match &file.status {
            FileStatus::New => format!(
                "read {} = loaded {} + known {} + quarantined {}",
                rows.read, rows.loaded, rows.known, rows.quarantined
            ),
            FileStatus::LoadedBefore { load_id, recorded_at } => {
                format!("already loaded as load {load_id} on {recorded_at}")
            }
            FileStatus::SameAs { .. } => "the same content as another file of this load".to_owned(),
        };
        text.push_str(&format!("{}\n  {}; {outcome}\n", file.name, planned.about));
    }
    let mut tables: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for table in &report.tables {
        tables.insert(table.table, (table.new, table.changed, table.unchanged));
    }
    if !tables.is_empty() {
        text.push('\n');
    }
    for (table, (new, changed, unchanged)) in tables {
        text.push_str(&format!(
            "  {table:<20} {new:>9} new {changed:>9} changed {unchanged:>9} unchanged\n"
        ));
    }
    let rows = report.rows;
    let ending = match (dry_run, report.load_id) {
        (true, _) => "nothing was written (dry run)".to_owned(),
        (false, Some(load)) => format!("load {load}"),
        (false, None) => "nothing is new: nothing was written".to_owned(),
    };
    text.push_str(&format!(
        "\n{ending}: read {} = loaded {} + known {} + quarantined {}\n",
        rows.read, rows.loaded, rows.known, rows.quarantined
    ));
    if rows.quarantined > 0 && !dry_run {
        text.push_str("See why with `throughline quarantine`.\n");
    }
    text
}
