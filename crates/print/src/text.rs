//! Text as glyphs: shaping with the embedded fonts, fallback between them, and lines that fit.
//!
//! Latin, Greek and Cyrillic are covered. A character that none of the fonts has is drawn as a box
//! and remembered, so that the pack can say so; it is never left out. Text keeps its own characters
//! for copying and reading aloud, also where a box is drawn.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, ShapePlan, UnicodeBuffer, script};
use show::visible::hidden;
use unicode_linebreak::{BreakOpportunity, linebreaks};

use crate::PrintError;

/// Drawn for a character that no font has.
const BOX: char = '\u{25A1}';

/// The fonts of the pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Face {
    /// Inter, for running text and figures.
    Regular,
    /// Inter semibold, for headings and totals.
    Semibold,
    /// The serif, for the sentence that answers a question.
    Serif,
}

/// A font with what is needed to shape text in it.
struct Loaded {
    font: Font,
    shaper: rustybuzz::Face<'static>,
    /// How plain text is shaped; making it costs more than using it.
    plan: ShapePlan,
    units: f32,
    /// What was shaped before: widths do not depend on the size.
    known: RefCell<HashMap<String, Run>>,
}

/// All fonts, and the characters that none of them had so far.
pub(crate) struct Fonts {
    regular: Loaded,
    semibold: Loaded,
    serif: Loaded,
    missing: RefCell<BTreeSet<char>>,
}

/// Glyphs of one font, side by side.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) face: Face,
    pub(crate) text: String,
    pub(crate) glyphs: Vec<KrillaGlyph>,
    /// Width in ems.
    pub(crate) width: f32,
}

/// A line of text that is ready to be drawn.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) runs: Vec<Run>,
    pub(crate) size: f32,
    /// Width in points.
    pub(crate) width: f32,
}

/// The bytes of the fonts, shared with whoever draws text inside a chart.
pub(crate) const REGULAR: &[u8] = include_bytes!("../../show/assets/fonts/inter-regular.ttf");
/// The heavier one.
pub(crate) const SEMIBOLD: &[u8] = include_bytes!("../../show/assets/fonts/inter-semibold.ttf");
const SERIF: &[u8] = include_bytes!("../../show/assets/fonts/serif-headline.ttf");

fn load(bytes: &'static [u8]) -> Result<Loaded, PrintError> {
    let broken = || PrintError("an embedded font cannot be read".to_owned());
    let font = Font::new(bytes.into(), 0).ok_or_else(broken)?;
    let shaper = rustybuzz::Face::from_slice(bytes, 0).ok_or_else(broken)?;
    let units = font.units_per_em();
    let latin = Some(script::LATIN);
    let plan = ShapePlan::new(&shaper, Direction::LeftToRight, latin, None, &[]);
    Ok(Loaded { font, shaper, plan, units, known: RefCell::default() })
}

impl Fonts {
    pub(crate) fn new() -> Result<Self, PrintError> {
        Ok(Self {
            regular: load(REGULAR)?,
            semibold: load(SEMIBOLD)?,
            serif: load(SERIF)?,
            missing: RefCell::default(),
        })
    }

    fn loaded(&self, face: Face) -> &Loaded {
        match face {
            Face::Regular => &self.regular,
            Face::Semibold => &self.semibold,
            Face::Serif => &self.serif,
        }
    }

    pub(crate) fn font(&self, face: Face) -> Font {
        self.loaded(face).font.clone()
    }

    /// The characters that were drawn as boxes, in order.
    pub(crate) fn missing(&self) -> Vec<char> {
        self.missing.borrow().iter().copied().collect()
    }

    fn has(&self, face: Face, c: char) -> bool {
        self.loaded(face).shaper.glyph_index(c).is_some()
    }

    /// Replaces characters that a chart could not draw; its own markup is ASCII and stays.
    pub(crate) fn drawable(&self, markup: &str) -> String {
        let seen = |c: char| {
            if c.is_ascii() || (self.has(Face::Regular, c) && self.has(Face::Semibold, c)) {
                c
            } else {
                self.missing.borrow_mut().insert(c);
                BOX
            }
        };
        markup.chars().map(seen).collect()
    }

    /// Returns the font in which a character is drawn; `None` where none has it.
    fn face_of(&self, wanted: Face, c: char) -> Option<Face> {
        let other = if wanted == Face::Serif { Face::Semibold } else { wanted };
        [wanted, other].into_iter().find(|&face| self.has(face, c))
    }

    /// Shapes a text that is one line.
    pub(crate) fn line(&self, face: Face, size: f32, text: &str) -> Line {
        let mut runs: Vec<Run> = Vec::new();
        // Characters are gathered while they are drawn in the same way.
        let mut piece = String::new();
        let mut drawn: Option<Face> = Some(face);
        for c in text.chars() {
            // Whoever hands text in has made this visible; a file with it would be refused.
            let c = if hidden(c) { BOX } else { c };
            let blank = c.is_whitespace() && !self.has(face, c);
            let in_face = if blank { Some(face) } else { self.face_of(face, c) };
            if in_face != drawn && !piece.is_empty() {
                runs.push(self.run(face, drawn, &std::mem::take(&mut piece)));
            }
            drawn = in_face;
            piece.push(if blank { ' ' } else { c });
        }
        if !piece.is_empty() {
            runs.push(self.run(face, drawn, &piece));
        }
        let width = runs.iter().map(|run| run.width).sum::<f32>() * size;
        Line { runs, size, width }
    }

    fn run(&self, wanted: Face, drawn: Option<Face>, text: &str) -> Run {
        if let Some(face) = drawn {
            return self.shape(face, text);
        }
        self.missing.borrow_mut().extend(text.chars());
        let face = if wanted == Face::Regular { Face::Regular } else { Face::Semibold };
        self.boxes(face, text)
    }

