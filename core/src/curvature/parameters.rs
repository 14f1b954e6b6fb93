//! Where a parameter is: its tensor, its unit, its place in its layer.

use super::error::CurvatureError;
use crate::error::size;
use crate::network::Layer;

/// A pre-activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its layer.
    pub layer: usize,
    /// Which of the layer's outputs.
    pub output: usize,
}

impl Unit {
    /// All of a network's.
    pub fn all(layers: &[Layer]) -> impl Iterator<Item = Self> + '_ {
        layers
            .iter()
            .enumerate()
            .flat_map(|(layer, dense)| (0..dense.outputs).map(move |output| Self { layer, output }))
    }

    /// `Ok` if the network has it.
    pub(super) fn check(self, layers: &[Layer]) -> Result<(), CurvatureError> {
        let outputs = layer_at(layers, self.layer)?.outputs;
        if self.output < outputs {
            return Ok(());
        }
        let (index, size) = (size(self.output), size(outputs));
        Err(CurvatureError::Index { list: "outputs", position: 0, index, size })
    }
}

fn layer_at(layers: &[Layer], at: usize) -> Result<&Layer, CurvatureError> {
    let (index, size) = (size(at), size(layers.len()));
    layers.get(at).ok_or(CurvatureError::Index { list: "layers", position: 0, index, size })
}

/// The weights or the biases of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Tensor {
    /// W of a layer, row-major `out x in`.
    Weight(usize),
    /// b of a layer.
    Bias(usize),
}

impl Tensor {
    pub(super) const fn layer(self) -> usize {
        match self {
            Self::Weight(layer) | Self::Bias(layer) => layer,
        }
    }

    /// The tensor's range in the flat parameters.
    ///
    /// # Errors
    /// [`CurvatureError::Index`] for a layer that is not there, [`CurvatureError::NoTensor`] for
    /// the bias of a layer that has none.
    pub fn range(self, layers: &[Layer]) -> Result<core::ops::Range<usize>, CurvatureError> {
        let at = self.layer();
        let layer = layer_at(layers, at)?;
        let start: usize = layers.iter().take(at).map(Layer::params).sum();
        let weights = layer.inputs * layer.outputs;
        match self {
            Self::Weight(_) => Ok(start..start + weights),
            Self::Bias(_) if layer.bias => Ok(start + weights..start + weights + layer.outputs),
            Self::Bias(_) => Err(CurvatureError::NoTensor { layer: size(at) }),
        }
    }
}

/// A parameter by its place in its layer.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub(super) layer: usize,
    pub(super) output: usize,
    /// None for a bias.
    pub(super) input: Option<usize>,
}

impl Parameter {
    pub(super) fn at(layers: &[Layer], mut index: usize) -> Option<Self> {
        for (layer, dense) in layers.iter().enumerate() {
            if index < dense.params() {
                let weights = dense.inputs * dense.outputs;
                return Some(match index.checked_sub(weights) {
                    Some(output) => Self { layer, output, input: None },
                    None => {
                        let inputs = dense.inputs.max(1);
                        Self { layer, output: index / inputs, input: Some(index % inputs) }
                    }
                });
            }
            index -= dense.params();
        }
        None
    }

    pub(super) fn is_of(&self, unit: Unit) -> bool {
        self.layer == unit.layer && self.output == unit.output
    }
}
