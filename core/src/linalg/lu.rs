//! LU factorisation of a general square matrix with partial pivoting.
//!
//! ```text
//! P A = L U     L: unit lower triangular, |L_ij| <= 1, U: upper triangular, n x n
//! ```
//! Golub & Van Loan, section 3.4; `n^3 / 3` multiply-accumulates. On the host by halves, so that
//! all but `O(n^2)` of them are products.
//! Solving: `n^2` per right-hand side. Backward error of a few `n EPSILON |A|` (with the growth
//! factor of partial pivoting, rarely above 10).

#[cfg(feature = "std")]
use super::blocked::{Blocks, Triangle, factor_pays, pays};
use super::dot;
use super::rotation::column_pair;
use crate::error::{LinalgError, NonFiniteError, ShapeError, size};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Carve;

/// Columns that are eliminated one by one.
#[cfg(feature = "std")]
const LEAF: usize = 16;

/// Factorises `a` in place: U on and above the diagonal, L without its unit diagonal below.
/// `pivots[k]` is the row that was exchanged with row `k`.
///
/// # Errors
/// Wrong sizes, an entry that is not finite (its position in `a`), and
/// [`LinalgError::Singular`] with the index of the first pivot that is zero within rounding, that
/// is at most `n EPSILON` times the largest entry of its column of U.
pub fn lu<T: Real>(mut a: MatMut<'_, T>, pivots: &mut [usize]) -> Result<(), LinalgError> {
    let n = a.rows();
    ShapeError::check("a columns", n, a.cols())?;
    ShapeError::check("pivots", n, pivots.len())?;
    NonFiniteError::check_matrix("a", a.as_ref())?;
    #[cfg(feature = "std")]
    if factor_pays(n) {
        factor_halves(a.reborrow(), pivots, &mut Blocks::new())?;
        return check_pivots(a.as_ref());
    }
    factor_panel(a.reborrow(), pivots)?;
    check_pivots(a.as_ref())
}

/// Eliminates each column below its pivot, `rows >= columns`.
fn factor_panel<T: Real>(mut a: MatMut<'_, T>, pivots: &mut [usize]) -> Result<(), LinalgError> {
    for (k, pivot_row) in pivots.iter_mut().enumerate() {
        let (offset, largest) = largest(a.col(k).part(k..));
        if largest == T::ZERO {
            return Err(LinalgError::Singular { pivot: size(k) });
        }
        *pivot_row = k + offset;
        exchange_rows(&mut a, k, k + offset);

        let (mut left, mut right) = a.reborrow().split_at_col(k + 1);
        let Some((pivot, below)) = left.col(k).get_mut(k..).and_then(|c| c.split_first_mut())
        else {
            continue;
        };
        below.iter_mut().for_each(|v| *v /= *pivot);
        for col in right.columns() {
            if let Some((u, rest)) = col.get_mut(k..).and_then(|c| c.split_first_mut()) {
                subtract_multiple(*u, below, rest);
            }
        }
    }
    Ok(())
}

/// The left half, its effect on the right half, the right half (Toledo, "Locality of reference in
/// LU decomposition with partial pivoting", 1997): nearly all the work is products.
#[cfg(feature = "std")]
fn factor_halves<T: Real>(
    mut a: MatMut<'_, T>,
    pivots: &mut [usize],
    blocks: &mut Blocks<T>,
) -> Result<(), LinalgError> {
    let (rows, cols) = (a.rows(), a.cols());
    if cols <= LEAF {
        return factor_panel(a, pivots);
    }
    let half = (cols / 2).next_multiple_of(LEAF / 2);
    let (first, second) = pivots.cut_mut(half);
    let (mut left, mut right) = a.reborrow().split_at_col(half);
    factor_halves(left.reborrow(), first, blocks)?;
    exchange_all(&mut right, first, 0);
    Triangle::unit_lower(left.as_ref(), false).solve_left(right.reborrow(), blocks)?;
    factor_halves(right.block(half, 0, rows - half, cols - half), second, blocks).map_err(|e| {
        match e {
            LinalgError::Singular { pivot } => LinalgError::Singular { pivot: pivot + size(half) },
            other => other,
        }
    })?;
    second.iter_mut().for_each(|row| *row += half);
    exchange_all(&mut left, second, half);
    Ok(())
}

/// The place and the size of the entry of largest absolute value.
fn largest<T: Real>(values: &[T]) -> (usize, T) {
    values
        .iter()
        .enumerate()
        .fold((0, T::ZERO), |best, (i, v)| if v.abs() > best.1 { (i, v.abs()) } else { best })
}

