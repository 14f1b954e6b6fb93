//! Gradient flow of the (u, z) reduction in the eigenbasis of `X^T X`.
//!
//! ```text
//! X = U diag(sqrt(lambda)) V^T,   z in the basis V,   beta in the basis V,   epsilon_i = U_i . (y - X beta)
//! g_i     = (beta_i - u z_i) lambda_i + epsilon_i sqrt(lambda_i)
//! dz_i/dt = 2 eta1 u g_i
//! du/dt   = 2 eta2 sum_i z_i g_i
//! conserved:  |z|^2 / eta1 - u^2 / eta2
//! end of training:  w_i = u z_i = beta_i + epsilon_i / sqrt(lambda_i)
//! escape from the saddle at 0:  rate 2 sqrt(eta1 eta2) |X^T y|
//! ```
//! One time unit is one step of gradient descent. The eigenvectors must be those of the very data
//! in use: with others (of the data before a standardisation, say) `X^T y` and
//! `beta lambda + epsilon sqrt(lambda)` are two different vectors.

use super::{DynamicsError, Rates};
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::dot;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// A linear teacher seen in the eigenbasis of its data: three slices of one length `d`.
#[derive(Clone, Copy, Debug)]
pub struct Modes<'a, T> {
    /// The eigenvalues of `X^T X` (squared singular values of `X`).
    pub lambda: &'a [T],
    /// The teacher `V^T beta`.
    pub beta: &'a [T],
    /// The noise along the left singular vectors, `U^T (y - X beta)`.
    pub epsilon: &'a [T],
}

impl<'a, T: Real> Modes<'a, T> {
    /// Three slices of one length, finite, no eigenvalue below 0.
    ///
    /// # Errors
    /// The argument that is not so.
    pub fn new(lambda: &'a [T], beta: &'a [T], epsilon: &'a [T]) -> Result<Self, DynamicsError> {
        ShapeError::check("beta", lambda.len(), beta.len())?;
        ShapeError::check("epsilon", lambda.len(), epsilon.len())?;
        NonFiniteError::check("lambda", lambda)?;
        NonFiniteError::check("beta", beta)?;
        NonFiniteError::check("epsilon", epsilon)?;
        if lambda.iter().any(|l| *l < T::ZERO) {
            return Err(DynamicsError::Domain { needed: "lambda >= 0" });
        }
        Ok(Self { lambda, beta, epsilon })
    }

    fn each(&self) -> impl Iterator<Item = (T, T, T)> + use<'a, T> {
        let noisy = self.beta.iter().zip(self.epsilon);
        self.lambda.iter().zip(noisy).map(|(l, (b, e))| (*l, *b, *e))
    }

    /// `(X^T y)_i = beta_i lambda_i + epsilon_i sqrt(lambda_i)`: half the pull at `w = 0`.
    pub fn correlation(&self) -> impl Iterator<Item = T> + use<'a, T> {
        self.each().map(|(lambda, beta, epsilon)| beta * lambda + epsilon * lambda.sqrt())
    }

    /// Half of minus the gradient of the loss by the total weight `w = u z`:
    /// `g_i = (beta_i - u z_i) lambda_i + epsilon_i sqrt(lambda_i)`.
    pub fn pull<'z>(&self, u: T, z: &'z [T]) -> impl Iterator<Item = T> + use<'a, 'z, T> {
        self.correlation()
            .zip(self.lambda.iter().zip(z))
            .map(move |(xy, (lambda, z))| xy - u * *z * *lambda)
    }

    /// The weight that training ends at, `beta_i + epsilon_i / sqrt(lambda_i)`; where `lambda_i`
    /// is 0 the data say nothing, and a start at 0 stays there.
    pub fn optimum(&self) -> impl Iterator<Item = T> + use<'a, T> {
        self.each().map(
            |(lambda, beta, epsilon)| {
                if lambda > T::ZERO { beta + epsilon / lambda.sqrt() } else { T::ZERO }
            },
        )
    }

    /// The growth rate of a small start, `2 sqrt(eta1 eta2) |X^T y|` per step.
    pub fn escape_rate(&self, rates: Rates<T>) -> T {
        let squared = self.correlation().fold(T::ZERO, |sum, c| sum + c * c);
        T::TWO * (rates.first * rates.second * squared).sqrt()
    }

    /// `|U^T y - diag(sqrt(lambda)) w|^2`, the loss up to the part of `y` that no weight reaches.
    pub fn loss(&self, u: T, z: &[T]) -> T {
        self.each().zip(z).fold(T::ZERO, |sum, ((lambda, beta, epsilon), z)| {
            sum + ((beta - u * *z) * lambda.sqrt() + epsilon).squared()
        })
    }

    /// `sum_i lambda_i (w_i - beta_i)^2`, the generalisation error on inputs that are distributed
    /// as the training data.
    pub fn generalisation(&self, u: T, z: &[T]) -> T {
        self.each()
            .zip(z)
            .fold(T::ZERO, |sum, ((lambda, beta, _), z)| sum + lambda * (u * *z - beta).squared())
    }

    /// The generalisation error of one-layer regression from 0 by gradient flow at time `t` (rate
    /// times steps): `w_i = what_i (1 - e^(-2 lambda_i t))`.
    pub fn regression_error(&self, t: T) -> T {
        self.each().zip(self.optimum()).fold(T::ZERO, |sum, ((lambda, beta, _), end)| {
            let w = -end * (-T::TWO * lambda * t).exp_m1();
            sum + lambda * (w - beta).squared()
        })
    }
}

