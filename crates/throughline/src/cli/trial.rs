//! A file of a binary format is decoded in a process of its own before it is read.
//!
//! The same program is started again with little memory and time; what it cannot survive is
//! refused. What it can read, or refuses in order, is left to the reader proper, which finds the
//! same.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use domain::{Diagnostic, Place};
use intake::Limits;
use intake::settings::Rejected;

use crate::error::{EXIT_FOUND, EXIT_OK, Outcome};

/// Decode a file to its end, within limits, and throw its rows away
#[derive(Args, Debug)]
pub(crate) struct Trial {
    /// The file
    file: PathBuf,
    /// Bytes of memory that decoding may take
    #[arg(long)]
    bytes: u64,
    /// Seconds of a processor that it may take
    #[arg(long)]
    seconds: u64,
}

/// Decodes. Ends as well where the file is refused in order.
pub(crate) fn run(trial: &Trial) -> Outcome {
    limit(trial.bytes, trial.seconds);
    // The words of a refusal are found again by who reads the file.
    Ok(if intake::trial::decode(&trial.file, &Limits::default()).is_ok() {
        EXIT_OK
    } else {
        EXIT_FOUND
    })
}

/// Limits this process. Where the system has no limits, only the clock of the parent holds.
#[cfg(target_os = "linux")]
fn limit(bytes: u64, seconds: u64) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let held = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = held.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let most = pages.unwrap_or(0).saturating_mul(4096).saturating_add(bytes);
    for (resource, most) in [(Resource::As, most), (Resource::Cpu, seconds), (Resource::Core, 0)] {
        // A limit that is lower already stays.
        let _refused: Result<(), rustix::io::Errno> =
            setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    }
}

#[cfg(not(target_os = "linux"))]
fn limit(_bytes: u64, _seconds: u64) {}

/// Has a file decoded by another process; refuses what does not end there in order.
pub(crate) fn on_trial(path: &Path, name: &Arc<str>, limits: &Limits) -> Result<(), Rejected> {
    let refuse = |message: String| -> Rejected {
        Diagnostic::error("intake.trial", message)
            .at(Place::file(Arc::clone(name)))
            .hint("Write the file again, or export it as CSV.")
            .into()
    };
    let program = std::env::current_exe()
        .map_err(|error| refuse(format!("the program cannot be started again: {error}")))?;
    let mut child = Command::new(program)
        .arg("decode-trial")
        .args(["--bytes", &limits.trial_bytes.to_string()])
        .args(["--seconds", &limits.trial_seconds.to_string()])
        .arg("--")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| refuse(format!("the program cannot be started again: {error}")))?;
    let deadline = Instant::now() + Duration::from_secs(limits.trial_seconds);
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return judged(status, limits).map_err(refuse),
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            Ok(None) | Err(_) => {
                let _dead: std::io::Result<()> = child.kill();
                let _reaped: std::io::Result<ExitStatus> = child.wait();
                let seconds = limits.trial_seconds;
                return Err(refuse(format!("decoding the file takes more than {seconds} seconds")));
            }
        }
    }
}

fn judged(status: ExitStatus, limits: &Limits) -> Result<(), String> {
    match status.code() {
        Some(code) if code == i32::from(EXIT_OK) || code == i32::from(EXIT_FOUND) => Ok(()),
        _ => Err(format!(
            "the file breaks its decoder, or asks for more than {} MiB of memory",
            limits.trial_bytes / (1024 * 1024)
        )),
    }
}