/// No pivot is zero within rounding.
fn check_pivots<T: Real>(a: Mat<'_, T>) -> Result<(), LinalgError> {
    let tolerance = T::EPSILON * T::from_usize(a.rows());
    for (k, col) in a.columns().enumerate() {
        let column = col.part(..=k);
        let pivot = column.last().map_or(T::ZERO, |p| p.abs());
        if pivot <= tolerance * largest(column).1 {
            return Err(LinalgError::Singular { pivot: size(k) });
        }
    }
    Ok(())
}

/// `y := y - factor x`.
#[inline]
fn subtract_multiple<T: Real>(factor: T, x: &[T], y: &mut [T]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y -= factor * *x);
}

/// Row exchanges, of each column in turn: row `first + k` with row `pivots[k]`.
fn exchange_all<T: Real>(m: &mut MatMut<'_, T>, pivots: &[usize], first: usize) {
    let (rows, cols) = (m.rows(), m.cols());
    for j in 0..cols {
        let mut column = m.block(0, j, rows, 1);
        for (k, row) in pivots.iter().enumerate() {
            exchange_rows(&mut column, first + k, *row);
        }
    }
}

/// Exchanges rows `i` and `j >= i` of every column.
fn exchange_rows<T: Real>(m: &mut MatMut<'_, T>, i: usize, j: usize) {
    if i == j {
        return;
    }
    for col in m.columns() {
        if let Some((head, tail)) = col.split_at_mut_checked(j)
            && let (Some(x), Some(y)) = (head.get_mut(i), tail.first_mut())
        {
            core::mem::swap(x, y);
        }
    }
}

/// Solves `A X = B` in place, `B: n x k`, from the factors that [`lu`] left.
///
/// # Errors
/// Wrong sizes.
pub fn lu_solve<T: Real>(
    lu: Mat<'_, T>,
    pivots: &[usize],
    mut b: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    check_solve(lu, pivots, b.as_ref())?;
    exchange_all(&mut b, pivots, 0);
    #[cfg(feature = "std")]
    if pays(lu.rows(), b.cols()) {
        let blocks = &mut Blocks::new();
        Triangle::unit_lower(lu, false).solve_left(b.reborrow(), blocks)?;
        return Triangle::upper(lu, false).solve_left(b, blocks);
    }
    for x in b.columns() {
        for (k, l) in lu.columns().enumerate() {
            if let Some((xk, rest)) = x.get_mut(k..).and_then(|x| x.split_first_mut()) {
                subtract_multiple(*xk, l.part(k + 1..), rest);
            }
        }
        for (k, u) in (0..lu.cols()).rev().map(|k| (k, lu.col(k))) {
            let (Some((last, above)), Some((pivot, u))) = (
                x.get_mut(..=k).and_then(|x| x.split_last_mut()),
                u.get(..=k).and_then(|u| u.split_last()),
            ) else {
                continue;
            };
            *last /= *pivot;
            subtract_multiple(*last, u, above);
        }
    }
    Ok(())
}

/// Solves `A^T X = B` in place, `B: n x k`, from the factors that [`lu`] left.
///
/// # Errors
/// Wrong sizes.
pub fn lu_solve_transpose<T: Real>(
    lu: Mat<'_, T>,
    pivots: &[usize],
    mut b: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    check_solve(lu, pivots, b.as_ref())?;
    let exchange_back = |b: &mut MatMut<'_, T>| {
        for (k, row) in pivots.iter().enumerate().rev() {
            exchange_rows(b, k, *row);
        }
    };
    #[cfg(feature = "std")]
    if pays(lu.rows(), b.cols()) {
        let blocks = &mut Blocks::new();
        Triangle::upper(lu, true).solve_left(b.reborrow(), blocks)?;
        Triangle::unit_lower(lu, true).solve_left(b.reborrow(), blocks)?;
        exchange_back(&mut b);
        return Ok(());
    }
    for x in b.columns() {
        for (k, u) in lu.columns().enumerate() {
            if let (Some((last, above)), Some((pivot, u))) = (
                x.get_mut(..=k).and_then(|x| x.split_last_mut()),
                u.get(..=k).and_then(|u| u.split_last()),
            ) {
                *last = (*last - dot(u, above)) / *pivot;
            }
        }
        for (k, l) in (0..lu.cols()).rev().map(|k| (k, lu.col(k))) {
            if let Some((xk, rest)) = x.get_mut(k..).and_then(|x| x.split_first_mut()) {
                *xk -= dot(l.part(k + 1..), rest);
            }
        }
    }
    exchange_back(&mut b);
    Ok(())
}

