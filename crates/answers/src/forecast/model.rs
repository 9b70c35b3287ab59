//! What open deals and deals still to be created will bring: learned from the past, then simulated.
//!
//! Everything is learned from what was known on one day and before; the same code replays past
//! days.

use stats::arrival::{self, Ahead, Arrivals, Bin, Followed};
use stats::hazard::{self, End, Hazard, Steps};
use stats::random::{SplitMix64, mix};
use stats::simulate::{Distribution, Going, Runs, Slip, play};

use super::record::{Record, Seen, day, number};
use super::shape::{BLOCK_NAMES, BLOCKS, Shape};

/// Closed deals, and won ones among them, of which the stages are on record, below which the model
/// is not used.
pub(crate) const FLOOR: (usize, usize) = (40, 12);

/// Closed deals below which not even rates by stage are used.
pub(crate) const FLOOR_STAGES: usize = 10;

/// Steps observed that are enough; beyond, fewer landmarks are taken.
const ROWS: i64 = 30_000;

/// How far back is learned from, in days.
const BACK: i64 = 1461;

/// Days after which what was observed counts half.
const HALF: f64 = 730.0;

/// How the forecast was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    /// Hazard of open deals, arrivals of new ones.
    Hazard,
    /// Stage by stage, with the rates of the past.
    Stages,
    /// Too little is known: what is there is counted.
    Counting,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hazard => "competing-risks hazard",
            Self::Stages => "stage-weighted with beta-binomial stage rates",
            Self::Counting => "counting only",
        }
    }
}

/// The days that are forecast, as of a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    /// The day as of which.
    pub(crate) on: i64,
    /// First day of the period.
    pub(crate) from: i64,
    /// Last day.
    pub(crate) to: i64,
}

impl Span {
    /// Ends of steps: whole steps from the day on, cut at the begin and at the end of the period.
    /// Also the first step that lies in the period.
    fn edges(self, step: i64) -> (Vec<i64>, usize) {
        let mut edges: Vec<i64> = Vec::new();
        let mut at = self.on + step;
        while at < self.to {
            edges.push(at);
            at += step;
        }
        edges.push(self.to);
        let before = self.from - 1;
        if before > self.on && !edges.contains(&before) {
            edges.push(before);
            edges.sort_unstable();
        }
        let first = edges.iter().filter(|edge| **edge <= before && before > self.on).count();
        (edges, first)
    }

    /// Length of a step: about eight of them, a week at least, a month at most.
    fn step(self) -> i64 {
        ((self.to - self.on) / 8).clamp(7, 30)
    }
}

/// What was learned by a day.
#[derive(Debug)]
pub(crate) struct Learned {
    pub(crate) method: Method,
    /// Closed deals with their stages on record, and the won ones among them.
    pub(crate) closed: (usize, usize),
    shape: Option<Shape>,
    hazard: Option<Hazard>,
    slip: Slip,
    step: i64,
    /// Deals won and closed that were seen in a stage, by stage, and of all.
    stages: Vec<(Option<std::sync::Arc<str>>, f64, f64)>,
    amount: f64,
}

impl Learned {
    /// Learns from what was known on a day, to look ahead as far as the span does.
    pub(crate) fn by(record: &Record, span: Span) -> Self {
        let now = record.all(span.on);
        let kept = |seen: &&Seen| seen.at.recorded && !seen.open();
        let closed = now.iter().filter(kept).count();
        let won = now.iter().filter(kept).filter(|seen| seen.won()).count();
        let mut amounts: Vec<f64> =
            now.iter().filter(|seen| seen.won()).filter_map(|seen| seen.amount).collect();
        amounts.sort_unstable_by(f64::total_cmp);
        let mut learned = Self {
            method: Method::Counting,
            closed: (closed, won),
            shape: None,
            hazard: None,
            slip: Slip::default(),
            step: span.step(),
            stages: Vec::new(),
            amount: amounts.get(amounts.len() / 2).copied().unwrap_or(0.0),
        };
        if closed >= FLOOR_STAGES {
            learned.method = Method::Stages;
            learned.stages = stage_rates(record, &now);
        }
        if closed >= FLOOR.0 && won >= FLOOR.1 {
            learned.fit(record, &now, span);
        }
        learned
    }

