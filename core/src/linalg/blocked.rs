//! Triangular solves and the symmetric factorisation of large matrices, for the host: all but
//! `O(n BLOCK)` of the work per column is a product, which the host's library makes.
//!
//! ```text
//! left    op(T) X = B     X_J = op(T_JJ)^-1 B_J,  then  B_R -= op(T)_RJ X_J  for the rest R
//! right   X op(T) = B     X_J = (B_J - X_done op(T)_done,J) op(T_JJ)^-1
//! L D L^T  L_JJ D_J L_JJ^T = A_JJ,  S = A_RJ L_JJ^-T D_J^(-1/2),  A_RR -= S S^T,  L_RJ = S D_J^(-1/2)
//! ```
//! The diagonal blocks are inverted (Higham, "Accuracy and Stability of Numerical Algorithms",
//! section 8.2.1: as stable as substitution with blocks of this size), so that applying them is a
//! product too.

use super::gemm::{gemm, gemm_nt, gemm_tn};
use super::syrk::syrk_nt;
use crate::error::{LinalgError, ShapeError};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Carve;
use std::vec;
use std::vec::Vec;

/// Rows and columns of a diagonal block.
const BLOCK: usize = 64;
/// Columns of the right-hand side at a time.
const PANEL: usize = 128;
/// A triangle that is inverted entry by entry.
const CORNER: usize = 16;

/// Whether a triangular solve with `n` rows and `others` right-hand sides pays in blocks.
pub(super) const fn pays(n: usize, others: usize) -> bool {
    n > BLOCK && others >= 16
}

/// Whether a factorisation of `n` rows pays in blocks.
pub(super) const fn factor_pays(n: usize) -> bool {
    n > BLOCK + BLOCK / 2
}

/// The blocks in hand, 170 kB in f64: placed once for a factorisation or a solve. Not on the stack:
/// a frame of so many pages is probed, and LLVM 21 may lay the probe over the caller's pointer to
/// the result (`lu_solve_transpose` of f64 then returned an error that nobody had written).
pub(super) struct Blocks<T> {
    inverse: Vec<T>,
    known: Vec<T>,
    solved: Vec<T>,
}

impl<T: Real> Blocks<T> {
    pub(super) fn new() -> Self {
        Self {
            inverse: vec![T::ZERO; BLOCK * BLOCK],
            known: vec![T::ZERO; BLOCK * PANEL],
            solved: vec![T::ZERO; BLOCK * PANEL],
        }
    }
}

/// A triangle of a square matrix, as it is used.
#[derive(Clone, Copy)]
pub(super) struct Triangle<'a, T> {
    pub(super) matrix: Mat<'a, T>,
    /// The upper triangle, instead of the lower one.
    pub(super) upper: bool,
    /// Its diagonal is 1 and not read.
    pub(super) unit: bool,
    /// Its transpose is meant.
    pub(super) transpose: bool,
}

impl<'a, T: Real> Triangle<'a, T> {
    /// The unit lower triangle.
    pub(super) fn unit_lower(matrix: Mat<'a, T>, transpose: bool) -> Self {
        Self { matrix, upper: false, unit: true, transpose }
    }

    /// The upper triangle with its diagonal.
    pub(super) fn upper(matrix: Mat<'a, T>, transpose: bool) -> Self {
        Self { matrix, upper: true, unit: false, transpose }
    }

    /// Whether op(T) is lower triangular.
    const fn forward(&self) -> bool {
        self.upper == self.transpose
    }

