//! Backups of a company's folder: whole or not there, and never put in place unread.
//!
//! A backup is a folder of its own, named by its instant, in the folder that the user names. Facts
//! that an earlier backup there has are linked to it. It is written under another name, every file
//! flushed and listed with its hash, and gets its own name when the list is on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use lake::backup::{Copied, Standing, copy_file};
use project::{Failure, Kind, Project};
use serde::{Deserialize, Serialize};

const MANIFEST: &str = "manifest.json";
/// What a backup is called while it is written.
const PART: &str = ".part-";
/// Changes when backups are laid out in another way.
const FORMAT: u32 = 1;
/// The key of the accounts, which is in a backup only where that is asked for.
pub(crate) const SECRET: &str = ".throughline/secret";
/// The key of the facts, which is in every backup.
pub(crate) const PERSON_KEY: &str = ".throughline/lake/person.key";
/// What stands in `.throughline` and is in no backup: copied in another way, made anew, or for the
/// time of a piece of work only.
const NOT_COPIED: [&str; 8] = [
    "lake",
    "derived",
    "staging",
    "secret",
    "state.sqlite",
    "state.seal",
    "audit-anchor.log",
    "replaced",
];

/// What a backup holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The program that made it.
    program: String,
    pub(crate) made_at: Timestamp,
    /// Where the lake stood; none where nothing was loaded.
    pub(crate) lake: Option<Standing>,
    /// Whether the key of the accounts is in it.
    pub(crate) secret: bool,
    pub(crate) files: Vec<Copied>,
    /// BLAKE3 over all of this but itself.
    check: String,
}

impl Manifest {
    fn check(&self) -> String {
        let bare = Self { check: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&bare).unwrap_or_default();
        blake3::hash(&text).to_hex().to_string()
    }

    /// All bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// A backup that was made.
pub(crate) struct Made {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
    /// Files that were linked to an earlier backup.
    pub(crate) n_linked: u64,
}

/// Makes a backup in a folder, and the folder where there is none.
pub(crate) fn make(project: &Project, to: &Path, secret: bool) -> Result<Made, Failure> {
    lake::backup::can(&project.lake(), "copied")?;
    fs::create_dir_all(to).map_err(disk("cannot create", to))?;
    let _turn = take_turn(to)?;
    let made_at = Timestamp::now();
    let name = made_at.strftime("%Y%m%dT%H%M%S%3fZ").to_string();
    let earlier = newest(to)?;
    let part = to.join(format!("{PART}{name}"));
    lake::scratch::begin(&part);
    let made = fill(project, &part, earlier.as_deref(), made_at, secret).and_then(|made| {
        let folder = to.join(&name);
        fs::rename(&part, &folder).map_err(disk("cannot name", &folder))?;
        flush(to)?;
        Ok(Made { folder, ..made })
    });
    if made.is_err() {
        // Of a backup that failed nothing is left, where that can be.
        let _removed: std::io::Result<()> = fs::remove_dir_all(&part);
    }
    lake::scratch::end(&part);
    made
}

/// Takes the turn in a folder of backups, and removes what a backup left that died.
fn take_turn(to: &Path) -> Result<File, Failure> {
    let path = to.join(".lock");
    let lock = File::create(&path).map_err(disk("cannot create", &path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let message = format!("another backup is being written to {}", to.display());
            return Err(Failure::new(Kind::World, "backup.busy", message)
                .hint("Wait until it is done, or name another folder."));
        }
        Err(fs::TryLockError::Error(error)) => return Err(disk("cannot lock", &path)(error)),
    }
    for name in names(to)? {
        if name.starts_with(PART) {
            let left = to.join(name);
            fs::remove_dir_all(&left).map_err(disk("cannot remove", &left))?;
        }
    }
    Ok(lock)
}

fn fill(
    project: &Project,
    part: &Path,
    earlier: Option<&Path>,
    made_at: Timestamp,
    secret: bool,
) -> Result<Made, Failure> {
    fs::create_dir_all(part).map_err(disk("cannot create", part))?;
    let mut files = Vec::new();
    let mut standing = None;
    let mut n_linked = 0;
    let inner = part.join(".throughline");
    fs::create_dir_all(&inner).map_err(disk("cannot create", &inner))?;
    private(&inner)?;
    if lake::Lake::is_at(project.lake()) {
        let earlier = earlier.map(|earlier| earlier.join(".throughline").join("lake"));
        let copy = lake::backup::copy(&project.lake(), &inner.join("lake"), earlier.as_deref())?;
        n_linked = copy.n_linked;
        standing = Some(copy.standing);
        files.extend(
            copy.files
                .into_iter()
                .map(|file| Copied { path: format!(".throughline/lake/{}", file.path), ..file }),
        );
    }
    // The facts first: what is held or noted later is about nothing that the copy lacks.
    let accounts = access::backup(project.root(), &inner).map_err(|error| {
        Failure::new(Kind::World, "backup.accounts", error.to_string()).hint(error.hint())
    })?;
    for name in accounts {
        files.push(listed(part, &format!(".throughline/{name}"))?);
    }
    let mut paths = Vec::new();
    for name in ["throughline.toml", "server.toml", "definitions", "mappings"] {
        walk(project.root(), Path::new(name), &mut paths)?;
    }
    for name in names(&project.root().join(".throughline"))? {
        let left_out = NOT_COPIED.contains(&name.as_str())
            || name.starts_with('.')
            || name.ends_with("-wal")
            || name.ends_with("-shm");
        if !left_out {
            walk(project.root(), &Path::new(".throughline").join(name), &mut paths)?;
        }
    }
    if secret {
        walk(project.root(), Path::new(SECRET), &mut paths)?;
    }
    for path in paths {
        let (from, target) = (project.root().join(&path), part.join(&path));
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(disk("cannot create", folder))?;
        }
        let (bytes, hash) = match lake::backup::copy_database_if_one(&from, &target)? {
            Some(copied) => copied,
            None => copy_file(&from, &target)?,
        };
        if path == Path::new(SECRET) {
            private(&target)?;
        }
        files.push(Copied { path: slashed(&path), bytes, hash });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        lake: standing,
        secret,
        files,
        check: String::new(),
    };
    manifest.check = manifest.check();
    flush_all(part)?;
    let path = part.join(MANIFEST);
    let text = serde_json::to_vec_pretty(&manifest).map_err(Failure::bug)?;
    fs::write(&path, text)
        .and_then(|()| File::open(&path)?.sync_all())
        .map_err(disk("cannot write", &path))?;
    flush(part)?;
    Ok(Made { folder: part.to_owned(), manifest, n_linked })
}

