//! Users, accounts, contacts and leads: merged, deleted, brought back, renamed.

use super::deals::Deals;
use super::ids::id;
use super::{DAY, DAYS, World, day, stamp};

/// Places of the records, by kind; ids in the same order.
pub(super) struct Who {
    pub(super) users: Vec<String>,
    pub(super) accounts: Vec<usize>,
    pub(super) contacts: Vec<usize>,
    pub(super) leads: Vec<usize>,
}

const INDUSTRIES: [&str; 4] = ["Food", "Steel", "Paper", ""];
const COUNTRIES: [&str; 4] = ["Germany", "France", "United States", "Japan"];
pub(super) const LEAD_SOURCES: [&str; 9] = [
    "Paid Search",
    "paid search ",
    "Webinar",
    "Trade Show",
    "Outbound SDR",
    "Partner Referral",
    "Web",
    "Word of mouth",
    "",
];
const SITES: [&str; 4] = ["https://www.", "http://", "", "www."];

pub(super) fn people(world: &mut World) -> Who {
    let users = users(world);
    let accounts = accounts(world, &users);
    let contacts = contacts(world, &users, &accounts);
    let leads = leads(world, &users, &contacts);
    Who { users, accounts, contacts, leads }
}

fn users(world: &mut World) -> Vec<String> {
    let mut ids = Vec::new();
    for (number, name) in ["Ada Berg", "Bo Lund", "Cy Roth", "Di Vale"].into_iter().enumerate() {
        let user = id("005", number);
        let at = -300 * DAY;
        let cells = [
            ("Id", user.clone()),
            ("Username", format!("u{number}@us.example")),
            ("Name", name.to_owned()),
            ("Email", format!("u{number}@us.example")),
            ("IsActive", "true".to_owned()),
            ("CreatedDate", stamp(at)),
            ("SystemModstamp", stamp(at)),
        ];
        let place = world.add("User", at, &cells);
        if number == 0 && world.goes_wrong(50, "owner-renamed") {
            let at = world.random.between(100, 700) * DAY;
            let name = ("Name", "Ada Berg-Holt".to_owned());
            world.change(place, at, &[name, ("SystemModstamp", stamp(at))]);
        }
        ids.push(user);
    }
    // Somebody who is in no user file.
    ids.push(id("005", 99));
    ids
}

