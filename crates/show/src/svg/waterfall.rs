//! Steps from one total to the next: columns where their names fit below them, else rows.
//!
//! Totals are grey and stand on zero; gains are full and carry a plus sign, losses are hatched and
//! carry a minus sign; thin connectors lead from step to step.

use domain::answer::{Mark, Role, Series};

use super::axis::ValueAxis;
use super::color::LIGHT;
use super::pen::{Anchor, Look, Pen};
use super::scale::{Scale, extent};
use super::sheet::{Main, Sheet};
use super::text::{fit, width, wrap};
use super::write;

const HIGH: f64 = 240.0;
const MOST: usize = 40;

/// One column of a waterfall.
struct Step {
    at: usize,
    from: f64,
    to: f64,
    total: bool,
    /// The value with its sign.
    text: String,
    /// A second value in another unit, for example the number of deals.
    second: String,
}

pub(super) fn draw(sheet: &mut Sheet<'_>) -> f64 {
    let chart = sheet.chart;
    let Some(main) = first(sheet) else { return sheet.say_nothing() };
    let steps = steps(sheet, main.series);
    if steps.len() < chart.points.len() {
        sheet.note(format!("{} more are in the table.", chart.points.len() - steps.len()));
    }
    let reach = extent(steps.iter().flat_map(|step| [step.from, step.to, 0.0]));
    let reach = reach.unwrap_or((0.0, 1.0));
    let axis = ValueAxis::over(reach, &chart.unit);
    let band = (sheet.width - axis.room) / steps.len().max(1) as f64;
    let fits = steps.iter().all(|step| {
        let name = chart.points.get(step.at).map_or("", String::as_str);
        let words =
            name.split_whitespace().map(|word| width(word, 11.0, false)).fold(0.0, f64::max);
        let lines = wrap(name, 11.0, band - 6.0, 3).len() <= 2 && words <= band - 6.0;
        lines && width(&step.text, 12.0, true) <= band - 4.0
    });
    if fits && !sheet.narrow() {
        columns(sheet, &main, &steps, &axis, band)
    } else {
        rows(sheet, &main, &steps, reach)
    }
}

fn first<'a>(sheet: &Sheet<'a>) -> Option<Main<'a>> {
    let chart = sheet.chart;
    let own =
        |series: &&Series| series.role == Role::Measured && chart.unit_of(series) == chart.unit;
    let index = chart.series.iter().position(|series| own(&series))?;
    Some(Main { index, rank: 0, series: chart.series.get(index)? })
}

fn steps(sheet: &Sheet<'_>, series: &Series) -> Vec<Step> {
    let chart = sheet.chart;
    let second = chart
        .series
        .iter()
        .find(|other| other.role == Role::Measured && chart.unit_of(other) != chart.unit);
    let mut reached = 0.0;
    (0..chart.points.len().min(MOST))
        .map(|at| {
            let x = series.value(at).unwrap_or(0.0);
            let total = series.mark(at) == Mark::Total;
            let from = if total { 0.0 } else { reached };
            reached = from + x;
            let text = match series.value(at) {
                None => "–".to_owned(),
                Some(x) if total => write::value(x, &chart.unit),
                Some(x) => write::signed(x, &chart.unit),
            };
            let second = second.and_then(|other| {
                let value = write::value(other.value(at)?, chart.unit_of(other));
                Some(format!("{value} {}", other.name.to_lowercase()))
            });
            Step { at, from, to: reached, total, text, second: second.unwrap_or_default() }
        })
        .collect()
}

/// The paint of a step and its class.
fn paint(sheet: &mut Sheet<'_>, step: &Step) -> String {
    if step.total {
        format!("class=\"total\" fill=\"{}\"", LIGHT.total)
    } else if step.to < step.from {
        let id = sheet.id.clone();
        let paint = sheet.pen.loss(&id);
        format!("class=\"step-loss\" fill=\"{paint}\" stroke=\"{}\"", LIGHT.loss)
    } else {
        format!("class=\"gain\" fill=\"{}\"", LIGHT.gain)
    }
}

fn said(sheet: &Sheet<'_>, main: &Main<'_>, step: &Step) -> String {
    let name = sheet.chart.points.get(step.at).map_or("", String::as_str);
    let second = if step.second.is_empty() { String::new() } else { format!(", {}", step.second) };
    let _ = main;
    format!("{name}: {}{second}", step.text)
}

