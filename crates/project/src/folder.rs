//! The folder of a company: definitions and mappings in git, facts beside them.
//!
//! ```text
//! throughline.toml          who we are
//! definitions/*.toml        what the words mean
//! mappings/*.toml           how tables are read that no preset knows
//! .throughline/lake         the facts
//! .throughline/derived      builds, always reproducible
//! .throughline/staging      what is brought from elsewhere while it is read
//! .throughline/held         files of loads that wait for a decision
//! ```
//!
//! Where machines share a lake, `server.toml` says where it is; facts and held files are there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::definition::parse;
use domain::{Definitions, Diagnostic, Level};
use lake::Place;

use crate::error::{Failure, Kind};

/// A company's folder.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
    lake: Place,
}

impl Project {
    /// Finds the folder: the one given, or the nearest at or above the current one that holds
    /// `throughline.toml`.
    pub fn find(given: Option<&Path>) -> Result<Self, Failure> {
        let start = match given {
            Some(folder) => folder.to_path_buf(),
            None => std::env::current_dir().map_err(|error| Failure::world(&error))?,
        };
        let found = start.ancestors().find(|folder| folder.join("throughline.toml").is_file());
        let found = if given.is_some() {
            Some(start.as_path()).filter(|folder| folder.join("throughline.toml").is_file())
        } else {
            found
        };
        let root = found.ok_or_else(|| {
            Failure::usage(
                format!("no `throughline.toml` in {} or above it", start.display()),
                "Make a folder with `throughline init NAME`, or name one with `--dir`.",
            )
        })?;
        Ok(Self { root: root.to_path_buf(), lake: lake_of(root)? })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the facts are.
    pub fn lake(&self) -> Place {
        self.lake.clone()
    }

    /// Where what is brought from elsewhere stands while it is read.
    pub fn staging(&self) -> PathBuf {
        self.root.join(".throughline").join("staging")
    }

    /// Where the files of held loads are.
    pub fn held(&self) -> PathBuf {
        match self.lake.catalog {
            // Whoever decides may sit at another machine.
            Some(_) => self.lake.dir.join("held"),
            None => self.root.join(".throughline").join("held"),
        }
    }

    /// Where builds are kept.
    pub fn derived(&self) -> PathBuf {
        self.root.join(".throughline").join("derived")
    }

    /// Reads the definitions and says all faults.
    pub fn read_definitions(&self) -> Result<(Definitions, Vec<Diagnostic>), Failure> {
        let mut files = vec![self.text("throughline.toml")?];
        files.extend(self.texts("definitions")?);
        Ok(parse::read(&files))
    }

    /// Reads the definitions; a fault in them is a failure.
    pub fn definitions(&self) -> Result<Arc<Definitions>, Failure> {
        let (definitions, diagnostics) = self.read_definitions()?;
        if diagnostics.iter().any(|diagnostic| diagnostic.level == Level::Error) {
            return Err(Failure { kind: Kind::Usage, diagnostics });
        }
        Ok(Arc::new(definitions))
    }

    /// Returns the mapping files as (path from the folder, text), in order of their names.
    pub fn mapping_texts(&self) -> Result<Vec<(String, String)>, Failure> {
        self.texts("mappings")
    }

    fn texts(&self, folder: &str) -> Result<Vec<(String, String)>, Failure> {
        let Ok(entries) = fs::read_dir(self.root.join(folder)) else { return Ok(Vec::new()) };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| Path::new(name).extension().is_some_and(|end| end == "toml"))
            .collect();
        names.sort();
        names.iter().map(|name| self.text(&format!("{folder}/{name}"))).collect()
    }

    fn text(&self, name: &str) -> Result<(String, String), Failure> {
        let bytes = fs::read(self.root.join(name)).map_err(|error| {
            Failure::new(Kind::World, "file", format!("{name} cannot be read: {error}"))
        })?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Failure::usage(format!("{name} is not UTF-8 text"), "Save it as UTF-8.")
        })?;
        Ok((name.to_owned(), text))
    }
}

/// Reads where the facts are from the settings of the server, where there are some.
fn lake_of(root: &Path) -> Result<Place, Failure> {
    let dir = root.join(".throughline").join("lake");
    let text = fs::read_to_string(root.join("server.toml")).unwrap_or_default();
    Place::from_settings(dir, root, &text)
        .map_err(|fault| Failure::new(Kind::Usage, fault.code, fault.message).hint(fault.hint))
}
