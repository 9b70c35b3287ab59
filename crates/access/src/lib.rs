//! Who may see and do what: accounts, roles, sessions, tokens, limits and the audit log.
//!
//! All is kept in `.throughline/state.sqlite`; the one key outside it in `.throughline/secret`.
//! Calls block: an async server wraps them. Time comes from a [`Clock`], randomness from the
//! system. Nothing here knows HTTP, and nothing tells a stranger whether an account exists.
#![expect(unused_variables, reason = "the bodies are on their way")]

pub mod audit;
pub mod caller;
pub mod clock;
pub mod refusal;
pub mod role;
pub mod secret;
pub mod settings;
pub mod types;

use std::path::Path;

pub use audit::{Action, Event, Row, Verified};
pub use caller::{AccountId, Actor, By, Caller, Preferences, SessionId, Theme, TokenId};
pub use clock::{Clock, ManualClock, SystemClock};
pub use refusal::{Refusal, Trouble, WeakPassword};
pub use role::{Permission, Permissions, Role, permissions};
pub use secret::Secret;
pub use settings::{HashCost, Settings};
pub use types::{
    Account, AccountState, Address, Begun, Enrollment, Identity, Link, LinkKind, Login, NewAccount,
    NewSession, OneTime, Session, Stored, Token,
};

/// Why access cannot be opened; each says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct AccessError {
    message: String,
    hint: String,
}

impl AccessError {
    /// Returns what to do.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

/// The door: every question of who may do what goes through it. Shared by all threads.
pub struct Access {
    settings: Settings,
    clock: Box<dyn Clock>,
}

fn soon<T>() -> Result<T, Refusal> {
    Err(Refusal::Trouble(Trouble("not yet".to_owned())))
}

impl Access {
    /// Opens the state in the company's folder (`FOLDER/.throughline`), and makes it where there is
    /// none.
    pub fn open(
        folder: &Path,
        settings: Settings,
        clock: impl Clock + 'static,
    ) -> Result<Self, AccessError> {
        Ok(Self { settings, clock: Box::new(clock) })
    }

    /// True while no account exists: only then is there a set-up.
    pub fn set_up_open(&self) -> Result<bool, Refusal> {
        soon()
    }

    /// Makes the one-time secret of the first administrator: 30 minutes, for the console only. None
    /// once an account exists. An earlier one ends.
    pub fn first_token(&self) -> Result<Option<OneTime>, Refusal> {
        soon()
    }

    /// Makes the first administrator. `NotFound` once an account exists.
    pub fn redeem_first(
        &self,
        token: &Secret,
        email: &str,
        name: &str,
        password: &str,
        address: Address,
    ) -> Result<NewSession, Refusal> {
        soon()
    }

    /// Signs in by password.
    pub fn login(&self, email: &str, password: &str, address: Address) -> Result<Login, Refusal> {
        soon()
    }

    /// Completes a login by a code of the authenticator app, or a recovery code.
    pub fn login_code(
        &self,
        pending: &Secret,
        code: &str,
        address: Address,
    ) -> Result<NewSession, Refusal> {
        soon()
    }

    /// Signs in whom the identity provider names. An account is bound to issuer and subject; the
    /// first login binds only where an administrator invited that address for the provider.
    pub fn login_oidc(&self, identity: &Identity, address: Address) -> Result<NewSession, Refusal> {
        soon()
    }

    /// Looks up who holds the cookie. `NotSignedIn` where nobody does.
    pub fn by_session(&self, secret: &Secret) -> Result<Caller, Refusal> {
        soon()
    }

    /// Looks up who holds the API token. `NotSignedIn` where nobody does.
    pub fn by_token(&self, secret: &Secret) -> Result<Caller, Refusal> {
        soon()
    }

    /// Ends the caller's session.
    pub fn logout(&self, caller: &Caller, address: Address) -> Result<(), Refusal> {
        soon()
    }

    /// Lists the caller's own sessions, the newest first.
    pub fn sessions(&self, caller: &Caller) -> Result<Vec<Session>, Refusal> {
        soon()
    }

    /// Ends one of the caller's own sessions.
    pub fn end_session(
        &self,
        caller: &Caller,
        id: &SessionId,
        address: Address,
    ) -> Result<(), Refusal> {
        soon()
    }

    /// Changes the own password; every session ends and a new one begins.
    pub fn change_password(
        &self,
        caller: &Caller,
        old: &str,
        new: &str,
        address: Address,
    ) -> Result<NewSession, Refusal> {
        soon()
    }

    /// Changes the own name and preferences.
    pub fn change_profile(
        &self,
        caller: &Caller,
        name: &str,
        preferences: &Preferences,
        address: Address,
    ) -> Result<(), Refusal> {
        soon()
    }

    /// Tells whether the caller has a second factor, and how many recovery codes are left.
    pub fn second_factor(&self, caller: &Caller) -> Result<Option<u32>, Refusal> {
        soon()
    }

