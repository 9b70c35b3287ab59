//! The pack: a cover with every headline, a section for each question, caveats and definitions.

use std::num::NonZeroU16;

use domain::Answer;
use domain::answer::{Asked, Table};
use domain::definition::check::model_name;
use krilla::Document;
use krilla::SerializeSettings;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::Point;
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::tagging::{ListNumbering, Tag};
use show::number::Scale;
use show::visible::visible;

use crate::figure::{self, Reasons};
use crate::sheet::{Color, GREY, HAIR, INK, Later, Node, SIDE, Sheet};
use crate::table::{Cell, Grid, Row};
use crate::text::{Face, Fonts};
use crate::{Link, Pack, PrintError};

/// The one color besides black and grey.
const ACCENT: Color = Color(0x0b, 0x5f, 0x6f);

/// Makes the pack as PDF.
pub fn board(pack: &Pack<'_>) -> Result<Vec<u8>, PrintError> {
    let fonts = Fonts::new()?;
    let first = pack.answers.first().ok_or_else(|| PrintError("it holds no answer".to_owned()))?;
    let (width, height) = pack.paper.size();
    let mut sheet = Sheet::new(&fonts, width, height);
    // The tag that holds all others.
    let _root = sheet.tag(None, Tag::Div);
    let mut book = Book { pack, charts: crate::chart::Charts::new(), outline: Vec::new() };
    let entries = book.cover(&mut sheet, &first.asked);
    let mut references = Vec::new();
    for (answer, entry) in pack.answers.iter().zip(entries) {
        let page = book.question(&mut sheet, answer, &mut references);
        entry.fill(&mut sheet, page);
    }
    let caveats = book.caveats(&mut sheet);
    for reference in references {
        reference.fill(&mut sheet, caveats);
    }
    book.definitions(&mut sheet);
    foot(&mut sheet, &first.asked);
    let outline = book.outline;
    finish(pack, &first.asked, sheet, outline)
}

/// Paints the pages and writes the file.
fn finish(
    pack: &Pack<'_>,
    asked: &Asked,
    sheet: Sheet<'_>,
    entries: Vec<(String, usize)>,
) -> Result<Vec<u8>, PrintError> {
    let fault = |error: &dyn std::fmt::Debug| PrintError(format!("{error:?}"));
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| fault(&error))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let mut outline = Outline::new();
    for (says, page) in entries {
        let top = XyzDestination::new(page, Point::from_xy(0.0, 0.0));
        outline.push_child(OutlineNode::new(says, top));
    }
    let tree = sheet.paint(&mut document);
    document.set_tag_tree(tree);
    document.set_outline(outline);
    let company = visible(&asked.company);
    let day = asked.as_of;
    let small = |part: i8| u8::try_from(part).unwrap_or(1);
    let date = DateTime::new(u16::try_from(day.year()).unwrap_or_default())
        .month(small(day.month()))
        .day(small(day.day()))
        .hour(0)
        .minute(0)
        .second(0)
        .utc_offset_hour(0);
    document.set_metadata(
        Metadata::new()
            .title(format!(
                "{}: {}, {}",
                visible(pack.title),
                company,
                visible(&asked.period.label)
            ))
            .authors(vec![company.into_owned()])
            .creator("Throughline".to_owned())
            .language("en-US".to_owned())
            .creation_date(date),
    );
    document.finish().map_err(|error| fault(&error))
}

/// The pack while it is laid out.
struct Book<'a> {
    pack: &'a Pack<'a>,
    charts: crate::chart::Charts,
    outline: Vec<(String, usize)>,
}

/// A number of a page that is known later.
struct Reference {
    later: Later,
    at: (f32, f32),
    right: bool,
    text: &'static str,
}

impl Reference {
    fn fill(self, sheet: &mut Sheet<'_>, page: usize) {
        let text = format!("{}{}", self.text, page + 1);
        let line = sheet.fonts.line(Face::Regular, 8.5, &text);
        let x = if self.right { self.at.0 - line.width } else { self.at.0 };
        sheet.fill(&self.later, (x, self.at.1), line, ACCENT, page);
    }
}

fn heading(level: u16, title: &str) -> Tag<krilla::tagging::kind::Hn> {
    Tag::Hn(NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN), Some(title.to_owned()))
}

/// Writes a paragraph below what is there already, line by line, over pages where it must be.
fn paragraph(sheet: &mut Sheet<'_>, node: Node, text: &str, set: Set) {
    let measure = sheet.measure() - set.indent;
    for line in sheet.fonts.wrap(set.face, set.size, text, measure) {
        sheet.need(set.leading);
        sheet.y += set.leading;
        let y = sheet.y - set.leading * 0.28;
        sheet.text(node, SIDE + set.indent, y, line, set.color);
    }
}

