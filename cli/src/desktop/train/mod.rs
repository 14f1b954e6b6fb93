//! Training a small network: regression or classification, with a second-order method or another.

mod checkpoint;
mod curve;
mod minimizer;
mod run;
mod samples;
mod settings;
mod standard;
mod view;

pub use checkpoint::{Best, Checkpoint, Run};
pub use curve::{Curve, Row};
pub use minimizer::{Memory, Minimizer};
pub use run::{Trained, train};
pub use samples::{Batches, Score, split};
pub use settings::{OptimizerKind, OptimizerSettings, TrainDamping, TrainSettings, Units};
