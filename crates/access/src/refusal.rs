//! Why a request is refused, in words that a stranger may read.
//!
//! No refusal tells whether an account exists, and none holds a path, a query or a secret.

use std::fmt;
use std::time::Duration;

/// Why something was not done. [`Refusal::code`] is interface.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// No login, or one that has ended.
    #[error("you are not signed in, or the session has ended")]
    NotSignedIn,
    /// E-mail address, password or code do not fit, or this way of signing in is closed.
    #[error("the e-mail address, the password or the code does not fit")]
    LoginRefused,
    /// Too many attempts; wait.
    #[error("too many attempts")]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Too much goes on at once, or another program writes; wait.
    #[error("too much is going on with the accounts at this moment")]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The account must set up its second factor first.
    #[error("a second factor is needed before figures are shown")]
    SecondFactorNeeded,
    /// The role does not hold the permission.
    #[error("your role does not allow this")]
    NotAllowed,
    /// An API token cannot do this; a person who is signed in can.
    #[error("this needs a person who is signed in, not an API token")]
    SessionNeeded,
    /// Not there, or not yours.
    #[error("there is nothing with this identifier")]
    NotFound,
    /// The password cannot be taken.
    #[error("the password {0}")]
    WeakPassword(WeakPassword),
    /// A field cannot be taken.
    #[error("{field}: {why}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is expected.
        why: &'static str,
    },
    /// There is one already.
    #[error("{0}")]
    Conflict(&'static str),
    /// The link was used, has ended, or never was.
    #[error("this link has been used or has ended")]
    LinkEnded,
    /// The world around: disk full, database locked. Details go to the log, never to the caller.
    #[error("the state of the accounts cannot be read or written at this moment")]
    Trouble(Trouble),
}

/// What the log is told of a failure of the world around.
#[derive(Clone, PartialEq, Eq)]
pub struct Trouble(pub(crate) String);

impl Trouble {
    /// Returns the details. For the log of the server, never for an answer.
    pub fn details(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a password cannot be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WeakPassword {
    /// Fewer characters than the least.
    Short,
    /// More characters than the most.
    Long,
    /// It is among those that are guessed first.
    Common,
    /// It is made of the name, the address, the company or the product.
    Context,
    /// It is the one before.
    Same,
}

impl fmt::Display for WeakPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "has fewer than 12 characters",
            Self::Long => "has more than 128 characters",
            Self::Common => "is one that is guessed early; several unrelated words are better",
            Self::Context => "is made of your name, address, company or this product's name",
            Self::Same => "is the one that you have now",
        })
    }
}

impl Refusal {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotSignedIn => "not-signed-in",
            Self::LoginRefused => "login-refused",
            Self::TooManyAttempts { .. } => "too-many-attempts",
            Self::Busy { .. } => "busy",
            Self::SecondFactorNeeded => "second-factor-needed",
            Self::NotAllowed => "not-allowed",
            Self::SessionNeeded => "session-needed",
            Self::NotFound => "not-found",
            Self::WeakPassword(_) => "weak-password",
            Self::Field { .. } => "field",
            Self::Conflict(_) => "conflict",
            Self::LinkEnded => "link-ended",
            Self::Trouble(_) => "trouble",
        }
    }

    /// Returns the HTTP status that fits.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotSignedIn | Self::LoginRefused => 401,
            Self::TooManyAttempts { .. } => 429,
            Self::Busy { .. } | Self::Trouble(_) => 503,
            Self::SecondFactorNeeded | Self::NotAllowed | Self::SessionNeeded => 403,
            Self::NotFound => 404,
            Self::WeakPassword(_) | Self::Field { .. } => 422,
            Self::Conflict(_) => 409,
            Self::LinkEnded => 410,
        }
    }

    /// Returns how long to wait before the next attempt, in whole seconds, where waiting helps.
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyAttempts { retry_after } | Self::Busy { retry_after } => {
                let more = if retry_after.subsec_nanos() > 0 { 1 } else { 0 };
                Some(retry_after.as_secs().saturating_add(more))
            }
            Self::Trouble(_) => Some(5),
            _ => None,
        }
    }

    /// Returns what to do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotSignedIn => "Sign in.",
            Self::LoginRefused => {
                "Try again; where it still does not fit, ask an administrator for a reset link."
            }
            Self::TooManyAttempts { .. } => "Wait, then try again.",
            Self::Busy { .. } => "Try again in a moment.",
            Self::SecondFactorNeeded => "Set it up under Settings; it takes a minute.",
            Self::NotAllowed => "Ask an administrator for a role that does.",
            Self::SessionNeeded => "Do it on the page, signed in.",
            Self::NotFound => "Check the address.",
            Self::WeakPassword(_) => "Choose 12 to 128 characters that are hard to guess.",
            Self::Field { .. } => "Correct the field.",
            Self::Conflict(_) => "Look at what is there, then decide.",
            Self::LinkEnded => "Ask an administrator for a new one.",
            Self::Trouble(_) => "Try again; where it stays, the log of the server says why.",
        }
    }
}
