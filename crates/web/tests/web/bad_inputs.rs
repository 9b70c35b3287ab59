//! Every hostile request of the shared list has its outcome.
//!
//! Where the other rows of the areas web, export and auth are tested says `tests/bad-inputs.toml`.

use std::io::Write;
use std::time::{Duration, Instant};

use access::Role;

use crate::support::{
    PASSWORD, Running, clock, impatient, loaded, read, shared, start, start_with,
};

const CASES: &[(&str, fn())] = &[
    ("exp-004", a_large_file_is_streamed_and_written_down),
    ("exp-005", a_file_name_is_safe),
    ("web-004", a_change_from_another_site),
    ("web-005", a_change_by_the_wrong_method),
    ("web-006", a_body_that_is_too_large_or_too_slow),
    ("web-007", heads_that_never_end),
    ("web-008", paths_that_leave_the_tree),
    ("web-009", a_host_that_is_not_ours),
    ("web-010", a_next_page_that_is_not_ours),
    ("web-011", a_forwarded_address_of_a_stranger),
    ("web-012", a_field_that_nobody_may_set),
    ("web-013", an_object_of_somebody_else),
    ("web-014", two_people_one_address),
    ("web-015", a_handler_that_fails),
    ("web-016", methods_and_lengths_of_smugglers),
    ("aut-001", a_thousand_wrong_passwords),
    ("aut-002", one_password_on_many_accounts),
    ("aut-004", many_logins_at_once),
    ("aut-005", long_passwords),
    ("aut-006", a_session_of_an_attacker),
    ("aut-007", another_tab),
    ("aut-008", set_up_again),
    ("aut-010", a_reset_link_twice),
    ("aut-011", a_token_in_the_address),
];

#[test]
fn every_case_has_its_outcome() {
    for (id, case) in CASES {
        let began = Instant::now();
        case();
        eprintln!("{id} {:?}", began.elapsed());
    }
}

fn administrator(server: &Running) -> access::Caller {
    server.caller(&server.cookie(Role::Administrator, None))
}

/// The newest rows of the audit log with an outcome.
fn audited(server: &Running, outcome: &str) -> usize {
    let caller = administrator(server);
    let rows = server.access.audit(access::Actor::Caller(&caller), None, 1_000).unwrap();
    rows.iter().filter(|row| row.outcome.contains(outcome)).count()
}

fn a_large_file_is_streamed_and_written_down() {
    let server = shared();
    let cookie = server.cookie(Role::Analyst, None);
    let told = server.get("/pipeline/rows/pipeline_created.csv?period=all", &cookie);
    assert_eq!(told.status, 200);
    assert_eq!(told.header("transfer-encoding"), "chunked", "it is written while it is sent");
    let rows = csv::Reader::from_reader(&*told.body).records().count();
    assert!(audited(server, &format!("rows={rows}")) > 0);
}

fn a_file_name_is_safe() {
    let folder = loaded();
    let file = folder.path().join("throughline.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let name = r#"A \"quoted\" ../../Überfirma\n\rSet-Cookie: x=y"#;
    std::fs::write(&file, text.replace(sample::COMPANY, name)).unwrap();
    let server = start(folder, |_| {});
    server.ready();
    let cookie = server.cookie(Role::Cfo, None);
    let told = server.get("/pipeline/rows/won.csv", &cookie);
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.header("set-cookie"), "");
    let named = told.header("content-disposition");
    assert!(named.starts_with("attachment; filename=\"A _quoted_"), "{named}");
    assert!(named.contains("; filename*=UTF-8''A%20_quoted_"), "{named}");
    assert!(named.contains("%C3%9Cberfirma") && !named.contains('/'), "{named}");
}

fn a_change_from_another_site() {
    let server = shared();
    let cookie = server.cookie(Role::Cmo, None);
    let before = audited(server, "refused:another-site");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let port = server.address.port();
    let ours = format!("http://127.0.0.1:{port}");
    for (headers, status) in [
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
        (vec![("sec-fetch-site", "none")], 403),
        (vec![("sec-fetch-site", "cross-site"), ("origin", &*ours)], 403),
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![], 403),
        (vec![("origin", &*ours)], 200),
        (vec![("sec-fetch-site", "same-origin")], 200),
    ] {
        let mut all = vec![("cookie", &*cookie), form];
        all.extend(&headers);
        let told = server.ask("POST", "/settings/preferences", &all, b"theme=light");
        assert_eq!(told.status, status, "{headers:?}");
    }
    assert_eq!(audited(server, "refused:another-site") - before, 7);
}

