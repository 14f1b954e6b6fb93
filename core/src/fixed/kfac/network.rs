//! A network named by [`mlp!`](crate::mlp): its factors, its natural gradients, its training.

use crate::fixed::Problem;
use crate::kfac::{
    self, Bias, Damping, Eigenfactors, Ekfac, Factors, Fisher, KfacError, Optimizer,
    Preconditioner, Progress, Report, Representation, Settings, Weights, accumulate,
    accumulate_diagonal, ekfac_bases, ekfac_correct, natural_gradient,
};
use crate::network::{AsMat, Network, Targets};
use crate::scalar::Real;
use core::marker::PhantomData;

impl<'a, Net: Network, T: Real, const BATCH: usize> Problem<'a, Net, T, BATCH> {
    fn weights(&self) -> Weights<T> {
        Weights::batch(self.loss, self.reduction, BATCH, Net::OUTPUTS)
    }

    /// The factors of every layer.
    ///
    /// ```
    /// use nanocurv::curvature::gradient_scratch;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, fixed::Problem, kfac::{self, Damping, Fisher}, mlp};
    ///
    /// mlp! { Sensor: 2 => 3 tanh => 1 }
    /// let theta = [0.2_f32; Sensor::PARAMS];
    /// let x = SMatrix::<f32, 2, 4>::from_fn(|i, j| 0.5 * i as f32 - 0.25 * j as f32);
    /// let y = SMatrix::<f32, 1, 4>::repeat(0.1);
    /// let problem = Problem::values(Sensor, &theta, &x, &y, (Loss::Mse, Reduction::Mean));
    ///
    /// let mut factors = [0.0; kfac::factors_len(Sensor::LAYERS)];
    /// let mut scratch = [0.0; kfac::accumulate_scratch(Sensor::LAYERS, 4)];
    /// let mut step = [0.0; Sensor::PARAMS];
    /// let mut rest = [0.0; gradient_scratch(Sensor::LAYERS, 4)];
    /// problem.gradient(&mut step, &mut rest)?;
    /// let factors = problem.factors(Fisher::TypeTwo, &mut factors, &mut scratch)?;
    /// let mut memory = [0.0; kfac::preconditioner_len(Sensor::LAYERS)];
    /// let inverse = factors.preconditioner(0.1, Damping::Pi, &mut memory)?;
    /// inverse.precondition(&mut step, &mut [0.0; kfac::precondition_scratch(Sensor::LAYERS)])?;
    ///
    /// // The same in one call that keeps nothing.
    /// let (mut same, mut scratch) =
    ///     ([0.0; Sensor::PARAMS], [0.0; kfac::natural_gradient_scratch(Sensor::LAYERS, 4)]);
    /// problem.natural_gradient(0.1, Damping::Pi, &mut same, &mut scratch)?;
    /// assert!(step.iter().zip(same).all(|(a, b)| (a - b).abs() < 1e-5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`accumulate`](crate::kfac::accumulate).
    pub fn factors<'s, const F: usize, const S: usize>(
        &self,
        fisher: Fisher<'_>,
        storage: &'s mut [T; F],
        scratch: &mut [T; S],
    ) -> Result<OfNetwork<Net, Factors<'s, T>>, KfacError> {
        enough!("scratch", S, kfac::accumulate_scratch(Net::LAYERS, BATCH));
        exactly!("storage", F, kfac::factors_len(Net::LAYERS));
        let (net, x) = (self.net.at(self.theta)?, self.x.as_mat());
        let (targets, loss, weights) = (self.targets, self.loss, self.weights());
        accumulate(&net, x, targets, loss, fisher, weights, storage, scratch)?;
        Ok(OfNetwork::new(Factors::new(Net::LAYERS, storage)?))
    }

    /// Updates every Lambda of an EKFAC state by this batch alone, and is its operator.
    ///
    /// ```
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, fixed::Problem, kfac::{self, Bias, Fisher}, mlp};
    ///
    /// mlp! { Sensor: 2 => 3 tanh => 1 }
    /// let theta = [0.2; Sensor::PARAMS];
    /// let (x, y) = (SMatrix::<f64, 2, 4>::identity(), SMatrix::<f64, 1, 4>::repeat(0.1));
    /// let problem = Problem::values(Sensor, &theta, &x, &y, (Loss::Mse, Reduction::Mean));
    /// let mut storage = [0.0; kfac::factors_len(Sensor::LAYERS)];
    /// let mut scratch = [0.0; kfac::ekfac_correct_scratch(Sensor::LAYERS, 4)];
    /// let factors = problem.factors(Fisher::TypeTwo, &mut storage, &mut scratch)?;
    /// let mut state = [0.0; kfac::ekfac_len(Sensor::LAYERS, Bias::Joint)];
    /// factors.bases(&mut state, &mut [0.0; kfac::ekfac_bases_scratch(Sensor::LAYERS)])?;
    /// let ekfac = problem.corrected(Fisher::TypeTwo, &mut state, &mut scratch)?;
    ///
    /// let (mut v, mut scratch) = ([1.0; Sensor::PARAMS], [0.0; kfac::ekfac_scratch(Sensor::LAYERS)]);
    /// ekfac.solve(0.5, &mut v, &mut scratch)?;
    /// ekfac.power(1.0, 0.5, &mut v, &mut scratch)?; // and back
    /// assert!(v.iter().all(|v| (v - 1.0).abs() < 1e-12));
    /// # Ok::<(), nanocurv::kfac::KfacError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ekfac_correct`](crate::kfac::ekfac_correct).
    pub fn corrected<'s, const F: usize, const S: usize>(
        &self,
        fisher: Fisher<'_>,
        state: &'s mut [T; F],
        scratch: &mut [T; S],
    ) -> Result<OfNetwork<Net, Ekfac<'s, T>>, KfacError> {
        enough!("scratch", S, kfac::ekfac_correct_scratch(Net::LAYERS, BATCH));
        exactly!("state", F, kfac::ekfac_len(Net::LAYERS, Bias::Joint));
        let (net, x) = (self.net.at(self.theta)?, self.x.as_mat());
        let (targets, loss, weights) = (self.targets, self.loss, self.weights());
        ekfac_correct(&net, x, targets, loss, fisher, weights, Bias::Joint, state, scratch)?;
        Ok(OfNetwork::new(Ekfac::new(Net::LAYERS, Bias::Joint, state)?))
    }

    /// The diagonal of the Fisher or GGN matrix, in parameter order.
    ///
    /// # Errors
    /// As [`accumulate_diagonal`](crate::kfac::accumulate_diagonal).
    pub fn fisher_diagonal<const S: usize>(
        &self,
        fisher: Fisher<'_>,
        to: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::accumulate_diagonal_scratch(Net::LAYERS, BATCH));
        let (net, x) = (self.net.at(self.theta)?, self.x.as_mat());
        let (targets, loss, weights) = (self.targets, self.loss, self.weights());
        accumulate_diagonal(&net, x, targets, loss, fisher, weights, to.as_mut(), scratch)
    }

    /// The damped natural gradient in one call: the loss, and the direction in `to`.
    ///
    /// # Errors
    /// As [`natural_gradient`](crate::kfac::natural_gradient).
    pub fn natural_gradient<const S: usize>(
        &self,
        lambda: T,
        damping: Damping,
        to: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<T, KfacError> {
        enough!("scratch", S, kfac::natural_gradient_scratch(Net::LAYERS, BATCH));
        let (net, loss) = (self.net.at(self.theta)?, (self.loss, self.reduction));
        let (x, to) = (self.x.as_mat(), to.as_mut());
        natural_gradient(&net, x, self.targets, loss, (lambda, damping), to, scratch)
    }
}

