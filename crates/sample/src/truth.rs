//! The truth behind the exports: counted while they are written, exact to the minor unit.
//!
//! The counts speak of the rows as exported (on the export's day); effects, causes and fates speak
//! of the simulated world itself.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::channel::{CHANNELS, Channel};
use crate::clock::{DAY, day_text, fiscal, month_start, quarter_text};
use crate::deal::{Deal, Kind, STAGES, Version, WON};
use crate::market::{COUNTRIES, INDUSTRIES, SIZES, fit};
use crate::programs::ad_day;
use crate::rows::money_text;
use crate::world::{Platform, World, digits, rates};

/// A count of deals and the sum of their known amounts.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Sum {
    n: u64,
    /// How many have no amount.
    unknown: u64,
    minor: i64,
}

type Sums = BTreeMap<&'static str, Sum>;

#[derive(Clone, Default, Debug)]
struct Quarter {
    created: Sums,
    created_new: Sums,
    won: Sums,
    lost: Sums,
}

#[derive(Clone, Copy, Default, Debug)]
struct Touches {
    members: u64,
    responded: u64,
    bots: u64,
    sessions: u64,
    machine: u64,
    identified: u64,
    forms: u64,
    leads: u64,
}

/// Counts over the written rows.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    channels: [Touches; CHANNELS.len()],
    /// Calls and e-mails, meetings: of outreach, then of sales work.
    spoken: [[u64; 2]; 2],
    duplicate_leads: u64,
    quarters: BTreeMap<(i64, i64), Quarter>,
    open: BTreeMap<&'static str, Sums>,
    causes: BTreeMap<&'static str, [u64; 3]>,
}

impl Tally {
    fn channel(&mut self, channel: Channel) -> Option<&mut Touches> {
        self.channels.get_mut(channel.index())
    }

    pub(crate) fn member(&mut self, channel: Channel, responded: bool, bot: bool) {
        if let Some(touches) = self.channel(channel) {
            touches.members += 1;
            touches.responded += u64::from(responded);
            touches.bots += u64::from(bot);
        }
    }

    pub(crate) fn session(&mut self, channel: Channel, machine: bool, known: bool, form: bool) {
        if let Some(touches) = self.channel(channel) {
            touches.sessions += 1;
            touches.machine += u64::from(machine);
            touches.identified += u64::from(known);
            touches.forms += u64::from(form);
        }
    }

    pub(crate) fn activity(&mut self, outbound: bool, meeting: bool) {
        let group = self.spoken.get_mut(usize::from(!outbound));
        if let Some(count) = group.and_then(|group| group.get_mut(usize::from(meeting))) {
            *count += 1;
        }
    }

    pub(crate) fn lead(&mut self, channel: Option<Channel>, _created_at: i64) {
        if let Some(touches) = channel.and_then(|channel| self.channel(channel)) {
            touches.leads += 1;
        }
    }

    pub(crate) fn duplicate_lead(&mut self) {
        self.duplicate_leads += 1;
    }

    /// Counts a deal as it stands in the export.
    pub(crate) fn deal(&mut self, deal: &Deal, version: &Version, as_of: i64) {
        if deal.deleted_at.is_some_and(|at| at <= as_of) {
            return;
        }
        let add = |sums: &mut Sums| {
            let sum = sums.entry(deal.currency).or_default();
            sum.n += 1;
            sum.unknown += u64::from(version.amount.is_none());
            sum.minor += version.amount.unwrap_or(0);
        };
        let quarter = self.quarters.entry(fiscal(deal.created_at().div_euclid(DAY))).or_default();
        add(&mut quarter.created);
        if deal.kind == Kind::New {
            add(&mut quarter.created_new);
        }
        if version.stage >= WON {
            let quarter = self.quarters.entry(fiscal(version.close_on)).or_default();
            add(if version.stage == WON { &mut quarter.won } else { &mut quarter.lost });
        } else {
            add(self.open.entry(STAGES.get(version.stage).map_or("", |s| s.0)).or_default());
        }
        let cause = match (deal.cause, deal.kind) {
            _ if deal.stuffed => "stuffed",
            (Some(channel), _) => channel.key(),
            (None, Kind::Renewal) => "renewal",
            (None, _) => "none",
        };
        let [created, won, lost] = self.causes.entry(cause).or_default();
        *created += 1;
        *won += u64::from(version.stage == WON);
        *lost += u64::from(version.stage > WON);
    }

    /// Returns how many deals there are and how many are won.
    pub(crate) fn outcome(&self) -> (u64, u64) {
        self.causes.values().fold((0, 0), |(n, won), cause| (n + cause[0], won + cause[1]))
    }

    /// Returns how many deals there are and how many are won, those made up to fill a quarter left
    /// out.
    fn real(&self) -> (u64, u64) {
        let (n, won) = self.outcome();
        (n - self.causes.get("stuffed").map_or(0, |cause| cause[0]), won)
    }

