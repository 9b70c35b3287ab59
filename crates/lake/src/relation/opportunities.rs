//! `opportunities`: one row per deal that is not withdrawn.
//!
//! The amount is the native one by the rate of the close day, planned or actual (of the creation,
//! where there is none; of the as-of day, where that comes first), rounded once. Expected is amount
//! times probability, rounded once, half to even.

use domain::{Column, Currency, Decimal, Frame, Money};
use jiff::civil::Date;

use super::Built;
use crate::build::{Rates, number};
use crate::error::LakeError;

pub(super) const COLUMNS: &[&str] = &[
    "id",
    "name",
    "account_id",
    "account",
    "segment",
    "industry",
    "country",
    "owner",
    "kind",
    "lead_source",
    "counted",
    "stage",
    "state",
    "stage_index",
    "stage_since",
    "stage_reached",
    "stage_reached_name",
    "forecast_category",
    "qualification",
    "qualification_score",
    "amount",
    "amount_native",
    "probability",
    "expected",
    "created_at",
    "created_on",
    "close_on",
    "closed_on",
    "won",
    "cycle_days",
    "month",
    "quarter",
    "source_first_touch",
    "source_lead_source",
    "source_pre_sales",
    "source",
    "channel",
    "program_id",
    "program",
    "influenced",
    "n_touches",
    "first_touch_on",
    "days_from_first_touch",
    "last_activity_on",
    "n_roles",
    "n_pushes",
    "duplicate_of",
];

pub(super) fn all(built: &Built, currency: Currency) -> Result<Frame, LakeError> {
    let base = built.table("opportunities")?;
    let amount = amounts(built, &base, currency)?;
    let chances = base.decimals("_probability").iter();
    let expected = amount.iter().zip(chances).map(|(amount, p)| times((*amount)?, (*p)?)).collect();
    assembled(
        &base,
        COLUMNS,
        vec![("amount", Column::Money(amount)), ("expected", Column::Money(expected))],
    )
}

fn times(amount: Money, probability: Decimal) -> Option<Money> {
    Money::from_decimal(amount.to_decimal().checked_mul(probability)?, amount.currency).ok()
}

/// Converts the native amounts of deals, in their order.
pub(super) fn amounts(
    built: &Built,
    base: &Frame,
    currency: Currency,
) -> Result<Vec<Option<Money>>, LakeError> {
    let as_of = built.as_of();
    let days = base.days("_rate_on").iter().map(|day| day.map(|day| day.min(as_of)));
    let days: Vec<Option<Date>> = days.collect();
    Ok(converted(&built.rates()?, base.moneys("amount_native"), &days, currency))
}

/// Converts amounts, each by the rate of its day.
pub(super) fn converted(
    rates: &Rates,
    native: &[Option<Money>],
    days: &[Option<Date>],
    currency: Currency,
) -> Vec<Option<Money>> {
    let pairs = native.iter().zip(days);
    pairs.map(|(money, day)| rates.convert((*money)?, currency, number((*day)?))).collect()
}

/// Puts the columns of a table and some made ones into the order of a relation.
pub(super) fn assembled(
    base: &Frame,
    names: &[&str],
    mut made: Vec<(&str, Column)>,
) -> Result<Frame, LakeError> {
    let mut columns = Vec::with_capacity(names.len());
    for &name in names {
        if let Some(at) = made.iter().position(|(made, _)| *made == name) {
            columns.push((name, made.swap_remove(at).1));
        } else if let Some(column) = base.column(name) {
            columns.push((name, column.clone()));
        }
    }
    Ok(Frame::new(columns)?)
}
