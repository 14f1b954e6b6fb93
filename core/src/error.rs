//! What can go wrong, with the place: which argument, which index, which pivot, which layer.
//!
//! One small `Copy` enum per family of operations; those of [`kfac`](crate::kfac::KfacError),
//! [`kron`](crate::kron::KronError), [`curvature`](crate::curvature::CurvatureError) and
//! [`dynamics`](crate::dynamics::DynamicsError) stand with their modules. They grow: match them with
//! a last arm.

use core::fmt;

/// The common form of the error types: `Copy`, `Debug`, `Display`, `core::error::Error` and, with
/// the `defmt` feature, `defmt::Format`.
macro_rules! error_type {
    ($(#[$meta:meta])* pub enum $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum $name { $($body)* }
        impl core::error::Error for $name {}
    };
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub struct $name { $($body)* }
        impl core::error::Error for $name {}
    };
}
#[allow(unused_imports)] // Families live with their modules.
pub(crate) use error_type;

/// A size as the error types carry it; sizes beyond `u32` saturate.
#[inline]
pub(crate) const fn size(n: usize) -> u32 {
    if n > u32::MAX as usize { u32::MAX } else { n as u32 }
}

error_type! {
    /// An argument has the wrong number of rows, columns or values.
    pub struct ShapeError {
        /// Which argument and which of its sizes, e.g. `"x rows"`.
        pub what: &'static str,
        /// The size that was needed.
        pub needed: u32,
        /// The size that was found.
        pub found: u32,
    }
}

impl ShapeError {
    /// `Ok` if the sizes agree.
    ///
    /// # Errors
    /// The error that names `what`.
    #[inline]
    pub const fn check(what: &'static str, needed: usize, found: usize) -> Result<(), Self> {
        if needed == found {
            Ok(())
        } else {
            Err(Self { what, needed: size(needed), found: size(found) })
        }
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: needed {}, found {}", self.what, self.needed, self.found)
    }
}

error_type! {
    /// The scratch slice is too short.
    pub struct ScratchError {
        /// The number of values that the algorithm's scratch function asks for.
        pub needed: u32,
        /// The number of values given.
        pub found: u32,
    }
}

impl ScratchError {
    #[inline]
    pub(crate) const fn new(needed: usize, found: usize) -> Self {
        Self { needed: size(needed), found: size(found) }
    }
}

impl fmt::Display for ScratchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scratch: needed {} values, found {}", self.needed, self.found)
    }
}

error_type! {
    /// A value is infinite or NaN.
    pub struct NonFiniteError {
        /// Which argument.
        pub what: &'static str,
        /// The position in its flat (column-major) storage.
        pub index: u32,
    }
}

impl NonFiniteError {
    /// `Ok` if all `values` are finite.
    ///
    /// # Errors
    /// The error that names `what` and the first offending position.
    pub fn check<T: crate::scalar::Real>(what: &'static str, values: &[T]) -> Result<(), Self> {
        if T::finite(values) {
            return Ok(());
        }
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(index) => Err(Self { what, index: size(index) }),
        }
    }

    /// `Ok` if all entries are finite.
    ///
    /// # Errors
    /// The error that names `what` and the first offending position, as if the columns followed
    /// one another without gaps.
    pub fn check_matrix<T: crate::scalar::Real>(
        what: &'static str,
        m: crate::matrix::Mat<'_, T>,
    ) -> Result<(), Self> {
        // What stands between the columns is nobody's business, but if it is finite too, one pass
        // does.
        if Self::check(what, m.data()).is_ok() {
            return Ok(());
        }
        m.columns().enumerate().try_for_each(|(j, column)| {
            Self::check(what, column).map_err(|e| {
                let before = size(j.saturating_mul(m.rows()));
                Self { index: before.saturating_add(e.index), ..e }
            })
        })
    }
}

/// As [`NonFiniteError::check_matrix`], for a result on its way out: once in an image, whatever is
/// checked.
#[inline(never)]
pub(crate) fn check_result<T: crate::scalar::Real>(
    what: &'static str,
    m: crate::matrix::Mat<'_, T>,
) -> Result<(), NonFiniteError> {
    let mut before = 0_u32;
    for column in m.columns() {
        if !T::finite(column) {
            let at = column.iter().position(|v| !v.is_finite()).map_or(0, size);
            return Err(NonFiniteError { what, index: before.saturating_add(at) });
        }
        before = before.saturating_add(size(column.len()));
    }
    Ok(())
}

impl fmt::Display for NonFiniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: value {} is not finite", self.what, self.index)
    }
}

