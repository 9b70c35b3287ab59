//! What the settings may say, and what each fault is told.

use std::path::Path;

use oidc::Settings;

const GOOD: &str = "issuer = \"https://login.acme.example/tenant\"\nclient_id = \"throughline\"\n\
    client_secret_env = \"THROUGHLINE_OIDC_SECRET\"\nhosts = [\"Tokens.acme.example\"]\n";

fn read(section: &str, base: &str) -> Result<Option<Settings>, String> {
    let text = format!("base_url = \"x\"\n\n[digest]\nenabled = true\n\n[oidc]\n{section}");
    Settings::read("server.toml", &text, Path::new("/company"), base)
        .map_err(|faults| format!("{faults:#?}"))
}

#[test]
fn each_fault_names_the_key_and_says_what_to_write() {
    let base = "https://pages.acme.example";
    let settings = read(GOOD, base).unwrap().unwrap();
    assert_eq!(settings.redirect, "https://pages.acme.example/login/oidc/callback");
    assert_eq!(settings.hosts, ["login.acme.example", "tokens.acme.example"]);
    assert_eq!(Settings::read("server.toml", "", Path::new("/"), base).unwrap(), None);
    #[rustfmt::skip]
    let table = [
        // replace         by                              says
        ("https://login",  "http://login",                 "`issuer`"),
        ("issuer = ",      "isuer = ",                     "isuer"),
        ("\"throughline\"", "\"\"",                        "`client_id`"),
        ("client_id",      "client_secret_file = \"x\"\nclient_id", "both"),
        ("client_id",      "client_secret = \"x\"\nclient_id", "client_secret"),
    ];
    for (old, new, says) in table {
        let faults = read(&GOOD.replacen(old, new, 1), base).expect_err(new);
        assert!(faults.contains(says), "expected `{says}` in:\n{faults}");
    }
    let faults = read(GOOD, "http://pages.acme.example").unwrap_err();
    assert!(faults.contains("`base_url`"), "{faults}");
}
