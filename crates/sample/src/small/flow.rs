//! What happens: leads ripen, people work on them, deals go from step to step or die waiting.
//!
//! A day at a time. Each lead and each deal draws from streams of its own, so that the same company
//! with other capacities draws the same luck (common random numbers), and a difference between two
//! runs is the effect of the capacities alone.

use std::collections::VecDeque;

use super::law::{Law, STAGES, of, topic};
use crate::clock;
use crate::random::{Random, whole};

/// How much more demand or capacity is tried: a tenth.
pub(super) const MORE: f64 = 0.1;

/// What never happens.
pub(super) const NEVER: i64 = i64::MAX;

/// Where a deal comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Marketing,
    Sales,
    Partner,
    Customer,
}

/// A lead, or a deal that began without one.
#[derive(Clone, Debug)]
pub(super) struct Prospect {
    pub(super) source: Source,
    pub(super) program: Option<usize>,
    /// First day: of the lead, or of the deal.
    pub(super) born: i64,
    /// When its interest ripens; never for most.
    pub(super) ripe: i64,
    /// When it is taken for ripe.
    pub(super) mql: i64,
    pub(super) segment: usize,
    pub(super) owner: usize,
    /// Amount at the creation, in minor units.
    pub(super) amount: f64,
    /// Log odds of its own.
    pub(super) odds: f64,
    /// It would come only if there were a tenth more demand.
    pub(super) extra: bool,
}

impl Prospect {
    /// True where it began as a lead.
    pub(super) fn lead(&self) -> bool {
        self.source == Source::Marketing
    }
}

/// A stay of a deal at an open stage, from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) stage: usize,
    pub(super) entered: i64,
    /// When people began to work on it.
    pub(super) started: i64,
    pub(super) left: i64,
}

/// What became of a prospect.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// When sales development began to work on the lead.
    pub(super) sal: i64,
    /// When it found the lead worth a deal.
    pub(super) sql: i64,
    /// When the lead was given up.
    pub(super) dropped: i64,
    pub(super) created: i64,
    pub(super) stays: Vec<Stay>,
    /// Days on which it was lost and opened again.
    pub(super) reopened: Option<(i64, i64)>,
    pub(super) closed: i64,
    pub(super) won: bool,
}

impl Path {
    fn new() -> Self {
        Self {
            sal: NEVER,
            sql: NEVER,
            dropped: NEVER,
            created: NEVER,
            stays: Vec::new(),
            reopened: None,
            closed: NEVER,
            won: false,
        }
    }
}

/// Draws all prospects, in the order of their numbers.
pub(super) fn prospects(law: &Law) -> Vec<Prospect> {
    let mut found = Vec::new();
    for (at, program) in law.programs.iter().enumerate() {
        let mut r = law.random(topic::LEAD, &[of(at)]);
        for day in program.start.max(law.from)..program.end.min(law.end) {
            for _ in 0..r.count(program.rate * law.demand(day) * (1.0 + MORE)) {
                let share = match program.change {
                    Some((from, share)) if day >= from => share,
                    _ => program.share,
                };
                let ripens = r.chance(share);
                let wait = program.wait.sample(&mut r);
                found.push(lead(law, &mut r, Some(at), day, ripens.then_some(wait)));
            }
        }
    }
    let mut r = law.random(topic::LEAD, &[u64::MAX]);
    for day in law.from..law.end {
        for _ in 0..r.count(law.organic.0 * law.demand(day) * (1.0 + MORE)) {
            let ripens = r.chance(law.organic.1);
            let wait = r.lognormal(12.0, 1.1);
            found.push(lead(law, &mut r, None, day, ripens.then_some(wait)));
        }
    }
    let mut r = law.random(topic::DIRECT, &[]);
    for day in law.from..law.end {
        let sources = [(Source::Sales, -0.15), (Source::Partner, 0.2), (Source::Customer, 0.4)];
        for ((source, odds), rate) in sources.into_iter().zip(law.direct) {
            for _ in 0..r.count(rate * law.demand(day) * (1.0 + MORE)) {
                let mut prospect = lead(law, &mut r, None, day, None);
                prospect.source = source;
                prospect.odds += odds;
                prospect.mql = NEVER;
                found.push(prospect);
            }
        }
    }
    found
}