    fn fit(&mut self, record: &Record, now: &[Seen], span: Span) {
        let step = self.step;
        let n_steps = (span.to - span.on).div_euclid(step) + 1;
        let horizon = n_steps * step;
        let begin = (span.on - BACK).max(record.begin().unwrap_or(span.on));
        // Days on which deals were open, to choose the distance of landmarks.
        let days: i64 = now
            .iter()
            .filter(|seen| seen.at.recorded)
            .filter_map(|seen| Some((seen, record.deals.get(seen.deal)?.created.max(begin))))
            .map(|(seen, from)| {
                let end = if seen.open() { span.on } else { seen.close.unwrap_or(span.on) };
                (end.min(span.on) - from).max(0)
            })
            .sum();
        let gap = (days * n_steps.min(6) / ROWS).max(14);
        let mut views: Vec<(i64, Seen, &Seen)> = Vec::new();
        for last in now.iter().filter(|seen| seen.at.recorded) {
            let Some(deal) = record.deals.get(last.deal) else { continue };
            let mut on = span.on - gap;
            while on >= deal.created.max(begin) {
                let end = if last.open() { i64::MAX } else { last.close.unwrap_or(i64::MAX) };
                // A close day before the landmark of a deal that was open then: entered late.
                if end > on - 60
                    && let Some(seen) = record.seen(last.deal, on).filter(Seen::open)
                {
                    views.push((on, seen, last));
                }
                on -= gap;
            }
        }
        let open: Vec<&Seen> = now.iter().filter(|seen| seen.open()).collect();
        let all: Vec<&Seen> = views.iter().map(|(_, seen, _)| seen).chain(open).collect();
        let shape = Shape::of(record, &all, begin - 1, span.on + horizon + 400);
        let mut steps = Steps::default();
        let mut ratios: Vec<(usize, f64)> = Vec::new();
        for (at, (on, seen, last)) in views.iter().enumerate() {
            let Some(deal) = record.deals.get(seen.deal) else { continue };
            let fixed = shape.fixed(deal, seen, *on);
            let closes = (!last.open()).then(|| last.close.unwrap_or(span.on).max(on + 1));
            if let (true, Some(close), Some(then), Some(now)) =
                (last.won(), closes, seen.amount, last.amount)
                && close <= on + horizon
                && then > 0.0
                && now > 0.0
            {
                ratios.push((last.deal, (now / then).clamp(0.1, 8.0)));
            }
            // The landmarks of the same deal stand next to each other, the latest first.
            let same = |other: &&(i64, Seen, &Seen)| other.1.deal == seen.deal;
            let later: Vec<i64> =
                views.iter().take(at).rev().take_while(same).map(|view| view.0).collect();
            let earlier: Vec<i64> =
                views.iter().skip(at + 1).take_while(same).map(|view| view.0).collect();
            let mut from = *on;
            for _ in 0..n_steps {
                let to = from + step;
                let until = to.min(span.on);
                if until <= from {
                    break;
                }
                let ended = closes.filter(|close| *close <= until);
                let end = match ended {
                    Some(_) if last.won() => End::Won,
                    Some(_) => End::Lost,
                    None => End::Stays,
                };
                // The same days of a deal are seen from several landmarks: together they count
                // once.
                let seen_from = later.iter().take_while(|landmark| **landmark <= from).count()
                    + earlier.iter().take_while(|landmark| from - **landmark < horizon).count();
                let age = (span.on - from) as f64;
                let weight = 0.5_f64.powf(age / HALF) / (1 + seen_from) as f64;
                let mut row = fixed.clone();
                row.extend(shape.step(seen, *on, from, to));
                steps.push(row, (until - from) as f64 / 7.0, weight, end);
                if ended.is_some() {
                    break;
                }
                from = to;
            }
        }
        if let Ok(hazard) = hazard::fit(&steps, shape.blocks()) {
            self.method = Method::Hazard;
            self.hazard = Some(hazard);
            self.slip = slip(&ratios);
            self.shape = Some(shape);
        }
    }
}

