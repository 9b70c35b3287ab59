//! The catalog: which files make up which table at which snapshot, in the DuckLake 1.0 tables.
//!
//! A snapshot is a list of files, some with a list of rows that are deleted from them: all that are
//! deleted at the snapshot, so that there is one list at most. A snapshot never changes once it is
//! committed; its time is the instant at which its load was recorded. All functions here run in the
//! caller's transaction. The layout is that of the `DuckLake` 1.0 specification, as `DuckDB` 1.5.5
//! writes it into a file and onto a server.

mod replace;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::cells::{Bound, Bounds};
use crate::error::LakeError;
use crate::key_index::WrittenIndex;
use crate::parquet_file::{WrittenDeletes, WrittenFile};
use crate::place::Place;
use crate::schema::{StoredTable, catalog_type};
use crate::sql::{Connection, OptionalExtension as _, params};

pub(crate) use self::replace::{files_ever, narrow_table, pack, replace_file, text_columns};

/// The layout of a lake as this program writes it: greater where an older program must not touch
/// it.
const LAYOUT: u32 = 1;

/// Number of a snapshot; later ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct SnapshotId(pub i64);

/// The state of the lake after one load.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Snapshot {
    /// Its number.
    pub id: SnapshotId,
    /// The load that made it.
    pub load_id: i64,
    /// When the load was recorded.
    pub recorded_at: Timestamp,
    /// Who loaded.
    pub author: Option<String>,
    /// Why.
    pub message: Option<String>,
}

/// A file of a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DataFile {
    /// Its number in the catalog.
    pub id: i64,
    /// Where it is.
    pub path: PathBuf,
    /// Rows that it has at the snapshot, withdrawn facts included.
    pub n_rows: u64,
    /// Of these, rows of withdrawn facts.
    pub n_withdrawn: u64,
    /// Rows in the file, deleted ones included.
    pub n_stored: u64,
    /// Which rows are deleted at the snapshot; none where all are there.
    pub deletes: Option<DeleteFile>,
    /// Size in bytes.
    pub bytes: u64,
    /// The load that wrote it.
    pub load_id: i64,
    /// BLAKE3 of its content, in hexadecimal; none where another program wrote it.
    pub hash: Option<String>,
}

/// The rows of a data file that are deleted at a snapshot, by their positions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DeleteFile {
    /// Its number in the catalog.
    pub id: i64,
    /// Where it is.
    pub path: PathBuf,
    /// How many rows are deleted.
    pub n_rows: u64,
    /// Of these, rows of withdrawn facts.
    pub n_withdrawn: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 of its content, in hexadecimal.
    pub hash: Option<String>,
}

/// The newest snapshot, and the numbers to be given out next.
pub(crate) struct Head {
    pub(crate) snapshot: i64,
    schema_version: i64,
    next_catalog: i64,
    next_file: i64,
    /// As the catalog writes it.
    time: String,
}

impl Head {
    pub(crate) fn recorded_at(&self) -> Result<Timestamp, LakeError> {
        match Bound::from_catalog(domain::fact::Kind::Instant, &self.time) {
            Some(Bound::Instant(at)) => Timestamp::from_microsecond(at).ok(),
            _ => None,
        }
        .ok_or_else(|| LakeError::Unreadable {
            what: "time of the newest snapshot",
            found: self.time.clone(),
        })
    }
}

/// What a load changes, table by table.
pub(crate) struct TableChange<'a> {
    pub(crate) table: &'a StoredTable,
    /// Files that the snapshot lists no more.
    pub(crate) replaced: Vec<i64>,
    /// Files that it lists from now on.
    pub(crate) written: &'a [WrittenFile],
    /// Lists of deleted rows, each in place of the one that its file had.
    pub(crate) deleted: &'a [WrittenDeletes],
    /// Indexes of keys that were made anew, with the numbers of their files.
    pub(crate) indexes: &'a [(i64, WrittenIndex)],
}

/// Who made a snapshot, when and why.
pub(crate) struct Commit<'a> {
    pub(crate) load_id: i64,
    pub(crate) recorded_at: Timestamp,
    pub(crate) author: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
    pub(crate) content_hash: &'a str,
}

/// Writes an instant with six digits after the second, so that texts sort as instants do.
pub(crate) fn instant_text(at: Timestamp) -> String {
    format!("{at:.6}")
}

