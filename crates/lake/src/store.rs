//! The lake as its users see it: make, open, look up, read.
//!
//! Everything that is read names its snapshot, so that a report is made from one state. Withdrawn
//! facts are left out unless the column `withdrawn` is asked for.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use domain::person::PersonKey;
use domain::{Cell, Frame};
use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::{self, DataFile, Snapshot, SnapshotId, Tables};
use crate::cells::{self, Bounds};
use crate::chain;
use crate::error::{DamagedFile, LakeError};
use crate::load::guard::Hold;
use crate::load::{RefusedKey, RowCounts};
use crate::lock::{self, WriterLock};
use crate::parquet_file;
use crate::person::{erase, key};
use crate::place::Place;
use crate::schema::{QUARANTINE, QUARANTINE_COLUMNS, StoredTable};
use crate::sql::{Connection, OptionalExtension as _, Row};

/// A folder of facts: `main/TABLE/*.parquet`, with `catalog.sqlite` or a database on a server.
#[derive(Debug)]
pub struct Lake {
    place: Place,
    connection: Mutex<Connection>,
    tables: Vec<Arc<StoredTable>>,
    uuid: String,
    person_key: PersonKey,
}

/// What a load did, by the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LoadEntry {
    /// Its number, from 1.
    pub load_id: i64,
    /// The snapshot that it made.
    pub snapshot: SnapshotId,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who loaded.
    pub author: Option<String>,
    /// Why.
    pub message: Option<String>,
    /// Rows read.
    pub n_read: u64,
    /// Rows with something new.
    pub n_loaded: u64,
    /// Rows with nothing new.
    pub n_known: u64,
    /// Rows refused.
    pub n_quarantined: u64,
    /// BLAKE3 over contents and presets of its files, in hexadecimal.
    pub hash: String,
    /// What became of the facts, by table.
    pub tables: Vec<serde_json::Value>,
    /// What guards found and let pass, as they were told to.
    pub passed: Vec<Hold>,
    /// Its files.
    pub files: Vec<LoadedFile>,
}

/// A file of a load, by the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LoadedFile {
    /// Its name, as the user gave it.
    pub name: String,
    /// BLAKE3 of its content, in hexadecimal.
    pub hash: String,
    /// What read it.
    pub preset: String,
    /// The connection that it comes from.
    pub connection: Option<String>,
    /// True where what it leaves out is gone.
    pub complete: bool,
    /// `new`, `again`, `loaded_before` or `same_as`.
    pub status: String,
    /// Its rows.
    pub rows: RowCounts,
    /// Control totals by name.
    pub totals: BTreeMap<String, String>,
}

/// What is shown of the quarantine besides the rows that stand in it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Show {
    /// The rows themselves, as their files hold them.
    pub raw: bool,
    /// Also rows that a later load took, with that load.
    pub resolved: bool,
}

impl Lake {
    /// Makes an empty lake in a folder, and the folder where there is none.
    pub fn create(place: impl Into<Place>) -> Result<Self, LakeError> {
        let place = place.into();
        let dir = place.dir.clone();
        Self::create_at(place).map_err(|error| error.in_catalog(&dir))
    }

    fn create_at(mut place: Place) -> Result<Self, LakeError> {
        let given = place.dir.as_path();
        std::fs::create_dir_all(given).map_err(LakeError::disk("cannot create", given))?;
        let dir = given.canonicalize().map_err(LakeError::disk("cannot find", given))?;
        place.dir.clone_from(&dir);
        let lock = WriterLock::take(&place)?;
        if find(&place)?.is_some() {
            return Err(LakeError::Exists { dir });
        }
        // Before the key is made: it would take the place of the one that is still needed.
        chain::check_gone(&place)?;
        let tables = StoredTable::declared();
        make_folders(&dir, tables.iter().map(|table| table.name))?;
        let person_key = key::create(&dir)?;
        let mut connection = catalog::connect(&place)?;
        chain::create(&place, &mut connection, &lock, |connection| {
            catalog::create(connection, &tables)?;
            let info = "INSERT INTO lake_info VALUES (?, ?)";
            connection.execute(info, ["person_key", &key::check(&person_key)])?;
            set_data_path(connection, &dir)
        })?;
        parquet_file::flush_folder(&dir)?;
        let uuid = uuid(&connection)?;
        let tables = tables.into_iter().map(Arc::new).collect();
        Ok(Self { place, connection: Mutex::new(connection), tables, uuid, person_key })
    }

