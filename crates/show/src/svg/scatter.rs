//! Points by two values, with powers of ten where the range asks for them.
//!
//! Where both axes are money, diagonals show where the return is the same. Names stand at the
//! points themselves, moved or left out where they would touch; what is left out is said.

use domain::answer::{Role, Series};

use super::color::LIGHT;
use super::pen::{Anchor, Look, haloed};
use super::scale::{Scale, extent, log_ticks, ticks};
use super::sheet::Sheet;
use super::text::{fit, width};
use super::write;

/// Values are shown by powers of ten from this ratio of highest to lowest on.
const LOG_FROM: f64 = 30.0;
const NAMED_MOST: usize = 40;
/// Radii of dots whose area says something.
const SMALLEST: f64 = 3.5;
const LARGEST: f64 = 14.5;

/// One dot.
struct Dot {
    at: usize,
    x: f64,
    y: f64,
    radius: f64,
}

impl Dot {
    fn square(&self) -> Box {
        let r = self.radius;
        (self.x - r, self.y - r, self.x + r, self.y + r)
    }
}

/// A rectangle: left, top, right, bottom.
type Box = (f64, f64, f64, f64);

pub(super) fn draw(sheet: &mut Sheet<'_>) -> f64 {
    let chart = sheet.chart;
    let across = sheet.role(Role::Across);
    let size = sheet.role(Role::Size);
    let main = sheet.measured();
    let (Some((_, across)), Some(one)) = (across, main.first().copied()) else {
        return sheet.say_nothing();
    };
    let others: Vec<&str> = main.iter().skip(1).map(|one| one.series.name.as_str()).collect();
    if !others.is_empty() {
        sheet.note(format!("In the table only: {}.", others.join(", ")));
    }
    let pairs: Vec<(usize, f64, f64)> = (0..chart.points.len())
        .filter_map(|at| Some((at, across.value(at)?, one.series.value(at)?)))
        .collect();
    let missing = chart.points.len() - pairs.len();
    if missing > 0 {
        sheet.note(format!("{missing} without both values are in the table."));
    }
    if pairs.is_empty() {
        return sheet.say_nothing();
    }
    let (x_unit, y_unit) = (chart.unit_of(across), chart.unit_of(one.series));
    let money = write::currency(x_unit) && x_unit == y_unit;
    let xs: Vec<f64> = pairs.iter().map(|(_, x, _)| *x).collect();
    let ys: Vec<f64> = pairs.iter().map(|(_, _, y)| *y).collect();
    // Diagonals are straight only where both axes are of one kind.
    let (x_wide, y_wide) = (wide(&xs), wide(&ys));
    let both = money && (x_wide || y_wide) && can_be_log(&xs) && can_be_log(&ys);
    let x_axis = Axis::over(&xs, x_unit, both || (x_wide && !money));
    let y_axis = Axis::over(&ys, y_unit, both || (y_wide && !money));
    let widest = y_axis.names.iter().map(|name| width(name, 11.0, false)).fold(0.0, f64::max);
    let left = widest + 10.0;
    let (right, top) = (sheet.width - 8.0, 24.0);
    let bottom = top + if sheet.narrow() { 260.0 } else { 320.0 };
    // A dot at an end lies within the drawing as a whole.
    let pad = if size.is_some() { LARGEST } else { 6.0 };
    let x_scale = x_axis.scale(left + pad, right - pad + 6.0);
    let y_scale = y_axis.scale(bottom - pad, top + pad);

    let area = (left, top, right, bottom);
    grid(sheet, (&x_axis, &x_scale), (&y_axis, &y_scale), area);
    let names = (across.name.clone(), one.series.name.clone());
    let look = Look::MUTED;
    let y_name = fit(&names.1, 11.0, false, right - 20.0);
    sheet.pen.text(0.0, 11.0, Anchor::Start, look, &format!("↑ {y_name}"));
    let x_name = fit(&names.0, 11.0, false, right - 20.0);
    sheet.pen.text(right + 8.0, bottom + 34.0, Anchor::End, look, &format!("{x_name} →"));

    let most = size
        .and_then(|(_, series)| extent((0..chart.points.len()).filter_map(|at| series.value(at))));
    let radius = |at: usize| match (size, most) {
        (Some((_, series)), Some((_, most))) if most > 0.0 => {
            (series.value(at).unwrap_or(0.0).max(0.0) / most).sqrt() * (LARGEST - SMALLEST)
                + SMALLEST
        }
        _ => 5.0,
    };
    let mut dots: Vec<Dot> = pairs
        .iter()
        .map(|(at, x, y)| Dot {
            at: *at,
            x: x_scale.at(*x),
            y: y_scale.at(*y),
            radius: radius(*at),
        })
        .collect();
    let lines = if money {
        diagonals(sheet, &x_scale, &y_scale, (x_axis.ends(), y_axis.ends()), area)
    } else {
        Vec::new()
    };
    // Large ones first, so that small ones stay above them.
    dots.sort_by(|a, b| b.radius.total_cmp(&a.radius).then(a.at.cmp(&b.at)));
    sheet.pen.raw(&format!("<g {}>", one.attributes("fill")));
    for dot in &dots {
        let size_said = size.and_then(|(_, s)| {
            Some(format!(", {}: {}", s.name, write::value(s.value(dot.at)?, chart.unit_of(s))))
        });
        let point = chart.points.get(dot.at).map_or("", String::as_str);
        let value = |series: &Series| {
            let x = series.value(dot.at).unwrap_or_default();
            format!("{}: {}", series.name, write::value(x, chart.unit_of(series)))
        };
        let said = format!(
            "{point}, {}, {}{}",
            value(across),
            value(one.series),
            size_said.unwrap_or_default()
        );
        sheet.mark_said(one.index, dot.at, &said, |pen| {
            let paper = LIGHT.paper;
            let attributes =
                format!("class=\"mark halo\" fill-opacity=\"0.85\" stroke=\"{paper}\"");
            pen.circle((dot.x, dot.y), dot.radius, &attributes);
        });
    }
    sheet.pen.raw("</g>");
    let mut taken: Vec<Box> = dots.iter().map(Dot::square).collect();
    label(sheet, &dots, &mut taken, (left, top, right + 8.0, bottom));
    name_diagonals(sheet, &lines, taken, area);
    if let Some((_, series)) = size {
        sheet.note(format!("Area: {}.", series.name));
    }
    bottom + 38.0
}

