//! Diagonal blocks.
//!
//! ```text
//! low variance   d = c sum_n (a_n .* a_n) (g_n .* g_n)^T      in x out, bias row: t^2 c sum g_n^2
//! naive          d = (c' sum_n grad_n)^2 / weight             the square of the sum: any parameter
//! apply, solve, power p:  v := (d + lambda)^p .* v
//! ```
//! N in out multiply-accumulates. Martens & Grosse's tf/kfac blocks of the same names.

use super::damping::check;
use super::eigen::{positive, power};
use super::error::KfacError;
use super::statistics::{Batch, Fisher, Weights, batch_scratch, for_each_vector};
use crate::error::{ShapeError, size};
use crate::linalg::gemm_nt;
use crate::matrix::{Mat, MatMut};
use crate::network::{Layer, Loss, Mlp, Scale, Targets, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Scratch of [`diagonal_factor`] for `samples` samples.
pub const fn diagonal_factor_scratch(inputs: usize, outputs: usize, samples: usize) -> usize {
    (inputs + outputs) * samples
}

/// `D := keep D + weight sum_n (s x)^2 (g^2)^T`, the weights' diagonal, in x out, and
/// `d := keep d + weight t^2 sum_n g^2`, the bias's: out values, or none.
///
/// `x`: in x samples, `g`: out x samples, `scratch`: [`diagonal_factor_scratch`].
///
/// # Errors
/// [`KfacError`] if the sizes do not fit.
pub fn diagonal_factor<T: Real>(
    x: Mat<'_, T>,
    g: Mat<'_, T>,
    scale: Scale<T>,
    keep: T,
    weight: T,
    weights: MatMut<'_, T>,
    bias: &mut [T],
    scratch: &mut [T],
) -> Result<(), KfacError> {
    let len = diagonal_factor_scratch(x.rows(), g.rows(), x.cols());
    let mut scratch = Scratch::new(scratch, len)?;
    let x = squares(x, scratch.matrix(x.rows(), x.cols())?);
    let g = squares(g, scratch.matrix(g.rows(), g.cols())?);
    gemm_nt(weight * scale.weight * scale.weight, x, g, keep, weights)?;
    for (o, d) in bias.iter_mut().enumerate() {
        let sum = g.columns().fold(T::ZERO, |sum, g| sum + g.get(o).copied().unwrap_or(T::ZERO));
        let old = if keep == T::ZERO { T::ZERO } else { keep * *d };
        *d = old + weight * scale.bias * scale.bias * sum;
    }
    Ok(())
}

/// The squares of the entries.
pub(crate) fn squares<'s, T: Real>(m: Mat<'_, T>, mut to: MatMut<'s, T>) -> Mat<'s, T> {
    for (to, from) in to.columns().zip(m.columns()) {
        to.iter_mut().zip(from).for_each(|(to, v)| *to = *v * *v);
    }
    to.into_ref()
}

/// `d := keep d + gradient^2 / samples`, from the gradient of the samples' summed loss.
///
/// # Errors
/// [`ShapeError`] if the lengths differ.
pub fn naive_diagonal<T: Real>(
    gradient: &[T],
    samples: usize,
    keep: T,
    d: &mut [T],
) -> Result<(), ShapeError> {
    ShapeError::check("diagonal", gradient.len(), d.len())?;
    let weight = T::ONE / T::from_usize(samples.max(1));
    for (d, g) in d.iter_mut().zip(gradient) {
        let old = if keep == T::ZERO { T::ZERO } else { keep * *d };
        *d = old + weight * *g * *g;
    }
    Ok(())
}

/// Scratch of [`accumulate_diagonal`].
pub const fn accumulate_diagonal_scratch(layers: &[Layer], batch: usize) -> usize {
    batch_scratch(layers, batch) + 2 * widest(layers) * batch
}

const fn widest(layers: &[Layer]) -> usize {
    let (a, b) = (layer::max_homogeneous_inputs(layers), layer::max_outputs(layers));
    if a > b { a } else { b }
}

/// Updates the diagonal of the Fisher or GGN of a network, in parameter order, by a batch.
/// `scratch`: [`accumulate_diagonal_scratch`].
///
/// # Errors
/// [`KfacError`] if network, data, diagonal or scratch do not fit together.
pub fn accumulate_diagonal<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    fisher: Fisher<'_>,
    weights: Weights<T>,
    diagonal: &mut [T],
    scratch: &mut [T],
) -> Result<(), KfacError> {
    ShapeError::check("diagonal", net.params(), diagonal.len())?;
    loss.check(targets, net.outputs(), x.cols())?;
    let len = accumulate_diagonal_scratch(net.layers(), x.cols());
    let mut scratch = Scratch::new(scratch, len)?;
    let mut batch = Batch::record(net, x, &mut scratch)?;
    add(&mut batch, targets, loss, fisher, weights, diagonal, scratch.rest())
}

