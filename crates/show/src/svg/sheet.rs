//! What a form draws on: the chart, the pen, and the notes that are still to be said.

use domain::answer::{Chart, Role, Series};

use super::color::{HUES, hue};
use super::pen::{Anchor, Look, Pen, escaped};
use super::text::wrap;
use super::{Canvas, WIDE, write};

/// The name of the series of what is not known.
const UNKNOWN: &str = "Unknown";

/// A series that is drawn as marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Main<'a> {
    /// Its place in the chart.
    pub(super) index: usize,
    /// Its place among those that are drawn, which gives it its hue and its shape.
    pub(super) rank: usize,
    pub(super) series: &'a Series,
}

impl Main<'_> {
    /// Attributes of a group that holds the marks of the series.
    pub(super) fn attributes(&self, paint: &str) -> String {
        let (class, color) = hue(self.rank);
        format!("class=\"series {class}\" data-series=\"{}\" {paint}=\"{color}\"", self.index)
    }
}

/// A chart on its way to become a drawing.
pub(super) struct Sheet<'a> {
    pub(super) chart: &'a Chart,
    pub(super) width: f64,
    pub(super) id: String,
    pub(super) pen: Pen,
    canvas: &'a Canvas<'a>,
    notes: Vec<String>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(chart: &'a Chart, canvas: &'a Canvas<'a>) -> Self {
        let width =
            if canvas.width.is_finite() { canvas.width.clamp(240.0, 2_000.0) } else { 720.0 };
        let id = canvas.prefix();
        Self { chart, width, id, pen: Pen::default(), canvas, notes: Vec::new() }
    }

    /// True where names stand above their marks rather than beside them.
    pub(super) fn narrow(&self) -> bool {
        self.width < WIDE
    }

    /// True where there is no value at all.
    pub(super) fn empty(&self) -> bool {
        let points = 0..self.chart.points.len();
        !self.chart.series.iter().any(|series| points.clone().any(|at| series.value(at).is_some()))
    }

    /// Says that there is nothing to draw.
    pub(super) fn say_nothing(&mut self) -> f64 {
        let width = self.width;
        let attributes = "class=\"empty\" rx=\"4\" fill=\"none\" stroke=\"#e4e7ec\"";
        self.pen.rect(0.5, 0.5, width - 1.0, 63.0, attributes);
        let look = Look { size: 12.0, ..Look::MUTED };
        self.pen.text(width / 2.0, 36.0, Anchor::Middle, look, "No values for this period");
        64.0
    }

    /// The measured series in the unit of the chart; what has another unit is said to be left out.
    pub(super) fn measured(&mut self) -> Vec<Main<'a>> {
        let chart = self.chart;
        let of = |role: Role| {
            let all = chart.series.iter().enumerate();
            all.filter(move |(_, series)| series.role == role)
        };
        let (own, foreign): (Vec<_>, Vec<_>) =
            of(Role::Measured).partition(|(_, series)| chart.unit_of(series) == chart.unit);
        if !foreign.is_empty() {
            let names: Vec<&str> = foreign.iter().map(|(_, series)| series.name.as_str()).collect();
            self.note(format!("In the table only: {}.", names.join(", ")));
        }
        if own.len() > HUES {
            let grey = own.iter().skip(HUES).map(|(_, series)| series.name.as_str());
            self.note(format!("Grey: {}.", grey.collect::<Vec<_>>().join(", ")));
        }
        let ranked = own.into_iter().enumerate();
        let main = |(rank, (index, series)): (usize, (usize, &'a Series))| {
            // What is unknown has no hue of its own.
            let rank = if series.name == UNKNOWN { HUES + rank } else { rank };
            Main { index, rank, series }
        };
        ranked.map(main).collect()
    }

    /// The first series with a role, and its place in the chart.
    pub(super) fn role(&self, role: Role) -> Option<(usize, &'a Series)> {
        self.chart.series.iter().enumerate().find(|(_, series)| series.role == role)
    }

    /// What a mark says: `Webinar, won: $1.2M`.
    pub(super) fn said(&self, series: &Series, at: usize) -> String {
        let point = self.chart.points.get(at).map_or("", String::as_str);
        let unit = self.chart.unit_of(series);
        let value =
            series.value(at).map_or_else(|| "no value".to_owned(), |x| write::value(x, unit));
        let mut said = match (point.is_empty(), series.name.is_empty()) {
            (true, true) => value,
            (false, true) => format!("{point}: {value}"),
            (true, false) => format!("{}: {value}", series.name),
            (false, false) => format!("{point}, {}: {value}", series.name),
        };
        for range in &series.ranges {
            if let Some((low, high)) = range.ends(at) {
                let (low, high) = (write::value(low, unit), write::value(high, unit));
                said += &format!(", {} range {low} to {high}", write::value(range.level, "share"));
            }
        }
        said
    }

    /// Draws a mark with its name; as a link where it opens rows.
    pub(super) fn mark(&mut self, index: usize, at: usize, draw: impl FnOnce(&mut Pen)) {
        let Some(series) = self.chart.series.get(index) else { return };
        let said = self.said(series, at);
        self.mark_said(index, at, &said, draw);
    }

    /// The same with words of its own.
    pub(super) fn mark_said(
        &mut self,
        index: usize,
        at: usize,
        said: &str,
        draw: impl FnOnce(&mut Pen),
    ) {
        let opens = self.chart.series.get(index).and_then(|series| series.open(at));
        let link = opens.and_then(self.canvas.link);
        let said = escaped(said);
        let data = format!("class=\"point\" data-series=\"{index}\" data-point=\"{at}\"");
        match &link {
            Some(link) => {
                self.pen.write(format_args!("<a {data} href=\"{}\">", escaped(link)));
            }
            None => self.pen.write(format_args!("<g {data}>")),
        }
        self.pen.write(format_args!("<title>{said}</title>"));
        draw(&mut self.pen);
        self.pen.raw(if link.is_some() { "</a>" } else { "</g>" });
    }

    /// Draws a stretch over all series at a point, for a pointer to rest on.
    pub(super) fn slice(&mut self, at: usize, x: (f64, f64), y: (f64, f64), center: f64) {
        let point = self.chart.points.get(at).map_or("", String::as_str);
        let unit = |series: &Series| self.chart.unit_of(series).to_owned();
        let values: Vec<String> = self
            .chart
            .series
            .iter()
            .filter_map(|s| Some(format!("{} {}", s.name, write::value(s.value(at)?, &unit(s)))))
            .collect();
        if values.is_empty() {
            return;
        }
        let said = format!("{point}: {}", values.join("; "));
        let said = escaped(&said);
        self.pen.write(format_args!(
            "<g class=\"slice\" data-point=\"{at}\" data-x=\"{}\"><title>{said}</title>",
            super::pen::n(center)
        ));
        self.pen.rect(x.0, y.0, x.1 - x.0, y.1 - y.0, "fill=\"none\" pointer-events=\"all\"");
        self.pen.raw("</g>");
    }

    /// Adds a sentence below the drawing.
    pub(super) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Writes the notes and returns where they end.
    pub(super) fn write_notes(&mut self, bottom: f64) -> f64 {
        let text = std::mem::take(&mut self.notes).join(" ");
        let mut y = bottom;
        for line in wrap(&text, Look::MUTED.size, self.width, 4) {
            y += 16.0;
            self.pen.text(0.0, y - 1.0, Anchor::Start, Look::MUTED, &line);
        }
        if y > bottom { y + 4.0 } else { y }
    }
}
