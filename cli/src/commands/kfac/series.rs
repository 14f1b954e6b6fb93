//! `nanocurv kfac series`: the inverse of a temporal block on V.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use nanocurv::kfac::{KfacError, Series, SeriesOption, series_scratch, solve_scratch};
use nanocurv::{Mat, MatMut};

use super::{Block, Vector, check_size, damping, name, read_square, reference, view};
use crate::args::{CheckArgs, Dtype, OutputArgs};
use crate::array::{Float, Matrix, zeros};
use crate::check::Difference;
use crate::dense::kfac::{self as dense, Product};
use crate::exit::Outcome;
use crate::io::Source;
use crate::report::Report;
use crate::session::Session;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "C0 = mean z_t z_t^T and C1 = sum_{t<T} z_{t+1} z_t^T / (N T), of inputs \
(A) and output gradients (G). L / T is split by pi over A0 and G0.

Example:
  nanocurv kfac series --option 2 --a0 a0.npy --a1 a1.npy --g0 g0.npy --g1 g1.npy --steps 4 \\
      --damping 0.3 --vector v.npy --check")]
pub struct Args {
    /// The temporal model
    #[arg(long, value_enum, value_name = "1|2|independent", help_heading = "Block")]
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

/// `--option`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Model {
    /// Finite T, symmetric cross-covariances
    #[value(name = "1")]
    One,
    /// Infinitely long sequences
    #[value(name = "2")]
    Two,
    /// Independence over time: T (A0 (x) G0)
    Independent,
}

/// A0, A1, G0, G1; the lag-one matrices transposed, as columns.
struct Covariances<T> {
    a0: Matrix<T>,
    a1: Matrix<T>,
    g0: Matrix<T>,
    g1: Matrix<T>,
}

impl Args {
    /// Runs the command.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session),
            Dtype::F64 => self.run_as::<f64>(session),
        }
    }

    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        self.out.validate()?;
        let tolerance = self.check.tolerance::<T>()?;
        damping::<T>(self.damping)?;
        ensure!(self.steps > 0, "--steps: found 0, needed 1 or more");
        let (c, v) = session.read(|| {
            let c = self.read::<T>()?;
            let v = Vector::<T>::read(&self.vector)?;
            let v = v.into_block(&self.vector, c.a0.rows, c.g0.rows)?;
            anyhow::Ok((c, v))
        })?;
        if self.check.check {
            check_size(v.values.len())?;
        }
        let given: Vec<f64> = v.row_major().iter().map(|v| v.to_f64()).collect();
        let result = session.compute(|| self.compute(&c, v))?;
        let check = if self.check.check {
            let [a0, a1, g0, g1] = [&c.a0, &c.a1, &c.g0, &c.g1].map(Matrix::to_f64);
            let (steps, lambda) = (self.steps, self.damping);
            let block = match self.option {
                Model::One => dense::Block::series_one([&a0, &a1], [&g0, &g1], steps, lambda),
                Model::Two => dense::Block::series_two([&a0, &a1], [&g0, &g1], steps, lambda),
                Model::Independent => dense::Block::factored(&a0, &g0, steps as f64, lambda, true),
            };
            let reference = reference(block.product(Product::Solve, &given))?;
            Some(Difference::between(&result.row_major(), &reference).within(tolerance))
        } else {
            None
        };
        session.finish(Report::of("result", result.into_array()), &self.out, check)
    }

    fn read<T: Float>(&self) -> Result<Covariances<T>> {
        let lagged = |source: &Option<Source>, zero: &Source, c0: &Matrix<T>, option: &str| {
            let Some(source) = source else {
                ensure!(
                    self.option == Model::Independent,
                    "--{option} is missing: --option 1 and 2 need the lag-one covariances"
                );
                let values = zeros::<T>(&[c0.rows, c0.rows])?;
                return Ok(Matrix { values, ..*c0 });
            };
            let c1 = read_square::<T>(source)?;
            ensure!(
                c1.rows == c0.rows,
                "{source}: found {0} x {0}, needed {1} x {1}, as {zero} has",
                c1.rows,
                c0.rows
            );
            Ok(c1)
        };
        let (a0, g0) = (read_square(&self.a0)?, read_square(&self.g0)?);
        let a1 = lagged(&self.a1, &self.a0, &a0, "a1")?;
        let g1 = lagged(&self.g1, &self.g0, &g0, "g1")?;
        Ok(Covariances { a0, a1, g0, g1 })
    }

    fn compute<T: Float>(&self, c: &Covariances<T>, mut v: Block<T>) -> Result<Block<T>> {
        let (n, m) = (v.rows, v.cols);
        let lambda = T::of(self.damping);
        let option = match self.option {
            Model::One => Some(SeriesOption::One),
            Model::Two => Some(SeriesOption::Two),
            Model::Independent => None,
        };
        let len = option.map_or(solve_scratch(n, m), |_| series_scratch(n, m));
        let mut scratch = zeros::<T>(&[len])?;
        let (a1, g1) = (transposed(&c.a1), transposed(&c.g1));
        let mut run = || -> Result<(), KfacError> {
            let a = (view(&c.a0), Mat::of(&a1, n, n));
            let g = (view(&c.g0), Mat::of(&g1, m, m));
            let series = Series::new(a, g, self.steps)?;
            let block = series.independent().checked()?;
            let v = MatMut::of(&mut v.values, n, m);
            match option {
                Some(option) => series.solve(option, lambda, v, &mut scratch),
                None => block.solve(series.split(lambda)?, v, &mut scratch),
            }
        };
        run().map_err(|e| name(e, &self.a0, &self.g0))?;
        Ok(v)
    }
}

/// Row-major values in columns.
fn transposed<T: Float>(m: &Matrix<T>) -> Vec<T> {
    let columns = (0..m.cols).flat_map(|j| (0..m.rows).map(move |i| i * m.cols + j));
    columns.map(|at| m.values[at]).collect()
}
