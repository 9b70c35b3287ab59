//! Waiting times: invariants and hand-made cases.

#![expect(clippy::float_cmp, reason = "what is exact is said to be")]

use proptest::prelude::*;

use super::compare::{Weight, log_rank};
use super::curve::{Ties, kaplan_meier, kaplan_meier_from, nelson_aalen};
use super::incidence::aalen_johansen;
use super::{Fault, Observed, Table};

fn table(time: &[f64], cause: &[u16], entry: &[f64]) -> Table {
    Table::of(&Observed { time, cause, entry }).unwrap()
}

#[test]
fn what_cannot_be_counted_is_named() {
    let of = |time: &[f64], cause: &[u16], entry: &[f64]| {
        Table::of(&Observed { time, cause, entry }).unwrap_err()
    };
    assert_eq!(of(&[1.0], &[], &[]), Fault::Lengths);
    assert_eq!(of(&[1.0, -1.0], &[0, 0], &[]), Fault::Time(1));
    assert_eq!(of(&[f64::NAN], &[0], &[]), Fault::Time(0));
    assert_eq!(of(&[3.0, 2.0], &[0, 1], &[0.0, 2.0]), Fault::Entry(1));
    let empty = table(&[], &[], &[]);
    assert_eq!(kaplan_meier(&empty).survival(3.0), 1.0);
    assert_eq!(kaplan_meier(&empty).median(0.95).point, None);
}

#[test]
fn a_small_curve_is_that_of_the_hand() {
    // Five subjects: events at 2, 3, 3, censored at 4, event at 5.
    let table = table(&[3.0, 2.0, 5.0, 3.0, 4.0], &[1, 1, 1, 1, 0], &[]);
    let curve = kaplan_meier(&table);
    let survival: Vec<f64> = curve.steps().iter().map(|step| step.survival).collect();
    assert_eq!(survival, [0.8, 0.8 * 0.5, 0.0]);
    assert_eq!(curve.median(0.95).point, Some(3.0));
    let greenwood = 1.0 / 20.0 + 2.0 / 8.0;
    assert!((curve.steps()[1].greenwood - greenwood).abs() < 1e-15);
    // 2 days full, 1 day at 0.8, 1 day at 0.4.
    assert!((curve.restricted_mean(4.0, 0.95).point - 3.2).abs() < 1e-14);
    let hazard = nelson_aalen(&table, Ties::AtOnce);
    assert!((hazard[2].hazard - (0.2 + 0.5 + 1.0)).abs() < 1e-15);
    let hazard = nelson_aalen(&table, Ties::InTurn);
    assert!((hazard[1].hazard - (0.2 + 0.25 + 1.0 / 3.0)).abs() < 1e-15);
}

#[test]
fn late_entries_are_at_risk_only_after_they_enter() {
    // The second enters at 2, when the first leaves: it is not at risk at 2, but is at 3.
    let table = table(&[2.0, 6.0, 3.0], &[1, 0, 1], &[0.0, 2.0, 0.0]);
    let curve = kaplan_meier(&table);
    let at_risk: Vec<u64> = curve.steps().iter().map(|step| step.at_risk).collect();
    assert_eq!(at_risk, [2, 2]);
    assert_eq!(curve.survival(2.0), 0.5);
    assert_eq!(curve.survival(3.0), 0.25);
    assert_eq!(kaplan_meier_from(&table, 2.5).survival(3.0), 0.5);
}

/// Draws of (time, cause, entry), some in whole days, some not.
fn subjects() -> impl Strategy<Value = Vec<(f64, u16, f64)>> {
    let one = (0.0..60.0_f64, 0.01..40.0_f64, 0_u16..3, any::<bool>(), any::<bool>());
    let one = one.prop_map(|(entry, wait, cause, late, whole)| {
        let entry = if late { entry } else { 0.0 };
        let entry = if whole { entry.floor() } else { entry };
        let time = entry + wait;
        let time = if whole { time.ceil().max(entry + 1.0) } else { time };
        (time, cause, entry)
    });
    prop::collection::vec(one, 1..60)
}

fn columns(subjects: &[(f64, u16, f64)]) -> (Vec<f64>, Vec<u16>, Vec<f64>) {
    let time = subjects.iter().map(|one| one.0).collect();
    let cause = subjects.iter().map(|one| one.1).collect();
    (time, cause, subjects.iter().map(|one| one.2).collect())
}

