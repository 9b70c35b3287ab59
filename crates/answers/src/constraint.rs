//! Which step limits revenue now, and what is relief there worth?
//!
#![doc = include_str!("constraint.md")]
//!
//! For: CEO, CRO. Grain: one row per station (leads, then the open stages). Money: the mean amount
//! won times won deals of a simulation; no row of the lake is behind it. The queues are
//! [`stats::queue`].

use domain::answer::{Chart, ChartForm, Entry, Interval, Series, Table};
use domain::{
    Answer, Ask, Caveat, Figure, Filter, Given, Money, Need, Period, Question, Rows, Value,
};
use stats::queue::{self, Capacity, Elasticities, Elasticity};

use crate::common::{self, row, table};
use crate::slice::Slice;
use crate::words;

mod measure;

use measure::{Found, Station};

/// The question.
pub const QUESTION: Question = Question {
    id: "constraint",
    asks: "Which step limits revenue now, and what is relief there worth?",
    readers: &["CEO", "CRO"],
    help: include_str!("constraint.md"),
};

/// Fewest deals closed in the last 12 months.
const CLOSED_FLOOR: usize = 30;
/// Fewest deals won in the last 12 months.
const WON_FLOOR: usize = 10;
/// Probabilities that are so near each other are not told apart by a few dozen draws.
const ALIKE: f64 = 0.25;
/// The probability that ranges are made for: that of P10 to P90.
const LEVEL: f64 = 0.8;
/// How ranges are made.
const METHOD: &str = "simulated queues, gamma and beta posteriors";
/// Items that may be simulated in all, for an answer within a second or two.
const ITEMS: f64 = 3_000_000.0;

/// Stays in stages, stages of leads, capacity, and the deals that closed.
pub fn needs(ask: &Ask) -> Vec<Need> {
    vec![
        Need {
            name: "visits",
            rows: common::counted(ask, "stage_visits").columns(&[
                "opportunity_id",
                "position",
                "stage",
                "stage_index",
                "entered_on",
                "left_on",
                "next",
                "created_on",
            ]),
        },
        Need {
            name: "lead_stages",
            rows: common::in_segment(ask, Rows::of("lead_stages")).columns(&[
                "id",
                "stage",
                "entered_on",
                "disqualified",
            ]),
        },
        Need {
            name: "capacity",
            rows: Rows::of("capacity").columns(&[
                "day",
                "role",
                "headcount",
                "units_per_head",
                "stage",
            ]),
        },
        Need {
            name: "deals",
            rows: common::counted(ask, "opportunities").columns(&[
                "id",
                "created_on",
                "won",
                "last_activity_on",
            ]),
        },
        Need { name: "closed", rows: closed(ask).columns(&["closed_on", "won", "amount"]) },
    ]
}

fn closed(ask: &Ask) -> Rows {
    common::counted(ask, "opportunities").only(Filter::present("closed_on"))
}

