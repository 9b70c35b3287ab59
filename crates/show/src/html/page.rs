//! What each page is given: plain values, owned or borrowed, with nothing left to look up.
//!
//! Forms say their address and fields here, since the server reads what the page sends. All forms
//! that change something are `method="post"` with urlencoded fields and work without script.

use domain::answer::Asked;
use domain::{Answer, Frame, Theme, Value};
use jiff::Timestamp;
use jiff::civil::Date;

use super::shell::Choice;

/// What the bar of controls offers (a form with `method="get"`, fields as in [`super::Scope`]).
#[derive(Clone, Default, Debug)]
pub struct Controls {
    /// Periods, newest first.
    pub periods: Vec<Choice>,
    /// Segments; the choice of all is added by the page.
    pub segments: Vec<Choice>,
    /// Attribution models.
    pub models: Vec<Choice>,
    /// Currencies.
    pub currencies: Vec<Choice>,
    /// Dimensions that the question can be broken down by.
    pub by: Vec<Choice>,
    /// The first day as of which something is known.
    pub known_from: Option<Date>,
    /// The last one.
    pub known_to: Option<Date>,
    /// True where the account is limited to one segment: it is shown and cannot be chosen.
    pub segment_fixed: bool,
}

/// A question's page, and the scorecard.
#[derive(Clone, Copy, Debug)]
pub struct QuestionPage<'a> {
    /// The answer.
    pub answer: &'a Answer,
    /// What can be chosen.
    pub controls: &'a Controls,
    /// The question's explanation as Markdown.
    pub help: &'a str,
}

/// The rows behind a figure.
#[derive(Clone, Copy, Debug)]
pub struct RowsPage<'a> {
    /// The question's identifier.
    pub question: &'a str,
    /// The figure's identifier: `figure` or `table.row.column`.
    pub figure: &'a str,
    /// What the figure is called, for example `Won` or `Pipeline, Marketing`.
    pub label: &'a str,
    /// Its value.
    pub value: &'a Value,
    /// What the word means here; empty where nothing is written.
    pub meaning: &'a str,
    /// What it was asked for.
    pub asked: &'a Asked,
    /// The rows of this page.
    pub rows: &'a Frame,
    /// How many there are in all.
    pub n_rows: usize,
    /// This page, from 1.
    pub page: usize,
    /// Rows on a page.
    pub page_size: usize,
    /// How the rows make the figure: `21 rows, sum of amount = USD 1,163,960.49.`
    pub closing: &'a str,
    /// True where the figure is divided by other rows.
    pub has_per: bool,
    /// True where these are the rows that it is divided by (`part=per`).
    pub per: bool,
    /// The column by which rows are sorted, `-` before it for descending (`sort=-amount`).
    pub sort: Option<&'a str>,
}

/// A load. Loaded + known + quarantined = read.
#[derive(Clone, Default, Debug)]
pub struct LoadRow {
    /// Its number.
    pub id: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Who loaded.
    pub by: Option<String>,
    /// Why, or from where.
    pub message: Option<String>,
    /// How many files.
    pub n_files: u64,
    /// Rows read.
    pub n_read: u64,
    /// Rows loaded.
    pub n_loaded: u64,
    /// Rows known already.
    pub n_known: u64,
    /// Rows refused.
    pub n_quarantined: u64,
}

