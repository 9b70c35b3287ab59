//! Looks for every changed, cut, swapped or missing byte of a lake.
//!
//! Reads only. Files of facts, live and retired, are compared with the hashes that they were
//! committed with; the chain of changes is computed anew from the catalog; the catalog file is
//! compared with its seal; the anchor is read to its end.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rusqlite::OpenFlags;
use serde::Serialize;

use crate::anchor::{self, Line};
use crate::catalog;
use crate::chain;
use crate::error::{Damage, DamagedFile, LakeError};
use crate::lock;
use crate::parquet_file::{check_size, hash_file};
use crate::person::key;
use crate::place::Place;
use crate::sql::{Connection, OptionalExtension as _};

/// What a check of a lake found.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Verified {
    /// Files of facts that were checked.
    pub n_files: u64,
    /// Their bytes.
    pub n_bytes: u64,
    /// Snapshots.
    pub n_snapshots: u64,
    /// Changes of the catalog.
    pub n_changes: u64,
    /// Whether the catalog file was compared byte by byte with its seal. It has none while a change
    /// is under way, after a writer died, and on a server; the chain is compared then.
    pub sealed: bool,
    /// Files that no snapshot names: left by a writer that died, and removed by the next.
    pub n_leftovers: u64,
    /// What is not as it was written.
    pub faults: Vec<Fault>,
}

/// Something that is not as it was written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// The table that it is of, for facts.
    pub table: Option<String>,
    /// The first and last snapshot that reads it, for facts; no last one where the newest does.
    pub snapshots: Option<(i64, Option<i64>)>,
    /// What was found, in words.
    pub found: String,
}

impl Fault {
    fn of(file: PathBuf, found: impl Into<String>) -> Self {
        Self { file, table: None, snapshots: None, found: found.into() }
    }
}

/// A file that the catalog names.
pub(crate) struct Named {
    pub(crate) path: PathBuf,
    pub(crate) table: String,
    begin: i64,
    end: Option<i64>,
    pub(crate) bytes: u64,
    pub(crate) hash: Option<String>,
}

