//! What all accounts share: programs, people who sell, levels, queues and exchange rates.
//!
//! Its size grows with the years, not with the touches, so it fits in memory at any scale.

use domain::Currency;

use crate::Plan;
use crate::channel::{CHANNELS, Channel, Shape};
use crate::clock::{DAY, civil, day_number, day_of, fiscal, month_of, month_start, weekday};
use crate::ident::{CAMPAIGN, Id};
use crate::market::Region;
use crate::random::{Random, key, pick, whole};

/// Touches of an average account in a year, measured; accounts follow from the wanted touches.
pub(crate) const TOUCHES_PER_ACCOUNT_YEAR: f64 = 16.6;

/// Accounts for which the budgets of the channels are stated.
const REFERENCE_ACCOUNTS: i64 = 1200;

/// An ad platform.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Platform {
    Google,
    LinkedIn,
    Meta,
    Microsoft,
}

impl Platform {
    pub(crate) const ALL: [Self; 4] = [Self::Google, Self::LinkedIn, Self::Meta, Self::Microsoft];

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Google => "google_ads",
            Self::LinkedIn => "linkedin_ads",
            Self::Meta => "meta_ads",
            Self::Microsoft => "microsoft_ads",
        }
    }

    /// Returns the currency in which the platform bills.
    pub(crate) fn currency(self) -> &'static str {
        if self == Self::Meta { "EUR" } else { "USD" }
    }

    /// Returns the source of a visit that it sends, at a channel.
    pub(crate) fn source(self, channel: Channel) -> &'static str {
        match self {
            Self::Google if channel == Channel::Display => "gdn",
            Self::Google => "google",
            Self::LinkedIn => "linkedin",
            Self::Meta => "facebook",
            Self::Microsoft => "bing",
        }
    }
}

/// A campaign of the CRM; where `platform` is set, also one of that ad platform, of the same name.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) channel: Channel,
    pub(crate) parent: Option<usize>,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) created_at: i64,
    /// Planned cost in minor units; 0 for parents.
    pub(crate) budget: i64,
    /// Cost in minor units as typed in after the end; ad campaigns have none, their platform bills.
    pub(crate) cost: Option<i64>,
    pub(crate) currency: &'static str,
    pub(crate) platform: Option<Platform>,
    pub(crate) platform_id: String,
    pub(crate) region: Option<Region>,
    /// Which of the member statuses apply.
    pub(crate) statuses: &'static [Status],
    pub(crate) owner: usize,
}

/// A member status: label, whether it counts as a response.
pub(crate) type Status = (&'static str, bool);

pub(crate) const WEBINAR: [Status; 4] =
    [("Invited", false), ("Registered", true), ("Attended", true), ("No Show", false)];
pub(crate) const TRADE_SHOW: [Status; 3] =
    [("Invited", false), ("Visited Booth", true), ("Meeting Held", true)];
pub(crate) const ROUNDTABLE: [Status; 3] =
    [("Invited", false), ("Attended", true), ("Declined", false)];
pub(crate) const EMAIL: [Status; 4] =
    [("Sent", false), ("Opened", false), ("Clicked", true), ("Bot Click", false)];
pub(crate) const SYNDICATION: [Status; 2] = [("Sent", false), ("Downloaded", true)];
pub(crate) const REFERRED: [Status; 2] = [("Sent", false), ("Referred", true)];
pub(crate) const RESPONDED: [Status; 2] = [("Sent", false), ("Responded", true)];

/// Somebody at the company.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) role: &'static str,
    pub(crate) manager: Option<usize>,
    pub(crate) hired_at: i64,
    pub(crate) left_at: Option<i64>,
}

/// A month of the sales development team.
#[derive(Clone, Debug)]
pub(crate) struct Capacity {
    pub(crate) month: i64,
    pub(crate) sdrs: i64,
    pub(crate) executives: i64,
    pub(crate) load: f64,
    /// Days that a new opportunity waits before it is worked.
    pub(crate) queue_days: f64,
}

/// All that accounts share.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) n_accounts: u64,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) years: f64,
    pub(crate) programs: Vec<Program>,
    /// Programs of each channel, parents left out.
    pub(crate) by_channel: Vec<Vec<usize>>,
    pub(crate) users: Vec<User>,
    /// Account executives and development representatives among the users.
    pub(crate) executives: Vec<usize>,
    pub(crate) sdrs: Vec<usize>,
    pub(crate) capacity: Vec<Capacity>,
    /// Drift of each channel in each month from the first, around the level of its year.
    drifts: Vec<Vec<f64>>,
    first_month: i64,
}

