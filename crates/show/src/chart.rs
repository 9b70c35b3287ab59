//! Small charts made of letters: bars, lines of blocks, ranges.
//!
//! Every chart has its numbers beside it, so that nobody has to measure a bar. Bars start at zero;
//! the series of one chart share one scale. Without Unicode, `#` and digits of height take the
//! place of blocks.

use domain::answer::{Chart, ChartForm};

use crate::number::point;
use crate::table::{Content, Grid, Kind, Line, Part, wrap};
use crate::text::Style;
use crate::visible::visible;

/// Points of a line beyond this number are not written beside it, only the first and the last.
const POINTS_WRITTEN: usize = 12;
const BAR_MOST: usize = 40;
const BAR_LEAST: usize = 8;

/// Draws a chart without its title.
pub fn lines(chart: &Chart, style: &Style) -> Vec<Line> {
    if chart.points.is_empty() || chart.series.is_empty() {
        return vec![Line { text: "no data".to_owned(), part: Part::Body }];
    }
    match chart.form {
        ChartForm::Bars => bars(chart, style),
        ChartForm::Stacked | ChartForm::Line => sparks(chart, style),
        ChartForm::Dumbbell => ranges(chart, style),
    }
}

/// Draws a value as one block for each point; `None` as a dot.
///
/// Heights share the scale from the lower of zero and `low` to `high`.
pub fn spark(values: &[Option<f64>], low: f64, high: f64, unicode: bool) -> String {
    let blocks: [char; 8] = if unicode {
        ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        ['_', '.', ':', '-', '=', '+', '*', '#']
    };
    let gap = if unicode { '·' } else { ' ' };
    let low = low.min(0.0);
    let drawn = values.iter().map(|value| match value {
        Some(x) if x.is_finite() && high > low => {
            let step = ((x - low) / (high - low) * 7.0).round();
            blocks
                .iter()
                .enumerate()
                .find(|(at, _)| *at as f64 >= step)
                .map_or('█', |(_, block)| *block)
        }
        Some(x) if x.is_finite() => blocks.first().copied().unwrap_or('_'),
        _ => gap,
    });
    drawn.collect()
}

/// Draws a bar of at most `width` letters for a value between 0 and `most`; any value but zero is
/// seen. A value below zero has a bar of another pattern.
pub fn bar(x: f64, most: f64, width: usize, unicode: bool) -> String {
    if !x.is_finite() || x == 0.0 || most <= 0.0 {
        return String::new();
    }
    let eighths = (x.abs() / most * (width * 8) as f64).round().max(1.0);
    let full = (0..width).take_while(|at| ((at + 1) * 8) as f64 <= eighths).count();
    let rest = eighths - (full * 8) as f64;
    match (unicode, x < 0.0) {
        (true, false) => {
            let parts = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
            let part =
                parts.iter().enumerate().find(|(at, _)| (at + 1) as f64 >= rest && rest > 0.0);
            "█".repeat(full) + &part.map(|(_, part)| part.to_string()).unwrap_or_default()
        }
        (true, true) => "░".repeat(full.max(1)),
        (false, false) => "#".repeat(full.max(1)),
        (false, true) => "-".repeat(full.max(1)),
    }
}

fn extent(chart: &Chart) -> (f64, f64) {
    let values = chart.series.iter().flat_map(|series| series.values.iter().flatten().copied());
    let finite = values.filter(|x| x.is_finite());
    finite.fold((0.0, 0.0), |(low, high), x| (x.min(low), x.max(high)))
}

fn written(value: Option<f64>, chart: &Chart, style: &Style) -> Content {
    let text = value.and_then(|x| point(x, &chart.unit));
    Content::same(text.unwrap_or_else(|| style.dash().to_owned()))
}

fn name(text: &str) -> Content {
    Content::same(visible(text))
}

fn shown(chart: &Chart, style: &Style) -> usize {
    if style.full { chart.points.len() } else { chart.points.len().min(crate::text::ROWS_SHOWN) }
}

fn bars(chart: &Chart, style: &Style) -> Vec<Line> {
    let (low, high) = extent(chart);
    let most = high.max(-low);
    let several = chart.series.len() > 1;
    let grid = |width: usize| {
        let mut grid = Grid::bare();
        grid.column("", Kind::Words);
        if several {
            grid.column("", Kind::Words);
        }
        grid.column("", Kind::Numbers);
        if width > 0 {
            grid.column("", Kind::Drawing);
        }
        for (at, label) in chart.points.iter().enumerate().take(shown(chart, style)) {
            for (nth, series) in chart.series.iter().enumerate() {
                let x = series.values.get(at).copied().flatten();
                let mut row = vec![if nth == 0 { name(label) } else { Content::default() }];
                if several {
                    row.push(name(&series.name));
                }
                row.push(written(x, chart, style));
                row.push(Content::same(bar(x.unwrap_or(0.0), most, width, style.unicode)));
                grid.row(row);
            }
        }
        grid
    };
    let mut lines = widest(grid, style);
    more(&mut lines, chart, style);
    lines
}

