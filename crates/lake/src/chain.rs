//! Every change of the catalog is a link of a chain: a digest over what it wrote and the digest
//! before. The newest link stands outside the database too, in the [anchor](crate::anchor).
//!
//! [`change`] is the only door through which the catalog is written. What a link covers is what
//! figures rest on: snapshots, files with their sizes, rows, hashes and statistics, tables,
//! columns, and the ledger. The rest of the catalog is covered by the seal of its file; on a server
//! by nothing but the server.

use std::path::Path;
use std::time::Duration;

use crate::anchor::{self, Anchor, Link};
use crate::catalog;
use crate::error::LakeError;
use crate::lock::WriterLock;
use crate::parquet_file::hash_file;
use crate::place::Place;
use crate::sql::{self, Connection, OptionalExtension as _, PATIENCE, Row, Value, params};

/// How often a reader looks again where the catalog is ahead of the anchor: a writer is at work.
const LOOKS: u32 = 20;

/// A link as the catalog knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Change {
    pub(crate) n: i64,
    pub(crate) snapshot: i64,
    pub(crate) what: String,
    pub(crate) digest: String,
}

/// Changes the catalog: all of it or nothing. When this returns, the change outlives a power cut.
///
/// `what` says in a word or two what was done. It writes at most what `make` writes and the link.
pub(crate) fn change<T>(
    dir: &Path,
    connection: &mut Connection,
    lock: &WriterLock,
    what: &str,
    make: impl FnOnce(&Connection) -> Result<T, LakeError>,
) -> Result<T, LakeError> {
    // Settling a file takes its seal, for which there must be no transaction. On a server only the
    // transaction keeps everybody else from the anchor: the lock may be lost already.
    let settled = match connection.sqlite() {
        Some(_) => Some(settle(dir, connection)?),
        None => None,
    };
    write(dir, connection, 0, what, |transaction| {
        lock.confirm(transaction, dir)?;
        let anchor = match settled {
            Some(anchor) => anchor,
            None => settle(dir, transaction)?,
        };
        Ok((anchor, make(transaction)?))
    })
}

/// Makes the catalog of a new lake, with the first link. Fails where there was a lake.
pub(crate) fn create(
    place: &Place,
    connection: &mut Connection,
    _lock: &WriterLock,
    make: impl FnOnce(&Connection) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    check_gone(place)?;
    let dir = place.dir.as_path();
    // Of a maker that died before its commit.
    let left = dir.join(anchor::FILE);
    if left.exists() {
        std::fs::remove_file(&left).map_err(LakeError::disk("cannot remove", &left))?;
    }
    write(dir, connection, 0, "made", |transaction| {
        make(transaction)?;
        Ok((Anchor::open(dir)?, ()))
    })
}

/// Fails where a catalog was committed, which is not there any more.
pub(crate) fn check_gone(place: &Place) -> Result<(), LakeError> {
    if anchor::newest(&place.dir)?.iter().any(|line| line.committed) {
        let found = match place.catalog {
            None => "`catalog.sqlite` is gone or empty",
            Some(_) => "its database is empty",
        };
        return Err(LakeError::Broken { dir: place.dir.clone(), found: found.to_owned() });
    }
    Ok(())
}

/// Begins the anchor anew with a change that is numbered after all that were known.
pub(crate) fn begin_anew(
    dir: &Path,
    connection: &mut Connection,
    lock: &WriterLock,
    last: i64,
) -> Result<(), LakeError> {
    write(dir, connection, last, "repaired", |transaction| {
        lock.confirm(transaction, dir)?;
        Ok((Anchor::open(dir)?, ()))
    })
}

