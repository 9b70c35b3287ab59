//! The program: reads what it is asked, asks the crates below, shows what they say.
//!
//! `cli` holds one file a command; `project` finds the folder with the definitions and the lake;
//! `wire` runs the needs of an answer against the lake; `error` is the one error type of the edge.

mod cli;
mod error;
mod output;
mod progress;
mod project;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