/// How amounts change until a deal is won; nothing where fewer than eight tell it.
fn slip(ratios: &[(usize, f64)]) -> Slip {
    let mut deals: Vec<usize> = ratios.iter().map(|(deal, _)| *deal).collect();
    deals.sort_unstable();
    deals.dedup();
    if deals.len() < 8 {
        return Slip::default();
    }
    let mut values: Vec<f64> = ratios.iter().map(|(_, ratio)| *ratio).collect();
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>() / n;
    Slip { error: (variance / deals.len() as f64).sqrt() / mean, ratios: values }
}

/// Deals that were seen in a stage and are closed: won and all, by stage.
fn stage_rates(record: &Record, now: &[Seen]) -> Vec<(Option<std::sync::Arc<str>>, f64, f64)> {
    let mut counts = std::collections::BTreeMap::new();
    for last in now.iter().filter(|seen| seen.at.recorded && !seen.open()) {
        let Some(deal) = record.deals.get(last.deal) else { continue };
        let Some(close) = last.close else { continue };
        let mut stages = Vec::new();
        let mut on = deal.created;
        while on < close {
            if let Some(seen) = record.seen(last.deal, on).filter(Seen::open)
                && !stages.contains(&seen.at.stage)
            {
                stages.push(seen.at.stage);
            }
            on += 7;
        }
        for stage in stages {
            let count = counts.entry(stage).or_insert((0.0, 0.0));
            count.0 += f64::from(u8::from(last.won()));
            count.1 += 1.0;
        }
    }
    counts.into_iter().map(|(stage, (won, n))| (stage, won, n)).collect()
}

/// A deal that is open, and what is expected of it.
#[derive(Clone, Debug)]
pub(crate) struct Prospect {
    pub(crate) seen: Seen,
    /// Probability of a win within the period.
    pub(crate) p_won: f64,
    /// Probability of a loss by the end of it.
    pub(crate) p_lost: f64,
    /// Amount that is expected where it is won.
    pub(crate) amount: f64,
    /// What sets it apart: what raises or lowers its odds of winning most against the other open
    /// deals, in logs.
    pub(crate) why: Vec<(&'static str, f64)>,
}

/// What is forecast, in minor units.
#[derive(Debug)]
pub(crate) struct Forecast {
    pub(crate) span: Span,
    pub(crate) method: Method,
    /// Booked in the period by the day.
    pub(crate) so_far: f64,
    pub(crate) total: Distribution,
    pub(crate) open: Distribution,
    pub(crate) new: Distribution,
    /// Days, and what will be booked by the end of them, on each simulation's way: 10, 50, 90%.
    pub(crate) path: Vec<(i64, [f64; 3])>,
    pub(crate) prospects: Vec<Prospect>,
    /// Deals still to be created by the end of the period.
    pub(crate) arrivals: Vec<Arriving>,
    /// Wins in the period that are expected of them.
    pub(crate) new_won: f64,
    /// Middle amount of a deal that was won.
    pub(crate) usual_amount: f64,
}

/// What is expected of deals still to be created, of one source.
#[derive(Clone, Debug)]
pub(crate) struct Arriving {
    pub(crate) source: Option<std::sync::Arc<str>>,
    pub(crate) created: f64,
}

/// The number of a deal, whatever its place.
fn key(id: &str) -> u64 {
    id.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| mix(hash ^ u64::from(byte)).wrapping_add(1))
}

