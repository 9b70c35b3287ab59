//! Passwords: which are taken, and how they are hashed and compared.
//!
//! Argon2id with the key of the installation mixed in. Few hashes are computed at once and few
//! wait, so that many logins neither fill the memory nor slow the pages down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use data_encoding::BASE64_NOPAD;
use zxcvbn::Score;

use crate::AccessError;
use crate::refusal::{Refusal, Trouble, WeakPassword};
use crate::secret::{Key, Use, random};
use crate::settings::{HashCost, Settings};

/// Fewest characters.
pub const CHARACTERS_LEAST: usize = 12;
/// Most characters.
pub const CHARACTERS_MOST: usize = 128;

/// Words of the product; no password is made of them.
const OUR_WORDS: [&str; 6] =
    ["throughline", "revenue", "marketing", "pipeline", "attribution", "dashboard"];

/// Refuses a password that is too short, too long, common, or made of words that everybody knows
/// of this person.
pub(crate) fn check(password: &str, context: &[&str]) -> Result<(), Refusal> {
    fits(password)?;
    let weak = |why| Err(Refusal::WeakPassword(why));
    if password.chars().count() < CHARACTERS_LEAST {
        return weak(WeakPassword::Short);
    }
    let context: Vec<&str> = context.iter().copied().chain(OUR_WORDS).collect();
    if without_context(password, &context) < CHARACTERS_LEAST / 2 {
        return weak(WeakPassword::Context);
    }
    let words: Vec<&str> = context.into_iter().filter(|word| word.chars().count() > 2).collect();
    match zxcvbn::zxcvbn(password, &words).score() {
        Score::Four | Score::Three => Ok(()),
        _ => weak(WeakPassword::Common),
    }
}

/// Refuses, before any work, what no password can be.
pub(crate) fn fits(password: &str) -> Result<(), Refusal> {
    // A character has four bytes at most: a text of a mebibyte is not even counted.
    if password.len() > CHARACTERS_MOST * 4 || password.chars().count() > CHARACTERS_MOST {
        return Err(Refusal::WeakPassword(WeakPassword::Long));
    }
    Ok(())
}

/// Counts the letters and digits that are left when the words of the context are taken out, and
/// what is usually added to them (digits and signs at the end).
fn without_context(password: &str, context: &[&str]) -> usize {
    let mut rest = password.to_lowercase();
    let mut found = false;
    for word in context.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric())) {
        let word = word.to_lowercase();
        if word.chars().count() > 2 && rest.contains(&word) {
            rest = rest.replace(&word, " ");
            found = true;
        }
    }
    if !found {
        return password.chars().count();
    }
    let rest = rest.trim().trim_end_matches(|c: char| !c.is_alphabetic());
    rest.chars().filter(|c| !c.is_whitespace()).count()
}

/// Hashes and compares, a few at once.
#[derive(Debug)]
pub(crate) struct Hasher {
    cost: HashCost,
    params: Params,
    pepper: [u8; 32],
    /// Compared with where there is no password, so that this takes as long.
    nobody: String,
    gate: Gate,
    checks: AtomicU64,
}

impl Hasher {
    pub(crate) fn new(settings: &Settings, key: &Key) -> Result<Self, AccessError> {
        let cost = settings.hash_cost;
        let params =
            Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(|error| {
                AccessError::new(
                    format!("the cost of a password hash cannot be used: {error}"),
                    "Use the default.",
                )
            })?;
        // A hash that was never computed: no password has it, and comparing costs as much.
        let pepper = key.hash(Use::Pepper, b"");
        let HashCost { memory_kib, passes, lanes } = cost;
        let salt = BASE64_NOPAD.encode(&key.hash(Use::Check, b"nobody"));
        let hash = BASE64_NOPAD.encode(&key.hash(Use::Pepper, b"nobody"));
        let nobody = format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}");
        let mut gate = Gate::new(settings.hashes_at_once, settings.hashes_waiting);
        gate.patience = settings.hash_patience;
        Ok(Self { cost, params, pepper, nobody, gate, checks: AtomicU64::new(0) })
    }

    /// Hashes a new password; may have to wait.
    pub(crate) fn hash(&self, password: &str) -> Result<String, Refusal> {
        let _turn = self.gate.turn()?;
        self.compute(password)
    }

    /// Compares a password with a stored hash; may have to wait. Takes as long where there is none.
    pub(crate) fn matches(&self, password: &str, stored: Option<&str>) -> Result<bool, Refusal> {
        let _turn = self.gate.turn()?;
        self.checks.fetch_add(1, Ordering::Relaxed);
        let parsed = PasswordHash::new(stored.unwrap_or(&self.nobody))
            .map_err(|error| trouble(&format!("a stored password hash: {error}")))?;
        let same = self.argon()?.verify_password(password.as_bytes(), &parsed).is_ok();
        Ok(same && stored.is_some())
    }

    /// True where a stored hash was made at another cost than is in force.
    pub(crate) fn outdated(&self, stored: &str) -> bool {
        let parsed = PasswordHash::new(stored).ok();
        let params = parsed.and_then(|parsed| Params::try_from(&parsed).ok());
        params.is_none_or(|params| {
            (params.m_cost(), params.t_cost(), params.p_cost())
                != (self.cost.memory_kib, self.cost.passes, self.cost.lanes)
        })
    }

    /// How many passwords were compared since the start.
    pub(crate) fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }

    fn compute(&self, password: &str) -> Result<String, Refusal> {
        let hash = self.argon()?.hash_password_with_salt(password.as_bytes(), &random::<16>()?);
        hash.map(|hash| hash.to_string()).map_err(|error| trouble(&error.to_string()))
    }

    fn argon(&self) -> Result<Argon2<'_>, Refusal> {
        let made = Argon2::new_with_secret(
            &self.pepper,
            Algorithm::Argon2id,
            Version::V0x13,
            self.params.clone(),
        );
        made.map_err(|error| trouble(&error.to_string()))
    }
}

