//! What would be lost without a channel, in a Markov chain fitted to the paths.
//!
//! Method: Anderl, Becker, von Wangenheim and Schumann (2016), "Mapping the customer journey",
//! International Journal of Research in Marketing 33(3). A state of the chain of order *k* is the
//! last *k* touches, repeats kept; a journey shorter than *k* is one state. Transitions are counted
//! with the weight of the path, converted and not. Removing a channel sends every walker that
//! reaches a state with this channel to *not converted*; the removal effect is the part of the
//! conversions (or of their value, where a state's conversions are worth their mean) that is lost
//! so. Credit is the removal effect, normalized, times the total. It describes where conversions
//! walked; not what caused them, and a channel is rewarded merely for being on every way.
//!
//! Solved exactly instead of by simulation. Small chains of order 1 by elimination; all others by
//! pushing the mass of walkers along the transitions until what is still on its way is below
//! rounding error. That mass is a strict bound on the error of every probability, and it is
//! reported as `residual`. With `h` the chance to convert from a state, the loss from a removal is
//! `Σ arrivals × h` over the removed states: no difference of two nearly equal numbers is taken, so
//! that a channel in a millionth of the paths still has a right effect.
//!
//! A free test: in a chain fitted to complete paths, P(conversion) equals conversions / journeys,
//! at every order.

#![expect(
    clippy::indexing_slicing,
    reason = "states and transitions index arrays of their own number"
)]

use std::fmt;

use crate::path::{NO_CHANNEL, Paths};
use crate::table::{Numbers, hash_word};

/// The highest order of a chain: as many channels as one word holds.
pub const ORDER_MAX: usize = 4;

/// Chains of order 1 up to this size are solved by elimination.
const DENSE_MAX: usize = 256;
/// Pushing stops here even if mass is still on its way: journeys of some 10^4 touches on average.
const SWEEPS_MAX: usize = 100_000;

/// Removal effects of all channels, and how they were found.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// Order of the chain.
    pub order: usize,
    /// Probability that a journey converts, as the chain has it.
    pub p_conversion: f64,
    /// Expected value of a journey.
    pub value_per_path: f64,
    /// One entry per channel, in the order of [`Paths::channels`].
    pub channels: Vec<ChannelRemoval>,
    /// States of the chain that carry journeys.
    pub n_states: usize,
    /// Distinct transitions between states.
    pub n_transitions: usize,
    /// Most sweeps that one solution took; zero where it was found by elimination.
    pub sweeps: usize,
    /// Largest mass of walkers still on their way when a solution stopped: the error of a
    /// probability is at most this.
    pub residual: f64,
}

/// One channel's removal effect and credit.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelRemoval {
    /// Name of the channel.
    pub channel: String,
    /// Part of the conversions that is lost without the channel, from 0 to 1.
    pub removal_effect: f64,
    /// Part of the value that is lost without the channel; 0 where nothing has a value.
    pub removal_effect_value: f64,
    /// Conversions credited; they sum to the total over all channels.
    pub conversions: f64,
    /// Value credited; it sums to the total over all channels.
    pub value: f64,
}

/// Why there are no removal effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalFault {
    /// The order is not in `1..=ORDER_MAX`.
    Order(usize),
    /// No path carries a journey.
    NoJourneys,
}

impl fmt::Display for RemovalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order) => {
                write!(f, "expected an order from 1 to {ORDER_MAX}, found {order}")
            }
            Self::NoJourneys => f.write_str("expected journeys, found none"),
        }
    }
}

impl std::error::Error for RemovalFault {}

/// Returns the removal effect and the credit of every channel.
///
/// Without any conversion all effects and credits are zero.
pub fn removal(paths: &Paths, order: usize) -> Result<Removal, RemovalFault> {
    let shape = Shape::new(paths, order)?;
    let chain = shape.chain(paths.rows().map(|row| [row.conversions, row.value, row.nulls]));
    let solved = chain.solve(&shape).ok_or(RemovalFault::NoJourneys)?;
    let totals = paths.totals();
    let credits = solved.credits(totals.conversions, totals.value);
    let channels = paths
        .channels()
        .iter()
        .zip(solved.effects)
        .zip(credits)
        .map(|((channel, [removal_effect, removal_effect_value]), [conversions, value])| {
            ChannelRemoval {
                channel: channel.clone(),
                removal_effect,
                removal_effect_value,
                conversions,
                value,
            }
        })
        .collect();
    Ok(Removal {
        order,
        p_conversion: solved.expected[0],
        value_per_path: solved.expected[1],
        channels,
        n_states: chain.n_states_live(),
        n_transitions: chain.n_transitions_live(),
        sweeps: solved.sweeps,
        residual: solved.residual,
    })
}

