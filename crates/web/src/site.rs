//! From a request to an answer: what every route has in common, in one order.
//!
//! Guard, route, who asks, may they, what exactly, the handler, the headers, the log. A handler
//! runs on a thread that may wait; a panic there ends this one request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use access::{Access, AccountId, Caller, Event, Refusal, Secret};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cache::locked;
use crate::desk::Desk;
use crate::guard;
use crate::pages;
use crate::problem::Problem;
use crate::query::Query;
use crate::reply::{Content, Reply};
use crate::routes::{Gate, Outcome, Route, Routes};
use crate::settings::Settings;
use crate::strangers::{Stranger, Strangers};
use crate::tally::Tally;
use crate::visit::{Visit, address};

/// Requests at a time of which is found out who asks.
const ASKING: usize = 16;

/// Everything that answers.
pub(crate) struct Site {
    pub(crate) desk: Arc<Desk>,
    pub(crate) access: Arc<Access>,
    pub(crate) settings: Settings,
    routes: Routes,
    /// Turns to find out who asks: quick, so that nobody's long work is waited for.
    asking: Arc<Semaphore>,
    working: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Turns of each account that has requests.
    own: Mutex<HashMap<AccountId, Weak<Semaphore>>>,
    /// Requests of each account that wait.
    queued: Tally<AccountId>,
    /// Streams of news of each account.
    pub(crate) streams: Tally<AccountId>,
    /// Refusals of those who are not signed in.
    strangers: Strangers,
    /// Makes the numbers of requests differ from those before a restart.
    start: u64,
    count: AtomicU64,
}

impl Site {
    pub(crate) fn new(desk: Arc<Desk>, access: Arc<Access>, settings: Settings) -> Self {
        let start = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        Self {
            desk,
            access,
            asking: Arc::new(Semaphore::new(ASKING)),
            working: Arc::new(Semaphore::new(settings.limits.working)),
            own: Mutex::default(),
            queued: Tally::default(),
            streams: Tally::default(),
            strangers: Strangers::default(),
            settings,
            routes: Routes::new(),
            waiting: AtomicUsize::new(0),
            start,
            count: AtomicU64::new(0),
        }
    }

    /// True where the company is simulated.
    pub(crate) fn sample(&self) -> bool {
        let standing = self.desk.standing();
        let company = standing.ground.map(|ground| ground.view.definitions().company.clone());
        company.is_some() && company == self.settings.sample_company
    }

    /// The name of the identity provider, where there is one.
    pub(crate) fn provider(&self) -> Option<String> {
        self.settings.provider.as_ref().map(|provider| provider.name().to_owned())
    }

