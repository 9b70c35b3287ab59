//! Charts in a page: the drawing twice, for wide and narrow screens, and its numbers as a table.

use domain::Answer;
use domain::answer::{Chart, Figure};

use super::around::Links;
use super::view::{minus, with_unit};
use crate::number;
use crate::svg::{self, Canvas};

/// Widths of the drawings, in pixels: for pages and paper, and for telephones.
const WIDE: f64 = 760.0;
const NARROW: f64 = 340.0;
const SPARK: f64 = 150.0;

/// A chart as the templates want it.
pub(super) struct ChartView {
    pub(super) anchor: String,
    pub(super) title: String,
    /// The drawing for wide screens and for paper; our own markup.
    pub(super) wide: String,
    /// The drawing for narrow screens.
    pub(super) narrow: String,
    /// Heading of the points, and names of the series.
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<PointView>,
}

/// The numbers of a point.
pub(super) struct PointView {
    pub(super) label: String,
    pub(super) cells: Vec<NumberView>,
}

pub(super) struct NumberView {
    pub(super) text: String,
    pub(super) href: String,
}

/// Draws a chart of an answer.
pub(super) fn chart(chart: &Chart, answer: &Answer, links: &Links<'_>, prefix: &str) -> ChartView {
    let link = |figure: &str| {
        let address = links.rows(answer.question, figure);
        (!address.is_empty()).then_some(address)
    };
    let anchor = format!("{prefix}chart-{}", chart.id);
    let drawn = |width: f64, id: &str| {
        svg::chart(chart, &Canvas { width, link: &link, id: &format!("{id}-{anchor}") })
    };
    let head = chart.series.iter().map(|series| series.name.clone()).collect();
    let rows = chart.points.iter().enumerate().map(|(at, label)| PointView {
        label: label.clone(),
        cells: chart
            .series
            .iter()
            .map(|series| NumberView {
                text: series
                    .value(at)
                    .and_then(|x| number::point(x, chart.unit_of(series)))
                    .map_or_else(|| "–".to_owned(), |text| minus(&text)),
                href: series
                    .open(at)
                    .map(|figure| links.rows(answer.question, figure))
                    .unwrap_or_default(),
            })
            .collect(),
    });
    ChartView {
        title: with_unit(&chart.title, &chart.unit),
        wide: drawn(WIDE, "w"),
        narrow: drawn(NARROW, "n"),
        head,
        rows: rows.collect(),
        anchor,
    }
}

/// Draws the small line of a figure; empty where it has no past. `id` is unique in the page.
pub(super) fn spark(figure: &Figure, id: &str) -> String {
    let Some(trend) = figure.trend.as_ref().filter(|trend| trend.points.len() > 1) else {
        return String::new();
    };
    let canvas = Canvas { width: SPARK, link: &|_| None, id };
    svg::sparkline(trend, figure.value.unit(), &canvas)
}