impl World {
    /// Builds the shared part of a company.
    pub(crate) fn new(plan: &Plan) -> Self {
        let (from, to) = (day_of(plan.from), day_of(plan.to).max(day_of(plan.from) + 27));
        let years = (to - from + 1) as f64 / 365.25;
        let wanted = plan.touches as f64 / (TOUCHES_PER_ACCOUNT_YEAR * years);
        let n_accounts = whole(wanted).max(4).unsigned_abs();
        let first_month = month_of(from);
        let n_months = month_of(to) - first_month + 1;
        let drifts = CHANNELS
            .iter()
            .map(|truth| {
                let mut random = Random::keyed(plan.seed, &[2, key(truth.channel.index())]);
                let mut drift = 0.0;
                (0..n_months)
                    .map(|_| {
                        drift = 0.7 * drift + 0.2 * random.normal();
                        f64::exp(drift).clamp(0.4, 2.0)
                    })
                    .collect()
            })
            .collect();
        let mut world = Self {
            plan: plan.clone(),
            n_accounts,
            from,
            to,
            years,
            programs: Vec::new(),
            by_channel: Vec::new(),
            users: Vec::new(),
            executives: Vec::new(),
            sdrs: Vec::new(),
            capacity: Vec::new(),
            drifts,
            first_month,
        };
        world.capacity = capacity(&world, n_months);
        world.hire();
        world.programs = crate::programs::programs(&world);
        world.by_channel = Channel::all()
            .map(|channel| {
                let own = |(index, program): (usize, &Program)| {
                    (program.channel == channel && program.budget > 0).then_some(index)
                };
                world.programs.iter().enumerate().filter_map(own).collect()
            })
            .collect();
        world
    }

    /// Returns the programs of a channel.
    pub(crate) fn programs_of(&self, channel: Channel) -> &[usize] {
        let own: &Vec<usize> = pick(&self.by_channel, channel.index());
        own
    }

    pub(crate) fn program(&self, index: usize) -> &Program {
        pick(&self.programs, index)
    }

    pub(crate) fn user(&self, index: usize) -> &User {
        pick(&self.users, index)
    }

    /// Returns the account executive or development representative who works an account.
    pub(crate) fn owner(account: u64, of: &[usize]) -> usize {
        let spot = usize::try_from(crate::random::mix(account ^ 0x5EED) >> 8).unwrap_or(0);
        *pick(of, spot)
    }

    /// Returns the level of a channel on a day, 1 on average.
    pub(crate) fn level(&self, channel: Channel, day: i64) -> f64 {
        let month = usize::try_from(month_of(day) - self.first_month).unwrap_or(0);
        pick(&channel.truth().years, (month / 12).min(2)) * self.drift(channel, day)
    }

    /// Returns how far a channel is from the level of its year in the month of a day.
    pub(crate) fn drift(&self, channel: Channel, day: i64) -> f64 {
        let month = usize::try_from(month_of(day) - self.first_month).unwrap_or(0);
        let own: &Vec<f64> = pick(&self.drifts, channel.index());
        *pick(own, month)
    }

    /// Returns the days that a new opportunity waits before it is worked.
    pub(crate) fn queue_days(&self, day: i64) -> f64 {
        let month = usize::try_from(month_of(day) - self.first_month).unwrap_or(0);
        self.capacity.get(month).or(self.capacity.last()).map_or(3.0, |c| c.queue_days)
    }

    /// Scales a cost stated for the reference company, at least one unit of money.
    pub(crate) fn scaled(&self, cents: i64) -> i64 {
        let accounts = i64::try_from(self.n_accounts).unwrap_or(i64::MAX);
        (cents.saturating_mul(accounts) / REFERENCE_ACCOUNTS).max(100)
    }