    /// Answers a request.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: Request<Body>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let began = Instant::now();
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:x}-{number:x}", self.start);
        let (head, body) = request.into_parts();
        let from = address(peer.ip(), &head.headers, &self.settings.trusted_proxies);
        let mut about = About { id: id.clone(), ..About::default() };
        let json = wants_json(head.uri.path(), &head.headers);
        let outcome = self.outcome(&head, body, from, &mut about).await;
        let reply = match outcome {
            Ok(reply) => reply,
            Err(mut problem) => {
                let exactly = about.caller.as_ref().is_some_and(pages::may_correct);
                if problem.code == "definitions" && !exactly {
                    problem.more.clear();
                }
                about.detail.clone_from(&problem.detail);
                about.code = Some(problem.code.clone());
                self.told(problem, &head.method, head.uri.path(), json, &mut about)
            }
        };
        let mark = head.headers.get(header::IF_NONE_MATCH);
        let response = self.finish(reply, &head.method, mark, &id);
        (self.settings.log)(&crate::settings::Line {
            at: Timestamp::now(),
            id: &id,
            method: head.method.as_str(),
            path: about.path.as_deref().unwrap_or("-"),
            status: response.status().as_u16(),
            milliseconds: began.elapsed().as_secs_f64() * 1_000.0,
            account: about.caller.as_ref().map(|caller| caller.account.as_str()),
            address: from,
            code: about.code.as_deref(),
            detail: about.detail.as_deref(),
        });
        response
    }

    async fn outcome(
        self: &Arc<Self>,
        head: &axum::http::request::Parts,
        body: Body,
        from: std::net::IpAddr,
        about: &mut About,
    ) -> Outcome {
        guard::request(&head.method, head.version, &head.headers).map_err(|mut problem| {
            if problem.allow.is_some() {
                problem.allow = self.routes.allow(head.uri.path()).or(problem.allow.take());
            }
            problem
        })?;
        let sent = head.uri.path_and_query().map_or("/", |sent| sent.as_str());
        if sent.len() > self.settings.limits.path {
            guard::path(sent, self.settings.limits.path)?;
        }
        let path = guard::path(head.uri.path(), self.settings.limits.path)?;
        let pairs = guard::pairs(head.uri.query().unwrap_or_default())
            .ok_or_else(|| Problem::bad("address", "this address is not well formed"))?;
        let (route, parts) = self.routes.find(&head.method, &path)?;
        about.path = Some(route.path.to_owned());
        sent.clone_into(&mut about.sent);
        guard::no_secrets(&pairs, route.path == "/setup")?;
        let changes = !matches!(head.method, Method::GET | Method::HEAD);
        let visit = Visit {
            now: Timestamp::now(),
            address: from,
            method: head.method.clone(),
            headers: head.headers.clone(),
            path,
            parts,
            query: Query::default(),
            body: Bytes::new(),
            route,
        };
        if let Gate::Instant(handler) = route.gate {
            return handler(self, &visit);
        }
        // One time for all of it: who waited long has less left.
        let until = tokio::time::Instant::now() + self.settings.limits.request;
        let this = Arc::clone(self);
        let turn = self.turn(&self.asking, until).await?;
        let (mut visit, caller) = self
            .work(vec![turn], until, move || {
                let caller = this.who(&visit)?;
                let verdict = this.admit(&visit, caller.as_ref(), changes);
                let query = verdict.and_then(|()| Query::read(&pairs, route.scoped, route.own));
                Ok((visit, caller, query))
            })
            .await
            .and_then(|(mut visit, caller, query)| {
                about.caller.clone_from(&caller);
                visit.query = query?;
                Ok((visit, caller))
            })?;
        if changes {
            // Who may not do it has no body read, and whose body drips holds up nobody.
            visit.body = self.body(head, body, route).await?;
        }
        let mut turns = Vec::new();
        if let Some(caller) = &caller {
            let queued = self.queued.take(caller.account.clone(), self.most_queued());
            let _queued = queued.ok_or_else(Problem::busy)?;
            turns.push(self.turn(&self.own(&caller.account), until).await?);
        }
        turns.push(self.turn(&self.working, until).await?);
        let this = Arc::clone(self);
        let handle = move || {
            let outcome = match (&route.gate, &caller) {
                (Gate::May(_, handler), Some(caller)) if changes => {
                    crate::once::once(&this, &visit, caller, *handler)
                }
                (Gate::May(_, handler), Some(caller)) => handler(&this, &visit, caller),
                (Gate::Anyone(handler) | Gate::Instant(handler), _) => handler(&this, &visit),
                (Gate::May(..), None) => Err(Problem::fault("admitted without a caller")),
            };
            outcome.inspect_err(|problem| {
                if problem.noted {
                    this.refused(&visit, caller.as_ref(), problem);
                }
            })
        };
        self.work(turns, until, handle).await
    }

    /// Requests of an account that wait, with those that are about to work.
    fn most_queued(&self) -> usize {
        self.settings.limits.waiting_each.saturating_add(self.settings.limits.working_each)
    }

    /// The turns of an account: one that asks for much leaves the others theirs.
    fn own(&self, account: &AccountId) -> Arc<Semaphore> {
        let mut own = locked(&self.own);
        if let Some(turns) = own.get(account).and_then(Weak::upgrade) {
            return turns;
        }
        own.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(self.settings.limits.working_each));
        own.insert(account.clone(), Arc::downgrade(&turns));
        turns
    }

    /// Waits for a turn, but not behind too many others.
    async fn turn(
        &self,
        turns: &Arc<Semaphore>,
        until: tokio::time::Instant,
    ) -> Result<OwnedSemaphorePermit, Problem> {
        struct Leave<'a>(&'a AtomicUsize);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.settings.limits.waiting {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Problem::busy());
        }
        let _leave = Leave(&self.waiting);
        let turn = Arc::clone(turns).acquire_owned();
        match tokio::time::timeout_at(until, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::busy()),
        }
    }

    /// Runs a handler on a thread that may wait. Its turn ends when the work does, also where
    /// nobody waits for it any more.
    async fn work<T: Send + 'static>(
        &self,
        turns: Vec<OwnedSemaphorePermit>,
        until: tokio::time::Instant,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let done = tokio::task::spawn_blocking(move || {
            let _turns = turns;
            work()
        });
        match tokio::time::timeout_at(until, done).await {
            Ok(Ok(done)) => done,
            Ok(Err(panicked)) => Err(Problem::fault(panicked.to_string())),
            Err(_) => Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "takes-long",
                "this takes longer than a page can wait for",
            )
            .hint("Ask for a shorter period, or try again: what was computed is kept.")
            .retry_after(10)),
        }
    }

    /// Reads a body of a bounded size in a bounded time.
    async fn body(
        &self,
        head: &axum::http::request::Parts,
        body: Body,
        route: &Route,
    ) -> Result<Bytes, Problem> {
        let limits = &self.settings.limits;
        let most = if route.is_api() { limits.json_bytes } else { limits.form_bytes };
        let large = || {
            let what = format!("the body is larger than {} KiB", most / 1_024);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", what)
                .hint("Send less at a time.")
                .close()
        };
        let stated = head.headers.get(header::CONTENT_LENGTH);
        let stated = stated.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if stated.is_some_and(|length| length > most) {
            return Err(large());
        }
        let whole = Limited::new(body, most).collect();
        match tokio::time::timeout(limits.body, whole).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(large()),
            Ok(Err(_)) => Err(Problem::bad("body", "the body ended before its end").close()),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body-slow",
                "the body did not come in time",
            )
            .hint("Try again with a better connection.")
            .close()),
        }
    }

    /// Finds out who asks, where the route wants to know.
    fn who(&self, visit: &Visit) -> Result<Option<Caller>, Problem> {
        let Gate::May(..) = visit.route.gate else { return Ok(None) };
        self.known(visit)().map(Some).map_err(refusal)
    }

    /// Who sends what a request brings, as often as it is asked: a session can end meanwhile.
    pub(crate) fn known(
        &self,
        visit: &Visit,
    ) -> impl Fn() -> Result<Caller, Refusal> + Send + Sync + 'static {
        let access = Arc::clone(&self.access);
        let token = bearer(visit).map(Secret::new);
        let cookie = cookie(&visit.headers, &self.settings.cookie).map(Secret::new);
        move || match (&token, &cookie) {
            (Some(token), _) => access.by_token(token),
            (None, Some(cookie)) => access.by_session(cookie),
            (None, None) => Err(Refusal::NotSignedIn),
        }
    }

    /// Finds out whether they may; a refusal is written down.
    fn admit(&self, visit: &Visit, caller: Option<&Caller>, changes: bool) -> Result<(), Problem> {
        // Who holds a token sends it on purpose; a cookie is sent by the browser.
        let by_token = caller.is_some() && bearer(visit).is_some();
        let mut verdict = if changes && !by_token {
            guard::same_site(&visit.headers, &self.settings.origins)
        } else {
            Ok(())
        };
        if let (Gate::May(permission, _), Some(caller)) = (&visit.route.gate, caller) {
            verdict = verdict.and_then(|()| caller.need(*permission).map_err(refusal));
        }
        if let Err(problem) = &verdict {
            self.refused(visit, caller, problem);
        }
        verdict
    }

    /// Writes a refusal down.
    pub(crate) fn refused(&self, visit: &Visit, caller: Option<&Caller>, problem: &Problem) {
        if caller.is_none() {
            match self.strangers.comes(visit.address) {
                Stranger::Written(0) => {}
                Stranger::Written(n) => {
                    let object = format!("{n} more within a minute");
                    let event = Event::refused(access::Action::Refuse, object, "many");
                    let _written: Result<(), Refusal> =
                        self.access.record(None, Some(visit.address), &event);
                }
                Stranger::Counted => return,
            }
        }
        let object = format!("{} {}", visit.route.method, visit.route.path);
        let event = Event::refused(access::Action::Refuse, object, &problem.code);
        // The refusal stands also where it cannot be written down.
        let _written: Result<(), Refusal> = self.access.record(caller, Some(visit.address), &event);
    }

    /// How a problem is told: as JSON, as a page, or by going to the login.
    fn told(
        self: &Arc<Self>,
        problem: Problem,
        method: &Method,
        path: &str,
        json: bool,
        about: &mut About,
    ) -> Reply {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let mut reply = if json {
            let envelope = show::json::envelope(None, &[], &problem.diagnostics());
            let reply = Reply::json(show::json::line(&envelope)).status(problem.status);
            if problem.status == StatusCode::UNAUTHORIZED {
                reply.header(header::WWW_AUTHENTICATE, "Bearer")
            } else {
                reply
            }
        } else if problem.code == "not-signed-in" {
            let next = if reads { about.sent.as_str() } else { "/" };
            Reply::see_other(&format!("/login?next={}", guard::encode(guard::local(next))))
        } else if problem.code == "second-factor-needed" && reads {
            Reply::see_other("/settings")
        } else {
            pages::problem(self, &problem, path, about)
        };
        if let Some(seconds) = problem.retry_after {
            reply = reply.header(header::RETRY_AFTER, &seconds.to_string());
        }
        if let Some(allow) = &problem.allow {
            reply = reply.header(header::ALLOW, allow);
        }
        if let Some(cookie) = &problem.cookie {
            reply = reply.header(header::SET_COOKIE, cookie);
        }
        if problem.close {
            reply = reply.header(header::CONNECTION, "close");
        }
        reply.marked = false;
        reply
    }

    /// Puts the headers on that every answer has, and answers "not changed" where it is so.
    fn finish(
        &self,
        reply: Reply,
        method: &Method,
        mark: Option<&HeaderValue>,
        id: &str,
    ) -> Response<Body> {
        let marked = reply.marked && reply.status == StatusCode::OK;
        let etag = match &reply.content {
            Content::Whole(bytes) if marked && matches!(*method, Method::GET | Method::HEAD) => {
                let hash = blake3::hash(bytes).to_hex();
                // Weak: the same text may be sent packed in several ways.
                Some(format!("W/\"{}\"", hash.get(..20).unwrap_or_default()))
            }
            _ => None,
        };
        let same = etag.as_deref().is_some_and(|etag| {
            mark.and_then(|mark| mark.to_str().ok())
                .is_some_and(|mark| mark.split(',').any(|one| one.trim() == etag))
        });
        let mut response = reply.into_response();
        if same {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(header::CONTENT_TYPE);
        }
        let headers = response.headers_mut();
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.entry(name).or_insert(value);
            }
        };
        if let Some(etag) = etag {
            set("etag", &etag);
        }
        set("content-security-policy", POLICY);
        set("x-content-type-options", "nosniff");
        set("referrer-policy", "no-referrer");
        set("cross-origin-opener-policy", "same-origin");
        set("cross-origin-resource-policy", "same-origin");
        set("permissions-policy", "camera=(), microphone=(), geolocation=()");
        set("cache-control", "no-store");
        if self.settings.base.starts_with("https:") {
            set("strict-transport-security", "max-age=63072000; includeSubDomains");
        }
        set("x-request-id", id);
        response
    }
}

