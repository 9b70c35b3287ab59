//! A hash table from keys that live elsewhere to their running number.
//!
//! The keys stay in the caller's own vector, so that a key may be a slice of the input; the table
//! holds 8 bytes an entry. The hash is fixed: the order of numbers is the order of insertion, on
//! every machine and in every run.

#![expect(clippy::indexing_slicing, reason = "positions are masked to the length of the table")]
#![expect(clippy::cast_possible_truncation, reason = "the halves of a word are meant")]

const K0: u64 = 0xA076_1D64_78BD_642F;
const K1: u64 = 0xE703_7ED1_A0B4_28DB;

/// Numbers for keys, by open addressing with linear steps.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    /// High half: hash; low half: number plus one; zero is free.
    slots: Vec<u64>,
    n: usize,
}

impl Numbers {
    pub(crate) fn new() -> Self {
        Self { slots: vec![0; 1024], n: 0 }
    }

    /// Returns the number of a key, `Ok` where it was there and `Err` where it is new.
    ///
    /// `next` is the number that a new key takes; `same` compares with the key of a number.
    pub(crate) fn number(
        &mut self,
        hash: u64,
        next: u32,
        same: impl Fn(u32) -> bool,
    ) -> Result<u32, u32> {
        if self.n * 2 >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let tag = hash >> 32;
        let mut position = tag as usize & mask;
        loop {
            let slot = self.slots[position];
            if slot == 0 {
                self.slots[position] = (tag << 32) | u64::from(next.wrapping_add(1));
                self.n += 1;
                return Err(next);
            }
            if slot >> 32 == tag {
                let number = (slot as u32).wrapping_sub(1);
                if same(number) {
                    return Ok(number);
                }
            }
            position = (position + 1) & mask;
        }
    }

    /// Returns the number in the first slot of a hash, right or not: to have it near when it is
    /// needed.
    pub(crate) fn peek(&self, hash: u64) -> Option<u32> {
        let slot = self.slots[(hash >> 32) as usize & (self.slots.len() - 1)];
        (slot as u32).checked_sub(1)
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 4 - 1;
        let mut slots = vec![0; mask + 1];
        for slot in self.slots.iter().filter(|slot| **slot != 0) {
            let mut position = (slot >> 32) as usize & mask;
            while slots[position] != 0 {
                position = (position + 1) & mask;
            }
            slots[position] = *slot;
        }
        self.slots = slots;
    }
}

/// Multiplies to 128 bits and folds the halves together.
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// Returns a hash of one word.
pub(crate) const fn hash_word(word: u64) -> u64 {
    fold(word ^ K0, K1)
}

/// Returns a hash of bytes, eight at a time; the last eight may overlap with those before.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = K0 ^ bytes.len() as u64;
    let last = match bytes.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => bytes.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)),
    };
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        hash = fold(hash ^ u64::from_le_bytes(*word), K1);
    }
    fold(hash ^ last, K0 ^ K1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_number_while_the_table_grows() {
        let keys: Vec<u64> = (0..10_000).map(|key: u64| key * key % 7919).collect();
        let mut numbers = Numbers::new();
        let mut known: Vec<u64> = Vec::new();
        for key in &keys {
            let next = known.len() as u32;
            let same = |number: u32| known[number as usize] == *key;
            match numbers.number(hash_word(*key), next, same) {
                Ok(number) => assert_eq!(known[number as usize], *key),
                Err(number) => {
                    assert_eq!(number, next);
                    assert!(!known.contains(key));
                    known.push(*key);
                }
            }
        }
    }

    #[test]
    fn the_hash_sees_every_byte_and_the_length() {
        let base = b"paid_search > webinar";
        for i in 0..base.len() {
            let mut other = *base;
            other[i] ^= 1;
            assert_ne!(hash_bytes(base), hash_bytes(&other));
        }
        assert_ne!(hash_bytes(b"a"), hash_bytes(b"a\0"));
        assert_ne!(hash_bytes(b""), hash_bytes(b"\0\0\0\0\0\0\0\0"));
    }
}
