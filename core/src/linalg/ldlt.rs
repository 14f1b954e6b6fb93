//! The symmetric positive definite factorisation without square roots.
//!
//! ```text
//! A = L D L^T      A: n x n, L unit lower triangular, D diagonal and positive
//! ```
//! In place: L below the diagonal, D on it; the upper triangle is workspace and ends up holding
//! `D L^T` (with `std`, above 96 rows, anything: see `blocked`). Only the lower triangle of A is
//! read. n^3 / 6 multiply-accumulates, in panels of four columns:
//!
//! ```text
//! T   = A[i, J] - L[i, :J] (D L^T)[:J, J]       a register tile over the columns before J
//! W   = T L[J, J]^-T                            in registers
//! L[i, J] = W D[J]^-1,  (D L^T)[J, i] = W^T
//! ```

use super::tile::{Apart, Four, Lanes, One, Tile, along, difference, put, sum_of_outer_products};
use super::triangular::{blocks, subtract_column};
#[cfg(feature = "std")]
use super::triangular::{
    solve_lower, solve_lower_right, solve_lower_transpose, solve_lower_transpose_right,
};
use crate::error::{LinalgError, NonFiniteError, ShapeError, size};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Factors `A = L D L^T` in place. Only the lower triangle is read.
///
/// # Errors
/// [`LinalgError::Shape`] unless A is square, [`LinalgError::NotPositive`] with the index of the
/// first pivot that is zero or negative, [`LinalgError::NonFinite`] with the index of the first
/// pivot that is infinite or NaN, which it is if A holds such a value in its lower triangle.
pub fn ldlt<T: Real>(a: MatMut<'_, T>) -> Result<(), LinalgError> {
    ShapeError::check("factored matrix columns", a.rows(), a.cols())?;
    #[cfg(feature = "std")]
    if super::blocked::factor_pays(a.rows()) {
        return super::blocked::ldlt(a);
    }
    T::ldlt(a)
}

/// Solves `A X = B` in place, given the factors that [`ldlt`] left: `B: n x m`.
///
/// # Errors
/// [`ShapeError`] if the sizes do not fit together.
pub fn ldlt_solve<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) -> Result<(), ShapeError> {
    ShapeError::check("factored matrix columns", l.rows(), l.cols())?;
    ShapeError::check("right-hand side rows", l.rows(), b.rows())?;
    #[cfg(feature = "std")]
    if super::blocked::pays(l.rows(), b.cols()) {
        solve_lower(l, b.reborrow())?;
        for column in b.columns() {
            column.iter_mut().zip(l.diagonal()).for_each(|(b, d)| *b /= *d);
        }
        return solve_lower_transpose(l, b);
    }
    T::solve_lower(l, b.reborrow());
    T::solve_diagonal_lower_transpose(l, b);
    Ok(())
}

/// Solves `X A = B` in place, given the factors that [`ldlt`] left: `B: m x n`.
///
/// # Errors
/// [`ShapeError`] if the sizes do not fit together.
pub fn ldlt_solve_right<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) -> Result<(), ShapeError> {
    ShapeError::check("factored matrix columns", l.rows(), l.cols())?;
    ShapeError::check("right-hand side columns", l.cols(), b.cols())?;
    #[cfg(feature = "std")]
    if super::blocked::pays(l.rows(), b.rows()) {
        solve_lower_transpose_right(l, b.reborrow())?;
        for (column, d) in b.columns().zip(l.diagonal()) {
            let reciprocal = T::ONE / *d;
            column.iter_mut().for_each(|b| *b *= reciprocal);
        }
        return solve_lower_right(l, b);
    }
    T::solve_lower_transpose_right(l, b.reborrow());
    T::solve_lower_diagonal_right(l, b);
    Ok(())
}

/// Scratch of [`ldlt_inverse`] for an `n x n` matrix.
pub const fn ldlt_inverse_scratch(n: usize) -> usize {
    n
}

/// Replaces a symmetric positive definite A by its inverse, both triangles, through
/// `A^-1 = M^T D^-1 M`, `M = L^-1`. n^3 / 2 multiply-accumulates.
///
/// # Errors
/// Those of [`ldlt`], and [`LinalgError::Scratch`].
pub fn ldlt_inverse<T: Real>(mut a: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), LinalgError> {
    let n = a.rows();
    let d = Scratch::new(scratch, ldlt_inverse_scratch(n))?.take(n)?;
    ldlt(a.reborrow())?;
    for (reciprocal, d) in d.iter_mut().zip(a.as_ref().diagonal()) {
        *reciprocal = T::ONE / *d;
    }
    T::invert_lower(a.reborrow(), d);
    a.mirror_lower();
    Ok(())
}