/// Which state each path visits: all that does not depend on how many journeys took it.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    order: usize,
    n_channels: usize,
    /// The channels of each state, 16 bits each, padded with [`NO_CHANNEL`].
    states: Vec<u64>,
    /// Transitions, sorted by where they come from.
    from: Vec<u32>,
    to: Vec<u32>,
    /// Transitions of state `s` are `first[s]..first[s + 1]`.
    first: Vec<usize>,
    /// States that contain channel `c` are `of_channel[channel_first[c]..channel_first[c + 1]]`.
    of_channel: Vec<u32>,
    channel_first: Vec<usize>,
    /// First and last state of each path.
    ends: Vec<(u32, u32)>,
    /// Transitions of path `r` are `steps[..step_end[r]]` from the end of the one before.
    steps: Vec<u32>,
    step_end: Vec<usize>,
}

impl Shape {
    pub(crate) fn new(paths: &Paths, order: usize) -> Result<Self, RemovalFault> {
        if !(1..=ORDER_MAX).contains(&order) {
            return Err(RemovalFault::Order(order));
        }
        let mut states = Interned::new();
        let mut edges = Interned::new();
        let n_rows = paths.n_rows();
        let mut ends = Vec::with_capacity(n_rows);
        let mut steps: Vec<u32> = Vec::new();
        let mut step_end = Vec::with_capacity(n_rows);
        // Paths are sorted, so that most begin as the one before: its states are remembered.
        let mut before: &[u16] = &[];
        let mut trail: Vec<(u32, u32)> = Vec::new();
        for row in paths.rows() {
            let path = row.path;
            let same = path.iter().zip(before).take_while(|(a, b)| a == b).count();
            before = path;
            trail.truncate((same + 1).saturating_sub(order));
            let n_states = (path.len() + 1).saturating_sub(order).max(1);
            // The window slides: a word of `order` channels, the oldest on top.
            let width = order.min(path.len());
            let start = trail.len();
            let mut window = path[start..start + width - 1].iter().fold(u64::MAX, push);
            for at in start..n_states {
                window = push(window, &path[at + width - 1]);
                let state = states.number(if order == ORDER_MAX {
                    window
                } else {
                    // Only the last `order` channels count.
                    window | (u64::MAX << (16 * order))
                });
                let step = match trail.last() {
                    Some((previous, _)) => {
                        edges.number(u64::from(*previous) << 32 | u64::from(state))
                    }
                    None => u32::MAX,
                };
                trail.push((state, step));
            }
            if let (Some((head, _)), Some((tail, _))) = (trail.first(), trail.last()) {
                ends.push((*head, *tail));
            }
            steps.extend(trail.iter().skip(1).map(|(_, step)| *step));
            step_end.push(steps.len());
            if path.len() < order {
                // One state for a short journey; it is no beginning of another one.
                trail.clear();
            }
        }

        // Transitions by origin, each group in the order in which it was met.
        let n_states = states.keys.len();
        let mut first = vec![0_usize; n_states + 1];
        for edge in &edges.keys {
            first[high(*edge) + 1] += 1;
        }
        for state in 0..n_states {
            first[state + 1] += first[state];
        }
        let mut next = first.clone();
        let mut place = vec![0_u32; edges.keys.len()];
        let mut from = vec![0_u32; edges.keys.len()];
        let mut to = vec![0_u32; edges.keys.len()];
        for (place, edge) in place.iter_mut().zip(&edges.keys) {
            let slot = &mut next[high(*edge)];
            *place = number(*slot);
            from[*slot] = number(high(*edge));
            to[*slot] = number(low(*edge));
            *slot += 1;
        }
        for step in &mut steps {
            *step = place[*step as usize];
        }

        let n_channels = paths.channels().len();
        let (of_channel, channel_first) = by_channel(&states.keys, n_channels);
        Ok(Self {
            order,
            n_channels,
            states: states.keys,
            from,
            to,
            first,
            of_channel,
            channel_first,
            ends,
            steps,
            step_end,
        })
    }

