//! `throughline repair`: go on with what is left of the facts, and say what is lost.

use clap::Args;
use project::{Failure, Kind, Project};
use serde_json::json;

use super::Common;
use crate::error::{EXIT_FOUND, EXIT_OK, Outcome};
use crate::output::Output;

/// Go on with an older state of the facts, where the newest is lost and there is no backup
///
/// For the case that the catalog is not the one that was committed last: after a disk was brought
/// back to an older state, or the newest part of it was lost. Says which loads are gone, and sets
/// their files aside. Exit code 1 where something is lost: load it again.
///
/// Example: throughline repair
#[derive(Args, Debug)]
pub(crate) struct Repair {}

/// Repairs.
pub(crate) fn run(_repair: &Repair, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    if !lake::Lake::is_at(project.lake()) {
        return Err(Failure::new(Kind::Found, "repair.nothing", "nothing has been loaded yet")
            .hint("There is nothing to repair."));
    }
    let Some(done) = lake::backup::repair(&project.lake())? else {
        if output.json() {
            output.data(json!({ "repaired": false, "lost": [], "aside": [] }), &[]);
        } else {
            output.result("nothing to repair; see `throughline verify` for damaged files\n");
        }
        return Ok(EXIT_OK);
    };
    let code = if done.lost.is_empty() { EXIT_OK } else { EXIT_FOUND };
    if output.json() {
        let lost: Vec<_> =
            done.lost.iter().map(|(load, at)| json!({ "load": load, "recorded_at": at })).collect();
        let aside: Vec<String> = done.aside.iter().map(|path| path.display().to_string()).collect();
        output.data(json!({ "repaired": true, "lost": lost, "aside": aside }), &[]);
        return Ok(code);
    }
    let mut text = String::new();
    for (load, at) in &done.lost {
        text.push_str(&format!("load {load}, recorded at {at}, is lost: load its files again\n"));
    }
    if done.lost.is_empty() {
        text.push_str("no load is lost\n");
    }
    let n = done.aside.len();
    text.push_str(&format!("{n} files were set aside in {}\n", done.folder.display()));
    output.result(&text);
    Ok(code)
}
