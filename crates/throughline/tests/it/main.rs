//! The program as a user runs it: one binary of integration tests, since each one links everything.

mod as_of;
mod cli;
mod company;
mod method;
mod program;
mod real_input;
mod sources;
