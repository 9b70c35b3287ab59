//! A line in which items wait for people, replayed: who was taken up on which day?
//!
//! Days of coming and leaving are known, those of being taken up are not. People who can work so
//! many a day take up items in the order of coming (D/D/1 with the arrivals as they were, Newell
//! 1982, "Applications of queueing theory", chapter 2); what is lost before its turn gave up. What
//! an item then stays, beyond its waiting, is lognormal. Where nobody says how much people can
//! work, the capacity is that under which the stays are most likely, against stays without any
//! line (Schwarz 1978 for the number of unknowns).

/// How an item left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It went on, on a day: it was worked on.
    On(i64),
    /// It was lost on a day, worked on or not.
    Lost(i64),
    /// It is there still.
    Stays,
}

/// An item that came to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The day of its coming.
    pub came: i64,
    /// How and when it left.
    pub left: Left,
}

/// What people can work a day, from day to day.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// The first day.
    pub from: i64,
    /// Items a day on each day; on later days as on the last.
    pub a_day: Vec<f64>,
}

impl Pace {
    /// The same factor of change each year, reaching `last` items a day on the day `to`.
    pub fn steady(from: i64, to: i64, last: f64, growth: f64) -> Self {
        let of = |day: i64| last * (growth * (day - to) as f64 / 365.0).exp();
        Self { from, a_day: (from..=to.max(from)).map(of).collect() }
    }

    /// No limit.
    pub fn free(day: i64) -> Self {
        Self { from: day, a_day: vec![1e9] }
    }

    /// Items a day on a day.
    pub fn on(&self, day: i64) -> f64 {
        let at = usize::try_from(day - self.from).unwrap_or(0);
        self.a_day.get(at).or(self.a_day.last()).copied().unwrap_or(0.0)
    }
}

/// The day on which it was the turn of each item; none where it gave up before, or waits still.
/// Items are in the order of coming.
pub fn replay(items: &[Item], pace: &Pace, until: i64) -> Vec<Option<i64>> {
    let mut turns: Vec<Option<i64>> = vec![None; items.len()];
    let Some(first) = items.first() else { return turns };
    let (mut credit, mut next) = (0.0_f64, 0);
    for day in first.came.min(until)..=until {
        let can = pace.on(day);
        // Nobody works ahead: an idle day is gone.
        credit = (credit + can).min(can.max(1.0));
        while credit > 0.0 {
            let Some((item, turn)) = items.get(next).zip(turns.get_mut(next)) else { break };
            if item.came > day {
                break;
            }
            next += 1;
            if !matches!(item.left, Left::Lost(left) if left < day) {
                *turn = Some(day);
                credit -= 1.0;
            }
        }
    }
    turns
}

/// Working days, without the waiting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Their median.
    pub median: f64,
    /// The standard deviation of their logarithm.
    pub spread: f64,
    /// The log likelihood of the stays.
    pub likelihood: f64,
}

/// Spreads that are tried.
const SPREADS: [f64; 4] = [0.35, 0.5, 0.65, 0.85];

/// Part of the stays that may be anything.
const ODD: f64 = 0.03;

/// Fits working days to stays, each with its days of waiting and how uncertain these are.
///
/// A sum of waiting and lognormal work is taken as lognormal with its mean and variance (Fenton
/// 1960).
pub fn work(stays: &[(f64, f64, f64)]) -> Work {
    let mut all: Vec<f64> = stays.iter().map(|(stay, ..)| stay.max(0.5).ln()).collect();
    all.sort_unstable_by(f64::total_cmp);
    let middle = all.get(all.len() / 2).copied().unwrap_or(0.0);
    let likelihood = |median: f64, spread: f64| -> f64 {
        let variance = spread * spread;
        let mean = median * (0.5 * variance).exp();
        let own = mean * mean * variance.exp_m1();
        let each = |(stay, wait, doubt): &(f64, f64, f64)| {
            let stay = stay.max(0.5).ln();
            let all = wait + mean;
            let square = ((own + doubt) / (all * all)).ln_1p();
            let normal = |off: f64, square: f64| {
                (-0.5 * off * off / square).exp() / (std::f64::consts::TAU * square).sqrt()
            };
            let usual = normal(stay - all.ln() + 0.5 * square, square);
            ((1.0 - ODD) * usual + ODD * normal(stay - middle, 1.5)).max(1e-300).ln()
        };
        stays.iter().map(each).sum()
    };
    let mut best = Work { median: middle.exp(), spread: 0.6, likelihood: f64::NEG_INFINITY };
    for spread in SPREADS {
        // Golden section over the logarithm of the median.
        let of = |log: f64| likelihood(log.exp(), spread);
        let part = 0.618_034;
        let (mut low, mut high) = (middle - 3.0, middle + 0.7);
        let mut points = [high - part * (high - low), low + part * (high - low)];
        let mut values = points.map(of);
        for _ in 0..14 {
            if values[0] > values[1] {
                high = points[1];
                points = [high - part * (high - low), points[0]];
                values = [of(points[0]), values[0]];
            } else {
                low = points[0];
                points = [points[1], low + part * (high - low)];
                values = [values[1], of(points[1])];
            }
        }
        let (at, value) =
            if values[0] > values[1] { (points[0], values[0]) } else { (points[1], values[1]) };
        if value > best.likelihood {
            best = Work { median: at.exp(), spread, likelihood: value };
        }
    }
    best
}

