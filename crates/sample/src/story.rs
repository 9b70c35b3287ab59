//! The whole story of one account: who met us when, what came of it, and how it was recorded.
//!
//! A story is a function of (plan, number of the account). Causes come first (exposures that set
//! deals off), then the deals, then what deals draw after them, then what the systems got to know.

use std::collections::{BTreeMap, BTreeSet};

use crate::channel::{CHANNELS, Channel, Shape, Truth};
use crate::clock::DAY;
use crate::deal::{Deal, Kind, Trigger, play};
use crate::market::{COUNTRIES, Firm, Manner, SIZES, firm, person};
use crate::random::{Random, key, pick, whole};
use crate::record::{Activity, Member, Person, Session, Twin};
use crate::world::{World, season, weekday_level};

/// All that happens at one account.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) firm: Firm,
    /// When the account got its record.
    pub(crate) account_at: Option<i64>,
    pub(crate) parent: Option<u64>,
    /// When its type changed, and to what.
    pub(crate) types: Vec<(i64, &'static str)>,
    pub(crate) twin: Option<Twin>,
    pub(crate) people: Vec<Person>,
    pub(crate) members: Vec<Member>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) activities: Vec<Activity>,
    pub(crate) deals: Vec<Deal>,
}

/// One contact between us and a person, before anybody writes it down.
#[derive(Clone, Debug)]
pub(crate) struct Exposure {
    pub(crate) at: i64,
    /// When it reached the systems.
    pub(crate) known_at: i64,
    pub(crate) channel: Channel,
    pub(crate) program: Option<usize>,
    pub(crate) person: usize,
    pub(crate) response: bool,
    pub(crate) machine: bool,
    /// True where an unknown person leaves a name.
    pub(crate) form: bool,
    /// Free bits for details of the record.
    pub(crate) detail: u64,
}

/// Tells the story of an account.
pub(crate) fn story(world: &World, index: u64) -> Story {
    let firm = firm(world.plan.seed, index);
    let mut random = Random::keyed(world.plan.seed, &[index, 2]);
    let people = people(world, &firm, &mut random);
    let account_at = registered_at(world, index);
    let currency = world.currency(pick(&COUNTRIES, firm.country).2);
    let mut exposures = Vec::new();
    let mut triggers = BTreeMap::new();
    for truth in &CHANNELS {
        if world.plan.without != Some(truth.channel) {
            exposed(world, &firm, truth, people.len(), &mut exposures, &mut triggers);
        }
    }
    let mut types = vec![(i64::MIN, "Prospect")];
    let deals = deals(world, &firm, currency, account_at, triggers, &mut types, people.len());
    for deal in &deals {
        drawn(world, &firm, deal, people.len(), &mut exposures);
    }
    crate::record::noted(world, &mut exposures);
    exposures.sort_by_key(|e| (e.known_at, e.at, e.channel, e.detail));
    let parent = random
        .chance(0.05)
        .then(|| index.checked_sub(1 + u64::from(random.chance(0.5))))
        .flatten()
        .filter(|&above| account_at.is_some() && registered_at(world, above).is_some());
    let mut story = Story {
        firm,
        account_at,
        parent,
        types,
        twin: None,
        people,
        members: Vec::new(),
        sessions: Vec::new(),
        activities: Vec::new(),
        deals,
    };
    crate::record::record(world, &mut story, &exposures);
    crate::soil::soil(world, &mut story);
    story
}

/// Returns when an account was entered by hand, long before the first simulated day; most were.
fn registered_at(world: &World, index: u64) -> Option<i64> {
    let mut random = Random::keyed(world.plan.seed, &[index, 3]);
    let days = random.between(25, 700);
    random.chance(0.85).then(|| (world.from - days) * DAY + random.between(8 * 3600, 17 * 3600))
}

