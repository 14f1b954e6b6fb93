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

#[cfg(feature = "std")]
use super::tile::One;
use super::tile::{Columns, Four, Lanes, Panel, Part, Rows, map, sum_of_outer_products};
use crate::error::ShapeError;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Carve;

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
    multiply(Of::Nn, (alpha, beta), a, b, c, Part::All);
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
    multiply(Of::Tn, (alpha, beta), a, b, c, Part::All);
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
    multiply(Of::Nt, (alpha, beta), a, b, c, Part::All);
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
    #[cfg(feature = "std")]
    if library_takes(c.rows(), c.cols(), a.cols()) {
        by_library(alpha, a, b, c);
        return Ok(());
    }
    T::hadamard_product(alpha, a, b, c);
    Ok(())
}

/// `C = alpha op(A) op(B) + beta C`, shapes checked.
#[inline(always)]
pub(crate) fn multiply<T: Real>(
    of: Of,
    (alpha, beta): (T, T),
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    c: MatMut<'_, T>,
    part: Part,
) {
    #[cfg(feature = "std")]
    if part == Part::All && library_takes(c.rows(), c.cols(), of.depth(a)) {
        let (transpose_a, transpose_b) = (of == Of::Tn, of == Of::Nt);
        let product = super::library::Product { a, transpose_a, b, transpose_b, alpha, beta };
        return T::library_gemm(product, c);
    }
    if beta == T::ZERO {
        T::product(of, alpha, a, b, c, part);
    } else {
        T::add_product(of, (alpha, beta), a, b, c, part);
    }
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

/// `C .* (alpha A B)` by column blocks, so that the product stays in cache.
#[cfg(feature = "std")]
fn by_library<T: Real>(alpha: T, a: Mat<'_, T>, b: Mat<'_, T>, mut c: MatMut<'_, T>) {
    const BLOCK: usize = 64;
    let (m, n) = (c.rows(), c.cols());
    let mut product = std::vec![T::ZERO; m * BLOCK.min(n)];
    for j in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - j);
        let mut product = MatMut::of(&mut product, m, width);
        let b = b.columns_range(j, width);
        multiply(Of::Nn, (alpha, T::ZERO), a, b, product.reborrow(), Part::All);
        for (c, p) in c.block(0, j, m, width).columns().zip(product.columns()) {
            c.iter_mut().zip(p).for_each(|(c, p)| *c *= *p);
        }
    }
}

/// Which factor is transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// `A B`
    Nn,
    /// `A^T B`
    Tn,
    /// `A B^T`
    Nt,
}

impl Of {
    /// The number of terms of a sum.
    #[cfg(feature = "std")]
    fn depth<T: Real>(self, a: Mat<'_, T>) -> usize {
        if self == Self::Tn { a.rows() } else { a.cols() }
    }
}

/// What becomes of an entry c of the result, given alpha times its sum.
pub(crate) trait Finish<T>: Copy {
    /// Whether c does not matter.
    const OVERWRITES: bool = false;
    /// The new c.
    fn entry(self, c: T, sum: T) -> T;
}

#[derive(Clone, Copy)]
struct Overwrite;
#[derive(Clone, Copy)]
struct Add<T>(T);
#[derive(Clone, Copy)]
struct Hadamard;

impl<T: Real> Finish<T> for Overwrite {
    const OVERWRITES: bool = true;
    #[inline(always)]
    fn entry(self, _: T, sum: T) -> T {
        sum
    }
}

impl<T: Real> Finish<T> for Add<T> {
    #[inline(always)]
    fn entry(self, c: T, sum: T) -> T {
        self.0 * c + sum
    }
}

impl<T: Real> Finish<T> for Hadamard {
    #[inline(always)]
    fn entry(self, c: T, sum: T) -> T {
        c * sum
    }
}

/// `C = alpha op(A) op(B)`
#[inline(always)]
pub(crate) fn product<T: Real>(
    of: Of,
    alpha: T,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    c: MatMut<'_, T>,
    part: Part,
) {
    tiled(of, Overwrite, alpha, a, b, c, part);
}

/// `C = beta C + alpha op(A) op(B)`
#[inline(always)]
pub(crate) fn add_product<T: Real>(
    of: Of,
    (alpha, beta): (T, T),
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    c: MatMut<'_, T>,
    part: Part,
) {
    tiled(of, Add(beta), alpha, a, b, c, part);
}

/// `C = C .* (alpha A B)`
#[inline(always)]
pub(crate) fn hadamard_product<T: Real>(alpha: T, a: Mat<'_, T>, b: Mat<'_, T>, c: MatMut<'_, T>) {
    tiled(Of::Nn, Hadamard, alpha, a, b, c, Part::All);
}

/// The factors of a product.
struct Factors<'a, T> {
    alpha: T,
    a: Mat<'a, T>,
    b: Mat<'a, T>,
}

/// A product, tile by tile. The last tile of a row or column of tiles reaches back over what is
/// done, so that there is one size of tile; a result of fewer than four rows or columns is made
/// entry by entry, on a host in tiles of one row or column.
#[inline(always)]
fn tiled<T: Real, F: Finish<T>>(
    of: Of,
    how: F,
    alpha: T,
    a: Mat<'_, T>,
    b: Mat<'_, T>,
    mut c: MatMut<'_, T>,
    part: Part,
) {
    let (m, n) = (c.rows(), c.cols());
    let factors = &Factors { alpha, a, b };
    #[cfg(feature = "std")]
    if m < 4 && n >= 4 {
        return tiles::<T, F, One, Four>(of, how, factors, c, part);
    } else if n < 4 && m >= 4 {
        return tiles::<T, F, Four, One>(of, how, factors, c, part);
    }
    if m < 4 || n < 4 {
        for j in 0..n {
            let from = if part == Part::Lower { j } else { 0 };
            for i in from..m {
                let sum = entry(of, factors, i, j);
                c.set(i, j, how.entry(c.at(i, j), sum));
            }
        }
        return;
    }
    tiles::<T, F, Four, Four>(of, how, factors, c, part);
}