/// `ln det A`, given the factors that [`ldlt`] left.
pub fn ldlt_logdet<T: Real>(l: Mat<'_, T>) -> T {
    l.diagonal().fold(T::ZERO, |sum, d| sum + d.ln())
}

/// See [`ldlt`].
#[inline(always)]
pub(crate) fn factor<T: Real>(mut a: MatMut<'_, T>) -> Result<(), LinalgError> {
    for (j, four) in blocks(a.cols()) {
        if four {
            panel::<T, Four>(&mut a, j)?;
        } else {
            panel::<T, One>(&mut a, j)?;
        }
    }
    Ok(())
}

/// One panel of columns from `j`: the corner, then the tiles below it.
#[inline(always)]
fn panel<T: Real, W: Lanes>(a: &mut MatMut<'_, T>, j: usize) -> Result<(), LinalgError> {
    let n = a.cols();
    let (left, rest) = a.reborrow().split_at_col(j);
    let (mut columns, mut right) = rest.split_at_col(W::COUNT);
    let left = left.into_ref();
    let Some(mut columns) = Apart::<T, W>::new(&mut columns, 0) else { return Ok(()) };

    let Some(corner) = update::<T, W, W>(left, &columns, j, j) else { return Ok(()) };
    let (corner, reciprocal) = W::factor(corner);
    columns.put::<W>(j, corner);
    let mut failed = None;
    W::each(W::zip(corner, reciprocal, |c, r| (c, r)), |k, (column, reciprocal)| {
        if failed.is_none() && !(reciprocal > T::ZERO && reciprocal <= T::MAX) {
            failed = Some((W::at(&column, k), j + k));
        }
    });
    if let Some((pivot, k)) = failed {
        return Err(failed_pivot(pivot, k));
    }
    let mut i = j + W::COUNT;
    while i + 4 <= n {
        below::<T, Four, W>(left, &mut columns, &mut right, &corner, reciprocal, i, j);
        i += 4;
    }
    while i < n {
        below::<T, One, W>(left, &mut columns, &mut right, &corner, reciprocal, i, j);
        i += 1;
    }
    Ok(())
}

/// Why a pivot cannot be divided by.
#[cold]
pub(crate) fn failed_pivot<T: Real>(pivot: T, k: usize) -> LinalgError {
    if pivot.is_finite() {
        LinalgError::NotPositive { pivot: size(k) }
    } else {
        LinalgError::NonFinite(NonFiniteError { what: "pivot", index: size(k) })
    }
}

/// `A[i, J] - L[i, :J] (D L^T)[:J, J]`
#[inline(always)]
fn update<T: Real, M: Lanes, W: Lanes>(
    left: Mat<'_, T>,
    columns: &Apart<'_, T, W>,
    i: usize,
    j: usize,
) -> Option<Tile<T, M, W>> {
    let sums = sum_of_outer_products::<T, M, W>(along::<T, M>(left, i)?, columns.rows(0, j));
    Some(difference::<T, M, W>(columns.tile::<M>(i), sums))
}

