//! Files and folders that are only there for the time of a piece of work.
//!
//! Each is known here from before it is made until it is kept or removed, so that a program that is
//! told to stop leaves none behind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

static UNFINISHED: LazyLock<Mutex<BTreeSet<PathBuf>>> = LazyLock::new(Mutex::default);

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a file or folder that is about to be made.
pub fn begin(path: &Path) {
    unfinished().insert(path.to_owned());
}

/// Forgets a file or folder that stays, or that is gone.
pub fn end(path: &Path) {
    unfinished().remove(path);
}

/// Removes all that is unfinished. For the moment before the program ends: whoever is about to make
/// something more waits for ever.
pub fn abandon() {
    let paths = unfinished();
    for path in paths.iter() {
        // What cannot be removed is swept at the next start.
        let _removed =
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
    std::mem::forget(paths);
}
