//! Sample companies, asked by the program and by the reference model: the same money to the cent.
//!
//! `THROUGHLINE_SEEDS=40` tries forty companies instead of three. Money and counts must be equal;
//! the two models whose weights are no fractions may differ by the cents of rounding.

use std::collections::{BTreeMap, BTreeSet};

use domain::definition::parse;
use domain::{Cell, Currency, Decimal, Definitions, Rows};
use jiff::civil::{Date, date};
use sample::{Dirt, Plan};
use serde_json::Value;
use testkit::reference;

use crate::agree::{Check, compare};
use crate::program::Company;

const LAST: Date = date(2026, 9, 30);
const PERIODS: [&str; 3] = ["2025Q3", "2026", "2023-10-01..2026-09-30"];

#[test]
fn every_figure_of_sample_companies_is_that_of_the_reference_model() {
    let seeds = std::env::var("THROUGHLINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    for seed in 1..=seeds {
        for dirt in [Dirt::all(), Dirt::none()] {
            let (company, definitions) = started();
            let exports = company.outside().join("exports");
            sample::company(&plan(seed, dirt)).write(&exports).unwrap();
            load(&company, "../exports", LAST);
            let reference = reference::Company::read(&exports, &definitions, LAST);
            let mut check = Check::new(format!("seed {seed}, {}", dirt.names().join(" ")));
            for period in PERIODS {
                compare(
                    &mut check,
                    &mut asked(&company, period, LAST),
                    &definitions,
                    &reference,
                    period,
                );
            }
            rows_about_time(&mut check, &company, &reference, LAST);
            check.finish();
        }
    }
}

#[test]
fn a_past_day_is_answered_as_the_extract_of_that_day_is() {
    let (company, definitions) = started();
    let drops = company.outside().join("drops");
    let days = [date(2026, 3, 31), date(2026, 6, 30), LAST];
    sample::company(&plan(7, Dirt::all())).write_drops(&drops, &days).unwrap();
    for day in days {
        load(&company, &format!("../drops/{day}"), day);
    }
    for day in days {
        let folder = drops.join(day.to_string());
        let reference = reference::Company::read(&folder, &definitions, day);
        let mut check = Check::new(format!("as of {day}"));
        for period in ["2025", "2026Q2", "2023-10-01..2026-09-30"] {
            compare(
                &mut check,
                &mut asked(&company, period, day),
                &definitions,
                &reference,
                period,
            );
        }
        rows_about_time(&mut check, &company, &reference, day);
        check.finish();
    }
}

#[test]
fn every_openable_figure_agrees_with_its_rows() {
    let (company, _) = started();
    sample::company(&plan(5, Dirt::all())).write(&company.outside().join("exports")).unwrap();
    load(&company, "../exports", LAST);
    for question in answers::QUESTIONS.iter().map(|entry| entry.question.id) {
        for period in PERIODS {
            let args = ["open", question, "--verify", "--period", period, "--json"];
            let data = company.run(&args).content().data();
            // The figures of a simulation have no rows of their own: fewer open there.
            let least = match question {
                "constraint" => 2,
                "forecast" => 4,
                "hygiene" => 6,
                _ => 11,
            };
            assert!(data["figures"].as_u64().unwrap() >= least, "{question} {data}");
            assert_eq!(data["figures"], data["agree"], "{question} {period}");
        }
    }
}