    fn boxes(&self, face: Face, text: &str) -> Run {
        let loaded = self.loaded(face);
        let id = loaded.shaper.glyph_index(BOX).unwrap_or_default();
        let advance =
            f32::from(loaded.shaper.glyph_hor_advance(id).unwrap_or_default()) / loaded.units;
        let glyph = |(at, c): (usize, char)| {
            let range = at..at + c.len_utf8();
            KrillaGlyph::new(GlyphId::new(u32::from(id.0)), advance, 0.0, 0.0, 0.0, range, None)
        };
        let glyphs: Vec<KrillaGlyph> = text.char_indices().map(glyph).collect();
        let width = advance * glyphs.len() as f32;
        Run { face, text: text.to_owned(), glyphs, width }
    }

    fn shape(&self, face: Face, text: &str) -> Run {
        let loaded = self.loaded(face);
        if let Some(run) = loaded.known.borrow().get(text) {
            return run.clone();
        }
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        // The fonts hold no script that runs from right to left.
        buffer.set_direction(Direction::LeftToRight);
        let shaped = if text.is_ascii() {
            buffer.set_script(script::LATIN);
            rustybuzz::shape_with_plan(&loaded.shaper, &loaded.plan, buffer)
        } else {
            rustybuzz::shape(&loaded.shaper, &[], buffer)
        };
        let starts: Vec<usize> =
            shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
        let em = |units: i32| units as f32 / loaded.units;
        let mut glyphs = Vec::with_capacity(shaped.len());
        let mut width = 0.0;
        for (at, (info, position)) in
            shaped.glyph_infos().iter().zip(shaped.glyph_positions()).enumerate()
        {
            let start = info.cluster as usize;
            let later = starts.iter().skip(at + 1).find(|&&next| next > start);
            let range: Range<usize> = start..later.copied().unwrap_or(text.len());
            width += em(position.x_advance);
            glyphs.push(KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                em(position.x_advance),
                em(position.x_offset),
                em(position.y_offset),
                em(position.y_advance),
                range,
                None,
            ));
        }
        let run = Run { face, text: text.to_owned(), glyphs, width };
        loaded.known.borrow_mut().insert(text.to_owned(), run.clone());
        run
    }

    /// Returns how wide a text is, in points.
    pub(crate) fn width(&self, face: Face, size: f32, text: &str) -> f32 {
        self.line(face, size, text).width
    }

    /// Breaks a text into lines no wider than `width`; a word that is wider itself is broken
    /// between two characters.
    pub(crate) fn wrap(&self, face: Face, size: f32, text: &str, width: f32) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut line = String::new();
        let mut used = 0.0;
        let mut from = 0;
        for (to, opportunity) in linebreaks(text) {
            let piece = text.get(from..to).unwrap_or_default();
            from = to;
            let bare = self.width(face, size, piece.trim_end());
            if used > 0.0 && used + bare > width {
                lines.push(self.line(face, size, line.trim_end()));
                line.clear();
                used = 0.0;
            }
            if bare > width {
                for c in piece.trim_end().chars() {
                    let wide = self.width(face, size, c.encode_utf8(&mut [0; 4]));
                    if used > 0.0 && used + wide > width {
                        lines.push(self.line(face, size, &line));
                        line.clear();
                        used = 0.0;
                    }
                    line.push(c);
                    used += wide;
                }
                let tail = piece.get(piece.trim_end().len()..).unwrap_or_default();
                line.push_str(tail);
                used += self.width(face, size, tail);
            } else {
                line.push_str(piece);
                used += self.width(face, size, piece);
            }
            if opportunity == BreakOpportunity::Mandatory {
                lines.push(self.line(face, size, line.trim_end()));
                line.clear();
                used = 0.0;
            }
        }
        if !line.is_empty() {
            lines.push(self.line(face, size, line.trim_end()));
        }
        lines
    }

    /// The same in at most so many lines; the last one ends with an ellipsis where text is left
    /// over, which the second value says.
    pub(crate) fn clip(
        &self,
        face: Face,
        size: f32,
        text: &str,
        width: f32,
        most: usize,
    ) -> (Vec<Line>, bool) {
        let mut lines = self.wrap(face, size, text, width);
        if lines.len() <= most {
            return (lines, false);
        }
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            let mut text: String = last.runs.iter().map(|run| run.text.as_str()).collect();
            *last = loop {
                let line = self.line(face, size, &format!("{}…", text.trim_end()));
                if line.width <= width || text.pop().is_none() {
                    break line;
                }
            };
        }
        (lines, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_hold_every_character_also_those_that_no_font_has() {
        let fonts = Fonts::new().unwrap();
        let long = "W".repeat(300);
        for text in
            ["one two three four five six", &long, "東京 展示会 και привет", "e\u{301}\u{302}x"]
        {
            for width in [30.0_f32, 90.0, 400.0] {
                let lines = fonts.wrap(Face::Serif, 12.0, text, width);
                assert!(lines.iter().all(|line| line.width <= width + 0.5), "{text} in {width}");
                let shown: String =
                    lines.iter().flat_map(|line| &line.runs).map(|run| run.text.as_str()).collect();
                let letters = |t: &str| t.chars().filter(|c| *c != ' ').collect::<String>();
                assert_eq!(letters(&shown), letters(text));
                let notdef = |run: &Run| run.glyphs.iter().any(|g| g.glyph_id == GlyphId::new(0));
                assert!(!lines.iter().flat_map(|line| &line.runs).any(notdef));
            }
        }
        assert_eq!(
            fonts.missing(),
            ['京', '展', '東', '示', '会']
                .into_iter()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
    }
}
