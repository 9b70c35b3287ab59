//! The charts of the answer `programs`.

use domain::answer::{Chart, ChartForm, Role, Series, Table, TableRow};
use domain::{Ask, Value};

use crate::common::{self, series_of};
use crate::words;

/// How many programs a scatter can show.
const CHARTED: usize = 40;

/// The return of each channel that money was spent on, highest first; none where there is none.
pub(super) fn returns(channels: &Table) -> Option<Chart> {
    let roi = |row: &&TableRow| {
        let place = channels.columns.iter().position(|column| column.id == "roi")?;
        row.entries.get(place)?.value.number()
    };
    let mut rows: Vec<&TableRow> = named(channels).filter(|row| roi(row).is_some()).collect();
    rows.sort_by(|a, b| roi(b).partial_cmp(&roi(a)).unwrap_or(std::cmp::Ordering::Equal));
    rows.first()?;
    let points: Vec<String> = rows.iter().map(|row| row.label.clone()).collect();
    Some(
        Chart::new("returns", surely(channels, &rows), ChartForm::Bars, Value::Number(0.0).unit())
            .points(points)
            .with(series_of(channels, "roi", "ROI", &rows)),
    )
}

/// Says which channels paid back whatever deals happened to be won, and which did not.
fn surely(channels: &Table, rows: &[&TableRow]) -> String {
    let series = series_of(channels, "roi", "", rows);
    let range = |at: usize| series.ranges.first().and_then(|range| range.ends(at));
    let named = |fits: &dyn Fn(f64, f64) -> bool| -> Vec<&str> {
        let places = rows.iter().zip(&series.values).enumerate();
        let fit = places.filter(|(at, (_, value))| {
            // Without any credit there is no range, and no doubt; of few deals neither.
            let lost = value.filter(|roi| *roi <= -1.0).map(|roi| (roi, roi));
            let (low, high) = range(*at).or(lost).unwrap_or((0.0, 0.0));
            fits(low, high)
        });
        fit.map(|(_, (row, _))| row.label.as_str()).collect()
    };
    let (paid, lost) = (named(&|low, _| low > 0.0), named(&|_, high| high < 0.0));
    let said = |names: &[&str]| match names {
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        names => {
            words::count(i64::try_from(names.len()).unwrap_or(i64::MAX), "channel", "channels")
        }
    };
    match (paid.as_slice(), lost.as_slice()) {
        ([], []) => "Whether any channel's ROI is above 0 may be chance".to_owned(),
        (paid, []) => {
            format!("{} paid back beyond chance (ROI above 0)", words::sentence(&said(paid)))
        }
        ([], lost) if lost.len() == rows.len() => {
            "No channel paid back its spend (ROI below 0)".to_owned()
        }
        ([], lost) => format!(
            "{} did not pay back (ROI below 0); whether the rest did may be chance",
            words::sentence(&said(lost))
        ),
        (paid, lost) => format!(
            "{} paid back beyond chance (ROI above 0), {} did not",
            words::sentence(&said(paid)),
            said(lost)
        ),
    }
}

/// What each program is credited with, against the spend behind it; none where no money was spent.
pub(super) fn programs(ask: &Ask, programs: &Table) -> Option<Chart> {
    let number = |row: &TableRow, id: &str| {
        let place = programs.columns.iter().position(|column| column.id == id)?;
        row.entries.get(place)?.value.number()
    };
    let spent = || {
        named(programs).filter(|row| number(row, "spend_behind").is_some_and(|spend| spend > 0.0))
    };
    let mut rows: Vec<&TableRow> = spent().collect();
    let key = |row: &&TableRow| number(row, "spend_behind").unwrap_or(0.0);
    rows.sort_by(|a, b| key(b).total_cmp(&key(a)));
    let (n, all) = (rows.len().min(CHARTED), rows.len());
    rows.truncate(CHARTED);
    let returned = spent().filter(|row| number(row, "roi").is_some_and(|roi| roi > 0.0)).count();
    let margin = ask.definitions.gross_margin.and_then(super::fraction);
    let title = match (returned, all) {
        (_, 0) => return None,
        _ if margin.is_none() => "Won credit against the spend behind it".to_owned(),
        (0, 1) => "The one program has not paid back its spend in gross profit".to_owned(),
        (_, 1) => "The one program paid back its spend in gross profit".to_owned(),
        (0, all) => format!(
            "None of the {all} programs with spend behind them has paid it back in gross profit"
        ),
        (back, all) if back == all => {
            format!("All {all} programs with spend behind them paid it back in gross profit")
        }
        (back, all) => {
            format!(
                "{back} of the {all} programs with spend behind them paid it back in gross profit"
            )
        }
    };
    let title = if n < all { format!("{title}; the {n} largest are shown") } else { title };
    let series = |id: &str, name: &str| series_of(programs, id, name, &rows);
    let size = series("won_opportunities", "Deals won");
    // In gross profit: what lies on the line of once its spend has paid back.
    let credit = series("won_credit", "Won credit");
    let gained = match margin {
        None => credit,
        Some((up, down)) => {
            let profit = |x: &f64| x * up as f64 / down as f64;
            let values = credit.values.iter().map(|x| x.as_ref().map(profit)).collect();
            Series::new("Gross profit credited", values)
        }
    };
    Some(
        Chart::new("programs", title, ChartForm::Scatter, ask.currency.code())
            .points(rows.iter().map(|row| row.label.clone()))
            .with(series("spend_behind", "Spend behind it").role(Role::Across))
            .with(gained)
            .with(Series { unit: Some("count".to_owned()), ..size.role(Role::Size) }),
    )
}

/// The rows of programs or channels, without those of none and of all.
fn named(table: &Table) -> impl Iterator<Item = &TableRow> {
    table
        .rows
        .iter()
        .filter(|row| row.id != "all" && row.id != common::NONE && row.id != super::IDLE)
}
