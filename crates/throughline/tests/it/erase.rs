//! A person is forgotten: nothing is left in the company's folder, no answer changes, and whoever
//! kills the program half-way changes nothing of that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::program::{Company, run_with};

const ADDRESS: &str = "quenby.zylstra@canary.example";
/// Name, address, number, title, and the address as it stands in a text of a touch.
const CANARIES: [&str; 5] =
    ["zylstra", "quenby.zylstra@", "5550107788", "chief canary wrangler", "%40canary.example"];

/// A small company with a person of five traces: loaded, changed, deleted, built and asked.
fn company() -> Company {
    let company = Company::empty();
    let folder = company.path().display().to_string();
    let demo =
        ["demo", "--dir", &folder, "--scale", "2000", "--seed", "7", "--no-serve", "--quiet"];
    run_with(&demo, &[], company.outside()).content();
    let exports = company.path().join("exports");
    std::fs::rename(&exports, company.outside().join("demo-exports")).unwrap();
    for (n, (title, deleted)) in
        [("Chief Canary Wrangler", "false"), ("Chief Canary Wrangler II", "true")]
            .iter()
            .enumerate()
    {
        let folder = company.outside().join(format!("extract-{n}"));
        std::fs::create_dir_all(&folder).unwrap();
        let lead = format!(
            "Id,IsDeleted,FirstName,LastName,Company,Title,Email,Phone,LeadSource,Status,\
             IsConverted,CreatedDate,SystemModstamp\n\
             00Q0000000000CAEAY,{deleted},Quenby,Zylstra,Canary Works,{title},{ADDRESS},\
             +1 (555) 010-7788,Web,Open,false,2026-01-05T10:00:00Z,2026-02-0{}T10:00:00Z\n\
             00Q0000000000CBEAY,false,Quenby,Zylstra,Canary Works,{title},{ADDRESS},\
             +1 (555) 010-7788,Web,Open,false,the other day,2026-02-01T10:00:00Z\n",
            n + 1
        );
        std::fs::write(folder.join("lead.csv"), lead).unwrap();
        let task = format!(
            "Id,WhoId,ActivityDate,Status,TaskSubtype,Subject,IsClosed,CreatedDate\n\
             00T0000000000C{n}EAI,00Q0000000000CAEAY,2026-02-03,Completed,Email,\
             https://x.example/?e=Quenby.Zylstra%40canary.example&n={n},true,2026-02-03T10:00:00Z\n"
        );
        std::fs::write(folder.join("task.csv"), task).unwrap();
        let run = company.run(&["load", &folder.display().to_string(), "--json"]);
        assert!(run.code <= 1, "{}{}", run.stdout, run.stderr);
    }
    company
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

/// Searches for the canaries: the bytes of all files, and what stands in the Parquet files of any
/// snapshot. No Parquet file is there that no snapshot lists.
fn sightings(dir: &Path) -> Vec<String> {
    let (mut files, mut found) = (Vec::new(), Vec::new());
    walk(dir, &mut files);
    let mut look = |text: &str, place: &str| {
        let text = text.to_lowercase();
        let digits: String = text.chars().filter(|c| !" ()-".contains(*c)).collect();
        for canary in CANARIES {
            if text.contains(canary) || digits.contains(canary) {
                found.push(format!("{canary} in {place}"));
            }
        }
    };
    for path in &files {
        look(&String::from_utf8_lossy(&std::fs::read(path).unwrap()), &path.display().to_string());
    }
    let lake = lake::Lake::open(dir.join(".throughline/lake")).unwrap();
    let mut listed = BTreeSet::new();
    for snapshot in lake.snapshots().unwrap() {
        for table in lake.tables() {
            for file in lake.files(snapshot.id, table.name).unwrap() {
                listed.extend(file.deletes.as_ref().map(|list| list.path.clone()));
                if !listed.insert(file.path.clone()) {
                    continue;
                }
                let texts: Vec<&str> = table
                    .columns
                    .iter()
                    .filter(|column| column.kind == domain::fact::Kind::Text)
                    .map(|column| column.name)
                    .chain(table.position("withdrawn").map(|_| "withdrawn"))
                    .collect();
                let place = file.path.display().to_string();
                lake.scan_file(table.name, &file, &texts, &mut |batch| {
                    // Debug output of an array shows its ends only.
                    for at in (0..batch.num_rows()).step_by(10) {
                        let rows = batch.slice(at, 10.min(batch.num_rows() - at));
                        look(&format!("{:?}", rows.columns()), &place);
                    }
                    Ok(())
                })
                .unwrap();
            }
        }
    }
    for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "parquet")) {
        let facts = path.components().any(|part| part.as_os_str() == "main");
        assert!(!facts || !path.exists() || listed.contains(path), "{}", path.display());
    }
    found.sort();
    found.dedup();
    found
}

/// All answers, now and as of earlier days, as bytes.
fn answers(company: &Company) -> Vec<String> {
    let mut out = Vec::new();
    for question in ["scorecard", "pipeline", "attribution", "programs"] {
        for as_of in ["", "--as-of=2026-06-30", "--as-of=2026-03-31"] {
            let mut args = vec!["ask", question, "--json"];
            args.extend(Some(as_of).filter(|text| !text.is_empty()));
            let run = company.run(&args);
            assert!(run.code <= 1, "{args:?} {}{}", run.stdout, run.stderr);
            out.push(run.stdout);
        }
    }
    out
}

