//! `throughline load --singer`: the messages of a Singer tap in, facts kept, states out.
//!
//! Records are staged, loaded at a STATE, and the STATE goes to standard output only when the load
//! that holds everything before it is on disk. Nothing else goes to standard output. The program
//! answers to the name `target-throughline` too, for runners that know no other command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use access::{Action, Event};
use clap::{Parser, ValueEnum};
use domain::fact::{Fact, FactTable, SourceRow};
use domain::{Cell, Diagnostic};
use intake::preset::Shape;
use intake::singer::{Delivery, Heard, Kept, KeptFile, Options, Staged, Taken, Trouble};
use intake::{Lookups, Planned, Settings, survey_as};
use jiff::Timestamp;
use lake::{Hold, Lake, LakeError, LoadReport, LoadRequest};
use project::Project;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Common;
use super::load::{Terms, author, open_or_create, settings, source_file};
use super::user::note;
use crate::error::{EXIT_OK, EXIT_USAGE, Failure, Kind, Outcome, exit_code};
use crate::output::Output;

/// The options of `load` that are about taps.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Take the messages of a Singer tap: from standard input, or from the tap that is named after
    /// `--`, whose exit code is then known too. Each STATE is written to standard output once the
    /// records before it are on disk
    #[arg(long, conflicts_with_all = ["explain", "dry_run", "known_on", "strict"])]
    singer: bool,
    /// Read kept records of streams that nothing could read when they came, through the mappings
    /// that there are now
    #[arg(long, conflicts_with_all = ["explain", "dry_run", "known_on", "strict", "singer"])]
    unmapped: bool,
    /// With --singer: the folder that files of BATCH messages must lie in (default: the current
    /// one)
    #[arg(long, value_name = "FOLDER", requires = "singer")]
    batch_folder: Option<PathBuf>,
    /// With --singer: records after which the next STATE is a moment to load
    #[arg(long, value_name = "N", default_value_t = BATCH_ROWS)]
    batch_rows: u64,
}

impl Args {
    /// True where a tap or what one left is to be loaded.
    pub(crate) fn asked(&self) -> bool {
        self.singer || self.unmapped
    }

    /// Loads it; `tap` is the command of a tap, empty where its messages come by standard input.
    pub(crate) fn run(
        &self,
        connection: Option<&str>,
        tap: &[PathBuf],
        common: &Common,
        output: &Output,
    ) -> Outcome {
        if self.unmapped {
            let project = Project::find(common.dir.as_deref())?;
            let settings = settings(&project, &*project.definitions()?, false)?;
            return unmapped(&project, &settings, output);
        }
        let run = Run {
            connection: connection.unwrap_or(CONNECTION).to_owned(),
            batch_folder: self.batch_folder.clone(),
            batch_rows: self.batch_rows,
            tap: tap.iter().map(|word| word.clone().into_os_string()).collect(),
        };
        self::run(&run, common, output)
    }
}

/// How a run of a tap is taken.
#[derive(Clone, Debug)]
struct Run {
    /// What the streams belong to.
    connection: String,
    /// The folder that files of BATCH messages must lie in; the current one where none is named.
    batch_folder: Option<PathBuf>,
    /// Records after which the next STATE is a moment to load.
    batch_rows: u64,
    /// The tap and its arguments; empty where it writes to our standard input.
    tap: Vec<OsString>,
}

/// What streams belong to where nothing is said.
const CONNECTION: &str = "singer";
/// Records between two loads, unless told otherwise.
const BATCH_ROWS: u64 = 100_000;
/// Time between two loads of a slow tap.
const BATCH_TIME: Duration = Duration::from_mins(5);
/// How long a load waits for another writer.
const PATIENCE: Duration = Duration::from_mins(2);
/// Last lines of a tap's log that a failure shows.
const LOG_LINES: usize = 12;

