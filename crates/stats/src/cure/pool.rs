//! Sources that share what they know: each has a share and a wait of its own, drawn from its group.
//!
//! The mixture cure model of each source, with log odds of the share and logarithm of the median
//! wait normal around the mean of its group, groups normal around the whole, and the family and its
//! shape from weights that all sources form together. The mean of the log odds moves with what a
//! subject of the source costs, by a slope that all sources together show: where subjects that cost
//! more convert more often, cheap ones are not taken for as good as dear ones (regression in the
//! prior: Morris 1983). The hyperparameters are found by expectation
//! and maximization (Dempster, Laird and Rubin 1977; empirical Bayes: Efron 2010), kept from zero
//! by weak priors; what is uncertain of a group's mean widens the prior of its sources. Posteriors
//! stand on a fixed grid of families, shapes and medians; on each node the share is integrated by
//! points around its mode (Tierney and Kadane 1986). Nothing is random: same counts, same result.
//!
//! Waits are grouped into bins that widen by a tenth, so that an event's likelihood is the chance
//! of its bin: no wait is too short to have one.

use crate::survival::family::Family;

/// What is known of a source: how many waited how long.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Source {
    /// Events by bin.
    events: Vec<f64>,
    /// Those who still wait, by the edge nearest to their age.
    waiting: Vec<f64>,
    /// Those who were not watched from their start, by the edge from which they were.
    late: Vec<(usize, f64)>,
    n: f64,
    n_events: f64,
}

/// Upper edges of the bins, in days: each day to 12, then a tenth wider each time.
fn edges() -> Vec<f64> {
    let mut edges: Vec<f64> = (0..=12).map(f64::from).collect();
    let mut last = 12.0_f64;
    while last < 4000.0 {
        last = (last * 1.1).ceil();
        edges.push(last);
    }
    edges
}

/// The last edge at or before an age.
fn bin(edges: &[f64], age: f64) -> usize {
    edges.partition_point(|edge| *edge <= age).saturating_sub(1).min(edges.len().saturating_sub(2))
}

fn nearest(edges: &[f64], age: f64) -> usize {
    let after = edges.partition_point(|edge| *edge < age).min(edges.len().saturating_sub(1));
    let before = after.saturating_sub(1);
    let gap = |at: usize| edges.get(at).map_or(f64::INFINITY, |edge| (edge - age).abs());
    if gap(before) < gap(after) { before } else { after }
}

impl Source {
    /// Counts subjects: whole days until the event, and whole days that others have waited so far.
    pub fn of(events: &[f64], waiting: &[f64]) -> Self {
        let edges = edges();
        let mut own = Self {
            events: vec![0.0; edges.len()],
            waiting: vec![0.0; edges.len()],
            late: Vec::new(),
            n: (events.len() + waiting.len()) as f64,
            n_events: events.len() as f64,
        };
        for days in events {
            add(&mut own.events, bin(&edges, days.max(0.0) + 0.5), 1.0);
        }
        for days in waiting {
            // Watched to the end of the day.
            add(&mut own.waiting, nearest(&edges, days.max(0.0) + 1.0), 1.0);
        }
        own
    }

    /// Says since how many whole days after their start some of the subjects are watched: had the
    /// event come before, they would not be among them (left truncation). Each stands on the
    /// condition that it waited so long (Klein and Moeschberger 2003, section 3.4).
    #[must_use]
    pub fn watched_from(mut self, entries: &[f64]) -> Self {
        let edges = edges();
        let mut late = vec![0.0; edges.len()];
        for days in entries {
            add(&mut late, bin(&edges, days.max(0.0)), 1.0);
        }
        self.late = late.into_iter().enumerate().skip(1).filter(|(_, n)| *n > 0.0).collect();
        self
    }

    /// Number of subjects.
    pub const fn n(&self) -> f64 {
        self.n
    }

    /// Number of events.
    pub const fn n_events(&self) -> f64 {
        self.n_events
    }
}

