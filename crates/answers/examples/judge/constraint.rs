//! Is the true constraint named?

use std::ops::Range;

use domain::{Answer, Given, Value};
use sample::small::{Company, company};

use crate::{asked, percent, shown};

/// The station that an answer names: the one whose relief it puts most on; none where it names
/// nothing.
fn named(answer: &Answer) -> Option<String> {
    let first = answer.headline.split(" limits revenue").next()?;
    answer.figures.iter().find(|figure| figure.id == "relief_worth")?;
    let table = answer.tables.first()?;
    let row = table.rows.iter().find(|row| row.label == first);
    Some(row.map_or_else(|| "demand".to_owned(), |row| row.id.clone()))
}

/// Compares what is named with what the simulation says.
pub(crate) fn judge(seeds: Range<u64>) {
    let n = seeds.end - seeds.start;
    let (mut told, mut right, mut near) = (0, 0, 0);
    let (mut clear, mut clear_right) = (0, 0);
    for seed in seeds {
        let company = company(seed);
        let known = company.as_of(company.today());
        let Some((answer, given)) = asked("constraint", &known, "") else { continue };
        let Some(named) = named(&answer) else { continue };
        let reliefs = company.reliefs();
        let of = |stage: &str| reliefs.iter().find(|r| r.stage == stage).map_or(0.0, |r| r.gain);
        let best = &reliefs[0];
        told += 1;
        let same = named == best.stage;
        let close = of(&named) >= 0.8 * best.gain;
        right += u32::from(same);
        near += u32::from(close);
        // A clear truth: the second is worth less than two thirds of the first.
        let second = reliefs.get(1).map_or(0.0, |r| r.gain);
        if second < 0.67 * best.gain {
            clear += 1;
            clear_right += u32::from(same);
        }
        if shown() || !close {
            println!(
                "seed {seed}: {} ({:.3}) and named {named} ({:.3})",
                best.stage,
                best.gain,
                of(&named)
            );
            if shown() {
                show(&answer, &company, &given);
            }
        }
    }
    println!("constraint: {told} of {n} companies have enough to go on");
    println!("  the step with the most relief was named in {right} ({:.0}%)", percent(right, told));
    println!("  a step worth at least 80% of it in {near} ({:.0}%)", percent(near, told));
    println!(
        "  where the second is worth less than 2/3: {clear_right} of {clear} ({:.0}%)",
        percent(clear_right, clear)
    );
}

fn show(answer: &Answer, company: &Company, given: &Given) {
    let visits = given.frame("visits");
    for row in &answer.tables[0].rows {
        let cell = |at: usize| match &row.entries[at].value {
            Value::None(_) => "-".to_owned(),
            Value::Share { of, total } => format!("{of}/{total}"),
            value => value.number().map_or("-".to_owned(), |x| format!("{x:.2}")),
        };
        let cells: Vec<String> = (0..8).map(cell).collect();
        // How the stays of those that went on and of those that were lost lie.
        let (mut on, mut lost) = (Vec::new(), Vec::new());
        for at in 0..visits.n_rows() {
            if visits.texts("stage")[at].as_deref() != Some(&row.id) {
                continue;
            }
            let (Some(came), Some(left)) =
                (visits.days("entered_on")[at], visits.days("left_on")[at])
            else {
                continue;
            };
            let days = f64::from(came.until(left).map_or(0, |span| span.get_days()));
            let to = visits.texts("next")[at].as_deref();
            if to == Some("lost") { lost.push(days) } else { on.push(days) }
        }
        on.sort_by(f64::total_cmp);
        lost.sort_by(f64::total_cmp);
        let q = |values: &[f64], p: f64| {
            values.get((p * values.len() as f64) as usize).map_or(-1.0, |x| *x)
        };
        println!(
            "   {:<18} {}  on {:.0}/{:.0}/{:.0} lost {:.0}/{:.0}/{:.0}",
            row.id,
            cells.join(" "),
            q(&on, 0.1),
            q(&on, 0.5),
            q(&on, 0.9),
            q(&lost, 0.1),
            q(&lost, 0.5),
            q(&lost, 0.9)
        );
    }
    let reliefs = company.reliefs();
    let said: Vec<String> =
        reliefs.iter().map(|relief| format!("{} {:.3}", relief.stage, relief.gain)).collect();
    println!("   true: {}", said.join(", "));
    println!("   {}", company.describe());
}
