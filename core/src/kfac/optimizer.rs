//! K-FAC training, for batches and for streams (batches of one).
//!
//! ```text
//! g = dL/dtheta, factors := moving average of the batch's,  Delta = K_damped^-1 g
//! fixed       u = -rate s Delta + mu d0,  s = min(1, sqrt(limit / (rate^2 Delta.g))) if Delta.g > 0
//! quadratic   D = [Delta, d0], M = D^T (F + lambda I) D, b = D^T g,  w = -M^-1 b,  u = D w
//! theta := theta + u,  d0 := u;  every few steps lambda follows the reduction ratio
//! measured    the loss has not fallen:  u := 0, d0 := 0, lambda raised, once more from K_damped
//! ```
//! A step is measured, by one more forward pass, when the schedule says so and whenever it is
//! longer than the parameters: as far out, only the loss can tell whether the model still holds.
//! Damping below the rounding of a factor gives such steps, and pivots that are none; both raise
//! lambda within the step ([`Report::raises`]). Levenberg (1944), Marquardt (1963). An [`Anchor`] of
//! precision D is part of L: of the loss, of g and, as D I, of F and of what K is damped by.
//!
//! d0 is the update before. F is the batch's GGN itself, never its approximation, through the
//! outputs' derivatives along the directions: `d^T F d' = c sum_n (J_n d)^T H_n (J_n d')`.
//! Martens & Grosse (2015), sections 6 and 7.
//!
//! The state is two plain things that the caller owns: one slice ([`optimizer_len`] values) and
//! [`Progress`]. Saved and given back, training goes on bit for bit.

use super::anchor::Anchor;
use super::damping::check;
use super::ekfac::{Ekfac, correct, ekfac_bases, ekfac_bases_scratch, ekfac_len, ekfac_scratch};
use super::error::KfacError;
use super::factors::{Bias, Factors, factors_len};
use super::model::{Model, change, minimum};
use super::preconditioner::{
    Eigenfactors, Preconditioner, eigenfactors_len, eigenfactors_scratch, precondition_scratch,
    preconditioner_len,
};
use super::schedule::{Schedule, reduction_ratio};
use super::settings::{Inverse, Progress, Report, Representation, Settings, StepRule};
use super::statistics::{
    Batch, Fisher, Weights, add_inputs, add_outputs, batch_scratch, for_each_vector,
    identity_outputs,
};
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::dot;
use crate::matrix::Mat;
use crate::network::layer::{self, max_homogeneous_inputs, max_outputs};
use crate::network::{Architecture, Layer, Targets, forward};
use crate::scalar::Real;
use crate::scratch::Scratch;
use core::marker::PhantomData;

/// The number of values of an optimiser's state.
pub const fn optimizer_len(layers: &[Layer], inverse: Inverse) -> usize {
    factors_len(layers) + inverse_len(layers, inverse) + layer::params(layers)
}

const fn inverse_len(layers: &[Layer], inverse: Inverse) -> usize {
    match inverse {
        Inverse::Factored => preconditioner_len(layers),
        Inverse::Exact => eigenfactors_len(layers, Bias::Joint),
        Inverse::Corrected => ekfac_len(layers, Bias::Joint),
    }
}

