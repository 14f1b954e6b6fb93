//! A Kronecker-factored block in its factors' eigenbases: exact damping and any power.
//!
//! ```text
//! A = Q_A diag(a) Q_A^T,  G = Q_G diag(g) Q_G^T
//! exact    (C (A (x) G) + l I)^p V              = Q_A ((C a g^T + l)^p .* (Q_A^T V Q_G)) Q_G^T
//! factored C^p (A + d_A I)^p V (G + d_G I)^p    = Q_A ((C (a + d_A)(g + d_G)^T)^p .* ..) Q_G^T
//! ```
//! 2 (in^2 out + in out^2) multiply-accumulates a product. Nothing is changed by a query: damping
//! the same block twice gives the same answer.

use super::damping::{Split, check};
use super::error::{KfacError, Side};
use super::kronecker::Kronecker;
use crate::error::size;
use crate::linalg::{eigh, eigh_scratch, gemm, gemm_nt, gemm_tn};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// A block in its eigenbases: [`Kronecker::eigen`].
#[derive(Clone, Copy, Debug)]
pub struct Eigen<'a, T> {
    /// `Q_A`, in x in.
    pub(crate) input: Mat<'a, T>,
    /// `a`, ascending.
    pub(crate) input_values: &'a [T],
    /// `Q_G`, out x out.
    pub(crate) output: Mat<'a, T>,
    /// `g`, ascending.
    pub(crate) output_values: &'a [T],
    renorm: T,
}

/// Storage of [`Kronecker::eigen`].
pub const fn eigen_len(inputs: usize, outputs: usize) -> usize {
    inputs * inputs + inputs + outputs * outputs + outputs
}

/// Scratch of [`Kronecker::eigen`].
pub const fn eigen_scratch(inputs: usize, outputs: usize) -> usize {
    let n = if inputs > outputs { inputs } else { outputs };
    n * n + eigh_scratch(n)
}

impl<T: Real> Kronecker<'_, T> {
    /// Decomposes both factors. `storage`: [`eigen_len`], `scratch`: [`eigen_scratch`].
    ///
    /// An eigenvalue within the rounding of the largest is zero.
    ///
    /// # Errors
    /// [`KfacError::Factor`] naming the factor that is not finite.
    pub fn eigen<'s>(
        &self,
        storage: &'s mut [T],
        scratch: &mut [T],
    ) -> Result<Eigen<'s, T>, KfacError> {
        let (n, m) = (self.input.rows(), self.output.rows());
        Scratch::new(scratch, eigen_scratch(n, m))?;
        let mut storage = Scratch::new(storage, eigen_len(n, m))?;
        let (input, input_values) = (storage.matrix(n, n)?, storage.take(n)?);
        let (output, output_values) = (storage.matrix(m, m)?, storage.take(m)?);
        let input = decompose(self.input, Side::Input, input_values, input, scratch)?;
        let output = decompose(self.output, Side::Output, output_values, output, scratch)?;
        Ok(Eigen { input, input_values, output, output_values, renorm: self.renorm })
    }
}

/// The eigenvectors; the eigenvalues in `values`. `scratch`: n^2 + `eigh_scratch(n)`.
pub(crate) fn decompose<'s, T: Real>(
    factor: Mat<'_, T>,
    side: Side,
    values: &mut [T],
    mut vectors: MatMut<'s, T>,
    scratch: &mut [T],
) -> Result<Mat<'s, T>, KfacError> {
    let n = factor.rows();
    let mut scratch = Scratch::new(scratch, n * n + eigh_scratch(n))?;
    let mut a = scratch.matrix(n, n)?;
    a.copy_from(factor);
    eigh(a, values, vectors.reborrow(), scratch.rest()).map_err(KfacError::of(side))?;
    clear_rounding(values);
    Ok(vectors.into_ref())
}

/// Eigenvalues, ascending, within the rounding of the largest become zero: those of the directions
/// in which the factor is nothing.
pub(crate) fn clear_rounding<T: Real>(values: &mut [T]) {
    let rounding = values.last().copied().unwrap_or(T::ZERO).abs() * T::EPSILON;
    let negative = rounding * T::from_usize(4 * values.len());
    for v in values.iter_mut().take_while(|v| **v <= rounding) {
        if -*v <= negative {
            *v = T::ZERO;
        }
    }
}

/// How the eigenvalues of a block are damped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shift<T> {
    /// `C a g + lambda`
    Exact(T),
    /// `C (a + d_A)(g + d_G)`
    Factored(Split<T>),
}

impl<'a, T: Real> Eigen<'a, T> {
    /// The block whose parts stand in `storage`, as [`Kronecker::eigen`] left them, with C = 1.
    pub(crate) fn from_storage(n: usize, m: usize, storage: &'a [T]) -> Option<Self> {
        let (input, rest) = storage.split_at_checked(n * n)?;
        let (input_values, rest) = rest.split_at_checked(n)?;
        let (output, rest) = rest.split_at_checked(m * m)?;
        let output_values = rest.get(..m)?;
        let (input, output) = (Mat::of(input, n, n), Mat::of(output, m, m));
        Some(Self { input, input_values, output, output_values, renorm: T::ONE })
    }

    /// The eigenvalues and eigenvectors of A: values ascending, one column a vector.
    pub const fn input(&self) -> (&'a [T], Mat<'a, T>) {
        (self.input_values, self.input)
    }

    /// The eigenvalues and eigenvectors of G.
    pub const fn output(&self) -> (&'a [T], Mat<'a, T>) {
        (self.output_values, self.output)
    }