fn write<T>(
    dir: &Path,
    connection: &mut Connection,
    last: i64,
    what: &str,
    make: impl FnOnce(&Connection) -> Result<(Anchor, T), LakeError>,
) -> Result<T, LakeError> {
    let door = Door::open(connection)?;
    let connection = &mut *door.0;
    let transaction = connection.transaction()?;
    let (mut anchor, made) = make(&transaction)?;
    let before = newest(&transaction)?;
    let head = catalog::head(&transaction)?;
    let n = before.as_ref().map_or(0, |before| before.n).max(last) + 1;
    let link = link(&transaction, before.as_ref(), n, head.snapshot, what)?;
    transaction.execute(
        "INSERT INTO lake_change VALUES (?, ?, ?, ?)",
        params![link.n, link.snapshot, link.what, link.digest],
    )?;
    let load: i64 =
        transaction
            .query_row("SELECT coalesce(max(load_id), 0) FROM load_ledger", [], |row| row.get(0))?;
    anchor.announce(&Link {
        n: link.n,
        snapshot: link.snapshot,
        load,
        at: &catalog::instant_text(head.recorded_at()?),
        digest: &link.digest,
    })?;
    transaction.commit()?;
    anchor.confirm(seal(dir, connection))?;
    Ok(made)
}

/// The right to write the catalog, which its connection has only here.
struct Door<'a>(&'a mut Connection);

impl<'a> Door<'a> {
    fn open(connection: &'a mut Connection) -> Result<Self, LakeError> {
        connection.set_writable(true)?;
        Ok(Self(connection))
    }
}

impl Drop for Door<'_> {
    fn drop(&mut self) {
        // Cannot fail: it only sets a flag.
        let _closed: sql::Result<()> = self.0.set_writable(false);
    }
}

/// Computes all links anew: for a change that rewrites what older snapshots say, within
/// [`change`].
pub(crate) fn relink(connection: &Connection) -> Result<(), LakeError> {
    let mut before: Option<Change> = None;
    for old in changes(connection)? {
        let new = link(connection, before.as_ref(), old.n, old.snapshot, &old.what)?;
        let sql = "UPDATE lake_change SET digest = ? WHERE n = ?";
        connection.execute(sql, params![new.digest, new.n])?;
        before = Some(new);
    }
    Ok(())
}

/// Changes the catalog file without changing what it says: unsealed until the next change.
pub(crate) fn unsealed<T>(
    dir: &Path,
    connection: &mut Connection,
    _lock: &WriterLock,
    make: impl FnOnce(&Connection) -> Result<T, LakeError>,
) -> Result<T, LakeError> {
    if connection.sqlite().is_some() {
        Anchor::open(dir)?.confirm(None)?;
    }
    let door = Door::open(connection)?;
    make(&*door.0)
}

/// Makes the link after another one, or the first.
pub(crate) fn link(
    connection: &Connection,
    before: Option<&Change>,
    n: i64,
    snapshot: i64,
    what: &str,
) -> Result<Change, LakeError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before.map_or("", |before| &before.digest).as_bytes());
    put(&mut hasher, Some(&n.to_string()));
    put(&mut hasher, Some(what));
    for snapshot in before.map_or(0, |before| before.snapshot + 1)..=snapshot {
        digest(connection, snapshot, &mut hasher)?;
    }
    let digest = hasher.finalize().to_hex().to_string();
    Ok(Change { n, snapshot, what: what.to_owned(), digest })
}

