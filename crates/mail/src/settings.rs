//! The section `[digest]` of the server's settings: whether, when, through which server, to whom.
//!
//! Nothing leaves the house unless this file says so: the one mail server is named here, and so are
//! the mail domains that digests may go to. A password never stands in the file itself.

use std::fmt;
use std::path::{Path, PathBuf};

use domain::Diagnostic;
use domain::diagnostic::Place;
use jiff::civil::Weekday;
use lettre::message::Mailbox;
use serde::Deserialize;
use url::{Host, Url};

use crate::error::Error;

/// How the connection to the mail server is kept private.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// TLS after a greeting in the clear; a server that does not offer it gets nothing (port 587).
    Starttls,
    /// In the clear; only to this machine itself (port 25).
    None,
}

impl Security {
    const fn port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::Starttls => 587,
            Self::None => 25,
        }
    }
}

/// Where the password is, never the password itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Secret {
    /// In a variable of the environment.
    Variable(String),
    /// In a file that nobody else can read.
    File(PathBuf),
}

/// What the settings say about digests.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept private.
    pub security: Security,
    /// The name to log in with, and where its password is.
    pub login: Option<(String, Secret)>,
    /// A certificate to trust besides the system's, where the company has its own authority.
    pub certificate: Option<PathBuf>,
    /// Who the digest is from.
    pub from: Mailbox,
    /// The day of the week.
    pub day: Weekday,
    /// The hour of the day, in the company's zone.
    pub hour: i8,
    /// The address of the pages, for links.
    pub base: Url,
    /// The mail domains that digests may go to, in lower case.
    pub domains: Vec<String>,
    /// The questions whose headline figures are sent; empty for the usual ones.
    pub questions: Vec<String>,
}

/// The section as written; everything is checked when it becomes [`Settings`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(default)]
    enabled: bool,
    host: Option<String>,
    port: Option<u16>,
    security: Option<Security>,
    user: Option<String>,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    certificate_file: Option<PathBuf>,
    from: Option<String>,
    day: Option<String>,
    hour: Option<i8>,
    base_url: Option<String>,
    #[serde(default)]
    recipient_domains: Vec<String>,
    #[serde(default)]
    questions: Vec<String>,
}

/// The other sections belong to others.
#[derive(Deserialize)]
struct File {
    digest: Option<Section>,
}

impl Settings {
    /// Reads the section `[digest]` of a settings file; `None` where there is none or where it is
    /// not switched on. `base` is the address of the pages where the section gives none; relative
    /// paths of secrets are taken from `folder`.
    pub fn read(
        file: &str,
        text: &str,
        folder: &Path,
        base: Option<&str>,
    ) -> Result<Option<Self>, Vec<Diagnostic>> {
        let whole: File = toml::from_str(text).map_err(|error| {
            let fault = Diagnostic::error("settings.digest", error.message().trim())
                .hint("See docs/digest.md for each key.");
            vec![match error.span() {
                Some(span) => fault.span(file, text, span),
                None => fault.at(Place::file(file)),
            }]
        })?;
        let Some(section) = whole.digest else { return Ok(None) };
        if !section.enabled {
            return Ok(None);
        }
        let mut faults = Vec::new();
        let settings = section.check(folder, base, &mut faults);
        let faults: Vec<Diagnostic> =
            faults.into_iter().map(|fault| fault.at(Place::file(file))).collect();
        match settings {
            Some(settings) if faults.is_empty() => Ok(Some(settings)),
            _ => Err(faults),
        }
    }

    /// True where digests may go to an address.
    pub fn allows(&self, address: &lettre::Address) -> bool {
        self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(address.domain()))
    }
}

