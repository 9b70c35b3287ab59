//! One writer per lake, and what dead writers left behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::catalog;
use crate::error::LakeError;
use crate::place::{Database, Place};
use crate::sql::{Connection, OptionalExtension as _};

/// The right to write; given back when dropped, also by a process that dies.
///
/// Where the catalog is a file, it is a lock of a file beside it. Where it is on a server, it is a
/// lock of the server with a mark in the catalog, so that a holder who was cut off from the server
/// cannot commit after another one has taken its place.
#[derive(Debug)]
pub(crate) struct WriterLock {
    // Held for its lock only.
    _file: File,
    since: SystemTime,
    server: Option<ServerLock>,
}

/// The lock of the writer on a server.
#[derive(Debug)]
struct ServerLock {
    // Held for its lock only.
    connection: Connection,
    mark: String,
}

/// One lake in a database, one number for all of them.
const NUMBER: i64 = 0x7468_726f_7567_686c;

impl Drop for ServerLock {
    /// Gives the lock back before the connection ends, which the server may notice later.
    fn drop(&mut self) {
        let given: Result<bool, _> =
            self.connection.query_row("SELECT pg_advisory_unlock(?)", [NUMBER], |row| row.get(0));
        // Whoever was cut off holds nothing any more.
        given.ok();
    }
}

impl WriterLock {
    /// Takes the lock, or names who holds it. Waits no longer than a server may
    /// take to notice that a holder was cut off.
    pub(crate) fn take(place: &Place) -> Result<Self, LakeError> {
        let dir = place.dir.as_path();
        let server = match &place.catalog {
            Some(catalog) => Some(ServerLock::take(catalog, dir)?),
            None => None,
        };
        let path = dir.join("writer.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(LakeError::disk("cannot open", &path))?;
        match file.try_lock() {
            _ if server.is_some() => {}
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LakeError::Locked { dir: dir.to_owned(), holder: holder(&path) });
            }
            Err(TryLockError::Error(error)) => {
                return Err(LakeError::disk("cannot lock", &path)(error));
            }
        }
        let since = file
            .set_len(0)
            .and_then(|()| file.write_all(this_process().as_bytes()))
            .and_then(|()| file.metadata()?.modified())
            .map_err(LakeError::disk("cannot write", &path))?;
        Ok(Self { _file: file, since, server })
    }

    /// Fails within a transaction where somebody else has taken the lock meanwhile; nobody can take
    /// it from here to the end of the transaction.
    pub(crate) fn confirm(&self, transaction: &Connection, dir: &Path) -> Result<(), LakeError> {
        let Some(server) = &self.server else { return Ok(()) };
        let sql = "UPDATE lake_info SET value = value WHERE key = 'writer' AND value = ?";
        if transaction.execute(sql, [&server.mark])? == 1 {
            return Ok(());
        }
        let holder = "another process, since the server ended our connection".to_owned();
        Err(LakeError::Locked { dir: dir.to_owned(), holder })
    }

    /// Removes the files that no snapshot names: a writer died before its commit. Files younger
    /// than the lock stay, as they are the holder's own. Returns what was removed.
    pub(crate) fn sweep(
        &self,
        dir: &Path,
        connection: &Connection,
    ) -> Result<Vec<PathBuf>, LakeError> {
        let mut swept = Vec::new();
        for path in orphans(dir, connection)? {
            let old = path.metadata().and_then(|m| m.modified()).is_ok_and(|m| m <= self.since);
            if old {
                std::fs::remove_file(&path).map_err(LakeError::disk("cannot remove", &path))?;
                swept.push(path);
            }
        }
        Ok(swept)
    }
}

impl ServerLock {
    fn take(catalog: &Database, dir: &Path) -> Result<Self, LakeError> {
        let mut connection = Connection::server(catalog.server()?)?;
        let mut free = false;
        // A server notices some moments later that a holder was cut off.
        for look in 0..20 {
            if look > 0 {
                std::thread::sleep(Duration::from_millis(50));
            }
            free = connection
                .query_row("SELECT pg_try_advisory_lock(?)", [NUMBER], |row| row.get(0))?;
            if free {
                break;
            }
        }
        let made = connection.has_table("lake_info")?;
        if !free {
            let sql = "SELECT value FROM lake_info WHERE key = 'writer'";
            let found: Option<String> = if made {
                connection.query_row(sql, [], |row| row.get(0)).optional()?
            } else {
                None
            };
            let holder = found.as_deref().and_then(|mark| mark.split(" as ").next());
            let holder = holder.unwrap_or("another process").to_owned();
            return Err(LakeError::Locked { dir: dir.to_owned(), holder });
        }
        let mark = format!("{} as {}", this_process(), catalog::random_name()?);
        if made {
            connection.set_writable(true)?;
            // Waits for the commit of a holder whose lock is lost and whose transaction is not.
            let transaction = connection.transaction()?;
            let sql = "INSERT INTO lake_info VALUES ('writer', ?)
                       ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            transaction.execute(sql, [&mark])?;
            transaction.commit()?;
            connection.set_writable(false)?;
        }
        Ok(Self { connection, mark })
    }
}

fn this_process() -> String {
    format!("process {} on {}", std::process::id(), host())
}

/// Reads who holds the lock; whoever has just taken it is about to write it down.
fn holder(path: &Path) -> String {
    for look in 0..20 {
        if look > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let holder = std::fs::read_to_string(path).unwrap_or_default();
        if !holder.trim().is_empty() {
            return holder.trim().to_owned();
        }
    }
    "another process".to_owned()
}

/// Lists the files that no snapshot names: left behind by a dead writer, or a living one's work.
pub(crate) fn orphans(dir: &Path, connection: &Connection) -> Result<Vec<PathBuf>, LakeError> {
    let main = dir.join("main");
    let named = catalog::all_files(connection, dir)?;
    let mut orphans = Vec::new();
    for folder in list(&main)?.into_iter().filter(|path| path.is_dir()) {
        let files = list(&folder)?.into_iter();
        let ours =
            |path: &PathBuf| path.extension().is_some_and(|end| end == "parquet" || end == "keys");
        orphans.extend(files.filter(|path| ours(path) && !named.contains(path)));
    }
    Ok(orphans)
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let entries = std::fs::read_dir(dir).map_err(LakeError::disk("cannot list", dir))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    paths.map_err(LakeError::disk("cannot list", dir))
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "this machine".to_owned(),
        name => name.to_owned(),
    }
}
