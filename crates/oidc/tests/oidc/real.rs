//! The whole login at a real provider, driven as a browser would.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use oidc::{Answered, Finished, Provider, Refusal, Settings};
use outbound::Secret;
use url::Url;

use crate::HERE;
use crate::provider::{Browser, Real};

const BASE: &str = "https://throughline.acme.example";

fn provider(real: &Real, folder: &Path, secret: &str) -> Provider {
    let file = folder.join("secret");
    std::fs::write(&file, secret).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let text = format!(
        "[oidc]\nissuer = \"{}\"\nclient_id = \"throughline\"\nclient_secret_file = \"secret\"\n",
        real.issuer
    );
    let settings = Settings::read("server.toml", &text, folder, BASE).unwrap().unwrap();
    assert_eq!(settings.client_secret, Some(Secret::File(file)));
    Provider::new(settings)
}

fn finish(provider: &Provider, cookie: &str, back: &Url) -> Result<Finished, Refusal> {
    let query: BTreeMap<String, String> = back.query_pairs().into_owned().collect();
    let get = |name: &str| query.get(name).map(String::as_str);
    let answered =
        Answered { code: get("code"), state: get("state"), iss: get("iss"), error: get("error") };
    provider.finish(Some(cookie), &answered, Timestamp::now())
}

#[test]
fn people_sign_in_at_a_real_provider_and_a_code_is_worth_something_once() {
    for wanted in [
        r#"{"redirects": ["https://throughline.acme.example/login/oidc/callback"]}"#,
        r#"{"redirects": ["https://throughline.acme.example/login/oidc/callback"], "inToken": true, "method": "client_secret_post"}"#,
    ] {
        let Some(mut real) = Real::start() else { return };
        real.serve(wanted);
        let folder = tempfile::tempdir().unwrap();
        let right = provider(&real, folder.path(), "a-secret-of-the-tests\n");
        let begun = right.begin(HERE, "/board", Timestamp::now()).unwrap();
        let back = Browser::default().sign_in(&begun.redirect, "carla", BASE);
        assert!(back.as_str().contains("iss="), "{back}");
        // Somebody who saw the address cannot use it in another browser.
        let thief = right.begin(HERE, "/", Timestamp::now()).unwrap();
        assert_eq!(finish(&right, &thief.cookie, &back).unwrap_err(), Refusal::State);
        let finished = finish(&right, &begun.cookie, &back).unwrap();
        assert_eq!(finished.next, "/board");
        let identity = finished.identity;
        assert_eq!((&*identity.issuer, &*identity.subject), (&*real.issuer, "carla"));
        assert_eq!(identity.email.as_deref(), Some("carla@acme.example"));
        assert_eq!(identity.name.as_deref(), Some("Person carla"));
        assert_eq!(finish(&right, &begun.cookie, &back).unwrap_err(), Refusal::State);

        let begun = right.begin(HERE, "/", Timestamp::now()).unwrap();
        let back = Browser::default().sign_in(&begun.redirect, "unverified", BASE);
        assert_eq!(finish(&right, &begun.cookie, &back).unwrap().identity.email, None);

        let wrong = provider(&real, folder.path(), "a-wrong-secret");
        let begun = wrong.begin(HERE, "/", Timestamp::now()).unwrap();
        let back = Browser::default().sign_in(&begun.redirect, "carla", BASE);
        assert_eq!(finish(&wrong, &begun.cookie, &back).unwrap_err(), Refusal::Code);
    }
}
