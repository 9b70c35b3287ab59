//! Leads that wait for sales development.

use std::collections::HashMap;

use domain::Given;
use stats::queue::line::Pace;
use stats::queue::{Capacity, Measured};

use super::deals::Deals;
use super::{STRETCH, Staff, Station, Window, patience, people, quantile, spread, whole};
use crate::forecast::record::number;

/// Days after which an accepted lead without a deal is taken to have come to nothing.
const SETTLED: i64 = 60;
/// Days on which somebody waited, below which nothing is said of what people can work.
const JUDGED: u64 = 20;

/// A person among the leads.
#[derive(Default)]
struct Lead {
    born: Option<i64>,
    mql: Option<i64>,
    sal: Option<i64>,
    deal: Option<i64>,
    won: bool,
    disqualified: bool,
}

impl Lead {
    fn begun(&self) -> Option<i64> {
        self.sal.or(self.deal)
    }

    fn came(&self) -> Option<i64> {
        self.mql.or(self.begun())
    }
}

/// All leads.
pub(super) struct Leads(Vec<Lead>);

impl Leads {
    pub(super) fn of(given: &Given) -> Self {
        let frame = given.frame("lead_stages");
        let mut found: HashMap<&str, Lead> = HashMap::new();
        let rows = frame.texts("id").iter().zip(frame.texts("stage")).zip(frame.days("entered_on"));
        for (((id, stage), day), disqualified) in rows.zip(frame.booleans("disqualified")) {
            let (Some(id), Some(stage), Some(day)) = (id, stage, day) else { continue };
            let (lead, day) = (found.entry(id).or_default(), number(*day));
            lead.disqualified |= *disqualified == Some(true);
            match &**stage {
                "inquiry" => lead.born = Some(day),
                "mql" => lead.mql = Some(day),
                "sal" => lead.sal = Some(day),
                "opportunity" => lead.deal = Some(day),
                "won" => lead.won = true,
                _ => {}
            }
        }
        Self(found.into_values().collect())
    }

    /// How many became deals, by stretch.
    pub(super) fn became(&self, window: &Window) -> Vec<u64> {
        window.counts(self.0.iter().filter_map(|lead| lead.deal))
    }

    /// Deals won and created that had been leads, and others: those old enough to have ended.
    pub(super) fn ended(&self, deals: &Deals, window: &Window) -> [(u64, u64); 2] {
        let old = |day: i64| window.from < day && day <= window.to - 4 * STRETCH;
        let count = |pairs: &mut dyn Iterator<Item = (i64, bool)>| {
            pairs
                .filter(|(day, _)| old(*day))
                .fold((0, 0), |(won, all), (_, w)| (won + u64::from(w), all + 1))
        };
        let first = count(&mut self.0.iter().filter_map(|lead| Some((lead.deal?, lead.won))));
        let all = count(&mut deals.created.iter().copied());
        [first, (all.0.saturating_sub(first.0), all.1.saturating_sub(first.1))]
    }

