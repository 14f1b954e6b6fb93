//! The sum of Kronecker products nearest to a matrix in the Frobenius norm.
//!
//! ```text
//! min | G - sum_r A_r (x) B_r |_F      G: mk x nl,  A_r: m x n,  B_r: k x l
//! R(G)[(i,j), (a,b)] = G[(i,a), (j,b)],   R(A (x) B) = vec A vec B^T
//! ```
//! The best sum is the truncated singular value decomposition of the rearrangement R(G) (Van Loan
//! & Pitsianis, "Approximation with Kronecker products", 1993). R(G) is never formed: the power
//! iteration alternates two contractions of G itself,
//!
//! ```text
//! A[i,j] <- <G block (i,j), B> / |.|        B <- sum_ij A[i,j] G block (i,j) / |.|
//! ```
//! `mknl` multiply-accumulates each, and converges as `(sigma_2 / sigma_1)^(2 iterations)`. The
//! terms found before are deflated, by their inner products, without changing G.

use super::info::{frobenius, trace};
use super::sum::inner;
use super::{Kron, KronError};
use crate::error::{LinalgError, NonFiniteError, ShapeError};
use crate::linalg::{axpy, dot, eigh, eigh_scratch, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Iterations after which [`nearest`] takes what it has: two singular values are then closer than
/// 1 % and the residual is right to far more digits than the factors.
const ITERATIONS: u32 = 1000;

/// How [`nearest`] went.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Nearest<T> {
    /// The singular value of the rearrangement: the Frobenius norm of the term, 0 (within
    /// rounding) if the terms before already make up G.
    pub sigma: T,
    /// The iterations made.
    pub iterations: u32,
    /// How far the last iteration moved the unit right factor.
    pub change: T,
}

/// The scratch of [`nearest`] for a right factor of these rows and columns.
pub const fn nearest_scratch(right: (usize, usize)) -> usize {
    right.0 * right.1
}