pub(crate) fn instant_from_text(text: &str) -> Result<Timestamp, LakeError> {
    text.parse().map_err(|_| LakeError::Unreadable {
        what: "instant in the ledger",
        found: text.to_owned(),
    })
}

pub(crate) fn snapshot_time(at: Timestamp) -> String {
    instant_text(at).replacen('T', " ", 1).replacen('Z', "+00", 1)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Opens the catalog: each commit is flushed before it is acknowledged. Whatever is written goes
/// through the chain.
pub(crate) fn connect(place: &Place) -> Result<Connection, LakeError> {
    Ok(match &place.catalog {
        Some(database) => Connection::server(database.server()?)?,
        None => Connection::file(&place.dir.join("catalog.sqlite"))?,
    })
}

/// Returns 32 random characters of `0` to `f`.
fn random() -> Result<String, LakeError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        LakeError::disk("cannot make randomness for", "catalog")(std::io::Error::other(error))
    })?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

/// Returns a random UUID (version 4) in its usual spelling.
fn uuid() -> Result<String, LakeError> {
    let hex = random()?;
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    let (middle, variant) = (part(13..16), part(17..20));
    Ok(format!("{}-{}-4{middle}-a{variant}-{}", part(0..8), part(8..12), part(20..32)))
}

/// Returns 16 random characters for the names of files.
pub(crate) fn random_name() -> Result<String, LakeError> {
    Ok(random()?.get(..16).unwrap_or_default().to_owned())
}

/// Makes the tables of the catalog and registers the tables of the lake, in snapshots 0 and 1. Both
/// bear the epoch as their time, as nothing is known yet.
pub(crate) fn create(connection: &Connection, tables: &[StoredTable]) -> Result<(), LakeError> {
    connection.make_tables(include_str!("catalog.sql"))?;
    let info = "INSERT INTO lake_info VALUES (?, ?)";
    connection.execute(info, ["uuid", &uuid()?])?;
    connection.execute(info, ["layout", &LAYOUT.to_string()])?;
    let metadata = "INSERT INTO ducklake_metadata VALUES (?, ?, NULL, NULL)";
    for (key, value) in [
        ("version", "1.0"),
        ("created_by", concat!("Throughline ", env!("CARGO_PKG_VERSION"))),
        ("data_path", ""),
        ("encrypted", "false"),
    ] {
        connection.execute(metadata, [key, value])?;
    }
    let time = snapshot_time(Timestamp::UNIX_EPOCH);
    connection.execute("INSERT INTO ducklake_snapshot VALUES (0, ?, 0, 1, 0)", [&time])?;
    connection.execute(
        "INSERT INTO ducklake_snapshot_changes VALUES (0, ?, NULL, NULL, NULL)",
        ["created_schema:\"main\""],
    )?;
    connection.execute(
        "INSERT INTO ducklake_schema VALUES (0, ?, 0, NULL, 'main', 'main/', TRUE)",
        [uuid()?],
    )?;
    register(connection, tables)
}

/// Registers tables and columns that the catalog does not have yet, in a snapshot of its own that
/// bears the time of the newest one.
pub(crate) fn register(connection: &Connection, tables: &[StoredTable]) -> Result<(), LakeError> {
    let head = head(connection)?;
    let (snapshot, version) = (head.snapshot + 1, head.schema_version + 1);
    let mut changes = Vec::new();
    let mut next_catalog = head.next_catalog;
    for table in tables {
        let known = column_ids(connection, table.id)?;
        if known.is_empty() {
            connection.execute(
                "INSERT INTO ducklake_table VALUES (?, ?, ?, NULL, 0, ?, ?, TRUE)",
                params![table.id, uuid()?, snapshot, table.name, format!("{}/", table.name)],
            )?;
            connection
                .execute("INSERT INTO ducklake_table_stats VALUES (?, 0, 0, 0)", [table.id])?;
            changes.push(format!("created_table:\"main\".\"{}\"", table.name));
            next_catalog = next_catalog.max(table.id + 1);
        } else if known.len() < table.columns.len() {
            changes.push(format!("altered_table:{}", table.id));
        } else {
            continue;
        }
        for column in table.columns.iter().filter(|column| !known.contains_key(column.name)) {
            connection.execute(
                "INSERT INTO ducklake_column VALUES
                    (?1, ?2, NULL, ?3, ?1, ?4, ?5, NULL, 'NULL', TRUE, NULL, 'literal', 'duckdb')",
                params![column.id, snapshot, table.id, column.name, catalog_type(column.kind)],
            )?;
        }
        connection.execute(
            "INSERT INTO ducklake_schema_versions VALUES (?, ?, ?)",
            params![snapshot, version, table.id],
        )?;
    }
    connection.execute(
        "INSERT INTO ducklake_snapshot VALUES (?, ?, ?, ?, ?)",
        params![snapshot, head.time, version, next_catalog, head.next_file],
    )?;
    connection.execute(
        "INSERT INTO ducklake_snapshot_changes VALUES (?, ?, NULL, NULL, NULL)",
        params![snapshot, changes.join(",")],
    )?;
    Ok(())
}

