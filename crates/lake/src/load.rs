//! A load: rows of source files become facts, as a whole or not at all.
//!
//! For each fact key the lake keeps one current version. A row that says what is stored already, in
//! no later version, writes nothing; of two versions the later wins, whatever the order in which
//! they were read; two contents of one version are a conflict, and both rows go to quarantine. For
//! each file and in total `loaded + known + quarantined = read`, or nothing is stored.
//!
//! Rows are written to disk as they come; in memory stay a hash of the key and a hash of the
//! content of each fact of the load, and they are compared with those that stand in the indexes of
//! keys beside the stored files. What has changed is written to new files and deleted, row by row,
//! from the old ones, so that a load costs what it changes.

pub mod guard;

mod kept;
mod refresh;
mod resolve;
mod retry;
mod staging;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use domain::fact::{Fact, FactTable, Refusal, SourceRow};
use domain::{Cell, Diagnostic};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::guard::{Expected, Guard, Hold};
use self::retry::Retrying;
pub use self::retry::{RETRY, RefusedKey, RefusedRow, Try};
use self::staging::{QuarantineWriter, SourceRows, Staging};
use crate::catalog::{self, Commit, SnapshotId, TableChange};
use crate::cells::{self, Misfit};
use crate::chain;
use crate::error::LakeError;
use crate::held;
use crate::key_index::{self, WrittenIndex};
use crate::lock::WriterLock;
use crate::parquet_file::{Scratch, WrittenDeletes, WrittenFile, flush_folder};
use crate::person::forgotten::Forgotten;
use crate::schema::{QUARANTINE, StoredTable};
use crate::sql::{Connection, params};
use crate::store::Lake;

/// Rules of refused rows that stand around the data and are no records.
const AROUND: [&str; 2] = ["totals-row", "footer"];

/// What is to be loaded, before its rows.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    /// When the load is recorded; never before the newest snapshot. Kept to the microsecond.
    pub recorded_at: Timestamp,
    /// Who loads.
    pub author: Option<String>,
    /// Why.
    pub message: Option<String>,
    /// The files; their order settles ties.
    pub files: Vec<SourceFile>,
    /// Files that belong to a set and are not there, each with its connection.
    pub missing: Vec<(String, String)>,
    /// The guards that let this load pass.
    pub allow: BTreeSet<Guard>,
    /// The held load that this one is, where a person let it through, and why.
    pub accepts: Option<(i64, Option<String>)>,
}

impl LoadRequest {
    /// Asks for files to be loaded, with nothing said of them.
    pub fn new(recorded_at: Timestamp, files: Vec<SourceFile>) -> Self {
        Self {
            recorded_at,
            author: None,
            message: None,
            files,
            missing: Vec::new(),
            allow: BTreeSet::new(),
            accepts: None,
        }
    }
}

/// A file that is to be loaded.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its name, as the user gave it.
    pub name: Arc<str>,
    /// BLAKE3 of its content.
    pub hash: [u8; 32],
    /// What reads it: the name of a preset, or name and hash of a mapping.
    pub preset: String,
    /// The connection that it comes from, such as `crm`; a name without `/`.
    pub connection: Option<String>,
    /// True where it holds, with the other complete files of its connection and preset, all records
    /// that there are: what it leaves out is gone.
    pub complete: bool,
    /// True where a manifest names it, so that it belongs to the set of its connection.
    pub in_set: bool,
    /// The fact tables that it feeds.
    pub tables: Vec<&'static str>,
    /// All its columns.
    pub columns: Vec<SourceColumn>,
    /// What the manifest says that it holds.
    pub expected: Expected,
}

/// Names the layout that a preset or mapping reads. A mapping is named with the hash of its text;
/// its versions read one layout.
fn layout_of(preset: &str) -> &str {
    preset.split('@').next().unwrap_or(preset)
}

/// A column of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceColumn {
    /// Its name.
    pub name: String,
    /// What it feeds, as `opportunity.amount`.
    pub feeds: Option<String>,
}

