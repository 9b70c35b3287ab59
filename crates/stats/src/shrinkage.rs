//! Rates of many groups, each drawn towards what the others say.
//!
//! A group with few trials has an extreme rate by chance alone; the groups together say how far
//! rates really differ, and so how much of a group's own rate to believe.
//!
//! - [`james_stein`]: means with a common, known variance (James and Stein 1961; towards the grand
//!   mean as Efron and Morris 1975), [`arcsine`] for rates of equally many trials.
//! - [`rates`]: beta-binomial. The rates of the groups are a sample of Beta(mean × strength, (1 −
//!   mean) × strength). Both numbers have a posterior over a grid, and each group's interval is
//!   the mixture over it. Plugging in the most likely pair instead ([`most_likely`], Morris 1983)
//!   forgets that the pair is uncertain, and its intervals are too narrow.
//!
//! Prior of the mean: uniform. Prior of the strength: uniform in strength^(-1/2) (Gelman et al.
//! 2013, section 5.3), from 1 trial upwards. Two groups or more; with one, the prior decides.

use crate::special::{beta_quantile, beta_regularized, ln_gamma};

/// Means drawn towards their grand mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Stein {
    /// The mean of all values.
    pub grand_mean: f64,
    /// Sum of squared deviations in units of the variance.
    pub dispersion: f64,
    /// What is kept of a deviation, from 0 to 1.
    pub factor: f64,
    /// The estimates, in the order of the values.
    pub estimates: Vec<f64>,
}

/// Draws values with a common known variance towards their mean (positive part). `None` for fewer
/// than four values, a variance that is not positive, or values that are not finite.
pub fn james_stein(values: &[f64], variance: f64) -> Option<Stein> {
    let n = values.len();
    if n < 4 || !(variance > 0.0 && variance.is_finite()) || values.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let grand_mean = values.iter().sum::<f64>() / n as f64;
    let dispersion = values.iter().map(|x| (x - grand_mean).powi(2)).sum::<f64>() / variance;
    let factor =
        if dispersion > 0.0 { (1.0 - (n as f64 - 3.0) / dispersion).max(0.0) } else { 0.0 };
    let estimates = values.iter().map(|x| grand_mean + factor * (x - grand_mean)).collect();
    Some(Stein { grand_mean, dispersion, factor, estimates })
}

/// The variance of the rate of `n` trials when all groups share one rate, for [`james_stein`] on
/// rates; `None` without trials.
pub fn rate_variance(rate: f64, n: u64) -> Option<f64> {
    (n > 0 && (0.0..=1.0).contains(&rate)).then(|| rate * (1.0 - rate) / n as f64)
}

/// The same on the scale √n · arcsin(2 · rate − 1), where the variance of a rate of `n` trials is 1
/// whatever the rate.
pub fn arcsine(successes: &[u64], n: u64) -> Option<Stein> {
    if n == 0 || successes.iter().any(|&k| k > n) {
        return None;
    }
    let m = n as f64;
    let values: Vec<f64> =
        successes.iter().map(|&k| m.sqrt() * (2.0 * k as f64 / m - 1.0).asin()).collect();
    james_stein(&values, 1.0)
}

/// Successes among trials of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Successes.
    pub k: u64,
    /// Trials; may be zero.
    pub n: u64,
}

/// The rate of a group, drawn towards the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shrunk {
    /// Posterior mean.
    pub mean: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
    /// Probability that the group's rate lies above the mean of all groups.
    pub above: f64,
}

/// All groups and what they say together.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// The mean of the rates of groups.
    pub mean: f64,
    /// Limits of that mean.
    pub mean_limits: (f64, f64),
    /// How many trials the others count for, as median of its posterior: large where the groups
    /// hardly differ.
    pub strength: f64,
    /// Limits of the strength.
    pub strength_limits: (f64, f64),
    /// The groups, in their order.
    pub groups: Vec<Shrunk>,
}

/// A point of the posterior.
#[derive(Debug, Clone, Copy)]
struct Node {
    mean: f64,
    strength: f64,
    weight: f64,
}

impl Node {
    fn beta(&self, group: Group) -> (f64, f64) {
        let misses = (group.n - group.k) as f64;
        let mean = self.mean.clamp(1e-12, 1.0 - 1e-12);
        (group.k as f64 + mean * self.strength, misses + (1.0 - mean) * self.strength)
    }
}

