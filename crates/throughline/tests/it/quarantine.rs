//! Refused rows: kept with their reasons, mended by a mapping, loaded when they can be read.

use serde_json::Value;

use crate::program::Company;

const MAPPING: &str = r#"table = "opportunity"
match.columns = ["Deal Nr", "Phase"]
[columns]
id = "Deal Nr"
stage = "Phase"
created_at = "Start"
amount = "Value"
currency = "Curr"
name = "Title"
"#;

/// The same file as somebody in Germany writes it.
const MENDED: &str = r#"table = "opportunity"
match.columns = ["Deal Nr", "Phase"]
decimal = ","
group = "."
encoding = "windows-1252"
[columns]
id = "Deal Nr"
stage = { from = "Phase", default = "Open" }
created_at = "Start"
amount = "Value"
currency = "Curr"
name = "Title"
"#;

const HEADER: &str = "Deal Nr,Phase,Start,Value,Curr,Title\n";

/// A company whose first load left four of five rows in quarantine.
fn company() -> Company {
    let company = Company::new();
    company.write("mappings/deals.toml", MAPPING);
    let mut export = HEADER.as_bytes().to_vec();
    export.extend(b"1,Open,2026-01-05,100,USD,Plain\n");
    export.extend(b"2,Open,2026-01-05,\"1.234,56\",EUR,ann@example.com\n");
    export.extend(b"3,,2026-01-05,7,USD,No stage\n");
    export.extend(b"4,Open,2026-01-05,8,USD,It\x92s ours\n");
    export.extend(b"5,Open,2026-01-05,9,USD\n");
    company.write("in/deals.csv", &export);
    let load = company.run(&["load", "in/deals.csv", "--known-on", "2026-01-31"]).content();
    assert!(load.stdout.contains("read 5 = loaded 1 + known 0 + quarantined 4"), "{}", load.stdout);
    company
}

