//! Against values that other programs computed; skipped, and said so, where the folder is absent.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use stats::credit::{Journey, Model, shares};
use stats::heuristic::heuristic;
use stats::path::{Paths, ReadOptions};
use stats::removal::removal;
use stats::{order, shapley};

use common::{golden, json, near};

fn paths(name: &str) -> Option<Paths> {
    golden(name).map(|bytes| Paths::read_csv(&bytes, ReadOptions::default()).unwrap())
}

#[test]
fn removal_effects_are_exact_at_every_order() {
    for (csv, expected, relative) in [
        ("attribution/tiny.csv", "attribution/tiny_expected.json", 1e-10),
        ("attribution/pathdata.csv", "attribution/pathdata_expected.json", 1e-8),
    ] {
        let (Some(paths), Some(expected)) = (paths(csv), json(expected)) else { return };
        let expected = expected.get("aggregate").unwrap_or(&expected);
        for order in 1..=4 {
            let golden = &expected["markov_exact"][order.to_string()];
            let result = removal(&paths, order).unwrap();
            let what = format!("{csv}, order {order}");
            assert_eq!(Some(result.n_states as u64), golden["states"].as_u64(), "{what}");
            near(&what, result.p_conversion, &golden["p_conversion"], relative);
            near(&what, result.value_per_path, &golden["expected_value_per_journey"], relative);
            assert_eq!(result.channels.len(), golden["channels"].as_object().unwrap().len());
            for channel in &result.channels {
                let what = format!("{what}, {}", channel.channel);
                let golden = &golden["channels"][&channel.channel];
                near(&what, channel.removal_effect, &golden["re_conv"], relative);
                near(&what, channel.removal_effect_value, &golden["re_value"], relative);
                near(&what, channel.conversions, &golden["total_conversions"], relative);
                near(&what, channel.value, &golden["total_conversion_value"], relative);
            }
        }
    }
}

const AGGREGATED: [(&str, &str, f64); 2] = [
    ("attribution/tiny.csv", "attribution/tiny_expected.json", 1e-10),
    ("attribution/pathdata.csv", "attribution/pathdata_expected.json", 1e-9),
];

#[test]
fn first_last_and_linear_are_those_of_the_package() {
    for (csv, expected, relative) in AGGREGATED {
        let (Some(paths), Some(expected)) = (paths(csv), json(expected)) else { return };
        let golden = &expected.get("aggregate").unwrap_or(&expected)["heuristic"];
        for (model, prefix) in
            [(Model::First, "first"), (Model::Last, "last"), (Model::Linear, "linear")]
        {
            for credit in heuristic(&paths, model, &[]).unwrap() {
                let golden = &golden[&credit.channel];
                let what = format!("{csv}, {prefix}, {}", credit.channel);
                near(
                    &what,
                    credit.conversions,
                    &golden[format!("{prefix}_touch_conversions")],
                    relative,
                );
                near(&what, credit.value, &golden[format!("{prefix}_touch_value")], relative);
            }
        }
    }
}

#[test]
fn both_shapley_games_are_those_of_enumeration() {
    for (csv, expected, relative) in AGGREGATED {
        let (Some(paths), Some(expected)) = (paths(csv), json(expected)) else { return };
        let expected = expected.get("aggregate").unwrap_or(&expected);
        for credit in shapley::set(&paths) {
            let golden = &expected["shapley_set_game"][&credit.channel];
            let what = format!("{csv}, set, {}", credit.channel);
            near(&what, credit.conversions, &golden["conversions"], relative);
            near(&what, credit.value, &golden["value"], relative);
        }
        let golden = &expected["shapley_rate_game"];
        let game = shapley::rate(&paths, 0, 0);
        assert!(game.exact);
        near(csv, game.rate, &golden["v_full"], relative);
        for channel in &game.channels {
            let what = format!("{csv}, rate, {}", channel.channel);
            near(&what, channel.phi, &golden["phi"][&channel.channel], relative);
        }
    }
}

#[test]
fn a_journey_with_times_is_shared_as_written() {
    let Some(expected) = json("attribution/tiny_expected.json") else { return };
    let golden = &expected["timestamped"];
    // The file has days as floats; times in microseconds are whole.
    let at: Vec<i64> = [40, 21, 7, 3, 0].map(|days| days * -86_400_000_000).to_vec();
    for (at, touch) in at.iter().zip(golden["journey"].as_array().unwrap()) {
        near("days", *at as f64 / -86_400e6, &touch["days_before_conversion"], 1e-12);
    }
    let journey = Journey {
        at: &at,
        lead_creation: Some(2),
        opportunity_creation: at.len().checked_sub(1),
        ..Journey::default()
    };
    let golden = &golden["expected"];
    let mut out = Vec::new();
    for (model, weights) in [
        (Model::Linear, &golden["linear"]),
        (Model::UShaped, &golden["u_shaped_40_20_40"]),
        (Model::time_decay_days(7.0).unwrap(), &golden["time_decay_halflife_7d"]),
        (Model::WShaped, &golden["w_shaped_30_30_30_10"]["weights"]),
    ] {
        assert!(shares(model, &journey, &mut out));
        assert_eq!(out.len(), weights.as_array().unwrap().len());
        for (i, share) in out.iter().enumerate() {
            near(&format!("{} {i}", model.id()), *share, &weights[i], 1e-10);
        }
    }
}

#[test]
fn the_order_of_the_sample_is_chosen_alike_each_time() {
    let Some(paths) = paths("attribution/pathdata.csv") else { return };
    let choice = order::choose_order(&paths, 4, order::FOLDS_DEFAULT).unwrap();
    assert_eq!(Some(&choice), order::choose_order(&paths, 4, order::FOLDS_DEFAULT).as_ref());
    assert!(choice.simplest <= choice.best, "{choice:?}");
    eprintln!("{choice:#?}");
}
