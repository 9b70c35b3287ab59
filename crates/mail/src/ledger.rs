//! To whom the digest of which week has gone: what keeps a digest from being sent twice.
//!
//! A file of its own beside the facts, so that a restart forgets nothing and two programs agree. It
//! holds account identifiers, weeks and counts; no address and no figure. A digest is marked as
//! being sent *before* the first byte leaves; one that was being sent when the program ended stays
//! `unconfirmed` for good, since to send it again might double it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::error::Error;

/// A digest that has been marked as being sent for so long was never finished.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(15);

/// How far the digest of a week is for an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is being sent now.
    Sending,
    /// It was refused or not reached, and is tried again.
    Again,
    /// The mail server took it.
    Sent,
    /// The mail server may have taken it: the connection ended before it said so.
    Unconfirmed,
    /// It was refused for good, or too often.
    GivenUp,
}

impl State {
    const ALL: [Self; 5] =
        [Self::Sending, Self::Again, Self::Sent, Self::Unconfirmed, Self::GivenUp];

    /// The stable name.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Again => "again",
            Self::Sent => "sent",
            Self::Unconfirmed => "unconfirmed",
            Self::GivenUp => "given-up",
        }
    }
}

/// The file that remembers.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Ledger {
    /// Opens the ledger in a folder, or begins one.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("digest.sqlite");
        let begin = || {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS digests (
                     account TEXT NOT NULL,
                     week TEXT NOT NULL,
                     state TEXT NOT NULL,
                     attempts INTEGER NOT NULL,
                     changed_at INTEGER NOT NULL,
                     next_at INTEGER NOT NULL,
                     PRIMARY KEY (account, week)
                 ) STRICT;
                 CREATE TABLE IF NOT EXISTS begun (at INTEGER NOT NULL) STRICT;",
            )?;
            Ok(connection)
        };
        match begin() {
            Ok(connection) => Ok(Self { path, connection: Mutex::new(connection) }),
            Err(cause) => Err(Error::Ledger { path, cause }),
        }
    }

    /// Returns when digests were first switched on; the first call says that it is now. Weeks
    /// before that are never sent.
    pub fn begun(&self, now: Timestamp) -> Result<Timestamp, Error> {
        self.change(|transaction| {
            let known: Option<i64> =
                transaction.query_row("SELECT at FROM begun", [], |row| row.get(0)).optional()?;
            if let Some(at) = known {
                return Ok(Timestamp::from_second(at).unwrap_or(now));
            }
            transaction.execute("INSERT INTO begun VALUES (?1)", [now.as_second()])?;
            Ok(now)
        })
    }

    /// True where the digest of a week is still to be sent to an account by now.
    pub fn open_for(&self, account: &str, week: &str, now: Timestamp) -> Result<bool, Error> {
        self.change(|transaction| Ok(attempts_so_far(transaction, account, week, now)?.is_some()))
    }

    /// Marks the digest as being sent and returns which attempt this is, from 1; `None` where
    /// somebody else is sending it, it is done, or it is not yet time to try again.
    pub fn claim(&self, account: &str, week: &str, now: Timestamp) -> Result<Option<u32>, Error> {
        self.change(|transaction| {
            let Some(attempts) = attempts_so_far(transaction, account, week, now)? else {
                return Ok(None);
            };
            transaction.execute(
                "INSERT INTO digests VALUES (?1, ?2, 'sending', ?3, ?4, ?4)
                 ON CONFLICT DO UPDATE SET state = 'sending', attempts = ?3, changed_at = ?4",
                params![account, week, attempts + 1, now.as_second()],
            )?;
            Ok(Some(attempts + 1))
        })
    }

    /// Writes down how the attempt ended, and when to try again where it is to be.
    pub fn finish(
        &self,
        account: &str,
        week: &str,
        state: State,
        now: Timestamp,
        next: Timestamp,
    ) -> Result<(), Error> {
        self.change(|transaction| {
            transaction.execute(
                "UPDATE digests SET state = ?3, changed_at = ?4, next_at = ?5
                 WHERE account = ?1 AND week = ?2",
                params![account, week, state.id(), now.as_second(), next.as_second()],
            )?;
            Ok(())
        })
    }

    /// Returns the digests of a week: account, state, attempts, in order of accounts.
    pub fn of_week(&self, week: &str) -> Result<Vec<(String, State, u32)>, Error> {
        self.change(|transaction| {
            let mut rows = transaction.prepare(
                "SELECT account, state, attempts FROM digests WHERE week = ?1 ORDER BY account",
            )?;
            let rows = rows.query_map([week], |row| {
                let id: String = row.get(1)?;
                let state = State::ALL.into_iter().find(|state| state.id() == id);
                Ok((row.get(0)?, state.unwrap_or(State::Unconfirmed), row.get(2)?))
            })?;
            rows.collect()
        })
    }

    fn change<T>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut connection: MutexGuard<'_, Connection> =
            self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let done = (|| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })();
        done.map_err(|cause| Error::Ledger { path: self.path.clone(), cause })
    }
}

/// Returns how often it was tried where it is to be tried by now. What was left half-way long ago
/// becomes unconfirmed.
fn attempts_so_far(
    transaction: &rusqlite::Transaction<'_>,
    account: &str,
    week: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<u32>> {
    let known: Option<(String, u32, i64, i64)> = transaction
        .query_row(
            "SELECT state, attempts, changed_at, next_at FROM digests
             WHERE account = ?1 AND week = ?2",
            [account, week],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()?;
    let Some((state, attempts, changed_at, next_at)) = known else { return Ok(Some(0)) };
    if state == State::Sending.id() && changed_at + FORGOTTEN.as_secs() < now.as_second() {
        transaction.execute(
            "UPDATE digests SET state = 'unconfirmed', changed_at = ?3
             WHERE account = ?1 AND week = ?2",
            params![account, week, now.as_second()],
        )?;
    }
    Ok((state == State::Again.id() && next_at <= now.as_second()).then_some(attempts))
}
