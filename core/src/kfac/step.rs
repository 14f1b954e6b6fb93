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
use super::kronecker::check_pivots;
use crate::error::{LinalgError, ShapeError, check_result};
use crate::linalg::{Stacked, gemm_nt, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::layer::{max_outputs, outputs};
use crate::network::{DenseLayer, Layer, Loss, Mlp, Order, Reduction, Tape, Targets, tape_len};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

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

/// Both stacks; the scaled gradients are gone when the second is built.
const fn layer_scratch(layer: &Layer, batch: usize) -> usize {
    let (n, m) = (layer.homogeneous_inputs(), layer.outputs);
    let (over_w, scaled) = (Stacked::<f32>::len(m, n), m * batch);
    Stacked::<f32>::len(n, m) + if over_w > scaled { over_w } else { scaled }
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
    let (layers, samples) = (net.layers(), x.cols());
    ShapeError::check("step", net.params(), step.len())?;
    check(lambda)?;
    let mut scratch = Scratch::new(scratch, natural_gradient_scratch(layers, samples))?;
    let tape = scratch.take(tape_len(layers, samples, Order::First))?;
    let mut f = scratch.matrix(net.outputs(), samples)?;
    let tape = Tape::record_outputs(net, x, Order::First, tape, f.reborrow())?;

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
        let mut g = MatMut::of(here, m, columns);
        if dense.index > 0 {
            let to = there.part_mut(..n * columns);
            dense.transpose(g.as_ref(), MatMut::of(&mut *to, n, columns))?;
            let slope = tape.slope(dense.index - 1).data();
            to.chunks_mut(slope.len().max(1)).for_each(|to| multiply(to, slope));
        }
        let batch = LayerBatch { x: tape.input(dense.index), g: g.reborrow(), multiples, c };
        layer_step(&dense, batch, (lambda, damping), step, factors)
            .map_err(|e| e.in_layer(dense.index))?;
        core::mem::swap(&mut here, &mut there);
    }
    check_result("step", Mat::column_vector(step))?;
    Ok(c * value)
}

#[inline(always)]
fn multiply<T: Real>(to: &mut [T], by: &[T]) {
    to.iter_mut().zip(by).for_each(|(to, by)| *to *= *by);
}

