//! Seeded randomness: `SplitMix64` streams keyed by what they decide.
//!
//! Every decision has a stream of its own, keyed by (seed, account, topic), so that switching one
//! thing off (a channel, a kind of dirt) leaves every other draw as it was, and accounts can be
//! made in any order on any number of threads.

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// Scrambles 64 bits one to one.
pub(crate) fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Opens the stream that belongs to a seed and a path of keys.
    pub(crate) fn keyed(seed: u64, keys: &[u64]) -> Self {
        Self(keys.iter().fold(mix(seed.wrapping_add(GAMMA)), |state, &key| {
            mix(state.wrapping_add(key.wrapping_add(1).wrapping_mul(GAMMA)))
        }))
    }

    /// Returns the next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// Returns a number from 0 (included) to 1 (excluded).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// True with a probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Returns a whole number from 0 to `n - 1`; 0 where `n` is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.bits() % (n.max(1) as u64)).unwrap_or(0)
    }

    /// Returns a whole number from `low` to `high`, both included; `low` where they are crossed.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = high.saturating_sub(low).max(0).unsigned_abs() + 1;
        low + i64::try_from(self.bits() % width).unwrap_or(0)
    }

    /// Returns a standard normal number (Box and Muller, one for each two uniforms).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Returns a log-normal number with a median and the standard deviation of its logarithm.
    pub(crate) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Returns a count with a mean (Poisson; a rounded normal above 40).
    pub(crate) fn count(&mut self, mean: f64) -> usize {
        if mean <= 0.0 {
            return 0;
        }
        if mean > 40.0 {
            let n = whole(mean + mean.sqrt() * self.normal()).max(0);
            return usize::try_from(n).unwrap_or(0);
        }
        let floor = (-mean).exp();
        let mut product = self.unit();
        let mut n = 0;
        while product > floor {
            product *= self.unit();
            n += 1;
        }
        n
    }

    /// Picks an index in proportion to weights; the last where rounding runs past the end.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let total: f64 = weights.clone().sum();
        let mut left = self.unit() * total;
        let mut last = 0;
        for (index, weight) in weights.enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
            last = index;
        }
        last
    }
}

/// Rounds to the nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "the simulated magnitudes are far below 2^53")]
pub(crate) fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// Returns an entry of a list that is not empty; the index wraps around.
#[expect(clippy::indexing_slicing, reason = "the index is taken modulo the length of a full list")]
pub(crate) fn pick<T>(list: &[T], index: usize) -> &T {
    &list[index % list.len()]
}

/// Returns a count or an index as a key for a stream or an id.
pub(crate) fn key(index: usize) -> u64 {
    index as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_differ_by_key() {
        let draw = |keys: &[u64]| Random::keyed(7, keys).bits();
        assert_eq!(draw(&[1, 2]), draw(&[1, 2]));
        assert_ne!(draw(&[1, 2]), draw(&[2, 1]));
        assert_ne!(draw(&[0]), draw(&[0, 0]));
    }

    #[test]
    fn counts_have_their_mean() {
        let mut random = Random::keyed(1, &[]);
        for mean in [0.3, 4.0, 60.0] {
            let total: usize = (0..4000).map(|_| random.count(mean)).sum();
            assert!((total as f64 / 4000.0 - mean).abs() < 0.08 * mean + 0.02, "{mean}");
        }
    }
}