fn add(counts: &mut [f64], at: usize, n: f64) {
    if let Some(count) = counts.get_mut(at) {
        *count += n;
    }
}

/// A family with a shape and a median, tabulated at the edges.
#[derive(Debug, Clone)]
struct Node {
    /// Which family and shape.
    form: usize,
    ln_median: f64,
    /// Share of those who ever have the event that have had it by each edge.
    reached: Vec<f64>,
    /// Logarithm of the chance of each bin, given that the event ever comes.
    ln_bin: Vec<f64>,
}

/// Families and shapes: from waits that differ by a factor of hundreds to nearly equal ones.
fn forms() -> Vec<(Family, f64)> {
    let weibull = [0.6, 0.8, 1.0, 1.3, 1.7, 2.3].map(|shape| (Family::Weibull, shape));
    let lognormal = [0.5, 0.7, 0.9, 1.2, 1.6, 2.2].map(|shape| (Family::Lognormal, shape));
    let logistic = [0.9, 1.3, 1.8, 2.5, 3.5].map(|shape| (Family::LogLogistic, shape));
    weibull.into_iter().chain(lognormal).chain(logistic).collect()
}

const MEDIANS: u32 = 36;

/// A place in the posterior of a source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Its part of the posterior.
    pub weight: f64,
    /// The share that ever has the event.
    pub share: f64,
    /// The median wait of those.
    pub median: f64,
    /// The family of the wait.
    pub family: Family,
    /// Events that are still to come among those who wait.
    pub to_come: f64,
    node: usize,
}

/// What is believed of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    /// Places with their weights, which sum to one; the weightiest first.
    pub places: Vec<Place>,
}

impl Belief {
    /// Returns the mean of something over the posterior.
    pub fn mean(&self, of: impl Fn(&Place) -> f64) -> f64 {
        self.places.iter().map(|place| place.weight * of(place)).sum()
    }

    /// Returns a quantile of something over the posterior.
    pub fn quantile(&self, p: f64, of: impl Fn(&Place) -> f64) -> f64 {
        let mut values: Vec<(f64, f64)> =
            self.places.iter().map(|place| (of(place), place.weight)).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        super::quantile(&values, p)
    }
}

/// What all sources say together.
#[derive(Debug, Clone)]
pub struct Pool {
    edges: Vec<f64>,
    nodes: Vec<Node>,
    forms: Vec<(Family, f64)>,
    hyper: Hyper,
    /// Each source's group, and how much more than others a subject of it costs.
    places: Vec<(usize, f64)>,
    /// One for each source, in their order.
    pub beliefs: Vec<Belief>,
}

impl Pool {
    /// Returns what is believed of a part of the subjects of the source with this place, such as
    /// the older ones, given what all sources say of its group. Families, shapes and medians are
    /// those that all of its subjects leave possible.
    pub fn belief(&self, part: &Source, at: usize, whole: &Belief) -> Belief {
        let mut possible: Vec<usize> = whole.places.iter().map(|place| place.node).collect();
        possible.sort_unstable();
        possible.dedup();
        let nodes = possible.iter().filter_map(|at| Some((*at, self.nodes.get(*at)?)));
        let peaks: Vec<(usize, &Node, Peak)> =
            nodes.map(|(at, node)| (at, node, peak(part, node, FIRST))).collect();
        let place = self.places.get(at).copied().unwrap_or_default();
        believe(part, &peaks, &self.forms, &self.hyper, place)
    }

    /// Returns the share of subjects that are expected to have had the event after so many days, as
    /// is believed of a source.
    pub fn reached(&self, belief: &Belief) -> Reached {
        let mut shares = vec![0.0; self.edges.len()];
        for place in &belief.places {
            let Some(node) = self.nodes.get(place.node) else { continue };
            for (sum, reached) in shares.iter_mut().zip(&node.reached) {
                *sum += place.weight * place.share * reached;
            }
        }
        Reached { edges: self.edges.clone(), shares }
    }
}