/// How many deals closed in the days that it rests on, and how many of them were won.
fn counts(ask: &Ask, given: &Given, found: &Found) -> [Figure; 2] {
    let window = Period::days(found.from.tomorrow().unwrap_or(found.from), found.to);
    let closed = Slice::of(given, "closed", closed(ask), ask.currency);
    let closed = closed.only(Filter::within("closed_on", &window));
    let won = closed.only(Filter::flag("won", true));
    let days = format!("{} to {}", window.from, window.to);
    [
        common::figure(
            "deals_closed",
            "Deals closed in 12 months",
            closed.count(),
            &format!(
                "Deals that closed, won or lost, from {days}: what the simulation is fed with."
            ),
        ),
        common::figure(
            "deals_won",
            "Deals won in 12 months",
            won.count(),
            &format!("Deals won from {days}; their mean amount is what a won deal is worth."),
        ),
    ]
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let mut answer = Answer::new(&QUESTION, ask);
    let found = Found::of(ask, given);
    if given.frames.values().all(|frame| frame.n_rows() == 0) {
        answer.headline = common::nothing(ask);
    } else if found.n_closed < CLOSED_FLOOR || found.n_won < WON_FLOOR {
        let n = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        answer.headline = common::of_segment(
            ask,
            format!(
                "Too little to go on: {} closed in the 12 months to {}, {} of them won; naming what \
                 limits revenue takes {CLOSED_FLOOR} and {WON_FLOOR}.",
                words::deals(n(found.n_closed)),
                ask.as_of,
                n(found.n_won)
            ),
        );
        answer.figures = counts(ask, given, &found).into();
        answer.tables.push(stations(&found, None));
    } else {
        let draws = draws(&found);
        let effects = queue::elasticities(&found.measured(), found.around, draws, LEVEL, ask.seed);
        let told = Told::of(&found, &effects);
        answer.headline = common::of_segment(ask, told.headline());
        answer.figures = told.figures(ask);
        answer.figures.extend(counts(ask, given, &found));
        answer.charts.extend(told.chart(ask));
        answer.tables.push(stations(&found, Some(&told)));
        answer.caveats = told.caveats();
    }
    answer.caveats.extend(given.caveats.iter().cloned());
    answer
}

/// How often the unknown is drawn: less often for large companies, of which more is known.
fn draws(found: &Found) -> usize {
    let items = |s: &Station| s.measured.worked + s.measured.arrivals.iter().sum::<u64>();
    let items = found.stations.iter().map(items).sum::<u64>() as f64;
    let stretches = (found.around.past + found.around.ahead) as f64;
    let each = (items / found.around.past.max(1) as f64 * stretches).max(20_000.0);
    let ways = (2 * found.stations.len() + 2) as f64;
    usize::try_from(measure::whole(ITEMS / each / ways)).unwrap_or(16).clamp(12, 64)
}

/// What the simulation tells, in money.
struct Told<'a> {
    found: &'a Found,
    effects: &'a Elasticities,
    /// The station that limits; none where demand does.
    limit: Option<usize>,
    /// How probable that is.
    probability: f64,
    /// Closed revenue of a year, in minor units.
    year: f64,
}

impl<'a> Told<'a> {
    fn of(found: &'a Found, effects: &'a Elasticities) -> Self {
        let n = found.stations.len();
        // Of those that the draws hardly tell apart, the one that brings more on average.
        let top = effects.most.iter().fold(0.0, |a: f64, b| a.max(*b));
        let gain = |at: usize| effects.capacity.get(at).map_or(effects.arrivals.gain, |e| e.gain);
        let near = effects.most.iter().enumerate().filter(|(_, p)| **p > 0.0 && **p >= top - ALIKE);
        let best = near.max_by(|a, b| gain(a.0).total_cmp(&gain(b.0)));
        let (best, probability) = best.map_or((n, 0.0), |(at, p)| (at, *p));
        let year = effects.won.gain * 365.0 * found.mean_won;
        Self { found, effects, limit: (best < n).then_some(best), probability, year }
    }

    fn name(&self, at: usize) -> &str {
        self.found.stations.get(at).map_or("Demand", |station| &station.name)
    }

    fn capacity(&self, at: usize) -> Elasticity {
        const NOTHING: Elasticity = Elasticity { gain: 0.0, low: 0.0, high: 0.0 };
        self.effects.capacity.get(at).copied().unwrap_or(NOTHING)
    }

    fn worth(&self) -> Elasticity {
        self.limit.map_or(self.effects.arrivals, |at| self.capacity(at))
    }

    fn money(&self, part: f64) -> Money {
        Money::from_minor(measure::rounded(part * self.year), self.found.currency)
    }

