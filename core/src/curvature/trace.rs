//! Traces and Frobenius norms from products with random vectors:
//!
//! ```text
//! Hutchinson   tr A = E[w^T A w]                                                     m products
//! Hutch++      tr A = tr(Q^T A Q) + E[w^T (I - Q Q^T) A (I - Q Q^T) w],  Q = orth(A S)       3 k
//! XTrace       the mean over i of Hutch++ with one vector w_i, Q_i = orth(A W without w_i)   2 k
//! |A|_F^2 = E[|A w|^2]                                                               m products
//! ```
//! For symmetric A the variance of Hutchinson's with signs is `2 (|A|_F^2 - sum a_ii^2) / m`.
//! Hutch++ and XTrace take out the range of A that k vectors find: where the spectrum decays, the
//! error falls like 1/m and faster instead of `1 / sqrt m`. All are unbiased, all exact for a rank
//! below k (the last two).
//! Sources: Hutchinson (1990); Meyer, Musco, Musco and Woodruff, "Hutch++" (2021), algorithm 1;
//! Epperly, Tropp and Webber, "XTrace" (2024), section 2.

use super::basis::{Mean, Probe, normalise, orthogonalise, store};
use super::cg::relative;
use super::error::{CurvatureError, SolveInfo, Stop};
use super::operator::LinearOperator;
use crate::error::{NonFiniteError, ShapeError, size};
use crate::linalg::dot;
use crate::matrix::Mat;
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// An estimate from random vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Estimate<T> {
    /// The estimate.
    pub value: T,
    /// Its standard error, itself estimated from the spread of the samples.
    pub standard_error: T,
    /// The number of products with the operator.
    pub products: usize,
    /// Why it stopped: [`Stop::Converged`] where the samples agree to rounding, so that the estimate
    /// is exact, else [`Stop::Iterations`], for all products were made. An overflow is an error.
    pub stop: Stop,
}

impl<T: Real> Estimate<T> {
    fn of(value: T, standard_error: T, products: usize) -> Result<Self, CurvatureError> {
        NonFiniteError::check("estimate", &[value, standard_error])?;
        Ok(Self { value, standard_error, products, stop: stop(standard_error, value.abs()) })
    }
}

/// Whether an error is rounding.
fn stop<T: Real>(error: T, size: T) -> Stop {
    if error <= T::of(16.0) * T::EPSILON * size { Stop::Converged } else { Stop::Iterations }
}

/// `Ok` if `least <= found <= most`.
pub(crate) fn check_count(
    what: &'static str,
    least: usize,
    most: usize,
    found: usize,
) -> Result<(), CurvatureError> {
    if least <= found && found <= most {
        return Ok(());
    }
    Err(CurvatureError::Count { what, least: size(least), most: size(most), found: size(found) })
}

fn square<T: Real>(a: &impl LinearOperator<T>) -> Result<usize, CurvatureError> {
    ShapeError::check("operator columns", a.rows(), a.cols())?;
    Ok(a.rows())
}

/// Scratch of [`hutchinson_trace`] and [`frobenius_squared`].
pub const fn hutchinson_scratch(rows: usize, cols: usize, operator: usize) -> usize {
    rows + cols + operator
}

/// Hutchinson's trace of a square operator from `products` >= 2 products.
///
/// ```
/// use nanocurv::curvature::{Diagonal, Probe, hutchinson_scratch, hutchinson_trace};
///
/// let d = Diagonal::new(&[1.0, 2.0, 3.0])?;
/// let mut scratch = [0.0; hutchinson_scratch(3, 3, 0)];
/// let trace = hutchinson_trace(&d, Probe::Rademacher, 5, 42, &mut scratch)?;
/// // Signs are exact for a diagonal matrix.
/// assert_eq!((trace.value, trace.standard_error, trace.products), (6.0, 0.0, 5));
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// [`CurvatureError`] if the operator is not square, the count too small, a product overflows or
/// the scratch is too short.
pub fn hutchinson_trace<T: Real>(
    a: &impl LinearOperator<T>,
    probe: Probe,
    products: usize,
    seed: u64,
    scratch: &mut [T],
) -> Result<Estimate<T>, CurvatureError> {
    square(a)?;
    sample(a, probe, products, seed, scratch, |w, aw| dot(w, aw))
}

