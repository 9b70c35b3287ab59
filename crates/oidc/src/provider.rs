//! The login: begun here, proved there, believed here.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
    CoreClientAuthMethod, CoreGrantType, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse,
    CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    ProviderMetadata, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError,
    TokenResponse, TokenUrl, UserInfoError, UserInfoUrl,
};
use serde::{Deserialize, Serialize};

use crate::http::{Client, Fault};
use crate::pending::{Pending, Waiting, same};
use crate::refusal::Refusal;
use crate::settings::Settings;

/// What the provider says about itself is asked anew after this.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Where its keys do not fit, or it was not reached, it is asked anew after this.
const ASKED_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How long a login waits while another one asks the provider about itself.
const OTHERS_WAIT: Duration = Duration::from_secs(2);
/// Clocks may differ by so much.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// Signatures that only the provider can make. A secret that two share is none of them.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// Characters of a subject (OpenID Connect Core 1.0, section 2).
const SUBJECT_MOST: usize = 255;
const NAME_MOST: usize = 200;

/// A person as the provider names them; every field comes from a token that was verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// The person at the provider.
    pub subject: String,
    /// E-mail address, where the provider says that it is verified.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
}

/// A login that was begun.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begun {
    /// Where to send the browser.
    pub redirect: String,
    /// The value of a cookie for this browser, for ten minutes, sent along from other sites
    /// (`Lax`).
    pub cookie: String,
}

/// What the browser brings back in its query.
#[derive(Clone, Copy, Default, Debug)]
pub struct Answered<'a> {
    /// `code`.
    pub code: Option<&'a str>,
    /// `state`.
    pub state: Option<&'a str>,
    /// `iss` (RFC 9207).
    pub iss: Option<&'a str>,
    /// `error`.
    pub error: Option<&'a str>,
}

/// A login that was proved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished {
    /// Who it is.
    pub identity: Identity,
    /// Where the person wanted to go.
    pub next: String,
}

/// What we need to know beyond the library's fields.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct More {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Relying = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What the provider said about itself, and when it was asked.
struct Known {
    said: Result<Box<Metadata>, Refusal>,
    asked: Timestamp,
}

/// What is known of the provider, and whether somebody is asking it.
#[derive(Default)]
struct Asking {
    known: Option<Known>,
    under_way: bool,
}

/// Ends the asking, also where it failed in a way that nobody foresaw.
struct Asked<'a> {
    provider: &'a Provider,
    known: Option<Known>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let mut asking = self.provider.asking.lock().unwrap_or_else(PoisonError::into_inner);
        asking.under_way = false;
        if self.known.is_some() {
            asking.known = self.known.take();
        }
        drop(asking);
        self.provider.answered.notify_all();
    }
}

/// The identity provider of the settings. Calls block; shared by all threads.
pub struct Provider {
    settings: Settings,
    asking: Mutex<Asking>,
    answered: Condvar,
    waiting: Waiting,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Provider {
    /// The provider of the settings; it is not asked before somebody signs in.
    pub fn new(settings: Settings) -> Self {
        let (asking, answered) = (Mutex::default(), Condvar::new());
        Self { settings, asking, answered, waiting: Waiting::default() }
    }

    /// What it is called on the login page.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Begins a login from a network address: whoever begins many pushes out only their own.
    /// `next` is where the person wants to go, and comes back as it is.
    pub fn begin(&self, from: IpAddr, next: &str, now: Timestamp) -> Result<Begun, Refusal> {
        let http = self.http()?;
        let metadata = self.metadata(&http, now, false)?;
        let relying = self.relying(&metadata)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let random = || CsrfToken::new_random_len(32);
        let nonce = || Nonce::new_random_len(32);
        let (url, state, nonce) = relying
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, random, nonce)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let cookie = random().into_secret();
        let state = state.into_secret();
        let next = next.to_owned();
        let from = network(from);
        self.waiting.keep(&cookie, Pending { state, nonce, verifier, next, from, begun: now });
        Ok(Begun { redirect: url.into(), cookie })
    }

