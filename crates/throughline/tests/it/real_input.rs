//! Public data that nobody of us made: the answers equal what anybody can count in the files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::program::{Company, shared};

/// Makes a company of an example folder of the repository.
fn example(name: &str) -> Company {
    let company = Company::empty();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    copy(&from, &company.path());
    company
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Returns the value of a figure of an answer.
fn figure<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let figures = answer["figures"].as_array().expect("an answer has figures");
    &figures.iter().find(|figure| figure["id"] == id).expect("the figure is there")["value"]
}

/// Counts the rows of an opened figure by the values of two columns.
fn counts(
    company: &Company,
    args: &[&str],
    first: &str,
    second: &str,
) -> BTreeMap<(String, String), u64> {
    let mut line = vec!["open"];
    line.extend(args);
    line.push("--json");
    let rows = company.run(&line).content().data()["rows"].clone();
    let at = |name: &str| {
        rows["columns"]
            .as_array()
            .unwrap()
            .iter()
            .position(|column| column["name"] == name)
            .unwrap()
    };
    let (first, second) = (at(first), at(second));
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut found = BTreeMap::new();
    for row in rows["rows"].as_array().unwrap() {
        *found.entry((text(&row[first]), text(&row[second]))).or_default() += 1;
    }
    found
}

#[test]
fn olist_leads_and_won_deals_by_origin_are_those_of_the_files() {
    let Some(data) = shared("data/olist_marketing_funnel") else { return };
    let company = example("olist");
    company.run(&["check"]).content();
    for file in ["olist_marketing_qualified_leads_dataset.csv", "olist_closed_deals_dataset.csv"] {
        let path = data.join(file).display().to_string();
        company.run(&["load", &path]).content();
    }
    let period = ["--period", "all"];
    let answer = company.run(&["ask", "pipeline", period[0], period[1], "--json"]).content().data();
    assert_eq!(figure(&answer, "won_opportunities")["value"], 842);
    let won =
        counts(&company, &["pipeline", "won_opportunities", "--period", "all"], "channel", "stage");
    let won_by = |channel: &str| won[&(channel.to_owned(), "won".to_owned())];
    // One lead was won 1.18 days before its first contact; that touch explains nothing, so this
    // deal has no origin under the rule of the first touch.
    let expected = [
        ("organic-search", 271),
        ("paid-search", 195),
        ("origin-unknown", 179),
        ("social", 75),
        ("direct", 56),
        ("referral", 24),
        ("email", 15),
        ("display", 6),
        ("other", 4),
        ("other-publicities", 3),
    ];
    let mut missing = 0;
    for (channel, count) in expected {
        let found = won_by(channel);
        assert!(found == count || found + 1 == count, "{channel}: {found} of {count}");
        missing += count - found;
    }
    assert_eq!(missing, 1, "the deal won before its first contact");
    assert_eq!(won_by("unknown"), 14 + 1, "14 without origin, 1 won before its first contact");
    company.run(&["open", "pipeline", "--verify", "--period", "all"]).content();
    company.run(&["open", "programs", "--verify", "--period", "all"]).content();
}

#[test]
fn maven_deals_amounts_and_win_rate_are_those_of_the_files() {
    let Some(data) = shared("data/maven_crm_sales") else { return };
    let company = example("maven");
    company.run(&["check"]).content();
    let load = company
        .run(&[
            "load",
            &data.join("sales_pipeline.csv").display().to_string(),
            &data.join("accounts.csv").display().to_string(),
            "--json",
        ])
        .content()
        .data();
    assert_eq!(load["rows"]["read"], 8_885);
    assert_eq!(load["rows"]["loaded"], 8_885);
    let all = company.run(&["ask", "pipeline", "--period", "all", "--json"]).content().data();
    assert_eq!(figure(&all, "opportunities_created")["value"], 8_800);
    assert_eq!(figure(&all, "won_opportunities")["value"], 4_238);
    assert_eq!(figure(&all, "won")["amount"], "10005534.00");
    let stages = counts(
        &company,
        &["pipeline", "opportunities_created", "--period", "all"],
        "stage",
        "stage",
    );
    for (stage, count) in
        [("won", 4_238), ("lost", 2_473), ("engaging", 1_589), ("prospecting", 500)]
    {
        assert_eq!(stages[&(stage.to_owned(), stage.to_owned())], count, "{stage}");
    }
    for (quarter, deals, amount) in [
        ("2017Q1", 531, "1134672.00"),
        ("2017Q2", 1_254, "3086111.00"),
        ("2017Q3", 1_257, "2982255.00"),
        ("2017Q4", 1_196, "2802496.00"),
    ] {
        let answer =
            company.run(&["ask", "pipeline", "--period", quarter, "--json"]).content().data();
        assert_eq!(figure(&answer, "won_opportunities")["value"], deals, "{quarter}");
        assert_eq!(figure(&answer, "won")["amount"], amount, "{quarter}");
    }
    company.run(&["open", "pipeline", "--verify", "--period", "2017Q3"]).content();
}
