//! The API: one envelope, one shape of errors, and a description that is true.

use access::Role;
use serde_json::{Value, json};

use crate::support::{loaded, shared, start};

#[test]
fn the_description_is_the_file() {
    let server = shared();
    let told = server.get("/api/v1/openapi.json", &server.cookie(Role::Viewer, None));
    let base = format!("http://{}", server.address);
    let text = told.text().replace(&base, "http://127.0.0.1:7117");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(kept == text, "the API changed: look at it, then run again with BLESS=1");
}

#[test]
fn the_api_says_what_the_command_line_says() {
    let server = shared();
    let token = server.token(Role::Ceo);
    for entry in answers::QUESTIONS {
        let id = entry.question.id;
        let told = server.api("GET", &format!("/api/v1/questions/{id}?period=2026Q2"), &token, "");
        assert_eq!(told.status, 200, "{}", told.text());
        let project = project::Project::find(Some(&server.root())).unwrap();
        let view = project::View::open(&project, None, &mut |_, _, _| {}).unwrap();
        let scope = project::Scope::of_period(Some("2026Q2".to_owned()));
        let answer = view.ask(entry, &scope).unwrap().answer(entry).unwrap();
        let line =
            show::json::line(&show::json::envelope(Some(show::json::answer(&answer)), &[], &[]));
        assert_eq!(told.text(), line);
    }
}

#[test]
fn a_slip_is_told_in_one_shape_with_what_to_do() {
    let server = shared();
    let token = server.token(Role::Analyst);
    for (path, status, code) in [
        ("/api/v1/questions/pipelin", 404, "not-found"),
        ("/api/v1/questions/pipeline?peroid=2026Q1", 400, "parameter-unknown"),
        ("/api/v1/questions/pipeline?period=soon", 400, "usage"),
        ("/api/v1/questions/pipeline?segment=nowhere", 400, "usage"),
        ("/api/v1/questions/pipeline?model=luck", 400, "usage"),
        ("/api/v1/questions/pipeline?from=1026-01-01&to=2026-01-01", 400, "usage"),
        ("/api/v1/questions/pipeline?as_of=yesterday", 400, "parameter"),
        ("/api/v1/questions/pipeline/rows/won?sort=nothing", 400, "parameter"),
        ("/api/v1/questions/pipeline/rows/won?page_size=5000", 400, "parameter"),
        ("/api/v1/nothing", 404, "not-found"),
    ] {
        let told = server.api("GET", path, &token, "");
        assert_eq!((told.status, &*told.code()), (status, code), "{path}: {}", told.text());
        let body = told.json();
        assert_eq!((&body["ok"], &body["data"]), (&json!(false), &Value::Null), "{path}");
        assert!(body["errors"][0]["hint"].is_string(), "{path}: {body}");
        assert_eq!(told.header("content-type"), "application/json");
    }
    let told = server.ask(
        "POST",
        "/api/v1/tokens",
        &[("authorization", &*format!("Bearer {token}")), ("content-type", "text/plain")],
        b"{}",
    );
    assert_eq!((told.status, &*told.code()), (415, "content-type"));
    for (body, status) in
        [("{", 400), ("[]", 422), (r#"{"nam":"x"}"#, 422), ("{}", 422), (r#"{"name":1}"#, 422)]
    {
        assert_eq!(server.api("POST", "/api/v1/tokens", &token, body).status, status, "{body}");
    }
    let made = server.api("POST", "/api/v1/tokens", &token, r#"{"name":"x"}"#);
    assert_eq!((made.status, &*made.code()), (403, "session-needed"), "a token makes no token");
}

#[test]
fn a_change_with_a_key_is_made_once() {
    let server = start(loaded(), |_| {});
    let cookie = server.cookie(Role::Administrator, None);
    let send = |key: &str, body: &str| {
        let headers = [
            ("cookie", &*cookie),
            ("content-type", "application/json"),
            ("sec-fetch-site", "same-origin"),
            ("idempotency-key", key),
        ];
        server.ask("POST", "/api/v1/users", &headers, body.as_bytes())
    };
    let body = r#"{"email":"once@fennmark.example","role":"viewer"}"#;
    let first = send("key-1", body);
    assert_eq!(
        (first.status, first.header("idempotency-replayed")),
        (201, "false"),
        "{}",
        first.text()
    );
    assert!(first.json()["data"]["invitation"].is_string());
    let again = send("key-1", body);
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
    assert_eq!(again.json()["data"]["id"], first.json()["data"]["id"]);
    assert_eq!(again.json()["data"]["invitation"], Value::Null, "a secret is kept nowhere");
    assert_eq!(
        send("key-1", r#"{"email":"two@fennmark.example","role":"viewer"}"#).code(),
        "idempotency-conflict"
    );
    assert_eq!(send("key-2", body).status, 409);
    assert_eq!(send("bad key", body).status, 400);
    let id = first.json()["data"]["id"].as_str().unwrap().to_owned();
    let change = |body: &str| {
        let headers = [
            ("cookie", &*cookie),
            ("content-type", "application/json"),
            ("sec-fetch-site", "same-origin"),
        ];
        server.ask("PATCH", &format!("/api/v1/users/{id}"), &headers, body.as_bytes())
    };
    assert_eq!(change(r#"{"role":"cfo"}"#).json()["data"]["role"], "cfo");
    assert_eq!(change(r#"{"disabled":true}"#).json()["data"]["state"], "disabled");
    assert_eq!(change(r#"{"segment":"nowhere"}"#).status, 422);
    assert_eq!(server.api("DELETE", "/api/v1/users/nobody", "no-token", "").status, 401);
}

#[test]
fn a_token_holds_no_more_than_its_role() {
    let server = shared();
    let viewer = server.token(Role::Viewer);
    let told = |method: &str, path: &str| server.api(method, path, &viewer, "").status;
    assert_eq!(told("GET", "/api/v1/questions"), 200);
    assert_eq!(told("GET", "/api/v1/questions/pipeline"), 200);
    assert_eq!(told("GET", "/api/v1/questions/pipeline/rows/won"), 403);
    assert_eq!(told("GET", "/api/v1/users"), 403);
    assert_eq!(told("GET", "/api/v1/definitions"), 200);
    assert_eq!(told("GET", "/api/v1/loads"), 200);
    let escaped = server.api("POST", "/api/v1/tokens", &viewer, r#"{"name":"up","role":"cfo"}"#);
    assert!(matches!(escaped.status, 403 | 422), "{}", escaped.text());
}
