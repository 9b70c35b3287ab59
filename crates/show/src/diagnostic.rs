//! Where something that a user wrote is wrong, with the line and a mark below it.
//!
//! The line of the place is never broken, so that a terminal or editor can open it. An excerpt that
//! is wider than the terminal is shown around the mark, with dots where it goes on.

use domain::{Diagnostic, Level};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::table::hang;
use crate::text::Style;
use crate::visible::visible;

const TAB: usize = 4;

/// Writes one diagnostic: message, place, excerpt with marks, hint.
pub fn render(diagnostic: &Diagnostic, style: &Style) -> String {
    let style = &style.fitted();
    let (word, code) = match diagnostic.level {
        Level::Error => ("error:", "1;31"),
        Level::Warning => ("warning:", "1;33"),
    };
    let mut lines = Vec::new();
    for (at, line) in hang(word, &visible(&diagnostic.message), style.width).iter().enumerate() {
        lines.push(match line.strip_prefix(word) {
            Some(rest) if at == 0 => style.paint(code, word) + &style.paint("1", rest),
            _ => style.paint("1", line),
        });
    }
    if let Some(place) = &diagnostic.place {
        lines.push(format!("  --> {}", visible(&place.to_string())));
        if let Some(excerpt) = &diagnostic.excerpt {
            let number = if place.line > 0 { place.line.to_string() } else { String::new() };
            let blank = " ".repeat(number.len());
            let room = style.width.saturating_sub(number.len() + 6);
            let (line, marks) =
                marked(&excerpt.line, place.column, excerpt.width, room, style.unicode);
            lines.push(
                format!("   {} {line}", style.paint("2", &format!("{number} |")))
                    .trim_end()
                    .to_owned(),
            );
            if let Some((start, width)) = marks {
                let carets = style.paint(code, &"^".repeat(width));
                let bar = style.paint("2", &format!("{blank} |"));
                lines.push(format!("   {bar} {}{carets}", " ".repeat(start)));
            }
        }
    }
    if let Some(hint) = &diagnostic.hint {
        for (at, line) in hang("hint:", &visible(hint), style.width).iter().enumerate() {
            lines.push(match line.strip_prefix("hint:") {
                Some(rest) if at == 0 => style.paint("1;36", "hint:") + rest,
                _ => line.clone(),
            });
        }
    }
    lines.iter().map(|line| line.clone() + "\n").collect()
}

/// Writes several, in the order given, and how many errors and warnings there are; nothing for
/// none.
pub fn render_all(diagnostics: &[Diagnostic], style: &Style) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&render(diagnostic, style));
        out.push('\n');
    }
    let n_errors = diagnostics.iter().filter(|d| d.level == Level::Error).count();
    let counted = [(n_errors, "error"), (diagnostics.len() - n_errors, "warning")];
    let counted: Vec<String> = counted
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}{}", if n == 1 { "" } else { "s" }))
        .collect();
    if !counted.is_empty() {
        out.push_str(&(counted.join(", ") + "\n"));
    }
    out
}

/// Returns the part of the line around the marks, and where the marks start and how wide they are.
fn marked(
    line: &str,
    column: u64,
    n_marked: u64,
    room: usize,
    unicode: bool,
) -> (String, Option<(usize, usize)>) {
    let dots = if unicode { "…" } else { "..." };
    // One piece for each character, as it is shown; marks without width stay with their letter.
    let mut pieces: Vec<String> = Vec::new();
    let mut shown_at = 0;
    for c in line.chars() {
        let piece = match c {
            '\t' => " ".repeat(TAB - shown_at % TAB),
            c if c.width() == Some(0) => String::new(),
            c => visible(c.encode_utf8(&mut [0; 4])).into_owned(),
        };
        shown_at += piece.width();
        pieces.push(piece);
    }
    let width_of = |from: usize, to: usize| -> usize {
        pieces.iter().take(to).skip(from).map(|piece| piece.width()).sum()
    };
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(pieces.len());
    let start = at(column.saturating_sub(1));
    let end =
        if column == 0 { start } else { at(column.saturating_sub(1).saturating_add(n_marked)) };
    let (mut from, mut to) = (0, pieces.len());
    // A mark behind the last letter takes room too.
    if width_of(0, to) + usize::from(start >= to) > room {
        let room = room.saturating_sub(2 * dots.width());
        // A third of the room stands before the mark, unless the line begins sooner.
        while from < start && width_of(from, start) > room / 3 {
            from += 1;
        }
        while to > from && width_of(from, to) > room {
            to -= 1;
        }
    }
    let before = if from > 0 { dots } else { "" };
    let after = if to < pieces.len() { dots } else { "" };
    let text: String = pieces.iter().take(to).skip(from).map(String::as_str).collect();
    let marks = (column > 0).then(|| {
        (before.width() + width_of(from, start), width_of(start.min(to), end.min(to)).max(1))
    });
    (format!("{before}{text}{after}"), marks)
}