    /// Counts the transitions for given conversions, values and nulls of the paths, in their order.
    pub(crate) fn chain(&self, weights: impl Iterator<Item = [f64; 3]>) -> Chain {
        let n = self.states.len();
        let mut chain = Chain {
            start: vec![0.0; n],
            step: vec![0.0; self.to.len()],
            exit: vec![[0.0; 2]; n],
            total: vec![0.0; n],
            leave: vec![1.0; n],
            n_journeys: 0.0,
        };
        let mut begin = 0;
        for (([conversions, value, nulls], (head, tail)), end) in
            weights.zip(&self.ends).zip(&self.step_end)
        {
            let weight = conversions + nulls;
            let steps = &self.steps[begin..*end];
            begin = *end;
            if weight > 0.0 {
                chain.n_journeys += weight;
                chain.start[*head as usize] += weight;
                for step in steps {
                    chain.step[*step as usize] += weight;
                }
                let tail = *tail as usize;
                chain.exit[tail][0] += conversions;
                chain.exit[tail][1] += value;
                chain.total[tail] += weight;
            }
        }
        for (step, from) in chain.step.iter().zip(&self.from) {
            chain.total[*from as usize] += step;
        }
        // Counts become probabilities; staying is taken out of the denominator, so that a state is
        // left for good each time it is pushed.
        for (state, total) in chain.total.iter().enumerate() {
            if *total <= 0.0 {
                continue;
            }
            let range = self.first[state]..self.first[state + 1];
            let mut stay = 0.0;
            for (step, to) in chain.step[range.clone()].iter().zip(&self.to[range.clone()]) {
                if *to as usize == state {
                    stay = *step;
                }
            }
            let going = total - stay;
            for (step, to) in chain.step[range.clone()].iter_mut().zip(&self.to[range]) {
                *step = if *to as usize == state { 0.0 } else { *step / going };
            }
            chain.leave[state] = going / total;
            for exit in &mut chain.exit[state] {
                *exit /= going;
            }
        }
        if chain.n_journeys > 0.0 {
            for start in &mut chain.start {
                *start /= chain.n_journeys;
            }
        }
        chain
    }

    /// Returns the states that contain a channel.
    fn states_of(&self, channel: usize) -> &[u32] {
        &self.of_channel[self.channel_first[channel]..self.channel_first[channel + 1]]
    }
}

/// An absorbing chain over the states of a [`Shape`], with the stays taken out.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    start: Vec<f64>,
    /// Probability of each transition, given that the state is left.
    step: Vec<f64>,
    /// Conversions and value at the end, given that the state is left.
    exit: Vec<[f64; 2]>,
    total: Vec<f64>,
    /// Probability that a state is left for another one or an end.
    leave: Vec<f64>,
    n_journeys: f64,
}

/// What a chain says: per journey and per channel.
#[derive(Debug, Clone)]
pub(crate) struct Solved {
    /// Conversions and value that a journey is expected to bring.
    pub(crate) expected: [f64; 2],
    /// Removal effect of each channel on conversions and on value.
    pub(crate) effects: Vec<[f64; 2]>,
    sweeps: usize,
    residual: f64,
}

impl Solved {
    /// Returns conversions and value per channel, in proportion to the removal effects.
    pub(crate) fn credits(&self, conversions: f64, value: f64) -> Vec<[f64; 2]> {
        let sums = self.effects.iter().fold([0.0, 0.0], |[a, b], [x, y]| [a + x, b + y]);
        let part = |effect: f64, sum: f64, total: f64| {
            if sum > 0.0 { effect / sum * total } else { 0.0 }
        };
        self.effects
            .iter()
            .map(|[x, y]| [part(*x, sums[0], conversions), part(*y, sums[1], value)])
            .collect()
    }
}

impl Chain {
    fn n_states_live(&self) -> usize {
        self.total.iter().filter(|total| **total > 0.0).count()
    }

    fn n_transitions_live(&self) -> usize {
        let steps = self.step.iter().filter(|step| **step > 0.0).count();
        steps + self.leave.iter().filter(|leave| **leave < 1.0).count()
    }