    /// The blocks of the diagonal, `(start, width)`.
    fn blocks(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> + use<T> {
        let n = self.matrix.cols();
        (0..n.div_ceil(BLOCK)).map(move |b| (b * BLOCK, BLOCK.min(n - b * BLOCK)))
    }

    /// `C := C - op(T)[rows, cols] B`
    fn subtract_product(
        &self,
        (row, rows): (usize, usize),
        (col, cols): (usize, usize),
        b: Mat<'_, T>,
        c: MatMut<'_, T>,
    ) -> Result<(), ShapeError> {
        if self.transpose {
            gemm_tn(-T::ONE, self.matrix.block(col, row, cols, rows), b, T::ONE, c)
        } else {
            gemm(-T::ONE, self.matrix.block(row, col, rows, cols), b, T::ONE, c)
        }
    }

    /// The inverse of the diagonal block at `at` (not transposed).
    fn invert_block<'m>(
        &self,
        at: usize,
        width: usize,
        memory: &'m mut [T],
    ) -> Result<Mat<'m, T>, ShapeError> {
        memory.fill(T::ZERO);
        let mut inverse = MatMut::of(memory, width, width);
        let block = self.matrix.block(at, at, width, width);
        invert(block, self.upper, self.unit, inverse.reborrow())?;
        Ok(inverse.into_ref())
    }

    /// `op(T) X = B` in place. The matrix may have more rows than columns: what is below the
    /// triangle then only updates the rest of B.
    pub(super) fn solve_left(
        &self,
        mut b: MatMut<'_, T>,
        blocks: &mut Blocks<T>,
    ) -> Result<(), ShapeError> {
        let Blocks { inverse, known, solved } = blocks;
        let (rows, cols) = (b.rows(), b.cols());
        let mut step = |(at, width): (usize, usize)| {
            let inverse = self.invert_block(at, width, inverse)?;
            for first in (0..cols).step_by(PANEL) {
                let w = PANEL.min(cols - first);
                let size = width * w;
                let mut known = MatMut::of(known.part_mut(..size), width, w);
                let mut x = MatMut::of(solved.part_mut(..size), width, w);
                known.copy_from(b.block(at, first, width, w).into_ref());
                let product = if self.transpose { gemm_tn } else { gemm };
                product(T::ONE, inverse, known.as_ref(), T::ZERO, x.reborrow())?;
                b.block(at, first, width, w).copy_from(x.as_ref());
                let rest = if self.forward() { (at + width, rows - at - width) } else { (0, at) };
                if rest.1 > 0 {
                    let c = b.block(rest.0, first, rest.1, w);
                    self.subtract_product(rest, (at, width), x.as_ref(), c)?;
                }
            }
            Ok(())
        };
        if self.forward() {
            self.blocks().try_for_each(&mut step)
        } else {
            self.blocks().rev().try_for_each(&mut step)
        }
    }

    /// `X op(T) = B` in place.
    pub(super) fn solve_right(
        &self,
        mut b: MatMut<'_, T>,
        blocks: &mut Blocks<T>,
    ) -> Result<(), ShapeError> {
        let Blocks { inverse, known, .. } = blocks;
        let n = self.matrix.cols();
        let mut step = |(at, width): (usize, usize)| {
            let inverse = self.invert_block(at, width, inverse)?;
            let (left, rest) = b.reborrow().split_at_col(at);
            let (mut x, right) = rest.split_at_col(width);
            // What is solved lies behind for an upper op(T), ahead for a lower one.
            let (done, from, count) = if self.forward() {
                (right.into_ref(), at + width, n - at - width)
            } else {
                (left.into_ref(), 0, at)
            };
            if count > 0 {
                if self.transpose {
                    let t = self.matrix.block(at, from, width, count);
                    gemm_nt(-T::ONE, done, t, T::ONE, x.reborrow())?;
                } else {
                    let t = self.matrix.block(from, at, count, width);
                    gemm(-T::ONE, done, t, T::ONE, x.reborrow())?;
                }
            }
            multiply_right(x, inverse, self.transpose, known)
        };
        if self.forward() {
            self.blocks().rev().try_for_each(&mut step)
        } else {
            self.blocks().try_for_each(&mut step)
        }
    }
}

/// `X := X M` or `X M^T`, some rows at a time.
fn multiply_right<T: Real>(
    mut x: MatMut<'_, T>,
    m: Mat<'_, T>,
    transpose: bool,
    memory: &mut [T],
) -> Result<(), ShapeError> {
    let (rows, width) = (x.rows(), x.cols());
    for first in (0..rows).step_by(PANEL) {
        let h = PANEL.min(rows - first);
        let mut known = MatMut::of(memory, h, width);
        let mut part = x.block(first, 0, h, width);
        known.copy_from(part.as_ref());
        let product = if transpose { gemm_nt } else { gemm };
        product(T::ONE, known.as_ref(), m, T::ZERO, part.reborrow())?;
    }
    Ok(())
}

