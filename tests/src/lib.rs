//! What the tests share: the table of tolerances, networks, and the tangent kernel as arrays.

pub mod kernel;
pub mod net;
pub mod tolerances;