    /// An effect as money with its range.
    fn entry(&self, effect: Elasticity) -> Entry {
        let major = |part: f64| Value::Money(self.money(part)).number().unwrap_or(0.0);
        let interval = Interval {
            low: major(effect.low),
            high: major(effect.high),
            level: LEVEL,
            method: METHOD,
        };
        Entry { interval: Some(interval), ..Entry::plain(Value::Money(self.money(effect.gain))) }
    }

    fn headline(&self) -> String {
        let worth = self.worth();
        let said = |part: f64| words::money(self.money(part));
        // A share of draws never makes certain.
        let chance = words::percent(self.probability.min(0.999));
        let range = format!("{} to {}", said(worth.low), said(worth.high));
        match self.limit {
            None => format!(
                "Demand limits revenue, as far as these rows show ({chance} likely): a tenth more \
                 leads and deals is worth {} a year ({range}), a tenth more people at any one stage less.",
                said(worth.gain)
            ),
            Some(at) => {
                let arrivals = self.effects.arrivals.gain;
                let demand = if arrivals < 0.3 * (queue::MORE - 1.0) {
                    format!(
                        "; a tenth more demand, for {} a year, would mostly make its queue longer",
                        said(arrivals.max(0.0))
                    )
                } else {
                    format!("; a tenth more demand is worth {}", said(arrivals))
                };
                format!(
                    "{} limits revenue ({chance} likely): a tenth more capacity there is worth {} a \
                     year ({range}){demand}.",
                    self.name(at),
                    said(worth.gain)
                )
            }
        }
    }

    fn figures(&self, ask: &Ask) -> Vec<Figure> {
        let rests = format!(
            "the stays in stages and of leads of up to two years to {}, and the capacity on record",
            ask.as_of
        );
        let worth = self.entry(self.worth());
        let figure = |id: &str, label: &str, entry: Entry, meaning: String| {
            common::figure(id, label, entry, &meaning)
        };
        let mut figures = vec![
            figure(
                "relief_worth",
                "A tenth more there, a year",
                worth,
                format!(
                    "Closed revenue of a year that a tenth more capacity of the constraint (of demand, \
                     where that limits) adds; simulated from {rests}."
                ),
            ),
            figure(
                "constraint_probability",
                "Probability that it is the constraint",
                Entry::plain(Value::Number(self.probability)),
                format!(
                    "The part of the simulations, each with rates and shares drawn from what the counts \
                     leave open, in which relief there brings most; from {rests}."
                ),
            ),
            figure(
                "demand_worth",
                "A tenth more demand, a year",
                self.entry(self.effects.arrivals),
                format!(
                    "Closed revenue of a year that a tenth more leads and deals adds; from {rests}."
                ),
            ),
        ];
        if let Some((at, units)) =
            self.limit.and_then(|at| Some((at, self.found.stations.get(at)?.units()?)))
        {
            let more = units * 30.4 * 12.0 * (queue::MORE - 1.0);
            let per = |part: f64| if more > 0.0 { part / more } else { 0.0 };
            let effect = self.capacity(at);
            let each =
                Elasticity { gain: per(effect.gain), low: per(effect.low), high: per(effect.high) };
            figures.push(figure(
                "worth_per_unit",
                "One more unit of its capacity",
                self.entry(each),
                format!(
                    "Closed revenue for each item more that the people of {} can work; from {rests}.",
                    self.name(at)
                ),
            ));
        }
        figures.push(figure(
            "closed_a_year",
            "Closed revenue of a year, as things are",
            self.entry(Elasticity {
                gain: 1.0,
                low: self.effects.won.low / self.effects.won.gain.max(1e-12),
                high: self.effects.won.high / self.effects.won.gain.max(1e-12),
            }),
            format!("What the simulation closes in a year when nothing is changed; from {rests}."),
        ));
        figures
    }

