//! The predictive distribution: outputs, their covariance, the variance of an observation.
//!
//! ```text
//! J_o of layer l is r_o a^T, a: its homogeneous input, r_o = d f_o / d z_l; so cov = J P^-1 J^T is
//! kron, ekfac   cov_ok = sum_l sum_i (Q_G^T r_o)_i (Q_G^T r_k)_i w_i,   w = V^T (Q_A^T a)^2
//! diagonal      cov_ok = sum_l sum_i (r_o)_i (r_k)_i w_i,               w = V^T a^2
//! full          cov_ok = sum_p (B^T J_o)_p (B^T J_k)_p V_p
//! observation   cov_oo + sigma^2
//! ```
//! A forward and a backward pass, and `O out^2 + in^2 + in out + O^2 out` a layer: no Jacobian but
//! for the full structure. At the last layer r_o is a unit vector.

use super::error::LaplaceError;
use super::posterior::{Posterior, blocks, posterior_len};
use super::sums::Structure;
use crate::error::ShapeError;
use crate::kfac::Bias;
use crate::kfac::diagonal::squares;
use crate::kfac::ekfac::rotated_inputs;
use crate::linalg::gemm_tn;
use crate::matrix::{Mat, MatMut};
use crate::network::{DenseLayer, Layer, Mlp, layer};
use crate::ntk::jacobian::gradient;
use crate::ntk::{Directions, Tape, tape_len};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Scratch of [`Posterior::predict`] for `batch` samples.
pub const fn predict_scratch(layers: &[Layer], structure: Structure, batch: usize) -> usize {
    let (n, m) = (layer::max_homogeneous_inputs(layers), layer::max_outputs(layers));
    let outputs = layer::outputs(layers);
    tape_len(layers, Directions::Each, batch)
        + match structure {
            Structure::Full => 2 * layer::params(layers) * outputs,
            Structure::Kronecker(_) | Structure::Ekfac(_) => {
                (n + m + m * outputs) * batch + last_signals(layers)
            }
            Structure::Diagonal => (n + m) * batch + last_signals(layers),
        }
}

/// The unit vectors of the last layer.
const fn last_signals(layers: &[Layer]) -> usize {
    layer::outputs(layers) * layer::outputs(layers)
}

impl<T: Real> Posterior<'_, T> {
    /// `mean = f(x)`, outputs x samples, and the covariance of the outputs of each sample, one
    /// O x O matrix after the other. No query changes the posterior.
    ///
    /// `x`: inputs x samples; `covariance`: O O N; `scratch`: [`predict_scratch`].
    ///
    /// # Errors
    /// [`LaplaceError`] if network, posterior, data, results or scratch do not fit together.
    pub fn predict(
        &self,
        net: &Mlp<'_, T>,
        x: Mat<'_, T>,
        mean: MatMut<'_, T>,
        covariance: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), LaplaceError> {
        let (layers, samples, outputs) = (net.layers(), x.cols(), net.outputs());
        check_layers(layers, self.layers)?;
        mean.as_ref().check(("mean rows", "mean samples"), outputs, samples)?;
        ShapeError::check("covariance", outputs * outputs * samples, covariance.len())?;
        let needed = predict_scratch(layers, self.structure, samples);
        let mut scratch = Scratch::new(scratch, needed)?;
        let storage = scratch.take(tape_len(layers, Directions::Each, samples))?;
        let tape = Tape::record(net, Directions::Each, x, storage)?;
        let scratch = scratch.rest();
        covariance.fill(T::ZERO);
        match self.structure {
            Structure::Full => full(net, self, &tape, covariance, scratch)?,
            Structure::Kronecker(bias) | Structure::Ekfac(bias) => {
                kronecker(net, self, bias, &tape, covariance, scratch)?;
            }
            Structure::Diagonal => diagonal(net, self.data, &tape, covariance, scratch)?,
        }
        if let Some(last) = net.dense().next_back() {
            last.forward(tape.input(last.index), mean)?;
        }
        mirror(outputs, covariance);
        Ok(())
    }
}

/// The posterior is one of this network.
pub(super) fn check_layers(net: &[Layer], posterior: &[Layer]) -> Result<(), LaplaceError> {
    ShapeError::check("posterior layers", net.len(), posterior.len())?;
    for (net, posterior) in net.iter().zip(posterior) {
        ShapeError::check("posterior inputs", net.inputs, posterior.inputs)?;
        ShapeError::check("posterior outputs", net.outputs, posterior.outputs)?;
        ShapeError::check("posterior biases", net.params(), posterior.params())?;
    }
    Ok(())
}

/// `r_o` of a hidden layer: out x (O N), sample after sample.
fn each_direction<'t, T: Real>(
    tape: &Tape<'t, T>,
    dense: &DenseLayer<'_, T>,
    outputs: usize,
) -> Mat<'t, T> {
    Mat::of(tape.signals(dense.index).data(), dense.layer.outputs, outputs * tape.batch())
}

/// The covariances of the samples.
fn each_sample<T>(outputs: usize, covariance: &mut [T]) -> core::slice::ChunksExactMut<'_, T> {
    covariance.chunks_exact_mut((outputs * outputs).max(1))
}

