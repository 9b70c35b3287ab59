//! Changes that are asked for twice and made once.

use std::time::Duration;

use rusqlite::{Row, params};

use crate::caller::Caller;
use crate::refusal::{Refusal, Trouble};
use crate::types::{Begun, Stored};
use crate::{Access, actor_of, milliseconds, one, run};

const KEPT: Duration = Duration::from_hours(24);
/// A change that was not finished after this was cut short, and may be tried again.
const RUNS_AT_MOST: Duration = Duration::from_mins(2);
const KEY_LONGEST: usize = 200;
const BODY_LONGEST: usize = 1 << 20;
const KEYS_MOST: u32 = 10_000;

impl Access {
    /// Asks whether a change with an idempotency key was made before.
    pub fn begin(
        &self,
        caller: &Caller,
        key: &str,
        route: &str,
        body: &[u8],
    ) -> Result<Begun, Refusal> {
        if key.is_empty() || key.len() > KEY_LONGEST || key.chars().any(char::is_control) {
            let why = "must have 1 to 200 characters";
            return Err(Refusal::Field { field: "Idempotency-Key", why });
        }
        let who = actor_of(caller);
        let life = self.life();
        let hash = *blake3::hash(body).as_bytes();
        self.state.write(|transaction| {
            let old = life.saturating_sub(milliseconds(KEPT));
            run(transaction, "DELETE FROM idempotency WHERE begun_at <= ?1", [old])?;
            let query = "SELECT hash, begun_at, status, body FROM idempotency \
                         WHERE caller = ?1 AND key = ?2 AND route = ?3";
            let read = |row: &Row<'_>| {
                let body: Option<Vec<u8>> = row.get(3)?;
                Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, i64>(1)?, row.get(2)?, body))
            };
            let running = life.saturating_sub(milliseconds(RUNS_AT_MOST));
            match one(transaction, query, [who.as_str(), key, route], read)? {
                Some((before, ..)) if before != hash => return Ok(Begun::Conflict),
                Some((_, _, Some(status), body)) => {
                    let about = about(&who, key, route);
                    let body = body.and_then(|body| self.key.unseal(&about, &body));
                    let body = body.ok_or_else(|| {
                        Refusal::Trouble(Trouble("a kept answer cannot be read".to_owned()))
                    })?;
                    return Ok(Begun::Done(Stored { status, body }));
                }
                Some((_, begun_at, None, _)) if begun_at > running => return Ok(Begun::Running),
                _ => {}
            }
            let query = "SELECT count(*) FROM idempotency WHERE caller = ?1";
            let kept = one(transaction, query, [&who], |row| row.get::<_, u32>(0))?;
            if kept.unwrap_or(0) >= KEYS_MOST {
                let retry_after = Duration::from_hours(1);
                return Err(Refusal::TooManyAttempts { retry_after });
            }
            let insert =
                "INSERT OR REPLACE INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL)";
            run(transaction, insert, params![who, key, route, hash, life])?;
            Ok(Begun::New)
        })
    }

    /// Keeps the answer of a change for 24 hours; none: the change failed and may be tried again.
    pub fn finish(
        &self,
        caller: &Caller,
        key: &str,
        route: &str,
        answer: Option<&Stored>,
    ) -> Result<(), Refusal> {
        let who = actor_of(caller);
        self.state.write(|transaction| {
            match answer {
                Some(answer) if answer.body.len() <= BODY_LONGEST => {
                    let update = "UPDATE idempotency SET status = ?4, body = ?5 \
                                  WHERE caller = ?1 AND key = ?2 AND route = ?3";
                    // The answer may hold a secret: that of a token which was just made.
                    let body = self.key.seal(&about(&who, key, route), &answer.body)?;
                    let given = params![who, key, route, answer.status, body];
                    run(transaction, update, given)?;
                }
                _ => {
                    let delete = "DELETE FROM idempotency WHERE caller = ?1 AND key = ?2 \
                                  AND route = ?3 AND status IS NULL";
                    run(transaction, delete, [who.as_str(), key, route])?;
                }
            }
            Ok(())
        })
    }
}

fn about(who: &str, key: &str, route: &str) -> String {
    format!("{who}\n{key}\n{route}")
}
