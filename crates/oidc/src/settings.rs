//! The section `[oidc]` of the server's settings: which provider, and as whom we come.

use std::path::{Path, PathBuf};

use domain::Diagnostic;
use domain::diagnostic::Place;
use outbound::{Secret, base_url};
use serde::Deserialize;

/// What the settings say about the identity provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// What it is called on the login page.
    pub name: String,
    /// Who we are there.
    pub client_id: String,
    /// Where our secret is; none for a public client.
    pub client_secret: Option<Secret>,
    /// Where it sends the browser back to.
    pub redirect: String,
    /// The hosts that are asked: the issuer's, and those that the settings add.
    pub hosts: Vec<String>,
    /// Whether an e-mail address counts of which the provider does not say that it is verified.
    pub trust_unverified_email: bool,
    /// A certificate to trust instead of the system's.
    pub certificate: Option<PathBuf>,
}

/// The section as written; everything is checked when it becomes [`Settings`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    issuer: String,
    client_id: String,
    name: Option<String>,
    client_secret_env: Option<String>,
    client_secret_file: Option<PathBuf>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    trust_unverified_email: bool,
    certificate_file: Option<PathBuf>,
}

/// The other sections belong to others.
#[derive(Deserialize)]
struct File {
    oidc: Option<Section>,
}

impl Settings {
    /// Reads the section `[oidc]` of a settings file; `None` where there is none. `base` is the
    /// address of the pages; relative paths are taken from `folder`.
    pub fn read(
        file: &str,
        text: &str,
        folder: &Path,
        base: &str,
    ) -> Result<Option<Self>, Vec<Diagnostic>> {
        let whole: File = toml::from_str(text).map_err(|error| {
            let fault = Diagnostic::error("settings.oidc", error.message().trim())
                .hint("See docs/sign-in.md for each key.");
            vec![match error.span() {
                Some(span) => fault.span(file, text, span),
                None => fault.at(Place::file(file)),
            }]
        })?;
        let Some(section) = whole.oidc else { return Ok(None) };
        let mut faults = Vec::new();
        let settings = section.check(folder, base, &mut faults);
        match settings {
            Some(settings) if faults.is_empty() => Ok(Some(settings)),
            _ => Err(faults.into_iter().map(|fault| fault.at(Place::file(file))).collect()),
        }
    }
}

impl Section {
    fn check(self, folder: &Path, base: &str, faults: &mut Vec<Diagnostic>) -> Option<Settings> {
        let mut fault = |message: &str, hint: &str| {
            faults.push(Diagnostic::error("settings.oidc", message).hint(hint));
        };
        let issuer = base_url(&self.issuer);
        if issuer.is_none() {
            fault(
                "`issuer` in [oidc] is not an https address",
                "Write it exactly as the provider's discovery document names it.",
            );
        }
        let base = base_url(base);
        if base.is_none() {
            fault(
                "`base_url` is not the address of the pages, and [oidc] needs one",
                "Give the address that people open, for example \
                 base_url = \"https://throughline.example.com\".",
            );
        }
        if self.client_id.trim().is_empty() {
            fault("`client_id` in [oidc] is empty", "The provider gives one at registration.");
        }
        let client_secret = match (self.client_secret_env, self.client_secret_file) {
            (Some(_), Some(_)) => {
                fault(
                    "[oidc] gives both `client_secret_env` and `client_secret_file`",
                    "Keep one of them.",
                );
                None
            }
            (Some(variable), None) => Some(Secret::Variable(variable)),
            (None, Some(path)) => Some(Secret::File(folder.join(path))),
            (None, None) => None,
        };
        let issuer = issuer?;
        let mut hosts = vec![issuer.host_str()?.to_lowercase()];
        hosts.extend(self.hosts.iter().map(|host| host.to_lowercase()));
        Some(Settings {
            name: self.name.unwrap_or_else(|| "your company's login".to_owned()),
            issuer: self.issuer,
            client_id: self.client_id,
            client_secret,
            redirect: base?.join("login/oidc/callback").ok()?.into(),
            hosts,
            trust_unverified_email: self.trust_unverified_email,
            certificate: self.certificate_file.map(|path| folder.join(path)),
        })
    }
}
