//! `method` gives the known right answers on plain files.

use serde_json::Value;

use crate::program::{Company, Run, run_with, shared};

const TINY: &str = "path,total_conversions,total_conversion_value,total_null\n\
                    A > B > C,3,300.0,2\nA,1,50.0,4\nB > C,2,120.0,1\nC > A > A,0,0.0,3\nB,0,0.0,5\n";

fn method(args: &[&str]) -> Run {
    let company = Company::empty();
    std::fs::write(company.outside().join("tiny.csv"), TINY).unwrap();
    run_with(args, &[], company.outside())
}

#[track_caller]
fn near(found: &Value, expected: f64) {
    let found = found.as_f64().expect("a number");
    assert!((found - expected).abs() <= 1e-8 * expected.abs().max(1.0), "{found} {expected}");
}

fn channel<'a>(data: &'a Value, name: &str) -> &'a Value {
    data["channels"].as_array().unwrap().iter().find(|c| c["channel"] == name).unwrap()
}

#[test]
fn markov_on_a_file_that_can_be_checked_by_hand() {
    let data = method(&["method", "markov", "tiny.csv", "--order", "1", "--json"]).content().data();
    near(&data["p_conversion"], 6.0 / 21.0);
    near(&channel(&data, "A")["removal_effect"], 0.399_766_899_767);
    near(&channel(&data, "A")["conversions"], 1.258_715_596_33);
    near(&channel(&data, "C")["value"], 222.182_472_805);
    let data = method(&["method", "markov", "tiny.csv", "--order", "2", "--json"]).content().data();
    near(&channel(&data, "B")["removal_effect"], 0.833_333_333_333);
}

#[test]
fn what_looks_like_a_slip_in_a_file_is_said() {
    let company = Company::empty();
    let run = |name: &str, text: &str, args: &[&str]| {
        std::fs::write(company.outside().join(name), text).unwrap();
        run_with(args, &[], company.outside())
    };
    // Channels that are joined without blanks are one channel, unless the separator says otherwise.
    let paths = "path,total_conversions,total_null\nA>B,1,1\n";
    let markov = run("paths.csv", paths, &["method", "markov", "paths.csv"]).content();
    assert!(markov.stderr.contains("--separator '>'"), "{}", markov.stderr);
    let args = ["method", "markov", "paths.csv", "--separator", ">", "--json"];
    assert_eq!(run("paths.csv", paths, &args).content().data()["channels"][1]["channel"], "B");
    // Nothing of a file of touches is dropped in silence.
    let touches = "journey,channel,days_before,value,milestone\nj,a,3,much,lead\n,b,1,,close\n";
    let credit = run("touches.csv", touches, &["method", "credit", "touches.csv"]);
    credit.fails(3, "value `much` cannot be read");
    credit.fails(3, "milestone `lead` is not one of");
    credit.fails(3, "column `journey` is empty");
}

#[test]
fn shapley_and_heuristics_on_the_same_file() {
    let data = method(&["method", "shapley", "tiny.csv", "--json"]).content().data();
    near(&channel(&data, "B")["value"], 160.0);
    let data =
        method(&["method", "shapley", "tiny.csv", "--game", "rate", "--json"]).content().data();
    assert_eq!(data["exact"], true);
    near(&channel(&data, "A")["phi"], 0.116_071_428_571);
    let data = method(&["method", "heuristics", "tiny.csv", "--json"]).content().data();
    near(&channel(&data["models"]["first"], "A")["value"], 350.0);
    near(&channel(&data["models"]["last"], "C")["conversions"], 5.0);
    near(&channel(&data["models"]["linear"], "B")["value"], 160.0);
}

#[test]
fn credit_of_a_journey_with_times_and_milestones() {
    let company = Company::empty();
    let journey = "journey,channel,days_before,milestone,value\nj,event,40,,100\nj,search,21,,100\n\
                   j,email,7,lead_creation,100\nj,email,3,,100\nj,sdr,0,,100\n";
    std::fs::write(company.outside().join("j.csv"), journey).unwrap();
    let args = ["method", "credit", "j.csv", "--json"];
    let data = run_with(&args, &[], company.outside()).content().data();
    let models = &data["journeys"][0]["models"];
    near(&models["time_decay"]["shares"][2], 0.209_464_069_876);
    near(&models["u_shaped"]["shares"][1], 0.066_666_666_666_7);
    near(&models["w_shaped"]["shares"][2], 0.3);
    let credit: f64 = models["time_decay"]["credit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part.as_str().unwrap().parse::<f64>().unwrap())
        .sum();
    near(&credit.into(), 100.0);
}

#[test]
fn faults_in_the_file_are_named_with_line_and_column() {
    let company = Company::empty();
    std::fs::write(company.outside().join("bad.csv"), "path,total_conversions\nA > B,many\n")
        .unwrap();
    run_with(&["method", "markov", "bad.csv"], &[], company.outside()).fails(3, "bad.csv:2");
    std::fs::write(company.outside().join("none.csv"), "").unwrap();
    run_with(&["method", "markov", "none.csv"], &[], company.outside()).fails(3, "none.csv");
    run_with(&["method", "markov", "absent.csv"], &[], company.outside()).fails(3, "absent.csv");
    let good = company.outside().join("tiny.csv");
    std::fs::write(&good, TINY).unwrap();
    run_with(&["method", "markov", "tiny.csv", "--order", "5"], &[], company.outside())
        .fails(2, "order");
}

#[test]
fn path_data_gives_the_published_exact_removal_effects() {
    let Some(golden) = shared("golden/attribution") else { return };
    let file = golden.join("pathdata.csv").display().to_string();
    let expected: Value =
        serde_json::from_slice(&std::fs::read(golden.join("pathdata_expected.json")).unwrap())
            .unwrap();
    let company = Company::empty();
    for order in ["1", "2", "3", "4"] {
        let args = ["method", "markov", file.as_str(), "--order", order, "--json"];
        let data = run_with(&args, &[], company.outside()).content().data();
        near(&data["p_conversion"], 19_785.0 / 88_387.0);
        let exact = expected["markov_exact"][order]["channels"].as_object().unwrap();
        assert_eq!(exact.len(), 12);
        for (name, expected) in exact {
            let found = channel(&data, name);
            near(&found["removal_effect"], expected["re_conv"].as_f64().unwrap());
            near(&found["conversions"], expected["total_conversions"].as_f64().unwrap());
            near(&found["value"], expected["total_conversion_value"].as_f64().unwrap());
        }
    }
}
