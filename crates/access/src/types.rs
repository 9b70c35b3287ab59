//! What goes in and comes out of [`Access`](crate::Access): plain values.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::caller::{AccountId, Caller, SessionId, TokenId};
use crate::role::Role;
use crate::secret::Secret;

/// A session that has just begun.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The value of the cookie.
    pub secret: Secret,
    /// Who signed in.
    pub caller: Caller,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// How far a login has come.
#[derive(Clone, Debug)]
pub enum Login {
    /// Signed in.
    Done(Box<NewSession>),
    /// The password fits; a code of the second factor is asked for. The secret lasts five minutes
    /// and belongs in a short-lived cookie, as it is of no use without the code.
    SecondFactor(Secret),
}

/// A one-time secret with its end.
#[derive(Clone, Debug)]
pub struct OneTime {
    /// The secret: part of a link.
    pub secret: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a one-time link is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkKind {
    /// The first password of an invited person; lasts 24 hours.
    Invitation,
    /// A new password; lasts 30 minutes.
    Reset,
}

/// What the holder of a link may know before using it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// What it is for.
    pub kind: LinkKind,
    /// Whose it is.
    pub name: String,
    /// Whose it is.
    pub email: String,
}

/// A person to be added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAccount {
    /// E-mail address.
    pub email: String,
    /// Name; empty: the address up to its `@`.
    pub name: String,
    /// Role.
    pub role: Role,
    /// The one segment that the account sees; none: all.
    pub segment: Option<String>,
    /// True where the person signs in by the identity provider only.
    pub by_provider: bool,
}

/// An account as administrators see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Identifier.
    pub id: AccountId,
    /// E-mail address.
    pub email: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// The one segment that the account sees.
    pub segment: Option<String>,
    /// Invited, active, locked or disabled.
    pub state: AccountState,
    /// True where the person signs in by the identity provider only.
    pub by_provider: bool,
    /// True where a second factor is set up.
    pub second_factor: bool,
    /// True where the weekly digest is wanted.
    pub digest: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the person last signed in.
    pub signed_in_at: Option<Timestamp>,
}

impl Account {
    /// Returns the account as it is told to programs, by the command line and the API alike.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "id": self.id.as_str(),
            "email": self.email,
            "name": self.name,
            "role": self.role.id(),
            "segment": self.segment,
            "state": self.state.id(),
            "by_provider": self.by_provider,
            "second_factor": self.second_factor,
            "created_at": self.created_at.to_string(),
            "signed_in_at": self.signed_in_at.map(|at| at.to_string()),
        })
    }
}

/// State of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountState {
    /// Has not signed in yet.
    Invited,
    /// Can sign in.
    Active,
    /// Cannot sign in from unknown addresses after 100 failures in a row, until it is reset.
    Locked,
    /// Cannot sign in.
    Disabled,
}

impl AccountState {
    /// Returns the stable identifier.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
        }
    }
}

/// A session as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Identifier.
    pub id: SessionId,
    /// When it began.
    pub issued_at: Timestamp,
    /// When it was last used, to the half minute.
    pub last_seen: Timestamp,
    /// Where it began.
    pub address: String,
    /// True for the session that asks.
    pub current: bool,
}

/// An API token as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Identifier.
    pub id: TokenId,
    /// Name given by its owner.
    pub name: String,
    /// Role.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

/// A second factor that waits to be confirmed.
#[derive(Clone, Debug)]
pub struct Enrollment {
    /// The secret in base 32, to be typed into an authenticator app.
    pub secret: Secret,
    /// The same as an `otpauth://` address, for a QR code.
    pub uri: Secret,
}

/// A person as the identity provider names them; every field has been verified by its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// The person at the provider; with the issuer it is the one thing an account is bound to.
    pub subject: String,
    /// E-mail address, where the provider says that it is verified.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
}

/// Where a request comes from: the address of the socket, or what a configured proxy says.
pub type Address = IpAddr;

/// What is known of an idempotency key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begun {
    /// New: do the work, then call [`Access::finish`](crate::Access::finish).
    New,
    /// Done before: send this again.
    Done(Stored),
    /// The first request with this key is still being worked on.
    Running,
    /// The key was used with another body.
    Conflict,
}

/// An answer that is kept for a repeated request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}
