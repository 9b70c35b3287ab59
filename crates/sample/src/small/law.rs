//! The laws of one small company: who sells what to whom, how fast, through which bottlenecks.
//!
//! Everything is drawn from the seed. The shapes are those that the field describes (shares that
//! ever convert from 2% to all, waiting times of three families, owners who differ, seasons, shocks
//! that all deals of a quarter share, people who can work only so much), not those that any model
//! here fits.

use crate::clock;
use crate::random::{Random, key, pick};

/// Number of open stages of a deal.
pub(super) const STAGES: usize = 6;

/// The open stages of a deal: identifier and name.
pub(super) const STAGE: [(&str, &str); STAGES] = [
    ("prospecting", "Prospecting"),
    ("qualification", "Qualification"),
    ("needs-analysis", "Needs Analysis"),
    ("decision-makers", "Id. Decision Makers"),
    ("proposal", "Proposal/Price Quote"),
    ("negotiation", "Negotiation/Review"),
];

/// The identifier of the station that is no stage of a deal: leads waiting for sales development.
pub(super) const LEADS: &str = "mql";

/// Returns the identifier of a station: 0 are the leads, then the stages of a deal.
pub(super) fn station_id(station: usize) -> &'static str {
    station.checked_sub(1).and_then(|at| STAGE.get(at)).map_or(LEADS, |stage| stage.0)
}

/// Keys of streams.
pub(super) mod topic {
    pub(crate) const LAW: u64 = 1;
    pub(crate) const PROGRAM: u64 = 2;
    pub(crate) const LEAD: u64 = 3;
    pub(crate) const DIRECT: u64 = 4;
    pub(crate) const SHOCK: u64 = 5;
    pub(crate) const DEAL: u64 = 6;
    pub(crate) const STEP: u64 = 7;
    pub(crate) const DIARY: u64 = 8;
    pub(crate) const FAKE: u64 = 9;
    pub(crate) const OWNER: u64 = 10;
}

/// The family of a waiting time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Weibull: S(t) = exp(-(t / scale)^shape).
    Weibull,
    /// Lognormal: ln t is normal around ln scale with standard deviation `shape`.
    Lognormal,
    /// Log-logistic: S(t) = 1 / (1 + (t / scale)^shape).
    LogLogistic,
}

/// A waiting time in days.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Wait {
    /// Its family.
    pub family: Family,
    /// Scale in days.
    pub scale: f64,
    /// Shape.
    pub shape: f64,
}

impl Wait {
    fn draw(random: &mut Random) -> Self {
        let speed = random.unit();
        let median = match speed {
            ..0.4 => 5.0 * 6.0_f64.powf(random.unit()),
            ..0.8 => 30.0 * 4.0_f64.powf(random.unit()),
            _ => 120.0 * 2.5_f64.powf(random.unit()),
        };
        match random.below(3) {
            0 => {
                let shape = 0.7 + 1.1 * random.unit();
                let scale = median / std::f64::consts::LN_2.powf(1.0 / shape);
                Self { family: Family::Weibull, scale, shape }
            }
            1 => {
                let shape = 0.5 + 0.8 * random.unit();
                Self { family: Family::Lognormal, scale: median, shape }
            }
            _ => {
                let shape = 1.4 + 2.1 * random.unit();
                Self { family: Family::LogLogistic, scale: median, shape }
            }
        }
    }

    /// Draws a time.
    pub(super) fn sample(&self, random: &mut Random) -> f64 {
        let (u, z) = (random.unit().max(1e-12), random.normal());
        match self.family {
            Family::Weibull => self.scale * (-u.ln()).powf(1.0 / self.shape),
            Family::Lognormal => self.scale * (self.shape * z).exp(),
            Family::LogLogistic => self.scale * (u / (1.0 - u)).powf(1.0 / self.shape),
        }
    }
}

/// A program.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) channel: &'static str,
    pub(super) start: i64,
    pub(super) end: i64,
    /// Leads a day before season and shocks.
    pub(super) rate: f64,
    /// Share of leads whose interest ever ripens.
    pub(super) share: f64,
    pub(super) wait: Wait,
    /// Day and share from which on it works differently.
    pub(super) change: Option<(i64, f64)>,
    /// Return on its cost that is true of its leads at the end.
    pub(super) gain: f64,
    pub(super) planned: bool,
}