/// Checks a lake; `quick` leaves out the content of the files of facts.
pub fn verify(place: impl Into<Place>, quick: bool) -> Result<Verified, LakeError> {
    let place = place.into();
    let dir = place.dir.as_path();
    let mut done = Verified::default();
    let catalog = match place.catalog {
        Some(_) => PathBuf::from("catalog"),
        None => dir.join("catalog.sqlite"),
    };
    let lines = match anchor::all(dir) {
        Ok(lines) => lines,
        Err(LakeError::Broken { found, .. }) => {
            done.faults.push(Fault::of(dir.join(anchor::FILE), found));
            Vec::new()
        }
        Err(LakeError::Disk { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            done.faults.push(Fault::of(dir.join(anchor::FILE), "is gone"));
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    match in_catalog(&place, &catalog, &lines, quick, &mut done) {
        Err(LakeError::Catalog(error)) => match LakeError::Catalog(error).in_catalog(dir) {
            LakeError::Catalog(error) => {
                done.faults.push(Fault::of(catalog, format!("cannot be read: {error}")));
            }
            of_disk => return Err(of_disk),
        },
        Err(LakeError::Broken { found, .. }) => done.faults.push(Fault::of(catalog, found)),
        other => other?,
    }
    Ok(done)
}

fn in_catalog(
    place: &Place,
    path: &Path,
    lines: &[Line],
    quick: bool,
    done: &mut Verified,
) -> Result<(), LakeError> {
    let dir = place.dir.as_path();
    let mut raw = None;
    let connection = if place.catalog.is_some() {
        let connection = catalog::connect(place)?;
        if !connection.has_table("ducklake_metadata")? {
            chain::check_gone(place)?;
        }
        connection
    } else {
        if !path.is_file() {
            done.faults.push(Fault::of(path.to_owned(), "is gone"));
            return Ok(());
        }
        // Before it is opened: opening may bring it in order.
        raw = Some(hash_file(path)?);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.into()
    };
    catalog::check_layout(&connection, dir)?;
    chain::check(dir, &connection)?;
    let transaction = connection.reading()?;
    let newest = chain::newest(&transaction)?;
    let line = lines.iter().rev().find(|line| Some(line.n) == newest.as_ref().map(|new| new.n));
    // While a writer is at work the file may have changed after it was read.
    let still = anchor::all(dir).is_ok_and(|now| now.last() == lines.last());
    if let (Some(seal), Some(raw)) = (line.and_then(|line| line.seal.as_ref()), raw)
        && still
    {
        done.sealed = true;
        if *seal != raw {
            let found = "has other bytes than when it was sealed";
            done.faults.push(Fault::of(path.to_owned(), found));
        }
    }
    check_chain(&transaction, path, done)?;
    if !quick && transaction.sqlite().is_some() {
        let said: String = transaction.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0))?;
        if said != "ok" {
            done.faults.push(Fault::of(path.to_owned(), said));
        }
    }
    let sql = "SELECT value FROM lake_info WHERE key = 'person_key'";
    let check: Option<String> = transaction.query_row(sql, [], |row| row.get(0)).optional()?;
    if let Some(found) = key::fault(dir, check.as_deref())? {
        done.faults.push(Fault::of(dir.join(key::FILE), found));
    }
    let files = named(&transaction, dir)?;
    done.n_files = files.len() as u64;
    done.n_bytes = files.iter().map(|file| file.bytes).sum();
    let damaged: Vec<Option<Fault>> =
        files.par_iter().map(|file| look_at(file, quick)).collect::<Result<_, _>>()?;
    done.faults.extend(damaged.into_iter().flatten());
    let indexes = indexes(&transaction, dir)?;
    let unlike = indexes.par_iter().filter(|(path, bytes, hash)| {
        check_size(path, *bytes).is_err()
            || !quick && !hash_file(path).is_ok_and(|found| found == *hash)
    });
    let found = "is not as it was written; the next load makes it anew";
    let unlike: Vec<Fault> = unlike.map(|(path, ..)| Fault::of(path.clone(), found)).collect();
    done.faults.extend(unlike);
    done.n_leftovers = lock::orphans(dir, &transaction)?.len() as u64;
    Ok(())
}

/// Computes all links anew.
fn check_chain(connection: &Connection, path: &Path, done: &mut Verified) -> Result<(), LakeError> {
    let mut before: Option<chain::Change> = None;
    for change in chain::changes(connection)? {
        let expected =
            chain::link(connection, before.as_ref(), change.n, change.snapshot, &change.what)?;
        if change.digest != expected.digest {
            let found = format!(
                "change {} (`{}`, snapshot {}) is not as it was written",
                change.n, change.what, change.snapshot
            );
            done.faults.push(Fault::of(path.to_owned(), found));
            break;
        }
        done.n_changes += 1;
        before = Some(change);
    }
    let head = catalog::head(connection)?;
    done.n_snapshots = u64::try_from(head.snapshot + 1).unwrap_or(0);
    if let Some(last) = before
        && last.snapshot < head.snapshot
        && done.faults.is_empty()
    {
        let found = format!("snapshot {} was made by another program", last.snapshot + 1);
        done.faults.push(Fault::of(path.to_owned(), found));
    }
    Ok(())
}

/// Lists the names of all tables.
pub(crate) fn tables(connection: &Connection) -> Result<Vec<String>, LakeError> {
    let mut statement = connection.prepare("SELECT table_name FROM ducklake_table")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Lists all files that some snapshot names.
pub(crate) fn named(connection: &Connection, dir: &Path) -> Result<Vec<Named>, LakeError> {
    let sql = "SELECT t.table_name, f.path, f.begin_snapshot, f.end_snapshot, f.file_size_bytes,
                      f.hash
               FROM (SELECT d.data_file_id AS id, d.table_id, d.path, d.begin_snapshot,
                            d.end_snapshot, d.file_size_bytes, l.hash
                     FROM ducklake_data_file d
                     LEFT JOIN lake_file l ON l.data_file_id = d.data_file_id
                     UNION ALL
                     SELECT d.delete_file_id, d.table_id, d.path, d.begin_snapshot,
                            d.end_snapshot, d.file_size_bytes, l.hash
                     FROM ducklake_delete_file d
                     LEFT JOIN lake_delete_file l ON l.delete_file_id = d.delete_file_id) f
               JOIN ducklake_table t ON t.table_id = f.table_id
               ORDER BY f.id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        let (table, name): (String, String) = (row.get(0)?, row.get(1)?);
        files.push(Named {
            path: dir.join("main").join(&table).join(name),
            table,
            begin: row.get(2)?,
            end: row.get(3)?,
            bytes: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
            hash: row.get(5)?,
        });
    }
    Ok(files)
}

/// Lists the indexes of keys, with their sizes and hashes.
fn indexes(connection: &Connection, dir: &Path) -> Result<Vec<(PathBuf, u64, String)>, LakeError> {
    let sql = "SELECT t.table_name, i.path, i.file_size_bytes, i.hash
               FROM lake_key_index i
               JOIN ducklake_table t ON t.table_id = i.table_id
               ORDER BY i.data_file_id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut indexes = Vec::new();
    while let Some(row) = rows.next()? {
        let (table, name): (String, String) = (row.get(0)?, row.get(1)?);
        let bytes = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
        indexes.push((dir.join("main").join(table).join(name), bytes, row.get(3)?));
    }
    Ok(indexes)
}

fn look_at(file: &Named, quick: bool) -> Result<Option<Fault>, LakeError> {
    let damage = match check_size(&file.path, file.bytes) {
        Err(DamagedFile { damage, .. }) => damage,
        Ok(()) if quick => return Ok(None),
        Ok(()) => match &file.hash {
            Some(hash) if hash_file(&file.path)? != *hash => Damage::Content,
            _ => return Ok(None),
        },
    };
    let found = damage.to_string();
    let snapshots = Some((file.begin, file.end.map(|end| end - 1)));
    let (path, table) = (file.path.clone(), Some(file.table.clone()));
    Ok(Some(Fault { file: path, table, snapshots, found }))
}
