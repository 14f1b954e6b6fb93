//! Work on several threads: tiles of the core's algorithms, one the unit of work.

mod curvature;
mod mirror;

pub use curvature::dense;
pub use mirror::mirror_lower;
