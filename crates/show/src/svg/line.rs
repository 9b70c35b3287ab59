//! Lines over time, with ranges around them, a target and the gap to it, and what is expected.

use domain::answer::{Mark, Role, Series};

use super::axis::{Flags, ValueAxis, names};
use super::color::{HUES, LIGHT, hue};
use super::legend::{Key, Swatch};
use super::pen::{Anchor, Look, Pen, ribbon, trail};
use super::scale::{Scale, extent, spread};
use super::sheet::{Main, Sheet};
use super::text::{fit, width};
use super::write;

const HIGH: f64 = 230.0;
/// Up to so many points each has a dot.
const DOTTED: usize = 16;

/// A line with what it takes to draw and to name it.
struct Line<'a> {
    index: usize,
    series: &'a Series,
    class: String,
    color: &'static str,
    stroke: f64,
    dash: &'static str,
    /// One behind the others.
    quiet: bool,
}

pub(super) fn draw(sheet: &mut Sheet<'_>) -> f64 {
    let chart = sheet.chart;
    let main = sheet.measured();
    let lines = lines(sheet, &main);
    let n_points = chart.points.len();
    let axis = ValueAxis::over(reach(&lines, n_points), &chart.unit);

    let widest = lines.iter().map(|line| label_width(sheet, line)).fold(0.0, f64::max);
    let beside = !sheet.narrow() && widest < sheet.width * 0.36;
    let top = if beside { 0.0 } else { keys(sheet, &lines) };
    let value_width = |line: &Line<'_>| {
        last_value(line.series, n_points)
            .map_or(0.0, |(_, x)| width(&write::value(x, chart.unit_of(line.series)), 12.0, true))
    };
    let room = if beside { widest } else { lines.iter().map(value_width).fold(0.0, f64::max) };
    let right = sheet.width - room - 21.0;
    let left = axis.room;
    let pad = 6.0;
    let step = if n_points > 1 { (right - left - 2.0 * pad) / (n_points - 1) as f64 } else { 0.0 };
    let x_of = |at: usize| {
        if n_points > 1 { left + pad + step * at as f64 } else { f64::midpoint(left, right) }
    };
    let centers: Vec<f64> = (0..n_points).map(x_of).collect();
    let flags = Flags::of(sheet, &centers, sheet.width);
    let plot = top + flags.height + 10.0;
    let bottom = plot + HIGH;
    let scale = axis.scale(bottom, plot);
    axis.draw(sheet, &scale, right);
    flags.draw(sheet, top, bottom);

    gap_to_target(sheet, &lines, &centers, &scale);
    for line in &lines {
        ranges(sheet, line, &centers, &scale);
    }
    let half = (step / 2.0).max(8.0);
    for (at, center) in centers.iter().enumerate() {
        let stretch = ((center - half).max(0.0), (center + half).min(sheet.width));
        sheet.slice(at, stretch, (plot, bottom), *center);
    }
    for line in lines.iter().rev() {
        one(sheet, line, &lines, &centers, &scale);
    }
    ends(sheet, &lines, &centers, &scale, (plot, bottom), beside);
    say_ranges(sheet, &lines);
    names(sheet, &centers, step.max(1.0), bottom)
}

/// Keys above the drawing, where names have no room at the ends of the lines.
fn keys(sheet: &mut Sheet<'_>, lines: &[Line<'_>]) -> f64 {
    let named: Vec<Key<'_>> = lines
        .iter()
        .map(|line| Key {
            index: Some(line.index),
            name: &line.series.name,
            class: &line.class,
            color: line.color,
            swatch: Swatch::Line(line.dash),
        })
        .collect();
    sheet.keys(&named, 0.0)
}

