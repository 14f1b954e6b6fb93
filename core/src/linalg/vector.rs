//! `y = alpha A^T x`, A: k x m, of one vector: what [`gemm_tn`](super::gemm_tn) is for many.
//!
//! Four columns of A at a time share each load of x. A sum runs over k from the start, as
//! [`dot`](super::dot)'s does: the same bits.

use super::lanes::{Four, Lanes};
use crate::matrix::Mat;
use crate::scalar::Real;
use crate::scratch::Carve;

/// `y = alpha A^T x`, up to the shortest of A's columns and y, of A's rows and x.
#[inline(never)]
pub(crate) fn transpose_times<T: Real>(alpha: T, a: Mat<'_, T>, x: &[T], y: &mut [T]) {
    let (fours, rest) = y.as_chunks_mut::<4>();
    let (mut columns, stride, k) = (a.data(), a.stride(), a.rows());
    for y in fours {
        let Some(four) = Four::columns(columns, stride, k) else { return };
        let entries = Four::across(four).zip(x);
        let sums = entries.fold([T::ZERO; 4], |sums, (a, x)| Four::zip(sums, a, |s, a| s + a * *x));
        *y = Four::map(sums, |sum| alpha * sum);
        columns = columns.get(4 * stride..).unwrap_or_default();
    }
    for y in rest {
        *y = alpha * super::dot(columns.part(..k), x);
        columns = columns.get(stride..).unwrap_or_default();
    }
}
