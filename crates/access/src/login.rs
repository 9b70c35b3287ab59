//! Signing in, and looking up who holds a cookie.

use std::time::Duration;

use data_encoding::HEXLOWER;
use domain::Theme;
use rusqlite::{Connection, Row, Transaction, params};

use crate::audit::{Action, Event};
use crate::caller::{AccountId, By, Caller, Preferences, SessionId};
use crate::limit::{Failed, Key as LimitKey};
use crate::refusal::{Refusal, Trouble};
use crate::role::{Permission, Permissions, Role};
use crate::secret::{Secret, Use, identifier};
use crate::types::{Address, Identity, Login, NewSession, OneTime};
use crate::{Access, actor_of, milliseconds, one, password, people, run, time, totp};

/// The set-up link of the first administrator.
const FIRST_LIFE: Duration = Duration::from_mins(30);
/// Time between password and code.
const CODE_LIFE: Duration = Duration::from_mins(5);
/// Wrong codes until the password must be entered again.
const CODE_TRIES: i64 = 5;
/// Failures in a row of an account, from unknown addresses or from one known address, after which a
/// password is no longer enough there.
pub(crate) const FAILURES_MOST: i64 = 100;
/// Addresses that an account is known at.
const KNOWN_MOST: i64 = 10;
/// Sessions of an account at one time.
const SESSIONS_MOST: i64 = 20;
/// How exactly the last use of a session is stored.
const SEEN_EVERY: Duration = Duration::from_secs(30);

/// What a login needs to know of an account.
struct Found {
    id: String,
    password: Option<String>,
    disabled: bool,
    failures: i64,
    totp: bool,
    /// Failures in a row from this address, where it is a known one.
    here: Option<i64>,
}

impl Access {
    /// True while no account exists: only then is there a set-up.
    pub fn set_up_open(&self) -> Result<bool, Refusal> {
        self.state.read(no_account)
    }

    /// Makes the one-time secret of the first administrator: 30 minutes, for the console only. None
    /// once an account exists. An earlier one ends.
    pub fn first_token(&self) -> Result<Option<OneTime>, Refusal> {
        let secret = Secret::random("")?;
        let expires_at = self.life().saturating_add(milliseconds(FIRST_LIFE));
        let hash = self.key.hash(Use::Link, secret.reveal().as_bytes());
        let made = self.state.write(|transaction| {
            if !no_account(transaction)? {
                return Ok(false);
            }
            run(transaction, "DELETE FROM link WHERE kind = 'first'", [])?;
            let insert = "INSERT INTO link (hash, kind, expires_at) VALUES (?1, 'first', ?2)";
            run(transaction, insert, params![hash, expires_at])?;
            Ok(true)
        })?;
        Ok(made.then(|| OneTime { secret, expires_at: time(expires_at) }))
    }

    /// Makes the first administrator. `NotFound` once an account exists.
    pub fn redeem_first(
        &self,
        token: &Secret,
        email: &str,
        name: &str,
        password: &str,
        address: Address,
    ) -> Result<NewSession, Refusal> {
        let hash = self.key.hash(Use::Link, token.reveal().as_bytes());
        let life = self.life();
        let open = |connection: &Connection| {
            if !no_account(connection)? {
                return Err(Refusal::NotFound);
            }
            let query = "SELECT 1 FROM link WHERE hash = ?1 AND kind = 'first' AND expires_at > ?2";
            one(connection, query, params![hash, life], |_| Ok(()))?.ok_or(Refusal::LinkEnded)
        };
        if let Err(refusal) = self.state.read(open) {
            return self.refuse("anonymous", Some(address), Action::SetUp, "first", refusal);
        }
        let email = people::email(email)?;
        let name = people::name(name, &email.shown)?;
        self.check_password(password, &name, &email.shown)?;
        let password = self.hasher.hash(password)?;
        let id = identifier("a_")?;
        let (secret, session) = self.change(&id, Some(address), |transaction| {
            open(transaction)?;
            run(transaction, "DELETE FROM link WHERE kind = 'first'", [])?;
            let insert = "INSERT INTO account (id, email, email_key, name, role, password, \
                          created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let role = Role::Administrator.id();
            let now = self.clock.now().as_millisecond();
            let given = params![id, email.shown, email.key, name, role, password, now];
            run(transaction, insert, given)?;
            let begun = self.begin_session(transaction, &id, address)?;
            Ok((begun, Event::done(Action::SetUp, id.as_str())))
        })?;
        self.new_session(secret, &session)
    }

