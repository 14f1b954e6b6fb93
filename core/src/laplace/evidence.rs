//! The evidence, and the prior precision and noise that maximise it.
//!
//! ```text
//! log evidence = log likelihood - 1/2 (sum log((h lambda + delta) / delta) + sum delta theta^2)
//! regression     log likelihood = -h/2 R - N O log(sigma sqrt(2 pi)),   R = sum |f - y|^2
//! classes        log likelihood = sum log p(y),  h = 1
//! effective parameters  gamma = sum h lambda / (h lambda + delta)
//! ```
//! In `log delta_g` of every group g and `log h` it is concave (linear functions less exponentials
//! and logarithms of sums of exponentials), so that Newton's method has one place to go. With
//! `q_g = sum h lambda delta_g / (h lambda + delta_g)^2`, `s_g = sum theta^2`:
//!
//! ```text
//! gradient    1/2 (gamma_g - delta_g s_g),        1/2 (N O - h R - gamma)
//! -Hessian    1/2 (q_g + delta_g s_g) on the diagonal, -1/2 q_g in the border, 1/2 (h R + sum q_g)
//! ```
//! An arrow: solved by its Schur complement, O(P) a step. MacKay (1992) for the evidence.

use super::error::LaplaceError;
use super::prior::{Per, Prior, positive, tensors};
use super::spectrum::Spectrum;
use crate::error::{NonFiniteError, ShapeError};
use crate::network::{Layer, Loss, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// How well the network explains its data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit<T> {
    /// The loss.
    pub loss: Loss,
    /// `sum |f - y|^2`, or `-sum log p(y)`: what [`accumulate`](super::accumulate) returned, all
    /// batches together.
    pub value: T,
    /// N
    pub samples: usize,
}

impl<T: Real> Fit<T> {
    /// `log p(y | theta, h)` for outputs O.
    pub fn log_likelihood(&self, inverse_noise: T, outputs: usize) -> T {
        if self.loss != Loss::Mse {
            return -self.value;
        }
        let terms = T::from_usize(self.samples) * T::from_usize(outputs);
        let two_pi = T::of(core::f64::consts::TAU);
        T::HALF * (terms * (inverse_noise / two_pi).ln() - inverse_noise * self.value)
    }
}

/// The evidence and its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence<T> {
    /// `log p(y | theta)`
    pub log_likelihood: T,
    /// `log det (h H + delta) - log det delta`
    pub log_det_ratio: T,
    /// `sum delta theta^2`
    pub scatter: T,
    /// `log_likelihood - 1/2 (log_det_ratio + scatter)`
    pub log_marginal_likelihood: T,
    /// gamma
    pub effective_parameters: T,
}

/// One group's sums over its eigenvalues, and its part of `|theta|^2`.
#[derive(Clone, Copy)]
struct Group<T> {
    log_det_ratio: T,
    gamma: T,
    q: T,
    scatter: T,
}

impl<T: Real> Group<T> {
    /// `-Hessian - q`, twice: `delta_g s_g`, and above rounding where the evidence is all but
    /// straight, for a step that is a number.
    fn excess(&self) -> T {
        self.scatter.max(T::EPSILON * self.gamma - self.q)
    }

    /// `-Hessian`, twice.
    fn curvature(&self) -> T {
        self.q + self.excess()
    }
}

/// `ln(1 + curvature / delta)`, also where the quotient is beyond the numbers.
fn log_ratio<T: Real>(curvature: T, delta: T) -> T {
    let ratio = curvature / delta;
    if ratio.is_finite() { ratio.ln_1p() } else { curvature.ln() - delta.ln() }
}

/// The sums of a group, at precision `delta`.
fn group<T: Real>(
    spectrum: &Spectrum<'_, T>,
    theta: &[T],
    index: usize,
    delta: T,
    h: T,
) -> Group<T> {
    let (mut log_det_ratio, mut gamma, mut q) = (T::ZERO, T::ZERO, T::ZERO);
    spectrum.modes(|modes| {
        if modes.group != index {
            return;
        }
        for lambda in modes.values {
            let curvature = h * *lambda;
            let share = curvature / (curvature + delta);
            log_det_ratio += log_ratio(curvature, delta);
            gamma += share;
            q += share * (delta / (curvature + delta));
        }
    });
    Group { log_det_ratio, gamma, q, scatter: delta * squares(spectrum, theta, index) }
}

/// `s_g`; for the full structure of all parameters, each by the ratio of its precision.
fn squares<T: Real>(spectrum: &Spectrum<'_, T>, theta: &[T], index: usize) -> T {
    let ratios = spectrum.ratios();
    if !ratios.is_empty() {
        return theta.iter().zip(ratios).fold(T::ZERO, |sum, (t, r)| sum + *r * *t * *t);
    }
    let (mut sum, mut rest) = (T::ZERO, theta);
    for tensor in tensors(spectrum.layers, spectrum.per) {
        let (these, after) = rest.cut(tensor.params);
        rest = after;
        if tensor.group == index {
            sum = these.iter().fold(sum, |sum, t| sum + *t * *t);
        }
    }
    sum
}