fn a_change_by_the_wrong_method() {
    let server = shared();
    let cookie = server.cookie(Role::Administrator, None);
    for path in ["/logout", "/people/x/disable", "/settings/tokens", "/settings/password"] {
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE"] {
            let told = server.ask(method, path, &[("cookie", &cookie)], b"");
            assert_eq!((told.status, told.header("allow")), (405, "POST"), "{method} {path}");
        }
    }
    // A method is not overridden by a header or a parameter.
    let headers = [("cookie", &*cookie), ("x-http-method-override", "POST")];
    assert_eq!(server.ask("GET", "/logout", &headers, b"").status, 405);
    assert_eq!(server.get("/api/v1/me?_method=PATCH", &cookie).status, 400);
    assert_eq!(server.get("/pipeline", &cookie).status, 200);
}

fn a_body_that_is_too_large_or_too_slow() {
    let server = start(loaded(), |settings| settings.limits = impatient());
    let token = server.token(Role::Cmo);
    // Refused by what it says of itself, before it is read.
    let head = |path: &str, kind: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\n\
             sec-fetch-site: same-origin\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    for (path, kind, length) in [
        ("/api/v1/tokens", "application/json", 11 << 20),
        ("/login", "application/x-www-form-urlencoded", (64 << 10) + 1),
    ] {
        let began = Instant::now();
        let told = server.raw(head(path, kind, length).as_bytes());
        assert_eq!(told.status, 413, "{path}: {}", told.text());
        assert!(began.elapsed() < Duration::from_millis(350), "{path}");
    }
    let mut stream = server.connect();
    stream.write_all(head("/api/v1/tokens", "application/json", 20).as_bytes()).unwrap();
    stream.write_all(b"{\"name\"").unwrap();
    let told = read(&mut stream);
    assert_eq!((told.status, told.header("connection")), (408, "close"));
}

