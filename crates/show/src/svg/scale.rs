//! From values to positions, and the round values that an axis shows.

/// Values from here on are not drawn.
pub(super) const MOST: f64 = 1e18;
/// A span below this is nothing.
const LEAST: f64 = 1e-12;

/// A linear or logarithmic scale.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
    /// Where zero lies on a scale by powers of ten, which has no place for it.
    floor: Option<f64>,
}

impl Scale {
    /// Leads `low` to `from` and `high` to `to`. Where both are the same, the scale ends one above.
    pub(super) fn linear((low, high): (f64, f64), from: f64, to: f64) -> Self {
        let high = if high - low > LEAST { high } else { low + 1.0 };
        Self { low, high, from, to, log: false, floor: None }
    }

    /// The same by powers of ten; both ends must be above zero.
    pub(super) fn log((low, high): (f64, f64), from: f64, to: f64) -> Self {
        let (low, high) = (low.log10(), high.log10());
        let high = if high - low > 1e-6 { high } else { low + 1.0 };
        Self { low, high, from, to, log: true, floor: None }
    }

    /// The same with a place for zero before the lowest power.
    pub(super) fn log_from_zero(ends: (f64, f64), from: f64, to: f64) -> Self {
        Self { floor: Some(from), ..Self::log(ends, from + (to - from) * 0.08, to) }
    }

    /// Returns the position of a value, within the ends.
    pub(super) fn at(&self, x: f64) -> f64 {
        if let Some(floor) = self.floor.filter(|_| x <= 0.0) {
            return floor;
        }
        let x = if self.log { x.max(f64::MIN_POSITIVE).log10() } else { x };
        let part = ((x - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + part * (self.to - self.from)
    }
}

/// Returns the lowest and highest of values; `None` where there are none.
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|x| x.is_finite()).fold(None, |found, x| {
        Some(found.map_or((x, x), |(low, high): (f64, f64)| (low.min(x), high.max(x))))
    })
}

/// Round values around a range: multiples of 1, 2 or 5 times a power of ten.
///
/// The first is at or below `low` and the last at or above `high`; `count` steps are aimed at.
pub(super) fn ticks((low, high): (f64, f64), count: usize) -> Vec<f64> {
    let (low, high) = if high - low > LEAST { (low, high) } else { (low, low + 1.0) };
    let rough = (high - low) / count.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= rough * 0.999_999)
        .unwrap_or(power * 10.0);
    let first = (low / step + 1e-9).floor();
    let last = (high / step - 1e-9).ceil();
    (0..=count.max(1) + 2)
        .map(|at| first + at as f64)
        .take_while(|multiple| *multiple <= last)
        // A product with a small power of ten leaves 0.30000000000000004.
        .map(|multiple| if power < 1.0 { multiple / (1.0 / step) } else { multiple * step })
        .collect()
}

