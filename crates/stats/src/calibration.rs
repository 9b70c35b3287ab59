//! What was said becomes what happens: maps from stated to observed probabilities.
//!
//! Isotonic: pool adjacent violators (Ayer and others 1955), as Zadrozny and Elkan (2002) use it
//! for probabilities; it follows any shape that rises, and needs a thousand cases. Logistic: Platt
//! (1999) on the log-odds of what was said, with his smoothed targets; two numbers, for fewer
//! cases. Both must be fitted on cases that the model behind the probabilities has not seen.

/// Cases from which the isotonic map is used.
pub const ISOTONIC_FLOOR: usize = 1_000;

/// A map from stated to calibrated probability; it never falls.
#[derive(Debug, Clone, PartialEq)]
pub enum Map {
    /// Log-odds of the result are `a + b ·` log-odds of what was said.
    Logistic {
        /// Shift.
        a: f64,
        /// Stretch, not below 0.
        b: f64,
    },
    /// Straight lines between (stated, observed) of pooled cases.
    Isotonic(Vec<(f64, f64)>),
}

/// Fits the map that fits the number of cases; `None` where it always or never happened.
pub fn fit(said: &[f64], happened: &[bool]) -> Option<Map> {
    if said.len() >= ISOTONIC_FLOOR { isotonic(said, happened) } else { logistic(said, happened) }
}

impl Map {
    /// Returns the calibrated probability.
    pub fn at(&self, said: f64) -> f64 {
        match self {
            Self::Logistic { a, b } => crate::logistic::expit(a + b * logit(said)),
            Self::Isotonic(points) => {
                let after = points.partition_point(|(x, _)| *x < said);
                match (after.checked_sub(1).and_then(|at| points.get(at)), points.get(after)) {
                    (Some((x0, y0)), Some((x1, y1))) => {
                        y0 + (y1 - y0) * ((said - x0) / (x1 - x0)).clamp(0.0, 1.0)
                    }
                    (Some((_, y)), None) | (None, Some((_, y))) => *y,
                    (None, None) => said,
                }
            }
        }
    }
}

fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

