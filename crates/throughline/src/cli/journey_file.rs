//! A plain file of touches with times, credited by every model.

use std::collections::BTreeMap;
use std::path::Path;

use domain::{Column, Diagnostic, Money, Place};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Value, json};
use stats::credit::{self, Journey, Model};

use super::method::{Result_, frame, sum_by};
use crate::error::{Failure, Kind};

const MICROS_A_DAY: f64 = 86_400.0 * 1e6;
const MILESTONES: [&str; 3] = ["lead_creation", "opportunity_creation", "close"];

struct Touch {
    channel: String,
    at: i64,
    value: Option<domain::Decimal>,
    milestones: Vec<usize>,
}

/// Credits every journey of a file by one model or all.
pub(super) fn credit(
    file: &Path,
    bytes: &[u8],
    model: &str,
    half_life_days: f64,
) -> Result<Result_, Failure> {
    let journeys = read(&file.display().to_string(), bytes)?;
    let models = chosen(model, half_life_days)?;
    let mut shown = Vec::new();
    let (mut journey_column, mut channel_column) = (Vec::new(), Vec::new());
    let mut columns: Vec<Vec<Option<f64>>> = vec![Vec::new(); models.len()];
    for (name, touches) in &journeys {
        let credited: Vec<Option<Vec<f64>>> =
            models.iter().map(|model| shares(*model, touches)).collect();
        journey_column.extend(touches.iter().map(|_| Some(name.as_str().into())));
        channel_column.extend(touches.iter().map(|touch| Some(touch.channel.as_str().into())));
        for (column, shares) in columns.iter_mut().zip(&credited) {
            match shares {
                Some(shares) => column.extend(shares.iter().map(|share| Some(*share))),
                None => column.extend(touches.iter().map(|_| None)),
            }
        }
        shown.push(journey_json(name, touches, &models, &credited));
    }
    let totals = models.iter().map(|model| {
        let pairs = journeys.values().flat_map(|touches| {
            let shares = shares(*model, touches).unwrap_or_default();
            touches.iter().map(|touch| touch.channel.as_str()).zip(shares).collect::<Vec<_>>()
        });
        (model.id().to_owned(), json!(sum_by(pairs)))
    });
    let data = json!({
        "method": "credit by rule, touch by touch",
        "half_life_days": half_life_days,
        "conversions_by_channel": totals.collect::<serde_json::Map<_, _>>(),
        "journeys": shown,
    });
    let mut table =
        vec![("journey", Column::Text(journey_column)), ("channel", Column::Text(channel_column))];
    table.extend(models.iter().map(|m| m.id()).zip(columns.into_iter().map(Column::Number)));
    let remark = format!("{} journeys; the shares of a journey add up to 1.", journeys.len());
    Ok(Result_ { data, table: frame(table)?, remark })
}

fn journey_json(
    name: &str,
    touches: &[Touch],
    models: &[Model],
    credited: &[Option<Vec<f64>>],
) -> Value {
    let value = touches.iter().find_map(|touch| touch.value);
    let by_model = models.iter().zip(credited).map(|(model, shares)| {
        let mut entry = json!({ "shares": shares });
        if let (Some(amounts), Some(entry)) =
            (amounts(*model, touches, value), entry.as_object_mut())
        {
            entry.insert("credit".to_owned(), json!(amounts));
        }
        (model.id().to_owned(), entry)
    });
    json!({
        "journey": name,
        "channels": touches.iter().map(|touch| &touch.channel).collect::<Vec<_>>(),
        "models": by_model.collect::<serde_json::Map<_, _>>(),
    })
}

/// Divides the value of a journey in cents; the parts sum to it exactly.
fn amounts(model: Model, touches: &[Touch], value: Option<domain::Decimal>) -> Option<Vec<String>> {
    let money = Money::from_decimal(value?, domain::Currency::USD).ok()?;
    let (mut weights, mut parts) = (Vec::new(), Vec::new());
    let credited = with_journey(touches, |journey| {
        credit::weights(model, journey, &mut weights)
            && credit::split(money.minor, &weights, &mut parts)
    });
    let text = |minor: &i64| Money::from_minor(*minor, money.currency).amount_text();
    credited.then(|| parts.iter().map(text).collect())
}

fn shares(model: Model, touches: &[Touch]) -> Option<Vec<f64>> {
    let mut shares = Vec::new();
    with_journey(touches, |journey| credit::shares(model, journey, &mut shares)).then_some(shares)
}