/// Changes a record at a second, which its own stamp says too.
pub(super) fn edit(world: &mut World, place: usize, at: i64, cells: &[(&'static str, &str)]) {
    let at = at.max(world.newest(place).at + 1);
    let mut cells: Vec<_> = cells.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    cells.push(("SystemModstamp", stamp(at)));
    world.change(place, at, &cells);
}

/// Deletes a record now and then, and brings some of them back.
pub(super) fn delete_some(world: &mut World, place: usize, percent: u64) {
    if !world.goes_wrong(percent, "deleted") {
        return;
    }
    let at = world.newest(place).at + world.random.between(DAY, 200 * DAY);
    edit(world, place, at, &[("IsDeleted", "true")]);
    if world.goes_wrong(50, "undeleted") {
        let at = at + world.random.between(DAY, 200 * DAY);
        edit(world, place, at, &[("IsDeleted", "false")]);
    }
}

/// Returns the id of a record.
pub(super) fn id_of(world: &World, place: usize) -> String {
    world.newest(place).cells["Id"].clone()
}

/// Merges some records of a kind into others: one after another, so that chains come about, and
/// sometimes in a circle.
fn merge_some(world: &mut World, prefix: &str, places: &[usize], n: usize) {
    for _ in 0..n {
        let (loser, winner) = (*world.random.pick(places), *world.random.pick(places));
        if loser == winner || !world.newest(loser).cells["MasterRecordId"].is_empty() {
            continue;
        }
        let later = world.newest(loser).at.max(world.newest(winner).at);
        let at = later + world.random.between(DAY, 150 * DAY);
        let master = id_of(world, winner);
        let name = match world.newest(winner).cells["MasterRecordId"].is_empty() {
            true => "merged",
            false => "merged-into-merged",
        };
        world.dirt.push(name);
        edit(world, loser, at, &[("IsDeleted", "true"), ("MasterRecordId", &master)]);
    }
    if world.goes_wrong(10, "merged-into-nobody") {
        let gone = id(prefix, 900);
        for _ in 0..2 {
            let loser = *world.random.pick(places);
            let at = world.newest(loser).at + world.random.between(DAY, 150 * DAY);
            edit(world, loser, at, &[("IsDeleted", "true"), ("MasterRecordId", &gone)]);
        }
    }
}

fn accounts(world: &mut World, users: &[String]) -> Vec<usize> {
    let mut places = Vec::new();
    for number in 0..20 {
        let at = world.random.between(-200, 500) * DAY + world.random.between(0, DAY - 1);
        let size = *world.random.pick(&["", "40", "400", "4000"]);
        // Two accounts share a site now and then, some have none.
        let site = match world.random.below(10) {
            0 => String::new(),
            1 => format!("{}firm{}.example", world.random.pick(&SITES), number / 2),
            _ => format!("{}Firm{number}.example", world.random.pick(&SITES)),
        };
        let cells = [
            ("Id", id("001", number)),
            ("IsDeleted", "false".to_owned()),
            ("MasterRecordId", String::new()),
            ("Name", format!("Firm {number}, Inc. \"{number}\"")),
            ("Industry", (*world.random.pick(&INDUSTRIES)).to_owned()),
            ("NumberOfEmployees", size.to_owned()),
            ("BillingCountry", (*world.random.pick(&COUNTRIES)).to_owned()),
            ("Website", site),
            ("OwnerId", world.random.pick(users).clone()),
            ("CreatedDate", stamp(at)),
            ("SystemModstamp", stamp(at)),
        ];
        let place = world.add("Account", at, &cells);
        if world.goes_wrong(20, "segment-changed") {
            let at = at + world.random.between(DAY, 300 * DAY);
            edit(world, place, at, &[("NumberOfEmployees", "4000")]);
        }
        delete_some(world, place, 8);
        places.push(place);
    }
    merge_some(world, "001", &places, 5);
    places
}

fn contacts(world: &mut World, users: &[String], accounts: &[usize]) -> Vec<usize> {
    let mut places = Vec::new();
    for number in 0..35 {
        let at = world.random.between(-150, 650) * DAY + world.random.between(0, DAY - 1);
        let account = *world.random.pick(accounts);
        let account_id = match world.random.below(12) {
            0 => String::new(),
            1 => id("001", 950),
            _ => id_of(world, account),
        };
        let cells = [
            ("Id", id("003", number)),
            ("IsDeleted", "false".to_owned()),
            ("MasterRecordId", String::new()),
            ("AccountId", account_id),
            ("LastName", format!("Person {number}")),
            ("Email", email(world, number)),
            ("LeadSource", (*world.random.pick(&LEAD_SOURCES)).to_owned()),
            ("OwnerId", world.random.pick(users).clone()),
            ("CreatedDate", stamp(at)),
            ("SystemModstamp", stamp(at)),
        ];
        let place = world.add("Contact", at, &cells);
        if world.goes_wrong(10, "changed-account") {
            let other = *world.random.pick(accounts);
            let other = id_of(world, other);
            let at = at + world.random.between(DAY, 300 * DAY);
            edit(world, place, at, &[("AccountId", &other)]);
        }
        delete_some(world, place, 5);
        places.push(place);
    }
    merge_some(world, "003", &places, 5);
    places
}

fn email(world: &mut World, number: usize) -> String {
    let firm = world.random.below(22);
    match world.random.below(10) {
        0 => String::new(),
        1 => format!("p{number}@gmail.com"),
        2 => format!("P{number}@FIRM{firm}.example "),
        _ => format!("p{number}@firm{firm}.example"),
    }
}

fn leads(world: &mut World, users: &[String], contacts: &[usize]) -> Vec<usize> {
    let mut places = Vec::new();
    for number in 0..35 {
        let at = world.random.between(-150, 700) * DAY + world.random.between(0, DAY - 1);
        let mut address = email(world, 100 + number);
        if world.goes_wrong(15, "lead-has-address-of-contact") {
            let contact = *world.random.pick(contacts);
            address = world.newest(contact).cells["Email"].to_uppercase();
        } else if number > 0 && world.goes_wrong(10, "two-leads-of-one-address") {
            address = world.newest(places[number - 1]).cells["Email"].clone();
        }
        let (source, medium) = *world.random.pick(&[
            ("google", "cpc"),
            ("", ""),
            ("newsletter", "email"),
            ("linkedin", "paid-social"),
        ]);
        let cells = [
            ("Id", id("00Q", number)),
            ("IsDeleted", "false".to_owned()),
            ("MasterRecordId", String::new()),
            ("LastName", format!("Lead {number}")),
            ("Company", format!("Firm {number}")),
            ("Email", address),
            ("LeadSource", (*world.random.pick(&LEAD_SOURCES)).to_owned()),
            ("Status", "Open".to_owned()),
            ("OwnerId", world.random.pick(users).clone()),
            ("IsConverted", "false".to_owned()),
            ("CreatedDate", stamp(at)),
            ("SystemModstamp", stamp(at)),
            ("UTM_Source__c", source.to_owned()),
            ("UTM_Medium__c", medium.to_owned()),
        ];
        places.push(world.add("Lead", at, &cells));
    }
    merge_some(world, "00Q", &places, 4);
    for &place in &places {
        delete_some(world, place, 4);
    }
    places
}

/// Converts some leads to a contact, an account and mostly a deal.
pub(super) fn convert(world: &mut World, who: &Who, deals: &Deals) {
    for &lead in &who.leads {
        if !world.random.chance(35) || world.newest(lead).cells["IsDeleted"] == "true" {
            continue;
        }
        let at = world.newest(lead).at + world.random.between(DAY, 100 * DAY);
        let at = at.min(DAYS * DAY - 1);
        let contact = *world.random.pick(&who.contacts);
        let contact_id = match world.goes_wrong(10, "converted-to-nobody") {
            true => id("003", 900),
            false => id_of(world, contact),
        };
        let account = world.newest(contact).cells["AccountId"].clone();
        let deal = match world.random.chance(70) {
            true => {
                let deal = *world.random.pick(&deals.places);
                id_of(world, deal)
            }
            false => String::new(),
        };
        let cells = [
            ("IsConverted", "true"),
            ("Status", "Converted"),
            ("ConvertedDate", &day(at).to_string()),
            ("ConvertedAccountId", &account),
            ("ConvertedContactId", &contact_id),
            ("ConvertedOpportunityId", &deal),
        ];
        edit(world, lead, at, &cells);
    }
}
