//! Dirt: the ways in which real records go wrong, each with a switch and a stream of its own.

use crate::clock::{DAY, quarter_end, workday};
use crate::deal::{Deal, Kind, LOST, Version};
use crate::random::{Random, key, whole};
use crate::record::Twin;
use crate::story::Story;
use crate::world::World;

/// Soils a story as the plan says.
pub(crate) fn soil(world: &World, story: &mut Story) {
    let dirt = &world.plan.dirt;
    let index = story.firm.index;
    let stream = |topic: u64| Random::keyed(world.plan.seed, &[index, 200 + topic]);
    if dirt.duplicate_leads {
        let mut random = stream(0);
        for person in &mut story.people {
            let twice = random.chance(0.05);
            let later = random.between(2, 200) * DAY;
            person.duplicate_at = person.known.lead_at.filter(|_| twice).map(|at| at + later);
        }
    }
    if dirt.merged_records {
        merge(world, &mut stream(1), story);
    }
    if dirt.stuffed_quarters {
        stuff(world, &mut stream(2), story);
    }
    if dirt.deleted_rows {
        delete(world, &mut stream(3), story);
    }
    let mut random = stream(4);
    for deal in &mut story.deals {
        let (orphan, blank) = (random.chance(0.015), random.chance(0.04));
        deal.no_account = dirt.orphan_deals && orphan && deal.kind != Kind::Renewal;
        deal.blank_label = dirt.blank_labels && blank;
    }
}

/// Gives some accounts a second record and some contacts a second card, merged later.
fn merge(world: &World, random: &mut Random, story: &mut Story) {
    let (twin, created, kept) =
        (random.chance(0.04), random.between(world.from, world.to), random.between(15, 250));
    if let (Some(account_at), true) = (story.account_at, twin) {
        let created_at = (created * DAY + 40_000).max(account_at + DAY);
        let merged_at = created_at + kept * DAY;
        story.twin = Some(Twin { created_at, merged_at });
        for person in &mut story.people {
            let inside = |at: i64| (created_at..merged_at).contains(&at);
            person.at_twin = person.known.contact_at.is_some_and(inside) && random.chance(0.5);
        }
    }
    for person in &mut story.people {
        let (doubled, later, kept) =
            (random.chance(0.025), random.between(5, 300), random.between(10, 200));
        if let (Some(at), true) = (person.known.contact_at, doubled) {
            person.double = Some((at + later * DAY, at + (later + kept) * DAY));
        }
    }
}

/// Makes up a deal in the last days of a quarter, at an account that nobody had met for half a
/// year.
fn stuff(world: &World, random: &mut Random, story: &mut Story) {
    let (chosen, day) = (random.chance(0.18), random.between(world.from, world.to));
    let end = quarter_end(day);
    let back = random.between(0, 2);
    let created = (end - back) * DAY + 61_200 + random.between(0, 3000);
    let lost = workday(end + random.between(35, 160)) * DAY + 40_000;
    let amount = random.lognormal(60_000.0, 0.5);
    let quiet = (created - 180 * DAY)..(created + DAY);
    let met = story.sessions.iter().any(|session| quiet.contains(&session.at))
        || story.members.iter().any(|member| quiet.contains(&member.created_at))
        || story.activities.iter().any(|activity| quiet.contains(&activity.at));
    let busy = story.deals.iter().any(|deal| {
        deal.created_at() < created + 90 * DAY && created < deal.closed_at() + 60 * DAY
    });
    let known = story.account_at.is_some_and(|at| at < created);
    if !chosen || met || busy || !known || end > world.to || end - 180 < world.from {
        return;
    }
    let currency = world.currency("USD");
    let unit = 10_i64.pow(crate::world::digits(currency));
    let rate = crate::world::rough_rate(currency);
    let amount = Some(whole(amount * rate / 1000.0).max(5) * 1000 * unit);
    // Two of the executives do this, and only they.
    let owner = World::owner(story.firm.index % 2, &world.executives);
    story.deals.push(Deal {
        number: key(story.deals.len()),
        kind: Kind::New,
        cause: None,
        touched_at: None,
        person: None,
        versions: vec![
            Version { at: created, stage: 1, amount, close_on: quarter_end(end + 20) },
            Version { at: lost, stage: LOST, amount, close_on: lost.div_euclid(DAY) },
        ],
        currency,
        owner,
        roles: Vec::new(),
        program: None,
        lead_source: "Other",
        loss_reason: 0,
        competitor: None,
        discount: 0,
        quality: -1.0,
        stuffed: true,
        no_account: false,
        blank_label: false,
        deleted_at: None,
        silent: true,
    });
}

/// Adds test deals that are deleted again, and deletes some memberships and activities.
fn delete(world: &World, random: &mut Random, story: &mut Story) {
    let (tested, day) = (random.chance(0.02), random.between(world.from, world.to));
    let at = workday(day) * DAY + 45_000;
    if tested && story.account_at.is_some_and(|since| since < at) {
        story.deals.push(Deal {
            number: key(story.deals.len()),
            kind: Kind::New,
            cause: None,
            touched_at: None,
            person: None,
            versions: vec![Version { at, stage: 0, amount: Some(123_456_700), close_on: day + 30 }],
            currency: world.currency("USD"),
            owner: World::owner(0, &world.executives),
            roles: Vec::new(),
            program: None,
            lead_source: "",
            loss_reason: 0,
            competitor: None,
            discount: 0,
            quality: 0.0,
            stuffed: false,
            no_account: false,
            blank_label: false,
            deleted_at: Some(at + 2 * DAY),
            silent: true,
        });
    }
    for member in &mut story.members {
        let gone = random.chance(0.006);
        let touched = member.statuses.last().map_or(member.created_at, |status| status.0);
        member.deleted_at = gone.then_some(touched.max(member.created_at) + 3 * DAY);
    }
    for activity in &mut story.activities {
        activity.deleted_at = random.chance(0.006).then_some(activity.at + DAY);
    }
}
