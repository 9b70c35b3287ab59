//! `throughline check`: every fault in definitions and mappings.

use clap::Args;
use domain::{Diagnostic, Level};
use intake::Mapping;
use project::Project;
use serde_json::json;

use super::Common;
use crate::error::{EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;

/// Check definitions and mappings, and say every fault with its place
///
/// Example: throughline check --dir acme
#[derive(Args, Debug)]
pub(crate) struct Check {}

/// Checks, and fails where there is an error.
pub(crate) fn run(_check: &Check, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let (definitions, mut diagnostics) = project.read_definitions()?;
    let mappings = project.mapping_texts()?;
    for (file, text) in &mappings {
        diagnostics.extend(Mapping::parse(file, text).1);
    }
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error).count();
    if errors > 0 {
        return Err(Failure { kind: Kind::Found, diagnostics });
    }
    let warnings: Vec<Diagnostic> = diagnostics;
    if output.json() {
        let data = json!({
            "folder": project.root().display().to_string(),
            "definitions": definitions.identity(),
            "channels": definitions.channels.len(),
            "rules": definitions.rules.len(),
            "stages": definitions.stages.len(),
            "segments": definitions.segments.len(),
            "goals": definitions.goals.len(),
            "mappings": mappings.len(),
        });
        output.data(data, &warnings);
    } else {
        output.diagnostics(&warnings);
        output.result(&format!(
            "no faults: {} channels, {} rules, {} stages, {} segments, {} goals, {} mappings\n\
             definitions {}\n",
            definitions.channels.len(),
            definitions.rules.len(),
            definitions.stages.len(),
            definitions.segments.len(),
            definitions.goals.len(),
            mappings.len(),
            definitions.identity()
        ));
    }
    Ok(EXIT_OK)
}
