//! How many attempts are let through to a password check: per account and per address.
//!
//! After some free failures each further one doubles the time until the next attempt is looked at.
//! A failure is forgiven every quarter of an hour. Counters are kept in memory, in tables of
//! bounded size; failures in a row of an account are counted in the database besides.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A counter forgets one failure in this time.
const FORGIVEN_EVERY: Duration = Duration::from_mins(15);
/// Accounts that fail from one address before it is called spraying.
const SPRAYED: usize = 10;
/// Counters of one kind.
const COUNTERS_MOST: usize = 20_000;

/// What is counted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Key {
    /// An account (or an address that is none), from wherever nobody has signed in to it before.
    Account([u8; 32]),
    /// An account, from an address where its owner has signed in before.
    Known([u8; 32], [u8; 32]),
    /// Codes of the second factor of an account.
    Code(String),
    /// Passwords that a signed-in person enters again.
    Again(String),
}

/// Counters of attempts.
#[derive(Debug)]
pub(crate) struct Limits {
    tables: Mutex<Tables>,
}

#[derive(Debug)]
struct Tables {
    keys: Table<Key>,
    addresses: Table<[u8; 32]>,
}

/// An attempt that was let through; how it ended must be told.
#[derive(Debug)]
#[must_use]
pub(crate) struct Attempt {
    key: Key,
    address: Option<[u8; 32]>,
}

/// What a failure meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failed {
    /// One of some.
    Once,
    /// With it, one address has failed on many accounts. Said once.
    Spraying,
}

impl Limits {
    pub(crate) fn new() -> Self {
        let tables = Tables {
            keys: Table::new(10, Duration::from_mins(5)),
            addresses: Table::new(20, Duration::from_mins(5)),
        };
        Self { tables: Mutex::new(tables) }
    }

    /// Lets an attempt through, or tells how long to wait.
    pub(crate) fn begin(
        &self,
        key: Key,
        address: Option<[u8; 32]>,
        now: Duration,
    ) -> Result<Attempt, Duration> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        // What others do from an address does not stop whoever is known there.
        if let Some(address) = address
            && !matches!(key, Key::Known(..))
        {
            tables.addresses.wait(&address, now)?;
        }
        tables.keys.wait(&key, now)?;
        // Counted before the check: a thousand attempts at the same moment are not let through.
        tables.keys.count(&key, now);
        Ok(Attempt { key, address })
    }

    /// The attempt was right: the key begins anew, the address does not, as whoever has an account
    /// could otherwise try those of others for ever.
    pub(crate) fn right(&self, attempt: &Attempt) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.keys.counters.remove(&attempt.key);
    }

    /// The attempt came to no check.
    pub(crate) fn undone(&self, attempt: &Attempt) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = tables.keys.counters.get_mut(&attempt.key) {
            counter.failures = counter.failures.saturating_sub(1);
            counter.free_at = counter.last;
        }
    }

    /// The attempt was wrong.
    pub(crate) fn wrong(&self, attempt: &Attempt, now: Duration) -> Failed {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(address), Key::Account(account) | Key::Known(account, _)) =
            (&attempt.address, &attempt.key)
        else {
            return Failed::Once;
        };
        tables.addresses.count(address, now);
        let Some(counter) = tables.addresses.counters.get_mut(address) else {
            return Failed::Once;
        };
        if counter.accounts.len() >= SPRAYED || counter.accounts.contains(account) {
            return Failed::Once;
        }
        counter.accounts.push(*account);
        if counter.accounts.len() == SPRAYED { Failed::Spraying } else { Failed::Once }
    }
}

#[derive(Debug)]
struct Table<K> {
    /// Failures without delay.
    free: u32,
    /// The longest delay.
    longest: Duration,
    counters: HashMap<K, Counter>,
}

#[derive(Debug, Default)]
struct Counter {
    failures: u32,
    /// When the failures were last counted or forgiven.
    last: Duration,
    /// When the next attempt is looked at.
    free_at: Duration,
    /// Accounts that failed from here.
    accounts: Vec<[u8; 32]>,
}

impl Counter {
    fn forgive(&mut self, now: Duration) {
        let past = now.saturating_sub(self.last).as_secs() / FORGIVEN_EVERY.as_secs();
        if past > 0 {
            self.failures = self.failures.saturating_sub(u32::try_from(past).unwrap_or(u32::MAX));
            self.last = now;
            if self.failures == 0 {
                self.accounts.clear();
            }
        }
    }
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn new(free: u32, longest: Duration) -> Self {
        Self { free, longest, counters: HashMap::new() }
    }