fn lead(
    law: &Law,
    r: &mut Random,
    program: Option<usize>,
    day: i64,
    ripens: Option<f64>,
) -> Prospect {
    let segment = r.weighted(law.segments.iter().map(|segment| segment.share));
    let (median, odds) = law.segments.get(segment).map_or((1e6, 0.0), |s| (s.amount, s.odds));
    let size = r.normal();
    let quality = r.normal();
    let owner = r.below(law.owners.len());
    let skill = law.owner(owner).map_or(0.0, |owner| owner.skill);
    let mistaken = r.chance(law.mistaken);
    let delay = r.lognormal(20.0, 0.9);
    let ripe = ripens.map_or(NEVER, |days| day + whole(days.min(20_000.0)));
    let mql = if ripe < NEVER {
        ripe
    } else if mistaken {
        day + whole(delay)
    } else {
        NEVER
    };
    Prospect {
        source: Source::Marketing,
        program,
        born: day,
        ripe,
        mql,
        segment,
        owner,
        // Hundreds of major units, as people guess.
        amount: (median * (0.7 * size).exp() / 10_000.0).round().max(1.0) * 10_000.0,
        odds: odds + skill + 0.5 * quality - 0.15 * size,
        extra: r.chance(MORE / (1.0 + MORE)),
    }
}

/// How many units a day the people of each station can begin; none where nobody is short.
#[derive(Clone, Debug)]
pub(super) struct Capacity {
    /// For each station: units a day on the company's day.
    pub(super) units: [Option<f64>; STAGES + 1],
    /// Heads on that day.
    pub(super) heads: [f64; STAGES + 1],
    /// From this day on there is more capacity or demand.
    pub(super) since: i64,
    /// A factor for each station from that day on.
    pub(super) factor: [f64; STAGES + 1],
    /// True where from that day on those come as well who come with more demand only.
    pub(super) more_demand: bool,
}

impl Capacity {
    /// Nobody is short of anything.
    pub(super) fn unlimited() -> Self {
        let factor = [1.0; STAGES + 1];
        Self {
            units: [None; STAGES + 1],
            heads: [0.0; STAGES + 1],
            since: NEVER,
            factor,
            more_demand: false,
        }
    }

    /// Heads on a day: half persons, that follow the growth of the company twice a year.
    pub(super) fn heads_on(&self, law: &Law, station: usize, day: i64) -> f64 {
        let half_years = (day - law.today).div_euclid(182) as f64;
        let growth = (1.0 + law.growth).powf(half_years * 0.5);
        let heads = self.heads.get(station).copied().unwrap_or(0.0);
        ((heads * growth * 2.0).round() / 2.0).max(0.5)
    }

    fn a_day(&self, law: &Law, station: usize, day: i64) -> Option<f64> {
        let units = self.units.get(station).copied().flatten()?;
        let heads = self.heads.get(station).copied().unwrap_or(1.0);
        let factor = self.factor.get(station).copied().unwrap_or(1.0);
        let now = units * self.heads_on(law, station, day) / heads;
        Some(if day > self.since { now * factor } else { now })
    }
}

#[derive(Clone, Copy)]
enum Event {
    /// It comes to a station.
    Arrive(usize),
    /// It has waited for as long as it would at its stay of this number.
    Expire(u32),
    /// The work at a station is done.
    Done(usize),
    /// It is lost.
    Lose,
}

struct Waiting {
    who: usize,
    ticket: u32,
    units: f64,
}

