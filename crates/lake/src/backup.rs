//! A lake copied whole while others read and write it, and put back.
//!
//! The catalog is copied by `SQLite` itself, in one read; files of facts never change, so they are
//! copied as the copied catalog names them, each compared with its hash on the way. The anchor ends
//! with the change that the copy ends with, and is sealed anew for the bytes of the copy.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;
use serde::{Deserialize, Serialize};

use crate::anchor::{self, Anchor};
use crate::catalog;
use crate::chain;
use crate::error::{Damage, DamagedFile, LakeError};
use crate::lock::WriterLock;
use crate::parquet_file::{flush_folder, hash_file};
use crate::person::key;
use crate::place::Place;
use crate::sql::Connection;
use crate::store::find;
use crate::verify;

/// How often a copy is begun anew because files were replaced meanwhile.
const TRIES: u32 = 5;

/// A file of a copy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Copied {
    /// Where it is, from the folder of the copy.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its content, in hexadecimal.
    pub hash: String,
}

/// Where a lake stands: what tells an older state of it from a newer one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The lake's random identity.
    pub uuid: String,
    /// Its last change.
    pub change: i64,
    /// The digest of that change.
    pub digest: String,
    /// Its newest snapshot.
    pub snapshot: i64,
    /// Its newest load; 0 before the first.
    pub load: i64,
    /// When that snapshot was recorded.
    pub recorded_at: String,
}

/// What a copy of a lake holds.
#[derive(Clone, Debug)]
pub struct LakeCopy {
    /// Where the lake stood.
    pub standing: Standing,
    /// All files, flushed.
    pub files: Vec<Copied>,
    /// Of them, those that were linked to an earlier copy.
    pub n_linked: u64,
}

/// Says where a lake stands by its anchor alone, so that this also answers for a lake that cannot
/// be opened; none where nothing was ever committed, or nothing of it can be read.
pub fn standing(dir: &Path) -> Result<Option<Standing>, LakeError> {
    let lines = match anchor::newest(dir) {
        Err(LakeError::Broken { .. }) => Vec::new(),
        lines => lines?,
    };
    let Some(last) = lines.iter().rev().find(|line| line.committed) else { return Ok(None) };
    Ok(Some(Standing {
        uuid: uuid_of(&dir.join("catalog.sqlite")).unwrap_or_default(),
        change: last.n,
        digest: last.digest.clone(),
        snapshot: last.snapshot,
        load: last.load,
        recorded_at: last.at.clone(),
    }))
}

fn uuid_of(catalog: &Path) -> Option<String> {
    let open = |flags| rusqlite::Connection::open_with_flags(catalog, flags);
    // Who may not write leaves an empty `-wal` behind.
    let writing = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(writing).or_else(|_| open(OpenFlags::SQLITE_OPEN_READ_ONLY)).ok()?;
    let sql = "SELECT value FROM lake_info WHERE key = 'uuid'";
    connection.query_row(sql, [], |row| row.get(0)).ok()
}

/// Fails where the catalog is on a server, whose own means save it and bring it back.
pub fn can(place: &Place, doing: &'static str) -> Result<(), LakeError> {
    match place.catalog {
        Some(_) => Err(LakeError::OnServer { doing }),
        None => Ok(()),
    }
}

/// Copies a lake into an empty folder. Files that an `earlier` copy has with the same content are
/// linked to it. Each file and folder is flushed.
pub fn copy(place: &Place, to: &Path, earlier: Option<&Path>) -> Result<LakeCopy, LakeError> {
    can(place, "copied")?;
    let dir = place.dir.as_path();
    let mut tries = 0;
    loop {
        tries += 1;
        match copy_once(dir, to, earlier) {
            // A file was replaced or removed between the copy of the catalog and its own.
            Err(LakeError::Damaged { .. }) if tries < TRIES && moved_on(dir, to)? => {
                fs::remove_dir_all(to).map_err(LakeError::disk("cannot remove", to))?;
            }
            // The anchor was read while it was being written.
            Err(LakeError::Broken { .. }) if tries < TRIES => {
                fs::remove_dir_all(to).map_err(LakeError::disk("cannot remove", to))?;
            }
            other => return other,
        }
    }
}

/// True where the lake has changed since its catalog was copied.
fn moved_on(dir: &Path, to: &Path) -> Result<bool, LakeError> {
    let digest = |path: &Path| -> Result<_, LakeError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let file = path.join("catalog.sqlite");
        let connection: Connection = rusqlite::Connection::open_with_flags(file, flags)?.into();
        Ok(chain::newest(&connection)?.map(|change| change.digest))
    };
    Ok(digest(dir)? != digest(to)?)
}