/// Scratch of [`Optimizer::step`].
pub const fn optimizer_scratch(layers: &[Layer], inverse: Inverse, batch: usize) -> usize {
    let work = match inverse {
        Inverse::Factored => precondition_scratch(layers),
        Inverse::Exact => eigenfactors_scratch(layers),
        Inverse::Corrected => {
            let correct = (max_homogeneous_inputs(layers) + max_outputs(layers)) * batch;
            max(max(ekfac_bases_scratch(layers), ekfac_scratch(layers)), correct)
        }
    };
    // The outputs' derivatives along two directions, and H times one.
    let tangents = 3 * layer::outputs(layers) * batch;
    batch_scratch(layers, batch) + 2 * layer::params(layers) + max(work, tangents)
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// K-FAC's optimiser over a caller's slice.
///
/// ```
/// use nanocurv::kfac::{Factored, Fisher, Inverse, Optimizer, Progress, Settings};
/// use nanocurv::kfac::{optimizer_len, optimizer_scratch};
/// use nanocurv::network::{Loss, Network, Targets};
/// use nanocurv::{Mat, mlp};
///
/// mlp! { Curve: 1 => 4 tanh => 1 }
/// let mut theta = [0.3, -0.2, 0.5, 0.1, 0.0, 0.1, -0.1, 0.2, 0.4, -0.3, 0.2, 0.1, 0.0_f64];
/// let x = [-1.0, -0.5, 0.0, 0.5, 1.0];
/// let y = x.map(|x: f64| x * x);
/// let (x, y) = (Mat::new("x", &x, 1, 5)?, Mat::new("y", &y, 1, 5)?);
///
/// let settings = Settings::standard(Loss::Mse);
/// let mut state = [0.0; optimizer_len(Curve::LAYERS, Inverse::Factored)];
/// let mut scratch = [0.0; optimizer_scratch(Curve::LAYERS, Inverse::Factored, 5)];
/// let progress = Progress::start(1.0, settings.decay);
/// let net = Curve.architecture()?;
/// let mut optimizer = Optimizer::<_, Factored>::new(net.layers(), settings, progress, &mut state)?;
/// let mut losses = [0.0; 30];
/// for loss in &mut losses {
///     let targets = Targets::Values(y);
///     *loss = optimizer.step(&net, &mut theta, x, targets, Fisher::TypeTwo, &mut scratch)?.loss;
/// }
/// assert!(losses[29] < 0.4 * losses[0]);
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
#[derive(Debug)]
pub struct Optimizer<'a, T, R> {
    /// What was chosen.
    pub settings: Settings<T>,
    /// lambda, the average's weight and the count of steps.
    pub progress: Progress<T>,
    anchor: Anchor<'a, T>,
    factors: &'a mut [T],
    inverse: &'a mut [T],
    /// d0
    update: &'a mut [T],
    representation: PhantomData<R>,
}

impl<'a, T: Real, R: Representation> Optimizer<'a, T, R> {
    /// Starts, or goes on: with zeros in `state` and [`Progress::start`], or with both as a run
    /// before left them. `state`: exactly [`optimizer_len`] values.
    ///
    /// # Errors
    /// [`KfacError::Shape`] if the state has another length, [`KfacError::Damping`].
    pub fn new(
        layers: &[Layer],
        settings: Settings<T>,
        progress: Progress<T>,
        state: &'a mut [T],
    ) -> Result<Self, KfacError> {
        check(progress.damping)?;
        ShapeError::check("state", optimizer_len(layers, R::INVERSE), state.len())?;
        let mut rest = Scratch::new(state, 0)?;
        let factors = rest.take(factors_len(layers))?;
        let inverse = rest.take(inverse_len(layers, R::INVERSE))?;
        let update = rest.take(layer::params(layers))?;
        let (anchor, representation) = (Anchor::NONE, PhantomData);
        Ok(Self { settings, progress, anchor, factors, inverse, update, representation })
    }

    /// The same with a pull to other parameters in its loss.
    ///
    /// # Errors
    /// As [`Anchor::check`].
    pub fn with_anchor(self, anchor: Anchor<'a, T>) -> Result<Self, KfacError> {
        anchor.check(self.update.len())?;
        Ok(Self { anchor, ..self })
    }

    /// Starts from factors of other data instead of the first batch's alone: those of the factory,
    /// which count as so many batches (`weight`, at most `1 / (1 - decay)`) of the moving average.
    ///
    /// # Errors
    /// [`KfacError::Shape`] unless there are [`factors_len`] of them, [`KfacError::NonFinite`],
    /// [`KfacError::Weight`] unless the weight is positive.
    pub fn start_from(&mut self, factors: &[T], weight: T) -> Result<(), KfacError> {
        ShapeError::check("factors", self.factors.len(), factors.len())?;
        NonFiniteError::check("factors", factors)?;
        if !(weight > T::ZERO && weight.is_finite()) {
            return Err(KfacError::Weight);
        }
        self.factors.iter_mut().zip(factors).for_each(|(own, given)| *own = *given);
        let average = &mut self.progress.average;
        (average.weight, average.count) = (weight, average.count.max(1));
        Ok(())
    }

