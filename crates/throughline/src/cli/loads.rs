//! `throughline loads`: the ledger of loads.

use clap::Args;
use project::Project;
use serde_json::json;

use super::Common;
use crate::error::{EXIT_OK, Outcome};
use crate::output::Output;

/// List the loads: when, what, how many rows
///
/// Example: throughline loads --json
#[derive(Args, Debug)]
pub(crate) struct Loads {}

/// Lists them.
pub(crate) fn run(_loads: &Loads, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    if !lake::Lake::is_at(project.lake()) {
        output.remark("nothing has been loaded yet");
        if output.json() {
            output.data(json!({ "loads": [] }), &[]);
        }
        return Ok(EXIT_OK);
    }
    let lake = lake::Lake::open(project.lake())?;
    let loads = lake.loads()?;
    if output.json() {
        let loads: Vec<_> = loads
            .iter()
            .map(|load| {
                json!({
                    "load": load.load_id,
                    "recorded_at": load.recorded_at.to_string(),
                    "message": load.message,
                    "read": load.n_read,
                    "loaded": load.n_loaded,
                    "known": load.n_known,
                    "quarantined": load.n_quarantined,
                    "files": load.files,
                })
            })
            .collect();
        output.data(json!({ "loads": loads }), &[]);
    } else if loads.is_empty() {
        output.remark("nothing has been loaded yet");
    } else {
        let mut text = String::new();
        for load in &loads {
            text.push_str(&format!(
                "load {}  {}  read {} = loaded {} + known {} + quarantined {}  ({} file{})\n",
                load.load_id,
                load.recorded_at,
                load.n_read,
                load.n_loaded,
                load.n_known,
                load.n_quarantined,
                load.files.len(),
                if load.files.len() == 1 { "" } else { "s" }
            ));
        }
        output.result(&text);
    }
    Ok(EXIT_OK)
}