    /// Returns what is missing in a world without a channel, compared with this one.
    pub(crate) fn lost_without(&self, other: &Self) -> Value {
        let ((n, won), (fewer, fewer_won)) = (self.real(), other.real());
        let lost = |n: u64, fewer: u64| i128::from(n) - i128::from(fewer);
        json!({"opportunities_lost": lost(n, fewer), "won_lost": lost(won, fewer_won)})
    }

    /// Returns how many touches there are: members, visits, calls, e-mails and meetings.
    pub(crate) fn touches(&self) -> u64 {
        let channels: u64 = self.channels.iter().map(|t| t.members + t.sessions).sum();
        channels + self.spoken.iter().flatten().sum::<u64>()
    }

    /// Adds the counts of other accounts.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (own, more) in self.channels.iter_mut().zip(&other.channels) {
            own.members += more.members;
            own.responded += more.responded;
            own.bots += more.bots;
            own.sessions += more.sessions;
            own.machine += more.machine;
            own.identified += more.identified;
            own.forms += more.forms;
            own.leads += more.leads;
        }
        for (own, more) in self.spoken.iter_mut().flatten().zip(other.spoken.iter().flatten()) {
            *own += more;
        }
        self.duplicate_leads += other.duplicate_leads;
        for (key, more) in &other.quarters {
            let own = self.quarters.entry(*key).or_default();
            add_sums(&mut own.created, &more.created);
            add_sums(&mut own.created_new, &more.created_new);
            add_sums(&mut own.won, &more.won);
            add_sums(&mut own.lost, &more.lost);
        }
        for (stage, more) in &other.open {
            add_sums(self.open.entry(stage).or_default(), more);
        }
        for (cause, more) in &other.causes {
            let own = self.causes.entry(cause).or_default();
            for (own, more) in own.iter_mut().zip(more) {
                *own += more;
            }
        }
    }
}

fn add_sums(own: &mut Sums, more: &Sums) {
    for (currency, more) in more {
        let sum = own.entry(currency).or_default();
        sum.n += more.n;
        sum.unknown += more.unknown;
        sum.minor += more.minor;
    }
}

fn sums(sums: &Sums) -> Value {
    let total: u64 = sums.values().map(|sum| sum.n).sum();
    let each = sums.iter().map(|(currency, sum)| {
        let amount = money_text(sum.minor, digits(currency));
        (
            (*currency).to_owned(),
            json!({"n": sum.n, "amount": amount, "without_amount": sum.unknown}),
        )
    });
    json!({"n": total, "by_currency": each.collect::<Map<_, _>>()})
}

/// Returns the truth as a JSON object, all but the list of opportunities.
pub(crate) fn truth(
    world: &World,
    tally: &Tally,
    as_of: i64,
    files: &BTreeMap<String, u64>,
    without: Option<Value>,
) -> Value {
    let plan = &world.plan;
    let quarters = tally.quarters.iter().map(|(&(year, quarter), q)| {
        let value = json!({
            "created": sums(&q.created), "created_new_business": sums(&q.created_new),
            "won": sums(&q.won), "lost": sums(&q.lost),
        });
        (format!("{year}Q{quarter}"), value)
    });
    let causes = tally.causes.iter().map(|(cause, [n, won, lost])| {
        ((*cause).to_owned(), json!({"opportunities": n, "won": won, "lost": lost}))
    });
    let (opportunities, won) = tally.outcome();
    let open = tally.open.iter().map(|(stage, s)| ((*stage).to_owned(), sums(s)));
    let mut truth = json!({
        "company": {
            "name": crate::COMPANY, "domain": "fennmark.example", "seed": plan.seed,
            "from": day_text(world.from), "to": day_text(world.to), "as_of": day_text(as_of.div_euclid(DAY)),
            "fiscal_year_starts_in": 10, "reporting_currency": "USD", "accounts_in_market": world.n_accounts,
            "dirt": plan.dirt.names(), "without": plan.without.map(Channel::key),
        },
        "files": files,
        "totals": {
            "opportunities": opportunities, "won": won, "touches": tally.touches(),
            "duplicate_leads": tally.duplicate_leads,
            "sales_work": {"calls_and_emails": tally.spoken[1][0], "meetings": tally.spoken[1][1]},
            "outbound": {"calls_and_emails": tally.spoken[0][0], "meetings": tally.spoken[0][1]},
        },
        "causes": causes.collect::<Map<_, _>>(),
        "quarters": quarters.collect::<Map<_, _>>(),
        "open": open.collect::<Map<_, _>>(),
        "channels": channels(tally),
        "segments": segments(),
        "stages": STAGES.iter().map(|s| json!({"stage": s.0, "probability": s.1, "category": s.2})).collect::<Vec<_>>(),
        "spend": spend(world, as_of),
        "programs": programs(world, as_of),
        "capacity": capacity(world),
        "rates": rate_table(world),
    });
    if let (Some(object), Some(without)) = (truth.as_object_mut(), without) {
        object.insert("without".to_owned(), without);
    }
    truth
}

