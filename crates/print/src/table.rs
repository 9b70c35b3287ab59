//! Tables on paper: no row is cut, no number is broken, the head stands again on the next page.
//!
//! A table is tried as it is, then with short numbers, then smaller, and is at last cut into panels
//! of columns one below the other, each with the names of the rows.

use krilla::tagging::{ArtifactType, TableHeaderScope, Tag};

use crate::sheet::{GREY, HAIR, INK, Node, SIDE, Sheet, To};
use crate::text::{Face, Fonts, Line};

/// White between two columns, at least.
const GAP: f32 = 9.0;
/// The names of rows take at most this part of the width before they are wrapped.
const NAMES_MOST: f32 = 0.34;
const NAMES_LEAST: f32 = 70.0;
/// White below a table.
const AFTER: f32 = 6.0;

/// A cell in its long and in its short form.
#[derive(Clone, Default, Debug)]
pub(crate) struct Cell {
    pub(crate) long: String,
    pub(crate) short: String,
    /// The range in which the value lies, set behind it.
    pub(crate) range: String,
    /// The address at which it opens.
    pub(crate) link: Option<String>,
}

/// A row of a table; the one that the others add up to is strong.
#[derive(Clone, Default, Debug)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Cell>,
    pub(crate) strong: bool,
}

/// A table; the first column holds the names of the rows, the others numbers.
#[derive(Clone, Default, Debug)]
pub(crate) struct Grid {
    pub(crate) title: String,
    pub(crate) headings: Vec<String>,
    /// How soon a column is left out where not all fit on a page; the highest goes first.
    pub(crate) ranks: Vec<u8>,
    pub(crate) rows: Vec<Row>,
}

impl Cell {
    pub(crate) fn same(text: impl Into<String>) -> Self {
        let long = text.into();
        Self { short: long.clone(), long, ..Self::default() }
    }

    fn text(&self, short: bool) -> &str {
        if short { &self.short } else { &self.long }
    }
}

/// How a table is set: size, form of the numbers, widths of the columns.
struct Setting {
    size: f32,
    short: bool,
    widths: Vec<f32>,
    /// The part of each width that is for ranges.
    ranges: Vec<f32>,
    gap: f32,
}

/// Sizes that are tried, and whether numbers are short.
type Sizes = &'static [(f32, bool)];
const PAGE: Sizes = &[(8.5, false), (8.5, true), (7.5, false), (7.5, true)];
const DENSE: Sizes = &[(7.5, false), (7.5, true), (6.8, true)];

impl Setting {
    fn row_height(&self) -> f32 {
        self.size * 1.6
    }

    fn line_height(&self) -> f32 {
        self.size * 1.3
    }
}

impl Grid {
    /// Takes away columns in which every cell is empty; the first stays.
    pub(crate) fn drop_empty(&mut self) {
        let kept: Vec<bool> = (0..self.headings.len())
            .map(|at| {
                let filled = |row: &Row| row.cells.get(at).is_some_and(|c| !c.long.is_empty());
                at == 0 || self.rows.iter().any(filled)
            })
            .collect();
        let mut marks = kept.iter();
        self.headings.retain(|_| marks.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut marks = kept.iter();
            row.cells.retain(|_| marks.next().copied().unwrap_or(true));
        }
    }

    fn natural(&self, at: usize, size: f32, short: bool, fonts: &Fonts) -> f32 {
        let cells = self.rows.iter().filter_map(|row| Some((row.strong, row.cells.get(at)?)));
        let widest = cells
            .map(|(strong, cell)| fonts.width(face(strong), size, cell.text(short)))
            .fold(0.0, f32::max);
        let heading = self.headings.get(at).map_or("", String::as_str);
        let word = heading.split(' ').map(|word| fonts.width(Face::Regular, size - 0.5, word));
        // A very long word of a heading is broken rather than widening its column.
        (widest + self.ranges(at, size, fonts)).max(word.fold(0.0, f32::max).min(size * 9.0))
    }

    /// The width that the ranges of a column take.
    fn ranges(&self, at: usize, size: f32, fonts: &Fonts) -> f32 {
        let cells = self.rows.iter().filter_map(|row| row.cells.get(at));
        let ranges = cells.filter(|cell| !cell.range.is_empty());
        let width = |cell: &Cell| fonts.width(Face::Regular, size - 0.7, &cell.range) + size * 0.6;
        ranges.map(width).fold(0.0, f32::max)
    }

    /// The width of the longest word among the names of rows.
    fn word(&self, size: f32, fonts: &Fonts) -> f32 {
        let names = self.rows.iter().filter_map(|row| row.cells.first());
        let words = names.flat_map(|cell| cell.long.split(' '));
        words.map(|word| fonts.width(Face::Regular, size, word)).fold(0.0, f32::max)
    }

