//! Bars from zero: one row for each point, with the value at the end of each bar.
//!
//! Targets are upright ticks, the period before is a thin outline, a range is a whisker.

use domain::answer::Role;

use super::color::LIGHT;
use super::legend::{Swatch, outline_attributes, target_tick};
use super::pen::{Anchor, Look};
use super::scale::{Scale, extent};
use super::sheet::{Main, Sheet};
use super::text::{fit, width};
use super::write;

/// Points beyond these are named in a note.
const MOST: usize = 40;

pub(super) fn draw(sheet: &mut Sheet<'_>) -> f64 {
    let chart = sheet.chart;
    let main = sheet.measured();
    let (target, previous) = (sheet.role(Role::Target), sheet.role(Role::Previous));
    let n_rows = chart.points.len().min(MOST);
    if n_rows < chart.points.len() {
        sheet.note(format!("{} more are in the table.", chart.points.len() - n_rows));
    }
    let mut y = sheet.legend(&main, |_| Swatch::Fill, 0.0) + 4.0;
    let range = reach(&main, target.map(|t| t.1), previous.map(|p| p.1), n_rows);
    let texts = |negative: bool| {
        main.iter()
            .flat_map(|one| (0..n_rows).filter_map(|at| one.series.value(at)))
            .filter(|x| (*x < 0.0) == negative)
            .map(|x| width(&write::value(x, &chart.unit), 12.0, true) + 8.0)
            .fold(0.0, f64::max)
    };
    let names = chart.points.iter().take(n_rows).map(|name| width(name, 12.0, false));
    let named =
        if sheet.narrow() { 0.0 } else { names.fold(0.0, f64::max).min(sheet.width * 0.34) + 14.0 };
    // With whiskers the values stand in a column, lest one be taken for the end of a whisker.
    let ranged = main.iter().any(|one| !one.series.ranges.is_empty());
    let (before, after) = (texts(true), texts(false));
    let (before, after) = if ranged { (2.0, before.max(after) + 6.0) } else { (before, after) };
    let scale = Scale::linear(range, named + before, sheet.width - after - 1.0);
    let (thick, apart) = match main.len() {
        0 | 1 => (18.0, 0.0),
        2..=3 => (14.0, 2.0),
        _ => (12.0, 2.0),
    };
    let start = y;
    let zero = scale.at(0.0).floor() + 0.5;
    let zero_line = format!("class=\"zero\" stroke=\"{}\"", LIGHT.axis);
    for at in 0..n_rows {
        let name = chart.points.get(at).map_or("", String::as_str);
        if sheet.narrow() {
            let name = fit(name, 12.0, false, sheet.width);
            sheet.pen.text(0.0, y + 12.0, Anchor::Start, Look::NAME, &name);
            y += 20.0;
        }
        let high = main.len().max(1) as f64 * (thick + apart) - apart;
        if !sheet.narrow() {
            let name = fit(name, 12.0, false, named - 14.0);
            let look = Look::NAME;
            sheet.pen.text(named - 14.0, y + high / 2.0 + 4.0, Anchor::End, look, &name);
        }
        let before = previous.and_then(|(index, s)| Some((index, s.value(at)?)));
        let ticks = [target.and_then(|(_, s)| s.value(at)), before.map(|(_, x)| x)];
        for (nth, one) in main.iter().enumerate() {
            let top = y + nth as f64 * (thick + apart);
            bar(sheet, one, at, &scale, (top, thick), ticks, ranged);
        }
        if let Some((index, x)) = before {
            let (from, to) = sorted(scale.at(0.0), scale.at(x));
            sheet.mark(index, at, |pen| {
                pen.rect(from, y - 2.5, to - from, high + 5.0, &outline_attributes());
            });
        }
        if let Some((index, x)) = target.and_then(|(index, s)| Some((index, s.value(at)?))) {
            let x = scale.at(x);
            sheet.mark(index, at, |pen| target_tick(pen, x, y - 3.0, y + high + 3.0));
        }
        if sheet.narrow() && range.0 < 0.0 {
            sheet.pen.line((zero, y - 3.0), (zero, y + high + 3.0), &zero_line);
        }
        y += high + 12.0;
    }
    if !sheet.narrow() {
        sheet.pen.line((zero, start - 2.0), (zero, y - 8.0), &zero_line);
    }
    y - 6.0
}

