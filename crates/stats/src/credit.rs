//! Rule-based credit: how one journey's conversion is shared among its touches.
//!
//! The rules are the field's own, written once: first, last, last non-direct, linear, time decay,
//! U (40/20/40), U of Marketo Measure (50/50), W (30/30/30/10), full path (4 × 22.5 and 10), J and
//! inverse J, and weights of one's own. They say who gets *credit*; none of them says what was
//! *caused*.
//!
//! [`shares`] is the definition, in floats that sum to one. [`weights`] is the same as whole
//! numbers, and [`split`] turns weights and an amount of minor units into amounts that sum to it
//! exactly. Every buffer belongs to the caller, because this runs over millions of pairs of deal
//! and touch.
//!
//! What a rule does at its edges, since that is where systems differ in silence:
//!
//! | case | what happens |
//! |---|---|
//! | two milestones on one touch | their weights add |
//! | a milestone is missing | its weight goes to the parts that are present, in proportion |
//! | no touch between the milestones | the share of the others goes to the milestones, in proportion |
//! | one touch | it gets everything |
//! | touches at the same instant | they keep the order in which they came |
//! | `last_non_direct` and only direct touches | the last touch |
//! | `lead_creation` without that milestone | nobody: the caller credits *unknown* |
//! | no touch | nobody |
//!
//! Touches after the milestone that is being explained are not here: the caller cuts the journey
//! there. (Only `full_path` and own weights look as far as the close.)

#![expect(
    clippy::indexing_slicing,
    reason = "indices are checked against the number of touches before the kernels run"
)]

use std::fmt;

use crate::near::nearest;

/// The half-life that `time_decay` means when nothing else is said: the field's default.
///
/// Most write that it is short for business buying; a company's own lags should replace it.
pub const HALF_LIFE_DAYS_DEFAULT: u32 = 7;

const SECONDS_A_DAY: u32 = 86_400;
const MICROS_A_SECOND: f64 = 1e6;
/// The weight of the youngest touch under time decay.
const DECAY_ONE: f64 = 268_435_456.0; // 2^28

/// A rule for sharing credit among the touches of one journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// Everything to the first touch.
    First,
    /// Everything to the last touch.
    Last,
    /// Everything to the last touch that is not direct; to the last one where all are direct.
    LastNonDirect,
    /// Everything to the touch that created the lead.
    LeadCreation,
    /// Everything to the touch that created the opportunity.
    OpportunityCreation,
    /// The same to every touch.
    Linear,
    /// Half as much for each half-life that a touch is older than the youngest one.
    TimeDecay {
        /// The half-life in seconds. Zero is the limit: the youngest touches share everything.
        half_life_seconds: u32,
    },
    /// 40 % first, 40 % last, 20 % shared by those between.
    UShaped,
    /// 50 % first, 50 % lead creation (Marketo Measure's U).
    USplit,
    /// 30 % each to first, lead creation and opportunity creation, 10 % shared by the others.
    WShaped,
    /// 22.5 % each to first, lead creation, opportunity creation and close, 10 % shared.
    FullPath,
    /// 20 % first, 60 % last, 20 % shared by those between.
    JShaped,
    /// 60 % first, 20 % last, 20 % shared by those between.
    InverseJ,
    /// Parts of one's own.
    Custom(CustomWeights),
}

/// The parts of a rule of one's own: whole numbers, of which only the proportions matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CustomWeights {
    /// Part of the first touch.
    pub first: u16,
    /// Part of the touch that created the lead.
    pub lead_creation: u16,
    /// Part of the touch that created the opportunity.
    pub opportunity_creation: u16,
    /// Part of the touch that closed the deal.
    pub close: u16,
    /// Part shared by all touches that carry no part above.
    pub others: u16,
}

/// One journey, touches in ascending time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Journey<'a> {
    /// Instants of the touches, microseconds since 1970, ascending. Only time decay reads the
    /// values; the length is the number of touches.
    pub at: &'a [i64],
    /// Whether a touch is direct (no known source). A shorter slice means `false` for the rest.
    pub direct: &'a [bool],
    /// Index of the touch that created the lead. `None`, or an index past the end, is *missing*.
    pub lead_creation: Option<usize>,
    /// Index of the touch that created the opportunity.
    pub opportunity_creation: Option<usize>,
    /// Index of the touch that closed the deal.
    pub close: Option<usize>,
}

