//! Describe a multilayer perceptron and evaluate it: layers, activations, parameters in PyTorch's
//! order, losses.
//!
//! With its sizes in a type: [`mlp!`](crate::mlp) names a network, which is then a [`Network`] with
//! `LAYERS`, `PARAMS` and the types of its batches. At run time: a slice of [`Layer`] and one of
//! parameters make an [`Mlp`]. Either goes to [`forward`], and to every algorithm of this crate.

pub mod activation;
mod architecture;
mod back;
pub mod layer;
pub mod loss;
pub mod mlp;
pub mod tape;
mod typed;

pub use activation::{Activation, Formula, Jet, evaluate, formula};
pub use architecture::Architecture;
pub use back::{Back, is_back};
pub use layer::Layer;
pub use loss::{Loss, Reduction, Targets, soft_label};
pub use mlp::{Dense, DenseLayer, Mlp, Scale};
pub use tape::{Order, Tape, features, forward, forward_scratch, tape_len};
pub use typed::{AsMat, Network, chain};