fn column_ids(connection: &Connection, table: i64) -> Result<HashMap<String, i64>, LakeError> {
    let sql = "SELECT column_name, column_id FROM ducklake_column
               WHERE table_id = ? AND end_snapshot IS NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The tables of the model with their numbers in the catalog, and whether the catalog lacks some.
pub(crate) struct Tables {
    pub(crate) tables: Vec<Arc<StoredTable>>,
    pub(crate) complete: bool,
}

/// Reads the numbers of tables and columns. What the catalog lacks gets the next numbers; what only
/// the catalog knows is refused, as rewriting a file would lose it.
pub(crate) fn tables(connection: &Connection, dir: &Path) -> Result<Tables, LakeError> {
    let layout = |found: String| LakeError::Layout { dir: dir.to_owned(), found };
    let version: Option<String> = connection
        .query_row("SELECT value FROM ducklake_metadata WHERE key = 'version'", [], |r| r.get(0))
        .optional()?;
    if version.as_deref() != Some("1.0") {
        let found = version.unwrap_or_else(|| "none".to_owned());
        return Err(layout(format!("catalog version `{found}`, expected `1.0`")));
    }
    let mut statement = connection
        .prepare("SELECT table_name, table_id FROM ducklake_table WHERE end_snapshot IS NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let numbers: HashMap<String, i64> = rows.collect::<Result<_, _>>()?;
    let mut next = head(connection)?.next_catalog;
    let mut complete = true;
    let mut tables = Vec::new();
    for declared in StoredTable::declared() {
        let (id, columns) = match numbers.get(declared.name) {
            Some(&id) => (id, column_ids(connection, id)?),
            None => (next, HashMap::new()),
        };
        if columns.is_empty() {
            next = next.max(id + 1);
        }
        let unknown = columns.keys().filter(|name| declared.position(name).is_none()).min();
        if let Some(name) = unknown {
            return Err(layout(format!("column `{name}` of table `{}`", declared.name)));
        }
        complete &= columns.len() == declared.columns.len();
        tables.push(Arc::new(StoredTable::new(declared.name, id, declared.fact, &columns)));
    }
    for (what, sql) in [
        (
            "rows deleted",
            "SELECT count(*) FROM ducklake_delete_file
             WHERE delete_file_id NOT IN (SELECT delete_file_id FROM lake_delete_file)",
        ),
        ("rows inlined", "SELECT count(*) FROM ducklake_inlined_data_tables"),
    ] {
        let count: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        if count > 0 {
            return Err(layout(format!("{what} by another program")));
        }
    }
    Ok(Tables { tables, complete })
}

/// Fails where a newer program has written the lake.
pub(crate) fn check_layout(connection: &Connection, dir: &Path) -> Result<(), LakeError> {
    if !connection.has_table("lake_info")? {
        let found = "a catalog of another program".to_owned();
        return Err(LakeError::Layout { dir: dir.to_owned(), found });
    }
    let sql = "SELECT value FROM lake_info WHERE key = 'layout'";
    let found: String = connection.query_row(sql, [], |row| row.get(0))?;
    match found.parse() {
        Ok(found) if found <= LAYOUT => Ok(()),
        Ok(found) => Err(LakeError::Newer { dir: dir.to_owned(), found, known: LAYOUT }),
        Err(_) => Err(LakeError::Unreadable { what: "layout of the lake", found }),
    }
}

/// Reads the newest snapshot.
pub(crate) fn head(connection: &Connection) -> Result<Head, LakeError> {
    let sql = "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id, snapshot_time
               FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1";
    Ok(connection.query_row(sql, [], |row| {
        Ok(Head {
            snapshot: row.get(0)?,
            schema_version: row.get(1)?,
            next_catalog: row.get(2)?,
            next_file: row.get(3)?,
            time: row.get(4)?,
        })
    })?)
}

/// Fails where there is no such snapshot, as its list of files would be read as an empty table.
pub(crate) fn must_exist(connection: &Connection, snapshot: SnapshotId) -> Result<(), LakeError> {
    let sql = "SELECT 1 FROM ducklake_snapshot WHERE snapshot_id = ?";
    let found = connection.prepare_cached(sql)?.exists([snapshot.0])?;
    if found { Ok(()) } else { Err(LakeError::NoSnapshot { id: snapshot.0 }) }
}

/// Lists the snapshots that loads have made, oldest first.
pub(crate) fn snapshots(connection: &Connection) -> Result<Vec<Snapshot>, LakeError> {
    let sql = "SELECT snapshot_id, load_id, recorded_at, author, message
               FROM load_ledger ORDER BY snapshot_id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut snapshots = Vec::new();
    while let Some(row) = rows.next()? {
        snapshots.push(Snapshot {
            id: SnapshotId(row.get(0)?),
            load_id: row.get(1)?,
            recorded_at: instant_from_text(&row.get::<_, String>(2)?)?,
            author: row.get(3)?,
            message: row.get(4)?,
        });
    }
    Ok(snapshots)
}

/// Finds the last snapshot recorded at or before an instant.
pub(crate) fn snapshot_as_of(
    connection: &Connection,
    at: Timestamp,
) -> Result<Option<SnapshotId>, LakeError> {
    let sql = "SELECT coalesce(max(c.snapshot_id), l.snapshot_id)
               FROM load_ledger l LEFT JOIN lake_compaction c ON c.load_id = l.load_id
               WHERE l.load_id = (SELECT max(load_id) FROM load_ledger WHERE recorded_at <= ?)
               GROUP BY l.snapshot_id";
    let id: Option<i64> =
        connection.query_row(sql, [instant_text(at)], |row| row.get(0)).optional()?;
    Ok(id.map(SnapshotId))
}

/// Lists the files of a table at a snapshot, in the order of their numbers.
pub(crate) fn files(
    connection: &Connection,
    dir: &Path,
    table: &StoredTable,
    snapshot: SnapshotId,
) -> Result<Vec<DataFile>, LakeError> {
    must_exist(connection, snapshot)?;
    let sql = "SELECT f.data_file_id, f.path, f.record_count, f.file_size_bytes,
                      coalesce(l.n_withdrawn, 0), coalesce(l.load_id, 0), d.delete_file_id, d.path,
                      d.delete_count, coalesce(m.n_withdrawn, 0), d.file_size_bytes, l.hash, m.hash
               FROM ducklake_data_file f
               LEFT JOIN lake_file l ON l.data_file_id = f.data_file_id
               LEFT JOIN ducklake_delete_file d
                 ON d.data_file_id = f.data_file_id AND d.begin_snapshot <= ?2
                AND (d.end_snapshot IS NULL OR d.end_snapshot > ?2)
               LEFT JOIN lake_delete_file m ON m.delete_file_id = d.delete_file_id
               WHERE f.table_id = ?1 AND f.begin_snapshot <= ?2
                 AND (f.end_snapshot IS NULL OR f.end_snapshot > ?2)
               ORDER BY f.data_file_id";
    let folder = dir.join("main").join(table.name);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![table.id, snapshot.0])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        let deletes = match (row.get(6)?, row.get(7)?) {
            (Some(id), Some(name)) => Some(DeleteFile {
                id,
                path: within(&folder, name)?,
                n_rows: unsigned(row.get(8)?),
                n_withdrawn: unsigned(row.get(9)?),
                bytes: unsigned(row.get(10)?),
                hash: row.get(12)?,
            }),
            _ => None,
        };
        let n_stored = unsigned(row.get(2)?);
        let n_withdrawn = unsigned(row.get(4)?);
        let gone = deletes.as_ref().map_or((0, 0), |gone| (gone.n_rows, gone.n_withdrawn));
        files.push(DataFile {
            id: row.get(0)?,
            path: within(&folder, row.get(1)?)?,
            n_rows: n_stored.saturating_sub(gone.0),
            bytes: unsigned(row.get(3)?),
            n_withdrawn: n_withdrawn.saturating_sub(gone.1),
            load_id: row.get(5)?,
            n_stored,
            deletes,
            hash: row.get(11)?,
        });
    }
    Ok(files)
}

