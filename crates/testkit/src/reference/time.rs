//! What happened when: changes of deals, their stays in stages, and stages of leads.

use std::collections::{BTreeMap, BTreeSet};

use domain::Decimal;
use domain::definition::{LeadStage, State};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Company;
use super::deals::Opportunity;
use super::files::{Exports, Row, sheet};

/// A change of a field of a deal, as one of the two histories tells it.
#[derive(Clone, Debug)]
pub(super) struct Move {
    deal: String,
    at: Timestamp,
    id: String,
    field: &'static str,
    old: String,
    new: String,
}

/// A record of a person that entered a status.
#[derive(Clone, Debug)]
pub(super) struct Step {
    record: String,
    status: String,
    at: Timestamp,
}

const FIELDS: [(&str, &str); 4] = [
    ("StageName", "stage"),
    ("Amount", "amount"),
    ("CloseDate", "close_on"),
    ("ForecastCategory", "forecast_category"),
];

fn created(row: &Row) -> Option<Timestamp> {
    row.instant("CreatedDate", &TimeZone::UTC)
}

/// Reads both histories: a snapshot says what each field is.
pub(super) fn moves(exports: Exports<'_>, company: &Company) -> Vec<Move> {
    let mut all = Vec::new();
    for row in sheet(exports, "OpportunityHistory") {
        if let (Some(deal), Some(id), Some(at)) =
            (row.id("OpportunityId"), row.id("Id"), created(&row))
        {
            for (column, field) in FIELDS {
                let (deal, id) = (deal.clone(), id.clone());
                let (old, new) = (String::new(), row.text(column).to_owned());
                all.push(Move { deal, at, id, field, old, new });
            }
        }
    }
    for row in sheet(exports, "OpportunityFieldHistory") {
        let field = FIELDS.iter().find(|(column, _)| *column == row.text("Field"));
        let field = field.map(|(_, field)| *field);
        let field = field.or((row.text("Field") == "created").then_some("created"));
        if let (Some(deal), Some(id), Some(at), Some(field)) =
            (row.id("OpportunityId"), row.id("Id"), created(&row), field)
        {
            let (old, new) = (row.text("OldValue").to_owned(), row.text("NewValue").to_owned());
            all.push(Move { deal, at, id, field, old, new });
        }
    }
    all.retain(|one| one.at <= company.end);
    all.sort_by(|a, b| (&a.deal, a.at, &a.id).cmp(&(&b.deal, b.at, &b.id)));
    all
}

/// Reads the statuses that leads entered.
pub(super) fn lifecycle(exports: Exports<'_>, company: &Company) -> Vec<Step> {
    let mut steps: Vec<Step> = sheet(exports, "LeadHistory")
        .iter()
        .filter(|row| row.text("Field") == "Status")
        .filter_map(|row| {
            let (record, status) = (row.id("LeadId")?, row.text("NewValue").to_owned());
            Some(Step { record, status, at: created(row)? })
        })
        .collect();
    steps.retain(|step| step.at <= company.end);
    steps
}

impl Company {
    /// What a value means, as a text that is the same for the same meaning.
    fn meaning(&self, field: &str, text: &str) -> String {
        match field {
            "stage" => self
                .definitions
                .stage(text)
                .map_or_else(|| text.to_owned(), |stage| stage.id.to_string()),
            "amount" => text
                .parse::<Decimal>()
                .map_or_else(|_| text.to_owned(), |amount| amount.normalize().to_string()),
            "close_on" => text.get(..10).unwrap_or(text).to_owned(),
            _ => text.to_lowercase().replace(['_', ' '], ""),
        }
    }

