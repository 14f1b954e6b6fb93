//! Factorised products with their sizes in the type.

use crate::kron::info::LogDeterminant;
use crate::kron::{Damped, Kron, KronError, KronLdlt, KronLu, damped, solve};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// The LU factors of a Kronecker product of general square factors; see [`KronLu`].
///
/// ```
/// use nanocurv::{fixed, kron::solve};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f32, 2, 2>::new(0.0, 1.0, 2.0, 0.0);
/// let b = SMatrix::<f32, 1, 1>::new(4.0);
/// let (mut pivots, mut memory) = ([0; solve::pivots(2, 1)], [0.0; solve::memory(2, 1)]);
/// let factors = fixed::kron::lu(&a, &b, &mut pivots, &mut memory)?;
/// let mut x = SMatrix::<f32, 2, 1>::new(4.0, 16.0);
/// factors.solve(&mut x)?;
/// assert_eq!(x.as_slice(), [2.0, 1.0]);
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
///
/// # Errors
/// Values that are not finite, a singular factor: which one, and its pivot.
pub fn lu<'s, T: Real, const M: usize, const K: usize, const I: usize, const S: usize>(
    a: &SMatrix<T, M, M>,
    b: &SMatrix<T, K, K>,
    pivots: &'s mut [usize; I],
    memory: &'s mut [T; S],
) -> Result<Factors<KronLu<'s, T>, M, K>, KronError> {
    enough!("pivots", I, solve::pivots(M, K));
    enough!("memory", S, solve::memory(M, K));
    Ok(Factors(KronLu::new(Kron::new(a, b), pivots, memory)?))
}

/// The `L D L^T` factors of a Kronecker product of symmetric positive definite factors; see
/// [`KronLdlt`].
///
/// ```
/// use nanocurv::{fixed, kron::solve};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f32, 1, 1>::new(4.0);
/// let b = SMatrix::<f32, 2, 2>::new(2.0, 1.0, 1.0, 2.0);
/// let mut memory = [0.0; solve::memory(1, 2)];
/// let factors = fixed::kron::ldlt(&a, &b, &mut memory)?;
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
    enough!("memory", S, solve::memory(M, K));
    Ok(Factors(KronLdlt::new(Kron::new(a, b), memory)?))
}

/// The eigendecompositions of two symmetric factors; see [`Damped`].
///
/// ```
/// use nanocurv::{fixed, kron::damped};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f64, 2, 2>::new(2.0, 0.5, 0.5, 1.0);
/// let b = SMatrix::<f64, 2, 2>::new(1.5, -0.2, -0.2, 0.7);
/// let mut memory = [0.0; damped::memory(2, 2)];
/// let mut scratch = [0.0; damped::new_scratch(2, 2)];
/// let factors = fixed::kron::damped(&a, &b, &mut memory, &mut scratch)?;
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
    enough!("memory", S, damped::memory(M, K));
    enough!("scratch", W, damped::new_scratch(M, K));
    Ok(Factors(Damped::new(Kron::new(a, b), memory, scratch)?))
}

/// Factors of an `M x M` and a `K x K` matrix: a run-time sized form with its sizes in the type,
/// made by [`lu`], [`ldlt`] or [`damped()`].
#[derive(Clone, Copy, Debug)]
pub struct Factors<F, const M: usize, const K: usize>(F);

impl<F, const M: usize, const K: usize> Factors<F, M, K> {
    /// The run-time sized form.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::damped};
    /// use nalgebra::SMatrix;
    ///
    /// let a = SMatrix::<f64, 2, 2>::new(2.0, 0.0, 0.0, 1.0);
    /// let b = SMatrix::<f64, 1, 1>::new(3.0);
    /// let (mut memory, mut scratch) =
    ///     ([0.0; damped::memory(2, 1)], [0.0; damped::new_scratch(2, 1)]);
    /// let factors = fixed::kron::damped(&a, &b, &mut memory, &mut scratch)?;
    /// let (values, _vectors) = factors.erased().left();
    /// assert_eq!(values, [1.0, 2.0]);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    pub const fn erased(&self) -> &F {
        &self.0
    }
}

