//! The posterior of a network: fitted to data, tuned by its evidence, asked for predictions and
//! draws. The numbers are the core's, [`nanocurv::laplace`]; here they are owned, and samples are
//! taken in chunks side by side, so that the data is never in memory as anything but itself.

mod digest;
mod fit;
mod posterior;
mod predict;
mod score;
mod settings;
mod standard;

pub use digest::{Digest, digest};
pub use fit::{Evidence, Fitted, fit};
pub use posterior::{Behind, Posterior};
pub use predict::Prediction;
pub use score::Score;
pub use settings::{LaplaceSettings, PriorPer, StructureKind};
