//! Are verdicts on programs right, and is the date at which they are promised kept?
//!
//! A program has two truths. *By its law*: what a unit of cost brings on average, with all luck
//! taken out; the next money will meet that. *In the end*: what the leads that it had on the day
//! really brought; this is what the money that was spent came to, luck and all.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use sample::small::company;

use crate::{asked, percent, shown};

/// Counts of a verdict.
#[derive(Default, Clone, Copy)]
struct Called {
    n: u32,
    /// Pays back, and returns the hurdle, by its law.
    pays: u32,
    reaches: u32,
    /// Paid back, and returned the hurdle, in the end.
    paid: u32,
    returned: u32,
}

/// Return from which on `scale` is right.
const HURDLE: f64 = 1.5;
const WORDS: [&str; 5] = ["scale", "keep", "fix", "stop", "too early"];

/// What is said of a program.
struct Said {
    id: String,
    word: &'static str,
    label: String,
    date: Option<Date>,
    /// The ranges of what the next money brings and of what the leads of now bring in the end.
    next: Option<(f64, f64)>,
    gain: Option<(f64, f64)>,
}

#[derive(Default)]
struct Held {
    n: u32,
    inside: u32,
    below: u32,
}

impl Held {
    fn see(&mut self, range: Option<(f64, f64)>, truth: f64) {
        if let Some((low, high)) = range {
            self.n += 1;
            self.inside += u32::from(low - 1e-6 <= truth && truth <= high + 1e-6);
            self.below += u32::from(truth < low - 1e-6);
        }
    }

    fn told(&self) -> String {
        let (inside, below) = (percent(self.inside, self.n), percent(self.below, self.n));
        format!("{inside:.1}% of {} (below it {below:.1}%)", self.n)
    }
}

