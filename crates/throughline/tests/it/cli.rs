//! The contract of the command line: streams, codes, messages.

use crate::program::{Company, run_with};

#[test]
fn init_makes_a_folder_that_check_finds_without_fault() {
    let company = Company::new();
    let check = company.run(&["check"]).content();
    assert!(check.stdout.starts_with("no faults: "), "{}", check.stdout);
    assert_eq!(company.run(&["check", "--json"]).content().data()["goals"], 0);
    // Running it again keeps what is there.
    company.write("definitions/goals.toml", "# mine\n");
    run_with(&["init", "acme"], &[], company.outside()).content();
    let kept = std::fs::read_to_string(company.path().join("definitions/goals.toml")).unwrap();
    assert_eq!(kept, "# mine\n");
}

#[test]
fn check_says_every_fault_with_place_excerpt_and_hint() {
    let company = Company::new();
    company.write(
        "definitions/goals.toml",
        "[[goal]]\nfigure = \"wno\"\nperiod = \"2026Q7\"\nvalue = \"1\"\ntargte = 2\n",
    );
    company.write("mappings/deals.toml", "table = \"oportunity\"\n");
    let check = company.run(&["check", "--no-color"]);
    assert_eq!(check.code, 1);
    for said in [
        "definitions/goals.toml:5:1",
        "`targte` is not a key of a goal",
        "definitions/goals.toml:2:10",
        "Did you mean `won`?",
        "period `2026Q7` cannot be read",
        "mappings/deals.toml:1",
    ] {
        assert!(check.stderr.contains(said), "expected `{said}` in:\n{}", check.stderr);
    }
    let json = company.run(&["check", "--json"]);
    assert_eq!(json.code, 1);
    let envelope: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(envelope["ok"], false);
    assert!(envelope["errors"].as_array().unwrap().len() >= 4, "{envelope}");
    assert_eq!(envelope["errors"][0]["file"], "definitions/goals.toml");
}

#[test]
fn wrong_use_is_one_clear_message_and_code_2() {
    let company = Company::new();
    let table: &[(&[&str], &str)] = &[
        (&["ask", "pipeline", "--as-of", "2025-13-01"], "2025-13-01"),
        (&["ask", "pipelin"], "Did you mean `pipeline`?"),
        (&["ask", "pipeline", "--frobnicate"], "--frobnicate"),
        (&["backtest", "weather"], "backtest `weather` is not one of"),
        (&["load", "not-there"], "not-there does not exist"),
        (&["load", "--", "-odd.csv"], "-odd.csv does not exist"),
        (&["open"], "Usage"),
        (&["nonsense"], "nonsense"),
        (&["demo", "--scale", "5"], "1000"),
        (&["ask", "programs", "--by", "segment"], "only by channel, program"),
        (&["init", "throughline.toml"], "is a file"),
        (&["open", "pipeline", "--csv"], "FIGURE"),
        (&["quarantine", "--csv", "--json"], "cannot be used with"),
        (&["demo", "--dir", "definitions"], "not empty"),
        (&["demo", "--dir", "throughline.toml"], "not a folder"),
        (&["load", "definitions", "--known-on", "9999-01-01"], "in the future"),
    ];
    for (args, says) in table {
        company.run(args).fails(2, says);
    }
}

#[test]
fn a_question_before_any_load_says_what_to_load() {
    let company = Company::new();
    company.run(&["ask", "pipeline"]).fails(1, "throughline load");
    run_with(&["ask", "pipeline"], &[], company.outside()).fails(2, "throughline init");
    assert_eq!(company.run(&["loads", "--json"]).content().data()["loads"], serde_json::json!([]));
}

#[test]
fn files_that_cannot_be_read_are_named_and_nothing_is_loaded() {
    let company = Company::new();
    company.write("in/empty.csv", "");
    company.write("in/page.csv", "<!DOCTYPE html><html><body>Log in</body></html>");
    company.write("in/notes.txt", "hello\n");
    let load = company.run(&["load", "in"]);
    assert_ne!(load.code, 0);
    for said in ["empty.csv", "page.csv"] {
        assert!(load.stderr.contains(said), "{}", load.stderr);
    }
    assert!(!load.stderr.contains("panicked"), "{}", load.stderr);
}

#[test]
fn a_draft_goes_straight_into_the_mappings_and_is_loaded() {
    let company = Company::new();
    let export = "Deal Nr;Phase;Value;Curr;Start\n1;Won;12.500,00;EUR;03.02.2026\n";
    company.write("crm.csv", export);
    company.run(&["load", "crm.csv"]).fails(3, "load --explain");
    // A shell makes the file before the program runs.
    company.write("mappings/crm.toml", "");
    let draft = company.run(&["load", "--explain", "crm.csv"]).content();
    company.write("mappings/crm.toml", &draft.stdout);
    company.run(&["check"]).content();
    company.run(&["load", "crm.csv", "--dry-run"]).content();
    assert!(!company.path().join(".throughline").exists(), "a dry run writes nothing");
    let load = company.run(&["load", "crm.csv"]).content();
    assert!(load.stdout.contains("read 1 = loaded 1"), "{}", load.stdout);
    company.write("empty.csv", "");
    company.run(&["load", "--explain", "empty.csv"]).fails(3, "empty");
}

#[test]
fn a_load_of_the_past_after_a_newer_one_says_oldest_first() {
    let company = Company::new();
    company.write("in/user.csv", "Id,Username,Name\n005000000000001AAA,u,n\n");
    company.write("in/deal.csv", "Deal Nr,Phase,Start\n1,,2026-02-03\n");
    let draft = company.run(&["load", "--explain", "in/deal.csv"]).content();
    company.write("mappings/deal.toml", &draft.stdout);
    // Every row of a file that was refused is a problem found, and is said.
    company.run(&["load", "in/deal.csv"]).fails(1, "1 of 1 went to quarantine");
    company.run(&["load", "in/user.csv", "--known-on", "2020-01-01"]).fails(2, "oldest first");
}

#[test]
fn help_says_what_each_command_does() {
    let company = Company::empty();
    let help = run_with(&["--help"], &[], company.outside()).content();
    for command in ["init", "check", "load", "build", "ask", "backtest", "open", "method", "demo"] {
        assert!(help.stdout.contains(&format!("  {command} ")), "{}", help.stdout);
    }
    run_with(&["--version"], &[], company.outside()).content();
    for (command, entries) in [("ask", answers::QUESTIONS), ("backtest", answers::BACKTESTS)] {
        let listed = run_with(&[command, "--json"], &[], company.outside()).content().data();
        let listed = listed["questions"].as_array().unwrap();
        let asks: Vec<&str> = listed.iter().map(|one| one["asks"].as_str().unwrap()).collect();
        let expected: Vec<&str> = entries.iter().map(|entry| entry.question.asks).collect();
        assert_eq!(asks, expected, "{command}");
    }
}