/// What a snapshot wrote, each with the columns that never change afterwards.
const CONTENT: &[&str] = &[
    "SELECT snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id
     FROM ducklake_snapshot WHERE snapshot_id = ?1",
    "SELECT changes_made, author, commit_message, commit_extra_info
     FROM ducklake_snapshot_changes WHERE snapshot_id = ?1",
    "SELECT table_id, table_uuid, schema_id, table_name, path FROM ducklake_table
     WHERE begin_snapshot = ?1 ORDER BY table_id",
    "SELECT table_id, column_id, column_name, column_type FROM ducklake_column
     WHERE begin_snapshot = ?1 ORDER BY table_id, column_id",
    "SELECT data_file_id, table_id, path, record_count, file_size_bytes, footer_size, row_id_start
     FROM ducklake_data_file WHERE begin_snapshot = ?1 ORDER BY data_file_id",
    "SELECT l.data_file_id, l.load_id, l.n_withdrawn, l.hash
     FROM ducklake_data_file f JOIN lake_file l ON l.data_file_id = f.data_file_id
     WHERE f.begin_snapshot = ?1 ORDER BY l.data_file_id",
    "SELECT s.data_file_id, s.column_id, s.column_size_bytes, s.value_count, s.null_count,
            s.min_value, s.max_value
     FROM ducklake_data_file f
     JOIN ducklake_file_column_stats s ON s.data_file_id = f.data_file_id
     WHERE f.begin_snapshot = ?1 ORDER BY s.data_file_id, s.column_id",
    "SELECT data_file_id FROM ducklake_data_file WHERE end_snapshot = ?1 ORDER BY data_file_id",
    "SELECT delete_file_id, table_id, data_file_id, path, delete_count, file_size_bytes, footer_size
     FROM ducklake_delete_file WHERE begin_snapshot = ?1 ORDER BY delete_file_id",
    "SELECT l.delete_file_id, l.load_id, l.n_withdrawn, l.hash
     FROM ducklake_delete_file f JOIN lake_delete_file l ON l.delete_file_id = f.delete_file_id
     WHERE f.begin_snapshot = ?1 ORDER BY l.delete_file_id",
    "SELECT delete_file_id FROM ducklake_delete_file WHERE end_snapshot = ?1
     ORDER BY delete_file_id",
    "SELECT load_id, content_hash, recorded_at, author, message, n_read, n_loaded, n_known,
            n_quarantined, facts
     FROM load_ledger WHERE snapshot_id = ?1",
    "SELECT f.file_index, f.name, f.content_hash, f.preset, f.n_read, f.n_loaded, f.n_known,
            f.n_quarantined, f.totals
     FROM load_file f JOIN load_ledger l ON l.load_id = f.load_id
     WHERE l.snapshot_id = ?1 ORDER BY f.file_index",
    "SELECT q.load_id, q.file_index, q.line
     FROM quarantine_resolved q JOIN load_ledger l ON l.load_id = q.by_load_id
     WHERE l.snapshot_id = ?1 ORDER BY q.load_id, q.file_index, q.line",
];

fn digest(
    connection: &Connection,
    snapshot: i64,
    hasher: &mut blake3::Hasher,
) -> Result<(), LakeError> {
    for sql in CONTENT {
        put(hasher, Some("rows"));
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([snapshot])?;
        while let Some(row) = rows.next()? {
            for value in row.values() {
                match value {
                    Value::Null => put(hasher, None),
                    Value::Integer(number) => put(hasher, Some(&number.to_string())),
                    Value::Real(number) => put(hasher, Some(&number.to_string())),
                    Value::Text(text) => put(hasher, Some(text)),
                    Value::Blob(bytes) => put(hasher, Some(&format!("{bytes:?}"))),
                }
            }
        }
    }
    Ok(())
}

/// Adds a value so that no two lists of values give the same bytes.
fn put(hasher: &mut blake3::Hasher, value: Option<&str>) {
    match value {
        None => hasher.update(&[0]),
        Some(text) => {
            hasher.update(&[1]);
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes())
        }
    };
}

/// Reads the newest link.
pub(crate) fn newest(connection: &Connection) -> Result<Option<Change>, LakeError> {
    let sql = "SELECT n, snapshot_id, what, digest FROM lake_change ORDER BY n DESC LIMIT 1";
    Ok(connection.query_row(sql, [], read).optional()?)
}

/// Finds the digest of the change that made a snapshot.
pub(crate) fn digest_of(connection: &Connection, snapshot: i64) -> Result<String, LakeError> {
    let sql = "SELECT digest FROM lake_change WHERE snapshot_id >= ? ORDER BY n LIMIT 1";
    let found = connection.query_row(sql, [snapshot], |row| row.get(0)).optional()?;
    found.ok_or(LakeError::NoSnapshot { id: snapshot })
}

/// Reads all links, oldest first.
pub(crate) fn changes(connection: &Connection) -> Result<Vec<Change>, LakeError> {
    let sql = "SELECT n, snapshot_id, what, digest FROM lake_change ORDER BY n";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row) -> sql::Result<Change> {
    let (n, snapshot, what, digest) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    Ok(Change { n, snapshot, what, digest })
}

