//! What the `kron` verbs share: factors, vectors, and an operator that is applied or solved with.

use anyhow::{Result, ensure};

use crate::args::{CheckArgs, OutputArgs, choice};
use crate::desktop::Float;
use crate::desktop::kron::{Factor, Operator, Order, Terms, Vectors};
use crate::io::{self, Source};

/// The factors, pair by pair.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Factors")]
pub struct FactorArgs {
    /// The left factor A, m x n: .npy, .csv or FILE.npz:NAME; repeat with --right for a sum
    #[arg(long, value_name = "FILE")]
    pub left: Vec<Source>,
    /// The right factor B, k x l
    #[arg(long, value_name = "FILE")]
    pub right: Vec<Source>,
}

/// What the operator is besides its factors.
#[derive(Clone, Debug, clap::Args)]
pub struct OperatorArgs {
    #[command(flatten)]
    factors: FactorArgs,
    /// How a vector is read as the matrix X, between whose sides the factors stand. A flat vector
    /// is multiplied by the same matrix A (x) B in either order
    #[arg(long, value_parser = choice::<Order>(), default_value_t, value_name = "ORDER")]
    order: Order,
    /// The transpose (A (x) B)^T
    #[arg(long)]
    transpose: bool,
    /// Add L I to the (square) product
    #[arg(long, value_name = "L")]
    damping: Option<f64>,
}

/// The arguments of the verbs that take vectors.
#[derive(Debug, clap::Args)]
pub struct ProductArgs {
    #[command(flatten)]
    pub operator: OperatorArgs,
    /// One vector (P), one a column (P x K), or the matrix X itself (see --order)
    #[arg(long, value_name = "FILE")]
    vector: Source,
    #[command(flatten)]
    pub out: OutputArgs,
    #[command(flatten)]
    pub check: CheckArgs,
}

/// Reads a factor.
pub fn read_factor<T: Float>(source: &Source) -> Result<Factor<T>> {
    Ok(Factor::new(source.to_string(), io::read_matrix::<T>(source)?.view()))
}

impl FactorArgs {
    /// Reads the pairs.
    ///
    /// # Errors
    /// If a file is not readable, the numbers of left and right factors differ, or the products
    /// have different shapes.
    pub fn read<T: Float>(&self) -> Result<Terms<T>> {
        ensure!(
            !self.left.is_empty() && self.left.len() == self.right.len(),
            "found {} --left and {} --right, needed as many of one as of the other, at least one",
            self.left.len(),
            self.right.len()
        );
        let pairs = self.left.iter().zip(&self.right);
        let pairs = pairs
            .map(|(left, right)| Ok((read_factor(left)?, read_factor(right)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Terms::new(pairs)?)
    }
}

impl OperatorArgs {
    /// Reads the factors.
    ///
    /// # Errors
    /// As [`FactorArgs::read`], or if the damping is no such number.
    pub fn read<T: Float>(&self) -> Result<Operator<T>> {
        Ok(Operator::new(self.factors.read()?, self.transpose, self.damping)?)
    }
}

impl ProductArgs {
    /// Reads the operator and the vectors: what goes in, or what came out of a square one.
    ///
    /// # Errors
    /// If a file is not readable or does not fit the others.
    pub fn read<T: Float>(&self, input: bool) -> Result<(Operator<T>, Vectors<T>)> {
        let operator = self.operator.read::<T>()?;
        if !input {
            operator.terms().square()?;
        }
        let (from, to) = operator.sides();
        let v = io::read_vectors::<T>(&self.vector)?;
        let name = self.vector.to_string();
        let side = if input { from } else { to };
        let v = Vectors::new(&name, v.view(), side, self.operator.order)?;
        Ok((operator, v))
    }
}
