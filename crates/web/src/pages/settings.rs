//! One's own: password, second factor, tokens, sessions, preferences.

use access::{
    Actor, Caller, NewSession, Preferences, Refusal, Role, SessionId, TokenId, permissions,
};
use axum::http::StatusCode;
use domain::Theme;
use show::html::{self, Choice, Factor, SessionRow, Settings, TokenRow};

use super::door::renewed;
use super::{shell, written};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::{Site, refusal};
use crate::visit::{Visit, field};

/// The page.
pub(crate) fn page(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    draw(site, visit, caller, |_| {}, StatusCode::OK)
}

/// Draws the page with what has just happened.
fn draw(
    site: &Site,
    visit: &Visit,
    caller: &Caller,
    change: impl FnOnce(&mut Settings),
    status: StatusCode,
) -> Outcome {
    let access = &site.access;
    let signed_in = caller.signed_in();
    let own = access.account_by_email(Actor::Console, &caller.email);
    let factor = access.second_factor(caller).map_err(refusal)?;
    let tokens = if signed_in { access.tokens(caller).map_err(refusal)? } else { Vec::new() };
    let sessions = if signed_in { access.sessions(caller).map_err(refusal)? } else { Vec::new() };
    let covers = |role: &Role| permissions(*role).iter().all(|needed| caller.may(*needed));
    let roles = Role::ALL.into_iter().filter(covers);
    let mut settings = Settings {
        email: caller.email.clone(),
        local_password: !own.is_ok_and(|account| account.by_provider),
        factor: if factor.is_some() { Factor::On } else { Factor::Off },
        recovery_codes: Vec::new(),
        tokens: tokens
            .into_iter()
            .map(|token| TokenRow {
                id: token.id.to_string(),
                name: token.name,
                role: token.role.label().to_owned(),
                made_at: token.created_at,
                ends_at: token.expires_at,
                used_at: token.used_at,
            })
            .collect(),
        new_token: None,
        token_roles: roles.map(|role| Choice::new(role.id(), role.label())).collect(),
        sessions: sessions
            .into_iter()
            .map(|session| SessionRow {
                id: session.id.to_string(),
                began_at: session.issued_at,
                used_at: session.last_seen,
                address: session.address,
                own: session.current,
            })
            .collect(),
        theme: caller.preferences.theme,
        shortcuts: caller.preferences.shortcuts,
        digest: site.settings.digest.is_some().then_some(caller.preferences.digest),
        done: None,
        problem: None,
    };
    change(&mut settings);
    let mut shell = shell(site, visit, caller);
    "/settings".clone_into(&mut shell.here);
    shell.theme = settings.theme;
    Ok(Reply::page(html::settings_page(&shell, &settings)).status(status))
}

/// Draws the page with why it was not done.
fn refused(site: &Site, visit: &Visit, caller: &Caller, refused: Refusal) -> Outcome {
    let problem = refusal(refused);
    if problem.status == StatusCode::UNAUTHORIZED && problem.code == "not-signed-in" {
        return Err(problem);
    }
    // The password that was asked for again does not fit: the session stays as it is.
    let status = match problem.status {
        StatusCode::UNAUTHORIZED => StatusCode::UNPROCESSABLE_ENTITY,
        status => status,
    };
    draw(site, visit, caller, |page| page.problem = Some(written(&problem)), status)
}

fn done(site: &Site, visit: &Visit, caller: &Caller, what: &str) -> Outcome {
    draw(site, visit, caller, |page| page.done = Some(what.to_owned()), StatusCode::OK)
}

/// Draws the page for the session that took the place of the one that asked.
fn anew(
    site: &Site,
    visit: &Visit,
    session: &NewSession,
    change: impl FnOnce(&mut Settings),
) -> Outcome {
    let reply = draw(site, visit, &session.caller, change, StatusCode::OK)?;
    Ok(renewed(site, session, reply))
}

/// Changes the own password.
pub(crate) fn password(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.form(&["current", "password"])?;
    let (old, new) = (sent.get("current"), sent.get("password"));
    match site.access.change_password(caller, old, new, visit.address) {
        Ok(session) => anew(site, visit, &session, |page| {
            page.done = Some("The password is changed; other sessions have ended.".to_owned());
        }),
        Err(why) => refused(site, visit, caller, why),
    }
}