/// Solves `X A = B` in place, `B: k x n`, from the factors that [`lu`] left.
///
/// # Errors
/// Wrong sizes.
pub fn lu_solve_right<T: Real>(
    lu: Mat<'_, T>,
    pivots: &[usize],
    mut b: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    check_right(lu, pivots, b.as_ref())?;
    let n = lu.cols();
    let exchange_back = |b: &mut MatMut<'_, T>| {
        for (k, col) in pivots.iter().enumerate().rev() {
            exchange_columns(b, k, *col);
        }
    };
    #[cfg(feature = "std")]
    if pays(n, b.rows()) {
        let blocks = &mut Blocks::new();
        Triangle::upper(lu, false).solve_right(b.reborrow(), blocks)?;
        Triangle::unit_lower(lu, false).solve_right(b.reborrow(), blocks)?;
        exchange_back(&mut b);
        return Ok(());
    }
    for j in 0..n {
        eliminate_column(&mut b, j, 0..j, |i| lu.at(i, j));
        let pivot = lu.at(j, j);
        b.col(j).iter_mut().for_each(|x| *x /= pivot);
    }
    for j in (0..n).rev() {
        eliminate_column(&mut b, j, j + 1..n, |i| lu.at(i, j));
    }
    exchange_back(&mut b);
    Ok(())
}

/// Solves `X A^T = B` in place, `B: k x n`, from the factors that [`lu`] left.
///
/// # Errors
/// Wrong sizes.
pub fn lu_solve_right_transpose<T: Real>(
    lu: Mat<'_, T>,
    pivots: &[usize],
    mut b: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    check_right(lu, pivots, b.as_ref())?;
    let n = lu.cols();
    for (k, col) in pivots.iter().enumerate() {
        exchange_columns(&mut b, k, *col);
    }
    #[cfg(feature = "std")]
    if pays(n, b.rows()) {
        let blocks = &mut Blocks::new();
        Triangle::unit_lower(lu, true).solve_right(b.reborrow(), blocks)?;
        return Triangle::upper(lu, true).solve_right(b, blocks);
    }
    for j in 0..n {
        eliminate_column(&mut b, j, 0..j, |i| lu.at(j, i));
    }
    for j in (0..n).rev() {
        eliminate_column(&mut b, j, j + 1..n, |i| lu.at(j, i));
        let pivot = lu.at(j, j);
        b.col(j).iter_mut().for_each(|x| *x /= pivot);
    }
    Ok(())
}

/// `b_j := b_j - sum_i factor(i) b_i`.
fn eliminate_column<T: Real>(
    b: &mut MatMut<'_, T>,
    j: usize,
    others: core::ops::Range<usize>,
    factor: impl Fn(usize) -> T,
) {
    for i in others {
        if let Some((low, high)) = column_pair(b, i.min(j), i.max(j)) {
            let (x, y) = if i < j { (low, high) } else { (high, low) };
            subtract_multiple(factor(i), x, y);
        }
    }
}

/// Exchanges columns `i` and `j >= i`.
fn exchange_columns<T: Real>(m: &mut MatMut<'_, T>, i: usize, j: usize) {
    if i != j
        && let Some((x, y)) = column_pair(m, i, j)
    {
        x.iter_mut().zip(y).for_each(|(u, v)| core::mem::swap(u, v));
    }
}

/// The sign of `det A` (1 or -1) and `ln |det A|`, from the factors that [`lu`] left.
pub fn lu_log_determinant<T: Real>(lu: Mat<'_, T>, pivots: &[usize]) -> (T, T) {
    let (mut sign, mut log) = (T::ONE, T::ZERO);
    for (k, (col, row)) in lu.columns().zip(pivots).enumerate() {
        let pivot = col.get(k).copied().unwrap_or(T::ZERO);
        if (pivot < T::ZERO) != (*row != k) {
            sign = -sign;
        }
        log += pivot.abs().ln();
    }
    (sign, log)
}

fn check_solve<T: Real>(lu: Mat<'_, T>, pivots: &[usize], b: Mat<'_, T>) -> Result<(), ShapeError> {
    let n = lu.rows();
    ShapeError::check("lu columns", n, lu.cols())?;
    ShapeError::check("pivots", n, pivots.len())?;
    ShapeError::check("b rows", n, b.rows())
}