impl SourceFile {
    /// Names a file of which nothing else is said.
    pub fn new(name: impl Into<Arc<str>>, hash: [u8; 32], preset: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            hash,
            preset: preset.into(),
            connection: None,
            complete: false,
            in_set: false,
            tables: Vec::new(),
            columns: Vec::new(),
            expected: Expected::default(),
        }
    }

    /// Returns connection and layout; the connection is empty where there is none.
    fn source(&self) -> (&str, &str) {
        (self.connection.as_deref().unwrap_or_default(), layout_of(&self.preset))
    }

    /// Returns what its facts name as their origin: connection and layout.
    fn origin(&self) -> Option<String> {
        self.connection
            .as_ref()
            .map(|connection| format!("{connection}/{}", layout_of(&self.preset)))
    }
}

/// What a load did, or would do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LoadReport {
    /// Its number; none where nothing is new, and then nothing is stored.
    pub load_id: Option<i64>,
    /// The snapshot that it made; none before the commit and where nothing is new.
    pub snapshot: Option<SnapshotId>,
    /// When it is recorded.
    pub recorded_at: Timestamp,
    /// The rows of all files.
    pub rows: RowCounts,
    /// File by file, in the order of the request.
    pub files: Vec<FileReport>,
    /// The facts by table, in the order of the model; tables without facts are left out.
    pub tables: Vec<TableReport>,
    /// Why the load is held; empty where it is not.
    pub holds: Vec<Hold>,
    /// What guards found and let pass, as they were told to.
    pub passed: Vec<Hold>,
    /// What a reader should know.
    #[serde(skip)]
    pub remarks: Vec<Diagnostic>,
}

/// What became of one file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FileReport {
    /// Its name.
    pub name: Arc<str>,
    /// BLAKE3 of its content, in hexadecimal.
    pub hash: String,
    /// What read it.
    pub preset: String,
    /// The connection that it comes from.
    pub connection: Option<String>,
    /// True where what it leaves out is gone.
    pub complete: bool,
    /// Whether it was read at all.
    pub status: FileStatus,
    /// Its rows.
    pub rows: RowCounts,
    /// Control totals by name.
    pub totals: BTreeMap<String, String>,
}

/// Whether a file is new.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum FileStatus {
    /// It is new.
    New,
    /// Its content was loaded before; its rows are counted as known without a look.
    LoadedBefore {
        /// The load that stored it.
        load_id: i64,
        /// When that load was recorded.
        recorded_at: Timestamp,
    },
    /// Its content was loaded before and is read again: a complete extract after another one, or a
    /// load that lets pass what was refused.
    Again {
        /// The load that stored it first.
        load_id: i64,
        /// When that load was recorded.
        recorded_at: Timestamp,
    },
    /// It has the content of an earlier file of the same load; its rows are counted as known.
    SameAs {
        /// Number of that file, from 0.
        index: usize,
    },
}

impl FileStatus {
    /// True where its rows are to be read.
    pub fn is_read(&self) -> bool {
        matches!(self, Self::New | Self::Again { .. })
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::LoadedBefore { .. } => "loaded_before",
            Self::Again { .. } => "again",
            Self::SameAs { .. } => "same_as",
        }
    }
}

/// Rows of sources: `loaded + known + quarantined = read`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct RowCounts {
    /// Rows read.
    pub read: u64,
    /// Rows with at least one new or changed fact.
    pub loaded: u64,
    /// Rows all of whose facts are stored already, older than what is stored, or said again by a
    /// later row.
    pub known: u64,
    /// Rows refused.
    pub quarantined: u64,
}