fn rows(company: &Company, args: &[&str]) -> Vec<Value> {
    let run = company.run(&[&["quarantine", "--json"], args].concat()).content();
    let data = run.data();
    let columns: Vec<&str> = data["rows"]["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    let rows = data["rows"]["rows"].as_array().unwrap().iter();
    rows.map(|row| {
        let cells = columns.iter().zip(row.as_array().unwrap());
        cells.map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect::<Value>()
    })
    .collect()
}

fn try_again(company: &Company, args: &[&str], code: i32) -> Value {
    let run = company.run(&[&["quarantine", "--json"], args].concat());
    assert_eq!(run.code, code, "{}\n{}", run.stdout, run.stderr);
    run.data()
}

fn deals(company: &Company) -> Vec<String> {
    let lake = lake::Lake::open(company.path().join(".throughline/lake")).unwrap();
    let columns = ["id", "stage", "amount", "name", "source_file", "source_line"];
    let snapshot = lake.newest().unwrap().unwrap();
    let frame = lake.frame(snapshot, "opportunity", &columns).unwrap();
    let row = |row| columns.map(|column| frame.cell(column, row).to_string()).join("|");
    let mut rows: Vec<String> = (0..frame.n_rows()).map(row).collect();
    rows.sort();
    rows
}

#[test]
fn a_refused_row_is_kept_whole_with_its_place_its_money_and_the_reason() {
    let company = company();
    let found = rows(&company, &[]);
    let rules: Vec<(i64, &str)> = found
        .iter()
        .map(|row| (row["line"].as_i64().unwrap(), row["rule"].as_str().unwrap()))
        .collect();
    assert_eq!(
        rules,
        [(3, "value.number"), (4, "value.missing"), (5, "csv.encoding"), (6, "csv.field-count")]
    );
    for row in &found {
        assert_eq!(row["table"], "opportunity", "{row}");
        assert!(!row["message"].as_str().unwrap().is_empty(), "{row}");
        assert!(row.get("raw").is_none(), "the row itself is shown to those who ask for it");
    }
    assert_eq!((&found[1]["amount"], &found[1]["currency"]), (&"7".into(), &"USD".into()));
    assert!(found[0]["amount"].is_null(), "what cannot be read is no amount");
    let full = rows(&company, &["--full"]);
    let raw = |at: usize| full[at]["raw"].as_str().unwrap();
    assert!(raw(0).contains(r#"["Value","1.234,56"]"#) && raw(0).contains("ann@example.com"));
    assert!(raw(2).contains(r#"["Title",{"bytes":"497492"#), "{}", raw(2));
    assert_eq!(raw(3), "5,Open,2026-01-05,9,USD");
    assert_eq!(rows(&company, &["--rule", "csv.encoding"]).len(), 1);
    assert_eq!(rows(&company, &["--load", "2"]).len(), 0);
    let csv = company.run(&["quarantine", "--csv"]).content().stdout;
    assert!(csv.starts_with("load_id,file,line,") && !csv.contains("ann@example.com"), "{csv}");
}

#[test]
fn a_mended_mapping_loads_what_it_can_read_once_and_the_past_stays() {
    let company = company();
    company.write("mended.toml", MENDED);
    company.run(&["user", "add", "ada@acme.com", "--role", "administrator"]).content();
    // Without a mapping nothing has changed.
    let same = try_again(&company, &["--retry"], 1);
    assert_eq!(
        (&same["load"], &same["loaded"], &same["quarantined"]),
        (&Value::Null, &0.into(), &3.into())
    );
    assert_eq!(same["untried"], 1, "a line that has no columns");
    // A look writes nothing.
    let look = try_again(&company, &["--fix", "mended.toml"], 1);
    assert_eq!(
        (&look["read"], &look["loaded"], &look["load"]),
        (&3.into(), &3.into(), &Value::Null)
    );
    assert_eq!(rows(&company, &[]).len(), 4);
    assert_eq!(deals(&company).len(), 1);
    let retried = try_again(&company, &["--fix", "mended.toml", "--retry"], 1);
    assert_eq!(
        (&retried["load"], &retried["loaded"], &retried["known"]),
        (&2.into(), &3.into(), &0.into())
    );
    assert_eq!(
        deals(&company),
        [
            "1|Open|100|Plain|in/deals.csv|2",
            "2|Open|1234.56|ann@example.com|in/deals.csv|3",
            "3|Open|7|No stage|in/deals.csv|4",
            "4|Open|8|It’s ours|in/deals.csv|5"
        ]
    );
    // Only what nobody could read stays; once more, and nothing happens.
    assert_eq!(rows(&company, &[])[0]["rule"], "csv.field-count");
    let again = try_again(&company, &["--fix", "mended.toml", "--retry"], 1);
    assert_eq!((&again["load"], &again["read"]), (&Value::Null, &0.into()));
    let loads = company.run(&["loads", "--json"]).content().data();
    let loads = loads["loads"].as_array().unwrap();
    assert_eq!(loads.len(), 2);
    for load in loads {
        let n = |name: &str| load[name].as_u64().unwrap();
        assert_eq!(n("read"), n("loaded") + n("known") + n("quarantined"));
    }
    // As of the day of the load all four were refused.
    assert_eq!(rows(&company, &["--as-of", "2026-01-31"]).len(), 4);
    let resolved = rows(&company, &["--resolved"]);
    let by: Vec<&Value> = resolved.iter().map(|row| &row["resolved_by"]).collect();
    assert_eq!(by, [&2.into(), &2.into(), &2.into(), &Value::Null]);
    let audit = company.run(&["audit", "--json"]).content().stdout;
    assert!(audit.contains("done read=3 loaded=3 quarantined=0"), "{audit}");
}

#[test]
fn an_old_row_does_not_overrule_a_newer_export() {
    let company = company();
    let export = format!("{HEADER}2,Won,2026-01-05,5,EUR,Newer\n");
    company.write("in/february.csv", export);
    company.run(&["load", "in/february.csv", "--known-on", "2026-02-28"]).content();
    company.write("mended.toml", MENDED);
    let retried = try_again(&company, &["--fix", "mended.toml", "--retry"], 1);
    assert_eq!((&retried["loaded"], &retried["known"]), (&2.into(), &1.into()));
    assert!(deals(&company).contains(&"2|Won|5|Newer|in/february.csv|2".to_owned()));
}

#[test]
fn rows_are_not_read_without_the_names_that_their_load_had() {
    let company = Company::new();
    let users = "Id,Username,Name\n005000000000001AAA,kim,Kim Berg\n";
    company.write("in/user.csv", users);
    let deal = "Id,Name,StageName,Amount,CloseDate,CreatedDate,AccountId,OwnerId\n\
                006000000000001,D,Open,12k,2026-03-31,2026-01-02T09:00:00Z,,005000000000001AAA\n";
    company.write("in/opportunity.csv", deal);
    company.run(&["load", "in", "--known-on", "2026-01-31"]);
    let raw = "table = \"opportunity\"\nmatch.columns = [\"StageName\"]\n[columns]\nid = \"Id\"\nstage = \"StageName\"\ncreated_at = \"CreatedDate\"\n";
    company.write("mended.toml", raw);
    let without = try_again(&company, &["--fix", "mended.toml", "--retry"], 1);
    assert_eq!((&without["read"], &without["untried"]), (&0.into(), &1.into()));
    assert!(without["rows"][0]["hint"].as_str().unwrap().contains("--with"), "{without}");
    let with = try_again(&company, &["--fix", "mended.toml", "--retry", "--with", "in"], 0);
    assert_eq!((&with["loaded"], &with["load"]), (&1.into(), &2.into()));
}
