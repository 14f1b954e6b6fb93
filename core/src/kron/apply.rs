//! Products with `A (x) B`, two small products instead of one large one.
//!
//! ```text
//! Y = P X Q^T,   P: r x s,  X: s x t,  Q: u x t       (P X) Q^T   costs r t (s + u)
//!                                                     P (X Q^T)   costs s u (r + t)
//! ```
//! The cheaper association is taken. A flat vector of `A (x) B` is the column-major view of
//! `X^T`, so that `P = B`, `Q = A` and no copy is made; nor is one for the transpose,
//! `P^T X Q`. Van Loan, "The ubiquitous Kronecker product" (2000).

use super::{Kron, KronError, Order};
use crate::error::{NonFiniteError, check_result};
use crate::linalg::{gemm, gemm_nt, gemm_tn};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The scratch, in values, of every product with `left (x) right`, whose factors have these
/// numbers of rows and columns: one intermediate matrix.
pub const fn apply_scratch(left: (usize, usize), right: (usize, usize)) -> usize {
    route(right, left).1
}

/// Whether `(P X) Q^T` is cheaper than `P (X Q^T)`, and the size of the intermediate. Holds for
/// the transpose, where the same intermediate sizes and costs come in the other order.
const fn route(p: (usize, usize), q: (usize, usize)) -> (bool, usize) {
    let ((r, s), (u, t)) = (p, q);
    let (first, second) = (r.saturating_mul(t), s.saturating_mul(u));
    let first_cost = first.saturating_mul(s.saturating_add(u));
    let second_cost = second.saturating_mul(r.saturating_add(t));
    if first_cost < second_cost || (first_cost == second_cost && first <= second) {
        (true, first)
    } else {
        (false, second)
    }
}

/// `Y = P X Q^T + beta Y`, or with `transpose` `Y = P^T X Q + beta Y`. Sizes are checked by the
/// products.
pub(super) fn two_sided<T: Real>(
    p: Mat<'_, T>,
    x: Mat<'_, T>,
    q: Mat<'_, T>,
    transpose: bool,
    beta: T,
    y: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), KronError> {
    let one = T::ONE;
    let (r, s, u, t) = (p.rows(), p.cols(), q.rows(), q.cols());
    let (narrow, size) = route((r, s), (u, t));
    let mut scratch = Scratch::new(scratch, size)?;
    match (transpose, narrow) {
        (false, true) => {
            let mut w = scratch.matrix(r, t)?;
            gemm(one, p, x, T::ZERO, w.reborrow())?;
            gemm_nt(one, w.as_ref(), q, beta, y)?;
        }
        (false, false) => {
            let mut w = scratch.matrix(s, u)?;
            gemm_nt(one, x, q, T::ZERO, w.reborrow())?;
            gemm(one, p, w.as_ref(), beta, y)?;
        }
        (true, true) => {
            let mut w = scratch.matrix(r, t)?;
            gemm(one, x, q, T::ZERO, w.reborrow())?;
            gemm_tn(one, p, w.as_ref(), beta, y)?;
        }
        (true, false) => {
            let mut w = scratch.matrix(s, u)?;
            gemm_tn(one, p, x, T::ZERO, w.reborrow())?;
            gemm(one, w.as_ref(), q, beta, y)?;
        }
    }
    Ok(())
}

impl<T: Real> Kron<'_, T> {
    /// `Y = (A (x) B) X` for the columns of `x`: `nl x K` gives `mk x K`.
    ///
    /// ```
    /// use nanocurv::kron::{Kron, apply_scratch};
    /// use nanocurv::{Mat, MatMut};
    ///
    /// let a = [1.0, 2.0]; // 1 x 2
    /// let b = [1.0, 0.0, 1.0, 1.0]; // [[1, 1], [0, 1]], column after column
    /// let kron = Kron::new(Mat::new("a", &a, 1, 2)?, Mat::new("b", &b, 2, 2)?);
    /// let (x, mut y) = ([1.0, 2.0, 3.0, 4.0], [0.0; 2]);
    /// let mut scratch = [0.0; apply_scratch((1, 2), (2, 2))];
    /// kron.apply(Mat::column_vector(&x), MatMut::column_vector(&mut y), &mut scratch)?;
    /// assert_eq!(y, [17.0, 10.0]); // [[1, 2], [3, 4]]: A X B^T = [7, 10] B^T
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// Wrong sizes, a scratch shorter than [`apply_scratch`], a value that is not finite.
    pub fn apply(
        &self,
        x: Mat<'_, T>,
        y: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        self.accumulate(false, x, T::ZERO, y, scratch)
    }

    /// `Y = (A (x) B)^T X = (A^T (x) B^T) X` for the columns of `x`: `mk x K` gives `nl x K`.
    ///
    /// # Errors
    /// As [`Kron::apply`].
    pub fn apply_transpose(
        &self,
        x: Mat<'_, T>,
        y: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        self.accumulate(true, x, T::ZERO, y, scratch)
    }

    /// The same product on a matrix instead of its vector: `Y = A X B^T` in row-major order
    /// (`n x l` gives `m x k`), `Y = B X A^T` in column-stacking order (`l x n` gives `k x m`).
    ///
    /// # Errors
    /// As [`Kron::apply`].
    pub fn apply_matrix(
        &self,
        order: Order,
        x: Mat<'_, T>,
        y: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        self.check_finite()?;
        NonFiniteError::check_matrix("x", x)?;
        let (p, q) = match order {
            Order::RowMajor => (self.left, self.right),
            Order::ColumnStacking => (self.right, self.left),
        };
        x.check(("x rows", "x columns"), p.cols(), q.cols())?;
        y.as_ref().check(("y rows", "y columns"), p.rows(), q.rows())?;
        let mut y = y;
        two_sided(p, x, q, false, T::ZERO, y.reborrow(), scratch)?;
        Ok(check_result("y", y.as_ref())?)
    }

    /// `Y = (A (x) B) X + beta Y`, or with the transpose.
    pub(super) fn accumulate(
        &self,
        transpose: bool,
        x: Mat<'_, T>,
        beta: T,
        mut y: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        let (a, b) = (self.left, self.right);
        let ((k, m), (l, n)) = if transpose {
            ((b.cols(), a.cols()), (b.rows(), a.rows()))
        } else {
            ((b.rows(), a.rows()), (b.cols(), a.cols()))
        };
        x.check(("x rows", "x columns"), l * n, y.cols())?;
        y.as_ref().check(("y rows", "y columns"), k * m, x.cols())?;
        self.check_finite()?;
        NonFiniteError::check_matrix("x", x)?;
        for (x, y) in x.columns().zip(y.columns()) {
            let (x, y) = (Mat::of(x, l, n), MatMut::of(y, k, m));
            two_sided(b, x, a, transpose, beta, y, scratch)?;
        }
        Ok(check_result("y", y.as_ref())?)
    }
}
