//! Every code of a message is explained in `docs/errors.md`, with a message that was really given.
//!
//! The document is made from `goldens/errors.toml`: `BLESS=1 cargo test -p intake --test errors`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_push_string,
    reason = "helpers of tests"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use domain::fact::SourceRow;
use domain::{Diagnostic, Level};
use intake::{Lookups, Mapping, Settings, survey};
use jiff::tz::TimeZone;
use toml::{Table, Value};

/// Heads of codes that speak of files, rows, mappings, loads and what stands around them.
const FAMILIES: [&str; 22] = [
    "compact", "crm", "csv", "erase", "fact", "intake", "load", "mapping", "method", "ndjson",
    "object", "parquet", "postgres", "repair", "restore", "singer", "source", "spend", "totals",
    "value", "verify", "xlsx",
];

/// Texts of the form of a code that are none: names of presets.
const NO_CODES: [&str; 1] = ["singer.unmapped"];

const DEAL: [(&str, &str); 9] = [
    ("Id", "006Hs0000000001"),
    ("Name", "Deal"),
    ("StageName", "Open"),
    ("Amount", "100.00"),
    ("CloseDate", "2026-03-31"),
    ("CreatedDate", "2026-01-02T09:00:00.000Z"),
    ("Probability", "10"),
    ("CurrencyIsoCode", "USD"),
    ("AccountId", "001Hs0000000001"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn goldens() -> Vec<Table> {
    let text = std::fs::read_to_string(root().join("goldens/errors.toml")).unwrap();
    let table: Table = text.parse().unwrap();
    let entries = table["error"].as_array().unwrap().iter();
    entries.map(|entry| entry.as_table().unwrap().clone()).collect()
}

fn text<'a>(entry: &'a Table, key: &str) -> Option<&'a str> {
    entry.get(key).and_then(Value::as_str)
}

