//! `throughline demo`: a company with known truth, from its exports to its answers.

use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::civil::{Date, date};
use project::Project;
use sample::{Dirt, Layout, Plan};
use serde_json::json;

use super::Common;
use super::fetch::Sources;
use super::load::{How, load_sources, settings};
use crate::error::{EXIT_OK, Failure, Outcome};
use crate::output::Output;
use crate::progress::Progress;

/// The days of the extracts.
const EXTRACTS: [Date; 3] = [date(2026, 3, 31), date(2026, 6, 30), date(2026, 9, 30)];
/// From so many touches on, only the last extract is written, packed and in several files.
const LARGE: u64 = 1_000_000;
const ROWS_PER_FILE: u64 = 2_000_000;

/// Make a sample company, load its exports, build, and answer
///
/// The company is simulated from a seed: the truth behind it is written beside the exports. It is
/// made in the folder `demo`, or in the one given by `--dir`.
///
/// Example: throughline demo --scale 1000000
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Demo {
    /// Number of touches, 1,000 to 100,000,000
    #[arg(long, value_name = "TOUCHES", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    scale: u64,
    /// Seed of the company
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Without the dirt of real CRMs: duplicates, merges, re-opened and back-dated deals
    #[arg(long)]
    clean: bool,
    /// Do not serve the pages at the end
    #[arg(long)]
    no_serve: bool,
}

/// Makes the company and answers the three questions.
pub(crate) fn run(demo: &Demo, common: &Common, output: &Output) -> Outcome {
    let folder = common.dir.clone().unwrap_or_else(|| PathBuf::from("demo"));
    let folder = &folder;
    check_folder(folder)?;
    let plan = Plan {
        seed: demo.seed,
        touches: demo.scale,
        dirt: if demo.clean { Dirt::none() } else { Dirt::all() },
        ..Plan::default()
    };
    output.remark(&format!(
        "making a sample company of {} touches in {}",
        plan.touches,
        folder.display()
    ));
    super::init::make(folder, sample::COMPANY, sample::DEFINITIONS)?;
    let project = Project::find(Some(folder))?;
    let drops = write_exports(&plan, &folder.join("exports"), output)?;
    load(&project, &drops, output)?;
    let scope = project::Scope::default();
    let mut answers = Vec::new();
    for entry in answers::QUESTIONS {
        let mut session = super::ask::open(&project, &scope, entry, output)?;
        answers.push(session.answer(entry)?);
    }
    if output.json() {
        let shown: Vec<_> = answers.iter().map(show::json::answer).collect();
        output.data(json!({ "folder": folder.display().to_string(), "answers": shown }), &[]);
    } else {
        for answer in &answers {
            output.result(&show::text::answer(answer, output.style()));
        }
        output.result(&next(&folder.display().to_string(), &drops));
        // Where nobody watches, a command that never ends would be a trap.
        if !demo.no_serve && std::io::stdout().is_terminal() {
            return super::serve::sample(folder, output);
        }
    }
    Ok(EXIT_OK)
}

/// A sample company never mixes with what is in a folder already.
fn check_folder(folder: &Path) -> Result<(), Failure> {
    let message = match std::fs::read_dir(folder).map(Iterator::count) {
        Ok(0) => return Ok(()),
        Ok(_) => "is not empty",
        Err(error) if error.kind() == ErrorKind::NotADirectory => "is not a folder",
        Err(_) => return Ok(()),
    };
    Err(Failure::usage(
        format!("{} {message}; the sample company needs a folder of its own", folder.display()),
        "Name another one with `--dir FOLDER`, or remove this one.",
    ))
}

/// Writes the extracts of three days, as the company would have kept them.
fn write_exports(
    plan: &Plan,
    exports: &Path,
    output: &Output,
) -> Result<Vec<(Date, PathBuf)>, Failure> {
    let company = sample::company(plan);
    let large = plan.touches > LARGE;
    let layout = Layout { gzip: large, rows_per_file: large.then_some(ROWS_PER_FILE) };
    let days = if large { EXTRACTS.get(2..).unwrap_or(&EXTRACTS) } else { &EXTRACTS };
    let mut drops = Vec::new();
    for day in days {
        let folder = exports.join(day.to_string());
        let mut progress = Progress::new(output);
        let stage = format!("writing the extract of {day}, account");
        company
            .write_as(&folder, *day, &layout, &mut |done, total| progress.step(&stage, done, total))
            .map_err(|error| Failure::world(&error))?;
        progress.finish();
        // The truth is no export: it stands beside the extracts.
        let truth = exports.join(format!("truth-{day}.json"));
        std::fs::rename(folder.join("truth.json"), truth)
            .map_err(|error| Failure::world(&error))?;
        drops.push((*day, folder));
    }
    Ok(drops)
}

/// Loads the extracts in the order of their days, each as known on its own day.
fn load(project: &Project, drops: &[(Date, PathBuf)], output: &Output) -> Result<(), Failure> {
    let definitions = project.definitions()?;
    let settings = settings(project, &definitions, false)?;
    for (day, folder) in drops {
        output.remark(&format!("loading the extract of {day}"));
        let recorded_at = definitions.calendar().end_of_day(*day);
        let paths = [folder.clone()];
        let how = How { recorded_at: Some(recorded_at), ..How::default() };
        let rows =
            load_sources(project, &settings, &Sources::files(&paths), &how, output)?.report.rows;
        output.remark(&format!(
            "  read {} = loaded {} + known {} + quarantined {}",
            rows.read, rows.loaded, rows.known, rows.quarantined
        ));
    }
    output.remark("building journeys and credit");
    Ok(())
}

fn next(folder: &str, drops: &[(Date, PathBuf)]) -> String {
    let earlier = drops.first().map_or_else(String::new, |(day, _)| {
        format!("  throughline -C {folder} ask pipeline --as-of {day}\n")
    });
    format!(
        "{} is simulated; its truth is in {folder}/exports/truth-2026-09-30.json. Go on with:\n\
         \x20 throughline -C {folder} open pipeline marketing_sourced_pipeline\n\
         {earlier}\
         \x20 throughline -C {folder} ask attribution --model markov --json\n\
         \x20 throughline -C {folder} serve\n",
        sample::COMPANY
    )
}
