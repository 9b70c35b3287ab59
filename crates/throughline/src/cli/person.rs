//! `throughline person`: everything that is stored of one person.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use access::{Action, Event};
use clap::Args;
use lake::Lake;
use project::Project;
use serde_json::{Map, Value, json};

use super::Common;
use super::user::note;
use crate::error::{EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;

/// Write everything that is stored of a person, for a request of access
///
/// All tables, all versions, with the source file and line of each row.
///
/// Example: throughline person ann@example.com --out ann.json
#[derive(Args, Debug)]
pub(crate) struct Person {
    /// E-mail addresses, or identifiers of records; `-` reads them from standard input
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Gathers and writes it.
pub(crate) fn run(person: &Person, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let asked = super::erase::addresses(&person.addresses)?;
    let lake = open(&project)?;
    let trace = lake.trace(&asked, &[])?;
    let rows = lake.rows_of(&trace)?;
    let n_rows: usize = rows.iter().map(|(_, rows)| rows.n_rows()).sum();
    let tables: Map<String, Value> =
        rows.iter().map(|(table, rows)| ((*table).to_owned(), show::json::frame(rows))).collect();
    let data = json!({
        "asked": asked,
        "records": trace.records,
        "addresses": trace.addresses,
        "names": trace.names,
        "phones": trace.phones,
        "tables": tables,
    });
    if let Some(path) = &person.out {
        write(path, &show::json::pretty(&data))?;
    }
    // Without the address: not even its hash, which a list of addresses would undo.
    note(&project, &Event::ended(Action::Export, "person", format!("done rows={n_rows}")))?;
    match &person.out {
        None => output.data(data, &[]),
        Some(path) if output.json() => {
            output.data(json!({ "file": path.display().to_string(), "rows": n_rows }), &[]);
        }
        Some(path) => output.result(&format!("{n_rows} rows written to {}.\n", path.display())),
    }
    Ok(EXIT_OK)
}

/// Opens the lake of a project that has one.
pub(super) fn open(project: &Project) -> Result<Lake, Failure> {
    if !lake::Lake::is_at(project.lake()) {
        return Err(Failure::new(Kind::Found, "load.none", "nothing has been loaded yet")
            .hint("Load exports with `throughline load exports/`."));
    }
    Ok(Lake::open(project.lake())?)
}

/// Writes a file that only its owner may read.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Failure::new(Kind::World, "file", format!("{} cannot be written: {error}", path.display()))
            .hint("Name a file that does not exist yet, in a folder that you may write to.")
    })
}
