//! Logins at a real provider, and at one that lies.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "helpers of tests fail the test that calls them, and say what they skip"
)]

mod liar;
mod lies;
mod provider;
mod real;
mod settings;
