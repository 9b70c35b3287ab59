//! Touches: members of campaigns, tasks, meetings and visits; of nobody, after the close, planned,
//! deleted, known late.

use super::ads::Programs;
use super::ids::id;
use super::people::{Who, delete_some, id_of};
use super::{DAY, DAYS, World, day, stamp};

pub(super) fn touches(world: &mut World, who: &Who, programs: &Programs) {
    members(world, who, programs);
    tasks(world, who);
    meetings(world, who);
    visits(world, who, programs);
}

fn time(world: &mut World) -> i64 {
    world.random.between(-200, DAYS - 1) * DAY + world.random.between(0, DAY - 1)
}

fn late(world: &mut World, place: usize) {
    if world.goes_wrong(5, "late-touch") {
        world.delay(place);
    }
}

/// Returns the id of a lead or contact, of nobody, or of somebody unknown.
fn person(world: &mut World, who: &Who) -> String {
    match world.random.below(30) {
        0 => {
            world.dirt.push("touch-of-nobody");
            String::new()
        }
        1 => {
            world.dirt.push("touch-of-unknown-person");
            id("003", 902)
        }
        2..14 => {
            let lead = *world.random.pick(&who.leads);
            id_of(world, lead)
        }
        _ => {
            let contact = *world.random.pick(&who.contacts);
            id_of(world, contact)
        }
    }
}

fn members(world: &mut World, who: &Who, programs: &Programs) {
    for number in 0..140 {
        let at = time(world);
        let person = person(world, who);
        let is_lead = person.starts_with("00Q");
        let (mut lead, contact) =
            if is_lead { (person, String::new()) } else { (String::new(), person) };
        if !is_lead && world.goes_wrong(10, "member-of-lead-and-contact") {
            let other = *world.random.pick(&who.leads);
            lead = id_of(world, other);
        }
        let responded = world.random.chance(75);
        let status = match responded {
            true if world.random.chance(8) => "Bot Click",
            true => "Responded",
            false => "Sent",
        };
        let answered = match responded && world.random.chance(80) {
            true => day(at + world.random.between(0, 20) * DAY).to_string(),
            false => String::new(),
        };
        let program = match world.goes_wrong(3, "unknown-program") {
            true => id("701", 951),
            false => world.random.pick(&programs.ids).clone(),
        };
        let cells = [
            ("Id", id("00v", number)),
            ("IsDeleted", "false".to_owned()),
            ("CampaignId", program),
            ("LeadId", lead),
            ("ContactId", contact),
            ("Status", status.to_owned()),
            ("HasResponded", responded.to_string()),
            ("CreatedDate", stamp(at)),
            ("FirstRespondedDate", answered),
            ("SystemModstamp", stamp(at)),
        ];
        let place = world.add("CampaignMember", at, &cells);
        late(world, place);
        delete_some(world, place, 3);
    }
}

fn tasks(world: &mut World, who: &Who) {
    for number in 0..60 {
        let at = time(world);
        let account = *world.random.pick(&who.accounts);
        let account = if world.random.chance(60) { id_of(world, account) } else { String::new() };
        let planned = match world.goes_wrong(8, "planned-touch") {
            true => at + world.random.between(10, 200) * DAY,
            false => at,
        };
        let done = if world.random.chance(40) { stamp(at) } else { String::new() };
        let cells = [
            ("Id", id("00T", number)),
            ("IsDeleted", "false".to_owned()),
            ("WhoId", person(world, who)),
            ("AccountId", account),
            ("OwnerId", world.random.pick(&who.users).clone()),
            ("Subject", "Talk".to_owned()),
            ("Type", "Call".to_owned()),
            ("TaskSubtype", (*world.random.pick(&["Call", "Email", "Task"])).to_owned()),
            ("Status", "Completed".to_owned()),
            ("ActivityDate", day(planned).to_string()),
            ("CompletedDateTime", done),
            ("CreatedDate", stamp(at)),
            ("SystemModstamp", stamp(at)),
        ];
        let place = world.add("Task", at, &cells);
        late(world, place);
        delete_some(world, place, 4);
    }
}

fn meetings(world: &mut World, who: &Who) {
    for number in 0..30 {
        let at = time(world);
        let begins = at + world.random.between(0, 60) * DAY;
        let cells = [
            ("Id", id("00U", number)),
            ("IsDeleted", "false".to_owned()),
            ("WhoId", person(world, who)),
            ("OwnerId", world.random.pick(&who.users).clone()),
            ("Subject", "Demo".to_owned()),
            ("StartDateTime", stamp(begins)),
            ("EndDateTime", stamp(begins + 3600)),
            ("ActivityDate", day(begins).to_string()),
            ("IsChild", world.random.chance(20).to_string()),
            ("CreatedDate", stamp(at)),
            ("SystemModstamp", stamp(at)),
        ];
        let place = world.add("Event", at, &cells);
        late(world, place);
        delete_some(world, place, 4);
    }
}

/// Visits of twenty browsers, some of which are named at some time. The events of a visit come
/// together.
fn visits(world: &mut World, who: &Who, programs: &Programs) {
    let mut serial = 0;
    for number in 0..60 {
        let at = time(world);
        let browser = format!("{}.77", world.random.below(20));
        let (source, medium) = *world.random.pick(&[
            ("google", "cpc"),
            ("google", "organic"),
            ("(direct)", "(none)"),
            ("linkedin", "paid-social"),
            ("newsletter", "email"),
            ("other", "thing"),
        ]);
        let campaign = match world.random.below(4) {
            0 => world.random.pick(&programs.names).to_uppercase(),
            1 => "(not set)".to_owned(),
            2 => "nobody knows".to_owned(),
            _ => String::new(),
        };
        let late = world.goes_wrong(5, "late-touch").then(|| world.random.between(1, 2));
        let machine = world.goes_wrong(8, "visit-of-machine");
        let n_events = if world.random.chance(30) { 2 } else { 1 };
        for event in 0..n_events {
            let at = at + event * 40;
            let named = match world.random.chance(25) {
                true => person(world, who),
                false => String::new(),
            };
            let time = stamp(at).replace('T', " ").replace(".000Z", "");
            let cells = [
                ("_fivetran_id", format!("w{serial}")),
                ("_fivetran_synced", "2026-10-01 04:00:00".to_owned()),
                ("date", day(at).to_string()),
                ("timestamp", time),
                ("name", "page_view".to_owned()),
                ("user_pseudo_id", browser.clone()),
                ("user_id", named),
                ("param_page_location", "https://www.us.example/".to_owned()),
                ("param_ga_session_id", format!("{number}")),
                ("param_source", source.to_owned()),
                ("param_medium", medium.to_owned()),
                ("param_campaign", campaign.clone()),
                ("param_engagement_time_msec", if machine { "0" } else { "900" }.to_owned()),
                ("param_session_engaged", if machine { "0" } else { "1" }.to_owned()),
            ];
            let place = world.add("ga4_events", at, &cells);
            if let Some(late) = late {
                world.records[place].versions[0].from = usize::try_from(late).expect("small");
            }
            serial += 1;
        }
    }
}
