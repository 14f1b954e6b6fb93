//! The gradient of the loss.

use nanocurv::curvature::{Risk, gradient as of_risk, gradient_scratch};
use nanocurv::network::{Loss, Reduction};
use ndarray::Array1;

use crate::desktop::array::{Float, zeros};
use crate::desktop::data::Data;
use crate::desktop::error::{Context, Result};
use crate::desktop::network::Network;

/// The gradient of the loss over all the data, in parameter order.
///
/// # Errors
/// If network and data do not fit together.
pub fn gradient<T: Float>(
    net: &Network<T>,
    data: &Data<T>,
    (loss, reduction): (Loss, Reduction),
) -> Result<Array1<T>> {
    let batches = data.batches()?;
    let risk = Risk::new(net.mlp()?, loss, reduction, &batches).context("--data, --targets")?;
    let mut out = vec![T::ZERO; net.params()];
    let mut scratch = zeros::<T>(&[gradient_scratch(risk.net().layers(), risk.tile())])?;
    of_risk(&risk, &mut out, &mut scratch)?;
    Ok(out.into())
}