error_type! {
    /// A factorisation or a decomposition cannot go on.
    pub enum LinalgError {
        /// An argument has the wrong size.
        Shape(ShapeError),
        /// The scratch slice is too short.
        Scratch(ScratchError),
        /// An argument holds an infinity or a NaN.
        NonFinite(NonFiniteError),
        /// A pivot of a symmetric positive definite factorisation is not positive.
        NotPositive {
            /// The index of the pivot.
            pivot: u32,
        },
        /// A pivot of a general factorisation is zero.
        Singular {
            /// The index of the pivot.
            pivot: u32,
        },
        /// An iteration did not converge within its bound.
        NotConverged {
            /// The number of sweeps or iterations made.
            iterations: u32,
        },
        /// The matrix differs from its transpose.
        NotSymmetric {
            /// The row of the first entry that differs.
            row: u32,
            /// Its column.
            col: u32,
        },
    }
}

/// `From` the small errors that every family holds as its first variants.
macro_rules! from_common_errors {
    ($family:ident) => {
        impl From<$crate::error::ShapeError> for $family {
            #[inline]
            fn from(error: $crate::error::ShapeError) -> Self {
                Self::Shape(error)
            }
        }
        impl From<$crate::error::ScratchError> for $family {
            #[inline]
            fn from(error: $crate::error::ScratchError) -> Self {
                Self::Scratch(error)
            }
        }
        impl From<$crate::error::NonFiniteError> for $family {
            #[inline]
            fn from(error: $crate::error::NonFiniteError) -> Self {
                Self::NonFinite(error)
            }
        }
    };
}
#[allow(unused_imports)] // Families live with their modules.
pub(crate) use from_common_errors;
from_common_errors!(LinalgError);

impl fmt::Display for LinalgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(e) => e.fmt(f),
            Self::Scratch(e) => e.fmt(f),
            Self::NonFinite(e) => e.fmt(f),
            Self::NotPositive { pivot } => {
                write!(f, "the matrix is not positive definite: pivot {pivot} is not positive")
            }
            Self::Singular { pivot } => write!(f, "the matrix is singular: pivot {pivot} is zero"),
            Self::NotConverged { iterations } => {
                write!(f, "no convergence after {iterations} iterations")
            }
            Self::NotSymmetric { row, col } => {
                write!(
                    f,
                    "the matrix is not symmetric: entry ({row}, {col}) differs from ({col}, {row})"
                )
            }
        }
    }
}

error_type! {
    /// A network, its parameters or its data do not fit together.
    pub enum NetworkError {
        /// An argument has the wrong size.
        Shape(ShapeError),
        /// The scratch slice is too short.
        Scratch(ScratchError),
        /// An argument holds an infinity or a NaN.
        NonFinite(NonFiniteError),
        /// The network has no layers.
        NoLayers,
        /// A layer has no inputs or no outputs.
        ZeroWidth {
            /// The index of the layer.
            layer: u32,
        },
        /// A layer's inputs are not the outputs of the layer before.
        Chain {
            /// The index of the layer.
            layer: u32,
            /// The outputs of the layer before.
            needed: u32,
            /// The layer's inputs.
            found: u32,
        },
        /// The last layer has an activation: the output is linear by definition.
        OutputActivation,
        /// The batch holds no samples.
        EmptyBatch,
        /// Class labels with a loss that takes values.
        Labels,
        /// A class label is out of range.
        Label {
            /// The sample.
            sample: u32,
            /// The number of classes.
            classes: u32,
        },
        /// Two tapes of the tangent kernel hold gradients in different directions.
        Directions,
        /// The output index is out of range.
        Output {
            /// The number of outputs.
            outputs: u32,
            /// The index found.
            found: u32,
        },
    }
}
from_common_errors!(NetworkError);

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(e) => e.fmt(f),
            Self::Scratch(e) => e.fmt(f),
            Self::NonFinite(e) => e.fmt(f),
            Self::NoLayers => write!(f, "the network has no layers"),
            Self::ZeroWidth { layer } => write!(f, "layer {layer} has width zero"),
            Self::Chain { layer, needed, found } => {
                write!(f, "layer {layer}: needed {needed} inputs, found {found}")
            }
            Self::OutputActivation => {
                write!(f, "the last layer must be linear, found an activation")
            }
            Self::EmptyBatch => write!(f, "the batch holds no samples"),
            Self::Labels => write!(f, "class labels need the cross-entropy loss"),
            Self::Label { sample, classes } => {
                write!(
                    f,
                    "targets: the label of sample {sample} is not below {classes}, the number of outputs"
                )
            }
            Self::Directions => write!(f, "the two tapes hold different directions"),
            Self::Output { outputs, found } => {
                write!(f, "output {found} is out of range: the network has {outputs}")
            }
        }
    }
}