/// Runs the company; the path of each prospect, in their order.
pub(super) fn run(law: &Law, prospects: &[Prospect], capacity: &Capacity) -> Vec<Path> {
    let days = usize::try_from(law.end - law.from).unwrap_or(0);
    let mut run = Run {
        law,
        prospects,
        paths: prospects.iter().map(|_| Path::new()).collect(),
        tickets: vec![0; prospects.len()],
        waits: vec![false; prospects.len()],
        agenda: (0..=days).map(|_| Vec::new()).collect(),
        queues: (0..=STAGES).map(|_| VecDeque::new()).collect(),
    };
    for (who, prospect) in prospects.iter().enumerate() {
        if prospect.extra && !(capacity.more_demand && prospect.born > capacity.since) {
            continue;
        }
        if prospect.lead() {
            run.plan(prospect.mql, who, Event::Arrive(0));
        } else {
            run.plan(prospect.born, who, Event::Arrive(1));
        }
    }
    let mut credit = [0.0_f64; STAGES + 1];
    for day in law.from..law.end {
        let at = usize::try_from(day - law.from).unwrap_or(0);
        let mut next = 0;
        // What happens on a day may make more happen on the same day.
        while let Some(&(who, event)) = run.agenda.get(at).and_then(|events| events.get(next)) {
            next += 1;
            run.happen(capacity, day, who, event);
        }
        for (station, credit) in credit.iter_mut().enumerate() {
            let Some(units) = capacity.a_day(law, station, day) else { continue };
            // Nobody works ahead: an idle day is gone.
            *credit = (*credit + units).min(units.max(1.0));
            while *credit > 0.0 {
                let Some(first) = run.queues.get_mut(station).and_then(VecDeque::pop_front) else {
                    break;
                };
                if run.ticket(first.who) == first.ticket && run.waits(first.who) {
                    *credit -= first.units;
                    run.start(day, first.who, station);
                }
            }
        }
    }
    run.paths
}

struct Run<'a> {
    law: &'a Law,
    prospects: &'a [Prospect],
    paths: Vec<Path>,
    /// How many stays each has begun.
    tickets: Vec<u32>,
    waits: Vec<bool>,
    agenda: Vec<Vec<(usize, Event)>>,
    queues: Vec<VecDeque<Waiting>>,
}

