//! How much a credit would move if other deals had happened: the Poisson bootstrap.
//!
//! Each unit (a deal, a journey) counts Poisson(1) times in a replicate (Hanley and `MacGibbon`
//! 2006; Chamandy et al. 2012). The number of units is thereby uncertain as well, which is right
//! for totals: next quarter will not have exactly as many deals. Limits are percentiles over the
//! replicates. Replicate *r* of a seed has its own stream of numbers, so that results do not depend
//! on how the work is divided. With 200 replicates a limit has a standard error of about a
//! twentieth of the interval's width.

#![expect(clippy::indexing_slicing, reason = "channels and offsets are checked at the start")]

use crate::interval::{Interval, quantile_sorted};
use crate::path::Paths;
use crate::random::SplitMix64;
use crate::removal::{RemovalFault, Shape};

/// Replicates where nothing else is asked for.
pub const REPLICATES_DEFAULT: usize = 200;

/// What each unit credits to which channel: compressed sparse rows.
#[derive(Debug, Clone, Copy)]
pub struct Credits<'a> {
    /// Entries of unit `u` are `offsets[u]..offsets[u + 1]`; one longer than the number of units.
    pub offsets: &'a [usize],
    /// Channel of each entry.
    pub channels: &'a [u32],
    /// Amount of each entry, in any unit; may be negative.
    pub amounts: &'a [f64],
    /// Number of channels.
    pub n_channels: usize,
}

/// One channel's total and its share of all, with limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CreditInterval {
    /// The channel's total.
    pub total: Interval,
    /// The channel's part of the sum over all channels; zero where that sum is zero.
    pub share: Interval,
}

/// Removal effect and credit of one channel, with limits.
#[derive(Debug, Clone, PartialEq)]
pub struct RemovalInterval {
    /// Name of the channel.
    pub channel: String,
    /// Removal effect on conversions.
    pub removal_effect: Interval,
    /// Removal effect on value.
    pub removal_effect_value: Interval,
    /// Conversions credited.
    pub conversions: Interval,
    /// Value credited.
    pub value: Interval,
}

/// Returns the limits of each channel's credit when units are drawn anew.
///
/// `None` for matrices that do not fit together, a channel that is not below `n_channels`, a level
/// outside `(0, 1)` or no replicates. Without units all figures are zero.
pub fn credit_intervals(
    credits: Credits<'_>,
    replicates: usize,
    level: f64,
    seed: u64,
) -> Option<Vec<CreditInterval>> {
    let Credits { offsets, channels, amounts, n_channels } = credits;
    let fits = channels.len() == amounts.len()
        && offsets.is_sorted()
        && offsets.first().is_none_or(|first| *first == 0)
        && offsets.last().copied().unwrap_or(0) == channels.len()
        && channels.iter().all(|channel| (*channel as usize) < n_channels);
    if !fits || replicates == 0 || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let mut point = vec![0.0; n_channels];
    for (channel, amount) in channels.iter().zip(amounts) {
        point[*channel as usize] += amount;
    }
    let point_shares = shares(&point);
    let mut totals = vec![Vec::with_capacity(replicates); n_channels];
    let mut parts = vec![Vec::with_capacity(replicates); n_channels];
    let mut sums = vec![0.0; n_channels];
    for replicate in 0..replicates {
        let mut random = SplitMix64::stream(seed, replicate as u64);
        sums.fill(0.0);
        for unit in offsets.windows(2) {
            let n = poisson_one(&mut random);
            if n == 0 {
                continue;
            }
            let times = f64::from(n);
            let entries = unit[0]..unit[1];
            for (channel, amount) in channels[entries.clone()].iter().zip(&amounts[entries]) {
                sums[*channel as usize] += times * amount;
            }
        }
        for (all, sum) in totals.iter_mut().zip(&sums) {
            all.push(*sum);
        }
        for (all, share) in parts.iter_mut().zip(shares(&sums)) {
            all.push(share);
        }
    }
    totals
        .into_iter()
        .zip(parts)
        .zip(point.iter().zip(point_shares))
        .map(|((total, share), (point, point_share))| {
            Some(CreditInterval {
                total: limits(*point, total, level)?,
                share: limits(point_share, share, level)?,
            })
        })
        .collect()
}

