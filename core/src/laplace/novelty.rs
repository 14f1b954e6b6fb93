//! Novelty: is what comes in still like what the posterior was fitted to?
//!
//! ```text
//! e = (y - f)^2 / (sigma^2 + cov)              mean 1 where the model is calibrated
//! average := (1 - alpha) average + alpha e     deviation about sqrt(2 alpha / (2 - alpha))
//! alarm      average > 1 + z sqrt(2 alpha / (2 - alpha))
//! ```
//! The deviation is that of squares of Gaussians.

use super::error::LaplaceError;
use super::prior::positive;
use crate::scalar::Real;

/// `(y - f)^2 / variance`, the squared error in units of what was predicted: the variance of an
/// observation, `sigma^2 + cov`.
pub fn novelty<T: Real>(y: T, mean: T, variance: T) -> T {
    (y - mean) * (y - mean) / variance
}

/// The running mean of novelty.
///
/// ```
/// use nanocurv::laplace::{Novelty, novelty};
///
/// let mut watch = Novelty::new(0.1_f32)?;
/// for y in [0.4, -1.2, 0.9] {
///     assert!(!watch.update(novelty(y, 0.0, 1.0), 3.0));
/// }
/// assert!((0..10).any(|_| watch.update(novelty(4.0, 0.0, 1.0), 3.0)));
/// # Ok::<(), nanocurv::laplace::LaplaceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Novelty<T> {
    share: T,
    mean: T,
}

impl<T: Real> Novelty<T> {
    /// A mean in which the newest value has the share alpha; it starts at 1.
    ///
    /// # Errors
    /// [`LaplaceError::Forgetting`] unless the share is in (0, 1).
    pub fn new(share: T) -> Result<Self, LaplaceError> {
        if positive(share) && share < T::ONE {
            Ok(Self { share, mean: T::ONE })
        } else {
            Err(LaplaceError::Forgetting)
        }
    }

    /// The mean.
    pub const fn mean(&self) -> T {
        self.mean
    }

    /// `1 + z sqrt(2 alpha / (2 - alpha))`
    pub fn alarm_level(&self, z: T) -> T {
        T::ONE + z * (T::TWO * self.share / (T::TWO - self.share)).sqrt()
    }

    /// Takes in one value, or passes over one that is not finite; whether the mean is above the
    /// alarm level of `z` deviations.
    pub fn update(&mut self, novelty: T, z: T) -> bool {
        if novelty.is_finite() {
            self.mean += self.share * (novelty - self.mean);
        }
        self.mean > self.alarm_level(z)
    }
}
