//! The commands, one file each; their doc comments are the help texts.

mod accept;
mod ask;
mod audit;
mod backtest;
mod backup;
mod build;
mod check;
mod compact;
mod demo;
mod digest;
mod erase;
mod fetch;
mod init;
mod journey_file;
mod load;
mod loads;
mod method;
mod open;
mod person;
mod quarantine;
mod repair;
mod report;
mod restore;
mod serve;
mod singer;
mod trial;
mod user;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::error::{EXIT_OK, EXIT_USAGE, Outcome, exit_code};
use crate::output::Output;

/// Revenue marketing that everybody can believe: from spend to touches to pipeline to revenue, to
/// the cent
///
/// Exit codes: 0 done, 1 finished and found problems, 2 wrong use or definitions, 3 input that
/// cannot be read, 4 the world around (disk, lock, permission), 70 a fault of ours, 130 stopped by
/// Ctrl-C.
#[derive(Parser, Debug)]
#[command(name = "throughline", version, arg_required_else_help = true)]
struct Program {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Common {
    /// The company's folder (default: the nearest at or above the current one with
    /// throughline.toml)
    #[arg(long, short = 'C', global = true, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    /// Write the result as JSON: {"ok", "data", "warnings", "errors"}
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write no remarks and no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Write without color
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Write with ASCII characters only
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
    /// Write whole tables
    #[arg(long, global = true)]
    pub(crate) full: bool,
    /// Columns of the page (default: the terminal's, else 100)
    #[arg(long, global = true, value_parser = clap::value_parser!(u16).range(40..=400))]
    pub(crate) width: Option<u16>,
}

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::Init),
    Check(check::Check),
    Load(load::Load),
    Loads(loads::Loads),
    Accept(accept::Accept),
    Quarantine(quarantine::Quarantine),
    Build(build::Build),
    Ask(ask::Ask),
    Backtest(backtest::Backtest),
    Open(open::Open),
    Method(method::Method),
    Report(report::Report),
    Serve(serve::Serve),
    User(user::User),
    Audit(audit::Audit),
    Person(person::Person),
    Erase(erase::Erase),
    Digest(digest::Digest),
    Verify(verify::Verify),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Compact(compact::Compact),
    Repair(repair::Repair),
    Demo(demo::Demo),
    #[command(hide = true)]
    DecodeTrial(trial::Trial),
}

/// Runs a command line and returns the exit code.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if singer::named(args.first()) {
        return singer::target(&args);
    }
    let program = match Program::try_parse_from(&args) {
        Ok(program) => program,
        Err(error) => return usage(&error, &args),
    };
    let common = program.common;
    let output = Output::new(&common);
    // A server ends its requests first, by its own watch.
    if !matches!(program.command, Command::Serve(_)) {
        crate::interrupt::watch();
    }
    match program.command.run(&common, &output) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(exit_code(&failure))
        }
    }
}

impl Command {
    fn run(&self, common: &Common, output: &Output) -> Outcome {
        match self {
            Self::Init(init) => init::run(init, common, output),
            Self::Check(check) => check::run(check, common, output),
            Self::Load(load) => load::run(load, common, output),
            Self::Loads(loads) => loads::run(loads, common, output),
            Self::Accept(accept) => accept::run(accept, common, output),
            Self::Quarantine(quarantine) => quarantine::run(quarantine, common, output),
            Self::Build(build) => build::run(build, common, output),
            Self::Ask(ask) => ask::run(ask, common, output),
            Self::Backtest(backtest) => backtest::run(backtest, common, output),
            Self::Open(open) => open::run(open, common, output),
            Self::Method(method) => method::run(method, common, output),
            Self::Report(report) => report::run(report, common, output),
            Self::Serve(serve) => serve::run(serve, common, output),
            Self::User(user) => user::run(user, common, output),
            Self::Audit(audit) => audit::run(audit, common, output),
            Self::Person(person) => person::run(person, common, output),
            Self::Erase(erase) => erase::run(erase, common, output),
            Self::Digest(digest) => digest::run(digest, common, output),
            Self::Verify(verify) => verify::run(verify, common, output),
            Self::Backup(backup) => backup::run(backup, common, output),
            Self::Restore(restore) => restore::run(restore, common, output),
            Self::Compact(compact) => compact::run(compact, common, output),
            Self::Repair(repair) => repair::run(repair, common, output),
            Self::Demo(demo) => demo::run(demo, common, output),
            Self::DecodeTrial(trial) => trial::run(trial),
        }
    }
}

/// Shows help and version on standard output, a fault on standard error (or as JSON).
fn usage(error: &clap::Error, args: &[OsString]) -> ExitCode {
    let wanted = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !wanted && args.iter().any(|arg| arg == "--json") {
        let common = Common { json: true, ..Common::default() };
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or("").trim_start_matches("error: ").to_owned();
        let failure = crate::error::Failure::usage(message, "See `throughline --help`.");
        Output::new(&common).failure(&failure);
        return ExitCode::from(EXIT_USAGE);
    }
    // What cannot be shown has no reader.
    let _shown: std::io::Result<()> = error.print();
    ExitCode::from(if wanted { EXIT_OK } else { EXIT_USAGE })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn no_two_options_of_a_command_have_one_name() {
        super::Program::command().debug_assert();
    }
}
