//! Shapley values of two games between channels. The game must be named: its values differ widely.
//!
//! [`set`]: a coalition is worth the conversions of all paths whose channels lie within it. Its
//! Shapley value has a closed form, an equal split of each path among its distinct channels (Zhao,
//! Mahboobi and Bagheri 2018, "Shapley value methods for attribution modeling in online
//! advertising").
//!
//! [`rate`]: a coalition is worth the conversion *rate* of those paths. Here a channel may have a
//! negative value, when paths with it convert less often than those without; it is shown as it is.
//! Exact by enumeration up to [`EXACT_MAX`] channels, sampled beyond (Castro, Gómez and Tejada
//! 2009, "Polynomial calculation of the Shapley value based on sampling"), each permutation with
//! its reverse.
//!
//! Neither is a causal effect (Singal, Besbes, Désir, Goyal and Iyengar 2022, "Shapley meets
//! uniform").

#![expect(clippy::indexing_slicing, reason = "codes and masks index arrays of their own number")]

use crate::heuristic::{ChannelCredit, named};
use crate::path::Paths;
use crate::random::SplitMix64;
use crate::special::normal_quantile;

/// Most channels for which the rate game is enumerated.
pub const EXACT_MAX: usize = 20;

/// Shapley values of the rate game.
#[derive(Debug, Clone, PartialEq)]
pub struct RateGame {
    /// Conversion rate of all paths: what the values sum to.
    pub rate: f64,
    /// Value per journey of all paths.
    pub value_per_path: f64,
    /// One entry per channel, in the order of [`Paths::channels`].
    pub channels: Vec<ChannelRate>,
    /// Whether every coalition was counted.
    pub exact: bool,
    /// Permutations drawn, reverses included; zero where exact.
    pub n_permutations: usize,
    /// Half-width of a 95 % interval that holds for all channels' `phi` together; zero where exact.
    pub error: f64,
}

/// One channel in the rate game.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelRate {
    /// Name of the channel.
    pub channel: String,
    /// Shapley value in units of the conversion rate; may be negative.
    pub phi: f64,
    /// Shapley value in units of value per journey; may be negative.
    pub phi_value: f64,
    /// Standard error of `phi`; zero where exact.
    pub standard_error: f64,
    /// `phi` times the number of journeys: sums to the conversions.
    pub conversions: f64,
    /// `phi_value` times the number of journeys: sums to the value.
    pub value: f64,
}

/// Returns the Shapley values of the set game, for any number of channels.
pub fn set(paths: &Paths) -> Vec<ChannelCredit> {
    let mut sums = vec![[0.0; 2]; paths.channels().len()];
    let mut distinct = Vec::new();
    for row in paths.rows() {
        channels_of(row.path, &mut distinct);
        let share = 1.0 / distinct.len() as f64;
        for code in &distinct {
            let [conversions, value] = &mut sums[usize::from(*code)];
            *conversions += share * row.conversions;
            *value += share * row.value;
        }
    }
    named(paths, &sums)
}

/// Returns the Shapley values of the rate game.
///
/// Above [`EXACT_MAX`] channels, `n_permutations` permutations are drawn with `seed`, at least two
/// pairs. A coalition without a path has rate zero. All zero without journeys.
pub fn rate(paths: &Paths, n_permutations: usize, seed: u64) -> RateGame {
    rate_within(paths, EXACT_MAX, n_permutations, seed)
}

fn rate_within(paths: &Paths, exact_max: usize, n_permutations: usize, seed: u64) -> RateGame {
    let n = paths.channels().len();
    let exact = n <= exact_max;
    let (phi, errors, n_permutations) = if exact {
        (enumerate(paths), vec![0.0; n], 0)
    } else {
        sample(paths, n_permutations.div_ceil(2).max(2), seed)
    };
    let totals = paths.totals();
    let journeys = totals.journeys();
    let per_journey = |sum: f64| if journeys > 0.0 { sum / journeys } else { 0.0 };
    // Bonferroni: the interval of each channel is wide enough for all of them.
    let z = normal_quantile(1.0 - 0.025 / n.max(1) as f64);
    let error = z * errors.iter().copied().fold(0.0, f64::max);
    let channels = paths
        .channels()
        .iter()
        .zip(phi)
        .zip(&errors)
        .map(|((channel, [phi, phi_value]), standard_error)| ChannelRate {
            channel: channel.clone(),
            phi,
            phi_value,
            standard_error: *standard_error,
            conversions: phi * journeys,
            value: phi_value * journeys,
        })
        .collect();
    RateGame {
        rate: per_journey(totals.conversions),
        value_per_path: per_journey(totals.value),
        channels,
        exact,
        n_permutations,
        error,
    }
}

