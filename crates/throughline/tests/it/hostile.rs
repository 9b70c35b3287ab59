//! A company whose accounts, deals, campaigns and people carry hostile texts: none of them runs
//! or becomes a formula, on any page and in any export.

use std::path::{Path, PathBuf};

use jiff::civil::date;
use sample::{Dirt, Plan};
use serde_json::Value;

use crate::program::Company;
use crate::served::{Served, Tools, accounts};

/// Which column of which export a stranger, or a careless colleague, can write into.
const WRITABLE: &[(&str, &[&str])] = &[
    ("Account.csv", &["Name", "Industry", "BillingCountry", "Website"]),
    ("Opportunity.csv", &["Name", "NextStep"]),
    ("Campaign.csv", &["Name"]),
    ("User.csv", &["Name"]),
    ("Contact.csv", &["FirstName", "LastName", "Title"]),
    ("Lead.csv", &["FirstName", "LastName", "Company", "Title", "UTM_Campaign__c"]),
    ("Task.csv", &["Subject"]),
];

#[test]
fn hostile_texts_are_shown_as_texts_and_formulas_are_neutralized_in_every_export() {
    let Some(tools) = Tools::find() else { return };
    let company = Company::new();
    for (name, text) in sample::DEFINITIONS {
        company.write(name, text.replace("sample_floor = 30", "sample_floor = 1"));
    }
    let exports = company.outside().join("exports");
    let plan = Plan { seed: 3, touches: 6_000, dirt: Dirt::none(), ..Plan::default() };
    sample::company(&plan).write(&exports).unwrap();
    let texts = texts();
    for (file, columns) in WRITABLE {
        rewrite(&exports.join(file), columns, &texts);
    }
    let day = date(2026, 9, 30).to_string();
    let load = company.run(&["load", "../exports", "--known-on", &day]);
    assert!(load.code <= 1, "{}\n{}", load.stdout, load.stderr);
    let deals =
        company.run(&["open", "pipeline", "opportunities_created", "--period", "2026", "--csv"]);
    assert!(deals.stdout.contains("<script>"), "no hostile text was loaded:\n{}", deals.stdout);
    let served = Served::start(&company.path(), accounts(&company.path()));
    tools.run("hostile.mjs", &served, &[]);
}

/// The hostile texts and the formulas that the browser's script looks for.
fn texts() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser/hostile.json");
    let read: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let list = |name: &str| -> Vec<String> { serde_json::from_value(read[name].clone()).unwrap() };
    [list("hostile"), list("formula")].concat()
}

/// Puts the texts into columns, one after the other, so that each comes up many times.
fn rewrite(path: &PathBuf, columns: &[&str], texts: &[String]) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let head = reader.headers().unwrap().clone();
    let places: Vec<usize> = columns
        .iter()
        .map(|column| head.iter().position(|name| name == *column).expect("a known column"))
        .collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let mut writer = csv::Writer::from_path(path).unwrap();
    writer.write_record(&head).unwrap();
    let mut next = texts.iter().cycle();
    for row in rows {
        let cells = row.iter().enumerate().map(|(at, cell)| {
            if places.contains(&at) { next.next().expect("an endless list").as_str() } else { cell }
        });
        writer.write_record(cells.collect::<Vec<_>>()).unwrap();
    }
    writer.flush().unwrap();
}
