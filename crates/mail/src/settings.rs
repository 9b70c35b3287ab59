//! The section `[digest]` of the server's settings: whether, when, through which server, to whom.
//!
//! Nothing leaves the house unless this file says so: the one mail server is named here, and so are
//! the mail domains that digests may go to. A password never stands in the file itself.

use std::path::{Path, PathBuf};

use domain::Diagnostic;
use domain::diagnostic::Place;
use jiff::civil::Weekday;
use lettre::message::Mailbox;
use outbound::{Secret, base_url, this_machine};
use serde::Deserialize;
use url::Url;

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
    base_url: Option<String>,
    digest: Option<Section>,
}

impl Settings {
    /// Reads the section `[digest]` of a settings file; `None` where there is none or where it is
    /// not switched on. Links lead to the `base_url` of the section, else to that of the file;
    /// relative paths of secrets are taken from `folder`.
    pub fn read(file: &str, text: &str, folder: &Path) -> Result<Option<Self>, Vec<Diagnostic>> {
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
        let settings = section.check(folder, whole.base_url.as_deref(), &mut faults);
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
        if security == Security::None && !this_machine(&host) {
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
