//! One deal from its creation to its close, with every change of its fields.
//!
//! A deal lives on past the last simulated day, so that the truth knows how open deals end; exports
//! cut its history at their day.

use crate::channel::Channel;
use crate::clock::{DAY, quarter_end, workday};
use crate::market::{Firm, SIZES};
use crate::random::{Random, pick, whole};
use crate::world::{World, digits, rough_rate};

/// A stage: label, probability in percent, forecast category in the API and on the page.
pub(crate) type Stage = (&'static str, i64, &'static str, &'static str);

pub(crate) const STAGES: [Stage; 7] = [
    ("Prospecting", 10, "Pipeline", "Pipeline"),
    ("Qualification", 20, "Pipeline", "Pipeline"),
    ("Needs Analysis", 40, "Pipeline", "Pipeline"),
    ("Proposal/Price Quote", 65, "BestCase", "Best Case"),
    ("Negotiation/Review", 80, "Forecast", "Commit"),
    ("Closed Won", 100, "Closed", "Closed"),
    ("Closed Lost", 0, "Omitted", "Omitted"),
];
pub(crate) const WON: usize = 5;
pub(crate) const LOST: usize = 6;

/// Log-odds of passing each open stage at average fit and without a channel's help.
const PASS: [f64; 5] = [1.15, 1.0, 0.85, 0.85, 0.85];
/// Median days in each open stage for a company of middle size.
const DAYS: [f64; 5] = [7.0, 13.0, 23.0, 21.0, 17.0];

pub(crate) const LOSS_REASONS: [&str; 6] =
    ["No Decision", "Price", "Lost to Competitor", "No Budget", "Timing", "Missing Feature"];
pub(crate) const COMPETITORS: [&str; 4] =
    ["Vantor Systems", "Plantwise Cloud", "In-house", "Ostmann Automation"];

/// What a deal is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    New,
    Existing,
    Renewal,
}

impl Kind {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::New => "New Business",
            Self::Existing => "Existing Business",
            Self::Renewal => "Renewal",
        }
    }
}

/// What set a deal off.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    pub(crate) at: i64,
    pub(crate) kind: Kind,
    /// The channel that caused it; none where the account came by itself.
    pub(crate) cause: Option<Channel>,
    /// When the touch that caused it happened.
    pub(crate) touched_at: Option<i64>,
    pub(crate) person: Option<usize>,
    /// What its stream of randomness is keyed by.
    pub(crate) key: u64,
}

/// The tracked fields of a deal from one instant on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    pub(crate) at: i64,
    pub(crate) stage: usize,
    /// Minor units; none is unknown.
    pub(crate) amount: Option<i64>,
    pub(crate) close_on: i64,
}

/// A person on a deal.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) person: usize,
    pub(crate) label: &'static str,
    pub(crate) primary: bool,
    pub(crate) at: i64,
}

/// A deal with all that happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Deal {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) cause: Option<Channel>,
    pub(crate) touched_at: Option<i64>,
    pub(crate) person: Option<usize>,
    pub(crate) versions: Vec<Version>,
    pub(crate) currency: &'static str,
    pub(crate) owner: usize,
    pub(crate) roles: Vec<Role>,
    pub(crate) program: Option<usize>,
    pub(crate) lead_source: &'static str,
    pub(crate) loss_reason: usize,
    pub(crate) competitor: Option<usize>,
    /// Percent taken off in the negotiation.
    pub(crate) discount: i64,
    /// How good the deal truly is, in standard deviations.
    pub(crate) quality: f64,
    /// True for deals made up to fill a quarter.
    pub(crate) stuffed: bool,
    pub(crate) no_account: bool,
    pub(crate) blank_label: bool,
    pub(crate) deleted_at: Option<i64>,
    /// True where nobody leaves a trace around it.
    pub(crate) silent: bool,
}

impl Deal {
    pub(crate) fn created_at(&self) -> i64 {
        self.versions.first().map_or(0, |version| version.at)
    }

    pub(crate) fn last(&self) -> Option<&Version> {
        self.versions.last()
    }

    pub(crate) fn closed_at(&self) -> i64 {
        self.last().map_or(0, |version| version.at)
    }

    pub(crate) fn won(&self) -> bool {
        self.last().is_some_and(|version| version.stage == WON)
    }

