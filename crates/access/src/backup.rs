//! The file of accounts copied as it stands in one moment, whoever writes it meanwhile.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::AccessError;
use crate::audit::{self, ANCHORS};
use crate::seal;
use crate::secret::create_private;
use crate::state::FILE;

/// Copies accounts, sessions and the audit log with its anchors into a folder, sealed. The key in
/// the file `secret` is not copied. Returns the names of the files; none where there is no file of
/// accounts.
pub fn backup(company: &Path, to: &Path) -> Result<Vec<&'static str>, AccessError> {
    let folder = company.join(".throughline");
    if !folder.join(FILE).is_file() {
        return Ok(Vec::new());
    }
    let disk = |error: std::io::Error| {
        AccessError::new(
            format!("the accounts cannot be copied to `{}`: {error}", to.display()),
            "Check free space and rights there.",
        )
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(folder.join(FILE), flags)?;
    source.busy_timeout(Duration::from_secs(5))?;
    let path = to.join(FILE);
    create_private(&path, b"")?;
    let mut copy = Connection::open(&path)?;
    rusqlite::backup::Backup::new(&source, &mut copy)?.run_to_completion(
        i32::MAX,
        Duration::from_millis(50),
        None,
    )?;
    copy.pragma_update(None, "journal_mode", "wal")?;
    let last: Option<i64> = copy
        .query_row("SELECT max(sequence) FROM audit", [], |row| row.get(0))
        .optional()?
        .flatten();
    let mut names = vec![FILE];
    // An anchor of a row that came after the copy would say that the log was cut.
    let text = fs::read_to_string(folder.join(ANCHORS)).unwrap_or_default();
    let known = |line: &&str| audit::anchored(line).is_some_and(|n| n <= last.unwrap_or(0));
    let kept: String = text.lines().filter(known).map(|line| format!("{line}\n")).collect();
    if !kept.is_empty() {
        create_private(&to.join(ANCHORS), kept.as_bytes())?;
        names.push(ANCHORS);
    }
    let _sealed = seal::make(to, &mut copy);
    drop(copy);
    if to.join(seal::SEAL).exists() {
        names.push(seal::SEAL);
    }
    for name in &names {
        File::open(to.join(name)).and_then(|file| file.sync_all()).map_err(disk)?;
    }
    Ok(names)
}
