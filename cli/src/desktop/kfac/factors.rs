//! The Kronecker factors of every layer over all the data: `A = mean a a^T`, `G` = the loss-scaled
//! sum of `g g^T`. In PyTorch's order the block of a layer is `G (x) A`, the bias the last input.

use nanocurv::kfac::{self, Weights};
use nanocurv::network::{Loss, Reduction};
use nanocurv::random::Rng;
use ndarray::Array2;

use super::fisher::Fisher;
use crate::desktop::array::{Float, matrix, zeros};
use crate::desktop::data::Data;
use crate::desktop::error::{Context, Result};
use crate::desktop::network::Network;

/// Samples that are in memory at a time; draws are made chunk by chunk.
pub const CHUNK: usize = 512;

/// The factors of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerFactors<T> {
    /// What stands before `.weight` in the layer's names.
    pub prefix: String,
    /// `A`, inputs (and bias) square.
    pub a: Array2<T>,
    /// `G`, outputs square.
    pub g: Array2<T>,
}

/// The factors of all layers over all the data, flat, as the core's `kfac::Factors` reads them.
///
/// # Errors
/// If network and data do not fit together.
pub fn accumulate<T: Float>(
    net: &Network<T>,
    data: &Data<T>,
    (loss, reduction): (Loss, Reduction),
    fisher: Fisher,
) -> Result<Vec<T>> {
    let mlp = net.mlp()?;
    let (x, targets) = (data.inputs()?, data.targets.core()?);
    let weights = Weights::batch(loss, reduction, x.cols(), mlp.outputs());
    let mut factors = zeros::<T>(&[kfac::factors_len(mlp.layers())])?;
    let chunk = CHUNK.min(x.cols());
    let mut scratch = zeros::<T>(&[kfac::accumulate_scratch(mlp.layers(), chunk)])?;
    let mut rng = Rng::seed(fisher.seed);
    for from in (0..x.cols()).step_by(chunk.max(1)) {
        let samples = chunk.min(x.cols() - from);
        kfac::accumulate(
            &mlp,
            x.columns_range(from, samples),
            targets.range(from, samples),
            loss,
            fisher.kind.core(&mut rng, fisher.draws),
            weights,
            &mut factors,
            &mut scratch,
        )
        .context("--data, --targets")?;
    }
    Ok(factors)
}

/// The factors of all layers over all the data.
///
/// # Errors
/// If network and data do not fit together.
pub fn factors<T: Float>(
    net: &Network<T>,
    data: &Data<T>,
    loss: (Loss, Reduction),
    fisher: Fisher,
) -> Result<Vec<LayerFactors<T>>> {
    let all = accumulate(net, data, loss, fisher)?;
    let mut rest = all.as_slice();
    let mut take = |n: usize| {
        let (factor, after) = rest.split_at(n * n);
        rest = after;
        // Symmetric: columns are rows.
        matrix(n, n, factor.to_vec())
    };
    let layers = net.shapes.iter().map(|shape| LayerFactors {
        prefix: shape.prefix.clone(),
        a: take(shape.inputs + usize::from(shape.bias)),
        g: take(shape.outputs),
    });
    Ok(layers.collect())
}
