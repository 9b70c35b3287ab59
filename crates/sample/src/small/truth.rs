//! What is true of a small company, and what really happened in the end.

use std::sync::Arc;

use domain::{Column, Currency, Frame, Money};
use jiff::civil::Date;

use super::diary::{WON, What};
use super::flow::{self, Capacity, MORE, NEVER, Path};
use super::frames::{date, deal_id};
use super::law::{Law, STAGES, Wait, station_id};
use super::{Company, program_id};
use crate::clock;
use crate::random::mix;

/// Days before and after the company's day in which the effect of more capacity is measured; there
/// is more of it for as long before already.
const AROUND: i64 = 365;

/// What is true of a program.
#[derive(Clone, Debug)]
pub struct ProgramTruth {
    /// Its identifier in the relations.
    pub id: String,
    /// Its channel.
    pub channel: &'static str,
    /// First day.
    pub from: Option<Date>,
    /// The day after its last one.
    pub until: Option<Date>,
    /// Share of its leads that will ever become a deal.
    pub share: f64,
    /// Time until the interest of these ripens; being worked on takes some days more.
    pub wait: Wait,
    /// Gross profit that its leads bring in the end, for each unit of its cost: the expectation.
    pub gain: f64,
    /// From this day on it works differently.
    pub changed_on: Option<Date>,
    /// Share and gain of its leads of now.
    pub share_now: f64,
    /// Gross profit of its leads of now, for each unit of cost.
    pub gain_now: f64,
}

/// What the leads that a program had by some day came to in the end.
#[derive(Clone, Copy, Debug)]
pub struct Realized {
    /// Leads up to the day.
    pub n_leads: usize,
    /// Those of them that became deals, ever.
    pub n_converted: usize,
    /// What was won of these, ever.
    pub won: Money,
    /// What the program cost up to the day.
    pub cost: Money,
}

/// How a deal went in the end.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its identifier in the relations.
    pub id: Arc<str>,
    /// The day on which it was entered.
    pub known_on: Option<Date>,
    /// The day on which its closing was entered.
    pub recorded_on: Option<Date>,
    /// The close day that it has on record; none where it never closed.
    pub closed_on: Option<Date>,
    /// Whether it was won; none where it never closed.
    pub won: Option<bool>,
    /// Its amount in the end.
    pub amount: Option<Money>,
    /// False for kinds that do not count as pipeline.
    pub counted: bool,
    /// True where nobody ever meant to buy: made up, or a second record of another deal.
    pub fake: bool,
    /// For a real one: whether it was dead already on a day, though still open on record.
    died_on: Option<Date>,
}

impl Outcome {
    /// True where the deal could still be won on a day.
    pub fn alive(&self, day: Date) -> bool {
        !self.fake && self.died_on.is_none_or(|died| day < died)
    }
}

/// What a tenth more of something brings.
#[derive(Clone, Copy, Debug)]
pub struct Relief {
    /// The stage whose people could work more (`mql` for leads), or `demand`.
    pub stage: &'static str,
    /// More closed revenue in the two years around the company's day, as a part of what closes
    /// without: what limits now, and not what may once demand has changed.
    pub gain: f64,
}

impl Company {
    /// What is true of the programs that have begun by a day.
    pub fn programs(&self, day: Date) -> Vec<ProgramTruth> {
        let until = clock::day_of(day);
        let reach = self.law.accepted * self.reach;
        let programs = self.law.programs.iter().enumerate();
        programs
            .filter(|(_, program)| program.start <= until)
            .map(|(at, program)| {
                let change = program.change.filter(|(from, _)| *from <= until);
                let now = change.map_or(program.share, |(_, share)| share);
                ProgramTruth {
                    id: program_id(at),
                    channel: program.channel,
                    from: date(program.start),
                    until: date(program.end),
                    share: program.share * reach,
                    wait: program.wait,
                    gain: program.gain,
                    changed_on: change.and_then(|(from, _)| date(from)),
                    share_now: now * reach,
                    gain_now: program.gain * now / program.share,
                }
            })
            .collect()
    }

    /// What is true of the programs that have begun by a day and work as they always did, as rows:
    /// `program_id` and `gain`.
    pub fn program_truth(&self, day: Date) -> Frame {
        let truths = self.programs(day);
        let steady = || truths.iter().filter(|truth| truth.changed_on.is_none());
        let ids = steady().map(|truth| Some(Arc::from(&*truth.id))).collect();
        let gains = steady().map(|truth| Some(truth.gain)).collect();
        let columns = vec![("program_id", Column::Text(ids)), ("gain", Column::Number(gains))];
        Frame::new(columns).unwrap_or_default()
    }

