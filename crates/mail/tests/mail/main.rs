//! The digest from the answer to the mail server's door.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test that calls them"
)]

mod digest;
mod post;
mod sample;
mod schedule;
mod server;
mod settings;