/// The series that are lines, the most important first.
fn lines<'a>(sheet: &Sheet<'a>, main: &[Main<'a>]) -> Vec<Line<'a>> {
    let chart = sheet.chart;
    let mut lines: Vec<Line<'a>> = Vec::new();
    for one in main {
        let (class, color) = hue(one.rank);
        let quiet = one.rank >= HUES;
        let stroke = if quiet { 1.2 } else { 2.2 };
        let (index, series) = (one.index, one.series);
        lines.push(Line { index, series, class, color, stroke, dash: "", quiet });
    }
    let own = chart.series.iter().enumerate().filter(|(_, s)| chart.unit_of(s) == chart.unit);
    for (index, series) in own {
        let (class, color) = hue(0);
        let base = |class: &str, color, stroke, dash, quiet| Line {
            index,
            series,
            class: class.to_owned(),
            color,
            stroke,
            dash,
            quiet,
        };
        match series.role {
            Role::Projected => lines.push(base(&class, color, 2.2, "5 4", false)),
            Role::Target => lines.push(base("target", LIGHT.ink, 1.5, "", false)),
            Role::Previous => lines.push(base("previous", LIGHT.axis, 1.5, "", true)),
            _ => {}
        }
    }
    lines
}

/// The range of everything that is drawn; with zero, unless the values are all far from it.
fn reach(lines: &[Line<'_>], n_points: usize) -> (f64, f64) {
    let values = lines.iter().flat_map(|line| {
        (0..n_points).flat_map(|at| {
            let ends = line.series.ranges.iter().filter_map(move |range| range.ends(at));
            line.series.value(at).into_iter().chain(ends.flat_map(|(low, high)| [low, high]))
        })
    });
    let (low, high) = extent(values).unwrap_or((0.0, 1.0));
    let far = low > 0.0 && low > 0.7 * high && high - low > 0.02 * high;
    if far { (low, high) } else { (low.min(0.0), high.max(0.0)) }
}

fn last_value(series: &Series, n_points: usize) -> Option<(usize, f64)> {
    (0..n_points).rev().find_map(|at| Some((at, series.value(at)?)))
}

fn label_width(sheet: &Sheet<'_>, line: &Line<'_>) -> f64 {
    let Some((_, x)) = last_value(line.series, sheet.chart.points.len()) else { return 0.0 };
    let value = write::value(x, sheet.chart.unit_of(line.series));
    width(&line.series.name, 12.0, false) + 6.0 + width(&value, 12.0, true)
}

/// Fills what lies between the target and the measured series that it is for: the one that its
/// name names, or the only one.
fn gap_to_target(sheet: &mut Sheet<'_>, lines: &[Line<'_>], centers: &[f64], scale: &Scale) {
    let Some(target) = lines.iter().find(|line| line.series.role == Role::Target) else { return };
    let measured = || lines.iter().filter(|line| line.series.role == Role::Measured);
    let said = target.series.name.to_lowercase();
    let named = measured()
        .filter(|line| said.ends_with(&line.series.name.to_lowercase()))
        .max_by_key(|line| line.series.name.len());
    let only = measured().next().filter(|_| measured().count() == 1);
    let Some(now) = named.or(only) else { return };
    let between: Vec<Option<(f64, f64, f64)>> = centers
        .iter()
        .enumerate()
        .map(|(at, x)| {
            Some((*x, scale.at(now.series.value(at)?), scale.at(target.series.value(at)?)))
        })
        .collect();
    let path = ribbon(&between);
    if !path.is_empty() {
        let id = sheet.id.clone();
        let paint = sheet.pen.target_gap(&id);
        sheet.pen.path(&path, &format!("fill=\"{paint}\""));
    }
}

fn ranges(sheet: &mut Sheet<'_>, line: &Line<'_>, centers: &[f64], scale: &Scale) {
    let mut ranges: Vec<_> = line.series.ranges.iter().collect();
    ranges.sort_by(|a, b| b.level.total_cmp(&a.level));
    let attributes = format!(
        "class=\"series {}\" data-series=\"{}\" fill=\"{}\"",
        line.class, line.index, line.color
    );
    if ranges.is_empty() {
        return;
    }
    sheet.pen.group(&attributes, |pen| {
        for range in ranges {
            let band: Vec<Option<(f64, f64, f64)>> = centers
                .iter()
                .enumerate()
                .map(|(at, x)| {
                    let (low, high) = range.ends(at)?;
                    Some((*x, scale.at(low), scale.at(high)))
                })
                .collect();
            pen.path(&ribbon(&band), "class=\"band\" fill-opacity=\"0.16\"");
        }
    });
}

/// Draws one line and its dots.
fn one(sheet: &mut Sheet<'_>, line: &Line<'_>, lines: &[Line<'_>], centers: &[f64], scale: &Scale) {
    let n_points = centers.len();
    let place = |series: &Series, at: usize| Some((*centers.get(at)?, scale.at(series.value(at)?)));
    let mut points: Vec<_> = (0..n_points).map(|at| place(line.series, at)).collect();
    if line.series.role == Role::Projected {
        // What is expected begins where what was measured ends.
        let first = points.iter().position(Option::is_some).unwrap_or(0);
        let before = lines.iter().find(|line| line.series.role == Role::Measured);
        let joint = first.checked_sub(1).and_then(|at| Some((at, place(before?.series, at)?)));
        if let Some((at, point)) = joint
            && let Some(slot) = points.get_mut(at)
        {
            *slot = Some(point);
        }
    }
    let Line { class, color, stroke, index, .. } = line;
    let dash = if line.dash.is_empty() {
        String::new()
    } else {
        format!(" stroke-dasharray=\"{}\"", line.dash)
    };
    let dotted = n_points <= DOTTED && !line.quiet && line.series.role != Role::Target;
    let is_target = line.series.role == Role::Target;
    let last = last_value(line.series, n_points).map(|(at, _)| at).filter(|_| !is_target);
    let extrapolated = |at: usize| line.series.mark(at) == Mark::Extrapolated;
    sheet.pen.raw(&format!("<g class=\"series {class}\" data-series=\"{index}\">"));
    let attributes = format!(
        "class=\"trace\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{stroke}\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\"{dash}"
    );
    let grey = format!(
        "class=\"trace extrapolated\" fill=\"none\" stroke=\"{}\" stroke-width=\"{stroke}\" \
         stroke-dasharray=\"2 4\"",
        LIGHT.other
    );
    let kept = |pick: &dyn Fn(usize) -> bool| -> Vec<Option<(f64, f64)>> {
        points.iter().enumerate().map(|(at, point)| point.filter(|_| pick(at))).collect()
    };
    sheet.pen.path(&trail(&kept(&|at| !extrapolated(at))), &attributes);
    let near = |at: usize| {
        extrapolated(at) || extrapolated(at + 1) || at.checked_sub(1).is_some_and(extrapolated)
    };
    if (0..n_points).any(extrapolated) {
        sheet.pen.path(&trail(&kept(&near)), &grey);
    }
    for at in 0..n_points {
        let Some(place) = place(line.series, at) else { continue };
        let alone = [at.checked_sub(1), Some(at + 1)]
            .into_iter()
            .flatten()
            .all(|next| points.get(next).copied().flatten().is_none());
        let opens = line.series.open(at).is_some();
        if !(dotted || opens || alone || (last == Some(at) && !line.quiet)) {
            continue;
        }
        let radius = if Some(at) == last { 4.0 } else { 3.0 };
        let seen = dotted || alone || Some(at) == last;
        let color = if extrapolated(at) { LIGHT.other } else { color };
        sheet.mark(*index, at, |pen| dot(pen, place, radius, color, seen, opens));
    }
    sheet.pen.raw("</g>");
}

fn dot(pen: &mut Pen, at: (f64, f64), radius: f64, color: &str, seen: bool, opens: bool) {
    if opens {
        pen.circle(at, 10.0, "fill=\"none\" pointer-events=\"all\"");
    }
    let paper = LIGHT.paper;
    if seen {
        let attributes =
            format!("class=\"mark halo\" fill=\"{color}\" stroke=\"{paper}\" stroke-width=\"1.5\"");
        pen.circle(at, radius, &attributes);
    }
}

/// Writes the last value of each line at its end, with the name where there is room.
fn ends(
    sheet: &mut Sheet<'_>,
    lines: &[Line<'_>],
    centers: &[f64],
    scale: &Scale,
    (top, bottom): (f64, f64),
    beside: bool,
) {
    let chart = sheet.chart;
    let n_points = chart.points.len();
    // What is expected goes on from what was measured, which then has no end of its own here.
    let goes_on = lines.iter().any(|line| line.series.role == Role::Projected);
    let named: Vec<(&Line<'_>, usize, f64)> = lines
        .iter()
        .filter(|line| {
            !(goes_on && line.series.role == Role::Measured && line.index == first(lines))
        })
        .filter_map(|line| last_value(line.series, n_points).map(|(at, x)| (line, at, x)))
        .collect();
    let wanted: Vec<f64> = named.iter().map(|(_, _, x)| scale.at(*x)).collect();
    let places = spread(&wanted, 16.0, top + 4.0, bottom - 4.0);
    let mut left_out = Vec::new();
    for ((line, at, x), place) in named.iter().zip(places) {
        let Some(y) = place else {
            left_out.push(line.series.name.clone());
            continue;
        };
        let value = write::value(*x, chart.unit_of(line.series));
        let end = centers.last().copied().unwrap_or(0.0) + 6.0;
        let (from, wish) = (end + 14.0, scale.at(*x));
        // A line that ends early has its name at the right all the same; its dot says where.
        let _ = at;
        let group = format!("class=\"key {}\" data-series=\"{}\"", line.class, line.index);
        let room = sheet.width;
        sheet.pen.group(&group, |pen| {
            let wide = width(&value, 12.0, true);
            let path = trail(&[Some((end, wish)), Some((end + 6.0, y)), Some((end + 11.0, y))]);
            let attributes = format!(
                "class=\"trace\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"",
                line.color
            );
            pen.path(&path, &attributes);
            pen.text(from, y + 4.0, Anchor::Start, Look::VALUE, &value);
            if beside {
                let from = from + wide + 6.0;
                let name = fit(&line.series.name, 12.0, false, room - from);
                let look = Look { size: 12.0, ..Look::MUTED };
                pen.text(from, y + 4.0, Anchor::Start, look, &name);
            }
        });
    }
    if goes_on && beside {
        name_inside(sheet, lines, centers, scale);
    }
    if !left_out.is_empty() {
        sheet.note(format!("Without a name at its end: {}.", left_out.join(", ")));
    }
}

/// Writes the name of what was measured where it ends and what is expected begins: below the line
/// where it goes on upwards, else above.
fn name_inside(sheet: &mut Sheet<'_>, lines: &[Line<'_>], centers: &[f64], scale: &Scale) {
    let Some(line) = lines.iter().find(|line| line.series.role == Role::Measured) else { return };
    let Some((at, x)) = last_value(line.series, centers.len()) else { return };
    let mut next = lines.iter().filter(|line| line.series.role == Role::Projected);
    let next = next.find_map(|line| line.series.value(at + 1)).unwrap_or(x);
    let text =
        format!("{} {}", line.series.name, write::value(x, sheet.chart.unit_of(line.series)));
    let (Some(center), y) = (centers.get(at), scale.at(x)) else { return };
    let y = if next >= x { y + 20.0 } else { y - 12.0 };
    let half = width(&text, 12.0, true) / 2.0;
    let from = (center + half - 4.0).clamp(half, sheet.width - half);
    let group = format!("class=\"key {}\" data-series=\"{}\"", line.class, line.index);
    sheet.pen.group(&group, |pen| pen.text(from, y, Anchor::Middle, Look::VALUE, &text));
}

fn first(lines: &[Line<'_>]) -> usize {
    let measured = lines.iter().find(|line| line.series.role == Role::Measured);
    measured.map_or(usize::MAX, |line| line.index)
}

fn say_ranges(sheet: &mut Sheet<'_>, lines: &[Line<'_>]) {
    let mut levels: Vec<f64> = Vec::new();
    for range in lines.iter().flat_map(|line| &line.series.ranges) {
        if !levels.iter().any(|level| (level - range.level).abs() < 1e-9) {
            levels.push(range.level);
        }
    }
    levels.sort_by(f64::total_cmp);
    let said: Vec<String> = levels.iter().map(|level| write::value(*level, "share")).collect();
    if !said.is_empty() {
        sheet.note(format!("Shaded: {} ranges.", said.join(", ")));
    }
}
