//! The product itself, for those who ask for it: `G[(i,a), (j,b)] = sum_r A_r[i,j] B_r[a,b]`,
//! `(i,a)` at position `i k + a`. To validate, never on the way to something else.

use super::{Kron, KronError, sum};
use crate::matrix::MatMut;
use crate::scalar::Real;

/// Writes `sum_r A_r (x) B_r` into `out`, `mk x nl`.
///
/// # Errors
/// Wrong sizes, no terms, a value that is not finite.
pub fn dense<T: Real>(terms: &[Kron<'_, T>], mut out: MatMut<'_, T>) -> Result<(), KronError> {
    let (rows, cols) = sum::shape(terms)?;
    out.as_ref().check(("dense rows", "dense columns"), rows, cols)?;
    out.fill(T::ZERO);
    for Kron { left, right } in terms {
        Kron { left: *left, right: *right }.check_finite()?;
        let (k, l) = (right.rows(), right.cols());
        for (j, a) in left.columns().enumerate() {
            for (i, a) in a.iter().enumerate() {
                out.block(i * k, j * l, k, l).add_scaled(*a, *right);
            }
        }
    }
    Ok(())
}

/// Writes the diagonal of the square `sum_r A_r (x) B_r` into `out`, without the rest.
///
/// # Errors
/// Wrong sizes (each factor must be square), no terms, a value that is not finite.
pub fn diagonal<T: Real>(terms: &[Kron<'_, T>], out: &mut [T]) -> Result<(), KronError> {
    let (rows, _) = sum::shape(terms)?;
    crate::error::ShapeError::check("diagonal", rows, out.len())?;
    out.fill(T::ZERO);
    for term in terms {
        term.check_square()?;
        term.check_finite()?;
        let k = term.right.rows().max(1);
        for (i, chunk) in out.chunks_exact_mut(k).enumerate() {
            let a = term.left.at(i, i);
            chunk.iter_mut().enumerate().for_each(|(j, d)| *d += a * term.right.at(j, j));
        }
    }
    Ok(())
}
