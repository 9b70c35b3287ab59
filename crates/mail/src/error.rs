//! What can go wrong around a digest, each with what to do.

use std::path::PathBuf;

/// Why a digest could not be made, sent or written down.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mail server's name has no address, or one that the settings do not allow.
    #[error("mail server `{host}`: {why}")]
    Server {
        /// The name in the settings.
        host: String,
        /// What is wrong with it.
        why: String,
    },
    /// The password cannot be read, or is kept where others can read it.
    #[error(transparent)]
    Secret(#[from] outbound::Unreadable),
    /// The certificate cannot be read.
    #[error("the certificate {path} {why}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An address that no digest may go to.
    #[error("`{address}` {why}")]
    Address {
        /// The address as given.
        address: String,
        /// Why nothing goes there.
        why: String,
    },
    /// The letter does not become a message.
    #[error("the digest cannot be written: {0}")]
    Letter(String),
    /// The ledger of sent digests cannot be used.
    #[error("the ledger of digests {path} cannot be used: {cause}")]
    Ledger {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: rusqlite::Error,
    },
}
