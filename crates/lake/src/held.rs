//! Loads that a guard holds: their files are kept apart until a person decides.
//!
//! Nothing of a held load is in any table. Its files stand in a folder of their own, named by its
//! number, with `held.json` beside them, so that it can be loaded again as it was. The catalog says
//! who loaded it, why it is held, and what was decided.

use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog;
use crate::error::LakeError;
use crate::load::guard::{Expected, Guard, Hold};
use crate::load::{LoadRequest, Prepared};
use crate::lock::WriterLock;
use crate::parquet_file::flush_folder;
use crate::sql::{Connection, OptionalExtension as _, params};
use crate::store::Lake;

/// Name of the description of a held load.
const DESCRIPTION: &str = "held.json";

/// A load that a guard held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HeldLoad {
    /// Its number, from 1; not that of a load.
    pub id: i64,
    /// When it was held.
    pub held_at: Timestamp,
    /// Who loaded.
    pub author: Option<String>,
    /// Why it was loaded.
    pub message: Option<String>,
    /// Why it is held.
    pub holds: Vec<Hold>,
    /// Its files.
    pub files: Vec<HeldFile>,
    /// What became of it.
    pub state: HeldState,
    /// When that was decided.
    pub decided_at: Option<Timestamp>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Why.
    pub because: Option<String>,
    /// The load that it became.
    pub load_id: Option<i64>,
}

impl HeldLoad {
    /// Returns its name, such as `h1`.
    pub fn name(&self) -> String {
        format!("h{}", self.id)
    }
}

/// What became of a held load.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldState {
    /// Nobody has decided.
    Waiting,
    /// It was let through.
    Accepted,
    /// It was thrown away.
    Dropped,
}

/// A file of a held load.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldFile {
    /// Its name, as the user gave it.
    pub name: String,
    /// Its path below the folder of the held load.
    pub path: String,
    /// BLAKE3 of its content, in hexadecimal.
    pub hash: String,
    /// What reads it.
    pub preset: String,
    /// The connection that it comes from.
    pub connection: Option<String>,
    /// True where what it leaves out is gone.
    pub complete: bool,
    /// True where a manifest names it.
    pub in_set: bool,
    /// What the manifest says that it holds.
    #[serde(default, skip_serializing_if = "Expected::is_empty")]
    pub expected: Expected,
}

/// All that is needed to load a held load again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Its number.
    pub id: i64,
    /// Its files, in their order.
    pub files: Vec<HeldFile>,
    /// Files that belong to a set and were not there.
    pub missing: Vec<(String, String)>,
    /// The guards that it was told to pass, and those that hold it.
    pub allow: Vec<Guard>,
    /// Why it was loaded.
    pub message: Option<String>,
}

impl Description {
    /// Reads the description of a held load in a folder of held loads.
    pub fn read(folder: &Path, id: i64) -> Result<Self, LakeError> {
        let path = folder.join(id.to_string()).join(DESCRIPTION);
        let text = std::fs::read_to_string(&path).map_err(LakeError::disk("cannot read", &path))?;
        Ok(serde_json::from_str(&text)?)
    }
}

