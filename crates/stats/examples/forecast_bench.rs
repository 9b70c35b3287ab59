//! Times the simulation of open cases, in seconds of the clock and of the processor.
//!
//! `forecast_bench [CASES] [SIMULATIONS]` (20,000 and 10,000 where not said) fits a model with 60
//! columns, then simulates seven steps on this one thread, and prints one JSON object.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example is an edge: it reads the clock and prints, and stops where it cannot"
)]

use std::time::Instant;

use stats::hazard::{Block, End, Prior, Steps, fit};
use stats::random::SplitMix64;
use stats::simulate::{Distribution, Going, Runs, Slip, play};

/// Returns the CPU seconds that this process has used (Linux; zero elsewhere).
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// Columns of a case: one, six stages, eight of numbers, three segments, four sources, thirty
/// owners.
fn fixed(random: &mut SplitMix64) -> Vec<(usize, f64)> {
    let mut row = vec![(0, 1.0)];
    row.push((1 + usize::try_from(random.below(6)).unwrap(), 1.0));
    row.extend((7..12).map(|column| (column, random.normal())));
    row.push((12 + usize::try_from(random.below(3)).unwrap(), 1.0));
    row.push((15 + usize::try_from(random.below(4)).unwrap(), 1.0));
    row.push((19 + usize::try_from(random.below(30)).unwrap(), 1.0));
    row
}

/// Columns of a step: time, close day planned within, month.
fn step(random: &mut SplitMix64, at: usize) -> Vec<(usize, f64)> {
    let planned = if random.uniform() < 0.2 { 1.0 } else { 0.0 };
    vec![(49, at as f64), (50, planned), (51 + at, 1.0)]
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>().unwrap());
    let n_cases = arguments.next().unwrap_or(20_000) as usize;
    let n_runs = arguments.next().unwrap_or(10_000);
    let n_steps = 7;
    let mut steps = Steps::default();
    let mut random = SplitMix64::new(1);
    for _ in 0..60_000 {
        let mut row = fixed(&mut random);
        let at = usize::try_from(random.below(7)).unwrap();
        row.extend(step(&mut random, at));
        let end = match random.uniform() {
            ..0.04 => End::Won,
            ..0.12 => End::Lost,
            _ => End::Stays,
        };
        steps.push(row, 1.0, 1.0, end);
    }
    let blocks = [1, 6, 5, 3, 4, 30, 2, 9].map(|n| Block {
        n_columns: n,
        prior: if n > 2 { Prior::Estimated } else { Prior::Sd(3.0) },
    });
    let start = Instant::now();
    let model = fit(&steps, &blocks).unwrap();
    let fitted = start.elapsed().as_secs_f64();
    let mut going = Going::new(vec![1.0; n_steps]);
    for case in 0..n_cases {
        let rows: Vec<_> = (0..n_steps).map(|at| step(&mut random, at)).collect();
        let amount = (10.0 + random.normal()).exp();
        going.push(stats::random::mix(case as u64), amount, fixed(&mut random), &rows);
    }
    let slip = Slip { ratios: vec![0.8, 0.9, 0.95, 1.0, 1.0, 1.0, 1.1, 1.2], error: 0.02 };
    let runs = Runs::of(n_runs, n_cases, n_steps, 1);
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let played = play(&model, &going, &slip, 0, runs).unwrap();
    let sums = Distribution::new(played.totals());
    let simulated = start.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - cpu;
    let [low, middle, high] = [0.1, 0.5, 0.9].map(|p| sums.quantile(p));
    println!(
        "{{\"cases\": {n_cases}, \"simulations\": {}, \"worlds\": {}, \"steps\": {n_steps}, \
         \"fit_rows\": 60000, \"fit_s\": {fitted:.3}, \"simulate_s\": {simulated:.3}, \"simulate_cpu_s\": {cpu:.3}, \
         \"p10\": {low:.0}, \"p50\": {middle:.0}, \"p90\": {high:.0}}}",
        runs.n(),
        runs.n_worlds
    );
}
