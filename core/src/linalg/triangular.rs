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
    Four, Lanes, One, Tile, across, along, columns_from_row, put, sum_of_outer_products,
};
use crate::error::ShapeError;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;

macro_rules! solve {
    ($(#[$doc:meta])* $name:ident, $side:ident) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`ShapeError`] if the sizes do not fit together.
        pub fn $name<T: Real>(l: Mat<'_, T>, b: MatMut<'_, T>) -> Result<(), ShapeError> {
            ShapeError::check("triangular matrix columns", l.rows(), l.cols())?;
            ShapeError::check("right-hand side", l.rows(), b.$side())?;
            T::$name(l, b);
            Ok(())
        }
    };
}
solve!(
    /// Solves `L X = B` in place.
    solve_lower, rows
);
solve!(
    /// Solves `L^T X = B` in place.
    solve_lower_transpose, rows
);
solve!(
    /// Solves `X L = B` in place.
    solve_lower_right, cols
);
solve!(
    /// Solves `X L^T = B` in place.
    solve_lower_transpose_right, cols
);

/// The blocks of n: fours, then ones; `(start, is_four)` in order.
#[inline(always)]
pub(crate) fn blocks(n: usize) -> impl DoubleEndedIterator<Item = (usize, bool)> {
    let fours = n / 4;
    (0..fours).map(|b| (4 * b, true)).chain((4 * fours..n).map(|at| (at, false)))
}

/// The square of M at `(row, col)`.
#[inline(always)]
pub(crate) fn corner<T: Real, W: Lanes>(m: Mat<'_, T>, row: usize, col: usize) -> Tile<T, W, W> {
    W::map(columns_from_row::<T, W>(m, col, row), |c| W::first(c).unwrap_or(W::new(|_| T::ZERO)))
}

/// The tile of B at `(i, j)`, less `sums`.
#[inline(always)]
pub(crate) fn residual<T: Real, M: Lanes, N: Lanes>(
    b: Mat<'_, T>,
    (i, j): (usize, usize),
    sums: Tile<T, M, N>,
) -> Tile<T, M, N> {
    N::zip(columns_from_row::<T, N>(b, j, i), sums, |b, sums| match M::first(b) {
        Some(b) => M::zip(b, sums, |b, sum| b - sum),
        None => sums,
    })
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

/// `$call` for groups of four up to `$of`, then one by one.
macro_rules! groups {
    ($of:expr, |$at:ident, $lanes:ident| $call:expr) => {{
        let of = $of;
        let mut $at = 0;
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
    for (i, four) in blocks(l.rows()) {
        if four {
            let corner = corner::<T, Four>(l, i, i);
            groups!(b.cols(), |j, N| lower_tile::<T, Four, N>(l, &corner, &mut b, i, j));
        } else {
            groups!(b.cols(), |j, N| lower_tile::<T, One, N>(l, &[[T::ONE]], &mut b, i, j));
        }
    }
}

/// `X[i, j] = L[i, i]^-1 (B[i, j] - L[i, :i] X[:i, j])`
#[inline(always)]
fn lower_tile<T: Real, M: Lanes, N: Lanes>(
    l: Mat<'_, T>,
    corner: &Tile<T, M, M>,
    b: &mut MatMut<'_, T>,
    i: usize,
    j: usize,
) {
    let x = b.as_ref();
    let solved = across::<T, N>(i, columns_from_row::<T, N>(x, j, 0));
    let sums = sum_of_outer_products::<T, M, N>(along::<T, M>(l, i), solved);
    let tile = residual::<T, M, N>(x, (i, j), sums);
    put::<T, M, N>(b, (i, j), N::map(tile, |x| M::forward(corner, x, subtract)));
}

/// `L^T X = B`
#[inline(always)]
pub(crate) fn lower_transpose<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    for (i, four) in blocks(l.rows()).rev() {
        if four {
            let corner = corner::<T, Four>(l, i, i);
            groups!(b.cols(), |j, N| lower_transpose_tile::<T, Four, N>(l, &corner, &mut b, i, j));
        } else {
            groups!(b.cols(), |j, N| lower_transpose_tile::<T, One, N>(
                l,
                &[[T::ONE]],
                &mut b,
                i,
                j
            ));
        }
    }
}

/// `X[i, j] = L[i, i]^-T (B[i, j] - L[i+M.., i]^T X[i+M.., j])`
#[inline(always)]
fn lower_transpose_tile<T: Real, M: Lanes, N: Lanes>(
    l: Mat<'_, T>,
    corner: &Tile<T, M, M>,
    b: &mut MatMut<'_, T>,
    i: usize,
    j: usize,
) {
    let x = b.as_ref();
    let below = i + M::COUNT;
    let len = l.rows() - below;
    let left = across::<T, M>(len, columns_from_row::<T, M>(l, i, below));
    let solved = across::<T, N>(len, columns_from_row::<T, N>(x, j, below));
    let sums = sum_of_outer_products::<T, M, N>(left, solved);
    let tile = residual::<T, M, N>(x, (i, j), sums);
    put::<T, M, N>(b, (i, j), N::map(tile, |x| M::backward(corner, x, subtract)));
}

/// `X L^T = B`
#[inline(always)]
pub(crate) fn lower_transpose_right<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    for (j, four) in blocks(l.rows()) {
        if four {
            let corner = corner::<T, Four>(l, j, j);
            groups!(b.rows(), |i, M| lower_transpose_right_tile::<T, M, Four>(
                l, &corner, &mut b, i, j
            ));
        } else {
            groups!(b.rows(), |i, M| lower_transpose_right_tile::<T, M, One>(
                l,
                &[[T::ONE]],
                &mut b,
                i,
                j
            ));
        }
    }
}

/// `X[i, j] = (B[i, j] - X[i, :j] L[j, :j]^T) L[j, j]^-T`
#[inline(always)]
fn lower_transpose_right_tile<T: Real, M: Lanes, N: Lanes>(
    l: Mat<'_, T>,
    corner: &Tile<T, N, N>,
    b: &mut MatMut<'_, T>,
    i: usize,
    j: usize,
) {
    let x = b.as_ref();
    let solved = along::<T, M>(x, i).take(j);
    let sums = sum_of_outer_products::<T, M, N>(solved, along::<T, N>(l, j));
    let tile = residual::<T, M, N>(x, (i, j), sums);
    put::<T, M, N>(b, (i, j), N::forward(corner, tile, subtract_column::<T, M>));
}

/// `X L = B`
#[inline(always)]
pub(crate) fn lower_right<T: Real>(l: Mat<'_, T>, mut b: MatMut<'_, T>) {
    for (j, four) in blocks(l.rows()).rev() {
        if four {
            let corner = corner::<T, Four>(l, j, j);
            groups!(b.rows(), |i, M| lower_right_tile::<T, M, Four>(l, &corner, &mut b, i, j));
        } else {
            groups!(b.rows(), |i, M| lower_right_tile::<T, M, One>(l, &[[T::ONE]], &mut b, i, j));
        }
    }
}

/// `X[i, j] = (B[i, j] - X[i, j+N..] L[j+N.., j]) L[j, j]^-1`
#[inline(always)]
fn lower_right_tile<T: Real, M: Lanes, N: Lanes>(
    l: Mat<'_, T>,
    corner: &Tile<T, N, N>,
    b: &mut MatMut<'_, T>,
    i: usize,
    j: usize,
) {
    let x = b.as_ref();
    let behind = j + N::COUNT;
    let len = l.rows() - behind;
    let solved = along::<T, M>(x.block(0, behind, x.rows(), len), i);
    let right = across::<T, N>(len, columns_from_row::<T, N>(l, j, behind));
    let sums = sum_of_outer_products::<T, M, N>(solved, right);
    let tile = residual::<T, M, N>(x, (i, j), sums);
    put::<T, M, N>(b, (i, j), N::backward(corner, tile, subtract_column::<T, M>));
}
