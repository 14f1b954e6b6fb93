//! The damped natural gradient of one batch, in one call and with nothing kept:
//!
//! ```text
//! backwards through the layers, with the gradient and the O type-2 vectors side by side:
//!   A = mean a a^T,  G = c sum r r^T,  V^T = c sum g a^T      a = (s x, t): in + 1
//!   (A + pi sqrt(lambda) I) D (G + sqrt(lambda) / pi I) = V
//! ```
//! Only one layer's factors are in memory at a time, each stacked on its right-hand side and
//! solved where it was accumulated. N (O + 4) P multiply-accumulates and the factorisations.
//! With one output, gradient and type-2 vector are multiples of one vector: `g = p u`, `r = q u`,
//! and u alone is pulled back.

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
    tape_len(layers, batch, Order::First)
        + outputs(layers) * batch
        + 2 * max_outputs(layers) * kinds(layers) * batch
        + multiples(layers) * batch
        + max_layer_scratch(layers, batch)
}

/// The vectors of a sample that are pulled back.
const fn kinds(layers: &[Layer]) -> usize {
    if outputs(layers) == 1 { 1 } else { 1 + outputs(layers) }
}

/// The multiples of it that a sample stands for, if it is one.
const fn multiples(layers: &[Layer]) -> usize {
    if outputs(layers) == 1 { 2 } else { 0 }
}

/// Both stacks and the homogeneous inputs.
const fn layer_scratch(layer: &Layer, batch: usize) -> usize {
    let (n, m) = (layer.homogeneous_inputs(), layer.outputs);
    (n + m) * (n + m) + n * batch
}

/// The most that a layer needs of them.
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
// Never made to measure for one network, so that the next one costs its layers alone.
#[inline(never)]
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

    let columns = kinds(layers) * samples;
    let width = max_outputs(layers) * columns;
    let (mut here, mut there) = (scratch.take(width)?, scratch.take(width)?);
    let multiples = scratch.take(multiples(layers) * samples)?;
    let seeds = if multiples.is_empty() { &mut *here } else { &mut *multiples };
    let value = seed(loss, f.into_ref(), targets, seeds)?;
    if !multiples.is_empty() {
        here.fill(T::ONE);
    }
    let c: T = loss.scale(reduction, samples, net.outputs());
    let factors = scratch.rest();
    for dense in net.dense().rev() {
        let (n, m) = (dense.layer.inputs, dense.layer.outputs);
        let mut g = MatMut::of(here.get_mut(..m * columns).unwrap_or(&mut []), m, columns);
        if dense.index > 0 {
            let to = there.get_mut(..n * columns).unwrap_or(&mut []);
            let slope = tape.slope(dense.index - 1).data();
            to.chunks_mut(slope.len().max(1)).for_each(|to| copy(slope, to));
            dense.pull_back(g.as_ref(), MatMut::of(to, n, columns))?;
        }
        let batch = LayerBatch { x: tape.input(dense.index), g: g.reborrow(), multiples, c };
        layer_step(&dense, batch, (lambda, damping), step, factors)
            .map_err(|e| e.in_layer(dense.index))?;
        core::mem::swap(&mut here, &mut there);
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

/// What a layer sees of the batch.
struct LayerBatch<'b, T> {
    /// Its inputs: in x N.
    x: Mat<'b, T>,
    /// The gradients at its outputs and the type-2 vectors, out x (1 + O) N, or what they are
    /// multiples of, out x N.
    g: MatMut<'b, T>,
    /// The multiples: of the gradients, then of the type-2 vectors.
    multiples: &'b [T],
    /// The loss's scale.
    c: T,
}

/// One layer's block and what it is solved for, lower triangles: A above V^T, and G above what V^T
/// becomes.
struct Stacks<'s, T> {
    /// (in + 1 + out) x (in + 1)
    over_v: MatMut<'s, T>,
    /// (out + in + 1) x out
    over_w: MatMut<'s, T>,
}

