//! A progress bar on stderr: only on a terminal, and only when the work turns out to be long.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::desktop::Progress;

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(700);

/// Shows how far work is, from any thread.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    start: Instant,
    hidden: AtomicBool,
}

impl Bar {
    /// Never shown if `quiet` or stderr is no terminal.
    pub fn new(quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let template = "{msg} [{bar:30}] {percent:>3}%, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let may_show = !quiet && std::io::stderr().is_terminal();
        Self { bar, start: Instant::now(), hidden: AtomicBool::new(may_show) }
    }

    /// Shows this much of the work.
    pub fn show(&self, progress: Progress) {
        if self.hidden.load(Ordering::Relaxed)
            && self.start.elapsed() > PATIENCE
            && self.hidden.swap(false, Ordering::Relaxed)
        {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if !self.bar.is_hidden() {
            self.bar.set_message(progress.work);
            self.bar.set_length(progress.total);
            self.bar.set_position(progress.done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
