//! The programs of the company, year by year, and what its ad campaigns cost on each day.

use crate::channel::Channel;
use crate::clock::{DAY, workday};
use crate::market::Region;
use crate::random::{Random, key, pick, whole};
use crate::world::{
    EMAIL, Platform, Program, REFERRED, RESPONDED, ROUNDTABLE, SYNDICATION, Status, TRADE_SHOW,
    WEBINAR, World, bought, program_id, season, weekday_level,
};

/// Parent campaigns of each year: channel, name.
const PARENTS: [(Channel, &str); 8] = [
    (Channel::CategorySearch, "Paid Search"),
    (Channel::Display, "Display"),
    (Channel::LinkedIn, "Paid Social"),
    (Channel::Webinar, "Webinars"),
    (Channel::Event, "Events"),
    (Channel::ContentSyndication, "Content Syndication"),
    (Channel::Email, "Nurture"),
    (Channel::Partner, "Partners and Referrals"),
];

/// Ad campaigns of each year: channel, parent, platform, region, name, share of the channel's
/// budget.
type Ad = (Channel, usize, Platform, Option<Region>, &'static str, i64);
const ADS: [Ad; 11] = [
    (Channel::BrandSearch, 0, Platform::Google, Some(Region::Americas), "SEM_Brand_AMER", 48),
    (Channel::BrandSearch, 0, Platform::Google, Some(Region::Elsewhere), "SEM_Brand_INTL", 42),
    (Channel::BrandSearch, 0, Platform::Microsoft, None, "BING_Brand_Global", 10),
    (Channel::CategorySearch, 0, Platform::Google, Some(Region::Americas), "SEM_Category_AMER", 45),
    (
        Channel::CategorySearch,
        0,
        Platform::Google,
        Some(Region::Elsewhere),
        "SEM_Category_INTL",
        40,
    ),
    (Channel::CategorySearch, 0, Platform::Microsoft, None, "BING_Category_Global", 15),
    (Channel::Display, 1, Platform::Google, Some(Region::Americas), "GDN_Banner_AMER", 55),
    (Channel::Display, 1, Platform::Google, Some(Region::Elsewhere), "GDN_Banner_INTL", 45),
    (Channel::LinkedIn, 2, Platform::LinkedIn, Some(Region::Americas), "LI_Reliability_AMER", 52),
    (Channel::LinkedIn, 2, Platform::LinkedIn, Some(Region::Elsewhere), "LI_Reliability_INTL", 48),
    (Channel::Meta, 2, Platform::Meta, None, "META_Lookalike_Global", 100),
];

/// What happens on dates or in windows: channel, parent, type, statuses, how many a year, days
/// long.
#[derive(Clone, Copy)]
struct Series {
    channel: Channel,
    parent: usize,
    kind: &'static str,
    statuses: &'static [Status],
    names: &'static [&'static str],
    days: i64,
    /// Percent of the channel's budget for all of them.
    share: i64,
}

const SERIES: [Series; 7] = [
    Series {
        channel: Channel::Webinar,
        parent: 3,
        kind: "Webinar",
        statuses: &WEBINAR,
        names: &[
            "Webinar: Vibration data you can act on",
            "Webinar: From alarms to work orders",
            "Webinar: The cost of an unplanned hour",
            "Webinar: Sensors on old machines",
            "Webinar: Energy per part",
            "Webinar: Quality at line speed",
        ],
        days: 1,
        share: 100,
    },
    Series {
        channel: Channel::Event,
        parent: 4,
        kind: "Trade Show",
        statuses: &TRADE_SHOW,
        names: &[
            "Maintenance World",
            "Process Industries Fair",
            "Smart Factory Expo",
            "Food Tech Days",
        ],
        days: 4,
        share: 84,
    },
    Series {
        channel: Channel::Event,
        parent: 4,
        kind: "Executive Roundtable",
        statuses: &ROUNDTABLE,
        names: &["Plant Leaders Roundtable, spring", "Plant Leaders Roundtable, autumn"],
        days: 1,
        share: 16,
    },
    Series {
        channel: Channel::ContentSyndication,
        parent: 5,
        kind: "Content Syndication",
        statuses: &SYNDICATION,
        names: &[
            "Syndication: Reliability guide",
            "Syndication: Downtime report",
            "Syndication: Buyer's kit",
        ],
        days: 110,
        share: 100,
    },
    Series {
        channel: Channel::Email,
        parent: 6,
        kind: "Email",
        statuses: &EMAIL,
        names: &[
            "Nurture: Newsletter",
            "Nurture: Case stories",
            "Nurture: Product news",
            "Nurture: Wake-up",
        ],
        days: 360,
        share: 100,
    },
    Series {
        channel: Channel::Partner,
        parent: 7,
        kind: "Partner",
        statuses: &REFERRED,
        names: &["Partner referrals: Integrators", "Partner referrals: OEMs"],
        days: 365,
        share: 100,
    },
    Series {
        channel: Channel::CustomerReferral,
        parent: 7,
        kind: "Referral Program",
        statuses: &REFERRED,
        names: &["Customer referrals"],
        days: 365,
        share: 100,
    },
];