    /// What the leads of a program up to a day came to in the end.
    pub fn realized(&self, program: &str, day: Date) -> Realized {
        let until = clock::day_of(day);
        let at = (0..self.law.programs.len()).find(|at| program_id(*at) == program);
        let of_it = |who: usize| {
            let prospect = self.prospects.get(who)?;
            (prospect.program == at && !prospect.extra && prospect.born <= until).then_some(())
        };
        let leads: Vec<usize> = match at {
            Some(_) => (0..self.prospects.len()).filter(|who| of_it(*who).is_some()).collect(),
            None => Vec::new(),
        };
        let converted = |who: &&usize| self.paths.get(**who).is_some_and(|p| p.created < NEVER);
        let won: i64 = self
            .records
            .iter()
            .filter(|record| record.who.is_some_and(|who| leads.binary_search(&who).is_ok()))
            .filter_map(|record| ended(record).filter(|end| end.won)?.amount)
            .sum();
        let cost = at.map_or(0, |at| self.cost_of(at, self.law.from, until + 1));
        Realized {
            n_leads: leads.len(),
            n_converted: leads.iter().filter(converted).count(),
            won: Money::from_minor(won, Currency::USD),
            cost: Money::from_minor(cost, Currency::USD),
        }
    }

    /// How each deal went in the end, in the order in which they were entered.
    pub fn outcomes(&self) -> Vec<Outcome> {
        let outcome = |(at, record): (usize, &super::diary::Record)| {
            let end = ended(record);
            let died = record.who.and_then(|who| self.paths.get(who)).map_or(NEVER, |p| p.closed);
            Outcome {
                id: deal_id(at),
                known_on: date(record.known),
                recorded_on: end.and_then(|end| date(end.recorded)),
                closed_on: end.and_then(|end| date(end.closed)),
                won: end.map(|end| end.won),
                amount: end
                    .map_or(record.amount, |end| end.amount)
                    .map(|minor| Money::from_minor(minor, Currency::USD)),
                counted: record.kind != "Renewal",
                fake: record.fake(),
                died_on: date(died),
            }
        };
        self.records.iter().enumerate().map(outcome).collect()
    }

    /// What was won with a close day between two days, both included, as it is on record in the
    /// end.
    pub fn booked(&self, from: Date, to: Date) -> Money {
        let within = |outcome: &Outcome| {
            outcome.counted
                && outcome.won == Some(true)
                && outcome.closed_on.is_some_and(|day| from <= day && day <= to)
        };
        let outcomes = self.outcomes();
        let amounts = outcomes.iter().filter(|outcome| within(outcome)).filter_map(|o| o.amount);
        Money::from_minor(amounts.map(|money| money.minor).sum(), Currency::USD)
    }

    /// What a tenth more capacity of each stage, and a tenth more demand, brings: the simulation
    /// itself is run again with the same luck, so often that chance hardly matters. The largest
    /// comes first: the constraint.
    pub fn reliefs(&self) -> Vec<Relief> {
        let deals = self.records.iter().filter(|record| record.known <= self.law.today).count();
        let runs = (8_000 / deals.max(1)).clamp(4, 60);
        let mut ways: Vec<(&'static str, Capacity)> = Vec::new();
        let since = self.law.today - 2 * AROUND;
        let capacity = Capacity { since, ..self.capacity.clone() };
        ways.push(("", capacity.clone()));
        ways.push(("demand", Capacity { more_demand: true, ..capacity.clone() }));
        for station in 0..=STAGES {
            let mut capacity = capacity.clone();
            let limited = capacity.units.get(station).copied().flatten().is_some();
            if let Some(factor) = capacity.factor.get_mut(station).filter(|_| limited) {
                *factor += MORE;
                ways.push((station_id(station), capacity));
            }
        }
        let mut totals = vec![0.0; ways.len()];
        for run in 0..runs {
            let seed = mix(self.law.seed ^ mix(run as u64 + 1));
            let law = Law { seed, ..self.law.clone() };
            let prospects = flow::prospects(&law);
            for ((_, capacity), total) in ways.iter().zip(&mut totals) {
                let paths = flow::run(&law, &prospects, capacity);
                *total += closed(&law, &prospects, &paths);
            }
        }
        let base = totals.first().copied().unwrap_or(0.0).max(1.0);
        let gains = ways.iter().zip(&totals).skip(1);
        let mut found: Vec<Relief> =
            gains.map(|((stage, _), total)| Relief { stage, gain: total / base - 1.0 }).collect();
        found.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        found
    }
}

/// What is won within the horizon.
fn closed(law: &Law, prospects: &[flow::Prospect], paths: &[Path]) -> f64 {
    let (from, to) = (law.today - AROUND, law.today + AROUND);
    let within = |path: &Path| path.won && from < path.closed && path.closed <= to;
    let won = prospects.iter().zip(paths).filter(|(_, path)| within(path));
    // By the usual amount of the segment: single large deals would only add chance.
    let usual = |segment: usize| law.segments.get(segment).map_or(0.0, |segment| segment.amount);
    won.map(|(prospect, _)| usual(prospect.segment)).sum()
}

/// How a record ends.
#[derive(Clone, Copy)]
struct End {
    recorded: i64,
    closed: i64,
    won: bool,
    amount: Option<i64>,
}

fn ended(record: &super::diary::Record) -> Option<End> {
    let mut end =
        End { recorded: record.known, closed: record.close, won: false, amount: record.amount };
    let mut stage = record.stage;
    for change in &record.changes {
        match change.what {
            What::Amount(amount) => end.amount = amount,
            What::Close(day) => end.closed = day,
            What::Stage(to) => {
                stage = to;
                end.recorded = change.day;
            }
            What::Owner(_) | What::Category(_) => {}
        }
    }
    end.won = stage == WON;
    (stage > STAGES).then_some(end)
}