impl Prepared<'_> {
    /// Keeps a load that is held: copies its files, given in the order of the request, into a
    /// folder of held loads and writes down why. The same files held again are the same held load.
    pub fn hold(&self, folder: &Path, sources: &[PathBuf]) -> Result<HeldLoad, LakeError> {
        let request = self.request();
        let holds = &self.report().holds;
        let lake = self.lake();
        let hash = content_hash(request)?;
        let sql = "SELECT held_id FROM held_load WHERE content_hash = ? AND state = 'waiting'";
        let known: Option<i64> =
            lake.connection().query_row(sql, [&hash], |row| row.get(0)).optional()?;
        if let Some(id) = known.filter(|id| folder.join(id.to_string()).is_dir()) {
            lake.change(self.lock()?, "held", |connection| {
                let sql = "UPDATE held_load SET holds = ? WHERE held_id = ?";
                connection.execute(sql, params![serde_json::to_string(holds)?, id])?;
                Ok(())
            })?;
            return lake.held_load(id);
        }
        let id = match known {
            Some(id) => id,
            None => {
                let sql = "SELECT coalesce(max(held_id), 0) + 1 FROM held_load";
                lake.connection().query_row(sql, [], |row| row.get(0))?
            }
        };
        let files: Vec<HeldFile> = request
            .files
            .iter()
            .zip(sources)
            .enumerate()
            .map(|(at, (file, source))| {
                let last = source.file_name().map_or("file".into(), |name| name.to_string_lossy());
                HeldFile {
                    name: file.name.to_string(),
                    path: format!("files/{at:04}-{last}"),
                    hash: blake3::Hash::from_bytes(file.hash).to_hex().to_string(),
                    preset: file.preset.clone(),
                    connection: file.connection.clone(),
                    complete: file.complete,
                    in_set: file.in_set,
                    expected: file.expected.clone(),
                }
            })
            .collect();
        let mut allow: Vec<Guard> =
            request.allow.iter().copied().chain(holds.iter().map(|hold| hold.guard)).collect();
        allow.sort_unstable();
        allow.dedup();
        let description = Description {
            id,
            files: files.clone(),
            missing: request.missing.clone(),
            allow,
            message: request.message.clone(),
        };
        copy(folder, &description, sources)?;
        if known.is_none() {
            lake.change(self.lock()?, "held", |connection| {
                connection.execute(
                    "INSERT INTO held_load VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', NULL, NULL,
                                                   NULL, NULL)",
                    params![
                        id,
                        hash,
                        catalog::instant_text(request.recorded_at),
                        request.author,
                        request.message,
                        serde_json::to_string(holds)?,
                        serde_json::to_string(&files)?
                    ],
                )?;
                Ok(())
            })?;
        }
        lake.held_load(id)
    }
}

impl Lake {
    /// Lists the loads that were held, oldest first.
    pub fn held(&self) -> Result<Vec<HeldLoad>, LakeError> {
        let connection = self.connection();
        let sql = "SELECT held_id, held_at, author, message, holds, files, state, decided_at,
                          decided_by, because, load_id
                   FROM held_load ORDER BY held_id";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut held = Vec::new();
        while let Some(row) = rows.next()? {
            let decided: Option<String> = row.get(7)?;
            let state: String = row.get(6)?;
            held.push(HeldLoad {
                id: row.get(0)?,
                held_at: catalog::instant_from_text(&row.get::<_, String>(1)?)?,
                author: row.get(2)?,
                message: row.get(3)?,
                holds: serde_json::from_str(&row.get::<_, String>(4)?)?,
                files: serde_json::from_str(&row.get::<_, String>(5)?)?,
                state: serde_json::from_value(state.into())?,
                decided_at: decided.as_deref().map(catalog::instant_from_text).transpose()?,
                decided_by: row.get(8)?,
                because: row.get(9)?,
                load_id: row.get(10)?,
            });
        }
        Ok(held)
    }

    /// Finds a held load.
    pub fn held_load(&self, id: i64) -> Result<HeldLoad, LakeError> {
        let found = self.held()?.into_iter().find(|held| held.id == id);
        found.ok_or(LakeError::NoHeld { id })
    }

    /// Throws a held load away, on record: its files go, what was decided stays.
    pub fn drop_held(
        &self,
        folder: &Path,
        id: i64,
        at: Timestamp,
        by: Option<&str>,
        because: Option<&str>,
    ) -> Result<HeldLoad, LakeError> {
        let sql = "UPDATE held_load SET state = 'dropped', decided_at = ?, decided_by = ?,
                          because = ?
                   WHERE held_id = ? AND state = 'waiting'";
        let lock = WriterLock::take(self.place())?;
        self.change(&lock, "held", |connection| {
            let values = params![catalog::instant_text(at), by, because, id];
            if connection.execute(sql, values)? == 0 {
                return Err(LakeError::NoHeld { id });
            }
            Ok(())
        })?;
        remove(folder, id)?;
        self.held_load(id)
    }

