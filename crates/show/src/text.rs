//! An answer for a terminal: headline, what was asked, figures, charts, tables, notes.
//!
//! No line is wider than [`Style::width`] (40 at least), nothing is cut off, and no meaning hangs
//! on colour. Money is rounded for reading; files carry the exact amounts.

use domain::answer::{Figure, Table, TableRow};
use domain::definition::check::model_name;
use domain::{Answer, Cell, Column, Frame, Value};
use unicode_width::UnicodeWidthStr;

use crate::chart;
use crate::number::{self, Form, Scale};
use crate::table::{Content, Grid, Kind, Line, Part, hang, wrap};
use crate::visible::visible;

/// Rows of a table that are shown unless all are asked for.
pub const ROWS_SHOWN: usize = 12;
/// A terminal is taken to be at least this wide.
const WIDTH_LEAST: usize = 40;
/// Figures shown at once; the others are in the tables or come with all of them.
const FIGURES_SHOWN: usize = 16;

/// How text is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// Columns of the terminal; 40 is the least that is used.
    pub width: usize,
    /// Bold, dim and colour by escape sequences.
    pub color: bool,
    /// Blocks, rules and dashes beyond ASCII. Text from data is shown as it is either way.
    pub unicode: bool,
    /// All rows instead of the first 12, and what each figure means.
    pub full: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 80, color: false, unicode: true, full: false }
    }
}

impl Style {
    pub(crate) fn dash(&self) -> &'static str {
        if self.unicode { "–" } else { "-" }
    }

    pub(crate) fn more(&self, left: usize) -> String {
        let rows = if left == 1 { "row" } else { "rows" };
        let dots = if self.unicode { "…" } else { "..." };
        format!("{dots} {left} more {rows}; --full shows all")
    }

    /// Wraps a text in an escape sequence such as `1` (bold), where colour is on.
    pub(crate) fn paint(&self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn lines(&self, lines: &[Line]) -> String {
        let paint = |line: &Line| match line.part {
            Part::Head => self.dim(&line.text),
            Part::Name => self.bold(&line.text),
            Part::Body => line.text.clone(),
        };
        lines.iter().map(|line| paint(line) + "\n").collect()
    }

    /// Writes the lines of a grid; where it became blocks, what follows is set apart from the last.
    fn laid_out(&self, lines: &[Line], followed: bool) -> String {
        let blocks = lines.iter().any(|line| line.part == Part::Name);
        self.lines(lines) + if blocks && followed { "\n" } else { "" }
    }

    pub(crate) fn fitted(&self) -> Self {
        Self { width: self.width.clamp(WIDTH_LEAST, 1_000), ..*self }
    }
}

/// Writes an answer.
pub fn answer(answer: &Answer, style: &Style) -> String {
    let style = &style.fitted();
    let mut notes = Notes::default();
    let headline = if answer.headline.is_empty() { answer.asks } else { &answer.headline };
    let mut parts = vec![paragraph(headline, style, Style::bold), asked(answer, style)];
    if !answer.figures.is_empty() {
        let shown = if style.full { answer.figures.len() } else { FIGURES_SHOWN };
        let mut text = style.lines(&figures(answer, shown, style, &mut notes));
        let more = answer.figures.len().saturating_sub(shown);
        if more > 0 {
            text.push_str(&(style.dim(&format!("{more} more figures with --full")) + "\n"));
        }
        parts.push(text);
    }
    for chart in &answer.charts {
        let title = paragraph(&with_unit(&chart.title, &chart.unit), style, Style::bold);
        parts.push(title + &style.lines(&chart::lines(chart, style)));
    }
    for table in &answer.tables {
        parts.push(one_table(table, answer, style, &mut notes));
    }
    if style.full && !answer.figures.is_empty() {
        parts.push(meanings(answer, style));
    }
    let all_notes = notes
        .reasons
        .iter()
        .map(String::as_str)
        .chain(answer.caveats.iter().map(|c| c.text.as_str()));
    let all_notes: Vec<&str> = all_notes.collect();
    if !all_notes.is_empty() {
        parts.push(numbered(&all_notes, style));
    }
    parts.extend(how_to_open(answer, style));
    parts.join("\n")
}

