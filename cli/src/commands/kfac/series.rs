//! `nanocurv kfac series`: the inverse of a temporal block on V.

use anyhow::Result;

use super::input::{check_size, read_square, reference};
use crate::args::{CheckArgs, OutputArgs, choice};
use crate::dense::{Difference, kfac as dense};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::kfac::{BlockSettings, Covariances, Model, Product, series};
use crate::io::{self, Source};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "C0 = mean z_t z_t^T and C1 = sum_{t<T} z_{t+1} z_t^T / (N T), of inputs \
(A) and output gradients (G). L / T is split by pi over A0 and G0.

Example:
  nanocurv kfac series --option 2 --a0 a0.npy --a1 a1.npy --g0 g0.npy --g1 g1.npy --steps 4 \\
      --damping 0.3 --vector v.npy --check")]
pub struct Args {
    /// The temporal model
    #[arg(
        long,
        value_parser = choice::<Model>(),
        value_name = "1|2|independent",
        help_heading = "Block"
    )]
    option: Model,
    /// A0: covariance of the inputs, symmetric
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    a0: Source,
    /// A1: covariance of the inputs with those one step before
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    a1: Option<Source>,
    /// G0: covariance of the output gradients, symmetric
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    g0: Source,
    /// G1: covariance of the output gradients with those one step before
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    g1: Option<Source>,
    /// The number of steps T
    #[arg(long, value_name = "T", help_heading = "Block")]
    steps: usize,
    /// The damping lambda
    #[arg(long, value_name = "L", default_value_t = 0.0, help_heading = "Block")]
    damping: f64,
    /// V: in x out, a bias its last row
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    vector: Source,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        let settings = BlockSettings { damping: self.damping, ..BlockSettings::default() };
        settings.validate(Product::Solve)?;
        anyhow::ensure!(self.steps > 0, "--steps: found 0, needed 1 or more");
        Ok(())
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let (c, v) = session.read(|| {
            let lagged = |source: &Option<Source>| source.as_ref().map(read_square).transpose();
            let a = (read_square::<T>(&self.a0)?, lagged(&self.a1)?);
            let g = (read_square::<T>(&self.g0)?, lagged(&self.g1)?);
            let c = Covariances::new(self.option, a, g)?;
            anyhow::Ok((c, io::read_vectors::<T>(&self.vector)?))
        })?;
        if self.check.check {
            check_size(v.len())?;
        }
        let (steps, lambda, name) = (self.steps, self.damping, self.vector.to_string());
        let found =
            session.compute(|_| series(self.option, &c, steps, lambda, (&name, v.view())))?;
        let check = if self.check.check {
            let [a0, a1, g0, g1] =
                [&c.a0, &c.a1, &c.g0, &c.g1].map(|factor| wide(&factor.to_matrix()));
            let block = match self.option {
                Model::One => dense::Block::series_one([&a0, &a1], [&g0, &g1], steps, lambda),
                Model::Two => dense::Block::series_two([&a0, &a1], [&g0, &g1], steps, lambda),
                Model::Independent => dense::Block::factored(&a0, &g0, steps as f64, lambda, true),
            };
            let reference = reference(block.product(Product::Solve, &wide(&v)))?;
            Some(Difference::of(&found, &reference).within(tolerance))
        } else {
            None
        };
        session.finish(Report::of("result", found), &self.out, check)
    }
}
