//! The truncated, preconditioned Neumann series for `A x = b`:
//!
//! ```text
//! x = alpha sum_k (I - alpha M A)^k M b,   by x += alpha M (b - A x)
//! ```
//! Converges where every eigenvalue of `alpha M A` lies in the open disc of radius 1 about 1. One
//! product with A and one with M a term.
//! Source: Lorraine, Vicol and Duvenaud, "Optimizing millions of hyperparameters by implicit
//! differentiation" (2020).

use super::cg::relative;
use super::error::{CurvatureError, SolveInfo, Stop, Until};
use super::operator::LinearOperator;
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::{axpy, dot};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Scratch of [`neumann`] for n unknowns and the operators' own scratch.
pub const fn neumann_scratch(n: usize, operator: usize, preconditioner: usize) -> usize {
    2 * n + if operator > preconditioner { operator } else { preconditioner }
}

/// Sums the series into `x` until `|b - A x| <= tolerance |b|`. A residual that has grown a
/// thousandfold is a series that diverges: [`Stop::Breakdown`].
///
/// ```
/// use nanocurv::curvature::{Diagonal, Identity, Stop, Until, neumann, neumann_scratch};
///
/// let a = Diagonal::new(&[1.0, 0.5])?;
/// let (mut x, mut scratch) = ([0.0; 2], [0.0; neumann_scratch(2, 0, 0)]);
/// let (one, until) = (Identity { size: 2 }, Until { tolerance: 1e-9_f64, iterations: 100 });
/// let info = neumann(&a, &one, 1.0, &[1.0, 1.0], &mut x, until, &mut scratch)?;
/// assert_eq!(info.stop, Stop::Converged);
/// assert!((x[0] - 1.0).abs() < 1e-9 && (x[1] - 2.0).abs() < 1e-8);
/// // With too long a step the series diverges.
/// let info = neumann(&a, &one, 9.0, &[1.0, 1.0], &mut x, until, &mut scratch)?;
/// assert_eq!(info.stop, Stop::Breakdown);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// [`CurvatureError`] if a size is wrong, `b` or alpha is not finite or the scratch too short.
pub fn neumann<T: Real>(
    a: &impl LinearOperator<T>,
    preconditioner: &impl LinearOperator<T>,
    alpha: T,
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
    NonFiniteError::check("alpha", &[alpha])?;
    let needed = neumann_scratch(n, a.scratch(), preconditioner.scratch());
    let mut scratch = Scratch::new(scratch, needed)?;
    let (r, z) = (scratch.take(n)?, scratch.take(n)?);
    let work = scratch.rest();
    let size = dot(b, b).sqrt();
    let mut info = SolveInfo {
        stop: Stop::Iterations,
        iterations: 0,
        products: 0,
        residual: relative(size, size),
    };
    x.fill(T::ZERO);
    r.iter_mut().zip(b).for_each(|(r, b)| *r = *b);
    loop {
        if info.residual <= until.tolerance {
            info.stop = Stop::Converged;
            return Ok(info);
        }
        if info.residual > T::of(1e3) {
            info.stop = Stop::Breakdown;
            return Ok(info);
        }
        if info.iterations >= until.iterations {
            return Ok(info);
        }
        preconditioner.apply(r, z, work)?;
        let length = dot(z, z) * alpha * alpha;
        if !length.is_finite() {
            info.stop = Stop::NotFinite;
            return Ok(info);
        }
        axpy(alpha, z, x);
        info.iterations += 1;
        a.apply(x, r, work)?;
        info.products += 1;
        r.iter_mut().zip(b).for_each(|(r, b)| *r = *b - *r);
        info.residual = relative(dot(r, r).sqrt(), size);
        if !info.residual.is_finite() {
            info.stop = Stop::NotFinite;
            return Ok(info);
        }
    }
}
