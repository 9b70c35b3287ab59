//! `credits`: one row per deal, channel and program that a model credits.
//!
//! The amount of a deal is split over its touches, exact to the minor unit, and then summed by
//! channel and program. A deal that the model can credit to nobody is one row `unknown`. The models
//! that look at the close see the journey up to it; all others end at the creation of the deal.
//!
//! `markov` weighs each touch of a deal by the removal effect of its channel in the chain over all
//! paths; where all effects are zero, touches weigh the same. `shapley` gives each different
//! channel of the journey the same (the set game, Zhao, Mahboobi and Bagheri 2018), and its touches
//! equal parts of that.

use std::collections::BTreeMap;

use domain::definition::check::MODELS;
use domain::{Column, Currency, Definitions, Frame, Money};
use stats::credit::{CustomWeights, Journey, Model, split, weights};
use stats::path::PathsBuilder;

use super::journeys::{Hops, Span, spans};
use super::opportunities::amounts;
use super::{Built, RequestError};
use crate::build::{Channel, Channels, NONE, side_text};
use crate::error::LakeError;

pub(super) const COLUMNS: &[&str] = &[
    "opportunity_id",
    "opportunity",
    "account",
    "segment",
    "counted",
    "state",
    "created_on",
    "closed_on",
    "month",
    "quarter",
    "channel",
    "side",
    "program_id",
    "program",
    "n_touches",
    "share",
    "credit",
    "credit_won",
];

/// How the touches of a journey are weighed.
enum Rule {
    /// By their places.
    Places(Model),
    /// By the removal effect of their channels, in units of 2^-32.
    Markov(Vec<u64>),
    /// Equal parts to different channels.
    Shapley,
}

/// What one channel and program of a deal get.
#[derive(Clone, Copy, Default, Debug)]
struct Part {
    n_touches: i64,
    share: f64,
    minor: i64,
}

pub(super) fn all(built: &Built, currency: Currency, model: &str) -> Result<Frame, LakeError> {
    let base = built.table("opportunities")?;
    let programs = built.table("programs")?;
    let batch = built.hops()?;
    let hops = Hops::of(&batch);
    let channels = built.channels();
    let rule = rule(built, &channels, model)?;
    let to_close = match rule {
        Rule::Places(Model::FullPath) => true,
        Rule::Places(Model::Custom(own)) => own.close > 0,
        _ => false,
    };
    let amounts = amounts(built, &base, currency)?;
    let mut deals: Vec<usize> = Vec::new();
    let mut found: Vec<(Channel, u32, Part)> = Vec::new();
    let mut scratch = Scratch::default();
    for (deal, (span, amount)) in spans(&base).iter().zip(&amounts).enumerate() {
        let minor = amount.map_or(0, |money| money.minor);
        let parts = scratch.credit(&rule, &hops, span, to_close, minor, &channels);
        let mut sorted: Vec<_> = parts
            .iter()
            .map(|((channel, program), part)| {
                // Programs are numbered by identifier; none comes first.
                ((channels.id(*channel), program.wrapping_add(1)), (*channel, *part))
            })
            .collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        if sorted.is_empty() {
            let part = Part { n_touches: 0, share: 1.0, minor };
            deals.push(deal);
            found.push((channels.unknown(), NONE, part));
        }
        for ((_, program), (channel, part)) in sorted {
            deals.push(deal);
            found.push((channel, program.wrapping_sub(1), part));
        }
    }
    assembled(&base, &programs, &channels, &amounts, &deals, &found)
}