    /// The averaged factors.
    ///
    /// # Errors
    /// [`KfacError::BeforeFirstUpdate`].
    pub fn factors<'s>(&'s self, layers: &'s [Layer]) -> Result<Factors<'s, T>, KfacError> {
        self.progress.average.check()?;
        Ok(Factors::new(layers, self.factors)?)
    }

    /// The last update, d0.
    pub const fn update(&self) -> &[T] {
        self.update
    }

    /// One step on a batch: `theta := theta + update`. `scratch`: [`optimizer_scratch`].
    ///
    /// With a schedule, lambda is held within its bounds and raised within the step until a
    /// measured step lowers the loss; where none does, theta stays and so says
    /// [`Report::moved`].
    ///
    /// # Errors
    /// [`KfacError`] if network, data or scratch do not fit together, or if, at the highest lambda
    /// that the schedule allows, a damped factor is not positive definite or the update not finite;
    /// theta is not changed then.
    pub fn step(
        &mut self,
        net: &Architecture<'_, T>,
        theta: &mut [T],
        x: Mat<'_, T>,
        targets: Targets<'_, T>,
        mut fisher: Fisher<'_>,
        scratch: &mut [T],
    ) -> Result<Report<T>, KfacError> {
        let (layers, samples, params) = (net.layers(), x.cols(), layer::params(net.layers()));
        let Settings { loss, reduction, .. } = self.settings;
        loss.check(targets, layer::outputs(layers), samples)?;
        ShapeError::check("update", params, self.update.len())?;
        let mut scratch = Scratch::new(scratch, optimizer_scratch(layers, R::INVERSE, samples))?;
        let pass = scratch.take(batch_scratch(layers, samples))?;
        let (gradient, delta) = (scratch.take(params)?, scratch.take(params)?);
        let work = scratch.rest();
        let c: T = loss.scale(reduction, samples, layer::outputs(layers));

        let mut parts = Parts { pass, gradient, delta, work, c };
        let schedule = self.settings.schedule;
        if let Some(schedule) = schedule {
            self.progress.damping = schedule.clamp(self.progress.damping);
        }
        let start = self.progress.damping;
        let mut raises = 0;
        let mut report = loop {
            let fisher = (raises == 0).then(|| fisher.reborrow());
            let tried = self.attempt(net, theta, x, targets, fisher, &mut parts);
            let failed = match tried {
                Ok(report) if report.moved => break report,
                Ok(report) => Ok(report),
                Err(error) if error.is_cured_by_damping() => Err(error),
                Err(error) => return Err(error),
            };
            self.update.fill(T::ZERO);
            let lambda = self.progress.damping;
            // More damping does not help a step that is too short to change a parameter; less may.
            let descends = matches!(failed, Ok(report) if report.predicted < T::ZERO);
            let short = descends && *parts.delta == *theta;
            match schedule.and_then(|schedule| schedule.raise(lambda, raises)) {
                Some(higher) if !short => self.progress.damping = higher,
                _ => {
                    let mut report = failed?;
                    self.progress.damping = start;
                    report.ratio = if short { T::ONE } else { T::NAN };
                    break report;
                }
            }
            raises += 1;
        };
        self.progress.steps = self.progress.steps.wrapping_add(1);
        if let Some(schedule) = schedule
            && (!report.moved || schedule.due(self.progress.steps))
        {
            self.progress.damping = schedule.adapt(self.progress.damping, report.ratio);
        }
        (report.damping, report.raises) = (self.progress.damping, raises);
        if report.moved {
            theta.iter_mut().zip(&*parts.delta).for_each(|(theta, trial)| *theta = *trial);
        }
        Ok(report)
    }

