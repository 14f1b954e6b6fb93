//! What arrives sample by sample: raw units made standard, a memory of samples, and a watch on
//! whether they are still like those before.
//!
//! ```text
//! x, y --Standardizer--> network --(y - f)^2 / variance--> Monitor --Raised--> learn from
//!                           \------- Replay <--------------------------------- old and new samples
//! ```
//! All of it is numbers in slices that you place, and goes into a [record](crate::store) as such.
//!
//! | | what it keeps | cost of one sample |
//! |---|---|---|
//! | [`Standardizer`] | mean and variance of each feature | two divisions and five products a feature |
//! | [`Replay`] | the last N samples, or N of all with equal probability | a copy |
//! | [`Monitor`] | one sum of evidence | one product |

mod error;
mod monitor;
mod replay;
mod standardizer;
#[cfg(test)]
mod tests;

pub use error::StreamError;
pub use monitor::{Drift, Monitor};
pub use replay::Replay;
pub use standardizer::{Standardizer, standardizer_len};
