//! What the disk of a path has to say: how much is free, and whether it takes writes at all.

use std::path::Path;

/// What is known of a disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes that are free.
    pub(crate) free: u64,
    /// Whether it takes no writes.
    pub(crate) read_only: bool,
}

/// Looks at the disk of a path, or of the nearest folder above it that is there.
#[cfg(unix)]
pub(crate) fn of(path: &Path) -> Option<Room> {
    let found = path.ancestors().find_map(|path| rustix::fs::statvfs(path).ok())?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let read_only = found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
    Some(Room { free, read_only })
}

/// Looks at the disk of a path, where the system has a way to.
#[cfg(not(unix))]
pub(crate) fn of(_path: &Path) -> Option<Room> {
    None
}