/// The log evidence and its parts at prior precisions and `inverse_noise` h (1 for classes).
///
/// # Errors
/// [`LaplaceError`] if theta or the prior does not fit, h is not positive, there is no sample, or
/// the evidence is beyond the finite numbers.
pub fn evidence<T: Real>(
    spectrum: &Spectrum<'_, T>,
    theta: &[T],
    fit: Fit<T>,
    prior: Prior<'_, T>,
    inverse_noise: T,
) -> Result<Evidence<T>, LaplaceError> {
    check(spectrum, theta, fit, prior, inverse_noise)?;
    let h = inverse_noise;
    let (mut log_det_ratio, mut gamma, mut scatter) = (T::ZERO, T::ZERO, T::ZERO);
    for (index, delta) in prior.precisions.iter().take(spectrum.groups()).enumerate() {
        let sums = group(spectrum, theta, index, *delta, h);
        log_det_ratio += sums.log_det_ratio;
        gamma += sums.gamma;
        scatter += sums.scatter;
    }
    let log_likelihood = fit.log_likelihood(h, layer::outputs(spectrum.layers));
    let log_marginal_likelihood = log_likelihood - T::HALF * (log_det_ratio + scatter);
    NonFiniteError::check("evidence", &[log_marginal_likelihood, gamma])?;
    Ok(Evidence {
        log_likelihood,
        log_det_ratio,
        scatter,
        log_marginal_likelihood,
        effective_parameters: gamma,
    })
}

fn check<T: Real>(
    spectrum: &Spectrum<'_, T>,
    theta: &[T],
    fit: Fit<T>,
    prior: Prior<'_, T>,
    h: T,
) -> Result<(), LaplaceError> {
    ShapeError::check("theta", layer::params(spectrum.layers), theta.len())?;
    NonFiniteError::check("theta", theta)?;
    NonFiniteError::check("loss", &[fit.value])?;
    spectrum.check_prior(prior)?;
    if fit.samples == 0 {
        return Err(LaplaceError::NoSamples);
    }
    if positive(h) { Ok(()) } else { Err(LaplaceError::Noise) }
}

/// What [`maximize`] tunes and when it stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning<T> {
    /// The prior precisions; those of the full structure by one common factor.
    pub prior: bool,
    /// The noise, of a regression.
    pub noise: bool,
    /// The largest relative step of a precision at which the search has converged.
    pub tolerance: T,
    /// The most steps.
    pub iterations: u32,
}

impl<T: Real> Default for Tuning<T> {
    /// Both, to the square root of the scalar's rounding, which Newton's last step squares; 100
    /// steps.
    fn default() -> Self {
        Self { prior: true, noise: true, tolerance: T::EPSILON.sqrt(), iterations: 100 }
    }
}

/// Why [`maximize`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stop {
    /// The step is below the tolerance.
    Converged,
    /// The evidence grows towards a precision of zero or infinity, and its numbers end.
    AtLimit,
    /// The most steps were made.
    IterationLimit,
    /// No step along the direction makes the evidence larger: rounding is all that is left.
    Stagnated,
}

/// How [`maximize`] went.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tuned<T> {
    /// The evidence at the end.
    pub evidence: Evidence<T>,
    /// The Newton steps.
    pub iterations: u32,
    /// The last step, relative.
    pub step: T,
    /// Why it stopped.
    pub stop: Stop,
}

/// Scratch of [`maximize`].
pub const fn maximize_scratch(layers: &[Layer], per: Per) -> usize {
    per.count(layers)
}