    fn wait(&mut self, key: &K, now: Duration) -> Result<(), Duration> {
        let Some(counter) = self.counters.get_mut(key) else { return Ok(()) };
        counter.forgive(now);
        let left = counter.free_at.saturating_sub(now);
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    fn count(&mut self, key: &K, now: Duration) {
        if self.counters.len() >= COUNTERS_MOST && !self.counters.contains_key(key) {
            self.make_room(now);
        }
        let (free, longest) = (self.free, self.longest);
        let counter = self
            .counters
            .entry(key.clone())
            .or_insert_with(|| Counter { last: now, ..Counter::default() });
        counter.failures = counter.failures.saturating_add(1);
        counter.last = now;
        if let Some(over) = counter.failures.checked_sub(free) {
            let delay = Duration::from_secs(1 << over.min(20)).min(longest);
            counter.free_at = now.saturating_add(delay);
        }
    }

    /// Forgets what is forgiven, then the half with the fewest failures.
    fn make_room(&mut self, now: Duration) {
        self.counters.retain(|_, counter| {
            counter.forgive(now);
            counter.failures > 0
        });
        if self.counters.len() < COUNTERS_MOST {
            return;
        }
        let mut order: Vec<(u32, Duration)> =
            self.counters.values().map(|counter| (counter.failures, counter.last)).collect();
        order.sort_unstable();
        let middle = order.get(order.len() / 2).copied().unwrap_or_default();
        self.counters.retain(|_, counter| (counter.failures, counter.last) > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u64) -> Key {
        Key::Account(*blake3::hash(&n.to_le_bytes()).as_bytes())
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn after_ten_failures_the_delay_doubles_up_to_five_minutes() {
        let limits = Limits::new();
        let mut now = seconds(0);
        let mut delays = Vec::new();
        for _ in 0..25 {
            match limits.begin(account(1), None, now) {
                Ok(attempt) => {
                    limits.wrong(&attempt, now);
                }
                Err(wait) => {
                    delays.push(wait.as_secs());
                    now += wait;
                }
            }
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128]);
        assert!(limits.begin(account(2), None, now).is_ok(), "another account is free");
        let day_after = now + Duration::from_hours(24);
        let mut through = 0;
        while now < day_after {
            match limits.begin(account(1), None, now) {
                Ok(attempt) => {
                    limits.wrong(&attempt, now);
                    through += 1;
                }
                Err(wait) => {
                    assert!(wait <= seconds(300), "the right person never waits long");
                    now += wait;
                }
            }
        }
        assert!((250..300).contains(&through), "{through} in a day");
    }

    #[test]
    fn attempts_at_the_same_moment_are_counted_before_they_are_checked() {
        let limits = Limits::new();
        let begun = (0..1000).filter(|_| limits.begin(account(1), None, seconds(0)).is_ok());
        assert_eq!(begun.count(), 10);
    }

    #[test]
    fn a_right_password_clears_the_account_and_never_the_address() {
        let limits = Limits::new();
        let address = Some([1; 32]);
        for n in 0..20 {
            let attempt = limits.begin(account(n), address, seconds(0)).unwrap();
            let failed = limits.wrong(&attempt, seconds(0));
            assert_eq!(failed == Failed::Spraying, n == 9, "said once, at the tenth account");
            if let Ok(own) = limits.begin(account(999), address, seconds(0)) {
                limits.right(&own);
            }
        }
        assert!(limits.begin(account(999), address, seconds(0)).is_err());
        assert!(limits.begin(account(999), Some([2; 32]), seconds(0)).is_ok());
        assert!(limits.begin(account(999), address, seconds(3600)).is_ok(), "delays end");
    }

    #[test]
    fn the_memory_of_counters_is_bounded_and_those_with_many_failures_stay() {
        let limits = Limits::new();
        for _ in 0..10 {
            limits.wrong(&limits.begin(account(0), None, seconds(0)).unwrap(), seconds(0));
        }
        for n in 1..50_000 {
            limits.wrong(&limits.begin(account(n), None, seconds(0)).unwrap(), seconds(0));
        }
        assert!(limits.tables.lock().unwrap().keys.counters.len() <= COUNTERS_MOST);
        assert!(limits.begin(account(0), None, seconds(0)).is_err());
    }
}
