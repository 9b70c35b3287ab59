//! How the server is set: addresses, limits, the log.
//!
//! `server.toml` beside `throughline.toml` says it; options of the command line come before it. It
//! holds no secret, so it may stand in the company's repository.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use project::{Failure, Kind};

pub use crate::edge::Limits;

/// Where the server listens unless it is told otherwise: this machine only.
pub const LISTEN: &str = "127.0.0.1:7117";

/// What is written to the log for a request.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// When it was answered.
    pub at: Timestamp,
    /// Its number.
    pub id: &'a str,
    /// Method.
    pub method: &'a str,
    /// The route; never what a person wrote into it.
    pub path: &'a str,
    /// Status.
    pub status: u16,
    /// How long it took.
    pub milliseconds: f64,
    /// Identifier of the account.
    pub account: Option<&'a str>,
    /// From where.
    pub address: IpAddr,
    /// Why it was refused, as a code.
    pub code: Option<&'a str>,
    /// What went wrong, for whoever looks into it.
    pub detail: Option<&'a str>,
}

impl Line<'_> {
    /// The line as JSON.
    pub fn json(&self) -> String {
        let line = serde_json::json!({
            "at": self.at.to_string(),
            "request": self.id,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": (self.milliseconds * 10.0).round() / 10.0,
            "account": self.account,
            "address": self.address.to_string(),
            "code": self.code,
            "detail": self.detail,
        });
        show::json::line(&line)
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, id, method, path, status, milliseconds, .. } = self;
        write!(f, "{at} {id} {method} {path} {status} {milliseconds:.1} ms")?;
        write!(f, " {} {}", self.account.unwrap_or("-"), self.address)?;
        if let Some(code) = self.code {
            write!(f, " {code}")?;
        }
        if let Some(detail) = self.detail {
            write!(f, " {}", show::visible::visible(detail))?;
        }
        Ok(())
    }
}