impl<T: Real, const M: usize, const K: usize> Factors<KronLu<'_, T>, M, K> {
    /// `X := A^-1 X B^-T`, in place.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::solve};
    /// use nalgebra::SMatrix;
    ///
    /// let a = SMatrix::<f64, 2, 2>::new(0.0, 1.0, 2.0, 0.0);
    /// let b = SMatrix::<f64, 1, 1>::new(4.0);
    /// let (mut pivots, mut memory) = ([0; solve::pivots(2, 1)], [0.0; solve::memory(2, 1)]);
    /// let factors = fixed::kron::lu(&a, &b, &mut pivots, &mut memory)?;
    /// let mut x = SMatrix::<f64, 2, 1>::new(4.0, 16.0);
    /// factors.solve(&mut x)?;
    /// assert_eq!(x.as_slice(), [2.0, 1.0]);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn solve(&self, x: &mut SMatrix<T, M, K>) -> Result<(), KronError> {
        self.0.solve_matrix(x.into())
    }

    /// `X := A^-T X B^-1`, in place.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::solve};
    /// use nalgebra::SMatrix;
    ///
    /// let a = SMatrix::<f64, 2, 2>::new(0.0, 1.0, 2.0, 0.0);
    /// let b = SMatrix::<f64, 1, 1>::new(4.0);
    /// let (mut pivots, mut memory) = ([0; solve::pivots(2, 1)], [0.0; solve::memory(2, 1)]);
    /// let factors = fixed::kron::lu(&a, &b, &mut pivots, &mut memory)?;
    /// let mut x = SMatrix::<f64, 2, 1>::new(8.0, 4.0);
    /// factors.solve_transpose(&mut x)?;
    /// assert_eq!(x.as_slice(), [1.0, 1.0]);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn solve_transpose(&self, x: &mut SMatrix<T, M, K>) -> Result<(), KronError> {
        self.0.solve_transpose_matrix(x.into())
    }

    /// The determinant of the product, `det(A)^K det(B)^M`.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::solve};
    /// use nalgebra::SMatrix;
    ///
    /// let a = SMatrix::<f64, 2, 2>::new(0.0, 1.0, 2.0, 0.0);
    /// let b = SMatrix::<f64, 1, 1>::new(4.0);
    /// let (mut pivots, mut memory) = ([0; solve::pivots(2, 1)], [0.0; solve::memory(2, 1)]);
    /// let factors = fixed::kron::lu(&a, &b, &mut pivots, &mut memory)?;
    /// assert!((factors.log_determinant().determinant() + 32.0).abs() < 1e-13);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    pub fn log_determinant(&self) -> LogDeterminant<T> {
        self.0.log_determinant()
    }
}

impl<T: Real, const M: usize, const K: usize> Factors<KronLdlt<'_, T>, M, K> {
    /// `X := A^-1 X B^-1`, in place.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::solve};
    /// use nalgebra::SMatrix;
    ///
    /// let a = SMatrix::<f64, 1, 1>::new(4.0);
    /// let b = SMatrix::<f64, 2, 2>::new(2.0, 1.0, 1.0, 2.0);
    /// let mut memory = [0.0; solve::memory(1, 2)];
    /// let factors = fixed::kron::ldlt(&a, &b, &mut memory)?;
    /// let mut x = SMatrix::<f64, 1, 2>::new(12.0, 12.0);
    /// factors.solve(&mut x)?;
    /// assert!(x.iter().all(|v| (v - 1.0).abs() < 1e-15));
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn solve(&self, x: &mut SMatrix<T, M, K>) -> Result<(), KronError> {
        self.0.solve_matrix(x.into())
    }

    /// The determinant of the product, `det(A)^K det(B)^M`.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::solve};
    /// use nalgebra::SMatrix;
    ///
    /// let a = SMatrix::<f64, 1, 1>::new(4.0);
    /// let b = SMatrix::<f64, 2, 2>::new(2.0, 1.0, 1.0, 2.0);
    /// let mut memory = [0.0; solve::memory(1, 2)];
    /// let factors = fixed::kron::ldlt(&a, &b, &mut memory)?;
    /// assert!((factors.log_determinant().determinant() - 48.0).abs() < 1e-13);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    pub fn log_determinant(&self) -> LogDeterminant<T> {
        self.0.log_determinant()
    }
}

