//! The tangent kernel of a network named by [`mlp!`](crate::mlp).

use crate::error::NetworkError;
use crate::network::{AsMat, Network};
use crate::ntk;
use crate::scalar::Real;
use nalgebra::SMatrix;

/// The tangent kernel of one batch, B x B; of several outputs the trace.
///
/// ```
/// use nanocurv::{SMatrix, fixed, mlp, network::Network, ntk};
///
/// mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
/// let theta = [0.1_f32; Sensor::PARAMS];
/// let x = SMatrix::<f32, 4, 8>::from_fn(|i, j| (i + j) as f32 * 0.1);
///
/// let mut k = SMatrix::<f32, 8, 8>::zeros();
/// let mut scratch = [0.0; ntk::scratch(Sensor::LAYERS, 8)];
/// fixed::ntk::kernel(Sensor, &theta, &x, &mut k, &mut scratch)?;
/// assert_eq!(k, k.transpose());
/// # Ok::<(), nanocurv::error::NetworkError>(())
/// ```
///
/// # Errors
/// [`NetworkError::NonFinite`] if a parameter or an input is not finite.
#[inline]
pub fn kernel<Net: Network, T: Real, const BATCH: usize, const S: usize>(
    net: Net,
    theta: &Net::Theta<T>,
    x: &Net::Inputs<T, BATCH>,
    k: &mut SMatrix<T, BATCH, BATCH>,
    scratch: &mut [T; S],
) -> Result<(), NetworkError> {
    enough!("scratch", S, ntk::scratch(Net::LAYERS, BATCH));
    ntk::kernel(&net.at(theta)?, x.as_mat(), k.into(), scratch)
}

/// The tangent kernel between two batches, B x C; of several outputs the trace.
///
/// # Errors
/// [`NetworkError::NonFinite`] if a parameter or an input is not finite.
#[inline]
pub fn kernel_between<Net: Network, T: Real, const BATCH: usize, const C: usize, const S: usize>(
    net: Net,
    theta: &Net::Theta<T>,
    (x1, x2): (&Net::Inputs<T, BATCH>, &Net::Inputs<T, C>),
    k: &mut SMatrix<T, BATCH, C>,
    scratch: &mut [T; S],
) -> Result<(), NetworkError> {
    enough!("scratch", S, ntk::between_scratch(Net::LAYERS, BATCH, C));
    ntk::kernel_between(&net.at(theta)?, (x1.as_mat(), x2.as_mat()), k.into(), scratch)
}
