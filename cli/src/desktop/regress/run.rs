//! The regression, by either solver.

use ndarray::ArrayView2;

use super::outputs::outputs;
use super::settings::{RegressSettings, RegressSolver, Regression};
use super::{dense, iterative};
use crate::desktop::array::Float;
use crate::desktop::data::Data;
use crate::desktop::error::{Result, bail, ensure};
use crate::desktop::network::Network;
use crate::desktop::targets::Targets;
use crate::desktop::watch::Watch;

/// Predicts samples `x`, `M x d`, from `data`.
///
/// # Errors
/// If settings, network, data and samples do not fit together, there is no sample, the kernel does
/// not fit into memory or is not positive, or the watch stops the work.
pub fn regress<T: Float>(
    net: &Network<T>,
    data: &Data<T>,
    x: ArrayView2<'_, T>,
    settings: &RegressSettings,
    watch: Watch<'_>,
) -> Result<Regression<T>> {
    settings.validate()?;
    ensure!(!data.is_empty(), "--data: found no samples, needed one at least");
    ensure!(x.nrows() > 0, "--predict: found no samples, needed one at least");
    ensure!(
        x.ncols() == net.inputs(),
        "--predict: found {} columns, needed {}, the inputs of {}",
        x.ncols(),
        net.inputs(),
        net.name
    );
    ensure!(data.weighted.is_none(), "--weights: weights of the loss are not taken here");
    let Targets::Values(y) = &data.targets else {
        bail!("--targets: found labels, needed the values of a regression");
    };
    let mut residual = outputs(net, data.x.view())?;
    residual.iter_mut().zip(y).for_each(|(f, y)| *f = *y - *f);
    match settings.solver {
        RegressSolver::Dense => dense::regress(net, data, &residual, x, settings, watch),
        RegressSolver::Cg => iterative::regress(net, data, &residual, x, settings, watch),
    }
}
