//! Where something that a user wrote is wrong, and what to do about it.
//!
//! A diagnostic speaks about a file of the user (definitions, mapping, data). Diagnostics are
//! collected, never stopped at the first. The message starts lower case and has no full stop; the
//! hint is a sentence with an action.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The work goes on; the reader should know.
    Warning,
    /// The thing that it speaks of was refused.
    Error,
}

/// A position in a file: line and column count from 1, columns in characters; 0 where not known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Place {
    /// The file, as the user named it.
    pub file: Arc<str>,
    /// Physical line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// Column in characters, from 1; 0 for the whole line.
    pub column: u64,
}

impl Place {
    /// Speaks of a file as a whole.
    pub fn file(file: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), line: 0, column: 0 }
    }

    /// Speaks of a line.
    pub fn line(file: impl Into<Arc<str>>, line: u64) -> Self {
        Self { file: file.into(), line, column: 0 }
    }

    /// Finds line and column of a byte offset in a text.
    pub fn at(file: impl Into<Arc<str>>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.bytes().filter(|&b| b == b'\n').count() as u64 + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).map_or(0, |part| part.chars().count()) as u64 + 1;
        Self { file: file.into(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// One fault in something that a user wrote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// A stable code such as `definition.unknown-key`; part of the interface.
    pub code: &'static str,
    /// Where.
    pub place: Option<Place>,
    /// What is wrong: kind and name of the thing, what was expected, what was found.
    pub message: String,
    /// The line that it speaks of, and how many characters from the column are meant.
    pub excerpt: Option<Excerpt>,
    /// What to do: a sentence with an action.
    pub hint: Option<String>,
}

/// The line of text that a diagnostic speaks of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Excerpt {
    /// The line without its end.
    pub line: String,
    /// Number of characters marked, from the column of the place; at least 1.
    pub width: u64,
}

impl Diagnostic {
    /// Makes an error without a place.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            code,
            place: None,
            message: one_line(message.into()),
            excerpt: None,
            hint: None,
        }
    }

    /// Makes a warning without a place.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(code, message) }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Points at a span of bytes in a text, with the line as excerpt.
    #[must_use]
    pub fn span(mut self, file: &str, text: &str, span: std::ops::Range<usize>) -> Self {
        let line_start = text.get(..span.start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
        let rest = text.get(line_start..).unwrap_or("");
        let line = rest.lines().next().unwrap_or("").to_owned();
        let line_end = line_start + line.len();
        let marked = text.get(span.start..span.end.min(line_end)).unwrap_or("");
        self.excerpt = Some(Excerpt { line, width: (marked.chars().count() as u64).max(1) });
        self.at(Place::at(file, text, span.start))
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(one_line(hint.into()));
        self
    }
}

/// Makes a text one line that no terminal takes for a command: breaks and tabs become blanks, other
/// control characters their number, as `<U+001B>`. Messages quote what strangers wrote.
pub fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => shown.push(' '),
            c if c.is_control() => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// Finds the known name nearest to a text, where one is near enough to be what was meant.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&text.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| {
            *distance <= 1 + name.chars().count().max(text.chars().count()) / 4
        })
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_becomes_line_column_and_excerpt() {
        let text = "a = 1\ngrün = \"paid-socail\"\n";
        let start = text.find("\"paid").unwrap();
        let diagnostic = Diagnostic::error("x", "m").span("channels.toml", text, start..start + 13);
        assert_eq!(diagnostic.place.unwrap().to_string(), "channels.toml:2:8");
        assert_eq!(
            diagnostic.excerpt.unwrap(),
            Excerpt { line: "grün = \"paid-socail\"".into(), width: 13 }
        );
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_near() {
        assert_eq!(nearest("targte", ["target", "period"]), Some("target"));
        assert_eq!(nearest("closedate", ["close_date", "created"]), Some("close_date"));
        assert_eq!(nearest("zebra", ["target", "period"]), None);
    }
}
