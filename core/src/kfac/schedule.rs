//! The damping's adaptation, after Levenberg and Marquardt:
//!
//! ```text
//! rho = (loss(theta + update) - loss(theta)) / (predicted change)      every `interval` steps
//! rho > 3/4: lambda := w lambda,   rho < 1/4 or NaN: lambda := lambda / w,   w = decay^interval
//! ```
//! The prediction is that of the quadratic model without its damping term. Martens & Grosse
//! (2015), section 6.5: decay 19/20, interval 5.

use crate::scalar::Real;

/// How the damping follows the reduction ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Schedule<T> {
    /// The factor of a step, below 1.
    pub decay: T,
    /// The steps from one decision to the next.
    pub interval: u32,
    /// The damping's lower bound.
    pub min: T,
    /// Its upper bound.
    pub max: T,
}

impl<T: Real> Schedule<T> {
    /// A decision every `interval` steps, by the factor `decay` a step, without bounds.
    pub const fn new(decay: T, interval: u32) -> Self {
        Self { decay, interval, min: T::ZERO, max: T::MAX }
    }

    /// The same with the damping held between two bounds.
    pub const fn with_bounds(self, min: T, max: T) -> Self {
        Self { min, max, ..self }
    }

    /// That of the paper, between 1e-8 and 1e8.
    pub fn standard() -> Self {
        Self::new(T::of(0.95), 5).with_bounds(T::of(1e-8), T::of(1e8))
    }

    /// Whether a decision is due after `steps` steps.
    pub const fn due(&self, steps: u32) -> bool {
        match steps.checked_rem(self.interval) {
            Some(rest) => rest == 0,
            None => false,
        }
    }

    /// The damping that follows `lambda` at a reduction ratio.
    pub fn adapt(&self, lambda: T, ratio: T) -> T {
        let factor = self.decay.powi(self.interval);
        let next = if ratio > T::of(0.75) {
            lambda * factor
        } else if ratio >= T::of(0.25) {
            lambda
        } else {
            lambda / factor
        };
        next.max(self.min).min(self.max)
    }
}

/// The reduction ratio; NaN where the step is a failure whatever the model says.
pub(crate) fn reduction_ratio<T: Real>(before: T, after: T, predicted: T) -> T {
    if !after.is_finite() {
        T::NAN
    } else if predicted < T::ZERO {
        (after - before) / predicted
    } else if after < before {
        // Better than a model that saw no way down.
        T::ONE
    } else {
        T::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_model_lowers_the_damping_and_a_bad_one_or_nan_raises_it() {
        let s = Schedule::<f64>::standard();
        let w = 0.95_f64.powi(5);
        assert!((s.adapt(1.0, 0.9) - w).abs() < 1e-15);
        assert_eq!(s.adapt(1.0, 0.5), 1.0);
        assert!((s.adapt(1.0, 0.1) - 1.0 / w).abs() < 1e-15);
        assert!((s.adapt(1.0, f64::NAN) - 1.0 / w).abs() < 1e-15);
        assert_eq!(s.adapt(1e-8, 1.0), 1e-8);
        assert_eq!(s.adapt(1e8, -1.0), 1e8);
        assert!(s.due(5) && s.due(10) && !s.due(7));
        assert!(!Schedule { interval: 0, ..s }.due(5));
    }

    #[test]
    fn a_loss_that_is_not_finite_is_no_reduction() {
        assert!(reduction_ratio(1.0_f64, f64::NAN, -1.0).is_nan());
        assert!(reduction_ratio(1.0_f64, 2.0, 0.0).is_nan());
        assert_eq!(reduction_ratio(1.0_f64, 0.5, 0.0), 1.0);
        assert_eq!(reduction_ratio(1.0_f64, 0.5, -1.0), 0.5);
    }
}
