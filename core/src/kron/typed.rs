//! The Kronecker algebra on `SMatrix`: shapes are checked by the compiler, the length of a
//! scratch array by a sentence at compile time.
//!
//! ```text
//! A: M x N (left),  B: K x L (right),  X: N x L,  (A (x) B) vec_r(X) = vec_r(A X B^T)
//! ```
//! Everything is in matrix form, row-major order: `X` is the matrix whose rows belong to the left
//! factor. A K-FAC block of a layer is this with A the input factor, B the output factor and X
//! the `in x out` gradient.

use super::apply::two_sided;
use super::{Damped, Kron, KronError, KronLdlt, KronLu, apply_scratch, damped, solve};
use crate::error::NonFiniteError;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// `Y = A X B^T`.
///
/// ```
/// use nanocurv::kron::{apply_scratch, typed};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f32, 1, 2>::new(1.0, 2.0);
/// let b = SMatrix::<f32, 2, 2>::new(1.0, 1.0, 0.0, 1.0);
/// let x = SMatrix::<f32, 2, 2>::new(1.0, 2.0, 3.0, 4.0);
/// let mut y = SMatrix::<f32, 1, 2>::zeros();
/// let mut scratch = [0.0; apply_scratch((1, 2), (2, 2))];
/// typed::apply(&a, &b, &x, &mut y, &mut scratch)?;
/// assert_eq!(y.as_slice(), [17.0, 10.0]);
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
    const S: usize,
>(
    a: &SMatrix<T, M, N>,
    b: &SMatrix<T, K, L>,
    x: &SMatrix<T, N, L>,
    y: &mut SMatrix<T, M, K>,
    scratch: &mut [T; S],
) -> Result<(), KronError> {
    const {
        assert!(
            S >= apply_scratch((M, N), (K, L)),
            "scratch: kron::apply_scratch((M, N), (K, L)) values are needed"
        )
    };
    product(a.into(), b.into(), x.into(), false, y.into(), scratch)
}

/// `Y = A^T X B`, the transposed product.
///
/// # Errors
/// A value that is not finite.
pub fn apply_transpose<
    T: Real,
    const M: usize,
    const N: usize,
    const K: usize,
    const L: usize,
    const S: usize,
>(
    a: &SMatrix<T, M, N>,
    b: &SMatrix<T, K, L>,
    x: &SMatrix<T, M, K>,
    y: &mut SMatrix<T, N, L>,
    scratch: &mut [T; S],
) -> Result<(), KronError> {
    const {
        assert!(
            S >= apply_scratch((M, N), (K, L)),
            "scratch: kron::apply_scratch((M, N), (K, L)) values are needed"
        )
    };
    product(a.into(), b.into(), x.into(), true, y.into(), scratch)
}

/// The run-time sized part of both, compiled once for all shapes.
fn product<T: Real>(
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    x: Mat<'_, T>,
    transpose: bool,
    y: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), KronError> {
    Kron { left: a, right: b }.check_finite()?;
    NonFiniteError::check_matrix("x", x)?;
    two_sided(a, x, b, transpose, T::ZERO, y, scratch)
}

/// The LU factors of a Kronecker product of general square factors; see [`KronLu`].
///
/// # Errors
/// Values that are not finite, a singular factor: which one, and its pivot.
pub fn lu<'s, T: Real, const M: usize, const K: usize, const I: usize, const S: usize>(
    a: &SMatrix<T, M, M>,
    b: &SMatrix<T, K, K>,
    pivots: &'s mut [usize; I],
    memory: &'s mut [T; S],
) -> Result<Factors<KronLu<'s, T>, M, K>, KronError> {
    const { assert!(I >= solve::pivots(M, K), "pivots: kron::solve::pivots(M, K) are needed") };
    const { assert!(S >= solve::memory(M, K), "memory: kron::solve::memory(M, K) values are needed") };
    Ok(Factors(KronLu::new(Kron::new(a, b), pivots, memory)?))
}

/// The `L D L^T` factors of a Kronecker product of symmetric positive definite factors; see
/// [`KronLdlt`].
///
/// ```
/// use nanocurv::kron::{solve, typed};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f32, 1, 1>::new(4.0);
/// let b = SMatrix::<f32, 2, 2>::new(2.0, 1.0, 1.0, 2.0);
/// let mut memory = [0.0; solve::memory(1, 2)];
/// let factors = typed::ldlt(&a, &b, &mut memory)?;
/// let mut x = SMatrix::<f32, 1, 2>::new(12.0, 12.0);
/// factors.solve(&mut x)?;
/// assert!(x.iter().all(|v| (v - 1.0).abs() < 1e-6));
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// Values that are not finite, a factor that is not symmetric or not positive definite.
pub fn ldlt<'s, T: Real, const M: usize, const K: usize, const S: usize>(
    a: &SMatrix<T, M, M>,
    b: &SMatrix<T, K, K>,
    memory: &'s mut [T; S],
) -> Result<Factors<KronLdlt<'s, T>, M, K>, KronError> {
    const { assert!(S >= solve::memory(M, K), "memory: kron::solve::memory(M, K) values are needed") };
    Ok(Factors(KronLdlt::new(Kron::new(a, b), memory)?))
}