fn with_journey<T>(touches: &[Touch], run: impl FnOnce(&Journey<'_>) -> T) -> T {
    let at: Vec<i64> = touches.iter().map(|touch| touch.at).collect();
    let direct: Vec<bool> =
        touches.iter().map(|touch| touch.channel.to_lowercase() == "direct").collect();
    let milestone =
        |which: usize| touches.iter().position(|touch| touch.milestones.contains(&which));
    run(&Journey {
        at: &at,
        direct: &direct,
        lead_creation: milestone(0),
        opportunity_creation: milestone(1).or(touches.len().checked_sub(1)),
        close: milestone(2),
    })
}

fn chosen(model: &str, half_life_days: f64) -> Result<Vec<Model>, Failure> {
    let decay = Model::time_decay_days(half_life_days).ok_or_else(|| {
        let message = format!("half-life is {half_life_days} days, expected more than 0");
        Failure::usage(message, "Give days such as --half-life-days 7.")
    })?;
    let with_half_life =
        |model: Model| if matches!(model, Model::TimeDecay { .. }) { decay } else { model };
    if model == "all" {
        return Ok(Model::ALL.into_iter().map(with_half_life).collect());
    }
    let model = Model::from_id(model)
        .map_err(|fault| Failure::usage(fault.to_string(), fault.hint.clone()))?;
    Ok(vec![with_half_life(model)])
}

/// Reads the touches, journeys in order of their names, touches in order of time.
fn read(file: &str, bytes: &[u8]) -> Result<BTreeMap<String, Vec<Touch>>, Failure> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let headers = reader.headers().map_err(|error| unreadable(file, &error))?.clone();
    let find = |name: &str| {
        headers.iter().position(|header| header.trim_start_matches('\u{feff}') == name)
    };
    let (Some(journey), Some(channel)) = (find("journey"), find("channel")) else {
        return Err(missing(file, &headers, "`journey` and `channel`"));
    };
    let (before, at) = (find("days_before"), find("at"));
    if before.is_none() && at.is_none() {
        return Err(missing(file, &headers, "`days_before` or `at`"));
    }
    let (value, milestone) = (find("value"), find("milestone"));
    let mut journeys: BTreeMap<String, Vec<Touch>> = BTreeMap::new();
    let mut faults = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(file, &error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let text = |column: Option<usize>| column.and_then(|c| record.get(c)).unwrap_or("");
        let instant = if before.is_some() { days_before(text(before)) } else { time(text(at)) };
        let Some(instant) = instant else {
            let found = if before.is_some() { text(before) } else { text(at) };
            let message = format!("time `{found}` cannot be read");
            let place = Place::line(file, line);
            let hint = "Write days before the conversion as a number, or a time like 2026-03-01T09:00:00Z.";
            faults.push(Diagnostic::error("method.time", message).at(place).hint(hint));
            continue;
        };
        let mut fault = |message: String, hint: &str| {
            let place = Place::line(file, line);
            faults.push(Diagnostic::error("method.touch", message).at(place).hint(hint));
        };
        for (name, column) in [("journey", journey), ("channel", channel)] {
            if text(Some(column)).is_empty() {
                fault(
                    format!("column `{name}` is empty"),
                    "Leave out touches of nobody and nothing.",
                );
            }
        }
        let mut milestones = Vec::new();
        for word in text(milestone).split('+').map(str::trim).filter(|word| !word.is_empty()) {
            match MILESTONES.iter().position(|known| *known == word) {
                Some(known) => milestones.push(known),
                None => fault(
                    format!("milestone `{word}` is not one of {}", MILESTONES.join(", ")),
                    "Leave the cell empty where a touch is none.",
                ),
            }
        }
        let amount = domain::Decimal::from_str_exact(text(value)).ok();
        if amount.is_none() && !text(value).is_empty() {
            fault(
                format!("value `{}` cannot be read", text(value)),
                "Write a number such as 1500.00, or nothing.",
            );
        }
        journeys.entry(text(Some(journey)).to_owned()).or_default().push(Touch {
            channel: text(Some(channel)).to_owned(),
            at: instant,
            value: amount,
            milestones,
        });
    }
    if !faults.is_empty() {
        return Err(Failure { kind: Kind::Input, diagnostics: faults });
    }
    if journeys.is_empty() {
        return Err(Failure::new(Kind::Input, "method.empty", format!("{file} holds no touches")));
    }
    for touches in journeys.values_mut() {
        touches.sort_by_key(|touch| touch.at);
    }
    Ok(journeys)
}

#[expect(clippy::cast_possible_truncation, reason = "days are limited to a million")]
fn days_before(text: &str) -> Option<i64> {
    let days: f64 = text.parse().ok()?;
    (days.is_finite() && days.abs() < 1e6).then(|| -(days * MICROS_A_DAY).round() as i64)
}

fn time(text: &str) -> Option<i64> {
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    });
    instant.map(Timestamp::as_microsecond)
}

fn missing(file: &str, headers: &csv::StringRecord, wanted: &str) -> Failure {
    let found: Vec<&str> = headers.iter().collect();
    let message = format!("expected the columns {wanted}, found {}", found.join(", "));
    let place = Place::line(file, 1);
    let diagnostic = Diagnostic::error("method.columns", message)
        .at(place)
        .hint("See `throughline method credit --help` for the columns.");
    Failure { kind: Kind::Input, diagnostics: vec![diagnostic] }
}

fn unreadable(file: &str, error: &csv::Error) -> Failure {
    let line = error.position().map_or(0, csv::Position::line);
    let diagnostic = Diagnostic::error("method.csv", format!("cannot be read as CSV: {error}"))
        .at(Place::line(file, line));
    Failure { kind: Kind::Input, diagnostics: vec![diagnostic] }
}
