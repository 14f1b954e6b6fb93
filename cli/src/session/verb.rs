//! A verb of the command line.

use anyhow::Result;

use super::exit::Outcome;
use super::run::Session;
use crate::args::Dtype;
use crate::desktop::Float;

/// The arguments of a verb that computes in the arithmetic of `--dtype`.
pub trait Verb {
    /// Fails before anything is read on what can be seen from the arguments alone.
    ///
    /// # Errors
    /// Naming the option.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// Reads, computes and finishes.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be computed or written.
    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome>;

    /// Runs the verb in the arithmetic of `--dtype`.
    ///
    /// # Errors
    /// As [`Verb::validate`] and [`Verb::run`].
    fn dispatch(&self, session: &mut Session) -> Result<Outcome> {
        self.validate()?;
        match session.global.dtype.unwrap_or_default() {
            Dtype::F32 => self.run::<f32>(session),
            Dtype::F64 => self.run::<f64>(session),
        }
    }
}
