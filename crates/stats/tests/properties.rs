//! What must hold of every method, whatever the data: later censoring, other units, another order,
//! the same seed.
//!
//! Beside the properties that stand with each method; those of curves, funnels and simulations are
//! there.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

use proptest::prelude::*;
use stats::cure::{self, pool};
use stats::funnel::{self, End, Wait, Within};
use stats::hazard::{self, Block, Prior, Steps};
use stats::queue::{self, Around, Capacity, Change, Course, Measured, Station};
use stats::random::SplitMix64;
use stats::series::{self, Method};
use stats::shrinkage::{self, Group};
use stats::survival::family::Family;
use stats::survival::incidence::aalen_johansen;
use stats::survival::{Observed, Table};

fn table(subjects: &[(f64, u16)]) -> Table {
    let (time, cause): (Vec<f64>, Vec<u16>) = subjects.iter().copied().unzip();
    Table::of(&Observed { time: &time, cause: &cause, entry: &[] }).unwrap()
}

/// Waits of which a share has the event, watched for up to a longest time.
fn waits(n: usize, share: f64, longest: f64, seed: u64) -> Vec<(f64, u16)> {
    let mut random = SplitMix64::new(seed);
    (0..n)
        .map(|_| {
            let watched = 1.0 + random.uniform() * longest;
            let wait = Family::Weibull.quantile(random.uniform(), 40.0, 1.3).max(0.01);
            let ever = random.uniform() < share;
            if ever && wait <= watched { (wait, 1) } else { (watched, 0) }
        })
        .collect()
}

