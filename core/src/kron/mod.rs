//! Multiply with a Kronecker product, solve with it, take its determinant, find the nearest one:
//! from its two factors ([`Kron`]), never from their product.
//!
//! With every size in a type, for firmware: [`fixed::kron`](crate::fixed::kron).
//!
//! ```text
//! (A (x) B) vec_r(X) = vec_r(A X B^T)     X: n x l, row-major        A: m x n (left)
//! (A (x) B) vec_c(X) = vec_c(B X A^T)     X: l x n, column-stacking  B: k x l (right)
//! ```
//! Both lines are the same `mk x nl` matrix and, as flat vectors, the same product: the row-major
//! `n x l` matrix is the column-major view of its transpose. A right-hand side is one such vector
//! or a `P x K` matrix whose *columns* are such vectors.
//!
//! | file | what |
//! |---|---|
//! | `apply` | `y = (A (x) B) x`, its transpose, `A X B^T` on matrices |
//! | `sum` | the same for `sum_r A_r (x) B_r` |
//! | `product` | more than two factors |
//! | `dense` | the matrix itself and its diagonal, to validate |
//! | `info` | trace, determinant, logarithm of the determinant, Frobenius norm |
//! | `solve` | `(A (x) B)^-1`: LU of general factors, LDL^T of positive definite ones |
//! | `damped` | `(c A (x) B + lambda I)^p` for symmetric factors, exactly |
//! | `nearest` | the Frobenius-nearest sum of Kronecker products |
//! | `fit` | a positive semidefinite fit by random sketches |

pub mod apply;
pub mod damped;
pub mod dense;
pub mod fit;
pub mod info;
pub mod nearest;
pub mod product;
pub mod solve;
pub mod sum;

#[cfg(all(test, feature = "std"))]
mod laws;

pub use apply::apply_scratch;
pub use damped::Damped;
pub use nearest::{Nearest, nearest, nearest_scratch, project_positive, project_positive_scratch};
pub use solve::{KronLdlt, KronLu};

use crate::error::{
    LinalgError, NonFiniteError, ScratchError, ShapeError, error_type, from_common_errors,
};
use crate::matrix::Mat;
use crate::scalar::Real;
use core::fmt;

/// `left (x) right`, kept as its factors: `m x n` and `k x l`, `mk x nl` as an operator.
#[derive(Clone, Copy, Debug)]
pub struct Kron<'a, T> {
    /// The left factor, A: it acts on the slow index of a vector.
    pub left: Mat<'a, T>,
    /// The right factor, B: it acts on the fast index of a vector.
    pub right: Mat<'a, T>,
}

impl<'a, T: Real> Kron<'a, T> {
    /// `left (x) right`.
    pub fn new(left: impl Into<Mat<'a, T>>, right: impl Into<Mat<'a, T>>) -> Self {
        Self { left: left.into(), right: right.into() }
    }

    /// Rows of the product.
    pub const fn rows(&self) -> usize {
        self.left.rows() * self.right.rows()
    }

    /// Columns of the product.
    pub const fn cols(&self) -> usize {
        self.left.cols() * self.right.cols()
    }

    /// Both factors are finite.
    fn check_finite(&self) -> Result<(), KronError> {
        NonFiniteError::check_matrix("left", self.left)?;
        NonFiniteError::check_matrix("right", self.right)?;
        Ok(())
    }
}

/// How a matrix is read as a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Order {
    /// Row after row: X is `n x l` and the product is `A X B^T`.
    RowMajor,
    /// Column after column: X is `l x n` and the product is `B X A^T`.
    ColumnStacking,
}

error_type! {
    /// Kronecker algebra cannot go on.
    pub enum KronError {
        /// An argument has the wrong size.
        Shape(ShapeError),
        /// The scratch slice is too short.
        Scratch(ScratchError),
        /// An argument holds an infinity or a NaN.
        NonFinite(NonFiniteError),
        /// The left factor cannot be factorised.
        Left(LinalgError),
        /// The right factor cannot be factorised.
        Right(LinalgError),
        /// An eigenvalue of the damped product is zero (or, for a fractional power, negative):
        /// that of the pair of eigenvectors `left`, `right`.
        Singular {
            /// The index of the left factor's eigenvalue, ascending.
            left: u32,
            /// The index of the right factor's eigenvalue, ascending.
            right: u32,
        },
        /// A sum without terms or a product without factors.
        Empty,
    }
}
from_common_errors!(KronError);

impl fmt::Display for KronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(e) => e.fmt(f),
            Self::Scratch(e) => e.fmt(f),
            Self::NonFinite(e) => e.fmt(f),
            Self::Left(e) => write!(f, "left factor: {e}"),
            Self::Right(e) => write!(f, "right factor: {e}"),
            Self::Singular { left, right } => write!(
                f,
                "the damped product is singular: the eigenvalue of the pair ({left}, {right}) is \
                 not positive"
            ),
            Self::Empty => write!(f, "needed at least one Kronecker product, found none"),
        }
    }
}
