//! A product of two Gram matrices, entry by entry, added to K:
//!
//! ```text
//! K += (S1^T S2) .* (scale X1^T X2 + shift)      S1: p x n, S2: p x m, X1: q x n, X2: q x m, K: n x m
//! ```
//! One layer of the tangent kernel. Both Grams are summed in registers, tile by tile: no scratch.
//! Large ones go through scratch and the library's GEMM, a block of columns at a time.

use super::tile::{
    Columns, Lanes, Panel, Part, Tile, Visit, each_tile, map, sum_of_outer_products, update,
};
use crate::error::{ScratchError, ShapeError};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// K of at least this many entries is computed through scratch.
const TILED_BELOW: usize = 48 * 48;

/// Columns of K that go through scratch at a time, so that it stays in cache.
const COLUMNS: usize = 128;

/// Scratch of [`hadamard_of_grams`] for an `n x m` result: none for a microcontroller's sizes.
pub const fn hadamard_of_grams_scratch(n: usize, m: usize) -> usize {
    let columns = if m < COLUMNS { m } else { COLUMNS };
    if n * m < TILED_BELOW { 0 } else { 2 * n * columns }
}

/// The two Gram matrices.
#[derive(Clone, Copy, Debug)]
pub struct Grams<'a, T> {
    /// S1, p x n, and S2, p x m.
    pub s: (Mat<'a, T>, Mat<'a, T>),
    /// X1, q x n, and X2, q x m.
    pub x: (Mat<'a, T>, Mat<'a, T>),
    /// On `X1^T X2`.
    pub scale: T,
    /// Added to it.
    pub shift: T,
    /// Whether only the lower triangle is wanted; entries above the diagonal may then hold
    /// anything afterwards.
    pub symmetric: bool,
}

/// `K += (S1^T S2) .* (scale X1^T X2 + shift)`. `scratch`: [`hadamard_of_grams_scratch`].
///
/// # Errors
/// [`ShapeError`] if the sizes do not fit together, [`ScratchError`] if the scratch is too short,
/// as the caller's family of errors.
pub fn hadamard_of_grams<T: Real, E: From<ShapeError> + From<ScratchError>>(
    grams: &Grams<'_, T>,
    k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), E> {
    let (n, m) = (k.rows(), k.cols());
    for ((left, right), rows, cols) in
        [(&grams.s, "S rows", "S columns"), (&grams.x, "X rows", "X columns")]
    {
        ShapeError::check(rows, left.rows(), right.rows())?;
        ShapeError::check(cols, n, left.cols())?;
        ShapeError::check(cols, m, right.cols())?;
    }
    if n * m < TILED_BELOW {
        T::hadamard(grams, k);
        return Ok(());
    }
    through_scratch(grams, k, scratch)
}

/// Both Grams formed, by the library where there is one, and multiplied while they are in cache.
#[inline(never)]
fn through_scratch<'a, T: Real, E: From<ShapeError> + From<ScratchError>>(
    grams: &Grams<'a, T>,
    mut k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), E> {
    let (n, m) = (k.rows(), k.cols());
    let mut scratch = Scratch::new(scratch, hadamard_of_grams_scratch(n, m))?;
    let (s, x) = (scratch.take(n * m.min(COLUMNS))?, scratch.take(n * m.min(COLUMNS))?);
    let mut j = 0;
    while j < m {
        let width = COLUMNS.min(m - j);
        // Of a symmetric result only what begins with the blocks on the diagonal.
        let i = if grams.symmetric { j.min(n) } else { 0 };
        let height = n - i;
        let part = |(left, right): (Mat<'a, T>, Mat<'a, T>)| {
            (left.columns_range(i, height), right.columns_range(j, width))
        };
        let (s_part, x_part) = (part(grams.s), part(grams.x));
        let (mut s, mut x) = (MatMut::of(s, height, width), MatMut::of(x, height, width));
        super::gemm_tn(T::ONE, s_part.0, s_part.1, T::ZERO, s.reborrow())?;
        super::gemm_tn(grams.scale, x_part.0, x_part.1, T::ZERO, x.reborrow())?;
        for ((k, s), x) in k.block(i, j, height, width).columns().zip(s.columns()).zip(x.columns())
        {
            for ((k, s), x) in k.iter_mut().zip(s).zip(x) {
                *k += *s * (*x + grams.shift);
            }
        }
        j += width;
    }
    Ok(())
}

