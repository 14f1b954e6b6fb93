//! What a caller of the engine is told.
//!
//! A message names arguments as the command line spells them, `--damping`; a front that spells them
//! otherwise puts its own words in their place.

use std::fmt;

use nanocurv::curvature::CurvatureError;
use nanocurv::dynamics::DynamicsError;
use nanocurv::error::{LinalgError, NetworkError, NonFiniteError, ScratchError, ShapeError};
use nanocurv::kfac::KfacError;
use nanocurv::kron::KronError;
use nanocurv::laplace::LaplaceError;

use super::shape::Shape;

/// What a computation gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Arguments that are out of range or do not fit together: which, what was found, what was
    /// needed.
    #[error("{0}")]
    Input(String),
    /// The result has more values than there is memory for.
    #[error(
        "the result of shape {} does not fit into memory; use fewer samples, or a reduction",
        Shape(.shape)
    )]
    Memory {
        /// The result's shape.
        shape: Vec<usize>,
    },
    /// Whoever watches the work asked it to stop.
    #[error("interrupted")]
    Interrupted,
    /// Iterations that came to no end: training that diverged, a solver without convergence.
    #[error("{0}")]
    Divergence(String),
    /// A computation without an answer: a factor that is singular or not positive, with the place.
    #[error("{0}")]
    Numeric(String),
    /// What the core says: shapes, numbers that are not finite, pivots, with the place.
    #[error("{}{}", .0, way_out(.0.as_ref()))]
    Core(Box<dyn std::error::Error + Send + Sync>),
    /// Where it happened: the argument, the step.
    #[error("{place}")]
    At {
        /// The place.
        place: String,
        /// What happened there.
        source: Box<Error>,
    },
}

impl Error {
    /// The error below all places.
    pub fn root(&self) -> &Self {
        match self {
            Self::At { source, .. } => source.root(),
            other => other,
        }
    }

    /// The core's error, if it is of this family.
    pub fn core<E: std::error::Error + 'static>(&self) -> Option<&E> {
        match self.root() {
            Self::Core(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

/// What the core names its results, in errors about one that is not finite.
const RESULTS: [&str; 12] = [
    "outputs",
    "kernel",
    "Jacobian",
    "Gram matrix",
    "loss",
    "gradient",
    "product",
    "curvature",
    "block",
    "sub-matrix",
    "result",
    "solution",
];

/// What to do about a result that is not finite.
pub const OUT_OF_RANGE: &str = "the computation left the range of its arithmetic; scale weights or \
                                data down, or use --dtype f64";

/// What to do about an error of the core, where there is something.
fn way_out(error: &(dyn std::error::Error + 'static)) -> String {
    let text = error.to_string();
    let of_result = RESULTS
        .iter()
        .any(|name| text.strip_prefix(name).is_some_and(|rest| rest.starts_with(": value ")));
    if of_result && text.ends_with("is not finite") {
        format!(": {OUT_OF_RANGE}")
    } else {
        String::new()
    }
}

macro_rules! of_the_core {
    ($($error:ty),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Core(Box::new(error))
            }
        })*
    };
}
of_the_core!(
    CurvatureError,
    DynamicsError,
    KfacError,
    KronError,
    LaplaceError,
    LinalgError,
    NetworkError,
    NonFiniteError,
    ScratchError,
    ShapeError
);

/// Says where an error happened.
pub trait Context<T> {
    /// At `place`.
    ///
    /// # Errors
    /// The error, with its place.
    fn context(self, place: impl fmt::Display) -> Result<T>;

    /// At the place that `place` gives.
    ///
    /// # Errors
    /// The error, with its place.
    fn with_context<P: fmt::Display>(self, place: impl FnOnce() -> P) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, place: impl fmt::Display) -> Result<T> {
        self.with_context(|| place)
    }

    fn with_context<P: fmt::Display>(self, place: impl FnOnce() -> P) -> Result<T> {
        self.map_err(|error| Error::At {
            place: place().to_string(),
            source: Box::new(error.into()),
        })
    }
}

/// Returns an [`Error::Input`] with this message.
macro_rules! bail {
    ($($message:tt)*) => {
        return Err($crate::desktop::error::Error::Input(format!($($message)*)))
    };
}
pub(crate) use bail;

/// Returns an [`Error::Input`] with this message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)*) => {
        if $condition {
        } else {
            $crate::desktop::error::bail!($($message)*);
        }
    };
}
pub(crate) use ensure;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stands_before_what_happened_there() {
        let failed = ShapeError::check("x rows", 3, 2);
        let error = failed.context("--data").unwrap_err();
        assert_eq!(
            format!("{:#}", anyhow::Error::from(error)),
            "--data: x rows: needed 3, found 2"
        );
    }

    #[test]
    fn the_cores_error_is_found_below_its_places() {
        let failed = ShapeError::check("x rows", 3, 2);
        let error = failed.context("layer 1").context("net").unwrap_err();
        assert_eq!(error.core::<ShapeError>().map(|e| (e.needed, e.found)), Some((3, 2)));
        assert_eq!(error.core::<KronError>(), None);
    }
}