/// The influence of each subject on the share, from the definition: the slow second opinion.
fn jackknife(subjects: &[(f64, u16, f64)], cause: u16, until: f64) -> f64 {
    let share = |out: Option<usize>, weight: f64| {
        let mut times: Vec<f64> =
            subjects.iter().filter(|one| one.1 > 0).map(|one| one.0).collect();
        times.sort_unstable_by(f64::total_cmp);
        times.dedup();
        let (mut waiting, mut share) = (1.0, 0.0);
        for time in times.into_iter().filter(|time| *time <= until) {
            let (mut n, mut d, mut k) = (0.0, 0.0, 0.0);
            for (at, one) in subjects.iter().enumerate() {
                let w = if Some(at) == out { weight } else { 1.0 };
                if (one.2 <= 0.0 || one.2 < time) && one.0 >= time {
                    n += w;
                    d += if one.1 > 0 && one.0 == time { w } else { 0.0 };
                    k += if one.1 == cause && one.0 == time { w } else { 0.0 };
                }
            }
            share += waiting * k / n;
            waiting *= 1.0 - d / n;
        }
        share
    };
    let step = 1e-5;
    let influence = |at| (share(Some(at), 1.0 + step) - share(Some(at), 1.0 - step)) / (2.0 * step);
    (0..subjects.len()).map(influence).map(|u: f64| u * u).sum::<f64>().sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn censoring_later_never_lowers_survival(
        mut subjects in subjects(),
        pick in any::<prop::sample::Index>(),
        more in 0.0..50.0_f64,
    ) {
        let (time, cause, entry) = columns(&subjects);
        let before = kaplan_meier(&table(&time, &cause, &entry));
        let at = pick.index(subjects.len());
        prop_assume!(subjects[at].1 == 0);
        subjects[at].0 += more;
        let (time, cause, entry) = columns(&subjects);
        let after = kaplan_meier(&table(&time, &cause, &entry));
        for step in before.steps() {
            prop_assert!(after.survival(step.time) >= step.survival - 1e-12);
        }
    }

    #[test]
    fn the_order_of_subjects_changes_nothing(subjects in subjects(), seed in any::<u64>()) {
        let (time, cause, entry) = columns(&subjects);
        let first = table(&time, &cause, &entry);
        let mut shuffled = subjects;
        crate::random::SplitMix64::new(seed).shuffle(&mut shuffled);
        let (time, cause, entry) = columns(&shuffled);
        prop_assert_eq!(first, table(&time, &cause, &entry));
    }

    #[test]
    fn days_counted_in_place_and_days_sorted_are_the_same(subjects in subjects()) {
        let whole: Vec<_> = subjects
            .iter()
            .map(|one| (one.2.floor() + (one.0 - one.2).ceil(), one.1, one.2.floor()))
            .collect();
        let (time, cause, entry) = columns(&whole);
        let counted = table(&time, &cause, &entry);
        // One subject at half a day, outside all others, makes the times go the other way.
        let (mut time, mut cause, mut entry) = (time, cause, entry);
        time.push(200.5);
        cause.push(0);
        entry.push(200.25);
        let sorted = table(&time, &cause, &entry);
        prop_assert_eq!(counted.rows(), &sorted.rows()[..counted.rows().len()]);
    }

    #[test]
    fn shares_of_all_causes_and_of_those_who_wait_sum_to_one(subjects in subjects()) {
        let (time, cause, entry) = columns(&subjects);
        let table = table(&time, &cause, &entry);
        let curve = kaplan_meier(&table);
        let [first, second] = [1, 2].map(|cause| aalen_johansen(&table, cause));
        for ((a, b), step) in first.steps().iter().zip(second.steps()).zip(curve.steps()) {
            prop_assert!((a.share + b.share + a.waiting - 1.0).abs() < 1e-12);
            prop_assert!((a.waiting - step.survival).abs() < 1e-12);
        }
    }

    #[test]
    fn errors_are_those_of_the_jackknife(mut subjects in subjects(), cause in 1_u16..3) {
        for one in &mut subjects {
            one.2 = 0.0;
        }
        let (time, causes, entry) = columns(&subjects);
        let found = aalen_johansen(&table(&time, &causes, &entry), cause);
        for step in found.steps() {
            let slow = jackknife(&subjects, cause, step.time);
            prop_assert!((step.error - slow).abs() < 1e-6, "{} and {slow}", step.error);
        }
    }

    #[test]
    fn scaled_time_scales_quantiles_and_means(subjects in subjects(), factor in 0.01..100.0_f64) {
        let (time, cause, entry) = columns(&subjects);
        let before = kaplan_meier(&table(&time, &cause, &entry));
        let scaled = |values: &[f64]| values.iter().map(|value| value * factor).collect::<Vec<_>>();
        let after = kaplan_meier(&table(&scaled(&time), &cause, &scaled(&entry)));
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a * factor - b).abs() < 1e-9 * b,
            (a, b) => a == b,
        };
        let (a, b) = (before.median(0.9), after.median(0.9));
        prop_assert!(near(a.point, b.point) && near(a.low, b.low) && near(a.high, b.high));
        let (a, b) = (before.restricted_mean(30.0, 0.9), after.restricted_mean(30.0 * factor, 0.9));
        prop_assert!((a.point * factor - b.point).abs() < 1e-9 * b.point.max(1e-9));
    }
}

#[test]
fn groups_that_wait_alike_do_not_differ_and_others_do() {
    let time: Vec<f64> = (1..=40).map(f64::from).collect();
    let cause = vec![1; 40];
    let later: Vec<f64> = time.iter().map(|time| time + 30.0).collect();
    let group = |time| Observed { time, cause: &cause, entry: &[] };
    let same = log_rank(&[group(&time), group(&time)], Weight::Even).unwrap();
    assert!(same.chi_square < 1e-20 && same.p > 0.999_999);
    let other = log_rank(&[group(&time), group(&later)], Weight::Even).unwrap();
    assert!(other.p < 1e-9 && other.degrees == 1);
    let three = log_rank(&[group(&time), group(&later), group(&time)], Weight::Even).unwrap();
    assert_eq!(three.degrees, 2);
    assert!((three.observed.iter().sum::<f64>() - three.expected.iter().sum::<f64>()).abs() < 1e-9);
}
