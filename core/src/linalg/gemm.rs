//! General products, `C: m x n`:
//!
//! ```text
//! gemm     C = alpha A   B   + beta C      A: m x k, B: k x n
//! gemm_tn  C = alpha A^T B   + beta C      A: k x m, B: k x n
//! gemm_nt  C = alpha A   B^T + beta C      A: m x k, B: n x k
//! gemm_hadamard  C = C .* (alpha A B)      A: m x k, B: k x n
//! ```
//! `beta = 0` overwrites C, whatever it holds. In register tiles ([`super::tile`]) up to
//! [`LIBRARY_FROM`] multiply-accumulates; beyond, with the `std` feature, by the host's library.

use super::tile::{
    Columns, Lanes, Panel, Part, Rows, Visit, along, each_tile, map, put, sum_of_outer_products,
    update,
};
use crate::error::ShapeError;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use core::marker::PhantomData;

/// The number of multiply-accumulates from which the host's library multiplies. What a
/// microcontroller runs stays below, so that its results are the host's, bit for bit.
#[cfg(feature = "std")]
pub(crate) const LIBRARY_FROM: usize = 32 * 32 * 32;

/// Whether a product of these sizes is the library's. Never a thin one: up to five rows, columns
/// or terms nalgebra multiplies itself, column by column, and takes the rows of a transposed view
/// for contiguous memory.
#[cfg(feature = "std")]
pub(crate) const fn library_takes(m: usize, n: usize, k: usize) -> bool {
    m > 5 && n > 5 && k > 5 && m * n * k >= LIBRARY_FROM
}

/// `C = alpha A B + beta C`
///
/// # Errors
/// [`ShapeError`] if the sizes do not fit together.
pub fn gemm<T: Real>(
    alpha: T,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    beta: T,
    c: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    check((a.rows(), a.cols()), (b.rows(), b.cols()), &c)?;
    T::gemm_nn(alpha, a, b, beta, c);
    Ok(())
}

/// `C = alpha A^T B + beta C`
///
/// # Errors
/// [`ShapeError`] if the sizes do not fit together.
pub fn gemm_tn<T: Real>(
    alpha: T,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    beta: T,
    c: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    check((a.cols(), a.rows()), (b.rows(), b.cols()), &c)?;
    T::gemm_tn(alpha, a, b, beta, c, Part::All);
    Ok(())
}

/// `C = alpha A B^T + beta C`
///
/// # Errors
/// [`ShapeError`] if the sizes do not fit together.
pub fn gemm_nt<T: Real>(
    alpha: T,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    beta: T,
    c: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    check((a.rows(), a.cols()), (b.cols(), b.rows()), &c)?;
    T::gemm_nt(alpha, a, b, beta, c, Part::All);
    Ok(())
}

/// `C = C .* (alpha A B)`, entry by entry.
///
/// # Errors
/// [`ShapeError`] if the sizes do not fit together.
pub fn gemm_hadamard<T: Real>(
    alpha: T,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    c: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    check((a.rows(), a.cols()), (b.rows(), b.cols()), &c)?;
    T::gemm_hadamard(alpha, a, b, c);
    Ok(())
}

/// Sizes `(m, k)` of op(A) and `(k, n)` of op(B) against C.
#[inline(always)]
fn check<T: Real>(
    a: (usize, usize),
    b: (usize, usize),
    c: &MatMut<'_, T>,
) -> Result<(), ShapeError> {
    ShapeError::check("product inner size", a.1, b.0)?;
    ShapeError::check("product rows", a.0, c.rows())?;
    ShapeError::check("product columns", b.1, c.cols())
}

/// A product, tile by tile.
struct Product<'a, 'c, T, A, B> {
    alpha: T,
    a: Mat<'a, T>,
    b: Mat<'a, T>,
    beta: T,
    c: MatMut<'c, T>,
    panels: PhantomData<(A, B)>,
}