/// True where values are spread over so wide a range that a linear axis shows the largest alone.
fn wide(values: &[f64]) -> bool {
    let positive = extent(values.iter().copied().filter(|x| *x > 0.0));
    can_be_log(values) && positive.is_some_and(|(low, high)| high / low >= LOG_FROM)
}

fn can_be_log(values: &[f64]) -> bool {
    values.iter().all(|x| *x >= 0.0) && values.iter().any(|x| *x > 0.0)
}

/// Round values along one side.
struct Axis {
    values: Vec<f64>,
    names: Vec<String>,
    log: bool,
    /// By powers of ten, with a place for zero before them.
    zero: bool,
}

impl Axis {
    fn over(values: &[f64], unit: &str, log: bool) -> Self {
        let all = values.iter().copied();
        if log {
            let positive = extent(all.filter(|x| *x > 0.0)).unwrap_or((1.0, 10.0));
            let zero = values.iter().any(|x| *x <= 0.0);
            let shown: Vec<f64> =
                zero.then_some(0.0).into_iter().chain(log_ticks(positive)).collect();
            let names = shown.iter().map(|x| write::value(*x, unit)).collect();
            Self { values: shown, names, log, zero }
        } else {
            let values = ticks(extent(all.chain([0.0])).unwrap_or((0.0, 1.0)), 4);
            let names = write::ticks(&values, unit);
            Self { values, names, log, zero: false }
        }
    }