    /// Removes the files of held loads that nobody waits for, and what a dead writer left.
    pub fn sweep_held(&self, folder: &Path) -> Result<(), LakeError> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
        let waiting: Vec<String> = self
            .held()?
            .into_iter()
            .filter(|held| held.state == HeldState::Waiting)
            .map(|held| held.id.to_string())
            .collect();
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            if !name.is_some_and(|name| waiting.contains(&name)) {
                std::fs::remove_dir_all(&path).map_err(LakeError::disk("cannot remove", &path))?;
            }
        }
        Ok(())
    }
}

/// Writes down that a held load was let through, as part of the load that it became.
pub(crate) fn settle(
    connection: &Connection,
    request: &LoadRequest,
    load_id: Option<i64>,
) -> Result<(), LakeError> {
    let Some((id, because)) = &request.accepts else { return Ok(()) };
    let sql = "UPDATE held_load SET state = 'accepted', decided_at = ?, decided_by = ?,
                      because = ?, load_id = ?
               WHERE held_id = ? AND state = 'waiting'";
    let at = catalog::instant_text(request.recorded_at);
    let changed = connection.execute(sql, params![at, request.author, because, load_id, id])?;
    if changed == 0 { Err(LakeError::NoHeld { id: *id }) } else { Ok(()) }
}

/// Takes a hash over what is to be loaded: contents, presets, and what is said of the files.
fn content_hash(request: &LoadRequest) -> Result<String, LakeError> {
    let mut hasher = blake3::Hasher::new();
    for file in &request.files {
        hasher.update(&file.hash);
        let said = (&file.preset, &file.connection, file.complete, file.in_set, &file.expected);
        hasher.update(serde_json::to_string(&said)?.as_bytes());
    }
    hasher.update(serde_json::to_string(&request.missing)?.as_bytes());
    Ok(hasher.finalize().to_hex().to_string())
}

/// Copies the files of a held load and flushes them; the folder appears as a whole.
fn copy(folder: &Path, held: &Description, sources: &[PathBuf]) -> Result<(), LakeError> {
    let target = folder.join(held.id.to_string());
    let fresh = folder.join(format!(".{}", held.id));
    let files = fresh.join("files");
    let _old: std::io::Result<()> = std::fs::remove_dir_all(&fresh);
    std::fs::create_dir_all(&files).map_err(LakeError::disk("cannot create", &files))?;
    for (file, source) in held.files.iter().zip(sources) {
        let path = fresh.join(&file.path);
        std::fs::copy(source, &path).map_err(LakeError::disk("cannot copy", source))?;
        flush(&path)?;
    }
    let path = fresh.join(DESCRIPTION);
    std::fs::write(&path, serde_json::to_string_pretty(held)?)
        .map_err(LakeError::disk("cannot write", &path))?;
    flush(&path)?;
    flush_folder(&files)?;
    flush_folder(&fresh)?;
    let _old: std::io::Result<()> = std::fs::remove_dir_all(&target);
    std::fs::rename(&fresh, &target).map_err(LakeError::disk("cannot rename", &fresh))?;
    flush_folder(folder)
}

fn flush(path: &Path) -> Result<(), LakeError> {
    let file = File::options().read(true).append(true).open(path);
    file.and_then(|file| file.sync_all()).map_err(LakeError::disk("cannot flush", path))
}

fn remove(folder: &Path, id: i64) -> Result<(), LakeError> {
    let path = folder.join(id.to_string());
    if path.is_dir() {
        std::fs::remove_dir_all(&path).map_err(LakeError::disk("cannot remove", &path))?;
    }
    Ok(())
}