/// Writes the rows of a frame, the first `limit` of them, exact to the minor unit, so
/// that they can be added up.
pub fn frame(frame: &Frame, style: &Style, limit: Option<usize>) -> String {
    let style = &style.fitted();
    let shown = limit.unwrap_or(usize::MAX).min(frame.n_rows());
    let mut grid = Grid::default();
    let mut written = Vec::new();
    for (name, column) in frame.names().iter().zip(frame.columns()) {
        let currency = one_currency(column);
        let heading = currency.map_or_else(|| name.to_string(), |code| format!("{name} ({code})"));
        let right = matches!(
            column,
            Column::Integer(_) | Column::Number(_) | Column::Decimal(_) | Column::Money(_)
        );
        grid.column(visible(&heading), if right { Kind::Numbers } else { Kind::Words });
        written.push((column, currency.is_some()));
    }
    for row in 0..shown {
        let cells = written.iter().map(|(column, bare)| one_cell(&column.cell(row), *bare, style));
        grid.row(cells.map(Content::same).collect());
    }
    let mut out = if frame.n_rows() == 0 {
        "no rows\n".to_owned()
    } else {
        style.laid_out(&grid.rows_of_facts(style.width, style.unicode), shown < frame.n_rows())
    };
    if shown < frame.n_rows() {
        let line =
            format!("{shown} of {} rows shown", number::grouped(&frame.n_rows().to_string()));
        out.push_str(&(style.dim(&line) + "\n"));
    }
    out
}

/// Reasons why values are missing, numbered in the order in which they are met.
#[derive(Default)]
struct Notes {
    reasons: Vec<String>,
}

impl Notes {
    fn mark(&mut self, reason: String, style: &Style) -> String {
        let at = self.reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
            self.reasons.push(reason);
            self.reasons.len() - 1
        });
        format!("{} [{}]", style.dash(), at + 1)
    }
}

fn paragraph(text: &str, style: &Style, paint: fn(&Style, &str) -> String) -> String {
    wrap(&visible(text), style.width).iter().map(|line| paint(style, line) + "\n").collect()
}

/// Company, period, day, model, rule, currency, zone and version of the definitions.
fn asked(answer: &Answer, style: &Style) -> String {
    let asked = &answer.asked;
    // Named periods say which days they are; the others are called by their days already.
    let period = if asked.period.label.contains(" to ") {
        asked.period.label.clone()
    } else {
        format!("{} ({} to {})", asked.period.label, asked.period.from, asked.period.to)
    };
    let mut items = vec![
        asked.company.clone(),
        period,
        format!("against {}", asked.previous.label),
        format!("as of {}", asked.as_of),
    ];
    items.extend(asked.segment.as_ref().map(|segment| format!("segment {segment}")));
    if !asked.by.is_empty() {
        items.push(format!("by {}", asked.by.join(", ")));
    }
    items.push(format!("model {}", model_name(&answer.asked.model)));
    items.push(format!("sourced by {}", asked.sourced_by.replace('_', " ")));
    items.push(asked.currency.to_string());
    items.push(asked.time_zone.clone());
    items.push(format!("definitions {}", asked.definitions));
    let between = if style.unicode { " · " } else { " | " };
    items.retain(|item| !item.is_empty());
    let items: Vec<String> = items.iter().map(|item| visible(item).into_owned()).collect();
    let lines = joined(&items, between, style.width);
    lines.iter().map(|line| style.dim(line) + "\n").collect()
}