    /// The lowest and the highest value; without zero on an axis by powers of ten.
    fn ends(&self) -> (f64, f64) {
        let first = self.values.get(usize::from(self.zero)).copied().unwrap_or(0.0);
        (first, self.values.last().copied().unwrap_or(1.0))
    }

    fn scale(&self, from: f64, to: f64) -> Scale {
        match (self.log, self.zero) {
            (true, true) => Scale::log_from_zero(self.ends(), from, to),
            (true, false) => Scale::log(self.ends(), from, to),
            (false, _) => Scale::linear(self.ends(), from, to),
        }
    }
}

fn grid(
    sheet: &mut Sheet<'_>,
    (x_axis, x_scale): (&Axis, &Scale),
    (y_axis, y_scale): (&Axis, &Scale),
    (left, top, right, bottom): Box,
) {
    let attributes = format!("class=\"grid\" stroke=\"{}\"", LIGHT.grid);
    let most = sheet.width;
    sheet.pen.group("class=\"axis\" aria-hidden=\"true\"", |pen| {
        let mut free_below = f64::INFINITY;
        for (value, name) in y_axis.values.iter().zip(&y_axis.names) {
            let y = y_scale.at(*value).floor() + 0.5;
            pen.line((left, y), (right, y), &attributes);
            if y + 4.0 < free_below {
                pen.text(left - 8.0, y + 4.0, Anchor::End, Look::MUTED, name);
                free_below = y - 10.0;
            }
        }
        let mut free_from = 0.0;
        for (value, name) in x_axis.values.iter().zip(&x_axis.names) {
            let x = x_scale.at(*value).floor() + 0.5;
            pen.line((x, top), (x, bottom), &attributes);
            let half = width(name, 11.0, false) / 2.0;
            let middle = x.clamp(half, most - half);
            if middle - half >= free_from {
                pen.text(middle, bottom + 16.0, Anchor::Middle, Look::MUTED, name);
                free_from = middle + half + 8.0;
            }
        }
    });
}

/// A line along which the return is so many times the spend, from one end to the other.
type Diagonal = (f64, (f64, f64), (f64, f64));

/// Draws lines along which every point has the same return: that of break-even and its neighbors.
fn diagonals(
    sheet: &mut Sheet<'_>,
    x_scale: &Scale,
    y_scale: &Scale,
    ((x_low, x_high), (y_low, y_high)): ((f64, f64), (f64, f64)),
    (left, top, right, bottom): Box,
) -> Vec<Diagonal> {
    let mut drawn: Vec<Diagonal> = Vec::new();
    for times in [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0] {
        let from = x_low.max(y_low / times).max(0.0);
        let to = x_high.min(y_high / times);
        if from >= to || to <= 0.0 {
            continue;
        }
        let start = (x_scale.at(from), y_scale.at(from * times));
        let end = (x_scale.at(to), y_scale.at(to * times));
        let long = (end.0 - start.0).hypot(end.1 - start.1);
        if long > 0.35 * (right - left).min(bottom - top) {
            drawn.push((times, start, end));
        }
    }
    while drawn.len() > 4 {
        let distance = |times: f64| times.log10().abs();
        let all = drawn.iter().map(|(times, ..)| *times).enumerate();
        let farthest = all.max_by(|(_, a), (_, b)| distance(*a).total_cmp(&distance(*b)));
        let Some((farthest, _)) = farthest else { break };
        drawn.remove(farthest);
    }
    let attributes =
        format!("class=\"diagonal\" stroke=\"{}\" stroke-dasharray=\"3 3\"", LIGHT.axis);
    sheet.pen.group("class=\"diagonals\" aria-hidden=\"true\"", |pen| {
        for (_, start, end) in &drawn {
            pen.line(*start, *end, &attributes);
        }
    });
    drawn
}

