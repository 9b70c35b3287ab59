//! `throughline load`: exports in, facts kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::{Action, Event};
use clap::Args;
use domain::fact::SourceRow;
use domain::{Definitions, Diagnostic, Level};
use intake::preset::Shape;
use intake::source::Staging;
use intake::{Lookups, Manifest, Mapping, Planned, Settings};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lake::load::FileStatus;
use lake::{
    Expected, Guard, HeldLoad, Hold, Lake, LakeError, LoadReport, LoadRequest, Place, SourceColumn,
    SourceFile,
};
use project::Project;
use serde_json::{Value, json};

use super::fetch::{From, Sources, failure};
use super::trial::on_trial;
use super::user::note;
use super::{Common, singer};
use crate::error::{EXIT_FOUND, EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;
use crate::progress::Progress;

/// Load exports, tables of a database, or objects of a store
///
/// Exports are files and folders of CSV (also .gz and .zip), XLSX, NDJSON and Parquet; the database
/// is PostgreSQL; the store speaks S3. Files are recognized by their headers, tables by their
/// columns. Loading the same thing twice changes nothing. Rows that cannot be read go to
/// quarantine: read = loaded + known + quarantined.
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
    /// Files, folders, postgres://USER@HOST/DATABASE, s3://BUCKET/PREFIX; with --singer the tap and
    /// its arguments, after `--`
    #[arg(
        required_unless_present_any = ["explain", "singer", "unmapped"],
        conflicts_with = "unmapped"
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
    /// The connection that the files or streams come from, such as crm; a manifest.toml beside
    /// files names its own, a tap is `singer` unless said
    #[arg(long, value_name = "NAME", value_parser = connection)]
    connection: Option<String>,
    /// Each file holds all records that there are: what it leaves out is gone, unless that is more
    /// than a fifth
    #[arg(long, requires = "connection", conflicts_with_all = ["singer", "unmapped"])]
    complete: bool,
    /// Let pass what this guard would hold: empty, shrink, drift, totals, half-set, fx-jump
    #[arg(long, value_name = "GUARD")]
    allow: Vec<Guard>,
    /// Who loads (default: the user of the system)
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// How something is loaded.
#[derive(Clone, Default, Debug)]
pub(crate) struct How {
    /// When it is recorded; none for now.
    pub(crate) recorded_at: Option<Timestamp>,
    pub(crate) dry_run: bool,
    /// The connection of the files that no manifest names.
    pub(crate) connection: Option<String>,
    /// True where those files are complete.
    pub(crate) complete: bool,
    pub(crate) allow: BTreeSet<Guard>,
    pub(crate) by: Option<String>,
    /// The held load that this is, and why it was let through.
    pub(crate) accepts: Option<(i64, Option<String>)>,
}

/// What is said of a file besides what it holds.
#[derive(Clone, Default, Debug)]
pub(crate) struct Terms {
    pub(crate) connection: Option<String>,
    pub(crate) complete: bool,
    pub(crate) in_set: bool,
    pub(crate) expected: Expected,
}

/// Files that are known by name and layout, with what is said of them.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) planned: Vec<(Planned, Terms)>,
    /// Files that belong to a set and are not there, each with its connection.
    pub(crate) missing: Vec<(String, String)>,
    pub(crate) message: String,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

fn connection(text: &str) -> Result<String, String> {
    if intake::manifest::is_connection(text) {
        return Ok(text.to_owned());
    }
    Err("a connection is a name of letters, digits, `.`, `_` and `-`".to_owned())
}

/// Returns who works on the console.
pub(crate) fn author(by: Option<&str>) -> Option<String> {
    let system = || {
        let names = ["USER", "LOGNAME", "USERNAME"].into_iter();
        names.filter_map(|name| std::env::var(name).ok()).find(|name| !name.is_empty())
    };
    by.map(ToOwned::to_owned).or_else(system)
}

/// Loads, or explains.
pub(crate) fn run(load: &Load, common: &Common, output: &Output) -> Outcome {
    if let Some(file) = &load.explain {
        return explain(file, output);
    }
    if load.singer.asked() {
        return load.singer.run(load.connection.as_deref(), &load.paths, common, output);
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
    let how = How {
        recorded_at,
        dry_run: load.dry_run,
        connection: load.connection.clone(),
        complete: load.complete,
        allow: load.allow.iter().copied().collect(),
        by: load.by.clone(),
        accepts: None,
    };
    let done = load_sources(&project, &settings, &sources, &how, output)?;
    done.audit(&project)?;
    done.report(load.dry_run, output)
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
    pub(crate) report: LoadReport,
    /// Where a guard holds it: the load that waits for a decision.
    pub(crate) held: Option<HeldLoad>,
    /// What each file was recognized as.
    about: Vec<String>,
    diagnostics: Vec<Diagnostic>,
    dry_run: bool,
}

impl Done {
    /// Writes the audit row of a load that was stored or held.
    pub(crate) fn audit(&self, project: &Project) -> Result<(), Failure> {
        let rows = self.report.rows;
        let counts =
            format!("read={} loaded={} quarantined={}", rows.read, rows.loaded, rows.quarantined);
        let event = match (&self.held, self.report.load_id) {
            _ if self.dry_run => return Ok(()),
            (Some(held), _) => Event::ended(
                Action::Load,
                format!("held load {}", held.id),
                format!("held {counts}"),
            ),
            (None, Some(id)) => {
                Event::ended(Action::Load, format!("load {id}"), format!("done {counts}"))
            }
            (None, None) => return Ok(()),
        };
        note(project, &event)
            .map_err(|failure| failure.hint("The load is kept; its audit row is not."))
    }
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
    how: &How,
    output: &Output,
) -> Result<Done, Failure> {
    let paths = &sources.paths;
    for path in paths {
        if !path.exists() {
            let message = format!("{} does not exist", path.display());
            return Err(Failure::usage(message, "Name a file or a folder, for example exports/."));
        }
    }
    let (manifests, faults) = intake::manifests(paths);
    if !faults.is_empty() {
        return Err(Failure { kind: Kind::Usage, diagnostics: faults });
    }
    // Made only where something is to be unpacked.
    let staging = match intake::holds_archive(paths) {
        true => Some(Staging::new(&project.staging()).map_err(failure)?),
        false => None,
    };
    let settings = &Settings {
        trial: Some(on_trial),
        unpack_into: match &staging {
            Some(staging) => Some(staging.folder(0).map_err(failure)?),
            None => None,
        },
        ..settings.clone()
    };
    let (planned, surveyed) = intake::survey(paths, settings);
    let mut diagnostics = sources.diagnostics.clone();
    diagnostics.extend(surveyed);
    let mut batch = Batch { message: sources.names.join(" "), diagnostics, ..Batch::default() };
    for manifest in &manifests {
        let here = |name: &str| {
            let path = manifest.folder.join(name);
            planned.iter().any(|file| file.path == path)
        };
        let missing = manifest.files.iter().filter(|file| !here(&file.name));
        let connection = || manifest.connection.clone();
        batch.missing.extend(missing.map(|file| (connection(), file.name.clone())));
    }
    for file in planned {
        let terms = match intake::manifest_of(&manifests, &file.path) {
            None => Terms {
                connection: how.connection.clone(),
                complete: how.complete,
                ..Terms::default()
            },
            Some(manifest) => terms(manifest, &file, &mut batch.diagnostics)?,
        };
        batch.planned.push((file, terms));
    }
    load_batch(project, settings, batch, how, output)
}

/// Returns what a manifest says of a file.
fn terms(
    manifest: &Manifest,
    file: &Planned,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Terms, Failure> {
    let connection = Some(manifest.connection.clone());
    let Some(said) = manifest.of(&file.path) else {
        diagnostics.push(intake::manifest::not_listed(manifest, &file.name));
        return Ok(Terms { connection, ..Terms::default() });
    };
    let (sums, unknown) = said.sums_of(file);
    if let Some(column) = unknown.first() {
        let message = format!(
            "`{}` states a sum of `{column}` of `{}`, which feeds no fact",
            manifest.name, said.name
        );
        let hint = "Name a money column of the file as it stands in its header.";
        return Err(Failure::new(Kind::Usage, "manifest.column", message).hint(hint));
    }
    let expected = Expected { rows: said.rows, sums, ids: said.ids_of(file) };
    Ok(Terms { connection, complete: said.complete, in_set: true, expected })
}

/// Loads files that are named already in one commit, or keeps them where a guard holds them.
pub(crate) fn load_batch(
    project: &Project,
    settings: &Settings,
    batch: Batch,
    how: &How,
    output: &Output,
) -> Result<Done, Failure> {
    let Batch { planned, missing, message, mut diagnostics } = batch;
    let (planned, left_out): (Vec<_>, Vec<_>) =
        planned.into_iter().partition(|(file, _)| !matches!(file.shape(), Shape::Skip(_)));
    for (file, _) in &left_out {
        if let Shape::Skip(why) = file.shape() {
            let message = format!("left out: {why} (recognized as: {})", file.about);
            let place = domain::Place::file(Arc::clone(&file.name));
            diagnostics.push(Diagnostic::warning("load.left-out", message).at(place));
        }
    }
    if planned.is_empty() {
        let kind = Kind::Input;
        if diagnostics.is_empty() {
            let message = format!("{message} holds no file that is recognized");
            return Err(Failure::new(kind, "load.nothing", message)
                .hint("Name a folder with CSV, XLSX, NDJSON or Parquet files."));
        }
        return Err(Failure { kind, diagnostics });
    }
    let (planned, terms): (Vec<Planned>, Vec<Terms>) = planned.into_iter().unzip();
    let (lookups, remarks) = Lookups::gather(&planned, settings);
    diagnostics.extend(remarks);
    let scratch = Scratch::of(project, how.dry_run);
    let lake = open_or_create(scratch.0.clone().map_or_else(|| project.lake(), Place::from))?;
    let settings = &Settings { person_key: *lake.person_key(), ..settings.clone() };
    let files = planned.iter().zip(terms).map(|(file, terms)| source_file(file, terms));
    let request = LoadRequest {
        author: author(how.by.as_deref()),
        message: Some(message),
        missing,
        allow: how.allow.clone(),
        accepts: how.accepts.clone(),
        ..LoadRequest::new(
            // Taken as late as this, so that a load that began later and ended sooner is no
            // obstacle.
            match how.recorded_at {
                Some(at) => at,
                None => lake.now()?,
            },
            files.collect::<Result<_, Failure>>()?,
        )
    };
    let begun = if how.dry_run { lake.rehearse(request) } else { lake.begin(request) };
    let mut loading = begun.map_err(|error| match (&error, how.recorded_at) {
        (LakeError::Backdated { newest, .. }, Some(_)) => Failure::usage(
            format!("something newer is loaded already, recorded at {newest}"),
            "Extracts of the past are loaded oldest first: load them in order into a new folder.",
        ),
        _ => Failure::from(error),
    })?;
    let mut progress = Progress::new(output);
    let to_read: Vec<bool> = loading.files().iter().map(|file| file.status.is_read()).collect();
    let read = || planned.iter().zip(&to_read).enumerate().filter(|(_, (_, read))| **read);
    let total: u64 = read().map(|(_, (file, _))| file.bytes).sum();
    let (mut n_rows, mut bytes) = (0_u64, 0_u64);
    for (at, (file, _)) in read() {
        let mut failed = None;
        let read = file.read(settings, &lookups, &mut |row| {
            n_rows += 1;
            if n_rows.is_multiple_of(5000) {
                let line = match &row {
                    SourceRow::Accepted { place, .. } => place.line,
                    SourceRow::Refused(refusal) => refusal.place.line,
                };
                progress.reading(&file.name, n_rows, bytes + read_of(file, line), total);
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
        bytes += file.bytes;
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
    let mut held = None;
    let mut report = if how.dry_run {
        loading.report()?
    } else {
        let prepared = loading.prepare()?;
        if prepared.report().holds.is_empty() {
            prepared.commit()?
        } else {
            let sources: Vec<PathBuf> = planned.iter().map(|file| file.path.clone()).collect();
            held = Some(prepared.hold(&project.held(), &sources)?);
            prepared.report().clone()
        }
    };
    if !how.dry_run {
        lake.sweep_held(&project.held())?;
    }
    diagnostics.append(&mut report.remarks);
    diagnostics.extend(report.holds.iter().map(Hold::diagnostic));
    let about = planned.into_iter().map(|file| file.about).collect();
    Ok(Done { report, held, about, diagnostics, dry_run: how.dry_run })
}

/// Says how many bytes of a file lie before a line, about.
fn read_of(file: &Planned, line: u64) -> u64 {
    let lines = file.lines.unwrap_or(0).max(1);
    let part = u128::from(file.bytes) * u128::from(line.min(lines)) / u128::from(lines);
    if file.lines.is_some() { u64::try_from(part).unwrap_or(file.bytes) } else { 0 }
}

pub(crate) fn source_file(file: &Planned, terms: Terms) -> Result<SourceFile, Failure> {
    let hash = blake3::Hash::from_hex(&file.content_hash).map_err(Failure::bug)?;
    let feeds = |column: &Arc<str>| {
        let matched = file.matched.iter().find(|matched| matched.column == *column);
        matched.map(|matched| matched.to.clone())
    };
    let columns = file
        .header
        .iter()
        .map(|column| SourceColumn { name: column.to_string(), feeds: feeds(column) });
    Ok(SourceFile {
        connection: terms.connection,
        complete: terms.complete,
        in_set: terms.in_set,
        expected: terms.expected,
        tables: file.tables.clone(),
        columns: columns.collect(),
        ..SourceFile::new(Arc::clone(&file.name), *hash.as_bytes(), file.preset.clone())
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
pub(crate) fn open_or_create(place: Place) -> Result<Lake, Failure> {
    if Lake::is_at(place.clone()) { Ok(Lake::open(place)?) } else { Ok(Lake::create(place)?) }
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

/// From so many files on, those that are loaded already are counted and not listed.
const MANY_FILES: usize = 5;

/// An instant for people: to the minute, in UTC.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

impl Done {
    /// Shows what became of the load.
    pub(crate) fn report(&self, dry_run: bool, output: &Output) -> Outcome {
        let report = &self.report;
        let mut diagnostics = self.diagnostics.clone();
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
                let held = self.held.as_ref().map(|held| held.name());
                data.insert("held".to_owned(), json!(held));
            }
            output.data(data, &diagnostics);
        } else {
            output.diagnostics(&diagnostics);
            output.result(&self.text(output.style().full));
        }
        Ok(if refused { EXIT_FOUND } else { EXIT_OK })
    }

    /// The summary for people: what each file was recognized as, and what became of its rows.
    /// Many files that are loaded already are counted, unless all are wanted.
    fn text(&self, full: bool) -> String {
        let report = &self.report;
        let mut text = String::new();
        let mut before: BTreeMap<(i64, Timestamp), usize> = BTreeMap::new();
        for file in &report.files {
            if let FileStatus::LoadedBefore { load_id, recorded_at } = &file.status {
                *before.entry((*load_id, *recorded_at)).or_default() += 1;
            }
        }
        let n_before: usize = before.values().sum();
        let counted = !full && n_before > MANY_FILES;
        for (file, about) in report.files.iter().zip(&self.about) {
            if counted && matches!(file.status, FileStatus::LoadedBefore { .. }) {
                continue;
            }
            let rows = file.rows;
            let counts = format!(
                "read {} = loaded {} + known {} + quarantined {}",
                rows.read, rows.loaded, rows.known, rows.quarantined
            );
            let outcome = match &file.status {
                FileStatus::New => counts,
                FileStatus::Again { load_id, .. } => {
                    format!("{counts}; read again after load {load_id}")
                }
                FileStatus::LoadedBefore { load_id, recorded_at } => {
                    format!("already loaded as load {load_id} on {}", minute(*recorded_at))
                }
                FileStatus::SameAs { .. } => {
                    "the same content as another file of this load".to_owned()
                }
            };
            text.push_str(&format!("{}\n  {about}; {outcome}\n", file.name));
        }
        if counted {
            let loads: Vec<String> = before
                .iter()
                .map(|((load, at), n)| format!("{n} as load {load} on {}", minute(*at)))
                .collect();
            text.push_str(&format!(
                "{n_before} files are already loaded ({}); --full names them\n",
                loads.join(", ")
            ));
        }
        if !report.tables.is_empty() {
            text.push('\n');
        }
        let mut tables: Vec<_> = report.tables.iter().collect();
        tables.sort_by_key(|table| table.table);
        for table in tables {
            text.push_str(&format!(
                "  {:<20} {:>9} new {:>9} changed {:>9} unchanged",
                table.table, table.new, table.changed, table.unchanged
            ));
            if table.withdrawn > 0 {
                text.push_str(&format!(" {:>9} withdrawn", table.withdrawn));
            }
            if table.inferred > 0 {
                text.push_str(&format!(" ({} not in the complete extract)", table.inferred));
            }
            text.push('\n');
        }
        let rows = report.rows;
        let ending = match (self.dry_run, &self.held, report.load_id) {
            (true, _, _) if report.holds.is_empty() => "nothing was written (dry run)".to_owned(),
            (true, _, _) => "the load would be held; nothing was written (dry run)".to_owned(),
            (false, Some(held), _) => format!("held as {}, nothing was published", held.name()),
            (false, None, Some(load)) => format!("load {load}"),
            (false, None, None) => "nothing is new: nothing was written".to_owned(),
        };
        text.push_str(&format!(
            "\n{ending}: read {} = loaded {} + known {} + quarantined {}\n",
            rows.read, rows.loaded, rows.known, rows.quarantined
        ));
        if let Some(held) = &self.held {
            let name = held.name();
            text.push_str(&format!(
                "What was loaded before stays in service. Let it through with `throughline accept \
                 {name}`, or throw it away with `throughline loads --drop {name}`.\n"
            ));
        } else if rows.quarantined > 0 && !self.dry_run {
            text.push_str("See why with `throughline quarantine`.\n");
        }
        text
    }
}
