//! Times reading and removal effects on a file of paths, in CPU seconds of this process.
//!
//! `markov_bench PATHS.csv [ORDER…]` prints one JSON object per line: reading, then each order.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example is an edge: it reads a file and prints, and stops where it cannot"
)]

use stats::path::{Paths, ReadOptions};
use stats::removal::removal;

/// Returns the CPU seconds that this process has used, user and system (Linux; zero elsewhere).
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap();
    let orders: Vec<usize> = arguments.map(|order| order.parse().unwrap()).collect();
    let orders = if orders.is_empty() { vec![1, 4] } else { orders };

    let start = cpu_seconds();
    let bytes = std::fs::read(file).unwrap();
    let loaded = cpu_seconds();
    let paths = Paths::read_csv(&bytes, ReadOptions::default()).unwrap();
    let read = cpu_seconds();
    println!(
        "{{\"load_cpu_s\": {:.4}, \"parse_cpu_s\": {:.4}, \"rows\": {}, \"paths\": {}}}",
        loaded - start,
        read - loaded,
        paths.n_read(),
        paths.n_rows()
    );
    for order in orders {
        let start = cpu_seconds();
        let result = removal(&paths, order).unwrap();
        let seconds = cpu_seconds() - start;
        let channels: Vec<String> = result
            .channels
            .iter()
            .map(|c| {
                format!(
                    "{:?}: {{\"re_conv\": {:e}, \"re_value\": {:e}, \"total_conversions\": {:e}, \
                     \"total_conversion_value\": {:e}}}",
                    c.channel, c.removal_effect, c.removal_effect_value, c.conversions, c.value
                )
            })
            .collect();
        println!(
            "{{\"order\": {order}, \"cpu_s\": {seconds:.4}, \"states\": {}, \"transitions\": {}, \
             \"sweeps\": {}, \"residual\": {:e}, \"p_conversion\": {:e}, \"channels\": {{{}}}}}",
            result.n_states,
            result.n_transitions,
            result.sweeps,
            result.residual,
            result.p_conversion,
            channels.join(", ")
        );
    }
}
