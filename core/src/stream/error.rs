//! What can go wrong with a stream of samples.

use crate::error::{NonFiniteError, ShapeError, error_type};
use core::fmt;

error_type! {
    /// A sample cannot be taken in, or what was chosen makes no sense.
    pub enum StreamError {
        /// An argument has the wrong size.
        Shape(ShapeError),
        /// An argument holds an infinity or a NaN, or what follows from it would.
        NonFinite(NonFiniteError),
        /// The forgetting factor is not in (0, 1].
        Forgetting,
        /// A weight or a variance of the state is negative.
        Negative {
            /// Its index in the state.
            index: u32,
        },
        /// The first layer has no bias to hold the inputs' mean, or the last none for the outputs'.
        NoBias {
            /// The layer.
            layer: u32,
        },
        /// A choice of the monitor's is out of its range: which.
        Choice {
            /// Which.
            what: &'static str,
        },
    }
}

impl From<ShapeError> for StreamError {
    #[inline]
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

impl From<NonFiniteError> for StreamError {
    #[inline]
    fn from(error: NonFiniteError) -> Self {
        Self::NonFinite(error)
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(e) => e.fmt(f),
            Self::NonFinite(e) => e.fmt(f),
            Self::Forgetting => write!(f, "the forgetting factor must be in (0, 1]"),
            Self::Negative { index } => write!(f, "the state: value {index} is negative"),
            Self::NoBias { layer } => write!(f, "layer {layer} has no bias to hold a mean"),
            Self::Choice { what } => write!(f, "the monitor: {what}"),
        }
    }
}
