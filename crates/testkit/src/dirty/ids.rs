//! Record ids of the CRM: 15 characters whose case matters, and three that say which are capital.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Returns the id of 18 characters of a kind of record (`001`) and a number. Numbers are scattered,
/// so that ids that differ in case only are not rare.
pub(super) fn id(prefix: &str, number: usize) -> String {
    let mut left = number * 7919 + 11;
    let mut tail = [b'0'; 6];
    for place in tail.iter_mut().rev() {
        *place = DIGITS[left % DIGITS.len()];
        left /= DIGITS.len();
    }
    let tail: String = tail.iter().map(|&byte| char::from(byte)).collect();
    with_check(&format!("{prefix}0000Fn{tail}"))
}

/// Adds the three check letters.
fn with_check(short: &str) -> String {
    let mut long = short.to_owned();
    for block in short.as_bytes().chunks(5) {
        let capital = |(place, byte): (usize, &u8)| usize::from(byte.is_ascii_uppercase()) << place;
        let bits: usize = block.iter().enumerate().map(capital).sum();
        long.push(char::from(LETTERS[bits]));
    }
    long
}

/// Returns the same id with check letters that do not fit.
pub(super) fn spoiled(id: &str) -> String {
    let last = id.chars().last().expect("an id has letters");
    format!("{}{}", &id[..17], if last == 'A' { 'B' } else { 'A' })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_letters_follow_the_published_examples() {
        for long in ["006q000000HddohAAB", "006q000000HdPzpAAF"] {
            assert_eq!(with_check(&long[..15]), long);
        }
        assert_eq!(id("001", 5).len(), 18);
        assert_ne!(spoiled(&id("001", 5)), id("001", 5));
    }
}
