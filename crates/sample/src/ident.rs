//! Record ids as Salesforce makes them: 15 case-sensitive characters and a suffix of three.
//!
//! The suffix encodes which of the 15 are upper-case letters, so that ids which differ only in case
//! still differ where case is lost.

use crate::random::pick;

/// Digits in ASCII order, so that ids order as their numbers do.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// What a record is: the three characters that its id starts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Prefix(&'static [u8; 3]);

pub(crate) const ACCOUNT: Prefix = Prefix(b"001");
pub(crate) const CONTACT: Prefix = Prefix(b"003");
pub(crate) const USER: Prefix = Prefix(b"005");
pub(crate) const OPPORTUNITY: Prefix = Prefix(b"006");
pub(crate) const OPPORTUNITY_HISTORY: Prefix = Prefix(b"008");
pub(crate) const CONTACT_ROLE: Prefix = Prefix(b"00K");
pub(crate) const LEAD: Prefix = Prefix(b"00Q");
pub(crate) const TASK: Prefix = Prefix(b"00T");
pub(crate) const EVENT: Prefix = Prefix(b"00U");
pub(crate) const MEMBER: Prefix = Prefix(b"00v");
pub(crate) const FIELD_HISTORY: Prefix = Prefix(b"017");
pub(crate) const MEMBER_STATUS: Prefix = Prefix(b"01Y");
pub(crate) const RATE: Prefix = Prefix(b"04w");
pub(crate) const CAMPAIGN: Prefix = Prefix(b"701");

/// The id of one record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Id {
    pub(crate) prefix: Prefix,
    pub(crate) number: u64,
}

impl Id {
    pub(crate) fn new(prefix: Prefix, number: u64) -> Self {
        Self { prefix, number }
    }

    /// Returns the 18 characters.
    pub(crate) fn long(self) -> [u8; 18] {
        let mut text = [b'0'; 18];
        let (head, rest) = text.split_at_mut(6);
        head.copy_from_slice(b"000Fn0");
        let (tail, suffix) = rest.split_at_mut(9);
        let mut number = self.number;
        for place in tail.iter_mut().rev() {
            *place = *pick(DIGITS, usize::try_from(number % 62).unwrap_or(0));
            number /= 62;
        }
        for (place, letter) in head.iter_mut().zip(self.prefix.0) {
            *place = *letter;
        }
        let mut bits = [0_usize; 3];
        for (index, byte) in head.iter().chain(tail.iter()).enumerate() {
            if let (true, Some(block)) = (byte.is_ascii_uppercase(), bits.get_mut(index / 5)) {
                *block |= 1 << (index % 5);
            }
        }
        for (place, block) in suffix.iter_mut().zip(bits) {
            *place = *pick(SUFFIX, block);
        }
        text
    }

    /// Returns the 18 characters as text.
    pub(crate) fn text(self) -> String {
        self.long().iter().map(|&byte| char::from(byte)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_follows_the_published_examples() {
        for (short, suffix) in [("006q000000Hddoh", "AAB"), ("006q000000HdPzp", "AAF")] {
            let mut blocks = [0; 3];
            for (index, byte) in short.bytes().enumerate() {
                blocks[index / 5] |= usize::from(byte.is_ascii_uppercase()) << (index % 5);
            }
            let made: String = blocks.iter().map(|&b| char::from(SUFFIX[b])).collect();
            assert_eq!(made, suffix);
        }
    }

    #[test]
    fn ids_order_as_their_numbers_and_are_distinct_without_case() {
        let ids: Vec<_> = (0..9000).map(|n| Id::new(LEAD, n * 37).text()).collect();
        assert!(ids.windows(2).all(|pair| pair[0][..15] < pair[1][..15]));
        let folded: std::collections::BTreeSet<_> =
            ids.iter().map(|id| id.to_lowercase()).collect();
        assert_eq!(folded.len(), ids.len());
        assert!(ids.iter().all(|id| id.starts_with("00QFn0") && id.len() == 18));
    }
}
