//! `throughline quarantine`: the rows that were refused, and why.

use std::collections::BTreeMap;

use clap::Args;
use domain::{Column, Frame};
use project::Project;
use serde_json::json;

use super::Common;
use crate::error::{EXIT_OK, Failure, Outcome};
use crate::output::Output;

/// List the rows that were refused: file, line, column, rule, and what to do
///
/// Rows of one file that break one rule in one column are shown as one, with the first of them;
/// `--full` shows each.
///
/// Example: throughline quarantine --load 3 --csv
#[derive(Args, Debug)]
pub(crate) struct Quarantine {
    /// Of one load only
    #[arg(long)]
    load: Option<i64>,
    /// Write the rows as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Lists them.
pub(crate) fn run(quarantine: &Quarantine, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    if !project.lake().join("catalog.sqlite").is_file() {
        output.remark("nothing has been loaded yet");
        if output.json() {
            output.data(json!({ "rows": show::json::frame(&Frame::default()) }), &[]);
        }
        return Ok(EXIT_OK);
    }
    let lake = lake::Lake::open(project.lake())?;
    let rows = lake.quarantine(quarantine.load)?;
    if quarantine.csv {
        output.result(&show::csv::frame(&rows));
    } else if output.json() {
        output.data(json!({ "rows": show::json::frame(&rows) }), &[]);
    } else {
        let n = rows.n_rows();
        let table = if output.style().full { rows } else { grouped(&rows)? };
        let table = if n == 0 {
            String::new()
        } else {
            format!("{}\n", show::text::frame(&table, output.style(), None))
        };
        let s = if n == 1 { "" } else { "s" };
        output.result(&format!("{table}{n} row{s} in quarantine.\n"));
    }
    Ok(EXIT_OK)
}

/// Keeps the first row of each load, file, rule and column, and says how many there are.
fn grouped(rows: &Frame) -> Result<Frame, Failure> {
    let mut groups: BTreeMap<String, (usize, i64)> = BTreeMap::new();
    for row in 0..rows.n_rows() {
        let key = ["load_id", "file", "rule", "column"].map(|name| rows.cell(name, row));
        groups.entry(format!("{key:?}")).or_insert((row, 0)).1 += 1;
    }
    let mut firsts: Vec<(usize, i64)> = groups.into_values().collect();
    firsts.sort_unstable();
    let (places, counts): (Vec<usize>, Vec<i64>) = firsts.into_iter().unzip();
    let first = rows.take(&places);
    let mut columns: Vec<(&str, Column)> =
        ["file", "load_id", "line", "column", "rule", "message", "hint"]
            .into_iter()
            .filter_map(|name| Some((name, first.column(name)?.clone())))
            .collect();
    columns.insert(1, ("rows", Column::Integer(counts.into_iter().map(Some).collect())));
    Frame::new(columns).map_err(Failure::bug)
}
