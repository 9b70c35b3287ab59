//! Signing in, and what is one's own.

use access::Role;

use crate::support::{PASSWORD, loaded, shared, start};

/// The value of the cookie that an answer sets.
fn cookie_of(told: &crate::support::Response) -> String {
    told.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

#[test]
fn the_first_account_is_made_by_the_link_of_the_console_and_only_once() {
    let server = start(loaded(), |_| {});
    assert_eq!(server.get("/setup", "").status, 404);
    let first = server.access.first_token().unwrap().unwrap();
    let link = format!("/setup?token={}", first.secret.reveal());
    let page = server.get(&link, "");
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("name=\"password\""));
    let form = |password: &str| {
        let token = first.secret.reveal();
        format!("token={token}&email=ada%40fennmark.example&name=Ada&password={password}")
    };
    let weak = server.post("/setup", "", &form("short"));
    assert_eq!(weak.status, 422);
    assert!(weak.text().contains("ada@fennmark.example"), "what was typed is kept");
    let made = server.post("/setup", "", &form("seven+mild+herons+under+one+bridge"));
    assert_eq!((made.status, made.header("location")), (303, "/"), "{}", made.text());
    let cookie = cookie_of(&made);
    let attributes = made.header("set-cookie");
    assert!(attributes.contains("; Path=/; HttpOnly; SameSite=Lax"), "{attributes}");
    assert_eq!(server.get("/api/v1/me", &cookie).json()["data"]["role"], "administrator");
    // Afterwards there is no set-up.
    assert_eq!(server.get(&link, "").status, 410);
    assert_eq!(server.get("/setup", "").status, 404);
    assert!(server.access.first_token().unwrap().is_none());
}

#[test]
fn one_signs_in_goes_on_and_signs_out() {
    let server = shared();
    server.person("mae@fennmark.example", Role::Cmo, None);
    let sent_away = server.get("/pipeline?period=2026Q1", "");
    let login = "/login?next=%2Fpipeline%3Fperiod%3D2026Q1";
    assert_eq!((sent_away.status, sent_away.header("location")), (303, login));
    assert!(server.get(login, "").text().contains("/pipeline?period=2026Q1"));
    let wrong = server.post("/login", "", "email=mae@fennmark.example&password=wrong&next=%2F");
    assert_eq!(wrong.status, 401);
    let password = PASSWORD.replace(' ', "+");
    let form =
        format!("email=MAE@fennmark.example&password={password}&next=/pipeline?period=2026Q1");
    let form = form.replacen("=/pipeline?period=2026Q1", "=%2Fpipeline%3Fperiod%3D2026Q1", 1);
    let told = server.post("/login", "", &form);
    assert_eq!((told.status, told.header("location")), (303, "/pipeline?period=2026Q1"));
    let cookie = cookie_of(&told);
    assert_eq!(server.get("/pipeline", &cookie).status, 200);
    assert_eq!(server.get("/login", &cookie).status, 303);
    let out = server.post("/logout", &cookie, "");
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(server.get("/pipeline", &cookie).status, 303);
}

#[test]
fn an_invited_person_sets_a_password_and_a_changed_role_acts_at_once() {
    let server = shared();
    let administrator = server.cookie(Role::Administrator, None);
    let form = "email=new%40fennmark.example&name=New+Person&role=viewer&segment=";
    let page = server.post("/people", &administrator, form);
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    let link = text.split("/setup?token=").nth(1).unwrap();
    let token: String =
        link.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let page = server.get(&format!("/setup?token={token}"), "");
    assert!(page.text().contains("new@fennmark.example"), "{}", page.text());
    let form = format!("token={token}&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(server.post("/setup", "", &form).status, 303);
    assert_eq!(server.post("/setup", "", &form).status, 410);
    let cookie = server.sign_in("new@fennmark.example");
    assert_eq!(server.get("/pipeline/rows/won", &cookie).status, 403);
    let id = server.caller(&cookie).account;
    let changed = server.post(&format!("/people/{id}/role"), &administrator, "role=cfo&segment=");
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(server.get("/pipeline", &cookie).status, 303, "the old session has ended");
    let cookie = server.sign_in("new@fennmark.example");
    assert_eq!(server.get("/pipeline/rows/won", &cookie).status, 200);
    let closed = server.post(&format!("/people/{id}/disable"), &administrator, "");
    assert_eq!(closed.status, 200);
    assert_eq!(server.get("/pipeline", &cookie).status, 303);
    let unknown = server.post("/people/nobody/role", &administrator, "role=cfo&segment=");
    assert_eq!(unknown.status, 404);
}

#[test]
fn ones_own_settings_are_changed_by_forms() {
    let server = shared();
    server.person("own@fennmark.example", Role::Analyst, None);
    let cookie = server.sign_in("own@fennmark.example");
    let page = server.get("/settings", &cookie);
    assert_eq!(page.status, 200);
    let made = server.post("/settings/tokens", &cookie, "name=report&role=viewer&days=30");
    let text = made.text();
    assert!(text.contains("tl_"), "{text}");
    let of_token = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let token: String = text.split("tl_").nth(1).unwrap().chars().take_while(of_token).collect();
    assert!(!token.is_empty());
    assert!(!server.get("/settings", &cookie).text().contains(&token), "a token is shown once");
    let saved = server.post("/settings/preferences", &cookie, "theme=dark&shortcuts=");
    assert_eq!(saved.status, 200, "{}", saved.text());
    assert!(server.get("/pipeline", &cookie).text().contains("data-theme=\"dark\""));
    let begun = server.post("/settings/factor", &cookie, "").text();
    assert!(begun.contains("<svg"), "{begun}");
    let wrong = server.post("/settings/factor/confirm", &cookie, "code=000000");
    assert!(wrong.status == 403 || wrong.status == 422, "{}", wrong.text());
    let form =
        format!("current={}&password=another+quiet+river+of+glass", PASSWORD.replace(' ', "+"));
    let changed = server.post("/settings/password", &cookie, &form);
    assert_eq!(changed.status, 200, "{}", changed.text());
    let new = cookie_of(&changed);
    assert_ne!(new, cookie);
    assert_eq!(server.get("/settings", &cookie).status, 303, "the old session has ended");
    assert_eq!(server.get("/settings", &new).status, 200);
}

#[test]
fn the_audit_log_says_who_did_what_without_what_they_saw() {
    let server = shared();
    let cfo = server.cookie(Role::Cfo, None);
    assert_eq!(server.get("/pipeline/rows/won.csv?period=2026Q2", &cfo).status, 200);
    assert_eq!(server.get("/people", &cfo).status, 403);
    let administrator = server.cookie(Role::Administrator, None);
    let rows = server
        .access
        .audit(access::Actor::Caller(&server.caller(&administrator)), None, 500)
        .unwrap();
    let account = server.caller(&cfo).account.to_string();
    let of = |action: &str| {
        rows.iter().find(|row| row.action == action && row.actor == account).unwrap()
    };
    assert!(of("export").outcome.contains("rows="), "{:?}", of("export"));
    assert_eq!(of("export").object, "/pipeline/rows/won.csv period=2026Q2");
    assert_eq!(of("refuse").outcome, "refused:not-allowed");
    let page = server.get("/audit", &administrator);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("export"));
    assert_eq!(server.get("/audit?page=100000", &administrator).status, 404);
}
