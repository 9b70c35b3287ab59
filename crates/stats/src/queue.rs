//! Stages as a network of queues: who waits, who gives up, and what more capacity would bring.
//!
//! Each station has people (servers), a time that an item takes one of them, a time that passes
//! besides (the buyer's), a share that goes on, and visitors who give up waiting. Stations stand in
//! a row; items may come in at any of them. The simulation is by events and draws what happens to
//! an item at a station from a stream of that item and station alone (common random numbers), so
//! that a network with more capacity meets the same visitors in the same order, and a difference is
//! the effect of the capacity.
//!
//! What is known exactly stands beside it: waits of M/M/c by Erlang's formula (Erlang 1917), and
//! networks of such stations by Jackson (1957). Elasticities carry the uncertainty of what was
//! measured: rates are drawn from gamma, shares from beta posteriors (Jeffreys). Days everywhere.
//! What nobody recorded, who waited and how much people can work, is found by [`line`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::random::{SplitMix64, mix};

pub mod line;

/// A station of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Station {
    /// Items that come from outside, a day.
    pub arrivals: f64,
    /// People; none where nobody has to be waited for.
    pub servers: u32,
    /// Mean days that an item takes one of them.
    pub service: f64,
    /// Standard deviation of these days, of their mean; 1 makes them exponential.
    pub service_cv: f64,
    /// Median days that pass besides, after the service; the people are free meanwhile.
    pub delay: f64,
    /// Standard deviation of the logarithm of these days.
    pub delay_spread: f64,
    /// Mean days until a waiting item gives up (exponential); infinite where none does.
    pub patience: f64,
    /// Share that goes on to the next station, or is won after the last.
    pub conversion: f64,
    /// Log odds of going on that a day of waiting takes away.
    pub wears: f64,
    /// Mean days of waiting with which the share was measured.
    pub usual_wait: f64,
    /// Share of those that go on which pass the next station by.
    pub skips: f64,
    /// Share that goes back to the station before.
    pub backs: f64,
    /// Items that wait at the beginning.
    pub waiting: u32,
    /// Items whose delay runs at the beginning.
    pub running: u32,
}

/// What went through a station.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Passed {
    /// Items that came.
    pub arrived: u64,
    /// Items whose service began.
    pub started: u64,
    /// Items that gave up waiting.
    pub gave_up: u64,
    /// Days that the started ones had waited, in all.
    pub waited: f64,
    /// Days from coming to leaving of those that were done, in all, and their number.
    pub stayed: f64,
    /// Number of those.
    pub done: u64,
}

/// The outcome of a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Items that went on from the last station on the days that count.
    pub won: u64,
    /// The same, each with the worth of where it came from.
    pub worth: f64,
    /// For each station, what went through it.
    pub stations: Vec<Passed>,
}

/// What is changed in a network, by a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Nothing.
    None,
    /// The people of a station work so much more.
    Capacity(usize, f64),
    /// So many more go on from a station.
    Conversion(usize, f64),
    /// So many more come from outside, everywhere; the factor is 1 or more.
    Arrivals(f64),
}

/// The days of a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// How many.
    pub days: f64,
    /// Those won count from this day on.
    pub counts_from: f64,
    /// Days of a stretch in which nothing changes.
    pub stretch: f64,
    /// What an item is worth that came to the first station from outside, and one that came to a
    /// later one.
    pub worth: [f64; 2],
    /// How each station differs from stretch to stretch; as in the last one beyond them, and not at
    /// all where there is none.
    pub stations: Vec<Varies>,
}

/// How a station differs from stretch to stretch: factors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Varies {
    /// Of what comes from outside.
    pub arrivals: Vec<f64>,
    /// Of what comes from outside only where there is more of it: what is late to come.
    pub more: Vec<f64>,
    /// Of what its people can work.
    pub capacity: Vec<f64>,
}

