//! What the tests share: the reference cases, the table of tolerances, networks, the tangent
//! kernel as arrays, and matrices of arrays.

pub mod kernel;
pub mod net;
pub mod reference;
pub mod tolerances;
mod view;

pub use view::{mat, mat_mut};
