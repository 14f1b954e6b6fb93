//! `kron solve`: `(sum_r A_r (x) B_r + L I)^-1 V`

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
Factors of one pair are factorised apart, by LU, or with --damping (symmetric factors) by their
eigendecompositions, exactly. A sum of several pairs is formed and factorised.

Examples:
  nanocurv kron solve --left a.npy --right b.npy --vector v.npy --check
  nanocurv kron solve --left a.npy --right b.npy --vector v.npy --damping 1e-3 --out x.npy")]
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
        let (operator, v) = session.read(|| self.product.read::<T>(false))?;
        let found = session.compute(|_| operator.solve(&v))?;
        let check = if self.product.check.check {
            let g = dense::operator(&operator);
            let n = v.values.len() / v.count;
            let (needed, ..) = dense::eliminate(g, n, wide(&v.to_matrix()), v.count);
            let found = v.result_to_matrix(&found)?;
            Some(Difference::of(&found, &needed).within(tolerance))
        } else {
            None
        };
        session.finish(Report::of("result", found), &self.product.out, check)
    }
}
