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

/// A cell in its long and in its short form.
#[derive(Clone, Default, Debug)]
pub(crate) struct Cell {
    pub(crate) long: String,
    pub(crate) short: String,
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
    pub(crate) rows: Vec<Row>,
}

impl Cell {
    pub(crate) fn same(text: impl Into<String>) -> Self {
        let long = text.into();
        Self { short: long.clone(), long, link: None }
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
    gap: f32,
}

impl Setting {
    fn row_height(&self) -> f32 {
        self.size * 1.65
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
        widest.max(word.fold(0.0, f32::max).min(size * 9.0))
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
        Some(Setting { size, short, widths, gap })
    }

    fn fitting(&self, measure: f32, fonts: &Fonts) -> Option<Setting> {
        [(8.5, false), (8.5, true), (7.5, false), (7.5, true), (6.8, true)]
            .into_iter()
            .find_map(|(size, short)| self.setting(size, short, measure, fonts))
    }

    /// The first column and those from one to before another.
    fn part(&self, from: usize, to: usize) -> Self {
        fn kept<T: Clone>(all: &[T], from: usize, to: usize) -> Vec<T> {
            let pick = |at: usize| at == 0 || (from..to).contains(&at);
            all.iter().enumerate().filter(|(at, _)| pick(*at)).map(|(_, x)| x.clone()).collect()
        }
        let rows = self.rows.iter();
        Self {
            title: if from <= 1 {
                self.title.clone()
            } else {
                format!("{}, further columns", self.title)
            },
            headings: kept(&self.headings, from, to),
            rows: rows
                .map(|row| Row { cells: kept(&row.cells, from, to), strong: row.strong })
                .collect(),
        }
    }

    /// Lays the table out below what is there already.
    pub(crate) fn lay(&self, sheet: &mut Sheet<'_>, parent: Node) {
        let (measure, fonts) = (sheet.measure(), sheet.fonts);
        if let Some(setting) = self.fitting(measure, fonts) {
            self.draw(sheet, parent, &setting);
            return;
        }
        let most = self.panel(1, self.headings.len(), measure, fonts);
        // Panels of about the same number of columns, rather than one column alone in the last.
        let n = self.headings.len().saturating_sub(1).max(1);
        let each = n.div_ceil(n.div_ceil(most.max(1)));
        let mut from = 1;
        while from < self.headings.len() {
            let wanted = (from + each).min(self.headings.len());
            let to = from + self.panel(from, wanted, measure, fonts).max(1);
            let part = self.part(from, to);
            let setting = part.setting(8.5, true, measure, fonts).unwrap_or_else(|| {
                // One column alone always gets a panel; its cells are wrapped where they must be.
                let widths = vec![measure * 0.4, measure * 0.6 - GAP];
                Setting { size: 7.5, short: true, widths, gap: GAP }
            });
            if from > 1 {
                sheet.y += 8.0;
            }
            part.draw(sheet, parent, &setting);
            from = to;
        }
    }

    /// How many columns from one to before another fit beside the names of the rows.
    fn panel(&self, from: usize, to: usize, measure: f32, fonts: &Fonts) -> usize {
        let fits = |to: usize| self.part(from, to).setting(8.5, true, measure, fonts).is_some();
        (from + 1..=to).take_while(|to| fits(*to)).count()
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
        let n_lines = head.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let head_height = n_lines as f32 * setting.line_height() + 5.0;
        let rows: Vec<Vec<Vec<Line>>> =
            self.rows.iter().map(|row| lines(row, setting, fonts)).collect();
        let heights: Vec<f32> = rows.iter().map(|cells| height(cells, setting)).collect();
        // A title never stands alone at the foot of a page, and a short table is not divided.
        let begin = titles.len() as f32 * 13.0 + 4.0 + head_height;
        let all: f32 = begin + heights.iter().sum::<f32>();
        let few: f32 = begin + heights.iter().take(4).sum::<f32>();
        sheet.need(if all < sheet.most() * 0.4 { all } else { few.min(sheet.most()) });

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
        for (at, ((cells, row), height)) in
            rows.into_iter().zip(&self.rows).zip(heights).enumerate()
        {
            if sheet.need(height + 2.0) {
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
        sheet.y += 6.0;
    }
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
        .zip(&setting.widths)
        .map(|(cell, width)| {
            let text = cell.text(setting.short);
            let line = fonts.line(face(row.strong), setting.size, text);
            if line.width <= width + 0.5 {
                vec![line]
            } else {
                fonts.wrap(face(row.strong), setting.size, text, *width)
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
    for (at, ((lines, width), cell)) in
        cells.into_iter().zip(&setting.widths).zip(&row.cells).enumerate()
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
            let left = if at == 0 { x } else { x + width - line.width };
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
        x += width + setting.gap;
    }
    sheet.y += height;
}
