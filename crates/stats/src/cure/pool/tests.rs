//! Pooling of programs towards their channel.

use super::*;
use crate::random::SplitMix64;

/// Whole days until events, and ages of those who wait, for `n` that came evenly over `span` days.
fn drawn(n: u32, share: f64, median: f64, span: f64, random: &mut SplitMix64) -> Source {
    let (mut events, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let age = (random.uniform() * span).floor();
        let u = random.uniform();
        let wait = Family::Lognormal.quantile(random.uniform(), median, 1.2);
        if u < share && wait <= age {
            events.push(wait.floor());
        } else {
            waiting.push(age);
        }
    }
    Source::of(&events, &waiting)
}

#[test]
fn a_source_with_much_evidence_speaks_for_itself_and_one_with_little_for_its_group() {
    let mut random = SplitMix64::new(4);
    let mut sources: Vec<Source> =
        (0..12).map(|_| drawn(1500, 0.10, 40.0, 600.0, &mut random)).collect();
    sources.push(drawn(3000, 0.30, 40.0, 600.0, &mut random));
    sources.push(drawn(8, 0.10, 40.0, 20.0, &mut random));
    let pool = pooled(&sources, &vec![0; sources.len()], &[]);
    let share = |at: usize| pool.beliefs[at].mean(|place| place.share);
    for at in 0..12 {
        let limits = [0.005, 0.995].map(|p| pool.beliefs[at].quantile(p, |place| place.share));
        assert!(limits[0] < 0.10 && 0.10 < limits[1], "{at}: {limits:?}");
        assert!(limits[1] - limits[0] < 0.06, "{at}: {limits:?}");
    }
    assert!((share(12) - 0.30).abs() < 0.03, "{}", share(12));
    assert!((0.05..0.25).contains(&share(13)), "{}", share(13));
    let weights: f64 = pool.beliefs[13].places.iter().map(|place| place.weight).sum();
    assert!((weights - 1.0).abs() < 1e-9);
}

#[test]
fn intervals_hold_what_they_promise() {
    let mut random = SplitMix64::new(9);
    let (mut inside, mut n) = (0, 0);
    for _ in 0..6 {
        let shares: Vec<f64> =
            (0..20).map(|_| super::super::sigmoid(-2.5 + 0.8 * random.normal())).collect();
        let median = (4.0 + 0.5 * random.normal()).exp();
        let sources: Vec<Source> = shares
            .iter()
            .map(|share| {
                let n = 40 + u32::try_from(random.below(400)).unwrap();
                let span = 60.0 + 400.0 * random.uniform();
                drawn(n, *share, median, span, &mut random)
            })
            .collect();
        let pool = pooled(&sources, &vec![0; sources.len()], &[]);
        for (belief, share) in pool.beliefs.iter().zip(&shares) {
            let [low, high] = [0.1, 0.9].map(|p| belief.quantile(p, |place| place.share));
            inside += u32::from(low <= *share && *share <= high);
            n += 1;
        }
    }
    let part = f64::from(inside) / f64::from(n);
    assert!((0.70..=0.90).contains(&part), "{part} of the 80 % intervals hold the truth");
}

#[test]
fn the_order_of_sources_changes_nothing_but_the_order() {
    let mut random = SplitMix64::new(2);
    let mut sources: Vec<Source> =
        (0..5).map(|i| drawn(200, 0.05 * f64::from(i + 1), 30.0, 200.0, &mut random)).collect();
    let mut groups = vec![0, 0, 1, 1, 1];
    let forward = pooled(&sources, &groups, &[]);
    sources.reverse();
    groups.reverse();
    let backward = pooled(&sources, &groups, &[]);
    for (a, b) in forward.beliefs.iter().zip(backward.beliefs.iter().rev()) {
        assert!((a.mean(|place| place.share) - b.mean(|place| place.share)).abs() < 1e-9);
    }
}

#[test]
fn futures_agree_with_what_is_believed() {
    let mut random = SplitMix64::new(21);
    let sources =
        vec![drawn(300, 0.2, 90.0, 150.0, &mut random), drawn(300, 0.1, 90.0, 300.0, &mut random)];
    let pool = pooled(&sources, &[0, 0], &[]);
    let belief = &pool.beliefs[0];
    let future = Future::of(&pool, &sources[0], belief, 700.0);
    let none = Coming::default();
    let n = 400;
    let (mut events, mut share, mut width) = (0.0, 0.0, 0.0);
    for at in 0..n {
        let later = future.draw(&none, &mut SplitMix64::stream(1, at));
        events += later.days().count() as f64 / n as f64;
        let then = future.believed(&later, 700.0, true);
        share += then.mean(|place| place.share) / n as f64;
        let [low, high] = [0.1, 0.9].map(|p| then.quantile(p, |place| place.share));
        width += (high - low) / n as f64;
    }
    let expected = belief.mean(|place| place.to_come);
    assert!((events / expected - 1.0).abs() < 0.15, "{events} and {expected}");
    // What is expected to be believed later is what is believed now; but it will be surer.
    let now = belief.mean(|place| place.share);
    assert!((share / now - 1.0).abs() < 0.1, "{share} and {now}");
    let [low, high] = [0.1, 0.9].map(|p| belief.quantile(p, |place| place.share));
    assert!(width < 0.75 * (high - low), "{width}");
}