/// What became of the facts of one table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: &'static str,
    /// Facts whose key was not stored.
    pub new: u64,
    /// Facts whose stored content changes, or at least its version.
    pub changed: u64,
    /// Of the new and changed ones, those that are withdrawn.
    pub withdrawn: u64,
    /// Of the withdrawn ones, those that a complete extract no longer has.
    pub inferred: u64,
    /// Of the changed ones, those whose version is the stored one: the source changed them and
    /// says that it did not.
    pub same_version: u64,
    /// Facts that are stored as they are.
    pub unchanged: u64,
    /// Facts that another row of the load repeats word for word.
    pub repeated: u64,
    /// Facts of which a later row of the load says something else.
    pub superseded: u64,
    /// Facts older than the stored version.
    pub older: u64,
    /// Facts of rows that were refused.
    pub refused: u64,
}

/// A load that takes rows. Dropped before the commit, it leaves nothing behind.
pub struct Loading<'a> {
    lake: &'a Lake,
    /// None where nothing is to be written.
    lock: Option<WriterLock>,
    /// The folder under which files are written.
    home: PathBuf,
    /// Removed at the end, where the files are written elsewhere than in the lake.
    rehearsal: Option<Rehearsal>,
    request: LoadRequest,
    load_id: i64,
    files: Vec<FileReport>,
    /// File by file, the rows with data that could not be read.
    unread: Vec<refresh::Unread>,
    /// File by file, the origin that its facts name.
    origins: Vec<Cell>,
    rows: SourceRows,
    /// Set where refused rows are tried again.
    retrying: Option<Retrying>,
    /// One for each table of the lake, made with the first fact.
    staged: Vec<Option<Staging>>,
    quarantine: QuarantineWriter,
    prefix: String,
    scratch: Scratch,
    forgotten: Option<Forgotten>,
}

/// A load whose files are on disk and whose report is known, but that no snapshot lists yet.
pub struct Prepared<'a> {
    lake: &'a Lake,
    // Held until the commit; a rehearsal has none.
    lock: Option<WriterLock>,
    request: LoadRequest,
    load_id: i64,
    changes: Vec<Change>,
    /// Refused rows of earlier loads that this one takes.
    resolved: Vec<RefusedKey>,
    report: LoadReport,
    scratch: Scratch,
}

/// What a load changes in one table.
struct Change {
    table: Arc<StoredTable>,
    replaced: Vec<i64>,
    written: Vec<WrittenFile>,
    deleted: Vec<WrittenDeletes>,
    /// Indexes of keys that were made anew, with the numbers of their files.
    indexes: Vec<(i64, WrittenIndex)>,
    /// Indexes that no snapshot needs any more.
    retired: Vec<PathBuf>,
}

impl Change {
    /// No change yet.
    fn of(table: Arc<StoredTable>) -> Self {
        Self {
            table,
            replaced: Vec::new(),
            written: Vec::new(),
            deleted: Vec::new(),
            indexes: Vec::new(),
            retired: Vec::new(),
        }
    }
}

impl Lake {
    /// Loads rows, each with the number of its file in the request, in one commit over all tables.
    /// Loading the same thing again changes nothing and makes no snapshot.
    pub fn load(
        &self,
        request: LoadRequest,
        rows: impl IntoIterator<Item = (usize, SourceRow)>,
    ) -> Result<LoadReport, LakeError> {
        let mut loading = self.begin(request)?;
        for (file, row) in rows {
            loading.push(file, row)?;
        }
        loading.prepare()?.commit()
    }

