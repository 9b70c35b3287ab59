//! How much more often something happens to cases that a rule points at.
//!
//! The ratio of two shares, those of flagged and of other cases, compared within strata and
//! weighted over them as Mantel and Haenszel (1959) do, so that a rule that merely picks out a
//! stratum shows no lift. The same subject may be seen several times: the variance is that of sums
//! over subjects (Liang and Zeger 1986), on the scale of the logarithm, with Student's t for few
//! subjects. Many rules at once are adjusted by [`crate::multiple`].

use std::collections::{BTreeMap, BTreeSet};

use crate::interval::Interval;
use crate::special::{t_cdf, t_quantile};

/// One look at a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Whether the rule points at it.
    pub flagged: bool,
    /// Whether the event happened.
    pub happened: bool,
    /// What is compared with its like only.
    pub stratum: u32,
    /// Who was looked at.
    pub subject: u32,
}

/// Cases on one side of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Side {
    /// Looks.
    pub n: u64,
    /// Looks after which the event happened.
    pub k: u64,
    /// Subjects.
    pub subjects: u64,
}

/// What a rule is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Lift {
    /// Cases that the rule points at.
    pub with: Side,
    /// All others.
    pub without: Side,
    /// Share of events among flagged cases over that among the others, within strata; none where
    /// one of them is zero, or where no stratum holds both.
    pub ratio: Option<Interval>,
    /// Probability of a ratio this far from 1, either way, where the rule says nothing.
    pub p: Option<f64>,
}

