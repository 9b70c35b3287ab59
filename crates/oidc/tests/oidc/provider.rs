//! A real identity provider in a process of its own, and a browser that signs in there.
//!
//! Shared with the tests of the program, which take it by its path.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ureq::Agent;
use url::Url;

/// The provider, ended with the test.
pub(crate) struct Real {
    process: Child,
    input: ChildStdin,
    /// Kept open: a process whose output nobody takes may end.
    _output: BufReader<ChildStdout>,
    pub(crate) issuer: String,
}

impl Drop for Real {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Real {
    /// Starts it, or says that the test is skipped.
    pub(crate) fn start() -> Option<Self> {
        let Some(packages) = std::env::var_os("THROUGHLINE_NODE")
            .filter(|folder| Path::new(folder).join("node_modules/oidc-provider").is_dir())
        else {
            eprintln!("skipped: no identity provider (scripts/test installs it)");
            return None;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../oidc/tests/provider.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .env("THROUGHLINE_NODE", packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let mut issuer = String::new();
        let mut output = BufReader::new(process.stdout.take().expect("its output is read"));
        output.read_line(&mut issuer).expect("it says where it is");
        let input = process.stdin.take().expect("it is told what to serve");
        Some(Self { process, input, _output: output, issuer: issuer.trim().to_owned() })
    }

    /// Tells it whom to serve: one line of JSON.
    pub(crate) fn serve(&mut self, wanted: &str) {
        writeln!(self.input, "{wanted}").expect("it listens");
    }
}

/// What came back: where to go on, and the page.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

/// A browser with cookies for one host, which fills in the provider's forms.
#[derive(Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Asks for a page, or sends a form.
    pub(crate) fn ask(&mut self, url: &Url, form: Option<&str>) -> Page {
        let config = Agent::config_builder().max_redirects(0).http_status_as_error(false);
        let agent: Agent = config.proxy(None).build().into();
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let answer = match form {
            Some(form) => agent
                .post(url.as_str())
                .header("cookie", &cookies)
                .header("sec-fetch-site", "same-origin")
                .content_type("application/x-www-form-urlencoded")
                .send(form),
            None => agent.get(url.as_str()).header("cookie", &cookies).call(),
        };
        let mut answer = answer.expect("there is an answer");
        for set in answer.headers().get_all("set-cookie") {
            let set = set.to_str().expect("a cookie is text");
            let pair = set.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a cookie has a name");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = answer.headers().get("location");
        let location = location.map(|place| place.to_str().expect("it is text").to_owned());
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string().expect("a page is text");
        Page { status, location, body }
    }

    /// Signs in as somebody and returns the address below `home` that the browser is sent back to.
    pub(crate) fn sign_in(&mut self, redirect: &str, name: &str, home: &str) -> Url {
        let mut url: Url = redirect.parse().expect("it is an address");
        let mut form = None;
        for _ in 0..12 {
            let page = self.ask(&url, form.take().as_deref());
            if let Some(location) = page.location {
                url = url.join(&location).expect("it is an address");
                if url.as_str().starts_with(home) {
                    return url;
                }
            } else if page.body.contains("name=\"login\"") {
                let name = name.replace('+', "%2B");
                form = Some(format!("prompt=login&login={name}&password=x"));
            } else if page.body.contains("value=\"consent\"") {
                form = Some("prompt=consent".to_owned());
            } else {
                unreachable!("the provider shows something else: {} {}", page.status, page.body);
            }
        }
        unreachable!("the provider goes in circles");
    }
}
