//! `kron nearest`: the Frobenius-nearest sum of Kronecker products.

use anyhow::Result;

use crate::args::{CheckArgs, OutputArgs};
use crate::dense::kron::check_nearest;
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::kron::{FactorSizes, nearest};
use crate::io::{self, Source};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `left_0`, `right_0`, `left_1`, ... and `residual`, the Frobenius norm of \
what is left. The common sign of two factors makes both traces positive where it can.

Examples:
  nanocurv kron nearest --matrix g.npy --shape 5,3 --out factors.npz
  nanocurv kron nearest --matrix g.npy --shape 5,3 --rank 2 --positive --check"
)]
pub struct Args {
    /// The matrix G, NL NR x NL NR
    #[arg(long, value_name = "FILE")]
    matrix: Source,
    /// Rows of the left and of the right factors
    #[arg(long, value_name = "NL,NR")]
    shape: FactorSizes,
    /// The number of products
    #[arg(long, default_value_t = 1, value_name = "R")]
    rank: usize,
    /// Project each factor on the cone of positive semidefinite matrices
    #[arg(long)]
    positive: bool,
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
        let g = session.read(|| io::read_matrix::<T>(&self.matrix))?;
        self.shape.require(&self.matrix.to_string(), g.dim())?;
        let found = session.compute(|_| nearest(g.view(), self.shape, self.rank, self.positive))?;
        let check = self
            .check
            .check
            .then(|| check_nearest(&found, &wide(&g), self.shape, self.positive, tolerance));
        let mut report = Report::new();
        for (r, (left, right)) in found.factors.into_iter().enumerate() {
            report.array(format!("left_{r}"), left).array(format!("right_{r}"), right);
        }
        report.number("residual", found.residual.to_f64());
        session.finish(report, &self.out, check)
    }
}
