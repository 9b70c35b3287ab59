//! What `throughline load` is given besides files: databases and object stores, brought into files.

use std::path::PathBuf;

use clap::Args;
use domain::Diagnostic;
use intake::Settings;
use intake::settings::Rejected;
use intake::source::{Staging, objects, postgres};
use outbound::Secret;
use outbound::objects::is_objects_url;
use outbound::postgres::{Server, is_postgres_url};
use project::Project;
use serde_json::{Value, json};

use crate::error::{EXIT_OK, Failure, Kind, Outcome};
use crate::output::Output;
use crate::progress::Progress;

/// How a database is read.
#[derive(Args, Debug)]
pub(crate) struct From {
    /// Tables of a database, as SCHEMA.TABLE, `*` for any text; several times for several
    #[arg(long, value_name = "PATTERN")]
    tables: Vec<String>,
    /// Say which tables of a database would be read, and as what; nothing is loaded
    #[arg(long)]
    list: bool,
    /// The file with the password of a database, readable by you only (else PGPASSWORD, ~/.pgpass)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Files that can be read, and where they are from.
pub(crate) struct Sources {
    pub(crate) paths: Vec<PathBuf>,
    /// For the ledger: paths as given, addresses without secrets.
    pub(crate) names: Vec<String>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Holds what was brought for as long as it is read.
    _staging: Option<Staging>,
}

impl Sources {
    /// Files and folders of this machine.
    pub(crate) fn files(paths: &[PathBuf]) -> Self {
        Self {
            paths: paths.to_vec(),
            names: paths.iter().map(|path| path.display().to_string()).collect(),
            diagnostics: Vec::new(),
            _staging: None,
        }
    }
}

impl From {
    /// True where tables are to be listed, not loaded.
    pub(crate) const fn lists(&self) -> bool {
        self.list
    }

    /// Brings what stands elsewhere.
    pub(crate) fn bring(
        &self,
        project: &Project,
        settings: &Settings,
        paths: &[PathBuf],
        output: &Output,
    ) -> Result<Sources, Failure> {
        let mut sources = Sources::files(&[]);
        let mut progress = Progress::new(output);
        for (at, path) in paths.iter().enumerate() {
            let text = path.to_string_lossy();
            let (database, store) = (is_postgres_url(&text), is_objects_url(&text));
            if !database && !store {
                let file = Sources::files(std::slice::from_ref(path));
                sources.paths.extend(file.paths);
                sources.names.extend(file.names);
                continue;
            }
            let folder = staging(&mut sources._staging, project, at)?;
            let mut watch = |what: &str, done, total| progress.step(what, done, total);
            let fetched = if database {
                let server = self.server(&text)?;
                postgres::fetch(&server, &self.tables, settings, &folder, &mut watch)
            } else {
                objects::fetch(&text, &settings.limits, &folder, &mut watch)
            };
            let fetched = fetched.map_err(failure)?;
            sources.paths.push(fetched.folder);
            sources.names.push(fetched.origin);
            sources.diagnostics.extend(fetched.diagnostics);
        }
        progress.finish();
        Ok(sources)
    }

    /// Says which tables would be read.
    pub(crate) fn list(
        &self,
        project: &Project,
        settings: &Settings,
        paths: &[PathBuf],
        output: &Output,
    ) -> Outcome {
        let mut kept = None;
        let mut text = String::new();
        let mut data = Vec::new();
        for (at, path) in paths.iter().enumerate() {
            let address = path.to_string_lossy();
            if !is_postgres_url(&address) {
                return Err(Failure::usage(
                    "`--list` is for databases",
                    "Name one as postgres://USER@HOST/DATABASE.",
                ));
            }
            let server = self.server(&address)?;
            let folder = staging(&mut kept, project, at)?;
            let tables =
                postgres::list(&server, &self.tables, settings, &folder).map_err(failure)?;
            text.push_str(&format!("{}\n", server.shown()));
            for table in &tables {
                let (mark, words) = match &table.read {
                    Ok(about) => ("read", about),
                    Err(why) => ("left out", why),
                };
                let (name, rows) = (&table.name, table.rows);
                text.push_str(&format!("  {name:<40} {rows:>12} rows  {mark}: {words}\n"));
                data.push(json!({
                    "server": server.shown(),
                    "table": name,
                    "rows_estimated": rows,
                    "read_as": table.read.as_ref().ok(),
                    "left_out": table.read.as_ref().err(),
                }));
            }
        }
        if output.json() {
            output.data(json!({ "tables": Value::Array(data) }), &[]);
        } else {
            output.result(&text);
        }
        Ok(EXIT_OK)
    }

    fn server(&self, address: &str) -> Result<Server, Failure> {
        let secret = self.password_file.clone().map(Secret::File);
        Server::parse(address, secret.as_ref()).map_err(|fault| {
            failure(Diagnostic::error(fault.code, fault.message).hint(fault.hint).into())
        })
    }
}

fn staging(
    kept: &mut Option<Staging>,
    project: &Project,
    number: usize,
) -> Result<PathBuf, Failure> {
    let staging = match kept.take() {
        Some(staging) => staging,
        None => Staging::new(&project.staging()).map_err(failure)?,
    };
    kept.insert(staging).folder(number).map_err(failure)
}

pub(crate) fn failure(rejected: Rejected) -> Failure {
    let diagnostic = *rejected.0;
    let kind = match diagnostic.code {
        "postgres.url" | "object.url" | "postgres.password" | "postgres.no-table"
        | "object.credentials" | "object.plain" => Kind::Usage,
        "source.nothing" | "source.too-large" | "object.nothing" | "object.too-large"
        | "object.too-many" | "object.key" => Kind::Input,
        _ => Kind::World,
    };
    Failure { kind, diagnostics: vec![diagnostic] }
}
