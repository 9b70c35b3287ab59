//! A request, read and checked as far as it is the same for all routes.

use std::net::IpAddr;

use access::Address;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};
use domain::diagnostic::nearest;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::guard;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::Route;

/// A request.
pub(crate) struct Visit {
    /// When it came.
    pub(crate) now: Timestamp,
    /// From where.
    pub(crate) address: Address,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// The path, decoded.
    pub(crate) path: String,
    /// The parameters of the path.
    pub(crate) parts: Vec<(String, String)>,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
    pub(crate) route: &'static Route,
}

impl Visit {
    /// A parameter of the path.
    pub(crate) fn part(&self, name: &str) -> &str {
        self.parts.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A header as text.
    pub(crate) fn header(&self, name: impl axum::http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The fields of a form; all that are sent must be known.
    pub(crate) fn form(&self, known: &[&str]) -> Result<Form, Problem> {
        let kind = self.header(header::CONTENT_TYPE).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !self.body.is_empty() && !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(unsupported("application/x-www-form-urlencoded"));
        }
        let text = std::str::from_utf8(&self.body).ok();
        let pairs = text
            .and_then(guard::pairs)
            .ok_or_else(|| Problem::bad("form", "the form is not well formed"))?;
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(unknown_field(name, known));
            }
            if pairs.iter().take(at).any(|(earlier, _)| earlier == name) {
                return Err(field(name, "is given twice"));
            }
        }
        Ok(Form(pairs))
    }

    /// The members of a JSON object; all that are sent must be known.
    pub(crate) fn json(&self, known: &[&str]) -> Result<Map<String, Value>, Problem> {
        let kind = self.header(header::CONTENT_TYPE).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(unsupported("application/json"));
        }
        let value: Value = serde_json::from_slice(&self.body).map_err(|error| {
            let what =
                format!("the body is not JSON: line {}, column {}", error.line(), error.column());
            Problem::bad("json", what).hint("Send one JSON object in UTF-8.")
        })?;
        let Value::Object(members) = value else {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "json-object",
                "the body is not a JSON object",
            )
            .hint("Send one JSON object."));
        };
        if let Some(name) = crate::twice::member(&self.body) {
            return Err(field(&name.chars().take(80).collect::<String>(), "is given twice"));
        }
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(other) => Err(unknown_field(other, known)),
            None => Ok(members),
        }
    }
}

/// The fields of a form.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// A field; empty where it was not sent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A field, or none where it is empty.
    pub(crate) fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }
}

fn unsupported(kind: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content-type",
        "the body is of a kind that is not read here",
    )
    .hint(format!("Send it with Content-Type: {kind}."))
}

fn unknown_field(name: &str, known: &[&str]) -> Problem {
    let name: String = name.chars().take(80).collect();
    let hint = match nearest(&name, known.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None if known.is_empty() => "Send no fields.".to_owned(),
        None => format!("Known are {}.", known.join(", ")),
    };
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "field-unknown",
        format!("field `{name}` cannot be set here"),
    )
    .hint(hint)
    .place(&name)
}

/// A field whose value cannot be taken.
pub(crate) fn field(name: &str, why: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "field", format!("field `{name}` {why}"))
        .hint("Correct the field.")
        .place(name)
}

/// Where a request comes from: the socket, or what a configured proxy says of its own client.
pub(crate) fn address(socket: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let plain = socket.to_canonical();
    if !proxies.contains(&plain) {
        return plain;
    }
    let said = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let said: Vec<&str> = said.flat_map(|value| value.split(',')).map(str::trim).collect();
    // From the right: the last one that is not a proxy of ours is the client; what stands before
    // it could be written by anybody.
    let mut client = plain;
    for text in said.iter().rev() {
        let Ok(address) = text.parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !proxies.contains(&client) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_configured_proxy_says_who_its_client_is() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "6.6.6.6, 9.9.9.9".parse().unwrap());
        headers.append("x-forwarded-for", "10.0.0.2".parse().unwrap());
        let proxies = [ip("10.0.0.1"), ip("10.0.0.2")];
        assert_eq!(address(ip("8.8.8.8"), &headers, &proxies), ip("8.8.8.8"));
        assert_eq!(address(ip("10.0.0.1"), &headers, &proxies), ip("9.9.9.9"));
        assert_eq!(address(ip("::ffff:10.0.0.1"), &headers, &proxies), ip("9.9.9.9"));
        assert_eq!(address(ip("10.0.0.1"), &headers, &[]), ip("10.0.0.1"));
    }
}
