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

/// Runs a method on a file of the shared goldens, or on one made here.
fn on_file(name: &str, text: &str, args: &[&str]) -> Run {
    let company = Company::empty();
    std::fs::write(company.outside().join(name), text).unwrap();
    let mut all = vec!["method"];
    all.extend(args);
    run_with(&all, &[], company.outside())
}

#[test]
fn survival_is_that_of_the_packages() {
    let Some(golden) = shared("golden/survival") else { return };
    let text = std::fs::read_to_string(golden.join("waltons.csv")).unwrap();
    let args = ["survival", "w.csv", "--time", "T", "--event", "E", "--group", "group", "--json"];
    let data = on_file("w.csv", &text, &args).content().data();
    let expected: Value =
        serde_json::from_slice(&std::fs::read(golden.join("expected_lifelines.json")).unwrap())
            .unwrap();
    let expected = &expected["cases"]["waltons"];
    near(&data["log_rank"]["chi_square"], expected["logrank"]["chisq"].as_f64().unwrap());
    let groups = data["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    for group in groups {
        let expected = &expected["km"][group["group"].as_str().unwrap()];
        assert_eq!(group["n"], expected["n"]);
        assert_eq!(group["median"]["point"], expected["median"]);
        let steps = group["steps"].as_array().unwrap();
        let times = expected["t"].as_array().unwrap().iter().map(|t| t.as_f64().unwrap());
        for (at, time) in times.enumerate() {
            // The step at or before a time; before the first all still wait.
            let step = steps.iter().rfind(|step| step["time"].as_f64().unwrap() <= time);
            let one = serde_json::json!({"survival": 1.0, "low": 1.0, "high": 1.0});
            let step = step.unwrap_or(&one);
            near(&step["survival"], expected["S"][at].as_f64().unwrap());
            near(&step["low"], expected["lo95_loglog"][at].as_f64().unwrap());
            near(&step["high"], expected["hi95_loglog"][at].as_f64().unwrap());
        }
    }
}

#[test]
fn cure_gives_the_published_shares_and_says_where_it_is_too_early() {
    let Some(golden) = shared("golden/survival") else { return };
    let text = std::fs::read_to_string(golden.join("rossi.csv")).unwrap();
    let args = ["cure", "r.csv", "--time", "week", "--event", "arrest", "--json"];
    let data = on_file("r.csv", &text, &args).content().data();
    let expected: Value =
        serde_json::from_slice(&std::fs::read(golden.join("expected_cure.json")).unwrap()).unwrap();
    let group = &data["groups"][0];
    assert_eq!([&group["n"], &group["events"]], [432, 114]);
    assert!(group["told"].is_null(), "families disagree: {group}");
    let families = group["families"].as_array().unwrap();
    assert_eq!(families.len(), 3);
    for one in families {
        let name = one["family"].as_str().unwrap().replace('-', "");
        let expected = &expected["cases"]["rossi"]["own_mle"][name.as_str()];
        let off = |found: &Value, expected: &Value| {
            (found.as_f64().unwrap() - expected.as_f64().unwrap()).abs()
        };
        assert!(off(&one["never"]["point"], &expected["cure_fraction"]) < 2e-3, "{one}");
        assert!(off(&one["log_likelihood"], &expected["loglik"]) < 1e-3, "{one}");
        assert!(off(&one["never"]["high"], &expected["profile95_cure"][1]) < 5e-3, "{one}");
    }
}

