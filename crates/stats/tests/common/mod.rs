//! What the tests against golden files share.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reads files, and a failure here is a failed test"
)]

use std::path::PathBuf;

use serde_json::Value;

/// Returns a golden file, or says that its test is skipped.
pub(crate) fn golden(name: &str) -> Option<Vec<u8>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var("THROUGHLINE_SHARED").map_or_else(|_| beside.into(), PathBuf::from);
    let path = root.join("golden").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("skipped: {} is not there (set THROUGHLINE_SHARED)", path.display());
    }
    bytes
}

pub(crate) fn json(name: &str) -> Option<Value> {
    golden(name).map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

/// Compares relative to the expected value.
#[track_caller]
pub(crate) fn near(what: &str, value: f64, expected: &Value, relative: f64) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what}: no number {expected}"));
    let off = (value - expected).abs();
    assert!(off <= relative * expected.abs().max(1e-9), "{what}: {value}, expected {expected}");
}
