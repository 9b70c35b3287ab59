//! Refused rows that are tried again: a load of their own, which marks what it took as resolved.
//!
//! The quarantine itself never changes: that a row was resolved is a row of the catalog, written in
//! the transaction of the load that took it. So a row refused on one day is in quarantine as of
//! that day for ever. Rows that are refused again stay as they are and are not stored twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use domain::fact::{Fact, FactTable, SourceRow};
use domain::{Cell, Frame, Place};
use jiff::Timestamp;

use super::{FileReport, FileStatus, LoadRequest, Loading, Prepared, kept};
use crate::catalog::SnapshotId;
use crate::cells::View;
use crate::error::LakeError;
use crate::schema::QUARANTINE;
use crate::sql::{Connection, params};
use crate::store::Lake;

/// Which refused row: its load, the number of its file in the load, its line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RefusedKey {
    /// The load that refused it.
    pub load_id: i64,
    /// Number of its file in that load, from 0.
    pub file_index: i64,
    /// Its line.
    pub line: i64,
}

impl RefusedKey {
    /// Reads the key from a row of the quarantine.
    pub(crate) fn of(frame: &Frame, row: usize) -> Self {
        let number = |column: &str| match frame.cell(column, row) {
            Cell::Integer(value) => value,
            _ => 0,
        };
        Self { load_id: number("load_id"), file_index: number("file_index"), line: number("line") }
    }
}

/// What the files of a load of refused rows are read by: they are no source of their own, and their
/// rows were counted as read before.
pub const RETRY: &str = "retry";

/// A row of the quarantine that no later load has taken.
#[derive(Clone, Debug)]
pub struct RefusedRow {
    /// Which one.
    pub key: RefusedKey,
    /// Name of its file.
    pub file: Arc<str>,
    /// Why it was refused.
    pub rule: Arc<str>,
    /// The same in words.
    pub message: Arc<str>,
    /// The row as it was kept; empty where it was erased.
    pub raw: Arc<str>,
}

impl RefusedRow {
    /// Returns where the row stands.
    pub fn place(&self) -> Place {
        Place::line(Arc::clone(&self.file), u64::try_from(self.key.line).unwrap_or(0))
    }

    /// Returns what the row said, where it was read once and refused beside others.
    pub fn facts(&self) -> Option<Vec<Fact>> {
        kept::facts(&self.raw, &self.place())
    }
}

/// A refused row that was read anew.
#[derive(Clone, Debug)]
pub struct Try {
    /// Number of its file in the request.
    pub file: usize,
    /// Which row it is.
    pub key: RefusedKey,
    /// What it says now.
    pub row: SourceRow,
}

impl Lake {
    /// Lists the rows that stand in the quarantine and that no later load has taken, by load, file
    /// and line.
    pub fn refused(&self) -> Result<Vec<RefusedRow>, LakeError> {
        let Some(snapshot) = self.newest()? else { return Ok(Vec::new()) };
        let columns = ["load_id", "file_index", "line", "file", "rule", "message", "raw"];
        let frame = self.frame(snapshot, QUARANTINE, &columns)?;
        let resolved = self.resolved(snapshot)?;
        let mut rows = Vec::new();
        for row in 0..frame.n_rows() {
            let text = |column: &str| match frame.cell(column, row) {
                Cell::Text(text) => text,
                _ => "".into(),
            };
            let key = RefusedKey::of(&frame, row);
            if !resolved.contains_key(&key) {
                rows.push(RefusedRow {
                    key,
                    file: text("file"),
                    rule: text("rule"),
                    message: text("message"),
                    raw: text("raw"),
                });
            }
        }
        rows.sort_by_key(|row| row.key);
        Ok(rows)
    }

    /// Returns what read the files of a load: names of presets and mappings.
    pub fn presets(&self, load_id: i64) -> Result<Vec<String>, LakeError> {
        let connection = self.connection();
        let sql = "SELECT DISTINCT preset FROM load_file WHERE load_id = ? ORDER BY preset";
        let mut statement = connection.prepare_cached(sql)?;
        let presets = statement.query_map([load_id], |row| row.get(0))?;
        Ok(presets.collect::<Result<_, _>>()?)
    }