    /// Solves the chain and all removals; `None` without journeys.
    pub(crate) fn solve(&self, shape: &Shape) -> Option<Solved> {
        if self.n_journeys <= 0.0 {
            return None;
        }
        if shape.order == 1 && shape.states.len() <= DENSE_MAX {
            return Some(self.solve_dense(shape));
        }
        let mut walk = Walk::new(self.start.len());
        let (ahead, sweeps_ahead) = self.ahead(shape);
        walk.run(self, shape);
        let mut sweeps = walk.sweeps.max(sweeps_ahead);
        let mut residual = walk.residual;
        let expected = walk
            .visits
            .iter()
            .zip(&self.exit)
            .fold([0.0, 0.0], |[a, b], (x, exit)| [a + x * exit[0], b + x * exit[1]]);
        let effects = (0..shape.n_channels)
            .map(|channel| {
                let removed = shape.states_of(channel);
                for state in removed {
                    walk.removed[*state as usize] = true;
                }
                walk.run(self, shape);
                sweeps = sweeps.max(walk.sweeps);
                residual = residual.max(walk.residual);
                let mut lost = [0.0, 0.0];
                for state in removed {
                    let state = *state as usize;
                    walk.removed[state] = false;
                    lost[0] += walk.pending[state] * ahead[state][0];
                    lost[1] += walk.pending[state] * ahead[state][1];
                }
                effect(lost, expected)
            })
            .collect();
        Some(Solved { expected, effects, sweeps, residual })
    }

    /// Returns what is still to come from each state: conversions and value, by sweeps over the
    /// states until nothing changes but rounding.
    fn ahead(&self, shape: &Shape) -> (Vec<[f64; 2]>, usize) {
        let mut ahead = vec![[0.0_f64; 2]; self.start.len()];
        let mut sweeps = 0;
        while sweeps < SWEEPS_MAX {
            sweeps += 1;
            let mut moved = [0.0_f64; 2];
            let mut largest = [0.0_f64; 2];
            for state in (0..ahead.len()).rev() {
                let [mut conversions, mut value] = self.exit[state];
                let range = shape.first[state]..shape.first[state + 1];
                for (step, to) in self.step[range.clone()].iter().zip(&shape.to[range]) {
                    let there = ahead[*to as usize];
                    conversions += step * there[0];
                    value += step * there[1];
                }
                for ((new, old), (moved, largest)) in [conversions, value]
                    .into_iter()
                    .zip(ahead[state])
                    .zip(moved.iter_mut().zip(&mut largest))
                {
                    *moved = moved.max((new - old).abs());
                    *largest = largest.max(new);
                }
                ahead[state] = [conversions, value];
            }
            if moved[0] <= 1e-16 * largest[0] && moved[1] <= 1e-16 * largest[1] {
                break;
            }
        }
        (ahead, sweeps)
    }

    /// Order 1 by elimination: with `N = (I - Q)⁻¹`, a walker ever visits `i` with probability
    /// `(start N)ᵢ / Nᵢᵢ`, and what it would have brought from there is `(N exit)ᵢ`.
    fn solve_dense(&self, shape: &Shape) -> Solved {
        let n = self.start.len();
        // Gauss and Jordan on [I - Q | I]. No pivoting: the rows of I - Q are diagonally dominant.
        let width = 2 * n;
        let mut rows = vec![0.0; n * width];
        for state in 0..n {
            rows[state * width + state] = 1.0;
            rows[state * width + n + state] = 1.0;
            for step in shape.first[state]..shape.first[state + 1] {
                rows[state * width + shape.to[step] as usize] -= self.step[step];
            }
        }
        let mut pivot_row = vec![0.0; width];
        for pivot in 0..n {
            let scale = 1.0 / rows[pivot * width + pivot];
            for cell in &mut rows[pivot * width..(pivot + 1) * width] {
                *cell *= scale;
            }
            pivot_row.copy_from_slice(&rows[pivot * width..(pivot + 1) * width]);
            for (state, row) in rows.chunks_exact_mut(width).enumerate() {
                let factor = row[pivot];
                if state != pivot && factor != 0.0 {
                    for (cell, from) in row.iter_mut().zip(&pivot_row) {
                        *cell -= factor * from;
                    }
                }
            }
        }
        let inverse = |row: usize, column: usize| rows[row * width + n + column];
        let visits: Vec<f64> = (0..n)
            .map(|column| (0..n).map(|row| self.start[row] * inverse(row, column)).sum())
            .collect();
        let mut expected = [0.0, 0.0];
        let mut by_channel = vec![[0.0, 0.0]; shape.n_channels];
        // What would remain if the visits were followed one step further.
        let mut flow = self.start.clone();
        for (state, visits) in visits.iter().enumerate() {
            for step in shape.first[state]..shape.first[state + 1] {
                flow[shape.to[step] as usize] += visits * self.step[step];
            }
            let mut ahead = [0.0, 0.0];
            for other in 0..n {
                ahead[0] += inverse(state, other) * self.exit[other][0];
                ahead[1] += inverse(state, other) * self.exit[other][1];
            }
            for (sum, exit) in expected.iter_mut().zip(self.exit[state]) {
                *sum += visits * exit;
            }
            let ever = visits / inverse(state, state);
            // A state of order 1 is one channel.
            if let Some(lost) = by_channel.get_mut(low(shape.states[state]) & 0xFFFF) {
                *lost = ahead.map(|ahead| ever * ahead);
            }
        }
        let residual = flow.iter().zip(&visits).map(|(flow, visits)| (flow - visits).abs()).sum();
        let effects = by_channel.into_iter().map(|lost| effect(lost, expected)).collect();
        Solved { expected, effects, sweeps: 0, residual }
    }
}

