//! The typed front: every size checked by the compiler.

use super::{between_scratch, kernel, kernel_between};
use crate::error::NetworkError;
use crate::network::{AsMat, Network};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// The tangent kernel of one batch, B x B; of several outputs the trace.
///
/// ```
/// use nanocurv::{SMatrix, mlp, network::Network, ntk};
///
/// mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
/// let theta = [0.1_f32; Sensor::PARAMS];
/// let x = SMatrix::<f32, 4, 8>::from_fn(|i, j| (i + j) as f32 * 0.1);
///
/// let mut k = SMatrix::<f32, 8, 8>::zeros();
/// let mut scratch = [0.0; ntk::scratch(Sensor::LAYERS, 8)];
/// ntk::ntk(Sensor, &theta, &x, &mut k, &mut scratch)?;
/// assert_eq!(k, k.transpose());
/// # Ok::<(), nanocurv::error::NetworkError>(())
/// ```
///
/// # Errors
/// [`NetworkError::NonFinite`] if a parameter or an input is not finite.
#[inline]
pub fn ntk<N: Network, T: Real, const B: usize, const S: usize>(
    net: N,
    theta: &N::Theta<T>,
    x: &N::Inputs<T, B>,
    k: &mut SMatrix<T, B, B>,
    scratch: &mut [T; S],
) -> Result<(), NetworkError> {
    const {
        assert!(
            S >= super::scratch(N::LAYERS, B),
            "scratch is too short: place [0.0; ntk::scratch(Net::LAYERS, BATCH)]"
        );
    }
    kernel(&net.at(theta)?, x.as_mat(), k.into(), scratch)
}

/// The tangent kernel between two batches, B x C; of several outputs the trace.
///
/// # Errors
/// [`NetworkError::NonFinite`] if a parameter or an input is not finite.
#[inline]
pub fn ntk_between<N: Network, T: Real, const B: usize, const C: usize, const S: usize>(
    net: N,
    theta: &N::Theta<T>,
    (x1, x2): (&N::Inputs<T, B>, &N::Inputs<T, C>),
    k: &mut SMatrix<T, B, C>,
    scratch: &mut [T; S],
) -> Result<(), NetworkError> {
    const {
        assert!(
            S >= between_scratch(N::LAYERS, B, C),
            "scratch is too short: place [0.0; ntk::between_scratch(Net::LAYERS, B, C)]"
        );
    }
    kernel_between(&net.at(theta)?, (x1.as_mat(), x2.as_mat()), k.into(), scratch)
}
