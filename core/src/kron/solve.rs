//! `(A (x) B)^-1 = A^-1 (x) B^-1`, by factorising the two factors and never the product.
//!
//! ```text
//! Y = B^-1 X A^-T      X: k x m, one column of the right-hand side; A: m x m, B: k x k
//! ```
//! [`KronLu`] takes general factors (LU with partial pivoting), [`KronLdlt`] symmetric positive
//! definite ones: `(m^3 + k^3) / 3` or `/ 6` multiply-accumulates once, `mk (m + k)` per
//! right-hand side.

use super::info::LogDeterminant;
use super::{Kron, KronError};
use crate::error::{NonFiniteError, ScratchError, ShapeError, check_result};
use crate::linalg::{
    check_symmetric, ldlt, ldlt_logdet, ldlt_solve, ldlt_solve_right, lu, lu_log_determinant,
    lu_solve, lu_solve_right, lu_solve_right_transpose, lu_solve_transpose,
};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The memory of [`KronLu`] and [`KronLdlt`], in values, for factors of `left` and `right` rows.
pub const fn memory(left: usize, right: usize) -> usize {
    left * left + right * right
}

/// The pivots of [`KronLu`].
pub const fn pivots(left: usize, right: usize) -> usize {
    left + right
}

/// The LU factors of a product of general square factors.
#[derive(Clone, Copy, Debug)]
pub struct KronLu<'s, T> {
    left: Mat<'s, T>,
    right: Mat<'s, T>,
    left_pivots: &'s [usize],
    right_pivots: &'s [usize],
}

impl<'s, T: Real> KronLu<'s, T> {
    /// Factorises `kron` into `pivots` ([`pivots`] of them) and `memory` ([`memory`] values).
    ///
    /// # Errors
    /// Wrong sizes, short memory, values that are not finite, and a singular factor: which one,
    /// and its pivot.
    pub fn new(
        kron: Kron<'_, T>,
        pivots: &'s mut [usize],
        memory: &'s mut [T],
    ) -> Result<Self, KronError> {
        kron.check_square()?;
        let (m, k) = (kron.left.rows(), kron.right.rows());
        let mut scratch = Scratch::new(memory, self::memory(m, k))?;
        let found = pivots.len();
        let short = KronError::Scratch(ScratchError::new(self::pivots(m, k), found));
        let (left_pivots, rest) = pivots.split_at_mut_checked(m).ok_or(short)?;
        let right_pivots = rest.get_mut(..k).ok_or(short)?;
        let (mut left, mut right) = (scratch.matrix(m, m)?, scratch.matrix(k, k)?);
        left.copy_from(kron.left);
        right.copy_from(kron.right);
        lu(left.reborrow(), left_pivots).map_err(KronError::Left)?;
        lu(right.reborrow(), right_pivots).map_err(KronError::Right)?;
        Ok(Self { left: left.into_ref(), right: right.into_ref(), left_pivots, right_pivots })
    }

    /// Solves `(A (x) B) Y = X` for the columns of `x`, in place.
    ///
    /// # Errors
    /// Wrong sizes, a value that is not finite.
    pub fn solve(&self, mut x: MatMut<'_, T>) -> Result<(), KronError> {
        let (m, k) = check(self.left, self.right, x.as_ref())?;
        for x in x.columns() {
            let mut x = MatMut::of(x, k, m);
            lu_solve(self.right, self.right_pivots, x.reborrow())?;
            lu_solve_right_transpose(self.left, self.left_pivots, x)?;
        }
        finite(x)
    }

    /// The same on a matrix, row-major order: `X := A^-1 X B^-T` for X: m x k, in place.
    ///
    /// # Errors
    /// As [`KronLu::solve`].
    pub fn solve_matrix(&self, mut x: MatMut<'_, T>) -> Result<(), KronError> {
        check_matrix(self.left, self.right, x.as_ref())?;
        lu_solve(self.left, self.left_pivots, x.reborrow())?;
        lu_solve_right_transpose(self.right, self.right_pivots, x.reborrow())?;
        finite(x)
    }

    /// Solves `(A (x) B)^T Y = X` for the columns of `x`, in place.
    ///
    /// # Errors
    /// As [`KronLu::solve`].
    pub fn solve_transpose(&self, mut x: MatMut<'_, T>) -> Result<(), KronError> {
        let (m, k) = check(self.left, self.right, x.as_ref())?;
        for x in x.columns() {
            let mut x = MatMut::of(x, k, m);
            lu_solve_transpose(self.right, self.right_pivots, x.reborrow())?;
            lu_solve_right(self.left, self.left_pivots, x)?;
        }
        finite(x)
    }

    /// The same on a matrix, row-major order: `X := A^-T X B^-1` for X: m x k, in place.
    ///
    /// # Errors
    /// As [`KronLu::solve`].
    pub fn solve_transpose_matrix(&self, mut x: MatMut<'_, T>) -> Result<(), KronError> {
        check_matrix(self.left, self.right, x.as_ref())?;
        lu_solve_transpose(self.left, self.left_pivots, x.reborrow())?;
        lu_solve_right(self.right, self.right_pivots, x.reborrow())?;
        finite(x)
    }

