//! Every row of the shared list of bad inputs has its test, named in `tests/bad-inputs.toml`.

use std::collections::BTreeSet;

use toml::{Table, Value};

const TABLE: &str = "tests/bad-inputs.toml";

fn section<'a>(table: &'a Table, name: &str) -> &'a Table {
    table.get(name).and_then(Value::as_table).expect("the table has its three sections")
}

/// Returns the places of a row: one text, or a list of them.
fn places(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(places) => places.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// Says what is wrong with a place of a row: `FILE::function`, or a file that holds the row.
fn fault(row: &str, place: &str) -> Option<String> {
    let (file, function) = place.split_once("::").map_or((place, None), |(f, n)| (f, Some(n)));
    if !xtask::root().join(file).is_file() {
        return Some(format!("{row}: {file} does not exist"));
    }
    let text = xtask::text(file);
    match function {
        Some(name) if !text.contains(&format!("fn {name}(")) => {
            Some(format!("{row}: {file} has no function `{name}`"))
        }
        // A file of many rows holds each by its identifier.
        None if file.ends_with("bad_inputs.rs") && !text.contains(&format!("\"{row}\"")) => {
            Some(format!("{row}: {file} does not hold it"))
        }
        _ => None,
    }
}

#[test]
fn every_row_of_the_list_has_a_test_that_exists() {
    let table: Table = xtask::text(TABLE).parse().expect("the table is TOML");
    let [rows, parts, not_yet] = ["rows", "parts", "not_yet"].map(|name| section(&table, name));
    let mut faults: Vec<String> = Vec::new();
    for (row, value) in rows {
        let places = places(value);
        if places.is_empty() {
            faults.push(format!("{row}: names no test"));
        }
        faults.extend(places.into_iter().filter_map(|place| fault(row, place)));
        if not_yet.contains_key(row) {
            faults.push(format!("{row}: has a test and is said to have none"));
        }
    }
    let reasons = parts.iter().chain(not_yet);
    for (row, reason) in reasons {
        if reason.as_str().is_none_or(|reason| reason.len() < 10) {
            faults.push(format!("{row}: says no reason"));
        }
    }
    for row in parts.keys().filter(|row| !rows.contains_key(*row)) {
        faults.push(format!("{row}: a part is missing of what is not tested at all"));
    }
    let shared = std::env::var_os("THROUGHLINE_SHARED")
        .map_or_else(|| xtask::root().join("../shared"), std::path::PathBuf::from);
    let list = shared.join("reference/bad-inputs.csv");
    if let Ok(list) = std::fs::read_to_string(&list) {
        let listed: BTreeSet<&str> = list
            .lines()
            .filter_map(|line| line.split_once(',').map(|(id, _)| id))
            .filter(|id| id.split_once('-').is_some_and(|(_, n)| n.parse::<u32>().is_ok()))
            .collect();
        assert!(listed.len() > 150, "{} rows in the list", listed.len());
        let known: BTreeSet<&str> = rows.keys().chain(not_yet.keys()).map(String::as_str).collect();
        faults.extend(listed.difference(&known).map(|row| format!("{row}: has no place")));
        faults.extend(known.difference(&listed).map(|row| format!("{row}: is not in the list")));
    } else {
        eprintln!("skipped: the list {} is not there", list.display());
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    eprintln!(
        "{} rows have tests; of {} of them a part is not there yet:",
        rows.len(),
        parts.len()
    );
    for (row, reason) in parts {
        eprintln!("  {row}: {}", reason.as_str().unwrap_or_default());
    }
    eprintln!("{} rows have no test yet:", not_yet.len());
    for (row, reason) in not_yet {
        eprintln!("  {row}: {}", reason.as_str().unwrap_or_default());
    }
}