/// How a paragraph is set.
#[derive(Clone, Copy)]
struct Set {
    face: Face,
    size: f32,
    leading: f32,
    indent: f32,
    color: Color,
}

const BODY: Set = Set { face: Face::Regular, size: 8.5, leading: 12.0, indent: 0.0, color: INK };
const SMALL: Set = Set { face: Face::Regular, size: 8.0, leading: 11.5, indent: 0.0, color: GREY };

impl Book<'_> {
    /// The cover; returns the places for the numbers of the pages.
    fn cover(&mut self, sheet: &mut Sheet<'_>, asked: &Asked) -> Vec<Reference> {
        sheet.new_page();
        self.outline.push((visible(self.pack.title).into_owned(), 0));
        let section = sheet.tag(None, Tag::Section);
        let title = format!("{} · {}", visible(self.pack.title), period(asked));
        let node = sheet.tag(Some(section), heading(1, &title));
        let company = visible(&asked.company).into_owned();
        let size = if company.chars().count() > 60 { 15.0 } else { 24.0 };
        paragraph(
            sheet,
            node,
            &company,
            Set { face: Face::Serif, size, leading: size * 1.3, indent: 0.0, color: INK },
        );
        sheet.y += 2.0;
        paragraph(
            sheet,
            node,
            &title,
            Set { face: Face::Semibold, size: 10.0, leading: 15.0, indent: 0.0, color: ACCENT },
        );
        if let Some(notice) = self.pack.notice {
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, &visible(notice), Set { face: Face::Semibold, ..BODY });
        }
        sheet.y += 18.0;
        let mut entries = Vec::new();
        for answer in self.pack.answers {
            entries.push(entry(sheet, section, answer));
        }
        filters(sheet, section, self.pack.answers);
        entries
    }

    /// The section of a question; returns its first page.
    fn question(
        &mut self,
        sheet: &mut Sheet<'_>,
        answer: &Answer,
        references: &mut Vec<Reference>,
    ) -> usize {
        sheet.new_page();
        let page = sheet.page();
        let name = capital(&visible(answer.question).replace('_', " "));
        sheet.continued.clone_from(&name);
        let segment = answer.asked.segment.as_ref().map(|s| format!(", segment {}", visible(s)));
        self.outline.push((format!("{name}{}", segment.unwrap_or_default()), page));
        let section = sheet.tag(None, Tag::Section);
        let (asks, headline) = (visible(answer.asks), visible(headline(answer)));

        let node = sheet.tag(Some(section), Tag::P);
        let label = sheet.fonts.line(Face::Semibold, 9.0, &format!("{name}  "));
        let indent = label.width;
        let y = sheet.y + 9.0;
        sheet.text(node, SIDE, y, label, ACCENT);
        sheet.y -= 0.5;
        paragraph(
            sheet,
            node,
            &asks,
            Set { face: Face::Regular, size: 9.0, leading: 13.0, indent, color: GREY },
        );
        sheet.y += 7.0;
        let node = sheet.tag(Some(section), heading(1, &headline));
        let size = match headline.chars().count() {
            0..=120 => 19.0,
            121..=230 => 16.5,
            231..=420 => 14.5,
            _ => 12.0,
        };
        paragraph(
            sheet,
            node,
            &headline,
            Set { face: Face::Serif, size, leading: size * 1.32, indent: 0.0, color: INK },
        );
        sheet.y += 5.0;
        let node = sheet.tag(Some(section), Tag::P);
        paragraph(sheet, node, &scope(&answer.asked), SMALL);
        sheet.y += 14.0;

        let mut reasons = Reasons::default();
        figure::leading(sheet, section, answer, self.pack.link, &mut reasons, ACCENT);
        self.charts.lay(sheet, section, &answer.charts);
        for table in &answer.tables {
            self.table(sheet, section, table, answer, &mut reasons);
        }
        let further = figure::further(answer, self.pack.link, &mut reasons);
        if !further.rows.is_empty() {
            further.lay(sheet, section);
            sheet.y += 8.0;
        }
        if answer.figures.is_empty() && answer.tables.is_empty() && answer.charts.is_empty() {
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, "There is nothing to show for this question.", BODY);
        }
        notes(sheet, section, answer, &reasons, references);
        sheet.continued.clear();
        page
    }

    fn table(
        &self,
        sheet: &mut Sheet<'_>,
        section: Node,
        table: &Table,
        answer: &Answer,
        reasons: &mut Reasons,
    ) {
        grid(table, answer, self.pack.link, reasons).lay(sheet, section);
        if table.rows.is_empty() {
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, "No rows.", SMALL);
        }
        if let Some(note) = &table.note {
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, &visible(note), SMALL);
        }
        sheet.y += 12.0;
    }

    /// What the reader should know, each once, with the questions that it concerns; returns the
    /// page.
    fn caveats(&mut self, sheet: &mut Sheet<'_>) -> usize {
        let mut all: Vec<(String, Vec<String>)> = Vec::new();
        for answer in self.pack.answers {
            for caveat in &answer.caveats {
                let text = sentence(&visible(&caveat.text));
                let of = visible(answer.question).replace('_', " ");
                match all.iter_mut().find(|(known, _)| *known == text) {
                    Some((_, questions)) if !questions.contains(&of) => questions.push(of),
                    Some(_) => {}
                    None => all.push((text, vec![of])),
                }
            }
        }
        sheet.new_page();
        let page = sheet.page();
        let section = self.part(sheet, "What to know before believing a figure");
        if all.is_empty() {
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, "Nothing stands against the figures of this pack.", BODY);
        }
        let asked = self.pack.answers.iter().map(|answer| answer.question);
        let n = asked.collect::<std::collections::BTreeSet<_>>().len();
        let list = sheet.tag(Some(section), Tag::L(ListNumbering::Decimal));
        for (at, (text, questions)) in all.iter().enumerate() {
            let of = if questions.len() == n && n > 1 {
                String::new()
            } else {
                format!(" ({})", questions.join(", "))
            };
            item(sheet, list, &(at + 1).to_string(), &format!("{text}{of}"));
        }
        sheet.y += 16.0;
        page
    }

    /// What the words mean.
    fn definitions(&mut self, sheet: &mut Sheet<'_>) {
        let mut all: Vec<(String, String)> = Vec::new();
        let meanings = self.pack.answers.iter().flat_map(|answer| {
            answer.figures.iter().map(|figure| {
                let range = figure.interval.as_ref();
                let range = range.map(|range| format!(" Range by {}.", range.method));
                (figure.label.clone(), figure.meaning.clone() + &range.unwrap_or_default())
            })
        });
        for (word, meaning) in self.pack.definitions.iter().cloned().chain(meanings) {
            if !meaning.trim().is_empty()
                && !all.iter().any(|known| known.0 == word && known.1 == meaning)
            {
                all.push((word, meaning));
            }
        }
        sheet.continued.clear();
        sheet.need(120.0);
        let section = self.part(sheet, "What the words mean here");
        for (word, meaning) in &all {
            let node = sheet.tag(Some(section), Tag::P);
            define(sheet, node, &visible(word), &sentence(&visible(meaning)));
        }
        let missing = sheet.fonts.missing();
        if !missing.is_empty() {
            sheet.y += 12.0;
            let n = missing.len();
            let characters =
                if n == 1 { "1 character is".to_owned() } else { format!("{n} characters are") };
            let codes: Vec<String> =
                missing.iter().take(12).map(|c| format!("U+{:04X}", u32::from(*c))).collect();
            let more = if n > 12 { ", …" } else { "" };
            let text = format!(
                "{characters} not in the fonts of this file, which hold Latin, Greek and Cyrillic, and \
                 drawn as □: {}{more}. Copied text has them as they are.",
                codes.join(", ")
            );
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, &text, SMALL);
        }
    }

    /// Begins a part of the end matter.
    fn part(&mut self, sheet: &mut Sheet<'_>, title: &str) -> Node {
        self.outline.push((title.to_owned(), sheet.page()));
        let section = sheet.tag(None, Tag::Section);
        let node = sheet.tag(Some(section), heading(1, title));
        paragraph(
            sheet,
            node,
            title,
            Set { face: Face::Serif, size: 15.0, leading: 20.0, indent: 0.0, color: INK },
        );
        sheet.y += 8.0;
        section
    }
}

