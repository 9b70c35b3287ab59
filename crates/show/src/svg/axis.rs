//! Axes: light lines at round values, and names of points that never touch each other.

use super::color::LIGHT;
use super::pen::{Anchor, Look};
use super::scale::{Scale, ticks};
use super::sheet::Sheet;
use super::text::{fit, width, wrap};
use super::write::{self, Label};

/// Blanks between two names along an axis.
const GAP: f64 = 8.0;

/// A value axis at the left of a drawing.
#[derive(Clone, Debug)]
pub(super) struct ValueAxis {
    values: Vec<f64>,
    names: Vec<String>,
    /// How much room the names take, with the gap to the drawing.
    pub(super) room: f64,
}

impl ValueAxis {
    /// Chooses round values around a range.
    pub(super) fn over(range: (f64, f64), unit: &str) -> Self {
        let values = ticks(range, 4);
        let names = write::ticks(&values, unit);
        let widest =
            names.iter().map(|name| width(name, Look::MUTED.size, false)).fold(0.0, f64::max);
        Self { values, names, room: widest + 10.0 }
    }

    /// The scale between two positions.
    pub(super) fn scale(&self, bottom: f64, top: f64) -> Scale {
        let first = self.values.first().copied().unwrap_or(0.0);
        let last = self.values.last().copied().unwrap_or(1.0);
        Scale::linear((first, last), bottom, top)
    }

    /// Draws the lines and their names.
    pub(super) fn draw(&self, sheet: &mut Sheet<'_>, scale: &Scale, right: f64) {
        let (left, pen) = (self.room, &mut sheet.pen);
        pen.group("class=\"axis\" aria-hidden=\"true\"", |pen| {
            for (value, name) in self.values.iter().zip(&self.names) {
                let y = scale.at(*value);
                let (class, color) =
                    if *value == 0.0 { ("zero", LIGHT.axis) } else { ("grid", LIGHT.grid) };
                // Half a pixel keeps a line of one pixel sharp.
                let y = y.floor() + 0.5;
                let attributes = format!("class=\"{class}\" stroke=\"{color}\"");
                pen.line((left, y), (right, y), &attributes);
                pen.text(left - 8.0, y + 4.0, Anchor::End, Look::MUTED, name);
            }
        });
    }
}

/// Draws the names of points below a drawing, each around its center, and returns where they end.
///
/// Periods are written short with the year below where it changes; of many, only every second,
/// third and so on has a name, counted from the last. Other names are wrapped, then cut off.
pub(super) fn names(sheet: &mut Sheet<'_>, centers: &[f64], band: f64, top: f64) -> f64 {
    let labels: Vec<Label> = sheet.chart.points.iter().map(|name| write::period(name)).collect();
    let periods = labels.iter().all(|label| label.year.is_some());
    let places = (1..=labels.len())
        .find_map(|stride| places(&labels, centers, band, stride, periods, sheet.width))
        .unwrap_or_default();
    let n_lines = places.iter().map(|place| place.lines.len()).max().unwrap_or(0);
    sheet.pen.group("class=\"axis\" aria-hidden=\"true\"", |pen| {
        let mut year_before: Option<&str> = None;
        for Place { at, x, lines } in &places {
            for (nth, line) in lines.iter().enumerate() {
                pen.text(*x, top + 16.0 + nth as f64 * 14.0, Anchor::Middle, Look::MUTED, line);
            }
            let year = labels.get(*at).and_then(|label| label.year.as_deref());
            if periods && year != year_before {
                pen.text(*x, top + 30.0, Anchor::Middle, Look::MUTED, year.unwrap_or_default());
                year_before = year;
            }
        }
    });
    top + 8.0 + 14.0 * if periods { 2.0 } else { n_lines as f64 }
}

/// Where the name of a point stands.
struct Place {
    at: usize,
    x: f64,
    lines: Vec<String>,
}