/// What a replay under a pace tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The day on which each was taken up: its turn, or before it left where it went on sooner.
    pub begun: Vec<Option<i64>>,
    /// What was worked.
    pub work: Work,
    /// Items that gave up, and the days that all waited.
    pub gave_up: u64,
    /// Days of waiting.
    pub waited: f64,
}

/// Most stays that are looked at in one fit.
const MOST: usize = 500;

/// Replays a line and fits the work to what went on.
pub fn replayed(items: &[Item], pace: &Pace, until: i64) -> Replayed {
    let turns = replay(items, pace, until);
    let mut begun = Vec::with_capacity(items.len());
    let (mut gave_up, mut waited) = (0, 0.0);
    let mut stays = Vec::new();
    for (item, turn) in items.iter().zip(turns) {
        let up = match item.left {
            // What has gone on cannot wait still.
            Left::On(left) => {
                // Its own leaving must not tell when its turn was.
                let wait = (turn.unwrap_or(until) - item.came).max(0) as f64;
                // How many stood before it is known, what each of them took is not.
                let doubt = 0.3 * wait / pace.on(item.came).max(1e-3) + (0.1 * wait).powi(2) + 0.3;
                stays.push(((left - item.came) as f64, wait, doubt));
                Some(turn.unwrap_or(left).min(left - 1).max(item.came))
            }
            _ => turn,
        };
        let end = match (item.left, up) {
            (_, Some(day)) => day,
            (Left::Lost(left), None) => {
                gave_up += 1;
                left
            }
            _ => until,
        };
        waited += (end - item.came).max(0) as f64;
        begun.push(up);
    }
    let every = stays.len().div_ceil(MOST).max(1);
    let some: Vec<(f64, f64, f64)> = stays.iter().step_by(every).copied().collect();
    let work = work(&some);
    Replayed { begun, work, gave_up, waited }
}

/// A limit that was inferred.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// What people can work.
    pub pace: Pace,
    /// How much more likely the stays are than without a line, less what the unknowns cost.
    pub evidence: f64,
    /// The replay.
    pub replayed: Replayed,
}

/// Infers how much people can work from stays alone; none where too few went on.
pub fn infer(items: &[Item], until: i64) -> Option<Inferred> {
    let from = items.first()?.came;
    let n_on = items.iter().filter(|item| matches!(item.left, Left::On(_))).count();
    let n_lost = items.iter().filter(|item| matches!(item.left, Left::Lost(_))).count();
    let days = (until - from).max(1) as f64;
    if n_on < 12 {
        return None;
    }
    let bare = |item: &Item| match item.left {
        Left::On(left) => Some(((left - item.came) as f64, 0.0, 0.3)),
        _ => None,
    };
    let stays: Vec<(f64, f64, f64)> = items.iter().filter_map(bare).collect();
    let every = stays.len().div_ceil(MOST).max(1);
    let some: Vec<(f64, f64, f64)> = stays.iter().step_by(every).copied().collect();
    let free = work(&some);
    let cost = (some.len() as f64).ln();
    let usual = (n_on as f64 + 0.5 * n_lost as f64) / days;
    let mut best: Option<Inferred> = None;
    for growth in [0.0, 0.15, -0.1] {
        for step in 0..18_u8 {
            let last =
                usual * (1.0 + 0.5 * growth * days / 365.0) * 0.72 * 1.06_f64.powi(i32::from(step));
            let pace = Pace::steady(from, until, last, growth);
            let replayed = replayed(items, &pace, until);
            let evidence = replayed.work.likelihood - free.likelihood - cost;
            if best.as_ref().is_none_or(|best| evidence > best.evidence) {
                best = Some(Inferred { pace, evidence, replayed });
            }
        }
    }
    best
}

/// How far a day of waiting moves the log odds of going on before the data speak.
const WEARS_SD: f64 = 0.01;

