//! The factors and right-hand sides that the `kron` commands share.

use anyhow::{Error, Result, anyhow, bail, ensure};
use nanocurv::Mat;
use nanocurv::kron::{Kron, KronError};

use crate::array::{Array, Float, Matrix, Shape, zeros};
use crate::dense::kron as dense;
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

/// How a vector is read as a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Order {
    /// Row after row: (A (x) B) vec(X) = vec(A X B^T), X is n x l
    #[default]
    Row,
    /// Column after column: (A (x) B) vec(X) = vec(B X A^T), X is l x n
    Column,
}

/// A factor, columns one after the other.
#[derive(Clone, Debug)]
pub struct Factor<T> {
    /// Its file.
    pub source: Source,
    /// Its rows and columns.
    pub shape: (usize, usize),
    values: Vec<T>,
}

/// A sum of Kronecker products.
#[derive(Clone, Debug)]
pub struct Terms<T> {
    /// Left and right factors.
    pub pairs: Vec<(Factor<T>, Factor<T>)>,
}

/// Rows as columns and back: an `m x n` row-major matrix is column-major afterwards.
pub fn transposed<T: Copy>(values: &[T], m: usize, n: usize) -> Vec<T> {
    (0..n).flat_map(|j| values.iter().skip(j).step_by(n.max(1)).take(m).copied()).collect()
}

impl<T: Float> Factor<T> {
    /// The factor whose row-major values are `values`.
    pub fn new(source: Source, shape: (usize, usize), values: &[T]) -> Self {
        Self { source, shape, values: transposed(values, shape.0, shape.1) }
    }

    /// Reads a factor.
    ///
    /// # Errors
    /// As [`io::read_matrix`].
    pub fn read(source: &Source) -> Result<Self> {
        let Matrix { rows, cols, values } = io::read_matrix::<T>(source)?;
        Ok(Self::new(source.clone(), (rows, cols), &values))
    }

    /// The core's view.
    pub fn view(&self) -> Mat<'_, T> {
        Mat::of(&self.values, self.shape.0, self.shape.1)
    }

    /// Row-major, in double precision.
    pub fn to_f64(&self) -> Vec<f64> {
        let values: Vec<f64> = self.values.iter().map(|v| v.to_f64()).collect();
        transposed(&values, self.shape.1, self.shape.0)
    }

    /// Fails if the factor is not square.
    ///
    /// # Errors
    /// If so.
    pub fn require_square(&self) -> Result<()> {
        let (rows, cols) = self.shape;
        ensure!(
            rows == cols,
            "{}: found a {rows} x {cols} matrix, needed a square one",
            self.source
        );
        Ok(())
    }
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
            .map(|(left, right)| Ok((Factor::read(left)?, Factor::read(right)?)))
            .collect::<Result<Vec<_>>>()?;
        let terms = Terms { pairs };
        let needed = terms.shape();
        for (left, right) in &terms.pairs {
            let found = product_shape(left, right);
            ensure!(
                found == needed,
                "{} (x) {}: found shape {}, needed {} as the first pair has; only products of one \
                 shape can be added",
                left.source,
                right.source,
                Shape(&[found.0, found.1]),
                Shape(&[needed.0, needed.1])
            );
        }
        Ok(terms)
    }
}

fn product_shape<T>(left: &Factor<T>, right: &Factor<T>) -> (usize, usize) {
    (left.shape.0.saturating_mul(right.shape.0), left.shape.1.saturating_mul(right.shape.1))
}

impl<T: Float> Terms<T> {
    /// Rows and columns of the sum.
    pub fn shape(&self) -> (usize, usize) {
        self.pairs.first().map_or((0, 0), |(left, right)| product_shape(left, right))
    }

