//! People in the lake: who they are stands apart from what they did, and can be forgotten.
//!
//! Facts hold match keys, made with the random key of the lake (`key`); names and addresses stand
//! in the table `identity` alone. An erasure (`erase`) takes a person out of all of it; what the
//! lake remembers of them (`forgotten`) is enough to know them again, and to count them without
//! saying who they are.

pub(crate) mod erase;
pub(crate) mod forgotten;
pub(crate) mod key;
mod report;
#[cfg(test)]
mod tests;

pub use erase::{ErasureReport, ErasureRequest};
pub use forgotten::{ERASED, Trace};
