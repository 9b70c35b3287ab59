//! API tokens: what a program shows in place of a person.

use std::time::Duration;

use rusqlite::{Row, params};

use crate::audit::{Action, Event};
use crate::caller::{By, Caller, TokenId};
use crate::login::{CALLER, CallerRow, role};
use crate::own::signed_in;
use crate::refusal::Refusal;
use crate::role::{Permission, Permissions, Role};
use crate::secret::{Secret, Use, identifier};
use crate::types::{Address, Token};
use crate::{Access, actor_of, milliseconds, one, run, time};

/// What every token begins with: scanners of repositories find a leaked one by it.
const PREFIX: &str = "tl_";
const DAYS_DEFAULT: u16 = 90;
const DAYS_MOST: u16 = 365;
const TOKENS_MOST: u32 = 50;
const DAY: Duration = Duration::from_hours(24);
const USED_EVERY: Duration = Duration::from_mins(1);

/// A row of the table, as it is read.
type Stored = (String, String, String, i64, i64, Option<i64>);

impl Access {
    /// Makes an API token: name, role not above the caller's, days (90 where none, at most 365).
    pub fn create_token(
        &self,
        caller: &Caller,
        name: &str,
        role: Role,
        days: Option<u16>,
        address: Address,
    ) -> Result<(Secret, Token), Refusal> {
        signed_in(caller)?;
        // An account that must first set up its second factor makes no tokens.
        caller.need(Permission::ReadAnswers)?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            let why = "must have 1 to 100 characters";
            return Err(Refusal::Field { field: "name", why });
        }
        if !Permissions::of(role).within(Permissions::of(caller.role)) {
            let why = "must not be above your own";
            return Err(Refusal::Field { field: "role", why });
        }
        let days = days.unwrap_or(DAYS_DEFAULT);
        if !(1..=DAYS_MOST).contains(&days) {
            return Err(Refusal::Field { field: "days", why: "must be from 1 to 365" });
        }
        let secret = Secret::random(PREFIX)?;
        let hash = self.key.hash(Use::Token, secret.reveal().as_bytes());
        let id = identifier("t_")?;
        let created_at = self.life();
        let expires_at = created_at.saturating_add(milliseconds(DAY * u32::from(days)));
        self.change(&actor_of(caller), Some(address), |transaction| {
            let account = caller.account.as_str();
            let query = "SELECT count(*) FROM token WHERE account = ?1 AND expires_at > ?2";
            let given = params![account, created_at];
            let count = one(transaction, query, given, |row| row.get::<_, u32>(0))?;
            if count.unwrap_or(0) >= TOKENS_MOST {
                return Err(Refusal::Conflict("there are 50 tokens; revoke one first"));
            }
            let insert = "INSERT INTO token VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)";
            let given = params![hash, id, account, name, role.id(), created_at, expires_at];
            run(transaction, insert, given)?;
            Ok(((), Event::done(Action::CreateToken, id.as_str())))
        })?;
        let token = Token {
            id: TokenId::new(id),
            name: name.to_owned(),
            role,
            created_at: time(created_at),
            expires_at: time(expires_at),
            used_at: None,
        };
        Ok((secret, token))
    }

    /// Lists the caller's own API tokens, the newest first.
    pub fn tokens(&self, caller: &Caller) -> Result<Vec<Token>, Refusal> {
        caller.need(Permission::ManageOwn)?;
        let rows = self.state.read(|connection| {
            let query = "SELECT id, name, role, created_at, expires_at, used_at FROM token \
                         WHERE account = ?1 AND expires_at > ?2 ORDER BY created_at DESC, id";
            let mut query = connection.prepare_cached(query)?;
            let read = |row: &Row<'_>| {
                let role: String = row.get(2)?;
                Ok((row.get(0)?, row.get(1)?, role, row.get(3)?, row.get(4)?, row.get(5)?))
            };
            let rows = query.query_map(params![caller.account.as_str(), self.life()], read)?;
            Ok(rows.collect::<Result<Vec<Stored>, _>>()?)
        })?;
        rows.into_iter()
            .map(|(id, name, stored, created_at, expires_at, used_at)| {
                Ok(Token {
                    id: TokenId::new(id),
                    name,
                    role: role(&stored)?,
                    created_at: time(created_at),
                    expires_at: time(expires_at),
                    used_at: used_at.map(time),
                })
            })
            .collect()
    }

    /// Revokes an own API token; a token revokes none, not even itself.
    pub fn revoke_token(
        &self,
        caller: &Caller,
        id: &TokenId,
        address: Address,
    ) -> Result<(), Refusal> {
        signed_in(caller)?;
        self.change(&actor_of(caller), Some(address), |transaction| {
            let delete = "DELETE FROM token WHERE id = ?1 AND account = ?2";
            if run(transaction, delete, [id.as_str(), caller.account.as_str()])? == 0 {
                return Err(Refusal::NotFound);
            }
            Ok(((), Event::done(Action::RevokeToken, id.as_str())))
        })
    }

    /// Looks up who holds the API token. `NotSignedIn` where nobody does.
    pub fn by_token(&self, secret: &Secret) -> Result<Caller, Refusal> {
        let text = secret.reveal();
        if !text.starts_with(PREFIX) || text.len() > 100 {
            return Err(Refusal::NotSignedIn);
        }
        let hash = self.key.hash(Use::Token, text.as_bytes());
        let life = self.life();
        let query = format!(
            "SELECT {CALLER}, token.id, token.role, token.created_at, used_at FROM token \
             JOIN account ON account.id = token.account WHERE hash = ?1 AND expires_at > ?2"
        );
        let read = |row: &Row<'_>| {
            let stored: (String, String, i64, Option<i64>) =
                (row.get(12)?, row.get(13)?, row.get(14)?, row.get(15)?);
            Ok((CallerRow::read(row)?, stored))
        };
        let found =
            self.state.read(|connection| one(connection, &query, params![hash, life], read))?;
        let Some((row, (id, role, created_at, used_at))) = found else {
            return Err(Refusal::NotSignedIn);
        };
        if row.disabled {
            return Err(Refusal::NotSignedIn);
        }
        let used = used_at.is_none_or(|at| life.saturating_sub(at) >= milliseconds(USED_EVERY));
        if used {
            self.state.write_perhaps(|connection| {
                let update = "UPDATE token SET used_at = ?2 WHERE hash = ?1";
                run(connection, update, params![hash, life])
            });
        }
        row.caller(self, By::Token(TokenId::new(id)), Some(&role), created_at)
    }
}