    /// Returns the load that took each resolved row, as known at a snapshot.
    pub(crate) fn resolved(
        &self,
        snapshot: SnapshotId,
    ) -> Result<HashMap<RefusedKey, i64>, LakeError> {
        let sql = "SELECT q.load_id, q.file_index, q.line, q.by_load_id FROM quarantine_resolved q
                   JOIN load_ledger l ON l.load_id = q.by_load_id WHERE l.snapshot_id <= ?";
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([snapshot.0])?;
        let mut resolved = HashMap::new();
        while let Some(row) = rows.next()? {
            let key =
                RefusedKey { load_id: row.get(0)?, file_index: row.get(1)?, line: row.get(2)? };
            resolved.insert(key, row.get(3)?);
        }
        Ok(resolved)
    }

    /// Tries refused rows again. What is refused again is counted and stays where it is; a row
    /// about which a later load has spoken already, in a source without versions, is known.
    pub fn retry(&self, request: LoadRequest, tries: Vec<Try>) -> Result<Prepared<'_>, LakeError> {
        let mut tries = tries;
        self.leave_newer(&mut tries)?;
        let mut loading = self.begin(request)?;
        loading.retrying = Some(Retrying::default());
        for Try { file, key, row } in tries {
            loading.retry(file, key, row)?;
        }
        loading.prepare()
    }

    /// Lists the refused rows of files that are read anew, as a whole, through another layout: what
    /// is refused this time is refused by this load.
    pub(super) fn read_anew(&self, files: &[FileReport]) -> Result<Vec<RefusedKey>, LakeError> {
        let sql =
            "SELECT load_id, file_index FROM load_file WHERE content_hash = ? AND preset <> ?";
        let mut before: HashSet<(i64, i64)> = HashSet::new();
        for file in files.iter().filter(|file| file.status == FileStatus::New) {
            let connection = self.connection();
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_map([&file.hash, &file.preset], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })?;
            before.extend(found.collect::<Result<Vec<_>, _>>()?);
        }
        let (Some(snapshot), false) = (self.newest()?, before.is_empty()) else {
            return Ok(Vec::new());
        };
        let frame = self.frame(snapshot, QUARANTINE, &["load_id", "file_index", "line"])?;
        let resolved = self.resolved(snapshot)?;
        let mut keys: Vec<RefusedKey> = (0..frame.n_rows())
            .map(|row| RefusedKey::of(&frame, row))
            .filter(|key| before.contains(&(key.load_id, key.file_index)))
            .filter(|key| !resolved.contains_key(key))
            .collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Leaves what a later load has said about the same key, where the source states no versions: a
    /// row that was refused in January must not overrule what was loaded in February. A row that
    /// carries too little to make a fact, and was refused for that, fills what stands empty.
    fn leave_newer(&self, tries: &mut [Try]) -> Result<(), LakeError> {
        let Some(snapshot) = self.newest()? else { return Ok(()) };
        let mut wanted: BTreeMap<&'static str, Wanted> = BTreeMap::new();
        for fact in tries.iter().flat_map(|one| facts(&one.row)).filter(|f| f.version.is_none()) {
            let wanted = wanted.entry(fact.table.name).or_insert_with(|| Wanted::new(fact.table));
            wanted.keys.insert(fact.key());
        }
        let mut stored: HashMap<(&'static str, Arc<str>), StoredRow> = HashMap::new();
        for (name, wanted) in wanted {
            let table = Arc::clone(self.table(name)?);
            let mut columns: Vec<&str> = wanted.table.columns.iter().map(|c| c.name).collect();
            columns.extend(["load_id", "withdrawn"]);
            self.scan(snapshot, name, &columns, &mut |batch| {
                let views = columns
                    .iter()
                    .zip(batch.columns())
                    .map(|(column, array)| View::of(table.column(column)?.kind, array));
                let views: Vec<View<'_>> = views.collect::<Result<_, LakeError>>()?;
                let cell = |at: usize, row| views.get(at).map_or(Cell::Null, |v| v.cell(row));
                for row in 0..batch.num_rows() {
                    let parts: Vec<String> =
                        wanted.key.iter().map(|&at| cell(at, row).to_string()).collect();
                    let key: Arc<str> = parts.join("\u{1f}").into();
                    if !wanted.keys.contains(&key) {
                        continue;
                    }
                    let width = wanted.table.columns.len();
                    let Cell::Integer(load_id) = cell(width, row) else { continue };
                    let full = |at: &usize| !cell(*at, row).is_null();
                    let full =
                        (0..width.min(64)).filter(full).fold(0_u64, |mask, at| mask | 1 << at);
                    stored.insert((name, key), StoredRow { load_id, full });
                }
                Ok(())
            })?;
        }
        for Try { key, row, .. } in tries {
            let SourceRow::Accepted { facts, .. } = row else { continue };
            facts.retain_mut(|fact| {
                let Some(newer) = stored.get(&(fact.table.name, fact.key())) else { return true };
                if fact.version.is_some() || newer.load_id <= key.load_id {
                    return true;
                }
                if partial(fact) && !fact.deleted {
                    fact.carried &= !newer.full;
                    return fact.carried != 0;
                }
                false
            });
        }
        Ok(())
    }
}

