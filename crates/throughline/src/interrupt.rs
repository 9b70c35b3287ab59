//! Ctrl-C: what is unfinished goes, what is committed stays, the exit code says why it ended.

use crate::error::EXIT_INTERRUPTED;

/// Waits for Ctrl-C beside the work. A load that has not come to its commit is as if it had never
/// begun, at whatever moment it ends: only its files are to be removed.
#[expect(clippy::exit, reason = "the work is elsewhere and is not asked")]
pub(crate) fn watch() {
    let waiting = std::thread::Builder::new().name("interrupt".to_owned()).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            lake::scratch::abandon();
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
    });
    // Without the thread the signal ends the program at once, and the next start removes the files.
    drop(waiting);
}