fn sparks(chart: &Chart, style: &Style) -> Vec<Line> {
    let (low, high) = extent(chart);
    let last = chart.points.len().saturating_sub(1);
    let grid = |at: &[usize]| {
        let mut grid = Grid::bare();
        grid.column("", Kind::Words);
        grid.column("", if last < POINTS_WRITTEN { Kind::Drawing } else { Kind::Words });
        for &at in at {
            grid.column(
                chart.points.get(at).map(|label| visible(label)).unwrap_or_default(),
                Kind::Numbers,
            );
        }
        for series in &chart.series {
            let values: Vec<Option<f64>> =
                (0..=last).map(|at| series.values.get(at).copied().flatten()).collect();
            let mut row = vec![name(&series.name)];
            row.push(Content::same(spark(&values, low, high, style.unicode)));
            row.extend(
                at.iter().map(|&at| written(values.get(at).copied().flatten(), chart, style)),
            );
            grid.row(row);
        }
        grid
    };
    let all: Vec<usize> = (0..=last).collect();
    let ends = if last == 0 { vec![0] } else { vec![0, last] };
    let every =
        if last < POINTS_WRITTEN { grid(&all).columns(style.width, style.unicode) } else { None };
    every.unwrap_or_else(|| grid(&ends).lines(style.width, style.unicode))
}

fn ranges(chart: &Chart, style: &Style) -> Vec<Line> {
    let (low, high) = extent(chart);
    let grid = |width: usize| {
        let mut grid = Grid::bare();
        grid.column("", Kind::Words);
        grid.column("Lowest", Kind::Numbers);
        if width > 0 {
            grid.column("", Kind::Drawing);
        }
        grid.column("Highest", Kind::Numbers);
        for (at, label) in chart.points.iter().enumerate().take(shown(chart, style)) {
            let values: Vec<f64> = chart
                .series
                .iter()
                .filter_map(|series| series.values.get(at).copied().flatten())
                .filter(|x| x.is_finite())
                .collect();
            let least = values.iter().copied().reduce(f64::min);
            let most = values.iter().copied().reduce(f64::max);
            let mut row = vec![name(label), written(least, chart, style)];
            if width > 0 {
                row.push(Content::same(track(&values, low, high, width, style.unicode)));
            }
            row.push(written(most, chart, style));
            grid.row(row);
        }
        grid
    };
    let mut lines = widest(grid, style);
    more(&mut lines, chart, style);
    let names: Vec<_> = chart.series.iter().map(|series| visible(&series.name)).collect();
    let note = format!("Each mark is one of: {}.", names.join(", "));
    lines.extend(wrap(&note, style.width).into_iter().map(|text| Line { text, part: Part::Head }));
    lines
}

/// Draws with the widest drawing that fits; rather a narrower one than wrapped words, and at last
/// none.
fn widest(grid: impl Fn(usize) -> Grid, style: &Style) -> Vec<Line> {
    let widths = || (BAR_LEAST..=BAR_MOST).rev().step_by(4);
    widths()
        .find_map(|width| grid(width).unwrapped(style.width, style.unicode))
        .or_else(|| widths().find_map(|width| grid(width).columns(style.width, style.unicode)))
        .unwrap_or_else(|| grid(0).lines(style.width, style.unicode))
}

/// Draws marks on a line from `low` to `high`.
fn track(values: &[f64], low: f64, high: f64, width: usize, unicode: bool) -> String {
    let (mark, line) = if unicode { ('●', '─') } else { ('o', '-') };
    let step = (high - low) / (width.max(2) - 1) as f64;
    let near = |at: usize, x: f64| ((x - low) / step - at as f64).abs() <= 0.5;
    let from = values.iter().copied().reduce(f64::min).unwrap_or(high);
    let to = values.iter().copied().reduce(f64::max).unwrap_or(low);
    let drawn = (0..width).map(|at| {
        let here = low + at as f64 * step;
        if values.iter().any(|&x| near(at, x)) {
            mark
        } else if from < here && here < to {
            line
        } else {
            ' '
        }
    });
    drawn.collect::<String>()
}

fn more(lines: &mut Vec<Line>, chart: &Chart, style: &Style) {
    let left = chart.points.len() - shown(chart, style);
    if left > 0 {
        lines.push(Line { text: style.more(left), part: Part::Head });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_bars_follow_the_values() {
        let values = [Some(0.0), Some(5.0), None, Some(10.0)];
        assert_eq!(spark(&values, 0.0, 10.0, true), "▁▅·█");
        assert_eq!(spark(&values, 0.0, 10.0, false), "_= #");
        assert_eq!(spark(&[Some(0.0), Some(f64::NAN)], 0.0, 0.0, true), "▁·");
        assert_eq!(bar(10.0, 10.0, 4, true), "████");
        assert_eq!(bar(5.3, 10.0, 4, true), "██▏");
        assert_eq!(bar(0.001, 10.0, 4, true), "▏");
        assert_eq!(bar(0.0, 10.0, 4, true), "");
        assert_eq!(bar(-5.0, 10.0, 4, true), "░░");
        assert_eq!(bar(-5.0, 10.0, 4, false), "--");
        assert_eq!(track(&[0.0, 5.0, 10.0], 0.0, 10.0, 11, true), "●────●────●");
        assert_eq!(track(&[5.0], 0.0, 10.0, 5, false), "  o  ");
    }
}
