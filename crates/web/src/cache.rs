//! What was computed once and may be asked for again: bounded in bytes, and computed by one thread
//! where many ask at once.
//!
//! The key holds everything that the value depends on, the rights of the caller too; a value never
//! changes under its key.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value of any type.
type Shared = Arc<dyn Any + Send + Sync>;

/// Values by key.
pub(crate) struct Cache {
    most: usize,
    kept: Mutex<Kept>,
    computed: AtomicU64,
}

#[derive(Default)]
struct Kept {
    slots: HashMap<String, Arc<Slot>>,
    bytes: usize,
    clock: u64,
}

#[derive(Default)]
struct Slot {
    /// Held while the value is computed: who comes meanwhile waits here.
    value: Mutex<Option<Shared>>,
    bytes: Mutex<usize>,
    used: AtomicU64,
}

/// Forgets a slot that got no value.
struct Unmade<'a> {
    cache: &'a Cache,
    key: &'a str,
    slot: &'a Arc<Slot>,
    empty: bool,
}

impl Drop for Unmade<'_> {
    fn drop(&mut self) {
        if self.empty {
            self.cache.forget(self.key, self.slot);
        }
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the mutexes hold is complete at every moment, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    /// An empty cache for so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default(), computed: AtomicU64::new(0) }
    }

    /// How many values were computed so far.
    pub(crate) fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut kept = locked(&self.kept);
        kept.slots.clear();
        kept.bytes = 0;
    }

    /// Returns the value of a key, or computes it; `size` says how many bytes it takes. A failure
    /// is not kept.
    pub(crate) fn get<T: Send + Sync + 'static, E>(
        &self,
        key: &str,
        size: impl FnOnce(&T) -> usize,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let slot = self.slot(key);
        let mut value = locked(&slot.value);
        if let Some(found) = value.clone().and_then(|shared| shared.downcast::<T>().ok()) {
            return Ok(found);
        }
        // A slot that stays empty is let go of, also where the computing panics.
        let mut unmade = Unmade { cache: self, key, slot: &slot, empty: true };
        let made = Arc::new(compute()?);
        unmade.empty = false;
        drop(unmade);
        self.computed.fetch_add(1, Ordering::Relaxed);
        let shared: Shared = Arc::<T>::clone(&made);
        *value = Some(shared);
        let bytes = size(&made);
        *locked(&slot.bytes) = bytes;
        drop(value);
        self.settle(key, bytes);
        Ok(made)
    }

    fn slot(&self, key: &str) -> Arc<Slot> {
        let mut kept = locked(&self.kept);
        kept.clock += 1;
        let now = kept.clock;
        let slot = Arc::clone(kept.slots.entry(key.to_owned()).or_default());
        slot.used.store(now, Ordering::Relaxed);
        slot
    }

    fn forget(&self, key: &str, slot: &Arc<Slot>) {
        let mut kept = locked(&self.kept);
        if kept.slots.get(key).is_some_and(|known| Arc::ptr_eq(known, slot)) {
            kept.slots.remove(key);
        }
    }

    /// Counts a new value in, and lets go of those that were not used for longest.
    fn settle(&self, key: &str, bytes: usize) {
        let mut kept = locked(&self.kept);
        if !kept.slots.contains_key(key) {
            return;
        }
        kept.bytes += bytes;
        while kept.bytes > self.most {
            let oldest = kept
                .slots
                .iter()
                .filter(|(_, slot)| *locked(&slot.bytes) > 0)
                .min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed))
                .map(|(key, slot)| (key.clone(), *locked(&slot.bytes)));
            let Some((key, bytes)) = oldest else { break };
            kept.slots.remove(&key);
            kept.bytes = kept.bytes.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ask_and_one_computes() {
        let cache = Cache::new(1_000);
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let made = cache.get(
                        "key",
                        |_: &u64| 8,
                        || {
                            std::thread::sleep(std::time::Duration::from_millis(20));
                            Ok::<_, ()>(7)
                        },
                    );
                    assert_eq!(*made.unwrap(), 7);
                });
            }
        });
        assert_eq!(cache.computed(), 1);
    }

    #[test]
    fn the_value_not_used_for_longest_goes_first_and_failures_are_not_kept() {
        let cache = Cache::new(100);
        let get = |key: &str| {
            cache.get(key, |_: &String| 40, || Ok::<_, ()>(key.to_owned())).unwrap();
            cache.computed()
        };
        assert_eq!([get("a"), get("b"), get("a"), get("c")], [1, 2, 2, 3]);
        assert_eq!([get("a"), get("b")], [3, 4]);
        assert!(cache.get("d", |_: &u8| 1, || Err::<u8, _>(())).is_err());
        assert!(cache.get("d", |_: &u8| 1, || Ok::<_, ()>(1)).is_ok());
    }

    #[test]
    fn computing_that_panics_leaves_nothing_behind() {
        let cache = Cache::new(100);
        let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _never = cache.get("key", |_: &u8| 1, || -> Result<u8, ()> { panic!("broken") });
        }));
        assert!(broken.is_err() && locked(&cache.kept).slots.is_empty());
        assert_eq!(cache.get("key", |_: &u8| 1, || Ok::<_, ()>(7)).map(|made| *made), Ok(7));
    }
}
