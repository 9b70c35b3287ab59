//! The end of the pack: tables in full, what to know before believing a figure, definitions.

use std::collections::BTreeSet;

use krilla::tagging::{ListNumbering, Tag};
use show::html::sentence;
use show::visible::visible;

use crate::board::{BODY, Book, Entry, Place, SMALL, Set, heading, named, paragraph};
use crate::figure;
use crate::page::{Rest, grid};
use crate::sheet::{GREY, INK, Node, SIDE, Sheet};
use crate::text::Face;

/// How the end is set.
const END: Set = Set { size: 8.0, leading: 11.2, ..BODY };

impl Book<'_> {
    /// Every figure and every table of every question, whole.
    pub(crate) fn tables(&mut self, sheet: &mut Sheet<'_>, rests: &[Rest]) {
        let all = self.pack.answers.iter().zip(rests).enumerate();
        let all: Vec<_> = all.filter(|(_, (answer, rest))| rest.any(answer)).collect();
        if all.is_empty() {
            return;
        }
        sheet.new_page();
        let section = self.part(sheet, "Tables in full");
        let mut below = Vec::new();
        for (at, (answer, rest)) in all {
            sheet.continued.clear();
            sheet.need(160.0);
            let name = named(answer);
            below.push(Entry::new(&name, sheet.page()));
            self.places.push((Place::Tables(at), sheet.page()));
            let node = sheet.tag(Some(section), heading(2, &name));
            paragraph(
                sheet,
                node,
                &name,
                Set { face: Face::Serif, size: 12.0, leading: 16.0, ..BODY },
            );
            sheet.y += 6.0;
            sheet.continued = name;
            if rest.headline {
                let node = sheet.tag(Some(section), Tag::P);
                paragraph(sheet, node, &visible(&answer.headline), BODY);
                sheet.y += 8.0;
            }
            self.charts.lay(sheet, section, answer.charts.get(rest.charts..).unwrap_or_default());
            for table in &answer.tables {
                grid(table, answer, self.pack.link, &mut self.reasons).lay(sheet, section);
                let empty = table.rows.is_empty().then_some("No rows.");
                for text in empty.into_iter().chain(table.note.as_deref()) {
                    let node = sheet.tag(Some(section), Tag::P);
                    paragraph(sheet, node, &visible(text), SMALL);
                }
                sheet.y += 8.0;
            }
            let figures = figure::all(answer, self.pack.link, &mut self.reasons);
            if !figures.rows.is_empty() {
                figures.lay(sheet, section);
                sheet.y += 14.0;
            }
        }
        sheet.continued.clear();
        if let Some(entry) = self.outline.last_mut() {
            entry.below = below;
        }
    }

    /// What the reader should know, each once, with the questions that it concerns, and why values
    /// are missing.
    pub(crate) fn caveats(&mut self, sheet: &mut Sheet<'_>) {
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
        self.places.push((Place::Caveats, sheet.page()));
        let section = self.part(sheet, "What to know before believing a figure");
        if all.is_empty() {
            let node = sheet.tag(Some(section), Tag::P);
            paragraph(sheet, node, "Nothing stands against the figures of this pack.", END);
        }
        let asked = self.pack.answers.iter().map(|answer| answer.question);
        let n = asked.collect::<BTreeSet<_>>().len();
        let list = sheet.tag(Some(section), Tag::L(ListNumbering::Decimal));
        for (at, (text, questions)) in all.iter().enumerate() {
            let of = if questions.len() == n && n > 1 {
                String::new()
            } else {
                format!(" ({})", questions.join(", "))
            };
            item(sheet, list, &(at + 1).to_string(), &format!("{text}{of}"));
        }
        sheet.y += 4.0;
        for (at, reason) in self.reasons.all.iter().enumerate() {
            let node = sheet.tag(Some(section), Tag::P);
            let text = format!("[{}] No value: {}", at + 1, sentence(&visible(reason)));
            paragraph(sheet, node, &text, SMALL);
        }
        sheet.y += 16.0;
    }

    /// What the words mean.
    pub(crate) fn definitions(&mut self, sheet: &mut Sheet<'_>) {
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
        self.outline.push(Entry::new(title, sheet.page()));
        let section = sheet.tag(None, Tag::Section);
        let node = sheet.tag(Some(section), heading(1, title));
        paragraph(sheet, node, title, Set { face: Face::Serif, size: 15.0, leading: 20.0, ..END });
        sheet.y += 8.0;
        section
    }
}

/// An entry of a numbered list.
fn item(sheet: &mut Sheet<'_>, list: Node, mark: &str, text: &str) {
    let entry = sheet.tag(Some(list), Tag::LI);
    let label = sheet.tag(Some(entry), Tag::Lbl);
    let body = sheet.tag(Some(entry), Tag::LBody);
    let line = sheet.fonts.line(Face::Regular, END.size, mark);
    sheet.need(END.leading);
    let y = sheet.y + END.leading * 0.72;
    sheet.text(label, SIDE + 14.0 - line.width, y, line, GREY);
    paragraph(sheet, body, text, Set { indent: 22.0, ..END });
    sheet.y += 3.0;
}

/// A word and what it means.
fn define(sheet: &mut Sheet<'_>, node: Node, word: &str, meaning: &str) {
    const LEFT: f32 = 140.0;
    let words = sheet.fonts.wrap(Face::Semibold, END.size, word, LEFT - 12.0);
    let meanings = sheet.fonts.wrap(Face::Regular, END.size, meaning, sheet.measure() - LEFT);
    let n = words.len().max(meanings.len());
    sheet.need((n as f32 * END.leading).min(sheet.most()));
    let mut words = words.into_iter();
    let mut meanings = meanings.into_iter();
    // The whole word is read before its meaning.
    let (top, first_page) = (sheet.y, sheet.page());
    for (at, line) in words.by_ref().take(30).enumerate() {
        sheet.text(node, SIDE, top + (at as f32 + 0.72) * END.leading, line, INK);
    }
    for at in 0..n {
        if sheet.page() == first_page {
            sheet.y = top + at as f32 * END.leading;
        }
        sheet.need(END.leading);
        if let Some(line) = meanings.next() {
            let y = sheet.y + END.leading * 0.72;
            sheet.text(node, SIDE + LEFT, y, line, INK);
        }
        sheet.y += END.leading;
    }
    sheet.y += 2.0;
}
