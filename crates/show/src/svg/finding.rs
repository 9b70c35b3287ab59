//! What a chart says, in words: the finding, and the numbers that carry it.

use domain::answer::{Chart, ChartForm, Mark, Role, Series};

use super::write::{signed, value};
use crate::visible::visible;

/// Names beyond these are not said one by one.
const SAID_MOST: usize = 4;

/// Says what a chart shows: its title, and the numbers that carry it.
pub fn finding(chart: &Chart) -> String {
    let chart = &super::cleaned(chart);
    let title = visible(&chart.title);
    let numbers = numbers(chart);
    let end = if title.ends_with(['.', '!', '?']) || title.is_empty() { "" } else { "." };
    format!("{title}{end} {numbers}").trim().to_owned()
}

/// The numbers that carry the finding.
pub(super) fn numbers(chart: &Chart) -> String {
    let mut said: Vec<String> = match chart.form {
        ChartForm::Line | ChartForm::Stacked => over_time(chart),
        ChartForm::Waterfall => steps(chart),
        ChartForm::Funnel => funnel(chart),
        ChartForm::Dumbbell => ranges(chart),
        ChartForm::HeatMap => cells(chart),
        ChartForm::Scatter => scatter(chart),
        ChartForm::Dots => strips(chart),
        ChartForm::Bars => bars(chart),
    };
    said.extend(chart.annotations.iter().map(|said| format!("{}: {}.", said.point, said.text)));
    if said.is_empty() {
        return "There are no values for this period.".to_owned();
    }
    said.join(" ")
}

fn name(chart: &Chart, at: usize) -> &str {
    chart.points.get(at).map_or("", String::as_str)
}

fn known(chart: &Chart, series: &Series) -> Vec<(String, f64)> {
    let all = chart.points.iter().enumerate();
    all.filter_map(|(at, point)| Some((point.clone(), series.value(at)?))).collect()
}

/// Says how values went over time: from where to where, with the lowest and the highest.
pub(super) fn course(known: &[(String, f64)], unit: &str) -> String {
    let (Some((from, first)), Some((to, last))) = (known.first(), known.last()) else {
        return "No values.".to_owned();
    };
    if known.len() == 1 {
        return format!("{} in {to}.", value(*last, unit));
    }
    let by = |a: &&(String, f64), b: &&(String, f64)| a.1.total_cmp(&b.1);
    let mut said =
        format!("From {} in {from} to {} in {to}", value(*first, unit), value(*last, unit));
    let (low, high) = (known.iter().min_by(by), known.iter().max_by(by));
    if let (Some((low_at, low)), Some((high_at, high))) = (low, high) {
        if *high > first.max(*last) {
            said += &format!(", highest {} in {high_at}", value(*high, unit));
        }
        if *low < first.min(*last) {
            said += &format!(", lowest {} in {low_at}", value(*low, unit));
        }
    }
    said + "."
}

fn over_time(chart: &Chart) -> Vec<String> {
    let mut said = Vec::new();
    for series in &chart.series {
        let known = known(chart, series);
        if known.is_empty() {
            continue;
        }
        let unit = chart.unit_of(series);
        let course = course(&known, unit);
        said.push(format!("{}: {}", series.name, lower(&course)));
        let last = (0..chart.points.len()).rev();
        for range in &series.ranges {
            if let Some((at, (low, high))) = last.clone().find_map(|at| Some((at, range.ends(at)?)))
            {
                let level = value(range.level, "share");
                let (low, high) = (value(low, unit), value(high, unit));
                said.push(format!("{level} range in {}: {low} to {high}.", name(chart, at)));
            }
        }
    }
    said
}

fn lower(text: &str) -> String {
    text.strip_prefix("From").map_or_else(|| text.to_owned(), |rest| format!("from{rest}"))
}

/// The highest points of a series, and the lowest.
fn extremes(chart: &Chart, series: &Series) -> String {
    let unit = chart.unit_of(series);
    let mut known = known(chart, series);
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    let each = |all: &[(String, f64)]| {
        let each = all.iter().map(|(point, x)| format!("{point} {}", value(*x, unit)));
        each.collect::<Vec<_>>().join(", ")
    };
    match known.split_last() {
        Some((last, before)) if before.len() >= SAID_MOST => {
            let top = before.get(..SAID_MOST - 1).unwrap_or(before);
            format!("{}; lowest: {}", each(top), each(std::slice::from_ref(last)))
        }
        _ => each(&known),
    }
}

fn bars(chart: &Chart) -> Vec<String> {
    let with_values = chart.series.iter().map(|series| (series, extremes(chart, series)));
    with_values
        .filter(|(_, said)| !said.is_empty())
        .map(|(series, said)| {
            if series.name.is_empty() {
                format!("{said}.")
            } else {
                format!("{}: {said}.", series.name)
            }
        })
        .collect()
}