/// Keys of a table that refused rows speak of.
struct Wanted {
    table: &'static FactTable,
    /// Positions of the key columns.
    key: Vec<usize>,
    keys: HashSet<Arc<str>>,
}

impl Wanted {
    fn new(table: &'static FactTable) -> Self {
        let key = table.key.iter().filter_map(|name| table.position(name)).collect();
        Self { table, key, keys: HashSet::new() }
    }
}

/// What is stored of a key.
struct StoredRow {
    load_id: i64,
    /// The columns that hold a value.
    full: u64,
}

/// True where a source does not carry all that its table requires.
fn partial(fact: &Fact) -> bool {
    let required = fact.table.columns.iter().enumerate().filter(|(_, column)| column.required);
    required.fold(0_u64, |mask, (at, _)| mask | 1 << at) & !fact.carried != 0
}

fn facts(row: &SourceRow) -> &[Fact] {
    match row {
        SourceRow::Accepted { facts, .. } => facts,
        SourceRow::Refused(_) => &[],
    }
}

/// What is known of a load of refused rows while it runs.
#[derive(Default)]
pub(super) struct Retrying {
    /// Rows that speak of facts, by their number in the load.
    waiting: Vec<(u32, RefusedKey)>,
    /// Rows that are taken.
    pub(super) resolved: Vec<RefusedKey>,
}

impl Loading<'_> {
    fn retry(&mut self, file: usize, key: RefusedKey, row: SourceRow) -> Result<(), LakeError> {
        let quarantined = self.files.get(file).map_or(0, |report| report.rows.quarantined);
        let before = self.rows.len();
        self.push(file, row)?;
        let refused = self.files.get(file).is_some_and(|r| r.rows.quarantined > quarantined);
        let after = self.rows.len();
        if let Some(retrying) = self.retrying.as_mut().filter(|_| !refused) {
            if after > before {
                retrying.waiting.push((before, key));
            } else {
                retrying.resolved.push(key);
            }
        }
        Ok(())
    }

    /// Settles which of the refused rows are taken.
    pub(super) fn settle_retries(&mut self) -> Vec<RefusedKey> {
        let Some(mut retrying) = self.retrying.take() else { return Vec::new() };
        for (row, key) in retrying.waiting {
            if !self.rows.refused(row) {
                retrying.resolved.push(key);
            }
        }
        retrying.resolved.sort_unstable();
        retrying.resolved
    }
}

/// Marks rows as resolved by a load.
pub(super) fn write_resolved(
    connection: &Connection,
    resolved: &[RefusedKey],
    load_id: i64,
    recorded_at: Timestamp,
) -> Result<(), LakeError> {
    let sql = "INSERT INTO quarantine_resolved VALUES (?, ?, ?, ?, ?)";
    let at = crate::catalog::instant_text(recorded_at);
    for key in resolved {
        connection.prepare_cached(sql)?.execute(params![
            key.load_id,
            key.file_index,
            key.line,
            load_id,
            at
        ])?;
    }
    Ok(())
}
