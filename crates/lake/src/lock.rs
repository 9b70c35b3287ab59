//! One writer per lake, and what dead writers left behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use crate::catalog;
use crate::error::LakeError;

/// The right to write; given back when dropped, also by a process that dies.
#[derive(Debug)]
pub(crate) struct WriterLock {
    // Held for its lock only.
    _file: File,
    since: SystemTime,
}

impl WriterLock {
    /// Takes the lock, or names who holds it. Never waits.
    pub(crate) fn take(dir: &Path) -> Result<Self, LakeError> {
        let path = dir.join("writer.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(LakeError::disk("cannot open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LakeError::Locked { dir: dir.to_owned(), holder: holder(&path) });
            }
            Err(TryLockError::Error(error)) => {
                return Err(LakeError::disk("cannot lock", &path)(error));
            }
        }
        let holder = format!("process {} on {}", std::process::id(), host());
        let since = file
            .set_len(0)
            .and_then(|()| file.write_all(holder.as_bytes()))
            .and_then(|()| file.metadata()?.modified())
            .map_err(LakeError::disk("cannot write", &path))?;
        Ok(Self { _file: file, since })
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
