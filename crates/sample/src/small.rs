//! Small simulated companies as frames, with their truth: what answers are judged by.
//!
//! Where the exports of [`crate::company`] go through files, mappings and a lake, these rows are
//! handed to answers directly, in milliseconds and as of any day, so that hundreds of companies can
//! be asked what is true of them. How they behave is written from what the field describes: leads
//! that ripen late or never, people who can work only so much, buyers who lose patience in queues,
//! owners who are hopeful, tardy or make deals up, quarters that go well or badly for all deals at
//! once. No model that an answer fits stands behind it.
//!
//! Money is US dollars in whole minor units; days are civil days. The same seed gives the same
//! company.

mod diary;
mod flow;
mod frames;
mod law;
#[cfg(test)]
mod tests;
mod truth;

use std::sync::Arc;

use domain::definition::STARTER;
use domain::definition::parse;
use domain::{Ask, Definitions, Frame, Given, Need, Rows};
use jiff::civil::{Date, date};

use self::diary::Record;
use self::flow::{Capacity, NEVER, Path, Prospect, Source};
use self::law::{Law, STAGES};
use crate::clock;
use crate::random::{key, whole};

pub use self::law::{Family, Wait};
pub use self::truth::{Outcome, ProgramTruth, Realized, Relief};

/// The last day that a company may have; its own lies up to half a year before.
const LATEST: Date = date(2026, 12, 20);

/// A simulated company.
#[derive(Clone, Debug)]
pub struct Company {
    law: Law,
    capacity: Capacity,
    prospects: Vec<Prospect>,
    paths: Vec<Path>,
    records: Vec<Record>,
    /// Share of ripe leads that are worked before they go cold.
    reach: f64,
    /// Cost of a lead, by program, in minor units.
    lead_costs: Vec<f64>,
    /// Demand of all days before each, from the first.
    demand: Vec<f64>,
}

/// Makes the company of a seed: 60 to 3,000 deals up to its day.
pub fn company(seed: u64) -> Company {
    Company::new(Law::draw(seed, None, clock::day_of(LATEST)))
}

/// Makes the company of a seed with about so many deals up to its day.
pub fn company_of(seed: u64, deals: u32) -> Company {
    Company::new(Law::draw(seed, Some(f64::from(deals)), clock::day_of(LATEST)))
}

impl Company {
    fn new(law: Law) -> Self {
        let prospects = flow::prospects(&law);
        let capacity = Self::staffed(&law, &prospects);
        let paths = flow::run(&law, &prospects, &capacity);
        let records = diary::records(&law, &prospects, &paths);
        let mut demand = vec![0.0];
        let mut sum = 0.0;
        for day in law.from..law.end {
            sum += law.demand(day);
            demand.push(sum);
        }
        let mut company = Self {
            law,
            capacity,
            prospects,
            paths,
            records,
            reach: 1.0,
            lead_costs: Vec::new(),
            demand,
        };
        company.price();
        company
    }

    /// Gives each station the people for the load that it should bear.
    fn staffed(law: &Law, prospects: &[Prospect]) -> Capacity {
        let mut capacity = Capacity::unlimited();
        let paths = flow::run(law, prospects, &capacity);
        let (from, to) = (law.today - 365, law.today);
        let within = |day: i64| (from..to).contains(&day);
        let mut counts = [0_u32; STAGES + 1];
        for (prospect, path) in prospects.iter().zip(&paths) {
            let leads = prospect.lead() && !prospect.extra && within(prospect.mql);
            let stays = path.stays.iter().filter(|stay| within(stay.entered));
            let stations = stays.map(|stay| stay.stage).chain(leads.then_some(0));
            for station in stations {
                if let Some(count) = counts.get_mut(station) {
                    *count += 1;
                }
            }
        }
        let stations = law.stations.iter().zip(counts);
        let heads = capacity.heads.iter_mut().zip(&mut capacity.units);
        for ((station, count), (heads, units)) in stations.zip(heads) {
            if station.role.is_some() {
                let a_day = f64::from(count.max(4)) / (to - from) as f64 / station.load;
                *heads = (a_day * 30.4 / station.units * 2.0).round().max(1.0) / 2.0;
                *units = Some(a_day);
            }
        }
        capacity
    }

    /// Sets what leads cost, so that each program has the return that is true of it.
    fn price(&mut self) {
        let settled = self.law.end - 500;
        let (mut ripe, mut worked) = (0_u32, 0_u32);
        let (mut hoped, mut won) = (0.0, 0.0);
        let (mut value, mut n) = (0.0, 0_u32);
        for (prospect, path) in self.prospects.iter().zip(&self.paths) {
            if !prospect.lead() || prospect.extra {
                continue;
            }
            let chance: f64 = self
                .law
                .stations
                .iter()
                .skip(1)
                .map(|station| 1.0 / (1.0 + (-station.odds - prospect.odds).exp()))
                .product();
            value += chance * prospect.amount;
            n += 1;
            if prospect.ripe < settled {
                ripe += 1;
                worked += u32::from(path.sal < NEVER);
            }
            if path.created < settled {
                hoped += chance;
                won += f64::from(u8::from(path.won));
            }
        }
        self.reach = f64::from(worked.max(1)) / f64::from(ripe.max(1));
        // Queues and shocks take their part of what the odds alone would bring.
        let part: f64 = if hoped > 5.0 { won / hoped } else { 1.0 };
        let value = value / f64::from(n.max(1)) * part * (self.law.habits.slip).exp();
        let reach = self.law.accepted * self.reach;
        let cost =
            |program: &law::Program| self.law.margin * program.share * reach * value / program.gain;
        self.lead_costs = self.law.programs.iter().map(cost).collect();
    }