/// Writes the foot of every page.
fn foot(sheet: &mut Sheet<'_>, asked: &Asked) {
    let count = sheet.n_pages();
    let left = [
        visible(&asked.company).into_owned(),
        visible(&asked.period.label).into_owned(),
        format!("as of {}", asked.as_of),
        format!("definitions {}", visible(&asked.definitions)),
    ];
    let left = left.join(" · ");
    for page in 0..count {
        let number = format!("page {} of {count}", page + 1);
        let number = sheet.fonts.line(Face::Regular, 7.5, &number);
        let room = sheet.measure() - number.width - 20.0;
        let y = sheet.height - 32.0;
        let x = sheet.width - SIDE - number.width;
        // A company of a very long name shows its beginning here and the whole on the cover.
        if let Some(line) = sheet.fonts.wrap(Face::Regular, 7.5, &left, room).into_iter().next() {
            sheet.decorate_on(page, SIDE, y, line, GREY);
        }
        sheet.decorate_on(page, x, y, number, GREY);
    }
}

/// A question on the cover.
fn entry(sheet: &mut Sheet<'_>, section: Node, answer: &Answer) -> Reference {
    let fonts = sheet.fonts;
    let room = sheet.measure() - 60.0;
    let lines = fonts.wrap(Face::Serif, 12.5, &visible(headline(answer)), room);
    let mut name = capital(&visible(answer.question).replace('_', " "));
    if let Some(segment) = &answer.asked.segment {
        name = format!("{name}, segment {}", visible(segment));
    }
    sheet.need((20.0 + lines.len() as f32 * 17.0).min(sheet.most()));
    let (y, to) = (sheet.y, sheet.width - SIDE);
    sheet.rule(SIDE, y, to, 0.5, HAIR);
    let node = sheet.tag(Some(section), Tag::P);
    sheet.y += 14.0;
    let y = sheet.y;
    for line in fonts.wrap(Face::Semibold, 8.5, &name, room).into_iter().take(1) {
        sheet.text(node, SIDE, y, line, ACCENT);
    }
    let link = sheet.tag(Some(node), Tag::Link);
    let later = sheet.later(link);
    for line in lines {
        sheet.need(17.0);
        sheet.y += 17.0;
        let y = sheet.y;
        sheet.text(node, SIDE, y, line, INK);
    }
    sheet.y += 11.0;
    Reference { later, at: (to, y), right: true, text: "page " }
}

