//! The Jacobian of the outputs, formed because it is asked for, and the Gram matrix of its
//! columns.
//!
//! ```text
//! J: P x (N O)      column n O + o = d f_o(x_n) / d theta       (row-major (N, O, P))
//! df_o / dW_l = s_l S_l^{(o)} X_{l-1}^T,  df_o / db_l = t_l S_l^{(o)}
//! J J^T: P x P      = sum_{n, o} of the columns' outer products
//! ```

use super::tape::{Directions, Tape, tape_len};
use crate::error::{NetworkError, ScratchError, check_result};
use crate::linalg::syrk_nt;
use crate::matrix::{Mat, MatMut};
use crate::network::{Layer, Mlp, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Scratch of [`jacobian`].
pub const fn jacobian_scratch(layers: &[Layer], batch: usize) -> usize {
    tape_len(layers, Directions::Each, batch)
}

/// `J`, P x (N O), of a batch `x`, inputs x samples. `scratch`: [`jacobian_scratch`].
///
/// # Errors
/// [`NetworkError`] if the batch does not fit the network, is empty or not finite, `J` has
/// another size or the scratch is too short.
pub fn jacobian<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    mut j: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    j.as_ref().check(("J rows", "J columns"), net.params(), x.cols() * net.outputs())?;
    let tape = Tape::record(net, Directions::Each, x, scratch)?;
    let outputs = net.outputs().max(1);
    for (c, column) in j.columns().enumerate() {
        gradient(net, &tape, c / outputs, c % outputs, column);
    }
    Ok(check_result("Jacobian", j.as_ref())?)
}

/// `d f_o(x_n) / d theta`
pub(crate) fn gradient<T: Real>(
    net: &Mlp<'_, T>,
    tape: &Tape<'_, T>,
    n: usize,
    o: usize,
    to: &mut [T],
) {
    let last = net.depth() - 1;
    to.fill(T::ZERO);
    for dense in net.dense() {
        let (s, t) = (dense.scale.weight, dense.bias_input());
        let x = tape.input(dense.index).col(n);
        let inputs = dense.layer.inputs;
        let (weights, bias) = to.part_mut(dense.offset..).cut_mut(inputs * dense.layer.outputs);
        let bias = if dense.layer.bias { bias } else { &mut [] };
        if dense.index == last {
            if let Some(row) = weights.chunks_exact_mut(inputs.max(1)).nth(o) {
                row.iter_mut().zip(x).for_each(|(w, x)| *w = s * *x);
            }
            if let Some(bias) = bias.get_mut(o) {
                *bias = t;
            }
        } else {
            let signal = tape.signal(dense.index, o).col(n);
            for (row, g) in weights.chunks_exact_mut(inputs.max(1)).zip(signal) {
                row.iter_mut().zip(x).for_each(|(w, x)| *w = s * *g * *x);
            }
            bias.iter_mut().zip(signal).for_each(|(b, g)| *b = t * *g);
        }
    }
}

/// The least scratch of [`params_gram`]: one sample at a time.
pub const fn params_gram_scratch(layers: &[Layer]) -> usize {
    params_gram_chunk(layers, 1)
}

/// Scratch of [`params_gram`] that takes `samples` at a time; more is faster.
pub const fn params_gram_chunk(layers: &[Layer], samples: usize) -> usize {
    samples * layer::outputs(layers) * layer::params(layers) + jacobian_scratch(layers, samples)
}

/// `J J^T`, P x P, the Gram matrix of the parameters: summed over samples and outputs, it is the
/// Gauss-Newton matrix of half the sum of squares. `scratch`: at least [`params_gram_scratch`];
/// as many samples are taken at a time as fit.
///
/// # Errors
/// [`NetworkError`] if the batch does not fit the network, is empty or not finite, `gram` is not
/// P x P or the scratch is too short.
pub fn params_gram<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    mut gram: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    let (params, outputs, layers) = (net.params(), net.outputs(), net.layers());
    gram.as_ref().check(("Gram rows", "Gram columns"), params, params)?;
    net.check_batch("x", x)?;
    let found = scratch.len();
    let chunk = found.checked_div(params_gram_chunk(layers, 1)).unwrap_or(0).min(x.cols());
    if chunk == 0 {
        return Err(ScratchError::new(params_gram_scratch(layers), found).into());
    }
    gram.fill(T::ZERO);
    let mut from = 0;
    while from < x.cols() {
        let samples = chunk.min(x.cols() - from);
        let mut scratch = Scratch::new(&mut *scratch, params_gram_chunk(layers, samples))?;
        let mut j = scratch.matrix(params, samples * outputs)?;
        jacobian(net, x.columns_range(from, samples), j.reborrow(), scratch.rest())?;
        syrk_nt(T::ONE, j.as_ref(), T::ONE, gram.reborrow())?;
        from += samples;
    }
    gram.mirror_lower();
    Ok(check_result("Gram matrix", gram.as_ref())?)
}