/// A name that is no model, with the nearest names that are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFault {
    /// What was given.
    pub given: String,
    /// What to do about it, as a sentence.
    pub hint: String,
}

impl fmt::Display for ModelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attribution model `{}` is not known", self.given)
    }
}

impl std::error::Error for ModelFault {}

impl Model {
    /// Every model, in the order in which they are shown; time decay and own weights with defaults.
    pub const ALL: [Self; 14] = [
        Self::First,
        Self::Last,
        Self::LastNonDirect,
        Self::LeadCreation,
        Self::OpportunityCreation,
        Self::Linear,
        Self::TimeDecay { half_life_seconds: HALF_LIFE_DAYS_DEFAULT * SECONDS_A_DAY },
        Self::UShaped,
        Self::USplit,
        Self::WShaped,
        Self::FullPath,
        Self::JShaped,
        Self::InverseJ,
        Self::Custom(CustomWeights {
            first: 1,
            lead_creation: 1,
            opportunity_creation: 1,
            close: 1,
            others: 1,
        }),
    ];

    /// Returns time decay with a half-life in days, kept to the second.
    ///
    /// `None` unless the half-life is finite, positive and at most 136 years.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked in the line before"
    )]
    pub fn time_decay_days(half_life_days: f64) -> Option<Self> {
        let seconds = (half_life_days * f64::from(SECONDS_A_DAY)).round();
        (seconds >= 1.0 && seconds <= f64::from(u32::MAX))
            .then_some(Self::TimeDecay { half_life_seconds: seconds as u32 })
    }

    /// Returns the id under which definitions and commands name the model.
    pub const fn id(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::LastNonDirect => "last_non_direct",
            Self::LeadCreation => "lead_creation",
            Self::OpportunityCreation => "opportunity_creation",
            Self::Linear => "linear",
            Self::TimeDecay { .. } => "time_decay",
            Self::UShaped => "u_shaped",
            Self::USplit => "u_split",
            Self::WShaped => "w_shaped",
            Self::FullPath => "full_path",
            Self::JShaped => "j_shaped",
            Self::InverseJ => "inverse_j",
            Self::Custom(_) => "custom",
        }
    }

    /// Returns the name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "First touch",
            Self::Last => "Last touch",
            Self::LastNonDirect => "Last non-direct touch",
            Self::LeadCreation => "Lead creation",
            Self::OpportunityCreation => "Opportunity creation",
            Self::Linear => "Linear",
            Self::TimeDecay { .. } => "Time decay",
            Self::UShaped => "U-shaped (40/20/40)",
            Self::USplit => "U-shaped (50/50)",
            Self::WShaped => "W-shaped (30/30/30/10)",
            Self::FullPath => "Full path (4 × 22.5, 10)",
            Self::JShaped => "J-shaped (20/20/60)",
            Self::InverseJ => "Inverse J (60/20/20)",
            Self::Custom(_) => "Own weights",
        }
    }

    /// Returns the model with this id; time decay and own weights come with their defaults.
    pub fn from_id(id: &str) -> Result<Self, ModelFault> {
        Self::ALL.into_iter().find(|model| model.id() == id).ok_or_else(|| {
            let ids = Self::ALL.map(Self::id);
            let near = nearest(id, ids.into_iter(), 1);
            ModelFault {
                given: id.chars().take(80).collect(),
                hint: format!(
                    "Perhaps `{}`? The models are: {}.",
                    near.first().copied().unwrap_or("linear"),
                    ids.join(", ")
                ),
            }
        })
    }

    /// Returns whether the model reads one of the milestones lead, opportunity or close.
    pub const fn needs_milestones(self) -> bool {
        matches!(
            self,
            Self::LeadCreation
                | Self::OpportunityCreation
                | Self::USplit
                | Self::WShaped
                | Self::FullPath
                | Self::Custom(_)
        )
    }

    /// Returns whether the model reads the instants of the touches.
    pub const fn needs_times(self) -> bool {
        matches!(self, Self::TimeDecay { .. })
    }

    /// Returns the parts of a positional rule; `None` for time decay and last non-direct.
    const fn parts(self) -> Option<Parts> {
        let none = Parts {
            first: 0,
            lead_creation: 0,
            opportunity_creation: 0,
            close: 0,
            last: 0,
            others: 0,
        };
        Some(match self {
            Self::First => Parts { first: 1, ..none },
            Self::Last => Parts { last: 1, ..none },
            Self::LeadCreation => Parts { lead_creation: 1, ..none },
            Self::OpportunityCreation => Parts { opportunity_creation: 1, ..none },
            Self::Linear => Parts { others: 1, ..none },
            Self::UShaped => Parts { first: 2, last: 2, others: 1, ..none },
            Self::USplit => Parts { first: 1, lead_creation: 1, ..none },
            Self::WShaped => {
                Parts { first: 3, lead_creation: 3, opportunity_creation: 3, others: 1, ..none }
            }
            Self::FullPath => Parts {
                first: 9,
                lead_creation: 9,
                opportunity_creation: 9,
                close: 9,
                others: 4,
                ..none
            },
            Self::JShaped => Parts { first: 1, last: 3, others: 1, ..none },
            Self::InverseJ => Parts { first: 3, last: 1, others: 1, ..none },
            Self::Custom(own) => Parts {
                first: own.first,
                lead_creation: own.lead_creation,
                opportunity_creation: own.opportunity_creation,
                close: own.close,
                last: 0,
                others: own.others,
            },
            Self::TimeDecay { .. } | Self::LastNonDirect => return None,
        })
    }
}

