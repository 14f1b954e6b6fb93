//! A Kronecker-factored block of a dense layer.
//!
//! ```text
//! F = C (A (x) G) on vec_r(V),  V: in x out       A: in x in, G: out x out, C: replication count
//! apply      C      (A + a I) V (G + g I)
//! solve      1/C    (A + a I)^-1 V (G + g I)^-1
//! power p    C^p    (A + a I)^p V (G + g I)^p                  (see `eigen`)
//! root       C^1/2  L_A V L_G^T,      A + a I = L_A L_A^T, G + g I = L_G L_G^T
//! ```
//! `in` counts the homogeneous coordinate: a bias is the last row of V. V in columns one after
//! the other is PyTorch's `out x in` row-major gradient, on which the block is `C (G (x) A)`.
//! The damping's split `(a, g)` is [`Split`]'s, of `lambda / C`. Multiplying uses the *damped
//! factors*, with the cross terms; `C (A (x) G) + lambda I` is `apply_exact`.
//! A pivot of L_A or L_G within the rounding of its diagonal entry is not positive.
//! Martens & Grosse (2015), sections 3 and 4.2; in^2 out + in out^2 multiply-accumulates a product.

use super::damping::{Damping, Split, check};
use super::error::{KfacError, Side};
use crate::error::{LinalgError, NonFiniteError, ShapeError, check_result, size};
use crate::linalg::{
    gemm, gemm_nt, gemm_tn, largest, ldlt, ldlt_logdet, ldlt_solve, ldlt_solve_right, solve_lower,
    solve_lower_transpose, solve_lower_transpose_right,
};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The block `C (A (x) G)` in the `in x out` orientation.
///
/// ```
/// use nanocurv::kfac::{Damping, Kronecker, solve_scratch};
/// use nanocurv::{Mat, MatMut};
///
/// let (a, g) = ([2.0, 0.5, 0.5, 1.0], [1.5, -0.2, -0.2, 0.7]);
/// let block = Kronecker::new(Mat::new("A", &a, 2, 2)?, Mat::new("G", &g, 2, 2)?)?;
/// let split = block.split(0.3, Damping::Pi)?;
/// let mut v = [1.0, 3.0, 2.0, -1.0]; // V = [[1, 2], [3, -1]]
/// let mut scratch = [0.0; solve_scratch(2, 2)];
/// block.apply(split, MatMut::new("V", &mut v, 2, 2)?, &mut scratch)?;
/// block.solve(split, MatMut::new("V", &mut v, 2, 2)?, &mut scratch)?;
/// assert!((v[1] - 3.0_f64).abs() < 1e-14);
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Kronecker<'a, T> {
    /// The input factor A.
    pub(crate) input: Mat<'a, T>,
    /// The output factor G.
    pub(crate) output: Mat<'a, T>,
    /// The replication count C.
    pub(crate) renorm: T,
}

/// Which triangular root of the damped block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// `C^1/2 L_A V L_G^T`
    Plain,
    /// `C^1/2 L_A^T V L_G`
    Transpose,
    /// `C^-1/2 L_A^-1 V L_G^-T`
    Inverse,
    /// `C^-1/2 L_A^-T V L_G^-1`: takes white noise to covariance `F^-1`.
    InverseTranspose,
}

/// Scratch of [`Kronecker::apply`] and [`Kronecker::apply_exact`].
pub const fn apply_scratch(inputs: usize, outputs: usize) -> usize {
    inputs * outputs
}

/// Scratch of [`Kronecker::solve`].
pub const fn solve_scratch(inputs: usize, outputs: usize) -> usize {
    if inputs > outputs { inputs * inputs } else { outputs * outputs }
}

/// Scratch of [`Kronecker::root`].
pub const fn root_scratch(inputs: usize, outputs: usize) -> usize {
    solve_scratch(inputs, outputs) + inputs * outputs
}

/// Storage of [`Kronecker::factor`].
pub const fn factored_len(inputs: usize, outputs: usize) -> usize {
    inputs * inputs + outputs * outputs
}