/// The squared Frobenius norm from `products` >= 2 products; of any shape.
///
/// ```
/// use nanocurv::curvature::{Identity, Probe, Stop, frobenius_squared, hutchinson_scratch};
///
/// let mut scratch = [0.0; hutchinson_scratch(3, 3, 0)];
/// let e = frobenius_squared(&Identity { size: 3 }, Probe::Rademacher, 2, 42, &mut scratch)?;
/// // |w|^2 = 3 for every vector of signs: the samples agree.
/// assert_eq!((e.value, e.stop), (3.0_f64, Stop::Converged));
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// As [`hutchinson_trace`].
pub fn frobenius_squared<T: Real>(
    a: &impl LinearOperator<T>,
    probe: Probe,
    products: usize,
    seed: u64,
    scratch: &mut [T],
) -> Result<Estimate<T>, CurvatureError> {
    sample(a, probe, products, seed, scratch, |_, aw| dot(aw, aw))
}

fn sample<T: Real>(
    a: &impl LinearOperator<T>,
    probe: Probe,
    products: usize,
    seed: u64,
    scratch: &mut [T],
    of: impl Fn(&[T], &[T]) -> T,
) -> Result<Estimate<T>, CurvatureError> {
    check_count("products", 2, u32::MAX as usize, products)?;
    let needed = hutchinson_scratch(a.rows(), a.cols(), a.scratch());
    let mut scratch = Scratch::new(scratch, needed)?;
    let (w, aw) = (scratch.take(a.cols())?, scratch.take(a.rows())?);
    let work = scratch.rest();
    let (mut rng, mut mean) = (Rng::seed(seed), Mean::NONE);
    for _ in 0..products {
        probe.draw(&mut rng, w);
        a.apply(w, aw, work)?;
        mean.add(of(w, aw));
    }
    Estimate::of(mean.mean(), mean.standard_error(), products)
}

/// Scratch of [`hutchpp_trace`] for an n x n operator and `products` products.
pub const fn hutchpp_scratch(n: usize, products: usize, operator: usize) -> usize {
    n * (products / 3 + 2) + operator
}

/// The Hutch++ trace of a square operator from `3 floor(products / 3)` products, at least 6 and
/// fewer than 3 n + 3.
///
/// ```
/// use nanocurv::curvature::{Diagonal, Probe, hutchpp_scratch, hutchpp_trace};
///
/// // Of rank 2: six products find all of it.
/// let d = Diagonal::new(&[5.0_f64, 0.0, 2.0, 0.0])?;
/// let mut scratch = [0.0; hutchpp_scratch(4, 6, 0)];
/// let trace = hutchpp_trace(&d, Probe::Normal, 6, 42, &mut scratch)?;
/// assert!((trace.value - 7.0).abs() < 1e-12 && trace.products == 6);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// As [`hutchinson_trace`].
pub fn hutchpp_trace<T: Real>(
    a: &impl LinearOperator<T>,
    probe: Probe,
    products: usize,
    seed: u64,
    scratch: &mut [T],
) -> Result<Estimate<T>, CurvatureError> {
    let n = square(a)?;
    check_count("products", 6, 3 * n + 2, products)?;
    let k = products / 3;
    let mut scratch = Scratch::new(scratch, hutchpp_scratch(n, products, a.scratch()))?;
    let mut q = scratch.matrix(n, k)?;
    let (w, aw) = (scratch.take(n)?, scratch.take(n)?);
    let work = scratch.rest();
    let mut rng = Rng::seed(seed);
    for j in 0..k {
        probe.draw(&mut rng, w);
        a.apply(w, aw, work)?;
        let threshold = T::of(8.0) * T::EPSILON * dot(aw, aw).sqrt();
        let length = orthogonalise(q.as_ref(), j, aw, |_, _| {});
        normalise(aw, length, threshold);
        store(aw, q.reborrow(), j);
    }
    let mut within = T::ZERO;
    for q in q.as_ref().columns() {
        a.apply(q, aw, work)?;
        within += dot(q, aw);
    }
    let mut rest = Mean::NONE;
    for _ in 0..k {
        probe.draw(&mut rng, w);
        orthogonalise(q.as_ref(), k, w, |_, _| {});
        a.apply(w, aw, work)?;
        rest.add(dot(w, aw));
    }
    Estimate::of(within + rest.mean(), rest.standard_error(), 3 * k)
}