#[test]
fn the_reference_model_finds_the_deals_and_the_spend_of_the_simulated_truth() {
    let (company, definitions) = started();
    for (seed, dirt) in [(11, Dirt::all()), (12, Dirt::none())] {
        let exports = company.outside().join(format!("exports-{seed}"));
        sample::company(&plan(seed, dirt)).write(&exports).unwrap();
        let reference = reference::Company::read(&exports, &definitions, LAST);
        let truth = std::fs::read(exports.join("truth.json")).unwrap();
        let truth: Value = serde_json::from_slice(&truth).unwrap();
        let deals = reference.opportunities();
        assert_eq!(truth["totals"]["opportunities"], deals.len(), "seed {seed}");
        let won = deals.iter().filter(|deal| deal.won()).count();
        assert_eq!(truth["totals"]["won"], won, "seed {seed}");
        let calendar = definitions.calendar();
        for (quarter, expected) in truth["quarters"].as_object().unwrap() {
            let period = calendar.period(quarter).unwrap();
            let created = deals.iter().filter(|deal| period.contains(deal.created_on));
            assert_eq!(
                sums(created),
                stated(&expected["created"]),
                "seed {seed}, {quarter} created"
            );
            let closed = |won: bool| {
                deals.iter().filter(move |deal| deal.closed_on.is_some() && deal.won() == won)
            };
            let within = |deal: &&reference::Opportunity| {
                deal.closed_on.is_some_and(|day| period.contains(day))
            };
            let won = sums(closed(true).filter(within));
            assert_eq!(won, stated(&expected["won"]), "seed {seed}, {quarter} won");
            let lost = sums(closed(false).filter(within));
            assert_eq!(lost, stated(&expected["lost"]), "seed {seed}, {quarter} lost");
        }
        for (platform, expected) in truth["spend"].as_object().unwrap() {
            let rows: Vec<_> =
                reference.spend().iter().filter(|row| row.platform == platform).collect();
            assert_eq!(expected["rows"], rows.len(), "seed {seed}, {platform}");
            let total: Decimal = rows.iter().map(|row| row.amount_native.0).sum();
            let stated: Decimal = expected["total"].as_str().unwrap().parse().unwrap();
            assert_eq!(total, stated, "seed {seed}, {platform}");
        }
    }
}

#[test]
fn every_backtest_runs_on_simulated_companies_and_gives_the_same_bytes_again() {
    let company = Company::empty();
    for entry in answers::BACKTESTS {
        let args = ["backtest", entry.question.id, "--simulated", "1", "--json"];
        let run = || crate::program::run_with(&args, &[], company.outside()).content();
        let first = run();
        let data = first.data();
        assert_eq!([&data["companies"], &data["first_seed"]], [1, 1]);
        assert!(!data["figures"].as_array().unwrap().is_empty(), "{data}");
        assert_eq!(first.stdout, run().stdout);
    }
    let args = ["backtest", "weather", "--simulated", "1"];
    crate::program::run_with(&args, &[], company.outside()).fails(2, "is not one of");
}

#[test]
fn simulated_rows_have_the_columns_of_the_lake() {
    let small = sample::small::company(3);
    let known = small.as_of(small.today());
    let names = [
        "opportunities",
        "deal_changes",
        "stage_visits",
        "program_leads",
        "lead_stages",
        "demand_units",
        "capacity",
        "budgets",
    ];
    for name in names {
        let frame = known.relation(name).unwrap();
        let relation = lake::RELATIONS.iter().find(|relation| relation.name == name).unwrap();
        let mut found: Vec<&str> = frame.names().iter().map(|name| &**name).collect();
        let mut expected = relation.columns.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{name}");
    }
}

/// A small company of two or three hundred people.
fn plan(seed: u64, dirt: Dirt) -> Plan {
    Plan { seed, touches: 3_000, dirt, ..Plan::default() }
}

/// Starts a company with the definitions of the sample, which show credit for any number of deals.
fn started() -> (Company, Definitions) {
    let company = Company::new();
    let texts: Vec<(&str, String)> = sample::DEFINITIONS
        .iter()
        .map(|(name, text)| (*name, text.replace("sample_floor = 30", "sample_floor = 1")))
        .collect();
    for (name, text) in &texts {
        company.write(name, text);
    }
    let files: Vec<(&str, &str)> = texts
        .iter()
        .filter(|(name, _)| !name.starts_with("mappings/"))
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let (definitions, faults) = parse::read(&files);
    assert!(faults.is_empty(), "{faults:?}");
    (company, definitions)
}

#[track_caller]
fn load(company: &Company, folder: &str, day: Date) {
    let run = company.run(&["load", folder, "--known-on", &day.to_string()]);
    // Totals of ad reports are set aside as quarantined, which the exit code tells.
    assert!(run.code <= 1, "{}\n{}", run.stdout, run.stderr);
}

/// Asks the program as of a day.
fn asked<'a>(company: &'a Company, period: &'a str, day: Date) -> impl FnMut(&str) -> Value + 'a {
    move |question| {
        let as_of = day.to_string();
        let args = ["ask", question, "--period", period, "--as-of", &as_of, "--json"];
        company.run(&args).content().data()
    }
}

