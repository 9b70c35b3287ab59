//! Campaign members, calls, meetings and visits as rows, as they were at an instant.

use crate::channel::Channel;
use crate::clock::DAY;
use crate::ident::{EVENT, MEMBER, TASK};
use crate::market::COUNTRIES;
use crate::people_rows::{Ids, user_id, utm, visitor};
use crate::random::{key, mix, pick};
use crate::record::{Activity, Talk};
use crate::rows::number_into;
use crate::sheets::{Batch, Sheet};
use crate::story::Story;
use crate::world::World;

const PAGES: [&str; 7] =
    ["/", "/product", "/pricing", "/cases/dairy", "/guides/downtime", "/webinars", "/demo"];
const CALLS: [&str; 4] = ["Connected", "Left Voicemail", "No Answer", "Call Back"];

/// Writes the touches of a story as they were at an instant.
pub(crate) fn rows(world: &World, story: &Story, as_of: i64, batch: &mut Batch) {
    members(world, story, as_of, batch);
    for (number, activity) in story.activities.iter().enumerate() {
        if activity.at <= as_of {
            spoken(story, activity, number, as_of, batch);
        }
    }
    sessions(world, story, as_of, batch);
}

fn members(world: &World, story: &Story, as_of: i64, batch: &mut Batch) {
    let ids = Ids::of(story.firm.index);
    for (number, member) in story.members.iter().enumerate() {
        if member.created_at > as_of {
            continue;
        }
        let program = world.program(member.program);
        let person = pick(&story.people, member.person);
        let list = program.statuses;
        // Trade shows say booth or meeting, roundtables attended or declined: one list, one place.
        let reached = || member.statuses.iter().filter(|status| status.0 <= as_of);
        let status = reached().next_back().map_or(0, |status| status.1);
        let status = if program.kind == "Trade Show" && status == 1 && (number & 3) == 1 {
            2
        } else {
            status
        };
        let (label, responded) = *pick(list, status);
        let first = reached().find(|status| pick(list, status.1).1).map(|status| status.0);
        let last = reached().next_back().map_or(member.created_at, |status| status.0);
        let converted = person.known.contact_at.filter(|&at| at <= as_of);
        let deleted = member.deleted_at.filter(|&at| at <= as_of);
        let changed = [Some(last), converted, deleted].into_iter().flatten().max();
        batch
            .row(Sheet::CampaignMember)
            .id(ids.other(MEMBER, key(number)))
            .flag(deleted.is_some())
            .id(program.id)
            .maybe_id(person.known.lead_at.filter(|&at| at <= as_of).map(|_| ids.lead(person)))
            .maybe_id(converted.map(|_| ids.contact(person)))
            .text(label)
            .flag(responded)
            .stamp(member.created_at)
            .maybe_day(first.filter(|_| responded).map(|at| at.div_euclid(DAY)))
            .stamp(changed.unwrap_or(last).max(member.created_at))
            .end();
        if deleted.is_none() {
            batch.tally.member(member.channel, responded, member.machine && label == "Bot Click");
        }
    }
}

fn spoken(story: &Story, activity: &Activity, number: usize, as_of: i64, batch: &mut Batch) {
    let ids = Ids::of(story.firm.index);
    let meeting = activity.talk == Talk::Meeting;
    let who = activity.person.map(|place| ids.who(pick(&story.people, place), as_of));
    let what = activity.deal.map(|place| ids.opportunity(pick(&story.deals, place).number));
    let account = story.account_at.is_some_and(|at| at <= as_of).then(|| ids.account());
    let deleted = activity.deleted_at.is_some_and(|at| at <= as_of);
    let at = activity.at;
    let minutes = i64::try_from(activity.detail % 4).unwrap_or(0) * 15 + 15;
    let outbound = activity.outbound;
    if meeting {
        let (subject, kind) = match (outbound, activity.detail % 3) {
            (true, _) => ("Intro meeting", "Meeting"),
            (false, 0) => ("Product demo", "Demo"),
            (false, _) => ("Working session", "Meeting"),
        };
        batch
            .row(Sheet::Event)
            .id(ids.other(EVENT, key(number)))
            .flag(deleted)
            .maybe_id(who)
            .maybe_id(what)
            .maybe_id(account)
            .id(user_id(activity.owner))
            .text(subject)
            .text(kind)
            .text("Event")
            .stamp(at)
            .stamp(at + minutes * 60)
            .day(at.div_euclid(DAY))
            .whole(minutes)
            .flag(false)
            .stamp(at)
            .stamp(at)
            .end();
    } else {
        let call = activity.talk == Talk::Call;
        let subject = match (outbound, call) {
            (true, true) => "Outbound call",
            (true, false) => "Outbound email",
            (false, true) => "Call",
            (false, false) => "Email: follow-up",
        };
        let kind = if call { "Call" } else { "Email" };
        let outcome = *pick(&CALLS, usize::try_from(activity.detail >> 8 & 3).unwrap_or(0));
        let seconds = if outcome == "Connected" { minutes * 37 } else { 0 };
        let mut row = batch.row(Sheet::Task);
        row.id(ids.other(TASK, key(number)))
            .flag(deleted)
            .maybe_id(who)
            .maybe_id(what)
            .maybe_id(account)
            .id(user_id(activity.owner))
            .text(subject)
            .text(kind)
            .text(kind)
            .text("Completed")
            .flag(true)
            .day(at.div_euclid(DAY))
            .stamp(at);
        if call {
            row.text("Outbound").text(outcome).whole(seconds);
        } else {
            row.text("").text("").text("");
        }
        row.stamp(at).stamp(at).end();
    }
    if !deleted {
        batch.tally.activity(outbound, meeting);
    }
}

