//! A network without its parameters: what training keeps while they move.

use super::activation::{Evaluate, evaluate};
use super::layer::{self, Layer};
use super::mlp::{Mlp, Scale};
use crate::error::{NetworkError, ShapeError};
use crate::scalar::Real;

/// Layers, scales and how activations are evaluated.
#[derive(Clone, Copy)]
pub struct Architecture<'a, T> {
    layers: &'a [Layer],
    scales: &'a [Scale<T>],
    evaluate: Evaluate<T>,
}

impl<'a, T: Real> Architecture<'a, T> {
    /// The standard parameterisation of these layers.
    ///
    /// # Errors
    /// [`NetworkError`] if the layers do not follow each other.
    pub fn new(layers: &'a [Layer]) -> Result<Self, NetworkError> {
        Self::with_evaluate(layers, evaluate)
    }

    /// As [`Architecture::new`], with an evaluation of the activations of one's own.
    ///
    /// # Errors
    /// Those of [`Architecture::new`].
    pub fn with_evaluate(layers: &'a [Layer], evaluate: Evaluate<T>) -> Result<Self, NetworkError> {
        layer::check(layers)?;
        Ok(Self { layers, scales: &[], evaluate })
    }

    /// The same with one scale for each layer.
    ///
    /// # Errors
    /// [`ShapeError`] unless there are as many scales as layers.
    pub fn with_scales(self, scales: &'a [Scale<T>]) -> Result<Self, ShapeError> {
        ShapeError::check("scales", self.layers.len(), scales.len())?;
        Ok(Self { scales, ..self })
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// The layers from `first` on: [`Mlp::back`] without its parameters.
    ///
    /// # Errors
    /// [`NetworkError::NoLayers`] if none is left.
    pub fn back(self, first: usize) -> Result<Self, NetworkError> {
        let (layers, scales) = (self.layers.get(first..), self.scales.get(first..));
        let layers = layers.unwrap_or_default();
        layer::check(layers)?;
        Ok(Self { layers, scales: scales.unwrap_or_default(), ..self })
    }

    /// The network at parameters `theta`.
    ///
    /// # Errors
    /// [`NetworkError`] if their number is wrong or one of them is not finite.
    pub fn at<'t>(&self, theta: &'t [T]) -> Result<Mlp<'t, T>, NetworkError>
    where
        'a: 't,
    {
        let net = Mlp::with_evaluate(self.layers, theta, self.evaluate)?;
        if self.scales.is_empty() { Ok(net) } else { net.with_scales(self.scales) }
    }
}