/// The share that is expected to have had the event, by days.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    edges: Vec<f64>,
    shares: Vec<f64>,
}

impl Reached {
    /// Returns the share after so many whole days.
    pub fn after(&self, days: f64) -> f64 {
        let at = nearest(&self.edges, days.max(0.0) + 1.0);
        self.shares.get(at).copied().unwrap_or(0.0)
    }
}

/// The mode of the log odds on a node: what a first, wide prior gives.
#[derive(Clone, Copy)]
struct Peak {
    odds: f64,
    variance: f64,
    /// Logarithm of the likelihood integrated over the first prior.
    value: f64,
}

/// The first prior of the log odds: 5 % ever, give or take a factor of a dozen.
const FIRST: (f64, f64) = (-3.0, 6.25);

/// Finds what each source and all together say. `group` is the place of each source's group,
/// `prices` what a subject of each source costs, in any unit; empty where nothing is known of it.
pub fn pooled(sources: &[Source], group: &[usize], prices: &[f64]) -> Pool {
    let places: Vec<(usize, f64)> = group.iter().copied().zip(dear(prices, group.len())).collect();
    let edges = edges();
    let forms = forms();
    let nodes = nodes(&edges, &forms);
    let peaks: Vec<Vec<Peak>> = sources
        .iter()
        .map(|source| nodes.iter().map(|node| peak(source, node, FIRST)).collect())
        .collect();
    let n_groups = group.iter().copied().max().map_or(0, |last| last + 1);
    let mut hyper = Hyper {
        whole: (FIRST.0, 60.0_f64.ln()),
        groups: vec![(FIRST.0, 60.0_f64.ln()); n_groups],
        spread: (1.0, 0.49),
        between: (0.25, 0.1),
        weights: vec![1.0 / forms.len() as f64; forms.len()],
        sizes: vec![0.0; n_groups],
        slope: PRIOR_SLOPE,
    };
    for at in group {
        add(&mut hyper.sizes, *at, 1.0);
    }
    for _ in 0..25 {
        hyper.step(&nodes, &peaks, &places);
    }
    let beliefs = sources
        .iter()
        .zip(&peaks)
        .zip(&places)
        .map(|((source, peaks), place)| {
            let peaks: Vec<(usize, &Node, Peak)> =
                nodes.iter().zip(peaks).enumerate().map(|(at, (n, p))| (at, n, *p)).collect();
            believe(source, &peaks, &forms, &hyper, *place)
        })
        .collect();
    Pool { edges, nodes, forms, hyper, places, beliefs }
}

/// How much more than in the middle of all a subject of each source costs, in logarithms; nought
/// where it is not known.
fn dear(prices: &[f64], n: usize) -> Vec<f64> {
    let good = || prices.iter().filter(|price| **price > 0.0 && price.is_finite());
    let middle = good().map(|price| price.ln()).sum::<f64>() / (good().count() as f64).max(1.0);
    let one = |at: usize| {
        let price = prices.get(at).copied().filter(|price| *price > 0.0 && price.is_finite());
        price.map_or(0.0, |price| (price.ln() - middle).clamp(-3.0, 3.0))
    };
    (0..n).map(one).collect()
}

fn nodes(edges: &[f64], forms: &[(Family, f64)]) -> Vec<Node> {
    let mut nodes = Vec::new();
    for (form, (family, shape)) in forms.iter().enumerate() {
        for step in 0..MEDIANS {
            // From 1.5 days to about 1,500.
            let ln_median = 0.4 + 0.2 * f64::from(step);
            let scale = ln_median.exp() / family.quantile(0.5, 1.0, *shape);
            let reached: Vec<f64> =
                edges.iter().map(|edge| 1.0 - family.survival(*edge, scale, *shape)).collect();
            let after = reached.iter().skip(1).copied().chain([1.0]);
            let chance = reached.iter().zip(after).map(|(now, next)| (next - now).max(1e-14).ln());
            nodes.push(Node { form, ln_median, ln_bin: chance.collect(), reached });
        }
    }
    nodes
}