/// `cov_ok += sum_i s_io s_ik w_i` for k <= o, sample after sample. `signals` out x (O N), or
/// out x O for all samples alike.
pub(super) fn add<T: Real>(
    w: Mat<'_, T>,
    signals: Mat<'_, T>,
    outputs: usize,
    covariance: &mut [T],
) {
    let alike = signals.cols() == outputs;
    for (n, (w, covariance)) in w.columns().zip(each_sample(outputs, covariance)).enumerate() {
        let from = if alike { 0 } else { n * outputs };
        for (o, column) in covariance.chunks_exact_mut(outputs.max(1)).enumerate() {
            let s = signals.col(from + o);
            for (k, c) in column.iter_mut().enumerate().skip(o) {
                let products = s.iter().zip(signals.col(from + k)).zip(w);
                *c += products.fold(T::ZERO, |sum, ((s, t), w)| sum + *s * *t * *w);
            }
        }
    }
}

/// The upper triangles from the lower.
pub(super) fn mirror<T: Real>(outputs: usize, covariance: &mut [T]) {
    if outputs > 1 {
        each_sample(outputs, covariance)
            .for_each(|c| MatMut::of(c, outputs, outputs).mirror_lower());
    }
}

fn kronecker<T: Real>(
    net: &Mlp<'_, T>,
    posterior: &Posterior<'_, T>,
    bias: Bias,
    tape: &Tape<'_, T>,
    covariance: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    let (samples, outputs) = (tape.batch(), net.outputs());
    let mut numbers = posterior.data;
    for dense in net.dense() {
        let layer = core::slice::from_ref(&dense.layer);
        let (own, others) = numbers.cut(posterior_len(layer, posterior.structure));
        numbers = others;
        for block in blocks(layer, own, bias) {
            let (n, m) = (block.place.rows(), block.place.cols());
            let (a, rest) = scratch.cut_mut(n * samples);
            let x = tape.input(dense.index);
            let a = rotated_inputs(&block.place, dense.scale, x, block.input, a)?;
            let mut rest = Scratch::new(rest, 0)?;
            let mut w = rest.matrix(m, samples)?;
            gemm_tn(T::ONE, block.variances, a, T::ZERO, w.reborrow())?;
            let signals = if dense.index + 1 == net.depth() {
                // Q_G^T e_o, for every sample.
                let mut to = rest.matrix(m, m)?;
                to.copy_transposed(block.output);
                to.into_ref()
            } else {
                let mut to = rest.matrix(m, outputs * samples)?;
                let signals = each_direction(tape, &dense, outputs);
                gemm_tn(T::ONE, block.output, signals, T::ZERO, to.reborrow())?;
                to.into_ref()
            };
            add(w.as_ref(), signals, outputs, covariance);
        }
    }
    Ok(())
}

fn diagonal<T: Real>(
    net: &Mlp<'_, T>,
    variances: &[T],
    tape: &Tape<'_, T>,
    covariance: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    let (samples, outputs) = (tape.batch(), net.outputs());
    for dense in net.dense() {
        let (n, m) = (dense.layer.inputs, dense.layer.outputs);
        let (s, t) = (dense.scale.weight, dense.scale.bias);
        let mut scratch = Scratch::new(&mut *scratch, 0)?;
        let a = squares(tape.input(dense.index), scratch.matrix(n, samples)?);
        let mut w = scratch.matrix(m, samples)?;
        let (weights, bias) = variances.part(dense.offset..).cut(n * m);
        gemm_tn(s * s, Mat::of(weights, n, m), a, T::ZERO, w.reborrow())?;
        if dense.layer.bias {
            for w in w.columns() {
                w.iter_mut().zip(bias).for_each(|(w, v)| *w += t * t * *v);
            }
        }
        let signals = if dense.index + 1 == net.depth() {
            let mut unit = scratch.matrix(m, m)?;
            unit.fill(T::ZERO);
            unit.add_diagonal(T::ONE);
            unit.into_ref()
        } else {
            each_direction(tape, &dense, outputs)
        };
        add(w.as_ref(), signals, outputs, covariance);
    }
    Ok(())
}

fn full<T: Real>(
    net: &Mlp<'_, T>,
    posterior: &Posterior<'_, T>,
    tape: &Tape<'_, T>,
    covariance: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    let (params, outputs) = (net.params(), net.outputs());
    let (b, variances) = posterior.full();
    let w = Mat::of(variances, params, 1);
    for (n, covariance) in each_sample(outputs, covariance).enumerate() {
        let mut scratch = Scratch::new(&mut *scratch, 0)?;
        let mut j = scratch.matrix(params, outputs)?;
        for (o, column) in j.columns().enumerate() {
            gradient(net, tape, n, o, column);
        }
        let mut rotated = scratch.matrix(params, outputs)?;
        gemm_tn(T::ONE, b, j.as_ref(), T::ZERO, rotated.reborrow())?;
        add(w, rotated.as_ref(), outputs, covariance);
    }
    Ok(())
}
