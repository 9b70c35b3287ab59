//! The audit log: what was done or refused, by whom, in an order that cannot be changed unseen.
//!
//! Rows are chained by hash and only ever added; the head is anchored in a file outside the
//! database. Rows hold identifiers, never values of cells, names or addresses of persons.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::refusal::{Refusal, Trouble};
use crate::secret::{Key, Use};

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Someone signed in, or tried to.
    Login,
    /// One address tries passwords on many accounts.
    PasswordSpraying,
    /// A session was ended by its owner.
    Logout,
    /// The first administrator was made.
    SetUp,
    /// A person was invited.
    Invite,
    /// A link to set a password was used.
    RedeemLink,
    /// A password was changed.
    ChangePassword,
    /// The own profile or preferences were changed.
    ChangeProfile,
    /// A second factor was set up, used up or taken away.
    SecondFactor,
    /// An API token was made.
    CreateToken,
    /// An API token was revoked.
    RevokeToken,
    /// A role or a limit to a segment was changed.
    ChangeRights,
    /// An account was disabled.
    Disable,
    /// An account was enabled.
    Enable,
    /// A link to set a new password was made.
    Reset,
    /// An account was removed.
    Remove,
    /// A request was refused: no right, another site, a changed form.
    Refuse,
    /// Rows or a pack were taken away as a file.
    Export,
    /// Files were loaded, or held by a guard.
    Load,
    /// A person was forgotten.
    Erase,
    /// A held load was let through.
    Accept,
    /// A held load was thrown away.
    DropLoad,
    /// Something was changed that has no action of its own.
    Change,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 23] = [
        Self::Login,
        Self::PasswordSpraying,
        Self::Logout,
        Self::SetUp,
        Self::Invite,
        Self::RedeemLink,
        Self::ChangePassword,
        Self::ChangeProfile,
        Self::SecondFactor,
        Self::CreateToken,
        Self::RevokeToken,
        Self::ChangeRights,
        Self::Disable,
        Self::Enable,
        Self::Reset,
        Self::Remove,
        Self::Refuse,
        Self::Export,
        Self::Load,
        Self::Erase,
        Self::Accept,
        Self::DropLoad,
        Self::Change,
    ];

    /// Returns the stable name.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::PasswordSpraying => "password-spraying",
            Self::Logout => "logout",
            Self::SetUp => "set-up",
            Self::Invite => "invite",
            Self::RedeemLink => "redeem-link",
            Self::ChangePassword => "change-password",
            Self::ChangeProfile => "change-profile",
            Self::SecondFactor => "second-factor",
            Self::CreateToken => "create-token",
            Self::RevokeToken => "revoke-token",
            Self::ChangeRights => "change-rights",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Reset => "reset",
            Self::Remove => "remove",
            Self::Refuse => "refuse",
            Self::Export => "export",
            Self::Load => "load",
            Self::Erase => "erase",
            Self::Accept => "accept",
            Self::DropLoad => "drop-load",
            Self::Change => "change",
        }
    }
}

/// What is to be written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What was done.
    pub action: Action,
    /// To what: an identifier, or a route template; never a value of a cell.
    pub object: String,
    /// `done`, `refused`, or `refused:CODE`, with counts where they matter (`done rows=12`).
    pub outcome: String,
}

impl Event {
    /// Something that was done.
    pub fn done(action: Action, object: impl Into<String>) -> Self {
        Self { action, object: object.into(), outcome: "done".to_owned() }
    }

    /// Something that was done, in a word that says more than that.
    pub fn ended(action: Action, object: impl Into<String>, outcome: impl Into<String>) -> Self {
        Self { action, object: object.into(), outcome: outcome.into() }
    }

    /// Something that was refused, with the reason as a stable code.
    pub fn refused(action: Action, object: impl Into<String>, reason: &str) -> Self {
        Self { action, object: object.into(), outcome: format!("refused:{reason}") }
    }

    /// An export: which one, under which filter (hashed here), and how many rows.
    pub fn export(object: impl Into<String>, filter: &str, rows: u64) -> Self {
        let hash = blake3::hash(filter.as_bytes()).to_hex();
        let short: String = hash.chars().take(16).collect();
        let outcome = format!("done filter={short} rows={rows}");
        Self { action: Action::Export, object: object.into(), outcome }
    }
}

