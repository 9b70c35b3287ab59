//! Figures as the pack writes them: the few that lead, large; all of them as a table.

use domain::answer::{Figure, Interval};
use domain::{Answer, Value};
use krilla::tagging::Tag;
use show::number::{self, Form, Scale};
use show::visible::visible;

use crate::Link;
use crate::sheet::{Color, GREY, INK, Node, SIDE, Sheet, To};
use crate::table::{Cell, Grid, Row};
use crate::text::Face;

/// Figures that are shown large.
pub(crate) const LEADING: usize = 4;
/// White between two of them.
const GAP: f32 = 16.0;

/// Reasons why values are missing, numbered in the order in which they are met.
#[derive(Default)]
pub(crate) struct Reasons {
    pub(crate) all: Vec<String>,
}

impl Reasons {
    fn mark(&mut self, reason: String) -> String {
        let at = self.all.iter().position(|known| *known == reason).unwrap_or_else(|| {
            self.all.push(reason);
            self.all.len() - 1
        });
        format!("– [{}]", at + 1)
    }

    /// Writes a value in both forms; money of another currency than the one asked for always
    /// carries its code.
    pub(crate) fn value(
        &mut self,
        value: &Value,
        scale: Scale,
        answer: &Answer,
        code: bool,
    ) -> Cell {
        let code = match value {
            Value::Money(money) if code || money.currency != answer.asked.currency => {
                format!("{} ", money.currency)
            }
            _ => String::new(),
        };
        let forms =
            (number::value(value, scale, Form::Long), number::value(value, scale, Form::Short));
        if let (Some(long), Some(short)) = forms {
            return Cell { long: code.clone() + &long, short: code + &short, link: None };
        }
        let reason = number::missing(value).unwrap_or_else(|| "there is no value".to_owned());
        Cell::same(self.mark(reason))
    }
}

/// The figures that are shown large, the same as on the page: four, or two rows where that is all.
fn lead(answer: &Answer) -> Vec<usize> {
    let all = answer.figures.len() <= 2 * LEADING;
    show::html::leading(answer, if all { 2 * LEADING } else { LEADING })
}

/// What stands below a leading figure.
struct Beside {
    text: String,
    color: Color,
}

fn scale(figure: &Figure) -> Scale {
    let beside = [&figure.previous, &figure.year_ago, &figure.target];
    Scale::of(beside.into_iter().flatten().chain([&figure.value]))
}

fn level(range: &Interval) -> String {
    number::number((range.level * 1000.0).round() / 10.0, 0)
        .map_or_else(|| "range".to_owned(), |percent| format!("{percent}% range"))
}

/// Lays out the leading figures side by side.
pub(crate) fn leading(
    sheet: &mut Sheet<'_>,
    parent: Node,
    answer: &Answer,
    link: Option<Link<'_>>,
    reasons: &mut Reasons,
    accent: Color,
) {
    let lead = lead(answer);
    let figures = answer.figures.iter().enumerate().filter(|(at, _)| lead.contains(at));
    let figures: Vec<&Figure> = figures.map(|(_, figure)| figure).collect();
    for row in figures.chunks(LEADING) {
        one_row(sheet, parent, answer, row, link, reasons, accent);
    }
}

fn one_row(
    sheet: &mut Sheet<'_>,
    parent: Node,
    answer: &Answer,
    figures: &[&Figure],
    link: Option<Link<'_>>,
    reasons: &mut Reasons,
    accent: Color,
) {
    let fonts = sheet.fonts;
    let n = LEADING as f32;
    let width = (sheet.measure() - GAP * (n - 1.0)) / n;
    let labels: Vec<_> = figures
        .iter()
        .map(|figure| fonts.wrap(Face::Regular, 8.5, &visible(&figure.label), width))
        .collect();
    let beside: Vec<Vec<_>> = figures
        .iter()
        .map(|figure| {
            beside(figure, answer, reasons)
                .into_iter()
                .flat_map(|one| {
                    let lines = fonts.wrap(Face::Regular, 8.0, &one.text, width);
                    lines.into_iter().map(move |line| (line, one.color))
                })
                .collect()
        })
        .collect();
    let label_height = labels.iter().map(Vec::len).max().unwrap_or(1) as f32 * 11.0;
    let most = beside.iter().map(Vec::len).max().unwrap_or(0) as f32 * 11.0;
    let spark = figures.iter().any(|figure| trend(figure).is_some());
    let spark_height = if spark { 26.0 } else { 0.0 };
    let height = label_height + 28.0 + most + spark_height + 14.0;
    sheet.need(height);
    let top = sheet.y;
    for (at, ((figure, label), beside)) in figures.iter().zip(labels).zip(beside).enumerate() {
        let x = SIDE + at as f32 * (width + GAP);
        let node = sheet.tag(Some(parent), Tag::P);
        sheet.rule(x, top, x + width, 0.7, INK);
        for (number, line) in label.into_iter().enumerate() {
            sheet.text(node, x, top + 12.0 + number as f32 * 11.0, line, GREY);
        }
        let base = top + label_height + 26.0;
        let cell = reasons.value(&figure.value, scale(figure), answer, false);
        let code = match &figure.value {
            Value::Money(money) => format!("{} ", money.currency_code()),
            _ => String::new(),
        };
        let code = if cell.short.starts_with(&code) { String::new() } else { code };
        let code = fonts.line(Face::Regular, 9.0, &code);
        let sizes = [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0];
        let room = width - code.width;
        let line = sizes
            .into_iter()
            .map(|size| fonts.line(Face::Semibold, size, &cell.short))
            .find(|line| line.width <= room)
            .unwrap_or_else(|| fonts.line(Face::Semibold, 6.0, &cell.short));
        let address = address(figure, answer, link);
        let value = if address.is_some() { sheet.tag(Some(node), Tag::Link) } else { node };
        let (wide, whole) = (code.width, code.width + line.width);
        if wide > 0.0 {
            sheet.text(value, x, base, code, GREY);
        }
        sheet.text(value, x + wide, base, line, INK);
        if let Some(address) = address {
            let rect = (x, base - 18.0, whole, 22.0);
            sheet.link(value, rect, To::Address(address), &format!("rows of {}", figure.label));
        }
        let mut y = base + 14.0;
        for (line, color) in beside {
            sheet.text(node, x, y, line, color);
            y += 11.0;
        }
        if let Some(values) = trend(figure) {
            let says = format!("{} over the last {} periods", figure.label, values.len());
            let node = sheet.tag(Some(parent), Tag::Figure(Some(says)));
            let (top, high) = (base + 14.0 + most - 4.0, 18.0);
            let points = points(&values, x + 1.0, top, width - 4.0, high);
            sheet.stroke(node, points, accent);
        }
    }
    sheet.y = top + height;
}

