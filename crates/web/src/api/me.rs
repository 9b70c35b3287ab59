//! Who asks, and own tokens.

use access::{Caller, Permission, Preferences, Refusal, Role, Token, TokenId};
use domain::Theme;
use serde_json::{Map, Value, json};

use super::{made, ok};
use crate::problem::Problem;
use crate::routes::Outcome;
use crate::site::{Site, refusal};
use crate::visit::{Visit, field};

/// Who asks.
pub(crate) fn me(_site: &Site, _visit: &Visit, caller: &Caller) -> Outcome {
    Ok(ok(about(caller, &caller.name, &caller.preferences)))
}

fn about(caller: &Caller, name: &str, preferences: &Preferences) -> Value {
    let may: Vec<&str> = caller.permissions().list().into_iter().map(Permission::id).collect();
    json!({
        "id": caller.account.as_str(),
        "email": caller.email,
        "name": name,
        "role": caller.role.id(),
        "segment": caller.segment,
        "permissions": may,
        "preferences": {
            "theme": preferences.theme.id(),
            "shortcuts": preferences.shortcuts,
            "digest": preferences.digest,
        },
    })
}

/// Changes the own name and preferences.
pub(crate) fn change(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.json(&["name", "theme", "shortcuts", "digest"]);
    let sent = sent.inspect_err(|problem| {
        // Who tries to give themselves a role is written down.
        site.refused(visit, Some(caller), problem);
    })?;
    let mut preferences = caller.preferences.clone();
    let name = text(&sent, "name")?.unwrap_or(&caller.name).to_owned();
    if let Some(theme) = text(&sent, "theme")? {
        preferences.theme = Theme::parse(theme)
            .ok_or_else(|| field("theme", "is not `light`, `dark` or `system`"))?;
    }
    preferences.shortcuts = flag(&sent, "shortcuts")?.unwrap_or(preferences.shortcuts);
    preferences.digest = flag(&sent, "digest")?.unwrap_or(preferences.digest);
    site.access.change_profile(caller, &name, &preferences, visit.address).map_err(refusal)?;
    Ok(ok(about(caller, name.trim(), &preferences)))
}

/// A member that is a text, where it is sent.
pub(crate) fn text<'a>(
    sent: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a str>, Problem> {
    match sent.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(field(name, "is not a text")),
    }
}

/// A member that is a text, and must be sent.
pub(crate) fn needed<'a>(sent: &'a Map<String, Value>, name: &str) -> Result<&'a str, Problem> {
    text(sent, name)?.ok_or_else(|| field(name, "is missing"))
}

/// A member that is true or false, where it is sent.
pub(crate) fn flag(sent: &Map<String, Value>, name: &str) -> Result<Option<bool>, Problem> {
    match sent.get(name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(field(name, "is not true or false")),
    }
}

fn token(token: &Token) -> Value {
    json!({
        "id": token.id.as_str(),
        "name": token.name,
        "role": token.role.id(),
        "created_at": token.created_at.to_string(),
        "expires_at": token.expires_at.to_string(),
        "used_at": token.used_at.map(|at| at.to_string()),
    })
}

/// Own tokens.
pub(crate) fn tokens(site: &Site, _visit: &Visit, caller: &Caller) -> Outcome {
    let tokens = site.access.tokens(caller).map_err(refusal)?;
    Ok(ok(json!({ "tokens": tokens.iter().map(token).collect::<Vec<_>>() })))
}

/// Makes a token; it is shown this once.
pub(crate) fn create_token(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let sent = visit.json(&["name", "role", "days"])?;
    let role = match text(&sent, "role")? {
        Some(role) => Role::parse(role).ok_or_else(|| field("role", "is not a role"))?,
        None => caller.role,
    };
    let days = match sent.get("days") {
        None | Some(Value::Null) => None,
        Some(days) => {
            let days = days.as_u64().and_then(|days| u16::try_from(days).ok());
            Some(days.ok_or_else(|| field("days", "is not a number of days from 1 to 365"))?)
        }
    };
    let name = needed(&sent, "name")?;
    let (secret, about) =
        site.access.create_token(caller, name, role, days, visit.address).map_err(refusal)?;
    let with = |secret: Option<&str>| {
        let mut shown = token(&about);
        if let Value::Object(members) = &mut shown {
            members.insert("token".to_owned(), json!(secret));
        }
        shown
    };
    let mut reply = made(with(Some(secret.reveal())));
    // A repeated request is told what was made, without the secret, which is kept nowhere.
    let lasting = show::json::line(&show::json::envelope(Some(with(None)), &[], &[]));
    reply.lasting = Some(lasting.into());
    Ok(reply)
}

/// Revokes a token.
pub(crate) fn revoke_token(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let id = TokenId::new(visit.part("id"));
    site.access.revoke_token(caller, &id, visit.address).map_err(|why| match why {
        Refusal::NotFound => Problem::not_found().noted(),
        why => refusal(why),
    })?;
    Ok(ok(json!({ "id": id.as_str(), "revoked": true })))
}
