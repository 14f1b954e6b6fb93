//! A network named by [`mlp!`](crate::mlp): its factors, its steps.

use super::enough;
use crate::kfac::{
    Bias, Damping, Eigenfactors, Ekfac, Factors, Fisher, KfacError, Optimizer, Preconditioner,
    Progress, Report, Representation, Settings, Weights, accumulate, accumulate_diagonal,
    accumulate_diagonal_scratch, accumulate_scratch, eigenfactors_len, eigenfactors_scratch,
    ekfac_bases, ekfac_bases_scratch, ekfac_correct, ekfac_correct_scratch, ekfac_len,
    ekfac_scratch, factors_apply_scratch, factors_len, gradient, natural_gradient,
    natural_gradient_scratch, optimizer_len, optimizer_scratch, precondition_scratch,
    preconditioner_len,
};
use crate::network::{AsMat, Loss, Network, Reduction, Targets};
use crate::scalar::Real;
use core::marker::PhantomData;

/// A network at parameters theta and a batch of B samples, with its loss.
///
/// ```
/// use nanocurv::network::{Loss, Network, Reduction};
/// use nanocurv::{SMatrix, kfac::{self, Bias, Damping, Fisher, typed::Samples}, mlp};
///
/// mlp! { Sensor: 2 => 3 tanh => 1 }
/// let theta = [0.2_f32; Sensor::PARAMS];
/// let x = SMatrix::<f32, 2, 4>::from_fn(|i, j| 0.5 * i as f32 - 0.25 * j as f32);
/// let y = SMatrix::<f32, 1, 4>::repeat(0.1);
/// let samples = Samples::values(Sensor, &theta, &x, &y, (Loss::Mse, Reduction::Mean));
///
/// let mut factors = [0.0; kfac::factors_len(Sensor::LAYERS)];
/// let mut scratch = [0.0; kfac::accumulate_scratch(Sensor::LAYERS, 4)];
/// let mut step = [0.0; Sensor::PARAMS];
/// samples.gradient(&mut step, &mut scratch)?;
/// let factors = samples.factors(Fisher::TypeTwo, &mut factors, &mut scratch)?;
/// let mut memory = [0.0; kfac::preconditioner_len(Sensor::LAYERS)];
/// let inverse = factors.preconditioner(0.1, Damping::Pi, &mut memory)?;
/// inverse.precondition(&mut step, &mut [0.0; kfac::precondition_scratch(Sensor::LAYERS)])?;
///
/// // The same in one call that keeps nothing.
/// let (mut same, mut scratch) =
///     ([0.0; Sensor::PARAMS], [0.0; kfac::natural_gradient_scratch(Sensor::LAYERS, 4)]);
/// samples.natural_gradient(0.1, Damping::Pi, &mut same, &mut scratch)?;
/// assert!(step.iter().zip(same).all(|(a, b)| (a - b).abs() < 1e-5));
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Samples<'a, N: Network, T: Real, const B: usize> {
    net: N,
    theta: &'a N::Theta<T>,
    x: &'a N::Inputs<T, B>,
    targets: Targets<'a, T>,
    loss: Loss,
    reduction: Reduction,
}

impl<'a, N: Network, T: Real, const B: usize> Samples<'a, N, T, B> {
    /// With values as targets.
    pub fn values(
        net: N,
        theta: &'a N::Theta<T>,
        x: &'a N::Inputs<T, B>,
        y: &'a N::Outputs<T, B>,
        (loss, reduction): (Loss, Reduction),
    ) -> Self {
        Self { net, theta, x, targets: Targets::Values(y.as_mat()), loss, reduction }
    }

    /// With a class for each sample.
    pub fn labels(
        net: N,
        theta: &'a N::Theta<T>,
        x: &'a N::Inputs<T, B>,
        labels: &'a [u32; B],
        (loss, reduction): (Loss, Reduction),
    ) -> Self {
        Self { net, theta, x, targets: Targets::Labels(labels), loss, reduction }
    }

    fn weights(&self) -> Weights<T> {
        Weights::batch(self.loss, self.reduction, B, N::OUTPUTS)
    }

