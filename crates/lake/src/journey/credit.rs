//! Credit of all deals, by key and model, exact to the minor unit.
//!
//! Each deal's amount is split among the touches of its window by [`stats::credit`]: whole-number
//! weights, largest remainder, ties to the earlier touch. For every model the rows and *unknown*
//! together are the sum of the amounts. Amounts are minor units of one currency; whoever has
//! several calls once for each.
//!
//! A milestone is an instant here and becomes a touch: the last one of the window that is not after
//! it. A milestone before all touches, or none, is missing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use stats::credit::{Journey, Model, split, weights};

use super::{Journeys, Touch, Window};
use crate::error::LakeError;

/// A deal to be explained.
///
/// The window ends at what is explained: at the creation of the opportunity, or at the close for
/// the models that look as far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deal {
    /// Which touches may be credited.
    pub window: Window,
    /// The amount in minor units; it may be negative.
    pub amount_minor: i64,
    /// When the lead was created, microseconds since 1970.
    pub lead_at: Option<i64>,
    /// When the opportunity was created.
    pub opportunity_at: Option<i64>,
    /// When the deal was closed.
    pub close_at: Option<i64>,
}

/// Credit by key and model. All amounts are minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// The models, in the order of the columns.
    pub models: Vec<Model>,
    /// The keys with at least one touch in a window, ascending.
    pub rows: Vec<CreditRow>,
    /// What nobody is credited with, by model: deals without touches, or without a milestone that
    /// the model needs.
    pub unknown_minor: Vec<i128>,
    /// Number of deals.
    pub n_deals: u64,
    /// Deals without a touch in their window.
    pub n_deals_without_touches: u64,
    /// Pairs of deal and touch.
    pub n_pairs: u64,
}

/// The credit of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditRow {
    /// What the caller made of the payload.
    pub key: u64,
    /// The credit by model.
    pub minor: Vec<i128>,
}

impl Credit {
    /// Returns what each model gave away, *unknown* included: the sum of the amounts.
    pub fn totals_minor(&self) -> Vec<i128> {
        let mut totals = self.unknown_minor.clone();
        for row in &self.rows {
            for (total, minor) in totals.iter_mut().zip(&row.minor) {
                *total += minor;
            }
        }
        totals
    }
}

/// Credits all deals under all models, on all threads of the current pool.
///
/// `key` makes of a payload what the credit is counted by, `direct` says whether the touch has no
/// known source. The result does not depend on the number of threads.
pub fn credit(
    journeys: &Journeys,
    deals: &[Deal],
    models: &[Model],
    key: impl Fn(u64) -> u64 + Sync,
    direct: impl Fn(u64) -> bool + Sync,
) -> Result<Credit, LakeError> {
    let windows: Vec<Window> = deals.iter().map(|deal| deal.window).collect();
    let directs = models.contains(&Model::LastNonDirect);
    let tally = journeys.fold(
        &windows,
        || Tally::new(models.len()),
        |tally, index, touches| {
            let Some(deal) = deals.get(index) else { return };
            tally.pairs(touches, &key, directs.then_some(&direct));
            tally.add(deal, touches, models);
        },
        Tally::join,
    )?;
    Ok(tally.finish(models))
}

/// The credit of some deals, with the buffers of the one at hand.
#[derive(Debug)]
struct Tally {
    slots: HashMap<u64, usize, BuildHasherDefault<KeyHasher>>,
    keys: Vec<u64>,
    /// `n_models` amounts for each slot.
    minor: Vec<i128>,
    unknown_minor: Vec<i128>,
    n_deals: u64,
    n_deals_without_touches: u64,
    n_pairs: u64,
    /// Where each touch of the deal at hand is counted, its time, and whether it is direct.
    places: Vec<usize>,
    at: Vec<i64>,
    direct: Vec<bool>,
    weights: Vec<u64>,
    parts: Vec<i64>,
}