impl Forecast {
    /// Forecasts a period as of a day, by what was learned by then or before.
    pub(crate) fn of(record: &Record, learned: &Learned, span: Span, n: u32, seed: u64) -> Self {
        let now = record.all(span.on);
        let so_far = record.booked(span.from, span.to.min(span.on), span.on);
        let open: Vec<Seen> = now.iter().filter(|seen| seen.open()).cloned().collect();
        let mut forecast = Self {
            span,
            method: learned.method,
            so_far,
            total: Distribution::new(vec![so_far]),
            open: Distribution::new(vec![0.0]),
            new: Distribution::new(vec![0.0]),
            path: Vec::new(),
            prospects: Vec::new(),
            arrivals: Vec::new(),
            new_won: 0.0,
            usual_amount: learned.amount,
        };
        if span.to <= span.on {
            return forecast;
        }
        match (learned.method, &learned.hazard, &learned.shape) {
            (Method::Hazard, Some(hazard), Some(shape)) => {
                let arrivals = arrivals(record, shape, &now, span);
                let with = Parts { hazard, shape, arrivals, learned };
                forecast.simulate(record, &with, open, n, seed);
            }
            (Method::Stages, ..) => forecast.by_stage(learned, open, n, seed),
            _ => {
                let bare =
                    |seen| Prospect { amount: 0.0, p_won: 0.0, p_lost: 0.0, why: Vec::new(), seen };
                forecast.prospects = open.into_iter().map(bare).collect();
            }
        }
        forecast
    }

    fn simulate(&mut self, record: &Record, with: &Parts<'_>, open: Vec<Seen>, n: u32, seed: u64) {
        let Parts { hazard, shape, arrivals, learned } = with;
        let span = self.span;
        let (edges, first) = span.edges(learned.step);
        let begins: Vec<i64> = std::iter::once(span.on).chain(edges.iter().copied()).collect();
        let lengths = || begins.iter().zip(&edges).map(|(from, to)| (*from, *to));
        let exposure = lengths().map(|(from, to)| (to - from) as f64 / 7.0).collect();
        let mut going = Going::new(exposure);
        let mode = hazard.mode();
        let mut parts: Vec<[f64; BLOCKS]> = Vec::new();
        for seen in &open {
            let Some(deal) = record.deals.get(seen.deal) else { continue };
            let steps: Vec<_> =
                lengths().map(|(from, to)| shape.step(seen, span.on, from, to)).collect();
            let fixed = shape.fixed(deal, seen, span.on);
            let amount = seen.amount.filter(|amount| *amount > 0.0).unwrap_or(learned.amount);
            let now = steps.last().into_iter().flatten().chain(&fixed);
            parts.push(shape.parts(now, mode.win()));
            going.push(key(&deal.id), amount, fixed, &steps);
        }
        let runs = Runs::of(n, going.n().max(1), edges.len(), seed);
        let Some(played) = play(hazard, &going, &learned.slip, first, runs) else { return };
        let ahead: Vec<Ahead> = lengths().map(|(from, to)| stretch(span.on, from, to)).collect();
        let n_steps = edges.len();
        let n_plays = runs.n_plays.max(1) as usize;
        let (mut opens, mut news, mut totals) = (Vec::new(), Vec::new(), Vec::new());
        let mut ways: Vec<Vec<f64>> = vec![Vec::with_capacity(runs.n()); n_steps];
        let mut world = None;
        for (at, won) in played.won.chunks(n_steps).enumerate() {
            let mut more = vec![0.0; n_steps];
            let (number, play) = (at / n_plays, at % n_plays);
            if let Some(arrivals) = arrivals {
                if play == 0 {
                    let mut random = arrival::stream(seed, number as u64, u64::MAX);
                    world = Some(arrivals.world(&mut random));
                }
                if let Some(world) = &world {
                    let mut random = arrival::stream(seed, number as u64, play as u64);
                    let brought = arrivals.simulate(world, &ahead, first, &mut random, &mut more);
                    self.new_won += brought.won / runs.n() as f64;
                }
            }
            let (a, b): (f64, f64) = (won.iter().sum(), more.iter().sum());
            opens.push(a);
            news.push(b);
            totals.push(self.so_far + a + b);
            let mut sum = self.so_far;
            for ((won, more), way) in won.iter().zip(&more).zip(&mut ways) {
                sum += won + more;
                way.push(sum);
            }
        }
        self.open = Distribution::new(opens);
        self.new = Distribution::new(news);
        self.total = Distribution::new(totals);
        self.path = edges
            .iter()
            .zip(ways)
            .skip(first)
            .map(|(edge, way)| (*edge, Distribution::new(way)))
            .map(|(edge, way)| (edge, [0.1, 0.5, 0.9].map(|p| way.quantile(p))))
            .collect();
        let mut why = reasons(&parts).into_iter();
        let ratio = mean(&learned.slip.ratios).unwrap_or(1.0);
        self.prospects = open
            .into_iter()
            .enumerate()
            .map(|(case, seen)| Prospect {
                p_won: played.p_from(case, first),
                p_lost: played.p_lost.get(case).copied().unwrap_or(0.0),
                amount: ratio
                    * seen.amount.filter(|amount| *amount > 0.0).unwrap_or(learned.amount),
                why: why.next().unwrap_or_default(),
                seen,
            })
            .collect();
        if let Some(arrivals) = arrivals {
            let created: f64 = ahead.iter().map(|step| arrivals.expected(&step.bin)).sum();
            let shares = arrivals.shares();
            self.arrivals = shape
                .source_names()
                .into_iter()
                .zip(shares)
                .map(|(source, share)| Arriving { source, created: created * share })
                .collect();
        }
    }

