//! Pages around the data: login, set-up, settings, people, the audit log, and what goes wrong.

use askama::Template;

use domain::Theme;

use super::around::Around;
use super::page::{
    Audit, BuildingPage, EmptyPage, ErrorPage, Factor, Login, People, PersonState, Settings, Setup,
};
use super::shell::{Shell, segment};
use super::view::sentence;
use super::{Instant, PagerView, ProblemView, data, markdown, written};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginView<'a> {
    around: Around,
    login: &'a Login,
    problem: Option<ProblemView>,
    provider_href: String,
}

/// Login.
pub fn login_page(shell: &Shell, page: &Login) -> String {
    let mut login = page.clone();
    // Only a path of this server is kept: a link to a login must not lead elsewhere.
    if !login.next.starts_with('/') || !markdown::leads_somewhere(&login.next) {
        login.next.clear();
    }
    let next = [("next", login.next.as_str())];
    let provider_href = super::Scope::default().link_with("/login/oidc", &next);
    written(&LoginView {
        around: Around::new(shell, "Log in"),
        problem: login.problem.as_ref().map(ProblemView::new),
        provider_href,
        login: &login,
    })
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupView<'a> {
    around: Around,
    setup: &'a Setup,
    problem: Option<ProblemView>,
}

/// The first administrator, or an invited person.
pub fn setup_page(shell: &Shell, page: &Setup) -> String {
    written(&SetupView {
        around: Around::new(shell, "Set up"),
        setup: page,
        problem: page.problem.as_ref().map(ProblemView::new),
    })
}

struct TokenView<'a> {
    id: String,
    name: &'a str,
    role: &'a str,
    made: Instant,
    ends: Instant,
    used: Option<Instant>,
}

struct SessionView<'a> {
    id: String,
    address: &'a str,
    own: bool,
    began: Instant,
    used: Instant,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsView<'a> {
    around: Around,
    settings: &'a Settings,
    problem: Option<ProblemView>,
    themes: [(&'static str, &'static str, bool); 3],
    factor: &'static str,
    qr: &'a str,
    secret: &'a str,
    tokens: Vec<TokenView<'a>>,
    sessions: Vec<SessionView<'a>>,
    /// The choice of a form that begins anew.
    nothing: String,
}

/// The reader's own settings.
pub fn settings_page(shell: &Shell, page: &Settings) -> String {
    let theme = |theme: Theme, label| (theme.id(), label, page.theme == theme);
    let (factor, qr, secret) = match &page.factor {
        Factor::Off => ("off", "", ""),
        Factor::Enrolling { qr_svg, secret } => ("enrolling", qr_svg.as_str(), secret.as_str()),
        Factor::On => ("on", "", ""),
    };
    written(&SettingsView {
        around: Around::new(shell, "Settings"),
        problem: page.problem.as_ref().map(ProblemView::new),
        themes: [
            theme(Theme::System, "As the system"),
            theme(Theme::Light, "Light"),
            theme(Theme::Dark, "Dark"),
        ],
        factor,
        qr,
        secret,
        tokens: page
            .tokens
            .iter()
            .map(|token| TokenView {
                id: segment(&token.id),
                name: &token.name,
                role: &token.role,
                made: Instant::new(token.made_at),
                ends: Instant::new(token.ends_at),
                used: token.used_at.map(Instant::new),
            })
            .collect(),
        sessions: page
            .sessions
            .iter()
            .map(|session| SessionView {
                id: segment(&session.id),
                address: &session.address,
                own: session.own,
                began: Instant::new(session.began_at),
                used: Instant::new(session.used_at),
            })
            .collect(),
        nothing: String::new(),
        settings: page,
    })
}

struct PersonView<'a> {
    id: String,
    name: &'a str,
    email: &'a str,
    role: &'a str,
    segment: &'a str,
    class: &'static str,
    shape: &'static str,
    state: &'static str,
    disabled: bool,
    second_factor: bool,
    seen: Option<Instant>,
    own: bool,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeopleView<'a> {
    around: Around,
    page: &'a People,
    people: Vec<PersonView<'a>>,
    problem: Option<ProblemView>,
    nothing: String,
}

