//! `throughline accept`: lets a held load through, on record.

use access::{Action, Event};
use clap::Args;
use domain::Level;
use lake::held::{Description, HeldState};
use lake::{Lake, LakeError};
use project::Project;

use super::Common;
use super::load::{Batch, How, Terms, load_batch, settings};
use super::user::note;
use crate::error::{Failure, Kind, Outcome};
use crate::output::Output;

/// Let a held load through, on record
///
/// Its files are loaded as they were, against what is stored now, and the guards that held it let
/// it pass. What another guard finds holds it again.
///
/// Example: throughline accept h1 --because "campaigns of 2024 were archived"
#[derive(Args, Debug)]
pub(crate) struct Accept {
    /// The held load, as `throughline loads` names it
    #[arg(value_name = "HELD", value_parser = held)]
    held: i64,
    /// Why it is right
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// Who decides (default: the user of the system)
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Reads the name of a held load: `h1` or `1`.
pub(crate) fn held(text: &str) -> Result<i64, String> {
    let number = text.strip_prefix(['h', 'H']).unwrap_or(text);
    let number: Option<i64> = number.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "a held load is named like h1".to_owned())
}

/// Lets it through.
pub(crate) fn run(accept: &Accept, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let definitions = project.definitions()?;
    let settings = settings(&project, &definitions, false)?;
    if !Lake::is_at(project.lake()) {
        return Err(LakeError::NoHeld { id: accept.held }.into());
    }
    let waiting = Lake::open(project.lake())?.held_load(accept.held)?;
    if waiting.state != HeldState::Waiting {
        return Err(LakeError::NoHeld { id: accept.held }.into());
    }
    let description = Description::read(&project.held(), accept.held)?;
    let folder = project.held().join(accept.held.to_string());
    let mut batch = Batch {
        missing: description.missing,
        message: description.message.unwrap_or_default(),
        ..Batch::default()
    };
    for file in description.files {
        let path = folder.join(&file.path);
        let (planned, diagnostics) =
            intake::survey_as(&[(path, file.name.as_str().into())], &settings);
        batch.diagnostics.extend(diagnostics);
        let terms = Terms {
            connection: file.connection,
            complete: file.complete,
            in_set: file.in_set,
            expected: file.expected,
        };
        for planned in planned {
            if planned.content_hash != file.hash {
                let message = format!("the kept copy of `{}` is not what was held", file.name);
                return Err(Failure::new(Kind::World, "held.changed", message)
                    .hint("Drop the held load and load the files again."));
            }
            batch.planned.push((planned, terms.clone()));
        }
    }
    if batch.diagnostics.iter().any(|found| found.level == Level::Error) {
        return Err(Failure { kind: Kind::Input, diagnostics: batch.diagnostics });
    }
    let how = How {
        allow: description.allow.into_iter().collect(),
        by: accept.by.clone(),
        accepts: Some((accept.held, accept.because.clone())),
        ..How::default()
    };
    let done = load_batch(&project, &settings, batch, &how, output)?;
    let object = format!("held load {}", accept.held);
    let event = match (&done.held, done.report.load_id) {
        (Some(_), _) => Event::refused(Action::Accept, object, "held"),
        (None, Some(load)) => Event::ended(Action::Accept, object, format!("done load={load}")),
        (None, None) => Event::done(Action::Accept, object),
    };
    note(&project, &event)?;
    done.audit(&project)?;
    done.report(false, output)
}