    /// Opens a lake. Fails where the catalog is not the one that was committed last, and where a
    /// file of the newest snapshot is gone or has another size. Where no one else is writing,
    /// removes what a dead writer left, and registers tables and columns that the model has gained.
    pub fn open(place: impl Into<Place>) -> Result<Self, LakeError> {
        let place = place.into();
        let dir = place.dir.clone();
        Self::open_at(place).map_err(|error| error.in_catalog(&dir))
    }

    fn open_at(mut place: Place) -> Result<Self, LakeError> {
        let missing = LakeError::Missing { dir: place.dir.clone() };
        let Ok(dir) = place.dir.canonicalize() else { return Err(missing) };
        place.dir.clone_from(&dir);
        let Some(mut connection) = find(&place)? else {
            chain::check_gone(&place)?;
            return Err(missing);
        };
        catalog::check_layout(&connection, &dir)?;
        // Before anything is tidied: an older catalog knows nothing of the newest files.
        chain::check(&dir, &connection)?;
        let mut known = catalog::tables(&connection, &dir)?;
        let person_key = key::read(&dir, info(&connection, "person_key")?.as_deref())?;
        let folders = known.tables.iter().all(|t| dir.join("main").join(t.name).is_dir());
        let tidy = known.complete
            && folders
            && is_where_it_was(&connection, &dir)?
            && lock::orphans(&dir, &connection)?.is_empty()
            && !erase::pending(&connection)?;
        // A lake in order is opened without the lock, so that readers do not stop a writer.
        if !tidy {
            match WriterLock::take(&place) {
                Ok(lock) => known = tidy_up(&dir, &mut connection, &lock, &person_key)?,
                Err(LakeError::Locked { .. }) if known.complete => {}
                Err(error) => return Err(error),
            }
        }
        let uuid = uuid(&connection)?;
        let connection = Mutex::new(connection);
        let lake = Self { place, connection, tables: known.tables, uuid, person_key };
        lake.verify()?;
        Ok(lake)
    }

    /// Checks that each file of the newest snapshot exists with its recorded size.
    fn verify(&self) -> Result<(), LakeError> {
        let head = SnapshotId(catalog::head(&self.connection())?.snapshot);
        let mut damaged: Vec<DamagedFile> = Vec::new();
        for table in &self.tables {
            for file in catalog::files(&self.connection(), self.dir(), table, head)? {
                damaged.extend(parquet_file::check_size(&file.path, file.bytes).err());
                if let Some(deletes) = &file.deletes {
                    damaged.extend(parquet_file::check_size(&deletes.path, deletes.bytes).err());
                }
            }
        }
        if damaged.is_empty() {
            Ok(())
        } else {
            Err(LakeError::Damaged { dir: self.place.dir.clone(), files: damaged })
        }
    }

    /// Returns the folder.
    pub fn dir(&self) -> &Path {
        &self.place.dir
    }

    /// Returns where it is.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Returns the key that match keys of this lake are made with.
    pub const fn person_key(&self) -> &PersonKey {
        &self.person_key
    }

    /// Returns the stored tables: the facts in the order of the model, then the quarantine.
    pub fn tables(&self) -> &[Arc<StoredTable>] {
        &self.tables
    }

    /// Finds a stored table by name.
    pub fn table(&self, name: &str) -> Result<&Arc<StoredTable>, LakeError> {
        let found = self.tables.iter().find(|table| table.name == name);
        found.ok_or_else(|| LakeError::NoTable { table: name.to_owned() })
    }