    /// Deals that are planned to close by the end of the period win by the rate of their stage.
    fn by_stage(&mut self, learned: &Learned, open: Vec<Seen>, n: u32, seed: u64) {
        let to = self.span.to;
        let (won, all) = learned.stages.iter().fold((0.0, 0.0), |(a, b), s| (a + s.1, b + s.2));
        let base = (won + 1.0) / (all + 3.0);
        // Four deals of the common rate stand behind each stage.
        let of = |seen: &Seen| {
            let found = learned.stages.iter().find(|(stage, ..)| *stage == seen.at.stage);
            let (won, n) = found.map_or((0.0, 0.0), |(_, won, n)| (*won, *n));
            (won + 4.0 * base, n - won + 4.0 * (1.0 - base))
        };
        let due = |seen: &Seen| seen.close.is_some_and(|close| close <= to);
        let n_runs = n.min(2000);
        let mut sums = Vec::new();
        for run in 0..n_runs {
            let mut random = SplitMix64::stream(seed, u64::from(run));
            let mut rates: Vec<(&Option<std::sync::Arc<str>>, f64)> = Vec::new();
            let mut sum = 0.0;
            for seen in open.iter().filter(|seen| due(seen)) {
                let known = rates.iter().find(|(stage, _)| **stage == seen.at.stage);
                let rate = if let Some((_, rate)) = known {
                    *rate
                } else {
                    let (won, lost) = of(seen);
                    let (won, lost) = (random.gamma(won), random.gamma(lost));
                    let rate = won / (won + lost).max(1e-300);
                    rates.push((&seen.at.stage, rate));
                    rate
                };
                if random.uniform() < rate {
                    sum += seen.amount.unwrap_or(learned.amount);
                }
            }
            sums.push(sum);
        }
        self.total = Distribution::new(sums.iter().map(|sum| sum + self.so_far).collect());
        self.open = Distribution::new(sums);
        let prospect = |seen: Seen| {
            let (won, lost) = of(&seen);
            let p_won = if due(&seen) { won / (won + lost) } else { 0.0 };
            let amount = seen.amount.unwrap_or(learned.amount);
            Prospect { p_won, p_lost: 0.0, amount, why: Vec::new(), seen }
        };
        self.prospects = open.into_iter().map(prospect).collect();
    }

