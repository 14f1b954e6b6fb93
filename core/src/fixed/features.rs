//! What a frozen front makes of a batch.

use crate::error::NetworkError;
use crate::network::{self, AsMat, Back, Network, forward_scratch};
use crate::scalar::Real;

/// The features of a batch: the inputs of the [`Back`] B, from the whole network's parameters, of
/// which the front's are used. See there for an example.
///
/// # Errors
/// As [`network::features`].
#[inline]
pub fn features<B: Back, T: Real, const BATCH: usize, const S: usize>(
    _: B,
    theta: &<B::Whole as Network>::Theta<T>,
    x: &<B::Whole as Network>::Inputs<T, BATCH>,
    to: &mut B::Inputs<T, BATCH>,
    scratch: &mut [T; S],
) -> Result<(), NetworkError> {
    enough!("scratch", S, forward_scratch(<B::Whole as Network>::LAYERS, BATCH));
    let front = <B::Whole as Network>::LAYERS;
    let net = network::Mlp::with_evaluate(front, theta.as_ref(), B::Whole::evaluate)?;
    network::features(&net, B::FIRST, x.as_mat(), to.as_mat_mut(), scratch)
}
