//! Figures as the pack writes them: the few that lead, large; all of them as a table.

use domain::answer::{Figure, Interval};
use domain::{Answer, Value};
use krilla::tagging::Tag;
use show::html::{minus, sentence};
use show::number::{self, Form, Scale};
use show::visible::visible;

use crate::Link;
use crate::sheet::{Color, GREY, INK, Node, SIDE, Sheet, To};
use crate::table::{Cell, Grid, Row};
use crate::text::Face;

/// Figures that are shown large, and how many stand side by side.
const LEADING: usize = 6;
const ACROSS: usize = 3;
/// White between two of them.
const GAP: f32 = 18.0;
/// The width of the line that shows how a figure went.
const SPARK: f32 = 54.0;

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

    /// Writes a value in both forms; money of another currency than the one asked for carries its
    /// code.
    pub(crate) fn value(&mut self, value: &Value, scale: Scale, answer: &Answer) -> Cell {
        let code = match value {
            Value::Money(money) if money.currency != answer.asked.currency => {
                format!("{} ", money.currency)
            }
            _ => String::new(),
        };
        let forms =
            (number::value(value, scale, Form::Long), number::value(value, scale, Form::Short));
        if let (Some(long), Some(short)) = forms {
            let (long, short) = (code.clone() + &minus(&long), code + &minus(&short));
            return Cell { long, short, ..Cell::default() };
        }
        let reason = number::missing(value).unwrap_or_else(|| "there is no value".to_owned());
        Cell::same(self.mark(reason))
    }
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

/// Lays out the leading figures side by side, in two rows where they are many.
pub(crate) fn leading(
    sheet: &mut Sheet<'_>,
    parent: Node,
    answer: &Answer,
    link: Option<Link<'_>>,
    reasons: &mut Reasons,
    accent: Color,
) {
    let lead = show::html::leading(answer, LEADING);
    let figures: Vec<&Figure> = lead.iter().filter_map(|at| answer.figures.get(*at)).collect();
    let n_rows = figures.len().div_ceil(ACROSS).max(1);
    let across = figures.len().div_ceil(n_rows).max(2);
    let width = (sheet.measure() - GAP * (across - 1) as f32) / across as f32;
    for row in figures.chunks(across) {
        let (top, mut bottom) = (sheet.y, sheet.y);
        for (at, figure) in row.iter().enumerate() {
            sheet.y = top;
            let x = SIDE + at as f32 * (width + GAP);
            one(sheet, parent, (x, width), (answer, figure), link, reasons, accent);
            bottom = bottom.max(sheet.y);
        }
        sheet.y = bottom + 10.0;
    }
}

/// Lays out one figure: its name, its value with how it went, and what it is compared with.
fn one(
    sheet: &mut Sheet<'_>,
    parent: Node,
    (x, width): (f32, f32),
    (answer, figure): (&Answer, &Figure),
    link: Option<Link<'_>>,
    reasons: &mut Reasons,
    accent: Color,
) {
    let fonts = sheet.fonts;
    let node = sheet.tag(Some(parent), Tag::P);
    let top = sheet.y;
    sheet.rule(x, top, x + width, 0.7, INK);
    // The whole name stands in the appendix.
    let label = visible(&figure.label);
    if let Some(line) = fonts.clip(Face::Regular, 8.5, &label, width, 1).0.pop() {
        sheet.text(node, x, top + 12.5, line, GREY);
    }
    let base = top + 33.0;
    let cell = reasons.value(&figure.value, scale(figure), answer);
    let code = match &figure.value {
        Value::Money(money) if money.currency == answer.asked.currency => {
            format!("{} ", money.currency_code())
        }
        _ => String::new(),
    };
    let code = fonts.line(Face::Regular, 9.0, &code);
    let trend = trend(figure);
    let room = width - code.width - trend.as_ref().map_or(0.0, |_| SPARK + 8.0);
    let line = [18.0, 16.0, 14.0, 12.0, 10.0, 8.0]
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
    sheet.y = base + 3.0;
    for Beside { text, color } in beside(figure, answer, reasons) {
        sheet.y += 11.0;
        let y = sheet.y;
        if let Some(line) = fonts.clip(Face::Regular, 8.0, &text, width, 1).0.pop() {
            sheet.text(node, x, y, line, color);
        }
    }
    if let Some(values) = trend {
        let says = format!("{} over the last {} periods", figure.label, values.len());
        let node = sheet.tag(Some(parent), Tag::Figure(Some(says)));
        let points = points(&values, x + width - SPARK, base - 13.0, SPARK - 2.0, 14.0);
        sheet.stroke(node, points, accent);
    }
    sheet.y += 4.0;
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
    if let Some(reason) = number::missing(&figure.value) {
        found.push(Beside { text: sentence(&visible(&reason)), color: GREY });
    }
    if let Some(range) = &figure.interval
        && let Some(text) = number::range(range, &figure.value, scale, true)
    {
        found.push(Beside { text: format!("{} {}", level(range), minus(&text)), color: GREY });
    }
    if let Some(target) = &figure.target {
        let cell = reasons.value(target, scale, answer);
        let (part, word) =
            number::standing(&figure.value, target, &answer.asked).unwrap_or_default();
        let text = match word {
            "" => format!("target {}", cell.short),
            _ => format!("{word}: {part} of {}", cell.short),
        };
        found.push(Beside { text, color: INK });
    }
    if let Some(before) = &figure.previous {
        let cell = reasons.value(before, scale, answer);
        let label = visible(&answer.asked.previous.label).into_owned();
        let change = number::change(&figure.value, before);
        let change = change.map_or_else(String::new, |change| format!(", {}", minus(&change)));
        found.push(Beside { text: format!("{label}: {}{change}", cell.short), color: GREY });
    }
    if let Some(before) = &figure.year_ago {
        let cell = reasons.value(before, scale, answer);
        let change = number::change(&figure.value, before);
        let change = change.map_or_else(String::new, |change| format!(", {}", minus(&change)));
        found.push(Beside { text: format!("year ago: {}{change}", cell.short), color: GREY });
    }
    found
}

/// All figures with what they are compared with, as a table.
pub(crate) fn all(answer: &Answer, link: Option<Link<'_>>, reasons: &mut Reasons) -> Grid {
    let before = visible(&answer.asked.previous.label).into_owned();
    let before = if before.chars().count() <= 12 { before } else { "Period before".to_owned() };
    let headings =
        ["Figure", "Value", "Range", &before, "Change", "Year ago", "Target", "Standing"];
    let mut grid = Grid {
        title: format!("All figures ({})", answer.asked.currency),
        headings: headings.iter().map(|&heading| heading.to_owned()).collect(),
        ..Grid::default()
    };
    for figure in &answer.figures {
        let scale = scale(figure);
        let mut write = |value: Option<&Value>| {
            value.map_or_else(Cell::default, |value| reasons.value(value, scale, answer))
        };
        let mut value = write(Some(&figure.value));
        value.link = address(figure, answer, link);
        let (previous, year_ago, target) = (
            write(figure.previous.as_ref()),
            write(figure.year_ago.as_ref()),
            write(figure.target.as_ref()),
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
                Cell::same(minus(&range.unwrap_or_default())),
                previous,
                Cell::same(minus(&change.unwrap_or_default())),
                year_ago,
                target,
                Cell::same(standing),
            ],
        });
    }
    grid.drop_empty();
    grid
}
