//! Leading eigenpairs of a symmetric operator by thick-restart Lanczos:
//!
//! ```text
//! H = V^T A V,   H = Y diag(theta) Y^T,   (theta_i, V y_i) the Ritz pairs,   |A V y_i - theta_i V y_i| = beta |y_i[last]|
//! restart with V <- [V y_1 .. V y_keep, v_next],   H <- diag(theta_1 .. theta_keep)
//! ```
//! V holds `basis` columns, orthogonalised in full, so that H is symmetric to rounding and needs no
//! special form after a restart. `basis` products, then `basis - keep` for each restart.
//! Source: Wu and Simon, "Thick-restart Lanczos method for large symmetric eigenvalue problems"
//! (2000).

use super::basis::{Probe, normalise, orthogonalise, store};
use super::error::{CurvatureError, SolveInfo, Stop, Until};
use super::operator::LinearOperator;
use super::trace::check_count;
use crate::error::ShapeError;
use crate::linalg::{dot, eigh, eigh_scratch};
use crate::matrix::MatMut;
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Which eigenvalues lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Leading {
    /// The largest.
    Largest,
    /// The smallest, the most negative first.
    Smallest,
    /// Those of largest absolute value.
    Magnitude,
}

impl Leading {
    /// The place of this rank among `values`, which ascend.
    fn index<T: Real>(self, values: &[T], rank: usize) -> usize {
        let (mut low, mut high, mut index) = (0, values.len(), 0);
        let size = |i: usize| values.get(i).map_or(T::ZERO, |v| v.abs());
        for _ in 0..=rank {
            let from_above = match self {
                Self::Largest => true,
                Self::Smallest => false,
                Self::Magnitude => size(high.saturating_sub(1)) >= size(low),
            };
            if from_above {
                high = high.saturating_sub(1);
                index = high;
            } else {
                index = low;
                low += 1;
            }
        }
        index
    }
}

/// Scratch of [`eigenpairs`] for an n x n operator and a basis of `basis` vectors.
pub const fn eigenpairs_scratch(n: usize, basis: usize, operator: usize) -> usize {
    n * (basis + 2) + 3 * basis * basis + 2 * basis + eigh_scratch(basis) + operator
}

