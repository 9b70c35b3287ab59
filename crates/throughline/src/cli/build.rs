//! `throughline build`: journeys and credit.

use clap::Args;
use jiff::civil::Date;
use project::{Moment, Project};
use serde_json::{Value, json};

use super::Common;
use crate::error::{EXIT_OK, Failure, Outcome};
use crate::output::Output;
use crate::progress::Progress;

/// Join people, touches and deals into journeys; nothing is done where nothing changed
///
/// Example: throughline build
#[derive(Args, Debug)]
pub(crate) struct Build {
    /// As of this day (default: the day of the newest load)
    #[arg(long, value_name = "DAY")]
    as_of: Option<Date>,
}

/// Builds.
pub(crate) fn run(build: &Build, common: &Common, output: &Output) -> Outcome {
    let project = Project::find(common.dir.as_deref())?;
    let definitions = project.definitions()?;
    let moment = Moment::find(&project, &definitions, build.as_of)?;
    let mut progress = Progress::new(output);
    let (built, made) = moment.build(&project, &definitions, &mut |stage, done, total| {
        progress.step(stage, done, total)
    })?;
    progress.finish();
    let summary = serde_json::to_value(built.summary()).map_err(Failure::bug)?;
    if output.json() {
        let data = json!({
            "as_of": moment.as_of,
            "definitions": definitions.identity(),
            "made": made,
            "counts": summary,
        });
        output.data(data, &[]);
    } else {
        let mut text = if made {
            format!("built as of {}\n", moment.as_of)
        } else {
            format!("nothing changed: the build as of {} is there\n", moment.as_of)
        };
        lines(&summary, "", &mut text);
        output.result(&text);
    }
    Ok(EXIT_OK)
}

/// Writes counts as lines, those of a part below its name.
fn lines(counts: &Value, part: &str, text: &mut String) {
    for (name, count) in counts.as_object().into_iter().flatten() {
        let name = format!("{part}{}", name.replace('_', " "));
        if count.is_object() {
            lines(count, &format!("{name}: "), text);
        } else {
            text.push_str(&format!("  {count:>12}  {name}\n"));
        }
    }
}
