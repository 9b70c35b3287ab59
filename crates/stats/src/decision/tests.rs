//! The rule, its dates and the test for a change.

use super::*;
use crate::cure::pool::{Source, pooled};

fn worth() -> Worth {
    Worth {
        cost: 100.0,
        n: 400.0,
        won: 0.0,
        open: 0.0,
        chance: 0.25,
        profit: 20.0,
        unsure: 0.05,
        spread: 1.0,
    }
}

fn program(n: usize, n_events: usize, age: f64) -> Source {
    let events: Vec<f64> = (0..n_events).map(|i| (i * 7 % 60) as f64).collect();
    Source::of(&events, &vec![age; n - n_events])
}

#[test]
fn chances_agree_with_drawing_sums() {
    // A known number to come: the return is a random sum and can be drawn.
    let source = program(400, 40, 100.0);
    let pool = pooled(std::slice::from_ref(&source), &[0], &[]);
    let mut belief = pool.beliefs[0].clone();
    belief.places.truncate(1);
    belief.places[0].weight = 1.0;
    belief.places[0].to_come = 24.0;
    let worth = worth();
    let mut random = SplitMix64::new(8);
    let n = 40_000;
    let mut above = [0.0; 3];
    let bounds = [0.6, 1.0, 1.8];
    let mut mean = 0.0;
    for _ in 0..n {
        let unsure = worth.unsure + MODEL;
        let better = (unsure.sqrt() * random.normal() - 0.5 * unsure).exp();
        let mut sum = 0.0;
        for _ in 0..random.poisson(6.0) {
            let variance = 2.0_f64.ln();
            sum += 20.0 * better * (variance.sqrt() * random.normal() - 0.5 * variance).exp();
        }
        mean += sum / 100.0 / f64::from(n);
        for (count, bound) in above.iter_mut().zip(bounds) {
            *count += f64::from(u8::from(sum > bound * 100.0)) / f64::from(n);
        }
    }
    assert!((worth.expected(&belief) - mean).abs() < 0.02, "{mean}");
    for (drawn, bound) in above.iter().zip(bounds) {
        let found = worth.above(&belief, bound);
        assert!((found - drawn).abs() < 0.03, "{bound}: {found} and {drawn}");
    }
    let median = worth.quantile(&belief, 0.5);
    assert!((worth.above(&belief, median) - 0.5).abs() < 1e-6);
    let (excess, shortfall) = worth.losses(&belief);
    assert!((excess - shortfall - 100.0 * (worth.expected(&belief) - 1.0)).abs() < 1e-9);
    assert!(excess > 0.0 && shortfall > 0.0);
}

#[test]
fn money_in_another_unit_changes_no_chance() {
    let source = program(400, 40, 100.0);
    let pool = pooled(std::slice::from_ref(&source), &[0], &[]);
    let (worth, rule) = (worth(), Rule::default());
    let cents = Worth { cost: 1e4, won: 0.0, profit: 2000.0, ..worth };
    let [a, b] = [worth, cents].map(|worth| rule.look(&worth, &pool.beliefs[0], 40.0));
    assert!((a.pays - b.pays).abs() < 1e-12 && (a.hurdle - b.hurdle).abs() < 1e-12);
    let more = Worth { won: 150.0, ..worth };
    assert!(rule.look(&more, &pool.beliefs[0], 40.0).hurdle >= 1.0);
}

#[test]
fn young_programs_are_too_early_and_old_ones_decided() {
    let rule = Rule::default();
    // Sources of the same group that converted a tenth within two months show how long it takes.
    let mut sources: Vec<Source> = (0..8).map(|_| program(500, 50, 400.0)).collect();
    sources.push(program(300, 2, 5.0));
    sources.push(program(800, 2, 500.0));
    let pool = pooled(&sources, &vec![0; sources.len()], &[]);
    let at = |at: usize, won: f64| {
        let worth = Worth { won, n: sources[at].n(), ..worth() };
        let outlook = rule.look(&worth, &pool.beliefs[at], sources[at].n_events());
        rule.decide(&outlook, sources[at].n())
    };
    assert_eq!(at(0, 300.0), Verdict::Scale);
    assert_eq!(at(0, 120.0), Verdict::Keep);
    assert_eq!(at(8, 0.0), Verdict::TooEarly);
    assert_eq!(at(9, 20.0), Verdict::Stop);
    assert_eq!(at(9, 85.0), Verdict::Fix);
    let few = rule.decide(&rule.look(&worth(), &pool.beliefs[8], 2.0), 9.0);
    assert_eq!(few, Verdict::TooEarly);

    // When it is told: the same from the same seed, and within the time that it takes others.
    let ends = Ends::of(&[20.0, 30.0, 25.0, 40.0], &[1, 2, 2, 2]).unwrap();
    let future = Future::of(&pool, &sources[8], &pool.beliefs[8], 730.0);
    let worth = Worth { n: 300.0, ..worth() };
    let outset = |coming: Coming| Outset {
        worth: &worth,
        future: &future,
        n_events: 2.0,
        ends: &ends,
        open: &[3.0],
        coming,
    };
    let when = |seed| decisive(&rule, &outset(Coming::default()), 0.8, seed);
    assert_eq!(when(1), when(1));
    assert!(when(1).part >= 0.8 && (14.0..=365.0).contains(&when(1).days), "{:?}", when(1));
    // Those who still enter do not put it off, as those of now are asked apart.
    let coming = Coming { per_day: 10.0, ran: 30.0, at_once: 0.0 };
    let later = decisive(&rule, &outset(coming), 0.8, 1);
    assert!(later.part >= 0.8 && later.days <= when(1).days + 90.0, "{later:?}");
}