/// Compares the relations about time, row by row.
fn rows_about_time(
    check: &mut Check,
    company: &Company,
    reference: &reference::Company,
    day: Date,
) {
    let project = project::Project::find(Some(&company.path())).unwrap();
    let view = project::View::open(&project, Some(day), &mut |_, _, _| {}).unwrap();
    let lines = |relation: &str, columns: &[&str]| -> BTreeSet<String> {
        let rows = Rows::of(relation).columns(columns);
        let frame = view.built().fetch(&rows, Currency::USD).unwrap();
        let word = |name: &str, row| match frame.cell(name, row) {
            Cell::Null => "-".to_owned(),
            cell => cell.to_string(),
        };
        let line = |row: usize| {
            let words: Vec<String> = columns.iter().map(|name| word(name, row)).collect();
            words.join(" ")
        };
        (0..frame.n_rows()).map(line).collect()
    };
    let mut same = |relation: &str, found: BTreeSet<String>, expected: BTreeSet<String>| {
        let n = |lines: &BTreeSet<String>| i64::try_from(lines.len()).unwrap();
        check.same(relation, Some(n(&found)), n(&expected));
        for line in expected.union(&found) {
            let in_both = i64::from(found.contains(line) && expected.contains(line));
            let whose = if found.contains(line) { "program" } else { "reference" };
            check.same(&format!("{relation} of the {whose}: {line}"), Some(in_both), 1);
        }
    };
    let visits = ["opportunity_id", "position", "stage", "entered_on", "left_on", "move"];
    let from_one = |line: String| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words[1] = (words[1].parse::<usize>().unwrap() - 1).to_string();
        words.join(" ")
    };
    let found = lines("stage_visits", &visits).into_iter().map(from_one).collect();
    same("stage_visits", found, reference.stage_visits());
    let stages = ["id", "stage", "entered_on", "left_on", "how"];
    same("lead_stages", lines("lead_stages", &stages), reference.lead_stages());
    let units = [
        "account_id",
        "opportunity_id",
        "n_people",
        "target_on",
        "active_on",
        "engaged_on",
        "prioritized_on",
        "qualified_on",
        "pipeline_on",
        "closed_on",
        "outcome",
    ];
    same("demand_units", lines("demand_units", &units), reference.demand_units());
    let changes =
        view.built().fetch(&Rows::of("deal_changes").columns(&["field"]), Currency::USD).unwrap();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for field in changes.texts("field").iter().flatten() {
        *counts.entry(field.to_string()).or_default() += 1;
    }
    for (field, expected) in reference.deal_changes() {
        let name = format!("changes of {field}");
        check.same(&name, Some(counts.remove(&field).unwrap_or(0)), expected);
    }
    assert!(counts.is_empty(), "{counts:?}");
}

/// How many deals, how many of them without amount, and the sum of the others, by currency.
type Sums = BTreeMap<String, (u64, u64, Decimal)>;

fn sums<'a>(deals: impl Iterator<Item = &'a reference::Opportunity>) -> Sums {
    let mut sums = Sums::new();
    for deal in deals {
        let (amount, currency) = match deal.amount_native {
            Some((amount, currency)) => (Some(amount), currency.to_string()),
            None => (None, String::new()),
        };
        let sum = sums.entry(currency).or_default();
        sum.0 += 1;
        sum.1 += u64::from(amount.is_none());
        sum.2 += amount.unwrap_or_default();
    }
    sums
}

/// Reads the same from the truth; a deal without amount has no currency here.
fn stated(value: &Value) -> Sums {
    let mut sums = Sums::new();
    for (currency, sum) in value["by_currency"].as_object().unwrap() {
        let (n, unknown) = (sum["n"].as_u64().unwrap(), sum["without_amount"].as_u64().unwrap());
        if n > unknown {
            let amount = sum["amount"].as_str().unwrap().parse().unwrap();
            sums.insert(currency.clone(), (n - unknown, 0, amount));
        }
        if unknown > 0 {
            let none = sums.entry(String::new()).or_default();
            (none.0, none.1) = (none.0 + unknown, none.1 + unknown);
        }
    }
    sums
}
