//! The posterior of the last layer, the others taken as fixed features.

use super::Form;
use crate::laplace::Structure;
use crate::laplace::{self, LaplaceError, posterior_len, predict_one_scratch, predict_scratch};
use crate::matrix::{Mat, MatMut};
use crate::network::{AsMat, Layer, Mlp, Network, features, forward_scratch};
use crate::scalar::Real;
use crate::scratch::Scratch;
use core::marker::PhantomData;

/// The last of `layers`, alone: what exported last-layer posteriors are over.
pub const fn last_layer(layers: &[Layer]) -> &[Layer] {
    layers.split_at(layers.len().saturating_sub(1)).1
}

/// The features of `batch` samples; none of one layer, whose features are its inputs.
pub(super) const fn features_len(layers: &[Layer], batch: usize) -> usize {
    match (layers.len(), last_layer(layers)) {
        (2.., [last]) => last.inputs * batch,
        _ => 0,
    }
}

pub(super) const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The features of a batch, and what is left of the scratch.
#[inline]
pub(super) fn features_of<'s, T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'s, T>,
    scratch: &'s mut [T],
) -> Result<(Mat<'s, T>, &'s mut [T]), LaplaceError> {
    let len = features_len(net.layers(), x.cols());
    let mut scratch = Scratch::new(scratch, len)?;
    if len == 0 {
        return Ok((x, scratch.rest()));
    }
    let phi = scratch.take(len)?;
    let (rows, rest) = (len / x.cols().max(1), scratch.rest());
    features(net, net.depth() - 1, x, MatMut::of(&mut *phi, rows, x.cols()), &mut *rest)?;
    Ok((Mat::of(phi, rows, x.cols()), rest))
}

/// Scratch of [`LastLayer::predict`] for `batch` samples.
pub const fn last_layer_scratch(layers: &[Layer], structure: Structure, batch: usize) -> usize {
    let predict = predict_scratch(last_layer(layers), structure, batch);
    features_len(layers, batch) + larger(forward_scratch(layers, batch), predict)
}

/// Scratch of [`LastLayer::predict_one`].
pub const fn last_layer_one_scratch(layers: &[Layer], structure: Structure) -> usize {
    let predict = predict_one_scratch(last_layer(layers), structure);
    features_len(layers, 1) + larger(forward_scratch(layers, 1), predict)
}

/// The posterior of the last layer of network N in a [`Form`].
///
/// ```
/// use nanocurv::fixed::laplace::{Form, Full, LastLayer, last_layer, last_layer_one_scratch};
/// use nanocurv::network::Network;
/// use nanocurv::{SMatrix, laplace, mlp};
///
/// mlp! { Sensor: 2 => 3 tanh => 1 }
/// // `nanocurv export --posterior` of a posterior that was fitted with `--last-layer`.
/// const POSTERIOR: [f32; laplace::posterior_len(last_layer(Sensor::LAYERS), Full::STRUCTURE)] = [
///     1.0, 0.0, 0.0, 0.0,   0.0, 1.0, 0.0, 0.0,   0.0, 0.0, 1.0, 0.0,   0.0, 0.0, 0.0, 1.0,
///     0.25, 0.25, 0.25, 0.25,
/// ];
/// let posterior = LastLayer::from_exported(Sensor, Full, 0.1, &POSTERIOR)?;
/// let (theta, x) = ([0.0; Sensor::PARAMS], SMatrix::<f32, 2, 1>::new(0.5, -1.0));
/// let (mut mean, mut variance) = (SMatrix::<f32, 1, 1>::zeros(), [0.0]);
/// let mut scratch = [0.0; last_layer_one_scratch(Sensor::LAYERS, Full::STRUCTURE)];
/// posterior.predict_one(&theta, &x, &mut mean, &mut variance, &mut scratch)?;
/// assert_eq!(variance, [0.25]); // that of the bias: all features are 0
/// # Ok::<(), laplace::LaplaceError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LastLayer<'a, Net, F, T> {
    erased: laplace::Posterior<'a, T>,
    net: Net,
    form: PhantomData<F>,
}

impl<'a, Net: Network, F: Form, T: Real> LastLayer<'a, Net, F, T> {
    /// The posterior of exported numbers, checked: [`laplace::Posterior::from_exported`].
    ///
    /// # Errors
    /// As there.
    pub fn from_exported<const N: usize>(
        net: Net,
        _: F,
        sigma: T,
        data: &'a [T; N],
    ) -> Result<Self, LaplaceError> {
        exactly!("posterior", N, posterior_len(last_layer(Net::LAYERS), F::STRUCTURE));
        let last = last_layer(Net::LAYERS);
        let erased = laplace::Posterior::from_exported(last, F::STRUCTURE, sigma, data)?;
        Ok(Self { erased, net, form: PhantomData })
    }

    /// The posterior of numbers that were checked or written before: [`laplace::Posterior::new`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn new<const N: usize>(
        net: Net,
        _: F,
        sigma: T,
        data: &'a [T; N],
    ) -> Result<Self, LaplaceError> {
        exactly!("posterior", N, posterior_len(last_layer(Net::LAYERS), F::STRUCTURE));
        let erased = laplace::Posterior::new(last_layer(Net::LAYERS), F::STRUCTURE, sigma, data)?;
        Ok(Self { erased, net, form: PhantomData })
    }

    /// The run-time sized form, of the last layer.
    pub const fn erased(&self) -> &laplace::Posterior<'a, T> {
        &self.erased
    }

    /// Mean and covariance of one sample: [`features`], then
    /// [`laplace::Posterior::predict_one`].
    ///
    /// # Errors
    /// [`LaplaceError::NonFinite`] if a parameter or an input is not finite.
    #[inline]
    pub fn predict_one<const C: usize, const S: usize>(
        &self,
        theta: &Net::Theta<T>,
        x: &Net::Inputs<T, 1>,
        mean: &mut Net::Outputs<T, 1>,
        covariance: &mut [T; C],
        scratch: &mut [T; S],
    ) -> Result<(), LaplaceError> {
        exactly!("covariance", C, Net::OUTPUTS * Net::OUTPUTS);
        enough!("scratch", S, last_layer_one_scratch(Net::LAYERS, F::STRUCTURE));
        let (net, mut mean) = (self.net.at(theta)?, mean.as_mat_mut());
        let (phi, scratch) = features_of(&net, x.as_mat(), scratch)?;
        let back = net.back(net.depth() - 1)?;
        self.erased.predict_one(&back, phi.data(), mean.data(), covariance, scratch)
    }

    /// Means and covariances of a batch: [`features`], then [`laplace::Posterior::predict`].
    ///
    /// # Errors
    /// [`LaplaceError::NonFinite`] if a parameter or an input is not finite.
    #[inline]
    pub fn predict<const BATCH: usize, const C: usize, const S: usize>(
        &self,
        theta: &Net::Theta<T>,
        x: &Net::Inputs<T, BATCH>,
        mean: &mut Net::Outputs<T, BATCH>,
        covariance: &mut [T; C],
        scratch: &mut [T; S],
    ) -> Result<(), LaplaceError> {
        exactly!("covariance", C, Net::OUTPUTS * Net::OUTPUTS * BATCH);
        enough!("scratch", S, last_layer_scratch(Net::LAYERS, F::STRUCTURE, BATCH));
        let (net, mean) = (self.net.at(theta)?, mean.as_mat_mut());
        let (phi, scratch) = features_of(&net, x.as_mat(), scratch)?;
        let back = net.back(net.depth() - 1)?;
        self.erased.predict(&back, phi, mean, covariance, scratch)
    }
}