/// Writes the return upon each line, as near to its upper end as there is room.
fn name_diagonals(
    sheet: &mut Sheet<'_>,
    lines: &[Diagonal],
    mut taken: Vec<Box>,
    (left, top, right, bottom): Box,
) {
    sheet.pen.group(&(haloed() + " aria-hidden=\"true\""), |pen| {
        for (times, start, end) in lines {
            let text = format!("{times}× return");
            let wide = width(&text, 11.0, false);
            let parts = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2];
            let free = parts.into_iter().find_map(|part| {
                let x = start.0 + (end.0 - start.0) * part;
                let y = start.1 + (end.1 - start.1) * part + 4.0;
                let from = x - wide / 2.0;
                let place = (from - 3.0, y - 10.0, from + wide + 3.0, y + 3.0);
                let inside =
                    place.0 >= left && place.1 >= top && place.2 <= right && place.3 <= bottom;
                (inside && taken.iter().all(|other| apart(&place, other)))
                    .then_some((from, y, place))
            });
            if let Some((x, y, place)) = free {
                taken.push(place);
                pen.text(x, y, Anchor::Start, Look::MUTED, &text);
            }
        }
    });
}

fn apart(a: &Box, b: &Box) -> bool {
    a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1
}

/// Writes names beside dots: right, left, above, below, then farther away with a line.
fn label(sheet: &mut Sheet<'_>, dots: &[Dot], taken: &mut Vec<Box>, area: Box) {
    let chart = sheet.chart;
    let mut left_out = 0_usize;
    let mut texts = Vec::new();
    for (nth, dot) in dots.iter().enumerate() {
        let name = chart.points.get(dot.at).map_or("", String::as_str);
        let name = fit(name, 11.0, false, 130.0);
        if name.is_empty() || nth >= NAMED_MOST {
            left_out += usize::from(!name.is_empty());
            continue;
        }
        let wide = width(&name, 11.0, false);
        let (near, far) = (dot.radius + 4.0, dot.radius + 18.0);
        let places = [
            (dot.x + near, dot.y + 4.0, false),
            (dot.x - near - wide, dot.y + 4.0, false),
            (dot.x - wide / 2.0, dot.y - near, false),
            (dot.x - wide / 2.0, dot.y + near + 8.0, false),
            (dot.x + far * 0.7, dot.y - far * 0.7, true),
            (dot.x + far * 0.7, dot.y + far, true),
            (dot.x - far * 0.7 - wide, dot.y - far * 0.7, true),
            (dot.x - far * 0.7 - wide, dot.y + far, true),
        ];
        let found = places.into_iter().find(|(x, y, _)| {
            let place = (*x - 2.0, y - 10.0, x + wide + 2.0, y + 3.0);
            let inside =
                place.0 >= area.0 && place.2 <= area.2 && place.1 >= area.1 && place.3 <= area.3;
            inside && taken.iter().all(|other| apart(&place, other))
        });
        match found {
            Some((x, y, led)) => {
                taken.push((x - 2.0, y - 10.0, x + wide + 2.0, y + 3.0));
                texts.push((x, y, led, name, dot, wide));
            }
            None => left_out += 1,
        }
    }
    let attributes = format!("class=\"zero\" stroke=\"{}\"", LIGHT.axis);
    for (x, y, _, _, dot, wide) in texts.iter().filter(|(_, _, led, ..)| *led) {
        let end = if *x > dot.x { x - 1.0 } else { x + wide + 1.0 };
        let (dx, dy) = (end - dot.x, y - 4.0 - dot.y);
        let far = dx.hypot(dy).max(1.0);
        let start = (dot.x + dx / far * dot.radius, dot.y + dy / far * dot.radius);
        sheet.pen.line(start, (end, y - 4.0), &attributes);
    }
    sheet.pen.group(&(haloed() + " aria-hidden=\"true\""), |pen| {
        for (x, y, _, name, ..) in &texts {
            pen.text(*x, *y, Anchor::Start, Look { size: 11.0, ..Look::NAME }, name);
        }
    });
    if left_out > 0 {
        sheet.note(format!("{left_out} without room for a name."));
    }
}