fn channels(tally: &Tally) -> Value {
    let each = CHANNELS.iter().zip(&tally.channels).map(|(truth, touches)| {
        let value = json!({
            "side": truth.side,
            "effect_per_response": truth.effect,
            "lag_days_median": truth.lag_days,
            "win_log_odds": truth.win,
            "value_factor": truth.value,
            "speed_factor": truth.speed,
            "spend_elasticity": truth.elasticity,
            "machine_share": truth.machine,
            "lead_source": truth.lead_source,
            "touches": {
                "members": touches.members, "responded": touches.responded, "bot_clicks": touches.bots,
                "sessions": touches.sessions, "machine_sessions": touches.machine,
                "identified_sessions": touches.identified, "forms": touches.forms,
            },
            "leads": touches.leads,
        });
        (truth.key.to_owned(), value)
    });
    Value::Object(each.collect())
}

fn segments() -> Value {
    let each = INDUSTRIES.iter().enumerate().flat_map(|(i, industry)| {
        SIZES.iter().enumerate().map(move |(s, size)| {
            json!({
                "industry": industry.0, "size": size.name, "employees": [size.employees.0, size.employees.1],
                "share": industry.1 * size.weight, "fit": fit(i, s), "targeted_by_marketing": industry.3 && s > 0,
            })
        })
    });
    let countries: Vec<_> =
        COUNTRIES.iter().map(|c| json!({"country": c.0, "currency": c.2})).collect();
    json!({"by_industry_and_size": each.collect::<Vec<_>>(), "countries": countries})
}

fn spend(world: &World, as_of: i64) -> Value {
    let last = as_of.div_euclid(DAY).min(world.to);
    let mut platforms = Map::new();
    for platform in Platform::ALL {
        let digits = digits(platform.currency());
        let mut total = 0;
        let mut rows = 0_u64;
        let mut quarters: BTreeMap<String, i64> = BTreeMap::new();
        let mut campaigns = Map::new();
        for (place, program) in world.programs.iter().enumerate() {
            if program.platform != Some(platform) {
                continue;
            }
            let mut sum = 0;
            for day in program.start..=program.end.min(last) {
                if let Some(ad) = ad_day(world, place, day) {
                    sum += ad.cost;
                    rows += 1;
                    *quarters.entry(quarter_text(day)).or_default() += ad.cost;
                }
            }
            total += sum;
            if program.start <= last {
                let value = json!({
                    "id": program.platform_id, "channel": program.channel.key(),
                    "spend": money_text(sum, digits),
                });
                campaigns.insert(program.name.clone(), value);
            }
        }
        let quarters: Map<_, _> = quarters
            .into_iter()
            .map(|(q, minor)| (q, Value::from(money_text(minor, digits))))
            .collect();
        let value = json!({
            "currency": platform.currency(), "total": money_text(total, digits), "rows": rows,
            "quarters": quarters, "campaigns": campaigns,
        });
        platforms.insert(platform.key().to_owned(), value);
    }
    Value::Object(platforms)
}

fn programs(world: &World, as_of: i64) -> Value {
    let each = world.programs.iter().filter(|program| program.created_at <= as_of).map(|program| {
        let digits = digits(program.currency);
        let cost = crate::shared::entered_cost(program, as_of);
        json!({
            "id": program.id.text(), "name": program.name, "type": program.kind,
            "channel": (program.budget > 0).then(|| program.channel.key()),
            "start": day_text(program.start), "end": day_text(program.end),
            "quarter": quarter_text(program.start), "currency": program.currency,
            "budget": money_text(program.budget, digits),
            "actual_cost": cost.map(|minor| money_text(minor, digits)),
        })
    });
    Value::Array(each.collect())
}

fn capacity(world: &World) -> Value {
    let each = world.capacity.iter().map(|month| {
        json!({
            "month": day_text(month_start(month.month)), "sdr": month.sdrs,
            "account_executive": month.executives, "load": month.load, "queue_days": month.queue_days,
        })
    });
    Value::Array(each.collect())
}

fn rate_table(world: &World) -> Value {
    let each = crate::shared::currencies(world).into_iter().map(|currency| {
        let months = rates(world, currency).into_iter().map(
            |(day, rate)| json!({"from": day_text(day), "units_for_one_usd": money_text(rate, 6)}),
        );
        (currency.to_owned(), Value::Array(months.collect()))
    });
    Value::Object(each.collect())
}
