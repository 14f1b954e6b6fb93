//! The damped natural gradient of one batch, in one call and with nothing kept:
//!
//! ```text
//! backwards through the layers, with the gradient and the O type-2 vectors side by side:
//!   A = mean a a^T,  G = c sum g g^T,  V = c sum a g^T      (in + 1) x out
//!   (A + pi sqrt(lambda) I) D (G + sqrt(lambda) / pi I) = V
//! ```
//! Only one layer's factors are in memory at a time, each factored where it was accumulated.
//! N (O + 4) P multiply-accumulates and the factorisations.

use super::damping::{Damping, Split, check};
use super::error::{KfacError, Side};
use super::factors::{Part, Place};
use crate::error::ShapeError;
use crate::linalg::{gemm_nt, ldlt_stacked, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::layer::{max_outputs, outputs};
use crate::network::{DenseLayer, Layer, Loss, Mlp, Order, Reduction, Tape, Targets, tape_len};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Scratch of [`natural_gradient`].
pub const fn natural_gradient_scratch(layers: &[Layer], batch: usize) -> usize {
    let columns = (1 + outputs(layers)) * batch;
    tape_len(layers, batch, Order::First)
        + outputs(layers) * batch
        + 2 * max_outputs(layers) * columns
        + max_layer_scratch(layers, batch)
}

/// Both stacks and the homogeneous inputs.
const fn layer_scratch(layer: &Layer, batch: usize) -> usize {
    let (n, m) = (layer.homogeneous_inputs(), layer.outputs);
    (n + m) * (n + m) + n * batch
}

const fn max_layer_scratch(layers: &[Layer], batch: usize) -> usize {
    let (mut max, mut l) = (0, 0);
    while l < layers.len() {
        let scratch = layer_scratch(&layers[l], batch);
        if scratch > max {
            max = scratch;
        }
        l += 1;
    }
    max
}

/// `step := (K damped)^-1 gradient`, in parameter order; returns the loss of the batch.
///
/// K is K-FAC's type-2 matrix of this batch alone, `gradient` that of its loss, both with the
/// loss's scale. `x`: inputs x samples; `scratch`: [`natural_gradient_scratch`].
///
/// # Errors
/// [`KfacError`] if network, data, step or scratch do not fit together, or a damped factor is not
/// positive definite.
pub fn natural_gradient<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    targets: Targets<'_, T>,
    (loss, reduction): (Loss, Reduction),
    (lambda, damping): (T, Damping),
    step: &mut [T],
    scratch: &mut [T],
) -> Result<T, KfacError> {
    let (net, layers, samples) = (*net, net.layers(), x.cols());
    ShapeError::check("step", net.params(), step.len())?;
    check(lambda)?;
    let mut scratch = Scratch::new(scratch, natural_gradient_scratch(layers, samples))?;
    let tape = scratch.take(tape_len(layers, samples, Order::First))?;
    let tape = Tape::record(&net, x, Order::First, tape)?;
    let mut f = scratch.matrix(net.outputs(), samples)?;
    tape.outputs(&net, f.reborrow())?;

    let width = max_outputs(layers) * (1 + net.outputs()) * samples;
    let (mut here, mut there) = (scratch.take(width)?, scratch.take(width)?);
    let value = seed(loss, f.into_ref(), targets, here)?;
    let c: T = loss.scale(reduction, samples, net.outputs());
    let factors = scratch.rest();
    for dense in net.dense().rev() {
        let m = dense.layer.outputs;
        let columns = (1 + net.outputs()) * samples;
        let g = Mat::of(here.get(..m * columns).unwrap_or(&[]), m, columns);
        let input = tape.input(dense.index);
        layer_step(&dense, input, g, c, (lambda, damping), step, factors)
            .map_err(|e| e.in_layer(dense.index))?;
        if dense.index > 0 {
            let n = dense.layer.inputs;
            let to = there.get_mut(..n * columns).unwrap_or(&mut []);
            let slope = tape.slope(dense.index - 1).data();
            to.chunks_mut(slope.len().max(1)).for_each(|to| copy(slope, to));
            dense.pull_back(g, MatMut::of(to, n, columns))?;
            core::mem::swap(&mut here, &mut there);
        }
    }
    Ok(c * value)
}

#[inline(always)]
fn copy<T: Real>(from: &[T], to: &mut [T]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// The gradients of the samples' losses, then the O type-2 vectors of each; the sum of the losses.
fn seed<T: Real>(
    loss: Loss,
    f: Mat<'_, T>,
    targets: Targets<'_, T>,
    to: &mut [T],
) -> Result<T, KfacError> {
    let (outputs, samples) = (f.rows(), f.cols());
    let mut seeds = Scratch::new(to, (1 + outputs) * outputs * samples)?;
    loss.gradient(f, targets, seeds.matrix(outputs, samples)?)?;
    for c in 0..outputs {
        loss.hessian_root(f, targets, c, seeds.matrix(outputs, samples)?)?;
    }
    Ok(loss.value(f, targets)?)
}

/// Factors, damping, gradient and solution of one layer.
fn layer_step<T: Real>(
    dense: &DenseLayer<'_, T>,
    x: Mat<'_, T>,
    g: Mat<'_, T>,
    c: T,
    (lambda, damping): (T, Damping),
    step: &mut [T],
    scratch: &mut [T],
) -> Result<(), KfacError> {
    let layer = dense.layer;
    let (n, m, samples) = (layer.homogeneous_inputs(), layer.outputs, x.cols());
    let mut scratch = Scratch::new(scratch, layer_scratch(&layer, samples))?;
    let (gradient, roots) =
        (g.columns_range(0, samples), g.columns_range(samples, g.cols() - samples));

    // A above V^T, G above what V^T becomes: lower triangles are enough.
    let mut over_v = scratch.matrix(n + m, n)?;
    let mut over_w = scratch.matrix(m + n, m)?;
    let inputs = homogeneous(dense, x, scratch.matrix(n, samples)?);
    syrk_nt(T::ONE / T::from_usize(samples), inputs, T::ZERO, over_v.block(0, 0, n, n))?;
    gemm_nt(c, gradient, inputs, T::ZERO, over_v.block(n, 0, m, n))?;
    syrk_nt(c, roots, T::ZERO, over_w.block(0, 0, m, m))?;

    let split = Split::new(
        lambda,
        damping,
        over_v.as_ref().block(0, 0, n, n),
        over_w.as_ref().block(0, 0, m, m),
    )?;
    over_v.add_diagonal(split.input);
    over_w.add_diagonal(split.output);
    ldlt_stacked(over_v.reborrow()).map_err(KfacError::of(Side::Input))?;
    over_w.block(m, 0, n, m).copy_transposed(over_v.as_ref().block(n, 0, m, n));
    ldlt_stacked(over_w.reborrow()).map_err(KfacError::of(Side::Output))?;

    let place =
        Place { index: dense.index, layer, part: Part::Joint, offset: dense.offset, factors: 0 };
    if let Some(to) = step.get_mut(dense.offset..dense.offset + n * m) {
        place.put(over_w.as_ref().block(m, 0, n, m), to);
    }
    Ok(())
}

/// `a = (s x, t)` of each sample, `s x` without a bias.
fn homogeneous<'s, T: Real>(
    dense: &DenseLayer<'_, T>,
    x: Mat<'_, T>,
    mut to: MatMut<'s, T>,
) -> Mat<'s, T> {
    to.fill(dense.scale.bias);
    for (a, x) in to.columns().zip(x.columns()) {
        a.iter_mut().zip(x).for_each(|(a, x)| *a = dense.scale.weight * *x);
    }
    to.into_ref()
}