/// What each position of a rule gets, in parts.
#[derive(Debug, Clone, Copy)]
struct Parts {
    first: u16,
    lead_creation: u16,
    opportunity_creation: u16,
    close: u16,
    last: u16,
    others: u16,
}

impl Parts {
    /// Returns the parts with the touch they fall on, leaving out what is missing or zero.
    fn placed(self, journey: &Journey<'_>) -> impl Iterator<Item = (u16, usize)> {
        let n = journey.at.len();
        [
            (self.first, Some(0)),
            (self.lead_creation, journey.lead_creation),
            (self.opportunity_creation, journey.opportunity_creation),
            (self.close, journey.close),
            (self.last, n.checked_sub(1)),
        ]
        .into_iter()
        .filter_map(move |(part, touch)| Some((part, touch?)))
        .filter(move |(part, touch)| *part > 0 && *touch < n)
    }
}

/// Fills `out` with the share of each touch: the definition of the model.
///
/// Shares are non-negative and sum to one. Returns `false`, with `out` all zero, where the rule has
/// nobody to credit: no touch, or none of its milestones.
pub fn shares(model: Model, journey: &Journey<'_>, out: &mut Vec<f64>) -> bool {
    let n = journey.at.len();
    out.clear();
    out.resize(n, 0.0);
    match (model, model.parts()) {
        (_, Some(parts)) => {
            let mut placed = 0.0;
            for (part, touch) in parts.placed(journey) {
                out[touch] += f64::from(part);
                placed += f64::from(part);
            }
            let n_others = out.iter().filter(|share| **share <= 0.0).count();
            let others = if n_others > 0 { f64::from(parts.others) } else { 0.0 };
            let total = placed + others;
            if total <= 0.0 {
                return false;
            }
            for share in out.iter_mut() {
                *share =
                    if *share > 0.0 { *share / total } else { others / total / n_others as f64 };
            }
        }
        (Model::TimeDecay { half_life_seconds }, None) => {
            let Some(youngest) = journey.at.last() else { return false };
            for (share, at) in out.iter_mut().zip(journey.at) {
                *share = decay(*youngest, *at, half_life_seconds);
            }
            let total: f64 = out.iter().sum();
            for share in out.iter_mut() {
                *share /= total;
            }
        }
        (_, None) => match last_non_direct(journey) {
            Some(touch) => out[touch] = 1.0,
            None => return false,
        },
    }
    n > 0
}

