//! A progress bar on stderr: only on a terminal, and only when the work turns out to be long.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(700);

/// Counts steps of work; can be shared between threads.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
    hidden: AtomicBool,
}

impl Progress {
    /// `steps` steps of `what`; never shown if `quiet` or stderr is no terminal.
    pub fn new(what: &str, steps: u64, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::hidden());
        let template = "{msg} [{bar:30}] {percent:>3}%, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        let may_show = !quiet && std::io::stderr().is_terminal();
        Self { bar, start: Instant::now(), hidden: AtomicBool::new(may_show) }
    }

    /// Never shown.
    pub fn none() -> Self {
        Self::new("", 0, true)
    }

    /// `steps` more are done.
    pub fn advance(&self, steps: u64) {
        if self.hidden.load(Ordering::Relaxed)
            && self.start.elapsed() > PATIENCE
            && self.hidden.swap(false, Ordering::Relaxed)
        {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