/// Takes the messages of a tap.
fn run(run: &Run, common: &Common, output: &Output) -> Outcome {
    if output.json() {
        return Err(Failure::usage(
            "--json and --singer cannot both write to standard output",
            "Leave out --json: standard output carries the states of the tap.",
        ));
    }
    if run.connection.is_empty() || run.connection.contains(['/', ':']) {
        return Err(Failure::usage(
            format!("`{}` cannot name a connection", run.connection),
            "Write a name without `/` and `:`, such as `hubspot`.",
        ));
    }
    let project = Project::find(common.dir.as_deref())?;
    let definitions = project.definitions()?;
    let key = *open_or_create(project.lake())?.person_key();
    let settings = Settings { person_key: key, ..settings(&project, &definitions, false)? };
    let staging = Staging::begin(&project)?;
    let notes = notes(&project)?;
    let keys = notes.iter().filter_map(|(name, note)| Some((name.clone(), note.keys.clone()?)));
    let batch_folder = run.batch_folder.clone().map_or_else(std::env::current_dir, Ok);
    let options = Options {
        folder: staging.folder.clone(),
        connection: run.connection.clone(),
        batch_folder: batch_folder.map_err(|error| Failure::world(&error))?,
        known_keys: keys.collect(),
    };
    let mut session = Session {
        project: &project,
        settings: &settings,
        output,
        connection: &run.connection,
        delivery: Delivery::new(options, &settings),
        diagnostics: Vec::new(),
        since: Instant::now(),
        totals: Totals::default(),
        notes,
        staging: staging.folder.clone(),
        lookups: Vec::new(),
        recalled: false,
    };
    let heard = if run.tap.is_empty() {
        let mut input = std::io::stdin().lock();
        session.listen(&mut input, run.batch_rows, &settings)
    } else {
        session.tap(run)
    };
    session.finish(heard)
}

/// Reads what earlier runs have left.
fn notes(project: &Project) -> Result<BTreeMap<String, Note>, Failure> {
    let notes = match Lake::open(project.lake()) {
        Err(LakeError::Missing { .. }) => return Ok(BTreeMap::new()),
        opened => opened?.remembered()?,
    };
    let read = |(name, text): (String, String)| {
        Ok((name, serde_json::from_str(&text).map_err(Failure::bug)?))
    };
    notes.into_iter().map(read).collect()
}

