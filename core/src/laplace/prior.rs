//! The prior of the parameters, N(0, 1 / delta), and the noise of a regression.
//!
//! ```text
//! delta    one number for the network, one a layer, or one a tensor (a weight matrix, a bias)
//! sigma    the standard deviation of the observations around the outputs, h = 1 / sigma^2
//! ```

use super::error::LaplaceError;
use super::sums::Structure;
use crate::error::{ShapeError, size};
use crate::kfac::Bias;
use crate::network::Layer;
use crate::scalar::Real;

/// What has a prior precision of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Per {
    /// One for all parameters.
    Network,
    /// One for the weights and the bias of each layer.
    Layer,
    /// One for each weight matrix and one for each bias, in parameter order.
    Tensor,
}

impl Per {
    /// The number of precisions.
    pub const fn count(self, layers: &[Layer]) -> usize {
        match self {
            Self::Network => 1,
            Self::Layer => layers.len(),
            Self::Tensor => {
                let (mut count, mut l) = (0, 0);
                while l < layers.len() {
                    count += 1 + layers[l].bias as usize;
                    l += 1;
                }
                count
            }
        }
    }
}

/// The prior precisions.
#[derive(Clone, Copy, Debug)]
pub struct Prior<'a, T> {
    /// What each belongs to.
    pub per: Per,
    /// delta, [`Per::count`] of them.
    pub precisions: &'a [T],
}

impl<'a, T: Real> Prior<'a, T> {
    /// One precision for the network.
    pub const fn of(precision: &'a T) -> Self {
        Self { per: Per::Network, precisions: core::slice::from_ref(precision) }
    }

    /// `Ok` if the precisions are as many as they must be, finite and positive as their inverses,
    /// and the structure can tell their parameters apart. The ratios to the first of those of the
    /// full structure must be numbers too.
    ///
    /// # Errors
    /// [`LaplaceError::Shape`], [`LaplaceError::PriorPrecision`], [`LaplaceError::JointBias`].
    pub fn check(&self, layers: &[Layer], structure: Structure) -> Result<(), LaplaceError> {
        let (per, found) = (self.per, self.precisions.len());
        ShapeError::check("prior precisions", per.count(layers), found)?;
        let first = match structure {
            Structure::Full => self.precisions.first().copied().unwrap_or(T::ONE),
            _ => T::ONE,
        };
        let good = |d: T| positive(d) && positive(T::ONE / d) && positive(d / first);
        if let Some(index) = self.precisions.iter().position(|d| !good(*d)) {
            return Err(LaplaceError::PriorPrecision { index: size(index) });
        }
        let joint =
            matches!(structure, Structure::Kronecker(Bias::Joint) | Structure::Ekfac(Bias::Joint));
        match layers.iter().position(|l| l.bias) {
            Some(layer) if per == Per::Tensor && joint => {
                Err(LaplaceError::JointBias { layer: size(layer) })
            }
            _ => Ok(()),
        }
    }
}

/// Finite and above zero.
pub(super) fn positive<T: Real>(value: T) -> bool {
    value > T::ZERO && value.is_finite()
}

/// Parameters that have one prior precision: a weight matrix or a bias.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor {
    /// The index of its layer.
    pub(super) layer: usize,
    /// Its number of parameters.
    pub(super) params: usize,
    /// The index of its precision.
    pub(super) group: usize,
}

/// The tensors of a network, in parameter order.
pub(super) fn tensors(layers: &[Layer], per: Per) -> impl Iterator<Item = Tensor> + Clone {
    let weights_and_bias = layers.iter().enumerate().flat_map(|(index, layer)| {
        let bias = layer.bias.then_some((index, layer.outputs));
        core::iter::once((index, layer.inputs * layer.outputs)).chain(bias)
    });
    weights_and_bias.enumerate().map(move |(tensor, (layer, params))| {
        let group = match per {
            Per::Network => 0,
            Per::Layer => layer,
            Per::Tensor => tensor,
        };
        Tensor { layer, params, group }
    })
}

/// `1 / sigma^2`
///
/// # Errors
/// [`LaplaceError::Noise`] unless sigma and the result are finite and positive.
pub fn inverse_noise<T: Real>(sigma: T) -> Result<T, LaplaceError> {
    let h = T::ONE / (sigma * sigma);
    if positive(sigma) && positive(h) { Ok(h) } else { Err(LaplaceError::Noise) }
}
