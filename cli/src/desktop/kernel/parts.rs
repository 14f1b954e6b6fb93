//! What of a kernel is asked for: which outputs, which parameters.

use std::ops::Range;

use nanocurv::ntk::Component;

use crate::desktop::array::Float;
use crate::desktop::network::Network;

/// What becomes of the output axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// All of them: `(N, O, M, O)`.
    Full,
    /// The sum over equal outputs: `(N, M)`.
    Trace,
    /// The trace divided by `O`.
    Mean,
    /// Equal outputs side by side: `(N, M, O)`.
    Diagonal,
    /// The kernel of the scalar `sum_a f_a / sqrt(O)`: `(N, M)`.
    Pseudo,
    /// One output: `(N, M)`.
    Output(usize),
}

impl Reduce {
    /// The shape of a kernel between `n` and `m` samples.
    pub fn shape(self, n: usize, m: usize, outputs: usize) -> Vec<usize> {
        match self {
            Self::Full => vec![n, outputs, m, outputs],
            Self::Diagonal => vec![n, m, outputs],
            _ => vec![n, m],
        }
    }
}

/// A part of the parameters, whose kernel is a part of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The name of its tensor, or `total`.
    pub name: String,
    /// It as the core knows it.
    pub component: Component,
    /// Its place in the flat parameters.
    pub range: Range<usize>,
}

/// All parameters.
pub fn total<T: Float>(net: &Network<T>) -> Part {
    Part { name: "total".to_owned(), component: Component::Total, range: 0..net.params() }
}

/// Every parameter tensor, and all of them.
pub fn parts<T: Float>(net: &Network<T>) -> Vec<Part> {
    let tensors = net.tensors().into_iter().map(|tensor| Part {
        name: tensor.name,
        component: match tensor.bias {
            true => Component::Bias(tensor.layer),
            false => Component::Weights(tensor.layer),
        },
        range: tensor.range,
    });
    tensors.chain([total(net)]).collect()
}
