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
use super::factors::{Part, Place, max_block};
use crate::error::ShapeError;
use crate::linalg::{axpy, gemm_nt, ldlt, ldlt_solve, ldlt_solve_right, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::layer::{max_homogeneous_inputs, max_outputs, outputs};
use crate::network::{DenseLayer, Layer, Loss, Mlp, Order, Reduction, Tape, Targets, tape_len};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Scratch of [`natural_gradient`].
pub const fn natural_gradient_scratch(layers: &[Layer], batch: usize) -> usize {
    let (n, m) = (max_homogeneous_inputs(layers), max_outputs(layers));
    let columns = (1 + outputs(layers)) * batch;
    tape_len(layers, batch, Order::First)
        + outputs(layers) * batch
        + 2 * m * columns
        + n * n
        + m * m
        + max_block(layers)
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
    let mut scratch = Scratch::new(scratch, n * n + m * m + n * m)?;
    let (mut a, mut output) = (scratch.matrix(n, n)?, scratch.matrix(m, m)?);
    let mut v = scratch.matrix(n, m)?;

    // The factors, lower triangles.
    let (s, inputs) = (dense.scale.weight, layer.inputs);
    let (gradient, roots) =
        (g.columns_range(0, samples), g.columns_range(samples, g.cols() - samples));
    let share = T::ONE / T::from_usize(samples);
    syrk_nt(share * s * s, x, T::ZERO, a.block(0, 0, inputs, inputs))?;
    syrk_nt(c, roots, T::ZERO, output.reborrow())?;
    gemm_nt(c * s, x, gradient, T::ZERO, v.block(0, 0, inputs, m))?;
    if layer.bias {
        let t = dense.scale.bias;
        homogeneous_row(x, share * s * t, share * t * t * T::from_usize(samples), &mut a);
        bias_row(gradient, c * t, &mut v);
    }

    let split = Split::new(lambda, damping, a.as_ref(), output.as_ref())?;
    a.add_diagonal(split.input);
    output.add_diagonal(split.output);
    ldlt(a.reborrow()).map_err(KfacError::of(Side::Input))?;
    ldlt(output.reborrow()).map_err(KfacError::of(Side::Output))?;
    ldlt_solve(a.as_ref(), v.reborrow())?;
    ldlt_solve_right(output.as_ref(), v.reborrow())?;

    let place =
        Place { index: dense.index, layer, part: Part::Joint, offset: dense.offset, factors: 0 };
    if let Some(to) = step.get_mut(dense.offset..dense.offset + n * m) {
        place.put(v.as_ref(), to);
    }
    Ok(())
}

/// The last row of A: weighted sums of the inputs, and the corner.
fn homogeneous_row<T: Real>(x: Mat<'_, T>, weight: T, corner: T, a: &mut MatMut<'_, T>) {
    // Summed down the last column, whose part above the diagonal nothing reads.
    let n = x.rows();
    let (mut left, mut right) = a.reborrow().split_at_col(n);
    let Some((last, sums)) = right.col(0).split_last_mut() else { return };
    sums.fill(T::ZERO);
    x.columns().for_each(|x| axpy(T::ONE, x, sums));
    for (column, sum) in left.columns().zip(sums.iter()) {
        if let Some(to) = column.last_mut() {
            *to = weight * *sum;
        }
    }
    *last = corner;
}

/// The last row of V: weighted sums of the gradients.
fn bias_row<T: Real>(g: Mat<'_, T>, weight: T, v: &mut MatMut<'_, T>) {
    for (o, v) in v.columns().enumerate() {
        let sum = g.columns().fold(T::ZERO, |sum, g| sum + g.get(o).copied().unwrap_or(T::ZERO));
        if let Some(last) = v.last_mut() {
            *last = weight * sum;
        }
    }
}
