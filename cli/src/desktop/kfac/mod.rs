//! K-FAC: the Kronecker factors of a network over its data, and one block at a time.

mod block;
mod factors;
mod fisher;
mod series;
mod whole;

pub use block::{BlockDamping, BlockSettings, Product, block};
pub use factors::{CHUNK, LayerFactors, accumulate, factors};
pub use fisher::{Fisher, FisherKind};
pub use series::{Covariances, Model, series};
pub use whole::{diagonal, full};
