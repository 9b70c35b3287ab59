//! A line as high as text: how a figure went up to now, with its last value marked.

use domain::answer::Trend;

use super::Canvas;
use super::color::LIGHT;
use super::finding::course;
use super::pen::{Pen, escaped, n, trail};
use super::scale::{MOST, Scale, extent};
use crate::visible::visible;

const HIGH: f64 = 32.0;

/// Draws the course of a figure. The title is a sentence with its first, lowest, highest and last
/// value in the unit of the figure, a currency code for money.
pub fn sparkline(trend: &Trend, unit: &str, canvas: &Canvas<'_>) -> String {
    let width = if canvas.width.is_finite() { canvas.width.clamp(40.0, 600.0) } else { 120.0 };
    let value = |at: usize| {
        trend.values.get(at).copied().flatten().filter(|x| x.is_finite() && x.abs() < MOST)
    };
    let n_points = trend.points.len();
    let known: Vec<(String, f64)> = (0..n_points)
        .filter_map(|at| Some((visible(trend.points.get(at)?).into_owned(), value(at)?)))
        .collect();
    let said = course(&known, unit);
    let mut pen = Pen::default();
    if let Some((low, high)) = extent(known.iter().map(|(_, x)| *x)) {
        // A flat line lies in the middle.
        let flat = high - low <= 1e-9 * high.abs().max(1e-9);
        let ends = if flat { (low - 1.0, high + 1.0) } else { (low, high) };
        let scale = Scale::linear(ends, HIGH - 5.0, 5.0);
        let across =
            Scale::linear((0.0, n_points.saturating_sub(1).max(1) as f64), 3.0, width - 5.0);
        let x_of = |at: usize| if n_points == 1 { width - 5.0 } else { across.at(at as f64) };
        let points: Vec<Option<(f64, f64)>> =
            (0..n_points).map(|at| Some((x_of(at), scale.at(value(at)?)))).collect();
        let attributes = format!(
            "class=\"spark-line\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" \
             stroke-linejoin=\"round\" stroke-linecap=\"round\"",
            LIGHT.axis
        );
        pen.path(&trail(&points), &attributes);
        let lone = |at: &usize| {
            let near = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
            near.filter_map(|next| points.get(next)).all(Option::is_none)
        };
        let alone = (0..n_points).filter(lone).filter_map(|at| points.get(at).copied().flatten());
        for point in alone {
            pen.circle(point, 1.5, &format!("class=\"spark-dot\" fill=\"{}\"", LIGHT.axis));
        }
        if let Some(point) = points.last().copied().flatten() {
            let [color, ..] = LIGHT.series;
            pen.circle(point, 3.0, &format!("class=\"spark-now\" fill=\"{color}\""));
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"spark\" width=\"{w}\" height=\"{h}\" \
         viewBox=\"0 0 {w} {h}\" role=\"img\" aria-labelledby=\"{id}-spark\">\
         <title id=\"{id}-spark\">{said}</title>{body}</svg>",
        w = n(width),
        h = n(HIGH),
        id = canvas.prefix(),
        said = escaped(&said),
        body = pen.body()
    )
}