#[test]
fn rates_are_drawn_towards_each_other_and_raw_ones_have_their_limits() {
    let Some(golden) = shared("golden/shrinkage") else { return };
    let text = std::fs::read_to_string(golden.join("segments_dev.csv")).unwrap();
    let args = ["rates", "s.csv", "--group", "segment", "--successes", "wins"];
    let args = [&args[..], &["--trials", "opportunities", "--json"]].concat();
    let data = on_file("s.csv", &text, &args).content().data();
    let expected: Value =
        serde_json::from_slice(&std::fs::read(golden.join("segments_dev_expected.json")).unwrap())
            .unwrap();
    let most_likely = &expected["betabinomial_mle"];
    let groups = data["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 24);
    for (at, group) in groups.iter().enumerate() {
        let raw = &group["raw"];
        let low = expected["wilson_lo"][at].as_f64().unwrap();
        assert!((raw["low"].as_f64().unwrap() - low).abs() < 1e-8, "{group}");
        near(&raw["high"], expected["wilson_hi"][at].as_f64().unwrap());
        let (raw, shrunk) = (&raw["point"], &group["shrunk"]["point"]);
        let (raw, shrunk) = (raw.as_f64().unwrap(), shrunk.as_f64().unwrap());
        let mean = data["mean"]["point"].as_f64().unwrap();
        // A rate at the mean itself may move by the spread of where that mean lies.
        assert!((shrunk - mean).abs() <= (raw - mean).abs() + 2e-3, "{group}");
        // The whole posterior is near what the most likely pair gives, and not the same.
        let plug_in = most_likely["posterior_mean"][at].as_f64().unwrap();
        assert!((shrunk - plug_in).abs() < 0.02, "{group} {plug_in}");
    }
}

#[test]
fn a_funnel_counts_cases_on_their_way_as_waiting() {
    let log = "deal,step,on\n\
               a,mql,2026-01-01\na,sal,2026-01-11\na,won,2026-02-10\n\
               b,mql,2026-01-05\nb,won,2026-01-25\n\
               c,mql,2026-01-10\nc,lost,2026-01-20\n\
               d,mql,2026-03-01\n\
               e,mql,2026-02-01\ne,sal,2026-02-05\ne,mql,2026-02-20\n\
               f,mql,2026-05-01\n";
    let args = ["funnel", "log.csv", "--case", "deal", "--stage", "step", "--time", "on"];
    let more = ["--stages", "mql,sal,won", "--left", "lost", "--as-of", "2026-03-31", "--json"];
    let data = on_file("log.csv", log, &[&args[..], &more].concat()).content().data();
    assert_eq!([&data["cases"], &data["left_out"], &data["skips"]], [5, 1, 1]);
    assert_eq!(data["backward"], 1);
    let stages = data["stages"].as_array().unwrap();
    let entered: Vec<i64> = stages.iter().map(|stage| stage["entered"].as_i64().unwrap()).collect();
    assert_eq!(entered, [5, 3, 2]);
    assert_eq!(stages[1]["skipped"], 1);
    let first = &stages[0]["onward"];
    assert_eq!([&first["went_on"], &first["left"], &first["waiting"]], [3, 1, 1]);
    let strict = [&args[..], &more, &["--rule", "strict"]].concat();
    let data = on_file("log.csv", log, &strict).content().data();
    assert_eq!(data["stages"][2]["entered"], 1, "{data}");
    // The same bytes for the same seed, whatever the order of the rows.
    let mut lines: Vec<&str> = log.lines().collect();
    lines[1..].reverse();
    let turned = on_file("log.csv", &(lines.join("\n") + "\n"), &[&args[..], &more].concat());
    let again = on_file("log.csv", log, &[&args[..], &more].concat());
    assert_eq!(turned.content().stdout, again.content().stdout);
}

#[test]
fn what_a_column_does_not_hold_is_told_with_line_and_hint() {
    let text = "time,event\n5,1\nlong,0\n7,perhaps\n";
    let run = on_file("t.csv", text, &["survival", "t.csv"]);
    run.fails(3, "t.csv:3");
    run.fails(3, "`perhaps` in column `event` cannot be read");
    on_file("t.csv", text, &["survival", "t.csv", "--time", "tme"])
        .fails(3, "Did you mean `time`?");
    on_file("t.csv", "time,event\n5,0\n", &["cure", "t.csv"]).fails(3, "no event among the rows");
    on_file("t.csv", "time,event\n", &["cure", "t.csv"]).fails(3, "holds no rows");
    on_file("t.csv", "time,event,since\n5,1,6\n", &["cure", "t.csv", "--entry", "since"])
        .fails(3, "entry is not before the time");
    let text = "group,successes,trials\na,3,2\n";
    on_file("r.csv", text, &["rates", "r.csv"]).fails(3, "more successes than trials");
    on_file("r.csv", text, &["rates", "r.csv", "--level", "95"]).fails(2, "between 0 and 1");
}

#[test]
fn series_go_on_as_well_as_in_the_packages() {
    let Some(golden) = shared("golden/forecast") else { return };
    let expected: Value =
        serde_json::from_slice(&std::fs::read(golden.join("expected.json")).unwrap()).unwrap();
    for name in ["AirPassengers", "USAccDeaths"] {
        let text = std::fs::read_to_string(golden.join(format!("{name}.csv"))).unwrap();
        for horizon in ["12", "24"] {
            let args = ["series", "s.csv", "--time", "t", "--value", "y", "--holdout", "--json"];
            let args = [&args[..], &["--horizon", horizon]].concat();
            let data = on_file("s.csv", &text, &args).content().data();
            let expected = &expected[name][horizon];
            let methods = data["methods"].as_array().unwrap();
            let of = |id: &str| methods.iter().find(|one| one["method"] == id).unwrap();
            let naive = of("seasonal_naive");
            // The file has eight digits.
            let mase = expected["SeasonalNaive"]["mase"].as_f64().unwrap();
            assert!((naive["mase"].as_f64().unwrap() - mase).abs() < 1e-7 * mase, "{naive}");
            assert_eq!(naive["forecast"], expected["SeasonalNaive"]["forecast"]);
            for (id, key) in [
                ("theta", "DynamicOptimizedTheta"),
                ("theta", "AutoTheta"),
                ("smoothing", "AutoETS"),
                ("holt_winters", "HoltWinters_mul"),
                ("complex", "AutoCES"),
                ("stl", "MSTL"),
                ("arima", "AutoARIMA"),
            ] {
                let reference = expected[key]["smape_pct"].as_f64().unwrap();
                let found = of(id)["smape"].as_f64().unwrap();
                assert!(found <= 1.15 * reference, "{name} {horizon} {id}: {found}, {reference}");
            }
        }
    }
}

#[test]
fn a_series_has_limits_where_enough_of_it_is_known() {
    let value = |t: i32| 100.0 * 1.01_f64.powi(t) * (1.0 + 0.05 * f64::from(t % 12));
    let months: String = (0..60).map(|t| format!("{t},{}\n", value(t))).collect();
    let text = format!("month,value\n{months}");
    let args = ["series", "s.csv", "--horizon", "3", "--json"];
    let data = on_file("s.csv", &text, &args).content().data();
    let steps = data["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    for step in steps {
        let of = |part: &str| step[part].as_f64().unwrap();
        assert!(of("low") <= of("point") && of("point") <= of("high"), "{step}");
        let came = value(59 + i32::try_from(step["ahead"].as_i64().unwrap()).unwrap());
        assert!((of("point") - came).abs() < 0.05 * came, "{step} {came}");
    }
    // A later row earlier in the file changes nothing where a column says the time.
    let mut lines: Vec<&str> = months.lines().collect();
    lines.reverse();
    let turned = format!("month,value\n{}\n", lines.join("\n"));
    let args = ["series", "s.csv", "--horizon", "3", "--time", "month", "--json"];
    assert_eq!(on_file("s.csv", &turned, &args).content().data(), data);
    let short = on_file("s.csv", "value\n1\n2\n", &["series", "s.csv", "--by", "airline"]);
    short.fails(3, "too short or unfit for `airline`");
}

/// Says where two values differ: the same keys and texts, numbers alike to one part in a million.
fn difference(at: &str, found: &Value, golden: &Value) -> Option<String> {
    match (found, golden) {
        (Value::Object(found_parts), Value::Object(parts)) => {
            if found_parts.keys().ne(parts.keys()) {
                let keys = |of: &serde_json::Map<String, Value>| {
                    of.keys().cloned().collect::<Vec<_>>().join(", ")
                };
                return Some(format!("{at}: {} for {}", keys(found_parts), keys(parts)));
            }
            parts.iter().find_map(|(key, golden)| {
                difference(&format!("{at}.{key}"), &found_parts[key], golden)
            })
        }
        (Value::Array(found), Value::Array(parts)) => {
            if found.len() != parts.len() {
                return Some(format!("{at}: {} parts for {}", found.len(), parts.len()));
            }
            let mut pairs = found.iter().zip(parts).enumerate();
            pairs.find_map(|(i, (found, golden))| difference(&format!("{at}[{i}]"), found, golden))
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            let near = (a - b).abs() <= 1e-6 * b.abs().max(1e-6);
            (!near).then(|| format!("{at}: {a} for {b}"))
        }
        _ => (found != golden).then(|| format!("{at}: {found} for {golden}")),
    }
}

#[test]
fn json_of_each_method_is_the_golden_one() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../goldens/methods");
    let cases: [(&str, &[&str]); 5] = [
        ("survival", &["--entry", "entry", "--group", "group"]),
        ("cure", &[]),
        ("rates", &[]),
        ("series", &["--season", "4", "--horizon", "3"]),
        ("funnel", &["--stages", "lead,meeting,deal", "--left", "gone"]),
    ];
    for (name, options) in cases {
        let text = std::fs::read_to_string(format!("{folder}/{name}.csv")).unwrap();
        let args = [&[name, "in.csv"][..], options, &["--json"]].concat();
        let data = on_file("in.csv", &text, &args).content().data();
        let path = format!("{folder}/{name}.json");
        if std::env::var_os("BLESS").is_some() {
            let pretty = serde_json::to_string_pretty(&data).unwrap();
            std::fs::write(&path, format!("{pretty}\n")).unwrap();
        }
        let golden: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let off = difference(name, &data, &golden);
        assert!(off.is_none(), "{} (look at it, then run again with BLESS=1)", off.unwrap());
    }
}