fn columns(
    sheet: &mut Sheet<'_>,
    main: &Main<'_>,
    steps: &[Step],
    axis: &ValueAxis,
    band: f64,
) -> f64 {
    let (left, right) = (axis.room, sheet.width);
    let two = steps.iter().any(|step| !step.second.is_empty());
    // Room for values above the highest column and below the lowest.
    let high = if two { 32.0 } else { 18.0 };
    let below = if steps.iter().any(|step| step.from.min(step.to) < 0.0) { high } else { 0.0 };
    let (plot, bottom) = (high, high + HIGH);
    let scale = axis.scale(bottom, plot);
    axis.draw(sheet, &scale, right);
    let thick = (band * 0.66).min(72.0);
    let center = |nth: usize| left + band * (nth as f64 + 0.5);
    connectors(&mut sheet.pen, steps, |nth, level| {
        let y = scale.at(level).floor() + 0.5;
        ((center(nth) + thick / 2.0, y), (center(nth + 1) - thick / 2.0, y))
    });
    for (nth, step) in steps.iter().enumerate() {
        let (y1, y2) = (scale.at(step.from), scale.at(step.to));
        let (top, low) = (y1.min(y2), y1.max(y2));
        let x = center(nth);
        let attributes = paint(sheet, step);
        let said = said(sheet, main, step);
        let loss = step.to < step.from && !step.total;
        let (value_y, second_y) = match (loss || step.to < 0.0, two) {
            (true, _) => (low + 16.0, low + 30.0),
            (false, true) => (top - 20.0, top - 6.0),
            (false, false) => (top - 6.0, top),
        };
        let second_fits = width(&step.second, 11.0, false) <= band - 4.0;
        sheet.mark_said(main.index, step.at, &said, |pen| {
            pen.rect(x - thick / 2.0, top, thick, (low - top).max(1.0), &attributes);
            pen.text(x, value_y, Anchor::Middle, Look::VALUE, &step.text);
        });
        // Outside of the link: two texts in one would read as one word, which its name lacks.
        if second_fits {
            sheet.pen.text(x, second_y, Anchor::Middle, Look::MUTED, &step.second);
        }
    }
    let top = bottom + below;
    let mut deepest: f64 = 0.0;
    for (nth, step) in steps.iter().enumerate() {
        let name = sheet.chart.points.get(step.at).map_or("", String::as_str);
        let lines = wrap(name, 11.0, band - 6.0, 2);
        deepest = deepest.max(lines.len() as f64);
        for (line, text) in lines.iter().enumerate() {
            let y = top + 18.0 + 14.0 * line as f64;
            sheet.pen.text(center(nth), y, Anchor::Middle, Look::MUTED, text);
        }
    }
    top + 10.0 + 14.0 * deepest
}

fn rows(sheet: &mut Sheet<'_>, main: &Main<'_>, steps: &[Step], reach: (f64, f64)) -> f64 {
    let names = steps.iter().filter_map(|step| sheet.chart.points.get(step.at));
    let widest = names.map(|name| width(name, 12.0, false)).fold(0.0, f64::max);
    let named = widest.min(sheet.width * 0.3) + 10.0;
    let values = steps.iter().map(|step| width(&step.text, 12.0, true)).fold(0.0, f64::max) + 8.0;
    let scale = Scale::linear(reach, named + 1.0, sheet.width - values - 1.0);
    let (high, thick) = (26.0, 16.0);
    let row = |nth: usize| nth as f64 * high + 4.0;
    connectors(&mut sheet.pen, steps, |nth, level| {
        let x = scale.at(level).floor() + 0.5;
        ((x, row(nth) + thick), (x, row(nth + 1)))
    });
    for (nth, step) in steps.iter().enumerate() {
        let (x1, x2) = (scale.at(step.from), scale.at(step.to));
        let (from, to) = (x1.min(x2), x1.max(x2));
        let y = row(nth);
        let name = sheet.chart.points.get(step.at).map_or("", String::as_str);
        let name = fit(name, 12.0, false, named - 10.0);
        sheet.pen.text(0.0, y + 12.0, Anchor::Start, Look::NAME, &name);
        let attributes = paint(sheet, step);
        let said = said(sheet, main, step);
        let right = sheet.width;
        sheet.mark_said(main.index, step.at, &said, |pen| {
            pen.rect(from, y, (to - from).max(1.0), thick, &attributes);
            pen.text(right, y + 12.0, Anchor::End, Look::VALUE, &step.text);
        });
    }
    steps.len() as f64 * high + 2.0
}

/// Draws thin lines from the level that a step reaches to the next one.
fn connectors(
    pen: &mut Pen,
    steps: &[Step],
    ends: impl Fn(usize, f64) -> ((f64, f64), (f64, f64)),
) {
    let attributes = format!("class=\"zero\" stroke=\"{}\"", LIGHT.axis);
    pen.group("class=\"connectors\"", |pen| {
        for (nth, _) in steps.iter().enumerate().skip(1) {
            if let Some(step) = nth.checked_sub(1).and_then(|at| steps.get(at)) {
                let (from, to) = ends(nth - 1, step.to);
                pen.line(from, to, &attributes);
            }
        }
    });
}
