//! Columns that fit a width without losing anything.
//!
//! A [`Grid`] tries, in this order: as it is; headings wrapped; money short (`1.24M`); words
//! wrapped; panels of columns one below the other; and at last one block for each row. Nothing is
//! cut off at any width. Numbers stand at the right, words at the left; widths are those of a
//! terminal (UAX #11), so that wide letters align.

use comfy_table::{Cell, CellAlignment, ColumnConstraint, Table, Width, presets};
use unicode_width::UnicodeWidthStr;

/// Blanks between two columns.
const GAP: usize = 2;
/// A column of words is not made narrower than this to save the others.
const WORDS_LEAST: usize = 14;
/// A panel of a wide table holds at least so many columns besides the first.
const PANEL_LEAST: usize = 3;

/// What stands in a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Words at the left, wrapped where there is no room.
    Words,
    /// Numbers at the right, never wrapped.
    Numbers,
    /// A drawing at the left, never wrapped.
    Drawing,
}

/// A cell in its long and in its short form, both without hidden characters.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Content {
    /// With all digits.
    pub long: String,
    /// With at most three digits and a letter, where that is shorter.
    pub short: String,
}

impl Content {
    /// A cell that has one form only.
    pub fn same(text: impl Into<String>) -> Self {
        let long = text.into();
        Self { short: long.clone(), long }
    }
}

/// A line of output and what it is, so that it can be painted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The text, without blanks at its end.
    pub text: String,
    /// What it is.
    pub part: Part,
}

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Headings and the rule below them.
    Head,
    /// The name of a row that is shown as a block.
    Name,
    /// Values.
    Body,
}

/// Rows and columns to be shown.
#[derive(Clone, Default, Debug)]
pub struct Grid {
    headings: Vec<(String, Kind)>,
    rows: Vec<Vec<Content>>,
    bare: bool,
}

impl Grid {
    /// A grid without a rule below its headings, for charts.
    pub fn bare() -> Self {
        Self { bare: true, ..Self::default() }
    }

    /// Adds a column.
    pub fn column(&mut self, heading: impl Into<String>, kind: Kind) {
        self.headings.push((heading.into(), kind));
    }

    /// Adds a row; cells beyond the columns are not shown, missing cells are empty.
    pub fn row(&mut self, mut cells: Vec<Content>) {
        cells.resize(self.headings.len(), Content::default());
        self.rows.push(cells);
    }

    /// Takes away columns that are empty in every row; the first stays.
    pub fn drop_empty(&mut self) {
        let kept: Vec<bool> = (0..self.headings.len())
            .map(|at| {
                at == 0
                    || self.rows.iter().any(|row| row.get(at).is_some_and(|c| !c.long.is_empty()))
            })
            .collect();
        let mut marks = kept.iter();
        self.headings.retain(|_| marks.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut marks = kept.iter();
            row.retain(|_| marks.next().copied().unwrap_or(true));
        }
    }

    /// Lays it out in columns, with words wrapped where needed; `None` where it does not fit.
    pub fn columns(&self, width: usize, unicode: bool) -> Option<Vec<Line>> {
        self.unwrapped(width, unicode).or_else(|| {
            let widths = self.squeeze(self.widths(true, false, None), width)?;
            Some(self.draw(&widths, true, unicode))
        })
    }

    /// Lays it out in columns without wrapping words that are shorter than half of the width;
    /// `None` where it does not fit.
    pub fn unwrapped(&self, width: usize, unicode: bool) -> Option<Vec<Line>> {
        // The long form, then the short one; each first with headings on one line.
        [(false, true), (false, false), (true, true), (true, false)].into_iter().find_map(
            |(short, one_line)| {
                let widths = self.widths(short, one_line, Some(width));
                fits(&widths, width).then(|| self.draw(&widths, short, unicode))
            },
        )
    }

