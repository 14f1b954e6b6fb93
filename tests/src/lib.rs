//! What the tests share: the reference cases, the table of tolerances, networks, and the tangent
//! kernel as arrays.

pub mod kernel;
pub mod net;
pub mod reference;
pub mod tolerances;