/// Everything that the answers were asked for, as a table of two columns.
fn filters(sheet: &mut Sheet<'_>, section: Node, answers: &[Answer]) {
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    for answer in answers {
        for (name, value) in asked_items(&answer.asked) {
            let value = visible(&value).into_owned();
            match rows.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) if !values.contains(&value) => values.push(value),
                Some(_) => {}
                None => rows.push((name, vec![value])),
            }
        }
    }
    sheet.need(24.0 + rows.len() as f32 * 13.0);
    let (y, to) = (sheet.y, sheet.width - SIDE);
    sheet.rule(SIDE, y, to, 0.5, HAIR);
    sheet.y += 10.0;
    for (name, values) in rows {
        let node = sheet.tag(Some(section), Tag::P);
        let line = sheet.fonts.line(Face::Regular, 8.5, name);
        sheet.need(13.0);
        let y = sheet.y + 13.0 - 13.0 * 0.28;
        sheet.text(node, SIDE, y, line, GREY);
        paragraph(sheet, node, &values.join("; "), Set { indent: 110.0, leading: 13.0, ..BODY });
    }
}

fn asked_items(asked: &Asked) -> Vec<(&'static str, String)> {
    vec![
        ("Period", period(asked)),
        ("Compared with", asked.previous.label.clone()),
        ("As of", asked.as_of.to_string()),
        ("Segment", asked.segment.clone().unwrap_or_else(|| "all".to_owned())),
        ("Attribution model", model_name(&asked.model).to_owned()),
        ("Sourced by", asked.sourced_by.replace('_', " ")),
        ("Currency", asked.currency.to_string()),
        ("Time zone", asked.time_zone.clone()),
        ("Definitions", format!("version {}", asked.definitions)),
    ]
}

fn period(asked: &Asked) -> String {
    // Named periods say which days they are; the others are called by their days already.
    let period = &asked.period;
    if period.label.contains(" to ") {
        visible(&period.label).into_owned()
    } else {
        format!("{} ({} to {})", visible(&period.label), period.from, period.to)
    }
}

/// What a question was asked for, in one line.
fn scope(asked: &Asked) -> String {
    let mut items = vec![
        period(asked),
        format!("against {}", asked.previous.label),
        format!("as of {}", asked.as_of),
    ];
    items
        .push(asked.segment.as_ref().map_or("all segments".to_owned(), |s| format!("segment {s}")));
    if !asked.by.is_empty() {
        items.push(format!("by {}", asked.by.join(", ")));
    }
    items.push(format!("model {}", model_name(&asked.model)));
    items.push(format!("sourced by {}", asked.sourced_by.replace('_', " ")));
    items.push(asked.currency.to_string());
    visible(&items.join(" · ")).into_owned()
}