/// A seller.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) name: &'static str,
    /// Log odds added to each step.
    pub(super) skill: f64,
    /// How much earlier than others he calls a deal committed, in log odds.
    pub(super) optimism: f64,
    /// Days until a passed close date is moved.
    pub(super) tardiness: f64,
    /// Mean days until a dead deal is recorded as lost.
    pub(super) lag: f64,
    /// Deals made up, of all his deals.
    pub(super) fakes: f64,
}

/// A part of the market.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) id: &'static str,
    pub(super) share: f64,
    /// Median amount in minor units.
    pub(super) amount: f64,
    pub(super) odds: f64,
}

/// Where deals are worked: people of a role can begin so many a day.
#[derive(Clone, Debug)]
pub(super) struct Station {
    /// The role, where people are short at all.
    pub(super) role: Option<&'static str>,
    /// Share of the flow that would come without any limit, of what people can work.
    pub(super) load: f64,
    /// Units that one person works in a month.
    pub(super) units: f64,
    /// Mean days that a buyer waits.
    pub(super) patience: f64,
    /// Median working days.
    pub(super) work: f64,
    /// Log odds of going on.
    pub(super) odds: f64,
}

/// What all deals of a quarter share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shock {
    pub(super) odds: f64,
    pub(super) speed: f64,
    pub(super) demand: f64,
}

/// How records are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    pub(super) backdated: f64,
    pub(super) skipped: f64,
    pub(super) backward: f64,
    pub(super) reopened: f64,
    pub(super) rush: f64,
    pub(super) late_amount: f64,
    pub(super) slip: f64,
    pub(super) duplicates: f64,
    pub(super) capacity_on_record: f64,
}

/// The laws of a company.
#[derive(Clone, Debug)]
pub(super) struct Law {
    pub(super) seed: u64,
    pub(super) from: i64,
    pub(super) today: i64,
    pub(super) end: i64,
    pub(super) programs: Vec<Program>,
    pub(super) owners: Vec<Owner>,
    pub(super) segments: [Segment; 3],
    pub(super) stations: Vec<Station>,
    pub(super) shocks: Vec<Shock>,
    pub(super) season: [f64; 12],
    /// Growth of demand in a year.
    pub(super) growth: f64,
    /// Deals a day that begin without a lead: sales, partner, customer.
    pub(super) direct: [f64; 3],
    /// Leads a day without a program, and the share of them whose interest ripens.
    pub(super) organic: (f64, f64),
    /// Share of ripe leads that sales development finds worth a deal.
    pub(super) accepted: f64,
    /// Share of the other leads that score high enough to be worked all the same.
    pub(super) mistaken: f64,
    pub(super) habits: Habits,
    pub(super) margin: f64,
}

/// Channels of programs.
const CHANNELS: &[&str] = &[
    "paid-search",
    "paid-social",
    "webinar",
    "event",
    "content",
    "content-syndication",
    "display",
    "email",
];

const NAMES: &[&str] = &[
    "Ada Lindqvist",
    "Ben Okafor",
    "Clara Moretti",
    "David Stein",
    "Elif Kaya",
    "Farid Haddad",
    "Greta Holm",
    "Hugo Lambert",
    "Ines Duarte",
    "Jonas Weber",
    "Kaori Mori",
    "Luis Prieto",
];

/// Roles by station, in the order of the stations; the buyer's own steps have none.
const ROLES: [Option<(&str, f64, f64)>; STAGES + 1] = [
    Some(("sdr", 60.0, 0.95)),
    None,
    Some(("account executive", 8.0, 0.9)),
    Some(("solution engineer", 10.0, 0.7)),
    None,
    Some(("deal desk", 15.0, 0.5)),
    Some(("legal", 12.0, 0.5)),
];

