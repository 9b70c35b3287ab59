//! Deals with their histories: won again, dated back, skipped and walked back, without amount or
//! rate, of no account; and the people on them.

use super::ads::Programs;
use super::ids::id;
use super::people::{LEAD_SOURCES, Who, delete_some, edit, id_of};
use super::{DAY, DAYS, World, day, stamp};

/// Places of the deals.
pub(super) struct Deals {
    pub(super) places: Vec<usize>,
}

/// Open stages in order, then won and lost.
const STAGES: [&str; 7] = [
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Proposal/Price Quote",
    "Negotiation/Review",
    "Closed Won",
    "Closed Lost",
];
const WON: usize = 5;
const LOST: usize = 6;
const KINDS: [&str; 5] = ["New Business", "Existing Business", "Renewal", "renewal", ""];

/// What a deal says at a time.
#[derive(Clone)]
struct Said {
    at: i64,
    stage: usize,
    label: String,
    amount: String,
    close_on: i64,
}

pub(super) fn deals(world: &mut World, who: &Who, programs: &Programs) -> Deals {
    rates(world);
    let renamed = world.goes_wrong(25, "won-stage-renamed");
    let mut places = Vec::new();
    for number in 0..60 {
        places.push(deal(world, who, programs, number, renamed));
    }
    roles(world, who, &places);
    Deals { places }
}

/// Dated rates: units for one US dollar. Those of GBP begin late, SEK has none.
fn rates(world: &mut World) {
    let mut number = 0;
    for (currency, first, rates) in [
        ("USD", -400, &["1.000000"][..]),
        ("EUR", -400, &["0.930000", "0.917500", "0.951234", "0.870000"]),
        ("GBP", 250, &["0.781000", "0.790100"]),
        ("JPY", -400, &["149.250000", "151.700000", "144.000000"]),
        ("KWD", -400, &["0.307000", "0.306300"]),
    ] {
        let mut from = first;
        for rate in rates {
            let cells = [
                ("Id", id("04w", number)),
                ("IsoCode", currency.to_owned()),
                ("StartDate", day(from * DAY).to_string()),
                ("NextStartDate", "9999-12-31".to_owned()),
                ("ConversionRate", (*rate).to_owned()),
            ];
            let place = world.add("DatedConversionRate", from * DAY, &cells);
            if currency == "EUR" && world.goes_wrong(20, "rate-restated") {
                let at = (from + 200) * DAY;
                world.change(place, at, &[("ConversionRate", "0.900001".to_owned())]);
            }
            number += 1;
            from += world.random.between(60, 300);
        }
    }
}

fn amount(world: &mut World, currency: &str) -> String {
    let whole = world.random.between(100, 90_000);
    if world.goes_wrong(8, "no-amount") {
        return String::new();
    }
    if world.goes_wrong(3, "zero-amount") {
        return "0".to_owned();
    }
    let sign = if world.goes_wrong(4, "negative-amount") { "-" } else { "" };
    let cents = world.random.between(0, 99);
    match currency {
        "JPY" if world.goes_wrong(30, "yen-with-fraction") => format!("{sign}{whole}.{cents:02}"),
        "JPY" => format!("{sign}{whole}"),
        "KWD" => format!("{sign}{whole}.{cents:02}5"),
        _ => format!("{sign}{whole}.{cents:02}"),
    }
}

