//! Rates of groups, many comparisons and tests of two rates, against values that other programs
//! computed; skipped, and said so, where the folder is absent.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure here is a failed test"
)]

mod common;

use common::{golden, json, near};
use serde_json::Value;
use stats::interval::{Interval, newcombe, wilson};
use stats::multiple::{self, Method};
use stats::shrinkage::{self, Group};
use stats::two_rates::{self, Trials};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[track_caller]
fn within(what: &str, value: f64, expected: &Value, absolute: f64) {
    let expected = expected.as_f64().unwrap();
    assert!((value - expected).abs() <= absolute, "{what}: {value}, expected {expected}");
}

fn segments() -> Option<Vec<Group>> {
    let text = String::from_utf8(golden("shrinkage/segments_dev.csv")?).unwrap();
    let group = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        Group { k: cells[2].parse().unwrap(), n: cells[1].parse().unwrap() }
    };
    Some(text.lines().skip(1).map(group).collect())
}

fn players() -> Option<(Value, Vec<Group>)> {
    let expected = json("shrinkage/efron_morris.json")?;
    let n = expected["n"].as_u64().unwrap();
    let hits = expected["hits"].as_array().unwrap();
    let groups = hits.iter().map(|k| Group { k: k.as_u64().unwrap(), n }).collect();
    Some((expected, groups))
}

#[test]
fn batting_averages_are_those_of_efron_and_morris() {
    let Some((expected, groups)) = players() else { return };
    let n = expected["n"].as_u64().unwrap();
    let averages: Vec<f64> = groups.iter().map(|g| g.k as f64 / n as f64).collect();
    let mean = averages.iter().sum::<f64>() / averages.len() as f64;
    let variance = shrinkage::rate_variance(mean, n).unwrap();
    near("variance", variance, &expected["sigma2"], 1e-6);
    let stein = shrinkage::james_stein(&averages, variance).unwrap();
    near("grand mean", stein.grand_mean, &expected["grand_mean"], 1e-6);
    near("factor", stein.factor, &expected["shrink_c"], 1e-6);
    let truth = numbers(&expected["season_avg"]);
    let error = |values: &[f64]| values.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum();
    near("error of averages", error(&averages), &expected["total_sq_error"]["mle"], 1e-6);
    near("error", error(&stein.estimates), &expected["total_sq_error"]["js"], 1e-6);
    for (i, estimate) in stein.estimates.iter().enumerate() {
        near("estimate", *estimate, &expected["js"][i], 1e-6);
    }
    let hits: Vec<u64> = groups.iter().map(|group| group.k).collect();
    let stein = shrinkage::arcsine(&hits, n).unwrap();
    let golden = &expected["arcsine"];
    near("V", stein.dispersion, &golden["V"], 1e-6);
    near("mean", stein.grand_mean, &golden["mean"], 1e-6);
    // The file's errors are in units of the variance, on the scale of the arcsine.
    let scale = |rate: f64| (n as f64).sqrt() * (2.0 * rate - 1.0).asin();
    let own: Vec<f64> = averages.iter().map(|rate| scale(*rate)).collect();
    for (i, x) in own.iter().enumerate().take(golden["x"].as_array().unwrap().len()) {
        near("x", *x, &golden["x"][i], 1e-6);
    }
    let off = |values: &[f64]| {
        let pairs = values.iter().zip(&truth);
        pairs.map(|(a, rate)| (a - scale(*rate)).powi(2)).sum::<f64>()
    };
    near("error of the raw", off(&own), &golden["sq_err_mle"], 1e-6);
    near("error", off(&stein.estimates), &golden["sq_err_js"], 1e-6);
    near("factor", stein.factor, &golden["shrink"], 1e-6);
    for (i, estimate) in stein.estimates.iter().enumerate() {
        near("estimate", *estimate, &golden["delta"][i], 1e-6);
    }
}

#[test]
fn the_most_likely_beta_is_that_of_the_other_programs() {
    if let Some((expected, groups)) = players() {
        assert_most_likely(&groups, &expected["betabinomial_mle"], 1e-4);
    }
    let (Some(groups), Some(expected)) = (segments(), json("shrinkage/segments_dev_expected.json"))
    else {
        return;
    };
    assert_most_likely(&groups, &expected["betabinomial_mle"], 1e-3);
}