/// All figures as a table, or, where that does not fit, each with its value in one line and what it
/// is compared with below.
fn figures(answer: &Answer, shown: usize, style: &Style, notes: &mut Notes) -> Vec<Line> {
    let before = &answer.asked.previous.label;
    let before =
        if before.width() <= 8 { visible(before).into_owned() } else { "Before".to_owned() };
    let range = range_heading(&answer.figures);
    let rows: Vec<Vec<Content>> = answer
        .figures
        .iter()
        .take(shown)
        .map(|figure| one_figure(figure, answer, style, notes))
        .collect();
    let mut grid = Grid::default();
    grid.column("Figure", Kind::Words);
    for heading in ["Value", &range, &before, "Change", "Year ago", "Target", "Of target"] {
        grid.column(heading, Kind::Numbers);
    }
    grid.column("Status", Kind::Drawing);
    for row in &rows {
        grid.row(row.clone());
    }
    grid.drop_empty();
    if let Some(lines) = grid.unwrapped(style.width, style.unicode) {
        return lines;
    }
    let between = if style.unicode { " · " } else { " | " };
    let width =
        rows.iter().filter_map(|row| row.get(1)).map(|value| value.long.width()).max().unwrap_or(1);
    // The values stand below each other, unless one of them takes more than half of the line.
    let beside = width <= style.width / 2;
    let room = if beside { style.width.min(72).saturating_sub(width + 2) } else { style.width };
    let mut lines = Vec::new();
    for row in &rows {
        let cell = |at: usize| row.get(at).map_or("", |content| content.long.as_str());
        for (at, part) in wrap(cell(0), room).into_iter().enumerate() {
            let pad = " ".repeat(room.saturating_sub(part.width()) + 2);
            let text =
                if at == 0 && beside { format!("{part}{pad}{:>width$}", cell(1)) } else { part };
            lines.push(Line { text, part: Part::Body });
        }
        let compared = |heading: &str, value: &str, more: &str| match (value, more) {
            ("", _) => None,
            (_, "") => Some(format!("{heading} {value}")),
            _ => Some(format!("{heading} {value} ({more})")),
        };
        let status = [cell(7), cell(8)].join(", ");
        let items = [
            (!beside).then(|| cell(1).to_owned()),
            compared(&range, cell(2), ""),
            compared(&before, cell(3), cell(4)),
            compared("year ago", cell(5), ""),
            compared("target", cell(6), status.trim_start_matches(", ").trim_end_matches(", ")),
        ];
        let items: Vec<String> = items.into_iter().flatten().collect();
        let below = joined(&items, between, style.width - 2).into_iter();
        lines.extend(below.map(|text| Line { text: format!("  {text}"), part: Part::Head }));
    }
    lines
}

/// Joins items into lines that are no wider than `width`; items are broken only where one alone is
/// wider.
fn joined(items: &[String], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if line.width() + between.width() + item.width() <= width => {
                line.push_str(between);
                line.push_str(item);
            }
            _ => lines.extend(wrap(item, width)),
        }
    }
    lines
}

fn range_heading(figures: &[Figure]) -> String {
    let mut levels = figures.iter().filter_map(|f| f.interval.as_ref()).map(|range| range.level);
    let first = levels.next();
    match first {
        Some(first) if levels.all(|level| (level - first).abs() < 1e-9) => {
            number::number((first * 1000.0).round() / 10.0, 0)
                .map_or("Range".to_owned(), |p| p + "% range")
        }
        _ => "Range".to_owned(),
    }
}

fn one_figure(figure: &Figure, answer: &Answer, style: &Style, notes: &mut Notes) -> Vec<Content> {
    let beside = [&figure.previous, &figure.year_ago, &figure.target];
    let group = beside.into_iter().flatten().chain([&figure.value]);
    let scale = Scale::of(group);
    let mut content = |value: Option<&Value>, with_currency: bool| match value {
        None => Content::default(),
        Some(value) => one_value(value, scale, answer, with_currency, style, notes),
    };
    let value = content(Some(&figure.value), true);
    let previous = content(figure.previous.as_ref(), false);
    let year_ago = content(figure.year_ago.as_ref(), false);
    let target = content(figure.target.as_ref(), false);
    let range = figure.interval.as_ref();
    let range = range.and_then(|range| number::range(range, &figure.value, scale, style.unicode));
    let change = figure.previous.as_ref().and_then(|before| number::change(&figure.value, before));
    let target_of = |target| number::standing(&figure.value, target, &answer.asked);
    let against = figure.target.as_ref().and_then(target_of);
    let (part, word) = against.unwrap_or_default();
    vec![
        Content::same(visible(&figure.label)),
        value,
        Content::same(range.unwrap_or_default()),
        previous,
        Content::same(change.unwrap_or_default()),
        year_ago,
        target,
        Content::same(part),
        Content::same(word),
    ]
}

/// Writes a value; money of another currency than the one asked for always carries its code.
fn one_value(
    value: &Value,
    scale: Scale,
    answer: &Answer,
    with_currency: bool,
    style: &Style,
    notes: &mut Notes,
) -> Content {
    let code = match value {
        Value::Money(money) if with_currency || money.currency != answer.asked.currency => {
            format!("{} ", money.currency)
        }
        _ => String::new(),
    };
    let forms = (number::value(value, scale, Form::Long), number::value(value, scale, Form::Short));
    if let (Some(long), Some(short)) = forms {
        return Content { long: code.clone() + &long, short: code + &short };
    }
    let reason = number::missing(value).unwrap_or_else(|| "there is no value".to_owned());
    Content::same(notes.mark(reason, style))
}