/// All coalitions: sums over subsets (Yates), then the definition.
fn enumerate(paths: &Paths) -> Vec<[f64; 2]> {
    let n = paths.channels().len();
    let mut worth = vec![[0.0_f64; 3]; 1 << n];
    for row in paths.rows() {
        let coalition = row.path.iter().fold(0_usize, |set, code| set | 1 << code);
        let cell = &mut worth[coalition];
        cell[0] += row.conversions;
        cell[1] += row.value;
        cell[2] += row.conversions + row.nulls;
    }
    for channel in 0..n {
        for coalition in 0..worth.len() {
            if coalition >> channel & 1 == 1 {
                let within = worth[coalition ^ (1 << channel)];
                for (sum, term) in worth[coalition].iter_mut().zip(within) {
                    *sum += term;
                }
            }
        }
    }
    let rates: Vec<[f64; 2]> = worth.iter().map(|cell| rates(*cell)).collect();
    // |S|! (n - |S| - 1)! / n! by the size of S.
    let mut weight = vec![1.0 / n.max(1) as f64; n];
    for size in 1..n {
        weight[size] = weight[size - 1] * size as f64 / (n - size) as f64;
    }
    (0..n)
        .map(|channel| {
            let mut phi = [0.0, 0.0];
            for coalition in (0..rates.len()).filter(|coalition| coalition >> channel & 1 == 0) {
                let weight = weight[coalition.count_ones() as usize];
                let with = rates[coalition | 1 << channel];
                for ((phi, with), without) in phi.iter_mut().zip(with).zip(rates[coalition]) {
                    *phi += weight * (with - without);
                }
            }
            phi
        })
        .collect()
}

/// Permutations in pairs, one the reverse of the other; the error comes from the spread of pairs.
///
/// A path joins when the last of its channels does, so that one pass over the distinct sets gives
/// the worth of every beginning of a permutation.
fn sample(paths: &Paths, n_pairs: usize, seed: u64) -> (Vec<[f64; 2]>, Vec<f64>, usize) {
    let n = paths.channels().len();
    let mut sets: Vec<(Vec<u16>, [f64; 3])> = Vec::new();
    let mut distinct = Vec::new();
    for row in paths.rows() {
        channels_of(row.path, &mut distinct);
        sets.push((distinct.clone(), [row.conversions, row.value, row.conversions + row.nulls]));
    }
    sets.sort_by(|(a, _), (b, _)| a.cmp(b));
    sets.dedup_by(|(next, more), (kept, sums)| {
        let same = next == kept;
        if same {
            for (sum, term) in sums.iter_mut().zip(more) {
                *sum += *term;
            }
        }
        same
    });
    let mut sums = vec![[0.0_f64; 2]; n];
    let mut squares = vec![0.0_f64; n];
    let mut place = vec![0_usize; n];
    let mut joined = vec![[0.0_f64; 3]; n];
    let mut order: Vec<usize> = (0..n).collect();
    let mut pair = vec![[0.0_f64; 2]; n];
    for index in 0..n_pairs {
        SplitMix64::stream(seed, index as u64).shuffle(&mut order);
        pair.fill([0.0; 2]);
        for _ in 0..2 {
            for (at, channel) in order.iter().enumerate() {
                place[*channel] = at;
            }
            joined.fill([0.0; 3]);
            for (channels, terms) in &sets {
                let last = channels.iter().map(|code| place[usize::from(*code)]).max().unwrap_or(0);
                for (sum, term) in joined[last].iter_mut().zip(terms) {
                    *sum += term;
                }
            }
            let mut worth = [0.0; 3];
            let mut before = [0.0; 2];
            for (channel, terms) in order.iter().zip(&joined) {
                for (sum, term) in worth.iter_mut().zip(terms) {
                    *sum += term;
                }
                let after = rates(worth);
                for ((sum, after), before) in pair[*channel].iter_mut().zip(after).zip(before) {
                    *sum += 0.5 * (after - before);
                }
                before = after;
            }
            order.reverse();
        }
        for ((sum, square), [phi, phi_value]) in sums.iter_mut().zip(&mut squares).zip(&pair) {
            sum[0] += phi;
            sum[1] += phi_value;
            *square += phi * phi;
        }
    }
    let m = n_pairs as f64;
    let errors = sums
        .iter()
        .zip(squares)
        .map(|(sum, square)| ((square / m - (sum[0] / m).powi(2)).max(0.0) / (m - 1.0)).sqrt())
        .collect();
    (sums.into_iter().map(|sum| sum.map(|sum| sum / m)).collect(), errors, 2 * n_pairs)
}

