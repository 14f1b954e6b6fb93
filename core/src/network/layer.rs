//! A network is its list of layers:
//!
//! ```text
//! x_0 = input,  z_l = s_l W_l x_{l-1} + t_l b_l,  x_l = phi_l(z_l)  (l < L),  f = z_L
//! W_l: outputs x inputs, b_l: outputs; s_l = t_l = 1 unless scales are given
//! ```

use super::activation::Activation;
use crate::error::{NetworkError, size};

/// A dense layer with its activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Layer {
    /// The number of inputs.
    pub inputs: usize,
    /// The number of outputs.
    pub outputs: usize,
    /// Whether the layer has a bias.
    pub bias: bool,
    /// What follows; the last layer's is the identity.
    pub activation: Activation,
}

impl Layer {
    /// A layer with a bias.
    pub const fn new(inputs: usize, outputs: usize, activation: Activation) -> Self {
        Self { inputs, outputs, bias: true, activation }
    }

    /// The same layer, with a bias or without.
    pub const fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// The number of parameters, weights and biases.
    pub const fn params(&self) -> usize {
        self.outputs * self.homogeneous_inputs()
    }

    /// The number of inputs, with the constant one that the bias multiplies.
    pub const fn homogeneous_inputs(&self) -> usize {
        self.inputs + self.bias as usize
    }
}

/// The number of parameters.
pub const fn params(layers: &[Layer]) -> usize {
    let (mut sum, mut l) = (0, 0);
    while l < layers.len() {
        sum += layers[l].params();
        l += 1;
    }
    sum
}

/// The sum of the hidden layers' widths.
pub const fn hidden_units(layers: &[Layer]) -> usize {
    let (mut sum, mut l) = (0, 0);
    while l + 1 < layers.len() {
        sum += layers[l].outputs;
        l += 1;
    }
    sum
}

/// The largest number of outputs of a layer.
pub const fn max_outputs(layers: &[Layer]) -> usize {
    let (mut max, mut l) = (0, 0);
    while l < layers.len() {
        if layers[l].outputs > max {
            max = layers[l].outputs;
        }
        l += 1;
    }
    max
}

/// The largest number of inputs of a layer, the bias's included.
pub const fn max_homogeneous_inputs(layers: &[Layer]) -> usize {
    let (mut max, mut l) = (0, 0);
    while l < layers.len() {
        if layers[l].homogeneous_inputs() > max {
            max = layers[l].homogeneous_inputs();
        }
        l += 1;
    }
    max
}

/// The number of inputs of the network.
pub const fn inputs(layers: &[Layer]) -> usize {
    match layers.first() {
        Some(first) => first.inputs,
        None => 0,
    }
}

/// The number of outputs of the network.
pub const fn outputs(layers: &[Layer]) -> usize {
    match layers.last() {
        Some(last) => last.outputs,
        None => 0,
    }
}

/// `Ok` if the layers follow each other and the last is linear.
///
/// # Errors
/// [`NetworkError::NoLayers`], [`NetworkError::ZeroWidth`], [`NetworkError::Chain`] or
/// [`NetworkError::OutputActivation`].
pub const fn check(layers: &[Layer]) -> Result<(), NetworkError> {
    if layers.is_empty() {
        return Err(NetworkError::NoLayers);
    }
    let mut l = 0;
    while l < layers.len() {
        let layer = layers[l];
        if layer.inputs == 0 || layer.outputs == 0 {
            return Err(NetworkError::ZeroWidth { layer: size(l) });
        }
        if l > 0 && layers[l - 1].outputs != layer.inputs {
            return Err(NetworkError::Chain {
                layer: size(l),
                needed: size(layers[l - 1].outputs),
                found: size(layer.inputs),
            });
        }
        if l + 1 == layers.len() && !matches!(layer.activation, Activation::Identity) {
            return Err(NetworkError::OutputActivation);
        }
        l += 1;
    }
    Ok(())
}
