//! For tests only: a second, independent computation of the answers from the same exports, and
//! servers of others that tests start.
//!
//! The product streams, partitions and keeps columns; this crate reads whole files into plain
//! structs and loops over them. It shares the words with the product (`domain`) and nothing else,
//! so that a figure on which both agree was computed twice. Clarity goes before speed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "for tests only: a fault in the exports or in the model fails the test at once"
)]

pub mod dirty;
pub mod postgres;
pub mod reference;
