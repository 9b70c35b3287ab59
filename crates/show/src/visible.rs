//! Makes characters visible that could steer a terminal, turn text around, or hide.
//!
//! Text from data (names of accounts, campaigns, people) is written by strangers. Control
//! characters, marks that change the direction of text, and characters of no width are written as
//! `<U+202E>`. Originals are kept everywhere else; only what is shown changes. Unicode UAX #9
//! (directional formatting) and UTS #39 (invisible characters) say which characters these are.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// Marks on one letter beyond this number are written out, so that they cannot pile up over other
/// lines.
const MARKS_MOST: usize = 3;

/// True for a character that is not seen, or that changes how others are seen.
pub fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, joiners and fillers that take no room or look like a blank.
            '\u{AD}' | '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{3164}' | '\u{FFA0}'
            // Zero-width characters, direction marks, line and paragraph separators.
            | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            // Variation selectors and tags, which can carry text that nobody sees.
            | '\u{FE00}'..='\u{FE0F}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
            // What is no character, and what no file of XML or PDF may hold.
            | '\u{FDD0}'..='\u{FDEF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// Returns the text with hidden characters written as `<U+202E>`.
///
/// A single U+FE0E or U+FE0F after a visible character (emoji or text form) is left out: it changes
/// nothing but the look, and terminals disagree about its width. A mark without a letter, and more
/// than three marks on one letter, are written out too.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    let mut n_marks = 0_usize;
    for c in text.chars() {
        let mark = c.width() == Some(0);
        n_marks = if mark { n_marks + 1 } else { 0 };
        let form = matches!(c, '\u{FE0E}' | '\u{FE0F}');
        if form && before != ' ' && !hidden(before) {
            // Left out.
        } else if hidden(c) || (mark && (before == ' ' || n_marks > MARKS_MOST)) {
            // Writing to a string does not fail.
            write!(shown, "<U+{:04X}>", u32::from(c)).unwrap_or_default();
        } else {
            shown.push(c);
        }
        before = c;
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_or_hides_is_written_out() {
        for (text, shown) in [
            ("Acme", "Acme"),
            ("Grün & 東京", "Grün & 東京"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "<U+001B>[2J<U+001B>]0;title<U+0007>"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("a\nb\tc\0", "a<U+000A>b<U+0009>c<U+0000>"),
            ("\u{202e}gnp.exe", "<U+202E>gnp.exe"),
            ("Ac\u{200b}me\u{feff}", "Ac<U+200B>me<U+FEFF>"),
            ("\u{2764}\u{fe0f} heart", "\u{2764} heart"),
            ("a\u{fe0f}\u{fe0f}", "a<U+FE0F>"),
            ("tag\u{e0041}", "tag<U+E0041>"),
            ("a\u{fffe}\u{10ffff}\u{fdd0}", "a<U+FFFE><U+10FFFF><U+FDD0>"),
            ("e\u{301}", "e\u{301}"),
            ("e\u{301}\u{302}\u{303}\u{304}", "e\u{301}\u{302}\u{303}<U+0304>"),
            ("\u{301}e", "<U+0301>e"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }
}
