//! A manifest: what an extract says of itself, in `manifest.toml` beside its files.
//!
//! ```toml
//! connection = "crm"
//!
//! [[file]]
//! name = "opportunities.csv"
//! complete = true
//! rows = 10412
//! sums = { Amount = 48114902.17 }
//! ids = "opportunities.ids"
//! ```
//!
//! The files that it names belong together. `docs/spec/manifest.md` says what follows from each
//! word.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::diagnostic::nearest;
use domain::{Decimal, Diagnostic};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::survey::Planned;
use crate::value::salesforce_id;

/// Name of a manifest.
pub(crate) const MANIFEST: &str = "manifest.toml";
/// Ending of a list of identifiers beside a manifest.
pub(crate) const IDS: &str = "ids";

/// What an extract says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The folder that it speaks of.
    pub folder: PathBuf,
    /// The manifest itself, for messages.
    pub name: String,
    /// The connection that its files come from.
    pub connection: String,
    /// Its files, which belong together.
    pub files: Vec<ManifestFile>,
}

/// What a manifest says of a file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ManifestFile {
    /// Its path below the folder of the manifest.
    pub name: String,
    /// True where it holds all records that there are.
    pub complete: bool,
    /// How many rows it has.
    pub rows: Option<u64>,
    /// Sums of its money columns, by the name of the column or as `table.column`.
    pub sums: BTreeMap<String, String>,
    /// Identifiers of its records.
    pub ids: Vec<String>,
}

impl Manifest {
    /// Reads a manifest; `None` where an error stands in the diagnostics.
    pub fn read(path: &Path) -> (Option<Self>, Vec<Diagnostic>) {
        let name = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("`{name}` cannot be read: {error}");
                let said = Diagnostic::error("manifest.unreadable", message);
                return (None, vec![said.hint("Check the rights and that it is UTF-8 text.")]);
            }
        };
        let mut reader = Reader { name: &name, text: &text, folder: &folder, found: Vec::new() };
        let table = match DeTable::parse(&text) {
            Ok(table) => table,
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                reader.error("manifest.syntax", error.message().to_owned(), span, None);
                return (None, reader.found);
            }
        };
        let (connection, files) = reader.manifest(table.get_ref());
        let found = reader.found;
        let manifest = Self { folder, name, connection, files };
        (found.is_empty().then_some(manifest), found)
    }

    /// Returns what is said of a file; none where it is not named.
    pub fn of(&self, path: &Path) -> Option<&ManifestFile> {
        let same = |file: &&ManifestFile| same_file(&self.folder.join(&file.name), path);
        self.files.iter().find(same)
    }
}

impl ManifestFile {
    /// Returns the sums by `table.column`, and the columns that feed no fact.
    pub fn sums_of(&self, planned: &Planned) -> (BTreeMap<String, String>, Vec<String>) {
        let (mut sums, mut unknown) = (BTreeMap::new(), Vec::new());
        for (column, sum) in &self.sums {
            let matched = planned.matched.iter().find(|matched| *matched.column == **column);
            let direct = planned.matched.iter().find(|matched| matched.to == *column);
            match matched.or(direct) {
                Some(matched) => {
                    sums.insert(matched.to.clone(), sum.clone());
                }
                None => unknown.push(column.clone()),
            }
        }
        (sums, unknown)
    }

    /// Returns the identifiers as they are stored.
    pub fn ids_of(&self, planned: &Planned) -> Vec<String> {
        let widens = planned.preset.starts_with("salesforce.");
        let stored = |id: &String| match salesforce_id(id) {
            Ok(id) if widens => id.into_owned(),
            _ => id.clone(),
        };
        self.ids.iter().map(stored).collect()
    }
}

/// Finds the manifests in folders, without following links.
pub fn manifests(paths: &[PathBuf]) -> (Vec<Manifest>, Vec<Diagnostic>) {
    let (mut found, mut diagnostics) = (Vec::new(), Vec::new());
    let mut folders: Vec<(PathBuf, usize)> =
        paths.iter().filter(|path| path.is_dir()).map(|path| (path.clone(), 0)).collect();
    while let Some((folder, depth)) = folders.pop() {
        let path = folder.join(MANIFEST);
        if path.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
            let (manifest, said) = Manifest::read(&path);
            found.extend(manifest);
            diagnostics.extend(said);
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
        let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        if depth < 16 {
            folders.extend(inner.map(|entry| (entry.path(), depth + 1)));
        }
    }
    found.sort_by(|a, b| a.folder.cmp(&b.folder));
    (found, diagnostics)
}