    /// Lists the snapshots that loads have made, oldest first.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, LakeError> {
        catalog::snapshots(&self.connection())
    }

    /// Returns the newest snapshot; none before the first load.
    pub fn newest(&self) -> Result<Option<SnapshotId>, LakeError> {
        catalog::snapshot_as_of(&self.connection(), Timestamp::MAX)
    }

    /// Finds the last snapshot recorded at or before an instant: what was known then. None before
    /// the first load.
    pub fn snapshot_as_of(&self, at: Timestamp) -> Result<Option<SnapshotId>, LakeError> {
        catalog::snapshot_as_of(&self.connection(), at)
    }

    /// Returns the time of the clock, or that of the newest load where the clock was set back
    /// since: the order of loads does not hang on it.
    pub fn now(&self) -> Result<Timestamp, LakeError> {
        let newest = catalog::head(&self.connection())?.recorded_at()?;
        Ok(Timestamp::now().max(newest))
    }

    /// Returns a hash that is equal only for the same state of the same lake: a key for what is
    /// derived from it.
    pub fn identity(&self, snapshot: SnapshotId) -> Result<String, LakeError> {
        // The number alone is given out again after an older state was brought back.
        let digest = chain::digest_of(&self.connection(), snapshot.0)?;
        let text =
            format!("{}\u{1f}{}\u{1f}{digest}\u{1f}{}", self.uuid, snapshot.0, self.n_erasures());
        Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
    }

    /// Counts the erasures that are done: each changes what snapshots say of people, not what they
    /// count.
    pub fn n_erasures(&self) -> u64 {
        let sql = "SELECT count(*) FROM erasure WHERE state = 'done'";
        let n: Result<i64, _> = self.connection().query_row(sql, [], |row| row.get(0));
        n.map_or(0, |n| u64::try_from(n).unwrap_or(0))
    }

    /// Lists the files of a table at a snapshot.
    pub fn files(&self, snapshot: SnapshotId, table: &str) -> Result<Vec<DataFile>, LakeError> {
        catalog::files(&self.connection(), self.dir(), self.table(table)?, snapshot)
    }

    /// Counts the facts of a table at a snapshot, without those that were withdrawn.
    pub fn n_rows(&self, snapshot: SnapshotId, table: &str) -> Result<u64, LakeError> {
        let files = self.files(snapshot, table)?;
        Ok(files.iter().map(|file| file.n_rows.saturating_sub(file.n_withdrawn)).sum())
    }

    /// Returns the least and greatest value of a column at a snapshot, withdrawn facts included:
    /// from the statistics alone, where no row of the table is deleted; none for an empty table and
    /// where the statistics do not say.
    pub fn range(
        &self,
        snapshot: SnapshotId,
        table: &str,
        column: &str,
    ) -> Result<Option<(Cell, Cell)>, LakeError> {
        let stored = self.table(table)?;
        let range = if self.files(snapshot, table)?.iter().all(|file| file.deletes.is_none()) {
            catalog::bounds(&self.connection(), stored, column, snapshot)?
        } else {
            let kind = stored.column(column)?.kind;
            let mut bounds = Bounds::default();
            let projection = stored.projection(&[column])?;
            for file in self.files(snapshot, table)? {
                parquet_file::read_live(&file, &projection, &mut |batch| {
                    batch.columns().iter().try_for_each(|array| bounds.widen(kind, array))
                })?;
            }
            bounds.least.zip(bounds.greatest)
        };
        Ok(range.map(|(least, greatest)| (least.cell(), greatest.cell())))
    }

    /// Reads columns of a table at a snapshot, batch by batch. Withdrawn facts are left out unless
    /// `withdrawn` is one of the columns. The order of the rows means nothing.
    pub fn scan(
        &self,
        snapshot: SnapshotId,
        table: &str,
        columns: &[&str],
        each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        for file in self.files(snapshot, table)? {
            self.scan_file(table, &file, columns, each)?;
        }
        Ok(())
    }

    /// Reads columns of text of a table at a snapshot, row by row, as [`Lake::scan`] does; an empty
    /// cell is an empty text.
    pub fn scan_texts(
        &self,
        snapshot: SnapshotId,
        table: &str,
        columns: &[&str],
        each: &mut dyn FnMut(&[&str]) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        self.scan(snapshot, table, columns, &mut |batch| {
            let texts: Vec<_> =
                batch.columns().iter().filter_map(|array| array.as_string_opt::<i32>()).collect();
            let mut row = Vec::with_capacity(texts.len());
            for at in 0..batch.num_rows() {
                row.clear();
                row.extend(texts.iter().map(|t| if t.is_null(at) { "" } else { t.value(at) }));
                each(&row)?;
            }
            Ok(())
        })
    }

    /// Reads columns of one file as [`Lake::scan`] does, so that files can be read side by side.
    pub fn scan_file(
        &self,
        table: &str,
        file: &DataFile,
        columns: &[&str],
        each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let table = self.table(table)?;
        let projection = table.projection(columns)?;
        if file.n_withdrawn == 0 || columns.contains(&"withdrawn") {
            return parquet_file::read_live(file, &projection, each);
        }
        let mut with_flag = columns.to_vec();
        with_flag.push("withdrawn");
        let wanted: Vec<usize> = (0..columns.len()).collect();
        let with_flag = table.projection(&with_flag)?;
        parquet_file::read_live(file, &with_flag, &mut |batch| {
            let flag: Option<&BooleanArray> =
                batch.columns().last().and_then(|array| array.as_boolean_opt());
            let kept = match flag {
                Some(flag) => filter_record_batch(&batch, &not(flag)?)?,
                None => batch,
            };
            each(kept.project(&wanted)?)
        })
    }

    /// Reads columns of a table at a snapshot into a frame, as [`Lake::scan`] does: for tables that
    /// fit in memory.
    pub fn frame(
        &self,
        snapshot: SnapshotId,
        table: &str,
        columns: &[&str],
    ) -> Result<Frame, LakeError> {
        let stored = self.table(table)?;
        let stored = columns.iter().map(|name| stored.column(name));
        let stored = stored.collect::<Result<Vec<_>, _>>()?;
        let mut values: Vec<_> =
            stored.iter().map(|column| cells::empty_column(column.kind)).collect();
        self.scan(snapshot, table, columns, &mut |batch| {
            for ((values, column), array) in values.iter_mut().zip(&stored).zip(batch.columns()) {
                cells::extend(values, column.kind, array)?;
            }
            Ok(())
        })?;
        Ok(Frame::new(columns.iter().copied().zip(values).collect())?)
    }

    /// Lists the refused rows of a load, or of all loads, that stand in quarantine now.
    pub fn quarantine(&self, load_id: Option<i64>) -> Result<Frame, LakeError> {
        let snapshot = self.newest()?.unwrap_or(SnapshotId(0));
        let mut rows = self.quarantine_at(snapshot, Show::default())?;
        if let Some(load_id) = load_id {
            let test = domain::Test::Is(Cell::Integer(load_id));
            rows = rows.filter(&[domain::Filter { column: "load_id".to_owned(), test }]);
        }
        Ok(rows)
    }

    /// Lists the rows that were in quarantine at a snapshot.
    pub fn quarantine_at(&self, snapshot: SnapshotId, show: Show) -> Result<Frame, LakeError> {
        // The row itself holds what files hold: names, addresses. It is for whoever mends it.
        let shown = |name: &&str| match *name {
            "raw" => show.raw,
            _ => true,
        };
        let columns: Vec<&str> =
            QUARANTINE_COLUMNS.iter().map(|(name, _)| *name).filter(shown).collect();
        let all = self.frame(snapshot, QUARANTINE, &columns)?;
        let resolved = self.resolved(snapshot)?;
        let by: Vec<Option<i64>> = (0..all.n_rows())
            .map(|row| resolved.get(&RefusedKey::of(&all, row)).copied())
            .collect();
        let kept: Vec<usize> =
            (0..by.len()).filter(|&row| show.resolved || by.get(row) == Some(&None)).collect();
        let by: Vec<Option<i64>> = kept.iter().filter_map(|&row| by.get(row).copied()).collect();
        let rows = all.take(&kept);
        let mut columns: Vec<(&str, domain::Column)> = columns
            .iter()
            .filter(|name| **name != "file_index")
            .filter_map(|name| Some((*name, rows.column(name)?.clone())))
            .collect();
        if show.resolved {
            columns.push(("resolved_by", domain::Column::Integer(by)));
        }
        Ok(Frame::new(columns)?)
    }

    /// Lists the loads, oldest first.
    pub fn loads(&self) -> Result<Vec<LoadEntry>, LakeError> {
        let connection = self.connection();
        let sql = "SELECT load_id, snapshot_id, recorded_at, author, message, n_read, n_loaded,
                          n_known, n_quarantined, content_hash, facts, passed
                   FROM load_ledger ORDER BY load_id";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut loads = Vec::new();
        let mut files = loaded_files(&connection)?;
        while let Some(row) = rows.next()? {
            let load_id = row.get(0)?;
            loads.push(LoadEntry {
                load_id,
                snapshot: SnapshotId(row.get(1)?),
                recorded_at: catalog::instant_from_text(&row.get::<_, String>(2)?)?,
                author: row.get(3)?,
                message: row.get(4)?,
                n_read: count(row, 5)?,
                n_loaded: count(row, 6)?,
                n_known: count(row, 7)?,
                n_quarantined: count(row, 8)?,
                hash: row.get(9)?,
                tables: serde_json::from_str(&row.get::<_, String>(10)?)?,
                passed: serde_json::from_str(&row.get::<_, String>(11)?)?,
                files: files.remove(&load_id).unwrap_or_default(),
            });
        }
        Ok(loads)
    }

    /// Finds the load that stored a file with this content through this preset, and when: to be
    /// asked before a file is read.
    pub fn loaded_before(
        &self,
        hash: &[u8; 32],
        preset: &str,
    ) -> Result<Option<(i64, Timestamp)>, LakeError> {
        let sql = "SELECT load_id, recorded_at FROM load_file JOIN load_ledger USING (load_id)
                   WHERE load_file.content_hash = ? AND preset = ? ORDER BY load_id LIMIT 1";
        let hash = blake3::Hash::from_bytes(*hash).to_hex();
        let found: Option<(i64, String)> = self
            .connection()
            .prepare_cached(sql)?
            .query_row([hash.as_str(), preset], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found.map(|(load, at)| Ok((load, catalog::instant_from_text(&at)?))).transpose()
    }

    /// Returns what was remembered of a stream of a connection; see [`Lake::remember`].
    pub fn remembered(&self) -> Result<BTreeMap<String, String>, LakeError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT stream, note FROM stream_note")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Remembers of streams what their next run must know; what was remembered before is replaced.
    pub fn remember(&self, notes: &BTreeMap<String, String>) -> Result<(), LakeError> {
        if notes.is_empty() {
            return Ok(());
        }
        let lock = WriterLock::take(&self.place)?;
        self.change(&lock, "streams", |connection| {
            for (stream, note) in notes {
                let sql = "INSERT INTO stream_note VALUES (?, ?)
                           ON CONFLICT (stream) DO UPDATE SET note = excluded.note";
                connection.execute(sql, [stream, note])?;
            }
            Ok(())
        })
    }

    /// True where a lake is, or what is left of one; not where the maker of one died.
    pub fn is_at(place: impl Into<Place>) -> bool {
        let place = place.into();
        // What cannot be read is for whoever opens it to say.
        find(&place).map_or(true, |found| found.is_some()) || chain::check_gone(&place).is_err()
    }

    /// Changes the catalog under the lock, through the chain; see [`chain::change`].
    pub(crate) fn change<T>(
        &self,
        lock: &WriterLock,
        what: &str,
        make: impl FnOnce(&Connection) -> Result<T, LakeError>,
    ) -> Result<T, LakeError> {
        chain::change(self.dir(), &mut self.connection(), lock, what, make)
            .map_err(|error| error.in_catalog(self.dir()))
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves no half-made statement behind: transactions roll back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(row: &Row, at: usize) -> Result<u64, LakeError> {
    Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(0))
}

/// The files of all loads, in their order.
fn loaded_files(connection: &Connection) -> Result<HashMap<i64, Vec<LoadedFile>>, LakeError> {
    let sql = "SELECT load_id, name, content_hash, preset, connection, complete, status, n_read,
                      n_loaded, n_known, n_quarantined, totals
               FROM load_file ORDER BY load_id, file_index";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut files: HashMap<i64, Vec<LoadedFile>> = HashMap::new();
    while let Some(row) = rows.next()? {
        files.entry(row.get(0)?).or_default().push(LoadedFile {
            name: row.get(1)?,
            hash: row.get(2)?,
            preset: row.get(3)?,
            connection: row.get(4)?,
            complete: row.get(5)?,
            status: row.get(6)?,
            rows: RowCounts {
                read: count(row, 7)?,
                loaded: count(row, 8)?,
                known: count(row, 9)?,
                quarantined: count(row, 10)?,
            },
            totals: serde_json::from_str(&row.get::<_, String>(11)?)?,
        });
    }
    Ok(files)
}

/// Connects to a catalog with tables: one that was being made when its maker died has none.
pub(crate) fn find(place: &Place) -> Result<Option<Connection>, LakeError> {
    const TABLE: &str = "ducklake_metadata";
    if place.catalog.is_none() {
        let path = place.dir.join("catalog.sqlite");
        // As it is: whoever looks changes nothing.
        if !path.is_file()
            || !Connection::from(rusqlite::Connection::open(path)?).has_table(TABLE)?
        {
            return Ok(None);
        }
        return Ok(Some(catalog::connect(place)?));
    }
    let connection = catalog::connect(place)?;
    Ok(if connection.has_table(TABLE)? { Some(connection) } else { None })
}

fn make_folders<'a>(dir: &Path, tables: impl Iterator<Item = &'a str>) -> Result<(), LakeError> {
    let main = dir.join("main");
    let mut made = false;
    for table in tables {
        let folder = main.join(table);
        if !folder.is_dir() {
            std::fs::create_dir_all(&folder).map_err(LakeError::disk("cannot create", &folder))?;
            made = true;
        }
    }
    if made {
        parquet_file::flush_folder(&main)?;
        parquet_file::flush_folder(dir)?;
    }
    Ok(())
}

