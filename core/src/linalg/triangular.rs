//! Solves with a unit lower triangular L (n x n; its diagonal and what is above are not read),
//! in place, and its inverse:
//!
//! ```text
//! solve_lower                   L   X = B      B: n x m
//! solve_lower_transpose         L^T X = B      B: n x m
//! solve_lower_right             X L   = B      B: m x n
//! solve_lower_transpose_right   X L^T = B      B: m x n
//! ```
//! n^2 m / 2 multiply-accumulates each, in tiles of four by four: the sums over what is solved
//! already are a register tile of a product, the rest is substitution in the registers.

use super::tile::{Tile, across, along, sum_of_outer_products};
use crate::error::ShapeError;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;

macro_rules! solve {
    ($(#[$doc:meta])* $name:ident, $side:ident, $others:ident, $transpose:literal, $blocked:ident) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`ShapeError`] if the sizes do not fit together.
        pub fn $name<T: Real>(l: Mat<'_, T>, b: MatMut<'_, T>) -> Result<(), ShapeError> {
            ShapeError::check("triangular matrix columns", l.rows(), l.cols())?;
            ShapeError::check("right-hand side", l.rows(), b.$side())?;
            #[cfg(feature = "std")]
            if super::blocked::pays(l.rows(), b.$others()) {
                let blocks = &mut super::blocked::Blocks::new();
                return super::blocked::Triangle::unit_lower(l, $transpose).$blocked(b, blocks);
            }
            T::$name(l, b);
            Ok(())
        }
    };
}
solve!(
    /// Solves `L X = B` in place.
    solve_lower, rows, cols, false, solve_left
);
solve!(
    /// Solves `L^T X = B` in place.
    solve_lower_transpose, rows, cols, true, solve_left
);
solve!(
    /// Solves `X L = B` in place.
    solve_lower_right, cols, rows, false, solve_right
);
solve!(
    /// Solves `X L^T = B` in place.
    solve_lower_transpose_right, cols, rows, true, solve_right
);

/// The blocks of n: fours, then ones; `(start, is_four)` in order.
#[inline(always)]
pub(crate) fn blocks(n: usize) -> impl DoubleEndedIterator<Item = (usize, bool)> {
    let fours = n / 4;
    (0..fours).map(|b| (4 * b, true)).chain((4 * fours..n).map(|at| (at, false)))
}

/// The strictly lower triangle of L at `(row, col)`; zero elsewhere.
#[inline(always)]
pub(crate) fn corner<T: Real, const W: usize>(
    l: Mat<'_, T>,
    row: usize,
    col: usize,
) -> Tile<T, W, W> {
    let mut corner = [[T::ZERO; W]; W];
    for (c, column) in corner.iter_mut().enumerate() {
        for (r, entry) in column.iter_mut().enumerate() {
            if r > c {
                *entry = l.at(row + r, col + c);
            }
        }
    }
    corner
}

/// The tile of the columns' rows `at..at + M`, less `sums`.
#[inline(always)]
pub(crate) fn residual<T: Real, const M: usize, const N: usize>(
    columns: &[&mut [T]; N],
    at: usize,
    sums: Tile<T, M, N>,
) -> Tile<T, M, N> {
    let mut tile = sums;
    for (column, b) in tile.iter_mut().zip(columns) {
        if let Some(b) = b.get(at..).and_then(|b| b.first_chunk::<M>()) {
            column.iter_mut().zip(b).for_each(|(t, b)| *t = *b - *t);
        }
    }
    tile
}

/// Writes the tile over the columns' rows `at..at + M`.
#[inline(always)]
pub(crate) fn put<T: Real, const M: usize, const N: usize>(
    columns: &mut [&mut [T]; N],
    at: usize,
    tile: Tile<T, M, N>,
) {
    for (column, t) in columns.iter_mut().zip(tile) {
        if let Some(b) = column.get_mut(at..).and_then(|b| b.first_chunk_mut::<M>()) {
            *b = t;
        }
    }
}

/// Runs `$body` with `$n` = 4 for groups of four of `$of`, then with `$n` = 1.
macro_rules! groups {
    ($of:expr, |$at:ident| $call:ident::<$($m:literal,)? N>($($arg:expr),*)) => {{
        let of = $of;
        let mut $at = 0;
        while $at + 4 <= of {
            $call::<T, $($m,)? 4>($($arg),*);
            $at += 4;
        }
        while $at < of {
            $call::<T, $($m,)? 1>($($arg),*);
            $at += 1;
        }
    }};
}

/// `L X = B`
#[inline(always)]
pub(crate) fn lower<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    for (i, four) in blocks(l.rows()) {
        if four {
            let corner = corner::<T, 4>(l, i, i);
            groups!(b.cols(), |j| lower_tile::<4, N>(l, &corner, b.columns_array(j), i));
        } else {
            groups!(b.cols(), |j| lower_tile::<1, N>(l, &[[T::ZERO]], b.columns_array(j), i));
        }
    }
}

/// `X[i] = L[i, i]^-1 (B[i] - L[i, :i] X[:i])`
#[inline(always)]
fn lower_tile<T: Real, const M: usize, const N: usize>(
    l: Mat<'_, T>,
    corner: &Tile<T, M, M>,
    mut b: [&mut [T]; N],
    i: usize,
) {
    let solved = b.each_ref().map(|c| c.get(..i).unwrap_or(&[]));
    let sums = sum_of_outer_products::<T, M, N>(along(l, i), across(solved));
    let mut tile = residual(&b, i, sums);
    for x in &mut tile {
        forward(corner, x);
    }
    put(&mut b, i, tile);
}

