//! The file of accounts: one writer, one reader, each transaction whole and flushed.
//!
//! Nobody waits long for another writer, and who only reads waits for none. Where the file is
//! removed or another one is put in its place, everything is refused until the next start.
//!
//! Every lookup reads the file anew, so that a change by another process (the command line) acts at
//! the next request; nothing about rights is kept in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::AccessError;
use crate::audit;
use crate::refusal::{Refusal, Trouble};
use crate::seal;
use crate::secret::{Key, Use, create_private, private};

const VERSION: i32 = 1;
pub(crate) const FILE: &str = "state.sqlite";
/// How long a writer waits for others of this process, and how long for other processes.
const TURN_WAIT: Duration = Duration::from_secs(2);
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// What is told to those who waited in vain.
const BUSY: Refusal = Refusal::Busy { retry_after: Duration::from_secs(2) };
/// How often it is looked whether the file is still the one that was opened.
const LOOKED_EVERY: Duration = Duration::from_secs(1);

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) {
            return BUSY;
        }
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
    writer: Writer,
    reader: Mutex<Connection>,
    /// What tells the file from all others, and when it was last seen to be there.
    file: Option<(u64, u64)>,
    seen: Mutex<Option<Instant>>,
}

/// The one connection that writes; none while somebody has it.
#[derive(Debug)]
struct Writer {
    free: Mutex<Option<Connection>>,
    freed: Condvar,
}

impl Writer {
    const fn new(connection: Connection) -> Self {
        Self { free: Mutex::new(Some(connection)), freed: Condvar::new() }
    }

    /// Takes the connection, waiting for it for a while at most.
    fn take(&self, wait: Duration) -> Option<Turn<'_>> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.freed.wait_timeout_while(free, wait, |free| free.is_none());
        let (mut free, _) = taken.unwrap_or_else(PoisonError::into_inner);
        free.take().map(|connection| Turn { writer: self, connection: Some(connection) })
    }

    fn give_back(&self, connection: Option<Connection>) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) = connection;
        self.freed.notify_one();
    }
}

/// The connection that writes, given back at the end.
struct Turn<'a> {
    writer: &'a Writer,
    connection: Option<Connection>,
}

impl Turn<'_> {
    fn get(&mut self) -> Result<&mut Connection, Refusal> {
        self.connection.as_mut().ok_or(BUSY)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.writer.give_back(self.connection.take());
    }
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
        // A key alone may be what a start left that was cut short; anchors never are.
        if let Some(left) = left_over(&folder, exists, path.exists()) {
            return Err(lost(&folder, left));
        }
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
            if let Some(left) = left_over(&folder, false, true) {
                return Err(lost(&folder, left));
            }
            drop(fs::remove_file(folder.join(seal::SEAL)));
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
        let file = identity(&path);
        let (writer, reader) = (Writer::new(writer), Mutex::new(reader));
        Ok((Self { folder, writer, reader, file, seen: Mutex::new(None) }, key))
    }

    /// Refuses where the file is no longer the one that was opened: whatever is read would be old,
    /// and whatever is written would be lost.
    fn still_there(&self) -> Result<(), Refusal> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_some_and(|seen| seen.elapsed() < LOOKED_EVERY) {
            return Ok(());
        }
        if identity(&self.folder.join(FILE)) != self.file {
            *seen = None;
            let why = "state.sqlite was removed or replaced while it was in use; start anew";
            return Err(Refusal::Trouble(Trouble(why.to_owned())));
        }
        *seen = Some(Instant::now());
        Ok(())
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
        self.still_there()?;
        read(&self.reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads for long, by a connection of its own: lookups go on meanwhile.
    pub(crate) fn read_apart<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.still_there()?;
        let opened = connect(&self.folder.join(FILE));
        let opened = opened.map_err(|error| Refusal::Trouble(Trouble(error.to_string())))?;
        opened.pragma_update(None, "query_only", true)?;
        let transaction = opened.unchecked_transaction()?;
        read(&transaction)
    }

    /// Writes something that may as well be written later: not at all where another writer is at
    /// work or the disk is full, as nobody who only reads should have to wait for that.
    pub(crate) fn write_perhaps(&self, write: impl FnOnce(&Connection) -> Result<usize, Refusal>) {
        let Some(mut turn) = self.writer.take(Duration::ZERO) else { return };
        let Ok(writer) = turn.get() else { return };
        if writer.busy_timeout(Duration::ZERO).is_ok() {
            let _noted: Result<usize, Refusal> = self.note(writer, write);
        }
        // Cannot fail: it only sets a number.
        let _restored = writer.busy_timeout(BUSY_WAIT);
    }

    fn note(
        &self,
        writer: &mut Connection,
        write: impl FnOnce(&Connection) -> Result<usize, Refusal>,
    ) -> Result<usize, Refusal> {
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        seal::break_open(&self.folder)?;
        let written = write(&transaction)?;
        transaction.commit()?;
        Ok(written)
    }

    /// Leaves nothing of what was deleted in the files.
    pub(crate) fn forget(&self) {
        let Some(mut turn) = self.writer.take(TURN_WAIT) else { return };
        let Ok(writer) = turn.get() else { return };
        // A reader elsewhere may be in the way; the next one to forget, or to end, does it then.
        let _tried = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Writes in one transaction, which is flushed when this returns; a refusal undoes all of it.
    pub(crate) fn write<T>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.still_there()?;
        let mut turn = self.writer.take(TURN_WAIT).ok_or(BUSY)?;
        let writer = turn.get()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        seal::break_open(&self.folder)?;
        let written = write(&transaction)?;
        transaction.commit()?;
        Ok(written)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if identity(&self.folder.join(FILE)) != self.file {
            return;
        }
        let Some(mut turn) = self.writer.take(Duration::ZERO) else { return };
        let Ok(writer) = turn.get() else { return };
        // Where it cannot be sealed now, whoever closes it next may.
        let _sealed = seal::make(&self.folder, writer);
    }
}

/// Names a file that only stands beside a database which is not there.
fn left_over(folder: &Path, filled: bool, there: bool) -> Option<&'static str> {
    let beside = |name: &'static str| folder.join(name).exists().then_some(name);
    if filled {
        return None;
    }
    beside(audit::ANCHORS).or_else(|| if there { None } else { beside("secret") })
}

/// Says that accounts which were there are gone.
fn lost(folder: &Path, left: &str) -> AccessError {
    AccessError::new(
        format!("`{}` is missing or empty, though `{left}` is there", folder.join(FILE).display()),
        format!(
            "Restore it from the backup together with the file `secret`. To begin anew without \
             any account, move `secret` and `{}` away first.",
            audit::ANCHORS
        ),
    )
}

/// Returns what tells a file from all others, where the system has that.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let about = fs::metadata(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some((about.dev(), about.ino()))
    }
    #[cfg(not(unix))]
    {
        drop(about);
        Some((0, 0))
    }
}

fn connect(path: &Path) -> Result<Connection, AccessError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
