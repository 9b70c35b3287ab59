//! The one error of the edge: its kind alone decides heading, exit code and HTTP status.

use std::fmt;

use domain::Diagnostic;

/// What kind of failure it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Finished, and found problems.
    Found,
    /// Used in a wrong way.
    Usage,
    /// Input that cannot be read.
    Input,
    /// The world around.
    World,
    /// A fault of ours.
    Bug,
}

/// A failure as a person is told of it.
#[derive(Debug)]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    /// What went wrong, with places and hints.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// Makes a failure of one sentence.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, diagnostics: vec![Diagnostic::error(code, message)] }
    }

    /// Used in a wrong way, and what to do.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let diagnostic = Diagnostic::error("usage", message).hint(hint);
        Self { kind: Kind::Usage, diagnostics: vec![diagnostic] }
    }

    /// The world around, as an error says it with its causes.
    pub fn world(error: &dyn std::error::Error) -> Self {
        Self::new(Kind::World, "world", chain(error))
    }

    /// A fault of ours.
    pub fn bug(message: impl fmt::Display) -> Self {
        let diagnostic = Diagnostic::error("internal", format!("internal error: {message}"))
            .hint("Please report it with the command that you ran; no data was changed.");
        Self { kind: Kind::Bug, diagnostics: vec![diagnostic] }
    }

    /// Adds what to do to the last diagnostic.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.diagnostics.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }
}

/// Returns an error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

impl From<lake::LakeError> for Failure {
    fn from(error: lake::LakeError) -> Self {
        let mut failure = Self::world(&error);
        let (kind, code) = match &error {
            lake::LakeError::Locked { .. } => (failure.kind, Some("lake.locked")),
            lake::LakeError::Held { code, .. } => (Kind::Found, Some(*code)),
            lake::LakeError::NoHeld { .. } => (Kind::Found, Some("held.none")),
            lake::LakeError::Server(fault) => (failure.kind, Some(fault.code)),
            lake::LakeError::OnServer { .. } => (Kind::Usage, Some("lake.on-server")),
            _ => (failure.kind, None),
        };
        failure.kind = kind;
        if let (Some(code), Some(diagnostic)) = (code, failure.diagnostics.first_mut()) {
            diagnostic.code = code;
        }
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