#[inline(always)]
fn tiles<T: Real, F: Finish<T>, M: Lanes, N: Lanes>(
    of: Of,
    how: F,
    factors: &Factors<'_, T>,
    mut c: MatMut<'_, T>,
    part: Part,
) {
    let (m, n, stride) = (c.rows(), c.cols(), c.stride());
    let whole: Tile<T, F> = match of {
        Of::Nn => tile::<T, Rows, Columns, M, N, F>,
        Of::Tn => tile::<T, Columns, Columns, M, N, F>,
        Of::Nt => tile::<T, Rows, Rows, M, N, F>,
    };
    let copied: Tile<T, Overwrite> = match of {
        Of::Nn => tile::<T, Rows, Columns, M, N, Overwrite>,
        Of::Tn => tile::<T, Columns, Columns, M, N, Overwrite>,
        Of::Nt => tile::<T, Rows, Rows, M, N, Overwrite>,
    };
    let mut j = 0;
    while j < n {
        let left = j.min(n - N::COUNT);
        let mut i = if part == Part::Lower { j } else { 0 };
        while i < m {
            let top = i.min(m - M::COUNT);
            let Some(c) = c.values_from_mut(i, j) else { return };
            if left == j && top == i {
                whole(how, factors, i, j, c, stride);
            } else {
                combine(
                    how,
                    copied,
                    factors,
                    (i, j),
                    (top, left),
                    (c, stride),
                    (M::COUNT, N::COUNT),
                );
            }
            i = top + M::COUNT;
        }
        j = left + N::COUNT;
    }
}

/// `c = how(c, sums)` from `(i, j)` on, the sums made in a copy of the tile that begins before.
#[inline(never)]
fn combine<T: Real, F: Finish<T>>(
    how: F,
    tile: Tile<T, Overwrite>,
    factors: &Factors<'_, T>,
    (i, j): (usize, usize),
    (top, left): (usize, usize),
    (mut c, stride): (&mut [T], usize),
    (high, wide): (usize, usize),
) {
    // Whatever: the tile is written over it.
    let mut sums = [factors.alpha; 16];
    tile(Overwrite, factors, top, left, &mut sums, 4);
    let mut sums = sums.part(4 * (j - left) + i - top..);
    for _ in j..left + wide {
        let entries = c.iter_mut().zip(sums).take(top + high - i);
        entries.for_each(|(c, sum)| *c = how.entry(*c, *sum));
        let (Some(c_next), Some(sums_next)) = (c.get_mut(stride..), sums.get(4..)) else { return };
        (c, sums) = (c_next, sums_next);
    }
}

/// Entry `(i, j)` of `alpha op(A) op(B)`.
#[inline(never)]
fn entry<T: Real>(of: Of, &Factors { alpha, a, b }: &Factors<'_, T>, i: usize, j: usize) -> T {
    if of == Of::Tn {
        return alpha * super::dot(a.col(i), b.col(j));
    }
    let (col, along) = if of == Of::Nt { ((j, 0), b.stride()) } else { ((0, j), 1) };
    let (depth, down) = (a.cols(), a.stride());
    let (Some(a), Some(b)) = (a.values_from(i, 0), b.values_from(col.0, col.1)) else {
        return T::ZERO;
    };
    let (mut p, mut q, mut sum) = (0, 0, T::ZERO);
    for _ in 0..depth {
        let (Some(a), Some(b)) = (a.get(p), b.get(q)) else { break };
        sum += *a * *b;
        p += down;
        q += along;
    }
    alpha * sum
}

/// A function that makes a tile.
type Tile<T, F> = fn(F, &Factors<'_, T>, usize, usize, &mut [T], usize);

/// The tile of `alpha op(A) op(B)` at `(i, j)`. A function of its own, so that its loop has the
/// registers for itself; all products share it.
#[expect(clippy::map_identity)]
#[inline(never)]
fn tile<T: Real, A: Panel, B: Panel, M: Lanes, N: Lanes, F: Finish<T>>(
    how: F,
    &Factors { alpha, a, b }: &Factors<'_, T>,
    i: usize,
    j: usize,
    c: &mut [T],
    stride: usize,
) {
    // One after the other: together they are tested again in the loop.
    let Some(a) = A::read::<T, M>(a, i) else { return };
    let Some(b) = B::read::<T, N>(b, j) else { return };
    // A type of its own: with one caller its division by the stride is inlined at "s" too, where
    // the stride is known to be at least 1.
    let b = b.map(|b| b);
    let sums = sum_of_outer_products::<T, M, N>(a, b);
    let sums = map::<T, M, N>(sums, |sum| alpha * sum);
    if F::OVERWRITES {
        N::put_columns::<T, M>(c, stride, sums);
    } else if let Some(old) = N::columns(c, stride, M::COUNT) {
        let old = N::map(old, |c: &[T]| M::first(c).unwrap_or(M::new(|_| T::ZERO)));
        let new = N::zip(old, sums, |c, s| M::zip(c, s, |c, s| how.entry(c, s)));
        N::put_columns::<T, M>(c, stride, new);
    }
}