/// A run-time sized form on the parameters of network N: [`Factors`], [`Preconditioner`],
/// [`Eigenfactors`] or [`Ekfac`].
#[derive(Clone, Copy, Debug)]
pub struct OfNetwork<Net, F>(F, PhantomData<Net>);

impl<Net: Network, F> OfNetwork<Net, F> {
    const fn new(form: F) -> Self {
        Self(form, PhantomData)
    }

    /// The run-time sized form.
    pub const fn erased(&self) -> &F {
        &self.0
    }
}

impl<Net: Network, T: Real> OfNetwork<Net, Factors<'_, T>> {
    /// `v := K v`, without damping.
    ///
    /// # Errors
    /// As [`Factors::apply`].
    pub fn apply<const S: usize>(
        &self,
        v: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::factors_apply_scratch(Net::LAYERS));
        self.0.apply(v.as_mut(), scratch)
    }

    /// Damps and factors every block.
    ///
    /// # Errors
    /// As [`Factors::preconditioner`].
    pub fn preconditioner<'s, const S: usize>(
        &self,
        lambda: T,
        damping: Damping,
        storage: &'s mut [T; S],
    ) -> Result<OfNetwork<Net, Preconditioner<'s, T>>, KfacError> {
        enough!("storage", S, kfac::preconditioner_len(Net::LAYERS));
        let factors = Factors::new(Net::LAYERS, self.0.data)?;
        factors.preconditioner(lambda, damping, storage)?;
        Ok(OfNetwork::new(Preconditioner::new(Net::LAYERS, Bias::Joint, storage)?))
    }

    /// Decomposes every factor, for exact damping.
    ///
    /// # Errors
    /// As [`Factors::eigen`].
    pub fn eigen<'s, const F: usize, const S: usize>(
        &self,
        storage: &'s mut [T; F],
        scratch: &mut [T; S],
    ) -> Result<OfNetwork<Net, Eigenfactors<'s, T>>, KfacError> {
        exactly!("storage", F, kfac::eigenfactors_len(Net::LAYERS, Bias::Joint));
        enough!("scratch", S, kfac::eigenfactors_scratch(Net::LAYERS));
        self.0.eigen(storage, scratch)?;
        Ok(OfNetwork::new(Eigenfactors::new(Net::LAYERS, Bias::Joint, storage)?))
    }

    /// Decomposes every block into an EKFAC state, with K-FAC's own Lambda to start from.
    ///
    /// # Errors
    /// As [`ekfac_bases`](crate::kfac::ekfac_bases).
    pub fn bases<const F: usize, const S: usize>(
        &self,
        state: &mut [T; F],
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("state", F, kfac::ekfac_len(Net::LAYERS, Bias::Joint));
        enough!("scratch", S, kfac::ekfac_bases_scratch(Net::LAYERS));
        ekfac_bases(&self.0, state, scratch)
    }
}