    /// Begins a load. Fails where another process writes, and where the load would be recorded
    /// before the newest snapshot.
    pub fn begin(&self, request: LoadRequest) -> Result<Loading<'_>, LakeError> {
        let lock = WriterLock::take(self.place())?;
        lock.sweep(self.dir(), &self.connection())?;
        self.loading(request, Some(lock), self.dir().to_owned(), None)
    }

    /// Begins a load that is to be looked at and not stored: nothing is written into the lake, and
    /// nobody is kept from writing. It ends with [`Loading::report`].
    pub fn rehearse(&self, request: LoadRequest) -> Result<Loading<'_>, LakeError> {
        let name = format!("throughline-{}", catalog::random_name()?);
        let rehearsal = Rehearsal(std::env::temp_dir().join(name));
        for table in self.tables() {
            let folder = rehearsal.0.join("main").join(table.name);
            std::fs::create_dir_all(&folder).map_err(LakeError::disk("cannot create", &folder))?;
        }
        self.loading(request, None, rehearsal.0.clone(), Some(rehearsal))
    }

    fn loading(
        &self,
        mut request: LoadRequest,
        lock: Option<WriterLock>,
        home: PathBuf,
        rehearsal: Option<Rehearsal>,
    ) -> Result<Loading<'_>, LakeError> {
        let micros = request.recorded_at.as_microsecond();
        request.recorded_at = Timestamp::from_microsecond(micros).unwrap_or(request.recorded_at);
        let (load_id, prefix, forgotten) = {
            let connection = self.connection();
            chain::check(self.dir(), &connection)?;
            let forgotten = Forgotten::read(&connection, self.person_key())?;
            let newest = catalog::head(&connection)?.recorded_at()?;
            if request.recorded_at < newest {
                return Err(LakeError::Backdated { asked: request.recorded_at, newest });
            }
            let sql = "SELECT coalesce(max(load_id), 0) + 1 FROM load_ledger";
            let load_id: i64 = connection.query_row(sql, [], |row| row.get(0))?;
            let prefix = format!("{load_id:06}-{}", catalog::random_name()?);
            (load_id, prefix, forgotten)
        };
        let mut files: Vec<FileReport> = Vec::with_capacity(request.files.len());
        for (at, file) in request.files.iter().enumerate() {
            let same = |other: &SourceFile| other.hash == file.hash && other.preset == file.preset;
            let before = self.loaded_before(&file.hash, &file.preset)?;
            let again = before.is_some() && self.must_read_again(&request, file)?;
            let twin = request.files.iter().take(at).position(same);
            let status = match (before, twin) {
                (Some((load_id, recorded_at)), _) if !again => {
                    FileStatus::LoadedBefore { load_id, recorded_at }
                }
                (_, Some(index)) => FileStatus::SameAs { index },
                (Some((load_id, recorded_at)), None) => FileStatus::Again { load_id, recorded_at },
                (None, None) => FileStatus::New,
            };
            files.push(FileReport {
                name: Arc::clone(&file.name),
                hash: hash_text(&file.hash),
                preset: file.preset.clone(),
                connection: file.connection.clone(),
                complete: file.complete,
                status,
                rows: RowCounts::default(),
                totals: BTreeMap::new(),
            });
        }
        let scratch = Scratch::default();
        let quarantine = QuarantineWriter::new(
            Arc::clone(self.table(QUARANTINE)?),
            home.join("main").join(QUARANTINE),
            format!("{prefix}-q"),
            scratch.clone(),
            load_id,
            request.recorded_at,
        );
        Ok(Loading {
            lake: self,
            lock,
            home,
            rehearsal,
            load_id,
            unread: request.files.iter().map(refresh::Unread::of).collect(),
            origins: request
                .files
                .iter()
                .map(|file| file.origin().map_or(Cell::Null, Cell::text))
                .collect(),
            files,
            rows: SourceRows::default(),
            retrying: None,
            staged: self.tables().iter().map(|_| None).collect(),
            quarantine,
            prefix,
            scratch,
            forgotten,
            request,
        })
    }

    /// True where a file that was loaded before has something to say again: a complete extract is
    /// not the last one of its source, or rows of it were refused that may pass now.
    fn must_read_again(&self, request: &LoadRequest, file: &SourceFile) -> Result<bool, LakeError> {
        let connection = self.connection();
        if !request.allow.is_empty() {
            let sql = "SELECT 1 FROM load_file
                       WHERE content_hash = ? AND preset = ? AND n_quarantined > 0";
            let refused = params![hash_text(&file.hash), file.preset];
            if connection.prepare_cached(sql)?.exists(refused)? {
                return Ok(true);
            }
        }
        let (Some(name), true) = (&file.connection, file.complete) else { return Ok(false) };
        let sql = "SELECT content_hash FROM load_file
                   WHERE connection = ?1 AND preset = ?2 AND complete = 1
                     AND load_id = (SELECT max(load_id) FROM load_file
                                    WHERE connection = ?1 AND preset = ?2 AND complete = 1)";
        let mut statement = connection.prepare_cached(sql)?;
        let last = statement
            .query_map([name, &file.preset], |row| row.get::<_, String>(0))?
            .collect::<Result<BTreeSet<_>, _>>()?;
        let of_source = |other: &&SourceFile| other.complete && other.source() == file.source();
        let now = request.files.iter().filter(of_source).map(|file| hash_text(&file.hash));
        Ok(last != now.collect())
    }
}

