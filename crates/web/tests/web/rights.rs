//! Every route by every role: the table is a file, and the server does what it says.

use access::Role;

use crate::support::{Response, shared};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/routes.csv");

#[test]
fn the_table_of_routes_is_the_file() {
    let now = web::routes_table();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(TABLE, &now).unwrap();
    }
    let kept = std::fs::read_to_string(TABLE).unwrap_or_default();
    assert_eq!(kept, now, "a route changed: look at it, then run again with BLESS=1");
}

/// An address for a route; what stands in it exists, so that a refusal is one of rights.
fn address(path: &str) -> String {
    path.replace("{question}", "pipeline")
        .replace("{figure}", "won")
        .replace("{table}", "sources")
        .replace("{hash}", "0")
        .replace("{name}", "x")
        .replace("{id}", "nobody")
}

#[test]
fn every_role_is_let_in_exactly_where_the_table_says_so() {
    let server = shared();
    let mut table = csv::Reader::from_path(TABLE).unwrap();
    let heads: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
    let mut n = 0;
    for row in table.records() {
        let row = row.unwrap();
        let (method, path) = (&row[0], address(&row[1]));
        // Signing out or being watched for long would end what the other tests need.
        if path == "/progress" {
            continue;
        }
        for (head, allowed) in heads.iter().zip(&row).skip(3) {
            let Some(role) = Role::parse(head) else { continue };
            let cookie = if path == "/logout" || path.starts_with("/settings/") {
                server.sign_in(&{
                    server.cookie(role, None);
                    format!("{role}-all@fennmark.example")
                })
            } else {
                server.cookie(role, None)
            };
            let told = send(server, method, &path, &cookie);
            let refused = told.status == 403;
            assert_eq!(refused, allowed == "no", "{method} {path} as {role}: {told:?}");
            assert_ne!(told.status / 100, 5, "{method} {path} as {role}: {}", told.text());
            n += 1;
        }
        let told = send(server, method, &path, "");
        let open = row[heads.iter().position(|head| head == "nobody").unwrap()] == *"yes";
        if !open && path.starts_with("/api/") {
            assert_eq!((told.status, &*told.code()), (401, "not-signed-in"), "{method} {path}");
            assert_eq!(told.header("www-authenticate"), "Bearer");
        } else if !open {
            assert_eq!(told.status, 303, "{method} {path}");
            assert!(told.header("location").starts_with("/login?next=%2F"), "{method} {path}");
        } else {
            // Signing in without a password is refused for what it is.
            let known = if path == "/login" { 403 } else { 401 };
            assert!(told.status != 403 && told.status != known, "{method} {path}: {told:?}");
        }
    }
    assert!(n > 300, "{n}");
}

fn send(server: &crate::support::Running, method: &str, path: &str, cookie: &str) -> Response {
    let kind = if path.starts_with("/api/") {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let headers = [("cookie", cookie), ("content-type", kind), ("sec-fetch-site", "same-origin")];
    server.ask(method, path, &headers, if kind.ends_with("json") { b"{}" } else { b"" })
}

#[test]
fn the_headers_of_safety_are_on_every_answer() {
    let server = shared();
    let ceo = server.cookie(Role::Ceo, None);
    let asset = show::html::assets().iter().find(|asset| asset.name == "app.css").unwrap().url();
    for (path, cookie, status) in [
        ("/", &*ceo, 200),
        ("/pipeline", &ceo, 200),
        ("/pipeline", "", 303),
        ("/nothing/here", &ceo, 404),
        ("/pipeline?x=1", &ceo, 400),
        ("/login", "", 200),
        ("/healthz", "", 200),
        (&asset, "", 200),
        ("/static/x/y", "", 404),
        ("/api/v1/me", &ceo, 200),
        ("/api/v1/me", "", 401),
        ("/api/v1/nothing", "", 404),
        ("/pipeline/rows/won.csv", &ceo, 200),
        ("/%00", "", 400),
    ] {
        let told = server.get(path, cookie);
        assert_eq!(told.status, status, "{path}: {}", told.text());
        let policy = told.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(told.header(name), value, "{path}");
        }
        let kept = told.header("cache-control");
        let lasting = path == asset;
        assert_eq!(kept.contains("immutable"), lasting, "{path}: {kept}");
        assert_eq!(kept == "no-store", !lasting, "{path}: {kept}");
        assert!(!told.header("x-request-id").is_empty(), "{path}");
        assert_eq!(told.header("server"), "", "{path}");
    }
}

#[test]
fn who_sees_one_segment_sees_it_everywhere_and_no_other() {
    let server = shared();
    let all = server.cookie(Role::Analyst, None);
    let segments = server.get("/api/v1/questions/pipeline?by=segment", &all).json();
    let table = &segments["data"]["tables"][1];
    let known: Vec<String> = segments["data"]["tables"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|table| table["rows"].as_array().unwrap())
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    let definitions = project::Project::find(Some(&server.root())).unwrap().definitions().unwrap();
    let segment = definitions.segments.iter().map(|one| one.id.to_string());
    let segment = segment.into_iter().find(|id| known.contains(id));
    let Some(segment) = segment else { panic!("{table}") };
    let limited = server.cookie(Role::Cro, Some(&segment));
    // The same address at the same time: each gets the own rows.
    let path = "/api/v1/questions/pipeline";
    let mine = server.get(path, &limited).json();
    assert_eq!(mine["data"]["asked"]["segment"], *segment);
    assert_eq!(server.get(path, &all).json()["data"]["asked"]["segment"], serde_json::Value::Null);
    let asked = server.get(&format!("{path}?segment={segment}"), &all).json();
    assert_eq!(asked["data"]["figures"], mine["data"]["figures"]);
    for (id, value) in mine["data"]["figures"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|figure| figure["evidence"].is_object())
        .map(|figure| (figure["id"].as_str().unwrap(), &figure["value"]))
    {
        let told = server.get(&format!("{path}/rows/{id}?page_size=1000"), &limited).json();
        assert_eq!(&told["data"]["value"], value, "{id}");
        let columns = told["data"]["rows"]["columns"].as_array().unwrap();
        if let Some(at) = columns.iter().position(|column| column["name"] == "segment") {
            for row in told["data"]["rows"]["rows"].as_array().unwrap() {
                assert_eq!(row[at], *segment, "{id}");
            }
        }
    }
    // One that exists and one that does not are refused in the same words.
    let refused = |other: &str| {
        let told = server.get(&format!("{path}?segment={other}"), &limited);
        assert_eq!(told.status, 400);
        told.text().replace(other, "X")
    };
    assert_eq!(refused("unknown"), refused("never-was"));
    assert!(server.get("/board?segment=other", &limited).status == 400);
}