/// Finds the manifest that speaks of a file: that of its folder, or of the nearest one above.
pub fn manifest_of<'m>(manifests: &'m [Manifest], path: &Path) -> Option<&'m Manifest> {
    let around = manifests.iter().filter(|manifest| path.starts_with(&manifest.folder));
    around.max_by_key(|manifest| manifest.folder.components().count())
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

struct Reader<'t> {
    name: &'t str,
    text: &'t str,
    folder: &'t Path,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(
        &mut self,
        code: &'static str,
        message: String,
        span: std::ops::Range<usize>,
        hint: Option<String>,
    ) {
        let mut said = Diagnostic::error(code, message).span(self.name, self.text, span);
        said.hint = hint;
        self.found.push(said);
    }

    fn keys(&mut self, table: &DeTable<'_>, known: &[&str]) {
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let hint = nearest(name, known.iter().copied()).map_or_else(
                    || format!("Known are: {}.", known.join(", ")),
                    |near| format!("Did you mean `{near}`?"),
                );
                let message = format!("key `{name}` is not known");
                self.error("manifest.unknown-key", message, key.span(), Some(hint));
            }
        }
    }

    fn wrong(&mut self, what: &str, expected: &str, value: &Spanned<DeValue<'_>>) {
        let found = value.get_ref().type_str();
        let message = format!("`{what}` must be {expected}, found {found}");
        self.error("manifest.type", message, value.span(), None);
    }

    fn manifest(&mut self, table: &DeTable<'_>) -> (String, Vec<ManifestFile>) {
        self.keys(table, &["connection", "file"]);
        let connection = match table.get("connection") {
            None => {
                let hint = "Name the source, for example connection = \"crm\".".to_owned();
                let message = "the manifest names no connection".to_owned();
                self.error("manifest.connection", message, 0..0, Some(hint));
                String::new()
            }
            Some(value) => match value.get_ref().as_str() {
                Some(text) if is_connection(text) => text.to_owned(),
                _ => {
                    self.wrong("connection", "a name of letters, digits, `.`, `_` and `-`", value);
                    String::new()
                }
            },
        };
        let mut files: Vec<ManifestFile> = Vec::new();
        let Some(value) = table.get("file") else {
            let hint = "Add a block [[file]] with a name for each.".to_owned();
            let message = "the manifest names no file".to_owned();
            self.error("manifest.files", message, 0..0, Some(hint));
            return (connection, files);
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong("file", "a list of blocks `[[file]]`", value);
            return (connection, files);
        };
        for item in items {
            let Some(block) = item.get_ref().as_table() else {
                self.wrong("file", "a block `[[file]]`", item);
                continue;
            };
            let Some(file) = self.file(block, item.span()) else { continue };
            if files.iter().any(|known| known.name == file.name) {
                let message = format!("`{}` is named twice", file.name);
                self.error("manifest.files", message, item.span(), None);
            }
            files.push(file);
        }
        (connection, files)
    }

    fn file(&mut self, block: &DeTable<'_>, span: std::ops::Range<usize>) -> Option<ManifestFile> {
        self.keys(block, &["name", "complete", "rows", "sums", "ids"]);
        let mut file = ManifestFile::default();
        match block.get("name").map(|value| (value, value.get_ref().as_str())) {
            Some((_, Some(name))) if is_below(name) => name.clone_into(&mut file.name),
            Some((value, _)) => self.wrong("name", "a path below the manifest", value),
            None => {
                let message = "a file without a name".to_owned();
                self.error("manifest.files", message, span, None);
                return None;
            }
        }
        if let Some(value) = block.get("complete") {
            match value.get_ref().as_bool() {
                Some(complete) => file.complete = complete,
                None => self.wrong("complete", "true or false", value),
            }
        }
        if let Some(value) = block.get("rows") {
            file.rows = number(value.get_ref()).and_then(|text| text.parse().ok());
            if file.rows.is_none() {
                self.wrong("rows", "a number of rows", value);
            }
        }
        if let Some(value) = block.get("sums") {
            match value.get_ref().as_table() {
                None => self.wrong("sums", "sums by column", value),
                Some(sums) => {
                    for (column, value) in sums {
                        let sum = number(value.get_ref());
                        match sum.filter(|text| text.parse::<Decimal>().is_ok()) {
                            Some(sum) => {
                                file.sums.insert(column.get_ref().to_string(), sum);
                            }
                            None => self.wrong(column.get_ref(), "an amount", value),
                        }
                    }
                }
            }
        }
        match block.get("ids").map(|value| (value, value.get_ref())) {
            None => {}
            Some((value, DeValue::Array(items))) => {
                for item in items {
                    match item.get_ref().as_str() {
                        Some(id) => file.ids.push(id.to_owned()),
                        None => self.wrong("ids", "a list of texts", value),
                    }
                }
            }
            Some((value, list)) => match list.as_str().filter(|name| is_below(name)) {
                None => self.wrong("ids", "a list of texts, or a file below the manifest", value),
                Some(name) => match std::fs::read_to_string(self.folder.join(name)) {
                    Ok(text) => {
                        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                        file.ids = lines.map(ToOwned::to_owned).collect();
                    }
                    Err(error) => {
                        let message = format!("`{name}` cannot be read: {error}");
                        self.error("manifest.unreadable", message, value.span(), None);
                    }
                },
            },
        }
        Some(file)
    }
}