fn bar(
    sheet: &mut Sheet<'_>,
    one: &Main<'_>,
    at: usize,
    scale: &Scale,
    (top, thick): (f64, f64),
    ticks: [Option<f64>; 2],
    column: bool,
) {
    let Some(x) = one.series.value(at) else {
        let look = Look::MUTED;
        let x = (scale.at(0.0) + 6.0).min(sheet.width - width("–", look.size, false));
        sheet.pen.text(x, top + thick / 2.0 + 4.0, Anchor::Start, look, "–");
        return;
    };
    let unit = &sheet.chart.unit;
    let text = write::value(x, unit);
    let (from, to) = sorted(scale.at(0.0), scale.at(x));
    let ends = one.series.ranges.first().and_then(|range| range.ends(at));
    let ends = ends.map(|(low, high)| sorted(scale.at(low), scale.at(high)));
    let middle = top + thick / 2.0;
    // The value stands beyond whatever else ends near it.
    let reach = |x: f64| if x < 0.0 { -1.0 } else { 1.0 };
    let mut end = if x < 0.0 { from } else { to };
    let wide = width(&text, 12.0, true) + 9.0;
    let mut ticks: Vec<f64> = ticks.into_iter().flatten().map(|x| scale.at(x)).collect();
    ticks.sort_by(|a, b| (a * reach(x)).total_cmp(&(b * reach(x))));
    for tick in ticks {
        if (-2.0..wide).contains(&((tick - end) * reach(x))) {
            end = tick;
        }
    }
    let attributes = one.attributes("fill");
    let anchor = if x < 0.0 { Anchor::End } else { Anchor::Start };
    let (place, anchor) =
        if column { (sheet.width, Anchor::End) } else { (end + 6.0 * reach(x), anchor) };
    let row = (from, to - from);
    sheet.pen.raw(&format!("<g {attributes}>"));
    sheet.mark(one.index, at, |pen| {
        pen.rect(row.0, top, row.1.max(1.0), thick, "class=\"mark\" rx=\"2\"");
        if let Some((low, high)) = ends {
            whisker(pen, low, high, middle);
        }
        pen.text(
            place,
            middle + 4.0,
            anchor,
            Look { color: Some(LIGHT.ink), ..Look::VALUE },
            &text,
        );
    });
    sheet.pen.raw("</g>");
}

/// Draws a range as a line with two ends, with paper around it so that it is seen on its bar.
fn whisker(pen: &mut super::pen::Pen, low: f64, high: f64, y: f64) {
    let d = |x: f64| super::pen::n(x);
    let (top, bottom, y) = (d(y - 4.0), d(y + 4.0), d(y));
    let (low, high) = (d(low), d(high));
    let path = format!("M{low} {top}V{bottom}M{low} {y}H{high}M{high} {top}V{bottom}");
    let around =
        format!("class=\"halo\" fill=\"none\" stroke=\"{}\" stroke-width=\"3\"", LIGHT.paper);
    pen.path(&path, &around);
    let attributes = format!("class=\"whisker\" fill=\"none\" stroke=\"{}\"", LIGHT.ink);
    pen.path(&path, &attributes);
}

fn sorted(a: f64, b: f64) -> (f64, f64) {
    (a.min(b), a.max(b))
}

/// The range of everything that is drawn, with zero.
fn reach(
    main: &[Main<'_>],
    target: Option<&domain::answer::Series>,
    previous: Option<&domain::answer::Series>,
    n_rows: usize,
) -> (f64, f64) {
    let series = main.iter().map(|one| one.series).chain(target).chain(previous);
    let values = series.flat_map(|series| {
        (0..n_rows).flat_map(|at| {
            let ends = series.ranges.first().and_then(|range| range.ends(at));
            let ends = ends.into_iter().flat_map(|(low, high)| [low, high]);
            series.value(at).into_iter().chain(ends)
        })
    });
    extent(values.chain([0.0])).unwrap_or((0.0, 1.0))
}
