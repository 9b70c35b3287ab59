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
/// The key of the accounts in `.throughline/secret` is left out: a stolen backup alone opens no
/// account. Keep a copy of it elsewhere, or take it in with `--with-secret` where the place is as
/// safe as this one. The names and addresses of leads and contacts are in the backup.
///
/// Example: throughline backup /mnt/backups/acme
#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// Folder of the backups
    to: PathBuf,
    /// Take the key of the accounts in
    #[arg(long)]
    with_secret: bool,
}

/// Makes one.
pub(crate) fn run(backup: &Backup, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let made = keep::make(&project, &backup.to, backup.with_secret)?;
    let manifest = &made.manifest;
    let left_out = !manifest.secret && project.root().join(keep::SECRET).is_file();
    if output.json() {
        output.data(
            json!({
                "folder": made.folder.display().to_string(),
                "made_at": manifest.made_at.to_string(),
                "files": manifest.files.len(),
                "bytes": manifest.bytes(),
                "linked": made.n_linked,
                "lake": manifest.lake,
                "secret": manifest.secret,
                "secret_left_out": left_out,
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
    if left_out {
        output.remark(&format!(
            "not in the backup: {}; keep a copy elsewhere, or use --with-secret",
            keep::SECRET
        ));
    }
    Ok(EXIT_OK)
}