/// Where lines of the log go.
pub type Log = Arc<dyn Fn(&Line<'_>) + Send + Sync>;

/// How the server is set.
#[derive(Clone)]
pub struct Settings {
    /// The address by which people reach it, without a slash at the end.
    pub base: String,
    /// Values of `Origin` that are ours.
    pub origins: Vec<String>,
    /// Proxies that are believed when they say who their client is.
    pub trusted_proxies: Vec<IpAddr>,
    /// Name of the session's cookie.
    pub cookie: String,
    /// Limits.
    pub limits: Limits,
    /// The log.
    pub log: Log,
    /// Rows that a chief may take away as one file; analysts and administrators ten times as many.
    pub export_rows: usize,
    /// The identity provider, where there is one.
    pub provider: Option<Arc<oidc::Provider>>,
    /// The company that is simulated: its pages say so.
    pub sample_company: Option<String>,
    /// The weekly mail, where there is one.
    pub digest: Option<Arc<mail::Schedule>>,
    /// Where remarks go that belong to no request.
    pub remark: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Settings {
    /// Settings for a server that listens at an address and is reached by a base address. Other
    /// machines are let in only through https.
    pub fn new(listen: SocketAddr, base: Option<&str>) -> Result<Self, Failure> {
        let base = match base {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None if listen.ip().is_loopback() => format!("http://{listen}"),
            None => {
                return Err(Failure::usage(
                    format!(
                        "{listen} can be reached from other machines, and no base address is set"
                    ),
                    "Say with `--base-url https://…` (or `base_url` in server.toml) by which \
                     address people reach the server through https; a proxy in front of it holds \
                     the certificate.",
                ));
            }
        };
        let origin = base.split_once("://").map(|(scheme, rest)| {
            (scheme.to_ascii_lowercase(), rest.split('/').next().unwrap_or_default().to_owned())
        });
        let (scheme, host) = origin.filter(|(_, host)| !host.is_empty()).ok_or_else(|| {
            Failure::usage(
                format!("`{base}` is not a base address"),
                "For example https://throughline.example.com.",
            )
        })?;
        if base.len() != scheme.len() + 3 + host.len() {
            return Err(Failure::usage(
                format!("the base address `{base}` has a path"),
                "Give the server a host name of its own.",
            ));
        }
        let name = host.rsplit_once(':').map_or(&*host, |(name, _)| name);
        let here = name == "localhost"
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        // The base says what people are told; the listener says who gets in.
        let alone = listen.ip().to_canonical().is_loopback();
        if scheme != "https" && !(scheme == "http" && here && alone) {
            return Err(Failure::usage(
                if alone {
                    format!("the base address `{base}` is not https")
                } else {
                    format!(
                        "{listen} can be reached from other machines, and `{base}` is not https"
                    )
                },
                "Passwords and figures go over the network only through https.",
            ));
        }
        let mut origins = vec![format!("{scheme}://{host}")];
        if scheme == "http" {
            let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
            for name in ["127.0.0.1", "localhost", "[::1]"] {
                origins.push(format!("http://{name}:{port}"));
            }
        }
        // A prefix that browsers tie to https; over plain http to this machine a plain name, with
        // the port, since cookies of all ports of a host are shared.
        let cookie = if scheme == "https" {
            "__Host-throughline".to_owned()
        } else {
            format!("throughline-{}", host.rsplit_once(':').map_or("80", |(_, port)| port))
        };
        Ok(Self {
            base,
            origins,
            trusted_proxies: Vec::new(),
            cookie,
            limits: Limits::default(),
            log: Arc::new(|_| {}),
            export_rows: 1_000_000,
            provider: None,
            sample_company: None,
            digest: None,
            remark: Arc::new(|_| {}),
        })
    }

    /// True where people reach it through https.
    pub fn secure(&self) -> bool {
        self.base.starts_with("https:")
    }
}

/// What `server.toml` says; all of it is optional.
#[derive(Clone, Default, Debug)]
pub struct ServerFile {
    /// Where to listen.
    pub listen: Option<String>,
    /// The address by which people reach the server.
    pub base_url: Option<String>,
    /// Addresses of proxies that are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether a second factor is required: by default where other machines are let in.
    pub second_factor: Option<bool>,
    /// Rows that a chief may take away as one file.
    pub export_rows: Option<usize>,
    /// The whole text: the sections `[oidc]` and `[digest]` are read by those whose they are.
    pub text: String,
}

impl ServerFile {
    /// Reads it from the company's folder; one that is not there says nothing.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(root.join("server.toml")) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                let what = format!("server.toml cannot be read: {error}");
                return Err(Failure::new(Kind::World, "file", what));
            }
        };
        Self::parse(&text)
    }

    /// Reads the identity provider from the company's folder; `base` is the address by which people
    /// reach the server.
    pub fn provider(root: &Path, base: &str) -> Result<Option<oidc::Provider>, Failure> {
        let text = std::fs::read_to_string(root.join("server.toml")).unwrap_or_default();
        oidc::Settings::read("server.toml", &text, root, base)
            .map(|settings| settings.map(oidc::Provider::new))
            .map_err(|diagnostics| Failure { kind: Kind::Usage, diagnostics })
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            Failure::usage(format!("server.toml: {}", error.message()), "Correct it.")
        })?;
        let mut file = Self { text: text.to_owned(), ..Self::default() };
        for (key, value) in table {
            let kind = |expected: &str| {
                Failure::usage(format!("server.toml: `{key}` is not {expected}"), "Correct it.")
            };
            match key.as_str() {
                "listen" => file.listen = Some(text_of(&value).ok_or_else(|| kind("a text"))?),
                "base_url" => file.base_url = Some(text_of(&value).ok_or_else(|| kind("a text"))?),
                "trusted_proxies" => {
                    let addresses = || {
                        let all = value.as_array()?.iter();
                        all.map(|one| one.as_str()?.parse().ok()).collect::<Option<Vec<_>>>()
                    };
                    file.trusted_proxies =
                        addresses().ok_or_else(|| kind("a list of addresses"))?;
                }
                "second_factor" => {
                    file.second_factor = Some(match value.as_str() {
                        Some("required") => true,
                        Some("optional") => false,
                        _ => return Err(kind("`required` or `optional`")),
                    });
                }
                "export_rows" => {
                    let rows = value.as_integer().and_then(|rows| usize::try_from(rows).ok());
                    file.export_rows = Some(rows.ok_or_else(|| kind("a number of rows"))?);
                }
                "oidc" | "digest" | "lake" => {
                    if !value.is_table() {
                        return Err(kind("a section"));
                    }
                }
                _ => {
                    let known = [
                        "listen",
                        "base_url",
                        "trusted_proxies",
                        "second_factor",
                        "export_rows",
                        "oidc",
                        "digest",
                        "lake",
                    ];
                    let failure = project::not_one_of("key of server.toml", &key, &known);
                    return Err(failure);
                }
            }
        }
        Ok(file)
    }
}

fn text_of(value: &toml::Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_are_let_in_only_through_https() {
        let new = |listen: &str, base| Settings::new(listen.parse().unwrap(), base);
        let here = new("127.0.0.1:7117", None).unwrap();
        assert_eq!((&*here.base, &*here.cookie), ("http://127.0.0.1:7117", "throughline-7117"));
        assert!(here.origins.contains(&"http://localhost:7117".to_owned()));
        assert!(new("0.0.0.0:7117", None).is_err());
        assert!(new("0.0.0.0:7117", Some("http://throughline.example.com")).is_err());
        assert!(new("0.0.0.0:7117", Some("http://localhost:7117")).is_err());
        assert!(new("127.0.0.1:7117", Some("http://localhost:7117")).is_ok());
        assert!(new("127.0.0.1:7117", Some("http://127.0.0.1.evil.example")).is_err());
        assert!(new("0.0.0.0:7117", Some("https://a.example/path")).is_err());
        let there = new("0.0.0.0:7117", Some("https://a.example/")).unwrap();
        assert_eq!((&*there.base, &*there.cookie), ("https://a.example", "__Host-throughline"));
        assert_eq!(there.origins, ["https://a.example"]);
    }

    #[test]
    fn a_slip_in_the_file_is_named() {
        let told = |text| ServerFile::parse(text).unwrap_err().diagnostics.remove(0).message;
        assert!(told("base_ulr = 'x'").contains("`base_ulr` is not one of"));
        assert!(told("trusted_proxies = ['x']").contains("`trusted_proxies` is not a list"));
        let file = ServerFile::parse("base_url = 'https://a'\n[oidc]\nissuer = 'x'").unwrap();
        assert_eq!(file.base_url.as_deref(), Some("https://a"));
        assert!(file.text.contains("issuer"));
    }
}
