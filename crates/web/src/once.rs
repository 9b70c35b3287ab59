//! A change that is asked for twice with one key is made once.

use access::{Begun, Caller, Stored};
use axum::http::{HeaderName, HeaderValue, StatusCode};

use crate::problem::Problem;
use crate::reply::{Content, Reply};
use crate::routes::{Allowed, Outcome};
use crate::site::{Site, refusal};
use crate::visit::Visit;

/// The header that holds the key.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Runs the handler of a change; with a key in the header of an API request at most once a day.
pub(crate) fn once(site: &Site, visit: &Visit, caller: &Caller, handler: Allowed) -> Outcome {
    if !visit.route.is_api() || !visit.headers.contains_key(&KEY) {
        return handler(site, visit, caller);
    }
    // A key that is no text at all is not well formed either.
    let key = visit.header(KEY).unwrap_or_default();
    if key.is_empty() || key.len() > 128 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::bad("idempotency-key", "the idempotency key is not well formed")
            .hint("Send 1 to 128 visible ASCII characters, for example a UUID."));
    }
    // The route with the parts of its path: the same key for two objects is two changes.
    let route = format!("{} {}", visit.method, visit.path);
    let begun = site.access.begin(caller, key, &route, &visit.body).map_err(refusal)?;
    match begun {
        Begun::New => {}
        Begun::Done(stored) => {
            let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
            let reply = Reply::new("application/json", stored.body).status(status);
            let mut reply = reply.header(HeaderName::from_static("idempotency-replayed"), "true");
            reply.marked = false;
            return Ok(reply);
        }
        Begun::Running => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "idempotency-running",
                "the first request with this idempotency key is still being worked on",
            )
            .hint("Wait a moment and ask again.")
            .retry_after(1));
        }
        Begun::Conflict => {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-conflict",
                "this idempotency key was used with another body",
            )
            .hint("Use a new key for a new change."));
        }
    }
    let outcome = handler(site, visit, caller);
    let stored = match &outcome {
        Ok(Reply { status, content: Content::Whole(bytes), lasting, .. }) => Some(Stored {
            status: status.as_u16(),
            body: lasting.as_ref().unwrap_or(bytes).to_vec(),
        }),
        _ => None,
    };
    site.access.finish(caller, key, &route, stored.as_ref()).map_err(refusal)?;
    outcome.map(|mut reply| {
        let name = HeaderName::from_static("idempotency-replayed");
        reply.headers.push((name, HeaderValue::from_static("false")));
        reply
    })
}
