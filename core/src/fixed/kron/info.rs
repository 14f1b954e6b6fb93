//! What the two factors of a product tell about it.

use crate::kron::info::{LogDeterminant, log_determinant_scratch};
use crate::kron::{Kron, KronError};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// `tr (A (x) B) = tr A tr B`.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f64, 2, 2>::new(1.0, 2.0, 3.0, 4.0);
/// let b = SMatrix::<f64, 1, 1>::new(2.0);
/// assert_eq!(fixed::kron::trace(&a, &b)?, 10.0);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn trace<T: Real, const M: usize, const K: usize>(
    a: &SMatrix<T, M, M>,
    b: &SMatrix<T, K, K>,
) -> Result<T, KronError> {
    Kron::new(a, b).trace()
}

/// `|A (x) B|_F = |A|_F |B|_F`, of any shape.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f64, 1, 2>::new(3.0, 4.0);
/// let b = SMatrix::<f64, 1, 1>::new(2.0);
/// assert_eq!(fixed::kron::frobenius(&a, &b)?, 10.0);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn frobenius<T: Real, const M: usize, const N: usize, const K: usize, const L: usize>(
    a: &SMatrix<T, M, N>,
    b: &SMatrix<T, K, L>,
) -> Result<T, KronError> {
    Kron::new(a, b).frobenius()
}

/// The sign and the logarithm of `det (A (x) B) = det(A)^K det(B)^M`; `pivots` holds as many as
/// the larger factor has rows.
///
/// ```
/// use nanocurv::{fixed, kron::info};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f64, 2, 2>::new(1.0, 2.0, 3.0, 4.0);
/// let b = SMatrix::<f64, 1, 1>::new(2.0);
/// let mut scratch = [0.0; info::log_determinant_scratch(2, 1)];
/// let found = fixed::kron::log_determinant(&a, &b, &mut [0; 2], &mut scratch)?;
/// assert_eq!(found.sign, -1.0);
/// assert!((found.log - 8_f64.ln()).abs() < 1e-14); // (-2)^1 2^2
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite. A singular factor is a determinant of sign 0.
pub fn log_determinant<T: Real, const M: usize, const K: usize, const I: usize, const S: usize>(
    a: &SMatrix<T, M, M>,
    b: &SMatrix<T, K, K>,
    pivots: &mut [usize; I],
    scratch: &mut [T; S],
) -> Result<LogDeterminant<T>, KronError> {
    const { assert!(I >= M && I >= K, "pivots: as many as the larger of M and K are needed") };
    enough!("scratch", S, log_determinant_scratch(M, K));
    Kron::new(a, b).log_determinant(pivots, scratch)
}
