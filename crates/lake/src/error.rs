//! What the world can do to a lake: one error type, each variant with its own context.
//!
//! `Display` prints itself only; the edge prints the chain of causes and [`LakeError::hint`].

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parquet::errors::ParquetError;
use rusqlite::ErrorCode;

use crate::{room, sql};

/// Why the lake could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// There is no lake in the folder.
    #[error("folder `{}` holds no lake", dir.display())]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// There is a lake already.
    #[error("folder `{}` holds a lake already", dir.display())]
    Exists {
        /// The folder.
        dir: PathBuf,
    },
    /// Another process writes into the lake.
    #[error("lake `{}` is being written by {holder}", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Process and host, as the holder wrote them down.
        holder: String,
    },
    /// Files that the newest snapshot names are gone or have another size.
    #[error("lake `{}` has {} damaged file(s): {}", dir.display(), files.len(), first_few(files))]
    Damaged {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with which file.
        files: Vec<DamagedFile>,
    },
    /// The key that match keys are made with cannot be used.
    #[error("the key `{}` {found}", path.display())]
    PersonKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: &'static str,
    },
    /// The catalog is not the one that was committed last.
    #[error("catalog of lake `{}` is not the one that was committed last: {found}", dir.display())]
    Broken {
        /// The folder.
        dir: PathBuf,
        /// What was found.
        found: String,
    },
    /// The lake was written by a newer program.
    #[error(
        "lake `{}` has layout {found}, which is newer than layout {known} of this program",
        dir.display()
    )]
    Newer {
        /// The folder.
        dir: PathBuf,
        /// Its layout.
        found: u32,
        /// The newest layout that this program knows.
        known: u32,
    },
    /// The layout of the catalog is another one than this program writes.
    #[error("lake `{}` has another layout: {found}", dir.display())]
    Layout {
        /// The folder.
        dir: PathBuf,
        /// What was found.
        found: String,
    },
    /// The load would be recorded before what is stored already.
    #[error("load recorded at {asked} comes before the newest snapshot, recorded at {newest}")]
    Backdated {
        /// The instant of the load.
        asked: Timestamp,
        /// The instant of the newest snapshot.
        newest: Timestamp,
    },
    /// There is no such snapshot.
    #[error("snapshot {id} does not exist")]
    NoSnapshot {
        /// The snapshot asked for.
        id: i64,
    },
    /// There is no such table.
    #[error("table `{table}` does not exist")]
    NoTable {
        /// The table asked for.
        table: String,
    },
    /// There is no such column.
    #[error("column `{column}` of table `{table}` does not exist")]
    NoColumn {
        /// The table.
        table: String,
        /// The column asked for.
        column: String,
    },
    /// A row was given for a file that the load does not name.
    #[error("row of file number {index}, expected one of {n_files} files")]
    NoFile {
        /// The file asked for.
        index: usize,
        /// How many the load names.
        n_files: usize,
    },
    /// A load has more rows than one load can hold.
    #[error("load has more than {limit} rows")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// A load does not add up; nothing of it was stored.
    #[error(
        "load of `{file}` does not add up: {loaded} loaded, {known} known and {quarantined} \
         quarantined are not {read} read"
    )]
    NotConserved {
        /// The file, or `all files`.
        file: Arc<str>,
        /// Rows read.
        read: u64,
        /// Rows with something new.
        loaded: u64,
        /// Rows with nothing new.
        known: u64,
        /// Rows refused.
        quarantined: u64,
    },
    /// A guard holds the load; nothing of it was stored.
    #[error("load is held ({code}): {why}")]
    Held {
        /// Code of the first guard that holds it.
        code: &'static str,
        /// What it found.
        why: String,
    },
    /// There is no held load of this number that waits for a decision.
    #[error("no held load {id} waits for a decision")]
    NoHeld {
        /// The number asked for.
        id: i64,
    },
    /// A value in the catalog or a file is not what was written there.
    #[error("{what} is not readable: `{found}`")]
    Unreadable {
        /// Which value.
        what: &'static str,
        /// Its text.
        found: String,
    },
    /// The disk is full.
    #[error("no space is left for `{}`: {free} bytes are free{}", path.display(), at_least(*needed))]
    Full {
        /// The file or folder that was written.
        path: PathBuf,
        /// How many bytes are free.
        free: u64,
        /// How many more are needed at least, where that is known.
        needed: Option<u64>,
    },
    /// The disk takes no writes.
    #[error("`{}` is on a read-only disk", path.display())]
    ReadOnly {
        /// The file or folder that was to be written.
        path: PathBuf,
    },
    /// The disk refused.
    #[error("{doing} `{}`", path.display())]
    Disk {
        /// What was tried, such as `cannot read`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A Parquet file could not be read or written.
    #[error("cannot read or write Parquet file `{}`", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// The catalog could not be read or written.
    #[error("cannot read or write the catalog of the lake")]
    Catalog(#[from] rusqlite::Error),
    /// The server of the catalog refused, or is gone.
    #[error(transparent)]
    Server(#[from] outbound::Fault),
    /// The catalog is on a server, whose own means are to be used.
    #[error("the catalog of this lake is on a PostgreSQL server: it is not {doing} from here")]
    OnServer {
        /// What was to be done with it.
        doing: &'static str,
    },
    /// Columns did not fit together.
    #[error("cannot put columns together")]
    Arrow(#[from] arrow::error::ArrowError),
    /// Columns did not fit together in a frame.
    #[error("cannot make a frame")]
    Frame(#[from] domain::frame::FrameError),
    /// A text of the ledger could not be read or written.
    #[error("cannot read or write a JSON text of the ledger")]
    Json(#[from] serde_json::Error),
    /// Rows were asked for that no relation has.
    #[error(transparent)]
    Request(#[from] crate::relation::RequestError),
    /// No thread could be made to write beside the reading.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// A load takes no more rows, as a part of it could not be written.
    #[error("the load has failed and takes no more rows")]
    Failed,
    /// Whoever takes the rows stopped.
    #[error("the reader of the rows stopped")]
    Sink(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A file that is not as the catalog says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DamagedFile {
    /// Where it should be.
    pub path: PathBuf,
    /// What is wrong with it.
    pub damage: Damage,
}

/// What is wrong with a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// It is gone.
    Gone,
    /// It has another size.
    Size {
        /// By the catalog, in bytes.
        expected: u64,
        /// On disk, in bytes.
        found: u64,
    },
    /// It has the same size and other bytes.
    Content,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => f.write_str("is gone"),
            Self::Size { expected, found } => write!(f, "has {found} bytes, expected {expected}"),
            Self::Content => f.write_str("has other bytes than were written"),
        }
    }
}

impl std::fmt::Display for DamagedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.path.display(), self.damage)
    }
}

impl From<sql::Error> for LakeError {
    fn from(error: sql::Error) -> Self {
        match error {
            sql::Error::Sqlite(error) => Self::Catalog(error),
            sql::Error::Server(fault) => Self::Server(fault),
        }
    }
}

impl LakeError {
    /// Says what to do, where the user can do something.
    pub fn hint(&self) -> Option<&str> {
        Some(match self {
            Self::Missing { .. } => "Make one with `throughline init`, or name another folder.",
            Self::Exists { .. } => "Name another folder, or load into this lake.",
            Self::Locked { .. } => "Wait until it is done, or end that process.",
            Self::Damaged { .. } => {
                "See all that is damaged with `throughline verify`, and bring it back from the \
                 newest backup with `throughline restore`."
            }
            Self::Broken { .. } => {
                "Bring the lake back with `throughline restore`, or go on with what is left by \
                 `throughline repair`, which says what is lost."
            }
            Self::Newer { .. } => "Use that version of the program, or a newer one.",
            Self::Layout { .. } => "Use the version of the program that wrote it last.",
            Self::PersonKey { .. } => {
                "Bring the file back from the backup of this lake: without it nobody that is \
                 loaded from now on is known again."
            }
            Self::Backdated { .. } => "Check the clock of this machine, or record the load later.",
            Self::NotConserved { .. } => "Nothing was stored. Please report this as a fault.",
            Self::Held { .. } => "Look at it with `throughline loads`, then accept or drop it.",
            Self::NoHeld { .. } => "See which loads are held with `throughline loads`.",
            Self::TooLarge { .. } => "Split it into several loads.",
            Self::Full { .. } => "Nothing was changed. Make room there, then do it again.",
            Self::ReadOnly { .. } => "Mount it so that it can be written, or copy the folder.",
            Self::Server(fault) => &fault.hint,
            Self::OnServer { .. } => {
                "While nobody loads, save the database with `pg_dump` and copy the folder `data` of \
                 `[lake]` in server.toml; bring both back together. See docs/shared-lake.md."
            }
            Self::Disk { .. } => "Check free space, rights and the disk, then try again.",
            _ => return None,
        })
    }

    pub(crate) fn disk(
        doing: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Disk { doing, path, source }.about_the_disk()
    }

    /// Says it plainly where the disk is full or takes no writes.
    #[must_use]
    pub fn about_the_disk(self) -> Self {
        let (path, kind) = match &self {
            Self::Disk { path, source, .. } => (path, source.kind()),
            Self::Parquet { path, source: ParquetError::External(source) } => {
                match source.downcast_ref::<std::io::Error>() {
                    Some(source) => (path, source.kind()),
                    None => return self,
                }
            }
            _ => return self,
        };
        match kind {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                let free = room::of(path).map_or(0, |room| room.free);
                Self::Full { path: path.clone(), free, needed: None }
            }
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path: path.clone() },
            _ => self,
        }
    }

    /// Says of an error of the catalog in a folder what the disk has to do with it.
    #[must_use]
    pub(crate) fn in_catalog(self, dir: &Path) -> Self {
        let Self::Catalog(error) = &self else { return self };
        let Some(code) = error.sqlite_error_code() else { return self };
        let room = room::of(dir);
        let path = dir.join("catalog.sqlite");
        let of_disk = matches!(
            code,
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly
        );
        let full = room.is_some_and(|room| room.free < 1 << 17);
        match room {
            _ if code == ErrorCode::DiskFull || of_disk && full => {
                Self::Full { path, free: room.map_or(0, |room| room.free), needed: None }
            }
            Some(room) if of_disk && room.read_only => Self::ReadOnly { path },
            _ => self,
        }
    }

    /// Makes the error of one damaged file of a table.
    pub(crate) fn damaged(path: &Path) -> impl FnOnce(DamagedFile) -> Self {
        // The folder of the lake, above `main` and the table.
        let dir = path.ancestors().nth(3).unwrap_or(path).to_owned();
        move |file| Self::Damaged { dir, files: vec![file] }
    }

    pub(crate) fn parquet(path: impl AsRef<Path>) -> impl FnOnce(ParquetError) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Parquet { path, source }.about_the_disk()
    }
}

fn at_least(needed: Option<u64>) -> String {
    needed.map_or_else(String::new, |needed| format!(", at least {needed} are needed"))
}

fn first_few(files: &[DamagedFile]) -> String {
    let mut texts: Vec<String> = files.iter().take(3).map(ToString::to_string).collect();
    if files.len() > texts.len() {
        texts.push(format!("and {} more", files.len() - texts.len()));
    }
    texts.join(", ")
}