#[track_caller]
fn assert_most_likely(groups: &[Group], golden: &Value, tolerance: f64) {
    let found = shrinkage::most_likely(groups, 0.95).unwrap();
    near("likelihood", found.log_likelihood, &golden["loglik"], 1e-6);
    // The likelihood is flat in the strength: the same to 1e-4 is the same likelihood to 1e-9.
    near("alpha", found.alpha, &golden["alpha"], tolerance);
    near("beta", found.beta, &golden["beta"], tolerance);
    near("mean", found.alpha / (found.alpha + found.beta), &golden["mean"], tolerance);
    near("strength", found.alpha + found.beta, &golden["strength"], tolerance);
    for (i, group) in found.groups.iter().enumerate() {
        within("mean", group.mean, &golden["posterior_mean"][i], tolerance);
        within("low", group.low, &golden["lo95"][i], tolerance);
        within("high", group.high, &golden["hi95"][i], tolerance);
    }
}

#[test]
fn the_full_posterior_is_nearer_to_the_truth_than_the_rates_and_covers_it() {
    let (Some(groups), Some(expected)) = (segments(), json("shrinkage/segments_dev_expected.json"))
    else {
        return;
    };
    let text = String::from_utf8(golden("shrinkage/segments_dev.csv").unwrap()).unwrap();
    let truth: Vec<f64> = text
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().unwrap().parse().unwrap())
        .collect();
    let found = shrinkage::rates(&groups, 0.95).unwrap();
    let square: f64 =
        found.groups.iter().zip(&truth).map(|(group, rate)| (group.mean - rate).powi(2)).sum();
    let error = (square / truth.len() as f64).sqrt();
    let (raw, plugged) =
        (expected["rmse_raw"].as_f64().unwrap(), expected["rmse_eb"].as_f64().unwrap());
    assert!(error < 0.7 * raw && error < 1.05 * plugged, "{error} {raw} {plugged}");
    let rate = |group: &Group| group.k as f64 / group.n as f64;
    let off = |values: &[f64]| {
        let square: f64 = values.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum();
        (square / truth.len() as f64).sqrt()
    };
    near("raw", off(&groups.iter().map(rate).collect::<Vec<_>>()), &expected["rmse_raw"], 1e-6);
    let plain = shrinkage::most_likely(&groups, 0.95).unwrap();
    let means: Vec<f64> = plain.groups.iter().map(|group| group.mean).collect();
    near("drawn", off(&means), &expected["rmse_eb"], 1e-3);
    let held =
        plain.groups.iter().zip(&truth).filter(|(g, rate)| g.low <= **rate && **rate <= g.high);
    near("held", held.count() as f64 / truth.len() as f64, &expected["eb95_coverage"], 1e-9);
    let covered =
        found.groups.iter().zip(&truth).filter(|(g, rate)| g.low <= **rate && **rate <= g.high);
    assert!(covered.count() >= 22);
    // The mean and strength that the rates were drawn with are within their limits.
    let of = |key: &str| expected["truth"][key].as_f64().unwrap();
    assert!(found.mean_limits.0 < of("mean") && of("mean") < found.mean_limits.1);
    assert!(found.strength_limits.0 < of("strength") && of("strength") < found.strength_limits.1);
    // Each interval is at least about as wide as the one that forgets that the pair is uncertain.
    let width = |groups: &[shrinkage::Shrunk]| groups.iter().map(|g| g.high - g.low).sum::<f64>();
    assert!(width(&found.groups) > width(&plain.groups));
}

#[test]
fn many_comparisons_are_adjusted_as_by_statsmodels() {
    let Some(expected) = json("shrinkage/multiple_testing.json") else { return };
    let values = numbers(&expected["p"]);
    for (method, name) in METHODS {
        let golden = &expected["methods"][name];
        let adjusted = multiple::adjusted(&values, method).unwrap();
        for (i, p) in adjusted.iter().enumerate() {
            near(name, *p, &golden["adjusted"][i], 1e-9);
            assert_eq!(Some(*p <= 0.05), golden["reject"][i].as_bool());
        }
    }
}

