//! The range of several values for each point: a line from the lowest to the highest, with a mark
//! of its own shape for each series, and both ends written out.

use super::color::{HUES, LIGHT};
use super::legend::{Swatch, shape};
use super::pen::{Anchor, Look, haloed};
use super::scale::{Scale, extent};
use super::sheet::{Main, Sheet};
use super::text::{fit, width};
use super::write;

const MOST: usize = 40;

pub(super) fn draw(sheet: &mut Sheet<'_>) -> f64 {
    let chart = sheet.chart;
    let main = sheet.measured();
    let n_rows = chart.points.len().min(MOST);
    if n_rows < chart.points.len() {
        sheet.note(format!("{} more are in the table.", chart.points.len() - n_rows));
    }
    let mut y = sheet.legend(&main, Swatch::Shape, 0.0);
    let range_of = |at: usize| extent(main.iter().filter_map(|one| one.series.value(at)));
    let ranges: Vec<Option<(f64, f64)>> = (0..n_rows).map(range_of).collect();
    let reach = extent(ranges.iter().flatten().flat_map(|(low, high)| [*low, *high]).chain([0.0]));
    let text = |x: f64| write::value(x, &chart.unit);
    let wide = |pick: fn((f64, f64)) -> f64| {
        let texts = ranges.iter().flatten().map(|range| width(&text(pick(*range)), 11.0, false));
        texts.fold(0.0, f64::max) + 12.0
    };
    let (low_room, high_room) = (wide(|range| range.0), wide(|range| range.1));
    let narrow = sheet.narrow();
    let names = chart.points.iter().take(n_rows).map(|name| width(name, 12.0, false));
    let named = if narrow { 0.0 } else { names.fold(0.0, f64::max).min(sheet.width * 0.3) + 14.0 };
    let left = named + low_room + 4.0;
    let scale = Scale::linear(reach.unwrap_or((0.0, 1.0)), left, sheet.width - high_room - 6.0);
    let start = y;
    let high = if narrow { 42.0 } else { 30.0 };
    let zero = scale.at(0.0).floor() + 0.5;
    let end = start + n_rows as f64 * high;
    let zero_line = format!("class=\"grid\" stroke=\"{}\"", LIGHT.grid);
    if !narrow {
        sheet.pen.line((zero, start), (zero, end - 4.0), &zero_line);
    }
    for (at, range) in ranges.iter().enumerate() {
        let name = chart.points.get(at).map_or("", String::as_str);
        let middle = if narrow { y + 27.0 } else { y + high / 2.0 };
        if narrow {
            let name = fit(name, 12.0, false, sheet.width);
            sheet.pen.text(0.0, y + 12.0, Anchor::Start, Look::NAME, &name);
        } else {
            let name = fit(name, 12.0, false, named - 14.0);
            sheet.pen.text(named - 14.0, middle + 4.0, Anchor::End, Look::NAME, &name);
        }
        if narrow {
            sheet.pen.line((zero, y + 18.0), (zero, y + 36.0), &zero_line);
        }
        y += high;
        let Some((low, most)) = range else {
            sheet.pen.text(left, middle + 4.0, Anchor::Start, Look::MUTED, "–");
            continue;
        };
        let (from, to) = (scale.at(*low), scale.at(*most));
        let attributes = format!(
            "class=\"span\" stroke=\"{}\" stroke-width=\"3\" stroke-linecap=\"round\"",
            LIGHT.grid
        );
        sheet.pen.line((from, middle), (to, middle), &attributes);
        sheet.pen.group(&haloed(), |pen| {
            pen.text(from - 10.0, middle + 4.0, Anchor::End, Look::MUTED, &text(*low));
            if most > low {
                pen.text(to + 10.0, middle + 4.0, Anchor::Start, Look::MUTED, &text(*most));
            }
        });
        // Grey ones are small and below the others.
        let (hued, grey): (Vec<&Main<'_>>, _) = main.iter().partition(|one| one.rank < HUES);
        for one in grey.into_iter().chain(hued) {
            let Some(x) = one.series.value(at) else { continue };
            let place = (scale.at(x), middle);
            let path = shape(one.rank, place, if one.rank < HUES { 5.2 } else { 3.2 });
            let paper = LIGHT.paper;
            sheet.pen.raw(&format!("<g {}>", one.attributes("fill")));
            sheet.mark(one.index, at, |pen| {
                pen.path(&path, &format!("class=\"mark halo\" stroke=\"{paper}\""));
            });
            sheet.pen.raw("</g>");
        }
    }
    end
}
