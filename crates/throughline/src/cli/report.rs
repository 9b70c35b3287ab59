//! `throughline report`: several answers as one file to hand over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use domain::{Answer, Definitions};
use project::{Project, View};
use serde_json::json;
use show::html::{self, Controls, Facts, Shell};

use super::Common;
use super::ask::Scope;
use crate::error::{EXIT_OK, Failure, Outcome};
use crate::output::Output;
use crate::progress::Progress;

/// Write a report to hand over
#[derive(Args, Debug)]
pub(crate) struct Report {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand, Debug)]
enum Kind {
    Board(Board),
}

/// The board pack: one page for each question, then tables in full, caveats and definitions
///
/// The same data, period and definitions give the same bytes.
///
/// Examples:
///   throughline report board --quarter 2026Q3 -o board.pdf
///   throughline report board --period 2026 --questions pipeline,programs -o board.xlsx
///   throughline report board --format html -o - > board.html
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
struct Board {
    /// The file to write; its ending says which format: .pdf, .html, .xlsx or .json ("-" for
    /// standard output, with --format)
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// The format, where the ending does not say it
    #[arg(long)]
    format: Option<Format>,
    /// The questions, in this order, separated by commas (default: all)
    #[arg(long, value_delimiter = ',')]
    questions: Vec<String>,
    /// The size of a page
    #[arg(long, value_enum, default_value_t = Paper::A4)]
    paper: Paper,
    /// Where the page is served, for example `https://revenue.acme.com`; figures then link to their
    /// rows
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    link: Option<String>,
    #[command(flatten)]
    scope: Scope,
}

/// How the pack is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    /// Pages to print
    Pdf,
    /// One file for a browser
    Html,
    /// A workbook, one sheet per table
    Xlsx,
    /// The answers as JSON
    Json,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Paper {
    A4,
    Letter,
}

/// Writes the report.
pub(crate) fn run(report: &Report, common: &Common, output: &Output) -> Outcome {
    let Kind::Board(board) = &report.kind;
    let format = format(board)?;
    let to_stdout = board.output.as_os_str() == "-";
    check_place(&board.output, format, to_stdout, output)?;
    let entries = questions(&board.questions)?;
    let project = Project::find(common.dir.as_deref())?;
    let scope = board.scope.limits();
    let mut progress = Progress::new(output);
    let view = View::open(&project, scope.as_of, &mut |stage, done, total| {
        progress.step(stage, done, total);
    });
    progress.finish();
    let view = view?;
    let answers = entries
        .into_iter()
        .map(|entry| view.ask(entry, &scope)?.answer(entry))
        .collect::<Result<Vec<Answer>, Failure>>()?;
    let bytes = written(format, &answers, view.definitions(), board)?;
    if to_stdout {
        let mut out = io::stdout().lock();
        let done = out.write_all(&bytes).and_then(|()| out.flush());
        return match done {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::world(&error)),
            _ => Ok(EXIT_OK),
        };
    }
    replace(&board.output, &bytes)?;
    if output.json() {
        let written = json!({
            "file": board.output.display().to_string(),
            "format": format.to_possible_value().map(|value| value.get_name().to_owned()),
            "bytes": bytes.len(),
            "blake3": blake3::hash(&bytes).to_hex().to_string(),
            "questions": answers.iter().map(|answer| answer.question).collect::<Vec<_>>(),
            "period": answers.first().map(|answer| answer.asked.period.label.clone()),
            "as_of": answers.first().map(|answer| answer.asked.as_of),
        });
        output.data(written, &[]);
    } else {
        let asked = answers.first().map(|answer| {
            format!(" for {}, as of {}", answer.asked.period.label, answer.asked.as_of)
        });
        let n = answers.len();
        let questions = if n == 1 { "1 question".to_owned() } else { format!("{n} questions") };
        output.remark(&format!(
            "{} written: {questions}{}",
            show::visible::visible(&board.output.display().to_string()),
            asked.unwrap_or_default()
        ));
    }
    Ok(EXIT_OK)
}

/// Writes the answers in a format.
fn written(
    format: Format,
    answers: &[Answer],
    definitions: &Definitions,
    board: &Board,
) -> Result<Vec<u8>, Failure> {
    let simulated = definitions.company.starts_with(sample::COMPANY);
    let words = print::words(definitions);
    match format {
        Format::Pdf => {
            let link = board.link.as_ref().map(|base| {
                move |answer: &Answer, figure: &str| Some(address_of(base, answer, figure))
            });
            let pack = print::Pack {
                definitions: &words,
                notice: simulated.then_some("Simulated data: no such company exists."),
                paper: match board.paper {
                    Paper::A4 => print::Paper::A4,
                    Paper::Letter => print::Paper::Letter,
                },
                link: link.as_ref().map(|link| link as &dyn Fn(&Answer, &str) -> Option<String>),
                ..print::Pack::of(answers)
            };
            print::board(&pack).map_err(Failure::bug)
        }
        Format::Xlsx => show::xlsx::pack(answers).map_err(Failure::bug),
        Format::Html => {
            let shell = shell(answers, definitions, simulated);
            let controls = Controls::default();
            let page = html::Board { answers, controls: &controls, words: &words };
            Ok(html::board_file(&shell, &page, board.link.as_deref()).into_bytes())
        }
        Format::Json => {
            let answers: Vec<_> = answers.iter().map(show::json::answer).collect();
            let envelope = show::json::envelope(Some(json!({ "answers": answers })), &[], &[]);
            Ok(show::json::pretty(&envelope).into_bytes())
        }
    }
}

