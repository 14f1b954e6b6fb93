//! LSMR for `min |A x - b|^2 + damping^2 |x|^2`, A of any shape and rank:
//!
//! ```text
//! beta u = A v - alpha u,   alpha v = A^T u - beta v        (Golub-Kahan bidiagonalisation)
//! |A^T r_k| falls monotonically: MINRES on the normal equations, in short recurrences
//! ```
//! One product with A and one with A^T an iteration, and one of A^T to start. The condition number
//! of A enters squared, as for conjugate gradients on `A^T A`, but a symmetric A may be indefinite.
//! Source: Fong and Saunders, "LSMR: an iterative algorithm for sparse least-squares problems"
//! (2011), section 2.

use super::cg::relative;
use super::error::{CurvatureError, SolveInfo, Stop, Until};
use super::operator::LinearOperator;
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::{axpy, dot};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Scratch of [`lsmr`] for a `rows x cols` operator with its own `operator` scratch.
pub const fn lsmr_scratch(rows: usize, cols: usize, operator: usize) -> usize {
    rows + 3 * cols + if rows > cols { rows } else { cols } + operator
}

/// Solves from x = 0 until `|A^T (b - A x) - damping^2 x| <= tolerance |A^T b|`, the relative
/// residual of the normal equations.
///
/// ```
/// use nanocurv::Mat;
/// use nanocurv::curvature::{Dense, Stop, Until, lsmr, lsmr_scratch};
///
/// // The line through (0, 1), (1, 2) and (2, 4), as near as one comes.
/// let points = [1.0_f64, 1.0, 1.0, 0.0, 1.0, 2.0];
/// let a = Dense::new(Mat::from_array::<3, 2, _>(&points))?;
/// let (mut x, mut scratch) = ([0.0; 2], [0.0; lsmr_scratch(3, 2, 0)]);
/// let until = Until { tolerance: 1e-12, iterations: 10 };
/// let info = lsmr(&a, &[1.0, 2.0, 4.0], 0.0, &mut x, until, &mut scratch)?;
/// assert_eq!(info.stop, Stop::Converged);
/// assert!((x[0] - 5.0 / 6.0).abs() < 1e-10 && (x[1] - 1.5).abs() < 1e-10);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// [`CurvatureError`] if a size is wrong, `b` or the damping is not finite or the scratch too
/// short.
pub fn lsmr<T: Real>(
    a: &impl LinearOperator<T>,
    b: &[T],
    damping: T,
    x: &mut [T],
    until: Until<T>,
    scratch: &mut [T],
) -> Result<SolveInfo<T>, CurvatureError> {
    let (rows, cols) = (a.rows(), a.cols());
    ShapeError::check("right-hand side", rows, b.len())?;
    ShapeError::check("solution", cols, x.len())?;
    NonFiniteError::check("right-hand side", b)?;
    NonFiniteError::check("damping", &[damping])?;
    let mut scratch = Scratch::new(scratch, lsmr_scratch(rows, cols, a.scratch()))?;
    let u = scratch.take(rows)?;
    let (v, h, hbar) = (scratch.take(cols)?, scratch.take(cols)?, scratch.take(cols)?);
    let product = scratch.take(rows.max(cols))?;
    let work = scratch.rest();
    let mut info =
        SolveInfo { stop: Stop::Converged, iterations: 0, products: 1, residual: T::ZERO };
    x.fill(T::ZERO);
    hbar.fill(T::ZERO);
    u.iter_mut().zip(b).for_each(|(u, b)| *u = *b);
    let beta = normalise(u);
    a.apply_transpose(u, v, work)?;
    let mut alpha = normalise(v);
    if beta == T::ZERO || alpha == T::ZERO {
        return Ok(info);
    }
    h.iter_mut().zip(&*v).for_each(|(h, v)| *h = *v);
    let start = alpha * beta;
    let (mut alphabar, mut zetabar) = (alpha, start);
    let (mut rho, mut rhobar, mut cbar, mut sbar) = (T::ONE, T::ONE, T::ONE, T::ZERO);
    info.residual = T::ONE;
    info.stop = Stop::Iterations;
    while info.iterations < until.iterations {
        // The next step of the bidiagonalisation.
        let image = product.part_mut(..rows);
        a.apply(v, image, work)?;
        u.iter_mut().zip(&*image).for_each(|(u, image)| *u = *image - alpha * *u);
        let beta = normalise(u);
        info.products += 1;
        if !beta.is_finite() {
            info.stop = Stop::NotFinite;
            return Ok(info);
        }
        if beta > T::ZERO {
            let image = product.part_mut(..cols);
            a.apply_transpose(u, image, work)?;
            v.iter_mut().zip(&*image).for_each(|(v, image)| *v = *image - beta * *v);
            alpha = normalise(v);
            info.products += 1;
        } else {
            alpha = T::ZERO;
        }
        // Two rotations: the bidiagonal matrix with damping, and its transpose's.
        let (_, _, alphahat) = rotation(alphabar, damping);
        let (c, s, next) = rotation(alphahat, beta);
        let rho_before = core::mem::replace(&mut rho, next);
        let theta = s * alpha;
        alphabar = c * alpha;
        let thetabar = sbar * rho;
        let (c, s, next) = rotation(cbar * rho, theta);
        let rhobar_before = core::mem::replace(&mut rhobar, next);
        (cbar, sbar) = (c, s);
        let zeta = cbar * zetabar;
        zetabar = -sbar * zetabar;
        // The update.
        let back = thetabar * rho / (rho_before * rhobar_before);
        let step = zeta / (rho * rhobar);
        let turn = theta / rho;
        if rho == T::ZERO || rhobar == T::ZERO {
            info.stop = Stop::Breakdown;
            return Ok(info);
        }
        if !(back.is_finite() && step.is_finite() && turn.is_finite() && alpha.is_finite()) {
            info.stop = Stop::NotFinite;
            return Ok(info);
        }
        hbar.iter_mut().zip(&*h).for_each(|(hbar, h)| *hbar = *h - back * *hbar);
        axpy(step, hbar, x);
        h.iter_mut().zip(&*v).for_each(|(h, v)| *h = *v - turn * *h);
        info.iterations += 1;
        info.residual = relative(zetabar.abs(), start);
        if info.residual <= until.tolerance {
            info.stop = Stop::Converged;
            break;
        }
    }
    Ok(info)
}

/// Scales to length 1; returns the length before.
fn normalise<T: Real>(v: &mut [T]) -> T {
    let length = dot(v, v).sqrt();
    if length > T::ZERO && length.is_finite() {
        let inverse = T::ONE / length;
        v.iter_mut().for_each(|v| *v *= inverse);
    }
    length
}

/// `(c, s, r)` with `c a + s b = r`, `c b = s a`.
fn rotation<T: Real>(a: T, b: T) -> (T, T, T) {
    let r = (a * a + b * b).sqrt();
    if r == T::ZERO { (T::ONE, T::ZERO, T::ZERO) } else { (a / r, b / r, r) }
}