/// Scratch of [`xtrace`] for an n x n operator and `products` products.
pub const fn xtrace_scratch(n: usize, products: usize, operator: usize) -> usize {
    let k = products / 2;
    n * (2 * k + 1) + 4 * k * k + 2 * k + operator
}

/// The XTrace of a square operator from `2 floor(products / 2)` products, at least 4 and fewer
/// than 2 n + 2.
///
/// ```
/// use nanocurv::curvature::{Diagonal, Probe, xtrace, xtrace_scratch};
///
/// // Of rank 2: three vectors find all of it, whichever is left out.
/// let d = Diagonal::new(&[5.0_f64, 0.0, 2.0, 0.0])?;
/// let mut scratch = [0.0; xtrace_scratch(4, 6, 0)];
/// let trace = xtrace(&d, Probe::Normal, 6, 42, &mut scratch)?;
/// assert!((trace.value - 7.0).abs() < 1e-12 && trace.products == 6);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// As [`hutchinson_trace`].
pub fn xtrace<T: Real>(
    a: &impl LinearOperator<T>,
    probe: Probe,
    products: usize,
    seed: u64,
    scratch: &mut [T],
) -> Result<Estimate<T>, CurvatureError> {
    let n = square(a)?;
    check_count("products", 4, 2 * n + 1, products)?;
    let k = products / 2;
    let mut scratch = Scratch::new(scratch, xtrace_scratch(n, products, a.scratch()))?;
    let (mut omega, mut q) = (scratch.matrix(n, k)?, scratch.matrix(n, k)?);
    let z = scratch.take(n)?;
    let (mut r, mut h) = (scratch.matrix(k, k)?, scratch.matrix(k, k)?);
    let (mut t, mut w) = (scratch.matrix(k, k)?, scratch.matrix(k, k)?);
    let (s, x) = (scratch.take(k)?, scratch.take(k)?);
    let work = scratch.rest();

    // Y = A Omega = Q R
    let (mut rng, mut full_rank) = (Rng::seed(seed), true);
    r.fill(T::ZERO);
    for j in 0..k {
        probe.draw(&mut rng, omega.col(j));
        a.apply(omega.as_ref().col(j), z, work)?;
        let threshold = T::of(8.0) * T::EPSILON * dot(z, z).sqrt();
        let length = orthogonalise(q.as_ref(), j, z, |i, c| {
            let sum = r.at(i, j) + c;
            r.set(i, j, sum);
        });
        full_rank &= normalise(z, length, threshold);
        r.set(j, j, length);
        store(z, q.reborrow(), j);
    }
    // H = Q^T A Q, T = (A Q)^T Omega, W = Q^T Omega
    let (omega, q) = (omega.as_ref(), q.as_ref());
    for (j, qj) in q.columns().enumerate() {
        a.apply(qj, z, work)?;
        h.col(j).iter_mut().zip(q.columns()).for_each(|(h, q)| *h = dot(q, z));
        for (i, omega) in omega.columns().enumerate() {
            t.set(j, i, dot(z, omega));
            w.set(j, i, dot(qj, omega));
        }
    }
    let (r, h, t, w) = (r.as_ref(), h.as_ref(), t.as_ref(), w.as_ref());
    let form =
        |x: &[T], y: &[T]| h.columns().zip(y).fold(T::ZERO, |sum, (h, y)| sum + dot(x, h) * *y);
    let trace = (0..k).fold(T::ZERO, |sum, j| sum + h.at(j, j));
    let mut mean = Mean::NONE;
    for i in 0..k {
        // s: the direction of range Q that only column i of Y spans. If Y has not full rank, none.
        s.fill(T::ZERO);
        if full_rank {
            leave_out(r, i, s);
        }
        let (wi, ti) = (w.col(i), t.col(i));
        let along = dot(wi, s);
        x.iter_mut().zip(wi).zip(&*s).for_each(|((x, w), s)| *x = *w - along * *s);
        let beyond = along * dot(s, r.col(i)) - dot(ti, x) + form(x, x);
        mean.add(trace - form(s, s) + beyond);
    }
    Estimate::of(mean.mean(), mean.standard_error(), 2 * k)
}

