//! Deals at their stages: who came, who was worked on, who waited.

use std::collections::{BTreeSet, HashMap};

use domain::definition::State;
use domain::{Ask, Given};
use stats::queue::line::{self, Item, Left, Pace};
use stats::queue::{Capacity, Measured};

use super::{Staff, Station, Window, patience, people, quantile, whole};
use crate::forecast::record::number;

/// Days after its last activity that a deal which was lost is taken to have lived.
const LIVED: i64 = 8;
/// Days without any activity after which an open deal is taken for dead.
const QUIET: i64 = 60;
/// Log odds against a limit that is not on record, before the stays speak.
const DOUBT: f64 = 1.5;

/// One stay of a deal.
struct Visit {
    deal: usize,
    index: i64,
    entered: i64,
    left: Left,
    /// The place of the stage to which it went on.
    next: Option<i64>,
    /// It came from outside of the network, not from a stage next to this one.
    outside: bool,
    first: bool,
}

/// All deals with their stays, in the order of entering.
pub(super) struct Deals {
    visits: Vec<Visit>,
    /// Creation, and whether it was won, of those that somebody worked on.
    pub(super) created: Vec<(i64, bool)>,
}

/// What is known of a deal beside its stays.
struct Life {
    created: Option<i64>,
    won: bool,
    active: Option<i64>,
}

/// Place of the stage `won`.
const WON: i64 = i64::MAX;

impl Deals {
    pub(super) fn of(ask: &Ask, given: &Given, last: i64) -> Self {
        let frame = given.frame("deals");
        let mut lives: HashMap<&str, Life> = HashMap::new();
        let rows = frame.texts("id").iter().zip(frame.days("created_on"));
        let more = frame.booleans("won").iter().zip(frame.days("last_activity_on"));
        for ((id, created), (won, active)) in rows.zip(more) {
            let Some(id) = id else { continue };
            let (created, active) = (created.map(number), active.map(number));
            lives.insert(id, Life { created, won: *won == Some(true), active });
        }
        // Where most deals that were won have activities, one without any was never worked on.
        let won = || lives.values().filter(|life| life.won);
        let told =
            10 * won().filter(|life| life.active.is_some()).count() >= 9 * won().count().max(1);
        let mut places: HashMap<&str, i64> = HashMap::new();
        let of_state =
            |state: State| ask.definitions.stages.iter().filter(move |s| s.state == state);
        places.extend(of_state(State::Open).map(|stage| &*stage.id).zip(1..));
        places.extend(of_state(State::Won).map(|stage| (&*stage.id, WON)));
        let frame = given.frame("visits");
        // Numbers by identifier, so that the order of rows decides nothing.
        let all: BTreeSet<&str> =
            frame.texts("opportunity_id").iter().filter_map(Option::as_deref).collect();
        let numbers: HashMap<&str, usize> = all.into_iter().zip(0..).collect();
        let mut ids: HashMap<&str, usize> = HashMap::new();
        let mut visits: Vec<Visit> = Vec::new();
        let mut stays: Vec<(usize, i64, i64)> = Vec::new();
        for row in 0..frame.n_rows() {
            let text = |name| frame.texts(name).get(row).and_then(Option::as_deref);
            let day = |name| frame.days(name).get(row).copied().flatten().map(number);
            let integer = |name| frame.integers(name).get(row).copied().flatten();
            let Some(id) = text("opportunity_id") else { continue };
            let life = lives.get(id);
            let silent = |life: &Life| {
                life.active.is_none()
                    && !life.won
                    && life.created.is_some_and(|day| day < last - QUIET)
            };
            if told && life.is_some_and(silent) {
                continue;
            }
            let deal = numbers.get(id).copied().unwrap_or(0);
            ids.insert(id, deal);
            let position = integer("position").unwrap_or(1);
            let index = integer("stage_index").unwrap_or(0);
            stays.push((deal, position, index));
            let (Some(entered), 1..) = (day("entered_on"), index) else { continue };
            let died = life.and_then(|life| life.active).filter(|_| told).map(|on| on + LIVED);
            let next = text("next").map(|next| places.get(next).copied());
            let left = match (day("left_on"), next) {
                (Some(left), Some(Some(_))) => Left::On(left),
                (Some(left), _) => Left::Lost(died.map_or(left, |died| died.clamp(entered, left))),
                (None, _) => match died {
                    Some(died) if died < last - QUIET => Left::Lost(died.max(entered)),
                    _ => Left::Stays,
                },
            };
            let (next, first) = (next.flatten(), position == 1);
            visits.push(Visit { deal, index, entered, left, next, outside: false, first });
            if let Some(visit) = visits.last_mut() {
                visit.outside = first;
            }
        }
        let created = ids
            .keys()
            .filter_map(|id| lives.get(id))
            .filter_map(|life| Some((life.created?, life.won)))
            .collect();
        // Where each stay came from: the one before it in the deal.
        stays.sort_unstable();
        let mut before: HashMap<(usize, i64), Vec<i64>> = HashMap::new();
        for pair in stays.windows(2) {
            if let [(deal, _, from), (same, _, to)] = pair
                && deal == same
            {
                before.entry((*deal, *to)).or_default().push(*from);
            }
        }
        visits.sort_by_key(|visit| (visit.entered, visit.deal, visit.index));
        let mut times: HashMap<(usize, i64), usize> = HashMap::new();
        for visit in &mut visits {
            if visit.first {
                continue;
            }
            let key = (visit.deal, visit.index);
            let time = times.entry(key).or_insert(0);
            let from = before.get(&key).and_then(|from| from.get(*time)).copied().unwrap_or(0);
            *time += 1;
            let near = [visit.index - 2, visit.index - 1, visit.index + 1];
            visit.outside = from < 1 || !near.contains(&from);
        }
        Self { visits, created }
    }

