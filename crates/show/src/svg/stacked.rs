//! Columns of parts that make a whole, over time: names at the right, the total above.

use domain::answer::Role;

use super::axis::{Flags, ValueAxis, names};
use super::color::LIGHT;
use super::legend::Swatch;
use super::pen::{Anchor, Look, n};
use super::scale::{extent, spread};
use super::sheet::{Main, Sheet};
use super::text::{fit, width};
use super::write;

const HIGH: f64 = 220.0;

pub(super) fn draw(sheet: &mut Sheet<'_>) -> f64 {
    let chart = sheet.chart;
    let main = sheet.measured();
    let n_points = chart.points.len();
    let sum = |at: usize, above: bool| -> f64 {
        let values = main.iter().filter_map(|one| one.series.value(at));
        values.filter(|x| (*x >= 0.0) == above).sum()
    };
    let (target, previous) = (sheet.role(Role::Target), sheet.role(Role::Previous));
    let sums = (0..n_points).flat_map(|at| [sum(at, true), sum(at, false)]);
    let lines = [target, previous].into_iter().flatten();
    let lines = lines.flat_map(|(_, series)| (0..n_points).filter_map(|at| series.value(at)));
    let range = extent(sums.chain(lines).chain([0.0])).unwrap_or((0.0, 1.0));
    let axis = ValueAxis::over(range, &chart.unit);

    // Names at the right where they fit there and the last column has every part; else keys above.
    let last = n_points.saturating_sub(1);
    let widest = main.iter().map(|one| width(&one.series.name, 12.0, false)).fold(0.0, f64::max);
    let beside = !sheet.narrow()
        && main.len() > 1
        && main.len() <= 8
        && target.is_none()
        && previous.is_none()
        && widest < sheet.width * 0.25;
    let top = if beside { 0.0 } else { sheet.legend(&main, |_| Swatch::Fill, 0.0) };
    let right = sheet.width - if beside { widest + 22.0 } else { 0.0 };
    let left = axis.room;
    let band = (right - left) / n_points.max(1) as f64;
    let thick = (band * 0.68).clamp(1.0, 84.0);
    let centers: Vec<f64> = (0..n_points).map(|at| left + band * (at as f64 + 0.5)).collect();
    let flags = Flags::of(sheet, &centers, right);
    let plot = top + flags.height + 18.0;
    let bottom = plot + HIGH;
    let scale = axis.scale(bottom, plot);
    axis.draw(sheet, &scale, right);

    let mut ends = vec![None; main.len()];
    let mut levels = vec![(0.0_f64, 0.0_f64); n_points];
    for (nth, one) in main.iter().enumerate() {
        sheet.pen.raw(&format!("<g {}>", one.attributes("fill")));
        for (at, (center, level)) in centers.iter().zip(levels.iter_mut()).enumerate() {
            let Some(x) = one.series.value(at) else { continue };
            let from = if x < 0.0 { level.1 } else { level.0 };
            let (y1, y2) = (scale.at(from), scale.at(from + x));
            *(if x < 0.0 { &mut level.1 } else { &mut level.0 }) += x;
            let (y, high) = (y1.min(y2), (y1 - y2).abs());
            if at == last
                && let Some(end) = ends.get_mut(nth)
            {
                *end = Some(y + high / 2.0);
            }
            // A line of paper keeps neighbors apart.
            let (y, high) = if high > 2.5 { (y, high - 1.0) } else { (y, high.max(0.6)) };
            let left = center - thick / 2.0;
            sheet.mark(one.index, at, |pen| pen.rect(left, y, thick, high, "class=\"mark\""));
        }
        sheet.pen.raw("</g>");
    }
    totals(sheet, &centers, &scale, &levels, band);
    for (index, series) in [previous, target].into_iter().flatten() {
        let is_target = series.role == Role::Target;
        for (at, center) in centers.iter().enumerate() {
            let Some(x) = series.value(at) else { continue };
            let (y, zero) = (scale.at(x), scale.at(0.0));
            let half = (thick / 2.0 + 3.0).min(band / 2.0);
            let (from, to) = (center - half, center + half);
            sheet.mark(index, at, |pen| {
                if is_target {
                    let attributes =
                        format!("class=\"target\" stroke=\"{}\" stroke-width=\"2\"", LIGHT.ink);
                    pen.line((from, y), (to, y), &attributes);
                } else {
                    let attributes = super::legend::outline_attributes();
                    pen.rect(from, y.min(zero), to - from, (y - zero).abs(), &attributes);
                }
            });
        }
    }
    flags.draw(sheet, top, bottom);
    if beside {
        let edge = centers.last().map_or(right, |center| center + thick / 2.0 + 2.0);
        directly(sheet, &main, &ends, (edge, right), (plot, bottom));
    }
    names(sheet, &centers, band, bottom)
}

/// Writes what each column adds up to above it, where all of them fit; else above the last.
fn totals(
    sheet: &mut Sheet<'_>,
    centers: &[f64],
    scale: &super::scale::Scale,
    levels: &[(f64, f64)],
    band: f64,
) {
    let sums: Vec<f64> = levels.iter().map(|(above, below)| above + below).collect();
    let texts = write::alike(&sums, &sheet.chart.unit);
    let fit = |size: f64| texts.iter().all(|text| width(text, size, true) + 5.0 <= band);
    let size = [12.0, 11.0].into_iter().find(|size| fit(*size));
    let last = sums.len().saturating_sub(1);
    let most = sheet.width;
    sheet.pen.group("class=\"totals\" aria-hidden=\"true\"", |pen| {
        for (at, ((center, level), text)) in centers.iter().zip(levels).zip(&texts).enumerate() {
            if *level == (0.0, 0.0) || (size.is_none() && at < last) {
                continue;
            }
            let size = size.unwrap_or(12.0);
            let half = width(text, size, true) / 2.0;
            let (x, y) = (center.clamp(half, most - half), scale.at(level.0) - 6.0);
            pen.text(x, y, Anchor::Middle, Look { size, ..Look::VALUE }, text);
        }
    });
}

/// Writes names at the right of the last column, with a line where one had to move.
fn directly(
    sheet: &mut Sheet<'_>,
    main: &[Main<'_>],
    ends: &[Option<f64>],
    (edge, right): (f64, f64),
    (top, bottom): (f64, f64),
) {
    let wanted: Vec<f64> = ends.iter().map(|end| end.unwrap_or(bottom)).collect();
    // From the top of the column down, so that no line crosses another.
    let downward: Vec<f64> = wanted.iter().rev().copied().collect();
    let places = spread(&downward, 16.0, top, bottom);
    for ((one, place), wish) in main.iter().zip(places.into_iter().rev()).zip(wanted) {
        let Some(y) = place else { continue };
        let name = fit(&one.series.name, 12.0, false, sheet.width - right - 20.0);
        let (class, color) = super::color::hue(one.rank);
        let group = format!("class=\"key {class}\" data-series=\"{}\"", one.index);
        sheet.pen.group(&group, |pen| {
            let (a, b) = (n(edge), n(right + 6.0));
            let path =
                format!("M{a} {w}H{}L{b} {}H{}", n(edge + 3.0), n(y), n(right + 12.0), w = n(wish));
            let attributes =
                format!("class=\"trace\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"");
            pen.path(&path, &attributes);
            pen.text(right + 18.0, y + 4.0, Anchor::Start, Look::NAME, &name);
        });
    }
}
