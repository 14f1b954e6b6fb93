//! Any power of a damped Kronecker product of symmetric factors, exactly.
//!
//! ```text
//! A = Q_A diag(a) Q_A^T,   B = Q_B diag(b) Q_B^T
//! (c A (x) B + lambda I)^p x = vec( Q_B [ (Q_B^T X Q_A) .* d^p ] Q_A^T ),   d_ij = c b_i a_j + lambda
//! ```
//! X: k x m, one column of the right-hand side. Two eigendecompositions once, then
//! `2 mk (m + k)` multiply-accumulates per right-hand side: one set of factors serves every
//! damping and every power, and a query changes nothing.
//!
//! Eigenvalues within the error of their decomposition (`n EPSILON` of the largest) are taken as
//! zero, so that a semidefinite factor stays semidefinite and `lambda > 0` always suffices.

use super::apply::two_sided;
use super::{Kron, KronError, apply_scratch};
use crate::error::{LinalgError, NonFiniteError, ShapeError, size};
use crate::linalg::{check_symmetric, eigh, eigh_scratch};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The memory of [`Damped`], in values, for factors of `left` and `right` rows: eigenvalues and
/// eigenvectors.
pub const fn memory(left: usize, right: usize) -> usize {
    left * left + right * right + left + right
}

/// The scratch of [`Damped::new`].
pub const fn new_scratch(left: usize, right: usize) -> usize {
    let l = left * left + eigh_scratch(left);
    let r = right * right + eigh_scratch(right);
    if l > r { l } else { r }
}

/// The scratch of [`Damped::power`] and [`Damped::solve`].
pub const fn power_scratch(left: usize, right: usize) -> usize {
    left * right + apply_scratch((left, left), (right, right))
}

/// The eigendecompositions of two symmetric factors.
///
/// ```
/// use nanocurv::kron::{Damped, Kron, damped};
/// use nanocurv::{Mat, MatMut};
///
/// let (a, b) = ([2.0, 0.5, 0.5, 1.0], [1.5, -0.2, -0.2, 0.7]);
/// let kron = Kron::new(Mat::new("a", &a, 2, 2)?, Mat::new("b", &b, 2, 2)?);
/// let (mut memory, mut scratch) =
///     ([0.0; damped::memory(2, 2)], [0.0; damped::new_scratch(2, 2)]);
/// let damped = Damped::new(kron, &mut memory, &mut scratch)?;
///
/// // (A (x) B + 0.3 I)^-1 vec_r([[1, 2], [3, -1]])
/// let (x, mut y) = ([1.0, 2.0, 3.0, -1.0], [0.0; 4]);
/// let mut scratch = [0.0; damped::power_scratch(2, 2)];
/// damped.solve(1.0, 0.3, Mat::column_vector(&x), MatMut::column_vector(&mut y), &mut scratch)?;
/// assert!((y[0] - 0.0944438551489246_f64).abs() < 1e-14);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Damped<'s, T> {
    left: Mat<'s, T>,
    right: Mat<'s, T>,
    left_values: &'s [T],
    right_values: &'s [T],
}

impl<'s, T: Real> Damped<'s, T> {
    /// Decomposes both factors into `memory` ([`memory`] values).
    ///
    /// # Errors
    /// Wrong sizes, short memory or scratch ([`new_scratch`]), values that are not finite, a
    /// factor that is not symmetric: which one, and where.
    pub fn new(
        kron: Kron<'_, T>,
        memory: &'s mut [T],
        scratch: &mut [T],
    ) -> Result<Self, KronError> {
        kron.check_square()?;
        let (m, k) = (kron.left.rows(), kron.right.rows());
        Scratch::new(scratch, new_scratch(m, k))?;
        let mut memory = Scratch::new(memory, self::memory(m, k))?;
        let (left, left_values) = (memory.matrix(m, m)?, memory.take(m)?);
        let (right, right_values) = (memory.matrix(k, k)?, memory.take(k)?);
        Ok(Self {
            left: decompose(kron.left, left_values, left, scratch).map_err(KronError::Left)?,
            right: decompose(kron.right, right_values, right, scratch).map_err(KronError::Right)?,
            left_values,
            right_values,
        })
    }

    /// The eigenvalues, ascending, and the eigenvectors, as columns, of the left factor.
    pub const fn left(&self) -> (&'s [T], Mat<'s, T>) {
        (self.left_values, self.left)
    }

    /// The eigenvalues, ascending, and the eigenvectors, as columns, of the right factor.
    pub const fn right(&self) -> (&'s [T], Mat<'s, T>) {
        (self.right_values, self.right)
    }

    /// `Y = (scale A (x) B + damping I)^-1 X` for the columns of `x`.
    ///
    /// # Errors
    /// As [`Damped::power`].
    pub fn solve(
        &self,
        scale: T,
        damping: T,
        x: Mat<'_, T>,
        y: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        self.power(-T::ONE, scale, damping, x, y, scratch)
    }

