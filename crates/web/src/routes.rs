//! All routes, as one table: what each is for and who may use it.
//!
//! A handler that is given a caller can be registered only together with the permission that it
//! takes, so there is none without. `crates/web/routes.csv` lists the same by role; a test walks
//! it.

use std::collections::BTreeMap;

use access::Permission::{
    self, Analyze, Export, ManageOwn, ManagePeople, OpenRows, ReadAnswers, ReadAudit,
    ReadDefinitions, ReadHealth,
};
use access::{Caller, Role};
use axum::http::{Method, StatusCode};

use crate::problem::Problem;
use crate::reply::Reply;
use crate::site::Site;
use crate::visit::Visit;
use crate::{api, pages};

/// What a handler gives back.
pub(crate) type Outcome = Result<Reply, Problem>;
/// A handler that anybody may call.
pub(crate) type Public = fn(&Site, &Visit) -> Outcome;
/// A handler for those who may.
pub(crate) type Allowed = fn(&Site, &Visit, &Caller) -> Outcome;

/// Who may, and what is done.
#[derive(Clone, Copy)]
pub(crate) enum Gate {
    /// Anybody, at once: waits for nothing and nobody.
    Instant(Public),
    /// Anybody.
    Anyone(Public),
    /// Those who hold the permission.
    May(Permission, Allowed),
}

/// A route.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) gate: Gate,
    /// Takes the parameters of a question.
    pub(crate) scoped: bool,
    /// Takes these parameters besides.
    pub(crate) own: &'static [&'static str],
    /// What it is for, in a few words.
    pub(crate) what: &'static str,
}

impl Route {
    /// True for the JSON API.
    pub(crate) fn is_api(&self) -> bool {
        self.path.starts_with("/api/")
    }
}

const fn get(path: &'static str, gate: Gate, what: &'static str) -> Route {
    Route { method: Method::GET, path, gate, scoped: false, own: &[], what }
}

/// A page, file or answer that takes the parameters of a question.
const fn ask(path: &'static str, gate: Gate, what: &'static str) -> Route {
    Route { method: Method::GET, path, gate, scoped: true, own: &[], what }
}

const fn post(path: &'static str, gate: Gate, what: &'static str) -> Route {
    Route { method: Method::POST, path, gate, scoped: false, own: &[], what }
}

const fn patch(path: &'static str, gate: Gate, what: &'static str) -> Route {
    Route { method: Method::PATCH, path, gate, scoped: false, own: &[], what }
}

const fn delete(path: &'static str, gate: Gate, what: &'static str) -> Route {
    Route { method: Method::DELETE, path, gate, scoped: false, own: &[], what }
}

const fn own(mut route: Route, own: &'static [&'static str]) -> Route {
    route.own = own;
    route
}

use Gate::{Anyone, Instant, May};

