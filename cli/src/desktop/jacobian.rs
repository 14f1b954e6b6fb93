//! The Jacobian, `J[n, o, p] = df_o(x_n) / dtheta_p`, and its spectrum.

use nanocurv::Mat;
use nanocurv::dynamics::spectrum::{jacobian_spectrum, jacobian_spectrum_scratch};
use nanocurv::ntk::{self, jacobian_scratch};
use ndarray::{Array1, Array2, Array3, ArrayView2};
use rayon::prelude::*;

use super::array::{Float, columns, matrix, zeros};
use super::data::inputs;
use super::error::{Context, Result};
use super::kernel::{self, Reduce};
use super::network::Network;
use super::watch::UNWATCHED;

/// Samples that one thread takes at a time.
const CHUNK: usize = 16;

/// The Jacobian of all samples, `(N, O, P)`.
///
/// # Errors
/// If the batch does not fit the network, or memory runs out.
pub fn jacobian<T: Float>(net: &Network<T>, x: ArrayView2<'_, T>) -> Result<Array3<T>> {
    let (mlp, x) = (net.mlp()?, inputs(net, x)?);
    let (samples, outputs, params) = (x.cols(), net.outputs(), net.params());
    let mut all = zeros::<T>(&[samples, outputs, params])?;
    let chunks = all.par_chunks_mut(CHUNK * outputs * params).enumerate();
    chunks.try_for_each(|(chunk, to)| {
        let from = chunk * CHUNK;
        let x = x.columns_range(from, CHUNK.min(samples - from));
        let mut scratch = vec![T::ZERO; jacobian_scratch(mlp.layers(), x.cols())];
        let to = columns(to, params, x.cols() * outputs)?;
        ntk::jacobian(&mlp, x, to, &mut scratch).context("--data")
    })?;
    let shape = (samples, outputs, params);
    Ok(Array3::from_shape_vec(shape, all).expect("as many values as were asked for"))
}

/// Singular values of the Jacobian and the shares of the layers, down to the numerical rank.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum<T> {
    /// In falling order.
    pub values: Array1<T>,
    /// `rank x layers`: the norm of the part of each right singular vector that belongs to each
    /// layer.
    pub shares: Array2<T>,
}

/// The spectrum of the Jacobian from one Gram matrix per layer, without the Jacobian.
///
/// # Errors
/// As [`jacobian`].
pub fn spectrum<T: Float>(net: &Network<T>, x: ArrayView2<'_, T>) -> Result<Spectrum<T>> {
    let n = x.nrows() * net.outputs();
    let layers = net.layers().len();
    let mut grams = vec![Vec::new(); layers];
    let mut parts = kernel::parts(net);
    parts.pop();
    for (part, tensor) in parts.into_iter().zip(net.tensors()) {
        let found = kernel::kernels(net, x, None, Reduce::Full, &[part], UNWATCHED)?;
        for kernel in found {
            let gram: &mut Vec<T> = &mut grams[tensor.layer];
            if gram.is_empty() {
                *gram = kernel.into_raw_vec_and_offset().0;
            } else {
                gram.iter_mut().zip(&kernel).for_each(|(g, k)| *g += *k);
            }
        }
    }
    let grams: Vec<_> =
        grams.iter().map(|gram| Mat::new("gram", gram, n, n)).collect::<Result<_, _>>()?;
    let mut values = zeros::<T>(&[n])?;
    let mut shares = zeros::<T>(&[n, layers])?;
    let mut scratch = zeros::<T>(&[jacobian_spectrum_scratch(n)])?;
    let view = columns(&mut shares, layers, n)?;
    let rank = jacobian_spectrum(&grams, &mut values, view, &mut scratch)
        .context("the spectrum of the Jacobian")?;
    values.truncate(rank);
    shares.truncate(rank * layers);
    Ok(Spectrum { values: values.into(), shares: matrix(rank, layers, shares) })
}