/// Compares verdicts with what is true.
pub(crate) fn judge(seeds: Range<u64>) {
    let mut called: BTreeMap<&str, Called> = BTreeMap::new();
    let (mut dated, mut kept, mut undated, mut beyond) = (0, 0, 0, 0);
    let mut after: BTreeMap<i64, (u32, u32)> = BTreeMap::new();
    let mut later_wrong = Called::default();
    let (mut next, mut gain) = (Held::default(), Held::default());
    for seed in seeds {
        let company = company(seed);
        let today = company.today();
        let Some(found) = verdicts(&company.as_of(today)) else { continue };
        let truths = company.programs(today);
        let mut by_date: BTreeMap<Date, Vec<String>> = BTreeMap::new();
        for said in found {
            let Some(truth) = truths.iter().find(|truth| truth.id == said.id) else { continue };
            // What works differently from some day on has no one truth.
            if truth.changed_on.is_some() {
                continue;
            }
            let real = company.realized(&said.id, today);
            let came = 0.8 * real.won.minor as f64 / (real.cost.minor as f64).max(1.0);
            let entry = called.entry(said.word).or_default();
            entry.n += 1;
            entry.pays += u32::from(truth.gain >= 1.0);
            entry.reaches += u32::from(truth.gain >= HURDLE);
            entry.paid += u32::from(came >= 1.0);
            entry.returned += u32::from(came >= HURDLE);
            next.see(said.next, truth.gain);
            gain.see(said.gain, came);
            if shown() {
                println!(
                    "seed {seed} {} {} {:?}: by its law {:.2} (next {:.2?}), in the end {came:.2} (gain {:.2?}); \
                     share {:.3}, median {:.0}, {} of {} converted in the end, ran {:?} to {:?}",
                    said.id,
                    said.label,
                    said.date,
                    truth.gain,
                    said.next,
                    said.gain,
                    truth.share,
                    truth.wait.scale,
                    real.n_converted,
                    real.n_leads,
                    truth.from,
                    truth.until,
                );
            }
            match said.date {
                Some(date) if date <= company.ends() => {
                    by_date.entry(date).or_default().push(said.id);
                }
                Some(_) => beyond += 1,
                None if said.word == "too early" => undated += 1,
                None => {}
            }
        }
        for (date, ids) in by_date {
            let Some(later) = verdicts(&company.as_of(date)) else { continue };
            let days = today.until(date).map_or(0, |span| i64::from(span.get_days()));
            for id in ids {
                let told = later.iter().find(|said| said.id == id);
                let decided = told.is_some_and(|said| said.word != "too early");
                dated += 1;
                kept += u32::from(decided);
                let entry = after.entry(days).or_default();
                entry.0 += 1;
                entry.1 += u32::from(decided);
                let truth = truths.iter().find(|truth| truth.id == id);
                if let (Some(told), Some(truth)) = (told, truth) {
                    later_wrong.n += u32::from(told.word == "stop");
                    later_wrong.pays += u32::from(told.word == "stop" && truth.gain >= 1.0);
                    if shown() {
                        println!("seed {seed} {id} on {date}: {} ({days} days)", told.label);
                    }
                }
            }
        }
    }
    println!("programs: verdicts by what is true of them");
    let of = |word: &str| called.get(word).copied().unwrap_or_default();
    for word in WORDS {
        let Called { n, pays, reaches, paid, returned } = of(word);
        println!(
            "  {word:<10} {n:>5}: pay back {:.1}% by their law, {:.1}% in the end; \
             return {HURDLE} {:.1}% by their law, {:.1}% in the end",
            percent(pays, n),
            percent(paid, n),
            percent(reaches, n),
            percent(returned, n),
        );
    }
    let (stop, scale) = (of("stop"), of("scale"));
    let all: u32 = WORDS.iter().map(|word| of(word).n).sum();
    println!(
        "  wrong stop {:.1}% by their law, {:.1}% in the end (at most 5 is asked)",
        percent(stop.pays, stop.n),
        percent(stop.paid, stop.n)
    );
    println!(
        "  wrong scale by their law: {:.1}% lose money, {:.1}% return less than {HURDLE} (at most 10 is asked); \
         in the end: {:.1}% and {:.1}%",
        percent(scale.n - scale.pays, scale.n),
        percent(scale.n - scale.reaches, scale.n),
        percent(scale.n - scale.paid, scale.n),
        percent(scale.n - scale.returned, scale.n)
    );
    println!("  decided {:.1}% of {all}", percent(all - of("too early").n, all));
    println!("  the range of what the next money brings holds the law in {}", next.told());
    println!("  the range of what the leads bring holds what came in {}", gain.told());
    println!(
        "  decided at the promised date: {kept} of {dated} ({:.1}%; 80 is asked); beyond what is simulated \
         {beyond}; without a date {undated}; wrong stop then {} of {}",
        percent(kept, dated),
        later_wrong.pays,
        later_wrong.n,
    );
    let spread = after.iter().map(|(days, (n, kept))| format!("{days} days {kept} of {n}"));
    println!("    {}", spread.collect::<Vec<_>>().join("; "));
}

/// What is said of each program.
fn verdicts(known: &sample::small::Known<'_>) -> Option<Vec<Said>> {
    let (answer, _) = asked("programs", known, "")?;
    let table = answer.tables.iter().find(|table| table.id == "verdicts")?;
    let at = |id: &str| table.columns.iter().position(|column| column.id == id);
    let (days, next, gain) = (at("days_to_decide"), at("next"), at("gain"));
    let verdict = |row: &domain::answer::TableRow| {
        let after = row.label.rsplit(": ").next().unwrap_or_default();
        let word = WORDS.into_iter().find(|word| after.starts_with(word)).unwrap_or("too early");
        let entry = |at: Option<usize>| at.and_then(|at| row.entries.get(at));
        let range = |at| {
            let range = entry(at)?.interval.as_ref()?;
            Some((range.low, range.high))
        };
        let date = entry(days)
            .and_then(|entry| entry.value.number())
            .filter(|_| word == "too early")
            .and_then(|days| known.day().checked_add(jiff::Span::new().days(days as i64)).ok());
        let (next, gain) = (range(next), range(gain));
        Said { id: row.id.clone(), word, label: row.label.clone(), date, next, gain }
    };
    Some(table.rows.iter().map(verdict).collect())
}
