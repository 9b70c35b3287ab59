//! Logins that were begun: what must come back, kept on our side.
//!
//! In memory, since they live for minutes, and bounded, since anybody may begin one: also for each
//! network, so that nobody pushes out the logins of others. The browser holds a random key in a
//! cookie; only its hash is here. Each can be taken once.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use openidconnect::{Nonce, PkceCodeVerifier};

use crate::refusal::Refusal;

/// How long a login may take at the provider.
const LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Logins that may be under way at once; beyond that the oldest is forgotten.
const MOST: usize = 4_096;
/// Logins that one network may have under way; beyond that its oldest is forgotten.
const MOST_OF_ONE: usize = 128;

/// What a login that was begun waits for.
pub(crate) struct Pending {
    pub(crate) state: String,
    pub(crate) nonce: Nonce,
    pub(crate) verifier: PkceCodeVerifier,
    pub(crate) next: String,
    /// The network that it was begun from.
    pub(crate) from: IpAddr,
    pub(crate) begun: Timestamp,
}

/// The logins under way, by the hash of the browser's key.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<BTreeMap<[u8; 32], Pending>>);

impl Waiting {
    pub(crate) fn keep(&self, key: &str, pending: Pending) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = pending.begun;
        all.retain(|_, other| now.duration_since(other.begun).abs() <= LIFE);
        let own = |other: &Pending| other.from == pending.from;
        let n = all.values().filter(|other| own(other)).count();
        if n >= MOST_OF_ONE || all.len() >= MOST {
            let others = all.iter().filter(|(_, other)| n < MOST_OF_ONE || own(other));
            let oldest = others.min_by_key(|(_, other)| other.begun).map(|(hash, _)| *hash);
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        all.insert(hash(key), pending);
    }

    /// Takes the login that the browser began; whatever comes of it, it is gone.
    pub(crate) fn take(&self, key: &str, now: Timestamp) -> Result<Pending, Refusal> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = all.remove(&hash(key)).ok_or(Refusal::State)?;
        if now.duration_since(pending.begun).abs() > LIFE {
            return Err(Refusal::Late);
        }
        Ok(pending)
    }
}

fn hash(key: &str) -> [u8; 32] {
    *blake3::hash(key.as_bytes()).as_bytes()
}

/// Compares in a time that does not depend on where two texts differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    blake3::hash(one.as_bytes()) == blake3::hash(other.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(begun: i64) -> Pending {
        from(0, begun)
    }

    fn from(from: u32, begun: i64) -> Pending {
        Pending {
            from: std::net::Ipv4Addr::from(from).into(),
            state: "s".to_owned(),
            nonce: Nonce::new("n".to_owned()),
            verifier: PkceCodeVerifier::new("v".repeat(43)),
            next: "/".to_owned(),
            begun: Timestamp::from_second(begun).unwrap(),
        }
    }

    #[test]
    fn a_login_is_taken_once_in_time_and_a_flood_of_them_stays_bounded() {
        let waiting = Waiting::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        waiting.keep("a", pending(0));
        waiting.keep("b", pending(1));
        assert!(waiting.take("a", at(600)).is_ok());
        assert_eq!(waiting.take("a", at(600)).err(), Some(Refusal::State));
        assert_eq!(waiting.take("b", at(602)).err(), Some(Refusal::Late));
        for n in 0..MOST + 10 {
            let network = u32::try_from(n / 2).unwrap();
            let begun = 1_000 + i64::try_from(n / 100).unwrap();
            waiting.keep(&n.to_string(), from(network, begun));
        }
        assert_eq!(waiting.0.lock().unwrap().len(), MOST);
        assert!(waiting.take(&(MOST + 9).to_string(), at(1_050)).is_ok());
    }

    #[test]
    fn one_network_that_begins_thousands_of_logins_pushes_out_only_its_own() {
        let waiting = Waiting::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        waiting.keep("person", from(1, 0));
        for n in 0..5_000 {
            waiting.keep(&n.to_string(), from(2, 1 + n / 1_000));
        }
        assert_eq!(waiting.0.lock().unwrap().len(), MOST_OF_ONE + 1);
        assert!(waiting.take("person", at(10)).is_ok());
        assert!(waiting.take("4999", at(10)).is_ok());
    }
}