/// The inverse of a triangular matrix into the zeros of `x`, by halves:
///
/// ```text
/// [A 0; B C]^-1 = [A^-1 0; -C^-1 B A^-1  C^-1],   [A B; 0 C]^-1 = [A^-1  -A^-1 B C^-1; 0 C^-1]
/// ```
fn invert<T: Real>(
    t: Mat<'_, T>,
    upper: bool,
    unit: bool,
    mut x: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    let n = t.rows();
    if n <= CORNER {
        invert_corner(t, upper, unit, x);
        return Ok(());
    }
    let half = (n / 2).next_multiple_of(4);
    let rest = n - half;
    let mut memory = [T::ZERO; BLOCK * BLOCK / 4 + BLOCK];
    invert(t.block(0, 0, half, half), upper, unit, x.block(0, 0, half, half))?;
    invert(t.block(half, half, rest, rest), upper, unit, x.block(half, half, rest, rest))?;
    let mut product = MatMut::of(&mut memory, half, rest);
    let (mut left, mut right) = x.split_at_col(half);
    if upper {
        let (b, c) = (t.block(0, half, half, rest), right.block(half, 0, rest, rest));
        gemm(T::ONE, b, c.as_ref(), T::ZERO, product.reborrow())?;
        let a = left.block(0, 0, half, half);
        gemm(-T::ONE, a.as_ref(), product.as_ref(), T::ZERO, right.block(0, 0, half, rest))
    } else {
        let mut product = MatMut::of(product.into_data(), rest, half);
        let (a, b) = (left.block(0, 0, half, half), t.block(half, 0, rest, half));
        gemm(T::ONE, b, a.as_ref(), T::ZERO, product.reborrow())?;
        let c = right.block(half, 0, rest, rest);
        gemm(-T::ONE, c.as_ref(), product.as_ref(), T::ZERO, left.block(half, 0, rest, half))
    }
}

/// Column by column: `x_j = T^-1 e_j`.
fn invert_corner<T: Real>(t: Mat<'_, T>, upper: bool, unit: bool, mut x: MatMut<'_, T>) {
    let n = t.rows();
    for (j, x) in x.columns().enumerate() {
        if let Some(one) = x.get_mut(j) {
            *one = T::ONE;
        }
        let substitute = |k: usize| {
            let Some((before, rest)) = x.split_at_mut_checked(k) else { return };
            let Some((pivot, after)) = rest.split_first_mut() else { return };
            let column = t.col(k);
            if !unit {
                *pivot /= t.at(k, k);
            }
            if upper {
                before.iter_mut().zip(column).for_each(|(x, t)| *x -= *pivot * *t);
            } else {
                let below = column.part(k + 1..);
                after.iter_mut().zip(below).for_each(|(x, t)| *x -= *pivot * *t);
            }
        };
        if upper {
            (0..=j).rev().for_each(substitute);
        } else {
            (j..n).for_each(substitute);
        }
    }
}

/// `L D L^T` in place, from the lower triangle; the upper one is workspace.
#[inline(never)]
pub(super) fn ldlt<T: Real>(mut a: MatMut<'_, T>) -> Result<(), LinalgError> {
    let n = a.rows();
    let Blocks { mut inverse, mut known, .. } = Blocks::new();
    for at in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - at);
        T::ldlt(a.block(at, at, width, width)).map_err(|e| shifted(e, at))?;
        let below = n - at - width;
        if below == 0 {
            break;
        }
        let (left, right) = a.reborrow().split_at_col(at + width);
        let (left, mut right) = (left, right);
        let (_, mut left) = left.split_at_col(at);
        let mut roots = [T::ZERO; BLOCK];
        for (root, (j, column)) in roots.iter_mut().zip(left.columns().enumerate()) {
            *root = T::ONE / column.get(at + j).copied().unwrap_or(T::ONE).sqrt();
        }
        let triangle = Triangle::unit_lower(left.as_ref().block(at, 0, width, width), true);
        let inverse = triangle.invert_block(0, width, &mut inverse)?;
        let mut s = left.block(at + width, 0, below, width);
        multiply_right(s.reborrow(), inverse, true, &mut known)?;
        scale_columns(&mut s, &roots);
        syrk_nt(-T::ONE, s.as_ref(), T::ONE, right.block(at + width, 0, below, below))?;
        scale_columns(&mut s, &roots);
    }
    Ok(())
}

