//! Login through an identity provider; without one there is nothing at these addresses.

use access::{Action, Event, Identity};
use axum::http::{StatusCode, header};
use oidc::{Answered, Provider};

use super::door::{cookie, signed_in};
use crate::guard::local;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::{Site, cookie as cookie_of, refusal};
use crate::visit::Visit;

/// What the provider may send back; more than we read, since an unknown parameter is refused.
pub(crate) const BROUGHT_BACK: [&str; 11] = [
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "session_state",
    "scope",
    "authuser",
    "hd",
    "prompt",
];

/// How long a login at the provider may take.
const SECONDS: u32 = 600;

fn provider(site: &Site) -> Result<&Provider, Problem> {
    site.settings.provider.as_deref().ok_or_else(Problem::not_found)
}

/// The name of the cookie that ties the way back to this browser.
fn name(site: &Site) -> String {
    format!("{}-oidc", site.settings.cookie)
}

/// Goes to the provider.
pub(crate) fn begin(site: &Site, visit: &Visit) -> Outcome {
    let next = local(visit.query.own("next").unwrap_or("/"));
    let begun = provider(site)?.begin(visit.address, next, visit.now);
    let begun = begun.map_err(|why| refused(site, visit, &why))?;
    let mut reply = Reply::see_other("/");
    reply.headers.retain(|(name, _)| name != header::LOCATION);
    let reply = reply.header(header::LOCATION, &begun.redirect);
    Ok(reply.header(header::SET_COOKIE, &cookie(site, &name(site), &begun.cookie, Some(SECONDS))))
}

/// Comes back from it.
pub(crate) fn callback(site: &Site, visit: &Visit) -> Outcome {
    let own = |name: &str| visit.query.own(name);
    let answered =
        Answered { code: own("code"), state: own("state"), iss: own("iss"), error: own("error") };
    let waiting = cookie_of(&visit.headers, &name(site));
    let finished = provider(site)?.finish(waiting.as_deref(), &answered, visit.now);
    let finished = finished.map_err(|why| refused(site, visit, &why))?;
    let identity = Identity {
        issuer: finished.identity.issuer,
        subject: finished.identity.subject,
        email: finished.identity.email,
        name: finished.identity.name,
    };
    let session = site.access.login_oidc(&identity, visit.address).map_err(refusal)?;
    let reply = signed_in(site, &session, local(&finished.next));
    Ok(reply.header(header::SET_COOKIE, &cookie(site, &name(site), "", Some(0))))
}

/// Writes down why, and says what to do: nobody is told more than that it did not work.
fn refused(site: &Site, visit: &Visit, why: &oidc::Refusal) -> Problem {
    let event = Event::refused(Action::Login, "oidc", why.code());
    // The refusal stands also where it cannot be written down.
    let _written: Result<(), access::Refusal> =
        site.access.record(None, Some(visit.address), &event);
    let mut problem = if why.ours() {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider",
            "signing in through your company's identity provider does not work at the moment",
        )
        .hint("Try again; where it stays, tell your administrator the request number below.")
        .retry_after(10)
    } else {
        Problem::new(
            StatusCode::FORBIDDEN,
            why.code(),
            "the identity provider did not confirm who you are",
        )
        .hint("Go back to the login and begin again.")
    };
    problem.detail = Some(why.to_string());
    problem
}