    /// A step at the damping as it is, into `delta` as parameters; the first learns from the batch
    /// too. Whether they are to be kept is the report's `moved`.
    #[inline(always)]
    fn attempt(
        &mut self,
        net: &Architecture<'_, T>,
        theta: &[T],
        x: Mat<'_, T>,
        targets: Targets<'_, T>,
        first: Option<Fisher<'_>>,
        parts: &mut Parts<'_, T>,
    ) -> Result<Report<T>, KfacError> {
        let (layers, samples) = (net.layers(), x.cols());
        let Settings { loss, schedule, .. } = self.settings;
        let Parts { pass, gradient, delta, work, c } = parts;
        let c = *c;
        let mut report = {
            let here = net.at(theta)?;
            let mut batch = Batch::record(&here, x, &mut Scratch::new(pass, 0)?)?;
            let before = c * loss.value(batch.f, targets)? + self.anchor.value(theta);
            let again = first.is_none();
            if let Some(fisher) = first {
                loss.gradient(batch.f, targets, batch.seed())?;
                gradient.fill(T::ZERO);
                batch.add_gradient(c, gradient)?;
                self.anchor.add_gradient(theta, gradient);
                self.learn(&mut batch, targets, fisher, work)?;
            }
            if R::INVERSE == Inverse::Factored && (again || self.refreshes()) {
                let (lambda, split) = (self.damping(), self.settings.damping);
                Factors::new(layers, self.factors)?.preconditioner(lambda, split, self.inverse)?;
            }
            delta.copy_from_slice(gradient);
            self.precondition(layers, delta, work)?;
            self.advance(&mut batch, targets, c, before, gradient, delta, work)?
        };
        NonFiniteError::check("update", self.update)?;
        for ((trial, theta), u) in delta.iter_mut().zip(theta).zip(&*self.update) {
            *trial = *theta + *u;
        }
        let lengths = (dot(self.update, self.update), dot(theta, theta));
        if let Some(schedule) = schedule
            && (lengths.0 > lengths.1 || schedule.measured(self.progress.steps.wrapping_add(1)))
        {
            let after = net.at(delta).map_err(KfacError::from).and_then(|there| {
                let mut rest = Scratch::new(pass, 0)?;
                let mut f = rest.matrix(there.outputs(), samples)?;
                forward(&there, x, f.reborrow(), rest.rest())?;
                Ok(c * loss.value(f.as_ref(), targets)? + self.anchor.value(delta))
            });
            // Parameters beyond the range of numbers are a failed step, not a failed call.
            let after = after.unwrap_or(T::NAN);
            report.ratio = reduction_ratio(report.loss, after, report.predicted);
            report.moved = Schedule::keeps(report.loss, after, report.ratio, lengths);
        }
        Ok(report)
    }

