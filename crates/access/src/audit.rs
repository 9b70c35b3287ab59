//! The audit log: what was done or refused, by whom, in an order that cannot be changed unseen.
//!
//! Rows are chained by hash and only ever added; the head is anchored in a file outside the
//! database. Rows hold identifiers, never values of cells, names or addresses of persons.

use jiff::Timestamp;

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
    /// Files were loaded.
    Load,
    /// Something was changed that has no action of its own.
    Change,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 20] = [
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
