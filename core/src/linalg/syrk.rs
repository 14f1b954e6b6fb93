//! Gram matrices, half the work of a product:
//!
//! ```text
//! syrk_tn  C = alpha A^T A + beta C      A: k x n, C: n x n
//! syrk_nt  C = alpha A A^T + beta C      A: n x k, C: n x n
//! ```
//! The lower triangle of C is filled. Entries above the diagonal but inside a diagonal tile may
//! be written too; [`MatMut::mirror_lower`] makes the rest.

use super::gemm::tiled;
use super::tile::{Columns, Panel, Part, Rows};
use crate::error::ShapeError;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;

/// The lower triangle of `C = alpha A^T A + beta C`.
///
/// # Errors
/// [`ShapeError`] unless C is square with A's columns.
pub fn syrk_tn<T: Real>(
    alpha: T,
    a: Mat<'_, T>,
    beta: T,
    c: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    c.as_ref().check(("Gram rows", "Gram columns"), a.cols(), a.cols())?;
    T::syrk_tn(alpha, a, beta, c);
    Ok(())
}

/// The lower triangle of `C = alpha A A^T + beta C`.
///
/// # Errors
/// [`ShapeError`] unless C is square with A's rows.
pub fn syrk_nt<T: Real>(
    alpha: T,
    a: Mat<'_, T>,
    beta: T,
    c: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    c.as_ref().check(("Gram rows", "Gram columns"), a.rows(), a.rows())?;
    T::syrk_nt(alpha, a, beta, c);
    Ok(())
}

/// See [`super::gemm::nn`].
#[inline(always)]
pub(crate) fn tn<T: Real>(alpha: T, a: Mat<'_, T>, beta: T, c: MatMut<'_, T>) {
    lower::<T, Columns>(alpha, a, beta, c);
}
/// See [`super::gemm::nn`].
#[inline(always)]
pub(crate) fn nt<T: Real>(alpha: T, a: Mat<'_, T>, beta: T, c: MatMut<'_, T>) {
    lower::<T, Rows>(alpha, a, beta, c);
}

#[inline(always)]
fn lower<T: Real, A: Panel>(alpha: T, a: Mat<'_, T>, beta: T, c: MatMut<'_, T>) {
    #[cfg(feature = "std")]
    if c.rows() * c.cols() * A::depth(a) >= 2 * super::gemm::LIBRARY_FROM {
        return blocked::<T, A>(alpha, a, beta, c);
    }
    tiled::<T, A, A>(alpha, a, a, beta, c, Part::Lower);
}

/// Block columns of the lower triangle, each one library product.
#[cfg(feature = "std")]
fn blocked<T: Real, A: Panel>(alpha: T, a: Mat<'_, T>, beta: T, mut c: MatMut<'_, T>) {
    const BLOCK: usize = 128;
    let n = c.rows();
    for j in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - j);
        let (rows, cols) = (A::range(a, j, n - j), A::range(a, j, width));
        tiled::<T, A, A>(alpha, rows, cols, beta, c.block(j, j, n - j, width), Part::All);
    }
}