/// Returns the part that is lost, of conversions and of value.
fn effect(lost: [f64; 2], expected: [f64; 2]) -> [f64; 2] {
    let part = |lost: f64, of: f64| if of > 0.0 { (lost / of).clamp(0.0, 1.0) } else { 0.0 };
    [part(lost[0], expected[0]), part(lost[1], expected[1])]
}

/// Walkers on their way: buffers that are used for one solution after the other.
struct Walk {
    /// Mass that has arrived in a state and has not been pushed on; in a removed state, all of it.
    pending: Vec<f64>,
    /// Times that a state is left.
    visits: Vec<f64>,
    removed: Vec<bool>,
    sweeps: usize,
    residual: f64,
}

impl Walk {
    fn new(n: usize) -> Self {
        Self {
            pending: vec![0.0; n],
            visits: vec![0.0; n],
            removed: vec![false; n],
            sweeps: 0,
            residual: 0.0,
        }
    }

    /// Pushes all walkers from the start until they are absorbed or wait in a removed state.
    fn run(&mut self, chain: &Chain, shape: &Shape) {
        self.pending.copy_from_slice(&chain.start);
        self.visits.fill(0.0);
        self.sweeps = 0;
        let mut converted = 0.0;
        while self.sweeps < SWEEPS_MAX {
            self.sweeps += 1;
            for state in 0..self.pending.len() {
                let mass = self.pending[state];
                if mass <= 0.0 || self.removed[state] {
                    continue;
                }
                self.pending[state] = 0.0;
                self.visits[state] += mass;
                converted += mass * chain.exit[state][0];
                let range = shape.first[state]..shape.first[state + 1];
                for (step, to) in chain.step[range.clone()].iter().zip(&shape.to[range]) {
                    self.pending[*to as usize] += mass * step;
                }
            }
            let on_the_way =
                self.pending.iter().zip(&self.removed).filter(|(_, removed)| !**removed);
            self.residual = on_the_way.map(|(mass, _)| mass).sum();
            if self.residual <= 1e-16 * converted || self.residual < 1e-30 {
                break;
            }
        }
    }
}

/// Keys of one word with their number in order of appearance.
pub(crate) struct Interned {
    pub(crate) keys: Vec<u64>,
    numbers: Numbers,
}

impl Interned {
    pub(crate) fn new() -> Self {
        Self { keys: Vec::new(), numbers: Numbers::new() }
    }

    pub(crate) fn number(&mut self, key: u64) -> u32 {
        let keys = &self.keys;
        let same = |number: u32| keys[number as usize] == key;
        match self.numbers.number(hash_word(key), number(keys.len()), same) {
            Ok(number) => number,
            Err(number) => {
                self.keys.push(key);
                number
            }
        }
    }
}

/// Shifts a channel into a window.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that a fold over a slice wants")]
fn push(window: u64, code: &u16) -> u64 {
    (window << 16) | u64::from(*code)
}

/// Returns for each channel the states that contain it, as one list and where each part begins.
fn by_channel(states: &[u64], n_channels: usize) -> (Vec<u32>, Vec<usize>) {
    let mut first = vec![0_usize; n_channels + 1];
    for state in states {
        for channel in distinct(*state) {
            first[channel + 1] += 1;
        }
    }
    for channel in 0..n_channels {
        first[channel + 1] += first[channel];
    }
    let mut next = first.clone();
    let mut list = vec![0; first[n_channels]];
    for (at, state) in states.iter().enumerate() {
        for channel in distinct(*state) {
            list[next[channel]] = number(at);
            next[channel] += 1;
        }
    }
    (list, first)
}

