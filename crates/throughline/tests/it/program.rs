//! Runs the program in a folder of its own and reads what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a company in it, removed at the end of the test.
pub(crate) struct Company {
    folder: TempDir,
}

/// What a run of the program gave.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program in the current folder of the test, with extra environment.
pub(crate) fn run_with(args: &[&str], environment: &[(&str, &str)], folder: &Path) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    command.args(args).current_dir(folder).env_remove("NO_COLOR").env_remove("COLUMNS");
    command.envs(environment.iter().copied());
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    Run {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).expect("standard output is UTF-8"),
        stderr: String::from_utf8(stderr).expect("standard error is UTF-8"),
    }
}

impl Run {
    /// Returns the `data` of the JSON envelope.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        let envelope: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout, self.stderr));
        assert_eq!(envelope["ok"], true, "{}", self.stdout);
        assert_eq!(envelope["errors"], Value::Array(Vec::new()));
        envelope["data"].clone()
    }

    /// Fails the test unless the program was content.
    #[track_caller]
    pub(crate) fn content(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the program ended with a code and said something.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, says: &str) {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        let said = format!("{}{}", self.stdout, self.stderr);
        assert!(said.contains(says), "expected `{says}` in:\n{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

impl Company {
    /// A folder made by `throughline init`.
    pub(crate) fn new() -> Self {
        let company = Self::empty();
        run_with(&["init", "acme"], &[], company.folder.path()).content();
        company
    }

    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self { folder: TempDir::new().expect("a folder can be made") }
    }

    /// The company's folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("acme")
    }

    /// The folder around it.
    pub(crate) fn outside(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the program in the company's folder.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, &[])
    }

    /// Runs the program in the company's folder with extra environment.
    pub(crate) fn run_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Run {
        run_with(args, environment, &self.path())
    }

    /// Writes a file in the company's folder.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file can be written");
    }
}

/// Returns a folder of the shared data, or says that the test is skipped.
pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("THROUGHLINE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there (set THROUGHLINE_SHARED)", path.display());
    None
}