/// The folder of a load that is only looked at.
struct Rehearsal(PathBuf);

impl Drop for Rehearsal {
    fn drop(&mut self) {
        // What is left in the folder for temporary files is in nobody's way.
        let _removed: std::io::Result<()> = std::fs::remove_dir_all(&self.0);
    }
}

fn hash_text(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

impl Loading<'_> {
    /// Returns the files with what is known of them so far; the rows of a file that is not
    /// [`FileStatus::New`] need not be read.
    pub fn files(&self) -> &[FileReport] {
        &self.files
    }

    /// Notes a control total of a file, such as the sum of a money column as the source states it.
    pub fn control_total(
        &mut self,
        file: usize,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), LakeError> {
        let n_files = self.files.len();
        let report = self.files.get_mut(file).ok_or(LakeError::NoFile { index: file, n_files })?;
        report.totals.insert(name.into(), value.into());
        Ok(())
    }

    /// Takes a row of a file, given by its number in the request.
    pub fn push(&mut self, file: usize, row: SourceRow) -> Result<(), LakeError> {
        let n_files = self.files.len();
        let report = self.files.get_mut(file).ok_or(LakeError::NoFile { index: file, n_files })?;
        report.rows.read += 1;
        if !report.status.is_read() {
            report.rows.known += 1;
            return Ok(());
        }
        let (place, mut facts) = match row {
            SourceRow::Accepted { place, facts } => (place, facts),
            SourceRow::Refused(refusal) => {
                report.rows.quarantined += 1;
                if !AROUND.contains(&refusal.rule) {
                    self.unread(file, &refusal);
                }
                return self.refuse(file, refusal);
            }
        };
        if let Some(forgotten) = &self.forgotten {
            facts.iter_mut().for_each(|fact| forgotten.fact(fact));
        }
        if let Some(refusal) = facts.iter().find_map(misfit) {
            report.rows.quarantined += 1;
            let refusal = kept::keep_facts(refusal, &facts);
            self.unread(file, &refusal);
            return self.refuse(file, refusal);
        }
        if facts.is_empty() {
            report.rows.known += 1;
            return Ok(());
        }
        let row = self.rows.add(file, place.line)?;
        for fact in facts {
            self.stage(file, row, &fact)?;
        }
        Ok(())
    }

    /// Stores a refused row, without what it says of forgotten people; one that is tried again is
    /// stored already.
    fn refuse(&mut self, file: usize, mut refusal: Refusal) -> Result<(), LakeError> {
        if self.retrying.is_some() {
            return Ok(());
        }
        if let Some(forgotten) = &self.forgotten {
            forgotten.refusal(&mut refusal);
        }
        self.quarantine.add(file, &refusal)
    }

    /// Remembers that a row with data could not be read.
    fn unread(&mut self, file: usize, refusal: &Refusal) {
        if let Some(unread) = self.unread.get_mut(file) {
            unread.add(refusal);
        }
    }

    fn stage(&mut self, file: usize, row: u32, fact: &Fact) -> Result<(), LakeError> {
        let at = self.lake.tables().iter().position(|table| table.name == fact.table.name);
        let slot = at.and_then(|at| Some((self.lake.tables().get(at)?, self.staged.get_mut(at)?)));
        let (table, slot) =
            slot.ok_or_else(|| LakeError::NoTable { table: fact.table.name.to_owned() })?;
        let staging = match slot {
            Some(staging) => staging,
            None => slot.insert(Staging::new(
                Arc::clone(table),
                fact.table,
                self.home.join("main").join(table.name),
                &self.prefix,
                self.scratch.clone(),
                self.load_id,
                self.request.recorded_at,
            )),
        };
        let inferred = self.rows.get(row).is_some_and(|row| row.inferred);
        staging.add(row, fact, self.origins.get(file).unwrap_or(&Cell::Null), inferred)
    }
}

