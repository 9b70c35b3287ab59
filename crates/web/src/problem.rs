//! What a reader is told when a request is not done: what happened, what to do, a stable code.
//!
//! Never a path, a type, a query or another person's value: those are for the log only.

use axum::http::StatusCode;
use domain::Diagnostic;
use project::{Failure, Kind};

/// Why a request is not done.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// The status.
    pub(crate) status: StatusCode,
    /// Stable code.
    pub(crate) code: String,
    /// What happened, a sentence without full stop.
    pub(crate) what: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// Where: the name of a parameter or field.
    pub(crate) place: Option<String>,
    /// More places, where there are several.
    pub(crate) more: Vec<Diagnostic>,
    /// After how many seconds it is worth another try.
    pub(crate) retry_after: Option<u64>,
    /// The methods that are allowed here.
    pub(crate) allow: Option<String>,
    /// Closes the connection.
    pub(crate) close: bool,
    /// A cookie that is set all the same.
    pub(crate) cookie: Option<String>,
    /// Somebody asked for what is another's: the audit log says so.
    pub(crate) noted: bool,
    /// For the log only.
    pub(crate) detail: Option<String>,
}

impl Problem {
    /// Makes a problem.
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            what: what.into(),
            hint: None,
            place: None,
            more: Vec::new(),
            retry_after: None,
            allow: None,
            close: false,
            cookie: None,
            noted: false,
            detail: None,
        }
    }

    /// Says what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says where: the name of a parameter or field.
    pub(crate) fn place(mut self, place: &str) -> Self {
        self.place = Some(place.to_owned());
        self
    }

    /// Says after how many seconds it is worth another try.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Closes the connection after the answer.
    pub(crate) fn close(mut self) -> Self {
        self.close = true;
        self
    }

    /// Has it written down in the audit log.
    pub(crate) fn noted(mut self) -> Self {
        self.noted = true;
        self
    }

    /// There is nothing here, or nothing that the caller may know of: the same words for both.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this address")
            .hint("Begin at the start page, or check the address for a slip.")
    }

    /// The caller is known and may not do this.
    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "not-allowed", "your role does not allow this")
            .hint("Ask an administrator for a role that does.")
    }

    /// The request is not understood.
    pub(crate) fn bad(code: &str, what: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, what)
    }

    /// A fault of ours; what exactly is for the log.
    pub(crate) fn fault(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong on our side",
        )
        .hint("Try again. If it happens again, tell your administrator the request number below.");
        problem.detail = Some(detail.into());
        problem
    }

    /// Too much at once.
    pub(crate) fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "the server has more to do than it can take on",
        )
        .hint("Try again in a few seconds.")
        .retry_after(2)
    }

    /// The messages in the shape of the JSON envelope.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        if !self.more.is_empty() {
            return self.more.clone();
        }
        let mut first = Diagnostic::error(leak(&self.code), self.what.clone());
        first.hint.clone_from(&self.hint);
        vec![first]
    }
}

/// Codes are few and known; a diagnostic wants them for good.
fn leak(code: &str) -> &'static str {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, PoisonError};
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known.get(code) {
        return code;
    }
    // Codes are written in this program: there are some dozens of them.
    if known.len() > 1_000 {
        return "other";
    }
    let code: &'static str = Box::leak(code.to_owned().into_boxed_str());
    known.insert(code);
    code
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let first = failure.diagnostics.first().cloned();
        let code = first.as_ref().map_or("failure", |first| first.code);
        let what = first.as_ref().map_or_else(String::new, |first| first.message.clone());
        let hint = first.as_ref().and_then(|first| first.hint.clone());
        let (status, told) = match failure.kind {
            Kind::Usage => (StatusCode::BAD_REQUEST, true),
            Kind::Found => (StatusCode::NOT_FOUND, true),
            Kind::Input => (StatusCode::UNPROCESSABLE_ENTITY, true),
            Kind::World | Kind::Bug => return Self::fault(format!("{:?}", failure.diagnostics)),
        };
        let mut problem = Self::new(status, code, what);
        problem.hint = hint;
        if told && failure.diagnostics.len() > 1 {
            problem.more = failure.diagnostics;
        }
        problem
    }
}
