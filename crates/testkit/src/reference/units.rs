//! Demand units: the people of one account in one purchase.

use std::collections::BTreeSet;

use domain::definition::{LeadStage, State};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::Company;
use super::deals::Opportunity;
use super::touches::Touch;

/// A unit of an account.
#[derive(Default)]
struct Unit<'a> {
    deal: Option<&'a Opportunity>,
    touches: Vec<&'a Touch>,
    prioritized: Option<Date>,
    qualified: Option<Date>,
}

fn span(days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}

impl Company {
    /// Returns the units, as lines: account, deal, people, days of the stages, outcome.
    pub fn demand_units(&self) -> BTreeSet<String> {
        let mut accounts: BTreeSet<String> = self
            .accounts
            .iter()
            .filter(|a| !a.gone)
            .map(|account| self.master(&account.id))
            .collect();
        accounts.extend(self.opportunities.iter().filter_map(|deal| deal.account.clone()));
        accounts.extend(self.touches.iter().filter_map(|touch| touch.account.clone()));
        let mut lines = BTreeSet::new();
        for account in &accounts {
            let units = self.units_of(account);
            let known = self.account(account);
            let known = known.filter(|account| account.targeted);
            let mut target = known.and_then(|a| a.created_at).map(|at| self.calendar.day(at));
            if units.is_empty() && target.is_some() {
                lines.insert(self.line(account, &Unit::default(), target));
            }
            for unit in &units {
                lines.insert(self.line(account, unit, target));
                let ends = [
                    unit.deal.and_then(|deal| deal.closed_on),
                    unit.touches.last().map(|touch| touch.day),
                    unit.deal.map(|deal| deal.created_on),
                ];
                let end = ends.into_iter().flatten().next();
                target = if known.is_some() { end.or(target) } else { None };
            }
        }
        for deal in self.opportunities.iter().filter(|deal| deal.account.is_none() && deal.counted)
        {
            lines.insert(self.line("-", &Unit { deal: Some(deal), ..Unit::default() }, None));
        }
        lines
    }