/// Loads kept records of streams that can be read by now, and keeps them no longer. A record that
/// is refused stays kept.
fn unmapped(project: &Project, settings: &Settings, output: &Output) -> Outcome {
    let Some(table) = FactTable::named(KEPT) else { return Err(Failure::bug("no kept records")) };
    let staging = Staging::begin(project)?;
    let (mut planned, mut lookups, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for file in stage_kept(project, &staging.folder, &|_| true)? {
        // A stream that still nothing reads is no fault.
        let (plans, _) = survey_as(&[(file.path, Arc::clone(&file.name))], settings);
        for plan in plans.into_iter().filter(|plan| !matches!(plan.shape(), Shape::Skip(_))) {
            if is_lookup(&plan) {
                lookups.push(plan);
                continue;
            }
            let connection = Some(origin(&plan.name));
            planned.push((plan, Terms { connection, ..Terms::default() }));
            keys.push((Arc::clone(&file.name), file.keys.clone()));
        }
    }
    if planned.is_empty() {
        output.result("no kept record can be read by a preset or a mapping\n");
        return Ok(EXIT_OK);
    }
    let take = |at: usize, row: SourceRow| match row {
        SourceRow::Accepted { place, mut facts } => {
            let line = usize::try_from(place.line).ok().and_then(|line| line.checked_sub(1));
            let key = keys.get(at).and_then(|(name, keys)| Some((name, keys.get(line?)?)));
            if let Some((name, key)) = key {
                let mut cells = vec![Cell::Null; table.columns.len()];
                for (cell, text) in cells.iter_mut().zip([name, key]) {
                    *cell = Cell::Text(Arc::clone(text));
                }
                let place = place.clone();
                facts.push(Fact { table, cells, carried: 3, place, version: None, deleted: true });
            }
            SourceRow::Accepted { place, facts }
        }
        refused @ SourceRow::Refused(_) => refused,
    };
    let (report, diagnostics) =
        commit(project, settings, &planned, &lookups, "kept records", &take)?;
    output.diagnostics(&diagnostics);
    for file in &report.files {
        let rows = file.rows;
        output.result(&format!(
            "{}\n  {}; read {} = loaded {} + known {} + quarantined {}",
            file.name, file.preset, rows.read, rows.loaded, rows.known, rows.quarantined
        ));
    }
    Ok(EXIT_OK)
}

/// Stages the kept records of some streams.
fn stage_kept(
    project: &Project,
    folder: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<KeptFile>, Failure> {
    let lake = match Lake::open(project.lake()) {
        Err(LakeError::Missing { .. }) => return Ok(Vec::new()),
        opened => opened?,
    };
    let Some(snapshot) = lake.newest()? else { return Ok(Vec::new()) };
    let mut kept = Kept::new(folder.to_path_buf());
    let mut trouble = None;
    for writing in [false, true] {
        lake.scan_texts(snapshot, KEPT, &["stream", "key", "content"], &mut |row| {
            match row {
                [stream, _, _] if !wanted(stream) => {}
                [stream, _, content] if !writing => kept.look(stream, content),
                [stream, key, content] if trouble.is_none() => {
                    trouble = kept.write(stream, key, content).err();
                }
                _ => {}
            }
            Ok(())
        })?;
    }
    match trouble {
        Some(trouble) => Err(failure(trouble)),
        None => kept.take().map_err(failure),
    }
}

/// Returns the name under which the records of a stream belong together, apart from those of any
/// other stream: what a complete version of it leaves out is gone.
fn origin(name: &str) -> String {
    let hash = blake3::hash(name.as_bytes()).to_hex();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let plain = |c: char| if c == '/' { '.' } else { c };
    let text: String = name.chars().map(plain).map(|c| if fits(c) { c } else { '_' }).collect();
    if text == name.replacen('/', ".", 1) && text.len() <= 64 {
        return text;
    }
    let short: String = text.chars().take(48).collect();
    format!("{short}-{}", hash.get(..8).unwrap_or(&hash))
}

fn is_lookup(plan: &Planned) -> bool {
    matches!(plan.shape(), Shape::Lookup(_))
}

/// Loads staged files in one commit, each row through `each`, and writes the audit row.
fn commit(
    project: &Project,
    settings: &Settings,
    batch: &[(Planned, Terms)],
    lookups: &[Planned],
    message: &str,
    each: &dyn Fn(usize, SourceRow) -> SourceRow,
) -> Result<(LoadReport, Vec<Diagnostic>), Failure> {
    let lake = open_or_create(project.lake())?;
    let settings = &Settings { person_key: *lake.person_key(), ..settings.clone() };
    let planned: Vec<Planned> = batch.iter().map(|(file, _)| file.clone()).collect();
    let all: Vec<Planned> = lookups.iter().chain(&planned).cloned().collect();
    let (lookups, mut diagnostics) = Lookups::gather(&all, settings);
    let files = batch.iter().map(|(file, terms)| source_file(file, terms.clone()));
    let mut loading = lake.begin(LoadRequest {
        author: author(None),
        message: Some(message.to_owned()),
        ..LoadRequest::new(Timestamp::now(), files.collect::<Result<_, Failure>>()?)
    })?;

    for (at, file) in planned.iter().enumerate() {
        let mut failed = None;
        let read =
            file.read(settings, &lookups, &mut |row| match loading.push(at, each(at, row)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
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
                diagnostics.push(*rejected.0);
                return Err(Failure { kind: Kind::Input, diagnostics });
            }
        }
    }
    let prepared = loading.prepare()?;
    if !prepared.report().holds.is_empty() {
        let sources: Vec<PathBuf> = planned.iter().map(|file| file.path.clone()).collect();
        let held = prepared.hold(&project.held(), &sources)?.name();
        note(project, &Event::ended(Action::Load, format!("held load {held}"), "held"))?;
        diagnostics.extend(prepared.report().holds.iter().map(Hold::diagnostic));
        let hint =
            format!("Look at it with `throughline loads`, then `throughline accept {held}`.");
        let message = format!("held as {held}: nothing was published, and no state was written");
        diagnostics.push(Diagnostic::error("load.held", message).hint(hint));
        return Err(Failure { kind: Kind::Found, diagnostics });
    }
    let mut report = prepared.commit()?;
    diagnostics.append(&mut report.remarks);
    if let Some(id) = report.load_id {
        let (read, loaded, quarantined) =
            (report.rows.read, report.rows.loaded, report.rows.quarantined);
        let outcome = format!("done read={read} loaded={loaded} quarantined={quarantined}");
        note(project, &Event::ended(Action::Load, format!("load {id}"), outcome))?;
    }
    Ok((report, diagnostics))
}

/// The table of records that nothing reads.
const KEPT: &str = "unmapped_record";

/// How the messages ended.
enum End {
    /// The tap is known to have ended well, or ended with a STATE, or keeps no state at all.
    Whole,
    /// The tap ended while records were open: why, and what is to be done.
    Broken(Failure),
}

/// One run, from the first message to the last state.
struct Session<'a> {
    project: &'a Project,
    settings: &'a Settings,
    output: &'a Output,
    connection: &'a str,
    delivery: Delivery<'a>,
    diagnostics: Vec<Diagnostic>,
    since: Instant,
    totals: Totals,
    notes: BTreeMap<String, Note>,
    staging: PathBuf,
    /// What helps to read other streams: of this run, and of earlier ones once they are recalled.
    lookups: Vec<Planned>,
    recalled: bool,
}

/// What a run must know of a stream from earlier ones.
#[derive(Clone, Default, Deserialize, Serialize, Debug)]
struct Note {
    /// Its key properties.
    keys: Option<Vec<String>>,
    /// The table version that was activated last.
    version: Option<i64>,
    /// A version of which records are stored and that was not activated.
    open: Option<i64>,
    /// True where it helps to read other streams, also in later runs.
    #[serde(default)]
    lookup: bool,
}

#[derive(Default)]
struct Totals {
    loads: u64,
    read: u64,
    loaded: u64,
    known: u64,
    quarantined: u64,
    states: u64,
}

impl Session<'_> {
    /// Reads messages to their end; loads at states.
    fn listen(
        &mut self,
        input: &mut dyn BufRead,
        batch_rows: u64,
        settings: &Settings,
    ) -> Result<End, Failure> {
        let most = settings.limits.line_bytes;
        let mut text = Vec::new();
        let mut stated = false;
        loop {
            text.clear();
            let read = input
                .take(most as u64 + 1)
                .read_until(b'\n', &mut text)
                .map_err(|error| Failure::world(&error))?;
            if read == 0 {
                break;
            }
            let ended = text.last() == Some(&b'\n');
            if text.len() > most && !ended {
                let line = self.delivery.lines() + 1;
                return Ok(End::Broken(self.broken(
                    "singer.line-limit",
                    format!("line {line} is longer than the limit of {most} bytes"),
                    "Select fewer properties in the catalog of the tap.",
                )));
            }
            match self.delivery.line(&text) {
                Ok(Heard::State) => {
                    stated = true;
                    let due = self.delivery.n_records() >= batch_rows
                        || self.since.elapsed() >= BATCH_TIME;
                    if due && !self.delivery.indivisible() {
                        self.load(false)?;
                    }
                }
                Ok(Heard::Other) => {}
                Err(Trouble::Rejected(_)) if !ended => {
                    return Ok(End::Broken(self.broken(
                        "singer.cut",
                        format!("line {} ends in the middle of a message", self.delivery.lines()),
                        RUN_AGAIN,
                    )));
                }
                Err(Trouble::Rejected(rejected)) => {
                    let diagnostics = vec![*rejected.0];
                    return Ok(End::Broken(Failure { kind: Kind::Input, diagnostics }));
                }
                Err(trouble) => return Err(failure(trouble)),
            }
        }
        let open = self.delivery.n_open();
        if stated && open > 0 {
            return Ok(End::Broken(self.broken(
                "singer.cut",
                format!("the tap ended {open} records after its last STATE"),
                RUN_AGAIN,
            )));
        }
        Ok(End::Whole)
    }

    fn broken(&self, code: &'static str, message: String, hint: &str) -> Failure {
        Failure {
            kind: Kind::Input,
            diagnostics: vec![
                Diagnostic::error(code, message)
                    .at(domain::Place::file(format!("output of {}", self.connection)))
                    .hint(hint),
            ],
        }
    }

    /// Runs the tap and hears how it ends.
    fn tap(&mut self, run: &Run) -> Result<End, Failure> {
        let mut tap = Tap::start(&run.tap)?;
        let Some(output) = tap.child.stdout.take() else {
            return Err(Failure::bug("a child without standard output"));
        };
        let mut input = BufReader::with_capacity(128 * 1024, output);
        let heard = self.listen(&mut input, run.batch_rows, self.settings);
        // A tap that still writes ends by the closed pipe.
        drop(input);
        let (status, log) = tap.wait()?;
        let end = heard?;
        if status.success() {
            // Only that it ended well makes records whole that no STATE closes.
            return Ok(match end {
                End::Broken(failure)
                    if failure.diagnostics.iter().all(|d| d.code == "singer.cut")
                        && self.delivery.n_open() > 0 =>
                {
                    End::Whole
                }
                end => end,
            });
        }
        let name = run.tap.first().map(|name| name.to_string_lossy().into_owned());
        let mut failure = self.broken(
            "singer.tap-failed",
            format!("{} failed ({status}); its last words:\n{}", name.unwrap_or_default(), log),
            RUN_AGAIN,
        );
        if let End::Broken(first) = end
            && first.diagnostics.iter().all(|d| d.code != "singer.cut")
        {
            failure.diagnostics.extend(first.diagnostics);
        }
        Ok(End::Broken(failure))
    }

    /// Loads what is whole, says what was done, and fails where the run did.
    fn finish(mut self, heard: Result<End, Failure>) -> Outcome {
        let end = heard?;
        let broken = match end {
            End::Whole => {
                self.load(true)?;
                None
            }
            End::Broken(failure) => {
                if self.delivery.indivisible() {
                    // A part says something else than the whole: the tap sends all of it again.
                    let dropped = self.delivery.take(false).map_err(self::failure)?;
                    self.output.remark(&format!(
                        "{} records of a run that did not end are not loaded",
                        dropped.n_records
                    ));
                } else {
                    self.delivery.cut().map_err(self::failure)?;
                    self.load(false)?;
                }
                Some(failure)
            }
        };
        let remarks = self.delivery.remarks();
        self.diagnostics.extend(remarks);
        self.output.diagnostics(&self.diagnostics);
        let Totals { loads, read, loaded, known, quarantined, states } = self.totals;
        self.output.remark(&format!(
            "loads: {loads}; read {read} = loaded {loaded} + known {known} + quarantined \
             {quarantined}; states written: {states}"
        ));
        match broken {
            Some(failure) => Err(failure),
            None => Ok(EXIT_OK),
        }
    }

    /// Loads what was staged in one commit, then writes the state.
    fn load(&mut self, whole: bool) -> Result<(), Failure> {
        let Taken { files, state, n_records: _ } = self.delivery.take(whole).map_err(failure)?;
        self.since = Instant::now();
        if !files.is_empty() {
            self.recall()?;
            let named: Vec<(PathBuf, Arc<str>)> =
                files.iter().map(|file| (file.path.clone(), Arc::clone(&file.name))).collect();
            let (planned, faults) = survey_as(&named, self.settings);
            if !faults.is_empty() {
                return Err(Failure { kind: Kind::Input, diagnostics: faults });
            }
            let mut batch = Vec::new();
            for (file, plan) in files.iter().zip(planned) {
                if file.lookup {
                    self.lookups.push(plan);
                } else {
                    let note = self.notes.get(&*file.name);
                    let version = note.and_then(|note| note.version);
                    let open = note.and_then(|note| note.open);
                    // Records of a version that came over several runs are not all here, and
                    // before the first version nobody knows what is older.
                    let complete = file.activated.is_some()
                        && version.is_some()
                        && version != file.activated
                        && open != file.activated;
                    let connection = Some(origin(&plan.name));
                    batch.push((plan, Terms { connection, complete, ..Terms::default() }));
                }
            }
            let same = |_: usize, row: SourceRow| row;
            let report = patiently(|| {
                let message = format!("singer {}", self.connection);
                commit(self.project, self.settings, &batch, &self.lookups, &message, &same)
            })?;
            let (report, diagnostics) = report;
            self.totals.loads += u64::from(report.load_id.is_some());
            self.totals.read += report.rows.read;
            self.totals.loaded += report.rows.loaded;
            self.totals.known += report.rows.known;
            self.totals.quarantined += report.rows.quarantined;
            self.diagnostics.extend(diagnostics);
            self.remember(&files)?;
            for file in files.iter().filter(|file| !file.lookup) {
                // What is left is swept at the next start.
                let _removed: std::io::Result<()> = std::fs::remove_file(&file.path);
            }
        }
        if let Some(state) = state {
            self.totals.states += 1;
            self.output.result(&state);
        }
        Ok(())
    }

    /// Brings back what earlier runs of the connection have said of users, stages and the like, so
    /// that a run that leaves them out reads its records in the same way.
    fn recall(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.recalled, true) {
            return Ok(());
        }
        let prefix = format!("{}/", self.connection);
        let mut of = self.notes.iter().filter(|(_, note)| note.lookup);
        if of.all(|(name, _)| !name.starts_with(&prefix)) {
            return Ok(());
        }
        let folder = self.staging.join("recalled");
        std::fs::create_dir_all(&folder).map_err(|error| Failure::world(&error))?;
        let lookup = |stream: &str| {
            stream.starts_with(&prefix) && self.notes.get(stream).is_some_and(|note| note.lookup)
        };
        for file in stage_kept(self.project, &folder, &lookup)? {
            let (plans, _) = survey_as(&[(file.path, file.name)], self.settings);
            self.lookups.extend(plans.into_iter().filter(is_lookup));
        }
        Ok(())
    }

    /// Writes down what the next run must know of the streams.
    fn remember(&mut self, files: &[Staged]) -> Result<(), Failure> {
        for file in files {
            let note = self.notes.entry(file.name.to_string()).or_default();
            note.lookup |= file.lookup;
            match file.version {
                _ if file.activated.is_some() => {
                    note.version = file.activated;
                    note.open = None;
                }
                Some(version) if note.version != Some(version) => note.open = Some(version),
                _ => {}
            }
        }
        let loaded = |name: &str| files.iter().any(|file| &*file.name == name);
        for (name, keys) in self.delivery.keys().filter(|(name, _)| loaded(name)) {
            self.notes.entry(name.to_string()).or_default().keys = Some(keys.to_vec());
        }
        let text = |note: &Note| serde_json::to_string(note).map_err(Failure::bug);
        let notes = self.notes.iter().filter(|(name, _)| loaded(name));
        let notes = notes.map(|(name, note)| Ok((name.clone(), text(note)?)));
        let notes = notes.collect::<Result<_, Failure>>()?;
        patiently(|| Ok(Lake::open(self.project.lake())?.remember(&notes)?))
    }
}

