//! Signing in at the pages through a real identity provider.

use serde_json::json;
use url::Url;

use crate::program::Company;
use crate::provider::{Browser, Real};
use crate::served::Served;

#[test]
fn people_who_were_invited_sign_in_through_a_real_provider_and_nobody_else_does() {
    let Some(mut real) = Real::start() else { return };
    let company = Company::new();
    let settings = format!(
        "[oidc]\nissuer = \"{}\"\nclient_id = \"throughline\"\nclient_secret_file = \"secret\"\n\
         name = \"Acme Login\"\n",
        real.issuer
    );
    company.write("server.toml", settings);
    company.write("secret", "a-secret-of-the-tests\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let secret = company.path().join("secret");
        std::fs::set_permissions(secret, PermissionsExt::from_mode(0o600)).expect("a mode");
    }
    for (email, way) in [
        ("carla@acme.example", &["--by-provider"][..]),
        ("unverified@acme.example", &["--by-provider"]),
        ("paula@acme.example", &[]),
    ] {
        let args = [&["user", "add", email, "--role", "cfo"], way].concat();
        company.run(&args).content();
    }
    let served = Served::start(&company.path(), json!({}));
    let home = &served.address;
    real.serve(&json!({ "redirects": [format!("{home}/login/oidc/callback")] }).to_string());
    let url = |path: &str| -> Url { format!("{home}{path}").parse().expect("an address") };

    let login = Browser::default().ask(&url("/login"), None);
    assert!(login.body.contains("Acme Login"), "{}", login.body);

    // A browser, at our pages and at the provider's: cookies of the two are kept apart.
    let sign_in = |name: &str| {
        let mut ours = Browser::default();
        let begun = ours.ask(&url("/login/oidc?next=%2Fhealth"), None);
        assert_eq!(begun.status, 303, "{}", begun.body);
        let redirect = begun.location.expect("it leads to the provider");
        assert!(redirect.starts_with(&real.issuer), "{redirect}");
        let back = Browser::default().sign_in(&redirect, name, home);
        let done = ours.ask(&back, None);
        (ours, done, back)
    };
    let (mut ours, done, back) = sign_in("carla");
    assert_eq!((done.status, done.location.as_deref()), (303, Some("/health")), "{}", done.body);
    let me = ours.ask(&url("/api/v1/me"), None);
    assert!(me.status == 200 && me.body.contains("carla@acme.example"), "{}", me.body);
    // The address that the provider sent back to is worth nothing a second time.
    assert_ne!(ours.ask(&back, None).location.as_deref(), Some("/health"));
    // The second time the account is found by the person, not by the address.
    assert_eq!(sign_in("carla").1.status, 303);

    for name in ["dora", "somebody+carla", "unverified", "paula"] {
        let (mut ours, done, _) = sign_in(name);
        assert_eq!(done.status, 401, "{name}: {}", done.body);
        assert_ne!(ours.ask(&url("/api/v1/me"), None).status, 200, "{name}");
    }
    let audit = company.run(&["audit", "--json"]).content().stdout;
    for reason in ["not-invited", "another-subject", "account-has-a-password", "oidc-state"] {
        assert!(audit.contains(reason), "`{reason}` is not in the audit log:\n{audit}");
    }
    assert!(!audit.contains("acme.example"), "{audit}");
    served.is_sound();
}
