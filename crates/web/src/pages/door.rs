//! The door: login, logout, the first account, invitations and reset links.

use access::{Caller, Login, NewSession, Refusal, Secret};
use axum::http::{StatusCode, header};
use show::html;

use super::{around, written};
use crate::guard::{encode, local};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::{Site, cookie as cookie_of, refusal};
use crate::visit::Visit;

/// The login.
pub(crate) fn login_page(site: &Site, visit: &Visit) -> Outcome {
    // Who is signed in has no use for it.
    let next = local(visit.query.own("next").unwrap_or("/"));
    if let Some(cookie) = cookie_of(&visit.headers, &site.settings.cookie)
        && site.access.by_session(&Secret::new(cookie)).is_ok()
    {
        return Ok(Reply::see_other(next));
    }
    let page = html::Login { next: next.to_owned(), ..form(site) };
    Ok(Reply::page(html::login_page(&around(site, "/login", None, None), &page)))
}

/// An empty login form.
pub(super) fn form(site: &Site) -> html::Login {
    html::Login {
        provider: site.provider(),
        passwords: true,
        next: "/".to_owned(),
        ..html::Login::default()
    }
}

/// Signs in, by password or by the code of the second factor.
pub(crate) fn login(site: &Site, visit: &Visit) -> Outcome {
    let sent = visit.form(&["email", "password", "next", "pending", "code"])?;
    let next = local(sent.get("next")).to_owned();
    let tried = match sent.some("pending") {
        Some(pending) => site
            .access
            .login_code(&Secret::new(pending), sent.get("code"), visit.address)
            .map(|session| Login::Done(Box::new(session))),
        None => site.access.login(sent.get("email"), sent.get("password"), visit.address),
    };
    let mut page =
        html::Login { next: next.clone(), email: sent.get("email").to_owned(), ..form(site) };
    match tried {
        Ok(Login::Done(session)) => Ok(signed_in(site, &session, &next)),
        Ok(Login::SecondFactor(pending)) => {
            page.pending = Some(pending.reveal().to_owned());
            Ok(Reply::page(html::login_page(&around(site, "/login", None, None), &page)))
        }
        Err(refused) => {
            let problem = refusal(refused);
            page.problem = Some(written(&problem));
            if problem.code == "login-refused" {
                // A wrong code may be corrected; a try that has ended begins anew.
                page.pending = sent.some("pending").map(str::to_owned);
            }
            let text = html::login_page(&around(site, "/login", None, None), &page);
            let mut reply = Reply::page(text).status(problem.status);
            if let Some(seconds) = problem.retry_after {
                reply = reply.header(header::RETRY_AFTER, &seconds.to_string());
            }
            Ok(reply)
        }
    }
}

/// Goes on with a new session.
pub(crate) fn signed_in(site: &Site, session: &NewSession, next: &str) -> Reply {
    renewed(site, session, Reply::see_other(next))
}

/// Puts the cookie of a new session in the place of the old one.
pub(crate) fn renewed(site: &Site, session: &NewSession, reply: Reply) -> Reply {
    let cookie = cookie(site, &site.settings.cookie, session.secret.reveal(), None);
    reply.header(header::SET_COOKIE, &cookie)
}

/// A cookie that ends with the browser, or after so many seconds.
pub(crate) fn cookie(site: &Site, name: &str, value: &str, age: Option<u32>) -> String {
    let secure = if site.settings.secure() { "; Secure" } else { "" };
    let age = age.map_or_else(String::new, |age| format!("; Max-Age={age}"));
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}")
}

/// Signs out.
pub(crate) fn logout(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    visit.form(&[])?;
    let gone = cookie(site, &site.settings.cookie, "", Some(0));
    if let Err(why) = site.access.logout(caller, visit.address) {
        // Whoever sits here next is signed out all the same.
        let mut problem = refusal(why);
        problem.cookie = Some(gone);
        return Err(problem);
    }
    Ok(Reply::see_other("/login").header(header::SET_COOKIE, &gone))
}

/// What a one-time link leads to: the first account, an invitation, a new password. Without a link
/// that is in force there is nothing here.
pub(crate) fn setup_page(site: &Site, visit: &Visit) -> Outcome {
    let token = visit.query.own("token").ok_or_else(Problem::not_found)?;
    setup_form(site, token, "", "", None)
}

fn setup_form(
    site: &Site,
    token: &str,
    email: &str,
    name: &str,
    problem: Option<&Problem>,
) -> Outcome {
    let first = site.access.set_up_open().map_err(refusal)?;
    let mut page = html::Setup {
        token: token.to_owned(),
        invited: None,
        email: email.to_owned(),
        name: name.to_owned(),
        problem: problem.map(written),
    };
    if !first {
        match site.access.link(&Secret::new(token)) {
            Ok(link) => page.invited = Some(link.email),
            Err(Refusal::LinkEnded | Refusal::NotFound) => return Err(ended()),
            Err(other) => return Err(refusal(other)),
        }
    }
    let text = html::setup_page(&around(site, "/setup", None, None), &page);
    let status = problem.map_or(StatusCode::OK, |problem| problem.status);
    Ok(Reply::page(text).status(status))
}

/// The same words for a link that was used, has ended, or never was.
fn ended() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "link-ended",
        "this link has been used or has ended, or there is nothing to set up",
    )
    .hint("Ask an administrator for a new one.")
}

/// Sets up what the link is for.
pub(crate) fn setup(site: &Site, visit: &Visit) -> Outcome {
    let sent = visit.form(&["token", "email", "name", "password"])?;
    let token = sent.some("token").ok_or_else(Problem::not_found)?;
    let secret = Secret::new(token);
    let (email, name) = (sent.get("email"), sent.get("name"));
    let refused = if site.access.set_up_open().map_err(refusal)? {
        match site.access.redeem_first(&secret, email, name, sent.get("password"), visit.address) {
            Ok(session) => return Ok(signed_in(site, &session, "/")),
            Err(refused) => refused,
        }
    } else {
        match site.access.redeem_link(&secret, sent.get("password"), visit.address) {
            Ok(()) => return Ok(Reply::see_other(&format!("/login?next={}", encode("/")))),
            Err(refused) => refused,
        }
    };
    match refused {
        Refusal::LinkEnded | Refusal::NotFound => Err(ended()),
        Refusal::WeakPassword(_) | Refusal::Field { .. } | Refusal::Conflict(_) => {
            setup_form(site, token, email, name, Some(&refusal(refused)))
        }
        other => Err(refusal(other)),
    }
}
