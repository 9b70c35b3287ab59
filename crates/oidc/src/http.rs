//! Asks the identity provider, and nobody else.
//!
//! No redirect is followed, no proxy of the environment is used, an answer has 20 seconds and a
//! mebibyte. The name is resolved once and what was checked is what is connected.

use std::sync::Arc;
use std::time::Duration;

use openidconnect::http::{self, Method};
use openidconnect::{HttpRequest, HttpResponse};
use outbound::{Closed, Reach, this_machine};
use ureq::Agent;
use ureq::config::Config;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::settings::Settings;

const PATIENCE: Duration = Duration::from_secs(20);
const BYTES_MOST: u64 = 1 << 20;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The host is not among those that are allowed, or the way there is not private.
    #[error("`{0}` may not be asked")]
    Host(String),
    /// The certificate file of the settings cannot be read.
    #[error("the certificate of the settings cannot be read")]
    Certificate,
    /// The answer has no form.
    #[error("the answer cannot be read")]
    Answer(#[from] http::Error),
    /// The world around.
    #[error("the host cannot be reached")]
    World(#[from] ureq::Error),
}

/// The way to the provider.
pub(crate) struct Client {
    agent: Agent,
    hosts: Vec<String>,
    /// Whether the provider is on this machine, where http is private enough.
    here: bool,
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Fault> {
        let here = settings.issuer.starts_with("http:");
        let roots = match &settings.certificate {
            Some(path) => {
                let pem = std::fs::read(path).map_err(|_| Fault::Certificate)?;
                vec![Certificate::from_pem(&pem).map_err(|_| Fault::Certificate)?]
            }
            None => rustls_native_certs::load_native_certs()
                .certs
                .iter()
                .map(|certificate| Certificate::from_der(certificate).to_owned())
                .collect(),
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::from(roots))
            .build();
        let config = Agent::config_builder()
            .https_only(!here)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .user_agent("throughline")
            .tls_config(tls)
            .build();
        let reach = if here { Reach::ThisMachine } else { Reach::AnyMachine };
        let agent = Agent::with_parts(config, DefaultConnector::default(), Checked(reach));
        Ok(Self { agent, hosts: settings.hosts.clone(), here })
    }

    /// True where a host may be asked, or a browser be sent there.
    pub(crate) fn allows(&self, url: &url::Url) -> bool {
        let host = url.host_str().unwrap_or_default().to_lowercase();
        let private = url.scheme() == "https" || (self.here && this_machine(&host));
        private && self.hosts.contains(&host)
    }

    /// Sends a request.
    pub(crate) fn call(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let url: Option<url::Url> = request.uri().to_string().parse().ok();
        if !url.as_ref().is_some_and(|url| self.allows(url)) {
            let host = request.uri().host().unwrap_or_default();
            return Err(Fault::Host(host.to_owned()));
        }
        let answer = if request.method() == Method::GET {
            self.agent.run(request.map(|_| ()))?
        } else {
            self.agent.run(request)?
        };
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(BYTES_MOST).read_to_vec()?;
        let mut whole = http::Response::builder().status(head.status);
        for (name, value) in &head.headers {
            whole = whole.header(name, value);
        }
        Ok(whole.body(body)?)
    }
}

/// Resolves names by the rules for everything that leaves.
#[derive(Debug)]
struct Checked(Reach);

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &http::Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let port =
            uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let found = outbound::resolve(uri.host().unwrap_or_default(), port, self.0);
        let found = found.map_err(|closed| match closed {
            Closed::Nowhere => ureq::Error::HostNotFound,
            other => ureq::Error::Other(Box::new(other)),
        })?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(8) {
            addresses.push(address);
        }
        Ok(addresses)
    }
}