    /// Lays it out in columns, in several panels of columns one below the other where they do not
    /// fit, or as one block for each row where panels would be too narrow.
    pub fn lines(&self, width: usize, unicode: bool) -> Vec<Line> {
        self.columns(width, unicode)
            .or_else(|| self.panels(width, unicode, Self::columns))
            .unwrap_or_else(|| self.blocks(width))
    }

    /// The same for rows of facts: panels come before wrapped words, since a wrapped identifier is
    /// hard to read and many rows are long enough already.
    pub fn rows_of_facts(&self, width: usize, unicode: bool) -> Vec<Line> {
        self.unwrapped(width, unicode)
            .or_else(|| self.panels(width, unicode, Self::unwrapped))
            .unwrap_or_else(|| self.lines(width, unicode))
    }

    /// Cuts the columns into panels that fit, each with the first column, so that rows stay side by
    /// side; `None` where a panel would hold fewer than [`PANEL_LEAST`] further columns.
    fn panels(
        &self,
        width: usize,
        unicode: bool,
        fit: fn(&Self, usize, bool) -> Option<Vec<Line>>,
    ) -> Option<Vec<Line>> {
        let mut lines = Vec::new();
        let mut from = 1;
        while from < self.headings.len() {
            let mut panel = None;
            let mut to = from;
            while to < self.headings.len() {
                match fit(&self.part(from, to + 1), width, unicode) {
                    Some(wider) => panel = Some(wider),
                    None => break,
                }
                to += 1;
            }
            let panel = panel.filter(|_| to - from >= PANEL_LEAST || to == self.headings.len())?;
            if !lines.is_empty() {
                lines.push(Line { text: String::new(), part: Part::Body });
            }
            lines.extend(panel);
            from = to;
        }
        Some(lines)
    }

    /// The first column and those from one to before another.
    fn part(&self, from: usize, to: usize) -> Self {
        fn kept<T: Clone>(all: &[T], pick: &impl Fn(usize) -> bool) -> Vec<T> {
            all.iter().enumerate().filter(|(at, _)| pick(*at)).map(|(_, x)| x.clone()).collect()
        }
        let pick = |at: usize| at == 0 || (from..to).contains(&at);
        Self {
            headings: kept(&self.headings, &pick),
            rows: self.rows.iter().map(|row| kept(row, &pick)).collect(),
            bare: self.bare,
        }
    }