fn headline(answer: &Answer) -> &str {
    if answer.headline.is_empty() { answer.asks } else { &answer.headline }
}

/// Turns a table of an answer into one on paper.
fn grid(table: &Table, answer: &Answer, link: Option<Link<'_>>, reasons: &mut Reasons) -> Grid {
    let mut grid = Grid { headings: vec![visible(&table.of).into_owned()], ..Grid::default() };
    let mut scales = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        grid.headings.push(visible(&column.label).into_owned());
        let entries = table.rows.iter().filter_map(|row| row.entries.get(at));
        scales.push(Scale::of(entries.map(|entry| &entry.value)));
    }
    let mut money = false;
    for row in &table.rows {
        let mut cells = vec![Cell::same(visible(&row.label))];
        for ((entry, scale), column) in row.entries.iter().zip(&scales).zip(&table.columns) {
            money |= entry.value.unit() == answer.asked.currency.code();
            let mut cell = reasons.value(&entry.value, *scale, answer, false);
            let range = entry.interval.as_ref();
            let range = range.and_then(|r| show::number::range(r, &entry.value, *scale, true));
            if let Some(range) = range {
                cell.long = format!("{} ({range})", cell.long);
                cell.short = format!("{} ({range})", cell.short);
            }
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

/// Why values are missing, and where the caveats stand.
fn notes(
    sheet: &mut Sheet<'_>,
    section: Node,
    answer: &Answer,
    reasons: &Reasons,
    references: &mut Vec<Reference>,
) {
    for (at, reason) in reasons.all.iter().enumerate() {
        let node = sheet.tag(Some(section), Tag::P);
        let text = format!("[{}] {}", at + 1, sentence(&visible(reason)));
        paragraph(sheet, node, &text, SMALL);
    }
    if answer.caveats.is_empty() {
        return;
    }
    sheet.need(16.0);
    sheet.y += 14.0;
    let y = sheet.y;
    let n = answer.caveats.len();
    let node = sheet.tag(Some(section), Tag::P);
    let text = if n == 1 { "1 caveat:  ".to_owned() } else { format!("{n} caveats:  ") };
    let line = sheet.fonts.line(Face::Regular, 8.5, &text);
    let x = SIDE + line.width;
    sheet.text(node, SIDE, y, line, GREY);
    let link = sheet.tag(Some(node), Tag::Link);
    let later = sheet.later(link);
    references.push(Reference { later, at: (x, y), right: false, text: "page " });
}

/// An entry of a numbered list.
fn item(sheet: &mut Sheet<'_>, list: Node, mark: &str, text: &str) {
    let entry = sheet.tag(Some(list), Tag::LI);
    let label = sheet.tag(Some(entry), Tag::Lbl);
    let body = sheet.tag(Some(entry), Tag::LBody);
    let line = sheet.fonts.line(Face::Regular, 8.5, mark);
    sheet.need(BODY.leading);
    let y = sheet.y + BODY.leading * 0.72;
    sheet.text(label, SIDE + 14.0 - line.width, y, line, GREY);
    paragraph(sheet, body, text, Set { indent: 22.0, ..BODY });
    sheet.y += 3.0;
}

/// A word and what it means.
fn define(sheet: &mut Sheet<'_>, node: Node, word: &str, meaning: &str) {
    const LEFT: f32 = 150.0;
    let words = sheet.fonts.wrap(Face::Semibold, 8.5, word, LEFT - 14.0);
    let meanings = sheet.fonts.wrap(Face::Regular, 8.5, meaning, sheet.measure() - LEFT);
    let n = words.len().max(meanings.len());
    sheet.need((n as f32 * BODY.leading).min(sheet.most()));
    let mut words = words.into_iter();
    let mut meanings = meanings.into_iter();
    // The whole word is read before its meaning.
    let (top, first_page) = (sheet.y, sheet.page());
    for (at, line) in words.by_ref().take(30).enumerate() {
        sheet.text(node, SIDE, top + (at as f32 + 0.72) * BODY.leading, line, INK);
    }
    for at in 0..n {
        if sheet.page() == first_page {
            sheet.y = top + at as f32 * BODY.leading;
        }
        sheet.need(BODY.leading);
        if let Some(line) = meanings.next() {
            let y = sheet.y + BODY.leading * 0.72;
            sheet.text(node, SIDE + LEFT, y, line, INK);
        }
        sheet.y += BODY.leading;
    }
    sheet.y += 4.0;
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

/// Begins with a capital letter and ends with a full stop.
fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    capital(text) + stop
}
