//! What the world can do to a lake: one error type, each variant with its own context.
//!
//! `Display` prints itself only; the edge prints the chain of causes and [`LakeError::hint`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

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
    /// A value in the catalog or a file is not what was written there.
    #[error("{what} is not readable: `{found}`")]
    Unreadable {
        /// Which value.
        what: &'static str,
        /// Its text.
        found: String,
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
        source: parquet::errors::ParquetError,
    },
    /// The catalog could not be read or written.
    #[error("cannot read or write the catalog of the lake")]
    Catalog(#[from] rusqlite::Error),
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
    /// Its size by the catalog, in bytes.
    pub expected: u64,
    /// Its size on disk, in bytes; none where it is gone.
    pub found: Option<u64>,
}

impl LakeError {
    /// Says what to do, where the user can do something.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Missing { .. } => "Make one with `throughline init`, or name another folder.",
            Self::Exists { .. } => "Name another folder, or load into this lake.",
            Self::Locked { .. } => "Wait until it is done, or end that process.",
            Self::Damaged { .. } => "Bring the named files back from the newest backup.",
            Self::Layout { .. } => "Use the version of the program that wrote it last.",
            Self::PersonKey { .. } => {
                "Bring the file back from the backup of this lake: without it nobody that is \
                 loaded from now on is known again."
            }
            Self::Backdated { .. } => "Check the clock of this machine, or record the load later.",
            Self::NotConserved { .. } => "Nothing was stored. Please report this as a fault.",
            Self::TooLarge { .. } => "Split it into several loads.",
            Self::Disk { .. } => "Check free space, rights and the disk, then try again.",
            _ => return None,
        })
    }

    pub(crate) fn disk(
        doing: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Disk { doing, path, source }
    }

    pub(crate) fn parquet(
        path: impl AsRef<Path>,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Parquet { path, source }
    }
}

fn first_few(files: &[DamagedFile]) -> String {
    let mut texts: Vec<String> = files
        .iter()
        .take(3)
        .map(|file| match file.found {
            None => format!("`{}` is gone", file.path.display()),
            Some(found) => {
                let path = file.path.display();
                format!("`{path}` has {found} bytes, expected {}", file.expected)
            }
        })
        .collect();
    if files.len() > texts.len() {
        texts.push(format!("and {} more", files.len() - texts.len()));
    }
    texts.join(", ")
}
