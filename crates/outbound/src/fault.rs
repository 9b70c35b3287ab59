//! Why a server that a user named did not give what was asked.

/// What happened and what to do; never a secret, never an answer of a stranger in full.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// A stable code.
    pub code: &'static str,
    /// What happened, where.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Fault {
    /// Makes a fault.
    pub fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }
}

/// Returns the chain of causes of an error as one line of limited length, without control
/// characters.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut line = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !line.ends_with(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
        next = error.source();
    }
    shown(&line)
}

/// Returns a text of a server as part of a message.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 400;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(LONGEST).map(plain).collect()
}
