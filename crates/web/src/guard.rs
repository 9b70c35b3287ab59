//! What is wrong with a request before anybody asks what it wants.

use axum::http::{HeaderMap, Method, StatusCode, Version, header};

use crate::problem::Problem;

/// The methods that any route may have.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Names under which secrets are wrongly sent in an address.
const SECRETS: [&str; 9] = [
    "access_token",
    "api_key",
    "api_token",
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "password",
    "secret",
];

/// Refuses methods that no route has, bodies without a stated length, and what does not name
/// one host.
pub(crate) fn request(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    if !METHODS.contains(method) {
        let mut problem =
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this method is not known here")
                .hint("Read with GET.")
                .close();
        problem.allow = Some("GET, HEAD, POST, PATCH, DELETE".to_owned());
        return Err(problem);
    }
    // With one way to state the length there is nothing to smuggle.
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Problem::bad("transfer-encoding", "the length of the body is not stated")
            .hint("Send the body with Content-Length and without Transfer-Encoding.")
            .close());
    }
    // Two hosts are read differently by a proxy and by us.
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version >= Version::HTTP_11) {
        return Err(Problem::bad("host", "the request does not name one host")
            .hint("Send one Host header.")
            .close());
    }
    Ok(())
}

/// Refuses paths that try to leave the tree; returns the segments, decoded.
pub(crate) fn path(path: &str, most: usize) -> Result<String, Problem> {
    if path.len() > most {
        let what = format!("the address is longer than {most} characters");
        return Err(
            Problem::new(StatusCode::URI_TOO_LONG, "address-too-long", what).hint("Shorten it.")
        );
    }
    let refuse = || Err(Problem::bad("path", "this address is not well formed"));
    if !path.starts_with('/') || path.contains("//") || path.contains('\\') {
        return refuse();
    }
    let Some(decoded) = decode(path, false) else { return refuse() };
    let encoded_slash = path.to_ascii_lowercase().contains("%2f");
    let twice = decode(&decoded, false).is_none_or(|twice| twice != decoded);
    let tricks = |part: &str| part == "." || part == "..";
    if encoded_slash
        || twice
        || decoded.contains(['\\', '\0'])
        || decoded.chars().any(char::is_control)
        || decoded.split('/').any(tricks)
    {
        return refuse();
    }
    Ok(decoded)
}

/// Splits a query or a form into names and values; `None` where it is not well formed.
pub(crate) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((decode(name, true)?, decode(value, true)?))
        })
        .collect()
}

/// Refuses secrets in an address, where they would be logged and kept.
pub(crate) fn no_secrets(query: &[(String, String)], link: bool) -> Result<(), Problem> {
    let secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        SECRETS.contains(&name.as_str()) || (name == "token" && !link)
    };
    if query.iter().any(|(name, value)| secret(name) || value.starts_with("tl_")) {
        return Err(Problem::bad("token-in-address", "a secret does not belong in an address")
            .hint(
                "Send the token in the Authorization header: `Authorization: Bearer tl_…`. \
                   Revoke the one that was sent here.",
            ));
    }
    Ok(())
}

/// Decodes `%xx` (and `+` where asked); `None` where the result is not UTF-8 or cut short.
fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'+' if plus => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Encodes a text for a place in a query.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b',' | b':') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Refuses a change that another site asks for: `Sec-Fetch-Site` must be `same-origin`, and where
/// a browser does not send it, `Origin` must be one of ours.
pub(crate) fn same_site(headers: &HeaderMap, origins: &[String]) -> Result<(), Problem> {
    let refuse = || {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "another-site",
            "this change was asked for by another site",
        )
        .hint("Open the page from this server and try again."))
    };
    if let Some(site) = headers.get("sec-fetch-site") {
        return if site == "same-origin" { Ok(()) } else { refuse() };
    }
    match headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) {
        Some(origin) if origins.iter().any(|ours| ours.eq_ignore_ascii_case(origin)) => Ok(()),
        _ => refuse(),
    }
}

/// Returns a path of this site to go on to, or the start page.
pub(crate) fn local(next: &str) -> &str {
    let plain = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\0'])
        && !next.chars().any(|c| c.is_control() || c.is_whitespace())
        && next.is_ascii()
        && next.len() <= 2_000
        && path(next.split(['?', '#']).next().unwrap_or(next), 2_000).is_ok();
    // Signing in again is no place to go on to.
    let endless = ["/login", "/logout", "/setup", "/api/", "/progress"];
    if plain && !endless.iter().any(|start| next.starts_with(start)) { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_tree() {
        for good in ["/", "/pipeline", "/pipeline/rows/credit.paid-social.linear", "/a%20b"] {
            assert!(path(good, 4_096).is_ok(), "{good}");
        }
        let long = format!("/{}", "a".repeat(65_536));
        for bad in [
            "/static/..%2f..%2fetc/passwd",
            "/%2e%2e/x",
            "/a/../b",
            "/%00",
            "/a%0ab",
            "/%252e%252e/x",
            "//evil.example",
            "/a\\b",
            "/%5c",
            "/%zz",
            "/%ff",
            "relative",
            &long,
        ] {
            assert!(path(bad, 4_096).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_goes_on_only_to_a_path_of_this_site() {
        for good in ["/pipeline?period=2026Q3", "/", "/definitions#won"] {
            assert_eq!(local(good), good);
        }
        for bad in [
            "//evil.example",
            "https:evil",
            "/\\evil",
            "https://evil.example/",
            "javascript:alert(1)",
            "/%2f%2fevil",
            "/\tevil",
            "/login?next=/login",
            "",
        ] {
            assert_eq!(local(bad), "/", "{bad}");
        }
    }
}
