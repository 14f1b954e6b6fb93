//! The posterior fitted where it is used.

use super::{Form, Posterior};
use crate::fixed::Problem;
use crate::laplace::{
    self, Evidence, Fit, LaplaceError, Per, Prior, Structure, Tuned, Tuning, accumulate_scratch,
    correct_scratch, decompose_scratch, posterior_len, spectrum_len, sums_len,
};
use crate::network::{AsMat, Network};
use crate::scalar::Real;
use core::marker::PhantomData;

impl<Net: Network, T: Real, const BATCH: usize> Problem<'_, Net, T, BATCH> {
    /// Adds this batch's curvature to `sums` and returns its summed loss:
    /// [`accumulate`](laplace::accumulate), which knows no reduction. `keep` 0 starts, 1 carries on.
    ///
    /// # Errors
    /// As there.
    pub fn posterior_sums<F: Form, const N: usize, const S: usize>(
        &self,
        _: F,
        keep: T,
        sums: &mut [T; N],
        scratch: &mut [T; S],
    ) -> Result<T, LaplaceError> {
        exactly!("sums", N, sums_len(Net::LAYERS, F::STRUCTURE));
        enough!("scratch", S, accumulate_scratch(Net::LAYERS, F::STRUCTURE, BATCH));
        let (net, x) = (self.net.at(self.theta)?, self.x.as_mat());
        let (targets, loss) = (self.targets, self.loss);
        laplace::accumulate(&net, x, targets, loss, F::STRUCTURE, keep, sums, scratch)
    }

    /// The second pass of [`Ekfac`](super::Ekfac), batch by batch: [`correct`](laplace::correct).
    ///
    /// # Errors
    /// As there.
    pub fn posterior_moments<F: Form, const N: usize, const S: usize>(
        &self,
        _: F,
        keep: T,
        storage: &mut [T; N],
        scratch: &mut [T; S],
    ) -> Result<(), LaplaceError> {
        const {
            assert!(matches!(F::STRUCTURE, Structure::Ekfac(_)), "moments are the EKFAC form's");
        }
        exactly!("storage", N, spectrum_len(Net::LAYERS, F::STRUCTURE));
        enough!("scratch", S, correct_scratch(Net::LAYERS, BATCH));
        let Structure::Ekfac(bias) = F::STRUCTURE else { return Ok(()) };
        let (net, x) = (self.net.at(self.theta)?, self.x.as_mat());
        laplace::correct(&net, x, self.targets, self.loss, bias, keep, storage, scratch)
    }
}

/// The [spectrum](laplace::Spectrum) of network N's curvature in a [`Form`].
///
/// ```
/// use nanocurv::fixed::{Problem, laplace::{Kronecker, Form, Spectrum}};
/// use nanocurv::laplace::{self, Fit, Per, Prior, Tuning};
/// use nanocurv::network::{Loss, Network, Reduction};
/// use nanocurv::{SMatrix, mlp};
///
/// mlp! { Sensor: 1 => 3 tanh => 1 }
/// const OF: laplace::Structure = Kronecker::STRUCTURE;
/// let theta: [f64; Sensor::PARAMS] = core::array::from_fn(|i| 0.4 - 0.1 * i as f64);
/// let x = SMatrix::<f64, 1, 4>::new(-1.0, 0.0, 0.5, 1.0);
/// let y = x.map(|x| 0.1 * x - 0.3);
/// let problem = Problem::values(Sensor, &theta, &x, &y, (Loss::Mse, Reduction::Sum));
///
/// let mut sums = [0.0; laplace::sums_len(Sensor::LAYERS, OF)];
/// let mut scratch = [0.0; laplace::accumulate_scratch(Sensor::LAYERS, OF, 4)];
/// let value = problem.posterior_sums(Kronecker, 0.0, &mut sums, &mut scratch)?;
///
/// let (mut precision, mut inverse_noise) = ([1.0], 100.0);
/// let mut storage = [0.0; laplace::spectrum_len(Sensor::LAYERS, OF)];
/// let mut scratch = [0.0; laplace::decompose_scratch(Sensor::LAYERS, OF)];
/// let prior = Prior { per: Per::Network, precisions: &precision };
/// let spectrum =
///     Spectrum::decompose(Sensor, Kronecker, prior, &sums, &mut storage, &mut scratch)?;
/// let fit = Fit { loss: Loss::Mse, value, samples: 4 };
/// let tuning = Tuning { noise: false, ..Tuning::default() };
/// spectrum.maximize(&theta, fit, tuning, &mut precision, &mut inverse_noise, &mut [0.0])?;
///
/// let mut numbers = [0.0; laplace::posterior_len(Sensor::LAYERS, OF)];
/// let prior = Prior { per: Per::Network, precisions: &precision };
/// let posterior = spectrum.posterior(prior, 0.1, &mut numbers)?;
/// let (mut mean, mut covariance) = (SMatrix::<f64, 1, 4>::zeros(), [0.0; 4]);
/// let mut scratch = [0.0; laplace::predict_scratch(Sensor::LAYERS, OF, 4)];
/// posterior.predict(&theta, &x, &mut mean, &mut covariance, &mut scratch)?;
/// assert!(covariance.iter().all(|v| *v > 0.0 && *v < 1.0));
/// # Ok::<(), laplace::LaplaceError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Spectrum<'a, Net, F, T> {
    erased: laplace::Spectrum<'a, T>,
    net: Net,
    form: PhantomData<F>,
}

