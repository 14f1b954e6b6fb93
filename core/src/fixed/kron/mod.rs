//! The Kronecker algebra on `SMatrix`: shapes are checked by the compiler, the length of a
//! scratch array by a sentence at compile time.
//!
//! ```text
//! A: M x N (left),  B: K x L (right),  X: N x L,  (A (x) B) vec_r(X) = vec_r(A X B^T)
//! ```
//! Everything is in matrix form, row-major order: `X` is the matrix whose rows belong to the left
//! factor. A K-FAC block of a layer is this with A the input factor, B the output factor and X
//! the `in x out` gradient.
//!
//! | file | what |
//! |---|---|
//! | this | one product: `apply`, `apply_transpose` |
//! | `sum` | sums of products, an array of pairs; the matrix itself and its diagonal |
//! | `product` | three factors |
//! | `info` | trace, Frobenius norm, determinant |
//! | `factors` | LU, LDL^T and damped forms with their sizes in the type |
//! | `nearest` | the nearest sum of a number of terms, the projection on the cone |
//! | `fit` | the sketched fit |

mod factors;
mod fit;
mod info;
mod nearest;
pub mod product;
pub mod sum;

pub use factors::{Factors, damped, ldlt, lu};
pub use fit::SketchFit;
pub use info::{frobenius, log_determinant, trace};
pub use nearest::{nearest, project_positive, residual};

use crate::kron::sum::add_up;
use crate::kron::{Kron, KronError, apply_scratch};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// `R` pairs of factors, `M x N` and `K x L`, each: the terms of a sum.
pub type Terms<T, const M: usize, const N: usize, const K: usize, const L: usize, const R: usize> =
    [(SMatrix<T, M, N>, SMatrix<T, K, L>); R];

/// `Y = A X B^T`.
///
/// ```
/// use nanocurv::{fixed, kron::apply_scratch};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f32, 1, 2>::new(1.0, 2.0);
/// let b = SMatrix::<f32, 2, 2>::new(1.0, 1.0, 0.0, 1.0);
/// let x = SMatrix::<f32, 2, 2>::new(1.0, 2.0, 3.0, 4.0);
/// let mut y = SMatrix::<f32, 1, 2>::zeros();
/// let mut scratch = [0.0; apply_scratch((1, 2), (2, 2))];
/// fixed::kron::apply(&a, &b, &x, &mut y, &mut scratch)?;
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
    enough!("scratch", S, apply_scratch((M, N), (K, L)));
    add_up(&[Kron::new(a, b)], false, x.into(), y.into(), scratch)
}

/// `Y = A^T X B`, the transposed product.
///
/// ```
/// use nanocurv::{fixed, kron::apply_scratch};
/// use nalgebra::SMatrix;
///
/// let a = SMatrix::<f32, 1, 2>::new(1.0, 2.0);
/// let b = SMatrix::<f32, 2, 2>::new(1.0, 1.0, 0.0, 1.0);
/// let x = SMatrix::<f32, 1, 2>::new(1.0, 10.0);
/// let mut y = SMatrix::zeros();
/// let mut scratch = [0.0; apply_scratch((1, 2), (2, 2))];
/// fixed::kron::apply_transpose(&a, &b, &x, &mut y, &mut scratch)?;
/// assert_eq!(y, SMatrix::<f32, 2, 2>::new(1.0, 11.0, 2.0, 22.0));
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
    const S: usize,
>(
    a: &SMatrix<T, M, N>,
    b: &SMatrix<T, K, L>,
    x: &SMatrix<T, M, K>,
    y: &mut SMatrix<T, N, L>,
    scratch: &mut [T; S],
) -> Result<(), KronError> {
    enough!("scratch", S, apply_scratch((M, N), (K, L)));
    add_up(&[Kron::new(a, b)], true, x.into(), y.into(), scratch)
}
