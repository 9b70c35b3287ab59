//! The page of a question: headline, figures, charts and the table that matters most, on one page.

use domain::Answer;
use domain::answer::{Entry, Table, Value};
use domain::definition::check::model_name;
use krilla::tagging::Tag;
use show::html::{self, minus};
use show::number::{self, Scale};
use show::visible::visible;

use crate::Link;
use crate::board::{
    self, ACCENT, BODY, Book, Place, SMALL, Set, heading, lay, named, paragraph, period,
};
use crate::figure::{self, Reasons};
use crate::sheet::{GREY, INK, Node, SIDE, Sheet};
use crate::table::{Cell, Grid, Row};
use crate::text::Face;

/// What the page of a question left to the appendix.
pub(crate) struct Rest {
    /// So many charts stand on the page.
    pub(crate) charts: usize,
    /// The headline was too long.
    pub(crate) headline: bool,
}

impl Rest {
    /// True where the appendix has something to show for the question.
    pub(crate) fn any(&self, answer: &Answer) -> bool {
        let charts = self.charts < answer.charts.len();
        self.headline || charts || !answer.figures.is_empty() || !answer.tables.is_empty()
    }
}

/// The remainder of the headline, below its first sentence.
const SECOND: Set = Set { face: Face::Regular, size: 10.0, leading: 14.5, indent: 0.0, color: INK };
/// Room for the last line, which says what stands where.
const LAST: f32 = 16.0;

impl Book<'_> {
    /// The page of a question.
    pub(crate) fn question(&mut self, sheet: &mut Sheet<'_>, at: usize, answer: &Answer) -> Rest {
        sheet.new_page();
        let page = sheet.page();
        self.places.push((Place::Question(at), page));
        self.outline.push(board::Entry::new(&named(answer), page));
        let section = sheet.tag(None, Tag::Section);
        let mut rest = Rest { charts: 0, headline: head(sheet, section, answer) };
        figure::leading(sheet, section, answer, self.pack.link, &mut self.reasons, ACCENT);
        sheet.y += 4.0;

        let first = answer.tables.first();
        // Charts leave room for some rows, and for fewer rather than being left out themselves.
        let n_rows = first.map_or(0, |table| table.rows.len());
        let rooms = [10, 6, 3].map(|rows| {
            let least = if n_rows == 0 { 0.0 } else { 62.0 + 13.6 * n_rows.min(rows) as f32 };
            sheet.left() - LAST - least
        });
        rest.charts = self.charts.fit(sheet, section, &answer.charts, rooms);
        let mut more = Vec::new();
        if let Some(table) = first {
            let left = self.table(sheet, section, table, answer);
            let (rows, columns) = left.unwrap_or_default();
            more.extend(count(rows, "row"));
            more.extend(count(columns, "column"));
            let shown = usize::from(left.is_some());
            more.extend(count(answer.tables.len() - shown, "table"));
        }
        more.extend(count(answer.charts.len() - rest.charts, "chart"));
        if answer.figures.is_empty() && answer.tables.is_empty() && answer.charts.is_empty() {
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, "There is nothing to show for this question.", BODY);
        }
        let y = sheet.y + 8.0;
        let node = sheet.tag(Some(section), Tag::P);
        if !more.is_empty() {
            let text = format!("{} on page ", listed(&more));
            self.lead(sheet, node, (SIDE, y), text, Place::Tables(at));
        }
        let caveats = match answer.caveats.len() {
            0 => return rest,
            1 => "1 caveat on page ".to_owned(),
            n => format!("{n} caveats on page "),
        };
        self.lead(sheet, node, (sheet.width - SIDE, y), caveats, Place::Caveats);
        rest
    }

    /// As much of a table as there is room for; returns how many rows and columns are left out.
    fn table(
        &mut self,
        sheet: &mut Sheet<'_>,
        section: Node,
        table: &Table,
        answer: &Answer,
    ) -> Option<(usize, usize)> {
        if table.rows.is_empty() {
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, &format!("{}: no rows.", visible(&table.title)), SMALL);
            return Some((0, 0));
        }
        let room = sheet.left() - LAST;
        let grid = grid(table, answer, self.pack.link, &mut self.reasons);
        let left = grid.fit(sheet, section, room)?;
        // A short remark stands below the table; a long one is with the whole of it.
        if let Some(note) = &table.note {
            let measure = sheet.measure();
            let (lines, cut) = sheet.fonts.clip(SMALL.face, SMALL.size, &visible(note), measure, 2);
            if !cut && sheet.left() - LAST >= lines.len() as f32 * SMALL.leading {
                let node = sheet.tag(Some(section), Tag::P);
                lay(sheet, node, lines, SMALL);
            }
        }
        sheet.y += 4.0;
        Some(left)
    }
}

