//! Where a lake is: its folder, and what of it stands elsewhere.

use std::path::{Path, PathBuf};

use outbound::postgres::Server;
use outbound::{Fault, Secret};
use serde::Deserialize;

/// Where a lake is. Most are one folder; the catalog may stand on a `PostgreSQL` server, so that
/// several machines share the lake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The folder of the files: with a catalog on a server one that all machines see.
    pub dir: PathBuf,
    /// The database of the catalog; none for a file in the folder.
    pub catalog: Option<Database>,
}

/// A database on a server, and where its password is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Database {
    address: String,
    password: Option<Secret>,
}

impl Database {
    /// Names a database by its address, as `postgres://USER@HOST/DATABASE`.
    pub fn new(address: &str, password: Option<Secret>) -> Result<Self, Fault> {
        Server::check(address)?;
        Ok(Self { address: address.to_owned(), password })
    }

    /// Reads the password, so that a server can be connected to.
    pub(crate) fn server(&self) -> Result<Server, Fault> {
        Server::parse(&self.address, self.password.as_ref())
    }
}

/// The section `[lake]` of the settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    catalog: String,
    data: PathBuf,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
}

/// The other sections belong to others.
#[derive(Deserialize)]
struct Settings {
    lake: Option<Section>,
}

impl Place {
    /// Reads where the lake is from the section `[lake]` of a settings file; without one it is in
    /// `dir`. Relative paths begin in `root`. No password is read before it is needed.
    pub fn from_settings(dir: PathBuf, root: &Path, text: &str) -> Result<Self, Fault> {
        let fault = |what: &str| {
            Fault::new(
                "settings.lake",
                format!("server.toml: section [lake]: {what}"),
                "It says `catalog = \"postgres://USER@HOST/DATABASE\"`, `data = \"/shared/folder\"`, \
                 and `password_file` or `password_env`; see docs/shared-lake.md.",
            )
        };
        // Whoever else reads the file says where it is no TOML at all.
        let Ok(settings) = toml::from_str::<toml::Table>(text) else { return Ok(dir.into()) };
        let settings: Settings =
            settings.try_into().map_err(|error: toml::de::Error| fault(error.message()))?;
        let Some(section) = settings.lake else { return Ok(dir.into()) };
        let password = match (section.password_env, section.password_file) {
            (Some(_), Some(_)) => return Err(fault("the password is in two places")),
            (Some(name), None) => Some(Secret::Variable(name)),
            (None, Some(path)) => Some(Secret::File(root.join(path))),
            (None, None) => None,
        };
        let catalog = Database::new(&section.catalog, password)
            .map_err(|found| fault(&format!("`catalog`: {found}")))?;
        Ok(Self { dir: root.join(section.data), catalog: Some(catalog) })
    }
}

impl<P: Into<PathBuf>> From<P> for Place {
    fn from(dir: P) -> Self {
        Self { dir: dir.into(), catalog: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_where_the_lake_is() {
        let read = |text: &str| {
            Place::from_settings(PathBuf::from("/acme/.throughline/lake"), Path::new("/acme"), text)
        };
        for of_others in ["", "base_url = \"https://x\"", "[oidc]\nissuer = \"x\"", "[lake"] {
            assert_eq!(read(of_others).unwrap(), Place::from("/acme/.throughline/lake"));
        }
        let place = read(
            "[lake]\ncatalog = \"postgres://me@db.example/lake\"\ndata = \"/mnt/lake\"\n\
             password_env = \"NOT_SET\"",
        );
        let place = place.unwrap();
        assert_eq!(place.dir, Path::new("/mnt/lake"));
        let missing = place.catalog.unwrap().server().unwrap_err();
        assert!(missing.message.contains("`NOT_SET` is not set"), "{missing}");
        let place = read("[lake]\ncatalog = \"postgres://me:secret@h/lake\"\ndata = \"shared\"");
        let place = place.unwrap();
        assert_eq!(place.dir, Path::new("/acme/shared"));
        assert_eq!(place.catalog.unwrap().server().unwrap().shown(), "postgres://me@h/lake");
        for wrong in [
            "[lake]\ncatalogue = \"postgres://me@db.example/lake\"\ndata = \"x\"",
            "[lake]\ncatalog = \"mysql://me@db.example/lake\"\ndata = \"x\"",
            "[lake]\ncatalog = \"postgres://me@db.example/lake\"",
            "[lake]\ndata = \"x\"",
            "[lake]\ncatalog = \"postgres://me@h/l\"\ndata = \"x\"\npassword_env = \"X\"\n\
             password_file = \"y\"",
            "lake = 1",
        ] {
            assert_eq!(read(wrong).unwrap_err().code, "settings.lake", "{wrong}");
        }
    }
}
