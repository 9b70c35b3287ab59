//! Spend: what ad platforms deliver by day, and costs typed in at campaigns of the CRM.
//!
//! A typed cost is spread evenly over the days of the campaign and becomes one row a month, exact
//! by largest remainder; what falls after the as-of day is not contained. It is left out, with a
//! reason, where an ad platform delivers the spend of the same campaign, or of the same channel in
//! months around it: the same money would count twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Currency, Decimal, Definitions, Money};
use jiff::ToSpan;
use jiff::civil::Date;

use super::channels::{Channel, Channels, Look};
use super::days::{self, Day, Days};
use super::facts::{self, Facts};
use super::names::NONE;
use super::programs::{Program, Programs};
use crate::error::LakeError;

/// The platform of costs typed in at a campaign.
pub(crate) const TYPED: &str = "crm";

/// A row of spend.
#[derive(Clone, Debug)]
pub(crate) struct Spend {
    pub(crate) day: Date,
    pub(crate) platform: Arc<str>,
    pub(crate) program_id: Arc<str>,
    pub(crate) program: Option<Arc<str>>,
    pub(crate) channel: Channel,
    pub(crate) amount: Option<Money>,
    pub(crate) impressions: Option<i64>,
    pub(crate) clicks: Option<i64>,
    pub(crate) invalid_clicks: Option<i64>,
}

