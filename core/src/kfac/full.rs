//! Full blocks: every parameter of a layer, or of a network, against every other.
//!
//! ```text
//! F = c sum_n sum_v u u^T      u = (vec W-part, bias part) of g a^T, in parameter order
//! naive: F = u u^T / N         u the gradient of the summed loss: rank one
//! apply   (F + lambda I) v,    solve, power p by L D L^T and by the eigendecomposition
//! ```
//! N P^2 / 2 multiply-accumulates: for small layers, and as the truth that the others approximate.

use super::damping::check;
use super::eigen::{decompose, power};
use super::error::{KfacError, Side};
use super::kronecker::{check_symmetric, factor};
use crate::error::{ShapeError, size};
use crate::linalg::{eigh_scratch, gemm, gemm_tn, ldlt_solve, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::Scale;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Scratch of [`full_factor`].
pub const fn full_factor_scratch(inputs: usize, outputs: usize, bias: bool) -> usize {
    (inputs + bias as usize) * outputs
}

/// `F := keep F + weight sum_n u_n u_n^T`, u the derivative by the layer's parameters in
/// PyTorch's order: `s g x^T` row-major `out x in`, then `t g` with a bias.
///
/// `x`: in x samples, `g`: out x samples, `scratch`: [`full_factor_scratch`].
///
/// # Errors
/// [`KfacError`] if the sizes do not fit.
pub fn full_factor<T: Real>(
    x: Mat<'_, T>,
    g: Mat<'_, T>,
    scale: Scale<T>,
    bias: bool,
    keep: T,
    weight: T,
    mut f: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), KfacError> {
    let params = full_factor_scratch(x.rows(), g.rows(), bias);
    f.as_ref().check(("F rows", "F columns"), params, params)?;
    ShapeError::check("g samples", x.cols(), g.cols())?;
    let u = Scratch::new(scratch, params)?.take(params)?;
    super::statistics::keep(&mut f, keep);
    for (x, g) in x.columns().zip(g.columns()) {
        let weights = g.iter().flat_map(|g| x.iter().map(move |x| scale.weight * *g * *x));
        let biases = g.iter().map(|g| scale.bias * *g);
        u.iter_mut().zip(weights.chain(biases)).for_each(|(u, v)| *u = v);
        syrk_nt(weight, Mat::of(u, params, 1), T::ONE, f.reborrow())?;
    }
    f.mirror_lower();
    Ok(())
}

/// `F := keep F + gradient gradient^T / samples`, from the gradient of the samples' summed loss.
///
/// # Errors
/// [`ShapeError`] unless F is square with the gradient's length.
pub fn naive_full<T: Real>(
    gradient: &[T],
    samples: usize,
    keep: T,
    mut f: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    let n = gradient.len();
    f.as_ref().check(("F rows", "F columns"), n, n)?;
    super::statistics::keep(&mut f, keep);
    let weight = T::ONE / T::from_usize(samples.max(1));
    syrk_nt(weight, Mat::of(gradient, n, 1), T::ONE, f.reborrow())?;
    f.mirror_lower();
    Ok(())
}

/// A full block.
#[derive(Clone, Copy, Debug)]
pub struct Full<'a, T> {
    f: Mat<'a, T>,
}

/// Scratch of [`Full::apply`] for `columns` right-hand sides.
pub const fn full_apply_scratch(params: usize, columns: usize) -> usize {
    params * columns
}

/// Scratch of [`Full::solve`].
pub const fn full_solve_scratch(params: usize) -> usize {
    params * params
}

/// Scratch of [`Full::power`] for `columns` right-hand sides.
pub const fn full_power_scratch(params: usize, columns: usize) -> usize {
    let (eigen, product) = (params * params + eigh_scratch(params), params * columns);
    params * params + params + if eigen > product { eigen } else { product }
}

impl<'a, T: Real> Full<'a, T> {
    /// The block of matrix `f`, trusted to be symmetric.
    ///
    /// # Errors
    /// [`ShapeError`] unless it is square.
    pub fn new(f: Mat<'a, T>) -> Result<Self, ShapeError> {
        ShapeError::check("F columns", f.rows(), f.cols())?;
        Ok(Self { f })
    }

    /// The block, provided that it is finite and symmetric.
    ///
    /// # Errors
    /// [`KfacError::Factor`] with the place.
    pub fn checked(self) -> Result<Self, KfacError> {
        check_symmetric(self.f).map_err(KfacError::of(Side::Whole))?;
        Ok(self)
    }

    /// `V := (F + lambda I) V`, any number of columns. `scratch`: [`full_apply_scratch`].
    ///
    /// # Errors
    /// [`KfacError`] if V, lambda or the scratch does not fit.
    pub fn apply(
        &self,
        lambda: T,
        mut v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        check(lambda)?;
        ShapeError::check("V rows", self.f.rows(), v.rows())?;
        let len = full_apply_scratch(v.rows(), v.cols());
        let mut w = Scratch::new(scratch, len)?.matrix(v.rows(), v.cols())?;
        w.copy_from(v.as_ref());
        Ok(gemm(T::ONE, self.f, w.as_ref(), lambda, v.reborrow())?)
    }

    /// `V := (F + lambda I)^-1 V`. `scratch`: [`full_solve_scratch`].
    ///
    /// # Errors
    /// [`KfacError::Factor`] with the pivot that is not positive.
    pub fn solve(&self, lambda: T, v: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), KfacError> {
        check(lambda)?;
        ShapeError::check("V rows", self.f.rows(), v.rows())?;
        Scratch::new(scratch, full_solve_scratch(self.f.rows()))?;
        let l = factor(self.f, lambda, Side::Whole, scratch)?;
        Ok(ldlt_solve(l, v)?)
    }

    /// `V := (F + lambda I)^p V`. `scratch`: [`full_power_scratch`].
    ///
    /// # Errors
    /// [`KfacError::NotPositive`] with the index of the eigenvalue that is not positive where p
    /// is negative or fractional.
    pub fn power(
        &self,
        p: T,
        lambda: T,
        mut v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        check(lambda)?;
        let n = self.f.rows();
        ShapeError::check("V rows", n, v.rows())?;
        let mut scratch = Scratch::new(scratch, full_power_scratch(n, v.cols()))?;
        let (vectors, values) = (scratch.matrix(n, n)?, scratch.take(n)?);
        let rest = scratch.rest();
        let q = decompose(self.f, Side::Whole, values, vectors, rest)?;
        let mut w = Scratch::new(rest, n * v.cols())?.matrix(n, v.cols())?;
        gemm_tn(T::ONE, q, v.as_ref(), T::ZERO, w.reborrow())?;
        for (i, value) in values.iter_mut().enumerate() {
            *value = power(*value + lambda, p)
                .ok_or(KfacError::NotPositive { row: size(i), col: size(i) })?;
        }
        for w in w.columns() {
            w.iter_mut().zip(values.iter()).for_each(|(w, value)| *w *= *value);
        }
        Ok(gemm(T::ONE, q, w.as_ref(), T::ZERO, v.reborrow())?)
    }
}