impl Section {
    fn check(
        self,
        folder: &Path,
        base: Option<&str>,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Settings> {
        let mut fault = |message: String, hint: &str| {
            faults.push(Diagnostic::error("settings.digest", message).hint(hint));
        };
        let security = self.security.unwrap_or(Security::Tls);
        let host = self.host.unwrap_or_default();
        if host.is_empty() {
            fault(
                "`host` in [digest] is not given".to_owned(),
                "Name the mail server, for example host = \"smtp.example.com\".",
            );
        }
        if security == Security::None && !loopback_name(&host) {
            fault(
                format!("`security = \"none\"` in [digest] would send in the clear to `{host}`"),
                "Use \"tls\" or \"starttls\"; \"none\" is for a mail server on this machine only.",
            );
        }
        let secret = match (self.password_env, self.password_file) {
            (Some(_), Some(_)) => {
                fault(
                    "[digest] gives both `password_env` and `password_file`".to_owned(),
                    "Keep one of them.",
                );
                None
            }
            (Some(variable), None) => Some(Secret::Variable(variable)),
            (None, Some(path)) => Some(Secret::File(folder.join(path))),
            (None, None) => None,
        };
        let login = match (self.user, secret) {
            (Some(user), Some(secret)) => Some((user, secret)),
            (None, None) => None,
            _ => {
                fault(
                    "[digest] needs `user` and a password together".to_owned(),
                    "Give `user` and `password_env` or `password_file`, or none of them.",
                );
                None
            }
        };
        let from = self.from.unwrap_or_default();
        let from: Option<Mailbox> = from.parse().ok();
        if from.is_none() {
            fault(
                "`from` in [digest] is not an e-mail address".to_owned(),
                "For example: from = \"Throughline <throughline@example.com>\".",
            );
        }
        let day = self.day.as_deref().map_or(Some(Weekday::Monday), weekday);
        if day.is_none() {
            fault(
                "`day` in [digest] is not a day of the week".to_owned(),
                "For example: day = \"monday\".",
            );
        }
        let hour = self.hour.unwrap_or(7);
        if !(0..24).contains(&hour) {
            fault(
                format!("`hour` in [digest] is {hour}"),
                "Give a full hour from 0 to 23, in the zone of the company.",
            );
        }
        let base = self.base_url.as_deref().or(base).unwrap_or_default();
        let base = base_url(base);
        if base.is_none() {
            fault(
                "`base_url` in [digest] is not the address of the pages".to_owned(),
                "Give the address that readers open, for example \
                 base_url = \"https://throughline.example.com\".",
            );
        }
        if self.recipient_domains.is_empty() {
            fault(
                "`recipient_domains` in [digest] names no mail domain".to_owned(),
                "Name the domains that figures may be mailed to, for example \
                 recipient_domains = [\"example.com\"].",
            );
        }
        let domains = self.recipient_domains.iter();
        let domains = domains.map(|name| name.trim_start_matches('@').to_lowercase()).collect();
        Some(Settings {
            port: self.port.unwrap_or_else(|| security.port()),
            host,
            security,
            login,
            certificate: self.certificate_file.map(|path| folder.join(path)),
            from: from?,
            day: day?,
            hour,
            base: base?,
            domains,
            questions: self.questions,
        })
    }
}

/// True for a name or an address that can only be this machine.
fn loopback_name(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Reads the address of the pages: https, or http on this machine, and nothing after the path.
pub(crate) fn base_url(text: &str) -> Option<Url> {
    let mut url: Url = text.parse().ok()?;
    let loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    if !plain || !scheme || url.password().is_some() {
        return None;
    }
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(url)
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name.to_lowercase().as_str() {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

impl Secret {
    /// Reads the password; a file must be readable by its owner only.
    pub fn read(&self) -> Result<String, Error> {
        let fault = |why: &str| Error::Secret { what: self.to_string(), why: why.to_owned() };
        let text = match self {
            Self::Variable(name) => std::env::var(name)
                .map_err(|_| fault("is not set; the password is read from it"))?,
            Self::File(path) => {
                let kept = std::fs::metadata(path).map_err(|_| fault("cannot be read"))?;
                if open_to_others(&kept) {
                    return Err(fault("can be read by others; run `chmod 600` on it"));
                }
                std::fs::read_to_string(path).map_err(|_| fault("cannot be read as text"))?
            }
        };
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(fault("is empty; the password is read from it"));
        }
        Ok(password.to_owned())
    }
}

#[cfg(unix)]
fn open_to_others(kept: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    kept.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn open_to_others(_kept: &std::fs::Metadata) -> bool {
    false
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable `{name}`"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}
