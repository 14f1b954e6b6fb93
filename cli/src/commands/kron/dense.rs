//! `kron dense`: the sum of products, formed.

use anyhow::Result;

use super::args::OperatorArgs;
use crate::args::{CheckArgs, OutputArgs};
use crate::dense::{Difference, kron as witness};
use crate::desktop::Float;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Result: one array `dense` (mk,nl).

Example:
  nanocurv kron dense --left a.npy --right b.npy --out g.npy")]
pub struct Args {
    #[command(flatten)]
    operator: OperatorArgs,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let operator = session.read(|| self.operator.read::<T>())?;
        let found = session.compute(|_| operator.dense())?;
        let check = self
            .check
            .check
            .then(|| Difference::of(&found, &witness::operator(&operator)).within(tolerance));
        session.finish(Report::of("dense", found), &self.out, check)
    }
}