/// Fills `out` with whole-number weights in proportion to [`shares`]: for money.
///
/// Positional rules are exact. Time decay is `round(2^28 × 2^(-age / half-life))` with the age
/// counted from the youngest touch of the journey and not from the conversion: the proportions are
/// the same, and a journey whose touches are all old does not vanish. A touch more than 29
/// half-lives older than the youngest one gets nothing. Rounding to 2^-28 also hides the last bit,
/// in which the exponential function may differ between machines.
///
/// Returns `false`, with `out` all zero, where the rule has nobody to credit.
pub fn weights(model: Model, journey: &Journey<'_>, out: &mut Vec<u64>) -> bool {
    let n = journey.at.len();
    out.clear();
    out.resize(n, 0);
    match (model, model.parts()) {
        (_, Some(parts)) => {
            let mut credited = false;
            for (part, touch) in parts.placed(journey) {
                out[touch] += u64::from(part);
                credited = true;
            }
            if parts.others > 0 {
                let n_others = out.iter().filter(|weight| **weight == 0).count() as u64;
                if n_others > 0 {
                    for weight in out.iter_mut() {
                        *weight = match *weight {
                            0 => u64::from(parts.others),
                            part => part * n_others,
                        };
                    }
                    credited = true;
                }
            }
            credited
        }
        (Model::TimeDecay { half_life_seconds }, None) => {
            let Some(youngest) = journey.at.last() else { return false };
            for (weight, at) in out.iter_mut().zip(journey.at) {
                *weight = whole(DECAY_ONE * decay(*youngest, *at, half_life_seconds));
            }
            true
        }
        (_, None) => match last_non_direct(journey) {
            Some(touch) => {
                out[touch] = 1;
                true
            }
            None => false,
        },
    }
}

/// Splits an amount among weights so that the parts sum to it exactly.
///
/// Each part is rounded down, and the units that are left go to the largest remainders, ties to the
/// earlier touch (Hamilton's method). A negative amount is the mirror image of the positive one.
/// With no weight above zero, nobody is credited: `out` is empty and the answer is `false`.
///
/// Runs in 64 bits while amount × weight fits, and in 128 bits otherwise (only then it allocates).
pub fn split(amount_minor: i64, weights: &[u64], out: &mut Vec<i64>) -> bool {
    out.clear();
    let amount = amount_minor.unsigned_abs();
    let largest = weights.iter().copied().max().unwrap_or(0);
    if largest == 0 {
        return false;
    }
    let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    match (amount.checked_mul(largest), u64::try_from(total)) {
        (Some(_), Ok(total)) => split_narrow(amount, weights, total, out),
        _ => split_wide(amount, weights, total, out),
    }
    if amount_minor < 0 {
        for part in out.iter_mut() {
            // Wrapping, because the one part of `i64::MIN` is its own mirror image.
            *part = part.wrapping_neg();
        }
    }
    true
}

/// The common case. The remainders stand behind the parts in `out` until they have been ranked.
fn split_narrow(amount: u64, weights: &[u64], total: u64, out: &mut Vec<i64>) {
    let n = weights.len();
    out.resize(2 * n, 0);
    let (parts, remainders) = out.split_at_mut(n);
    let mut left = amount;
    for ((weight, part), remainder) in weights.iter().zip(&mut *parts).zip(&mut *remainders) {
        let product = amount * weight;
        let floor = product / total;
        left -= floor;
        *part = floor.cast_signed();
        *remainder = (product - floor * total).cast_signed();
    }
    // Fewer units are left than there are touches with a remainder.
    if let Some(rank) = usize::try_from(left).ok().and_then(|left| left.checked_sub(1)) {
        let by_size = |a: &i64, b: &i64| b.cast_unsigned().cmp(&a.cast_unsigned());
        let (above, bar, _) = remainders.select_nth_unstable_by(rank, by_size);
        let bar = bar.cast_unsigned();
        let n_above = above.iter().filter(|remainder| remainder.cast_unsigned() > bar).count();
        let mut at_bar = rank + 1 - n_above;
        for (weight, part) in weights.iter().zip(parts) {
            let remainder = amount * weight - part.cast_unsigned() * total;
            let one_more = remainder > bar || (remainder == bar && at_bar > 0);
            at_bar -= usize::from(one_more && remainder == bar);
            *part += i64::from(one_more);
        }
    }
    out.truncate(n);
}

