//! Velocities of the (u, z) flow on a plane. Equal rates, without the factor 2 of the sum of squares.

use nanocurv::dynamics::field::{Plane, grid_point};
use nanocurv::dynamics::flow::Modes;
use ndarray::Array2;

use crate::desktop::array::{Float, wide, zeros};
use crate::desktop::choice::choices;
use crate::desktop::error::{Context, Result, ensure};

choices! {
    /// The coordinates that span a plane.
    pub enum PlaneName {
        /// u and z1
        UZ1 = "u-z1",
        /// z1 and z2
        Z1Z2 = "z1-z2",
        /// The total weights w1 = u z1 and w2 = u z2
        Total = "total",
        /// As total, and how fast the risk changes
        Risk = "risk",
    }
}

impl PlaneName {
    /// The plane as the core knows it.
    pub const fn plane(self) -> Plane {
        match self {
            Self::UZ1 => Plane::UZ,
            Self::Z1Z2 => Plane::ZZ,
            Self::Total | Self::Risk => Plane::Total,
        }
    }
}

/// A field on a grid: `G x G` numbers, a row per y.
#[derive(Clone, Debug)]
pub struct Field<T> {
    /// The coordinates of both axes.
    pub axis: Vec<T>,
    /// The velocity across.
    pub dx: Array2<T>,
    /// The velocity upward.
    pub dy: Array2<T>,
    /// The velocity of the risk.
    pub dr: Array2<T>,
}

impl<T: Float> Field<T> {
    /// The arrows of `plane`.
    ///
    /// # Errors
    /// The core's.
    pub fn new(
        plane: Plane,
        modes: Modes<'_, T>,
        fixed: &[T],
        (low, high): (T, T),
        grid: usize,
    ) -> Result<Self> {
        ensure!(low < high, "--range: found {low},{high}, needed the lower end first");
        ensure!(grid > 1, "--grid: found {grid}, needed at least 2");
        let d = modes.lambda.len();
        let needed = plane.fixed(d);
        ensure!(
            fixed.len() == needed,
            "--fixed: found {} numbers, needed {needed} on this plane with {d} modes",
            fixed.len()
        );
        let axis: Vec<T> = (0..grid).map(|i| grid_point(low, high, grid, i)).collect();
        let mut z = zeros::<T>(&[d])?;
        let none = Array2::from_elem((grid, grid), T::ZERO);
        let (mut dx, mut dy, mut dr) = (none.clone(), none.clone(), none);
        for (i, y) in axis.iter().enumerate() {
            for (j, x) in axis.iter().enumerate() {
                let arrow = plane.arrow(modes, fixed, *x, *y, &mut z).context("--plane")?;
                dx[(i, j)] = arrow.across;
                dy[(i, j)] = arrow.upward;
                dr[(i, j)] = arrow.risk;
            }
        }
        Ok(Self { axis, dx, dy, dr })
    }

    /// The coordinates of every arrow, in the order of the arrays.
    pub fn places(&self) -> (Vec<f64>, Vec<f64>) {
        let axis = wide(&self.axis);
        axis.iter().flat_map(|y| axis.iter().map(move |x| (*x, *y))).unzip()
    }
}
