//! What the rows say of each station: arrivals, work, waiting, capacity.

use std::collections::{BTreeMap, HashMap};

use domain::definition::State;
use domain::{Ask, Currency, Given};
use jiff::ToSpan;
use jiff::civil::Date;
use stats::queue::{Capacity, Measured};

/// Days that are looked back on.
const PAST: i64 = 365;
/// Days after which an accepted lead without a deal is taken to have come to nothing.
const SETTLED: i64 = 60;
/// Patience where nobody was seen to give up.
const PATIENT: f64 = 3_650.0;
/// Fewest items that went on by which a stage is judged to have a queue.
const JUDGED: usize = 12;

/// A station as it was measured.
#[derive(Clone, Debug)]
pub(super) struct Station {
    pub(super) id: String,
    pub(super) name: String,
    /// Items that came, in all.
    pub(super) entered: u64,
    /// Those of them that came from outside of the network.
    pub(super) arrivals: u64,
    pub(super) worked: u64,
    pub(super) went_on: u64,
    pub(super) waiting: u32,
    pub(super) running: u32,
    pub(super) capacity: Capacity,
    delay: f64,
    spread: f64,
    patience: f64,
    /// Median days of those that went on.
    pub(super) days: Option<f64>,
}

impl Station {
    /// Items that can be worked a day; none where no limit was seen.
    pub(super) fn units(&self) -> Option<f64> {
        match self.capacity {
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
    /// The day before the first on which it was measured, and the last.
    pub(super) from: Date,
    pub(super) to: Date,
    /// Days in which it was measured.
    pub(super) past: f64,
    pub(super) n_closed: usize,
    pub(super) n_won: usize,
    /// Mean amount won, in minor units.
    pub(super) mean_won: f64,
    pub(super) currency: Currency,
}

impl Found {
    pub(super) fn of(ask: &Ask, given: &Given) -> Self {
        let visits = Visits::of(ask, given);
        let last = given.known_until.map_or(ask.as_of, |known| known.min(ask.as_of));
        let first = visits.rows.iter().filter_map(|visit| visit.entered).min().unwrap_or(last);
        let from = last.saturating_sub(PAST.days()).max(first);
        let window = Window { from, to: last };
        let recorded = recorded(given, &window);
        let mut stations = Vec::new();
        let leads = leads(given, &window, &recorded);
        let from_leads = leads.as_ref().map_or(0, |(_, deals)| *deals);
        stations.extend(leads.map(|(station, _)| station));
        let open = ask.definitions.stages.iter().filter(|stage| stage.state == State::Open);
        for (stage, index) in open.zip(1..) {
            let outside = if index == 1 { from_leads } else { 0 };
            let capacity = recorded.get(&*stage.id).copied();
            stations.push(visits.station(
                &window,
                &stage.id,
                &stage.name,
                index,
                outside,
                capacity,
            ));
        }
        let closed = given.frame("closed");
        let mut found = Self {
            stations,
            from: window.from,
            to: window.to,
            past: window.days(),
            n_closed: 0,
            n_won: 0,
            mean_won: 0.0,
            currency: ask.currency,
        };
        let mut amounts = Vec::new();
        for ((day, won), amount) in
            closed.days("closed_on").iter().zip(closed.booleans("won")).zip(closed.moneys("amount"))
        {
            if day.is_some_and(|day| window.holds(day)) {
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
        let measured = |station: &Station| Measured {
            arrivals: station.arrivals,
            worked: station.worked,
            went_on: station.went_on,
            capacity: station.capacity,
            delay: station.delay,
            delay_spread: station.spread,
            patience: station.patience,
            waiting: station.waiting,
            running: station.running,
        };
        self.stations.iter().map(measured).collect()
    }
}

struct Window {
    from: Date,
    to: Date,
}

impl Window {
    fn holds(&self, day: Date) -> bool {
        self.from < day && day <= self.to
    }

    fn days(&self) -> f64 {
        days_between(self.from, self.to).max(1) as f64
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// People and items a day of each stage, of the newest month on record.
fn recorded(given: &Given, window: &Window) -> BTreeMap<String, (f64, f64)> {
    let frame = given.frame("capacity");
    let mut newest: BTreeMap<(String, String), (Date, f64, f64)> = BTreeMap::new();
    let rows = frame.days("day").iter().zip(frame.texts("role")).zip(frame.texts("stage"));
    let rates = frame.numbers("headcount").iter().zip(frame.numbers("units_per_head"));
    for (((day, role), stage), (heads, units)) in rows.zip(rates) {
        let (Some(day), Some(role), Some(stage)) = (day, role, stage) else { continue };
        let (Some(heads), Some(units)) = (heads, units) else { continue };
        // What was on record more than half a year ago says nothing of now.
        if *day > window.to || days_between(*day, window.to) > 200 || heads * units <= 0.0 {
            continue;
        }
        let entry = newest.entry((stage.to_string(), role.to_string())).or_insert((*day, 0.0, 0.0));
        if *day >= entry.0 {
            *entry = (*day, *heads, heads * units / 30.4);
        }
    }
    let mut found: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for ((stage, _), (_, heads, a_day)) in newest {
        let entry = found.entry(stage).or_insert((0.0, 0.0));
        entry.0 += heads;
        entry.1 += a_day;
    }
    found
}

fn people(heads: f64) -> u32 {
    u32::try_from(whole(heads.ceil())).unwrap_or(1).max(1)
}

/// One stay of a deal.
struct Visit<'a> {
    position: i64,
    index: Option<i64>,
    entered: Option<Date>,
    left: Option<Date>,
    next: Option<&'a str>,
}

struct Visits<'a> {
    rows: Vec<Visit<'a>>,
    /// The place of each open stage; those that are won come after all of them.
    places: HashMap<&'a str, i64>,
}

impl<'a> Visits<'a> {
    fn of(ask: &'a Ask, given: &'a Given) -> Self {
        let frame = given.frame("visits");
        let at = |row: usize| Visit {
            position: frame.integers("position").get(row).copied().flatten().unwrap_or(1),
            index: frame.integers("stage_index").get(row).copied().flatten(),
            entered: frame.days("entered_on").get(row).copied().flatten(),
            left: frame.days("left_on").get(row).copied().flatten(),
            next: frame.texts("next").get(row).and_then(Option::as_deref),
        };
        let mut places: HashMap<&str, i64> = HashMap::new();
        let open = ask.definitions.stages.iter().filter(|stage| stage.state == State::Open);
        places.extend(open.map(|stage| &*stage.id).zip(1..));
        let won = ask.definitions.stages.iter().filter(|stage| stage.state == State::Won);
        places.extend(won.map(|stage| (&*stage.id, i64::MAX)));
        Self { rows: (0..frame.n_rows()).map(at).collect(), places }
    }

    fn station(
        &self,
        window: &Window,
        id: &str,
        name: &str,
        index: i64,
        from_leads: u64,
        recorded: Option<(f64, f64)>,
    ) -> Station {
        let (mut entered, mut first, mut present) = (0_u64, 0_u64, 0_u64);
        let mut ahead: Vec<i64> = Vec::new();
        let mut lost: Vec<i64> = Vec::new();
        for visit in self.rows.iter().filter(|visit| visit.index == Some(index)) {
            let Some(came) = visit.entered else { continue };
            if window.holds(came) {
                entered += 1;
                first += u64::from(visit.position == 1);
            }
            let Some(left) = visit.left else {
                present += 1;
                continue;
            };
            if !window.holds(left) {
                continue;
            }
            let stay = days_between(came, left);
            match visit.next.map(|next| self.places.get(next)) {
                Some(Some(place)) if *place > index => ahead.push(stay),
                Some(None) => lost.push(stay),
                _ => {}
            }
        }
        ahead.sort_unstable();
        let median = quantile(&ahead, 0.5);
        let floor = quantile(&ahead, 0.1).unwrap_or(0.0);
        let early = lost.iter().filter(|stay| (**stay as f64) < floor).count() as u64;
        let went_on = ahead.len() as u64;
        let n_lost = lost.len() as u64;
        let mut station = Station {
            id: id.to_owned(),
            name: name.to_owned(),
            entered,
            arrivals: first.saturating_sub(from_leads),
            worked: went_on + n_lost,
            went_on,
            waiting: 0,
            running: u32::try_from(present).unwrap_or(u32::MAX),
            capacity: Capacity::Unlimited,
            delay: median.unwrap_or(1.0).max(0.5),
            spread: spread(&ahead),
            patience: PATIENT,
            days: median,
        };
        let offered = match recorded {
            Some((heads, a_day)) => {
                station.capacity = Capacity::Recorded(people(heads), a_day);
                entered as f64 / window.days() / a_day
            }
            None => {
                let share = early as f64 / (station.worked.max(1)) as f64;
                let steady = median.is_some_and(|median| floor > 0.45 * median);
                if ahead.len() < JUDGED || share < 0.08 || !steady {
                    return station;
                }
                let worked = station.worked - early;
                station.capacity = Capacity::Seen(worked, window.days());
                1.0 / (1.0 - share).max(0.2)
            }
        };
        if offered > 1.0 {
            // Those who could not be worked gave up, or wait still.
            let can = station.units().unwrap_or(0.0) * window.days();
            let worked = whole(can.min((went_on + n_lost) as f64)).max(went_on);
            station.worked = worked;
            station.patience = (floor / offered.ln()).clamp(10.0, PATIENT);
            station.delay = (station.delay - floor).max(0.25 * station.delay).max(0.5);
            let running = station.units().unwrap_or(0.0) * station.delay * 1.2;
            let running = u32::try_from(whole(running)).unwrap_or(0).min(station.running);
            station.waiting = station.running - running;
            station.running = running;
        }
        station
    }
}

/// A person among the leads.
#[derive(Default)]
struct Lead {
    mql: Option<Date>,
    sal: Option<Date>,
    deal: Option<Date>,
    disqualified: bool,
}

/// The leads that wait for sales development, and how many of them became deals; none where no
/// such stage is on record.
fn leads(
    given: &Given,
    window: &Window,
    recorded: &BTreeMap<String, (f64, f64)>,
) -> Option<(Station, u64)> {
    let frame = given.frame("lead_stages");
    let mut people_of: HashMap<&str, Lead> = HashMap::new();
    let rows = frame.texts("id").iter().zip(frame.texts("stage")).zip(frame.days("entered_on"));
    for (((id, stage), day), disqualified) in rows.zip(frame.booleans("disqualified")) {
        let (Some(id), Some(stage), Some(day)) = (id, stage, day) else { continue };
        let lead = people_of.entry(id).or_default();
        lead.disqualified |= *disqualified == Some(true);
        match &**stage {
            "mql" => lead.mql = Some(*day),
            "sal" => lead.sal = Some(*day),
            "opportunity" => lead.deal = Some(*day),
            _ => {}
        }
    }
    let (mut entered, mut worked, mut went_on, mut deals) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut waiting, mut running, mut gave_up) = (0_u32, 0_u32, 0_u64);
    let mut waits: Vec<i64> = Vec::new();
    let mut works: Vec<i64> = Vec::new();
    let mut stays: Vec<i64> = Vec::new();
    for lead in people_of.values() {
        let begun = lead.sal.or(lead.deal);
        deals += u64::from(lead.deal.is_some_and(|day| window.holds(day)));
        let Some(came) = lead.mql.or(begun) else { continue };
        let here = window.holds(came);
        entered += u64::from(here);
        match begun {
            Some(day) if window.holds(day) => {
                waits.push(days_between(came, day));
                let settled = lead.deal.is_some()
                    || lead.disqualified
                    || days_between(day, window.to) > SETTLED;
                worked += u64::from(settled);
                running += u32::from(!settled);
                if let Some(deal) = lead.deal {
                    went_on += 1;
                    works.push(days_between(day, deal));
                    stays.push(days_between(came, deal));
                }
            }
            Some(_) => {}
            None if lead.disqualified => gave_up += u64::from(here),
            None => waiting += 1,
        }
    }
    if entered == 0 {
        return None;
    }
    for days in [&mut waits, &mut works, &mut stays] {
        days.sort_unstable();
    }
    let wait = quantile(&waits, 0.5).unwrap_or(0.0);
    let late = quantile(&waits, 0.75).unwrap_or(0.0);
    let share = gave_up as f64 / entered as f64;
    let patience =
        if share > 0.01 { wait.max(1.0) / -(1.0 - share.min(0.95)).ln() } else { PATIENT };
    let begun = worked + u64::from(running);
    let capacity = match recorded.get("mql") {
        Some((heads, a_day)) => Capacity::Recorded(people(*heads), *a_day),
        // They stood in line for much of the year.
        None if late >= 4.0 && waits.len() >= JUDGED => Capacity::Seen(begun, window.days()),
        None => Capacity::Unlimited,
    };
    let station = Station {
        id: "mql".to_owned(),
        name: "Sales development".to_owned(),
        entered,
        arrivals: entered,
        worked,
        went_on,
        waiting,
        running,
        capacity,
        delay: quantile(&works, 0.5).unwrap_or(1.0).max(0.5),
        spread: spread(&works),
        patience: patience.clamp(2.0, PATIENT),
        days: quantile(&stays, 0.5),
    };
    Some((station, deals))
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
