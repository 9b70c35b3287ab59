//! What the rows say of each station: arrivals, work, waiting, capacity.

use std::collections::BTreeMap;

use domain::definition::State;
use domain::{Ask, Currency, Given};
use jiff::ToSpan;
use jiff::civil::Date;
use stats::queue::line::{self, Pace};
use stats::queue::{Around, Capacity, Measured};

use crate::forecast::record::number;

mod deals;
mod leads;

use deals::Deals;
use leads::Leads;

/// Days of a stretch in which rates are taken as even.
const STRETCH: i64 = 30;
/// Stretches of a year.
const YEAR: i64 = 12;
/// Days that the table counts.
const PAST: i64 = 365;
/// Longest patience.
const PATIENT: f64 = 3_650.0;

/// A station as it was measured.
#[derive(Clone, Debug)]
pub(super) struct Station {
    pub(super) id: String,
    pub(super) name: String,
    /// Items that came in the last 12 months, in all.
    pub(super) entered: u64,
    /// Items that wait now.
    pub(super) waiting: u32,
    /// Items that are worked on now.
    pub(super) running: u32,
    /// Median days of those that went on.
    pub(super) days: Option<f64>,
    /// What the simulation is fed with.
    pub(super) measured: Measured,
}

impl Station {
    /// Items that can be worked a day; none where no limit was seen.
    pub(super) fn units(&self) -> Option<f64> {
        match self.measured.capacity {
            Capacity::Unlimited => None,
            Capacity::Recorded(_, a_day) => Some(a_day),
            Capacity::Seen(items, days) => Some(items as f64 / days.max(1.0)),
        }
    }
}

/// What was found in the rows.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) stations: Vec<Station>,
    /// The day before the first of the last 12 months, and the last.
    pub(super) from: Date,
    pub(super) to: Date,
    /// Days between.
    pub(super) past: f64,
    /// The stretches that are simulated.
    pub(super) around: Around,
    pub(super) n_closed: usize,
    pub(super) n_won: usize,
    /// Mean amount won, in minor units.
    pub(super) mean_won: f64,
    pub(super) currency: Currency,
}

impl Found {
    pub(super) fn of(ask: &Ask, given: &Given) -> Self {
        let last = given.known_until.map_or(ask.as_of, |known| known.min(ask.as_of));
        let deals = Deals::of(ask, given, number(last));
        let leads = Leads::of(given);
        let first = deals.first().unwrap_or(number(last));
        let window = Window::of(first, number(last));
        let recorded = recorded(given, number(last));
        let mut stations = Vec::new();
        let station = leads.station(&window, recorded.get("mql"));
        let from_leads = if station.is_some() { leads.became(&window) } else { Vec::new() };
        stations.extend(station);
        let mut waits = Vec::new();
        let open = ask.definitions.stages.iter().filter(|stage| stage.state == State::Open);
        for (stage, index) in open.zip(1..) {
            let outside: &[u64] = if index == 1 { &from_leads } else { &[] };
            let capacity = recorded.get(&*stage.id);
            let (station, waited) =
                deals.station(&window, (&stage.id, &stage.name), index, outside, capacity);
            stations.push(station);
            waits.push(waited);
        }
        let from = last.saturating_sub(PAST.days()).max(crate::forecast::record::day(first));
        let closed = given.frame("closed");
        let mut found = Self {
            around: Around {
                past: window.stretches,
                ahead: usize::try_from(YEAR).unwrap_or(12),
                stretch: STRETCH as f64,
                year: usize::try_from(YEAR).unwrap_or(12),
                wears: line::wears(&waits),
                ended: leads.ended(&deals, &window),
            },
            stations,
            from,
            to: last,
            past: (number(last) - number(from)).max(1) as f64,
            n_closed: 0,
            n_won: 0,
            mean_won: 0.0,
            currency: ask.currency,
        };
        let mut amounts = Vec::new();
        for ((day, won), amount) in
            closed.days("closed_on").iter().zip(closed.booleans("won")).zip(closed.moneys("amount"))
        {
            if day.is_some_and(|day| from < day && day <= last) {
                found.n_closed += 1;
                found.n_won += usize::from(*won == Some(true));
                if let (Some(true), Some(amount)) = (won, amount) {
                    amounts.push(amount.minor as f64);
                }
            }
        }
        found.mean_won = amounts.iter().sum::<f64>() / amounts.len().max(1) as f64;
        found
    }

    pub(super) fn measured(&self) -> Vec<Measured> {
        self.stations.iter().map(|station| station.measured.clone()).collect()
    }
}

/// The days that are measured: whole stretches up to the last day.
struct Window {
    /// The day before the first.
    from: i64,
    to: i64,
    stretches: usize,
}

