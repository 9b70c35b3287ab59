//! Accounts, contacts and leads as rows, as they were at an instant.

use crate::channel::{Channel, Shape};
use crate::clock::DAY;
use crate::ident::{ACCOUNT, CONTACT, FIELD_HISTORY, Id, LEAD, OPPORTUNITY, USER};
use crate::market::{COUNTRIES, INDUSTRIES};
use crate::random::{key, pick};
use crate::record::{Person, Session};
use crate::sheets::{Batch, Sheet};
use crate::story::Story;
use crate::world::World;

/// Numbers from here on are second records: duplicates, doubles, twins.
const SECOND: u64 = 1 << 15;

/// The ids of the records of one account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids(u64);

impl Ids {
    pub(crate) fn of(index: u64) -> Self {
        Self((index + 1) << 16)
    }

    pub(crate) fn account(self) -> Id {
        Id::new(ACCOUNT, self.0)
    }

    pub(crate) fn twin(self) -> Id {
        Id::new(ACCOUNT, self.0 | SECOND)
    }

    pub(crate) fn lead(self, person: &Person) -> Id {
        Id::new(LEAD, self.0 | person.number)
    }

    pub(crate) fn contact(self, person: &Person) -> Id {
        Id::new(CONTACT, self.0 | person.number)
    }

    pub(crate) fn opportunity(self, number: u64) -> Id {
        Id::new(OPPORTUNITY, self.0 | number)
    }

    /// Returns the id of another record with a number at the account.
    pub(crate) fn other(self, prefix: crate::ident::Prefix, number: u64) -> Id {
        Id::new(prefix, self.0 | number)
    }

    /// Returns who somebody is at an instant: the contact where there is one, else the lead.
    pub(crate) fn who(self, person: &Person, as_of: i64) -> Id {
        if person.known.contact_by(as_of) { self.contact(person) } else { self.lead(person) }
    }
}

pub(crate) fn user_id(place: usize) -> Id {
    Id::new(USER, 900 + key(place) * 13)
}

/// Writes the account and the people of a story as they were at an instant.
pub(crate) fn rows(world: &World, story: &Story, as_of: i64, batch: &mut Batch) {
    let ids = Ids::of(story.firm.index);
    accounts(world, story, ids, as_of, batch);
    for person in &story.people {
        contacts(world, story, person, ids, as_of, batch);
        leads(world, story, person, ids, as_of, batch);
    }
}

fn accounts(world: &World, story: &Story, ids: Ids, as_of: i64, batch: &mut Batch) {
    let firm = &story.firm;
    let owner = user_id(World::owner(firm.index, &world.executives));
    let kind = story.types.iter().rev().find(|kind| kind.0 <= as_of);
    let kind = kind.map_or((i64::MIN, "Prospect"), |kind| *kind);
    let Some(created) = story.account_at.filter(|&at| at <= as_of) else { return };
    let mut row = |id: Id, master: Option<Id>, since: i64, changed: i64| {
        batch
            .row(Sheet::Account)
            .id(id)
            .flag(master.is_some())
            .maybe_id(master)
            .text(&firm.name)
            .text(kind.1)
            .maybe_id(story.parent.map(|above| Ids::of(above).account()))
            .text(pick(&INDUSTRIES, firm.industry).0)
            .whole(firm.employees)
            .text(pick(&COUNTRIES, firm.country).0)
            .text(&format!("https://www.{}", firm.domain))
            .id(owner)
            .flag(firm.targeted)
            .stamp(since)
            .stamp(changed)
            .end();
    };
    row(ids.account(), None, created, created.max(kind.0));
    if let Some(twin) = story.twin.filter(|twin| twin.created_at <= as_of) {
        let merged = twin.merged_at <= as_of;
        let changed = if merged { twin.merged_at } else { twin.created_at };
        row(ids.twin(), merged.then(|| ids.account()), twin.created_at, changed.max(kind.0));
    }
}

fn contacts(
    world: &World,
    story: &Story,
    person: &Person,
    ids: Ids,
    as_of: i64,
    batch: &mut Batch,
) {
    let Some(created) = person.known.contact_at.filter(|&at| at <= as_of) else { return };
    let owner = user_id(World::owner(story.firm.index, &world.executives));
    let apart = story.twin.filter(|twin| person.at_twin && as_of < twin.merged_at);
    let account = if apart.is_some() { ids.twin() } else { ids.account() };
    let moved = story.twin.filter(|twin| person.at_twin && twin.merged_at <= as_of);
    let mut row = |id: Id, master: Option<Id>, since: i64, changed: i64| {
        batch
            .row(Sheet::Contact)
            .id(id)
            .flag(master.is_some())
            .maybe_id(master)
            .id(account)
            .text(person.first)
            .text(person.last)
            .text(person.title)
            .text(&person.email)
            .text(person.lead_source)
            .id(owner)
            .stamp(since)
            .stamp(changed)
            .end();
    };
    let changed = moved.map_or(created, |twin| twin.merged_at);
    row(ids.contact(person), None, created, changed);
    if let Some((doubled, merged)) = person.double.filter(|double| double.0 <= as_of) {
        let master = (merged <= as_of).then(|| ids.contact(person));
        let changed = if master.is_some() { merged } else { doubled };
        row(ids.other(CONTACT, SECOND | person.number), master, doubled, changed.max(changed));
    }
}

