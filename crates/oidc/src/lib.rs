//! Signing in at the company's identity provider: OpenID Connect, code flow only.
//!
//! [`Provider::begin`] sends the browser there with state, nonce and a challenge (RFC 7636, S256);
//! [`Provider::finish`] takes what it brings back, fetches the token and believes it only where
//! issuer, audience, signature, time and nonce are right. What comes out is an [`Identity`]; whose
//! account that is, is decided by others, by issuer and subject and never by the e-mail address
//! alone. The provider named in the settings is the only host that is asked.

mod http;
mod pending;
mod provider;
mod refusal;
mod settings;

pub use provider::{Answered, Begun, Finished, Identity, Provider};
pub use refusal::Refusal;
pub use settings::Settings;