    /// Chooses widths for a size and a form; `None` where the columns do not fit.
    fn setting(&self, size: f32, short: bool, measure: f32, fonts: &Fonts) -> Option<Setting> {
        let n = self.headings.len();
        let numbers: Vec<f32> = (1..n).map(|at| self.natural(at, size, short, fonts)).collect();
        let taken: f32 = numbers.iter().sum::<f32>() + GAP * numbers.len() as f32;
        let names = self.natural(0, size, short, fonts);
        let room = measure - taken;
        // Names that are a little longer than usual still get their line where there is room.
        let most = (measure * NAMES_MOST).max(room.min(measure * 0.5));
        let first = names.min(most).min(room);
        let least = names.min(NAMES_LEAST).max(self.word(size, fonts).min(measure * NAMES_MOST));
        if first + 0.01 < least {
            return None;
        }
        let natural = first + taken;
        let whole = if natural * 1.7 < measure { natural * 1.5 } else { measure };
        let mut left = whole - natural;
        let mut widths = vec![first];
        // Room that is left over first lets headings stand on one line.
        for (number, heading) in numbers.into_iter().zip(self.headings.iter().skip(1)) {
            let wish = fonts.width(Face::Regular, size - 0.5, heading) - number;
            let more = wish.clamp(0.0, left.max(0.0));
            left -= more;
            widths.push(number + more);
        }
        let gap = GAP + left / (n.max(2) - 1) as f32;
        let ranges = (0..n).map(|at| self.ranges(at, size, fonts)).collect();
        Some(Setting { size, short, widths, ranges, gap })
    }

    fn fitting(&self, sizes: Sizes, measure: f32, fonts: &Fonts) -> Option<Setting> {
        sizes.iter().find_map(|&(size, short)| self.setting(size, short, measure, fonts))
    }

    /// Some of the columns.
    fn part(&self, columns: &[usize]) -> Self {
        fn kept<T: Clone>(all: &[T], columns: &[usize]) -> Vec<T> {
            columns.iter().filter_map(|&at| all.get(at).cloned()).collect()
        }
        let row = |row: &Row| Row { cells: kept(&row.cells, columns), strong: row.strong };
        Self {
            title: self.title.clone(),
            headings: kept(&self.headings, columns),
            ranks: kept(&self.ranks, columns),
            rows: self.rows.iter().map(row).collect(),
        }
    }

    /// Lays out what fits into a height, rows as given and the last ones that others add up to;
    /// returns how many rows and columns are left out, `None` where not even one row fits.
    pub(crate) fn fit(
        &self,
        sheet: &mut Sheet<'_>,
        parent: Node,
        room: f32,
    ) -> Option<(usize, usize)> {
        let (measure, fonts) = (sheet.measure(), sheet.fonts);
        let mut columns: Vec<usize> = (0..self.headings.len()).collect();
        let rank = |at: &usize| self.ranks.get(*at).copied().unwrap_or_default();
        let (mut part, setting) = loop {
            let part = self.part(&columns);
            if let Some(setting) = part.fitting(PAGE, measure, fonts) {
                break (part, setting);
            }
            // Of the columns that say least, the last one goes first.
            let last = columns.iter().skip(1).copied().max_by_key(|at| (rank(at), *at))?;
            columns.retain(|at| *at != last);
        };
        let mut left = room - part.begin(&setting, measure, fonts) - AFTER;
        let height = |row: &Row| height(&lines(row, &setting, fonts), &setting);
        left -= part.rows.iter().filter(|row| row.strong).map(height).sum::<f32>();
        let mut full = false;
        let n_rows = part.rows.len();
        part.rows.retain(|row| {
            if !row.strong {
                left -= height(row);
                full |= left < 0.0;
            }
            row.strong || !full
        });
        let enough = left >= 0.0 || part.rows.iter().any(|row| !row.strong);
        if !enough || part.rows.is_empty() || room < part.whole(&setting, measure, fonts) {
            return None;
        }
        part.draw(sheet, parent, &setting);
        Some((n_rows - part.rows.len(), self.headings.len() - columns.len()))
    }