fn listed(part: &Path, path: &str) -> Result<Copied, Failure> {
    let (bytes, hash) = lake::backup::hash(&part.join(path))?;
    Ok(Copied { path: path.to_owned(), bytes, hash })
}

/// Finds the newest backup in a folder.
pub(crate) fn newest(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let mut names = names(folder)?;
    names.retain(|name| !name.starts_with('.') && folder.join(name).join(MANIFEST).is_file());
    names.sort();
    Ok(names.pop().map(|name| folder.join(name)))
}

/// Reads a backup to its end: the one in a folder, or the newest of those in it. Fails where one
/// byte of it is not as it was written.
pub(crate) fn read(from: &Path) -> Result<(PathBuf, Manifest), Failure> {
    let folder = if from.join(MANIFEST).is_file() {
        from.to_owned()
    } else if from.is_dir() {
        newest(from)?.ok_or_else(|| {
            let message = format!("{} holds no backup that was finished", from.display());
            Failure::usage(message, "Name a folder that `throughline backup` wrote to.")
        })?
    } else {
        let message = format!("{} does not exist", from.display());
        return Err(Failure::usage(message, "Name a folder that `throughline backup` wrote to."));
    };
    let path = folder.join(MANIFEST);
    let text = fs::read(&path).map_err(disk("cannot read", &path))?;
    let damaged = |what: &str| {
        Failure::new(
            Kind::Found,
            "restore.damaged",
            format!("backup `{}` is damaged: {what}", folder.display()),
        )
        .hint("Nothing was restored. Use another backup.")
    };
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|_| damaged("its list cannot be read"))?;
    if manifest.format > FORMAT {
        let (found, known) = (manifest.format, FORMAT);
        return Err(Failure::usage(
            format!("backup `{}` has format {found}, newer than format {known}", folder.display()),
            "Use the version of the program that made it, or a newer one.",
        ));
    }
    if manifest.check != manifest.check() {
        return Err(damaged("its list is not as it was written"));
    }
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    for file in &manifest.files {
        let inside = Path::new(&file.path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if !inside {
            return Err(damaged(&format!("`{}` lies outside of it", file.path)));
        }
        let path = folder.join(&file.path);
        let why = match lake::backup::hash(&path) {
            Ok((bytes, hash)) if bytes == file.bytes && hash == file.hash => continue,
            Ok((bytes, _)) if bytes != file.bytes => "has another size",
            Ok(_) => "has other bytes than were written",
            Err(_) => "is gone or cannot be read",
        };
        found.insert(&file.path, why);
    }
    if let Some((path, why)) = found.first_key_value() {
        let more = found.len() - 1;
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        return Err(damaged(&format!("`{path}` {why}{more}")));
    }
    Ok((folder, manifest))
}

/// Lists the files at or below a path, from a folder; links are left out.
fn walk(root: &Path, path: &Path, into: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let whole = root.join(path);
    let Ok(about) = fs::symlink_metadata(&whole) else { return Ok(()) };
    if about.is_file() {
        into.push(path.to_owned());
    } else if about.is_dir() {
        for name in names(&whole)? {
            walk(root, &path.join(name), into)?;
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(disk("cannot list", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(disk("cannot list", folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Flushes a folder and all folders in it.
pub(crate) fn flush_all(folder: &Path) -> Result<(), Failure> {
    for name in names(folder)? {
        let path = folder.join(name);
        if path.is_dir() {
            flush_all(&path)?;
        }
    }
    flush(folder)
}

pub(crate) fn flush(folder: &Path) -> Result<(), Failure> {
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(disk("cannot flush", folder))?;
    }
    Ok(())
}

/// Lets only the owner read a file or folder.
pub(crate) fn private(path: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(disk("cannot protect", path))?;
    }
    Ok(())
}

pub(crate) fn disk(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> Failure + use<> {
    let path = path.to_owned();
    move |source| lake::LakeError::Disk { doing, path, source }.into()
}

fn slashed(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
