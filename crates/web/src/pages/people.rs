//! People and their roles, and the audit log: for administrators.

use access::{
    Account, AccountId, AccountState, Actor, Caller, NewAccount, Refusal, Role, Verified,
};
use axum::http::StatusCode;
use show::html::{self, Audit, AuditRow, Choice, People, Person, PersonState};

use super::{segment_name, shell, written};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::{Site, refusal};
use crate::visit::{Visit, field};

/// Rows of the audit log on a page.
const PAGE: usize = 100;

/// The page of people.
pub(crate) fn page(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    draw(site, visit, caller, |_| {}, StatusCode::OK)
}

fn draw(
    site: &Site,
    visit: &Visit,
    caller: &Caller,
    change: impl FnOnce(&mut People),
    status: StatusCode,
) -> Outcome {
    let accounts = site.access.accounts(Actor::Caller(caller)).map_err(refusal)?;
    let mut page = People {
        people: accounts.into_iter().map(|account| person(account, caller)).collect(),
        roles: Role::ALL.into_iter().map(|role| Choice::new(role.id(), role.label())).collect(),
        segments: segments(site),
        ..People::default()
    };
    change(&mut page);
    let mut shell = shell(site, visit, caller);
    "/people".clone_into(&mut shell.here);
    Ok(Reply::page(html::people_page(&shell, &page)).status(status))
}

/// The segments that an account can be limited to.
fn segments(site: &Site) -> Vec<Choice> {
    let standing = site.desk.standing();
    let Some(ground) = standing.ground else { return Vec::new() };
    let definitions = ground.view.definitions();
    let named = definitions.segments.iter().map(|one| &*one.id).chain(["other", "unknown"]);
    named.map(|id| Choice::new(id, segment_name(Some(definitions), id))).collect()
}

fn person(account: Account, caller: &Caller) -> Person {
    Person {
        own: account.id == caller.account,
        id: account.id.to_string(),
        name: account.name,
        email: account.email,
        role: account.role.id().to_owned(),
        segment: account.segment,
        state: match account.state {
            AccountState::Invited => PersonState::Invited,
            AccountState::Active => PersonState::Active,
            AccountState::Locked | AccountState::Disabled => PersonState::Disabled,
        },
        second_factor: account.second_factor || account.by_provider,
        seen_at: account.signed_in_at,
    }
}

fn refused(site: &Site, visit: &Visit, caller: &Caller, refused: Refusal) -> Outcome {
    let problem = refusal(refused);
    if matches!(problem.status, StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED) {
        return Err(problem);
    }
    let status = problem.status;
    draw(site, visit, caller, |page| page.problem = Some(written(&problem)), status)
}

/// Reads a role and a segment, and checks that there are such.
pub(crate) fn rights(
    site: &Site,
    role: &str,
    segment: Option<&str>,
) -> Result<(Role, Option<String>), Problem> {
    let role = Role::parse(role).ok_or_else(|| field("role", "is not a role"))?;
    if let Some(segment) = segment {
        let known = segments(site);
        if !known.iter().any(|choice| choice.value == segment) {
            return Err(field("segment", "is not a segment of the definitions"));
        }
    }
    Ok((role, segment.map(str::to_owned)))
}

/// The address of a one-time link.
pub(crate) fn link(site: &Site, secret: &access::Secret) -> String {
    format!("{}/setup?token={}", site.settings.base, secret.reveal())
}

/// Invites a person.
pub(crate) fn add(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.form(&["email", "name", "role", "segment"])?;
    let (role, segment) = rights(site, sent.get("role"), sent.some("segment"))?;
    let new = NewAccount {
        email: sent.get("email").to_owned(),
        name: sent.get("name").to_owned(),
        role,
        segment,
        by_provider: false,
    };
    match site.access.invite(Actor::Caller(caller), &new, Some(visit.address)) {
        Ok((account, invitation)) => draw(
            site,
            visit,
            caller,
            |page| {
                page.invitation = invitation.map(|one| link(site, &one.secret));
                page.done = Some(format!("{} is invited.", account.name));
            },
            StatusCode::OK,
        ),
        Err(why) => refused(site, visit, caller, why),
    }
}