fn steps(chart: &Chart) -> Vec<String> {
    let Some(series) = chart.role(Role::Measured).next() else { return Vec::new() };
    let said = (0..chart.points.len()).filter_map(|at| {
        let x = series.value(at)?;
        let total = series.mark(at) == Mark::Total;
        let text = if total { value(x, &chart.unit) } else { signed(x, &chart.unit) };
        Some(format!("{} {text}", name(chart, at)))
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { said } else { vec![said.join(", ") + "."] }
}

fn funnel(chart: &Chart) -> Vec<String> {
    let Some(series) = chart.role(Role::Measured).next() else { return Vec::new() };
    let of = |role: Role, at: usize| {
        let series = chart.role(role).next()?;
        Some(value(series.value(at)?, chart.unit_of(series)))
    };
    let said = (0..chart.points.len()).filter_map(|at| {
        let x = value(series.value(at)?, chart.unit_of(series));
        let part = chart.role(Role::Conversion).next();
        let part = part.map_or_else(String::new, |series| super::funnel::lower(&series.name));
        let share = of(Role::Conversion, at).map(|share| format!("{share} {part}"));
        let days = of(Role::Days, at).map(|days| format!("{days} median"));
        let more: Vec<String> = share.into_iter().chain(days).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
        Some(format!("{} {x}{more}", name(chart, at)))
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { said } else { vec![said.join(", ") + "."] }
}

fn ranges(chart: &Chart) -> Vec<String> {
    let mut rows: Vec<(f64, String)> = Vec::new();
    for at in 0..chart.points.len() {
        let values = chart.role(Role::Measured).filter_map(|s| Some((s.value(at)?, &s.name)));
        let mut values: Vec<(f64, &String)> = values.collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        if let (Some((low, least)), Some((high, most))) = (values.first(), values.last()) {
            let (from, to) = (value(*low, &chart.unit), value(*high, &chart.unit));
            let said = if low < high {
                format!("{}: {from} ({least}) to {to} ({most}).", name(chart, at))
            } else {
                format!("{}: {from} in every series.", name(chart, at))
            };
            rows.push((high - low, said));
        }
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let left = rows.len().saturating_sub(SAID_MOST);
    let mut said: Vec<String> = rows.into_iter().take(SAID_MOST).map(|(_, said)| said).collect();
    if left > 0 {
        said.push(format!("{left} more with smaller ranges."));
    }
    said
}

fn cells(chart: &Chart) -> Vec<String> {
    let all = chart.series.iter().flat_map(|series| {
        let unit = chart.unit_of(series);
        (0..chart.points.len()).filter_map(move |at| {
            let text =
                format!("{}, {}: {}", series.name, name(chart, at), value(series.value(at)?, unit));
            Some((series.value(at)?, text, series.mark(at) == Mark::Unfinished))
        })
    });
    let all: Vec<(f64, String, bool)> = all.collect();
    let by = |a: &&(f64, String, bool), b: &&(f64, String, bool)| a.0.total_cmp(&b.0);
    let finished = || all.iter().filter(|(_, _, open)| !open);
    let mut said = Vec::new();
    if let Some((_, text, _)) = finished().max_by(by) {
        said.push(format!("Highest: {text}."));
    }
    if let Some((_, text, _)) = finished().min_by(by) {
        said.push(format!("Lowest: {text}."));
    }
    let open = all.iter().filter(|(_, _, open)| *open).count();
    if open > 0 {
        said.push(format!("{open} cells are not yet complete."));
    }
    said
}

fn scatter(chart: &Chart) -> Vec<String> {
    let (across, up) = (chart.role(Role::Across).next(), chart.role(Role::Measured).next());
    let (Some(across), Some(up)) = (across, up) else { return Vec::new() };
    let both = (0..chart.points.len())
        .filter_map(|at| Some((at, across.value(at)?, up.value(at)?)))
        .collect::<Vec<_>>();
    let mut both = both;
    both.sort_by(|a, b| b.2.total_cmp(&a.2));
    let (x_unit, y_unit) = (chart.unit_of(across), chart.unit_of(up));
    let each = both.iter().take(SAID_MOST).map(|(at, x, y)| {
        let (x, y) = (value(*x, x_unit), value(*y, y_unit));
        format!("{}: {} {x}, {} {y}.", name(chart, *at), across.name, up.name)
    });
    let mut said: Vec<String> = each.collect();
    let left = both.len().saturating_sub(SAID_MOST);
    if left > 0 {
        said.push(format!("{left} more lie lower."));
    }
    said
}

fn strips(chart: &Chart) -> Vec<String> {
    let each = chart.role(Role::Measured).filter_map(|series| {
        let mut known = known(chart, series);
        known.sort_by(|a, b| a.1.total_cmp(&b.1));
        let unit = chart.unit_of(series);
        let (low, high) = (known.first()?, known.last()?);
        Some(format!(
            "{}: {}, from {} to {} ({}).",
            series.name,
            known.len(),
            value(low.1, unit),
            value(high.1, unit),
            high.0
        ))
    });
    each.collect()
}