    /// Signs in by password.
    pub fn login(&self, email: &str, password: &str, address: Address) -> Result<Login, Refusal> {
        let email_key = people::match_key(email);
        let email_hash = self.key.hash(Use::Email, email_key.as_bytes());
        let network = self.network(address);
        let found = self.state.read(|connection| find(connection, &email_key, &network))?;
        let object = found.as_ref().map_or_else(
            || format!("unknown:{}", HEXLOWER.encode(email_hash.get(..8).unwrap_or(&[]))),
            |found| found.id.clone(),
        );
        let refuse = |refusal: Refusal| {
            self.refuse("anonymous", Some(address), Action::Login, &object, refusal)
        };
        let here = found.as_ref().and_then(|found| found.here);
        let limit = match here {
            Some(_) => LimitKey::Known(email_hash, network),
            None => LimitKey::Account(email_hash),
        };
        let attempt = match self.limits.begin(limit, Some(network), self.clock.elapsed()) {
            Ok(attempt) => attempt,
            Err(retry_after) => return refuse(Refusal::TooManyAttempts { retry_after }),
        };
        if let Err(refusal) = password::fits(password) {
            // Counted like a wrong one, or it could be sent for ever.
            let _counted = self.limits.wrong(&attempt, self.clock.elapsed());
            return refuse(refusal);
        }
        let stored = found.as_ref().and_then(|found| found.password.as_deref());
        let matches = match self.hasher.matches(password, stored) {
            Ok(matches) => matches,
            Err(refusal) => {
                self.limits.undone(&attempt);
                return refuse(refusal);
            }
        };
        let right = found.as_ref().filter(|found| {
            matches && !found.disabled && here.unwrap_or(found.failures) < FAILURES_MOST
        });
        let Some(right) = right else {
            let failed = self.limits.wrong(&attempt, self.clock.elapsed());
            return self.login_failed(&object, &network, here.is_some(), address, failed);
        };
        self.limits.right(&attempt);
        // Computed before the transaction: nobody waits for it.
        let outdated = stored.is_some_and(|stored| self.hasher.outdated(stored));
        let rehashed = if outdated { Some(self.hasher.hash(password)?) } else { None };
        let id = right.id.as_str();
        let renew = |transaction: &Transaction<'_>| match &rehashed {
            Some(hash) => {
                // Only where it is still the one that was compared.
                let update = "UPDATE account SET password = ?2 WHERE id = ?1 AND password = ?3";
                run(transaction, update, params![id, hash, stored]).map(drop)
            }
            None => Ok(()),
        };
        if right.totp {
            let pending = Secret::random("")?;
            let hash = self.key.hash(Use::Link, pending.reveal().as_bytes());
            let expires_at = self.life().saturating_add(milliseconds(CODE_LIFE));
            self.change("anonymous", Some(address), |transaction| {
                renew(transaction)?;
                let insert = "INSERT INTO link (hash, kind, account, expires_at) \
                              VALUES (?1, 'code', ?2, ?3)";
                run(transaction, insert, params![hash, id, expires_at])?;
                Ok(((), Event::ended(Action::Login, id, "code-asked")))
            })?;
            return Ok(Login::SecondFactor(pending));
        }
        let (secret, session) = self.change(id, Some(address), |transaction| {
            renew(transaction)?;
            let begun = self.begin_session(transaction, id, address)?;
            Ok((begun, Event::done(Action::Login, id)))
        })?;
        Ok(Login::Done(Box::new(self.new_session(secret, &session)?)))
    }

    /// Counts a failure and writes it down; the same work whether the account exists or not.
    fn login_failed(
        &self,
        object: &str,
        network: &[u8; 32],
        known: bool,
        address: Address,
        failed: Failed,
    ) -> Result<Login, Refusal> {
        let refusal = Refusal::LoginRefused;
        self.change("anonymous", Some(address), |transaction| {
            if known {
                let update = "UPDATE known_address SET failures = failures + 1 \
                              WHERE account = ?1 AND hash = ?2";
                run(transaction, update, params![object, network])?;
            } else {
                let update = "UPDATE account SET failures = failures + 1 WHERE id = ?1";
                run(transaction, update, [object])?;
            }
            Ok(((), Event::refused(Action::Login, object, refusal.code())))
        })?;
        if failed == Failed::Spraying {
            let event = Event::refused(Action::PasswordSpraying, "login", "too-many-attempts");
            self.note("anonymous", Some(address), &event)?;
        }
        Err(refusal)
    }

    /// Completes a login by a code of the authenticator app, or a recovery code.
    pub fn login_code(
        &self,
        pending: &Secret,
        code: &str,
        address: Address,
    ) -> Result<NewSession, Refusal> {
        let hash = self.key.hash(Use::Link, pending.reveal().as_bytes());
        let life = self.life();
        let waiting = self.state.read(|connection| {
            let query = "SELECT account FROM link JOIN account ON account.id = link.account \
                         WHERE hash = ?1 AND kind = 'code' AND expires_at > ?2 AND tries < ?3 \
                         AND disabled = 0";
            one(connection, query, params![hash, life, CODE_TRIES], |row| row.get::<_, String>(0))
        })?;
        let Some(id) = waiting else {
            return self.refuse(
                "anonymous",
                Some(address),
                Action::Login,
                "code",
                Refusal::NotSignedIn,
            );
        };
        let refuse = |refusal| self.refuse("anonymous", Some(address), Action::Login, &id, refusal);
        let limit = LimitKey::Code(id.clone());
        let attempt = match self.limits.begin(limit, None, self.clock.elapsed()) {
            Ok(attempt) => attempt,
            Err(retry_after) => return refuse(Refusal::TooManyAttempts { retry_after }),
        };
        let begun = self.change(&id, Some(address), |transaction| {
            if !self.use_code(transaction, &id, code)? {
                return Err(Refusal::LoginRefused);
            }
            run(transaction, "DELETE FROM link WHERE account = ?1 AND kind = 'code'", [&id])?;
            let begun = self.begin_session(transaction, &id, address)?;
            Ok((begun, Event::done(Action::Login, id.as_str())))
        });
        match begun {
            Ok((secret, session)) => {
                self.limits.right(&attempt);
                self.new_session(secret, &session)
            }
            Err(Refusal::LoginRefused) => {
                let _counted = self.limits.wrong(&attempt, self.clock.elapsed());
                self.change("anonymous", Some(address), |transaction| {
                    run(transaction, "UPDATE link SET tries = tries + 1 WHERE hash = ?1", [hash])?;
                    let update = "UPDATE account SET failures = failures + 1 WHERE id = ?1";
                    run(transaction, update, [&id])?;
                    Ok(((), Event::refused(Action::Login, id.as_str(), "wrong-code")))
                })?;
                Err(Refusal::LoginRefused)
            }
            Err(other) => Err(other),
        }
    }

    /// Uses up a code of the app or a recovery code; false where it does not fit.
    pub(crate) fn use_code(
        &self,
        transaction: &Transaction<'_>,
        id: &str,
        code: &str,
    ) -> Result<bool, Refusal> {
        let query = "SELECT totp, totp_step FROM account WHERE id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<_, Option<Vec<u8>>>(0)?, row.get(1)?));
        let Some((Some(seed), used)) = one(transaction, query, [id], read)? else {
            return Ok(false);
        };
        if let Some(step) = totp::step(&self.key, &seed, code, self.clock.now(), used)? {
            let update = "UPDATE account SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2";
            return Ok(run(transaction, update, params![id, step])? == 1);
        }
        let hash = totp::recovery_hash(&self.key, &AccountId::new(id), code);
        let delete = "DELETE FROM recovery WHERE account = ?1 AND hash = ?2";
        Ok(run(transaction, delete, params![id, hash])? == 1)
    }

    /// Signs in whom the identity provider names. An account is bound to issuer and subject; the
    /// first login binds only where an administrator invited that address for the provider.
    pub fn login_oidc(&self, identity: &Identity, address: Address) -> Result<NewSession, Refusal> {
        let email_key = people::match_key(identity.email.as_deref().unwrap_or(""));
        let begun = self.change("oidc", Some(address), |transaction| {
            let bound = "SELECT id, disabled FROM account WHERE issuer = ?1 AND subject = ?2";
            let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?));
            let given = params![identity.issuer, identity.subject];
            let id = if let Some((id, disabled)) = one(transaction, bound, given, read)? {
                if disabled {
                    return Ok((None, Event::refused(Action::Login, id, "disabled")));
                }
                id
            } else {
                let invited =
                    "SELECT id, disabled, by_provider, subject FROM account WHERE email_key = ?1";
                let read = |row: &Row<'_>| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, bool>(1)?,
                        row.get::<_, bool>(2)?,
                        row.get::<_, Option<String>>(3)?,
                    ))
                };
                match one(transaction, invited, [&email_key], read)? {
                    Some((id, false, true, None)) if !email_key.is_empty() => {
                        let bind = "UPDATE account SET issuer = ?2, subject = ?3 WHERE id = ?1";
                        run(transaction, bind, params![id, identity.issuer, identity.subject])?;
                        id
                    }
                    found => {
                        let (object, reason) = match found {
                            None => ("unknown".to_owned(), "not-invited"),
                            Some((id, true, ..)) => (id, "disabled"),
                            Some((id, _, false, _)) => (id, "account-has-a-password"),
                            Some((id, ..)) => (id, "another-subject"),
                        };
                        return Ok((None, Event::refused(Action::Login, object, reason)));
                    }
                }
            };
            let begun = self.begin_session(transaction, &id, address)?;
            Ok((Some(begun), Event::ended(Action::Login, id, "done by-provider")))
        })?;
        let (secret, session) = begun.ok_or(Refusal::LoginRefused)?;
        self.new_session(secret, &session)
    }

    /// Looks up who holds the cookie. `NotSignedIn` where nobody does.
    pub fn by_session(&self, secret: &Secret) -> Result<Caller, Refusal> {
        let hash = self.key.hash(Use::Session, secret.reveal().as_bytes());
        let life = self.life();
        let held = self.state.read(|connection| self.held(connection, &hash))?;
        let Some(held) = held else { return Err(Refusal::NotSignedIn) };
        let idle = life.saturating_sub(held.last_seen);
        let ended = idle >= milliseconds(self.settings.session_idle)
            || life.saturating_sub(held.issued_at) >= milliseconds(self.settings.session_life);
        if ended || held.disabled {
            return Err(Refusal::NotSignedIn);
        }
        if idle >= milliseconds(SEEN_EVERY) {
            self.state.write_perhaps(|connection| {
                let update = "UPDATE session SET last_seen = ?2 WHERE hash = ?1 AND last_seen < ?2";
                run(connection, update, params![hash, life])
            });
        }
        Ok(held.caller)
    }

    fn held(&self, connection: &Connection, hash: &[u8; 32]) -> Result<Option<Held>, Refusal> {
        let query = format!(
            "SELECT {CALLER}, session.id, issued_at, last_seen FROM session \
             JOIN account ON account.id = session.account WHERE hash = ?1"
        );
        let read = |row: &Row<'_>| {
            let (id, issued_at, last_seen): (String, i64, i64) =
                (row.get(12)?, row.get(13)?, row.get(14)?);
            Ok((CallerRow::read(row)?, id, issued_at, last_seen))
        };
        let Some((row, id, issued_at, last_seen)) = one(connection, &query, [hash], read)? else {
            return Ok(None);
        };
        let disabled = row.disabled;
        let by = By::Session(SessionId::new(id));
        let caller = row.caller(self, by, None, issued_at)?;
        Ok(Some(Held { caller, disabled, issued_at, last_seen }))
    }

    /// Begins a session: the account is known at this address from now on, its failures in a row
    /// are over. Returns the secret and its hash.
    pub(crate) fn begin_session(
        &self,
        transaction: &Transaction<'_>,
        id: &str,
        address: Address,
    ) -> Result<(Secret, [u8; 32]), Refusal> {
        let secret = Secret::random("")?;
        let hash = self.key.hash(Use::Session, secret.reveal().as_bytes());
        let life = self.life();
        let now = self.clock.now().as_millisecond();
        let ended = "DELETE FROM session WHERE issued_at <= ?1 OR last_seen <= ?2";
        let oldest = life.saturating_sub(milliseconds(self.settings.session_life));
        let unseen = life.saturating_sub(milliseconds(self.settings.session_idle));
        run(transaction, ended, [oldest, unseen])?;
        run(transaction, "DELETE FROM link WHERE expires_at <= ?1", [life])?;
        let most = "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE account = ?1 \
                    ORDER BY last_seen DESC LIMIT -1 OFFSET ?2)";
        run(transaction, most, params![id, SESSIONS_MOST - 1])?;
        let insert = "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
        let shown = address.to_canonical().to_string();
        run(transaction, insert, params![hash, identifier("s_")?, id, life, shown])?;
        let update = "UPDATE account SET failures = 0, signed_in_at = ?2 WHERE id = ?1";
        run(transaction, update, params![id, now])?;
        let known = "INSERT INTO known_address (account, hash, seen_at) VALUES (?1, ?2, ?3) \
                     ON CONFLICT DO UPDATE SET failures = 0, seen_at = excluded.seen_at";
        run(transaction, known, params![id, self.network(address), life])?;
        let forget = "DELETE FROM known_address WHERE account = ?1 AND hash IN (SELECT hash FROM \
                      known_address WHERE account = ?1 ORDER BY seen_at DESC LIMIT -1 OFFSET ?2)";
        run(transaction, forget, params![id, KNOWN_MOST])?;
        Ok((secret, hash))
    }

    /// Returns a session that has just begun to whoever began it.
    pub(crate) fn new_session(
        &self,
        secret: Secret,
        hash: &[u8; 32],
    ) -> Result<NewSession, Refusal> {
        let held = self.state.read(|connection| self.held(connection, hash))?;
        let held = held.ok_or(Refusal::NotSignedIn)?;
        let life = milliseconds(self.settings.session_life);
        let expires_at = time(held.issued_at.saturating_add(life));
        Ok(NewSession { secret, caller: held.caller, expires_at })
    }

    /// Ends the caller's session.
    pub fn logout(&self, caller: &Caller, address: Address) -> Result<(), Refusal> {
        let By::Session(session) = &caller.by else { return Err(Refusal::SessionNeeded) };
        self.change(&actor_of(caller), Some(address), |transaction| {
            run(transaction, "DELETE FROM session WHERE id = ?1", [session.as_str()])?;
            Ok(((), Event::done(Action::Logout, session.as_str())))
        })
    }
}

