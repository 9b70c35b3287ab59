//! Times the verdicts on many programs: pooling, judging, and the day on which each is decided.
//!
//! `cargo run --release -p stats --example verdict_bench -- [PROGRAMS] [LEADS]` prints JSON.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement from the command line"
)]

use std::time::Instant;

use stats::cure::pool::{Coming, Future, Source, pooled};
use stats::decision::{Ends, Outset, Rule, Verdict, Worth, decisive, needed};
use stats::random::SplitMix64;
use stats::survival::family::Family;

fn main() {
    let mut asked = std::env::args().skip(1).map(|text| text.parse::<u32>().unwrap());
    let (programs, leads) = (asked.next().unwrap_or(500), asked.next().unwrap_or(500));
    let mut random = SplitMix64::new(1);
    let sources: Vec<Source> = (0..programs)
        .map(|_| {
            let (share, span) = (0.4 * random.uniform().powi(2), 700.0 * random.uniform());
            let (mut events, mut waiting) = (Vec::new(), Vec::new());
            for _ in 0..leads {
                let age = (span * random.uniform()).floor();
                let wait = Family::Lognormal.quantile(random.uniform(), 60.0, 1.0);
                if random.uniform() < share && wait <= age {
                    events.push(wait.floor());
                } else {
                    waiting.push(age);
                }
            }
            Source::of(&events, &waiting)
        })
        .collect();
    let groups: Vec<usize> = (0..sources.len()).map(|at| at % 12).collect();
    let ends = Ends::of(&[20.0, 60.0, 90.0, 30.0], &[1, 2, 1, 2]).unwrap();
    let rule = Rule::default();

    let start = Instant::now();
    let pool = pooled(&sources, &groups, &[]);
    let pooled_s = start.elapsed().as_secs_f64();
    let (mut early, mut days) = (0_u32, 0.0);
    for (source, belief) in sources.iter().zip(&pool.beliefs) {
        let cost = 1e6 * (0.2 + 2.0 * random.uniform());
        let won = 0.25 * source.n_events() * 5e4;
        let n = source.n();
        let worth =
            Worth { cost, n, won, open: 3.0, chance: 0.25, profit: 5e4, unsure: 0.1, spread: 1.0 };
        let outlook = rule.look(&worth, belief, source.n_events());
        if rule.decide(&outlook, source.n()) == Verdict::TooEarly {
            let future = Future::of(&pool, source, belief, rule.horizon);
            let outset = Outset {
                worth: &worth,
                future: &future,
                n_events: source.n_events(),
                ends: &ends,
                open: &[5.0, 40.0],
                coming: Coming { per_day: 1.0, ran: 300.0, at_once: 0.0 },
            };
            let found = decisive(&rule, &outset, 0.9, 1);
            if found.part < 0.9 {
                needed(&rule, &outset, 0.9, 1);
            }
            early += 1;
            days += found.days;
        }
    }
    let all_s = start.elapsed().as_secs_f64();
    println!(
        "{{\"programs\":{programs},\"leads\":{leads},\"pooled_s\":{pooled_s:.2},\"all_s\":{all_s:.2},\
         \"too_early\":{early},\"mean_days\":{:.0}}}",
        days / f64::from(early.max(1))
    );
}