/// M rows of the panel from `i`: `W = T L_JJ^-T`, `L = W / D`, and `(D L^T)[J, i] = W^T`.
#[inline(always)]
fn below<T: Real, M: Lanes, W: Lanes>(
    left: Mat<'_, T>,
    columns: &mut Apart<'_, T, W>,
    right: &mut MatMut<'_, T>,
    corner: &Tile<T, W, W>,
    reciprocal: W::Of<T>,
    i: usize,
    j: usize,
) {
    let Some(tile) = update::<T, M, W>(left, columns, i, j) else { return };
    let tile = W::forward(corner, tile, subtract_column::<T, M>);
    let transposed = M::new(|m| W::map(tile, |column| M::at(&column, m)));
    put::<T, W, M>(right, (j, i - j - W::COUNT), transposed);
    columns.put::<M>(i, W::zip(tile, reciprocal, |column, r| M::map(column, |w| w * r)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::gemm;
    use crate::linalg::tests::{filled, relative_difference, spd};
    use std::vec;
    use std::vec::Vec;

    fn reconstruct(l: Mat<'_, f64>) -> Vec<f64> {
        let n = l.rows();
        let mut product = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                for k in 0..=i.min(j) {
                    let lik = if i == k { 1.0 } else { l.at(i, k) };
                    let ljk = if j == k { 1.0 } else { l.at(j, k) };
                    product[i + j * n] += lik * l.at(k, k) * ljk;
                }
            }
        }
        product
    }

    #[test]
    fn the_factors_multiply_to_the_matrix() {
        for n in 1..20 {
            let a = spd(n);
            let mut l = a.clone();
            ldlt(MatMut::of(&mut l, n, n)).unwrap();
            assert!(relative_difference(&reconstruct(Mat::of(&l, n, n)), &a) < 1e-13, "n = {n}");
        }
    }

    #[test]
    fn only_the_lower_triangle_is_read() {
        let n = 7;
        let (mut a, mut b) = (spd(n), spd(n));
        for j in 0..n {
            for i in 0..j {
                b[i + j * n] = f64::NAN;
            }
        }
        ldlt(MatMut::of(&mut a, n, n)).unwrap();
        ldlt(MatMut::of(&mut b, n, n)).unwrap();
        for j in 0..n {
            assert_eq!(a[j + j * n..(j + 1) * n], b[j + j * n..(j + 1) * n]);
        }
    }

    #[test]
    fn solves_undo_the_product_on_either_side() {
        for n in 1..14 {
            for m in [1, 2, 4, 5, 9] {
                let a = spd(n);
                let mut l = a.clone();
                ldlt(MatMut::of(&mut l, n, n)).unwrap();
                let x = filled(n, m);
                let mut b = vec![0.0; n * m];
                gemm(1.0, Mat::of(&a, n, n), Mat::of(&x, n, m), 0.0, MatMut::of(&mut b, n, m))
                    .unwrap();
                ldlt_solve(Mat::of(&l, n, n), MatMut::of(&mut b, n, m)).unwrap();
                assert!(relative_difference(&b, &x) < 1e-10, "left, n = {n}, m = {m}");

                let x = filled(m, n);
                gemm(1.0, Mat::of(&x, m, n), Mat::of(&a, n, n), 0.0, MatMut::of(&mut b, m, n))
                    .unwrap();
                ldlt_solve_right(Mat::of(&l, n, n), MatMut::of(&mut b, m, n)).unwrap();
                assert!(relative_difference(&b, &x) < 1e-10, "right, n = {n}, m = {m}");
            }
        }
    }

    #[test]
    fn the_inverse_times_the_matrix_is_the_identity() {
        for n in 1..20 {
            let a = spd(n);
            let mut inverse = a.clone();
            let mut scratch = vec![0.0; ldlt_inverse_scratch(n)];
            ldlt_inverse(MatMut::of(&mut inverse, n, n), &mut scratch).unwrap();
            let mut product = vec![0.0; n * n];
            let (a, inverse) = (Mat::of(&a, n, n), Mat::of(&inverse, n, n));
            gemm(1.0, a, inverse, 0.0, MatMut::of(&mut product, n, n)).unwrap();
            let identity: Vec<f64> =
                (0..n * n).map(|k| if k % n == k / n { 1.0 } else { 0.0 }).collect();
            assert!(relative_difference(&product, &identity) < 1e-10, "n = {n}");
            for i in 0..n {
                for j in 0..n {
                    assert_eq!(inverse.at(i, j), inverse.at(j, i));
                }
            }
        }
    }

    #[test]
    fn the_pivot_that_fails_is_named() {
        for n in [1, 3, 4, 6, 9] {
            for bad in 0..n {
                let mut a: Vec<f64> =
                    (0..n * n).map(|k| if k % n == k / n { 2.0 } else { 0.0 }).collect();
                a[bad + bad * n] = 0.0;
                let error = ldlt(MatMut::of(&mut a, n, n)).unwrap_err();
                assert_eq!(error, LinalgError::NotPositive { pivot: bad as u32 });
                let mut a = spd(n);
                a[n - 1 + bad * n] = f64::NAN;
                let error = ldlt(MatMut::of(&mut a, n, n)).unwrap_err();
                assert!(matches!(error, LinalgError::NonFinite(_)), "n = {n}, column {bad}");
            }
        }
    }
}
