//! Adam, a yardstick:
//!
//! ```text
//! m := b1 m + (1 - b1) g,  v := b2 v + (1 - b2) g^2
//! theta := theta - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
//! ```
//! Kingma & Ba (2015), as `torch.optim.Adam` has it. A square root a parameter.

use crate::error::{NonFiniteError, ShapeError};
use crate::scalar::Real;
use crate::scratch::Carve;

use super::error::KfacError;

/// The number of values of Adam's moments.
pub const fn adam_len(params: usize) -> usize {
    2 * params
}

/// What of Adam's state is no array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamProgress<T> {
    /// `b1^t`
    pub power1: T,
    /// `b2^t`
    pub power2: T,
}

impl<T: Real> AdamProgress<T> {
    /// Before the first step.
    pub const START: Self = Self { power1: T::ONE, power2: T::ONE };

    /// Its bits, for a [record](crate::store) beside the moments and the parameters.
    pub fn to_words(&self) -> [u64; 2] {
        [self.power1.to_word(), self.power2.to_word()]
    }

    /// What [`AdamProgress::to_words`] was taken from.
    pub fn from_words([power1, power2]: [u64; 2]) -> Self {
        Self { power1: T::from_word(power1), power2: T::from_word(power2) }
    }
}

/// Adam. Its state is the moments and [`AdamProgress`]: save both to resume, start from zeros.
#[derive(Debug)]
pub struct Adam<'a, T> {
    /// The learning rate.
    pub rate: T,
    /// `b1`
    pub beta1: T,
    /// `b2`
    pub beta2: T,
    /// epsilon
    pub epsilon: T,
    /// The powers so far.
    pub progress: AdamProgress<T>,
    moments: &'a mut [T],
}

impl<'a, T: Real> Adam<'a, T> {
    /// With b1 = 0.9, b2 = 0.999, epsilon = 1e-8. `moments`: [`adam_len`], those of a run before
    /// or zeros.
    pub fn new(rate: T, moments: &'a mut [T]) -> Self {
        Self {
            rate,
            beta1: T::of(0.9),
            beta2: T::of(0.999),
            epsilon: T::of(1e-8),
            progress: AdamProgress::START,
            moments,
        }
    }

    /// The moments, m then v.
    pub const fn moments(&self) -> &[T] {
        self.moments
    }

    /// One step.
    ///
    /// # Errors
    /// [`KfacError`] if a length is wrong or a gradient not finite; nothing is changed then.
    pub fn step(&mut self, theta: &mut [T], gradient: &[T]) -> Result<(), KfacError> {
        ShapeError::check("gradient", theta.len(), gradient.len())?;
        ShapeError::check("moments", adam_len(theta.len()), self.moments.len())?;
        NonFiniteError::check("gradient", gradient)?;
        let (m, v) = self.moments.cut_mut(theta.len());
        self.progress.power1 *= self.beta1;
        self.progress.power2 *= self.beta2;
        let rate = self.rate / (T::ONE - self.progress.power1);
        let unbias = T::ONE / (T::ONE - self.progress.power2);
        let (new1, new2) = (T::ONE - self.beta1, T::ONE - self.beta2);
        for (((theta, g), m), v) in theta.iter_mut().zip(gradient).zip(m).zip(v) {
            *m = self.beta1 * *m + new1 * *g;
            *v = self.beta2 * *v + new2 * *g * *g;
            *theta -= rate * *m / ((*v * unbias).sqrt() + self.epsilon);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_has_the_length_of_the_rate() {
        let (mut theta, mut moments) = ([1.0_f64, 1.0], [0.0; 4]);
        let mut adam = Adam::new(0.01, &mut moments);
        adam.step(&mut theta, &[3.0, -0.002]).unwrap();
        assert!((theta[0] - 0.99).abs() < 1e-9 && (theta[1] - 1.01).abs() < 1e-7);
    }

    #[test]
    fn constant_gradients_keep_the_steps_length() {
        let (mut theta, mut moments) = ([0.0_f64], [0.0; 2]);
        let mut adam = Adam::new(0.1, &mut moments);
        for step in 1..=20 {
            adam.step(&mut theta, &[4.0]).unwrap();
            assert!((theta[0] + 0.1 * f64::from(step)).abs() < 1e-7);
        }
    }
}
