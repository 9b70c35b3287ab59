//! The doors through which something leaves: addresses that may be connected, secrets that open
//! them.
//!
//! Nothing is sent anywhere unless a settings file names the place. A name is resolved once, its
//! addresses are checked here, and one of those is connected, so that a name that changes its mind
//! in between leads nowhere. Secrets stand in the environment or in a file of their own.

mod address;
mod fault;
pub mod objects;
pub mod postgres;
mod secret;

pub use address::{Closed, Reach, base_url, resolve, this_machine};
pub use fault::Fault;
pub use secret::{Secret, Unreadable};