/// Tries again while somebody else writes: a tap that has read for an hour does not give up for
/// a load of a minute.
fn patiently<T>(load: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
    let start = Instant::now();
    loop {
        match load() {
            Err(failure)
                if failure.diagnostics.iter().any(|d| d.code == "lake.locked")
                    && start.elapsed() < PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(250));
            }
            done => return done,
        }
    }
}

/// What to do after a run that did not end.
const RUN_AGAIN: &str = "What came before the last STATE is loaded. Run the tap again with the last \
                         state; a tap that never sends a closing STATE is run as `throughline load \
                         --singer -- TAP …`, so that its exit code says whether it ended well.";

fn failure(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Rejected(rejected) => {
            Failure { kind: Kind::Input, diagnostics: vec![*rejected.0] }
        }
        Trouble::Disk { path, source } => Failure::new(
            Kind::World,
            "singer.staging",
            format!("cannot write `{}`: {source}", path.display()),
        )
        .hint("Check free space and rights; nothing was loaded, and no state was written."),
    }
}

/// A running tap whose log goes to standard error, with its last lines kept.
struct Tap {
    child: Child,
    log: JoinHandle<Vec<String>>,
}

impl Tap {
    fn start(command: &[OsString]) -> Result<Self, Failure> {
        let Some((program, args)) = command.split_first() else {
            return Err(Failure::bug("no tap"));
        };
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| {
            let name = program.to_string_lossy();
            Failure::usage(format!("`{name}` cannot be started: {error}"), "Install the tap first.")
        })?;
        let log = child.stderr.take();
        Ok(Self { child, log: std::thread::spawn(move || follow(log)) })
    }

    fn wait(mut self) -> Result<(std::process::ExitStatus, String), Failure> {
        let status = self.child.wait().map_err(|error| Failure::world(&error))?;
        Ok((status, self.log.join().unwrap_or_default().join("\n")))
    }
}