fn copy_once(dir: &Path, to: &Path, earlier: Option<&Path>) -> Result<LakeCopy, LakeError> {
    fs::create_dir_all(to).map_err(LakeError::disk("cannot create", to))?;
    let catalog = to.join("catalog.sqlite");
    copy_database(&dir.join("catalog.sqlite"), &catalog)?;
    let connection: Connection = rusqlite::Connection::open(&catalog)?.into();
    catalog::check_layout(&connection, dir)?;
    // The next load makes the indexes anew.
    connection.execute("DELETE FROM lake_key_index", [])?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let change = chain::newest(&connection)?.ok_or_else(|| LakeError::Broken {
        dir: dir.to_owned(),
        found: "it has no change at all".to_owned(),
    })?;
    let uuid = {
        let sql = "SELECT value FROM lake_info WHERE key = 'uuid'";
        connection.query_row(sql, [], |row| row.get(0))?
    };
    let mut files = Vec::new();
    let mut n_linked = 0;
    let mut folders = BTreeSet::new();
    for file in verify::named(&connection, dir)? {
        let name = file.path.file_name().map(Path::new).unwrap_or(Path::new(""));
        let inner = Path::new("main").join(&file.table).join(name);
        let target = to.join(&inner);
        if let Some(folder) = target.parent()
            && folders.insert(folder.to_owned())
        {
            fs::create_dir_all(folder).map_err(LakeError::disk("cannot create", folder))?;
        }
        let linked = file.hash.as_deref().is_some_and(|hash| {
            earlier.is_some_and(|earlier| link(&earlier.join(&inner), &target, file.bytes, hash))
        });
        let hash = if linked {
            n_linked += 1;
            file.hash.clone().unwrap_or_default()
        } else {
            let (bytes, hash) = copy_file(&file.path, &target)?;
            if bytes != file.bytes || file.hash.as_ref().is_some_and(|known| *known != hash) {
                let damage = if bytes == file.bytes {
                    Damage::Content
                } else {
                    Damage::Size { expected: file.bytes, found: bytes }
                };
                let damaged = DamagedFile { path: file.path, damage };
                return Err(LakeError::Damaged { dir: dir.to_owned(), files: vec![damaged] });
            }
            hash
        };
        files.push(Copied { path: slashed(&inner), bytes: file.bytes, hash });
    }
    // A table without a file has its folder too.
    for table in verify::tables(&connection)? {
        let folder = to.join("main").join(table);
        fs::create_dir_all(&folder).map_err(LakeError::disk("cannot create", &folder))?;
        folders.insert(folder);
    }
    drop(connection);
    copy_file(&dir.join(anchor::FILE), &to.join(anchor::FILE))?;
    let mut anchor = Anchor::open(to)?;
    while anchor.last().is_some_and(|last| last.n > change.n) {
        anchor.take_back(to)?;
    }
    anchor.confirm(Some(hash_file(&catalog)?))?;
    drop(anchor);
    // A connection that may not write would leave an empty `-wal` behind.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection: Connection = rusqlite::Connection::open_with_flags(&catalog, flags)?.into();
    chain::check(to, &connection)?;
    drop(connection);
    // Without its key the copy could not be opened.
    let key = to.join(key::FILE);
    copy_file(&dir.join(key::FILE), &key)?;
    private(&key)?;
    for name in ["catalog.sqlite", anchor::FILE, key::FILE] {
        let path = to.join(name);
        let bytes = fs::metadata(&path).map_err(LakeError::disk("cannot read", &path))?.len();
        files.push(Copied { path: name.to_owned(), bytes, hash: hash_file(&path)? });
    }
    for folder in folders {
        flush_folder(&folder)?;
    }
    flush_folder(&to.join("main"))?;
    flush_folder(to)?;
    let standing = standing(to)?.ok_or_else(|| LakeError::Broken {
        dir: dir.to_owned(),
        found: format!("`{}` has no committed change", anchor::FILE),
    })?;
    let standing = Standing { uuid, ..standing };
    Ok(LakeCopy { standing, files, n_linked })
}

/// Copies a database as it stands in one moment, whoever writes it meanwhile, into one file.
fn copy_database(from: &Path, to: &Path) -> Result<(), LakeError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = rusqlite::Connection::open_with_flags(from, flags)?;
    source.busy_timeout(std::time::Duration::from_secs(10))?;
    let mut target = rusqlite::Connection::open(to)?;
    {
        let backup = rusqlite::backup::Backup::new(&source, &mut target)?;
        // All pages in one step: one moment, and no page is copied twice.
        backup.run_to_completion(i32::MAX, std::time::Duration::from_millis(50), None)?;
    }
    target.pragma_update(None, "journal_mode", "WAL")?;
    target.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    drop(target);
    File::open(to).and_then(|file| file.sync_all()).map_err(LakeError::disk("cannot flush", to))
}

/// Lets only the owner read a file.
fn private(path: &Path) -> Result<(), LakeError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(LakeError::disk("cannot protect", path))?;
    }
    Ok(())
}

/// Links a file of an earlier copy, where it still has the content.
fn link(earlier: &Path, target: &Path, bytes: u64, hash: &str) -> bool {
    fs::metadata(earlier).is_ok_and(|about| about.len() == bytes)
        && hash_file(earlier).is_ok_and(|found| found == hash)
        && fs::hard_link(earlier, target).is_ok()
}

