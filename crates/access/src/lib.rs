//! Who may see and do what: accounts, roles, sessions, tokens, limits and the audit log.
//!
//! All is kept in `.throughline/state.sqlite`; the one key outside it in `.throughline/secret`.
//! Calls block: an async server wraps them. Time comes from a [`Clock`], randomness from the
//! system. Nothing here knows HTTP, and nothing tells a stranger whether an account exists.

pub mod audit;
mod backup;
pub mod caller;
pub mod clock;
mod flood;
mod idempotency;
mod limit;
mod login;
mod own;
mod password;
mod people;
pub mod refusal;
pub mod role;
mod seal;
pub mod secret;
pub mod settings;
mod state;
mod token;
mod totp;
pub mod types;

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction};

pub use audit::{Action, Event, Row, Verified};
pub use backup::backup;
pub use caller::{AccountId, Actor, By, Caller, Preferences, SessionId, TokenId};
pub use clock::{Clock, ManualClock, SystemClock};
pub use password::{CHARACTERS_LEAST, CHARACTERS_MOST};
pub use refusal::{Refusal, Trouble, WeakPassword};
pub use role::{Permission, Permissions, Role, permissions};
pub use seal::{StateVerified, verify_state};
pub use secret::Secret;
pub use settings::{HashCost, Settings};
pub use types::{
    Account, AccountState, Address, Begun, Enrollment, Identity, Link, LinkKind, Login, NewAccount,
    NewSession, OneTime, Session, Stored, Token,
};

use audit::Who;
use flood::Flood;
use limit::Limits;
use password::Hasher;
use secret::{Key, Use};
use state::State;

/// Whoever is not signed in, as the audit log names them.
const ANONYMOUS: &str = "anonymous";

/// Why access cannot be opened; each says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct AccessError {
    message: String,
    hint: String,
}

impl AccessError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// Returns what to do.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

