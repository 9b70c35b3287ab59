//! Pages: an answer in, one HTML text out.
//!
//! Pure functions over plain values. A page holds no script and no style of its own, works without
//! either, and asks no other server for anything. Text from data is escaped, and what steers or
//! hides in it is made visible, by the templates' own escaper, so that no page can forget it.

mod page;
mod shell;

pub use page::{
    Analyst, Audit, AuditRow, Board, BuildRow, BuildingPage, Controls, Definitions, EmptyPage,
    ErrorPage, Factor, Health, LoadRow, Login, People, Person, PersonState, Problem,
    QuarantineReason, QuestionPage, RowsPage, SessionRow, Settings, Setup, SourceHealth, Stage,
    Status, TokenRow, Word, WordGroup,
};
pub use shell::{Choice, Facts, May, Notice, NoticeKind, Reader, Scope, Shell, Theme, segment};

/// A file that pages ask for, at `/static/{hash}/{name}`.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its name, for example `app.css`.
    pub name: &'static str,
    /// The first digits of the hash of its bytes: the address changes with the content.
    pub hash: String,
    /// Its kind.
    pub content_type: &'static str,
    /// Its bytes.
    pub bytes: std::borrow::Cow<'static, [u8]>,
}

/// The files that pages ask for.
pub fn assets() -> &'static [Asset] {
    &[]
}

fn unfinished(shell: &Shell, title: &str) -> String {
    format!("<!doctype html><title>{}</title><h1>{}</h1>", shell.here.len(), title.len())
}

/// The page of a question.
pub fn question_page(shell: &Shell, _page: &QuestionPage<'_>) -> String {
    unfinished(shell, "")
}

/// The home page: the scorecard.
pub fn scorecard_page(shell: &Shell, _page: &QuestionPage<'_>) -> String {
    unfinished(shell, "")
}

/// The rows behind a figure.
pub fn rows_page(shell: &Shell, _page: &RowsPage<'_>) -> String {
    unfinished(shell, "")
}

/// The health of the data.
pub fn health_page(shell: &Shell, _page: &Health) -> String {
    unfinished(shell, "")
}

/// What the words mean here.
pub fn definitions_page(shell: &Shell, _page: &Definitions) -> String {
    unfinished(shell, "")
}

/// The page of the analyst.
pub fn analyst_page(shell: &Shell, _page: &Analyst<'_>) -> String {
    unfinished(shell, "")
}

/// The board pack as a page.
pub fn board_page(shell: &Shell, _page: &Board<'_>) -> String {
    unfinished(shell, "")
}

/// The board pack as one file that needs nothing else: styles and fonts are in it.
///
/// `base` is the address of the server, for links to figures; `None` leaves them out.
pub fn board_file(shell: &Shell, _page: &Board<'_>, _base: Option<&str>) -> String {
    unfinished(shell, "")
}

/// Login.
pub fn login_page(shell: &Shell, _page: &Login) -> String {
    unfinished(shell, "")
}

/// The first administrator, or an invited person.
pub fn setup_page(shell: &Shell, _page: &Setup) -> String {
    unfinished(shell, "")
}

/// The reader's own settings.
pub fn settings_page(shell: &Shell, _page: &Settings) -> String {
    unfinished(shell, "")
}

/// People and their roles.
pub fn people_page(shell: &Shell, _page: &People) -> String {
    unfinished(shell, "")
}

/// The audit log.
pub fn audit_page(shell: &Shell, _page: &Audit) -> String {
    unfinished(shell, "")
}

/// Something was refused or failed.
pub fn error_page(shell: &Shell, _page: &ErrorPage) -> String {
    unfinished(shell, "")
}

/// Nothing is loaded yet.
pub fn empty_page(shell: &Shell, _page: &EmptyPage) -> String {
    unfinished(shell, "")
}

/// The first build is under way.
pub fn building_page(shell: &Shell, _page: &BuildingPage) -> String {
    unfinished(shell, "")
}
