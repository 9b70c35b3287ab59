//! What the facts mean: one file per question, pure functions.
//!
//! An answer is two functions: `needs` says which rows, as queries; `answer` says what they mean.
//! No I/O, no clock, nothing asynchronous: everything comes in as an argument, so an answer is a
//! function of the rows, the definitions and the seed. Every figure that is computed from rows
//! carries the query for exactly these rows ([`domain::Evidence`]); a test opens all of them and
//! compares.
//!
//! A new question is a file, its text beside it, and one line in [`QUESTIONS`]; a backtest of one
//! the same in [`BACKTESTS`].

mod chance;
mod common;
mod groups;
mod slice;
#[cfg(test)]
mod testing;
mod words;

pub mod attribution;
pub mod backtest;
pub mod constraint;
pub mod forecast;
pub mod health;
pub mod history;
pub mod hygiene;
pub mod pipeline;
pub mod programs;
pub mod scorecard;
pub mod waterfall;

use domain::{Answer, Ask, Given, Need, Question};

pub use common::DIMENSIONS;

/// A question with the two functions that answer it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The question.
    pub question: &'static Question,
    /// Which rows it takes.
    pub needs: fn(&Ask) -> Vec<Need>,
    /// The dimensions that its tables are, or can be, broken down by.
    pub dimensions: &'static [&'static str],
    /// What they mean.
    pub answer: fn(&Ask, &Given) -> Answer,
}

impl Entry {
    /// True where the question is about what has not happened yet: it is asked of the period that
    /// runs on the day after the as-of day, where no other is named.
    pub fn looks_ahead(&self) -> bool {
        self.question.id == forecast::QUESTION.id
    }
}

/// All questions, in the order in which they are listed.
pub const QUESTIONS: &[Entry] = &[
    Entry {
        question: &scorecard::QUESTION,
        needs: scorecard::needs,
        dimensions: &[],
        answer: scorecard::answer,
    },
    Entry {
        question: &pipeline::QUESTION,
        needs: pipeline::needs,
        dimensions: &[
            "channel",
            "program",
            "segment",
            "owner",
            "kind",
            "country",
            "industry",
            "month",
            "quarter",
            "lead_source",
        ],
        answer: pipeline::answer,
    },
    Entry {
        question: &attribution::QUESTION,
        needs: attribution::needs,
        dimensions: &["channel"],
        answer: attribution::answer,
    },
    Entry {
        question: &programs::QUESTION,
        needs: programs::needs,
        dimensions: &["channel", "program"],
        answer: programs::answer,
    },
    Entry {
        question: &waterfall::QUESTION,
        needs: waterfall::needs,
        dimensions: waterfall::BY,
        answer: waterfall::answer,
    },
    Entry {
        question: &forecast::QUESTION,
        needs: forecast::needs,
        dimensions: &[],
        answer: forecast::answer,
    },
    Entry {
        question: &constraint::QUESTION,
        needs: constraint::needs,
        dimensions: &[],
        answer: constraint::answer,
    },
    Entry {
        question: &hygiene::QUESTION,
        needs: hygiene::needs,
        dimensions: hygiene::BY,
        answer: hygiene::answer,
    },
    Entry {
        question: &health::QUESTION,
        needs: health::needs,
        dimensions: &[],
        answer: health::answer,
    },
];

/// How right answers were: each replays one as of past days and compares it with what came. Named
/// as the question that it tests.
pub const BACKTESTS: &[Entry] = &[
    Entry {
        question: &backtest::programs::QUESTION,
        needs: backtest::programs::needs,
        dimensions: &[],
        answer: backtest::programs::answer,
    },
    Entry {
        question: &backtest::forecast::QUESTION,
        needs: backtest::forecast::needs,
        dimensions: &[],
        answer: backtest::forecast::answer,
    },
    Entry {
        question: &backtest::hygiene::QUESTION,
        needs: backtest::hygiene::needs,
        dimensions: &[],
        answer: backtest::hygiene::answer,
    },
];

/// Finds a question by its identifier; an error names the nearest one, where one is near.
pub fn find(id: &str) -> Result<&'static Entry, Option<&'static str>> {
    find_in(QUESTIONS, id)
}

/// Finds a backtest by the question that it tests, as [`find`] does.
pub fn find_backtest(id: &str) -> Result<&'static Entry, Option<&'static str>> {
    find_in(BACKTESTS, id)
}

fn find_in(entries: &'static [Entry], id: &str) -> Result<&'static Entry, Option<&'static str>> {
    entries.iter().find(|entry| entry.question.id == id).ok_or_else(|| {
        domain::diagnostic::nearest(id, entries.iter().map(|entry| entry.question.id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_found_by_their_names_and_the_nearest_is_named() {
        for entry in QUESTIONS {
            assert_eq!(find(entry.question.id).unwrap().question.id, entry.question.id);
            assert!(entry.question.help.starts_with(|first: char| first.is_uppercase()));
            assert!(entry.question.asks.ends_with('?'));
        }
        assert_eq!(find("pipelines").err(), Some(Some("pipeline")));
        assert_eq!(find("weather").err(), Some(None));
    }

    #[test]
    fn backtests_are_found_by_the_questions_that_they_test() {
        for entry in BACKTESTS {
            let id = entry.question.id;
            assert_eq!(find_backtest(id).unwrap().question.asks, entry.question.asks);
            assert!(find(id).is_ok(), "{id} tests no question");
            assert!(entry.question.asks.ends_with('?'));
        }
        assert_eq!(find_backtest("weather").err(), Some(None));
    }
}
