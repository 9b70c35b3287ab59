//! What evidence is still to come: futures of a source, drawn from what is believed of it.
//!
//! Besides the subjects of now there are those who still enter: as many a day as lately, for as
//! long as the source goes on. How long that is nobody knows: the chance that it goes on for longer
//! than `x` is `T / (T + x)` where it has gone on for `T` (Gott 1993). All waits of a future are
//! longer or shorter together than the model says, because the model is one.

use super::{Belief, Place, Pool, Source, add, bin, nearest};
use crate::random::SplitMix64;

/// Places of a belief that futures are drawn from.
const KEPT: usize = 120;
/// Those who enter later do so on every so manyth day.
const STEP: f64 = 30.0;
/// Standard deviation of the logarithm of how much longer all waits are than believed.
const SLOWER: f64 = 0.3;

/// Who still enters.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Coming {
    /// Subjects a day.
    pub per_day: f64,
    /// Days that it has gone on.
    pub ran: f64,
    /// Subjects that enter at once.
    pub at_once: f64,
}

/// A source's futures: made once, drawn from often.
#[derive(Debug, Clone)]
pub struct Future<'a> {
    pool: &'a Pool,
    source: &'a Source,
    places: &'a [Place],
    /// For each place: the logarithm of the share that still waits at each edge.
    waits: Vec<Vec<f64>>,
    /// The last day that is asked about.
    until: f64,
}

/// One future: the truth that was drawn, who enters, and when each event comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Later {
    /// The share that ever has the event, in this future.
    pub share: f64,
    /// How much longer all waits are than believed.
    pub slower: f64,
    events: Vec<Event>,
    /// Days from now, and subjects that enter then.
    entries: Vec<(f64, f64)>,
}

/// An event to come.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Event {
    /// Days from now.
    day: f64,
    /// Bin of its wait.
    bin: usize,
    who: Who,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    /// One of those who wait at this edge.
    Waits(usize),
    /// One of those of this entry.
    Enters(usize),
}

impl Later {
    /// Days from now until each event, and whether its subject is here already.
    pub fn days(&self) -> impl Iterator<Item = (f64, bool)> + '_ {
        self.events.iter().map(|event| (event.day, matches!(event.who, Who::Waits(_))))
    }

    /// Returns how many have entered after so many days.
    pub fn entered(&self, days: f64) -> f64 {
        self.entries.iter().filter(|entry| entry.0 <= days).map(|entry| entry.1).sum()
    }
}

impl<'a> Future<'a> {
    /// Prepares the futures of the source with this place in the pool, up to a day.
    pub fn of(pool: &'a Pool, source: &'a Source, belief: &'a Belief, until: f64) -> Self {
        let ln = |place: &Place| {
            let node = pool.nodes.get(place.node);
            let reached = node.map_or(&[][..], |node| &node.reached);
            reached.iter().map(|reached| (-place.share * reached).ln_1p()).collect()
        };
        // The weightiest places stand for all: futures need no tails of tails.
        let places = belief.places.get(..KEPT.min(belief.places.len())).unwrap_or_default();
        let waits = places.iter().map(ln).collect();
        Self { pool, source, places, waits, until }
    }

    /// Draws one future.
    pub fn draw(&self, coming: &Coming, random: &mut SplitMix64) -> Later {
        let whole: f64 = self.places.iter().map(|place| place.weight).sum();
        let mut left = random.uniform() * whole;
        let place = self.places.iter().find(|place| {
            left -= place.weight;
            left < 0.0
        });
        let place = place.or_else(|| self.places.first());
        let slower = (SLOWER * random.normal()).exp();
        let mut later = Later { share: 0.0, slower, events: Vec::new(), entries: Vec::new() };
        let Some((place, node)) =
            place.and_then(|place| Some((place, self.pool.nodes.get(place.node)?)))
        else {
            return later;
        };
        later.share = place.share;
        let edges = &self.pool.edges;
        // The age at the event, of one that has waited for so long without one.
        let wait = |age: f64, reached: f64, random: &mut SplitMix64| {
            let level = reached + random.uniform() * (1.0 - reached);
            let to = node.reached.partition_point(|own| *own <= level).saturating_sub(1);
            let from = edges.get(to).copied().unwrap_or(0.0);
            let until = edges.get(to + 1).copied().unwrap_or(2.0 * from);
            let day = from.max(age) + random.uniform() * (until - from.max(age)).max(0.0);
            age + slower * (day - age).max(0.0)
        };
        let waiting = self.source.waiting.iter().enumerate().filter(|(_, n)| **n > 0.0);
        for (at, n) in waiting {
            let (Some(age), Some(reached)) = (edges.get(at), node.reached.get(at)) else {
                continue;
            };
            let chance = place.share * (1.0 - reached) / (1.0 - place.share * reached);
            // Nearly a binomial: each chance is small, or few are left.
            let drawn = random.poisson(n * chance) as f64;
            let mut k = 0.0;
            while k < drawn.min(*n) {
                k += 1.0;
                let old = wait(*age, *reached, random);
                let (day, bin) = (old - age, bin(edges, old));
                later.events.push(Event { day, bin, who: Who::Waits(at) });
            }
        }
        let u = random.uniform();
        let lasts = coming.ran * u / (1.0 - u).max(1e-9);
        let mut begins = 0.0;
        while begins < lasts.min(self.until) && coming.per_day > 0.0 {
            let days = STEP.min(lasts - begins);
            let n = random.poisson(coming.per_day * days) as f64;
            later.entries.push((begins + 0.5 * days, n));
            begins += STEP;
        }
        if coming.at_once > 0.0 {
            later.entries.push((0.0, coming.at_once));
        }
        for (at, (entered, n)) in later.entries.iter().copied().enumerate() {
            let drawn = (random.poisson(n * place.share) as f64).min(n);
            let mut k = 0.0;
            while k < drawn {
                k += 1.0;
                let old = wait(0.0, 0.0, random);
                let (day, bin) = (entered + old, bin(edges, old));
                later.events.push(Event { day, bin, who: Who::Enters(at) });
            }
        }
        later
    }

    /// Returns what will be believed after so many days, should this future come: of all subjects,
    /// or of those of now alone.
    pub fn believed(&self, later: &Later, days: f64, all: bool) -> Belief {
        let edges = &self.pool.edges;
        let mut still = self.source.waiting.clone();
        let mut entered: Vec<f64> = later.entries.iter().map(|entry| entry.1).collect();
        let mut came = vec![0.0; edges.len()];
        let mut n = 0.0;
        for event in later.events.iter().filter(|event| event.day <= days) {
            match event.who {
                Who::Waits(at) => add(&mut still, at, -1.0),
                Who::Enters(at) if all => add(&mut entered, at, -1.0),
                Who::Enters(_) => continue,
            }
            add(&mut came, event.bin, 1.0);
            n += 1.0;
        }
        let mut aged = vec![0.0; edges.len()];
        for (left, edge) in still.iter().zip(edges) {
            if *left > 0.0 {
                add(&mut aged, nearest(edges, edge + days), *left);
            }
        }
        let young = later.entries.iter().zip(&entered).filter(|(entry, _)| all && entry.0 <= days);
        for ((on, _), left) in young {
            add(&mut aged, nearest(edges, days - on), *left);
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
