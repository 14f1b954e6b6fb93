//! Sums of Kronecker products, term by term: `G = sum_r A_r (x) B_r`, all of one shape.
//!
//! ```text
//! trace G     = sum_r tr A_r tr B_r
//! |G|_F^2     = sum_rs <A_r, A_s> <B_r, B_s>
//! G x         = sum_r (A_r (x) B_r) x
//! ```

use super::apply::two_sided;
use super::{Kron, KronError, apply_scratch};
use crate::error::{NonFiniteError, ShapeError};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;

/// The rows and columns of the sum.
///
/// # Errors
/// No terms, or terms of different shapes.
pub fn shape<T: Real>(terms: &[Kron<'_, T>]) -> Result<(usize, usize), KronError> {
    let first = terms.first().ok_or(KronError::Empty)?;
    for term in terms {
        ShapeError::check("term rows", first.rows(), term.rows())?;
        ShapeError::check("term columns", first.cols(), term.cols())?;
    }
    Ok((first.rows(), first.cols()))
}

/// The scratch of [`apply`]: what the term with the largest intermediate needs.
pub fn scratch<T: Real>(terms: &[Kron<'_, T>]) -> usize {
    terms
        .iter()
        .map(|t| apply_scratch((t.left.rows(), t.left.cols()), (t.right.rows(), t.right.cols())))
        .max()
        .unwrap_or(0)
}

/// `Y = sum_r (A_r (x) B_r) X` for the columns of `x`, or with the transposes.
///
/// # Errors
/// As [`Kron::apply`], and terms that do not fit together.
pub fn apply<T: Real>(
    terms: &[Kron<'_, T>],
    transpose: bool,
    x: Mat<'_, T>,
    mut y: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), KronError> {
    shape(terms)?;
    let mut beta = T::ZERO;
    for term in terms {
        term.accumulate(transpose, x, beta, y.reborrow(), scratch)?;
        beta = T::ONE;
    }
    Ok(())
}

/// The trace of the sum (of square products).
///
/// # Errors
/// Terms that do not fit together or are not square.
pub fn trace<T: Real>(terms: &[Kron<'_, T>]) -> Result<T, KronError> {
    shape(terms)?;
    let mut sum = T::ZERO;
    for term in terms {
        sum += term.trace()?;
    }
    Ok(sum)
}

/// The Frobenius norm of the sum; the factors of all terms have one shape.
///
/// Small differences of large terms cancel: the error is about `EPSILON` times the sum of the
/// terms' norms, under the root.
///
/// # Errors
/// Terms that do not fit together, a value that is not finite.
pub fn frobenius<T: Real>(terms: &[Kron<'_, T>]) -> Result<T, KronError> {
    let first = terms.first().ok_or(KronError::Empty)?;
    let (a, b) = (first.left, first.right);
    let mut sum = T::ZERO;
    for (i, x) in terms.iter().enumerate() {
        x.left.check(("left rows", "left columns"), a.rows(), a.cols())?;
        x.right.check(("right rows", "right columns"), b.rows(), b.cols())?;
        x.check_finite()?;
        for (j, y) in terms.iter().enumerate().take(i + 1) {
            let product = inner(x.left, y.left) * inner(x.right, y.right);
            sum += if i == j { product } else { T::TWO * product };
        }
    }
    Ok(sum.max(T::ZERO).sqrt())
}

/// `<X, Y> = sum x_ij y_ij`.
pub(super) fn inner<T: Real>(x: Mat<'_, T>, y: Mat<'_, T>) -> T {
    x.columns().zip(y.columns()).fold(T::ZERO, |sum, (x, y)| sum + crate::linalg::dot(x, y))
}

/// `Y = sum_r A_r X B_r^T`, or `sum_r A_r^T X B_r`: the run-time sized part, compiled once for all
/// shapes.
pub(crate) fn add_up<T: Real>(
    terms: &[Kron<'_, T>],
    transpose: bool,
    x: Mat<'_, T>,
    mut y: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), KronError> {
    NonFiniteError::check_matrix("x", x)?;
    let mut beta = T::ZERO;
    for term in terms {
        term.check_finite()?;
        two_sided(term.left, x, term.right, transpose, beta, y.reborrow(), scratch)?;
        beta = T::ONE;
    }
    Ok(())
}