fn one_table(table: &Table, answer: &Answer, style: &Style, notes: &mut Notes) -> String {
    let shown = if style.full { table.rows.len() } else { table.rows.len().min(ROWS_SHOWN) };
    // The row that the others add up to is shown in any case, in the place of one of them.
    let total = table.rows.last().filter(|row| matches!(row.id.as_str(), "all" | "total"));
    let total = total.filter(|_| shown < table.rows.len());
    let rows = table.rows.get(..shown - usize::from(total.is_some())).unwrap_or_default();
    let rows: Vec<&TableRow> = rows.iter().chain(total).collect();
    let mut grid = Grid::default();
    grid.column(visible(&table.of), Kind::Words);
    let mut scales = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        grid.column(visible(&column.label), Kind::Numbers);
        scales.push(Scale::of(
            rows.iter().filter_map(|row| row.entries.get(at)).map(|entry| &entry.value),
        ));
    }
    let mut money = false;
    let left = table.rows.len() - rows.len();
    // A row for those that are left out, of which the grid makes a line; no label is like it.
    let mut gap = if style.unicode { "…" } else { "..." }.to_owned();
    while rows.iter().any(|row| row.label == gap) {
        gap.push('.');
    }
    for (at, row) in rows.iter().enumerate() {
        if total.is_some() && at + 1 == rows.len() {
            grid.row(vec![Content::same(gap.clone())]);
        }
        let mut cells = vec![Content::same(visible(&row.label))];
        for (entry, scale) in row.entries.iter().zip(&scales) {
            money |= matches!(&entry.value, Value::Money(m) if m.currency == answer.asked.currency);
            let mut cell = one_value(&entry.value, *scale, answer, false, style, notes);
            let range = entry.interval.as_ref();
            if let Some(range) =
                range.and_then(|r| number::range(r, &entry.value, *scale, style.unicode))
            {
                cell.long = format!("{} ({range})", cell.long);
                cell.short = format!("{} ({range})", cell.short);
            }
            cells.push(cell);
        }
        grid.row(cells);
    }
    let unit = if money { answer.asked.currency.code() } else { "" };
    let mut out = paragraph(&with_unit(&table.title, unit), style, Style::bold);
    if rows.is_empty() {
        out.push_str("no rows\n");
    } else {
        let mut lines = grid.lines(style.width, style.unicode);
        for line in lines.iter_mut().filter(|line| total.is_some() && line.text == gap) {
            *line = Line { text: style.more(left), part: Part::Head };
        }
        let cut = left > 0 && total.is_none();
        out.push_str(&style.laid_out(&lines, table.note.is_some() || cut));
    }
    if left > 0 && total.is_none() {
        out.push_str(&(style.dim(&style.more(left)) + "\n"));
    }
    if let Some(note) = &table.note {
        out.push_str(&paragraph(note, style, Style::dim));
    }
    out
}

/// Adds a currency to a title; other units are seen at the values.
fn with_unit(title: &str, unit: &str) -> String {
    let currency = unit.len() == 3 && unit.bytes().all(|byte| byte.is_ascii_uppercase());
    if currency && !title.contains(unit) { format!("{title} ({unit})") } else { title.to_owned() }
}

fn meanings(answer: &Answer, style: &Style) -> String {
    let mut out = style.bold("What the figures mean") + "\n";
    for figure in &answer.figures {
        let mut text = format!("{}: {}", figure.label, figure.meaning);
        if let Some(range) = &figure.interval {
            text = format!("{text} Range by {}.", range.method);
        }
        let mark = if style.unicode { "•" } else { "*" };
        for line in hang(mark, &visible(&text), style.width) {
            out.push_str(&(line + "\n"));
        }
    }
    out
}

fn numbered(notes: &[&str], style: &Style) -> String {
    let mut out = style.bold("Notes") + "\n";
    let digits = notes.len().to_string().len();
    for (at, note) in notes.iter().enumerate() {
        let mark = format!("{:>digits$}.", at + 1);
        for line in hang(&mark, &visible(&sentence(note)), style.width) {
            out.push_str(&(line + "\n"));
        }
    }
    out
}

/// Begins with a capital letter and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    let stop = if text.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    first.chain(chars).chain(stop.chars()).collect()
}

