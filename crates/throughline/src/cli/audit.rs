//! `throughline audit`: what was done and refused, and whether the log is whole.

use access::{Actor, Verified};
use clap::Args;
use domain::{Column, Frame};
use project::Project;
use serde_json::json;

use super::Common;
use super::user::{open, told};
use crate::error::{EXIT_FOUND, EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;

/// Read the audit log, or check that nobody changed it
///
/// Each row is chained to the one before; the newest is written down outside the database every
/// day.
///
/// Example: throughline audit --verify
#[derive(Args, Debug)]
pub(crate) struct Audit {
    /// Check every row, and the end of the log; exit code 1 names the first row that is wrong
    #[arg(long)]
    verify: bool,
    /// How many rows, the newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rows: u32,
    /// Rows before this number only
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
}

/// Reads or checks it.
pub(crate) fn run(audit: &Audit, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let access = open(&project)?;
    if audit.verify {
        return match told(access.verify_audit())? {
            Verified::Whole { rows } => {
                if output.json() {
                    output.data(json!({ "whole": true, "rows": rows }), &[]);
                } else {
                    let s = if rows == 1 { "" } else { "s" };
                    output.result(&format!("the audit log is whole: {rows} row{s}\n"));
                }
                Ok(EXIT_OK)
            }
            Verified::Broken { sequence, why } => {
                let message = format!("the audit log is not whole from row {sequence} on: {why}");
                let broken = Failure::new(Kind::Found, "audit-broken", message);
                output.failure(&broken.hint(
                    "Keep the file .throughline/state.sqlite as it is, compare it with the backup, \
                     and find out who could write to it.",
                ));
                Ok(EXIT_FOUND)
            }
        };
    }
    let rows = told(access.audit(Actor::Console, audit.before, audit.rows))?;
    if output.json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "sequence": row.sequence,
                    "at": row.at.to_string(),
                    "actor": row.actor,
                    "action": row.action,
                    "object": row.object,
                    "outcome": row.outcome,
                    "address": row.address,
                    "hash": row.hash,
                })
            })
            .collect();
        output.data(json!({ "rows": rows }), &[]);
        return Ok(EXIT_OK);
    }
    if rows.is_empty() {
        output.remark("nothing has been written to the audit log yet");
        return Ok(EXIT_OK);
    }
    let column = |of: &dyn Fn(&access::Row) -> String| {
        Column::Text(rows.iter().map(|row| Some(of(row).into())).collect())
    };
    let numbers = rows.iter().map(|row| i64::try_from(row.sequence).ok()).collect();
    let mut columns = vec![
        ("row", Column::Integer(numbers)),
        ("at", column(&|row| row.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())),
        ("actor", column(&|row| row.actor.clone())),
        ("action", column(&|row| row.action.clone())),
        ("object", column(&|row| row.object.clone())),
        ("outcome", column(&|row| row.outcome.clone())),
    ];
    if rows.iter().any(|row| !row.address.is_empty()) {
        columns.push(("address", column(&|row| row.address.clone())));
    }
    let frame = Frame::new(columns).map_err(Failure::bug)?;
    output.result(&show::text::frame(&frame, output.style(), None));
    Ok(EXIT_OK)
}
