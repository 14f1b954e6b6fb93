//! The witness: the definitions written down naively in f64, sample by sample.
//!
//! Nothing here shares code with the core. A network is differentiated by hand-written reverse
//! mode generic over [`Number`], so that the same source run with [`Dual`] numbers gives second
//! derivatives. It is slow and dense on purpose; `--check` and `validate` hold the engine to it.
//! Of the engine it knows what a problem is made of, and nothing that computes.

mod activation;
mod curvature;
mod difference;
pub mod dynamics;
pub mod fisher;
mod jacobian;
pub mod kfac;
pub mod kron;
pub mod laplace;
mod loss;
mod network;
mod ntk;
mod number;
mod problem;
mod reference;
pub mod regression;
mod svd;
mod two_layer;

pub use crate::desktop::kernel::Reduce;
pub use activation::Activation;
pub use curvature::{empirical_fisher, ggn, gradient, hessian};
pub use difference::{Check, Difference};
pub use jacobian::{jacobian, jacobian_by_duals, sample_jacobian};
pub use loss::{Loss, Reduction, Target, Targets};
pub use network::{Layer, Network, Tensor};
pub use ntk::{ntk, ntk_params};
pub use number::{Dual, Number};
pub use reference::{Reference, factors_of};
pub use svd::{Spectrum, spectrum};
pub use two_layer::TwoLayer;

#[cfg(test)]
mod tests;
