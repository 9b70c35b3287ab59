//! Shares that never come, against data with known truth.

use proptest::prelude::*;

use super::*;
use crate::random::SplitMix64;
use crate::survival::Observed;

/// Waits of a mixture, censored evenly between zero and a longest time.
pub(super) fn drawn(
    n: usize,
    never: f64,
    scale: f64,
    shape: f64,
    longest: f64,
    seed: u64,
) -> Table {
    let mut random = SplitMix64::new(seed);
    let (mut time, mut cause) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let (ever, u, watched) = (random.uniform() >= never, random.uniform(), random.uniform());
        let wait = if ever { Family::Weibull.quantile(u, scale, shape) } else { f64::INFINITY };
        let watched = 0.1 + watched * longest;
        time.push(wait.clamp(0.01, watched));
        cause.push(u16::from(wait <= watched));
    }
    Table::of(&Observed { time: &time, cause: &cause, entry: &[] }).unwrap()
}

#[test]
fn the_gradient_is_that_of_differences() {
    let table = drawn(300, 0.6, 40.0, 1.4, 100.0, 3);
    let points = Points::of(&table).unwrap();
    for family in Family::ALL {
        let at = [0.3, 3.5, 0.2];
        let found = mixture(&points, family, &at);
        for i in 0..3 {
            let moved = |by: f64| {
                let mut at = at;
                at[i] += by;
                at
            };
            let step = 1e-5;
            let value = |by| mixture_value(&points, family, &moved(by));
            let slope = (value(step) - value(-step)) / (2.0 * step);
            assert!(
                (slope - found.gradient[i]).abs() < 1e-5 * (1.0 + slope.abs()),
                "{family:?} {i}"
            );
            for j in 0..3 {
                let slope = |by| mixture(&points, family, &moved(by)).gradient[j];
                let bend = (slope(step) - slope(-step)) / (2.0 * step);
                let own = -found.bend.at(i, j);
                assert!((bend - own).abs() < 1e-5 * (1.0 + bend.abs()), "{family:?} {i} {j}");
            }
        }
    }
}

#[test]
fn late_entries_do_not_move_what_is_found() {
    // Everyone who had the event before the day on which watching began is never seen.
    let mut random = SplitMix64::new(11);
    let (mut time, mut cause, mut entry) = (Vec::new(), Vec::new(), Vec::new());
    while time.len() < 4000 {
        let wait = if random.uniform() < 0.5 {
            Family::Weibull.quantile(random.uniform(), 50.0, 1.3)
        } else {
            f64::INFINITY
        };
        let late = if random.uniform() < 0.5 { 60.0 * random.uniform() } else { 0.0 };
        if wait <= late {
            continue;
        }
        time.push(wait.min(300.0));
        cause.push(u16::from(wait <= 300.0));
        entry.push(late);
    }
    let table = Table::of(&Observed { time: &time, cause: &cause, entry: &entry }).unwrap();
    let found = fit(&table, Family::Weibull).unwrap();
    assert!((found.never - 0.5).abs() < 0.03, "{found:?}");
    assert!((found.scale - 50.0).abs() < 4.0, "{found:?}");
    // Taken as if all were watched from their start, too few would seem to have had the event.
    let naive = Table::of(&Observed { time: &time, cause: &cause, entry: &[] }).unwrap();
    assert!(fit(&naive, Family::Weibull).unwrap().never > 0.54);
}

#[test]
fn without_late_silence_there_is_no_plateau() {
    let seen = drawn(800, 0.5, 20.0, 1.5, 300.0, 5);
    assert!(follow_up(&seen).unwrap().sufficient());
    let young = drawn(800, 0.5, 200.0, 1.5, 100.0, 5);
    let all = averaged(&young, 0.95).unwrap();
    assert!(all.seen < 0.7 && all.told().is_none(), "{all:?}");
}

#[test]
fn nothing_to_fit_is_said() {
    let none = Table::of(&Observed { time: &[1.0, 2.0], cause: &[0, 0], entry: &[] }).unwrap();
    assert_eq!(fit(&none, Family::Weibull).unwrap_err(), Fault::NoEvent);
    assert_eq!(averaged(&none, 0.95).unwrap_err(), Fault::NoEvent);
    let zero = Table::of(&Observed { time: &[0.0, 2.0], cause: &[1, 0], entry: &[] }).unwrap();
    assert_eq!(fit(&zero, Family::Weibull).unwrap_err(), Fault::ZeroTime);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn scaled_time_scales_the_scale_and_nothing_else(seed in any::<u64>(), factor in 0.05..20.0_f64) {
        let table = drawn(400, 0.4, 30.0, 1.3, 150.0, seed);
        let scaled = drawn_scaled(&table, factor);
        for family in Family::ALL {
            let (a, b) = (fit(&table, family).unwrap(), fit(&scaled, family).unwrap());
            prop_assert!((a.never - b.never).abs() < 1e-4, "{a:?} {b:?}");
            prop_assert!((a.scale * factor / b.scale - 1.0).abs() < 1e-3);
        }
    }
}

fn drawn_scaled(table: &Table, factor: f64) -> Table {
    let (mut time, mut cause) = (Vec::new(), Vec::new());
    for row in table.rows() {
        for (n, own) in [(row.events, 1), (row.censored, 0)] {
            for _ in 0..n {
                time.push(row.time * factor);
                cause.push(own);
            }
        }
    }
    Table::of(&Observed { time: &time, cause: &cause, entry: &[] }).unwrap()
}