/// What DuckDB counts in every table at every snapshot; none where it is not installed.
fn duckdb(company: &Company) -> Option<Value> {
    let python = std::env::var("THROUGHLINE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = r#"
import sys, os, json, duckdb, duckdb_extensions
for e in ("ducklake", "sqlite_scanner"): duckdb_extensions.import_extension(e)
c = duckdb.connect(); c.execute("LOAD ducklake; LOAD sqlite_scanner")
c.execute(f"ATTACH 'ducklake:sqlite:{sys.argv[1]}/catalog.sqlite' AS lake (READ_ONLY)")
out = {}
for (s,) in c.execute("SELECT snapshot_id FROM ducklake_snapshots('lake') WHERE snapshot_id > 1 ORDER BY 1").fetchall():
    for t, m in (("opportunity", "sum(amount)"), ("touch", "count(DISTINCT person_id)"),
                 ("person", "count(DISTINCT match_key)"), ("identity", "count(person_id)"),
                 ("quarantine", "count(rule)"), ("spend", "sum(amount)")):
        out[f"{s} {t}"] = str(c.execute(f"SELECT count(*), {m} FROM lake.{t} AT (VERSION => {s})").fetchone())
print(json.dumps(out))
"#;
    let lake = company.path().join(".throughline/lake");
    let output =
        Command::new(python).args(["-c", script]).arg(lake).stderr(Stdio::piped()).output().ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("ModuleNotFoundError") {
        return None;
    }
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).ok()
}

#[test]
fn nothing_is_left_of_a_person_and_every_answer_is_the_same() {
    let company = company();
    let before = answers(&company);
    let seen = duckdb(&company);
    if seen.is_none() {
        eprintln!("skipped: old snapshots through DuckDB (the Python package is not installed)");
    }
    assert!(sightings(&company.path()).len() >= 5);
    company.run(&["erase", ADDRESS]).fails(2, "nothing was erased");
    let plan = company.run(&["erase", ADDRESS, "--dry-run", "--json"]).content().data();
    assert_eq!(plan["records"], serde_json::json!(["00Q0000000000CAEAY"]));
    assert_eq!(plan["names"], serde_json::json!(["Quenby Zylstra"]));
    let own = company.outside().join("own.json").display().to_string();
    company.run(&["person", ADDRESS, "--out", &own]).content();
    let own: Value = serde_json::from_slice(&std::fs::read(own).unwrap()).unwrap();
    let mut tables: Vec<&str> =
        own["tables"].as_object().unwrap().keys().map(String::as_str).collect();
    tables.sort_unstable();
    assert_eq!(tables, ["identity", "person", "quarantine", "touch"]);
    assert!(own.to_string().contains("lead.csv"), "with the source of each row");

    let done = company.run(&["erase", ADDRESS, "--yes", "--json"]).content().data();
    assert!(done["files"].as_u64().unwrap() >= 4, "{done}");
    assert_eq!(sightings(&company.path()), Vec::<String>::new());
    let after = answers(&company);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    assert_eq!(duckdb(&company), seen);
    // The asking again left no trace either.
    assert_eq!(sightings(&company.path()), Vec::<String>::new());

    // The person comes again, in another file and under another record.
    let folder = company.outside().join("later");
    std::fs::create_dir_all(&folder).unwrap();
    let lead = std::fs::read_to_string(company.outside().join("extract-0/lead.csv")).unwrap();
    let lead = lead.replace("CAEAY", "CCEAY").replace("2026-02-01", "2026-08-01");
    std::fs::write(folder.join("lead.csv"), lead).unwrap();
    let run = company.run(&["load", &folder.display().to_string(), "--json"]);
    assert!(run.code <= 1, "{}{}", run.stdout, run.stderr);
    let rows = &run.data()["rows"];
    assert_eq!((&rows["loaded"], &rows["quarantined"]), (&1.into(), &1.into()), "{rows}");
    assert_eq!(sightings(&company.path()), Vec::<String>::new());
}

#[test]
fn killed_at_any_moment_the_next_start_finishes_the_erasure() {
    let whole = company();
    let all = sightings(&whole.path()).len();
    let mut n_killed = 0;
    for wait in [5, 40, 90, 150, 230, 320] {
        let company = Company::empty();
        copy(&whole.path(), &company.path());
        let mut child = Command::new(env!("CARGO_BIN_EXE_throughline"))
            .args(["erase", ADDRESS, "--yes", "--quiet"])
            .current_dir(company.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            n_killed += 1;
        }
        child.wait().unwrap();
        // Any command opens the lake and finishes what was noted. Where nothing was noted yet,
        // nothing was begun.
        company.run(&["loads", "--json"]).content();
        let found = sightings(&company.path());
        assert!(found.is_empty() || found.len() == all, "after {wait} ms: {found:?}");
        company.run(&["erase", ADDRESS, "--yes", "--quiet"]).content();
        assert_eq!(sightings(&company.path()), Vec::<String>::new(), "after {wait} ms");
    }
    assert!(n_killed > 0, "no run was long enough to be killed");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
