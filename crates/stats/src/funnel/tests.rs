//! Tests of funnels.

use super::*;
use proptest::prelude::*;

fn wait(days: f64, end: End) -> Wait {
    Wait { days, end }
}

fn entry(case: u32, stage: u16, time: f64) -> Entry {
    Entry { case, stage: Some(stage), time }
}

fn question(stages: u16, now: f64, rule: Rule) -> Question {
    Question { stages, now, rule, entered: None, within: Within::default() }
}

#[test]
fn who_is_on_the_way_has_not_failed() {
    // Ten that entered long ago, half went on after 10 days; ten of yesterday.
    let mut waits = vec![wait(10.0, End::Passed); 5];
    waits.extend(vec![wait(100.0, End::Waiting); 5]);
    waits.extend(vec![wait(1.0, End::Waiting); 10]);
    let found = transition(&waits, &Within { horizon: Some(30.0), ..Within::default() });
    assert_eq!((found.n, found.passed, found.waiting, found.mature), (20, 5, 15, 10));
    let share = found.share.unwrap();
    assert!((share.point - 0.5).abs() < 1e-12, "{share:?}");
    assert!(share.low < 0.5 && share.high > 0.5 && share.high < 0.9);
    assert!((found.median.unwrap().point - 10.0).abs() < 1e-12);
}

#[test]
fn leaving_rules_going_on_out() {
    // 4 pass at 1, 4 leave at 2, of the last two one passes at 3 and one is last seen at 2.5.
    let mut waits = vec![wait(1.0, End::Passed); 4];
    waits.extend(vec![wait(2.0, End::Left); 4]);
    waits.extend([wait(2.5, End::Waiting), wait(3.0, End::Passed)]);
    let found = transition(&waits, &Within { horizon: Some(5.0), ..Within::default() });
    // By hand: 0.4, then the 0.2 that is left passes whole at 3.
    assert!((found.share.unwrap().point - 0.6).abs() < 1e-12, "{found:?}");
    assert_eq!((found.median.unwrap().point, found.p90.unwrap().point), (1.0, 3.0));
}

#[test]
fn complete_waits_are_counted_and_have_wilsons_limits() {
    let waits: Vec<Wait> = (1..=40_u8)
        .map(|day| wait(f64::from(day), if day % 4 == 0 { End::Left } else { End::Passed }))
        .collect();
    let found = transition(&waits, &Within::default());
    assert_eq!(found.share, wilson(30, 40, 0.95));
    assert_eq!(found.horizon, Some(40.0));
    let days: Vec<f64> =
        waits.iter().filter(|wait| wait.end == End::Passed).map(|wait| wait.days).collect();
    assert_eq!(found.passed_median, interval::quantile_sorted(&days, 0.5));
    let median = found.median.unwrap();
    let (low, high) = median.limits.unwrap();
    assert!(low < median.point && median.point < high && low > 8.0 && high < 32.0, "{median:?}");
    assert!((median.point - found.passed_median.unwrap()).abs() <= 1.0);
}

#[test]
fn nothing_is_said_of_nobody() {
    let found = transition(&[], &Within::default());
    assert_eq!((found.n, found.share, found.median, found.horizon), (0, None, None, None));
    let none = [wait(f64::NAN, End::Passed), wait(-1.0, End::Left)];
    assert_eq!(transition(&none, &Within::default()), found);
    let young = transition(
        &[wait(3.0, End::Waiting)],
        &Within { horizon: Some(30.0), ..Within::default() },
    );
    assert_eq!((young.share, young.mature), (None, 0));
}

#[test]
fn a_log_is_counted_by_both_rules() {
    let log = [
        // In order.
        entry(1, 0, 0.0),
        entry(1, 1, 5.0),
        entry(1, 2, 9.0),
        // Skips the middle.
        entry(2, 0, 0.0),
        entry(2, 2, 4.0),
        // Goes back and on again.
        entry(3, 0, 1.0),
        entry(3, 1, 2.0),
        entry(3, 0, 3.0),
        entry(3, 1, 8.0),
        // Leaves.
        entry(4, 0, 2.0),
        Entry { case: 4, stage: None, time: 6.0 },
        // Begins in the middle; later than now; no such stage.
        entry(5, 1, 3.0),
        entry(6, 0, 50.0),
        entry(1, 7, 1.0),
    ];
    let any = funnel(&log, &question(3, 10.0, Rule::Any));
    let entered = |found: &Funnel| found.stages.iter().map(|s| s.entered).collect::<Vec<u64>>();
    assert_eq!((any.n, entered(&any)), (5, vec![5, 4, 2]));
    let strict = funnel(&log, &question(3, 10.0, Rule::Strict));
    assert_eq!((strict.n, entered(&strict)), (5, vec![4, 2, 1]));
    for found in [&any, &strict] {
        assert_eq!((found.skips, found.backward, found.left_out), (2, 1, 2));
        let skipped: Vec<u64> = found.stages.iter().map(|stage| stage.skipped).collect();
        let returned: Vec<u64> = found.stages.iter().map(|stage| stage.returned).collect();
        assert_eq!((skipped, returned), (vec![1, 1, 0], vec![1, 0, 0]));
    }
    let first = any.stages[0].onward.as_ref().unwrap();
    assert_eq!((first.n, first.passed, first.left, first.waiting), (5, 4, 1, 0));
    assert_eq!((any.whole.n, any.whole.passed, any.whole.waiting), (5, 2, 2));
    assert!(any.stages[2].onward.is_none());
    let young = Question { entered: Some((1.0, 2.0)), ..question(3, 10.0, Rule::Any) };
    assert_eq!(funnel(&log, &young).n, 2);
    assert_eq!(funnel(&[], &question(0, 1.0, Rule::Any)).n, 0);
}