/// Begins a second factor.
pub(crate) fn factor(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    visit.form(&[])?;
    match site.access.enroll(caller) {
        Ok(begun) => {
            let factor = Factor::Enrolling {
                qr_svg: crate::qr::svg(begun.uri.reveal()),
                secret: begun.secret.reveal().to_owned(),
            };
            draw(site, visit, caller, |page| page.factor = factor, StatusCode::OK)
        }
        Err(why) => refused(site, visit, caller, why),
    }
}

/// Confirms the second factor.
pub(crate) fn confirm(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.form(&["code"])?;
    match site.access.confirm_enrollment(caller, sent.get("code"), visit.address) {
        Ok((codes, session)) => anew(site, visit, &session, |page| {
            page.recovery_codes = codes.iter().map(|code| code.reveal().to_owned()).collect();
            page.done = Some(
                "The second factor is on. Keep the recovery codes: they are shown only now."
                    .to_owned(),
            );
        }),
        Err(why) => refused(site, visit, caller, why),
    }
}

/// Takes the second factor away.
pub(crate) fn remove(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.form(&["password", "code"])?;
    let (password, code) = (sent.get("password"), sent.get("code"));
    match site.access.remove_second_factor(caller, password, code, visit.address) {
        Ok(session) => anew(site, visit, &session, |page| {
            page.done = Some("The second factor is off.".to_owned());
        }),
        Err(why) => refused(site, visit, caller, why),
    }
}

/// Makes an API token.
pub(crate) fn token(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.form(&["name", "role", "days"])?;
    let role = match sent.some("role") {
        Some(role) => Role::parse(role).ok_or_else(|| field("role", "is not a role"))?,
        None => caller.role,
    };
    let days = match sent.some("days") {
        Some(days) => Some(days.parse().map_err(|_| field("days", "is not a number of days"))?),
        None => None,
    };
    match site.access.create_token(caller, sent.get("name"), role, days, visit.address) {
        Ok((secret, _)) => draw(
            site,
            visit,
            caller,
            |page| {
                page.new_token = Some(secret.reveal().to_owned());
                page.done = Some("The token is made. Copy it: it is shown only now.".to_owned());
            },
            StatusCode::OK,
        ),
        Err(why) => refused(site, visit, caller, why),
    }
}

/// Revokes an API token.
pub(crate) fn revoke(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    visit.form(&[])?;
    let id = TokenId::new(visit.part("id"));
    match site.access.revoke_token(caller, &id, visit.address) {
        Ok(()) => done(site, visit, caller, "The token is revoked."),
        Err(Refusal::NotFound) => Err(Problem::not_found().noted()),
        Err(why) => refused(site, visit, caller, why),
    }
}

/// Ends an own session.
pub(crate) fn end(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    visit.form(&[])?;
    let id = SessionId::new(visit.part("id"));
    match site.access.end_session(caller, &id, visit.address) {
        Ok(()) => done(site, visit, caller, "The session has ended."),
        Err(Refusal::NotFound) => Err(Problem::not_found().noted()),
        Err(why) => refused(site, visit, caller, why),
    }
}

/// Changes the preferences.
pub(crate) fn preferences(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.form(&["theme", "shortcuts", "digest"])?;
    let theme = match sent.some("theme") {
        Some(theme) => {
            Theme::parse(theme).ok_or_else(|| field("theme", "is not light, dark or system"))?
        }
        None => caller.preferences.theme,
    };
    let on = |name: &str| sent.get(name) == "on";
    let digest =
        if site.settings.digest.is_some() { on("digest") } else { caller.preferences.digest };
    let preferences = Preferences {
        theme,
        shortcuts: on("shortcuts"),
        digest,
        locale: caller.preferences.locale.clone(),
    };
    match site.access.change_profile(caller, &caller.name, &preferences, visit.address) {
        Ok(()) => {
            let mut caller = caller.clone();
            caller.preferences = preferences;
            done(site, visit, &caller, "The preferences are saved.")
        }
        Err(why) => refused(site, visit, caller, why),
    }
}
