//! Keys: which mark belongs to which series, where marks have no room for their names.

use domain::answer::{Role, Series};

use super::color::{LIGHT, hue};
use super::pen::{Anchor, Look, Pen, n};
use super::sheet::{Main, Sheet};
use super::text::{fit, width};

/// What stands before a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Swatch {
    Fill,
    Line,
    Shape,
}

const SIZE: f64 = 12.0;

impl Sheet<'_> {
    /// Draws the keys of series in rows from a top on, and of target and period before where the
    /// chart has them; returns where they end. One series alone needs no key.
    pub(super) fn legend(&mut self, main: &[Main<'_>], swatch: Swatch, top: f64) -> f64 {
        let outline = |role| move |(at, series)| (at, series, role);
        let others: Vec<(usize, &Series, Role)> = [Role::Target, Role::Previous]
            .into_iter()
            .filter_map(|role| self.role(role).map(outline(role)))
            .collect();
        if main.len() + others.len() < 2 {
            return top;
        }
        let room = self.width;
        let (mut x, mut y) = (0.0, top);
        let mut place = |name: &str| {
            let name = fit(name, SIZE, false, room - 24.0);
            let wide = 18.0 + width(&name, SIZE, false);
            if x > 0.0 && x + wide > room {
                x = 0.0;
                y += 20.0;
            }
            let at = (x, y + 8.0);
            x += wide + 18.0;
            (at, name)
        };
        for one in main {
            let ((x, y), name) = place(&one.series.name);
            let (class, color) = hue(one.rank);
            let group = format!("class=\"key {class}\" data-series=\"{}\"", one.index);
            self.pen.group(&group, |pen| {
                match swatch {
                    Swatch::Fill => pen.rect(
                        x,
                        y - 5.0,
                        11.0,
                        11.0,
                        &format!("class=\"mark\" rx=\"2\" fill=\"{color}\""),
                    ),
                    Swatch::Line => pen.line(
                        (x, y),
                        (x + 12.0, y),
                        &format!("class=\"trace\" stroke=\"{color}\" stroke-width=\"2.5\""),
                    ),
                    Swatch::Shape => pen.path(
                        &shape(one.rank, (x + 6.0, y), 5.0),
                        &format!("class=\"mark\" fill=\"{color}\""),
                    ),
                }
                pen.text(x + 18.0, y + 4.0, Anchor::Start, Look::NAME, &name);
            });
        }
        for (index, series, role) in others {
            let ((x, y), name) = place(&series.name);
            self.pen.group(&format!("class=\"key\" data-series=\"{index}\""), |pen| {
                if role == Role::Target {
                    target_tick(pen, x + 6.0, y - 6.0, y + 6.0);
                } else {
                    pen.rect(x + 0.5, y - 4.5, 11.0, 10.0, &outline_attributes());
                }
                pen.text(x + 18.0, y + 4.0, Anchor::Start, Look::NAME, &name);
            });
        }
        y + 26.0
    }
}

/// Attributes of the outline of the period before.
pub(super) fn outline_attributes() -> String {
    format!("class=\"previous\" rx=\"2\" fill=\"none\" stroke=\"{}\"", LIGHT.axis)
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