impl Course {
    /// Some days which are all alike.
    pub fn even(days: f64) -> Self {
        Self { days, counts_from: 0.0, stretch: days, worth: [1.0; 2], stations: Vec::new() }
    }

    fn factor(&self, at: u32, of: fn(&Varies) -> &[f64], stretch: usize) -> f64 {
        let Some(varies) = self.stations.get(at as usize) else { return 1.0 };
        let factors = of(varies);
        factors.get(stretch).or(factors.last()).copied().unwrap_or(1.0)
    }

    fn stretch_of(&self, time: f64) -> usize {
        usize::try_from(whole(time / self.stretch.max(1e-9))).unwrap_or(0)
    }

    /// The time of the next item of a stream, `wanted` mean gaps from now; infinite beyond the end.
    fn next(&self, at: u32, now: f64, rate: f64, extra: bool, wanted: f64) -> f64 {
        let (mut time, mut left) = (now, wanted);
        while time < self.days {
            let stretch = self.stretch_of(time);
            let mut rate = rate * self.factor(at, |v| &v.arrivals, stretch);
            if extra {
                rate *= self.factor(at, |v| &v.more, stretch);
            }
            let end = ((stretch + 1) as f64 * self.stretch).max(time + 1e-9);
            if rate * (end - time) >= left {
                return time + left / rate;
            }
            left -= rate * (end - time);
            time = end;
        }
        f64::INFINITY
    }
}

#[derive(Clone, Copy)]
enum Event {
    /// The next item of a stream comes from outside: station, extra stream or not.
    Outside(u32, bool),
    /// An item comes to a station.
    Come(u32, u64),
    /// A server of a station is free.
    Free(u32),
    /// An item that came on a day and waited for some days is done at a station.
    Done(u32, u64, f64, f64),
}

/// Time and number of an event: earlier first, then in the order of planning.
type Key = Reverse<(u64, u64)>;

struct Planned(Key, Event);

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// What an item meets at a station: service, patience, delay and whether it goes on.
struct Luck {
    service: f64,
    patience: f64,
    delay: f64,
    goes_on: f64,
}

fn exponential(uniform: f64) -> f64 {
    -(1.0 - uniform).ln()
}

impl Luck {
    fn of(item: u64, at: u32, station: &Station) -> Self {
        let mut random = SplitMix64::new(mix(item ^ mix(u64::from(at) + 0x51_7cc1)));
        let (service, patience) = (random.uniform(), exponential(random.uniform()));
        let goes_on = random.uniform();
        let service = if (station.service_cv - 1.0).abs() < 1e-12 {
            station.service * exponential(service)
        } else {
            let variance = station.service_cv.powi(2).ln_1p();
            station.service * (variance.sqrt() * random.normal() - 0.5 * variance).exp()
        };
        let delay = if station.delay > 0.0 {
            station.delay * (station.delay_spread * random.normal()).exp()
        } else {
            0.0
        };
        Self { service, patience: patience * station.patience, delay, goes_on }
    }
}

struct Run<'a> {
    stations: &'a [Station],
    course: &'a Course,
    change: Change,
    now: f64,
    agenda: BinaryHeap<Planned>,
    n_planned: u64,
    queues: Vec<VecDeque<(u64, f64)>>,
    busy: Vec<u32>,
    outcome: Outcome,
}

/// The mark of an item that came to the first station from outside.
const FIRST: u64 = 1;

fn marked(item: u64, at: u32) -> u64 {
    if at == 0 { item | FIRST } else { item & !FIRST }
}

