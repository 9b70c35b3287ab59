//! Keys: which mark belongs to which series, where marks have no room for their names.

use domain::answer::Role;

use super::color::{LIGHT, hue};
use super::pen::{Anchor, Look, Pen, n};
use super::sheet::{Main, Sheet};
use super::text::{fit, width};

/// What stands before a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Swatch {
    Fill,
    /// A line, with its dashes.
    Line(&'static str),
    /// The shape of a rank.
    Shape(usize),
    /// The tick of a target.
    Tick,
    /// The outline of the period before.
    Outline,
}

/// A name and what stands before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    /// The place of the series in the chart; none for a key of several.
    pub(super) index: Option<usize>,
    pub(super) name: &'a str,
    pub(super) class: &'a str,
    pub(super) color: &'a str,
    pub(super) swatch: Swatch,
}

const SIZE: f64 = 12.0;
const OTHER: &str = "series-other";

impl Sheet<'_> {
    /// Draws the keys of series in rows from a top on, and of target and period before where the
    /// chart has them; returns where they end.
    pub(super) fn legend(
        &mut self,
        main: &[Main<'_>],
        swatch: impl Fn(usize) -> Swatch,
        top: f64,
    ) -> f64 {
        let hues: Vec<(String, &str)> = main.iter().map(|one| hue(one.rank)).collect();
        let mut keys: Vec<Key<'_>> = main
            .iter()
            .zip(&hues)
            .map(|(one, (class, color))| Key {
                index: Some(one.index),
                name: &one.series.name,
                class,
                color,
                swatch: swatch(one.rank),
            })
            .collect();
        let others = [(Role::Target, Swatch::Tick), (Role::Previous, Swatch::Outline)];
        for (role, swatch) in others {
            if let Some((index, series)) = self.role(role) {
                keys.push(Key {
                    index: Some(index),
                    name: &series.name,
                    class: "",
                    color: "",
                    swatch,
                });
            }
        }
        self.keys(&keys, top)
    }

    /// Draws keys in rows from a top on and returns where they end. One alone needs none.
    pub(super) fn keys(&mut self, keys: &[Key<'_>], top: f64) -> f64 {
        if keys.len() < 2 {
            return top;
        }
        // Grey ones share a key; a note names them.
        let grey = |key: &&Key<'_>| key.class == OTHER;
        let n_grey = keys.iter().filter(grey).count();
        let others = format!("{n_grey} others");
        let mut shown: Vec<Key<'_>> = keys.iter().filter(|key| !grey(key)).copied().collect();
        if let Some(first) = keys.iter().find(grey) {
            shown.push(if n_grey == 1 {
                *first
            } else {
                Key { index: None, name: &others, ..*first }
            });
        }
        let room = self.width;
        let (mut left, mut row) = (0.0, top);
        for key in &shown {
            let name = fit(key.name, SIZE, false, room - 24.0);
            let wide = 18.0 + width(&name, SIZE, false);
            if left > 0.0 && left + wide > room {
                left = 0.0;
                row += 20.0;
            }
            let (x, y) = (left, row + 8.0);
            left += wide + 18.0;
            let space = if key.class.is_empty() { "" } else { " " };
            let series = key.index.map(|index| format!(" data-series=\"{index}\""));
            let group = format!("class=\"key{space}{}\"{}", key.class, series.unwrap_or_default());
            self.pen.group(&group, |pen| {
                swatch(pen, key, x, y);
                pen.text(x + 18.0, y + 4.0, Anchor::Start, Look::NAME, &name);
            });
        }
        row + 28.0
    }
}

fn swatch(pen: &mut Pen, key: &Key<'_>, x: f64, y: f64) {
    let color = key.color;
    match key.swatch {
        Swatch::Fill => {
            let attributes = format!("class=\"mark\" rx=\"2\" fill=\"{color}\"");
            pen.rect(x, y - 5.0, 11.0, 11.0, &attributes);
        }
        Swatch::Line(dash) => {
            let dash = if dash.is_empty() { "" } else { " stroke-dasharray=\"4 2\"" };
            let attributes =
                format!("class=\"trace\" stroke=\"{color}\" stroke-width=\"2.5\"{dash}");
            pen.line((x, y), (x + 13.0, y), &attributes);
        }
        Swatch::Shape(rank) => {
            let attributes = format!("class=\"mark\" fill=\"{color}\"");
            pen.path(&shape(rank, (x + 6.0, y), 5.0), &attributes);
        }
        Swatch::Tick => target_tick(pen, x + 6.0, y - 6.0, y + 6.0),
        Swatch::Outline => pen.rect(x + 0.5, y - 4.5, 11.0, 10.0, &outline_attributes()),
    }
}

/// Attributes of the outline of the period before.
pub(super) fn outline_attributes() -> String {
    format!("class=\"previous\" rx=\"2\" fill=\"none\" stroke=\"{}\"", LIGHT.muted)
}

/// Draws the upright tick of a target.
pub(super) fn target_tick(pen: &mut Pen, x: f64, top: f64, bottom: f64) {
    let ink = LIGHT.ink;
    let attributes = format!("class=\"target\" stroke=\"{ink}\" stroke-width=\"2\"");
    pen.line((x, top), (x, bottom), &attributes);
}

/// The path of the shape of a rank around a center: circle, square, diamond, triangles, cross.
pub(super) fn shape(rank: usize, (x, y): (f64, f64), r: f64) -> String {
    let corners = |corners: &[(f64, f64)]| {
        let points = corners.iter().map(|(dx, dy)| format!("{} {}", n(x + dx * r), n(y + dy * r)));
        format!("M{}Z", points.collect::<Vec<_>>().join("L"))
    };
    match rank {
        1 => corners(&[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]),
        2 => corners(&[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)]),
        3 => corners(&[(0.0, -1.1), (1.1, 0.8), (-1.1, 0.8)]),
        4 => corners(&[(0.0, 1.1), (-1.1, -0.8), (1.1, -0.8)]),
        5 => corners(&[
            (-0.4, -1.0),
            (0.4, -1.0),
            (0.4, -0.4),
            (1.0, -0.4),
            (1.0, 0.4),
            (0.4, 0.4),
            (0.4, 1.0),
            (-0.4, 1.0),
            (-0.4, 0.4),
            (-1.0, 0.4),
            (-1.0, -0.4),
            (-0.4, -0.4),
        ]),
        _ => {
            let (left, right, r) = (n(x - r), n(x + r), n(r));
            let y = n(y);
            format!("M{left} {y}A{r} {r} 0 1 1 {right} {y}A{r} {r} 0 1 1 {left} {y}Z")
        }
    }
}
