//! Relations of people, programs, money and capacity.

use std::sync::Arc;

use domain::Frame;

use super::{Deal, Made, account_id, at_noon, born, date, deals, month_text, quarter_text};
use super::{seen, segment, source_id, state};
use crate::clock;
use crate::small::diary::WON;
use crate::small::flow::{NEVER, Path, Prospect, Source};
use crate::small::law::{Program, STAGES, station_id};
use crate::small::{Company, program_id, program_name};

/// A lead as it was known on a day.
struct Lead<'a> {
    who: usize,
    prospect: &'a Prospect,
    path: &'a Path,
    deal: Option<&'a Deal<'a>>,
}

fn all_leads<'a>(company: &'a Company, deals: &'a [Deal<'a>], until: i64) -> Vec<Lead<'a>> {
    let mut of: Vec<Option<&Deal<'_>>> = vec![None; company.prospects.len()];
    for deal in deals.iter().filter(|deal| deal.record.copy_of.is_none()) {
        if let Some(to) = deal.record.who.and_then(|who| of.get_mut(who)) {
            *to = Some(deal);
        }
    }
    let lead = |(who, prospect): (usize, &'a Prospect)| {
        let path = company.paths.get(who)?;
        let deal = of.get(who).copied().flatten();
        let known = prospect.lead() && !prospect.extra && prospect.born <= until;
        known.then_some(Lead { who, prospect, path, deal })
    };
    let mut found: Vec<Lead<'_>> = company.prospects.iter().enumerate().filter_map(lead).collect();
    found.sort_by_key(|lead| (lead.prospect.born, lead.who));
    found
}

