//! How many go on from step to step: bars from one zero, and between them which share went on and
//! in how many days. The period before is a thin outline.

use domain::answer::Role;

use super::color::LIGHT;
use super::legend::{Swatch, outline_attributes};
use super::pen::{Anchor, Look};
use super::scale::{Scale, extent};
use super::sheet::Sheet;
use super::text::{fit, width};
use super::write;

const MOST: usize = 20;

pub(super) fn draw(sheet: &mut Sheet<'_>) -> f64 {
    let chart = sheet.chart;
    let main = sheet.measured();
    let Some(one) = main.first().copied() else { return sheet.say_nothing() };
    let others: Vec<&str> = main.iter().skip(1).map(|one| one.series.name.as_str()).collect();
    if !others.is_empty() {
        sheet.note(format!("In the table only: {}.", others.join(", ")));
    }
    let n_rows = chart.points.len().min(MOST);
    if n_rows < chart.points.len() {
        sheet.note(format!("{} more are in the table.", chart.points.len() - n_rows));
    }
    let (conversion, days) = (sheet.role(Role::Conversion), sheet.role(Role::Days));
    let previous = sheet.role(Role::Previous);
    let mut y = sheet.legend(&[one], |_| Swatch::Fill, 0.0) + 4.0;

    let series = [Some(one.series), previous.map(|(_, series)| series)];
    let values = series.iter().flatten().flat_map(|s| (0..n_rows).filter_map(|at| s.value(at)));
    // A count below zero is no part of a funnel; its number stands at zero.
    let high = extent(values).map_or(1.0, |(_, high)| high.max(0.0));
    let names = chart.points.iter().take(n_rows).map(|name| width(name, 12.0, false));
    let narrow = sheet.narrow();
    let named = if narrow { 0.0 } else { names.fold(0.0, f64::max).min(sheet.width * 0.3) + 14.0 };
    let texts = (0..n_rows).filter_map(|at| one.series.value(at));
    let texts = texts.map(|x| width(&write::value(x, &chart.unit), 12.0, true)).fold(0.0, f64::max);
    let scale = Scale::linear((0.0, high), named, sheet.width - texts - 10.0);
    let thick = 24.0;
    for at in 0..n_rows {
        let name = chart.points.get(at).map_or("", String::as_str);
        if at > 0 {
            y += between(sheet, conversion, days, at, scale.at(0.0), y);
        }
        if narrow {
            let name = fit(name, 12.0, false, sheet.width);
            sheet.pen.text(0.0, y + 12.0, Anchor::Start, Look::NAME, &name);
            y += 20.0;
        } else {
            let name = fit(name, 12.0, false, named - 14.0);
            sheet.pen.text(named - 14.0, y + 16.0, Anchor::End, Look::NAME, &name);
        }
        let zero = scale.at(0.0);
        let before = previous.and_then(|(index, series)| Some((index, series.value(at)?)));
        if let Some(x) = one.series.value(at) {
            let to = scale.at(x);
            let (from, to) = (zero.min(to), zero.max(to));
            let place = before.map_or(to, |(_, x)| {
                let outline = scale.at(x);
                let wide = width(
                    &write::value(one.series.value(at).unwrap_or(0.0), &chart.unit),
                    12.0,
                    true,
                );
                if (to..to + wide + 10.0).contains(&outline) { outline } else { to }
            });
            let text = write::value(x, &chart.unit);
            sheet.pen.raw(&format!("<g {}>", one.attributes("fill")));
            let look = Look { color: Some(LIGHT.ink), ..Look::VALUE };
            sheet.mark(one.index, at, |pen| {
                pen.rect(from, y, (to - from).max(1.0), thick, "class=\"mark\" rx=\"2\"");
                pen.text(place + 7.0, y + 16.0, Anchor::Start, look, &text);
            });
            sheet.pen.raw("</g>");
        } else {
            sheet.pen.text(zero + 6.0, y + 16.0, Anchor::Start, Look::MUTED, "–");
        }
        if let Some((index, x)) = before {
            let to = scale.at(x);
            let (from, wide) = (zero.min(to), (to - zero).abs());
            sheet.mark(index, at, |pen| {
                pen.rect(from, y - 2.5, wide, thick + 5.0, &outline_attributes());
            });
        }
        y += thick + 4.0;
    }
    y + 4.0
}

/// Writes what share went on and in how many days; returns how high that is.
fn between(
    sheet: &mut Sheet<'_>,
    conversion: Option<(usize, &domain::answer::Series)>,
    days: Option<(usize, &domain::answer::Series)>,
    at: usize,
    x: f64,
    y: f64,
) -> f64 {
    let chart = sheet.chart;
    let share = conversion
        .and_then(|(index, s)| Some((index, write::value(s.value(at)?, chart.unit_of(s)))));
    let days =
        days.and_then(|(index, s)| Some((index, write::value(s.value(at)?, chart.unit_of(s)))));
    if share.is_none() && days.is_none() {
        return 8.0;
    }
    let arrow =
        format!("class=\"zero\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.2\"", LIGHT.axis);
    let (left, middle, right) = (x + 5.0, x + 8.5, x + 12.0);
    let d = |x: f64| super::pen::n(x);
    let path = format!(
        "M{m} {}V{}M{} {}L{m} {}L{} {}",
        d(y + 3.0),
        d(y + 15.0),
        d(left),
        d(y + 11.5),
        d(y + 15.0),
        d(right),
        d(y + 11.5),
        m = d(middle)
    );
    sheet.pen.path(&path, &arrow);
    let mut from = x + 20.0;
    if let Some((index, share)) = share {
        let wide = width(&share, 12.0, true);
        let look = Look::VALUE;
        sheet.mark(index, at, |pen| pen.text(from, y + 13.0, Anchor::Start, look, &share));
        from += wide + 5.0;
        // What is a part of what: the steps need not be it.
        let name = conversion.map_or_else(String::new, |(_, series)| lower(&series.name));
        let room = sheet.width - from - if days.is_some() { 100.0 } else { 4.0 };
        let name = fit(&name, 11.0, false, room);
        sheet.pen.text(from, y + 13.0, Anchor::Start, Look::MUTED, &name);
        from += width(&name, 11.0, false) + 10.0;
    }
    if let Some((index, days)) = days {
        let text = format!("{days} median");
        sheet.mark(index, at, |pen| pen.text(from, y + 13.0, Anchor::Start, Look::MUTED, &text));
    }
    22.0
}

/// Writes the first letter small.
pub(super) fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
