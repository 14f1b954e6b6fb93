//! The predictive distribution of one sample: vectors all through, for a microcontroller.
//!
//! ```text
//! forward    z_l = s W_l a_{l-1} + t b_l,  a_l = phi(z_l), and phi'(z_l)
//! backward   r_o of the last layer e_o;    r_o := phi' .* (s W_l^T r_o)
//! kron       w = V^T (Q_A^T a)^2,  s_o = Q_G^T r_o,   cov_ok += sum_i w_i s_oi s_ki
//! diagonal   w = V^T a^2,          s_o = r_o,         the same
//! full       J_o = r_o a^T of all layers, w = V,  s_o = B^T J_o,  the same at the end
//! ```
//! The same numbers as [`Posterior::predict`], to rounding, with none of its products of matrices:
//! less memory, less code and fewer instructions for a single sample. Many samples at once are
//! that function's.

use super::error::LaplaceError;
use super::posterior::{Posterior, Rotated, blocks, posterior_len};
use super::predict::{add, check_layers, mirror};
use super::sums::Structure;
use crate::error::ShapeError;
use crate::kfac::Part;
use crate::linalg::axpy;
use crate::matrix::{Mat, MatMut};
use crate::network::{DenseLayer, Jet, Layer, Mlp, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Scratch of [`Posterior::predict_one`].
pub const fn predict_one_scratch(layers: &[Layer], structure: Structure) -> usize {
    let (n, m) = (layer::max_homogeneous_inputs(layers), layer::max_outputs(layers));
    let outputs = layer::outputs(layers);
    2 * (layer::hidden_units(layers) + m * outputs)
        + match structure {
            Structure::Full => 2 * layer::params(layers) * outputs,
            Structure::Kronecker(_) | Structure::Ekfac(_) => n + m + m * outputs,
            Structure::Diagonal => n + m,
        }
}

impl<T: Real> Posterior<'_, T> {
    /// `mean = f(x)` and the covariance of the outputs, O x O, of one sample.
    ///
    /// `x`: a value an input; `mean`: O; `covariance`: O O; `scratch`: [`predict_one_scratch`].
    ///
    /// # Errors
    /// [`LaplaceError`] if network, posterior, sample, results or scratch do not fit together, or
    /// the sample is not finite.
    #[inline]
    pub fn predict_one(
        &self,
        net: &Mlp<'_, T>,
        x: &[T],
        mean: &mut [T],
        covariance: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), LaplaceError> {
        let (layers, outputs) = (net.layers(), net.outputs());
        check_layers(layers, self.layers)?;
        net.check_batch("x", Mat::of(x, x.len(), 1))?;
        ShapeError::check("mean", outputs, mean.len())?;
        ShapeError::check("covariance", outputs * outputs, covariance.len())?;
        let needed = predict_one_scratch(layers, self.structure);
        let mut scratch = Scratch::new(scratch, needed)?;
        let hidden = layer::hidden_units(layers);
        let (values, slopes) = (scratch.take(hidden)?, scratch.take(hidden)?);
        forward(net, x, values, slopes, mean);

        let width = layer::max_outputs(layers) * outputs;
        let (mut signals, mut below) = (scratch.take(width)?, scratch.take(width)?);
        let scratch = scratch.rest();
        let mut unit = MatMut::of(signals.part_mut(..outputs * outputs), outputs, outputs);
        unit.fill(T::ZERO);
        unit.add_diagonal(T::ONE);
        covariance.fill(T::ZERO);
        let (mut values, mut slopes, mut numbers) = (&*values, &*slopes, self.data);
        for dense in net.dense().rev() {
            let r = Mat::of(
                signals.part(..dense.layer.outputs * outputs),
                dense.layer.outputs,
                outputs,
            );
            let before = values.len().saturating_sub(dense.layer.inputs);
            let (values_before, a) =
                if dense.index == 0 { (values, x) } else { values.cut(before) };
            let layer = core::slice::from_ref(&dense.layer);
            match self.structure {
                Structure::Full => jacobian(&dense, a, r, net.params(), scratch),
                structure => {
                    let start = numbers.len().saturating_sub(posterior_len(layer, structure));
                    let (numbers_before, own) = numbers.cut(start);
                    numbers = numbers_before;
                    if let Structure::Kronecker(bias) | Structure::Ekfac(bias) = structure {
                        for block in blocks(layer, own, bias) {
                            kronecker(&dense, &block, a, r, covariance, &mut *scratch)?;
                        }
                    } else {
                        diagonal(&dense, own, a, r, covariance, &mut *scratch)?;
                    }
                }
            }
            if dense.index > 0 {
                let (slopes_before, slope) = slopes.cut(before);
                pull_back(&dense, r, slope, below);
                core::mem::swap(&mut signals, &mut below);
                (values, slopes) = (values_before, slopes_before);
            }
        }
        if self.structure == Structure::Full {
            let (b, variances) = self.full();
            let params = net.params();
            let (j, to) = scratch.cut_mut(params * outputs);
            let projections = project(b, Mat::of(j, params, outputs), to);
            add(Mat::of(variances, params, 1), projections, outputs, covariance);
        }
        mirror(outputs, covariance);
        Ok(())
    }
}

