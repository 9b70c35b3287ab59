//! Who asks, and what they may do.

use std::fmt;

use domain::Theme;
use jiff::Timestamp;

use crate::refusal::Refusal;
use crate::role::{Permission, Permissions, Role};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(String);

        impl $name {
            /// Takes a text as an identifier; one that was never given out is found nowhere.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

identifier!(
    /// Identifies an account of a person who signs in; random, stands in logs in place of a name.
    AccountId
);
identifier!(
    /// Identifies a session to its owner; not the secret that proves it.
    SessionId
);
identifier!(
    /// Identifies an API token to its owner; not the secret that proves it.
    TokenId
);

/// By what a caller is known.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum By {
    /// A person who signed in.
    Session(SessionId),
    /// An API token.
    Token(TokenId),
}

/// What a person prefers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preferences {
    /// `light`, `dark` or `system`.
    pub theme: Theme,
    /// Whether single keys are shortcuts.
    pub shortcuts: bool,
    /// Whether the weekly digest is sent.
    pub digest: bool,
    /// Language tag for numbers and days; none: the browser's.
    pub locale: Option<String>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::System, shortcuts: true, digest: false, locale: None }
    }
}

/// Who asks: looked up anew for each request, so that a changed right acts at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// Name as the person writes it.
    pub name: String,
    /// E-mail address as it was entered.
    pub email: String,
    /// The role: the account's, or the API token's.
    pub role: Role,
    /// The one segment that the account sees; none: all.
    pub segment: Option<String>,
    /// By what the caller is known.
    pub by: By,
    /// What the person prefers.
    pub preferences: Preferences,
    /// When the person last proved who they are.
    pub proved_at: Timestamp,
    /// True where a second factor must be set up before anything else.
    pub must_enroll: bool,
    pub(crate) permissions: Permissions,
}

impl Caller {
    /// True where the caller holds a permission.
    pub const fn may(&self, permission: Permission) -> bool {
        self.permissions.has(permission)
    }

    /// Returns what the caller may do.
    pub const fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// Refuses a caller without a permission.
    pub fn need(&self, permission: Permission) -> Result<(), Refusal> {
        if self.may(permission) {
            Ok(())
        } else if self.must_enroll {
            Err(Refusal::SecondFactorNeeded)
        } else {
            Err(Refusal::NotAllowed)
        }
    }

    /// True where it is a person who signed in.
    pub const fn signed_in(&self) -> bool {
        matches!(self.by, By::Session(_))
    }

    /// Returns a text that is the same for two callers only where they see the same: belongs in
    /// every cache key.
    pub fn sees(&self) -> String {
        let permissions: Vec<&str> =
            self.permissions.list().into_iter().map(Permission::id).collect();
        format!("{}|{}", permissions.join(","), self.segment.as_deref().unwrap_or("*"))
    }
}

/// Who changes something: a caller of the server, or whoever runs the program on the machine.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// A caller of the server.
    Caller(&'a Caller),
    /// Whoever runs the program in the company's folder.
    Console,
}
