//! The engine's networks, losses and targets as the witness sees them.

use nanocurv::network;

use super::{Activation, Layer, Loss, Network, Reduction, Targets};
use crate::desktop::{self, Float};

impl Network {
    /// The same network; its parameters are [`desktop::Network::theta_f64`].
    pub fn of<T: Float>(net: &desktop::Network<T>) -> Self {
        let layers = net.layers().iter().zip(net.factors());
        let layers = layers
            .map(|(layer, (weight_scale, bias_scale))| Layer {
                bias: layer.bias,
                weight_scale: *weight_scale,
                bias_scale: *bias_scale,
                ..Layer::new(layer.inputs, layer.outputs, Activation::of(layer.activation))
            })
            .collect();
        Self { layers }
    }
}

impl Activation {
    /// The activation of the same name.
    ///
    /// # Panics
    /// If there is none here: a defect.
    pub fn of(activation: network::Activation) -> Self {
        activation.name().parse().expect("every activation has its witness")
    }
}

impl Loss {
    /// The same loss.
    ///
    /// # Panics
    /// If there is none here: a defect.
    pub fn of(loss: network::Loss) -> Self {
        match loss {
            network::Loss::Mse => Self::Mse,
            network::Loss::CrossEntropy => Self::CrossEntropy,
            network::Loss::Bce => Self::Bce,
            other => panic!("{other:?} has no witness"),
        }
    }
}

impl Reduction {
    /// The same reduction.
    pub fn of(reduction: network::Reduction) -> Self {
        match reduction {
            network::Reduction::Mean => Self::Mean,
            network::Reduction::Sum => Self::Sum,
        }
    }
}

impl Targets {
    /// The same targets.
    pub fn of<T: Float>(targets: &desktop::Targets<T>) -> Self {
        match targets {
            desktop::Targets::Values(y) => Self::Values(desktop::array::wide(y)),
            desktop::Targets::Labels(y) => Self::Labels(y.iter().map(|y| *y as usize).collect()),
        }
    }
}
