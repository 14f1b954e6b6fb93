//! What a file says about a network.

use nanocurv::network::Activation;

use super::dense::Dense;
use crate::desktop::network::{LayerShape, Link, StateDict};

/// A network as a file has it, and what there is to say about how it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkFile {
    /// The layers and their parameters.
    pub state: StateDict,
    /// The activations of the hidden layers, where the format has them.
    pub activations: Option<Vec<Activation>>,
    /// What the file applies to the outputs, which here are before it.
    pub link: Option<Link>,
    /// The order of the layers in words, where their names do not number them.
    pub order: Option<String>,
    /// What was passed over, folded or left out.
    pub notes: Vec<String>,
}

impl From<StateDict> for NetworkFile {
    fn from(state: StateDict) -> Self {
        Self { state, activations: None, link: None, order: None, notes: Vec::new() }
    }
}

/// The state dictionary of layers in order.
pub fn state_dict(layers: Vec<Dense>) -> StateDict {
    let mut state = StateDict { layers: Vec::new(), theta: Vec::new() };
    for layer in layers {
        let (outputs, inputs) = layer.weight.dim();
        let bias = layer.bias.is_some();
        state.theta.extend(layer.weight.iter());
        state.theta.extend(layer.bias.into_iter().flatten());
        state.layers.push(LayerShape { prefix: layer.name, inputs, outputs, bias });
    }
    state
}