    /// Begins to set up a second factor.
    pub fn enroll(&self, caller: &Caller) -> Result<Enrollment, Refusal> {
        soon()
    }

    /// Confirms the second factor by a code; returns the recovery codes, shown once, and the new
    /// session in place of the caller's.
    pub fn confirm_enrollment(
        &self,
        caller: &Caller,
        code: &str,
        address: Address,
    ) -> Result<(Vec<Secret>, NewSession), Refusal> {
        soon()
    }

    /// Takes the second factor away, for the password.
    pub fn remove_second_factor(
        &self,
        caller: &Caller,
        password: &str,
        address: Address,
    ) -> Result<NewSession, Refusal> {
        soon()
    }

    /// Makes an API token: name, role not above the caller's, days (90 where none, at most 365).
    pub fn create_token(
        &self,
        caller: &Caller,
        name: &str,
        role: Role,
        days: Option<u16>,
        address: Address,
    ) -> Result<(Secret, Token), Refusal> {
        soon()
    }

    /// Lists the caller's own API tokens.
    pub fn tokens(&self, caller: &Caller) -> Result<Vec<Token>, Refusal> {
        soon()
    }

    /// Revokes an own API token.
    pub fn revoke_token(
        &self,
        caller: &Caller,
        id: &TokenId,
        address: Address,
    ) -> Result<(), Refusal> {
        soon()
    }

    /// Lists the accounts by e-mail address.
    pub fn accounts(&self, actor: Actor<'_>) -> Result<Vec<Account>, Refusal> {
        soon()
    }

    /// Finds an account by its e-mail address.
    pub fn account_by_email(&self, actor: Actor<'_>, email: &str) -> Result<Account, Refusal> {
        soon()
    }

    /// Adds a person; returns the account and the invitation (none for those who come by the
    /// identity provider).
    pub fn invite(
        &self,
        actor: Actor<'_>,
        new: &NewAccount,
        address: Option<Address>,
    ) -> Result<(Account, Option<OneTime>), Refusal> {
        soon()
    }

    /// Tells the holder of a link whose it is. `LinkEnded` where it has ended or never was.
    pub fn link(&self, secret: &Secret) -> Result<Link, Refusal> {
        soon()
    }

    /// Sets the password by a link; every session of the account ends. The person then signs in.
    pub fn redeem_link(
        &self,
        secret: &Secret,
        password: &str,
        address: Address,
    ) -> Result<(), Refusal> {
        soon()
    }

    /// Sets a password directly. For the console.
    pub fn set_password(&self, id: &AccountId, password: &str) -> Result<(), Refusal> {
        soon()
    }

    /// Changes role and limit; every session of the account ends.
    pub fn set_rights(
        &self,
        actor: Actor<'_>,
        id: &AccountId,
        role: Role,
        segment: Option<&str>,
        address: Option<Address>,
    ) -> Result<Account, Refusal> {
        soon()
    }

    /// Disables or enables an account; every session of a disabled one ends.
    pub fn set_disabled(
        &self,
        actor: Actor<'_>,
        id: &AccountId,
        disabled: bool,
        address: Option<Address>,
    ) -> Result<Account, Refusal> {
        soon()
    }

    /// Makes a link for a new password, ends every session, forgets failures and second factor.
    pub fn reset(
        &self,
        actor: Actor<'_>,
        id: &AccountId,
        address: Option<Address>,
    ) -> Result<OneTime, Refusal> {
        soon()
    }

    /// Removes an account with its sessions and tokens.
    pub fn remove(
        &self,
        actor: Actor<'_>,
        id: &AccountId,
        address: Option<Address>,
    ) -> Result<(), Refusal> {
        soon()
    }

    /// Writes an event of others to the audit log.
    pub fn record(
        &self,
        caller: Option<&Caller>,
        address: Option<Address>,
        event: &Event,
    ) -> Result<(), Refusal> {
        soon()
    }

    /// Reads the audit log, the newest first: rows before a sequence number.
    pub fn audit(
        &self,
        actor: Actor<'_>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Row>, Refusal> {
        soon()
    }

    /// Checks the whole audit log against its chain and its anchors.
    pub fn verify_audit(&self) -> Result<Verified, Refusal> {
        soon()
    }

    /// Asks whether a change with an idempotency key was made before.
    pub fn begin(
        &self,
        caller: &Caller,
        key: &str,
        route: &str,
        body: &[u8],
    ) -> Result<Begun, Refusal> {
        soon()
    }

    /// Keeps the answer of a change for 24 hours; none: the change failed and may be tried again.
    pub fn finish(
        &self,
        caller: &Caller,
        key: &str,
        route: &str,
        answer: Option<&Stored>,
    ) -> Result<(), Refusal> {
        soon()
    }

    /// Returns how access is kept.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }
}