fn deal(world: &mut World, who: &Who, programs: &Programs, number: usize, renamed: bool) -> usize {
    let created = world.random.between(-60, DAYS - 5) * DAY + world.random.between(0, DAY - 1);
    let account = match world.random.below(14) {
        1 => {
            world.dirt.push("deal-of-unknown-account");
            id("001", 950)
        }
        _ => {
            let account = *world.random.pick(&who.accounts);
            id_of(world, account)
        }
    };
    let currency = *world.random.pick(&[
        "USD", "USD", "USD", "USD", "USD", "EUR", "EUR", "GBP", "JPY", "JPY", "KWD", "SEK", "",
    ]);
    let history = story(world, created, currency, renamed);
    let first = &history[0];
    let program = match world.random.below(4) {
        0 => programs.ids[world.random.below(programs.ids.len())].clone(),
        1 => id("701", 950),
        _ => String::new(),
    };
    let owner = world.random.pick(&who.users).clone();
    let deal = id("006", number);
    let mut cells = said(first);
    cells.extend([
        ("Id", deal.clone()),
        ("IsDeleted", "false".to_owned()),
        ("AccountId", account),
        ("Name", format!("Deal {number}\nsecond line, with a comma")),
        ("Type", (*world.random.pick(&KINDS)).to_owned()),
        ("LeadSource", (*world.random.pick(&LEAD_SOURCES)).to_owned()),
        ("CurrencyIsoCode", currency.to_owned()),
        ("CampaignId", program),
        ("OwnerId", owner),
        ("CreatedDate", stamp(created)),
    ]);
    let place = world.add("Opportunity", created, &cells);
    for next in &history[1..] {
        let mut cells = said(next);
        if world.goes_wrong(10, "owner-changed") {
            cells.push(("OwnerId", world.random.pick(&who.users).clone()));
        }
        world.change(place, next.at, &cells);
    }
    tell(world, &deal, number, &history);
    delete_some(world, place, 6);
    if world.goes_wrong(5, "currency-changed") {
        let at = world.newest(place).at + world.random.between(1, 50) * DAY;
        edit(world, place, at, &[("CurrencyIsoCode", "EUR")]);
    }
    if world.goes_wrong(5, "changed-account") {
        let other = *world.random.pick(&who.accounts);
        let other = id_of(world, other);
        let at = world.newest(place).at + world.random.between(1, 50) * DAY;
        edit(world, place, at, &[("AccountId", &other)]);
    }
    place
}

/// Walks a deal through its stages.
fn story(world: &mut World, created: i64, currency: &str, renamed: bool) -> Vec<Said> {
    let amount_first = amount(world, currency);
    let close_on = created.div_euclid(DAY) + world.random.between(20, 160);
    let stage = if world.goes_wrong(5, "begins-late") { 3 } else { 0 };
    let first = STAGES[stage].to_owned();
    let mut history =
        vec![Said { at: created, stage, label: first, amount: amount_first, close_on }];
    for _ in 0..world.random.below(8) {
        let last = history.last().expect("a deal begins").clone();
        let wait = match world.goes_wrong(6, "two-changes-in-a-second") {
            true => 0,
            false => world.random.between(1, 60 * DAY),
        };
        let mut next = Said { at: last.at + wait, ..last.clone() };
        if last.stage >= WON {
            if !world.goes_wrong(30, "opened-again") {
                break;
            }
            next.stage = world.random.below(WON);
            next.close_on = next.at.div_euclid(DAY) + world.random.between(10, 90);
        } else {
            next.stage = match world.random.below(20) {
                0..5 => WON,
                5..8 => LOST,
                8..10 if world.goes_wrong(100, "stage-skipped") => (last.stage + 2).min(4),
                10..12 if world.goes_wrong(100, "stage-walked-back") => {
                    last.stage.saturating_sub(1)
                }
                _ => (last.stage + 1).min(4),
            };
        }
        if next.stage >= WON {
            next.close_on = next.at.div_euclid(DAY);
            if world.goes_wrong(15, "dated-back") {
                next.close_on -= world.random.between(5, 100);
                next.close_on = next.close_on.max(created.div_euclid(DAY));
            }
        }
        if world.random.chance(30) || (last.stage >= WON && next.stage == WON) {
            next.amount = amount(world, currency);
        }
        next.label = label(world, next.stage, next.at, renamed);
        history.push(next);
    }
    // What would come after the last day has not happened.
    let last = DAYS * DAY;
    history.retain(|said| said.at < last);
    history
}