/// The logarithm of the likelihood at a share and the derivatives of it by the log odds.
#[inline]
fn likelihood(source: &Source, node: &Node, odds: f64) -> (f64, f64, f64) {
    let share = 1.0 / (1.0 + (-odds).exp());
    let rest = 1.0 - share;
    let (mut value, mut slope, mut curve) =
        (source.n_events * share.ln(), source.n_events * rest, -source.n_events * share * rest);
    let mut waited = |n: f64, reached: f64| {
        let waits = 1.0 - share * reached;
        value += n * waits.ln();
        let by = -reached * share * rest / waits;
        slope += n * by;
        curve += n * (by * (rest - share) - by * by);
    };
    for (n, reached) in source.waiting.iter().zip(&node.reached) {
        if *n > 0.0 {
            waited(*n, *reached);
        }
    }
    // No bin has less than a chance of 1e-14, so what comes after an edge has more than that.
    for (at, n) in &source.late {
        waited(-n, node.reached.get(*at).map_or(0.0, |reached| reached.min(1.0 - 1e-12)));
    }
    (value, slope, curve)
}

fn when(source: &Source, node: &Node) -> f64 {
    let pairs = source.events.iter().zip(&node.ln_bin).filter(|(n, _)| **n > 0.0);
    pairs.map(|(n, ln)| n * ln).sum()
}

/// The mode under a normal prior (mean, variance) of the log odds, and the integral by Laplace.
fn peak(source: &Source, node: &Node, prior: (f64, f64)) -> Peak {
    let (mean, wide) = prior;
    let seen: f64 = source.waiting.iter().zip(&node.reached).map(|(n, r)| n * r).sum();
    let naive = (source.n_events + 0.5) / (source.n_events + seen + 1.0);
    let mut odds = super::logit(naive.clamp(1e-4, 0.98));
    let mut here = (0.0, 0.0, 0.0);
    for _ in 0..30 {
        here = likelihood(source, node, odds);
        let slope = here.1 - (odds - mean) / wide;
        let bend = (-here.2).max(0.0) + 1.0 / wide;
        let step = (slope / bend).clamp(-1.5, 1.5);
        odds += step;
        if step.abs() < 1e-4 {
            break;
        }
    }
    let variance = 1.0 / ((-here.2).max(0.0) + 1.0 / wide);
    let prior = -0.5 * (odds - mean).powi(2) / wide - 0.5 * wide.ln();
    Peak { odds, variance, value: here.0 + when(source, node) + prior + 0.5 * variance.ln() }
}

/// What all sources share.
#[derive(Debug, Clone)]
struct Hyper {
    whole: (f64, f64),
    groups: Vec<(f64, f64)>,
    /// Variances of sources around their group.
    spread: (f64, f64),
    /// Variances of groups around the whole.
    between: (f64, f64),
    weights: Vec<f64>,
    /// Sources of each group.
    sizes: Vec<f64>,
    /// By how much the log odds move with the logarithm of what a subject costs; its variance.
    slope: (f64, f64),
}

/// How many sources the weak priors of the variances count for, and what they say.
const PRIOR_N: f64 = 4.0;
const PRIOR_SPREAD: (f64, f64) = (0.49, 0.36);
const PRIOR_BETWEEN: (f64, f64) = (0.25, 0.16);
/// Halfway between prices that say nothing and prices that make up for the share; its variance.
const PRIOR_SLOPE: (f64, f64) = (0.5, 0.25);

impl Hyper {
    /// The priors of log odds and of the logarithm of the median for a source of a group.
    fn prior(&self, group: usize, dear: f64) -> ((f64, f64), (f64, f64)) {
        let mean = self.groups.get(group).copied().unwrap_or(self.whole);
        let n = self.sizes.get(group).copied().unwrap_or(0.0);
        let wide = |spread: f64, between: f64| spread + 1.0 / (n / spread + 1.0 / between);
        let odds = wide(self.spread.0, self.between.0) + dear * dear * self.slope.1;
        ((mean.0 + self.slope.0 * dear, odds), (mean.1, wide(self.spread.1, self.between.1)))
    }

