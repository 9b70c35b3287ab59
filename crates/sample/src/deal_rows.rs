//! Opportunities, their histories and contact roles as rows, as they were at an instant.

use crate::clock::{DAY, fiscal};
use crate::deal::{COMPETITORS, Deal, Kind, LOSS_REASONS, LOST, STAGES, Version, WON};
use crate::ident::{CONTACT_ROLE, FIELD_HISTORY, OPPORTUNITY_HISTORY};
use crate::people_rows::{Ids, user_id};
use crate::random::{key, pick};
use crate::rows::{Row, day_into, money_into};
use crate::sheets::{Batch, Sheet};
use crate::story::Story;
use crate::world::{World, digits};

const NEXT_STEPS: [&str; 6] = [
    "Send quote",
    "Call back after the shutdown, then site visit",
    "",
    "Legal review of \"Annex B\"",
    "Meet plant manager",
    "",
];

/// Writes the deals of a story as they were at an instant.
pub(crate) fn rows(world: &World, story: &Story, as_of: i64, batch: &mut Batch) {
    let ids = Ids::of(story.firm.index);
    for (place, deal) in story.deals.iter().enumerate() {
        if let Some(version) = deal.as_of(as_of) {
            opportunity(world, story, deal, version, as_of, batch);
            histories(deal, place, ids, as_of, batch);
            roles(story, deal, place, ids, as_of, batch);
            batch.tally.deal(deal, version, as_of);
            cause(story, deal, version, as_of, batch);
            if world.plan.dirt.short_ids && version.stage < WON && deal.deleted_at.is_none() {
                report(world, story, deal, version, batch);
            }
        }
    }
}

/// Returns the furthest open stage that a deal had reached at an instant.
fn furthest(deal: &Deal, as_of: i64) -> usize {
    let reached = deal.versions.iter().filter(|v| v.at <= as_of && v.stage < WON);
    reached.map(|version| version.stage).max().unwrap_or(0)
}

/// Returns how much better or worse than the deal one answer of its qualification looks.
fn noise(deal: &Deal, place: u64) -> f64 {
    let bits = crate::random::mix(deal.created_at().unsigned_abs() ^ (place << 50));
    (bits & 0xFF) as f64 / 128.0 - 1.0
}

fn expected(version: &Version) -> Option<i64> {
    let percent = pick(&STAGES, version.stage).1;
    version.amount.map(|minor| (minor * percent + 50) / 100)
}

fn name(story: &Story, deal: &Deal) -> String {
    if deal.deleted_at.is_some() {
        return "TEST please ignore".to_owned();
    }
    let (year, _) = fiscal(deal.created_at().div_euclid(DAY));
    let what = match deal.kind {
        Kind::New => "Line monitoring",
        Kind::Existing => "More lines",
        Kind::Renewal => "Renewal",
    };
    format!("{} - {what} FY{:02}", story.firm.name, year.rem_euclid(100))
}

fn opportunity(
    world: &World,
    story: &Story,
    deal: &Deal,
    version: &Version,
    as_of: i64,
    batch: &mut Batch,
) {
    let ids = Ids::of(story.firm.index);
    let (label, percent, category, shown) = *pick(&STAGES, version.stage);
    let stage = if deal.blank_label { format!("{label} ") } else { label.to_owned() };
    let deleted = deal.deleted_at.filter(|&at| at <= as_of);
    let changed = deleted.unwrap_or(version.at);
    let known = |at: i64| at <= as_of;
    let moved = deal
        .versions
        .iter()
        .filter(|v| known(v.at))
        .fold(
            (usize::MAX, 0),
            |(stage, at), v| if v.stage == stage { (stage, at) } else { (v.stage, v.at) },
        )
        .1;
    let furthest = furthest(deal, as_of);
    let (year, quarter) = fiscal(version.close_on);
    let lost = version.stage == LOST;
    let discount =
        if furthest >= 4 && deal.discount > 0 { deal.discount.to_string() } else { String::new() };
    // The better the deal, the more of it is confirmed; open answers stay empty.
    let answer = |place: u64, need: f64| match (furthest, deal.quality + noise(deal, place)) {
        (0 | 1, _) => "",
        (_, quality) if quality > need => "Confirmed",
        (_, quality) if quality > need - 0.8 => "Identified",
        _ => "",
    };
    let step = if version.stage < WON {
        *pick(&NEXT_STEPS, furthest + story.firm.domain.len())
    } else {
        ""
    };
    batch
        .row(Sheet::Opportunity)
        .id(ids.opportunity(deal.number))
        .flag(deleted.is_some())
        .maybe_id((!deal.no_account).then(|| ids.account()))
        .text(&name(story, deal))
        .text(&stage)
        .money(version.amount, digits(deal.currency))
        .whole(percent)
        .money(expected(version), digits(deal.currency))
        .day(version.close_on)
        .text(deal.kind.label())
        .text(step)
        .text(deal.lead_source)
        .flag(version.stage >= WON)
        .flag(version.stage == WON)
        .text(category)
        .text(shown)
        .text(deal.currency)
        .maybe_id(deal.program.map(|place| world.program(place).id))
        .id(user_id(deal.owner))
        .stamp(deal.created_at())
        .stamp(changed)
        .stamp(changed)
        .stamp(moved)
        .whole(year)
        .whole(quarter)
        .text(if lost { pick::<&str>(&LOSS_REASONS, deal.loss_reason) } else { "" })
        .text(deal.competitor.filter(|_| furthest >= 3).map_or("", |c| *pick(&COMPETITORS, c)))
        .text(&discount)
        .text(answer(0, 0.3))
        .text(answer(1, 0.1))
        .text(answer(2, -0.4))
        .end();
}

