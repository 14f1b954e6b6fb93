//! `X A = B` with a symmetric positive definite A, factored and solved in one matrix:
//!
//! ```text
//! [A]      [L, D]
//! [B]  ->  [B A^-1]      A = L D L^T: n x n, B: m x n
//!
//! forward    w = stack[.., k],  stack[.., j] -= w (w_j / w_k) for j > k,  stack[.., k] = w / w_k
//! backward   X[:, j] -= X[:, k] L[k, j] for k > j
//! ```
//! The forward half of the solve is more rows of the factorisation. `n^3 / 6 + n^2 m`
//! multiply-accumulates, four rows at a time, forward by two columns k at once. Each half is one
//! loop: 1.3 kB of a microcontroller's flash where [`super::ldlt`] and a solve with its factors
//! take 5.8, for a fifth more instructions at the sizes of a small network's layers.

use super::ldlt::failed_pivot;
use super::tile::{Four, Lanes};
use crate::error::{LinalgError, ScratchError};
use crate::matrix::MatMut;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// A above B, n x n above m x n, the rows of both padded to multiples of four.
#[derive(Debug)]
pub struct Stacked<'s, T> {
    n: usize,
    m: usize,
    values: MatMut<'s, T>,
}

impl<'s, T: Real> Stacked<'s, T> {
    /// The number of values.
    pub const fn len(n: usize, m: usize) -> usize {
        Self::stride(n, m) * n
    }

    const fn stride(n: usize, m: usize) -> usize {
        n.next_multiple_of(4) + m.next_multiple_of(4)
    }

    /// Room for A and B; `storage`: [`Stacked::len`].
    ///
    /// # Errors
    /// [`ScratchError`] if the storage is too short.
    pub fn new(storage: &'s mut [T], n: usize, m: usize) -> Result<Self, ScratchError> {
        let mut storage = Scratch::new(storage, Self::len(n, m))?;
        Ok(Self { n, m, values: storage.matrix(Self::stride(n, m), n)? })
    }

    /// A, of which the lower triangle is read; after [`Stacked::solve`] L below D.
    pub fn a(&mut self) -> MatMut<'_, T> {
        self.values.block(0, 0, self.n, self.n)
    }

    /// B; after [`Stacked::solve`] X.
    pub fn b(&mut self) -> MatMut<'_, T> {
        self.values.block(self.n.next_multiple_of(4), 0, self.m, self.n)
    }

    /// `B := B A^-1`
    ///
    /// # Errors
    /// Those of [`super::ldlt`].
    pub fn solve(&mut self) -> Result<(), LinalgError> {
        #[cfg(feature = "std")]
        if super::blocked::factor_pays(self.n) {
            let mut l = std::vec![T::ZERO; self.n * self.n];
            let mut l = MatMut::of(&mut l, self.n, self.n);
            l.copy_from(self.a().as_ref());
            super::blocked::ldlt(l.reborrow())?;
            self.a().copy_from(l.as_ref());
            return Ok(super::ldlt_solve_right(l.as_ref(), self.b())?);
        }
        T::solve_stacked(self.values.data(), self.n, Self::stride(self.n, self.m) / 4)
    }
}

/// See [`Stacked::solve`]; columns of `height` times four values.
#[inline(always)]
pub(crate) fn solve<T: Real>(values: &mut [T], n: usize, height: usize) -> Result<(), LinalgError> {
    factor_and_solve(values, n, height).map_err(|k| {
        let pivot = values.get(k * (4 * height + 1)).copied().unwrap_or(T::ZERO);
        failed_pivot(pivot, k)
    })
}

/// See [`solve`]; the index of a pivot that is not positive.
#[inline(always)]
fn factor_and_solve<T: Real>(values: &mut [T], n: usize, height: usize) -> Result<(), usize> {
    let (values, _) = values.as_chunks_mut::<4>();
    if height == 0 {
        return Ok(());
    }
    for k in (0..n).step_by(2) {
        let Some((first, right)) = column_and_right(values, k, height) else { break };
        let (d1, r1) = pivot(first, k)?;
        let Some((second, right)) = right.split_at_mut_checked(height) else {
            // The last of an odd number.
            first.iter_mut().skip(k / 4).for_each(|w| *w = times(*w, r1));
            put(first.as_flattened_mut(), k, d1);
            break;
        };
        let f = first.as_flattened().get(k + 1).map_or(T::ZERO, |w| *w * r1);
        for (y, x) in second.part_mut(k / 4..).iter_mut().zip(first.part(k / 4..)) {
            *y = minus(*y, f, *x);
        }
        let (d2, r2) = pivot(second, k + 1)?;
        // From below, so that factors are read before they are divided.
        for i in (k / 4..height).rev() {
            let (Some(&x1), Some(&x2)) = (first.get(i), second.get(i)) else { break };
            let rows = k + 2..n.min(4 * i + 4);
            let (Some(w1), Some(w2)) =
                (first.as_flattened().get(rows.clone()), second.as_flattened().get(rows))
            else {
                break;
            };
            for ((to, w1), w2) in right.chunks_exact_mut(height).zip(w1).zip(w2) {
                if let Some(to) = to.get_mut(i) {
                    *to = minus(minus(*to, *w1 * r1, x1), *w2 * r2, x2);
                }
            }
            put(first, i, times(x1, r1));
            put(second, i, times(x2, r2));
        }
        put(first.as_flattened_mut(), k, d1);
        put(second.as_flattened_mut(), k + 1, d2);
    }
    for j in (0..n).rev() {
        let Some((column, right)) = column_and_right(values, j, height) else { break };
        let (l, x) = column.cut_mut(n.div_ceil(4));
        let l = l.as_flattened().part(j + 1..n);
        for (to, i) in x.iter_mut().zip(n.div_ceil(4)..) {
            let mut x = *to;
            for (solved, l) in right.chunks_exact(height).zip(l) {
                if let Some(solved) = solved.get(i) {
                    x = minus(x, *l, *solved);
                }
            }
            *to = x;
        }
    }
    Ok(())
}

