//! Ctrl-C: what is unfinished goes, what is committed stays, the exit code says why it ended.

use std::fs::File;

use crate::error::EXIT_INTERRUPTED;

/// Files that watching opens, and a few more.
const FILES: usize = 12;

/// Waits for Ctrl-C beside the work. A load that has not come to its commit is as if it had never
/// begun, at whatever moment it ends: only its files are to be removed.
#[expect(clippy::exit, reason = "the work is elsewhere and is not asked")]
pub(crate) fn watch() {
    // Without a watch the signal ends the program at once, and the next start removes the files.
    if !room() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let Ok(runtime) = runtime else { return };
    let (listening, listens) = std::sync::mpsc::channel::<()>();
    let waiting = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        let interrupted = runtime.block_on(async {
            let mut asked = std::pin::pin!(tokio::signal::ctrl_c());
            // Asked once, it has opened all that it needs.
            let begun = std::future::poll_fn(|context| {
                let now = std::future::Future::poll(asked.as_mut(), context);
                std::task::Poll::Ready(now)
            });
            let begun = begun.await;
            drop(listening);
            match begun {
                std::task::Poll::Ready(done) => done,
                std::task::Poll::Pending => asked.await,
            }
        });
        if interrupted.is_ok() {
            lake::scratch::abandon();
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
    });
    if waiting.is_ok() {
        // The work opens files of its own only afterwards.
        let _listens: Result<(), std::sync::mpsc::RecvError> = listens.recv();
    }
}

/// True where some more files can be opened, as what watches does not live without.
fn room() -> bool {
    let opened: Vec<_> = (0..FILES).map_while(|_| File::open(".").ok()).collect();
    opened.len() == FILES || cfg!(not(unix))
}
