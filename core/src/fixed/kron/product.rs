//! Three factors: `A: M x N`, `B: K x L`, `C: U x V`, as an operator of `P = M K U` rows and
//! `Q = N L V` columns on the columns of a `Q x W` matrix, the last factor the fastest index.
//!
//! The compiler cannot multiply sizes in a type: P and Q are those of the arguments, and checked.

use crate::kron::{KronError, product};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// `Y = (A (x) B (x) C) X`.
///
/// ```
/// use nanocurv::{fixed, kron::product};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f64, 1, 2>::new(1.0, 2.0);
/// let b = SMatrix::<f64, 1, 2>::new(1.0, -1.0);
/// let c = SMatrix::<f64, 2, 1>::new(1.0, 3.0);
/// let x = SMatrix::<f64, 4, 1>::new(1.0, 2.0, 5.0, 3.0);
/// let mut y = SMatrix::<f64, 2, 1>::zeros();
/// let mut scratch = [0.0; product::scratch(&[(1, 2), (1, 2), (2, 1)])];
/// fixed::kron::product::apply((&a, &b, &c), &x, &mut y, &mut scratch)?;
/// assert_eq!(y.as_slice(), [3.0, 9.0]); // (1 - 2) + 2 (5 - 3) = 3
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
    const U: usize,
    const V: usize,
    const P: usize,
    const Q: usize,
    const W: usize,
    const S: usize,
>(
    (a, b, c): (&SMatrix<T, M, N>, &SMatrix<T, K, L>, &SMatrix<T, U, V>),
    x: &SMatrix<T, Q, W>,
    y: &mut SMatrix<T, P, W>,
    scratch: &mut [T; S],
) -> Result<(), KronError> {
    const { assert!(P == M * K * U, "y: the rows are those of the factors, multiplied") };
    const { assert!(Q == N * L * V, "x: the rows are the columns of the factors, multiplied") };
    enough!("scratch", S, product::scratch(&[(M, N), (K, L), (U, V)]));
    product::apply(&[a.into(), b.into(), c.into()], x.into(), y.into(), scratch)
}

/// `Y = (A (x) B (x) C)^T X`.
///
/// ```
/// use nanocurv::{fixed, kron::product};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f64, 1, 2>::new(1.0, 2.0);
/// let b = SMatrix::<f64, 1, 2>::new(1.0, -1.0);
/// let c = SMatrix::<f64, 2, 1>::new(1.0, 3.0);
/// let x = SMatrix::<f64, 2, 1>::new(1.0, 3.0);
/// let mut y = SMatrix::<f64, 4, 1>::zeros();
/// let mut scratch = [0.0; product::scratch(&[(1, 2), (1, 2), (2, 1)])];
/// fixed::kron::product::apply_transpose((&a, &b, &c), &x, &mut y, &mut scratch)?;
/// assert_eq!(y.as_slice(), [10.0, -10.0, 20.0, -20.0]);
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
    const U: usize,
    const V: usize,
    const P: usize,
    const Q: usize,
    const W: usize,
    const S: usize,
>(
    (a, b, c): (&SMatrix<T, M, N>, &SMatrix<T, K, L>, &SMatrix<T, U, V>),
    x: &SMatrix<T, P, W>,
    y: &mut SMatrix<T, Q, W>,
    scratch: &mut [T; S],
) -> Result<(), KronError> {
    const { assert!(P == M * K * U, "x: the rows are those of the factors, multiplied") };
    const { assert!(Q == N * L * V, "y: the rows are the columns of the factors, multiplied") };
    enough!("scratch", S, product::scratch(&[(M, N), (K, L), (U, V)]));
    product::apply_transpose(&[a.into(), b.into(), c.into()], x.into(), y.into(), scratch)
}