/// The gradients of the samples' losses, then the O type-2 vectors of each; the sum of the losses.
fn seed<T: Real>(
    loss: Loss,
    f: Mat<'_, T>,
    targets: Targets<'_, T>,
    to: &mut [T],
) -> Result<T, KfacError> {
    let (outputs, samples) = (f.rows(), f.cols());
    loss.check(targets, outputs, samples)?;
    let (gradients, roots) = to.cut_mut(outputs * samples);
    let mut value = T::ZERO;
    for (n, (f, to)) in f.columns().zip(gradients.chunks_mut(outputs.max(1))).enumerate() {
        value += loss.sample(f, targets, n);
        loss.sample_gradient(f, targets, n, to);
    }
    for (c, roots) in roots.chunks_mut((outputs * samples).max(1)).enumerate().take(outputs) {
        for (n, (f, to)) in f.columns().zip(roots.chunks_mut(outputs.max(1))).enumerate() {
            loss.sample_root(f, targets, (n, c), to);
        }
    }
    Ok(value)
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

/// Factors, damping, gradient and solution of one layer, lower triangles:
///
/// ```text
/// over_v    A = mean a a^T above V^T = c sum g a^T        (A + pi sqrt(lambda) I)^-1 V
/// over_w    G = c sum r r^T above that, transposed        times (G + sqrt(lambda) / pi I)^-1
/// ```
#[inline(always)]
fn layer_step<T: Real>(
    dense: &DenseLayer<'_, T>,
    batch: LayerBatch<'_, T>,
    (lambda, damping): (T, Damping),
    step: &mut [T],
    scratch: &mut [T],
) -> Result<(), KfacError> {
    let (n, m, samples) = (dense.layer.homogeneous_inputs(), dense.layer.outputs, batch.x.cols());
    let LayerBatch { x, mut g, multiples, c } = batch;
    let mut scratch = Scratch::new(scratch, 0)?;
    let mut over_v = Stacked::new(scratch.take(Stacked::<T>::len(n, m))?, n, m)?;
    let rest = scratch.rest();
    let scaled = scale(&mut g, multiples, MatMut::of(&mut *rest, m, samples));
    gradient(dense, x, scaled.as_ref(), c, over_v.b())?;
    input_factor(dense, x, over_v.a())?;

    let mut over_w = Stacked::new(rest, m, n)?;
    let behind = if multiples.is_empty() { samples } else { 0 };
    let roots = g.as_ref().columns_range(behind, g.cols() - behind);
    syrk_nt(c, roots, T::ZERO, over_w.a())?;

    let split = Split::new(lambda, damping, over_v.a().as_ref(), over_w.a().as_ref())?;
    over_v.a().add_diagonal(split.input);
    over_w.a().add_diagonal(split.output);
    let step = step.part_mut(dense.offset..);
    solve(&mut over_v, step).map_err(KfacError::of(Side::Input))?;
    over_w.b().copy_transposed(over_v.b().into_ref());
    solve(&mut over_w, step).map_err(KfacError::of(Side::Output))?;

    let (weights, bias) = step.cut_mut(dense.layer.inputs * m);
    let (mut weights, mut bias) = (weights.iter_mut(), bias.iter_mut());
    for d in over_w.b().into_ref().columns() {
        let mut d = d.iter();
        weights.by_ref().take(dense.layer.inputs).zip(&mut d).for_each(|(w, d)| *w = *d);
        bias.by_ref().zip(d).for_each(|(b, d)| *b = *d);
    }
    Ok(())
}

/// `B := B A^-1`, with pivots that are more than rounding; the diagonal waits in the layer's step,
/// which is not written yet.
#[inline(never)]
fn solve<T: Real>(over: &mut Stacked<'_, T>, step: &mut [T]) -> Result<(), LinalgError> {
    let a = over.a().into_ref();
    step.iter_mut().zip(a.diagonal()).for_each(|(to, a)| *to = *a);
    over.solve()?;
    check_pivots(over.a().into_ref(), step.iter(), T::ZERO)
}

/// The samples' gradients, in `to`; the vectors of the type-2 Fisher stay in `g`.
fn scale<'s, T: Real>(
    g: &mut MatMut<'_, T>,
    multiples: &[T],
    mut to: MatMut<'s, T>,
) -> MatMut<'s, T> {
    let (p, q) = multiples.cut(multiples.len() / 2);
    let mut multiples = p.iter().zip(q);
    for (to, g) in to.columns().zip(g.columns()) {
        let (p, q) = multiples.next().map_or((T::ONE, T::ONE), |(p, q)| (*p, *q));
        for (to, g) in to.iter_mut().zip(g) {
            (*to, *g) = (p * *g, q * *g);
        }
    }
    to
}

/// `V^T = c sum g a^T`
fn gradient<T: Real>(
    dense: &DenseLayer<'_, T>,
    x: Mat<'_, T>,
    g: Mat<'_, T>,
    c: T,
    v: MatMut<'_, T>,
) -> Result<(), KfacError> {
    let (weights, mut bias) = v.split_at_col(dense.layer.inputs);
    row_sums(c * dense.scale.bias, g, bias.col(0));
    Ok(gemm_nt(c * dense.scale.weight, g, x, T::ZERO, weights)?)
}

/// `A = mean a a^T`
fn input_factor<T: Real>(
    dense: &DenseLayer<'_, T>,
    x: Mat<'_, T>,
    mut a: MatMut<'_, T>,
) -> Result<(), KfacError> {
    let (n, s, t) = (dense.layer.inputs, dense.scale.weight, dense.scale.bias);
    let share = T::ONE / T::from_usize(x.cols());
    syrk_nt(share * s * s, x, T::ZERO, a.block(0, 0, n, n))?;
    // The sums run down the last column; its mirror image is the last row.
    let (mut left, mut last) = a.split_at_col(n);
    if let Some((corner, sums)) = last.col(0).split_last_mut() {
        row_sums(share * s * t, x, sums);
        *corner = t * t;
        for (column, sum) in left.columns().zip(sums) {
            if let Some(entry) = column.last_mut() {
                *entry = *sum;
            }
        }
    }
    Ok(())
}

/// `to = alpha M 1`
#[inline(never)]
fn row_sums<T: Real>(alpha: T, m: Mat<'_, T>, to: &mut [T]) {
    let mut columns = m.columns();
    let Some(first) = columns.next() else { return };
    for (to, v) in to.iter_mut().zip(first) {
        *to = alpha * *v;
    }
    for column in columns {
        for (to, v) in to.iter_mut().zip(column) {
            *to += alpha * *v;
        }
    }
}
