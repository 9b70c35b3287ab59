//! Are verdicts on programs right, and is the date at which they are promised kept?

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use sample::small::company;

use crate::{asked, percent, shown};

/// Counts of a verdict: all, paid back by the law, returned less than the hurdle, paid back as it
/// happened.
#[derive(Default)]
struct Called {
    n: u32,
    pays: u32,
    under: u32,
    paid: u32,
}

/// Return from which on `scale` is right.
const HURDLE: f64 = 1.5;

/// Compares verdicts with what is true.
pub(crate) fn judge(seeds: Range<u64>) {
    let mut called: BTreeMap<String, Called> = BTreeMap::new();
    let (mut dated, mut kept, mut undated) = (0, 0, 0);
    for seed in seeds {
        let company = company(seed);
        let today = company.today();
        let Some(found) = verdicts(&company.as_of(today)) else { continue };
        let truths = company.programs(today);
        let mut by_date: BTreeMap<Date, Vec<String>> = BTreeMap::new();
        for (id, verdict, date) in found {
            let Some(truth) = truths.iter().find(|truth| truth.id == id) else { continue };
            // What works differently from some day on has no one truth.
            if truth.changed_on.is_some() {
                continue;
            }
            let real = company.realized(&id, today);
            let paid = 0.8 * real.won.minor as f64 >= real.cost.minor as f64;
            let entry = called.entry(verdict.clone()).or_default();
            entry.n += 1;
            entry.pays += u32::from(truth.gain >= 1.0);
            entry.under += u32::from(truth.gain < HURDLE);
            entry.paid += u32::from(paid);
            if shown() {
                println!(
                    "seed {seed} {id}: {verdict} {date:?}, gain {:.2}, share {:.3}, {} of {} converted",
                    truth.gain, truth.share, real.n_converted, real.n_leads
                );
            }
            match date {
                Some(date) if date <= company.ends() => by_date.entry(date).or_default().push(id),
                Some(_) => {}
                None if verdict == "too early" => undated += 1,
                None => {}
            }
        }
        for (date, ids) in by_date {
            let Some(later) = verdicts(&company.as_of(date)) else { continue };
            for id in ids {
                dated += 1;
                let told = later.iter().find(|(other, ..)| *other == id);
                kept += u32::from(told.is_some_and(|(_, verdict, _)| verdict != "too early"));
            }
        }
    }
    println!("programs: verdicts by what is true of them");
    for (verdict, Called { n, pays, under, paid }) in &called {
        println!(
            "  {verdict:<10} {n:>5}: {:.1}% pay back by their law, {:.1}% did in the end; {:.1}% return less than {HURDLE}",
            percent(*pays, *n),
            percent(*paid, *n),
            percent(*under, *n)
        );
    }
    let none = Called::default();
    let (stop, scale) = (called.get("stop").unwrap_or(&none), called.get("scale").unwrap_or(&none));
    println!("  wrong stop {:.1}% (at most 5 is asked)", percent(stop.pays, stop.n));
    println!(
        "  wrong scale {:.1}% lose money, {:.1}% return less than {HURDLE} (at most 10 is asked)",
        percent(scale.n - scale.pays.min(scale.n), scale.n),
        percent(scale.under, scale.n)
    );
    println!(
        "  decided at the promised date: {kept} of {dated} ({:.0}%; 80 is asked); without a date {undated}",
        percent(kept, dated)
    );
}

/// The verdict on each program by its identifier, and the day on which it is promised.
fn verdicts(known: &sample::small::Known<'_>) -> Option<Vec<(String, String, Option<Date>)>> {
    let (answer, _) = asked("programs", known, "")?;
    let table = answer.tables.iter().find(|table| table.id == "verdicts")?;
    let days = table.columns.iter().position(|column| column.id == "days_to_decide");
    let verdict = |row: &domain::answer::TableRow| {
        let said = row.label.rsplit(": ").next().unwrap_or_default();
        let word = ["scale", "keep", "fix", "stop"].into_iter().find(|word| said == *word);
        let word = word.unwrap_or("too early").to_owned();
        let days = days.and_then(|at| row.entries.get(at)?.value.number());
        let date = days
            .filter(|_| word == "too early")
            .and_then(|days| known.day().checked_add(jiff::Span::new().days(days as i64)).ok());
        (row.id.clone(), word, date)
    };
    Some(table.rows.iter().map(verdict).collect())
}
