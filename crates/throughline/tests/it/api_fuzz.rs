//! The interface against requests that nobody wrote by hand: schemathesis reads the OpenAPI
//! document and looks for answers that break it.

use std::process::Command;

use crate::served::{Served, Tools, place, request};

/// The same requests at each run.
const SEED: &str = "20260930";

#[test]
fn three_thousand_made_up_requests_break_neither_the_server_nor_its_document() {
    let Some(tools) = Tools::find() else { return };
    // Of its own: the requests change and remove accounts.
    let served = Served::apart();
    let mut n_requests = 0;
    for role in ["viewer", "cfo", "administrator"] {
        n_requests += fuzz(&tools, &served, role, Some(&served.token_of(role)));
    }
    n_requests += fuzz(&tools, &served, "nobody", None);
    eprintln!("schemathesis: {n_requests} requests");
    assert!(n_requests >= 3_000, "{n_requests} requests");
    let alive = request(&served.address, "GET", "/healthz", &[], "").unwrap();
    assert_eq!(alive.status, 200);
    served.is_sound();
}

/// Runs schemathesis as somebody and returns the number of requests.
#[track_caller]
fn fuzz(tools: &Tools, served: &Served, who: &str, token: Option<&str>) -> u64 {
    let folder = place(&format!("schemathesis-{who}"));
    std::fs::create_dir_all(&folder).unwrap();
    // The document asks for a login as all else does.
    let reader = served.token_of("viewer");
    let bearer = format!("Bearer {reader}");
    let headers = [("Authorization", bearer.as_str())];
    let document = request(&served.address, "GET", "/api/v1/openapi.json", &headers, "").unwrap();
    assert_eq!(document.status, 200, "{}", document.body);
    std::fs::write(folder.join("openapi.json"), document.body).unwrap();
    let mut command = Command::new(tools.python.with_file_name("schemathesis"));
    command.current_dir(&folder).args(["run", "openapi.json", "--url", &served.address]);
    command.args(["--seed", SEED, "--max-examples", "15", "--no-color", "--continue-on-failure"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"]);
    // A currency or day of the right form may still be none that is known.
    command.args(["--exclude-checks", "positive_data_acceptance"]);
    if let Some(token) = token {
        command.arg("--header").arg(format!("Authorization: Bearer {token}"));
    }
    let output = command.output().expect("schemathesis runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "as {who}:\n{said}{errors}");
    said.lines()
        .filter(|line| line.contains(" generated"))
        .filter_map(|line| line.split_whitespace().find_map(|word| word.parse::<u64>().ok()))
        .sum()
}