#[cfg(test)]
mod tests {
    use domain::Place;

    use super::*;

    fn plain(width: usize) -> Style {
        Style { width, ..Style::default() }
    }

    fn spanned(text: &str, what: &str) -> Diagnostic {
        let start = text.find(what).unwrap();
        Diagnostic::error(
            "definition.unknown-channel",
            "channel `paid-socail` is used by 14 programs and declared nowhere",
        )
        .span("definitions/channels.toml", text, start..start + what.len())
        .hint("Declare it, or write `paid-social`, which is declared in line 12.")
    }

    #[test]
    fn the_mark_stands_below_what_it_means() {
        let text = "x = 1\nparent = \"paid-socail\"\n";
        insta::assert_snapshot!(render(&spanned(text, "\"paid-socail\""), &plain(80)), @r#"
error: channel `paid-socail` is used by 14 programs and declared nowhere
  --> definitions/channels.toml:2:10
   2 | parent = "paid-socail"
     |          ^^^^^^^^^^^^^
hint: Declare it, or write `paid-social`, which is declared in line 12.
"#);
        // Tabs and wide letters.
        let text = "\t東京\t= paid-socail # x";
        insta::assert_snapshot!(render(&spanned(text, "paid-socail"), &plain(60)), @r#"
error: channel `paid-socail` is used by 14 programs and
       declared nowhere
  --> definitions/channels.toml:1:7
   1 |     東京    = paid-socail # x
     |               ^^^^^^^^^^^
hint: Declare it, or write `paid-social`, which is declared
      in line 12.
"#);
        // A long line is shown around the mark.
        let text = format!("{}paid-socail{}", "ab ".repeat(60), " cd".repeat(60));
        insta::assert_snapshot!(render(&spanned(&text, "paid-socail"), &plain(60)), @r#"
error: channel `paid-socail` is used by 14 programs and
       declared nowhere
  --> definitions/channels.toml:1:181
   1 | …b ab ab ab ab ab paid-socail cd cd cd cd cd cd cd c…
     |                   ^^^^^^^^^^^
hint: Declare it, or write `paid-social`, which is declared
      in line 12.
"#);
    }

    #[test]
    fn a_list_ends_with_its_counts() {
        let diagnostics = [
            Diagnostic::warning("a.b", "column `x` is not used").at(Place::file("deals.csv")),
            Diagnostic::error("a.c", "amount `\u{1b}[2J` is not a number")
                .at(Place::line("deals.csv", 7)),
            Diagnostic::error("a.d", "no file"),
        ];
        insta::assert_snapshot!(render_all(&diagnostics, &plain(80)), @r#"
warning: column `x` is not used
  --> deals.csv

error: amount `<U+001B>[2J` is not a number
  --> deals.csv:7

error: no file

2 errors, 1 warning
"#);
        assert_eq!(render_all(&[], &plain(80)), "");
    }

    #[test]
    fn colour_adds_nothing_but_escape_sequences() {
        let diagnostic = spanned("parent = paid-socail", "paid-socail");
        let mut colored = render(&diagnostic, &Style { color: true, ..plain(80) });
        assert!(colored.contains('\u{1b}'));
        for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[1;31m", "\u{1b}[1;36m"] {
            colored = colored.replace(code, "");
        }
        assert_eq!(colored, render(&diagnostic, &plain(80)));
    }
}