/// Writes the snapshots and the changes of fields up to an instant.
fn histories(deal: &Deal, place: usize, ids: Ids, as_of: i64, batch: &mut Batch) {
    let owner = user_id(deal.owner);
    let id = ids.opportunity(deal.number);
    let deleted = deal.deleted_at.is_some_and(|at| at <= as_of);
    let digits = digits(deal.currency);
    let mut before: Option<&Version> = None;
    for (number, version) in deal.versions.iter().take(deal.n_versions(as_of)).enumerate() {
        let (label, percent, category, _) = *pick(&STAGES, version.stage);
        batch
            .row(Sheet::OpportunityHistory)
            .id(ids.other(OPPORTUNITY_HISTORY, (key(place) << 6) | key(number)))
            .id(id)
            .id(owner)
            .stamp(version.at)
            .text(label)
            .money(version.amount, digits)
            .money(expected(version), digits)
            .day(version.close_on)
            .whole(percent)
            .text(category)
            .text(deal.currency)
            .stamp(version.at)
            .flag(deleted)
            .end();
        let serial = (key(place) << 8) | (key(number) << 2);
        let mut field =
            |offset: u64, field: &str, kind: &str, write: &dyn Fn(&Version, &mut Vec<u8>)| {
                let text = |version: Option<&Version>| {
                    let mut out = Vec::new();
                    version.inspect(|version| write(version, &mut out));
                    out.into_iter().map(char::from).collect::<String>()
                };
                let (old, new) = (text(before), text(Some(version)));
                if field != "created" && (old == new || before.is_none()) {
                    return;
                }
                let mut row: Row<'_> = batch.row(Sheet::OpportunityFieldHistory);
                row.id(ids.other(FIELD_HISTORY, serial | offset))
                    .flag(deleted)
                    .id(id)
                    .id(owner)
                    .stamp(version.at)
                    .text(field)
                    .text(kind)
                    .text(&old)
                    .text(&new)
                    .end();
            };
        if before.is_none() {
            field(0, "created", "Text", &|_, _| {});
        }
        field(1, "StageName", "DynamicEnum", &|v, out| {
            out.extend_from_slice(pick(&STAGES, v.stage).0.as_bytes());
        });
        field(2, "Amount", "Currency", &|v, out| {
            if let Some(minor) = v.amount {
                money_into(out, minor, digits);
            }
        });
        field(3, "CloseDate", "DateOnly", &|v, out| day_into(out, v.close_on));
        before = Some(version);
    }
}

fn roles(story: &Story, deal: &Deal, place: usize, ids: Ids, as_of: i64, batch: &mut Batch) {
    for (number, role) in deal.roles.iter().enumerate().filter(|(_, role)| role.at <= as_of) {
        batch
            .row(Sheet::OpportunityContactRole)
            .id(ids.other(CONTACT_ROLE, (key(place) << 6) | key(number)))
            .id(ids.opportunity(deal.number))
            .id(ids.contact(pick(&story.people, role.person)))
            .text(role.label)
            .flag(role.primary)
            .flag(false)
            .stamp(role.at)
            .end();
    }
}

/// Writes the line of a page of the CRM's reports: labels, local dates, ids of 15 characters.
fn report(world: &World, story: &Story, deal: &Deal, version: &Version, batch: &mut Batch) {
    let id = Ids::of(story.firm.index).opportunity(deal.number).text();
    let us = |day: i64| {
        let (year, month, of_month) = crate::clock::civil(day);
        format!("{month}/{of_month}/{year}")
    };
    let account = if deal.no_account { "" } else { &story.firm.name };
    batch
        .row(Sheet::Report)
        .text(id.get(..15).unwrap_or_default())
        .text(&name(story, deal))
        .text(account)
        .text(&world.user(deal.owner).name)
        .text(pick(&STAGES, version.stage).0)
        .text(deal.currency)
        .money(version.amount, digits(deal.currency))
        .whole(pick(&STAGES, version.stage).1)
        .text(&us(version.close_on))
        .text(&us(deal.created_at().div_euclid(DAY)))
        .text(deal.kind.label())
        .text(deal.lead_source)
        .text("0")
        .text("0")
        .end();
}

/// Adds what truly caused a deal and how it truly ends, even after the last exported day.
fn cause(story: &Story, deal: &Deal, version: &Version, as_of: i64, batch: &mut Batch) {
    if deal.deleted_at.is_some() {
        return;
    }
    let id = Ids::of(story.firm.index).opportunity(deal.number).text();
    let (cause, side) = deal.cause.map_or(("none", "none"), |c| (c.key(), c.truth().side));
    let cause = if deal.stuffed { "stuffed" } else { cause };
    let end = deal.last().unwrap_or(version);
    let touched = deal.touched_at.map_or("null".to_owned(), |at| {
        format!("\"{}\"", crate::clock::day_text(at.div_euclid(DAY)))
    });
    let amount = end.amount.map_or("null".to_owned(), |minor| {
        format!("\"{}\"", crate::rows::money_text(minor, digits(deal.currency)))
    });
    crate::rows::put(
        &mut batch.causes,
        format_args!(
            "{{\"id\":\"{id}\",\"cause\":\"{cause}\",\"side\":\"{side}\",\"caused_on\":{touched},\
             \"created_on\":\"{}\",\"open\":{},\"ends\":\"{}\",\"ends_on\":\"{}\",\"amount\":{amount},\
             \"currency\":\"{}\"}}\n",
            crate::clock::day_text(deal.created_at().div_euclid(DAY)),
            as_of < deal.closed_at() && version.stage < WON,
            if deal.won() { "won" } else { "lost" },
            crate::clock::day_text(deal.closed_at().div_euclid(DAY)),
            deal.currency,
        ),
    );
}