    /// Natural widths; with a width to fit, columns of very long words count as half of it at most.
    fn widths(&self, short: bool, one_line: bool, fit: Option<usize>) -> Vec<usize> {
        let n_words = self.headings.iter().filter(|(_, kind)| *kind == Kind::Words).count().max(1);
        let most = fit.map_or(usize::MAX, |width| (width / (2 * n_words)).max(2 * WORDS_LEAST));
        self.headings
            .iter()
            .enumerate()
            .map(|(at, (heading, kind))| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                let content = cells.map(|c| form(c, short).width()).max().unwrap_or(0);
                let word = heading.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0);
                let head = if one_line { heading.width() } else { word.min(20) };
                match kind {
                    Kind::Words => content.max(head).min(most).max(1),
                    Kind::Numbers | Kind::Drawing => content.max(head).max(1),
                }
            })
            .collect()
    }

    /// Shares the room that the other columns leave among the columns of words.
    fn squeeze(&self, mut widths: Vec<usize>, width: usize) -> Option<Vec<usize>> {
        let words = |at: usize| self.headings.get(at).is_some_and(|(_, kind)| *kind == Kind::Words);
        let gaps = GAP * widths.len().saturating_sub(1);
        let fixed: usize =
            widths.iter().enumerate().filter(|(at, _)| !words(*at)).map(|(_, w)| w).sum();
        let mut room = width.checked_sub(gaps + fixed)?;
        let mut open: Vec<usize> = (0..widths.len()).filter(|&at| words(at)).collect();
        // The narrowest first: what it does not need goes to the others.
        open.sort_by_key(|&at| (widths.get(at).copied(), at));
        let mut left = open.len();
        for at in open {
            let natural = widths.get_mut(at)?;
            let share = room / left;
            if share < WORDS_LEAST.min(*natural) {
                return None;
            }
            *natural = share.min(*natural);
            room -= *natural;
            left -= 1;
        }
        fits(&widths, width).then_some(widths)
    }

    fn draw(&self, widths: &[usize], short: bool, unicode: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.headings.iter().any(|(heading, _)| !heading.is_empty()) {
            let wrapped: Vec<Vec<String>> =
                self.headings.iter().zip(widths).map(|((h, _), &w)| wrap(h, w)).collect();
            let height = wrapped.iter().map(Vec::len).max().unwrap_or(1);
            // Headings stand on the rule, so blank lines go above the shorter ones.
            let low: Vec<String> = wrapped
                .into_iter()
                .map(|lines| "\n".repeat(height - lines.len()) + &lines.join("\n"))
                .collect();
            let rule = if unicode { "─" } else { "-" };
            let rules: Vec<String> = widths.iter().map(|&w| rule.repeat(w)).collect();
            let head = if self.bare { vec![low] } else { vec![low, rules] };
            lines.extend(self.aligned(&head, widths, Part::Head));
        }
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|c| form(c, short).to_owned()).collect())
            .collect();
        lines.extend(self.aligned(&rows, widths, Part::Body));
        lines
    }

    fn aligned(&self, rows: &[Vec<String>], widths: &[usize], part: Part) -> Vec<Line> {
        let columns: Vec<(usize, Kind)> =
            widths.iter().copied().zip(self.headings.iter().map(|(_, kind)| *kind)).collect();
        let rows: Vec<Vec<Cell>> = rows
            .iter()
            .map(|row| {
                let aligned = |(text, (_, kind)): (&String, &(usize, Kind))| cell(text, *kind);
                row.iter().zip(&columns).map(aligned).collect()
            })
            .collect();
        let widths: Vec<usize> = columns.iter().map(|(width, _)| *width).collect();
        layout(rows, &widths).into_iter().map(|text| Line { text, part }).collect()
    }

    /// One block for each row: its name, then a line for each further column.
    fn blocks(&self, width: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let room = width.saturating_sub(2 * GAP).max(2);
        let rest = || self.headings.iter().skip(1);
        let values = self.rows.iter().flat_map(|row| row.iter().skip(1));
        let head = rest().map(|(heading, _)| heading.width()).max().unwrap_or(1).clamp(1, room / 2);
        let value = values.map(|c| c.long.width()).max().unwrap_or(1).clamp(1, room - head);
        // Numbers among words would hang in the air at the right.
        let mixed = rest().any(|(_, kind)| *kind == Kind::Words);
        for row in &self.rows {
            if !lines.is_empty() {
                lines.push(Line { text: String::new(), part: Part::Body });
            }
            let name = row.first().map_or("", |c| c.long.as_str());
            lines.extend(wrap(name, width).into_iter().map(|text| Line { text, part: Part::Name }));
            let cells: Vec<Vec<Cell>> = row
                .iter()
                .zip(&self.headings)
                .skip(1)
                .filter(|(content, _)| !content.long.is_empty())
                .map(|(content, (heading, kind))| {
                    vec![
                        Cell::new(heading),
                        cell(&content.long, if mixed { Kind::Words } else { *kind }),
                    ]
                })
                .collect();
            let body = layout(cells, &[head, value]).into_iter();
            lines.extend(body.map(|text| Line { text: format!("  {text}"), part: Part::Body }));
        }
        lines
    }
}

/// Breaks a text into lines that are no wider than `width`, at blanks where possible.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    layout(vec![vec![Cell::new(text)]], &[width])
}