    /// The loss, and its gradient in `to`.
    ///
    /// # Errors
    /// As [`gradient`](crate::kfac::gradient).
    pub fn gradient<const S: usize>(
        &self,
        to: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<T, KfacError> {
        enough!(
            S,
            accumulate_scratch(N::LAYERS, B),
            "scratch: place [0.0; kfac::accumulate_scratch(Net::LAYERS, BATCH)]"
        );
        let (net, c) = (self.net.at(self.theta)?, self.loss.scale(self.reduction, B, N::OUTPUTS));
        to.as_mut().fill(T::ZERO);
        gradient(&net, self.x.as_mat(), self.targets, self.loss, c, to.as_mut(), scratch)
    }

    /// The factors of every layer.
    ///
    /// # Errors
    /// As [`accumulate`](crate::kfac::accumulate).
    pub fn factors<'s, const F: usize, const S: usize>(
        &self,
        fisher: Fisher<'_>,
        storage: &'s mut [T; F],
        scratch: &mut [T; S],
    ) -> Result<OfNetwork<N, Factors<'s, T>>, KfacError> {
        enough!(
            S,
            accumulate_scratch(N::LAYERS, B),
            "scratch: place [0.0; kfac::accumulate_scratch(Net::LAYERS, BATCH)]"
        );
        const {
            assert!(
                F == factors_len(N::LAYERS),
                "storage: place [0.0; kfac::factors_len(Net::LAYERS)]"
            );
        }
        let (net, x) = (self.net.at(self.theta)?, self.x.as_mat());
        let (targets, loss, weights) = (self.targets, self.loss, self.weights());
        accumulate(&net, x, targets, loss, fisher, weights, storage, scratch)?;
        Ok(OfNetwork::new(Factors::new(N::LAYERS, storage)?))
    }

    /// Updates every Lambda of an EKFAC state by this batch alone, and is its operator.
    ///
    /// ```
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, kfac::{self, Bias, Fisher, typed::Samples}, mlp};
    ///
    /// mlp! { Sensor: 2 => 3 tanh => 1 }
    /// let theta = [0.2; Sensor::PARAMS];
    /// let (x, y) = (SMatrix::<f64, 2, 4>::identity(), SMatrix::<f64, 1, 4>::repeat(0.1));
    /// let samples = Samples::values(Sensor, &theta, &x, &y, (Loss::Mse, Reduction::Mean));
    /// let mut storage = [0.0; kfac::factors_len(Sensor::LAYERS)];
    /// let mut scratch = [0.0; kfac::ekfac_correct_scratch(Sensor::LAYERS, 4)];
    /// let factors = samples.factors(Fisher::TypeTwo, &mut storage, &mut scratch)?;
    /// let mut state = [0.0; kfac::ekfac_len(Sensor::LAYERS, Bias::Joint)];
    /// factors.bases(&mut state, &mut [0.0; kfac::ekfac_bases_scratch(Sensor::LAYERS)])?;
    /// let ekfac = samples.corrected(Fisher::TypeTwo, &mut state, &mut scratch)?;
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
    ) -> Result<OfNetwork<N, Ekfac<'s, T>>, KfacError> {
        enough!(
            S,
            ekfac_correct_scratch(N::LAYERS, B),
            "scratch: place [0.0; kfac::ekfac_correct_scratch(Net::LAYERS, BATCH)]"
        );
        const {
            assert!(
                F == ekfac_len(N::LAYERS, Bias::Joint),
                "state: place [0.0; kfac::ekfac_len(Net::LAYERS, Bias::Joint)]"
            );
        }
        let (net, x) = (self.net.at(self.theta)?, self.x.as_mat());
        let (targets, loss, weights) = (self.targets, self.loss, self.weights());
        ekfac_correct(&net, x, targets, loss, fisher, weights, Bias::Joint, state, scratch)?;
        Ok(OfNetwork::new(Ekfac::new(N::LAYERS, Bias::Joint, state)?))
    }

    /// The diagonal of the Fisher or GGN matrix, in parameter order.
    ///
    /// # Errors
    /// As [`accumulate_diagonal`](crate::kfac::accumulate_diagonal).
    pub fn diagonal<const S: usize>(
        &self,
        fisher: Fisher<'_>,
        to: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!(
            S,
            accumulate_diagonal_scratch(N::LAYERS, B),
            "scratch: place [0.0; kfac::accumulate_diagonal_scratch(Net::LAYERS, BATCH)]"
        );
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
        to: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<T, KfacError> {
        enough!(
            S,
            natural_gradient_scratch(N::LAYERS, B),
            "scratch: place [0.0; kfac::natural_gradient_scratch(Net::LAYERS, BATCH)]"
        );
        let (net, loss) = (self.net.at(self.theta)?, (self.loss, self.reduction));
        let (x, to) = (self.x.as_mat(), to.as_mut());
        natural_gradient(&net, x, self.targets, loss, (lambda, damping), to, scratch)
    }
}