fn leads(world: &World, story: &Story, person: &Person, ids: Ids, as_of: i64, batch: &mut Batch) {
    let Some(created) = person.known.lead_at.filter(|&at| at <= as_of) else { return };
    let firm = &story.firm;
    let owner = user_id(World::owner(firm.index, &world.sdrs));
    let converted = person.known.contact_at.filter(|&at| at <= as_of);
    let status = person.statuses.iter().rev().find(|status| status.0 <= as_of);
    let changed = status.map_or(created, |status| status.0);
    let deal = person.converted_deal.filter(|_| converted.is_some());
    let (source, medium, campaign) =
        person.origin.map_or(("", "", ""), |(channel, program)| utm(world, channel, program));
    let country = pick(&COUNTRIES, firm.country).0;
    batch
        .row(Sheet::Lead)
        .id(ids.lead(person))
        .flag(false)
        .text("")
        .text(person.first)
        .text(person.last)
        .text(&firm.name)
        .text(person.title)
        .text(&person.email)
        .text(person.lead_source)
        .text(status.map_or("Open", |status| status.1))
        .id(owner)
        .flag(converted.is_some())
        .maybe_day(converted.map(|at| at.div_euclid(DAY)))
        .maybe_id(converted.map(|_| ids.account()))
        .maybe_id(converted.map(|_| ids.contact(person)))
        .maybe_id(deal.map(|number| ids.opportunity(number)))
        .text(country)
        .stamp(created)
        .stamp(changed)
        .text(source)
        .text(medium)
        .text(campaign)
        .end();
    let channel = person.origin.map(|origin| origin.0);
    batch.tally.lead(channel, created);
    let mut before = "Open";
    for (number, &(at, label)) in (0..).zip(&person.statuses) {
        if at > as_of {
            break;
        }
        batch
            .row(Sheet::LeadHistory)
            // Far above the numbers of the deals' histories, which share the prefix.
            .id(ids.other(FIELD_HISTORY, (1 << 15) | (person.number << 3) | number))
            .flag(false)
            .id(ids.lead(person))
            .id(owner)
            .stamp(at)
            .text("Status")
            .text("DynamicEnum")
            .text(before)
            .text(label)
            .end();
        before = label;
    }
    if let Some(again) = person.duplicate_at.filter(|&at| at <= as_of) {
        batch
            .row(Sheet::Lead)
            .id(ids.other(LEAD, SECOND | person.number))
            .flag(false)
            .text("")
            .text(person.first)
            .text(person.last)
            .text(&firm.name.to_uppercase())
            .text("")
            .text(&person.email.to_uppercase())
            .text("Web")
            .text("Open")
            .id(owner)
            .flag(false)
            .text("")
            .text("")
            .text("")
            .text("")
            .text(country)
            .stamp(again)
            .stamp(again)
            .text("")
            .text("")
            .text("")
            .end();
        batch.tally.duplicate_lead();
    }
}

/// Returns source, medium and campaign of a visit; empty where the visit would not carry them.
pub(crate) fn utm(
    world: &World,
    channel: Channel,
    program: Option<usize>,
) -> (&'static str, &'static str, &str) {
    let truth = channel.truth();
    let program = program.map(|place| world.program(place));
    let name = program.map_or("", |program| program.name.as_str());
    match (truth.shape, channel) {
        (Shape::Ads, _) => {
            let platform = program.and_then(|program| program.platform);
            (platform.map_or("", |platform| platform.source(channel)), truth.medium, name)
        }
        (_, Channel::OrganicSearch) => ("google", "organic", ""),
        (_, Channel::WebReferral) => ("reliability-weekly.example", "referral", ""),
        (_, Channel::Email | Channel::Webinar) => ("newsletter", "email", name),
        (_, Channel::ContentSyndication) => ("techpress", truth.medium, name),
        _ => ("", "", ""),
    }
}

/// Returns the id by which a visitor is known to the web site; none while anonymous.
pub(crate) fn visitor(story: &Story, ids: Ids, session: &Session) -> Option<Id> {
    let person = pick(&story.people, session.person);
    // The site knows most of those whom the CRM knows; whoever sends a form is known at once.
    let signed_in = session.form || (session.detail >> 30) % 100 < 88;
    let named = signed_in && person.known.by(session.at);
    named.then(|| {
        let lead = person.known.lead_at.is_some_and(|at| at <= session.at);
        if lead { ids.lead(person) } else { ids.contact(person) }
    })
}
