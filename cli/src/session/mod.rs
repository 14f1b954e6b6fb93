//! What every command needs besides its arguments: the global options, the clock, the way out.

mod exit;
mod progress;
mod run;
mod verb;

pub use exit::{Outcome, handle_interrupts, is_broken_pipe, is_interruption};
pub use run::Session;
pub use verb::Verb;