/// All routes.
pub(crate) static ROUTES: &[Route] = &[
    // For machines.
    get("/healthz", Instant(pages::statics::alive), "whether the process answers"),
    get("/static/{hash}/{name}", Instant(pages::statics::asset), "styles, script and fonts"),
    get("/favicon.ico", Instant(pages::statics::icon), "the sign of the product"),
    // The door.
    own(get("/login", Anyone(pages::door::login_page), "the login"), &["next"]),
    post("/login", Anyone(pages::door::login), "signs in"),
    post("/logout", May(ManageOwn, pages::door::logout), "signs out"),
    own(get("/setup", Anyone(pages::door::setup_page), "first account, invitation"), &["token"]),
    post("/setup", Anyone(pages::door::setup), "sets the password of a link"),
    own(get("/login/oidc", Anyone(pages::oidc::begin), "to the identity provider"), &["next"]),
    own(
        get("/login/oidc/callback", Anyone(pages::oidc::callback), "back from it"),
        &pages::oidc::BROUGHT_BACK,
    ),
    // Answers.
    ask("/", May(ReadAnswers, pages::answers::home), "the scorecard"),
    ask("/board", May(ReadAnswers, pages::board::page), "the board pack"),
    ask("/board.pdf", May(Export, pages::board::pdf), "the board pack as PDF"),
    ask("/board.xlsx", May(Export, pages::board::xlsx), "the board pack as workbook"),
    ask("/board.html", May(Export, pages::board::html), "the board pack as one page"),
    ask("/board.json", May(Export, pages::board::json), "the board pack as JSON"),
    own(ask("/analyst", May(Analyze, pages::analyst::page), "any question"), &["question"]),
    get("/quarantine.csv", May(Analyze, pages::analyst::quarantine), "rows that were refused"),
    ask("/definitions", May(ReadDefinitions, pages::about::definitions), "what the words mean"),
    get("/progress", May(ReadAnswers, pages::statics::progress), "a build, as it goes on"),
    ask("/{question}", May(ReadAnswers, pages::answers::question), "the answer to a question"),
    own(
        ask("/{question}/rows/{figure}", May(OpenRows, pages::rows::page), "rows of a figure"),
        &["part"],
    ),
    own(
        ask("/{question}/rows/{figure}.csv", May(Export, pages::rows::csv), "the same as CSV"),
        &["part"],
    ),
    own(
        ask("/{question}/rows/{figure}.xlsx", May(Export, pages::rows::xlsx), "as workbook"),
        &["part"],
    ),
    ask("/{question}/table/{table}.csv", May(Export, pages::rows::table_csv), "a table as CSV"),
    ask("/{question}/table/{table}.xlsx", May(Export, pages::rows::table_xlsx), "as workbook"),
    // One's own.
    ask("/settings", May(ManageOwn, pages::settings::page), "own settings"),
    post("/settings/password", May(ManageOwn, pages::settings::password), "own password"),
    post("/settings/factor", May(ManageOwn, pages::settings::factor), "begins a second factor"),
    post("/settings/factor/confirm", May(ManageOwn, pages::settings::confirm), "confirms it"),
    post("/settings/factor/remove", May(ManageOwn, pages::settings::remove), "takes it away"),
    post("/settings/tokens", May(ManageOwn, pages::settings::token), "makes an API token"),
    post("/settings/tokens/{id}/revoke", May(ManageOwn, pages::settings::revoke), "revokes one"),
    post("/settings/sessions/{id}/end", May(ManageOwn, pages::settings::end), "ends a session"),
    post("/settings/preferences", May(ManageOwn, pages::settings::preferences), "preferences"),
    // People.
    ask("/people", May(ManagePeople, pages::people::page), "people and roles"),
    post("/people", May(ManagePeople, pages::people::add), "invites a person"),
    post("/people/{id}/role", May(ManagePeople, pages::people::role), "role and segment"),
    post("/people/{id}/disable", May(ManagePeople, pages::people::disable), "closes an account"),
    post("/people/{id}/enable", May(ManagePeople, pages::people::enable), "opens it again"),
    post("/people/{id}/reset", May(ManagePeople, pages::people::reset), "a new password"),
    own(ask("/audit", May(ReadAudit, pages::people::audit), "the audit log"), &["verify"]),
    // The API.
    get("/api/v1/openapi.json", May(ReadDefinitions, api::openapi), "this API, described"),
    get("/api/v1/questions", May(ReadAnswers, api::questions), "the questions"),
    ask("/api/v1/questions/{question}", May(ReadAnswers, api::question), "an answer"),
    own(
        ask("/api/v1/questions/{question}/rows/{figure}", May(OpenRows, api::rows), "its rows"),
        &["part", "page_size"],
    ),
    get("/api/v1/definitions", May(ReadDefinitions, api::definitions), "what the words mean"),
    get("/api/v1/health", May(ReadHealth, api::health), "the state of the data"),
    get("/api/v1/loads", May(ReadHealth, api::loads), "the ledger of loads"),
    get("/api/v1/me", May(ManageOwn, api::me::me), "who asks"),
    patch("/api/v1/me", May(ManageOwn, api::me::change), "own name and preferences"),
    get("/api/v1/tokens", May(ManageOwn, api::me::tokens), "own tokens"),
    post("/api/v1/tokens", May(ManageOwn, api::me::create_token), "makes a token"),
    delete("/api/v1/tokens/{id}", May(ManageOwn, api::me::revoke_token), "revokes one"),
    get("/api/v1/users", May(ManagePeople, api::users::list), "the accounts"),
    post("/api/v1/users", May(ManagePeople, api::users::invite), "invites a person"),
    patch("/api/v1/users/{id}", May(ManagePeople, api::users::change), "changes an account"),
    delete("/api/v1/users/{id}", May(ManagePeople, api::users::remove), "removes it"),
];

