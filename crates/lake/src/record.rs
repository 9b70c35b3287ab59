//! The record: what was loaded and what was refused, up to a snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Currency, Decimal};
use jiff::Timestamp;

use crate::catalog::{self, SnapshotId};
use crate::error::LakeError;
use crate::load::{RETRY, RefusedKey};
use crate::schema::QUARANTINE;
use crate::store::Lake;

/// A load as the record keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadRecord {
    /// Its number.
    pub load_id: i64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Its files.
    pub files: Vec<FileRecord>,
}

/// A file of a load as the record keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRecord {
    /// Where it comes from: the preset or mapping that read it.
    pub source: Arc<str>,
    /// Rows read.
    pub n_read: i64,
    /// Rows with something new.
    pub n_loaded: i64,
    /// Rows with nothing new.
    pub n_known: i64,
    /// Rows refused.
    pub n_quarantined: i64,
}

/// A row in quarantine that no later load has brought in.
#[derive(Clone, PartialEq, Debug)]
pub struct QuarantinedRow {
    /// The load that refused it.
    pub load_id: i64,
    /// Its file, without folders.
    pub file: Arc<str>,
    /// Its line.
    pub line: i64,
    /// The column at fault.
    pub column: Option<Arc<str>>,
    /// The rule that it breaks.
    pub rule: Arc<str>,
    /// The table of facts that it was meant for.
    pub table: Option<Arc<str>>,
    /// The amount that it states, in major units.
    pub amount: Option<Decimal>,
    /// The currency that it states.
    pub currency: Option<Currency>,
    /// When it was refused.
    pub recorded_at: Timestamp,
}

/// What was loaded and refused up to a snapshot.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Record {
    /// The loads, oldest first.
    pub loads: Vec<LoadRecord>,
    /// The rows in quarantine, by load, file and line.
    pub refused: Vec<QuarantinedRow>,
    /// For each table of facts: rows, withdrawn rows, and the load that wrote last.
    pub stored: BTreeMap<&'static str, StoredRecord>,
}

/// How much a table of facts holds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StoredRecord {
    /// Rows that are not withdrawn.
    pub n_rows: i64,
    /// Withdrawn rows.
    pub n_withdrawn: i64,
    /// The load that wrote last.
    pub load_id: Option<i64>,
}

impl Lake {
    /// Says what was loaded and refused up to a snapshot.
    pub fn record(&self, snapshot: SnapshotId) -> Result<Record, LakeError> {
        let loads = self.load_records(snapshot)?;
        let recorded: BTreeMap<i64, Timestamp> =
            loads.iter().map(|load| (load.load_id, load.recorded_at)).collect();
        let refused = self.refused_rows(snapshot, &recorded)?;
        let mut stored = BTreeMap::new();
        for table in self.tables().iter().filter(|table| table.fact.is_some()) {
            let mut held = StoredRecord::default();
            for file in self.files(snapshot, table.name)? {
                let (all, gone) = (signed(file.n_rows), signed(file.n_withdrawn));
                held.n_rows += all - gone;
                held.n_withdrawn += gone;
                held.load_id = held.load_id.max(Some(file.load_id));
            }
            stored.insert(table.name, held);
        }
        Ok(Record { loads, refused, stored })
    }

    fn load_records(&self, snapshot: SnapshotId) -> Result<Vec<LoadRecord>, LakeError> {
        let connection = self.connection();
        let sql = "SELECT l.load_id, l.recorded_at, f.preset, f.n_read, f.n_loaded, f.n_known,
                          f.n_quarantined
                   FROM load_ledger l LEFT JOIN load_file f ON f.load_id = l.load_id
                   WHERE l.snapshot_id <= ? ORDER BY l.load_id, f.file_index";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([snapshot.0])?;
        let mut loads: Vec<LoadRecord> = Vec::new();
        while let Some(row) = rows.next()? {
            let load_id: i64 = row.get(0)?;
            if loads.last().is_none_or(|load| load.load_id != load_id) {
                let recorded_at = catalog::instant_from_text(&row.get::<_, String>(1)?)?;
                loads.push(LoadRecord { load_id, recorded_at, files: Vec::new() });
            }
            let Some(preset) = row.get::<_, Option<String>>(2)? else { continue };
            if preset == RETRY {
                continue;
            }
            // A mapping is named with the hash of its text; its versions are one source.
            let source = preset.split('@').next().unwrap_or(&preset);
            if let Some(load) = loads.last_mut() {
                load.files.push(FileRecord {
                    source: Arc::from(source),
                    n_read: row.get(3)?,
                    n_loaded: row.get(4)?,
                    n_known: row.get(5)?,
                    n_quarantined: row.get(6)?,
                });
            }
        }
        Ok(loads)
    }

    fn refused_rows(
        &self,
        snapshot: SnapshotId,
        recorded: &BTreeMap<i64, Timestamp>,
    ) -> Result<Vec<QuarantinedRow>, LakeError> {
        let columns = [
            "load_id",
            "file_index",
            "file",
            "line",
            "column",
            "rule",
            "table",
            "amount",
            "currency",
        ];
        let rows = self.frame(snapshot, QUARANTINE, &columns)?;
        let resolved = self.resolved(snapshot)?;
        let text = |name: &str, row: usize| rows.texts(name).get(row).cloned().flatten();
        let mut refused = Vec::with_capacity(rows.n_rows());
        for row in 0..rows.n_rows() {
            let key = RefusedKey::of(&rows, row);
            let Some(recorded_at) = recorded.get(&key.load_id).copied() else { continue };
            if resolved.contains_key(&key) {
                continue;
            }
            let file = text("file", row).unwrap_or_default();
            refused.push(QuarantinedRow {
                load_id: key.load_id,
                file: Arc::from(file.rsplit(['/', '\\']).next().unwrap_or(&file)),
                line: key.line,
                column: text("column", row),
                rule: text("rule", row).unwrap_or_default(),
                table: text("table", row),
                amount: rows.decimals("amount").get(row).copied().flatten(),
                currency: text("currency", row).and_then(|code| code.parse().ok()),
                recorded_at,
            });
        }
        refused.sort_by(|a, b| (a.load_id, &a.file, a.line).cmp(&(b.load_id, &b.file, b.line)));
        Ok(refused)
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