/// Returns conversions and value per journey.
fn rates([conversions, value, journeys]: [f64; 3]) -> [f64; 2] {
    if journeys > 0.0 { [conversions / journeys, value / journeys] } else { [0.0, 0.0] }
}

/// Fills `out` with the distinct channels of a path, sorted.
fn channels_of(path: &[u16], out: &mut Vec<u16>) {
    out.clear();
    out.extend_from_slice(path);
    out.sort_unstable();
    out.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PathsBuilder;

    fn tiny() -> Paths {
        let mut builder = PathsBuilder::new();
        builder.add(["A", "B", "C"], 3.0, 300.0, 2.0).unwrap();
        builder.add(["A"], 1.0, 50.0, 4.0).unwrap();
        builder.add(["B", "C"], 2.0, 120.0, 1.0).unwrap();
        builder.add(["C", "A", "A"], 0.0, 0.0, 3.0).unwrap();
        builder.add(["B"], 0.0, 0.0, 5.0).unwrap();
        builder.build()
    }

    #[test]
    fn the_set_game_is_an_equal_split_among_distinct_channels() {
        let credits = set(&tiny());
        let found: Vec<(f64, f64)> = credits.iter().map(|c| (c.conversions, c.value)).collect();
        assert_eq!(found, [(2.0, 150.0), (2.0, 160.0), (2.0, 160.0)]);
    }

    /// Coalitions by hand: {} 0, A 1/5, B 0, C 0, AB 1/10, AC 1/8, BC 2/8, ABC 6/21.
    #[test]
    fn the_rate_game_of_three_channels_is_that_on_paper() {
        let game = rate(&tiny(), 0, 0);
        assert!(game.exact && game.n_permutations == 0 && game.error == 0.0);
        let a = (2.0 / 5.0 + 0.1 + 0.125 + 2.0 * (6.0 / 21.0 - 0.25)) / 6.0;
        let b = (0.0 - 0.1 + 0.25 + 2.0 * (6.0 / 21.0 - 0.125)) / 6.0;
        let c = (0.0 - 0.075 + 0.25 + 2.0 * (6.0 / 21.0 - 0.1)) / 6.0;
        for (channel, expected) in game.channels.iter().zip([a, b, c]) {
            assert!((channel.phi - expected).abs() < 1e-15, "{game:?}");
        }
        let sum: f64 = game.channels.iter().map(|channel| channel.conversions).sum();
        assert!((sum - 6.0).abs() < 1e-12);
        let sum: f64 = game.channels.iter().map(|channel| channel.value).sum();
        assert!((sum - 470.0).abs() < 1e-9);
    }

    #[test]
    fn sampling_comes_to_the_same_within_its_error() {
        let mut random = SplitMix64::new(5);
        let names: Vec<String> = (0..9).map(|code| format!("c{code}")).collect();
        let mut builder = PathsBuilder::new();
        for _ in 0..300 {
            let n = 1 + random.below(5);
            let path: Vec<&str> =
                (0..n).map(|_| names[usize::try_from(random.below(9)).unwrap()].as_str()).collect();
            builder.add(path, random.below(3) as f64, 10.0, random.below(5) as f64).unwrap();
        }
        let paths = builder.build();
        let exact = rate(&paths, 0, 0);
        let sampled = rate_within(&paths, 5, 4000, 1);
        assert!(!sampled.exact && sampled.n_permutations == 4000 && sampled.error > 0.0);
        for (a, b) in exact.channels.iter().zip(&sampled.channels) {
            assert!((a.phi - b.phi).abs() < sampled.error, "{} {}", a.phi, b.phi);
            assert!((a.phi - b.phi).abs() < 4.5 * b.standard_error, "{} {}", a.phi, b.phi);
        }
        let sum: f64 = sampled.channels.iter().map(|channel| channel.phi).sum();
        assert!((sum - sampled.rate).abs() < 1e-12);
        assert_eq!(sampled, rate_within(&paths, 5, 4000, 1));
    }

    #[test]
    fn nothing_gives_nothing() {
        let empty = PathsBuilder::new().build();
        assert!(set(&empty).is_empty());
        let game = rate(&empty, 10, 1);
        assert!(game.channels.is_empty() && game.rate == 0.0);
    }
}