    /// Finishes a login by what the browser brought back; `cookie` is the value given at the
    /// beginning. A login can be finished once, whether it succeeds or not.
    pub fn finish(
        &self,
        cookie: Option<&str>,
        answered: &Answered<'_>,
        now: Timestamp,
    ) -> Result<Finished, Refusal> {
        let pending = self.waiting.take(cookie.ok_or(Refusal::State)?, now)?;
        if !answered.state.is_some_and(|state| same(state, &pending.state)) {
            return Err(Refusal::State);
        }
        let http = self.http()?;
        let metadata = self.metadata(&http, now, false)?;
        let must_say =
            metadata.additional_metadata().authorization_response_iss_parameter_supported;
        let says_right = answered.iss.map_or(!must_say, |iss| iss == self.settings.issuer);
        if !says_right {
            return Err(Refusal::Issuer);
        }
        if answered.error.is_some() {
            return Err(Refusal::Declined);
        }
        let code = answered.code.ok_or(Refusal::Answer)?;
        let relying = self.relying(&metadata)?;
        let call = |request| http.call(request);
        let tokens: CoreTokenResponse = relying
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| Refusal::Answer)?
            .set_pkce_verifier(pending.verifier)
            .request(&call)
            .map_err(|error| refused_code(&error))?;
        let token = tokens.id_token().ok_or(Refusal::Answer)?;
        let (relying, claims) = match verified(&relying, token, &pending.nonce, now) {
            // The provider may have changed its keys since it was asked.
            Err(Trust::Key) => {
                let metadata = self.metadata(&http, now, true)?;
                let relying = self.relying(&metadata)?;
                let claims = verified(&relying, token, &pending.nonce, now)?.clone();
                (relying, claims)
            }
            claims => {
                let claims = claims?.clone();
                (relying, claims)
            }
        };
        self.check_access_token(&relying, token, &tokens, &claims)?;
        let identity = self.identity(&relying, &http, &tokens, &claims)?;
        Ok(Finished { identity, next: pending.next })
    }

    fn http(&self) -> Result<Client, Refusal> {
        Client::new(&self.settings).map_err(|fault| unreached(&fault))
    }

    /// Returns what the provider says about itself, asked at most once in a while; `anew` asks
    /// sooner, but not each time.
    fn metadata(&self, http: &Client, now: Timestamp, anew: bool) -> Result<Metadata, Refusal> {
        let asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |asking: &Asking| {
            let Known { said, asked } = asking.known.as_ref()?;
            let enough = if anew || said.is_err() { ASKED_AGAIN_AFTER } else { KNOWN_FOR };
            let fits = now.duration_since(*asked).abs() <= enough;
            fits.then(|| said.clone().map(|metadata| *metadata))
        };
        // Others wait for the same answer instead of asking too, but not for long.
        let waits = |asking: &mut Asking| asking.under_way && known(asking).is_none();
        let waited = self.answered.wait_timeout_while(asking, OTHERS_WAIT, waits);
        let (mut asking, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = known(&asking) {
            return said;
        }
        if asking.under_way {
            return Err(Refusal::Unreachable);
        }
        asking.under_way = true;
        drop(asking);
        let mut asked = Asked { provider: self, known: None };
        let said = self.discover(http);
        asked.known = Some(Known { said: said.clone().map(Box::new), asked: now });
        said
    }

    fn discover(&self, http: &Client) -> Result<Metadata, Refusal> {
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|_| Refusal::Answer)?;
        let call = |request| http.call(request);
        let metadata = Metadata::discover(&issuer, &call).map_err(|error| match &error {
            DiscoveryError::Request(fault) => unreached(fault),
            DiscoveryError::Validation(_) => Refusal::Issuer,
            _ => Refusal::Answer,
        })?;
        let endpoints = [
            Some(metadata.authorization_endpoint().url()),
            metadata.token_endpoint().map(TokenUrl::url),
            metadata.userinfo_endpoint().map(UserInfoUrl::url),
        ];
        let stranger = endpoints.into_iter().flatten().find(|url| !http.allows(url));
        let stranger = stranger.map(|url| url.host_str().unwrap_or_default().to_owned());
        stranger.map_or(Ok(metadata), |host| Err(Refusal::Host(host)))
    }

    fn relying(&self, metadata: &Metadata) -> Result<Relying, Refusal> {
        let secret = match &self.settings.client_secret {
            Some(secret) => Some(ClientSecret::new(secret.read()?)),
            None => None,
        };
        // Without a word about it, the standard says: in the header.
        let ways = metadata.token_endpoint_auth_methods_supported();
        let in_header =
            ways.is_none_or(|ways| ways.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let redirect =
            RedirectUrl::new(self.settings.redirect.clone()).map_err(|_| Refusal::Answer)?;
        let client_id = ClientId::new(self.settings.client_id.clone());
        Ok(CoreClient::from_provider_metadata(metadata.clone(), client_id, secret)
            .set_redirect_uri(redirect)
            .set_auth_type(if in_header { AuthType::BasicAuth } else { AuthType::RequestBody }))
    }

    /// The access token belongs to the identity token where that says so (section 3.1.3.8).
    fn check_access_token(
        &self,
        relying: &Relying,
        token: &CoreIdToken,
        tokens: &CoreTokenResponse,
        claims: &CoreIdTokenClaims,
    ) -> Result<(), Refusal> {
        if let Some(party) = claims.authorized_party()
            && party.as_str() != self.settings.client_id
        {
            return Err(Refusal::Audience);
        }
        let Some(expected) = claims.access_token_hash() else { return Ok(()) };
        let verifier = relying.id_token_verifier();
        let algorithm = token.signing_alg().map_err(|_| Refusal::Algorithm)?;
        let key = token.signing_key(&verifier).map_err(|_| Refusal::Signature)?;
        let found = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
        if found.is_ok_and(|found| found == *expected) { Ok(()) } else { Err(Refusal::Signature) }
    }

    fn identity(
        &self,
        relying: &Relying,
        http: &Client,
        tokens: &CoreTokenResponse,
        claims: &CoreIdTokenClaims,
    ) -> Result<Identity, Refusal> {
        let subject = claims.subject();
        if subject.is_empty() || subject.len() > SUBJECT_MOST {
            return Err(Refusal::Answer);
        }
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
        let mut person = Person {
            email: claims.email().map(|email| email.to_string()),
            verified: claims.email_verified(),
            name,
        };
        // Many providers say who it is only here (section 5.4).
        if person.email.is_none()
            && let Ok(request) =
                relying.user_info(tokens.access_token().clone(), Some(subject.clone()))
        {
            let call = |request| http.call(request);
            let more: CoreUserInfoClaims =
                request.request(&call).map_err(|error| match &error {
                    UserInfoError::Request(fault) => unreached(fault),
                    UserInfoError::ClaimsVerification(_) => Refusal::Subject,
                    _ => Refusal::Answer,
                })?;
            person.email = more.email().map(|email| email.to_string());
            person.verified = more.email_verified();
            let name = more.name().and_then(|name| name.get(None)).map(|name| name.to_string());
            person.name = person.name.or(name);
        }
        let believed = person.verified.unwrap_or(self.settings.trust_unverified_email);
        Ok(Identity {
            issuer: self.settings.issuer.clone(),
            subject: subject.to_string(),
            email: person.email.filter(|_| believed),
            name: person.name.map(|name| name.chars().take(NAME_MOST).collect()),
        })
    }
}