/// Returns the limits of removal effects and credits when journeys are drawn anew.
///
/// Converted and not converted journeys of each path count Poisson with their own number as mean.
/// The file does not say how the value of a path is spread over its conversions: each is taken to
/// be worth the mean of its path, so that limits of values are a little narrow where amounts vary
/// within a path. Replicates without a conversion count as no effect.
pub fn removal_intervals(
    paths: &Paths,
    order: usize,
    replicates: usize,
    level: f64,
    seed: u64,
) -> Result<Vec<RemovalInterval>, RemovalFault> {
    let shape = Shape::new(paths, order)?;
    let n_channels = paths.channels().len();
    let weights = || paths.rows().map(|row| [row.conversions, row.value, row.nulls]);
    let solved = shape.chain(weights()).solve(&shape).ok_or(RemovalFault::NoJourneys)?;
    let totals = paths.totals();
    let credits = solved.credits(totals.conversions, totals.value);
    let points: Vec<[f64; 4]> =
        solved.effects.iter().zip(&credits).map(|([a, b], [c, d])| [*a, *b, *c, *d]).collect();
    let mut draws = vec![[const { Vec::new() }; 4]; n_channels];
    let mut drawn = Vec::with_capacity(paths.n_rows());
    for replicate in 0..replicates.max(1) {
        let mut random = SplitMix64::stream(seed, replicate as u64);
        drawn.clear();
        drawn.extend(weights().map(|[conversions, value, nulls]| {
            let n = random.poisson(conversions) as f64;
            let worth = if conversions > 0.0 { value / conversions * n } else { value };
            [n, worth, random.poisson(nulls) as f64]
        }));
        let sums = drawn.iter().fold([0.0, 0.0], |[a, b], row| [a + row[0], b + row[1]]);
        let solved = shape.chain(drawn.iter().copied()).solve(&shape);
        let credits = solved.as_ref().map(|solved| solved.credits(sums[0], sums[1]));
        for (channel, draws) in draws.iter_mut().enumerate() {
            let [a, b] = solved.as_ref().map_or([0.0; 2], |solved| solved.effects[channel]);
            let [c, d] = credits.as_ref().map_or([0.0; 2], |credits| credits[channel]);
            for (draws, value) in draws.iter_mut().zip([a, b, c, d]) {
                draws.push(value);
            }
        }
    }
    Ok(paths
        .channels()
        .iter()
        .zip(points)
        .zip(draws)
        .map(|((channel, [a, b, c, d]), [draws_a, draws_b, draws_c, draws_d])| {
            let limits = |point, draws| {
                limits(point, draws, level).unwrap_or(Interval { point, low: point, high: point })
            };
            RemovalInterval {
                channel: channel.clone(),
                removal_effect: limits(a, draws_a),
                removal_effect_value: limits(b, draws_b),
                conversions: limits(c, draws_c),
                value: limits(d, draws_d),
            }
        })
        .collect())
}

/// Returns the percentiles of the replicates on both sides of a point.
fn limits(point: f64, mut draws: Vec<f64>, level: f64) -> Option<Interval> {
    draws.sort_unstable_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - level);
    Some(Interval {
        point,
        low: quantile_sorted(&draws, tail)?,
        high: quantile_sorted(&draws, 1.0 - tail)?,
    })
}

/// Returns each part of a sum; zero where the sum is zero.
fn shares(sums: &[f64]) -> Vec<f64> {
    let all: f64 = sums.iter().sum();
    sums.iter().map(|sum| if all == 0.0 { 0.0 } else { sum / all }).collect()
}

