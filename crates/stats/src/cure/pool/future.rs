//! What evidence is still to come: futures of a source, drawn from what is believed of it.

use super::{Belief, Place, Pool, Source, add, bin, nearest};
use crate::random::SplitMix64;

/// Places of a belief that futures are drawn from.
const KEPT: usize = 160;

/// A source's futures: made once, drawn from often.
#[derive(Debug, Clone)]
pub struct Future<'a> {
    pool: &'a Pool,
    source: &'a Source,
    places: &'a [Place],
    /// For each place: the logarithm of the share that still waits at each edge.
    waits: Vec<Vec<f64>>,
}

/// One future: the truth that was drawn, and when each event comes, in days from now.
#[derive(Debug, Clone, PartialEq)]
pub struct Later {
    /// The share that ever has the event, in this future.
    pub share: f64,
    /// For each event: days from now, and the bin of its wait.
    events: Vec<(f64, usize, usize)>,
}

impl Later {
    /// Days from now until each event.
    pub fn days(&self) -> impl Iterator<Item = f64> + '_ {
        self.events.iter().map(|event| event.0)
    }
}

impl<'a> Future<'a> {
    /// Prepares the futures of the source with this place in the pool.
    pub fn of(pool: &'a Pool, source: &'a Source, belief: &'a Belief) -> Self {
        let ln = |place: &Place| {
            let node = pool.nodes.get(place.node);
            let reached = node.map_or(&[][..], |node| &node.reached);
            reached.iter().map(|reached| (-place.share * reached).ln_1p()).collect()
        };
        // The weightiest places stand for all: futures need no tails of tails.
        let places = belief.places.get(..KEPT.min(belief.places.len())).unwrap_or_default();
        let waits = places.iter().map(ln).collect();
        Self { pool, source, places, waits }
    }

    /// Draws one future.
    pub fn draw(&self, random: &mut SplitMix64) -> Later {
        let whole: f64 = self.places.iter().map(|place| place.weight).sum();
        let mut left = random.uniform() * whole;
        let place = self.places.iter().find(|place| {
            left -= place.weight;
            left < 0.0
        });
        let place = place.or_else(|| self.places.first());
        let Some((place, node)) =
            place.and_then(|place| Some((place, self.pool.nodes.get(place.node)?)))
        else {
            return Later { share: 0.0, events: Vec::new() };
        };
        let mut events = Vec::new();
        let waiting = self.source.waiting.iter().enumerate().filter(|(_, n)| **n > 0.0);
        for (at, n) in waiting {
            let (Some(age), Some(reached)) = (self.pool.edges.get(at), node.reached.get(at)) else {
                continue;
            };
            let chance = place.share * (1.0 - reached) / (1.0 - place.share * reached);
            // Nearly a binomial: each chance is small, or few are left.
            let drawn = random.poisson(n * chance) as f64;
            let mut k = 0.0;
            while k < drawn.min(*n) {
                k += 1.0;
                let level = reached + random.uniform() * (1.0 - reached);
                let last = node.reached.partition_point(|own| *own <= level);
                let to = last.saturating_sub(1);
                let (Some(from), until) = (self.pool.edges.get(to), self.pool.edges.get(to + 1))
                else {
                    continue;
                };
                let until = until.copied().unwrap_or(2.0 * from);
                let day = from.max(*age) + random.uniform() * (until - from.max(*age)).max(0.0);
                events.push(((day - age).max(0.0), bin(&self.pool.edges, day), at));
            }
        }
        Later { share: place.share, events }
    }

    /// Returns what will be believed after so many days, should this future come.
    pub fn believed(&self, later: &Later, days: f64) -> Belief {
        let edges = &self.pool.edges;
        let mut still = self.source.waiting.clone();
        let mut came = vec![0.0; edges.len()];
        let mut n = 0.0;
        for (_, bin, from) in later.events.iter().filter(|event| event.0 <= days) {
            add(&mut still, *from, -1.0);
            add(&mut came, *bin, 1.0);
            n += 1.0;
        }
        let mut aged = vec![0.0; edges.len()];
        for (left, edge) in still.iter().zip(edges) {
            if *left > 0.0 {
                add(&mut aged, nearest(edges, edge + days), *left);
            }
        }
        // All who wait, weighted by how the chance of what is seen of them changes.
        let change: Vec<f64> = aged.iter().zip(&self.source.waiting).map(|(a, b)| a - b).collect();
        let mut places = Vec::with_capacity(self.places.len());
        for (place, waits) in self.places.iter().zip(&self.waits) {
            let Some(node) = self.pool.nodes.get(place.node) else { continue };
            let waited: f64 = change.iter().zip(waits).map(|(n, ln)| n * ln).sum();
            let when: f64 = came
                .iter()
                .zip(&node.ln_bin)
                .filter(|(n, _)| **n > 0.0)
                .map(|(n, ln)| n * ln)
                .sum();
            let weight = place.weight.ln() + waited + when + n * place.share.ln();
            places.push(Place { weight, ..*place });
        }
        let most = places.iter().map(|place| place.weight).fold(f64::NEG_INFINITY, f64::max);
        places.retain(|place| place.weight > most - 6.0);
        let total: f64 = places.iter().map(|place| (place.weight - most).exp()).sum();
        for place in &mut places {
            place.weight = (place.weight - most).exp() / total;
            if let Some(node) = self.pool.nodes.get(place.node) {
                place.to_come = super::to_come(&aged, node, place.share);
            }
        }
        Belief { places }
    }
}