/// The routes of a path.
type ByMethod = BTreeMap<&'static str, &'static Route>;

/// The parameters of a path, by name.
type Parts = Vec<(String, String)>;

/// Finds routes by method and path.
pub(crate) struct Routes {
    paths: matchit::Router<ByMethod>,
}

impl Routes {
    /// Sorts the table.
    pub(crate) fn new() -> Self {
        let mut by_path: BTreeMap<&'static str, ByMethod> = BTreeMap::new();
        for route in ROUTES {
            by_path.entry(route.path).or_default().insert(route.method.as_str(), route);
        }
        let mut paths = matchit::Router::new();
        for (path, methods) in by_path {
            // A path that contradicts another is left out, and the test that walks them says so.
            let _new: Result<(), matchit::InsertError> = paths.insert(path, methods);
        }
        Self { paths }
    }

    /// The methods that a path takes; `None` where there is no such path.
    pub(crate) fn allow(&self, path: &str) -> Option<String> {
        let mut allow: Vec<&str> = self.paths.at(path).ok()?.value.keys().copied().collect();
        if allow.contains(&"GET") {
            allow.push("HEAD");
        }
        Some(allow.join(", "))
    }

    /// Finds the route, with the parameters of the path.
    pub(crate) fn find(
        &self,
        method: &Method,
        path: &str,
    ) -> Result<(&'static Route, Parts), Problem> {
        let found = self.paths.at(path).map_err(|_| Problem::not_found())?;
        let wanted = if *method == Method::HEAD { "GET" } else { method.as_str() };
        let Some(route) = found.value.get(wanted) else {
            let mut problem = Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "this address does not take this method",
            )
            .hint("Go to the page and use the form or link on it.");
            problem.allow = self.allow(path);
            return Err(problem);
        };
        let parts = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok((route, parts.collect()))
    }
}

/// The table of routes by role, as text: what `crates/web/routes.csv` holds.
pub fn table() -> String {
    let mut text = String::from("method,path,needs");
    for role in Role::ALL {
        text.push_str(&format!(",{}", role.id()));
    }
    text.push_str(",nobody,what\n");
    for route in ROUTES {
        let needs = match route.gate {
            Gate::May(permission, _) => permission.id(),
            Gate::Anyone(_) | Gate::Instant(_) => "nothing",
        };
        text.push_str(&format!("{},{},{needs}", route.method, route.path));
        for role in Role::ALL {
            let may = match route.gate {
                Gate::May(permission, _) => access::permissions(role).contains(&permission),
                Gate::Anyone(_) | Gate::Instant(_) => true,
            };
            text.push_str(if may { ",yes" } else { ",no" });
        }
        let nobody = if matches!(route.gate, Gate::May(..)) { "no" } else { "yes" };
        text.push_str(&format!(",{nobody},\"{}\"\n", route.what));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_table_is_found() {
        let routes = Routes::new();
        for route in ROUTES {
            let path = route.path.replace(['{', '}'], "");
            let (found, _) = routes.find(&route.method, &path).unwrap();
            assert_eq!(found.path, route.path);
            assert!(!route.what.contains('"'));
        }
        for (path, expected) in [
            ("/pipeline/rows/sources.Marketing.won", "/{question}/rows/{figure}"),
            ("/pipeline/rows/sources.Marketing.won.csv", "/{question}/rows/{figure}.csv"),
            ("/board", "/board"),
            ("/boards", "/{question}"),
            ("/static/x/rows/won", ""),
        ] {
            let found = routes.find(&Method::GET, path).map_or("", |(route, _)| route.path);
            assert_eq!(found, expected, "{path}");
        }
    }
}