    /// Lays the table out below what is there already, over as many pages as it needs.
    pub(crate) fn lay(&self, sheet: &mut Sheet<'_>, parent: Node) {
        let (measure, fonts) = (sheet.measure(), sheet.fonts);
        if let Some(setting) = self.fitting(DENSE, measure, fonts) {
            self.draw(sheet, parent, &setting);
            return;
        }
        let columns =
            |from: usize, to: usize| -> Vec<usize> { std::iter::once(0).chain(from..to).collect() };
        // How many columns from one to before another fit beside the names of the rows.
        let fitting = |from: usize, to: usize| {
            let fits = |to: &usize| {
                self.part(&columns(from, *to)).setting(7.5, true, measure, fonts).is_some()
            };
            (from + 1..=to).take_while(fits).count().max(1)
        };
        let end = self.headings.len();
        // Panels of about the same number of columns, rather than one column alone in the last.
        let n = end.saturating_sub(1).max(1);
        let each = n.div_ceil(n.div_ceil(fitting(1, end)));
        let mut from = 1;
        while from < end {
            let to = from + fitting(from, (from + each).min(end));
            let mut part = self.part(&columns(from, to));
            let setting = part.setting(7.5, true, measure, fonts).unwrap_or_else(|| {
                // One column alone always gets a panel; its cells are wrapped where they must be.
                let widths = vec![measure * 0.4, measure * 0.6 - GAP];
                let ranges = vec![0.0, part.ranges(1, 7.5, fonts).min(measure * 0.3)];
                Setting { size: 7.5, short: true, widths, ranges, gap: GAP }
            });
            if from > 1 {
                part.title += ", further columns";
                sheet.y += 6.0;
            }
            part.draw(sheet, parent, &setting);
            from = to;
        }
    }

    /// The height of the title and the headings.
    fn begin(&self, setting: &Setting, measure: f32, fonts: &Fonts) -> f32 {
        let titles = fonts.wrap(Face::Semibold, 9.5, &self.title, measure).len();
        titles as f32 * 13.0 + 4.0 + head_height(&self.head(setting, fonts), setting)
    }

    /// The height of all of it.
    fn whole(&self, setting: &Setting, measure: f32, fonts: &Fonts) -> f32 {
        let rows = self.rows.iter().map(|row| height(&lines(row, setting, fonts), setting));
        self.begin(setting, measure, fonts) + rows.sum::<f32>() + AFTER
    }

    fn head(&self, setting: &Setting, fonts: &Fonts) -> Vec<Vec<Line>> {
        let size = setting.size - 0.5;
        self.headings
            .iter()
            .zip(&setting.widths)
            .map(|(heading, width)| {
                // A heading may reach into the white at its left.
                fonts.wrap(Face::Regular, size, heading, width + setting.gap * 0.4)
            })
            .collect()
    }

    fn draw(&self, sheet: &mut Sheet<'_>, parent: Node, setting: &Setting) {
        let fonts = sheet.fonts;
        let titles = fonts.wrap(Face::Semibold, 9.5, &self.title, sheet.measure());
        let head = self.head(setting, fonts);
        let head_height = head_height(&head, setting);
        let rows: Vec<Vec<Vec<Line>>> =
            self.rows.iter().map(|row| lines(row, setting, fonts)).collect();
        let heights: Vec<f32> = rows.iter().map(|cells| height(cells, setting)).collect();
        // A title never stands alone at the foot of a page, and a short table is not divided.
        let begin = titles.len() as f32 * 13.0 + 4.0 + head_height;
        let all: f32 = begin + heights.iter().sum::<f32>() + AFTER;
        let few: f32 = begin + heights.iter().take(4).sum::<f32>();
        sheet.need(if all < sheet.most() * 0.3 { all } else { few.min(sheet.most()) });

        let title = sheet.tag(Some(parent), Tag::P);
        for line in titles {
            sheet.y += 13.0;
            let y = sheet.y - 3.5;
            sheet.text(title, SIDE, y, line, INK);
        }
        sheet.y += 4.0;
        let table = sheet.tag(Some(parent), Tag::Table);
        let row = sheet.tag(Some(table), Tag::TR);
        let cells: Vec<Node> = (0..head.len())
            .map(|_| sheet.tag(Some(row), Tag::TH(TableHeaderScope::Column)))
            .collect();
        draw_head(sheet, setting, &head, head_height, &cells);
        let count = rows.len();
        for (at, (cells, row)) in rows.into_iter().zip(&self.rows).enumerate() {
            // The last rows stay together, so that no sum stands alone on the next page.
            let together = if at + 3 == count { 3 } else { 1 };
            let height = heights.get(at).copied().unwrap_or_default();
            let next: f32 = heights.iter().skip(at).take(together).sum();
            if sheet.need((next + 2.0).min(sheet.most())) {
                draw_head(sheet, setting, &head, head_height, &[]);
            }
            draw_row(sheet, setting, table, row, cells, height);
            if at + 1 < count {
                let (y, to) = (sheet.y, end(setting));
                let next = self.rows.get(at + 1).is_some_and(|next| next.strong);
                sheet.rule(
                    SIDE,
                    y,
                    to,
                    if next { 0.7 } else { 0.4 },
                    if next { GREY } else { HAIR },
                );
            }
        }
        let (y, to) = (sheet.y, end(setting));
        sheet.rule(SIDE, y, to, 0.7, GREY);
        sheet.y += AFTER;
    }
}