/// Returns the network of an address: one machine has the second half of IPv6 to itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let host = u128::from(u64::MAX);
            IpAddr::V6((u128::from(address) & !host).into())
        }
        address => address,
    }
}

/// What a provider says about a person.
struct Person {
    email: Option<String>,
    verified: Option<bool>,
    name: Option<String>,
}

/// Why a token is not believed.
enum Trust {
    /// None of the known keys made its signature.
    Key,
    Refused(Refusal),
}

impl From<Trust> for Refusal {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::Key => Self::Signature,
            Trust::Refused(refusal) => refusal,
        }
    }
}

fn verified<'a>(
    relying: &Relying,
    token: &'a CoreIdToken,
    nonce: &Nonce,
    now: Timestamp,
) -> Result<&'a CoreIdTokenClaims, Trust> {
    let time =
        |at: Timestamp| DateTime::<Utc>::from_timestamp(at.as_second(), 0).unwrap_or_default();
    // A token that has just ended is still believed; one from the near future already.
    let (late, early) = (time(now - SKEW), time(now + SKEW));
    let from_future = std::sync::atomic::AtomicBool::new(false);
    let verifier = relying
        .id_token_verifier()
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || late)
        .set_issue_time_verifier_fn(|issued| {
            if issued <= early {
                return Ok(());
            }
            from_future.store(true, std::sync::atomic::Ordering::Relaxed);
            Err("from the future".to_owned())
        });
    let claims = token.claims(&verifier, nonce);
    let from_future = from_future.load(std::sync::atomic::Ordering::Relaxed);
    claims.map_err(|error| {
        use SignatureVerificationError as Signature;
        Trust::Refused(match error {
            ClaimsVerificationError::Expired(_) if from_future => Refusal::Early,
            ClaimsVerificationError::Expired(_) => Refusal::Expired,
            ClaimsVerificationError::InvalidAudience(_) => Refusal::Audience,
            ClaimsVerificationError::InvalidIssuer(_) => Refusal::Issuer,
            ClaimsVerificationError::InvalidNonce(_) => Refusal::Nonce,
            ClaimsVerificationError::SignatureVerification(error) => match error {
                Signature::NoSignature
                | Signature::DisallowedAlg(_)
                | Signature::UnsupportedAlg(_) => Refusal::Algorithm,
                Signature::NoMatchingKey => return Trust::Key,
                _ => Refusal::Signature,
            },
            _ => Refusal::Answer,
        })
    })
}

fn unreached(fault: &Fault) -> Refusal {
    match fault {
        Fault::Host(host) => Refusal::Host(host.clone()),
        Fault::Answer(_) => Refusal::Answer,
        Fault::Certificate | Fault::World(_) => Refusal::Unreachable,
    }
}

fn refused_code<T: openidconnect::ErrorResponse>(error: &RequestTokenError<Fault, T>) -> Refusal {
    match error {
        RequestTokenError::ServerResponse(_) => Refusal::Code,
        RequestTokenError::Request(fault) => unreached(fault),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => Refusal::Answer,
    }
}
