//! What a reader can choose: periods, segments, models, currencies.

use ::answers::Entry;
use access::Caller;
use domain::{Definitions, Rows};
use jiff::ToSpan;
use jiff::civil::Date;
use project::View;
use show::html::{Choice, Controls};

use super::name_of;
use crate::desk::Ground;
use crate::problem::Problem;
use crate::site::Site;

/// Quarters that are offered.
const QUARTERS: usize = 12;
/// Months that are offered.
const MONTHS: usize = 12;

/// What can be chosen on the page of a question.
pub(crate) fn controls(
    site: &Site,
    entry: Option<&Entry>,
    caller: &Caller,
) -> Result<Controls, Problem> {
    let standing = site.desk.standing();
    let Some(ground) = standing.ground else { return Err(site.desk.why_not()) };
    let definitions = ground.view.definitions();
    let (known_from, known_to) = known(site, &ground)?;
    Ok(Controls {
        periods: periods(definitions, known_from.1, ground.view.as_of()),
        segments: segments(definitions, caller),
        models: domain::definition::check::MODELS
            .iter()
            .filter(|model| **model != "custom" || definitions.attribution.custom.is_some())
            .map(|model| Choice::new(*model, domain::definition::check::model_name(model)))
            .collect(),
        currencies: std::iter::once(&definitions.currency)
            .chain(definitions.rates.keys().filter(|code| **code != definitions.currency))
            .map(|code| Choice::new(code.to_string(), code.to_string()))
            .collect(),
        by: entry.map_or_else(Vec::new, |entry| {
            entry.dimensions.iter().map(|name| Choice::new(*name, name_of(name))).collect()
        }),
        known_from: Some(known_from.0),
        known_to: Some(known_to),
        segment_fixed: caller.segment.is_some(),
    })
}

/// The segments that a caller may choose from.
pub(crate) fn segments(definitions: &Definitions, caller: &Caller) -> Vec<Choice> {
    let named = definitions.segments.iter().map(|s| Choice::new(&*s.id, s.name.clone()));
    let rest = ["other", "unknown"].map(|id| Choice::new(id, name_of(id)));
    let all = named.chain(rest);
    all.filter(|choice| caller.segment.as_ref().is_none_or(|only| *only == choice.value)).collect()
}

/// The first day as of which something is known, and the day of the first deal; and the last day.
fn known(site: &Site, ground: &Ground) -> Result<((Date, Date), Date), Problem> {
    let key = format!("known|{}", ground.number);
    let found = site.desk.cache.get(
        &key,
        |_| 256,
        || {
            let calendar = ground.view.definitions().calendar();
            let loads = ground.lake.loads().map_err(|error| Problem::fault(error.to_string()))?;
            let days = loads.iter().map(|load| calendar.day(load.recorded_at));
            let last = ground.view.as_of();
            let first = days.min().unwrap_or(last);
            Ok::<_, Problem>(((first, first_deal(&ground.view)?.unwrap_or(first)), last))
        },
    )?;
    Ok(*found)
}

fn first_deal(view: &View) -> Result<Option<Date>, Problem> {
    let rows = Rows::of("opportunities").columns(&["created_on"]);
    let rows = view.built().fetch(&rows, view.definitions().currency);
    let rows = rows.map_err(|error| Problem::fault(error.to_string()))?;
    Ok(rows.days("created_on").iter().flatten().min().copied())
}

fn periods(definitions: &Definitions, first: Date, last: Date) -> Vec<Choice> {
    let calendar = definitions.calendar();
    let mut choices = Vec::new();
    let mut years: Vec<String> = Vec::new();
    let mut quarter = calendar.quarter_of(last);
    for _ in 0..QUARTERS {
        choices.push(Choice::new(quarter.label.clone(), quarter.label.clone()));
        let year = quarter.label.split('Q').next().unwrap_or_default().to_owned();
        if !year.is_empty() && !years.contains(&year) {
            years.push(year);
        }
        if quarter.from <= first {
            break;
        }
        quarter = calendar.previous(&quarter);
    }
    choices.extend(years.into_iter().map(|year| Choice::new(year.clone(), format!("FY {year}"))));
    let mut month = calendar.month_of(last);
    for _ in 0..MONTHS {
        choices.push(Choice::new(month.label.clone(), month.label.clone()));
        if month.from <= first {
            break;
        }
        month = calendar.month_of(month.from.saturating_sub(1.day()));
    }
    choices.push(Choice::new("all", "Everything"));
    choices
}
