//! The predictive distribution of one sample: vectors all through, for a microcontroller.
//!
//! ```text
//! forward    z_l = s W_l a_{l-1} + t b_l,  a_l = phi(z_l), and phi'(z_l)
//! backward   r_o of the last layer e_o;    r_o := phi' .* (s W_l^T r_o)
//! at a layer, for every direction i of its outputs
//! kron       w_i = V_i^T (Q_A^T a)^2,      cov_ok += (q_i^T r_o) (q_i^T r_k) w_i,  q_i: column of Q_G
//! diagonal   w_i = V_i^T a^2,              cov_ok += (r_o)_i (r_k)_i w_i
//! full       J_o = r_o a^T is kept;        cov_ok = sum_p (b_p^T J_o) (b_p^T J_k) V_p at the end
//! ```
//! The same numbers as [`Posterior::predict`], to rounding, with none of its products of matrices:
//! less memory, less code and fewer instructions for a single sample. Many samples at once are
//! that function's.

use super::error::LaplaceError;
use super::posterior::{Posterior, blocks, posterior_len};
use super::predict::check_layers;
use super::sums::Structure;
use crate::error::ShapeError;
use crate::kfac::Part;
use crate::linalg::{axpy, dot};
use crate::matrix::{Mat, MatMut};
use crate::network::{DenseLayer, Jet, Layer, Mlp, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Scratch of [`Posterior::predict_one`].
pub const fn predict_one_scratch(layers: &[Layer], structure: Structure) -> usize {
    let outputs = layer::outputs(layers);
    let each = match structure {
        Structure::Full => layer::params(layers) * outputs,
        Structure::Kronecker(_) | Structure::Ekfac(_) => layer::max_homogeneous_inputs(layers),
        Structure::Diagonal => 0,
    };
    2 * layer::hidden_units(layers) + (2 * layer::max_outputs(layers) + 1) * outputs + each
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
        let projections = scratch.take(outputs)?;
        let each = scratch.rest();
        let (mut values, mut slopes, mut numbers) = (&*values, &*slopes, self.data);
        let mut unit = MatMut::of(signals.part_mut(..outputs * outputs), outputs, outputs);
        unit.fill(T::ZERO);
        unit.add_diagonal(T::ONE);
        covariance.fill(T::ZERO);
        for dense in net.dense().rev() {
            let (n, m) = (dense.layer.inputs, dense.layer.outputs);
            let first = dense.index == 0;
            let before = if first { 0 } else { values.len().saturating_sub(n) };
            let (values_before, input) = if first { (values, x) } else { values.cut(before) };
            let r = Mat::of(signals.part(..m * outputs), m, outputs);
            let mut spread = Spread { covariance: &mut *covariance, projections };
            if self.structure == Structure::Full {
                jacobian(&dense, input, r, each);
            } else {
                let own = posterior_len(core::slice::from_ref(&dense.layer), self.structure);
                let (others, own) = numbers.cut(numbers.len().saturating_sub(own));
                numbers = others;
                self.layer(&dense, own, input, r, each, &mut spread);
            }
            if !first {
                let (slopes_before, slope) = slopes.cut(before);
                pull_back(&dense, r, slope, below);
                core::mem::swap(&mut signals, &mut below);
                (values, slopes) = (values_before, slopes_before);
            }
        }
        if self.structure == Structure::Full {
            let (b, variances) = self.full();
            let j = Mat::of(each.part(..net.params() * outputs), net.params(), outputs);
            let mut spread = Spread { covariance: &mut *covariance, projections };
            b.columns().zip(variances).for_each(|(b, v)| spread.add(b, j, *v));
        }
        if outputs > 1 {
            MatMut::of(covariance, outputs, outputs).mirror_lower();
        }
        Ok(())
    }

    /// A layer's part of the covariance: `own` are its numbers, `input` is a without its constant.
    #[inline]
    fn layer(
        &self,
        dense: &DenseLayer<'_, T>,
        own: &[T],
        input: &[T],
        r: Mat<'_, T>,
        rotated: &mut [T],
        spread: &mut Spread<'_, T>,
    ) {
        let (s, t) = (dense.scale.weight, dense.scale.bias);
        match self.structure {
            Structure::Kronecker(bias) | Structure::Ekfac(bias) => {
                for block in blocks(core::slice::from_ref(&dense.layer), own, bias) {
                    let weights = if block.place.part == Part::Bias { 0 } else { input.len() };
                    let rotated = rotated.part_mut(..block.place.rows());
                    for (to, q) in rotated.iter_mut().zip(block.input.columns()) {
                        let (q, constant) = q.cut(weights);
                        let of_bias = constant.first().map_or(T::ZERO, |q| t * *q);
                        let a = s * dot(q, input) + of_bias;
                        *to = a * a;
                    }
                    let directions = block.variances.columns().zip(block.output.columns());
                    directions.for_each(|(v, q)| spread.add(q, r, dot(v, rotated)));
                }
            }
            Structure::Diagonal => {
                let (weights, bias) = own.cut(input.len() * dense.layer.outputs);
                for (i, v) in weights.chunks_exact(input.len().max(1)).enumerate() {
                    let squares = v.iter().zip(input);
                    let w = squares.fold(T::ZERO, |sum, (v, a)| sum + *v * (*a * *a));
                    let of_bias = bias.get(i).map_or(T::ZERO, |v| t * t * *v);
                    let at_output = r.columns().map(|r| r.get(i).copied().unwrap_or(T::ZERO));
                    spread.projections.iter_mut().zip(at_output).for_each(|(to, r)| *to = r);
                    spread.weigh(s * s * w + of_bias);
                }
            }
            Structure::Full => {}
        }
    }
}

/// The covariance, its lower triangle, and the outputs' projections on one direction.
struct Spread<'c, T> {
    covariance: &'c mut [T],
    projections: &'c mut [T],
}

impl<T: Real> Spread<'_, T> {
    /// `cov_ok += w (q^T r_o) (q^T r_k)`
    #[inline]
    fn add(&mut self, q: &[T], r: Mat<'_, T>, w: T) {
        self.projections.iter_mut().zip(r.columns()).for_each(|(to, r)| *to = dot(q, r));
        self.weigh(w);
    }

    /// `cov_ok += w p_o p_k`
    #[inline]
    fn weigh(&mut self, w: T) {
        let p = &*self.projections;
        let columns = self.covariance.chunks_exact_mut(p.len().max(1));
        for (o, (column, factor)) in columns.zip(p).enumerate() {
            axpy(w * *factor, p.part(o..), column.part_mut(o..));
        }
    }
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
fn jacobian<T: Real>(dense: &DenseLayer<'_, T>, input: &[T], r: Mat<'_, T>, to: &mut [T]) {
    let params = to.len() / r.cols().max(1);
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