    /// Mixes the batch's statistics into the factors and refreshes the eigenbases when due.
    fn learn(
        &mut self,
        batch: &mut Batch<'_, T>,
        targets: Targets<'_, T>,
        mut fisher: Fisher<'_>,
        work: &mut [T],
    ) -> Result<(), KfacError> {
        let Settings { loss, reduction, .. } = self.settings;
        let (samples, layers) = (batch.f.cols(), batch.net.layers());
        self.progress.average.decay = self.settings.decay;
        let shares = self.progress.average.update();
        let weights = Weights::batch(loss, reduction, samples, batch.f.rows()).averaged(shares);
        add_inputs(batch, weights, self.factors)?;
        let factors = &mut *self.factors;
        if matches!(fisher, Fisher::ForwardOnly) {
            identity_outputs(layers, weights, samples, factors)?;
        }
        for_each_vector(batch, targets, loss, fisher.reborrow(), &mut |batch, pass, share| {
            let keep = if pass == 0 { weights.keep } else { T::ONE };
            add_outputs(batch, keep, share * weights.output, factors)
        })?;
        let due = self.refreshes();
        let factors = Factors::new(layers, self.factors)?;
        match R::INVERSE {
            Inverse::Exact if due => {
                factors.eigen(self.inverse, work)?;
            }
            Inverse::Corrected => {
                if due {
                    ekfac_bases(&factors, self.inverse, work)?;
                }
                correct(batch, targets, loss, fisher, weights, Bias::Joint, self.inverse, work)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the inverse is due.
    fn refreshes(&self) -> bool {
        self.progress.steps.checked_rem(self.settings.refresh).unwrap_or(0) == 0
    }

    /// `lambda + D`
    fn damping(&self) -> T {
        self.progress.damping + self.anchor.precision
    }

    /// `v := K_damped^-1 v`
    fn precondition(&self, layers: &[Layer], v: &mut [T], work: &mut [T]) -> Result<(), KfacError> {
        let lambda = self.damping();
        match R::INVERSE {
            Inverse::Factored => {
                Preconditioner::new(layers, Bias::Joint, self.inverse)?.precondition(v, work)
            }
            Inverse::Exact => {
                Eigenfactors::new(layers, Bias::Joint, self.inverse)?.solve(lambda, v, work)
            }
            Inverse::Corrected => {
                Ekfac::new(layers, Bias::Joint, self.inverse)?.solve(lambda, v, work)
            }
        }
    }

    /// Chooses the step's length and writes the update.
    fn advance(
        &mut self,
        batch: &mut Batch<'_, T>,
        targets: Targets<'_, T>,
        c: T,
        loss: T,
        gradient: &[T],
        delta: &[T],
        work: &mut [T],
    ) -> Result<Report<T>, KfacError> {
        let (lambda, anchor) = (self.progress.damping, self.anchor.precision);
        let mut model = Model::new(batch, targets, self.settings.loss, (c, anchor), work)?;
        let b = (dot(delta, gradient), dot(self.update, gradient));
        let (w, mut predicted) = match self.settings.step {
            StepRule::Fixed { rate, momentum, limit } => {
                let squared = rate * rate * b.0;
                let scale = match limit {
                    // A product that is not positive says nothing about the length.
                    Some(limit) if squared > limit && squared > T::ZERO => (limit / squared).sqrt(),
                    _ => T::ONE,
                };
                ((-rate * scale, momentum), T::NAN)
            }
            StepRule::Quadratic { momentum } => {
                let second = (momentum && self.update.iter().any(|u| *u != T::ZERO))
                    .then_some(&*self.update);
                let m = model.matrix(delta, second)?;
                let damping = (
                    lambda * dot(delta, delta),
                    second.map_or(T::ZERO, |d| lambda * dot(d, delta)),
                    second.map_or(T::ZERO, |d| lambda * dot(d, d)),
                );
                let damped = (m.0 + damping.0, m.1 + damping.1, m.2 + damping.2);
                let w = minimum(damped, b, second.is_some());
                (w, change(m, b, w))
            }
        };
        for (u, d) in self.update.iter_mut().zip(delta) {
            *u = w.0 * *d + w.1 * *u;
        }
        if let (StepRule::Fixed { .. }, Some(schedule)) =
            (self.settings.step, self.settings.schedule)
            && schedule.measured(self.progress.steps.wrapping_add(1))
        {
            let m = model.matrix(self.update, None)?;
            let b = (dot(self.update, gradient), T::ZERO);
            predicted = change(m, b, (T::ONE, T::ZERO));
        }
        let (damping, ratio) = (lambda, T::NAN);
        Ok(Report { loss, predicted, ratio, coefficients: w, damping, moved: true, raises: 0 })
    }
}

/// The parts of a step's scratch, and the loss's scale.
struct Parts<'s, T> {
    pass: &'s mut [T],
    gradient: &'s mut [T],
    /// The direction, then the parameters it leads to.
    delta: &'s mut [T],
    work: &'s mut [T],
    c: T,
}