fn sessions(world: &World, story: &Story, as_of: i64, batch: &mut Batch) {
    let ids = Ids::of(story.firm.index);
    let country = pick(&COUNTRIES, story.firm.country).0;
    for (number, session) in story.sessions.iter().enumerate() {
        if session.at > as_of {
            continue;
        }
        let person = pick(&story.people, session.person);
        let visitor = visitor(story, ids, session);
        let (source, medium, campaign) = utm(world, session.channel, session.program);
        let direct = session.channel == Channel::Direct;
        let source = if direct { "(direct)" } else { source };
        let medium = if direct { "(none)" } else { medium };
        let name = if session.program.is_none() { "(not set)" } else { campaign };
        let detail = session.detail;
        let page = *pick(&PAGES, usize::try_from(detail >> 12 & 0xFF).unwrap_or(0));
        // Machines do not stay: no engagement at all. People who bounce stay a second or more.
        let engaged = !session.machine && (detail >> 21) % 100 < 72;
        let stay = match (session.machine, engaged) {
            (true, _) => 0,
            (false, true) => 10_000 + i64::try_from(detail >> 33 & 0x3_FFFF).unwrap_or(0),
            (false, false) => 1000 + i64::try_from(detail >> 33 & 0x1FFF).unwrap_or(0),
        };
        let device = if (detail >> 3) % 10 < 8 { "desktop" } else { "mobile" };
        let mut write = |event: &str, serial: u64, at: i64, page: &str| {
            let number = (ids.account().number << 12) | key(number) << 1 | serial;
            batch
                .row(Sheet::WebEvents)
                .text(hex(&mut [0; 16], mix(number)))
                .instant((at.div_euclid(DAY) + 1) * DAY + 4 * 3600)
                .day(at.div_euclid(DAY))
                .instant(at)
                .text(event)
                .text(&pseudonym(person.cookie))
                .maybe_id(visitor)
                .text(device)
                .text(country)
                .text("www.fennmark.example")
                .text(&format!("https://www.fennmark.example{page}"))
                .whole(session.at)
                .whole(1 + i64::try_from(number >> 1 & 7).unwrap_or(0))
                .text(source)
                .text(medium)
                .text(name)
                .whole(stay)
                .text(if engaged { "1" } else { "0" })
                .text(source)
                .text(medium)
                .end();
        };
        write("session_start", 0, session.at, page);
        if session.form {
            write("generate_lead", 1, session.at + 95, "/demo");
        }
        batch.tally.session(session.channel, session.machine, visitor.is_some(), session.form);
    }
}

fn hex(buffer: &mut [u8; 16], bits: u64) -> &str {
    for (place, byte) in (0_u32..).zip(buffer.iter_mut()) {
        *byte = *pick(b"0123456789abcdef", usize::try_from(bits >> (place * 4) & 15).unwrap_or(0));
    }
    std::str::from_utf8(buffer).unwrap_or_default()
}

/// Returns the visitor id of a browser, in the form of an analytics cookie.
fn pseudonym(cookie: u64) -> String {
    let mut out = Vec::with_capacity(24);
    let half = |bits: u64| i64::try_from(bits & 0x7FFF_FFFF).unwrap_or(0);
    number_into(&mut out, half(cookie), 1);
    out.push(b'.');
    number_into(&mut out, 1_600_000_000 + half(cookie >> 32) / 16, 1);
    out.into_iter().map(char::from).collect()
}