impl<T: Real, A: Panel, B: Panel> Visit for Product<'_, '_, T, A, B> {
    #[inline(always)]
    fn tile<M: Lanes, N: Lanes>(&mut self, i: usize, j: usize) {
        let (alpha, beta) = (self.alpha, self.beta);
        let (Some(a), Some(b)) = (A::read::<T, M>(self.a, i), B::read::<T, N>(self.b, j)) else {
            return;
        };
        let tile = sum_of_outer_products::<T, M, N>(a, b);
        if beta == T::ZERO {
            put::<T, M, N>(&mut self.c, (i, j), map::<T, M, N>(tile, |sum| alpha * sum));
        } else {
            update::<T, M, N>(&mut self.c, (i, j), tile, |c, sum| beta * c + alpha * sum);
        }
    }
}

/// A product with any way to read its factors.
#[inline(always)]
pub(crate) fn tiled<T: Real, A: Panel, B: Panel>(
    alpha: T,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    beta: T,
    c: MatMut<'_, T>,
    part: Part,
) {
    #[cfg(feature = "std")]
    if part == Part::All && library_takes(c.rows(), c.cols(), A::depth(a)) {
        let product = super::library::Product {
            a,
            transpose_a: A::ACROSS,
            b,
            transpose_b: !B::ACROSS,
            alpha,
            beta,
        };
        return T::library_gemm(product, c);
    }
    let (m, n) = (c.rows(), c.cols());
    let panels = PhantomData::<(A, B)>;
    each_tile(m, n, part, &mut Product { alpha, a, b, beta, c, panels });
}

/// The kernels of one precision, compiled once, in this crate: a firmware may build this crate
/// for speed and the algorithms, which are instantiated in its own crate, for size.
#[inline(always)]
pub(crate) fn nn<T: Real>(alpha: T, a: Mat<'_, T>, b: Mat<'_, T>, beta: T, c: MatMut<'_, T>) {
    tiled::<T, Rows, Columns>(alpha, a, b, beta, c, Part::All);
}
/// See [`nn`].
#[inline(always)]
pub(crate) fn tn<T: Real>(
    alpha: T,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    beta: T,
    c: MatMut<'_, T>,
    part: Part,
) {
    tiled::<T, Columns, Columns>(alpha, a, b, beta, c, part);
}
/// See [`nn`].
#[inline(always)]
pub(crate) fn nt<T: Real>(
    alpha: T,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    beta: T,
    c: MatMut<'_, T>,
    part: Part,
) {
    tiled::<T, Rows, Rows>(alpha, a, b, beta, c, part);
}
/// See [`nn`].
#[inline(always)]
pub(crate) fn hadamard<T: Real>(alpha: T, a: Mat<'_, T>, b: Mat<'_, T>, mut c: MatMut<'_, T>) {
    #[cfg(feature = "std")]
    if library_takes(a.rows(), b.cols(), a.cols()) {
        // By column blocks, so that the product stays in cache.
        const BLOCK: usize = 64;
        let (m, n) = (c.rows(), c.cols());
        let mut product = std::vec![T::ZERO; m * BLOCK.min(n)];
        for j in (0..n).step_by(BLOCK) {
            let width = BLOCK.min(n - j);
            let mut product = MatMut::of(product.get_mut(..m * width).unwrap_or(&mut []), m, width);
            nn(alpha, a, b.columns_range(j, width), T::ZERO, product.reborrow());
            for (c, p) in c.block(0, j, m, width).columns().zip(product.columns()) {
                c.iter_mut().zip(p).for_each(|(c, p)| *c *= *p);
            }
        }
        return;
    }
    let (m, n) = (c.rows(), c.cols());
    each_tile(m, n, Part::All, &mut Hadamard { alpha, a, b, c: c.reborrow() });
}

/// `C .* (alpha A B)`, tile by tile.
struct Hadamard<'a, 'c, T> {
    alpha: T,
    a: Mat<'a, T>,
    b: Mat<'a, T>,
    c: MatMut<'c, T>,
}

impl<T: Real> Visit for Hadamard<'_, '_, T> {
    #[inline(always)]
    fn tile<M: Lanes, N: Lanes>(&mut self, i: usize, j: usize) {
        let alpha = self.alpha;
        let (Some(a), Some(b)) = (along::<T, M>(self.a, i), Columns::read::<T, N>(self.b, j))
        else {
            return;
        };
        let tile = sum_of_outer_products::<T, M, N>(a, b);
        update::<T, M, N>(&mut self.c, (i, j), tile, |c, sum| c * (alpha * sum));
    }
}