/// Simulates a network for some days, all empty but for what waits and runs at the beginning.
pub fn simulate(stations: &[Station], course: &Course, change: Change, seed: u64) -> Outcome {
    let days = course.days;
    let mut run = Run {
        stations,
        course,
        change,
        now: 0.0,
        agenda: BinaryHeap::new(),
        n_planned: 0,
        queues: stations.iter().map(|_| VecDeque::new()).collect(),
        busy: vec![0; stations.len()],
        outcome: Outcome { won: 0, worth: 0.0, stations: vec![Passed::default(); stations.len()] },
    };
    let mut streams: Vec<[SplitMix64; 2]> = Vec::with_capacity(stations.len());
    for (station, at) in stations.iter().zip(0_u32..) {
        let stream = |n: u64| SplitMix64::stream(seed, u64::from(at) * 4 + n);
        streams.push([stream(0), stream(1)]);
        let mut present = stream(2);
        for _ in 0..station.running {
            // What is left of a delay is spread over it.
            let item = marked(present.next_u64(), at);
            let left = Luck::of(item, at, station).delay * present.uniform();
            run.plan(left, Event::Done(at, item, 0.0, station.usual_wait));
        }
        for _ in 0..station.waiting {
            let item = marked(present.next_u64(), at);
            run.plan(0.0, Event::Come(at, item));
        }
        run.plan(0.0, Event::Outside(at, false));
        if matches!(change, Change::Arrivals(factor) if factor > 1.0) {
            run.plan(0.0, Event::Outside(at, true));
        }
    }
    while let Some(Planned(Reverse((time, _)), event)) = run.agenda.pop() {
        run.now = f64::from_bits(time);
        if run.now > days {
            break;
        }
        match event {
            Event::Outside(at, extra) => {
                // The streams are apart: with more arrivals the others come as before.
                let stream =
                    streams.get_mut(at as usize).and_then(|s| s.get_mut(usize::from(extra)));
                let rate = stations.get(at as usize).map_or(0.0, |station| station.arrivals);
                let factor = match change {
                    Change::Arrivals(factor) if extra => factor - 1.0,
                    _ => 1.0,
                };
                let (Some(stream), true) = (stream, rate * factor > 0.0) else { continue };
                let wanted = exponential(stream.uniform());
                let item = marked(stream.next_u64(), at);
                let time = course.next(at, run.now, rate * factor, extra, wanted);
                if time <= days {
                    run.plan(time, Event::Come(at, item));
                    run.plan(time, Event::Outside(at, extra));
                }
            }
            Event::Come(at, item) => run.come(at, item),
            Event::Free(at) => run.free(at),
            Event::Done(at, item, came, waited) => run.done(at, item, came, waited),
        }
    }
    run.outcome
}

