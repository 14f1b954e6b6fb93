//! `LinearOperator`: what every curvature matrix can do without being formed.
//!
//! ```text
//! apply            out = A v      v: cols, out: rows
//! apply_transpose  out = A^T u    u: rows, out: cols
//! ```
//! All operators of this module know their own scratch, check that a vector is finite and long
//! enough, and never change by being applied.

use super::error::CurvatureError;
use crate::error::{NonFiniteError, ShapeError};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// A matrix by its products.
pub trait LinearOperator<T: Real> {
    /// The number of rows.
    fn rows(&self) -> usize;
    /// The number of columns.
    fn cols(&self) -> usize;
    /// The number of scratch values that one product takes.
    fn scratch(&self) -> usize;
    /// `out = A v`
    ///
    /// # Errors
    /// [`CurvatureError`] if `v` or `out` has another length, `v` is not finite or the scratch is
    /// too short.
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError>;
    /// `out = A^T u`
    ///
    /// # Errors
    /// As [`LinearOperator::apply`].
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError>;
}

impl<T: Real, A: LinearOperator<T> + ?Sized> LinearOperator<T> for &A {
    fn rows(&self) -> usize {
        (**self).rows()
    }
    fn cols(&self) -> usize {
        (**self).cols()
    }
    fn scratch(&self) -> usize {
        (**self).scratch()
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        (**self).apply(v, out, scratch)
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        (**self).apply_transpose(u, out, scratch)
    }
}

/// `Ok` if `v` has `cols` finite values and `out` `rows`.
pub(crate) fn check<T: Real>(
    v: &[T],
    cols: usize,
    out: &[T],
    rows: usize,
) -> Result<(), CurvatureError> {
    ShapeError::check("vector", cols, v.len())?;
    ShapeError::check("product", rows, out.len())?;
    Ok(NonFiniteError::check("vector", v)?)
}

/// `out = A V`, column by column: V: cols x K, out: rows x K. K products.
///
/// # Errors
/// Those of the operator; [`ShapeError`] if the sizes do not fit together.
pub fn apply_columns<T: Real>(
    operator: &impl LinearOperator<T>,
    v: Mat<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    v.check(("vector rows", "vector columns"), operator.cols(), out.cols())?;
    ShapeError::check("product rows", operator.rows(), out.rows())?;
    for (v, out) in v.columns().zip(out.columns()) {
        operator.apply(v, out, scratch)?;
    }
    Ok(())
}

/// Scratch of [`to_dense`], for an operator of `cols` columns and its own `scratch`.
pub const fn to_dense_scratch(cols: usize, scratch: usize) -> usize {
    cols + scratch
}

/// The matrix, by as many products as it has columns. A witness for small operators, and the
/// only way for a composed one; [`super::structured`] is the fast way to a network's Hessian.
///
/// # Errors
/// Those of the operator; [`ShapeError`] if `out` has another size.
pub fn to_dense<T: Real>(
    operator: &impl LinearOperator<T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    out.as_ref().check(("matrix rows", "matrix columns"), operator.rows(), operator.cols())?;
    let needed = to_dense_scratch(operator.cols(), operator.scratch());
    let mut scratch = Scratch::new(scratch, needed)?;
    let unit = scratch.take(operator.cols())?;
    let rest = scratch.rest();
    unit.fill(T::ZERO);
    for (j, out) in out.columns().enumerate() {
        if let Some(entry) = unit.get_mut(j) {
            *entry = T::ONE;
        }
        operator.apply(unit, out, rest)?;
        if let Some(entry) = unit.get_mut(j) {
            *entry = T::ZERO;
        }
    }
    Ok(())
}
