//! Sorting of a great many words: one pass puts them near their places, small sorts do the rest.

/// Words below which a plain sort is as fast.
const FEW: usize = 1 << 13;
/// Words that a bucket holds on average where they spread evenly.
const EACH: usize = 32;
/// Most buckets: their ends must fit into the second cache.
const MOST: usize = 1 << 15;

/// Returns words in order, least first.
///
/// Buckets are equal spans of the words' own range. Words that crowd into few of them cost what a
/// plain sort costs, and a pass.
pub(super) fn sorted(words: impl ExactSizeIterator<Item = u64> + Clone) -> Vec<u64> {
    let n = words.len();
    let bounds = |(low, high): (u64, u64), word: u64| (low.min(word), high.max(word));
    let (low, high) = words.clone().fold((u64::MAX, 0), bounds);
    if n < FEW || low >= high {
        let mut words: Vec<u64> = words.collect();
        words.sort_unstable();
        return words;
    }
    let buckets = (n / EACH).min(MOST).next_power_of_two();
    let shift = (64 - (high - low).leading_zeros()).saturating_sub(buckets.trailing_zeros());
    #[expect(clippy::cast_possible_truncation, reason = "fewer than the buckets")]
    let of = |word: u64| ((word - low) >> shift) as usize;
    let mut ends = vec![0_usize; buckets + 1];
    for word in words.clone() {
        if let Some(n) = ends.get_mut(of(word) + 1) {
            *n += 1;
        }
    }
    let mut sum = 0;
    for end in &mut ends {
        sum += *end;
        *end = sum;
    }
    // Each bucket's begin moves to its end while it fills.
    let mut placed = vec![0; n];
    for word in words {
        if let Some(at) = ends.get_mut(of(word)) {
            if let Some(slot) = placed.get_mut(*at) {
                *slot = word;
            }
            *at += 1;
        }
    }
    let mut rest = placed.as_mut_slice();
    let mut begin = 0;
    for end in ends.iter().take(buckets) {
        let Some((bucket, after)) = rest.split_at_mut_checked(end - begin) else { break };
        bucket.sort_unstable();
        (rest, begin) = (after, *end);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::sorted;
    use crate::random::SplitMix64;

    #[track_caller]
    fn check(words: Vec<u64>) {
        let found = sorted(words.iter().copied());
        let mut plain = words;
        plain.sort_unstable();
        assert!(found == plain, "{} words", plain.len());
    }

    #[test]
    fn words_are_sorted_however_they_spread() {
        let mut random = SplitMix64::new(5);
        for n in [0, 1, 2, 8191, 8192, 8193, 100_000] {
            check((0..n).map(|_| random.next_u64()).collect());
            check((0..n).map(|_| random.uniform().to_bits() << 1).collect());
            check((0..n).map(|_| random.next_u64() % 7).collect());
            check(vec![9; n]);
            check((0..n as u64).rev().collect());
            // One far away: all others share a bucket.
            check((0..n as u64).chain([u64::MAX]).collect());
            check((0..n as u64).map(|k| u64::MAX - k % 3).chain([0]).collect());
        }
    }
}
