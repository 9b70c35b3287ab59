//! Prints what the reference model finds in a folder of exports: `reference EXPORTS DEFINITIONS DAY
//! PERIOD`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "this is a tool for the terminal"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::definition::SourcedBy;
use domain::definition::parse;
use serde_json::{Value, json};
use testkit::reference::Company;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [exports, folder, as_of, period] = &arguments[..] else {
        return Err("wanted: EXPORTS DEFINITIONS DAY PERIOD".into());
    };
    let texts = definition_texts(Path::new(folder))?;
    let files: Vec<(&str, &str)> =
        texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (definitions, faults) = parse::read(&files);
    for fault in faults {
        eprintln!("{fault:?}");
    }
    let company = Company::read(Path::new(exports), &definitions, as_of.parse()?);
    let period = definitions.calendar().period(period)?;
    let figures: BTreeMap<_, _> = company.pipeline(&period);
    let models = company.models().into_iter();
    let credit: BTreeMap<_, _> =
        models.map(|model| (model, company.attribution(&period, model))).collect();
    let programs = |rows: BTreeMap<String, testkit::reference::ProgramRow>| -> Value {
        rows.into_iter().map(|(name, row)| (name, Value::from(format!("{row:?}")))).collect()
    };
    let touch = |place: usize| {
        let touch = &company.touches()[place];
        format!("{} {} {}", touch.at, touch.id, touch.channel)
    };
    let journey = |places: &[usize]| places.iter().copied().map(touch).collect::<Vec<_>>();
    let deals: Vec<Value> = company
        .opportunities()
        .iter()
        .map(|deal| {
            json!({
                "id": deal.id,
                "stage": deal.stage,
                "amount": deal.amount,
                "created_on": deal.created_on,
                "closed_on": deal.closed_on,
                "channel": deal.channel,
                "program": deal.program,
                "segment": deal.segment,
                "influenced": deal.influenced,
                "counted": deal.counted,
                "stage_reached": deal.stage_reached,
                "expected": deal.expected,
                "cycle_days": deal.cycle_days,
                "days_from_first_touch": deal.days_from_first_touch,
                "account": deal.account,
                "source": SourcedBy::ALL.map(|rule| deal.side_under(rule).id()),
                "journey": journey(&deal.journey),
                "journey_to_close": journey(&deal.journey_to_close),
                "lead_creation": deal.lead_creation.map(touch),
            })
        })
        .collect();
    let touches: Vec<String> = company.touches().iter().map(|touch| format!("{touch:?}")).collect();
    let leads: Vec<String> = company.leads().iter().map(|lead| format!("{lead:?}")).collect();
    let paths: Vec<_> = company.paths();
    let whole = json!({
        "pipeline": figures, "credit": credit, "deals": deals, "touches": touches, "leads": leads,
        "programs": programs(company.programs(&period)),
        "channels": programs(company.programs_by_channel(&period)),
        "effects": company.removal_effects(), "paths": paths,
        "spend_left_out": company.spend_left_out().len(),
    });
    println!("{}", serde_json::to_string_pretty(&whole)?);
    Ok(())
}

/// Reads `throughline.toml` and `definitions/*.toml`.
fn definition_texts(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut paths: Vec<PathBuf> = vec![folder.join("throughline.toml")];
    for entry in std::fs::read_dir(folder.join("definitions"))? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| Ok((path.display().to_string(), std::fs::read_to_string(&path)?)))
        .collect()
}
