//! Velocity fields of the (u, z) flow on planes.
//!
//! ```text
//! d_i = (beta_i - u z_i) lambda_i + epsilon_i sqrt(lambda_i)
//! (u, z_1 | others)   (sum_k d_k z_k, d_1 u)
//! (z_1, z_2 | u)      (d_1 u, d_2 u)
//! (w_1, w_2 | u)      q_i = d_i u^2 + z_i sum_k d_k z_k,   w_i = u z_i     the total weight
//! risk  r = sum_i (beta_i - w_i)^2,   dr/dt = -2 sum_i (beta_i - w_i) q_i
//! ```
//! Equal rates, and without the factor 2 of the sum of squares, which stretches every arrow alike.
//! One formula serves every panel: the coordinates that a plane fixes are those of the point itself
//! (the source notebook drew one panel of `z_1 = 10` with the pull of `z_1 = 2`, and others with
//! noise in the wrong basis).

use super::DynamicsError;
use super::flow::Modes;
use crate::error::ShapeError;
use crate::scalar::Real;

/// Which coordinates of a point span the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Plane {
    /// `u` across and `z_1` upward; the fixed values are `z_2, z_3, ..`.
    UZ,
    /// `z_1` across and `z_2` upward; the fixed values are `u`, then `z_3, z_4, ..`.
    ZZ,
    /// The total weights `w_1` across and `w_2` upward; fixed are `u` (not 0), then `w_3, ..`.
    Total,
}

/// The velocity at a point of a plane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Arrow<T> {
    /// Of the coordinate across.
    pub across: T,
    /// Of the coordinate upward.
    pub upward: T,
    /// `dr/dt` of the risk `r = |beta - w|^2` there.
    pub risk: T,
}

impl Plane {
    /// The number of values to fix for `d` modes.
    pub const fn fixed(self, d: usize) -> usize {
        d.saturating_sub(1)
    }

    /// The arrow at `(across, upward)`. `fixed` holds [`Plane::fixed`] values, `z` is scratch of
    /// one value per mode.
    ///
    /// ```
    /// use nanocurv::dynamics::{field::Plane, flow::Modes};
    ///
    /// let modes = Modes::new(&[100.0, 1.0], &[1.0, 1.0], &[5.0, 0.0])?;
    /// // The end of training is at rest: w = (1 + 5 / 10, 1).
    /// let arrow = Plane::Total.arrow(modes, &[1.0_f64], 1.5, 1.0, &mut [0.0; 2])?;
    /// assert!(arrow.across.abs() < 1e-12 && arrow.upward.abs() < 1e-12);
    /// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
    /// ```
    ///
    /// # Errors
    /// Wrong lengths, fewer than the plane's modes, `u = 0` on the plane of total weights.
    pub fn arrow<T: Real>(
        self,
        modes: Modes<'_, T>,
        fixed: &[T],
        across: T,
        upward: T,
        z: &mut [T],
    ) -> Result<Arrow<T>, DynamicsError> {
        let d = modes.lambda.len();
        ShapeError::check("fixed", self.fixed(d), fixed.len())?;
        ShapeError::check("z", d, z.len())?;
        if d < if self == Self::UZ { 1 } else { 2 } {
            return Err(DynamicsError::Domain { needed: "two modes" });
        }
        let (u, head, rest) = match (self, fixed.split_first()) {
            (Self::UZ, _) => (across, [Some(upward), None], fixed),
            (_, Some((u, rest))) => (*u, [Some(across), Some(upward)], rest),
            (_, None) => return Err(DynamicsError::Domain { needed: "u" }),
        };
        let values = head.into_iter().flatten().chain(rest.iter().copied());
        z.iter_mut().zip(values).for_each(|(z, value)| *z = value);
        if self == Self::Total {
            if u == T::ZERO {
                return Err(DynamicsError::Domain { needed: "u != 0" });
            }
            z.iter_mut().for_each(|z| *z /= u);
        }
        Ok(self.at(modes, u, z))
    }

    fn at<T: Real>(self, modes: Modes<'_, T>, u: T, z: &[T]) -> Arrow<T> {
        let climb = modes.pull(u, z).zip(z).fold(T::ZERO, |sum, (pull, z)| sum + pull * *z);
        let of_weight = |pull: T, z: T| pull * u * u + z * climb;
        let mut risk = T::ZERO;
        for ((pull, z), beta) in modes.pull(u, z).zip(z).zip(modes.beta) {
            risk += -T::TWO * (*beta - u * *z) * of_weight(pull, *z);
        }
        let mut pulls = modes.pull(u, z).zip(z.iter().copied());
        let first = pulls.next().unwrap_or((T::ZERO, T::ZERO));
        let second = pulls.next().unwrap_or((T::ZERO, T::ZERO));
        let (across, upward) = match self {
            Self::UZ => (climb, first.0 * u),
            Self::ZZ => (first.0 * u, second.0 * u),
            Self::Total => (of_weight(first.0, first.1), of_weight(second.0, second.1)),
        };
        Arrow { across, upward, risk }
    }
}

/// Point `i` of `points` evenly spaced ones from `low` to `high`.
pub fn grid_point<T: Real>(low: T, high: T, points: usize, i: usize) -> T {
    low + (high - low) * T::from_usize(i) / T::from_usize(points.saturating_sub(1).max(1))
}

/// The comparison of one layer: `dw_i/dt = 2 d_i` at `u = 1`.
pub fn regression_velocity<T: Real>(
    modes: Modes<'_, T>,
    w: &[T],
    dw: &mut [T],
) -> Result<(), ShapeError> {
    ShapeError::check("w", modes.lambda.len(), w.len())?;
    ShapeError::check("dw", modes.lambda.len(), dw.len())?;
    dw.iter_mut().zip(modes.pull(T::ONE, w)).for_each(|(dw, pull)| *dw = T::TWO * pull);
    Ok(())
}