/// Factors, damping, gradient and solution of one layer.
fn layer_step<T: Real>(
    dense: &DenseLayer<'_, T>,
    batch: LayerBatch<'_, T>,
    (lambda, damping): (T, Damping),
    step: &mut [T],
    scratch: &mut [T],
) -> Result<(), KfacError> {
    let (n, m) = (dense.layer.homogeneous_inputs(), dense.layer.outputs);
    let mut scratch = Scratch::new(scratch, layer_scratch(&dense.layer, batch.x.cols()))?;
    let (over_v, over_w) = (scratch.matrix(n + m, n)?, scratch.matrix(m + n, m)?);
    let mut stacks = Stacks { over_v, over_w };
    stacks.fill(dense, batch, scratch.rest())?;
    stacks.solve(lambda, damping)?;
    let place = Place {
        index: dense.index,
        layer: dense.layer,
        part: Part::Joint,
        offset: dense.offset,
        factors: 0,
    };
    if let Some(to) = step.get_mut(dense.offset..dense.offset + n * m) {
        place.put(stacks.over_w.block(m, 0, n, m).into_ref(), to);
    }
    Ok(())
}

impl<T: Real> Stacks<'_, T> {
    /// `A = mean a a^T`, `V^T = c sum g a^T`, `G = c sum r r^T`
    fn fill(
        &mut self,
        dense: &DenseLayer<'_, T>,
        batch: LayerBatch<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        let LayerBatch { x, mut g, multiples, c } = batch;
        let (n, m, samples) = (dense.layer.homogeneous_inputs(), dense.layer.outputs, x.cols());
        let mut a = homogeneous(dense, x, MatMut::of(scratch, n, samples));
        let share = T::ONE / T::from_usize(samples);
        syrk_nt(share, a.as_ref(), T::ZERO, self.over_v.block(0, 0, n, n))?;
        let (of_gradients, of_roots) =
            multiples.split_at_checked(multiples.len() / 2).unwrap_or_default();
        scale_columns(&mut a, of_gradients);
        let gradients = g.as_ref().columns_range(0, samples);
        gemm_nt(c, gradients, a.as_ref(), T::ZERO, self.over_v.block(n, 0, m, n))?;
        scale_columns(&mut g, of_roots);
        let behind = if multiples.is_empty() { samples } else { 0 };
        let roots = g.as_ref().columns_range(behind, g.cols() - behind);
        Ok(syrk_nt(c, roots, T::ZERO, self.over_w.block(0, 0, m, m))?)
    }

    /// `D = (A + pi sqrt(lambda) I)^-1 V (G + sqrt(lambda) / pi I)^-1`, under G.
    fn solve(&mut self, lambda: T, damping: Damping) -> Result<(), KfacError> {
        let Self { over_v, over_w } = self;
        let (n, m) = (over_v.cols(), over_w.cols());
        let (a, g) = (over_v.as_ref().block(0, 0, n, n), over_w.as_ref().block(0, 0, m, m));
        let split = Split::new(lambda, damping, a, g)?;
        over_v.add_diagonal(split.input);
        over_w.add_diagonal(split.output);
        ldlt_stacked(over_v.reborrow()).map_err(KfacError::of(Side::Input))?;
        over_w.block(m, 0, n, m).copy_transposed(over_v.block(n, 0, m, n).into_ref());
        ldlt_stacked(over_w.reborrow()).map_err(KfacError::of(Side::Output))
    }
}

/// `a = (s x, t)` of each sample, `s x` without a bias.
fn homogeneous<'s, T: Real>(
    dense: &DenseLayer<'_, T>,
    x: Mat<'_, T>,
    mut to: MatMut<'s, T>,
) -> MatMut<'s, T> {
    for (a, x) in to.columns().zip(x.columns()) {
        let mut a = a.iter_mut();
        x.iter().zip(&mut a).for_each(|(x, a)| *a = dense.scale.weight * *x);
        a.for_each(|a| *a = dense.scale.bias);
    }
    to
}

/// Each column times its factor, as far as there are factors.
fn scale_columns<T: Real>(m: &mut MatMut<'_, T>, factors: &[T]) {
    for (column, factor) in m.columns().zip(factors) {
        column.iter_mut().for_each(|v| *v *= *factor);
    }
}