fn shuffled<T: Clone>(items: &[T], seed: u64) -> Vec<T> {
    let mut items = items.to_vec();
    SplitMix64::new(seed).shuffle(&mut items);
    items
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn watching_longer_never_raises_the_share_of_competing_ends(
        seed in any::<u64>(), pick in any::<prop::sample::Index>(), more in 0.1..60.0_f64,
    ) {
        let mut random = SplitMix64::new(seed);
        let mut subjects: Vec<(f64, u16)> = waits(40, 0.7, 90.0, seed)
            .into_iter()
            .map(|(time, cause)| (time, cause * if random.uniform() < 0.5 { 1 } else { 2 }))
            .collect();
        let shares = |subjects: &[(f64, u16)]| {
            let table = table(subjects);
            [1, 2].map(|cause| aalen_johansen(&table, cause))
        };
        let before = shares(&subjects);
        prop_assert_eq!(&before, &shares(&shuffled(&subjects, seed)));
        let scaled: Vec<(f64, u16)> = subjects.iter().map(|(t, c)| (t * 24.0, *c)).collect();
        for (a, b) in before.iter().zip(shares(&scaled)) {
            for (a, b) in a.steps().iter().zip(b.steps()) {
                prop_assert!((24.0 * a.time - b.time).abs() < 1e-9 * b.time);
                prop_assert_eq!(a.share.to_bits(), b.share.to_bits());
            }
        }
        let at = pick.index(subjects.len());
        prop_assume!(subjects[at].1 == 0);
        subjects[at].0 += more;
        let after = shares(&subjects);
        for step in before[0].steps() {
            let ended = |of: &[stats::survival::incidence::Incidence; 2]| {
                let of = of.each_ref().map(|one| one.reached(step.time).map_or(0.0, |r| r.share));
                of[0] + of[1]
            };
            prop_assert!(ended(&after) <= ended(&before) + 1e-12);
        }
    }

    #[test]
    fn who_still_waits_longer_makes_fewer_seem_to_come(seed in any::<u64>(), more in 20.0..200.0_f64) {
        let subjects = waits(400, 0.5, 120.0, seed);
        let later: Vec<(f64, u16)> = subjects
            .iter()
            .map(|&(time, cause)| if cause == 0 { (time + more, cause) } else { (time, cause) })
            .collect();
        let (before, after) = (table(&subjects), table(&later));
        let last = before.rows().iter().rfind(|row| row.events > 0).unwrap().time;
        for family in Family::ALL {
            let [a, b] = [&before, &after].map(|table| cure::fit(table, family).unwrap());
            prop_assert!(b.survival(last) >= a.survival(last) - 1e-3, "{family:?}: {a:?} {b:?}");
        }
        let all = cure::averaged(&before, 0.9).unwrap();
        prop_assert_eq!(all, cure::averaged(&table(&shuffled(&subjects, seed)), 0.9).unwrap());
    }

    #[test]
    fn pooled_shares_fall_where_more_wait_without_an_event(
        seed in any::<u64>(), more in 20_usize..200,
    ) {
        let source = |subjects: &[(f64, u16)]| {
            let days = |cause: u16| {
                let own = subjects.iter().filter(move |one| one.1 == cause);
                own.map(|one| one.0.floor()).collect::<Vec<_>>()
            };
            pool::Source::of(&days(1), &days(0))
        };
        let drawn: Vec<_> = (0..5_u64).map(|k| waits(150, 0.2, 300.0, seed ^ k)).collect();
        let sources: Vec<_> = drawn.iter().map(|one| source(one)).collect();
        let share = |sources: &[pool::Source]| {
            pool::pooled(sources, &[0; 5], &[]).beliefs[0].mean(|place| place.share)
        };
        let before = share(&sources);
        let mut longer = drawn[0].clone();
        longer.extend((0..more).map(|_| (400.0, 0)));
        let mut changed = sources.clone();
        changed[0] = source(&longer);
        prop_assert!(share(&changed) < before);
        let turned: Vec<_> = drawn.iter().map(|one| source(&shuffled(one, seed))).collect();
        prop_assert_eq!(before.to_bits(), share(&turned).to_bits());
    }

    #[test]
    fn a_step_without_an_end_never_makes_a_win_likelier(seed in any::<u64>(), more in 1_u32..30) {
        let mut random = SplitMix64::new(seed);
        let mut rows = Vec::new();
        for _ in 0..120 {
            let end = match random.uniform() {
                ..0.1 => hazard::End::Won,
                ..0.25 => hazard::End::Lost,
                _ => hazard::End::Stays,
            };
            rows.push(end);
        }
        let fit = |rows: &[hazard::End]| {
            let mut steps = Steps::default();
            for end in rows {
                steps.push([(0, 1.0)], 1.0, 1.0, *end);
            }
            let blocks = [Block { n_columns: 1, prior: Prior::Sd(5.0) }];
            let mode = hazard::fit(&steps, &blocks).unwrap().mode();
            (mode.win()[0], mode.loss()[0])
        };
        let before = fit(&rows);
        let turned = fit(&shuffled(&rows, seed));
        prop_assert!((before.0 - turned.0).abs() < 1e-9 && (before.1 - turned.1).abs() < 1e-9);
        rows.extend((0..more).map(|_| hazard::End::Stays));
        let after = fit(&rows);
        prop_assert!(after.0 < before.0 && after.1 < before.1);
    }

    #[test]
    fn a_queue_is_the_same_for_the_same_seed_and_in_any_unit_of_time(
        seed in any::<u64>(), arrivals in 0.2..2.0_f64, service in 0.2..2.0_f64,
    ) {
        let stations = |unit: f64| {
            [(arrivals, 2, 0.5), (0.0, 1, 0.8)].map(|(arrivals, servers, conversion)| Station {
                arrivals: arrivals / unit,
                servers,
                service: service * unit,
                service_cv: 1.0,
                delay: 3.0 * unit,
                delay_spread: 0.4,
                patience: 30.0 * unit,
                conversion,
                wears: 0.02 / unit,
                usual_wait: 2.0 * unit,
                skips: 0.1,
                backs: 0.05,
                waiting: 3,
                running: 1,
            })
        };
        let play = |unit: f64, seed: u64| {
            queue::simulate(&stations(unit), &Course::even(300.0 * unit), Change::None, seed)
        };
        let outcome = play(1.0, seed);
        prop_assert_eq!(&outcome, &play(1.0, seed));
        // Two to the third: the same bits in another exponent.
        for (a, b) in outcome.stations.iter().zip(&play(8.0, seed).stations) {
            prop_assert_eq!((a.arrived, a.started, a.gave_up), (b.arrived, b.started, b.gave_up));
        }
        prop_assert_ne!(&outcome, &play(1.0, seed ^ 1));
    }

    #[test]
    fn a_failure_never_raises_a_rate_and_a_success_never_lowers_it(
        counts in prop::collection::vec((0_u64..30, 0_u64..60), 2..12),
        pick in any::<prop::sample::Index>(), more in 1_u64..20,
    ) {
        let groups: Vec<Group> = counts.iter().map(|&(k, off)| Group { k, n: k + off }).collect();
        prop_assume!(groups.iter().any(|group| group.n > 0));
        let at = pick.index(groups.len());
        let mean = |k: u64, n: u64| {
            let mut groups = groups.clone();
            groups[at] = Group { k: groups[at].k + k, n: groups[at].n + n };
            shrinkage::rates(&groups, 0.9).unwrap().groups[at].mean
        };
        let before = mean(0, 0);
        prop_assert!(mean(0, more) <= before + 1e-9 && mean(more, more) >= before - 1e-9);
    }

    #[test]
    fn days_of_a_funnel_are_drawn_alike_from_the_same_seed(seed in any::<u64>()) {
        let mut random = SplitMix64::new(seed);
        let waits: Vec<Wait> = (0..60)
            .map(|_| {
                let end = match random.uniform() {
                    ..0.5 => End::Passed,
                    ..0.7 => End::Left,
                    _ => End::Waiting,
                };
                Wait { days: (random.uniform() * 60.0).floor(), end }
            })
            .collect();
        let within = Within { horizon: Some(40.0), replicates: 40, seed, ..Within::default() };
        let found = funnel::transition(&waits, &within);
        prop_assert_eq!(&found, &funnel::transition(&waits, &within));
        prop_assert_eq!(&found, &funnel::transition(&shuffled(&waits, seed), &within));
        // A case that is watched longer and still waits makes the share no higher.
        let at = waits.iter().position(|wait| wait.end == End::Waiting && wait.days < 40.0);
        if let (Some(at), Some(before)) = (at, found.share) {
            let mut later = waits.clone();
            later[at].days += 30.0;
            prop_assert!(funnel::transition(&later, &within).share.unwrap().point <= before.point + 1e-12);
        }
    }
}

