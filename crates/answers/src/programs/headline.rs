//! The sentence above the figures: what was spent, what it brought, what it returned.

use domain::{Answer, Ask, Value};

use super::View;
use crate::attribution;
use crate::common::{self, Periods, count, money, of_period};
use crate::words;

pub(super) fn headline(ask: &Ask, answer: &Answer, now: &View<'_>, periods: &Periods) -> String {
    let period = &common::period_said(ask);
    let brought = format!(
        "{}, {} created ({}) and {} won ({})",
        words::count(now.leads.size(), "lead", "leads"),
        words::deals(now.created.size()),
        words::money(money(&now.created.sum("amount"))),
        words::deals(now.won.size()),
        words::money(money(&now.won.sum("amount")))
    );
    if let Some(segment) = &ask.segment {
        let name = common::label(ask, "segment", segment, &[]);
        return format!("{name} in {period}: {brought}. What it cost is not recorded by segment.");
    }
    let spend = now.spend.sum("amount");
    if money(&spend).minor == 0 {
        return format!("No spend is recorded in {period}. Without a known cost: {brought}.");
    }
    let n = count(&now.spend.distinct("program_id"));
    let on = match n {
        0 => "outside any program".to_owned(),
        n => format!("on {}", words::count(n, "program", "programs")),
    };
    let mut text = format!("{} was spent {on} in {period}", words::money(money(&spend)));
    if !common::so_far(ask) {
        text.push_str(&change(answer, &periods.previous.label));
    }
    text.push('.');
    text.push_str(&prices(answer, now));
    text.push_str(&returns(ask, answer, now));
    text
}

fn change(answer: &Answer, label: &str) -> String {
    let spend = answer.figures.iter().find(|figure| figure.id == "spend");
    let (Some(Value::Money(now)), Some(Value::Money(before))) =
        (spend.map(|figure| &figure.value), spend.and_then(|figure| figure.previous.as_ref()))
    else {
        return String::new();
    };
    let (new, old) = (words::money(*now), words::money(*before));
    if before.minor == 0 {
        format!(", after none in {label}")
    } else if new == old {
        format!(", as much as in {label}")
    } else if now.minor > before.minor {
        format!(", up from {old} in {label}")
    } else {
        format!(", down from {old} in {label}")
    }
}

/// What a lead, a deal and a customer cost.
fn prices(answer: &Answer, now: &View<'_>) -> String {
    let enough = |id: &str| now.rests_on(id).is_none_or(|n| n >= words::SMALL);
    let price = |id: &str, what: &str| match &answer.figures.iter().find(|f| f.id == id)?.value {
        Value::Money(cost) if enough(id) => Some((what.to_owned(), words::money(*cost))),
        _ => None,
    };
    let known: Vec<(String, String)> = [
        price("cost_per_lead", "a lead"),
        price("cost_per_opportunity", "a new deal"),
        price("cac", "a customer won"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let parts: Vec<String> = known
        .iter()
        .enumerate()
        .map(|(at, (what, cost))| {
            if at == 0 {
                format!("Blended, whoever sourced them, {what} cost {cost}")
            } else {
                format!("{what} {cost}")
            }
        })
        .collect();
    match parts.split_last() {
        None => {
            match now.unrecorded(now.starts.period.min(now.starts.creation).min(now.starts.won)) {
                Some(why) => {
                    format!(" It cannot be set against leads, deals or customers: {why}.")
                }
                None => " It cannot be set against leads, deals or customers.".to_owned(),
            }
        }
        Some((last, [])) => format!(" {last}."),
        Some((last, rest)) => format!(" {} and {last}.", rest.join(", ")),
    }
}

fn returns(ask: &Ask, answer: &Answer, now: &View<'_>) -> String {
    let number = |id: &str| answer.figures.iter().find(|f| f.id == id)?.value.number();
    let Some(roi) = number("roi") else {
        return String::new();
    };
    let model = domain::definition::check::model_name(attribution::in_force(ask));
    let back = if roi <= -1.0 {
        format!("Under {model} credit, no gross profit is credited to marketing yet")
    } else if let n @ ..words::SMALL = now.rests_on("roi").unwrap_or(0) {
        let won = words::count(n, "deal won", "deals won");
        format!("Marketing is credited with {won}, too few to tell what the spend returned")
    } else {
        let times = words::times(roi + 1.0);
        let range = of_period(&answer.figures, "roi").and_then(|roi| roi.interval.as_ref());
        let range = range.map_or_else(String::new, |range| {
            let (low, high) = (range.low, range.high);
            format!(", 95% range {low:.2} to {high:.2}")
        });
        let paid = number("roi_of_channels_with_spend").filter(|paid| (paid - roi).abs() >= 0.05);
        let paid = paid.map_or_else(String::new, |paid| {
            format!("; without the credit of channels that no spend is recorded for, {paid:.2}")
        });
        format!(
            "Under {model} credit, the gross profit credited to marketing is {times} the spend \
             behind it (ROI {roi:.2}{range}{paid})"
        )
    };
    match number("payback_months").filter(|_| now.won.size() >= words::SMALL) {
        Some(months) => {
            format!(
                " {back}, and a customer, whoever sourced it, pays back in {}.",
                words::months(months)
            )
        }
        None => format!(" {back}."),
    }
}
