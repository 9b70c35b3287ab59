//! Times a whole answer `programs`: from frames to the page's value, verdicts and their days
//! included.
//!
//! `cargo run --release -p answers --example programs_bench -- [PROGRAMS]` asks as many simulated
//! companies as have so many programs together, as if they were one, and prints JSON.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement from the command line"
)]

use std::sync::Arc;
use std::time::Instant;

use domain::{Column, Frame, Given};
use jiff::civil::date;
use sample::small::company;

fn main() {
    let wanted = std::env::args().nth(1).map_or(500, |text| text.parse().unwrap());
    let entry = answers::find("programs").unwrap();
    let on = date(2026, 6, 30);
    let mut whole: Vec<(String, Frame)> = Vec::new();
    let (mut programs, mut n, mut seed) = (0, 0, 0);
    let mut ask = company(0).as_of(on).ask("2026Q2", 1);
    while programs < wanted {
        let company = company(seed);
        programs += company.programs(on).len();
        n += 1;
        let known = company.as_of(on);
        ask = known.ask("2026Q2", 1);
        let given = known.given(&(entry.needs)(&ask));
        for (name, frame) in given.frames {
            let frame = named(&frame, seed);
            match whole.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = joined(known, &frame),
                None => whole.push((name, frame)),
            }
        }
        seed += 1;
    }
    let given = Given { frames: whole.into_iter().collect(), ..Given::default() };
    let leads = given.frame("program_leads").n_rows();
    let deals = given.frame("program_deals").n_rows();
    let (start, before) = (Instant::now(), on_processor());
    let answer = (entry.answer)(&ask, &given);
    let seconds = start.elapsed().as_secs_f64();
    let processor = on_processor() - before;
    let verdicts = answer.tables.iter().find(|table| table.id == "verdicts").unwrap();
    let early = verdicts.rows.iter().filter(|row| row.label.contains(": too early")).count();
    println!(
        "{{\"companies\":{n},\"programs\":{programs},\"verdicts\":{},\"too_early\":{early},\"leads\":{leads},\
         \"deals\":{deals},\"seconds\":{seconds:.2},\"processor_seconds\":{processor:.2}}}",
        verdicts.rows.len(),
    );
}

/// Seconds that this process has had a processor; what other work on the machine does not lengthen.
fn on_processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|nanos| nanos.parse().ok())
        .map_or(f64::NAN, |n: f64| n / 1e9)
}

/// The same rows, with identifiers that no other company has.
fn named(frame: &Frame, seed: u64) -> Frame {
    let own = ["program_id", "program", "id", "account_id", "opportunity_id"];
    let columns = frame.names().iter().zip(frame.columns()).map(|(name, column)| {
        let column = match column {
            Column::Text(values) if own.contains(&&**name) => {
                let mark = |text: &Arc<str>| Arc::from(format!("{seed}/{text}"));
                Column::Text(values.iter().map(|text| text.as_ref().map(mark)).collect())
            }
            other => other.clone(),
        };
        (&**name, column)
    });
    Frame::new(columns.collect()).unwrap()
}

fn joined(a: &Frame, b: &Frame) -> Frame {
    let columns = a.names().iter().zip(a.columns()).zip(b.columns()).map(|((name, a), b)| {
        let column = match (a.clone(), b.clone()) {
            (Column::Text(mut a), Column::Text(b)) => {
                a.extend(b);
                Column::Text(a)
            }
            (Column::Day(mut a), Column::Day(b)) => {
                a.extend(b);
                Column::Day(a)
            }
            (Column::Integer(mut a), Column::Integer(b)) => {
                a.extend(b);
                Column::Integer(a)
            }
            (Column::Money(mut a), Column::Money(b)) => {
                a.extend(b);
                Column::Money(a)
            }
            (Column::Boolean(mut a), Column::Boolean(b)) => {
                a.extend(b);
                Column::Boolean(a)
            }
            (a, _) => a,
        };
        (&**name, column)
    });
    Frame::new(columns.collect()).unwrap()
}