fn how_to_open(answer: &Answer, style: &Style) -> Option<String> {
    let (id, ..) = answer.openable().into_iter().next()?;
    let id = visible(&id).into_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let id = if id.chars().all(plain) { id } else { format!("'{}'", id.replace('\'', "'\\''")) };
    let command = format!("throughline open {} {id}", answer.question);
    let line = format!("Open a figure: {command}");
    let lines = if line.width() <= style.width {
        vec![line]
    } else {
        std::iter::once("Open a figure:".to_owned())
            .chain(hang(" ", &command, style.width))
            .collect()
    };
    Some(lines.iter().map(|line| style.dim(line) + "\n").collect())
}

/// Returns the currency that all amounts of a money column have in common.
fn one_currency(column: &Column) -> Option<&str> {
    let Column::Money(values) = column else { return None };
    let first = values.iter().flatten().next()?;
    let same = values.iter().flatten().all(|money| money.currency == first.currency);
    same.then(|| first.currency_code())
}

fn one_cell(cell: &Cell, bare: bool, style: &Style) -> String {
    match cell {
        Cell::Null => style.dash().to_owned(),
        Cell::Text(text) => visible(text).into_owned(),
        Cell::Integer(value) => number::grouped(&value.to_string()),
        Cell::Number(x) => {
            let decimals = if x.fract() == 0.0 { 0 } else { 4 };
            number::number(*x, decimals).unwrap_or_else(|| style.dash().to_owned())
        }
        Cell::Boolean(true) => "yes".to_owned(),
        Cell::Boolean(false) => "no".to_owned(),
        Cell::Instant(at) => format!("{at:.0}"),
        Cell::Decimal(value) => number::grouped(&value.normalize().to_string()),
        Cell::Money(money) if bare => number::grouped(&money.amount_text()),
        Cell::Money(money) => {
            format!("{} {}", money.currency, number::grouped(&money.amount_text()))
        }
        other @ Cell::Day(_) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::answer::{Entry, TableColumn};
    use domain::{Ask, Currency, Definitions, Question};
    use jiff::civil::date;

    use super::*;

    const QUESTION: Question = Question { id: "q", asks: "What?", readers: &[], help: "" };

    /// Fourteen rows and the one that they add up to.
    fn long() -> Answer {
        let definitions = Definitions::starter().0;
        let ask = Ask {
            as_of: date(2026, 10, 2),
            period: definitions.calendar().period("2026Q3").unwrap(),
            by: Vec::new(),
            segment: None,
            model: "w_shaped".to_owned(),
            currency: Currency::USD,
            definitions: Arc::new(definitions),
            seed: 1,
        };
        let row = |id: &str, label: &str, n: i64| TableRow {
            id: id.to_owned(),
            label: label.to_owned(),
            entries: vec![Entry::plain(Value::Count(n)); 5],
        };
        let rows = (1..=14).map(|n| row(&n.to_string(), &format!("Row {n}"), n));
        let column =
            |id: &str, label: &str| TableColumn { id: id.to_owned(), label: label.to_owned() };
        let mut answer = Answer::new(&QUESTION, &ask);
        answer.tables.push(Table {
            id: "long".to_owned(),
            title: "A long table".to_owned(),
            of: "Row".to_owned(),
            columns: vec![
                column("w_shaped", "W-shaped (in force)"),
                column("b", "Unbreakablewordofmanyletters"),
                column("c", "Unbreakablewordofmanyletters"),
                column("d", "Unbreakablewordofmanyletters"),
                column("e", "Unbreakablewordofmanyletters"),
            ],
            rows: rows.chain([row("all", "All", 105)]).collect(),
            note: None,
        });
        answer
    }

    #[test]
    fn the_row_of_the_whole_stays_where_a_table_is_cut_and_the_model_has_its_name() {
        for (width, unicode) in [(40, true), (60, false), (80, true), (200, false)] {
            let style = Style { width, unicode, ..Style::default() };
            let text = answer(&long(), &style);
            println!("{text}");
            let dots = if unicode { "…" } else { "..." };
            let (shown, after) =
                text.split_once(&format!("{dots} 3 more rows; --full shows all")).unwrap();
            assert!(shown.contains("Row 11") && !text.contains("Row 12"), "{text}");
            assert!(after.trim_start().starts_with("All"), "{text}");
            assert!(text.contains("model W-shaped") && !text.contains("\n\n\n"), "{text}");
            let full = answer(&long(), &Style { full: true, ..style });
            assert!(full.contains("Row 14") && !full.contains("more rows"), "{full}");
        }
    }
}
