//! `throughline verify`: every changed, cut, swapped or missing byte.

use access::Verified as Log;
use clap::Args;
use domain::Diagnostic;
use project::{Failure, Project};
use serde_json::json;

use super::Common;
use super::user::{open, told};
use crate::error::{EXIT_FOUND, EXIT_OK, Outcome};
use crate::output::Output;

/// Look for changed, cut, swapped or missing bytes in facts, accounts and audit log
///
/// Facts are compared with the hashes that they were committed with, the catalog and the file of
/// accounts with their seals, the audit log with its chain and its anchors, kept builds with their
/// lists. Reads only. Exit code 1 where something is found.
///
/// Example: throughline verify
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// Look at sizes and chains only, not at the content of the files
    #[arg(long)]
    quick: bool,
}

/// Looks.
pub(crate) fn run(verify: &Verify, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let mut faults: Vec<Diagnostic> = Vec::new();
    let mut text = String::new();
    let mut data = serde_json::Map::new();
    if lake::Lake::is_at(project.lake()) {
        let done = lake::verify(project.lake(), verify.quick)?;
        for fault in &done.faults {
            let of = match (&fault.table, &fault.snapshots) {
                (Some(table), Some((first, Some(last)))) => {
                    format!(" (table `{table}`, snapshots {first} to {last})")
                }
                (Some(table), Some((first, None))) => {
                    format!(" (table `{table}`, snapshot {first} to the newest)")
                }
                _ => String::new(),
            };
            let message = format!("`{}` {}{of}", fault.file.display(), fault.found);
            faults.push(Diagnostic::error("verify.facts", message).hint(
                "Bring it back with `throughline restore`. Figures that rest on it are refused.",
            ));
        }
        text.push_str(&format!(
            "facts: {} files of {} bytes, {} snapshots, {} changes of the catalog{}\n",
            done.n_files,
            done.n_bytes,
            done.n_snapshots,
            done.n_changes,
            if done.sealed { "" } else { " (not sealed: checked by its chain)" }
        ));
        if done.n_leftovers > 0 {
            let n = done.n_leftovers;
            text.push_str(&format!(
                "  {n} leftovers of a writer that died; the next removes them\n"
            ));
        }
        data.insert("facts".to_owned(), serde_json::to_value(&done).map_err(Failure::bug)?);
    } else {
        text.push_str("facts: nothing has been loaded yet\n");
    }
    let derived = lake::derived::verify(&project.derived(), verify.quick)?;
    for path in &derived.faults {
        let message = format!("`{}` is not as it was written", path.display());
        faults.push(Diagnostic::error("verify.build", message).hint(
            "Remove it with `throughline compact --purge`; it is made anew when it is asked for.",
        ));
    }
    text.push_str(&format!("builds: {} files\n", derived.n_files));
    data.insert("builds".to_owned(), json!({ "files": derived.n_files }));
    if let Some(state) = access::verify_state(project.root()) {
        for (file, found) in &state.faults {
            let message = format!("`.throughline/{file}` {found}");
            faults.push(Diagnostic::error("verify.accounts", message).hint(
                "Bring it back with `throughline restore`, and find out who could write to it.",
            ));
        }
        let mut rows = 0;
        if state.faults.is_empty() {
            match told(open(&project)?.verify_audit())? {
                Log::Whole { rows: n } => rows = n,
                Log::Broken { sequence, why } => {
                    let message =
                        format!("the audit log is not whole from row {sequence} on: {why}");
                    faults.push(Diagnostic::error("audit-broken", message).hint(
                        "Keep the file as it is, compare it with the backup, and find out who \
                         could write to it.",
                    ));
                }
            }
        }
        text.push_str(&format!(
            "accounts and audit log: {rows} rows{}\n",
            if state.sealed { "" } else { " (not sealed: in use, or its last user was killed)" }
        ));
        data.insert("accounts".to_owned(), json!({ "sealed": state.sealed, "rows": rows }));
    }
    let whole = faults.is_empty();
    if output.json() {
        data.insert("whole".to_owned(), whole.into());
        output.found(data.into(), &faults);
    } else {
        output.diagnostics(&faults);
        let n = faults.len();
        text.push_str(&if whole {
            "everything is as it was written\n".to_owned()
        } else {
            format!("{n} fault{}\n", if n == 1 { "" } else { "s" })
        });
        output.result(&text);
    }
    Ok(if whole { EXIT_OK } else { EXIT_FOUND })
}
