//! Where training of a linear model ends.
//!
//! ```text
//! w_min = (X^T X)^-1 X^T y      n >= d: least squares
//! w_min = X^T (X X^T)^-1 y      n <  d: the interpolant of least norm
//! ```
//! Cost: `n d min(n, d) / 2` multiply-adds for the Gram and `min(n, d)^3 / 6` for its LDL^T.

use super::{DynamicsError, check_data};
use crate::error::ShapeError;
use crate::linalg::{ldlt, ldlt_solve, syrk_nt, syrk_tn};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The scratch of [`w_min`] for `d` features and `n` samples.
pub const fn w_min_scratch(d: usize, n: usize) -> usize {
    if n >= d { d * d } else { n * n + n }
}

/// Writes the weights that training ends at, for `x` (`d x n`) and `y`, in both regimes.
///
/// ```
/// use nanocurv::{Mat, dynamics::optimum::{w_min, w_min_scratch}};
///
/// // One sample of two features: the interpolant of least norm is along it.
/// let (x, y, mut w) = ([3.0_f64, 4.0], [50.0], [0.0; 2]);
/// w_min(Mat::from_array::<2, 1, _>(&x), &y, &mut w, &mut [0.0; w_min_scratch(2, 1)])?;
/// assert!((w[0] - 6.0).abs() < 1e-14 && (w[1] - 8.0).abs() < 1e-14);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// Wrong shapes, data that are not finite, and the pivot of the Gram if the data are of lower rank
/// than both `n` and `d`.
pub fn w_min<T: Real>(
    x: Mat<'_, T>,
    y: &[T],
    w: &mut [T],
    scratch: &mut [T],
) -> Result<(), DynamicsError> {
    let (d, n) = (x.rows(), x.cols());
    check_data(x, y)?;
    ShapeError::check("w", d, w.len())?;
    let mut scratch = Scratch::new(scratch, w_min_scratch(d, n))?;
    w.fill(T::ZERO);
    if n >= d {
        let mut gram = scratch.matrix(d, d)?;
        syrk_nt(T::ONE, x, T::ZERO, gram.reborrow())?;
        add_samples(x, y, w);
        ldlt(gram.reborrow())?;
        ldlt_solve(gram.as_ref(), MatMut::of(w, d, 1))?;
    } else {
        let mut gram = scratch.matrix(n, n)?;
        let dual = scratch.take(n)?;
        syrk_tn(T::ONE, x, T::ZERO, gram.reborrow())?;
        dual.iter_mut().zip(y).for_each(|(dual, y)| *dual = *y);
        ldlt(gram.reborrow())?;
        ldlt_solve(gram.as_ref(), MatMut::of(dual, n, 1))?;
        add_samples(x, dual, w);
    }
    Ok(())
}

/// `w += X^T c`
fn add_samples<T: Real>(x: Mat<'_, T>, coefficients: &[T], w: &mut [T]) {
    for (sample, c) in x.columns().zip(coefficients) {
        w.iter_mut().zip(sample).for_each(|(w, x)| *w += *c * *x);
    }
}

/// The relative error `((w_i - beta_i) / beta_i)^2` of weights against the teacher's, averaged over
/// the given entries: all of them, or a group of features.
///
/// # Errors
/// Different lengths, no entries, or a teacher that is 0 somewhere.
pub fn weight_error<T: Real>(w: &[T], beta: &[T]) -> Result<T, DynamicsError> {
    ShapeError::check("beta", w.len(), beta.len())?;
    if beta.is_empty() {
        return Err(DynamicsError::Empty { what: "beta" });
    }
    if beta.contains(&T::ZERO) {
        return Err(DynamicsError::Domain { needed: "beta != 0" });
    }
    let sum = w.iter().zip(beta).fold(T::ZERO, |sum, (w, b)| sum + ((*w - *b) / *b).squared());
    Ok(sum / T::from_usize(beta.len()))
}

/// `|w - beta|^2`, the excess risk on inputs of unit variance (and only on those).
pub fn weight_distance<T: Real>(w: &[T], beta: &[T]) -> T {
    w.iter().zip(beta).fold(T::ZERO, |sum, (w, b)| sum + (*w - *b).squared())
}