fn heads_that_never_end() {
    let server = start(loaded(), |settings| settings.limits = impatient());
    let mut drips: Vec<_> = (0..1_000).map(|_| server.connect()).collect();
    let began = Instant::now();
    for round in 0..6 {
        for stream in &mut drips {
            let _gone: std::io::Result<()> = stream.write_all(b"G".get(..1).unwrap());
        }
        std::thread::sleep(Duration::from_millis(100));
        if round == 1 {
            let asked = Instant::now();
            assert_eq!(server.get("/healthz", "").status, 200);
            assert!(asked.elapsed() < Duration::from_millis(300), "{:?}", asked.elapsed());
        }
    }
    for stream in &mut drips {
        let told = read(stream);
        assert_ne!(told.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

fn paths_that_leave_the_tree() {
    let server = shared();
    let long = format!("/{}", "a".repeat(64 << 10));
    let cookie = server.cookie(Role::Ceo, None);
    for path in [
        "/static/..%2f..%2fetc/passwd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/../../etc/passwd",
        "/static/x/..%5c..%5cetc%5cpasswd",
        "/%2e%2e/",
        "/%00",
        "/pipeline%00.css",
        "/static/%252e%252e/passwd",
        "//etc/passwd",
        &long,
    ] {
        let told = server.get(path, &cookie);
        assert!(matches!(told.status, 400 | 404 | 414 | 431), "{path}: {}", told.status);
        assert!(!told.text().contains("root:"));
    }
}

fn a_host_that_is_not_ours() {
    let server = shared();
    let administrator = server.cookie(Role::Administrator, None);
    let send = |method: &str, path: &str, body: &str| {
        let bytes = format!(
            "{method} {path} HTTP/1.1\r\nhost: evil.example\r\nx-forwarded-host: evil.example\r\n\
             cookie: {administrator}\r\nsec-fetch-site: same-origin\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        server.raw(bytes.as_bytes())
    };
    let form = "email=hosted%40fennmark.example&name=Hosted&role=viewer&segment=";
    let invited = send("POST", "/people", form);
    assert_eq!(invited.status, 200);
    for told in [
        invited,
        send("GET", "/", ""),
        send("GET", "/board", ""),
        send("GET", "/api/v1/openapi.json", ""),
    ] {
        assert!(!told.text().contains("evil.example"));
    }
    assert!(!send("GET", "/login", "").header("location").contains("evil"));
}

fn a_next_page_that_is_not_ours() {
    let server = shared();
    server.person("next@fennmark.example", Role::Viewer, None);
    for next in [
        "//evil.example",
        "https:evil",
        "/\\evil",
        "https://evil.example/",
        "javascript:alert(1)",
        "/%2F%2Fevil.example",
        "\t//evil.example",
    ] {
        let encoded: String = next.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let page = server.get(&format!("/login?next={encoded}"), "");
        assert!(!page.text().contains("evil"), "{next}");
        let form = format!(
            "email=next@fennmark.example&password={}&next={encoded}",
            PASSWORD.replace(' ', "+")
        );
        let told = server.post("/login", "", &form);
        assert_eq!((told.status, told.header("location")), (303, "/"), "{next}");
    }
}

fn a_forwarded_address_of_a_stranger() {
    let server = start(loaded(), |_| {});
    server.person("forward@fennmark.example", Role::Viewer, None);
    let mut last = 0;
    for n in 0..30 {
        let address = format!("10.9.8.{n}");
        let headers = [
            ("x-forwarded-for", &*address),
            ("forwarded", &*format!("for={address}")),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let form = b"email=forward@fennmark.example&password=wrong&next=/";
        last = server.ask("POST", "/login", &headers, form).status;
    }
    assert_eq!(last, 429);
    let log = server.log.lock().unwrap().join("");
    assert!(log.contains("\"address\":\"127.0.0.1\"") && !log.contains("10.9.8."), "{log}");
}

fn a_field_that_nobody_may_set() {
    let server = shared();
    let cookie = server.cookie(Role::Viewer, None);
    let token = server.token(Role::Viewer);
    let before = audited(server, "refused:field-unknown");
    let told = server.api("PATCH", "/api/v1/me", &token, r#"{"role":"cfo"}"#);
    assert_eq!((told.status, &*told.code()), (422, "field-unknown"));
    assert!(told.text().contains("`role`"), "{}", told.text());
    assert_eq!(audited(server, "refused:field-unknown") - before, 1);
    assert_eq!(server.get("/api/v1/me", &cookie).json()["data"]["role"], "viewer");
    let told = server.post("/settings/preferences", &cookie, "theme=dark&role=cfo");
    assert_eq!(told.status, 422, "{}", told.text());
    assert_eq!(server.api("PATCH", "/api/v1/me", &token, r#"{"theme":"pink"}"#).status, 422);
}

fn an_object_of_somebody_else() {
    let server = shared();
    let cookie = server.cookie(Role::Cfo, None);
    let caller = server.caller(&cookie);
    let made = server
        .access
        .create_token(&caller, "mine", Role::Viewer, None, crate::support::ADDRESS)
        .unwrap();
    let other = server.token(Role::Analyst);
    let told = |id: &str| {
        // A token ends no token at all, so it cannot tell which ones there are.
        let told = server.api("DELETE", &format!("/api/v1/tokens/{id}"), &other, "");
        assert_eq!(told.status, 403);
        told.text()
    };
    assert_eq!(told(made.1.id.as_str()), told("never-was"));
    let page = |id: &str| {
        let cookie = server.cookie(Role::Analyst, None);
        let told = server.post(&format!("/settings/tokens/{id}/revoke"), &cookie, "");
        assert_eq!(told.status, 404);
        told.text().replace(told.header("x-request-id"), "")
    };
    assert_eq!(
        page(made.1.id.as_str()).replace(made.1.id.as_str(), ""),
        page("never-was").replace("never-was", "")
    );
    assert_eq!(
        server.access.tokens(&caller).unwrap().iter().filter(|t| t.name == "mine").count(),
        1
    );
}

fn two_people_one_address() {
    // With all figures: `who_sees_one_segment_sees_it_everywhere_and_no_other`.
    let server = shared();
    let all = server.cookie(Role::Cfo, None);
    let limited = server.cookie(Role::Viewer, Some("unknown"));
    let path = "/api/v1/questions/pipeline";
    let asked = |cookie: &str| server.get(path, cookie).json()["data"]["asked"]["segment"].clone();
    for _ in 0..3 {
        assert_eq!(asked(&all), serde_json::Value::Null);
        assert_eq!(asked(&limited), "unknown");
    }
}

fn a_handler_that_fails() {
    let server = start(loaded(), |_| {});
    server.ready();
    let cookie = server.cookie(Role::Ceo, None);
    // The facts are gone under a running server.
    let catalog = server.root().join(".throughline/lake/catalog.sqlite");
    std::fs::write(&catalog, b"this is no database, and it is longer than one page would be")
        .unwrap();
    std::fs::remove_dir_all(server.root().join(".throughline/derived")).unwrap();
    let told = server.get("/api/v1/questions/pipeline/rows/won?as_of=2026-10-01", &cookie);
    assert_eq!((told.status, &*told.code()), (500, "internal"), "{}", told.text());
    for secret in ["sqlite", "catalog", "/tmp", "lake", "panicked", ".rs"] {
        assert!(!told.text().to_lowercase().contains(secret), "{secret}: {}", told.text());
    }
    let id = told.header("x-request-id").to_owned();
    let log = server.log.lock().unwrap();
    let line = log.iter().find(|line| line.contains(&id)).unwrap();
    assert!(line.contains("\"detail\":\""), "{line}");
}

fn methods_and_lengths_of_smugglers() {
    let server = shared();
    for method in ["TRACE", "CONNECT", "OPTIONS", "PROPFIND", "FOO", "get"] {
        let told = server.ask(method, "/login", &[], b"");
        assert!(matches!(told.status, 405 | 400), "{method}: {}", told.status);
        assert_eq!(told.header("connection"), "close", "{method}");
    }
    for head in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "transfer-encoding: chunked",
        "transfer-encoding: identity",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: -1",
    ] {
        let bytes = format!(
            "POST /login HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n"
        );
        let told = server.raw(bytes.as_bytes());
        assert_eq!(told.status, 400, "{head}");
        assert_eq!(told.header("x-content-type-options"), "nosniff", "{head}");
        assert!(!told.text().contains("ok\n"), "{head}: a second answer");
    }
}

fn a_thousand_wrong_passwords() {
    let clock = clock();
    let server = start_with(loaded(), std::sync::Arc::clone(&clock), |_| {});
    server.person("target@fennmark.example", Role::Ceo, None);
    let live = server.sign_in("target@fennmark.example");
    let mut statuses = std::collections::BTreeMap::new();
    for _ in 0..200 {
        let told = server.post("/login", "", "email=target@fennmark.example&password=guess&next=/");
        if told.status == 429 {
            assert!(told.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        *statuses.entry(told.status).or_insert(0) += 1;
        clock.pass(Duration::from_millis(300));
    }
    assert!(statuses[&401] <= 30, "{statuses:?}");
    assert!(statuses[&429] >= 150, "{statuses:?}");
    assert_eq!(server.get("/settings", &live).status, 200, "a live session is not locked out");
}

fn one_password_on_many_accounts() {
    let server = start_with(loaded(), clock(), |_| {});
    let caller = administrator(&server);
    let mut last = 0;
    for n in 0..120 {
        let form = format!("email=person{n}@fennmark.example&password=Spring2026now&next=/");
        last = server.post("/login", "", &form).status;
    }
    assert_eq!(last, 429);
    let rows = server.access.audit(access::Actor::Caller(&caller), None, 1_000).unwrap();
    assert!(rows.iter().any(|row| row.action == "password-spraying"));
}

fn many_logins_at_once() {
    let server = shared();
    server.person("crowd@fennmark.example", Role::Viewer, None);
    let cookie = server.cookie(Role::Ceo, None);
    let form =
        format!("email=crowd@fennmark.example&password={}&next=/", PASSWORD.replace(' ', "+"));
    std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..200).map(|_| scope.spawn(|| server.post("/login", "", &form).status)).collect();
        assert_eq!(server.get("/healthz", "").status, 200);
        assert_eq!(server.get("/pipeline", &cookie).status, 200);
        for one in all {
            let status = one.join().unwrap();
            assert!(matches!(status, 303 | 503 | 429), "{status}");
        }
    });
}

fn long_passwords() {
    let server = shared();
    server.person("long@fennmark.example", Role::Viewer, None);
    let cookie = server.sign_in("long@fennmark.example");
    let change = |old: &str, new: &str| {
        let encode = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
        let form = format!("current={}&password={}", encode(old), encode(new));
        server.post("/settings/password", &cookie, &form)
    };
    assert_eq!(change(PASSWORD, &"x".repeat(1 << 20)).status, 413);
    assert_eq!(change(PASSWORD, &"long words ".repeat(200)).status, 422);
    let good = "  a heron 🐦 and seven bridges, under the rain of November 🌧  ab";
    assert_eq!(good.chars().count(), 63);
    assert_eq!(change(PASSWORD, good).status, 200);
    assert!(server.access.login("long@fennmark.example", good, crate::support::ADDRESS).is_ok());
    let trimmed =
        server.access.login("long@fennmark.example", good.trim(), crate::support::ADDRESS);
    assert!(trimmed.is_err());
}

fn a_session_of_an_attacker() {
    let server = shared();
    server.person("fixed@fennmark.example", Role::Viewer, None);
    let planted = format!("throughline-{}=planted-by-an-attacker", server.address.port());
    let form =
        format!("email=fixed@fennmark.example&password={}&next=/", PASSWORD.replace(' ', "+"));
    let told = server.post("/login", &planted, &form);
    assert_eq!(told.status, 303);
    assert!(!told.header("set-cookie").contains("planted"));
    assert_eq!(server.get("/settings", &planted).status, 303);
}

fn another_tab() {
    let server = shared();
    server.person("tabs@fennmark.example", Role::Cfo, None);
    let (one, two) =
        (server.sign_in("tabs@fennmark.example"), server.sign_in("tabs@fennmark.example"));
    let id = server.caller(&one).account;
    assert_eq!(server.post("/logout", &one, "").status, 303);
    assert_eq!(server.get("/settings", &one).status, 303);
    assert_eq!(server.get("/settings", &two).status, 200);
    let console = access::Actor::Console;
    server.access.set_rights(console, &id, Role::Viewer, None, None).unwrap();
    assert_eq!(server.get("/settings", &two).status, 303);
    let three = server.sign_in("tabs@fennmark.example");
    assert_eq!(server.get("/pipeline/rows/won", &three).status, 403);
    server.access.set_disabled(console, &id, true, None).unwrap();
    assert_eq!(server.get("/settings", &three).status, 303);
}

fn set_up_again() {
    let server = shared();
    assert!(matches!(server.get("/setup", "").status, 404 | 410));
    assert!(matches!(server.get("/setup?token=guess", "").status, 404 | 410));
    let form = "token=guess&email=a%40b.example&name=A&password=seven+mild+herons+at+dawn";
    assert!(matches!(server.post("/setup", "", form).status, 404 | 410));
    for path in
        ["/", "/login", "/setup", "/healthz", "/settings", "/api/v1/health", "/nothing", "/audit"]
    {
        let text = server.get(path, "").text();
        for secret in [env!("CARGO_PKG_VERSION"), "token=", ".throughline", "/tmp", "@fennmark"] {
            assert!(!text.contains(secret), "{path} tells {secret}: {text}");
        }
    }
}

fn a_reset_link_twice() {
    let server = shared();
    server.person("reset@fennmark.example", Role::Viewer, None);
    let id = server.caller(&server.sign_in("reset@fennmark.example")).account;
    let one = server.access.reset(access::Actor::Console, &id, None).unwrap();
    let form = format!("token={}&password=eight+other+herons+at+dusk", one.secret.reveal());
    assert_eq!(server.post("/setup", "", &form).status, 303);
    let again = server.post("/setup", "", &form);
    let never = server.post("/setup", "", &form.replace(one.secret.reveal(), "never-was"));
    assert_eq!((again.status, never.status), (410, 410));
    let plain =
        |told: &crate::support::Response| told.text().replace(told.header("x-request-id"), "");
    assert_eq!(plain(&again), plain(&never));
}

fn a_token_in_the_address() {
    let server = shared();
    let token = server.token(Role::Cfo);
    for path in [
        format!("/api/v1/me?token={token}"),
        format!("/api/v1/me?access_token={token}"),
        format!("/api/v1/questions/pipeline?segment={token}"),
        format!("/pipeline?api_key={token}"),
    ] {
        let told = server.get(&path, "");
        assert_eq!(told.status, 400, "{path}");
        assert!(told.text().contains("Authorization"), "{}", told.text());
        assert!(!told.text().contains(&token));
    }
    assert!(!server.log.lock().unwrap().join("").contains(&token));
}