impl<Net: Network, T: Real> OfNetwork<Net, Preconditioner<'_, T>> {
    /// `v := (K damped)^-1 v`
    ///
    /// # Errors
    /// As [`Preconditioner::precondition`].
    pub fn precondition<const S: usize>(
        &self,
        v: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::precondition_scratch(Net::LAYERS));
        self.0.precondition(v.as_mut(), scratch)
    }
}

impl<Net: Network, T: Real> OfNetwork<Net, Eigenfactors<'_, T>> {
    /// `v := (K + lambda I)^-1 v`, exactly.
    ///
    /// # Errors
    /// As [`Eigenfactors::solve`].
    pub fn solve<const S: usize>(
        &self,
        lambda: T,
        v: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        self.power(-T::ONE, lambda, v, scratch)
    }

    /// `v := (K + lambda I)^p v`
    ///
    /// # Errors
    /// As [`Eigenfactors::power`].
    pub fn power<const S: usize>(
        &self,
        p: T,
        lambda: T,
        v: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::eigenfactors_scratch(Net::LAYERS));
        self.0.power(p, lambda, v.as_mut(), scratch)
    }
}

impl<Net: Network, T: Real> OfNetwork<Net, Ekfac<'_, T>> {
    /// `v := E v`
    ///
    /// # Errors
    /// As [`Ekfac::apply`].
    pub fn apply<const S: usize>(
        &self,
        v: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::ekfac_scratch(Net::LAYERS));
        self.0.apply(v.as_mut(), scratch)
    }

    /// `v := (E + lambda I)^-1 v`
    ///
    /// # Errors
    /// As [`Ekfac::solve`].
    pub fn solve<const S: usize>(
        &self,
        lambda: T,
        v: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::ekfac_scratch(Net::LAYERS));
        self.0.solve(lambda, v.as_mut(), scratch)
    }

    /// `v := (E + lambda I)^p v`
    ///
    /// # Errors
    /// As [`Ekfac::power`].
    pub fn power<const S: usize>(
        &self,
        p: T,
        lambda: T,
        v: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::ekfac_scratch(Net::LAYERS));
        self.0.power(p, lambda, v.as_mut(), scratch)
    }
}