impl<'a, Net: Network, F: Form, T: Real> Spectrum<'a, Net, F, T> {
    /// Decomposes the sums into `storage`: [`decompose`](laplace::decompose).
    ///
    /// # Errors
    /// As there.
    pub fn decompose<const N: usize, const D: usize, const S: usize>(
        net: Net,
        form: F,
        prior: Prior<'_, T>,
        sums: &[T; N],
        storage: &'a mut [T; D],
        scratch: &mut [T; S],
    ) -> Result<Self, LaplaceError> {
        exactly!("sums", N, sums_len(Net::LAYERS, F::STRUCTURE));
        enough!("scratch", S, decompose_scratch(Net::LAYERS, F::STRUCTURE));
        laplace::decompose(Net::LAYERS, F::STRUCTURE, prior, sums, storage, scratch)?;
        Self::new(net, form, prior.per, storage)
    }

    /// What [`Spectrum::decompose`] left in `storage`, after
    /// [`Problem::posterior_moments`] for instance.
    ///
    /// # Errors
    /// None for these sizes.
    pub fn new<const D: usize>(
        net: Net,
        _: F,
        per: Per,
        storage: &'a [T; D],
    ) -> Result<Self, LaplaceError> {
        exactly!("spectrum", D, spectrum_len(Net::LAYERS, F::STRUCTURE));
        let erased = laplace::Spectrum::new(Net::LAYERS, F::STRUCTURE, per, storage)?;
        Ok(Self { erased, net, form: PhantomData })
    }

    /// The run-time sized form.
    pub const fn erased(&self) -> &laplace::Spectrum<'a, T> {
        &self.erased
    }

    /// [`evidence`](laplace::evidence)
    ///
    /// # Errors
    /// As there.
    pub fn evidence(
        &self,
        theta: &Net::Theta<T>,
        fit: Fit<T>,
        prior: Prior<'_, T>,
        inverse_noise: T,
    ) -> Result<Evidence<T>, LaplaceError> {
        laplace::evidence(&self.erased, theta.as_ref(), fit, prior, inverse_noise)
    }

    /// [`maximize`](laplace::maximize); as many values of scratch as precisions.
    ///
    /// # Errors
    /// As there.
    pub fn maximize<const D: usize>(
        &self,
        theta: &Net::Theta<T>,
        fit: Fit<T>,
        tuning: Tuning<T>,
        precisions: &mut [T; D],
        inverse_noise: &mut T,
        scratch: &mut [T; D],
    ) -> Result<Tuned<T>, LaplaceError> {
        let theta = theta.as_ref();
        laplace::maximize(&self.erased, theta, fit, tuning, precisions, inverse_noise, scratch)
    }

    /// The posterior at prior precisions and noise: [`laplace::Posterior::write`].
    ///
    /// # Errors
    /// As there.
    pub fn posterior<'p, const N: usize>(
        &self,
        prior: Prior<'_, T>,
        sigma: T,
        storage: &'p mut [T; N],
    ) -> Result<Posterior<'p, Net, F, T>, LaplaceError>
    where
        'a: 'p,
    {
        exactly!("posterior", N, posterior_len(Net::LAYERS, F::STRUCTURE));
        let erased = laplace::Posterior::write(&self.erased, prior, sigma, storage)?;
        Ok(Posterior::of(self.net, erased))
    }
}
