//! `throughline restore`: a backup put back, read to its end before anything is replaced.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use lake::backup::{Standing, copy_file, standing};
use project::{Failure, Kind, Project};
use serde_json::json;

use super::Common;
use crate::error::{EXIT_OK, Outcome};
use crate::keep::{self, Manifest, disk};
use crate::output::Output;

/// What is copied is called so until it is put in place.
const HALF: &str = ".restore-";

/// Put a backup back
///
/// Every byte of the backup is compared with its list first. A folder whose facts are newer than
/// the backup, or of another lake, is refused unless `--replace` says otherwise; what is replaced
/// then stays in `.throughline/replaced`. Stop a server on the folder before, and start it after.
///
/// The key of the accounts stays where the backup has none. Definitions and mappings that
/// are there stay too; they are put back where they are missing.
///
/// Examples:
///   throughline restore /mnt/backups/acme
///   throughline restore /mnt/backups/acme --to acme-again
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Restore {
    /// A backup, or a folder of backups: then the newest
    from: PathBuf,
    /// Folder of the company to put it into (default: the company's folder, as for all commands)
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    /// Replace newer facts, or those of another lake
    #[arg(long)]
    replace: bool,
}

/// Puts it back.
pub(crate) fn run(restore: &Restore, common: &Common, output: &Output) -> Outcome {
    let (folder, manifest) = keep::read(&restore.from)?;
    let target = match &restore.to {
        Some(folder) => folder.clone(),
        None => Project::find(common.dir.as_deref())?.root().to_owned(),
    };
    if let Ok(there) = Project::find(Some(&target)) {
        lake::backup::can(&there.lake(), "put back")?;
    }
    let inner = target.join(".throughline");
    fs::create_dir_all(&inner).map_err(disk("cannot create", &inner))?;
    let lake = inner.join("lake");
    let _held = if lake.is_dir() { Some(lake::backup::hold(&lake)?) } else { None };
    let there = if lake.is_dir() { standing(&lake)? } else { None };
    if !restore.replace {
        refuse_newer(&target, there.as_ref(), manifest.lake.as_ref())?;
    }
    // Of a restore that died.
    for left in fs::read_dir(&inner).map_err(disk("cannot list", &inner))?.flatten() {
        if left.file_name().to_string_lossy().starts_with(HALF) {
            fs::remove_dir_all(left.path()).map_err(disk("cannot remove", &left.path()))?;
        }
    }
    let new = inner.join(format!("{HALF}{}", std::process::id()));
    lake::scratch::begin(&new);
    let placed = copy(&folder, &manifest, &new)
        .and_then(|()| place(&manifest, &new, &target, restore.replace));
    let _removed: std::io::Result<()> = fs::remove_dir_all(&new);
    lake::scratch::end(&new);
    let aside = placed?;
    let accounts = manifest.files.iter().any(|file| file.path == ".throughline/state.sqlite");
    let missing = accounts && !target.join(keep::SECRET).is_file();
    if output.json() {
        output.data(
            json!({
                "backup": folder.display().to_string(),
                "made_at": manifest.made_at.to_string(),
                "folder": target.display().to_string(),
                "files": manifest.files.len(),
                "bytes": manifest.bytes(),
                "lake": manifest.lake,
                "replaced": aside.as_ref().map(|aside| aside.display().to_string()),
                "secret_missing": missing,
            }),
            &[],
        );
        return Ok(EXIT_OK);
    }
    let mut text = format!(
        "{} is as of {}: {} files, {} bytes\n",
        target.display(),
        manifest.made_at,
        manifest.files.len(),
        manifest.bytes()
    );
    if let Some(aside) = aside {
        text.push_str(&format!("  what was there is kept in {}\n", aside.display()));
    }
    if missing {
        let secret = keep::SECRET;
        text.push_str(&format!("  {secret} is missing: bring it back from where it is kept\n"));
    }
    output.result(&text);
    Ok(EXIT_OK)
}

