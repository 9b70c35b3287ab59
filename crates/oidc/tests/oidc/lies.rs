//! Every way in which an answer can be wrong is refused, each with a reason of its own (aut-009).

use jiff::{Timestamp, ToSpan};
use oidc::{Answered, Finished, Provider, Refusal};
use serde_json::json;
use url::Url;

use crate::HERE;
use crate::liar::{Liar, Tale};

/// What the browser was sent to the provider with.
fn sent(redirect: &str) -> (String, String) {
    let url: Url = redirect.parse().unwrap();
    let get = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    (get("state"), get("nonce"))
}

/// Signs in at a provider that lies as told, and returns what came of it.
fn sign_in(liar: &Liar, provider: &Provider) -> Result<Finished, Refusal> {
    let now = Timestamp::now();
    let begun = provider.begin(HERE, "/pipeline?period=2026Q3", now)?;
    let (state, nonce) = sent(&begun.redirect);
    liar.lie(|tale| tale.nonce = nonce);
    let answered = Answered { code: Some("c"), state: Some(&state), ..Answered::default() };
    provider.finish(Some(&begun.cookie), &answered, now)
}

#[track_caller]
fn refused(lie: impl FnOnce(&mut Tale), code: &str) {
    let liar = Liar::start();
    liar.lie(lie);
    let found = sign_in(&liar, &Provider::new(liar.settings()));
    let found = found.map_err(|refusal| refusal.code());
    assert_eq!(found.as_ref().err(), Some(&code), "{found:?}");
}

#[test]
fn an_honest_provider_is_believed() {
    let liar = Liar::start();
    let provider = Provider::new(liar.settings());
    let finished = sign_in(&liar, &provider).unwrap();
    assert_eq!(finished.next, "/pipeline?period=2026Q3");
    let identity = finished.identity;
    assert_eq!((&*identity.issuer, &*identity.subject), (&*liar.issuer, "carla"));
    assert_eq!(identity.email.as_deref(), Some("carla@acme.example"));
    assert_eq!(identity.name.as_deref(), Some("Carla Fo"));
    // What the provider says of itself is asked once; the code is bound to a verifier.
    assert!(sign_in(&liar, &provider).is_ok());
    let asked = liar.asked.lock().unwrap().clone();
    let times = |path: &str| asked.iter().filter(|(asked, _)| asked == path).count();
    assert_eq!((times("/.well-known/openid-configuration"), times("/keys")), (1, 1));
    assert_eq!(times("/token"), 2);
    let form = &asked.iter().find(|(path, _)| path == "/token").unwrap().1;
    assert!(form.contains("code_verifier=") && form.contains("grant_type=authorization_code"));
}

#[test]
fn the_browser_is_sent_with_state_nonce_and_a_challenge() {
    let liar = Liar::start();
    let provider = Provider::new(liar.settings());
    let one = provider.begin(HERE, "/", Timestamp::now()).unwrap();
    let two = provider.begin(HERE, "/", Timestamp::now()).unwrap();
    assert!(one.redirect.starts_with(&format!("{}/login?response_type=code&", liar.issuer)));
    for part in ["code_challenge_method=S256", "code_challenge=", "scope=openid+email+profile"] {
        assert!(one.redirect.contains(part), "{}", one.redirect);
    }
    let ((state, nonce), (other_state, other_nonce)) = (sent(&one.redirect), sent(&two.redirect));
    assert!(state.len() >= 43 && nonce.len() >= 43 && one.cookie.len() >= 43);
    assert!(state != other_state && nonce != other_nonce && one.cookie != two.cookie);
    assert!(!one.redirect.contains(&one.cookie));
}

