//! The register tile that every product, factorisation and solve is made of.
//!
//! ```text
//! tile (M x N) = sum_k a_k b_k^T,   a_k in R^M, b_k in R^N,   M, N in {1, 4}
//! ```
//! M columns are read *across* (`a_k[i]` = entry k of column i), M rows *along* (`a_k[i]` = entry
//! i of column k); both are iterators over k, so that the inner loop holds no index and cannot
//! panic. 4 x 4 keeps 16 sums and 8 factors in the 32 registers of a Cortex-M4F.

pub(crate) use super::lanes::{Four, Lanes, One};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Carve;

/// N columns of M rows.
pub(crate) type Tile<T, M, N> = <N as Lanes>::Of<<M as Lanes>::Of<T>>;

/// `sum_k a_k b_k^T`
#[inline(always)]
pub(crate) fn sum_of_outer_products<T: Real, M: Lanes, N: Lanes>(
    a: impl Iterator<Item = M::Of<T>>,
    b: impl Iterator<Item = N::Of<T>>,
) -> Tile<T, M, N> {
    let mut tile = N::new(|_| M::new(|_| T::ZERO));
    for (a, b) in a.zip(b) {
        tile = N::zip(tile, b, |column, b| M::zip(column, a, |sum, a| sum + a * b));
    }
    tile
}

/// `A - B`
#[inline(always)]
pub(crate) fn difference<T: Real, M: Lanes, N: Lanes>(
    a: Tile<T, M, N>,
    b: Tile<T, M, N>,
) -> Tile<T, M, N> {
    N::zip(a, b, |a, b| M::zip(a, b, |a, b| a - b))
}

/// `f` of each entry.
#[inline(always)]
pub(crate) fn map<T: Real, M: Lanes, N: Lanes>(
    tile: Tile<T, M, N>,
    mut f: impl FnMut(T) -> T,
) -> Tile<T, M, N> {
    N::map(tile, |column| M::map(column, &mut f))
}

/// Rows `at..` of each column; nothing only if they do not all exist.
#[inline(always)]
pub(crate) fn along<'a, T: Real, M: Lanes>(
    m: Mat<'a, T>,
    at: usize,
) -> Option<impl Iterator<Item = M::Of<T>> + use<'a, T, M>> {
    let (columns, from) = m.whole_columns(at);
    let to = from.checked_add(M::COUNT)?;
    // Known here, so that the loop need not ask.
    if to > m.stride().max(1) {
        return None;
    }
    let zero = M::new(|_| T::ZERO);
    // A map, not a filter: two of them side by side are walked with one counter.
    Some(columns.map(move |c| c.get(from..to).and_then(M::first).unwrap_or(zero)))
}

/// `len` rows from `row` of columns `col..`; nothing only if they do not all exist.
#[inline(always)]
pub(crate) fn across<'a, T: Real, M: Lanes>(
    m: Mat<'a, T>,
    (row, col): (usize, usize),
    len: usize,
) -> Option<impl Iterator<Item = M::Of<T>> + use<'a, T, M>> {
    Some(M::across(M::columns(m.values_from(row, col)?, m.stride(), len)?))
}

/// The tile at `(row, col)`.
#[inline(always)]
pub(crate) fn tile_at<T: Real, M: Lanes, N: Lanes>(
    m: Mat<'_, T>,
    (row, col): (usize, usize),
) -> Option<Tile<T, M, N>> {
    let zero = || M::new(|_| T::ZERO);
    let columns = N::columns(m.values_from(row, col)?, m.stride(), M::COUNT)?;
    Some(N::map(columns, |c: &[T]| M::first(c).unwrap_or(zero())))
}

/// How the panels of a factor are read, one `M::Of<T>` for each k.
pub(crate) trait Panel {
    /// The panel at `at`.
    fn read<'a, T: Real, M: Lanes>(
        m: Mat<'a, T>,
        at: usize,
    ) -> Option<impl Iterator<Item = M::Of<T>> + use<'a, T, M, Self>>;
}

/// Panels are columns, read across.
pub(crate) struct Columns;

impl Panel for Columns {
    #[inline(always)]
    fn read<'a, T: Real, M: Lanes>(
        m: Mat<'a, T>,
        at: usize,
    ) -> Option<impl Iterator<Item = M::Of<T>> + use<'a, T, M>> {
        across::<T, M>(m, (0, at), m.rows())
    }
}