    /// Returns the fields as they were at an instant; none before the deal was created.
    pub(crate) fn as_of(&self, at: i64) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.at <= at)
    }

    /// Returns how many versions there were at an instant.
    pub(crate) fn n_versions(&self, at: i64) -> usize {
        self.versions.iter().take_while(|version| version.at <= at).count()
    }
}

/// Plays a deal through its stages.
pub(crate) fn play(world: &World, firm: &Firm, trigger: &Trigger, currency: &'static str) -> Deal {
    let mut random = Random::keyed(world.plan.seed, &[firm.index, 60, trigger.key]);
    let dirt = &world.plan.dirt;
    let size = pick(&SIZES, firm.size);
    let help = trigger.cause.map(Channel::truth);
    let quality = random.normal();
    let kind = trigger.kind;
    let odds = 0.75 * firm.fit.ln()
        + help.map_or(-0.05, |truth| truth.win)
        + 0.4 * quality
        + if kind == Kind::Existing { 0.35 } else { 0.0 };
    let pace = size.pace / help.map_or(1.0, |truth| truth.speed);
    let value = help.map_or(1.0, |truth| truth.value)
        * match kind {
            Kind::New => 1.0,
            Kind::Existing => 0.45,
            Kind::Renewal => 0.6,
        };
    let base = random.lognormal(size.deal * value * rough_rate(currency), 0.55);
    let unit = 10_i64.pow(digits(currency));
    // List prices are round in their currency; what is signed after a discount is not.
    let list = whole(base / 50.0).max(4) * 50 * unit;
    let amount = (!dirt.missing_amounts || !random.chance(0.03)).then_some(list);

    // Deals are entered in working hours.
    let created =
        workday(trigger.at.div_euclid(DAY)) * DAY + 8 * 3600 + trigger.at.rem_euclid(36_000);
    let expected: f64 = DAYS.iter().sum::<f64>() * pace * 1.25;
    let guess = created.div_euclid(DAY) + whole(expected * random.lognormal(0.9, 0.25)).max(14);
    let planned = if random.chance(0.5) { quarter_end(guess) } else { workday(guess) };
    let first_stage = if kind == Kind::Renewal { 3 } else { 0 };
    let mut versions = vec![Version { at: created, stage: first_stage, amount, close_on: planned }];
    let mut at = created;
    let mut amount = amount;
    let mut discount = 0;
    let mut end = LOST;
    for stage in first_stage..WON {
        let passes = match kind {
            Kind::Renewal => 2.6 + 0.5 * odds,
            _ => pick(&PASS, stage) + odds,
        };
        let passed = random.chance(1.0 / (1.0 + (-passes).exp()));
        let wait = if stage == 0 { world.queue_days(at.div_euclid(DAY)) } else { 0.0 };
        let mut days = random.lognormal(pick(&DAYS, stage) * pace, 0.65) + wait;
        // Deals that die do so slowly, and some are never cleared away.
        let zombie = random.chance(0.12);
        if !passed {
            days *= if zombie { 5.0 } else { 1.4 };
        }
        at = next_instant(&mut random, at, days);
        if !passed {
            break;
        }
        if stage + 1 == WON {
            end = WON;
            break;
        }
        if stage + 1 == 3 && random.chance(0.45) {
            let factor = random.between(85, 120);
            amount = amount.map(|minor| (minor * factor / 100 / unit).max(1) * unit);
        }
        if stage + 1 == 4 && random.chance(0.55) {
            discount = random.between(2, 20);
            amount = amount.map(|minor| minor * (100 - discount) / 100);
        }
        versions.push(Version { at, stage: stage + 1, amount, close_on: planned });
    }
    let floor = versions.last().map_or(created, |version| version.at);
    let at = close_instant(&mut random, at, floor, end);
    versions.push(Version { at, stage: end, amount, close_on: at.div_euclid(DAY) });
    let mut deal = Deal {
        number: 0,
        kind,
        cause: trigger.cause,
        touched_at: trigger.touched_at,
        person: trigger.person,
        versions,
        currency,
        owner: World::owner(firm.index, &world.executives),
        roles: Vec::new(),
        program: None,
        lead_source: "",
        loss_reason: random.weighted([0.3, 0.2, 0.2, 0.12, 0.1, 0.08].iter().copied()),
        competitor: random.chance(0.55).then(|| random.below(COMPETITORS.len())),
        discount,
        quality,
        stuffed: false,
        no_account: false,
        blank_label: false,
        deleted_at: None,
        silent: trigger.cause.is_none() && random.chance(0.4),
    };
    soil(world, firm, trigger, &mut deal);
    deal
}

