//! The quadratic model of a batch along one direction or two:
//!
//! ```text
//! L(theta + D w) = L + b^T w + w^T M w / 2,   D = [d, d'],  b = D^T g,  M = D^T (F + D_a I) D
//! d^T F d' = c sum_n (J_n d)^T H_n (J_n d')         by the outputs' derivatives along d and d'
//! ```
//! F is the batch's GGN itself, D_a the precision of the [anchor](super::Anchor). Martens & Grosse
//! (2015), sections 6 and 7.

use super::error::KfacError;
use super::statistics::Batch;
use crate::linalg::dot;
use crate::matrix::MatMut;
use crate::network::{Loss, Targets};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Entries 11, 12, 22 of a symmetric 2 x 2 matrix.
pub(super) type Two<T> = (T, T, T);

/// `-M^-1 b`, in the first direction alone where the second adds nothing.
pub(super) fn minimum<T: Real>(m: Two<T>, b: (T, T), second: bool) -> (T, T) {
    let det = m.0 * m.2 - m.1 * m.1;
    if second && det > m.0 * m.2 * T::EPSILON * T::of(16.0) {
        return ((m.1 * b.1 - m.2 * b.0) / det, (m.1 * b.0 - m.0 * b.1) / det);
    }
    let w = if m.0 > T::ZERO { -b.0 / m.0 } else { T::ZERO };
    (w, T::ZERO)
}

/// `b.w + w^T M w / 2`
pub(super) fn change<T: Real>(m: Two<T>, b: (T, T), w: (T, T)) -> T {
    let square = w.0 * w.0 * m.0 + T::TWO * w.0 * w.1 * m.1 + w.1 * w.1 * m.2;
    w.0 * b.0 + w.1 * b.1 + T::HALF * square
}

/// The quadratic model of a batch: `d^T (F + D I) d'`.
pub(super) struct Model<'b, 't, 'y, 's, T> {
    batch: &'b mut Batch<'t, T>,
    targets: Targets<'y, T>,
    loss: Loss,
    c: T,
    /// D
    anchor: T,
    /// `J d`, `J d'` and `H J d`, outputs x samples.
    along: MatMut<'s, T>,
    other: MatMut<'s, T>,
    curved: MatMut<'s, T>,
}

impl<'b, 't, 'y, 's, T: Real> Model<'b, 't, 'y, 's, T> {
    pub(super) fn new(
        batch: &'b mut Batch<'t, T>,
        targets: Targets<'y, T>,
        loss: Loss,
        (c, anchor): (T, T),
        work: &'s mut [T],
    ) -> Result<Self, KfacError> {
        let (rows, cols) = (batch.f.rows(), batch.f.cols());
        let mut work = Scratch::new(work, 3 * rows * cols)?;
        let (along, other) = (work.matrix(rows, cols)?, work.matrix(rows, cols)?);
        let curved = work.matrix(rows, cols)?;
        Ok(Self { batch, targets, loss, c, anchor, along, other, curved })
    }

    /// Its entries for one direction or two.
    pub(super) fn matrix(&mut self, d: &[T], second: Option<&[T]>) -> Result<Two<T>, KfacError> {
        self.batch.tangent(d, self.along.reborrow())?;
        self.curved.copy_from(self.along.as_ref());
        let f = self.batch.f;
        self.loss.hessian_product(f, self.targets, self.curved.reborrow())?;
        let first = self.c * dot(self.along.data(), self.curved.data()) + self.anchor * dot(d, d);
        let Some(second) = second else { return Ok((first, T::ZERO, T::ZERO)) };
        self.batch.tangent(second, self.other.reborrow())?;
        let cross = self.c * dot(self.other.data(), self.curved.data());
        let cross = cross + self.anchor * dot(d, second);
        self.curved.copy_from(self.other.as_ref());
        self.loss.hessian_product(f, self.targets, self.curved.reborrow())?;
        let last = self.c * dot(self.other.data(), self.curved.data());
        Ok((first, cross, last + self.anchor * dot(second, second)))
    }
}