fn scale_columns<T: Real>(m: &mut MatMut<'_, T>, factors: &[T]) {
    for (column, factor) in m.columns().zip(factors) {
        column.iter_mut().for_each(|v| *v *= *factor);
    }
}

/// The error of a diagonal block, with its place in the matrix.
fn shifted(error: LinalgError, at: usize) -> LinalgError {
    let at = crate::error::size(at);
    match error {
        LinalgError::NotPositive { pivot } => LinalgError::NotPositive { pivot: pivot + at },
        LinalgError::NonFinite(mut e) => {
            e.index += at;
            LinalgError::NonFinite(e)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::tests::{filled, relative_difference, spd};
    use crate::linalg::{ldlt_solve, ldlt_solve_right};
    use nalgebra::DMatrix;

    #[test]
    fn blocked_solves_undo_their_products() {
        let mut blocks = Blocks::new();
        for n in [1, 15, 16, 17, 63, 64, 65, 129, 200] {
            let noise = DMatrix::from_vec(n, n, filled(n, n)) / n as f64;
            let t = noise + DMatrix::identity(n, n) * 2.0;
            for (upper, unit, transpose) in [
                (false, true, false),
                (false, true, true),
                (true, false, false),
                (true, false, true),
            ] {
                let mut op = if upper { t.upper_triangle() } else { t.lower_triangle() };
                if unit {
                    op.fill_diagonal(1.0);
                }
                if transpose {
                    op = op.transpose();
                }
                let triangle = Triangle { matrix: (&t).into(), upper, unit, transpose };
                for k in [1, 5, 130] {
                    let x = DMatrix::from_vec(n, k, filled(n, k));
                    let mut b = &op * &x;
                    triangle.solve_left((&mut b).into(), &mut blocks).unwrap();
                    assert!(relative_difference(b.as_slice(), x.as_slice()) < 1e-12);
                    let x = x.transpose();
                    let mut b = &x * &op;
                    triangle.solve_right((&mut b).into(), &mut blocks).unwrap();
                    assert!(relative_difference(b.as_slice(), x.as_slice()) < 1e-12);
                }
            }
        }
    }

    #[test]
    fn the_blocked_factor_is_the_unblocked_one() {
        for n in [1, 64, 65, 100, 193] {
            let a = spd(n);
            let (mut x, mut y) = (a.clone(), a.clone());
            ldlt(MatMut::of(&mut x, n, n)).unwrap();
            <f64 as super::super::Kernels>::ldlt(MatMut::of(&mut y, n, n)).unwrap();
            for m in [&mut x, &mut y] {
                for j in 0..n {
                    m[j * n..j * n + j].fill(0.0);
                }
            }
            assert!(relative_difference(&x, &y) < 1e-11, "n = {n}");
        }
    }

    #[test]
    fn large_systems_are_solved_on_either_side() {
        let (n, k) = (150, 40);
        let a = DMatrix::from_vec(n, n, spd(n));
        let mut l = a.clone();
        crate::linalg::ldlt((&mut l).into()).unwrap();
        let x = DMatrix::from_vec(n, k, filled(n, k));
        let mut b = &a * &x;
        ldlt_solve((&l).into(), (&mut b).into()).unwrap();
        assert!(relative_difference(b.as_slice(), x.as_slice()) < 1e-10);
        let mut b = x.transpose() * &a;
        ldlt_solve_right((&l).into(), (&mut b).into()).unwrap();
        assert!(relative_difference(b.as_slice(), x.transpose().as_slice()) < 1e-10);
    }

    #[test]
    fn the_pivot_that_fails_is_named_in_any_block() {
        let n = 200;
        for bad in [0, 63, 64, 150, 199] {
            let mut a = DMatrix::<f64>::identity(n, n);
            a[(bad, bad)] = -1.0;
            let error = ldlt((&mut a).into()).unwrap_err();
            assert_eq!(error, LinalgError::NotPositive { pivot: bad as u32 });
            let mut a = DMatrix::from_vec(n, n, spd(n));
            a[(n - 1, bad)] = f64::NAN;
            assert!(matches!(ldlt((&mut a).into()), Err(LinalgError::NonFinite(_))));
        }
    }
}
