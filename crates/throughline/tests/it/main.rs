//! The program as a user runs it: one binary of integration tests, since each one links everything.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests fail the test that calls them, and say what they skip"
)]

mod agree;
mod api_fuzz;
mod as_of;
mod bad_inputs;
mod browser;
mod cli;
mod company;
mod digest;
mod dirty;
mod erase;
mod health;
mod held;
mod hostile;
mod hostile_files;
mod method;
mod objects;
mod postgres;
mod program;
#[path = "../../../oidc/tests/oidc/provider.rs"]
mod provider;
mod quarantine;
mod real_input;
mod report;
mod served;
mod shared_lake;
mod sign_in;
mod singer;
mod sources;
mod torture;
mod user;
