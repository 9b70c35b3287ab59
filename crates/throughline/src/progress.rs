//! Progress of long work, on standard error where a person watches.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// A line that says what is being done and how far it is.
pub(crate) struct Progress {
    bar: ProgressBar,
    stage: String,
}

impl Progress {
    /// Makes a line; hidden where nobody watches.
    pub(crate) fn new(output: &Output) -> Self {
        let bar = if output.shows_progress() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
        };
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {msg} {human_pos}/{human_len} {per_sec} {eta}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, stage: String::new() }
    }

    /// Says how far a stage is.
    pub(crate) fn step(&mut self, stage: &str, done: u64, total: u64) {
        if self.stage != stage {
            stage.clone_into(&mut self.stage);
            self.bar.set_message(stage.to_owned());
        }
        self.bar.set_length(total.max(done));
        self.bar.set_position(done);
    }

    /// Says how far the reading of files is: rows so far, bytes of all that are to be read.
    pub(crate) fn reading(&mut self, file: &str, rows: u64, bytes: u64, total: u64) {
        if self.stage.is_empty() {
            self.stage = "reading".to_owned();
            let template = "{spinner} {msg} {percent}%, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
        }
        let seconds = self.bar.elapsed().as_secs_f64();
        let speed = if seconds > 0.0 { rows as f64 / seconds } else { 0.0 };
        self.bar.set_message(format!(
            "{file}: {} rows, {}/s,",
            HumanCount(rows),
            HumanCount(speed as u64)
        ));
        self.bar.set_length(total.max(1));
        self.bar.set_position(bytes.min(total));
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