fn lead_status(lead: &Lead<'_>, until: i64) -> &'static str {
    if lead.deal.is_some() {
        "Converted"
    } else if lead.path.dropped <= until {
        "Disqualified"
    } else if lead.path.sal <= until {
        "Working"
    } else {
        "Open"
    }
}

fn lead_channel(company: &Company, lead: &Lead<'_>) -> &'static str {
    company.channel_of(lead.prospect.source, lead.prospect.program)
}

fn lead_id(who: usize) -> String {
    format!("p{who:06}")
}

fn won_deal<'a>(lead: &Lead<'a>) -> Option<&'a Deal<'a>> {
    lead.deal.filter(|deal| deal.stage == WON)
}

pub(super) fn program_leads(company: &Company, until: i64) -> Frame {
    let deals = deals(company, until);
    let mut rows = all_leads(company, &deals, until);
    rows.retain(|lead| lead.prospect.program.is_some());
    Made::of(&rows)
        .text("program_id", |l| l.prospect.program.map(program_id))
        .text("program", |l| l.prospect.program.map(program_name))
        .text("channel", |l| Some(lead_channel(company, l)))
        .text("segment", |l| Some(segment(company, l.prospect.segment)))
        .text("id", |l| Some(lead_id(l.who)))
        .text("account_id", |l| Some(account_id(l.who)))
        .day("entered_on", |l| date(l.prospect.born))
        .day("converted_on", |l| {
            l.deal.and_then(|deal| date(deal.record.created.max(l.prospect.born)))
        })
        .day("won_on", |l| won_deal(l).and_then(|deal| date(deal.close)))
        .money("amount", |l| won_deal(l).and_then(|deal| deal.amount))
        .shared("opportunity_id", |l| l.deal.map(|deal| Arc::clone(&deal.id)))
        .frame()
}

const LEAD_STAGES: [&str; 6] = ["inquiry", "mql", "sal", "sql", "opportunity", "won"];

struct LeadStay<'r, 'd> {
    lead: &'r Lead<'d>,
    stage: usize,
    entered: i64,
    left: i64,
}

pub(super) fn lead_stages(company: &Company, until: i64) -> Frame {
    let deals = deals(company, until);
    let leads = all_leads(company, &deals, until);
    let mut rows: Vec<LeadStay<'_, '_>> = Vec::new();
    for lead in &leads {
        let known = |day: i64| if day <= until { day } else { NEVER };
        let created = lead.deal.map_or(NEVER, |deal| deal.record.known);
        let won = won_deal(lead).map_or(NEVER, |deal| deal.close);
        let (path, prospect) = (lead.path, lead.prospect);
        let mql = known(prospect.mql);
        let days = [prospect.born, mql, known(path.sal), known(path.sql), created, won];
        for (stage, entered) in days.into_iter().enumerate().filter(|(_, day)| *day < NEVER) {
            let later = days.iter().skip(stage + 1).copied().find(|day| *day < NEVER);
            rows.push(LeadStay { lead, stage, entered, left: later.unwrap_or(NEVER) });
        }
    }
    Made::of(&rows)
        .text("id", |row| Some(lead_id(row.lead.who)))
        .text("stage", |row| LEAD_STAGES.get(row.stage).copied())
        .integer("stage_index", |row| i64::try_from(row.stage + 1).ok())
        .day("entered_on", |row| date(row.entered))
        .day("left_on", |row| date(row.left))
        .text("how", |row| Some(if row.stage >= 4 { "derived" } else { "record" }))
        .text("account_id", |row| Some(account_id(row.lead.who)))
        .text("segment", |row| Some(segment(company, row.lead.prospect.segment)))
        .text("channel", |row| Some(lead_channel(company, row.lead)))
        .text("program_id", |row| row.lead.prospect.program.map(program_id))
        .text("program", |row| row.lead.prospect.program.map(program_name))
        .day("created_on", |row| date(row.lead.prospect.born))
        .text("month", |row| Some(month_text(row.lead.prospect.born)))
        .text("quarter", |row| Some(quarter_text(row.lead.prospect.born)))
        .text("status", |row| Some(lead_status(row.lead, until)))
        .flag("disqualified", |row| Some(row.lead.path.dropped <= until))
        .frame()
}

pub(super) fn leads(company: &Company, until: i64) -> Frame {
    let deals = deals(company, until);
    let rows = all_leads(company, &deals, until);
    Made::of(&rows)
        .text("id", |l| Some(lead_id(l.who)))
        .day("created_on", |l| date(l.prospect.born))
        .text("month", |l| Some(month_text(l.prospect.born)))
        .text("quarter", |l| Some(quarter_text(l.prospect.born)))
        .text("account_id", |l| Some(account_id(l.who)))
        .text("segment", |l| Some(segment(company, l.prospect.segment)))
        .text("channel", |l| Some(lead_channel(company, l)))
        .text("side", |_| Some("marketing"))
        .text("program_id", |l| l.prospect.program.map(program_id))
        .text("program", |l| l.prospect.program.map(program_name))
        .text("lead_source", |_| Some("Web"))
        .text("status", |l| Some(lead_status(l, until)))
        .flag("converted", |l| Some(l.deal.is_some()))
        .shared("opportunity_id", |l| l.deal.map(|deal| Arc::clone(&deal.id)))
        .frame()
}

/// A buying group: of a lead, or of a deal that began without one.
struct Unit<'r, 'd> {
    lead: Option<&'r Lead<'d>>,
    deal: Option<&'r Deal<'d>>,
}

pub(super) fn demand_units(company: &Company, until: i64) -> Frame {
    let deals = deals(company, until);
    let leads = all_leads(company, &deals, until);
    let mut rows: Vec<Unit<'_, '_>> =
        leads.iter().map(|lead| Unit { lead: Some(lead), deal: lead.deal }).collect();
    let alone = |deal: &&Deal<'_>| born(company, deal.record).is_none();
    rows.extend(deals.iter().filter(alone).map(|deal| Unit { lead: None, deal: Some(deal) }));
    let account = |unit: &Unit<'_, '_>| {
        unit.lead.map(|l| l.who).or_else(|| unit.deal.map(|d| d.record.account)).unwrap_or(0)
    };
    let known = |day: i64| seen(day, until);
    let lead_day = |unit: &Unit<'_, '_>, of: &dyn Fn(&Lead<'_>) -> i64| {
        unit.lead.and_then(|lead| known(of(lead)))
    };
    let created = |unit: &Unit<'_, '_>| unit.deal.and_then(|deal| date(deal.record.created));
    let part = |unit: &Unit<'_, '_>| {
        let of_deal = |deal: &Deal<'_>| deal.record.segment;
        unit.lead.map(|l| l.prospect.segment).or_else(|| unit.deal.map(of_deal)).unwrap_or(0)
    };
    let came = |unit: &Unit<'_, '_>| {
        let of_lead = |lead: &Lead<'_>| (Source::Marketing, lead.prospect.program);
        let of_deal = |deal: &Deal<'_>| (deal.record.source, deal.record.program);
        unit.lead.map(of_lead).or_else(|| unit.deal.map(of_deal))
    };
    Made::of(&rows)
        .text("id", |unit| Some(format!("u{:06}", account(unit))))
        .text("account_id", |unit| Some(account_id(account(unit))))
        .text("account", |unit| Some(format!("Company {}", account(unit))))
        .text("segment", |unit| Some(segment(company, part(unit))))
        .text("channel", |unit| came(unit).map(|(source, at)| company.channel_of(source, at)))
        .text("program_id", |unit| came(unit)?.1.map(program_id))
        .text("program", |unit| came(unit)?.1.map(program_name))
        .text("source", |unit| came(unit).map(|(source, _)| source_id(source)))
        .shared("opportunity_id", |unit| unit.deal.map(|deal| Arc::clone(&deal.id)))
        .integer("n_people", |unit| {
            let roles = |deal: &Deal<'_>| deal.record.roles.iter().filter(|d| **d <= until).count();
            let n = unit.deal.map_or(0, roles).max(usize::from(unit.lead.is_some()));
            i64::try_from(n).ok()
        })
        .day("target_on", |unit| lead_day(unit, &|l| l.prospect.born).or_else(|| created(unit)))
        .day("active_on", |unit| lead_day(unit, &|l| l.prospect.born).or_else(|| created(unit)))
        .day("engaged_on", |unit| lead_day(unit, &|l| l.prospect.mql).or_else(|| created(unit)))
        .day("prioritized_on", |unit| lead_day(unit, &|l| l.path.sal).or_else(|| created(unit)))
        .day("qualified_on", |unit| lead_day(unit, &|l| l.path.sql).or_else(|| created(unit)))
        .day("pipeline_on", created)
        .day("closed_on", |unit| {
            unit.deal.filter(|deal| deal.stage == WON).and_then(|deal| date(deal.close))
        })
        .text("outcome", |unit| {
            let dropped = unit.lead.is_some_and(|lead| lead.path.dropped <= until);
            Some(match unit.deal {
                Some(deal) => state(deal.stage),
                None if dropped => "lapsed",
                None => "open",
            })
        })
        .money("amount", |unit| unit.deal.and_then(|deal| deal.amount))
        .frame()
}

pub(super) fn programs(company: &Company, until: i64) -> Frame {
    let rows: Vec<(usize, &Program)> =
        company.law.programs.iter().enumerate().filter(|(_, p)| p.start <= until).collect();
    let end = |p: &Program| if p.planned { p.end } else { NEVER };
    Made::of(&rows)
        .text("id", |(at, _)| Some(program_id(*at)))
        .text("name", |(at, _)| Some(program_name(*at)))
        .text("channel", |(_, p)| Some(p.channel))
        .text("side", |_| Some("marketing"))
        .text("kind", |(_, p)| Some(p.channel))
        .text("platform", |_| Some("crm"))
        .text("owner", |_| Some("Marketing"))
        .text("status", |(_, p)| Some(if p.end <= until { "Completed" } else { "In Progress" }))
        .day("start_on", |(_, p)| date(p.start))
        .day("end_on", |(_, p)| seen(p.end, until).or_else(|| date(end(p))))
        .money("budget", |(at, p)| Some(company.cost_of(*at, p.start, p.end)))
        .money("actual_cost", |(at, p)| Some(company.cost_of(*at, p.start, p.end.min(until + 1))))
        .frame()
}

pub(super) fn spend(company: &Company, until: i64, counted: bool) -> Frame {
    let mut rows: Vec<(i64, usize, i64)> = Vec::new();
    for (at, program) in company.law.programs.iter().enumerate().filter(|_| counted) {
        let first = program.start.max(company.law.from);
        let mut day = first;
        while day < program.end && day + 6 <= until {
            let cost = company.cost_of(at, day, (day + 7).min(program.end));
            rows.push((day + 6, at, cost));
            day += 7;
        }
    }
    rows.sort_unstable();
    let channel = |at: usize| company.law.programs.get(at).map(|program| program.channel);
    Made::of(&rows)
        .day("day", |row| date(row.0))
        .text("month", |row| Some(month_text(row.0)))
        .text("platform", |_| Some("crm"))
        .text("program_id", |row| Some(program_id(row.1)))
        .text("program", |row| Some(program_name(row.1)))
        .text("channel", |row| channel(row.1))
        .text("side", |_| Some("marketing"))
        .money("amount", |row| Some(row.2))
        .money("amount_native", |row| Some(row.2))
        .integer("impressions", |_| Some(0))
        .integer("clicks", |_| Some(0))
        .integer("invalid_clicks", |_| Some(0))
        .integer("n", |_| Some(1))
        .text("reason", |_| None::<&str>)
        .frame()
}

pub(super) fn touches(company: &Company, until: i64) -> Frame {
    let deals = deals(company, until);
    let rows = all_leads(company, &deals, until);
    Made::of(&rows)
        .text("touch_id", |l| Some(format!("t{:06}", l.who)))
        .instant("at", |l| at_noon(l.prospect.born, 0))
        .day("day", |l| date(l.prospect.born))
        .text("month", |l| Some(month_text(l.prospect.born)))
        .text("person_id", |l| Some(lead_id(l.who)))
        .text("account_id", |l| Some(account_id(l.who)))
        .text("account", |l| Some(format!("Company {}", l.who)))
        .text("segment", |l| Some(segment(company, l.prospect.segment)))
        .text("channel", |l| Some(lead_channel(company, l)))
        .text("side", |_| Some("marketing"))
        .text("program_id", |l| l.prospect.program.map(program_id))
        .text("program", |l| l.prospect.program.map(program_name))
        .text("kind", |_| Some("form"))
        .text("status", |_| Some("Responded"))
        .flag("responded", |_| Some(true))
        .flag("invalid", |_| Some(false))
        .flag("counted", |_| Some(true))
        .integer("n", |_| Some(1))
        .frame()
}

pub(super) fn touch_days(company: &Company, until: i64) -> Frame {
    let deals = deals(company, until);
    let mut keys: Vec<(i64, Option<usize>)> = all_leads(company, &deals, until)
        .iter()
        .map(|lead| (lead.prospect.born, lead.prospect.program))
        .collect();
    keys.sort_unstable();
    let rows: Vec<(i64, Option<usize>, usize)> = keys
        .chunk_by(|a, b| a == b)
        .filter_map(|same| same.first().map(|(day, program)| (*day, *program, same.len())))
        .collect();
    Made::of(&rows)
        .text("program_id", |row| row.1.map(program_id))
        .text("program", |row| row.1.map(program_name))
        .text("channel", |row| Some(company.channel_of(Source::Marketing, row.1)))
        .text("side", |_| Some("marketing"))
        .day("day", |row| date(row.0))
        .text("month", |row| Some(month_text(row.0)))
        .integer("n_touches", |row| i64::try_from(row.2).ok())
        .integer("n_invalid", |_| Some(0))
        .integer("n_sends", |_| Some(0))
        .frame()
}

/// Months that have begun by a day: their first days.
fn months(company: &Company, until: i64) -> impl Iterator<Item = i64> {
    let (from, to) = (clock::month_of(company.law.from), clock::month_of(until));
    (from..=to).map(clock::month_start)
}

pub(super) fn capacity(company: &Company, until: i64) -> Frame {
    let mut rows: Vec<(i64, usize)> = Vec::new();
    for month in months(company, until) {
        rows.extend((0..=STAGES).filter(|at| company.on_record(*at)).map(|at| (month, at)));
    }
    let station = |at: usize| company.law.stations.get(at);
    Made::of(&rows)
        .text("month", |row| Some(month_text(row.0)))
        .day("day", |row| date(row.0))
        .text("role", |row| station(row.1).and_then(|station| station.role))
        .number("headcount", |row| Some(company.capacity.heads_on(&company.law, row.1, row.0)))
        .number("units_per_head", |row| company.units_per_head(row.1))
        .text("stage", |row| Some(station_id(row.1)))
        .frame()
}

pub(super) fn budgets(company: &Company, until: i64) -> Frame {
    let mut rows: Vec<(i64, usize, i64)> = Vec::new();
    for month in months(company, until) {
        let next = clock::month_start(clock::month_of(month) + 1);
        for (at, program) in company.law.programs.iter().enumerate() {
            let (from, to) = (program.start.max(month), program.end.min(next));
            if from < to {
                rows.push((month, at, company.cost_of(at, from, to)));
            }
        }
    }
    let channel = |at: usize| company.law.programs.get(at).map(|program| program.channel);
    Made::of(&rows)
        .text("month", |row| Some(month_text(row.0)))
        .day("day", |row| date(row.0))
        .text("owner", |_| Some("Marketing"))
        .text("channel", |row| channel(row.1))
        .text("program_id", |row| Some(program_id(row.1)))
        .text("program", |row| Some(program_name(row.1)))
        .money("amount", |row| Some(row.2))
        .frame()
}
