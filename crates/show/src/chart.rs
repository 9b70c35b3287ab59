//! Small charts made of letters: bars, lines of blocks, ranges, steps.
//!
//! Every chart has its numbers beside it, so that nobody has to measure a bar. Bars start at zero;
//! the series of one chart that have its unit share one scale. Without Unicode, `#` and digits of
//! height take the place of blocks.

use domain::answer::{Chart, ChartForm, Mark, Range, Role, Series};

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
        ChartForm::Waterfall => steps(chart, style),
        ChartForm::Funnel => funnel(chart, style),
        ChartForm::HeatMap => cells(chart, style),
        ChartForm::Scatter => values(chart, style),
        ChartForm::Dots => strips(chart, style),
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

/// The lowest and the highest value in the unit of the chart, and zero.
fn extent(chart: &Chart) -> (f64, f64) {
    let own = chart.series.iter().filter(|series| chart.unit_of(series) == chart.unit);
    let values = own.flat_map(|series| series.values.iter().flatten().copied());
    let finite = values.filter(|x| x.is_finite());
    finite.fold((0.0, 0.0), |(low, high), x| (x.min(low), x.max(high)))
}

fn written(value: Option<f64>, unit: &str, style: &Style) -> Content {
    let text = value.and_then(|x| point(x, unit));
    Content::same(text.unwrap_or_else(|| style.dash().to_owned()))
}

/// A range as text; empty where there is none.
fn between(range: &Range, at: usize, unit: &str) -> String {
    let ends = range.ends(at).and_then(|(low, high)| Some((point(low, unit)?, point(high, unit)?)));
    ends.map(|(low, high)| format!("{low} to {high}")).unwrap_or_default()
}

fn level(range: &Range) -> String {
    point(range.level, "share").unwrap_or_default() + " range"
}

