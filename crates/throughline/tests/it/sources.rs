//! The same deals in five layouts give the same answers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::program::{Company, shared};

/// Loads files of the samples into a company that converts at 1 EUR = 1.08 USD.
fn company(files: &[&str]) -> Option<Company> {
    let folder = shared("data/source-samples/ui-exports")?;
    let company = Company::new();
    let config = std::fs::read_to_string(company.path().join("throughline.toml")).unwrap();
    company.write("throughline.toml", config.replace("# EUR = \"1.08\"", "EUR = \"1.08\""));
    for file in files {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        company.write(&format!("exports/{file}"), bytes);
    }
    company.run(&["load", "exports", "--known-on", "2026-10-02"]).content();
    Some(company)
}

/// Number of deals and exact cents of their amounts, by state.
fn by_state(company: &Company) -> BTreeMap<String, (u64, i64)> {
    let args = ["open", "pipeline", "opportunities_created", "--period", "all", "--json"];
    let rows = company.run(&args).content().data()["rows"].clone();
    let at = |name: &str| {
        rows["columns"]
            .as_array()
            .unwrap()
            .iter()
            .position(|column| column["name"] == name)
            .unwrap()
    };
    let (stage, amount) = (at("stage"), at("amount"));
    let mut found: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    for row in rows["rows"].as_array().unwrap() {
        let state = match row[stage].as_str().unwrap() {
            closed @ ("won" | "lost") => closed,
            _ => "open",
        };
        let entry = found.entry(state.to_owned()).or_default();
        entry.0 += 1;
        if let Some(text) = row[amount]["amount"].as_str() {
            entry.1 += text.replace('.', "").parse::<i64>().unwrap();
        }
    }
    found
}

#[track_caller]
fn check_deals(files: &[&str]) {
    let Some(company) = company(files) else { return };
    let found = by_state(&company);
    let expected: BTreeMap<String, (u64, i64)> = [
        ("won".to_owned(), (8, 42_699_646)),
        ("lost".to_owned(), (9, 50_326_264)),
        ("open".to_owned(), (10, 68_353_226)),
    ]
    .into();
    assert_eq!(found, expected, "{files:?}");
    company.run(&["open", "pipeline", "--verify", "--period", "all"]).content();
}

#[test]
fn the_data_loader_file_gives_the_expected_deals() {
    check_deals(&["salesforce_dataloader_opportunity_export_all.csv"]);
}

#[test]
fn the_weekly_export_gives_the_expected_deals() {
    check_deals(&["salesforce_weekly_export_Opportunity.csv"]);
}

#[test]
fn the_american_report_gives_the_expected_deals() {
    check_deals(&["salesforce_report_opportunities_us.csv"]);
}

#[test]
fn the_german_report_gives_the_expected_deals() {
    check_deals(&["salesforce_report_opportunities_de_latin1.csv"]);
}

#[test]
fn the_hubspot_file_gives_the_expected_deals() {
    check_deals(&["hubspot-crm-exports-all-deals-2026-10-02.csv"]);
}

#[test]
fn the_hubspot_workbook_gives_the_expected_deals() {
    check_deals(&["hubspot-crm-exports-all-deals-2026-10-02.xlsx"]);
}

#[test]
fn four_layouts_of_one_crm_loaded_together_are_still_the_same_deals() {
    check_deals(&[
        "salesforce_dataloader_opportunity_export_all.csv",
        "salesforce_report_opportunities_de_latin1.csv",
        "salesforce_report_opportunities_us.csv",
        "salesforce_weekly_export_Opportunity.csv",
    ]);
}

#[test]
fn spend_of_the_platforms_is_exact_and_totals_are_not_counted() {
    let files = [
        "google_ads_campaign_report_utf16.csv",
        "linkedin_campaign_performance.csv",
        "meta_ads_campaigns_by_day.csv",
    ];
    let Some(company) = company(&files) else { return };
    let args = ["ask", "programs", "--period", "2026-09", "--json"];
    let answer = company.run(&args).content().data();
    let figures = answer["figures"].as_array().unwrap();
    let spend = figures.iter().find(|figure| figure["id"] == "spend").unwrap();
    // 18,630.40 + 8,456.39 + 2,181.86
    assert_eq!(spend["value"]["amount"], Value::from("29268.65"));
    company.run(&["open", "programs", "--verify", "--period", "2026-09"]).content();
}

#[test]
fn a_whole_folder_is_recognized_and_every_row_is_accounted_for() {
    let Some(folder) = shared("data/source-samples/ui-exports") else { return };
    let company = Company::new();
    let path = folder.display().to_string();
    let load = company.run(&["load", &path, "--json"]).content().data();
    let rows = &load["rows"];
    let n = |name: &str| rows[name].as_u64().unwrap();
    assert!(n("read") > 800, "{rows}");
    assert_eq!(n("read"), n("loaded") + n("known") + n("quarantined"));
    let again = company.run(&["load", &path, "--json"]).content().data();
    assert_eq!(again["load_id"], Value::Null, "loading twice changes nothing");
    assert_eq!(again["rows"]["loaded"], 0);
    for question in ["scorecard", "pipeline", "attribution", "programs"] {
        company.run(&["open", question, "--verify", "--period", "all"]).content();
    }
}