/// The unit vector s with `R^T s` along `e_i`: substitution in the lower triangular `R^T`.
fn leave_out<T: Real>(r: Mat<'_, T>, i: usize, s: &mut [T]) {
    for j in i..r.cols() {
        let unit = if i == j { T::ONE } else { T::ZERO };
        let sum = unit - dot(r.col(j).part(..j), s);
        if let Some(s) = s.get_mut(j) {
            *s = sum / r.at(j, j);
        }
    }
    let length = dot(s, s).sqrt();
    normalise(s, length, T::ZERO);
}

/// Scratch of [`hutchinson_diagonal`] for an n x n operator.
pub const fn diagonal_scratch(n: usize, operator: usize) -> usize {
    2 * n + operator
}

/// The diagonal of a square operator, `E[w .* A w]` over signs, from `products` products; the
/// variance of entry i is `sum_{j /= i} a_ij^2 / products` (Bekas, Kokiopoulou and Saad 2007).
/// `standard_error` holds as many values; the info's residual is their norm over the diagonal's.
///
/// ```
/// use nanocurv::Mat;
/// use nanocurv::curvature::{Dense, Stop, diagonal_scratch, hutchinson_diagonal};
///
/// let a = Dense::new(Mat::from_array::<2, 2, _>(&[1.0, 0.5, 0.5, 2.0]))?;
/// let (mut d, mut error) = ([0.0_f64; 2], [0.0; 2]);
/// let mut scratch = [0.0; diagonal_scratch(2, 0)];
/// let info = hutchinson_diagonal(&a, 100, 42, &mut d, &mut error, &mut scratch)?;
/// assert_eq!((info.stop, info.products), (Stop::Iterations, 100));
/// assert!((d[0] - 1.0).abs() < 4.0 * error[0] && (d[1] - 2.0).abs() < 4.0 * error[1]);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// As [`hutchinson_trace`].
pub fn hutchinson_diagonal<T: Real>(
    a: &impl LinearOperator<T>,
    products: usize,
    seed: u64,
    out: &mut [T],
    standard_error: &mut [T],
    scratch: &mut [T],
) -> Result<SolveInfo<T>, CurvatureError> {
    let n = square(a)?;
    check_count("products", 2, u32::MAX as usize, products)?;
    ShapeError::check("diagonal", n, out.len())?;
    ShapeError::check("standard error", n, standard_error.len())?;
    let mut scratch = Scratch::new(scratch, diagonal_scratch(n, a.scratch()))?;
    let (w, aw) = (scratch.take(n)?, scratch.take(n)?);
    let work = scratch.rest();
    let mut rng = Rng::seed(seed);
    out.fill(T::ZERO);
    standard_error.fill(T::ZERO);
    for count in 1..=products {
        Probe::Rademacher.draw(&mut rng, w);
        a.apply(w, aw, work)?;
        // Welford's mean and sum of squares, entry by entry.
        let entries = out.iter_mut().zip(standard_error.iter_mut());
        for ((mean, squares), (w, aw)) in entries.zip(w.iter().zip(&*aw)) {
            let before = *w * *aw - *mean;
            *mean += before / T::from_usize(count);
            *squares += before * (*w * *aw - *mean);
        }
    }
    let pairs = T::from_usize(products) * T::from_usize(products.saturating_sub(1).max(1));
    standard_error.iter_mut().for_each(|e| *e = (*e / pairs).sqrt());
    NonFiniteError::check("estimate", out)?;
    let (error, size) = (dot(standard_error, standard_error).sqrt(), dot(out, out).sqrt());
    let residual = relative(error, size);
    Ok(SolveInfo { stop: stop(error, size), iterations: products, products, residual })
}
