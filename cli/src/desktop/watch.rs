//! How long work reports its progress and is asked to stop: one callback for both.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{Error, Result};

/// How far a piece of work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is done, e.g. `"training"`.
    pub work: &'static str,
    /// The steps that are done.
    pub done: u64,
    /// The steps in all.
    pub total: u64,
}

/// Is told after every step, from any thread; `Break` asks the work to stop.
pub type Watch<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync);

/// Nobody watches.
pub const UNWATCHED: Watch<'static> = &|_| ControlFlow::Continue(());

/// Work under a watch.
pub struct Work<'a> {
    watch: Watch<'a>,
    name: &'static str,
    total: u64,
    done: AtomicU64,
}

impl<'a> Work<'a> {
    /// `total` steps of `name`.
    pub fn new(watch: Watch<'a>, name: &'static str, total: usize) -> Self {
        Self { watch, name, total: total as u64, done: AtomicU64::new(0) }
    }

    /// `steps` more are done.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the work is to stop.
    pub fn advance(&self, steps: usize) -> Result<()> {
        let done = self.done.fetch_add(steps as u64, Ordering::Relaxed) + steps as u64;
        match (self.watch)(Progress { work: self.name, done, total: self.total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Interrupted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watch_counts_steps_and_stops_the_work() {
        let watch = |progress: Progress| {
            assert_eq!((progress.work, progress.total), ("sum", 3));
            if progress.done < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let work = Work::new(&watch, "sum", 3);
        assert!(work.advance(1).is_ok());
        assert!(work.advance(1).is_ok());
        assert!(matches!(work.advance(1), Err(Error::Interrupted)));
    }
}
