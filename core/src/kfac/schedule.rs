//! The damping's adaptation, after Levenberg and Marquardt:
//!
//! ```text
//! rho = (loss(theta + update) - loss(theta)) / (predicted change)      every `interval` steps
//! rho > 3/4: lambda := w lambda,   rho < 1/4 or NaN: lambda := lambda / w,   w = decay^interval
//! within a step whose loss does not fall: lambda := lambda / w, / w^2, / w^4, ..
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
    /// The steps from one measurement of the loss to the next.
    pub measure: u32,
}

/// The most raises within a step; the factors square, so that far fewer reach any bound.
const RAISES: u32 = 16;

impl<T: Real> Schedule<T> {
    /// A decision every `interval` steps, by the factor `decay` a step, without bounds; the loss is
    /// measured where a decision is due.
    pub const fn new(decay: T, interval: u32) -> Self {
        Self { decay, interval, min: T::ZERO, max: T::MAX, measure: interval }
    }

    /// The same with the damping held between two bounds.
    pub const fn with_bounds(self, min: T, max: T) -> Self {
        Self { min, max, ..self }
    }

    /// The same with the loss measured after every so many steps, and not only where a decision is
    /// due: one forward pass each.
    pub const fn with_measure(self, steps: u32) -> Self {
        Self { measure: steps, ..self }
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

    /// Whether the loss is measured after `steps` steps.
    pub const fn measured(&self, steps: u32) -> bool {
        let rest = steps.checked_rem(self.measure);
        self.due(steps) || matches!(rest, Some(0))
    }

    /// `lambda` within the bounds.
    pub fn clamp(&self, lambda: T) -> T {
        lambda.max(self.min).min(self.max)
    }

    /// The damping to try after `raises` raises of it within a step, if there is a higher one.
    pub(crate) fn raise(&self, lambda: T, raises: u32) -> Option<T> {
        let factor = self.decay.powi(self.interval << raises.min(RAISES));
        let next = self.clamp(lambda.max(T::EPSILON * T::EPSILON) / factor);
        (raises < RAISES && next > lambda).then_some(next)
    }

    /// Whether a step is kept after which the loss is `after`: it must fall, and the longer a step
    /// is than the parameters, the nearer to where the model says. `lengths`: squared, of the step
    /// and of the parameters. A model that is exact vouches for any length.
    pub(crate) fn keeps(before: T, after: T, ratio: T, lengths: (T, T)) -> bool {
        let error = (ratio - T::ONE).abs();
        let short = lengths.0 <= lengths.1;
        let near = T::of(16.0) * error;
        after < before
            && (short || error < T::EPSILON * T::of(256.0) || near * near * lengths.0 <= lengths.1)
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
        self.clamp(next)
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
        assert!(!s.measured(6) && s.with_measure(3).measured(6) && s.with_measure(0).measured(10));
    }

    #[test]
    fn raises_square_and_end_at_the_bound_from_any_damping() {
        let s = Schedule::<f64>::standard();
        for (s, most) in [(s, 10), (Schedule::new(0.95, 5), 13), (Schedule::new(0.999_999, 1), 16)]
        {
            for start in [0.0, 1e-300, 1e-15, 1.0] {
                let (mut lambda, mut raises) = (start, 0);
                while let Some(higher) = s.raise(lambda, raises) {
                    assert!(higher > lambda && higher <= s.max);
                    (lambda, raises) = (higher, raises + 1);
                }
                assert!(raises <= most, "{start}: {raises}");
            }
        }
        let w = 0.95_f64.powi(5);
        assert!((s.raise(1.0, 1).unwrap() * w * w - 1.0).abs() < 1e-14);
        assert_eq!(s.raise(1e8, 0), None);
    }

    #[test]
    fn the_longer_a_step_the_nearer_to_the_model() {
        let keeps = |after, ratio, length| Schedule::keeps(1.0, after, ratio, (length, 1.0));
        assert!(keeps(0.9, 0.1, 1.0) && !keeps(1.0, 0.9, 1.0) && !keeps(f64::NAN, 1.0, 1.0));
        assert!(keeps(0.9, 0.95, 1.01) && !keeps(0.9, 0.9, 1.01));
        assert!(keeps(0.9, 1.0 - 1e-14, 1e30) && !keeps(0.9, 0.9999, 1e12));
        assert!(!keeps(0.9, f64::NAN, 2.0));
        let from_zero = Schedule::keeps(1.0, 0.5, 1.0 + 1e-14, (4.0, 0.0));
        assert!(from_zero, "an exact model vouches for any length");
    }

    #[test]
    fn a_loss_that_is_not_finite_is_no_reduction() {
        assert!(reduction_ratio(1.0_f64, f64::NAN, -1.0).is_nan());
        assert!(reduction_ratio(1.0_f64, 2.0, 0.0).is_nan());
        assert_eq!(reduction_ratio(1.0_f64, 0.5, 0.0), 1.0);
        assert_eq!(reduction_ratio(1.0_f64, 0.5, -1.0), 0.5);
    }
}
