//! What was planned: people by month and role, and money by month, owner, channel and program.

use std::sync::Arc;

use domain::{Column, Currency, Definitions, Frame, Money};
use jiff::civil::Date;

use super::days::PeriodNames;
use super::facts::{self, Facts};
use super::programs::Programs;
use crate::error::LakeError;

/// The tables, and whether something lies after the as-of day.
pub(crate) struct Plan {
    pub(crate) capacity: Frame,
    pub(crate) budgets: Frame,
    pub(crate) later: bool,
}

/// Reads both tables.
pub(crate) fn read(
    source: &dyn Facts,
    definitions: &Definitions,
    programs: &Programs,
    as_of: Date,
) -> Result<Plan, LakeError> {
    let (capacity, more_people) = capacity(source, definitions, as_of)?;
    let (budgets, more_money) = budgets(source, definitions, programs, as_of)?;
    Ok(Plan { capacity, budgets, later: more_people || more_money })
}

/// The rows of a table up to the as-of day, in the order of a key; true where there are more.
fn rows_until<K: Ord>(
    frame: &Frame,
    as_of: Date,
    key: impl Fn(usize) -> K,
) -> (Vec<(usize, Date)>, bool) {
    let known: Vec<(usize, Date)> = frame
        .days("month")
        .iter()
        .enumerate()
        .filter_map(|(row, month)| Some((row, (*month)?)))
        .collect();
    let n_known = known.len();
    let mut rows: Vec<(usize, Date)> = known.into_iter().filter(|(_, m)| *m <= as_of).collect();
    let later = rows.len() < n_known;
    rows.sort_by_cached_key(|(row, month)| (*month, key(*row)));
    (rows, later)
}

fn months(rows: &[(usize, Date)]) -> [(&'static str, Column); 2] {
    let mut names = PeriodNames::default();
    let texts = rows.iter().map(|(_, month)| Some(names.month(*month))).collect();
    [
        ("month", Column::Text(texts)),
        ("day", Column::Day(rows.iter().map(|(_, month)| Some(*month)).collect())),
    ]
}

fn capacity(
    source: &dyn Facts,
    definitions: &Definitions,
    as_of: Date,
) -> Result<(Frame, bool), LakeError> {
    let columns = ["month", "role", "headcount", "units_per_head"];
    let frame = facts::frame(source, "capacity", &columns)?;
    let role = |row: usize| frame.texts("role").get(row).cloned().flatten();
    let (rows, later) = rows_until(&frame, as_of, role);
    let number = |column: &str| {
        let values = frame.decimals(column);
        let value = |row: usize| f64::try_from(values.get(row).copied().flatten()?).ok();
        Column::Number(rows.iter().map(|(row, _)| value(*row)).collect())
    };
    let stage = |row: usize| definitions.works(&role(row)?).cloned();
    let [month, day] = months(&rows);
    let made = super::frame(vec![
        month,
        day,
        ("role", Column::Text(rows.iter().map(|(row, _)| role(*row)).collect())),
        ("headcount", number("headcount")),
        ("units_per_head", number("units_per_head")),
        ("stage", Column::Text(rows.iter().map(|(row, _)| stage(*row)).collect())),
    ])?;
    Ok((made, later))
}

fn budgets(
    source: &dyn Facts,
    definitions: &Definitions,
    programs: &Programs,
    as_of: Date,
) -> Result<(Frame, bool), LakeError> {
    let columns = ["month", "owner", "channel", "program_id", "amount", "currency"];
    let frame = facts::frame(source, "budget", &columns)?;
    let text = |column: &str, row: usize| frame.texts(column).get(row).cloned().flatten();
    let key = |row: usize| ["owner", "channel", "program_id"].map(|column| text(column, row));
    let (rows, later) = rows_until(&frame, as_of, key);
    // A channel is named by its identifier or, as people do, by its name.
    let channel = |row: usize| -> Option<Arc<str>> {
        let written = text("channel", row)?;
        let folded = |text: &str| text.trim().to_lowercase().replace([' ', '-'], "_");
        let wanted = folded(&written);
        let mut known = definitions.channels.iter();
        let found = known.find(|c| folded(&c.id) == wanted || folded(&c.name) == wanted);
        Some(found.map_or(written, |channel| Arc::clone(&channel.id)))
    };
    let money = |row: usize| -> Option<Money> {
        let amount = frame.decimals("amount").get(row).copied().flatten();
        let currency: Option<Currency> = match text("currency", row) {
            Some(code) => super::money::currency(&code),
            None => Some(definitions.currency),
        };
        super::deals::native(amount, currency)
    };
    let program = |row: usize| {
        let id = text("program_id", row)?;
        programs.find(&id).and_then(|code| programs.name(code))
    };
    let texts = |of: &dyn Fn(usize) -> Option<Arc<str>>| {
        Column::Text(rows.iter().map(|(row, _)| of(*row)).collect())
    };
    let [month, day] = months(&rows);
    let made = super::frame(vec![
        month,
        day,
        ("owner", texts(&|row| text("owner", row))),
        ("channel", texts(&channel)),
        ("program_id", texts(&|row| text("program_id", row))),
        ("program", texts(&program)),
        ("_amount", Column::Money(rows.iter().map(|(row, _)| money(*row)).collect())),
    ])?;
    Ok((made, later))
}