impl Run<'_> {
    fn plan(&mut self, time: f64, event: Event) {
        self.n_planned += 1;
        // Bits of floats that are not negative are in the order of the floats.
        let key = Reverse((time.max(0.0).to_bits(), self.n_planned));
        self.agenda.push(Planned(key, event));
    }

    fn passed(&mut self, at: u32) -> Option<&mut Passed> {
        self.outcome.stations.get_mut(at as usize)
    }

    fn come(&mut self, at: u32, item: u64) {
        let Some(station) = self.stations.get(at as usize) else { return };
        if let Some(passed) = self.passed(at) {
            passed.arrived += 1;
        }
        let busy = self.busy.get(at as usize).copied().unwrap_or(0);
        if station.servers == 0 || busy < station.servers {
            self.start(at, item, self.now);
        } else if let Some(queue) = self.queues.get_mut(at as usize) {
            queue.push_back((item, self.now));
        }
    }

    fn start(&mut self, at: u32, item: u64, came: f64) {
        let Some(station) = self.stations.get(at as usize) else { return };
        let luck = Luck::of(item, at, station);
        let now = self.now;
        if let Some(passed) = self.passed(at) {
            passed.started += 1;
            passed.waited += now - came;
        }
        let mut served = now;
        if station.servers > 0 {
            let more = match self.change {
                Change::Capacity(which, factor) if which == at as usize => factor,
                _ => 1.0,
            };
            let staffed = self.course.factor(at, |v| &v.capacity, self.course.stretch_of(now));
            served += luck.service / (more * staffed).max(1e-9);
            if let Some(busy) = self.busy.get_mut(at as usize) {
                *busy += 1;
            }
            self.plan(served, Event::Free(at));
        }
        self.plan(served + luck.delay, Event::Done(at, item, came, now - came));
    }

    fn free(&mut self, at: u32) {
        if let Some(busy) = self.busy.get_mut(at as usize) {
            *busy = busy.saturating_sub(1);
        }
        let Some(station) = self.stations.get(at as usize) else { return };
        while let Some((item, came)) =
            self.queues.get_mut(at as usize).and_then(VecDeque::pop_front)
        {
            if came + Luck::of(item, at, station).patience < self.now {
                if let Some(passed) = self.passed(at) {
                    passed.gave_up += 1;
                }
                continue;
            }
            self.start(at, item, came);
            return;
        }
    }

    fn done(&mut self, at: u32, item: u64, came: f64, waited: f64) {
        let Some(station) = self.stations.get(at as usize) else { return };
        let now = self.now;
        if let Some(passed) = self.passed(at) {
            passed.done += 1;
            passed.stayed += now - came;
        }
        let conversion = match self.change {
            Change::Conversion(which, factor) if which == at as usize => {
                (station.conversion * factor).min(1.0)
            }
            _ => station.conversion,
        };
        // Whoever waited longer than usual is less willing.
        let worn = (station.wears * (waited - station.usual_wait)).exp();
        let conversion = conversion / (conversion + (1.0 - conversion) * worn).max(1e-12);
        let luck = Luck::of(item, at, station).goes_on;
        if luck >= conversion {
            if luck < conversion + station.backs && at > 0 {
                // With luck of its own, since the old one would lead it here again.
                let again = mix(item ^ 0xBAC4) & !FIRST | item & FIRST;
                self.come(at - 1, again);
            }
            return;
        }
        let last = self.stations.len().saturating_sub(1);
        let mut to = at as usize + 1;
        if to <= last && luck < conversion * station.skips {
            to += 1;
        }
        if to <= last {
            self.come(u32::try_from(to).unwrap_or(u32::MAX), item);
        } else if now >= self.course.counts_from {
            self.outcome.won += 1;
            let [first, later] = self.course.worth;
            self.outcome.worth += if item & FIRST == 1 { first } else { later };
        }
    }
}

/// Erlang's C: the probability that an item has to wait, for an offered load of `load` servers; 1
/// where the load is not less than the servers.
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    let c = f64::from(servers);
    if load >= c {
        return 1.0;
    }
    // Erlang's B by its recursion, which never overflows.
    let blocked = (1..=servers).fold(1.0, |b, n| load * b / (f64::from(n) + load * b));
    blocked / (1.0 - load / c * (1.0 - blocked))
}

/// Mean days of waiting in M/M/c: arrivals a day, mean days of service; infinite at overload.
pub fn wait_mean(servers: u32, arrivals: f64, service: f64) -> f64 {
    let load = arrivals * service;
    let spare = f64::from(servers) - load;
    if spare <= 0.0 { f64::INFINITY } else { erlang_c(servers, load) * service / spare }
}

/// Mean days in each station and in all of a Jackson network in a row, service exponential, no
/// delay and nobody gives up; infinite at overload.
pub fn jackson(stations: &[Station]) -> Vec<f64> {
    let mut flow = 0.0;
    let days = stations.iter().map(|station| {
        flow += station.arrivals;
        let days = if station.servers == 0 {
            0.0
        } else {
            station.service + wait_mean(station.servers, flow, station.service)
        };
        flow *= station.conversion;
        days
    });
    days.collect()
}