/// Draws the rates of groups towards each other, with intervals at a level such as 0.95.
///
/// `None` without any trial, where a group has more successes than trials, or for a level outside
/// `(0, 1)`. A group without trials gets what the others say.
pub fn rates(groups: &[Group], level: f64) -> Option<Rates> {
    if !(level > 0.0 && level < 1.0) || groups.iter().any(|group| group.k > group.n) {
        return None;
    }
    let counts = Counts::of(groups)?;
    let nodes = posterior(&counts);
    let tail = 0.5 * (1.0 - level);
    let mut of_mean: Vec<(f64, f64)> = nodes.iter().map(|node| (node.mean, node.weight)).collect();
    let mut of_strength: Vec<(f64, f64)> =
        nodes.iter().map(|node| (node.strength, node.weight)).collect();
    let mean = nodes.iter().map(|node| node.mean * node.weight).sum();
    let mut known: Vec<(Group, Shrunk)> = Vec::new();
    for &group in groups {
        if let Err(at) = known.binary_search_by(|(of, _)| of.cmp(&group)) {
            known.insert(at, (group, shrunk(&nodes, group, tail)));
        }
    }
    let found = |group: &Group| {
        let at = known.binary_search_by(|(of, _)| of.cmp(group)).ok()?;
        known.get(at).map(|(_, shrunk)| *shrunk)
    };
    Some(Rates {
        mean,
        mean_limits: (quantile(&mut of_mean, tail), quantile(&mut of_mean, 1.0 - tail)),
        strength: quantile(&mut of_strength, 0.5),
        strength_limits: (quantile(&mut of_strength, tail), quantile(&mut of_strength, 1.0 - tail)),
        groups: groups.iter().map(found).collect::<Option<_>>()?,
    })
}

/// The most likely pair and what it makes of each group.
#[derive(Debug, Clone, PartialEq)]
pub struct MostLikely {
    /// First parameter of the beta distribution.
    pub alpha: f64,
    /// Second parameter.
    pub beta: f64,
    /// Logarithm of the probability of the counts.
    pub log_likelihood: f64,
    /// The groups, in their order; limits without the uncertainty of the pair.
    pub groups: Vec<Shrunk>,
}

/// Finds the most likely pair. Where the groups differ by no more than chance, the strength grows
/// without end and stops at 1e9.
pub fn most_likely(groups: &[Group], level: f64) -> Option<MostLikely> {
    if !(level > 0.0 && level < 1.0) || groups.iter().any(|group| group.k > group.n) {
        return None;
    }
    let counts = Counts::of(groups)?;
    let mut x = counts.start();
    // Golden section over the logarithm of the strength, the best mean for each.
    let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut low, mut high) = (1e-3_f64.ln(), 1e9_f64.ln());
    let mut of = |log_strength: f64| {
        let strength = log_strength.exp();
        x = counts.best(strength, x, false).0;
        (counts.log_likelihood(x, strength), x)
    };
    // A coarse look first, since there may be two hills.
    let steps = 60;
    let at = |i: i32| low + (high - low) * f64::from(i) / f64::from(steps);
    let best = (0..=steps).map(|i| (i, of(at(i)).0)).max_by(|a, b| a.1.total_cmp(&b.1))?.0;
    (low, high) = (at((best - 1).max(0)), at((best + 1).min(steps)));
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_a, mut at_b) = (of(a).0, of(b).0);
    for _ in 0..80 {
        if at_a >= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = of(a).0;
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = of(b).0;
        }
    }
    let log_strength = 0.5 * (low + high);
    let (log_likelihood, x) = of(log_strength);
    let node = Node { mean: logistic(x), strength: log_strength.exp(), weight: 1.0 };
    let tail = 0.5 * (1.0 - level);
    let shrunk = |group: &Group| {
        let (a, b) = node.beta(*group);
        Shrunk {
            mean: a / (a + b),
            low: beta_quantile(tail, a, b),
            high: beta_quantile(1.0 - tail, a, b),
            above: 1.0 - beta_regularized(node.mean, a, b),
        }
    };
    let choices: f64 = groups.iter().map(|group| ln_choose(*group)).sum();
    let (alpha, beta) = node.beta(Group { k: 0, n: 0 });
    Some(MostLikely {
        alpha,
        beta,
        log_likelihood: log_likelihood + choices,
        groups: groups.iter().map(shrunk).collect(),
    })
}

