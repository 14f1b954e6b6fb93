//! The last layer of a regression, sample by sample.

use super::last::{features_len, features_of, larger};
use crate::laplace::{self, Innovation, LaplaceError};
use crate::network::{AsMat, Layer, Network, forward_scratch};
use crate::scalar::Real;
use crate::scratch::Carve;

/// The number of values of the state of a [`Stream`].
pub const fn stream_len(layers: &[Layer]) -> usize {
    match layers {
        [.., last] => laplace::stream_len(last),
        [] => 0,
    }
}

/// Scratch of [`Stream::predict`] and [`Stream::update`].
pub const fn stream_scratch(layers: &[Layer]) -> usize {
    match layers {
        [.., last] => {
            let stream = laplace::stream_scratch(last);
            features_len(layers, 1) + larger(forward_scratch(layers, 1), stream)
        }
        [] => 0,
    }
}

/// The [stream](laplace::Stream) of the last layer of network N.
///
/// ```
/// use nanocurv::fixed::laplace::{Stream, stream_len, stream_scratch};
/// use nanocurv::network::Network;
/// use nanocurv::{SMatrix, mlp};
///
/// mlp! { Sensor: 1 => 4 tanh => 1 }
/// let mut theta: [f32; Sensor::PARAMS] = core::array::from_fn(|i| 0.9 - 0.13 * i as f32);
/// let mut state = [0.0; stream_len(Sensor::LAYERS)];
/// let mut scratch = [0.0; stream_scratch(Sensor::LAYERS)];
/// let mut stream = Stream::start(Sensor, 1.0, 0.1, &mut state)?;
/// let (x, y) = (SMatrix::<f32, 1, 1>::new(0.5), SMatrix::<f32, 1, 1>::new(2.0));
/// let mut mean = SMatrix::<f32, 1, 1>::zeros();
/// let before = stream.predict(&theta, &x, &mut mean, &mut scratch)?;
/// for _ in 0..3 {
///     stream.update(&mut theta, &x, &y, &mut scratch)?;
/// }
/// let after = stream.predict(&theta, &x, &mut mean, &mut scratch)?;
/// assert!(after < 0.01 * before && (mean[0] - 2.0).abs() < 0.02);
/// # Ok::<(), nanocurv::laplace::LaplaceError>(())
/// ```
#[derive(Debug)]
pub struct Stream<'s, Net, T> {
    erased: laplace::Stream<'s, T>,
    net: Net,
}

impl<'s, Net: Network, T: Real> Stream<'s, Net, T> {
    /// The last layer; of a network that `mlp!` named there is one.
    const LAST: &'static Layer = match Net::LAYERS {
        [.., last] => last,
        [] => panic!("a network has a layer"),
    };

    /// Starts from the prior: [`laplace::Stream::start`].
    ///
    /// # Errors
    /// As there.
    pub fn start<const N: usize>(
        net: Net,
        precision: T,
        sigma: T,
        state: &'s mut [T; N],
    ) -> Result<Self, LaplaceError> {
        exactly!("state", N, stream_len(Net::LAYERS));
        Ok(Self { erased: laplace::Stream::start(Self::LAST, precision, sigma, state)?, net })
    }

    /// Goes on from a state that an earlier stream left: [`laplace::Stream::resume`].
    ///
    /// # Errors
    /// As there.
    pub fn resume<const N: usize>(
        net: Net,
        sigma: T,
        state: &'s mut [T; N],
    ) -> Result<Self, LaplaceError> {
        exactly!("state", N, stream_len(Net::LAYERS));
        Ok(Self { erased: laplace::Stream::resume(Self::LAST, sigma, state)?, net })
    }

    /// The same with the forgetting factor rho: [`laplace::Stream::with_forgetting`].
    ///
    /// # Errors
    /// As there.
    pub fn with_forgetting(self, rho: T) -> Result<Self, LaplaceError> {
        Ok(Self { erased: self.erased.with_forgetting(rho)?, net: self.net })
    }

    /// The run-time sized form.
    pub const fn erased(&self) -> &laplace::Stream<'s, T> {
        &self.erased
    }

    /// The outputs at one sample, and the variance of each: [`laplace::Stream::predict`].
    ///
    /// # Errors
    /// [`LaplaceError::NonFinite`] if a parameter or an input is not finite.
    #[inline]
    pub fn predict<const S: usize>(
        &self,
        theta: &Net::Theta<T>,
        x: &Net::Inputs<T, 1>,
        mean: &mut Net::Outputs<T, 1>,
        scratch: &mut [T; S],
    ) -> Result<T, LaplaceError> {
        enough!("scratch", S, stream_scratch(Net::LAYERS));
        let (phi, scratch) = features_of(&self.net.at(theta)?, x.as_mat(), scratch)?;
        let own = theta.as_ref().part(Net::PARAMS - Self::LAST.params()..);
        self.erased.predict(own, phi.data(), mean.as_mat_mut().data(), scratch)
    }

    /// Learns from one sample: moves the last layer's parameters in `theta`, and the state:
    /// [`laplace::Stream::update`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn update<const S: usize>(
        &mut self,
        theta: &mut Net::Theta<T>,
        x: &Net::Inputs<T, 1>,
        y: &Net::Outputs<T, 1>,
        scratch: &mut [T; S],
    ) -> Result<Innovation<T>, LaplaceError> {
        enough!("scratch", S, stream_scratch(Net::LAYERS));
        let (phi, scratch) = features_of(&self.net.at(theta)?, x.as_mat(), scratch)?;
        let own = theta.as_mut().part_mut(Net::PARAMS - Self::LAST.params()..);
        self.erased.update(phi.data(), y.as_mat().data(), own, scratch)
    }
}