fn assembled(
    base: &Frame,
    programs: &Frame,
    channels: &Channels,
    amounts: &[Option<Money>],
    deals: &[usize],
    found: &[(Channel, u32, Part)],
) -> Result<Frame, LakeError> {
    let of_deal = base.take(deals);
    let program = |column: &str| {
        let texts = programs.texts(column);
        let get = |code: &u32| texts.get(*code as usize).cloned().flatten();
        Column::Text(found.iter().map(|(_, code, _)| get(code)).collect())
    };
    let credit: Vec<Option<Money>> = deals
        .iter()
        .zip(found)
        .map(|(deal, (_, _, part))| {
            let amount = amounts.get(*deal).copied().flatten()?;
            Some(Money::from_minor(part.minor, amount.currency))
        })
        .collect();
    let won = of_deal.booleans("won").iter().zip(&credit);
    let won = won.map(|(won, credit)| credit.filter(|_| *won == Some(true))).collect();
    let kept =
        |name: &'static str, from: &str| of_deal.column(from).cloned().map(|column| (name, column));
    let mut columns: Vec<(&str, Column)> = [
        ("opportunity_id", "id"),
        ("opportunity", "name"),
        ("account", "account"),
        ("segment", "segment"),
        ("counted", "counted"),
        ("state", "state"),
        ("created_on", "created_on"),
        ("closed_on", "closed_on"),
        ("month", "month"),
        ("quarter", "quarter"),
    ]
    .into_iter()
    .filter_map(|(name, from)| kept(name, from))
    .collect();
    let channel = found.iter().map(|(channel, _, _)| Some(channels.id(*channel)));
    let side = found.iter().map(|(channel, _, _)| Some(side_text(channels.side(*channel))));
    columns.extend([
        ("channel", Column::Text(channel.collect())),
        ("side", Column::Text(side.collect())),
        ("program_id", program("id")),
        ("program", program("name")),
        ("n_touches", Column::Integer(found.iter().map(|(_, _, p)| Some(p.n_touches)).collect())),
        ("share", Column::Number(found.iter().map(|(_, _, part)| Some(part.share)).collect())),
        ("credit", Column::Money(credit)),
        ("credit_won", Column::Money(won)),
    ]);
    Ok(Frame::new(columns)?)
}

fn rule(built: &Built, channels: &Channels, model: &str) -> Result<Rule, LakeError> {
    let definitions = built.definitions();
    Ok(match model {
        "shapley" => Rule::Shapley,
        "markov" => Rule::Markov(removal_effects(built, channels)?),
        id => {
            let fault = || RequestError::new("model", "", id, MODELS.iter().copied());
            let model = Model::from_id(id).map_err(|_| fault())?;
            Rule::Places(adjusted(model, definitions))
        }
    })
}

/// Puts the numbers of the definitions into a model that takes some.
fn adjusted(model: Model, definitions: &Definitions) -> Model {
    let attribution = &definitions.attribution;
    match (model, attribution.custom) {
        (Model::TimeDecay { .. }, _) => {
            Model::time_decay_days(f64::from(attribution.half_life_days)).unwrap_or(model)
        }
        (Model::Custom(_), Some(shares)) => {
            // Only the proportions matter; they are scaled down where they do not fit 16 bits.
            let most = shares.iter().copied().max().unwrap_or(1);
            let by = most / u32::from(u16::MAX) + 1;
            let [first, lead_creation, opportunity_creation, close, others] =
                shares.map(|share| u16::try_from(share / by).unwrap_or(u16::MAX));
            let own = CustomWeights { first, lead_creation, opportunity_creation, close, others };
            Model::Custom(own)
        }
        _ => model,
    }
}

/// Returns the removal effect of each channel in the chain over all paths, in units of 2^-32.
fn removal_effects(built: &Built, channels: &Channels) -> Result<Vec<u64>, LakeError> {
    let paths = built.table("paths")?;
    let mut counted: BTreeMap<(&str, bool), f64> = BTreeMap::new();
    for (path, converted) in paths.texts("path").iter().zip(paths.booleans("converted")) {
        if let Some(path) = path {
            *counted.entry((path, *converted == Some(true))).or_default() += 1.0;
        }
    }
    let mut builder = PathsBuilder::new();
    for ((path, converted), n) in counted {
        let (conversions, nulls) = if converted { (n, 0.0) } else { (0.0, n) };
        // Neither can fail: a path is never empty and counts are small.
        let _: Result<(), &str> = builder.add(path.split(" > "), conversions, 0.0, nulls);
    }
    let order = built.definitions().attribution.markov_order.clamp(1, 4) as usize;
    let mut effects = vec![0; channels.len()];
    if let Ok(removal) = stats::removal::removal(&builder.build(), order) {
        for channel in removal.channels {
            let at = usize::from(channels.named(&channel.channel));
            if let Some(effect) = effects.get_mut(at) {
                *effect = units(channel.removal_effect);
            }
        }
    }
    Ok(effects)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 2^32 by the clamp"
)]
fn units(effect: f64) -> u64 {
    (effect.clamp(0.0, 1.0) * 4_294_967_296.0).round() as u64
}

