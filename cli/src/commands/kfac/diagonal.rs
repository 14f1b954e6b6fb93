//! `nanocurv kfac diagonal`: `v := (d + lambda)^p .* v`.

use anyhow::Result;

use super::full::{FactorArgs, FactorVerb};
use super::input::{check_size, reference};
use crate::dense::{Difference, kfac as dense};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::kfac::diagonal;
use crate::io;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "F and V have the same shape, whichever it is.

Example:
  nanocurv kfac diagonal solve --factor d.npy --vector v.npy --damping 0.1")]
pub struct Args {
    #[command(subcommand)]
    verb: FactorVerb,
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.verb.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let (FactorArgs { factor, vector, damping, out, check }, product) = self.verb.parts();
        let tolerance = check.tolerance::<T>()?;
        let (d, v) = session.read(|| {
            anyhow::Ok((io::read_vectors::<T>(factor)?, io::read_vectors::<T>(vector)?))
        })?;
        let (factor, name) = (factor.to_string(), vector.to_string());
        let found = session
            .compute(|_| diagonal((&factor, d.view()), (&name, v.view()), product, *damping))?;
        let check = if check.check {
            check_size(found.len())?;
            let block = dense::Block::diagonal(&wide(&d), *damping);
            let reference = reference(block.product(product, &wide(&v)))?;
            Some(Difference::of(&found, &reference).within(tolerance))
        } else {
            None
        };
        session.finish(Report::of("result", found), out, check)
    }
}