/// Checks that the catalog is the one that was committed last, without the lock: a writer may be
/// at work.
pub(crate) fn check(dir: &Path, connection: &Connection) -> Result<(), LakeError> {
    let mut found = String::new();
    for look in 0..LOOKS {
        if look > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        // The anchor first: what it says is in the catalog by then, or the catalog is older.
        let lines = match anchor::newest(dir) {
            // Perhaps read while it was being written.
            Err(LakeError::Broken { found: torn, .. }) => {
                found = torn;
                continue;
            }
            lines => lines?,
        };
        let change = newest(connection)?;
        match compare(&lines, change.as_ref()) {
            Ok(_) => return Ok(()),
            Err(State::Older(older)) => {
                return Err(LakeError::Broken { dir: dir.to_owned(), found: older });
            }
            Err(State::Ahead(ahead)) => found = ahead,
        }
    }
    Err(LakeError::Broken { dir: dir.to_owned(), found })
}

/// Brings the anchor up to what a dead writer left, under the lock.
fn settle(dir: &Path, connection: &Connection) -> Result<Anchor, LakeError> {
    check(dir, connection)?;
    let mut anchor = Anchor::open(dir)?;
    let change = newest(connection)?;
    match compare(&anchor::newest(dir)?, change.as_ref()) {
        Ok(Match::Committed) => {}
        Ok(Match::Unconfirmed) => anchor.confirm(seal(dir, connection))?,
        Ok(Match::NeverCommitted) => anchor.take_back(dir)?,
        Err(State::Older(found) | State::Ahead(found)) => {
            return Err(LakeError::Broken { dir: dir.to_owned(), found });
        }
    }
    Ok(anchor)
}

/// How the anchor and the catalog fit together.
enum Match {
    /// Both say the same.
    Committed,
    /// The change is committed; its line is still pending.
    Unconfirmed,
    /// The last line is of a change that did not come to its commit, or is about to.
    NeverCommitted,
}

/// How they do not.
enum State {
    /// The catalog lacks what was committed.
    Older(String),
    /// The catalog has more than the anchor.
    Ahead(String),
}

fn compare(lines: &[anchor::Line], change: Option<&Change>) -> Result<Match, State> {
    let known = change.map_or((0, ""), |change| (change.n, change.digest.as_str()));
    let Some(last) = lines.last() else {
        let found = format!("`{}` is gone or empty", anchor::FILE);
        return if change.is_none() { Ok(Match::Committed) } else { Err(State::Ahead(found)) };
    };
    if (last.n, last.digest.as_str()) == known {
        return Ok(if last.committed { Match::Committed } else { Match::Unconfirmed });
    }
    if known.0 > last.n {
        let found =
            format!("it has change {} and `{}` ends with change {}", known.0, anchor::FILE, last.n);
        return Err(State::Ahead(found));
    }
    let committed = if last.committed {
        Some(last)
    } else {
        let before = lines.iter().rev().nth(1);
        let before_known = before.map_or((0, ""), |before| (before.n, before.digest.as_str()));
        if before_known == known {
            return Ok(Match::NeverCommitted);
        }
        before
    };
    let Some(committed) = committed else {
        let found = format!("`{}` is of another lake", anchor::FILE);
        return Err(State::Older(found));
    };
    Err(State::Older(if known.0 < committed.n {
        format!(
            "it ends with change {}, and change {} was committed (snapshot {}, load {}, recorded \
             at {})",
            known.0, committed.n, committed.snapshot, committed.load, committed.at
        )
    } else {
        format!("its change {} is another one than was committed", known.0)
    }))
}

/// Writes everything back into the catalog file and takes its hash; none where a reader is in the
/// way, and for a catalog on a server.
fn seal(dir: &Path, connection: &Connection) -> Option<String> {
    let connection = connection.sqlite()?;
    connection.busy_timeout(Duration::ZERO).ok()?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    let busy: i64 = busy.unwrap_or(1);
    connection.busy_timeout(PATIENCE).ok()?;
    if busy == 0 { hash_file(&dir.join("catalog.sqlite")).ok() } else { None }
}
