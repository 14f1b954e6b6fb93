//! Gradient descent with momentum, a yardstick:
//!
//! ```text
//! v := mu v + g,  theta := theta - rate v
//! ```
//! As `torch.optim.SGD` has it. 2 P multiply-accumulates.

use crate::error::{NonFiniteError, ShapeError};
use crate::scalar::Real;

use super::error::KfacError;

/// Gradient descent with momentum. Its state is the velocity, one value a parameter: save it to
/// resume, start from zeros.
#[derive(Debug)]
pub struct Sgd<'a, T> {
    /// The learning rate.
    pub rate: T,
    /// mu
    pub momentum: T,
    velocity: &'a mut [T],
}

impl<'a, T: Real> Sgd<'a, T> {
    /// With the velocity of a run before, or zeros.
    pub const fn new(rate: T, momentum: T, velocity: &'a mut [T]) -> Self {
        Self { rate, momentum, velocity }
    }

    /// The state.
    pub const fn velocity(&self) -> &[T] {
        self.velocity
    }

    /// One step.
    ///
    /// # Errors
    /// [`KfacError`] if a length is wrong or a gradient not finite; nothing is changed then.
    pub fn step(&mut self, theta: &mut [T], gradient: &[T]) -> Result<(), KfacError> {
        ShapeError::check("gradient", theta.len(), gradient.len())?;
        ShapeError::check("velocity", theta.len(), self.velocity.len())?;
        NonFiniteError::check("gradient", gradient)?;
        for ((theta, g), v) in theta.iter_mut().zip(gradient).zip(self.velocity.iter_mut()) {
            *v = self.momentum * *v + *g;
            *theta -= self.rate * *v;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_step_carries_momentum() {
        let (mut theta, mut velocity) = ([1.0_f64], [0.0]);
        let mut sgd = Sgd::new(0.1, 0.5, &mut velocity);
        sgd.step(&mut theta, &[2.0]).unwrap();
        assert!((theta[0] - 0.8).abs() < 1e-15);
        sgd.step(&mut theta, &[1.0]).unwrap();
        assert!((theta[0] - 0.6).abs() < 1e-15);
        assert!(sgd.step(&mut theta, &[f64::NAN]).is_err());
        assert!((theta[0] - 0.6).abs() < 1e-15);
    }
}
