//! Where words go: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};

use domain::Diagnostic;
use serde_json::Value;
use show::text::Style;

use crate::cli::Common;
use crate::error::{EXIT_OK, EXIT_WORLD, Failure};

/// Writes results and remarks in the way that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    style: Style,
}

impl Output {
    /// Looks at the options and the terminal; honours `NO_COLOR`.
    pub(crate) fn new(common: &Common) -> Self {
        let terminal = io::stdout().is_terminal();
        let width =
            common.width.map_or_else(|| if terminal { terminal_width() } else { 100 }, usize::from);
        let color = terminal && !common.no_color && std::env::var_os("NO_COLOR").is_none();
        let style = Style { width, color, unicode: !common.ascii, full: common.full };
        Self { json: common.json, quiet: common.quiet, style }
    }

    /// True where the result is wanted as JSON.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// How text is laid out.
    pub(crate) const fn style(&self) -> &Style {
        &self.style
    }

    /// Writes a result; a closed pipe ends the program quietly, a full disk with its code.
    #[expect(clippy::unused_self, reason = "a result goes where this output goes")]
    pub(crate) fn result(&self, text: &str) {
        let mut out = io::stdout().lock();
        let mut written = out.write_all(text.as_bytes());
        if written.is_ok() && !text.ends_with('\n') {
            written = out.write_all(b"\n");
        }
        quiet_end(&written.and_then(|()| out.flush()));
    }

    /// Writes a result as the JSON envelope.
    pub(crate) fn data(&self, data: Value, warnings: &[Diagnostic]) {
        self.result(&show::json::pretty(&show::json::envelope(Some(data), warnings, &[])));
    }

    /// Writes what was found as the JSON envelope; `ok` is false where there are faults.
    pub(crate) fn found(&self, data: Value, faults: &[Diagnostic]) {
        self.result(&show::json::pretty(&show::json::envelope(Some(data), &[], faults)));
    }

    /// Writes a remark for people to standard error, unless quiet or JSON.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet && !self.json {
            let written = writeln!(io::stderr().lock(), "{text}");
            quiet_end(&written);
        }
    }

    /// Writes diagnostics to standard error.
    pub(crate) fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        if !diagnostics.is_empty() && !self.json {
            let text = show::diagnostic::render_all(diagnostics, &self.style);
            quiet_end(&write!(io::stderr().lock(), "{text}"));
        }
    }

    /// Tells of a failure: to standard error, or as the JSON envelope on standard output.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            let envelope = show::json::envelope(None, &[], &failure.diagnostics);
            self.result(&show::json::pretty(&envelope));
        } else {
            self.diagnostics(&failure.diagnostics);
        }
    }

    /// True where progress may be drawn.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }
}

fn terminal_width() -> usize {
    let measured = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.or_else(measured).unwrap_or(100).clamp(40, 200)
}

#[expect(clippy::exit, reason = "nobody reads any more; there is nothing left to say or undo")]
fn quiet_end(written: &io::Result<()>) {
    if let Err(error) = written {
        let closed = error.kind() == io::ErrorKind::BrokenPipe;
        std::process::exit(i32::from(if closed { EXIT_OK } else { EXIT_WORLD }));
    }
}