impl<'a> Loading<'a> {
    /// Settles what is new and judges the load, writes nothing and ends it.
    pub fn report(mut self) -> Result<LoadReport, LakeError> {
        Ok(self.settle()?.1)
    }

    /// Settles what is new, judges the load, writes and flushes all files. No snapshot lists them
    /// yet: dropped, they are removed. Where the load is held, nothing is written.
    pub fn prepare(mut self) -> Result<Prepared<'a>, LakeError> {
        let (mut settled, mut report, resolved) = self.settle()?;
        let mut changes = Vec::new();
        let quarantine_table = Arc::clone(self.quarantine.table());
        let quarantined = self.quarantine.finish()?;
        if !quarantined.is_empty() {
            let table = quarantine_table;
            changes.push(Change { written: quarantined, ..Change::of(table) });
        }
        let tables = if report.holds.is_empty() { settled.tables.as_mut_slice() } else { &mut [] };
        for table in tables {
            let dir = self.home.join("main").join(table.staged.table.name);
            let change = write::write(table, &self.rows, &dir, &self.prefix, &self.scratch)?;
            changes.extend(change);
        }
        if !report.holds.is_empty() || self.rehearsal.is_some() {
            changes.clear();
        }
        for change in &changes {
            if !change.written.is_empty() || !change.deleted.is_empty() {
                flush_folder(&self.home.join("main").join(change.table.name))?;
            }
        }
        if changes.is_empty() && resolved.is_empty() {
            report.load_id = None;
        }
        Ok(Prepared {
            lake: self.lake,
            lock: self.lock,
            request: self.request,
            load_id: self.load_id,
            changes,
            resolved,
            report,
            scratch: self.scratch,
        })
    }

    /// Settles what is new, and lets the guards judge.
    fn settle(&mut self) -> Result<(resolve::SettledLoad, LoadReport, Vec<RefusedKey>), LakeError> {
        let refresh::Refresh { mut holds, mut remarks } = refresh::withdraw_absent(self)?;
        let mut staged = Vec::new();
        for staging in std::mem::take(&mut self.staged).into_iter().flatten() {
            staged.push(staging.finish()?);
        }
        let origin = |file: &SourceFile| resolve::Origin {
            number: key_index::origin_of(file.origin().as_deref()),
            whole: file.complete,
        };
        let terms = resolve::Terms {
            origins: self.request.files.iter().map(origin).collect(),
            jumps: !self.request.allow.contains(&Guard::FxJump),
            aside: self.rehearsal.as_ref().map(|rehearsal| rehearsal.0.clone()),
        };
        let (rows, files) = (&mut self.rows, self.files.as_slice());
        let mut settled = resolve::settle(self.lake, staged, rows, files, &self.scratch, &terms)?;
        for (file, refusal) in settled.refusals.drain(..) {
            self.refuse(file, refusal)?;
        }
        let mut resolved = self.settle_retries();
        resolved.extend(self.lake.read_anew(&self.files)?);
        self.rows.count(&mut self.files);
        let rows = total(&self.files)?;
        remarks.append(&mut settled.remarks);
        let files: Vec<(&SourceFile, &FileReport)> =
            self.request.files.iter().zip(&self.files).collect();
        for (at, (source, report)) in files.iter().enumerate() {
            if report.status.is_read() && !source.expected.is_empty() {
                let missing = settled.missing(source, at, &self.rows)?;
                holds.extend(guard::judge_totals(source, report, missing));
            }
        }
        {
            let connection = self.lake.connection();
            let (drift, said) = guard::judge_columns(&connection, &files)?;
            holds.extend(drift);
            remarks.extend(said);
            let read = self.files.iter().any(|file| file.status.is_read());
            if read || !self.request.missing.is_empty() {
                holds.extend(guard::judge_sets(&connection, &self.request)?);
            }
        }
        let (passed, holds) =
            holds.into_iter().partition(|hold| self.request.allow.contains(&hold.guard));
        let report = LoadReport {
            load_id: Some(self.load_id),
            snapshot: None,
            recorded_at: self.request.recorded_at,
            rows,
            files: std::mem::take(&mut self.files),
            tables: settled.tables.iter().map(resolve::Settled::report).collect(),
            holds,
            passed,
            remarks,
        };
        Ok((settled, report, resolved))
    }
}

