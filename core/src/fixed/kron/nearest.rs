//! The nearest sum of Kronecker products of a given number of terms, and the positive
//! semidefinite cone.

use super::{Terms, sum};
use crate::error::LinalgError;
use crate::kron::nearest::{self as run_time, Nearest, nearest_scratch, project_positive_scratch};
use crate::kron::{Kron, KronError};
use crate::matrix::Mat;
use crate::scalar::Real;
use crate::scratch::Carve;
use nalgebra::SMatrix;

/// Writes the sum of R Kronecker products nearest to `g`, the largest term first, and returns how
/// each of them went; see [`kron::nearest`](crate::kron::nearest()) for
/// the norms and the signs.
///
/// ```
/// use nanocurv::{fixed, kron::nearest_scratch};
/// use nalgebra::SMatrix;
///
/// let terms = [
///     (SMatrix::<f64, 2, 2>::new(4.0, 1.0, 1.0, 3.0), SMatrix::<f64, 2, 1>::new(1.0, 2.0)),
///     (SMatrix::<f64, 2, 2>::new(1.0, 0.0, 0.0, -1.0), SMatrix::<f64, 2, 1>::new(1.0, 0.0)),
/// ];
/// let mut g = SMatrix::<f64, 4, 2>::zeros();
/// fixed::kron::sum::dense(&terms, &mut g)?;
///
/// let mut found: fixed::kron::Terms<f64, 2, 2, 2, 1, 2> = Default::default();
/// let info = fixed::kron::nearest(&g, &mut found, &mut [0.0; nearest_scratch((2, 1))])?;
/// assert!(info[0].sigma > info[1].sigma);
/// assert!(fixed::kron::residual(&g, &found)? < 1e-13);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn nearest<
    T: Real,
    const P: usize,
    const Q: usize,
    const M: usize,
    const N: usize,
    const K: usize,
    const L: usize,
    const R: usize,
    const S: usize,
>(
    g: &SMatrix<T, P, Q>,
    terms: &mut Terms<T, M, N, K, L, R>,
    scratch: &mut [T; S],
) -> Result<[Nearest<T>; R], KronError> {
    const { assert!(P == M * K, "g: M times K rows are needed") };
    const { assert!(Q == N * L, "g: N times L columns are needed") };
    enough!("scratch", S, nearest_scratch((K, L)));
    let mut previous = [Kron { left: Mat::of(&[], 0, 0), right: Mat::of(&[], 0, 0) }; R];
    let mut infos = [Nearest { sigma: T::ZERO, iterations: 0, change: T::ZERO }; R];
    for (r, ((a, b), info)) in terms.iter_mut().zip(&mut infos).enumerate() {
        let before = previous.part(..r);
        *info = run_time::nearest(g.into(), before, (&mut *a).into(), (&mut *b).into(), scratch)?;
        if let Some(term) = previous.get_mut(r) {
            *term = Kron::new(&*a, &*b);
        }
    }
    Ok(infos)
}

/// `|G - sum_r A_r (x) B_r|_F`, entry by entry; see [`nearest()`].
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::SMatrix;
///
/// let terms = [(SMatrix::<f64, 1, 2>::new(1.0, 2.0), SMatrix::<f64, 2, 1>::new(3.0, 4.0))];
/// let g = SMatrix::<f64, 2, 2>::new(3.0, 6.0, 4.0, 10.0);
/// assert_eq!(fixed::kron::residual(&g, &terms)?, 2.0);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn residual<
    T: Real,
    const P: usize,
    const Q: usize,
    const M: usize,
    const N: usize,
    const K: usize,
    const L: usize,
    const R: usize,
>(
    g: &SMatrix<T, P, Q>,
    terms: &Terms<T, M, N, K, L, R>,
) -> Result<T, KronError> {
    const { assert!(P == M * K, "g: M times K rows are needed") };
    const { assert!(Q == N * L, "g: N times L columns are needed") };
    run_time::residual(g.into(), &sum::erased(terms))
}

/// Replaces the symmetric part of a square matrix by the positive semidefinite matrix nearest to
/// it in the Frobenius norm.
///
/// ```
/// use nanocurv::{fixed, kron::project_positive_scratch};
/// use nalgebra::SMatrix;
///
/// let mut a = SMatrix::<f64, 2, 2>::new(1.0, 2.0, 2.0, 1.0); // eigenvalues 3 and -1
/// fixed::kron::project_positive(&mut a, &mut [0.0; project_positive_scratch(2)])?;
/// assert!((a - SMatrix::repeat(1.5)).norm() < 1e-14);
/// # Ok::<(), nanocurv::error::LinalgError>(())
/// ```
///
/// # Errors
/// A value that is not finite.
pub fn project_positive<T: Real, const N: usize, const S: usize>(
    a: &mut SMatrix<T, N, N>,
    scratch: &mut [T; S],
) -> Result<(), LinalgError> {
    enough!("scratch", S, project_positive_scratch(N));
    run_time::project_positive(a.into(), scratch)
}