/// Refused rows with one reason.
#[derive(Clone, Default, Debug)]
pub struct QuarantineReason {
    /// The rule's stable code.
    pub rule: String,
    /// The reason in words.
    pub reason: String,
    /// How many rows.
    pub n_rows: u64,
    /// The money that they touch, written; `None` where unknown.
    pub money: Option<String>,
    /// A place, for example `opportunities.csv:14:3`.
    pub example: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// A build of the facts.
#[derive(Clone, Default, Debug)]
pub struct BuildRow {
    /// As of which day.
    pub as_of: Option<Date>,
    /// Number of the snapshot.
    pub snapshot: i64,
    /// Identity of the definitions.
    pub definitions: String,
    /// `ready`, or what is being done, for example `3 of 5 stages`.
    pub state: String,
}

/// The words of the company.
#[derive(Clone, Default, Debug)]
pub struct Definitions {
    /// Identity of the definitions.
    pub identity: String,
    /// The words, in groups.
    pub groups: Vec<WordGroup>,
}

/// Words that belong together.
#[derive(Clone, Default, Debug)]
pub struct WordGroup {
    /// The heading.
    pub name: String,
    /// The words.
    pub words: Vec<Word>,
}

/// A word and what it means here. Its address is `/definitions#id`.
#[derive(Clone, Default, Debug)]
pub struct Word {
    /// Identifier; that of the figure where the word is one.
    pub id: String,
    /// The word.
    pub name: String,
    /// What it means, in a sentence or two.
    pub meaning: String,
    /// The formula or rule.
    pub rule: Option<String>,
    /// What stands in this company's definitions, as lines.
    pub here: Vec<String>,
    /// Questions that use it: identifier and name.
    pub used_in: Vec<Choice>,
}

/// The page of the analyst (`GET /analyst?question=…` and the parameters of the scope).
#[derive(Clone, Copy, Debug)]
pub struct Analyst<'a> {
    /// All questions.
    pub questions: &'a [Choice],
    /// The one that was chosen.
    pub question: &'a str,
    /// Its answer; `None` until one was asked for, or with a problem.
    pub answer: Option<&'a Answer>,
    /// Why there is no answer.
    pub problem: Option<&'a Problem>,
    /// What can be chosen.
    pub controls: &'a Controls,
    /// The command that gives the same on a terminal.
    pub command: &'a str,
    /// What the check of definitions and mappings says, one message each.
    pub check: &'a [String],
    /// Refused rows by reason.
    pub quarantine: &'a [QuarantineReason],
    /// Loads, newest first.
    pub loads: &'a [LoadRow],
    /// Builds that are held or under way.
    pub builds: &'a [BuildRow],
}

/// The board page: the answers of a pack.
#[derive(Clone, Copy, Debug)]
pub struct Board<'a> {
    /// The answers, in the order of the pack.
    pub answers: &'a [Answer],
    /// What can be chosen; not used in the file.
    pub controls: &'a Controls,
    /// Further words for the appendix: word and meaning.
    pub words: &'a [(String, String)],
}

/// Why something was refused or failed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Problem {
    /// A stable code.
    pub code: String,
    /// What happened, one sentence.
    pub what: String,
    /// Where, for example the name of the field or the parameter.
    pub place: Option<String>,
    /// What to do.
    pub next: String,
}

/// Login: `POST /login` with `email`, `password`, `next`; in the second step `pending`, `code`,
/// `next`.
#[derive(Clone, Default, Debug)]
pub struct Login {
    /// Why the last try failed.
    pub problem: Option<Problem>,
    /// What was typed, kept.
    pub email: String,
    /// The path to go to afterwards; only a path of this server.
    pub next: String,
    /// Where the password was right and a second factor is asked for: what identifies the try.
    pub pending: Option<String>,
    /// Where there is an identity provider: its name, for the link to `/login/oidc`.
    pub provider: Option<String>,
    /// Whether passwords can be used at all.
    pub passwords: bool,
}

/// Set-up and invitation: `POST /setup` with `token`, `email`, `name`, `password`.
#[derive(Clone, Default, Debug)]
pub struct Setup {
    /// The one-time token of the link.
    pub token: String,
    /// Where it is an invitation: whom it is for. `None` for the first administrator.
    pub invited: Option<String>,
    /// What was typed, kept.
    pub email: String,
    /// What was typed, kept.
    pub name: String,
    /// Why the last try failed.
    pub problem: Option<Problem>,
}

/// The reader's own settings. Forms:
/// `POST /settings/password` with `current`, `password`;
/// `POST /settings/factor` to begin, `/settings/factor/confirm` with `code`,
/// `/settings/factor/remove` with `password`;
/// `POST /settings/tokens` with `name`, `role`, `days`, `/settings/tokens/{id}/revoke`;
/// `POST /settings/sessions/{id}/end`;
/// `POST /settings/preferences` with `theme`, `shortcuts=on`, `digest=on`.
#[derive(Clone, Default, Debug)]
pub struct Settings {
    /// Mail address of the account.
    pub email: String,
    /// False where an identity provider keeps the password.
    pub local_password: bool,
    /// The second factor.
    pub factor: Factor,
    /// Codes for the loss of the second factor, shown once.
    pub recovery_codes: Vec<String>,
    /// Tokens of the API.
    pub tokens: Vec<TokenRow>,
    /// A new token, shown once.
    pub new_token: Option<String>,
    /// Roles that a token may have.
    pub token_roles: Vec<Choice>,
    /// Sessions of the account.
    pub sessions: Vec<SessionRow>,
    /// Light or dark.
    pub theme: Theme,
    /// Whether single letters are shortcuts.
    pub shortcuts: bool,
    /// Whether the weekly digest is wanted; `None` where there is none.
    pub digest: Option<bool>,
    /// What was done just now.
    pub done: Option<String>,
    /// What was refused just now.
    pub problem: Option<Problem>,
}