/// The door: every question of who may do what goes through it. Shared by all threads.
pub struct Access {
    settings: Settings,
    clock: Box<dyn Clock>,
    state: State,
    key: Key,
    hasher: Hasher,
    limits: Limits,
    flood: Flood,
    /// A time and when it was: from there lives are counted, by a clock that never goes back.
    counted_from: Mutex<(i64, Duration)>,
    /// The audit row that was anchored last, and its time.
    anchored: Mutex<Option<(i64, i64)>>,
    /// Why the last anchor could not be written.
    not_anchored: Mutex<Option<Trouble>>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Access {
    /// Opens the state in the company's folder (`FOLDER/.throughline`), and makes it where there is
    /// none.
    pub fn open(
        folder: &Path,
        settings: Settings,
        clock: impl Clock + 'static,
    ) -> Result<Self, AccessError> {
        let (state, key) = State::open(folder)?;
        let hasher = Hasher::new(&settings, &key)?;
        // A session that was seen later than now means that the clock was set back meanwhile.
        let seen = state.read(|connection| {
            let newest = "SELECT max(last_seen) FROM session";
            Ok(connection.query_row(newest, [], |row| row.get::<_, Option<i64>>(0))?)
        });
        let seen = seen.map_err(|refusal| {
            AccessError::new(format!("sessions cannot be read: {refusal:?}"), "Try again.")
        })?;
        let now = clock.now().as_millisecond().max(seen.unwrap_or(0));
        let anchored = audit::last_anchor(state.folder());
        Ok(Self {
            counted_from: Mutex::new((now, clock.elapsed())),
            anchored: Mutex::new(anchored),
            settings,
            clock: Box::new(clock),
            state,
            key,
            hasher,
            limits: Limits::new(),
            flood: Flood::default(),
            not_anchored: Mutex::new(None),
        })
    }

    /// Returns how access is kept.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many passwords were compared since the start.
    pub fn password_checks(&self) -> u64 {
        self.hasher.checks()
    }

    /// Writes an event of others to the audit log.
    pub fn record(
        &self,
        caller: Option<&Caller>,
        address: Option<Address>,
        event: &Event,
    ) -> Result<(), Refusal> {
        match caller {
            Some(caller) => self.note(&actor_of(caller), address, event),
            None if event.outcome.starts_with("refused") => self.note_refused(address, event),
            None => self.note(ANONYMOUS, address, event),
        }
    }

    /// Writes down what a stranger was refused: each time at first, then only how often.
    fn note_refused(&self, address: Option<Address>, event: &Event) -> Result<(), Refusal> {
        let from = address.map(|address| (self.network(address), address));
        let now = self.clock.elapsed();
        self.tell_left_out(now)?;
        if self.flood.admits(from, now) { self.note(ANONYMOUS, address, event) } else { Ok(()) }
    }

    /// Writes down how many refusals were left out, where the time of counting is over.
    fn tell_left_out(&self, now: Duration) -> Result<(), Refusal> {
        for (address, n) in self.flood.ended(now) {
            let outcome = format!("refused:left-out n={n}");
            self.note(ANONYMOUS, address, &Event::ended(Action::Refuse, "further", outcome))?;
        }
        Ok(())
    }

    /// Returns why the newest row could not be anchored outside the database, where that is so.
    pub fn anchor_trouble(&self) -> Option<Trouble> {
        self.not_anchored.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes an event of the command line to the audit log: a load, for one.
    pub fn record_console(&self, event: &Event) -> Result<(), Refusal> {
        self.note("console", None, event)
    }

    /// Reads the audit log, the newest first: rows before a sequence number.
    pub fn audit(
        &self,
        actor: Actor<'_>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Row>, Refusal> {
        if let Actor::Caller(caller) = actor {
            caller.need(Permission::ReadAudit)?;
        }
        // What is there is shown also where nothing can be written.
        let _told: Result<(), Refusal> = self.tell_left_out(self.clock.elapsed());
        self.state.read(|connection| audit::page(connection, before, limit.min(1_000)))
    }

    /// Checks the whole audit log against its chain and its anchors.
    pub fn verify_audit(&self) -> Result<Verified, Refusal> {
        self.state
            .read_apart(|connection| audit::verify(connection, &self.key, self.state.folder()))
    }

    /// Anchors the newest row of the audit log now, and returns its number and hash: for a signed
    /// pack. None while the log is empty.
    pub fn anchor_audit(&self) -> Result<Option<(u64, String)>, Refusal> {
        let Some(head) = self.state.read(audit::head)? else {
            return Ok(None);
        };
        audit::anchor(self.state.folder(), &head)?;
        *self.anchored.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((head.sequence, head.at));
        let hash = data_encoding::HEXLOWER.encode(&head.hash);
        Ok(Some((head.sequence.unsigned_abs(), hash)))
    }

    /// The time by which lives are counted, in milliseconds: follows the wall clock forward, and
    /// never back.
    fn life(&self) -> i64 {
        let (wall, elapsed) = (self.clock.now().as_millisecond(), self.clock.elapsed());
        let mut from = self.counted_from.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = elapsed.saturating_sub(from.1).as_millis();
        let counted = from.0.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        if wall > counted {
            *from = (wall, elapsed);
        }
        counted.max(wall)
    }

    /// Changes something, with its audit row in the same transaction: both or neither.
    fn change<T>(
        &self,
        actor: &str,
        address: Option<Address>,
        change: impl FnOnce(&Transaction<'_>) -> Result<(T, Event), Refusal>,
    ) -> Result<T, Refusal> {
        let address = address.map(|address| address.to_canonical().to_string());
        let who = Who { actor, address: address.as_deref().unwrap_or("") };
        let (changed, head) = self.state.write(|transaction| {
            let (changed, event) = change(transaction)?;
            let head = audit::add(transaction, &self.key, self.clock.now(), who, &event)?;
            Ok((changed, head))
        })?;
        let mut anchored = self.anchored.lock().unwrap_or_else(PoisonError::into_inner);
        if audit::due(&head, *anchored) {
            // What was changed is changed: the next row tries again, and whoever asks is told.
            let tried = audit::anchor(self.state.folder(), &head);
            if tried.is_ok() {
                *anchored = Some((head.sequence, head.at));
            }
            let why = match tried {
                Err(Refusal::Trouble(why)) => Some(why),
                _ => None,
            };
            *self.not_anchored.lock().unwrap_or_else(PoisonError::into_inner) = why;
        }
        Ok(changed)
    }

    /// Writes one audit row.
    fn note(&self, actor: &str, address: Option<Address>, event: &Event) -> Result<(), Refusal> {
        self.change(actor, address, |_| Ok(((), event.clone())))
    }

    /// Refuses, with an audit row.
    fn refuse<T>(
        &self,
        actor: &str,
        address: Option<Address>,
        action: Action,
        object: &str,
        refusal: Refusal,
    ) -> Result<T, Refusal> {
        let event = Event::refused(action, object, refusal.code());
        if actor == ANONYMOUS {
            self.note_refused(address, &event)?;
        } else {
            self.note(actor, address, &event)?;
        }
        Err(refusal)
    }

    /// Hashes the network that an address belongs to: all of it for IPv4, the first half for IPv6,
    /// as one machine has the whole second half to itself.
    fn network(&self, address: Address) -> [u8; 32] {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().into_iter().take(8).collect(),
        };
        self.key.hash(Use::Address, &network)
    }
}

/// Names a caller in the audit log: by identifier, with the token where it was one.
fn actor_of(caller: &Caller) -> String {
    match &caller.by {
        By::Session(_) => caller.account.to_string(),
        By::Token(token) => format!("{} by {token}", caller.account),
    }
}

/// Names whoever changes something, after looking whether they may.
fn allowed(actor: Actor<'_>, permission: Permission) -> Result<String, Refusal> {
    match actor {
        Actor::Console => Ok("console".to_owned()),
        Actor::Caller(caller) => {
            caller.need(permission)?;
            Ok(actor_of(caller))
        }
    }
}

/// Returns the one row of a query, or none.
fn one<T>(
    connection: &rusqlite::Connection,
    query: &str,
    given: impl rusqlite::Params,
    read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Refusal> {
    Ok(connection.prepare_cached(query)?.query_row(given, read).optional()?)
}

/// Runs a statement and returns how many rows it changed.
fn run(
    connection: &rusqlite::Connection,
    statement: &str,
    given: impl rusqlite::Params,
) -> Result<usize, Refusal> {
    Ok(connection.prepare_cached(statement)?.execute(given)?)
}

/// Returns a time of the file.
fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// Returns a length of time in milliseconds.
fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
