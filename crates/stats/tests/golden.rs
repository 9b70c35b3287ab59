//! Against values that other programs computed; skipped, and said so, where the folder is absent.

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
use stats::path::{Paths, ReadOptions};
use stats::removal::removal;

/// Returns a golden file, or says that its test is skipped.
fn golden(name: &str) -> Option<Vec<u8>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var("THROUGHLINE_SHARED").map_or_else(|_| beside.into(), PathBuf::from);
    let path = root.join("golden").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("skipped: {} is not there (set THROUGHLINE_SHARED)", path.display());
    }
    bytes
}

fn json(name: &str) -> Option<Value> {
    golden(name).map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

fn paths(name: &str) -> Option<Paths> {
    golden(name).map(|bytes| Paths::read_csv(&bytes, ReadOptions::default()).unwrap())
}

#[track_caller]
fn near(what: &str, value: f64, expected: &Value, relative: f64) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what}: no number {expected}"));
    let off = (value - expected).abs();
    assert!(off <= relative * expected.abs().max(1e-12), "{what}: {value}, expected {expected}");
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