    /// The first day on which a deal came to a stage.
    pub(super) fn first(&self) -> Option<i64> {
        self.visits.first().map(|visit| visit.entered)
    }

    /// Measures a stage: identifier and name, place, how many of those that came first had been
    /// leads, and its people.
    pub(super) fn station(
        &self,
        window: &Window,
        (id, name): (&str, &str),
        index: i64,
        leads: &[u64],
        staff: Option<&Staff>,
    ) -> (Station, Vec<(f64, bool)>) {
        let visits: Vec<&Visit> = self.visits.iter().filter(|visit| visit.index == index).collect();
        let items: Vec<Item> =
            visits.iter().map(|visit| Item { came: visit.entered, left: visit.left }).collect();
        let came = visits.iter().filter(|visit| visit.outside).map(|visit| visit.entered);
        let mut arrivals = window.counts(came);
        for (count, leads) in arrivals.iter_mut().zip(leads) {
            *count = count.saturating_sub(*leads);
        }
        let free = || line::replayed(&items, &Pace::free(window.to), window.to);
        let (mut sure, mut staffed) = (1.0, Vec::new());
        let (capacity, replayed) = if let Some(staff) = staff {
            staffed = window.staffed(&staff.pace);
            let capacity = Capacity::Recorded(people(staff.heads), staff.pace.on(window.to));
            (capacity, line::replayed(&items, &staff.pace, window.to))
        } else {
            let inferred = line::infer(&items, window.to);
            match inferred {
                Some(found) if found.evidence > DOUBT => {
                    sure = 1.0 / (1.0 + (DOUBT - found.evidence).exp());
                    staffed = window.staffed(&found.pace);
                    let a_day = found.pace.on(window.to);
                    (Capacity::Seen(whole(365.0 * a_day), 365.0), found.replayed)
                }
                _ => (Capacity::Unlimited, free()),
            }
        };
        let (mut worked, mut went_on, mut skipped, mut went_back) = (0, 0, 0, 0);
        let (mut waits, mut runs) = ((0, 0), (0, 0));
        let mut waited: Vec<(f64, bool)> = Vec::new();
        let mut ahead: Vec<i64> = Vec::new();
        for (visit, begun) in visits.iter().zip(&replayed.begun) {
            if let (Left::On(_) | Left::Lost(_), Some(begun)) = (visit.left, begun) {
                let on = matches!(visit.left, Left::On(_));
                waited.push(((begun - visit.entered) as f64, on));
            }
            let end = match visit.left {
                Left::On(left) => {
                    let on = visit.next.is_some_and(|place| place > index);
                    if window.holds(left) {
                        worked += 1;
                        went_on += u64::from(on);
                        went_back += u64::from(!on);
                        skipped +=
                            u64::from(on && visit.next.is_some_and(|p| p > index + 1 && p < WON));
                    }
                    if on && window.lately(left) {
                        ahead.push(left - visit.entered);
                    }
                    left
                }
                Left::Lost(left) => {
                    worked += u64::from(begun.is_some() && window.holds(left));
                    left
                }
                Left::Stays => i64::MAX,
            };
            for (day, (waiting, running)) in [(window.from, &mut waits), (window.to, &mut runs)] {
                if visit.entered <= day && day < end {
                    let at_work = begun.is_some_and(|begun| begun <= day);
                    *if at_work { running } else { waiting } += 1;
                }
            }
        }
        ahead.sort_unstable();
        let lately = visits.iter().filter(|visit| window.lately(visit.entered)).count();
        let usual_wait =
            waited.iter().map(|(wait, _)| wait).sum::<f64>() / waited.len().max(1) as f64;
        let station = Station {
            id: id.to_owned(),
            name: name.to_owned(),
            entered: lately as u64,
            waiting: runs.0,
            running: runs.1,
            days: quantile(&ahead, 0.5),
            measured: Measured {
                arrivals,
                more: Vec::new(),
                worked,
                went_on,
                skipped,
                went_back,
                capacity,
                sure,
                staffed,
                delay: replayed.work.median.clamp(0.5, 3_650.0),
                delay_spread: replayed.work.spread,
                patience: patience(replayed.waited, replayed.gave_up),
                usual_wait,
                waiting: waits.0,
                running: waits.1,
            },
        };
        (station, waited)
    }
}