/// Places the name of every so-manieth point, counted from the last; `None` where two would touch.
fn places(
    labels: &[Label],
    centers: &[f64],
    band: f64,
    stride: usize,
    periods: bool,
    most: f64,
) -> Option<Vec<Place>> {
    let size = Look::MUTED.size;
    let last = labels.len().saturating_sub(1);
    let room = band * stride as f64 - GAP;
    if !periods && room < 44.0 && stride < labels.len() {
        return None;
    }
    let mut free_from = f64::NEG_INFINITY;
    let mut found = Vec::new();
    let kept = labels.iter().zip(centers).enumerate();
    for (at, (label, center)) in kept.filter(|(at, _)| (last - at).is_multiple_of(stride)) {
        let lines = if periods {
            vec![label.short.clone()]
        } else {
            wrap(&label.short, size, room.min(most), 2)
        };
        let year = if periods { label.year.as_deref() } else { None };
        let texts = lines.iter().map(String::as_str).chain(year);
        let wide = texts.map(|line| width(line, size, false)).fold(0.0, f64::max);
        let x = center.clamp(wide / 2.0, (most - wide / 2.0).max(wide / 2.0));
        if x - wide / 2.0 < free_from {
            return None;
        }
        free_from = x + wide / 2.0 + GAP;
        found.push(Place { at, x, lines });
    }
    Some(found)
}

/// What happened at points in time, laid out in lanes above a drawing.
pub(super) struct Flags {
    all: Vec<Flag>,
    /// How much room they take.
    pub(super) height: f64,
    n_lanes: usize,
}

struct Flag {
    x: f64,
    lane: usize,
    from: f64,
    text: String,
}

const LANES: usize = 3;
const LANE: f64 = 16.0;

impl Flags {
    /// Lays out the annotations of a chart; those without a point or a lane are said in a note.
    pub(super) fn of(sheet: &mut Sheet<'_>, centers: &[f64], right: f64) -> Self {
        let size = Look::MUTED.size;
        let mut lanes: [Vec<(f64, f64)>; LANES] = Default::default();
        let mut flags = Vec::new();
        let mut left_out = Vec::new();
        let place = |point: &str| sheet.chart.points.iter().position(|name| name == point);
        let mut placed: Vec<(f64, &str, &str)> = Vec::new();
        for said in &sheet.chart.annotations {
            match place(&said.point).and_then(|at| centers.get(at)) {
                Some(x) => placed.push((*x, &said.point, &said.text)),
                None => left_out.push(format!("{}: {}.", said.point, said.text)),
            }
        }
        // From the right, the lowest lane first: so no line runs through the text of another.
        placed.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (x, point, text) in placed {
            let text = fit(text, size, false, (right * 0.6).max(60.0));
            let wide = width(&text, size, false);
            let from = (x - 2.0).min(right - wide).max(0.0);
            let to = from + wide + GAP;
            let within = |(a, b): (f64, f64), x: f64| a <= x && x <= b;
            let free = (0..LANES).find(|&lane| {
                let own = lanes.get(lane).into_iter().flatten();
                let touched = own.clone().any(|(a, b)| *a < to && from < *b);
                let below = lanes.iter().take(lane).flatten();
                let crosses = below.clone().any(|text| within(*text, x));
                let above = flags.iter().filter(|flag: &&Flag| flag.lane > lane);
                let crossed = above.clone().any(|flag| within((from, to), flag.x));
                !touched && !crosses && !crossed
            });
            match free {
                Some(lane) => {
                    if let Some(boxes) = lanes.get_mut(lane) {
                        boxes.push((from, to));
                    }
                    flags.push(Flag { x, lane, from, text });
                }
                None => left_out.push(format!("{point}: {text}.")),
            }
        }
        flags.reverse();
        for text in left_out {
            sheet.note(text);
        }
        let n_lanes = flags.iter().map(|flag| flag.lane + 1).max().unwrap_or(0);
        let height = if n_lanes > 0 { n_lanes as f64 * LANE + 4.0 } else { 0.0 };
        Self { all: flags, height, n_lanes }
    }

    /// Draws them from a top on, each with a line down to the bottom of the drawing.
    pub(super) fn draw(&self, sheet: &mut Sheet<'_>, top: f64, bottom: f64) {
        if self.all.is_empty() {
            return;
        }
        let color = LIGHT.axis;
        sheet.pen.group("class=\"annotations\"", |pen| {
            for flag in &self.all {
                let y = top + (self.n_lanes - 1 - flag.lane) as f64 * LANE;
                let x = flag.x.floor() + 0.5;
                let attributes =
                    format!("class=\"zero\" stroke=\"{color}\" stroke-dasharray=\"1 3\"");
                pen.line((x, y + LANE), (x, bottom), &attributes);
                pen.text(flag.from, y + 11.0, Anchor::Start, Look::MUTED, &flag.text);
            }
        });
    }
}
