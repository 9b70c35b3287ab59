//! Credit: every rule from its published weights, in whole numbers, and its own exact division.

use std::collections::BTreeMap;

use super::Company;
use super::deals::Opportunity;
use super::touches::Touch;

/// The models whose weights follow from one journey alone.
pub const RULES: [&str; 14] = [
    "first",
    "last",
    "last_non_direct",
    "lead_creation",
    "opportunity_creation",
    "linear",
    "time_decay",
    "u_shaped",
    "u_split",
    "w_shaped",
    "full_path",
    "j_shaped",
    "inverse_j",
    "custom",
];

/// What one deal gives to one channel and program.
#[derive(Clone, PartialEq, Debug)]
pub struct Credit {
    /// The deal.
    pub opportunity: String,
    /// The channel; `unknown` where nobody gets credit.
    pub channel: String,
    /// Name of the program.
    pub program: Option<String>,
    /// Touches of the deal in this channel and program.
    pub n_touches: usize,
    /// Part of the amount in minor units; missing where the deal has no amount.
    pub credit: Option<i64>,
}

/// Divides an amount by whole weights: the floor of each part, then one unit more for the largest
/// remainders, the earlier of equal ones first. The parts sum to the amount; without weight to
/// nothing.
pub fn split(amount: i64, weights: &[i128]) -> Vec<i64> {
    let total: i128 = weights.iter().sum();
    if total == 0 {
        return vec![0; weights.len()];
    }
    let size = i128::from(amount.abs());
    let mut parts: Vec<i128> = weights.iter().map(|weight| size * weight / total).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&place| (-(size * weights[place] % total), place));
    let left = size - parts.iter().sum::<i128>();
    for &place in order.iter().take(usize::try_from(left).expect("fewer units than parts")) {
        parts[place] += 1;
    }
    let sign = if amount < 0 { -1 } else { 1 };
    parts.iter().map(|&part| sign * i64::try_from(part).expect("a part of the amount")).collect()
}

/// Milestone shares of a rule: first, lead creation, opportunity creation, close, all others
/// together.
type Shares = [i128; 5];

/// The shares as they are published; none where the rule is not made of milestones.
fn shares(model: &str, custom: Option<[u32; 5]>) -> Option<Shares> {
    match model {
        "first" => Some([1, 0, 0, 0, 0]),
        "last" | "opportunity_creation" => Some([0, 0, 1, 0, 0]),
        "lead_creation" => Some([0, 1, 0, 0, 0]),
        "linear" => Some([0, 0, 0, 0, 1]),
        "u_shaped" => Some([40, 0, 40, 0, 20]),
        "u_split" => Some([50, 50, 0, 0, 0]),
        "w_shaped" => Some([30, 30, 30, 0, 10]),
        "full_path" => Some([225, 225, 225, 225, 100]),
        "j_shaped" => Some([20, 0, 60, 0, 20]),
        "inverse_j" => Some([60, 0, 20, 0, 20]),
        "custom" => custom.map(|shares| shares.map(i128::from)),
        _ => None,
    }
}

/// A journey as a rule sees it: places in the list of its touches.
struct Journey<'a> {
    touches: Vec<&'a Touch>,
    lead_creation: Option<usize>,
    /// The last touch at or before the creation of the deal.
    opportunity_creation: Option<usize>,
    /// The last touch at or before the close; none while the deal is open.
    close: Option<usize>,
}

