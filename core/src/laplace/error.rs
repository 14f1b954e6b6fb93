//! What can go wrong with a posterior.

use crate::error::{
    NetworkError, NonFiniteError, ScratchError, ShapeError, error_type, from_common_errors,
};
use crate::kfac::KfacError;
use core::fmt;

error_type! {
    /// A posterior cannot be fitted, tuned, used or carried on.
    pub enum LaplaceError {
        /// An argument has the wrong size.
        Shape(ShapeError),
        /// The scratch or storage slice is too short.
        Scratch(ScratchError),
        /// An argument holds an infinity or a NaN.
        NonFinite(NonFiniteError),
        /// The network, its parameters or its data do not fit together.
        Network(NetworkError),
        /// The curvature cannot be accumulated or decomposed.
        Kfac(KfacError),
        /// A prior precision, its inverse, or for the full structure its ratio to the first is not
        /// finite and positive.
        PriorPrecision {
            /// Its index among the precisions.
            index: u32,
        },
        /// The standard deviation of the noise, or its square, is not finite and positive.
        Noise,
        /// Weights and bias of a layer share a block and cannot have precisions of their own.
        JointBias {
            /// The layer.
            layer: u32,
        },
        /// The ratios of the prior precisions are not those that the full structure was decomposed
        /// at.
        Ratios {
            /// The first parameter whose precision differs.
            index: u32,
        },
        /// No sample has been accumulated.
        NoSamples,
        /// An eigenvalue of the curvature is negative: what was accumulated is no sum of squares.
        Indefinite {
            /// The layer, where the structure has layers.
            layer: u32,
            /// The index of the eigenvalue.
            index: u32,
        },
        /// The forgetting factor is not in (0, 1], what is kept of sums not in [0, 1], or the share
        /// of the average not in (0, 1).
        Forgetting,
        /// The weight of a regression's targets is tuned, but the loss is not the squared error.
        NoiseOfClasses,
        /// The stream has forgotten more than it sees: a variance would leave the finite numbers.
        /// The state is as it was before the call.
        WindUp {
            /// The direction.
            index: u32,
        },
        /// Predictions from draws need one draw at least.
        Draws,
    }
}
from_common_errors!(LaplaceError);

impl From<NetworkError> for LaplaceError {
    #[inline]
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Shape(e) => Self::Shape(e),
            NetworkError::Scratch(e) => Self::Scratch(e),
            NetworkError::NonFinite(e) => Self::NonFinite(e),
            error => Self::Network(error),
        }
    }
}

impl From<KfacError> for LaplaceError {
    #[inline]
    fn from(error: KfacError) -> Self {
        match error {
            KfacError::Shape(e) => Self::Shape(e),
            KfacError::Scratch(e) => Self::Scratch(e),
            KfacError::NonFinite(e) => Self::NonFinite(e),
            KfacError::Network(e) => Self::Network(e),
            error => Self::Kfac(error),
        }
    }
}

impl fmt::Display for LaplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(e) => e.fmt(f),
            Self::Scratch(e) => e.fmt(f),
            Self::NonFinite(e) => e.fmt(f),
            Self::Network(e) => e.fmt(f),
            Self::Kfac(e) => e.fmt(f),
            Self::PriorPrecision { index } => {
                write!(f, "prior precision {index}: must be finite and positive, as its inverse")
            }
            Self::Noise => write!(f, "the noise must be finite and positive"),
            Self::JointBias { layer } => write!(
                f,
                "layer {layer}: weights and bias share a block and need one prior precision"
            ),
            Self::Ratios { index } => write!(
                f,
                "the prior precision of parameter {index} has another ratio to the first than where \
                 the curvature was decomposed"
            ),
            Self::NoSamples => write!(f, "no sample has been accumulated"),
            Self::Indefinite { layer, index } => {
                write!(f, "layer {layer}: eigenvalue {index} of the curvature is negative")
            }
            Self::Forgetting => write!(
                f,
                "a forgetting factor must be in (0, 1], what is kept in [0, 1], a share in (0, 1)"
            ),
            Self::NoiseOfClasses => write!(f, "only the squared error has a noise to tune"),
            Self::WindUp { index } => write!(
                f,
                "more is forgotten than seen: the variance of direction {index} grows without end"
            ),
            Self::Draws => write!(f, "at least one draw is needed"),
        }
    }
}
