//! Sections of the (u, z) flow that are seen through its effects: total weights and risk.
//!
//! ```text
//! d_i  = (beta_i - u z_i) lambda_i + epsilon_i sqrt(lambda_i)
//! u'   = sum_k d_k z_k,   z_i' = d_i u                 the flow, without the factor 2
//! w_i' = u' z_i + u z_i'                               of the total weight w_i = u z_i
//! r    = sum_i (beta_i - w_i)^2,   r' = -2 sum_i (beta_i - w_i) w_i'
//! ```
//! [`motion`] is all of it at one point of any dimension. A [`Section`] runs over two coordinates at
//! given others and says where its arrows stand: what it shows is not what it runs over, and one
//! place may have several arrows. Planes whose arrows stand at their coordinates: [`super::field`].

use super::DynamicsError;
use super::field::Arrow;
use super::flow::Modes;
use crate::error::ShapeError;
use crate::scalar::Real;
use crate::scratch::Carve;

/// The flow at a point.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Motion<T> {
    /// `u'`
    pub u: T,
    /// `r = |beta - w|^2`
    pub risk: T,
    /// `r'`
    pub risk_velocity: T,
}

/// The flow at `u` and `z`: writes `z'` to `dz`.
///
/// ```
/// use nanocurv::dynamics::{flow::Modes, section::motion};
///
/// let modes = Modes::new(&[4.0], &[1.0], &[0.0])?;
/// let (mut dz, u, z) = ([0.0], 0.5_f64, [1.0]);
/// let motion = motion(modes, u, &z, &mut dz)?;
/// // d = (1 - 0.5) 4 = 2: u' = 2, z' = 1, w' = 2.5, r = 0.25, r' = -2.5.
/// assert_eq!((motion.u, dz, motion.risk, motion.risk_velocity), (2.0, [1.0], 0.25, -2.5));
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// Wrong lengths.
pub fn motion<T: Real>(
    modes: Modes<'_, T>,
    u: T,
    z: &[T],
    dz: &mut [T],
) -> Result<Motion<T>, ShapeError> {
    ShapeError::check("z", modes.lambda.len(), z.len())?;
    ShapeError::check("dz", modes.lambda.len(), dz.len())?;
    let mut climb = T::ZERO;
    for (dz, (z, pull)) in dz.iter_mut().zip(z.iter().zip(modes.pull(u, z))) {
        *dz = pull * u;
        climb += pull * *z;
    }
    let mut motion = Motion { u: climb, risk: T::ZERO, risk_velocity: T::ZERO };
    for (beta, (z, dz)) in modes.beta.iter().zip(z.iter().zip(dz.iter())) {
        let off = *beta - u * *z;
        motion.risk += off * off;
        motion.risk_velocity -= T::TWO * off * (climb * *z + u * *dz);
    }
    Ok(motion)
}

/// What a section runs over, and what its arrows stand at and show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Section {
    /// Over `u` and `z_2` at `z_1` (then `z_3, ..`): these coordinates themselves.
    UZ2,
    /// Over `z_1` and `z_2` at `u` (then `z_3, ..`), at these coordinates: `w_1'` and `w_2'`.
    WeightsOverZ,
    /// Over `u` and `z_2` at `z_1` (then `z_3, ..`): the total weights `w_1` and `w_2`.
    WeightsAtZ1,
    /// Over `u` and `z_1` at `z_2` (then `z_3, ..`): the total weights `w_1` and `w_2`.
    WeightsAtZ2,
    /// Over `u` and `z_2` at `z_1` (then `z_3, ..`): `z_2` and the risk.
    RiskAtZ1,
    /// Over `u` and `z_1` at `z_2` (then `z_3, ..`): `z_1` and the risk.
    RiskAtZ2,
}

/// An arrow and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Placed<T> {
    /// The place across.
    pub across: T,
    /// The place upward.
    pub upward: T,
    /// The velocity of both.
    pub arrow: Arrow<T>,
}

impl Section {
    /// The number of values to fix for `d` modes.
    pub const fn fixed(self, d: usize) -> usize {
        d.saturating_sub(1)
    }

    /// The arrow at the values `first` and `second` of what the section runs over. `fixed` holds
    /// [`Section::fixed`] values, `scratch` two values per mode.
    ///
    /// ```
    /// use nanocurv::dynamics::{flow::Modes, section::Section};
    ///
    /// let modes = Modes::new(&[100.0, 1.0], &[1.0, 1.0], &[5.0, 0.0])?;
    /// // Training ends at w = (1 + 5 / 10, 1): with z_1 = 3 at u = 0.5, z_2 = 2.
    /// let end = Section::WeightsAtZ1.arrow(modes, &[3.0_f64], 0.5, 2.0, &mut [0.0; 4])?;
    /// assert_eq!((end.across, end.upward), (1.5, 1.0));
    /// assert!(end.arrow.across.abs() < 1e-12 && end.arrow.upward.abs() < 1e-12);
    /// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
    /// ```
    ///
    /// # Errors
    /// Wrong lengths, fewer than two modes.
    pub fn arrow<T: Real>(
        self,
        modes: Modes<'_, T>,
        fixed: &[T],
        first: T,
        second: T,
        scratch: &mut [T],
    ) -> Result<Placed<T>, DynamicsError> {
        let d = modes.lambda.len();
        ShapeError::check("fixed", self.fixed(d), fixed.len())?;
        ShapeError::check("scratch", 2 * d, scratch.len())?;
        let Some((given, rest)) = fixed.split_first() else {
            return Err(DynamicsError::Domain { needed: "two modes" });
        };
        let (u, z1, z2) = match self {
            Self::WeightsOverZ => (*given, first, second),
            Self::UZ2 | Self::WeightsAtZ1 | Self::RiskAtZ1 => (first, *given, second),
            Self::WeightsAtZ2 | Self::RiskAtZ2 => (first, second, *given),
        };
        let (z, dz) = scratch.cut_mut(d);
        let values = [z1, z2].into_iter().chain(rest.iter().copied());
        z.iter_mut().zip(values).for_each(|(z, value)| *z = value);
        let motion = motion(modes, u, z, dz)?;
        let velocity = |i: usize| dz.get(i).copied().unwrap_or(T::ZERO);
        let (dz1, dz2) = (velocity(0), velocity(1));
        let weights = (motion.u * z1 + u * dz1, motion.u * z2 + u * dz2);
        let ((across, upward), (dx, dy)) = match self {
            Self::UZ2 => ((u, z2), (motion.u, dz2)),
            Self::WeightsOverZ => ((z1, z2), weights),
            Self::WeightsAtZ1 | Self::WeightsAtZ2 => ((u * z1, u * z2), weights),
            Self::RiskAtZ1 => ((z2, motion.risk), (dz2, motion.risk_velocity)),
            Self::RiskAtZ2 => ((z1, motion.risk), (dz1, motion.risk_velocity)),
        };
        let arrow = Arrow { across: dx, upward: dy, risk: motion.risk_velocity };
        Ok(Placed { across, upward, arrow })
    }
}