impl Law {
    /// Draws the laws of a company with about so many deals up to its day.
    pub(super) fn draw(seed: u64, deals: Option<f64>, today: i64) -> Self {
        let mut r = Random::keyed(seed, &[topic::LAW]);
        let size = 60.0 * 50.0_f64.powf(r.unit());
        let size = deals.unwrap_or(size);
        let today = today - r.between(0, 180);
        let from = today - r.between(730, 1460);
        let end = today + 900;
        let cycle = 20.0 * 12.0_f64.powf(r.unit());
        let n_owners = usize::try_from(crate::random::whole(size / 60.0)).unwrap_or(2);
        let n_owners = n_owners.clamp(2, NAMES.len());
        let owners = NAMES.iter().take(n_owners).zip(0..).map(|(name, at)| {
            let mut r = Random::keyed(seed, &[topic::OWNER, at]);
            Owner {
                name,
                skill: 0.18 * r.normal(),
                optimism: 0.9 * r.normal(),
                tardiness: 3.0 * 12.0_f64.powf(r.unit()),
                lag: 5.0 * 18.0_f64.powf(r.unit()),
                fakes: if r.chance(0.4) { 0.25 * r.unit() } else { 0.01 },
            }
        });
        let owners: Vec<Owner> = owners.collect();
        let ticket = 400_000.0 * 20.0_f64.powf(r.unit());
        let segments = [
            Segment { id: "small", share: 0.45, amount: ticket * 0.4, odds: 0.1 },
            Segment { id: "mid-market", share: 0.35, amount: ticket, odds: 0.0 },
            Segment { id: "enterprise", share: 0.2, amount: ticket * 4.0, odds: -0.15 },
        ];
        let win_rate: f64 = 0.12 + 0.28 * r.unit();
        let stations = Self::stations(&mut r, cycle, win_rate);
        let quarters = (end - from) / 90 + 3;
        let (swing, drift, tide) = (0.25 * r.unit(), 0.2 * r.unit(), 0.25 * r.unit());
        let shocks = (0..quarters.unsigned_abs()).map(|quarter| {
            let mut r = Random::keyed(seed, &[topic::SHOCK, quarter]);
            Shock {
                odds: swing * r.normal(),
                speed: (drift * r.normal()).exp(),
                demand: (tide * r.normal()).exp(),
            }
        });
        let shocks = shocks.collect();
        let amplitude = 0.35 * r.unit();
        let phase = std::f64::consts::TAU * r.unit();
        let summer = 0.4 * r.unit();
        let mut season = [1.0; 12];
        for (month, factor) in (0..12_u8).zip(&mut season) {
            *factor += amplitude * (std::f64::consts::TAU * f64::from(month) / 12.0 + phase).cos();
            if matches!(month, 6 | 7 | 11) {
                *factor *= 1.0 - summer;
            }
        }
        let days = (today - from) as f64;
        let marketing = 0.3 + 0.5 * r.unit();
        let others = [0.5 + r.unit(), 0.6 * r.unit(), 0.4 * r.unit()];
        let total: f64 = others.iter().sum();
        let direct = others.map(|part| size * (1.0 - marketing) * part / total / days);
        let accepted = 0.7 + 0.25 * r.unit();
        let organic_share = 0.1 + 0.3 * r.unit();
        let organic = size * marketing * 0.2 / (organic_share * accepted) / days;
        let mut law = Self {
            seed,
            from,
            today,
            end,
            programs: Vec::new(),
            owners,
            segments,
            stations,
            shocks,
            season,
            growth: -0.05 + 0.3 * r.unit(),
            direct,
            organic: (organic, organic_share),
            accepted,
            mistaken: 0.05 + 0.25 * r.unit(),
            habits: Habits {
                backdated: if r.chance(0.3) { 0.3 } else { 0.0 },
                skipped: 0.08 * r.unit(),
                backward: 0.05 * r.unit(),
                reopened: 0.03 * r.unit(),
                rush: 0.6 * r.unit(),
                late_amount: 0.15 * r.unit(),
                slip: -0.1 * r.unit(),
                duplicates: if r.chance(0.3) { 0.02 } else { 0.0 },
                capacity_on_record: if r.chance(0.7) { 1.0 } else { 0.4 },
            },
            margin: 0.8,
        };
        law.programs = law.draw_programs(size * marketing * 0.8, accepted);
        law
    }

    /// Where the people are short: one station in most companies, none in some.
    fn stations(r: &mut Random, cycle: f64, win_rate: f64) -> Vec<Station> {
        let mut stations: Vec<Station> = Vec::new();
        let parts = [0.0, 0.15, 0.2, 0.2, 0.15, 0.15, 0.15];
        let times = [4.0, 0.15, 0.2, 0.2, 0.1, 0.15, 0.2];
        for ((role, part), time) in ROLES.iter().zip(parts).zip(times) {
            let part: f64 = part * (0.6 + 0.8 * r.unit());
            let p = win_rate.powf(part).clamp(0.05, 0.97);
            let short = role.filter(|(_, _, chance)| r.chance(*chance));
            stations.push(Station {
                role: short.map(|(name, ..)| name),
                load: 0.35 + 0.45 * r.unit(),
                units: short.map_or(1.0, |(_, units, _)| units * (0.7 + 0.6 * r.unit())),
                patience: if stations.is_empty() { 25.0 } else { 60.0 } * (1.0 + 2.0 * r.unit()),
                work: if stations.is_empty() { time } else { (cycle * time).max(1.0) },
                odds: (p / (1.0 - p)).ln(),
            });
        }
        let shorts: Vec<usize> = (0..stations.len())
            .filter(|&at| stations.get(at).is_some_and(|s| s.role.is_some()))
            .collect();
        if r.chance(0.85) && !shorts.is_empty() {
            let tight = *pick(&shorts, r.below(shorts.len()));
            if let Some(station) = stations.get_mut(tight) {
                station.load = 1.1 + 0.5 * r.unit();
            }
        }
        stations
    }

