//! Why a login at the identity provider is not believed.

/// Why nobody was signed in. [`Refusal::code`] is what the audit log says.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// No login was begun in this browser, or another one, or it was completed already.
    #[error("no login of this browser is waiting for this answer")]
    State,
    /// The login was begun too long ago.
    #[error("the login was begun more than ten minutes ago")]
    Late,
    /// The provider, or the person there, declined.
    #[error("the identity provider declined the login")]
    Declined,
    /// The answer or the token comes from another issuer.
    #[error("the answer comes from another issuer")]
    Issuer,
    /// The token is for somebody else.
    #[error("the token is meant for another application")]
    Audience,
    /// The token was issued for another login.
    #[error("the token belongs to another login")]
    Nonce,
    /// The token has ended.
    #[error("the token has expired")]
    Expired,
    /// The token is from the future.
    #[error("the token is from the future; compare the clocks")]
    Early,
    /// The token is not signed, or in a way that anybody could.
    #[error("the token is not signed by an algorithm that is accepted")]
    Algorithm,
    /// The signature is not the provider's.
    #[error("the signature of the token is not the provider's")]
    Signature,
    /// Token and user info speak of two persons.
    #[error("the identity provider speaks of two persons in one login")]
    Subject,
    /// The provider does not know the code.
    #[error("the identity provider did not accept the code of the login")]
    Code,
    /// The provider's answer is not what the standard says.
    #[error("the identity provider's answer is incomplete or cannot be read")]
    Answer,
    /// The provider cannot be reached.
    #[error("the identity provider cannot be reached")]
    Unreachable,
    /// The provider names a host that the settings do not allow.
    #[error("the identity provider names a host that is not allowed: {0}")]
    Host(String),
    /// The client secret cannot be read.
    #[error("{0}")]
    Secret(#[from] outbound::Unreadable),
}

impl Refusal {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::State => "oidc-state",
            Self::Late => "oidc-late",
            Self::Declined => "oidc-declined",
            Self::Issuer => "oidc-issuer",
            Self::Audience => "oidc-audience",
            Self::Nonce => "oidc-nonce",
            Self::Expired => "oidc-expired",
            Self::Early => "oidc-early",
            Self::Algorithm => "oidc-algorithm",
            Self::Signature => "oidc-signature",
            Self::Subject => "oidc-subject",
            Self::Code => "oidc-code",
            Self::Answer => "oidc-answer",
            Self::Unreachable => "oidc-unreachable",
            Self::Host(_) => "oidc-host",
            Self::Secret(_) => "oidc-secret",
        }
    }

    /// True where the provider or the settings are at fault, not whoever signs in: worth 503 and a
    /// line in the log.
    pub const fn ours(&self) -> bool {
        matches!(self, Self::Unreachable | Self::Host(_) | Self::Secret(_) | Self::Answer)
    }
}