/// What stands around the pack as one file.
fn shell(answers: &[Answer], definitions: &Definitions, sample: bool) -> Shell {
    let facts = answers.first().map(|answer| Facts {
        as_of: Some(answer.asked.as_of),
        time_zone: answer.asked.time_zone.clone(),
        currency: answer.asked.currency.to_string(),
        fiscal_year_starts: domain::calendar::month(definitions.fiscal_year_starts).to_owned(),
        definitions: answer.asked.definitions.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    Shell {
        company: definitions.company.clone(),
        sample,
        here: "/board".to_owned(),
        scope: answers.first().map(page_scope).unwrap_or_default(),
        facts,
        ..Shell::default()
    }
}

/// The parameters with which the page shows the same answer.
fn page_scope(answer: &Answer) -> html::Scope {
    let asked = &answer.asked;
    let days = asked.period.label.contains(" to ");
    let named = (!days).then(|| asked.period.label.clone());
    html::Scope {
        period: named,
        from: days.then(|| asked.period.from.to_string()),
        to: days.then(|| asked.period.to.to_string()),
        segment: asked.segment.clone(),
        model: Some(asked.model.clone()),
        currency: Some(asked.currency.to_string()),
        as_of: Some(asked.as_of.to_string()),
        by: asked.by.clone(),
        ..html::Scope::default()
    }
}

/// The address at which the rows of a figure are shown.
fn address_of(base: &str, answer: &Answer, figure: &str) -> String {
    let (question, figure) = (html::segment(answer.question), html::segment(figure));
    page_scope(answer).link(&format!("{base}/{question}/rows/{figure}"))
}

/// Reads the format from the option or the ending of the file.
fn format(board: &Board) -> Result<Format, Failure> {
    if let Some(format) = board.format {
        return Ok(format);
    }
    let ending = board.output.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    Format::from_str(ending, true).map_err(|_| {
        let name = show::visible::visible(&board.output.display().to_string()).into_owned();
        Failure::usage(
            format!("the ending of `{name}` does not say a format"),
            "End it with .pdf, .html, .xlsx or .json, or say --format.",
        )
    })
}

/// Refuses a place that cannot be written before anything is computed.
fn check_place(
    path: &Path,
    format: Format,
    to_stdout: bool,
    output: &Output,
) -> Result<(), Failure> {
    if to_stdout {
        if matches!(format, Format::Pdf | Format::Xlsx) && io::stdout().is_terminal() {
            return Err(Failure::usage(
                "this format is not for a terminal",
                "Name a file: `-o board.pdf`, or send it on: `-o - > board.pdf`.",
            ));
        }
        if output.json() {
            return Err(Failure::usage(
                "`--json` and `-o -` both write to standard output",
                "Name a file, or leave out `--json`.",
            ));
        }
        return Ok(());
    }
    let name = show::visible::visible(&path.display().to_string()).into_owned();
    if path.exists() && !path.is_file() {
        let hint = "Name a file in it, for example `board.pdf`.";
        return Err(Failure::usage(format!("{name} is a folder or a device, not a file"), hint));
    }
    let folder = folder(path);
    if !folder.is_dir() {
        let folder = show::visible::visible(&folder.display().to_string()).into_owned();
        return Err(Failure::usage(format!("folder {folder} does not exist"), "Make it first."));
    }
    Ok(())
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Puts a whole file in the place of the old one, or leaves the old one as it was.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = folder(path).join(format!(".{name}.{}.part", std::process::id()));
    let written = (|| {
        let mut file: File = OpenOptions::new().write(true).create_new(true).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    written.map_err(|error: io::Error| {
        // What is left of it is of no use; where it cannot be removed, the message says the folder.
        let _removed: io::Result<()> = fs::remove_file(&beside);
        let name = show::visible::visible(&path.display().to_string()).into_owned();
        let message = format!("{name} cannot be written ({} bytes): {error}", bytes.len());
        Failure::new(crate::error::Kind::World, "world", message).hint(
            "Choose a folder that you may write to and that has room; the old file is as it was.",
        )
    })
}

/// Finds the questions; all of them where none is named.
fn questions(names: &[String]) -> Result<Vec<&'static answers::Entry>, Failure> {
    if names.is_empty() {
        return Ok(answers::QUESTIONS.iter().collect());
    }
    names.iter().map(|name| project::question(name.trim())).collect()
}

fn address(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && (text.starts_with("https://") || text.starts_with("http://")) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("it begins with https:// or http:// and holds no blank".to_owned())
    }
}
