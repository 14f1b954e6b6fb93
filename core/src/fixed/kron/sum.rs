//! Sums of Kronecker products, `G = sum_r A_r (x) B_r`: an array of `R` pairs of factors.
//!
//! A single product is an array of one pair. The compiler cannot multiply sizes in a type: where
//! the matrix itself is written, `P = M K` and `Q = N L` are those of the argument, and checked.

use super::Terms;
use crate::kron::sum::add_up;
use crate::kron::{Kron, KronError, apply_scratch, dense, sum};
use crate::scalar::Real;
use nalgebra::{SMatrix, SVector};

/// The run-time sized form of the terms.
///
/// ```
/// use nanocurv::{fixed, kron::sum};
/// use nalgebra::SMatrix;
///
/// let terms = [(SMatrix::<f64, 1, 2>::new(1.0, 2.0), SMatrix::<f64, 2, 1>::new(3.0, 4.0))];
/// assert_eq!(sum::shape(&fixed::kron::sum::erased(&terms))?, (2, 2));
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
pub fn erased<
    T: Real,
    const M: usize,
    const N: usize,
    const K: usize,
    const L: usize,
    const R: usize,
>(
    terms: &Terms<T, M, N, K, L, R>,
) -> [Kron<'_, T>; R] {
    terms.each_ref().map(|(a, b)| Kron::new(a, b))
}

/// `Y = sum_r A_r X B_r^T`.
///
/// ```
/// use nanocurv::{fixed, kron::apply_scratch};
/// use nalgebra::SMatrix;
///
/// let terms = [
///     (SMatrix::<f64, 1, 2>::new(1.0, 2.0), SMatrix::<f64, 2, 2>::identity()),
///     (SMatrix::<f64, 1, 2>::new(0.0, 1.0), SMatrix::<f64, 2, 2>::new(0.0, 1.0, 1.0, 0.0)),
/// ];
/// let x = SMatrix::<f64, 2, 2>::new(1.0, 2.0, 3.0, 4.0);
/// let mut y = SMatrix::zeros();
/// let mut scratch = [0.0; apply_scratch((1, 2), (2, 2))];
/// fixed::kron::sum::apply(&terms, &x, &mut y, &mut scratch)?;
/// assert_eq!(y, SMatrix::<f64, 1, 2>::new(11.0, 13.0)); // [7, 10] + [4, 3]
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn apply<
    T: Real,
    const M: usize,
    const N: usize,
    const K: usize,
    const L: usize,
    const R: usize,
    const S: usize,
>(
    terms: &Terms<T, M, N, K, L, R>,
    x: &SMatrix<T, N, L>,
    y: &mut SMatrix<T, M, K>,
    scratch: &mut [T; S],
) -> Result<(), KronError> {
    const { assert!(R > 0, "terms: at least one is needed") };
    enough!("scratch", S, apply_scratch((M, N), (K, L)));
    add_up(&erased(terms), false, x.into(), y.into(), scratch)
}

/// `Y = sum_r A_r^T X B_r`, the transposed sum.
///
/// ```
/// use nanocurv::{fixed, kron::apply_scratch};
/// use nalgebra::SMatrix;
///
/// let terms = [
///     (SMatrix::<f64, 1, 2>::new(1.0, 2.0), SMatrix::<f64, 2, 2>::identity()),
///     (SMatrix::<f64, 1, 2>::new(0.0, 1.0), SMatrix::<f64, 2, 2>::new(0.0, 1.0, 1.0, 0.0)),
/// ];
/// let x = SMatrix::<f64, 1, 2>::new(1.0, 10.0);
/// let mut y = SMatrix::zeros();
/// let mut scratch = [0.0; apply_scratch((1, 2), (2, 2))];
/// fixed::kron::sum::apply_transpose(&terms, &x, &mut y, &mut scratch)?;
/// assert_eq!(y, SMatrix::<f64, 2, 2>::new(1.0, 10.0, 12.0, 21.0));
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn apply_transpose<
    T: Real,
    const M: usize,
    const N: usize,
    const K: usize,
    const L: usize,
    const R: usize,
    const S: usize,
