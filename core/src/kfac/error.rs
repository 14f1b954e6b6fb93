//! What can go wrong in the K-FAC family.

use crate::error::{
    LinalgError, NetworkError, NonFiniteError, ScratchError, ShapeError, error_type,
    from_common_errors, size,
};
use core::fmt;

/// Which factor of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Side {
    /// The input factor A.
    Input,
    /// The output factor G.
    Output,
    /// The whole matrix of a full block.
    Whole,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input factor A",
            Self::Output => "output factor G",
            Self::Whole => "full factor",
        })
    }
}

error_type! {
    /// A K-FAC block, its damping or its statistics cannot be computed.
    pub enum KfacError {
        /// An argument has the wrong size.
        Shape(ShapeError),
        /// The scratch or storage slice is too short.
        Scratch(ScratchError),
        /// An argument holds an infinity or a NaN.
        NonFinite(NonFiniteError),
        /// The network, its parameters or its data do not fit together.
        Network(NetworkError),
        /// A factor cannot be factored or decomposed.
        Factor {
            /// The layer, where the factor belongs to a network.
            layer: Option<u32>,
            /// Which factor.
            side: Side,
            /// Why, with the pivot.
            error: LinalgError,
        },
        /// A factor's trace is negative: it is no covariance.
        NegativeTrace {
            /// Which factor.
            side: Side,
        },
        /// The damping is negative, infinite or NaN.
        Damping,
        /// The weight of starting factors is not positive or not finite.
        Weight,
        /// The replication count (renorm, or the number of steps) is not positive.
        Renorm,
        /// An eigenvalue of the damped block, or an entry of the damped diagonal, is not positive
        /// where it is inverted or raised to a fractional power.
        NotPositive {
            /// Its input index.
            row: u32,
            /// Its output index.
            col: u32,
        },
        /// A moving average or a refreshed inverse is used before its first update.
        BeforeFirstUpdate,
    }
}
from_common_errors!(KfacError);

impl From<NetworkError> for KfacError {
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

impl KfacError {
    /// Whether more damping is an answer.
    pub(crate) const fn is_cured_by_damping(&self) -> bool {
        match self {
            Self::Factor { error: LinalgError::NotPositive { .. }, .. }
            | Self::NotPositive { .. } => true,
            Self::NonFinite(e) => matches!(e.what.as_bytes(), b"direction" | b"update"),
            _ => false,
        }
    }

    /// Names the factor of a failed factorisation.
    #[inline]
    pub(crate) fn of(side: Side) -> impl Fn(LinalgError) -> Self {
        move |error| Self::Factor { layer: None, side, error }
    }

    /// Names the layer too.
    #[inline]
    pub(crate) fn in_layer(self, index: usize) -> Self {
        match self {
            Self::Factor { layer: None, side, error } => {
                Self::Factor { layer: Some(size(index)), side, error }
            }
            error => error,
        }
    }
}

impl fmt::Display for KfacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(e) => e.fmt(f),
            Self::Scratch(e) => e.fmt(f),
            Self::NonFinite(e) => e.fmt(f),
            Self::Network(e) => e.fmt(f),
            Self::Factor { layer: Some(layer), side, error } => {
                write!(f, "layer {layer}, {side}: {error}")
            }
            Self::Factor { layer: None, side, error } => write!(f, "{side}: {error}"),
            Self::NegativeTrace { side } => write!(f, "{side}: the trace is negative"),
            Self::Damping => write!(f, "the damping must be finite and not negative"),
            Self::Weight => write!(f, "the weight of the factors must be finite and positive"),
            Self::Renorm => write!(f, "the replication count must be finite and positive"),
            Self::NotPositive { row, col } => {
                write!(f, "the damped block is not positive definite: eigenvalue ({row}, {col})")
            }
            Self::BeforeFirstUpdate => write!(f, "nothing to read before the first update"),
        }
    }
}