#[test]
fn what_the_next_cost_returns_is_the_law_and_not_the_luck() {
    let source = program(400, 40, 300.0);
    let pool = pooled(std::slice::from_ref(&source), &[0], &[]);
    let belief = &pool.beliefs[0];
    let plain = worth();
    // Forty of 400 ever, a quarter of them won at 20: two for each unit of cost.
    let middle = plain.next_quantile(belief, 0.5);
    assert!((1.7..2.4).contains(&middle), "{middle}");
    assert!((plain.next_above(belief, middle) - 0.5).abs() < 1e-6);
    let lucky = Worth { won: 500.0, ..plain };
    assert!((lucky.next_quantile(belief, 0.5) - middle).abs() < 1e-9);
    // Money back thanks to one huge win is no reason to put in more.
    let poor = Worth { cost: 1000.0, won: 3000.0, ..plain };
    let rule = Rule::default();
    assert_ne!(rule.decide(&rule.look(&poor, belief, 40.0), 400.0), Verdict::Scale);
    // Fewer subjects for the cost say less of what the next will bring.
    let few = Worth { cost: 5.0, n: 20.0, ..plain };
    assert!(few.next_quantile(belief, 0.1) < plain.next_quantile(belief, 0.1));
}

#[test]
fn more_subjects_are_said_to_be_needed_where_few_tell_little() {
    let mut sources: Vec<Source> = (0..8).map(|_| program(500, 50, 400.0)).collect();
    sources.push(program(12, 0, 600.0));
    let pool = pooled(&sources, &vec![0; sources.len()], &[]);
    let future = Future::of(&pool, &sources[8], &pool.beliefs[8], 730.0);
    let ends = Ends::of(&[20.0, 30.0, 25.0, 40.0], &[1, 2, 2, 2]).unwrap();
    let worth = Worth { cost: 20.0, n: 12.0, ..worth() };
    let coming = Coming::default();
    let outset =
        Outset { worth: &worth, future: &future, n_events: 0.0, ends: &ends, open: &[], coming };
    let rule = Rule::default();
    assert!(decisive(&rule, &outset, 0.8, 1).part < 0.8);
    let more = needed(&rule, &outset, 0.8, 1).unwrap();
    assert!((20.0..=1000.0).contains(&more), "{more}");
}

#[test]
fn ends_of_conversions_are_counted_with_those_still_open() {
    let ends = Ends::of(&[10.0, 20.0, 30.0, 40.0], &[1, 2, 1, 2]).unwrap();
    assert!((ends.chance() - 0.5).abs() < 1e-12);
    assert!((ends.won_by(15.0) - 0.25).abs() < 1e-12);
    // After 35 days only the one that is lost is left.
    assert!(ends.left(35.0).abs() < 1e-12);
    assert!((ends.left(0.0) - 1.0).abs() < 1e-12);
    assert!((ends.closed(10.0, 20.0) - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn chances_of_sources_differ_as_far_as_their_wins_do() {
    // As far apart as Poisson numbers are, and much farther.
    let alike: Vec<(f64, f64)> =
        [8.0, 12.0, 10.0, 7.0, 13.0, 9.0, 11.0, 10.0].map(|k| (k, 10.0)).to_vec();
    let apart: Vec<(f64, f64)> =
        [1.0, 25.0, 2.0, 20.0, 3.0, 18.0, 1.0, 10.0].map(|k| (k, 10.0)).to_vec();
    let of = |seen: &[(f64, f64)]| Chances::of(0.25, seen).of_one(25.0, 10.0).0 / 0.25;
    let (near, far) = (of(&alike), of(&apart));
    assert!(1.0 < near && near < 1.7 && far > near + 0.2 && far < 2.5, "{near} and {far}");
    // Without expected wins a source is as all are, and less is known of it.
    let chances = Chances::of(0.25, &alike);
    let (none, unsure) = chances.of_one(0.0, 0.0);
    assert!((none - 0.25).abs() < 1e-12 && unsure > chances.of_one(10.0, 10.0).1);
}

#[test]
fn amounts_of_a_source_are_near_those_of_all() {
    let rows: Vec<(usize, f64)> = (0..60)
        .map(|i| {
            (i % 3, if i % 3 == 2 { 300.0 } else { 100.0 } * (1.0 + 0.3 * ((i * 7 % 5) as f64)))
        })
        .chain([(3, 1000.0)])
        .collect();
    let found = amounts(&rows, 5).unwrap();
    assert!(found.sources[2].0 > 1.8 * found.sources[0].0, "{found:?}");
    // One amount moves its source a part of the way, none not at all.
    assert!(found.sources[3].0 > found.mean && found.sources[3].0 < 1000.0);
    assert!((found.sources[4].0 - found.mean).abs() < 1e-9);
    assert!(found.sources[4].1 > found.sources[2].1);
    assert!(amounts(&[], 2).is_none());
}

#[test]
fn a_fall_is_found_where_it_is_and_chance_is_not_called_one() {
    let expected = [10.0; 12];
    let fallen: Vec<f64> = (0..12).map(|i| if i < 7 { 12.0 } else { 3.0 }).collect();
    let found = change(&fallen, &expected).unwrap();
    assert!(found.at == 7 && found.p < 1e-5 && found.after < found.before, "{found:?}");
    let mut random = SplitMix64::new(3);
    let mut called = 0;
    for _ in 0..400 {
        let events: Vec<f64> = (0..12).map(|_| random.poisson(10.0) as f64).collect();
        called += u32::from(change(&events, &expected).unwrap().p < 0.05);
    }
    assert!(called <= 20, "{called} of 400 without a change");
    assert!(change(&[0.0, 0.0], &[1.0, 1.0]).is_none() && change(&[1.0], &[1.0]).is_none());
}