>(
    terms: &Terms<T, M, N, K, L, R>,
    x: &SMatrix<T, M, K>,
    y: &mut SMatrix<T, N, L>,
    scratch: &mut [T; S],
) -> Result<(), KronError> {
    const { assert!(R > 0, "terms: at least one is needed") };
    enough!("scratch", S, apply_scratch((M, N), (K, L)));
    add_up(&erased(terms), true, x.into(), y.into(), scratch)
}

/// `tr G = sum_r tr A_r tr B_r`.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::SMatrix;
///
/// let terms = [
///     (SMatrix::<f64, 2, 2>::new(1.0, 0.0, 0.0, 2.0), SMatrix::<f64, 1, 1>::new(3.0)),
///     (SMatrix::<f64, 2, 2>::new(1.0, 1.0, 1.0, 0.0), SMatrix::<f64, 1, 1>::new(1.0)),
/// ];
/// assert_eq!(fixed::kron::sum::trace(&terms)?, 10.0);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn trace<T: Real, const M: usize, const K: usize, const R: usize>(
    terms: &Terms<T, M, M, K, K, R>,
) -> Result<T, KronError> {
    const { assert!(R > 0, "terms: at least one is needed") };
    sum::trace(&erased(terms))
}

/// `|G|_F = sqrt(sum_rs <A_r, A_s> <B_r, B_s>)`; see [`sum::frobenius`] for its rounding.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::SMatrix;
///
/// let terms = [
///     (SMatrix::<f64, 1, 2>::new(1.0, 0.0), SMatrix::<f64, 1, 1>::new(3.0)),
///     (SMatrix::<f64, 1, 2>::new(0.0, 2.0), SMatrix::<f64, 1, 1>::new(2.0)),
/// ];
/// assert_eq!(fixed::kron::sum::frobenius(&terms)?, 5.0); // |[3, 4]|
///
/// let unknown = terms.map(|(a, b)| (a, b * f64::NAN));
/// assert!(fixed::kron::sum::frobenius(&unknown).is_err());
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn frobenius<
    T: Real,
    const M: usize,
    const N: usize,
    const K: usize,
    const L: usize,
    const R: usize,
>(
    terms: &Terms<T, M, N, K, L, R>,
) -> Result<T, KronError> {
    const { assert!(R > 0, "terms: at least one is needed") };
    sum::frobenius(&erased(terms))
}

/// Writes G itself, `P = M K` rows and `Q = N L` columns: to validate, never on the way to
/// something else.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::SMatrix;
///
/// let terms = [(SMatrix::<f64, 1, 2>::new(1.0, 2.0), SMatrix::<f64, 2, 1>::new(3.0, 4.0))];
/// let mut g = SMatrix::<f64, 2, 2>::zeros();
/// fixed::kron::sum::dense(&terms, &mut g)?;
/// assert_eq!(g.as_slice(), [3.0, 4.0, 6.0, 8.0]);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn dense<
    T: Real,
    const M: usize,
    const N: usize,
    const K: usize,
    const L: usize,
    const R: usize,
    const P: usize,
    const Q: usize,
>(
    terms: &Terms<T, M, N, K, L, R>,
    out: &mut SMatrix<T, P, Q>,
) -> Result<(), KronError> {
    const { assert!(R > 0, "terms: at least one is needed") };
    const { assert!(P == M * K, "out: M times K rows are needed") };
    const { assert!(Q == N * L, "out: N times L columns are needed") };
    dense::dense(&erased(terms), out.into())
}

/// Writes the diagonal of a square G, `P = M K` values, without the rest.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::{SMatrix, SVector};
///
/// let terms = [(
///     SMatrix::<f64, 2, 2>::new(1.0, 9.0, 9.0, 2.0),
///     SMatrix::<f64, 2, 2>::new(3.0, 9.0, 9.0, 4.0),
/// )];
/// let mut diagonal = SVector::<f64, 4>::zeros();
/// fixed::kron::sum::diagonal(&terms, &mut diagonal)?;
/// assert_eq!(diagonal, SVector::from([3.0, 4.0, 6.0, 8.0]));
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn diagonal<T: Real, const M: usize, const K: usize, const R: usize, const P: usize>(
    terms: &Terms<T, M, M, K, K, R>,
    out: &mut SVector<T, P>,
) -> Result<(), KronError> {
    const { assert!(R > 0, "terms: at least one is needed") };
    const { assert!(P == M * K, "out: M times K values are needed") };
    dense::diagonal(&erased(terms), out.as_mut_slice())
}