/// Returns a working instant some days later.
fn next_instant(random: &mut Random, at: i64, days: f64) -> i64 {
    let day = at.div_euclid(DAY) + whole(days).max(1);
    workday(day) * DAY + random.between(8 * 3600, 18 * 3600)
}

/// Moves a close toward where closes happen: wins into the last days of a quarter, losses just
/// after.
fn close_instant(random: &mut Random, at: i64, floor: i64, end: usize) -> i64 {
    let day = at.div_euclid(DAY);
    let last = quarter_end(day);
    let moved = match end {
        WON if random.chance(0.42) => last - random.between(0, 7),
        LOST if random.chance(0.22) => last + random.between(1, 9),
        _ => return at,
    };
    let weekday =
        if end == WON { (moved - 2..=moved).rev().find(|&d| workday(d) == d) } else { None };
    let moved = weekday.unwrap_or_else(|| workday(moved)) * DAY + at.rem_euclid(DAY);
    if moved > floor { moved } else { at }
}

/// Adds what people do to a deal's history: reopening, back-dating, pushing.
fn soil(world: &World, firm: &Firm, trigger: &Trigger, deal: &mut Deal) {
    let dirt = &world.plan.dirt;
    let stream = |topic| Random::keyed(world.plan.seed, &[firm.index, topic, trigger.key]);
    let mut random = stream(61);
    if dirt.reopened_deals && deal.kind != Kind::Renewal && !deal.won() && random.chance(0.05) {
        let closed = deal.closed_at();
        let amount = deal.last().and_then(|version| version.amount);
        let pause = random.lognormal(45.0, 0.5);
        let again = next_instant(&mut random, closed, pause);
        let quote = next_instant(&mut random, again, 12.0);
        let done = next_instant(&mut random, quote, 25.0);
        let end = if random.chance(0.4) { WON } else { LOST };
        for (at, stage) in [(again, 2), (quote, 3), (done, end)] {
            deal.versions.push(Version { at, stage, amount, close_on: done.div_euclid(DAY) });
        }
    }
    let mut random = stream(62);
    if dirt.backdated_stages
        && deal.won()
        && random.chance(0.07)
        && let Some(version) = deal.versions.last_mut()
    {
        // Signed in the first days of a quarter, booked on the last day of the one before.
        let end = quarter_end(version.at.div_euclid(DAY));
        let signed = workday(end + random.between(1, 4));
        version.at = signed * DAY + version.at.rem_euclid(DAY);
        version.close_on = end;
    }
    if dirt.pushed_close_dates {
        let mut random = stream(63);
        push(&mut random, deal);
    } else {
        // Without pushes everybody knows the close date from the start.
        let close_on = deal.last().map_or(0, |version| version.close_on);
        for version in &mut deal.versions {
            version.close_on = close_on;
        }
    }
}

/// Moves the planned close day each time that it passes while the deal is open.
fn push(random: &mut Random, deal: &mut Deal) {
    let mut pushed: Vec<Version> = Vec::with_capacity(deal.versions.len() + 4);
    let mut planned = deal.versions.first().map_or(0, |version| version.close_on);
    for version in std::mem::take(&mut deal.versions) {
        if let Some(before) = pushed.last().cloned().filter(|before| before.stage < WON) {
            // The list stays short: a deal that is pushed for years is pushed by years.
            while pushed.len() < 40 {
                let at = workday(planned + random.between(0, 6)) * DAY + 15 * 3600;
                if at >= version.at {
                    break;
                }
                if random.chance(0.1) {
                    planned += 30;
                    continue;
                }
                let step = *pick(&[30, 30, 61, 91, 91], random.below(5));
                planned = (planned + step).max(at.div_euclid(DAY) + 7);
                if random.chance(0.6) {
                    planned = quarter_end(planned);
                }
                let at = at.max(pushed.last().map_or(0, |last| last.at) + 60);
                if at < version.at {
                    pushed.push(Version { at, close_on: planned, ..before.clone() });
                }
            }
        }
        let closed = version.stage >= WON;
        let close_on = if closed { version.close_on } else { planned };
        pushed.push(Version { close_on, ..version });
        if closed {
            // A reopened deal is planned anew.
            planned = version.at.div_euclid(DAY) + 75;
        }
    }
    deal.versions = pushed;
}