fn check_right<T: Real>(lu: Mat<'_, T>, pivots: &[usize], b: Mat<'_, T>) -> Result<(), ShapeError> {
    let n = lu.rows();
    ShapeError::check("lu columns", n, lu.cols())?;
    ShapeError::check("pivots", n, pivots.len())?;
    ShapeError::check("b columns", n, b.cols())
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use nalgebra::DMatrix;
    use std::vec;

    fn noise(seed: &mut u64) -> f64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    fn random(rows: usize, cols: usize, seed: u64) -> DMatrix<f64> {
        let mut seed = seed;
        DMatrix::from_fn(rows, cols, |_, _| noise(&mut seed))
    }

    #[test]
    fn solutions_satisfy_the_equation_and_its_transpose() {
        for n in [1, 2, 3, 5, 8, 17, 33, 70, 129] {
            let a = random(n, n, n as u64);
            let b = random(n, 3, 7);
            let (mut f, mut pivots) = (a.clone(), vec![0; n]);
            lu((&mut f).into(), &mut pivots).unwrap();
            let mut x = b.clone();
            lu_solve((&f).into(), &pivots, (&mut x).into()).unwrap();
            assert!((&a * &x - &b).amax() < 1e-10 * (1.0 + x.amax()), "n = {n}");
            let mut x = b.clone();
            lu_solve_transpose((&f).into(), &pivots, (&mut x).into()).unwrap();
            assert!((a.transpose() * &x - &b).amax() < 1e-10 * (1.0 + x.amax()), "n = {n}");
            let b = b.transpose();
            let mut x = b.clone();
            lu_solve_right((&f).into(), &pivots, (&mut x).into()).unwrap();
            assert!((&x * &a - &b).amax() < 1e-10 * (1.0 + x.amax()), "n = {n}");
            let mut x = b.clone();
            lu_solve_right_transpose((&f).into(), &pivots, (&mut x).into()).unwrap();
            assert!((&x * a.transpose() - &b).amax() < 1e-10 * (1.0 + x.amax()), "n = {n}");
        }
    }

    #[test]
    fn the_log_determinant_agrees_with_nalgebra() {
        for n in [1, 2, 3, 4, 7, 20] {
            let a = random(n, n, 100 + n as u64);
            let det = a.clone().lu().determinant();
            let (mut f, mut pivots) = (a, vec![0; n]);
            lu((&mut f).into(), &mut pivots).unwrap();
            let (sign, log) = lu_log_determinant((&f).into(), &pivots);
            assert!((sign * log.exp() - det).abs() < 1e-12 * det.abs());
        }
    }

    #[test]
    fn a_zero_leading_entry_is_pivoted_away() {
        let (mut a, mut pivots) = (DMatrix::from_row_slice(2, 2, &[0.0, 2.0, 3.0, 4.0]), [0; 2]);
        lu((&mut a).into(), &mut pivots).unwrap();
        let mut x = DMatrix::from_column_slice(2, 1, &[2.0, 7.0]);
        lu_solve((&a).into(), &pivots, (&mut x).into()).unwrap();
        assert_eq!(x.as_slice(), &[1.0, 1.0]);
    }

    #[test]
    fn a_singular_matrix_is_named_by_its_pivot() {
        let singular = |n: usize, data: &[f64]| {
            let (mut a, mut pivots) = (DMatrix::from_row_slice(n, n, data), vec![0; n]);
            lu((&mut a).into(), &mut pivots).unwrap_err()
        };
        let third = LinalgError::Singular { pivot: 2 };
        assert_eq!(singular(1, &[0.0]), LinalgError::Singular { pivot: 0 });
        assert_eq!(singular(3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]), third);
        let mut graded = DMatrix::from_diagonal_element(2, 2, 1e-40);
        graded[(0, 0)] = 1.0;
        assert!(lu((&mut graded).into(), &mut [0; 2]).is_ok(), "a small scale is not singular");
    }

    #[test]
    fn what_does_not_fit_or_is_not_finite_is_an_error() {
        let mut a = DMatrix::from_element(2, 2, 1.0_f64);
        a[(1, 0)] = f64::NAN;
        let e = lu((&mut a).into(), &mut [0; 2]).unwrap_err();
        assert_eq!(e, NonFiniteError { what: "a", index: 1 }.into());
        let mut a = DMatrix::from_element(2, 3, 1.0_f64);
        assert!(matches!(lu((&mut a).into(), &mut [0; 2]), Err(LinalgError::Shape(_))));
        let mut a = DMatrix::from_element(2, 2, 1.0_f64);
        assert!(matches!(lu((&mut a).into(), &mut [0; 3]), Err(LinalgError::Shape(_))));
    }
}