/// What was measured of a station in some days of the past.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Items that came from outside, in each stretch of the past.
    pub arrivals: Vec<u64>,
    /// Share of what more demand would bring that is here after each stretch; none for all at once.
    pub more: Vec<f64>,
    /// Items that were worked on and left.
    pub worked: u64,
    /// Those of them that went on.
    pub went_on: u64,
    /// Those of these that passed the next station by.
    pub skipped: u64,
    /// Those of the worked that went back to the station before.
    pub went_back: u64,
    /// What people can work now.
    pub capacity: Capacity,
    /// How probable it is that they are short at all.
    pub sure: f64,
    /// What they could work in each stretch, as a part of what they can now.
    pub staffed: Vec<f64>,
    /// Median days of an item that is worked on, without waiting.
    pub delay: f64,
    /// Standard deviation of the logarithm of these days.
    pub delay_spread: f64,
    /// Mean days until a waiting item gives up.
    pub patience: f64,
    /// Mean days that those waited that were worked on.
    pub usual_wait: f64,
    /// Items that waited at the beginning of the first stretch.
    pub waiting: u32,
    /// Items that were worked on then.
    pub running: u32,
}

/// Which days were measured, and which are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Around {
    /// Stretches of the past.
    pub past: usize,
    /// Stretches to come.
    pub ahead: usize,
    /// Days of a stretch.
    pub stretch: f64,
    /// Stretches of a year: what comes is like the last of them.
    pub year: usize,
    /// Log odds of going on that a day of waiting takes away, and their standard error.
    pub wears: (f64, f64),
    /// Items won and ended, of those that came to the first station from outside, and of others.
    pub ended: [(u64, u64); 2],
}

/// What the people of a station can work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Capacity {
    /// Nobody has to be waited for, as far as was seen.
    Unlimited,
    /// So many people, so many items a day in all: on record.
    Recorded(u32, f64),
    /// So many items were worked on in so many days while others waited.
    Seen(u64, f64),
}

/// How much more is tried: a tenth.
pub const MORE: f64 = 1.1;

/// What a tenth more of something brings: more items won, as a part of what is won without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elasticity {
    /// Mean over the draws.
    pub gain: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What a tenth more of each thing brings.
#[derive(Clone, Debug, PartialEq)]
pub struct Elasticities {
    /// Items won a day, without any change.
    pub won: Elasticity,
    /// For each station, of its capacity; all zero where nobody has to be waited for.
    pub capacity: Vec<Elasticity>,
    /// For each station, of the share that goes on.
    pub conversion: Vec<Elasticity>,
    /// Of all arrivals.
    pub arrivals: Elasticity,
    /// For each station, how often its capacity brings most; then how often arrivals do.
    pub most: Vec<f64>,
    /// For each station, how busy its people are: what comes, of what they can work.
    pub load: Vec<f64>,
}

/// Counts that stand behind the rate of each stretch: how far stretches differ before the data
/// speak.
const ALIKE: f64 = 6.0;

/// Draws how many came a day in each stretch, and what is to come: as in the last year, half way
/// to its mean.
fn rates(random: &mut SplitMix64, counts: &[u64], around: Around) -> Vec<f64> {
    let all = counts.iter().sum::<u64>() as f64;
    let days = counts.len() as f64 * around.stretch;
    if all <= 0.0 || days <= 0.0 {
        return vec![0.0];
    }
    let mean = random.gamma(all + 0.5) / days;
    let each = |n: &u64| {
        let shape = *n as f64 + ALIKE;
        random.gamma(shape) / (around.stretch + ALIKE / mean)
    };
    let mut rates: Vec<f64> = counts.iter().map(each).collect();
    // What is to come goes on from the last half year: a year back is past.
    let half = (around.year / 2).clamp(1, counts.len());
    let lately: u64 = counts.iter().rev().take(half).sum();
    let shape = lately as f64 + ALIKE;
    let level = random.gamma(shape) / (half as f64 * around.stretch + ALIKE / mean);
    rates.extend((0..around.ahead).map(|_| level * random.gamma(ALIKE) / ALIKE));
    rates
}

