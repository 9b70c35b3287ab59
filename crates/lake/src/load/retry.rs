//! Refused rows that are tried again: a load of their own, which marks what it took as resolved.
//!
//! The quarantine itself never changes: that a row was resolved is a row of the catalog, written in
//! the transaction of the load that took it. So a row refused on one day is in quarantine as of
//! that day for ever. Rows that are refused again stay as they are and are not stored twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::fact::{Fact, FactTable, SourceRow};
use domain::{Cell, Frame, Place};
use jiff::Timestamp;
use rusqlite::params;

use super::{LoadRequest, Loading, Prepared, kept};
use crate::catalog::SnapshotId;
use crate::error::LakeError;
use crate::schema::QUARANTINE;
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

    /// Drops facts without a version whose key a later load has stored: a row that was refused in
    /// January must not overrule what was loaded in February.
    fn leave_newer(&self, tries: &mut [Try]) -> Result<(), LakeError> {
        let Some(snapshot) = self.newest()? else { return Ok(()) };
        let mut wanted: HashMap<&'static str, (&'static FactTable, HashSet<Arc<str>>)> =
            HashMap::new();
        for fact in tries.iter().flat_map(|one| facts(&one.row)).filter(|f| f.version.is_none()) {
            let entry =
                wanted.entry(fact.table.name).or_insert_with(|| (fact.table, HashSet::new()));
            entry.1.insert(fact.key());
        }
        let mut stored: HashMap<(&'static str, Arc<str>), i64> = HashMap::new();
        let mut tables: Vec<_> = wanted.into_values().collect();
        tables.sort_unstable_by_key(|(table, _)| table.name);
        for (table, keys) in tables {
            let mut columns: Vec<&str> = table.key.to_vec();
            columns.extend(["load_id", "withdrawn"]);
            let frame = self.frame(snapshot, table.name, &columns)?;
            for row in 0..frame.n_rows() {
                let parts: Vec<String> =
                    table.key.iter().map(|name| frame.cell(name, row).to_string()).collect();
                let key: Arc<str> = parts.join("\u{1f}").into();
                if let (true, Cell::Integer(load)) =
                    (keys.contains(&key), frame.cell("load_id", row))
                {
                    stored.insert((table.name, key), load);
                }
            }
        }
        for Try { key, row, .. } in tries {
            let SourceRow::Accepted { facts, .. } = row else { continue };
            facts.retain(|fact| {
                let newer = stored.get(&(fact.table.name, fact.key()));
                fact.version.is_some() || newer.is_none_or(|&load| load <= key.load_id)
            });
        }
        Ok(())
    }
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
    connection: &rusqlite::Connection,
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