impl Prepared<'_> {
    /// Returns what the load would do.
    pub fn report(&self) -> &LoadReport {
        &self.report
    }

    pub(crate) const fn request(&self) -> &LoadRequest {
        &self.request
    }

    pub(crate) const fn lake(&self) -> &Lake {
        self.lake
    }

    pub(crate) fn lock(&self) -> Result<&WriterLock, LakeError> {
        self.lock.as_ref().ok_or(LakeError::Failed)
    }

    /// Commits the load: from here on it outlives a power cut. Where nothing is new, there is
    /// nothing to commit and no snapshot is made.
    ///
    /// A load that is held is not committed: it fails.
    pub fn commit(mut self) -> Result<LoadReport, LakeError> {
        if let Some(hold) = self.report.holds.first() {
            let (code, why) = (hold.guard.code(), hold.message.clone());
            return Err(LakeError::Held { code, why });
        }
        if self.changes.is_empty() && self.resolved.is_empty() {
            if self.request.accepts.is_some() {
                let lock = self.lock()?;
                let request = &self.request;
                self.lake
                    .change(lock, "held", |connection| held::settle(connection, request, None))?;
            }
            return Ok(self.report.clone());
        }
        let content_hash = request_hash(&self.report.files);
        let changes: Vec<TableChange<'_>> = self
            .changes
            .iter_mut()
            .map(|change| TableChange {
                table: &change.table,
                replaced: std::mem::take(&mut change.replaced),
                written: &change.written,
                deleted: &change.deleted,
                indexes: &change.indexes,
            })
            .collect();
        let commit = Commit {
            load_id: self.load_id,
            recorded_at: self.request.recorded_at,
            author: self.request.author.as_deref(),
            message: self.request.message.as_deref(),
            content_hash: &content_hash,
        };
        let lock = self.lock.as_ref().ok_or(LakeError::Failed)?;
        let (request, report, resolved) = (&self.request, &self.report, &self.resolved);
        let (scratch, load_id) = (&self.scratch, self.load_id);
        let snapshot = self.lake.change(lock, "load", |connection| {
            let snapshot = catalog::commit(connection, &commit, &changes)?;
            write_ledger(connection, &commit, snapshot, request, report)?;
            let files: Vec<(&SourceFile, &FileReport)> =
                request.files.iter().zip(&report.files).collect();
            guard::note_columns(connection, load_id, &files)?;
            held::settle(connection, request, Some(load_id))?;
            retry::write_resolved(connection, resolved, load_id, commit.recorded_at)?;
            // If the commit fails midway, only the catalog knows whether it happened: the files
            // stay, and the next writer sweeps those that no snapshot names.
            scratch.keep();
            Ok(snapshot)
        })?;
        for path in self.changes.iter().flat_map(|change| &change.retired) {
            // A failure only leaves an orphan, which the next writer sweeps.
            std::fs::remove_file(path).ok();
        }
        self.report.snapshot = Some(snapshot);
        Ok(self.report.clone())
    }
}