    fn draw_programs(&self, deals: f64, accepted: f64) -> Vec<Program> {
        let wanted = (3.0 + deals / 40.0).min(26.0);
        let span = (self.end - self.from) as f64;
        let n = (wanted * span / (self.today - self.from) as f64).round();
        let mut programs: Vec<Program> = Vec::new();
        let mut expected = 0.0;
        for at in 0..crate::random::whole(n) {
            let mut r = Random::keyed(self.seed, &[topic::PROGRAM, at.unsigned_abs()]);
            let begins = self.from - 150;
            // A part of them began lately, so that little is known of them yet.
            let start = if at % 4 == 0 && at < 12 {
                self.today - r.between(20, 150)
            } else {
                begins + r.between(0, self.end - begins)
            };
            let lasts = crate::random::whole(r.lognormal(420.0, 0.7).clamp(40.0, 3000.0));
            let share = match r.unit() {
                ..0.25 => 0.02 + 0.03 * r.unit(),
                ..0.55 => 0.05 + 0.1 * r.unit(),
                ..0.88 => 0.15 + 0.35 * r.unit(),
                _ => 0.6 + 0.4 * r.unit(),
            };
            let change = r.chance(0.06).then(|| {
                let day = start + crate::random::whole(lasts as f64 * (0.3 + 0.4 * r.unit()));
                (day, share * 0.2 * r.unit())
            });
            let weight = r.lognormal(1.0, 0.7);
            let rate = weight / share.max(0.05);
            let known = (self.today.min(start + lasts) - self.from.max(start)).max(0) as f64;
            expected += rate * known * share * accepted;
            programs.push(Program {
                channel: *pick::<&'static str>(CHANNELS, r.below(CHANNELS.len())),
                start,
                end: start + lasts,
                rate,
                share,
                wait: Wait::draw(&mut r),
                change,
                gain: r.lognormal(1.3, 0.9),
                planned: r.chance(0.3),
            });
        }
        let scale = if expected > 0.0 { deals / expected } else { 0.0 };
        for program in &mut programs {
            program.rate = (program.rate * scale).min(12.0);
        }
        programs
    }

    /// The factor of demand on a day: season, growth and the shock of the quarter.
    pub(super) fn demand(&self, day: i64) -> f64 {
        let month = clock::month_of(day).rem_euclid(12);
        let season = usize::try_from(month).ok().and_then(|at| self.season.get(at));
        let years = (day - self.today) as f64 / 365.25;
        season.unwrap_or(&1.0) * (1.0 + self.growth).powf(years) * self.shock(day).demand
    }

    /// What the quarter of a day brings.
    pub(super) fn shock(&self, day: i64) -> Shock {
        let quarter = quarter_of(day) - quarter_of(self.from);
        let at = usize::try_from(quarter.max(0)).unwrap_or(0);
        let plain = Shock { odds: 0.0, speed: 1.0, demand: 1.0 };
        self.shocks.get(at).copied().unwrap_or(plain)
    }

    /// The stream of a topic of something that has a number.
    pub(super) fn random(&self, topic: u64, keys: &[u64]) -> Random {
        let mut path = [0; 4];
        for (to, from) in path.iter_mut().zip(std::iter::once(&topic).chain(keys)) {
            *to = *from;
        }
        Random::keyed(self.seed, path.get(..=keys.len().min(3)).unwrap_or(&[]))
    }

    /// The owner of a number.
    pub(super) fn owner(&self, at: usize) -> Option<&Owner> {
        self.owners.get(at % self.owners.len().max(1))
    }
}

/// Counts quarters of the calendar year.
pub(super) fn quarter_of(day: i64) -> i64 {
    clock::month_of(day).div_euclid(3)
}

/// Returns a number as a key.
pub(super) fn of(index: usize) -> u64 {
    key(index)
}
