//! Writes the extracts of a dirty company, to look at what a seed that fails is made of: `dirty
//! SEED FOLDER`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seed, folder] = &arguments[..] else { return Err("wanted: SEED FOLDER".into()) };
    let company = testkit::dirty::company(seed.parse()?);
    let named = |kind: &str, place: usize| Path::new(folder).join(format!("{kind}-{place}"));
    for (place, extract) in company.extracts.iter().enumerate() {
        extract.write(&named(&extract.day.to_string(), place));
    }
    for (place, extract) in company.shuffled(1).iter().enumerate() {
        extract.write(&named("shuffled", place));
    }
    Ok(())
}