/// Panels are rows, read along.
pub(crate) struct Rows;

impl Panel for Rows {
    #[inline(always)]
    fn read<'a, T: Real, M: Lanes>(
        m: Mat<'a, T>,
        at: usize,
    ) -> Option<impl Iterator<Item = M::Of<T>> + use<'a, T, M>> {
        along::<T, M>(m, at)
    }
}

/// Which part of a result is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every tile.
    All,
    /// The tiles that touch the lower triangle.
    Lower,
}

/// What is done at the tile of the result at `(i, j)`, `M x N`.
pub(crate) trait Visit {
    /// Once for each tile.
    fn tile<M: Lanes, N: Lanes>(&mut self, i: usize, j: usize);
}

/// Visits an `m x n` result in 4 x 4 tiles and, at its edges, 1-wide ones, column by column.
#[inline(always)]
pub(crate) fn each_tile(m: usize, n: usize, part: Part, visit: &mut impl Visit) {
    let first = |j| if part == Part::Lower { j } else { 0 };
    let mut j = 0;
    while j + 4 <= n {
        let mut i = first(j);
        while i + 4 <= m {
            visit.tile::<Four, Four>(i, j);
            i += 4;
        }
        while i < m {
            visit.tile::<One, Four>(i, j);
            i += 1;
        }
        j += 4;
    }
    while j < n {
        let mut i = first(j);
        while i + 4 <= m {
            visit.tile::<Four, One>(i, j);
            i += 4;
        }
        while i < m {
            visit.tile::<One, One>(i, j);
            i += 1;
        }
        j += 1;
    }
}

/// `c = f(c, tile)` for the entries of `c` under the tile at `(i, j)`.
#[inline(always)]
pub(crate) fn update<T: Real, M: Lanes, N: Lanes>(
    c: &mut MatMut<'_, T>,
    (i, j): (usize, usize),
    tile: Tile<T, M, N>,
    f: impl Fn(T, T) -> T,
) {
    let Some(old) = tile_at::<T, M, N>(c.as_ref(), (i, j)) else { return };
    put::<T, M, N>(c, (i, j), N::zip(old, tile, |c, t| M::zip(c, t, &f)));
}

/// Writes the tile at `(i, j)`.
#[inline(always)]
pub(crate) fn put<T: Real, M: Lanes, N: Lanes>(
    c: &mut MatMut<'_, T>,
    (i, j): (usize, usize),
    tile: Tile<T, M, N>,
) {
    let stride = c.stride();
    if let Some(to) = c.values_from_mut(i, j) {
        N::put_columns::<T, M>(to, stride, tile);
    }
}

/// W columns of a matrix taken apart, so that tiles are read and written without finding their
/// columns again.
pub(crate) struct Apart<'a, T: 'a, W: Lanes>(W::Slices<'a, T>);

impl<'a, T: Real, W: Lanes> Apart<'a, T, W> {
    /// Columns `col..`; nothing only if they do not all exist.
    #[inline(always)]
    pub(crate) fn new(m: &'a mut MatMut<'_, T>, col: usize) -> Option<Self> {
        let stride = m.stride();
        Some(Self(W::columns_mut(m.values_from_mut(0, col)?, stride)?))
    }

    /// `len` rows from `row`, column by column.
    #[inline(always)]
    pub(crate) fn rows(&self, row: usize, len: usize) -> impl Iterator<Item = W::Of<T>> {
        W::across(W::map(W::shared(&self.0), |c: &[T]| c.part(row..row + len)))
    }

    /// The tile at row `i`.
    #[inline(always)]
    pub(crate) fn tile<M: Lanes>(&self, i: usize) -> Tile<T, M, W> {
        W::map(W::shared(&self.0), |b: &[T]| {
            b.get(i..).and_then(M::first).unwrap_or(M::new(|_| T::ZERO))
        })
    }

    /// Writes the tile at row `i`.
    #[inline(always)]
    pub(crate) fn put<M: Lanes>(&mut self, i: usize, tile: Tile<T, M, W>) {
        W::each_slice(&mut self.0, |c, column| {
            if let Some(column) = column.get_mut(i..) {
                M::put(column, W::at(&tile, c));
            }
        });
    }
}