/// The second factor of an account.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Factor {
    /// There is none.
    #[default]
    Off,
    /// It is being set up: the picture to scan as an `<svg>` of our own making, and the secret to
    /// type.
    Enrolling {
        /// The picture; trusted markup.
        qr_svg: String,
        /// The secret in base 32.
        secret: String,
    },
    /// It is in use.
    On,
}

/// A token of the API.
#[derive(Clone, Default, Debug)]
pub struct TokenRow {
    /// Identifier, not the token.
    pub id: String,
    /// Name.
    pub name: String,
    /// Role in words.
    pub role: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
}

/// A session.
#[derive(Clone, Default, Debug)]
pub struct SessionRow {
    /// Identifier, not the cookie.
    pub id: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was last used.
    pub used_at: Timestamp,
    /// From which address.
    pub address: String,
    /// True for the one that asks.
    pub own: bool,
}

/// People and their roles. Forms: `POST /people` with `email`, `name`, `role`, `segment`;
/// `POST /people/{id}/role` with `role`, `segment`; `POST /people/{id}/disable`, `/enable`,
/// `/reset`.
#[derive(Clone, Default, Debug)]
pub struct People {
    /// Accounts, by name.
    pub people: Vec<Person>,
    /// All roles.
    pub roles: Vec<Choice>,
    /// Segments.
    pub segments: Vec<Choice>,
    /// A link for a new person, shown once.
    pub invitation: Option<String>,
    /// What was done just now.
    pub done: Option<String>,
    /// What was refused just now.
    pub problem: Option<Problem>,
}

/// An account.
#[derive(Clone, Default, Debug)]
pub struct Person {
    /// Identifier.
    pub id: String,
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Identifier of the role.
    pub role: String,
    /// Identifier of the segment that it is limited to.
    pub segment: Option<String>,
    /// How it stands.
    pub state: PersonState,
    /// Whether it has a second factor or an identity provider.
    pub second_factor: bool,
    /// When it was last used.
    pub seen_at: Option<Timestamp>,
    /// True for the reader's own account, which cannot be disabled here.
    pub own: bool,
}

/// How an account stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum PersonState {
    /// In use.
    #[default]
    Active,
    /// Invited, and not yet come.
    Invited,
    /// Refused at the door.
    Disabled,
}

/// The audit log, newest first (`GET /audit?page=…`).
#[derive(Clone, Default, Debug)]
pub struct Audit {
    /// Rows of this page.
    pub rows: Vec<AuditRow>,
    /// This page, from 1.
    pub page: usize,
    /// Number of pages.
    pub pages: usize,
    /// Whether the chain holds: how many rows were checked, or at which row it breaks.
    pub chain: Option<Result<u64, u64>>,
}

/// A row of the audit log.
#[derive(Clone, Default, Debug)]
pub struct AuditRow {
    /// Number.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who, as a name or an identifier.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// How it ended, for example `done` or `refused`.
    pub outcome: String,
    /// From which address.
    pub address: String,
}

/// A page that says that something was refused or failed.
#[derive(Clone, Default, Debug)]
pub struct ErrorPage {
    /// Status of the answer, for example 404.
    pub status: u16,
    /// Why.
    pub problem: Problem,
    /// Identifier of the request, for whoever looks into it.
    pub request_id: String,
    /// Where to go: paths and words.
    pub ways_out: Vec<(String, String)>,
}

/// A page where nothing is loaded yet.
#[derive(Clone, Default, Debug)]
pub struct EmptyPage {
    /// What is missing, one sentence: `nothing is loaded yet`.
    pub missing: String,
    /// Commands to type, in order, each with what it does.
    pub commands: Vec<(String, String)>,
}

/// A page that waits for the first build; it loads itself again.
///
/// With script it follows `GET /progress`, server-sent events whose data are JSON: `{"text":…}` for
/// a notice above other pages, `{"stages":[{"name","done","of","over"}]}` for this one, and
/// `{"over":true}` at the end.
#[derive(Clone, Default, Debug)]
pub struct BuildingPage {
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// When it began.
    pub began_at: Option<Timestamp>,
}

/// A stage of a build.
#[derive(Clone, Default, Debug)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Rows done.
    pub done: u64,
    /// Rows in all, where known.
    pub of: Option<u64>,
    /// True where it is over.
    pub over: bool,
}
