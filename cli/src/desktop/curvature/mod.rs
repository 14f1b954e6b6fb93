//! The curvature of a network's loss, whole or in part: as a matrix, a product, an inverse or an
//! estimate.

mod dense;
mod estimate;
mod gradient;
mod inverse;
mod operator;
mod part;
mod problem;

pub use dense::dense;
pub use estimate::{Estimated, Estimator, Property, Spectrum, density_grid, estimate};
pub use gradient::gradient;
pub use inverse::{InverseDamping, InverseSettings, Solver};
pub use operator::{Curvature, Operator};
pub use part::Part;
pub use problem::{Kind, Problem};