    fn units_of(&self, account: &str) -> Vec<Unit<'_>> {
        let rule = self.definitions.demand_units;
        let mut deals: Vec<&Opportunity> = self
            .opportunities
            .iter()
            .filter(|deal| deal.counted && deal.account.as_deref() == Some(account))
            .collect();
        deals.sort_by_key(|deal| (deal.created_at, &deal.id));
        let mut units: Vec<Unit<'_>> =
            deals.iter().map(|deal| Unit { deal: Some(deal), ..Unit::default() }).collect();
        // The deal that something belongs to: the next one soon, else one that is open.
        let of = |at: Timestamp| {
            let next = deals.iter().position(|deal| deal.created_at >= at);
            let soon = next.filter(|&n| deals[n].created_at <= at + span(rule.window_days));
            let open = |deal: &&Opportunity| {
                let end = deal.closed_on.map(|day| self.calendar.end_of_day(day));
                deal.created_at < at && end.is_none_or(|end| at <= end)
            };
            soon.or_else(|| deals.iter().rposition(open))
        };
        let own = |touch: &&Touch| touch.counted && touch.account.as_deref() == Some(account);
        for touch in self.touches.iter().filter(own) {
            if let Some(deal) = of(touch.at) {
                units[deal].touches.push(touch);
                continue;
            }
            let near = units.last().is_some_and(|unit| {
                let last = unit.touches.last().filter(|_| unit.deal.is_none());
                last.is_some_and(|last| touch.at <= last.at + span(rule.lapse_days))
            });
            if !near {
                units.push(Unit::default());
            }
            if let Some(unit) = units.last_mut() {
                unit.touches.push(touch);
            }
        }
        for person in self.people.iter().filter(|p| p.account.as_deref() == Some(account)) {
            for (stage, (day, _)) in self.stages_of(person) {
                if !matches!(stage, LeadStage::Mql | LeadStage::Sql) {
                    continue;
                }
                let begin = self.calendar.end_of_day(day.saturating_sub(1.day()));
                let begin = begin + SignedDuration::from_micros(1);
                let end = self.calendar.end_of_day(day);
                let loose = |unit: &Unit<'_>| {
                    unit.deal.is_none()
                        && unit.touches.first().is_some_and(|first| first.day <= day)
                        && unit.touches.last().is_some_and(|l| end <= l.at + span(rule.lapse_days))
                };
                let place = of(begin).or_else(|| units.iter().position(loose));
                if let Some(unit) = place.and_then(|place| units.get_mut(place)) {
                    let known = match stage {
                        LeadStage::Mql => &mut unit.prioritized,
                        _ => &mut unit.qualified,
                    };
                    *known = Some(known.map_or(day, |known| known.min(day)));
                }
            }
        }
        let begin = |unit: &Unit<'_>| {
            let first = unit.touches.first().map(|touch| touch.at);
            first.into_iter().chain(unit.deal.map(|deal| deal.created_at)).min()
        };
        let id = |unit: &Unit<'_>| unit.deal.map(|deal| deal.id.clone());
        units.sort_by_key(|unit| (begin(unit), id(unit)));
        units
    }

    fn is_person(&self, id: &str) -> bool {
        self.people.iter().any(|person| person.id == id)
    }

    /// The first touch with which enough touches or people lie within the days before it.
    fn engaged(&self, touches: &[&Touch]) -> Option<Date> {
        let rule = self.definitions.demand_units;
        touches.iter().enumerate().find_map(|(at, touch)| {
            let from = touch.at - span(rule.engaged_days);
            let near: Vec<&&Touch> =
                touches[..=at].iter().filter(|other| other.at >= from).collect();
            let people: BTreeSet<&String> = near
                .iter()
                .filter_map(|touch| touch.person.as_ref())
                .filter(|person| self.is_person(person))
                .collect();
            let enough = near.len() >= rule.engaged_touches as usize
                || people.len() >= rule.engaged_people as usize;
            enough.then_some(touch.day)
        })
    }

    fn line(&self, account: &str, unit: &Unit<'_>, target: Option<Date>) -> String {
        let mut days = [
            target,
            unit.touches.first().map(|touch| touch.day),
            self.engaged(&unit.touches),
            unit.prioritized,
            unit.qualified,
            unit.deal.map(|deal| deal.created_on),
        ];
        for at in (1..days.len()).rev() {
            let later = days[at + 1..].iter().flatten().min().copied();
            if later.is_some_and(|later| days[at].is_some_and(|day| day > later)) {
                days[at] = None;
            }
        }
        let first = days[1..].iter().flatten().min().copied();
        days[0] = days[0].map(|target| first.map_or(target, |first| target.min(first)));
        let people: BTreeSet<&String> = unit
            .touches
            .iter()
            .filter_map(|touch| touch.person.as_ref())
            .filter(|person| self.is_person(person))
            .collect();
        let n_people = people.len().max(unit.deal.map_or(0, |deal| deal.people.len()));
        let lapse = i64::from(self.definitions.demand_units.lapse_days);
        let outcome = match (unit.deal, unit.touches.last()) {
            (Some(deal), _) => match deal.state {
                State::Open => "open",
                State::Won => "won",
                State::Lost => "lost",
            },
            (None, Some(last)) if last.day.saturating_add(lapse.days()) < self.as_of => "lapsed",
            (None, _) => "open",
        };
        let closed = unit.deal.and_then(|deal| deal.closed_on);
        let mut words = vec![
            account.to_owned(),
            unit.deal.map_or("-".to_owned(), |deal| deal.id.clone()),
            n_people.to_string(),
        ];
        words.extend(
            days.iter().chain([&closed]).map(|day| day.map_or("-".to_owned(), |d| d.to_string())),
        );
        words.push(outcome.to_owned());
        words.join(" ")
    }
}