    /// The determinant of the product.
    pub fn log_determinant(&self) -> LogDeterminant<T> {
        LogDeterminant::of_factors(
            (lu_log_determinant(self.left, self.left_pivots), self.left.rows()),
            (lu_log_determinant(self.right, self.right_pivots), self.right.rows()),
        )
    }
}

/// The `L D L^T` factors of a product of symmetric positive definite factors.
///
/// ```
/// use nanocurv::kron::{Kron, KronLdlt, solve};
/// use nanocurv::{Mat, MatMut};
///
/// let (a, b) = ([4.0_f32], [2.0, 1.0, 1.0, 2.0]);
/// let kron = Kron::new(Mat::new("a", &a, 1, 1)?, Mat::new("b", &b, 2, 2)?);
/// let mut memory = [0.0; solve::memory(1, 2)];
/// let factors = KronLdlt::new(kron, &mut memory)?;
/// let mut x = [12.0, 12.0];
/// factors.solve(MatMut::column_vector(&mut x))?;
/// assert!((x[0] - 1.0).abs() < 1e-6 && (x[1] - 1.0).abs() < 1e-6);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KronLdlt<'s, T> {
    left: Mat<'s, T>,
    right: Mat<'s, T>,
}

impl<'s, T: Real> KronLdlt<'s, T> {
    /// Factorises `kron` into `memory` ([`memory`] values).
    ///
    /// # Errors
    /// Wrong sizes, short memory, values that are not finite, a factor that is not symmetric, and
    /// a factor that is not positive definite: which one, and its pivot.
    pub fn new(kron: Kron<'_, T>, memory: &'s mut [T]) -> Result<Self, KronError> {
        kron.check_square()?;
        let (m, k) = (kron.left.rows(), kron.right.rows());
        let mut scratch = Scratch::new(memory, self::memory(m, k))?;
        check_symmetric(kron.left).map_err(KronError::Left)?;
        check_symmetric(kron.right).map_err(KronError::Right)?;
        let (mut left, mut right) = (scratch.matrix(m, m)?, scratch.matrix(k, k)?);
        left.copy_from(kron.left);
        right.copy_from(kron.right);
        ldlt(left.reborrow()).map_err(KronError::Left)?;
        ldlt(right.reborrow()).map_err(KronError::Right)?;
        Ok(Self { left: left.into_ref(), right: right.into_ref() })
    }

    /// Solves `(A (x) B) Y = X` for the columns of `x`, in place.
    ///
    /// # Errors
    /// Wrong sizes, a value that is not finite.
    pub fn solve(&self, mut x: MatMut<'_, T>) -> Result<(), KronError> {
        let (m, k) = check(self.left, self.right, x.as_ref())?;
        for x in x.columns() {
            let mut x = MatMut::of(x, k, m);
            ldlt_solve(self.right, x.reborrow())?;
            ldlt_solve_right(self.left, x)?;
        }
        finite(x)
    }

    /// The same on a matrix, row-major order: `X := A^-1 X B^-1` for X: m x k, in place.
    ///
    /// # Errors
    /// As [`KronLdlt::solve`].
    pub fn solve_matrix(&self, mut x: MatMut<'_, T>) -> Result<(), KronError> {
        check_matrix(self.left, self.right, x.as_ref())?;
        ldlt_solve(self.left, x.reborrow())?;
        ldlt_solve_right(self.right, x.reborrow())?;
        finite(x)
    }

    /// The determinant of the product (its sign is 1).
    pub fn log_determinant(&self) -> LogDeterminant<T> {
        LogDeterminant::of_factors(
            ((T::ONE, ldlt_logdet(self.left)), self.left.rows()),
            ((T::ONE, ldlt_logdet(self.right)), self.right.rows()),
        )
    }
}

/// `Ok` if the solution holds no infinity and no NaN.
fn finite<T: Real>(x: MatMut<'_, T>) -> Result<(), KronError> {
    Ok(check_result("solution", x.into_ref())?)
}

/// The sizes of the factors, if `x` fits them and is finite.
fn check<T: Real>(
    left: Mat<'_, T>,
    right: Mat<'_, T>,
    x: Mat<'_, T>,
) -> Result<(usize, usize), KronError> {
    let (m, k) = (left.rows(), right.rows());
    ShapeError::check("x rows", m * k, x.rows())?;
    NonFiniteError::check_matrix("x", x)?;
    Ok((m, k))
}

fn check_matrix<T: Real>(
    left: Mat<'_, T>,
    right: Mat<'_, T>,
    x: Mat<'_, T>,
) -> Result<(), KronError> {
    x.check(("x rows", "x columns"), left.rows(), right.rows())?;
    Ok(NonFiniteError::check_matrix("x", x)?)
}
