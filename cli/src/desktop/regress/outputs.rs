//! The network's outputs.

use nanocurv::network;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::desktop::array::{Float, columns, matrix, zeros};
use crate::desktop::data::inputs;
use crate::desktop::error::{Context, Result};
use crate::desktop::network::Network;

/// Samples that one thread takes at a time.
pub(super) const CHUNK: usize = 128;

/// The outputs of samples, `N x O`.
pub(super) fn outputs<T: Float>(net: &Network<T>, x: ArrayView2<'_, T>) -> Result<Array2<T>> {
    let (mlp, x, o) = (net.mlp()?, inputs(net, x)?, net.outputs());
    let mut all = zeros::<T>(&[x.cols(), o])?;
    all.par_chunks_mut(CHUNK * o).enumerate().try_for_each(|(chunk, to)| -> Result<()> {
        let (from, n) = (chunk * CHUNK, to.len() / o);
        let mut scratch = zeros::<T>(&[network::forward_scratch(mlp.layers(), n)])?;
        let to = columns(to, o, n)?;
        network::forward(&mlp, x.columns_range(from, n), to, &mut scratch).context("--data")
    })?;
    Ok(matrix(x.cols(), o, all))
}
