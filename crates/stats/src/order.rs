//! How far back a Markov chain should look: held-out log-likelihood per order.
//!
//! Journeys are dealt into folds; each fold is predicted from the others, touch by touch and up to
//! whether it converts. Orders are smoothed towards the next lower one (Witten and Bell 1991), so
//! that a context never seen before is not impossible. A higher order wins only where it predicts
//! journeys that it has not seen. The context of a touch is the last *k* touches, or the start and
//! all touches so far: exactly the chain of [`crate::removal`].

#![expect(
    clippy::indexing_slicing,
    reason = "contexts and events index arrays of their own number"
)]

use crate::path::{Paths, Row};
use crate::removal::{Interned, ORDER_MAX};
use crate::table::{hash_bytes, hash_word};

/// Folds where nothing else is asked for.
pub const FOLDS_DEFAULT: usize = 5;

/// How well each order predicts, and which to take.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderChoice {
    /// Orders from 1 upwards.
    pub fits: Vec<OrderFit>,
    /// The order that predicts best.
    pub best: usize,
    /// The lowest order that predicts no more than one standard error worse than the best one.
    pub simplest: usize,
}

/// How well one order predicts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderFit {
    /// The order.
    pub order: usize,
    /// Mean log-likelihood of a journey that was held out, in nats; higher is better.
    pub log_likelihood: f64,
    /// How much worse than the best order, in nats a journey; zero for the best.
    pub behind: f64,
    /// Standard error of `behind` over the folds.
    pub standard_error: f64,
    /// Contexts that occur.
    pub n_contexts: usize,
}