/// Breaks a text into lines behind a mark (`1.`, `hint:`), with the following lines below the
/// first.
pub fn hang(mark: &str, text: &str, width: usize) -> Vec<String> {
    let indent = mark.width();
    let room = width.saturating_sub(indent + 1).max(2);
    let lines = wrap(text, room).into_iter().enumerate();
    lines
        .map(|(at, line)| match at {
            0 => format!("{mark} {line}"),
            _ => format!("{}{line}", " ".repeat(indent + 1)),
        })
        .collect()
}

fn fits(widths: &[usize], width: usize) -> bool {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1) <= width
}

fn form(content: &Content, short: bool) -> &str {
    if short { &content.short } else { &content.long }
}

fn cell(text: &str, kind: Kind) -> Cell {
    let side = if kind == Kind::Numbers { CellAlignment::Right } else { CellAlignment::Left };
    Cell::new(text).set_alignment(side)
}

fn layout(rows: Vec<Vec<Cell>>, widths: &[usize]) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.add_rows(rows);
    for (at, &width) in widths.iter().enumerate() {
        let gap = if at + 1 < widths.len() { GAP } else { 0 };
        if let Some(column) = table.column_mut(at) {
            let fixed = u16::try_from(width + gap).unwrap_or(u16::MAX);
            column.set_padding((0, u16::try_from(gap).unwrap_or(0)));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(fixed)));
        }
    }
    if table.row_count() == 0 {
        return Vec::new();
    }
    table.lines().map(|line| line.trim_end_matches(' ').to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[Line]) -> String {
        lines.iter().map(|line| line.text.clone() + "\n").collect()
    }

    fn sample() -> Grid {
        let mut grid = Grid::default();
        grid.column("Channel", Kind::Words);
        grid.column("Sourced pipeline", Kind::Numbers);
        grid.column("Won", Kind::Numbers);
        let money =
            |long: &str, short: &str| Content { long: long.to_owned(), short: short.to_owned() };
        grid.row(vec![
            Content::same("Paid search, brand and generic"),
            money("1,240,300", "1.24M"),
            money("310,000", "310K"),
        ]);
        grid.row(vec![Content::same("東京 展示会"), money("90,000", "90.0K"), Content::same("–")]);
        grid
    }

    #[test]
    fn a_grid_gives_way_step_by_step() {
        insta::assert_snapshot!(shown(&sample().lines(80, true)), @r#"
Channel                         Sourced pipeline      Won
──────────────────────────────  ────────────────  ───────
Paid search, brand and generic         1,240,300  310,000
東京 展示会                               90,000        –
"#);
        insta::assert_snapshot!(shown(&sample().lines(50, true)), @r#"
                                Sourced
Channel                        pipeline      Won
────────────────────────────  ─────────  ───────
Paid search, brand and        1,240,300  310,000
generic
東京 展示会                      90,000        –
"#);
        insta::assert_snapshot!(shown(&sample().lines(44, true)), @r#"
                               Sourced
Channel                       pipeline   Won
────────────────────────────  ────────  ────
Paid search, brand and           1.24M  310K
generic
東京 展示会                      90.0K     –
"#);
        insta::assert_snapshot!(shown(&sample().lines(34, true)), @r#"
                     Sourced
Channel             pipeline   Won
──────────────────  ────────  ────
Paid search, brand     1.24M  310K
and generic
東京 展示会            90.0K     –
"#);
        insta::assert_snapshot!(shown(&sample().lines(24, false)), @r#"
Paid search, brand and
generic
  Sourced     1,240,300
  pipeline
  Won           310,000

東京 展示会
  Sourced        90,000
  pipeline
  Won                 –
"#);
    }

    #[test]
    fn words_longer_than_the_width_are_broken_and_not_cut() {
        let text = "x".repeat(95);
        let lines = wrap(&text, 40);
        assert_eq!(lines.concat(), text);
        assert!(lines.iter().all(|line| line.width() <= 40));
    }
}
