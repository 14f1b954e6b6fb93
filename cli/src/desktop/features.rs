//! What the front of a network makes of samples: the inputs of its back.

use nanocurv::network;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::array::{Float, columns, matrix, samples, zeros};
use super::data::inputs;
use super::error::{Context, Result};
use super::network::Network;

/// Samples that one thread takes at a time.
const CHUNK: usize = 256;

/// What layer `first` of `net` is given for samples `x`, one a row.
///
/// # Errors
/// If the samples do not fit the network, or it has no layer behind others of that index.
pub fn features<T: Float>(
    net: &Network<T>,
    first: usize,
    x: ArrayView2<'_, T>,
) -> Result<Array2<T>> {
    let mlp = net.mlp()?;
    inputs(net, x)?;
    let x = samples(x)?;
    let width = net.layers().get(first).map_or(0, |layer| layer.inputs);
    let mut all = zeros::<T>(&[x.cols(), width])?;
    let chunk = (CHUNK * width).max(1);
    all.par_chunks_mut(chunk).enumerate().try_for_each(|(chunk, to)| -> Result<()> {
        let (from, n) = (chunk * CHUNK, to.len() / width);
        let mut scratch = zeros::<T>(&[network::forward_scratch(mlp.layers(), n)])?;
        let to = columns(to, width, n)?;
        network::features(&mlp, first, x.columns_range(from, n), to, &mut scratch).context("--data")
    })?;
    Ok(matrix(x.cols(), width, all))
}