/// A row of the audit log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Number in the order of writing, from 1 without gaps.
    pub sequence: u64,
    /// Time on the wall clock, UTC. The order is that of `sequence`.
    pub at: Timestamp,
    /// An account identifier, `console` or `anonymous`.
    pub actor: String,
    /// Name of the action.
    pub action: String,
    /// To what.
    pub object: String,
    /// How it ended.
    pub outcome: String,
    /// Network address of the caller; empty for the console.
    pub address: String,
    /// Hash of this row and the one before, in hexadecimal.
    pub hash: String,
}

/// What a check of the whole log found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verified {
    /// All rows are as they were written.
    Whole {
        /// How many.
        rows: u64,
    },
    /// A row is not as it was written, or is missing.
    Broken {
        /// The first number that is wrong.
        sequence: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// A row as it is stored.
struct Stored {
    sequence: i64,
    at: i64,
    actor: String,
    action: String,
    object: String,
    outcome: String,
    address: String,
    hash: Vec<u8>,
}

const COLUMNS: &str = "sequence, at, actor, action, object, outcome, address, hash";

impl Stored {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sequence: row.get(0)?,
            at: row.get(1)?,
            actor: row.get(2)?,
            action: row.get(3)?,
            object: row.get(4)?,
            outcome: row.get(5)?,
            address: row.get(6)?,
            hash: row.get(7)?,
        })
    }

    /// Hashes the row after the one before. Lengths stand before texts, so that no two rows have
    /// the same bytes.
    fn chained(&self, key: &Key, before: &[u8]) -> [u8; 32] {
        let mut bytes = before.to_vec();
        bytes.extend(self.sequence.to_le_bytes());
        bytes.extend(self.at.to_le_bytes());
        for text in [&self.actor, &self.action, &self.object, &self.outcome, &self.address] {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        key.hash(Use::Audit, &bytes)
    }
}

/// The newest row: its number and hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) sequence: i64,
    pub(crate) at: i64,
    pub(crate) hash: Vec<u8>,
}

/// Who did it and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) actor: &'a str,
    pub(crate) address: &'a str,
}

/// Keeps a text of others to one line of bounded length.
fn plain(text: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(clean).take(200).collect()
}

/// Returns the newest row.
pub(crate) fn head(connection: &Connection) -> Result<Option<Head>, Refusal> {
    let mut query = connection
        .prepare_cached("SELECT sequence, at, hash FROM audit ORDER BY sequence DESC LIMIT 1")?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Head { sequence: row.get(0)?, at: row.get(1)?, hash: row.get(2)? })
    };
    Ok(query.query_row([], read).optional()?)
}

/// Adds a row.
pub(crate) fn add(
    transaction: &Transaction<'_>,
    key: &Key,
    now: Timestamp,
    who: Who<'_>,
    event: &Event,
) -> Result<Head, Refusal> {
    let before = head(transaction)?;
    let (last, hash) = before.map_or((0, Vec::new()), |head| (head.sequence, head.hash));
    let mut row = Stored {
        sequence: last.saturating_add(1),
        at: now.as_millisecond(),
        actor: plain(who.actor),
        action: event.action.id().to_owned(),
        object: plain(&event.object),
        outcome: plain(&event.outcome),
        address: plain(who.address),
        hash: Vec::new(),
    };
    row.hash = row.chained(key, &hash).to_vec();
    transaction
        .prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            row.sequence,
            row.at,
            row.actor,
            row.action,
            row.object,
            row.outcome,
            row.address,
            row.hash
        ])?;
    Ok(Head { sequence: row.sequence, at: row.at, hash: row.hash })
}

/// Reads rows before a number, the newest first.
pub(crate) fn page(
    connection: &Connection,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Row>, Refusal> {
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM audit WHERE sequence < ?1 ORDER BY sequence DESC LIMIT ?2"
    ))?;
    let rows = query.query_map(params![before, limit], Stored::read)?;
    rows.map(|row| {
        let row = row?;
        Ok(Row {
            sequence: row.sequence.unsigned_abs(),
            at: Timestamp::from_millisecond(row.at).unwrap_or_default(),
            actor: row.actor,
            action: row.action,
            object: row.object,
            outcome: row.outcome,
            address: row.address,
            hash: HEXLOWER.encode(&row.hash),
        })
    })
    .collect()
}

