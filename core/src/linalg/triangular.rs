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

use super::tile::{
    Apart, Four, Lanes, One, Tile, across, along, difference, sum_of_outer_products, tile_at,
};
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

/// `x - c y`
#[inline(always)]
pub(crate) fn subtract<T: Real>(x: T, c: T, y: T) -> T {
    x - c * y
}

/// `X - c Y` for columns of a tile.
#[inline(always)]
pub(crate) fn subtract_column<T: Real, M: Lanes>(x: M::Of<T>, c: T, y: M::Of<T>) -> M::Of<T> {
    M::zip(x, y, |x, y| x - c * y)
}

/// `$call` with [`Four`] for groups of four in the range `$of`, then with [`One`], one by one.
macro_rules! groups {
    ($of:expr, |$at:ident, $lanes:ident| $call:expr) => {{
        let core::ops::Range { start: mut $at, end: of } = $of;
        while $at + 4 <= of {
            type $lanes = Four;
            $call;
            $at += 4;
        }
        while $at < of {
            type $lanes = One;
            $call;
            $at += 1;
        }
    }};
}

/// `L X = B`
#[inline(always)]
pub(crate) fn lower<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    groups!(0..b.cols(), |j, N| {
        let Some(mut x) = Apart::<T, N>::new(&mut b, j) else { return };
        for (i, four) in blocks(l.rows()) {
            if four {
                lower_tile::<T, Four, N>(l, &mut x, i);
            } else {
                lower_tile::<T, One, N>(l, &mut x, i);
            }
        }
    });
}

/// `X[i] = L[i, i]^-1 (B[i] - L[i, :i] X[:i])`
#[inline(always)]
fn lower_tile<T: Real, M: Lanes, N: Lanes>(l: Mat<'_, T>, x: &mut Apart<'_, T, N>, i: usize) {
    let Some(left) = along::<T, M>(l, i) else { return };
    let sums = sum_of_outer_products::<T, M, N>(left, x.rows(0, i));
    let Some(corner) = tile_at::<T, M, M>(l, (i, i)) else { return };
    let tile = difference::<T, M, N>(x.tile::<M>(i), sums);
    let tile = N::map(tile, |x| M::forward(&corner, x, subtract));
    x.put::<M>(i, tile);
}

/// `L^T X = B`
#[inline(always)]
pub(crate) fn lower_transpose<T: Real>(l: Mat<'_, T>, b: MatMut<'_, T>) {
    backward::<T, false>(l, b);
}

/// `D L^T X = B`, D on L's diagonal.
#[inline(always)]
pub(crate) fn diagonal_lower_transpose<T: Real>(l: Mat<'_, T>, b: MatMut<'_, T>) {
    backward::<T, true>(l, b);
}

#[inline(always)]
fn backward<T: Real, const DIAGONAL: bool>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    groups!(0..b.cols(), |j, N| {
        let Some(mut x) = Apart::<T, N>::new(&mut b, j) else { return };
        for (i, four) in blocks(l.rows()).rev() {
            if four {
                backward_tile::<T, Four, N, DIAGONAL>(l, &mut x, i);
            } else {
                backward_tile::<T, One, N, DIAGONAL>(l, &mut x, i);
            }
        }
    });
}

/// `X[i] = L[i, i]^-T (D[i]^-1 B[i] - L[i+M.., i]^T X[i+M..])`
#[inline(always)]
fn backward_tile<T: Real, M: Lanes, N: Lanes, const DIAGONAL: bool>(
    l: Mat<'_, T>,
    x: &mut Apart<'_, T, N>,
    i: usize,
) {
    let below = i + M::COUNT;
    let len = l.rows() - below;
    let Some(left) = across::<T, M>(l, (below, i), len) else { return };
    let sums = sum_of_outer_products::<T, M, N>(left, x.rows(below, len));
    let Some(corner) = tile_at::<T, M, M>(l, (i, i)) else { return };
    let mut tile = x.tile::<M>(i);
    if DIAGONAL {
        let reciprocals = reciprocals::<T, M>(&corner);
        tile = N::map(tile, |x| M::zip(x, reciprocals, |x, r| x * r));
    }
    let tile = difference::<T, M, N>(tile, sums);
    x.put::<M>(i, N::map(tile, |x| M::backward(&corner, x, subtract)));
}

