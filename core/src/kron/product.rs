//! Products of more than two factors, `A_1 (x) A_2 (x) ... (x) A_p`, one axis at a time.
//!
//! ```text
//! x as a tensor, one axis per factor, the last the fastest;  axis i: Y_b = X_b A_i^T
//! X_b: (after x n_i), one matrix for each index before the axis
//! ```
//! Costs the sum, not the product, of what the factors cost: `sum_i m_i (size of x before)`.

use super::KronError;
use crate::error::NonFiniteError;
use crate::linalg::{gemm, gemm_nt, gemm_tn};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The rows and columns of the product of `factors`.
pub fn shape<T: Real>(factors: &[Mat<'_, T>]) -> (usize, usize) {
    factors.iter().fold((1, 1), |(m, n), f| (m * f.rows(), n * f.cols()))
}

/// The scratch of [`apply`] and [`apply_transpose`] for factors of these rows and columns: the
/// tensor before and after a contraction, in either direction.
pub const fn scratch(shapes: &[(usize, usize)]) -> usize {
    let (mut largest, mut remaining) = (0, shapes);
    // Axes are contracted from the last to the first: the sizes before it are still the old ones.
    let (mut rows, mut cols) = (1, 1);
    while let [rest @ .., (m, n)] = remaining {
        rows *= *m;
        cols *= *n;
        let (before_rows, before_cols) = sizes_before(rest);
        let (forward, backward) = (before_cols * rows, before_rows * cols);
        if forward > largest {
            largest = forward;
        }
        if backward > largest {
            largest = backward;
        }
        remaining = rest;
    }
    2 * largest
}

/// Rows and columns of the product of factors of these shapes.
const fn sizes_before(mut shapes: &[(usize, usize)]) -> (usize, usize) {
    let (mut rows, mut cols) = (1, 1);
    while let [rest @ .., (m, n)] = shapes {
        rows *= *m;
        cols *= *n;
        shapes = rest;
    }
    (rows, cols)
}

/// `Y = (A_1 (x) ... (x) A_p) X` for the columns of `x`.
///
/// # Errors
/// Wrong sizes, no factors, a scratch shorter than [`scratch()`], a value that is not finite.
pub fn apply<T: Real>(
    factors: &[Mat<'_, T>],
    x: Mat<'_, T>,
    y: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), KronError> {
    contract(factors, false, x, y, scratch)
}

/// `Y = (A_1 (x) ... (x) A_p)^T X` for the columns of `x`.
///
/// # Errors
/// As [`apply`].
pub fn apply_transpose<T: Real>(
    factors: &[Mat<'_, T>],
    x: Mat<'_, T>,
    y: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), KronError> {
    contract(factors, true, x, y, scratch)
}

fn contract<T: Real>(
    factors: &[Mat<'_, T>],
    transpose: bool,
    x: Mat<'_, T>,
    mut y: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), KronError> {
    if factors.is_empty() {
        return Err(KronError::Empty);
    }
    let (rows, cols) = shape(factors);
    let (rows, cols) = if transpose { (cols, rows) } else { (rows, cols) };
    x.check(("x rows", "x columns"), cols, y.cols())?;
    y.as_ref().check(("y rows", "y columns"), rows, x.cols())?;
    NonFiniteError::check_matrix("x", x)?;
    for factor in factors {
        NonFiniteError::check_matrix("factor", *factor)?;
    }
    let largest = {
        let (m, n) = shape(factors);
        largest(factors, false, n).max(largest(factors, true, m))
    };
    let mut scratch = Scratch::new(scratch, 2 * largest)?;
    let (mut from, mut to) = (scratch.take(largest)?, scratch.take(largest)?);
    for (x, y) in x.columns().zip(y.columns()) {
        let (mut before, mut after) = (cols, 1);
        let mut source = x;
        for factor in factors.iter().rev() {
            let (m, n) = sizes(*factor, transpose);
            before = before.checked_div(n).unwrap_or(0);
            let target = to.part_mut(..before * m * after);
            axis(*factor, transpose, (before, after), source, target)?;
            core::mem::swap(&mut from, &mut to);
            source = from.part(..before * m * after);
            after *= m;
        }
        y.iter_mut().zip(source).for_each(|(y, v)| *y = *v);
    }
    Ok(())
}

/// Rows and columns of the factor as it is used.
const fn sizes<T: Real>(factor: Mat<'_, T>, transpose: bool) -> (usize, usize) {
    if transpose { (factor.cols(), factor.rows()) } else { (factor.rows(), factor.cols()) }
}

/// The largest tensor after a contraction.
fn largest<T: Real>(factors: &[Mat<'_, T>], transpose: bool, cols: usize) -> usize {
    let mut size = cols;
    factors
        .iter()
        .rev()
        .map(|f| {
            let (m, n) = sizes(*f, transpose);
            size = size.checked_div(n).unwrap_or(0) * m;
            size
        })
        .max()
        .unwrap_or(0)
}

/// Contracts one axis: `before` matrices `after x n` become `after x m`.
fn axis<T: Real>(
    factor: Mat<'_, T>,
    transpose: bool,
    (before, after): (usize, usize),
    x: &[T],
    y: &mut [T],
) -> Result<(), KronError> {
    let (m, n) = sizes(factor, transpose);
    if after == 1 {
        // The fast axis: one product for all.
        let (x, y) = (Mat::of(x, n, before), MatMut::of(y, m, before));
        let product = if transpose { gemm_tn } else { gemm };
        return Ok(product(T::ONE, factor, x, T::ZERO, y)?);
    }
    let product = if transpose { gemm } else { gemm_nt };
    let (x, y) = (x.chunks((after * n).max(1)), y.chunks_mut((after * m).max(1)));
    for (x, y) in x.zip(y) {
        let (x, y) = (Mat::of(x, after, n), MatMut::of(y, after, m));
        product(T::ONE, x, factor, T::ZERO, y)?;
    }
    Ok(())
}
