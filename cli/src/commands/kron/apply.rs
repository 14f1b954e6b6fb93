//! `kron apply`: `(sum_r A_r (x) B_r + L I) V`

use anyhow::Result;

use super::args::ProductArgs;
use crate::dense::{Difference, kron as dense};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Result: one array `result`, of the form of --vector.

Examples:
  nanocurv kron apply --left a.npy --right b.npy --vector v.npy
  nanocurv kron apply --left a.npy --right b.npy --left c.npy --right d.npy --vector v.npy --check")]
pub struct Args {
    #[command(flatten)]
    product: ProductArgs,
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.product.out.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.product.check.tolerance::<T>()?;
        let (operator, v) = session.read(|| self.product.read::<T>(true))?;
        let found = session.compute(|_| operator.apply(&v))?;
        let check = if self.product.check.check {
            let g = dense::operator(&operator);
            let p = operator.sides().0;
            let needed = dense::multiply(&g, p.0 * p.1, &wide(&v.to_matrix()), v.count);
            let found = v.result_to_matrix(&found)?;
            Some(Difference::of(&found, &needed).within(tolerance))
        } else {
            None
        };
        session.finish(Report::of("result", found), &self.product.out, check)
    }
}