fn split_wide(amount: u64, weights: &[u64], total: u128, out: &mut Vec<i64>) {
    let mut left = amount;
    let mut ranked: Vec<(u128, usize)> = Vec::with_capacity(weights.len());
    for (touch, weight) in weights.iter().enumerate() {
        let product = u128::from(amount) * u128::from(*weight);
        // A part is never larger than the amount.
        let floor = u64::try_from(product / total).unwrap_or(amount);
        left -= floor;
        out.push(floor.cast_signed());
        ranked.push((product % total, touch));
    }
    ranked.sort_unstable_by_key(|(remainder, touch)| (std::cmp::Reverse(*remainder), *touch));
    for (_, touch) in ranked.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        out[touch] += 1;
    }
}

/// Returns `2^(-age / half-life)` with the age counted from the youngest touch.
fn decay(youngest: i64, at: i64, half_life_seconds: u32) -> f64 {
    // Two instants may lie further apart than an `i64` holds.
    let age = (i128::from(youngest) - i128::from(at)).max(0) as f64;
    if age <= 0.0 {
        return 1.0;
    }
    // A half-life of zero divides to infinity, and what is older gets nothing.
    (-age / (f64::from(half_life_seconds) * MICROS_A_SECOND)).exp2()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value lies in 0..=2^28"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// Returns the touch that `last_non_direct` credits, `None` without touches.
fn last_non_direct(journey: &Journey<'_>) -> Option<usize> {
    let n = journey.at.len();
    (0..n)
        .rev()
        .find(|touch| !journey.direct.get(*touch).copied().unwrap_or(false))
        .or_else(|| n.checked_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;

    /// The rules at their edges. `touches`: `o` a touch, `d` a direct one; milestones are indices;
    /// the last column is the expected proportion of each touch, `unknown` where nobody is
    /// credited.
    const EDGES: &str = "
        model                 touches  lead  opp  close  expected
        first                 ooo      -     -    -      1 0 0
        last                  ooo      -     -    -      0 0 1
        last                  d        -     -    -      1
        last_non_direct       oodd     -     -    -      0 1 0 0
        last_non_direct       ddd      -     -    -      0 0 1
        last_non_direct       odo      -     -    -      0 0 1
        lead_creation         ooo      1     -    -      0 1 0
        lead_creation         ooo      -     2    2      unknown
        lead_creation         ooo      3     -    -      unknown
        opportunity_creation  ooo      -     2    -      0 0 1
        linear                ooo      -     -    -      1 1 1
        linear                o        -     -    -      1

        # U 40/20/40: one touch gets all, two get half each.
        u_shaped              o        -     -    -      1
        u_shaped              oo       -     -    -      1 1
        u_shaped              ooo      -     -    -      2 1 2
        u_shaped              ooooo    -     -    -      6 1 1 1 6

        # J and inverse J: without a middle its fifth goes to the ends in proportion.
        j_shaped              o        -     -    -      1
        j_shaped              oo       -     -    -      1 3
        j_shaped              oooo     -     -    -      2 1 1 6
        inverse_j             oo       -     -    -      3 1
        inverse_j             oooo     -     -    -      6 1 1 2

        # Marketo's U: coinciding milestones add, a missing lead leaves all with the first.
        u_split               ooo      2     -    -      1 0 1
        u_split               ooo      0     -    -      1 0 0
        u_split               ooo      -     -    -      1 0 0

        # W: all there; two on one touch; one missing; two missing; nothing between.
        w_shaped              ooooo    2     4    -      6 1 6 1 6
        w_shaped              ooooo    2     2    -      9 1 18 1 1
        w_shaped              oooo     0     3    -      12 1 1 6
        w_shaped              oooo     0     0    -      27 1 1 1
        w_shaped              oooo     -     3    -      6 1 1 6
        w_shaped              oooo     -     -    -      9 1 1 1
        w_shaped              ooo      1     2    -      1 1 1
        w_shaped              oo       0     1    -      2 1
        w_shaped              o        0     0    -      1

        # Full path runs to the close.
        full_path             oooooo   1     3    5      18 18 4 18 4 18
        full_path             oooo     1     2    3      1 1 1 1
        full_path             oooo     1     2    -      9 9 9 4
        full_path             ooo      2     2    2      9 4 27
        full_path             o        0     0    0      1

        # Own weights, all ones: first, lead, opportunity and close 1 each, 1 for the rest together.
        custom                oooooo   1     3    5      2 2 1 2 1 2
        custom                oo       -     -    -      1 1

        time_decay            o        -     -    -      1
    ";

    #[test]
    fn every_rule_keeps_its_word_at_the_edges() {
        for line in EDGES.lines().map(str::trim).skip(2) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let cells: Vec<&str> = line.split_whitespace().collect();
            let [model, touches, lead, opportunity, close, expected @ ..] = cells.as_slice() else {
                panic!("{line}")
            };
            check(line, model, touches, [lead, opportunity, close], expected);
        }
    }

    #[track_caller]
    fn check(line: &str, model: &str, touches: &str, milestones: [&str; 3], expected: &[&str]) {
        let model = Model::from_id(model).unwrap();
        let at: Vec<i64> = (0..).map(|day| day * DAY).take(touches.len()).collect();
        let direct: Vec<bool> = touches.chars().map(|touch| touch == 'd').collect();
        let [lead_creation, opportunity_creation, close] = milestones.map(|cell| cell.parse().ok());
        let journey =
            Journey { at: &at, direct: &direct, lead_creation, opportunity_creation, close };
        let (mut exact, mut whole) = (Vec::new(), Vec::new());
        let credited = weights(model, &journey, &mut whole);
        assert_eq!(credited, shares(model, &journey, &mut exact), "{line}");
        if expected == ["unknown"] {
            assert!(!credited, "{line}");
            assert!(whole.iter().all(|weight| *weight == 0), "{line}");
            assert!(exact.iter().all(|share| *share == 0.0), "{line}");
            return;
        }
        assert!(credited, "{line}");
        let expected: Vec<u64> = expected.iter().map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(whole.len(), expected.len(), "{line}");
        let (total, sum) = (whole.iter().sum::<u64>(), expected.iter().sum::<u64>());
        for ((weight, share), part) in whole.iter().zip(&exact).zip(&expected) {
            assert_eq!(weight * sum, part * total, "{line}: weights {whole:?}");
            assert!((share - *part as f64 / sum as f64).abs() < 1e-15, "{line}: shares {exact:?}");
        }
    }

    #[test]
    fn time_decay_halves_with_each_half_life() {
        // Event, search, email, email, sales: 40, 21, 7, 3 and 0 days before the conversion.
        let at = [40, 21, 7, 3, 0].map(|days: i64| 1_700_000_000_000_000 - days * DAY);
        let journey = Journey { at: &at, ..Journey::default() };
        let mut exact = Vec::new();
        shares(Model::time_decay_days(7.0).unwrap(), &journey, &mut exact);
        let by_hand = [
            0.007_979_361_288_87,
            0.052_366_017_468_9,
            0.209_464_069_876,
            0.311_262_411_615,
            0.418_928_139_752,
        ];
        for (share, expected) in exact.iter().zip(by_hand) {
            assert!((share - expected).abs() < 1e-12, "{share} {expected}");
        }
    }

    #[test]
    fn an_old_journey_does_not_decay_to_nothing() {
        let at = [0, DAY, 2 * DAY];
        let journey = Journey { at: &at, ..Journey::default() };
        let mut whole = Vec::new();
        assert!(weights(Model::TimeDecay { half_life_seconds: 1 }, &journey, &mut whole));
        assert_eq!(whole, [0, 0, 1 << 28]);
        assert!(weights(Model::TimeDecay { half_life_seconds: 0 }, &journey, &mut whole));
        assert_eq!(whole, [0, 0, 1 << 28]);
        let at = [i64::MIN, i64::MAX, i64::MAX];
        let journey = Journey { at: &at, ..Journey::default() };
        assert!(weights(Model::TimeDecay { half_life_seconds: 604_800 }, &journey, &mut whole));
        assert_eq!(whole, [0, 1 << 28, 1 << 28]);
    }

    #[test]
    fn units_that_are_left_go_to_the_largest_remainder_and_then_to_the_earlier_touch() {
        let mut out = Vec::new();
        for (amount, weights, expected) in [
            (100, &[1, 1, 1][..], &[34, 33, 33][..]),
            (101, &[1, 1, 1], &[34, 34, 33]),
            (-100, &[1, 1, 1], &[-34, -33, -33]),
            (10, &[1, 2, 4], &[1, 3, 6]), // 1.43, 2.86, 5.71
            (0, &[1, 2], &[0, 0]),
            (1, &[0, 1, 1], &[0, 1, 0]),
            (7, &[0, 5], &[0, 7]),
            (i64::MIN, &[3], &[i64::MIN]),
            (i64::MAX, &[u64::MAX, u64::MAX], &[i64::MAX / 2 + 1, i64::MAX / 2]),
            (i64::MIN, &[1, 1], &[i64::MIN / 2, i64::MIN / 2]),
        ] {
            assert!(split(amount, weights, &mut out));
            assert_eq!(out, expected, "{amount} among {weights:?}");
        }
        assert!(!split(100, &[], &mut out) && out.is_empty());
        assert!(!split(100, &[0, 0], &mut out) && out.is_empty());
    }

    #[test]
    fn ids_are_distinct_and_read_back() {
        for model in Model::ALL {
            assert_eq!(Model::from_id(model.id()), Ok(model));
            assert!(!model.name().is_empty());
        }
        let fault = Model::from_id("u_shape").unwrap_err();
        assert_eq!(fault.to_string(), "attribution model `u_shape` is not known");
        assert!(fault.hint.starts_with("Perhaps `u_shaped`?"), "{}", fault.hint);
        assert_eq!(Model::time_decay_days(0.0), None);
        assert_eq!(Model::time_decay_days(f64::NAN), None);
        assert_eq!(Model::time_decay_days(1e9), None);
    }

    prop_compose! {
        fn journeys()(
            touches in prop::collection::vec((0_i64..40_000_000_000_000, any::<bool>()), 0..12),
            lead in prop::option::of(0_usize..14),
            opportunity in prop::option::of(0_usize..14),
            close in prop::option::of(0_usize..14),
            model in 0..Model::ALL.len(),
            own in any::<[u16; 5]>(),
            half_life_seconds in any::<u32>(),
        ) -> (Vec<i64>, Vec<bool>, [Option<usize>; 3], Model) {
            let (mut at, direct): (Vec<i64>, Vec<bool>) = touches.into_iter().unzip();
            at.sort_unstable();
            let model = match Model::ALL[model] {
                Model::Custom(_) => {
                    let [first, lead_creation, opportunity_creation, close, others] = own;
                    Model::Custom(CustomWeights {
                        first, lead_creation, opportunity_creation, close, others,
                    })
                }
                Model::TimeDecay { .. } => Model::TimeDecay { half_life_seconds },
                model => model,
            };
            (at, direct, [lead, opportunity, close], model)
        }
    }

    proptest! {
        #[test]
        fn credit_sums_to_the_deal_for_every_model(
            (at, direct, [lead_creation, opportunity_creation, close], model) in journeys(),
            amount in any::<i64>(),
        ) {
            let journey =
                Journey { at: &at, direct: &direct, lead_creation, opportunity_creation, close };
            let (mut whole, mut exact, mut out) = (Vec::new(), Vec::new(), Vec::new());
            let credited = weights(model, &journey, &mut whole);
            prop_assert_eq!(credited, shares(model, &journey, &mut exact));
            prop_assert_eq!(credited, split(amount, &whole, &mut out));
            if !credited {
                prop_assert!(out.is_empty());
                return Ok(());
            }
            prop_assert_eq!(out.iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(amount));
            let total: u64 = whole.iter().sum();
            for ((weight, share), part) in whole.iter().zip(&exact).zip(&out) {
                // The whole-number weights and the definition agree to 2^-27.
                let difference = *weight as f64 / total as f64 - share;
                prop_assert!(difference.abs() <= 2.0_f64.powi(-27), "{:?} {:?}", whole, exact);
                // No touch is a whole unit away from its fair part.
                let fair = i128::from(amount) * i128::from(*weight);
                let off = i128::from(*part) * i128::from(total) - fair;
                prop_assert!(off.abs() < i128::from(total));
            }
        }

        #[test]
        fn both_widths_split_alike(
            amount in any::<u64>(),
            weights in prop::collection::vec(0_u64..1000, 1..40),
        ) {
            let amount = amount >> 12;
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let total: u64 = weights.iter().sum();
            let (mut narrow, mut wide) = (Vec::new(), Vec::new());
            split_narrow(amount, &weights, total, &mut narrow);
            split_wide(amount, &weights, u128::from(total), &mut wide);
            prop_assert_eq!(narrow, wide);
        }
    }
}