/// Removes what a dead writer left, and brings the catalog up to the model and the folder.
fn tidy_up(
    dir: &Path,
    connection: &mut Connection,
    lock: &WriterLock,
    person_key: &PersonKey,
) -> Result<Tables, LakeError> {
    lock.sweep(dir, connection)?;
    let known = catalog::tables(connection, dir)?;
    make_folders(dir, known.tables.iter().map(|table| table.name))?;
    if !known.complete || !is_where_it_was(connection, dir)? {
        chain::change(dir, connection, lock, "brought up", |connection| {
            if !is_where_it_was(connection, dir)? {
                set_data_path(connection, dir)?;
            }
            if !known.complete {
                let tables: Vec<StoredTable> =
                    known.tables.iter().map(|table| (**table).clone()).collect();
                catalog::register(connection, &tables)?;
            }
            Ok(())
        })?;
    }
    if erase::pending(connection)? {
        match erase::finish(dir, connection, lock, &known.tables, person_key, &mut |_| Ok(())) {
            // Somebody reads: the next start packs the catalog.
            Ok(_) | Err(LakeError::Locked { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(known)
}

/// Writes down where the files are, for `DuckDB`; we ourselves go by the folder that was opened.
fn set_data_path(connection: &Connection, dir: &Path) -> Result<(), LakeError> {
    let sql = "UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'";
    connection.execute(sql, [data_path_of(dir)])?;
    Ok(())
}

/// True where the files are where the catalog says. A folder that machines share may have another
/// path on each: it keeps the one under which it was made.
fn is_where_it_was(connection: &Connection, dir: &Path) -> Result<bool, LakeError> {
    if connection.sqlite().is_none() {
        return Ok(true);
    }
    let sql = "SELECT value FROM ducklake_metadata WHERE key = 'data_path'";
    let path: String = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(path == data_path_of(dir))
}

fn data_path_of(dir: &Path) -> String {
    format!("{}/", dir.display())
}

fn uuid(connection: &Connection) -> Result<String, LakeError> {
    Ok(info(connection, "uuid")?.unwrap_or_default())
}

fn info(connection: &Connection, key: &str) -> Result<Option<String>, LakeError> {
    let sql = "SELECT value FROM lake_info WHERE key = ?";
    Ok(connection.query_row(sql, [key], |row| row.get(0)).optional()?)
}