    /// `Y = (scale A (x) B + damping I)^exponent X` for the columns of `x`.
    ///
    /// # Errors
    /// Wrong sizes, a scratch shorter than [`power_scratch`], values that are not finite, and
    /// [`KronError::Singular`] where an eigenvalue is zero and the exponent negative, or the
    /// eigenvalue negative and the exponent not 1 or -1.
    pub fn power(
        &self,
        exponent: T,
        scale: T,
        damping: T,
        x: Mat<'_, T>,
        mut y: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        let (m, k) = (self.left.rows(), self.right.rows());
        NonFiniteError::check("exponent, scale or damping", &[exponent, scale, damping])?;
        ShapeError::check("x rows", m * k, x.rows())?;
        y.as_ref().check(("y rows", "y columns"), m * k, x.cols())?;
        NonFiniteError::check_matrix("x", x)?;
        for (x, y) in x.columns().zip(y.columns()) {
            let (x, y) = (Mat::of(x, k, m), MatMut::of(y, k, m));
            let (slow, fast) = (self.right(), self.left());
            sandwich(slow, fast, false, (exponent, scale, damping), x, y, scratch)?;
        }
        Ok(())
    }

    /// The same on a matrix, row-major order: X and Y are m x k, with A's rows.
    ///
    /// # Errors
    /// As [`Damped::power`].
    pub fn power_matrix(
        &self,
        exponent: T,
        scale: T,
        damping: T,
        x: Mat<'_, T>,
        y: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        let (m, k) = (self.left.rows(), self.right.rows());
        NonFiniteError::check("exponent, scale or damping", &[exponent, scale, damping])?;
        x.check(("x rows", "x columns"), m, k)?;
        y.as_ref().check(("y rows", "y columns"), m, k)?;
        NonFiniteError::check_matrix("x", x)?;
        sandwich(self.left(), self.right(), true, (exponent, scale, damping), x, y, scratch)
    }

    /// `ln det (scale A (x) B + damping I)`.
    ///
    /// # Errors
    /// [`KronError::Singular`] where an eigenvalue is not positive.
    pub fn log_determinant(&self, scale: T, damping: T) -> Result<T, KronError> {
        let mut sum = T::ZERO;
        for (j, a) in self.left_values.iter().enumerate() {
            for (i, b) in self.right_values.iter().enumerate() {
                let d = scale * *a * *b + damping;
                if d <= T::ZERO {
                    return Err(KronError::Singular { left: size(j), right: size(i) });
                }
                sum += d.ln();
            }
        }
        Ok(sum)
    }
}

/// `Y = P [ (P^T X Q) .* (scale p q^T + damping)^exponent ] Q^T` for the eigenvalues and
/// eigenvectors `(p, P)`, `(q, Q)`; `left_first` if p is the left factor's.
fn sandwich<T: Real>(
    (p_values, p): (&[T], Mat<'_, T>),
    (q_values, q): (&[T], Mat<'_, T>),
    left_first: bool,
    (exponent, scale, damping): (T, T, T),
    x: Mat<'_, T>,
    y: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), KronError> {
    let (m, k) = (p.rows(), q.rows());
    let mut scratch = Scratch::new(scratch, power_scratch(m, k))?;
    let mut z = scratch.matrix(m, k)?;
    let rest = scratch.rest();
    two_sided(p, x, q, true, T::ZERO, z.reborrow(), rest)?;
    for (j, (z, b)) in z.columns().zip(q_values).enumerate() {
        for (i, (z, a)) in z.iter_mut().zip(p_values).enumerate() {
            let (left, right) = if left_first { (i, j) } else { (j, i) };
            let singular = KronError::Singular { left: size(left), right: size(right) };
            *z *= raise(scale * *a * *b + damping, exponent).ok_or(singular)?;
        }
    }
    two_sided(p, z.as_ref(), q, false, T::ZERO, y, rest)
}

/// `d^p`, if it exists.
fn raise<T: Real>(d: T, p: T) -> Option<T> {
    if p == T::ONE {
        Some(d)
    } else if p == -T::ONE {
        (d != T::ZERO).then(|| T::ONE / d)
    } else if d > T::ZERO {
        if p == T::HALF {
            Some(d.sqrt())
        } else if p == -T::HALF {
            Some(T::ONE / d.sqrt())
        } else {
            Some(d.powf(p))
        }
    } else if d == T::ZERO && p >= T::ZERO {
        Some(if p == T::ZERO { T::ONE } else { T::ZERO })
    } else {
        None
    }
}

/// Eigenvalues and eigenvectors of a symmetric factor; what is zero within rounding is zero.
fn decompose<'s, T: Real>(
    a: Mat<'_, T>,
    values: &mut [T],
    mut vectors: MatMut<'s, T>,
    scratch: &mut [T],
) -> Result<Mat<'s, T>, LinalgError> {
    let n = a.rows();
    check_symmetric(a)?;
    let mut scratch = Scratch::new(scratch, n * n + eigh_scratch(n))?;
    let mut copy = scratch.matrix(n, n)?;
    copy.copy_from(a);
    eigh(copy, values, vectors.reborrow(), scratch.rest())?;
    let largest = values.iter().fold(T::ZERO, |m, v| m.max(v.abs()));
    let error = largest * T::EPSILON * T::from_usize(n);
    values.iter_mut().filter(|v| v.abs() <= error).for_each(|v| *v = T::ZERO);
    Ok(vectors.into_ref())
}
