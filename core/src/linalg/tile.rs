//! The register tile that every product, factorisation and solve is made of.
//!
//! ```text
//! tile (M x N) = sum_k a_k b_k^T,   a_k in R^M, b_k in R^N,   M, N in {1, 4}
//! ```
//! M columns are read *across* (`a_k[i]` = entry k of column i), M rows *along* (`a_k[i]` = entry
//! i of column k); both are iterators over k, so that the inner loop holds no index and cannot
//! panic. 4 x 4 keeps 16 sums and 8 factors in the 32 registers of a Cortex-M4F.

use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;

/// `tile[j][i]`: N columns of M rows.
pub(crate) type Tile<T, const M: usize, const N: usize> = [[T; M]; N];

/// `sum_k a_k b_k^T`
#[inline(always)]
pub(crate) fn sum_of_outer_products<T: Real, const M: usize, const N: usize>(
    a: impl Iterator<Item = [T; M]>,
    b: impl Iterator<Item = [T; N]>,
) -> Tile<T, M, N> {
    let mut tile = [[T::ZERO; M]; N];
    for (a, b) in a.zip(b) {
        for (column, b) in tile.iter_mut().zip(b) {
            for (sum, a) in column.iter_mut().zip(a) {
                *sum += a * b;
            }
        }
    }
    tile
}

/// Entry k of each of M columns, as far as the first reaches.
#[inline(always)]
pub(crate) fn across<T: Real, const M: usize>(
    columns: [&[T]; M],
) -> impl Iterator<Item = [T; M]> + use<'_, T, M> {
    // The same length for all lets the compiler drop the checks of `get`.
    let len = columns.first().map_or(0, |c| c.len());
    let columns = columns.map(|c| c.get(..len).unwrap_or(&[]));
    (0..len).map(move |k| columns.map(|c| c.get(k).copied().unwrap_or(T::ZERO)))
}

/// Rows `at..at + M` of each column.
#[inline(always)]
pub(crate) fn along<'a, T: Real, const M: usize>(
    m: Mat<'a, T>,
    at: usize,
) -> impl Iterator<Item = [T; M]> + use<'a, T, M> {
    let rows = m.data().get(at..).unwrap_or(&[]);
    rows.chunks(m.stride().max(1)).map_while(|c| c.first_chunk::<M>().copied())
}

/// How the panels of a factor are read, one `[T; M]` for each k.
pub(crate) trait Panel {
    /// Whether the panels are columns of the matrix.
    #[cfg(feature = "std")]
    const ACROSS: bool;
    /// The panel at `at`.
    fn read<'a, T: Real, const M: usize>(
        m: Mat<'a, T>,
        at: usize,
    ) -> impl Iterator<Item = [T; M]> + use<'a, T, M, Self>;
    /// The number of k.
    #[cfg(feature = "std")]
    #[inline(always)]
    fn depth<T: Real>(m: Mat<'_, T>) -> usize {
        if Self::ACROSS { m.rows() } else { m.cols() }
    }
    /// The panels `at..at + width` alone.
    #[cfg(feature = "std")]
    #[inline(always)]
    fn range<T: Real>(m: Mat<'_, T>, at: usize, width: usize) -> Mat<'_, T> {
        if Self::ACROSS { m.block(0, at, m.rows(), width) } else { m.block(at, 0, width, m.cols()) }
    }
}

/// Panels are columns, read across.
pub(crate) struct Columns;

impl Panel for Columns {
    #[cfg(feature = "std")]
    const ACROSS: bool = true;
    #[inline(always)]
    fn read<'a, T: Real, const M: usize>(
        m: Mat<'a, T>,
        at: usize,
    ) -> impl Iterator<Item = [T; M]> + use<'a, T, M> {
        let mut columns = m.columns_from(at);
        across(core::array::from_fn(|_| columns.next().unwrap_or(&[])))
    }
}

/// Panels are rows, read along.
pub(crate) struct Rows;

impl Panel for Rows {
    #[cfg(feature = "std")]
    const ACROSS: bool = false;
    #[inline(always)]
    fn read<'a, T: Real, const M: usize>(
        m: Mat<'a, T>,
        at: usize,
    ) -> impl Iterator<Item = [T; M]> + use<'a, T, M> {
        along(m, at)
    }
}

/// Which part of a result is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Every tile.
    All,
    /// The tiles that touch the lower triangle.
    Lower,
}

/// What is done at the tile of the result at `(i, j)`, `M x N`.
pub(crate) trait Visit {
    /// Once for each tile.
    fn tile<const M: usize, const N: usize>(&mut self, i: usize, j: usize);
}

/// Visits an `m x n` result in 4 x 4 tiles and, at its edges, 1-wide ones, column by column.
#[inline(always)]
pub(crate) fn each_tile(m: usize, n: usize, part: Part, visit: &mut impl Visit) {
    let first = |j| if part == Part::Lower { j } else { 0 };
    let mut j = 0;
    while j + 4 <= n {
        let mut i = first(j);
        while i + 4 <= m {
            visit.tile::<4, 4>(i, j);
            i += 4;
        }
        while i < m {
            visit.tile::<1, 4>(i, j);
            i += 1;
        }
        j += 4;
    }
    while j < n {
        let mut i = first(j);
        while i + 4 <= m {
            visit.tile::<4, 1>(i, j);
            i += 4;
        }
        while i < m {
            visit.tile::<1, 1>(i, j);
            i += 1;
        }
        j += 1;
    }
}

/// `f(c, tile)` for the entries of `c` under the tile at `(i, j)`.
#[inline(always)]
pub(crate) fn update<T: Real, const M: usize, const N: usize>(
    c: &mut MatMut<'_, T>,
    i: usize,
    j: usize,
    tile: Tile<T, M, N>,
    f: impl Fn(&mut T, T),
) {
    let stride = c.stride();
    let data = c.data().get_mut(i + j * stride..).unwrap_or(&mut []);
    for (column, sums) in data.chunks_mut(stride.max(1)).zip(tile) {
        if let Some(column) = column.first_chunk_mut::<M>() {
            column.iter_mut().zip(sums).for_each(|(c, s)| f(c, s));
        }
    }
}