/// The eigendecompositions of two symmetric factors; see [`Damped`].
///
/// ```
/// use nanocurv::kron::{damped, typed};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f64, 2, 2>::new(2.0, 0.5, 0.5, 1.0);
/// let b = SMatrix::<f64, 2, 2>::new(1.5, -0.2, -0.2, 0.7);
/// let mut memory = [0.0; damped::memory(2, 2)];
/// let mut scratch = [0.0; damped::new_scratch(2, 2)];
/// let factors = typed::damped(&a, &b, &mut memory, &mut scratch)?;
/// let x = SMatrix::<f64, 2, 2>::new(1.0, 2.0, 3.0, -1.0);
/// let mut y = SMatrix::zeros();
/// let mut scratch = [0.0; damped::power_scratch(2, 2)];
/// factors.solve_damped(1.0, 0.3, &x, &mut y, &mut scratch)?;
/// assert!((y[(1, 0)] - 1.578012962608811).abs() < 1e-14);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// Values that are not finite, a factor that is not symmetric.
pub fn damped<'s, T: Real, const M: usize, const K: usize, const S: usize, const W: usize>(
    a: &SMatrix<T, M, M>,
    b: &SMatrix<T, K, K>,
    memory: &'s mut [T; S],
    scratch: &mut [T; W],
) -> Result<Factors<Damped<'s, T>, M, K>, KronError> {
    const { assert!(S >= damped::memory(M, K), "memory: kron::damped::memory(M, K) values are needed") };
    const {
        assert!(
            W >= damped::new_scratch(M, K),
            "scratch: kron::damped::new_scratch(M, K) values are needed"
        )
    };
    Ok(Factors(Damped::new(Kron::new(a, b), memory, scratch)?))
}

/// Factors of an `M x M` and a `K x K` matrix: a run-time sized form with its sizes in the type.
#[derive(Clone, Copy, Debug)]
pub struct Factors<F, const M: usize, const K: usize>(F);

impl<F, const M: usize, const K: usize> Factors<F, M, K> {
    /// The run-time sized form.
    pub const fn erased(&self) -> &F {
        &self.0
    }
}

impl<T: Real, const M: usize, const K: usize> Factors<KronLu<'_, T>, M, K> {
    /// `X := A^-1 X B^-T`, in place.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn solve(&self, x: &mut SMatrix<T, M, K>) -> Result<(), KronError> {
        self.0.solve_matrix(x.into())
    }
}

impl<T: Real, const M: usize, const K: usize> Factors<KronLdlt<'_, T>, M, K> {
    /// `X := A^-1 X B^-1`, in place.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn solve(&self, x: &mut SMatrix<T, M, K>) -> Result<(), KronError> {
        self.0.solve_matrix(x.into())
    }
}

impl<T: Real, const M: usize, const K: usize> Factors<Damped<'_, T>, M, K> {
    /// `Y = (scale A (x) B + damping I)^-1 X`.
    ///
    /// # Errors
    /// A value that is not finite, a singular product.
    pub fn solve_damped<const S: usize>(
        &self,
        scale: T,
        damping: T,
        x: &SMatrix<T, M, K>,
        y: &mut SMatrix<T, M, K>,
        scratch: &mut [T; S],
    ) -> Result<(), KronError> {
        self.power(-T::ONE, scale, damping, x, y, scratch)
    }

    /// `Y = (scale A (x) B + damping I)^exponent X`.
    ///
    /// # Errors
    /// A value that is not finite, a power that does not exist.
    pub fn power<const S: usize>(
        &self,
        exponent: T,
        scale: T,
        damping: T,
        x: &SMatrix<T, M, K>,
        y: &mut SMatrix<T, M, K>,
        scratch: &mut [T; S],
    ) -> Result<(), KronError> {
        const {
            assert!(
                S >= damped::power_scratch(M, K),
                "scratch: kron::damped::power_scratch(M, K) values are needed"
            )
        };
        self.0.power_matrix(exponent, scale, damping, x.into(), y.into(), scratch)
    }
}
