//! A pull back to where the parameters were, so that adaptation does not wander:
//!
//! ```text
//! loss(theta) + D/2 |theta - theta_0|^2        gradient + D (theta - theta_0),  curvature + D I
//! ```
//! A Gaussian prior around theta_0 with precision D, in units of the loss as it is reduced: where
//! the data says nothing, the parameters stay.

use super::error::KfacError;
use crate::error::{NonFiniteError, ShapeError};
use crate::scalar::Real;

/// A quadratic pull of precision D to parameters theta_0.
///
/// ```
/// use nanocurv::kfac::Anchor;
///
/// let anchor = Anchor { precision: 0.5, theta: &[1.0, 2.0] };
/// assert_eq!(anchor.value(&[1.0, 4.0]), 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchor<'a, T> {
    /// D, at least 0.
    pub precision: T,
    /// theta_0, in parameter order.
    pub theta: &'a [T],
}

impl<T: Real> Anchor<'_, T> {
    /// No pull.
    pub const NONE: Self = Self { precision: T::ZERO, theta: &[] };

    /// `Ok` if it fits a network of so many parameters.
    ///
    /// # Errors
    /// [`KfacError::Damping`] for a precision that is negative or not finite, [`KfacError::Shape`]
    /// or [`KfacError::NonFinite`] for theta_0.
    pub fn check(&self, params: usize) -> Result<(), KfacError> {
        super::damping::check(self.precision)?;
        ShapeError::check("anchor", params, self.theta.len())?;
        Ok(NonFiniteError::check("anchor", self.theta)?)
    }

    /// `D/2 |theta - theta_0|^2`, as far as both reach: see [`Anchor::check`].
    pub fn value(&self, theta: &[T]) -> T {
        let square = |(a, b): (&T, &T)| (*a - *b) * (*a - *b);
        let sum = theta.iter().zip(self.theta).map(square).fold(T::ZERO, |sum, d| sum + d);
        T::HALF * self.precision * sum
    }

    /// `g := g + D (theta - theta_0)`, as far as all reach.
    pub fn add_gradient(&self, theta: &[T], gradient: &mut [T]) {
        for ((g, here), there) in gradient.iter_mut().zip(theta).zip(self.theta) {
            *g += self.precision * (*here - *there);
        }
    }
}