/// People and their roles.
pub fn people_page(shell: &Shell, page: &People) -> String {
    let people = page.people.iter().map(|person| {
        let (class, shape, state) = match person.state {
            PersonState::Active => ("good", "●", "active"),
            PersonState::Invited => ("watch", "▲", "invited"),
            PersonState::Disabled => ("off", "○", "disabled"),
        };
        PersonView {
            id: segment(&person.id),
            name: &person.name,
            email: &person.email,
            role: &person.role,
            segment: person.segment.as_deref().unwrap_or_default(),
            class,
            shape,
            state,
            disabled: person.state == PersonState::Disabled,
            second_factor: person.second_factor,
            seen: person.seen_at.map(Instant::new),
            own: person.own,
        }
    });
    written(&PeopleView {
        around: Around::new(shell, "People"),
        people: people.collect(),
        problem: page.problem.as_ref().map(ProblemView::new),
        nothing: String::new(),
        page,
    })
}

struct AuditRowView<'a> {
    sequence: u64,
    at: Instant,
    actor: &'a str,
    action: &'a str,
    object: &'a str,
    outcome: &'a str,
    address: &'a str,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditView<'a> {
    around: Around,
    chain: (&'static str, &'static str, String),
    rows: Vec<AuditRowView<'a>>,
    pager: PagerView,
}

/// The audit log.
pub fn audit_page(shell: &Shell, page: &Audit) -> String {
    let chain = match page.chain {
        None => ("", "", String::new()),
        Some(Ok(n)) => ("good", "●", format!("The chain of {n} rows holds.")),
        Some(Err(at)) => (
            "bad",
            "■",
            format!("The chain breaks at row {at}: it was changed after it was written."),
        ),
    };
    let rows = page.rows.iter().map(|row| AuditRowView {
        sequence: row.sequence,
        at: Instant::new(row.at),
        actor: &row.actor,
        action: &row.action,
        object: &row.object,
        outcome: &row.outcome,
        address: &row.address,
    });
    let at = |number: usize| shell.scope.link_with("/audit", &[("page", &number.to_string())]);
    written(&AuditView {
        around: Around::new(shell, "Audit log"),
        chain,
        rows: rows.collect(),
        pager: PagerView::new(page.page, page.pages, at),
    })
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorView<'a> {
    around: Around,
    status: u16,
    problem: ProblemView,
    request_id: &'a str,
    ways: Vec<(String, String)>,
}

/// Something was refused or failed.
pub fn error_page(shell: &Shell, page: &ErrorPage) -> String {
    let problem = ProblemView::new(&page.problem);
    let ways = page.ways_out.iter().filter(|(href, _)| markdown::leads_somewhere(href));
    written(&ErrorView {
        around: Around::new(shell, problem.what.trim_end_matches('.')),
        status: page.status,
        problem,
        request_id: &page.request_id,
        ways: ways.cloned().collect(),
    })
}

#[derive(Template)]
#[template(path = "empty.html")]
struct EmptyView<'a> {
    around: Around,
    missing: String,
    commands: &'a [(String, String)],
    awaits: &'static str,
}

/// Nothing is loaded yet.
pub fn empty_page(shell: &Shell, page: &EmptyPage) -> String {
    written(&EmptyView {
        around: Around::new(shell, "Nothing is loaded yet"),
        missing: sentence(&page.missing),
        commands: &page.commands,
        awaits: awaits(&shell.here),
    })
}

/// What a page shows once something is loaded: no figure, since none is known.
fn awaits(path: &str) -> &'static str {
    match path.trim_start_matches('/').split('/').next().unwrap_or_default() {
        "" => "The figures of the period on one page, each beside its target and earlier periods.",
        "board" => "The pack for the board: every question with its charts, tables and notes.",
        "health" => "How old each source is, what every load brought, and which rows were refused.",
        "definitions" => "What each word means here, and how its figure follows from the rows.",
        "analyst" => "The command for each answer, its checks, and the rows that were refused.",
        _ => {
            "A sentence that answers the question, then its figures and charts; each figure opens \
             to the rows that make it."
        }
    }
}

struct StageView<'a> {
    name: &'a str,
    class: &'static str,
    shape: &'static str,
    count: String,
}

#[derive(Template)]
#[template(path = "building.html")]
struct BuildingView<'a> {
    around: Around,
    stages: Vec<StageView<'a>>,
}

/// The first build is under way.
pub fn building_page(shell: &Shell, page: &BuildingPage) -> String {
    let stages = page.stages.iter().map(|stage| {
        let (class, shape) = match (stage.over, stage.done) {
            (true, _) => ("good", "●"),
            (false, 0) => ("off", "○"),
            _ => ("watch", "◐"),
        };
        StageView { name: &stage.name, class, shape, count: data::progress(stage.done, stage.of) }
    });
    written(&BuildingView { around: Around::new(shell, "Building"), stages: stages.collect() })
}