    /// The day as of which it is asked by default.
    pub fn today(&self) -> Date {
        frames::date(self.law.today).unwrap_or(LATEST)
    }

    /// The first day on record.
    pub fn begins(&self) -> Date {
        frames::date(self.law.from).unwrap_or(LATEST)
    }

    /// The last day that is simulated: what happens up to it is known as the truth.
    pub fn ends(&self) -> Date {
        frames::date(self.law.end).unwrap_or(LATEST)
    }

    /// What the words mean in it: the starter definitions, with a lookback that no program
    /// outlasts.
    pub fn definitions() -> Definitions {
        let (mut definitions, _) = parse::read(STARTER);
        definitions.attribution.lookback_days = 1500;
        definitions
    }

    /// The company as it was known at the end of a day.
    pub fn as_of(&self, day: Date) -> Known<'_> {
        Known { company: self, day: day.min(self.ends()) }
    }

    /// Says how loaded its stations are, for whoever looks into a case.
    pub fn describe(&self) -> String {
        let stations = self.law.stations.iter().enumerate().filter(|(_, s)| s.role.is_some());
        let said = stations.map(|(at, station)| {
            let record = if self.on_record(at) { "" } else { " (not on record)" };
            let (load, patience) = (station.load, station.patience);
            let id = law::station_id(at);
            format!("{id} load {load:.2}, patience {patience:.0} days{record}")
        });
        said.collect::<Vec<_>>().join("; ")
    }

    fn channel_of(&self, source: Source, program: Option<usize>) -> &'static str {
        match source {
            Source::Marketing => program
                .and_then(|at| self.law.programs.get(at))
                .map_or("organic-search", |program| program.channel),
            Source::Sales => "outbound",
            Source::Partner => "partner",
            Source::Customer => "customer-referral",
        }
    }

    fn channel(&self, record: &Record) -> &'static str {
        self.channel_of(record.source, record.program)
    }

    /// What a program costs from a day to the day before another, in minor units.
    fn cost_of(&self, program: usize, from: i64, to: i64) -> i64 {
        let (Some(law), Some(cost)) =
            (self.law.programs.get(program), self.lead_costs.get(program))
        else {
            return 0;
        };
        let until = |day: i64| {
            let at = usize::try_from((day - self.law.from).max(0)).unwrap_or(0);
            self.demand.get(at).or(self.demand.last()).copied().unwrap_or(0.0)
        };
        let (from, to) = (from.max(law.start), to.min(law.end));
        if from >= to {
            return 0;
        }
        let paid = |day: i64| whole(until(day) * law.rate * cost);
        paid(to) - paid(from)
    }

    /// True where the people of a station are on record.
    fn on_record(&self, station: usize) -> bool {
        let limited = self.law.stations.get(station).is_some_and(|s| s.role.is_some());
        let mut r = self.law.random(law::topic::OWNER, &[u64::MAX, key(station)]);
        limited && r.chance(self.law.habits.capacity_on_record)
    }

    /// What one person of a station works in a month.
    fn units_per_head(&self, station: usize) -> Option<f64> {
        let units = self.capacity.units.get(station).copied().flatten()?;
        let heads = self.capacity.heads.get(station)?;
        Some((units * 30.4 / heads * 100.0).round() / 100.0)
    }
}

/// A company as it was known at the end of a day.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    company: &'a Company,
    day: Date,
}

impl Known<'_> {
    /// The day.
    pub fn day(&self) -> Date {
        self.day
    }

    /// Returns all rows of a relation; none where it has no such relation.
    pub fn relation(&self, name: &str) -> Option<Frame> {
        frames::relation(self.company, name, clock::day_of(self.day))
    }

    /// Returns the rows of a query; an empty frame where it has no such relation.
    pub fn fetch(&self, rows: &Rows) -> Frame {
        let Some(frame) = self.relation(&rows.relation) else { return Frame::default() };
        let found = frame.filter(&rows.filters);
        if rows.columns.is_empty() {
            return found;
        }
        let columns: Vec<&str> = rows.columns.iter().map(String::as_str).collect();
        found.select(&columns)
    }

    /// Returns the rows that an answer needs.
    pub fn given(&self, needs: &[Need]) -> Given {
        let mut made: Vec<(String, Frame)> = Vec::new();
        let frames = needs.iter().map(|need| {
            let name = &need.rows.relation;
            if !made.iter().any(|(known, _)| known == name) {
                made.push((name.clone(), self.relation(name).unwrap_or_default()));
            }
            let whole = made.iter().find(|(known, _)| known == name);
            let found = whole.map(|(_, f)| f.filter(&need.rows.filters)).unwrap_or_default();
            let columns: Vec<&str> = need.rows.columns.iter().map(String::as_str).collect();
            let found = if columns.is_empty() { found } else { found.select(&columns) };
            (need.name.to_owned(), found)
        });
        Given { frames: frames.collect(), ..Given::default() }
    }

    /// Asks for a period as of the day; the quarter of the day where the period is not one.
    pub fn ask(&self, period: &str, seed: u64) -> Ask {
        let definitions = Company::definitions();
        let calendar = definitions.calendar();
        Ask {
            as_of: self.day,
            period: calendar.period(period).unwrap_or_else(|_| calendar.quarter_of(self.day)),
            by: Vec::new(),
            segment: None,
            model: definitions.attribution.model.clone(),
            currency: definitions.currency,
            definitions: Arc::new(definitions),
            seed,
        }
    }
}

fn program_id(at: usize) -> String {
    format!("program-{at:02}")
}

fn program_name(at: usize) -> String {
    format!("Program {at}")
}