#[test]
fn the_constraint_is_found_alike_from_the_same_seed() {
    let stage = |arrivals, worked, went_on, people| Measured {
        arrivals: vec![arrivals; 12],
        more: vec![0.5, 1.0],
        worked,
        went_on,
        skipped: 5,
        went_back: 5,
        capacity: Capacity::Recorded(people, 1.0),
        sure: 0.9,
        staffed: vec![0.8, 1.0],
        delay: 10.0,
        delay_spread: 0.6,
        patience: 60.0,
        usual_wait: 4.0,
        waiting: 5,
        running: 2,
    };
    let stages = [stage(66, 700, 200, 2), stage(0, 190, 60, 1)];
    let around = Around {
        past: 12,
        ahead: 12,
        stretch: 30.0,
        year: 12,
        wears: (0.004, 0.002),
        ended: [(40, 150), (20, 40)],
    };
    let play = |seed| queue::elasticities(&stages, around, 12, 0.8, seed);
    assert_eq!(play(3), play(3));
    assert_ne!(play(3), play(4));
}

#[test]
fn a_series_goes_on_alike_each_time_and_by_its_own_past_alone() {
    let mut random = SplitMix64::new(8);
    let values: Vec<f64> = (0..54)
        .map(|t| {
            (80.0 + f64::from(t)) * (1.0 + 0.1 * f64::from(t % 6)) * (0.05 * random.normal()).exp()
        })
        .collect();
    for method in Method::ALL {
        let record = &values[..48];
        let said = series::forecast(method, record, 6, 6).unwrap();
        assert_eq!(said, series::forecast(method, record, 6, 6).unwrap(), "{}", method.id());
        // A shorter look ahead is the beginning of a longer one.
        let near = series::forecast(method, record, 6, 2).unwrap();
        for (a, b) in near.iter().zip(&said) {
            assert!((a / b - 1.0).abs() < 1e-12, "{}: {a} {b}", method.id());
        }
    }
    assert_eq!(series::choose(&values, 6, 6), series::choose(&values, 6, 6));
}
