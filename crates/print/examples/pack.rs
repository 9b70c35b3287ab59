//! A pack of eight questions of a made-up company: how it looks and how long it takes.
//!
//! `cargo run -p print --example pack -- pack.pdf`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example that people run")]

#[path = "../../show/tests/show/sample.rs"]
#[expect(dead_code, clippy::assigning_clones, reason = "shared with tests, which use all of it")]
mod sample;

use std::time::Instant;

fn main() {
    let path = std::env::args().nth(1).unwrap_or_else(|| "pack.pdf".to_owned());
    let answers: Vec<_> = (0..8).map(|_| sample::pipeline()).collect();
    let start = Instant::now();
    let bytes = print::board(&print::Pack::of(&answers)).unwrap();
    println!("{} kB in {:.2} s", bytes.len() / 1000, start.elapsed().as_secs_f64());
    std::fs::write(path, bytes).unwrap();
}
