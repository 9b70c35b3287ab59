//! Counts how much each one has of something at a time, and refuses one who has enough.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use crate::cache::locked;

/// How much each one has; who has nothing is not held.
pub(crate) struct Tally<K>(Arc<Mutex<HashMap<K, usize>>>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// One more, until it is dropped.
pub(crate) struct Counted<K: Hash + Eq> {
    key: K,
    tally: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Hash + Eq + Clone> Tally<K> {
    /// Counts one more; `None` for one who has `most` already.
    pub(crate) fn take(&self, key: K, most: usize) -> Option<Counted<K>> {
        let mut counts = locked(&self.0);
        let count = counts.get(&key).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        counts.insert(key.clone(), count + 1);
        Some(Counted { key, tally: Arc::clone(&self.0) })
    }
}

impl<K: Hash + Eq> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut counts = locked(&self.tally);
        match counts.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_no_more_than_the_most_and_others_have_theirs() {
        let tally = Tally::default();
        let held: Vec<_> = (0..3).map(|_| tally.take("a", 3)).collect();
        assert!(held.iter().all(Option::is_some) && tally.take("a", 3).is_none());
        assert!(tally.take("b", 3).is_some());
        drop(held);
        assert!(tally.take("a", 1).is_some());
        assert!(locked(&tally.0).is_empty());
    }
}
