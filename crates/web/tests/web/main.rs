//! The server over real connections: who may do what, what is refused and how, what it costs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail the test that calls them, and say what they skip"
)]

mod account;
mod api;
mod bad_inputs;
mod edge;
mod hold;
mod rights;
mod rows;
mod support;
mod work;
