//! The posterior of all parameters.

use super::Form;
use crate::laplace::{
    self, LaplaceError, posterior_len, predict_one_scratch, predict_scratch, sample_scratch,
};
use crate::network::{AsMat, Network};
use crate::random::Rng;
use crate::scalar::Real;
use core::marker::PhantomData;

/// The [posterior](laplace::Posterior) of network N in a [`Form`].
///
/// ```
/// use nanocurv::fixed::laplace::{Diagonal, Posterior};
/// use nanocurv::network::Network;
/// use nanocurv::{SMatrix, laplace, mlp};
///
/// mlp! { Sensor: 2 => 3 tanh => 1 }
/// // Both are printed by `nanocurv export --posterior`.
/// const THETA: [f32; Sensor::PARAMS] = [0.2; Sensor::PARAMS];
/// const POSTERIOR: [f32; Sensor::PARAMS] = [0.01; Sensor::PARAMS];
///
/// let posterior = Posterior::from_exported(Sensor, Diagonal, 0.1, &POSTERIOR)?;
/// let x = SMatrix::<f32, 2, 1>::new(0.5, -1.0);
/// let (mut mean, mut variance) = (SMatrix::<f32, 1, 1>::zeros(), [0.0]);
/// let mut scratch = [0.0; laplace::predict_one_scratch(Sensor::LAYERS, laplace::Structure::Diagonal)];
/// posterior.predict_one(&THETA, &x, &mut mean, &mut variance, &mut scratch)?;
/// let deviation = (variance[0] + posterior.erased().noise_variance()).sqrt();
/// assert!(deviation > 0.1 && deviation < 0.3);
/// # Ok::<(), laplace::LaplaceError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Posterior<'a, Net, F, T> {
    pub(super) erased: laplace::Posterior<'a, T>,
    net: Net,
    form: PhantomData<F>,
}

impl<'a, Net: Network, F: Form, T: Real> Posterior<'a, Net, F, T> {
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
        exactly!("posterior", N, posterior_len(Net::LAYERS, F::STRUCTURE));
        let erased = laplace::Posterior::from_exported(Net::LAYERS, F::STRUCTURE, sigma, data)?;
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
        exactly!("posterior", N, posterior_len(Net::LAYERS, F::STRUCTURE));
        let erased = laplace::Posterior::new(Net::LAYERS, F::STRUCTURE, sigma, data)?;
        Ok(Self { erased, net, form: PhantomData })
    }

    /// The run-time sized form.
    pub const fn erased(&self) -> &laplace::Posterior<'a, T> {
        &self.erased
    }

    /// Mean and covariance of one sample: [`laplace::Posterior::predict_one`].
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
        enough!("scratch", S, predict_one_scratch(Net::LAYERS, F::STRUCTURE));
        let (net, mut mean) = (self.net.at(theta)?, mean.as_mat_mut());
        self.erased.predict_one(&net, x.as_mat().data(), mean.data(), covariance, scratch)
    }

    /// Means and covariances of a batch: [`laplace::Posterior::predict`].
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
        enough!("scratch", S, predict_scratch(Net::LAYERS, F::STRUCTURE, BATCH));
        let (net, mean) = (self.net.at(theta)?, mean.as_mat_mut());
        self.erased.predict(&net, x.as_mat(), mean, covariance, scratch)
    }

    /// A draw of parameters around `theta`: [`laplace::Posterior::sample`].
    ///
    /// # Errors
    /// None for these sizes.
    pub fn sample<const S: usize>(
        &self,
        theta: &Net::Theta<T>,
        rng: &mut Rng,
        to: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), LaplaceError> {
        enough!("scratch", S, sample_scratch(Net::LAYERS, F::STRUCTURE));
        self.erased.sample(theta.as_ref(), rng, to.as_mut(), scratch)
    }

    /// Of a posterior just written.
    pub(super) const fn of(net: Net, erased: laplace::Posterior<'a, T>) -> Self {
        Self { erased, net, form: PhantomData }
    }
}
