//! The file of accounts: one writer, one reader, each transaction whole and flushed.
//!
//! Every lookup reads the file anew, so that a change by another process (the command line) acts at
//! the next request; nothing about rights is kept in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::AccessError;
use crate::refusal::{Refusal, Trouble};
use crate::secret::{Key, Use, create_private, private};

const VERSION: i32 = 1;
const FILE: &str = "state.sqlite";

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Trouble(Trouble(error.to_string()))
    }
}

impl From<rusqlite::Error> for AccessError {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(
            format!("the accounts in state.sqlite cannot be read: {error}"),
            "Make room on the disk, end other programs that hold the file, or restore it from the \
             backup together with the file `secret`.",
        )
    }
}

/// The open file.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl State {
    /// Opens the file, makes it where there is none, and finds the key that belongs to it.
    pub(crate) fn open(company: &Path) -> Result<(Self, Key), AccessError> {
        let folder = company.join(".throughline");
        fs::create_dir_all(&folder).map_err(|error| {
            AccessError::new(
                format!("the folder `{}` cannot be made: {error}", folder.display()),
                "Give the company's folder to the user that runs the program.",
            )
        })?;
        let path = folder.join(FILE);
        // A file of no bytes is what is left where the very first start was cut short.
        let exists = fs::metadata(&path).is_ok_and(|about| about.len() > 0);
        let key = Key::open(&folder.join("secret"), exists)?;
        if !path.exists() {
            create_private(&path, b"")?;
        }
        private(&path)?;
        let mut writer = connect(&path)?;
        let check = key.hash(Use::Check, b"");
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version == 0 {
            transaction.execute_batch(include_str!("state.sql"))?;
            transaction.execute("INSERT INTO meta VALUES ('key-check', ?1)", [check])?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        } else if version > VERSION {
            return Err(AccessError::new(
                format!("`{}` was written by a newer version", path.display()),
                "Use that version of throughline, or a newer one.",
            ));
        }
        let stored: [u8; 32] = transaction.query_row(
            "SELECT value FROM meta WHERE name = 'key-check'",
            [],
            |row| row.get(0),
        )?;
        if stored != check {
            return Err(AccessError::new(
                "the key in the file `secret` is not the one of state.sqlite",
                "Restore both from the same backup.",
            ));
        }
        transaction.commit()?;
        let reader = connect(&path)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok((Self { folder, writer: Mutex::new(writer), reader: Mutex::new(reader) }, key))
    }

    /// Returns the folder that holds the file.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        read(&self.reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads for long, by a connection of its own: lookups go on meanwhile.
    pub(crate) fn read_apart<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let opened = connect(&self.folder.join(FILE));
        let opened = opened.map_err(|error| Refusal::Trouble(Trouble(error.to_string())))?;
        opened.pragma_update(None, "query_only", true)?;
        let transaction = opened.unchecked_transaction()?;
        read(&transaction)
    }

    /// Writes something that may as well be written later: not at all where another writer is at
    /// work or the disk is full, as nobody who only reads should have to wait for that.
    pub(crate) fn write_perhaps(&self, write: impl FnOnce(&Connection) -> Result<usize, Refusal>) {
        if let Ok(writer) = self.writer.try_lock() {
            let _noted: Result<usize, Refusal> = write(&writer);
        }
    }

    /// Leaves nothing of what was deleted in the files.
    pub(crate) fn forget(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader elsewhere may be in the way; the next one to forget, or to end, does it then.
        let _tried = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Writes in one transaction, which is flushed when this returns; a refusal undoes all of it.
    pub(crate) fn write<T>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let written = write(&transaction)?;
        transaction.commit()?;
        Ok(written)
    }
}

fn connect(path: &Path) -> Result<Connection, AccessError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
