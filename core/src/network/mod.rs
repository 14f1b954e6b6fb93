//! Networks: layers, activations, parameters in PyTorch's order, the forward pass, losses; and
//! `mlp!`, which names a network whose sizes the compiler checks.

pub mod activation;
mod architecture;
pub mod layer;
pub mod loss;
pub mod mlp;
pub mod tape;
mod typed;

pub use activation::{Activation, Formula, Jet, evaluate, formula};
pub use architecture::Architecture;
pub use layer::Layer;
pub use loss::{Loss, Reduction, Targets};
pub use mlp::{Dense, DenseLayer, Mlp, Scale};
pub use tape::{Order, Tape, forward, forward_scratch, tape_len};
pub use typed::{AsMat, Network, chain};