    /// Returns the currency of an amount: the wanted one where the plan has it, else US dollars.
    pub(crate) fn currency(&self, wanted: &'static str) -> &'static str {
        let known = self.plan.currencies.iter().any(|currency| currency.code() == wanted);
        if known { wanted } else { "USD" }
    }

    /// Returns the fiscal years that the plan touches, each with its first and last simulated day.
    pub(crate) fn fiscal_years(&self) -> Vec<(i64, i64, i64)> {
        let (first, last) = (fiscal(self.from).0, fiscal(self.to).0);
        (first..=last)
            .map(|year| {
                let start = day_number(year - 1, 10, 1).max(self.from);
                (year, start, (day_number(year, 10, 1) - 1).min(self.to))
            })
            .collect()
    }

    fn hire(&mut self) {
        let long_ago = (self.from - 500) * DAY + 9 * 3600;
        let person = |number: u64, role, manager, hired_at, left_at| {
            let (first, last, _) = crate::market::person(self.plan.seed ^ 0xCA11, number, 77);
            User { number, name: format!("{first} {last}"), role, manager, hired_at, left_at }
        };
        let mut users = vec![
            person(0, "VP Sales", None, long_ago, None),
            person(1, "VP Marketing", None, long_ago, None),
            person(2, "Marketing Operations", Some(1), long_ago, None),
            person(3, "Field Marketing", Some(1), long_ago, None),
            person(4, "Digital Marketing", Some(1), long_ago, None),
            person(5, "Partner Manager", Some(0), long_ago, None),
        ];
        let mut executives = Vec::new();
        let mut sdrs = Vec::new();
        let most = |of: fn(&Capacity) -> i64| self.capacity.iter().map(of).max().unwrap_or(1);
        let teams: [Team<'_>; 2] = [
            ("Account Executive", |c| c.executives, &mut executives),
            ("Sales Development", |c| c.sdrs, &mut sdrs),
        ];
        for (role, count, team) in teams {
            for place in 0..most(count) {
                let seated: Vec<_> = self.capacity.iter().filter(|c| count(c) > place).collect();
                let left = seated.last().map(|c| month_start(c.month + 1));
                let left_at = left.filter(|&day| day <= self.to).map(|day| day * DAY);
                team.push(users.len());
                // Everybody has a record from the start: accounts keep their owners through all
                // drops.
                users.push(person(key(users.len()), role, Some(0), long_ago, left_at));
            }
        }
        (self.users, self.executives, self.sdrs) = (users, executives, sdrs);
    }
}

/// A sales team: its role, its seats in a month, its members among the users.
type Team<'a> = (&'static str, fn(&Capacity) -> i64, &'a mut Vec<usize>);

/// Returns how busy a calendar month is, 1 on average.
pub(crate) fn season(day: i64) -> f64 {
    let months = [0.95, 1.0, 1.15, 1.0, 1.05, 1.1, 0.8, 0.7, 1.15, 1.1, 1.1, 0.8];
    *pick(&months, usize::try_from(civil(day).1 - 1).unwrap_or(0))
}

/// Returns how much of a normal day a day is for ads and visits.
pub(crate) fn weekday_level(day: i64) -> f64 {
    if weekday(day) >= 5 { 0.4 } else { 1.24 }
}

/// Returns the rough number of units of a currency for one US dollar.
pub(crate) fn rough_rate(currency: &str) -> f64 {
    match currency {
        "EUR" => 0.92,
        "GBP" => 0.79,
        "JPY" => 149.0,
        _ => 1.0,
    }
}

/// Returns the digits of a currency after the decimal mark.
pub(crate) fn digits(currency: &str) -> u32 {
    currency.parse::<Currency>().map_or(2, Currency::digits)
}

/// Plans the months of the sales teams: hires, a gap in the second spring, and the queue that
/// follows.
fn capacity(world: &World, n_months: i64) -> Vec<Capacity> {
    let scale = (world.n_accounts as f64 / 1200.0).powf(0.8);
    (0..n_months)
        .map(|offset| {
            let month = world.first_month + offset;
            let day = month_start(month).max(world.from);
            let gap = if (17..23).contains(&offset) { 2.0 } else { 0.0 };
            let sdrs = 5.0 + (offset as f64 / 9.0).floor() - gap;
            let executives = 8.0 + (offset as f64 / 10.0).floor();
            let demand: f64 = [Channel::Webinar, Channel::Event, Channel::ContentSyndication]
                .iter()
                .map(|&channel| world.level(channel, day))
                .sum();
            // Leads for each seat against what a seat can work; waiting grows without bound near 1.
            let load =
                (season(day) * (3.0 + demand) / 6.0 * (3.7 + offset as f64 / 18.0) / sdrs).min(1.6);
            Capacity {
                month,
                sdrs: whole(sdrs * scale).max(1),
                executives: whole(executives * scale).max(1),
                load,
                queue_days: (2.0 / (1.06 - load.min(0.99))).min(24.0),
            }
        })
        .collect()
}

/// The rates of a currency by month, in units for one US dollar with six decimals.
///
/// A rate holds from the first day of its month; the first one starts long before the first deal.
pub(crate) fn rates(world: &World, currency: &str) -> Vec<(i64, i64)> {
    if currency == "USD" {
        return vec![(day_number(2000, 1, 1), 1_000_000)];
    }
    let mut random = Random::keyed(
        world.plan.seed,
        &[5, currency.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte))],
    );
    let mut rate = rough_rate(currency);
    let last = month_of(world.to);
    (world.first_month - 1..=last)
        .map(|month| {
            rate *= (0.012 * random.normal()).exp();
            let day =
                if month < world.first_month { day_number(2000, 1, 1) } else { month_start(month) };
            (day, whole(rate * 1e6))
        })
        .collect()
}

/// Returns the id of a program by its place in the list.
pub(crate) fn program_id(place: usize) -> Id {
    Id::new(CAMPAIGN, 4096 + key(place) * 29)
}

/// True for channels whose campaigns run on an ad platform.
pub(crate) fn bought(channel: Channel) -> bool {
    channel.truth().shape == Shape::Ads
}
