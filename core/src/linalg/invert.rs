//! The second half of the inverse of a symmetric positive definite matrix, in place.
//!
//! ```text
//! M = L^-1             column blocks from the left, M[i, J] = -L[i, i]^-1 L[i, J..i] M[J..i, J]
//! A^-1 = M^T R M       R = D^-1, lower triangle only, over M
//! ```

use super::tile::{Part, Tile, Visit, across, along, each_tile, sum_of_outer_products, update};
use super::triangular::{blocks, columns_from_row, corner, forward, put};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;

/// Replaces unit lower triangular L by the lower triangle of `L^-T R L^-1`.
#[inline(always)]
pub(crate) fn invert<T: Real>(mut l: MatMut<'_, T>, reciprocal: &[T]) {
    let n = l.rows();
    for (j, four) in blocks(n) {
        if four {
            invert_columns::<T, 4>(&mut l, j);
        } else {
            invert_columns::<T, 1>(&mut l, j);
        }
    }
    each_tile(n, n, Part::Lower, &mut Product { m: l, reciprocal });
}

/// Columns `j..j + W` of M, diagonal and zeros above it included.
#[inline(always)]
fn invert_columns<T: Real, const W: usize>(l: &mut MatMut<'_, T>, j: usize) {
    let n = l.rows();
    let (mut left, right) = l.reborrow().split_at_col(j + W);
    let right = right.into_ref();
    let mut columns = left.columns_array::<W>(j);
    // The corner: M_JJ = L_JJ^-1.
    let mut m = [[T::ZERO; W]; W];
    let below_corner = read_corner(&columns, j);
    for (c, column) in m.iter_mut().enumerate() {
        if let Some(one) = column.get_mut(c) {
            *one = T::ONE;
        }
        forward(&below_corner, column);
    }
    put(&mut columns, j, m);
    let mut i = j + W;
    while W == 4 && i + 4 <= n {
        invert_rows::<T, 4, W>(right, &mut columns, &m, i, j);
        i += 4;
    }
    while i < n {
        invert_rows::<T, 1, W>(right, &mut columns, &m, i, j);
        i += 1;
    }
}

/// The unit lower corner of columns taken apart.
#[inline(always)]
fn read_corner<T: Real, const W: usize>(columns: &[&mut [T]; W], j: usize) -> Tile<T, W, W> {
    let mut corner = [[T::ZERO; W]; W];
    for (to, column) in corner.iter_mut().zip(columns) {
        if let Some(from) = column.get(j..).and_then(|c| c.first_chunk::<W>()) {
            *to = *from;
        }
    }
    corner
}

/// `M[i, J] = -L_ii^-1 (L[i, J] M_JJ + L[i, J+W..i] M[J+W..i, J])`
#[inline(always)]
fn invert_rows<T: Real, const M: usize, const W: usize>(
    right: Mat<'_, T>,
    columns: &mut [&mut [T]; W],
    m: &Tile<T, W, W>,
    i: usize,
    j: usize,
) {
    let between = columns.each_ref().map(|c| c.get(j + W..i).unwrap_or(&[]));
    let mut tile: Tile<T, M, W> = sum_of_outer_products(along(right, i), across(between));
    for (k, l) in columns.iter().enumerate() {
        let Some(l) = l.get(i..).and_then(|c| c.first_chunk::<M>()) else { return };
        for (t, m) in tile.iter_mut().zip(m) {
            let m = m[k];
            t.iter_mut().zip(l).for_each(|(t, l)| *t += *l * m);
        }
    }
    let corner = corner::<T, M>(right, i, i - j - W);
    for column in &mut tile {
        column.iter_mut().for_each(|t| *t = -*t);
        forward(&corner, column);
    }
    put(columns, i, tile);
}

/// `M^T R M`, tile by tile over M: a tile needs nothing of M above its rows.
struct Product<'a, 'm, T> {
    m: MatMut<'m, T>,
    reciprocal: &'a [T],
}

impl<T: Real> Visit for Product<'_, '_, T> {
    #[inline(always)]
    fn tile<const M: usize, const N: usize>(&mut self, i: usize, j: usize) {
        let m = self.m.as_ref();
        let from = self.reciprocal.get(i..).unwrap_or(&[]);
        let scaled = across(columns_from_row::<T, M>(m, i, i))
            .zip(from)
            .map(|(m, reciprocal)| m.map(|m| m * *reciprocal));
        let right = across(columns_from_row::<T, N>(m, j, i));
        let tile = sum_of_outer_products::<T, M, N>(scaled, right);
        update(&mut self.m, i, j, tile, |c, sum| *c = sum);
    }
}
