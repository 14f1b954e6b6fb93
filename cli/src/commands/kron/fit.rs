//! `kron fit`: a positive semidefinite Kronecker product by random sketches.

use anyhow::{Result, bail};
use ndarray::Array2;

use super::args::FactorArgs;
use crate::args::{CheckArgs, OutputArgs};
use crate::dense::{Difference, kron as dense};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::kron::{FactorSizes, FitSettings, Target, Terms, fit};
use crate::io::{self, Source};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Model: sum_r (L_r L_r^T) (x) (R_r R_r^T), fitted to V^T G V for a new standard \
normal V (NL NR x K) at every step, by Adam (0.9, 0.99).
Result: `loss` (the mean squared entry of the difference of the sketches, before each step) and \
the products `left_0` = L_0 L_0^T, `right_0` = R_0 R_0^T, ....

Examples:
  nanocurv kron fit --matrix g.npy --shape 5,3 --sketches 2 --iterations 300 --seed 1
  nanocurv kron fit --left a.npy --right b.npy --shape 5,3 --sketches 4 --iterations 2000 \\
    --learning-rate 1e-2 --out fit.npz"
)]
pub struct Args {
    /// The target G, NL NR x NL NR
    #[arg(long, value_name = "FILE", conflicts_with_all = ["left", "right"])]
    matrix: Option<Source>,
    #[command(flatten)]
    factors: FactorArgs,
    /// Rows of the left and of the right factors
    #[arg(long, value_name = "NL,NR")]
    shape: FactorSizes,
    /// The number of products in the model
    #[arg(long, default_value_t = 1, value_name = "R")]
    rank: usize,
    /// Columns of a sketch
    #[arg(long, default_value_t = 2, value_name = "K")]
    sketches: usize,
    /// Steps
    #[arg(long, default_value_t = 300, value_name = "N")]
    iterations: usize,
    /// Adam's step size
    #[arg(long, default_value_t = 1e-4, value_name = "E")]
    learning_rate: f64,
    /// The same seed gives the same numbers on every machine
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// What is fitted, as read.
enum Given<T> {
    Matrix(Array2<T>),
    Terms(Terms<T>),
}

impl Args {
    fn read<T: Float>(&self) -> Result<Given<T>> {
        if let Some(matrix) = &self.matrix {
            let g = io::read_matrix(matrix)?;
            self.shape.require(&matrix.to_string(), g.dim())?;
            return Ok(Given::Matrix(g));
        }
        if self.factors.left.is_empty() && self.factors.right.is_empty() {
            bail!("needed a target: --matrix G, or --left A --right B");
        }
        Ok(Given::Terms(self.factors.read()?))
    }
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let given = session.read(|| self.read::<T>())?;
        let target = match &given {
            Given::Matrix(g) => Target::Matrix(g.view()),
            Given::Terms(terms) => Target::Terms(terms),
        };
        let settings = FitSettings {
            sizes: self.shape,
            rank: self.rank,
            sketches: self.sketches,
            iterations: self.iterations,
            learning_rate: self.learning_rate,
            seed: self.seed,
        };
        let mut witness = self.check.check.then(|| {
            let g = match &given {
                Given::Matrix(g) => wide(g),
                Given::Terms(terms) => dense::sum(terms, 0.0),
            };
            dense::FitWitness::<T>::new(g, settings)
        });
        let found = session.compute(|watch| {
            let before_step = |parameters: &[T]| {
                if let Some(witness) = &mut witness {
                    witness.expect(parameters);
                }
            };
            fit(&target, &settings, before_step, watch)
        })?;
        let check =
            witness.map(|witness| Difference::of(&found.losses, &witness.losses).within(tolerance));
        let mut report = Report::of("loss", found.losses);
        for (r, (left, right)) in found.factors.into_iter().enumerate() {
            report.array(format!("left_{r}"), left).array(format!("right_{r}"), right);
        }
        session.finish(report, &self.out, check)
    }
}