/// Joins the name of a file with the folder of its table; anything but a plain name is refused.
fn within(folder: &Path, name: String) -> Result<PathBuf, LakeError> {
    if Path::new(&name).file_name().is_none_or(|last| last != name.as_str()) {
        return Err(LakeError::Unreadable { what: "path of a file", found: name });
    }
    Ok(folder.join(name))
}

/// Lists the indexes of keys of a table, by the number of their file.
pub(crate) fn key_indexes(
    connection: &Connection,
    dir: &Path,
    table: &StoredTable,
) -> Result<HashMap<i64, WrittenIndex>, LakeError> {
    let sql =
        "SELECT data_file_id, path, file_size_bytes, hash FROM lake_key_index WHERE table_id = ?";
    let folder = dir.join("main").join(table.name);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([table.id])?;
    let mut indexes = HashMap::new();
    while let Some(row) = rows.next()? {
        let path = within(&folder, row.get(1)?)?;
        indexes.insert(
            row.get(0)?,
            WrittenIndex { path, bytes: unsigned(row.get(2)?), hash: row.get(3)? },
        );
    }
    Ok(indexes)
}

/// Lists all files that the catalog names, by the folder of their table.
pub(crate) fn all_files(
    connection: &Connection,
    dir: &Path,
) -> Result<HashSet<PathBuf>, LakeError> {
    let sql = "SELECT t.table_name, f.path FROM ducklake_table t JOIN (
                   SELECT table_id, path FROM ducklake_data_file
                   UNION ALL SELECT table_id, path FROM ducklake_delete_file
                   UNION ALL SELECT table_id, path FROM lake_key_index
               ) f ON f.table_id = t.table_id";
    let main = dir.join("main");
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(main.join(row.get::<_, String>(0)?).join(row.get::<_, String>(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Finds the least and greatest value of a column over all files of a table at a snapshot; none
/// where a file does not say.
pub(crate) fn bounds(
    connection: &Connection,
    table: &StoredTable,
    column: &str,
    snapshot: SnapshotId,
) -> Result<Option<(Bound, Bound)>, LakeError> {
    must_exist(connection, snapshot)?;
    let column = table.column(column)?;
    let sql = "SELECT s.value_count, s.min_value, s.max_value
               FROM ducklake_data_file f
               LEFT JOIN ducklake_file_column_stats s
                 ON s.data_file_id = f.data_file_id AND s.column_id = ?3
               WHERE f.table_id = ?1 AND f.begin_snapshot <= ?2
                 AND (f.end_snapshot IS NULL OR f.end_snapshot > ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![table.id, snapshot.0, column.id])?;
    let mut range: Option<(Bound, Bound)> = None;
    while let Some(row) = rows.next()? {
        if row.get::<_, Option<i64>>(0)? == Some(0) {
            continue;
        }
        let read = |at: usize| -> Result<Option<Bound>, LakeError> {
            let text: Option<String> = row.get(at)?;
            Ok(text.and_then(|text| Bound::from_catalog(column.kind, &text)))
        };
        let (Some(least), Some(greatest)) = (read(1)?, read(2)?) else { return Ok(None) };
        range = Some(match range {
            None => (least, greatest),
            Some((low, high)) => (low.min(least), high.max(greatest)),
        });
    }
    Ok(range)
}

/// Writes a snapshot: files that are listed no more, files that are listed from now on, statistics.
/// Returns its number.
pub(crate) fn commit(
    connection: &Connection,
    commit: &Commit<'_>,
    changes: &[TableChange<'_>],
) -> Result<SnapshotId, LakeError> {
    let head = head(connection)?;
    let newest = head.recorded_at()?;
    if commit.recorded_at < newest {
        return Err(LakeError::Backdated { asked: commit.recorded_at, newest });
    }
    let snapshot = head.snapshot + 1;
    let mut next_file = head.next_file;
    let mut made = Vec::new();
    for change in changes {
        let table = change.table;
        if !change.written.is_empty() {
            made.push(format!("inserted_into_table:{}", table.id));
        }
        if !change.replaced.is_empty() || !change.deleted.is_empty() {
            made.push(format!("deleted_from_table:{}", table.id));
        }
        for id in &change.replaced {
            let sql = "UPDATE ducklake_data_file SET end_snapshot = ?
                       WHERE data_file_id = ? AND end_snapshot IS NULL";
            connection.execute(sql, params![snapshot, id])?;
            end_deletes(connection, snapshot, *id)?;
            connection.execute("DELETE FROM lake_key_index WHERE data_file_id = ?", [id])?;
        }
        let sql = "SELECT next_row_id FROM ducklake_table_stats WHERE table_id = ?";
        let mut next_row: i64 = connection.query_row(sql, [table.id], |row| row.get(0))?;
        widen_table(connection, table, change.written)?;
        for file in change.written {
            insert_file(connection, commit.load_id, snapshot, table, file, next_file, next_row)?;
            next_file += 1;
            next_row += signed(file.rows);
        }
        for list in change.deleted {
            end_deletes(connection, snapshot, list.data_file)?;
            insert_deletes(connection, commit.load_id, snapshot, table, list, next_file)?;
            next_file += 1;
        }
        for (file, index) in change.indexes {
            insert_index(connection, table, *file, index)?;
        }
        // Deleted rows count, as those of a file that was not written anew.
        connection.execute(
            "UPDATE ducklake_table_stats SET next_row_id = ?2, (record_count, file_size_bytes) =
                (SELECT coalesce(sum(record_count), 0), coalesce(sum(file_size_bytes), 0)
                 FROM ducklake_data_file WHERE table_id = ?1 AND end_snapshot IS NULL)
             WHERE table_id = ?1",
            params![table.id, next_row],
        )?;
    }
    connection.execute(
        "INSERT INTO ducklake_snapshot VALUES (?, ?, ?, ?, ?)",
        params![
            snapshot,
            snapshot_time(commit.recorded_at),
            head.schema_version,
            head.next_catalog,
            next_file
        ],
    )?;
    connection.execute(
        "INSERT INTO ducklake_snapshot_changes VALUES (?, ?, ?, ?, ?)",
        params![snapshot, made.join(","), commit.author, commit.message, commit.content_hash],
    )?;
    Ok(SnapshotId(snapshot))
}

/// Ends the list of deleted rows that a file has.
fn end_deletes(connection: &Connection, snapshot: i64, file: i64) -> Result<(), LakeError> {
    let sql = "UPDATE ducklake_delete_file SET end_snapshot = ?
               WHERE data_file_id = ? AND end_snapshot IS NULL";
    connection.prepare_cached(sql)?.execute([snapshot, file])?;
    Ok(())
}

fn insert_deletes(
    connection: &Connection,
    load_id: i64,
    snapshot: i64,
    table: &StoredTable,
    list: &WrittenDeletes,
    id: i64,
) -> Result<(), LakeError> {
    connection.execute(
        "INSERT INTO ducklake_delete_file VALUES
            (?, ?, ?, NULL, ?, ?, TRUE, 'parquet', ?, ?, ?, NULL, NULL)",
        params![
            id,
            table.id,
            snapshot,
            list.data_file,
            name_of(&list.path),
            signed(list.rows),
            signed(list.bytes),
            signed(list.footer)
        ],
    )?;
    connection.execute(
        "INSERT INTO lake_delete_file VALUES (?, ?, ?, ?)",
        params![id, load_id, signed(list.withdrawn), list.hash],
    )?;
    Ok(())
}

/// Names the index of a file, in place of the one that it had.
fn insert_index(
    connection: &Connection,
    table: &StoredTable,
    file: i64,
    index: &WrittenIndex,
) -> Result<(), LakeError> {
    connection.execute("DELETE FROM lake_key_index WHERE data_file_id = ?", [file])?;
    connection.execute(
        "INSERT INTO lake_key_index VALUES (?, ?, ?, ?, ?)",
        params![file, table.id, name_of(&index.path), signed(index.bytes), index.hash],
    )?;
    Ok(())
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn insert_file(
    connection: &Connection,
    load_id: i64,
    snapshot: i64,
    table: &StoredTable,
    file: &WrittenFile,
    id: i64,
    first_row: i64,
) -> Result<(), LakeError> {
    let name = name_of(&file.path);
    connection.execute(
        "INSERT INTO ducklake_data_file VALUES
            (?, ?, ?, NULL, NULL, ?, TRUE, 'parquet', ?, ?, ?, ?, NULL, NULL, NULL, NULL)",
        params![
            id,
            table.id,
            snapshot,
            name,
            signed(file.rows),
            signed(file.bytes),
            signed(file.footer),
            first_row
        ],
    )?;
    connection.execute(
        "INSERT INTO lake_file VALUES (?, ?, ?, ?)",
        params![id, load_id, signed(file.withdrawn), file.hash],
    )?;
    if let Some(index) = &file.index {
        insert_index(connection, table, id, index)?;
    }
    statistics(connection, table, file, id)
}

/// Writes the statistics of the columns of a file.
fn statistics(
    connection: &Connection,
    table: &StoredTable,
    file: &WrittenFile,
    id: i64,
) -> Result<(), LakeError> {
    let sql = "INSERT INTO ducklake_file_column_stats VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)";
    let mut statement = connection.prepare_cached(sql)?;
    for ((column, bounds), size) in table.columns.iter().zip(&file.bounds).zip(&file.sizes) {
        if table.keeps_statistics(column) {
            let (least, greatest) = texts(bounds);
            statement.execute(params![
                id,
                table.id,
                column.id,
                signed(*size),
                signed(bounds.n_values),
                signed(bounds.n_nulls),
                least,
                greatest
            ])?;
        }
    }
    Ok(())
}

/// Both bounds as the catalog writes them, or none: half a range helps no reader.
fn texts(bounds: &Bounds) -> (Option<String>, Option<String>) {
    let text = |bound: &Option<Bound>| bound.as_ref().and_then(Bound::to_catalog);
    match (text(&bounds.least), text(&bounds.greatest)) {
        (Some(least), Some(greatest)) => (Some(least), Some(greatest)),
        _ => (None, None),
    }
}

/// Widens the statistics of a table by those of files that are not yet listed. They never narrow,
/// as they must hold for the files of older snapshots too.
fn widen_table(
    connection: &Connection,
    table: &StoredTable,
    written: &[WrittenFile],
) -> Result<(), LakeError> {
    if written.is_empty() {
        return Ok(());
    }
    for (at, column) in table.columns.iter().enumerate() {
        if !table.keeps_statistics(column) {
            continue;
        }
        let sql = "SELECT contains_null, min_value, max_value FROM ducklake_table_column_stats
                   WHERE table_id = ? AND column_id = ?";
        let key = params![table.id, column.id];
        let known: Option<(bool, Option<String>, Option<String>)> = connection
            .prepare_cached(sql)?
            .query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let files = written.iter().filter_map(|file| file.bounds.get(at));
        let mut contains_null = known.as_ref().is_some_and(|known| known.0);
        let mut range = None;
        // True where some value of the column is in no range.
        let mut open = false;
        if let Some((_, least, greatest)) = &known {
            let read = |text: &Option<String>| {
                text.as_deref().and_then(|text| Bound::from_catalog(column.kind, text))
            };
            range = read(least).zip(read(greatest));
            let sql = "SELECT 1 FROM ducklake_file_column_stats
                       WHERE table_id = ? AND column_id = ? AND value_count > 0 LIMIT 1";
            open = range.is_none() && connection.prepare_cached(sql)?.exists(key)?;
        }
        for bounds in files {
            contains_null |= bounds.n_nulls > 0;
            if bounds.n_values == 0 {
                continue;
            }
            match (texts(bounds), &bounds.least, &bounds.greatest) {
                ((Some(_), Some(_)), Some(least), Some(greatest)) => {
                    range = Some(match range {
                        None => (least.clone(), greatest.clone()),
                        Some((low, high)) => (low.min(least.clone()), high.max(greatest.clone())),
                    });
                }
                _ => open = true,
            }
        }
        let range = if open { None } else { range };
        let (least, greatest) = match &range {
            Some((least, greatest)) => (least.to_catalog(), greatest.to_catalog()),
            None => (None, None),
        };
        let sql = if known.is_some() {
            "UPDATE ducklake_table_column_stats
             SET contains_null = ?3, min_value = ?4, max_value = ?5
             WHERE table_id = ?1 AND column_id = ?2"
        } else {
            "INSERT INTO ducklake_table_column_stats VALUES (?1, ?2, ?3, NULL, ?4, ?5, NULL)"
        };
        connection.prepare_cached(sql)?.execute(params![
            table.id,
            column.id,
            contains_null,
            least,
            greatest
        ])?;
    }
    Ok(())
}
