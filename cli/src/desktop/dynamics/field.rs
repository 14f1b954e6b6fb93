//! Velocities of the (u, z) flow on planes and in space. Equal rates, without the factor 2 of the
//! sum of squares.

use nanocurv::dynamics::field::{Plane, grid_point};
use nanocurv::dynamics::flow::Modes;
use nanocurv::dynamics::section::{Section, motion};
use ndarray::{Array2, Array3};

use crate::desktop::array::{Float, wide, zeros};
use crate::desktop::choice::choices;
use crate::desktop::error::{Context, Result, ensure};

choices! {
    /// The coordinates that span a plane.
    pub enum PlaneName {
        /// u and z1
        UZ1 = "u-z1",
        /// u and z2
        UZ2 = "u-z2",
        /// z1 and z2
        Z1Z2 = "z1-z2",
        /// z1 and z2, with the velocities of the total weights u z1 and u z2
        UZ = "uz",
        /// The total weights w1 = u z1 and w2 = u z2 at fixed u
        Total = "total",
        /// The total weights at fixed z1, over u and z2
        TotalZ1 = "total-z1",
        /// The total weights at fixed z2, over u and z1
        TotalZ2 = "total-z2",
        /// As total, and how fast the risk changes
        Risk = "risk",
        /// z2 and the risk at fixed z1, over u and z2
        RiskZ1 = "risk-z1",
        /// z1 and the risk at fixed z2, over u and z1
        RiskZ2 = "risk-z2",
        /// All three dimensions
        UZ1Z2 = "u-z1-z2",
    }
}

/// How the core knows a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// Arrows stand at the coordinates.
    Plane(Plane),
    /// Arrows may stand elsewhere.
    Section(Section),
    /// No plane: u, z1 and z2.
    Space,
}

impl PlaneName {
    /// The plane as the core knows it.
    pub const fn slice(self) -> Slice {
        match self {
            Self::UZ1 => Slice::Plane(Plane::UZ),
            Self::UZ2 => Slice::Section(Section::UZ2),
            Self::Z1Z2 => Slice::Plane(Plane::ZZ),
            Self::UZ => Slice::Section(Section::WeightsOverZ),
            Self::Total | Self::Risk => Slice::Plane(Plane::Total),
            Self::TotalZ1 => Slice::Section(Section::WeightsAtZ1),
            Self::TotalZ2 => Slice::Section(Section::WeightsAtZ2),
            Self::RiskZ1 => Slice::Section(Section::RiskAtZ1),
            Self::RiskZ2 => Slice::Section(Section::RiskAtZ2),
            Self::UZ1Z2 => Slice::Space,
        }
    }
}

impl Slice {
    /// The number of values to fix for `d` modes.
    pub const fn fixed(self, d: usize) -> usize {
        match self {
            Self::Plane(plane) => plane.fixed(d),
            Self::Section(section) => section.fixed(d),
            Self::Space => d.saturating_sub(2),
        }
    }
}

/// The points of each axis.
fn axis<T: Float>((low, high): (T, T), grid: usize) -> Result<Vec<T>> {
    ensure!(low < high, "--range: found {low},{high}, needed the lower end first");
    ensure!(grid > 1, "--grid: found {grid}, needed at least 2");
    Ok((0..grid).map(|i| grid_point(low, high, grid, i)).collect())
}

fn check_fixed<T>(slice: Slice, fixed: &[T], d: usize) -> Result<()> {
    let (found, needed) = (fixed.len(), slice.fixed(d));
    ensure!(
        found == needed,
        "--fixed: found {found} numbers, needed {needed} on this plane with {d} modes"
    );
    Ok(())
}

/// A field on a grid: `G x G` numbers, a row per y.
#[derive(Clone, Debug)]
pub struct Field<T> {
    /// The coordinates of both axes.
    pub axis: Vec<T>,
    /// Where each arrow stands, if that is not at its coordinates.
    pub at: Option<[Array2<T>; 2]>,
    /// The velocity across.
    pub dx: Array2<T>,
    /// The velocity upward.
    pub dy: Array2<T>,
    /// The velocity of the risk.
    pub dr: Array2<T>,
}