/// The same after a forward pass. `squares`: twice the widest layer, times the samples.
pub(crate) fn add<T: Real>(
    batch: &mut Batch<'_, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    fisher: Fisher<'_>,
    weights: Weights<T>,
    diagonal: &mut [T],
    squares: &mut [T],
) -> Result<(), KfacError> {
    let tape = batch.tape;
    for_each_vector(batch, targets, loss, fisher, &mut |batch, pass, share| {
        let keep = if pass == 0 { weights.keep } else { T::ONE };
        batch.backward(&mut |dense, g| {
            let (n, m) = (dense.layer.inputs, dense.layer.outputs);
            let (d, bias) = diagonal.part_mut(dense.offset..).cut_mut(n * m);
            let bias = if dense.layer.bias { bias.part_mut(..m) } else { &mut [] };
            let (x, d) = (tape.input(dense.index), MatMut::of(d, n, m));
            let (scale, weight) = (dense.scale, share * weights.output);
            diagonal_factor(x, g, scale, keep, weight, d, bias, squares)
        })
    })
}

/// A diagonal block.
#[derive(Clone, Copy, Debug)]
pub struct Diagonal<'a, T> {
    d: &'a [T],
}

impl<'a, T: Real> Diagonal<'a, T> {
    /// The block of diagonal `d`.
    pub const fn new(d: &'a [T]) -> Self {
        Self { d }
    }

    /// `v := (d + lambda) .* v`
    ///
    /// # Errors
    /// Those of [`Diagonal::power`].
    pub fn apply(&self, lambda: T, v: &mut [T]) -> Result<(), KfacError> {
        self.power(T::ONE, lambda, v)
    }

    /// `v := v ./ (d + lambda)`
    ///
    /// # Errors
    /// [`KfacError::NotPositive`] with the index of an entry that is not positive.
    pub fn solve(&self, lambda: T, v: &mut [T]) -> Result<(), KfacError> {
        self.check(lambda, v)?;
        for (i, (v, d)) in v.iter_mut().zip(self.d).enumerate() {
            *v /= positive(*d + lambda, i, 0)?;
        }
        Ok(())
    }

    /// `v := (d + lambda)^p .* v`
    ///
    /// # Errors
    /// [`KfacError::NotPositive`] with the index of an entry that is not positive where p is
    /// negative or fractional; a lambda or a v that does not fit.
    pub fn power(&self, p: T, lambda: T, v: &mut [T]) -> Result<(), KfacError> {
        self.check(lambda, v)?;
        for (i, (v, d)) in v.iter_mut().zip(self.d).enumerate() {
            *v *= power(*d + lambda, p).ok_or(KfacError::NotPositive { row: size(i), col: 0 })?;
        }
        Ok(())
    }

    fn check(&self, lambda: T, v: &[T]) -> Result<(), KfacError> {
        check(lambda)?;
        Ok(ShapeError::check("vector", self.d.len(), v.len())?)
    }
}