    /// The real changes of a deal: the field, the meanings before and after, and when; and the
    /// stage with which it began.
    fn told(&self, deal: &Opportunity) -> (Vec<(&'static str, String, String, Timestamp)>, String) {
        let own: Vec<&Move> = self.moves.iter().filter(|one| one.deal == deal.id).collect();
        let entered = own.iter().find(|one| one.field == "created").map(|one| one.at);
        let begin = entered.unwrap_or(deal.created_at);
        let mut present: BTreeMap<&str, String> = BTreeMap::new();
        let (mut told, mut first_stage) = (Vec::new(), None);
        for one in own.iter().filter(|one| one.field != "created") {
            let (old, new) = (self.meaning(one.field, &one.old), self.meaning(one.field, &one.new));
            let silent = old.is_empty() && new.is_empty() && !present.contains_key(one.field);
            if silent || present.get(one.field) == Some(&new) {
                continue;
            }
            let first = present.insert(one.field, new.clone()).is_none();
            let at_once = one.at <= begin + SignedDuration::from_hours(24);
            if first && one.field == "stage" {
                first_stage =
                    Some(if old.is_empty() && at_once { new.clone() } else { old.clone() });
            }
            if !(first && old.is_empty() && at_once) && old != new {
                told.push((one.field, old, new, one.at));
            }
        }
        let unmoved = || if deal.state == State::Open { deal.stage.clone() } else { String::new() };
        (told, first_stage.unwrap_or_else(unmoved))
    }

    /// Returns how often each field of the deals changed, with their creations.
    pub fn deal_changes(&self) -> BTreeMap<String, i64> {
        let mut counts = BTreeMap::new();
        for deal in &self.opportunities {
            *counts.entry("created".to_owned()).or_insert(0) += 1;
            for (field, ..) in self.told(deal).0 {
                *counts.entry(field.to_owned()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// Returns the stays of deals in stages, as lines: deal, stage, entered, left, how.
    pub fn stage_visits(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for deal in &self.opportunities {
            let (told, first_stage) = self.told(deal);
            let recorded = self.moves.iter().any(|one| one.deal == deal.id);
            let begin = self.moves.iter().find(|m| m.deal == deal.id && m.field == "created");
            let begin = self.calendar.day(begin.map_or(deal.created_at, |one| one.at));
            let mut stays: Vec<(String, Option<Date>)> = Vec::new();
            if !recorded {
                stays.push((deal.stage.clone(), deal.closed_on));
            } else if !first_stage.is_empty() {
                stays.push((first_stage, Some(begin)));
            }
            for (_, _, new, at) in told.iter().filter(|told| told.0 == "stage") {
                stays.push((new.clone(), Some(self.calendar.day(*at))));
            }
            let state = |stage: &str| {
                self.definitions.stage(stage).map_or(State::Open, |stage| stage.state)
            };
            let known = stays.last().map_or(State::Open, |(stage, _)| state(stage));
            if deal.state != State::Open && known != deal.state {
                stays.push((deal.stage.clone(), deal.closed_on));
            }
            for (at, (stage, entered)) in stays.iter().enumerate() {
                let left = stays.get(at + 1).map(|(_, day)| *day);
                let before = at.checked_sub(1).and_then(|at| stays.get(at));
                let how = self.how(before.map(|(stage, _)| stage.as_str()), stage);
                let day = |day: Option<Date>| day.map_or("-".to_owned(), |day| day.to_string());
                let (entered, left) = (day(*entered), day(left.flatten()));
                lines.insert(format!("{} {at} {stage} {entered} {left} {how}", deal.id));
            }
        }
        lines
    }

    /// How a stage was entered.
    fn how(&self, before: Option<&str>, stage: &str) -> &'static str {
        let open: Vec<&str> = self
            .definitions
            .stages
            .iter()
            .filter(|stage| stage.state == State::Open)
            .map(|stage| &*stage.id)
            .collect();
        let place = |stage: &str| open.iter().position(|one| *one == stage);
        let closed = |stage: &str| {
            self.definitions.stage(stage).is_some_and(|stage| stage.state != State::Open)
        };
        match before {
            _ if closed(stage) => "closed",
            None => "first",
            Some(before) if closed(before) => "reopened",
            Some(before) => match (place(before), place(stage)) {
                (Some(old), Some(new)) if new < old => "backward",
                (Some(old), Some(new)) if new > old + 1 => "skipped",
                _ => "forward",
            },
        }
    }

    /// Returns the days on which a person entered stages, and whether the source recorded it.
    pub(super) fn stages_of(&self, person: &super::Person) -> BTreeMap<LeadStage, (Date, bool)> {
        let mut found: BTreeMap<LeadStage, Vec<(Date, bool)>> = BTreeMap::new();
        let mut add = |stage, day, derived| found.entry(stage).or_default().push((day, derived));
        let known = self.calendar.day(person.created_at);
        add(LeadStage::Inquiry, known, true);
        for step in self.lifecycle.iter().filter(|step| person.records.contains(&step.record)) {
            if let Some(stage) = self.definitions.leads.stage(&step.status) {
                add(stage, self.calendar.day(step.at), false);
            }
        }
        if let Some(at) = person.converted_at {
            add(LeadStage::Sql, self.calendar.day(at), true);
        }
        for deal in self.opportunities.iter().filter(|deal| deal.people.contains(&person.id)) {
            if deal.counted {
                add(LeadStage::Opportunity, deal.created_on.max(known), true);
                if let (true, Some(day)) = (deal.won(), deal.closed_on) {
                    add(LeadStage::Won, day.max(known), true);
                }
            }
        }
        let first = |days: Vec<(Date, bool)>| days.into_iter().min();
        found.into_iter().filter_map(|(stage, days)| Some((stage, first(days)?))).collect()
    }

    /// Returns the stages of leads, as lines: person, stage, entered, left, how.
    pub fn lead_stages(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for person in &self.people {
            let stages = self.stages_of(person);
            for (stage, (day, derived)) in &stages {
                let higher = stages.iter().filter(|(other, _)| *other > stage);
                let left = higher.map(|(_, (other, _))| other).filter(|other| *other >= day).min();
                let left = left.map_or("-".to_owned(), ToString::to_string);
                let how = if *derived { "derived" } else { "record" };
                lines.insert(format!("{} {} {day} {left} {how}", person.id, stage.id()));
            }
        }
        lines
    }
}
