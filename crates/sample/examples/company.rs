//! Writes a company into a folder: `company DIR [SEED] [TOUCHES] [clean] [drops]`.

use std::path::PathBuf;

use sample::{Dirt, Plan, company};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse().ok());
    let dir = PathBuf::from(arguments.first().ok_or("a folder is wanted")?);
    let plan = Plan {
        seed: number(1).unwrap_or(1),
        touches: number(2).unwrap_or(60_000),
        dirt: if has("clean") { Dirt::none() } else { Dirt::all() },
        ..Plan::default()
    };
    let company = company(&plan);
    company.write(&dir)?;
    if has("drops") {
        let days = ["2026-03-31", "2026-06-30", "2026-09-30"];
        let days: Vec<_> = days.iter().map(|day| day.parse()).collect::<Result<_, _>>()?;
        company.write_drops(&dir.join("drops"), &days)?;
    }
    Ok(())
}
