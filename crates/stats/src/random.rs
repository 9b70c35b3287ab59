//! A small random generator, the same in every language that can add and multiply.
//!
//! SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"). The
//! seed is an argument everywhere; nothing here reads a clock or the system's entropy. Work that
//! may run on several threads takes one [`SplitMix64::stream`] per item of work, so that the result
//! does not depend on how many threads there are or who finishes first.

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of 64-bit numbers with period 2^64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMix64 {
    state: u64,
}

/// Returns the output function of SplitMix64: a bijection that scatters all bits.
pub const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl SplitMix64 {
    /// Starts the generator. Every seed is as good as any other, zero included.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Starts the stream number `index` of a seed: replicate, chain or item.
    ///
    /// The index is scattered before it becomes the state, because neighbouring states of
    /// SplitMix64 are the same sequence, shifted by one.
    pub const fn stream(seed: u64, index: u64) -> Self {
        Self { state: mix(mix(seed.wrapping_add(GAMMA)) ^ mix(index.wrapping_mul(GAMMA) ^ 0x5851)) }
    }

    /// Returns the next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// Returns a uniform number in `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Returns a whole number in `0..n` without bias (Lemire 2019, with rejection); zero for `n =
    /// 0`.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let threshold = n.wrapping_neg() % n;
        loop {
            let (low, high) = halves(u128::from(self.next_u64()) * u128::from(n));
            if low >= threshold {
                return high;
            }
        }
    }

    /// Returns a standard normal number by Box and Muller, one for every two uniforms.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Returns a Poisson count with the given mean.
    ///
    /// Inversion by sequential search below a mean of 10, and the transformed rejection PTRS of
    /// Hörmann (1993) above. Zero, a negative mean and NaN give zero.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::many_single_char_names,
        reason = "counts are non-negative whole floats; the letters are those of the paper"
    )]
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean.is_nan() || mean <= 0.0 {
            return 0;
        }
        if mean < 10.0 {
            let mut p = (-mean).exp();
            let mut left = self.uniform() - p;
            let mut k = 0_u32;
            // 200 is far beyond the last count that a 53-bit uniform can reach at a mean of 10.
            while left >= 0.0 && k < 200 {
                k += 1;
                p *= mean / f64::from(k);
                left -= p;
            }
            return u64::from(k);
        }
        let root = mean.sqrt();
        let b = 0.931 + 2.53 * root;
        let a = -0.059 + 0.024_83 * b;
        let inverse_alpha = 1.123_9 + 1.132_8 / (b - 3.4);
        let v_r = 0.927_7 - 3.622_4 / (b - 2.0);
        loop {
            let u = self.uniform() - 0.5;
            let v = self.uniform();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
            if us >= 0.07 && v <= v_r {
                return k as u64;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let left = (v * inverse_alpha / (a / (us * us) + b)).ln();
            if left <= k * mean.ln() - mean - crate::special::ln_gamma(k + 1.0) {
                return k as u64;
            }
        }
    }

    /// Returns a gamma number with the given shape and scale 1 (Marsaglia and Tsang 2000); zero for
    /// a shape that is not positive.
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape.is_nan() || shape <= 0.0 {
            return 0.0;
        }
        if shape < 1.0 {
            let boost = (1.0 - self.uniform()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.uniform()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Puts a slice into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(last);
            items.swap(last, other);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the two halves of a 128-bit product are meant"
)]
const fn halves(product: u128) -> (u64, u64) {
    (product as u64, (product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // The first outputs for seed 1234567, as printed with the reference implementation.
        let mut random = SplitMix64::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        for value in expected {
            assert_eq!(random.next_u64(), value);
        }
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = SplitMix64::new(7);
        let n = 200_000;
        let normals: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(n);
        let variance = normals.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.015, "{mean} {variance}");
        for lambda in [0.3, 1.0, 9.5, 10.5, 400.0] {
            let draws: Vec<f64> = (0..n).map(|_| random.poisson(lambda) as f64).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            let se = (lambda / f64::from(n)).sqrt();
            assert!((mean - lambda).abs() < 4.5 * se, "mean of Poisson({lambda}): {mean}");
            assert!((variance / lambda - 1.0).abs() < 0.025, "variance of Poisson({lambda})");
        }
        for shape in [0.3, 1.0, 7.5, 300.0] {
            let draws: Vec<f64> = (0..n).map(|_| random.gamma(shape)).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            let se = (shape / f64::from(n)).sqrt();
            assert!((mean - shape).abs() < 4.5 * se, "mean of gamma({shape}): {mean}");
            assert!((variance / shape - 1.0).abs() < 0.04, "variance of gamma({shape})");
        }
        assert!(random.gamma(f64::NAN) <= 0.0);
        assert_eq!(random.poisson(f64::NAN), 0);
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| random.below(7) < 7));
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let firsts: Vec<u64> = (0..64).map(|i| SplitMix64::stream(1, i).next_u64()).collect();
        let mut distinct = firsts.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), firsts.len());
    }
}