struct Held {
    caller: Caller,
    disabled: bool,
    issued_at: i64,
    last_seen: i64,
}

/// The columns of an account that make a caller.
pub(crate) const CALLER: &str = "account.id, account.name, account.email, account.role, segment, \
                                 theme, shortcuts, digest, locale, by_provider, \
                                 totp IS NOT NULL, disabled";

/// What makes a caller.
pub(crate) struct CallerRow {
    id: String,
    name: String,
    email: String,
    role: String,
    segment: Option<String>,
    theme: String,
    shortcuts: bool,
    digest: bool,
    locale: Option<String>,
    by_provider: bool,
    totp: bool,
    pub(crate) disabled: bool,
}

impl CallerRow {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            email: row.get(2)?,
            role: row.get(3)?,
            segment: row.get(4)?,
            theme: row.get(5)?,
            shortcuts: row.get(6)?,
            digest: row.get(7)?,
            locale: row.get(8)?,
            by_provider: row.get(9)?,
            totp: row.get(10)?,
            disabled: row.get(11)?,
        })
    }

    /// Makes the caller; a token has at most the rights of its own role and of its owner.
    pub(crate) fn caller(
        self,
        access: &Access,
        by: By,
        token_role: Option<&str>,
        proved_at: i64,
    ) -> Result<Caller, Refusal> {
        let owner = role(&self.role)?;
        let shown = token_role.map_or(Ok(owner), role)?;
        let must_enroll = access.settings.second_factor_required && !self.by_provider && !self.totp;
        let mut permissions = Permissions::of(owner).both(Permissions::of(shown));
        if self.segment.is_some() {
            permissions = permissions.without(Permission::Analyze);
        }
        if must_enroll {
            permissions = permissions.both(Permissions::from_slice(&[Permission::ManageOwn]));
        }
        let preferences = Preferences {
            theme: Theme::parse(&self.theme).unwrap_or_default(),
            shortcuts: self.shortcuts,
            digest: self.digest,
            locale: self.locale,
        };
        Ok(Caller {
            account: AccountId::new(self.id),
            name: self.name,
            email: self.email,
            role: shown,
            segment: self.segment,
            by,
            preferences,
            proved_at: time(proved_at),
            must_enroll,
            permissions,
        })
    }
}

/// Reads a role of the file; one that is not known gives no rights.
pub(crate) fn role(id: &str) -> Result<Role, Refusal> {
    Role::parse(id).ok_or_else(|| Refusal::Trouble(Trouble(format!("a role `{id}` is stored"))))
}

fn no_account(connection: &Connection) -> Result<bool, Refusal> {
    Ok(one(connection, "SELECT 1 FROM account LIMIT 1", [], |_| Ok(()))?.is_none())
}

fn find(
    connection: &Connection,
    email_key: &str,
    network: &[u8; 32],
) -> Result<Option<Found>, Refusal> {
    let query = "SELECT id, password, disabled, account.failures, totp IS NOT NULL, \
                 known_address.failures FROM account LEFT JOIN known_address \
                 ON known_address.account = id AND hash = ?2 WHERE email_key = ?1";
    one(connection, query, params![email_key, network], |row| {
        Ok(Found {
            id: row.get(0)?,
            password: row.get(1)?,
            disabled: row.get(2)?,
            failures: row.get(3)?,
            totp: row.get(4)?,
            here: row.get(5)?,
        })
    })
}