fn people(world: &World, firm: &Firm, random: &mut Random) -> Vec<Person> {
    let n = 2 + random.count(pick(&SIZES, firm.size).people);
    let mut emails = BTreeSet::new();
    (0..n)
        .map(|number| {
            let (first, last, title) = person(world.plan.seed, firm.index, number);
            let plain = |name: &str| name.replace('\'', "").to_lowercase();
            let mut email = format!("{}.{}@{}", plain(first), plain(last), firm.domain);
            if !emails.insert(email.clone()) {
                email = format!("{}.{}{number}@{}", plain(first), plain(last), firm.domain);
                emails.insert(email.clone());
            }
            Person::new(number, first, last, title, email, random.bits())
        })
        .collect()
}

/// Draws an exposure's time: uniform over the days, thinned by season, weekday and level.
fn moment(world: &World, truth: &Truth, random: &mut Random) -> i64 {
    let mut day = world.from;
    for _ in 0..12 {
        day = random.between(world.from, world.to);
        let level = if truth.shape == Shape::Ads {
            world.level(truth.channel, day).powf(truth.elasticity)
        } else {
            1.0
        };
        if random.chance(season(day) * weekday_level(day) * level / 2.6) {
            break;
        }
    }
    day * DAY + random.between(6 * 3600, 20 * 3600)
}

/// Draws what a channel brings to an account and which deals that sets off.
fn exposed(
    world: &World,
    firm: &Firm,
    truth: &Truth,
    n_people: usize,
    exposures: &mut Vec<Exposure>,
    triggers: &mut BTreeMap<(i64, u64), Trigger>,
) {
    let mut random =
        Random::keyed(world.plan.seed, &[firm.index, 100 + key(truth.channel.index())]);
    let outbound = truth.shape == Shape::Sequence;
    let manner = match firm.manner {
        Manner::Dark => 0.0,
        Manner::SalesOnly => f64::from(u8::from(outbound)) * 2.2,
        Manner::Open if outbound => 1.0,
        Manner::Open => firm.reach,
    };
    let aimed = match (outbound, firm.targeted) {
        (false, _) => 1.0,
        (true, true) => 1.9,
        (true, false) => 0.7,
    };
    for number in 0..random.count(truth.per_year * world.years * manner * aimed) {
        let Some(mut exposure) = exposure(world, firm, truth, n_people, &mut random) else {
            continue;
        };
        let response = exposure.response && !exposure.machine;
        let hit = random.chance(truth.effect * firm.fit);
        let lag = random.lognormal(truth.lag_days, 0.55);
        let wait = random.lognormal(0.6, 0.4);
        if response && hit {
            // Outbound sequences take three weeks to get to a meeting.
            let sequence = if outbound { 21.0 } else { 0.0 };
            let queue = match truth.side {
                "marketing" => world.queue_days(exposure.at.div_euclid(DAY)) * wait,
                _ => 0.0,
            };
            let at = exposure.at + whole((lag + sequence + queue) * DAY as f64);
            let trigger = Trigger {
                at,
                kind: Kind::New,
                cause: Some(truth.channel),
                touched_at: Some(exposure.at),
                person: Some(exposure.person),
                key: (key(truth.channel.index() + 1) << 20) | key(number),
            };
            triggers.insert((at, trigger.key), trigger);
        }
        // A sequence that leads to a meeting is told apart when it is written down.
        exposure.response &= !outbound || hit;
        exposures.push(exposure);
    }
}

/// Draws one exposure; none where the person or day does not fit its program.
fn exposure(
    world: &World,
    firm: &Firm,
    truth: &Truth,
    n_people: usize,
    random: &mut Random,
) -> Option<Exposure> {
    let person = random.below(n_people).min(random.below(n_people));
    let response = random.chance(truth.respond);
    let machine = random.chance(truth.machine);
    let form = random.chance(truth.form);
    let detail = random.bits();
    let drawn = moment(world, truth, random);
    let spot = random.unit();
    let (at, program) = match truth.shape {
        Shape::Ads => {
            let region = pick(&COUNTRIES, firm.country).3;
            (drawn, Some(ad_program(world, truth.channel, drawn.div_euclid(DAY), region, spot)?))
        }
        Shape::Web | Shape::Sequence => (drawn, None),
        Shape::Member => {
            let programs = world.programs_of(truth.channel);
            let place = random.weighted(programs.iter().map(|&p| {
                let program = world.program(p);
                let year = usize::try_from((program.start - world.from) / 365).unwrap_or(0);
                pick(&truth.years, year.min(2)) * season(program.start)
            }));
            let place = *programs.get(place)?;
            let program = world.program(place);
            let length = (program.end - program.start + 1) as f64;
            let day = program.start + whole((spot * length).floor());
            let hour = if length < 2.0 { 15 * 3600 } else { random.between(8 * 3600, 17 * 3600) };
            (day * DAY + hour, Some(place))
        }
    };
    Some(Exposure {
        at,
        known_at: at,
        channel: truth.channel,
        program,
        person,
        response,
        machine,
        form,
        detail,
    })
}

