//! What can go wrong with curvature, and why an iteration stopped.

use crate::error::{
    LinalgError, NetworkError, NonFiniteError, ScratchError, ShapeError, error_type,
    from_common_errors,
};
use crate::kfac::KfacError;
use core::fmt;

error_type! {
    /// A curvature operator, a sub-matrix, a solver or an estimator cannot go on.
    pub enum CurvatureError {
        /// An argument has the wrong size.
        Shape(ShapeError),
        /// The scratch slice is too short.
        Scratch(ScratchError),
        /// An argument holds an infinity or a NaN.
        NonFinite(NonFiniteError),
        /// The network, its data or its targets do not fit together.
        Network(NetworkError),
        /// A small dense problem inside an estimator failed.
        Linalg(LinalgError),
        /// A K-FAC operator cannot be applied.
        Kfac(KfacError),
        /// There are no mini-batches.
        NoBatches,
        /// An index of a list is out of range.
        Index {
            /// Which list: `"rows"` or `"cols"`.
            list: &'static str,
            /// Where in the list.
            position: u32,
            /// The index found.
            index: u32,
            /// The number that it must be below.
            size: u32,
        },
        /// An index appears twice in a list.
        Duplicate {
            /// Which list: `"rows"` or `"cols"`.
            list: &'static str,
            /// Where in the list it appears again.
            position: u32,
            /// The index found.
            index: u32,
        },
        /// A list of indices is empty.
        Empty {
            /// Which list: `"rows"` or `"cols"`.
            list: &'static str,
        },
        /// A count is out of range.
        Count {
            /// Which count.
            what: &'static str,
            /// The smallest value allowed.
            least: u32,
            /// The largest value allowed.
            most: u32,
            /// The value found.
            found: u32,
        },
        /// An operator of the caller's own asked for the end.
        Stopped,
        /// The network has no such parameter tensor: that layer has no bias.
        NoTensor {
            /// The layer.
            layer: u32,
        },
    }
}
from_common_errors!(CurvatureError);

impl From<NetworkError> for CurvatureError {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Shape(e) => Self::Shape(e),
            NetworkError::Scratch(e) => Self::Scratch(e),
            NetworkError::NonFinite(e) => Self::NonFinite(e),
            e => Self::Network(e),
        }
    }
}

impl From<KfacError> for CurvatureError {
    fn from(error: KfacError) -> Self {
        match error {
            KfacError::Shape(e) => Self::Shape(e),
            KfacError::Scratch(e) => Self::Scratch(e),
            KfacError::NonFinite(e) => Self::NonFinite(e),
            KfacError::Network(e) => Self::Network(e),
            e => Self::Kfac(e),
        }
    }
}

impl From<LinalgError> for CurvatureError {
    fn from(error: LinalgError) -> Self {
        match error {
            LinalgError::Shape(e) => Self::Shape(e),
            LinalgError::Scratch(e) => Self::Scratch(e),
            LinalgError::NonFinite(e) => Self::NonFinite(e),
            e => Self::Linalg(e),
        }
    }
}

impl fmt::Display for CurvatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(e) => e.fmt(f),
            Self::Scratch(e) => e.fmt(f),
            Self::NonFinite(e) => e.fmt(f),
            Self::Network(e) => e.fmt(f),
            Self::Linalg(e) => e.fmt(f),
            Self::Kfac(e) => e.fmt(f),
            Self::NoBatches => write!(f, "there are no mini-batches"),
            Self::Index { list, position, index, size } => {
                write!(f, "{list}: entry {position} is {index}, needed an index below {size}")
            }
            Self::Duplicate { list, position, index } => {
                write!(f, "{list}: entry {position} is {index} again, needed distinct indices")
            }
            Self::Empty { list } => write!(f, "{list}: empty, needed at least one index"),
            Self::Count { what, least, most, found } => {
                write!(f, "{what}: needed {least} to {most}, found {found}")
            }
            Self::Stopped => write!(f, "stopped by the operator"),
            Self::NoTensor { layer } => write!(f, "layer {layer} has no bias"),
        }
    }
}

/// Why an iteration stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stop {
    /// The tolerance is met.
    Converged,
    /// The bound on the number of iterations or products is reached.
    Iterations,
    /// The operator or the preconditioner is not what the method needs (for conjugate gradients:
    /// not positive definite along the search direction); the result is the last good iterate.
    Breakdown,
    /// An overflow or a NaN appeared; the result is the last finite iterate.
    NotFinite,
}

/// How a solve or an estimate went.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SolveInfo<T> {
    /// Why it stopped.
    pub stop: Stop,
    /// The number of iterations.
    pub iterations: usize,
    /// The number of products with the operator or its transpose.
    pub products: usize,
    /// The relative residual that the method watches.
    pub residual: T,
}

/// When a solve stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Until<T> {
    /// The relative residual to reach.
    pub tolerance: T,
    /// The number of iterations not to exceed.
    pub iterations: usize,
}