fn beta(random: &mut SplitMix64, part: u64, all: u64) -> f64 {
    let rest = all.saturating_sub(part) as f64;
    let (a, b) = (random.gamma(part as f64 + 0.5), random.gamma(rest + 0.5));
    a / (a + b)
}

fn drawn(
    random: &mut SplitMix64,
    measured: &Measured,
    around: Around,
    wears: f64,
) -> (Station, Varies) {
    let arrivals = rates(random, &measured.arrivals, around);
    let conversion = beta(random, measured.went_on, measured.worked);
    let short = random.uniform() < measured.sure;
    let (servers, rate) = match measured.capacity {
        Capacity::Recorded(people, a_day) if short => (people.max(1), a_day),
        Capacity::Seen(items, days) if short => {
            (1, random.gamma(items as f64 + 0.5) / days.max(1.0))
        }
        _ => (0, 1.0),
    };
    let share = |part: u64, all: u64| if all == 0 { 0.0 } else { part as f64 / all as f64 };
    let station = Station {
        arrivals: 1.0,
        servers,
        service: f64::from(servers) / rate.max(1e-9),
        service_cv: 0.5,
        delay: measured.delay,
        delay_spread: measured.delay_spread,
        patience: measured.patience,
        conversion,
        wears,
        usual_wait: measured.usual_wait,
        skips: share(measured.skipped, measured.went_on),
        backs: share(measured.went_back, measured.worked).min(1.0 - conversion),
        waiting: measured.waiting,
        running: measured.running,
    };
    let (more, capacity) = (measured.more.clone(), measured.staffed.clone());
    (station, Varies { arrivals, more, capacity })
}

/// Wins of both kinds of items for each that ended, as a part of those of all; both are drawn
/// towards each other by as many as this.
const LIKE: f64 = 20.0;

fn worth(random: &mut SplitMix64, ended: [(u64, u64); 2]) -> [f64; 2] {
    let (won, all) = ended.iter().fold((0, 0), |(a, b), (won, all)| (a + won, b + all));
    let usual = (won as f64 + 0.5) / (all as f64 + 1.0);
    ended.map(|(won, all)| {
        let (a, b) =
            (won as f64 + LIKE * usual, (all - won.min(all)) as f64 + LIKE * (1.0 - usual));
        let (a, b) = (random.gamma(a.max(0.5)), random.gamma(b.max(0.5)));
        a / (a + b) / usual
    })
}

