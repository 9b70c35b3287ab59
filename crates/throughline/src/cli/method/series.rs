//! What comes next: `method series`.

use clap::{Args, ValueEnum};
use domain::Column;
use serde_json::{Value, json};
use stats::series::{self, Method, Step};

use super::table::{Input, Table};
use super::{Result_, frame, numbers};
use crate::error::Failure;

/// A series of equal steps.
#[derive(Args, Debug)]
pub(super) struct Series {
    #[command(flatten)]
    input: Input,
    /// Column with the values, the oldest first
    #[arg(long, value_name = "COLUMN", default_value = "value")]
    value: String,
    /// Column with the times: rows are put in their order (default: the order of the file)
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Steps of a season: 12 for months, 4 for quarters, 1 for none
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=366))]
    season: u16,
    /// Steps to forecast
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1000))]
    horizon: u16,
    /// The method
    #[arg(long = "by", value_enum, default_value_t = By::Best)]
    by: By,
    /// Hold back the last steps of the horizon, forecast them, and say how far off each method is
    #[arg(long)]
    holdout: bool,
}

/// How the series goes on.
#[derive(ValueEnum, Clone, Copy, Debug)]
#[value(rename_all = "snake_case")]
enum By {
    /// As in the season before
    SeasonalNaive,
    /// Dynamic optimized Theta
    Theta,
    /// Exponential smoothing in the form that fits best
    Smoothing,
    /// Holt and Winters, with weights that follow a long past
    HoltWinters,
    /// Complex exponential smoothing
    Complex,
    /// Season and trend by local regression
    Stl,
    /// The airline model, on logs where they are likelier
    Airline,
    /// Seasonal ARIMA of the orders that fit best
    Arima,
    /// The mean of `theta`, `smoothing` and `airline`
    Mean,
    /// The one that was nearest at past origins; the mean where fewer than three can tell
    Best,
}

impl By {
    /// The method, or none where the record chooses.
    const fn method(self) -> Option<Method> {
        match self {
            Self::SeasonalNaive => Some(Method::SeasonalNaive),
            Self::Theta => Some(Method::Theta),
            Self::Smoothing => Some(Method::Smoothing),
            Self::HoltWinters => Some(Method::HoltWinters),
            Self::Complex => Some(Method::Complex),
            Self::Stl => Some(Method::Stl),
            Self::Airline => Some(Method::Airline),
            Self::Arima => Some(Method::Arima),
            Self::Mean => Some(Method::Mean),
            Self::Best => None,
        }
    }
}

/// Forecasts the series with limits, or says how far off the methods were.
pub(super) fn series(series: &Series) -> Result<Result_, Failure> {
    let mut table = Table::read(&series.input.file)?;
    let mut values = table.numbers(&series.value, "value")?;
    if let Some(name) = &series.time {
        let times = table.times(name, "time")?;
        let mut rows: Vec<(f64, f64)> = times.into_iter().zip(values).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        values = rows.into_iter().map(|(_, value)| value).collect();
    }
    table.finish()?;
    let (season, horizon) = (usize::from(series.season), usize::from(series.horizon));
    if series.holdout {
        return holdout(series, &values, season, horizon);
    }
    let (method, ranks) = match series.by.method() {
        Some(method) => (method, Vec::new()),
        None => {
            let ranks = series::choose(&values, season, horizon);
            (ranks.first().map_or(Method::Mean, |(method, _)| *method), ranks)
        }
    };
    let steps = series::forecast_with_limits(method, &values, season, horizon, series.input.level);
    let steps = steps.ok_or_else(|| too_short(series, method))?;
    let shown: Vec<Value> = (1..)
        .zip(&steps)
        .map(|(ahead, Step { point, low, high })| {
            json!({"ahead": ahead, "point": point, "low": low, "high": high})
        })
        .collect();
    let tried: Vec<Value> = ranks
        .iter()
        .map(|(method, off)| json!({"method": method.id(), "mean_distance": off}))
        .collect();
    let data = json!({
        "method": method.id(),
        "tried": tried,
        "level": series.input.level,
        "season": season,
        "values": values.len(),
        "steps": shown,
    });
    let table = frame(vec![
        ("ahead", numbers((1..=steps.len()).map(|ahead| ahead as f64))),
        ("point", numbers(steps.iter().map(|step| step.point))),
        ("low", Column::Number(steps.iter().map(|step| step.low).collect())),
        ("high", Column::Number(steps.iter().map(|step| step.high).collect())),
    ])?;
    let without = steps.iter().filter(|step| step.low.is_none()).count();
    let mut remark = match without {
        0 => "Limits are how far off the same method was at past origins.".to_owned(),
        n => format!(
            "Limits are how far off the same method was at past origins; {n} steps have none, since \
             fewer than eight origins can tell."
        ),
    };
    if !ranks.is_empty() {
        remark = format!("`{}` was nearest at past origins. {remark}", method.id());
    }
    Ok(Result_ { data, table, remark })
}

fn too_short(series: &Series, method: Method) -> Failure {
    let message = format!(
        "the series is too short or unfit for `{}`: it takes two whole seasons, and values above 0 \
         where seasons multiply",
        method.id()
    );
    Table::refused(&series.input.file, &message)
}

fn holdout(
    series: &Series,
    values: &[f64],
    season: usize,
    horizon: usize,
) -> Result<Result_, Failure> {
    let cut = values.len().checked_sub(horizon).filter(|cut| *cut > 0);
    let cut = cut.ok_or_else(|| too_short(series, Method::Mean))?;
    let (record, came) = values.split_at(cut);
    let mut shown = Vec::new();
    let mut columns: [Vec<Option<f64>>; 2] = Default::default();
    let mut names = Vec::new();
    for method in Method::ALL {
        let said = series::forecast(method, record, season, horizon);
        let off = said
            .as_ref()
            .map(|said| (series::smape(said, came), series::mase(said, came, record, season)));
        let (smape, mase) = off.unwrap_or_default();
        let [smapes, mases] = &mut columns;
        smapes.push(smape);
        mases.push(mase);
        names.push(method.id());
        shown.push(json!({
            "method": method.id(),
            "forecast": said,
            "smape": smape,
            "mase": mase,
        }));
    }
    let ranks = series::choose(record, season, horizon);
    let data = json!({
        "method": "holdout",
        "chosen": ranks.first().map(|(method, _)| method.id()),
        "season": season,
        "values": values.len(),
        "held_back": horizon,
        "methods": shown,
    });
    let [smapes, mases] = columns;
    let table = frame(vec![
        ("method", super::texts(names.into_iter())),
        ("smape", Column::Number(smapes)),
        ("mase", Column::Number(mases)),
    ])?;
    let remark = format!(
        "The last {horizon} steps were held back and forecast from the {cut} before. Below 1, `mase` \
         beats repeating the season."
    );
    Ok(Result_ { data, table, remark })
}