/// Compares orders 1 to `order_max` (at most [`ORDER_MAX`]) over `n_folds` folds (at least 2).
///
/// Journeys of one path are dealt in turn, beginning at a fold that depends on the names in the
/// path: no seed, and the order of rows does not matter. `None` with fewer journeys than folds.
pub fn choose_order(paths: &Paths, order_max: usize, n_folds: usize) -> Option<OrderChoice> {
    let n_folds = n_folds.max(2);
    let order_max = order_max.clamp(1, ORDER_MAX);
    if paths.totals().journeys() < n_folds as f64 {
        return None;
    }
    let names: Vec<u64> = paths.channels().iter().map(|name| hash_bytes(name.as_bytes())).collect();
    let mut levels: Vec<Level> = (0..=order_max).map(|order| Level::new(order, n_folds)).collect();
    let mut journeys = vec![0.0; n_folds];
    let (mut won, mut lost, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for row in paths.rows() {
        let hash =
            row.path.iter().fold(0, |hash, code| hash_word(hash ^ names[usize::from(*code)]));
        deal(row.conversions, hash, n_folds, &mut won);
        deal(row.nulls, hash >> 32, n_folds, &mut lost);
        all.clear();
        all.extend(won.iter().zip(&lost).map(|(won, lost)| won + lost));
        for (sum, n) in journeys.iter_mut().zip(&all) {
            *sum += n;
        }
        count(&mut levels, row, [&won, &lost, &all]);
    }
    if journeys.iter().any(|n| *n <= 0.0) {
        return None;
    }

    let mut lower = Vec::new();
    let uniform = 1.0 / (names.len() as f64 + 2.0);
    // Log-likelihood per journey: one row per order, one column per fold.
    let scores: Vec<Vec<f64>> = levels
        .iter()
        .map(|level| {
            let (score, p) = level.score(&lower, uniform);
            lower = p;
            score.iter().zip(&journeys).map(|(sum, n)| sum / n).collect()
        })
        .collect();
    let folds = n_folds as f64;
    let total: f64 = journeys.iter().sum();
    let mean = |scores: &[f64]| {
        scores.iter().zip(&journeys).map(|(score, n)| score * n).sum::<f64>() / total
    };
    let best = (1..=order_max).max_by(|a, b| {
        // Equal orders: the lower one.
        mean(&scores[*a]).total_cmp(&mean(&scores[*b])).then(b.cmp(a))
    })?;
    let fits: Vec<OrderFit> = (1..=order_max)
        .map(|order| {
            let differences: Vec<f64> =
                scores[best].iter().zip(&scores[order]).map(|(a, b)| a - b).collect();
            let centre = differences.iter().sum::<f64>() / folds;
            let square: f64 = differences.iter().map(|d| (d - centre).powi(2)).sum();
            OrderFit {
                order,
                log_likelihood: mean(&scores[order]),
                behind: mean(&scores[best]) - mean(&scores[order]),
                standard_error: (square / (folds - 1.0) / folds).sqrt(),
                n_contexts: levels[order].contexts.keys.len(),
            }
        })
        .collect();
    let simplest =
        fits.iter().find(|fit| fit.behind <= fit.standard_error).map_or(best, |fit| fit.order);
    Some(OrderChoice { fits, best, simplest })
}

/// Deals a number of journeys into folds, one after the other.
fn deal(n: f64, start: u64, n_folds: usize, out: &mut Vec<f64>) {
    out.clear();
    let folds = n_folds as f64;
    let whole = n.floor();
    let each = (whole / folds).floor();
    let left = whole - each * folds;
    out.resize(n_folds, each);
    let start = (start & 0xFFFF_FFFF) % n_folds as u64;
    for turn in 0..n_folds {
        let fold = (usize::try_from(start).unwrap_or(0) + turn) % n_folds;
        if (turn as f64) < left {
            out[fold] += 1.0;
        } else if turn as f64 <= left {
            out[fold] += n - whole;
        }
    }
}

/// What follows each context of one order, per fold.
struct Level {
    /// Bits of a window that are not this order's.
    outside: u64,
    n_folds: usize,
    contexts: Interned,
    /// Context in the high half, what follows in the low half.
    events: Interned,
    /// The same event, one order lower.
    parent: Vec<u32>,
    /// Journeys per event and fold.
    n: Vec<f64>,
}

impl Level {
    fn new(order: usize, n_folds: usize) -> Self {
        Self {
            outside: u64::MAX.checked_shl(16 * u32::try_from(order).unwrap_or(4)).unwrap_or(0),
            n_folds,
            contexts: Interned::new(),
            events: Interned::new(),
            parent: Vec::new(),
            n: Vec::new(),
        }
    }

    /// Counts an event and returns its number.
    fn count(&mut self, window: u64, next: u32, parent: u32, n: &[f64]) -> u32 {
        let context = self.contexts.number(window | self.outside);
        let event = self.events.number(u64::from(context) << 32 | u64::from(next));
        let at = event as usize * self.n_folds;
        if at == self.n.len() {
            self.parent.push(parent);
            self.n.resize(at + self.n_folds, 0.0);
        }
        for (sum, n) in self.n[at..at + self.n_folds].iter_mut().zip(n) {
            *sum += n;
        }
        event
    }

    /// Returns the log-likelihood of each fold, and the probability of each event for each fold, as
    /// the other folds have it.
    fn score(&self, lower: &[f64], uniform: f64) -> (Vec<f64>, Vec<f64>) {
        let k = self.n_folds;
        let events = || self.n.chunks_exact(k).zip(&self.events.keys);
        let context = |key: u64| usize::try_from(key >> 32).unwrap_or(0) * k;
        // Journeys and distinct followers of each context in the other folds.
        let mut seen = vec![0.0; self.contexts.keys.len() * k];
        let mut kinds = vec![0.0; self.contexts.keys.len() * k];
        for (n, key) in events() {
            let sum: f64 = n.iter().sum();
            for (fold, n) in n.iter().enumerate() {
                let others = sum - n;
                seen[context(*key) + fold] += others;
                kinds[context(*key) + fold] += if others > 0.0 { 1.0 } else { 0.0 };
            }
        }
        let mut score = vec![0.0; k];
        let mut p = Vec::with_capacity(self.n.len());
        for ((n, key), parent) in events().zip(&self.parent) {
            let sum: f64 = n.iter().sum();
            for (fold, n) in n.iter().enumerate() {
                let at = context(*key) + fold;
                let back = lower.get(*parent as usize * k + fold).copied().unwrap_or(uniform);
                let total = seen[at] + kinds[at];
                let p_event = if total > 0.0 { (sum - n + kinds[at] * back) / total } else { back };
                if *n > 0.0 {
                    score[fold] += n * p_event.ln();
                }
                p.push(p_event);
            }
        }
        (score, p)
    }
}

/// Counts all events of a path at all orders.
fn count(levels: &mut [Level], row: Row<'_>, [won, lost, all]: [&[f64]; 3]) {
    // What follows the last touch stands above all channels.
    const WON: u32 = 1 << 16;
    const LOST: u32 = WON + 1;
    let mut window = u64::MAX;
    for code in row.path {
        let mut parent = u32::MAX;
        for level in &mut *levels {
            parent = level.count(window, u32::from(*code), parent, all);
        }
        window = (window << 16) | u64::from(*code);
    }
    for (next, n) in [(WON, won), (LOST, lost)] {
        let mut parent = u32::MAX;
        for level in &mut *levels {
            parent = level.count(window, next, parent, n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PathsBuilder;
    use crate::random::SplitMix64;

    /// Journeys of a chain that looks `order` touches back.
    fn journeys(order: usize, n: usize, seed: u64) -> Paths {
        let mut random = SplitMix64::new(seed);
        let names = ["a", "b", "c"];
        let draw = |random: &mut SplitMix64| usize::try_from(random.below(3)).unwrap();
        let mut builder = PathsBuilder::new();
        for _ in 0..n {
            let mut path = vec![draw(&mut random)];
            while random.uniform() < 0.8 && path.len() < 30 {
                let back = if path.len() < order { 0 } else { path[path.len() - order] };
                let next = if random.uniform() < 0.8 { (back + 1) % 3 } else { draw(&mut random) };
                path.push(next);
            }
            let converted = f64::from(u8::from(random.uniform() < 0.3));
            let path = path.iter().map(|code| names[*code]);
            builder.add(path, converted, 0.0, 1.0 - converted).unwrap();
        }
        builder.build()
    }

    #[test]
    fn the_order_that_made_the_journeys_is_found() {
        for order in 1..=3 {
            let paths = journeys(order, 4000, 17);
            let choice = choose_order(&paths, 4, 5).unwrap();
            assert_eq!(choice.simplest, order, "{choice:?}");
            assert!(choice.best >= order);
            assert!(choice.fits.iter().all(|fit| fit.log_likelihood < 0.0 && fit.behind >= 0.0));
        }
    }

    #[test]
    fn folds_share_out_all_journeys() {
        let mut out = Vec::new();
        for (n, start) in [(0.0, 3), (1.0, 4), (7.0, 2), (10.0, 0), (2.75, 1), (1e6, 5)] {
            deal(n, start, 5, &mut out);
            assert!((out.iter().sum::<f64>() - n).abs() < 1e-9);
            let most = out.iter().copied().fold(0.0, f64::max);
            assert!(most - out.iter().copied().fold(f64::MAX, f64::min) <= 1.0);
        }
    }

    #[test]
    fn too_few_journeys_choose_nothing() {
        assert_eq!(choose_order(&PathsBuilder::new().build(), 4, 5), None);
        assert_eq!(choose_order(&journeys(1, 4, 1), 4, 5), None);
    }
}