impl Company {
    /// Returns the models that the definitions allow: `custom` only where its shares are given.
    pub fn models(&self) -> Vec<&'static str> {
        let given =
            |model: &&str| *model != "custom" || self.definitions.attribution.custom.is_some();
        RULES.into_iter().chain(["markov", "shapley"]).filter(given).collect()
    }

    /// Returns what each deal gives to each channel and program under a model; `markov` is of order
    /// 1.
    ///
    /// # Panics
    ///
    /// Where the model is not known.
    pub fn credits(&self, model: &str) -> Vec<Credit> {
        let effects = if model == "markov" { self.removal_effects() } else { BTreeMap::new() };
        let of_deal = |deal| self.credits_of(deal, model, &effects);
        self.opportunities.iter().flat_map(of_deal).collect()
    }

    fn credits_of(
        &self,
        deal: &Opportunity,
        model: &str,
        effects: &BTreeMap<String, f64>,
    ) -> Vec<Credit> {
        let journey = self.journey(deal, model);
        let weights = match model {
            "markov" => markov(&journey.touches, effects),
            "shapley" => vec![1; journey.touches.len()],
            "time_decay" => self.time_decay(deal, &journey.touches),
            "last_non_direct" => last_non_direct(&journey.touches),
            _ => {
                let shares = shares(model, self.definitions.attribution.custom);
                by_milestones(&journey, shares.unwrap_or_else(|| panic!("no model `{model}`")))
            }
        };
        if weights.iter().sum::<i128>() == 0 {
            return vec![Credit {
                opportunity: deal.id.clone(),
                channel: "unknown".to_owned(),
                program: None,
                n_touches: 0,
                credit: deal.amount,
            }];
        }
        let amount = deal.amount.unwrap_or(0);
        let parts = match model {
            "shapley" => shapley(amount, &journey.touches),
            _ => split(amount, &weights),
        };
        let mut sums: BTreeMap<(&str, Option<&str>), (usize, i64)> = BTreeMap::new();
        for (touch, part) in journey.touches.iter().zip(parts) {
            let sum = sums.entry((&touch.channel, touch.program.as_deref())).or_default();
            *sum = (sum.0 + 1, sum.1 + part);
        }
        let credit = |((channel, program), (n_touches, sum)): ((&str, Option<&str>), _)| Credit {
            opportunity: deal.id.clone(),
            channel: channel.to_owned(),
            program: program.map(str::to_owned),
            n_touches,
            credit: deal.amount.map(|_| sum),
        };
        sums.into_iter().map(credit).collect()
    }

    /// Cuts the journey at the creation of the deal; `full_path` and own shares look on to the
    /// close.
    fn journey(&self, deal: &Opportunity, model: &str) -> Journey<'_> {
        let to_close = matches!(model, "full_path" | "custom");
        let places = if to_close { &deal.journey_to_close } else { &deal.journey };
        let touches: Vec<&Touch> = places.iter().map(|&place| &self.touches[place]).collect();
        let last_by = |n: usize| n.checked_sub(1);
        Journey {
            lead_creation: places.iter().position(|&place| Some(place) == deal.lead_creation),
            opportunity_creation: last_by(
                touches.iter().filter(|t| t.at <= deal.created_at).count(),
            ),
            close: deal.closed_on.and_then(|_| last_by(touches.len())),
            touches,
        }
    }

    /// Weighs each touch by a half for each half-life that lies between it and the creation.
    fn time_decay(&self, deal: &Opportunity, touches: &[&Touch]) -> Vec<i128> {
        let half_life = f64::from(self.definitions.attribution.half_life_days) * 86_400.0;
        let weight = |touch: &&Touch| {
            let seconds = deal.created_at.duration_since(touch.at).as_secs_f64();
            whole((-seconds / half_life).exp2())
        };
        touches.iter().map(weight).collect()
    }
}

/// Makes a whole number of a weight from 0 to 1 without losing a bit of it.
fn whole(weight: f64) -> i128 {
    #[expect(clippy::cast_possible_truncation, reason = "at most 2^80")]
    let whole = (weight * 80.0_f64.exp2()) as i128;
    whole
}

/// Gives each milestone that is there its share, and what is not a milestone the share of the
/// others in equal parts. What is missing is left out, so that its share goes to the rest in
/// proportion.
fn by_milestones(journey: &Journey<'_>, shares: Shares) -> Vec<i128> {
    let n = journey.touches.len();
    let [first, lead, opportunity, close, others] = shares;
    let first_at = (n > 0).then_some(0);
    let milestones = [
        (first_at, first),
        (journey.lead_creation, lead),
        (journey.opportunity_creation, opportunity),
        (journey.close, close),
    ];
    // A touch is a milestone where the rule gives that milestone a share.
    let named = |place: usize| milestones.iter().any(|&(at, share)| at == Some(place) && share > 0);
    let n_others = (0..n).filter(|&place| !named(place)).count() as i128;
    (0..n)
        .map(|place| {
            let own = milestones.iter().filter(|&&(at, _)| at == Some(place));
            let own: i128 = own.map(|&(_, share)| share).sum();
            if named(place) { own * n_others.max(1) } else { others }
        })
        .collect()
}

fn last_non_direct(touches: &[&Touch]) -> Vec<i128> {
    let other = touches.iter().rposition(|touch| !touch.direct);
    let chosen = other.or_else(|| touches.len().checked_sub(1));
    (0..touches.len()).map(|place| i128::from(Some(place) == chosen)).collect()
}

/// Weighs each touch by the removal effect of its channel; all alike where none has an effect.
fn markov(touches: &[&Touch], effects: &BTreeMap<String, f64>) -> Vec<i128> {
    let weights: Vec<i128> = touches
        .iter()
        .map(|touch| whole(effects.get(&touch.channel).copied().unwrap_or(0.0).max(0.0)))
        .collect();
    if weights.iter().all(|&weight| weight == 0) { vec![1; touches.len()] } else { weights }
}

/// Gives each different channel an equal part of the amount, and the touches of a channel equal
/// parts of that; odd cents go to what comes first in the journey.
fn shapley(amount: i64, touches: &[&Touch]) -> Vec<i64> {
    let mut channels: Vec<&str> = Vec::new();
    for touch in touches {
        if !channels.contains(&touch.channel.as_str()) {
            channels.push(&touch.channel);
        }
    }
    let mut parts = vec![0; touches.len()];
    for (channel, part) in channels.iter().zip(split(amount, &vec![1; channels.len()])) {
        let own: Vec<usize> =
            (0..touches.len()).filter(|&place| touches[place].channel == *channel).collect();
        for (&place, share) in own.iter().zip(split(part, &vec![1; own.len()])) {
            parts[place] = share;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_sum_to_the_amount_and_odd_cents_go_to_the_largest_remainders() {
        assert_eq!(split(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(split(100, &[1, 2, 3]), [17, 33, 50]);
        assert_eq!(split(-100, &[1, 1, 1]), [-34, -33, -33]);
        assert_eq!(split(7, &[]), [0; 0]);
    }
}
