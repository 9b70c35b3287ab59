//! Searches for the least cost: downhill for a smooth one, by a simplex within bounds for others.

#![expect(clippy::indexing_slicing, reason = "all vectors have the length of the start")]

/// Minimizes by the method of Broyden, Fletcher, Goldfarb and Shanno, with slopes by central
/// differences and steps halved until they descend (Nocedal and Wright 2006, algorithm 6.1).
/// Coordinates should be of the order of one.
pub(super) fn descend(start: &[f64], cost: &dyn Fn(&[f64]) -> f64) -> Vec<f64> {
    const STEPS: usize = 500;
    let n = start.len();
    let mut x = start.to_vec();
    let mut value = cost(&x);
    let mut slope = slopes(&x, cost);
    let mut inverse = identity(n);
    let (mut fresh, mut still) = (true, 0);
    for _ in 0..STEPS {
        let mut along: Vec<f64> = inverse.iter().map(|row| -dot(row, &slope)).collect();
        let mut fall = dot(&along, &slope);
        if fall >= 0.0 || !fall.is_finite() {
            inverse = identity(n);
            fresh = true;
            along = slope.iter().map(|slope| -slope).collect();
            fall = dot(&along, &slope);
        }
        let length = dot(&along, &along).sqrt();
        if !length.is_finite() || length == 0.0 {
            break;
        }
        // A first step is a tenth long, as the slope alone does not tell how far.
        let mut t = if fresh { (0.1 / length).min(1.0) } else { (1.0 / length).min(1.0) };
        let mut next = None;
        while t * length > 1e-13 {
            let there: Vec<f64> = x.iter().zip(&along).map(|(x, a)| x + t * a).collect();
            let at = cost(&there);
            if at <= value + 1e-4 * t * fall {
                next = Some((there, at));
                break;
            }
            t *= 0.5;
        }
        let Some((there, at)) = next else {
            if fresh {
                break;
            }
            inverse = identity(n);
            fresh = true;
            continue;
        };
        let steeper = slopes(&there, cost);
        let moved: Vec<f64> = there.iter().zip(&x).map(|(a, b)| a - b).collect();
        let turned: Vec<f64> = steeper.iter().zip(&slope).map(|(a, b)| a - b).collect();
        let curve = dot(&moved, &turned);
        if curve > 1e-14 {
            if fresh {
                let scale = curve / dot(&turned, &turned);
                inverse.iter_mut().flatten().for_each(|cell| *cell *= scale);
            }
            update(&mut inverse, &moved, &turned, curve);
            fresh = false;
        }
        let gain = value - at;
        (x, value, slope) = (there, at, steeper);
        still = if gain <= 1e-9 * (1.0 + value.abs()) { still + 1 } else { 0 };
        if still == 3 {
            break;
        }
    }
    x
}

fn slopes(x: &[f64], cost: &dyn Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut there = x.to_vec();
    (0..x.len())
        .map(|i| {
            let step = 1e-6 * x[i].abs().max(0.1);
            there[i] = x[i] + step;
            let above = cost(&there);
            there[i] = x[i] - step;
            let below = cost(&there);
            there[i] = x[i];
            let slope = (above - below) / (2.0 * step);
            if slope.is_finite() { slope } else { 0.0 }
        })
        .collect()
}

fn update(inverse: &mut [Vec<f64>], moved: &[f64], turned: &[f64], curve: f64) {
    let through: Vec<f64> = inverse.iter().map(|row| dot(row, turned)).collect();
    let weight = (1.0 + dot(turned, &through) / curve) / curve;
    for (i, row) in inverse.iter_mut().enumerate() {
        for (j, cell) in row.iter_mut().enumerate() {
            let cross = moved[i] * through[j] + through[i] * moved[j];
            *cell += weight * moved[i] * moved[j] - cross / curve;
        }
    }
}

fn identity(n: usize) -> Vec<Vec<f64>> {
    (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Minimizes within bounds by the simplex of Nelder and Mead (1965) with the coefficients of Gao
/// and Han (2012), which suit many dimensions.
///
/// Corners are a twentieth of each coordinate away; the search ends where their costs lie within
/// one part in ten thousand of a unit, or after as many steps as it has.
pub(super) fn simplex(
    start: &[f64],
    bounds: &[(f64, f64)],
    steps: usize,
    cost: &dyn Fn(&[f64]) -> f64,
) -> Vec<f64> {
    let n = start.len();
    let size = n as f64;
    let (wider, nearer, smaller) = (1.0 + 2.0 / size, 0.75 - 0.5 / size, 1.0 - 1.0 / size);
    let within = |x: f64, i: usize| x.max(bounds[i].0).min(bounds[i].1);
    let value = |x: &[f64]| {
        let value = cost(x);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let begin: Vec<f64> = start.iter().enumerate().map(|(i, x)| within(*x, i)).collect();
    let mut corners: Vec<(f64, Vec<f64>)> = (0..n)
        .map(|i| {
            let mut corner = begin.clone();
            corner[i] = within(if corner[i] == 0.0 { 1e-4 } else { 1.05 * corner[i] }, i);
            (value(&corner), corner)
        })
        .collect();
    corners.push((value(&begin), begin));
    for _ in 0..steps {
        let mean = corners.iter().map(|corner| corner.0).sum::<f64>() / (size + 1.0);
        let square: f64 = corners.iter().map(|corner| (corner.0 - mean).powi(2)).sum();
        if (square / (size + 1.0)).sqrt() < 1e-4 {
            break;
        }
        corners.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (low, second, high) = (corners[0].0, corners[n - 1].0, corners[n].0);
        let middle: Vec<f64> =
            (0..n).map(|i| corners[..n].iter().map(|c| c.1[i]).sum::<f64>() / size).collect();
        // From the middle towards a point, as many times as far.
        let along = |point: &[f64], t: f64| -> (f64, Vec<f64>) {
            let each = middle.iter().zip(point).enumerate();
            let there: Vec<f64> = each.map(|(i, (m, p))| within(m + t * (p - m), i)).collect();
            (value(&there), there)
        };
        let across = along(&corners[n].1, -1.0);
        let took = if across.0 < low {
            let beyond = along(&across.1, wider);
            Some(if beyond.0 < across.0 { beyond } else { across })
        } else if across.0 < second {
            Some(across)
        } else if across.0 < high {
            let outside = along(&across.1, nearer);
            (outside.0 <= across.0).then_some(outside)
        } else {
            let inside = along(&across.1, -nearer);
            (inside.0 < high).then_some(inside)
        };
        if let Some(took) = took {
            corners[n] = took;
            continue;
        }
        let best = corners[0].1.clone();
        for corner in &mut corners[1..] {
            for (i, x) in corner.1.iter_mut().enumerate() {
                *x = within(best[i] + smaller * (*x - best[i]), i);
            }
            corner.0 = value(&corner.1);
        }
    }
    corners.sort_by(|a, b| a.0.total_cmp(&b.0));
    corners.swap_remove(0).1
}
