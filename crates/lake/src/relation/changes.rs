//! `deal_changes`: one row per change of a field of a deal, its creation among them.
//!
//! Amounts are converted at the rate of the deal, as in `opportunities`, so that a change of the
//! rate is none of the amount.

use domain::{Column, Currency, Frame};

use super::Built;
use super::opportunities::converted;
use crate::error::LakeError;

pub(super) const COLUMNS: &[&str] = &[
    "opportunity_id",
    "opportunity",
    "position",
    "field",
    "old",
    "new",
    "stage_old",
    "stage_new",
    "index_old",
    "index_new",
    "state_new",
    "amount_old",
    "amount_new",
    "day_old",
    "day_new",
    "at",
    "day",
    "actor",
    "derived",
    "segment",
    "channel",
    "program_id",
    "program",
    "source",
    "owner",
    "kind",
    "counted",
    "created_on",
];

/// Columns of the deal that each row carries.
pub(super) const OF_DEAL: &[&str] = &[
    "segment",
    "channel",
    "program_id",
    "program",
    "source",
    "owner",
    "kind",
    "counted",
    "created_on",
];

pub(super) fn all(built: &Built, currency: Currency) -> Result<Frame, LakeError> {
    let base = built.table("deal_changes")?;
    let deals = built.table("opportunities")?;
    let rows: Vec<usize> = places(&base);
    let as_of = built.as_of();
    let rate_on = deals.days("_rate_on");
    let days: Vec<_> = rows
        .iter()
        .map(|row| rate_on.get(*row).copied().flatten().map(|day| day.min(as_of)))
        .collect();
    let rates = built.rates()?;
    let money = |name| Column::Money(converted(&rates, base.moneys(name), &days, currency));
    let mut made = vec![("amount_old", money("_amount_old")), ("amount_new", money("_amount_new"))];
    made.extend(of_deals(&deals, &rows));
    super::opportunities::assembled(&base, COLUMNS, made)
}

/// The places of the deals of the rows of a table.
pub(super) fn places(base: &Frame) -> Vec<usize> {
    let places = base.integers("_deal").iter();
    places.filter_map(|place| usize::try_from((*place)?).ok()).collect()
}

/// The identifier, the name and the columns of [`OF_DEAL`] of deals, one row each.
pub(super) fn of_deals(deals: &Frame, rows: &[usize]) -> Vec<(&'static str, Column)> {
    let mut names = vec!["id", "name"];
    names.extend(OF_DEAL);
    let taken = deals.select(&names).take(rows);
    let shown = ["opportunity_id", "opportunity"].iter().chain(OF_DEAL);
    shown.copied().zip(taken.columns().iter().cloned()).collect()
}