impl Tally {
    fn new(n_models: usize) -> Self {
        Self {
            slots: HashMap::default(),
            keys: Vec::new(),
            minor: Vec::new(),
            unknown_minor: vec![0; n_models],
            n_deals: 0,
            n_deals_without_touches: 0,
            n_pairs: 0,
            places: Vec::new(),
            at: Vec::new(),
            direct: Vec::new(),
            weights: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Returns the place of the key's first amount.
    fn place(&mut self, key: u64) -> usize {
        let n_models = self.unknown_minor.len();
        let n_slots = self.keys.len();
        let slot = *self.slots.entry(key).or_insert(n_slots);
        if slot == n_slots {
            self.keys.push(key);
            self.minor.resize((slot + 1) * n_models, 0);
        }
        slot * n_models
    }

    fn pairs(
        &mut self,
        touches: &[Touch],
        key: &impl Fn(u64) -> u64,
        direct: Option<&impl Fn(u64) -> bool>,
    ) {
        self.places.clear();
        self.at.clear();
        self.direct.clear();
        for touch in touches {
            let place = self.place(key(touch.payload));
            self.places.push(place);
            self.at.push(touch.at);
            self.direct.extend(direct.map(|direct| direct(touch.payload)));
        }
    }

    fn add(&mut self, deal: &Deal, touches: &[Touch], models: &[Model]) {
        self.n_deals += 1;
        self.n_pairs += touches.len() as u64;
        self.n_deals_without_touches += u64::from(touches.is_empty());
        let touch_of = |instant: Option<i64>| {
            let instant = instant?;
            touches.partition_point(|touch| touch.at <= instant).checked_sub(1)
        };
        let journey = Journey {
            at: &self.at,
            direct: &self.direct,
            lead_creation: touch_of(deal.lead_at),
            opportunity_creation: touch_of(deal.opportunity_at),
            close: touch_of(deal.close_at),
        };
        for (index, model) in models.iter().enumerate() {
            let parts = &mut self.parts;
            let credited = match sharing(*model, &journey) {
                // One touch gets everything, mostly: no need to share.
                Sharing::Sole(touch) => {
                    let place = touch.and_then(|touch| self.places.get(touch));
                    if let Some(minor) = place.and_then(|place| self.minor.get_mut(place + index)) {
                        *minor += i128::from(deal.amount_minor);
                    }
                    parts.clear();
                    place.is_some()
                }
                Sharing::Equal => split_equal(deal.amount_minor, touches.len(), parts),
                Sharing::Weighted => {
                    weights(*model, &journey, &mut self.weights)
                        && split(deal.amount_minor, &self.weights, parts)
                }
            };
            for (place, part) in self.places.iter().zip(&*parts) {
                if let Some(minor) = self.minor.get_mut(place + index) {
                    *minor += i128::from(*part);
                }
            }
            if !credited && let Some(minor) = self.unknown_minor.get_mut(index) {
                *minor += i128::from(deal.amount_minor);
            }
        }
    }

    fn join(&mut self, other: Self) {
        let n_models = self.unknown_minor.len();
        for (key, others) in other.keys.iter().zip(other.minor.chunks(n_models.max(1))) {
            let place = self.place(*key);
            let minor = self.minor.get_mut(place..).unwrap_or_default();
            for (minor, other) in minor.iter_mut().zip(others) {
                *minor += other;
            }
        }
        for (minor, other) in self.unknown_minor.iter_mut().zip(other.unknown_minor) {
            *minor += other;
        }
        self.n_deals += other.n_deals;
        self.n_deals_without_touches += other.n_deals_without_touches;
        self.n_pairs += other.n_pairs;
    }

    fn finish(self, models: &[Model]) -> Credit {
        let n_models = models.len();
        let mut rows: Vec<CreditRow> = self
            .keys
            .iter()
            .enumerate()
            .map(|(slot, key)| {
                let start = slot * n_models;
                let minor = self.minor.get(start..start + n_models).unwrap_or_default();
                CreditRow { key: *key, minor: minor.to_vec() }
            })
            .collect();
        rows.sort_unstable_by_key(|row| row.key);
        Credit {
            models: models.to_vec(),
            rows,
            unknown_minor: self.unknown_minor,
            n_deals: self.n_deals,
            n_deals_without_touches: self.n_deals_without_touches,
            n_pairs: self.n_pairs,
        }
    }
}

/// What is known of a model's weights without computing them: shortcuts that change no result.
enum Sharing {
    /// One touch gets everything, or nobody does.
    Sole(Option<usize>),
    Equal,
    Weighted,
}

fn sharing(model: Model, journey: &Journey<'_>) -> Sharing {
    match model {
        Model::First => Sharing::Sole(Some(0)),
        Model::Last => Sharing::Sole(journey.at.len().checked_sub(1)),
        Model::LeadCreation => Sharing::Sole(journey.lead_creation),
        Model::OpportunityCreation => Sharing::Sole(journey.opportunity_creation),
        Model::Linear => Sharing::Equal,
        _ => Sharing::Weighted,
    }
}

/// Splits among `n` equal weights: all remainders are equal, so the earlier touches get the units
/// that are left.
fn split_equal(amount_minor: i64, n: usize, out: &mut Vec<i64>) -> bool {
    out.clear();
    // There are far fewer touches than 2^63. Division rounds towards zero, whatever the sign.
    let Ok(divisor @ 1..) = i64::try_from(n) else { return false };
    let (part, left) = (amount_minor / divisor, amount_minor % divisor);
    let n_left = usize::try_from(left.unsigned_abs()).unwrap_or(n);
    out.resize(n_left, part + left.signum());
    out.resize(n, part);
    true
}

/// Spreads whole numbers by one multiplication: every touch is looked up, and keys are not chosen
/// by an adversary who knows the table.
#[derive(Debug, Default, Clone, Copy)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        // 2^64 / golden ratio; the best bits are the upper ones, the table reads both ends.
        let spread = (self.0 ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = spread ^ (spread >> 32);
    }
}