fn note(lines: &mut Vec<Line>, text: &str, style: &Style) {
    lines.extend(wrap(text, style.width).into_iter().map(|text| Line { text, part: Part::Head }));
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
    let ranged = chart.series.iter().find_map(|series| series.ranges.first());
    let grid = |width: usize| {
        let mut grid = Grid::bare();
        grid.column("", Kind::Words);
        if several {
            grid.column("", Kind::Words);
        }
        grid.column("", Kind::Numbers);
        if let Some(range) = ranged {
            grid.column(level(range), Kind::Numbers);
        }
        if width > 0 {
            grid.column("", Kind::Drawing);
        }
        for (at, label) in chart.points.iter().enumerate().take(shown(chart, style)) {
            for (nth, series) in chart.series.iter().enumerate() {
                let x = series.values.get(at).copied().flatten();
                let unit = chart.unit_of(series);
                let mut row = vec![if nth == 0 { name(label) } else { Content::default() }];
                if several {
                    row.push(name(&series.name));
                }
                row.push(written(x, unit, style));
                if ranged.is_some() {
                    let range = series.ranges.first();
                    row.push(Content::same(
                        range.map_or_else(String::new, |r| between(r, at, unit)),
                    ));
                }
                let drawn = if unit == chart.unit { x.unwrap_or(0.0) } else { 0.0 };
                row.push(Content::same(bar(drawn, most, width, style.unicode)));
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
            let unit = chart.unit_of(series);
            let mut row = vec![name(&series.name)];
            row.push(Content::same(if unit == chart.unit {
                spark(&values, low, high, style.unicode)
            } else {
                String::new()
            }));
            row.extend(
                at.iter().map(|&at| written(values.get(at).copied().flatten(), unit, style)),
            );
            grid.row(row);
        }
        grid
    };
    let all: Vec<usize> = (0..=last).collect();
    let ends = if last == 0 { vec![0] } else { vec![0, last] };
    let every =
        if last < POINTS_WRITTEN { grid(&all).columns(style.width, style.unicode) } else { None };
    let mut lines = every.unwrap_or_else(|| grid(&ends).lines(style.width, style.unicode));
    for series in &chart.series {
        for range in &series.ranges {
            let last = (0..=last).rev().find(|&at| range.ends(at).is_some());
            let Some((at, label)) = last.and_then(|at| Some((at, chart.points.get(at)?))) else {
                continue;
            };
            let ends = between(range, at, chart.unit_of(series));
            let (name, label) = (visible(&series.name), visible(label));
            note(&mut lines, &format!("{name}, {} in {label}: {ends}.", level(range)), style);
        }
    }
    for said in &chart.annotations {
        note(&mut lines, &format!("{}: {}.", visible(&said.point), visible(&said.text)), style);
    }
    lines
}

/// The steps of a waterfall: each with its sign and where it leads.
fn steps(chart: &Chart, style: &Style) -> Vec<Line> {
    let nothing = Series::new("", Vec::new());
    let series = chart.role(Role::Measured).next().unwrap_or(&nothing);
    let others: Vec<&Series> =
        chart.series.iter().filter(|other| !std::ptr::eq(series, *other)).collect();
    let mut total = 0.0;
    let spans: Vec<(f64, f64, bool)> = (0..chart.points.len())
        .map(|at| {
            let x = series.value(at).unwrap_or(0.0);
            let whole = series.mark(at) == Mark::Total;
            let from = if whole { 0.0 } else { total };
            total = from + x;
            (from, total, whole)
        })
        .collect();
    let reached = || spans.iter().flat_map(|&(from, to, _)| [from, to]).filter(|x| x.is_finite());
    let (low, high) = (reached().fold(0.0, f64::min), reached().fold(0.0, f64::max));
    let grid = |width: usize| {
        let mut grid = Grid::bare();
        grid.column("", Kind::Words);
        grid.column("", Kind::Numbers);
        grid.column("Total", Kind::Numbers);
        for other in &others {
            grid.column(visible(&other.name), Kind::Numbers);
        }
        if width > 0 {
            grid.column("", Kind::Drawing);
        }
        for (at, (label, &(from, to, whole))) in
            chart.points.iter().zip(&spans).enumerate().take(shown(chart, style))
        {
            let x = series.value(at);
            let step = x.and_then(|x| Some(plus(x) + &point(x, &chart.unit)?));
            let step = step
                .filter(|_| !whole)
                .unwrap_or_else(|| if whole { String::new() } else { style.dash().to_owned() });
            let drawn = span(from, to, low, high, width, whole, style.unicode);
            let mut row =
                vec![name(label), Content::same(step), written(Some(to), &chart.unit, style)];
            row.extend(
                others.iter().map(|other| written(other.value(at), chart.unit_of(other), style)),
            );
            row.push(Content::same(drawn));
            grid.row(row);
        }
        grid
    };
    let mut lines = widest(grid, style);
    more(&mut lines, chart, style);
    lines
}

fn plus(x: f64) -> String {
    if x > 0.0 { "+" } else { "" }.to_owned()
}

/// Draws a stretch of a line from `low` to `high`: totals full, gains and losses by pattern.
fn span(a: f64, b: f64, low: f64, high: f64, width: usize, whole: bool, unicode: bool) -> String {
    let step = (high - low) / width.max(1) as f64;
    if !step.is_finite() || step <= 0.0 || !a.is_finite() || !b.is_finite() {
        return String::new();
    }
    let mark = match (whole, b < a, unicode) {
        (true, _, true) => '█',
        (true, _, false) => '#',
        (_, false, true) => '▓',
        (_, false, false) => '+',
        (_, true, true) => '░',
        (_, true, false) => '-',
    };
    let (from, to) = ((a.min(b) - low) / step, (a.max(b) - low) / step);
    let first = (0..width).find(|&at| at as f64 + 0.5 > from).unwrap_or(width.saturating_sub(1));
    let count = (first..width).take_while(|&at| (at as f64) + 0.5 < to).count();
    // A step that moves anything is seen.
    let count = if to > from { count.max(1) } else { 0 };
    " ".repeat(first) + &mark.to_string().repeat(count)
}

/// The steps of a funnel: how many, what share went on, in how many days.
fn funnel(chart: &Chart, style: &Style) -> Vec<Line> {
    let (_, most) = extent(chart);
    let main = chart.role(Role::Measured).next();
    let others: Vec<&Series> = chart
        .series
        .iter()
        .filter(|series| !main.is_some_and(|main| std::ptr::eq(main, *series)))
        .collect();
    let grid = |width: usize| {
        let mut grid = Grid::bare();
        grid.column("", Kind::Words);
        grid.column("", Kind::Numbers);
        if width > 0 {
            grid.column("", Kind::Drawing);
        }
        for series in &others {
            grid.column(visible(&series.name), Kind::Numbers);
        }
        for (at, label) in chart.points.iter().enumerate().take(shown(chart, style)) {
            let x = main.and_then(|series| series.value(at));
            let mut row = vec![name(label), written(x, &chart.unit, style)];
            if width > 0 {
                let drawn = bar(x.unwrap_or(0.0), most, width, style.unicode);
                row.push(Content::same(drawn));
            }
            row.extend(
                others.iter().map(|other| written(other.value(at), chart.unit_of(other), style)),
            );
            grid.row(row);
        }
        grid
    };
    let mut lines = widest(grid, style);
    more(&mut lines, chart, style);
    lines
}

/// The numbers of a heat map: a row for each series.
fn cells(chart: &Chart, style: &Style) -> Vec<Line> {
    let mut grid = Grid::bare();
    grid.column("", Kind::Words);
    for label in &chart.points {
        grid.column(visible(label), Kind::Numbers);
    }
    let mut open = false;
    for series in &chart.series {
        let mut row = vec![name(&series.name)];
        for at in 0..chart.points.len() {
            let mut cell = written(series.value(at), chart.unit_of(series), style);
            if series.value(at).is_some() && series.mark(at) == Mark::Unfinished {
                open = true;
                cell.long.push('*');
                cell.short.push('*');
            }
            row.push(cell);
        }
        grid.row(row);
    }
    let mut lines = grid.lines(style.width, style.unicode);
    if open {
        note(&mut lines, "* More may still come.", style);
    }
    lines
}

/// The values of every series for each point, as a table.
fn values(chart: &Chart, style: &Style) -> Vec<Line> {
    let mut grid = Grid::bare();
    grid.column("", Kind::Words);
    for series in &chart.series {
        grid.column(visible(&series.name), Kind::Numbers);
    }
    for (at, label) in chart.points.iter().enumerate().take(shown(chart, style)) {
        let mut row = vec![name(label)];
        row.extend(chart.series.iter().map(|s| written(s.value(at), chart.unit_of(s), style)));
        grid.row(row);
    }
    let mut lines = grid.lines(style.width, style.unicode);
    more(&mut lines, chart, style);
    lines
}

/// A strip of dots for each series.
fn strips(chart: &Chart, style: &Style) -> Vec<Line> {
    let (low, high) = extent(chart);
    let grid = |width: usize| {
        let mut grid = Grid::bare();
        grid.column("", Kind::Words);
        grid.column("Dots", Kind::Numbers);
        grid.column("Lowest", Kind::Numbers);
        if width > 0 {
            grid.column("", Kind::Drawing);
        }
        grid.column("Highest", Kind::Numbers);
        for series in &chart.series {
            let values: Vec<f64> =
                (0..chart.points.len()).filter_map(|at| series.value(at)).collect();
            let unit = chart.unit_of(series);
            let dots = written(Some(values.len() as f64), "count", style);
            let least = written(values.iter().copied().reduce(f64::min), unit, style);
            let mut row = vec![name(&series.name), dots, least];
            if width > 0 {
                let drawn = dotted(&values, low, high, width, style.unicode);
                row.push(Content::same(drawn));
            }
            row.push(written(values.iter().copied().reduce(f64::max), unit, style));
            grid.row(row);
        }
        grid
    };
    widest(grid, style)
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
            let mut row = vec![name(label), written(least, &chart.unit, style)];
            if width > 0 {
                row.push(Content::same(track(&values, low, high, width, style.unicode)));
            }
            row.push(written(most, &chart.unit, style));
            grid.row(row);
        }
        grid
    };
    let mut lines = widest(grid, style);
    more(&mut lines, chart, style);
    let names: Vec<_> = chart.series.iter().map(|series| visible(&series.name)).collect();
    note(&mut lines, &format!("Each mark is one of: {}.", names.join(", ")), style);
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
    along(values, low, high, width, if unicode { ('●', '─') } else { ('o', '-') })
}

/// Draws marks without a line.
fn dotted(values: &[f64], low: f64, high: f64, width: usize, unicode: bool) -> String {
    along(values, low, high, width, (if unicode { '●' } else { 'o' }, ' '))
}

fn along(values: &[f64], low: f64, high: f64, width: usize, (mark, line): (char, char)) -> String {
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