/// Writes the Kronecker product nearest to `g - sum of previous` into `left` and `right`, whose
/// shapes choose those of the factors. Call it again with what it found for the next term.
///
/// Both factors get the norm `sqrt(sigma)`. Their common sign is chosen so that both traces are
/// positive where they can be; where the traces have opposite signs, the left one is positive.
///
/// # Errors
/// Wrong sizes, a scratch shorter than [`nearest_scratch`], a value that is not finite.
pub fn nearest<T: Real>(
    g: Mat<'_, T>,
    previous: &[Kron<'_, T>],
    mut left: MatMut<'_, T>,
    mut right: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<Nearest<T>, KronError> {
    let ((m, n), (k, l)) = ((left.rows(), left.cols()), (right.rows(), right.cols()));
    g.check(("matrix rows", "matrix columns"), m * k, n * l)?;
    NonFiniteError::check_matrix("matrix", g)?;
    for term in previous {
        term.left.check(("previous left rows", "previous left columns"), m, n)?;
        term.right.check(("previous right rows", "previous right columns"), k, l)?;
        term.check_finite()?;
    }
    let mut before = Scratch::new(scratch, nearest_scratch((k, l)))?.matrix(k, l)?;

    // A start that is orthogonal to no direction, the same on every machine.
    let mut rng = Rng::seed(0);
    right.columns().flatten().for_each(|v| *v = rng.normal());
    normalize(&mut right);
    let nothing = frobenius(g) * T::EPSILON * T::from_usize(m + n + k + l);
    let settled = T::EPSILON * T::from_usize(8 + m + n + k + l);
    let mut info = Nearest { sigma: T::ZERO, iterations: 0, change: T::MAX };
    while info.iterations < ITERATIONS && info.change > settled {
        before.copy_from(right.as_ref());
        contract_right(g, right.as_ref(), &mut left);
        for term in previous {
            left.add_scaled(-inner(term.right, right.as_ref()), term.left);
        }
        normalize(&mut left);
        contract_left(g, left.as_ref(), &mut right);
        for term in previous {
            right.add_scaled(-inner(term.left, left.as_ref()), term.right);
        }
        info.sigma = normalize(&mut right);
        info.iterations += 1;
        if info.sigma <= nothing {
            left.fill(T::ZERO);
            right.fill(T::ZERO);
            return Ok(Nearest { sigma: T::ZERO, change: T::ZERO, ..info });
        }
        before.add_scaled(-T::ONE, right.as_ref());
        info.change = frobenius(before.as_ref());
    }
    let root = info.sigma.sqrt() * sign(left.as_ref(), right.as_ref());
    left.scale(root);
    right.scale(root);
    Ok(info)
}

/// `A[i,j] = <G block (i,j), B>`, column by column of G.
fn contract_right<T: Real>(g: Mat<'_, T>, right: Mat<'_, T>, left: &mut MatMut<'_, T>) {
    let k = right.rows().max(1);
    left.fill(T::ZERO);
    let mut columns = g.columns();
    for a in left.columns() {
        for (b, g) in right.columns().zip(columns.by_ref()) {
            for (a, g) in a.iter_mut().zip(g.chunks_exact(k)) {
                *a += dot(g, b);
            }
        }
    }
}

/// `B = sum_ij A[i,j] G block (i,j)`, column by column of G.
fn contract_left<T: Real>(g: Mat<'_, T>, left: Mat<'_, T>, right: &mut MatMut<'_, T>) {
    let k = right.rows().max(1);
    right.fill(T::ZERO);
    let mut columns = g.columns();
    for a in left.columns() {
        for (b, g) in right.columns().zip(columns.by_ref()) {
            for (a, g) in a.iter().zip(g.chunks_exact(k)) {
                axpy(*a, g, b);
            }
        }
    }
}

/// Divides by the Frobenius norm, if there is one, and returns it.
fn normalize<T: Real>(m: &mut MatMut<'_, T>) -> T {
    let norm = frobenius(m.as_ref());
    if norm > T::ZERO {
        m.columns().flatten().for_each(|v| *v /= norm);
    }
    norm
}

/// -1 if turning both factors round makes the first trace that is not zero positive.
fn sign<T: Real>(left: Mat<'_, T>, right: Mat<'_, T>) -> T {
    let rounding = |m: Mat<'_, T>| T::EPSILON * T::from_usize(m.rows() + m.cols());
    let (l, r) = (trace(left), trace(right));
    let deciding = if l.abs() > rounding(left) { l } else { r };
    if deciding < T::ZERO { -T::ONE } else { T::ONE }
}

/// `|G - sum_r A_r (x) B_r|_F`, entry by entry: as exact when it is small as when it is large.
///
/// # Errors
/// Wrong sizes, a value that is not finite.
pub fn residual<T: Real>(g: Mat<'_, T>, terms: &[Kron<'_, T>]) -> Result<T, KronError> {
    for term in terms {
        ShapeError::check("matrix rows", term.rows(), g.rows())?;
        ShapeError::check("matrix columns", term.cols(), g.cols())?;
        term.check_finite()?;
    }
    NonFiniteError::check_matrix("matrix", g)?;
    let mut scale = T::ZERO;
    let mut sum = T::ZERO;
    for (c, column) in g.columns().enumerate() {
        for (r, value) in column.iter().enumerate() {
            let difference = terms.iter().fold(*value, |v, t| v - entry(t, r, c)).abs();
            // A running scale keeps the squares in range.
            if difference > scale {
                sum = sum * (scale / difference).squared() + T::ONE;
                scale = difference;
            } else if scale > T::ZERO {
                sum += (difference / scale).squared();
            }
        }
    }
    Ok(scale * sum.sqrt())
}

/// Entry `(row, col)` of a Kronecker product.
fn entry<T: Real>(kron: &Kron<'_, T>, row: usize, col: usize) -> T {
    let (k, l) = (kron.right.rows().max(1), kron.right.cols().max(1));
    kron.left.at(row / k, col / l) * kron.right.at(row % k, col % l)
}

/// The scratch of [`project_positive`].
pub const fn project_positive_scratch(n: usize) -> usize {
    2 * n * n + n + eigh_scratch(n)
}

/// Replaces the symmetric part of a square matrix by the positive semidefinite matrix nearest to
/// it in the Frobenius norm: negative eigenvalues become zero (Higham 1988).
///
/// # Errors
/// Wrong sizes, a scratch shorter than [`project_positive_scratch`], a value that is not finite.
pub fn project_positive<T: Real>(
    mut a: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), LinalgError> {
    let n = a.rows();
    ShapeError::check("a columns", n, a.cols())?;
    NonFiniteError::check_matrix("a", a.as_ref())?;
    let mut scratch = Scratch::new(scratch, project_positive_scratch(n))?;
    let (mut copy, mut vectors) = (scratch.matrix(n, n)?, scratch.matrix(n, n)?);
    let values = scratch.take(n)?;
    for (j, column) in copy.columns().enumerate() {
        for (i, v) in column.iter_mut().enumerate() {
            *v = T::HALF * (a.at(i, j) + a.at(j, i));
        }
    }
    eigh(copy, values, vectors.reborrow(), scratch.rest())?;
    for (column, value) in vectors.columns().zip(values) {
        let root = value.max(T::ZERO).sqrt();
        column.iter_mut().for_each(|v| *v *= root);
    }
    syrk_nt(T::ONE, vectors.as_ref(), T::ZERO, a.reborrow())?;
    a.mirror_lower();
    Ok(())
}