    /// `V := F^p V`, F the damped block. `scratch`: [`super::kronecker::apply_scratch`].
    ///
    /// # Errors
    /// [`KfacError::NotPositive`] with the place of the first eigenvalue that is not positive
    /// where p is negative or fractional; a lambda or a V that does not fit.
    pub fn power(
        &self,
        p: T,
        shift: Shift<T>,
        mut v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        if let Shift::Exact(lambda) = shift {
            check(lambda)?;
        }
        self.rotate(&mut v, scratch)?;
        for (j, (v, g)) in v.columns().zip(self.output_values).enumerate() {
            for (i, (v, a)) in v.iter_mut().zip(self.input_values).enumerate() {
                let value = match shift {
                    Shift::Exact(lambda) => self.renorm * *a * *g + lambda,
                    Shift::Factored(split) => {
                        self.renorm * (*a + split.input) * (*g + split.output)
                    }
                };
                *v *=
                    power(value, p).ok_or(KfacError::NotPositive { row: size(i), col: size(j) })?;
            }
        }
        self.rotate_back(&mut v, scratch)
    }

    /// `V := (C (A (x) G) + lambda I)^-1 V`. `scratch`: [`super::kronecker::apply_scratch`].
    ///
    /// # Errors
    /// Those of [`Eigen::power`].
    pub fn solve(
        &self,
        lambda: T,
        mut v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        check(lambda)?;
        self.rotate(&mut v, scratch)?;
        for (j, (v, g)) in v.columns().zip(self.output_values).enumerate() {
            let g = self.renorm * *g;
            for (i, (v, a)) in v.iter_mut().zip(self.input_values).enumerate() {
                *v /= positive(*a * g + lambda, i, j)?;
            }
        }
        self.rotate_back(&mut v, scratch)
    }

    /// `V := Q_A^T V Q_G`. `scratch`: in x out.
    #[inline]
    pub(crate) fn rotate(&self, v: &mut MatMut<'_, T>, scratch: &mut [T]) -> Result<(), KfacError> {
        v.as_ref().check(("V rows", "V columns"), self.input.rows(), self.output.rows())?;
        let mut w = Scratch::new(scratch, v.rows() * v.cols())?.matrix(v.rows(), v.cols())?;
        gemm_tn(T::ONE, self.input, v.as_ref(), T::ZERO, w.reborrow())?;
        Ok(gemm(T::ONE, w.as_ref(), self.output, T::ZERO, v.reborrow())?)
    }

    /// `V := Q_A V Q_G^T`. `scratch`: in x out.
    #[inline]
    pub(crate) fn rotate_back(
        &self,
        v: &mut MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        let mut w = Scratch::new(scratch, v.rows() * v.cols())?.matrix(v.rows(), v.cols())?;
        gemm_nt(T::ONE, v.as_ref(), self.output, T::ZERO, w.reborrow())?;
        Ok(gemm(T::ONE, self.input, w.as_ref(), T::ZERO, v.reborrow())?)
    }
}

/// The value, if it is positive.
#[inline]
pub(crate) fn positive<T: Real>(value: T, row: usize, col: usize) -> Result<T, KfacError> {
    if value > T::ZERO && value.is_finite() {
        Ok(value)
    } else {
        Err(KfacError::NotPositive { row: size(row), col: size(col) })
    }
}

/// `x^p`, the usual powers without logarithms; `None` where it is not defined.
pub(crate) fn power<T: Real>(x: T, p: T) -> Option<T> {
    if p == T::ONE {
        return Some(x);
    }
    if p == T::ZERO {
        return Some(T::ONE);
    }
    if x == T::ZERO && p > T::ZERO {
        return Some(T::ZERO);
    }
    let y = match x > T::ZERO {
        false => return None,
        _ if p == -T::ONE => T::ONE / x,
        _ if p == T::HALF => x.sqrt(),
        _ if p == -T::HALF => T::ONE / x.sqrt(),
        _ => x.powf(p),
    };
    y.is_finite().then_some(y)
}

/// Scratch of [`Kronecker::power`] and [`Kronecker::solve_exact`].
pub const fn exact_scratch(inputs: usize, outputs: usize) -> usize {
    let (eigen, apply) = (eigen_scratch(inputs, outputs), inputs * outputs);
    eigen_len(inputs, outputs) + if eigen > apply { eigen } else { apply }
}

impl<T: Real> Kronecker<'_, T> {
    /// `V := F^p V`, F the damped block, decomposing for this one product. `scratch`:
    /// [`exact_scratch`].
    ///
    /// # Errors
    /// Those of [`Kronecker::eigen`] and [`Eigen::power`].
    pub fn power(
        &self,
        p: T,
        shift: Shift<T>,
        v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        self.check(v.as_ref())?;
        let (n, m) = (self.input.rows(), self.output.rows());
        let mut scratch = Scratch::new(scratch, exact_scratch(n, m))?;
        let storage = scratch.take(eigen_len(n, m))?;
        let rest = scratch.rest();
        self.eigen(storage, rest)?.power(p, shift, v, rest)
    }

    /// `V := (C (A (x) G) + lambda I)^-1 V`, decomposing for this one product. `scratch`:
    /// [`exact_scratch`].
    ///
    /// # Errors
    /// Those of [`Kronecker::power`].
    pub fn solve_exact(
        &self,
        lambda: T,
        v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        self.power(-T::ONE, Shift::Exact(lambda), v, scratch)
    }
}