    /// Measures how sales development keeps up; none where no such stage is on record.
    pub(super) fn station(&self, window: &Window, staff: Option<&Staff>) -> Option<Station> {
        let (mut worked, mut went_on, mut entered) = (0_u64, 0_u64, 0_u64);
        let (mut then, mut now) = ((0_u32, 0_u32), (0_u32, 0_u32));
        let mut gave_up = 0_u64;
        let (mut waits, mut works, mut stays) = (Vec::new(), Vec::new(), Vec::new());
        let mut late: Vec<i64> = Vec::new();
        let days = usize::try_from(window.to - window.from + 1).unwrap_or(1);
        // Who waits at the end of each day, and whose work began on it.
        let (mut line, mut starts) = (vec![0_i64; days + 1], vec![0_u64; days + 1]);
        let place = |day: i64| usize::try_from((day - window.from).max(0)).unwrap_or(0).min(days);
        for lead in &self.0 {
            let Some(came) = lead.came() else { continue };
            entered += u64::from(window.lately(came));
            late.extend(lead.born.map(|born| (came - born).max(0)));
            let waited_until = match lead.begun() {
                Some(day) => {
                    if window.holds(day) {
                        let settled =
                            lead.deal.is_some() || lead.disqualified || window.to - day > SETTLED;
                        waits.push(day - came);
                        worked += u64::from(settled);
                        now.1 += u32::from(!settled);
                        went_on += u64::from(lead.deal.is_some());
                        if let Some(deal) = lead.deal {
                            works.push(deal - day);
                            if window.lately(deal) {
                                stays.push(deal - came);
                            }
                        }
                        if let Some(starts) = starts.get_mut(place(day)) {
                            *starts += 1;
                        }
                    } else if lead.deal.is_some_and(|deal| deal > window.from) {
                        then.1 += 1;
                    }
                    day
                }
                None if lead.disqualified => {
                    gave_up += u64::from(window.holds(came));
                    continue;
                }
                None => {
                    now.0 += 1;
                    window.to + 1
                }
            };
            then.0 += u32::from(came <= window.from && window.from < waited_until);
            if let Some(count) = line.get_mut(place(came)) {
                *count += 1;
            }
            if let Some(count) = line.get_mut(place(waited_until)) {
                *count -= 1;
            }
        }
        if entered == 0 {
            return None;
        }
        for days in [&mut waits, &mut works, &mut stays, &mut late] {
            days.sort_unstable();
        }
        let waited: f64 = waits.iter().sum::<i64>() as f64;
        let middle = quantile(&waits, 0.5).unwrap_or(0.0);
        // On days that end with somebody waiting, people did what they can.
        let (mut waiting, mut busy) = (0, Vec::new());
        for (change, starts) in line.iter().zip(&starts).take(days).skip(1) {
            waiting += change;
            busy.push((waiting > 0).then_some(*starts));
        }
        let (n_busy, n_begun) =
            busy.iter().flatten().fold((0_u64, 0_u64), |(n, sum), starts| (n + 1, sum + starts));
        let (capacity, staffed) = match staff {
            Some(staff) => (
                Capacity::Recorded(people(staff.heads), staff.pace.on(window.to)),
                window.staffed(&staff.pace),
            ),
            None if n_busy >= JUDGED && 20 * n_busy > days as u64 && n_begun > 0 => {
                let pace = pace(&busy, window.from + 1, n_begun as f64 / n_busy as f64);
                let now = pace.on(window.to);
                (Capacity::Seen(whole(now * n_busy as f64), n_busy as f64), window.staffed(&pace))
            }
            None => (Capacity::Unlimited, Vec::new()),
        };
        // Half of those who gave up did so in the first half of the usual wait.
        let lost = 0.5 * middle * gave_up as f64;
        let within = |days: i64| late.partition_point(|delay| *delay <= days) as f64;
        let stretches = i64::try_from(window.stretches).unwrap_or(1) + 12;
        let more = (0..stretches).map(|at| within(at * STRETCH + 15) / late.len().max(1) as f64);
        Some(Station {
            id: "mql".to_owned(),
            name: "Sales development".to_owned(),
            entered,
            waiting: now.0,
            running: now.1,
            days: quantile(&stays, 0.5),
            measured: Measured {
                arrivals: window.counts(self.0.iter().filter_map(Lead::came)),
                more: more.collect(),
                worked,
                went_on,
                skipped: 0,
                went_back: 0,
                capacity,
                sure: 1.0,
                staffed,
                delay: quantile(&works, 0.5).unwrap_or(1.0).max(0.5),
                delay_spread: spread(&works),
                patience: patience(waited + lost, gave_up),
                usual_wait: waited / waits.len().max(1) as f64,
                waiting: then.0,
                running: then.1,
            },
        })
    }
}

/// What people did around each day on which somebody waited, drawn towards the mean of all.
fn pace(busy: &[Option<u64>], from: i64, mean: f64) -> Pace {
    const AROUND: usize = 90;
    const PULL: f64 = 30.0;
    let mut sums = vec![(0.0, 0.0)];
    for starts in busy {
        let (n, sum) = sums.last().copied().unwrap_or((0.0, 0.0));
        sums.push(starts.map_or((n, sum), |starts| (n + 1.0, sum + starts as f64)));
    }
    let of = |day: usize| {
        let at = |day: usize| sums.get(day.min(busy.len())).copied().unwrap_or((0.0, 0.0));
        let (low, high) = (at(day.saturating_sub(AROUND)), at(day + AROUND));
        (high.1 - low.1 + PULL * mean) / (high.0 - low.0 + PULL)
    };
    Pace { from, a_day: (0..busy.len()).map(of).collect() }
}
