//! The Laplace posterior: what a network does not know, from its curvature.
//!
//! ```text
//! data, network --accumulate--> sums --decompose--> Spectrum --evidence, maximize--> prior, noise
//!                                                       \-----Posterior::write--> Posterior
//! Posterior --predict--> mean and covariance of the outputs --probit--> probabilities
//!           \-sample---> parameters
//! last layer, sample by sample: Stream;   is the model still right: Novelty
//! ```
//! `posterior N(theta, P^-1)`, `P = h H + delta I`, `H = sum_n J_n^T Lambda_n J_n`, `h = 1 / sigma^2`
//! the inverse noise of a regression, 1 for classes; see [`sums`](accumulate) for the structures.
//! Trained parameters are a maximum of the posterior, so its mean is where they are.
//!
//! The last layer alone is the same of another network: [`Mlp::back`](crate::network::Mlp::back) on
//! the [`features`](crate::network::features) that the layers before it make.
//!
//! MacKay (1992); Ritter, Botev and Barber (2018); Immer, Korzepa and Bauer (2021); Daxberger et al.
//! (2021), whose names are used.

mod classes;
mod error;
mod evidence;
mod novelty;
mod one;
mod posterior;
mod predict;
mod prior;
mod spectrum;
mod stream;
mod sums;
#[cfg(test)]
mod tests;

pub use classes::{
    covariance_root, probabilities_by_draws, probabilities_by_draws_scratch, probit, sample_outputs,
};
pub use error::LaplaceError;
pub use evidence::{Evidence, Fit, Stop, Tuned, Tuning, evidence, maximize, maximize_scratch};
pub use novelty::{Novelty, novelty};
pub use one::predict_one_scratch;
pub use posterior::{Posterior, posterior_len, sample_scratch};
pub use predict::predict_scratch;
pub use prior::{Per, Prior, inverse_noise};
pub use spectrum::{
    Spectrum, correct, correct_scratch, decompose, decompose_scratch, spectrum_len,
};
pub use stream::{Innovation, Stream, stream_len, stream_scratch};
pub use sums::{Structure, accumulate, accumulate_scratch, sums_len};
