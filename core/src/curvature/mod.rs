//! The curvature of a network's risk: operators, their sub-matrices, solvers and estimators.
//!
//! | matrix | operator | written out |
//! |---|---|---|
//! | Hessian | [`Hessian`] | [`dense`], [`block`], [`submatrix`] |
//! | generalised Gauss-Newton, type-2 Fisher | [`Ggn`] | the same |
//! | empirical Fisher | [`EmpiricalFisher`] | the same |
//! | Monte-Carlo Fisher | [`MonteCarloFisher`] | the same |
//! | gradient, Jacobian | [`Gradient`], [`Jacobian`] | [`gradient()`], [`to_dense`] |
//! | made of others | [`Identity`], [`Diagonal`], [`Dense`], [`Transpose`], [`Damped`], [`ScaledSum`], [`Chain`], [`Submatrix`] | [`to_dense`] |
//!
//! All of them act on vectors in PyTorch's parameter order, stream any number of mini-batches
//! ([`Risk`]) and give an answer that does not depend on how the data is cut.

mod compose;
mod error;
mod gradient;
mod hessian;
mod jacobian;
mod operator;
mod point;
mod product;
mod risk;
pub mod structured;
mod submatrix;
mod tangent;
#[cfg(test)]
mod tests;

pub use compose::{Chain, Damped, Dense, Diagonal, Identity, ScaledSum, Transpose};
pub use error::{CurvatureError, SolveInfo, Stop, Until};
pub use gradient::{Gradient, gradient, gradient_scratch};
pub use hessian::{
    EmpiricalFisher, Ggn, Hessian, MonteCarloFisher, RiskCurvature, ggn_scratch, hessian_scratch,
};
pub use jacobian::{Jacobian, jacobian_scratch};
pub use operator::{LinearOperator, apply_columns, to_dense, to_dense_scratch};
pub use product::Curvature;
pub use risk::{Batch, Risk};
pub use structured::{Tensor, block, dense, dense_scratch, submatrix, submatrix_scratch};
pub use submatrix::Submatrix;