impl<T: Float> Field<T> {
    /// The arrows of a plane.
    ///
    /// # Errors
    /// The core's; space is no plane.
    pub fn new(
        slice: Slice,
        modes: Modes<'_, T>,
        fixed: &[T],
        range: (T, T),
        grid: usize,
    ) -> Result<Self> {
        let axis = axis(range, grid)?;
        let d = modes.lambda.len();
        check_fixed(slice, fixed, d)?;
        let mut memory = zeros::<T>(&[2 * d])?;
        let none = Array2::from_elem((grid, grid), T::ZERO);
        let (mut dx, mut dy, mut dr) = (none.clone(), none.clone(), none.clone());
        let mut at = [none.clone(), none];
        for (i, y) in axis.iter().enumerate() {
            for (j, x) in axis.iter().enumerate() {
                let (place, arrow) = match slice {
                    Slice::Plane(plane) => {
                        ((*x, *y), plane.arrow(modes, fixed, *x, *y, &mut memory[..d]))
                    }
                    Slice::Section(section) => {
                        let placed = section.arrow(modes, fixed, *x, *y, &mut memory);
                        let placed = placed.context("--plane")?;
                        ((placed.across, placed.upward), Ok(placed.arrow))
                    }
                    Slice::Space => {
                        return Err(crate::desktop::Error::Input(
                            "--plane: three dimensions are no plane".to_owned(),
                        ));
                    }
                };
                let arrow = arrow.context("--plane")?;
                (at[0][(i, j)], at[1][(i, j)]) = place;
                dx[(i, j)] = arrow.across;
                dy[(i, j)] = arrow.upward;
                dr[(i, j)] = arrow.risk;
            }
        }
        use Section::{RiskAtZ1, RiskAtZ2, WeightsAtZ1, WeightsAtZ2};
        let elsewhere =
            matches!(slice, Slice::Section(WeightsAtZ1 | WeightsAtZ2 | RiskAtZ1 | RiskAtZ2));
        Ok(Self { axis, at: elsewhere.then_some(at), dx, dy, dr })
    }

    /// The coordinates of every arrow, in the order of the arrays.
    pub fn coordinates(&self) -> (Vec<f64>, Vec<f64>) {
        let axis = wide(&self.axis);
        axis.iter().flat_map(|y| axis.iter().map(move |x| (*x, *y))).unzip()
    }

    /// Where every arrow stands, in the order of the arrays.
    pub fn places(&self) -> (Vec<f64>, Vec<f64>) {
        match &self.at {
            Some([x, y]) => (wide(x), wide(y)),
            None => self.coordinates(),
        }
    }
}

/// The whole flow on a grid of u, z1 and z2: `G x G x G` numbers, at `[k, i, j]` those of the
/// `k`-th z2, the `i`-th z1 and the `j`-th u.
#[derive(Clone, Debug)]
pub struct Space<T> {
    /// The coordinates of all axes.
    pub axis: Vec<T>,
    /// The velocities of u, z1 and z2.
    pub velocities: [Array3<T>; 3],
    /// The velocity of the risk.
    pub dr: Array3<T>,
}

impl<T: Float> Space<T> {
    /// The arrows in space; `fixed` are the further z.
    ///
    /// # Errors
    /// The core's; fewer than two modes.
    pub fn new(modes: Modes<'_, T>, fixed: &[T], range: (T, T), grid: usize) -> Result<Self> {
        let axis = axis(range, grid)?;
        let d = modes.lambda.len();
        ensure!(d > 1, "--lambda: found {d} eigenvalues, needed at least 2 for three dimensions");
        check_fixed(Slice::Space, fixed, d)?;
        zeros::<T>(&[grid, grid, grid])?;
        let none = Array3::from_elem((grid, grid, grid), T::ZERO);
        let mut space = Self {
            axis: axis.clone(),
            velocities: [none.clone(), none.clone(), none.clone()],
            dr: none,
        };
        let (mut z, mut dz) = (zeros::<T>(&[d])?, zeros::<T>(&[d])?);
        z[2..].copy_from_slice(fixed);
        for (k, z2) in axis.iter().enumerate() {
            for (i, z1) in axis.iter().enumerate() {
                for (j, u) in axis.iter().enumerate() {
                    (z[0], z[1]) = (*z1, *z2);
                    let motion = motion(modes, *u, &z, &mut dz).context("--plane")?;
                    let velocities = space.velocities.iter_mut().zip([motion.u, dz[0], dz[1]]);
                    velocities.for_each(|(to, velocity)| to[(k, i, j)] = velocity);
                    space.dr[(k, i, j)] = motion.risk_velocity;
                }
            }
        }
        Ok(space)
    }

    /// The coordinates u, z1, z2 of every arrow, in the order of the arrays.
    pub fn places(&self) -> impl Iterator<Item = [f64; 3]> {
        let axis = wide(&self.axis);
        let n = axis.len();
        (0..n * n * n).map(move |i| [axis[i % n], axis[i / n % n], axis[i / (n * n)]])
    }
}