/// See [`super::gemm::nn`].
#[inline(always)]
pub(crate) fn tiled<T: Real>(grams: &Grams<'_, T>, k: MatMut<'_, T>) {
    let part = if grams.symmetric { Part::Lower } else { Part::All };
    let (n, m) = (k.rows(), k.cols());
    each_tile(n, m, part, &mut Product { grams, k });
}

struct Product<'a, 'g, 'k, T> {
    grams: &'a Grams<'g, T>,
    k: MatMut<'k, T>,
}

impl<T: Real> Visit for Product<'_, '_, '_, T> {
    // A frame of its own for each size of tile: they do not add up.
    #[inline(never)]
    fn tile<M: Lanes, N: Lanes>(&mut self, i: usize, j: usize) {
        let Grams { s, x, scale, shift, .. } = self.grams;
        let Some(x) = gram::<T, M, N>(x, i, j) else { return };
        let Some(s) = gram::<T, M, N>(s, i, j) else { return };
        let x = map::<T, M, N>(x, |x| *scale * x + *shift);
        let tile = N::zip(s, x, |s, x| M::zip(s, x, |s, x| s * x));
        update::<T, M, N>(&mut self.k, (i, j), tile, |k, t| k + t);
    }
}

/// A tile of `left^T right`.
#[inline(always)]
fn gram<T: Real, M: Lanes, N: Lanes>(
    (left, right): &(Mat<'_, T>, Mat<'_, T>),
    i: usize,
    j: usize,
) -> Option<Tile<T, M, N>> {
    let (a, b) = (Columns::read::<T, M>(*left, i)?, Columns::read::<T, N>(*right, j)?);
    Some(sum_of_outer_products::<T, M, N>(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::LinalgError;
    use crate::linalg::tests::{filled, relative_difference};
    use std::vec;

    #[test]
    fn the_product_of_grams_agrees_with_its_definition_by_tiles_and_through_scratch() {
        for (n, m, p, q) in [
            (1, 1, 1, 1),
            (5, 3, 2, 4),
            (8, 8, 8, 4),
            (50, 53, 7, 1),
            (61, 40, 3, 9),
            (70, 150, 9, 7),
        ] {
            let (s1, s2, x1, x2) = (filled(p, n), filled(p, m), filled(q, n), filled(q, m));
            let mut k = filled(n, m);
            let mut expected = k.clone();
            for i in 0..n {
                for j in 0..m {
                    let s: f64 = (0..p).map(|r| s1[r + i * p] * s2[r + j * p]).sum();
                    let x: f64 = (0..q).map(|r| x1[r + i * q] * x2[r + j * q]).sum();
                    expected[i + j * n] += s * (0.7 * x + 0.3);
                }
            }
            let mut scratch = vec![0.0; hadamard_of_grams_scratch(n, m)];
            let grams = Grams {
                s: (Mat::of(&s1, p, n), Mat::of(&s2, p, m)),
                x: (Mat::of(&x1, q, n), Mat::of(&x2, q, m)),
                scale: 0.7,
                shift: 0.3,
                symmetric: false,
            };
            hadamard_of_grams::<_, LinalgError>(&grams, MatMut::of(&mut k, n, m), &mut scratch)
                .unwrap();
            assert!(relative_difference(&k, &expected) < 1e-13, "{n} x {m}");
        }
    }

    #[test]
    fn the_lower_triangle_of_a_symmetric_product_is_that_of_the_whole() {
        for n in [7, 50, 128, 150] {
            let (s, x) = (filled(8, n), filled(6, n));
            let (s, x) = (Mat::of(&s, 8, n), Mat::of(&x, 6, n));
            let product = |symmetric| {
                let mut k = filled(n, n);
                let mut scratch = vec![0.0; hadamard_of_grams_scratch(n, n)];
                let grams = Grams { s: (s, s), x: (x, x), scale: 0.7, shift: 0.3, symmetric };
                let view = MatMut::of(&mut k, n, n);
                hadamard_of_grams::<_, LinalgError>(&grams, view, &mut scratch).unwrap();
                let lower = (0..n * n).filter(|at| at % n >= at / n);
                lower.map(|at| k[at]).collect::<vec::Vec<f64>>()
            };
            assert!(relative_difference(&product(true), &product(false)) < 1e-14, "{n}");
        }
    }
}