impl<'a, T: Real> Kronecker<'a, T> {
    /// The block of an input factor A and an output factor G, with C = 1.
    ///
    /// The factors are trusted to be symmetric; [`Kronecker::checked`] looks.
    ///
    /// # Errors
    /// [`ShapeError`] unless both are square.
    #[inline]
    pub fn new(input: Mat<'a, T>, output: Mat<'a, T>) -> Result<Self, ShapeError> {
        ShapeError::check("A columns", input.rows(), input.cols())?;
        ShapeError::check("G columns", output.rows(), output.cols())?;
        Ok(Self { input, output, renorm: T::ONE })
    }

    /// The same block with replication count `renorm`: the number of locations or uses.
    ///
    /// # Errors
    /// [`KfacError::Renorm`] unless it is positive and finite.
    pub fn with_renorm(self, renorm: T) -> Result<Self, KfacError> {
        if renorm > T::ZERO && renorm.is_finite() {
            Ok(Self { renorm, ..self })
        } else {
            Err(KfacError::Renorm)
        }
    }

    /// The block, provided that both factors are finite and symmetric to within 1e-6 of their
    /// largest entry.
    ///
    /// # Errors
    /// [`KfacError::Factor`] naming the factor and the first offending entry.
    pub fn checked(self) -> Result<Self, KfacError> {
        check_symmetric(self.input).map_err(KfacError::of(Side::Input))?;
        check_symmetric(self.output).map_err(KfacError::of(Side::Output))?;
        Ok(self)
    }