#[test]
fn what_a_subject_costs_speaks_for_sources_that_say_little() {
    let mut random = SplitMix64::new(12);
    // Dear subjects convert more often; the last two sources are new.
    let shares: Vec<f64> = (0..16).map(|i| 0.02 * 1.2_f64.powi(i)).collect();
    let mut sources: Vec<Source> =
        shares.iter().map(|share| drawn(600, *share, 30.0, 500.0, &mut random)).collect();
    sources.extend((0..2).map(|_| drawn(5, 0.0, 30.0, 10.0, &mut random)));
    let mut prices: Vec<f64> = shares.iter().map(|share| 1000.0 * share).collect();
    prices.extend([20.0, 300.0]);
    let group = vec![0; sources.len()];
    let share = |prices: &[f64], at: usize| {
        pooled(&sources, &group, prices).beliefs[at].quantile(0.5, |place| place.share)
    };
    let (cheap, dear) = (share(&prices, 16), share(&prices, 17));
    assert!(cheap < 0.05 && dear > 0.12, "{cheap} and {dear}");
    // The unit of money does not matter; without prices both are as all are.
    let cents: Vec<f64> = prices.iter().map(|price| 100.0 * price).collect();
    assert!((share(&cents, 16) - cheap).abs() < 1e-9);
    let (a, b) = (share(&[], 16), share(&[], 17));
    assert!((a - b).abs() < 0.3 * a, "{a} and {b}");
}

#[test]
fn those_who_enter_later_convert_as_those_before() {
    let mut random = SplitMix64::new(22);
    let sources = vec![drawn(800, 0.2, 30.0, 400.0, &mut random)];
    let pool = pooled(&sources, &[0], &[]);
    let belief = &pool.beliefs[0];
    let future = Future::of(&pool, &sources[0], belief, 360.0);
    let coming = Coming { per_day: 2.0, ran: 1e9, at_once: 50.0 };
    let (mut entered, mut events, mut share) = (0.0, 0.0, 0.0);
    for at in 0..200 {
        let later = future.draw(&coming, &mut SplitMix64::stream(3, at));
        entered += later.entered(360.0) / 200.0;
        events += later.days().filter(|(_, here)| !here).count() as f64 / 200.0;
        share += future.believed(&later, 2000.0, true).mean(|place| place.share) / 200.0;
    }
    assert!((entered - 770.0).abs() < 15.0, "{entered}");
    let now = belief.mean(|place| place.share);
    assert!((events / entered / now - 1.0).abs() < 0.1, "{events} of {entered}");
    assert!((share / now - 1.0).abs() < 0.1, "{share} and {now}");
}

#[test]
fn who_is_watched_late_does_not_make_a_share_look_small() {
    // Four of five are known only from day 60 on, and only where they still waited then: half of
    // those who ever have the event have had it by then.
    let (share, median) = (0.4, 60.0);
    let mut random = SplitMix64::new(12);
    let (mut cut, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        let (mut events, mut waiting, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for k in 0..1500 {
            let age = (100.0 + random.uniform() * 700.0).floor();
            let wait = Family::Lognormal.quantile(random.uniform(), median, 1.2).floor();
            let ever = random.uniform() < share;
            let from = if k % 5 == 0 { 0.0 } else { 60.0 };
            if ever && wait < from {
                continue;
            }
            entries.push(from);
            if ever && wait <= age {
                events.push(wait);
            } else {
                waiting.push(age);
            }
        }
        let source = Source::of(&events, &waiting);
        cut.push(source.clone());
        whole.push(source.watched_from(&entries));
    }
    let believed = |sources: &[Source]| pooled(sources, &vec![0; sources.len()], &[]).beliefs;
    for (told, naive) in believed(&whole).iter().zip(believed(&cut)) {
        let limits = [0.01, 0.99].map(|p| told.quantile(p, |place| place.share));
        assert!(limits[0] < share && share < limits[1], "{limits:?}");
        assert!(limits[1] - limits[0] < 0.15, "{limits:?}");
        assert!(naive.quantile(0.99, |place| place.share) < share - 0.02);
    }
    // Watched from the start is no truncation.
    let plain = drawn(300, 0.2, 40.0, 400.0, &mut random);
    assert_eq!(plain.clone().watched_from(&[0.0; 300]), plain);
}
