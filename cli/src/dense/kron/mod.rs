//! Kronecker products formed entry by entry, and what dense linear algebra says about them.

mod formed;
mod problem;

pub use formed::{eliminate, kronecker, multiply, nearest, positive_part, transpose};
pub use problem::{FitWitness, check_nearest, operator, sum};
