//! Pages: an answer in, one HTML text out.
//!
//! Pure functions over plain values. A page holds no script and no style of its own, works without
//! either, and asks no other server for anything. Text from data is escaped, and what steers or
//! hides in it is made visible, by the templates' own escaper, so that no page can forget it.

mod answers;
mod around;
mod asset;
mod data;
mod draw;
mod escape;
mod markdown;
mod office;
mod page;
mod shell;
mod view;

use jiff::Timestamp;

pub use answers::{board_file, board_page, question_page, scorecard_page};
pub use asset::{Asset, assets};
pub use data::{analyst_page, definitions_page, rows_page};
pub use office::{
    audit_page, building_page, empty_page, error_page, login_page, people_page, settings_page,
    setup_page,
};
pub use page::{
    Analyst, Audit, AuditRow, Board, BuildRow, BuildingPage, Controls, Definitions, EmptyPage,
    ErrorPage, Factor, LoadRow, Login, People, Person, PersonState, Problem, QuarantineReason,
    QuestionPage, RowsPage, SessionRow, Settings, Setup, Stage, TokenRow, Word, WordGroup,
};
pub use shell::{Choice, Facts, May, Notice, NoticeKind, Reader, Scope, Shell, segment};
pub use view::{headline, leading, minus, sentence};

/// Writes a page. Writing to a text does not fail; if it did, an empty page would say so.
fn written(page: &impl askama::Template) -> String {
    page.render().unwrap_or_default()
}

/// An instant as it is shown before a script turns it into the reader's own zone.
struct Instant {
    iso: String,
    text: String,
}

impl Instant {
    fn new(at: Timestamp) -> Self {
        Self { iso: at.to_string(), text: at.strftime("%Y-%m-%d %H:%M UTC").to_string() }
    }
}

/// A refusal as it is shown.
struct ProblemView {
    what: String,
    place: Option<String>,
    next: String,
    code: String,
}

impl ProblemView {
    fn new(problem: &Problem) -> Self {
        Self {
            what: view::sentence(&problem.what),
            place: problem.place.clone(),
            next: view::sentence(&problem.next),
            code: problem.code.clone(),
        }
    }
}

/// The way from page to page of a list.
struct PagerView {
    page: String,
    pages: usize,
    back: String,
    on: String,
}

impl PagerView {
    fn new(page: usize, pages: usize, link: impl Fn(usize) -> String) -> Self {
        Self {
            page: data::plain(page),
            pages,
            back: if page > 1 { link(page - 1) } else { String::new() },
            on: if page < pages { link(page + 1) } else { String::new() },
        }
    }
}