/// Passes a log on and keeps its end.
fn follow(log: Option<ChildStderr>) -> Vec<String> {
    let Some(log) = log else { return Vec::new() };
    let mut last: std::collections::VecDeque<String> = std::collections::VecDeque::new();
    let mut input = BufReader::new(log);
    let mut text = Vec::new();
    loop {
        text.clear();
        // A line without an end is cut here, not gathered.
        match input.by_ref().take(64 * 1024).read_until(b'\n', &mut text) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        // Nobody who reads the log is no reason to stop.
        let _passed: std::io::Result<()> = std::io::stderr().write_all(&text);
        if last.len() == LOG_LINES {
            last.pop_front();
        }
        let line: String = String::from_utf8_lossy(&text).trim_end().chars().take(300).collect();
        last.push_back(line);
    }
    last.into()
}

/// The folder of a run, gone with it; what a dead run left is swept by the next.
struct Staging {
    folder: PathBuf,
    // Held for its lock only.
    _lock: File,
}

impl Staging {
    fn begin(project: &Project) -> Result<Self, Failure> {
        let root = project.staging();
        let world = |path: &Path| {
            let path = path.display().to_string();
            move |error: std::io::Error| {
                Failure::new(Kind::World, "singer.staging", format!("cannot use `{path}`: {error}"))
            }
        };
        std::fs::create_dir_all(&root).map_err(world(&root))?;
        for entry in std::fs::read_dir(&root).map_err(world(&root))?.flatten() {
            let folder = entry.path();
            if !entry.file_name().to_string_lossy().starts_with("singer-") {
                continue;
            }
            let free = match File::open(folder.join("lock")) {
                Ok(lock) => lock.try_lock().is_ok(),
                // Its maker died before it had a lock, or has not made it yet.
                Err(_) => entry
                    .metadata()
                    .and_then(|meta| meta.modified())
                    .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > Duration::from_secs(60))),
            };
            if free {
                std::fs::remove_dir_all(&folder).map_err(world(&folder))?;
            }
        }
        let now = Timestamp::now().as_microsecond();
        let folder = root.join(format!("singer-{}-{now}", std::process::id()));
        std::fs::create_dir(&folder).map_err(world(&folder))?;
        let lock = File::create(folder.join("lock")).map_err(world(&folder))?;
        lock.lock().map_err(world(&folder))?;
        Ok(Self { folder, _lock: lock })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left is swept at the next start.
        let _removed: std::io::Result<()> = std::fs::remove_dir_all(&self.folder);
    }
}

