//! `throughline backup`: a whole copy of a company's folder, also while it is in use.

use std::path::PathBuf;

use clap::Args;
use project::Project;
use serde_json::json;

use super::Common;
use crate::error::{EXIT_OK, Outcome};
use crate::keep;
use crate::output::Output;

/// Copy facts, accounts, audit log and definitions to another place, also while a load or a server
/// runs
///
/// Each backup is a folder of its own, named by its instant, and stands there only when it is
/// whole. Facts that an earlier backup in the same place has are linked to it, so a further backup
/// costs what is new.
///
/// The keys in `.throughline/secret` and `.throughline/lake/person.key` are left out: a stolen
/// backup alone opens no account and matches no address. Keep a copy of them elsewhere, or take
/// them in with `--with-keys` where the place is as safe as this one.
///
/// Example: throughline backup /mnt/backups/acme
#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// Folder of the backups
    to: PathBuf,
    /// Take the keys in
    #[arg(long)]
    with_keys: bool,
}

/// Makes one.
pub(crate) fn run(backup: &Backup, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let made = keep::make(&project, &backup.to, backup.with_keys)?;
    let manifest = &made.manifest;
    let missing: Vec<&str> = keep::KEYS
        .into_iter()
        .filter(|key| !manifest.keys && project.root().join(key).is_file())
        .collect();
    if output.json() {
        output.data(
            json!({
                "folder": made.folder.display().to_string(),
                "made_at": manifest.made_at.to_string(),
                "files": manifest.files.len(),
                "bytes": manifest.bytes(),
                "linked": made.n_linked,
                "lake": manifest.lake,
                "keys": manifest.keys,
                "keys_left_out": missing,
            }),
            &[],
        );
        return Ok(EXIT_OK);
    }
    let mut text = format!(
        "{}\n  {} files, {} bytes; {} linked to an earlier backup\n",
        made.folder.display(),
        manifest.files.len(),
        manifest.bytes(),
        made.n_linked
    );
    match &manifest.lake {
        Some(lake) => text.push_str(&format!(
            "  facts as of load {}, recorded at {} (snapshot {})\n",
            lake.load, lake.recorded_at, lake.snapshot
        )),
        None => text.push_str("  no facts: nothing has been loaded yet\n"),
    }
    output.result(&text);
    if !missing.is_empty() {
        output.remark(&format!(
            "not in the backup: {}; keep a copy elsewhere, or use --with-keys",
            missing.join(", ")
        ));
    }
    Ok(EXIT_OK)
}
