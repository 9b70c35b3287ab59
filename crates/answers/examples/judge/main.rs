//! Judges answers by simulated companies whose truth is known, and prints what came out.
//!
//! `judge [constraint|forecast|programs|all] [N] [FROM]` asks N companies (200 where not said,
//! seeds from FROM) and compares with what is true of them: how often the step with the most relief
//! is named, how often the range of a forecast holds what came and how far off it is, how often a
//! verdict is wrong. With `SHOW` set each case is printed.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "an example is an edge: it prints, and stops where it cannot"
)]

use domain::{Answer, Given};
use sample::small::Known;

mod constraint;
mod forecast;
mod programs;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| {
        words.get(at).and_then(|word| word.parse().ok()).unwrap_or(otherwise)
    };
    let wanted = words.first().map_or("all", String::as_str);
    let seeds = number(2, 0)..number(2, 0) + number(1, 200);
    let parts: [(&str, fn(std::ops::Range<u64>)); 3] = [
        ("constraint", constraint::judge),
        ("forecast", forecast::judge),
        ("programs", programs::judge),
    ];
    for (name, judge) in parts {
        if wanted == "all" || wanted == name {
            match answers::find(name) {
                Ok(_) => judge(seeds.clone()),
                Err(_) => println!("{name}: there is no such answer"),
            }
        }
    }
}

/// Asks a question of a company; none where there is no such question.
fn asked(question: &str, known: &Known<'_>, period: &str) -> Option<(Answer, Given)> {
    let entry = answers::find(question).ok()?;
    let ask = known.ask(period, 1);
    let given = known.given(&(entry.needs)(&ask));
    Some(((entry.answer)(&ask, &given), given))
}

/// The value of a figure; money in major units.
fn figure(answer: &Answer, id: &str) -> Option<f64> {
    answer.figures.iter().find(|figure| figure.id == id)?.value.number()
}

fn shown() -> bool {
    std::env::var_os("SHOW").is_some()
}

fn percent(of: u32, total: u32) -> f64 {
    100.0 * f64::from(of) / f64::from(total.max(1))
}