/// Keeps what a Singer tap says in a Throughline folder
///
/// Reads the messages of a tap from standard input and writes each STATE to standard output once
/// the records before it are on disk.
#[derive(Parser, Debug)]
#[command(name = TARGET, version, disable_help_subcommand = true)]
struct Target {
    /// Settings as JSON: project, connection, batch_folder, batch_rows; of several files the last
    /// that says something counts
    #[arg(long, short, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Say what the target can do
    #[arg(long)]
    about: bool,
    /// How `--about` is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Format {
    Text,
    Json,
    Markdown,
}

/// The name under which the program is a Singer target.
const TARGET: &str = "target-throughline";

/// True where the program was called as a Singer target.
pub(crate) fn named(program: Option<&OsString>) -> bool {
    program.and_then(|name| Path::new(name).file_stem()).is_some_and(|name| name == TARGET)
}

/// Runs the command line of a Singer target.
pub(crate) fn target(args: &[OsString]) -> ExitCode {
    let target = match Target::try_parse_from(args) {
        Ok(target) => target,
        Err(error) => {
            let wanted = !error.use_stderr();
            // What cannot be shown has no reader.
            let _shown: std::io::Result<()> = error.print();
            return ExitCode::from(if wanted { EXIT_OK } else { EXIT_USAGE });
        }
    };
    let mut common = Common::default();
    let output = Output::new(&common);
    if target.about {
        output.result(&about(target.format));
        return ExitCode::from(EXIT_OK);
    }
    let outcome =
        configured(&target.config, &mut common).and_then(|run| self::run(&run, &common, &output));
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(exit_code(&failure))
        }
    }
}