/// The question and its answer in words; true where the answer is too long for the page.
fn head(sheet: &mut Sheet<'_>, section: Node, answer: &Answer) -> bool {
    let (fonts, measure) = (sheet.fonts, sheet.measure());
    let node = sheet.tag(Some(section), Tag::P);
    let name = format!("{}  ", named(answer));
    let label = fonts.clip(Face::Semibold, 9.0, &name, measure / 2.0, 1).0;
    let indent = label.first().map_or(0.0, |line| line.width) + 6.0;
    let y = sheet.y + 9.0;
    for line in label {
        sheet.text(node, SIDE, y, line, ACCENT);
    }
    for line in fonts.clip(Face::Regular, 9.0, &visible(answer.asks), measure - indent, 1).0 {
        sheet.text(node, SIDE + indent, y, line, GREY);
    }
    sheet.y += 17.0;

    let (first, second) = html::headline(answer);
    let (first, second) = (visible(&first), visible(&second));
    let node = sheet.tag(Some(section), heading(1, &first));
    let sizes = [18.0, 16.0, 14.0, 12.0];
    let size = sizes
        .into_iter()
        .find(|&size| fonts.wrap(Face::Serif, size, &first, measure).len() <= 3)
        .unwrap_or(10.5);
    let (lines, cut) = fonts.clip(Face::Serif, size, &first, measure, 8);
    lay(sheet, node, lines, Set { face: Face::Serif, size, leading: size * 1.3, ..BODY });
    sheet.y += 3.0;
    let (lines, cut_too) = fonts.clip(SECOND.face, SECOND.size, &second, measure, 6);
    if !lines.is_empty() {
        let node = sheet.tag(Some(section), Tag::P);
        lay(sheet, node, lines, SECOND);
    }
    sheet.y += 4.0;
    let node = sheet.tag(Some(section), Tag::P);
    let lines = fonts.clip(SMALL.face, SMALL.size, &scope(answer), measure, 1).0;
    lay(sheet, node, lines, SMALL);
    sheet.y += 12.0;
    cut || cut_too
}

/// What a question was asked for, in one line; the day and the definitions stand in the foot.
fn scope(answer: &Answer) -> String {
    let asked = &answer.asked;
    let mut items = vec![period(asked), format!("against {}", asked.previous.label)];
    items.extend(asked.segment.as_ref().map(|segment| format!("segment {segment}")));
    if !asked.by.is_empty() {
        items.push(format!("by {}", asked.by.join(", ")));
    }
    items.push(format!("model {}", model_name(&asked.model)));
    items.push(format!("sourced by {}", asked.sourced_by.replace('_', " ")));
    items.push(asked.currency.to_string());
    visible(&items.join(" · ")).into_owned()
}

fn count(n: usize, what: &str) -> Option<String> {
    match n {
        0 => None,
        1 => Some(format!("1 more {what}")),
        _ => Some(format!("{n} more {what}s")),
    }
}

fn listed(items: &[String]) -> String {
    match items {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => items.join(""),
    }
}

/// Turns a table of an answer into one on paper.
pub(crate) fn grid(
    table: &Table,
    answer: &Answer,
    link: Option<Link<'_>>,
    reasons: &mut Reasons,
) -> Grid {
    let headings = vec![visible(&table.of).into_owned()];
    let mut grid = Grid { headings, ranks: vec![0], ..Grid::default() };
    let mut scales = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        grid.headings.push(visible(&column.label).into_owned());
        let entries = || table.rows.iter().filter_map(|row| row.entries.get(at));
        scales.push(Scale::of(entries().map(|entry| &entry.value)));
        // Of many columns, quotients say more than amounts, and amounts more than counts.
        let quotient = |entry: &Entry| entry.evidence.as_ref().is_some_and(|e| e.per.is_some());
        let money = |entry: &Entry| matches!(entry.value, Value::Money(_));
        grid.ranks.push(match () {
            () if at == 0 || entries().any(quotient) => 0,
            () => 1 + u8::from(!entries().any(money)),
        });
    }
    let mut money = false;
    for row in &table.rows {
        let mut cells = vec![Cell::same(visible(&row.label))];
        for ((entry, scale), column) in row.entries.iter().zip(&scales).zip(&table.columns) {
            money |= entry.value.unit() == answer.asked.currency.code();
            let mut cell = reasons.value(&entry.value, *scale, answer);
            let range = entry.interval.as_ref();
            let range = range.and_then(|r| number::range(r, &entry.value, *scale, true));
            cell.range = range.map(|range| minus(&range)).unwrap_or_default();
            if entry.evidence.is_some() {
                let id = format!("{}.{}.{}", table.id, row.id, column.id);
                cell.link = link.and_then(|link| link(answer, &id));
            }
            cells.push(cell);
        }
        let strong = matches!(row.id.as_str(), "all" | "total");
        grid.rows.push(Row { cells, strong });
    }
    let unit = answer.asked.currency.code();
    let title = visible(&table.title);
    let named = title.contains(unit);
    grid.title = if money && !named { format!("{title} ({unit})") } else { title.into_owned() };
    grid
}