impl Run<'_> {
    fn plan(&mut self, day: i64, who: usize, event: Event) {
        if day == NEVER {
            return;
        }
        let at = usize::try_from(day - self.law.from).unwrap_or(0);
        if let Some(events) = self.agenda.get_mut(at) {
            events.push((who, event));
        }
    }

    fn ticket(&self, who: usize) -> u32 {
        self.tickets.get(who).copied().unwrap_or(0)
    }

    fn waits(&self, who: usize) -> bool {
        self.waits.get(who).copied().unwrap_or(false)
    }

    fn set_waits(&mut self, who: usize, waits: bool) {
        if let Some(to) = self.waits.get_mut(who) {
            *to = waits;
        }
    }

    fn path(&mut self, who: usize) -> Option<&mut Path> {
        self.paths.get_mut(who)
    }

    fn happen(&mut self, capacity: &Capacity, day: i64, who: usize, event: Event) {
        match event {
            Event::Arrive(station) => self.arrive(capacity, day, who, station),
            Event::Expire(ticket) => {
                if self.waits(who) && self.ticket(who) == ticket {
                    self.set_waits(who, false);
                    self.lose(day, who);
                }
            }
            Event::Done(0) => self.qualify(day, who),
            Event::Done(stage) => self.decide(day, who, stage),
            Event::Lose => self.lose(day, who),
        }
    }

    fn step(&self, who: usize, station: usize) -> Random {
        let ticket = u64::from(self.ticket(who));
        self.law.random(topic::STEP, &[of(who), of(station), ticket])
    }

    fn arrive(&mut self, capacity: &Capacity, day: i64, who: usize, station: usize) {
        if let Some(ticket) = self.tickets.get_mut(who) {
            *ticket += 1;
        }
        if let (1.., Some(path)) = (station, self.path(who)) {
            path.created = path.created.min(day);
            let stay = Stay { stage: station, entered: day, started: NEVER, left: NEVER };
            path.stays.push(stay);
        }
        if capacity.units.get(station).copied().flatten().is_none() {
            self.start(day, who, station);
            return;
        }
        let mut r = self.step(who, station);
        let patience = self.law.stations.get(station).map_or(60.0, |s| s.patience);
        let ends = day + 1 + whole(-patience * (1.0 - r.unit()).ln());
        // Half as large and twice as large are both common; one unit on average.
        let units = r.lognormal((-0.125_f64).exp(), 0.5);
        let ticket = self.ticket(who);
        self.set_waits(who, true);
        self.plan(ends, who, Event::Expire(ticket));
        if let Some(queue) = self.queues.get_mut(station) {
            queue.push_back(Waiting { who, ticket, units });
        }
    }

    fn start(&mut self, day: i64, who: usize, station: usize) {
        self.set_waits(who, false);
        let mut r = self.step(who, station);
        r.bits();
        r.bits();
        r.bits();
        let z = r.normal();
        let odds = self.prospects.get(who).map_or(0.0, |prospect| prospect.odds);
        let work = self.law.stations.get(station).map_or(1.0, |s| s.work);
        let speed = if station == 0 { 1.0 } else { self.law.shock(day).speed };
        let days = whole(work * speed * (0.6 * z - 0.2 * odds).exp()).max(1);
        if let Some(path) = self.paths.get_mut(who) {
            if station == 0 {
                path.sal = day;
            } else if let Some(stay) = path.stays.last_mut() {
                stay.started = day;
            }
        }
        self.plan(day + days, who, Event::Done(station));
    }

    fn qualify(&mut self, day: i64, who: usize) {
        let Some(prospect) = self.prospects.get(who) else { return };
        let ripe = prospect.ripe < NEVER;
        let accepted = self.law.random(topic::DEAL, &[of(who)]).chance(self.law.accepted);
        if ripe && accepted {
            if let Some(path) = self.path(who) {
                path.sql = day;
            }
            self.plan(day + 1, who, Event::Arrive(1));
        } else if let Some(path) = self.path(who) {
            path.dropped = day;
        }
    }

    fn decide(&mut self, day: i64, who: usize, stage: usize) {
        let (law, habits) = (self.law, self.law.habits);
        let mut r = self.step(who, stage);
        for _ in 0..5 {
            r.bits();
        }
        let own = self.prospects.get(who).map_or(0.0, |prospect| prospect.odds);
        let waited = self.paths.get(who).and_then(|path| path.stays.last());
        let waited = waited.map_or(0, |stay| stay.started - stay.entered) as f64;
        let base = law.stations.get(stage).map_or(0.0, |s| s.odds);
        let odds = base + own + law.shock(day).odds - 0.006 * waited;
        let goes_on = r.unit() < 1.0 / (1.0 + (-odds).exp());
        let (skip, back, rush) = (r.unit(), r.unit(), r.unit());
        let linger = r.lognormal(0.5, 0.8);
        if !goes_on {
            let work = law.stations.get(stage).map_or(1.0, |s| s.work);
            self.plan(day + whole(work * linger), who, Event::Lose);
            return;
        }
        let mut to = stage + 1;
        if skip < habits.skipped && stage + 1 < STAGES {
            to = stage + 2;
        } else if back < habits.backward && stage > 1 && self.ticket(who) < 9 {
            to = stage - 1;
        }
        if to <= STAGES {
            self.leave(day, who);
            self.plan(day, who, Event::Arrive(to));
            return;
        }
        let end = clock::quarter_end(day);
        let day = if end - day <= 20 && rush < habits.rush {
            (end - 2 + r.between(0, 2)).max(day)
        } else {
            day
        };
        self.leave(day, who);
        if let Some(path) = self.path(who) {
            path.closed = day;
            path.won = true;
        }
    }

    fn leave(&mut self, day: i64, who: usize) {
        if let Some(stay) = self.path(who).and_then(|path| path.stays.last_mut()) {
            stay.left = day;
        }
    }

    fn lose(&mut self, day: i64, who: usize) {
        self.leave(day, who);
        let ticket = self.ticket(who);
        let mut r = self.law.random(topic::DEAL, &[of(who), 1]);
        let again = r.chance(self.law.habits.reopened);
        let back = day + r.between(25, 90);
        let Some(path) = self.path(who) else { return };
        let Some(stage) = path.stays.last().map(|stay| stay.stage) else {
            path.dropped = day;
            return;
        };
        if again && path.reopened.is_none() && ticket < 9 {
            path.reopened = Some((day, back));
            self.plan(back, who, Event::Arrive(stage));
        } else {
            path.closed = day;
        }
    }
}