/// The `values.len()` leading eigenpairs, the most leading first: the eigenvectors are the columns
/// of `vectors` (n x k, orthonormal). `basis` (k < basis <= n, or k = basis = n) vectors are held.
///
/// Stops when every residual is at most `tolerance` times the largest eigenvalue seen, or after
/// `until.iterations` restarts; the info's residual is the largest of these.
///
/// ```
/// use nanocurv::MatMut;
/// use nanocurv::curvature::{Diagonal, Leading, Stop, Until, eigenpairs, eigenpairs_scratch};
///
/// let a = Diagonal::new(&[1.0_f64, -5.0, 2.0, 0.5])?;
/// let (mut values, mut vectors) = ([0.0; 1], [0.0; 4]);
/// let mut scratch = [0.0; eigenpairs_scratch(4, 3, 0)];
/// let until = Until { tolerance: 1e-10, iterations: 50 };
/// let (leading, to) = (Leading::Magnitude, MatMut::column_vector(&mut vectors));
/// let info = eigenpairs(&a, leading, 3, 42, until, &mut values, to, &mut scratch)?;
/// assert_eq!(info.stop, Stop::Converged);
/// assert!((values[0] + 5.0).abs() < 1e-10 && (vectors[1].abs() - 1.0).abs() < 1e-10);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// [`CurvatureError`] if the operator is not square, a count or a size is wrong, a product
/// overflows or the scratch is too short.
pub fn eigenpairs<T: Real>(
    a: &impl LinearOperator<T>,
    leading: Leading,
    basis: usize,
    seed: u64,
    until: Until<T>,
    values: &mut [T],
    mut vectors: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<SolveInfo<T>, CurvatureError> {
    let (n, wanted) = (a.rows(), values.len());
    ShapeError::check("operator columns", n, a.cols())?;
    check_count("eigenpairs", 1, n, wanted)?;
    check_count("basis", (wanted + 1).min(n), n, basis)?;
    vectors.as_ref().check(("vector rows", "vector columns"), n, wanted)?;
    let mut scratch = Scratch::new(scratch, eigenpairs_scratch(n, basis, a.scratch()))?;
    let mut v = scratch.matrix(n, basis)?;
    let (next, spare) = (scratch.take(n)?, scratch.take(n)?);
    let (mut h, mut copied) = (scratch.matrix(basis, basis)?, scratch.matrix(basis, basis)?);
    let mut y = scratch.matrix(basis, basis)?;
    let (theta, row) = (scratch.take(basis)?, scratch.take(basis)?);
    let eigen = scratch.take(eigh_scratch(basis))?;
    let work = scratch.rest();

    let mut rng = Rng::seed(seed);
    let mut info =
        SolveInfo { stop: Stop::Iterations, iterations: 0, products: 0, residual: T::ZERO };
    Probe::Normal.draw(&mut rng, next);
    let length = dot(next, next).sqrt();
    normalise(next, length, T::ZERO);
    h.fill(T::ZERO);
    let mut held = 0;
    loop {
        let mut beta = T::ZERO;
        for j in held..basis {
            store(next, v.reborrow(), j);
            a.apply(v.as_ref().col(j), next, work)?;
            info.products += 1;
            let size = dot(next, next).sqrt();
            if !size.is_finite() {
                info.stop = Stop::NotFinite;
                return Ok(info);
            }
            for i in 0..=j {
                h.set(j, i, T::ZERO);
            }
            beta = orthogonalise(v.as_ref(), j + 1, next, |i, c| {
                let sum = h.at(j, i) + c;
                h.set(j, i, sum);
            });
            if !normalise(next, beta, T::of(16.0) * T::EPSILON * size) {
                // An invariant subspace: go on from a direction that it does not hold.
                beta = T::ZERO;
                if j + 1 < basis {
                    Probe::Normal.draw(&mut rng, next);
                    let length = orthogonalise(v.as_ref(), j + 1, next, |_, _| {});
                    normalise(next, length, T::ZERO);
                }
            }
        }
        copied.copy_from(h.as_ref());
        eigh(copied.reborrow(), theta, y.reborrow(), eigen)?;
        let index = |rank| leading.index(theta, rank);
        let size = theta.iter().fold(T::ZERO, |m, t| m.max(t.abs())).max(T::MIN_POSITIVE);
        info.residual = T::ZERO;
        for rank in 0..wanted {
            let last = y.at(basis - 1, index(rank));
            info.residual = info.residual.max(beta * last.abs() / size);
        }
        let done = info.residual <= until.tolerance || basis == n;
        if done || info.iterations >= until.iterations {
            if done {
                info.stop = Stop::Converged;
            }
            rotate(v.reborrow(), &y, index, wanted, row);
            for (rank, value) in values.iter_mut().enumerate() {
                *value = theta.get(index(rank)).copied().unwrap_or(T::ZERO);
                store(v.as_ref().col(rank), vectors.reborrow(), rank);
            }
            return Ok(info);
        }
        info.iterations += 1;
        // Restart with the wanted Ritz vectors and half of the others.
        held = (wanted + (basis - wanted) / 2).min(basis - 1);
        rotate(v.reborrow(), &y, index, held, row);
        h.fill(T::ZERO);
        for rank in 0..held {
            h.set(rank, rank, theta.get(index(rank)).copied().unwrap_or(T::ZERO));
        }
        // The next vector is orthogonal to all of them already, up to rounding.
        spare.iter_mut().zip(&*next).for_each(|(spare, next)| *spare = *next);
        let length = orthogonalise(v.as_ref(), held, spare, |_, _| {});
        if !normalise(spare, length, T::HALF) {
            Probe::Normal.draw(&mut rng, spare);
            let length = orthogonalise(v.as_ref(), held, spare, |_, _| {});
            normalise(spare, length, T::ZERO);
        }
        next.iter_mut().zip(&*spare).for_each(|(next, spare)| *next = *spare);
    }
}

/// V = V Y, the leading `count` columns of it, row by row, in place.
fn rotate<T: Real>(
    mut v: MatMut<'_, T>,
    y: &MatMut<'_, T>,
    index: impl Fn(usize) -> usize,
    count: usize,
    row: &mut [T],
) {
    for i in 0..v.rows() {
        for (j, row) in row.iter_mut().enumerate() {
            *row = v.at(i, j);
        }
        for rank in 0..count {
            v.set(i, rank, dot(y.as_ref().col(index(rank)), row));
        }
    }
}
