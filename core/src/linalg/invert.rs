//! The second half of the inverse of a symmetric positive definite matrix, in place.
//!
//! ```text
//! M = L^-1             column blocks from the left, M[i, J] = -L[i, i]^-1 L[i, J..i] M[J..i, J]
//! A^-1 = M^T R M       R = D^-1, lower triangle only, over M
//! ```

use super::tile::{
    Four, Lanes, One, Part, Tile, Visit, across, along, each_tile, put, sum_of_outer_products,
    tile_at,
};
use super::triangular::{blocks, subtract, subtract_column};
use crate::matrix::MatMut;
use crate::scalar::Real;
use crate::scratch::Carve;

/// Replaces unit lower triangular L by the lower triangle of `L^-T R L^-1`.
#[inline(always)]
pub(crate) fn invert<T: Real>(mut l: MatMut<'_, T>, reciprocal: &[T]) {
    let n = l.rows();
    for (j, four) in blocks(n) {
        if four {
            invert_columns::<T, Four>(&mut l, j);
        } else {
            invert_columns::<T, One>(&mut l, j);
        }
    }
    each_tile(n, n, Part::Lower, &mut Product { m: l, reciprocal });
}

/// One panel of columns of M from `j`, its diagonal and the zeros above it included.
#[inline(always)]
fn invert_columns<T: Real, W: Lanes>(l: &mut MatMut<'_, T>, j: usize) {
    let n = l.rows();
    let Some(corner) = tile_at::<T, W, W>(l.as_ref(), (j, j)) else { return };
    let unit = W::new(|c| W::new(|r| if r == c { T::ONE } else { T::ZERO }));
    let m = W::map(unit, |column| W::forward(&corner, column, subtract));
    put::<T, W, W>(l, (j, j), m);
    let mut i = j + W::COUNT;
    while W::COUNT == 4 && i + 4 <= n {
        invert_rows::<T, Four, W>(l, &m, i, j);
        i += 4;
    }
    while i < n {
        invert_rows::<T, One, W>(l, &m, i, j);
        i += 1;
    }
}

/// `M[i, J] = -L_ii^-1 (L[i, J] M_JJ + L[i, J+W..i] M[J+W..i, J])`
#[inline(always)]
fn invert_rows<T: Real, M: Lanes, W: Lanes>(
    l: &mut MatMut<'_, T>,
    m: &Tile<T, W, W>,
    i: usize,
    j: usize,
) {
    let a = l.as_ref();
    let between = j + W::COUNT;
    let len = i - between;
    let Some(left) = along::<T, M>(a.block(0, between, a.rows(), len), i) else { return };
    let Some(solved) = across::<T, W>(a, (between, j), len) else { return };
    let mut tile = sum_of_outer_products::<T, M, W>(left, solved);
    // L[i, J] M_JJ, M_JJ unit lower triangular.
    let Some(here) = tile_at::<T, M, W>(a, (i, j)) else { return };
    tile = W::zip(tile, *m, |sum, m| {
        let mut sum = sum;
        W::each(W::zip(here, m, |l, m| (l, m)), |_, (l, m)| {
            sum = subtract_column::<T, M>(sum, -m, l);
        });
        sum
    });
    let Some(corner) = tile_at::<T, M, M>(a, (i, i)) else { return };
    let tile = W::map(tile, |column| M::forward(&corner, M::map(column, |t| -t), subtract));
    put::<T, M, W>(l, (i, j), tile);
}

/// `M^T R M`, tile by tile over M: a tile needs nothing of M above its rows.
struct Product<'a, 'm, T> {
    m: MatMut<'m, T>,
    reciprocal: &'a [T],
}

impl<T: Real> Visit for Product<'_, '_, T> {
    #[inline(always)]
    fn tile<M: Lanes, N: Lanes>(&mut self, i: usize, j: usize) {
        let m = self.m.as_ref();
        let len = m.rows() - i;
        let from = self.reciprocal.part(i..);
        let Some(left) = across::<T, M>(m, (i, i), len) else { return };
        let Some(right) = across::<T, N>(m, (i, j), len) else { return };
        let scaled = left.zip(from).map(|(m, reciprocal)| M::map(m, |m| m * *reciprocal));
        let tile = sum_of_outer_products::<T, M, N>(scaled, right);
        put::<T, M, N>(&mut self.m, (i, j), tile);
    }
}
