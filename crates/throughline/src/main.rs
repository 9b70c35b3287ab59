//! The program: reads what it is asked, asks the crates below, shows what they say.
//!
//! `cli` holds one file a command; the crate `project` finds the folder and asks; `error` holds the
//! exit codes.

mod cli;
mod error;
mod interrupt;
mod keep;
mod output;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