/// A run-time sized form on the parameters of network N: [`Factors`], [`Preconditioner`],
/// [`Eigenfactors`] or [`Ekfac`].
#[derive(Clone, Copy, Debug)]
pub struct OfNetwork<N, F>(F, PhantomData<N>);

impl<N: Network, F> OfNetwork<N, F> {
    const fn new(form: F) -> Self {
        Self(form, PhantomData)
    }

    /// The run-time sized form.
    pub const fn erased(&self) -> &F {
        &self.0
    }
}

impl<N: Network, T: Real> OfNetwork<N, Factors<'_, T>> {
    /// `v := K v`, without damping.
    ///
    /// # Errors
    /// As [`Factors::apply`].
    pub fn apply<const S: usize>(
        &self,
        v: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!(
            S,
            factors_apply_scratch(N::LAYERS),
            "scratch: place [0.0; kfac::factors_apply_scratch(Net::LAYERS)]"
        );
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
    ) -> Result<OfNetwork<N, Preconditioner<'s, T>>, KfacError> {
        enough!(
            S,
            preconditioner_len(N::LAYERS),
            "storage: place [0.0; kfac::preconditioner_len(Net::LAYERS)]"
        );
        let factors = Factors::new(N::LAYERS, self.0.data)?;
        factors.preconditioner(lambda, damping, storage)?;
        Ok(OfNetwork::new(Preconditioner::new(N::LAYERS, Bias::Joint, storage)?))
    }

    /// Decomposes every factor, for exact damping.
    ///
    /// # Errors
    /// As [`Factors::eigen`].
    pub fn eigen<'s, const F: usize, const S: usize>(
        &self,
        storage: &'s mut [T; F],
        scratch: &mut [T; S],
    ) -> Result<OfNetwork<N, Eigenfactors<'s, T>>, KfacError> {
        const {
            assert!(
                F == eigenfactors_len(N::LAYERS, Bias::Joint),
                "storage: place [0.0; kfac::eigenfactors_len(Net::LAYERS, Bias::Joint)]"
            )
        }
        enough!(
            S,
            eigenfactors_scratch(N::LAYERS),
            "scratch: place [0.0; kfac::eigenfactors_scratch(Net::LAYERS)]"
        );
        self.0.eigen(storage, scratch)?;
        Ok(OfNetwork::new(Eigenfactors::new(N::LAYERS, Bias::Joint, storage)?))
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
        enough!(
            F,
            ekfac_len(N::LAYERS, Bias::Joint),
            "state: place [0.0; kfac::ekfac_len(Net::LAYERS, Bias::Joint)]"
        );
        enough!(
            S,
            ekfac_bases_scratch(N::LAYERS),
            "scratch: place [0.0; kfac::ekfac_bases_scratch(Net::LAYERS)]"
        );
        ekfac_bases(&self.0, state, scratch)
    }
}