const METHODS: [(Method, &str); 5] = [
    (Method::Bonferroni, "bonferroni"),
    (Method::Holm, "holm"),
    (Method::Hommel, "hommel"),
    (Method::BenjaminiHochberg, "fdr_bh"),
    (Method::BenjaminiYekutieli, "fdr_by"),
];

#[test]
fn segments_are_compared_with_the_whole_as_by_scipy() {
    let (Some(groups), Some(expected)) = (segments(), json("shrinkage/segments_dev_expected.json"))
    else {
        return;
    };
    let (k, n) = groups.iter().fold((0, 0), |(k, n), group| (k + group.k, n + group.n));
    let pooled = k as f64 / n as f64;
    near("pooled", pooled, &expected["pooled_rate"], 1e-9);
    let trials = |group: &Group| Trials { k: group.k, n: group.n };
    let p: Vec<f64> =
        groups.iter().map(|g| two_rates::binomial(trials(g), pooled).unwrap()).collect();
    for (i, p) in p.iter().enumerate() {
        near("p", *p, &expected["binom_two_sided_p"][i], 1e-6);
    }
    for (method, name) in METHODS {
        let name = name.trim_start_matches("fdr_");
        for (i, p) in multiple::adjusted(&p, method).unwrap().iter().enumerate() {
            if !expected[name].is_null() {
                near(name, *p, &expected[name][i], 1e-6);
            }
        }
    }
    for (i, group) in groups.iter().enumerate() {
        let exact = two_rates::clopper_pearson(trials(group), 0.95).unwrap();
        within("low", exact.low, &expected["cp_lo"][i], 1e-6);
        within("high", exact.high, &expected["cp_hi"][i], 1e-6);
        let score = wilson(group.k, group.n, 0.95).unwrap();
        within("low", score.low, &expected["wilson_lo"][i], 1e-6);
        within("high", score.high, &expected["wilson_hi"][i], 1e-6);
    }
}

#[test]
fn two_rates_are_compared_as_by_statsmodels_and_scipy() {
    let Some(expected) = json("shrinkage/ab_tests.json") else { return };
    for case in expected["cases"].as_array().unwrap() {
        let number = |key: &str, arm: usize| case[key][arm].as_u64().unwrap();
        let [a, b] = [0, 1].map(|arm| Trials { k: number("x", arm), n: number("n", arm) });
        let tested = two_rates::pooled(a, b).unwrap();
        near("z", tested.z, &case["z_pooled"], 1e-6);
        near("p", tested.p, &case["p_two_sided"], 1e-6);
        near("chi-square", tested.z * tested.z, &case["chi2"], 1e-6);
        near("fisher", two_rates::fisher(a, b).unwrap(), &case["fisher_two_sided"], 1e-6);
        let wald = two_rates::wald(a, b, 0.95).unwrap();
        near("wald", wald.low, &case["wald95"][0], 1e-6);
        near("wald", wald.high, &case["wald95"][1], 1e-6);
        let Interval { point, low, high } = newcombe(a.k, a.n, b.k, b.n, 0.95).unwrap();
        near("difference", point, &case["diff"], 1e-6);
        near("low", low, &case["newcombe95"][0], 1e-6);
        near("high", high, &case["newcombe95"][1], 1e-6);
        let prior = numbers(&case["beta_prior"]);
        let higher = two_rates::probability_higher(a, b, (prior[0], prior[1])).unwrap();
        within("higher", higher, &case["prob_B_beats_A"], 1e-6);
        for (deviation, golden) in case["msprt_normal"].as_object().unwrap() {
            let found = two_rates::always_valid(a, b, deviation.parse().unwrap()).unwrap();
            near("ratio", found.ratio, &golden["mixture_lr"], 1e-6);
            near("p", found.p, &golden["always_valid_p_single_look"], 1e-6);
        }
    }
    for case in expected["sample_size"].as_array().unwrap() {
        let of = |key: &str| case[key].as_f64().unwrap();
        let size = two_rates::sample_size(of("p1"), of("p2"), of("alpha"), of("power")).unwrap();
        near("classic", size.classic, &case["n_per_arm_classic"], 1e-6);
        near("unpooled", size.unpooled, &case["n_per_arm_unpooled"], 1e-6);
        near("cohen", size.cohen, &case["n_per_arm_cohen_h"], 1e-6);
    }
}
