//! Answers on paper: a board pack as PDF, with its fonts inside.
//!
//! A cover with a sentence for each question, one page for each of them, then all figures and
//! tables in full, what to know before believing a figure, and what the words mean.
//!
//! Pure: no clock, no file, no network; the same answers give the same bytes, and the dates in the
//! file are the day as of which was asked. Text from data enters as values and never as markup.
//! The file is tagged (PDF/UA-1): headings, tables, text alternatives of charts, an outline.
//! Nothing is computed here but where things stand.

mod board;
mod chart;
mod end;
mod figure;
mod page;
mod sheet;
mod table;
mod text;
mod words;

use std::fmt;

use domain::Answer;

pub use board::board;
pub use words::words;

/// The size of a page.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Paper {
    /// 210 by 297 mm.
    #[default]
    A4,
    /// 8.5 by 11 inches.
    Letter,
}

impl Paper {
    /// Width and height in points.
    const fn size(self) -> (f32, f32) {
        match self {
            Self::A4 => (595.28, 841.89),
            Self::Letter => (612.0, 792.0),
        }
    }
}

/// Returns the address at which a figure of an answer opens, where there is one.
pub type Link<'a> = &'a dyn Fn(&Answer, &str) -> Option<String>;

/// What a board pack is made of.
#[derive(Clone, Copy)]
pub struct Pack<'a> {
    /// What it is called, for example `Board pack`.
    pub title: &'a str,
    /// The answers, one page each, in this order.
    pub answers: &'a [Answer],
    /// Words and what they mean, besides the figures' own meanings.
    pub definitions: &'a [(String, String)],
    /// Something that the reader must know first, for example that the data are a sample.
    pub notice: Option<&'a str>,
    /// The size of a page.
    pub paper: Paper,
    /// The address at which a figure opens, where there is one.
    pub link: Option<Link<'a>>,
}

impl<'a> Pack<'a> {
    /// A pack of answers on A4 without links.
    pub fn of(answers: &'a [Answer]) -> Self {
        Self {
            title: "Board pack",
            answers,
            definitions: &[],
            notice: None,
            paper: Paper::A4,
            link: None,
        }
    }
}

impl fmt::Debug for Pack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pack")
            .field("title", &self.title)
            .field("answers", &self.answers.len())
            .field("paper", &self.paper)
            .finish_non_exhaustive()
    }
}

/// Why a pack could not be made; a fault of the program, never of the data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrintError(pub(crate) String);

impl fmt::Display for PrintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pack could not be set: {}", self.0)
    }
}

impl std::error::Error for PrintError {}