    /// The input factor A.
    pub const fn input(&self) -> Mat<'a, T> {
        self.input
    }

    /// The output factor G.
    pub const fn output(&self) -> Mat<'a, T> {
        self.output
    }

    /// The replication count C.
    pub const fn renorm(&self) -> T {
        self.renorm
    }

    /// `lambda / C` split over the factors.
    ///
    /// # Errors
    /// Those of [`Split::new`].
    #[inline]
    pub fn split(&self, lambda: T, damping: Damping) -> Result<Split<T>, KfacError> {
        Split::new(lambda / self.renorm, damping, self.input, self.output)
    }

    /// `Ok` if V is in x out.
    #[inline]
    pub(crate) fn check(&self, v: Mat<'_, T>) -> Result<(), ShapeError> {
        v.check(("V rows", "V columns"), self.input.rows(), self.output.rows())
    }

    /// `V := C (A + a I) V (G + g I)`. `scratch`: [`apply_scratch`].
    ///
    /// # Errors
    /// [`KfacError`] if V or the scratch does not fit.
    pub fn apply(
        &self,
        split: Split<T>,
        mut v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        self.check(v.as_ref())?;
        let mut w = left_product(self.input, v.as_ref(), scratch)?;
        w.add_scaled(split.input, v.as_ref());
        gemm(self.renorm, w.as_ref(), self.output, T::ZERO, v.reborrow())?;
        v.add_scaled(self.renorm * split.output, w.as_ref());
        finite(v)
    }

    /// `V := C A V G + lambda V`. `scratch`: [`apply_scratch`].
    ///
    /// # Errors
    /// [`KfacError`] if V, lambda or the scratch does not fit.
    pub fn apply_exact(
        &self,
        lambda: T,
        mut v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        self.check(v.as_ref())?;
        check(lambda)?;
        let w = left_product(self.input, v.as_ref(), scratch)?;
        gemm(self.renorm, w.as_ref(), self.output, lambda, v.reborrow())?;
        finite(v)
    }

    /// `V := 1/C (A + a I)^-1 V (G + g I)^-1`, one factor after the other through the same
    /// `scratch`: [`solve_scratch`].
    ///
    /// # Errors
    /// [`KfacError::Factor`] with the factor and the pivot that is not positive.
    pub fn solve(
        &self,
        split: Split<T>,
        mut v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        self.check(v.as_ref())?;
        Scratch::new(scratch, solve_scratch(self.input.rows(), self.output.rows()))?;
        let l = factor(self.input, split.input, Side::Input, scratch)?;
        ldlt_solve(l, v.reborrow())?;
        let l = factor(self.output, split.output, Side::Output, scratch)?;
        ldlt_solve_right(l, v.reborrow())?;
        scale(&mut v, T::ONE / self.renorm);
        finite(v)
    }

    /// A triangular root of the damped block on V. `scratch`: [`root_scratch`].
    ///
    /// # Errors
    /// [`KfacError::Factor`] with the factor and the pivot that is not positive.
    pub fn root(
        &self,
        root: Root,
        split: Split<T>,
        mut v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        self.check(v.as_ref())?;
        let (n, m) = (self.input.rows(), self.output.rows());
        let mut scratch = Scratch::new(scratch, root_scratch(n, m))?;
        let (store, mut w) = (scratch.take(solve_scratch(n, m))?, scratch.matrix(n, m)?);
        factor(self.input, split.input, Side::Input, store)?;
        let mut l = MatMut::of(store, n, n);
        match root {
            Root::Plain | Root::Transpose => {
                cholesky(&mut l);
                let product = if root == Root::Plain { gemm } else { gemm_tn };
                product(T::ONE, l.as_ref(), v.as_ref(), T::ZERO, w.reborrow())?;
            }
            Root::Inverse => {
                w.copy_from(v.as_ref());
                solve_lower(l.as_ref(), w.reborrow())?;
                unit_rows(l.as_ref(), &mut w);
            }
            Root::InverseTranspose => {
                w.copy_from(v.as_ref());
                unit_rows(l.as_ref(), &mut w);
                solve_lower_transpose(l.as_ref(), w.reborrow())?;
            }
        }
        factor(self.output, split.output, Side::Output, store)?;
        let mut l = MatMut::of(store, m, m);
        match root {
            Root::Plain | Root::Transpose => {
                cholesky(&mut l);
                let product = if root == Root::Plain { gemm_nt } else { gemm };
                product(T::ONE, w.as_ref(), l.as_ref(), T::ZERO, v.reborrow())?;
                scale(&mut v, self.renorm.sqrt());
            }
            Root::Inverse => {
                v.copy_from(w.as_ref());
                solve_lower_transpose_right(l.as_ref(), v.reborrow())?;
                unit_columns(l.as_ref(), &mut v);
                scale(&mut v, T::ONE / self.renorm.sqrt());
            }
            Root::InverseTranspose => {
                v.copy_from(w.as_ref());
                unit_columns(l.as_ref(), &mut v);
                crate::linalg::solve_lower_right(l.as_ref(), v.reborrow())?;
                scale(&mut v, T::ONE / self.renorm.sqrt());
            }
        }
        Ok(())
    }

    /// Factors the damped block once for many solves. `storage`: [`factored_len`].
    ///
    /// # Errors
    /// [`KfacError::Factor`] with the factor and the pivot that is not positive.
    pub fn factor<'s>(
        &self,
        split: Split<T>,
        storage: &'s mut [T],
    ) -> Result<FactoredBlock<'s, T>, KfacError> {
        let (n, m) = (self.input.rows(), self.output.rows());
        let mut storage = Scratch::new(storage, factored_len(n, m))?;
        let input = factor(self.input, split.input, Side::Input, storage.take(n * n)?)?;
        let output = factor(self.output, split.output, Side::Output, storage.take(m * m)?)?;
        Ok(FactoredBlock { input, output, renorm: self.renorm })
    }
}

/// A damped block, its factors factored: [`Kronecker::factor`].
#[derive(Clone, Copy, Debug)]
pub struct FactoredBlock<'a, T> {
    pub(crate) input: Mat<'a, T>,
    pub(crate) output: Mat<'a, T>,
    pub(crate) renorm: T,
}

impl<T: Real> FactoredBlock<'_, T> {
    /// `V := 1/C (A + a I)^-1 V (G + g I)^-1`
    ///
    /// # Errors
    /// [`ShapeError`] unless V is in x out.
    #[inline]
    pub fn solve(&self, mut v: MatMut<'_, T>) -> Result<(), ShapeError> {
        ldlt_solve(self.input, v.reborrow())?;
        ldlt_solve_right(self.output, v.reborrow())?;
        scale(&mut v, T::ONE / self.renorm);
        Ok(())
    }

    /// `ln det` of the damped block.
    pub fn logdet(&self) -> T {
        let (n, m) = (T::from_usize(self.input.rows()), T::from_usize(self.output.rows()));
        m * ldlt_logdet(self.input) + n * ldlt_logdet(self.output) + n * m * self.renorm.ln()
    }
}