/// Returns the label of a stage: badly typed, or renamed in the CRM from a day on.
fn label(world: &mut World, stage: usize, at: i64, renamed: bool) -> String {
    let label = STAGES[stage];
    match stage {
        WON if renamed && at > 400 * DAY => "Won - Signed".to_owned(),
        _ if world.goes_wrong(4, "stage-badly-typed") => format!(" {} ", label.to_lowercase()),
        _ => label.to_owned(),
    }
}

fn close_text(said: &Said) -> String {
    day(said.close_on * DAY).to_string()
}

fn said(said: &Said) -> Vec<(&'static str, String)> {
    let probability = ["10", "20", "40", "65", "80", "100", "0"][said.stage];
    vec![
        ("StageName", said.label.clone()),
        ("Amount", said.amount.clone()),
        ("Probability", probability.to_owned()),
        ("CloseDate", close_text(said)),
        ("IsClosed", (said.stage >= WON).to_string()),
        ("IsWon", (said.stage == WON).to_string()),
        ("SystemModstamp", stamp(said.at)),
    ]
}

/// Writes the histories of a deal: both, one of them, or none.
fn tell(world: &mut World, deal: &str, number: usize, history: &[Said]) {
    let kind = world.random.below(10);
    let by = id("005", 0);
    for (place, now) in history.iter().enumerate() {
        let serial = number * 20 + place;
        if kind < 8 {
            let cells = [
                ("Id", id("008", serial)),
                ("OpportunityId", deal.to_owned()),
                ("CreatedById", by.clone()),
                ("CreatedDate", stamp(now.at)),
                ("StageName", now.label.clone()),
                ("Amount", now.amount.clone()),
                ("CloseDate", close_text(now)),
                ("Probability", ["10", "20", "40", "65", "80", "100", "0"][now.stage].to_owned()),
                ("ForecastCategory", "Pipeline".to_owned()),
                ("SystemModstamp", stamp(now.at)),
                ("IsDeleted", "false".to_owned()),
            ];
            let row = world.add("OpportunityHistory", now.at, &cells);
            if world.goes_wrong(5, "late-history") {
                world.delay(row);
            }
        }
        if kind == 0 {
            let mut field = |offset: usize, field: &str, old: &str, new: &str| {
                let cells = [
                    ("Id", id("017", serial * 4 + offset)),
                    ("IsDeleted", "false".to_owned()),
                    ("OpportunityId", deal.to_owned()),
                    ("CreatedById", by.clone()),
                    ("CreatedDate", stamp(now.at)),
                    ("Field", field.to_owned()),
                    ("DataType", "Text".to_owned()),
                    ("OldValue", old.to_owned()),
                    ("NewValue", new.to_owned()),
                ];
                world.add("OpportunityFieldHistory", now.at, &cells);
            };
            match place.checked_sub(1).map(|before| &history[before]) {
                None => field(0, "created", "", ""),
                Some(before) => {
                    if before.label != now.label {
                        field(1, "StageName", &before.label, &now.label);
                    }
                    if before.amount != now.amount {
                        field(2, "Amount", &before.amount, &now.amount);
                    }
                    let (old, new) = (close_text(before), close_text(now));
                    if old != new {
                        field(3, "CloseDate", &old, &new);
                    }
                }
            }
        }
    }
}

fn roles(world: &mut World, who: &Who, deals: &[usize]) {
    for number in 0..50 {
        let (deal, contact) = (*world.random.pick(deals), *world.random.pick(&who.contacts));
        let at = world.newest(deal).at.min(world.newest(contact).at);
        let person = match world.goes_wrong(4, "role-of-nobody") {
            true => id("003", 901),
            false => id_of(world, contact),
        };
        let cells = [
            ("Id", id("00K", number)),
            ("OpportunityId", id_of(world, deal)),
            ("ContactId", person),
            ("Role", "Champion".to_owned()),
            ("IsPrimary", "false".to_owned()),
            ("IsDeleted", "false".to_owned()),
            ("CreatedDate", stamp(at)),
        ];
        let place = world.add("OpportunityContactRole", at, &cells);
        if world.goes_wrong(5, "late-role") {
            world.delay(place);
        }
    }
}