/// Changes role and segment.
pub(crate) fn role(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.form(&["role", "segment"])?;
    let (role, segment) = rights(site, sent.get("role"), sent.some("segment"))?;
    let id = AccountId::new(visit.part("id"));
    let changed = site.access.set_rights(
        Actor::Caller(caller),
        &id,
        role,
        segment.as_deref(),
        Some(visit.address),
    );
    finished(site, visit, caller, changed, "has new rights, and signs in again")
}

/// Closes an account.
pub(crate) fn disable(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    switch(site, visit, caller, true, "is closed")
}

/// Opens an account again.
pub(crate) fn enable(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    switch(site, visit, caller, false, "is open again")
}

fn switch(site: &Site, visit: &Visit, caller: &Caller, disabled: bool, what: &str) -> Outcome {
    visit.form(&[])?;
    let id = AccountId::new(visit.part("id"));
    let address = Some(visit.address);
    let changed = site.access.set_disabled(Actor::Caller(caller), &id, disabled, address);
    finished(site, visit, caller, changed, what)
}

fn finished(
    site: &Site,
    visit: &Visit,
    caller: &Caller,
    changed: Result<Account, Refusal>,
    what: &str,
) -> Outcome {
    match changed {
        // Who changed the own rights signs in again like everybody else.
        Ok(account) if account.id == caller.account => Ok(Reply::see_other("/login")),
        Ok(account) => draw(
            site,
            visit,
            caller,
            |page| page.done = Some(format!("The account of {} {what}.", account.name)),
            StatusCode::OK,
        ),
        Err(why) => refused(site, visit, caller, why),
    }
}

/// Makes a link for a new password.
pub(crate) fn reset(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    visit.form(&[])?;
    let id = AccountId::new(visit.part("id"));
    match site.access.reset(Actor::Caller(caller), &id, Some(visit.address)) {
        Ok(_) if id == caller.account => Ok(Reply::see_other("/login")),
        Ok(one) => draw(
            site,
            visit,
            caller,
            |page| {
                page.invitation = Some(link(site, &one.secret));
                page.done = Some("The link for a new password is made.".to_owned());
            },
            StatusCode::OK,
        ),
        Err(why) => refused(site, visit, caller, why),
    }
}

/// The audit log.
pub(crate) fn audit(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let actor = Actor::Caller(caller);
    let newest = site.access.audit(actor, None, 1).map_err(refusal)?;
    let n_rows = newest.first().map_or(0, |row| usize::try_from(row.sequence).unwrap_or(0));
    let page = super::rows::page_of(visit.query.page, n_rows, PAGE)?;
    let skipped = u64::try_from((page - 1) * PAGE).unwrap_or(u64::MAX);
    let before = newest.first().map(|row| row.sequence.saturating_sub(skipped).saturating_add(1));
    let most = u32::try_from(PAGE).unwrap_or(100);
    let rows = site.access.audit(actor, before, most).map_err(refusal)?;
    let names = site.access.accounts(actor).map_err(refusal)?;
    let name = |id: &str| {
        let known = names.iter().find(|account| account.id.as_str() == id);
        known.map_or_else(|| id.to_owned(), |account| account.name.clone())
    };
    // Checking reads every row there is, so it is done where it is asked for.
    let chain = match visit.query.own("verify") {
        None => None,
        Some(_) => Some(match site.access.verify_audit().map_err(refusal)? {
            Verified::Whole { rows } => Ok(rows),
            Verified::Broken { sequence, .. } => Err(sequence),
        }),
    };
    let shown = Audit {
        rows: rows
            .into_iter()
            .map(|row| AuditRow {
                sequence: row.sequence,
                at: row.at,
                actor: name(&row.actor),
                action: row.action,
                object: name(&row.object),
                outcome: row.outcome,
                address: row.address,
            })
            .collect(),
        page,
        pages: n_rows.div_ceil(PAGE).max(1),
        chain,
    };
    Ok(Reply::page(html::audit_page(&shell(site, visit, caller), &shown)))
}
