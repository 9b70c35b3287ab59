//! The weekly digest: an Answer in, an e-mail out, once a week for each reader.
//!
//! [`digest`] writes the letter and computes nothing; [`Letter`] makes it a message; [`Post`] hands
//! the message to the one mail server that the settings name; [`Schedule`] knows when the next one
//! is due and keeps, across restarts, to whom it has gone. Off unless the settings say otherwise,
//! and only for readers who asked for it. Who the readers are, and the rights under which their
//! figures are computed, is decided by the caller.

mod digest;
mod error;
mod ledger;
mod letter;
mod post;
mod schedule;
mod settings;

pub use digest::{Digest, Links, digest};
pub use error::Error;
pub use ledger::{Ledger, State};
pub use letter::{Letter, Reader};
pub use post::{Fate, Post};
pub use schedule::{Event, Schedule, Slot};
pub use settings::{Security, Settings};