/// Makes the programs of all years: parents first within a year, then ads, then series.
pub(crate) fn programs(world: &World) -> Vec<Program> {
    let mut made: Vec<Program> = Vec::new();
    for (place, (year, start, end)) in world.fiscal_years().into_iter().enumerate() {
        let mut random = Random::keyed(world.plan.seed, &[3, key(place)]);
        let label = year.rem_euclid(100);
        let length = end - start + 1;
        // Budgets are for a whole year; a year cut by the plan gets its part.
        let part =
            |cents: i64, percent: i64| world.scaled(cents * percent / 100 * length.min(365) / 365);
        let level = |channel: Channel| *pick(&channel.truth().years, place.min(2));
        let first = made.len();
        let blank = |channel: Channel, name: String, kind, owner| Program {
            id: program_id(0),
            name,
            kind,
            channel,
            parent: None,
            start,
            end,
            created_at: (start - 20) * DAY + 34_000,
            budget: 0,
            cost: None,
            currency: "USD",
            platform: None,
            platform_id: String::new(),
            region: None,
            statuses: &RESPONDED,
            owner,
        };
        for (channel, name) in PARENTS {
            made.push(blank(channel, format!("FY{label:02} {name}"), "Parent", 1));
        }
        for (channel, parent, platform, region, name, share) in ADS {
            let cents = part(channel.truth().budget, share) as f64 * level(channel);
            let rate = crate::world::rough_rate(platform.currency());
            let serial = key(made.len());
            let platform_id = match platform {
                Platform::Google => format!("{}", 20_145_550_000 + serial),
                Platform::LinkedIn => format!("{}", 312_345_000 + serial),
                Platform::Meta => format!("{}", 120_210_000_000_000_000 + serial),
                Platform::Microsoft => format!("{}", 407_881_000 + serial),
            };
            made.push(Program {
                parent: Some(first + parent),
                budget: whole(cents * rate / 10_000.0).max(1) * 10_000,
                currency: platform.currency(),
                platform: Some(platform),
                platform_id,
                region,
                ..blank(channel, format!("{name}_FY{label:02}"), "Advertisement", 4)
            });
        }
        for series in SERIES {
            let count = i64::try_from(series.names.len()).unwrap_or(1);
            for (spot, name) in (0..).zip(series.names) {
                let opens = if series.days > 150 {
                    start
                } else {
                    let slot = length / count;
                    let jitter = random.between(slot / 5, (slot * 4 / 5).max(slot / 5));
                    workday(start + spot * slot + jitter).min(end)
                };
                let closes = (opens + series.days - 1).min(end);
                let abroad = series.channel == Channel::Event && spot % 2 == 1;
                let currency = world.currency(if abroad { "EUR" } else { "USD" });
                let mean = part(series.channel.truth().budget, series.share) / count;
                let planned = mean as f64
                    * level(series.channel)
                    * random.lognormal(1.0, 0.2)
                    * crate::world::rough_rate(currency);
                let budget = whole(planned / 10_000.0).max(1) * 10_000;
                let cost = whole(budget as f64 * random.lognormal(1.01, 0.09));
                made.push(Program {
                    parent: Some(first + series.parent),
                    start: opens,
                    end: closes,
                    created_at: (opens - random.between(30, 75)) * DAY + 36_000,
                    budget,
                    cost: Some(cost),
                    currency,
                    statuses: series.statuses,
                    ..blank(series.channel, format!("FY{label:02} {name}"), series.kind, 3)
                });
            }
        }
    }
    for (place, program) in made.iter_mut().enumerate() {
        program.id = program_id(place);
    }
    made
}

/// One day of a campaign on its ad platform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdDay {
    pub(crate) day: i64,
    /// Cost in minor units of the platform's currency.
    pub(crate) cost: i64,
    pub(crate) impressions: i64,
    pub(crate) clicks: i64,
    pub(crate) conversions: i64,
}

/// Returns what an ad campaign cost and got on a day; nothing outside its run.
pub(crate) fn ad_day(world: &World, place: usize, day: i64) -> Option<AdDay> {
    let program = world.program(place);
    if !bought(program.channel) || day < program.start || day > program.end || program.budget == 0 {
        return None;
    }
    let mut random = Random::keyed(world.plan.seed, &[4, key(place), day.unsigned_abs()]);
    let days = (program.end - program.start + 1) as f64;
    // The budget already follows the level of the year; what remains is the month's drift around
    // it.
    let drift = world.drift(program.channel, day);
    let mean = program.budget as f64 / days * drift * season(day) * weekday_level(day);
    let cost = whole(mean * random.lognormal(0.98, 0.18)).max(1);
    let (per_click, per_thousand) = match program.channel {
        Channel::Display => (95.0, 420.0),
        Channel::LinkedIn => (880.0, 3900.0),
        Channel::Meta => (140.0, 900.0),
        Channel::BrandSearch => (310.0, 9000.0),
        _ => (760.0, 12_000.0),
    };
    let clicks = random.count(cost as f64 / per_click);
    let impressions = random.count(cost as f64 / per_thousand * 1000.0).max(clicks);
    let conversions = random.count(clicks as f64 * program.channel.truth().form * 0.2);
    let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    Some(AdDay {
        day,
        cost,
        impressions: size(impressions),
        clicks: size(clicks),
        conversions: size(conversions),
    })
}
