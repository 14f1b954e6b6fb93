//! What a Kronecker product's factors tell about it, A: m x m, B: k x k.
//!
//! ```text
//! tr (A (x) B)      = tr A tr B
//! |A (x) B|_F       = |A|_F |B|_F                          (any shape)
//! det (A (x) B)     = det(A)^k det(B)^m
//! ln |det (A (x) B)| = k ln |det A| + m ln |det B|
//! ```

use super::{Kron, KronError};
use crate::error::{LinalgError, ScratchError, ShapeError};
use crate::linalg::{largest, lu, lu_log_determinant};
use crate::matrix::Mat;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The determinant by its sign and logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogDeterminant<T> {
    /// 1, -1, or 0 where a factor is singular (within rounding; see [`lu()`]).
    pub sign: T,
    /// `ln |det|`; `-MAX` where a factor is singular.
    pub log: T,
}

impl<T: Real> LogDeterminant<T> {
    /// From the sign, the logarithm and the size of either factor.
    pub(super) fn of_factors(left: ((T, T), usize), right: ((T, T), usize)) -> Self {
        let (((left_sign, left_log), m), ((right_sign, right_log), k)) = (left, right);
        let odd = |sign: T, power: usize| if power % 2 == 1 { sign } else { T::ONE };
        Self {
            sign: odd(left_sign, k) * odd(right_sign, m),
            log: T::from_usize(k) * left_log + T::from_usize(m) * right_log,
        }
    }

    /// The determinant itself; infinite if it overflows.
    pub fn determinant(self) -> T {
        if self.sign == T::ZERO { T::ZERO } else { self.sign * self.log.exp() }
    }
}

/// The scratch of [`Kron::log_determinant`] for factors of `left` and `right` rows.
pub const fn log_determinant_scratch(left: usize, right: usize) -> usize {
    let (l, r) = (left * left, right * right);
    if l > r { l } else { r }
}

impl<T: Real> Kron<'_, T> {
    pub(super) fn check_square(&self) -> Result<(), ShapeError> {
        ShapeError::check("left columns", self.left.rows(), self.left.cols())?;
        ShapeError::check("right columns", self.right.rows(), self.right.cols())
    }

    /// The trace.
    ///
    /// # Errors
    /// A factor that is not square or not finite.
    pub fn trace(&self) -> Result<T, KronError> {
        self.check_square()?;
        self.check_finite()?;
        Ok(trace(self.left) * trace(self.right))
    }

    /// The Frobenius norm, of any shape.
    ///
    /// # Errors
    /// A factor that is not finite.
    pub fn frobenius(&self) -> Result<T, KronError> {
        self.check_finite()?;
        Ok(frobenius(self.left) * frobenius(self.right))
    }

    /// The sign and the logarithm of the determinant; `pivots` holds as many as the larger
    /// factor has rows.
    ///
    /// # Errors
    /// A factor that is not square or not finite, a short scratch. A singular factor is a
    /// determinant of sign 0.
    pub fn log_determinant(
        &self,
        pivots: &mut [usize],
        scratch: &mut [T],
    ) -> Result<LogDeterminant<T>, KronError> {
        self.check_square()?;
        let (m, k) = (self.left.rows(), self.right.rows());
        Scratch::new(scratch, log_determinant_scratch(m, k))?;
        let a = log_determinant(self.left, pivots, scratch).map_err(KronError::Left)?;
        let b = log_determinant(self.right, pivots, scratch).map_err(KronError::Right)?;
        let (Some(a), Some(b)) = (a, b) else {
            return Ok(LogDeterminant { sign: T::ZERO, log: -T::MAX });
        };
        Ok(LogDeterminant::of_factors((a, m), (b, k)))
    }
}

/// `None` if the matrix is singular.
fn log_determinant<T: Real>(
    a: Mat<'_, T>,
    pivots: &mut [usize],
    scratch: &mut [T],
) -> Result<Option<(T, T)>, LinalgError> {
    let n = a.rows();
    let short = ScratchError::new(n, pivots.len());
    let pivots = pivots.get_mut(..n).ok_or(short)?;
    let mut factor = Scratch::new(scratch, n * n)?.matrix(n, n)?;
    factor.copy_from(a);
    match lu(factor.reborrow(), pivots) {
        Ok(()) => Ok(Some(lu_log_determinant(factor.as_ref(), pivots))),
        Err(LinalgError::Singular { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The sum of the diagonal.
pub(super) fn trace<T: Real>(a: Mat<'_, T>) -> T {
    a.columns()
        .enumerate()
        .fold(T::ZERO, |sum, (j, col)| sum + col.get(j).copied().unwrap_or(T::ZERO))
}

/// `sqrt(sum a_ij^2)`, without needless overflow.
pub(super) fn frobenius<T: Real>(a: Mat<'_, T>) -> T {
    let largest = largest(a);
    if largest == T::ZERO {
        return T::ZERO;
    }
    let sum = a.columns().flatten().fold(T::ZERO, |sum, v| sum + (*v / largest).squared());
    largest * sum.sqrt()
}