    /// What a tenth more capacity of each station and of demand is worth.
    fn chart(&self, ask: &Ask) -> Option<Chart> {
        let n = self.found.stations.len();
        let shown = |at: &usize| self.found.stations.get(*at).is_some_and(|s| s.units().is_some());
        let limited: Vec<usize> = (0..n).filter(shown).collect();
        limited.first()?;
        let mut points: Vec<String> = limited.iter().map(|at| self.name(*at).to_owned()).collect();
        let mut effects: Vec<Elasticity> = limited.iter().map(|at| self.capacity(*at)).collect();
        points.push("Demand".to_owned());
        effects.push(self.effects.arrivals);
        let major = |part: f64| Value::Money(self.money(part)).number();
        let title = match self.limit {
            Some(at) => format!("A tenth more is worth most at {}", self.name(at)),
            None => {
                "A tenth more demand is worth more than a tenth more of any capacity".to_owned()
            }
        };
        let of = |pick: fn(&Elasticity) -> f64| effects.iter().map(|e| major(pick(e))).collect();
        let series = Series::new("Worth of a tenth more, a year", of(|e| e.gain)).range(
            LEVEL,
            of(|e| e.low),
            of(|e| e.high),
        );
        Some(
            Chart::new("reliefs", title, ChartForm::Bars, ask.currency.code())
                .points(points)
                .with(series),
        )
    }

    /// What to do, what not to do, and how far to believe it.
    fn caveats(&self) -> Vec<Caveat> {
        let mut said = Vec::new();
        let mut say = |code: &'static str, text: String| said.push(Caveat::new(code, text));
        let Some(at) = self.limit else {
            say(
                "focus",
                "No stage keeps buyers waiting enough to matter, so more people at one stage change \
                 little: work on demand and on conversion, and look again when they have grown."
                    .to_owned(),
            );
            self.doubts(&mut say);
            return said;
        };
        let name = self.name(at);
        let idle: Vec<&str> = (0..self.found.stations.len())
            .filter(|&other| other != at && self.effects.load.get(other).is_some_and(|l| *l > 0.0))
            .map(|other| self.name(other))
            .collect();
        say("focus_1_find", format!("The constraint: {name} sets the pace of the whole."));
        say(
            "focus_2_exploit",
            format!(
                "Get the most out of {name} as it is: hand its people only what is ready, best chances \
                 first, and take from them whatever others can do."
            ),
        );
        say(
            "focus_3_subordinate",
            match idle.as_slice() {
                [] => format!(
                    "Let all else keep the pace of {name}; more than it can work only waits."
                ),
                some => format!(
                    "Let {} keep the pace of {name}: what they do beyond it only waits there.",
                    measure::listed(some)
                ),
            },
        );
        if let Some(each) = self.found.stations.get(at).and_then(Station::units) {
            let more = each * 30.4 * (queue::MORE - 1.0);
            say(
                "focus_4_elevate",
                format!(
                    "Then add capacity: {more:.1} more items a month are worth {} a year, before their cost.",
                    words::money(self.money(self.capacity(at).gain))
                ),
            );
        }
        say("focus_5_again", "Then look again: the constraint will have moved.".to_owned());
        let best = self.effects.conversion.iter().map(|e| e.gain).fold(0.0, f64::max);
        let blunt: Vec<&str> = (0..at)
            .filter(|&before| {
                let gain = self.effects.conversion.get(before).map_or(0.0, |e| e.gain);
                self.found.stations.get(before).is_some_and(|s| s.measured.worked >= 10)
                    && gain < 0.4 * best
            })
            .map(|before| self.name(before))
            .collect();
        if !blunt.is_empty() {
            say(
                "local_improvement",
                format!(
                    "A better conversion at {} raises revenue little while {name} limits it: more would \
                     come to a queue that exists already.",
                    measure::listed(&blunt)
                ),
            );
        }
        self.doubts(&mut say);
        said
    }