/// Picks the ad campaign of a channel that runs on a day in a region, by budget.
fn ad_program(
    world: &World,
    channel: Channel,
    day: i64,
    region: crate::market::Region,
    spot: f64,
) -> Option<usize> {
    let runs = |place: &&usize| {
        let program = world.program(**place);
        (program.start..=program.end).contains(&day)
            && program.region.is_none_or(|own| own == region)
    };
    let running = || world.programs_of(channel).iter().filter(runs);
    let total: i64 = running().map(|&place| world.program(place).budget).sum();
    let mut left = spot * total as f64;
    let mut last = None;
    for &place in running() {
        last = Some(place);
        left -= world.program(place).budget as f64;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// Lets triggers become deals, one at a time: an account that is buying or has just decided does
/// not open another deal, so what would have caused one is lost.
fn deals(
    world: &World,
    firm: &Firm,
    currency: &'static str,
    account_at: Option<i64>,
    mut triggers: BTreeMap<(i64, u64), Trigger>,
    types: &mut Vec<(i64, &'static str)>,
    n_people: usize,
) -> Vec<Deal> {
    let mut random = Random::keyed(world.plan.seed, &[firm.index, 50]);
    let end = (world.to + 1) * DAY - 1;
    let span = (world.from * DAY, end);
    let own = if firm.manner == Manner::Dark { 0.1 } else { 0.024 };
    for number in 0..random.count(own * world.years * firm.fit) {
        let at = random.between(span.0, span.1);
        let trigger = by_itself(at, Kind::New, (1 << 40) | key(number), None);
        triggers.insert((at, trigger.key), trigger);
    }
    let mut customer = account_at.is_some() && random.chance(0.05);
    if customer {
        let since = (world.from - random.between(1, 365)) * DAY;
        types.push((since, "Customer"));
        follow(firm, &mut random, since, end, &mut triggers, 0);
    }
    let mut deals: Vec<Deal> = Vec::new();
    while let Some((_, mut trigger)) = triggers.pop_first() {
        if trigger.at > end || trigger.at < span.0 {
            continue;
        }
        let busy = deals.iter().any(|deal| {
            let rest = if deal.won() { 150 } else { 100 } * DAY;
            deal.kind != Kind::Renewal && trigger.at < deal.closed_at() + rest
        });
        match trigger.kind {
            Kind::Renewal | Kind::Existing if !customer => continue,
            Kind::Renewal => {}
            _ if busy => continue,
            _ if customer => trigger.kind = Kind::Existing,
            _ => {}
        }
        let mut random = Random::keyed(world.plan.seed, &[firm.index, 51, trigger.key]);
        // A deal that nobody's touch caused is brought by somebody who may have met us before.
        trigger.person = trigger.person.or_else(|| Some(random.below(n_people)));
        let mut deal = play(world, firm, &trigger, currency);
        if deal.created_at() > end {
            continue;
        }
        deal.number = key(deals.len());
        let closed = deal.closed_at();
        match (deal.kind, deal.won()) {
            (Kind::New, true) => {
                customer = true;
                types.push((closed, "Customer"));
                follow(firm, &mut random, closed, end, &mut triggers, deal.number + 1);
            }
            (Kind::Renewal, true) => {
                let at = closed + 285 * DAY;
                let key = (3 << 40) | (deal.number + 1);
                triggers.insert((at, key), by_itself(at, Kind::Renewal, key, None));
            }
            (Kind::Renewal, false) => {
                customer = false;
                types.push((closed, "Former Customer"));
            }
            _ => {}
        }
        deals.push(deal);
    }
    deals
}

fn by_itself(at: i64, kind: Kind, key: u64, person: Option<usize>) -> Trigger {
    Trigger { at, kind, cause: None, touched_at: None, person, key }
}

/// Adds what follows a first purchase: a renewal after a year, and wishes for more in between.
fn follow(
    firm: &Firm,
    random: &mut Random,
    since: i64,
    end: i64,
    triggers: &mut BTreeMap<(i64, u64), Trigger>,
    round: u64,
) {
    let at = since + 285 * DAY;
    let renewal = (3 << 40) | (round << 8);
    triggers.insert((at, renewal), by_itself(at, Kind::Renewal, renewal, None));
    let years = ((end - since) as f64 / (365.0 * DAY as f64)).max(0.0);
    for number in 0..random.count(0.3 * years * firm.fit.min(1.6)) {
        let at = random.between(since + 60 * DAY, end.max(since + 61 * DAY));
        let wish = (2 << 40) | (round << 20) | key(number);
        triggers.insert((at, wish), by_itself(at, Kind::Existing, wish, None));
    }
}

/// Draws what a deal pulls after it: visits before it opens, while it runs and once it is won.
///
/// None of this causes anything. Brand search and display are paid for most of it.
fn drawn(world: &World, firm: &Firm, deal: &Deal, n_people: usize, exposures: &mut Vec<Exposure>) {
    if deal.silent || firm.manner != Manner::Open {
        return;
    }
    let mut random =
        Random::keyed(world.plan.seed, &[firm.index, 70, deal.created_at().unsigned_abs()]);
    let created = deal.created_at();
    let closed = deal.closed_at().min((world.to + 1) * DAY);
    let weeks = ((closed - created) / (7 * DAY)) as f64;
    let before = if deal.kind == Kind::Renewal { 0.0 } else { 1.0 };
    // Channel, visits before the deal, visits a week while it runs.
    let pulls = [
        (Channel::BrandSearch, 0.55 * before, 0.07),
        (Channel::Direct, 0.5 * before, 0.16),
        (Channel::OrganicSearch, 0.4 * before, 0.08),
        (Channel::Display, 0.4 * before, 0.14),
    ];
    let mut add = |channel: Channel, at: i64, random: &mut Random| {
        let day = at.div_euclid(DAY);
        if world.plan.without == Some(channel) || day < world.from || day > world.to {
            return;
        }
        let truth = channel.truth();
        let region = pick(&COUNTRIES, firm.country).3;
        let program = ad_program(world, channel, day, region, random.unit());
        let paid = truth.shape == Shape::Ads;
        exposures.push(Exposure {
            at,
            known_at: at,
            channel,
            program: program.filter(|_| paid),
            person: deal
                .person
                .filter(|_| random.chance(0.7))
                .unwrap_or_else(|| random.below(n_people)),
            response: true,
            machine: random.chance(truth.machine * 0.3),
            form: random.chance(truth.form * 1.5),
            detail: random.bits(),
        });
    };
    for (channel, ahead, weekly) in pulls {
        for _ in 0..random.count(ahead) {
            let at = created - random.between(3600, 24 * DAY);
            add(channel, at, &mut random);
        }
        for _ in 0..random.count((weekly * weeks).min(12.0)) {
            let at = random.between(created, closed.max(created + 1));
            add(channel, at, &mut random);
        }
        let years = (world.to * DAY - closed) as f64 / (365.0 * DAY as f64);
        if deal.won() && deal.kind == Kind::New && years > 0.0 {
            for _ in 0..random.count(weekly * 14.0 * years) {
                let at = random.between(closed, world.to * DAY);
                add(channel, at, &mut random);
            }
        }
    }
}