/// What a page may load and do: only what comes from here.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";

/// What the log and a refusal know of a request.
#[derive(Default)]
pub(crate) struct About {
    pub(crate) id: String,
    /// The path and query as they were sent.
    pub(crate) sent: String,
    /// The route's path, without what a person wrote into it.
    path: Option<String>,
    pub(crate) caller: Option<Caller>,
    code: Option<String>,
    detail: Option<String>,
}

fn wants_json(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    path == "/api" || path.starts_with("/api/") || accept.is_some_and(|a| a == "application/json")
}

/// A refusal of the door, as a problem.
pub(crate) fn refusal(refusal: Refusal) -> Problem {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
    if refusal == Refusal::NotFound {
        return Problem::not_found();
    }
    let mut problem =
        Problem::new(status, refusal.code(), refusal.to_string()).hint(refusal.hint());
    problem.retry_after = refusal.retry_after();
    match &refusal {
        Refusal::Trouble(trouble) => problem.detail = Some(trouble.details().to_owned()),
        Refusal::Field { field, .. } => problem.place = Some((*field).to_owned()),
        Refusal::WeakPassword(_) => problem.place = Some("password".to_owned()),
        _ => {}
    }
    problem
}

/// The token of the header `Authorization`; empty where it is of another kind.
fn bearer(visit: &Visit) -> Option<&str> {
    let value = visit.header(header::AUTHORIZATION)?;
    let token = value.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    Some(token.map_or("", |(_, token)| token.trim()))
}

/// Returns the value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}
