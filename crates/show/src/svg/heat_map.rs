//! A number in each cell: the series are rows, the points columns, one color scale over all rows.
//!
//! Cells to which more may still come are hatched. Ink changes where the cell becomes dark.

use domain::answer::Mark;

use super::color::{INVERTED_FROM, LIGHT};
use super::pen::{Anchor, Look};
use super::scale::extent;
use super::sheet::Sheet;
use super::text::{fit, width};
use super::write;

const HIGH: f64 = 26.0;
const ROWS_MOST: usize = 40;
const COLUMNS_MOST: usize = 60;

pub(super) fn draw(sheet: &mut Sheet<'_>) -> f64 {
    let chart = sheet.chart;
    let (n_rows, n_columns) =
        (chart.series.len().min(ROWS_MOST), chart.points.len().min(COLUMNS_MOST));
    for (left, what) in
        [(chart.series.len() - n_rows, "rows"), (chart.points.len() - n_columns, "columns")]
    {
        if left > 0 {
            sheet.note(format!("{left} more {what} are in the table."));
        }
    }
    let rows: Vec<_> = chart.series.iter().take(n_rows).collect();
    let all = rows.iter().flat_map(|s| (0..n_columns).filter_map(|at| s.value(at)));
    let range = extent(all).unwrap_or((0.0, 1.0));
    let names = rows.iter().map(|series| width(&series.name, 12.0, false)).fold(0.0, f64::max);
    let named = names.min(sheet.width * 0.26) + 12.0;
    let wide = (sheet.width - named) / n_columns.max(1) as f64;
    let wide = wide.min(96.0);

    let top = columns(sheet, named, wide, n_columns);
    let text = |x: f64, unit: &str, bare: bool| {
        let text = write::value(x, unit);
        if bare { text.trim_end_matches('%').to_owned() } else { text }
    };
    let fitting = |bare: bool, size: f64| {
        rows.iter().all(|series| {
            let values = (0..n_columns).filter_map(|at| series.value(at));
            values
                .map(|x| width(&text(x, chart.unit_of(series), bare), size, false))
                .all(|needed| needed + 4.0 <= wide)
        })
    };
    // First without the percent sign, then smaller, then not at all.
    let style = [(false, 12.0), (true, 12.0), (true, 10.0)];
    let style = style.into_iter().find(|(bare, size)| fitting(*bare, *size));
    match style {
        None => sheet.note("The numbers are in the table.".to_owned()),
        Some((true, _)) if chart.unit == "share" => sheet.note("In percent.".to_owned()),
        Some(_) => {}
    }
    let mut hatched = false;
    for (row, series) in rows.iter().enumerate() {
        let y = top + row as f64 * HIGH;
        let name = fit(&series.name, 12.0, false, named - 12.0);
        sheet.pen.text(0.0, y + 17.0, Anchor::Start, Look::NAME, &name);
        for at in 0..n_columns {
            let Some(x) = series.value(at) else { continue };
            let (class, fill, inverted) = cell(x, range);
            let left = named + at as f64 * wide;
            let open = series.mark(at) == Mark::Unfinished;
            hatched |= open;
            let id = sheet.id.clone();
            let hatch = open.then(|| sheet.pen.open(&id, inverted));
            let ink = if inverted { LIGHT.paper } else { LIGHT.ink };
            let said = sheet.said(series, at) + if open { ", not yet complete" } else { "" };
            sheet.mark_said(row, at, &said, |pen| {
                let attributes = format!("class=\"{class}\" rx=\"2\" fill=\"{fill}\"");
                pen.rect(left, y, wide - 2.0, HIGH - 2.0, &attributes);
                if let Some(hatch) = hatch {
                    let attributes = format!("rx=\"2\" fill=\"{hatch}\"");
                    pen.rect(left, y, wide - 2.0, HIGH - 2.0, &attributes);
                }
                if let Some((bare, size)) = style {
                    let text = text(x, chart.unit_of(series), bare);
                    if open {
                        // The number stands on the plain color, so that it can be read.
                        let half = width(&text, size, false) / 2.0 + 3.0;
                        let half = half.min(wide / 2.0 - 1.0);
                        let attributes = format!("class=\"{class}\" fill=\"{fill}\"");
                        let from = left + wide / 2.0 - 1.0 - half;
                        pen.rect(from, y + 5.0, 2.0 * half, HIGH - 12.0, &attributes);
                    }
                    let class = if inverted { "on" } else { "" };
                    let look = Look { class, size, strong: false, color: Some(ink) };
                    pen.text(left + wide / 2.0 - 1.0, y + 16.0, Anchor::Middle, look, &text);
                }
            });
        }
    }
    if hatched {
        sheet.note("Hatched: more may still come.".to_owned());
    }
    top + rows.len() as f64 * HIGH
}

/// Writes the names of columns; each second, third and so on where they would touch.
fn columns(sheet: &mut Sheet<'_>, named: f64, wide: f64, n_columns: usize) -> f64 {
    let names: Vec<String> =
        sheet.chart.points.iter().take(n_columns).map(|name| write::period(name).short).collect();
    let widest = names.iter().map(|name| width(name, 11.0, false)).fold(0.0, f64::max);
    let stride = (1..n_columns.max(1))
        .find(|stride| widest.min(64.0) + 6.0 <= wide * *stride as f64)
        .unwrap_or(n_columns.max(1));
    let look = Look::MUTED;
    let (room, most) = (wide * stride as f64 - 6.0, sheet.width);
    sheet.pen.group("class=\"axis\" aria-hidden=\"true\"", |pen| {
        for (at, name) in names.iter().enumerate().filter(|(at, _)| at.is_multiple_of(stride)) {
            let left = named + at as f64 * wide;
            let name = fit(name, 11.0, false, room.min(most - left));
            // A name that is wider than its column begins at it.
            let (x, anchor) = if stride == 1 {
                (named + (at as f64 + 0.5) * wide - 1.0, Anchor::Middle)
            } else {
                (left, Anchor::Start)
            };
            pen.text(x, 12.0, anchor, look, &name);
        }
    });
    20.0
}

/// Class and color of a cell, and whether its ink is that of the paper.
fn cell(x: f64, (low, high): (f64, f64)) -> (String, &'static str, bool) {
    let (part, cells, name) = if x < 0.0 {
        (x / low.min(f64::MIN_POSITIVE), LIGHT.cold, "cold")
    } else {
        let low = low.max(0.0);
        let part = if high > low { (x - low) / (high - low) } else { 0.5 };
        (part, LIGHT.heat, "heat")
    };
    let n_levels = cells.len();
    let level = (1..n_levels).take_while(|at| part >= *at as f64 / n_levels as f64).count();
    let color = cells.get(level).copied().unwrap_or(LIGHT.paper);
    (format!("{name}-{level}"), color, level >= INVERTED_FROM)
}
