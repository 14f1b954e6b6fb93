//! What the outputs should be, owned.

use nanocurv::network;
use ndarray::{Array2, Axis};

use super::array::{Float, samples};
use super::error::Result;

/// What the outputs should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets<T> {
    /// `N x O`
    Values(Array2<T>),
    /// One class per sample.
    Labels(Vec<u32>),
    /// `N x O`, and a factor for each sample's loss.
    Weighted {
        /// `N x O`
        values: Array2<T>,
        /// N
        weights: Vec<T>,
    },
}

impl<T: Float> Targets<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Values(y) | Self::Weighted { values: y, .. } => y.nrows(),
            Self::Labels(y) => y.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The targets as the core takes them.
    ///
    /// # Errors
    /// If values are not in row-major order.
    pub fn core(&self) -> Result<network::Targets<'_, T>> {
        Ok(match self {
            Self::Values(y) => network::Targets::Values(samples(y.view())?),
            Self::Labels(y) => network::Targets::Labels(y),
            Self::Weighted { values, weights } => {
                network::Targets::Weighted { values: samples(values.view())?, weights }
            }
        })
    }

    /// Those of the given samples, in their order.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        match self {
            Self::Values(y) => Self::Values(y.select(Axis(0), indices)),
            Self::Labels(y) => Self::Labels(indices.iter().map(|i| y[*i]).collect()),
            Self::Weighted { values, weights } => Self::Weighted {
                values: values.select(Axis(0), indices),
                weights: indices.iter().map(|i| weights[*i]).collect(),
            },
        }
    }
}
