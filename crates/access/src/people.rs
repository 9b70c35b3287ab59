//! The accounts of others: invite, change, reset, remove. For administrators and the console.

use std::time::Duration;

use rusqlite::{Connection, Row, Transaction, params};
use unicode_normalization::UnicodeNormalization as _;

use crate::audit::{Action, Event};
use crate::caller::{AccountId, Actor};
use crate::login::{FAILURES_MOST, role};
use crate::own::forget_second_factor;
use crate::refusal::Refusal;
use crate::role::{Permission, Role};
use crate::secret::{Secret, Use, identifier};
use crate::types::{Account, AccountState, Address, Link, LinkKind, NewAccount, OneTime};
use crate::{Access, allowed, milliseconds, one, run, time};

const INVITATION_LIFE: Duration = Duration::from_hours(24);
const RESET_LIFE: Duration = Duration::from_mins(30);

/// An e-mail address as it is shown, and as it is matched.
pub(crate) struct Email {
    pub(crate) shown: String,
    pub(crate) key: String,
}

/// Reads an e-mail address.
pub(crate) fn email(text: &str) -> Result<Email, Refusal> {
    let shown: String = text.trim().nfc().collect();
    let parts = shown.split_once('@');
    let fits = parts.is_some_and(|(person, domain)| {
        !person.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    if !fits || shown.len() > 254 || !shown.chars().all(visible) {
        return Err(Refusal::Field { field: "email", why: "is not an e-mail address" });
    }
    Ok(Email { key: match_key(&shown), shown })
}

/// Returns what e-mail addresses are compared by: composed, in small letters.
pub(crate) fn match_key(text: &str) -> String {
    // More than any address has; what is longer is found nowhere.
    let text: String = text.trim().chars().take(300).collect();
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// Reads a name; an empty one is the address up to its `@`.
pub(crate) fn name(text: &str, email: &str) -> Result<String, Refusal> {
    let text: String = text.trim().nfc().collect();
    if text.chars().count() > 200 || text.chars().any(|c| c != ' ' && !visible(c)) {
        let why = "must have at most 200 characters that can be seen";
        return Err(Refusal::Field { field: "name", why });
    }
    let from_email = || email.split('@').next().unwrap_or(email).to_owned();
    Ok(if text.is_empty() { from_email() } else { text })
}

/// False for space, control characters, and those that turn or hide what stands beside them.
fn visible(c: char) -> bool {
    !(c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'))
}

fn segment_of(text: Option<&str>, role: Role) -> Result<Option<String>, Refusal> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.len() > 200 || text.chars().any(char::is_control)) {
        return Err(Refusal::Field { field: "segment", why: "is not the name of a segment" });
    }
    if text.is_some() && role == Role::Administrator {
        let why = "cannot limit an administrator, who could lift the limit";
        return Err(Refusal::Field { field: "segment", why });
    }
    Ok(text.map(str::to_owned))
}

const COLUMNS: &str = "id, email, name, role, segment, by_provider, totp IS NOT NULL, digest, \
                       created_at, signed_in_at, disabled, failures, password IS NULL \
                       AND subject IS NULL";

impl Access {
    /// Lists the accounts by e-mail address.
    pub fn accounts(&self, actor: Actor<'_>) -> Result<Vec<Account>, Refusal> {
        allowed(actor, Permission::ManagePeople)?;
        self.state.read(|connection| {
            let query = format!("SELECT {COLUMNS} FROM account ORDER BY email_key");
            let mut query = connection.prepare_cached(&query)?;
            let rows = query.query_map([], |row| Ok(read(row)))?;
            rows.map(|row| row?).collect()
        })
    }

    /// Finds an account by its e-mail address.
    pub fn account_by_email(&self, actor: Actor<'_>, email: &str) -> Result<Account, Refusal> {
        allowed(actor, Permission::ManagePeople)?;
        let query = format!("SELECT {COLUMNS} FROM account WHERE email_key = ?1");
        let key = match_key(email);
        let found =
            self.state.read(|connection| one(connection, &query, [key], |row| Ok(read(row))))?;
        found.unwrap_or(Err(Refusal::NotFound))
    }

    /// Adds a person; returns the account and the invitation (none for those who come by the
    /// identity provider).
    pub fn invite(
        &self,
        actor: Actor<'_>,
        new: &NewAccount,
        address: Option<Address>,
    ) -> Result<(Account, Option<OneTime>), Refusal> {
        let actor = allowed(actor, Permission::ManagePeople)?;
        let email = email(&new.email)?;
        let name = name(&new.name, &email.shown)?;
        let segment = segment_of(new.segment.as_deref(), new.role)?;
        let id = identifier("a_")?;
        self.change(&actor, address, |transaction| {
            let insert = "INSERT INTO account (id, email, email_key, name, role, segment, \
                          by_provider, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                          ON CONFLICT (email_key) DO NOTHING";
            let now = self.clock.now().as_millisecond();
            let role = new.role.id();
            let given =
                params![id, email.shown, email.key, name, role, segment, new.by_provider, now];
            if run(transaction, insert, given)? == 0 {
                return Err(Refusal::Conflict("there is an account with this e-mail address"));
            }
            let link = if new.by_provider {
                None
            } else {
                Some(self.make_link(transaction, &id, "invitation", INVITATION_LIFE)?)
            };
            let event = Event::ended(Action::Invite, id.as_str(), format!("done role={role}"));
            Ok(((account(transaction, &id)?, link), event))
        })
    }

    fn make_link(
        &self,
        transaction: &Transaction<'_>,
        id: &str,
        kind: &str,
        life: Duration,
    ) -> Result<OneTime, Refusal> {
        let secret = Secret::random("")?;
        let hash = self.key.hash(Use::Link, secret.reveal().as_bytes());
        let expires_at = self.life().saturating_add(milliseconds(life));
        // The newest link is the only one.
        run(transaction, "DELETE FROM link WHERE account = ?1", [id])?;
        let insert = "INSERT INTO link (hash, kind, account, expires_at) VALUES (?1, ?2, ?3, ?4)";
        run(transaction, insert, params![hash, kind, id, expires_at])?;
        Ok(OneTime { secret, expires_at: time(expires_at) })
    }

    /// Tells the holder of a link whose it is. `LinkEnded` where it has ended or never was.
    pub fn link(&self, secret: &Secret) -> Result<Link, Refusal> {
        self.open_link(secret).map(|(_, link)| link)
    }

    fn open_link(&self, secret: &Secret) -> Result<(String, Link), Refusal> {
        let hash = self.key.hash(Use::Link, secret.reveal().as_bytes());
        let query = "SELECT id, kind, name, email FROM link JOIN account ON id = account \
                     WHERE hash = ?1 AND kind IN ('invitation', 'reset') AND expires_at > ?2 \
                     AND disabled = 0";
        let read = |row: &Row<'_>| {
            let reset = row.get::<_, String>(1)? == "reset";
            let kind = if reset { LinkKind::Reset } else { LinkKind::Invitation };
            Ok((row.get(0)?, Link { kind, name: row.get(2)?, email: row.get(3)? }))
        };
        let life = self.life();
        let found =
            self.state.read(|connection| one(connection, query, params![hash, life], read))?;
        found.ok_or(Refusal::LinkEnded)
    }

    /// Sets the password by a link; every session of the account ends. The person then signs in.
    pub fn redeem_link(
        &self,
        secret: &Secret,
        password: &str,
        address: Address,
    ) -> Result<(), Refusal> {
        let (id, link) = match self.open_link(secret) {
            Ok(found) => found,
            Err(refusal) => {
                let action = Action::RedeemLink;
                return self.refuse("anonymous", Some(address), action, "link", refusal);
            }
        };
        self.check_password(password, &link.name, &link.email)?;
        let password = self.hasher.hash(password)?;
        let hash = self.key.hash(Use::Link, secret.reveal().as_bytes());
        let life = self.life();
        self.change(&id, Some(address), |transaction| {
            let used = "DELETE FROM link WHERE hash = ?1 AND expires_at > ?2";
            if run(transaction, used, params![hash, life])? == 0 {
                return Err(Refusal::LinkEnded);
            }
            store_password(transaction, &id, &password)?;
            Ok(((), Event::done(Action::RedeemLink, id.as_str())))
        })
    }

    /// Sets a password directly; every session of the account ends. For the console.
    pub fn set_password(&self, id: &AccountId, password: &str) -> Result<(), Refusal> {
        let account = self.state.read(|connection| account(connection, id.as_str()))?;
        if account.by_provider {
            return Err(Refusal::Conflict(BY_PROVIDER));
        }
        self.check_password(password, &account.name, &account.email)?;
        let hash = self.hasher.hash(password)?;
        self.change("console", None, |transaction| {
            run(transaction, "DELETE FROM link WHERE account = ?1", [id.as_str()])?;
            store_password(transaction, id.as_str(), &hash)?;
            Ok(((), Event::done(Action::ChangePassword, id.as_str())))
        })
    }

    /// Changes role and limit; every session of the account ends.
    pub fn set_rights(
        &self,
        actor: Actor<'_>,
        id: &AccountId,
        role: Role,
        segment: Option<&str>,
        address: Option<Address>,
    ) -> Result<Account, Refusal> {
        let actor = allowed(actor, Permission::ManagePeople)?;
        let segment = segment_of(segment, role)?;
        let id = id.as_str();
        self.change(&actor, address, |transaction| {
            account(transaction, id)?;
            if role != Role::Administrator {
                keep_one_administrator(transaction, id)?;
            }
            let update = "UPDATE account SET role = ?2, segment = ?3 WHERE id = ?1";
            run(transaction, update, params![id, role.id(), segment])?;
            run(transaction, "DELETE FROM session WHERE account = ?1", [id])?;
            let limited = if segment.is_some() { " limited" } else { "" };
            let outcome = format!("done role={role}{limited}");
            let event = Event::ended(Action::ChangeRights, id, outcome);
            Ok((account(transaction, id)?, event))
        })
    }

    /// Disables or enables an account; every session of a disabled one ends.
    pub fn set_disabled(
        &self,
        actor: Actor<'_>,
        id: &AccountId,
        disabled: bool,
        address: Option<Address>,
    ) -> Result<Account, Refusal> {
        let actor = allowed(actor, Permission::ManagePeople)?;
        let id = id.as_str();
        self.change(&actor, address, |transaction| {
            account(transaction, id)?;
            if disabled {
                keep_one_administrator(transaction, id)?;
                run(transaction, "DELETE FROM session WHERE account = ?1", [id])?;
                run(transaction, "DELETE FROM link WHERE account = ?1", [id])?;
            }
            let update = "UPDATE account SET disabled = ?2 WHERE id = ?1";
            run(transaction, update, params![id, disabled])?;
            let action = if disabled { Action::Disable } else { Action::Enable };
            Ok((account(transaction, id)?, Event::done(action, id)))
        })
    }

    /// Makes a link for a new password; the old one, every session and token, the second factor and
    /// the count of failures are forgotten.
    pub fn reset(
        &self,
        actor: Actor<'_>,
        id: &AccountId,
        address: Option<Address>,
    ) -> Result<OneTime, Refusal> {
        let actor = allowed(actor, Permission::ManagePeople)?;
        let id = id.as_str();
        self.change(&actor, address, |transaction| {
            if account(transaction, id)?.by_provider {
                return Err(Refusal::Conflict(BY_PROVIDER));
            }
            run(transaction, "UPDATE account SET password = NULL WHERE id = ?1", [id])?;
            forget_second_factor(transaction, id)?;
            run(transaction, "DELETE FROM session WHERE account = ?1", [id])?;
            run(transaction, "DELETE FROM token WHERE account = ?1", [id])?;
            let link = self.make_link(transaction, id, "reset", RESET_LIFE)?;
            Ok((link, Event::done(Action::Reset, id)))
        })
    }

    /// Removes an account with its sessions and tokens; its identifier stays in the audit log.
    pub fn remove(
        &self,
        actor: Actor<'_>,
        id: &AccountId,
        address: Option<Address>,
    ) -> Result<(), Refusal> {
        let actor = allowed(actor, Permission::ManagePeople)?;
        let id = id.as_str();
        self.change(&actor, address, |transaction| {
            account(transaction, id)?;
            keep_one_administrator(transaction, id)?;
            run(transaction, "DELETE FROM account WHERE id = ?1", [id])?;
            Ok(((), Event::done(Action::Remove, id)))
        })?;
        self.state.forget();
        Ok(())
    }
}

const BY_PROVIDER: &str = "this person signs in by the identity provider, which keeps the password";

/// Stores a password: failures are over, sessions end.
fn store_password(transaction: &Transaction<'_>, id: &str, hash: &str) -> Result<(), Refusal> {
    let update = "UPDATE account SET password = ?2, failures = 0 WHERE id = ?1";
    run(transaction, update, [id, hash])?;
    run(transaction, "UPDATE known_address SET failures = 0 WHERE account = ?1", [id])?;
    run(transaction, "DELETE FROM session WHERE account = ?1", [id]).map(drop)
}

/// Refuses what would leave nobody who can manage people.
fn keep_one_administrator(transaction: &Transaction<'_>, id: &str) -> Result<(), Refusal> {
    let query = "SELECT count(*) FILTER (WHERE id = ?1), count(*) FILTER (WHERE id <> ?1) \
                 FROM account WHERE role = 'administrator' AND disabled = 0";
    let read = |row: &Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?));
    match one(transaction, query, [id], read)? {
        Some((1, 0)) => {
            Err(Refusal::Conflict("this is the only administrator; make another first"))
        }
        _ => Ok(()),
    }
}

fn account(connection: &Connection, id: &str) -> Result<Account, Refusal> {
    let query = format!("SELECT {COLUMNS} FROM account WHERE id = ?1");
    one(connection, &query, [id], |row| Ok(read(row)))?.unwrap_or(Err(Refusal::NotFound))
}

fn read(row: &Row<'_>) -> Result<Account, Refusal> {
    let (disabled, failures, invited): (bool, i64, bool) =
        (row.get(10)?, row.get(11)?, row.get(12)?);
    let state = match (disabled, invited, failures >= FAILURES_MOST) {
        (true, ..) => AccountState::Disabled,
        (_, true, _) => AccountState::Invited,
        (.., true) => AccountState::Locked,
        _ => AccountState::Active,
    };
    Ok(Account {
        id: AccountId::new(row.get::<_, String>(0)?),
        email: row.get(1)?,
        name: row.get(2)?,
        role: role(&row.get::<_, String>(3)?)?,
        segment: row.get(4)?,
        state,
        by_provider: row.get(5)?,
        second_factor: row.get(6)?,
        digest: row.get(7)?,
        created_at: time(row.get(8)?),
        signed_in_at: row.get::<_, Option<i64>>(9)?.map(time),
    })
}
