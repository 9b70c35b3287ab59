//! `program_leads`: one row per lead and program that touched it, from the first touch that counts.
//!
//! A touch that names an account and no known person makes the account the lead. A lead converts
//! with the first deal of its account that counts as pipeline and is created after that touch,
//! within the lookback.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Column, Currency, Frame};
use jiff::civil::Date;

use super::Built;
use crate::build::{NONE, activity, date};
use crate::error::LakeError;

pub(super) const COLUMNS: &[&str] = &[
    "program_id",
    "program",
    "channel",
    "segment",
    "id",
    "account_id",
    "entered_on",
    "converted_on",
    "won_on",
    "amount",
    "opportunity_id",
];

/// A lead of a program: program, person, account where no person is known, and its first touch.
type Lead = (u32, u32, u32, i64, u16);

/// Creation and place of deals, in order, by the identifier of their account.
pub(super) type Counted = BTreeMap<Arc<str>, Vec<(i64, usize)>>;

/// Deals that count, by the identifier of their account: creation and place, in order.
pub(super) fn counted(deals: &Frame) -> Counted {
    let mut found = Counted::new();
    let columns = deals.texts("account_id").iter().zip(deals.instants("created_at"));
    for (row, (account, created)) in columns.enumerate() {
        if let (Some(account), Some(created), Some(Some(true))) =
            (account, created, deals.booleans("counted").get(row))
        {
            let created = created.as_microsecond();
            found.entry(Arc::clone(account)).or_default().push((created, row));
        }
    }
    for own in found.values_mut() {
        own.sort_unstable();
    }
    found
}

pub(super) fn all(built: &Built, currency: Currency) -> Result<Frame, LakeError> {
    let deals = built.whole("opportunities", currency, "")?;
    let by_account = counted(&deals);
    let [leads, accounts, programs] =
        ["leads", "accounts", "programs"].map(|name| built.table(name));
    let (leads, accounts, programs) = (leads?, accounts?, programs?);
    let channels = built.channels();
    let (days, unknown) = (built.days(), channels.unknown());
    let lookback = i64::from(built.definitions().attribution.lookback_days) * 86_400_000_000;

    let touches = activity::touches(&*built.activity()?)?;
    let mut found: Vec<Lead> = touches
        .into_iter()
        .filter(|(account, _, program, _, person)| {
            *program != NONE && (*account != NONE || *person != NONE)
        })
        .map(|(account, at, program, channel, person)| {
            (program, person, if person == NONE { account } else { NONE }, at, channel)
        })
        .collect();
    found.sort_unstable();
    found.dedup_by_key(|(program, person, account, ..)| (*program, *person, *account));
    let text = |frame: &Frame, column: &str, row: u32| -> Option<Arc<str>> {
        frame.texts(column).get(usize::try_from(row).ok()?).cloned().flatten()
    };
    let id = |lead: &Lead| match lead.1 {
        NONE => text(&accounts, "id", lead.2),
        person => text(&leads, "id", person),
    };
    found.sort_by_cached_key(|lead| (lead.0, id(lead)));

    let account_id = |lead: &Lead| match lead.1 {
        NONE => text(&accounts, "id", lead.2),
        person => text(&leads, "account_id", person),
    };
    let segment = |lead: &Lead| match lead.1 {
        NONE => text(&accounts, "_segment", lead.2),
        person => text(&leads, "segment", person),
    };
    let unknown = channels.id(unknown);
    let channel = |lead: &Lead| {
        let own = text(&programs, "channel", lead.0).filter(|channel| *channel != unknown);
        Some(own.unwrap_or_else(|| channels.id(lead.4)))
    };
    let converted: Vec<Option<usize>> = found
        .iter()
        .map(|lead| {
            let own = by_account.get(&account_id(lead)?)?;
            let at = lead.3;
            let next = own.get(own.partition_point(|(created, _)| *created <= at))?;
            (next.0 <= at.saturating_add(lookback)).then_some(next.1)
        })
        .collect();
    let won = |row: &Option<usize>| {
        row.filter(|row| deals.booleans("won").get(*row) == Some(&Some(true)))
    };
    let day = |column: &str, row: Option<usize>| -> Option<Date> {
        deals.days(column).get(row?).copied().flatten()
    };
    let texts =
        |of: &dyn Fn(&Lead) -> Option<Arc<str>>| Column::Text(found.iter().map(of).collect());
    let entered = found.iter().map(|lead| Some(date(days.day(lead.3))));
    let amount = |row: &Option<usize>| deals.moneys("amount").get(won(row)?).copied().flatten();
    let deal_id = |row: &Option<usize>| deals.texts("id").get((*row)?).cloned().flatten();
    Ok(Frame::new(vec![
        ("program_id", texts(&|lead| text(&programs, "id", lead.0))),
        ("program", texts(&|lead| text(&programs, "name", lead.0))),
        ("channel", texts(&channel)),
        ("segment", texts(&segment)),
        ("id", texts(&id)),
        ("account_id", texts(&account_id)),
        ("entered_on", Column::Day(entered.collect())),
        ("converted_on", Column::Day(converted.iter().map(|r| day("created_on", *r)).collect())),
        ("won_on", Column::Day(converted.iter().map(|r| day("closed_on", won(r))).collect())),
        ("amount", Column::Money(converted.iter().map(amount).collect())),
        ("opportunity_id", Column::Text(converted.iter().map(deal_id).collect())),
    ])?)
}
