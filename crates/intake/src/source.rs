//! Sources that are not files: what they hold is brought into a folder first and read from there.
//!
//! So a table of a database and an object of a store go the way of every other file: they are
//! recognized by their columns, limited, and counted. The folder is open to its owner only and goes
//! with the process that made it; what a dead one left is removed by the next.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use domain::{Diagnostic, Place};
use outbound::Fault;

use crate::settings::Rejected;

pub mod objects;
pub mod postgres;

/// A folder for what is brought; removed with this value.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    /// Held for as long as the folder is needed.
    _lock: File,
}

/// What was brought from one source.
#[derive(Debug)]
pub struct Fetched {
    /// The folder that holds it.
    pub folder: PathBuf,
    /// Where it is from and as of when, for the ledger: without a secret.
    pub origin: String,
    /// What a reader should know.
    pub diagnostics: Vec<Diagnostic>,
}

/// Called with what is being brought, how far it is and how far it goes.
pub type Watch<'w> = dyn FnMut(&str, u64, u64) + 'w;

impl Staging {
    /// Makes a folder in `parent`, and removes those of dead processes.
    pub fn new(parent: &Path) -> Result<Self, Rejected> {
        Self::make(parent).map_err(|error| disk(parent, &error))
    }

    fn make(parent: &Path) -> io::Result<Self> {
        create_private(parent)?;
        for entry in fs::read_dir(parent)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(OURS) {
                continue;
            }
            let folder = entry.path();
            // A folder without a lock file is being made, or was left before it had one.
            let Ok(lock) = File::options().read(true).write(true).open(folder.join(LOCK)) else {
                let old = fs::metadata(&folder)
                    .and_then(|meta| meta.modified())
                    .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 3600));
                if old {
                    let _removed: io::Result<()> = fs::remove_dir_all(&folder);
                }
                continue;
            };
            if lock.try_lock().is_ok() {
                let _removed: io::Result<()> = fs::remove_dir_all(&folder);
            }
        }
        let mut number = 0_u32;
        let folder = loop {
            let folder = parent.join(format!("{OURS}{}-{number}", std::process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => break folder,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        };
        create_private(&folder)?;
        let lock = File::create_new(folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(Self { folder, _lock: lock }),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Makes a folder of its own for one source.
    pub fn folder(&self, number: usize) -> Result<PathBuf, Rejected> {
        let folder = self.folder.join(format!("{number}"));
        fs::create_dir_all(&folder).map_err(|error| disk(&folder, &error))?;
        Ok(folder)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next process.
        let _removed: io::Result<()> = fs::remove_dir_all(&self.folder);
    }
}

/// What the names of these folders begin with; others have their own sweepers.
const OURS: &str = "source-";
/// Hidden, so that it is no file to be read.
const LOCK: &str = ".lock";

fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn disk(path: &Path, error: &io::Error) -> Rejected {
    Diagnostic::error("source.disk", format!("`{}` cannot be written: {error}", path.display()))
        .hint("Check free space and rights, then try again.")
        .into()
}

fn refused(fault: Fault) -> Rejected {
    Diagnostic::error(fault.code, fault.message).hint(fault.hint).into()
}

/// Turns names of a stranger into a path below `folder`: no part is hidden, leads up or is empty.
fn path_below<'n>(folder: &Path, names: impl Iterator<Item = &'n str>) -> PathBuf {
    let mut path = folder.to_path_buf();
    for name in names {
        let plain: String = name
            .chars()
            .map(
                |c| if c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ') { c } else { '_' },
            )
            .take(120)
            .collect();
        let hidden = plain.starts_with('.') || plain.is_empty();
        path.push(if hidden { format!("_{plain}") } else { plain });
    }
    // Two names may become one.
    let mut free = path.clone();
    let mut number = 2;
    while free.exists() {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let end = path.extension().map(|end| format!(".{}", end.to_string_lossy()));
        free.set_file_name(format!("{stem}-{number}{}", end.unwrap_or_default()));
        number += 1;
    }
    free
}

fn warning(code: &'static str, name: &str, message: String) -> Diagnostic {
    Diagnostic::warning(code, message).at(Place::file(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_stay_below_the_folder() {
        let folder = Path::new("/staging");
        #[rustfmt::skip]
        let table = [
            (&["salesforce", "opportunity.csv"][..], "/staging/salesforce/opportunity.csv"),
            (&["..", "passwd"],                      "/staging/_../passwd"),
            (&["a/../../b", ".hidden"],              "/staging/a_.._.._b/_.hidden"),
            (&["", "ü b"],                           "/staging/_/ü b"),
        ];
        for (names, expected) in table {
            let path = path_below(folder, names.iter().copied());
            assert_eq!(path, Path::new(expected), "{names:?}");
        }
    }

    #[test]
    fn a_folder_goes_with_its_maker_and_a_dead_one_is_swept() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path().join("staging");
        let first = Staging::new(&parent).unwrap();
        let second = Staging::new(&parent).unwrap();
        assert!(first.folder.is_dir() && second.folder.is_dir(), "both are alive");
        let left = parent.join("source-99999-0");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(left.join("opportunity.csv"), "Id\n").unwrap();
        drop(first);
        let third = Staging::new(&parent).unwrap();
        assert!(!left.exists(), "a folder that nobody holds is removed");
        drop((second, third));
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
    }
}
