//! `throughline compact`: small files of facts merged, no figure changed.

use clap::Args;
use project::{Failure, Kind, Project};
use serde_json::json;

use super::Common;
use crate::error::{EXIT_OK, Outcome};
use crate::output::Output;

/// Merge small files of facts, so that they are read faster
///
/// The same rows stand in fewer files from then on; no figure changes, and every older state stays
/// readable. With `--purge` builds are removed too, which are made anew when they are asked for,
/// and what a restore or a repair set aside.
///
/// Example: throughline compact
#[derive(Args, Debug)]
pub(crate) struct Compact {
    /// Remove builds, and what a restore or a repair set aside
    #[arg(long)]
    purge: bool,
}

/// Merges.
pub(crate) fn run(compact: &Compact, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    if !lake::Lake::is_at(project.lake()) {
        return Err(Failure::new(Kind::Found, "compact.nothing", "nothing has been loaded yet")
            .hint("Load exports first, with `throughline load`."));
    }
    let done = lake::Lake::open(project.lake())?.compact()?;
    let mut purged = 0;
    if compact.purge {
        let aside = project.lake().dir.join("aside");
        let replaced = project.root().join(".throughline").join("replaced");
        for folder in [project.derived(), aside, replaced] {
            if folder.is_dir() {
                purged += size(&folder);
                std::fs::remove_dir_all(&folder)
                    .map_err(crate::keep::disk("cannot remove", &folder))?;
            }
        }
    }
    if output.json() {
        output.data(
            json!({
                "snapshot": done.snapshot,
                "tables": done.tables,
                "leftovers_removed": done.n_swept,
                "bytes_purged": purged,
            }),
            &[],
        );
        return Ok(EXIT_OK);
    }
    let mut text = String::new();
    for table in &done.tables {
        text.push_str(&format!(
            "  {:<20} {} rows: {} files of {} bytes became {} of {}\n",
            table.table,
            table.n_rows,
            table.n_before,
            table.bytes_before,
            table.n_after,
            table.bytes_after
        ));
    }
    if done.tables.is_empty() {
        text.push_str("nothing to merge\n");
    }
    if done.n_swept > 0 {
        text.push_str(&format!("{} leftover files were removed\n", done.n_swept));
    }
    if compact.purge {
        text.push_str(&format!("{purged} bytes were purged\n"));
    }
    output.result(&text);
    Ok(EXIT_OK)
}

fn size(folder: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| {
        let path = entry.path();
        if path.is_dir() { size(&path) } else { entry.metadata().map_or(0, |about| about.len()) }
    });
    sizes.sum()
}
