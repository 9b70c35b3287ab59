//! The pack: a cover, a page for each question, then tables in full, caveats and definitions.

use std::num::NonZeroU16;

use domain::Answer;
use domain::answer::Asked;
use domain::definition::check::model_name;
use krilla::Document;
use krilla::SerializeSettings;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::Point;
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::tagging::Tag;
use show::html;
use show::visible::visible;

use crate::figure::Reasons;
use crate::sheet::{Color, GREY, HAIR, INK, Later, Node, SIDE, Sheet};
use crate::text::{Face, Fonts, Line};
use crate::{Pack, PrintError};

/// The one color besides black and grey.
pub(crate) const ACCENT: Color = Color(0x0b, 0x5f, 0x6f);

/// Makes the pack as PDF.
pub fn board(pack: &Pack<'_>) -> Result<Vec<u8>, PrintError> {
    let fonts = Fonts::new()?;
    let first = pack.answers.first().ok_or_else(|| PrintError("it holds no answer".to_owned()))?;
    let (width, height) = pack.paper.size();
    let mut sheet = Sheet::new(&fonts, width, height);
    // The tag that holds all others.
    let _root = sheet.tag(None, Tag::Div);
    let mut book = Book {
        pack,
        charts: crate::chart::Charts::new(),
        outline: Vec::new(),
        reasons: Reasons::default(),
        references: Vec::new(),
        places: Vec::new(),
    };
    book.cover(&mut sheet, &first.asked);
    let rests: Vec<_> =
        (0..).zip(pack.answers).map(|(at, one)| book.question(&mut sheet, at, one)).collect();
    book.tables(&mut sheet, &rests);
    book.caveats(&mut sheet);
    book.definitions(&mut sheet);
    book.refer(&mut sheet);
    foot(&mut sheet, &first.asked);
    let outline = book.outline;
    finish(pack, &first.asked, sheet, outline)
}

/// Paints the pages and writes the file.
fn finish(
    pack: &Pack<'_>,
    asked: &Asked,
    sheet: Sheet<'_>,
    entries: Vec<Entry>,
) -> Result<Vec<u8>, PrintError> {
    let fault = |error: &dyn std::fmt::Debug| PrintError(format!("{error:?}"));
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| fault(&error))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let mut outline = Outline::new();
    for entry in entries {
        outline.push_child(entry.node());
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
pub(crate) struct Book<'a> {
    pub(crate) pack: &'a Pack<'a>,
    pub(crate) charts: crate::chart::Charts,
    pub(crate) outline: Vec<Entry>,
    /// Why values are missing, over the whole pack.
    pub(crate) reasons: Reasons,
    pub(crate) references: Vec<Reference>,
    /// The pages on which places are.
    pub(crate) places: Vec<(Place, usize)>,
}

/// An entry of the outline, with those below it.
pub(crate) struct Entry {
    pub(crate) says: String,
    pub(crate) page: usize,
    pub(crate) below: Vec<Self>,
}

impl Entry {
    pub(crate) fn new(says: &str, page: usize) -> Self {
        Self { says: says.to_owned(), page, below: Vec::new() }
    }

    fn node(self) -> OutlineNode {
        let top = XyzDestination::new(self.page, Point::from_xy(0.0, 0.0));
        let mut node = OutlineNode::new(self.says, top);
        for entry in self.below {
            node.push_child(entry.node());
        }
        node
    }
}

/// What a number of a page can lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Question(usize),
    /// The tables of a question in full.
    Tables(usize),
    Caveats,
}

/// A number of a page that is known later.
pub(crate) struct Reference {
    later: Later,
    at: (f32, f32),
    right: bool,
    text: String,
    to: Place,
}

pub(crate) fn heading(level: u16, title: &str) -> Tag<krilla::tagging::kind::Hn> {
    Tag::Hn(NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN), Some(title.to_owned()))
}

/// Writes a paragraph below what is there already, line by line, over pages where it must be.
pub(crate) fn paragraph(sheet: &mut Sheet<'_>, node: Node, text: &str, set: Set) {
    let measure = sheet.measure() - set.indent;
    let lines = sheet.fonts.wrap(set.face, set.size, text, measure);
    lay(sheet, node, lines, set);
}

/// Writes lines one below the other.
pub(crate) fn lay(sheet: &mut Sheet<'_>, node: Node, lines: Vec<Line>, set: Set) {
    for line in lines {
        sheet.need(set.leading);
        sheet.y += set.leading;
        let y = sheet.y - set.leading * 0.28;
        sheet.text(node, SIDE + set.indent, y, line, set.color);
    }
}

/// How a paragraph is set.
#[derive(Clone, Copy)]
pub(crate) struct Set {
    pub(crate) face: Face,
    pub(crate) size: f32,
    pub(crate) leading: f32,
    pub(crate) indent: f32,
    pub(crate) color: Color,
}

pub(crate) const BODY: Set =
    Set { face: Face::Regular, size: 8.5, leading: 12.0, indent: 0.0, color: INK };
pub(crate) const SMALL: Set =
    Set { face: Face::Regular, size: 8.0, leading: 11.5, indent: 0.0, color: GREY };

