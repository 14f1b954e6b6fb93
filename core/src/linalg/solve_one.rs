//! `A x = v` for one v, A symmetric positive definite, in place of both:
//!
//! ```text
//! A -> [L D, D],  v -> x          A = L D L^T: n x n
//!
//! forward    a_j -= a_k (a_jk / D_k) for j > k, rows j..;  v_j -= a_jk (v_k / D_k)
//! backward   x_k = (v_k - sum_(j > k) a_jk x_j) / D_k
//! ```
//! `n^3 / 6 + n^2` multiply-accumulates, four rows at a time: columns are padded to multiples of
//! four, and of the upper triangle, which nobody reads, up to three entries of a column change. For
//! many right-hand sides: [`Stacked`](super::Stacked).

use super::lanes::{Four, Lanes};
use super::ldlt::failed_pivot;
use crate::error::LinalgError;
#[cfg(feature = "std")]
use crate::matrix::MatMut;
use crate::scalar::Real;

/// The number of values of A's columns, padded to multiples of four.
pub(crate) const fn solve_one_len(n: usize) -> usize {
    n.next_multiple_of(4) * n
}

/// Leaves L D below D in `a`, n columns of `n.next_multiple_of(4)` values, and x in `v`. The lower
/// triangle of `a` is read.
///
/// # Errors
/// Those of [`super::ldlt`].
pub(crate) fn solve_one<T: Real>(a: &mut [T], v: &mut [T]) -> Result<(), LinalgError> {
    #[cfg(feature = "std")]
    if super::blocked::factor_pays(v.len()) {
        let n = v.len();
        let mut a = MatMut::of(a, n.next_multiple_of(4), n).into_block(0, 0, n, n);
        let mut l = std::vec![T::ZERO; n * n];
        let mut l = MatMut::of(&mut l, n, n);
        l.copy_from(a.as_ref());
        super::blocked::ldlt(l.reborrow())?;
        a.copy_from(l.as_ref());
        return Ok(super::ldlt_solve(l.as_ref(), MatMut::of(v, n, 1))?);
    }
    T::solve_one(a, v)
}

/// See [`solve_one`].
pub(crate) fn solve<T: Real>(a: &mut [T], v: &mut [T]) -> Result<(), LinalgError> {
    let (n, height) = (v.len(), v.len().div_ceil(4).max(1));
    let mut rest = a.as_chunks_mut::<4>().0;
    for k in 0..n {
        let Some((column, right)) = rest.split_at_mut_checked(height) else { break };
        let Some((pivot, below)) = column.as_flattened().get(k..n).and_then(<[T]>::split_first)
        else {
            break;
        };
        let reciprocal = T::ONE / *pivot;
        if !(reciprocal > T::ZERO && reciprocal <= T::MAX) {
            return Err(failed_pivot(*pivot, k));
        }
        for ((to, w), j) in right.chunks_exact_mut(height).zip(below).zip(k + 1..) {
            let (Some(to), Some(from)) = (to.get_mut(j / 4..), column.get(j / 4..)) else { break };
            let factor = *w * reciprocal;
            for (to, from) in to.iter_mut().zip(from) {
                *to = Four::zip(*to, *from, |to, w| to - factor * w);
            }
        }
        if let Some((y, v)) = v.get_mut(k..).and_then(<[T]>::split_first_mut) {
            let factor = *y * reciprocal;
            v.iter_mut().zip(below).for_each(|(v, w)| *v -= factor * *w);
        }
        rest = right;
    }
    for k in (0..n).rev() {
        let Some((x, solved)) = v.get_mut(k..).and_then(<[T]>::split_first_mut) else { break };
        let column = a.get(4 * height * k + k..).and_then(<[T]>::split_first);
        let Some((pivot, w)) = column else { break };
        solved.iter().zip(w).for_each(|(solved, w)| *x -= *w * *solved);
        *x /= *pivot;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::tests::{filled, spd};
    use crate::linalg::{ldlt, ldlt_solve};
    use crate::matrix::{Mat, MatMut};
    use std::vec;
    use std::vec::Vec;

    /// A's lower triangle in padded columns, and no number elsewhere.
    fn padded(a: &[f64], n: usize) -> Vec<f64> {
        let mut to = vec![f64::NAN; solve_one_len(n)];
        for (to, (j, from)) in to.chunks_mut(n.next_multiple_of(4)).zip(a.chunks(n).enumerate()) {
            to[j..n].copy_from_slice(&from[j..]);
        }
        to
    }

    #[test]
    fn one_right_hand_side_is_solved_as_many_are() {
        for n in (1..14).chain([33, 100]) {
            let (a, v) = (spd(n), filled(n, 1));
            let (mut l, mut expected) = (a.clone(), v.clone());
            ldlt(MatMut::of(&mut l, n, n)).unwrap();
            ldlt_solve(Mat::of(&l, n, n), MatMut::of(&mut expected, n, 1)).unwrap();
            let (mut a, mut x, height) = (padded(&a, n), v, n.next_multiple_of(4));
            solve_one(&mut a, &mut x).unwrap();
            for (j, (x, expected)) in x.iter().zip(&expected).enumerate() {
                assert!((x - expected).abs() < 1e-12, "n = {n}");
                assert!((a[j + j * height] - l[j + j * n]).abs() < 1e-12, "n = {n}");
            }
        }
    }

    #[test]
    fn the_pivot_that_fails_is_named() {
        for n in [1, 3, 6, 100] {
            for bad in 0..n {
                let mut a = vec![0.0; n * n];
                (0..n).for_each(|k| a[k + k * n] = 2.0);
                a[bad + bad * n] = -1.0;
                let error = solve_one(&mut padded(&a, n), &mut vec![1.0; n]).unwrap_err();
                assert_eq!(error, LinalgError::NotPositive { pivot: bad as u32 });
            }
        }
    }
}
