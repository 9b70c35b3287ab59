//! People and the audit log on the command line.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::program::Company;

/// Runs the program with a line on standard input; returns code and everything it said.
fn with_input(company: &Company, args: &[&str], line: &str) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_throughline"))
        .args(args)
        .current_dir(company.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = [out.stdout, out.stderr].concat();
    (out.status.code().unwrap_or(-1), String::from_utf8(said).unwrap())
}

#[test]
fn a_person_is_added_by_a_link_that_goes_to_standard_output_and_is_shown_once() {
    let company = Company::new();
    company.run(&["user", "list"]).content();
    let added = company.run(&["user", "add", "cfo@acme.com", "--role", "cfo"]).content();
    let link = added.stdout.trim();
    assert!(link.starts_with("http://127.0.0.1:7117/setup?token="), "{link}");
    assert!(added.stderr.contains("added cfo@acme.com, cfo"), "{}", added.stderr);

    company.write("server.toml", "base_url = \"https://numbers.acme.com/\"\n");
    let args =
        ["user", "add", "ada@acme.com", "--role", "administrator", "--name", "Ada", "--json"];
    let added = company.run(&args).content().data();
    assert_eq!(
        (&added["user"]["name"], &added["user"]["state"]),
        (&"Ada".into(), &"invited".into())
    );
    let link = added["link"].as_str().unwrap();
    assert!(link.starts_with("https://numbers.acme.com/setup?token="), "{link}");

    let listed = company.run(&["user", "list"]).content();
    assert!(listed.stdout.contains("cfo@acme.com") && listed.stdout.contains("invited"));
    let listed = company.run(&["user", "list", "--json"]).content().data();
    assert_eq!(listed["users"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains("token"), "{listed}");
}

#[test]
fn a_password_is_taken_from_standard_input_and_weak_ones_are_refused_before_anything_changes() {
    let company = Company::new();
    let add = ["user", "add", "ada@acme.com", "--role", "administrator", "--password-stdin"];
    for (weak, says) in [
        ("short\n", "fewer than 12 characters"),
        ("passwordpassword\n", "guessed early"),
        ("acme-ada-throughline\n", "made of your name"),
    ] {
        let (code, said) = with_input(&company, &add, weak);
        assert!(code == 2 && said.contains(says), "{code} {said}");
    }
    let listed = company.run(&["user", "list", "--json"]).content().data();
    assert_eq!(listed["users"], serde_json::json!([]));
    let (code, said) = with_input(&company, &add, "violin ladder cactus\r\n");
    assert!(code == 0 && said == "added ada@acme.com, administrator\n", "{code} {said}");
    let listed = company.run(&["user", "list", "--json"]).content().data();
    assert_eq!(listed["users"][0]["state"], "active");
    let reset = ["user", "reset", "ada@acme.com", "--password-stdin"];
    assert_eq!(with_input(&company, &reset, "short").0, 2);
    let listed = company.run(&["user", "list", "--json"]).content().data();
    assert_eq!(listed["users"][0]["state"], "active", "the old password still holds");
    assert_eq!(with_input(&company, &reset, "meadow copper lantern").0, 0);
}

#[test]
fn people_are_changed_reset_and_removed_and_mistakes_are_named() {
    let company = Company::new();
    let run = |args: &[&str]| company.run(&[&["user"], args].concat());
    run(&["add", "ada@acme.com", "--role", "administrator"]).content();
    run(&["add", "cro@acme.com", "--role", "cro"]).content();
    let segment = run(&["role", "cro@acme.com", "viewer", "--segment", "nowhere"]);
    segment.fails(2, "`nowhere`");
    let changed = run(&["role", "CRO@acme.com", "viewer", "--json"]).content().data();
    assert_eq!(changed["user"]["role"], "viewer");
    let limited = run(&["role", "cro@acme.com", "cro", "--segment", "small"]).content();
    assert!(limited.stderr.contains("cro, segment small only"), "{}", limited.stderr);
    let kept = run(&["role", "cro@acme.com", "viewer", "--json"]).content().data();
    assert_eq!(kept["user"]["segment"], "small", "a limit is lifted only where that is said");
    let lifted = run(&["role", "cro@acme.com", "viewer", "--all-segments", "--json"]).data();
    assert!(lifted["user"]["segment"].is_null());
    assert_eq!(run(&["disable", "cro@acme.com", "--json"]).data()["user"]["state"], "disabled");
    assert_eq!(run(&["enable", "cro@acme.com", "--json"]).data()["user"]["state"], "invited");
    let reset = run(&["reset", "cro@acme.com", "--json"]).content().data();
    assert!(reset["link"].is_string() && reset["expires_at"].is_string());
    run(&["remove", "cro@acme.com"]).content();

    run(&["remove", "cro@acme.com"]).fails(1, "nobody has the address");
    run(&["disable", "ada@acme.co"]).fails(1, "Did you mean `ada@acme.com`?");
    run(&["disable", "ada@acme.com"]).fails(1, "the only administrator");
    run(&["add", "ada@acme.com", "--role", "ceo"]).fails(1, "there is an account");
    run(&["add", "ada", "--role", "ceo"]).fails(2, "is not an e-mail address");
    run(&["add", "x@acme.com", "--role", "cof"]).fails(2, "did you mean `cfo`?");
    run(&["add", "x@acme.com"]).fails(2, "--role");
}

#[test]
fn the_audit_log_is_read_and_a_row_that_was_changed_is_named() {
    let company = Company::new();
    for name in ["ada", "bea", "cleo"] {
        let email = format!("{name}@acme.com");
        company.run(&["user", "add", &email, "--role", "administrator"]).content();
    }
    let log = company.run(&["audit", "--json"]).content().data();
    let actions: Vec<_> =
        log["rows"].as_array().unwrap().iter().map(|row| &row["action"]).collect();
    assert_eq!(actions, ["invite", "invite", "invite"]);
    assert!(!log.to_string().contains("acme.com"), "identifiers, no addresses: {log}");
    assert!(company.run(&["audit", "--rows", "1"]).content().stdout.contains("console"));
    company.run(&["audit", "--verify"]).content();

    let anchors = company.path().join(".throughline/audit-anchor.log");
    let anchored = std::fs::read_to_string(&anchors).unwrap();
    std::fs::write(&anchors, format!("{anchored}2026-11-22T10:00:00Z 9 {}\n", "0".repeat(64)))
        .unwrap();
    company
        .run(&["audit", "--verify"])
        .fails(1, "from row 4 on: the end of the log has been cut off");
    std::fs::write(&anchors, anchored.replace(" 1 ", " 2 ")).unwrap();
    company.run(&["audit", "--verify", "--json"]).fails(1, "from row 2 on");
}

#[test]
fn a_load_is_a_row_of_the_log_once_somebody_can_sign_in() {
    let company = Company::new();
    let deal =
        |n: u32| format!("Deal Nr;Phase;Value;Curr;Start\n{n};Won;12.500,00;EUR;03.02.2026\n");
    company.write("first.csv", deal(1));
    let draft = company.run(&["load", "--explain", "first.csv"]).content();
    company.write("mappings/crm.toml", &draft.stdout);
    company.run(&["load", "first.csv"]).content();
    assert!(!company.path().join(".throughline/state.sqlite").exists(), "no accounts, no log");
    company.run(&["user", "add", "ada@acme.com", "--role", "administrator"]).content();
    company.write("more.csv", deal(2));
    company.run(&["load", "more.csv", "--dry-run"]).content();
    company.run(&["load", "more.csv"]).content();
    company.run(&["load", "more.csv"]).content();
    let log = company.run(&["audit", "--json"]).content().data();
    let rows = log["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "what changed nothing is no row: {log}");
    assert_eq!((&rows[0]["action"], &rows[0]["object"]), (&"load".into(), &"load 2".into()));
    assert_eq!(rows[0]["outcome"], "done read=1 loaded=1 quarantined=0");
}

#[cfg(unix)]
#[test]
fn a_key_that_is_gone_or_open_to_others_stops_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let company = Company::new();
    company.run(&["user", "list"]).content();
    let key = company.path().join(".throughline/secret");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    company.run(&["user", "list"]).fails(4, "chmod 600");
    std::fs::remove_file(&key).unwrap();
    company.run(&["user", "list"]).fails(4, "Restore it from the backup");
}