    /// One step of expectation and maximization.
    fn step(&mut self, nodes: &[Node], peaks: &[Vec<Peak>], places: &[(usize, f64)]) {
        let n_groups = self.groups.len();
        let mut sums = vec![(0.0, 0.0); n_groups];
        let mut found = Vec::with_capacity(peaks.len());
        let mut forms = vec![0.5 / self.weights.len() as f64; self.weights.len()];
        for (peaks, (group, dear)) in peaks.iter().zip(places) {
            let (odds, median) = self.prior(*group, *dear);
            let mut values: Vec<f64> = Vec::with_capacity(nodes.len());
            let mut moved: Vec<(f64, f64)> = Vec::with_capacity(nodes.len());
            for (node, peak) in nodes.iter().zip(peaks) {
                // The likelihood as a normal: the first posterior without the first prior.
                let own = (1.0 / peak.variance - 1.0 / FIRST.1).max(1e-9);
                let middle = (peak.odds / peak.variance - FIRST.0 / FIRST.1) / own;
                let total = 1.0 / own + odds.1;
                let first = 1.0 / own + FIRST.1;
                let ln = |mean: f64, total: f64| {
                    -0.5 * (middle - mean).powi(2) / total - 0.5 * total.ln()
                };
                let variance = 1.0 / (own + 1.0 / odds.1);
                moved.push((variance * (own * middle + odds.0 / odds.1), variance));
                let weight = self.weights.get(node.form).copied().unwrap_or(1e-9);
                values.push(
                    peak.value + ln(odds.0, total)
                        - ln(FIRST.0, first)
                        - 0.5 * (node.ln_median - median.0).powi(2) / median.1
                        + weight.max(1e-9).ln(),
                );
            }
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = values.iter().map(|value| (value - most).exp()).sum();
            let (mut mean, mut square) = ((0.0, 0.0), (0.0, 0.0));
            for ((value, node), moved) in values.iter().zip(nodes).zip(&moved) {
                let w = (value - most).exp() / total;
                mean.0 += w * moved.0;
                square.0 += w * (moved.0 * moved.0 + moved.1);
                mean.1 += w * node.ln_median;
                square.1 += w * node.ln_median * node.ln_median;
                add(&mut forms, node.form, w);
            }
            if let Some(sum) = sums.get_mut(*group) {
                sum.0 += mean.0 - self.slope.0 * dear;
                sum.1 += mean.1;
            }
            found.push((mean, (square.0 - mean.0 * mean.0, square.1 - mean.1 * mean.1)));
        }
        let total: f64 = forms.iter().sum();
        self.weights = forms.iter().map(|form| form / total).collect();
        let shrunk = |sum: f64, n: f64, spread: f64, between: f64, whole: f64| {
            (sum / spread + whole / between) / (n / spread + 1.0 / between)
        };
        for ((own, sum), n) in self.groups.iter_mut().zip(&sums).zip(&self.sizes) {
            own.0 = shrunk(sum.0, *n, self.spread.0, self.between.0, self.whole.0);
            own.1 = shrunk(sum.1, *n, self.spread.1, self.between.1, self.whole.1);
        }
        let n = n_groups as f64;
        self.whole.0 = (self.groups.iter().map(|g| g.0).sum::<f64>() + FIRST.0) / (n + 1.0);
        self.whole.1 = (self.groups.iter().map(|g| g.1).sum::<f64>() + 60.0_f64.ln()) / (n + 1.0);
        let mut spread = (PRIOR_N * PRIOR_SPREAD.0, PRIOR_N * PRIOR_SPREAD.1);
        let (mut along, mut across) = (PRIOR_SLOPE.0 / PRIOR_SLOPE.1, 1.0 / PRIOR_SLOPE.1);
        for ((mean, variance), (group, dear)) in found.iter().zip(places) {
            let Some(own) = self.groups.get(*group) else { continue };
            let away = mean.0 - own.0;
            along += dear * away / self.spread.0;
            across += dear * dear / self.spread.0;
            spread.0 += variance.0.max(0.0) + (away - self.slope.0 * dear).powi(2);
            spread.1 += variance.1.max(0.0) + (mean.1 - own.1).powi(2);
        }
        self.slope = (along / across, 1.0 / across);
        let n_sources = found.len() as f64;
        self.spread = (spread.0 / (PRIOR_N + n_sources), spread.1 / (PRIOR_N + n_sources));
        let mut between = (PRIOR_N * PRIOR_BETWEEN.0, PRIOR_N * PRIOR_BETWEEN.1);
        for own in &self.groups {
            between.0 += (own.0 - self.whole.0).powi(2);
            between.1 += (own.1 - self.whole.1).powi(2);
        }
        self.between = (between.0 / (PRIOR_N + n), between.1 / (PRIOR_N + n));
    }
}

