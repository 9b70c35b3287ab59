//! What the settings may say, and what each fault is told.

use std::path::Path;

use mail::Settings;

const GOOD: &str = "enabled = true\nhost = \"smtp.acme.example\"\nuser = \"throughline\"\n\
    password_env = \"THROUGHLINE_SMTP_PASSWORD\"\nfrom = \"throughline@acme.example\"\n\
    recipient_domains = [\"ACME.example\"]\n";

fn read(section: &str, base: Option<&str>) -> Result<Option<Settings>, String> {
    let base = base.map_or_else(String::new, |base| format!("base_url = \"{base}\"\n"));
    let text = format!("{base}\n[oidc]\nissuer = \"x\"\n\n[digest]\n{section}");
    Settings::read("server.toml", &text, Path::new("/company"))
        .map_err(|faults| format!("{faults:#?}"))
}

#[test]
fn nothing_is_sent_unless_the_section_is_there_and_switched_on() {
    let base = Some("https://pages.acme.example");
    assert_eq!(Settings::read("server.toml", "", Path::new("/")).unwrap(), None);
    assert_eq!(read("", base).unwrap(), None);
    assert_eq!(read(&GOOD.replace("true", "false"), base).unwrap(), None);
    let settings = read(GOOD, base).unwrap().unwrap();
    assert_eq!((settings.port, settings.hour), (465, 7));
    assert!(settings.allows(&"Cfo@Acme.Example".parse().unwrap()));
    assert!(!settings.allows(&"cfo@acme.example.org".parse().unwrap()));
    assert!(!settings.allows(&"cfo@mail.acme.example".parse().unwrap()));
}

#[test]
fn each_fault_names_the_key_and_says_what_to_write() {
    let base = Some("https://pages.acme.example");
    #[rustfmt::skip]
    let table = [
        // replace                             by                                says
        ("host = ",                            "hots = ",                        "hots"),
        ("smtp.acme.example",                  "",                               "`host`"),
        ("enabled = true",                     "enabled = true\nsecurity = \"none\"", "in the clear"),
        ("enabled = true",                     "enabled = true\nsecurity = \"ssl\"",  "starttls"),
        ("enabled = true",                     "enabled = true\nday = \"mon\"",   "`day`"),
        ("enabled = true",                     "enabled = true\nhour = 24",       "`hour`"),
        ("enabled = true",                     "enabled = true\nbase_url = \"http://pages.acme.example\"", "`base_url`"),
        ("enabled = true",                     "enabled = true\nbase_url = \"javascript:alert(1)\"", "`base_url`"),
        ("enabled = true",                     "enabled = true\npassword_file = \"x\"", "both"),
        ("enabled = true",                     "enabled = true\npassword = \"x\"", "password"),
        ("user = \"throughline\"\n",           "",                               "together"),
        ("throughline@acme.example",           "nobody",                         "`from`"),
        ("[\"ACME.example\"]",                 "[]",                             "`recipient_domains`"),
    ];
    for (old, new, says) in table {
        let faults = read(&GOOD.replace(old, new), base).expect_err(new);
        assert!(faults.contains(says), "expected `{says}` in:\n{faults}");
    }
    let faults = read(GOOD, None).unwrap_err();
    assert!(faults.contains("`base_url`"), "{faults}");
}
