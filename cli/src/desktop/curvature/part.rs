//! Which part of a curvature matrix.

use std::collections::HashSet;

use crate::desktop::array::Float;
use crate::desktop::error::{Result, ensure};
use crate::desktop::network::Network;

/// The rows and columns of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    #[default]
    All,
    /// The block of two of the network's parameter tensors, by position.
    Block(usize, usize),
    /// These rows and these columns.
    Lists(Vec<usize>, Vec<usize>),
}

impl Part {
    /// The part of these rows and columns, none of them twice.
    ///
    /// # Errors
    /// If an index is out of range or there again.
    pub fn lists<T: Float>(net: &Network<T>, rows: Vec<usize>, cols: Vec<usize>) -> Result<Self> {
        let p = net.params();
        for (option, list) in [("--rows", &rows), ("--cols", &cols)] {
            let mut seen = HashSet::new();
            for (place, &index) in list.iter().enumerate() {
                ensure!(
                    index < p,
                    "{option}: entry {place} is {index}, needed 0 to {}, as {} has {p} parameters",
                    p - 1,
                    net.name
                );
                ensure!(
                    seen.insert(index),
                    "{option}: entry {place} is {index} again; leave it out"
                );
            }
        }
        Ok(Self::Lists(rows, cols))
    }

    /// The indices of its rows and columns, unless it is all.
    pub fn indices<T: Float>(&self, net: &Network<T>) -> Option<(Vec<usize>, Vec<usize>)> {
        match self {
            Self::All => None,
            Self::Block(rows, cols) => {
                let tensors = net.tensors();
                let of = |tensor: usize| tensors[tensor].range.clone().collect();
                Some((of(*rows), of(*cols)))
            }
            Self::Lists(rows, cols) => Some((rows.clone(), cols.clone())),
        }
    }
}
