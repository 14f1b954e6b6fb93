//! A product of two Gram matrices, entry by entry, added to K:
//!
//! ```text
//! K += (S1^T S2) .* (scale X1^T X2 + shift)      S1: p x n, S2: p x m, X1: q x n, X2: q x m, K: n x m
//! ```
//! One layer of the tangent kernel. Both Grams are summed in registers, tile by tile: no scratch.
//! Large ones go through two tiles of scratch and the library's GEMM.

use super::tile::{
    Columns, Lanes, Panel, Part, Tile, Visit, each_tile, map, sum_of_outer_products, update,
};
use crate::error::{ScratchError, ShapeError};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// K of at least this many entries is computed through scratch.
const TILED_BELOW: usize = 48 * 48;

/// Scratch of [`hadamard_of_grams`] for an `n x m` result: none for a microcontroller's sizes.
pub const fn hadamard_of_grams_scratch(n: usize, m: usize) -> usize {
    if n * m < TILED_BELOW { 0 } else { 2 * n * m }
}

/// `K += (S1^T S2) .* (scale X1^T X2 + shift)`. With `symmetric` only the lower triangle is
/// wanted; entries above the diagonal may hold anything afterwards.
///
/// # Errors
/// [`ShapeError`] if the sizes do not fit together; [`ScratchError`] is turned into one by the
/// caller's family.
pub fn hadamard_of_grams<T: Real, E: From<ShapeError> + From<ScratchError>>(
    (s1, s2): (Mat<'_, T>, Mat<'_, T>),
    (x1, x2): (Mat<'_, T>, Mat<'_, T>),
    scale: T,
    shift: T,
    symmetric: bool,
    mut k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), E> {
    let (n, m) = (k.rows(), k.cols());
    s1.check(("S1 rows", "S1 columns"), s2.rows(), n)?;
    ShapeError::check("S2 columns", m, s2.cols())?;
    x1.check(("X1 rows", "X1 columns"), x2.rows(), n)?;
    ShapeError::check("X2 columns", m, x2.cols())?;
    if n * m < TILED_BELOW {
        T::hadamard((s1, s2), (x1, x2), scale, shift, symmetric, k);
        return Ok(());
    }
    let mut scratch = Scratch::new(scratch, hadamard_of_grams_scratch(n, m))?;
    let (mut s, mut x) = (scratch.matrix(n, m)?, scratch.matrix(n, m)?);
    super::gemm_tn(T::ONE, s1, s2, T::ZERO, s.reborrow())?;
    super::gemm_tn(scale, x1, x2, T::ZERO, x.reborrow())?;
    for ((k, s), x) in k.columns().zip(s.columns()).zip(x.columns()) {
        for ((k, s), x) in k.iter_mut().zip(s).zip(x) {
            *k += *s * (*x + shift);
        }
    }
    Ok(())
}

/// See [`super::gemm::nn`].
#[inline(always)]
pub(crate) fn tiled<T: Real>(
    s: (Mat<'_, T>, Mat<'_, T>),
    x: (Mat<'_, T>, Mat<'_, T>),
    scale: T,
    shift: T,
    symmetric: bool,
    k: MatMut<'_, T>,
) {
    let part = if symmetric { Part::Lower } else { Part::All };
    let (n, m) = (k.rows(), k.cols());
    each_tile(n, m, part, &mut Product { s, x, scale, shift, k });
}

struct Product<'a, 'k, T> {
    s: (Mat<'a, T>, Mat<'a, T>),
    x: (Mat<'a, T>, Mat<'a, T>),
    scale: T,
    shift: T,
    k: MatMut<'k, T>,
}

impl<T: Real> Visit for Product<'_, '_, T> {
    #[inline(always)]
    fn tile<M: Lanes, N: Lanes>(&mut self, i: usize, j: usize) {
        let Some(x) = gram::<T, M, N>(self.x, i, j) else { return };
        let Some(s) = gram::<T, M, N>(self.s, i, j) else { return };
        let (scale, shift) = (self.scale, self.shift);
        let x = map::<T, M, N>(x, |x| scale * x + shift);
        let tile = N::zip(s, x, |s, x| M::zip(s, x, |s, x| s * x));
        update::<T, M, N>(&mut self.k, (i, j), tile, |k, t| k + t);
    }
}

/// A tile of `left^T right`.
#[inline(always)]
fn gram<T: Real, M: Lanes, N: Lanes>(
    (left, right): (Mat<'_, T>, Mat<'_, T>),
    i: usize,
    j: usize,
) -> Option<Tile<T, M, N>> {
    let (a, b) = (Columns::read::<T, M>(left, i)?, Columns::read::<T, N>(right, j)?);
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
        for (n, m, p, q) in
            [(1, 1, 1, 1), (5, 3, 2, 4), (8, 8, 8, 4), (50, 53, 7, 1), (61, 40, 3, 9)]
        {
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
            hadamard_of_grams::<_, LinalgError>(
                (Mat::of(&s1, p, n), Mat::of(&s2, p, m)),
                (Mat::of(&x1, q, n), Mat::of(&x2, q, m)),
                0.7,
                0.3,
                false,
                MatMut::of(&mut k, n, m),
                &mut scratch,
            )
            .unwrap();
            assert!(relative_difference(&k, &expected) < 1e-13, "{n} x {m}");
        }
    }
}