/// Finds what a tenth more of everything brings in the days around the present.
///
/// The stretches of the past are gone through again as they came, then those to come; what is more
/// is so from the first day, and those won in the last year of the past and in the days to come
/// are counted. Each of `draws` draws the unknown rates and shares anew and compares all changes
/// with the same luck; small networks are simulated more often in each draw, so that the interval
/// is that of the measurement. Intervals cover `level`.
pub fn elasticities(
    measured: &[Measured],
    around: Around,
    draws: usize,
    level: f64,
    seed: u64,
) -> Elasticities {
    let n = measured.len();
    let ways: Vec<Change> = std::iter::once(Change::None)
        .chain((0..n).map(|at| Change::Capacity(at, MORE)))
        .chain((0..n).map(|at| Change::Conversion(at, MORE)))
        .chain(std::iter::once(Change::Arrivals(MORE)))
        .collect();
    let days = (around.past + around.ahead) as f64 * around.stretch;
    let counts_from = around.past.saturating_sub(around.year) as f64 * around.stretch;
    let items: u64 =
        measured.iter().map(|m| m.worked + m.arrivals.iter().sum::<u64>()).sum::<u64>();
    let each = items as f64 * days / (around.past as f64 * around.stretch).max(1.0);
    let inner = whole((20_000.0 / each.max(1.0)).clamp(1.0, 40.0));
    let mut gains: Vec<Vec<f64>> = vec![Vec::with_capacity(draws); ways.len()];
    let mut most = vec![0.0; n + 1];
    let mut load = vec![0.0; n];
    let mut played = vec![0.0; n];
    for draw in 0..draws as u64 {
        let mut random = SplitMix64::stream(seed, draw);
        let (wears, doubt) = around.wears;
        let wears = (wears + doubt * random.normal()).max(0.0);
        let (stations, varies): (Vec<Station>, Vec<Varies>) =
            measured.iter().map(|measured| drawn(&mut random, measured, around, wears)).unzip();
        let worth = worth(&mut random, around.ended);
        let course = Course { days, counts_from, stretch: around.stretch, worth, stations: varies };
        let limited = |at: usize| stations.get(at).is_some_and(|station| station.servers > 0);
        for (times, station) in played.iter_mut().zip(&stations) {
            *times += if station.servers > 0 { inner as f64 } else { 0.0 };
        }
        let mut totals = vec![0.0; ways.len()];
        for again in 0..inner {
            let luck = mix(seed ^ mix(draw * 64 + again + 1));
            for (way, total) in ways.iter().zip(&mut totals) {
                if matches!(way, Change::Capacity(at, _) if !limited(*at)) {
                    continue;
                }
                let outcome = simulate(&stations, &course, *way, luck);
                *total += outcome.worth;
                if *way == Change::None {
                    for ((load, passed), station) in
                        load.iter_mut().zip(&outcome.stations).zip(&stations)
                    {
                        let can = f64::from(station.servers) / station.service * days;
                        if station.servers > 0 && can > 0.0 {
                            *load += passed.arrived as f64 / can;
                        }
                    }
                }
            }
        }
        let base = totals.first().copied().unwrap_or(0.0);
        for ((way, total), gains) in ways.iter().zip(&totals).zip(&mut gains) {
            let same = matches!(way, Change::Capacity(at, _) if !limited(*at));
            gains.push(match way {
                Change::None => base / ((days - counts_from) * inner as f64),
                _ if same || base <= 0.0 => 0.0,
                _ => total / base - 1.0,
            });
        }
        let of = |way: usize| gains.get(way).and_then(|gains| gains.last()).copied();
        let candidates = (1..=n).chain(std::iter::once(2 * n + 1)).filter_map(of).enumerate();
        let best = candidates.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at);
        if let Some(times) = best.and_then(|at| most.get_mut(at)) {
            *times += 1.0 / draws as f64;
        }
    }
    load.iter_mut().zip(&played).for_each(|(load, times)| *load /= f64::max(*times, 1.0));
    let mut found: Vec<Elasticity> = gains.into_iter().map(|gains| summed(gains, level)).collect();
    let arrivals = found.pop().unwrap_or(NOTHING);
    let conversion = found.split_off(n + 1);
    let capacity = found.split_off(1);
    let won = found.pop().unwrap_or(NOTHING);
    Elasticities { won, capacity, conversion, arrivals, most, load }
}

const NOTHING: Elasticity = Elasticity { gain: 0.0, low: 0.0, high: 0.0 };

fn summed(mut values: Vec<f64>, level: f64) -> Elasticity {
    if values.is_empty() {
        return NOTHING;
    }
    let gain = values.iter().sum::<f64>() / values.len() as f64;
    values.sort_unstable_by(f64::total_cmp);
    let at = |p: f64| {
        let place = p * (values.len() - 1) as f64;
        let (low, part) = (place.floor(), place.fract());
        let of = |at: f64| values.get(usize::try_from(whole(at)).unwrap_or(0)).copied();
        let low_value = of(low).unwrap_or(gain);
        low_value + part * (of(low + 1.0).unwrap_or(low_value) - low_value)
    };
    let tail = (1.0 - level) / 2.0;
    Elasticity { gain, low: at(tail).min(gain), high: at(1.0 - tail).max(gain) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers that are not negative"
)]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

#[cfg(test)]
mod tests;