#[test]
fn each_lie_of_a_token_has_its_own_reason() {
    let now = Timestamp::now().as_second();
    refused(|tale| tale.claims = json!({ "nonce": "another" }), "oidc-nonce");
    refused(|tale| tale.claims = json!({ "nonce": null }), "oidc-nonce");
    refused(|tale| tale.claims = json!({ "iss": "https://elsewhere.example" }), "oidc-issuer");
    refused(|tale| tale.claims = json!({ "aud": "another" }), "oidc-audience");
    refused(|tale| tale.claims = json!({ "aud": ["throughline", "another"] }), "oidc-audience");
    refused(|tale| tale.claims = json!({ "azp": "another" }), "oidc-audience");
    refused(|tale| tale.claims = json!({ "exp": now - 90, "iat": now - 400 }), "oidc-expired");
    refused(|tale| tale.claims = json!({ "iat": now + 90 }), "oidc-early");
    refused(|tale| tale.claims = json!({ "sub": null }), "oidc-answer");
    refused(|tale| tale.claims = json!({ "sub": "x".repeat(256) }), "oidc-answer");
    refused(|tale| tale.claims = json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "oidc-signature");
    let unsigned = |algorithm: &'static str| {
        move |tale: &mut Tale| {
            tale.header = json!({ "alg": algorithm });
            tale.signed = false;
        }
    };
    refused(unsigned("none"), "oidc-algorithm");
    refused(unsigned("HS256"), "oidc-algorithm");
    refused(|tale| tale.signed = false, "oidc-signature");
    refused(|tale| tale.signs = 2, "oidc-signature");
    refused(
        |tale| {
            tale.signs = 2;
            tale.header = json!({ "kid": "k1" });
        },
        "oidc-signature",
    );
}

#[test]
fn each_lie_around_the_token_has_its_own_reason() {
    refused(|tale| tale.knows_code = false, "oidc-code");
    refused(
        |tale| tale.discovery = json!({ "issuer": "https://elsewhere.example" }),
        "oidc-issuer",
    );
    let metadata = "http://169.254.169.254/latest";
    refused(|tale| tale.discovery = json!({ "token_endpoint": metadata }), "oidc-host");
    refused(|tale| tale.discovery = json!({ "jwks_uri": metadata }), "oidc-host");
    refused(|tale| tale.discovery = json!({ "userinfo_endpoint": metadata }), "oidc-host");
    let elsewhere = "https://elsewhere.example/login";
    refused(|tale| tale.discovery = json!({ "authorization_endpoint": elsewhere }), "oidc-host");
    let must_say = json!({ "authorization_response_iss_parameter_supported": true });
    refused(|tale| tale.discovery = must_say, "oidc-issuer");
    refused(
        |tale| {
            tale.claims = json!({ "email": null });
            tale.user = json!({ "sub": "somebody else" });
        },
        "oidc-subject",
    );
}

#[test]
fn an_answer_is_believed_only_in_the_browser_that_began_and_once() {
    let liar = Liar::start();
    let provider = Provider::new(liar.settings());
    let now = Timestamp::now();
    let begin = || {
        let begun = provider.begin(HERE, "/", now).unwrap();
        let (state, nonce) = sent(&begun.redirect);
        liar.lie(|tale| tale.nonce = nonce);
        (begun.cookie, state)
    };
    let finish = |cookie: Option<&str>, state: Option<&str>, now| {
        let answered = Answered { code: Some("c"), state, ..Answered::default() };
        provider.finish(cookie, &answered, now).map_err(|refusal| refusal.code())
    };
    let (cookie, state) = begin();
    assert_eq!(finish(None, Some(&state), now).err(), Some("oidc-state"));
    assert_eq!(finish(Some("another"), Some(&state), now).err(), Some("oidc-state"));
    assert!(finish(Some(&cookie), Some(&state), now).is_ok());
    assert_eq!(finish(Some(&cookie), Some(&state), now).err(), Some("oidc-state"));
    let (cookie, _) = begin();
    assert_eq!(finish(Some(&cookie), None, now).err(), Some("oidc-state"));
    let ((mine, _), (_, theirs)) = (begin(), begin());
    assert_eq!(finish(Some(&mine), Some(&theirs), now).err(), Some("oidc-state"));
    let (cookie, state) = begin();
    assert_eq!(finish(Some(&cookie), Some(&state), now + 11.minutes()).err(), Some("oidc-late"));
    let (cookie, state) = begin();
    let answered =
        Answered { error: Some("access_denied"), state: Some(&state), ..Answered::default() };
    let declined = provider.finish(Some(&cookie), &answered, now).unwrap_err();
    assert_eq!(declined.code(), "oidc-declined");
    let (cookie, state) = begin();
    let answered = Answered {
        code: Some("c"),
        state: Some(&state),
        iss: Some("https://elsewhere.example"),
        ..Answered::default()
    };
    let mixed_up = provider.finish(Some(&cookie), &answered, now).unwrap_err();
    assert_eq!(mixed_up.code(), "oidc-issuer");
}

