//! How the smallest network that has any dynamics learns, two linear layers `f(x) = w2 W1 x`:
//! train it, follow it exactly by fewer numbers, predict it in closed form, find its double descent.
//!
//! With every size in a type, for firmware: [`fixed::dynamics`](crate::fixed::dynamics).
//!
//! ```text
//! X: n x d samples,   y: n targets,   W1: h x d,   w2: 1 x h,   w = W1^T w2^T: d   (the total weight)
//! loss = |y - X w|^2   (a sum, not a mean),   full-batch gradient descent, one rate per layer
//! ```
//! | file | what |
//! |---|---|
//! | [`teacher`] | the linear teacher that makes the data: spectrum, noise, decoupling |
//! | [`train`] | gradient descent on all `h d + h` weights |
//! | [`reduction`] | the same trajectory by `d + 1` numbers, if the start is of rank one |
//! | [`flow`] | gradient flow in the eigenbasis of `X^T X`, what it conserves, its velocity |
//! | [`modes`] | one decoupled mode in closed form |
//! | [`risk`] | the risk of early-stopped regression; turning points of any curve |
//! | [`ensemble`] | the teacher-student risk over random data (Marchenko-Pastur) |
//! | [`field`] | velocity fields on planes |
//! | [`section`] | sections whose arrows stand at total weights or at the risk; the whole flow at a point |
//! | [`spectrum`] | singular values of the Jacobian and the share of each layer, from N x N Grams |
//! | [`measures`] | gradients by layer, ranks, alignment with the data's singular vectors |
//! | [`one_layer`] | gradient descent on the total weight itself, to compare with |
//! | [`standard`] | features in units of their deviation |
//! | [`optimum`] | where training ends: least squares and the minimum-norm interpolant |
//!
//! Data are `d x n` views: a row-major `n x d` array without a copy.

pub mod ensemble;
pub mod field;
pub mod flow;
#[cfg(feature = "std")]
pub(crate) mod host;
pub mod measures;
pub mod modes;
pub mod one_layer;
pub mod optimum;
pub mod reduction;
pub mod risk;
pub mod section;
pub mod spectrum;
pub mod standard;
pub mod teacher;
pub mod train;

use crate::error::{
    LinalgError, NonFiniteError, ScratchError, ShapeError, error_type, from_common_errors,
};
use crate::matrix::Mat;
use crate::scalar::Real;
use core::fmt;

/// The step sizes of the two layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates<T> {
    /// Of `W1`.
    pub first: T,
    /// Of `w2`.
    pub second: T,
}

impl<T: Real> Rates<T> {
    /// The same rate for both layers.
    #[inline]
    pub const fn same(rate: T) -> Self {
        Self { first: rate, second: rate }
    }

    pub(crate) fn check(&self) -> Result<(), NonFiniteError> {
        NonFiniteError::check("rates", &[self.first, self.second])
    }
}

/// The shapes of `x` (`d x n`) and `y`, and that all their values are finite.
pub(crate) fn check_data<T: Real>(x: Mat<'_, T>, y: &[T]) -> Result<(), DynamicsError> {
    ShapeError::check("y", x.cols(), y.len())?;
    if x.cols() == 0 || x.rows() == 0 {
        return Err(DynamicsError::Empty { what: "x" });
    }
    for (j, column) in x.columns().enumerate() {
        NonFiniteError::check("x", column).map_err(|e| NonFiniteError {
            index: e.index.saturating_add(crate::error::size(j * x.rows())),
            ..e
        })?;
    }
    NonFiniteError::check("y", y)?;
    Ok(())
}

error_type! {
    /// A dynamics problem does not fit together, or a run cannot go on.
    pub enum DynamicsError {
        /// An argument has the wrong size.
        Shape(ShapeError),
        /// The scratch slice is too short.
        Scratch(ScratchError),
        /// An argument holds an infinity or a NaN.
        NonFinite(NonFiniteError),
        /// A factorisation or a decomposition cannot go on.
        Linalg(LinalgError),
        /// An argument holds nothing.
        Empty {
            /// Which argument.
            what: &'static str,
        },
        /// An argument is outside of what the formula is made for.
        Domain {
            /// The argument and its condition, e.g. `"alpha > 0"`.
            needed: &'static str,
        },
        /// The weights left the range of finite numbers: the step sizes are too large.
        Diverged {
            /// The number of the first step whose result is not finite, from 1.
            iteration: u64,
        },
        /// The weights are not `W1 = p z^T`, `w2 = u p^T`.
        NotRankOne {
            /// The hidden unit of the entry of `W1` that differs most.
            hidden: u32,
            /// Its input.
            input: u32,
        },
    }
}
from_common_errors!(DynamicsError);

impl From<LinalgError> for DynamicsError {
    fn from(error: LinalgError) -> Self {
        match error {
            LinalgError::Shape(e) => Self::Shape(e),
            LinalgError::Scratch(e) => Self::Scratch(e),
            LinalgError::NonFinite(e) => Self::NonFinite(e),
            e => Self::Linalg(e),
        }
    }
}

impl fmt::Display for DynamicsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(e) => e.fmt(f),
            Self::Scratch(e) => e.fmt(f),
            Self::NonFinite(e) => e.fmt(f),
            Self::Linalg(e) => e.fmt(f),
            Self::Empty { what } => write!(f, "{what} is empty"),
            Self::Domain { needed } => write!(f, "out of the domain: needed {needed}"),
            Self::Diverged { iteration } => {
                write!(f, "training diverged at iteration {iteration}: lower the learning rates")
            }
            Self::NotRankOne { hidden, input } => write!(
                f,
                "the weights are not of rank one: entry ({hidden}, {input}) of the first layer \
                 is not a product of hidden unit and input"
            ),
        }
    }
}