/// Copies a file, flushes it, and returns its size and hash.
pub fn copy_file(from: &Path, to: &Path) -> Result<(u64, String), LakeError> {
    let mut source = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let damaged = DamagedFile { path: from.to_owned(), damage: Damage::Gone };
            return Err(LakeError::damaged(from)(damaged));
        }
        Err(error) => return Err(LakeError::disk("cannot read", from)(error)),
    };
    let mut target = File::create(to).map_err(LakeError::disk("cannot create", to))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let n = source.read(&mut buffer).map_err(LakeError::disk("cannot read", from))?;
        if n == 0 {
            break;
        }
        let part = buffer.get(..n).unwrap_or_default();
        hasher.update(part);
        target.write_all(part).map_err(LakeError::disk("cannot write", to))?;
        bytes += n as u64;
    }
    target.sync_all().map_err(LakeError::disk("cannot flush", to))?;
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}

/// Takes size and hash of a file.
pub fn hash(path: &Path) -> Result<(u64, String), LakeError> {
    let about = fs::metadata(path).map_err(LakeError::disk("cannot read", path))?;
    Ok((about.len(), hash_file(path)?))
}

/// Copies a file that is a database as [`copy`] does; none where it is another file.
pub fn copy_database_if_one(from: &Path, to: &Path) -> Result<Option<(u64, String)>, LakeError> {
    let mut head = [0; 16];
    let read = File::open(from).and_then(|mut file| file.read_exact(&mut head));
    if read.is_err() || &head != b"SQLite format 3\0" {
        return Ok(None);
    }
    copy_database(from, to)?;
    hash(to).map(Some)
}

/// Takes the lock of the lake in a folder, so that nobody writes while it is replaced.
#[derive(Debug)]
pub struct Held {
    _lock: WriterLock,
}

/// Takes the writer's lock of a folder that holds a lake, whole or not.
pub fn hold(dir: &Path) -> Result<Held, LakeError> {
    Ok(Held { _lock: WriterLock::take(&dir.into())? })
}

/// What is lost where a lake goes on with what is left of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Repaired {
    /// Loads that were acknowledged and are gone: their numbers and when they were recorded.
    pub lost: Vec<(i64, String)>,
    /// Files that were set aside, as no snapshot names them.
    pub aside: Vec<PathBuf>,
    /// Where they are.
    pub folder: PathBuf,
}

/// Goes on with the catalog that is there, where it is not the one that was committed last: sets
/// the anchor and all files that no snapshot names aside, and begins the anchor anew. None where
/// there is nothing to repair.
pub fn repair(place: &Place) -> Result<Option<Repaired>, LakeError> {
    let dir = place.dir.as_path();
    if find(place)?.is_none() {
        chain::check_gone(place)?;
        return Err(LakeError::Missing { dir: dir.to_owned() });
    }
    let lock = WriterLock::take(place)?;
    let mut connection = catalog::connect(place)?;
    catalog::check_layout(&connection, dir)?;
    match chain::check(dir, &connection) {
        Err(LakeError::Broken { .. }) => {}
        Err(error) => return Err(error),
        Ok(()) => match anchor::all(dir) {
            Ok(_) => return Ok(None),
            Err(LakeError::Broken { .. }) => {}
            Err(error) => return Err(error),
        },
    }
    let known = chain::newest(&connection)?.map_or(0, |change| change.n);
    let load: i64 =
        connection
            .query_row("SELECT coalesce(max(load_id), 0) FROM load_ledger", [], |row| row.get(0))?;
    // Of a broken anchor, what can still be read.
    let (lost, last) = anchor::after(dir, load)?;
    let folder = dir.join("aside").join(format!("change-{:06}", last.max(known)));
    fs::create_dir_all(&folder).map_err(LakeError::disk("cannot create", &folder))?;
    let mut aside = Vec::new();
    let mut set_aside = |path: PathBuf, name: String| -> Result<(), LakeError> {
        let target = folder.join(name);
        fs::rename(&path, &target).map_err(LakeError::disk("cannot move", &path))?;
        aside.push(target);
        Ok(())
    };
    for path in crate::lock::orphans(dir, &connection)? {
        let table = path.parent().and_then(Path::file_name).unwrap_or_default();
        let file = path.file_name().unwrap_or_default();
        let name = format!("{}-{}", table.to_string_lossy(), file.to_string_lossy());
        set_aside(path, name)?;
    }
    let anchor = dir.join(anchor::FILE);
    if anchor.exists() {
        set_aside(anchor, anchor::FILE.to_owned())?;
    }
    chain::begin_anew(dir, &mut connection, &lock, last)?;
    flush_folder(&folder)?;
    flush_folder(dir)?;
    Ok(Some(Repaired { lost, aside, folder }))
}

fn slashed(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
