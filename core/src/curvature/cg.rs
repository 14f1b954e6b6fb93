//! Preconditioned conjugate gradients for `A x = b`, A symmetric positive definite:
//!
//! ```text
//! r = b - A x,  z = M r,  p = z
//! alpha = r^T z / p^T A p,   x += alpha p,   r -= alpha A p,   z = M r,   p = z + (r^T z / before) p
//! ```
//! M is the preconditioner, an approximate inverse of A (K-FAC's, for instance). One product with
//! A and one with M an iteration, and one more with A for the first residual. The error in the
//! A-norm falls by `(sqrt k - 1) / (sqrt k + 1)` an iteration, k the condition number of M A.
//! Source: Hestenes and Stiefel (1952); Golub & Van Loan, section 11.5.

use super::error::{CurvatureError, SolveInfo, Stop, Until};
use super::operator::LinearOperator;
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::{axpy, dot};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Scratch of [`cg`] for n unknowns and the operators' own scratch.
pub const fn cg_scratch(n: usize, operator: usize, preconditioner: usize) -> usize {
    4 * n + if operator > preconditioner { operator } else { preconditioner }
}

/// Solves `A x = b` from the `x` given, until `|b - A x| <= tolerance |b|`.
///
/// The damping of a curvature comes in by [`Damped`](super::Damped); without a preconditioner,
/// give [`Identity`](super::Identity).
///
/// ```
/// use nanocurv::Mat;
/// use nanocurv::curvature::{Dense, Identity, Stop, Until, cg, cg_scratch};
///
/// let a = [4.0_f64, 1.0, 1.0, 3.0];
/// let a = Dense::new(Mat::from_array::<2, 2, _>(&a))?;
/// let (mut x, mut scratch) = ([0.0; 2], [0.0; cg_scratch(2, 0, 0)]);
/// let until = Until { tolerance: 1e-12, iterations: 10 };
/// let info = cg(&a, &Identity { size: 2 }, &[1.0, 2.0], &mut x, until, &mut scratch)?;
/// assert_eq!((info.stop, info.iterations), (Stop::Converged, 2));
/// assert!((x[0] - 1.0 / 11.0).abs() < 1e-15 && (x[1] - 7.0 / 11.0).abs() < 1e-15);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// [`CurvatureError`] if a size is wrong, `b` or `x` is not finite or the scratch too short. A
/// direction along which A or M is not positive is no error but [`Stop::Breakdown`].
pub fn cg<T: Real>(
    a: &impl LinearOperator<T>,
    preconditioner: &impl LinearOperator<T>,
    b: &[T],
    x: &mut [T],
    until: Until<T>,
    scratch: &mut [T],
) -> Result<SolveInfo<T>, CurvatureError> {
    let n = b.len();
    ShapeError::check("operator rows", n, a.rows())?;
    ShapeError::check("operator columns", n, a.cols())?;
    ShapeError::check("preconditioner rows", n, preconditioner.rows())?;
    ShapeError::check("preconditioner columns", n, preconditioner.cols())?;
    ShapeError::check("solution", n, x.len())?;
    NonFiniteError::check("right-hand side", b)?;
    NonFiniteError::check("start", x)?;
    let mut scratch = Scratch::new(scratch, cg_scratch(n, a.scratch(), preconditioner.scratch()))?;
    let (r, z, p, ap) = (scratch.take(n)?, scratch.take(n)?, scratch.take(n)?, scratch.take(n)?);
    let work = scratch.rest();

    let size = dot(b, b).sqrt();
    a.apply(x, r, work)?;
    r.iter_mut().zip(b).for_each(|(r, b)| *r = *b - *r);
    let mut info = SolveInfo {
        stop: Stop::Iterations,
        iterations: 0,
        products: 1,
        residual: relative(dot(r, r).sqrt(), size),
    };
    let mut before = T::ZERO;
    loop {
        if !info.residual.is_finite() {
            info.stop = Stop::NotFinite;
            return Ok(info);
        }
        if info.residual <= until.tolerance {
            info.stop = Stop::Converged;
            return Ok(info);
        }
        if info.iterations >= until.iterations {
            return Ok(info);
        }
        preconditioner.apply(r, z, work)?;
        let rz = dot(r, z);
        if let Some(stop) = not_positive(rz) {
            info.stop = stop;
            return Ok(info);
        }
        if info.iterations == 0 {
            p.iter_mut().zip(&*z).for_each(|(p, z)| *p = *z);
        } else {
            let beta = rz / before;
            p.iter_mut().zip(&*z).for_each(|(p, z)| *p = *z + beta * *p);
        }
        before = rz;
        let long = dot(p, p);
        if !long.is_finite() {
            info.stop = Stop::NotFinite;
            return Ok(info);
        }
        a.apply(p, ap, work)?;
        info.products += 1;
        let curved = dot(p, ap);
        if let Some(stop) = not_positive(curved) {
            info.stop = stop;
            return Ok(info);
        }
        let alpha = rz / curved;
        axpy(-alpha, ap, r);
        let residual = relative(dot(r, r).sqrt(), size);
        if !(residual.is_finite() && (alpha * alpha * long).is_finite()) {
            info.stop = Stop::NotFinite;
            return Ok(info);
        }
        axpy(alpha, p, x);
        info.residual = residual;
        info.iterations += 1;
    }
}

/// `residual / size`; 0 where both are.
pub(crate) fn relative<T: Real>(residual: T, size: T) -> T {
    if residual == T::ZERO { T::ZERO } else { residual / size.max(T::MIN_POSITIVE) }
}

/// Why an inner product that must be positive is not.
fn not_positive<T: Real>(value: T) -> Option<Stop> {
    if !value.is_finite() {
        Some(Stop::NotFinite)
    } else if value > T::ZERO {
        None
    } else {
        Some(Stop::Breakdown)
    }
}