/// Log odds of going on that a day of waiting takes away, with its standard error: a logistic
/// regression with a level for each group of pairs of waiting and going on, and a normal prior
/// around none.
pub fn wears(groups: &[Vec<(f64, bool)>]) -> (f64, f64) {
    let mut slope = 0.0;
    let mut levels = vec![0.0_f64; groups.len()];
    let mut information = WEARS_SD.powi(-2);
    for _ in 0..30 {
        // Newton's step of each level, then of the slope with the levels profiled out.
        let mut gradient = -slope * WEARS_SD.powi(-2);
        information = WEARS_SD.powi(-2);
        for (pairs, level) in groups.iter().zip(&mut levels) {
            for _ in 0..3 {
                let (mut up, mut curve) = (-1e-3 * *level, 1e-3);
                for (wait, on) in pairs {
                    let p = 1.0 / (1.0 + (slope * wait - *level).exp());
                    up += f64::from(u8::from(*on)) - p;
                    curve += p * (1.0 - p);
                }
                *level += (up / curve).clamp(-2.0, 2.0);
            }
            let (mut cross, mut weight, mut square) = (0.0, 1e-3, 0.0);
            for (wait, on) in pairs {
                let p = 1.0 / (1.0 + (slope * wait - *level).exp());
                gradient -= wait * (f64::from(u8::from(*on)) - p);
                let w = p * (1.0 - p);
                cross += w * wait;
                weight += w;
                square += w * wait * wait;
            }
            information += square - cross * cross / weight;
        }
        let step = (gradient / information).clamp(-0.02, 0.02);
        slope += step;
        if step.abs() < 1e-8 {
            break;
        }
    }
    (slope, information.max(1e-12).sqrt().recip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    #[expect(clippy::cast_possible_truncation, reason = "days within three years")]
    fn whole(days: f64) -> i64 {
        days as i64
    }

    /// Items in a line whose capacity is known; those that wait too long are lost.
    fn line(a_day: f64, seed: u64) -> (Vec<Item>, Vec<Option<i64>>, i64) {
        let mut random = SplitMix64::new(seed);
        let (mut came, mut day) = (Vec::new(), 0.0);
        while day < 1_000.0 {
            // Twice as many come in the second half of each year.
            let rate = if (day % 365.0) < 182.0 { 0.25 } else { 0.5 };
            day += -(1.0 - random.uniform()).ln() / rate;
            came.push(whole(day));
        }
        let bare: Vec<Item> = came
            .iter()
            .map(|came| {
                let patience = whole(-90.0 * (1.0 - random.uniform()).ln());
                Item { came: *came, left: Left::Lost(*came + 1 + patience) }
            })
            .collect();
        let pace = Pace { from: 0, a_day: vec![a_day] };
        let turns = replay(&bare, &pace, 1_000);
        let items = bare.iter().zip(&turns).map(|(item, turn)| match turn {
            Some(turn) => {
                let work = whole((8.0 * (0.6 * random.normal()).exp()).max(1.0));
                let left = if turn + work > 1_000 { Left::Stays } else { Left::On(turn + work) };
                Item { left, ..*item }
            }
            None if matches!(item.left, Left::Lost(left) if left > 1_000) => {
                Item { left: Left::Stays, ..*item }
            }
            None => *item,
        });
        (items.collect(), turns, 1_000)
    }

    #[test]
    fn people_take_up_items_in_order_and_no_sooner_than_they_can() {
        let item = |came| Item { came, left: Left::Stays };
        let items = [item(0), item(0), item(0), Item { came: 0, left: Left::Lost(3) }, item(20)];
        let turns = replay(&items, &Pace { from: 0, a_day: vec![0.5] }, 30);
        assert_eq!(turns, [Some(0), Some(2), Some(4), None, Some(20)]);
        let free = replayed(&items, &Pace::free(30), 30);
        assert_eq!((free.gave_up, free.waited), (0, 0.0));
    }

    #[test]
    fn a_capacity_that_nobody_recorded_is_found_from_stays() {
        for seed in 0..6 {
            let (items, turns, until) = line(0.3, seed);
            let found = infer(&items, until).unwrap();
            assert!(found.evidence > 10.0, "{seed}: {}", found.evidence);
            let middle = found.pace.on(500);
            assert!((middle / 0.3 - 1.0).abs() < 0.15, "{seed}: {middle}");
            assert!((found.replayed.work.median / 8.0 - 1.0).abs() < 0.35);
            let early = turns.iter().flatten().count();
            let found = found.replayed.begun.iter().flatten().count();
            assert!((early as f64 / found as f64 - 1.0).abs() < 0.1, "{early} {found}");
            // With people to spare nobody waits, and nothing speaks for a limit.
            let (items, ..) = line(50.0, seed);
            let none = infer(&items, until).unwrap();
            assert!(none.evidence < 0.0, "{seed}: {}", none.evidence);
        }
        assert_eq!(infer(&line(0.3, 1).0[..8], 1_000), None);
    }

    #[test]
    fn what_waiting_costs_is_drawn_towards_nothing() {
        let mut random = SplitMix64::new(4);
        let mut pairs = |n: usize, slope: f64| -> Vec<(f64, bool)> {
            (0..n)
                .map(|_| {
                    let wait = 60.0 * random.uniform();
                    let p = 1.0 / (1.0 + (slope * wait - 1.0).exp());
                    (wait, random.uniform() < p)
                })
                .collect()
        };
        let (slope, error) = wears(&[pairs(6_000, 0.02), pairs(4_000, 0.02)]);
        assert!((slope - 0.02).abs() < 3.0 * error && error < 0.0015, "{slope} {error}");
        let (slope, error) = wears(&[pairs(40, 0.02)]);
        assert!(slope.abs() < 0.02 && error > 0.006, "{slope} {error}");
        let (slope, error) = wears(&[]);
        assert!(slope.abs() < 1e-12 && (error - WEARS_SD).abs() < 1e-12);
    }
}
