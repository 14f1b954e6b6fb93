//! Files that are being written, which an interruption must not leave behind.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Temporary files that an interruption must not leave behind.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// While it lives, [`remove_unfinished`] removes the file.
#[derive(Debug)]
pub(super) struct Unfinished(PathBuf);

/// Has `path` removed if the program is interrupted before the guard is dropped.
pub(super) fn forget_if_interrupted(path: &Path) -> Unfinished {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    Unfinished(path.to_owned())
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|p| *p != self.0);
    }
}

/// Removes the files that are being written and lets none be begun any more: what a program does
/// that is about to end in the middle of its work.
pub fn remove_unfinished() {
    let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    for path in unfinished.iter() {
        // Already renamed or already gone is as good.
        let _ = std::fs::remove_file(path);
    }
    // The lock is kept: no further file can be begun.
    std::mem::forget(unfinished);
}
