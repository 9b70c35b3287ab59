//! The one error of the edge: its kind alone decides the heading and the exit code.

use std::fmt;

use domain::Diagnostic;

/// Everything was done.
pub(crate) const EXIT_OK: u8 = 0;
/// Finished, and found problems: a check failed, a file was refused.
pub(crate) const EXIT_FOUND: u8 = 1;
/// Used in a wrong way: an option, a definition or a mapping.
pub(crate) const EXIT_USAGE: u8 = 2;
/// Input that cannot be read.
pub(crate) const EXIT_INPUT: u8 = 3;
/// The world around: disk, lock, permission.
pub(crate) const EXIT_WORLD: u8 = 4;
/// A fault of ours.
pub(crate) const EXIT_BUG: u8 = 70;

/// What kind of failure it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
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
pub(crate) struct Failure {
    /// What kind.
    pub(crate) kind: Kind,
    /// What went wrong, with places and hints.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// Makes a failure of one sentence.
    pub(crate) fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, diagnostics: vec![Diagnostic::error(code, message)] }
    }

    /// Used in a wrong way, and what to do.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let diagnostic = Diagnostic::error("usage", message).hint(hint);
        Self { kind: Kind::Usage, diagnostics: vec![diagnostic] }
    }

    /// The world around, as an error says it with its causes.
    pub(crate) fn world(error: &dyn std::error::Error) -> Self {
        Self::new(Kind::World, "world", chain(error))
    }

    /// A fault of ours.
    pub(crate) fn bug(message: impl fmt::Display) -> Self {
        let diagnostic = Diagnostic::error("internal", format!("internal error: {message}"))
            .hint("Please report it with the command that you ran; no data was changed.");
        Self { kind: Kind::Bug, diagnostics: vec![diagnostic] }
    }

    /// Adds what to do to the last diagnostic.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.diagnostics.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }

    /// Returns the exit code.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Found => EXIT_FOUND,
            Kind::Usage => EXIT_USAGE,
            Kind::Input => EXIT_INPUT,
            Kind::World => EXIT_WORLD,
            Kind::Bug => EXIT_BUG,
        }
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
        let failure = Self::world(&error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// What a command returns: the exit code of a run that did what it was asked.
pub(crate) type Outcome = Result<u8, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_interface() {
        let codes = [EXIT_OK, EXIT_FOUND, EXIT_USAGE, EXIT_INPUT, EXIT_WORLD, EXIT_BUG];
        assert_eq!(codes, [0, 1, 2, 3, 4, 70]);
    }
}
