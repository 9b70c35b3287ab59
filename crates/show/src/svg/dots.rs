//! A strip of dots for each series: each dot a point, so that each can be opened.
//!
//! Dots that would lie upon each other are stacked away from the middle of their strip.

use domain::answer::Role;

use super::color::LIGHT;
use super::pen::{Anchor, Look};
use super::scale::{Scale, extent, ticks};
use super::sheet::Sheet;
use super::text::{fit, width};
use super::write;

const STRIPS_MOST: usize = 30;
const DOTS_MOST: usize = 600;
const RADIUS: f64 = 3.6;

pub(super) fn draw(sheet: &mut Sheet<'_>) -> f64 {
    let chart = sheet.chart;
    let own =
        chart.series.iter().enumerate().filter(|(_, series)| {
            series.role == Role::Measured && chart.unit_of(series) == chart.unit
        });
    let strips: Vec<_> = own.collect();
    let n_strips = strips.len().min(STRIPS_MOST);
    if n_strips < strips.len() {
        sheet.note(format!("{} more strips are in the table.", strips.len() - n_strips));
    }
    let strips: Vec<_> = strips.into_iter().take(n_strips).collect();
    let values =
        strips.iter().flat_map(|(_, s)| (0..chart.points.len()).filter_map(|at| s.value(at)));
    let Some((low, high)) = extent(values.clone()) else { return sheet.say_nothing() };
    let n_dots = values.count();
    if n_dots > DOTS_MOST {
        sheet.note(format!("{} more dots are in the table.", n_dots - DOTS_MOST));
    }
    let axis = ticks((low.min(0.0), high.max(0.0)), if sheet.narrow() { 3 } else { 6 });
    let texts = write::ticks(&axis, &chart.unit);
    let narrow = sheet.narrow();
    let widest =
        strips.iter().map(|(_, series)| width(&series.name, 12.0, false)).fold(0.0, f64::max);
    let named = if narrow { 6.0 } else { widest.min(sheet.width * 0.28) + 18.0 };
    let ends = (axis.first().copied().unwrap_or(0.0), axis.last().copied().unwrap_or(1.0));
    let scale = Scale::linear(ends, named, sheet.width - 14.0);
    let high = if narrow { 46.0 } else { 38.0 };
    let bottom = n_strips as f64 * high;
    let most = sheet.width;
    sheet.pen.group("class=\"axis\" aria-hidden=\"true\"", |pen| {
        let mut free_from = 0.0;
        for (value, text) in axis.iter().zip(&texts) {
            let x = scale.at(*value).floor() + 0.5;
            let attributes = format!("class=\"grid\" stroke=\"{}\"", LIGHT.grid);
            pen.line((x, 0.0), (x, bottom), &attributes);
            let half = width(text, 11.0, false) / 2.0;
            let middle = x.clamp(half, most - half);
            if middle - half >= free_from {
                pen.text(middle, bottom + 16.0, Anchor::Middle, Look::MUTED, text);
                free_from = middle + half + 8.0;
            }
        }
    });
    let mut left = DOTS_MOST;
    for (row, (index, series)) in strips.iter().enumerate() {
        let top = row as f64 * high;
        let middle = if narrow { top + 30.0 } else { top + high / 2.0 };
        if narrow {
            let name = fit(&series.name, 12.0, false, sheet.width);
            sheet.pen.text(0.0, top + 12.0, Anchor::Start, Look::NAME, &name);
        } else {
            let name = fit(&series.name, 12.0, false, named - 18.0);
            sheet.pen.text(named - 18.0, middle + 4.0, Anchor::End, Look::NAME, &name);
        }
        let (class, color) = super::color::hue(0);
        let found =
            (0..chart.points.len()).filter_map(|at| Some((at, scale.at(series.value(at)?))));
        let found: Vec<(usize, f64)> = found.take(left).collect();
        left -= found.len();
        let places = stacked(&found, if narrow { 11.0 } else { high / 2.0 - RADIUS - 2.0 });
        let group = format!("class=\"series {class}\" data-series=\"{index}\" fill=\"{color}\"");
        sheet.pen.raw(&format!("<g {group}>"));
        let paper = LIGHT.paper;
        let attributes = format!("class=\"mark halo\" fill-opacity=\"0.8\" stroke=\"{paper}\"");
        for ((at, x), dy) in found.iter().zip(places) {
            sheet.mark(*index, *at, |pen| pen.circle((*x, middle + dy), RADIUS, &attributes));
        }
        sheet.pen.raw("</g>");
    }
    bottom + 22.0
}

/// How far each dot is moved from the middle so that it touches no earlier one, within `most`.
fn stacked(dots: &[(usize, f64)], most: f64) -> Vec<f64> {
    let mut placed: Vec<(f64, f64)> = Vec::with_capacity(dots.len());
    for (_, x) in dots {
        let steps = (0..12).flat_map(|at| {
            let dy = f64::from(at) * RADIUS * 0.9;
            [dy, -dy]
        });
        let free = |dy: &f64| {
            dy.abs() <= most
                && placed.iter().all(|(px, py)| (px - x).hypot(py - dy) >= RADIUS * 1.7)
        };
        // Where a strip is full, dots lie upon each other; being translucent, they are seen to.
        let dy = steps.into_iter().find(free).unwrap_or(0.0);
        placed.push((*x, dy));
    }
    placed.into_iter().map(|(_, dy)| dy).collect()
}