fn ln_choose(group: Group) -> f64 {
    ln_gamma(group.n as f64 + 1.0)
        - ln_gamma(group.k as f64 + 1.0)
        - ln_gamma((group.n - group.k) as f64 + 1.0)
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Different counts and how many groups have them, so that equal groups are computed once.
struct Counts {
    of: Vec<(Group, f64)>,
    successes: f64,
    trials: f64,
}

impl Counts {
    fn of(groups: &[Group]) -> Option<Self> {
        let mut sorted: Vec<Group> = groups.iter().copied().filter(|group| group.n > 0).collect();
        sorted.sort_unstable();
        let mut of: Vec<(Group, f64)> = Vec::new();
        for group in sorted {
            match of.last_mut() {
                Some((last, times)) if *last == group => *times += 1.0,
                _ => of.push((group, 1.0)),
            }
        }
        let successes = of.iter().map(|(group, times)| group.k as f64 * times).sum();
        let trials: f64 = of.iter().map(|(group, times)| group.n as f64 * times).sum();
        (trials > 0.0).then_some(Self { of, successes, trials })
    }

    fn start(&self) -> f64 {
        ((self.successes + 0.5) / (self.trials - self.successes + 0.5)).ln()
    }

    /// Without the binomial coefficients. `x` is the logit of the mean.
    fn log_likelihood(&self, x: f64, strength: f64) -> f64 {
        let mean = logistic(x);
        let (a, b) = (mean * strength, logistic(-x) * strength);
        let term = |(group, times): &(Group, f64)| {
            let misses = (group.n - group.k) as f64;
            let hits = group.k as f64;
            times * (rising(a, hits) + rising(b, misses) - rising(strength, group.n as f64))
        };
        self.of.iter().map(term).sum()
    }

    /// The best logit of the mean at a strength, and the curvature there; with the prior, times
    /// the density of a uniform mean on this scale.
    fn best(&self, strength: f64, start: f64, prior: bool) -> (f64, f64) {
        let value = |x: f64| {
            let density = if prior { logistic(x).ln() + logistic(-x).ln() } else { 0.0 };
            self.log_likelihood(x, strength) + density
        };
        let h = 1e-3;
        let mut x = start.clamp(-25.0, 25.0);
        let mut curvature = 1.0;
        let mut here = value(x);
        for _ in 0..60 {
            let (up, down) = (value(x + h), value(x - h));
            let slope = (up - down) / (2.0 * h);
            curvature = ((2.0 * here - up - down) / (h * h)).max(1e-6);
            let mut step = (slope / curvature).clamp(-2.0, 2.0);
            // Halve until it climbs.
            let mut there = value((x + step).clamp(-25.0, 25.0));
            while there < here && step.abs() > 1e-9 {
                step *= 0.5;
                there = value((x + step).clamp(-25.0, 25.0));
            }
            if there < here || step.abs() <= 1e-9 {
                break;
            }
            x = (x + step).clamp(-25.0, 25.0);
            here = there;
        }
        (x, curvature)
    }
}

/// Returns `ln Γ(a + k) − ln Γ(a)` without losing digits where `a` is large.
fn rising(a: f64, k: f64) -> f64 {
    if k <= 0.0 {
        return 0.0;
    }
    if a > 1e5 {
        let ratio = (k / a).ln_1p();
        let correction = (1.0 / (a + k) - 1.0 / a) / 12.0;
        return (a + k - 0.5) * ratio + k * a.ln() - k + correction;
    }
    ln_gamma(a + k) - ln_gamma(a)
}

const N_STRENGTHS: u32 = 48;
const N_MEANS: i32 = 12;

/// The posterior of mean and strength: strengths evenly in strength^(-1/2), first over all of it,
/// then where it has mass; for each, means around the best one.
fn posterior(counts: &Counts) -> Vec<Node> {
    let mut x = counts.start();
    let mut nodes_between = |low: f64, high: f64| {
        let mut nodes: Vec<(Node, f64, f64)> = Vec::new();
        for i in 0..N_STRENGTHS {
            let u = low + (high - low) * (f64::from(i) + 0.5) / f64::from(N_STRENGTHS);
            let strength = u.powi(-2);
            let (best, curvature) = counts.best(strength, x, true);
            x = best;
            // Wide enough for the skew of few trials.
            let step = 6.5 / (curvature.sqrt() * f64::from(N_MEANS));
            for j in -N_MEANS..=N_MEANS {
                let x = best + step * f64::from(j);
                let (mean, rest) = (logistic(x), logistic(-x));
                let height = counts.log_likelihood(x, strength) + mean.ln() + rest.ln() + step.ln();
                nodes.push((Node { mean, strength, weight: 0.0 }, height, u));
            }
        }
        let top = nodes.iter().map(|(_, height, _)| *height).fold(f64::NEG_INFINITY, f64::max);
        for (node, height, _) in &mut nodes {
            node.weight = (*height - top).exp();
        }
        nodes
    };
    let cell = 1.0 / f64::from(N_STRENGTHS);
    let coarse = nodes_between(0.0, 1.0);
    let heavy = coarse.iter().filter(|(node, ..)| node.weight > 1e-7).map(|(.., u)| *u);
    let low = (heavy.clone().fold(1.0, f64::min) - cell).max(0.0);
    let high = (heavy.fold(0.0, f64::max) + cell).min(1.0);
    let mut nodes: Vec<Node> =
        nodes_between(low, high).into_iter().map(|(node, ..)| node).collect();
    nodes.retain(|node| node.weight > 1e-7);
    let total: f64 = nodes.iter().map(|node| node.weight).sum();
    for node in &mut nodes {
        node.weight /= total;
    }
    nodes
}

/// Returns a quantile of weighted values, interpolated between the middles of their weights.
fn quantile(values: &mut [(f64, f64)], p: f64) -> f64 {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut below = 0.0;
    let mut previous: Option<(f64, f64)> = None;
    for (value, weight) in values.iter() {
        let middle = below + 0.5 * weight;
        if middle >= p {
            return match previous {
                Some((at, before)) if middle > at => {
                    before + (value - before) * (p - at) / (middle - at)
                }
                _ => *value,
            };
        }
        previous = Some((middle, *value));
        below += weight;
    }
    previous.map_or(f64::NAN, |(_, value)| value)
}

/// One group under the whole posterior.
fn shrunk(nodes: &[Node], group: Group, tail: f64) -> Shrunk {
    const POINTS: u32 = 512;
    let betas: Vec<(f64, f64, f64)> = nodes
        .iter()
        .map(|node| {
            let (a, b) = node.beta(group);
            (a, b, node.weight)
        })
        .collect();
    let mean = betas.iter().map(|(a, b, weight)| weight * a / (a + b)).sum();
    let above = nodes
        .iter()
        .zip(&betas)
        .map(|(node, (a, b, weight))| weight * (1.0 - beta_regularized(node.mean, *a, *b)))
        .sum();
    // The density over the logit of the rate, where a beta distribution is smooth and unbounded.
    let spread = |a: f64| 1.0 / a + 0.5 / (a * a) + 1.0 / (6.0 * a * a * a);
    let reach = |(a, b, _): &(f64, f64, f64)| {
        let half = 9.0 * (spread(*a) + spread(*b)).sqrt();
        ((a / b).ln() - half, (a / b).ln() + half)
    };
    let (low, high) = betas
        .iter()
        .map(reach)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (from, to)| {
            (low.min(from), high.max(to))
        });
    let (low, high) = (low.max(-700.0), high.min(700.0));
    let step = (high - low) / f64::from(POINTS);
    let log_beta: Vec<f64> =
        betas.iter().map(|(a, b, _)| ln_gamma(*a) + ln_gamma(*b) - ln_gamma(a + b)).collect();
    let mut total = 0.0;
    let mut cumulative: Vec<(f64, f64)> = Vec::with_capacity(POINTS as usize + 1);
    let mut before = 0.0;
    for i in 0..=POINTS {
        let x = low + step * f64::from(i);
        // ln p and ln(1 − p).
        let (p, q) = (-(-x).exp().ln_1p(), -x.exp().ln_1p());
        let height: f64 = betas
            .iter()
            .zip(&log_beta)
            .map(|((a, b, weight), norm)| weight * (a * p + b * q - norm).exp())
            .sum();
        if i > 0 {
            total += 0.5 * step * (before + height);
        }
        before = height;
        cumulative.push((total, x));
    }
    let limit = |p: f64| {
        let wanted = p * total;
        let at = cumulative.partition_point(|(sum, _)| *sum < wanted);
        let (left, right) =
            (at.checked_sub(1).and_then(|at| cumulative.get(at)), cumulative.get(at));
        let x = match (left, right) {
            (Some((a, x)), Some((b, y))) if b > a => x + (y - x) * (wanted - a) / (b - a),
            (_, Some((_, x))) | (Some((_, x)), None) => *x,
            (None, None) => f64::NAN,
        };
        logistic(x)
    };
    Shrunk { mean, low: limit(tail), high: limit(1.0 - tail), above }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;
    use proptest::prelude::*;

    #[test]
    fn equal_groups_are_pooled_and_different_ones_kept_apart() {
        let same = vec![Group { k: 200, n: 1000 }; 8];
        let all = rates(&same, 0.95).unwrap();
        assert!((all.mean - 0.2).abs() < 0.003, "{}", all.mean);
        let one = all.groups[0];
        assert!(one.high - one.low < 0.035 && (one.mean - 0.2).abs() < 1e-3, "{one:?}");
        let apart = [Group { k: 5, n: 1000 }, Group { k: 900, n: 1000 }, Group { k: 1, n: 2 }];
        let all = rates(&apart, 0.95).unwrap();
        assert!(all.groups[0].mean < 0.01 && all.groups[1].mean > 0.89);
        assert!(all.groups[2].high - all.groups[2].low > 0.6, "{:?}", all.groups[2]);
        assert!(all.groups[0].above < 0.02 && all.groups[1].above > 0.9);
        assert_eq!(rates(&[], 0.95), None);
        assert_eq!(rates(&[Group { k: 0, n: 0 }], 0.95), None);
        assert_eq!(rates(&[Group { k: 2, n: 1 }], 0.95), None);
        assert_eq!(rates(&same, 1.0), None);
    }

    /// The posterior by brute force: plain sums over a fine lattice of mean and strength.
    #[test]
    fn the_grid_agrees_with_a_fine_lattice() {
        let groups = [(9, 24), (14, 67), (5, 24), (41, 111), (0, 30), (2, 2)];
        let groups: Vec<Group> = groups.iter().map(|&(k, n)| Group { k, n }).collect();
        let found = rates(&groups, 0.95).unwrap();
        let ln_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
        let (mut total, mut means) = (0.0, vec![0.0; groups.len()]);
        for i in 1..400 {
            for j in 1..400 {
                let (mean, u) = (f64::from(i) / 400.0, f64::from(j) / 400.0);
                let (a, b) = (mean / (u * u), (1.0 - mean) / (u * u));
                let weight = groups
                    .iter()
                    .map(|g| ln_beta(a + g.k as f64, b + (g.n - g.k) as f64) - ln_beta(a, b))
                    .sum::<f64>()
                    .exp();
                total += weight;
                for (sum, g) in means.iter_mut().zip(&groups) {
                    *sum += weight * (a + g.k as f64) / (a + b + g.n as f64);
                }
            }
        }
        for (sum, shrunk) in means.iter().zip(&found.groups) {
            assert!((sum / total - shrunk.mean).abs() < 5e-4, "{} {shrunk:?}", sum / total);
        }
    }

    /// Intervals of the full posterior cover as they say, also where few groups are seen.
    #[test]
    fn intervals_cover_at_their_level() {
        let (mut covered, mut total) = (0_u32, 0_u32);
        for run in 0..60 {
            let mut random = SplitMix64::stream(11, run);
            let (mut groups, mut truth) = (Vec::new(), Vec::new());
            for _ in 0..10 {
                // Beta(4, 12): 4 of 16 exponential waiting times.
                let gamma = |random: &mut SplitMix64, k: u32| -> f64 {
                    (0..k).map(|_| -(1.0 - random.uniform()).ln()).sum()
                };
                let (a, b) = (gamma(&mut random, 4), gamma(&mut random, 12));
                let rate = a / (a + b);
                let n = 5 + random.below(40);
                let k = (0..n).filter(|_| random.uniform() < rate).count() as u64;
                groups.push(Group { k, n });
                truth.push(rate);
            }
            for (shrunk, rate) in rates(&groups, 0.9).unwrap().groups.iter().zip(truth) {
                covered += u32::from(shrunk.low <= rate && rate <= shrunk.high);
                total += 1;
            }
        }
        // 540 of 600 expected, with a standard deviation of about 8.
        assert!((510..=575).contains(&covered), "{covered} of {total}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_mean_lies_within_its_limits_and_order_does_not_matter(
            drawn in prop::collection::vec((0_u64..60, 0_u64..60), 1..12),
        ) {
            let groups: Vec<Group> = drawn.iter().map(|&(k, more)| Group { k, n: k + more }).collect();
            prop_assume!(groups.iter().any(|group| group.n > 0));
            let forward = rates(&groups, 0.9).unwrap();
            let reversed: Vec<Group> = groups.iter().rev().copied().collect();
            let backward = rates(&reversed, 0.9).unwrap();
            for (a, b) in forward.groups.iter().zip(backward.groups.iter().rev()) {
                prop_assert_eq!(a, b);
                prop_assert!(a.low <= a.mean && a.mean <= a.high && (0.0..=1.0).contains(&a.above));
            }
        }
    }
}
