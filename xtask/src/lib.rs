//! Checks of the tree itself: what no compiler keeps.
//!
//! Reads files of the repository as text and `cargo metadata`; each check returns what it found,
//! one sentence for each place, with what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crate may use which: arrows point down only.
pub const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("stats", &[]),
    ("intake", &["domain", "outbound"]),
    ("lake", &["domain", "outbound", "stats"]),
    ("answers", &["domain", "stats"]),
    ("show", &["domain"]),
    ("sample", &["domain"]),
    ("project", &["domain", "lake", "answers"]),
    ("print", &["domain", "show"]),
    ("outbound", &[]),
    ("mail", &["domain", "outbound", "show"]),
    ("oidc", &["domain", "outbound"]),
    ("access", &["domain"]),
    ("web", &["domain", "lake", "answers", "show", "print", "mail", "oidc", "access", "project"]),
    (
        "throughline",
        &[
            "domain", "stats", "intake", "lake", "answers", "show", "sample", "project", "print",
            "mail", "oidc", "outbound", "access", "web",
        ],
    ),
    ("testkit", &["domain"]),
    ("fuzz", &["domain", "intake"]),
    ("xtask", &[]),
];

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Returns the files that git tracks or would track, as paths from the root, with `/` between
/// parts.
pub fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let listed = listed.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
    let mut files: Vec<String> = listed
        .unwrap_or_default()
        .lines()
        .filter(|file| root().join(file).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Returns the text of a file; empty where it is not text.
pub fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_default()
}

/// Returns the Rust files.
pub fn rust_files() -> Vec<String> {
    let rust = |file: &String| Path::new(file).extension().is_some_and(|e| e == "rs");
    files().into_iter().filter(rust).collect()
}

/// Finds arrows between crates that do not point down.
pub fn sideways_arrows() -> Vec<String> {
    let mut found = Vec::new();
    for manifest in files().iter().filter(|file| file.ends_with("/Cargo.toml")) {
        let Ok(table) = text(manifest).parse::<toml::Table>() else {
            found.push(format!("{manifest}: is not TOML"));
            continue;
        };
        let name = table
            .get("package")
            .and_then(|package| package.get("name"))
            .and_then(toml::Value::as_str)
            .unwrap_or_default();
        let Some((_, allowed)) = LAYERS.iter().find(|(known, _)| *known == name) else {
            found.push(format!(
                "{manifest}: crate `{name}` has no room in xtask::LAYERS; give it one"
            ));
            continue;
        };
        let used = table.get("dependencies").and_then(toml::Value::as_table);
        for dependency in used.into_iter().flat_map(|used| used.keys()) {
            let ours = LAYERS.iter().any(|(known, _)| known == dependency);
            if ours && !allowed.contains(&dependency.as_str()) {
                found.push(format!(
                    "{manifest}: `{name}` may not use `{dependency}`; move what both need down to \
                     `domain` or `stats`, or what joins them up to `throughline`"
                ));
            }
        }
    }
    found
}

/// Finds Rust files that do not begin with a head.
pub fn headless_files() -> Vec<String> {
    rust_files()
        .into_iter()
        .filter(|file| !text(file).starts_with("//!"))
        .map(|file| format!("{file}: begins without a `//!` head; say in one line what it holds"))
        .collect()
}

/// Finds files that have grown into two rooms.
pub fn long_files(limit: usize) -> Vec<String> {
    rust_files()
        .into_iter()
        .filter_map(|file| {
            let lines = text(&file).lines().count();
            (lines > limit).then(|| format!("{file}: {lines} lines; split it into two rooms"))
        })
        .collect()
}

/// Finds comments wider than `limit` columns, and code wider than `code_limit`: what the formatter
/// leaves alone (macros, texts over several lines) may be a little wider.
pub fn wide_lines(limit: usize, code_limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    for file in rust_files() {
        for (at, line) in text(&file).lines().enumerate() {
            let comment = line.trim_start().starts_with("//");
            let table = line.trim_start().trim_start_matches(['/', '!']).starts_with(" |");
            let unbreakable = table || line.contains('"') || line.contains("://");
            let limit = if comment { limit } else { code_limit };
            if line.chars().count() > limit && !unbreakable {
                found.push(format!("{file}:{}: wider than {limit} columns", at + 1));
            }
        }
    }
    found
}

/// Finds text files without a last newline, and files that are too large for a repository.
pub fn odd_files() -> Vec<String> {
    let mut found = Vec::new();
    for file in files() {
        let bytes = fs::read(root().join(&file)).unwrap_or_default();
        if bytes.len() > 500_000 {
            found.push(format!("{file}: {} kB; keep large data out", bytes.len() / 1000));
        }
        let is_text = std::str::from_utf8(&bytes).is_ok() && !bytes.contains(&0);
        let kept_as_is = ["goldens/", "fuzz/corpus/"].iter().any(|place| file.starts_with(place))
            || file.contains("/fixtures/");
        if is_text && !kept_as_is && !bytes.is_empty() && !bytes.ends_with(b"\n") {
            found.push(format!("{file}: ends without a newline"));
        }
    }
    found
}

/// Finds words that speak of something else than the product.
pub fn foreign_words() -> Vec<String> {
    const WORDS: &[&str] = &["todo!(", "unimplemented!(", "#[ignore", "#[should_panic"];
    let mut found = Vec::new();
    for file in rust_files().into_iter().filter(|file| !file.starts_with("xtask/")) {
        let body = text(&file);
        for (at, line) in body.lines().enumerate() {
            for word in WORDS {
                if line.contains(word) {
                    found.push(format!("{file}:{}: says `{word}`", at + 1));
                }
            }
        }
    }
    found
}

/// Finds dependencies whose licence the list in `deny.toml` does not allow.
pub fn refused_licences() -> Vec<String> {
    let allowed: Vec<String> = text("deny.toml")
        .parse::<toml::Table>()
        .ok()
        .and_then(|table| table.get("licenses")?.get("allow")?.as_array().cloned())
        .unwrap_or_default()
        .iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output();
    let metadata: Value =
        metadata.ok().and_then(|out| serde_json::from_slice(&out.stdout).ok()).unwrap_or_default();
    let packages = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
    if packages.len() < 10 {
        return vec!["cargo metadata listed no packages".to_owned()];
    }
    packages
        .iter()
        .filter_map(|package| {
            let name = package.get("name")?.as_str()?;
            let licence = package.get("license").and_then(Value::as_str).unwrap_or("");
            (!permits(licence, &allowed))
                .then(|| format!("{name}: licence `{licence}` is not in the list of deny.toml"))
        })
        .collect()
}

/// True where an SPDX expression is satisfied by the allowed licences: one of each `OR`, all of
/// `AND`.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    !plain.trim().is_empty()
        && plain.split(" AND ").all(|part| {
            part.split(" OR ").any(|one| allowed.iter().any(|licence| licence == one.trim()))
        })
}

/// Finds names that a document should mention and does not.
pub fn unmentioned(document: &str, names: &[String]) -> Vec<String> {
    let body = text(document);
    names
        .iter()
        .filter(|name| !body.contains(&format!("`{name}`")))
        .map(|name| format!("{document}: does not mention `{name}`"))
        .collect()
}

/// Returns the names of the crates.
pub fn crates() -> Vec<String> {
    let mut names: Vec<String> = files()
        .iter()
        .filter_map(|file| file.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"))
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}