/// Pivot k of its column, and one over it.
#[inline(always)]
fn pivot<T: Real>(column: &[[T; 4]], k: usize) -> Result<(T, T), usize> {
    let pivot = column.as_flattened().get(k).copied().unwrap_or(T::ZERO);
    let reciprocal = T::ONE / pivot;
    if reciprocal > T::ZERO && reciprocal <= T::MAX { Ok((pivot, reciprocal)) } else { Err(k) }
}

#[inline(always)]
fn put<X>(to: &mut [X], i: usize, x: X) {
    if let Some(to) = to.get_mut(i) {
        *to = x;
    }
}

/// Columns, four rows at a time.
type Fours<'v, T> = &'v mut [[T; 4]];

/// Column `j`, and all columns behind it.
#[inline(always)]
fn column_and_right<T>(
    values: &mut [[T; 4]],
    j: usize,
    height: usize,
) -> Option<(Fours<'_, T>, Fours<'_, T>)> {
    values.get_mut(j * height..)?.split_at_mut_checked(height)
}

/// `f x`
#[inline(always)]
fn times<T: Real>(x: [T; 4], f: T) -> [T; 4] {
    Four::map(x, |x| x * f)
}

/// `y - f x`
#[inline(always)]
fn minus<T: Real>(y: [T; 4], f: T, x: [T; 4]) -> [T; 4] {
    Four::zip(y, x, |y, x| y - f * x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::tests::{filled, spd};
    use crate::linalg::{ldlt, ldlt_solve_right};
    use crate::matrix::Mat;
    use std::vec;
    use std::vec::Vec;

    /// A stack in storage that holds no number where nothing was written.
    fn stack<'s>(storage: &'s mut Vec<f64>, a: &[f64], b: &[f64], m: usize) -> Stacked<'s, f64> {
        let n = a.len().isqrt();
        *storage = vec![f64::NAN; Stacked::<f64>::len(n, m)];
        let mut stack = Stacked::new(storage, n, m).unwrap();
        for j in 0..n {
            (j..n).for_each(|i| stack.a().set(i, j, a[i + j * n]));
        }
        stack.b().copy_from(Mat::of(b, m, n));
        stack
    }

    #[test]
    fn a_stacked_solve_is_the_solve_from_the_right() {
        for n in (1..14).chain([100]) {
            for m in [0, 1, 2, 4, 7] {
                let (a, b) = (spd(n), filled(m, n));
                let mut storage = Vec::new();
                let mut stack = stack(&mut storage, &a, &b, m);
                stack.solve().unwrap();
                let mut l = a.clone();
                ldlt(MatMut::of(&mut l, n, n)).unwrap();
                let mut x = b.clone();
                ldlt_solve_right(Mat::of(&l, n, n), MatMut::of(&mut x, m, n)).unwrap();
                for j in 0..n {
                    for i in 0..m {
                        let (found, expected) = (stack.b().at(i, j), x[i + j * m]);
                        assert!((found - expected).abs() < 1e-12, "n = {n}, m = {m}");
                    }
                    for i in j..n {
                        let found = stack.a().at(i, j);
                        assert!((found - l[i + j * n]).abs() < 1e-12, "n = {n}, m = {m}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_pivot_that_fails_is_named() {
        for n in [1, 3, 4, 6, 9, 100] {
            for bad in 0..n {
                let mut a = vec![0.0; n * n];
                (0..n).for_each(|k| a[k + k * n] = 2.0);
                a[bad + bad * n] = -1.0;
                let mut storage = Vec::new();
                let error = stack(&mut storage, &a, &[], 0).solve().unwrap_err();
                assert_eq!(error, LinalgError::NotPositive { pivot: bad as u32 });
                a[bad + bad * n] = f64::NAN;
                let error = stack(&mut storage, &a, &[], 0).solve().unwrap_err();
                assert!(matches!(error, LinalgError::NonFinite(_)), "n = {n}, pivot {bad}");
            }
        }
    }
}
