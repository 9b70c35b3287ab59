//! The whole login at a real provider, driven as a browser would.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use jiff::Timestamp;
use oidc::{Answered, Finished, Provider, Refusal, Settings};
use outbound::Secret;
use ureq::Agent;
use url::Url;

const BASE: &str = "https://throughline.acme.example";

/// A provider in a process of its own, ended with the test.
struct Real {
    process: Child,
    /// Kept open: a process whose output nobody takes may end.
    _output: BufReader<ChildStdout>,
    issuer: String,
}

impl Drop for Real {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Starts the provider, or says that the test is skipped.
fn start(wanted: &str) -> Option<Real> {
    let Some(packages) = std::env::var_os("THROUGHLINE_NODE")
        .filter(|folder| Path::new(folder).join("node_modules/oidc-provider").is_dir())
    else {
        eprintln!("skipped: no identity provider (scripts/test installs it)");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/provider.mjs");
    let mut process = Command::new("node")
        .arg(script)
        .arg(wanted)
        .env("THROUGHLINE_NODE", packages)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("node runs");
    let mut issuer = String::new();
    let mut output = BufReader::new(process.stdout.take().expect("its output is read"));
    output.read_line(&mut issuer).expect("it says where it is");
    Some(Real { process, _output: output, issuer: issuer.trim().to_owned() })
}

/// A browser that follows redirects until one leads away, and fills in the provider's forms.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn ask(&mut self, url: &Url, form: Option<&str>) -> (Option<String>, String) {
        let config = Agent::config_builder().max_redirects(0).http_status_as_error(false);
        let agent: Agent = config.proxy(None).build().into();
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let answer = match form {
            Some(form) => agent
                .post(url.as_str())
                .header("cookie", &cookies)
                .content_type("application/x-www-form-urlencoded")
                .send(form),
            None => agent.get(url.as_str()).header("cookie", &cookies).call(),
        };
        let mut answer = answer.expect("the provider answers");
        for set in answer.headers().get_all("set-cookie") {
            let set = set.to_str().expect("a cookie is text");
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = answer.headers().get("location");
        let location = location.map(|place| place.to_str().expect("it is text").to_owned());
        (location, answer.body_mut().read_to_string().expect("a page is text"))
    }

    /// Signs in as somebody and returns the address that the browser is sent back to.
    fn sign_in(&mut self, redirect: &str, name: &str) -> Url {
        let mut url: Url = redirect.parse().unwrap();
        let mut form = None;
        for _ in 0..12 {
            let (location, page) = self.ask(&url, form.take().as_deref());
            if let Some(location) = location {
                url = url.join(&location).unwrap();
                if url.as_str().starts_with(BASE) {
                    return url;
                }
            } else if page.contains("name=\"login\"") {
                form = Some(format!("prompt=login&login={name}&password=x"));
            } else if page.contains("value=\"consent\"") {
                form = Some("prompt=consent".to_owned());
            } else {
                unreachable!("the provider shows something else: {page}");
            }
        }
        unreachable!("the provider goes in circles");
    }
}

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
        r#"{"redirects": ["https://throughline.acme.example/login/oidc/callback"],
            "inToken": true, "method": "client_secret_post"}"#,
    ] {
        let Some(real) = start(wanted) else { return };
        let folder = tempfile::tempdir().unwrap();
        let right = provider(&real, folder.path(), "a-secret-of-the-tests\n");
        let begun = right.begin("/board", Timestamp::now()).unwrap();
        let back = Browser::default().sign_in(&begun.redirect, "carla");
        assert!(back.as_str().contains("iss="), "{back}");
        // Somebody who saw the address cannot use it in another browser.
        let thief = right.begin("/", Timestamp::now()).unwrap();
        assert_eq!(finish(&right, &thief.cookie, &back).unwrap_err(), Refusal::State);
        let finished = finish(&right, &begun.cookie, &back).unwrap();
        assert_eq!(finished.next, "/board");
        let identity = finished.identity;
        assert_eq!((&*identity.issuer, &*identity.subject), (&*real.issuer, "carla"));
        assert_eq!(identity.email.as_deref(), Some("carla@acme.example"));
        assert_eq!(identity.name.as_deref(), Some("Person carla"));
        assert_eq!(finish(&right, &begun.cookie, &back).unwrap_err(), Refusal::State);

        let begun = right.begin("/", Timestamp::now()).unwrap();
        let back = Browser::default().sign_in(&begun.redirect, "unverified");
        assert_eq!(finish(&right, &begun.cookie, &back).unwrap().identity.email, None);

        let wrong = provider(&real, folder.path(), "a-wrong-secret");
        let begun = wrong.begin("/", Timestamp::now()).unwrap();
        let back = Browser::default().sign_in(&begun.redirect, "carla");
        assert_eq!(finish(&wrong, &begun.cookie, &back).unwrap_err(), Refusal::Code);
    }
}
