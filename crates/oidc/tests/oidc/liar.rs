//! A provider that answers by the standard, or lies in one point.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use jiff::Timestamp;
use oidc::Settings;
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use serde_json::{Value, json};

/// What the provider tells; each test changes what it lies about.
#[derive(Clone)]
pub(crate) struct Tale {
    /// Overrides and additions to the claims of the token; `null` removes one.
    pub(crate) claims: Value,
    /// Overrides of the token's header.
    pub(crate) header: Value,
    /// Overrides of the discovery document.
    pub(crate) discovery: Value,
    /// Overrides of the user info.
    pub(crate) user: Value,
    /// The seed of the key that signs.
    pub(crate) signs: u8,
    /// The seed of the key that is published.
    pub(crate) publishes: u8,
    /// Whether the token ends with a signature at all.
    pub(crate) signed: bool,
    /// Whether the code is known.
    pub(crate) knows_code: bool,
    /// The nonce that the browser brought.
    pub(crate) nonce: String,
}

/// The provider, listening until the test ends.
pub(crate) struct Liar {
    pub(crate) issuer: String,
    pub(crate) tale: Arc<Mutex<Tale>>,
    /// Paths that were asked for, with the form that was posted.
    pub(crate) asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Liar {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let issuer = format!("http://127.0.0.1:{port}");
        let tale = Arc::new(Mutex::new(Tale {
            claims: json!({}),
            header: json!({}),
            discovery: json!({}),
            user: json!({}),
            signs: 1,
            publishes: 1,
            signed: true,
            knows_code: true,
            nonce: String::new(),
        }));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (told, heard, name) = (Arc::clone(&tale), Arc::clone(&asked), issuer.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up has had enough.
                let _ended = serve(stream, &name, &told, &heard);
            }
        });
        Self { issuer, tale, asked }
    }

    pub(crate) fn lie(&self, change: impl FnOnce(&mut Tale)) {
        change(&mut self.tale.lock().expect("nobody panicked"));
    }

    /// Settings with which this provider is asked.
    pub(crate) fn settings(&self) -> Settings {
        let text = format!("[oidc]\nissuer = \"{}\"\nclient_id = \"throughline\"\n", self.issuer);
        let base = "https://throughline.acme.example";
        let read = Settings::read("server.toml", &text, Path::new("/"), base);
        read.expect("the settings are in order").expect("there is a provider")
    }
}

fn serve(
    mut stream: TcpStream,
    issuer: &str,
    tale: &Mutex<Tale>,
    asked: &Mutex<Vec<(String, String)>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("").to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    asked.lock().expect("nobody panicked").push((path.clone(), body));
    let tale = tale.lock().expect("nobody panicked").clone();
    let (status, answer) = match path.as_str() {
        "/.well-known/openid-configuration" => ("200 OK", discovery(issuer, &tale)),
        "/keys" => ("200 OK", json!({ "keys": [published(tale.publishes)] })),
        "/token" if !tale.knows_code => ("400 Bad Request", json!({ "error": "invalid_grant" })),
        "/token" => ("200 OK", tokens(issuer, &tale)),
        "/user" => {
            let user = json!({ "sub": "carla", "email": "carla@acme.example",
                "email_verified": true, "name": "Carla" });
            ("200 OK", merged(user, &tale.user))
        }
        _ => ("404 Not Found", json!({})),
    };
    let answer = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{answer}",
        answer.len()
    )
}

fn discovery(issuer: &str, tale: &Tale) -> Value {
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/login"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/user"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
    });
    merged(document, &tale.discovery)
}

/// The key of a seed: Ed25519 in PKCS #8 (RFC 8410), made here so that no key lies in the tree.
fn key(seed: u8) -> CoreEdDsaPrivateSigningKey {
    let mut der = vec![48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    der.extend([seed; 32]);
    let pem = format!(
        "-----BEGIN {0}-----\n{1}\n-----END {0}-----\n",
        "PRIVATE KEY",
        BASE64.encode(&der)
    );
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(format!("k{seed}"))))
        .expect("it is a key")
}

fn published(seed: u8) -> Value {
    serde_json::to_value(key(seed).as_verification_key()).expect("a key can be written")
}

fn tokens(issuer: &str, tale: &Tale) -> Value {
    let now = Timestamp::now().as_second();
    let claims = json!({
        "iss": issuer, "aud": "throughline", "sub": "carla", "iat": now, "exp": now + 300,
        "nonce": tale.nonce, "email": "carla@acme.example", "email_verified": true,
        "name": "Carla Fo",
    });
    let claims = merged(claims, &tale.claims);
    let header = merged(json!({ "alg": "EdDSA", "kid": format!("k{}", tale.signs) }), &tale.header);
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let head = format!("{}.{}", part(&header), part(&claims));
    let signature = if tale.signed {
        key(tale.signs)
            .sign(&CoreJwsSigningAlgorithm::EdDsa, head.as_bytes())
            .expect("it can be signed")
    } else {
        Vec::new()
    };
    json!({ "access_token": "t", "token_type": "Bearer",
        "id_token": format!("{head}.{}", BASE64URL_NOPAD.encode(&signature)) })
}

fn merged(mut whole: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        let object = whole.as_object_mut().expect("it is an object");
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
    whole
}
