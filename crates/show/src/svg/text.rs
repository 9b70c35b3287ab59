//! How wide a text is in the font of the product, and how it is made to fit.
//!
//! Advances come from the font file that every surface embeds, so that a label that fits here fits
//! on the page and in the pack. Letters that the font does not have count as wide as their cell in
//! a terminal, times a generous width of a letter.

use std::sync::LazyLock;

use ttf_parser::Face;
use unicode_width::UnicodeWidthChar;

/// A font, and the advances of its ASCII letters, which most labels are made of.
struct Font {
    face: Option<Face<'static>>,
    ascii: Vec<f64>,
}

static REGULAR: LazyLock<Font> =
    LazyLock::new(|| Font::new(include_bytes!("../../assets/fonts/inter-regular.ttf")));
static SEMIBOLD: LazyLock<Font> =
    LazyLock::new(|| Font::new(include_bytes!("../../assets/fonts/inter-semibold.ttf")));

/// Width of a letter without a glyph, for each cell that it takes.
const FOREIGN: f64 = 0.62;

impl Font {
    fn new(bytes: &'static [u8]) -> Self {
        let mut font = Self { face: Face::parse(bytes, 0).ok(), ascii: Vec::new() };
        font.ascii = ('\0'..='\x7f').map(|c| font.measured(c)).collect();
        font
    }

    /// The advance of a letter, for a size of 1.
    fn advance(&self, c: char) -> f64 {
        let at = u8::try_from(c).ok().map(usize::from);
        let known = at.and_then(|at| self.ascii.get(at)).copied();
        known.unwrap_or_else(|| self.measured(c))
    }

    fn measured(&self, c: char) -> f64 {
        let known = self.face.as_ref().and_then(|face| {
            let advance = face.glyph_hor_advance(face.glyph_index(c)?)?;
            Some(f64::from(advance) / f64::from(face.units_per_em()))
        });
        known.unwrap_or_else(|| FOREIGN * c.width().unwrap_or(1) as f64)
    }
}

fn font(strong: bool) -> &'static Font {
    if strong { &SEMIBOLD } else { &REGULAR }
}

/// Returns the width of a text in pixels.
pub(super) fn width(text: &str, size: f64, strong: bool) -> f64 {
    let font = font(strong);
    text.chars().map(|c| font.advance(c)).sum::<f64>() * size
}

/// Returns the text, cut off with an ellipsis where it is wider than the room.
pub(super) fn fit(text: &str, size: f64, strong: bool, room: f64) -> String {
    if width(text, size, strong) <= room {
        return text.to_owned();
    }
    let mut left = room - width("…", size, strong);
    let font = font(strong);
    let mut out = String::new();
    for c in text.chars() {
        left -= font.advance(c) * size;
        if left < 0.0 {
            break;
        }
        out.push(c);
    }
    let out = out.trim_end();
    if out.is_empty() { String::new() } else { format!("{out}…") }
}

/// Breaks a text into so many lines at most, each within the room; the last is cut off.
pub(super) fn wrap(text: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = text.split_whitespace().peekable();
    while rest.peek().is_some() && out.len() < lines {
        if out.len() + 1 == lines {
            let last: Vec<&str> = rest.by_ref().collect();
            out.push(fit(&last.join(" "), size, false, room));
            break;
        }
        let mut line = rest.next().unwrap_or_default().to_owned();
        while let Some(word) = rest.peek() {
            let longer = format!("{line} {word}");
            if width(&longer, size, false) > room {
                break;
            }
            line = longer;
            rest.next();
        }
        out.push(fit(&line, size, false, room));
    }
    out.retain(|line| !line.is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_equally_wide_and_letters_are_not() {
        let digits: Vec<f64> = ('0'..='9').map(|c| width(&c.to_string(), 12.0, false)).collect();
        let first = digits[0];
        assert!(first > 5.0 && digits.iter().all(|w| (w - first).abs() < 1e-9), "{digits:?}");
        assert!(width("i", 12.0, false) < width("W", 12.0, false));
        assert!(width("Won", 12.0, true) > width("Won", 12.0, false));
        assert!((width("東京", 10.0, false) - 24.8).abs() < 0.01);
    }

    #[test]
    fn what_does_not_fit_is_cut_off_with_an_ellipsis() {
        assert_eq!(fit("Paid search", 12.0, false, 200.0), "Paid search");
        let cut = fit("Webinars and events", 12.0, false, 60.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0, false) <= 60.0, "{cut}");
        assert_eq!(fit("Webinars", 12.0, false, 3.0), "");
        assert_eq!(wrap("Marketing sourced deals", 12.0, 60.0, 2).len(), 2);
        for line in wrap("Marketing sourced deals of all time", 12.0, 60.0, 2) {
            assert!(width(&line, 12.0, false) <= 60.0, "{line}");
        }
    }
}
