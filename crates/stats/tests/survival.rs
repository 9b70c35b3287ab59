//! Waiting times against what R, lifelines and scikit-survival computed.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reads files, and a failure here is a failed test"
)]

use std::path::PathBuf;

use serde_json::Value;
use stats::survival::compare::{Weight, log_rank};
use stats::survival::curve::{Ties, kaplan_meier, nelson_aalen};
use stats::survival::incidence::aalen_johansen;
use stats::survival::{Observed, Table};

fn golden(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var("THROUGHLINE_SHARED").map_or_else(|_| beside.into(), PathBuf::from);
    let path = root.join("golden/survival").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: {} is not there (set THROUGHLINE_SHARED)", path.display());
    }
    text
}

fn json(name: &str) -> Option<Value> {
    golden(name).map(|text| serde_json::from_str(&text).unwrap())
}

/// The columns of a file, as text.
struct Csv {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Csv {
    fn read(name: &str) -> Option<Self> {
        let text = golden(name)?;
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect());
        Some(Self { names: lines.next()?, rows: lines.collect() })
    }

    fn texts(&self, name: &str) -> Vec<&str> {
        let at = self.names.iter().position(|own| own == name).unwrap();
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.texts(name).iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Those rows where a column has a value.
    fn only(&self, name: &str, value: &str) -> Self {
        let texts = self.texts(name);
        let rows = self.rows.iter().zip(texts).filter(|(_, text)| *text == value);
        Self { names: self.names.clone(), rows: rows.map(|(row, _)| row.clone()).collect() }
    }

    fn waits(&self, time: &str, event: &str) -> (Vec<f64>, Vec<u16>) {
        let events = self.numbers(event).iter().map(|event| u16::from(*event > 0.5)).collect();
        (self.numbers(time), events)
    }
}

fn table(time: &[f64], cause: &[u16]) -> Table {
    Table::of(&Observed { time, cause, entry: &[] }).unwrap()
}

#[track_caller]
fn near(what: &str, value: f64, expected: &Value, relative: f64) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what}: no number {expected}"));
    let off = (value - expected).abs();
    assert!(off <= relative * expected.abs().max(1e-9), "{what}: {value}, expected {expected}");
}

#[test]
fn curves_and_tests_are_those_of_lifelines() {
    let Some(expected) = json("expected_lifelines.json") else { return };
    for name in ["waltons", "rossi"] {
        let case = &expected["cases"][name];
        let text = |key: &str| case[key].as_str().unwrap();
        let Some(csv) = Csv::read(text("data")) else { return };
        let mut groups = Vec::new();
        for (group, golden) in case["km"].as_object().unwrap() {
            let what = format!("{name} {group}");
            let (time, cause) =
                csv.only(text("group"), group).waits(text("duration"), text("event"));
            let table = table(&time, &cause);
            assert_eq!(Some(table.n()), golden["n"].as_u64());
            assert_eq!(Some(table.n_events()), golden["events"].as_u64());
            let curve = kaplan_meier(&table);
            assert_eq!(curve.median(0.95).point, golden["median"].as_f64(), "{what}");
            let hazards = nelson_aalen(&table, Ties::AtOnce);
            for (at, t) in golden["t"].as_array().unwrap().iter().enumerate() {
                let t = t.as_f64().unwrap();
                let share = curve.at(t, 0.95);
                near(&what, share.point, &golden["S"][at], 1e-8);
                near(&what, share.low, &golden["lo95_loglog"][at], 1e-8);
                near(&what, share.high, &golden["hi95_loglog"][at], 1e-8);
                let hazard = hazards.iter().rev().find(|step| step.time <= t);
                let hazard = hazard.map_or(0.0, |step| step.hazard);
                near(&what, hazard, &golden["nelson_aalen"][at], 1e-8);
            }
            for (until, mean) in golden["rmst"].as_object().unwrap() {
                near(&what, curve.restricted_mean(until.parse().unwrap(), 0.95).point, mean, 1e-8);
            }
            groups.push((time, cause));
        }
        let groups: Vec<_> =
            groups.iter().map(|(time, cause)| Observed { time, cause, entry: &[] }).collect();
        let golden = &case["logrank"];
        for (weight, golden) in [
            (Weight::Even, golden),
            (Weight::Wilcoxon, &golden["wilcoxon"]),
            (Weight::TaroneWare, &golden["tarone-ware"]),
            (Weight::Peto, &golden["peto"]),
        ] {
            let found = log_rank(&groups, weight).unwrap();
            near(name, found.chi_square, &golden["chisq"], 1e-8);
            near(name, found.p, &golden["p"], 1e-8);
        }
    }
}

#[test]
fn shares_of_competing_ends_are_those_of_r() {
    let (Some(csv), Some(expected)) = (Csv::read("deals_dev.csv"), json("deals_dev_expected.json"))
    else {
        return;
    };
    for (at, segment) in ["A", "B"].into_iter().enumerate() {
        let deals = csv.only("segment", segment);
        let time = deals.numbers("age_days");
        let cause: Vec<u16> = deals
            .texts("status")
            .iter()
            .map(|status| ["open", "won", "lost"].iter().position(|own| own == status).unwrap())
            .map(|cause| u16::try_from(cause).unwrap())
            .collect();
        let table = table(&time, &cause);
        let [won, lost] = [1, 2].map(|cause| aalen_johansen(&table, cause));
        let golden = &expected["segments"][segment];
        for (at, t) in golden["t"].as_array().unwrap().iter().enumerate() {
            let t = t.as_f64().unwrap();
            let (won, lost) = (won.reached(t).unwrap(), lost.reached(t).unwrap());
            near(segment, won.waiting, &golden["p_open"][at], 1e-9);
            near(segment, won.share, &golden["cif_won"][at], 1e-9);
            near(segment, lost.share, &golden["cif_lost"][at], 1e-9);
            near(segment, won.error, &golden["se_won"][at], 1e-4);
        }
        let median = kaplan_meier(&table).median(0.95).point.unwrap();
        near(segment, median, &expected["median_days_to_close"][at], 1e-9);
        // One minus Kaplan–Meier of the wins alone says something else, and too much.
        let wins: Vec<u16> = cause.iter().map(|cause| u16::from(*cause == 1)).collect();
        let alone =
            kaplan_meier(&Table::of(&Observed { time: &time, cause: &wins, entry: &[] }).unwrap());
        let last = golden["t"].as_array().unwrap().last().unwrap().as_f64().unwrap();
        let wrong = 1.0 - alone.survival(last);
        near(segment, wrong, &expected["wrong_1_minus_KM_wins_at_last_t"][at], 1e-9);
    }
}