/// Returns the channels of a state, each once.
fn distinct(state: u64) -> impl Iterator<Item = usize> {
    let code = move |at: usize| ((state >> (16 * at)) & 0xFFFF) as usize;
    (0..ORDER_MAX)
        .filter(move |at| (0..*at).all(|before| code(before) != code(*at)))
        .map(code)
        .filter(|code| *code != usize::from(NO_CHANNEL))
}

const fn high(word: u64) -> usize {
    (word >> 32) as usize
}

const fn low(word: u64) -> usize {
    (word & 0xFFFF_FFFF) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "2^32 states do not fit into memory")]
const fn number(at: usize) -> u32 {
    at as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PathsBuilder;
    use crate::path::ReadOptions;
    use proptest::prelude::*;

    const TINY: &str = "path,total_conversions,total_conversion_value,total_null
A > B > C,3,300.0,2
A,1,50.0,4
B > C,2,120.0,1
C > A > A,0,0.0,3
B,0,0.0,5
";

    fn read(text: &str) -> Paths {
        Paths::read_csv(text.as_bytes(), ReadOptions::default()).unwrap()
    }

    #[track_caller]
    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-12 * expected.abs().max(1e-3), "{value} {expected}");
    }

    /// Order 1 in fractions. Of 16 visits to A, 5 go on to B, 3 stay, 1 converts; of 13 to B, 8 go
    /// on to C; of 11 to C, 3 go on to A, 5 convert. Starts are 10, 8 and 3. Solving the equations
    /// with and without each channel gives 2/7 and the effects below.
    #[test]
    fn a_chain_that_can_be_solved_by_hand_is() {
        let result = removal(&read(TINY), 1).unwrap();
        near(result.p_conversion, 6.0 / 21.0);
        near(result.value_per_path, 470.0 / 21.0);
        assert_eq!((result.n_states, result.n_transitions), (3, 4));
        let effects: Vec<f64> = result.channels.iter().map(|c| c.removal_effect).collect();
        for (effect, expected) in effects.iter().zip([343.0 / 858.0, 272.0 / 429.0, 34.0 / 39.0]) {
            near(*effect, expected);
        }
        let sum: f64 = result.channels.iter().map(|c| c.conversions).sum();
        near(sum, 6.0);
    }

    #[test]
    fn states_are_the_last_touches_and_a_short_journey_is_one() {
        let paths = read(TINY);
        for (order, n_states) in [(1, 3), (2, 6), (3, 5), (4, 5)] {
            let result = removal(&paths, order).unwrap();
            assert_eq!(result.n_states, n_states, "order {order}");
            near(result.p_conversion, 6.0 / 21.0);
        }
        // At order 3 nothing moves on: a channel's effect is the part of conversions it is on.
        let result = removal(&paths, 3).unwrap();
        for (channel, expected) in result.channels.iter().zip([4.0 / 6.0, 5.0 / 6.0, 5.0 / 6.0]) {
            near(channel.removal_effect, expected);
        }
        for (channel, expected) in result.channels.iter().zip([350.0 / 470.0, 42.0 / 47.0]) {
            near(channel.removal_effect_value, expected);
        }
    }

    #[test]
    fn edges_have_answers() {
        let paths = read("path,conversions,null\na > b,0,3\nb,0,1\n");
        for order in 1..=4 {
            let result = removal(&paths, order).unwrap();
            assert!(
                result.channels.iter().all(|c| c.removal_effect == 0.0 && c.conversions == 0.0)
            );
        }
        let paths = read("path,conversions,null\na,0,0\n");
        assert_eq!(removal(&paths, 1), Err(RemovalFault::NoJourneys));
        assert_eq!(removal(&paths, 0), Err(RemovalFault::Order(0)));
        assert_eq!(removal(&paths, 5), Err(RemovalFault::Order(5)));
        assert_eq!(removal(&PathsBuilder::new().build(), 1), Err(RemovalFault::NoJourneys));
        // Everything converts through one channel that repeats.
        let result = removal(&read("path,conversions\na > a > a > a > a,2\n"), 2).unwrap();
        near(result.p_conversion, 1.0);
        near(result.channels[0].removal_effect, 1.0);
    }

    #[test]
    fn both_ways_to_solve_agree() {
        let paths = random_paths(3, 6, 400, 12);
        let shape = Shape::new(&paths, 1).unwrap();
        let chain = shape.chain(paths.rows().map(|row| [row.conversions, row.value, row.nulls]));
        let dense = chain.solve_dense(&shape);
        // A shape that claims another order takes the other way.
        let pushed = chain.solve(&Shape { order: 2, ..shape }).unwrap();
        assert!(
            pushed.sweeps > 5 && pushed.residual < 1e-15,
            "{} {}",
            pushed.sweeps,
            pushed.residual
        );
        assert!(dense.sweeps == 0 && dense.residual < 1e-13);
        for (a, b) in dense.effects.iter().zip(&pushed.effects) {
            near(a[0], b[0]);
            near(a[1], b[1]);
        }
    }

    #[test]
    fn long_journeys_converge() {
        let long = ["a", "b"].repeat(3000).join(" > ");
        let text = format!("path,conversions,null\n{long},1,1\na > b,1,5\nc > {long} > c,2,0\n");
        let paths = read(&text);
        for order in 1..=4 {
            let result = removal(&paths, order).unwrap();
            assert!((result.p_conversion - 0.4).abs() < 1e-9, "{order}: {}", result.p_conversion);
            assert!(result.residual < 1e-10, "{order}: {}", result.residual);
        }
    }

    fn random_paths(seed: u64, n_channels: u64, n: usize, longest: u64) -> Paths {
        let mut random = crate::random::SplitMix64::new(seed);
        let names: Vec<String> = (0..n_channels).map(|code| format!("c{code}")).collect();
        let mut builder = PathsBuilder::new();
        for _ in 0..n {
            let length = 1 + random.below(longest);
            let path: Vec<&str> = (0..length)
                .map(|_| names[usize::try_from(random.below(n_channels)).unwrap()].as_str())
                .collect();
            let conversions = random.below(4) as f64;
            let value = conversions * random.uniform() * 100.0;
            builder.add(path, conversions, value, random.below(6) as f64).unwrap();
        }
        builder.build()
    }

    proptest! {
        #[test]
        fn what_is_fitted_converts_as_often_as_it_did(
            seed in any::<u64>(), n_channels in 1_u64..9, n in 1_usize..60, longest in 1_u64..9,
        ) {
            let paths = random_paths(seed, n_channels, n, longest);
            let totals = paths.totals();
            prop_assume!(totals.journeys() > 0.0);
            for order in 1..=ORDER_MAX {
                let result = removal(&paths, order).unwrap();
                let p = totals.conversions / totals.journeys();
                prop_assert!((result.p_conversion - p).abs() <= 1e-12);
                let value = totals.value / totals.journeys();
                prop_assert!((result.value_per_path - value).abs() <= 1e-12 * value.max(1.0));
                let sum: f64 = result.channels.iter().map(|channel| channel.conversions).sum();
                prop_assert!((sum - totals.conversions).abs() <= 1e-9 * totals.conversions.max(1.0));
            }
        }

        #[test]
        fn renaming_and_scaling_change_nothing_else(seed in any::<u64>(), order in 1_usize..=4) {
            let paths = random_paths(seed, 5, 40, 7);
            prop_assume!(paths.totals().conversions > 0.0);
            let mut renamed = PathsBuilder::new();
            for row in paths.rows() {
                // The new names sort the other way round.
                let names: Vec<String> =
                    row.path.iter().map(|c| format!("x{}", 9 - c)).collect();
                let path = names.iter().map(String::as_str);
                renamed.add(path, row.conversions * 8.0, row.value * 3.0, row.nulls * 8.0).unwrap();
            }
            let a = removal(&paths, order).unwrap();
            let b = removal(&renamed.build(), order).unwrap();
            prop_assert_eq!(a.n_transitions, b.n_transitions);
            for (x, y) in a.channels.iter().zip(b.channels.iter().rev()) {
                prop_assert!((x.removal_effect - y.removal_effect).abs() < 1e-12);
                prop_assert!((x.removal_effect_value - y.removal_effect_value).abs() < 1e-12);
                prop_assert!((8.0 * x.conversions - y.conversions).abs() < 1e-8);
                prop_assert!((3.0 * x.value - y.value).abs() < 1e-8 * y.value.max(1.0));
            }
        }
    }
}
