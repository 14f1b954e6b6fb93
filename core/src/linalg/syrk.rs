//! Gram matrices, half the work of a product:
//!
//! ```text
//! syrk_tn  C = alpha A^T A + beta C      A: k x n, C: n x n
//! syrk_nt  C = alpha A A^T + beta C      A: n x k, C: n x n
//! ```
//! The lower triangle of C is filled. Entries above the diagonal but inside a diagonal tile may
//! be written too; [`MatMut::mirror_lower`] makes the rest.

use super::gemm::{Of, multiply};
use super::tile::Part;
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
    #[cfg(feature = "std")]
    if large(&c, a.rows()) {
        blocked(Of::Tn, alpha, a, beta, c);
        return Ok(());
    }
    multiply(Of::Tn, (alpha, beta), a, a, c, Part::Lower);
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
    #[cfg(feature = "std")]
    if large(&c, a.cols()) {
        blocked(Of::Nt, alpha, a, beta, c);
        return Ok(());
    }
    multiply(Of::Nt, (alpha, beta), a, a, c, Part::Lower);
    Ok(())
}

/// Block columns of the lower triangle, each one library product.
#[cfg(feature = "std")]
fn blocked<T: Real>(of: Of, alpha: T, a: Mat<'_, T>, beta: T, mut c: MatMut<'_, T>) {
    const BLOCK: usize = 128;
    let n = c.rows();
    let range = |at, width| match of {
        Of::Tn => a.block(0, at, a.rows(), width),
        _ => a.block(at, 0, width, a.cols()),
    };
    for j in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - j);
        let c = c.block(j, j, n - j, width);
        multiply(of, (alpha, beta), range(j, n - j), range(j, width), c, Part::All);
    }
}

/// Whether the library multiplies.
#[cfg(feature = "std")]
fn large<T: Real>(c: &MatMut<'_, T>, depth: usize) -> bool {
    c.rows() * c.cols() * depth >= 2 * super::gemm::LIBRARY_FROM
}
