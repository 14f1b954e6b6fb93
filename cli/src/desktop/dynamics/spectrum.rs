//! The Jacobian's spectrum of a two-layer linear network, by layer.

use nanocurv::dynamics::spectrum::{two_layer_spectrum, two_layer_spectrum_scratch};
use ndarray::{Array1, Array2, ArrayView2};

use crate::desktop::array::{Float, columns, matrix, samples, zeros};
use crate::desktop::error::Result;

/// Singular values down to the numerical rank, and for each the norms of both layers' parts of its
/// right singular vector.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpectrum<T> {
    /// In falling order.
    pub values: Array1<T>,
    /// `rank x 2`
    pub shares: Array2<T>,
}

/// The spectrum on the samples of `x`.
///
/// # Errors
/// If sizes do not fit.
pub fn layer_spectrum<T: Float>(
    x: ArrayView2<'_, T>,
    theta: &[T],
    hidden: usize,
) -> Result<LayerSpectrum<T>> {
    let n = x.nrows();
    let (mut values, mut shares) = (zeros::<T>(&[n])?, zeros::<T>(&[2, n])?);
    let mut scratch = zeros::<T>(&[two_layer_spectrum_scratch(n, hidden)])?;
    let to = columns(&mut shares, 2, n)?;
    let rank = two_layer_spectrum(samples(x)?, theta, hidden, &mut values, to, &mut scratch)?;
    values.truncate(rank);
    shares.truncate(2 * rank);
    Ok(LayerSpectrum { values: values.into(), shares: matrix(rank, 2, shares) })
}
