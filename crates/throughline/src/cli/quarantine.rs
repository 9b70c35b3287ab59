//! `throughline quarantine`: the rows that were refused, and why.

use clap::Args;
use serde_json::json;

use super::Common;
use crate::error::{EXIT_OK, Outcome};
use crate::output::Output;
use crate::project::Project;

/// List the rows that were refused: file, line, column, rule, and what to do
///
/// Example: throughline quarantine --load 3 --csv
#[derive(Args, Debug)]
pub(crate) struct Quarantine {
    /// Of one load only
    #[arg(long)]
    load: Option<i64>,
    /// Write the rows as CSV
    #[arg(long)]
    csv: bool,
}

/// Lists them.
pub(crate) fn run(quarantine: &Quarantine, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    if !project.lake().join("catalog.sqlite").is_file() {
        output.remark("nothing has been loaded yet");
        return Ok(EXIT_OK);
    }
    let lake = lake::Lake::open(project.lake())?;
    let rows = lake.quarantine(quarantine.load)?;
    if quarantine.csv {
        output.result(&show::csv::frame(&rows));
    } else if output.json() {
        output.data(json!({ "rows": show::json::frame(&rows) }), &[]);
    } else {
        let limit = if output.style().full { None } else { Some(40) };
        let n = rows.n_rows();
        output.result(&format!(
            "{}\n{n} row{} in quarantine.\n",
            show::text::frame(&rows, output.style(), limit),
            if n == 1 { "" } else { "s" }
        ));
    }
    Ok(EXIT_OK)
}