/// Where the rows of a figure are shown; `None` for one without rows.
fn address(figure: &Figure, answer: &Answer, link: Option<Link<'_>>) -> Option<String> {
    figure.evidence.as_ref()?;
    link.and_then(|link| link(answer, &figure.id))
}

/// The same figure in the periods up to this one; `None` where fewer than three are known.
fn trend(figure: &Figure) -> Option<Vec<f64>> {
    let values: Vec<f64> = figure.trend.as_ref()?.values.iter().flatten().copied().collect();
    (values.len() >= 3 && values.iter().all(|value| value.is_finite())).then_some(values)
}

fn points(values: &[f64], x: f32, y: f32, width: f32, height: f32) -> Vec<(f32, f32)> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = if high > low { high - low } else { 1.0 };
    let step = width / (values.len().max(2) - 1) as f32;
    let place = |(at, value): (usize, &f64)| {
        #[expect(clippy::cast_possible_truncation, reason = "a place on paper")]
        let part = ((value - low) / span) as f32;
        (x + at as f32 * step, y + height * (1.0 - part))
    };
    values.iter().enumerate().map(place).collect()
}

fn beside(figure: &Figure, answer: &Answer, reasons: &mut Reasons) -> Vec<Beside> {
    let scale = scale(figure);
    let mut found = Vec::new();
    if let Some(range) = &figure.interval
        && let Some(text) = number::range(range, &figure.value, scale, true)
    {
        found.push(Beside { text: format!("{} {text}", level(range)), color: GREY });
    }
    if let Some(target) = &figure.target {
        let cell = reasons.value(target, scale, answer, false);
        let (part, word) =
            number::standing(&figure.value, target, &answer.asked).unwrap_or_default();
        let text = match word {
            "" => format!("target {}", cell.short),
            _ => format!("{word}: {part} of {}", cell.short),
        };
        found.push(Beside { text, color: INK });
    }
    if let Some(before) = &figure.previous {
        let cell = reasons.value(before, scale, answer, false);
        let label = visible(&answer.asked.previous.label).into_owned();
        let change = number::change(&figure.value, before);
        let change = change.map_or_else(String::new, |change| format!(", {change}"));
        found.push(Beside { text: format!("{label}: {}{change}", cell.short), color: GREY });
    }
    if let Some(before) = &figure.year_ago {
        let cell = reasons.value(before, scale, answer, false);
        let change = number::change(&figure.value, before);
        let change = change.map_or_else(String::new, |change| format!(", {change}"));
        found.push(Beside { text: format!("year ago: {}{change}", cell.short), color: GREY });
    }
    found
}

/// The figures that do not lead, with what they are compared with.
pub(crate) fn further(answer: &Answer, link: Option<Link<'_>>, reasons: &mut Reasons) -> Grid {
    let before = visible(&answer.asked.previous.label).into_owned();
    let before = if before.chars().count() <= 12 { before } else { "Period before".to_owned() };
    let headings =
        ["Figure", "Value", "Range", &before, "Change", "Year ago", "Target", "Standing"];
    let mut grid = Grid {
        title: "Further figures".to_owned(),
        headings: headings.iter().map(|&heading| heading.to_owned()).collect(),
        rows: Vec::new(),
    };
    let lead = lead(answer);
    let figures = answer.figures.iter().enumerate().filter(|(at, _)| !lead.contains(at));
    for (_, figure) in figures {
        let scale = scale(figure);
        let mut write = |value: Option<&Value>, code: bool| {
            value.map_or_else(Cell::default, |value| reasons.value(value, scale, answer, code))
        };
        let mut value = write(Some(&figure.value), true);
        value.link = address(figure, answer, link);
        let (previous, year_ago, target) = (
            write(figure.previous.as_ref(), false),
            write(figure.year_ago.as_ref(), false),
            write(figure.target.as_ref(), false),
        );
        let range = figure.interval.as_ref();
        let range = range.and_then(|range| number::range(range, &figure.value, scale, true));
        let change = figure.previous.as_ref().and_then(|p| number::change(&figure.value, p));
        let against =
            figure.target.as_ref().and_then(|t| number::standing(&figure.value, t, &answer.asked));
        let standing = against.map(|(part, word)| format!("{part}, {word}")).unwrap_or_default();
        grid.rows.push(Row {
            strong: false,
            cells: vec![
                Cell::same(visible(&figure.label)),
                value,
                Cell::same(range.unwrap_or_default()),
                previous,
                Cell::same(change.unwrap_or_default()),
                year_ago,
                target,
                Cell::same(standing),
            ],
        });
    }
    grid.drop_empty();
    grid
}