    /// The core's views.
    pub fn views(&self) -> Vec<Kron<'_, T>> {
        self.pairs.iter().map(|(a, b)| Kron { left: a.view(), right: b.view() }).collect()
    }

    /// The number of rows of a square sum.
    ///
    /// # Errors
    /// If it is not square.
    pub fn square(&self) -> Result<usize> {
        let (rows, cols) = self.shape();
        if rows != cols {
            for (left, right) in &self.pairs {
                left.require_square()?;
                right.require_square()?;
            }
        }
        Ok(rows)
    }

    /// The only pair, if there is one pair.
    pub fn single(&self) -> Option<&(Factor<T>, Factor<T>)> {
        match self.pairs.as_slice() {
            [pair] => Some(pair),
            _ => None,
        }
    }

    /// The sum plus `damping I`, formed in double precision, row-major.
    ///
    /// # Errors
    /// If it does not fit into memory.
    pub fn reference(&self, damping: f64) -> Result<Vec<f64>> {
        let (rows, cols) = self.shape();
        let mut sum = zeros::<f64>(&[rows, cols])?;
        for (a, b) in &self.pairs {
            let term = dense::kronecker(&a.to_f64(), a.shape, &b.to_f64(), b.shape);
            sum.iter_mut().zip(term).for_each(|(s, t)| *s += t);
        }
        sum.iter_mut().step_by(cols + 1).for_each(|d| *d += damping);
        Ok(sum)
    }

    /// The error of the core, with the file in place of the factor.
    pub fn explain(&self, error: KronError) -> Error {
        match (error, self.single()) {
            (KronError::Left(e), Some((left, _))) => anyhow!("{}: {e}", left.source),
            (KronError::Right(e), Some((_, right))) => anyhow!("{}: {e}", right.source),
            (e, Some((left, right))) => anyhow!("{} (x) {}: {e}", left.source, right.source),
            (e, None) => anyhow!("the sum of products: {e}"),
        }
    }
}

/// The vectors that an operator acts on.
#[derive(Clone, Debug)]
pub struct Vectors<T> {
    /// The vectors, one after the other.
    pub values: Vec<T>,
    /// How many.
    pub count: usize,
    form: Form,
}

/// How the file holds them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// One vector, `P`.
    Vector,
    /// The columns of a `P x K` matrix.
    Columns,
    /// One vector, in the form of the matrix X.
    Matrix,
}

impl<T: Float> Vectors<T> {
    /// `count` vectors, one after the other.
    pub fn columns(values: Vec<T>, count: usize) -> Self {
        Self { values, count, form: Form::Columns }
    }

    /// Reads `P`, `P x K` or the matrix X itself, where `P = slow * fast` and X is `slow x fast`
    /// (row order) or `fast x slow` (column order).
    ///
    /// # Errors
    /// If the file is not readable or has another shape.
    pub fn read(source: &Source, (slow, fast): (usize, usize), order: Order) -> Result<Self> {
        let array = io::read_array(source)?;
        let axes = array.shape().len();
        let Matrix { rows, cols, values } = io::matrix::<T>(array, source)?;
        let p = slow * fast;
        let x = if order == Order::Row { (slow, fast) } else { (fast, slow) };
        let (form, values) = if rows == p && axes == 1 {
            (Form::Vector, values)
        } else if rows == p {
            // Each column is a vector: made contiguous before anything is reshaped.
            (Form::Columns, transposed(&values, rows, cols))
        } else if (rows, cols) == x {
            (
                Form::Matrix,
                if order == Order::Row { values } else { transposed(&values, rows, cols) },
            )
        } else {
            bail!(
                "{source}: found {rows} rows and {cols} columns, needed {p} rows (one vector, or \
                 one a column), or the {} x {} matrix X",
                x.0,
                x.1
            )
        };
        let count = if form == Form::Columns { cols } else { 1 };
        Ok(Self { values, count, form })
    }

    /// A result of the same form, whose vectors have `slow * fast` entries.
    pub fn array(&self, found: Vec<T>, (slow, fast): (usize, usize), order: Order) -> Array {
        let p = slow * fast;
        match (self.form, order) {
            (Form::Vector, _) => Array::vector(found),
            (Form::Columns, _) => Array::new(&[p, self.count], transposed(&found, self.count, p)),
            (Form::Matrix, Order::Row) => Array::new(&[slow, fast], found),
            (Form::Matrix, Order::Column) => {
                Array::new(&[fast, slow], transposed(&found, slow, fast))
            }
        }
    }

    /// The vectors as the columns of a row-major matrix, in double precision.
    pub fn to_f64(&self) -> Vec<f64> {
        columns_to_f64(&self.values, self.count)
    }
}

/// `count` vectors as the columns of a row-major matrix.
pub fn columns_to_f64<T: Float>(values: &[T], count: usize) -> Vec<f64> {
    let values: Vec<f64> = values.iter().map(|v| v.to_f64()).collect();
    let p = values.len() / count.max(1);
    transposed(&values, count, p)
}