/// Refuses where the folder has something that the backup does not have.
fn refuse_newer(
    target: &Path,
    there: Option<&Standing>,
    backup: Option<&Standing>,
) -> Result<(), Failure> {
    let Some(there) = there else { return Ok(()) };
    let refused = |why: String| {
        Err(Failure::new(Kind::Found, "restore.newer", why)
            .hint("Restore into another folder with `--to`, or use `--replace`."))
    };
    let Some(backup) = backup else {
        return refused(format!("{} has facts, the backup has none", target.display()));
    };
    if !there.uuid.is_empty() && there.uuid != backup.uuid {
        return refused(format!("{} has the facts of another lake", target.display()));
    }
    let same = there.change == backup.change && there.digest == backup.digest;
    if there.change > backup.change || there.change == backup.change && !same {
        return refused(format!(
            "{} has newer facts (load {}, recorded at {}) than the backup (load {}, recorded at {})",
            target.display(),
            there.load,
            there.recorded_at,
            backup.load,
            backup.recorded_at
        ));
    }
    Ok(())
}

fn copy(folder: &Path, manifest: &Manifest, new: &Path) -> Result<(), Failure> {
    fs::create_dir_all(new).map_err(disk("cannot create", new))?;
    for file in &manifest.files {
        let target = new.join(&file.path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(disk("cannot create", parent))?;
        }
        let (bytes, hash) = copy_file(&folder.join(&file.path), &target)?;
        if (bytes, &hash) != (file.bytes, &file.hash) {
            let message = format!("`{}` changed while it was read", file.path);
            return Err(Failure::new(Kind::Found, "restore.damaged", message));
        }
    }
    // Tables without a file have a folder too; the lake makes it when it is opened.
    let accounts = [".throughline/state.sqlite", ".throughline/audit-anchor.log"];
    for path in accounts.into_iter().chain([keep::SECRET, keep::PERSON_KEY]) {
        let path = new.join(path);
        if path.is_file() {
            keep::private(&path)?;
        }
    }
    keep::flush_all(new)
}

/// Puts what was copied in place of what is there. Returns where that is kept.
fn place(
    manifest: &Manifest,
    new: &Path,
    target: &Path,
    keep_old: bool,
) -> Result<Option<PathBuf>, Failure> {
    let inner = target.join(".throughline");
    let stamp = manifest.made_at.strftime("%Y%m%dT%H%M%SZ");
    let old = inner.join("replaced").join(format!("{stamp}-{}", std::process::id()));
    let mut moved = false;
    let mut names: Vec<String> = Vec::new();
    for file in &manifest.files {
        let mut parts = file.path.split('/');
        let top = parts.next().unwrap_or_default();
        let name = if top == ".throughline" {
            format!("{top}/{}", parts.next().unwrap_or_default())
        } else {
            top.to_owned()
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let accounts = names.iter().any(|name| name == ".throughline/state.sqlite");
    if accounts {
        // What belongs to the accounts that go.
        for beside in ["state.sqlite-wal", "state.sqlite-shm", "state.seal", "audit-anchor.log"] {
            let name = format!(".throughline/{beside}");
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    // Builds are made anew: a snapshot may get another content under the same number.
    names.push(".throughline/derived".to_owned());
    for name in names {
        let (from, to) = (new.join(&name), target.join(&name));
        let ours = name.starts_with(".throughline/");
        if to.exists() {
            if !ours && !keep_old {
                continue;
            }
            let aside = old.join(&name);
            let folder = aside.parent().unwrap_or(&old);
            fs::create_dir_all(folder).map_err(disk("cannot create", folder))?;
            fs::rename(&to, &aside).map_err(disk("cannot move", &to))?;
            moved = true;
        }
        if from.exists() {
            fs::rename(&from, &to).map_err(disk("cannot put in place", &to))?;
        }
    }
    keep::flush(&inner)?;
    keep::flush(target)?;
    if moved && keep_old {
        return Ok(Some(old));
    }
    if moved {
        fs::remove_dir_all(&old).map_err(disk("cannot remove", &old))?;
    }
    Ok(None)
}