/// Returns a Poisson(1) count: comparisons with the distribution function instead of a logarithm.
fn poisson_one(random: &mut SplitMix64) -> u32 {
    // exp(-1) Σ 1/k!, up to where a 53-bit uniform sees no difference from one.
    const BELOW: [f64; 18] = [
        0.367_879_441_171_442_33,
        0.735_758_882_342_884_7,
        0.919_698_602_928_605_8,
        0.981_011_843_123_846_2,
        0.996_340_153_172_656_2,
        0.999_405_815_182_418_3,
        0.999_916_758_850_711_9,
        0.999_989_750_803_325_4,
        0.999_998_874_797_402_1,
        0.999_999_888_574_521_7,
        0.999_999_989_952_233_6,
        0.999_999_999_168_389_3,
        0.999_999_999_936_402_3,
        0.999_999_999_995_480_1,
        0.999_999_999_999_7,
        0.999_999_999_999_981_3,
        0.999_999_999_999_998_9,
        1.0,
    ];
    let u = random.uniform();
    let mut n = 0;
    for below in BELOW {
        if u < below {
            break;
        }
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PathsBuilder;

    #[test]
    fn counts_are_poisson_with_mean_one() {
        let mut random = SplitMix64::new(11);
        let n = 400_000;
        let mut counts = [0_u32; 6];
        for _ in 0..n {
            let count = poisson_one(&mut random).min(5) as usize;
            counts[count] += 1;
        }
        let e = (-1.0_f64).exp();
        for (count, p) in counts.iter().zip([e, e, e / 2.0, e / 6.0, e / 24.0]) {
            let off = f64::from(*count) / f64::from(n) - p;
            assert!(off.abs() < 4.5 * (p / f64::from(n)).sqrt(), "{counts:?}");
        }
    }

    #[test]
    fn a_total_of_n_equal_units_moves_by_the_root_of_n() {
        let n = 400;
        let offsets: Vec<usize> = (0..=n).collect();
        let channels: Vec<u32> = (0_u32..400).map(|unit| unit % 2).collect();
        let amounts = vec![10.0; n];
        let credits =
            Credits { offsets: &offsets, channels: &channels, amounts: &amounts, n_channels: 3 };
        let intervals = credit_intervals(credits, 2000, 0.95, 9).unwrap();
        let total = intervals[0].total;
        assert!((total.point - 2000.0).abs() < 1e-9);
        // 10 × (200 ± 1.96 √200).
        assert!(
            (total.low - 1723.0).abs() < 25.0 && (total.high - 2277.0).abs() < 25.0,
            "{total:?}"
        );
        let share = intervals[1].share;
        // The share does not know how many units there were: ½ ± 1.96 × ½ / √400.
        assert!(
            (share.low - 0.451).abs() < 0.008 && (share.high - 0.549).abs() < 0.008,
            "{share:?}"
        );
        assert_eq!(intervals[2].total, Interval { point: 0.0, low: 0.0, high: 0.0 });
        assert_eq!(credit_intervals(credits, 2000, 0.95, 9).unwrap(), intervals);
        assert_ne!(credit_intervals(credits, 2000, 0.95, 10).unwrap(), intervals);
    }

    #[test]
    fn matrices_that_do_not_fit_are_refused() {
        let fine = Credits { offsets: &[0, 1], channels: &[0], amounts: &[1.0], n_channels: 1 };
        assert!(credit_intervals(fine, 10, 0.9, 1).is_some());
        assert!(credit_intervals(fine, 0, 0.9, 1).is_none());
        assert!(credit_intervals(fine, 10, 1.0, 1).is_none());
        assert!(credit_intervals(Credits { n_channels: 0, ..fine }, 10, 0.9, 1).is_none());
        assert!(credit_intervals(Credits { offsets: &[0, 2], ..fine }, 10, 0.9, 1).is_none());
        assert!(credit_intervals(Credits { offsets: &[1, 0], ..fine }, 10, 0.9, 1).is_none());
        assert!(credit_intervals(Credits { offsets: &[1], ..fine }, 10, 0.9, 1).is_none());
        assert!(credit_intervals(Credits { offsets: &[], ..fine }, 10, 0.9, 1).is_none());
        let none = Credits { offsets: &[], channels: &[], amounts: &[], n_channels: 2 };
        let intervals = credit_intervals(none, 10, 0.9, 1).unwrap();
        assert!(intervals.iter().all(|interval| interval.total.high == 0.0));
    }

    #[test]
    fn limits_of_removal_effects_enclose_them_and_narrow_with_more_journeys() {
        let build = |times: f64| {
            let mut builder = PathsBuilder::new();
            for (path, conversions, value, nulls) in [
                (&["A", "B", "C"][..], 30.0, 300.0, 20.0),
                (&["A"], 10.0, 50.0, 40.0),
                (&["B", "C"], 20.0, 120.0, 10.0),
                (&["C", "A", "A"], 0.0, 0.0, 30.0),
            ] {
                let path = path.iter().copied();
                builder.add(path, conversions * times, value * times, nulls * times).unwrap();
            }
            builder.build()
        };
        for order in 1..=2 {
            let few = removal_intervals(&build(1.0), order, 200, 0.9, 4).unwrap();
            let many = removal_intervals(&build(100.0), order, 200, 0.9, 4).unwrap();
            for (few, many) in few.iter().zip(&many) {
                for (a, b) in [
                    (few.removal_effect, many.removal_effect),
                    (few.removal_effect_value, many.removal_effect_value),
                ] {
                    assert!(a.low < a.point && a.point < a.high, "{a:?}");
                    assert!((a.point - b.point).abs() < 1e-12);
                    let ratio = (a.high - a.low) / (b.high - b.low);
                    assert!((7.0..14.0).contains(&ratio), "{ratio}");
                }
                assert!(few.conversions.low < few.conversions.point);
                assert!(few.value.point < few.value.high);
            }
            let again = removal_intervals(&build(1.0), order, 200, 0.9, 4).unwrap();
            assert_eq!(few, again);
        }
        assert_eq!(removal_intervals(&build(1.0), 7, 10, 0.9, 1), Err(RemovalFault::Order(7)));
    }
}