/// The powers of ten around a range above zero, with 2 and 5 times where there are few.
pub(super) fn log_ticks((low, high): (f64, f64)) -> Vec<f64> {
    let (first, last) = (low.log10().floor(), high.log10().ceil());
    let n_powers = (last - first).clamp(1.0, 40.0);
    let times: &[f64] = match n_powers {
        ..=2.0 => &[1.0, 2.0, 5.0],
        ..=3.0 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let power = |at: usize| 10_f64.powf(first + at as f64);
    let all = (0..=40).take_while(|at| *at as f64 <= n_powers);
    let mut ticks: Vec<f64> =
        all.flat_map(|at| times.iter().map(move |times| times * power(at))).collect();
    // The nearest at or below the lowest begins, the nearest at or above the highest ends.
    let begin = ticks.iter().rposition(|tick| *tick <= low * 1.000_001).unwrap_or(0);
    let end = ticks.iter().position(|tick| *tick >= high * 0.999_999).unwrap_or(ticks.len());
    ticks.truncate(end + 1);
    ticks.split_off(begin.min(ticks.len()))
}

/// Moves positions apart until each has `gap` to the next, within `from` and `to`, in their order.
/// Where there is no room for all, the last ones have none.
pub(super) fn spread(wanted: &[f64], gap: f64, from: f64, to: f64) -> Vec<Option<f64>> {
    let room = ((to - from) / gap).max(0.0);
    let mut order: Vec<usize> = (0..wanted.len()).take_while(|at| *at as f64 <= room).collect();
    order.sort_by(|a, b| {
        let at = |index: &usize| wanted.get(*index).copied().unwrap_or(0.0);
        at(a).total_cmp(&at(b))
    });
    let mut placed: Vec<f64> = Vec::with_capacity(order.len());
    for index in &order {
        let wish = wanted.get(*index).copied().unwrap_or(from).clamp(from, to);
        placed.push(placed.last().map_or(wish, |last| wish.max(last + gap)));
    }
    let mut limit = to;
    for place in placed.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - gap;
    }
    let mut found = vec![None; wanted.len()];
    for (index, place) in order.iter().zip(placed) {
        if let Some(slot) = found.get_mut(*index) {
            *slot = Some(place);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        assert_eq!(ticks((0.0, 97.0), 4), [0.0, 50.0, 100.0]);
        assert_eq!(ticks((0.0, 100.0), 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks((-3.0, 7.5), 4), [-5.0, 0.0, 5.0, 10.0]);
        assert_eq!(ticks((0.0, 0.42), 4), [0.0, 0.2, 0.4, 0.6]);
        assert_eq!(ticks((0.0, 0.29), 3), [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(ticks((0.0, 0.0), 4), [0.0, 0.5, 1.0]);
        assert_eq!(ticks((0.0, 1.9e12), 4), [0.0, 5e11, 1e12, 1.5e12, 2e12]);
        for range in [(0.0, 1e-6), (1e17, 9e17), (-1e-3, 1e9), (5.0, 5.0)] {
            let ticks = ticks(range, 4);
            assert!(ticks.len() >= 2 && ticks.len() <= 8, "{range:?} {ticks:?}");
            // What is beyond the ends by less than can be seen needs no further tick.
            let near = 1e-6 * (range.1 - range.0);
            let (first, last) = (ticks[0], ticks[ticks.len() - 1]);
            assert!(first <= range.0 + near && last >= range.1 - near, "{range:?} {ticks:?}");
        }
    }

    #[test]
    fn powers_of_ten_cover_the_range() {
        assert_eq!(log_ticks((3.0, 40.0)), [2.0, 5.0, 10.0, 20.0, 50.0]);
        assert_eq!(log_ticks((1e3, 1e7)), [1e3, 1e4, 1e5, 1e6, 1e7]);
        let wide = log_ticks((1e-6, 1e12));
        assert!(wide.len() == 19, "{wide:?}");
    }

    #[test]
    fn labels_are_moved_apart_and_those_without_room_have_no_place() {
        assert_eq!(
            spread(&[10.0, 12.0, 50.0], 10.0, 0.0, 60.0),
            [Some(10.0), Some(20.0), Some(50.0)]
        );
        assert_eq!(spread(&[59.0, 60.0], 10.0, 0.0, 60.0), [Some(50.0), Some(60.0)]);
        assert_eq!(spread(&[0.0, 0.0, 0.0], 10.0, 0.0, 12.0), [Some(0.0), Some(10.0), None]);
    }

    #[test]
    fn positions_stay_within_the_ends() {
        let scale = Scale::linear((0.0, 10.0), 100.0, 200.0);
        let at = |scale: Scale, values: [f64; 3]| values.map(|x| format!("{:.1}", scale.at(x)));
        assert_eq!(at(scale, [0.0, 5.0, 99.0]), ["100.0", "150.0", "200.0"]);
        let scale = Scale::log((1.0, 100.0), 0.0, 100.0);
        assert_eq!(at(scale, [1.0, 10.0, 0.0]), ["0.0", "50.0", "0.0"]);
        let scale = Scale::log_from_zero((1.0, 100.0), 0.0, 100.0);
        assert_eq!(at(scale, [0.0, 1.0, 100.0]), ["0.0", "8.0", "100.0"]);
    }
}