/// Buffers that are used for one deal after the other.
#[derive(Default)]
struct Scratch {
    weights: Vec<u64>,
    minors: Vec<i64>,
    direct: Vec<bool>,
    parts: BTreeMap<(Channel, u32), Part>,
}

impl Scratch {
    /// Credits one deal; no part where there is nobody to credit.
    fn credit(
        &mut self,
        rule: &Rule,
        hops: &Hops<'_>,
        span: &Span,
        to_close: bool,
        minor: i64,
        channels: &Channels,
    ) -> &BTreeMap<(Channel, u32), Part> {
        self.parts.clear();
        let n = if to_close { span.n } else { span.n_before };
        let range = span.start..span.start + n;
        let (Some(at), Some(channel), Some(program)) =
            (hops.at.get(range.clone()), hops.channel.get(range.clone()), hops.program.get(range))
        else {
            return &self.parts;
        };
        if n == 0 {
            return &self.parts;
        }
        match rule {
            Rule::Places(model) => {
                self.direct.clear();
                self.direct.extend(channel.iter().map(|channel| channels.direct(*channel)));
                let journey = Journey {
                    at,
                    direct: &self.direct,
                    lead_creation: span.lead,
                    opportunity_creation: span.n_before.checked_sub(1),
                    close: span.close.filter(|_| to_close),
                };
                if !weights(*model, &journey, &mut self.weights) {
                    return &self.parts;
                }
            }
            Rule::Markov(effects) => {
                self.weights.clear();
                let of = |channel: &Channel| effects.get(usize::from(*channel)).copied();
                self.weights.extend(channel.iter().map(|channel| of(channel).unwrap_or(0)));
                if self.weights.iter().all(|weight| *weight == 0) {
                    self.weights.fill(1);
                }
            }
            Rule::Shapley => {
                self.shapley(channel, program, minor);
                return &self.parts;
            }
        }
        self.spread(channel, program, minor);
        &self.parts
    }

    fn spread(&mut self, channel: &[Channel], program: &[u32], minor: i64) {
        if !split(minor, &self.weights, &mut self.minors) {
            return;
        }
        let total = self.weights.iter().map(|weight| *weight as f64).sum::<f64>();
        let touches = channel.iter().zip(program).zip(&self.weights).zip(&self.minors);
        for (((channel, program), weight), minor) in touches {
            if *weight > 0 {
                let part = self.parts.entry((*channel, *program)).or_default();
                part.n_touches += 1;
                part.share += *weight as f64 / total;
                part.minor += minor;
            }
        }
    }

    /// Splits over the different channels in order of their first touch, then over the touches.
    fn shapley(&mut self, channel: &[Channel], program: &[u32], minor: i64) {
        let mut different: Vec<Channel> = Vec::new();
        for found in channel {
            if !different.contains(found) {
                different.push(*found);
            }
        }
        let mut whole = Vec::new();
        split(minor, &vec![1; different.len()], &mut whole);
        for (wanted, minor) in different.iter().zip(whole) {
            let touches = channel.iter().zip(program).filter(|(found, _)| *found == wanted);
            let programs: Vec<u32> = touches.map(|(_, program)| *program).collect();
            split(minor, &vec![1; programs.len()], &mut self.minors);
            let share = 1.0 / different.len() as f64 / programs.len() as f64;
            for (program, minor) in programs.iter().zip(&self.minors) {
                let part = self.parts.entry((*wanted, *program)).or_default();
                part.n_touches += 1;
                part.share += share;
                part.minor += minor;
            }
        }
    }
}