/// Moves the precisions and `inverse_noise` to where the evidence is largest, from where they are.
/// `scratch`: [`maximize_scratch`].
///
/// # Errors
/// Those of [`evidence`]; [`LaplaceError::NoiseOfClasses`]; a scratch that is too short.
pub fn maximize<T: Real>(
    spectrum: &Spectrum<'_, T>,
    theta: &[T],
    fit: Fit<T>,
    tuning: Tuning<T>,
    precisions: &mut [T],
    inverse_noise: &mut T,
    scratch: &mut [T],
) -> Result<Tuned<T>, LaplaceError> {
    let per = spectrum.per;
    let value =
        |precisions: &[T], h: T| evidence(spectrum, theta, fit, Prior { per, precisions }, h);
    let mut best = value(precisions, *inverse_noise)?;
    if tuning.noise && fit.loss != Loss::Mse {
        return Err(LaplaceError::NoiseOfClasses);
    }
    let steps = Scratch::new(scratch, precisions.len())?.take(precisions.len())?;
    let newton = Newton { spectrum, theta, fit, tuning };
    let mut iterations = 0;
    let (step, stop) = loop {
        let mut along_noise = newton.step(precisions, *inverse_noise, steps);
        let longest = steps.iter().fold(along_noise.abs(), |most, d| most.max(d.abs()));
        if longest <= tuning.tolerance {
            newton.go(steps, along_noise, precisions, inverse_noise);
            best = value(precisions, *inverse_noise)?;
            break (longest, Stop::Converged);
        }
        if iterations == tuning.iterations {
            break (longest, Stop::IterationLimit);
        }
        iterations += 1;
        // A factor of e^2 a step, at most; then halves, while the evidence falls.
        let mut shrink = (T::TWO / longest).min(T::ONE);
        let mut halvings = 0;
        let outcome = loop {
            steps.iter_mut().for_each(|d| *d *= shrink);
            along_noise *= shrink;
            newton.go(steps, along_noise, precisions, inverse_noise);
            if !newton.within(steps, along_noise, precisions, *inverse_noise) {
                newton.go_back(steps, along_noise, precisions, inverse_noise);
                break Some(Stop::AtLimit);
            }
            let rounding = T::EPSILON * T::from_usize(8) * newton.terms(&best, *inverse_noise);
            // An evidence beyond the numbers is no better than a smaller one.
            if let Ok(now) = value(precisions, *inverse_noise)
                && now.log_marginal_likelihood >= best.log_marginal_likelihood - rounding
            {
                best = now;
                break None;
            }
            newton.go_back(steps, along_noise, precisions, inverse_noise);
            halvings += 1;
            if halvings == 30 {
                break Some(Stop::Stagnated);
            }
            shrink = T::HALF;
        };
        if let Some(stop) = outcome {
            best = value(precisions, *inverse_noise)?;
            break (longest, stop);
        }
    };
    Ok(Tuned { evidence: best, iterations, step, stop })
}

/// Newton's method in the logarithms of the precisions.
struct Newton<'n, 's, T> {
    spectrum: &'n Spectrum<'s, T>,
    theta: &'n [T],
    fit: Fit<T>,
    tuning: Tuning<T>,
}

impl<T: Real> Newton<'_, '_, T> {
    /// The steps of the groups, in `steps`, and of the noise.
    fn step(&self, precisions: &[T], h: T, steps: &mut [T]) -> T {
        let groups = self.spectrum.groups();
        let sums = |index, delta| group::<T>(self.spectrum, self.theta, index, delta, h);
        // Schur complement of the noise, and its right-hand side.
        let outputs = layer::outputs(self.spectrum.layers);
        let terms = T::from_usize(self.fit.samples) * T::from_usize(outputs);
        let residual = h * self.fit.value;
        let (mut schur, mut right) = (residual, terms - residual);
        for (index, (delta, step)) in precisions.iter().zip(&mut *steps).take(groups).enumerate() {
            let group = sums(index, *delta);
            let (curvature, q) = (group.curvature(), group.q);
            right -= group.gamma;
            *step = T::ZERO;
            if self.tuning.prior && curvature > T::ZERO {
                *step = (group.gamma - group.scatter) / curvature;
                // q - q^2 / curvature
                schur += q * (group.excess() / curvature);
                right += q * *step;
            } else {
                schur += q;
            }
        }
        // Without residuals and scatter the complement is rounding, but the evidence still grows.
        let schur = schur.max(T::EPSILON * terms);
        let along_noise = if self.tuning.noise { right / schur } else { T::ZERO };
        if self.tuning.prior && along_noise != T::ZERO {
            for (index, (delta, step)) in
                precisions.iter().zip(&mut *steps).take(groups).enumerate()
            {
                let group = sums(index, *delta);
                if group.curvature() > T::ZERO {
                    *step += group.q / group.curvature() * along_noise;
                }
            }
        }
        if let Some((first, others)) = steps.split_first_mut()
            && groups == 1
        {
            others.fill(*first);
        }
        along_noise
    }

    fn go(&self, steps: &[T], along_noise: T, precisions: &mut [T], h: &mut T) {
        precisions.iter_mut().zip(steps).for_each(|(delta, d)| *delta *= d.exp());
        *h *= along_noise.exp();
    }

    fn go_back(&self, steps: &[T], along_noise: T, precisions: &mut [T], h: &mut T) {
        precisions.iter_mut().zip(steps).for_each(|(delta, d)| *delta *= (-*d).exp());
        *h *= (-along_noise).exp();
    }

    /// The size of what the evidence is the difference of.
    fn terms(&self, best: &Evidence<T>, h: T) -> T {
        let residual = if self.fit.loss == Loss::Mse { h * self.fit.value } else { T::ZERO };
        residual + best.log_likelihood.abs() + T::HALF * (best.log_det_ratio + best.scatter)
    }

    /// What has moved is a number that can be computed with, or on its way back to them.
    fn within(&self, steps: &[T], along_noise: T, precisions: &[T], h: T) -> bool {
        let most = T::ONE / (T::EPSILON * T::EPSILON);
        let least = T::ONE / most;
        let moved = precisions.iter().zip(steps).chain([(&h, &along_noise)]);
        moved
            .into_iter()
            .all(|(v, d)| (*d <= T::ZERO || *v <= most) && (*d >= T::ZERO || *v >= least))
    }
}