    fn doubts(&self, say: &mut dyn FnMut(&'static str, String)) {
        if self.probability < 0.6 {
            let second = self
                .effects
                .most
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != self.limit.unwrap_or(self.found.stations.len()))
                .max_by(|a, b| a.1.total_cmp(b.1));
            if let Some((at, p)) = second.filter(|(_, p)| **p > 0.1) {
                say(
                    "not_sure",
                    format!(
                        "It may as well be {} ({} likely): the counts do not tell them apart.",
                        if at < self.found.stations.len() { self.name(at) } else { "demand" },
                        words::percent(*p)
                    ),
                );
            }
        }
        let named = |fits: &dyn Fn(&Station) -> bool| -> Vec<&str> {
            let stations =
                self.found.stations.iter().filter(|s| s.measured.worked >= 10 && fits(s));
            stations.map(|station| station.name.as_str()).collect()
        };
        let seen = named(&|s| matches!(s.measured.capacity, Capacity::Seen(..)));
        if !seen.is_empty() {
            say(
                "capacity_inferred",
                format!(
                    "No capacity is on record for {}; what was worked while others waited stands for it.",
                    measure::listed(&seen)
                ),
            );
        }
        let unlimited = named(&|s| s.measured.capacity == Capacity::Unlimited);
        if !unlimited.is_empty() {
            say(
                "capacity_unknown",
                format!(
                    "No capacity is on record for {}, and nobody seems to wait there: taken to have no limit.",
                    measure::listed(&unlimited)
                ),
            );
        }
    }
}

/// One row per station.
fn stations(found: &Found, told: Option<&Told<'_>>) -> Table {
    let columns = [
        ("arrivals", "Arrived in 12 months"),
        ("in_work", "Being worked"),
        ("waiting", "Waiting"),
        ("capacity", "Capacity a month"),
        ("load", "Load"),
        ("conversion", "Conversion"),
        ("days", "Median days"),
        ("relief", "A tenth more capacity, a year"),
        ("conversion_worth", "A tenth more conversion, a year"),
    ];
    let mut made = table("stations", "The steps and what limits them", "Step", &columns);
    let count = |n: u64| Entry::plain(Value::Count(i64::try_from(n).unwrap_or(i64::MAX)));
    let none = |why: &str| Entry::plain(Value::None(why.to_owned()));
    for (at, station) in found.stations.iter().enumerate() {
        let share = Value::Share {
            of: i64::try_from(station.measured.went_on).unwrap_or(0),
            total: i64::try_from(station.measured.worked).unwrap_or(0),
        };
        let conversion = crate::chance::with_rate(Entry::plain(share));
        let n = i64::try_from(station.measured.worked).unwrap_or(0);
        let effect = |of: fn(&Elasticities) -> &[Elasticity]| {
            told.and_then(|told| Some(told.entry(*of(told.effects).get(at)?)))
                .unwrap_or_else(|| none("too little to go on"))
        };
        let units = station.units();
        made.rows.push(row(
            &station.id,
            &station.name,
            vec![
                count(station.entered),
                count(u64::from(station.running)),
                count(u64::from(station.waiting)),
                units.map_or_else(
                    || none("no limit seen"),
                    |units| Entry::plain(Value::Number((units * 304.0).round() / 10.0)),
                ),
                units.filter(|units| *units > 0.0).map_or_else(
                    || none("no limit seen"),
                    |units| {
                        let load = station.entered as f64 / found.past / units;
                        Entry::plain(Value::Number((load * 100.0).round() / 100.0))
                    },
                ),
                if n == 0 {
                    none("nothing was worked")
                } else {
                    crate::chance::sure(conversion, n)
                },
                station
                    .days
                    .map_or_else(|| none("none went on"), |days| Entry::plain(Value::Days(days))),
                if units.is_none() {
                    none("no limit seen")
                } else {
                    effect(|effects| &effects.capacity)
                },
                effect(|effects| &effects.conversion),
            ],
        ));
    }
    made.note = Some(
        "Load is what arrived, of what the people of the step can work: above 1 a queue grows."
            .to_owned(),
    );
    made
}

#[cfg(test)]
mod tests;