    /// Draws the sums away from the median, or nearer to it, nothing below what is booked.
    pub(crate) fn widen(&mut self, factor: f64) {
        if (factor - 1.0).abs() > 1e-9 {
            self.total = self.total.widened(factor, self.so_far);
            self.open = self.open.widened(factor, 0.0);
            self.new = self.new.widened(factor, 0.0);
            for (_, [low, middle, high]) in &mut self.path {
                *low = (*middle + factor * (*low - *middle)).max(self.so_far);
                *high = *middle + factor * (*high - *middle);
            }
        }
    }
}

/// What sets each deal apart from the mean of all, the strongest first; at most two, and nothing
/// that moves the odds by less than a sixth.
fn reasons(parts: &[[f64; BLOCKS]]) -> Vec<Vec<(&'static str, f64)>> {
    let mut middle = [0.0; BLOCKS];
    for part in parts {
        middle.iter_mut().zip(part).for_each(|(sum, x)| *sum += x / parts.len() as f64);
    }
    let of = |part: &[f64; BLOCKS]| {
        let apart = part.iter().zip(&middle).map(|(x, mean)| x - mean);
        let mut named: Vec<(&str, f64)> = BLOCK_NAMES.into_iter().zip(apart).collect();
        named.retain(|(_, x)| x.abs() > 0.15);
        named.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        named.truncate(2);
        named
    };
    parts.iter().map(of).collect()
}

struct Parts<'a> {
    hazard: &'a Hazard,
    shape: &'a Shape,
    arrivals: Option<Arrivals>,
    learned: &'a Learned,
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn season(of: i64) -> usize {
    usize::try_from(day(of).month() - 1).unwrap_or(0)
}

/// The days after `from`, up to `to`, seen from a day.
fn stretch(on: i64, from: i64, to: i64) -> Ahead {
    let days = (to - from) as f64;
    let bin = Bin {
        season: season(from + (to - from + 1) / 2),
        days,
        at: ((from - on) as f64 + 0.5 * days) / 365.25,
    };
    Ahead { bin, from: (from - on) as f64, to: (to - on) as f64 }
}

/// How many deals were created, by month and source, and what became of them.
fn arrivals(record: &Record, shape: &Shape, now: &[Seen], span: Span) -> Option<Arrivals> {
    let begin = record.begin()?.max(span.on - BACK);
    let mut bins: Vec<(i64, i64, Vec<f64>)> = Vec::new();
    let mut from = begin;
    while from <= span.on {
        let to = number(record.calendar.month_of(day(from)).to).min(span.on);
        bins.push((from, to, vec![0.0; shape.n_sources()]));
        from = to.max(from) + 1;
    }
    let mut cases = Vec::new();
    for seen in now {
        let Some(deal) = record.deals.get(seen.deal) else { continue };
        let source = shape.source(deal);
        if deal.created < begin {
            continue;
        }
        let bin = bins.partition_point(|(_, to, _)| *to < deal.created);
        if let Some(count) = bins.get_mut(bin).and_then(|(.., counts)| counts.get_mut(source)) {
            *count += 1.0;
        }
        let end = if seen.open() { None } else { seen.close };
        let days = (end.unwrap_or(span.on).min(span.on) - deal.created).max(0);
        cases.push(Followed {
            source,
            days: days as f64,
            seen: (span.on - deal.created) as f64,
            won: (!seen.open()).then(|| seen.won()),
            amount: seen.amount.filter(|amount| *amount > 0.0),
        });
    }
    let bins: Vec<(Bin, Vec<f64>)> = bins
        .into_iter()
        .map(|(from, to, counts)| (stretch(span.on, from - 1, to).bin, counts))
        .collect();
    let horizon = usize::try_from(span.to - span.on + 1).ok()?;
    arrival::fit(&bins, &cases, horizon)
}