impl<N: Network, T: Real> OfNetwork<N, Preconditioner<'_, T>> {
    /// `v := (K damped)^-1 v`
    ///
    /// # Errors
    /// As [`Preconditioner::precondition`].
    pub fn precondition<const S: usize>(
        &self,
        v: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!(
            S,
            precondition_scratch(N::LAYERS),
            "scratch: place [0.0; kfac::precondition_scratch(Net::LAYERS)]"
        );
        self.0.precondition(v.as_mut(), scratch)
    }
}

impl<N: Network, T: Real> OfNetwork<N, Eigenfactors<'_, T>> {
    /// `v := (K + lambda I)^-1 v`, exactly.
    ///
    /// # Errors
    /// As [`Eigenfactors::solve`].
    pub fn solve<const S: usize>(
        &self,
        lambda: T,
        v: &mut N::Theta<T>,
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
        v: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!(
            S,
            eigenfactors_scratch(N::LAYERS),
            "scratch: place [0.0; kfac::eigenfactors_scratch(Net::LAYERS)]"
        );
        self.0.power(p, lambda, v.as_mut(), scratch)
    }
}

impl<N: Network, T: Real> OfNetwork<N, Ekfac<'_, T>> {
    /// `v := E v`
    ///
    /// # Errors
    /// As [`Ekfac::apply`].
    pub fn apply<const S: usize>(
        &self,
        v: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!(
            S,
            ekfac_scratch(N::LAYERS),
            "scratch: place [0.0; kfac::ekfac_scratch(Net::LAYERS)]"
        );
        self.0.apply(v.as_mut(), scratch)
    }

    /// `v := (E + lambda I)^-1 v`
    ///
    /// # Errors
    /// As [`Ekfac::solve`].
    pub fn solve<const S: usize>(
        &self,
        lambda: T,
        v: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!(
            S,
            ekfac_scratch(N::LAYERS),
            "scratch: place [0.0; kfac::ekfac_scratch(Net::LAYERS)]"
        );
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
        v: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!(
            S,
            ekfac_scratch(N::LAYERS),
            "scratch: place [0.0; kfac::ekfac_scratch(Net::LAYERS)]"
        );
        self.0.power(p, lambda, v.as_mut(), scratch)
    }
}

/// The [`Optimizer`] of network N with inverse R.
///
/// ```
/// use nanocurv::network::{Loss, Network};
/// use nanocurv::kfac::{self, Factored, Fisher, Inverse, Progress, Settings, typed::Training};
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
pub struct Training<'a, N, T, R> {
    /// The run-time sized form.
    pub optimizer: Optimizer<'a, T, R>,
    net: N,
}

impl<'a, N: Network, T: Real, R: Representation> Training<'a, N, T, R> {
    /// Starts, or goes on: [`Optimizer::new`].
    ///
    /// # Errors
    /// As there.
    pub fn new<const F: usize>(
        net: N,
        settings: Settings<T>,
        progress: Progress<T>,
        state: &'a mut [T; F],
    ) -> Result<Self, KfacError> {
        const {
            assert!(
                F == optimizer_len(N::LAYERS, R::INVERSE),
                "state: place [0.0; kfac::optimizer_len(Net::LAYERS, Inverse::..)]"
            );
        }
        Ok(Self { optimizer: Optimizer::new(N::LAYERS, settings, progress, state)?, net })
    }

    /// One step on a batch: `theta := theta + update`.
    ///
    /// # Errors
    /// As [`Optimizer::step`].
    pub fn step<const B: usize, const S: usize>(
        &mut self,
        theta: &mut N::Theta<T>,
        x: &N::Inputs<T, B>,
        y: &N::Outputs<T, B>,
        fisher: Fisher<'_>,
        scratch: &mut [T; S],
    ) -> Result<Report<T>, KfacError> {
        enough!(
            S,
            optimizer_scratch(N::LAYERS, R::INVERSE, B),
            "scratch: place [0.0; kfac::optimizer_scratch(Net::LAYERS, Inverse::.., BATCH)]"
        );
        let net = self.net.architecture()?;
        let (theta, targets) = (theta.as_mut(), Targets::Values(y.as_mat()));
        self.optimizer.step(&net, theta, x.as_mat(), targets, fisher, scratch)
    }
}