impl<T: Real, const M: usize, const K: usize> Factors<Damped<'_, T>, M, K> {
    /// `Y = (scale A (x) B + damping I)^-1 X`.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::damped};
    /// use nalgebra::SMatrix;
    ///
    /// let a = SMatrix::<f64, 2, 2>::new(2.0, 0.0, 0.0, 1.0);
    /// let b = SMatrix::<f64, 1, 1>::new(3.0);
    /// let (mut memory, mut scratch) =
    ///     ([0.0; damped::memory(2, 1)], [0.0; damped::new_scratch(2, 1)]);
    /// let factors = fixed::kron::damped(&a, &b, &mut memory, &mut scratch)?;
    /// let x = SMatrix::<f64, 2, 1>::new(7.0, 8.0);
    /// let mut y = SMatrix::zeros();
    /// let mut scratch = [0.0; damped::power_scratch(2, 1)];
    /// factors.solve_damped(1.0, 1.0, &x, &mut y, &mut scratch)?;
    /// assert!((y - SMatrix::<f64, 2, 1>::new(1.0, 2.0)).norm() < 1e-14);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
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
    /// ```
    /// use nanocurv::{fixed, kron::damped};
    /// use nalgebra::SMatrix;
    ///
    /// let a = SMatrix::<f64, 2, 2>::new(2.0, 0.0, 0.0, 1.0);
    /// let b = SMatrix::<f64, 1, 1>::new(3.0);
    /// let (mut memory, mut scratch) =
    ///     ([0.0; damped::memory(2, 1)], [0.0; damped::new_scratch(2, 1)]);
    /// let factors = fixed::kron::damped(&a, &b, &mut memory, &mut scratch)?;
    /// let x = SMatrix::<f64, 2, 1>::new(3.0, 4.0);
    /// let mut y = SMatrix::zeros();
    /// let mut scratch = [0.0; damped::power_scratch(2, 1)];
    /// factors.power(2.0, 1.0, 1.0, &x, &mut y, &mut scratch)?;
    /// assert!((y - SMatrix::<f64, 2, 1>::new(147.0, 64.0)).norm() < 1e-12);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
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
        enough!("scratch", S, damped::power_scratch(M, K));
        self.0.power_matrix(exponent, scale, damping, x.into(), y.into(), scratch)
    }

    /// `ln det (scale A (x) B + damping I)`.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::damped};
    /// use nalgebra::SMatrix;
    ///
    /// let a = SMatrix::<f64, 2, 2>::new(2.0, 0.0, 0.0, 1.0);
    /// let b = SMatrix::<f64, 1, 1>::new(3.0);
    /// let (mut memory, mut scratch) =
    ///     ([0.0; damped::memory(2, 1)], [0.0; damped::new_scratch(2, 1)]);
    /// let factors = fixed::kron::damped(&a, &b, &mut memory, &mut scratch)?;
    /// assert!((factors.log_determinant(1.0, 1.0)? - 28_f64.ln()).abs() < 1e-14);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// A singular product: an eigenvalue that is not positive.
    pub fn log_determinant(&self, scale: T, damping: T) -> Result<T, KronError> {
        self.0.log_determinant(scale, damping)
    }
}