/// `L^T X = B`
#[inline(always)]
pub(crate) fn lower_transpose<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    for (i, four) in blocks(l.rows()).rev() {
        if four {
            let corner = corner::<T, 4>(l, i, i);
            groups!(b.cols(), |j| lower_transpose_tile::<4, N>(l, &corner, b.columns_array(j), i));
        } else {
            groups!(b.cols(), |j| lower_transpose_tile::<1, N>(
                l,
                &[[T::ZERO]],
                b.columns_array(j),
                i
            ));
        }
    }
}

/// `X[i] = L[i, i]^-T (B[i] - L[i.., i]^T X[i..])`
#[inline(always)]
fn lower_transpose_tile<T: Real, const M: usize, const N: usize>(
    l: Mat<'_, T>,
    corner: &Tile<T, M, M>,
    mut b: [&mut [T]; N],
    i: usize,
) {
    let solved = b.each_ref().map(|c| c.get(i + M..).unwrap_or(&[]));
    let sums =
        sum_of_outer_products::<T, M, N>(across(columns_from_row(l, i, i + M)), across(solved));
    let mut tile = residual(&b, i, sums);
    for x in &mut tile {
        backward(corner, x);
    }
    put(&mut b, i, tile);
}

/// Columns `at..at + W`, from row `row` on.
#[inline(always)]
pub(crate) fn columns_from_row<T: Real, const W: usize>(
    m: Mat<'_, T>,
    at: usize,
    row: usize,
) -> [&[T]; W] {
    let mut columns = m.columns_from(at);
    core::array::from_fn(|_| columns.next().and_then(|c| c.get(row..)).unwrap_or(&[]))
}

/// `x = C^-1 x`, C the unit lower triangular corner.
#[inline(always)]
pub(crate) fn forward<T: Real, const M: usize>(corner: &Tile<T, M, M>, x: &mut [T; M]) {
    for c in 0..M {
        for r in c + 1..M {
            x[r] -= corner[c][r] * x[c];
        }
    }
}

/// `x = C^-T x`, C the unit lower triangular corner.
#[inline(always)]
fn backward<T: Real, const M: usize>(corner: &Tile<T, M, M>, x: &mut [T; M]) {
    for c in (0..M).rev() {
        for r in c + 1..M {
            x[c] -= corner[c][r] * x[r];
        }
    }
}

/// `X L^T = B`
#[inline(always)]
pub(crate) fn lower_transpose_right<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    for (j, four) in blocks(l.rows()) {
        let (solved, mut rest) = b.reborrow().split_at_col(j);
        let solved = solved.into_ref();
        if four {
            let (corner, mut x) = (corner::<T, 4>(l, j, j), rest.columns_array::<4>(0));
            groups!(b_rows(&x), |i| right_tile::<4, N>(
                solved,
                along(l, j),
                &corner,
                &mut x,
                i,
                false
            ));
        } else {
            let mut x = rest.columns_array::<1>(0);
            groups!(b_rows(&x), |i| right_tile::<1, N>(
                solved,
                along(l, j),
                &[[T::ZERO]],
                &mut x,
                i,
                false
            ));
        }
    }
}

/// `X L = B`
#[inline(always)]
pub(crate) fn lower_right<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    for (j, four) in blocks(l.rows()).rev() {
        let (mut rest, solved) = b.reborrow().split_at_col(j + if four { 4 } else { 1 });
        let solved = solved.into_ref();
        if four {
            let (corner, mut x) = (corner::<T, 4>(l, j, j), rest.columns_array::<4>(j));
            groups!(b_rows(&x), |i| right_tile::<4, N>(
                solved,
                across(columns_from_row(l, j, j + 4)),
                &corner,
                &mut x,
                i,
                true
            ));
        } else {
            let mut x = rest.columns_array::<1>(j);
            groups!(b_rows(&x), |i| right_tile::<1, N>(
                solved,
                across(columns_from_row(l, j, j + 1)),
                &[[T::ZERO]],
                &mut x,
                i,
                true
            ));
        }
    }
}

/// The number of rows of columns taken apart.
#[inline(always)]
fn b_rows<T, const W: usize>(columns: &[&mut [T]; W]) -> usize {
    columns.first().map_or(0, |c| c.len())
}

/// M rows from `i` of W columns: `X = (B - solved l) C^-T`, or `C^-1` going backward.
#[inline(always)]
fn right_tile<T: Real, const W: usize, const M: usize>(
    solved: Mat<'_, T>,
    l: impl Iterator<Item = [T; W]>,
    corner: &Tile<T, W, W>,
    x: &mut [&mut [T]; W],
    i: usize,
    going_back: bool,
) {
    let sums = sum_of_outer_products::<T, M, W>(along(solved, i), l);
    let mut tile: Tile<T, M, W> = residual(x, i, sums);
    for step in 0..W {
        let c = if going_back { W - 1 - step } else { step };
        let solved = tile[c];
        for r in 0..W {
            let factor = if going_back && r < c {
                corner[r][c]
            } else if !going_back && r > c {
                corner[c][r]
            } else {
                continue;
            };
            tile[r].iter_mut().zip(solved).for_each(|(t, s)| *t -= factor * s);
        }
    }
    put(x, i, tile);
}