fn head_height(head: &[Vec<Line>], setting: &Setting) -> f32 {
    let n_lines = head.iter().map(Vec::len).max().unwrap_or(1).max(1);
    n_lines as f32 * setting.line_height() + 5.0
}

/// Draws the headings; as decoration where they are a repetition.
fn draw_head(
    sheet: &mut Sheet<'_>,
    setting: &Setting,
    head: &[Vec<Line>],
    height: f32,
    cells: &[Node],
) {
    let bottom = sheet.y + height - 4.5;
    let mut x = SIDE;
    for (at, (lines, width)) in head.iter().zip(&setting.widths).enumerate() {
        let n = lines.len();
        for (number, line) in lines.iter().enumerate() {
            let y = bottom - (n - 1 - number) as f32 * setting.line_height();
            let left = if at == 0 { x } else { x + width - line.width };
            match cells.get(at) {
                Some(&cell) => sheet.text(cell, left, y, line.clone(), GREY),
                None => {
                    sheet.decorate(left, y, line.clone(), GREY, ArtifactType::PaginationOther);
                }
            }
        }
        x += width + setting.gap;
    }
    sheet.y += height;
    let (y, to) = (sheet.y, end(setting));
    sheet.rule(SIDE, y, to, 0.7, GREY);
}

fn face(strong: bool) -> Face {
    if strong { Face::Semibold } else { Face::Regular }
}

fn end(setting: &Setting) -> f32 {
    let gaps = setting.gap * (setting.widths.len().max(1) - 1) as f32;
    SIDE + setting.widths.iter().sum::<f32>() + gaps
}

fn lines(row: &Row, setting: &Setting, fonts: &Fonts) -> Vec<Vec<Line>> {
    row.cells
        .iter()
        .zip(setting.widths.iter().zip(&setting.ranges))
        .map(|(cell, (width, range))| {
            let (text, width) = (cell.text(setting.short), width - range);
            let line = fonts.line(face(row.strong), setting.size, text);
            if line.width <= width + 0.5 {
                vec![line]
            } else {
                fonts.wrap(face(row.strong), setting.size, text, width)
            }
        })
        .collect()
}

fn height(cells: &[Vec<Line>], setting: &Setting) -> f32 {
    let n = cells.iter().map(Vec::len).max().unwrap_or(1).max(1);
    setting.row_height() + (n - 1) as f32 * setting.line_height()
}

fn draw_row(
    sheet: &mut Sheet<'_>,
    setting: &Setting,
    table: Node,
    row: &Row,
    cells: Vec<Vec<Line>>,
    height: f32,
) {
    let tag = sheet.tag(Some(table), Tag::TR);
    let base = sheet.y + setting.size * 1.2;
    let mut x = SIDE;
    let widths = setting.widths.iter().zip(&setting.ranges);
    for (at, ((lines, (width, range)), cell)) in
        cells.into_iter().zip(widths).zip(&row.cells).enumerate()
    {
        let node = if at == 0 {
            sheet.tag(Some(tag), Tag::TH(TableHeaderScope::Row))
        } else {
            sheet.tag(Some(tag), Tag::TD)
        };
        let linked = cell.link.as_ref().filter(|_| !lines.is_empty());
        let node = if linked.is_some() { sheet.tag(Some(node), Tag::Link) } else { node };
        let mut left_most = x + width;
        let mut widest = 0.0_f32;
        let n_lines = lines.len();
        for (number, line) in lines.into_iter().enumerate() {
            let left = if at == 0 { x } else { x + width - range - line.width };
            let y = base + number as f32 * setting.line_height();
            left_most = left_most.min(left);
            widest = widest.max(line.width);
            let nothing = matches!(cell.text(setting.short), "0" | "0%") && !row.strong;
            sheet.text(node, left, y, line, if nothing { GREY } else { INK });
        }
        if let Some(address) = linked {
            let high = n_lines as f32 * setting.line_height();
            let rect = (left_most, base - setting.size, widest, high);
            let says = format!("rows of {}", cell.long);
            sheet.link(node, rect, To::Address(address.clone()), &says);
        }
        if !cell.range.is_empty() {
            let line = sheet.fonts.line(Face::Regular, setting.size - 0.7, &cell.range);
            sheet.text(node, x + width - line.width, base, line, GREY);
        }
        x += width + setting.gap;
    }
    sheet.y += height;
}