/// Places around a mode, in standard deviations, and how many are kept of all.
const AROUND: [f64; 9] = [-3.2, -2.4, -1.6, -0.8, 0.0, 0.8, 1.6, 2.4, 3.2];
const KEPT: usize = 400;

fn believe(
    source: &Source,
    peaks: &[(usize, &Node, Peak)],
    forms: &[(Family, f64)],
    hyper: &Hyper,
    (group, dear): (usize, f64),
) -> Belief {
    let (odds, median) = hyper.prior(group, dear);
    let of_node = |node: &Node| {
        let weight = hyper.weights.get(node.form).copied().unwrap_or(1e-9).max(1e-9);
        weight.ln() - 0.5 * (node.ln_median - median.0).powi(2) / median.1
    };
    // The first peaks say which nodes are worth a closer look: 8 is a weight of 0.0003.
    let rough = |(_, node, peak): &(usize, &Node, Peak)| peak.value + of_node(node);
    let most = peaks.iter().map(rough).fold(f64::NEG_INFINITY, f64::max);
    let mut places = Vec::new();
    for (at, node, first) in peaks.iter().copied() {
        if first.value + of_node(node) < most - 10.0 {
            continue;
        }
        let own = peak(source, node, odds);
        let error = own.variance.sqrt();
        let when = when(source, node);
        for step in AROUND {
            let place = own.odds + step * error;
            let value = likelihood(source, node, place).0 + when
                - 0.5 * (place - odds.0).powi(2) / odds.1
                + error.ln()
                + of_node(node);
            let share = super::sigmoid(place);
            places.push(Place {
                weight: value,
                share,
                median: node.ln_median.exp(),
                family: forms.get(node.form).map_or(Family::Weibull, |form| form.0),
                to_come: 0.0,
                node: at,
            });
        }
    }
    places.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.node.cmp(&b.node)));
    places.truncate(KEPT);
    let most = places.first().map_or(0.0, |place| place.weight);
    places.retain(|place| place.weight > most - 9.0);
    let total: f64 = places.iter().map(|place| (place.weight - most).exp()).sum();
    for place in &mut places {
        place.weight = (place.weight - most).exp() / total;
        let node = peaks.binary_search_by_key(&place.node, |peak| peak.0);
        if let Some((_, node, _)) = node.ok().and_then(|at| peaks.get(at)) {
            place.to_come = to_come(&source.waiting, node, place.share);
        }
    }
    Belief { places }
}

/// Events that are still to come among those who wait.
fn to_come(waiting: &[f64], node: &Node, share: f64) -> f64 {
    let pairs = waiting.iter().zip(&node.reached).filter(|(n, _)| **n > 0.0);
    pairs.map(|(n, reached)| n * share * (1.0 - reached) / (1.0 - share * reached)).sum()
}

mod future;

pub use future::{Coming, Future, Later};

#[cfg(test)]
mod tests;
