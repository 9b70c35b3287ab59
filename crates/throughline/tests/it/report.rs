//! The board pack as a file: each format, the same bytes again, and places that cannot be written.

use std::fs;
use std::io::Cursor;

use calamine::{Reader, Xlsx};
use jiff::civil::date;
use sample::{Dirt, Plan};

use crate::program::{Company, run_with};

/// A small simulated company that is loaded.
fn loaded() -> Company {
    let company = Company::new();
    for (name, text) in sample::DEFINITIONS {
        company.write(name, text);
    }
    let plan = Plan { seed: 3, touches: 2_000, dirt: Dirt::none(), ..Plan::default() };
    sample::company(&plan).write(&company.outside().join("exports")).unwrap();
    let known = date(2026, 9, 30).to_string();
    company.run(&["load", "../exports", "--known-on", &known, "--quiet"]).content();
    company
}

#[test]
fn every_format_is_written_whole_and_the_same_again() {
    let company = loaded();
    let read = |name: &str| fs::read(company.path().join(name)).unwrap();
    for (ending, begins) in
        [("pdf", "%PDF-1.7"), ("html", "<!doctype html>"), ("xlsx", "PK"), ("json", "{")]
    {
        let (one, two) = (format!("board.{ending}"), format!("again.{ending}"));
        let args = ["report", "board", "--quarter", "2026Q3", "-o", one.as_str(), "--json"];
        let data = company.run(&args).content().data();
        assert_eq!(data["format"], ending);
        assert_eq!(data["period"], "2026Q3");
        assert_eq!(data["questions"][0], "scorecard");
        let mut args: Vec<&str> = vec!["report", "board", "--period", "2026Q3", "-o", &two];
        // Another day, zone and language of the machine change nothing.
        args.push("--quiet");
        company.run_with(&args, &[("TZ", "Pacific/Auckland"), ("LANG", "ar_EG.UTF-8")]).content();
        let bytes = read(&one);
        assert!(
            bytes.to_ascii_lowercase().starts_with(begins.to_lowercase().as_bytes()),
            "{ending}"
        );
        assert_eq!(data["bytes"], bytes.len());
        assert!(bytes == read(&two), "{ending} differs");
    }
    // The old file is replaced, and nothing is left beside it.
    company.run(&["report", "board", "-o", "board.pdf", "--questions", "pipeline"]).content();
    assert_ne!(read("board.pdf"), read("again.pdf"));
    let left: Vec<String> = fs::read_dir(company.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".again") || name.starts_with(".board"))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    let bytes = read("board.xlsx");
    let names = Xlsx::new(Cursor::new(bytes)).unwrap().sheet_names();
    assert_eq!(names[0], "About");
    assert!(names.iter().any(|name| name == "pipeline figures"), "{names:?}");
    let json: serde_json::Value = serde_json::from_slice(&read("board.json")).unwrap();
    let asked = company.run(&["ask", "pipeline", "--period", "2026Q3", "--json"]).content().data();
    let answers = json["data"]["answers"].as_array().unwrap();
    let pipeline = answers.iter().find(|answer| answer["question"] == "pipeline").unwrap();
    assert_eq!(pipeline["figures"], asked["figures"]);
    // A page in one file asks for nothing else.
    let html = String::from_utf8(read("board.html")).unwrap();
    for said in ["<script", " src=\"http", " href=\"http", "url(http"] {
        assert!(!html.contains(said), "{said}");
    }
    let text = company.run(&["report", "board", "-o", "-", "--format", "json"]).content().stdout;
    assert!(text.starts_with("{\n"), "{text}");
}

#[test]
fn wrong_use_says_what_to_do_and_writes_nothing() {
    let company = loaded();
    fs::create_dir(company.path().join("folder.pdf")).unwrap();
    let table: &[(&[&str], i32, &str)] = &[
        (&["-o", "x.pdf", "--questions", "pipelin"], 2, "Did you mean `pipeline`?"),
        (&["-o", "x.docx"], 2, "End it with .pdf, .html, .xlsx or .json"),
        (&["-o", "x"], 2, "does not say a format"),
        (&["-o", "nowhere/x.pdf"], 2, "does not exist"),
        (&["-o", "folder.pdf"], 2, "is a folder"),
        (&["-o", "x.pdf", "--quarter", "2026Q7"], 2, "2026Q7"),
        (&["-o", "x.pdf", "--quarter", "2026Q3", "--period", "2026"], 2, "cannot be used with"),
        (&["-o", "x.pdf", "--segment", "nobody"], 2, "segment `nobody` is not one of"),
        (&["-o", "x.pdf", "--paper", "a5"], 2, "a5"),
        (&["-o", "x.pdf", "--link", "javascript:alert(1)"], 2, "https://"),
        (&["-o", "-", "--format", "pdf", "--json"], 2, "standard output"),
        (&[], 2, "--output"),
    ];
    for (args, code, says) in table {
        let all: Vec<&str> = ["report", "board"].iter().chain(args.iter()).copied().collect();
        company.run(&all).fails(*code, says);
    }
    assert!(!company.path().join("x.pdf").exists());
    if let Some(full) = std::path::Path::new("/dev/full").exists().then_some("/dev/full") {
        company.run(&["report", "board", "-o", full, "--format", "pdf"]).fails(2, "not a file");
    }
}

#[test]
fn a_company_without_data_is_told_what_to_load() {
    let company = Company::new();
    company.run(&["report", "board", "-o", "board.pdf"]).fails(1, "throughline load");
    run_with(&["report", "board", "-o", "x.pdf"], &[], company.outside())
        .fails(2, "throughline init");
    assert!(!company.path().join("board.pdf").exists());
}