/// One over the diagonal.
#[inline(always)]
fn reciprocals<T: Real, M: Lanes>(corner: &Tile<T, M, M>) -> M::Of<T> {
    M::new(|k| T::ONE / M::at(&M::at(corner, k), k))
}

/// `X L^T = B`
#[inline(always)]
pub(crate) fn lower_transpose_right<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    for (j, four) in blocks(l.rows()) {
        if four {
            lower_transpose_right_columns::<T, Four>(l, &mut b, j);
        } else {
            lower_transpose_right_columns::<T, One>(l, &mut b, j);
        }
    }
}

/// `X[:, j] = (B[:, j] - X[:, :j] L[j, :j]^T) L[j, j]^-T`
#[expect(clippy::map_identity)]
#[inline(always)]
fn lower_transpose_right_columns<T: Real, N: Lanes>(
    l: Mat<'_, T>,
    b: &mut MatMut<'_, T>,
    j: usize,
) {
    let rows = b.rows();
    let Some(corner) = tile_at::<T, N, N>(l, (j, j)) else { return };
    let (solved, mut rest) = b.reborrow().split_at_col(j);
    let solved = solved.into_ref();
    let Some(mut x) = Apart::<T, N>::new(&mut rest, 0) else { return };
    groups!(0..rows, |i, M| {
        let (Some(left), Some(right)) = (along::<T, M>(solved, i), along::<T, N>(l, j)) else {
            return;
        };
        // A type of its own: with one caller its division by the stride is inlined at "s" too,
        // where the stride is known to be at least 1.
        let right = right.map(core::convert::identity);
        let sums = sum_of_outer_products::<T, M, N>(left, right);
        let tile = difference::<T, M, N>(x.tile::<M>(i), sums);
        x.put::<M>(i, N::forward(&corner, tile, subtract_column::<T, M>));
    });
}

/// `X L = B`
#[inline(always)]
pub(crate) fn lower_right<T: Real>(l: Mat<'_, T>, b: MatMut<'_, T>) {
    backward_right::<T, false>(l, b);
}

/// `X L = B D^-1`, D on L's diagonal.
#[inline(always)]
pub(crate) fn lower_diagonal_right<T: Real>(l: Mat<'_, T>, b: MatMut<'_, T>) {
    backward_right::<T, true>(l, b);
}

#[inline(always)]
fn backward_right<T: Real, const DIAGONAL: bool>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    for (j, four) in blocks(l.rows()).rev() {
        if four {
            backward_right_columns::<T, Four, DIAGONAL>(l, &mut b, j);
        } else {
            backward_right_columns::<T, One, DIAGONAL>(l, &mut b, j);
        }
    }
}

/// `X[:, j] = (B[:, j] D[j]^-1 - X[:, j+N..] L[j+N.., j]) L[j, j]^-1`
#[inline(always)]
fn backward_right_columns<T: Real, N: Lanes, const DIAGONAL: bool>(
    l: Mat<'_, T>,
    b: &mut MatMut<'_, T>,
    j: usize,
) {
    let (rows, behind) = (b.rows(), j + N::COUNT);
    let len = l.rows() - behind;
    let Some(corner) = tile_at::<T, N, N>(l, (j, j)) else { return };
    let reciprocals = reciprocals::<T, N>(&corner);
    let (mut rest, solved) = b.reborrow().split_at_col(behind);
    let solved = solved.into_ref();
    let Some(mut x) = Apart::<T, N>::new(&mut rest, j) else { return };
    groups!(0..rows, |i, M| {
        let Some(left) = along::<T, M>(solved, i) else { return };
        let Some(right) = across::<T, N>(l, (behind, j), len) else { return };
        let sums = sum_of_outer_products::<T, M, N>(left, right);
        let mut tile = x.tile::<M>(i);
        if DIAGONAL {
            tile = N::zip(tile, reciprocals, |x, r| M::map(x, |x| x * r));
        }
        let tile = difference::<T, M, N>(tile, sums);
        x.put::<M>(i, N::backward(&corner, tile, subtract_column::<T, M>));
    });
}
