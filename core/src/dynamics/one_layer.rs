//! The comparison of one layer: gradient descent on the total weight itself.
//!
//! ```text
//! g  = b - S w,   S = X^T X,   b = X^T y       d
//! w += 2 eta g
//! ```
//! Linear regression from the same start. Cost per step: `d^2 + d` multiply-adds.

use super::DynamicsError;
use super::train::Source;
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::axpy;
use crate::matrix::Mat;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The scratch of [`descend`] in `d` dimensions.
pub const fn descend_scratch(d: usize) -> usize {
    d
}

/// Makes `iterations` steps of gradient descent at `rate` on `w` in place, with `s = X^T X` and
/// `b = X^T y` of [`moments`](super::reduction::moments).
///
/// ```
/// use nanocurv::Mat;
/// use nanocurv::dynamics::one_layer::{descend, descend_scratch};
///
/// // One step at half the inverse of the only eigenvalue is there.
/// let (s, b, mut w) = ([4.0_f64], [12.0], [0.0]);
/// let s = Mat::new("s", &s, 1, 1)?;
/// descend(s, &b, 0.125, 1, &mut w, &mut [0.0; descend_scratch(1)])?;
/// assert_eq!(w, [3.0]);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// Wrong shapes, values that are not finite; [`DynamicsError::Diverged`] with the number of the
/// step (from 1) whose result is not finite.
pub fn descend<T: Real>(
    s: Mat<'_, T>,
    b: &[T],
    rate: T,
    iterations: u64,
    w: &mut [T],
    scratch: &mut [T],
) -> Result<(), DynamicsError> {
    let d = w.len();
    s.check(("s rows", "s columns"), d, d)?;
    ShapeError::check("b", d, b.len())?;
    let g = Scratch::new(scratch, descend_scratch(d))?.take(d)?;
    NonFiniteError::check_matrix("s", s)?;
    NonFiniteError::check("b", b)?;
    NonFiniteError::check("w", w)?;
    NonFiniteError::check("rate", &[rate])?;
    let source = Source::Moments { s, b };
    for iteration in 1..=iterations {
        source.gradient(w, g);
        axpy(T::TWO * rate, g, w);
        if !crate::linalg::finite(w) {
            return Err(DynamicsError::Diverged { iteration });
        }
    }
    Ok(())
}
