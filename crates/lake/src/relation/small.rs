//! `paths`, `touch_days`, `leads`, `lead_stages`, `capacity`, `budgets`, `spend`, `spend_left_out`
//! and `programs`: tables of the build, with their money in the currency asked for.

use domain::{Column, Currency, Frame};

use super::Built;
use super::opportunities::{amounts, assembled, converted};
use crate::error::LakeError;

pub(super) const PATHS: &[&str] =
    &["opportunity_id", "account_id", "segment", "path", "converted", "amount", "created_on"];

pub(super) const TOUCH_DAYS: &[&str] = &[
    "program_id",
    "program",
    "channel",
    "side",
    "day",
    "month",
    "n_touches",
    "n_invalid",
    "n_sends",
];

pub(super) const LEADS: &[&str] = &[
    "id",
    "created_on",
    "month",
    "quarter",
    "account_id",
    "segment",
    "channel",
    "side",
    "program_id",
    "program",
    "lead_source",
    "status",
    "converted",
    "opportunity_id",
];

pub(super) const LEAD_STAGES: &[&str] = &[
    "id",
    "stage",
    "stage_index",
    "entered_on",
    "left_on",
    "how",
    "account_id",
    "segment",
    "channel",
    "program_id",
    "program",
    "created_on",
    "month",
    "quarter",
    "status",
    "disqualified",
];

pub(super) const CAPACITY: &[&str] =
    &["month", "day", "role", "headcount", "units_per_head", "stage"];

pub(super) const BUDGETS: &[&str] =
    &["month", "day", "owner", "channel", "program_id", "program", "amount"];

pub(super) const SPEND: &[&str] = &[
    "day",
    "month",
    "platform",
    "program_id",
    "program",
    "channel",
    "side",
    "amount",
    "amount_native",
    "impressions",
    "clicks",
    "invalid_clicks",
    "n",
];

pub(super) const SPEND_LEFT_OUT: &[&str] = &[
    "day",
    "month",
    "platform",
    "program_id",
    "program",
    "channel",
    "side",
    "amount",
    "amount_native",
    "impressions",
    "clicks",
    "invalid_clicks",
    "n",
    "reason",
];

pub(super) const PROGRAMS: &[&str] = &[
    "id",
    "name",
    "channel",
    "side",
    "kind",
    "platform",
    "owner",
    "status",
    "start_on",
    "end_on",
    "budget",
    "actual_cost",
];

/// The path of a deal is worth its amount.
pub(super) fn paths(built: &Built, currency: Currency) -> Result<Frame, LakeError> {
    let base = built.table("paths")?;
    let amounts = amounts(built, &*built.table("opportunities")?, currency)?;
    let of = |deal: &Option<i64>| amounts.get(usize::try_from((*deal)?).ok()?).copied().flatten();
    let amount = base.integers("_deal").iter().map(of).collect();
    assembled(&base, PATHS, vec![("amount", Column::Money(amount))])
}

/// Stages of leads carry what their lead says.
pub(super) fn lead_stages(built: &Built) -> Result<Frame, LakeError> {
    let base = built.table("lead_stages")?;
    let leads = built.table("leads")?;
    let places = base.integers("_lead").iter();
    let rows: Vec<usize> = places.filter_map(|row| usize::try_from((*row)?).ok()).collect();
    let taken = leads.select(LEAD_STAGES).take(&rows);
    let words = &built.definitions().leads;
    let lost = taken
        .texts("status")
        .iter()
        .map(|status| Some(status.as_deref().is_some_and(|status| words.is_disqualified(status))));
    let mut made = vec![("disqualified", Column::Boolean(lost.collect()))];
    let names = taken.names().iter().map(|name| &**name);
    made.extend(names.zip(taken.columns().iter().cloned()));
    assembled(&base, LEAD_STAGES, made)
}

/// Budgets are converted by the rate of the first day of their month.
pub(super) fn budgets(built: &Built, currency: Currency) -> Result<Frame, LakeError> {
    let base = built.table("budgets")?;
    let (native, days) = (base.moneys("_amount"), base.days("day"));
    let amount = converted(&built.rates()?, native, days, currency);
    assembled(&base, BUDGETS, vec![("amount", Column::Money(amount))])
}

/// Spend is converted by the rate of its day.
pub(super) fn spend(
    built: &Built,
    name: &'static str,
    currency: Currency,
) -> Result<Frame, LakeError> {
    let base = built.table(name)?;
    let (native, days) = (base.moneys("amount_native"), base.days("day"));
    let amount = converted(&built.rates()?, native, days, currency);
    let names = if name == "spend" { SPEND } else { SPEND_LEFT_OUT };
    assembled(&base, names, vec![("amount", Column::Money(amount))])
}

/// Budgets and costs are converted by the rate of the first day of the program. Programs that are
/// only named by touches are not among them.
pub(super) fn programs(built: &Built, currency: Currency) -> Result<Frame, LakeError> {
    let base = built.table("programs")?;
    let rates = built.rates()?;
    let as_of = built.as_of();
    let days = base.days("_rate_on").iter();
    let days: Vec<_> = days.map(|day| Some(day.unwrap_or(as_of).min(as_of))).collect();
    let money = |name| Column::Money(converted(&rates, base.moneys(name), &days, currency));
    let made = vec![("budget", money("_budget")), ("actual_cost", money("_actual_cost"))];
    let frame = assembled(&base, PROGRAMS, made)?;
    let found = base.booleans("_found").iter().enumerate();
    let rows: Vec<usize> = found.filter(|(_, f)| **f == Some(true)).map(|(row, _)| row).collect();
    Ok(frame.take(&rows))
}
