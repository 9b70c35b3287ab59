//! The seal of the file of accounts: its hash, written down while nobody writes.
//!
//! Whoever writes breaks the seal first, within the transaction; whoever closes the file last makes
//! it anew. So a file with a seal has every byte that it was closed with, or somebody else changed
//! it. After a server was killed there is none, and only rows and structure can be checked.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::audit::ANCHORS;
use crate::refusal::{Refusal, Trouble};
use crate::state::FILE;

/// The file of the seal, beside the database.
pub(crate) const SEAL: &str = "state.seal";

/// What a look at the file of accounts found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateVerified {
    /// Whether all bytes were compared with the seal.
    pub sealed: bool,
    /// What is not as it was written: the file, and what was found.
    pub faults: Vec<(&'static str, String)>,
}

/// Breaks the seal; to be called by whoever has the right to write, before the first change.
pub(crate) fn break_open(folder: &Path) -> Result<(), Refusal> {
    match fs::remove_file(folder.join(SEAL)) {
        Ok(()) => flush(folder),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|error| Refusal::Trouble(Trouble(format!("{SEAL}: {error}"))))
}

/// Seals the file where nobody else writes; leaves it unsealed otherwise.
pub(crate) fn make(folder: &Path, connection: &mut Connection) -> Option<()> {
    if folder.join(SEAL).exists() {
        return None;
    }
    connection.busy_timeout(std::time::Duration::ZERO).ok()?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    if busy != Ok(0_i64) {
        return None;
    }
    // From here on nobody writes; what was written since the line above stands beside the file.
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).ok()?;
    let beside = folder.join(format!("{FILE}-wal"));
    if fs::metadata(beside).is_ok_and(|about| about.len() > 0) {
        return None;
    }
    let text = now(folder, None).ok()?;
    let new = folder.join(format!("{SEAL}.new"));
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, folder.join(SEAL))?;
        flush(folder)
    });
    drop(transaction);
    written.ok()
}

/// The hash of the file, and of the anchors up to a length or as long as they are.
fn now(folder: &Path, anchors: Option<u64>) -> std::io::Result<String> {
    let (_, state) = hash(&folder.join(FILE), u64::MAX)?;
    let (length, anchors) = match hash(&folder.join(ANCHORS), anchors.unwrap_or(u64::MAX)) {
        Err(error) if error.kind() == ErrorKind::NotFound => (0, "-".repeat(64)),
        other => other?,
    };
    Ok(format!("{state} {length:012} {anchors}\n"))
}

fn hash(path: &Path, length: u64) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?.take(length);
    let mut hasher = blake3::Hasher::new();
    let n = std::io::copy(&mut file, &mut hasher)?;
    Ok((n, hasher.finalize().to_hex().to_string()))
}

fn flush(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Looks for changed bytes in the file of accounts of a company. None where there is no such file.
pub fn verify_state(company: &Path) -> Option<StateVerified> {
    let folder = company.join(".throughline");
    let path = folder.join(FILE);
    if !path.exists() && !folder.join(ANCHORS).exists() && !folder.join(SEAL).exists() {
        return None;
    }
    let mut done = StateVerified { sealed: false, faults: Vec::new() };
    let seal = fs::read(folder.join(SEAL));
    if let Ok(seal) = &seal {
        let length = std::str::from_utf8(seal).ok().and_then(|text| {
            let length = text.split(' ').nth(1)?;
            length.parse().ok()
        });
        let found = now(&folder, length);
        // Whoever begins to write meanwhile breaks the seal before the first byte.
        if fs::read(folder.join(SEAL)).ok().as_ref() == Some(seal) {
            done.sealed = true;
            let same = length.is_some() && found.is_ok_and(|found| found.as_bytes() == *seal);
            if !same {
                let found = format!("it or `{ANCHORS}` has other bytes than when it was closed");
                done.faults.push((FILE, found));
            }
        }
    }
    if let Ok(text) = fs::read_to_string(folder.join(ANCHORS)) {
        let whole = text.lines().all(crate::audit::is_anchor) && text.ends_with('\n');
        if !whole && !text.is_empty() {
            done.faults.push((ANCHORS, "a line is not as it was written".to_owned()));
        }
    }
    match structure(&path) {
        Ok(said) if said == "ok" => {}
        Ok(said) => done.faults.push((FILE, said)),
        Err(error) => done.faults.push((FILE, format!("cannot be read: {error}"))),
    }
    Some(done)
}

fn structure(path: &Path) -> rusqlite::Result<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
}
