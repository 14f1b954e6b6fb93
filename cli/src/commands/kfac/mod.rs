//! `nanocurv kfac`: factors of a network, and one block at a time. One file a verb.

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Subcommand;
use nanocurv::kfac::{KfacError, Side};

use crate::array::{Array, Float, Matrix};
use crate::exit::Outcome;
use crate::io::{self, Source};
use crate::session::Session;

mod block;
mod diagonal;
mod factors;
mod full;
mod series;

pub use factors::{Fisher, accumulate, core_labels, core_loss, core_targets};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "V is in x out, or (in+1) x out with the bias last: the transpose of PyTorch's \
gradient.

Examples:
  nanocurv kfac factors --net net.safetensors --activation tanh --data x.npy --targets y.npy \\
      --loss mse --out factors.npz
  nanocurv kfac solve --factor-a factors.npz:0.A --factor-g factors.npz:0.G --vector v.npy \\
      --damping 0.1 --check"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    /// The Kronecker factors of every layer of a network
    Factors(factors::Args),
    /// C (A + a I) V (G + g I), the damped block times V
    Apply(block::Args),
    /// Its inverse times V
    Solve(block::Args),
    /// Its power P times V
    Power(block::PowerArgs),
    /// Its triangular root times V: sqrt(C) L_A V L_G^T
    Cholesky(block::CholeskyArgs),
    /// A diagonal block
    Diagonal(diagonal::Args),
    /// A full block
    Full(full::Args),
    /// The inverse of a temporal block times V
    Series(series::Args),
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match &self.verb {
            Verb::Factors(args) => args.run(session),
            Verb::Apply(args) => args.apply(session),
            Verb::Solve(args) => args.solve(session),
            Verb::Power(args) => args.run(session),
            Verb::Cholesky(args) => args.run(session),
            Verb::Diagonal(args) => args.run(session),
            Verb::Full(args) => args.run(session),
            Verb::Series(args) => args.run(session),
        }
    }
}

/// A vector in its file's shape.
struct Vector<T> {
    shape: Vec<usize>,
    values: Vec<T>,
}

impl<T: Float> Vector<T> {
    fn read(source: &Source) -> Result<Self> {
        let shape = io::read_array(source)?.shape().to_vec();
        Ok(Self { shape, values: io::read_matrix::<T>(source)?.values })
    }

    /// As an `in x out` matrix, in columns; a flat vector is read row by row.
    fn into_block(self, source: &Source, rows: usize, cols: usize) -> Result<Block<T>> {
        let fits = match *self.shape.as_slice() {
            [r, c] => (r, c) == (rows, cols) || (c == 1 && r == rows * cols),
            [len] => len == rows * cols,
            _ => false,
        };
        ensure!(
            fits,
            "{source}: found shape {}, needed ({rows}, {cols}), the sizes of A and G",
            crate::array::Shape(&self.shape)
        );
        let columns = (0..cols).flat_map(|j| (0..rows).map(move |i| i * cols + j));
        let values = columns.map(|at| self.values[at]).collect();
        Ok(Block { rows, cols, values, shape: self.shape })
    }

    fn to_f64(&self) -> Vec<f64> {
        self.values.iter().map(|v| v.to_f64()).collect()
    }
}

/// An `in x out` matrix in columns, as the core takes it.
struct Block<T> {
    rows: usize,
    cols: usize,
    values: Vec<T>,
    shape: Vec<usize>,
}

impl<T: Float> Block<T> {
    /// The values row by row.
    fn row_major(&self) -> Vec<T> {
        let rows = (0..self.rows).flat_map(|i| (0..self.cols).map(move |j| i + j * self.rows));
        rows.map(|at| self.values[at]).collect()
    }

    fn into_array(self) -> Array {
        Array::new(&self.shape, self.row_major())
    }
}

/// Reads a square matrix. The core sees its transpose, which is itself if it is symmetric.
fn read_square<T: Float>(source: &Source) -> Result<Matrix<T>> {
    let m = io::read_matrix::<T>(source)?;
    ensure!(m.rows == m.cols, "{source}: found {} x {}, needed a square matrix", m.rows, m.cols);
    Ok(m)
}

/// The core's view of a symmetric matrix.
fn view<T: Float>(m: &Matrix<T>) -> nanocurv::Mat<'_, T> {
    m.batch()
}

/// Names the file of the factor that an error is about.
fn name(error: KfacError, a: &Source, g: &Source) -> anyhow::Error {
    match error {
        KfacError::Factor { side, error, .. } => {
            let (file, letter) = match side {
                Side::Input => (a, "A"),
                Side::Output => (g, "G"),
                Side::Whole => (a, "F"),
            };
            anyhow!(
                "{file}: {letter}: {error}; is it the right factor, and is --damping large enough?"
            )
        }
        KfacError::NegativeTrace { side: Side::Output } => anyhow!("{g}: {error}"),
        KfacError::NegativeTrace { .. } => anyhow!("{a}: {error}"),
        error => anyhow!("{a}, {g}: {error}"),
    }
}

/// The damping, checked before anything is read.
fn damping<T: Float>(lambda: f64) -> Result<T> {
    ensure!(lambda >= 0.0 && lambda.is_finite(), "--damping: found {lambda}, needed 0 or more");
    Ok(T::of(lambda))
}

/// What only small blocks can be held against.
fn check_size(parameters: usize) -> Result<()> {
    const LIMIT: usize = 6000;
    if parameters > LIMIT {
        bail!(
            "--check forms the block, {parameters} x {parameters}; it is meant for up to {LIMIT}: \
             leave --check out"
        );
    }
    Ok(())
}

/// A reference that must exist.
fn reference(found: Option<Vec<f64>>) -> Result<Vec<f64>> {
    found.context("--check: the dense reference is singular")
}
