//! What people do with their own account: sessions, password, profile, second factor.

use std::time::Duration;

use rusqlite::{Row, Transaction, params};

use crate::audit::{Action, Event};
use crate::caller::{By, Caller, Preferences, SessionId};
use crate::limit::Key as LimitKey;
use crate::refusal::{Refusal, WeakPassword};
use crate::role::Permission;
use crate::secret::Secret;
use crate::types::{Address, Enrollment, NewSession, Session};
use crate::{Access, actor_of, milliseconds, one, password, people, run, time, totp};

/// How long a login counts as proof that the person is there.
const FRESH_FOR: Duration = Duration::from_mins(15);

impl Access {
    /// Lists the caller's own sessions, the newest first.
    pub fn sessions(&self, caller: &Caller) -> Result<Vec<Session>, Refusal> {
        caller.need(Permission::ManageOwn)?;
        let life = self.life();
        let oldest = life.saturating_sub(milliseconds(self.settings.session_life));
        let unseen = life.saturating_sub(milliseconds(self.settings.session_idle));
        self.state.read(|connection| {
            let query = "SELECT id, issued_at, last_seen, address FROM session WHERE account = ?1 \
                         AND issued_at > ?2 AND last_seen > ?3 ORDER BY issued_at DESC, id";
            let mut query = connection.prepare_cached(query)?;
            let given = params![caller.account.as_str(), oldest, unseen];
            let rows = query.query_map(given, |row| {
                let id = SessionId::new(row.get::<_, String>(0)?);
                Ok(Session {
                    current: caller.by == By::Session(id.clone()),
                    id,
                    issued_at: time(row.get(1)?),
                    last_seen: time(row.get(2)?),
                    address: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Ends one of the caller's own sessions.
    pub fn end_session(
        &self,
        caller: &Caller,
        id: &SessionId,
        address: Address,
    ) -> Result<(), Refusal> {
        signed_in(caller)?;
        self.change(&actor_of(caller), Some(address), |transaction| {
            let delete = "DELETE FROM session WHERE id = ?1 AND account = ?2";
            let ended = run(transaction, delete, [id.as_str(), caller.account.as_str()])?;
            if ended == 0 {
                return Err(Refusal::NotFound);
            }
            Ok(((), Event::done(Action::Logout, id.as_str())))
        })
    }

    /// Changes the own password; every session ends and a new one begins.
    pub fn change_password(
        &self,
        caller: &Caller,
        old: &str,
        new: &str,
        address: Address,
    ) -> Result<NewSession, Refusal> {
        self.prove(caller, old, Action::ChangePassword, address)?;
        if old == new {
            return Err(Refusal::WeakPassword(WeakPassword::Same));
        }
        self.check_password(new, &caller.name, &caller.email)?;
        let hash = self.hasher.hash(new)?;
        self.renew(caller, address, |transaction| {
            let update = "UPDATE account SET password = ?2 WHERE id = ?1";
            run(transaction, update, [caller.account.as_str(), hash.as_str()])?;
            Ok(((), Event::done(Action::ChangePassword, caller.account.as_str())))
        })
        .map(|((), session)| session)
    }

    /// Changes the own name and preferences.
    pub fn change_profile(
        &self,
        caller: &Caller,
        name: &str,
        preferences: &Preferences,
        address: Address,
    ) -> Result<(), Refusal> {
        signed_in(caller)?;
        let name = people::name(name, &caller.email)?;
        let locale = preferences.locale.as_deref().filter(|locale| !locale.is_empty());
        if locale.is_some_and(|locale| !language_tag(locale)) {
            let why = "is not a language tag such as en-US";
            return Err(Refusal::Field { field: "locale", why });
        }
        self.change(&actor_of(caller), Some(address), |transaction| {
            let update = "UPDATE account SET name = ?2, theme = ?3, shortcuts = ?4, digest = ?5, \
                          locale = ?6 WHERE id = ?1";
            let id = caller.account.as_str();
            let Preferences { theme, shortcuts, digest, locale: _ } = preferences;
            run(transaction, update, params![id, name, theme.id(), shortcuts, digest, locale])?;
            Ok(((), Event::done(Action::ChangeProfile, id)))
        })
    }

    /// Tells whether the caller has a second factor, and how many recovery codes are left.
    pub fn second_factor(&self, caller: &Caller) -> Result<Option<u32>, Refusal> {
        caller.need(Permission::ManageOwn)?;
        let query = "SELECT totp IS NOT NULL, (SELECT count(*) FROM recovery WHERE account = id) \
                     FROM account WHERE id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<_, bool>(0)?, row.get::<_, u32>(1)?));
        let found = self
            .state
            .read(|connection| one(connection, query, [caller.account.as_str()], read))?;
        Ok(found.and_then(|(set_up, left)| set_up.then_some(left)))
    }

    /// Begins to set up a second factor. Refused where there is one already, and where the login
    /// is older than a quarter of an hour: a session that was left open is not enough.
    pub fn enroll(&self, caller: &Caller) -> Result<Enrollment, Refusal> {
        signed_in(caller)?;
        self.fresh(caller)?;
        let seed = totp::seed(&caller.account)?;
        self.state.write(|transaction| {
            let update = "UPDATE account SET totp_pending = ?2 WHERE id = ?1 AND totp IS NULL \
                          AND by_provider = 0";
            if run(transaction, update, params![caller.account.as_str(), seed])? == 0 {
                return Err(Refusal::Conflict("there is a second factor already"));
            }
            Ok(())
        })?;
        totp::enrollment(&self.key, &seed, &self.settings.issuer, &caller.email)
    }

    /// Confirms the second factor by a code; returns the recovery codes, shown once, and the new
    /// session in place of the caller's.
    pub fn confirm_enrollment(
        &self,
        caller: &Caller,
        code: &str,
        address: Address,
    ) -> Result<(Vec<Secret>, NewSession), Refusal> {
        signed_in(caller)?;
        let id = caller.account.as_str();
        let limit = LimitKey::Code(id.to_owned());
        let attempt = self
            .limits
            .begin(limit, None, self.clock.elapsed())
            .map_err(|retry_after| Refusal::TooManyAttempts { retry_after })?;
        let codes = totp::recovery_codes()?;
        let confirmed = self.renew(caller, address, |transaction| {
            let query = "SELECT totp_pending FROM account WHERE id = ?1 AND totp IS NULL";
            let Some(seed) =
                one(transaction, query, [id], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten()
            else {
                return Err(Refusal::NotFound);
            };
            let step = totp::step(&self.key, &seed, code, self.clock.now(), 0)?;
            let step = step.ok_or(Refusal::LoginRefused)?;
            let update = "UPDATE account SET totp = totp_pending, totp_pending = NULL, \
                          totp_step = ?2 WHERE id = ?1";
            run(transaction, update, params![id, step])?;
            run(transaction, "DELETE FROM recovery WHERE account = ?1", [id])?;
            for code in &codes {
                let hash = totp::recovery_hash(&self.key, &caller.account, code.reveal());
                run(transaction, "INSERT INTO recovery VALUES (?1, ?2)", params![id, hash])?;
            }
            Ok((codes.clone(), Event::ended(Action::SecondFactor, id, "set-up")))
        });
        match confirmed {
            Ok(done) => {
                self.limits.right(&attempt);
                Ok(done)
            }
            Err(refusal) => {
                let action = Action::SecondFactor;
                self.refuse(&actor_of(caller), Some(address), action, id, refusal)
            }
        }
    }

    /// Takes the second factor away, for the password and a code of the app or a recovery code;
    /// every session ends and a new one begins.
    pub fn remove_second_factor(
        &self,
        caller: &Caller,
        password: &str,
        code: &str,
        address: Address,
    ) -> Result<NewSession, Refusal> {
        let action = Action::SecondFactor;
        self.prove(caller, password, action, address)?;
        let id = caller.account.as_str();
        let refuse = |refusal| self.refuse(id, Some(address), action, id, refusal);
        let limit = LimitKey::Code(id.to_owned());
        let attempt = match self.limits.begin(limit, None, self.clock.elapsed()) {
            Ok(attempt) => attempt,
            Err(retry_after) => return refuse(Refusal::TooManyAttempts { retry_after }),
        };
        let removed = self.renew(caller, address, |transaction| {
            if !self.use_code(transaction, id, code)? {
                return Err(Refusal::LoginRefused);
            }
            forget_second_factor(transaction, id)?;
            Ok(((), Event::ended(action, id, "removed")))
        });
        match removed {
            Ok(((), session)) => {
                self.limits.right(&attempt);
                Ok(session)
            }
            Err(Refusal::LoginRefused) => refuse(Refusal::LoginRefused),
            Err(other) => {
                self.limits.undone(&attempt);
                Err(other)
            }
        }
    }

    /// Refuses a session whose login is long ago.
    fn fresh(&self, caller: &Caller) -> Result<(), Refusal> {
        let age = self.life().saturating_sub(caller.proved_at.as_millisecond());
        if age <= milliseconds(FRESH_FOR) {
            return Ok(());
        }
        Err(Refusal::Conflict("this needs a login of the last 15 minutes; sign in again first"))
    }

    /// Changes something that ends every session of the caller, and begins a new one.
    fn renew<T>(
        &self,
        caller: &Caller,
        address: Address,
        change: impl FnOnce(&Transaction<'_>) -> Result<(T, Event), Refusal>,
    ) -> Result<(T, NewSession), Refusal> {
        let id = caller.account.as_str();
        let (changed, (secret, session)) =
            self.change(&actor_of(caller), Some(address), |transaction| {
                let (changed, event) = change(transaction)?;
                run(transaction, "DELETE FROM session WHERE account = ?1", [id])?;
                Ok(((changed, self.begin_session(transaction, id, address)?), event))
            })?;
        Ok((changed, self.new_session(secret, &session)?))
    }

    /// Has a person who is signed in prove it again by the password. Guessing it through a session
    /// that was left open is slowed down like a login, without slowing the login itself.
    fn prove(
        &self,
        caller: &Caller,
        password: &str,
        action: Action,
        address: Address,
    ) -> Result<(), Refusal> {
        signed_in(caller)?;
        password::fits(password)?;
        let id = caller.account.as_str();
        let refuse = |refusal| self.refuse(id, Some(address), action, id, refusal);
        let limit = LimitKey::Again(id.to_owned());
        let attempt = match self.limits.begin(limit, None, self.clock.elapsed()) {
            Ok(attempt) => attempt,
            Err(retry_after) => return refuse(Refusal::TooManyAttempts { retry_after }),
        };
        let query = "SELECT password FROM account WHERE id = ?1";
        let stored = self.state.read(|connection| {
            Ok(one(connection, query, [id], |row| row.get::<_, Option<String>>(0))?.flatten())
        })?;
        match self.hasher.matches(password, stored.as_deref()) {
            Ok(true) => {
                self.limits.right(&attempt);
                Ok(())
            }
            Ok(false) => refuse(Refusal::LoginRefused),
            Err(refusal) => {
                self.limits.undone(&attempt);
                Err(refusal)
            }
        }
    }

    /// Refuses a password that is not good enough for a person; before anything is changed.
    pub fn check_password(&self, password: &str, name: &str, email: &str) -> Result<(), Refusal> {
        let mut context = vec![name, email];
        context.extend(self.settings.company_words.iter().map(String::as_str));
        password::check(password, &context)
    }
}

/// Refuses an API token where a person is needed.
pub(crate) fn signed_in(caller: &Caller) -> Result<(), Refusal> {
    if !caller.signed_in() {
        return Err(Refusal::SessionNeeded);
    }
    caller.need(Permission::ManageOwn)
}

/// Forgets the second factor of an account with its recovery codes.
pub(crate) fn forget_second_factor(transaction: &Transaction<'_>, id: &str) -> Result<(), Refusal> {
    let update = "UPDATE account SET totp = NULL, totp_pending = NULL WHERE id = ?1";
    run(transaction, update, [id])?;
    run(transaction, "DELETE FROM recovery WHERE account = ?1", [id]).map(drop)
}

/// True for letters and digits in parts of at most eight, as in `en-US` and `zh-Hant-TW`.
fn language_tag(tag: &str) -> bool {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    tag.len() <= 35
        && tag.split('-').all(part)
        && tag.starts_with(|c: char| c.is_ascii_alphabetic())
}
