//! How the program ends.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(unix)]
use std::thread;

#[cfg(unix)]
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::desktop;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The result is complete and every check held.
    Done,
    /// The result is complete, but a check did not hold.
    CheckFailed,
    /// Usage, or an input that is unreadable or inconsistent.
    Failed,
    /// Ctrl-C.
    Interrupted,
    /// The signal that schedulers and service managers send, SIGTERM.
    Terminated,
}

impl Outcome {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::CheckFailed => 1,
            Self::Failed => 2,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Outcome> for std::process::ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

/// Whether an error is only that the reader of our output has seen enough.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(|e| e.io_error_kind());
        let csv = cause.downcast_ref::<csv::Error>().and_then(|e| match e.kind() {
            csv::ErrorKind::Io(e) => Some(e.kind()),
            _ => None,
        });
        [io, json, csv].contains(&Some(io::ErrorKind::BrokenPipe))
    })
}

/// Whether the work ended because it was asked to.
pub fn is_interruption(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<desktop::Error>())
        .any(|error| matches!(error.root(), desktop::Error::Interrupted))
}

/// Whether Ctrl-C is a request that the work looks at, and whether it was made.
static POLITE: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicBool = AtomicBool::new(false);
/// Whether the last signal was SIGTERM.
static TERMINATED: AtomicBool = AtomicBool::new(false);

/// While it lives, the first Ctrl-C only asks the work to end; the second ends the program.
#[derive(Debug)]
pub(super) struct Interruptible(());

impl Interruptible {
    /// From now on.
    pub fn begin() -> Self {
        REQUESTED.store(false, Ordering::SeqCst);
        POLITE.store(true, Ordering::SeqCst);
        Self(())
    }

    /// Whether the work was asked to end.
    pub fn requested(&self) -> bool {
        REQUESTED.load(Ordering::SeqCst)
    }
}

impl Drop for Interruptible {
    fn drop(&mut self) {
        POLITE.store(false, Ordering::SeqCst);
    }
}

impl Outcome {
    /// How a program ends that was asked to: by Ctrl-C or by SIGTERM.
    pub fn of_the_request() -> Self {
        if TERMINATED.load(Ordering::SeqCst) { Self::Terminated } else { Self::Interrupted }
    }
}

/// Asks the work to end, or ends the program without half a file.
fn end(terminated: bool) {
    TERMINATED.store(terminated, Ordering::SeqCst);
    if POLITE.load(Ordering::SeqCst) && !REQUESTED.swap(true, Ordering::SeqCst) {
        return;
    }
    crate::io::remove_unfinished();
    std::process::exit(i32::from(Outcome::of_the_request().code()));
}

/// Makes Ctrl-C end the program with 130 and SIGTERM with 143, either without half a file; see
/// `Interruptible`.
pub fn handle_interrupts() {
    // Without a handler the signals still end the program; only the tidying is lost.
    #[cfg(unix)]
    if let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) {
        thread::spawn(move || signals.forever().for_each(|signal| end(signal == SIGTERM)));
    }
    #[cfg(not(unix))]
    let _ = ctrlc::set_handler(|| end(false));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_contract() {
        let all = [Outcome::Done, Outcome::CheckFailed, Outcome::Failed];
        assert_eq!(all.map(Outcome::code), [0, 1, 2]);
        assert_eq!([Outcome::Interrupted, Outcome::Terminated].map(Outcome::code), [130, 143]);
    }

    #[test]
    fn a_closed_pipe_is_recognised_through_every_writer() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&anyhow::Error::new(pipe()).context("stdout")));
        assert!(is_broken_pipe(&serde_json::Error::io(pipe()).into()));
        assert!(is_broken_pipe(&csv::Error::from(pipe()).into()));
        assert!(!is_broken_pipe(&io::Error::from(io::ErrorKind::NotFound).into()));
        assert!(!is_broken_pipe(&anyhow::anyhow!("no")));
    }
}