/// `(du/dt, dz/dt)`: writes the velocity of `z` and returns that of `u`.
///
/// # Errors
/// Wrong lengths.
pub fn velocity<T: Real>(
    modes: Modes<'_, T>,
    rates: Rates<T>,
    u: T,
    z: &[T],
    dz: &mut [T],
) -> Result<T, ShapeError> {
    ShapeError::check("z", modes.lambda.len(), z.len())?;
    ShapeError::check("dz", modes.lambda.len(), dz.len())?;
    let mut ascent = T::ZERO;
    for (dz, (z, g)) in dz.iter_mut().zip(z.iter().zip(modes.pull(u, z))) {
        *dz = T::TWO * rates.first * u * g;
        ascent += *z * g;
    }
    Ok(T::TWO * rates.second * ascent)
}

/// `|z|^2 / eta1 - u^2 / eta2`, which the flow conserves (and gradient descent moves by
/// `O(eta)`). Both rates must be positive.
pub fn conserved<T: Real>(rates: Rates<T>, u: T, z: &[T]) -> T {
    dot(z, z) / rates.first - u * u / rates.second
}

/// The scratch of [`integrate`] in `d` dimensions.
pub const fn integrate_scratch(d: usize) -> usize {
    3 * d
}

/// Follows the flow from `u`, `z` over the time `steps * dt` by the classical fourth-order
/// Runge-Kutta method.
///
/// # Errors
/// Wrong lengths, values that are not finite; [`DynamicsError::Diverged`] with the step.
pub fn integrate<T: Real>(
    modes: Modes<'_, T>,
    rates: Rates<T>,
    dt: T,
    steps: u64,
    u: &mut T,
    z: &mut [T],
    scratch: &mut [T],
) -> Result<(), DynamicsError> {
    let d = modes.lambda.len();
    ShapeError::check("z", d, z.len())?;
    let mut scratch = Scratch::new(scratch, integrate_scratch(d))?;
    let (slope, sum, at) = (scratch.take(d)?, scratch.take(d)?, scratch.take(d)?);
    runge_kutta(modes, rates, dt, steps, u, z, [slope, sum, at])
}

pub(crate) fn runge_kutta<T: Real>(
    modes: Modes<'_, T>,
    rates: Rates<T>,
    dt: T,
    steps: u64,
    u: &mut T,
    z: &mut [T],
    [slope, sum, at]: [&mut [T]; 3],
) -> Result<(), DynamicsError> {
    ShapeError::check("z", modes.lambda.len(), z.len())?;
    NonFiniteError::check("z", z)?;
    NonFiniteError::check("u, dt", &[*u, dt])?;
    // Where each stage is evaluated, and its weight in the mean slope (times 6).
    let stages = [(T::ZERO, T::ONE), (T::HALF, T::TWO), (T::HALF, T::TWO), (T::ONE, T::ONE)];
    let sixth = dt / T::of(6.0);
    for iteration in 1..=steps {
        slope.fill(T::ZERO);
        sum.fill(T::ZERO);
        let (mut u_slope, mut u_sum) = (T::ZERO, T::ZERO);
        for (reach, weight) in stages {
            for ((at, z), slope) in at.iter_mut().zip(z.iter()).zip(slope.iter()) {
                *at = *z + reach * dt * *slope;
            }
            u_slope = velocity(modes, rates, *u + reach * dt * u_slope, at, slope)?;
            u_sum += weight * u_slope;
            sum.iter_mut().zip(slope.iter()).for_each(|(sum, k)| *sum += weight * *k);
        }
        *u += sixth * u_sum;
        z.iter_mut().zip(sum.iter()).for_each(|(z, k)| *z += sixth * *k);
        if !u.is_finite() || z.iter().any(|z| !z.is_finite()) {
            return Err(DynamicsError::Diverged { iteration });
        }
    }
    Ok(())
}