/// The settings of the target: name, type and meaning.
const SETTINGS: &[(&str, &str, &str)] = &[
    ("project", "string", "The company's folder, with throughline.toml (default: the current one)"),
    ("connection", "string", "What the streams belong to (default: singer)"),
    ("batch_folder", "string", "The folder that files of BATCH messages must lie in"),
    ("batch_rows", "integer", "Records after which the next STATE is a moment to load"),
];

/// Reads the settings of a target.
fn configured(files: &[PathBuf], common: &mut Common) -> Result<Run, Failure> {
    let mut run = Run {
        connection: CONNECTION.to_owned(),
        batch_folder: None,
        batch_rows: BATCH_ROWS,
        tap: Vec::new(),
    };
    for file in files {
        let shown = file.display();
        let wrong = |what: String| {
            let known: Vec<&str> = SETTINGS.iter().map(|(name, ..)| *name).collect();
            Failure::usage(
                format!("{shown}: {what}"),
                format!("Write a JSON object with: {}.", known.join(", ")),
            )
        };
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let object = value.as_object().ok_or_else(|| wrong("no JSON object".to_owned()))?;
        for (name, value) in object {
            let text = || {
                let text = value.as_str().map(str::to_owned);
                text.ok_or_else(|| wrong(format!("`{name}` is no text")))
            };
            match name.as_str() {
                _ if value.is_null() => {}
                "project" => common.dir = Some(PathBuf::from(text()?)),
                "connection" => run.connection = text()?,
                "batch_folder" => run.batch_folder = Some(PathBuf::from(text()?)),
                "batch_rows" => {
                    run.batch_rows = value
                        .as_u64()
                        .ok_or_else(|| wrong("`batch_rows` is no whole number".to_owned()))?;
                }
                // What runners add for all targets has no meaning here.
                "stream_maps"
                | "stream_map_config"
                | "flattening_enabled"
                | "flattening_max_depth"
                | "add_record_metadata"
                | "load_method"
                | "batch_size_rows"
                | "validate_records"
                | "default_target_schema" => {}
                _ => return Err(wrong(format!("the setting `{name}` is not known"))),
            }
        }
    }
    Ok(run)
}

/// Says what the target can do.
fn about(format: Format) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let what = "Revenue marketing that everybody can believe: keeps what a Singer tap says";
    match format {
        Format::Json => {
            let properties: serde_json::Map<String, Value> = SETTINGS
                .iter()
                .map(|(name, kind, about)| {
                    ((*name).to_owned(), json!({ "type": [kind, "null"], "description": about }))
                })
                .collect();
            show::json::pretty(&json!({
                "name": TARGET,
                "description": what,
                "version": version,
                "capabilities": ["about", "target-schema", "activate-version", "batch"],
                "settings": { "type": "object", "properties": properties },
            }))
        }
        Format::Text | Format::Markdown => {
            let heading = if format == Format::Markdown { "# " } else { "" };
            let mut text = format!("{heading}{TARGET} {version}\n\n{what}.\n\nSettings:\n\n");
            for (name, kind, about) in SETTINGS {
                text.push_str(&format!("- {name} ({kind}): {about}\n"));
            }
            text
        }
    }
}