#[test]
fn an_address_counts_only_where_it_is_verified() {
    let email = |claims: serde_json::Value, trusting: bool| {
        let liar = Liar::start();
        liar.lie(|tale| tale.claims = claims);
        let mut settings = liar.settings();
        settings.trust_unverified_email = trusting;
        sign_in(&liar, &Provider::new(settings)).unwrap().identity.email
    };
    let some = Some("carla@acme.example".to_owned());
    assert_eq!(email(json!({ "email_verified": false }), false), None);
    assert_eq!(email(json!({ "email_verified": false }), true), None);
    assert_eq!(email(json!({ "email_verified": null }), false), None);
    assert_eq!(email(json!({ "email_verified": null }), true), some);
    // Not in the token: asked for at the user info endpoint.
    assert_eq!(email(json!({ "email": null, "email_verified": null }), false), some);
}

#[test]
fn new_keys_of_the_provider_are_fetched_when_they_are_needed() {
    let liar = Liar::start();
    let provider = Provider::new(liar.settings());
    assert!(sign_in(&liar, &provider).is_ok());
    liar.lie(|tale| (tale.signs, tale.publishes) = (3, 3));
    // Not at once, or anybody could make us ask all the time.
    assert_eq!(sign_in(&liar, &provider), Err(Refusal::Signature));
    let later = Timestamp::now() + 40.seconds();
    let begun = provider.begin(HERE, "/", later).unwrap();
    let (state, nonce) = sent(&begun.redirect);
    liar.lie(|tale| tale.nonce = nonce);
    let answered = Answered { code: Some("c"), state: Some(&state), ..Answered::default() };
    assert!(provider.finish(Some(&begun.cookie), &answered, later).is_ok());
}

#[test]
fn a_provider_that_is_not_there_is_named_and_not_asked_all_the_time() {
    let liar = Liar::start();
    let mut settings = liar.settings();
    settings.issuer = "http://127.0.0.1:9".to_owned();
    let provider = Provider::new(settings);
    let now = Timestamp::now();
    let refusal = provider.begin(HERE, "/", now).unwrap_err();
    assert_eq!((refusal.code(), refusal.ours()), ("oidc-unreachable", true));
    assert_eq!(provider.begin(HERE, "/", now + 1.second()).unwrap_err(), refusal);
}

#[test]
fn a_provider_that_does_not_answer_holds_up_one_login_and_not_all_of_them() {
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = Liar::start().settings();
    settings.issuer = format!("http://{}", silent.local_addr().unwrap());
    let provider = Provider::new(settings);
    let (start, now) = (std::time::Instant::now(), Timestamp::now());
    let quickly = std::thread::scope(|scope| {
        let begin = || (provider.begin(HERE, "/", now).unwrap_err(), start.elapsed());
        let logins: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
        let ended = logins.into_iter().map(|login| login.join().unwrap());
        ended
            .inspect(|(refusal, _)| assert_eq!(refusal.code(), "oidc-unreachable"))
            .filter(|(_, taken)| *taken < std::time::Duration::from_secs(6))
            .count()
    });
    assert!(quickly >= 7, "{quickly} of 8 were told soon");
}