/// Makes the file that an entry speaks of: its name and bytes.
fn file(entry: &Table) -> Option<(String, Vec<u8>)> {
    let name = text(entry, "file").unwrap_or("deals.csv").to_owned();
    let head = DEAL.map(|(column, _)| column).join(",");
    let row = |change: &Table| {
        let cells = DEAL.map(|(column, value)| {
            let value = text(change, column).unwrap_or(value);
            format!("\"{value}\"")
        });
        cells.join(",")
    };
    let object: Vec<String> = DEAL.iter().map(|(name, v)| format!("\"{name}\":\"{v}\"")).collect();
    let object = format!("{{{}}}", object.join(","));
    let none = Table::new();
    let number = |key: &str| entry.get(key).and_then(Value::as_integer);
    let flag = |key: &str| entry.get(key).and_then(Value::as_bool) == Some(true);
    let bytes = if let Some(change) = entry.get("change").and_then(Value::as_table) {
        format!("{head}\n{}\n", row(change)).into_bytes()
    } else if let Some(text) = text(entry, "text") {
        text.as_bytes().to_vec()
    } else if let Some(line) = text(entry, "line") {
        let line = if line == "deep" { "[".repeat(100) } else { line.to_owned() };
        format!("{object}\n{line}\n{object}\n").into_bytes()
    } else if let Some(hex) = text(entry, "bytes") {
        let digits: Vec<char> = hex.chars().collect();
        let byte =
            |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    } else if flag("long_field") {
        // Without quotes: a quote that is not closed within the limit is told otherwise.
        let long = "x".repeat(2 << 20);
        format!("{head}\n1,{long}\n").into_bytes()
    } else if flag("long_line") && name.ends_with(".csv") {
        // Each field is short enough, their row is not.
        let field = format!("{},", "x".repeat(1000));
        format!("{head}\n{}\n", field.repeat(40_000)).into_bytes()
    } else if flag("long_line") {
        format!("{object}\n{{\"Id\":\"{}\"}}\n", "x".repeat(17 << 20)).into_bytes()
    } else if let Some(n) = number("columns") {
        let names: Vec<String> = (0..n).map(|n| format!("c{n}")).collect();
        format!("{}\n1\n", names.join(",")).into_bytes()
    } else if flag("gzip_twice") {
        gzip(&gzip(b"Id\n1\n"))
    } else if flag("bomb") {
        gzip(&vec![b'a'; 64 << 20])
    } else if flag("new_keys") {
        let late = object.replace('}', ",\"Late\":1}");
        format!("{}{late}\n", format!("{object}\n").repeat(1_000)).into_bytes()
    } else if flag("many_faults") {
        let mut fault = Table::new();
        fault.insert("Amount".into(), Value::String("12k".into()));
        format!("{head}\n{}", format!("{}\n", row(&fault)).repeat(200)).into_bytes()
    } else if let Some(entries) = entry.get("zip").and_then(Value::as_array) {
        zip(&entries.iter().map(|e| e.as_str().unwrap().to_owned()).collect::<Vec<_>>())
    } else if let Some(n) = number("zip_entries") {
        zip(&(0..n).map(|n| format!("f{n}")).collect::<Vec<_>>())
    } else if entry.contains_key("mapping") {
        format!("{head}\n{}\n", row(&none)).into_bytes()
    } else {
        return None;
    };
    Some((name, bytes))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// An archive of empty files, whatever their names.
fn zip(names: &[String]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let offset = u32::try_from(bytes.len()).unwrap();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        bytes.extend([0; 12]);
        bytes.extend(length);
        bytes.extend([0; 2]);
        bytes.extend(name.as_bytes());
        directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
        directory.extend([0; 12]);
        directory.extend(length);
        directory.extend([0; 12]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (offset, size) =
        (u32::try_from(bytes.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(names.len()).unwrap_or(u16::MAX).to_le_bytes();
    for part in [&count[..], &count, &size.to_le_bytes(), &offset.to_le_bytes(), &[0; 2]] {
        bytes.extend(part);
    }
    bytes
}

/// What was said: how grave, where, the message and what to do.
struct Said {
    outcome: &'static str,
    place: String,
    message: String,
    hint: Option<String>,
}

fn said(diagnostic: &Diagnostic, what: &'static str) -> Said {
    let warning = diagnostic.level != Level::Error;
    Said {
        outcome: if warning { "a warning; the rows load" } else { what },
        place: diagnostic.place.as_ref().map(ToString::to_string).unwrap_or_default(),
        message: diagnostic.message.clone(),
        hint: diagnostic.hint.clone(),
    }
}

/// Reads the file of an entry and finds what is said with its code.
fn read(entry: &Table, code: &str) -> Option<Said> {
    let mut settings = Settings {
        now: "2026-10-01T00:00:00Z".parse().ok(),
        zone: TimeZone::get(text(entry, "zone").unwrap_or("UTC")).unwrap(),
        ..Settings::default()
    };
    if let Some(mapping) = text(entry, "mapping") {
        let (mapping, faults) = Mapping::parse("mappings/deals.toml", mapping);
        if let Some(fault) = faults.iter().find(|fault| fault.code == code) {
            return Some(said(fault, "the mapping is refused; nothing is loaded"));
        }
        settings.mappings.extend(mapping);
    }
    let (name, bytes) = file(entry)?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(&name);
    std::fs::write(&path, bytes).unwrap();
    // The place is told as from the folder of the file.
    let bare = |mut said: Said| {
        let prefix = format!("{}/", folder.path().display());
        said.place = said.place.replace(&prefix, "");
        said.message = said.message.replace(&prefix, "");
        said
    };
    let refused = "the file is refused; nothing of it is loaded";
    let (planned, faults) = survey(&[path], &settings);
    if let Some(fault) = faults.iter().find(|fault| fault.code == code) {
        return Some(bare(said(fault, refused)));
    }
    let plan = planned.first()?;
    let (lookups, _) = Lookups::gather(&planned, &settings);
    let mut found = None;
    let read = plan.read(&settings, &lookups, &mut |row| {
        if let SourceRow::Refused(refusal) = row
            && refusal.rule == code
        {
            found.get_or_insert(Said {
                outcome: "the row goes to quarantine",
                place: refusal.place.to_string(),
                message: refusal.message,
                hint: refusal.hint,
            });
        }
        ControlFlow::Continue(())
    });
    let found = found.or_else(|| match &read {
        Ok(summary) => summary.warnings.iter().find(|w| w.code == code).map(|w| said(w, refused)),
        Err(rejected) => (rejected.0.code == code).then(|| said(&rejected.0, refused)),
    });
    found.map(bare)
}

fn document() -> String {
    let mut out = String::from(
        "# Messages about files, rows, mappings and loads\n\n\
         Each message has a stable code. What follows is made from `goldens/errors.toml` by a test that gives \
         each file to\nthe program: the examples are what it says.\n",
    );
    let mut wrong = Vec::new();
    for entry in goldens() {
        let code = text(&entry, "code").unwrap();
        let said = match text(&entry, "example") {
            Some(message) => Said {
                outcome: "",
                place: String::new(),
                message: message.to_owned(),
                hint: text(&entry, "hint").map(str::to_owned),
            },
            None => match read(&entry, code) {
                Some(said) => said,
                None => {
                    wrong.push(code.to_owned());
                    continue;
                }
            },
        };
        write!(out, "\n## `{code}`\n\n{}\n", text(&entry, "means").unwrap()).unwrap();
        if !said.outcome.is_empty() {
            write!(out, "\nOutcome: {}.\n", said.outcome).unwrap();
        }
        write!(out, "\n    {}\n", said.message.replace('\n', " ")).unwrap();
        if !said.place.is_empty() {
            writeln!(out, "      --> {}", said.place).unwrap();
        }
        if let Some(hint) = said.hint {
            writeln!(out, "    hint: {hint}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "these goldens do not give their code: {wrong:?}");
    out
}

#[test]
fn the_catalog_of_messages_is_what_the_program_says() {
    let path = root().join("docs/errors.md");
    let made = document();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((at, (old, new))) =
        stored.lines().zip(made.lines()).enumerate().find(|(_, (old, new))| old != new)
    {
        panic!("docs/errors.md:{}: `{old}` is now `{new}`; BLESS=1 writes it anew", at + 1);
    }
    assert_eq!(stored, made, "docs/errors.md is stale; BLESS=1 writes it anew");
}

#[test]
fn every_code_in_the_sources_is_in_the_catalog_and_the_other_way_round() {
    let mut used = BTreeSet::new();
    let folders = ["intake/src", "lake/src", "outbound/src", "throughline/src/cli"];
    for folder in folders {
        codes(&root().join("crates").join(folder), &mut used);
    }
    used.retain(|code| !NO_CODES.contains(&code.as_str()));
    used.extend(["totals-row".to_owned(), "footer".to_owned()]);
    let known: Vec<String> =
        goldens().iter().map(|entry| text(entry, "code").unwrap().to_owned()).collect();
    assert!(known.is_sorted_by(|a, b| a < b), "goldens/errors.toml is sorted by code, none twice");
    let known: BTreeSet<String> = known.into_iter().collect();
    let missing: Vec<&String> = used.difference(&known).collect();
    assert!(missing.is_empty(), "codes without an entry in goldens/errors.toml: {missing:?}");
    let unused: Vec<&String> = known.difference(&used).collect();
    assert!(unused.is_empty(), "codes that no source holds any more: {unused:?}");
}

/// Gathers the texts of a folder's sources that have the form of a code.
fn codes(folder: &Path, found: &mut BTreeSet<String>) {
    // Names of files have the same form.
    let endings = ["csv", "toml", "rs", "sql", "json", "parquet"];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            // Up to the tests of the file, if any.
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            for literal in source.split('"').skip(1) {
                let Some((family, rest)) = literal.split_once('.') else { continue };
                let plain = |c: char| c.is_ascii_lowercase() || c == '-';
                if FAMILIES.contains(&family)
                    && rest.len() > 2
                    && rest.chars().all(plain)
                    && (literal == "method.csv" || !endings.contains(&rest))
                {
                    found.insert(literal.to_owned());
                }
            }
        }
    }
}
