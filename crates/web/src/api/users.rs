//! Accounts, for administrators.

use access::{Account, AccountId, Actor, Caller, NewAccount, OneTime};
use serde_json::{Value, json};

use super::me::{flag, needed, text};
use super::{made, ok};
use crate::pages::people::{link, rights};
use crate::problem::Problem;
use crate::routes::Outcome;
use crate::site::{Site, refusal};
use crate::visit::{Visit, field};

/// The accounts.
pub(crate) fn list(site: &Site, _visit: &Visit, caller: &Caller) -> Outcome {
    let accounts = site.access.accounts(Actor::Caller(caller)).map_err(refusal)?;
    Ok(ok(json!({ "users": accounts.iter().map(Account::json).collect::<Vec<_>>() })))
}

/// Invites a person; the link is shown this once.
pub(crate) fn invite(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.json(&["email", "name", "role", "segment", "by_provider"])?;
    let segment = match sent.get("segment") {
        Some(Value::Null) => None,
        _ => text(&sent, "segment")?,
    };
    let (role, segment) = rights(site, needed(&sent, "role")?, segment)?;
    let new = NewAccount {
        email: needed(&sent, "email")?.to_owned(),
        name: text(&sent, "name")?.unwrap_or_default().to_owned(),
        role,
        segment,
        by_provider: flag(&sent, "by_provider")?.unwrap_or(false),
    };
    let (account, invitation) =
        site.access.invite(Actor::Caller(caller), &new, Some(visit.address)).map_err(refusal)?;
    let with = |invitation: Option<&OneTime>| {
        let mut shown = account.json();
        if let Value::Object(members) = &mut shown {
            let link = invitation.map(|one| link(site, &one.secret));
            members.insert("invitation".to_owned(), json!(link));
        }
        shown
    };
    let mut reply = made(with(invitation.as_ref()));
    let lasting = show::json::line(&show::json::envelope(Some(with(None)), &[], &[]));
    reply.lasting = Some(lasting.into());
    Ok(reply)
}

/// Changes role, segment, or whether the account is open.
pub(crate) fn change(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.json(&["role", "segment", "disabled"])?;
    let id = AccountId::new(visit.part("id"));
    let actor = Actor::Caller(caller);
    let accounts = site.access.accounts(actor).map_err(refusal)?;
    let mut account =
        accounts.into_iter().find(|account| account.id == id).ok_or_else(Problem::not_found)?;
    let role = text(&sent, "role")?.unwrap_or(account.role.id());
    let segment = match sent.get("segment") {
        None => account.segment.clone(),
        Some(Value::Null) => None,
        Some(Value::String(segment)) => Some(segment.clone()),
        Some(_) => return Err(field("segment", "is not a text or null")),
    };
    let disabled = flag(&sent, "disabled")?;
    // What is not sent stays, also where it is no longer in the definitions.
    let sent_rights = sent.contains_key("role") || sent.contains_key("segment");
    let (role, segment) =
        if sent_rights { rights(site, role, segment.as_deref())? } else { (account.role, segment) };
    if role != account.role || segment != account.segment {
        let segment = segment.as_deref();
        account = site
            .access
            .set_rights(actor, &id, role, segment, Some(visit.address))
            .map_err(refusal)?;
    }
    if let Some(disabled) = disabled {
        account =
            site.access.set_disabled(actor, &id, disabled, Some(visit.address)).map_err(refusal)?;
    }
    Ok(ok(account.json()))
}

/// Removes an account.
pub(crate) fn remove(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let id = AccountId::new(visit.part("id"));
    site.access.remove(Actor::Caller(caller), &id, Some(visit.address)).map_err(refusal)?;
    Ok(ok(json!({ "id": id.as_str(), "removed": true })))
}