/// `Ok` if the result holds no infinity and no NaN.
fn finite<T: Real>(v: MatMut<'_, T>) -> Result<(), KfacError> {
    Ok(check_result("result", v.into_ref())?)
}

/// `left V` in the scratch.
fn left_product<'s, T: Real>(
    left: Mat<'_, T>,
    v: Mat<'_, T>,
    scratch: &'s mut [T],
) -> Result<MatMut<'s, T>, KfacError> {
    let mut scratch = Scratch::new(scratch, apply_scratch(v.rows(), v.cols()))?;
    let mut w = scratch.matrix(v.rows(), v.cols())?;
    gemm(T::ONE, left, v, T::ZERO, w.reborrow())?;
    Ok(w)
}

/// `factor + damping I = L D L^T` in the storage.
pub(crate) fn factor<'s, T: Real>(
    factor: Mat<'_, T>,
    damping: T,
    side: Side,
    storage: &'s mut [T],
) -> Result<Mat<'s, T>, KfacError> {
    let n = factor.rows();
    let mut l = MatMut::of(storage, n, n);
    l.copy_from(factor);
    l.add_diagonal(damping);
    ldlt(l.reborrow()).map_err(KfacError::of(side))?;
    check_pivots(l.as_ref(), factor.diagonal(), damping).map_err(KfacError::of(side))?;
    Ok(l.into_ref())
}

/// `Ok` if every pivot of a factorisation is more than the rounding of the diagonal entry, `damping`
/// added, that the columns before were taken from: what is left of it otherwise says nothing of
/// the matrix.
#[inline]
pub(crate) fn check_pivots<'d, T: Real>(
    l: Mat<'_, T>,
    diagonal: impl Iterator<Item = &'d T>,
    damping: T,
) -> Result<(), LinalgError> {
    let rounding = T::EPSILON * T::from_usize(l.rows());
    for (k, (d, a)) in l.diagonal().zip(diagonal).enumerate() {
        if *d <= rounding * (*a + damping) {
            return Err(LinalgError::NotPositive { pivot: size(k) });
        }
    }
    Ok(())
}

#[inline]
pub(crate) fn scale<T: Real>(v: &mut MatMut<'_, T>, factor: T) {
    if factor != T::ONE {
        v.scale(factor);
    }
}

/// L D^1/2 with zeros above the diagonal, from what `ldlt` left.
fn cholesky<T: Real>(l: &mut MatMut<'_, T>) {
    for (j, column) in l.columns().enumerate() {
        if let Some((above, at)) = column.split_at_mut_checked(j) {
            above.fill(T::ZERO);
            if let Some((d, below)) = at.split_first_mut() {
                let root = d.sqrt();
                *d = root;
                below.iter_mut().for_each(|l| *l *= root);
            }
        }
    }
}

/// `D^-1/2 V`
fn unit_rows<T: Real>(l: Mat<'_, T>, v: &mut MatMut<'_, T>) {
    for column in v.columns() {
        column.iter_mut().zip(l.diagonal()).for_each(|(v, d)| *v /= d.sqrt());
    }
}

/// `V D^-1/2`
fn unit_columns<T: Real>(l: Mat<'_, T>, v: &mut MatMut<'_, T>) {
    for (column, d) in v.columns().zip(l.diagonal()) {
        let root = d.sqrt();
        column.iter_mut().for_each(|v| *v /= root);
    }
}

/// `Ok` if the matrix is finite and symmetric to within 1e-6 of its largest entry.
pub(crate) fn check_symmetric<T: Real>(m: Mat<'_, T>) -> Result<(), LinalgError> {
    ShapeError::check("factor columns", m.rows(), m.cols())?;
    NonFiniteError::check_matrix("factor", m)?;
    let tolerance = largest(m) * T::of(1e-6);
    for (j, column) in m.columns().enumerate() {
        let below = column.iter().enumerate().skip(j);
        for ((i, v), row) in below.zip(m.stretches(j, j)) {
            if row.first().is_some_and(|mirrored| (*v - *mirrored).abs() > tolerance) {
                return Err(LinalgError::NotSymmetric { row: size(i), col: size(j) });
            }
        }
    }
    Ok(())
}