/// `Q^T r_o` of every output.
#[inline]
fn project<'s, T: Real>(q: Mat<'_, T>, r: Mat<'_, T>, to: &'s mut [T]) -> Mat<'s, T> {
    let (rows, cols) = (q.cols(), r.cols());
    let to = to.part_mut(..rows * cols);
    for (to, r) in to.chunks_exact_mut(rows.max(1)).zip(r.columns()) {
        T::transpose_times(T::ONE, q, r, to);
    }
    Mat::of(to, rows, cols)
}

/// A block's part of the covariance; `a` without its constant.
#[inline]
fn kronecker<T: Real>(
    dense: &DenseLayer<'_, T>,
    block: &Rotated<'_, T>,
    a: &[T],
    r: Mat<'_, T>,
    covariance: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    let (n, m) = (block.place.rows(), block.place.cols());
    let mut scratch = Scratch::new(scratch, n + m + m * r.cols())?;
    let (rotated, w) = (scratch.take(n)?, scratch.take(m)?);
    let weights = if block.place.part == Part::Bias { 0 } else { a.len() };
    T::transpose_times(dense.scale.weight, block.input.block(0, 0, weights, n), a, rotated);
    let constant = if n > weights { dense.scale.bias } else { T::ZERO };
    for (to, q) in rotated.iter_mut().zip(block.input.columns()) {
        let a = *to + constant * q.last().copied().unwrap_or(T::ZERO);
        *to = a * a;
    }
    T::transpose_times(T::ONE, block.variances, rotated, w);
    let projections = project(block.output, r, scratch.rest());
    add(Mat::of(w, m, 1), projections, r.cols(), covariance);
    Ok(())
}

/// A layer's part of the covariance; `a` without its constant.
#[inline]
fn diagonal<T: Real>(
    dense: &DenseLayer<'_, T>,
    variances: &[T],
    a: &[T],
    r: Mat<'_, T>,
    covariance: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    let (n, m) = (dense.layer.inputs, dense.layer.outputs);
    let (s, t) = (dense.scale.weight, dense.scale.bias);
    let mut scratch = Scratch::new(scratch, n + m)?;
    let (squares, w) = (scratch.take(n)?, scratch.take(m)?);
    squares.iter_mut().zip(a).for_each(|(to, a)| *to = *a * *a);
    let (weights, bias) = variances.cut(n * m);
    T::transpose_times(s * s, Mat::of(weights, n, m), squares, w);
    axpy(t * t, bias, w);
    add(Mat::of(w, m, 1), r, r.cols(), covariance);
    Ok(())
}

/// The activations and slopes of the hidden layers, and the outputs.
#[inline]
fn forward<T: Real>(net: &Mlp<'_, T>, x: &[T], values: &mut [T], slopes: &mut [T], mean: &mut [T]) {
    let (mut input, mut values, mut slopes) = (x, values, slopes);
    for dense in net.dense() {
        if dense.index + 1 == net.depth() {
            dense.forward_one(input, mean);
            break;
        }
        let (value, values_after) = values.cut_mut(dense.layer.outputs);
        let (first, slopes_after) = slopes.cut_mut(dense.layer.outputs);
        dense.forward_one(input, value);
        dense.activate(Jet { value, first, second: &mut [] });
        (input, values, slopes) = (value, values_after, slopes_after);
    }
}

/// `phi' .* (s W^T r_o)` of every output, phi' that of the layer below.
#[inline]
fn pull_back<T: Real>(dense: &DenseLayer<'_, T>, r: Mat<'_, T>, slope: &[T], to: &mut [T]) {
    for (to, r) in to.chunks_exact_mut(slope.len().max(1)).zip(r.columns()) {
        to.fill(T::ZERO);
        dense.weights.columns().zip(r).for_each(|(w, r)| axpy(*r, w, to));
        to.iter_mut().zip(slope).for_each(|(to, slope)| *to *= dense.scale.weight * *slope);
    }
}

/// The layer's part of every output's gradient, in parameter order: P x O.
fn jacobian<T: Real>(
    dense: &DenseLayer<'_, T>,
    input: &[T],
    r: Mat<'_, T>,
    params: usize,
    to: &mut [T],
) {
    for (to, r) in to.chunks_exact_mut(params.max(1)).zip(r.columns()) {
        let own = to.part_mut(dense.offset..dense.offset + dense.layer.params());
        let (weights, bias) = own.cut_mut(dense.layer.inputs * dense.layer.outputs);
        for (row, r) in weights.chunks_exact_mut(input.len().max(1)).zip(r) {
            let factor = dense.scale.weight * *r;
            row.iter_mut().zip(input).for_each(|(to, x)| *to = factor * *x);
        }
        bias.iter_mut().zip(r).for_each(|(to, r)| *to = dense.scale.bias * *r);
    }
}