/// Checks a fact against its table: kinds, digits, what is required.
fn misfit(fact: &Fact) -> Option<Refusal> {
    let FactTable { name: table, columns, key, .. } = fact.table;
    for (at, column) in columns.iter().enumerate() {
        let cell = fact.cells.get(at).unwrap_or(&domain::Cell::Null);
        let name = column.name;
        if cell.is_null() {
            let carried = || fact.carried & (1 << at) != 0 && !fact.deleted;
            if column.required && (key.contains(&name) || carried()) {
                let message = format!("`{table}` has no `{name}`, expected a value");
                let refusal = Refusal::new(fact.place.clone(), "fact.missing", message);
                return Some(refusal.column(name));
            }
            continue;
        }
        let refusal = match cells::check(column.kind, cell) {
            Ok(()) => continue,
            Err(Misfit::Kind) => {
                let kind = format!("{:?}", column.kind).to_lowercase();
                let message = format!("`{table}.{name}` is no {kind}");
                Refusal::new(fact.place.clone(), "fact.kind", message)
            }
            Err(Misfit::Digits) => {
                let message = format!(
                    "`{table}.{name}` has more digits than can be kept exactly, expected at most \
                     28 before and 10 after the mark"
                );
                Refusal::new(fact.place.clone(), "fact.digits", message)
                    .hint("Round the value at its source.")
            }
        };
        return Some(refusal.column(name).excerpt(&cell.to_string()));
    }
    None
}

/// Adds up the files; fails where the rows of one do not add up.
fn total(files: &[FileReport]) -> Result<RowCounts, LakeError> {
    let mut total = RowCounts::default();
    let conserved = |file: &Arc<str>, rows: RowCounts| {
        let RowCounts { read, loaded, known, quarantined } = rows;
        if loaded + known + quarantined == read {
            return Ok(());
        }
        Err(LakeError::NotConserved { file: Arc::clone(file), read, loaded, known, quarantined })
    };
    for file in files {
        conserved(&file.name, file.rows)?;
        total.read += file.rows.read;
        total.loaded += file.rows.loaded;
        total.known += file.rows.known;
        total.quarantined += file.rows.quarantined;
    }
    conserved(&"all files".into(), total)?;
    Ok(total)
}

/// Takes a hash over contents and presets of the files of a load.
fn request_hash(files: &[FileReport]) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(file.hash.as_bytes());
        hasher.update(&(file.preset.len() as u64).to_le_bytes());
        hasher.update(file.preset.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn write_ledger(
    connection: &Connection,
    commit: &Commit<'_>,
    snapshot: SnapshotId,
    request: &LoadRequest,
    report: &LoadReport,
) -> Result<(), LakeError> {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    connection.execute(
        "INSERT INTO load_ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            commit.load_id,
            snapshot.0,
            commit.content_hash,
            catalog::instant_text(commit.recorded_at),
            commit.author,
            commit.message,
            signed(report.rows.read),
            signed(report.rows.loaded),
            signed(report.rows.known),
            signed(report.rows.quarantined),
            serde_json::to_string(&report.tables)?,
            serde_json::to_string(&report.passed)?
        ],
    )?;
    for (index, (source, file)) in request.files.iter().zip(&report.files).enumerate() {
        connection.execute(
            "INSERT INTO load_file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                commit.load_id,
                signed(index as u64),
                &*file.name,
                file.hash,
                file.preset,
                file.connection,
                file.complete,
                source.in_set,
                file.status.name(),
                signed(file.rows.read),
                signed(file.rows.loaded),
                signed(file.rows.known),
                signed(file.rows.quarantined),
                serde_json::to_string(&file.totals)?
            ],
        )?;
    }
    Ok(())
}
