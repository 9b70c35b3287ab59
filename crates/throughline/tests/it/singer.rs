//! What a Singer tap says is kept: nothing lost, nothing doubled, no state before its rows.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::Cell;
use lake::Lake;
use serde_json::{Value, json};

use crate::program::{Company, Run, shared};

/// Gives lines to the program as a tap does.
fn pipe(company: &Company, args: &[&str], lines: &str) -> Run {
    let mut child = start(company, args);
    let mut input = child.stdin.take().unwrap();
    // A program that has refused a line reads no further.
    let _given = input.write_all(lines.as_bytes());
    drop(input);
    ended(child)
}

fn start(company: &Company, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_throughline"))
        .args(args)
        .current_dir(company.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn ended(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn singer(company: &Company, lines: &[Value]) -> Run {
    pipe(company, &["load", "--singer"], &text(lines))
}

fn text(lines: &[Value]) -> String {
    lines.iter().fold(String::new(), |text, line| text + &line.to_string() + "\n")
}

fn lake(company: &Company) -> Lake {
    Lake::open(company.path().join(".throughline/lake")).unwrap()
}

/// The rows of a table as they stand now, as texts.
fn rows(company: &Company, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
    if !company.path().join(".throughline/lake/catalog.sqlite").exists() {
        return Vec::new();
    }
    let lake = lake(company);
    let Some(snapshot) = lake.newest().unwrap() else { return Vec::new() };
    let frame = lake.frame(snapshot, table, columns).unwrap();
    let mut rows: Vec<Vec<String>> = (0..frame.n_rows())
        .map(|row| columns.iter().map(|name| shown(&frame.cell(name, row))).collect())
        .collect();
    rows.sort();
    rows
}

fn shown(cell: &Cell) -> String {
    if cell.is_null() { "-".to_owned() } else { cell.to_string() }
}

/// The records that nothing reads, by stream: content by key.
fn kept(company: &Company) -> BTreeMap<String, BTreeMap<String, Value>> {
    let mut kept: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for row in rows(company, "unmapped_record", &["stream", "key", "content"]) {
        let content = serde_json::from_str(&row[2]).unwrap();
        let before = kept.entry(row[0].clone()).or_default().insert(row[1].clone(), content);
        assert_eq!(before, None, "{row:?} is there twice");
    }
    kept
}

fn refused(company: &Company) -> Vec<Vec<String>> {
    rows(company, "quarantine", &["rule", "column", "message"])
}

fn n_snapshots(company: &Company) -> usize {
    lake(company).snapshots().unwrap().len()
}

fn schema(stream: &str, properties: impl Into<Value>) -> Value {
    let properties = properties.into();
    json!({"type": "SCHEMA", "stream": stream, "key_properties": ["id"],
           "schema": {"type": "object", "required": ["id"], "properties": properties}})
}

fn record(stream: &str, record: impl Into<Value>) -> Value {
    let record = record.into();
    json!({"type": "RECORD", "stream": stream, "record": record})
}

fn of_version(stream: &str, record: &Value, version: i64) -> Value {
    json!({"type": "RECORD", "stream": stream, "record": record, "version": version})
}

fn state(n: u64) -> Value {
    json!({"type": "STATE", "value": {"bookmark": n}})
}

/// The schema of Opportunity as the tap of Salesforce states it, in short.
fn opportunity() -> Value {
    let text = json!({"type": ["null", "string"]});
    let time = json!({"anyOf": [{"type": "string", "format": "date-time"},
                                {"type": ["string", "null"]}]});
    json!({"type": "SCHEMA", "stream": "Opportunity", "key_properties": ["Id"],
           "bookmark_properties": ["SystemModstamp"],
           "schema": {"type": "object", "properties": {
               "Id": {"type": "string"}, "Name": text, "StageName": text,
               "Amount": {"type": ["null", "number"]}, "CloseDate": time, "CreatedDate": time,
               "IsWon": {"type": ["null", "boolean"]}, "IsClosed": {"type": ["null", "boolean"]},
               "SystemModstamp": time, "_sdc_deleted_at": time}}})
}

fn deal(id: &str, stage: &str, amount: &str, modified: &str) -> String {
    format!(
        r#"{{"type":"RECORD","stream":"Opportunity","record":{{"Id":"{id}","Name":"Deal","StageName":"{stage}","Amount":{amount},"CloseDate":"2026-09-30","CreatedDate":"2026-01-07 6:49:18","IsWon":false,"IsClosed":false,"SystemModstamp":"{modified}"}}}}
"#
    )
}

const DEAL: &str = "006000000000001AAA";
const OTHER: &str = "006000000000002AAA";

fn deals(company: &Company) -> Vec<Vec<String>> {
    rows(company, "opportunity", &["id", "stage", "amount", "created_at"])
}

#[test]
fn a_stream_goes_through_the_preset_that_knows_its_columns_and_numbers_stay_exact() {
    let company = Company::new();
    let lines = format!(
        "{}\n{}{}{}\n",
        opportunity(),
        deal(DEAL, "Proposal", "0.1000000001", "2026-09-01T10:00:00.000000Z"),
        deal(OTHER, "Closed Won", "98765432109876.1234567891", "2026-09-01T10:00:00.000000Z"),
        state(1)
    );
    let run = pipe(&company, &["load", "--singer", "--connection", "crm"], &lines).content();
    assert_eq!(run.stdout, "{\"bookmark\":1}\n");
    let at = "2026-01-07T06:49:18Z";
    assert_eq!(
        deals(&company),
        [
            [DEAL, "Proposal", "0.1000000001", at],
            [OTHER, "Closed Won", "98765432109876.1234567891", at]
        ]
    );
    let origin = rows(&company, "opportunity", &["source_file"]);
    assert_eq!(origin, [["crm/Opportunity"], ["crm/Opportunity"]]);
    assert!(kept(&company).is_empty());
}

#[test]
fn a_record_before_its_schema_ends_the_run_and_nothing_of_the_stream_is_published() {
    let company = Company::new();
    let early = record("deals", json!({"id": 1}));
    let run = singer(&company, &[early, schema("deals", json!({"id": {"type": "integer"}}))]);
    run.fails(3, "stream `deals`");
    assert!(run.stderr.contains("output of singer:1"), "{}", run.stderr);
    assert!(run.stderr.contains("comes before its SCHEMA"), "{}", run.stderr);
    assert!(kept(&company).is_empty());
    assert_eq!(run.stdout, "");
}

#[test]
fn a_tap_that_fails_before_its_last_state_publishes_nothing_after_it() {
    let company = Company::new();
    let properties = json!({"id": {"type": "integer"}});
    let all = [
        schema("deals", properties),
        record("deals", json!({"id": 1})),
        state(1),
        record("deals", json!({"id": 2})),
    ];
    // The output of the tap ends early.
    let run = singer(&company, &all);
    run.fails(3, "ended 1 records after its last STATE");
    assert_eq!(run.stdout, "{\"bookmark\":1}\n");
    assert_eq!(kept(&company)["singer/deals"].len(), 1);

    // The tap exits with code 1: the run says so, with the last lines of its log.
    company.write("tap.txt", text(&all));
    let script = "cat tap.txt; echo 'token expired' >&2; exit 1";
    let run = company.run(&["load", "--singer", "--", "sh", "-c", script]);
    run.fails(3, "exit status: 1");
    assert!(run.stderr.matches("token expired").count() == 2, "{}", run.stderr);
    assert_eq!(kept(&company)["singer/deals"].len(), 1);

    // It ends in the middle of a line.
    let mut cut = text(&all);
    cut.truncate(cut.len() - 10);
    pipe(&company, &["load", "--singer"], &cut).fails(3, "in the middle of a message");
    assert_eq!(kept(&company)["singer/deals"].len(), 1);

    // Its exit code says that it ended well: what no STATE closes is whole too.
    let run = company.run(&["load", "--singer", "--", "cat", "tap.txt"]).content();
    assert_eq!(run.stdout, "{\"bookmark\":1}\n");
    assert_eq!(kept(&company)["singer/deals"].len(), 2);
}

#[test]
fn another_key_for_a_known_stream_ends_the_run_and_names_both() {
    let company = Company::new();
    let properties = json!({"id": {"type": "integer"}, "mail": {"type": "string"}});
    let mut second = schema("people", properties.clone());
    second["key_properties"] = json!(["mail"]);
    let run = singer(&company, &[schema("people", properties.clone()), second.clone()]);
    run.fails(3, "changes its key from `id` to `mail`");
    // The same across runs.
    let first =
        [schema("people", properties), record("people", json!({"id": 1, "mail": "m"})), state(1)];
    singer(&company, &first).content();
    let run = singer(&company, &[second, record("people", json!({"id": 1, "mail": "m"}))]);
    run.fails(3, "changes its key from `id` to `mail`");
    assert_eq!(kept(&company)["singer/people"].len(), 1);
}

#[test]
fn a_repeat_is_a_known_row_and_no_change() {
    let company = Company::new();
    let properties = json!({"id": {"type": "integer"}, "n": {"type": "integer"}});
    let one = record("deals", json!({"id": 1, "n": 1}));
    let two = record("deals", json!({"id": 2, "n": 2}));
    let three = record("deals", json!({"id": 3, "n": 3}));
    let head = schema("deals", properties);
    singer(&company, &[head.clone(), one, two.clone(), state(2)]).content();
    let run = singer(&company, &[head, two, three, state(3)]).content();
    assert!(run.stderr.contains("read 2 = loaded 1 + known 1 + quarantined 0"), "{}", run.stderr);
    assert_eq!(kept(&company)["singer/deals"].len(), 3);
}

#[test]
fn a_change_back_is_a_change_even_in_the_same_words() {
    let company = Company::new();
    let head = schema("deals", json!({"id": {"type": "integer"}, "stage": {"type": "string"}}));
    for stage in ["a", "b", "a"] {
        let row = record("deals", json!({"id": 1, "stage": stage}));
        singer(&company, &[head.clone(), row, state(1)]).content();
        assert_eq!(kept(&company)["singer/deals"]["[1]"]["stage"], stage);
    }
    assert_eq!(n_snapshots(&company), 3);
}

#[test]
fn an_older_version_that_comes_late_does_not_win() {
    let company = Company::new();
    for (stage, modified) in [("Won", "2026-09-01T11:00:00Z"), ("Open", "2026-09-01T10:00:00Z")] {
        let lines =
            format!("{}\n{}{}\n", opportunity(), deal(DEAL, stage, "1", modified), state(1));
        pipe(&company, &["load", "--singer"], &lines).content();
        assert_eq!(deals(&company)[0][1], "Won");
    }
    // In one run, too.
    let lines = format!(
        "{}\n{}{}{}\n",
        opportunity(),
        deal(OTHER, "Won", "1", "2026-09-01T11:00:00Z"),
        deal(OTHER, "Open", "1", "2026-09-01T10:00:00Z"),
        state(2)
    );
    pipe(&company, &["load", "--singer"], &lines).content();
    assert_eq!(deals(&company).iter().map(|row| &*row[1]).collect::<Vec<_>>(), ["Won", "Won"]);
}

#[test]
fn what_is_no_message_is_named_by_its_line_and_unknown_types_are_counted() {
    let company = Company::new();
    let head = schema("deals", json!({"id": {"type": "integer"}}));
    let other = json!({"type": "BATCH2", "stream": "deals"});
    let lines = [head.clone(), other.clone(), record("deals", json!({"id": 1})), other, state(1)];
    let run = singer(&company, &lines).content();
    assert!(run.stderr.contains("2 messages of the type `BATCH2`"), "{}", run.stderr);
    assert_eq!(kept(&company)["singer/deals"].len(), 1);

    let lines = format!("{head}\nINFO starting sync\n");
    let run = pipe(&company, &["load", "--singer"], &lines);
    run.fails(3, "output of singer:2");
    assert!(run.stderr.contains("INFO starting sync"), "{}", run.stderr);
}

#[test]
fn a_deleted_record_is_gone_now_and_there_before() {
    let company = Company::new();
    let lines = format!(
        "{}\n{}{}\n",
        opportunity(),
        deal(DEAL, "Proposal", "10", "2026-09-01T10:00:00Z"),
        state(1)
    );
    pipe(&company, &["load", "--singer"], &lines).content();
    let before = lake(&company).newest().unwrap().unwrap();
    let lines = lines.replace(
        "09-01T10:00:00Z\"",
        "09-02T10:00:00Z\",\"_sdc_deleted_at\":\"2026-09-02 1:02:03\"",
    );
    pipe(&company, &["load", "--singer"], &lines).content();
    assert!(deals(&company).is_empty());
    assert_eq!(lake(&company).n_rows(before, "opportunity").unwrap(), 1);

    // The same for a stream that nothing reads.
    let head = schema("notes", json!({"id": {"type": "integer"}}));
    singer(&company, &[head.clone(), record("notes", json!({"id": 1})), state(1)]).content();
    let gone = record("notes", json!({"id": 1, "_sdc_deleted_at": "2026-09-02T00:00:00Z"}));
    singer(&company, &[head, gone, state(2)]).content();
    assert!(kept(&company).is_empty());
}

#[test]
fn a_record_that_breaks_its_schema_goes_to_quarantine() {
    let company = Company::new();
    let head = schema("deals", json!({"id": {"type": "integer"}, "amount": {"type": "number"}}));
    let lines = [
        head,
        record("deals", json!({"id": 7, "amount": "twelve"})),
        record("deals", json!({"id": 8, "amount": 12.5})),
        state(1),
    ];
    let run = singer(&company, &lines).content();
    assert_eq!(run.stdout, "{\"bookmark\":1}\n");
    assert_eq!(
        refused(&company),
        [[
            "singer.record",
            "amount",
            "stream `deals`, key [7]: `amount`: expected number, found string"
        ]]
    );
    assert_eq!(kept(&company)["singer/deals"].len(), 1);
}

#[test]
fn a_mapping_names_a_stream_and_reads_what_was_kept_before_it_was_there() {
    let company = Company::new();
    let head = schema(
        "invoice lines",
        json!({"id": {"type": "integer"}, "client": {"type": "string"},
               "paid": {"type": ["null", "object"], "properties": {"sum": {"type": "number"}}},
               "on": {"type": "string", "format": "date"}}),
    );
    let row = |id: u64, sum: Value| {
        record(
            "invoice lines",
            json!({"id": id, "client": "a", "paid": {"sum": sum}, "on": format!("2026-01-0{id}")}),
        )
    };
    singer(&company, &[head.clone(), row(1, json!(10.5)), row(2, Value::Null), state(2)]).content();
    // The second breaks its schema.
    assert_eq!(kept(&company)["singer/invoice lines"].len(), 1);
    company.write(
        "mappings/invoices.toml",
        r#"
table = "revenue"
match.stream = "invoice lines"
[columns]
account_id = "client"
day = "on"
amount = "paid.sum"
kind = { value = "new" }
"#,
    );
    company.run(&["check"]).content();
    let run = company.run(&["load", "--unmapped"]).content();
    assert!(run.stdout.contains("singer/invoice lines"), "{}", run.stdout);
    let revenue = |company: &Company| rows(company, "revenue", &["account_id", "day", "amount"]);
    assert_eq!(revenue(&company), [["a", "2026-01-01", "10.5"]]);
    assert!(kept(&company).is_empty(), "what is read is no longer kept aside");
    // From now on the stream goes through the mapping at once.
    singer(&company, &[head, row(3, json!(7)), state(3)]).content();
    assert_eq!(revenue(&company).len(), 2);
    assert!(kept(&company).is_empty());
    company.run(&["load", "--unmapped"]).content();
    assert_eq!(revenue(&company).len(), 2);
}

#[test]
fn an_address_that_is_a_key_stands_in_the_record_only() {
    let company = Company::new();
    let mut head = schema("people", json!({"mail": {"type": "string"}}));
    head["key_properties"] = json!(["mail"]);
    head["schema"]["required"] = json!([]);
    let lines = [head, record("people", json!({"mail": "ann@example.com"})), state(1)];
    for _ in 0..2 {
        singer(&company, &lines).content();
    }
    let stored = rows(&company, "unmapped_record", &["key", "content"]);
    assert_eq!(stored.len(), 1);
    assert!(!stored[0][0].contains('@') && stored[0][1].contains("ann@example.com"), "{stored:?}");
    company.run(&["erase", "ann@example.com", "--yes"]).content();
    let stored = rows(&company, "unmapped_record", &["key", "content"]);
    assert!(stored.iter().flatten().all(|text| !text.contains("ann@")), "{stored:?}");
}

#[test]
fn records_without_a_key_are_appended_and_a_second_delivery_doubles_nothing() {
    let company = Company::new();
    let mut head = schema("log", json!({"what": {"type": "string"}, "n": {"type": "integer"}}));
    head["key_properties"] = json!([]);
    head["schema"]["required"] = json!([]);
    let row = |n: u64| record("log", json!({"what": "visit", "n": n}));
    let first = [head.clone(), row(1), row(1), row(2), state(1)];
    singer(&company, &first).content();
    assert_eq!(kept(&company)["singer/log"].len(), 3, "two equal records are two");
    singer(&company, &first).content();
    assert_eq!(kept(&company)["singer/log"].len(), 3);
    singer(&company, &[head, row(2), row(3), state(2)]).content();
    assert_eq!(kept(&company)["singer/log"].len(), 4);
}

#[test]
fn rows_of_older_versions_are_withdrawn_only_after_a_complete_run() {
    let company = Company::new();
    let head = schema("deals", json!({"id": {"type": "integer"}}));
    let activate =
        |version: i64| json!({"type": "ACTIVATE_VERSION", "stream": "deals", "version": version});
    let run_of = |version: i64, ids: std::ops::Range<i64>| {
        let mut lines = vec![head.clone()];
        lines.extend(ids.map(|id| of_version("deals", &json!({"id": id}), version)));
        lines.extend([activate(version), state(version.unsigned_abs())]);
        lines
    };
    let note = schema("notes", json!({"id": {"type": "integer"}}));
    singer(&company, &[note, record("notes", json!({"id": 1})), state(0)]).content();
    singer(&company, &run_of(1, 0..10)).content();
    assert_eq!(kept(&company)["singer/deals"].len(), 10);

    // Cut before its end, version 2 removes nothing.
    let all = run_of(2, 1..10);
    let cut = singer(&company, &[&all[..5], &[state(9)], &all[5..7]].concat());
    cut.fails(3, "after its last STATE");
    assert_eq!(cut.stdout, "");
    assert_eq!(kept(&company)["singer/deals"].len(), 10);

    let before = lake(&company).newest().unwrap().unwrap();
    let run = singer(&company, &all).content();
    assert_eq!(run.stdout, "{\"bookmark\":2}\n");
    let now = kept(&company);
    assert_eq!(now["singer/deals"].len(), 9);
    assert!(!now["singer/deals"].contains_key("[0]"));
    assert_eq!(now["singer/notes"].len(), 1, "other streams are not touched");
    assert_eq!(lake(&company).n_rows(before, "unmapped_record").unwrap(), 11);

    // A tap that keeps its version and sends only what is new removes nothing.
    singer(&company, &run_of(2, 20..22)).content();
    assert_eq!(kept(&company)["singer/deals"].len(), 11);

    // A version that has far fewer records is held: nothing is published, and no state is written.
    let run = singer(&company, &run_of(3, 1..4));
    run.fails(1, "held as h1");
    assert_eq!(run.stdout, "");
    assert_eq!(kept(&company)["singer/deals"].len(), 11);
    company.run(&["accept", "h1", "--because", "archived"]).content();
    assert_eq!(kept(&company)["singer/deals"].len(), 3);
}

#[test]
fn files_of_batches_are_read_and_unsafe_paths_refused() {
    let company = Company::new();
    let head = schema("deals", json!({"id": {"type": "integer"}}));
    let gzip = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    company.write("batches/1.jsonl.gz", gzip("{\"id\":1}\n{\"id\":2}\n"));
    company.write("batches/2.jsonl.gz", gzip("{\"id\":3}\n"));
    let batch = |paths: &[String]| {
        json!({"type": "BATCH", "stream": "deals", "manifest": paths,
               "encoding": {"format": "jsonl", "compression": "gzip"}})
    };
    let folder = company.path().join("batches").canonicalize().unwrap();
    let file = |name: &str| format!("file://{}/{name}", folder.display());
    let args = ["load", "--singer", "--batch-folder", "batches"];
    let both = batch(&[file("1.jsonl.gz"), file("2.jsonl.gz")]);
    pipe(&company, &args, &text(&[head.clone(), both, state(3)])).content();
    assert_eq!(kept(&company)["singer/deals"].len(), 3);

    company.write("secret.jsonl.gz", gzip("{\"id\":4}\n"));
    std::os::unix::fs::symlink(company.path().join("secret.jsonl.gz"), folder.join("link"))
        .unwrap();
    for path in [
        file("../secret.jsonl.gz"),
        "file:///etc/passwd".to_owned(),
        file("link"),
        "s3://bucket/1.jsonl.gz".to_owned(),
        file("none.jsonl.gz"),
    ] {
        let run = pipe(&company, &args, &text(&[head.clone(), batch(&[path]), state(4)]));
        run.fails(3, "of a BATCH is not read");
        assert_eq!(kept(&company)["singer/deals"].len(), 3);
    }
}

#[test]
fn a_state_is_written_for_each_load_and_only_the_value_stands_on_standard_output() {
    let company = Company::new();
    let mut lines = vec![schema("deals", json!({"id": {"type": "integer"}}))];
    for id in 1..=6 {
        lines.extend([record("deals", json!({"id": id})), state(id)]);
    }
    let run = pipe(&company, &["load", "--singer", "--batch-rows", "2"], &text(&lines)).content();
    assert_eq!(run.stdout, "{\"bookmark\":2}\n{\"bookmark\":4}\n{\"bookmark\":6}\n");
    assert_eq!(n_snapshots(&company), 3);
    company.run(&["load", "--singer", "--json"]).fails(2, "--json and --singer");
}

#[test]
fn the_program_under_the_name_of_a_target_answers_as_runners_expect() {
    let company = Company::new();
    let target = company.outside().join("target-throughline");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_throughline"), &target).unwrap();
    let called = |args: &[&str], input: &str| {
        let mut child = Command::new(&target)
            .args(args)
            .current_dir(company.outside())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        ended(child)
    };
    let version = called(&["--version"], "").content().stdout;
    assert_eq!(version.trim(), format!("target-throughline {}", env!("CARGO_PKG_VERSION")));
    let about: Value =
        serde_json::from_str(&called(&["--about", "--format=json"], "").content().stdout).unwrap();
    assert_eq!(about["name"], "target-throughline");
    assert!(about["capabilities"].as_array().unwrap().contains(&json!("activate-version")));
    assert!(about["settings"]["properties"]["project"].is_object());

    let config = company.outside().join("config.json");
    let project = company.path().display().to_string();
    std::fs::write(&config, json!({"project": project, "connection": "hub"}).to_string()).unwrap();
    let config = config.display().to_string();
    let head = schema("notes", json!({"id": {"type": "integer"}}));
    let lines = text(&[head, record("notes", json!({"id": 1})), state(1)]);
    let run = called(&["--config", &config], &lines).content();
    assert_eq!(run.stdout, "{\"bookmark\":1}\n");
    assert_eq!(kept(&company)["hub/notes"].len(), 1);
    std::fs::write(&config, "{\"projct\": \"x\"}").unwrap();
    called(&["--config", &config], "").fails(2, "`projct` is not known");
}

#[test]
fn names_of_owners_are_known_in_later_runs_and_batches_too() {
    let user = json!({"type": "SCHEMA", "stream": "User", "key_properties": ["Id"],
        "schema": {"type": "object", "properties": {"Id": {"type": "string"},
            "Name": {"type": "string"}, "Username": {"type": "string"},
            "ProfileId": {"type": "string"}, "IsActive": {"type": "boolean"},
            "Email": {"type": "string"}}}});
    let anna = record(
        "User",
        json!({"Id": "005000000000001AAA", "Name": "Anna", "IsActive": true,
        "Username": "anna@example.com", "ProfileId": "00e", "Email": "anna@example.com"}),
    );
    let mut head = opportunity();
    head["schema"]["properties"]["OwnerId"] = json!({"type": "string"});
    let owned = |id: &str, stage: &str, at: &str| {
        let mut line: Value = serde_json::from_str(&deal(id, stage, "1", at)).unwrap();
        line["record"]["OwnerId"] = json!("005000000000001AAA");
        line
    };
    let owners = |company: &Company| rows(company, "opportunity", &["id", "stage", "owner"]);
    let company = Company::new();
    let args = ["load", "--singer", "--batch-rows", "1"];
    let lines =
        [user, anna, state(1), head.clone(), owned(DEAL, "Open", "2026-09-01T10:00:00Z"), state(2)];
    let run = pipe(&company, &args, &text(&lines)).content();
    assert_eq!(run.stdout.lines().count(), 2);
    assert_eq!(owners(&company), [[DEAL, "Open", "Anna"]]);
    // The next run leaves the users out.
    let lines = [head, owned(DEAL, "Won", "2026-09-02T10:00:00Z"), state(3)];
    pipe(&company, &args, &text(&lines)).content();
    assert_eq!(owners(&company), [[DEAL, "Won", "Anna"]]);
    company.run(&["load", "--unmapped"]).content();
    assert_eq!(kept(&company)["singer/User"].len(), 1, "users stay for later runs");
}

/// Makes a tap of a package write what it has, or says that the test is skipped.
fn tap(name: &str, config: &Value, company: &Company) -> Option<String> {
    let python = venv(&format!("singer-{name}"))?;
    let program = python.with_file_name(name);
    if !program.is_file() {
        eprintln!("skipped: {} is not there; scripts/test installs it", program.display());
        return None;
    }
    company.write("tap.json", config.to_string());
    Some(program.display().to_string())
}

#[test]
fn the_tap_for_json_lines_is_kept_exactly() {
    let company = Company::new();
    company.write(
        "in/a.jsonl",
        "{\"id\":1,\"amount\":0.1000000001,\"name\":\"Ärger\",\"nested\":{\"a\":[1,2]}}\n\
         {\"id\":2,\"amount\":9007199254740993,\"name\":null}\n",
    );
    company.write("in/b.jsonl", "{\"id\":3,\"amount\":1.5,\"name\":\"x\"}\n");
    let path = company.path().join("in/*.jsonl").display().to_string();
    let config = json!({"path": path, "stream_name": "deals", "primary_keys": ["id"]});
    let Some(program) = tap("tap-jsonl", &config, &company) else { return };
    let args = ["load", "--singer", "--", &program, "--config", "tap.json"];
    for loaded in [3, 0] {
        let run = company.run(&args).content();
        assert!(run.stdout.lines().last().unwrap().contains("bookmarks"), "{}", run.stdout);
        assert!(run.stderr.contains(&format!("loaded {loaded} ")), "{}", run.stderr);
    }
    let texts = rows(&company, "unmapped_record", &["key", "content"]);
    assert_eq!(texts.len(), 3);
    assert!(texts[0][1].contains("\"amount\":0.1000000001,"), "{texts:?}");
    assert!(texts[1][1].contains("\"amount\":9007199254740993,"), "{texts:?}");
    assert_eq!(kept(&company)["singer/deals"]["[1]"]["name"], "Ärger");
}

#[test]
fn the_tap_for_spreadsheets_gives_the_deals_that_the_file_itself_gives() {
    let Some(folder) = shared("data/source-samples/ui-exports") else { return };
    let file = folder.join("salesforce_dataloader_opportunity_export_all.csv");
    let company = Company::new();
    let config = json!({"files": [{"path": file.display().to_string(), "format": "csv",
                                   "table_name": "Opportunity", "primary_keys": ["ID"]}]});
    let Some(program) = tap("tap-spreadsheets", &config, &company) else { return };
    let args = ["load", "--singer", "--", &program, "--config", "tap.json"];
    company.run(&args).content();
    let direct = Company::new();
    direct.run(&["load", &file.display().to_string()]).content();
    let columns: Vec<&str> = domain::fact::FactTable::named("opportunity")
        .unwrap()
        .columns
        .iter()
        .map(|column| column.name)
        .collect();
    let deals = rows(&company, "opportunity", &columns);
    assert!(deals.len() > 20, "{}", deals.len());
    assert_eq!(deals, rows(&direct, "opportunity", &columns));
}

/// The streams of the standard suite of targets, where its package is installed.
fn suite() -> Option<(PathBuf, PathBuf)> {
    let python = venv("singer-sdk")?;
    let code = "import singer_sdk.testing, pathlib, sys\n\
                sys.stdout.write(str(pathlib.Path(singer_sdk.testing.__file__).parent))";
    let output = Command::new(&python).args(["-c", code]).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?).join("target_test_streams");
    if !folder.is_dir() {
        eprintln!("skipped: singer-sdk is not installed in {}", python.display());
        return None;
    }
    Some((python, folder))
}

/// The Python of a venv that `scripts/test` makes.
fn venv(name: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    let python = cache.join("throughline").join(name).join("bin/python");
    if python.is_file() {
        return Some(python);
    }
    eprintln!("skipped: {} is not there; scripts/test installs it", python.display());
    None
}

#[test]
fn the_standard_suite_of_the_singer_sdk_passes() {
    let Some((python, _)) = suite() else { return };
    let company = Company::new();
    let target = company.outside().join("target-throughline");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_throughline"), &target).unwrap();
    let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/singer_target.py");
    let output = Command::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(shim)
        .env("TARGET_THROUGHLINE", target)
        .env("TARGET_PROJECT", company.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(company.outside())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let passed = said.lines().rev().find(|line| line.contains(" passed")).unwrap_or_default();
    println!("{passed}");
    assert!(passed.starts_with("17 passed"), "{said}");
}

/// What must be stored after each file of the suite, by stream: keys to contents.
#[test]
fn each_stream_of_the_suite_is_stored_word_for_word() {
    let Some((_, folder)) = suite() else { return };
    let stored = |names: &[&str]| {
        let company = Company::new();
        for name in names {
            let lines = std::fs::read_to_string(folder.join(format!("{name}.singer"))).unwrap();
            pipe(&company, &["load", "--singer"], &lines).content();
        }
        (kept(&company), refused(&company))
    };
    // Every file whose records all have their say: the last record of a key stands, word for word.
    for name in [
        "array_data",
        "camelcase",
        "camelcase_complex_schema",
        "duplicate_records",
        "encoded_string_data",
        "optional_attributes",
        "record_missing_fields",
        "schema_updates",
        "special_chars_in_attributes",
        "user_location_data",
    ] {
        let lines = std::fs::read_to_string(folder.join(format!("{name}.singer"))).unwrap();
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut expected: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let line: Value = serde_json::from_str(line).unwrap();
            let stream = format!("singer/{}", line["stream"].as_str().unwrap_or_default());
            match line["type"].as_str().unwrap() {
                "SCHEMA" => {
                    let names = line["key_properties"].as_array().unwrap().iter();
                    let names = names.map(|name| name.as_str().unwrap().to_owned()).collect();
                    keys.insert(stream, names);
                }
                "RECORD" => {
                    let of = |name: &String| line["record"][name].clone();
                    let key = Value::Array(keys[&stream].iter().map(of).collect()).to_string();
                    let known = expected.entry(stream).or_default();
                    known.insert(key, line["record"].clone());
                }
                _ => {}
            }
        }
        assert_eq!(stored(&[name]), (expected, Vec::new()), "{name}");
    }
    let (duplicates, _) = stored(&["duplicate_records"]);
    let metric = |key: &str| duplicates["singer/test_duplicate_records"][key]["metric"].clone();
    assert_eq!([metric("[1]"), metric("[2]")], [json!(100), json!(20)]);

    let (appended, _) = stored(&["no_primary_keys", "no_primary_keys_append", "no_primary_keys"]);
    assert_eq!(appended["singer/test_no_pk"].len(), 8);

    let (users, _) = stored(&["user_location_data", "user_location_upsert_data"]);
    assert_eq!(users["singer/test_users"].len(), 8);
    assert_eq!(users["singer/test_users"]["[1]"]["name"], "Johny");
    assert_eq!(users["singer/test_users"]["[3]"]["name"], "Jacob");

    let (updates, _) = stored(&["pk_updates"]);
    assert_eq!(updates["singer/example_stream"].len(), 2);

    let (none, refused) = stored(&["record_missing_required_property"]);
    assert!(none.is_empty());
    assert_eq!(refused[0][1], "id");
    for (name, code) in [
        ("invalid_schema", "has no `properties`"),
        ("record_before_schema", "before its SCHEMA"),
        ("record_missing_key_property", "has no `id`"),
    ] {
        let lines = std::fs::read_to_string(folder.join(format!("{name}.singer"))).unwrap();
        let company = Company::new();
        pipe(&company, &["load", "--singer"], &lines).fails(3, code);
        assert!(kept(&company).is_empty(), "{name}");
    }
    let lines = std::fs::read_to_string(folder.join("multiple_state_messages.singer")).unwrap();
    let company = Company::new();
    let run = pipe(&company, &["load", "--singer"], &lines);
    run.fails(3, "ended 1 records after its last STATE");
    let last = r#"{"test_multiple_state_messages_a": 5, "test_multiple_state_messages_b": 6}"#;
    assert_eq!(run.stdout, format!("{last}\n"));
    let streams = kept(&company);
    assert_eq!(streams["singer/test_multiple_state_messages_b"].len(), 6);
    let (nested, _) = stored(&["schema_no_properties"]);
    assert_eq!(nested["singer/test_object_schema_no_properties"].len(), 2);
}

#[test]
fn killed_anywhere_and_started_again_nothing_is_lost_and_nothing_doubled() {
    const N: u64 = 400;
    // A tap that goes on where the state says, sends the last record again, and states often.
    let lines_from = |from: u64| {
        let mut lines =
            vec![schema("deals", json!({"id": {"type": "integer"}, "n": {"type": "integer"}})), {
                let mut head = schema("log", json!({"n": {"type": "integer"}}));
                head["key_properties"] = json!([]);
                head["schema"]["required"] = json!([]);
                head
            }];
        for id in from.max(1)..=N {
            lines.push(record("deals", json!({"id": id, "n": id * 7})));
            lines.push(record("log", json!({"n": id})));
            if id % 10 == 0 {
                lines.push(state(id));
            }
        }
        lines
    };
    let args = ["load", "--singer", "--batch-rows", "40"];
    let whole = Company::new();
    pipe(&whole, &args, &text(&lines_from(0))).content();
    // Keys of records without one are made with the secret of a lake: contents are compared.
    let contents = |company: &Company| rows(company, "unmapped_record", &["stream", "content"]);
    let expected = contents(&whole);
    assert_eq!(expected.len() as u64, 2 * N);
    assert_eq!(kept(&whole)["singer/deals"].len() as u64, N);

    let company = Company::new();
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    let (mut from, mut kills) = (0, 0);
    loop {
        let mut child = start(&company, &args);
        let mut input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let states = std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok()).last()
        });
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let lines = lines_from(from);
        let stop = if kills < 12 { (random >> 33) as usize % lines.len() } else { lines.len() };
        let given = input.write_all(text(&lines[..stop]).as_bytes());
        if stop < lines.len() {
            // Some die while they load, some while they wait.
            std::thread::sleep(Duration::from_millis((random >> 20) % 60));
            child.kill().unwrap();
            kills += 1;
        } else {
            given.unwrap();
        }
        drop(input);
        let status = child.wait().unwrap();
        if let Some(last) = states.join().unwrap() {
            from = last["bookmark"].as_u64().unwrap();
        }
        if stop == lines.len() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            assert!(status.success(), "{said}");
            break;
        }
    }
    let found = contents(&company);
    assert!(found == expected, "{} of {} records", found.len(), expected.len());
    assert_eq!(kept(&company)["singer/deals"], kept(&whole)["singer/deals"]);
    assert!(kills >= 12);
    let left = std::fs::read_dir(company.path().join(".throughline/staging")).unwrap().count();
    assert_eq!(left, 0, "what the dead left is swept");
}