/// Rows between two anchors at most; there is one each day besides.
const ANCHOR_EVERY: i64 = 256;
const DAY_MILLISECONDS: i64 = 86_400_000;
/// The file of anchors, beside the database.
pub(crate) const ANCHORS: &str = "audit-anchor.log";

/// True where a head should be anchored, given the last one that was.
pub(crate) const fn due(head: &Head, anchored: Option<(i64, i64)>) -> bool {
    match anchored {
        Some((sequence, at)) => {
            head.sequence.saturating_sub(sequence) >= ANCHOR_EVERY
                || head.at.div_euclid(DAY_MILLISECONDS) != at.div_euclid(DAY_MILLISECONDS)
        }
        None => true,
    }
}

/// Writes a head down outside the database, and flushes it.
pub(crate) fn anchor(folder: &Path, head: &Head) -> Result<(), Refusal> {
    let at = Timestamp::from_millisecond(head.at).unwrap_or_default();
    let line = format!("{at} {} {}\n", head.sequence, HEXLOWER.encode(&head.hash));
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let path = folder.join(ANCHORS);
    let written = options.open(&path).and_then(|mut file| {
        file.write_all(line.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| Refusal::Trouble(Trouble(format!("{}: {error}", path.display()))))
}

/// Reads the last anchor: number and time.
pub(crate) fn last_anchor(folder: &Path) -> Option<(i64, i64)> {
    let text = fs::read_to_string(folder.join(ANCHORS)).ok()?;
    let (sequence, at, _) = text.lines().rev().find_map(parse_anchor)?;
    Some((sequence, at))
}

/// True for a line of the file of anchors as it is written.
pub(crate) fn is_anchor(line: &str) -> bool {
    let digits = |hash: &str| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    line.split(' ').count() == 3 && parse_anchor(line).is_some_and(|(.., hash)| digits(hash))
}

/// The number of the row that a line of the file of anchors is about.
pub(crate) fn anchored(line: &str) -> Option<i64> {
    parse_anchor(line).map(|(sequence, ..)| sequence)
}

fn parse_anchor(line: &str) -> Option<(i64, i64, &str)> {
    let mut parts = line.split(' ');
    let at: Timestamp = parts.next()?.parse().ok()?;
    let sequence = parts.next()?.parse().ok()?;
    Some((sequence, at.as_millisecond(), parts.next()?))
}

/// Checks every row against its hash, and every anchor against its row.
pub(crate) fn verify(
    connection: &Connection,
    key: &Key,
    folder: &Path,
) -> Result<Verified, Refusal> {
    let broken = |sequence: i64, why: &str| {
        Ok(Verified::Broken { sequence: sequence.unsigned_abs(), why: why.to_owned() })
    };
    let text = match fs::read_to_string(folder.join(ANCHORS)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Refusal::Trouble(Trouble(error.to_string()))),
    };
    let mut anchors: Vec<(i64, i64, &str)> = text.lines().filter_map(parse_anchor).collect();
    anchors.sort_unstable();
    let mut anchors = anchors.into_iter().peekable();
    let mut query =
        connection.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY sequence"))?;
    let mut rows = query.query_map([], Stored::read)?;
    let mut last = 0_i64;
    let mut hash: Vec<u8> = Vec::new();
    for row in &mut rows {
        let row = row?;
        last = last.saturating_add(1);
        if row.sequence != last {
            return broken(last, "the row is missing");
        }
        if row.chained(key, &hash)[..] != row.hash[..] {
            return broken(last, "the row, or the one before it, is not as it was written");
        }
        hash.clone_from(&row.hash);
        while let Some((_, _, anchored)) = anchors.next_if(|(sequence, ..)| *sequence == last) {
            if HEXLOWER.encode(&hash) != anchored {
                return broken(last, "the row is not the one that was anchored");
            }
        }
    }
    if anchors.next().is_some() {
        return broken(last.saturating_add(1), "the end of the log has been cut off");
    }
    if last > 0 && text.is_empty() {
        return broken(last, "the file of anchors is missing");
    }
    Ok(Verified::Whole { rows: last.unsigned_abs() })
}
