//! Kronecker algebra: sums of products as operators, the nearest sum to a matrix, fits by sketches.

mod fit;
mod nearest;
mod operator;
mod terms;

pub use crate::desktop::factor::Factor;
pub use fit::{Fit, FitSettings, Target, fit};
pub use nearest::{FactorSizes, Nearest, nearest};
pub use operator::{Info, Operator, Square};
pub use terms::{Order, Terms, Vectors};