/// All spend.
#[derive(Default, Debug)]
pub(crate) struct Spends {
    pub(crate) rows: Vec<Spend>,
    /// Typed costs that would count twice, with the reason.
    pub(crate) left_out: Vec<(Spend, &'static str)>,
    pub(crate) n_currency_assumed: u64,
    pub(crate) n_future: u64,
    /// True where a typed cost reaches beyond the as-of day.
    pub(crate) costs_later: bool,
}

/// Why a typed cost is left out.
pub(crate) const SAME_PROGRAM: &str = "an ad platform delivers the spend of this campaign";
/// Why a typed cost is left out.
pub(crate) const SAME_CHANNEL: &str = "an ad platform delivers the spend of this channel";

/// Reads spend and typed costs up to a day.
pub(crate) fn read(
    source: &dyn Facts,
    definitions: &Definitions,
    programs: &Programs,
    channels: &mut Channels,
    days: &Days,
    as_of: Date,
) -> Result<Spends, LakeError> {
    let mut spends = Spends::default();
    platforms(source, programs, channels, as_of, &mut spends)?;
    let mut delivered: BTreeMap<Channel, (Date, Date)> = BTreeMap::new();
    let mut programs_delivered = std::collections::BTreeSet::new();
    for row in &spends.rows {
        programs_delivered.insert(Arc::clone(&row.program_id));
        if row.channel != channels.unknown() {
            let month = row.day.first_of_month();
            let span = delivered.entry(row.channel).or_insert((month, month));
            *span = (span.0.min(month), span.1.max(month));
        }
    }
    for program in programs.rows.iter().filter(|program| program.found) {
        let Some(cost) = program.actual_cost.filter(|cost| !cost.is_zero()) else { continue };
        spends.n_currency_assumed += u64::from(program.currency.is_none());
        let currency = program
            .currency
            .as_ref()
            .map_or(Some(definitions.currency), |code| super::money::currency(code));
        spends.costs_later |= program.start.max(program.end).is_some_and(|day| day > as_of);
        for row in typed(program, cost, currency, days, as_of) {
            let month = row.day.first_of_month();
            let covered = delivered.get(&row.channel);
            if programs_delivered.contains(&row.program_id) {
                spends.left_out.push((row, SAME_PROGRAM));
            } else if covered.is_some_and(|(from, to)| *from <= month && month <= *to) {
                spends.left_out.push((row, SAME_CHANNEL));
            } else {
                spends.rows.push(row);
            }
        }
    }
    let key = |row: &Spend| {
        let amount = row.amount.map(|money| (money.currency, money.minor));
        let program = Arc::clone(&row.program_id);
        (row.day, Arc::clone(&row.platform), program, amount, row.impressions, row.clicks)
    };
    spends.rows.sort_by_cached_key(key);
    spends.left_out.sort_by_cached_key(|(row, _)| key(row));
    Ok(spends)
}

fn platforms(
    source: &dyn Facts,
    programs: &Programs,
    channels: &mut Channels,
    as_of: Date,
    spends: &mut Spends,
) -> Result<(), LakeError> {
    let columns = [
        "day",
        "platform",
        "program_id",
        "program_name",
        "channel",
        "amount",
        "currency",
        "impressions",
        "clicks",
        "invalid_clicks",
    ];
    let frame = facts::frame(source, "spend", &columns)?;
    let text = |column: &str, row: usize| frame.texts(column).get(row).cloned().flatten();
    let whole = |column: &str, row: usize| frame.integers(column).get(row).copied().flatten();
    for row in 0..frame.n_rows() {
        let day = frame.days("day").get(row).copied().flatten();
        let (Some(day), Some(program_id)) = (day, text("program_id", row)) else { continue };
        if day > as_of {
            spends.n_future += 1;
            continue;
        }
        let platform = text("platform", row).unwrap_or_else(|| "unknown".into());
        let name = text("program_name", row);
        let code = programs.find(&program_id).unwrap_or(NONE);
        let program = programs
            .get(code)
            .filter(|program| program.id == program_id || program.also.contains(&program_id));
        let channel_text = text("channel", row);
        let channel = channels.of(&Look {
            platform: Some(&platform),
            program_kind: program.and_then(|p| p.kind.as_deref()),
            program_name: program.and_then(|p| p.name.as_deref()).or(name.as_deref()),
            channel_text: channel_text
                .as_deref()
                .or_else(|| program.and_then(|p| p.channel_text.as_deref())),
            ..Look::default()
        });
        let currency = text("currency", row).and_then(|code| super::money::currency(&code));
        let amount = frame.decimals("amount").get(row).copied().flatten();
        spends.rows.push(Spend {
            day,
            program: program.and_then(|p| p.name.clone()).or(name),
            channel,
            amount: super::deals::native(amount, currency),
            impressions: whole("impressions", row),
            clicks: whole("clicks", row),
            invalid_clicks: whole("invalid_clicks", row),
            platform,
            program_id: program.map_or(program_id, |program| Arc::clone(&program.id)),
        });
    }
    Ok(())
}

/// Spreads a typed cost over the days of its campaign: one row a month up to the as-of day.
fn typed(
    program: &Program,
    cost: Decimal,
    currency: Option<Currency>,
    days: &Days,
    as_of: Date,
) -> Vec<Spend> {
    let created = program.created.map(|at| days::date(days.day(at)));
    let Some(start) = program.start.or(program.end).or(created) else { return Vec::new() };
    let end = program.end.unwrap_or(start).max(start);
    // One piece for each month, and the month of the as-of day in two.
    let mut pieces: Vec<(Date, u64)> = Vec::new();
    let mut day = start;
    while day <= end {
        let mut last = day.last_of_month().min(end);
        if day <= as_of && as_of < last {
            last = as_of;
        }
        let length: Day = days::number(last) - days::number(day) + 1;
        pieces.push((day, u64::try_from(length).unwrap_or(0)));
        let Ok(next) = last.checked_add(1.day()) else { break };
        day = next;
    }
    let total = super::deals::native(Some(cost), currency);
    let weights: Vec<u64> = pieces.iter().map(|(_, length)| *length).collect();
    let mut parts = Vec::new();
    stats::credit::split(total.map_or(0, |total| total.minor), &weights, &mut parts);
    let rows = pieces.iter().zip(parts).filter(|((day, _), _)| *day <= as_of);
    rows.map(|((day, _), minor)| Spend {
        day: *day,
        platform: TYPED.into(),
        program_id: Arc::clone(&program.id),
        program: program.name.clone(),
        channel: program.channel,
        amount: total.map(|total| Money::from_minor(minor, total.currency)),
        impressions: None,
        clicks: None,
        invalid_clicks: None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_typed_cost_is_spread_by_day_and_sums_to_itself() {
        let days = Days::new(domain::FiscalCalendar::default(), date(2026, 12, 31));
        let program = Program {
            id: "c".into(),
            start: Some(date(2026, 1, 30)),
            end: Some(date(2026, 3, 3)),
            ..Program::default()
        };
        // 2 days in January, 28 in February, 3 in March: 33 days, 1.00 a day and a cent too much.
        let spread = |as_of| {
            let cost = "33.01".parse().unwrap();
            let rows = typed(&program, cost, Some(Currency::USD), &days, as_of);
            let rows = rows.iter().map(|row| (row.day.to_string(), row.amount.unwrap().minor));
            rows.collect::<Vec<_>>()
        };
        let row = |day: &str, minor| (day.to_owned(), minor);
        let all = [row("2026-01-30", 200), row("2026-02-01", 2801), row("2026-03-01", 300)];
        assert_eq!(spread(date(2026, 12, 31)), all);
        assert_eq!(spread(date(2026, 2, 14)), [row("2026-01-30", 200), row("2026-02-01", 1401)]);
        assert_eq!(spread(date(2026, 1, 29)), []);
    }
}