/// Fits the map of two numbers.
#[expect(clippy::many_single_char_names, reason = "the letters of the published formula")]
pub fn logistic(said: &[f64], happened: &[bool]) -> Option<Map> {
    let n = usable(said, happened)?;
    let events = happened.iter().filter(|y| **y).count() as f64;
    // A case counts a little for the other side, as if one more of each had been seen.
    let (up, down) = ((events + 1.0) / (events + 2.0), 1.0 / (n as f64 - events + 2.0));
    let cases: Vec<(f64, f64)> =
        said.iter().zip(happened).map(|(p, y)| (logit(*p), if *y { up } else { down })).collect();
    let (mut a, mut b) = (0.0, 1.0);
    for _ in 0..100 {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (x, t) in &cases {
            let p = crate::logistic::expit(a + b * x);
            let w = (p * (1.0 - p)).max(1e-12);
            g0 += t - p;
            g1 += (t - p) * x;
            h00 += w;
            h01 += w * x;
            h11 += w * x * x;
        }
        let det = h00 * h11 - h01 * h01;
        if det <= 1e-12 * h00 * h11 {
            // All was said alike: only the shift is told by the cases.
            a += g0 / h00;
            if g0.abs() / h00 < 1e-12 {
                break;
            }
            continue;
        }
        let (da, db) = ((h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det);
        // Far from the maximum a full step may lead beyond it.
        let part = (4.0 / (da.abs() + db.abs())).min(1.0);
        a += part * da;
        b += part * db;
        if da.abs() + db.abs() < 1e-12 {
            break;
        }
    }
    if b < 0.0 {
        // What was said tells the opposite: it is not trusted at all.
        let share = cases.iter().map(|(_, t)| t).sum::<f64>() / n as f64;
        return Some(Map::Logistic { a: logit(share), b: 0.0 });
    }
    Some(Map::Logistic { a, b })
}

/// Cases that share one observed probability.
struct Pool {
    n: f64,
    said: f64,
    happened: f64,
    last: f64,
}

/// Fits the map that only rises.
pub fn isotonic(said: &[f64], happened: &[bool]) -> Option<Map> {
    usable(said, happened)?;
    let mut cases: Vec<(f64, f64)> =
        said.iter().zip(happened).map(|(p, y)| (*p, if *y { 1.0 } else { 0.0 })).collect();
    cases.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut pools: Vec<Pool> = Vec::new();
    for (said, y) in cases {
        match pools.last_mut() {
            // What was said alike cannot be told apart.
            #[expect(clippy::float_cmp, reason = "equal statements are one statement")]
            Some(pool) if pool.last == said => {
                pool.n += 1.0;
                pool.said += said;
                pool.happened += y;
            }
            _ => pools.push(Pool { n: 1.0, said, happened: y, last: said }),
        }
    }
    let mut merged: Vec<Pool> = Vec::new();
    for pool in pools {
        merged.push(pool);
        while let [.., before, last] = merged.as_slice() {
            if before.happened * last.n < last.happened * before.n {
                break;
            }
            if let (Some(last), Some(before)) = (merged.pop(), merged.last_mut()) {
                before.n += last.n;
                before.said += last.said;
                before.happened += last.happened;
                before.last = last.last;
            }
        }
    }
    Some(Map::Isotonic(merged.iter().map(|p| (p.said / p.n, p.happened / p.n)).collect()))
}

fn usable(said: &[f64], happened: &[bool]) -> Option<usize> {
    let n = said.len();
    let events = happened.iter().filter(|y| **y).count();
    let fits = n == happened.len() && events > 0 && events < n;
    (fits && said.iter().all(|p| p.is_finite())).then_some(n)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::logistic::expit;
    use crate::random::SplitMix64;

    /// Twice as far from even odds as is true, and shifted.
    fn overstated(n: usize, seed: u64) -> (Vec<f64>, Vec<f64>, Vec<bool>) {
        let mut random = SplitMix64::new(seed);
        let (mut said, mut truth, mut happened) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n {
            let z = random.normal() - 0.5;
            said.push(expit(2.0 * z + 1.0));
            truth.push(expit(z));
            happened.push(random.uniform() < expit(z));
        }
        (said, truth, happened)
    }

    #[test]
    fn both_maps_undo_what_was_overstated() {
        let (said, truth, happened) = overstated(5_000, 11);
        for map in [logistic(&said, &happened).unwrap(), isotonic(&said, &happened).unwrap()] {
            let error = said.iter().zip(&truth).map(|(p, t)| (map.at(*p) - t).abs()).sum::<f64>();
            assert!(error / 5_000.0 < 0.025, "{}", error / 5_000.0);
        }
        let Some(Map::Logistic { a, b }) = logistic(&said, &happened) else { panic!() };
        assert!((a + 0.5).abs() < 0.1 && (b - 0.5).abs() < 0.05, "{a} {b}");
    }

    #[test]
    fn pooled_cases_are_those_of_the_worked_example() {
        let said = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        let happened = [false, true, false, true, true, true];
        let Some(Map::Isotonic(points)) = isotonic(&said, &happened) else { panic!() };
        let expected = [(0.1, 0.0), (0.25, 0.5), (0.5, 1.0)];
        assert_eq!(points.len(), expected.len(), "{points:?}");
        for ((x, y), (x0, y0)) in points.iter().zip(expected) {
            assert!((x - x0).abs() < 1e-12 && (y - y0).abs() < 1e-12, "{points:?}");
        }
    }

    #[test]
    fn few_cases_and_one_statement_are_taken_calmly() {
        let Some(map) = fit(&[0.3, 0.3, 0.3], &[true, false, false]) else { panic!() };
        assert!((map.at(0.3) - 0.36).abs() < 0.1, "{map:?}");
        assert_eq!(fit(&[0.3, 0.4], &[false, false]), None);
        assert_eq!(fit(&[], &[]), None);
        // What says the opposite becomes the share of all.
        let map = fit(&[0.9, 0.8, 0.2, 0.1], &[false, false, true, true]).unwrap();
        assert!((map.at(0.9) - 0.5).abs() < 1e-9 && (map.at(0.1) - 0.5).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_map_never_falls_and_stays_a_probability(
            cases in prop::collection::vec((0.0_f64..=1.0, any::<bool>()), 2..200),
            a in 0.0_f64..=1.0, b in 0.0_f64..=1.0,
        ) {
            let (said, happened): (Vec<f64>, Vec<bool>) = cases.into_iter().unzip();
            for map in [logistic(&said, &happened), isotonic(&said, &happened)].into_iter().flatten() {
                let (low, high) = (map.at(a.min(b)), map.at(a.max(b)));
                prop_assert!(low <= high + 1e-12, "{:?} {} {}", map, low, high);
                prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            }
        }

        #[test]
        fn the_isotonic_map_keeps_the_number_of_events(
            cases in prop::collection::vec((0_u8..20, any::<bool>()), 2..200),
        ) {
            let said: Vec<f64> = cases.iter().map(|(p, _)| f64::from(*p) / 20.0).collect();
            let happened: Vec<bool> = cases.iter().map(|(_, y)| *y).collect();
            if let Some(map @ Map::Isotonic(_)) = isotonic(&said, &happened) {
                let Map::Isotonic(points) = &map else { unreachable!() };
                prop_assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
            }
        }
    }
}