/// A number as it is written, or a text.
fn number(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

/// True for what may name a connection.
pub fn is_connection(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.len() <= 64 && text.chars().all(fits)
}

/// True for a path that stays below its folder.
fn is_below(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Says of a file in the folder of a manifest that it is not named there.
pub fn not_listed(manifest: &Manifest, name: &Arc<str>) -> Diagnostic {
    let message = format!("`{}` does not name this file; it belongs to no set", manifest.name);
    Diagnostic::warning("manifest.not-listed", message)
        .at(domain::Place::file(Arc::clone(name)))
        .hint("Add it to the manifest, or move it to a folder of its own.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Manifest>, Vec<Diagnostic>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("deals.ids"), "a\n b \n\nc\n").unwrap();
        let path = folder.path().join(MANIFEST);
        std::fs::write(&path, text).unwrap();
        Manifest::read(&path)
    }

    #[test]
    fn a_manifest_says_what_belongs_together_and_what_is_in_it() {
        let (manifest, said) = read(
            "connection = \"crm\"\n[[file]]\nname = \"deals.csv\"\ncomplete = true\nrows = 10_412\n\
             [[file]]\nname = \"deals.csv\"\n",
        );
        assert!(manifest.is_none());
        let codes: Vec<&str> = said.iter().map(|said| said.code).collect();
        // A number may be grouped as TOML allows; a file is named once.
        assert_eq!(codes, ["manifest.files"]);
        let (manifest, said) = read(
            "connection = \"crm\"\n[[file]]\nname = \"a/deals.csv\"\ncomplete = true\nrows = 10412\n\
             sums = { Amount = 48114902.17, Cost = \"0.1\", \"spend.amount\" = 12 }\n\
             ids = \"deals.ids\"\n[[file]]\nname = \"users.csv\"\nids = [\"x\"]\n",
        );
        assert_eq!(said, []);
        let manifest = manifest.unwrap();
        assert_eq!(manifest.connection, "crm");
        let deals = &manifest.files[0];
        assert_eq!((deals.complete, deals.rows), (true, Some(10412)));
        let sums: Vec<(&str, &str)> =
            deals.sums.iter().map(|(name, sum)| (name.as_str(), sum.as_str())).collect();
        assert_eq!(sums, [("Amount", "48114902.17"), ("Cost", "0.1"), ("spend.amount", "12")]);
        assert_eq!(deals.ids, ["a", "b", "c"]);
        assert_eq!((manifest.files[1].complete, manifest.files[1].rows), (false, None));
        assert_eq!(manifest.files[1].ids, ["x"]);
    }

    #[test]
    fn what_a_manifest_says_wrongly_is_named_with_its_place() {
        for (text, code) in [
            ("connection = ", "manifest.syntax"),
            ("[[file]]\nname = \"a.csv\"\n", "manifest.connection"),
            ("connection = \"a/b\"\n[[file]]\nname = \"a.csv\"\n", "manifest.type"),
            ("connection = \"a\"\n", "manifest.files"),
            ("connection = \"a\"\n[[file]]\nrows = 1\n", "manifest.files"),
            ("connection = \"a\"\n[[file]]\nname = \"../a.csv\"\n", "manifest.type"),
            ("connection = \"a\"\n[[file]]\nname = \"/a.csv\"\n", "manifest.type"),
            (
                "connection = \"a\"\n[[file]]\nname = \"a\"\ncomplet = true\n",
                "manifest.unknown-key",
            ),
            ("connection = \"a\"\n[[file]]\nname = \"a\"\nrows = -1\n", "manifest.type"),
            (
                "connection = \"a\"\n[[file]]\nname = \"a\"\nsums = { A = \"1,0\" }\n",
                "manifest.type",
            ),
            (
                "connection = \"a\"\n[[file]]\nname = \"a\"\nids = \"no.ids\"\n",
                "manifest.unreadable",
            ),
        ] {
            let (manifest, said) = read(text);
            assert!(manifest.is_none(), "{text}");
            assert_eq!(said[0].code, code, "{text}");
        }
    }
}