impl Book<'_> {
    /// Writes a text that ends with the number of the page on which a place is.
    pub(crate) fn lead(
        &mut self,
        sheet: &mut Sheet<'_>,
        node: Node,
        at: (f32, f32),
        text: String,
        to: Place,
    ) {
        let link = sheet.tag(Some(node), Tag::Link);
        let (later, right) = (sheet.later(link), at.0 > sheet.width / 2.0);
        self.references.push(Reference { later, at, right, text, to });
    }

    /// Fills in the numbers of pages.
    fn refer(&mut self, sheet: &mut Sheet<'_>) {
        for Reference { later, at, right, text, to } in self.references.drain(..) {
            let place = self.places.iter().find(|(place, _)| *place == to);
            let Some(&(_, page)) = place else { continue };
            let line = sheet.fonts.line(Face::Regular, 8.5, &format!("{text}{}", page + 1));
            let x = if right { at.0 - line.width } else { at.0 };
            sheet.fill(&later, (x, at.1), line, ACCENT, page);
        }
    }

    /// The cover: a sentence for each question, and what all were asked for.
    fn cover(&mut self, sheet: &mut Sheet<'_>, asked: &Asked) {
        sheet.new_page();
        let title = visible(self.pack.title);
        self.outline.push(Entry::new(&title, 0));
        let section = sheet.tag(None, Tag::Section);
        let title = format!("{title} · {}", period(asked));
        let node = sheet.tag(Some(section), heading(1, &title));
        let company = visible(&asked.company);
        let size = if company.chars().count() > 60 { 15.0 } else { 24.0 };
        let set = Set { face: Face::Serif, size, leading: size * 1.3, ..BODY };
        paragraph(sheet, node, &company, set);
        sheet.y += 2.0;
        let set =
            Set { face: Face::Semibold, size: 10.0, leading: 15.0, indent: 0.0, color: ACCENT };
        paragraph(sheet, node, &title, set);
        if let Some(notice) = self.pack.notice {
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, &visible(notice), Set { face: Face::Semibold, ..BODY });
        }
        sheet.y += 18.0;
        let filters = filters(self.pack.answers);
        let taken = 24.0 + filters.len() as f32 * 13.0;
        let each = (sheet.left() - taken) / self.pack.answers.len().max(1) as f32;
        for (at, answer) in self.pack.answers.iter().enumerate() {
            self.entry(sheet, section, at, answer, each);
        }
        sheet.need(taken);
        let (y, to) = (sheet.y, sheet.width - SIDE);
        sheet.rule(SIDE, y, to, 0.5, HAIR);
        sheet.y += 10.0;
        for (name, values) in filters {
            let node = sheet.tag(Some(section), Tag::P);
            let line = sheet.fonts.line(Face::Regular, 8.5, name);
            sheet.need(13.0);
            let y = sheet.y + 13.0 - 13.0 * 0.28;
            sheet.text(node, SIDE, y, line, GREY);
            let set = Set { indent: 110.0, leading: 13.0, ..BODY };
            paragraph(sheet, node, &values.join("; "), set);
        }
    }

    /// A question on the cover: one sentence, in the height that there is for it.
    fn entry(
        &mut self,
        sheet: &mut Sheet<'_>,
        section: Node,
        at: usize,
        answer: &Answer,
        room: f32,
    ) {
        let fonts = sheet.fonts;
        let room = (room - 33.0) / SENTENCE.leading;
        let most = (1..6).take_while(|n| *n as f32 <= room).last().unwrap_or(1);
        let wide = sheet.measure() - 70.0;
        let (first, _) = html::headline(answer);
        let lines = fonts.clip(SENTENCE.face, SENTENCE.size, &visible(&first), wide, most).0;
        sheet.need(33.0 + lines.len() as f32 * SENTENCE.leading);
        let (y, to) = (sheet.y, sheet.width - SIDE);
        sheet.rule(SIDE, y, to, 0.5, HAIR);
        let node = sheet.tag(Some(section), Tag::P);
        sheet.y += 15.0;
        let y = sheet.y;
        for line in fonts.clip(Face::Semibold, 8.5, &named(answer), wide, 1).0 {
            sheet.text(node, SIDE, y, line, ACCENT);
        }
        self.lead(sheet, node, (to, y), "page ".to_owned(), Place::Question(at));
        sheet.y += 4.0;
        lay(sheet, node, lines, SENTENCE);
        sheet.y += 12.0;
    }
}

/// How the sentence of a question is set on the cover.
const SENTENCE: Set =
    Set { face: Face::Regular, size: 11.0, leading: 15.5, indent: 0.0, color: INK };

/// The name of a question, with the segment that it is limited to.
pub(crate) fn named(answer: &Answer) -> String {
    let name = capital(&visible(answer.question).replace('_', " "));
    match &answer.asked.segment {
        Some(segment) => format!("{name}, segment {}", visible(segment)),
        None => name,
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

/// Everything that the answers were asked for.
fn filters(answers: &[Answer]) -> Vec<(&'static str, Vec<String>)> {
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
    rows
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

pub(crate) fn period(asked: &Asked) -> String {
    // Named periods say which days they are; the others are called by their days already.
    let period = &asked.period;
    if period.label.contains(" to ") {
        visible(&period.label).into_owned()
    } else {
        format!("{} ({} to {})", visible(&period.label), period.from, period.to)
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}