/// The [`Optimizer`] of network N with inverse R.
///
/// ```
/// use nanocurv::network::{Loss, Network};
/// use nanocurv::fixed::kfac::Training;
/// use nanocurv::kfac::{self, Factored, Fisher, Inverse, Progress, Settings};
/// use nanocurv::{SMatrix, mlp};
///
/// mlp! { Sensor: 1 => 4 tanh => 1 }
/// let mut theta = core::array::from_fn(|i| 0.3 - 0.1 * (i % 7) as f64);
/// let x = SMatrix::<f64, 1, 8>::from_fn(|_, j| j as f64 / 4.0 - 1.0);
/// let y = x.map(|x| x * x);
/// let mut state = [0.0; kfac::optimizer_len(Sensor::LAYERS, Inverse::Factored)];
/// let mut scratch = [0.0; kfac::optimizer_scratch(Sensor::LAYERS, Inverse::Factored, 8)];
/// let settings = Settings::standard(Loss::Mse);
/// let mut training =
///     Training::<_, _, Factored>::new(Sensor, settings, Progress::start(1.0, settings.decay), &mut state)?;
/// let first = training.step(&mut theta, &x, &y, Fisher::TypeTwo, &mut scratch)?.loss;
/// let mut last = first;
/// for _ in 0..20 {
///     last = training.step(&mut theta, &x, &y, Fisher::TypeTwo, &mut scratch)?.loss;
/// }
/// assert!(last < first);
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
#[derive(Debug)]
pub struct Training<'a, Net, T, R> {
    /// The run-time sized form.
    pub optimizer: Optimizer<'a, T, R>,
    net: Net,
}

impl<'a, Net: Network, T: Real, R: Representation> Training<'a, Net, T, R> {
    /// Starts, or goes on: [`Optimizer::new`].
    ///
    /// # Errors
    /// As there.
    pub fn new<const F: usize>(
        net: Net,
        settings: Settings<T>,
        progress: Progress<T>,
        state: &'a mut [T; F],
    ) -> Result<Self, KfacError> {
        exactly!("state", F, kfac::optimizer_len(Net::LAYERS, R::INVERSE));
        Ok(Self { optimizer: Optimizer::new(Net::LAYERS, settings, progress, state)?, net })
    }

    /// One step on a batch: `theta := theta + update`.
    ///
    /// # Errors
    /// As [`Optimizer::step`].
    pub fn step<const BATCH: usize, const S: usize>(
        &mut self,
        theta: &mut Net::Theta<T>,
        x: &Net::Inputs<T, BATCH>,
        y: &Net::Outputs<T, BATCH>,
        fisher: Fisher<'_>,
        scratch: &mut [T; S],
    ) -> Result<Report<T>, KfacError> {
        enough!("scratch", S, kfac::optimizer_scratch(Net::LAYERS, R::INVERSE, BATCH));
        let net = self.net.architecture()?;
        let (theta, targets) = (theta.as_mut(), Targets::Values(y.as_mat()));
        self.optimizer.step(&net, theta, x.as_mat(), targets, fisher, scratch)
    }
}