fn trouble(details: &str) -> Refusal {
    Refusal::Trouble(Trouble(details.to_owned()))
}

/// Lets a few through at once and a few wait; the others are told to come again.
#[derive(Debug)]
struct Gate {
    at_once: usize,
    waiting_most: usize,
    patience: Duration,
    state: Mutex<Queue>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    running: usize,
    waiting: usize,
}

struct Turn<'a>(&'a Gate);

impl Gate {
    fn new(at_once: usize, waiting_most: usize) -> Self {
        Self {
            at_once: at_once.max(1),
            waiting_most,
            patience: Duration::from_secs(10),
            state: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> Result<Turn<'_>, Refusal> {
        let mut queue = self.lock();
        let busy = Refusal::Busy { retry_after: Duration::from_secs(2) };
        if queue.running >= self.at_once {
            if queue.waiting >= self.waiting_most {
                return Err(busy);
            }
            queue.waiting += 1;
            let until = Instant::now() + self.patience;
            while queue.running >= self.at_once {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    queue.waiting -= 1;
                    return Err(busy);
                }
                (queue, _) =
                    self.moved.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner);
            }
            queue.waiting -= 1;
        }
        queue.running += 1;
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.moved.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(password: &str, why: WeakPassword) {
        let context = ["Rosa Diaz", "rosa.diaz@acorn-freight.com", "Acorn Freight"];
        assert_eq!(check(password, &context), Err(Refusal::WeakPassword(why)), "{password}");
    }

    #[test]
    fn passwords_that_are_guessed_early_are_refused_and_long_odd_ones_are_taken() {
        refused("short", WeakPassword::Short);
        refused("elevenchars", WeakPassword::Short);
        refused(&"correct horse ".repeat(10), WeakPassword::Long);
        refused(&"x".repeat(1 << 20), WeakPassword::Long);
        for common in ["123456789012", "passwordpassword", "qwertyuiop123", "Password1234!"] {
            refused(common, WeakPassword::Common);
        }
        for known in
            ["acornfreight2026", "Rosa.Diaz.2026", "throughline2026!", "acorn-throughline1"]
        {
            refused(known, WeakPassword::Context);
        }
        let emoji = format!("{}🦊🦊 été  ", "a quiet lake in the north ".repeat(2));
        for good in ["violin ladder cactus", "k8#Fz!qT0vB2", emoji.as_str()] {
            assert_eq!(check(good, &["rosa@acorn.com"]), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_password_is_taken_as_it_is_in_every_character() {
        let key = Key::open(&tempfile::tempdir().unwrap().path().join("secret"), false).unwrap();
        let settings = Settings { hash_cost: HashCost::FOR_TESTS, ..Settings::new(true) };
        let hasher = Hasher::new(&settings, &key).unwrap();
        let long = format!("{} 🦊", "Ab c".repeat(15));
        let hash = hasher.hash(&long).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=32,t=1,p=1$"));
        assert!(hasher.matches(&long, Some(&hash)).unwrap());
        for other in [long.trim_end_matches('🦊'), &long.to_lowercase(), &format!("{long} ")] {
            assert!(!hasher.matches(other, Some(&hash)).unwrap());
        }
        assert!(!hasher.matches("nobody has this password", None).unwrap());
        assert!(!hasher.outdated(&hash) && !hasher.outdated(&hasher.nobody));
        let dearer = HashCost { passes: 2, ..HashCost::FOR_TESTS };
        let hasher = Hasher::new(&Settings { hash_cost: dearer, ..settings }, &key).unwrap();
        assert!(hasher.outdated(&hash) && hasher.matches(&long, Some(&hash)).unwrap());
    }

    #[test]
    fn few_hashes_run_at_once_few_wait_and_the_others_come_again() {
        let gate = Gate { patience: Duration::from_millis(50), ..Gate::new(2, 1) };
        let first = gate.turn().unwrap();
        let _second = gate.turn().unwrap();
        assert!(matches!(gate.turn(), Err(Refusal::Busy { .. })), "patience ends");
        std::thread::scope(|scope| {
            let third = scope.spawn(|| gate.turn().map(drop));
            while gate.lock().waiting == 0 {
                std::thread::yield_now();
            }
            assert!(matches!(gate.turn(), Err(Refusal::Busy { .. })), "the queue is full");
            drop(first);
            assert_eq!(third.join().unwrap(), Ok(()));
        });
    }
}