/// Cases whose true share and days are known: half go on, after days uniform on 0 to 60.
#[test]
fn a_young_cohort_has_the_truth_within_its_limits() {
    let (mut covered, mut medians) = (0, 0);
    for run in 0..100 {
        let mut random = SplitMix64::stream(5, run);
        let waits: Vec<Wait> = (0..300)
            .map(|_| {
                let age = 90.0 * random.uniform();
                let goes = (random.uniform() < 0.5).then(|| 60.0 * random.uniform());
                match goes {
                    Some(days) if days <= age => wait(days, End::Passed),
                    _ => wait(age, End::Waiting),
                }
            })
            .collect();
        let within = Within { horizon: Some(60.0), seed: run, ..Within::default() };
        let found = transition(&waits, &within);
        let share = found.share.unwrap();
        covered += u32::from(share.low <= 0.5 && 0.5 <= share.high);
        let (low, high) = found.median.unwrap().limits.unwrap();
        medians += u32::from(low <= 30.0 && 30.0 <= high);
    }
    assert!(covered >= 89 && medians >= 89, "{covered} {medians} of 100");
}

#[test]
fn a_difference_shows_within_strata_and_not_between_them() {
    // With it, large deals wait 90 days and small ones 30; without it, 100 and 40: 10 days less in
    // each, although those with it are mostly large and so wait longer on the whole.
    let cases = |days: f64, n: u32| -> Vec<Wait> {
        (0..n).map(|i| wait(days + f64::from(i % 5) - 2.0, End::Passed)).collect()
    };
    let strata = [
        Stratum { with: cases(90.0, 80), without: cases(100.0, 20) },
        Stratum { with: cases(30.0, 20), without: cases(40.0, 80) },
        // Too few to be compared.
        Stratum { with: cases(500.0, 3), without: cases(10.0, 50) },
    ];
    let found = longer(&strata, 365.0, 5, 0.95).unwrap();
    assert!((found.days.point + 10.0).abs() < 1e-9, "{found:?}");
    assert!(found.days.low > -11.0 && found.days.high < -9.0, "{found:?}");
    assert_eq!((found.strata, found.with, found.without), (2, 100, 100));
    assert_eq!(longer(&strata[2..], 365.0, 5, 0.95), None);
}

#[test]
fn shares_that_differ_by_chance_are_not_told_apart() {
    let cohort = |passed: usize| {
        let waits: Vec<Wait> =
            (0..200).map(|i| wait(5.0, if i < passed { End::Passed } else { End::Left })).collect();
        transition(&waits, &Within::default())
    };
    let p = |a, b| difference(&cohort(a), &cohort(b), 0.95).unwrap();
    assert!(p(100, 105) > 0.5 && p(100, 140) < 0.001);
    // Two rates of 0.5 and 0.6 of 200: the pooled test gives z = 2.01008.
    assert!((p(100, 120) - 0.044_423).abs() < 0.000_001, "{}", p(100, 120));
    assert_eq!(difference(&cohort(100), &transition(&[], &Within::default()), 0.95), None);
}

proptest! {
    #[test]
    fn counts_add_up_and_later_knowledge_of_waiting_never_lowers_the_share(
        drawn in prop::collection::vec((0_u8..60, 0_u8..3), 1..60),
    ) {
        let waits: Vec<Wait> = drawn
            .iter()
            .map(|(days, end)| {
                let end = [End::Passed, End::Left, End::Waiting][usize::from(*end)];
                wait(f64::from(*days), end)
            })
            .collect();
        let within = Within { horizon: Some(30.0), replicates: 20, ..Within::default() };
        let found = transition(&waits, &within);
        prop_assert_eq!(found.passed + found.left + found.waiting, found.n);
        let went = waits.iter().filter(|w| w.end == End::Passed && w.days <= 30.0).count();
        if let Some(share) = found.share {
            // Those on the way only add to "converted of entered".
            prop_assert!(share.point >= went as f64 / found.n as f64 - 1e-12);
            prop_assert!(share.low <= share.point && share.point <= share.high);
            prop_assert!((0.0..=1.0).contains(&share.low) && share.high <= 1.0);
        }
        let mut turned = waits.clone();
        turned.reverse();
        prop_assert_eq!(transition(&turned, &Within { replicates: 0, ..within }).share, found.share);
        for days in [found.median, found.p90].into_iter().flatten() {
            prop_assert!(days.point <= 30.0);
        }
    }

    #[test]
    fn a_stage_is_never_reached_by_more_than_the_one_before(
        drawn in prop::collection::vec((0_u32..12, 0_u16..4, 0_u8..90), 0..80),
    ) {
        let log: Vec<Entry> =
            drawn.iter().map(|(case, stage, at)| entry(*case, *stage, f64::from(*at))).collect();
        let of = |rule| funnel(&log, &question(4, 60.0, rule));
        let (strict, any) = (of(Rule::Strict), of(Rule::Any));
        for found in [&strict, &any] {
            for pair in found.stages.windows(2) {
                prop_assert!(pair[0].entered >= pair[1].entered);
                let onward = pair[0].onward.as_ref().unwrap();
                prop_assert_eq!(onward.passed, pair[1].entered);
                prop_assert_eq!(onward.n, pair[0].entered);
            }
        }
        for (strict, any) in strict.stages.iter().zip(&any.stages) {
            prop_assert!(strict.entered <= any.entered);
        }
    }
}