impl Window {
    /// The last two years, or all that is on record.
    fn of(first: i64, last: i64) -> Self {
        let stretches = ((last - first) / STRETCH).clamp(1, 2 * YEAR);
        let from = last - stretches * STRETCH;
        Self { from, to: last, stretches: usize::try_from(stretches).unwrap_or(1) }
    }

    fn holds(&self, day: i64) -> bool {
        self.from < day && day <= self.to
    }

    /// True for the last 12 months.
    fn lately(&self, day: i64) -> bool {
        self.to - PAST < day && day <= self.to
    }

    /// Counts days by stretch.
    fn counts(&self, days: impl Iterator<Item = i64>) -> Vec<u64> {
        let mut counts = vec![0; self.stretches];
        for day in days.filter(|day| self.holds(*day)) {
            let at = usize::try_from((day - self.from - 1) / STRETCH).unwrap_or(0);
            if let Some(count) = counts.get_mut(at) {
                *count += 1;
            }
        }
        counts
    }

    /// What can be worked in each stretch, as a part of what can be now.
    fn staffed(&self, pace: &Pace) -> Vec<f64> {
        let now = pace.on(self.to).max(1e-9);
        let middle = |at: i64| self.from + at * STRETCH + STRETCH / 2;
        let stretches = i64::try_from(self.stretches).unwrap_or(1);
        let mut parts: Vec<f64> = (0..stretches).map(|at| pace.on(middle(at)) / now).collect();
        parts.push(1.0);
        parts
    }
}

/// What people of a station can work, as it is on record.
struct Staff {
    heads: f64,
    pace: Pace,
}

/// People and items a day of each stage, month by month; none where the newest is older than half a
/// year.
fn recorded(given: &Given, last: i64) -> BTreeMap<String, Staff> {
    let frame = given.frame("capacity");
    let mut roles: BTreeMap<(String, String), BTreeMap<i64, (f64, f64)>> = BTreeMap::new();
    let rows = frame.days("day").iter().zip(frame.texts("role")).zip(frame.texts("stage"));
    let rates = frame.numbers("headcount").iter().zip(frame.numbers("units_per_head"));
    for (((day, role), stage), (heads, units)) in rows.zip(rates) {
        let (Some(day), Some(role), Some(stage)) = (day, role, stage) else { continue };
        let (Some(heads), Some(units), day) = (heads, units, number(*day)) else { continue };
        if day <= last && heads * units > 0.0 {
            let months = roles.entry((stage.to_string(), role.to_string())).or_default();
            months.insert(day, (*heads, heads * units / 30.4));
        }
    }
    let mut found: BTreeMap<String, Staff> = BTreeMap::new();
    for ((stage, _), months) in roles {
        // What was on record more than half a year ago says nothing of now.
        let Some((_, (heads, _))) =
            months.iter().next_back().filter(|(day, _)| last - **day <= 200)
        else {
            continue;
        };
        let on = |day: i64| {
            let before = months.range(..=day).next_back().or(months.iter().next());
            before.map_or(0.0, |(_, (_, a_day))| *a_day)
        };
        // Four years are more than is looked at.
        let from = last - 1_500;
        let pace = Pace { from, a_day: (from..=last).map(on).collect() };
        match found.get_mut(&stage) {
            Some(staff) => {
                staff.heads += heads;
                staff.pace.a_day.iter_mut().zip(&pace.a_day).for_each(|(sum, more)| *sum += more);
            }
            None => {
                found.insert(stage, Staff { heads: *heads, pace });
            }
        }
    }
    found
}

fn people(heads: f64) -> u32 {
    u32::try_from(whole(heads.ceil())).unwrap_or(1).max(1)
}

/// Mean days until a waiting item gives up; one that gave up in a quarter stands behind it.
fn patience(waited: f64, gave_up: u64) -> f64 {
    ((waited + 90.0) / (gave_up as f64 + 1.0)).clamp(2.0, PATIENT)
}

/// A quantile of sorted days.
fn quantile(days: &[i64], p: f64) -> Option<f64> {
    let last = days.len().checked_sub(1)?;
    let place = p * last as f64;
    let at = usize::try_from(whole(place)).ok()?;
    let (low, high) = (*days.get(at)? as f64, *days.get((at + 1).min(last))? as f64);
    Some(low + (high - low) * place.fract())
}

/// The standard deviation of the logarithm, from the quartiles.
fn spread(days: &[i64]) -> f64 {
    match (quantile(days, 0.25), quantile(days, 0.75)) {
        (Some(low), Some(high)) if low > 0.0 && high > low => {
            ((high / low).ln() / 1.349).clamp(0.1, 1.5)
        }
        _ => 0.6,
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers that are not negative"
)]
pub(super) fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

#[expect(clippy::cast_possible_truncation, reason = "amounts far below 2^53 minor units")]
pub(super) fn rounded(minor: f64) -> i64 {
    minor.round() as i64
}