/// Returns what a rule is worth on these cases, with an interval of this confidence.
pub fn lift(cases: &[Case], level: f64) -> Lift {
    let mut strata: BTreeMap<u32, [Side; 2]> = BTreeMap::new();
    let mut subjects: BTreeSet<(u32, bool)> = BTreeSet::new();
    for case in cases {
        let [with, without] = strata.entry(case.stratum).or_default();
        let side = if case.flagged { with } else { without };
        side.n += 1;
        side.k += u64::from(case.happened);
        subjects.insert((case.subject, case.flagged));
    }
    let mut lift = Lift { with: Side::default(), without: Side::default(), ratio: None, p: None };
    for [with, without] in strata.values() {
        lift.with.n += with.n;
        lift.with.k += with.k;
        lift.without.n += without.n;
        lift.without.k += without.k;
    }
    for (_, flagged) in &subjects {
        let side = if *flagged { &mut lift.with } else { &mut lift.without };
        side.subjects += 1;
    }
    // Shares of both sides, standardized to the strata in which they can be compared.
    let weight = |[with, without]: &[Side; 2]| {
        let (a, b) = (with.n as f64, without.n as f64);
        if a > 0.0 && b > 0.0 { a * b / (a + b) } else { 0.0 }
    };
    let share = |side: &Side| side.k as f64 / side.n.max(1) as f64;
    let (mut above, mut below) = (0.0, 0.0);
    for sides in strata.values() {
        above += weight(sides) * share(&sides[0]);
        below += weight(sides) * share(&sides[1]);
    }
    if above <= 0.0 || below <= 0.0 {
        return lift;
    }
    let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
    for case in cases {
        let Some(sides) = strata.get(&case.stratum) else { continue };
        let weight = weight(sides);
        if weight <= 0.0 {
            continue;
        }
        let y = if case.happened { 1.0 } else { 0.0 };
        let part = if case.flagged {
            weight * (y - share(&sides[0])) / (sides[0].n as f64 * above)
        } else {
            -weight * (y - share(&sides[1])) / (sides[1].n as f64 * below)
        };
        *sums.entry(case.subject).or_default() += part;
    }
    let n = sums.len() as f64;
    if n < 3.0 || !(level > 0.0 && level < 1.0) {
        return lift;
    }
    let variance = sums.values().map(|sum| sum * sum).sum::<f64>() * n / (n - 1.0);
    let (log, spread) = ((above / below).ln(), variance.sqrt());
    if spread > 0.0 && spread.is_finite() {
        let half = t_quantile(0.5 + 0.5 * level, n - 1.0) * spread;
        let point = log.exp();
        lift.ratio = Some(Interval { point, low: (log - half).exp(), high: (log + half).exp() });
        lift.p = Some((2.0 * t_cdf(-(log / spread).abs(), n - 1.0)).min(1.0));
    }
    lift
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::SplitMix64;

    fn cases(counts: &[(bool, bool, u32, u32)]) -> Vec<Case> {
        let mut subject = 0;
        let mut out = Vec::new();
        for &(flagged, happened, stratum, n) in counts {
            for _ in 0..n {
                subject += 1;
                out.push(Case { flagged, happened, stratum, subject });
            }
        }
        out
    }

    #[test]
    fn one_stratum_gives_the_ratio_of_shares_and_the_interval_of_katz() {
        // 30 of 40 against 20 of 60: ratio 2.25; the log has variance 1/30 - 1/40 + 1/20 - 1/60.
        let lift = lift(
            &cases(&[
                (true, true, 0, 30),
                (true, false, 0, 10),
                (false, true, 0, 20),
                (false, false, 0, 40),
            ]),
            0.95,
        );
        let ratio = lift.ratio.unwrap();
        assert!((ratio.point - 2.25).abs() < 1e-12);
        let variance: f64 = 1.0 / 30.0 - 1.0 / 40.0 + 1.0 / 20.0 - 1.0 / 60.0;
        let half = t_quantile(0.975, 99.0) * (variance * 100.0 / 99.0).sqrt();
        assert!((ratio.low - 2.25 * (-half).exp()).abs() < 1e-9, "{ratio:?}");
        assert!((ratio.high - 2.25 * half.exp()).abs() < 1e-9, "{ratio:?}");
        assert_eq!((lift.with.n, lift.with.k, lift.without.n, lift.without.k), (40, 30, 60, 20));
    }

    #[test]
    fn a_rule_that_only_picks_a_stratum_has_no_lift() {
        // Nine tenths lost in stratum 0, one fifth in stratum 1; the rule is nearly stratum 0.
        let lift = lift(
            &cases(&[
                (true, true, 0, 810),
                (true, false, 0, 90),
                (false, true, 0, 90),
                (false, false, 0, 10),
                (true, true, 1, 20),
                (true, false, 1, 80),
                (false, true, 1, 180),
                (false, false, 1, 720),
            ]),
            0.95,
        );
        let crude = (830.0 / 1000.0) / (270.0 / 1000.0);
        assert!(crude > 3.0);
        let ratio = lift.ratio.unwrap();
        assert!((ratio.point - 1.0).abs() < 1e-12, "{ratio:?}");
        assert!(ratio.low < 1.0 && ratio.high > 1.0);
    }

    #[test]
    fn looking_at_a_subject_twice_tells_nothing_more() {
        let once = cases(&[
            (true, true, 0, 30),
            (true, false, 0, 10),
            (false, true, 0, 20),
            (false, false, 0, 40),
        ]);
        let twice: Vec<Case> = once.iter().flat_map(|case| [*case, *case]).collect();
        let (a, b) = (lift(&once, 0.95).ratio.unwrap(), lift(&twice, 0.95).ratio.unwrap());
        assert!((a.low - b.low).abs() < 1e-12 && (a.high - b.high).abs() < 1e-12);
    }

    #[test]
    fn the_interval_covers_what_is_true() {
        // Subjects are seen one to four times, and share their luck.
        let (mut covered, mut false_alarms) = (0, 0);
        for seed in 0..400 {
            let mut random = SplitMix64::stream(7, seed);
            let mut drawn = |truth: f64| {
                let mut cases = Vec::new();
                for subject in 0..150 {
                    let stratum = u32::try_from(random.below(3)).unwrap();
                    let flagged = random.uniform() < 0.2 + 0.2 * f64::from(stratum);
                    let share = 0.2 + 0.1 * f64::from(stratum);
                    let share = if flagged { share * truth } else { share };
                    let happened = random.uniform() < share;
                    for _ in 0..=random.below(4) {
                        cases.push(Case { flagged, happened, stratum, subject });
                    }
                }
                cases
            };
            let ratio = lift(&drawn(1.6), 0.95).ratio.unwrap();
            covered += i32::from(ratio.low <= 1.6 && 1.6 <= ratio.high);
            false_alarms += i32::from(lift(&drawn(1.0), 0.95).p.unwrap() < 0.05);
        }
        assert!((364..=396).contains(&covered), "covered {covered} of 400");
        assert!(false_alarms <= 36, "{false_alarms} false alarms of 400");
    }

    #[test]
    fn what_cannot_be_compared_has_no_ratio() {
        assert_eq!(lift(&[], 0.95).ratio, None);
        let apart = cases(&[(true, true, 0, 9), (false, true, 1, 9)]);
        assert_eq!(lift(&apart, 0.95).ratio, None);
        let never = cases(&[(true, false, 0, 9), (false, true, 0, 9)]);
        assert_eq!(lift(&never, 0.95).ratio, None);
    }

    proptest! {
        #[test]
        fn the_order_of_cases_does_not_matter(
            drawn in prop::collection::vec((any::<bool>(), any::<bool>(), 0_u32..3, 0_u32..20), 0..80),
            seed in any::<u64>(),
        ) {
            let cases: Vec<Case> = drawn
                .into_iter()
                .map(|(flagged, happened, stratum, subject)| Case { flagged, happened, stratum, subject })
                .collect();
            let mut shuffled = cases.clone();
            SplitMix64::new(seed).shuffle(&mut shuffled);
            let (a, b) = (lift(&cases, 0.9), lift(&shuffled, 0.9));
            prop_assert_eq!((a.with, a.without), (b.with, b.without));
            prop_assert_eq!(a.ratio.is_some(), b.ratio.is_some());
            if let (Some(a), Some(b)) = (a.ratio, b.ratio) {
                prop_assert!((a.low - b.low).abs() < 1e-9 * a.low.max(1.0));
                prop_assert!(a.low <= a.point && a.point <= a.high);
            }
        }
    }
}
